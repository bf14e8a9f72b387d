// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl of a search (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include "ioctl/door.h"

#define SEARCH_FLAGS (VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BUILTIN | VEXFS_SEARCH_EXACT | \
		      VEXFS_SEARCH_BY_KEY | VEXFS_SEARCH_RANGE)

/* The attributes that hold codes of words. */
static u32 keywords(const struct vexfs_collection_mem *c)
{
	u32 i, bits = 0;

	for (i = 0; i < c->attrs; i++)
		if (c->attr[i].a_type == cpu_to_le16(VEXFS_ATTR_KEYWORD))
			bits |= BIT(i);
	return bits;
}

/*
 * The predicate of a search, checked; where->n is 0: none.  free_condition() whatever is returned.
 */
static int copy_condition(const struct vexfs_collection_mem *c, const struct vexfs_ioc_search *arg,
			  struct vexfs_condition *where)
{
	void *p;

	memset(where, 0, sizeof(*where));
	if (arg->where_nodes > VEXFS_MAX_PREDICATE ||
	    arg->where_values_n > VEXFS_MAX_PREDICATE_VALUES)
		return -E2BIG;
	if (!arg->where_nodes)
		return arg->where_values_n ? -EBADMSG : 0;
	p = vexfs_copy_array(arg->where, arg->where_nodes, sizeof(*where->node));
	if (IS_ERR(p))
		return PTR_ERR(p);
	where->node = p;
	where->n = arg->where_nodes;
	if (arg->where_values_n) {
		p = vexfs_copy_array(arg->where_values, arg->where_values_n, sizeof(*where->value));
		if (IS_ERR(p))
			return PTR_ERR(p);
		where->value = p;
		where->values = arg->where_values_n;
	}
	return vexfs_condition_check(where, c->attrs, keywords(c));
}

static void free_condition(struct vexfs_condition *where)
{
	kvfree(where->node);
	kvfree(where->value);
}

/* What is asked for, beyond what copying in has checked. */
static int check(const struct vexfs_ioc_search *arg)
{
	bool range = arg->flags & VEXFS_SEARCH_RANGE;
	u32 by = arg->flags & (VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BY_KEY);

	if (arg->flags & ~SEARCH_FLAGS || arg->reserved32 || arg->reserved_too || !ALL_ZERO(arg->reserved) || !arg->k ||
	    arg->timeout_us > VEXFS_MAX_TIMEOUT_US || hweight32(by) > 1 ||
	    (by && arg->queries > 1) || (!range && arg->radius) ||
	    (by & VEXFS_SEARCH_BY_KEY ? !arg->key_len || arg->key_len > VEXFS_MAX_KEY :
					arg->key || arg->key_len) ||
	    !TERMINATED(arg->snapshot))
		return -EINVAL;
	if (range && (arg->radius << 1) > 0x7ffULL << 53)	/* NaN */
		return -EINVAL;
	if (arg->recall > VEXFS_RECALL_ALL || arg->method >= VEXFS_METHODS ||
	    (arg->flags & VEXFS_SEARCH_EXACT && arg->method > VEXFS_METHOD_EXACT) ||
	    (vexfs_search_is_exact(arg) && (arg->recall || arg->effort)))
		return -EINVAL;
	if (by & VEXFS_SEARCH_BY_KEY && arg->snapshot[0])
		return -EOPNOTSUPP;
	if (arg->k > (range ? VEXFS_MAX_RANGE : VEXFS_MAX_K) || arg->queries > VEXFS_MAX_QUERIES ||
	    arg->k * max(arg->queries, 1u) > VEXFS_MAX_HITS)
		return -E2BIG;
	return 0;
}

/*
 * The slot of the record to search with, as it is now or in the snapshot, and its body, with a
 * reference.
 */
static int find(struct file *file, struct vexfs_collection_mem *c,
		const struct vexfs_ioc_search *arg, struct vexfs_body **b, u64 *slot)
{
	struct vexfs_snapshot_mem *snap;
	struct vexfs_reader reader;
	int err;

	if (!arg->snapshot[0])
		return vexfs_find_record(file, c, arg->id, arg->key, arg->key_len, b, slot);
	snap = vexfs_snapshot_get(c, arg->snapshot, b);
	if (IS_ERR(snap))
		return PTR_ERR(snap);
	vexfs_reader_init(&reader, file, NULL);
	err = vexfs_snapshot_find(snap, *b, &reader, arg->id, slot);
	vexfs_snapshot_put(snap);
	if (err)
		vexfs_body_put(*b);
	return err;
}

/* The row of the record to search with. */
static void *row_of(struct file *file, struct vexfs_collection_mem *c,
		    const struct vexfs_ioc_search *arg)
{
	struct vexfs_record record;
	struct vexfs_body *b;
	void *row;
	u64 slot;
	int err;

	err = find(file, c, arg, &b, &slot);
	if (err)
		return ERR_PTR(err);
	row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	err = row ? min(vexfs_record_fetch(b, slot, &record, row, NULL), 0) : -ENOMEM;
	vexfs_body_put(b);
	if (!err)
		return row;
	kvfree(row);
	return ERR_PTR(err);
}

/* The vectors to search with, from user memory or of a record; kvfree(). */
static void *vectors(struct file *file, struct vexfs_collection_mem *c,
		     const struct vexfs_ioc_search *arg)
{
	void *rows;
	u32 i;
	int err;

	if (arg->flags & (VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BY_KEY))
		return row_of(file, c, arg);
	if (arg->vector_bytes != c->row_bytes)
		return ERR_PTR(-EMSGSIZE);
	BUILD_BUG_ON((u64)VEXFS_MAX_QUERIES * VEXFS_MAX_DIMS * 4 > VEXFS_MAX_BATCH_BYTES);
	rows = vexfs_copy_array(arg->vector, arg->queries, c->row_bytes);
	for (i = 0; !IS_ERR(rows) && i < arg->queries; i++) {
		err = vexfs_row_check(c->metric, rows + (size_t)i * c->row_bytes, c->dims);
		if (err) {
			kvfree(rows);
			rows = ERR_PTR(err);
		}
	}
	return rows;
}

/* Hits of query i begin at i * k: between them the user's memory is left alone. */
static int copy_hits(const struct vexfs_ioc_search *arg, const struct vexfs_hit *hits,
		     const struct vexfs_query_answer *answers)
{
	size_t at;
	u32 i;

	for (i = 0; i < arg->queries; i++) {
		at = (size_t)i * arg->k;
		if (copy_to_user(u64_to_user_ptr(arg->hits + at * sizeof(*hits)), hits + at,
				 answers[i].n * sizeof(*hits)))
			return -EFAULT;
	}
	if (arg->answers && copy_to_user(u64_to_user_ptr(arg->answers), answers,
					 arg->queries * sizeof(*answers)))
		return -EFAULT;
	return 0;
}

/* As much of the trace as the user knows; it was asked for. */
static int copy_trace(const struct vexfs_ioc_search *arg, struct vexfs_search_trace *trace)
{
	void __user *to = u64_to_user_ptr(arg->trace);
	u32 n;

	if (get_user(n, (u32 __user *)to))
		return -EFAULT;
	if (n < sizeof(n))
		return -EINVAL;
	trace->size = n;
	return vexfs_copy_out(to, trace, min_t(u32, n, sizeof(*trace)));
}

long vexfs_ioc_search(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_search_trace trace = {};
	struct vexfs_query_answer *answers;
	struct vexfs_condition where;
	struct vexfs_ioc_search arg;
	struct vexfs_hit *hits;
	void *rows;
	int err, e2;
	u32 usize;
	u64 begin;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize) ?: check(&arg);
	if (err)
		return err;
	arg.queries = arg.queries ?: 1;
	arg.timeout_us = arg.timeout_us ?: VEXFS_DEFAULT_TIMEOUT_US;
	arg.n = arg.truncated = arg.rounds = arg.restarts = 0;
	arg.visited = arg.scored = 0;
	memset(arg.strategy, 0, sizeof(arg.strategy));
	err = copy_condition(c, &arg, &where);
	if (err)
		goto out;
	rows = vectors(file, c, &arg);
	err = PTR_ERR_OR_ZERO(rows);
	if (err)
		goto out;
	hits = kvmalloc_array(arg.queries * arg.k, sizeof(*hits),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	answers = kvcalloc(arg.queries, sizeof(*answers), GFP_KERNEL_ACCOUNT);
	begin = vx_clock_us();
	vexfs_event_search_begin(c->dir, &arg);
	err = !hits || !answers ? -ENOMEM :
	      vexfs_collection_search(c, file, &arg, rows, where.n ? &where : NULL, hits,
				      answers, arg.trace ? &trace : NULL);
	vexfs_event_search_end(c->dir, &arg, vx_clock_us() - begin, err);
	if (!err)
		err = copy_hits(&arg, hits, answers);
	e2 = arg.trace ? copy_trace(&arg, &trace) : 0;
	err = err ?: e2;
	kvfree(answers);
	kvfree(hits);
	kvfree(rows);
out:
	free_condition(&where);
	return err ?: vexfs_copy_out(argp, &arg, usize);
}
