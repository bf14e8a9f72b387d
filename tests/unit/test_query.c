// SPDX-License-Identifier: GPL-2.0
/*
 * Queries over rows in memory against exact search in double precision.  The order of additions is
 * the documented one (four sums, by the dimension modulo 4), so ids and distances must be equal to
 * the last bit.
 */
#include <math.h>
#include <stdlib.h>
#include "driver.h"

#define MAX_N	6000
#define DIMS	40

static float rows[MAX_N][DIMS], query[DIMS];
static __u64 ids[MAX_N];
static __s64 attr[MAX_N];
static bool dead[MAX_N];
static const struct vexfs_match *match;
static const double *radius;		/* NULL: the k nearest */
static const struct vexfs_asof *as_of;	/* NULL: as it is now */
static struct vexfs_codes *codes;
static struct vexfs_columns *columns;
static struct vx_rows plane;
static __u32 n_rows, dims;

static double distance(__u32 metric, const float *x)
{
	return exact_distance(metric, query, x, dims);
}

/*
 * kind of data: 0 ordinary, 1 many equal rows, 2 rows that differ in the last bit, 3 huge and tiny
 */
static void fill(__u32 n, __u32 d, __u32 kind)
{
	__u32 i, k;

	n_rows = n;
	dims = d;
	columns = vexfs_columns_new(1);
	assert_non_null(columns);
	assert_int_equal(vexfs_columns_reserve(columns, n), 0);
	for (k = 0; k < d; k++)
		query[k] = (float)chance(1u << 24) / (1 << 23) - 1;
	for (i = 0; i < n; i++) {
		float *x = &rows[0][0] + (size_t)i * d;
		float size = kind == 3 ? ldexpf(1, (int)chance(200) - 100) : 1;

		for (k = 0; k < d; k++)
			x[k] = ((float)chance(1u << 24) / (1 << 23) - 0.99f) * size;
		if (kind == 1)
			for (k = 0; k < d; k++)
				x[k] = (float)(i % 7) + 1;
		if (kind == 2)
			for (k = 0; k < d; k++)
				x[k] = nextafterf(1.5f + k, k == i % d ? 2e9f : 1.5f + k);
		ids[i] = (__u64)i * 0x9e3779b97f4a7c15ULL;
		attr[i] = i % 4;
		dead[i] = false;
		assert_int_equal(vexfs_columns_put(columns, i, ids[i], &attr[i]), 0);
	}
	vexfs_columns_publish(columns, n);
	plane = (struct vx_rows){ .data = rows, .n = n, .row_bytes = d * 4 };
}

static void kill_some(__u32 n)
{
	while (n--) {
		__u32 slot = chance(n_rows);

		if (!dead[slot])
			vexfs_columns_kill(columns, slot);
		dead[slot] = true;
	}
}

#define FILES 50
static struct vexfs_file files[FILES];
static bool readable[FILES];
static bool bound;			/* slots are bound to files */
/* most hits of one; else 0.  And two of them have almost all slots */
static __u32 per_file;

static __u32 file_of(__u32 i)	/* FILES: none */
{
	if (per_file)
		return i % 64 ? i % 2 : i / 64 % (FILES + 1);
	return i % 1100 < 1024 ? i % (FILES + 1) : FILES;
}

static bool may(void *arg, const struct vexfs_file *file)
{
	assert_true(arg == readable && file >= files && file < files + FILES);
	return readable[file - files];
}

static bool keep_readable(__u32 i)
{
	return file_of(i) == FILES || readable[file_of(i)];
}

static struct vexfs_query *begin(__u32 metric, __u32 k, __u64 max_visits, __u64 deadline)
{
	struct vexfs_query_params p = { .row = query, .dims = dims, .metric = metric, .k = k,
					.attrs = 1, .max_visits = max_visits,
					.deadline_us = deadline, .match = match, .codes = codes,
					.per_file = per_file, .as_of = as_of };

	if (radius) {
		p.range = true;
		memcpy(&p.radius, radius, 8);
	}
	if (bound) {
		p.may = may;
		p.may_arg = readable;
	}
	return vexfs_query_new(columns, &plane, &p);
}

/*
 * The nearest among the records for which keep() holds, penalty() added, within the radius if there
 * is one, in order; all of those are counted.
 */
static struct near *near_all(__u32 metric, bool (*keep)(__u32), double (*penalty)(__u32),
			     __u32 *found)
{
	struct near *t = calloc(n_rows + 1, sizeof(*t));
	__u32 i;
	double d;

	for (i = *found = 0; i < n_rows; i++)
		if (!dead[i] && (!keep || keep(i))) {
			d = distance(metric, &rows[0][0] + (size_t)i * dims) +
			    (penalty ? penalty(i) : 0);
			if (!radius || d <= *radius)
				t[(*found)++] = (struct near){ d, ids[i] };
		}
	qsort(t, *found, sizeof(*t), nearer);
	return t;
}

static __u32 truth;			/* records that check() found, k or not */

/* Compare with the truth over the records for which keep() holds, penalty() added. */
static void check(__u32 metric, __u32 k, bool (*keep)(__u32), double (*penalty)(__u32),
		  const struct vexfs_hit_f *hits, int n)
{
	__u32 i, found;
	struct near *t = near_all(metric, keep, penalty, &found);
	double d;

	assert_int_equal(n, found < k ? found : k);
	for (i = 0; i < (__u32)n; i++) {
		memcpy(&d, &hits[i].distance, 8);
		if (hits[i].id != t[i].id || d != t[i].distance)
			fail_msg("metric %u dims %u k %u hit %u: %llx at %.17g, not %llx at %.17g",
				 metric, dims, k, i, hits[i].id, d, t[i].id, t[i].distance);
	}
	free(t);
	truth = found;
}

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
					vexfs_scalar_only = way & 1;
					plane.cut = way & 2 ? 4 * (1 + chance(dims)) : 0;
					plane.absent = chance(2) ? 1 + chance(5) : 0;
					restarts += search(m, ks[k]);
				}
			vexfs_columns_free(columns);
		}
	vexfs_scalar_only = false;
	assert_int_equal(restarts, 0);		/* however many rows are equal, or almost */
}

/* --- programs --- */

static __u32 calls;

static bool keep_odd(__u32 i)
{
	return attr[i] % 2;
}

static double by_attr(__u32 i)
{
	return attr[i] * 1000 * 1e-6;
}

static int odd_filter(struct vexfs_search *s)
{
	__s64 *a = vexfs_q_attribute(vexfs_search_query(s), 0);
	__u32 i;

	calls++;
	assert_int_equal(s->phase, VEXFS_PHASE_FILTER);
	assert_null(vexfs_q_attribute(vexfs_search_query(s), 1));
	assert_int_equal(vexfs_q_range(vexfs_search_query(s), 0, 1), -EPERM);
	assert_int_equal(vexfs_q_score(vexfs_search_query(s)), -EPERM);
	assert_int_equal(vexfs_q_offer(vexfs_search_query(s)), -EPERM);
	for (i = 0; i < s->batch; i++)
		if (a[i] % 2 == 0)
			s->keep &= ~(1ULL << i);
	return 0;
}

static int attr_distance(struct vexfs_search *s)
{
	__s64 *a = vexfs_q_attribute(vexfs_search_query(s), 0);
	struct vexfs_cand *c = vexfs_q_candidates(vexfs_search_query(s));
	__u32 i;

	calls++;
	for (i = 0; i < s->batch; i++) {
		assert_int_equal(a[i], attr[c[i].slot]);
		assert_int_equal(c[i].id, ids[c[i].slot]);
		c[i].penalty = a[i] * 1000;
	}
	return 0;
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

/* --- strategies --- */

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

/* --- a program whose memory others write, too --- */

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

/* --- predicates: attr < below --- */

static __s64 below;

static bool keep_below(__u32 i)
{
	return attr[i] < below;
}

static bool keep_odd_below(__u32 i)
{
	return keep_odd(i) && keep_below(i);
}

static struct vexfs_predicate *predicate(struct vexfs_match *m)
{
	struct vexfs_predicate_node lt = { .op = VEXFS_PRED_LT, .value = below };
	struct vexfs_predicate *p =
		vexfs_predicate_new(&(struct vexfs_condition){ .node = &lt, .n = 1 });

	assert_non_null(p);
	assert_int_equal(vexfs_predicate_match(p, columns, ~0ULL, m), 0);
	return p;
}

/* Slots that match, dead ones included. */
static __u32 matching(void)
{
	__u32 i, n = 0;

	for (i = 0; i < n_rows; i++)
		n += keep_below(i);
	return n;
}

static void fill_random(__u32 n, __u32 d, __u32 kind)
{
	__u32 i, k;

	fill(n, d, kind);
	vexfs_columns_free(columns);
	columns = vexfs_columns_new(1);
	assert_int_equal(vexfs_columns_reserve(columns, n), 0);
	k = chance(1000);
	for (i = 0; i < n; i++) {
		attr[i] = i / 64 % 10 == 3 ? 0 : chance(1000) ? 1 + (__s64)(i + k) % 1000 : -1000;
		assert_int_equal(vexfs_columns_put(columns, i, ids[i], &attr[i]), 0);
	}
	vexfs_columns_publish(columns, n);
}

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

/* --- codes --- */

static void encode(__u32 metric, __u32 n)
{
	codes = vexfs_codes_new(metric, dims, 5);
	assert_non_null(codes);
	assert_int_equal(vexfs_codes_reserve(codes, n), 0);
	assert_int_equal(vexfs_codes_centre(codes, &plane, n_rows), 0);
	assert_int_equal(vexfs_codes_extend(codes, &plane, n, ~0ULL), 0);
}

static void forget_codes(void)
{
	vexfs_codes_free(codes);
	codes = NULL;
}

/*
 * How many of the first k of the truth are among the hits; each hit is a true record at its true
 * distance, in order.
 */
static __u32 recalled(__u32 metric, __u32 k, bool (*keep)(__u32), double (*penalty)(__u32),
		      const struct vexfs_hit_f *hits, int n)
{
	__u32 i, j, found, good = 0;
	struct near *t = near_all(metric, keep, penalty, &found);
	double d, before = -INFINITY;

	assert_int_equal(n, found < k ? found : k);
	for (i = 0; i < (__u32)n; i++) {
		memcpy(&d, &hits[i].distance, 8);
		assert_true(d >= before);
		before = d;
		for (j = 0; j < found && t[j].id != hits[i].id; j++)
			;
		assert_true(j < found && d == t[j].distance);
		good += j < k;
	}
	free(t);
	return good;
}

static void new_query(void)
{
	__u32 k;

	for (k = 0; k < dims; k++)
		query[k] = (float)chance(1u << 24) / (1 << 23) - 1;
}

/* Estimate, defer, take, in odd steps: what bpf/coded does.  Gives way after each take. */
static int coded_program(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n = 0;

	for (; s->state[0] < s->count; s->state[0] += 50) {
		n = vexfs_q_estimate(q, s->state[0], 50, 250);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -ENOSPC)
			break;
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	s->state[0] = s->count;
	n = vexfs_q_take(q);
	if (n > 0)
		n = vexfs_q_score(q);
	else if (!n)
		return 0;
	if (n >= 0)
		n = vexfs_q_offer(q);
	return n >= 0 || n == -EAGAIN ? VEXFS_MORE : n;
}

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
			vexfs_scalar_only = way & 1;
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
	vexfs_scalar_only = false;
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
	assert_int_equal(vexfs_q_take(q), 64);
	assert_int_equal(vexfs_q_score(q), 64);
	assert_int_equal(vexfs_q_defer(q), -EINVAL);
	assert_int_equal(vexfs_q_offer(q), 64);
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
		assert_int_equal(vexfs_coded(vexfs_query_search(q)), 0);
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
	assert_int_equal(run(q, vexfs_coded, hits, &truncated, &restarts), -EIO);
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
	assert_int_equal(run(q, vexfs_flat, hits, &truncated, &restarts), -EIO);
	plane.error = -EINTR;
	vexfs_query_restart(q);
	assert_int_equal(run(q, vexfs_flat, hits, &truncated, &restarts), -EINTR);
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

/* --- all within a distance --- */

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

static void range(__u32 metric, __u32 k, double r, struct vexfs_hit_f *hits)
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
					vexfs_scalar_only = chance(2);
					plane.cut = chance(2) ? 4 * (1 + chance(dims)) : 0;
					plane.absent = chance(2) ? 1 + chance(5) : 0;
					range(m, ks[k], radius_of(m, way), hits);
				}
			vexfs_columns_free(columns);
		}
	vexfs_scalar_only = false;
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

/* --- snapshots: what died later is there, what came later is not --- */

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

/* --- what was left out --- */

static int measure_batch(struct vexfs_query *q, int n)
{
	if (n > 0)
		n = vexfs_q_score(q);
	return n > 0 ? vexfs_q_offer(q) : n;
}

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
		n = measure_batch(vexfs_search_query(s),
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
				n = measure_batch(vexfs_search_query(s), n);
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
		n = measure_batch(q, s->state[0] + 64 < s->count ? step(q, s->state[0]) :
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
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_strategies),
		cmocka_unit_test(test_predicates),
		cmocka_unit_test(test_predicate_limits),
		cmocka_unit_test(test_coded),
		cmocka_unit_test(test_coded_partly),
		cmocka_unit_test(test_coded_predicates),
		cmocka_unit_test(test_coded_limits),
		cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_per_file),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_range_limits),
		cmocka_unit_test(test_as_of),
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
