/* SPDX-License-Identifier: GPL-2.0 */
/* Checkpoints of what is derived from rows, see checkpoint.c. */
#ifndef _VEXFS_COLLECTION_CHECKPOINT_H
#define _VEXFS_COLLECTION_CHECKPOINT_H

#include "collection/platform.h"

struct vexfs_body;
struct vexfs_collection_mem;
struct vexfs_derived;

/* Slots of a collection that is worth a checkpoint: fewer are coded and listed as fast.  Tests. */
extern u32 vexfs_checkpoint_least;

/* Is there one that may be read? */
bool vexfs_checkpoint_waits(struct vexfs_body *b);
/*
 * The generation in the checkpoint, charged for `count` slots, of which it has those before the last
 * insert or all; without its lists if there is no room for them.  NULL: there is no checkpoint, or
 * none that is right, which is told.  ERR_PTR: -ENOSPC, -ENOMEM, -EINTR killed, or stop(b) says so
 * (NULL: never).  Reads.
 */
struct vexfs_derived *vexfs_checkpoint_load(const struct vexfs_collection_mem *c,
					    struct vexfs_body *b, u64 count, u64 used,
					    bool (*stop)(void *body));
/* Should one of the current generation be written? */
bool vexfs_checkpoint_is_due(struct vexfs_body *b, struct vexfs_derived *d, u64 now);
/* upkeep_lock held: write one if it is due. */
void vexfs_checkpoint_keep(struct vexfs_collection_mem *c, struct vexfs_body *b,
			   struct vexfs_derived *d, bool (*stop)(void *body));
/* Unmount, when all is committed and the worker has ended: write those that save work. */
void vexfs_checkpoints_last(struct super_block *sb);
/*
 * There is no room for something else: give back that of all checkpoints of loaded collections.
 * True: some had one, and what it took is free: try again.  No locks held but i_rwsem; no
 * transaction, and no freeze held off but as every writer does.
 */
bool vexfs_checkpoints_drop(struct super_block *sb);
/* vexfs_retry_alloc(), and if that has not helped the above, once. */
bool vexfs_retry_space(struct super_block *sb, int err, int *retries);
/* Slots that it has, 0: there is none, or of no use; and bytes. */
void vexfs_checkpoint_info(struct vexfs_body *b, u64 *slots, u64 *bytes);
/*
 * Read all of it, and look whether it is right.  NULL: it is, there is none, or another version may
 * know it; else what is wrong.  *err: -ENOMEM, -EINTR, and nothing is known.
 */
const char *vexfs_checkpoint_wrong(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				   int *err);

#endif /* _VEXFS_COLLECTION_CHECKPOINT_H */
