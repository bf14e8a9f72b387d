/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The axes along which rows of a collection differ most, see axes.c: lists hold codes of what rows
 * are along those, and of the rest only how long it is.
 */
#ifndef _VEXFS_ENGINE_AXES_H
#define _VEXFS_ENGINE_AXES_H

#include "internal.h"

#define VEXFS_MAX_AXES	256u		/* a multiple of 64 */
#define VEXFS_AXES_UNIT	32767		/* the length of an axis, and of what is projected, in steps */

struct vexfs_axes {
	__u32 n;			/* axes, a multiple of 64 */
	__u32 width;			/* dims, rounded up to a multiple of 64 */
	__s16 *axis;			/* [n][width] */
	/*
	 * Of the rests of neighbours the cosine of the angle: it is not above `most` but for few that
	 * were in the sample; and its mean and deviation, as lists_tune.c has found, or 0 and 1.
	 */
	float most, mean, deviation;
	double sum, sum2;		/* while that is being found */
	__u32 found;
};

/* --- axes_build.c --- */

/*
 * Axes of a collection of which rows are centred as c has it, from a sample of its first `count` slots;
 * *axes is NULL if they would not pay.  vexfs_axes_free() it.  -ENOMEM, -EINTR: stop() said so or the
 * caller is killed, or an error of reading rows.
 */
int vexfs_axes_new(const struct vexfs_coder *c, struct vexfs_columns *cols, struct vx_rows *rows,
		   __u64 count, bool (*stop)(void *arg), void *arg, struct vexfs_axes **axes);
/* Room for axes, of which nothing is known yet.  NULL: no memory. */
struct vexfs_axes *vexfs_axes_alloc(__u32 n, __u32 width);
void vexfs_axes_free(struct vexfs_axes *a);
__u64 vexfs_axes_bytes(const struct vexfs_axes *a);
/* Nothing is known of the angles of neighbours' rests. */
void vexfs_axes_forget(struct vexfs_axes *a);
/* Of what vexfs_axes_rotate() wants as scratch, for rows of so many dims. */
size_t vexfs_axes_scratch(__u32 dims);

/* --- axes.c; between vx_fpu_begin() and vx_fpu_end() --- */

/*
 * As vexfs_rabitq_rotate(), of what is along the axes: x[a->n], which is what c->rotation is of; *rest
 * is the length of what is left.  a NULL: of all dims, and nothing is left.
 */
bool vexfs_axes_rotate(const struct vexfs_coder *c, const struct vexfs_axes *a,
		       const struct vx_seg *seg, __u32 segs, bool from_mean, void *scratch, float *x,
		       float *rest);
/*
 * Two neighbours, x and z along the axes, rests rx and rz, of this distance (f64 bits): the angle of
 * their rests is noted.
 */
void vexfs_axes_note(struct vexfs_axes *a, __u32 metric, const float *x, const float *rx,
		     const float *z, const float *rz, __u64 distance);
/* Enough of them were: mean and deviation are what they are. */
void vexfs_axes_settle(struct vexfs_axes *a);

/* What the making of axes is made of. */

/* u[j] loses what it has of u[from, to), [.][width] */
void vexfs_axes_orthogonal(float *u, __u32 j, __u32 from, __u32 to, __u32 width);
/* ... and gets length 1, or 0 if it has none */
void vexfs_axes_unit(float *u, __u32 width);
/* Axis j in steps. */
void vexfs_axes_pack(struct vexfs_axes *a, __u32 j, const float *u);

/* What a sample says of the first n axes, for several n. */
#define VEXFS_AXES_CHOICES	(VEXFS_MAX_AXES / 64)
struct vexfs_axes_trial {
	double energy;			/* the sum of squares of all of the sample */
	double left[VEXFS_AXES_CHOICES];	/* of that, what is in the rests */
	double near;			/* squared distances of nearest ones, summed */
	double sum[VEXFS_AXES_CHOICES], sum2[VEXFS_AXES_CHOICES];	/* of cosines of their rests */
	__u32 pairs, rows;
	__u32 choices;			/* 64 axes times 1 to this */
	__u32 over;			/* of the most axes: so many times as much is unknown as may be */
};
/* A row of the sample, and what it is along the axes: y[i * stride]. */
void vexfs_axes_row(struct vexfs_axes_trial *t, const float *x, __u32 width, const float *y,
		    __u32 stride, float *norm2);
/*
 * Row q of the sample and the one that is nearest to it, other than itself, given its products with
 * all of them.
 */
void vexfs_axes_pair(struct vexfs_axes_trial *t, __u32 q, __u32 rows, const float *dots,
		     const float *norm2, const float *y, __u32 stride);
/* The least number of axes that pays, and their `most`; 0: none does. */
__u32 vexfs_axes_judge(struct vexfs_axes_trial *t, float *most);

#endif /* _VEXFS_ENGINE_AXES_H */
