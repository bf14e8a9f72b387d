/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The queries of one call.
 *
 *	search.c	rounds of the strategy, reading, falling back
 *	spare.c		memory of queries that are over
 *	recall.c	how good the answers are: some are compared with exact ones
 *
 * Locks: none is held here but for moments, see search.c.
 */
#ifndef _VEXFS_SEARCH_SEARCH_H
#define _VEXFS_SEARCH_SEARCH_H

#include "collection/collection.h"
#include "search/spare.h"

/*
 * Run the s->queries (> 0) queries in *s, whose vectors and predicate are given, checked; where may
 * be NULL.  hits must have room for s->queries * s->k, answers for s->queries.  Fills them and the
 * out fields of *s, which are 0; and *trace, which is 0, whatever is returned.  trace NULL: not
 * wanted.
 */
int vexfs_collection_search(struct vexfs_collection_mem *c, const struct file *file,
			    struct vexfs_ioc_search *s, const void *vectors,
			    const struct vexfs_condition *where, struct vexfs_hit *hits,
			    struct vexfs_query_answer *answers, struct vexfs_search_trace *trace);

/* Is every record to be measured, whatever is bound? */
static inline bool vexfs_search_is_exact(const struct vexfs_ioc_search *s)
{
	return s->flags & VEXFS_SEARCH_EXACT || s->method == VEXFS_METHOD_EXACT;
}

/* --- recall.c --- */

/* An answer that an exact search has to agree with, but for what the strategy missed. */
struct vexfs_answered {
	const struct vexfs_body *b;
	const void *row;		/* that was searched for */
	const struct vexfs_hit_f *hit;
	u64 count;			/* slots that were seen */
	u32 k, n;			/* records wanted; found */
	u32 recall;			/* that was wanted, in millionths */
	const char *strategy;
	u32 care;			/* with which lists were looked into; 0: none were, or not so */
};

/* Keep it, if it is one in many and there is room. */
void vexfs_recall_sample(struct vexfs_collection_mem *c, const struct vexfs_answered *a);
/* Judge the answer of the collection that has waited longest.  0: none does; 1. */
int vexfs_recall_step(struct vexfs_collection_mem *c);
/* The worker of a mount, when it was poked: judge what waits, but take no more than its share. */
void vexfs_recalls(struct super_block *sb);

#endif /* _VEXFS_SEARCH_SEARCH_H */
