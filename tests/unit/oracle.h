/* SPDX-License-Identifier: GPL-2.0 */
/* Exact search in double precision, and how a query is run: for the tests of the engine. */
#ifndef _VEXFS_TEST_ORACLE_H
#define _VEXFS_TEST_ORACLE_H

#include "box.h"
#include "engine/internal.h"

struct near {
	double distance;
	__u64 id;
};

/*
 * The order of additions is the engine's (four sums, by the dimension modulo 4), so distances must be equal to the last
 * bit.
 */
double exact_distance(__u32 metric, const float *query, const float *row, __u32 dims);
int nearer(const void *a, const void *b);	/* qsort() of struct near: by distance, then id */

/*
 * What kmod/search.c does, but for the programs: attempts until one succeeds.  Returns hits, or what vexfs_query_finish()
 * or a failed hook gave.
 */
int run(struct vexfs_query *q, int (*strategy)(struct vexfs_search *), struct vexfs_hit_f *hits, __u32 *truncated,
	__u32 *restarts);

/* Strategies that see every slot.  Backwards, twice, by slots, with dead, equal and impossible ones among them. */
int backwards(struct vexfs_search *s);
int ranges(struct vexfs_search *s);		/* by ranges, not aligned */

#endif /* _VEXFS_TEST_ORACLE_H */
