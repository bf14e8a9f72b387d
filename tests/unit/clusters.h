/* SPDX-License-Identifier: GPL-2.0 */
/* A clustered set of records that changes, with codes and lists, outside any collection. */
#ifndef _VEXFS_TEST_CLUSTERS_H
#define _VEXFS_TEST_CLUSTERS_H

#include "driver.h"
#include "engine/lists.h"

struct clusters {
	__u32 metric, dims, clusters;
	__u32 n, room;			/* slots, and those that there is memory for */
	float drift;			/* how far clusters have moved from where they were */
	float *rows;
	struct vx_rows plane;
	struct vexfs_columns *columns;
	struct vexfs_codes *codes;
	struct vexfs_lists *lists;
};

/* No record yet; up to `room` slots. */
void clusters_init(struct clusters *s, __u32 metric, __u32 dims, __u32 clusters, __u32 room);
/* A vector of a cluster where it is now. */
void clusters_vector(const struct clusters *s, float *v);
/* A record of the next slot; ids that are there are replaced. */
void clusters_put(struct clusters *s, __u64 id);
/* All slots get codes; those below n lists, which are measured. */
void clusters_code(struct clusters *s);
void clusters_list(struct clusters *s, __u32 n);
/* Slots below n are in lists. */
void clusters_link(struct clusters *s, __u32 n);
/*
 * Lists are made even, as the worker of a mount does it: those that have grown too much are split, and so
 * on.  each(), unless NULL, looks at every generation.  Returns how many there were.
 */
__u32 clusters_balance(struct clusters *s, void (*each)(void));
void clusters_free(struct clusters *s);
/*
 * Queries at a recall target, in millionths; returns the part of the 10 nearest that they found, by
 * exact search.  What is found is a live record, each once.
 */
double clusters_recall(struct clusters *s, __u32 recall, __u32 queries);
/* The part of live records that are found by their own vectors. */
double clusters_found(struct clusters *s, __u32 queries);

#endif /* _VEXFS_TEST_CLUSTERS_H */
