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
	struct vexfs_where w;
	size_t done, len;
	int err;

	if (pos >= size)
		return 0;
	n = min_t(u64, n, size - pos);
	for (done = 0; done < n; done += len, pos += len) {
		u32 off = pos % VEXFS_BLOCK_SIZE, lblk = pos >> VEXFS_BLOCK_SHIFT;
		void *at = (char *)to + done;

		err = vexfs_locate(inode, lblk, U32_MAX - lblk, &w);
		if (err)
			return done ? (ssize_t)done : err;
		len = min_t(u64, n - done, ((u64)w.len << VEXFS_BLOCK_SHIFT) - off);
		if (!w.valid) {
			memset(at, 0, len);
			continue;
		}
		if (!off && len >= VEXFS_BLOCK_SIZE) {
			len = round_down(len, VEXFS_BLOCK_SIZE);
			err = vexfs_dev_read_run(dev, w.pblk, len >> VEXFS_BLOCK_SHIFT, at);
		} else {
			len = min_t(size_t, len, VEXFS_BLOCK_SIZE - off);
			err = vexfs_dev_read(dev, w.pblk, block);
			if (!err)
				memcpy(at, block + off, len);
		}
		if (err)
			return done ? (ssize_t)done : err;
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

/* Whole blocks that follow each other. */
static int write_run(struct inode *inode, const struct vexfs_where *w, const void *from, u32 n)
{
	int err = vexfs_dev_write_run(VEXFS_SB(inode->i_sb)->dev, w->pblk, n, from);

	if (err)
		__atomic_fetch_add(&VEXFS_I(inode)->errors, 1, __ATOMIC_RELAXED);
	return err;
}

/* The blocks were allocated.  *fresh: some are unwritten extents. */
static int write_blocks(struct inode *inode, const void *from, size_t n, u64 pos, bool *fresh)
{
	struct vexfs_where w;
	size_t done, len;
	int err = 0;

	for (done = 0; done < n && !err; done += len, pos += len) {
		u32 off = pos % VEXFS_BLOCK_SIZE, lblk = pos >> VEXFS_BLOCK_SHIFT;
		const void *at = (const char *)from + done;

		len = min_t(size_t, n - done, VEXFS_BLOCK_SIZE - off);
		err = vexfs_locate(inode, lblk, U32_MAX - lblk, &w);
		if (!err && !w.pblk)
			err = -EIO;
		if (err)
			break;
		*fresh |= !w.written;
		if (len == VEXFS_BLOCK_SIZE) {
			len = min_t(u64, round_down(n - done, VEXFS_BLOCK_SIZE),
				    (u64)w.len << VEXFS_BLOCK_SHIFT);
			err = write_run(inode, &w, at, len >> VEXFS_BLOCK_SHIFT);
		} else {
			err = vexfs_write_part(inode, &w, off, at, len);
		}
	}
	return err;
}

static int ensure_room(struct inode *inode, u64 first, u64 last)
{
	int err;

	do
		err = vexfs_ensure_alloc(inode, first, last - first);
	while (err == -ENOSPC && vexfs_checkpoints_drop(inode->i_sb));
	return err;
}

/* The first block of [first, last) that is a hole; last: none is. */
static int first_hole(struct inode *inode, u64 first, u64 last, u64 *hole)
{
	struct vexfs_where w;
	int err = 0;

	for (*hole = first; *hole < last; *hole += w.len) {
		err = vexfs_locate(inode, *hole, last - *hole, &w);
		if (err || !w.pblk)
			break;
	}
	return err;
}

/*
 * Room for n bytes at pos; fewer where the filesystem is full, and then what was allocated is for
 * them.
 */
static ssize_t make_room(struct inode *inode, size_t n, u64 pos)
{
	u64 first = pos >> VEXFS_BLOCK_SHIFT, last = blocks_of(pos + n), hole;
	int err = ensure_room(inode, first, last);

	if (err != -ENOSPC)
		return err ?: (ssize_t)n;
	err = first_hole(inode, first, last, &hole) ?: hole == first ? -ENOSPC : 0;
	return err ?: (ssize_t)min_t(u64, n, (hole << VEXFS_BLOCK_SHIFT) - pos);
}

ssize_t vexfs_data_write(struct inode *inode, const void *from, size_t n, u64 pos)
{
	u64 size = i_size_read(inode), end, first = pos >> VEXFS_BLOCK_SHIFT;
	bool fresh = false;
	ssize_t room;
	int err;

	if (!n)
		return 0;
	if (n > SSIZE_MAX || pos > inode->i_sb->s_maxbytes || n > inode->i_sb->s_maxbytes - pos)
		return -EFBIG;
	err = will_change(inode);
	if (!err && pos > size)
		err = zero_tail(inode, size);
	if (err)
		return err;
	room = make_room(inode, n, pos);
	if (room < 0)
		return room;
	end = pos + room;
	err = write_blocks(inode, from, room, pos, &fresh);
	if (err) {
		vexfs_write_failed(inode->i_sb);
		return err;
	}
	vexfs_inode_modified(inode);
	err = vexfs_blocks_written(inode, first, fresh ? blocks_of(end) - first : 0,
				   max(size, end));
	if (!err && end > size)
		i_size_write(inode, end);
	return err ?: room;
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

static int shrink(struct inode *inode, u64 size, bool modified)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	u64 old = i_size_read(inode);
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
		if (modified || size != old)
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

int vexfs_setsize(struct inode *inode, u64 size, bool modified)
{
	u64 old = i_size_read(inode);
	int err = 0;

	if (size > inode->i_sb->s_maxbytes)
		return -EFBIG;
	if (size != old)
		err = will_change(inode);
	if (!err)
		err = size > old ? grow(inode, size) : shrink(inode, size, modified);
	vexfs_file_changed(inode);
	return err;
}

static int log_modified(struct inode *inode)
{
	vx_txn *t = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);

	if (IS_ERR(t))
		return PTR_ERR(t);
	vexfs_inode_modified(inode);
	return vexfs_stop(t, vexfs_log_inode(t, inode, false));
}

int vexfs_data_reserve(struct inode *inode, u64 pos, u64 n, bool keep_size)
{
	u64 end = pos + n;
	int err;

	if (n > inode->i_sb->s_maxbytes || end > inode->i_sb->s_maxbytes)
		return -EFBIG;
	err = log_modified(inode) ?:
	      ensure_room(inode, pos >> VEXFS_BLOCK_SHIFT, blocks_of(end));
	if (!err && !keep_size && end > i_size_read(inode))
		err = vexfs_setsize(inode, end, true);
	return err;
}

off_t vexfs_data_seek(struct inode *inode, u64 pos, bool hole)
{
	u64 size = i_size_read(inode);
	struct vexfs_where w;
	int err;

	if (pos >= size)
		return -ENXIO;
	while (pos < size) {
		u32 lblk = pos >> VEXFS_BLOCK_SHIFT;

		err = vexfs_locate(inode, lblk, U32_MAX - lblk, &w);
		if (err)
			return err;
		if (w.valid != hole)
			return pos;
		pos = ((u64)lblk + w.len) << VEXFS_BLOCK_SHIFT;
	}
	return hole ? (off_t)size : -ENXIO;
}
