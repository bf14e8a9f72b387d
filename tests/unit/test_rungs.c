// SPDX-License-Identifier: GPL-2.0
/*
 * The rungs of the ladder by which rows of lists are measured: kernels agree, and bounds hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "listed.h"

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
				x[i] = t < 2 ? 3 : t < 4 ? (i & 1 ? -1e9f : 1e9f) : listed_unit();
				c[i] = t < 4 ? (t & 1 ? -x[i] : x[i]) : listed_unit();
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

/* --- bounds --- */

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
	double d, limit = distance(metric, listed_row(chance(n_rows)));
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

				d = distance(metric, listed_row(two->slot));
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
				listed_row(i)[k] = listed_row(i % 20)[k] + how_far * listed_unit();
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
			listed_only(m, n_rows);
			seen = outside = near_enough = dropped = differ = 0;
			for (j = 0; j < 6; j++) {
				for (k = 0; k < dims; k++)
					query[k] = listed_row(j)[k] + far[i] * listed_unit();
				bounds(m, &seen, &outside, &near_enough, &dropped, &differ);
			}
			print_message("metric %u, %g apart: %u of %u outside, %u of %u dropped\n",
				      m, far[i], outside, seen, dropped, near_enough);
			assert_true(outside <= seen / 100);
			assert_true(dropped <= near_enough / 100);
			listed_forget();
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
			listed_only(m, n_rows);
			seen = outside = near_enough = dropped = differ = 0;
			for (i = 0; i < 6; i++) {
				new_query();
				if (i == 4 && !kind)
					memcpy(query, listed_row(chance(n_rows)),
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
			listed_forget();
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sums, listed_clean),
		cmocka_unit_test_setup(test_nibbles, listed_clean),
		cmocka_unit_test_setup(test_dots, listed_clean),
		cmocka_unit_test_setup(test_bounds, listed_clean),
		cmocka_unit_test_setup(test_close, listed_clean),
	};

	return cmocka_run_group_tests(tests, listed_seed, NULL);
}
