// SPDX-License-Identifier: GPL-2.0
/*
 * The rotation: orthonormal, the same with and without AVX2, and it spreads what is concentrated.
 */
#include <math.h>
#include <stdlib.h>
#include "box.h"
#include "engine/internal.h"

static const __u32 sizes[] = { 1,   2,	 3,    63,   64,   65,	 100,  127,  128,  129,	 192, 300,
			       384, 768, 1000, 1024, 1536, 2047, 2048, 3072, 4000, 4095, 4096 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static struct vexfs_rotation r;

static double dot(const float *a, const float *b, __u32 n)
{
	double s = 0;

	while (n--)
		s += (double)a[n] * b[n];
	return s;
}

static float gauss(void)
{
	double u = (chance(1u << 30) + 1.0) / (1u << 30), v = chance(1u << 30) / (double)(1u << 30);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static void test_orthonormal(void **state)
{
	static float a[VEXFS_MAX_DIMS], b[VEXFS_MAX_DIMS], c[VEXFS_MAX_DIMS], d[VEXFS_MAX_DIMS];
	double len, far;
	__u32 s, i, k;

	(void)state;
	for (s = 0; s < SIZES; s++) {
		vexfs_rotation_init(&r, sizes[s], s);
		assert_true(r.padded >= sizes[s] && r.padded < sizes[s] + 64 && r.padded % 64 == 0);
		assert_true(r.pow2 <= r.padded && r.pow2 * 2 > r.padded);
		for (k = 0; k < 10; k++) {
			memset(a, 0, sizeof(a));
			memset(b, 0, sizeof(b));
			for (i = 0; i < sizes[s]; i++) {
				a[i] = ldexpf(gauss(), k == 1 ? -29 : k == 2 ? 24 : 0);
				b[i] = gauss();
			}
			memcpy(c, a, sizeof(c));
			memcpy(d, b, sizeof(d));
			vexfs_rotate(&r, c);
			for (i = 0; i < kernels(); i++) {
				use_kernels(i);
				memcpy(b, a, sizeof(b));
				vexfs_rotate(&r, b);
				assert_memory_equal(b, c, r.padded * 4);
			}
			use_kernels(BEST);
			memcpy(b, d, sizeof(b));
			vexfs_rotate(&r, d);
			len = sqrt(dot(a, a, r.padded) * dot(b, b, r.padded));
			assert_true(fabs(dot(c, c, r.padded) / dot(a, a, r.padded) - 1) < 1e-5);
			assert_true(fabs(dot(c, d, r.padded) - dot(a, b, r.padded)) < 1e-5 * len);
		}
		/* one dim becomes many of about the same size */
		for (far = k = 0; k < 10; k++) {
			memset(a, 0, sizeof(a));
			a[chance(sizes[s])] = 1;
			vexfs_rotate(&r, a);
			for (i = 0; i < r.padded; i++)
				far = fmax(far, fabs(a[i]) * sqrt(r.padded));
		}
		assert_true(far < 6);
	}
}

static void test_seed(void **state)
{
	struct vexfs_rotation t;
	float a[128] = { 1 }, b[128] = { 1 };

	(void)state;
	vexfs_rotation_init(&r, 128, 7);
	vexfs_rotation_init(&t, 128, 7);
	vexfs_rotate(&r, a);
	vexfs_rotate(&t, b);
	assert_memory_equal(a, b, sizeof(a));
	vexfs_rotation_init(&t, 128, 8);
	memset(b, 0, sizeof(b));
	b[0] = 1;
	vexfs_rotate(&t, b);
	assert_true(fabs(dot(a, b, 128)) < 0.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orthonormal),
		cmocka_unit_test(test_seed),
	};

	chance_seed(11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
