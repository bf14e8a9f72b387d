// SPDX-License-Identifier: GPL-2.0
/*
 * Queries against exact search, to the last bit: strategies and hooks, limits and errors, what was
 * left out, ties, and answers that come late.  See test_coded.c and test_eligible.c.
 */
#include <stdlib.h>
#include <string.h>
#include "oracle.h"

static __u32 search(__u32 metric, __u32 k)
{
	struct vexfs_query *q = begin(metric, k, 0, ~0ULL);
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 truncated, restarts;
	int n;

	assert_non_null(q);
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	assert_true(n >= 0);
	assert_int_equal(truncated, 0);
	check(metric, k, NULL, NULL, hits, n);
	vexfs_query_free(q);
	return restarts;
}

static void test_exact(void **state)
{
	static const __u32 sizes[] = { 0, 1, 63, 64, 65, 700, 5000 }, ks[] = { 1, 10, 64, 1000 };
	__u32 s, k, m, kind, way, restarts = 0;

	(void)state;
	for (s = 0; s < 7; s++)
		for (kind = 0; kind < 4; kind++) {
			fill(sizes[s], kind == 3 ? 3 : 1 + chance(DIMS), kind);
			if (sizes[s] > 10)
				kill_some(sizes[s] / 10);
			for (k = 0; k < 4; k++)
				for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
					way = chance(4);
					use_kernels(way & 1 ? 0 : chance(kernels()));
					plane.cut = way & 2 ? 4 * (1 + chance(dims)) : 0;
					plane.absent = chance(2) ? 1 + chance(5) : 0;
					restarts += search(m, ks[k]);
				}
			vexfs_columns_free(columns);
		}
	use_kernels(BEST);
	assert_int_equal(restarts, 0);		/* however many rows are equal, or almost */
}

/* What a program is told of the recall that the query wants. */
static void test_recall(void **state)
{
	static const __u32 given[] = { 0, 1, 950000, VEXFS_RECALL_ALL };
	struct vexfs_query_params p = { .row = query, .dims = 3, .metric = VEXFS_METRIC_L2,
					.k = 1, .attrs = 1, .deadline_us = ~0ULL };
	struct vexfs_query *q;
	__u32 i;

	(void)state;
	fill(100, 3, 0);
	for (i = 0; i < 4; i++) {
		p.recall = given[i];
		p.effort = 7 * i;
		q = vexfs_query_new(columns, &plane, &p);
		assert_non_null(q);
		vexfs_query_reset(q, query);	/* the next one of a call */
		assert_int_equal(vexfs_query_search(q)->recall, given[i] ?: 990000);
		assert_int_equal(vexfs_query_search(q)->effort, 7 * i);
		vexfs_query_free(q);
	}
	vexfs_columns_free(columns);
}

static int failing(struct vexfs_search *s)
{
	(void)s;
	return ++calls > 3 ? -EDOM : 0;
}

static void test_hooks(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 m, absent, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(3000, 17, 0);
	kill_some(200);
	for (absent = 0; absent < 4; absent++)
		for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
			plane.absent = absent;
			q = begin(m, 20, 0, ~0ULL);
			calls = 0;
			vexfs_query_hooks(q, odd_filter, NULL);
			n = run(q, vexfs_flat, hits, &truncated, &restarts);
			check(m, 20, keep_odd, NULL, hits, n);
			assert_true(calls >= 3000 / VEXFS_BATCH);
			vexfs_query_restart(q);
			vexfs_query_hooks(q, odd_filter, attr_distance);
			n = run(q, vexfs_flat, hits, &truncated, &restarts);
			check(m, 20, keep_odd, by_attr, hits, n);
			vexfs_query_restart(q);
			calls = 0;
			vexfs_query_hooks(q, absent & 1 ? failing : NULL,
					  absent & 1 ? NULL : failing);
			assert_int_equal(run(q, vexfs_flat, hits, &truncated, &restarts), -EDOM);
			vexfs_query_free(q);
		}
	vexfs_columns_free(columns);
}

static int wrong_calls(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u64 slot = 0;

	assert_int_equal(vexfs_q_range(q, s->count + 1, 1), -EINVAL);
	assert_int_equal(vexfs_q_range(q, ~0ULL, 64), -EINVAL);
	assert_int_equal(vexfs_q_range(q, 0, 65), -EINVAL);
	assert_int_equal(vexfs_q_slots(q, &slot, 65), -EINVAL);
	assert_int_equal(vexfs_q_range(q, s->count, 64), 0);
	assert_int_equal(vexfs_q_offer(q), 0);		/* nothing was scored */
	assert_null(vexfs_q_attribute(q, 8));
	return 0;
}

static void test_strategies(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 truncated, restarts, absent;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(2000, 12, 0);
	kill_some(100);
	for (absent = 0; absent < 3; absent++) {
		plane.absent = absent;
		q = begin(VEXFS_METRIC_L2, 30, 0, ~0ULL);
		n = run(q, backwards, hits, &truncated, &restarts);
		check(VEXFS_METRIC_L2, 30, NULL, NULL, hits, n);
		vexfs_query_free(q);
	}
	q = begin(VEXFS_METRIC_L2, 30, 0, ~0ULL);
	assert_int_equal(vexfs_q_range(q, 0, 1), -EPERM);	/* no program runs */
	assert_null(vexfs_q_candidates(q));
	assert_int_equal(run(q, wrong_calls, hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_STRATEGY);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

/* what may_flip() writes, as another CPU or an mmap may at any time */
static volatile __u64 shared;

static bool may_flip(void *arg, const struct vexfs_file *file)
{
	(void)arg;
	(void)file;
	shared = 1ULL << 40;
	return true;
}

/*
 * Puts a slot that exists where the slots are, which has become an impossible one once it was
 * looked at.
 */
static int flipped(struct vexfs_search *s)
{
	int n = 0;

	for (; s->state[0] < s->count && n >= 0; s->state[0]++) {
		shared = s->state[0];
		n = vexfs_q_slots(vexfs_search_query(s), (const __u64 *)&shared, 1);
		assert_int_equal(n, 1);
		assert_int_equal(shared, 1ULL << 40);
		n = vexfs_q_score(vexfs_search_query(s));
		if (n > 0)
			n = vexfs_q_offer(vexfs_search_query(s));
	}
	return n < 0 ? n : 0;
}

static void test_shared_slots(void **state)
{
	struct vexfs_query_params p = { .row = query, .dims = 8, .metric = VEXFS_METRIC_L2, .k = 10,
					.attrs = 1, .deadline_us = ~0ULL, .may = may_flip };
	struct vexfs_hit_f hits[10];
	__u32 truncated, restarts, i;
	struct vexfs_query *q;
	int n;

	(void)state;
	memset(files, 0, sizeof(files));
	fill(200, 8, 0);
	for (i = 0; i < 200; i++)
		assert_int_equal(vexfs_columns_bind(columns, i, &files[0]), 0);
	q = vexfs_query_new(columns, &plane, &p);
	assert_non_null(q);
	n = run(q, flipped, hits, &truncated, &restarts);
	assert_int_equal(truncated, 0);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

static void test_limits(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 truncated, restarts, was;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(2000, 8, 0);
	q = begin(VEXFS_METRIC_L2, 10, 1000, ~0ULL);
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
	assert_int_equal(vexfs_query_search(q)->visited, 1000);
	was = n_rows;
	n_rows = 1000;					/* exact over what it looked at */
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	n_rows = was;
	vexfs_query_free(q);

	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	vexfs_query_limits(q, 64, 0);			/* a program's own */
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
	vexfs_query_free(q);

	q = begin(VEXFS_METRIC_L2, 10, 0, 1);		/* long ago */
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	assert_int_equal(n, 0);
	assert_int_equal(truncated, VEXFS_TRUNC_DEADLINE);
	vexfs_query_free(q);

	/* what is published or dies later */
	q = begin(VEXFS_METRIC_L2, 2000, 0, ~0ULL);
	vexfs_query_free(q);
	q = begin(VEXFS_METRIC_L2, 1000, 0, ~0ULL);
	vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
	assert_int_equal(vexfs_flat(vexfs_query_search(q)), 0);
	kill_some(300);
	n = vexfs_query_finish(q, hits, &truncated);
	if (n == -EAGAIN) {
		vexfs_query_restart(q);
		n = run(q, vexfs_flat, hits, &truncated, &restarts);
	}
	check(VEXFS_METRIC_L2, 1000, NULL, NULL, hits, n);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

/* A strategy in rounds whose time is up as soon as they have got on.  *rounds: how many it took. */
static int run_in_short_rounds(struct vexfs_query *q, int (*strategy)(struct vexfs_search *),
			       __u32 *rounds)
{
	__u64 work;
	int n, err;

	for (*rounds = 0;; ++*rounds) {
		work = vexfs_query_work(q);
		vexfs_query_round(q, 1);		/* long ago */
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		err = strategy(vexfs_query_search(q));
		vexfs_query_phase(q, VEXFS_PHASE_NONE);
		while ((n = vexfs_query_read(q)) > 0)
			assert_int_equal(vexfs_query_score_read(q), 0);
		assert_int_equal(n, 0);
		if (err != VEXFS_MORE)
			return err;
		assert_true(vexfs_query_work(q) > work);
	}
}

/* What a round that is too long ends with is no error, and nothing is lost or done twice. */
static void test_rounds(void **state)
{
	int (*const strategy[])(struct vexfs_search *) = { vexfs_flat, vexfs_coded, ranges,
							   backwards };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 i, absent, rounds, truncated;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (absent = 0; absent < 3; absent++)
		for (i = 0; i < sizeof(strategy) / sizeof(*strategy); i++) {
			fill(2000, 8, 0);
			plane.absent = absent;
			q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
			assert_int_equal(run_in_short_rounds(q, strategy[i], &rounds), 0);
			assert_true(rounds >= 2000 / VEXFS_BATCH);
			assert_int_equal(vexfs_query_search(q)->round, rounds + 1);
			n = vexfs_query_finish(q, hits, &truncated);
			assert_int_equal(truncated, 0);
			check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
			vexfs_query_free(q);
			vexfs_columns_free(columns);
		}
	plane.absent = 0;

	/* limits of the query come first */
	fill(2000, 8, 0);
	q = begin(VEXFS_METRIC_L2, 10, 640, ~0ULL);
	assert_int_equal(run_in_short_rounds(q, vexfs_flat, &rounds), 0);
	assert_true(vexfs_query_finish(q, hits, &truncated) == 10);
	assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

static void test_errors(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 truncated, restarts;
	struct vexfs_query *q;
	long fail;
	int n;

	(void)state;
	fill(3000, 8, 1);		/* equal rows: the pool must grow */
	plane.absent = 3;
	plane.broken = 1500;		/* absent */
	plane.error = -EIO;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	assert_int_equal(n, 10);
	assert_int_equal(truncated, VEXFS_TRUNC_DAMAGED);
	assert_int_equal(vexfs_columns_damaged(columns), 1);
	while (n--)
		assert_int_not_equal(hits[n].slot, 1500);
	vexfs_columns_mend(columns, 1500);
	assert_int_equal(vexfs_columns_damaged(columns), 0);
	plane.error = -EINTR;
	vexfs_query_restart(q);
	assert_int_equal(run(q, vexfs_flat, hits, &truncated, &restarts), -EINTR);
	assert_int_equal(vexfs_columns_damaged(columns), 0);
	plane.error = 0;
	vexfs_query_restart(q);
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	vexfs_query_free(q);

	for (fail = 0; fail < 20; fail++) {
		vx_ealloc_left = fail;
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		n = q ? run(q, backwards, hits, &truncated, &restarts) : -ENOMEM;
		vx_ealloc_left = -1;
		assert_true(n >= 0 || n == -ENOMEM);
		if (n >= 0)
			break;
		vexfs_query_free(q);
	}
	assert_true(fail > 4 && fail < 20);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

/*
 * One query object for many vectors: as good as a fresh one for each, whatever the one before it
 * did.
 */
static void test_reuse(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 kind, m, i, k, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (kind = 0; kind < 3; kind++)
		for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
			fill(2500, 9, kind);
			kill_some(100);
			plane.absent = chance(4);
			q = begin(m, 15, 0, ~0ULL);
			for (i = 0; i < 10; i++) {
				for (k = 0; k < dims; k++)
					query[k] = (float)chance(1000) / 500 - 0.999f;
				vexfs_query_reset(q, query);
				n = run(q, i % 3 == 2 ? backwards : vexfs_flat, hits, &truncated,
					&restarts);
				assert_int_equal(truncated, 0);
				check(m, 15, NULL, NULL, hits, n);
				assert_int_equal(restarts, 0);
				/*
				 * left in the middle; what it allocates from here on is needed no
				 * more
				 */
				if (i % 3 == 0) {
					vexfs_query_reset(q, query);
					vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
					assert_true(vexfs_q_range(q, 500, 64) > 0);
					vexfs_q_score(q);
				}
			}
			/* the count is that of the beginning */
			assert_int_equal(vexfs_columns_reserve(columns, 2501), 0);
			assert_int_equal(vexfs_columns_put(columns, 2500, 12345, &attr[0]), 0);
			vexfs_columns_publish(columns, 2501);
			vexfs_query_reset(q, query);
			assert_int_equal(vexfs_query_search(q)->count, 2500);
			n = run(q, vexfs_flat, hits, &truncated, &restarts);
			check(m, 15, NULL, NULL, hits, n);
			vexfs_query_free(q);
			vexfs_columns_free(columns);
		}
}

/* --- what was left out --- */

static int step_by_range(struct vexfs_query *q, __u64 from)
{
	return vexfs_q_range(q, from, 64);
}

static int step_by_slots(struct vexfs_query *q, __u64 from)
{
	__u64 slot[64];
	__u32 i;

	for (i = 0; i < 64; i++)
		slot[i] = from + i;
	return vexfs_q_slots(q, slot, 64);
}

static int step_by_codes(struct vexfs_query *q, __u64 from)
{
	return vexfs_q_estimate(q, from, 64, 0);
}

static int (*step)(struct vexfs_query *q, __u64 from);

/* As many slots as there are, but the same ones again and again. */
static int again_and_again(struct vexfs_search *s)
{
	int n;

	for (; s->visited < 2 * s->count; s->state[0] += 64) {
		n = measured(vexfs_search_query(s),
				  step(vexfs_search_query(s), s->state[0] % 512));
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	return 0;
}

/* All slots, of which nothing is measured; or, in the second half, only measured. */
static int for_nothing(struct vexfs_search *s)
{
	int n;

	for (; s->state[0] < s->count; s->state[0] += 64) {
		n = step(vexfs_search_query(s), s->state[0]);
		if (n > 0 && s->state[0] > s->count / 2)
			n = vexfs_q_score(vexfs_search_query(s));
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	return 0;
}

/*
 * Every third batch, then the next ones, then those behind; what is skipped is left in a batch
 * first.
 */
static int by_thirds(struct vexfs_search *s)
{
	int n;

	for (; s->state[1] < 3; s->state[1]++, s->state[0] = 0)
		for (; s->state[0] < s->count; s->state[0] += 64) {
			n = step(vexfs_search_query(s), s->state[0]);
			if (s->state[0] / 64 % 3 == s->state[1])
				n = measured(vexfs_search_query(s), n);
			if (n < 0)
				return n == -EAGAIN ? VEXFS_MORE : n;
		}
	return 0;
}

/* All but one slot of the last batch. */
static int all_but_one(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n;

	for (; s->state[0] < s->count; s->state[0] += 64) {
		n = measured(q, s->state[0] + 64 < s->count ? step(q, s->state[0]) :
				  vexfs_q_range(q, s->state[0] + 1, s->count - s->state[0] - 1));
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	return 0;
}

static void test_left_out(void **state)
{
	static int (*const steps[])(struct vexfs_query * q,
				    __u64 from) = { step_by_range, step_by_slots, step_by_codes };
	static const struct {
		int (*strategy)(struct vexfs_search *s);
		__u32 truncated;
	} t[] = {
		{ again_and_again, VEXFS_TRUNC_STRATEGY }, { for_nothing, VEXFS_TRUNC_STRATEGY },
		{ all_but_one, VEXFS_TRUNC_STRATEGY }, { by_thirds, 0 }, { backwards, 0 },
	};
	__u64 bits[3000 / 64 + 1] = { 0 };
	struct vexfs_asof snapshot = { .dead = bits, .count = 3000 };
	struct vexfs_hit_f *hits = calloc(4000, sizeof(*hits));
	__u32 i, j, way, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	assert_non_null(hits);
	fill(3000, 8, 0);
	kill_some(300);
	for (i = 0; i < 3000; i++)
		bits[i / 64] |= (__u64)dead[i] << i % 64;
	snapshot.live = vexfs_columns_live(columns);
	encode(VEXFS_METRIC_L2, 3000);
	for (i = 0; i < 3; i++)
		for (j = 0; j < sizeof(t) / sizeof(*t); j++)
			for (way = 0; way < 8; way++) {
				step = steps[i];
				plane.absent = way & 1 ? 3 : 0;
				as_of = way & 2 ? &snapshot : NULL;
				q = begin(VEXFS_METRIC_L2, 4000, 0, ~0ULL);
				if (way & 4)
					vexfs_query_hooks(q, odd_filter, NULL);
				n = run(q, t[j].strategy, hits, &truncated, &restarts);
				assert_true(n >= 0);
				assert_int_equal(truncated, t[j].truncated);
				if (!truncated)
					check(VEXFS_METRIC_L2, 4000, way & 4 ? keep_odd : NULL,
					      NULL, hits, n);
				/* the same query again, and one that leaves nothing out */
				vexfs_query_restart(q);
				n = run(q, t[j].strategy, hits, &truncated, &restarts);
				assert_int_equal(truncated, t[j].truncated);
				vexfs_query_reset(q, query);
				n = run(q, vexfs_flat, hits, &truncated, &restarts);
				assert_int_equal(truncated, 0);
				check(VEXFS_METRIC_L2, 4000, way & 4 ? keep_odd : NULL, NULL, hits,
				      n);
				vexfs_query_free(q);
			}
	as_of = NULL;
	forget_codes();
	vexfs_columns_free(columns);
	free(hits);
}

/* --- more that are equally near than the pool holds to begin with --- */

static void test_ties(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_flat, ranges, backwards, vexfs_coded,
						     coded_program };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 m, i, j, k, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (i = 0; i < 3; i++) {
			fill(MAX_N, 12, i ? i : 2);
			for (j = 0; !i && j < MAX_N * 12; j++)
				(&rows[0][0])[j] = 0.75f;		/* all the same */
			encode(m, MAX_N);
			for (j = 0; j < 20; j++) {
				plane.absent = j & 1 ? 2 : 0;
				plane.cut = j & 2 ? 20 : 0;
				k = (__u32[]){ 1, 10, 1000 }[chance(3)];
				q = begin(m, k, 0, ~0ULL);
				if (j & 4)
					vexfs_query_hooks(q, odd_filter, attr_distance);
				n = run(q, strategy[j % 5], hits, &truncated, &restarts);
				assert_int_equal(truncated, 0);
				assert_int_equal(restarts, 0);
				check(m, k, j & 4 ? keep_odd : NULL, j & 4 ? by_attr : NULL, hits,
				      n);
				assert_true(vexfs_query_search(q)->scored <= MAX_N);
				vexfs_query_free(q);
			}
			forget_codes();
			vexfs_columns_free(columns);
		}
}

/* More rows are equal than the pool takes: one scan, and the answer says that more are as near. */
static void test_too_many_ties(void **state)
{
	const __u32 n = 200000;
	float *same = calloc(n, sizeof(*same));
	struct vexfs_hit_f hits[10];
	__u32 i, truncated, restarts;
	struct vexfs_query *q;
	__s64 zero = 0;

	(void)state;
	columns = vexfs_columns_new(1);
	assert_int_equal(vexfs_columns_reserve(columns, n), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(vexfs_columns_put(columns, i, i, &zero), 0);
	vexfs_columns_publish(columns, n);
	plane = (struct vx_rows){ .data = same, .n = n, .row_bytes = 4 };
	query[0] = 1;
	dims = 1;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	assert_int_equal(run(q, vexfs_flat, hits, &truncated, &restarts), 10);
	assert_int_equal(truncated, VEXFS_TRUNC_PRECISION);
	assert_int_equal(restarts, 0);
	assert_int_equal(vexfs_query_search(q)->visited, n);
	for (i = 0; i < 10; i++)
		assert_int_equal(hits[i].id, i);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
	free(same);
}

/* What was found before the deadline is the answer, even if it is not certain. */
static void test_late(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	struct vexfs_query *q;
	__u32 truncated, late;
	int n;

	(void)state;
	for (late = 0; late < 2; late++) {
		fill(MAX_N, 8, 0);
		q = begin(VEXFS_METRIC_L2, 100, 0, ~0ULL);
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		while ((n = vexfs_flat(vexfs_query_search(q))) == VEXFS_MORE)
			;
		assert_int_equal(n, 0);
		kill_some(MAX_N);		/* among them some of those that were found */
		if (late)
			vexfs_query_cut(q, VEXFS_TRUNC_DEADLINE);
		n = vexfs_query_finish(q, hits, &truncated);
		assert_true(late ? n > 0 && n < 100 : n == -EAGAIN);
		assert_int_equal(truncated & VEXFS_TRUNC_DEADLINE, late ? VEXFS_TRUNC_DEADLINE : 0);
		vexfs_query_free(q);
		vexfs_columns_free(columns);
	}
}

/*
 * When the time is up, no more than a batch is read of the rows that wait for that, or of those in
 * the pool.
 */
static void test_late_reads(void **state)
{
	const __u64 hour = 3600000000ULL;
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 truncated, absent, late;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(MAX_N, 8, 0);
	for (late = 0; late < 2; late++) {
		plane.absent = 1;
		q = begin(VEXFS_METRIC_L2, 10, 0, vx_clock_us() + hour);
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		assert_int_equal(vexfs_flat(vexfs_query_search(q)), VEXFS_MORE);
		vexfs_query_phase(q, VEXFS_PHASE_NONE);
		vx_clock_fast = late ? hour : 0;
		while ((n = vexfs_query_read(q)) > 0)
			assert_int_equal(vexfs_query_score_read(q), 0);
		assert_int_equal(n, 0);
		vx_clock_fast = 0;
		n = vexfs_query_stats(q)->fetched;
		assert_true(late ? n == VEXFS_BATCH : n > 10 * VEXFS_BATCH);
		assert_int_equal(vexfs_query_finish(q, hits, &truncated), 10);
		assert_int_equal(truncated, late ? VEXFS_TRUNC_DEADLINE : 0);
		vexfs_query_free(q);

		for (absent = 0; absent < 2; absent++) {
			plane.absent = 0;
			q = begin(VEXFS_METRIC_L2, 1000, 0, vx_clock_us() + hour);
			vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
			while ((n = vexfs_flat(vexfs_query_search(q))) == VEXFS_MORE)
				;
			assert_int_equal(n, 0);
			plane.absent = absent;
			vx_clock_fast = late ? hour : 0;
			n = vexfs_query_finish(q, hits, &truncated);
			vx_clock_fast = 0;
			assert_int_equal(truncated, late && absent ? VEXFS_TRUNC_DEADLINE : 0);
			assert_int_equal(n, late && absent ? VEXFS_BATCH : 1000);
			assert_int_equal(vexfs_query_stats(q)->fetched, absent ? n : 0);
			check(VEXFS_METRIC_L2, n, NULL, NULL, hits, n);
			vexfs_query_free(q);
		}
	}
	vexfs_columns_free(columns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_strategies),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_shared_slots),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_too_many_ties),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_reads),
	};

	chance_seed(4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
