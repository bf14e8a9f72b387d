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

#endif /* _VEXFS_ENGINE_FLOAT_H */
