// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels with more of AVX-512 than the processors had that were first to have it: VNNI, products of
 * integers and their sums, and VPOPCNTDQ.  Only where the CPU has both, inside an FPU section.
 */
#include "lists.h"
#include "avx512.h"

/* Dims of 64 in order: low halves, then high ones. */
static inline __m512i levels(const __u8 *nibbles)
{
	__m256i b = _mm256_loadu_si256((const __m256i *)nibbles);

	return _mm512_and_si512(_mm512_inserti64x4(_mm512_castsi256_si512(b),
						   _mm256_srli_epi16(b, 4), 1),
				_mm512_set1_epi8(15));
}

void vexfs_nibbles_vnni(const __u8 *const *nibbles, __u32 n, const __s8 *fine, __u32 padded,
			__s32 *sum)
{
	__m512i s[4], v;
	__u32 i, j, k;

	for (k = 0; k + 4 <= n; k += 4) {
#pragma GCC unroll 4
		for (j = 0; j < 4; j++)
			s[j] = _mm512_setzero_si512();
		for (i = 0; i < padded; i += 64) {
			v = _mm512_loadu_si512(fine + i);
#pragma GCC unroll 4
			for (j = 0; j < 4; j++)
				s[j] = _mm512_dpbusd_epi32(s[j], levels(nibbles[k + j] + i / 2), v);
		}
		sums_epi32(s, sum + k);
	}
	for (; k < n; k++) {
		s[0] = _mm512_setzero_si512();
		for (i = 0; i < padded; i += 64)
			s[0] = _mm512_dpbusd_epi32(s[0], levels(nibbles[k] + i / 2),
						   _mm512_loadu_si512(fine + i));
		sum[k] = sum_epi32(s[0]);
	}
}

static inline __m512i widened(const __s8 *c)
{
	return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)c));
}

/* Four centres at a time: sums that do not wait for each other. */
void vexfs_whole_dots_vnni(const __s16 *x, const __s8 *c, __u32 n, __u32 padded, __s32 *dot)
{
	__m512i s[4], v, w;
	__u32 i, k, j;

	for (i = 0; i + 4 <= n; i += 4, c += 4 * (size_t)padded) {
#pragma GCC unroll 4
		for (j = 0; j < 4; j++)
			s[j] = _mm512_setzero_si512();
		for (k = 0; k < padded; k += 32) {
			v = _mm512_loadu_si512(x + k);
#pragma GCC unroll 4
			for (j = 0; j < 4; j++)
				s[j] = _mm512_dpwssd_epi32(s[j], v,
							   widened(c + j * (size_t)padded + k));
		}
		sums_epi32(s, dot + i);
	}
	for (; i < n; i++, c += padded) {
		v = w = _mm512_setzero_si512();
		for (k = 0; k < padded; k += 64) {
			v = _mm512_dpwssd_epi32(v, widened(c + k), _mm512_loadu_si512(x + k));
			w = _mm512_dpwssd_epi32(w, widened(c + k + 32),
						_mm512_loadu_si512(x + k + 32));
		}
		dot[i] = sum_epi32(_mm512_add_epi32(v, w));
	}
}

void vexfs_project_vnni(const __s16 *x, const __s16 *axis, __u32 n, __u32 width, __s32 *dot)
{
	__m512i s[4], v;
	__u32 i, k, j;

	for (i = 0; i < n; i += 4, axis += 4 * (size_t)width) {
#pragma GCC unroll 4
		for (j = 0; j < 4; j++)
			s[j] = _mm512_setzero_si512();
		for (k = 0; k < width; k += 32) {
			v = _mm512_loadu_si512(x + k);
#pragma GCC unroll 4
			for (j = 0; j < 4; j++)
				s[j] = _mm512_dpwssd_epi32(
					s[j], v, _mm512_loadu_si512(axis + j * (size_t)width + k));
		}
		sums_epi32(s, dot + i);
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
