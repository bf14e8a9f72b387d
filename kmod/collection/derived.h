/* SPDX-License-Identifier: GPL-2.0 */
/* Codes of rows in memory, see derived.c. */
#ifndef _VEXFS_COLLECTION_DERIVED_H
#define _VEXFS_COLLECTION_DERIVED_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;

/*
 * The codes of a body, NULL: none, as it is small or does not fit the budget.  Slots that have none
 * are encoded first, for up to `us` microseconds, unless somebody else is at it.  Reads rows.
 */
struct vexfs_codes *vexfs_body_codes(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				     u32 us);
/*
 * VEXFS_CODES_* for a search of `count` slots that was given these codes; a guess at why there are
 * none, as of now.
 */
u32 vexfs_body_codes_state(const struct vexfs_collection_mem *c, const struct vexfs_body *b,
			   const struct vexfs_codes *codes, u64 count);
/* Encode n rows that are about to be published as slots `first` on.  c->lock held. */
void vexfs_body_encode(const struct vexfs_collection_mem *c, u64 first, u32 n, const void *rows);
void vexfs_body_drop_codes(struct vexfs_body *b);	/* the body is going */

#endif /* _VEXFS_COLLECTION_DERIVED_H */
