// SPDX-License-Identifier: GPL-2.0
/*
 * Dead bitmaps: hidden inodes of journaled blocks, a bit per slot.  That of a collection grows with
 * the slots, before anybody can delete them; bits are set by commits (commit.c) and read at
 * loading. Those of its snapshots do not change.
 *
 * Locks: growing is done under vexfs_collection_mem.lock; it takes a transaction and core.lock.
 * Bits change in transactions under commit_lock.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "collection.h"

/* --- sets of blocks --- */

int vexfs_dead_find(const struct vexfs_dead_set *set, u32 lblk)
{
	int i;

	for (i = set->n - 1; i >= 0; i--)	/* the last one added is the likeliest */
		if (set->lblk[i] == lblk)
			return i;
	return -1;
}

bool vexfs_dead_add(struct vexfs_dead_set *pending, const struct vexfs_dead_set *inflight, u32 lblk)
{
	if (vexfs_dead_find(pending, lblk) >= 0)
		return true;
	if (pending->n + inflight->n >= VEXFS_COMMIT_DEAD_BLOCKS)
		return false;
	pending->lblk[pending->n++] = lblk;
	return true;
}

/* --- blocks --- */

struct buffer_head *vexfs_dead_block(struct inode *dead, u32 lblk)
{
	struct vexfs_inode_core *core = &VEXFS_I(dead)->core;
	const struct vexfs_dead_block *x;
	struct buffer_head *bh;
	struct vexfs_map map;
	const char *why;
	int err;

	down_read(&core->lock);
	err = vexfs_extent_lookup(core, lblk, &map);
	up_read(&core->lock);
	if (err)
		return ERR_PTR(err);
	if (!map.pblk || map.unwritten) {
		vexfs_error(dead->i_sb,
			    "collection %llu: block %u of the dead bitmap %lu is missing",
			    core->parent, lblk, dead->i_ino);
		return ERR_PTR(-EUCLEAN);
	}
	bh = vx_bread(core->fs, map.pblk);
	if (IS_ERR(bh))
		return bh;
	x = vx_data(bh);
	if (le32_to_cpu(x->x_magic) != VEXFS_DEAD_MAGIC || le32_to_cpu(x->x_lblk) != lblk)
		why = "no dead bitmap block";
	else if (le32_to_cpu(x->x_crc) != vexfs_csum(core->fs, x, VEXFS_BLOCK_SIZE,
						     offsetof(struct vexfs_dead_block, x_crc),
						     core->ino, core->generation, lblk))
		why = "bad checksum";
	else if (le32_to_cpu(x->x_dead) != memweight(x->x_bits, sizeof(x->x_bits)))
		why = "its count does not match its bits";
	else
		return bh;
	vexfs_error(dead->i_sb, "collection %llu, block %u of the dead bitmap %lu at %llu: %s",
		    core->parent, lblk, dead->i_ino, map.pblk, why);
	vx_brelse(bh);
	return ERR_PTR(-EUCLEAN);
}

void vexfs_dead_stamp(struct inode *dead, struct buffer_head *bh)
{
	struct vexfs_inode_core *core = &VEXFS_I(dead)->core;
	struct vexfs_dead_block *x = vx_data(bh);

	x->x_crc = cpu_to_le32(vexfs_csum(core->fs, x, VEXFS_BLOCK_SIZE,
					  offsetof(struct vexfs_dead_block, x_crc), core->ino,
					  core->generation, le32_to_cpu(x->x_lblk)));
}

/* One try, in a transaction. */
static int append(struct inode *dead, u32 lblk, const void *bits)
{
	struct vexfs_inode_core *core = &VEXFS_I(dead)->core;
	struct vexfs_dead_block *x;
	struct buffer_head *bh;
	struct vexfs_map map;
	handle_t *handle;
	int err;

	handle = vexfs_start(dead->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS + 1);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	down_write(&core->lock);
	err = vexfs_extent_lookup(core, lblk, &map);
	if (!err && !map.pblk)		/* else left from a try that failed below */
		err = vexfs_extent_alloc(handle, core, lblk, 1, false, &map);
	if (!err) {
		bh = vx_getblk(core->fs, map.pblk);
		err = PTR_ERR_OR_ZERO(bh);
		if (!err)
			err = vx_txn_create(handle, bh);
		if (!err) {
			x = vx_data(bh);
			x->x_magic = cpu_to_le32(VEXFS_DEAD_MAGIC);
			x->x_lblk = cpu_to_le32(lblk);
			if (bits) {
				memcpy(x->x_bits, bits, sizeof(x->x_bits));
				x->x_dead = cpu_to_le32(memweight(bits, sizeof(x->x_bits)));
			}
			vexfs_dead_stamp(dead, bh);
			err = vx_txn_dirty(handle, core->fs, bh);
		}
		if (!IS_ERR(bh))
			vx_brelse(bh);
		if (!err) {
			core->disk_size = (u64)(lblk + 1) << VEXFS_BLOCK_SHIFT;
			i_size_write(dead, core->disk_size);
		}
		err = vexfs_log_inode_locked(handle, dead, true) ?: err;
	}
	up_write(&core->lock);
	return vexfs_stop(handle, err);
}

int vexfs_dead_append(struct inode *dead, u32 lblk, const void *bits)
{
	int retries = 0, err;

	do
		err = append(dead, lblk, bits);
	while (vexfs_retry_alloc(dead->i_sb, err, &retries));
	return err;
}

int vexfs_dead_write(struct inode *dead, const u64 *bits, u64 count)
{
	u64 words = DIV_ROUND_UP_ULL(count, 64), at, n, i;
	__le64 *block;
	int err = 0;

	BUILD_BUG_ON(VEXFS_DEAD_SLOTS % 64);
	block = kmalloc(VEXFS_DEAD_SLOTS / 8, GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	for (at = 0; at < words && !err; at += n) {
		n = min_t(u64, words - at, VEXFS_DEAD_SLOTS / 64);
		memset(block, 0, VEXFS_DEAD_SLOTS / 8);
		for (i = 0; i < n; i++)
			block[i] = cpu_to_le64(bits[at + i]);
		err = fatal_signal_pending(current) ? -EINTR :
		      vexfs_dead_append(dead, at / (VEXFS_DEAD_SLOTS / 64), block);
		cond_resched();
	}
	kfree(block);
	return err;
}

int vexfs_dead_grow(struct vexfs_body *b, u64 slots)
{
	u64 want = DIV_ROUND_UP_ULL(slots, VEXFS_DEAD_SLOTS);
	int err;

	while (b->dead_blocks < want) {
		err = vexfs_dead_append(b->dead, b->dead_blocks, NULL);
		if (err)
			return err;
		b->dead_blocks++;
	}
	return 0;
}
