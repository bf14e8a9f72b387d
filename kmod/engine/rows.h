/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many rows in segments, from l2(), dot() and dot_norm() of one piece, which whoever includes this
 * has defined before: distance.c, distance_avx2.c.
 */
#ifndef _VEXFS_ENGINE_ROWS_H
#define _VEXFS_ENGINE_ROWS_H

#include "internal.h"

static inline void l2_rows(const float *q, const struct vexfs_row *row, __u32 n, float *sum)
{
	__u32 i, k, d;

	for (i = 0; i < n; i++, row++) {
		float s = 0;

		for (k = d = 0; k < row->segs; d += row->seg[k++].bytes / 4)
			s += l2(q + d, row->seg[k].p, row->seg[k].bytes / 4);
		sum[i] = s;
	}
}

static inline void dot_rows(const float *q, const struct vexfs_row *row, __u32 n,
			    const __u32 *known, float *to, float *norm2)
{
	__u32 i, k, d;

	for (i = 0; i < n; i++, row++) {
		float s = 0, t = 0, a, b;

		for (k = d = 0; k < row->segs; d += row->seg[k++].bytes / 4) {
			if (known[i]) {
				s += dot(q + d, row->seg[k].p, row->seg[k].bytes / 4);
				continue;
			}
			dot_norm(q + d, row->seg[k].p, row->seg[k].bytes / 4, &a, &b);
			s += a;
			t += b;
		}
		to[i] = s;
		norm2[i] = t;
	}
}

#endif /* _VEXFS_ENGINE_ROWS_H */
