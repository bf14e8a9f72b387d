// SPDX-License-Identifier: GPL-2.0
/*
 * One query: the batch, the budget, what waits to be read, and the exact end.  No floating point here.
 */
#include "internal.h"

#define PENDING		1024		/* rows that may wait to be read */
#define SECTION_BYTES	(128u << 10)	/* of rows per FPU section: under 50 us */
#define SLACK		64		/* pool entries beyond k + k / 4 */
#define MAX_POOL	(64u << 10)
#define YIELD_BATCHES	64
#define SCAN_WORDS	4096		/* of a predicate's bitmap, between looks at the clock */

struct vexfs_query {
	struct vexfs_search s;
	struct vexfs_columns *cols;
	struct vx_rows *rows;
	struct vexfs_match match;	/* p is NULL: every slot matches */
	struct vexfs_prep prep;
	void *row;			/* the query's own copy */
	__u64 count;			/* the snapshot; programs see a copy of these */
	__u64 max_visits, deadline_us, own_visits, own_deadline_us;
	__u64 visited, scored, next;	/* next: no slot from here on was looked at */
	__u64 passed;			/* slots not visited because they do not match */
	__u64 *seen;			/* bit per slot; marking: once a program goes back */
	bool marking;
	bool range;			/* only what is within the radius is wanted */
	__u64 radius;			/* u64 key */
	int (*filter)(struct vexfs_search *s);
	int (*distance)(struct vexfs_search *s);
	__u32 phase;
	int failed;
	__u32 why;			/* VEXFS_TRUNC_* */
	bool scored_batch;
	__u32 n;			/* candidates in the batch */
	__u64 slot[VEXFS_BATCH];
	struct vexfs_row measure[VEXFS_BATCH];
	struct vexfs_cand cand[VEXFS_BATCH];
	__s64 column[VEXFS_BATCH];
	__u64 penalty[VEXFS_BATCH];
	__u64 pending[PENDING];
	__u32 npending, from;		/* those before `from` were read and measured */
	__u32 max_norm2;
	struct vexfs_pool pool;
};

static void set_phase(struct vexfs_query *q, __u32 phase)
{
	q->phase = phase;
	q->s.phase = phase;
}

void vexfs_query_phase(struct vexfs_query *q, __u32 phase)
{
	set_phase(q, phase);
}

static void publish(struct vexfs_query *q)
{
	q->s.visited = q->visited;
	q->s.scored = q->scored;
	q->s.batch = q->n;
	q->s.found = q->pool.nbest;
}

void vexfs_query_restart(struct vexfs_query *q)
{
	struct vexfs_search *s = &q->s;

	vexfs_pool_clear(&q->pool);
	q->visited = q->scored = q->next = q->passed = 0;
	q->npending = q->from = q->n = 0;
	q->why = q->match.cut ? VEXFS_TRUNC_DEADLINE : 0;
	q->failed = 0;
	q->scored_batch = false;
	q->marking = false;
	s->live = vexfs_columns_live(q->cols);
	s->worst = q->range ? q->radius : ~0ULL;
	s->round = 0;
	memset(s->state, 0, sizeof(s->state));
	set_phase(q, VEXFS_PHASE_NONE);
	publish(q);
}

/* The pool of a fresh query: more than k, because f32 may order neighbours wrongly. */
static __u32 pool_cap(__u32 k)
{
	return k + k / 4 + SLACK;
}

void vexfs_query_reset(struct vexfs_query *q, const void *row)
{
	memcpy(q->row, row, (size_t)q->s.dims * 4);
	vx_fpu_begin();
	vexfs_prepare(&q->prep);
	vx_fpu_end();
	q->pool.cap = pool_cap(q->s.k);
	vexfs_query_restart(q);
}

struct vexfs_query *vexfs_query_new(struct vexfs_columns *c, struct vx_rows *rows, const struct vexfs_query_params *p)
{
	struct vexfs_query *q = vx_ealloc(sizeof(*q));

	if (!q)
		return NULL;
	q->row = vx_ealloc((size_t)p->dims * 4);
	if (!q->row || vexfs_pool_init(&q->pool, p->k, pool_cap(p->k))) {
		vexfs_query_free(q);
		return NULL;
	}
	q->cols = c;
	q->rows = rows;
	if (p->match)
		q->match = *p->match;
	q->max_visits = p->max_visits ?: ~0ULL;
	q->deadline_us = p->deadline_us;
	q->prep.row = q->row;
	q->prep.dims = p->dims;
	q->prep.metric = p->metric;
	q->range = p->range;
	vx_fpu_begin();
	q->radius = vexfs_bits_key(p->radius);
	vx_fpu_end();
	q->count = vexfs_columns_count(c);
	if (p->match && p->match->count < q->count)
		q->count = p->match->count;
	q->s.count = q->count;
	q->s.matches = p->match ? p->match->matches : q->count;
	q->s.dims = p->dims;
	q->s.metric = p->metric;
	q->s.k = p->k;
	q->s.attrs = p->attrs;
	memcpy(q->s.arg, p->arg, sizeof(q->s.arg));
	vexfs_query_limits(q, 0, 0);
	vexfs_query_reset(q, p->row);
	return q;
}

void vexfs_query_free(struct vexfs_query *q)
{
	if (!q)
		return;
	vexfs_pool_free(&q->pool);
	vx_efree(q->seen);
	vx_efree(q->row);
	vx_efree(q);
}

struct vexfs_search *vexfs_query_search(struct vexfs_query *q)
{
	return &q->s;
}

struct vexfs_query *vexfs_search_query(struct vexfs_search *s)
{
	return (struct vexfs_query *)s;		/* its first member */
}

void vexfs_query_hooks(struct vexfs_query *q, int (*filter)(struct vexfs_search *), int (*distance)(struct vexfs_search *))
{
	q->filter = filter;
	q->distance = distance;
}

void vexfs_query_limits(struct vexfs_query *q, __u64 max_visits, __u64 deadline_us)
{
	q->own_visits = max_visits ?: ~0ULL;
	q->own_deadline_us = deadline_us ?: ~0ULL;
	q->s.max_visits = q->own_visits < q->max_visits ? q->own_visits : q->max_visits;
}

int vexfs_query_failed(const struct vexfs_query *q)
{
	return q->failed;
}

/* May the strategy look at more?  *n is cut to the budget. */
static int charge(struct vexfs_query *q, __u32 *n)
{
	__u64 now = vx_clock_us(), max = q->s.max_visits;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->failed)
		return q->failed;
	if (now >= q->deadline_us || now >= q->own_deadline_us || vx_ekilled()) {
		q->why |= VEXFS_TRUNC_DEADLINE;
		return -ETIME;
	}
	if (q->visited >= max) {
		q->why |= VEXFS_TRUNC_VISITS;
		return -ENOSPC;
	}
	if (q->npending > PENDING - VEXFS_BATCH)
		return -EAGAIN;
	if (vexfs_pool_reserve(&q->pool, VEXFS_BATCH))
		return -ENOMEM;
	if (*n > max - q->visited) {	/* what is cut off is not looked at */
		*n = max - q->visited;
		q->why |= VEXFS_TRUNC_VISITS;
	}
	return 0;
}

/* A program goes back, or picks slots: from now on every slot is marked.  All before `next` that it may have skipped counts as unseen
 * only if it is asked for slot by slot, so the marks begin with what is known to be in the pool or waiting. */
static int need_seen(struct vexfs_query *q)
{
	size_t bytes = (q->count / 64 + 1) * sizeof(*q->seen);
	__u64 i;

	if (q->marking)
		return 0;
	if (q->seen)
		memset(q->seen, 0, bytes);
	else
		q->seen = vx_ealloc(bytes);
	if (!q->seen)
		return -ENOMEM;
	q->marking = true;
	for (i = 0; i < q->pool.n; i++)
		q->seen[q->pool.entry[i].slot / 64] |= 1ULL << q->pool.entry[i].slot % 64;
	for (i = q->from; i < q->npending; i++)
		q->seen[q->pending[i] / 64] |= 1ULL << q->pending[i] % 64;
	return 0;
}

/* Bit i: slot from + i may become a candidate: it is live and matches the predicate.  n <= 64. */
static __u64 admitted(const struct vexfs_query *q, __u64 from, __u32 n)
{
	__u64 mask = q->match.p ? vexfs_match_mask(&q->match, from, n) : ~0ULL;

	return mask ? mask & vexfs_columns_live_mask(q->cols, from, n, q->count) : 0;
}

static void take(struct vexfs_query *q, __u64 slot)
{
	if (q->marking) {
		if (q->seen[slot / 64] >> slot % 64 & 1)
			return;
		q->seen[slot / 64] |= 1ULL << slot % 64;
	}
	q->slot[q->n++] = slot;
}

int vexfs_q_range(struct vexfs_query *q, __u64 from, __u32 n)
{
	__u64 mask;
	int err;

	if (n > VEXFS_BATCH || from > q->count)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	if (n > q->count - from)
		n = q->count - from;
	err = charge(q, &n);
	if (!err && from < q->next)
		err = need_seen(q);
	if (err)
		return err;
	q->n = 0;
	q->scored_batch = false;
	for (mask = n ? admitted(q, from, n) : 0; mask; mask &= mask - 1)
		take(q, from + __builtin_ctzll(mask));
	q->visited += n;
	if (from + n > q->next)
		q->next = from + n;
	publish(q);
	return q->n;
}

int vexfs_q_slots(struct vexfs_query *q, const __u64 *slots, __u32 n)
{
	__u32 i, may = n;
	int err;

	if (n > VEXFS_BATCH)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	err = charge(q, &may);
	if (!err)
		err = need_seen(q);
	if (err)
		return err;
	q->n = 0;
	q->scored_batch = false;
	for (i = 0; i < may; i++)
		if (slots[i] < q->count && admitted(q, slots[i], 1))
			take(q, slots[i]);
	q->visited += may;
	publish(q);
	return q->n;
}

/*
 * The batch becomes the live ones of the next matching slots from `from` on, a batch of them at most.  *next: where to go
 * on.  Slots in between that do not match cost no visit.  Returns as vexfs_q_range().
 */
static int next_matches(struct vexfs_query *q, __u64 from, __u64 *next)
{
	__u32 n = VEXFS_BATCH, found = 0, words = 0, why = q->why;
	__u64 at = from, match, admit;
	int err;

	err = charge(q, &n);
	if (!err && from < q->next)
		err = need_seen(q);
	if (err)
		return err;
	q->n = 0;
	q->scored_batch = false;
	while (at < q->count && words++ < SCAN_WORDS) {
		__u32 len = 64 - at % 64;

		match = vexfs_match_mask(&q->match, at, len);
		if (len > q->count - at)
			match &= (1ULL << (q->count - at)) - 1;
		admit = match ? admitted(q, at, len) : 0;
		for (; match && found < n; match &= match - 1, found++)
			if (admit & match & -match)
				take(q, at + __builtin_ctzll(match));
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
	q->visited += found;
	q->passed += at - from - found;
	if (at > q->next)
		q->next = at;
	publish(q);
	*next = at;
	return q->n;
}

static int call(struct vexfs_query *q, int (*op)(struct vexfs_search *), __u32 phase)
{
	__u32 was = q->phase;
	int err;

	set_phase(q, phase);
	err = op(&q->s);
	set_phase(q, was);
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

	if (!q->filter || !q->n)
		return 0;
	q->s.keep = all;
	err = call(q, q->filter, VEXFS_PHASE_FILTER);
	if (err)
		return err;
	for (i = 0; i < q->n; i++)
		if (q->s.keep >> i & 1)
			q->slot[kept++] = q->slot[i];
	q->n = kept;
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
	memset(q->penalty, 0, sizeof(q->penalty));
	if (q->distance && q->n) {
		int err;

		publish(q);
		for (i = 0; i < q->n; i++)
			q->cand[i].penalty = 0;
		err = call(q, q->distance, VEXFS_PHASE_DISTANCE);
		if (err)
			return err;
		for (i = 0; i < q->n; i++)
			q->penalty[i] = q->cand[i].penalty;
	}
	q->scored_batch = true;
	publish(q);
	return q->n;
}

int vexfs_q_score(struct vexfs_query *q)
{
	__u32 i, have = 0;
	int n;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->failed)
		return q->failed;
	if (q->scored_batch)
		return q->n;
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
		q->slot[have++] = q->slot[i];
	}
	q->n = have;
	n = measure(q);
	vx_rows_put(q->rows);
	return n;
}

static int offer(struct vexfs_query *q)
{
	__u32 keys[VEXFS_BATCH], gate = ~0u, i, in = 0;
	__u64 worst;

	if (!q->scored_batch || !q->n)
		return 0;
	vx_fpu_begin();
	for (i = 0; i < q->n; i++)
		keys[i] = vexfs_total_key(q->measure[i].dist, q->penalty[i]);
	if (q->range)			/* the gate of -dot widens with the norms that were met */
		gate = vexfs_gate(&q->prep, q->radius, q->max_norm2);
	vx_fpu_end();
	for (i = 0; i < q->n; i++)
		if (keys[i] <= gate)
			in += vexfs_pool_offer(&q->pool, q->slot[i], keys[i], q->penalty[i]);
	if (in && q->pool.nbest == q->pool.k) {
		vx_fpu_begin();
		worst = vexfs_widen_key(q->pool.best[0]);
		vx_fpu_end();
		if (worst < q->s.worst)
			q->s.worst = worst;
	}
	q->n = 0;
	q->scored_batch = false;
	publish(q);
	return in;
}

int vexfs_q_offer(struct vexfs_query *q)
{
	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	return q->failed ?: offer(q);
}

struct vexfs_cand *vexfs_q_candidates(struct vexfs_query *q)
{
	bool measured = q->phase == VEXFS_PHASE_DISTANCE || (q->phase == VEXFS_PHASE_SEARCH && q->scored_batch);
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

int vexfs_flat(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 batches = 0;
	__u64 next;
	int n;

	while (s->state[0] < q->count) {
		next = s->state[0] + VEXFS_BATCH;
		n = q->match.p ? next_matches(q, s->state[0], &next) : vexfs_q_range(q, s->state[0], VEXFS_BATCH);
		if (n > 0)
			n = vexfs_q_score(q);
		if (n > 0)
			n = vexfs_q_offer(q);
		if (n == -EAGAIN)
			return VEXFS_MORE;
		if (n == -ENOSPC || n == -ETIME)
			return 0;
		if (n < 0)
			return n;
		s->state[0] = next;
		if (++batches % YIELD_BATCHES == 0) {
			if (q->filter || q->distance)
				return VEXFS_MORE;	/* inside SRCU: let a replace pass */
			vx_yield();
		}
	}
	return 0;
}

int vexfs_query_read(struct vexfs_query *q)
{
	__u32 i, left = q->npending - q->from;
	int n;

	if (!left) {
		q->npending = q->from = 0;
		q->s.round++;
		return 0;
	}
	if (vexfs_pool_reserve(&q->pool, VEXFS_BATCH))
		return -ENOMEM;
	if (!q->from)
		vx_rows_ahead(q->rows, q->pending, q->npending);
	q->n = 0;
	for (i = 0; i < left && i < VEXFS_BATCH; i++) {
		n = vx_rows_wait(q->rows, q->pending[q->from + i], q->measure[i].seg);
		if (n < 0) {
			vx_rows_put(q->rows);
			return n;
		}
		q->slot[i] = q->pending[q->from + i];
		q->measure[i].segs = n;
		q->measure[i].norm = vexfs_columns_norm(q->cols, q->slot[i]);
	}
	q->n = i;
	q->from += i;
	return i;
}

int vexfs_query_score_read(struct vexfs_query *q)
{
	int n = measure(q);

	vx_rows_put(q->rows);
	if (n > 0)
		offer(q);
	return n < 0 ? n : 0;
}

struct final {
	__u64 key, id, slot;
};

static bool final_before(const struct final *a, const struct final *b)
{
	return a->key != b->key ? a->key < b->key : a->id < b->id;
}

static void sift(struct final *f, __u32 i, __u32 n)
{
	struct final x = f[i];
	__u32 c;

	for (; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && final_before(&f[c], &f[c + 1]))
			c++;
		if (!final_before(&x, &f[c]))
			break;
		f[i] = f[c];
	}
	f[i] = x;
}

static void heapsort(struct final *f, __u32 n)
{
	__u32 i;

	for (i = n / 2; i-- > 0;)
		sift(f, i, n);
	while (n > 1) {
		struct final x = f[--n];

		f[n] = f[0];
		f[0] = x;
		sift(f, 0, n);
	}
}

/* Four times the pool, if there may be a larger one: -EAGAIN, else -EFBIG. */
static int enlarge(struct vexfs_query *q)
{
	__u32 cap = q->pool.cap, max = MAX_POOL + q->s.k;

	if (cap >= max)
		return -EFBIG;
	q->pool.cap = cap < max / 4 ? cap * 4 : max;
	return -EAGAIN;
}

/* Measure an entry of the pool, whose row is pinned, in double precision; appended to f unless it has died or is too far. */
static void finalize(struct vexfs_query *q, const struct vexfs_entry *e, const struct vx_seg *seg, int segs,
		     struct final *f, __u32 *n)
{
	__u64 key;

	vx_fpu_begin();
	key = vexfs_measure_f64(&q->prep, seg, segs, e->penalty);
	vx_fpu_end();
	if (vexfs_columns_dead(q->cols, e->slot) || (q->range && key > q->radius))
		return;
	f[*n].key = key;
	f[*n].slot = e->slot;
	f[(*n)++].id = vexfs_columns_id(q->cols, e->slot);
}

/*
 * The whole pool in double precision: first what is in memory; the rest is read, all of PENDING rows submitted before one is
 * waited for.  Changes the order of the pool.  How many, or an error.
 */
static int measure_pool(struct vexfs_query *q, struct final *f)
{
	struct vexfs_entry *e = q->pool.entry, x;
	struct vx_seg seg[VX_ROW_SEGS];
	__u32 i, k, ahead, absent = 0, n = 0;
	int segs;

	for (i = 0; i < q->pool.n; i++) {
		segs = vx_rows_get(q->rows, e[i].slot, seg);
		if (segs >= 0) {
			finalize(q, &e[i], seg, segs, f, &n);
			vx_rows_put(q->rows);
		} else {
			x = e[absent];
			e[absent++] = e[i];
			e[i] = x;
		}
		if (i % 64 == 63) {
			if (vx_ekilled())
				return -EINTR;
			vx_yield();
		}
	}
	for (i = 0; i < absent; i += ahead) {
		ahead = absent - i < PENDING ? absent - i : PENDING;
		for (k = 0; k < ahead; k++)
			q->pending[k] = e[i + k].slot;
		vx_rows_ahead(q->rows, q->pending, ahead);
		for (k = 0; k < ahead; k++) {
			segs = vx_rows_wait(q->rows, e[i + k].slot, seg);
			if (segs < 0)
				return segs;
			finalize(q, &e[i + k], seg, segs, f, &n);
			vx_rows_put(q->rows);
		}
	}
	return n;
}

/*
 * Was nothing refused that belongs among the first k of f, which is sorted?  And in a range search, are there more than
 * k if anything was refused?
 */
static bool is_sure(struct vexfs_query *q, const struct final *f, __u32 n)
{
	struct vexfs_pool *p = &q->pool;
	bool sure;

	if (!p->any_refused)
		return true;
	if (n < q->s.k + q->range)
		return false;
	vx_fpu_begin();
	sure = vexfs_certify(&q->prep, f[q->s.k - 1].key, p->refused, q->max_norm2);
	vx_fpu_end();
	return sure;
}

int vexfs_query_finish(struct vexfs_query *q, struct vexfs_hit_f *hits, __u32 *truncated)
{
	struct final *f = vx_ealloc(((size_t)q->pool.n + 1) * sizeof(*f));
	int n, i;

	*truncated = 0;
	if (!f)
		return -ENOMEM;
	n = measure_pool(q, f);
	if (n < 0)
		goto out;
	heapsort(f, n);
	if (!is_sure(q, f, n)) {
		if (enlarge(q) == -EAGAIN) {
			n = -EAGAIN;
			goto out;
		}
		*truncated |= VEXFS_TRUNC_PRECISION;
	}
	if (n > (int)q->s.k) {
		n = q->s.k;
		if (q->range)
			*truncated |= VEXFS_TRUNC_LIMIT;
	}
	for (i = 0; i < n; i++) {
		hits[i].slot = f[i].slot;
		hits[i].id = f[i].id;
		hits[i].distance = vexfs_key_bits(f[i].key);
	}
	*truncated |= q->why;
	if (n < (int)q->s.k && !q->why && q->visited + q->passed < q->count)
		*truncated |= VEXFS_TRUNC_STRATEGY;
out:
	vx_efree(f);
	return n;
}
