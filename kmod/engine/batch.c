// SPDX-License-Identifier: GPL-2.0
/*
 * The batch of a query: filled with slots within the budget, bounded, filtered, measured, offered
 * to the pool or deferred; and what waits to be read.  No floating point here.
 */
#include "query.h"

#define SCAN_WORDS	4096		/* of a predicate's bitmap, between looks at the clock */
#define FEW_CODES	8		/* of 64: estimated one by one, row-major, not in blocks */
/* rows to read before the deferred ones are looked at again */
#define QUEUE_TAKEN	128
/* deferred ones that are measured before the others are looked at again: each batch prunes more */
#define TAKEN		16
#define FETCHED		512u		/* bytes of a row, while others are measured */

/* May the strategy go on, with up to max_pending rows to read? */
static int go_on(struct vexfs_query *q, __u32 max_pending)
{
	__u64 now;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->failed)
		return q->failed;
	if (q->own_end_us != ~0ULL && vx_cpu_us() >= q->own_end_us)
		q->overran = true;
	now = vx_clock_us();
	if (q->overran || now >= q->deadline_us || vx_ekilled()) {
		q->why |= VEXFS_TRUNC_DEADLINE;
		return -ETIME;
	}
	if (now >= q->round_end_us && q->work != q->round_work)
		return -EAGAIN;
	return q->npending > max_pending ? -EAGAIN : 0;
}

int vexfs_query_go_on(struct vexfs_query *q)
{
	int err = go_on(q, PENDING);

	return err == -EAGAIN ? 0 : err;	/* what fills the batch listens to that */
}

/*
 * Room in the pool for a batch, such that nothing has to go that may belong among the k best: where
 * more are almost as near as the k-th, the pool grows, as far as it may.
 */
static int need_room(struct vexfs_query *q)
{
	struct vexfs_pool *p = &q->pool;
	__u32 tie = vexfs_kth_worst(&p->best);

	if (p->cap - p->n + p->spare < VEXFS_BATCH && p->cap < vexfs_query_max_pool(q)) {
		if (tie != ~0u) {
			vx_fpu_begin();
			tie = vexfs_tie(&q->prep, tie, q->max_norm2);
			vx_fpu_end();
		}
		if (!vexfs_pool_can_spare(p, VEXFS_BATCH, tie))
			vexfs_query_enlarge(q);
	}
	return vexfs_pool_reserve(p, VEXFS_BATCH);
}

/* May it look at more?  *n is cut to the budget. */
int vexfs_query_charge(struct vexfs_query *q, __u32 *n)
{
	__u64 max = q->s.max_visits;
	int err = go_on(q, PENDING - VEXFS_BATCH);

	if (err && err != -EAGAIN)
		return err;
	if (q->visited >= max) {
		q->why |= VEXFS_TRUNC_VISITS;
		return -ENOSPC;
	}
	if (err)
		return err;
	if (need_room(q))
		return -ENOMEM;
	if (*n > max - q->visited) {	/* what is cut off is not looked at */
		*n = max - q->visited;
		q->why |= VEXFS_TRUNC_VISITS;
	}
	return 0;
}

static bool may(const struct vexfs_query *q, __u64 slot)
{
	const struct vexfs_file *file = q->may ? vexfs_columns_file(q->cols, slot) : NULL;

	return !file || q->may(q->may_arg, file);
}

/* Of the slots from + i for which bit i is set: those whose rows are whole, as far as is known. */
static __u64 whole(struct vexfs_query *q, __u64 from, __u64 mask)
{
	__u64 damaged = vexfs_columns_damaged_mask(q->cols, from, mask);

	if (damaged)
		q->damaged = true;
	return mask & ~damaged;
}

bool vexfs_query_admits(struct vexfs_query *q, __u64 slot)
{
	bool there = q->as_of ? !(q->as_of->dead[slot / 64] >> slot % 64 & 1) :
				vexfs_columns_visible(q->cols, slot, q->count);

	return there && may(q, slot) && whole(q, slot, 1);
}

/* Bit i: slot from + i is live in the snapshot.  n <= 64. */
static __u64 asof_mask(const struct vexfs_asof *s, __u64 from, __u32 n, __u64 count)
{
	__u64 dead;

	if (from >= count)
		return 0;
	n = count - from < n ? (__u32)(count - from) : n;
	dead = s->dead[from / 64] >> from % 64;
	if (from % 64 + n > 64)
		dead |= s->dead[from / 64 + 1] << (64 - from % 64);
	return ~dead & (n == 64 ? ~0ULL : (1ULL << n) - 1);
}

/*
 * Of the slots from + i for which bit i is set, which match: those that may become candidates.
 * They are live, the file that they are bound to may be read, and their rows are whole.  n <= 64.
 */
static __u64 admitted_of(struct vexfs_query *q, __u64 from, __u32 n, __u64 mask)
{
	__u64 left;

	if (mask)
		mask &= q->as_of ? asof_mask(q->as_of, from, n, q->count) :
				   vexfs_columns_live_mask(q->cols, from, n, q->count);
	if (!mask || !q->may || vexfs_columns_unbound(q->cols, from, n, q->count))
		return whole(q, from, mask);
	for (left = mask; left; left &= left - 1)
		if (!may(q, from + __builtin_ctzll(left)))
			mask &= ~(left & -left);
	return whole(q, from, mask);
}

/* Bit i: slot from + i matches the predicate and may become a candidate.  n <= 64. */
static __u64 admitted(struct vexfs_query *q, __u64 from, __u32 n)
{
	return admitted_of(q, from, n, q->match.p ? vexfs_match_mask(&q->match, from, n) : ~0ULL);
}

bool vexfs_query_admitted(struct vexfs_query *q, __u64 slot)
{
	return slot < q->count && (!q->match.p || vexfs_match_mask(&q->match, slot, 1)) &&
	       vexfs_query_admits(q, slot);
}

/*
 * A new batch.  What is left in the old one was neither offered nor deferred: it counts as not
 * looked at, and may become a candidate again.
 */
int vexfs_query_new_batch(struct vexfs_query *q, bool marks)
{
	__u64 bit;
	__u32 i;

	if ((marks || q->n) && vexfs_query_mark(q))
		return -ENOMEM;
	for (i = 0; i < q->n && !q->rescoring; i++) {
		bit = 1ULL << q->slot[i] % 64;
		q->seen[q->slot[i] / 64] &= ~bit;
		if (q->fresh[i]) {
			q->looked_at[q->slot[i] / 64] &= ~bit;
			q->looked--;
		}
	}
	q->n = 0;
	q->scored_batch = false;
	q->filtered = false;
	q->partial = false;
	q->rescoring = false;
	return 0;
}

void vexfs_query_add(struct vexfs_query *q, __u64 slot, __u32 lower, __u32 upper)
{
	bool fresh = true;

	if (q->marking) {
		if (q->seen[slot / 64] >> slot % 64 & 1)
			return;
		q->seen[slot / 64] |= 1ULL << slot % 64;
		fresh = !(q->looked_at[slot / 64] >> slot % 64 & 1);
	}
	q->fresh[q->n] = fresh;
	q->lower[q->n] = lower;
	q->upper[q->n] = upper;
	q->slot[q->n++] = slot;
}

void vexfs_query_keep(struct vexfs_query *q, __u32 to, __u32 from)
{
	q->slot[to] = q->slot[from];
	q->fresh[to] = q->fresh[from];
	q->lower[to] = q->lower[from];
	q->upper[to] = q->upper[from];
}

int vexfs_q_range(struct vexfs_query *q, __u64 from, __u32 n)
{
	__u64 mask;
	int err;

	if (n > VEXFS_BATCH || from > q->count)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	if (n > q->count - from)
		n = q->count - from;
	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, from != q->next);
	if (err)
		return err;
	for (mask = n ? admitted(q, from, n) : 0; mask; mask &= mask - 1)
		vexfs_query_add(q, from + __builtin_ctzll(mask), VEXFS_UNKNOWN, ~0u);
	vexfs_query_look(q, from, from + n, n);
	vexfs_query_publish(q);
	return q->n;
}

int vexfs_q_slots(struct vexfs_query *q, const __u64 *slots, __u32 n)
{
	__u32 i, may = n;
	__u64 slot;
	int err;

	if (n > VEXFS_BATCH)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	err = vexfs_query_charge(q, &may) ?: vexfs_query_new_batch(q, true);
	if (err)
		return err;
	for (i = 0; i < may; i++) {
		slot = READ_ONCE(slots[i]);	/* once: others may write to a program's memory */
		if (slot >= q->count)
			continue;
		if (vexfs_query_admitted(q, slot))
			vexfs_query_add(q, slot, VEXFS_UNKNOWN, ~0u);
		vexfs_query_look(q, slot, slot + 1, 0);
	}
	q->visited += may;
	vexfs_query_publish(q);
	return q->n;
}

__u32 vexfs_query_radius_gate(struct vexfs_query *q)
{
	__u32 gate;

	if (!q->range)
		return ~0u;
	vx_fpu_begin();
	/* that of -dot widens with the norms that were met */
	gate = vexfs_gate(&q->prep, q->radius, q->max_norm2);
	vx_fpu_end();
	return gate;
}

/*
 * What is farther than this, before penalties, is not among the k best; a key.  ~0: anything may
 * be.
 */
__u32 vexfs_query_gate(struct vexfs_query *q)
{
	__u32 measured = vexfs_kth_worst(&q->pool.best),
	      estimated = vexfs_kth_worst(&q->deferred.upper);
	__u32 radius = vexfs_query_radius_gate(q);

	/* penalties go on top of upper bounds, but not of measured totals */
	if (!q->distance && estimated < measured)
		measured = estimated;
	return measured < radius ? measured : radius;
}

int vexfs_query_estimator(struct vexfs_query *q)
{
	if (!q->codes || q->estimating)
		return 0;
	q->estimator = vexfs_estimator_in(&q->estimator_room, q->codes);
	if (!q->estimator)
		return -ENOMEM;
	vexfs_estimator_prepare(q->codes, q->estimator, q->row);
	q->estimating = true;
	return 0;
}

int vexfs_q_estimate(struct vexfs_query *q, __u64 from, __u32 n, __u32 sigma)
{
	__u32 shift = 0, bounded, i;
	__u64 mask;
	int err;

	sigma = sigma ?: VEXFS_SIGMA;
	if (n > VEXFS_BATCH || from > q->count || sigma > VEXFS_MAX_SIGMA)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	if (n > q->count - from)
		n = q->count - from;
	err = vexfs_query_charge(q, &n) ?: vexfs_query_estimator(q) ?: vexfs_query_new_batch(q, from != q->next);
	if (err)
		return err;
	mask = n ? admitted(q, from, n) : 0;
	if (!q->codes) {
		for (; mask; mask &= mask - 1)
			vexfs_query_add(q, from + __builtin_ctzll(mask), VEXFS_UNKNOWN, ~0u);
	} else if (vx_popcount(mask) <= FEW_CODES) {
		for (; mask; mask &= mask - 1)
			vexfs_query_add(q, from + __builtin_ctzll(mask), VEXFS_UNKNOWN, ~0u);
		err = vexfs_query_bound(q, 1, sigma);
		if (err)
			return err;
	} else {
		bounded = vx_popcount(mask);
		mask = vexfs_codes_range(q->codes, q->estimator, from, n, mask, sigma, vexfs_query_gate(q),
					 q->lower, q->upper, &shift, &q->deferred.refused);
		q->stats.estimated += bounded;
		q->stats.pruned += bounded - vx_popcount(mask);
		for (; mask; mask &= mask - 1) {
			i = __builtin_ctzll(mask);
			/* in place */
			vexfs_query_add(q, from + i, q->lower[i + shift], q->upper[i + shift]);
		}
	}
	vexfs_query_look(q, from, from + n, n);
	vexfs_query_publish(q);
	return q->n;
}

int vexfs_q_matches(struct vexfs_query *q, __u64 from, __u64 *next, bool estimate)
{
	__u32 n = VEXFS_BATCH, found = 0, words = 0, why = q->why;
	__u64 at = from, match, admit;
	int err;

	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, from != q->next);
	if (err)
		return err;
	while (at < q->count && words++ < SCAN_WORDS) {
		__u32 len = 64 - at % 64;

		match = vexfs_match_mask(&q->match, at, len);
		if (len > q->count - at)
			match &= (1ULL << (q->count - at)) - 1;
		admit = match ? admitted_of(q, at, len, match) : 0;
		for (; match && found < n; match &= match - 1, found++)
			if (admit & match & -match)
				vexfs_query_add(q, at + __builtin_ctzll(match), VEXFS_UNKNOWN, ~0u);
		if (match) {
			at += __builtin_ctzll(match);
			break;
		}
		at += len;
	}
	if (at > q->count)
		at = q->count;
	if (found < n || at == q->count)
		q->why = why;		/* charge() had cut a batch that is not full */
	vexfs_query_look(q, from, at, found);
	*next = at;
	err = estimate && q->codes ? vexfs_query_bound_finely(q, VEXFS_SIGMA) : 0;
	vexfs_query_publish(q);
	return err ?: (int)q->n;
}

static int call(struct vexfs_query *q, int (*op)(struct vexfs_search *), __u32 phase)
{
	__u32 was = q->phase;
	int err;

	vexfs_query_phase(q, phase);
	err = op(&q->s);
	vexfs_query_phase(q, was);
	if (err)
		q->failed = err < 0 ? err : -EINVAL;
	return q->failed;
}

/* Drop what the filter does not keep.  It can only take away. */
static int apply_filter(struct vexfs_query *q)
{
	__u64 all = q->n == 64 ? ~0ULL : (1ULL << q->n) - 1;
	__u32 i, kept = 0;
	int err;

	if (!q->filter || !q->n || q->filtered)
		return 0;
	q->s.keep = all;
	err = call(q, q->filter, VEXFS_PHASE_FILTER);
	if (err)
		return err;
	for (i = 0; i < q->n; i++)
		if (q->s.keep >> i & 1)
			vexfs_query_keep(q, kept++, i);
	q->stats.filtered += q->n - kept;
	q->n = kept;
	q->filtered = true;
	return 0;
}

/* Distances of the batch, whose rows are pinned; then the distance program. */
static int measure(struct vexfs_query *q)
{
	__u32 step = SECTION_BYTES / (q->prep.dims * 4), i;

	for (i = 0; i < q->n; i += step) {
		__u32 n = q->n - i < step ? q->n - i : step;

		vx_fpu_begin();
		vexfs_measure(&q->prep, q->measure + i, n, &q->max_norm2);
		vx_fpu_end();
	}
	q->scored += q->n;
	memset(q->penalty, 0, q->n * sizeof(*q->penalty));
	if (q->distance && q->n) {
		int err;

		vexfs_query_publish(q);
		for (i = 0; i < q->n; i++)
			q->cand[i].penalty = 0;
		err = call(q, q->distance, VEXFS_PHASE_DISTANCE);
		if (err)
			return err;
		for (i = 0; i < q->n; i++)
			q->penalty[i] = q->cand[i].penalty;
	}
	q->scored_batch = true;
	q->partial = false;
	vexfs_query_publish(q);
	return q->n;
}

/* The beginning of a row that is measured soon; what follows is fetched by the processor itself. */
static void fetch(const struct vx_seg *seg)
{
	__u32 i;

	for (i = 0; i < seg->bytes && i < FETCHED; i += 64)
		__builtin_prefetch((const char *)seg->p + i);
}

int vexfs_query_pin(struct vexfs_query *q)
{
	__u32 i, have = 0;
	int n;

	q->work += q->n > 0;
	if (apply_filter(q))
		return q->failed;
	for (i = 0; i < q->n; i++) {
		n = vx_rows_get(q->rows, q->slot[i], q->measure[have].seg);
		if (n < 0) {		/* charge() has seen to it that there is room */
			q->pending[q->npending++] = q->slot[i];
			continue;
		}
		q->measure[have].segs = n;
		q->measure[have].norm = vexfs_columns_norm(q->cols, q->slot[i]);
		__builtin_prefetch(q->measure[have].norm);
		fetch(&q->measure[have].seg[0]);
		vexfs_query_keep(q, have++, i);
	}
	q->n = have;
	return 0;
}

int vexfs_q_score(struct vexfs_query *q)
{
	int n;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->failed)
		return q->failed;
	if (q->scored_batch)
		return q->n;
	n = vexfs_query_pin(q);
	if (n)
		return n;
	n = measure(q);
	vx_rows_put(q->rows);
	return n;
}

static int offer(struct vexfs_query *q)
{
	__u32 keys[VEXFS_BATCH], most, i, in = 0;
	__u64 worst;

	if (!q->scored_batch || !q->n)
		return 0;
	if (q->rescored)
		vexfs_query_only_new(q);
	q->work++;
	most = vexfs_query_radius_gate(q);
	vx_fpu_begin();
	for (i = 0; i < q->n; i++)
		keys[i] = vexfs_total_key(q->measure[i].dist, q->penalty[i]);
	vx_fpu_end();
	for (i = 0; i < q->n; i++)
		if (keys[i] <= most)
			in += vexfs_pool_offer(&q->pool, q->slot[i], keys[i], q->penalty[i]);
	if (in && q->pool.best.n == q->pool.best.k) {
		vx_fpu_begin();
		worst = vexfs_widen_key(q->pool.best.key[0]);
		vx_fpu_end();
		if (worst < q->s.worst)
			q->s.worst = worst;
	}
	q->n = 0;
	q->scored_batch = false;
	vexfs_query_publish(q);
	return in;
}

int vexfs_q_offer(struct vexfs_query *q)
{
	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->partial && q->n)
		return q->failed ?: -EINVAL;
	return q->failed ?: offer(q);
}

static int need_deferred(struct vexfs_query *q)
{
	return q->deferred.upper.k ? 0 : vexfs_deferred_init(&q->deferred, q->s.k);
}

int vexfs_q_defer(struct vexfs_query *q)
{
	__u32 i, unknown = 0, n = 0, gate;
	int err;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->failed)
		return q->failed;
	if (q->scored_batch || q->rescoring)
		return -EINVAL;
	err = need_deferred(q);
	if (!err)
		err = apply_filter(q);
	if (err)
		return err;
	q->work += q->n > 0;
	/* the batch's own upper bounds may tell that others of it are too far */
	for (i = 0; i < q->n; i++)
		if (q->lower[i] != VEXFS_UNKNOWN)
			vexfs_kth_offer(&q->deferred.upper, q->upper[i]);
	gate = vexfs_query_gate(q);
	vexfs_deferred_room(&q->deferred, gate);
	for (i = 0; i < q->n; i++) {
		if (q->lower[i] == VEXFS_UNKNOWN) {	/* nothing to wait for */
			vexfs_query_keep(q, unknown++, i);
			continue;
		}
		n++;
		if (q->lower[i] <= gate)
			vexfs_deferred_push(&q->deferred, q->lower[i], q->slot[i]);
		else
			vexfs_query_refuse(q, q->lower[i]);
	}
	q->stats.deferred += n;
	q->n = unknown;
	if (unknown) {
		err = vexfs_q_score(q);
		if (err > 0)
			offer(q);
		if (err < 0)
			return err;
	}
	vexfs_query_publish(q);
	return n + unknown;
}

int vexfs_q_take(struct vexfs_query *q)
{
	__u32 most = vexfs_query_gate(q);
	__u64 slot;
	int err = go_on(q, QUEUE_TAKEN - VEXFS_BATCH) ?: need_room(q) ?: vexfs_query_new_batch(q, false);

	if (err)
		return err;
	q->filtered = true;
	while (q->n < TAKEN && vexfs_deferred_pop(&q->deferred, most, &slot))
		if (vexfs_query_admits(q, slot)) {
			q->lower[q->n] = VEXFS_UNKNOWN;
			q->upper[q->n] = ~0u;
			q->fresh[q->n] = true;
			q->slot[q->n++] = slot;
		}
	q->stats.reranked += q->n;
	q->work += q->n > 0;
	vexfs_query_publish(q);
	return q->n;
}

struct vexfs_cand *vexfs_q_candidates(struct vexfs_query *q)
{
	bool measured = q->phase == VEXFS_PHASE_DISTANCE ||
			(q->phase == VEXFS_PHASE_SEARCH && (q->scored_batch || q->partial));
	__u32 i;

	if (q->phase == VEXFS_PHASE_NONE)
		return NULL;
	memset(q->cand, 0, sizeof(q->cand));
	for (i = 0; i < q->n; i++) {
		q->cand[i].slot = q->slot[i];
		q->cand[i].id = vexfs_columns_id(q->cols, q->slot[i]);
	}
	if (measured) {
		vx_fpu_begin();
		for (i = 0; i < q->n; i++) {
			q->cand[i].key = vexfs_wide_key(q->measure[i].dist);
			q->cand[i].micro = vexfs_micro(q->measure[i].dist);
		}
		vx_fpu_end();
	}
	return q->cand;
}

__s64 *vexfs_q_attribute(struct vexfs_query *q, __u32 attr)
{
	__u32 i;

	if (q->phase == VEXFS_PHASE_NONE || attr >= q->s.attrs)
		return NULL;
	memset(q->column, 0, sizeof(q->column));
	for (i = 0; i < q->n; i++)
		q->column[i] = vexfs_columns_attr(q->cols, q->slot[i], attr);
	return q->column;
}

int vexfs_query_read(struct vexfs_query *q)
{
	__u32 have = 0;
	int n;

	if (q->from == q->npending) {	/* the batch of the strategy stays as it is */
		q->npending = q->from = 0;
		q->s.round++;
		return 0;
	}
	if (need_room(q) || vexfs_query_new_batch(q, false))
		return -ENOMEM;
	if (!q->from)
		vx_rows_ahead(q->rows, q->pending, q->npending);
	while (q->from < q->npending && have < VEXFS_BATCH) {
		__u64 slot = q->pending[q->from];

		if (!have && q->from && vexfs_query_late(q))
			break;
		q->from++;
		n = vx_rows_wait(q->rows, slot, q->measure[have].seg);
		if (n < 0) {
			n = vexfs_query_damage(q, slot, n);
			if (n) {
				vx_rows_put(q->rows);
				return n;
			}
			if (have)	/* pages of it may be pinned, and there are pins for 64 rows */
				break;
			continue;
		}
		q->slot[have] = slot;
		q->measure[have].segs = n;
		q->measure[have++].norm = vexfs_columns_norm(q->cols, slot);
	}
	q->n = have;
	q->stats.fetched += have;
	if (!have) {
		q->npending = q->from = 0;
		q->s.round++;
	}
	return have;
}

int vexfs_query_score_read(struct vexfs_query *q)
{
	int n = measure(q);

	vx_rows_put(q->rows);
	if (n > 0)
		offer(q);
	return n < 0 ? n : 0;
}
