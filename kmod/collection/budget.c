// SPDX-License-Identifier: GPL-2.0
/*
 * The budget of a mount (the option resident=), for all that is derived from rows.
 *
 * What a search cannot be right without, columns and maps, is counted and never refused.  The rest,
 * generations of struct vexfs_derived, is charged before memory is allocated, and makes room:
 *
 *	for another generation		that which was searched longest ago, if that is some time
 *					ago, and the other one was searched since
 *	for columns and maps, and	that which was searched longest ago
 *	when the budget is lowered
 *	when memory is short		the same, once reclaim has asked for as much as it takes
 *
 * An evicted generation is freed by the last search that holds it.  Until then it counts, but
 * nobody has to make room for it again.
 *
 * Lock: vexfs_budget.lock; inside it vexfs_body.derived_lock.  Nothing is allocated or freed under
 * it, so reclaim may take it.
 */
#include "collection/collection.h"

#define IDLE_US		(10 * 1000000ULL)	/* not searched for so long: others may have it */
/* after reclaim took it, nobody makes another one for so long */
#define PRESSURE_US	(10 * 1000000ULL)

static struct vexfs_budget *budget_of(struct super_block *sb)
{
	return &VEXFS_SB(sb)->budget;
}

static u64 limit_of(struct super_block *sb)
{
	return READ_ONCE(VEXFS_SB(sb)->opts.resident);
}

void vexfs_budget_init(struct vexfs_budget *budget)
{
	spin_lock_init(&budget->lock);
	INIT_LIST_HEAD(&budget->generations);
}

/* Bytes beyond the limit if there were so many more, and all that leaves were gone.  lock held. */
static u64 excess(const struct vexfs_budget *budget, u64 limit, u64 more)
{
	u64 bytes = budget->charged - budget->leaving + more;

	return bytes > limit ? bytes - limit : 0;
}

/* May it make room for a generation d?  NULL: for what is needed. */
static bool may_go(const struct vexfs_derived *victim, const struct vexfs_derived *d, u64 now)
{
	u64 used = READ_ONCE(victim->used);

	return !d || (victim->body != d->body && used + IDLE_US <= now &&
		      used < READ_ONCE(d->used));
}

/* That which was searched longest ago of those that may go.  NULL: they are not `want` bytes. */
static struct vexfs_derived *oldest(const struct vexfs_budget *budget,
				    const struct vexfs_derived *d, u64 want)
{
	struct vexfs_derived *at, *found = NULL;
	u64 now = vx_clock_us(), sum = 0;

	list_for_each_entry(at, &budget->generations, link) {
		if (!may_go(at, d, now))
			continue;
		sum += at->charged;
		if (!found || READ_ONCE(at->used) < READ_ONCE(found->used))
			found = at;
	}
	return sum < want ? NULL : found;
}

/* lock held.  The body's reference is the caller's to put. */
static void detach(struct vexfs_budget *budget, struct vexfs_derived *d)
{
	struct vexfs_body *b = d->body;

	spin_lock(&b->derived_lock);
	b->derived = NULL;
	spin_unlock(&b->derived_lock);
	list_del_init(&d->link);
	d->left = true;
	WRITE_ONCE(budget->evictable, budget->evictable - d->charged);
	budget->leaving += d->charged;
}

static void evict(struct vexfs_budget *budget, struct vexfs_derived *d, int why)
{
	WRITE_ONCE(d->body->derived_err, why);
	detach(budget, d);
	budget->evicted++;
}

/* For hash tables, and all else that there is in a generation: so many bytes, if not more by now. */
static int charge(struct vexfs_derived *d, u64 bytes, u64 tables)
{
	struct vexfs_budget *budget = budget_of(d->sb);
	struct vexfs_derived *victim;
	u64 limit = limit_of(d->sb), more, others, all;
	int err;

	do {
		victim = NULL;
		spin_lock(&budget->lock);
		others = max(bytes, d->charged - d->tables_bytes);
		all = others + max(tables, d->tables_bytes);
		more = all - d->charged;
		err = d->left ? -ESTALE : 0;
		if (!err && more && budget->charged + more > limit) {
			err = -ENOSPC;
			if (excess(budget, limit, more))
				victim = oldest(budget, d, excess(budget, limit, more));
			if (victim)
				evict(budget, victim, -ENOSPC);
		}
		if (!err) {
			budget->charged += more;
			d->charged += more;
			/* vexfs_derived_bytes() reads it without the lock */
			WRITE_ONCE(d->tables_bytes, max(tables, d->tables_bytes));
			if (!list_empty(&d->link))
				WRITE_ONCE(budget->evictable, budget->evictable + more);
		}
		spin_unlock(&budget->lock);
		vexfs_derived_put(victim);
	} while (victim);
	return err;
}

int vexfs_budget_charge(struct vexfs_derived *d, u64 bytes)
{
	return charge(d, bytes, 0);
}

int vexfs_budget_tables(struct vexfs_derived *d, u64 bytes)
{
	return charge(d, 0, bytes);
}

void vexfs_budget_settle(struct vexfs_derived *d, u64 bytes)
{
	struct vexfs_budget *budget = budget_of(d->sb);
	u64 others, less;

	spin_lock(&budget->lock);
	others = d->charged - d->tables_bytes;
	less = others > bytes ? others - bytes : 0;
	budget->charged -= less;
	d->charged -= less;
	if (!list_empty(&d->link))
		WRITE_ONCE(budget->evictable, budget->evictable - less);
	if (d->left)
		budget->leaving -= less;
	spin_unlock(&budget->lock);
}

void vexfs_budget_release(struct vexfs_derived *d)
{
	struct vexfs_budget *budget = budget_of(d->sb);

	spin_lock(&budget->lock);
	budget->charged -= d->charged;
	if (d->left)
		budget->leaving -= d->charged;
	spin_unlock(&budget->lock);
}

struct vexfs_derived *vexfs_budget_swap(struct vexfs_body *b, struct vexfs_derived *d)
{
	struct vexfs_budget *budget = budget_of(b->dir->i_sb);
	struct vexfs_derived *old;

	spin_lock(&budget->lock);
	old = b->derived;		/* it changes under both locks */
	if (old)
		detach(budget, old);
	if (d) {
		list_add_tail(&d->link, &budget->generations);
		WRITE_ONCE(budget->evictable, budget->evictable + d->charged);
		spin_lock(&b->derived_lock);
		b->derived = d;
		spin_unlock(&b->derived_lock);
	}
	spin_unlock(&budget->lock);
	return old;
}

bool vexfs_budget_is_over(struct super_block *sb)
{
	struct vexfs_budget *budget = budget_of(sb);
	bool over;

	spin_lock(&budget->lock);
	over = excess(budget, limit_of(sb), 0);
	spin_unlock(&budget->lock);
	return over;
}

void vexfs_budget_trim(struct super_block *sb)
{
	struct vexfs_budget *budget = budget_of(sb);
	struct vexfs_derived *victim;

	do {
		spin_lock(&budget->lock);
		victim = excess(budget, limit_of(sb), 0) ? oldest(budget, NULL, 0) : NULL;
		if (victim)
			evict(budget, victim, -ENOSPC);
		spin_unlock(&budget->lock);
		vexfs_derived_put(victim);
	} while (victim);
}

void vexfs_budget_need(struct super_block *sb, u64 *charged, u64 bytes)
{
	struct vexfs_budget *budget = budget_of(sb);

	if (*charged == bytes)
		return;
	spin_lock(&budget->lock);
	budget->charged += bytes - *charged;
	spin_unlock(&budget->lock);
	*charged = bytes;
	vexfs_budget_trim(sb);
}

void vexfs_budget_info(struct super_block *sb, struct vexfs_ioc_memory *info)
{
	struct vexfs_budget *budget = budget_of(sb);

	info->limit = limit_of(sb);
	spin_lock(&budget->lock);
	info->used = budget->charged;
	info->evictable = budget->evictable;
	info->leaving = budget->leaving;
	info->evicted = budget->evicted;
	spin_unlock(&budget->lock);
}

u64 vexfs_budget_evictable(struct super_block *sb)
{
	return READ_ONCE(budget_of(sb)->evictable);
}

/*
 * Whoever asks for little, again and again, gets a generation now and then: what was asked for adds
 * up, but to no more than there is.
 */
u64 vexfs_budget_reclaim(struct super_block *sb, u64 bytes)
{
	struct vexfs_budget *budget = budget_of(sb);
	struct vexfs_derived *victim;
	u64 freed = 0;

	spin_lock(&budget->lock);
	budget->pressed = min(budget->pressed + bytes, budget->evictable);
	for (;;) {
		victim = oldest(budget, NULL, 0);
		if (!victim || victim->charged > budget->pressed)
			break;
		freed += victim->charged;
		budget->pressed -= victim->charged;
		WRITE_ONCE(victim->body->derived_after, vx_clock_us() + PRESSURE_US);
		evict(budget, victim, -ENOMEM);
		spin_unlock(&budget->lock);
		vexfs_derived_put(victim);
		spin_lock(&budget->lock);
	}
	spin_unlock(&budget->lock);
	return freed;
}
