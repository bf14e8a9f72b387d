// SPDX-License-Identifier: GPL-2.0
/* The tables of kernels, and which of them this processor gets.  No locks: all of it is constant. */
#include "kernels.h"

const struct vexfs_kernels vexfs_kernels_scalar = {
	.name = "scalar",
	.l2 = vexfs_l2_scalar,
	.dot = vexfs_dot_scalar,
	.l2_f64 = vexfs_l2_f64_scalar,
	.dot_f64 = vexfs_dot_f64_scalar,
	.norm_f64 = vexfs_norm_f64_scalar,
	.in = vexfs_in_scalar,
	.less = vexfs_less_scalar,
	.mask = vexfs_mask_scalar,
	.rotate = vexfs_rotate_scalar,
	.signs = vexfs_signs_scalar,
	.sums60 = vexfs_sums_scalar,
	.sums = vexfs_sums_scalar,
	.bounds = vexfs_bounds_scalar,
	.planes = vexfs_planes_scalar,
	.lower = vexfs_lower_scalar,
	.nibbles = vexfs_nibbles_scalar,
	.centre_far = vexfs_centre_far_scalar,
	.encode1 = vexfs_encode1_scalar,
	.encode2 = vexfs_encode2_scalar,
	.dots = vexfs_dots_scalar,
	.whole_dots = vexfs_whole_dots_scalar,
	.magnitude = vexfs_magnitude_scalar,
	.round = vexfs_round_scalar,
	.project = vexfs_project_scalar,
};

const struct vexfs_kernels vexfs_kernels_avx2 = {
	.name = "AVX2",
	.l2 = vexfs_l2_avx2,
	.dot = vexfs_dot_avx2,
	.l2_f64 = vexfs_l2_f64_avx2,
	.dot_f64 = vexfs_dot_f64_avx2,
	.norm_f64 = vexfs_norm_f64_avx2,
	.in = vexfs_in_avx2,
	.less = vexfs_less_avx2,
	.mask = vexfs_mask_avx2,
	.rotate = vexfs_rotate_avx2,
	.signs = vexfs_signs_avx2,
	.sums60 = vexfs_sums60_avx2,
	.sums = vexfs_sums_avx2,
	.bounds = vexfs_bounds_avx2,
	.planes = vexfs_planes_avx2,
	.lower = vexfs_lower_avx2,
	.nibbles = vexfs_nibbles_avx2,
	.centre_far = vexfs_centre_far_avx2,
	.encode1 = vexfs_encode1_avx2,
	.encode2 = vexfs_encode2_avx2,
	.dots = vexfs_dots_avx2,
	.whole_dots = vexfs_whole_dots_avx2,
	.magnitude = vexfs_magnitude_avx2,
	.round = vexfs_round_avx2,
	.project = vexfs_project_avx2,
};

const struct vexfs_kernels vexfs_kernels_avx512 = {
	.name = "AVX-512",
	.l2 = vexfs_l2_avx512,
	.dot = vexfs_dot_avx512,
	.l2_f64 = vexfs_l2_f64_avx512,
	.dot_f64 = vexfs_dot_f64_avx512,
	.norm_f64 = vexfs_norm_f64_avx512,
	.in = vexfs_in_avx512,
	.less = vexfs_less_avx512,
	.mask = vexfs_mask_avx512,
	.rotate = vexfs_rotate_avx512,
	.signs = vexfs_signs_avx512,
	.sums60 = vexfs_sums60_avx512,
	.sums = vexfs_sums_avx512,
	.bounds = vexfs_bounds_avx512,
	.planes = vexfs_planes_avx2,
	.lower = vexfs_lower_avx512,
	.nibbles = vexfs_nibbles_avx512,
	.centre_far = vexfs_centre_far_avx512,
	.encode1 = vexfs_encode1_avx2,
	.encode2 = vexfs_encode2_avx2,
	.dots = vexfs_dots_avx512,
	.whole_dots = vexfs_whole_dots_avx512,
	.magnitude = vexfs_magnitude_avx512,
	.round = vexfs_round_avx512,
	.project = vexfs_project_avx512,
};

const struct vexfs_kernels vexfs_kernels_vnni = {
	.name = "AVX-512 VNNI",
	.l2 = vexfs_l2_avx512,
	.dot = vexfs_dot_avx512,
	.l2_f64 = vexfs_l2_f64_avx512,
	.dot_f64 = vexfs_dot_f64_avx512,
	.norm_f64 = vexfs_norm_f64_avx512,
	.in = vexfs_in_avx512,
	.less = vexfs_less_avx512,
	.mask = vexfs_mask_avx512,
	.rotate = vexfs_rotate_avx512,
	.signs = vexfs_signs_avx512,
	.sums60 = vexfs_sums60_avx512,
	.sums = vexfs_sums_avx512,
	.bounds = vexfs_bounds_avx512,
	.planes = vexfs_planes_vnni,
	.lower = vexfs_lower_avx512,
	.nibbles = vexfs_nibbles_vnni,
	.centre_far = vexfs_centre_far_avx512,
	.encode1 = vexfs_encode1_avx2,
	.encode2 = vexfs_encode2_avx2,
	.dots = vexfs_dots_avx512,
	.whole_dots = vexfs_whole_dots_vnni,
	.magnitude = vexfs_magnitude_avx512,
	.round = vexfs_round_avx512,
	.project = vexfs_project_vnni,
};

const struct vexfs_kernels *vexfs_kernels_chosen;

__u32 vexfs_kernels_here(const struct vexfs_kernels *here[VEXFS_KERNELS])
{
	__u32 n = 0;

	here[n++] = &vexfs_kernels_scalar;
	if (vx_has_avx2())
		here[n++] = &vexfs_kernels_avx2;
	if (n == 2 && vx_has_avx512())
		here[n++] = &vexfs_kernels_avx512;
	if (n == 3 && vx_has_vnni())
		here[n++] = &vexfs_kernels_vnni;
	return n;
}

/* Whoever are first at the same time choose the same. */
const struct vexfs_kernels *vexfs_kernels_choose(void)
{
	const struct vexfs_kernels *here[VEXFS_KERNELS];
	__u32 n = vexfs_kernels_here(here);

	WRITE_ONCE(vexfs_kernels_chosen, here[n - 1]);
	return here[n - 1];
}
