// SPDX-License-Identifier: GPL-2.0
/*
 * Partitioned lists: queries find what there is, each record once, and nothing is lost where memory,
 * rows or time are short.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "listed.h"

/* --- queries --- */

static void test_all(void **state)
{
	__u32 m, i, r;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, 24, 0);
		kill_some(300);			/* before they could be linked */
		listed_some(m, MAX_N - 500);	/* and there is a tail */
		listed_check(m, NULL);
		kill_some(300);
		listed_check(m, NULL);
		r = listed_found(m, NULL, 40);
		print_message("metric %u: recall %u\n", m, r);
		assert_true(r >= 960000);
		listed_to(MAX_N);
		listed_check(m, NULL);
		recall = 1000000;
		for (i = 0; i < 5; i++) {
			__u32 truncated;
			int n;

			new_query();
			n = listed_ask(m, 10, &truncated, 0);
			assert_true(recalled(m, 10, NULL, NULL, listed_hits, n) >= 9);
		}
		recall = 0;
		listed_forget();
	}
}

/* A record that an insert has superseded, but which is not there yet: it is found until then. */
static void test_superseded(void **state)
{
	__u32 i, truncated, way;
	int err, n;

	(void)state;
	for (way = 0; way < 2; way++) {
		fill(3000, 12, 0);
		vexfs_columns_publish(columns, 2999);
		n_rows = 2999;
		encode(VEXFS_METRIC_L2, 2999);
		lists = vexfs_lists_new(codes, columns, &plane, 2999, &err, NULL, NULL);
		assert_non_null(lists);
		if (way)
			listed_to(2999);
		for (i = 0; i < 2999; i += 7)
			vexfs_columns_supersede(columns, i, 3000);
		listed_to(2999);
		effort = LISTED_ALL;
		n = listed_ask(VEXFS_METRIC_L2, 3000, &truncated, 1);
		check(VEXFS_METRIC_L2, 3000, NULL, NULL, listed_hits, n);
		/* now it is */
		vexfs_columns_publish(columns, 3000);
		for (i = 0; i < 2999; i += 7)
			dead[i] = true;
		n_rows = 3000;
		n = listed_ask(VEXFS_METRIC_L2, 3000, &truncated, 1);
		check(VEXFS_METRIC_L2, 3000, NULL, NULL, listed_hits, n);
		effort = 0;
		listed_forget();
	}
}

/* Rows out of range, and zeros. */
static void test_strays(void **state)
{
	__u32 m, i, k;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m += 2) {
		fill(4000, 16, 0);
		for (i = 0; i < n_rows; i += 10)
			for (k = 0; k < dims; k++)
				listed_row(i)[k] *= i % 20 ? 0x1p40f : 0;
		listed_some(m, 3500);
		assert_true(lists->strays);
		listed_check(m, NULL);
		listed_to(4000);
		listed_check(m, NULL);
		assert_true(listed_found(m, NULL, 20) >= 960000);
		kill_some(500);
		listed_check(m, NULL);
		listed_forget();
	}
	/* more than there is room for */
	fill(4000, 16, 3);
	encode(VEXFS_METRIC_L2, 4000);
	{
		int err;

		lists = vexfs_lists_new(codes, columns, &plane, 4000, &err, NULL, NULL);
		assert_non_null(lists);
		assert_int_equal(vexfs_lists_extend(lists, columns, &plane, 4000, ~0ULL, NULL, NULL),
				 -EDOM);
	}
	assert_true(vexfs_lists_linked(lists) && vexfs_lists_linked(lists) < 4000);
	listed_check(VEXFS_METRIC_L2, NULL);
	listed_forget();
}

/* A query that no code can be compared with is answered all the same. */
static void test_query_out_of_range(void **state)
{
	static const float sizes[] = { 0x1p40f, 0x1p-40f, 0, 3e38f };
	__u32 m, i, k, truncated;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(3000, 12, 0);
		listed_some(m, 2800);
		for (i = 0; i < 8; i++) {
			if (m == VEXFS_METRIC_COSINE && !sizes[i / 2])
				continue;
			new_query();
			for (k = 0; k < dims; k++)
				query[k] *= sizes[i / 2];
			effort = i & 1 ? 3 : 0;
			n = listed_ask(m, 10, &truncated, 2);
			effort = 0;
			assert_int_equal(truncated, 0);
			if (sizes[i / 2] > 1)
				check(m, 10, NULL, NULL, listed_hits, n);
			else			/* the origin, to most */
				recalled(m, 10, NULL, NULL, listed_hits, n);
		}
		listed_forget();
	}
}

static void test_predicates(void **state)
{
	static const __s64 belows[] = { INT64_MIN, -999, 1, 2, 10, 100, 500, INT64_MAX };
	__u32 b, r, truncated;
	struct vexfs_predicate *p;
	struct vexfs_match mem;
	int n;

	(void)state;
	fill_random(MAX_N, 24, 0);
	kill_some(MAX_N / 10);
	listed_some(VEXFS_METRIC_L2, MAX_N - 200);
	kill_some(MAX_N / 10);
	for (b = 0; b < 8; b++) {
		below = belows[b];
		p = predicate(&mem);
		match = &mem;
		listed_check(VEXFS_METRIC_L2, keep_below);
		/* more than match */
		n = listed_ask(VEXFS_METRIC_L2, MAX_N, &truncated, 8);
		assert_int_equal(truncated, 0);
		check(VEXFS_METRIC_L2, MAX_N, keep_below, NULL, listed_hits, n);
		r = listed_found(VEXFS_METRIC_L2, keep_below, 20);
		if (r < 960000)
			fail_msg("below %lld: recall %u", below, r);
		vexfs_predicate_free(p);
		match = NULL;
	}
	listed_forget();
}

static void test_files(void **state)
{
	__u32 i, k, truncated, of[FILES + 1];
	struct vexfs_query *q;
	__u32 restarts;
	int n, j;

	(void)state;
	memset(files, 0, sizeof(files));
	fill(5000, 16, 0);
	for (i = 0; i < n_rows; i++)
		if (file_of(i) < FILES)
			assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]), 0);
	listed_some(VEXFS_METRIC_L2, 4800);
	bound = true;
	for (k = 0; k < 4; k++) {
		hidden = k & 1;
		for (i = 0; i < FILES; i++)
			readable[i] = chance(3);
		listed_check(VEXFS_METRIC_L2, keep_readable);
		assert_true(listed_found(VEXFS_METRIC_L2, keep_readable, 10) >= 950000);
	}
	bound = hidden = false;
	listed_forget();

	/* not more than two of a file, most of which have two files */
	per_file = 2;
	fill(3000, 16, 0);
	for (i = 0; i < n_rows; i++)
		if (file_of(i) < FILES)
			assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]), 0);
	listed_some(VEXFS_METRIC_L2, 2900);
	for (k = 0; k < 10; k++) {
		new_query();
		effort = k & 1 ? LISTED_ALL : 1;
		q = begin(VEXFS_METRIC_L2, 20, 0, ~0ULL);
		n = run(q, vexfs_ivf, listed_hits, &truncated, &restarts);
		assert_int_equal(n, 20);
		memset(of, 0, sizeof(of));
		for (j = 0; j < n; j++)
			of[file_of(listed_hits[j].slot)]++;
		for (i = 0; i < FILES; i++)
			assert_true(of[i] <= per_file);
		vexfs_query_free(q);
	}
	effort = per_file = 0;
	listed_forget();
}

/* Where records are hidden lists are as if there were none: they would tell where those lie. */
static void test_hidden(void **state)
{
	static const __u32 methods[] = { VEXFS_METHOD_AUTO, VEXFS_METHOD_IVF };
	struct vexfs_query_stats stats[2];
	struct vexfs_lists *had;
	struct vexfs_plan plan;
	struct vexfs_query *q;
	__u32 i, k, truncated, restarts;
	__u64 visited[2];
	int n;

	(void)state;
	memset(files, 0, sizeof(files));
	fill(5000, 16, 0);
	for (i = 0; i < n_rows; i++)
		if (file_of(i) < FILES)
			assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]), 0);
	listed_some(VEXFS_METRIC_L2, 5000);
	bound = hidden = true;
	had = lists;
	for (i = 0; i < 12; i++) {
		readable[i % FILES] = chance(2);
		new_query();
		effort = i % 3;
		method = methods[i % 2];
		for (k = 0; k < 2; k++) {
			lists = k ? NULL : had;
			q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
			n = run(q, vexfs_builtin, listed_hits, &truncated, &restarts);
			check(VEXFS_METRIC_L2, 10, keep_readable, NULL, listed_hits, n);
			vexfs_query_plan(q, &plan);
			assert_int_equal(plan.plan, VEXFS_PLAN_CODED);
			assert_int_equal(plan.why, VEXFS_WHY_HIDDEN);
			assert_true(!plan.lists && !plan.linked && !plan.probed);
			visited[k] = vexfs_query_search(q)->visited;
			stats[k] = *vexfs_query_stats(q);
			vexfs_query_free(q);
		}
		assert_int_equal(visited[0], visited[1]);
		assert_memory_equal(&stats[0], &stats[1], sizeof(stats[0]));
	}
	lists = had;
	bound = hidden = false;
	effort = method = 0;
	listed_forget();
}

static void test_limits(void **state)
{
	static __u64 dead_then[MAX_N / 64 + 1];
	struct vexfs_asof then = { .dead = dead_then, .count = 2000, .live = 2000 };
	__u32 i, truncated, restarts, was, within;
	struct vexfs_query *q;
	double r;
	int n;

	(void)state;
	fill(4000, 16, 0);
	listed_some(VEXFS_METRIC_L2, 3900);
	for (i = 1; i < 4000; i += 1 + i / 2) {		/* visits, of rows that are in lists or not */
		effort = LISTED_ALL;
		q = begin(VEXFS_METRIC_L2, 4000, i, ~0ULL);
		n = run(q, vexfs_ivf, listed_hits, &truncated, &restarts);
		assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
		assert_int_equal(vexfs_query_search(q)->visited, i);
		assert_int_equal(n, i);
		vexfs_query_free(q);
	}
	q = begin(VEXFS_METRIC_L2, 10, 0, 1);
	assert_int_equal(run(q, vexfs_ivf, listed_hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_DEADLINE);
	vexfs_query_free(q);

	/* a radius */
	for (i = 0; i < 10; i++) {
		new_query();
		r = distance(VEXFS_METRIC_L2, listed_row(chance(n_rows)));
		radius = &r;
		n = listed_ask(VEXFS_METRIC_L2, 4000, &truncated, 1);
		free(near_all(VEXFS_METRIC_L2, NULL, NULL, &within));
		assert_true(n <= (int)within && n >= (int)(within * 0.99));
		radius = NULL;
	}
	effort = 0;

	/* a snapshot, for which there are none: what is dead now was not then */
	was = n_rows;
	kill_some(1000);
	memset(dead, 0, sizeof(dead));
	as_of = &then;
	n_rows = 2000;
	q = begin(VEXFS_METRIC_L2, 2000, 0, ~0ULL);
	assert_int_equal(vexfs_query_search(q)->lists, 0);
	n = run(q, vexfs_ivf, listed_hits, &truncated, &restarts);
	check(VEXFS_METRIC_L2, 2000, NULL, NULL, listed_hits, n);
	vexfs_query_free(q);
	as_of = NULL;
	n_rows = was;
	listed_forget();
}

/* Rows of which there are few different ones, and so few that there is one list. */
static void test_equal(void **state)
{
	__u32 kind, m;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (kind = 1; kind < 3; kind++) {
			fill(3000, 6, kind);
			listed_only(m, 3000);
			listed_check(m, NULL);
			listed_forget();
			fill(20, 6, kind);
			listed_only(m, 20);
			assert_int_equal(vexfs_lists_count(lists), 1);
			listed_check(m, NULL);
			listed_forget();
		}
}

#define EQUAL 25000u

/* A place where very many records are. */
static void test_crowd(void **state)
{
	float *same = calloc(EQUAL * 2, sizeof(*same));
	struct vexfs_query_params p = { .row = same, .dims = 2, .metric = VEXFS_METRIC_L2, .k = 10,
					.attrs = 0, .deadline_us = ~0ULL, .effort = LISTED_ALL };
	struct vx_rows r = { .data = same, .n = EQUAL, .row_bytes = 8 };
	__u32 i, truncated, restarts;
	struct vexfs_query *q;
	int err;

	(void)state;
	columns = vexfs_columns_new(0);
	assert_int_equal(vexfs_columns_reserve(columns, EQUAL), 0);
	for (i = 0; i < EQUAL; i++) {
		same[2 * i] = 1;
		same[2 * i + 1] = i % 1000 ? 2 : (float)i;
		assert_int_equal(vexfs_columns_put(columns, i, i, NULL), 0);
	}
	vexfs_columns_publish(columns, EQUAL);
	codes = vexfs_codes_new(VEXFS_METRIC_L2, 2, 5);
	assert_int_equal(vexfs_codes_reserve(codes, EQUAL), 0);
	assert_int_equal(vexfs_codes_centre(codes, &r, NULL, EQUAL), 0);
	assert_int_equal(vexfs_codes_extend(codes, &r, NULL, EQUAL, ~0ULL), 0);
	lists = vexfs_lists_new(codes, columns, &r, EQUAL, &err, NULL, NULL);
	assert_non_null(lists);
	assert_int_equal(vexfs_lists_extend(lists, columns, &r, EQUAL, ~0ULL, NULL, NULL), 0);
	p.codes = codes;
	p.lists = lists;
	for (i = 0; i < EQUAL; i += 10000) {
		p.row = same + 2 * i;
		q = vexfs_query_new(columns, &r, &p);
		assert_int_equal(run(q, vexfs_ivf, listed_hits, &truncated, &restarts), 10);
		assert_int_equal(listed_hits[0].distance, 0);
		vexfs_query_free(q);
	}
	listed_forget();
	free(same);
}

/* --- what is measured --- */

static void test_tune(void **state)
{
	__u64 near[VEXFS_GRADES], far[VEXFS_GRADES];
	__u32 i, k;

	(void)state;
	fill(MAX_N, 24, 0);
	listed_some(VEXFS_METRIC_L2, MAX_N);
	memcpy(near, lists->near, sizeof(near));
	memcpy(far, lists->far, sizeof(far));
	for (i = 1; i < VEXFS_GRADES; i++)
		assert_true(near[i] >= near[i - 1] && far[i] >= far[i - 1]);
	/* whether rows are in memory is no matter, but that bounds lose one or another neighbour */
	plane.absent = 2;
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
	for (i = 0; i < VEXFS_GRADES; i++) {
		assert_in_range(lists->near[i], near[i] - near[i] / 32, near[i] + near[i] / 32);
		assert_in_range(lists->far[i], far[i] - far[i] / 32, far[i] + far[i] / 32);
	}
	plane.absent = 0;
	/* however many are wanted: not fewer than for one */
	for (i = 0; i < 40; i++)
		assert_true(vexfs_lists_enough(lists, 990000, 1ULL << i) >=
			    vexfs_lists_enough(lists, 990000, 1));
	/* slants are those of the tables, and between them, and larger for more recall */
	for (i = 0; i < VEXFS_NEAREST; i++)
		assert_int_equal(vexfs_lists_slant(lists, 990000, i == 0 ? 1 : i == 1 ? 10 : 1000),
				 lists->slant[i][12]);
	for (i = 500; i < 1000; i++)
		for (k = 1; k <= 128; k *= 2)
			assert_in_range(vexfs_lists_slant(lists, i * 1000, k), 0,
					vexfs_lists_slant(lists, (i + 1) * 1000, k));
	assert_int_equal(vexfs_lists_slant(lists, 1000000, 10), 0x7fffffff);
	/* nothing was measured if all that would be asked for are dead */
	for (i = 0; i < MAX_N; i++)
		if (i % 23 < 2 && !dead[i]) {
			dead[i] = true;
			vexfs_columns_kill(columns, i);
		}
	for (i = 0; i < 256; i++)
		if (!dead[i * MAX_N / 256]) {
			dead[i * MAX_N / 256] = true;
			vexfs_columns_kill(columns, i * MAX_N / 256);
		}
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
	assert_true(listed_found(VEXFS_METRIC_L2, NULL, 20) >= 960000);
	listed_forget();
}

/* --- what fails --- */

static void test_memory(void **state)
{
	__u32 truncated, restarts;
	struct vexfs_query *q;
	long fail, failed = 0;
	int err = -ENOMEM, n;

	(void)state;
	fill(2000, 12, 0);
	encode(VEXFS_METRIC_L2, n_rows);
	for (fail = 0; !lists; fail++) {
		vx_ealloc_left = fail;
		lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
		vx_ealloc_left = -1;
		assert_int_equal(err, lists ? 0 : -ENOMEM);
	}
	assert_true(fail > 10);
	for (fail = 0; fail < 5 || err; fail += 1 + fail / 20) {
		vx_ealloc_left = fail;
		err = vexfs_lists_extend(lists, columns, &plane, n_rows, ~0ULL, NULL, NULL);
		vx_ealloc_left = -1;
		assert_true(!err || err == -ENOMEM);
		failed += !!err;
		listed_check(VEXFS_METRIC_L2, NULL);
	}
	assert_true(failed > 5);
	assert_int_equal(vexfs_lists_linked(lists), n_rows);
	for (fail = 0, err = -ENOMEM; err; fail += fail < 20 ? 1 : 29) {
		vx_ealloc_left = fail;
		err = vexfs_lists_tune(lists, columns, &plane, NULL, NULL);
		vx_ealloc_left = -1;
		assert_true(!err || err == -ENOMEM);
		assert_int_equal(lists->tuned, !err);
	}
	for (fail = 0, n = -ENOMEM; n < 0; fail++) {
		vx_ealloc_left = fail;
		q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
		n = q ? run(q, vexfs_ivf, listed_hits, &truncated, &restarts) : -ENOMEM;
		vx_ealloc_left = -1;
		assert_true(n == 10 || n == -ENOMEM);
		if (q && n < 0) {			/* and now there is */
			vexfs_query_restart(q);
			assert_int_equal(run(q, vexfs_ivf, listed_hits, &truncated, &restarts), 10);
		}
		vexfs_query_free(q);
	}
	listed_forget();
}

static void test_stopped(void **state)
{
	int err = -EINTR;

	(void)state;
	fill(3000, 12, 0);
	encode(VEXFS_METRIC_L2, n_rows);
	for (listed_stop_at = 1; !lists; listed_stop_at += 3) {
		listed_stops = 0;
		lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, listed_stop, &listed_stops);
		assert_int_equal(err, lists ? 0 : -EINTR);
	}
	assert_true(listed_stop_at > 30);
	for (listed_stop_at = 1, err = -EINTR; err; listed_stop_at++) {
		listed_stops = listed_stop_at - 2;			/* each time a batch */
		err = vexfs_lists_extend(lists, columns, &plane, n_rows, ~0ULL, listed_stop, &listed_stops);
		assert_true(!err || err == -EINTR);
		listed_check(VEXFS_METRIC_L2, NULL);
	}
	assert_true(listed_stop_at > 10);
	assert_int_equal(vexfs_lists_linked(lists), n_rows);
	for (listed_stop_at = 1, err = -EINTR; err; listed_stop_at += 20) {
		listed_stops = 0;
		err = vexfs_lists_tune(lists, columns, &plane, listed_stop, &listed_stops);
		assert_true(!err || err == -EINTR);
		assert_int_equal(lists->tuned, !err);
	}
	/* no time: a batch each */
	vexfs_lists_free(lists);
	lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
	for (listed_stop_at = 0; vexfs_lists_linked(lists) < n_rows; listed_stop_at++)
		assert_int_equal(vexfs_lists_extend(lists, columns, &plane, n_rows, 1, NULL, NULL),
				 0);
	assert_int_equal(listed_stop_at, (n_rows + VEXFS_BATCH - 1) / VEXFS_BATCH);
	listed_check(VEXFS_METRIC_L2, NULL);
	listed_forget();
}

/* A row that cannot be read is left out, and said to be damaged; what is fatal ends it. */
static void test_broken(void **state)
{
	static const __u64 broken[] = { 0, 1234, 12 };
	__u32 truncated, i;
	int err;

	(void)state;
	for (i = 0; i < 3; i++) {
		fill(3000, 12, 0);
		encode(VEXFS_METRIC_L2, n_rows);
		plane.broken = broken[i];
		plane.error = i < 2 ? -EIO : 0;
		lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
		assert_non_null(lists);
		plane.error = -EIO;
		listed_to(n_rows);
		assert_int_equal(vexfs_columns_damaged(columns), 1);
		assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
		assert_true(lists->tuned);
		/* all others are found */
		dead[broken[i]] = true;
		effort = LISTED_ALL;
		err = listed_ask(VEXFS_METRIC_L2, n_rows, &truncated, 1);
		check(VEXFS_METRIC_L2, n_rows, NULL, NULL, listed_hits, err);
		effort = 0;
		listed_forget();
	}
	fill(3000, 12, 0);
	encode(VEXFS_METRIC_L2, n_rows);
	plane.broken = 0;
	plane.error = -EINTR;
	lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
	assert_null(lists);
	assert_int_equal(err, -EINTR);
	plane.error = 0;
	lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
	assert_non_null(lists);
	plane.broken = 1234;
	plane.error = -EINTR;
	assert_int_equal(vexfs_lists_extend(lists, columns, &plane, n_rows, ~0ULL, NULL, NULL),
			 -EINTR);
	assert_int_equal(vexfs_lists_linked(lists), 1234);
	plane.error = 0;
	listed_to(n_rows);
	listed_check(VEXFS_METRIC_L2, NULL);
	plane.broken = 0;			/* it is asked for */
	plane.error = -EINTR;
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), -EINTR);
	assert_false(lists->tuned);
	plane.error = 0;
	/* no row to sample */
	while (vexfs_columns_live(columns))
		kill_some(5000);
	vexfs_lists_free(lists);
	lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
	assert_null(lists);
	assert_int_equal(err, -ENODATA);
	listed_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all, listed_clean),
		cmocka_unit_test_setup(test_superseded, listed_clean),
		cmocka_unit_test_setup(test_strays, listed_clean),
		cmocka_unit_test_setup(test_query_out_of_range, listed_clean),
		cmocka_unit_test_setup(test_predicates, listed_clean),
		cmocka_unit_test_setup(test_files, listed_clean),
		cmocka_unit_test_setup(test_hidden, listed_clean),
		cmocka_unit_test_setup(test_limits, listed_clean),
		cmocka_unit_test_setup(test_equal, listed_clean),
		cmocka_unit_test_setup(test_crowd, listed_clean),
		cmocka_unit_test_setup(test_tune, listed_clean),
		cmocka_unit_test_setup(test_memory, listed_clean),
		cmocka_unit_test_setup(test_stopped, listed_clean),
		cmocka_unit_test_setup(test_broken, listed_clean),
	};

	return cmocka_run_group_tests(tests, listed_seed, NULL);
}
