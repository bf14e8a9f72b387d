// SPDX-License-Identifier: GPL-2.0
/* A sample of rows, of which axes and centres are made.  No floating point here. */
#include "internal.h"

#define AHEAD	64		/* rows that are submitted before one is waited for */

static __u64 slot_of(const struct vexfs_spread *s, __u32 i)
{
	__u64 at = (__u64)i * s->count / s->want;

	return s->slots ? s->slots[at] : at;
}

int vexfs_spread_read(const struct vexfs_spread *s,
		      void (*take)(void *to, const struct vx_seg *seg, __u32 segs), void *to)
{
	struct vx_seg seg[VX_ROW_SEGS];
	__u64 ahead[AHEAD];
	__u32 i, k;
	int segs;

	for (i = 0; i < s->want; i++) {
		if (i % AHEAD == 0) {
			for (k = 0; k < AHEAD && i + k < s->want; k++)
				ahead[k] = slot_of(s, i + k);
			vx_rows_ahead(s->rows, ahead, k);
			if (vx_ekilled() || (s->stop && s->stop(s->arg)))
				return -EINTR;
			vx_yield();
		}
		if (vexfs_columns_dead(s->columns, ahead[i % AHEAD]))
			continue;
		segs = vx_rows_wait(s->rows, ahead[i % AHEAD], seg);
		if (segs < 0) {
			segs = vexfs_columns_damage(s->columns, ahead[i % AHEAD], segs);
			if (segs)
				return segs;
			continue;
		}
		vx_fpu_begin();
		take(to, seg, segs);
		vx_fpu_end();
		vx_rows_put(s->rows);
	}
	return 0;
}
