// SPDX-License-Identifier: GPL-2.0
/*
 * Partitioned lists: kernels agree, bounds hold, each record is met exactly once whatever a strategy
 * does, and nothing is lost where memory, rows or time are short.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "oracle.h"
#include "engine/query.h"
#include "engine/probe.h"

#define ALL 1000000u			/* effort: all lists */

static struct vexfs_hit_f hits[MAX_N];

static float *row_of(__u32 slot)
{
	return &rows[0][0] + (size_t)slot * dims;
}

static float unit(void)			/* [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}

/* --- kernels --- */

static const __u32 widths[] = { 64, 128, 192, 1536, 2048, 4096 };

static void test_sums(void **state)
{
	static __u8 block[4 * 4096], table[4 * 4096];
	__u16 sum[VEXFS_CODE_BLOCK];
	__u32 w, t, i, g, padded, most, want;

	(void)state;
	for (w = 0; w < sizeof(widths) / sizeof(*widths); w++)
		for (t = 0; t < 20; t++) {
			padded = widths[w];
			use_kernels(t % kernels());
			/* four dims of so many levels, the query's, fit both a byte and the sum */
			most = 65535 / padded < 63 ? 65535 / padded * 4 : 252;
			for (i = 0; i < padded * 4; i++) {
				block[i] = t ? chance(256) : 255;
				table[i] = t > 1 ? chance(most + 1) : most;
			}
			vexfs_kernels()->sums(block, table, padded, sum);
			for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
				for (g = want = 0; g < padded / 4; g++)
					want += table[g * 16 + (block[g * 16 + (i & 15)] >>
								(i / 16 * 4) & 15)];
				assert_true(want < 65536);
				assert_int_equal(sum[i], want);
			}
		}
}

static void test_nibbles(void **state)
{
	static __u8 nibble[2048];
	static __s8 fine[4096];
	const __u8 *rows_of[2] = { nibble, nibble };
	__u32 w, t, i, padded;
	__s32 want, sum[2];

	(void)state;
	for (w = 0; w < sizeof(widths) / sizeof(*widths); w++)
		for (t = 0; t < 20; t++) {
			padded = widths[w];
			use_kernels(t % kernels());
			for (i = 0; i < padded / 2; i++)
				nibble[i] = t > 1 ? chance(256) : 255;
			for (i = 0; i < padded; i++)
				fine[i] = t > 1 ? (int)chance(255) - 127 : t ? 127 : -127;
			for (i = 0, want = 0; i < padded; i++)
				want += fine[i] * (i % 64 < 32 ? nibble[i / 64 * 32 + i % 32] & 15 :
						    nibble[i / 64 * 32 + i % 32] >> 4);
			vexfs_kernels()->nibbles(rows_of, 2, fine, padded, sum);
			assert_int_equal(sum[0], want);
			assert_int_equal(sum[1], want);
		}
}

/* Products of whole numbers fit their sum, however large all of them are; scalar is the same. */
static void test_dots(void **state)
{
	static float x[4096], c[4096], dot[2];
	static __s16 whole[4096];
	static __s8 packed[4096];
	float scale, norm2, step, back[1];
	struct vexfs_centres to = { packed, &scale, &norm2 };
	__u32 w, t, i, padded;
	double truth, size;

	(void)state;
	for (w = 0; w < sizeof(widths) / sizeof(*widths); w++)
		for (t = 0; t < 24; t++) {
			padded = widths[w];
			for (i = 0, truth = size = 0; i < padded; i++) {
				x[i] = t < 2 ? 3 : t < 4 ? (i & 1 ? -1e9f : 1e9f) : unit();
				c[i] = t < 4 ? (t & 1 ? -x[i] : x[i]) : unit();
				truth += (double)x[i] * c[i];
				size += (double)x[i] * x[i];
			}
			vexfs_centre_pack(&to, 0, c, padded);
			vexfs_whole(x, padded, whole, &step);
			for (i = 0; i < 2; i++) {
				use_kernels(i ? 0 : t % kernels());
				vexfs_centre_dots(whole, step, &to, 0, 1, padded, &dot[i]);
			}
			use_kernels(BEST);
			assert_memory_equal(&dot[0], &dot[1], sizeof(*dot));
			if (fabs(dot[0] - truth) > size * 0.02)
				fail_msg("%u dims, kind %u: %g, not %g", padded, t, dot[0], truth);
		}
	/* what is nothing, or all but nothing, stays that */
	for (t = 0; t < 2; t++) {
		for (i = 0; i < 64; i++)
			x[i] = t ? (i & 1 ? 1e-42f : 0) : 0;
		vexfs_centre_pack(&to, 0, x, 64);
		vexfs_whole(x, 64, whole, &step);
		vexfs_centre_dots(whole, step, &to, 0, 1, 64, back);
		assert_true(back[0] >= 0 && back[0] < 1e-30f);
	}
}

/* --- sets with lists --- */

static __u32 stops, stop_at;

static bool stop(void *arg)
{
	assert_ptr_equal(arg, &stops);
	return ++stops >= stop_at;
}

static void link_to(__u64 to)
{
	assert_int_equal(vexfs_lists_extend(lists, columns, &plane, to, ~0ULL, NULL, NULL), 0);
	assert_int_equal(vexfs_lists_linked(lists), to);
}

/* Codes of all and lists of the first n. */
static void link_only(__u32 metric, __u32 n)
{
	int err;

	encode(metric, n_rows);
	lists = vexfs_lists_new(codes, columns, &plane, n, &err, NULL, NULL);
	assert_non_null(lists);
	link_to(n);
}

/* The same, which are measured. */
static void link_some(__u32 metric, __u32 n)
{
	link_only(metric, n);
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
}

static void forget(void)
{
	vexfs_lists_free(lists);
	lists = NULL;
	forget_codes();
	vexfs_columns_free(columns);
	columns = NULL;
}

/* One search for the k nearest by lists; no more restarts than that. */
static int ask(__u32 metric, __u32 k, __u32 *truncated, __u32 most_restarts)
{
	struct vexfs_query *q = begin(metric, k, 0, ~0ULL);
	__u32 restarts;
	int n = run(q, vexfs_ivf, hits, truncated, &restarts);

	if (restarts > most_restarts)
		fail_msg("%u restarts", restarts);
	vexfs_query_free(q);
	return n;
}

/* All records, each once, from all lists, at the very distance, is what there is. */
static void check_all(__u32 metric, bool (*keep)(__u32))
{
	__u32 truncated;
	int n;

	effort = ALL;
	n = ask(metric, n_rows, &truncated, 1);
	assert_int_equal(truncated, 0);
	check(metric, n_rows, keep, NULL, hits, n);
	effort = 0;
}

/* Queries at the default recall; returns how many of the nearest they found, in millionths. */
static __u32 found(__u32 metric, bool (*keep)(__u32), __u32 queries)
{
	__u32 i, truncated, good = 0, wanted = 0;
	int n;

	for (i = 0; i < queries; i++) {
		new_query();
		use_kernels(i & 1 ? 0 : chance(kernels()));
		plane.absent = i % 3;
		n = ask(metric, 10, &truncated, 8);
		assert_int_equal(truncated, 0);
		good += recalled(metric, 10, keep, NULL, hits, n);
		wanted += n;
	}
	use_kernels(BEST);
	plane.absent = 0;
	return wanted ? good * 1000000ULL / wanted : 1000000;
}

static __u32 key(double d)
{
	float f = d;
	__u32 b;

	memcpy(&b, &f, 4);
	return b >> 31 ? ~b : b | 1u << 31;
}

/* Bounds of all rows of all lists, for a query that goes into each. */
static void bounds(__u32 metric, __u32 *rows_seen, __u32 *outside, __u32 *near_enough,
		   __u32 *dropped, __u32 *differ)
{
	struct vexfs_query *q = begin(metric, 10, 0, ~0ULL);
	const struct vexfs_ladder *ladder;
	struct vexfs_ladder scalar;
	struct vexfs_list *list;
	__u32 i, at, e, row, n, lower, upper, l, u, gate, mask, other;
	double d, limit = distance(metric, row_of(chance(n_rows)));
	__u8 *block;

	vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
	gate = key(limit);
	for (i = 0; i < vexfs_lists_count(lists); i++) {
		assert_true(vexfs_q_list(q, i, VEXFS_SIGMA) >= 0);
		ladder = &q->probe->ladder;
		scalar = *ladder;
		scalar.kernels = &vexfs_kernels_scalar;
		list = lists->list + i;
		for (at = 0; at < list->n; at += VEXFS_CODE_BLOCK) {
			n = list->n - at < VEXFS_CODE_BLOCK ? list->n - at : VEXFS_CODE_BLOCK;
			e = vexfs_list_extent(list, VEXFS_BLOCKS, at / VEXFS_CODE_BLOCK);
			block = vexfs_list_block(list, ladder->padded, e, at / VEXFS_CODE_BLOCK);
			mask = vexfs_ladder_block(ladder, block, n, VEXFS_SIGMA, gate);
			other = vexfs_ladder_block(&scalar, block, n, VEXFS_SIGMA, gate);
			*differ += __builtin_popcount(mask ^ other);
			for (row = 0; row < n; row++) {
				const struct vexfs_rung2 *two =
					vexfs_list_rung2(lists, list, at + row);

				d = distance(metric, row_of(two->slot));
				vexfs_ladder_refine(ladder, &two, &ladder->plus, &ladder->reach, 1, VEXFS_SIGMA, &lower, &upper);
				vexfs_ladder_refine(&scalar, &two, &scalar.plus, &scalar.reach, 1, VEXFS_SIGMA, &l, &u);
				assert_true(l == lower && u == upper && lower <= upper);
				++*rows_seen;
				*outside += key(d) < lower || key(d) > upper;
				if (d < limit) {
					++*near_enough;
					*dropped += !(mask >> row & 1);
				}
			}
		}
	}
	vexfs_query_free(q);
}

/* Records that are close together, far from others. */
static void gather(float how_far)
{
	__u32 i, k;

	for (i = 0; i < n_rows; i++)
		for (k = 0; k < dims; k++)
			if (i >= 20)
				row_of(i)[k] = row_of(i % 20)[k] + how_far * unit();
}

static void test_close(void **state)
{
	static const float far[] = { 0.1f, 0.01f, 0.001f };
	__u32 m, i, j, k, seen, outside, near_enough, dropped, differ;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (i = 0; i < 3; i++) {
			fill(4000, DIMS, 0);
			gather(far[i]);
			link_only(m, n_rows);
			seen = outside = near_enough = dropped = differ = 0;
			for (j = 0; j < 6; j++) {
				for (k = 0; k < dims; k++)
					query[k] = row_of(j)[k] + far[i] * unit();
				bounds(m, &seen, &outside, &near_enough, &dropped, &differ);
			}
			print_message("metric %u, %g apart: %u of %u outside, %u of %u dropped\n",
				      m, far[i], outside, seen, dropped, near_enough);
			assert_true(outside <= seen / 100);
			assert_true(dropped <= near_enough / 100);
			forget();
		}
}

static void test_bounds(void **state)
{
	__u32 m, kind, i, d, seen, outside, near_enough, dropped, differ;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (kind = 0; kind < 3; kind++) {
			d = kind == 1 ? 3 + chance(60) : DIMS - chance(8);
			fill(d > DIMS ? 2000 : 4000, d > DIMS ? DIMS : d, kind);
			link_only(m, n_rows);
			seen = outside = near_enough = dropped = differ = 0;
			for (i = 0; i < 6; i++) {
				new_query();
				if (i == 4 && !kind)
					memcpy(query, row_of(chance(n_rows)),
					       dims * 4);
				bounds(m, &seen, &outside, &near_enough, &dropped, &differ);
			}
			print_message("metric %u kind %u dims %u: %u of %u outside, %u of %u "
				      "dropped, %u differ\n", m, kind, dims, outside, seen, dropped,
				      near_enough, differ);
			assert_int_equal(seen, 6 * n_rows);
			/* a row that many are equal to may be one of those that bounds fail */
			assert_true(outside <= seen / (kind ? 10 : 100));
			assert_true(dropped <= near_enough / (kind ? 10 : 100));
			/* equal rows are all at the gate, or none is */
			assert_true(kind || differ <= 3);
			forget();
		}
}

/* --- queries --- */

static void test_all(void **state)
{
	__u32 m, i, r;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, 24, 0);
		kill_some(300);			/* before they could be linked */
		link_some(m, MAX_N - 500);	/* and there is a tail */
		check_all(m, NULL);
		kill_some(300);
		check_all(m, NULL);
		r = found(m, NULL, 40);
		print_message("metric %u: recall %u\n", m, r);
		assert_true(r >= 960000);
		link_to(MAX_N);
		check_all(m, NULL);
		recall = 1000000;
		for (i = 0; i < 5; i++) {
			__u32 truncated;
			int n;

			new_query();
			n = ask(m, 10, &truncated, 0);
			assert_true(recalled(m, 10, NULL, NULL, hits, n) >= 9);
		}
		recall = 0;
		forget();
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
			link_to(2999);
		for (i = 0; i < 2999; i += 7)
			vexfs_columns_supersede(columns, i, 3000);
		link_to(2999);
		effort = ALL;
		n = ask(VEXFS_METRIC_L2, 3000, &truncated, 1);
		check(VEXFS_METRIC_L2, 3000, NULL, NULL, hits, n);
		/* now it is */
		vexfs_columns_publish(columns, 3000);
		for (i = 0; i < 2999; i += 7)
			dead[i] = true;
		n_rows = 3000;
		n = ask(VEXFS_METRIC_L2, 3000, &truncated, 1);
		check(VEXFS_METRIC_L2, 3000, NULL, NULL, hits, n);
		effort = 0;
		forget();
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
				row_of(i)[k] *= i % 20 ? 0x1p40f : 0;
		link_some(m, 3500);
		assert_true(lists->strays);
		check_all(m, NULL);
		link_to(4000);
		check_all(m, NULL);
		assert_true(found(m, NULL, 20) >= 960000);
		kill_some(500);
		check_all(m, NULL);
		forget();
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
	check_all(VEXFS_METRIC_L2, NULL);
	forget();
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
		link_some(m, 2800);
		for (i = 0; i < 8; i++) {
			if (m == VEXFS_METRIC_COSINE && !sizes[i / 2])
				continue;
			new_query();
			for (k = 0; k < dims; k++)
				query[k] *= sizes[i / 2];
			effort = i & 1 ? 3 : 0;
			n = ask(m, 10, &truncated, 2);
			effort = 0;
			assert_int_equal(truncated, 0);
			if (sizes[i / 2] > 1)
				check(m, 10, NULL, NULL, hits, n);
			else			/* the origin, to most */
				recalled(m, 10, NULL, NULL, hits, n);
		}
		forget();
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
	link_some(VEXFS_METRIC_L2, MAX_N - 200);
	kill_some(MAX_N / 10);
	for (b = 0; b < 8; b++) {
		below = belows[b];
		p = predicate(&mem);
		match = &mem;
		check_all(VEXFS_METRIC_L2, keep_below);
		/* more than match */
		n = ask(VEXFS_METRIC_L2, MAX_N, &truncated, 8);
		assert_int_equal(truncated, 0);
		check(VEXFS_METRIC_L2, MAX_N, keep_below, NULL, hits, n);
		r = found(VEXFS_METRIC_L2, keep_below, 20);
		if (r < 960000)
			fail_msg("below %lld: recall %u", below, r);
		vexfs_predicate_free(p);
		match = NULL;
	}
	forget();
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
	link_some(VEXFS_METRIC_L2, 4800);
	bound = true;
	for (k = 0; k < 4; k++) {
		hidden = k & 1;
		for (i = 0; i < FILES; i++)
			readable[i] = chance(3);
		check_all(VEXFS_METRIC_L2, keep_readable);
		assert_true(found(VEXFS_METRIC_L2, keep_readable, 10) >= 950000);
	}
	bound = hidden = false;
	forget();

	/* not more than two of a file, most of which have two files */
	per_file = 2;
	fill(3000, 16, 0);
	for (i = 0; i < n_rows; i++)
		if (file_of(i) < FILES)
			assert_int_equal(vexfs_columns_bind(columns, i, &files[file_of(i)]), 0);
	link_some(VEXFS_METRIC_L2, 2900);
	for (k = 0; k < 10; k++) {
		new_query();
		effort = k & 1 ? ALL : 1;
		q = begin(VEXFS_METRIC_L2, 20, 0, ~0ULL);
		n = run(q, vexfs_ivf, hits, &truncated, &restarts);
		assert_int_equal(n, 20);
		memset(of, 0, sizeof(of));
		for (j = 0; j < n; j++)
			of[file_of(hits[j].slot)]++;
		for (i = 0; i < FILES; i++)
			assert_true(of[i] <= per_file);
		vexfs_query_free(q);
	}
	effort = per_file = 0;
	forget();
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
	link_some(VEXFS_METRIC_L2, 5000);
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
			n = run(q, vexfs_builtin, hits, &truncated, &restarts);
			check(VEXFS_METRIC_L2, 10, keep_readable, NULL, hits, n);
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
	forget();
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
	link_some(VEXFS_METRIC_L2, 3900);
	for (i = 1; i < 4000; i += 1 + i / 2) {		/* visits, of rows that are in lists or not */
		effort = ALL;
		q = begin(VEXFS_METRIC_L2, 4000, i, ~0ULL);
		n = run(q, vexfs_ivf, hits, &truncated, &restarts);
		assert_int_equal(truncated, VEXFS_TRUNC_VISITS);
		assert_int_equal(vexfs_query_search(q)->visited, i);
		assert_int_equal(n, i);
		vexfs_query_free(q);
	}
	q = begin(VEXFS_METRIC_L2, 10, 0, 1);
	assert_int_equal(run(q, vexfs_ivf, hits, &truncated, &restarts), 0);
	assert_int_equal(truncated, VEXFS_TRUNC_DEADLINE);
	vexfs_query_free(q);

	/* a radius */
	for (i = 0; i < 10; i++) {
		new_query();
		r = distance(VEXFS_METRIC_L2, row_of(chance(n_rows)));
		radius = &r;
		n = ask(VEXFS_METRIC_L2, 4000, &truncated, 1);
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
	n = run(q, vexfs_ivf, hits, &truncated, &restarts);
	check(VEXFS_METRIC_L2, 2000, NULL, NULL, hits, n);
	vexfs_query_free(q);
	as_of = NULL;
	n_rows = was;
	forget();
}

/* Rows of which there are few different ones, and so few that there is one list. */
static void test_equal(void **state)
{
	__u32 kind, m;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
		for (kind = 1; kind < 3; kind++) {
			fill(3000, 6, kind);
			link_only(m, 3000);
			check_all(m, NULL);
			forget();
			fill(20, 6, kind);
			link_only(m, 20);
			assert_int_equal(vexfs_lists_count(lists), 1);
			check_all(m, NULL);
			forget();
		}
}

#define EQUAL 25000u

/* A place where very many records are. */
static void test_crowd(void **state)
{
	float *same = calloc(EQUAL * 2, sizeof(*same));
	struct vexfs_query_params p = { .row = same, .dims = 2, .metric = VEXFS_METRIC_L2, .k = 10,
					.attrs = 0, .deadline_us = ~0ULL, .effort = ALL };
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
		assert_int_equal(run(q, vexfs_ivf, hits, &truncated, &restarts), 10);
		assert_int_equal(hits[0].distance, 0);
		vexfs_query_free(q);
	}
	forget();
	free(same);
}

/* --- a strategy that chooses the lists itself --- */

static __u32 probed_first;		/* so many steps by vexfs_q_probe() before */
static __u32 pairs, pairs_off;		/* of lists; the first one's centre is farther */

static int chooses(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	const struct vexfs_probed *next;
	__u64 *far = calloc(s->lists, sizeof(*far));
	__u8 *met = calloc(s->lists, 1);
	__u32 i, n_far = 0, seen = 0;
	int n = 0;

	for (i = 0; i < probed_first && n >= 0; i++) {
		n = vexfs_q_probe(q, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
	}
	/* those that were looked into: only the last of them has rows that were not */
	for (i = 0; probed_first && i < s->lists; i++) {
		met[i] = q->probe->done[i] || i == q->probe->at;
		seen += met[i];
		if (i == q->probe->at)
			while ((n = vexfs_q_list(q, i, 0)) >= 0 &&
			       q->probe->done[i] < lists->list[i].n)
				if (n)
					assert_true(vexfs_q_defer(q) >= 0);
		if (n > 0)
			assert_true(vexfs_q_defer(q) >= 0);
	}
	do {
		next = vexfs_q_probes(q);
		assert_non_null(next);
		for (i = 0; i < VEXFS_BATCH && next[i].list != ~0u; i++) {
			assert_true(next[i].list < s->lists && !met[next[i].list]);
			assert_int_equal(next[i].rows, lists->list[next[i].list].n);
			met[next[i].list] = 1;
			seen++;
			far[n_far++] = next[i].key;
			while (q->probe->done[next[i].list] < next[i].rows) {
				n = vexfs_q_list(q, next[i].list, 0);
				assert_true(n >= 0);
				if (n)
					assert_true(vexfs_q_defer(q) >= 0);
			}
		}
	} while (i == VEXFS_BATCH);
	assert_true(vexfs_q_probes(q)[0].list == ~0u);
	assert_int_equal(seen, s->lists);	/* each once */
	for (i = 0; i < n_far / 2; i++)
		pairs_off += far[i] > far[i + n_far / 2];
	pairs += n_far / 2;
	free(far);
	free(met);
	while ((n = vexfs_q_probe(q, 0)) >= 0)	/* strays */
		if (n)
			assert_true(vexfs_q_defer(q) >= 0);
	assert_int_equal(n, -ENOENT);
	for (s->state[0] = s->linked; s->state[0] < s->count; s->state[0] += 64)
		if (vexfs_q_estimate(q, s->state[0], 64, 0) > 0)
			assert_true(vexfs_q_defer(q) >= 0);
	while ((n = vexfs_q_take(q)) > 0) {
		n = vexfs_q_score(q);
		if (n > 0)
			n = vexfs_q_offer(q);
		if (n < 0)
			break;
	}
	return n;
}

/* Lists that have any. */
static __u32 with_rows(void)
{
	__u32 i, n = 0;

	for (i = 0; i < lists->lists; i++)
		n += lists->list[i].n > 0;
	return n;
}

static void test_chosen(void **state)
{
	__u32 m, i, truncated, restarts, good = 0, wanted = 0;
	struct vexfs_query *q;
	struct vexfs_plan plan;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(MAX_N, 16, 0);
		link_some(m, MAX_N - 300);
		kill_some(200);
		for (i = 0; i < 8; i++) {
			new_query();
			probed_first = i % 4;
			q = begin(m, 10, 0, ~0ULL);
			n = run(q, chooses, hits, &truncated, &restarts);
			assert_int_equal(restarts, 0);
			vexfs_query_plan(q, &plan);	/* each was looked into, and counts once */
			assert_in_range(plan.probed, with_rows(), lists->lists);
			good += recalled(m, 10, NULL, NULL, hits, n);
			wanted += n;
			vexfs_query_restart(q);
			assert_null(vexfs_q_probes(q));		/* no program runs */
			vexfs_query_phase(q, VEXFS_PHASE_FILTER);
			assert_null(vexfs_q_probes(q));
			vexfs_query_free(q);
		}
		q = begin(m, 10, 0, 1);				/* long ago */
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		assert_null(vexfs_q_probes(q));
		vexfs_query_free(q);
		vexfs_lists_free(lists);
		lists = NULL;
		q = begin(m, 10, 0, ~0ULL);			/* there are none */
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		assert_null(vexfs_q_probes(q));
		vexfs_query_free(q);
		forget();
	}
	print_message("recall %.4f, %u of %u lists later than farther ones\n",
		      (double)good / wanted, pairs_off, pairs);
	assert_true(good >= 0.98 * wanted);
	assert_true(pairs_off <= pairs / 8);	/* the order is not quite that of distances */
}

/* --- a strategy that does anything in any order --- */

static bool looked[MAX_N], before[MAX_N], taken[MAX_N];
static __u32 rounds_left;

/* Rows [from, to) of a list were looked at. */
static void look_list(const struct vexfs_query *q, __u32 list, __u32 from, __u32 to)
{
	for (; from < to; from++)
		looked[vexfs_list_slot(q->lists, q->lists->list + list, from)] = true;
}

static __u32 count(const bool *set)
{
	__u32 i, n = 0;

	for (i = 0; i < n_rows; i++)
		n += set[i];
	return n;
}

/* What is in the batch is new, or was left in one; and what becomes of it. */
static void any_end(struct vexfs_query *q)
{
	const struct vexfs_cand *c = vexfs_q_candidates(q);
	__u32 i, n = q->s.batch;
	__u64 slot[VEXFS_BATCH];
	int err;

	for (i = 0; i < n; i++) {
		slot[i] = c[i].slot;
		if (taken[slot[i]])
			fail_msg("slot %llu again", slot[i]);
		assert_true(looked[slot[i]] && !dead[slot[i]]);
	}
	if (!chance(4)) {			/* it is left: as if nobody had looked */
		for (i = 0; i < n; i++)
			looked[slot[i]] = before[slot[i]];
		return;
	}
	err = chance(2) ? vexfs_q_defer(q) : vexfs_q_score(q);
	if (err >= 0)
		err = vexfs_q_offer(q);
	assert_true(err >= 0);
	for (i = 0; i < n; i++)
		taken[slot[i]] = true;
}

static int any(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 at, from, n, i, done[100], strays, way;
	__u64 slots[VEXFS_BATCH];
	int err;

	while (rounds_left) {
		for (i = 0; i < vexfs_lists_count(lists); i++)
			done[i] = q->probing ? q->probe->done[i] : 0;
		strays = q->probing ? q->probe->strays : 0;
		from = chance(3) ? chance(n_rows) : 0;
		n = chance(VEXFS_BATCH + 1);
		at = chance(vexfs_lists_count(lists));
		for (i = 0; i < n; i++)
			slots[i] = chance(n_rows);
		way = chance(7);
		err = way == 0 ? vexfs_q_range(q, from, n) :
		      way == 1 ? vexfs_q_estimate(q, from, n, 0) :
		      way == 2 ? vexfs_q_slots(q, slots, n) :
		      way < 5 ? vexfs_q_list(q, at, 0) : vexfs_q_probe(q, 0);
		if (err == -EAGAIN)
			return VEXFS_MORE;
		rounds_left--;
		if (err == -ENOENT && way >= 5)
			continue;
		assert_true(err >= 0);
		memcpy(before, looked, sizeof(before));
		for (i = 0; i < n && way < 3; i++)
			if (way == 2 || from + i < n_rows)
				looked[way == 2 ? slots[i] : from + i] = true;
		for (i = 0; q->probing && i < vexfs_lists_count(lists); i++)
			look_list(q, i, done[i], q->probe->done[i]);
		for (i = strays; q->probing && i < q->probe->strays; i++)
			looked[q->lists->stray[i]] = true;
		any_end(q);
	}
	return 0;
}

/* Deferred ones, at last. */
static int take_rest(struct vexfs_query *q)
{
	int n;

	while ((n = vexfs_q_take(q)) > 0)
		if ((n = vexfs_q_score(q)) < 0 || (n = vexfs_q_offer(q)) < 0)
			break;
	return n;
}

static void test_any(void **state)
{
	__u32 t, i, truncated;
	struct vexfs_query *q;
	int err, n;

	(void)state;
	for (t = 0; t < 100; t++) {
		fill(1500, 8, t % 3 == 1);
		for (i = 0; i < 40 * 8; i++)			/* strays */
			row_of(100)[i] *= 0x1p40f;
		kill_some(chance(100));
		link_only(VEXFS_METRIC_L2, 1000 + chance(501));
		if (!chance(10))
			assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
		kill_some(chance(100));
		plane.absent = chance(4);
		memset(looked, 0, sizeof(looked));
		memset(taken, 0, sizeof(taken));
		effort = chance(2) ? ALL : 0;
		rounds_left = chance(200);
		q = begin(VEXFS_METRIC_L2, n_rows, 0, ~0ULL);
		do {
			vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
			err = any(&q->s) ?: take_rest(q);
			vexfs_query_phase(q, VEXFS_PHASE_NONE);
			while ((n = vexfs_query_read(q)) > 0)
				assert_int_equal(vexfs_query_score_read(q), 0);
			assert_int_equal(n, 0);
			if (err == -EAGAIN)
				err = VEXFS_MORE;
		} while (err == VEXFS_MORE);
		assert_int_equal(err, 0);
		if (q->marking && vexfs_query_looked(q) != count(looked))
			fail_msg("try %u: looked at %llu, not %u", t, vexfs_query_looked(q),
				 count(looked));
		/* that it left things out is known, and no reason to look again */
		vexfs_query_cut(q, VEXFS_TRUNC_VISITS);
		n = vexfs_query_finish(q, hits, &truncated);
		assert_true(n >= 0);
		for (i = 0; i < (__u32)n; i++) {
			if (!taken[hits[i].slot])
				fail_msg("slot %llu was not taken, or twice", hits[i].slot);
			taken[hits[i].slot] = false;
		}
		if (count(taken))
			fail_msg("try %u: %u were lost", t, count(taken));
		vexfs_query_free(q);
		plane.absent = 0;
		effort = 0;
		forget();
	}
}

/* Lists in any order, of one that has not been told which are near. */
static int each_list(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u64 *at = s->state;
	int n;

	while (at[0] < s->lists) {
		__u32 done = q->probing ? q->probe->done[at[0]] : 0;

		n = vexfs_q_list(q, at[0], 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
		at[0] += q->probe->done[at[0]] == done;
	}
	n = take_rest(q);
	return n == -EAGAIN ? VEXFS_MORE : n;
}

static void test_each_list(void **state)
{
	__u32 i, m, truncated, restarts, good = 0, wanted = 0;
	struct vexfs_query *q;
	int n;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		fill(5000, 24, 0);
		link_some(m, 5000);
		new_query();
		q = begin(m, 10, 0, ~0ULL);
		for (i = 0; i < 30; i++) {
			n = run(q, each_list, hits, &truncated, &restarts);
			good += recalled(m, 10, NULL, NULL, hits, n);
			wanted += n;
			assert_true(vexfs_query_search(q)->scored < 4000);
			new_query();
			vexfs_query_reset(q, query);
		}
		vexfs_query_free(q);
		forget();
	}
	print_message("recall %.4f\n", (double)good / wanted);
	assert_true(good >= wanted * 0.985);
}

/* A program that looks into lists as bpf/ivf does, and one that began elsewhere. */
static int begins_elsewhere(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n;

	if (!s->state[3]) {
		n = vexfs_q_range(q, 0, VEXFS_BATCH);
		if (n > 0)
			n = vexfs_q_score(q);
		if (n > 0)
			n = vexfs_q_offer(q);
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
		s->state[3] = 1;
	}
	return vexfs_ivf(s);
}

static void test_begins_elsewhere(void **state)
{
	__u32 truncated, restarts;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(2000, 12, 0);
	link_some(VEXFS_METRIC_L2, 1900);
	effort = ALL;
	q = begin(VEXFS_METRIC_L2, 2000, 0, ~0ULL);
	n = run(q, begins_elsewhere, hits, &truncated, &restarts);
	check(VEXFS_METRIC_L2, 2000, NULL, NULL, hits, n);
	vexfs_query_free(q);
	effort = 0;
	forget();
}

/* One that asks for lists after they were given up goes through all slots. */
static int as_program(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n;

	while (!s->state[1]) {
		n = vexfs_q_probe(q, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -EAGAIN)
			return VEXFS_MORE;
		if (n == -ENOENT) {
			s->state[0] = s->linked;
			s->state[1] = 1;
		} else if (n < 0) {
			return n;
		}
	}
	for (; s->state[0] < s->count; s->state[0] += VEXFS_BATCH) {
		n = vexfs_q_estimate(q, s->state[0], VEXFS_BATCH, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	n = take_rest(q);
	return n == -EAGAIN ? VEXFS_MORE : n;
}

static void test_program(void **state)
{
	__u32 truncated, restarts, i;
	struct vexfs_query *q;
	int n;

	(void)state;
	fill(3000, 12, 0);
	link_some(VEXFS_METRIC_L2, 2900);
	effort = 1;			/* more are wanted than a list has */
	q = begin(VEXFS_METRIC_L2, 3000, 0, ~0ULL);
	n = run(q, as_program, hits, &truncated, &restarts);
	assert_int_equal(restarts, 1);
	assert_int_equal(truncated, 0);
	check(VEXFS_METRIC_L2, 3000, NULL, NULL, hits, n);
	vexfs_query_free(q);
	for (i = 0; i < dims; i++)
		query[i] *= 0x1p40f;
	q = begin(VEXFS_METRIC_L2, 10, 0, ~0ULL);
	n = run(q, as_program, hits, &truncated, &restarts);
	assert_int_equal(truncated, 0);
	check(VEXFS_METRIC_L2, 10, NULL, NULL, hits, n);
	vexfs_query_free(q);
	effort = 0;
	forget();
}

/* --- what is measured --- */

static void test_tune(void **state)
{
	__u64 near[VEXFS_GRADES], far[VEXFS_GRADES];
	__u32 i, k;

	(void)state;
	fill(MAX_N, 24, 0);
	link_some(VEXFS_METRIC_L2, MAX_N);
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
	assert_true(found(VEXFS_METRIC_L2, NULL, 20) >= 960000);
	forget();
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
		check_all(VEXFS_METRIC_L2, NULL);
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
		n = q ? run(q, vexfs_ivf, hits, &truncated, &restarts) : -ENOMEM;
		vx_ealloc_left = -1;
		assert_true(n == 10 || n == -ENOMEM);
		if (q && n < 0) {			/* and now there is */
			vexfs_query_restart(q);
			assert_int_equal(run(q, vexfs_ivf, hits, &truncated, &restarts), 10);
		}
		vexfs_query_free(q);
	}
	forget();
}

static void test_stopped(void **state)
{
	int err = -EINTR;

	(void)state;
	fill(3000, 12, 0);
	encode(VEXFS_METRIC_L2, n_rows);
	for (stop_at = 1; !lists; stop_at += 3) {
		stops = 0;
		lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, stop, &stops);
		assert_int_equal(err, lists ? 0 : -EINTR);
	}
	assert_true(stop_at > 30);
	for (stop_at = 1, err = -EINTR; err; stop_at++) {
		stops = stop_at - 2;			/* each time a batch */
		err = vexfs_lists_extend(lists, columns, &plane, n_rows, ~0ULL, stop, &stops);
		assert_true(!err || err == -EINTR);
		check_all(VEXFS_METRIC_L2, NULL);
	}
	assert_true(stop_at > 10);
	assert_int_equal(vexfs_lists_linked(lists), n_rows);
	for (stop_at = 1, err = -EINTR; err; stop_at += 20) {
		stops = 0;
		err = vexfs_lists_tune(lists, columns, &plane, stop, &stops);
		assert_true(!err || err == -EINTR);
		assert_int_equal(lists->tuned, !err);
	}
	/* no time: a batch each */
	vexfs_lists_free(lists);
	lists = vexfs_lists_new(codes, columns, &plane, n_rows, &err, NULL, NULL);
	for (stop_at = 0; vexfs_lists_linked(lists) < n_rows; stop_at++)
		assert_int_equal(vexfs_lists_extend(lists, columns, &plane, n_rows, 1, NULL, NULL),
				 0);
	assert_int_equal(stop_at, (n_rows + VEXFS_BATCH - 1) / VEXFS_BATCH);
	check_all(VEXFS_METRIC_L2, NULL);
	forget();
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
		link_to(n_rows);
		assert_int_equal(vexfs_columns_damaged(columns), 1);
		assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
		assert_true(lists->tuned);
		/* all others are found */
		dead[broken[i]] = true;
		effort = ALL;
		err = ask(VEXFS_METRIC_L2, n_rows, &truncated, 1);
		check(VEXFS_METRIC_L2, n_rows, NULL, NULL, hits, err);
		effort = 0;
		forget();
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
	link_to(n_rows);
	check_all(VEXFS_METRIC_L2, NULL);
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
	forget();
}

static int seed(void **state)
{
	(void)state;
	chance_seed(1);
	return 0;
}

/* A test that failed leaves things behind. */
static int clean(void **state)
{
	(void)state;
	match = NULL;
	radius = NULL;
	as_of = NULL;
	bound = hidden = false;
	use_kernels(BEST);
	per_file = recall = effort = 0;
	vx_ealloc_left = -1;
	forget();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sums, clean),
		cmocka_unit_test_setup(test_nibbles, clean),
		cmocka_unit_test_setup(test_dots, clean),
		cmocka_unit_test_setup(test_bounds, clean),
		cmocka_unit_test_setup(test_close, clean),
		cmocka_unit_test_setup(test_all, clean),
		cmocka_unit_test_setup(test_superseded, clean),
		cmocka_unit_test_setup(test_strays, clean),
		cmocka_unit_test_setup(test_query_out_of_range, clean),
		cmocka_unit_test_setup(test_predicates, clean),
		cmocka_unit_test_setup(test_files, clean),
		cmocka_unit_test_setup(test_hidden, clean),
		cmocka_unit_test_setup(test_limits, clean),
		cmocka_unit_test_setup(test_equal, clean),
		cmocka_unit_test_setup(test_crowd, clean),
		cmocka_unit_test_setup(test_chosen, clean),
		cmocka_unit_test_setup(test_any, clean),
		cmocka_unit_test_setup(test_each_list, clean),
		cmocka_unit_test_setup(test_begins_elsewhere, clean),
		cmocka_unit_test_setup(test_program, clean),
		cmocka_unit_test_setup(test_tune, clean),
		cmocka_unit_test_setup(test_memory, clean),
		cmocka_unit_test_setup(test_stopped, clean),
		cmocka_unit_test_setup(test_broken, clean),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
