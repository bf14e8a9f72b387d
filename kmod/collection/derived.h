/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is derived from the rows of a body, in memory; see derived.c.
 */
#ifndef _VEXFS_COLLECTION_DERIVED_H
#define _VEXFS_COLLECTION_DERIVED_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;

/*
 * One generation of what is derived.  It is the body's until another one takes its place or it is
 * evicted; a search holds a reference for as long as the call lasts, and the last one frees it.
 * Each member is fixed, or only grows, while a reference is held.
 */
struct vexfs_derived {
	refcount_t refs;		/* one is the body's, while it is the current one */
	struct super_block *sb;		/* whose budget is charged */
	u64 charged;			/* bytes of it; lock */
	struct mutex lock;		/* who adds to it; it is only ever tried */
	struct vexfs_codes *codes;	/* (const) never NULL */
};

/* The current generation of a body, with a reference; NULL: none.  Never waits. */
struct vexfs_derived *vexfs_derived_get(struct vexfs_body *b);
/* NULL is fine.  Outside spinlocks: the last one frees it. */
void vexfs_derived_put(struct vexfs_derived *d);

/*
 * The same for a search: a body that has enough records gets a generation, and slots that have no
 * codes are encoded first, for up to `us` microseconds, unless somebody else is at it.  NULL: the
 * body is small, or its codes do not fit the budget.  Reads rows.
 */
struct vexfs_derived *vexfs_derived_search(const struct vexfs_collection_mem *c,
					   struct vexfs_body *b, u32 us);
/*
 * VEXFS_CODES_* for a search of `count` slots that was given this; a guess at why there is none, as
 * of now.
 */
u32 vexfs_derived_state(const struct vexfs_collection_mem *c, const struct vexfs_body *b,
			const struct vexfs_derived *d, u64 count);
/*
 * Rows that are about to be published as slots `first` on join the current generation, if all
 * before them are in it.  c->lock held.
 */
void vexfs_derived_insert(const struct vexfs_collection_mem *c, u64 first, u32 n,
			  const void *rows);
/* The body is going: nobody else has it. */
void vexfs_derived_drop(struct vexfs_body *b);

#endif /* _VEXFS_COLLECTION_DERIVED_H */
