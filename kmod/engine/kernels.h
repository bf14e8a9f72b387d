/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The inner loops of the engine, for each kind of processor: one table of them is chosen once and
 * for all by what the processor has.
 *
 * All but choosing is between vx_fpu_begin() and vx_fpu_end().  Floats go by pointers, even of a
 * single one: files that are compiled without floating point hand them over otherwise, and the
 * compiler says nothing.  Integer results are the same bit for bit in each table, and so are float
 * ones where it says so; others differ by the order of additions, for which every user allows (see
 * distance.c, rabitq.c, ladder.c).
 *
 * In the kernel a call through a table costs some ten nanoseconds (retpolines): each does much.
 */
#ifndef _VEXFS_ENGINE_KERNELS_H
#define _VEXFS_ENGINE_KERNELS_H

#include "platform.h"

struct vexfs_row;
struct vexfs_rotation;
struct vexfs_factor;
struct vexfs_estimator;
struct vexfs_ladder;
struct vexfs_rung1;

/* --- distance.c: sum[i] = |q - row i|^2 --- */
typedef void vexfs_l2_fn(const float *q, const struct vexfs_row *row, __u32 n, float *sum);
/* dot[i] = <q, row i>; norm2[i] = |row i|^2, where known[i] is 0 */
typedef void vexfs_dot_fn(const float *q, const struct vexfs_row *row, __u32 n, const __u32 *known,
			  float *dot, float *norm2);

/*
 * In double, n a multiple of 16: s[i % 16] += (q[i] - x[i])^2, or q[i] * x[i]; t[i % 16] += x[i]^2.  The
 * same bit for bit.
 */
typedef void vexfs_l2_f64_fn(const float *q, const float *x, __u32 n, double *s);
typedef void vexfs_dot_f64_fn(const float *q, const float *x, __u32 n, double *s, double *t);
typedef void vexfs_norm_f64_fn(const float *x, __u32 n, double *t);

/* --- predicate.c: bit i of out tells about col[i], i < 64 * words --- */
typedef void vexfs_in_fn(const __s64 *col, const __s64 *value, __u32 n, __u32 words, __u64 *out);
typedef void vexfs_compare_fn(const __s64 *col, __s64 value, __u32 words, __u64 *out);

/* --- rotate.c; by: 1 / sqrt(pow2).  The same bit for bit. --- */
typedef void vexfs_rotate_fn(const struct vexfs_rotation *r, float *x, const float *by);

/* --- rabitq.c, codes.c: signs of x, n a multiple of 64; and the sum of |x| --- */
typedef void vexfs_signs_fn(const float *x, __u32 n, __u64 *bits, double *sum);
/* Sums over a block by bytes of a table, for each of its codes.  For rabitq.c a byte is 60 at most. */
typedef void vexfs_sums_fn(const __u8 *block, const __u8 *table, __u32 padded, __u16 *sum);
typedef __u32 vexfs_bounds_fn(const struct vexfs_estimator *e, const __u16 *sum,
			      const struct vexfs_factor *f, const float *sigma, __u32 gate,
			      __u32 *lower, __u32 *upper, __u32 *refused);
/* The sum over 4 planes of 2^i times the bits that are as in plane i; [4][words]. */
typedef __u32 vexfs_planes_fn(const __u64 *row, const __u64 *plane, __u32 words);

/* --- ladder.c: a bit for each row of a block whose lower bound is not above `most` --- */
typedef __u32 vexfs_lower_fn(const struct vexfs_ladder *q, const __u16 *sum,
			     const struct vexfs_rung1 *r, const float *sigma, const float *most);
/* sum[i]: of nibbles, as vexfs_rung2 has them, n rows that are at nibbles[i], times fine */
typedef void vexfs_nibbles_fn(const __u8 *const *nibbles, __u32 n, const __s8 *fine, __u32 padded,
			      __s32 *sum);
/* <z, c> and |z - c|^2 of a centre, c = whole * scale */
typedef void vexfs_centre_far_fn(const float *z, const __s8 *whole, const float *scale,
				 __u32 padded, float *dot, float *d2);

/*
 * --- ladder_encode.c; the same bit for bit.  The residual r of x and a centre C, by its signs s: bits;
 * |r|^2, <s, r> and <s, C> ---
 */
typedef void vexfs_encode1_fn(const float *x, const float *centre, __u32 padded, __u64 *bits,
			      double *sum);
/* and by levels y of a width of 1 / inverse: as vexfs_rung2 has them; <y, r>, |y|^2 and <y, C> */
typedef void vexfs_encode2_fn(const float *x, const float *centre, __u32 padded,
			      const float *inverse, __u8 *nibble, double *sum);

/* --- cluster.c; padded is a multiple of 64: dot[i] = <x, c[i]>, c: [n][padded] --- */
typedef void vexfs_dots_fn(const float *x, const float *c, __u32 n, __u32 padded, float *dot);
/* The same of whole numbers; sums of all products fit 32 bits, see vexfs_whole(). */
typedef void vexfs_whole_dots_fn(const __s16 *x, const __s8 *c, __u32 n, __u32 padded, __s32 *dot);
/* The largest |x|. */
typedef void vexfs_magnitude_fn(const float *x, __u32 padded, float *most);
/* to = x * by + plus, rounded to the nearest.  The same bit for bit. */
typedef void vexfs_round_fn(const float *x, __u32 padded, const float *by, const float *plus,
			    __s16 *to);

/* --- axes.c: dot[i] = <x, axis[i]>, axis: [n][width], both multiples of 64, see there. --- */
typedef void vexfs_project_fn(const __s16 *x, const __s16 *axis, __u32 n, __u32 width, __s32 *dot);

struct vexfs_kernels {
	const char *name;
	vexfs_l2_fn *l2;
	vexfs_dot_fn *dot;
	vexfs_l2_f64_fn *l2_f64;
	vexfs_dot_f64_fn *dot_f64;
	vexfs_norm_f64_fn *norm_f64;
	vexfs_in_fn *in;
	vexfs_compare_fn *less, *mask;
	vexfs_rotate_fn *rotate;
	vexfs_signs_fn *signs;
	vexfs_sums_fn *sums60, *sums;
	vexfs_bounds_fn *bounds;
	vexfs_planes_fn *planes;
	vexfs_lower_fn *lower;
	vexfs_nibbles_fn *nibbles;
	vexfs_centre_far_fn *centre_far;
	vexfs_encode1_fn *encode1;
	vexfs_encode2_fn *encode2;
	vexfs_dots_fn *dots;
	vexfs_whole_dots_fn *whole_dots;
	vexfs_magnitude_fn *magnitude;
	vexfs_round_fn *round;
	vexfs_project_fn *project;
};

/* What is chosen; NULL: nothing yet.  Tests choose others of those that the processor has. */
extern const struct vexfs_kernels *vexfs_kernels_chosen;
const struct vexfs_kernels *vexfs_kernels_choose(void);

static inline const struct vexfs_kernels *vexfs_kernels(void)
{
	return READ_ONCE(vexfs_kernels_chosen) ?: vexfs_kernels_choose();
}

#define VEXFS_KERNELS	4		/* tables at most */
/* Those that the processor can run, the plainest first; returns how many. */
__u32 vexfs_kernels_here(const struct vexfs_kernels *here[VEXFS_KERNELS]);
extern const struct vexfs_kernels vexfs_kernels_scalar, vexfs_kernels_avx2, vexfs_kernels_avx512,
	vexfs_kernels_vnni;

/* what the tables are made of */
vexfs_l2_fn vexfs_l2_scalar, vexfs_l2_avx2, vexfs_l2_avx512;
vexfs_dot_fn vexfs_dot_scalar, vexfs_dot_avx2, vexfs_dot_avx512;
vexfs_l2_f64_fn vexfs_l2_f64_scalar, vexfs_l2_f64_avx2, vexfs_l2_f64_avx512;
vexfs_dot_f64_fn vexfs_dot_f64_scalar, vexfs_dot_f64_avx2, vexfs_dot_f64_avx512;
vexfs_norm_f64_fn vexfs_norm_f64_scalar, vexfs_norm_f64_avx2, vexfs_norm_f64_avx512;
vexfs_in_fn vexfs_in_scalar, vexfs_in_avx2, vexfs_in_avx512;
vexfs_compare_fn vexfs_less_scalar, vexfs_less_avx2, vexfs_less_avx512, vexfs_mask_scalar,
	vexfs_mask_avx2, vexfs_mask_avx512;
vexfs_rotate_fn vexfs_rotate_scalar, vexfs_rotate_avx2, vexfs_rotate_avx512;
vexfs_signs_fn vexfs_signs_scalar, vexfs_signs_avx2, vexfs_signs_avx512;
vexfs_sums_fn vexfs_sums60_avx2, vexfs_sums60_avx512, vexfs_sums_scalar, vexfs_sums_avx2,
	vexfs_sums_avx512;
vexfs_bounds_fn vexfs_bounds_scalar, vexfs_bounds_avx2, vexfs_bounds_avx512;
vexfs_planes_fn vexfs_planes_scalar, vexfs_planes_avx2, vexfs_planes_vnni;
vexfs_lower_fn vexfs_lower_scalar, vexfs_lower_avx2, vexfs_lower_avx512;
vexfs_nibbles_fn vexfs_nibbles_scalar, vexfs_nibbles_avx2, vexfs_nibbles_avx512,
	vexfs_nibbles_vnni;
vexfs_centre_far_fn vexfs_centre_far_scalar, vexfs_centre_far_avx2, vexfs_centre_far_avx512;
vexfs_dots_fn vexfs_dots_scalar, vexfs_dots_avx2, vexfs_dots_avx512;
vexfs_whole_dots_fn vexfs_whole_dots_scalar, vexfs_whole_dots_avx2, vexfs_whole_dots_avx512,
	vexfs_whole_dots_vnni;
vexfs_magnitude_fn vexfs_magnitude_scalar, vexfs_magnitude_avx2, vexfs_magnitude_avx512;
vexfs_round_fn vexfs_round_scalar, vexfs_round_avx2, vexfs_round_avx512;
vexfs_project_fn vexfs_project_scalar, vexfs_project_avx2, vexfs_project_avx512,
	vexfs_project_vnni;
vexfs_encode1_fn vexfs_encode1_scalar, vexfs_encode1_avx2;
vexfs_encode2_fn vexfs_encode2_scalar, vexfs_encode2_avx2;

#endif /* _VEXFS_ENGINE_KERNELS_H */
