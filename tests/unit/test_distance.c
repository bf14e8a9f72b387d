// SPDX-License-Identifier: GPL-2.0
/* Distances: AVX2 and scalar against double precision, keys, and the proof that f32 lost nobody. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include "box.h"
#include "engine/internal.h"

#define DIMS 4096

static float query[DIMS], row[DIMS + 1];
static const __u32 metrics[] = { VEXFS_METRIC_L2, VEXFS_METRIC_COSINE, VEXFS_METRIC_DOT };

static float real(void)		/* about [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}

static float f32(__u32 b)
{
	float f;

	memcpy(&f, &b, 4);
	return f;
}

static double f64(__u64 b)
{
	double d;

	memcpy(&d, &b, 8);
	return d;
}

static __u32 b32(float f)
{
	__u32 b;

	memcpy(&b, &f, 4);
	return b;
}

/* The truth, and the sum of the absolute products, by which the error of a sum is bounded. */
static long double truth(__u32 metric, const float *a, const float *b, __u32 n, long double *scale)
{
	long double s = 0, abs = 0, na = 0, nb = 0;
	__u32 i;

	for (i = 0; i < n; i++) {
		long double d = (long double)a[i] - b[i], p = (long double)a[i] * b[i];

		s += metric == VEXFS_METRIC_L2 ? d * d : p;
		abs += metric == VEXFS_METRIC_L2 ? d * d : fabsl(p);
		na += (long double)a[i] * a[i];
		nb += (long double)b[i] * b[i];
	}
	*scale = abs;
	if (metric == VEXFS_METRIC_L2)
		return s;
	if (metric == VEXFS_METRIC_DOT)
		return -s;
	*scale = abs / sqrtl(na * nb) + 1;
	return 1 - s / sqrtl(na * nb);
}

/* Measure one row, cut into segments after `cut` floats (0: whole). */
static float measure(const struct vexfs_prep *p, const float *x, __u32 cut, __u32 *norm,
		     __u64 *exact)
{
	struct vexfs_row r = { .norm = norm };
	__u32 n = p->dims, most = 0, at = 0, len;

	while (at < n) {
		len = cut && r.segs + 1 < VX_ROW_SEGS && cut < n - at ? cut : n - at;
		r.seg[r.segs++] = (struct vx_seg){ x + at, len * 4 };
		at += len;
	}
	vexfs_measure(p, &r, 1, &most);
	*exact = vexfs_measure_f64(p, r.seg, r.segs, 0);
	return f32(r.dist);
}

static double sum_of(double *s)
{
	__u32 width, i;

	for (width = 8; width; width /= 2)
		for (i = 0; i < width; i++)
			s[i] += s[i + width];
	return s[0];
}

/* What double precision is by definition: sixteen sums, of every sixteenth dim, whatever the row is cut into. */
static double plain(__u32 metric, const float *q, const float *x, __u32 n)
{
	double s[16] = { 0 }, t[16] = { 0 }, own[16] = { 0 }, sum, cosine;
	__u32 i;

	for (i = 0; i < n; i++) {
		double a = q[i], b = x[i];

		s[i & 15] += metric == VEXFS_METRIC_L2 ? (a - b) * (a - b) : a * b;
		t[i & 15] += b * b;
		own[i & 15] += a * a;
	}
	sum = sum_of(s);
	if (metric != VEXFS_METRIC_COSINE)
		return metric == VEXFS_METRIC_L2 ? sum : -sum;
	cosine = sum / (sqrt(sum_of(own)) * sqrt(sum_of(t)));
	return 1 - fmax(-1, fmin(1, cosine));
}

static void compare(__u32 metric, __u32 n, float *x, __u32 cut)
{
	struct vexfs_prep p = { .row = query, .dims = n, .metric = metric };
	long double scale, want = truth(metric, query, x, n, &scale);
	double bound = (n + 16) * 0x1p-23 * (double)scale;
	__u64 exact, first = 0;
	__u32 norm, i;
	float got;

	for (i = 0; i < kernels(); i++) {
		use_kernels(i);
		vexfs_prepare(&p);
		norm = 0;
		got = measure(&p, x, cut, &norm, &exact);
		if (!(fabsl(got - want) <= bound))
			fail_msg("metric %u dims %u cut %u: %.9g is not %.9Lg", metric, n, cut, got,
				 want);
		got = measure(&p, x, cut, &norm, &exact);	/* with the norm known */
		first = i ? first : exact;
		assert_int_equal(exact, first);
		if (!(fabsl(got - want) <= bound))
			fail_msg("metric %u dims %u, norm known: %.9g is not %.9Lg", metric, n, got,
				 want);
	}
	use_kernels(BEST);
	assert_true(fabsl(f64(vexfs_key_bits(first)) - want) <= n * 0x1p-50 * scale);
	/* the same on every machine, bit for bit; 0 has one sign */
	assert_true(f64(vexfs_key_bits(first)) == plain(metric, query, x, n));
}

static void test_all_dims(void **state)
{
	static const __u32 more[] = { 255, 256, 300, 768, 1000, 1536, 4095, 4096 };
	__u32 m, n, i;

	(void)state;
	if (kernels() == 1)
		print_message("this CPU has no AVX2: only scalar code is tested\n");
	for (i = 0; i < DIMS; i++) {
		query[i] = real();
		row[i] = real();
	}
	row[DIMS] = real();
	for (m = 0; m < 3; m++) {
		for (n = 1; n <= 130; n++) {
			compare(metrics[m], n, row, 0);
			compare(metrics[m], n, row + 1, 0);	/* not aligned */
			for (i = 1; i < n; i += 1 + n / 16)
				compare(metrics[m], n, row, i);
		}
		for (n = 0; n < sizeof(more) / sizeof(*more); n++) {
			compare(metrics[m], more[n], row, 0);
			compare(metrics[m], more[n], row + 1, 1023);
		}
	}
}

static void test_magnitudes(void **state)
{
	static const float sizes[] = {
		1e-42f, 1e-38f, 1e-25f, 1e-12f, 1, 1e12f, 1e18f, 1e25f, 3e38f
	};
	__u32 m, q, s, i, mixed;

	(void)state;
	for (m = 0; m < 3; m++)
		for (q = 0; q < 9; q++)
			for (s = 0; s < 9; s++)
				for (mixed = 0; mixed < 2; mixed++) {
					struct vexfs_prep p = { .row = query,
								.dims = 33,
								.metric = metrics[m] };
					long double scale, want;
					__u32 norm = 0;
					__u64 exact;
					float got;

					for (i = 0; i < 33; i++) {
						query[i] = real() * sizes[q];
						row[i] = real() * (mixed && i % 2 ? 1e-3f : 1) *
							 sizes[s];
					}
					want = truth(metrics[m], query, row, 33, &scale);
					vexfs_prepare(&p);
					got = measure(&p, row, 0, &norm, &exact);
					assert_true(fabsl(f64(vexfs_key_bits(exact)) - want) <=
						    1e-12 * scale + 1e-300);
					/* rounded down: largest float or -infinity */
					if (fabsl(want) > 1e38L)
						assert_true(got >= FLT_MAX / 4 ||
							    got <= -FLT_MAX / 4);
					else
						assert_true(fabsl(got - want) <=
							    1e-5 * scale + 2e-45);
				}
}

static void test_row_check(void **state)
{
	static const __u32 bad[] = { 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001 };
	float v[5] = { 1, 2, 3, 4, 5 };
	__u32 i, k, m;

	(void)state;
	for (m = 0; m < 3; m++) {
		assert_int_equal(vexfs_row_check(metrics[m], v, 5), 0);
		for (i = 0; i < 5; i++)
			for (k = 0; k < 5; k++) {
				float was = v[i];

				v[i] = f32(bad[k]);
				assert_int_equal(vexfs_row_check(metrics[m], v, 5), -EINVAL);
				v[i] = was;
			}
	}
	memset(v, 0, sizeof(v));
	v[3] = -0.0f;
	assert_int_equal(vexfs_row_check(VEXFS_METRIC_COSINE, v, 5), -EDOM);
	assert_int_equal(vexfs_row_check(VEXFS_METRIC_L2, v, 5), 0);
	assert_int_equal(vexfs_row_check(VEXFS_METRIC_DOT, v, 5), 0);
	v[4] = f32(1);			/* the smallest denormal has a direction */
	assert_int_equal(vexfs_row_check(VEXFS_METRIC_COSINE, v, 5), 0);
}

static void test_keys(void **state)
{
	float v[] = { -INFINITY, -FLT_MAX, -1e10f, -1, -FLT_MIN, -f32(1), 0, f32(1), FLT_MIN,
		      0.5f, 1, 1.0000001f, 1e10f, FLT_MAX, INFINITY };
	__u32 i, n = sizeof(v) / sizeof(*v);

	(void)state;
	for (i = 0; i < n; i++) {
		__u64 wide = vexfs_wide_key(b32(v[i]));

		assert_true(f64(vexfs_key_bits(wide)) == v[i]);
		assert_int_equal(vexfs_widen_key(vexfs_total_key(b32(v[i]), 0)), wide);
		if (!i)
			continue;
		assert_true(wide > vexfs_wide_key(b32(v[i - 1])));
		assert_true(vexfs_total_key(b32(v[i]), 0) > vexfs_total_key(b32(v[i - 1]), 0));
	}
	assert_int_equal(vexfs_wide_key(b32(-0.0f)), vexfs_wide_key(0));
	assert_int_equal(vexfs_total_key(b32(-0.0f), 0), vexfs_total_key(0, 0));
	/* a penalty is rounded down, never below none */
	assert_true(vexfs_total_key(b32(1), 1) >= vexfs_total_key(b32(1), 0));
	assert_int_equal(vexfs_total_key(b32(1), 500000), vexfs_total_key(b32(1.5f), 0));
	assert_true(vexfs_total_key(b32(1), ~0ULL) > vexfs_total_key(b32(1e9f), 0));
	assert_int_equal(vexfs_micro(b32(1.5f)), 1500000);
	assert_int_equal(vexfs_micro(b32(-1.5f)), -1500000);
	assert_true(vexfs_micro(b32(FLT_MAX)) == INT64_MAX);
	assert_true(vexfs_micro(b32(-FLT_MAX)) == INT64_MIN);
}

/*
 * vexfs_certify(kth, refused) says that whoever has the f32 key `refused` or more is farther than
 * kth in double.  Look for rows that show it wrong: with a distance so near to kth that rounding
 * decides.
 */
static void test_certify(void **state)
{
	__u32 m, round, i, yes = 0;

	(void)state;
	for (m = 0; m < 3; m++)
		for (round = 0; round < 30000; round++) {
			__u32 n = 1 + chance(200), norm = 0, most = 0;
			struct vexfs_prep p = { .row = query, .dims = n, .metric = metrics[m] };
			__u64 exact, kth;
			__u32 refused;
			float got;

			use_kernels(chance(kernels()));
			for (i = 0; i < n; i++) {
				query[i] = real();
				row[i] = chance(2) ? query[i] + real() / (1 << chance(20)) : real();
			}
			vexfs_prepare(&p);
			got = measure(&p, row, chance(n), &norm, &exact);
			most = norm == 0x7fc00000u ? 0 : norm;
			refused = vexfs_total_key(b32(got), 0);
			/* the row's own distance: it may be that row that was refused */
			kth = exact;
			if (vexfs_certify(&p, kth, refused, most))
				fail_msg(
					"metric %u dims %u: certified, though %.17g is refused at %.9g",
					 metrics[m], n, f64(vexfs_key_bits(exact)), got);
			/* one that is clearly nearer */
			yes += vexfs_certify(&p,
					     vexfs_wide_key(b32(got - 0.01f * (1 + fabsf(got)))),
					     refused, most);
		}
	use_kernels(BEST);
	print_message("certified %u of 90000 ordinary pairs\n", yes);
	assert_true(yes > 80000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_dims),
		cmocka_unit_test(test_magnitudes),
		cmocka_unit_test(test_row_check),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_certify),
	};

	chance_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
