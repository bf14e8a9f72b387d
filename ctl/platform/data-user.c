// SPDX-License-Identifier: GPL-2.0
/*
 * Data of regular files in user space.  A write allocates what is a hole, writes the blocks, and
 * converts them and raises the size in a transaction, before it returns: there is nothing to write
 * back.
 *
 * Locks: i_rwsem, then a transaction and core.lock.
 */
#include "host.h"

static u64 blocks_of(u64 bytes)
{
	return DIV_ROUND_UP_ULL(bytes, VEXFS_BLOCK_SIZE);
}

ssize_t vexfs_data_read(struct inode *inode, void *to, size_t n, u64 pos)
{
	struct vexfs_dev *dev = VEXFS_SB(inode->i_sb)->dev;
	u64 size = i_size_read(inode);
	u8 block[VEXFS_BLOCK_SIZE];
	struct vexfs_where w = { };
	size_t done, len;
	int err;

	if (pos >= size)
		return 0;
	n = min_t(u64, n, size - pos);
	for (done = 0; done < n; done += len, pos += len, w.len--, w.pblk++) {
		u32 off = pos % VEXFS_BLOCK_SIZE, lblk = pos >> VEXFS_BLOCK_SHIFT;

		len = min_t(size_t, n - done, VEXFS_BLOCK_SIZE - off);
		err = w.len ? 0 : vexfs_locate(inode, lblk, U32_MAX - lblk, &w);
		if (!err && w.valid)
			err = vexfs_dev_read(dev, w.pblk, block);
		if (err)
			return done ? (ssize_t)done : err;
		if (w.valid)
			memcpy((char *)to + done, block + off, len);
		else
			memset((char *)to + done, 0, len);
	}
	return n;
}

/* What records remember of the file is in the log before its data are on the device. */
static int will_change(struct inode *inode)
{
	bool watched = test_bit(VEXFS_I_WATCHED, &VEXFS_I(inode)->state);

	vexfs_data_changed(inode);
	return watched ? vexfs_log_commit(VEXFS_SB(inode->i_sb)->log) : 0;
}

/* The file ends, or ended, at `size`: the rest of its block shall be zeros. */
static int zero_tail(struct inode *inode, u64 size)
{
	static const u8 zeros[VEXFS_BLOCK_SIZE];
	u32 off = size % VEXFS_BLOCK_SIZE;
	struct vexfs_where w;
	int err;

	if (!off)
		return 0;
	err = vexfs_locate(inode, size >> VEXFS_BLOCK_SHIFT, 1, &w);
	if (err || !w.valid)
		return err;
	return vexfs_write_part(inode, &w, off, zeros, VEXFS_BLOCK_SIZE - off);
}

/* The blocks were allocated.  *fresh: some are unwritten extents. */
static int write_blocks(struct inode *inode, const void *from, size_t n, u64 pos, bool *fresh)
{
	struct vexfs_where w;
	size_t done, len;
	int err = 0;

	for (done = 0; done < n && !err; done += len, pos += len) {
		u32 off = pos % VEXFS_BLOCK_SIZE;

		len = min_t(size_t, n - done, VEXFS_BLOCK_SIZE - off);
		err = vexfs_locate(inode, pos >> VEXFS_BLOCK_SHIFT, 1, &w);
		if (!err && !w.pblk)
			err = -EIO;
		*fresh |= !err && !w.written;
		err = err ?: vexfs_write_part(inode, &w, off, (const char *)from + done, len);
	}
	return err;
}

ssize_t vexfs_data_write(struct inode *inode, const void *from, size_t n, u64 pos)
{
	u64 size = i_size_read(inode), end, first = pos >> VEXFS_BLOCK_SHIFT, last;
	bool fresh = false;
	int err;

	if (!n)
		return 0;
	if (n > SSIZE_MAX || pos > inode->i_sb->s_maxbytes || n > inode->i_sb->s_maxbytes - pos)
		return -EFBIG;
	end = pos + n;
	last = blocks_of(end);
	err = will_change(inode);
	if (!err && pos > size)
		err = zero_tail(inode, size);
	if (!err)
		do
			err = vexfs_ensure_alloc(inode, first, last - first);
		while (err == -ENOSPC && vexfs_checkpoints_drop(inode->i_sb));
	err = err ?: write_blocks(inode, from, n, pos, &fresh);
	if (err)
		return err;
	vexfs_inode_modified(inode);
	err = vexfs_blocks_written(inode, first, fresh ? last - first : 0, max(size, end));
	if (!err && end > size)
		i_size_write(inode, end);
	return err ?: (ssize_t)n;
}

static int grow(struct inode *inode, u64 size)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	int err = zero_tail(inode, i_size_read(inode));
	vx_txn *t;

	if (err)
		return err;
	t = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	vexfs_inode_modified(inode);
	down_write(&core->lock);
	i_size_write(inode, size);
	core->disk_size = size;
	err = vexfs_log_inode_locked(t, inode, true);
	up_write(&core->lock);
	return vexfs_stop(t, err);
}

static int unlink_orphan(struct inode *inode)
{
	vx_txn *t = vexfs_start(inode->i_sb, VEXFS_ORPHAN_CREDITS);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return vexfs_stop(t, vexfs_orphan_unlink(t, inode));
}

static int shrink(struct inode *inode, u64 size)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	vx_txn *t;
	int err, e2;

	err = zero_tail(inode, size);
	if (err)
		return err;
	t = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = vexfs_orphan_link(t, inode);
	if (!err) {
		vexfs_inode_modified(inode);
		down_write(&core->lock);
		i_size_write(inode, size);
		core->disk_size = size;
		err = vexfs_log_inode_locked(t, inode, true);
		up_write(&core->lock);
	}
	err = vexfs_stop(t, err);
	if (err)
		return err;
	err = vexfs_free_from(inode, blocks_of(size));
	if (!inode->i_nlink)			/* that is for who has it last */
		return err;
	/*
	 * after an error, too: what is left behind the end goes with the next truncate or with the
	 * file
	 */
	e2 = unlink_orphan(inode);
	return err ?: e2;
}

int vexfs_setsize(struct inode *inode, u64 size)
{
	u64 old = i_size_read(inode);
	int err = 0;

	if (size > inode->i_sb->s_maxbytes)
		return -EFBIG;
	if (size != old)
		err = will_change(inode);
	if (!err)
		err = size > old ? grow(inode, size) : shrink(inode, size);
	vexfs_file_changed(inode);
	return err;
}
