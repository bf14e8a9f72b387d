// SPDX-License-Identifier: GPL-2.0
/*
 * A random rotation that costs n log n: rounds of random sign flips and a Hadamard transform, as
 * the library of RaBitQ's authors has it (VectorDB-NTU/RaBitQ-Library, FhtKacRotator).  Where the
 * dimensions are no power of two, the transform covers a prefix and a suffix by turns, and a step
 * of Kac's walk (each half with the other) mixes them. That step comes after both, and not after
 * each as there: else a single large dim in the suffix keeps a quarter of its size, because each
 * step carries half of it out of reach of the next transform.
 *
 * Bit for bit the same in scalar code and in rotate_avx2.c.
 *
 * Between vx_fpu_begin() and vx_fpu_end() only.
 */
#include "internal.h"
#include <immintrin.h>

/* splitmix64, Steele, Lea and Flood, 2014. */
__u64 vexfs_splitmix(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void vexfs_rotation_init(struct vexfs_rotation *r, __u32 dims, __u64 seed)
{
	__u32 i, k;

	r->padded = (dims + 63) / 64 * 64;
	for (r->pow2 = 64; r->pow2 * 2 <= r->padded;)
		r->pow2 *= 2;
	for (i = 0; i < VEXFS_ROTATION_ROUNDS; i++)
		for (k = 0; k < r->padded / 64; k++)
			r->sign[i][k] = vexfs_splitmix(&seed);
}

static void flip(float *x, const __u64 *sign, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i++)
		if (sign[i / 64] >> i % 64 & 1)
			x[i] = -x[i];
}

static void hadamard(float *x, __u32 n)
{
	__u32 h, i, k;

	for (h = 1; h < n; h *= 2)
		for (i = 0; i < n; i += 2 * h)
			for (k = i; k < i + h; k++) {
				float a = x[k], b = x[k + h];

				x[k] = a + b;
				x[k + h] = a - b;
			}
}

static void kac(float *x, __u32 n)
{
	__u32 i;

	for (i = 0; i < n / 2; i++) {
		float a = x[i], b = x[i + n / 2];

		x[i] = a + b;
		x[i + n / 2] = a - b;
	}
}

static void scale(float *x, float by, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i++)
		x[i] *= by;
}

void vexfs_rotate_scalar(const struct vexfs_rotation *r, float *x, const float *by)
{
	bool whole = r->pow2 == r->padded;
	__u32 i;

	for (i = 0; i < VEXFS_ROTATION_ROUNDS; i++) {
		float *part = x + (i & 1 ? r->padded - r->pow2 : 0);

		flip(x, r->sign[i], r->padded);
		hadamard(part, r->pow2);
		scale(part, *by, r->pow2);
		if (!whole && i & 1)
			kac(x, r->padded);
	}
	if (!whole)
		scale(x, 0.5f, r->padded); /* each step of the walk lengthens by sqrt(2) */
}

void vexfs_rotate(const struct vexfs_rotation *r, float *x)
{
	float by = _mm_cvtss_f32(_mm_div_ss(_mm_set_ss(1), _mm_sqrt_ss(_mm_set_ss(r->pow2))));

	vexfs_kernels()->rotate(r, x, &by);
}
