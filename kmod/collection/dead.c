// SPDX-License-Identifier: GPL-2.0
/*
 * Dead bitmaps: hidden inodes of journaled blocks, a bit per slot.  That of a collection grows with
 * the slots, before anybody can delete them; bits are set by commits (commit.c) and read at
 * loading. Those of its snapshots do not change.
 *
 * Locks: growing is done under vexfs_collection_mem.insert_lock; it takes a transaction and
 * core.lock.  Bits change in transactions under commit_lock.
 */
#include "collection/collection.h"

/* --- sets of blocks --- */

u32 vexfs_commit_dead_blocks = VEXFS_COMMIT_DEAD_BLOCKS;

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
	if (pending->n + inflight->n >= vexfs_commit_dead_blocks)
		return false;
	pending->lblk[pending->n++] = lblk;
	return true;
}

/* --- blocks --- */

vx_buf *vexfs_dead_block(struct inode *dead, u32 lblk)
{
	vx_buf *bh = vexfs_block_read(dead, lblk, VEXFS_DEAD_MAGIC, "dead bitmap");
	const struct vexfs_dead_block *x;

	if (IS_ERR(bh))
		return bh;
	x = vx_data(bh);
	if (le32_to_cpu(x->x_dead) == memweight(x->x_bits, sizeof(x->x_bits)))
		return bh;
	vexfs_error(dead->i_sb,
		    "collection %llu, block %u of the dead bitmap %lu: its count does not match its bits",
		    VEXFS_I(dead)->core.parent, lblk, dead->i_ino);
	vx_brelse(bh);
	return ERR_PTR(-EUCLEAN);
}

static void fill(void *block, const void *bits)
{
	struct vexfs_dead_block *x = block;

	memcpy(x->x_bits, bits, sizeof(x->x_bits));
	x->x_dead = cpu_to_le32(memweight(bits, sizeof(x->x_bits)));
}

int vexfs_dead_append(struct inode *dead, u32 lblk, const void *bits)
{
	return vexfs_block_append(dead, lblk, VEXFS_DEAD_MAGIC, fill, bits);
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
		err = vx_killed() ? -EINTR :
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
