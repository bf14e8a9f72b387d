// SPDX-License-Identifier: GPL-2.0
/* cluster.c with AVX-512, see cluster_avx2.c.  Only where the CPU has it, inside an FPU section. */
#include "lists.h"
#include "avx512.h"

static inline float dot1(const float *x, const float *c, __u32 padded)
{
	__m512 s0 = _mm512_setzero_ps(), s1 = s0;
	__u32 i;

	for (i = 0; i < padded; i += 32) {
		s0 = _mm512_fmadd_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(c + i), s0);
		s1 = _mm512_fmadd_ps(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(c + i + 16), s1);
	}
	return sum_ps(_mm512_add_ps(s0, s1));
}

/* Four centres at a time share the loads of x. */
void vexfs_dots_avx512(const float *x, const float *c, __u32 n, __u32 padded, float *dot)
{
	__u32 i, k;

	for (i = 0; i + 4 <= n; i += 4, c += 4 * (size_t)padded) {
		const float *a = c, *b = a + padded, *d = b + padded, *e = d + padded;
		__m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
		__m512 t0 = s0, t1 = s0, t2 = s0, t3 = s0;

		for (k = 0; k < padded; k += 32) {
			__m512 v = _mm512_loadu_ps(x + k), w = _mm512_loadu_ps(x + k + 16);

			s0 = _mm512_fmadd_ps(v, _mm512_loadu_ps(a + k), s0);
			s1 = _mm512_fmadd_ps(v, _mm512_loadu_ps(b + k), s1);
			s2 = _mm512_fmadd_ps(v, _mm512_loadu_ps(d + k), s2);
			s3 = _mm512_fmadd_ps(v, _mm512_loadu_ps(e + k), s3);
			t0 = _mm512_fmadd_ps(w, _mm512_loadu_ps(a + k + 16), t0);
			t1 = _mm512_fmadd_ps(w, _mm512_loadu_ps(b + k + 16), t1);
			t2 = _mm512_fmadd_ps(w, _mm512_loadu_ps(d + k + 16), t2);
			t3 = _mm512_fmadd_ps(w, _mm512_loadu_ps(e + k + 16), t3);
		}
		dot[i] = sum_ps(_mm512_add_ps(s0, t0));
		dot[i + 1] = sum_ps(_mm512_add_ps(s1, t1));
		dot[i + 2] = sum_ps(_mm512_add_ps(s2, t2));
		dot[i + 3] = sum_ps(_mm512_add_ps(s3, t3));
	}
	for (; i < n; i++, c += padded)
		dot[i] = dot1(x, c, padded);
}

static inline void far16(const float *z, const __s8 *whole, __m512 step, __m512 *dot, __m512 *d2)
{
	__m512 c = _mm512_cvtepi32_ps(
		_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)whole)));
	__m512 v = _mm512_loadu_ps(z), d;

	d = _mm512_fnmadd_ps(c, step, v);
	*dot = _mm512_fmadd_ps(v, c, *dot);
	*d2 = _mm512_fmadd_ps(d, d, *d2);
}

void vexfs_centre_far_avx512(const float *z, const __s8 *whole, const float *scale, __u32 padded,
			     float *dot, float *d2)
{
	const __m512 step = _mm512_set1_ps(*scale);
	__m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0,
	       t3 = s0;
	__u32 i;

	for (i = 0; i < padded; i += 64) {
		far16(z + i, whole + i, step, &s0, &t0);
		far16(z + i + 16, whole + i + 16, step, &s1, &t1);
		far16(z + i + 32, whole + i + 32, step, &s2, &t2);
		far16(z + i + 48, whole + i + 48, step, &s3, &t3);
	}
	*dot = sum_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3))) * *scale;
	*d2 = sum_ps(_mm512_add_ps(_mm512_add_ps(t0, t1), _mm512_add_ps(t2, t3)));
}

void vexfs_whole_dots_avx512(const __s16 *x, const __s8 *c, __u32 n, __u32 padded, __s32 *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i++, c += padded) {
		__m512i a = _mm512_setzero_si512(), b = a, v, w;

		for (k = 0; k < padded; k += 64) {
			v = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(c + k)));
			w = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(c + k + 32)));
			v = _mm512_madd_epi16(v, _mm512_loadu_si512(x + k));
			w = _mm512_madd_epi16(w, _mm512_loadu_si512(x + k + 32));
			a = _mm512_add_epi32(a, v);
			b = _mm512_add_epi32(b, w);
		}
		dot[i] = sum_epi32(_mm512_add_epi32(a, b));
	}
}

void vexfs_magnitude_avx512(const float *x, __u32 padded, float *most)
{
	__m512 a = _mm512_setzero_ps(), b = a;
	__m256 h;
	__m128 m;
	__u32 i;

	for (i = 0; i < padded; i += 32) {
		a = _mm512_max_ps(a, _mm512_abs_ps(_mm512_loadu_ps(x + i)));
		b = _mm512_max_ps(b, _mm512_abs_ps(_mm512_loadu_ps(x + i + 16)));
	}
	a = _mm512_max_ps(a, b);
	h = _mm256_max_ps(_mm512_castps512_ps256(a), upper_ps(a));
	m = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
	m = _mm_max_ps(m, _mm_movehl_ps(m, m));
	m = _mm_max_ss(m, _mm_movehdup_ps(m));
	*most = _mm_cvtss_f32(m);
}

/* No fused multiply-add: the same numbers as without AVX-512. */
void vexfs_round_avx512(const float *x, __u32 padded, const float *by, const float *plus, __s16 *to)
{
	const __m512 m = _mm512_set1_ps(*by), p = _mm512_set1_ps(*plus);
	__u32 i;

	for (i = 0; i < padded; i += 16) {
		__m512 a = _mm512_add_ps(_mm512_mul_ps(_mm512_loadu_ps(x + i), m), p);

		_mm256_storeu_si256((__m256i *)(to + i),
				    _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(a)));
	}
}
