// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files: reading, writing, mapping, preallocating, syncing.
 *
 * There is no direct I/O: open(O_DIRECT) is EINVAL, as on every filesystem without it.
 *
 * Lock order: i_rwsem, invalidate_lock, folio lock, transaction.
 */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include "fs/fs.h"
#include "ioctl/door.h"

/*
 * Writeback of a page ends after the transaction that made its block readable was started, so the
 * tid that is read afterwards covers it.  Directories have no pages, and a collection has records
 * besides.
 */
int vexfs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	err = file_write_and_wait_range(file, start, end);
	if (err)
		return err;
	if (sb_rdonly(inode->i_sb))
		return 0;
	if (vexfs_is_collection(inode)) {
		err = vexfs_collection_sync(inode);
		if (err)
			return err;
	}
	return vexfs_commit_barrier(inode->i_sb, datasync ? READ_ONCE(vi->datasync_tid) :
							    READ_ONCE(vi->sync_tid));
}

/* What is cached is not read from a device that is gone; after an error, reads go on. */
static ssize_t vexfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	if (vexfs_is_gone(file_inode(iocb->ki_filp)->i_sb))
		return -EIO;
	return generic_file_read_iter(iocb, to);
}

static ssize_t vexfs_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
				 size_t len, unsigned int flags)
{
	if (vexfs_is_gone(file_inode(in)->i_sb))
		return -EIO;
	return filemap_splice_read(in, pos, pipe, len, flags);
}

static ssize_t write_some(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t size;
	ssize_t n;

	inode_lock(inode);
	n = generic_write_checks(iocb, from);
	if (n <= 0)
		goto out;
	n = file_modified(iocb->ki_filp);
	if (n)
		goto out;
	/* before: what is dirty is written back at any time; and no binding comes between */
	vexfs_data_changed(inode);
	size = i_size_read(inode);
	/* what lies between may hold what a mapping wrote past EOF */
	if (iocb->ki_pos > size) {
		n = iomap_zero_range(inode, size, iocb->ki_pos - size, NULL, &vexfs_iomap_ops);
		if (n)
			goto out;
	}
	n = iomap_file_buffered_write(iocb, from, &vexfs_iomap_ops, NULL);
out:
	inode_unlock(inode);
	return n;
}

static ssize_t vexfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;
	ssize_t n;

	if (vexfs_is_shutdown(sb))
		return -EIO;
	do
		n = write_some(iocb, from);
	while (n == -ENOSPC && vexfs_checkpoints_drop(sb));
	return n > 0 ? generic_write_sync(iocb, n) : n;
}

static loff_t vexfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	switch (whence) {
	case SEEK_HOLE:
	case SEEK_DATA:
		inode_lock_shared(inode);
		offset = whence == SEEK_HOLE ? iomap_seek_hole(inode, offset, &vexfs_iomap_ops) :
					       iomap_seek_data(inode, offset, &vexfs_iomap_ops);
		inode_unlock_shared(inode);
		return offset < 0 ? offset : vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
	}
	return generic_file_llseek(file, offset, whence);
}

static vm_fault_t page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret;

	if (vexfs_is_shutdown(inode->i_sb))
		return VM_FAULT_SIGBUS;
	sb_start_pagefault(inode->i_sb);
	file_update_time(vmf->vma->vm_file);
	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = iomap_page_mkwrite(vmf, &vexfs_iomap_ops);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	/* the folio is locked: a binding that follows waits for it and takes the mapping away */
	if (ret & VM_FAULT_LOCKED)
		vexfs_data_changed(inode);
	sb_end_pagefault(inode->i_sb);
	return ret;
}

static const struct vm_operations_struct vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= page_mkwrite,
};

static int vexfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vexfs_is_shutdown(file_inode(file)->i_sb))
		return -EIO;
	file_accessed(file);
	vma->vm_ops = &vm_ops;
	return 0;
}

/* Modes 0 and FALLOC_FL_KEEP_SIZE.  After -ENOSPC or -EINTR what was allocated stays. */
static long vexfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	loff_t end = offset + len;
	u64 at, last;
	long err;

	if (mode & ~FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP;
	inode_lock(inode);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		err = inode_newsize_ok(inode, end);
	else
		err = end > inode->i_sb->s_maxbytes ? -EFBIG : 0;
	if (!err)
		err = file_modified(file);
	if (err)
		goto out;
	at = offset >> VEXFS_BLOCK_SHIFT;
	last = DIV_ROUND_UP_ULL(end, VEXFS_BLOCK_SIZE);
	vi->keep = max_t(u32, vi->keep, last);
	do
		err = vexfs_ensure_alloc(inode, at, last - at);
	while (err == -ENOSPC && vexfs_checkpoints_drop(inode->i_sb));
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		err = vexfs_setsize(inode, end);
out:
	inode_unlock(inode);
	if (!err && (file->f_flags & O_DSYNC))
		err = vexfs_fsync(file, offset, end - 1, !(file->f_flags & __O_SYNC));
	return err;
}

static int vexfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	int err;

	inode_lock_shared(inode);
	err = iomap_fiemap(inode, info, start, min_t(u64, len, inode->i_sb->s_maxbytes),
			   &vexfs_iomap_ops);
	inode_unlock_shared(inode);
	return err;
}

/* Is a block from `from` on allocated, as far as one look tells? */
static bool has_blocks(struct inode *inode, u32 from)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct vexfs_map map;
	int err;

	down_read(&core->lock);
	err = vexfs_extent_lookup(core, from, &map);
	up_read(&core->lock);
	return !err && (map.pblk || (u64)map.lblk + map.len < U32_MAX);
}

/*
 * A file that was emptied and written again is on its way to the device when it is closed, and not
 * only when its pages have become old: its old contents are gone with the next commit.
 *
 * The last writer gives back what was allocated ahead.  Failing is harmless: the next truncate or
 * unlink frees it.
 */
static int vexfs_release(struct inode *inode, struct file *file)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 from;

	if (!(file->f_mode & FMODE_WRITE) || vexfs_is_shutdown(inode->i_sb))
		return 0;
	if (test_and_clear_bit(VEXFS_I_EMPTIED, &vi->state))
		filemap_flush(inode->i_mapping);
	if (!test_bit(VEXFS_I_PREALLOC, &vi->state) || atomic_read(&inode->i_writecount) != 1)
		return 0;
	inode_lock(inode);
	if (test_and_clear_bit(VEXFS_I_PREALLOC, &vi->state)) {
		from = DIV_ROUND_UP_ULL(i_size_read(inode), VEXFS_BLOCK_SIZE);
		from = max_t(u64, from, vi->keep);
		if (has_blocks(inode, from)) {
			sb_start_intwrite(inode->i_sb);
			vexfs_free_from(inode, from);
			sb_end_intwrite(inode->i_sb);
		}
	}
	inode_unlock(inode);
	return 0;
}

const struct file_operations vexfs_file_fops = {
	.owner		= THIS_MODULE,
	.open		= generic_file_open,
	.release	= vexfs_release,
	.llseek		= vexfs_llseek,
	.read_iter	= vexfs_read_iter,
	.write_iter	= vexfs_write_iter,
	.mmap		= vexfs_mmap,
	.fsync		= vexfs_fsync,
	.fallocate	= vexfs_fallocate,
	.splice_read	= vexfs_splice_read,
	.splice_write	= iter_file_splice_write,
	.unlocked_ioctl	= vexfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

const struct inode_operations vexfs_file_iops = {
	.setattr	= vexfs_setattr,
	.getattr	= vexfs_getattr,
	.fiemap		= vexfs_fiemap,
};
