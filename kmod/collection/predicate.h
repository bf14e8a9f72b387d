/* SPDX-License-Identifier: GPL-2.0 */
/* Predicates that were asked for, and their bitmaps, see predicate.c. */
#ifndef _VEXFS_COLLECTION_PREDICATE_H
#define _VEXFS_COLLECTION_PREDICATE_H

#include "collection/platform.h"

struct vexfs_body;

/* Predicates that were asked for, see predicate.c. */
struct vexfs_predicates {
	struct mutex lock;
	struct list_head list;		/* lock: struct vexfs_cached */
	u32 n;				/* lock */
};

struct vexfs_cached;
void vexfs_predicates_init(struct vexfs_predicates *cache);
/* With the body: nobody uses any. */
void vexfs_predicates_drop(struct vexfs_predicates *cache);
u64 vexfs_predicates_bytes(struct vexfs_predicates *cache);
/*
 * Evaluate a condition, which was checked, over all slots of a body.  *match is good while the
 * caller holds what is returned.  ERR_PTR: -ENOMEM, -EINTR.  Sleeps.
 */
struct vexfs_cached *vexfs_predicate_get(struct vexfs_body *b, const struct vexfs_condition *c,
					 u64 deadline, struct vexfs_match *match);
void vexfs_predicate_put(struct vexfs_cached *e);	/* NULL and ERR_PTR are fine */

#endif /* _VEXFS_COLLECTION_PREDICATE_H */
