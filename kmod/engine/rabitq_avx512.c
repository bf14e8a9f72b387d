// SPDX-License-Identifier: GPL-2.0
/* rabitq.c with AVX-512, see rabitq_avx2.c.  Only where the CPU has it, inside an FPU section. */
#include "internal.h"
#include "avx512.h"

void vexfs_signs_avx512(const float *x, __u32 n, __u64 *bits, double *sum)
{
	__m512d s = _mm512_setzero_pd(), t = s;
	__u16 *b = (__u16 *)bits;
	__m256d h;
	__m128d l;
	__u32 i;

	for (i = 0; i < n; i += 16) {
		__m512 v = _mm512_loadu_ps(x + i), a = _mm512_abs_ps(v);

		b[i / 16] = (__u16)~_mm512_movepi32_mask(_mm512_castps_si512(v));
		s = _mm512_add_pd(s, _mm512_cvtps_pd(_mm512_castps512_ps256(a)));
		t = _mm512_add_pd(t, _mm512_cvtps_pd(upper_ps(a)));
	}
	s = _mm512_add_pd(s, t);
	h = _mm256_add_pd(_mm512_castpd512_pd256(s), _mm512_extractf64x4_pd(s, 1));
	l = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
	*sum = _mm_cvtsd_f64(_mm_add_sd(l, _mm_unpackhi_pd(l, l)));
}

/* Sums of even and odd codes, in four lanes of 128 bits, to 16 sums in order. */
static inline void put_sums(__m512i even, __m512i odd, __u16 *sum)
{
	__m256i a = _mm256_add_epi16(_mm512_castsi512_si256(even),
				     _mm512_extracti64x4_epi64(even, 1));
	__m256i b = _mm256_add_epi16(_mm512_castsi512_si256(odd), _mm512_extracti64x4_epi64(odd, 1));
	__m128i e = _mm_add_epi16(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
	__m128i o = _mm_add_epi16(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));

	_mm_storeu_si128((__m128i *)sum, _mm_unpacklo_epi16(e, o));
	_mm_storeu_si128((__m128i *)(sum + 8), _mm_unpackhi_epi16(e, o));
}

/* Four groups of 4 dims per load, one in each lane. */
void vexfs_sums60_avx512(const __u8 *block, const __u8 *table, __u32 padded, __u16 *sum)
{
	const __m512i nibble = _mm512_set1_epi8(15), byte = _mm512_set1_epi16(255);
	__m512i even0 = _mm512_setzero_si512(), odd0 = even0, even1 = even0, odd1 = even0;
	__u32 i, k;

	for (i = 0; i < padded; i += 64) {
		__m512i low = _mm512_setzero_si512(), high = low;

		for (k = 0; k < 4; k++, block += 64, table += 64) {
			__m512i c = _mm512_loadu_si512(block), t = _mm512_loadu_si512(table);

			low = _mm512_add_epi8(low,
					      _mm512_shuffle_epi8(t, _mm512_and_si512(c, nibble)));
			c = _mm512_and_si512(_mm512_srli_epi16(c, 4), nibble);
			high = _mm512_add_epi8(high, _mm512_shuffle_epi8(t, c));
		}
		even0 = _mm512_add_epi16(even0, _mm512_and_si512(low, byte));
		odd0 = _mm512_add_epi16(odd0, _mm512_srli_epi16(low, 8));
		even1 = _mm512_add_epi16(even1, _mm512_and_si512(high, byte));
		odd1 = _mm512_add_epi16(odd1, _mm512_srli_epi16(high, 8));
	}
	put_sums(even0, odd0, sum);
	put_sums(even1, odd1, sum + 16);
}

/* For ladder.c, see ladder_avx2.c. */
void vexfs_sums_avx512(const __u8 *block, const __u8 *table, __u32 padded, __u16 *sum)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	__m512i both0 = _mm512_setzero_si512(), odd0 = both0, both1 = both0, odd1 = both0;
	__u32 i;

	for (i = 0; i < padded; i += 16, block += 64, table += 64) {
		__m512i c = _mm512_loadu_si512(block), t = _mm512_loadu_si512(table);
		__m512i low = _mm512_shuffle_epi8(t, _mm512_and_si512(c, nibble));
		__m512i high = _mm512_shuffle_epi8(
			t, _mm512_and_si512(_mm512_srli_epi16(c, 4), nibble));

		both0 = _mm512_add_epi16(both0, low);
		odd0 = _mm512_add_epi16(odd0, _mm512_srli_epi16(low, 8));
		both1 = _mm512_add_epi16(both1, high);
		odd1 = _mm512_add_epi16(odd1, _mm512_srli_epi16(high, 8));
	}
	put_sums(_mm512_sub_epi16(both0, _mm512_slli_epi16(odd0, 8)), odd0, sum);
	put_sums(_mm512_sub_epi16(both1, _mm512_slli_epi16(odd1, 8)), odd1, sum + 16);
}

static inline __m512i key(__m512 f)
{
	__m512i b = _mm512_castps_si512(f);
	__mmask16 negative = _mm512_movepi32_mask(b);

	b = _mm512_xor_si512(b, _mm512_set1_epi32((int)0x80000000u));
	return _mm512_mask_xor_epi32(b, negative, b, _mm512_set1_epi32(0x7fffffff));
}

static inline __u32 least_epu32(__m512i v)
{
	__m256i h = _mm256_min_epu32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
	__m128i x = _mm_min_epu32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));

	x = _mm_min_epu32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_min_epu32(x, _mm_shuffle_epi32(x, 0xb1));
	return (__u32)_mm_cvtsi128_si32(x);
}

__u32 vexfs_bounds_avx512(const struct vexfs_estimator *e, const __u16 *sum,
			  const struct vexfs_factor *f, const float *sigma, __u32 gate,
			  __u32 *lower, __u32 *upper, __u32 *refused)
{
	const float narrow = *sigma,
		    wide = narrow > VEXFS_SIGMA * 0.01f ? narrow : VEXFS_SIGMA * 0.01f;
	const __m512i open = _mm512_set1_epi32((int)gate), all = _mm512_set1_epi32(-1),
		      even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26,
					       28, 30),
		      odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
					      31);
	const __m512 zero = _mm512_setzero_ps();
	__m512i least = all;
	__u32 i, mask = 0, l;

	for (i = 0; i < VEXFS_CODE_BLOCK; i += 16) {
		/* norm2 and scale by turns: into two vectors */
		__m512 p = _mm512_loadu_ps(&f[i].norm2), q = _mm512_loadu_ps(&f[i + 8].norm2),
		       r2 = _mm512_permutex2var_ps(p, even, q),
		       s = _mm512_permutex2var_ps(p, odd, q), t, off, slop, dist;
		__mmask16 in, unknown;
		__m512i k;

		t = _mm512_cvtepi32_ps(
			_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(sum + i))));
		t = _mm512_mul_ps(_mm512_sub_ps(t, _mm512_set1_ps(e->middle)),
				  _mm512_set1_ps(e->step * e->times));
		dist = _mm512_fmadd_ps(_mm512_set1_ps(e->times_norm2), r2, _mm512_set1_ps(e->plus));
		dist = _mm512_fnmadd_ps(s, t, dist);
		off = _mm512_mul_ps(s, s);
		t = _mm512_max_ps(_mm512_fmsub_ps(off, _mm512_set1_ps(e->dims), r2), zero);
		off = _mm512_fmadd_ps(off, _mm512_set1_ps(e->lost),
				      _mm512_mul_ps(t, _mm512_set1_ps(e->variance)));
		off = _mm512_mul_ps(_mm512_sqrt_ps(off), _mm512_set1_ps(e->times));
		slop = _mm512_fmadd_ps(_mm512_set1_ps(e->slop_norm2), r2, _mm512_set1_ps(e->slop));
		slop = _mm512_fmadd_ps(_mm512_set1_ps(e->slop_scale), s, slop);
		unknown = _mm512_cmp_ps_mask(s, zero, _CMP_LT_OQ);
		t = _mm512_sub_ps(_mm512_fnmadd_ps(off, _mm512_set1_ps(narrow), dist), slop);
		k = _mm512_maskz_mov_epi32((__mmask16)~unknown, key(t));
		t = _mm512_add_ps(_mm512_fmadd_ps(off, _mm512_set1_ps(wide), dist), slop);
		_mm512_storeu_si512(lower + i, k);
		_mm512_storeu_si512(upper + i, _mm512_mask_mov_epi32(key(t), unknown, all));
		in = _mm512_cmple_epu32_mask(k, open);
		least = _mm512_mask_min_epu32(least, (__mmask16)~in, least, k);
		mask |= (__u32)in << i;
	}
	l = least_epu32(least);
	*refused = l < *refused ? l : *refused;
	return mask;
}
