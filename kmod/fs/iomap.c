// SPDX-License-Identifier: GPL-2.0
/*
 * File data: the page cache over iomap.
 *
 * Blocks are allocated as unwritten extents when a page is dirtied, in a transaction that is over
 * before iomap sees the mapping.  Writeback submits I/O; when it is done, a worker converts the
 * extents to written and raises the size on disk in one transaction, then ends writeback on the
 * pages.  So after a crash a block holds what was written to it or reads as zeros, and whoever
 * waits for writeback has waited for the conversion too.
 *
 * Lock order: i_rwsem or invalidate_lock, folio lock, transaction, core.lock.
 */
#include <linux/blkdev.h>
#include <linux/iomap.h>
#include <linux/pagemap.h>
#include <linux/writeback.h>
#include "fs/fs.h"

#define MAX_EXTRA	256		/* blocks allocated beyond what a growing file asked for */

/* --- allocation --- */

/*
 * How many blocks to take for a hole at map->lblk of which want are needed.  Planes grow in chunks.
 * A file that is being extended gets as many extra blocks as it has.  At release it gives them back,
 * and those of a write that failed; what nobody claims past its end starts at vi->keep.
 */
static u32 chunk(struct inode *inode, const struct vexfs_map *map, u32 want, bool extend)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 blocks = vi->core.blocks, limit = inode->i_sb->s_maxbytes >> VEXFS_BLOCK_SHIFT;
	u32 extra;

	if (vi->core.flags & VEXFS_INODE_HIDDEN)
		return vexfs_extent_chunk(&vi->core, want);
	if (!extend || (u64)map->lblk + map->len < limit)	/* more extents follow */
		return want;
	if (!test_and_set_bit(VEXFS_I_PREALLOC, &vi->state))
		vi->keep = max(vi->keep, map->lblk);
	extra = min_t(u64, blocks, MAX_EXTRA);
	return map->len - want < extra ? want : want + extra;
}

/* Allocate at lblk if it is a hole; *map is what is there afterwards. */
static int alloc_hole(struct inode *inode, u32 lblk, u32 want, bool extend, struct vexfs_map *map)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct super_block *sb = inode->i_sb;
	handle_t *handle;
	int err;

	handle = vexfs_start(sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_inode_access(handle, inode); /* what is allocated must be logged, too */
	down_write(&core->lock);
	err = err ?: vexfs_extent_lookup(core, lblk, map);
	if (err || map->pblk)			/* somebody else was faster */
		goto out;
	/* the hole may begin before lblk */
	map->len -= lblk - map->lblk;
	map->lblk = lblk;
	want = min(want, map->len);
	want = min(chunk(inode, map, want, extend), map->len);
	err = want ? vexfs_extent_alloc(handle, core, lblk, want, true, map) : -ENOSPC;
	if (!err) {
		/* metadata that lived here must not be written over the data */
		clean_bdev_aliases(sb->s_bdev, map->pblk, map->len);
		/* fdatasync after fallocate keeps the blocks */
		err = vexfs_log_inode_locked(handle, inode, true);
	}
out:
	up_write(&core->lock);
	return vexfs_stop(handle, err);
}

static int alloc_retry(struct inode *inode, u32 lblk, u32 want, bool extend, struct vexfs_map *map)
{
	int retries = 0, err;

	do
		err = alloc_hole(inode, lblk, want, extend, map);
	while (vexfs_retry_alloc(inode->i_sb, err, &retries));
	return err;
}

int vexfs_ensure_alloc(struct inode *inode, u32 lblk, u32 want)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	u64 at = lblk, end = at + want;
	struct vexfs_map map;
	int err;

	if (end > inode->i_sb->s_maxbytes >> VEXFS_BLOCK_SHIFT)
		return -EFBIG;
	while (at < end) {
		down_read(&core->lock);
		err = vexfs_extent_lookup(core, at, &map);
		up_read(&core->lock);
		if (!err && !map.pblk)
			err = alloc_retry(inode, at, end - at, false, &map);
		if (err)
			return err;
		at = (u64)map.lblk + map.len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* --- mapping --- */

static bool iomap_still_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie == READ_ONCE(VEXFS_I(inode)->core.seq);
}

static const struct iomap_folio_ops folio_ops = {
	.iomap_valid	= iomap_still_valid,
};

static int fill_iomap(struct inode *inode, u32 lblk, struct iomap *iomap)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct vexfs_map map;
	int err;

	down_read(&core->lock);
	err = vexfs_extent_lookup(core, lblk, &map);
	up_read(&core->lock);
	if (err)
		return err;
	iomap->validity_cookie = map.seq;
	iomap->folio_ops = &folio_ops;
	iomap->bdev = inode->i_sb->s_bdev;
	iomap->flags = 0;
	iomap->offset = (u64)map.lblk << VEXFS_BLOCK_SHIFT;
	iomap->length = (u64)map.len << VEXFS_BLOCK_SHIFT;
	iomap->addr = map.pblk ? map.pblk << VEXFS_BLOCK_SHIFT : IOMAP_NULL_ADDR;
	iomap->type = !map.pblk ? IOMAP_HOLE : map.unwritten ? IOMAP_UNWRITTEN : IOMAP_MAPPED;
	return 0;
}

static int iomap_begin(struct inode *inode, loff_t pos, loff_t len, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT, end;
	struct vexfs_map map;
	bool extend;
	int err;

	if (vexfs_is_shutdown(inode->i_sb) && (flags & (IOMAP_WRITE | IOMAP_ZERO)))
		return -EIO;
	if (pos >= inode->i_sb->s_maxbytes)
		return -EFBIG;
	for (;;) {
		err = fill_iomap(inode, lblk, iomap);
		if (err || iomap->type != IOMAP_HOLE || !(flags & IOMAP_WRITE))
			return err;
		if (flags & IOMAP_NOWAIT)
			return -EAGAIN;
		/*
		 * A write that ends at or past EOF is likely to be followed by more.  A fault holds
		 * no i_rwsem.
		 */
		extend = !(flags & IOMAP_FAULT) && pos + len >= i_size_read(inode);
		end = DIV_ROUND_UP_ULL(min(pos + len, inode->i_sb->s_maxbytes), VEXFS_BLOCK_SIZE);
		err = alloc_retry(inode, lblk, min_t(u64, end - lblk, VEXFS_EXTENT_MAX_LEN), extend,
				  &map);
		if (err)
			return err;
	}
}

const struct iomap_ops vexfs_iomap_ops = {
	.iomap_begin	= iomap_begin,
};

/* --- conversion where there is no space --- */

/*
 * What readers of this block have in memory.  0: nothing, so they read zeros; 1: it is in *to.
 * -ENOSPC: part of a large folio is there, which somebody has locked; maybe until its writeback
 * ends, so we cannot wait.
 */
static int cached_block(struct inode *inode, u32 lblk, void *to)
{
	loff_t pos = (loff_t)lblk << VEXFS_BLOCK_SHIFT, size = i_size_read(inode);
	struct folio *folio = filemap_get_folio(inode->i_mapping, pos >> PAGE_SHIFT);
	size_t off;
	int there;

	if (IS_ERR(folio))
		return 0;
	off = offset_in_folio(folio, pos);
	there = folio_test_uptodate(folio);
	if (!there && folio_test_large(folio)) {
		there = -ENOSPC;
		if (folio_trylock(folio)) {
			there = iomap_is_partially_uptodate(folio, off, VEXFS_BLOCK_SIZE);
			folio_unlock(folio);
		}
	}
	if (pos >= size)
		there = 0;
	if (there > 0) {
		memcpy_from_folio(to, folio, off, VEXFS_BLOCK_SIZE);
		if (size - pos < VEXFS_BLOCK_SIZE)
			memset(to + (size - pos), 0, VEXFS_BLOCK_SIZE - (size - pos));
	}
	folio_put(folio);
	return there;
}

static int write_block(struct super_block *sb, u64 pblk, struct page *page)
{
	struct bio_vec vec;
	struct bio bio;
	int err;

	bio_init(&bio, sb->s_bdev, &vec, 1, REQ_OP_WRITE | REQ_SYNC);
	bio.bi_iter.bi_sector = pblk << (VEXFS_BLOCK_SHIFT - SECTOR_SHIFT);
	__bio_add_page(&bio, page, VEXFS_BLOCK_SIZE, 0);
	err = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return err;
}

static int write_zeros(struct super_block *sb, u64 pblk, u32 len)
{
	const int shift = VEXFS_BLOCK_SHIFT - SECTOR_SHIFT;

	return len ? blkdev_issue_zeroout(sb->s_bdev, pblk << shift, (sector_t)len << shift,
					  GFP_NOFS, BLKDEV_ZERO_NOUNMAP) : 0;
}

/* Every block of an unwritten extent gets what its readers see. */
static int fill_extent(struct inode *inode, const struct vexfs_map *map, struct page *page)
{
	struct super_block *sb = inode->i_sb;
	u32 i, zeros = 0;
	int err = 0;

	for (i = 0; i < map->len && err >= 0; i++) {
		err = cached_block(inode, map->lblk + i, page_address(page));
		if (err > 0) {
			err = write_zeros(sb, map->pblk + i - zeros, zeros) ?:
			      write_block(sb, map->pblk + i, page);
			zeros = 0;
		} else {
			zeros++;
		}
		cond_resched();
	}
	return err ?: write_zeros(sb, map->pblk + i - zeros, zeros);
}

/*
 * A part of an extent is written, and there is no block left for what a split of it takes, not even
 * in the reserve.  So all of it is written, and then converted, which takes none.
 *
 * No other I/O to its blocks may be overtaken by ours.  Folios that are under writeback stay so, for
 * it ends in the worker that we are in: what is on its way, or here already, are the same data.
 * All others need the map, which has changed, and its lock, before any I/O.
 */
static int convert_whole(struct inode *inode, u32 lblk)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct page *page = alloc_page(GFP_NOFS);
	struct vexfs_map map;
	handle_t *handle;
	u32 done;
	int err;

	if (!page)
		return -ENOMEM;
	handle = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS);
	err = PTR_ERR_OR_ZERO(handle);
	if (err)
		goto free;
	err = vexfs_inode_access(handle, inode);
	down_write(&core->lock);
	err = err ?: vexfs_extent_around(core, lblk, &map);
	if (!err && map.pblk && map.unwritten) {
		WRITE_ONCE(core->seq, core->seq + 1);
		/* map_blocks() reads it after the folio came under writeback */
		smp_mb();
		err = fill_extent(inode, &map, page) ?:
		      vexfs_extent_convert(handle, core, map.lblk, map.len, &done) ?:
		      vexfs_log_inode_locked(handle, inode, true);
	}
	up_write(&core->lock);
	err = vexfs_stop(handle, err);
free:
	__free_page(page);
	return err;
}

/* --- writeback --- */

/* The data of [pos, pos + len) are on the device; len 0: the range lies past EOF by now. */
static int written(struct inode *inode, loff_t pos, size_t len)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	u64 at = pos >> VEXFS_BLOCK_SHIFT, end = DIV_ROUND_UP_ULL(pos + len, VEXFS_BLOCK_SIZE);
	handle_t *handle;
	u32 done;
	int err;

	do {
		handle = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		/* or memory would say that it was logged */
		err = vexfs_inode_access(handle, inode);
		down_write(&core->lock);
		if (!err && at < end) {
			done = 0;
			err = vexfs_extent_convert(handle, core, at, end - at, &done);
			at += done;
			if (!err && !done)
				err = -EUCLEAN;
		}
		if (!err && at >= end)
			core->disk_size = max_t(u64, core->disk_size,
						min_t(loff_t, pos + len, i_size_read(inode)));
		if (!err)
			err = vexfs_log_inode_locked(handle, inode, true);
		up_write(&core->lock);
		err = vexfs_stop(handle, err);
		if (err == -ENOSPC && at < end)
			err = convert_whole(inode, at);
		cond_resched();
	} while (!err && at < end);
	return err;
}

/*
 * One inode's finished I/O.  The inode is pinned by writeback on its pages, until the last ioend is
 * finished.
 */
void vexfs_io_work(struct work_struct *work)
{
	struct vexfs_inode_info *vi = container_of(work, struct vexfs_inode_info, io_work);
	unsigned int nofs = memalloc_nofs_save();
	struct iomap_ioend *io;
	unsigned long irq;
	LIST_HEAD(list);
	int err;

	spin_lock_irqsave(&vi->io_lock, irq);
	list_replace_init(&vi->io_ends, &list);
	spin_unlock_irqrestore(&vi->io_lock, irq);

	iomap_sort_ioends(&list);
	while ((io = list_first_entry_or_null(&list, struct iomap_ioend, io_list))) {
		list_del_init(&io->io_list);
		iomap_ioend_try_merge(io, &list);
		err = blk_status_to_errno(io->io_bio.bi_status);
		if (!err)
			err = written(io->io_inode, io->io_offset, io->io_size);
		iomap_finish_ioends(io, err);
		cond_resched();
	}
	memalloc_nofs_restore(nofs);
}

static void end_bio(struct bio *bio)
{
	struct iomap_ioend *io = iomap_ioend_from_bio(bio);
	struct vexfs_inode_info *vi = VEXFS_I(io->io_inode);
	unsigned long irq;

	spin_lock_irqsave(&vi->io_lock, irq);
	if (list_empty(&vi->io_ends))
		queue_work(VEXFS_SB(io->io_inode->i_sb)->wq, &vi->io_work);
	list_add_tail(&io->io_list, &vi->io_ends);
	spin_unlock_irqrestore(&vi->io_lock, irq);
}

/* Overwriting blocks that are written, below the size on disk, needs no transaction. */
static int prepare_ioend(struct iomap_ioend *io, int status)
{
	if (io->io_type == IOMAP_UNWRITTEN ||
	    io->io_offset + io->io_size > READ_ONCE(VEXFS_I(io->io_inode)->core.disk_size))
		io->io_bio.bi_end_io = end_bio;
	return status;
}

/*
 * A mapping that dirties the folio in which the file ends dirties what is behind the end too.  If
 * a write or a truncate moves the end before it is written back, that is a hole, of zeros: iomap
 * skips it.  Whoever changes it takes a fault first, which allocates.  Not so in a plane, where all
 * was allocated before: there it is a row that would be lost.
 */
static int map_blocks(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t pos,
		      unsigned int len)
{
	int err;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (pos >= wpc->iomap.offset && pos < wpc->iomap.offset + wpc->iomap.length &&
	    iomap_still_valid(inode, &wpc->iomap))
		return 0;
	err = fill_iomap(inode, pos >> VEXFS_BLOCK_SHIFT, &wpc->iomap);
	if (!err && wpc->iomap.type == IOMAP_HOLE &&
	    VEXFS_I(inode)->core.flags & VEXFS_INODE_HIDDEN) {
		vexfs_error(inode->i_sb, "inode %lu: no block for dirty data at %lld", inode->i_ino,
			    pos);
		err = -EIO;
	}
	return err;
}

static const struct iomap_writeback_ops writeback_ops = {
	.map_blocks	= map_blocks,
	.prepare_ioend	= prepare_ioend,
};

/*
 * Records that were bound to a file before it changed are stale.  What is written in place is on
 * the device at once, and that must be in the log by then.
 */
static int wait_for_raise(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);

	if (!test_bit(VEXFS_I_RAISED, &vi->state))
		return 0;
	return jbd2_complete_transaction(VEXFS_SB(inode->i_sb)->journal,
					 READ_ONCE(vi->raise_tid));
}

static int writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct iomap_writepage_ctx wpc = { };
	int err = wait_for_raise(mapping->host);

	/* the log has failed; map_blocks() refuses then, and each folio learns of it */
	if (err && !vexfs_is_shutdown(mapping->host->i_sb))
		return err;
	return iomap_writepages(mapping, wbc, &wpc, &writeback_ops);
}

static int read_folio(struct file *file, struct folio *folio)
{
	return iomap_read_folio(folio, &vexfs_iomap_ops);
}

static void readahead(struct readahead_control *rac)
{
	iomap_readahead(rac, &vexfs_iomap_ops);
}

const struct address_space_operations vexfs_aops = {
	.read_folio		= read_folio,
	.readahead		= readahead,
	.writepages		= writepages,
	.dirty_folio		= iomap_dirty_folio,
	.release_folio		= iomap_release_folio,
	.invalidate_folio	= iomap_invalidate_folio,
	.is_partially_uptodate	= iomap_is_partially_uptodate,
	.migrate_folio		= filemap_migrate_folio,
	.error_remove_folio	= generic_error_remove_folio,
};
