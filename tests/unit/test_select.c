// SPDX-License-Identifier: GPL-2.0
/*
 * How strategies choose among candidates themselves: matches, keeping, bounds, rungs, once more,
 * part of the dims, and memory of their own.  Answers are compared with exact search.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "oracle.h"
#include "engine/query.h"

static struct vexfs_hit_f hits[MAX_N];

static int ended(int n)
{
	return n == -EAGAIN ? VEXFS_MORE : n == -ENOSPC || n == -ETIME ? 0 : n < 0 ? n : 0;
}

/* --- scratch --- */

static __u32 wanted;			/* bytes */

static int remembers(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u8 *mine = vexfs_q_scratch(q, wanted);
	__u32 i;

	assert_non_null(mine);
	assert_ptr_equal(vexfs_q_scratch(q, wanted), mine);
	assert_null(vexfs_q_scratch(q, wanted - 1));
	assert_null(vexfs_q_scratch(q, wanted + 1));
	for (i = 0; i < wanted; i++)
		assert_int_equal(mine[i], s->state[0]);
	memset(mine, ++s->state[0], wanted);
	return s->state[0] < 3 ? VEXFS_MORE : 0;
}

static void test_scratch(void **state)
{
	static const __u32 sizes[] = { 1, 4096, 64, VEXFS_MAX_SCRATCH, 100 };
	__u32 i, truncated, restarts;
	struct vexfs_query *q;

	(void)state;
	fill(10, 4, 0);
	q = begin(VEXFS_METRIC_L2, 1, 0, ~0ULL);
	assert_null(vexfs_q_scratch(q, 64));			/* no program runs */
	vexfs_query_phase(q, VEXFS_PHASE_FILTER);
	assert_null(vexfs_q_scratch(q, 64));
	vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
	assert_null(vexfs_q_scratch(q, 0));
	assert_null(vexfs_q_scratch(q, VEXFS_MAX_SCRATCH + 1));
	assert_null(vexfs_q_scratch(q, ~0u));
	vx_ealloc_left = 0;
	assert_null(vexfs_q_scratch(q, 64));
	vx_ealloc_left = -1;
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {	/* of one program after the other */
		vexfs_query_restart(q);
		wanted = sizes[i];
		assert_true(run(q, remembers, hits, &truncated, &restarts) >= 0);
	}
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

/* --- matches --- */

static __u32 met;

static int by_matches(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n = 0;

	assert_int_equal(vexfs_q_next(q, s->count + 1), -EINVAL);
	while (s->state[0] < s->count) {
		n = vexfs_q_next(q, s->state[0]);
		if (n < 0)
			break;
		met += n;
		assert_true(s->next > s->state[0] && s->next <= s->count);
		s->state[0] = s->next;
		n = measured(q, n);
		if (n < 0)
			break;
	}
	if (s->state[0] == s->count)
		assert_int_equal(vexfs_q_next(q, s->count), 0);
	return ended(n);
}

static void test_matches(void **state)
{
	static const __s64 belows[] = { INT64_MIN, 2, 20, 500, INT64_MAX };
	__u32 b, truncated, restarts;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill_random(MAX_N, 8, 0);
	kill_some(500);
	for (b = 0; b < 5; b++) {
		below = belows[b];
		p = predicate(&mem);
		match = &mem;
		plane.absent = b % 3;
		for (hidden = false;; hidden = true) {
			bound = hidden;		/* to files, if any was */
			q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
			met = 0;
			n = run(q, by_matches, hits, &truncated, &restarts);
			check(VEXFS_METRIC_L2, 10, keep_below, NULL, hits, n);
			assert_int_equal(met, truth);
			/* what is hidden is not told: it costs what all cost */
			assert_int_equal(vexfs_query_search(q)->visited,
					 hidden ? MAX_N : matching());
			vexfs_query_free(q);
			if (hidden)
				break;
		}
		bound = hidden = false;
		q = begin(VEXFS_METRIC_L2, 10, 100, ~0ULL);	/* the budget is for matches */
		n = run(q, by_matches, hits, &truncated, &restarts);
		assert_int_equal(vexfs_query_search(q)->visited,
				 matching() < 100 ? matching() : 100);
		assert_int_equal(truncated, matching() > 100 ? VEXFS_TRUNC_VISITS : 0);
		vexfs_query_free(q);
		vexfs_predicate_free(p);
		match = NULL;
	}
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	n = run(q, by_matches, hits, &truncated, &restarts);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	assert_int_equal(vexfs_q_next(q, 0), -EPERM);
	assert_int_equal(vexfs_q_next(q, ~0ULL), -EPERM);
	vexfs_query_free(q);
	plane.absent = 0;
	vexfs_columns_free(columns);
}

/* --- keep --- */

static bool keep_third(__u32 i)
{
	return i % 3 == 0;
}

static bool late;			/* once they were measured */

static int keeps(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	struct vexfs_cand *cand;
	__u64 mask;
	__u32 i;
	int n = 0, left;

	for (; s->state[0] < s->count; s->state[0] += 50) {
		n = vexfs_q_range(q, s->state[0], 50);
		if (n > 0 && late)
			n = vexfs_q_score(q);
		if (n < 0)
			break;
		cand = vexfs_q_candidates(q);
		for (i = 0, mask = ~0ULL << n % 64; i < (__u32)n; i++)
			mask |= (__u64)keep_third(cand[i].slot) << i;
		left = vexfs_q_keep(q, mask);
		assert_int_equal(left, s->batch);
		n = measured(q, left);
		if (n < 0)
			break;
	}
	return ended(n);
}

static void test_keep(void **state)
{
	__u32 m, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(3000, 16, 0);
	kill_some(300);
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (late = false;; late = true) {
			q = begin(m, 20, 0, ~0ULL);
			assert_int_equal(vexfs_q_keep(q, 0), -EPERM);
			n = run(q, keeps, hits, &truncated, &restarts);
			check(m, 20, keep_third, NULL, hits, n);
			assert_int_equal(truncated, 0);
			vexfs_query_restart(q);
			vexfs_query_hooks(q, NULL, attr_distance);
			n = run(q, keeps, hits, &truncated, &restarts);
			check(m, 20, keep_third, by_attr, hits, n);
			vexfs_query_free(q);
			q = begin(m, 2000, 0, ~0ULL);		/* more than it keeps */
			n = run(q, keeps, hits, &truncated, &restarts);
			check(m, 2000, keep_third, NULL, hits, n);
			assert_int_equal(truncated, VEXFS_TRUNC_STRATEGY);
			vexfs_query_free(q);
			if (late)
				break;
		}
	vexfs_columns_free(columns);
}

/* --- bounds and rungs --- */

static __u32 bounded, outside, pruned;

static __u64 key(double d)
{
	float f = d;
	__u64 b;

	d = f;
	memcpy(&b, &d, 8);
	return b >> 63 ? ~b : b | 1ULL << 63;
}

static __u32 metric;

static void look_at_bounds(struct vexfs_query *q)
{
	const struct vexfs_interval *in = vexfs_q_bounds(q);
	struct vexfs_cand *cand = vexfs_q_candidates(q);
	__u32 i;

	assert_non_null(in);
	for (i = 0; i < VEXFS_BATCH; i++) {
		if (i >= q->s.batch) {
			assert_true(!in[i].lower && !in[i].upper);
			continue;
		}
		bounded += in[i].lower != 0;
		assert_true(in[i].lower <= in[i].upper && !in[i].lower == !~in[i].upper);
		outside += key(distance(metric, &rows[0][0] + (size_t)dims * cand[i].slot)) <
				   in[i].lower ||
			   key(distance(metric, &rows[0][0] + (size_t)dims * cand[i].slot)) >
				   in[i].upper;
	}
}

static bool estimated;

/* Bounds of what was picked, or estimated, and then tightened: as coded does. */
static int refines(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n = 0, left;

	for (; s->state[0] < s->count; s->state[0] += 64) {
		n = estimated ? vexfs_q_estimate(q, s->state[0], 64, 1000) :
				vexfs_q_range(q, s->state[0], 64);
		if (n < 0)
			return ended(n);
		look_at_bounds(q);
		left = vexfs_q_refine(q, 1, 0);
		assert_int_equal(left, s->batch);
		look_at_bounds(q);
		pruned += n - left;
		n = vexfs_q_defer(q);
		if (n < 0)
			return ended(n);
	}
	while ((n = vexfs_q_take(q)) > 0) {
		n = measured(q, n);
		if (n < 0)
			break;
	}
	return ended(n);
}

static int refines_wrongly(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n = vexfs_q_range(q, 0, 64);

	assert_true(n > 32);
	assert_int_equal(vexfs_q_refine(q, 0, 0), -EINVAL);
	assert_int_equal(vexfs_q_refine(q, VEXFS_RUNGS + 1, 0), -EINVAL);
	assert_int_equal(vexfs_q_refine(q, ~0u, 0), -EINVAL);
	assert_int_equal(vexfs_q_refine(q, 1, VEXFS_MAX_SIGMA + 1), -EINVAL);
	if (!q->codes)
		assert_int_equal(vexfs_q_refine(q, 1, 0), -EOPNOTSUPP);
	if (!q->lists)
		assert_int_equal(vexfs_q_refine(q, 2, 0), -EOPNOTSUPP);
	assert_int_equal(vexfs_q_score(q), s->batch);
	assert_int_equal(vexfs_q_refine(q, 1, 0), -EINVAL);
	assert_int_equal(vexfs_q_offer(q), n);
	assert_int_equal(vexfs_q_refine(q, 1, 0), q->codes ? 0 : -EOPNOTSUPP);
	return 0;
}

static void test_refine(void **state)
{
	__u32 i, truncated, restarts, good, wanted_n;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (metric = VEXFS_METRIC_L2; metric <= VEXFS_METRIC_DOT; metric++) {
		fill(MAX_N, DIMS, 0);
		encode(metric, MAX_N - 100);
		kill_some(300);
		good = wanted_n = bounded = outside = pruned = 0;
		for (i = 0; i < 24; i++) {
			new_query();
			plane.absent = i % 3;
			estimated = i & 1;
			q = begin(metric, 10, 0, ~0ULL);
			if (i & 2)
				vexfs_query_hooks(q, odd_filter, attr_distance);
			n = run(q, refines, hits, &truncated, &restarts);
			good += recalled(metric, 10, i & 2 ? keep_odd : NULL,
					 i & 2 ? by_attr : NULL, hits, n);
			wanted_n += n;
			vexfs_query_free(q);
		}
		plane.absent = 0;
		print_message("metric %u: %u of %u found, %u bounds, %u outside, %u pruned\n",
			      metric, good, wanted_n, bounded, outside, pruned);
		assert_true(good >= 0.97 * wanted_n);
		assert_true(bounded > MAX_N && pruned > MAX_N);
		assert_true(outside < bounded / 50);
		q = begin(metric, 64, 0, ~0ULL);
		assert_int_equal(vexfs_q_refine(q, 1, 0), -EPERM);
		assert_null(vexfs_q_bounds(q));
		assert_true(run(q, refines_wrongly, hits, &truncated, &restarts) >= 0);
		vexfs_query_free(q);
		forget_codes();
		q = begin(metric, 64, 0, ~0ULL);
		assert_true(run(q, refines_wrongly, hits, &truncated, &restarts) >= 0);
		vexfs_query_free(q);
		vexfs_columns_free(columns);
	}
}

/* --- rescore --- */

/* All in ranges, then all again by slots, some twice, some impossible, and some once deferred. */
static int twice(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u64 slots[VEXFS_BATCH];
	__u32 i;
	int n = 0;

	for (; s->state[0] < s->count; s->state[0] += 64) {
		n = s->state[0] % 128 ? vexfs_q_estimate(q, s->state[0], 64, 0) :
					vexfs_q_range(q, s->state[0], 64);
		if (n > 0)
			n = s->state[0] % 128 ? vexfs_q_defer(q) : measured(q, n);
		if (n < 0)
			return ended(n);
	}
	for (; s->state[1] < 2 * s->count; s->state[1] += 32) {
		for (i = 0; i < 32; i++)
			slots[i] = slots[i + 32] = (s->state[1] + i) % s->count;
		slots[40] = ~0ULL;
		slots[41] = s->count;
		n = vexfs_q_rescore(q, slots, 64);
		assert_true(n <= 33);
		if (n > 0) {
			assert_int_equal(vexfs_q_defer(q), -EINVAL);
			if (s->state[1] % 7 == 0) {		/* left in the batch */
				n = vexfs_q_rescore(q, slots, 3);
				assert_true(n <= 3);
			}
		}
		n = measured(q, n);
		if (n < 0)
			return ended(n);
	}
	while ((n = vexfs_q_take(q)) > 0) {
		n = measured(q, n);
		if (n < 0)
			break;
	}
	return ended(n);
}

static int rescores_wrongly(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u64 slots[65] = { 0, 1, 2, 3 };

	assert_int_equal(vexfs_q_rescore(q, slots, 65), -EINVAL);
	assert_int_equal(vexfs_q_rescore(q, slots, 0), 0);
	assert_int_equal(vexfs_q_slots(q, slots, 4), 4);
	assert_int_equal(measured(q, 4), 4);
	assert_int_equal(vexfs_q_slots(q, slots, 4), 0);
	assert_int_equal(vexfs_q_rescore(q, slots, 4), 4);
	assert_int_equal(vexfs_q_score(q), 4);
	assert_int_equal(vexfs_q_offer(q), 0);			/* they are there */
	assert_int_equal(s->batch, 0);
	assert_int_equal(s->found, 4);
	return 0;
}

static void test_rescore(void **state)
{
	__u32 m, absent, truncated, restarts, good = 0, wanted_n = 0;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(2000, 12, 0);
	encode(VEXFS_METRIC_COSINE, 2000);
	kill_some(100);
	for (m = 0; m < 2; m++)
		for (absent = 0; absent < 4; absent++) {
			new_query();
			plane.absent = absent;
			q = begin(VEXFS_METRIC_COSINE, 30, 0, ~0ULL);
			if (m)
				vexfs_query_hooks(q, odd_filter, attr_distance);
			n = run(q, twice, hits, &truncated, &restarts);
			good += recalled(VEXFS_METRIC_COSINE, 30, m ? keep_odd : NULL,
					 m ? by_attr : NULL, hits, n);
			wanted_n += n;
			assert_int_equal(n, 30);
			assert_true(vexfs_query_search(q)->visited > 3 * 2000);
			vexfs_query_free(q);
			/* all there are: nothing is there twice */
			q = begin(VEXFS_METRIC_COSINE, 2000, 0, ~0ULL);
			n = run(q, twice, hits, &truncated, &restarts);
			check(VEXFS_METRIC_COSINE, 2000, NULL, NULL, hits, n);
			vexfs_query_free(q);
		}
	assert_int_equal(good, wanted_n);		/* as exact as it can be: all was measured */
	plane.absent = 0;
	q = begin(VEXFS_METRIC_COSINE, 4, 0, ~0ULL);
	assert_int_equal(vexfs_q_rescore(q, NULL, 0), -EPERM);
	assert_true(run(q, rescores_wrongly, hits, &truncated, &restarts) >= 0);
	vexfs_query_free(q);
	q = begin(VEXFS_METRIC_COSINE, 4, 2100, ~0ULL);	/* a budget, which the second time uses up */
	n = run(q, twice, hits, &truncated, &restarts);
	assert_int_equal(vexfs_query_search(q)->visited, 2100);
	assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
	vexfs_query_free(q);
	forget_codes();
	vexfs_columns_free(columns);
}

static volatile __u64 shared;

static bool may_flip(void *arg, const struct vexfs_file *file)
{
	(void)arg;
	(void)file;
	shared = 1ULL << 40;
	return true;
}

static int flipped(struct vexfs_search *s)
{
	int n = 0;

	for (; s->state[0] < s->count && n >= 0; s->state[0]++) {
		shared = s->state[0];
		n = vexfs_q_rescore(vexfs_search_query(s), (const __u64 *)&shared, 1);
		assert_int_equal(n, 1);
		assert_int_equal(shared, 1ULL << 40);
		n = measured(vexfs_search_query(s), n);
	}
	return ended(n);
}

static void test_rescore_shared(void **state)
{
	struct vexfs_query_params p = { .row = query, .dims = 8, .metric = VEXFS_METRIC_L2, .k = 10,
					.attrs = 1, .deadline_us = ~0ULL, .may = may_flip };
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
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	vexfs_query_free(q);
	vexfs_columns_free(columns);
}

/* --- part of the dims --- */

static __u32 part;
static __u64 limit;			/* key over those */

static double partly(__u32 i)
{
	const float *x = &rows[0][0] + (size_t)dims * i;
	double l2 = 0, dot = 0, aa = 0, bb = 0;
	__u32 k;

	for (k = 0; k < part; k++) {
		l2 += ((double)x[k] - query[k]) * ((double)x[k] - query[k]);
		dot += (double)x[k] * query[k];
		aa += (double)x[k] * x[k];
		bb += (double)query[k] * query[k];
	}
	return metric == VEXFS_METRIC_L2 ? l2 : metric == VEXFS_METRIC_DOT ? -dot :
	       aa * bb > 0 ? 1 - dot / sqrt(aa) / sqrt(bb) : 1;
}

static double unkey(__u64 k)
{
	double d;

	k = k >> 63 ? k & ~(1ULL << 63) : ~k;
	memcpy(&d, &k, 8);
	return d;
}

static int by_parts(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	struct vexfs_cand *cand;
	__u64 mask, scored;
	__u32 i;
	int n = 0;

	for (; s->state[0] < s->count; s->state[0] += 64) {
		n = vexfs_q_range(q, s->state[0], 64);
		if (n < 0)
			break;
		scored = s->scored;
		assert_int_equal(vexfs_q_score_dims(q, 0), -EINVAL);
		assert_int_equal(vexfs_q_score_dims(q, dims + 1), -EINVAL);
		n = vexfs_q_score_dims(q, part);
		assert_int_equal(n, s->batch);
		assert_int_equal(s->scored, scored);
		assert_int_equal(vexfs_q_offer(q), n ? -EINVAL : 0);
		cand = vexfs_q_candidates(q);
		for (i = 0, mask = 0; i < (__u32)n; i++) {
			assert_true(fabs(unkey(cand[i].key) - partly(cand[i].slot)) <
				    1e-5 * (1 + fabs(partly(cand[i].slot))));
			mask |= (__u64)(cand[i].key <= limit) << i;
		}
		n = vexfs_q_keep(q, mask);
		/* what is left has not lost its distance */
		cand = vexfs_q_candidates(q);
		for (i = 0; i < (__u32)n; i++)
			assert_true(cand[i].key <= limit);
		n = vexfs_q_score(q);
		assert_int_equal(vexfs_q_score_dims(q, part), -EINVAL);
		if (n >= 0)
			n = vexfs_q_offer(q);
		if (n < 0)
			break;
	}
	return ended(n);
}

static bool keep_near(__u32 i)
{
	return key(partly(i)) <= limit;
}

static void test_score_dims(void **state)
{
	__u32 i, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (metric = VEXFS_METRIC_L2; metric <= VEXFS_METRIC_DOT; metric++) {
		fill(2000, 24, 0);
		kill_some(100);
		for (i = 0; i < n_rows; i += 2)		/* these are nothing in two dims */
			memset(&rows[0][0] + (size_t)dims * i, 0, 8);
		for (i = 0; i < 6; i++) {
			new_query();
			part = i ? 1 + chance(dims) : dims;
			use_kernels(i & 1 ? 0 : BEST);
			plane.cut = i & 2 ? 4 * (1 + chance(dims)) : 0;
			limit = key(partly(chance(n_rows)) + 1e-3);
			q = begin(metric, 10, 0, ~0ULL);
			assert_int_equal(vexfs_q_score_dims(q, 1), -EPERM);
			n = run(q, by_parts, hits, &truncated, &restarts);
			check(metric, 10, keep_near, NULL, hits, n);
			vexfs_query_free(q);
		}
		/* parts that are nothing have no angle */
		part = 2;
		limit = ~0ULL;
		query[0] = query[1] = 0;
		q = begin(metric, 10, 0, ~0ULL);
		n = run(q, by_parts, hits, &truncated, &restarts);
		check(metric, 10, NULL, NULL, hits, n);
		vexfs_query_free(q);
		plane.cut = 0;
		plane.absent = 2;		/* what is not there is measured in full */
		q = begin(metric, 2000, 0, ~0ULL);
		n = run(q, by_parts, hits, &truncated, &restarts);
		check(metric, 2000, NULL, NULL, hits, n);
		vexfs_query_free(q);
		plane.absent = 0;
		vexfs_columns_free(columns);
	}
	use_kernels(BEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_refine),
		cmocka_unit_test(test_rescore),
		cmocka_unit_test(test_rescore_shared),
		cmocka_unit_test(test_score_dims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
