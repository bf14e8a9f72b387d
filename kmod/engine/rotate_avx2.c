// SPDX-License-Identifier: GPL-2.0
/*
 * rotate.c with AVX2: the same sums in the same order.  Only where the CPU has it, inside an FPU
 * section.
 */
#include "internal.h"
#include <immintrin.h>

static void flip(float *x, const __u64 *sign, __u32 n)
{
	const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	const __u8 *s = (const __u8 *)sign;
	__m256i m;
	__u32 i;

	for (i = 0; i < n; i += 8) {
		m = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(s[i / 8]), bit), bit);
		m = _mm256_slli_epi32(m, 31);
		_mm256_storeu_ps(x + i,
				 _mm256_xor_ps(_mm256_loadu_ps(x + i), _mm256_castsi256_ps(m)));
	}
}

/* The first three steps of the transform, within 8 floats. */
static inline __m256 within(__m256 a)
{
	__m256 b = _mm256_permute_ps(a, 0xb1);

	a = _mm256_blend_ps(_mm256_add_ps(a, b), _mm256_sub_ps(b, a), 0xaa);
	b = _mm256_permute_ps(a, 0x4e);
	a = _mm256_blend_ps(_mm256_add_ps(a, b), _mm256_sub_ps(b, a), 0xcc);
	b = _mm256_permute2f128_ps(a, a, 1);
	return _mm256_blend_ps(_mm256_add_ps(a, b), _mm256_sub_ps(b, a), 0xf0);
}

static inline void butterfly(float *x, __u32 h)
{
	__m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + h);

	_mm256_storeu_ps(x, _mm256_add_ps(a, b));
	_mm256_storeu_ps(x + h, _mm256_sub_ps(a, b));
}

/* n >= 64, a power of two.  Two steps at a time: half of the loads and stores. */
static void hadamard(float *x, __u32 n)
{
	__u32 h, i, k;

	for (i = 0; i < n; i += 8)
		_mm256_storeu_ps(x + i, within(_mm256_loadu_ps(x + i)));
	for (h = 8; h * 2 < n; h *= 4)
		for (i = 0; i < n; i += 4 * h)
			for (k = i; k < i + h; k += 8) {
				__m256 a = _mm256_loadu_ps(x + k), b = _mm256_loadu_ps(x + k + h);
				__m256 c = _mm256_loadu_ps(x + k + 2 * h),
				       d = _mm256_loadu_ps(x + k + 3 * h);
				__m256 s = _mm256_add_ps(a, b), t = _mm256_sub_ps(a, b);
				__m256 u = _mm256_add_ps(c, d), v = _mm256_sub_ps(c, d);

				_mm256_storeu_ps(x + k, _mm256_add_ps(s, u));
				_mm256_storeu_ps(x + k + h, _mm256_add_ps(t, v));
				_mm256_storeu_ps(x + k + 2 * h, _mm256_sub_ps(s, u));
				_mm256_storeu_ps(x + k + 3 * h, _mm256_sub_ps(t, v));
			}
	if (h < n)
		for (i = 0; i < h; i += 8)
			butterfly(x + i, h);
}

static void scale(float *x, float by, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i += 8)
		_mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(by)));
}

void vexfs_rotate_avx2(const struct vexfs_rotation *r, float *x, const float *by)
{
	bool whole = r->pow2 == r->padded;
	__u32 i, k;

	for (i = 0; i < VEXFS_ROTATION_ROUNDS; i++) {
		float *part = x + (i & 1 ? r->padded - r->pow2 : 0);

		flip(x, r->sign[i], r->padded);
		hadamard(part, r->pow2);
		scale(part, *by, r->pow2);
		for (k = 0; k < r->padded / 2 && !whole && i & 1; k += 8)
			butterfly(x + k, r->padded / 2);
	}
	if (!whole)
		scale(x, 0.5f, r->padded);
}
