// SPDX-License-Identifier: GPL-2.0
/*
 * What the worker of a mount does for derived data: it makes what searches found missing, lists when
 * all slots have codes, takes a new centre where the old one has been left behind, and writes a
 * checkpoint (checkpoint.c) when all of that is done.  But for that it only reads, so that a mount may
 * be read-only, or frozen.
 *
 * A generation with another centre is built beside the current one, to which inserts go on adding,
 * and takes its place when it has all slots.  It is charged all the while, and nobody makes room
 * for it: where there is none for both, the old one stays.
 *
 * Locks: vexfs_derived.lock, for a step at a time; nobody else waits for it.
 * vexfs_body.derived_next is the worker's alone.
 */
#include "collection/collection.h"

#define STEP_US		10000		/* nobody else adds to it, and nothing stops us, for so long */
#define STEPS		10		/* for a collection before the next one has its turn */
#define AGAIN_US	(10 * 1000000ULL)	/* after there was no room for another one */

void vexfs_derived_poke(struct vexfs_body *b)
{
	WRITE_ONCE(b->derived_wanted, true);
	vexfs_worker_poke(b->dir->i_sb);
}

static bool should_stop(void *sb)
{
	return vexfs_worker_should_stop(sb);
}

/* Where lists have become uneven, or one is full, others take their place.  1: they did. */
static int balance(struct vexfs_derived *d, bool full)
{
	struct vexfs_body *b = d->body;
	struct vexfs_lists *lists;
	struct vx_rows *rows;
	int err = 0;

	if (!full && (!d->lists || !vexfs_lists_uneven(d->lists, b->columns) ||
		      vx_clock_us() < b->lists_after))
		return 0;
	rows = vexfs_rows_open(b->vectors, b->row_bytes);
	lists = rows ? vexfs_lists_balance(d->lists, b->columns, rows, &err, should_stop, d->sb) :
		       NULL;
	vexfs_rows_close(rows);
	if (!rows || err)
		WRITE_ONCE(b->lists_after, vx_clock_us() + AGAIN_US);
	if (lists)
		vexfs_derived_relist(d, lists);
	return !!lists;
}

/*
 * Lists of what d has: made, measured, and then what has come since.  They are shown once they have
 * been measured.  This may take some seconds, in which nothing else waits for us but what stops us.
 * 1: there is more to do.
 */
static int list(struct vexfs_collection_mem *c, struct vexfs_derived *d)
{
	struct vexfs_body *b = d->body;
	u64 count = vexfs_codes_count(d->codes);
	struct vexfs_lists *lists = d->lists;
	struct vx_rows *rows;
	int err;

	if (!vexfs_derived_unlisted(d))
		return balance(d, false);
	if (vx_clock_us() < b->lists_after)
		return 0;
	err = vexfs_budget_charge(d, lists ? vexfs_derived_cost(c->dims, count, false) +
						    vexfs_lists_grown(lists, count) :
					    vexfs_derived_cost(c->dims, count, true));
	rows = err ? NULL : vexfs_rows_open(b->vectors, b->row_bytes);
	if (!err && !rows)
		err = -ENOMEM;
	if (!err && !lists)
		lists = vexfs_lists_new(d->codes, b->columns, rows, count, &err, should_stop,
					d->sb);
	if (!err)
		err = vexfs_lists_extend(lists, b->columns, rows, count,
					 d->lists ? vx_clock_us() + STEP_US : ~0ULL, should_stop,
					 d->sb);
	if (!err && !d->lists)
		err = vexfs_lists_tune(lists, b->columns, rows, should_stop, d->sb);
	vexfs_rows_close(rows);
	if (err == -E2BIG && d->lists && balance(d, true))
		return 1;
	if (err == -E2BIG || err == -EDOM) {	/* the next time would be no better */
		WRITE_ONCE(d->lists_err, d->lists ? err : -EDOM);
	} else if (err) {
		WRITE_ONCE(b->lists_after, vx_clock_us() + AGAIN_US);
	}
	if (err) {
		if (!d->lists)
			vexfs_lists_free(lists);
		return 0;
	}
	if (!d->lists)
		vexfs_derived_relist(d, lists);
	return vexfs_lists_linked(lists) < count || balance(d, false);
}

/* Hash tables of what d has codes of, if somebody wants some.  1: there is more to do. */
static int tabulate(struct vexfs_derived *d)
{
	u64 bytes = vexfs_lsh_cost(d->body->row_bytes / sizeof(__le32), vexfs_codes_count(d->codes));
	struct vexfs_tables *t, *old;
	int err;

	if (!vexfs_derived_untabled(d) || vx_clock_us() < d->tables_after)
		return 0;
	t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	err = t ? vexfs_budget_tables(d, bytes) : -ENOMEM;
	if (!err)
		t->lsh = vexfs_lsh_new(d->codes, &err, should_stop, d->sb);
	if (err) {
		kfree(t);
		WRITE_ONCE(d->tables_after, vx_clock_us() + AGAIN_US);
		return 0;
	}
	refcount_set(&t->refs, 1);
	spin_lock(&d->tables_lock);
	old = d->tables;
	d->tables = t;
	spin_unlock(&d->tables_lock);
	vexfs_tables_put(old);
	return 1;			/* slots may have come since */
}

/* There is no room for two, or none any more. */
static int give_up(struct vexfs_body *b)
{
	vexfs_derived_put(b->derived_next);
	b->derived_next = NULL;
	WRITE_ONCE(b->recentre_after, vx_clock_us() + AGAIN_US);
	return 0;
}

/*
 * A step of a generation that is to take the place of d.  It does not if d has lists, and it has
 * none for now.  1: there is more to do.
 */
static int recentre(struct vexfs_collection_mem *c, struct vexfs_body *b, struct vexfs_derived *d)
{
	u64 count = vexfs_columns_count(b->columns);
	struct vexfs_derived *next = b->derived_next;

	if (!next) {
		if (vx_clock_us() < READ_ONCE(b->recentre_after))
			return 0;
		next = vexfs_derived_new(c, b, count, 0);
		if (IS_ERR(next))
			return give_up(b);
		b->derived_next = next;
	}
	if (vexfs_budget_is_over(d->sb) ||
	    vexfs_derived_extend(next, c->dims, count, vx_clock_us() + STEP_US))
		return give_up(b);
	if (vexfs_codes_count(next->codes) < count || list(c, next))
		return 1;
	if (d->lists && !next->lists) {
		if (!READ_ONCE(next->lists_err))
			return give_up(b);
		if (READ_ONCE(d->lists_err) == -E2BIG) {	/* there is no better one */
			WRITE_ONCE(d->lists_err, -EDOM);
			return give_up(b);
		}
	}
	WRITE_ONCE(next->used, READ_ONCE(d->used));
	WRITE_ONCE(next->tables_wanted, READ_ONCE(d->tables_wanted));
	b->derived_next = NULL;
	vexfs_derived_install(next);
	return 1;			/* slots may have come since */
}

/* 1: there is more to do. */
static int advance(struct vexfs_collection_mem *c, struct vexfs_body *b, struct vexfs_derived *d)
{
	u64 count = vexfs_columns_count(b->columns);
	int err;

	if (vexfs_codes_count(d->codes) >= count)
		return (b->derived_next || vexfs_derived_is_off(d) ? recentre(c, b, d) : 0) ||
		       list(c, d) || tabulate(d);
	mutex_lock(&d->lock);		/* for as long as a search or an insert adds to it */
	err = vexfs_derived_extend(d, c->dims, count, vx_clock_us() + STEP_US);
	mutex_unlock(&d->lock);
	return !err;
}

static int step(struct vexfs_collection_mem *c, struct vexfs_body *b)
{
	u64 count = vexfs_columns_count(b->columns);
	struct vexfs_derived *d = vexfs_derived_get(b);
	int more;

	if (!d && count >= VEXFS_MIN_CODED)
		d = vexfs_derived_begin(c, b, count, should_stop);
	if (!d)
		return 0;
	more = advance(c, b, d);
	if (!more)
		vexfs_checkpoint_keep(c, b, d, should_stop);
	vexfs_derived_put(d);
	return more;
}

int vexfs_derived_upkeep(struct vexfs_collection_mem *c)
{
	struct super_block *sb = c->dir->i_sb;
	struct vexfs_body *b = vexfs_body_get(c);
	int i, more = READ_ONCE(b->derived_wanted);

	for (i = 0; i < STEPS && more; i++) {
		if (vexfs_worker_should_stop(sb) || vexfs_is_gone(sb))
			break;
		/* what comes from here on asks again */
		WRITE_ONCE(b->derived_wanted, false);
		more = step(c, b);
		cond_resched();
	}
	if (more)
		WRITE_ONCE(b->derived_wanted, true);
	vexfs_body_put(b);
	return more;
}
