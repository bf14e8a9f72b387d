/* SPDX-License-Identifier: GPL-2.0 */
/* Live recall of a collection: answers that wait to be judged, and what came of others. */
#ifndef _VEXFS_COLLECTION_RECALL_H
#define _VEXFS_COLLECTION_RECALL_H

#include "collection/platform.h"

struct vexfs_collection_mem;

/* An answer, and what it takes to find out how good it is. */
struct vexfs_sample {
	struct list_head list;		/* vexfs_recall.waiting */
	u64 epoch, count;		/* of the body that was searched; slots that were seen */
	void *row;			/* that was searched for; part of the same memory */
	u32 recall;			/* that was wanted, in millionths */
	u32 k, n;			/* records wanted; found */
	u32 care;			/* with which lists were looked into; 0: none were, or not so */
	char strategy[VEXFS_PROG_NAME_LEN];
	struct vexfs_hit_f hit[] __counted_by(n);
};

#define VEXFS_SAMPLES		4	/* that may wait in a collection */
#define VEXFS_STRATEGIES	8	/* that are told apart in a collection */
#define VEXFS_CARE		16u	/* lists are looked into for the recall that is wanted */
#define VEXFS_MOST_CARE		(VEXFS_CARE * 64)

struct vexfs_recall {
	atomic64_t asked;		/* queries that could have become samples */
	spinlock_t lock;		/* a leaf; for what follows */
	struct list_head waiting;	/* the oldest first */
	u32 n_waiting;
	struct vexfs_recall_count strategy[VEXFS_STRATEGIES]; /* queries 0: of none */
	/*
	 * What lists miss is to be VEXFS_CARE / care of what it may; READ_ONCE() without the lock.  And
	 * what the answers missed that were given with it, see recall.c.
	 */
	u32 care;
	struct {
		u32 n;
		u64 may, missed, squares;	/* millionths of each one's neighbours, summed */
	} judged;
};

void vexfs_recall_init(struct vexfs_recall *r);
void vexfs_recall_free(struct vexfs_recall *r);	/* nobody else has it */
/* Room for n hits and a row; kvfree().  NULL: no memory. */
struct vexfs_sample *vexfs_sample_new(u32 n, u32 row_bytes);
/* Let it wait, or free it if too many do. */
void vexfs_recall_keep(struct vexfs_recall *r, struct vexfs_sample *sample);
/* The one that has waited longest, for the caller to free.  NULL: none does. */
struct vexfs_sample *vexfs_recall_take(struct vexfs_recall *r);
/* One was judged: of so many neighbours that it should have, it has so many. */
void vexfs_recall_add(struct vexfs_recall *r, const struct vexfs_sample *sample, u32 expected,
		      u32 found);
/* The recall for which lists are looked into with care, where this one is wanted; in millionths. */
u32 vexfs_recall_aim(u32 recall, u32 care);
/* What came of all that were judged, in at most n entries.  How many. */
u32 vexfs_recall_counts(struct vexfs_collection_mem *c, struct vexfs_recall_count *out, u32 n);

#endif /* _VEXFS_COLLECTION_RECALL_H */
