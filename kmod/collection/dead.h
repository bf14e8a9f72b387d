/* SPDX-License-Identifier: GPL-2.0 */
/* Dead bitmaps, see dead.c. */
#ifndef _VEXFS_COLLECTION_DEAD_H
#define _VEXFS_COLLECTION_DEAD_H

#include "collection/platform.h"

struct vexfs_body;

/* Dead bitmap blocks that one transaction may change. */
#define VEXFS_COMMIT_DEAD_BLOCKS	256
/* Those that a commit does; what touches more goes into the log of deaths.  Tests have fewer. */
extern u32 vexfs_commit_dead_blocks;

/* Numbers of dead bitmap blocks, no duplicates. */
struct vexfs_dead_set {
	u32 n;
	u32 lblk[VEXFS_COMMIT_DEAD_BLOCKS];
};

/* Index of a block in a set, -1: not in it. */
int vexfs_dead_find(const struct vexfs_dead_set *set, u32 lblk);
/*
 * Add a block to `pending`.  False: that would be more than a commit can take; those of a running
 * commit count too, because they come back when it fails.
 */
bool vexfs_dead_add(struct vexfs_dead_set *pending, const struct vexfs_dead_set *inflight,
		    u32 lblk);
/* A block of a dead bitmap, verified.  ERR_PTR: -EUCLEAN after a line in the log, -EIO. */
vx_buf *vexfs_dead_block(struct inode *dead, u32 lblk);
/*
 * Add block lblk, behind all others.  bits: VEXFS_DEAD_SLOTS of them, as on disk; NULL: none is
 * dead. -ENOSPC, -EIO.
 */
int vexfs_dead_append(struct inode *dead, u32 lblk, const void *bits);
/* Make an empty one of `count` bits, 64 to a word.  -ENOSPC, -EIO, -ENOMEM, -EINTR. */
int vexfs_dead_write(struct inode *dead, const u64 *bits, u64 count);
/*
 * Blocks for `slots` slots, now, so that a delete never needs space.  insert_lock held.  -ENOSPC,
 * -EIO.
 */
int vexfs_dead_grow(struct vexfs_body *b, u64 slots);

#endif /* _VEXFS_COLLECTION_DEAD_H */
