// SPDX-License-Identifier: GPL-2.0
/* ladder.c with AVX-512, see ladder_avx2.c.  Only where the CPU has it, inside an FPU section. */
#include "lists.h"
#include "avx512.h"

static inline __m512 bf16(const __u16 *b)
{
	__m512i v = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)b));

	return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}

__u32 vexfs_lower_avx512(const struct vexfs_ladder *q, const __u16 *sum,
			 const struct vexfs_rung1 *r, const float *sigma, const float *most)
{
	const __m512 step = _mm512_set1_ps(q->times * q->step), middle = _mm512_set1_ps(q->middle),
		     plus = _mm512_set1_ps(q->plus), gate = _mm512_set1_ps(*most),
		     length = _mm512_set1_ps(q->times * q->reach),
		     lost = _mm512_set1_ps(q->times * q->times * q->lost),
		     sigmas = _mm512_set1_ps(*sigma);
	__u32 i, mask = 0;

	for (i = 0; i < VEXFS_CODE_BLOCK; i += 16) {
		__m512 f = bf16(r->scale + i), e = _mm512_mul_ps(bf16(r->error + i), length), v, off;

		v = _mm512_cvtepi32_ps(
			_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(sum + i))));
		v = _mm512_mul_ps(_mm512_sub_ps(v, middle), step);
		v = _mm512_fnmadd_ps(v, f, _mm512_add_ps(plus, _mm512_loadu_ps(r->add + i)));
		off = _mm512_mul_ps(_mm512_mul_ps(f, f), lost);
		off = _mm512_sqrt_ps(_mm512_fmadd_ps(e, e, off));
		v = _mm512_fnmadd_ps(off, sigmas, v);
		mask |= (__u32)_mm512_cmp_ps_mask(v, gate, _CMP_LE_OQ) << i;
	}
	return mask;
}

void vexfs_nibbles_avx512(const __u8 *const *nibbles, __u32 n, const __s8 *fine, __u32 padded,
			  __s32 *sum)
{
	const __m512i nibble = _mm512_set1_epi8(15), one = _mm512_set1_epi16(1);
	__u32 i, k;

	for (k = 0; k < n; k++) {
		__m512i s = _mm512_setzero_si512();

		for (i = 0; i < padded; i += 64) {
			__m256i b = _mm256_loadu_si256((const __m256i *)(nibbles[k] + i / 2));
			/* dims in order: low halves, then high ones */
			__m512i c = _mm512_inserti64x4(_mm512_castsi256_si512(b),
						       _mm256_srli_epi16(b, 4), 1);

			c = _mm512_maddubs_epi16(_mm512_and_si512(c, nibble),
						 _mm512_loadu_si512(fine + i));
			s = _mm512_add_epi32(s, _mm512_madd_epi16(c, one));
		}
		sum[k] = sum_epi32(s);
	}
}
