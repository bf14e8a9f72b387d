// SPDX-License-Identifier: GPL-2.0
/*
 * ladder_encode.c with AVX2: the same bits.  Only where the CPU has it, inside an FPU section.
 */
#include "lists.h"
#include "kernels.h"
#include <immintrin.h>

/* Eight parts of a sum. */
struct sum {
	__m256d low, high;
};

static inline double total(struct sum s)
{
	__m256d v = _mm256_add_pd(s.low, s.high);
	__m128d a = _mm256_castpd256_pd128(v), b = _mm256_extractf128_pd(v, 1);

	a = _mm_add_sd(a, _mm_unpackhi_pd(a, a));
	b = _mm_add_sd(b, _mm_unpackhi_pd(b, b));
	return _mm_cvtsd_f64(_mm_add_sd(a, b));
}

static inline __m256d low_of(__m256 v)
{
	return _mm256_cvtps_pd(_mm256_castps256_ps128(v));
}

static inline __m256d high_of(__m256 v)
{
	return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}

static inline void add(struct sum *s, __m256 v)
{
	s->low = _mm256_add_pd(s->low, low_of(v));
	s->high = _mm256_add_pd(s->high, high_of(v));
}

/* Products of two f32 are exact: fused or not is the same. */
static inline void add_product(struct sum *s, __m256 a, __m256 b)
{
	s->low = _mm256_fmadd_pd(low_of(a), low_of(b), s->low);
	s->high = _mm256_fmadd_pd(high_of(a), high_of(b), s->high);
}

void vexfs_encode1_avx2(const float *x, const float *centre, __u32 padded, __u64 *bits,
			double *sum)
{
	const __m256 sign = _mm256_castsi256_ps(_mm256_set1_epi32(1u << 31));
	struct sum r2 = { _mm256_setzero_pd(), _mm256_setzero_pd() }, sr = r2, sc = r2;
	__u8 *b = (__u8 *)bits;
	__u32 i;

	for (i = 0; i < padded; i += 8) {
		__m256 c = _mm256_loadu_ps(centre + i), r = _mm256_sub_ps(_mm256_loadu_ps(x + i), c);
		__m256 negative = _mm256_and_ps(r, sign);

		b[i / 8] = ~_mm256_movemask_ps(r);
		add_product(&r2, r, r);
		add(&sr, _mm256_xor_ps(r, negative));
		add(&sc, _mm256_xor_ps(c, negative));
	}
	sum[0] = total(r2);
	sum[1] = total(sr);
	sum[2] = total(sc);
}

void vexfs_encode2_avx2(const float *x, const float *centre, __u32 padded, const float *inverse,
			__u8 *nibble, double *sum)
{
	const __m256 by = _mm256_set1_ps(*inverse), middle = _mm256_set1_ps((VEXFS_NIBBLES - 1) * 0.5f);
	const __m256i plus = _mm256_set1_epi32(VEXFS_NIBBLES / 2),
		      most = _mm256_set1_epi32(VEXFS_NIBBLES - 1);
	struct sum yr = { _mm256_setzero_pd(), _mm256_setzero_pd() }, y2 = yr, yc = yr;
	__u8 level[64];
	__u32 i;

	for (i = 0; i < padded; i += 8) {
		__m256 c = _mm256_loadu_ps(centre + i), r = _mm256_sub_ps(_mm256_loadu_ps(x + i), c), y;
		__m256i v = _mm256_cvttps_epi32(_mm256_floor_ps(_mm256_mul_ps(r, by)));
		__m128i w;

		v = _mm256_add_epi32(v, plus);
		v = _mm256_min_epi32(_mm256_max_epi32(v, _mm256_setzero_si256()), most);
		y = _mm256_sub_ps(_mm256_cvtepi32_ps(v), middle);
		add_product(&yr, y, r);
		add_product(&y2, y, y);
		add_product(&yc, y, c);
		w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
		_mm_storel_epi64((__m128i *)(level + i % 64), _mm_packus_epi16(w, w));
		if (i % 64 == 56) {
			__m256i l = _mm256_loadu_si256((const __m256i *)level),
				h = _mm256_loadu_si256((const __m256i *)(level + 32));

			_mm256_storeu_si256((__m256i *)(nibble + i / 64 * 32),
					    _mm256_or_si256(l, _mm256_slli_epi16(h, 4)));
		}
	}
	sum[0] = total(yr);
	sum[1] = total(y2);
	sum[2] = total(yc);
}
