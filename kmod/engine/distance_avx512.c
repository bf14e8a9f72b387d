// SPDX-License-Identifier: GPL-2.0
/*
 * Distances with AVX-512: what is left of a row after whole vectors is read under a mask.  Only called
 * where the CPU has it, inside an FPU section.
 */
#include "internal.h"
#include "avx512.h"

static inline __mmask16 first(__u32 n)	/* lanes, n < 16 */
{
	return (__mmask16)((1u << n) - 1);
}

static inline float l2(const float *a, const float *b, __u32 n)
{
	__m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, d;
	__u32 i = 0;

	for (; i + 64 <= n; i += 64) {
		d = _mm512_sub_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
		s0 = _mm512_fmadd_ps(d, d, s0);
		d = _mm512_sub_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));
		s1 = _mm512_fmadd_ps(d, d, s1);
		d = _mm512_sub_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32));
		s2 = _mm512_fmadd_ps(d, d, s2);
		d = _mm512_sub_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48));
		s3 = _mm512_fmadd_ps(d, d, s3);
	}
	for (; i + 16 <= n; i += 16) {
		d = _mm512_sub_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
		s0 = _mm512_fmadd_ps(d, d, s0);
	}
	if (i < n) {
		d = _mm512_sub_ps(_mm512_maskz_loadu_ps(first(n - i), a + i),
				  _mm512_maskz_loadu_ps(first(n - i), b + i));
		s1 = _mm512_fmadd_ps(d, d, s1);
	}
	return sum_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

static inline float dot(const float *a, const float *b, __u32 n)
{
	__m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
	__u32 i = 0;

	for (; i + 64 <= n; i += 64) {
		s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
		s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
		s2 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
		s3 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
	}
	for (; i + 16 <= n; i += 16)
		s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
	if (i < n)
		s1 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(first(n - i), a + i),
				     _mm512_maskz_loadu_ps(first(n - i), b + i), s1);
	return sum_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

static inline void dot_norm(const float *a, const float *b, __u32 n, float *to, float *norm)
{
	__m512 s0 = _mm512_setzero_ps(), s1 = s0, n0 = s0, n1 = s0, x;
	__u32 i = 0;

	for (; i + 32 <= n; i += 32) {
		x = _mm512_loadu_ps(b + i);
		s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), x, s0);
		n0 = _mm512_fmadd_ps(x, x, n0);
		x = _mm512_loadu_ps(b + i + 16);
		s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), x, s1);
		n1 = _mm512_fmadd_ps(x, x, n1);
	}
	if (i + 16 <= n) {
		x = _mm512_loadu_ps(b + i);
		s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), x, s0);
		n0 = _mm512_fmadd_ps(x, x, n0);
		i += 16;
	}
	if (i < n) {
		x = _mm512_maskz_loadu_ps(first(n - i), b + i);
		s1 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(first(n - i), a + i), x, s1);
		n1 = _mm512_fmadd_ps(x, x, n1);
	}
	*to = sum_ps(_mm512_add_ps(s0, s1));
	*norm = sum_ps(_mm512_add_ps(n0, n1));
}

#include "rows.h"

void vexfs_l2_avx512(const float *q, const struct vexfs_row *row, __u32 n, float *sum)
{
	l2_rows(q, row, n, sum);
}

void vexfs_dot_avx512(const float *q, const struct vexfs_row *row, __u32 n, const __u32 *known,
		      float *dot, float *norm2)
{
	dot_rows(q, row, n, known, dot, norm2);
}

static inline __m512d eight(const float *x)
{
	return _mm512_cvtps_pd(_mm256_loadu_ps(x));
}

/* These products are rounded, and so not fused. */
void vexfs_l2_f64_avx512(const float *q, const float *x, __u32 n, double *s)
{
	__m512d low = _mm512_loadu_pd(s), high = _mm512_loadu_pd(s + 8), d;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		d = _mm512_sub_pd(eight(q + i), eight(x + i));
		low = _mm512_add_pd(low, _mm512_mul_pd(d, d));
		d = _mm512_sub_pd(eight(q + i + 8), eight(x + i + 8));
		high = _mm512_add_pd(high, _mm512_mul_pd(d, d));
	}
	_mm512_storeu_pd(s, low);
	_mm512_storeu_pd(s + 8, high);
}

/* Products of two floats are exact in double: fused or not, it is the same. */
void vexfs_dot_f64_avx512(const float *q, const float *x, __u32 n, double *s, double *t)
{
	__m512d low = _mm512_loadu_pd(s), high = _mm512_loadu_pd(s + 8), norm_low = _mm512_loadu_pd(t),
		norm_high = _mm512_loadu_pd(t + 8), b;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		b = eight(x + i);
		low = _mm512_fmadd_pd(eight(q + i), b, low);
		norm_low = _mm512_fmadd_pd(b, b, norm_low);
		b = eight(x + i + 8);
		high = _mm512_fmadd_pd(eight(q + i + 8), b, high);
		norm_high = _mm512_fmadd_pd(b, b, norm_high);
	}
	_mm512_storeu_pd(s, low);
	_mm512_storeu_pd(s + 8, high);
	_mm512_storeu_pd(t, norm_low);
	_mm512_storeu_pd(t + 8, norm_high);
}

void vexfs_norm_f64_avx512(const float *x, __u32 n, double *t)
{
	__m512d low = _mm512_loadu_pd(t), high = _mm512_loadu_pd(t + 8), b;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		b = eight(x + i);
		low = _mm512_fmadd_pd(b, b, low);
		b = eight(x + i + 8);
		high = _mm512_fmadd_pd(b, b, high);
	}
	_mm512_storeu_pd(t, low);
	_mm512_storeu_pd(t + 8, high);
}
