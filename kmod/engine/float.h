/* SPDX-License-Identifier: GPL-2.0 */
/* Bits and order of f32, for files that are compiled with floating point. */
#ifndef _VEXFS_ENGINE_FLOAT_H
#define _VEXFS_ENGINE_FLOAT_H

#include "platform.h"

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

/* s[i % 4] += x[i]^2, i < n: in registers, as a sum in memory waits for itself. */
static inline void add_squares(const float *x, __u32 n, double *s)
{
	double a = s[0], b = s[1], c = s[2], d = s[3];
	__u32 i;

	for (i = 0; i + 4 <= n; i += 4) {
		a += (double)x[i] * x[i];
		b += (double)x[i + 1] * x[i + 1];
		c += (double)x[i + 2] * x[i + 2];
		d += (double)x[i + 3] * x[i + 3];
	}
	s[0] = a;
	s[1] = b;
	s[2] = c;
	s[3] = d;
	for (; i < n; i++)
		s[i & 3] += (double)x[i] * x[i];
}

#endif /* _VEXFS_ENGINE_FLOAT_H */
