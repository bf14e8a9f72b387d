/* SPDX-License-Identifier: GPL-2.0 */
/* The insides of hash tables of codes, and a query's way through them; see lsh.c. */
#ifndef _VEXFS_ENGINE_LSH_H
#define _VEXFS_ENGINE_LSH_H

#include "query.h"

/*
 * A table has 2^bits buckets and one more, which in the first table holds what has no code: those of
 * bucket b are at first[b] .. first[b + 1] - 1 of its slots, in ascending order.
 */
struct vexfs_lsh {
	__u32 tables, bits;
	__u64 count;			/* slots before this are in them */
	size_t bytes;
	__u32 *first[VEXFS_MAX_TABLES];
	__u32 *slot[VEXFS_MAX_TABLES];
};

/* A query's. */
struct vexfs_buckets {
	__u32 code[VEXFS_MAX_TABLES];
	/* how far the query is from having the other bit, in 2^-24 of its largest coordinate */
	__u32 margin[VEXFS_MAX_TABLES][VEXFS_MAX_TABLE_BITS];
	/*
	 * of the built-in strategy: bits of a table, the smallest margin first; then buckets that
	 * may come next: the sum of the margins of what is flipped << 32 | table << 24 | a place in
	 * that order << 16 | bucket; a min-heap.  The last flip is in the place before; 0: there is
	 * none.
	 */
	__u8 order[VEXFS_MAX_TABLES][VEXFS_MAX_TABLE_BITS];
	__u64 *next;
	__u32 nexts, room;
	/* the bucket at hand, and so many of its slots were looked at; buckets that were begun */
	__u32 table, bucket, at, begun;
};

#endif /* _VEXFS_ENGINE_LSH_H */
