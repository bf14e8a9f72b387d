// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels with more of AVX-512 than the processors had that were first to have it: VNNI, products of
 * integers and their sums, and VPOPCNTDQ.  Only where the CPU has both, inside an FPU section.
 */
#include "lists.h"
#include "avx512.h"

void vexfs_nibbles_vnni(const __u8 *const *nibbles, __u32 n, const __s8 *fine, __u32 padded,
			__s32 *sum)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	__u32 i, k;

	for (k = 0; k < n; k++) {
		__m512i s = _mm512_setzero_si512();

		for (i = 0; i < padded; i += 64) {
			__m256i b = _mm256_loadu_si256((const __m256i *)(nibbles[k] + i / 2));
			/* dims in order: low halves, then high ones */
			__m512i c = _mm512_inserti64x4(_mm512_castsi256_si512(b),
						       _mm256_srli_epi16(b, 4), 1);

			s = _mm512_dpbusd_epi32(s, _mm512_and_si512(c, nibble),
						_mm512_loadu_si512(fine + i));
		}
		sum[k] = sum_epi32(s);
	}
}

void vexfs_whole_dots_vnni(const __s16 *x, const __s8 *c, __u32 n, __u32 padded, __s32 *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i++, c += padded) {
		__m512i a = _mm512_setzero_si512(), b = a, v, w;

		for (k = 0; k < padded; k += 64) {
			v = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(c + k)));
			w = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(c + k + 32)));
			a = _mm512_dpwssd_epi32(a, v, _mm512_loadu_si512(x + k));
			b = _mm512_dpwssd_epi32(b, w, _mm512_loadu_si512(x + k + 32));
		}
		dot[i] = sum_epi32(_mm512_add_epi32(a, b));
	}
}

void vexfs_project_vnni(const __s16 *x, const __s16 *axis, __u32 n, __u32 width, __s32 *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i += 4, axis += 4 * (size_t)width) {
		const __s16 *a = axis, *b = a + width, *c = b + width, *d = c + width;
		__m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;

		for (k = 0; k < width; k += 32) {
			__m512i v = _mm512_loadu_si512(x + k);

			s0 = _mm512_dpwssd_epi32(s0, v, _mm512_loadu_si512(a + k));
			s1 = _mm512_dpwssd_epi32(s1, v, _mm512_loadu_si512(b + k));
			s2 = _mm512_dpwssd_epi32(s2, v, _mm512_loadu_si512(c + k));
			s3 = _mm512_dpwssd_epi32(s3, v, _mm512_loadu_si512(d + k));
		}
		dot[i] = sum_epi32(s0);
		dot[i + 1] = sum_epi32(s1);
		dot[i + 2] = sum_epi32(s2);
		dot[i + 3] = sum_epi32(s3);
	}
}

/* Bits that differ are counted: those that do not are all others. */
__u32 vexfs_planes_vnni(const __u64 *row, const __u64 *plane, __u32 words)
{
	__m512i sum = _mm512_setzero_si512();
	__u32 i, k;

	for (k = 0; k < words; k += 8) {
		__mmask8 m = words - k < 8 ? (__mmask8)((1u << (words - k)) - 1) : 0xff;
		__m512i r = _mm512_maskz_loadu_epi64(m, row + k), d;

		for (i = 0; i < 4; i++) {
			d = _mm512_maskz_loadu_epi64(m, plane + i * words + k);
			d = _mm512_popcnt_epi64(_mm512_xor_si512(r, d));
			sum = _mm512_add_epi64(sum, _mm512_slli_epi64(d, i));
		}
	}
	/* 64 bits of each lane, whose upper halves are 0 */
	return words * 64 * 15 - (__u32)sum_epi32(sum);
}
