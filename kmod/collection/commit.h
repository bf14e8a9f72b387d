/* SPDX-License-Identifier: GPL-2.0 */
/* What makes operations durable, see commit.c. */
#ifndef _VEXFS_COLLECTION_COMMIT_H
#define _VEXFS_COLLECTION_COMMIT_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;

/* Commit all operations acknowledged so far; barrier: and wait until they are on stable storage. */
int vexfs_record_commit(struct vexfs_collection_mem *c, bool barrier);
/*
 * The same without the barrier, commit_lock held by the caller, who iput()s the directory
 * afterwards if *unpinned, which was false, is true.
 */
int vexfs_commit_all(struct vexfs_collection_mem *c, bool *unpinned);
/* The same with lock held too. */
int vexfs_commit_part(struct vexfs_collection_mem *c);
/*
 * Give up what is not committed: the collection is gone (why: see there), or (0) nothing can be
 * written any more.
 */
void vexfs_record_abandon(struct vexfs_collection_mem *c, int gone);
/* c->lock held: something is not committed, so the directory must stay in memory. */
void vexfs_commit_pin(struct vexfs_collection_mem *c);
/* A write error of the planes since they were loaded: -EIO. */
int vexfs_body_errors(const struct vexfs_body *b);

#endif /* _VEXFS_COLLECTION_COMMIT_H */
