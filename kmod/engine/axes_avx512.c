// SPDX-License-Identifier: GPL-2.0
/* axes.c with AVX-512, see axes_avx2.c.  Only where the CPU has it, inside an FPU section. */
#include "axes.h"
#include "avx512.h"

static inline __m512i product(__m512i x, const __s16 *axis)
{
	return _mm512_madd_epi16(x, _mm512_loadu_si512(axis));
}

void vexfs_project_avx512(const __s16 *x, const __s16 *axis, __u32 n, __u32 width, __s32 *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i += 4, axis += 4 * (size_t)width) {
		const __s16 *a = axis, *b = a + width, *c = b + width, *d = c + width;
		__m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;

		for (k = 0; k < width; k += 32) {
			__m512i v = _mm512_loadu_si512(x + k);

			s0 = _mm512_add_epi32(s0, product(v, a + k));
			s1 = _mm512_add_epi32(s1, product(v, b + k));
			s2 = _mm512_add_epi32(s2, product(v, c + k));
			s3 = _mm512_add_epi32(s3, product(v, d + k));
		}
		dot[i] = sum_epi32(s0);
		dot[i + 1] = sum_epi32(s1);
		dot[i + 2] = sum_epi32(s2);
		dot[i + 3] = sum_epi32(s3);
	}
}
