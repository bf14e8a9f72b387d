// SPDX-License-Identifier: GPL-2.0
/*
 * What the worker of a mount does for derived data: it makes what searches found missing, lists when
 * all slots have codes, takes a new centre where the old one has been left behind, and writes a
 * checkpoint (checkpoint.c) when all of that is done.  But for that it only reads, so that a mount may
 * be read-only, or frozen.
 *
 * Whoever cannot wait for it does the same at once, as his own work and at his own priority
 * (vexfs_derived_index()).  The worker gives way to him: what it has not shown yet is lost.
 *
 * A generation with another centre is built beside the current one, to which inserts go on adding,
 * and takes its place when it has all slots.  It is charged all the while, and nobody makes room
 * for it: where there is none for both, the old one stays.
 *
 * Locks: vexfs_body.upkeep_lock, all the time: who does the upkeep.  Inside it vexfs_derived.lock, for a
 * step at a time.  Searches and inserts have that, too, and add to a generation for as long as they
 * like, or as their control group lets them.  So the worker, which has other collections to look
 * after, only tries both.
 */
#include "collection/collection.h"

#define STEP_US		10000		/* nobody else adds to it, and nothing stops us, for so long */
#define STEPS		10		/* for a collection before the next one has its turn */
#define NAP_US		1000		/* while others add to it */
#define AGAIN_US	(10 * 1000000ULL)	/* after there was no room for another one */

void vexfs_derived_poke(struct vexfs_body *b)
{
	WRITE_ONCE(b->derived_wanted, true);
	vexfs_worker_poke(b->dir->i_sb);
}

/* Who does the upkeep of a body, and when he is to stop. */
struct upkeep {
	struct vexfs_collection_mem *c;
	struct vexfs_body *b;
	bool (*stop)(void *body);
	bool waits;			/* for others who are at the same */
};

static bool worker_stops(void *body)
{
	struct vexfs_body *b = body;

	return atomic_read(&b->indexing) || vexfs_worker_should_stop(b->dir->i_sb);
}

static bool caller_stops(void *body)
{
	struct vexfs_body *b = body;

	return vx_killed() || vexfs_is_gone(b->dir->i_sb);
}

/* Where lists have become uneven, or one is full, others take their place.  1: they did. */
static int balance(const struct upkeep *u, struct vexfs_derived *d, bool full)
{
	struct vexfs_body *b = u->b;
	struct vexfs_lists *lists;
	struct vx_rows *rows;
	int err = 0;

	if (!full && (!d->lists || !vexfs_lists_uneven(d->lists, b->columns) ||
		      vx_clock_us() < b->lists_after))
		return 0;
	rows = vexfs_rows_open(b->vectors, b->row_bytes);
	lists = rows ? vexfs_lists_balance(d->lists, b->columns, rows, &err, u->stop, b) : NULL;
	vexfs_rows_close(rows);
	if (!rows || err)
		WRITE_ONCE(b->lists_after, vx_clock_us() + AGAIN_US);
	if (lists)
		vexfs_derived_relist(d, lists);
	return !!lists;
}

/* Slots below count join lists that nobody else has yet: all of them, in steps that can be watched. */
static int fill(const struct upkeep *u, struct vexfs_lists *lists, struct vx_rows *rows, u64 count)
{
	u64 linked = 0;
	int err = 0;

	for (; !err && linked < count; cond_resched()) {
		err = vexfs_lists_extend(lists, u->b->columns, rows, count, vx_clock_us() + STEP_US,
					 u->stop, u->b);
		linked = vexfs_lists_linked(lists);
		WRITE_ONCE(u->b->listing, linked);
	}
	return err;
}

/*
 * Lists of what d has: made, measured, and then what has come since.  They are shown once they have
 * been measured.  This may take some seconds, in which nothing else waits for us but what stops us.
 * 1: there is more to do; -ENOSPC, -ENOMEM, -EINTR, of reading rows: there is, but not now.
 */
static int list(const struct upkeep *u, struct vexfs_derived *d)
{
	struct vexfs_body *b = u->b;
	u64 count = vexfs_codes_count(d->codes);
	struct vexfs_lists *lists = d->lists;
	u32 dims = u->c->dims;
	struct vx_rows *rows;
	int err;

	if (!vexfs_derived_unlisted(d))
		return balance(u, d, false);
	if (vx_clock_us() < b->lists_after)
		return 0;
	err = vexfs_budget_charge(d, lists ? vexfs_derived_cost(dims, count, false) +
						    vexfs_lists_grown(lists, count) :
					    vexfs_derived_cost(dims, count, true));
	rows = err ? NULL : vexfs_rows_open(b->vectors, b->row_bytes);
	if (!err && !rows)
		err = -ENOMEM;
	if (!err && !lists)
		lists = vexfs_lists_new(d->codes, b->columns, rows, count, &err, u->stop, b);
	if (!err && d->lists)
		err = vexfs_lists_extend(lists, b->columns, rows, count, vx_clock_us() + STEP_US,
					 u->stop, b);
	else if (!err)
		err = fill(u, lists, rows, count) ?:
		      vexfs_lists_tune(lists, b->columns, rows, u->stop, b);
	vexfs_rows_close(rows);
	WRITE_ONCE(b->listing, 0);
	WRITE_ONCE(b->listing_err, err);
	if (err == -E2BIG && d->lists && balance(u, d, true))
		return 1;
	/* the next time would be no better: of what was sampled nothing could be put into lists, for one */
	if (err == -E2BIG || err == -EDOM || err == -ENODATA) {
		WRITE_ONCE(d->lists_err, d->lists ? err : -EDOM);
	} else if (err) {
		WRITE_ONCE(b->lists_after, vx_clock_us() + AGAIN_US);
	}
	if (err) {
		if (!d->lists)
			vexfs_lists_free(lists);
		return READ_ONCE(d->lists_err) ? 0 : err;
	}
	if (!d->lists)
		vexfs_derived_relist(d, lists);
	return vexfs_lists_linked(lists) < count || balance(u, d, false);
}

/* Hash tables of what d has codes of, if somebody wants some.  1: there is more to do. */
static int tabulate(const struct upkeep *u, struct vexfs_derived *d)
{
	u64 bytes = vexfs_lsh_cost(d->body->row_bytes / sizeof(__le32), vexfs_codes_count(d->codes));
	struct vexfs_tables *t, *old;
	int err;

	if (!vexfs_derived_untabled(d) || vx_clock_us() < d->tables_after)
		return 0;
	t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	err = t ? vexfs_budget_tables(d, bytes) : -ENOMEM;
	if (!err)
		t->lsh = vexfs_lsh_new(d->codes, &err, u->stop, u->b);
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
static int recentre(const struct upkeep *u, struct vexfs_derived *d)
{
	struct vexfs_body *b = u->b;
	u64 count = vexfs_columns_count(b->columns);
	struct vexfs_derived *next = b->derived_next;

	if (!next) {
		if (vx_clock_us() < READ_ONCE(b->recentre_after))
			return 0;
		next = vexfs_derived_new(u->c, b, count, 0);
		if (IS_ERR(next))
			return give_up(b);
		b->derived_next = next;
	}
	if (vexfs_budget_is_over(d->sb) ||
	    vexfs_derived_extend(next, u->c->dims, count, vx_clock_us() + STEP_US))
		return give_up(b);
	if (vexfs_codes_count(next->codes) < count || list(u, next) > 0)
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

/* d->lock.  0; 1: others have it, and it is not waited for; -EINTR. */
static int lock(const struct upkeep *u, struct vexfs_derived *d)
{
	if (u->waits)
		return mutex_lock_killable(&d->lock);
	if (mutex_trylock(&d->lock))
		return 0;
	vexfs_nap(NAP_US);
	return 1;
}

/* As list(). */
static int advance(const struct upkeep *u, struct vexfs_derived *d)
{
	u64 count = vexfs_columns_count(u->b->columns);
	int err;

	if (vexfs_codes_count(d->codes) >= count) {
		if ((u->b->derived_next || vexfs_derived_is_off(d)) && recentre(u, d))
			return 1;
		err = list(u, d);
		return err > 0 || tabulate(u, d) ? 1 : err;
	}
	err = lock(u, d);
	if (err)
		return err;
	err = vexfs_derived_extend(d, u->c->dims, count, vx_clock_us() + STEP_US);
	mutex_unlock(&d->lock);
	return err ?: 1;
}

/* The same; -ESTALE: the generation has just made room. */
static int step(const struct upkeep *u)
{
	u64 count = vexfs_columns_count(u->b->columns);
	struct vexfs_derived *d = vexfs_derived_get(u->b);
	int more;

	if (count < VEXFS_MIN_CODED && !d)
		return 0;
	if (!d)
		d = vexfs_derived_begin(u->c, u->b, count, u->stop, u->waits);
	if (!d)
		return vx_killed() ? -EINTR : READ_ONCE(u->b->derived_err) ?: -ENOMEM;
	more = advance(u, d);
	if (more <= 0)
		vexfs_checkpoint_keep(u->c, u->b, d, u->stop);
	vexfs_derived_put(d);
	return more;
}

int vexfs_derived_upkeep(struct vexfs_collection_mem *c)
{
	struct super_block *sb = c->dir->i_sb;
	struct vexfs_body *b = vexfs_body_get(c);
	struct upkeep u = { .c = c, .b = b, .stop = worker_stops };
	bool more = READ_ONCE(b->derived_wanted);
	int i;

	/* whoever does it instead asks again in the end */
	if (!more || !mutex_trylock(&b->upkeep_lock)) {
		vexfs_body_put(b);
		return 0;
	}
	for (i = 0; i < STEPS && more; i++) {
		if (worker_stops(b) || vexfs_is_gone(sb))
			break;
		/* what comes from here on asks again */
		WRITE_ONCE(b->derived_wanted, false);
		more = step(&u) > 0;
		cond_resched();
	}
	if (more)
		WRITE_ONCE(b->derived_wanted, true);
	more = more && !atomic_read(&b->indexing);
	mutex_unlock(&b->upkeep_lock);
	vexfs_body_put(b);
	return more;
}

/* --- at once --- */

/* Has what there is of it the first `count` slots, and in lists, too, if they pay and can be made? */
static bool covers(struct vexfs_body *b, u64 count)
{
	struct vexfs_derived *d = vexfs_derived_get(b);
	struct vexfs_lists *lists = d ? vexfs_derived_lists(d) : NULL;
	u64 linked = lists ? vexfs_lists_linked(lists) : 0;
	bool does = d && !b->derived_next && vexfs_codes_count(d->codes) >= count &&
		    (linked >= count || count < VEXFS_MIN_LISTED || READ_ONCE(d->lists_err));

	vexfs_lists_free(lists);
	vexfs_derived_put(d);
	return does;
}

/* What has failed before is tried again, and what there is makes no room for others. */
static void begin_anew(struct vexfs_body *b)
{
	struct vexfs_derived *d = vexfs_derived_get(b);

	WRITE_ONCE(b->derived_after, 0);
	WRITE_ONCE(b->recentre_after, 0);
	WRITE_ONCE(b->lists_after, 0);
	WRITE_ONCE(b->checkpoint_after, 0);
	if (d)
		WRITE_ONCE(d->used, vx_clock_us());
	vexfs_derived_put(d);
}

static bool is_current(const struct upkeep *u)
{
	bool is;

	spin_lock(&u->c->prog_lock);
	is = u->c->body == u->b;
	spin_unlock(&u->c->prog_lock);
	return is;
}

/* upkeep_lock held.  1: compaction has put another body in its place. */
static int index_body(const struct upkeep *u)
{
	u64 count = vexfs_columns_count(u->b->columns);
	int more;

	begin_anew(u->b);
	do {
		more = u->stop(u->b) ? -EINTR : step(u);
		if (!is_current(u))
			return 1;
		/* inserts may go on for ever */
		if (vexfs_columns_count(u->b->columns) > count && covers(u->b, count))
			return 0;
		cond_resched();
	} while (more > 0 || more == -ESTALE);
	return more;
}

int vexfs_derived_index(struct vexfs_collection_mem *c)
{
	struct upkeep u = { .c = c, .stop = caller_stops, .waits = true };
	int more;

	do {
		u.b = vexfs_body_get(c);
		atomic_inc(&u.b->indexing);
		more = mutex_lock_killable(&u.b->upkeep_lock);
		if (!more) {
			more = index_body(&u);
			mutex_unlock(&u.b->upkeep_lock);
		}
		atomic_dec(&u.b->indexing);
		vexfs_derived_poke(u.b);	/* what came meanwhile, or was left */
		vexfs_body_put(u.b);
	} while (more > 0);
	return more == -EINTR && vexfs_is_gone(c->dir->i_sb) ? -EIO : more;
}
