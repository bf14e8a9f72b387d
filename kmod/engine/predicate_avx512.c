// SPDX-License-Identifier: GPL-2.0
/*
 * Comparisons of a column of 64-bit integers with AVX-512, eight at a time.  Only called where the CPU
 * has it, inside an FPU section, though nothing here is a floating-point number.
 */
#include "internal.h"
#include "avx512.h"

void vexfs_in_avx512(const __s64 *col, const __s64 *value, __u32 n, __u32 words, __u64 *out)
{
	__u32 w, i, k;

	for (w = 0; w < words; w++, col += 64) {
		__u64 bits = 0;

		for (i = 0; i < 64; i += 16) {
			__m512i a = _mm512_loadu_si512(col + i), b = _mm512_loadu_si512(col + i + 8), v;
			__u32 x = 0, y = 0;

			for (k = 0; k < n; k++) {
				v = _mm512_set1_epi64(value[k]);
				x |= _mm512_cmpeq_epi64_mask(a, v);
				y |= _mm512_cmpeq_epi64_mask(b, v);
			}
			bits |= (__u64)(x | y << 8) << i;
		}
		out[w] = bits;
	}
}

void vexfs_less_avx512(const __s64 *col, __s64 value, __u32 words, __u64 *out)
{
	__m512i v = _mm512_set1_epi64(value);
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64)
		for (i = 0, out[w] = 0; i < 64; i += 8)
			out[w] |= (__u64)_mm512_cmpgt_epi64_mask(v, _mm512_loadu_si512(col + i)) << i;
}

void vexfs_mask_avx512(const __s64 *col, __s64 value, __u32 words, __u64 *out)
{
	__m512i v = _mm512_set1_epi64(value);
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64)
		for (i = 0, out[w] = 0; i < 64; i += 8)
			out[w] |= (__u64)_mm512_test_epi64_mask(v, _mm512_loadu_si512(col + i)) << i;
}
