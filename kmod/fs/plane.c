// SPDX-License-Identifier: GPL-2.0
/*
 * Planes: hidden inodes that hold the rows and records of a collection.  They are read and written
 * through the page cache without a struct file, because an open file would pin the mount.
 *
 * Writing: the blocks were allocated unwritten before (vexfs_ensure_alloc) and i_size was raised,
 * so dirtying folios is all that is left to do, and writeback cannot fail for want of space.
 * Bytes of published records never change, and what is behind the last one is all that a plane ever
 * loses (vexfs_plane_trim), so readers take no lock.
 *
 * Lock order: collection mutex (by our caller, for writing), then a folio lock to write, or
 * transactions and core.lock to reserve and to trim.
 */
#include <linux/blkdev.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/writeback.h>
#include "fs/fs.h"

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

int vexfs_plane_size(struct inode *plane, u64 bytes, const char *what)
{
	struct vexfs_inode_core *core = &VEXFS_I(plane)->core;

	if (core->disk_size < bytes || core->blocks < DIV_ROUND_UP_ULL(bytes, VEXFS_BLOCK_SIZE)) {
		vexfs_error(plane->i_sb, "collection %llu: its %s plane is shorter than %llu bytes",
			    core->parent, what, bytes);
		return -EUCLEAN;
	}
	i_size_write(plane, bytes);
	truncate_pagecache(plane, bytes);
	return 0;
}

/* --- writing and reading --- */

int vexfs_plane_reserve(struct inode *plane, u64 from, u64 to)
{
	u64 first = from >> VEXFS_BLOCK_SHIFT, end = DIV_ROUND_UP_ULL(to, VEXFS_BLOCK_SIZE);
	int err;

	if (from == to)
		return 0;
	if (to > plane->i_sb->s_maxbytes || end > U32_MAX)
		return -EFBIG;
	err = vexfs_ensure_alloc(plane, first, end - first);
	/* before the first dirty folio: writeback drops what lies beyond it */
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
	struct vexfs_inode_core *core = &VEXFS_I(plane)->core;

	/* what a failed insert left there may be dirty */
	i_size_write(plane, bytes);
	truncate_pagecache(plane, bytes);
	down_write(&core->lock);
	core->disk_size = min(core->disk_size, bytes);
	up_write(&core->lock);
	return vexfs_free_from(plane, DIV_ROUND_UP_ULL(bytes, VEXFS_BLOCK_SIZE));
}

int vexfs_plane_write(struct inode *plane, loff_t pos, const void *from, size_t n)
{
	struct address_space *mapping = plane->i_mapping;

	while (n) {
		struct folio *folio;
		size_t off, len;

		if (fatal_signal_pending(current))
			return -EINTR;
		folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT,
					    FGP_WRITEBEGIN | fgf_set_order(n),
					    mapping_gfp_mask(mapping));
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		off = offset_in_folio(folio, pos);
		len = min(n, folio_size(folio) - off);
		if (!folio_test_uptodate(folio)) {
			/* older rows are in it: read them, then look again */
			if (off || folio->private) {
				folio_unlock(folio);
				folio_put(folio);
				folio = read_mapping_folio(mapping, pos >> PAGE_SHIFT, NULL);
				if (IS_ERR(folio))
					return PTR_ERR(folio);
				folio_put(folio);
				continue;
			}
			folio_zero_segment(folio, len, folio_size(folio));
			/* before dirtying: iomap copies it into its bits */
			folio_mark_uptodate(folio);
		}
		memcpy_to_folio(folio, off, from, len);
		folio_mark_dirty(folio);
		folio_unlock(folio);
		folio_put(folio);
		from += len;
		pos += len;
		n -= len;
		cond_resched();
	}
	return 0;
}

int vexfs_plane_read(struct inode *plane, loff_t pos, void *to, size_t n)
{
	while (n) {
		struct folio *folio = read_mapping_folio(plane->i_mapping, pos >> PAGE_SHIFT, NULL);
		size_t off, len;

		if (IS_ERR(folio))
			return PTR_ERR(folio);
		off = offset_in_folio(folio, pos);
		len = min(n, folio_size(folio) - off);
		memcpy_from_folio(to, folio, off, len);
		folio_put(folio);
		to += len;
		pos += len;
		n -= len;
		cond_resched();
	}
	return 0;
}

/* No window and no guessing: exactly these pages.  The caller keeps them below i_size. */
void vexfs_plane_ahead(struct inode *plane, pgoff_t index, unsigned long n)
{
	struct file_ra_state ra = {};
	DEFINE_READAHEAD(ractl, NULL, &ra, plane->i_mapping, index);

	page_cache_ra_unbounded(&ractl, n, 0);
}

/* --- writeback and its errors --- */

void vexfs_plane_start(struct inode *plane, u64 from, u64 to)
{
	filemap_fdatawrite_range(plane->i_mapping, from, min_t(u64, to - 1, LLONG_MAX));
}

/*
 * Writeback of a folio ends after its unwritten extent was converted, so waiting for it waits for
 * both.
 */
int vexfs_plane_wait(struct inode *plane, u64 from, u64 to)
{
	return filemap_write_and_wait_range(plane->i_mapping, from, min_t(u64, to - 1, LLONG_MAX));
}

errseq_t vexfs_plane_mark(struct inode *plane)
{
	return filemap_sample_wb_err(plane->i_mapping);
}

/*
 * A write error is reported to one waiter and leaves clean folios behind: look at what has happened
 * since.
 */
int vexfs_plane_errors(const struct inode *plane, errseq_t since)
{
	return filemap_check_wb_err(plane->i_mapping, since) ? -EIO : 0;
}

void vexfs_plane_throttle(struct inode *plane)
{
	balance_dirty_pages_ratelimited(plane->i_mapping);
}

bool vexfs_plane_is_over(struct inode *plane)
{
	return balance_dirty_pages_ratelimited_flags(plane->i_mapping, BDP_ASYNC) == -EAGAIN;
}

/* --- the engine's platform --- */

void *vx_ealloc(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

/*
 * Nobody is killed for it.  Whoever comes first makes what all use, so no cgroup is charged: the
 * root's are not either.
 */
void *vx_ealloc_optional(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
}

void vx_efree(const void *p)
{
	kvfree(p);
}

__u64 vx_clock_us(void)
{
	return ktime_to_us(ktime_get());
}

/* As of the last tick, or of the last time that another task ran. */
u64 vx_cpu_us(void)
{
	return div_u64(current->se.sum_exec_runtime, NSEC_PER_USEC);
}

bool vx_ekilled(void)
{
	return fatal_signal_pending(current);
}

void vx_yield(void)
{
	cond_resched();
}

/* 64 rows, each crossing at most VX_ROW_SEGS - 1 pages. */
#define ROW_PINS	(VEXFS_BATCH * (VX_ROW_SEGS - 1))
#define ROW_FOLIOS	64		/* that a query remembers */
#define KEPT_ORDER	5		/* larger ones, of pages, only for a batch: 64 are 8 MB */

struct vx_rows {
	struct inode *vectors;
	u32 row_bytes;
	/*
	 * Folios stay pinned from one batch to the next, as looking one up is as much work as
	 * measuring a row or more: each where its first page, divided by the size that folios
	 * have, falls.
	 */
	u32 shift;			/* log2 of the pages that the last one looked up has */
	u64 known;			/* a bit for each of folio[] */
	struct row_folio {
		pgoff_t first, end;	/* pages */
		struct folio *folio;
		const void *data;
	} folio[ROW_FOLIOS];
	/* folios that had to make room, but may be in use until vx_rows_put() by so many rows */
	u32 pins, rows;
	struct folio *pin[ROW_PINS];
};

/* Its own, with a constructor, so that nothing of it is cleared for each call. */
static struct kmem_cache *rows_cache;

static void init_rows(void *p)
{
	struct vx_rows *r = p;

	r->known = 0;
	r->pins = 0;
	r->rows = 0;
}

int vexfs_rows_cache_init(void)
{
	rows_cache = kmem_cache_create("vexfs_rows", sizeof(struct vx_rows), 0, SLAB_ACCOUNT,
				       init_rows);
	return rows_cache ? 0 : -ENOMEM;
}

void vexfs_rows_cache_exit(void)
{
	kmem_cache_destroy(rows_cache);
}

struct vx_rows *vexfs_rows_open(struct inode *vectors, u32 row_bytes)
{
	struct vx_rows *r = kmem_cache_alloc(rows_cache, GFP_KERNEL);

	BUILD_BUG_ON(VEXFS_MAX_DIMS * 4 > (VX_ROW_SEGS - 2) * PAGE_SIZE);
	BUILD_BUG_ON(ROW_FOLIOS != BITS_PER_TYPE(typeof(r->known)));
	if (r) {
		r->vectors = vectors;
		r->row_bytes = row_bytes;
		r->shift = 0;
	}
	return r;
}

static void forget(struct vx_rows *r)
{
	for (; r->known; r->known &= r->known - 1)
		folio_put(r->folio[__ffs64(r->known)].folio);
}

void vexfs_rows_close(struct vx_rows *r)
{
	if (!r)
		return;
	vx_rows_put(r);
	forget(r);
	kmem_cache_free(rows_cache, r);
}

void vx_rows_put(struct vx_rows *r)
{
	while (r->pins)
		folio_put(r->pin[--r->pins]);
	r->rows = 0;
	/* a call may last for minutes: no more than some MB of memory are to be its own */
	if (r->shift > KEPT_ORDER)
		forget(r);
}

/* The folio with page `index`, with a reference. */
static struct folio *look_up(struct vx_rows *r, pgoff_t index, bool wait)
{
	struct address_space *mapping = r->vectors->i_mapping;
	struct folio *folio;

	if (wait) {
		folio = read_mapping_folio(mapping, index, NULL);
		if (!IS_ERR(folio))
			folio_mark_accessed(folio);
		return folio;
	}
	folio = filemap_get_folio(mapping, index);	/* RCU only: no lock, no sleep */
	if (IS_ERR(folio))
		return ERR_PTR(-EAGAIN);
	if (folio_test_uptodate(folio))
		return folio;
	folio_put(folio);
	return ERR_PTR(-EAGAIN);
}

/* The same, pinned until vx_rows_put(). */
static struct row_folio *pin(struct vx_rows *r, pgoff_t index, bool wait)
{
	u32 at = (index >> r->shift) % ROW_FOLIOS;
	struct row_folio *f = r->folio + at;
	struct folio *folio;

	if (r->known >> at & 1 && f->first <= index && index < f->end)
		return f;
	if (r->pins == ROW_PINS)
		return ERR_PTR(-ENOBUFS);
	folio = look_up(r, index, wait);
	if (IS_ERR(folio))
		return ERR_CAST(folio);
	r->shift = folio_order(folio);
	at = (index >> r->shift) % ROW_FOLIOS;
	f = r->folio + at;
	if (r->known >> at & 1)
		r->pin[r->pins++] = f->folio;
	r->known |= BIT_ULL(at);
	*f = (struct row_folio){ folio->index, folio_next_index(folio), folio,
				 folio_address(folio) };
	return f;
}

static int pin_row(struct vx_rows *r, u64 slot, struct vx_seg *seg, bool wait)
{
	loff_t pos = (loff_t)slot * r->row_bytes;
	u32 left = r->row_bytes;
	int n = 0;

	while (left) {
		struct row_folio *f = pin(r, pos >> PAGE_SHIFT, wait);
		u64 off, len;

		if (IS_ERR(f)) {
			if (!r->rows)	/* who has none puts none */
				vx_rows_put(r);
			return PTR_ERR(f);
		}
		off = pos - ((loff_t)f->first << PAGE_SHIFT);
		len = min_t(u64, left, ((u64)(f->end - f->first) << PAGE_SHIFT) - off);
		seg[n].p = f->data + off;
		seg[n++].bytes = len;
		pos += len;
		left -= len;
	}
	r->rows++;
	return n;
}

/* Runs inside BPF programs under rcu_read_lock_trace(): never sleeps. */
int vx_rows_get(struct vx_rows *r, __u64 slot, struct vx_seg *seg)
{
	return pin_row(r, slot, seg, false);
}

int vx_rows_wait(struct vx_rows *r, __u64 slot, struct vx_seg *seg)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return pin_row(r, slot, seg, true);
}

void vx_rows_ahead(struct vx_rows *r, const __u64 *slot, __u32 n)
{
	pgoff_t from = 0, to = 0;	/* pages [from, to) to read */
	struct blk_plug plug;
	u32 i;

	blk_start_plug(&plug);
	for (i = 0; i < n && !fatal_signal_pending(current); i++) {
		u64 pos = slot[i] * r->row_bytes;
		pgoff_t first = pos >> PAGE_SHIFT;
		pgoff_t end = ((pos + r->row_bytes - 1) >> PAGE_SHIFT) + 1;

		if (first >= from && first <= to && to) { /* goes on where the last one ended */
			to = max(to, end);
			continue;
		}
		if (to)
			vexfs_plane_ahead(r->vectors, from, to - from);
		from = first;
		to = end;
	}
	if (to)
		vexfs_plane_ahead(r->vectors, from, to - from);
	blk_finish_plug(&plug);
}
