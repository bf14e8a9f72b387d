/* SPDX-License-Identifier: GPL-2.0 */
/* What ladder.c and ladder_encode.c share: files that are compiled with floating point. */
#ifndef _VEXFS_ENGINE_LADDER_H
#define _VEXFS_ENGINE_LADDER_H

#include "probe.h"
#include "float.h"
#include <immintrin.h>

static inline float root(float f)
{
	return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(f > 0 ? f : 0)));
}

/* times and times_norm2 of a metric, see ladder.c */
static inline float times_norm2_of(__u32 metric)
{
	return metric == VEXFS_METRIC_L2 ? 1 : metric == VEXFS_METRIC_COSINE ? 0.5f : 0;
}

static inline float times_of(__u32 metric)
{
	return metric == VEXFS_METRIC_L2 ? 2 : 1;
}

#endif /* _VEXFS_ENGINE_LADDER_H */
