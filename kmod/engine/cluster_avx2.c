// SPDX-License-Identifier: GPL-2.0
/* cluster.c with AVX2 and FMA.  Only where the CPU has both, inside an FPU section. */
#include "lists.h"
#include <immintrin.h>

static inline float sum8(__m256 v)
{
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	x = _mm_add_ss(x, _mm_movehdup_ps(x));
	return _mm_cvtss_f32(x);
}

static float dot1(const float *x, const float *c, __u32 padded)
{
	__m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
	__u32 i;

	for (i = 0; i < padded; i += 32) {
		s0 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(c + i), s0);
		s1 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 8), _mm256_loadu_ps(c + i + 8), s1);
		s2 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 16), _mm256_loadu_ps(c + i + 16), s2);
		s3 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 24), _mm256_loadu_ps(c + i + 24), s3);
	}
	return sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

/* Four centres at a time share the loads of x. */
void vexfs_dots_avx2(const float *x, const float *c, __u32 n, __u32 padded, float *dot)
{
	__u32 i, k;

	for (i = 0; i + 4 <= n; i += 4, c += 4 * (size_t)padded) {
		const float *a = c, *b = a + padded, *d = b + padded, *e = d + padded;
		__m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
		__m256 t0 = s0, t1 = s0, t2 = s0, t3 = s0;

		for (k = 0; k < padded; k += 16) {
			__m256 v = _mm256_loadu_ps(x + k), w = _mm256_loadu_ps(x + k + 8);

			s0 = _mm256_fmadd_ps(v, _mm256_loadu_ps(a + k), s0);
			s1 = _mm256_fmadd_ps(v, _mm256_loadu_ps(b + k), s1);
			s2 = _mm256_fmadd_ps(v, _mm256_loadu_ps(d + k), s2);
			s3 = _mm256_fmadd_ps(v, _mm256_loadu_ps(e + k), s3);
			t0 = _mm256_fmadd_ps(w, _mm256_loadu_ps(a + k + 8), t0);
			t1 = _mm256_fmadd_ps(w, _mm256_loadu_ps(b + k + 8), t1);
			t2 = _mm256_fmadd_ps(w, _mm256_loadu_ps(d + k + 8), t2);
			t3 = _mm256_fmadd_ps(w, _mm256_loadu_ps(e + k + 8), t3);
		}
		dot[i] = sum8(_mm256_add_ps(s0, t0));
		dot[i + 1] = sum8(_mm256_add_ps(s1, t1));
		dot[i + 2] = sum8(_mm256_add_ps(s2, t2));
		dot[i + 3] = sum8(_mm256_add_ps(s3, t3));
	}
	for (; i < n; i++, c += padded)
		dot[i] = dot1(x, c, padded);
}

static inline void far8(const float *z, const __s8 *whole, __m256 step, __m256 *dot, __m256 *d2)
{
	__m256 c = _mm256_cvtepi32_ps(
		_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)whole)));
	__m256 v = _mm256_loadu_ps(z), d;

	d = _mm256_fnmadd_ps(c, step, v);
	*dot = _mm256_fmadd_ps(v, c, *dot);
	*d2 = _mm256_fmadd_ps(d, d, *d2);
}

/* Four sums of each, as one would wait for itself. */
void vexfs_centre_far_avx2(const float *z, const __s8 *whole, const float *scale, __u32 padded,
			   float *dot, float *d2)
{
	const __m256 step = _mm256_set1_ps(*scale);
	__m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0,
	       t3 = s0;
	__u32 i;

	for (i = 0; i < padded; i += 32) {
		far8(z + i, whole + i, step, &s0, &t0);
		far8(z + i + 8, whole + i + 8, step, &s1, &t1);
		far8(z + i + 16, whole + i + 16, step, &s2, &t2);
		far8(z + i + 24, whole + i + 24, step, &s3, &t3);
	}
	*dot = sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3))) * *scale;
	*d2 = sum8(_mm256_add_ps(_mm256_add_ps(t0, t1), _mm256_add_ps(t2, t3)));
}

static inline __s32 whole_dot(const __s16 *x, const __s8 *c, __u32 padded)
{
	__m256i a = _mm256_setzero_si256(), b = a;
	__m128i s;
	__u32 i;

	for (i = 0; i < padded; i += 32, x += 32, c += 32) {
		__m256i v = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)c));
		__m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(c + 16)));

		v = _mm256_madd_epi16(v, _mm256_loadu_si256((const __m256i *)x));
		w = _mm256_madd_epi16(w, _mm256_loadu_si256((const __m256i *)(x + 16)));
		a = _mm256_add_epi32(a, v);
		b = _mm256_add_epi32(b, w);
	}
	a = _mm256_add_epi32(a, b);
	s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return _mm_cvtsi128_si32(s);
}

void vexfs_whole_dots_avx2(const __s16 *x, const __s8 *c, __u32 n, __u32 padded, __s32 *dot)
{
	__u32 i;

	for (i = 0; i < n; i++, c += padded)
		dot[i] = whole_dot(x, c, padded);
}

void vexfs_magnitude_avx2(const float *x, __u32 padded, float *most)
{
	const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
	__m256 a = _mm256_setzero_ps(), b = a;
	__m128 m;
	__u32 i;

	for (i = 0; i < padded; i += 16) {
		a = _mm256_max_ps(a, _mm256_and_ps(_mm256_loadu_ps(x + i), magnitude));
		b = _mm256_max_ps(b, _mm256_and_ps(_mm256_loadu_ps(x + i + 8), magnitude));
	}
	a = _mm256_max_ps(a, b);
	m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	m = _mm_max_ps(m, _mm_movehl_ps(m, m));
	m = _mm_max_ss(m, _mm_movehdup_ps(m));
	*most = _mm_cvtss_f32(m);
}

/* No fused multiply-add: the same numbers as without AVX2. */
void vexfs_round_avx2(const float *x, __u32 padded, const float *by, const float *plus, __s16 *to)
{
	const __m256 m = _mm256_set1_ps(*by), p = _mm256_set1_ps(*plus);
	__u32 i;

	for (i = 0; i < padded; i += 16) {
		__m256 a = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), m), p);
		__m256 b = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i + 8), m), p);
		__m256i v = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));

		_mm256_storeu_si256((__m256i *)(to + i), _mm256_permute4x64_epi64(v, 0xd8));
	}
}
