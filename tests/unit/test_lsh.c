// SPDX-License-Identifier: GPL-2.0
/*
 * Multi-probe hashing: what is in tables, the order in which a query comes to buckets, what it finds
 * of exact search by effort, and what happens where tables, memory or time are missing.
 */
#include <stdlib.h>
#include <string.h>
#include "oracle.h"
#include "engine/lsh.h"

#define ALL 1000000u			/* effort: all buckets */

static struct vexfs_hit_f hits[MAX_N];

static float *row_of(__u32 slot)
{
	return &rows[0][0] + (size_t)slot * dims;
}

static float unit(void)			/* [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}

/* Tables of the first n, which have codes. */
static void table(__u32 metric, __u32 n)
{
	int err;

	encode(metric, n);
	lsh = vexfs_lsh_new(codes, &err, NULL, NULL);
	assert_non_null(lsh);
	assert_int_equal(vexfs_lsh_count(lsh), n);
	method = VEXFS_METHOD_LSH;
}

static void forget(void)
{
	vexfs_lsh_free(lsh);
	lsh = NULL;
	method = 0;
	effort = 0;
	forget_codes();
	vexfs_columns_free(columns);
	columns = NULL;
}

/* Records in clusters, and a query that is like them. */
static void cluster(float wide)
{
	__u32 i, k;

	for (i = 60; i < n_rows; i++)
		for (k = 0; k < dims; k++)
			row_of(i)[k] = row_of(i % 60)[k] + wide * unit();
}

static void query_like(float wide)
{
	__u32 i = chance(60), k;

	for (k = 0; k < dims; k++)
		query[k] = row_of(i)[k] + wide * unit();
}

static bool stop(void *arg)
{
	return !--*(__u32 *)arg;
}

static void test_tables(void **state)
{
	static const __u32 sizes[] = { 1, 100, 1000, MAX_N };
	__u32 s, t, b, i, n, left, *times = calloc(MAX_N, sizeof(*times));
	const __u64 *signs;
	long fail;
	int err;

	(void)state;
	for (s = 0; s < 4; s++) {
		fill(sizes[s], s & 1 ? 3 : DIMS, s == 3 ? 3 : 0);	/* huge and tiny ones */
		table(VEXFS_METRIC_L2, n_rows);
		assert_true(lsh->bits >= 4 && lsh->tables >= 1 && lsh->tables * lsh->bits <= 64);
		assert_true(lsh->bits == 4 || n_rows >> (lsh->bits - 1) > 32);
		assert_true(vexfs_lsh_bytes(lsh) <= vexfs_lsh_cost(dims, n_rows));
		for (t = 0; t < lsh->tables; t++) {
			memset(times, 0, MAX_N * sizeof(*times));
			for (b = 0; b <= 1u << lsh->bits; b++)
				for (i = lsh->first[t][b]; i < lsh->first[t][b + 1]; i++) {
					n = lsh->slot[t][i];
					assert_true(n < n_rows);
					assert_true(i == lsh->first[t][b] ||
						    lsh->slot[t][i - 1] < n);
					times[n]++;
					signs = vexfs_codes_signs(codes, n);
					if (b == 1u << lsh->bits) {
						assert_null(signs);
						continue;
					}
					assert_non_null(signs);
					for (left = 0; left < lsh->bits; left++)
						assert_int_equal(b >> left & 1,
								 *signs >> (t * lsh->bits + left) & 1);
				}
			for (n = 0; n < n_rows; n++)
				assert_int_equal(times[n], !t || vexfs_codes_signs(codes, n));
		}
		for (fail = 0;; fail++) {
			struct vexfs_lsh *other;

			vx_ealloc_left = fail;
			other = vexfs_lsh_new(codes, &err, NULL, NULL);
			vx_ealloc_left = -1;
			if (other) {
				vexfs_lsh_free(other);
				break;
			}
			assert_int_equal(err, -ENOMEM);
		}
		assert_int_equal(fail, 1 + 2 * lsh->tables);
		for (left = 1; left < 3; left++) {
			n = left;
			assert_null(vexfs_lsh_new(codes, &err, stop, &n));
			assert_int_equal(err, -EINTR);
		}
		forget();
	}
	free(times);
}

/* --- queries --- */

static int ask(__u32 metric, __u32 k, __u32 *truncated, __u32 *restarts, __u64 *visited)
{
	struct vexfs_query *q = begin(metric, k, 0, ~0ULL);
	int n = run(q, vexfs_builtin, hits, truncated, restarts);

	*visited = vexfs_query_search(q)->visited;
	vexfs_query_free(q);
	return n;
}

/* Each bucket once, by the sum of margins of what is flipped; the sums grow. */
static int orders(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u8 *met = calloc(lsh->tables << lsh->bits, 1);
	__u64 sum, last = 0, seen = 0, flip;
	struct vexfs_buckets *b;
	__u32 at = 0, t = ~0u, bucket = ~0u;
	int n;

	while ((n = vexfs_q_next_bucket(q, 0)) >= 0) {
		if (n)
			assert_true(vexfs_q_defer(q) >= 0);
		b = q->buckets;
		if (b->table == t && b->bucket == bucket) {
			assert_int_equal(b->at, at += VEXFS_BATCH);
			continue;
		}
		t = b->table;
		bucket = b->bucket;
		at = b->at;
		if (bucket >> lsh->bits)
			continue;
		assert_false(met[t << lsh->bits | bucket]);
		met[t << lsh->bits | bucket] = 1;
		assert_int_equal(vexfs_q_signature(q, t), b->code[t]);
		assert_ptr_equal(vexfs_q_margins(q, t), b->margin[t]);
		for (sum = 0, flip = b->code[t] ^ bucket; flip; flip &= flip - 1)
			sum += b->margin[t][__builtin_ctzll(flip)];
		assert_true(sum >= last);
		last = sum;
		seen++;
	}
	assert_int_equal(n, -ENOENT);
	for (n = 0, t = 0; t < lsh->tables; t++)
		for (bucket = 0; bucket < 1u << lsh->bits; bucket++)
			n += lsh->first[t][bucket + 1] > lsh->first[t][bucket];
	assert_int_equal(seen, n);		/* all but empty ones */
	assert_int_equal(q->buckets->begun, n);
	free(met);
	return 0;
}

static void test_order(void **state)
{
	__u32 m, truncated, restarts;
	struct vexfs_query *q;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, DIMS, 0);
		table(m, MAX_N);
		effort = ALL;
		q = begin(m, 10, 0, ~0ULL);
		assert_true(run(q, orders, hits, &truncated, &restarts) >= 0);
		vexfs_query_reset(q, row_of(7));
		assert_true(run(q, orders, hits, &truncated, &restarts) >= 0);
		vexfs_query_free(q);
		forget();
	}
}

/* All records, each once, at the very distance, whatever died, came since, or has no code. */
static void test_all(void **state)
{
	__u32 m, kind, truncated, restarts;
	__u64 visited;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (kind = 0; kind < 4; kind++) {
			fill(3000, 12, kind);
			kill_some(100);
			table(m, 2500);
			kill_some(200);
			effort = ALL;
			plane.absent = kind;
			n = ask(m, n_rows, &truncated, &restarts, &visited);
			check(m, n_rows, NULL, NULL, hits, n);
			assert_int_equal(truncated, 0);
			effort = 1;		/* too few are looked at: as coded */
			n = ask(m, n_rows, &truncated, &restarts, &visited);
			check(m, n_rows, NULL, NULL, hits, n);
			assert_true(restarts <= 1 && (kind || restarts));
			plane.absent = 0;
			forget();
		}
}

static void test_recall(void **state)
{
	static const __u32 efforts[] = { 1, 8, 32, 0, 400, ALL };
	__u32 m, e, i, truncated, restarts, good, wanted;
	double found, last;
	__u64 visited, sum;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, DIMS, 0);
		cluster(0.4f);
		table(m, MAX_N - 100);
		kill_some(200);
		for (e = 0, last = 0; e < 6; e++) {
			effort = efforts[e];
			good = wanted = sum = 0;
			for (i = 0; i < 40; i++) {
				query_like(0.4f);
				use_kernels(i & 1 ? 0 : BEST);
				n = ask(m, 10, &truncated, &restarts, &visited);
				assert_int_equal(truncated, 0);
				good += recalled(m, 10, NULL, NULL, hits, n);
				wanted += n;
				sum += visited;
			}
			found = (double)good / wanted;
			print_message("metric %u effort %u: recall %.4f, %llu visits\n", m, effort,
				      found, sum / 40);
			assert_true(found >= last - 0.01);
			last = found;
			if (efforts[e] == 0)
				assert_true(found >= 0.9 && sum / 40 < MAX_N);
		}
		assert_true(last >= 0.995);
		forget();
	}
	use_kernels(BEST);
}

/* Candidates are live and match; nothing is told of what is hidden; a snapshot of before. */
static void test_valid(void **state)
{
	static __u64 no_dead[MAX_N / 64 + 2];
	struct vexfs_asof then = { .dead = no_dead, .count = 2000, .live = 2000 };
	__u32 i, truncated, restarts, good = 0, wanted = 0;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	__u64 visited;
	int n;

	(void)state;
	fill_random(4000, 24, 0);
	table(VEXFS_METRIC_COSINE, 3900);
	kill_some(300);
	for (i = 0; i < 12; i++) {
		below = 100 + 200 * (i % 4);
		p = predicate(&mem);
		match = &mem;
		effort = ALL;
		new_query();
		bound = hidden = i & 1;
		n = ask(VEXFS_METRIC_COSINE, 10, &truncated, &restarts, &visited);
		good += recalled(VEXFS_METRIC_COSINE, 10, keep_below, NULL, hits, n);
		wanted += n;
		bound = hidden = false;
		match = NULL;
		vexfs_predicate_free(p);
	}
	assert_true(good >= 0.98 * wanted);
	memset(dead, 0, sizeof(dead));
	as_of = &then;
	n_rows = 2000;
	n = ask(VEXFS_METRIC_COSINE, 2000, &truncated, &restarts, &visited);
	check(VEXFS_METRIC_COSINE, 2000, NULL, NULL, hits, n);
	as_of = NULL;
	forget();
}

static int wrongly(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);

	if (!lsh || !q->lsh) {		/* the second attempt, as the first one finds nothing */
		assert_int_equal(s->tables, 0);
		assert_int_equal(s->tabled, 0);
		assert_int_equal(vexfs_q_signature(q, 0), -ENOENT);
		assert_int_equal(vexfs_q_bucket(q, 0, 0, 0, 0), -ENOENT);
		assert_null(vexfs_q_margins(q, 0));
		return 0;
	}
	assert_int_equal(s->tables, lsh->tables);
	assert_int_equal(s->table_bits, lsh->bits);
	assert_int_equal(s->tabled, lsh->count);
	assert_int_equal(vexfs_q_signature(q, s->tables), -EINVAL);
	assert_int_equal(vexfs_q_signature(q, ~0u), -EINVAL);
	assert_null(vexfs_q_margins(q, s->tables));
	assert_null(vexfs_q_margins(q, ~0u));
	assert_int_equal(vexfs_q_bucket(q, s->tables, 0, 0, 0), -EINVAL);
	assert_int_equal(vexfs_q_bucket(q, ~0u, 0, 0, 0), -EINVAL);
	assert_int_equal(vexfs_q_bucket(q, 0, (1u << s->table_bits) + 1, 0, 0), -EINVAL);
	assert_int_equal(vexfs_q_bucket(q, 0, ~0u, 0, 0), -EINVAL);
	assert_int_equal(vexfs_q_bucket(q, 0, 0, 0, VEXFS_MAX_SIGMA + 1), -EINVAL);
	assert_int_equal(vexfs_q_bucket(q, 0, 0, ~0u, 0), -ENOENT);
	assert_int_equal(vexfs_q_bucket(q, 0, 1u << s->table_bits, 0, 0), -ENOENT);
	return 0;
}

static void test_wrong(void **state)
{
	__u32 truncated, restarts, i, none = 0;
	struct vexfs_query *q;
	__u64 visited;
	long fail;
	int n;

	(void)state;
	fill(3000, 16, 0);
	table(VEXFS_METRIC_L2, 3000);
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	assert_int_equal(vexfs_q_signature(q, 0), -EPERM);
	assert_int_equal(vexfs_q_bucket(q, 0, 0, 0, 0), -EPERM);
	assert_null(vexfs_q_margins(q, 0));
	assert_true(run(q, wrongly, hits, &truncated, &restarts) >= 0);
	assert_false(vexfs_query_wants_tables(q));
	vexfs_query_free(q);
	/* an attempt that is to do without codes */
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	q->codes = NULL;
	vexfs_query_restart(q);
	vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
	assert_int_equal(vexfs_query_search(q)->tables, 0);
	assert_int_equal(vexfs_q_signature(q, 0), -ENOENT);
	assert_int_equal(vexfs_q_bucket(q, 0, 0, 0, 0), -ENOENT);
	assert_null(vexfs_q_margins(q, 0));
	vexfs_query_free(q);
	for (i = 1; i < 3000; i += 1 + i / 3) {			/* budgets */
		q = begin(VEXFS_METRIC_L2, 10, i, ~0ULL);
		n = run(q, vexfs_lsh, hits, &truncated, &restarts);
		assert_true(vexfs_query_search(q)->visited <= i);
		none += !n;
		vexfs_query_free(q);
	}
	assert_true(none < 3);
	q = begin(VEXFS_METRIC_L2, 10, 0, 1);
	assert_int_equal(run(q, vexfs_lsh, hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_DEADLINE);
	vexfs_query_free(q);
	for (fail = 0; fail < 30; fail++) {
		vx_ealloc_left = fail;
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		n = q ? run(q, vexfs_lsh, hits, &truncated, &restarts) : -ENOMEM;
		vx_ealloc_left = -1;
		vexfs_query_free(q);
		if (n >= 0)
			break;
		assert_int_equal(n, -ENOMEM);
	}
	assert_true(fail > 6 && fail < 30);
	memset(query, 0x7f, 4);			/* 3.4e38: out of range, all is measured */
	n = ask(VEXFS_METRIC_L2, 10, &truncated, &restarts, &visited);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	new_query();
	/* without tables it is done otherwise, and they are wanted */
	vexfs_lsh_free(lsh);
	lsh = NULL;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	n = run(q, vexfs_builtin, hits, &truncated, &restarts);
	assert_true(recalled(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n) >= 9);
	assert_int_equal(q->plan, VEXFS_PLAN_CODED);
	assert_true(vexfs_query_wants_tables(q));
	vexfs_query_free(q);
	method = 0;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	assert_false(vexfs_query_wants_tables(q));
	assert_true(run(q, wrongly, hits, &truncated, &restarts) >= 0);
	assert_true(vexfs_query_wants_tables(q));		/* a program did */
	vexfs_query_free(q);
	forget();
}

/* What the caller chooses, and gets if it is there. */
static void test_methods(void **state)
{
	static const struct {
		__u32 method;
		bool codes, lsh;
		__u32 plan, why;
	} cases[] = {
		{ VEXFS_METHOD_AUTO, true, true, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS },
		{ VEXFS_METHOD_CODED, true, true, VEXFS_PLAN_CODED, VEXFS_WHY_CALLER },
		{ VEXFS_METHOD_LSH, true, true, VEXFS_PLAN_LSH, VEXFS_WHY_CALLER },
		{ VEXFS_METHOD_LSH, true, false, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS },
		{ VEXFS_METHOD_IVF, true, true, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS },
		{ VEXFS_METHOD_LSH, false, false, VEXFS_PLAN_EXACT, VEXFS_WHY_NO_CODES },
		{ VEXFS_METHOD_CODED, false, false, VEXFS_PLAN_EXACT, VEXFS_WHY_NO_CODES },
	};
	struct vexfs_lsh *had;
	struct vexfs_codes *coded;
	struct vexfs_plan plan;
	struct vexfs_query *q;
	__u32 i;

	(void)state;
	fill(2000, 16, 0);
	table(VEXFS_METRIC_L2, 2000);
	had = lsh;
	coded = codes;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		method = cases[i].method;
		lsh = cases[i].lsh ? had : NULL;
		codes = cases[i].codes ? coded : NULL;
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		vexfs_query_plan(q, &plan);
		assert_int_equal(plan.plan, cases[i].plan);
		assert_int_equal(plan.why, cases[i].why);
		assert_int_equal(plan.tables, cases[i].lsh ? had->tables : 0);
		vexfs_query_free(q);
	}
	lsh = had;
	codes = coded;
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
