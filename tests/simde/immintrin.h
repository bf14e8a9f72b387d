/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AVX-512 in plain C, for processors that have none: SIMDe's, in the place of the compiler's header,
 * and what version 0.7.4 of it lacks.  For tests/unit/test_kernels.c.
 */
#ifndef _VEXFS_SIMDE_IMMINTRIN_H
#define _VEXFS_SIMDE_IMMINTRIN_H

#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

typedef simde__mmask8 __mmask8;
typedef simde__mmask16 __mmask16;
/* it has one of other arguments under this name */
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

/* Lane by lane: to[i] = expr of from[i], or of i. */
#define LANES(n, to, expr)                                                                       \
	do {                                                                                     \
		for (int i = 0; i < (n); i++)                                                    \
			(to)[i] = (expr);                                                        \
	} while (0)

static inline simde__m512i _mm512_cvtepu16_epi32(simde__m256i v)
{
	simde__m256i_private from = simde__m256i_to_private(v);
	simde__m512i_private to;

	LANES(16, to.i32, from.u16[i]);
	return simde__m512i_from_private(to);
}

static inline simde__m512i _mm512_cvtepi8_epi32(simde__m128i v)
{
	simde__m128i_private from = simde__m128i_to_private(v);
	simde__m512i_private to;

	LANES(16, to.i32, from.i8[i]);
	return simde__m512i_from_private(to);
}

static inline simde__m512 _mm512_cvtepi32_ps(simde__m512i v)
{
	simde__m512i_private from = simde__m512i_to_private(v);
	simde__m512_private to;

	LANES(16, to.f32, (float)from.i32[i]);
	return simde__m512_from_private(to);
}

static inline simde__m512i _mm512_cvtps_epi32(simde__m512 v)
{
	simde__m512_private from = simde__m512_to_private(v);
	simde__m512i_private to;

	LANES(16, to.i32, (int32_t)__builtin_rintf(from.f32[i]));
	return simde__m512i_from_private(to);
}

static inline simde__m512d _mm512_cvtps_pd(simde__m256 v)
{
	simde__m256_private from = simde__m256_to_private(v);
	simde__m512d_private to;

	LANES(8, to.f64, from.f32[i]);
	return simde__m512d_from_private(to);
}

/* What is not loaded is not read, either. */
static inline simde__m512 _mm512_maskz_loadu_ps(simde__mmask16 m, const void *p)
{
	simde__m512_private to;

	LANES(16, to.f32, m >> i & 1 ? ((const float *)p)[i] : 0);
	return simde__m512_from_private(to);
}

static inline simde__m512i _mm512_maskz_loadu_epi64(simde__mmask8 m, const void *p)
{
	simde__m512i_private to;

	LANES(8, to.i64, m >> i & 1 ? ((const int64_t *)p)[i] : 0);
	return simde__m512i_from_private(to);
}

#endif /* _VEXFS_SIMDE_IMMINTRIN_H */
