/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The queries of one call.
 *
 *	search.c	rounds of the strategy, reading, falling back
 *
 * Locks: none is held here but for moments, see search.c.
 */
#ifndef _VEXFS_SEARCH_SEARCH_H
#define _VEXFS_SEARCH_SEARCH_H

#include "collection/collection.h"

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

#endif /* _VEXFS_SEARCH_SEARCH_H */
