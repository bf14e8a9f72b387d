/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of queries that are over, for those that come, see spare.c.  The hosts keep some with a
 * mount, so this includes nothing.
 */
#ifndef _VEXFS_SEARCH_SPARE_H
#define _VEXFS_SEARCH_SPARE_H

struct super_block;
struct vexfs_query;

#define VEXFS_SPARES 16

struct vexfs_spares {
	struct {
		struct vexfs_query *q; /* NULL: none; xchg() alone looks at it */
	} __attribute__((aligned(64))) of[VEXFS_SPARES]; /* processors, each a cache line */
};

/* One that is over, for vexfs_query_again(), or NULL. */
struct vexfs_query *vexfs_spare_take(struct super_block *sb);
/* It is over, and nobody has it any more.  NULL is fine. */
void vexfs_spare_put(struct super_block *sb, struct vexfs_query *q);
/* All of them: at the end of a mount, and when derived data are asked to make room for other memory. */
void vexfs_spares_free(struct super_block *sb);

#endif /* _VEXFS_SEARCH_SPARE_H */
