// SPDX-License-Identifier: GPL-2.0
/*
 * Which records a query may answer with: those that match a predicate, lie within a radius, are
 * bound to files that may be read, not too many of one file, and were there at a snapshot.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "oracle.h"

static void test_predicates(void **state)
{
	static const __u32 sizes[] = { 0, 1, 64, 65, 1000, MAX_N }, ks[] = { 1, 10, 100, 1000 };
	static const __s64 belows[] = { INT64_MIN, -999, 0, 1, 2, 10, 500, 990, 1001, INT64_MAX };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 s, b, k, m, truncated, restarts;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (s = 0; s < 6; s++) {
		fill_random(sizes[s], 1 + chance(DIMS), chance(3));
		kill_some(sizes[s] / 5);
		for (b = 0; b < 10; b++) {
			below = belows[b];
			p = predicate(&mem);
			match = &mem;
			for (k = 0; k < 4; k++) {
				plane.absent = chance(2) ? 1 + chance(5) : 0;
				m = VEXFS_METRIC_L2 + chance(3);
				q = begin(m, ks[k], 0, ~0ULL);
				n = run(q, vexfs_flat, hits, &truncated, &restarts);
				assert_int_equal(truncated, 0);
				check(m, ks[k], keep_below, NULL, hits, n);
				assert_int_equal(vexfs_query_search(q)->matches, matching());
				/* and no other slot */
				assert_int_equal(vexfs_query_search(q)->visited, matching());
				vexfs_query_restart(q);
				vexfs_query_hooks(q, odd_filter, NULL);
				n = run(q, vexfs_flat, hits, &truncated, &restarts);
				assert_int_equal(truncated, 0);
				check(m, ks[k], keep_odd_below, NULL, hits, n);
				vexfs_query_hooks(q, NULL, NULL);
				vexfs_query_restart(q);
				n = run(q, backwards, hits, &truncated, &restarts);
				assert_int_equal(truncated, 0);
				check(m, ks[k], keep_below, NULL, hits, n);
				vexfs_query_free(q);
			}
			vexfs_predicate_free(p);
			match = NULL;
		}
		vexfs_columns_free(columns);
	}
}

static void test_predicate_limits(void **state)
{
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 truncated, restarts, i;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	struct vexfs_query *q;
	__u64 visited;
	int n;

	(void)state;
	fill_random(MAX_N, 8, 0);
	below = 300;
	p = predicate(&mem);
	match = &mem;
	q = begin(VEXFS_METRIC_L2, 20, 0, ~0ULL);
	n = run(q, ranges, hits, &truncated, &restarts);
	assert_int_equal(truncated, 0);
	check(VEXFS_METRIC_L2, 20, keep_below, NULL, hits, n);
	assert_int_equal(vexfs_query_search(q)->visited, MAX_N);
	vexfs_query_free(q);

	/* a budget: just enough, and one too few */
	for (i = 0; i < 2; i++) {
		visited = matching() - i;
		q = begin(VEXFS_METRIC_L2, 1000, visited, ~0ULL);
		n = run(q, vexfs_flat, hits, &truncated, &restarts);
		assert_int_equal(truncated, i ? VEXFS_TRUNC_VISITS : 0);
		assert_int_equal(vexfs_query_search(q)->visited, visited);
		if (!i)
			check(VEXFS_METRIC_L2, 1000, keep_below, NULL, hits, n);
		vexfs_query_free(q);
	}

	/* fewer than k because the strategy gave up, although more match */
	q = begin(VEXFS_METRIC_L2, 1000, 0, ~0ULL);
	vexfs_query_limits(q, MAX_N / 2, 0);
	run(q, ranges, hits, &truncated, &restarts);
	assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
	vexfs_query_free(q);

	/* slots that came after the predicate was evaluated are not there, whatever they hold */
	mem.count = 3000;
	q = begin(VEXFS_METRIC_L2, 1000, 0, ~0ULL);
	assert_int_equal(vexfs_query_search(q)->count, 3000);
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	n_rows = 3000;
	check(VEXFS_METRIC_L2, 1000, keep_below, NULL, hits, n);
	n_rows = MAX_N;
	vexfs_query_free(q);
	mem.cut = true;					/* by the deadline */
	mem.count = 0;
	q = begin(VEXFS_METRIC_L2, 1000, 0, ~0ULL);
	assert_int_equal(run(q, vexfs_flat, hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_DEADLINE);
	vexfs_query_free(q);
	vexfs_predicate_free(p);

	/* some die while the query runs: their places are taken */
	p = predicate(&mem);
	q = begin(VEXFS_METRIC_L2, 100, 0, ~0ULL);
	vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
	assert_int_equal(vexfs_flat(vexfs_query_search(q)), 0);
	kill_some(MAX_N / 2);
	n = vexfs_query_finish(q, hits, &truncated);
	if (n == -EAGAIN) {
		vexfs_query_restart(q);
		n = run(q, vexfs_flat, hits, &truncated, &restarts);
	}
	check(VEXFS_METRIC_L2, 100, keep_below, NULL, hits, n);
	vexfs_query_free(q);
	vexfs_predicate_free(p);
	match = NULL;
	vexfs_columns_free(columns);
}

/*
 * Slots that are bound to files which may not be read are not there, wherever in a query that turns
 * out.
 */
static int hides(struct vexfs_search *s)
{
	int err = vexfs_coded(s);
	__u32 i;

	for (i = 0; !err && i < FILES; i += 2)
		readable[i] = false;
	return err;
}

static void test_files(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_flat, backwards, vexfs_coded,
						     coded_program, hides };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 m, i, k, one_in, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		memset(files, 0, sizeof(files));
		fill(MAX_N, DIMS, 0);
		for (i = 0; i < MAX_N; i++)
			if (file_of(i) < FILES)
				assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]),
						 0);
		kill_some(600);
		encode(m, MAX_N);
		bound = true;
		for (i = 0; i < 60; i++) {
			new_query();
			one_in = 1u << chance(7);
			for (k = 0; k < FILES; k++)
				readable[k] = !chance(one_in);
			k = chance(3) ? 10 : 200;
			q = begin(m, k, 0, ~0ULL);
			n = run(q, strategy[i % 5], hits, &truncated, &restarts);
			assert_int_equal(truncated, 0);
			if (i % 5 < 2)
				check(m, k, keep_readable, NULL, hits, n);
			else
				assert_true(recalled(m, k, keep_readable, NULL, hits, n) >=
					    0.9 * n);
			vexfs_query_free(q);
		}
		bound = false;
		forget_codes();
		vexfs_columns_free(columns);
	}
}

/* The nearest of the truth that per_file leaves, all of them.  t: them, in order. */
static __u32 thinned(__u32 metric, struct near **t)
{
	__u32 i, slot, kept, found, n[FILES + 1] = { 0 };

	*t = near_all(metric, NULL, NULL, &found);
	for (i = kept = 0; i < found; i++) {
		for (slot = 0; dead[slot] || ids[slot] != (*t)[i].id; slot++)
			;
		if (file_of(slot) == FILES || n[file_of(slot)]++ < per_file)
			(*t)[kept++] = (*t)[i];
	}
	return kept;
}

static void test_per_file(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_flat, backwards, vexfs_coded,
						     coded_program };
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	__u32 m, i, j, k, found, want, same, truncated, restarts, wide = 0;
	struct vexfs_query *q;
	struct near *t;
	double r;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		memset(files, 0, sizeof(files));
		fill(MAX_N, DIMS, 0);
		per_file = 1;
		for (i = 0; i < MAX_N; i++)
			if (file_of(i) < FILES)
				assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]),
						 0);
		kill_some(600);
		encode(m, MAX_N);
		for (i = 0; i < 40; i++) {
			new_query();
			per_file = 1 + chance(3);
			k = (__u32[]){ 1, 10, 30, 400 }[chance(4)];
			radius = NULL;
			if (i / 4 % 2) {	/* on the border of one that counts */
				found = thinned(m, &t);
				r = t[chance(found)].distance;
				free(t);
				radius = &r;
			}
			q = begin(m, k, 0, ~0ULL);
			n = run(q, strategy[i % 4], hits, &truncated, &restarts);
			wide += restarts > 0;
			found = thinned(m, &t);
			want = found < k ? found : k;
			assert_int_equal(truncated, found > k && radius ? VEXFS_TRUNC_LIMIT : 0);
			assert_int_equal(n, want);
			for (j = same = 0; j < want; j++)
				same += hits[j].id == t[j].id &&
					!memcmp(&hits[j].distance, &t[j].distance, 8);
			assert_true(i % 4 < 2 ? same == want : same >= want * 0.8);
			free(t);
			vexfs_query_free(q);
		}
		radius = NULL;
		per_file = 0;
		forget_codes();
		vexfs_columns_free(columns);
	}
	assert_true(wide > 20);
}

static double radius_of(__u32 metric, __u32 way)
{
	double d = distance(metric, &rows[0][0] + (size_t)chance(n_rows) * dims);

	switch (way) {
	case 0:
		return d;			/* something lies on the border */
	case 1:
		return nextafter(d, -INFINITY);
	case 2:
		return nextafter(d, INFINITY);
	case 3:
		return 0;
	case 4:
		return -fabs(d) / 3;
	case 5:
		return INFINITY;
	case 6:
		return -INFINITY;
	}
	return chance(2) ? 1e300 : -1e300;
}

static void range_of(__u32 metric, __u32 k, double r, struct vexfs_hit_f *hits)
{
	bool hooks = chance(3) == 0;
	__u32 truncated, restarts;
	struct vexfs_query *q;
	int n;

	radius = &r;
	q = begin(metric, k, 0, ~0ULL);
	assert_non_null(q);
	if (hooks)
		vexfs_query_hooks(q, odd_filter, attr_distance);
	n = run(q, chance(4) ? vexfs_flat : backwards, hits, &truncated, &restarts);
	check(metric, k, hooks ? keep_odd : NULL, hooks ? by_attr : NULL, hits, n);
	assert_int_equal(truncated, truth > k ? VEXFS_TRUNC_LIMIT : 0);
	vexfs_query_free(q);
	radius = NULL;
}

static void test_range(void **state)
{
	static const __u32 ks[] = { 1, 10, 1000, MAX_N, VEXFS_MAX_RANGE };
	struct vexfs_hit_f *hits = calloc(VEXFS_MAX_RANGE, sizeof(*hits));
	__u32 kind, way, m, k;

	(void)state;
	assert_non_null(hits);
	for (kind = 0; kind < 4; kind++)
		for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
			fill(kind == 1 ? MAX_N : 1500, kind == 3 ? 3 : 1 + chance(DIMS), kind);
			kill_some(n_rows / 10);
			for (way = 0; way < 8; way++)
				for (k = 0; k < 5; k++) {
					use_kernels(chance(kernels()));
					plane.cut = chance(2) ? 4 * (1 + chance(dims)) : 0;
					plane.absent = chance(2) ? 1 + chance(5) : 0;
					range_of(m, ks[k], radius_of(m, way), hits);
				}
			vexfs_columns_free(columns);
		}
	use_kernels(BEST);
	free(hits);
}

/* What a program sees of a radius: the worst that is still of use. */
static int sees_radius(struct vexfs_search *s)
{
	assert_int_equal(vexfs_key_bits(s->worst), 0x3fe0000000000000ULL);	/* 0.5 */
	assert_int_equal(s->found, 0);
	return 0;
}

static void test_range_limits(void **state)
{
	struct vexfs_hit_f hits[100];
	__u32 truncated, restarts;
	double half = 0.5, all = 1e9;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(3000, 8, 0);
	radius = &half;
	q = begin(VEXFS_METRIC_L2, 100, 0, ~0ULL);
	assert_int_equal(run(q, sees_radius, hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_STRATEGY);	/* it has looked at nothing */
	vexfs_query_free(q);

	/* too many, and out of budget before all were seen */
	radius = &all;
	q = begin(VEXFS_METRIC_L2, 100, 1000, ~0ULL);
	n = run(q, vexfs_flat, hits, &truncated, &restarts);
	assert_int_equal(n, 100);
	assert_int_equal(truncated, VEXFS_TRUNC_LIMIT | VEXFS_TRUNC_VISITS);
	vexfs_query_free(q);

	radius = NULL;
	vexfs_columns_free(columns);
}

static void test_as_of(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_flat, backwards, ranges, vexfs_coded };
	static bool later[MAX_N];
	__u64 bits[MAX_N / 64 + 1];
	struct vexfs_hit_f hits[VEXFS_MAX_K];
	struct vexfs_asof s = { .dead = bits };
	__u32 round, i, k, live, truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (round = 0; round < 24; round++) {
		fill(3000, 12, 0);
		if (round % 4 == 3)
			encode(VEXFS_METRIC_L2, 3000);
		kill_some(chance(1500));
		s.count = round < 4 ? 0 : chance(3001);
		/* what lies beyond the count is not looked at */
		memset(bits, 0xff, sizeof(bits));
		for (i = live = 0; i < s.count; i++) {
			if (!dead[i])
				bits[i / 64] &= ~(1ULL << i % 64);
			live += !dead[i];
		}
		s.live = live;
		memcpy(later, dead, sizeof(dead));
		kill_some(2000);
		as_of = &s;
		k = 1 + chance(40);
		q = begin(VEXFS_METRIC_L2, k, 0, ~0ULL);
		assert_int_equal(vexfs_query_search(q)->count, s.count);
		assert_int_equal(vexfs_query_search(q)->live, live);
		n = run(q, strategy[round % 4], hits, &truncated, &restarts);
		assert_int_equal(truncated, 0);
		memcpy(dead, later, sizeof(dead));
		n_rows = s.count;
		if (round % 4 == 3)
			assert_true(recalled(VEXFS_METRIC_L2, k, NULL, NULL, hits, n) + 2 >=
				    (__u32)n);
		else
			check(VEXFS_METRIC_L2, k, NULL, NULL, hits, n);
		vexfs_query_free(q);
		as_of = NULL;
		if (round % 4 == 3)
			forget_codes();
		vexfs_columns_free(columns);
	}
}

/* What a query tells. */
struct told {
	__u64 visited, scored, matches, estimated, pruned, deferred, reranked, rescored;
	__u32 rounds, truncated, restarts;
	int n;
	struct vexfs_hit_f hits[50];
};

static void ask(int (*strategy)(struct vexfs_search *), __u64 max_visits, struct told *t)
{
	struct vexfs_query *q = begin(VEXFS_METRIC_L2, 50, max_visits, ~0ULL);
	const struct vexfs_query_stats *stats = vexfs_query_stats(q);
	const struct vexfs_search *s = vexfs_query_search(q);

	memset(t, 0, sizeof(*t));
	t->n = run(q, strategy, t->hits, &t->truncated, &t->restarts);
	t->visited = s->visited;
	t->scored = s->scored;
	t->matches = s->matches;
	t->rounds = s->round;
	t->estimated = stats->estimated;
	t->pruned = stats->pruned;
	t->deferred = stats->deferred;
	t->reranked = stats->reranked;
	t->rescored = stats->rescored;
	vexfs_query_free(q);
}

/* Nothing that a query tells depends on what slots hold that may not be found. */
static void test_hidden(void **state)
{
	int (*strategy[])(struct vexfs_search *) = { vexfs_flat, vexfs_coded, ranges, backwards,
						     coded_program };
	static const __u64 budgets[] = { 0, 100, 640, 3000, MAX_N };
	struct vexfs_columns *honest;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	struct told t[2];
	__u32 i, k, b;

	(void)state;
	bound = hidden = true;
	memset(files, 0, sizeof(files));
	for (i = 0; i < FILES; i++)
		readable[i] = i % 3;
	fill_random(MAX_N, DIMS, 0);
	encode(VEXFS_METRIC_L2, MAX_N);
	for (i = 0; i < MAX_N; i++)
		if (file_of(i) < FILES)
			assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]), 0);
	honest = columns;
	below = 300;
	for (i = 0; i < sizeof(strategy) / sizeof(*strategy); i++)
		for (b = 0; b < sizeof(budgets) / sizeof(*budgets); b++) {
			p = predicate(&mem);
			match = &mem;
			ask(strategy[i], budgets[b], &t[0]);
			assert_true(t[0].n == 50 || budgets[b]);
			vexfs_predicate_free(p);
			/* the same, but none of those that are hidden match */
			columns = vexfs_columns_new(1);
			assert_int_equal(vexfs_columns_reserve(columns, MAX_N), 0);
			for (k = 0; k < MAX_N; k++) {
				__s64 a = keep_readable(k) ? attr[k] : below;

				assert_int_equal(vexfs_columns_put(columns, k, ids[k], &a), 0);
				if (file_of(k) < FILES)
					assert_int_equal(vexfs_columns_bind(columns, k,
									    &files[file_of(k)]), 0);
			}
			vexfs_columns_publish(columns, MAX_N);
			p = predicate(&mem);
			ask(strategy[i], budgets[b], &t[1]);
			vexfs_predicate_free(p);
			match = NULL;
			assert_memory_equal(&t[0], &t[1], sizeof(t[0]));
			vexfs_columns_free(columns);
			columns = honest;
		}
	forget_codes();
	vexfs_columns_free(columns);
	bound = hidden = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_predicates),
		cmocka_unit_test(test_predicate_limits),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_per_file),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_range_limits),
		cmocka_unit_test(test_as_of),
		cmocka_unit_test(test_hidden),
	};

	chance_seed(4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
