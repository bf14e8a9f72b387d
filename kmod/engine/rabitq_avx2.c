// SPDX-License-Identifier: GPL-2.0
/*
 * rabitq.c with AVX2.  Sums over a block of 32 codes by byte shuffles: FastScan (Andre, Kermarrec
 * and Le Scouarnec, VLDB 2015), as RaBitQ uses it (section 3.3.2).  Only where the CPU has it,
 * inside an FPU section.
 */
#include "internal.h"
#include <immintrin.h>

void vexfs_signs_avx2(const float *x, __u32 n, __u64 *bits, double *sum)
{
	const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
	__m256d s = _mm256_setzero_pd(), t = s;
	__u8 *b = (__u8 *)bits;
	__m128d h;
	__u32 i;

	for (i = 0; i < n; i += 8) {
		__m256 v = _mm256_loadu_ps(x + i), a = _mm256_and_ps(v, magnitude);

		b[i / 8] = ~_mm256_movemask_ps(v);
		s = _mm256_add_pd(s, _mm256_cvtps_pd(_mm256_castps256_ps128(a)));
		t = _mm256_add_pd(t, _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)));
	}
	s = _mm256_add_pd(s, t);
	h = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));
	*sum = _mm_cvtsd_f64(_mm_add_sd(h, _mm_unpackhi_pd(h, h)));
}

void vexfs_sums60_avx2(const __u8 *block, const __u8 *table, __u32 padded, __u16 *sum)
{
	const __m256i nibble = _mm256_set1_epi8(15), byte = _mm256_set1_epi16(255);
	__m256i even0 = _mm256_setzero_si256(), odd0 = even0, even1 = even0, odd1 = even0;
	__m128i e, o;
	__u32 i, k;

	/*
	 * two groups of 4 dims per load, one in each half; an entry is 60 at most, so four fit a
	 * byte
	 */
	for (i = 0; i < padded; i += 32) {
		__m256i low = _mm256_setzero_si256(), high = low;

		for (k = 0; k < 4; k++, block += 32, table += 32) {
			__m256i c = _mm256_loadu_si256((const __m256i *)block);
			__m256i t = _mm256_loadu_si256((const __m256i *)table);

			low = _mm256_add_epi8(low,
					      _mm256_shuffle_epi8(t, _mm256_and_si256(c, nibble)));
			c = _mm256_and_si256(_mm256_srli_epi16(c, 4), nibble);
			high = _mm256_add_epi8(high, _mm256_shuffle_epi8(t, c));
		}
		even0 = _mm256_add_epi16(even0, _mm256_and_si256(low, byte));
		odd0 = _mm256_add_epi16(odd0, _mm256_srli_epi16(low, 8));
		even1 = _mm256_add_epi16(even1, _mm256_and_si256(high, byte));
		odd1 = _mm256_add_epi16(odd1, _mm256_srli_epi16(high, 8));
	}
	e = _mm_add_epi16(_mm256_castsi256_si128(even0), _mm256_extracti128_si256(even0, 1));
	o = _mm_add_epi16(_mm256_castsi256_si128(odd0), _mm256_extracti128_si256(odd0, 1));
	_mm_storeu_si128((__m128i *)sum, _mm_unpacklo_epi16(e, o));
	_mm_storeu_si128((__m128i *)(sum + 8), _mm_unpackhi_epi16(e, o));
	e = _mm_add_epi16(_mm256_castsi256_si128(even1), _mm256_extracti128_si256(even1, 1));
	o = _mm_add_epi16(_mm256_castsi256_si128(odd1), _mm256_extracti128_si256(odd1, 1));
	_mm_storeu_si128((__m128i *)(sum + 16), _mm_unpacklo_epi16(e, o));
	_mm_storeu_si128((__m128i *)(sum + 24), _mm_unpackhi_epi16(e, o));
}

/* Twice 16 counts of the bits of a half byte, times 2^plane. */
static const __u8 counts[4][16] __attribute__((aligned(16))) = {
	{ 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 },
	{ 0, 2, 2, 4, 2, 4, 4, 6, 2, 4, 4, 6, 4, 6, 6, 8 },
	{ 0, 4, 4, 8, 4, 8, 8, 12, 4, 8, 8, 12, 8, 12, 12, 16 },
	{ 0, 8, 8, 16, 8, 16, 16, 24, 8, 16, 16, 24, 16, 24, 24, 32 },
};

/* Bits that differ in [0, words), a multiple of 4: a byte of the sum is 8 * 15 at most. */
static __u32 differ(const __u64 *row, const __u64 *plane, __u32 stride, __u32 words)
{
	const __m256i nibble = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
	__m256i all = zero, n[4];
	__u32 i, k;
	__m128i h;

	for (i = 0; i < 4; i++)
		n[i] = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)counts[i]));
	for (k = 0; k < words; k += 4) {
		__m256i r = _mm256_loadu_si256((const __m256i *)(row + k)), bytes = zero;

		for (i = 0; i < 4; i++) {
			__m256i d = _mm256_xor_si256(r, _mm256_loadu_si256(
							(const __m256i *)(plane + i * stride + k)));
			__m256i low = _mm256_and_si256(d, nibble);
			__m256i high = _mm256_and_si256(_mm256_srli_epi16(d, 4), nibble);

			bytes = _mm256_add_epi8(bytes, _mm256_shuffle_epi8(n[i], low));
			bytes = _mm256_add_epi8(bytes, _mm256_shuffle_epi8(n[i], high));
		}
		all = _mm256_add_epi64(all, _mm256_sad_epu8(bytes, zero));
	}
	h = _mm_add_epi64(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
	h = _mm_add_epi64(h, _mm_unpackhi_epi64(h, h));
	return (__u32)_mm_cvtsi128_si32(h);
}

__u32 vexfs_planes_avx2(const __u64 *row, const __u64 *plane, __u32 words)
{
	__u32 k = words & ~3u, sum = k ? differ(row, plane, words, k) : 0, i;

	for (; k < words; k++)
		for (i = 0; i < 4; i++)
			sum += (__u32)__builtin_popcountll(row[k] ^ plane[i * words + k]) << i;
	return words * 64 * 15 - sum;
}

static inline __m256i key(__m256 f)
{
	__m256i b = _mm256_castps_si256(f);

	return _mm256_xor_si256(b, _mm256_or_si256(_mm256_srai_epi32(b, 31),
						   _mm256_set1_epi32(0x80000000)));
}

__u32 vexfs_bounds_avx2(const struct vexfs_estimator *e, const __u16 *sum,
			const struct vexfs_factor *f, const float *sigma, __u32 gate, __u32 *lower,
			__u32 *upper, __u32 *refused)
{
	const float narrow = *sigma,
		    wide = narrow > VEXFS_SIGMA * 0.01f ? narrow : VEXFS_SIGMA * 0.01f;
	const __m256 zero = _mm256_setzero_ps();
	const __m256i open = _mm256_set1_epi32(gate), all = _mm256_set1_epi32(-1);
	__m256i least = all;
	__u32 i, mask = 0, low[8];

	for (i = 0; i < VEXFS_CODE_BLOCK; i += 8) {
		/* norm2 and scale by turns: into two vectors */
		__m256 p = _mm256_loadu_ps(&f[i].norm2), q = _mm256_loadu_ps(&f[i + 4].norm2), s,
		       r2, t, off, slop, dist;
		__m256i k, in, unknown;

		t = _mm256_permute2f128_ps(p, q, 0x20);
		q = _mm256_permute2f128_ps(p, q, 0x31);
		r2 = _mm256_shuffle_ps(t, q, 0x88);
		s = _mm256_shuffle_ps(t, q, 0xdd);
		t = _mm256_cvtepi32_ps(
			_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(sum + i))));
		t = _mm256_mul_ps(_mm256_sub_ps(t, _mm256_set1_ps(e->middle)),
				  _mm256_set1_ps(e->step * e->times));
		dist = _mm256_fmadd_ps(_mm256_set1_ps(e->times_norm2), r2, _mm256_set1_ps(e->plus));
		dist = _mm256_fnmadd_ps(s, t, dist);
		off = _mm256_mul_ps(s, s);
		t = _mm256_max_ps(_mm256_fmsub_ps(off, _mm256_set1_ps(e->dims), r2), zero);
		off = _mm256_fmadd_ps(off, _mm256_set1_ps(e->lost),
				      _mm256_mul_ps(t, _mm256_set1_ps(e->variance)));
		off = _mm256_mul_ps(_mm256_sqrt_ps(off), _mm256_set1_ps(e->times));
		slop = _mm256_fmadd_ps(_mm256_set1_ps(e->slop_norm2), r2, _mm256_set1_ps(e->slop));
		slop = _mm256_fmadd_ps(_mm256_set1_ps(e->slop_scale), s, slop);
		unknown = _mm256_castps_si256(_mm256_cmp_ps(s, zero, _CMP_LT_OQ));
		t = _mm256_sub_ps(_mm256_fnmadd_ps(off, _mm256_set1_ps(narrow), dist), slop);
		k = _mm256_andnot_si256(unknown, key(t));
		t = _mm256_add_ps(_mm256_fmadd_ps(off, _mm256_set1_ps(wide), dist), slop);
		_mm256_storeu_si256((__m256i *)(lower + i), k);
		_mm256_storeu_si256((__m256i *)(upper + i),
				    _mm256_or_si256(unknown, key(t)));
		in = _mm256_cmpeq_epi32(_mm256_max_epu32(k, open), open);
		least = _mm256_min_epu32(least, _mm256_or_si256(k, in));
		mask |= (__u32)_mm256_movemask_ps(_mm256_castsi256_ps(in)) << i;
	}
	_mm256_storeu_si256((__m256i *)low, least);
	for (i = 0; i < 8; i++)
		if (low[i] < *refused)
			*refused = low[i];
	return mask;
}
