/* SPDX-License-Identifier: GPL-2.0 */
/* How a query is run, for the tests of the engine. */
#ifndef _VEXFS_TEST_DRIVER_H
#define _VEXFS_TEST_DRIVER_H

#include "../exact.h"
#include "box.h"
#include "engine/internal.h"

/*
 * What kmod/search/search.c does, but for the programs: attempts until one succeeds.  Returns hits,
 * or what vexfs_query_finish() or a failed hook gave.
 */
int run(struct vexfs_query *q, int (*strategy)(struct vexfs_search *), struct vexfs_hit_f *hits,
	__u32 *truncated, __u32 *restarts);

/* The batch of n candidates, if there are any, is measured and offered: what is left of it, or an error. */
int measured(struct vexfs_query *q, int n);

/*
 * Strategies that see every slot.  Backwards, twice, by slots, with dead, equal and impossible ones
 * among them.
 */
int backwards(struct vexfs_search *s);
int ranges(struct vexfs_search *s);		/* by ranges, not aligned */

#endif /* _VEXFS_TEST_DRIVER_H */
