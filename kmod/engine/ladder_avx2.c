// SPDX-License-Identifier: GPL-2.0
/*
 * ladder.c with AVX2.  Sums over a block of 32 codes by byte shuffles: FastScan (Andre, Kermarrec
 * and Le Scouarnec, VLDB 2015).  Only where the CPU has it, inside an FPU section.
 */
#include "lists.h"
#include <immintrin.h>

/*
 * Entries take a whole byte, so each is added as part of a 16-bit lane: once with its neighbour,
 * which is 256 times the other's sum too much, and once the neighbour alone.
 */
void vexfs_sums_avx2(const __u8 *block, const __u8 *table, __u32 padded, __u16 *sum)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i both0 = _mm256_setzero_si256(), odd0 = both0, both1 = both0, odd1 = both0;
	__m128i e, o;
	__u32 i;

	for (i = 0; i < padded; i += 8, block += 32, table += 32) {
		__m256i c = _mm256_loadu_si256((const __m256i *)block);
		__m256i t = _mm256_loadu_si256((const __m256i *)table);
		__m256i low = _mm256_shuffle_epi8(t, _mm256_and_si256(c, nibble));
		__m256i high = _mm256_shuffle_epi8(
			t, _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble));

		both0 = _mm256_add_epi16(both0, low);
		odd0 = _mm256_add_epi16(odd0, _mm256_srli_epi16(low, 8));
		both1 = _mm256_add_epi16(both1, high);
		odd1 = _mm256_add_epi16(odd1, _mm256_srli_epi16(high, 8));
	}
	both0 = _mm256_sub_epi16(both0, _mm256_slli_epi16(odd0, 8));
	both1 = _mm256_sub_epi16(both1, _mm256_slli_epi16(odd1, 8));
	e = _mm_add_epi16(_mm256_castsi256_si128(both0), _mm256_extracti128_si256(both0, 1));
	o = _mm_add_epi16(_mm256_castsi256_si128(odd0), _mm256_extracti128_si256(odd0, 1));
	_mm_storeu_si128((__m128i *)sum, _mm_unpacklo_epi16(e, o));
	_mm_storeu_si128((__m128i *)(sum + 8), _mm_unpackhi_epi16(e, o));
	e = _mm_add_epi16(_mm256_castsi256_si128(both1), _mm256_extracti128_si256(both1, 1));
	o = _mm_add_epi16(_mm256_castsi256_si128(odd1), _mm256_extracti128_si256(odd1, 1));
	_mm_storeu_si128((__m128i *)(sum + 16), _mm_unpacklo_epi16(e, o));
	_mm_storeu_si128((__m128i *)(sum + 24), _mm_unpackhi_epi16(e, o));
}

static inline __m256 bf16(const __u16 *b)
{
	__m256i v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)b));

	return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}

__u32 vexfs_lower_avx2(const struct vexfs_ladder *q, const __u16 *sum, const struct vexfs_rung1 *r,
		       const float *sigma, const float *most)
{
	const __m256 step = _mm256_set1_ps(q->times * q->step), middle = _mm256_set1_ps(q->middle),
		     plus = _mm256_set1_ps(q->plus), gate = _mm256_set1_ps(*most),
		     length = _mm256_set1_ps(q->times * q->reach),
		     lost = _mm256_set1_ps(q->times * q->times * q->lost),
		     sigmas = _mm256_set1_ps(*sigma);
	__u32 i, mask = 0;

	for (i = 0; i < VEXFS_CODE_BLOCK; i += 8) {
		__m256 f = bf16(r->scale + i), e = _mm256_mul_ps(bf16(r->error + i), length), v, off;

		v = _mm256_cvtepi32_ps(
			_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(sum + i))));
		v = _mm256_mul_ps(_mm256_sub_ps(v, middle), step);
		v = _mm256_fnmadd_ps(v, f, _mm256_add_ps(plus, _mm256_loadu_ps(r->add + i)));
		off = _mm256_mul_ps(_mm256_mul_ps(f, f), lost);
		off = _mm256_sqrt_ps(_mm256_fmadd_ps(e, e, off));
		v = _mm256_fnmadd_ps(off, sigmas, v);
		mask |= (__u32)_mm256_movemask_ps(_mm256_cmp_ps(v, gate, _CMP_LE_OQ)) << i;
	}
	return mask;
}

/* Four groups of products, of two each, are 4 * 2 * 2 * 15 * 127 at most: they fit 16 bits. */
static inline __s32 row_of_nibbles(const __u8 *nibbles, const __s8 *fine, __u32 padded)
{
	const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
	__m256i sum = _mm256_setzero_si256();
	const __s8 *end = fine + padded, *to;
	__m128i s;

	while (fine < end) {
		__m256i a = _mm256_setzero_si256(), b = a;

		to = end - fine < 256 ? end : fine + 256;
		for (; fine < to; nibbles += 32, fine += 64) {
			__m256i c = _mm256_loadu_si256((const __m256i *)nibbles), d;

			d = _mm256_maddubs_epi16(_mm256_and_si256(c, nibble),
						 _mm256_loadu_si256((const __m256i *)fine));
			a = _mm256_add_epi16(a, d);
			c = _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble);
			d = _mm256_maddubs_epi16(c, _mm256_loadu_si256((const __m256i *)(fine + 32)));
			b = _mm256_add_epi16(b, d);
		}
		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(a, b), one));
	}
	s = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return _mm_cvtsi128_si32(s);
}

void vexfs_nibbles_avx2(const __u8 *const *nibbles, __u32 n, const __s8 *fine, __u32 padded,
			__s32 *sum)
{
	__u32 i;

	for (i = 0; i < n; i++)
		sum[i] = row_of_nibbles(nibbles[i], fine, padded);
}
