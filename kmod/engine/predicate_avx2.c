// SPDX-License-Identifier: GPL-2.0
/*
 * Comparisons of a column of 64-bit integers with AVX2, four at a time.  Only called where the CPU
 * has it, inside an FPU section, though nothing here is a floating-point number.
 */
#include "internal.h"
#include <immintrin.h>

/* Four truth values of all ones or zeros -> four bits. */
static inline __u64 bits4(__m256i v)
{
	return (__u32)_mm256_movemask_pd(_mm256_castsi256_pd(v));
}

static inline __m256i load(const __s64 *col)
{
	return _mm256_loadu_si256((const __m256i *)col);
}

void vexfs_in_avx2(const __s64 *col, const __s64 *value, __u32 n, __u32 words, __u64 *out)
{
	__u32 w, i, k;

	for (w = 0; w < words; w++, col += 64) {
		__u64 bits = 0;

		for (i = 0; i < 64; i += 8) {
			__m256i a = load(col + i), b = load(col + i + 4),
				x = _mm256_setzero_si256(), y = x, v;

			for (k = 0; k < n; k++) {
				v = _mm256_set1_epi64x(value[k]);
				x = _mm256_or_si256(x, _mm256_cmpeq_epi64(a, v));
				y = _mm256_or_si256(y, _mm256_cmpeq_epi64(b, v));
			}
			bits |= (bits4(x) | bits4(y) << 4) << i;
		}
		out[w] = bits;
	}
}

void vexfs_less_avx2(const __s64 *col, __s64 value, __u32 words, __u64 *out)
{
	__m256i v = _mm256_set1_epi64x(value);
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64) {
		__u64 bits = 0;

		for (i = 0; i < 64; i += 4)
			bits |= bits4(_mm256_cmpgt_epi64(v, load(col + i))) << i;
		out[w] = bits;
	}
}

void vexfs_mask_avx2(const __s64 *col, __s64 value, __u32 words, __u64 *out)
{
	__m256i v = _mm256_set1_epi64x(value), none = _mm256_setzero_si256();
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64) {
		__u64 bits = 0;

		for (i = 0; i < 64; i += 4)
			bits |= bits4(_mm256_cmpeq_epi64(_mm256_and_si256(v, load(col + i)), none))
				<< i;
		out[w] = ~bits;
	}
}
