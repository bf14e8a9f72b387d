// SPDX-License-Identifier: GPL-2.0
/*
 * The predicates that were asked for last, with their bitmaps: one evaluated before costs a query
 * only the slots that came since.
 *
 * Both locks are leaves, and not held together: nothing is waited for under them but, under the
 * second one, memory for the bitmap.
 *	vexfs_predicates.lock	the list
 *	vexfs_cached.lock	one query at a time extends a bitmap, until its deadline at most;
 *				others wait until theirs, those of other predicates do not
 */
#include "collection/collection.h"

#define MAX_CACHED	8

struct vexfs_cached {
	refcount_t refs;		/* one is the cache's */
	struct list_head list;		/* vexfs_predicates.lock; the last one used is first */
	struct vexfs_timed_mutex lock;
	struct vexfs_predicate *p;	/* const pointer; what it holds: lock */
};

void vexfs_predicates_init(struct vexfs_predicates *cache)
{
	mutex_init(&cache->lock);
	INIT_LIST_HEAD(&cache->list);
	cache->n = 0;
}

void vexfs_predicate_put(struct vexfs_cached *e)
{
	if (IS_ERR_OR_NULL(e) || !refcount_dec_and_test(&e->refs))
		return;
	vexfs_predicate_free(e->p);
	kfree(e);
}

void vexfs_predicates_drop(struct vexfs_predicates *cache)
{
	struct vexfs_cached *e, *next;

	list_for_each_entry_safe(e, next, &cache->list, list)
		vexfs_predicate_put(e);
	INIT_LIST_HEAD(&cache->list);
	cache->n = 0;
}

u64 vexfs_predicates_bytes(struct vexfs_predicates *cache)
{
	struct vexfs_cached *e;
	u64 bytes = 0;

	mutex_lock(&cache->lock);
	list_for_each_entry(e, &cache->list, list)
		bytes += sizeof(*e) + vexfs_predicate_bytes(e->p);
	mutex_unlock(&cache->lock);
	return bytes;
}

static struct vexfs_cached *new_entry(const struct vexfs_condition *c)
{
	struct vexfs_cached *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return NULL;
	e->p = vexfs_predicate_new(c);
	if (!e->p) {
		kfree(e);
		return NULL;
	}
	refcount_set(&e->refs, 1);
	vexfs_timed_init(&e->lock);
	return e;
}

/* The entry of a predicate, or NULL.  The lock is held. */
static struct vexfs_cached *find(struct vexfs_predicates *cache, const struct vexfs_condition *c)
{
	struct vexfs_cached *e;

	list_for_each_entry(e, &cache->list, list)
		if (vexfs_predicate_is(e->p, c)) {
			list_move(&e->list, &cache->list);
			refcount_inc(&e->refs);
			return e;
		}
	return NULL;
}

/*
 * Add an entry, and take a reference for the caller.  Returns the one that has to go, to be put, or
 * NULL.  The lock is held.
 */
static struct vexfs_cached *add(struct vexfs_predicates *cache, struct vexfs_cached *e)
{
	struct vexfs_cached *oldest = NULL;

	if (cache->n == MAX_CACHED) {
		oldest = list_last_entry(&cache->list, struct vexfs_cached, list);
		list_del(&oldest->list);
		cache->n--;
	}
	list_add(&e->list, &cache->list);
	cache->n++;
	refcount_inc(&e->refs);
	return oldest;
}

/*
 * The entry of a predicate, made if need be, with a reference.  Memory is had and given back outside
 * of the lock: a caller whose limit is reached may take his time for that, and others search, too.
 */
static struct vexfs_cached *get(struct vexfs_predicates *cache, const struct vexfs_condition *c)
{
	struct vexfs_cached *e, *new = NULL, *old = NULL;

	for (;;) {
		if (mutex_lock_killable(&cache->lock)) {
			e = ERR_PTR(-EINTR);
			break;
		}
		e = find(cache, c);
		if (!e && new) {
			old = add(cache, new);
			e = new;
			new = NULL;
		}
		mutex_unlock(&cache->lock);
		if (e)
			break;
		new = new_entry(c);
		if (!new)
			return ERR_PTR(-ENOMEM);
	}
	vexfs_predicate_put(new);
	vexfs_predicate_put(old);
	return e;
}

struct vexfs_cached *vexfs_predicate_get(struct vexfs_body *b, const struct vexfs_condition *c,
					 u64 deadline, struct vexfs_match *match)
{
	struct vexfs_cached *e = get(&b->predicates, c);
	int err;

	if (IS_ERR(e))
		return e;
	err = vexfs_timed_lock(&e->lock, deadline);
	if (!err) {
		err = vexfs_predicate_match(e->p, b->columns, deadline, match);
		vexfs_timed_unlock(&e->lock);
	} else if (err == -ETIME) {	/* nothing was evaluated, as far as this query knows */
		*match = (struct vexfs_match){ .p = e->p, .cut = true };
		err = 0;
	}
	if (err) {
		vexfs_predicate_put(e);
		return ERR_PTR(err);
	}
	return e;
}
