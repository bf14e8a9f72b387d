/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernels with AVX-512 share: sums over the lanes of a vector. */
#ifndef _VEXFS_ENGINE_AVX512_H
#define _VEXFS_ENGINE_AVX512_H

#include <immintrin.h>

static inline __m256 upper_ps(__m512 v)
{
	return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
}

static inline float sum_ps(__m512 v)
{
	__m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), upper_ps(v));
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));

	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	x = _mm_add_ss(x, _mm_movehdup_ps(x));
	return _mm_cvtss_f32(x);
}

static inline __s32 sum_epi32(__m512i v)
{
	__m256i h = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
	__m128i x = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));

	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1));
	return _mm_cvtsi128_si32(x);
}

/* The sums over the lanes of four vectors. */
static inline void sums_epi32(const __m512i *v, __s32 *sum)
{
	__m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]),
				     _mm512_unpackhi_epi32(v[0], v[1])),
		b = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]),
				     _mm512_unpackhi_epi32(v[2], v[3]));
	__m256i h;

	a = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
	h = _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
	_mm_storeu_si128((__m128i *)sum, _mm_add_epi32(_mm256_castsi256_si128(h),
						       _mm256_extracti128_si256(h, 1)));
}

#endif /* _VEXFS_ENGINE_AVX512_H */
