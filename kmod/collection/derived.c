// SPDX-License-Identifier: GPL-2.0
/*
 * What is derived from the rows of a body, in memory: generations with references.
 *
 * A search takes the current generation for as long as its call lasts, so that another one can take
 * its place at any time, or none.  The first search of a collection reads the checkpoint
 * (checkpoint.c), or makes one, for as long as its time allows, and the worker goes on (upkeep.c); an
 * insert adds its rows if all before them are in it; compaction carries over what there is.  A slot
 * without a code is measured, so a search takes what is there, while others add to it.
 *
 * The budget (budget.c) is charged before memory is allocated, for the whole collection: codes of a
 * part are not worth their memory.  What does not fit later on has no codes.
 *
 * Locks: vexfs_derived.lock, which only IOC_INDEX waits for: nobody else waits for codes.  Inside
 * it, folio locks.  vexfs_body.derived_lock, a leaf: which generation is the current one.
 */
#include "collection/collection.h"

#define TAIL		4		/* hash tables are remade when they lack one in so many */
#define BUILD_STEP	(16 * 1024)	/* slots allocated at a time */
/*
 * A centre is taken anew when there are so many times the rows that it was taken from ...
 */
#define GROWN		4
/*
 * ... or when that makes the mean square of what is encoded smaller by so many thousandths, if an
 * eighth of the rows has come since.  Of 30,000 rows of 128 dims in 100 clusters, sorted, a centre
 * that was off by 121 left 2,954 to be measured, and another one 1,229.
 */
#define OFF		50
#define LOAD_US		(500 * 1000)	/* whoever has less time leaves a checkpoint to the worker */

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
	vexfs_tables_put(d->tables);
	vexfs_lists_free(d->lists);
	vexfs_codes_free(d->codes);
	vexfs_budget_release(d);
	kfree(d);
}

struct vexfs_lists *vexfs_derived_lists(struct vexfs_derived *d)
{
	struct vexfs_lists *lists;

	spin_lock(&d->lists_lock);
	lists = d->lists ? vexfs_lists_get(d->lists) : NULL;
	spin_unlock(&d->lists_lock);
	return lists;
}

void vexfs_derived_relist(struct vexfs_derived *d, struct vexfs_lists *lists)
{
	struct vexfs_lists *old;

	spin_lock(&d->lists_lock);
	old = d->lists;
	d->lists = lists;
	spin_unlock(&d->lists_lock);
	WRITE_ONCE(d->rewritten, vexfs_lists_rewritten(lists));
	vexfs_lists_free(old);
	vexfs_derived_settle(d);
}

void vexfs_derived_settle(struct vexfs_derived *d)
{
	u64 count = vexfs_codes_count(d->codes);
	struct vexfs_lists *lists = vexfs_derived_lists(d);

	if (!lists)
		return;
	vexfs_budget_settle(d, vexfs_derived_cost(d->body->row_bytes / sizeof(__le32), count,
						  false) + vexfs_lists_grown(lists, count));
	vexfs_lists_free(lists);
}

u64 vexfs_derived_bytes(struct vexfs_derived *d)
{
	struct vexfs_lists *lists = vexfs_derived_lists(d);
	u64 bytes = vexfs_codes_bytes(d->codes) + (lists ? vexfs_lists_bytes(lists) : 0) +
		    READ_ONCE(d->tables_bytes);

	vexfs_lists_free(lists);
	return bytes;
}

void vexfs_derived_kinds(struct vexfs_derived *d, struct vexfs_ioc_memory *info)
{
	struct vexfs_lists *lists = vexfs_derived_lists(d);

	info->codes += vexfs_codes_bytes(d->codes);
	info->lists += lists ? vexfs_lists_bytes(lists) : 0;
	info->tables += READ_ONCE(d->tables_bytes);
	vexfs_lists_free(lists);
}

struct vexfs_tables *vexfs_tables_get(struct vexfs_derived *d)
{
	struct vexfs_tables *t;

	spin_lock(&d->tables_lock);
	t = d->tables;
	if (t)
		refcount_inc(&t->refs);
	spin_unlock(&d->tables_lock);
	return t;
}

void vexfs_tables_put(struct vexfs_tables *t)
{
	if (!t || !refcount_dec_and_test(&t->refs))
		return;
	vexfs_lsh_free(t->lsh);
	kfree(t);
}

void vexfs_tables_want(struct vexfs_derived *d)
{
	WRITE_ONCE(d->tables_wanted, true);
	vexfs_derived_poke(d->body);
}

u64 vexfs_derived_cost(u32 dims, u64 slots, bool lists)
{
	return vexfs_codes_cost(dims, slots) + (lists ? vexfs_lists_cost(dims, slots) : 0);
}

struct vexfs_derived *vexfs_derived_empty(struct vexfs_body *b, u32 dims, u64 count, u64 used)
{
	struct vexfs_derived *d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	int err;

	if (!d)
		return ERR_PTR(-ENOMEM);
	refcount_set(&d->refs, 1);
	mutex_init(&d->lock);
	spin_lock_init(&d->tables_lock);
	spin_lock_init(&d->lists_lock);
	INIT_LIST_HEAD(&d->link);
	d->sb = b->dir->i_sb;
	d->body = b;
	d->used = used;
	err = vexfs_budget_charge(d, vexfs_derived_cost(dims, count, false));
	if (!err)
		return d;
	vexfs_derived_put(d);
	return ERR_PTR(err);
}

struct vexfs_derived *vexfs_derived_new(const struct vexfs_collection_mem *c,
					struct vexfs_body *b, u64 count, u64 used)
{
	struct vexfs_derived *d = vexfs_derived_empty(b, c->dims, count, used);
	struct vx_rows *rows;
	int err;

	if (IS_ERR(d))
		return d;
	rows = vexfs_rows_open(b->vectors, b->row_bytes);
	d->codes = vexfs_codes_new(c->metric, c->dims, b->crc_seed);
	err = rows && d->codes ? vexfs_codes_centre(d->codes, rows, b->columns, count) : -ENOMEM;
	vexfs_rows_close(rows);
	if (!err)
		return d;
	vexfs_derived_put(d);
	return ERR_PTR(err);
}

void vexfs_derived_drop(struct vexfs_body *b)
{
	vexfs_derived_put(vexfs_budget_swap(b, NULL));
	vexfs_derived_put(b->derived_next);
	vexfs_budget_need(b->dir->i_sb, &b->needed, 0);
}

void vexfs_derived_count(struct vexfs_collection_mem *c, struct vexfs_body *b)
{
	vexfs_budget_need(b->dir->i_sb, &b->needed,
			  vexfs_columns_bytes(b->columns) + vexfs_map_bytes(&b->key_map) +
			  vexfs_predicates_bytes(&b->predicates) + vexfs_files_bytes(&b->files) +
			  vexfs_words_bytes(c));
}

/* --- making them --- */

struct vexfs_derived *vexfs_derived_begin(const struct vexfs_collection_mem *c,
					  struct vexfs_body *b, u64 count, bool (*stop)(void *body),
					  bool wait)
{
	u64 now = vx_clock_us();
	struct vexfs_derived *d;

	if (now < READ_ONCE(b->derived_after))
		return NULL;
	if (wait ? mutex_lock_killable(&b->derived_begin) : !mutex_trylock(&b->derived_begin))
		return NULL;
	d = vexfs_derived_get(b);
	if (!d) {
		d = vexfs_checkpoint_load(c, b, count, now, stop) ?:
		    vexfs_derived_new(c, b, count, now);
		WRITE_ONCE(b->derived_err, PTR_ERR_OR_ZERO(d));
		if (IS_ERR(d)) {
			d = NULL;
		} else {
			refcount_inc(&d->refs);
			vexfs_derived_install(d);
		}
	}
	mutex_unlock(&b->derived_begin);
	return d;
}

int vexfs_derived_extend(struct vexfs_derived *d, u32 dims, u64 count, u64 deadline)
{
	int err = vexfs_budget_charge(d, vexfs_derived_cost(dims, count, false));
	struct vx_rows *rows;
	u64 done, to;

	if (err)
		return err;
	rows = vexfs_rows_open(d->body->vectors, d->body->row_bytes);
	if (!rows)
		return -ENOMEM;
	while (!err && (done = vexfs_codes_count(d->codes)) < count) {
		to = min(count, done + BUILD_STEP);
		err = vexfs_codes_reserve(d->codes, to) ?:
		      vexfs_codes_extend(d->codes, rows, d->body->columns, to, deadline);
		if (!err && vx_killed())
			err = -EINTR;
		if (vx_clock_us() >= deadline)
			break;
		cond_resched();
	}
	vexfs_rows_close(rows);
	return err;
}

bool vexfs_derived_is_off(const struct vexfs_derived *d)
{
	u64 centred = vexfs_codes_centred(d->codes), count = vexfs_codes_count(d->codes);

	return count >= GROWN * centred || READ_ONCE(d->lists_err) == -E2BIG ||
	       (count >= centred + centred / 8 && vexfs_codes_off(d->codes) >= OFF);
}

static bool unlisted(const struct vexfs_derived *d, const struct vexfs_lists *lists)
{
	u64 count = vexfs_codes_count(d->codes);

	if (READ_ONCE(d->lists_err))
		return false;
	return lists ? vexfs_lists_linked(lists) < count : count >= VEXFS_MIN_LISTED;
}

bool vexfs_derived_unlisted(struct vexfs_derived *d)
{
	struct vexfs_lists *lists = vexfs_derived_lists(d);
	bool are = unlisted(d, lists);

	vexfs_lists_free(lists);
	return are;
}

bool vexfs_derived_untabled(struct vexfs_derived *d)
{
	u64 count = vexfs_codes_count(d->codes), covered;
	struct vexfs_tables *t;

	if (!READ_ONCE(d->tables_wanted))
		return false;
	t = vexfs_tables_get(d);
	covered = t ? vexfs_lsh_count(t->lsh) : 0;
	vexfs_tables_put(t);
	return count > covered + covered / TAIL;
}

/* --- searches and inserts --- */

struct vexfs_derived *vexfs_derived_search(const struct vexfs_collection_mem *c,
					   struct vexfs_body *b, u32 us,
					   struct vexfs_lists **lists)
{
	u64 count = vexfs_columns_count(b->columns), now = vx_clock_us();
	struct vexfs_derived *d = vexfs_derived_get(b);
	bool late = false;
	int err;

	*lists = NULL;
	if (!d && count >= VEXFS_MIN_CODED) {
		if (us < LOAD_US && vexfs_checkpoint_waits(b))
			vexfs_derived_poke(b);	/* a new generation would be in its way */
		else
			d = vexfs_derived_begin(c, b, count, NULL, false);
	}
	if (!d)
		return NULL;
	WRITE_ONCE(d->used, now);
	if (vexfs_codes_count(d->codes) < count && mutex_trylock(&d->lock)) {
		err = vexfs_derived_extend(d, c->dims, count, now + us);
		mutex_unlock(&d->lock);
		late = !err && vexfs_codes_count(d->codes) < count;
	}
	*lists = vexfs_derived_lists(d);
	if (late || (vexfs_derived_is_off(d) && now >= READ_ONCE(b->recentre_after)) ||
	    (now >= READ_ONCE(b->lists_after) &&
	     (unlisted(d, *lists) || (*lists && vexfs_lists_uneven(*lists, b->columns)))) ||
	    (vexfs_derived_untabled(d) && now >= READ_ONCE(d->tables_after)) ||
	    vexfs_checkpoint_is_due(b, d, now))
		vexfs_derived_poke(b);
	return d;
}

u32 vexfs_derived_state(const struct vexfs_body *b, const struct vexfs_derived *d, u64 count)
{
	if (d)
		return vexfs_codes_count(d->codes) < count ? VEXFS_CODES_PART : VEXFS_CODES_ALL;
	if (count < VEXFS_MIN_CODED)
		return VEXFS_CODES_FEW;
	return READ_ONCE(b->derived_err) == -ENOSPC ? VEXFS_CODES_BUDGET : VEXFS_CODES_NONE;
}

/* d->lock held. */
static void encode(struct vexfs_derived *d, u64 first, u32 n, const void *rows, u32 row_bytes)
{
	u32 i;

	for (i = 0; i < n && !vx_killed(); i++) {
		struct vx_seg seg = { rows + (size_t)i * row_bytes, row_bytes };

		vexfs_codes_put(d->codes, first + i, &seg, 1);
		cond_resched();
	}
	vexfs_codes_publish(d->codes, first + i);
}

void vexfs_derived_insert(const struct vexfs_collection_mem *c, struct vexfs_body *b, u64 first,
			  u32 n, const void *rows)
{
	struct vexfs_derived *d = vexfs_derived_get(b);

	if (!d)
		return;
	if (mutex_trylock(&d->lock)) {
		if (vexfs_codes_count(d->codes) == first &&
		    !vexfs_budget_charge(d, vexfs_derived_cost(c->dims, first + n, false)) &&
		    !vexfs_codes_reserve(d->codes, first + n))
			encode(d, first, n, rows, b->row_bytes);
		mutex_unlock(&d->lock);
	}
	vexfs_derived_put(d);
}

/* --- compaction --- */

struct vexfs_derived *vexfs_derived_heir(const struct vexfs_collection_mem *c,
					 struct vexfs_body *to, const struct vexfs_derived *from,
					 u64 slots)
{
	u64 centred = vexfs_codes_centred(from->codes), count = vexfs_codes_count(from->codes);
	struct vexfs_derived *d = vexfs_derived_empty(to, c->dims, slots, READ_ONCE(from->used));

	if (IS_ERR(d))
		return NULL;
	/* there are fewer rows now, but the centre is as old as it was */
	d->tables_wanted = READ_ONCE(from->tables_wanted);
	d->codes = vexfs_codes_like(from->codes, count > slots ?
					mul_u64_u64_div_u64(centred, slots, count) : centred);
	if (d->codes)
		return d;
	vexfs_derived_put(d);
	return NULL;
}

int vexfs_derived_carry(struct vexfs_derived *to, const struct vexfs_derived *from, u64 first,
			u32 n, const u64 *old, const void *rows)
{
	u32 i, row_bytes = to->body->row_bytes;
	int err;

	err = vexfs_budget_charge(to, vexfs_derived_cost(row_bytes / sizeof(__le32), first + n, false)) ?:
	      vexfs_codes_reserve(to->codes, first + n);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		struct vx_seg seg = { rows + (size_t)i * row_bytes, row_bytes };

		vexfs_codes_carry(to->codes, first + i, from->codes, old[i], &seg, 1);
		cond_resched();
	}
	vexfs_codes_publish(to->codes, first + n);
	WRITE_ONCE(to->used, READ_ONCE(from->used));
	return 0;
}

void vexfs_derived_carry_lists(struct vexfs_derived *to, struct vexfs_derived *from,
			       const u64 *kept, u64 slots)
{
	struct vexfs_lists *lists = vexfs_derived_lists(from), *carried = NULL;
	u32 dims = to->body->row_bytes / sizeof(__le32);
	int err = 0;

	if (lists && !vexfs_budget_charge(to, vexfs_derived_cost(dims, vexfs_codes_count(to->codes),
								 true)))
		carried = vexfs_lists_carry(lists, kept, slots, to->body->columns, &err);
	if (carried)
		vexfs_derived_relist(to, carried);
	vexfs_lists_free(lists);
}

void vexfs_derived_install(struct vexfs_derived *d)
{
	vexfs_derived_put(vexfs_budget_swap(d->body, d));
}
