// SPDX-License-Identifier: GPL-2.0
/*
 * Codes: the three ways to a sum agree, bounds hold as often as they should, over Gaussian rows and
 * words, and what is out of range is left unknown.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "box.h"
#include "engine/internal.h"

#define WORDS 2000
#define WORD_DIMS 100

static struct vx_rows plane;
static struct vexfs_codes *codes;

static float gauss(void)
{
	double u = (chance(1u << 30) + 1.0) / (1u << 30), v = chance(1u << 30) / (double)(1u << 30);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static __u32 key(double d)
{
	float f = d;
	__u32 b;

	memcpy(&b, &f, 4);
	return b >> 31 ? ~b : b | 1u << 31;
}

static double unkey(__u32 k)
{
	__u32 b = k >> 31 ? k & ~(1u << 31) : ~k;
	float f;

	memcpy(&f, &b, 4);
	return f;
}

static double distance(__u32 metric, const float *a, const float *b, __u32 dims)
{
	double l2 = 0, dot = 0, aa = 0, bb = 0;
	__u32 i;

	for (i = 0; i < dims; i++) {
		l2 += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
		dot += (double)a[i] * b[i];
		aa += (double)a[i] * a[i];
		bb += (double)b[i] * b[i];
	}
	return metric == VEXFS_METRIC_L2  ? l2 :
	       metric == VEXFS_METRIC_DOT ? -dot :
					    1 - dot / sqrt(aa) / sqrt(bb);
}

/* Codes of n rows, half of them put, half of them by extend. */
static void build(const float *rows, __u32 n, __u32 dims, __u32 metric)
{
	struct vx_seg seg[VX_ROW_SEGS];
	__u32 i;

	plane = (struct vx_rows){ .data = rows, .n = n, .row_bytes = dims * 4, .absent = 3 };
	plane.cut = chance(2) ? 4 * (1 + chance(dims)) : 0;
	codes = vexfs_codes_new(metric, dims, 42);
	assert_non_null(codes);
	assert_int_equal(vexfs_codes_reserve(codes, n), 0);
	assert_int_equal(vexfs_codes_centre(codes, &plane, NULL, n), 0);
	for (i = 0; i < n / 2; i++)
		vexfs_codes_put(codes, i, seg, vx_rows_wait(&plane, i, seg));
	assert_int_equal(vexfs_codes_count(codes), 0);
	vexfs_codes_publish(codes, n / 2);
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, n, ~0ULL), 0);
	assert_int_equal(vexfs_codes_count(codes), n);
	assert_int_equal(vexfs_codes_bytes(codes), vexfs_codes_cost(dims, n));
}

static struct vexfs_estimator *estimator(const float *query)
{
	struct vexfs_room room = { 0 };
	struct vexfs_estimator *e = vexfs_estimator_in(&room, codes);

	assert_non_null(e);
	vexfs_estimator_prepare(codes, e, query);
	return e;
}

/* FastScan of all kernels, and the row-major code, of some blocks. */
static void compare_sums(const struct vexfs_estimator *e, __u32 n, __u32 dims)
{
	const struct vexfs_kernels *here[VEXFS_KERNELS];
	__u16 a[VEXFS_CODE_BLOCK], b[VEXFS_CODE_BLOCK];
	__u32 i, k, j, slot;

	for (k = 0; k < 8; k++) {
		slot = chance(n) / VEXFS_CODE_BLOCK * VEXFS_CODE_BLOCK;
		vexfs_sums_scalar(vexfs_codes_block(codes, slot), e->table, e->padded, a);
		for (j = vexfs_kernels_here(here); j--;) {
			here[j]->sums60(vexfs_codes_block(codes, slot), e->table, e->padded, b);
			assert_memory_equal(a, b, sizeof(a));
		}
		for (i = 0; i < VEXFS_CODE_BLOCK && slot + i < n; i++)
			if (vexfs_codes_row_sum(codes, e, slot + i) != a[i])
				fail_msg("dims %u slot %u: %u in its block, %u in its row", dims,
					 slot + i, a[i], vexfs_codes_row_sum(codes, e, slot + i));
	}
}

/* Bounds of all slots; counts distances outside.  Compares the ways to the bounds. */
static __u32 outside(__u32 metric, const float *rows, const float *query, __u32 n, __u32 dims,
		     double *width)
{
	struct vexfs_estimator *e = estimator(query);
	__u32 lower[96], upper[96], l, u, from, i, len, shift, refused, gate, bad = 0;
	__u64 mask, in;
	double d;

	assert_true(e->usable);
	compare_sums(e, n, dims);
	for (from = 0; from < n; from += len) {
		len = 1 + chance(VEXFS_BATCH);
		len = from + len > n ? n - from : len;
		gate = chance(2) ? ~0u :
				   key(distance(metric, rows + (size_t)from * dims, query, dims));
		refused = ~0u;
		mask = chance(2) ? ~0ULL : (__u64)chance(~0u) << 32 | chance(~0u);
		in = vexfs_codes_range(codes, e, from, len, mask, VEXFS_SIGMA, gate, lower, upper,
				       &shift, &refused);
		assert_true(refused > gate || refused == ~0u);
		for (i = 0; i < len; i++) {
			d = distance(metric, rows + (size_t)(from + i) * dims, query, dims);
			l = lower[i + shift];
			u = upper[i + shift];
			assert_true(l < u);
			assert_true(isfinite(unkey(l)) && isfinite(unkey(u)));
			bad += key(d) < l || key(d) > u;
			*width += (unkey(u) - unkey(l)) / 2;
			assert_int_equal(in >> i & 1, l <= gate && mask >> i & 1);
			assert_true(l <= gate || refused <= l);
			vexfs_codes_slot(codes, e, from + i, VEXFS_SIGMA, &l, &u);
			assert_true(fabs(unkey(l) - unkey(lower[i + shift])) <=
				    1e-4 * (fabs(unkey(l)) + fabs(unkey(u))));
			assert_true(fabs(unkey(u) - unkey(upper[i + shift])) <=
				    1e-4 * (fabs(unkey(l)) + fabs(unkey(u))));
		}
	}
	vx_efree(e);
	return bad;
}

static void test_gaussian(void **state)
{
	static const __u32 sizes[] = { 1,   2,	 3,    31,   64,   65,	 100, 128,
				       300, 768, 1000, 1536, 2049, 4095, 4096 };
	__u32 s, m, i, n, dims, bad, total, k;
	float *rows, *query;
	double width;

	(void)state;
	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
			dims = sizes[s];
			n = dims > 1000 ? 700 : 1500;
			rows = malloc((size_t)n * dims * 4);
			query = malloc(dims * 4);
			for (i = 0; i < n * dims; i++)
				rows[i] = gauss() + (i % dims % 3 ? 0.5f : 2);
			build(rows, n, dims, m);
			for (k = bad = total = 0, width = 0; k < 6; k++) {
				for (i = 0; i < dims; i++)
					query[i] = gauss() + (i % 3 ? 0.5f : 2);
				if (k == 4)
					memcpy(query, rows, dims * 4);
				if (k == 5)
					for (i = 0; i < dims; i++)
						query[i] = rows[i] + 0.1f * gauss();
				use_kernels(k & 1 ? 0 : k / 2 % kernels());
				bad += outside(m, rows, query, n, dims, &width);
				total += n;
			}
			use_kernels(BEST);
			if (dims == 100 || dims == 1536)
				print_message("dims %u metric %u: %.4f outside, width %.4f\n", dims,
					      m, (double)bad / total, width / total);
			if (bad > total / 100)
				fail_msg("dims %u metric %u: %u of %u outside", dims, m, bad,
					 total);
			vexfs_codes_free(codes);
			free(rows);
			free(query);
		}
}

static float *words(void)
{
	float *rows = malloc(WORDS * WORD_DIMS * 4);
	FILE *f = fopen("tests/data/glove-2k.fvecs", "rb");
	__u32 i, dims;

	assert_non_null(f);
	for (i = 0; i < WORDS; i++) {
		assert_int_equal(fread(&dims, 4, 1, f), 1);
		assert_int_equal(dims, WORD_DIMS);
		assert_int_equal(fread(rows + (size_t)i * dims, 4, dims, f), dims);
	}
	fclose(f);
	return rows;
}

static void test_words(void **state)
{
	float *rows = words();
	__u32 m, i, bad;
	double width;

	(void)state;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		build(rows, WORDS, WORD_DIMS, m);
		for (i = bad = 0, width = 0; i < 50; i++)
			bad += outside(m, rows, rows + (size_t)chance(WORDS) * WORD_DIMS, WORDS,
				       WORD_DIMS, &width);
		print_message("words, metric %u: %.4f outside, width %.4f\n", m, bad / 50.0 / WORDS,
			      width / 50 / WORDS);
		assert_true(bad <= 50 * WORDS / 100);
		vexfs_codes_free(codes);
	}
	free(rows);
}

/* Rows and queries whose norms are near the ends of f32: unknown, or right; never a NaN. */
static void test_extreme(void **state)
{
	static const int scales[] = { -149, -140, -126, -75, -64, -31, -29,
				      0,    29,	  31,	62,  64,  100, 127 };
	enum { N = 560, DIMS = 16, SCALES = sizeof(scales) / sizeof(scales[0]) };
	static float rows[N][DIMS], query[DIMS];
	__u32 m, i, k, s, unknown, refused, shift, lower[96], upper[96];
	struct vexfs_estimator *e;

	(void)state;
	for (i = 0; i < N; i++)
		for (k = 0; k < DIMS; k++)
			rows[i][k] =
				ldexpf(gauss(), scales[i % SCALES]) * (i % 7 == 3 && k ? 0 : 1);
	for (i = 0; i < N; i++)
		for (k = 0; k < DIMS; k++)
			if (!isfinite(rows[i][k]))
				rows[i][k] = 3e38f;
	for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++) {
		build(&rows[0][0], N, DIMS, m);
		for (s = unknown = 0; s < SCALES; s++) {
			for (k = 0; k < DIMS; k++)
				query[k] = s == 5 ? 0 : rows[s][k];
			e = estimator(query);
			for (i = 0; i < N; i += 64) {
				refused = ~0u;
				k = i + 64 > N ? N - i : 64;
				assert_true(vexfs_codes_range(codes, e, i, k, ~0ULL >> (64 - k),
							      VEXFS_SIGMA, ~0u, lower, upper,
							      &shift,
							      &refused) == ~0ULL >> (64 - k));
				for (k = i; k < i + 64 && k < N; k++) {
					__u32 at = k - i + shift;
					double d = distance(m, rows[k], query, DIMS);

					if (lower[at] == VEXFS_UNKNOWN) {
						assert_int_equal(upper[at], ~0u);
						unknown++;
						continue;
					}
					assert_true(lower[at] <= upper[at]);
					assert_false(isnan(unkey(lower[at])) ||
						     isnan(unkey(upper[at])));
					if (!isnan(d)) /* 16 dims in 64 bits, wide bounds */
						assert_true(unkey(lower[at]) <= d + 1e-5 * fabs(d));
				}
			}
			vx_efree(e);
		}
		assert_true(unknown > N && unknown < N * SCALES);
		vexfs_codes_free(codes);
	}
}

static void test_storage(void **state)
{
	static float rows[3000][2];
	struct vx_seg seg = { rows, 8 };
	__u32 i, lower, upper;
	struct vexfs_estimator *e;
	long fail;

	(void)state;
	assert_null(vexfs_codes_new(VEXFS_METRIC_L2, 0, 1));
	assert_null(vexfs_codes_new(VEXFS_METRIC_L2, VEXFS_MAX_DIMS + 1, 1));
	for (i = 0; i < 3000; i++) {
		rows[i][0] = gauss();
		rows[i][1] = gauss();
	}
	plane = (struct vx_rows){ .data = rows, .n = 3000, .row_bytes = 8 };
	for (fail = 0; fail < 12; fail++) {
		vx_ealloc_left = fail;
		codes = vexfs_codes_new(VEXFS_METRIC_L2, 2, 1);
		if (codes && !vexfs_codes_reserve(codes, 3000) &&
		    !vexfs_codes_centre(codes, &plane, NULL, 3000) &&
		    !vexfs_codes_extend(codes, &plane, NULL, 3000, ~0ULL))
			break;
		if (codes)
			assert_true(vexfs_codes_bytes(codes) <= vexfs_codes_cost(2, 3000));
		vexfs_codes_free(codes);
	}
	vx_ealloc_left = -1;
	assert_true(fail > 6 && fail < 12);
	/* a put that is done again leaves no trace of the first */
	e = estimator(rows[7]);
	vexfs_codes_slot(codes, e, 100, VEXFS_SIGMA, &lower, &upper);
	i = lower;
	seg.p = rows[99];
	vexfs_codes_put(codes, 100, &seg, 1);
	seg.p = rows[100];
	vexfs_codes_put(codes, 100, &seg, 1);
	vexfs_codes_slot(codes, e, 100, VEXFS_SIGMA, &lower, &upper);
	assert_int_equal(i, lower);
	compare_sums(e, 3000, 2);
	vexfs_codes_slot(codes, e, 3000, VEXFS_SIGMA, &lower, &upper);
	assert_int_equal(lower, VEXFS_UNKNOWN);
	vx_efree(e);
	assert_int_equal(vexfs_codes_reserve(codes, VEXFS_MAX_SLOTS + 1), -EFBIG);

	/* a deadline that has passed still gets a batch forward; errors keep what was done */
	vexfs_codes_publish(codes, 0);
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, 3000, 0), 0);
	assert_int_equal(vexfs_codes_count(codes), VEXFS_BATCH);
	plane.broken = 200;
	plane.error = -EIO;
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, 3000, ~0ULL), -EIO);
	assert_int_equal(vexfs_codes_count(codes), 200);
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, 3000, ~0ULL), -EIO);
	plane.error = 0;
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, 3000, ~0ULL), 0);
	assert_int_equal(vexfs_codes_count(codes), 3000);
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, ~0ULL, ~0ULL),
			 -EIO); /* not beyond what is reserved */
	assert_int_equal(vexfs_codes_count(codes), 3000);
	assert_int_equal(vexfs_codes_reserved(codes), 3072);
	vexfs_codes_free(codes);
	vexfs_codes_free(NULL);
}

/* What is carried over is what encoding again would give, in another order and with gaps. */
static void test_carry(void **state)
{
	static float rows[2500][96], kept[2500][96];
	struct vexfs_codes *to;
	struct vx_seg seg = { .bytes = sizeof(rows[0]) };
	struct vexfs_estimator *e;
	__u32 n = 0, i, k, a[2], b[2];

	(void)state;
	for (i = 0; i < 2500; i++)
		for (k = 0; k < 96; k++)
			rows[i][k] = gauss() + 1;
	build(rows[0], 2000, 96, VEXFS_METRIC_COSINE);
	to = vexfs_codes_like(codes, 1234);
	assert_non_null(to);
	assert_int_equal(vexfs_codes_centred(codes), 2000);
	assert_int_equal(vexfs_codes_centred(to), 1234);
	assert_int_equal(vexfs_codes_reserve(to, 2500), 0);
	/* those from 2000 on have no code to be carried */
	for (i = 0; i < 2500; i += 1 + i % 3) {
		memcpy(kept[n], rows[i], sizeof(rows[i]));
		seg.p = rows[i];
		vexfs_codes_carry(to, n++, codes, i, &seg, 1);
	}
	vexfs_codes_publish(to, n);
	vexfs_codes_free(codes);
	codes = vexfs_codes_like(to, 0);
	assert_int_equal(vexfs_codes_reserve(codes, n), 0);
	for (i = 0; i < n; i++) {
		seg.p = kept[i];
		vexfs_codes_put(codes, i, &seg, 1);
	}
	vexfs_codes_publish(codes, n);
	e = estimator(rows[7]);
	compare_sums(e, n, 96);
	for (i = 0; i < n; i++) {
		vexfs_codes_slot(codes, e, i, VEXFS_SIGMA, a, b);
		vexfs_codes_slot(to, e, i, VEXFS_SIGMA, a + 1, b + 1);
		assert_int_equal(a[0], a[1]);
		assert_int_equal(b[0], b[1]);
		if (!(i % 32))
			assert_memory_equal(vexfs_codes_block(codes, i), vexfs_codes_block(to, i),
					    i + 32 <= n ? 32 * 128 / 8 : 0);
	}
	assert_int_equal(vexfs_codes_off(to), vexfs_codes_off(codes));
	vx_efree(e);
	vexfs_codes_free(to);
	vexfs_codes_free(codes);
}

/* How far off the centre is: not at all, and then as far as the rows have gone. */
static void test_off(void **state)
{
	static float rows[8192][16];
	static const __u32 metrics[] = { VEXFS_METRIC_L2, VEXFS_METRIC_COSINE, VEXFS_METRIC_DOT };
	struct vx_seg seg = { .bytes = sizeof(rows[0]) };
	double want;
	__u32 i, k, m, off;

	(void)state;
	for (m = 0; m < 3; m++) {
		for (i = 0; i < 8192; i++)
			for (k = 0; k < 16; k++)
				rows[i][k] = gauss() + 2 + (i >= 4096 ? 4 * (k & 1) : 0);
		build(rows[0], 4096, 16, metrics[m]);
		assert_true(vexfs_codes_off(codes) < 5);
		assert_int_equal(vexfs_codes_reserve(codes, 8192), 0);
		for (i = 4096; i < 8192; i++) {
			seg.p = rows[i];
			vexfs_codes_put(codes, i, &seg, 1);
			if (i % 64 == 63)
				vexfs_codes_publish(codes, i + 1);
		}
		off = vexfs_codes_off(codes);
		/* half of them are off by 4 in 8 dims: the mean by 2, of 16 + 8 * 16 / 2 */
		want = 1000 * 8 * 2 * 2 / (16 + 8 * 16 / 2.);
		if (metrics[m] == VEXFS_METRIC_COSINE)
			assert_true(off > 100);
		else
			assert_true(off > want * .9 && off < want * 1.1);
		vexfs_codes_free(codes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaussian),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_extreme),
		cmocka_unit_test(test_storage),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_off),
	};

	chance_seed(12);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
