/* SPDX-License-Identifier: GPL-2.0 */
/* Bits and order of f32, for files that are compiled with floating point. */
#ifndef _VEXFS_ENGINE_FLOAT_H
#define _VEXFS_ENGINE_FLOAT_H

#include "platform.h"
#include <immintrin.h>

static inline float f32(__u32 b)
{
	float f;

	__builtin_memcpy(&f, &b, 4);
	return f;
}

static inline __u32 b32(float f)
{
	__u32 b;

	__builtin_memcpy(&b, &f, 4);
	return b;
}

static inline __u32 key32(float f)
{
	__u32 b = b32(f);

	return b >> 31 ? ~b : b | 1u << 31;
}

/* The upper half of a float: as large numbers, of eight bits. */
static inline float from_bf16(__u16 b)
{
	return f32((__u32)b << 16);
}

/* The nearest one; and the least that is not less than f >= 0. */
static inline __u16 to_bf16(float f)
{
	return (b32(f) + 0x7fff + (b32(f) >> 16 & 1)) >> 16;
}

static inline __u16 to_bf16_up(float f)
{
	return (b32(f) + 0xffff) >> 16;
}

static inline double droot(double d)
{
	return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(d)));
}

/*
 * Sums in double of products of floats are sixteen, of every sixteenth dim, and then one, so that they
 * are the same on every processor, and however a row is cut.
 */
#define VEXFS_SUMS_F64	16
/* t[(d + i) % 16] += x[i]^2, i < n: the dims of a row from d on */
void vexfs_norm_f64(const float *x, __u32 d, __u32 n, double *t);	/* distance.c */

static inline double sum_f64(double *s)
{
	__u32 width, i;

	for (width = VEXFS_SUMS_F64 / 2; width; width /= 2)
		for (i = 0; i < width; i++)
			s[i] += s[i + width];
	return s[0];
}

#endif /* _VEXFS_ENGINE_FLOAT_H */
