// SPDX-License-Identifier: GPL-2.0
/*
 * Distances with AVX2 and FMA: four accumulators hide the latency of the fused multiply-add.  Only
 * called where the CPU has both, inside an FPU section.
 */
#include "internal.h"
#include <immintrin.h>

static inline float sum8(__m256 v)
{
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	x = _mm_add_ss(x, _mm_movehdup_ps(x));
	return _mm_cvtss_f32(x);
}

static float l2(const float *a, const float *b, __u32 n)
{
	__m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, d;
	float tail = 0;
	__u32 i = 0;

	for (; i + 32 <= n; i += 32) {
		d = _mm256_sub_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
		s0 = _mm256_fmadd_ps(d, d, s0);
		d = _mm256_sub_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));
		s1 = _mm256_fmadd_ps(d, d, s1);
		d = _mm256_sub_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));
		s2 = _mm256_fmadd_ps(d, d, s2);
		d = _mm256_sub_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));
		s3 = _mm256_fmadd_ps(d, d, s3);
	}
	for (; i + 8 <= n; i += 8) {
		d = _mm256_sub_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
		s0 = _mm256_fmadd_ps(d, d, s0);
	}
	for (; i < n; i++)
		tail += (a[i] - b[i]) * (a[i] - b[i]);
	return sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3))) + tail;
}

static float dot(const float *a, const float *b, __u32 n)
{
	__m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
	float tail = 0;
	__u32 i = 0;

	for (; i + 32 <= n; i += 32) {
		s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
		s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
		s2 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
		s3 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
	}
	for (; i + 8 <= n; i += 8)
		s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
	for (; i < n; i++)
		tail += a[i] * b[i];
	return sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3))) + tail;
}

static void dot_norm(const float *a, const float *b, __u32 n, float *to, float *norm)
{
	__m256 s0 = _mm256_setzero_ps(), s1 = s0, n0 = s0, n1 = s0, x;
	float tail = 0, ntail = 0;
	__u32 i = 0;

	for (; i + 16 <= n; i += 16) {
		x = _mm256_loadu_ps(b + i);
		s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), x, s0);
		n0 = _mm256_fmadd_ps(x, x, n0);
		x = _mm256_loadu_ps(b + i + 8);
		s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), x, s1);
		n1 = _mm256_fmadd_ps(x, x, n1);
	}
	for (; i < n; i++) {
		tail += a[i] * b[i];
		ntail += b[i] * b[i];
	}
	*to = sum8(_mm256_add_ps(s0, s1)) + tail;
	*norm = sum8(_mm256_add_ps(n0, n1)) + ntail;
}

#include "rows.h"

void vexfs_l2_avx2(const float *q, const struct vexfs_row *row, __u32 n, float *sum)
{
	l2_rows(q, row, n, sum);
}

void vexfs_dot_avx2(const float *q, const struct vexfs_row *row, __u32 n, const __u32 *known,
		    float *dot, float *norm2)
{
	dot_rows(q, row, n, known, dot, norm2);
}

static inline __m256d four(const float *x)
{
	return _mm256_cvtps_pd(_mm_loadu_ps(x));
}

/*
 * Half of the sums at a time, which are as many as hide what a conversion takes.  These products are
 * rounded, and so not fused.
 */
static inline void half_l2(const float *q, const float *x, __u32 n, double *s)
{
	__m256d s0 = _mm256_loadu_pd(s), s1 = _mm256_loadu_pd(s + 4), d;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		d = _mm256_sub_pd(four(q + i), four(x + i));
		s0 = _mm256_add_pd(s0, _mm256_mul_pd(d, d));
		d = _mm256_sub_pd(four(q + i + 4), four(x + i + 4));
		s1 = _mm256_add_pd(s1, _mm256_mul_pd(d, d));
	}
	_mm256_storeu_pd(s, s0);
	_mm256_storeu_pd(s + 4, s1);
}

void vexfs_l2_f64_avx2(const float *q, const float *x, __u32 n, double *s)
{
	half_l2(q, x, n, s);
	half_l2(q + 8, x + 8, n, s + 8);
}

/* Products of two floats are exact in double: fused or not, it is the same. */
static inline void half_dot(const float *q, const float *x, __u32 n, double *s, double *t)
{
	__m256d s0 = _mm256_loadu_pd(s), s1 = _mm256_loadu_pd(s + 4), t0 = _mm256_loadu_pd(t),
		t1 = _mm256_loadu_pd(t + 4), b;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		b = four(x + i);
		s0 = _mm256_fmadd_pd(four(q + i), b, s0);
		t0 = _mm256_fmadd_pd(b, b, t0);
		b = four(x + i + 4);
		s1 = _mm256_fmadd_pd(four(q + i + 4), b, s1);
		t1 = _mm256_fmadd_pd(b, b, t1);
	}
	_mm256_storeu_pd(s, s0);
	_mm256_storeu_pd(s + 4, s1);
	_mm256_storeu_pd(t, t0);
	_mm256_storeu_pd(t + 4, t1);
}

void vexfs_dot_f64_avx2(const float *q, const float *x, __u32 n, double *s, double *t)
{
	half_dot(q, x, n, s, t);
	half_dot(q + 8, x + 8, n, s + 8, t + 8);
}

void vexfs_norm_f64_avx2(const float *x, __u32 n, double *t)
{
	__m256d t0 = _mm256_loadu_pd(t), t1 = _mm256_loadu_pd(t + 4), t2 = _mm256_loadu_pd(t + 8),
		t3 = _mm256_loadu_pd(t + 12), b;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		b = four(x + i);
		t0 = _mm256_fmadd_pd(b, b, t0);
		b = four(x + i + 4);
		t1 = _mm256_fmadd_pd(b, b, t1);
		b = four(x + i + 8);
		t2 = _mm256_fmadd_pd(b, b, t2);
		b = four(x + i + 12);
		t3 = _mm256_fmadd_pd(b, b, t3);
	}
	_mm256_storeu_pd(t, t0);
	_mm256_storeu_pd(t + 4, t1);
	_mm256_storeu_pd(t + 8, t2);
	_mm256_storeu_pd(t + 12, t3);
}
