// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: reading, creating, writing, resizing and freeing them.
 *
 * The inode on disk is written by vexfs_log_inode() whenever something changed (dirty_inode); there
 * is no write_inode.  The size on disk (core.disk_size) of a file follows i_size only when its data
 * have reached the device (iomap.c).
 *
 * Lock order: i_rwsem, invalidate_lock, folio lock, transaction, core.lock, sbi->orphan_lock.
 */
#include <linux/iomap.h>
#include <linux/pagemap.h>
#include <linux/writeback.h>
#include "fs/fs.h"

static struct kmem_cache *inode_cache;

/* --- writing --- */

int vexfs_inode_access(handle_t *handle, struct inode *inode)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	if (!inode)
		return 0;
	err = vexfs_inode_write(handle, VEXFS_I(inode)->core.fs, inode->i_ino, &buf, &raw);
	if (!err)
		vx_brelse(buf);		/* the transaction keeps it */
	return err;
}

int vexfs_log_inode_locked(handle_t *handle, struct inode *inode, bool datasync)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_fs *fs = vi->core.fs;
	struct vexfs_inode *raw;
	struct timespec64 ts;
	vx_buf *buf;
	int err;

	lockdep_assert_held_write(&vi->core.lock);
	err = vexfs_inode_write(handle, fs, inode->i_ino, &buf, &raw);
	if (err)
		return err;
	if (S_ISDIR(inode->i_mode))		/* the core extends directories */
		i_size_write(inode, vi->core.disk_size);
	inode->i_blocks = vi->core.blocks << (VEXFS_BLOCK_SHIFT - SECTOR_SHIFT);
	vi->core.change = inode_peek_iversion(inode);

	if (test_and_clear_bit(VEXFS_I_FRESH, &vi->state))
		memset(raw, 0, sizeof(*raw));	/* the last owner's xattrs and parents */
	if (le64_to_cpu(raw->i_data_change) != vi->core.data_change) {
		vi->raise_tid = vexfs_tid(handle);
		set_bit(VEXFS_I_RAISED, &vi->state);
	}
	vexfs_inode_store(&vi->core, raw);
	raw->i_mode = cpu_to_le16(inode->i_mode);
	raw->i_uid = cpu_to_le32(i_uid_read(inode));
	raw->i_gid = cpu_to_le32(i_gid_read(inode));
	raw->i_nlink = cpu_to_le32(inode->i_nlink);
	raw->i_rdev = cpu_to_le32(new_encode_dev(inode->i_rdev));
	ts = inode_get_atime(inode);
	raw->i_atime = cpu_to_le64(ts.tv_sec);
	raw->i_atime_nsec = cpu_to_le32(ts.tv_nsec);
	ts = inode_get_mtime(inode);
	raw->i_mtime = cpu_to_le64(ts.tv_sec);
	raw->i_mtime_nsec = cpu_to_le32(ts.tv_nsec);
	ts = inode_get_ctime(inode);
	raw->i_ctime = cpu_to_le64(ts.tv_sec);
	raw->i_ctime_nsec = cpu_to_le32(ts.tv_nsec);
	raw->i_btime = cpu_to_le64(vi->btime.tv_sec);
	raw->i_btime_nsec = cpu_to_le32(vi->btime.tv_nsec);

	err = vexfs_inode_dirty(handle, fs, inode->i_ino, buf, raw);
	vi->sync_tid = handle->h_transaction->t_tid;
	if (datasync)
		vi->datasync_tid = vi->sync_tid;
	return err;
}

int vexfs_log_inode(handle_t *handle, struct inode *inode, bool datasync)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	int err;

	down_write(&core->lock);
	err = vexfs_log_inode_locked(handle, inode, datasync);
	up_write(&core->lock);
	return err;
}

/*
 * Timestamps, mostly.  The VFS has no way to hear of an error, so fsync finds the journal aborted.
 */
void vexfs_dirty_inode(struct inode *inode, int flags)
{
	handle_t *handle;

	if (flags == I_DIRTY_TIME)		/* lazytime: later */
		return;
	handle = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return;
	vexfs_stop(handle, vexfs_log_inode(handle, inode, false));
}

/* --- reading --- */

void vexfs_set_ops(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;

	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		if (core->flags & VEXFS_INODE_METADATA)	/* blocks go through buffer heads only */
			return;
		inode->i_op = &vexfs_file_iops;
		inode->i_fop = &vexfs_file_fops;
		inode->i_mapping->a_ops = &vexfs_aops;
		mapping_set_large_folios(inode->i_mapping);
		break;
	case S_IFDIR:
		inode->i_op = &vexfs_dir_iops;
		inode->i_fop = &vexfs_dir_fops;
		break;
	case S_IFLNK:
		if (inode->i_size < sizeof(core->link)) {
			inode->i_op = &vexfs_symlink_iops;
			inode->i_link = (char *)core->link;
		} else {
			inode->i_op = &vexfs_long_symlink_iops;
			inode->i_mapping->a_ops = &vexfs_aops;
			inode_nohighmem(inode);
		}
		break;
	default:
		inode->i_op = &vexfs_special_iops;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

/* What the core cannot judge.  NULL: fine. */
static const char *check_inode(struct inode *inode)
{
	if (inode->i_size < 0 || inode->i_size > inode->i_sb->s_maxbytes)
		return "size out of range";
	if (S_ISDIR(inode->i_mode) && inode->i_nlink == 1)
		return "directory with one link";
	if (inode->i_ino == VEXFS_ROOT_INO && (!S_ISDIR(inode->i_mode) || !inode->i_nlink))
		return "the root is no directory";
	return NULL;
}

/* Is it what the caller may have? */
static int check_access(struct inode *inode, unsigned int flags)
{
	bool hidden = VEXFS_I(inode)->core.flags & VEXFS_INODE_HIDDEN;

	if (flags & VEXFS_IGET_ORPHAN)
		return 0;
	if (!inode->i_nlink || hidden != !!(flags & VEXFS_IGET_HIDDEN))
		return -ESTALE;
	return 0;
}

static int read_inode(struct inode *inode, unsigned int flags)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_fs *fs = &VEXFS_SB(inode->i_sb)->fs;
	struct vexfs_inode *raw;
	const char *why;
	vx_buf *buf;
	int err;

	err = vexfs_ino_in_use(fs, inode->i_ino);
	if (!err)
		err = vexfs_inode_buf(fs, inode->i_ino, &buf, &raw);
	if (err)
		return err;
	vexfs_inode_load(&vi->core, fs, inode->i_ino, raw);
	inode->i_mode = le16_to_cpu(raw->i_mode);
	i_uid_write(inode, le32_to_cpu(raw->i_uid));
	i_gid_write(inode, le32_to_cpu(raw->i_gid));
	set_nlink(inode, le32_to_cpu(raw->i_nlink));
	inode->i_generation = vi->core.generation;
	inode->i_rdev = new_decode_dev(le32_to_cpu(raw->i_rdev));
	inode->i_size = vi->core.disk_size;
	inode->i_blocks = vi->core.blocks << (VEXFS_BLOCK_SHIFT - SECTOR_SHIFT);
	inode_set_atime(inode, le64_to_cpu(raw->i_atime), le32_to_cpu(raw->i_atime_nsec));
	inode_set_mtime(inode, le64_to_cpu(raw->i_mtime), le32_to_cpu(raw->i_mtime_nsec));
	inode_set_ctime(inode, le64_to_cpu(raw->i_ctime), le32_to_cpu(raw->i_ctime_nsec));
	vi->btime.tv_sec = le64_to_cpu(raw->i_btime);
	vi->btime.tv_nsec = le32_to_cpu(raw->i_btime_nsec);
	vx_brelse(buf);

	inode_set_iversion_queried(inode, vi->core.change);
	if (vi->core.flags & VEXFS_INODE_BOUND)
		set_bit(VEXFS_I_WATCHED, &vi->state);	/* whether it was, nobody remembers */
	/* fsync of an inode that was evicted and read again still waits for its last transaction */
	vi->sync_tid = vi->datasync_tid = vexfs_last_tid(inode->i_sb);
	why = check_inode(inode);
	if (why) {
		vexfs_error(inode->i_sb, "inode %lu: %s", inode->i_ino, why);
		return -EUCLEAN;
	}
	err = check_access(inode, flags);
	if (!err)
		vexfs_set_ops(inode);
	return err;
}

struct inode *vexfs_iget(struct super_block *sb, u64 ino, unsigned int flags)
{
	struct inode *inode;
	int err;

	if (!vexfs_ino_valid(&VEXFS_SB(sb)->fs, ino))
		return ERR_PTR(flags & VEXFS_IGET_HANDLE ? -ESTALE : -EUCLEAN);
	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (inode->i_state & I_NEW) {
		err = read_inode(inode, flags);
		if (err)
			iget_failed(inode);	/* as bad: iput() must not free it */
		else
			unlock_new_inode(inode);
	} else {
		err = check_access(inode, flags);
		if (err)
			iput(inode);
	}
	if (err == -ESTALE && !(flags & VEXFS_IGET_HANDLE))
		err = -EUCLEAN;
	return err ? ERR_PTR(err) : inode;
}

/* --- creating --- */

struct inode *vexfs_new_inode(handle_t *handle, struct inode *dir, umode_t mode,
			      struct mnt_idmap *idmap, u32 flags)
{
	struct super_block *sb = dir->i_sb;
	struct vexfs_inode_info *vi;
	struct vexfs_fs *fs = &VEXFS_SB(sb)->fs;
	struct inode *inode;
	u32 generation;
	u64 ino;
	int err;

	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	vi = VEXFS_I(inode);
	if (flags & VEXFS_INODE_HIDDEN) {	/* nobody's file: no permission, no inheritance */
		inode->i_mode = mode;
		i_uid_write(inode, 0);
		i_gid_write(inode, 0);
	} else {
		inode_init_owner(idmap, inode, dir, mode);
	}
	err = vexfs_alloc_ino(handle, fs, dir->i_ino, S_ISDIR(mode), &ino, &generation);
	if (err)
		goto bad;
	inode->i_ino = ino;
	inode->i_generation = generation;
	vi->core.fs = fs;
	vi->core.ino = ino;
	vi->core.generation = generation;
	vi->core.flags = flags | (S_ISDIR(mode) ? VEXFS_INODE_METADATA : 0);
	vi->core.parent = dir->i_ino;
	vi->core.parent_generation = dir->i_generation;
	vi->core.collection = vexfs_collection_of(dir);
	vi->core.change = 1;
	inode_set_iversion_queried(inode, 1);
	vi->btime = inode_set_ctime_current(inode);
	inode_set_mtime_to_ts(inode, vi->btime);
	inode_set_atime_to_ts(inode, vi->btime);
	set_nlink(inode, S_ISDIR(mode) ? 2 : 1);
	set_bit(VEXFS_I_FRESH, &vi->state);
	set_bit(VEXFS_I_MADE, &vi->state);
	err = vexfs_inode_access(handle, inode);	/* so that it can be logged */
	if (!err && insert_inode_locked(inode)) {
		vexfs_error(sb, "inode %llu is marked free and in use", ino);
		err = -EUCLEAN;
	}
	if (err) {
		vexfs_free_ino(handle, fs, ino, S_ISDIR(mode));
		goto bad;
	}
	vexfs_set_ops(inode);
	return inode;
bad:
	make_bad_inode(inode);
	iput(inode);			/* not hashed and bad: evict starts no transaction */
	return ERR_PTR(err);
}

int vexfs_abandon_new(handle_t *handle, struct inode *inode, int err)
{
	int undo;

	clear_nlink(inode);
	undo = vexfs_log_inode(handle, inode, false) ?: vexfs_orphan_link(handle, inode);
	if (undo)
		make_bad_inode(inode);
	unlock_new_inode(inode);
	return undo ? vexfs_finish(handle, inode->i_sb, err) : vexfs_stop(handle, err);
}

struct inode *vexfs_new_hidden(handle_t *handle, struct inode *dir, u32 flags)
{
	struct inode *inode;
	int err;

	if (flags & ~VEXFS_INODE_METADATA)
		return ERR_PTR(-EINVAL);
	inode = vexfs_new_inode(handle, dir, S_IFREG, &nop_mnt_idmap, flags | VEXFS_INODE_HIDDEN);
	if (IS_ERR(inode))
		return inode;
	err = vexfs_log_inode(handle, inode, false);
	if (err) {			/* the journal is gone: give back memory only */
		make_bad_inode(inode);
		unlock_new_inode(inode);
		iput(inode);
		return ERR_PTR(err);
	}
	unlock_new_inode(inode);
	return inode;
}

int vexfs_unlink_hidden(handle_t *handle, struct inode *inode)
{
	int err;

	if (!(VEXFS_I(inode)->core.flags & VEXFS_INODE_HIDDEN))
		return -EINVAL;
	err = vexfs_orphan_link(handle, inode);
	if (err)
		return err;
	clear_nlink(inode);
	return vexfs_log_inode(handle, inode, false);
}

static struct inode *new_orphan(struct inode *dir, u32 flags)
{
	handle_t *handle = vexfs_start(dir->i_sb, VEXFS_NEW_CREDITS + VEXFS_FREE_CREDITS);
	struct inode *inode;
	int err;

	if (IS_ERR(handle))
		return ERR_CAST(handle);
	inode = vexfs_new_hidden(handle, dir, flags);
	if (IS_ERR(inode)) {
		vexfs_stop(handle, 0);
		return inode;
	}
	err = vexfs_finish(handle, dir->i_sb, vexfs_unlink_hidden(handle, inode));
	if (!err)
		return inode;
	iput(inode);
	return ERR_PTR(err);
}

struct inode *vexfs_new_orphan(struct inode *dir, u32 flags)
{
	struct inode *inode;
	int retries = 0;

	do
		inode = new_orphan(dir, flags);
	while (IS_ERR(inode) && vexfs_retry_alloc(dir->i_sb, PTR_ERR(inode), &retries));
	return inode;
}

int vexfs_adopt_hidden(handle_t *handle, struct inode *inode)
{
	int err = vexfs_orphan_unlink(handle, inode);

	if (err)
		return err;
	set_nlink(inode, 1);
	return vexfs_log_inode(handle, inode, false);
}

/* --- size --- */

int vexfs_free_from(struct inode *inode, u32 from)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	handle_t *handle;
	int err, e2;

	do {
		cond_resched();
		handle = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_FREE_CREDITS);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		down_write(&core->lock);
		/* first, so that logging it again needs no credit that the core has used up */
		err = vexfs_log_inode_locked(handle, inode, true);
		if (!err) {
			err = vexfs_extent_truncate(handle, core, from);
			e2 = vexfs_log_inode_locked(handle, inode, true);
			if (!err || err == -EAGAIN)
				err = e2 ?: err;
		}
		up_write(&core->lock);
		e2 = vexfs_stop(handle, 0);
		if (!err || err == -EAGAIN)
			err = e2 ?: err;
	} while (err == -EAGAIN);
	return err;
}

/* i_rwsem and invalidate_lock held. */
static int grow(struct inode *inode, loff_t size)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	loff_t old = i_size_read(inode), disk = READ_ONCE(core->disk_size);
	bool zeroed = false;
	handle_t *handle;
	int err;

	err = iomap_zero_range(inode, old, size - old, &zeroed, &vexfs_iomap_ops);
	/*
	 * What was appended before, and the zeros in the block where the file ended, reach the
	 * device before the new size does: else a crash brings back what a truncate cut off.
	 */
	if (!err && (zeroed || disk < old))
		err = filemap_write_and_wait_range(inode->i_mapping, disk, old);
	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	down_write(&core->lock);
	i_size_write(inode, size);
	core->disk_size = size;
	err = vexfs_log_inode_locked(handle, inode, true);
	up_write(&core->lock);
	err = vexfs_stop(handle, err);
	pagecache_isize_extended(inode, old, size);
	return err;
}

static int shrink(struct inode *inode, loff_t size)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	loff_t disk = READ_ONCE(vi->core.disk_size);
	bool zeroed = false;
	handle_t *handle;
	int err, e2;

	err = iomap_truncate_page(inode, size, &zeroed, &vexfs_iomap_ops);
	/* as in grow(): a size is for data that are on the device, and for zeros behind them */
	if (!err && (zeroed || disk < size))
		err = filemap_write_and_wait_range(inode->i_mapping, min(disk, size), size);
	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_orphan_link(handle, inode);
	if (!err) {
		/* against I/O completion, which raises disk_size to i_size */
		down_write(&vi->core.lock);
		i_size_write(inode, size);
		vi->core.disk_size = size;
		err = vexfs_log_inode_locked(handle, inode, true);
		up_write(&vi->core.lock);
	}
	err = vexfs_stop(handle, err);
	if (err)
		return err;
	if (!size)
		set_bit(VEXFS_I_EMPTIED, &vi->state);
	/* waits for writeback, and so for its conversions */
	truncate_pagecache(inode, size);
	err = vexfs_free_from(inode, DIV_ROUND_UP_ULL(size, VEXFS_BLOCK_SIZE));
	if (!err) {
		clear_bit(VEXFS_I_PREALLOC, &vi->state);
		vi->keep = 0;
	}
	if (!inode->i_nlink)			/* that is for evict */
		return err;
	/*
	 * After an error, too: what is left behind the end is hidden, and goes with the next
	 * truncate or with the file.
	 */
	e2 = vexfs_orphan_done(inode);
	return err ?: e2;
}

int vexfs_setsize(struct inode *inode, loff_t size)
{
	loff_t old = i_size_read(inode);
	int err;

	if (size != old)
		vexfs_data_changed(inode);
	filemap_invalidate_lock(inode->i_mapping);
	err = size > old ? grow(inode, size) : shrink(inode, size);
	filemap_invalidate_unlock(inode->i_mapping);
	vexfs_file_changed(inode);
	return err;
}

/* --- attributes --- */

int vexfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	handle_t *handle;
	int err;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		if (!S_ISREG(inode->i_mode))
			return -EINVAL;
		/* ftruncate(2) asks for new times, truncate(2) only if the size changes */
		if (attr->ia_size != i_size_read(inode))
			attr->ia_valid |= ATTR_MTIME | ATTR_CTIME;
		err = vexfs_setsize(inode, attr->ia_size);
		if (err)
			return err;
	}
	handle = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode_inc_iversion(inode);
	setattr_copy(idmap, inode, attr);
	err = vexfs_stop(handle, vexfs_log_inode(handle, inode, attr->ia_valid & ATTR_SIZE));
	if (attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		vexfs_file_changed(inode);
	return err;
}

int vexfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat, u32 mask,
		  unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	if (mask & STATX_BTIME) {
		stat->result_mask |= STATX_BTIME;
		stat->btime = VEXFS_I(inode)->btime;
	}
	generic_fillattr(idmap, mask, inode, stat);
	stat->blksize = VEXFS_BLOCK_SIZE;
	return 0;
}

/* --- freeing --- */

/* Blocks, then the inode.  What fails here stays on the orphan list, for the next mount. */
static int free_unlinked(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	bool link = S_ISLNK(inode->i_mode) && !core->entries && !core->depth;
	handle_t *handle;
	int err = 0;

	if (core->blocks && !link)
		err = vexfs_free_from(inode, 0);
	if (err)
		return err;
	handle = vexfs_start(inode->i_sb, VEXFS_FREE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_free_ino_prepare(handle, core->fs, inode->i_ino, S_ISDIR(inode->i_mode));
	if (!err)
		err = vexfs_orphan_unlink(handle, inode);
	if (!err)
		err = vexfs_free_ino(handle, core->fs, inode->i_ino, S_ISDIR(inode->i_mode));
	return vexfs_stop(handle, err);
}

void vexfs_evict_inode(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	bool drop = !inode->i_nlink && !is_bad_inode(inode) && !sb_rdonly(inode->i_sb);
	/* a transaction is protection already */
	bool protect = drop && !journal_current_handle();
	int err = 0;

	if (protect)
		sb_start_intwrite(inode->i_sb);
	if (drop && vexfs_is_collection(inode))
		err = vexfs_collection_free(inode);
	/* waits for writeback, and so for conversions */
	truncate_inode_pages_final(&inode->i_data);
	if (drop && !err)
		err = free_unlinked(inode);
	if (protect)
		sb_end_intwrite(inode->i_sb);
	if (err && !vexfs_is_shutdown(inode->i_sb) && !test_bit(VEXFS_SBI_MOUNTING, &sbi->flags))
		vexfs_msg(KERN_WARNING, inode->i_sb,
			  "inode %lu was not freed (error %d): the next mount will try again",
			  inode->i_ino, err);
	if (S_ISDIR(inode->i_mode) && !is_bad_inode(inode))
		vexfs_collection_evict(inode);

	mutex_lock(&sbi->orphan_lock);
	if (!list_empty(&vi->orphan)) {
		/* it stays on the list on disk */
		sbi->orphan_gaps = true;
		sbi->orphan_err = err;
		list_del_init(&vi->orphan);
	}
	mutex_unlock(&sbi->orphan_lock);
	clear_inode(inode);
}

/* --- memory --- */

struct inode *vexfs_alloc_inode(struct super_block *sb)
{
	struct vexfs_inode_info *vi = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);

	if (!vi)
		return NULL;
	memset(&vi->core, 0, sizeof(vi->core));
	init_rwsem(&vi->core.lock);
	spin_lock_init(&vi->io_lock);
	INIT_LIST_HEAD(&vi->io_ends);
	INIT_WORK(&vi->io_work, vexfs_io_work);
	INIT_LIST_HEAD(&vi->orphan);
	vi->sync_tid = vi->datasync_tid = 0;
	vi->state = 0;
	vi->keep = 0;
	atomic_set(&vi->binding, 0);
	vi->coll = NULL;
	return &vi->vfs_inode;
}

void vexfs_free_inode(struct inode *inode)
{
	kmem_cache_free(inode_cache, VEXFS_I(inode));
}

static void init_once(void *p)
{
	inode_init_once(&((struct vexfs_inode_info *)p)->vfs_inode);
}

int vexfs_inode_cache_init(void)
{
	/* readlink(2) copies short targets straight from the inode */
	inode_cache = kmem_cache_create_usercopy("vexfs_inode", sizeof(struct vexfs_inode_info), 0,
						 SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
						 offsetof(struct vexfs_inode_info, core.link),
						 sizeof_field(struct vexfs_inode_info, core.link),
						 init_once);
	return inode_cache ? 0 : -ENOMEM;
}

void vexfs_inode_cache_exit(void)
{
	rcu_barrier();			/* free_inode runs after a grace period */
	kmem_cache_destroy(inode_cache);
}
