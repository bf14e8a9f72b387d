// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels of the engine: each table against the scalar one, over random and extreme input of all sizes.
 * Integers are the same bit for bit, floats too where the order of additions is given, and else within
 * what f32 may be off by.
 *
 * Those with AVX-512 are there twice: as they are, where the processor has it, and everywhere by an
 * emulation in plain C, whose names begin with emulated_ (tests/tests.mk).  Buffers are as large as they
 * have to be and no larger: AddressSanitizer sees who reads beyond.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "box.h"
#include "engine/axes.h"
#include "engine/lists.h"
#include "engine/float.h"

extern const struct vexfs_kernels emulated_vexfs_kernels_avx512, emulated_vexfs_kernels_vnni;

static const struct vexfs_kernels *table[VEXFS_KERNELS + 2];
static __u32 tables;

static const __u32 widths[] = { 64, 128, 192, 256, 320, 576, 768, 1536, 2048, 4032, 4096 };
#define WIDTHS (sizeof(widths) / sizeof(*widths))
#define ROUNDS 12

static const struct vexfs_kernels *scalar = &vexfs_kernels_scalar;

static void *bytes(size_t n)
{
	void *p = malloc(n);

	assert_non_null(p);
	return p;
}

static void *noise(size_t n)
{
	__u8 *p = bytes(n);
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = chance(256);
	return p;
}

static float unit(void)			/* [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}

static float *floats(__u32 n, float size)
{
	float *p = bytes(n * sizeof(*p));
	__u32 i;

	for (i = 0; i < n; i++)
		p[i] = unit() * size;
	return p;
}

#define EACH(k)								\
	for (__u32 k##_i = 0; k##_i < tables; k##_i++)			\
		for (const struct vexfs_kernels *k = table[k##_i]; k; k = NULL)

static void close_to(const struct vexfs_kernels *k, const char *what, __u32 n, double got, double want,
		     double off)
{
	if (!(fabs(got - want) <= off))
		fail_msg("%s, %s of %u dims: %.9g, not %.9g within %g", k->name, what, n, got, want,
			 off);
}

/* --- distance.c --- */

#define MAX_ROWS 5

/* A row in so many pieces, each in memory of its own. */
static struct vexfs_row cut_row(const float *x, __u32 dims, __u32 pieces)
{
	struct vexfs_row r = { .segs = 0 };
	__u32 left = dims, n;

	while (left) {
		n = r.segs + 1 == pieces ? left : 1 + chance(left);
		r.seg[r.segs].bytes = n * 4;
		r.seg[r.segs].p = memcpy(bytes(n * 4), x + dims - left, n * 4);
		left -= n;
		r.segs++;
	}
	return r;
}

static void forget_row(struct vexfs_row *r)
{
	__u32 i;

	for (i = 0; i < r->segs; i++)
		free((void *)r->seg[i].p);
}

static void distances(__u32 dims, __u32 pieces)
{
	float *q = floats(dims, 1), *x[MAX_ROWS], sum[MAX_ROWS], norm2[MAX_ROWS];
	__u32 known[MAX_ROWS], n = 1 + chance(MAX_ROWS), i, d;
	double l2[MAX_ROWS], dot[MAX_ROWS], own[MAX_ROWS], size[MAX_ROWS], off;
	struct vexfs_row row[MAX_ROWS];

	for (i = 0; i < n; i++) {
		x[i] = floats(dims, 1 + chance(9));
		row[i] = cut_row(x[i], dims, pieces);
		known[i] = chance(2);
		l2[i] = dot[i] = own[i] = size[i] = 0;
		for (d = 0; d < dims; d++) {
			l2[i] += ((double)q[d] - x[i][d]) * ((double)q[d] - x[i][d]);
			dot[i] += (double)q[d] * x[i][d];
			size[i] += fabs((double)q[d] * x[i][d]);
			own[i] += (double)x[i][d] * x[i][d];
		}
	}
	EACH(k) {
		off = (dims + 16) * 0x1p-23;
		k->l2(q, row, n, sum);
		for (i = 0; i < n; i++)
			close_to(k, "l2", dims, sum[i], l2[i], off * l2[i] + FLT_MIN);
		k->dot(q, row, n, known, sum, norm2);
		for (i = 0; i < n; i++) {
			close_to(k, "dot", dims, sum[i], dot[i], off * size[i]);
			if (!known[i])
				close_to(k, "norm", dims, norm2[i], own[i], off * own[i]);
		}
	}
	for (i = 0; i < n; i++) {
		forget_row(row + i);
		free(x[i]);
	}
	free(q);
}

static void test_distances(void **state)
{
	__u32 i, n;

	(void)state;
	for (n = 1; n <= 150; n++)
		for (i = 1; i <= VX_ROW_SEGS; i++)
			distances(n, i);
	for (i = 0; i < 60; i++)
		distances(1 + chance(4096), 1 + chance(VX_ROW_SEGS));
}

/* --- predicate.c --- */

static __s64 value(void)
{
	switch (chance(5)) {
	case 0:
		return (__s64)((__u64)chance(~0u) << 32 | chance(~0u));
	case 1:
		return chance(2) ? INT64_MIN : INT64_MAX;
	case 2:
		return -(__s64)chance(4);
	default:
		return chance(4);
	}
}

static void test_conditions(void **state)
{
	__u32 round, words, n, i;
	__u64 want[3][6], got[6];
	__s64 *col, v[16];

	(void)state;
	for (round = 0; round < 400; round++) {
		words = 1 + chance(6);
		n = 1 + chance(16);
		col = bytes(words * 64 * sizeof(*col));
		for (i = 0; i < words * 64; i++)
			col[i] = value();
		for (i = 0; i < n; i++)		/* in order, as conditions have them */
			v[i] = i ? v[i - 1] + chance(3) : value() / 2;
		memset(want, 0, sizeof(want));
		for (i = 0; i < words * 64; i++) {
			want[0][i / 64] |= (__u64)(col[i] < v[0]) << i % 64;
			want[1][i / 64] |= (__u64)!!(col[i] & v[0]) << i % 64;
			for (__u32 k = 0; k < n; k++)
				want[2][i / 64] |= (__u64)(col[i] == v[k]) << i % 64;
		}
		EACH(k) {
			k->less(col, v[0], words, got);
			assert_memory_equal(got, want[0], words * 8);
			k->mask(col, v[0], words, got);
			assert_memory_equal(got, want[1], words * 8);
			k->in(col, v, n, words, got);
			assert_memory_equal(got, want[2], words * 8);
		}
		free(col);
	}
}

/* --- rotate.c --- */

static void test_rotations(void **state)
{
	static struct vexfs_rotation r;
	float *x, *want, *got, by;
	__u32 w, t;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			vexfs_rotation_init(&r, widths[w] - chance(64), chance(~0u));
			assert_int_equal(r.padded, widths[w]);
			x = floats(widths[w], ldexpf(1, (int)chance(60) - 30));
			want = memcpy(bytes(widths[w] * 4), x, widths[w] * 4);
			by = 1 / sqrtf(r.pow2);
			scalar->rotate(&r, want, &by);
			EACH(k) {
				got = memcpy(bytes(widths[w] * 4), x, widths[w] * 4);
				k->rotate(&r, got, &by);
				assert_memory_equal(got, want, widths[w] * 4);
				free(got);
			}
			free(want);
			free(x);
		}
}

/* --- rabitq.c, codes.c --- */

static void test_signs(void **state)
{
	__u64 *want, *got;
	double all, sum;
	__u32 w, t, i;
	float *x;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			x = floats(widths[w], 3);
			for (i = 0; i < widths[w]; i += 1 + chance(40))
				x[i] = chance(2) ? 0.0f : -0.0f;
			want = noise(widths[w] / 8);
			got = noise(widths[w] / 8);
			for (i = 0, all = 0; i < widths[w]; i++) {
				want[i / 64] &= ~(1ULL << i % 64);
				want[i / 64] |= (__u64)!signbit(x[i]) << i % 64;
				all += fabs((double)x[i]);
			}
			EACH(k) {
				k->signs(x, widths[w], got, &sum);
				assert_memory_equal(got, want, widths[w] / 8);
				close_to(k, "sum", widths[w], sum, all, all * 1e-12);
			}
			free(got);
			free(want);
			free(x);
		}
}

/* `most`: of four dims, whose sums fit 16 bits; the largest first */
static void sums(bool all, __u32 padded, __u32 most, __u32 round)
{
	__u8 *block = noise((size_t)padded * 4), *t = bytes((size_t)padded * 4);
	__u16 got[VEXFS_CODE_BLOCK];
	__u32 want[VEXFS_CODE_BLOCK] = { 0 }, i, g;

	for (i = 0; i < padded * 4; i++) {
		block[i] = round ? block[i] : 255;
		t[i] = round > 1 ? chance(most + 1) : most;
	}
	for (g = 0; g < padded / 4; g++)
		for (i = 0; i < VEXFS_CODE_BLOCK; i++)
			want[i] += t[g * 16 + (block[g * 16 + i % 16] >> i / 16 * 4 & 15)];
	EACH(k) {
		(all ? k->sums : k->sums60)(block, t, padded, got);
		for (i = 0; i < VEXFS_CODE_BLOCK; i++)
			if (got[i] != want[i])
				fail_msg("%s, %u dims, code %u: %u, not %u", k->name, padded, i,
					 got[i], want[i]);
	}
	free(block);
	free(t);
}

static void test_sums(void **state)
{
	__u32 w, t, levels;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			levels = 65535 / widths[w];
			sums(true, widths[w], levels < 63 ? levels * 4 : 252, t);
			sums(false, widths[w], 60, t);
		}
}

static double unkey(__u32 key)
{
	__u32 b = key >> 31 ? key & ~(1u << 31) : ~key;
	float f;

	memcpy(&f, &b, 4);
	return f;
}

/* Bounds, of which the last two are the largest and the least possible. */
static void test_bounds(void **state)
{
	__u32 lower[2][VEXFS_CODE_BLOCK], upper[2][VEXFS_CODE_BLOCK], gate, refused, least, mask, t, i;
	struct vexfs_factor *f = bytes(VEXFS_CODE_BLOCK * sizeof(*f));
	__u16 *sum = bytes(VEXFS_CODE_BLOCK * sizeof(*sum));
	struct vexfs_estimator e;
	double size;
	float sigma;

	(void)state;
	for (t = 0; t < 600; t++) {
		memset(&e, 0, sizeof(e));
		e.dims = 64 * (1 + chance(64));
		e.step = (1 + unit()) * 0.02f;
		e.middle = 7.5f * e.dims;
		e.times_norm2 = chance(3) * 0.5f;
		e.times = 1 + chance(2);
		e.plus = unit() * 10;
		e.variance = (1 + unit()) / e.dims;
		e.lost = (1 + unit()) * 1e-3f;
		e.slop = e.slop_norm2 = e.slop_scale = 1e-5f;
		for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
			sum[i] = 7.5f * e.dims + unit() * 3 * sqrtf(e.dims) * 7;
			f[i].norm2 = (1 + unit()) * 5;
			f[i].scale = chance(9) ? sqrtf(f[i].norm2 / e.dims) * 1.25f : -1;
		}
		sigma = chance(600) * 0.01f;
		refused = ~0u;
		scalar->bounds(&e, sum, f, &sigma, ~0u, lower[0], upper[0], &refused);
		assert_int_equal(refused, ~0u);
		gate = t % 9 ? lower[0][chance(32)] : t % 2 ? 0 : ~0u;
		EACH(k) {
			refused = least = chance(2) ? ~0u : 1u << 31;
			mask = k->bounds(&e, sum, f, &sigma, gate, lower[1], upper[1], &refused);
			for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
				if (f[i].scale < 0) {
					assert_int_equal(lower[1][i], VEXFS_UNKNOWN);
					assert_int_equal(upper[1][i], ~0u);
				} else {
					size = fabs(e.plus) + f[i].norm2 * e.times_norm2 +
					       fabs(unkey(upper[0][i])) + fabs(unkey(lower[0][i]));
					close_to(k, "lower", e.dims, unkey(lower[1][i]),
						 unkey(lower[0][i]), size * 1e-5);
					close_to(k, "upper", e.dims, unkey(upper[1][i]),
						 unkey(upper[0][i]), size * 1e-5);
				}
				assert_int_equal(mask >> i & 1, lower[1][i] <= gate);
				if (lower[1][i] > gate && lower[1][i] < least)
					least = lower[1][i];
			}
			assert_int_equal(refused, least);
		}
	}
	free(sum);
	free(f);
}

static void test_planes(void **state)
{
	__u32 words, t, i, u, want;
	__u64 *row, *plane;

	(void)state;
	for (words = 1; words <= 64; words++)
		for (t = 0; t < 4; t++) {
			row = noise(words * 8);
			plane = noise(words * 4 * 8);
			if (t < 2) {
				memset(row, t ? 255 : 0, words * 8);
				memset(plane, 255, words * 4 * 8);
			}
			for (i = 0, want = 0; i < words * 64; i++)
				for (u = 0; u < 4; u++)
					want += (__u32)((row[i / 64] >> i % 64 & 1) ==
							(plane[u * words + i / 64] >> i % 64 & 1))
						<< u;
			EACH(k)
				assert_int_equal(k->planes(row, plane, words), want);
			free(plane);
			free(row);
		}
}

/* --- ladder.c --- */

static void test_lower(void **state)
{
	struct vexfs_rung1 *r = bytes(sizeof(*r));
	struct vexfs_ladder q = { .padded = 0 };
	__u16 *sum = bytes(VEXFS_CODE_BLOCK * sizeof(*sum));
	double low[VEXFS_CODE_BLOCK], size, e, f, way;
	__u32 t, i, mask, sure = 0;
	float sigma, most;

	(void)state;
	for (t = 0; t < 1000; t++) {
		q.times = 1 + chance(2);
		q.step = (1 + unit()) * 0.01f;
		q.middle = 20000 + chance(10000);
		q.plus = unit() * 4;
		q.reach = 1 + unit();
		q.lost = (1 + unit()) * 1e-3f;
		sigma = chance(600) * 0.01f;
		for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
			sum[i] = q.middle + unit() * 3000;
			r->scale[i] = to_bf16((1 + unit()) * 0.1f);
			r->add[i] = unit();
			r->error[i] = to_bf16_up((1 + unit()) * 0.1f);
			f = from_bf16(r->scale[i]);
			e = (double)from_bf16(r->error[i]) * q.times * q.reach;
			way = (double)q.times * q.step * (sum[i] - (double)q.middle) * f;
			low[i] = q.plus + (double)r->add[i] - way -
				 sigma * sqrt(e * e + f * f * q.times * q.times * q.lost);
		}
		most = low[chance(32)];
		EACH(k) {
			mask = k->lower(&q, sum, r, &sigma, &most);
			for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
				size = fabs(q.plus) + fabs(low[i]) + 10;
				if (fabs(low[i] - most) < size * 1e-5)
					continue;
				sure++;
				if ((mask >> i & 1) != (low[i] < most))
					fail_msg("%s: %.9g at %.9g", k->name, low[i], most);
			}
		}
	}
	assert_true(sure > 30 * 1000 * tables);
	free(sum);
	free(r);
}

static void test_nibbles(void **state)
{
	__u32 w, t, i, n, k;
	__u8 *nibble[19];
	__s32 want[19], got[19];
	__s8 *fine;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			n = t ? 1 + chance(19) : 19;
			fine = bytes(widths[w]);
			for (i = 0; i < widths[w]; i++)
				fine[i] = t > 1 ? (int)chance(255) - 127 : t ? 127 : -127;
			for (k = 0; k < n; k++) {
				nibble[k] = noise(widths[w] / 2);
				if (t < 2)
					memset(nibble[k], 255, widths[w] / 2);
				for (i = 0, want[k] = 0; i < widths[w]; i++)
					want[k] += fine[i] *
						   (nibble[k][i / 64 * 32 + i % 32] >> (i % 64 < 32 ? 0 : 4) & 15);
			}
			EACH(kernels) {
				kernels->nibbles((const __u8 *const *)nibble, n, fine, widths[w], got);
				assert_memory_equal(got, want, n * sizeof(*got));
			}
			for (k = 0; k < n; k++)
				free(nibble[k]);
			free(fine);
		}
}

static void test_centre_far(void **state)
{
	double dot, d2, size, c;
	float got[2], scale, *z;
	__u32 w, t, i;
	__s8 *whole;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			z = floats(widths[w], 2);
			whole = noise(widths[w]);
			scale = (1 + unit()) * 0.01f;
			for (i = 0, dot = d2 = size = 0; i < widths[w]; i++) {
				c = (float)(scale * whole[i]);
				dot += z[i] * c;
				size += fabs(z[i] * c);
				d2 += (z[i] - c) * (z[i] - c);
			}
			EACH(k) {
				k->centre_far(z, whole, &scale, widths[w], &got[0], &got[1]);
				close_to(k, "dot", widths[w], got[0], dot, size * widths[w] * 0x1p-23);
				close_to(k, "far", widths[w], got[1], d2, d2 * widths[w] * 0x1p-22);
			}
			free(whole);
			free(z);
		}
}

/* --- cluster.c --- */

static void test_dots(void **state)
{
	__u32 w, t, i, k, n;
	float got[11], *x, *c;
	double want[11], size;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			n = t % 12;
			x = floats(widths[w], 1);
			c = floats(widths[w] * n + !n, 4);
			for (k = 0; k < n; k++)
				for (i = 0, want[k] = 0; i < widths[w]; i++)
					want[k] += (double)x[i] * c[k * widths[w] + i];
			size = widths[w] * 2.0;
			EACH(kernels) {
				kernels->dots(x, c, n, widths[w], got);
				for (k = 0; k < n; k++)
					close_to(kernels, "dots", widths[w], got[k], want[k],
						 size * widths[w] * 0x1p-23);
			}
			free(c);
			free(x);
		}
}

static void test_whole(void **state)
{
	__s32 want[9], got[9], most;
	__u32 w, t, i, k, n;
	__s16 *x;
	__s8 *c;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			n = 1 + t % 9;
			most = 0x7fffffff / 127 / widths[w];
			most = most < VEXFS_WHOLE ? most : VEXFS_WHOLE;
			x = bytes(widths[w] * 2);
			c = bytes(widths[w] * n);
			for (i = 0; i < widths[w]; i++)
				x[i] = t > 1 ? (__s32)chance(2 * most + 1) - most : t ? most : -most;
			for (i = 0; i < widths[w] * n; i++)
				c[i] = t > 1 ? (__s32)chance(255) - 127 : 127;
			for (k = 0; k < n; k++)
				for (i = 0, want[k] = 0; i < widths[w]; i++)
					want[k] += x[i] * c[k * widths[w] + i];
			EACH(kernels) {
				kernels->whole_dots(x, c, n, widths[w], got);
				assert_memory_equal(got, want, n * sizeof(*got));
			}
			free(c);
			free(x);
		}
}

static void test_rounding(void **state)
{
	__s16 *want, *got;
	float most, by, plus, *x;
	__u32 w, t, i;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < ROUNDS; t++) {
			x = floats(widths[w], 1);
			if (t == 1)
				memset(x, 0, widths[w] * 4);
			if (t == 2)
				x[chance(widths[w])] = -7;
			for (i = 0, most = 0; i < widths[w]; i++)
				most = fmaxf(most, fabsf(x[i]));
			by = most ? (t % 2 ? 63 : 8191) / most : 0;
			plus = t % 3 ? 0 : 31.5f;
			want = bytes(widths[w] * 2);
			got = bytes(widths[w] * 2);
			for (i = 0; i < widths[w]; i++) {
				float v = x[i] * by;

				want[i] = lrintf(v + plus);
			}
			EACH(k) {
				float m = -1;

				k->magnitude(x, widths[w], &m);
				assert_true(m == most);
				k->round(x, widths[w], &by, &plus, got);
				assert_memory_equal(got, want, widths[w] * 2);
			}
			free(got);
			free(want);
			free(x);
		}
}

/* --- axes.c --- */

static void test_projecting(void **state)
{
	__s32 want[128], got[128];
	__u32 w, t, i, k, n;
	__s16 *x, *axis;
	double size;

	(void)state;
	for (w = 0; w < WIDTHS; w++)
		for (t = 0; t < 4; t++) {
			n = 64 + t % 2 * 64;
			size = VEXFS_AXES_UNIT / sqrt(widths[w]);	/* no dot product is larger */
			x = bytes(widths[w] * 2);
			axis = bytes((size_t)widths[w] * n * 2);
			for (i = 0; i < widths[w]; i++)
				x[i] = t ? unit() * size : size;
			for (i = 0; i < widths[w] * n; i++)
				axis[i] = t ? unit() * size : i / widths[w] % 2 ? size : -size;
			for (k = 0; k < n; k++)
				for (i = 0, want[k] = 0; i < widths[w]; i++)
					want[k] += x[i] * axis[k * widths[w] + i];
			EACH(kernels) {
				kernels->project(x, axis, n, widths[w], got);
				assert_memory_equal(got, want, n * sizeof(*got));
			}
			free(axis);
			free(x);
		}
}

/* --- which one is chosen --- */

static void test_choice(void **state)
{
	const struct vexfs_kernels *here[VEXFS_KERNELS], *k;
	__u32 n = vexfs_kernels_here(here), i;

	(void)state;
	assert_true(n >= 1 && n <= VEXFS_KERNELS);
	assert_ptr_equal(here[0], scalar);
	use_kernels(BEST);
	assert_ptr_equal(vexfs_kernels(), here[n - 1]);
	for (i = 0; i < n; i++) {
		use_kernels(i);
		assert_ptr_equal(vexfs_kernels(), here[i]);
	}
	use_kernels(BEST);
	/* no table has a hole */
	EACH(t)
		for (i = 0; i < sizeof(*t) / sizeof(void *); i++) {
			memcpy(&k, (const char *)t + i * sizeof(void *), sizeof(k));
			assert_non_null(k);
		}
}

static int seed(void **state)
{
	__u32 i;

	(void)state;
	chance_seed(1);
	tables = vexfs_kernels_here(table);
	table[tables++] = &emulated_vexfs_kernels_avx512;
	table[tables++] = &emulated_vexfs_kernels_vnni;
	for (i = 0; i < tables; i++)
		print_message("%s%s\n", table[i]->name, i + 2 < tables ? "" : ", emulated");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distances),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_rotations),
		cmocka_unit_test(test_signs),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_planes),
		cmocka_unit_test(test_lower),
		cmocka_unit_test(test_nibbles),
		cmocka_unit_test(test_centre_far),
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_projecting),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
