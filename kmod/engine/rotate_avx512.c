// SPDX-License-Identifier: GPL-2.0
/*
 * rotate.c with AVX-512: the same sums in the same order.  Only where the CPU has it, inside an FPU
 * section.
 */
#include "internal.h"
#include "avx512.h"

static void flip(float *x, const __u64 *sign, __u32 n)
{
	const __m512i top = _mm512_set1_epi32((int)0x80000000u);
	const __u16 *s = (const __u16 *)sign;
	__m512i v;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		v = _mm512_loadu_si512(x + i);
		_mm512_storeu_si512(x + i, _mm512_mask_xor_epi32(v, s[i / 16], v, top));
	}
}

/* One step of the transform, given b, which is a with the halves of pairs the other way round. */
static inline __m512 step(__m512 a, __m512 b, __mmask16 second)
{
	return _mm512_mask_sub_ps(_mm512_add_ps(a, b), second, b, a);
}

static inline __m512 exchange(__m512 a, int far)	/* 128-bit lanes: with the next, or two on */
{
	__m512i v = _mm512_castps_si512(a);

	return _mm512_castsi512_ps(far ? _mm512_shuffle_i32x4(v, v, 0x4e) :
					 _mm512_shuffle_i32x4(v, v, 0xb1));
}

/* The first four steps of the transform, within 16 floats. */
static inline __m512 within(__m512 a)
{
	a = step(a, _mm512_shuffle_ps(a, a, 0xb1), 0xaaaa);
	a = step(a, _mm512_shuffle_ps(a, a, 0x4e), 0xcccc);
	a = step(a, exchange(a, 0), 0xf0f0);
	return step(a, exchange(a, 1), 0xff00);
}

static inline void butterfly(float *x, __u32 h)
{
	__m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + h);

	_mm512_storeu_ps(x, _mm512_add_ps(a, b));
	_mm512_storeu_ps(x + h, _mm512_sub_ps(a, b));
}

/* n >= 64, a power of two.  Two steps at a time: half of the loads and stores. */
static void hadamard(float *x, __u32 n)
{
	__u32 h, i, k;

	for (i = 0; i < n; i += 16)
		_mm512_storeu_ps(x + i, within(_mm512_loadu_ps(x + i)));
	for (h = 16; h * 2 < n; h *= 4)
		for (i = 0; i < n; i += 4 * h)
			for (k = i; k < i + h; k += 16) {
				__m512 a = _mm512_loadu_ps(x + k), b = _mm512_loadu_ps(x + k + h);
				__m512 c = _mm512_loadu_ps(x + k + 2 * h),
				       d = _mm512_loadu_ps(x + k + 3 * h);
				__m512 s = _mm512_add_ps(a, b), t = _mm512_sub_ps(a, b);
				__m512 u = _mm512_add_ps(c, d), v = _mm512_sub_ps(c, d);

				_mm512_storeu_ps(x + k, _mm512_add_ps(s, u));
				_mm512_storeu_ps(x + k + h, _mm512_add_ps(t, v));
				_mm512_storeu_ps(x + k + 2 * h, _mm512_sub_ps(s, u));
				_mm512_storeu_ps(x + k + 3 * h, _mm512_sub_ps(t, v));
			}
	if (h < n)
		for (i = 0; i < h; i += 16)
			butterfly(x + i, h);
}

static void scale(float *x, float by, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i += 16)
		_mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i), _mm512_set1_ps(by)));
}

void vexfs_rotate_avx512(const struct vexfs_rotation *r, float *x, const float *by)
{
	bool whole = r->pow2 == r->padded;
	__u32 i, k;

	for (i = 0; i < VEXFS_ROTATION_ROUNDS; i++) {
		float *part = x + (i & 1 ? r->padded - r->pow2 : 0);

		flip(x, r->sign[i], r->padded);
		hadamard(part, r->pow2);
		scale(part, *by, r->pow2);
		for (k = 0; k < r->padded / 2 && !whole && i & 1; k += 16)
			butterfly(x + k, r->padded / 2);
	}
	if (!whole)
		scale(x, 0.5f, r->padded);
}
