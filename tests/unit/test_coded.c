// SPDX-License-Identifier: GPL-2.0
/*
 * Searches by 1-bit codes: what they find of exact search, what they leave unmeasured, and the list
 * of candidates that wait.
 */
#include <stdlib.h>
#include <string.h>
#include "oracle.h"

static void test_coded(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_coded, coded_program };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 m, i, way, truncated, restarts, good = 0, wanted = 0, again = 0;
	__u64 scored = 0, live = 0;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, DIMS, 0);
		encode(m, MAX_N);
		kill_some(600);
		for (i = 0; i < 60; i++) {
			new_query();
			way = chance(16);
			use_kernels(way & 1 ? 0 : chance(kernels()));
			plane.cut = way & 2 ? 4 * (1 + chance(dims)) : 0;
			plane.absent = way & 4 ? 1 + chance(5) : 0;
			q = begin(m, 10, 0, ~0ULL);
			n = run(q, strategy[way >> 3], hits, &truncated, &restarts);
			assert_int_equal(truncated, 0);
			good += recalled(m, 10, NULL, NULL, hits, n);
			wanted += n;
			again += restarts;
			scored += vexfs_query_search(q)->scored;
			live += vexfs_query_search(q)->live;
			assert_int_equal(vexfs_query_search(q)->visited, MAX_N);
			/* with programs */
			vexfs_query_restart(q);
			vexfs_query_hooks(q, odd_filter, NULL);
			n = run(q, strategy[way >> 3], hits, &truncated, &restarts);
			good += recalled(m, 10, keep_odd, NULL, hits, n);
			vexfs_query_restart(q);
			vexfs_query_hooks(q, odd_filter, attr_distance);
			n = run(q, strategy[way >> 3], hits, &truncated, &restarts);
			good += recalled(m, 10, keep_odd, by_attr, hits, n);
			wanted += 2 * n;
			vexfs_query_free(q);
		}
		forget_codes();
		vexfs_columns_free(columns);
	}
	use_kernels(BEST);
	print_message("recall %.4f, scored %.3f of the records, %u restarts\n",
		      (double)good / wanted, (double)scored / live, again);
	assert_true(good >= 0.99 * wanted);
	assert_true(scored < live / 2);		/* 40 dims in 64 bits: wide bounds */
}

/* What has no code is measured: the answer is exact without codes, and where codes end early. */
static void test_coded_partly(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_coded, coded_program };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 i, truncated, restarts, coded[] = { 0, 64, 1000 };
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(3000, 20, 0);
	kill_some(100);
	for (i = 0; i < 8; i++) {
		if (i < 6)
			encode(VEXFS_METRIC_L2, coded[i / 2]);
		plane.absent = i % 3;
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		n = run(q, strategy[i & 1], hits, &truncated, &restarts);
		assert_int_equal(truncated, 0);
		check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
		assert_true(vexfs_query_search(q)->scored >=
			    vexfs_query_search(q)->live - (i < 6 ? coded[i / 2] : 0));
		vexfs_query_restart(q);
		vexfs_query_hooks(q, odd_filter, attr_distance);
		n = run(q, strategy[i & 1], hits, &truncated, &restarts);
		check(VEXFS_METRIC_L2, 10, keep_odd, by_attr, hits, n);
		vexfs_query_free(q);
		forget_codes();
	}
	vexfs_columns_free(columns);

	/* rows out of range have no bounds; k of all there are; equal rows; a query out of range */
	for (i = 1; i < 4; i++) {
		fill(1500, 6, i);
		encode(VEXFS_METRIC_L2, 1500);
		for (n = 0; n < 2; n++) {
			if (n)
				memset(query, 0x7f, 4);		/* 3.4e38 */
			q = begin(VEXFS_METRIC_L2, 1000, 0, ~0ULL);
			check(VEXFS_METRIC_L2, 1000, NULL, NULL, hits,
			      run(q, vexfs_coded, hits, &truncated, &restarts));
			vexfs_query_free(q);
		}
		forget_codes();
		vexfs_columns_free(columns);
	}
}

static void test_coded_predicates(void **state)
{
	static const __s64 belows[] = { INT64_MIN, -999, 0, 1, 2, 10, 100, 300, 500, 990, 1001,
					INT64_MAX };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 b, i, truncated, restarts, good = 0, wanted = 0;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill_random(MAX_N, DIMS, 0);
	encode(VEXFS_METRIC_COSINE, MAX_N - 100);
	kill_some(MAX_N / 5);
	for (b = 0; b < 12; b++) {
		below = belows[b];
		p = predicate(&mem);
		match = &mem;
		for (i = 0; i < 4; i++) {
			new_query();
			plane.absent = i & 1;
			q = begin(VEXFS_METRIC_COSINE, 10, 0, ~0ULL);
			if (i & 2)
				vexfs_query_hooks(q, odd_filter, NULL);
			n = run(q, vexfs_coded, hits, &truncated, &restarts);
			assert_int_equal(truncated, 0);
			good += recalled(VEXFS_METRIC_COSINE, 10,
					 i & 2 ? keep_odd_below : keep_below, NULL, hits, n);
			wanted += n;
			vexfs_query_free(q);
		}
		vexfs_predicate_free(p);
		match = NULL;
	}
	assert_true(good >= 0.99 * wanted);
	forget_codes();
	vexfs_columns_free(columns);
}

static int coded_wrong(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 i;

	assert_int_equal(vexfs_q_estimate(q, s->count + 1, 1, 0), -EINVAL);
	assert_int_equal(vexfs_q_estimate(q, 0, 65, 0), -EINVAL);
	assert_int_equal(vexfs_q_estimate(q, 0, 1, VEXFS_MAX_SIGMA + 1), -EINVAL);
	assert_int_equal(vexfs_q_take(q), 0);			/* nothing was deferred */
	assert_int_equal(vexfs_q_defer(q), 0);
	assert_int_equal(vexfs_q_estimate(q, 0, 64, VEXFS_MAX_SIGMA), 64);
	assert_int_equal(vexfs_q_defer(q), 64);
	assert_int_equal(vexfs_q_defer(q), 0);
	/* they are known already */
	assert_int_equal(vexfs_q_estimate(q, 0, 64, VEXFS_MAX_SIGMA), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(vexfs_q_take(q), 16);
		assert_int_equal(vexfs_q_score(q), 16);
		assert_int_equal(vexfs_q_defer(q), -EINVAL);
		assert_int_equal(vexfs_q_offer(q), 16);
	}
	assert_int_equal(vexfs_q_take(q), 0);
	assert_int_equal(vexfs_q_estimate(q, s->count, 64, 0), 0);
	return 0;
}

static void test_coded_limits(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 i, k, truncated, restarts, good;
	struct vexfs_query *q;
	long fail;
	int n;

	(void)state;
	fill(3000, DIMS, 0);
	encode(VEXFS_METRIC_L2, 3000);
	q = begin(VEXFS_METRIC_L2, 64, 0, ~0ULL);
	assert_int_equal(vexfs_q_estimate(q, 0, 1, 0), -EPERM);
	assert_int_equal(vexfs_q_defer(q), -EPERM);
	assert_int_equal(vexfs_q_take(q), -EPERM);
	assert_int_equal(run(q, coded_wrong, hits, &truncated, &restarts), 64);
	vexfs_query_free(q);

	/* a budget: what was looked at is measured */
	q = begin(VEXFS_METRIC_L2, 10, 1000, ~0ULL);
	n = run(q, vexfs_coded, hits, &truncated, &restarts);
	assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
	assert_int_equal(vexfs_query_search(q)->visited, 1000);
	n_rows = 1000;
	assert_true(recalled(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n) >= 9);
	n_rows = 3000;
	vexfs_query_free(q);
	q = begin(VEXFS_METRIC_L2, 10, 0, 1);
	assert_int_equal(run(q, vexfs_coded, hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_DEADLINE);
	vexfs_query_free(q);

	/*
	 * those that had tightened the gate die: others must take their place, and were turned away
	 */
	for (i = good = 0; i < 20; i++) {
		new_query();
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		while ((n = vexfs_coded(vexfs_query_search(q))) == VEXFS_MORE)
			;
		assert_int_equal(n, 0);
		n = vexfs_query_finish(q, hits, &truncated);
		assert_int_equal(n, 10);
		for (k = 0; k < 10; k++)
			if (k != i % 10) {
				vexfs_columns_kill(columns, hits[k].slot);
				dead[hits[k].slot] = true;
			}
		assert_int_equal(vexfs_query_finish(q, hits, &truncated), -EAGAIN);
		vexfs_query_restart(q);
		n = run(q, vexfs_coded, hits, &truncated, &restarts);
		check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
		vexfs_query_free(q);
	}

	for (fail = 0; fail < 20; fail++) {
		vx_ealloc_left = fail;
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		n = q ? run(q, vexfs_coded, hits, &truncated, &restarts) : -ENOMEM;
		vx_ealloc_left = -1;
		assert_true(n >= 0 || n == -ENOMEM);
		if (n >= 0)
			break;
		vexfs_query_free(q);
	}
	assert_true(fail > 6 && fail < 20);
	assert_true(recalled(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n) >= 9);
	vexfs_query_free(q);
	plane.absent = 1;
	plane.broken = hits[3].slot;
	plane.error = -EIO;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	n = run(q, vexfs_coded, hits, &truncated, &restarts);
	assert_int_equal(n, 10);
	assert_int_equal(truncated, VEXFS_TRUNC_DAMAGED);
	while (n--)
		assert_int_not_equal(hits[n].slot, plane.broken);
	vexfs_query_free(q);
	plane.error = 0;
	forget_codes();
	vexfs_columns_free(columns);
}

/* The list itself, against sorting; it drops the worst when it may grow no more. */
static void test_deferred(void **state)
{
	enum { N = 1300000 };
	static __u8 lost[N];
	struct vexfs_deferred d = { 0 };
	__u32 i, n, before = 0, lower, kept = 0;
	__u64 slot;

	(void)state;
	vexfs_deferred_clear(&d);
	assert_int_equal(vexfs_deferred_init(&d, 10), 0);
	assert_false(vexfs_deferred_pop(&d, ~0u, &slot));
	for (i = 0; i < N; i += VEXFS_BATCH) {
		vexfs_deferred_room(&d, ~0u);
		for (n = i; n < i + VEXFS_BATCH && n < N; n++)
			vexfs_deferred_push(&d, n * 2654435761u | 1, n);
	}
	assert_true(d.n < N && d.refused != ~0u);
	memset(lost, 1, sizeof(lost));
	while (vexfs_deferred_pop(&d, 3u << 30, &slot)) {
		lower = (__u32)slot * 2654435761u | 1;
		assert_true(lower >= before && lower <= 3u << 30 && lost[slot]);
		before = lower;
		lost[slot] = 0;
		kept++;
	}
	assert_true(kept > 400000);
	assert_int_equal(d.n, 0);
	for (i = 0; i < N; i++)
		assert_true(!lost[i] || (i * 2654435761u | 1) >= d.refused);
	/* a gate that has sunk makes room */
	vexfs_deferred_clear(&d);
	assert_int_equal(d.refused, ~0u);
	for (n = 0; d.n + VEXFS_BATCH <= d.cap; n++)
		vexfs_deferred_push(&d, 1000 + n, n);
	vexfs_deferred_room(&d, 1009);
	assert_int_equal(d.n, 10);
	assert_int_equal(d.refused, 1010);
	vexfs_deferred_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coded),
		cmocka_unit_test(test_coded_partly),
		cmocka_unit_test(test_coded_predicates),
		cmocka_unit_test(test_coded_limits),
		cmocka_unit_test(test_deferred),
	};

	chance_seed(4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
