// SPDX-License-Identifier: GPL-2.0
/*
 * Planes in user space: hidden inodes that hold the rows and records of a collection, see
 * kmod/fs/plane.c.
 *
 * What is written goes to the device at once, past the cache of blocks, into extents that were
 * allocated unwritten.  Waiting for it converts them and raises the size on disk; that it is on
 * stable storage is the business of the commit that follows, which flushes the device before its
 * last block.  Until then a block that was written since the mount is one of [from, to); any other
 * one of an unwritten extent holds what its last owner left there, and counts as zeros.
 *
 * Rows are looked at in a shared mapping of the whole device, and records are copied out of it.  A
 * page of it that cannot be read would end the process (SIGBUS), so each piece is read once by a
 * call that can say so, before anybody looks at it.
 *
 * Locks: vexfs_inode_info.data_lock, for [from, to) and so for what a lookup of an extent means; a
 * transaction and core.lock inside it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "block.h"
#include "host.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static const u8 zeros[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));

static u64 blocks_of(u64 bytes)
{
	return DIV_ROUND_UP_ULL(bytes, VEXFS_BLOCK_SIZE);
}

/* --- allocation --- */

/* How many blocks to take for a hole of which `want` are needed, see kmod/fs/iomap.c. */
static u32 chunk(struct inode *inode, u32 want)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;

	return core->flags & VEXFS_INODE_HIDDEN ? vexfs_extent_chunk(core, want) : want;
}

/* Allocate at lblk if it is a hole; *map is what is there afterwards. */
static int alloc_hole(struct inode *inode, u32 lblk, u32 want, struct vexfs_map *map)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	vx_txn *t;
	int err;

	t = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = vexfs_inode_access(t, inode);	/* what is allocated must be logged, too */
	down_write(&core->lock);
	err = err ?: vexfs_extent_lookup(core, lblk, map);
	if (err || map->pblk)			/* somebody else was faster */
		goto out;
	/* the hole may begin before lblk */
	map->len -= lblk - map->lblk;
	map->lblk = lblk;
	want = min(want, map->len);
	want = min(chunk(inode, want), map->len);
	err = want ? vexfs_extent_alloc(t, core, lblk, want, true, map) : -ENOSPC;
	if (!err)
		err = vexfs_log_inode_locked(t, inode, true);
out:
	up_write(&core->lock);
	return vexfs_stop(t, err);
}

int vexfs_ensure_alloc(struct inode *inode, u32 lblk, u32 want)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	u64 at = lblk, end = at + want;
	struct vexfs_map map;
	int err, retries;

	if (end > inode->i_sb->s_maxbytes >> VEXFS_BLOCK_SHIFT)
		return -EFBIG;
	while (at < end) {
		down_read(&core->lock);
		err = vexfs_extent_lookup(core, at, &map);
		up_read(&core->lock);
		retries = 0;
		if (!err && !map.pblk)
			do
				err = alloc_hole(inode, at,
						 min_t(u64, end - at, VEXFS_EXTENT_MAX_LEN), &map);
			while (vexfs_retry_alloc(inode->i_sb, err, &retries));
		if (err)
			return err;
		at = (u64)map.lblk + map.len;
		if (vx_killed())
			return -EINTR;
	}
	return 0;
}

int vexfs_blocks_written(struct inode *inode, u32 lblk, u32 want, u64 size)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	u64 at = lblk, end = at + want;
	vx_txn *t;
	u32 done;
	int err;

	do {
		t = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS);
		if (IS_ERR(t))
			return PTR_ERR(t);
		/* or memory would say that it was logged */
		err = vexfs_inode_access(t, inode);
		down_write(&core->lock);
		if (!err && at < end) {
			done = 0;
			err = vexfs_extent_convert(t, core, at, end - at, &done);
			at += done;
			if (!err && !done)
				err = -EUCLEAN;
		}
		if (!err && at >= end)
			core->disk_size = max_t(u64, core->disk_size, size);
		if (!err)
			err = vexfs_log_inode_locked(t, inode, true);
		up_write(&core->lock);
		err = vexfs_stop(t, err);
	} while (!err && at < end);
	return err;
}

/* --- opening --- */

/* Is it a plane of this collection, of this kind? */
static bool is_plane(const struct inode *inode, const struct inode *dir, u32 flags)
{
	const struct vexfs_inode_core *core = &VEXFS_I(inode)->core;

	return S_ISREG(inode->i_mode) && (core->flags & VEXFS_INODE_METADATA) == flags &&
	       core->parent == dir->i_ino && core->parent_generation == dir->i_generation;
}

struct inode *vexfs_plane_open(struct inode *dir, u64 ino, u32 flags, const char *what)
{
	struct inode *plane = vexfs_iget(dir->i_sb, ino, VEXFS_IGET_HIDDEN);

	if (!IS_ERR(plane)) {
		if (is_plane(plane, dir, flags))
			return plane;
		iput(plane);
		plane = ERR_PTR(-EUCLEAN);
	}
	if (PTR_ERR(plane) == -EUCLEAN)
		vexfs_error(dir->i_sb, "collection %lu: inode %llu is not its %s plane", dir->i_ino,
			    ino, what);
	return plane;
}

/* Nothing at or behind this block was written.  data_lock held. */
static void cut_written(struct vexfs_inode_info *vi, u64 end)
{
	vi->to = min_t(u64, vi->to, end);
	if (vi->from >= vi->to)
		vi->from = vi->to = 0;
}

int vexfs_plane_size(struct inode *plane, u64 bytes, const char *what)
{
	struct vexfs_inode_info *vi = VEXFS_I(plane);

	if (vi->core.disk_size < bytes || vi->core.blocks < blocks_of(bytes)) {
		vexfs_error(plane->i_sb, "collection %llu: its %s plane is shorter than %llu bytes",
			    vi->core.parent, what, bytes);
		return -EUCLEAN;
	}
	i_size_write(plane, bytes);
	mutex_lock(&vi->data_lock);
	cut_written(vi, blocks_of(bytes));
	mutex_unlock(&vi->data_lock);
	return 0;
}

int vexfs_plane_reserve(struct inode *plane, u64 from, u64 to)
{
	u64 first = from >> VEXFS_BLOCK_SHIFT, end = blocks_of(to);
	int err;

	if (from == to)
		return 0;
	if (to > plane->i_sb->s_maxbytes || end > U32_MAX)
		return -EFBIG;
	err = vexfs_ensure_alloc(plane, first, end - first);
	if (!err && i_size_read(plane) < to)
		i_size_write(plane, to);
	return err;
}

void vexfs_plane_tight(struct inode *plane, bool tight)
{
	struct vexfs_inode_core *core = &VEXFS_I(plane)->core;

	down_write(&core->lock);
	core->tight = tight;
	up_write(&core->lock);
}

int vexfs_plane_trim(struct inode *plane, u64 bytes)
{
	struct vexfs_inode_info *vi = VEXFS_I(plane);

	i_size_write(plane, bytes);
	mutex_lock(&vi->data_lock);
	cut_written(vi, blocks_of(bytes));
	mutex_unlock(&vi->data_lock);
	__atomic_fetch_add(&vi->trims, 1, __ATOMIC_RELAXED);
	down_write(&vi->core.lock);
	vi->core.disk_size = min_t(u64, vi->core.disk_size, bytes);
	up_write(&vi->core.lock);
	return vexfs_free_from(plane, blocks_of(bytes));
}

/* --- the map of the device --- */

#define PIECE_BLOCKS	16u		/* are read before anybody looks at them */

void vexfs_map_open(struct vexfs_sb_info *sbi)
{
	u64 words = DIV_ROUND_UP_ULL(DIV_ROUND_UP_ULL(sbi->dev->blocks, PIECE_BLOCKS), 64);
	void *p;

	sbi->map_bytes = sbi->dev->blocks << VEXFS_BLOCK_SHIFT;
	p = mmap(NULL, sbi->map_bytes, PROT_READ, MAP_SHARED, sbi->dev->fd, 0);
	if (p == MAP_FAILED)
		return;
	sbi->map_read = kvcalloc(2 * words, sizeof(*sbi->map_read), GFP_KERNEL);
	if (!sbi->map_read) {
		munmap(p, sbi->map_bytes);
		return;
	}
	sbi->map_split = sbi->map_read + words;
	madvise(p, sbi->map_bytes, MADV_RANDOM);
	sbi->map = p;
}

void vexfs_map_close(struct vexfs_sb_info *sbi)
{
	if (!sbi->map)
		return;
	munmap((void *)sbi->map, sbi->map_bytes);
	kvfree(sbi->map_read);
	sbi->map = NULL;
}

static bool is_unreadable(const struct vexfs_sb_info *sbi, u64 block)
{
	struct vexfs_dev *dev = sbi->dev;

	return dev->unreadable && dev->unreadable(dev, block);
}

/* Read blocks into the map, so that an error of that is one. */
static int read_blocks(struct vexfs_sb_info *sbi, u64 first, u64 n)
{
	u8 block[VEXFS_BLOCK_SIZE];
	int err = 0;
	u64 b;

	if (vexfs_fault(VEXFS_FAULT_READ))
		return -EIO;
	for (b = first; b < first + n; b++)
		if (is_unreadable(sbi, b))
			return -EIO;
	if (madvise((void *)(sbi->map + (first << VEXFS_BLOCK_SHIFT)), n << VEXFS_BLOCK_SHIFT,
		    MADV_POPULATE_READ)) {
		if (errno != EINVAL)
			return errno == ENOMEM ? -ENOMEM : -EIO;
		for (b = first; b < first + n && !err; b++)	/* before Linux 5.14 */
			err = vexfs_dev_read(sbi->dev, b, block);
	}
	return err;
}

static bool is_set(const u64 *bits, u64 piece)
{
	return READ_ONCE(bits[piece / 64]) >> piece % 64 & 1;
}

static void set(u64 *bits, u64 piece)
{
	__atomic_fetch_or(&bits[piece / 64], 1ULL << piece % 64, __ATOMIC_RELAXED);
}

static bool was_read(const struct vexfs_sb_info *sbi, u64 piece)
{
	return is_set(sbi->map_read, piece);
}

/* Read the piece with a block; where that fails, the block alone, which may be whole. */
static int read_piece(struct vexfs_sb_info *sbi, u64 pblk)
{
	u64 piece = pblk / PIECE_BLOCKS, first = piece * PIECE_BLOCKS;
	int err = -EIO;

	if (!is_set(sbi->map_split, piece)) {
		err = read_blocks(sbi, first,
				  min_t(u64, PIECE_BLOCKS,
					(sbi->map_bytes >> VEXFS_BLOCK_SHIFT) - first));
		if (!err)
			set(sbi->map_read, piece);
	}
	if (err != -EIO)
		return err;
	err = read_blocks(sbi, pblk, 1);
	if (!err)
		set(sbi->map_split, piece);
	return err;
}

/* A block in the map; ERR_PTR: -EAGAIN, -EIO. */
static const void *block_in_map(struct vexfs_sb_info *sbi, u64 pblk, bool wait)
{
	int err;

	if ((pblk + 1) << VEXFS_BLOCK_SHIFT > sbi->map_bytes)
		return ERR_PTR(-EUCLEAN);
	if (!was_read(sbi, pblk / PIECE_BLOCKS) || is_unreadable(sbi, pblk)) {
		err = wait ? read_piece(sbi, pblk) : -EAGAIN;
		if (err)
			return ERR_PTR(err);
	}
	return sbi->map + (pblk << VEXFS_BLOCK_SHIFT);
}

/* --- writing and reading --- */

int vexfs_locate(struct inode *inode, u32 lblk, u32 want, struct vexfs_where *w)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_map map;
	int err;

	down_read(&vi->core.lock);
	err = vexfs_extent_lookup(&vi->core, lblk, &map);
	up_read(&vi->core.lock);
	if (err)
		return err;
	w->pblk = map.pblk ? map.pblk + (lblk - map.lblk) : 0;
	w->len = min(want, map.len - (lblk - map.lblk));
	w->valid = w->written = map.pblk && !map.unwritten;
	if (!map.pblk || !map.unwritten)
		return 0;
	w->valid = lblk >= vi->from && lblk < vi->to;
	if (w->valid)
		w->len = min(w->len, vi->to - lblk);
	else if (lblk < vi->from)
		w->len = min(w->len, vi->from - lblk);
	return 0;
}

/* Block lblk of an unwritten extent was written.  data_lock held. */
static int note_written(struct inode *inode, u32 lblk)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err = 0;

	if (vi->from == vi->to || lblk > vi->to || lblk + 1 < vi->from) {
		if (vi->from != vi->to)		/* there is one range to remember */
			err = vexfs_blocks_written(inode, vi->from, vi->to - vi->from, 0);
		if (err)			/* or what others wrote there would be zeros */
			return err;
		vi->from = lblk;
		vi->to = lblk + 1;
	} else {
		vi->from = min(vi->from, lblk);
		vi->to = max(vi->to, lblk + 1);
	}
	return 0;
}

int vexfs_write_part(struct inode *inode, const struct vexfs_where *w, u32 off, const void *from,
		     u32 n)
{
	struct vexfs_dev *dev = VEXFS_SB(inode->i_sb)->dev;
	u8 block[VEXFS_BLOCK_SIZE];
	int err = 0;

	if (n < VEXFS_BLOCK_SIZE) {
		if (w->valid)
			err = vexfs_dev_read(dev, w->pblk, block);
		else
			memset(block, 0, sizeof(block));
		if (err)
			return err;
		memcpy(block + off, from, n);
		from = block;
	}
	err = vexfs_dev_write(dev, w->pblk, from);
	if (err)		/* what was in the block may be lost, too */
		__atomic_fetch_add(&VEXFS_I(inode)->errors, 1, __ATOMIC_RELAXED);
	return err;
}

/* Part of one block. */
static int write_block(struct inode *plane, loff_t pos, const void *from, u32 n)
{
	u32 lblk = pos >> VEXFS_BLOCK_SHIFT;
	struct vexfs_where w;
	int err;

	err = vexfs_locate(plane, lblk, 1, &w);
	if (err)
		return err;
	if (!w.pblk) {
		vexfs_error(plane->i_sb, "inode %lu: no block for data at %lld", plane->i_ino,
			    (long long)pos);
		return -EIO;
	}
	err = vexfs_write_part(plane, &w, pos % VEXFS_BLOCK_SIZE, from, n);
	return err || w.valid ? err : note_written(plane, lblk);
}

int vexfs_plane_write(struct inode *plane, loff_t pos, const void *from, size_t n)
{
	struct vexfs_inode_info *vi = VEXFS_I(plane);
	int err = 0;

	while (n && !err) {
		u32 len = min_t(size_t, n, VEXFS_BLOCK_SIZE - pos % VEXFS_BLOCK_SIZE);

		err = vx_killed() ? -EINTR : vexfs_is_shutdown(plane->i_sb) ? -EIO : 0;
		if (err)
			break;
		/* a block at a time: searches look rows up meanwhile */
		mutex_lock(&vi->data_lock);
		err = write_block(plane, pos, from, len);
		mutex_unlock(&vi->data_lock);
		from = (const char *)from + len;
		pos += len;
		n -= len;
	}
	return err;
}

/*
 * Part of a block.  What is in the map already is taken from there, and so is what is small, as
 * records are: searches fetch many of them.
 */
static int read_part(struct vexfs_sb_info *sbi, u64 pblk, u32 off, void *to, u32 n, bool small)
{
	u8 block[VEXFS_BLOCK_SIZE];
	const void *p;
	int err;

	if (sbi->map && (small || was_read(sbi, pblk / PIECE_BLOCKS))) {
		p = block_in_map(sbi, pblk, true);
		if (IS_ERR(p))
			return PTR_ERR(p);
		memcpy(to, p + off, n);
		return 0;
	}
	err = vexfs_dev_read(sbi->dev, pblk, n == VEXFS_BLOCK_SIZE ? to : block);
	if (!err && n < VEXFS_BLOCK_SIZE)
		memcpy(to, block + off, n);
	return err;
}

int vexfs_plane_read(struct inode *plane, loff_t pos, void *to, size_t n)
{
	struct vexfs_inode_info *vi = VEXFS_I(plane);
	bool small = n < VEXFS_BLOCK_SIZE;
	struct vexfs_where w = { };
	u32 at = 0;
	int err;

	for (; n; w.len--, w.pblk += w.valid) {
		u32 off = pos % VEXFS_BLOCK_SIZE, len = min_t(size_t, n, VEXFS_BLOCK_SIZE - off);

		if (!w.len) {
			at = pos >> VEXFS_BLOCK_SHIFT;
			mutex_lock(&vi->data_lock);
			err = vexfs_locate(plane, at, U32_MAX - at, &w);
			mutex_unlock(&vi->data_lock);
			if (err)
				return err;
		}
		if (w.valid) {
			err = read_part(VEXFS_SB(plane->i_sb), w.pblk, off, to, len, small);
			if (err)
				return err;
		} else {
			memset(to, 0, len);
		}
		to = (char *)to + len;
		pos += len;
		n -= len;
	}
	return 0;
}

void vexfs_plane_ahead(struct inode *plane, pgoff_t index, unsigned long n)
{
	struct vexfs_inode_info *vi = VEXFS_I(plane);
	struct vexfs_dev *dev = VEXFS_SB(plane->i_sb)->dev;
	struct vexfs_where w;
	int err = 0;

	for (; n; index += w.len, n -= w.len) {
		mutex_lock(&vi->data_lock);
		err = vexfs_locate(plane, index, n, &w);
		mutex_unlock(&vi->data_lock);
		if (err)
			break;		/* who reads it will hear of it */
		if (w.valid)
			posix_fadvise(dev->fd, w.pblk << VEXFS_BLOCK_SHIFT,
				      (off_t)w.len << VEXFS_BLOCK_SHIFT, POSIX_FADV_WILLNEED);
	}
}

/* The device has it already. */
void vexfs_plane_start(struct inode *plane, u64 from, u64 to)
{
	(void)plane, (void)from, (void)to;
}

int vexfs_plane_wait(struct inode *plane, u64 from, u64 to)
{
	struct vexfs_inode_info *vi = VEXFS_I(plane);
	u64 first, end;
	int err = 0;

	to = min(to, i_size_read(plane));
	if (from >= to)
		return 0;
	if (vexfs_is_shutdown(plane->i_sb))
		return -EIO;
	mutex_lock(&vi->data_lock);
	first = max_t(u64, from >> VEXFS_BLOCK_SHIFT, vi->from);
	end = min_t(u64, blocks_of(to), vi->to);
	if (first >= end)
		first = end = 0;
	if (first < end || READ_ONCE(vi->core.disk_size) < to)
		err = vexfs_blocks_written(plane, first, end - first, to);
	if (!err && first < end) {
		/* of one that goes on at both sides nothing can be forgotten, and need not be */
		if (first == vi->from)
			vi->from = end;
		else if (end == vi->to)
			vi->to = first;
		if (vi->from == vi->to)
			vi->from = vi->to = 0;
	}
	mutex_unlock(&vi->data_lock);
	return err;
}

errseq_t vexfs_plane_mark(struct inode *plane)
{
	return READ_ONCE(VEXFS_I(plane)->errors);
}

int vexfs_plane_errors(const struct inode *plane, errseq_t since)
{
	return READ_ONCE(VEXFS_I(plane)->errors) == since ? 0 : -EIO;
}

/* The system holds up who writes too much. */
void vexfs_plane_throttle(struct inode *plane)
{
	(void)plane;
}

bool vexfs_plane_is_over(struct inode *plane)
{
	(void)plane;
	return false;
}

/* --- rows --- */

#define MAPS		8		/* extents that rows remember */

struct plane_rows {
	struct vx_rows rows;
	struct inode *vectors;
	struct vexfs_sb_info *sbi;
	struct vexfs_map map[MAPS];	/* written ones, as they are until the next trim */
	u32 next;			/* of map to be replaced */
	u32 trims;
	u8 *copy;			/* without a map of the device: VEXFS_BATCH rows */
	u32 copies;
};

/* *pblk of a block of rows, 0: zeros. */
static int find_block(struct plane_rows *r, u32 lblk, u64 *pblk)
{
	struct vexfs_inode_info *vi = VEXFS_I(r->vectors);
	const struct vexfs_map *m;
	struct vexfs_where w;
	u32 i;
	int err;

	/* a published row never moves, but what an extent has behind the last one may */
	if (READ_ONCE(vi->trims) != r->trims) {
		r->trims = READ_ONCE(vi->trims);
		memset(r->map, 0, sizeof(r->map));
	}
	for (i = 0; i < MAPS; i++) {
		m = &r->map[i];
		if (lblk - m->lblk < m->len) {
			*pblk = m->pblk + (lblk - m->lblk);
			return 0;
		}
	}
	mutex_lock(&vi->data_lock);
	err = vexfs_locate(r->vectors, lblk, U32_MAX - lblk, &w);
	mutex_unlock(&vi->data_lock);
	if (err)
		return err;
	*pblk = w.valid ? w.pblk : 0;
	if (w.written) {
		r->map[r->next] = (struct vexfs_map){ .lblk = lblk, .len = w.len, .pblk = w.pblk };
		r->next = (r->next + 1) % MAPS;
	}
	return 0;
}

static int find_row(struct vx_rows *rows, __u64 slot, struct vx_seg *seg, bool wait)
{
	struct plane_rows *r = container_of(rows, struct plane_rows, rows);
	u64 pos = slot * rows->row_bytes, pblk;
	u32 left = rows->row_bytes, len;
	const void *p;
	int n = 0, err;

	if (wait && vx_killed())
		return -EINTR;
	for (; left; pos += len, left -= len) {
		u32 off = pos % VEXFS_BLOCK_SIZE;

		len = min_t(u32, left, VEXFS_BLOCK_SIZE - off);
		err = find_block(r, pos >> VEXFS_BLOCK_SHIFT, &pblk);
		if (err)
			return err;
		p = pblk ? block_in_map(r->sbi, pblk, wait) : zeros;
		if (IS_ERR(p))
			return PTR_ERR(p);
		p = (const char *)p + off;
		if (n && (const char *)seg[n - 1].p + seg[n - 1].bytes == p)
			seg[n - 1].bytes += len;
		else
			seg[n++] = (struct vx_seg){ p, len };
	}
	return n;
}

static int copy_row(struct vx_rows *rows, __u64 slot, struct vx_seg *seg, bool wait)
{
	struct plane_rows *r = container_of(rows, struct plane_rows, rows);
	u8 *to = r->copy + (size_t)r->copies * rows->row_bytes;
	int err;

	if (wait && vx_killed())
		return -EINTR;
	if (r->copies == VEXFS_BATCH)
		return -ENOBUFS;
	err = vexfs_plane_read(r->vectors, slot * rows->row_bytes, to, rows->row_bytes);
	if (err)
		return err;
	r->copies++;
	*seg = (struct vx_seg){ to, rows->row_bytes };
	return 1;
}

static void put_rows(struct vx_rows *rows)
{
	container_of(rows, struct plane_rows, rows)->copies = 0;
}

/* Let the system read what nobody has looked at yet. */
static void rows_ahead(struct vx_rows *rows, const __u64 *slot, __u32 n)
{
	struct plane_rows *r = container_of(rows, struct plane_rows, rows);
	u64 pblk, piece, last = ~0ULL;
	u32 i;

	for (i = 0; i < n && !vx_killed(); i++) {
		if (find_block(r, slot[i] * rows->row_bytes >> VEXFS_BLOCK_SHIFT, &pblk) || !pblk)
			continue;
		piece = pblk / PIECE_BLOCKS;
		if (piece == last || (pblk + 1) << VEXFS_BLOCK_SHIFT > r->sbi->map_bytes ||
		    was_read(r->sbi, piece))
			continue;
		last = piece;
		posix_fadvise(r->sbi->dev->fd, (off_t)piece * PIECE_BLOCKS * VEXFS_BLOCK_SIZE,
			      PIECE_BLOCKS * VEXFS_BLOCK_SIZE, POSIX_FADV_WILLNEED);
	}
}

struct vx_rows *vexfs_rows_open(struct inode *vectors, u32 row_bytes)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(vectors->i_sb);
	struct plane_rows *r = kvzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);

	if (!r)
		return NULL;
	r->vectors = vectors;
	r->sbi = sbi;
	r->trims = READ_ONCE(VEXFS_I(vectors)->trims);
	r->rows.row_bytes = row_bytes;
	r->rows.find = find_row;
	if (sbi->map) {
		r->rows.ahead = rows_ahead;
		return &r->rows;
	}
	r->rows.find = copy_row;
	r->rows.put = put_rows;
	r->copy = kvmalloc_array(VEXFS_BATCH, row_bytes, GFP_KERNEL_ACCOUNT);
	if (!r->copy) {
		kvfree(r);
		return NULL;
	}
	return &r->rows;
}

void vexfs_rows_close(struct vx_rows *rows)
{
	struct plane_rows *r;

	if (!rows)
		return;
	r = container_of(rows, struct plane_rows, rows);
	kvfree(r->copy);
	kvfree(r);
}
