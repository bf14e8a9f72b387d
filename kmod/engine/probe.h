/* SPDX-License-Identifier: GPL-2.0 */
/* A query's way through lists, see probe.c. */
#ifndef _VEXFS_ENGINE_PROBE_H
#define _VEXFS_ENGINE_PROBE_H

#include "lists.h"

#define VEXFS_LISTS_AHEAD 4
#define VEXFS_RANKS 512

/* What a list adds to the bounds of its rows, see vexfs_ladder_refine(). */
struct vexfs_near {
	float plus, reach;
};

struct vexfs_probe {
	struct vexfs_ladder ladder;
	float *dots;			/* [groups], then [lists]: <z, centre>, about */
	__u32 *done;			/* [lists]: rows that were looked at */
	__u32 *turn;			/* [lists]: lists that were begun before it */
	__u32 *far;			/* [lists]: keys of the centres' distances, of open groups */
	/*
	 * Lists of groups that were opened, and `lists` + group of those that were not, by the distance
	 * of the centre or the least one that a centre is likely to have: linked by ranks, which are
	 * equal parts of octaves.  What comes to a rank that is over joins the current one.
	 */
	__u32 head[VEXFS_RANKS];	/* if there is any: */
	__u64 some[VEXFS_RANKS / 64];
	__u32 *link;			/* [lists + groups]: the next of the same rank, ~0: the last */
	__u32 rank;			/* of what came last */
	__u32 lowest, shift;		/* what ranks are made of: bits of a float */
	float origin;			/* dot: distances are taken from here on */
	bool ranked;			/* the scale of ranks is set */
	/* taken in order of rank, and fetched ahead */
	__u32 next[VEXFS_LISTS_AHEAD], nexts;
	/* how near their rows are likely to be, at most: keys; of the first so many of those */
	__u32 edge[VEXFS_LISTS_AHEAD], edges;
	__u32 at;			/* the list at hand; ~0: none yet */
	__u32 lists;			/* that were begun */
	__u64 listed;			/* rows of lists that were looked at */
	__u32 strays;			/* rows in no list that were */
	struct vexfs_probed probed[VEXFS_BATCH];	/* what vexfs_q_probes() gives */
	struct vexfs_near *near;	/* [lists]: of those whose bit is set in known */
	__u64 *known;
	/*
	 * What scans leave: rows that the first rung lets pass, and their lists' plus and reach.
	 * Or what refine.c looks up: rows of lists `in`, of candidates `of` of the batch.
	 */
	bool judged, elsewhere;		/* is what matches rather where it has not looked yet? */
	bool all_match;			/* there is no filter that tells of rows */
	__u64 met, matched;		/* rows that the first rung let pass; of those */
	__u32 kept;
	__u64 slot[VEXFS_BATCH];
	const struct vexfs_rung2 *two[VEXFS_BATCH];
	float plus[VEXFS_BATCH], reach[VEXFS_BATCH];
	__u32 lower[VEXFS_BATCH], upper[VEXFS_BATCH];
	__u32 in[VEXFS_BATCH], of[VEXFS_BATCH];
	/* codes of the next list that are to be fetched while this one is scanned */
	const __u8 *ahead, *ahead_end;
};

/* --- ladder.c; between vx_fpu_begin() and vx_fpu_end() --- */

/*
 * Distances of the groups' centres: nothing is ranked yet.  Returns the nearest group that has lists;
 * ~0: none has.
 */
__u32 vexfs_probe_groups(const struct vexfs_lists *l, struct vexfs_probe *p);
/* Rank the lists of a group; those of the first one set the scale. */
void vexfs_probe_open(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 group);
/* Rank the other groups than the one that was opened. */
void vexfs_probe_rank(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 opened);
/*
 * The slants (see ladder.c) of n lists that are ranked at the gate, a key; and the distance at which list
 * `at` has a slant, a key: it is likely to have nothing nearer.
 */
#define VEXFS_SLANT_LEAST	((__s32)-0x7fffffff)
#define VEXFS_SLANT_MOST	0x7fffffff
void vexfs_probe_slants(const struct vexfs_lists *l, struct vexfs_probe *p, const __u32 *list, __u32 n,
			__u32 gate, __s32 *slant);
__u32 vexfs_probe_edge(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at, __s32 slant);
/* List `at` is the one at hand. */
void vexfs_probe_list(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at);
/*
 * Look at the rows [from, from + n) of list `at`, which is the one at hand.  Those whose lower
 * bound is not above the gate are kept.  Returns how many rows were looked at, fewer when there is
 * no room for more.
 */
__u32 vexfs_probe_scan(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at, __u32 from,
		       __u32 n, __u32 sigma, __u32 gate);
/* Bounds of the rows [from, from + n) of those that were looked up, from the second rung. */
void vexfs_probe_rows(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 from, __u32 n,
		      __u32 sigma);
/*
 * Bounds of what was kept from the second rung: slot, lower and upper have those that are not above
 * the gate, and returns how many.  None are kept after that.
 */
__u32 vexfs_probe_refine(struct vexfs_probe *p, __u32 sigma, __u32 gate);

#endif /* _VEXFS_ENGINE_PROBE_H */
