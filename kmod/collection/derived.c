// SPDX-License-Identifier: GPL-2.0
/*
 * What is derived from the rows of a body, in memory: when it is made, and what it may take.
 *
 * It comes in generations with references.  A search takes the current one for as long as its call
 * lasts, so that another one can take its place at any time.  The first search of a collection
 * makes one, for as long as its time allows, and the next ones go on; an insert adds its rows if
 * all before them are in it.  A slot without a code is measured, so a search takes what is there,
 * while others add to it.
 *
 * The budget (the mount option resident=) is charged before memory is allocated, for the whole
 * collection: codes of a part are not worth their memory.  What does not fit later on has no codes.
 *
 * Locks: vexfs_derived.lock, which is only ever tried: nobody waits for codes.  Inside it, folio
 * locks.  vexfs_body.derived_lock, a leaf: which generation is the current one.
 */
#include "collection/collection.h"

#define MIN_CODED	1024		/* records: below, a search measures all of them as fast */
#define BUILD_STEP	(16 * 1024)	/* slots allocated at a time */

/* --- the budget --- */

/* Room for codes of the slots [0, slots) in the budget.  d->lock held.  -ENOSPC. */
static int charge(struct vexfs_derived *d, u32 dims, u64 slots)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(d->sb);
	u64 cost = vexfs_codes_cost(dims, slots);

	if (cost <= d->charged)
		return 0;
	if ((u64)atomic64_add_return(cost - d->charged, &sbi->resident) >
	    READ_ONCE(sbi->opts.resident)) {
		atomic64_sub(cost - d->charged, &sbi->resident);
		return -ENOSPC;
	}
	d->charged = cost;
	return 0;
}

/* --- generations --- */

struct vexfs_derived *vexfs_derived_get(struct vexfs_body *b)
{
	struct vexfs_derived *d;

	spin_lock(&b->derived_lock);
	d = b->derived;
	if (d)
		refcount_inc(&d->refs);
	spin_unlock(&b->derived_lock);
	return d;
}

void vexfs_derived_put(struct vexfs_derived *d)
{
	if (!d || !refcount_dec_and_test(&d->refs))
		return;
	vexfs_codes_free(d->codes);
	atomic64_sub(d->charged, &VEXFS_SB(d->sb)->resident);
	kfree(d);
}

/* Without any slot, but charged for `count` and centred.  ERR_PTR: -ENOSPC, -ENOMEM, of reading. */
static struct vexfs_derived *new_derived(const struct vexfs_collection_mem *c,
					 struct vexfs_body *b, struct vx_rows *rows, u64 count)
{
	struct vexfs_derived *d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	int err;

	if (!d)
		return ERR_PTR(-ENOMEM);
	refcount_set(&d->refs, 1);
	mutex_init(&d->lock);
	d->sb = b->dir->i_sb;
	err = charge(d, c->dims, count);
	if (!err) {
		d->codes = vexfs_codes_new(c->metric, c->dims, b->crc_seed);
		err = d->codes ? vexfs_codes_centre(d->codes, rows, count) : -ENOMEM;
	}
	if (err) {
		vexfs_derived_put(d);
		return ERR_PTR(err);
	}
	return d;
}

/* Another generation is the current one; the one before is the caller's to put, NULL: none. */
static struct vexfs_derived *replace(struct vexfs_body *b, struct vexfs_derived *d)
{
	struct vexfs_derived *old;

	spin_lock(&b->derived_lock);
	old = b->derived;
	b->derived = d;
	spin_unlock(&b->derived_lock);
	return old;
}

void vexfs_derived_drop(struct vexfs_body *b)
{
	vexfs_derived_put(replace(b, NULL));
}

/* --- making it --- */

/*
 * The first generation, which nobody else is making: it has no slot yet, and a reference for the
 * caller.  NULL: none.
 */
static struct vexfs_derived *begin(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				   u64 count)
{
	struct vexfs_derived *d = NULL;
	struct vx_rows *rows;

	if (!mutex_trylock(&b->derived_begin))
		return NULL;
	rows = vexfs_rows_open(b->vectors, b->row_bytes);
	if (rows && !(d = vexfs_derived_get(b))) {
		d = new_derived(c, b, rows, count);
		if (IS_ERR(d)) {
			d = NULL;
		} else {
			refcount_inc(&d->refs);
			vexfs_derived_put(replace(b, d));
		}
	}
	vexfs_rows_close(rows);
	mutex_unlock(&b->derived_begin);
	return d;
}

/* Encode what has no code below count.  d->lock held. */
static void encode(struct vexfs_derived *d, struct vexfs_body *b, u32 dims, u64 count,
		   u64 deadline)
{
	struct vx_rows *rows;
	u64 done, to;
	int err = 0;

	if (charge(d, dims, count))
		return;
	rows = vexfs_rows_open(b->vectors, b->row_bytes);
	if (!rows)
		return;
	while (!err && (done = vexfs_codes_count(d->codes)) < count) {
		to = min(count, done + BUILD_STEP);
		err = vexfs_codes_reserve(d->codes, to) ?:
		      vexfs_codes_extend(d->codes, rows, to, deadline);
		if (vx_killed() || vx_clock_us() >= deadline)
			break;
		cond_resched();
	}
	vexfs_rows_close(rows);
}

struct vexfs_derived *vexfs_derived_search(const struct vexfs_collection_mem *c,
					   struct vexfs_body *b, u32 us)
{
	u64 count = vexfs_columns_count(b->columns), deadline = vx_clock_us() + us;
	struct vexfs_derived *d = vexfs_derived_get(b);

	if (!d && count >= MIN_CODED)
		d = begin(c, b, count);
	if (!d || vexfs_codes_count(d->codes) >= count || !mutex_trylock(&d->lock))
		return d;
	encode(d, b, c->dims, count, deadline);
	mutex_unlock(&d->lock);
	return d;
}

u32 vexfs_derived_state(const struct vexfs_collection_mem *c, const struct vexfs_body *b,
			const struct vexfs_derived *d, u64 count)
{
	const struct vexfs_sb_info *sbi = VEXFS_SB(b->dir->i_sb);

	if (d)
		return vexfs_codes_count(d->codes) < count ? VEXFS_CODES_PART : VEXFS_CODES_ALL;
	if (count < MIN_CODED)
		return VEXFS_CODES_FEW;
	return (u64)atomic64_read(&sbi->resident) + vexfs_codes_cost(c->dims, count) >
		READ_ONCE(sbi->opts.resident) ? VEXFS_CODES_BUDGET : VEXFS_CODES_NONE;
}

void vexfs_derived_insert(const struct vexfs_collection_mem *c, u64 first, u32 n, const void *rows)
{
	struct vexfs_body *b = c->body;
	struct vexfs_derived *d = vexfs_derived_get(b);
	u32 i = 0;

	if (!d || !mutex_trylock(&d->lock))
		goto out;
	if (vexfs_codes_count(d->codes) == first && !charge(d, c->dims, first + n) &&
	    !vexfs_codes_reserve(d->codes, first + n)) {
		for (i = 0; i < n && !vx_killed(); i++) {
			struct vx_seg seg = { rows + (size_t)i * b->row_bytes, b->row_bytes };

			vexfs_codes_put(d->codes, first + i, &seg, 1);
			cond_resched();
		}
		vexfs_codes_publish(d->codes, first + i);
	}
	mutex_unlock(&d->lock);
out:
	vexfs_derived_put(d);
}
