// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl of a search (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include <linux/slab.h>
#include "door.h"

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

/* The vector to search with, from user memory or of a record. */
static int search_row(struct vexfs_collection_mem *c, const struct vexfs_ioc_search *arg, void *row)
{
	struct vexfs_record record;
	struct vexfs_body *b;
	u64 slot;
	int err;

	if (arg->flags & VEXFS_SEARCH_BY_ID) {
		err = vexfs_record_find(c, arg->id, NULL, &b, &slot);
		if (err)
			return err;
		err = min(vexfs_record_fetch(b, slot, &record, row, NULL), 0);
		vexfs_body_put(b);
		return err;
	}
	if (arg->vector_bytes != c->row_bytes)
		return -EMSGSIZE;
	if (copy_from_user(row, u64_to_user_ptr(arg->vector), c->row_bytes))
		return -EFAULT;
	return vexfs_row_check(c->metric, row, c->dims);
}

long vexfs_ioc_search(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_hit *hits = NULL;
	struct vexfs_condition where;
	struct vexfs_ioc_search arg;
	void *row = NULL;
	u32 usize;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~SEARCH_FLAGS || arg.reserved32 || !ALL_ZERO(arg.reserved) || !arg.k ||
	    arg.timeout_us > VEXFS_MAX_TIMEOUT_US)
		return -EINVAL;
	if (arg.flags & (VEXFS_SEARCH_BY_KEY | VEXFS_SEARCH_RANGE) || arg.queries > 1 ||
	    arg.per_file || arg.answers || arg.radius || arg.key || arg.key_len ||
	    !ALL_ZERO(arg.snapshot))
		return -EOPNOTSUPP;
	if (arg.k > VEXFS_MAX_K)
		return -E2BIG;
	if (!arg.timeout_us)
		arg.timeout_us = VEXFS_DEFAULT_TIMEOUT_US;
	arg.n = arg.truncated = arg.rounds = arg.restarts = 0;
	err = copy_condition(c, &arg, &where);
	if (err)
		goto out;
	row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	hits = kvcalloc(arg.k, sizeof(*hits), GFP_KERNEL_ACCOUNT);
	err = row && hits ? search_row(c, &arg, row) : -ENOMEM;
	if (!err)
		err = vexfs_collection_search(c, &arg, row, where.n ? &where : NULL, hits);
	if (!err && copy_to_user(u64_to_user_ptr(arg.hits), hits, arg.n * sizeof(*hits)))
		err = -EFAULT;
	kvfree(hits);
	kvfree(row);
out:
	free_condition(&where);
	return err ?: vexfs_copy_out(argp, &arg, usize);
}
