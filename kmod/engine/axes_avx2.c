// SPDX-License-Identifier: GPL-2.0
/* axes.c with AVX2.  Only where the CPU has it, inside an FPU section. */
#include "axes.h"
#include "kernels.h"
#include <immintrin.h>

static inline __s32 sum8(__m256i v)
{
	__m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return _mm_cvtsi128_si32(s);
}

static inline __m256i load(const __s16 *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* Four axes at a time share the loads of x; n is a multiple of 64, and so is width. */
void vexfs_project_avx2(const __s16 *x, const __s16 *axis, __u32 n, __u32 width, __s32 *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i += 4, axis += 4 * (size_t)width) {
		const __s16 *a = axis, *b = a + width, *c = b + width, *d = c + width;
		__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;

		for (k = 0; k < width; k += 16) {
			__m256i v = load(x + k);

			s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(v, load(a + k)));
			s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(v, load(b + k)));
			s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(v, load(c + k)));
			s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(v, load(d + k)));
		}
		dot[i] = sum8(s0);
		dot[i + 1] = sum8(s1);
		dot[i + 2] = sum8(s2);
		dot[i + 3] = sum8(s3);
	}
}
