/* SPDX-License-Identifier: GPL-2.0 */
/* A query's way through lists, see probe.c. */
#ifndef _VEXFS_ENGINE_PROBE_H
#define _VEXFS_ENGINE_PROBE_H

#include "lists.h"

#define VEXFS_LISTS_AHEAD 2

struct vexfs_probe {
	struct vexfs_ladder ladder;
	float *dots;			/* [groups], then [lists]: <z, centre>, about */
	__u32 *done;			/* [lists]: rows that were looked at */
	__u64 *before;			/* [lists]: rows of lists that were looked at before it */
	/* lists of groups that were opened: distance of the centre as a key << 32 | list; a min-heap */
	__u64 *left;
	__u32 lefts;
	/* groups that were not: the least distance that a centre is likely to have << 32 | group */
	__u64 *closed;
	__u32 closeds;
	/* taken from left, in order, and fetched ahead; keys of their distances */
	__u32 next[VEXFS_LISTS_AHEAD], far[VEXFS_LISTS_AHEAD], nexts;
	__u32 nearest;			/* key of the distance of the nearest centre */
	__u32 at;			/* the list at hand; ~0: none yet */
	__u32 lists;			/* that were begun */
	__u64 listed;			/* rows of lists that were looked at */
	__u32 strays;			/* rows in no list that were */
	/* what a scan leaves */
	__u64 slot[VEXFS_BATCH];
	const struct vexfs_rung2 *two[VEXFS_BATCH];
	__u32 lower[VEXFS_BATCH], upper[VEXFS_BATCH];
};

/* --- ladder.c; between vx_fpu_begin() and vx_fpu_end() --- */

/* Fill closed and closeds; not yet a heap. */
void vexfs_probe_groups(const struct vexfs_lists *l, struct vexfs_probe *p);
/* Distances of the lists of a group to entry[]; returns how many. */
__u32 vexfs_probe_open(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 group,
		       __u64 *entry);
/* List `at` is the one at hand. */
void vexfs_probe_list(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at);
/*
 * Look at the rows [from, from + *n) of a list, which is the ladder's; from is a multiple of
 * VEXFS_CODE_BLOCK.  Those whose lower bound is not above the gate go to slot and two; returns how
 * many.  *n: rows looked at, fewer when there is no room for more.
 */
__u32 vexfs_probe_scan(const struct vexfs_list *list, struct vexfs_probe *p, __u32 from, __u32 *n,
		       __u32 sigma, __u32 gate);

#endif /* _VEXFS_ENGINE_PROBE_H */
