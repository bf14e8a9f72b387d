// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic of k-means over rotated rows: which centre is nearest, and where centres go (Lloyd,
 * 1982).  Between vx_fpu_begin() and vx_fpu_end().
 */
#include "lists.h"
#include <immintrin.h>

#define AT_ONCE 32			/* centres */

void vexfs_dots_scalar(const float *x, const float *c, __u32 n, __u32 padded, float *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i++, c += padded) {
		float s[4] = { 0 };

		for (k = 0; k < padded; k++)
			s[k & 3] += x[k] * c[k];
		dot[i] = (s[0] + s[1]) + (s[2] + s[3]);
	}
}

__u32 vexfs_nearest(const float *x, const float *c, const float *norm2, __u32 n, __u32 padded,
		    float *dots, float *least)
{
	__u32 best = 0, i;
	float d;

	vexfs_kernels()->dots(x, c, n, padded, dots);
	for (i = 0; i < n; i++) {
		d = norm2[i] - 2 * dots[i];
		if (!i || d < *least) {
			*least = d;
			best = i;
		}
	}
	return best;
}

void vexfs_magnitude_scalar(const float *x, __u32 padded, float *most)
{
	float a;
	__u32 i;

	for (i = 0, *most = 0; i < padded; i++) {
		a = x[i] < 0 ? -x[i] : x[i];
		*most = a > *most ? a : *most;
	}
}

float vexfs_magnitude(const float *x, __u32 padded)
{
	float most;

	vexfs_kernels()->magnitude(x, padded, &most);
	return most;
}

#define LEAST 0x1p-100f			/* what is smaller is zero: its inverse might be infinite */

/*
 * Steps of a centre.  A query is rounded to 127 (ladder.c).  One that is near a centre must not lose
 * by that just what the centre lost, which is what residuals have in common where rows are close
 * together: bounds take the two for independent.
 */
#define CENTRE 113

void vexfs_round_scalar(const float *x, __u32 padded, const float *by, const float *plus, __s16 *to)
{
	__u32 i;

	for (i = 0; i < padded; i++)
		to[i] = _mm_cvtss_si32(_mm_set_ss(x[i] * *by + *plus));
}

void vexfs_round(const float *x, __u32 padded, float by, float plus, __s16 *to)
{
	vexfs_kernels()->round(x, padded, &by, &plus, to);
}

void vexfs_whole(const float *x, __u32 padded, __s16 *whole, float *step)
{
	__u32 steps = 0x7fffffffu / 127 / padded;
	float most = vexfs_magnitude(x, padded);

	steps = steps < VEXFS_WHOLE ? steps : VEXFS_WHOLE;
	*step = most / (float)steps;
	vexfs_round(x, padded, most > LEAST ? (float)steps / most : 0, 0, whole);
}

void vexfs_centre_pack(struct vexfs_centres *to, __u32 i, const float *c, __u32 padded)
{
	float most = vexfs_magnitude(c, padded), inverse = most > LEAST ? CENTRE / most : 0,
	      scale = most / CENTRE;
	__s8 *whole = to->c + (size_t)i * padded;
	__s32 sum = 0;
	__u32 k;

	for (k = 0; k < padded; k++) {
		whole[k] = _mm_cvtss_si32(_mm_set_ss(c[k] * inverse));
		sum += whole[k] * whole[k];
	}
	to->scale[i] = scale;
	to->norm2[i] = scale * scale * (float)sum;
}

void vexfs_centre_unpack(const struct vexfs_centres *from, __u32 i, float *c, __u32 padded)
{
	const __s8 *whole = from->c + (size_t)i * padded;
	__u32 k;

	for (k = 0; k < padded; k++)
		c[k] = from->scale[i] * (float)whole[k];
}

void vexfs_whole_dots_scalar(const __s16 *x, const __s8 *c, __u32 n, __u32 padded, __s32 *dot)
{
	__u32 i, k;

	for (i = 0; i < n; i++, c += padded)
		for (k = 0, dot[i] = 0; k < padded; k++)
			dot[i] += x[k] * c[k];
}

void vexfs_centre_dots(const __s16 *whole, float step, const struct vexfs_centres *c, __u32 from,
		       __u32 n, __u32 padded, float *dot)
{
	const struct vexfs_kernels *kernels = vexfs_kernels();
	__u32 to = from + n, i, k;
	__s32 sum[AT_ONCE];

	for (; from < to; from += k) {
		k = to - from < AT_ONCE ? to - from : AT_ONCE;
		kernels->whole_dots(whole, c->c + (size_t)from * padded, k, padded, sum);
		for (i = 0; i < k; i++)
			*dot++ = step * c->scale[from + i] * (float)sum[i];
	}
}

/* The nearest of n lists to what l->whole has, and how near: but for what all have in common. */
static __u32 nearest_of(const struct vexfs_lists *l, float step, __u32 from, __u32 n, float *least)
{
	__u32 i, best = from;
	float d;

	vexfs_centre_dots(l->whole, step, &l->centre, from, n, l->coder.rotation.padded, l->dots);
	for (i = 0; i < n; i++) {
		d = l->centre.norm2[from + i] - 2 * l->dots[i];
		if (!i || d < *least) {
			*least = d;
			best = from + i;
		}
	}
	return best;
}

#define NEAR_GROUPS	3		/* in which a row looks for its list */

__u32 vexfs_lists_nearest(const struct vexfs_lists *l)
{
	__u32 padded = l->coder.rotation.padded, group[NEAR_GROUPS], n = 0, g, i, at, best = 0;
	float far[NEAR_GROUPS], d, least = 0, step;

	vexfs_whole(l->x, padded, l->whole, &step);
	vexfs_centre_dots(l->whole, step, &l->top, 0, l->groups, padded, l->dots);
	for (g = 0; g < l->groups; g++) {
		if (l->first[g] == l->first[g + 1])
			continue;
		d = l->top.norm2[g] - 2 * l->dots[g];
		if (n == NEAR_GROUPS && d >= far[n - 1])
			continue;
		for (i = n < NEAR_GROUPS ? n++ : n - 1; i && far[i - 1] > d; i--) {
			far[i] = far[i - 1];
			group[i] = group[i - 1];
		}
		far[i] = d;
		group[i] = g;
	}
	for (g = 0; g < n; g++) {
		at = l->first[group[g]];
		i = nearest_of(l, step, at, l->first[group[g] + 1] - at, &d);
		if (!g || d < least) {
			least = d;
			best = i;
		}
	}
	return best;
}

__u32 vexfs_lists_nearest_of(const struct vexfs_lists *l, __u32 from, __u32 n)
{
	float step, d;

	vexfs_whole(l->x, l->coder.rotation.padded, l->whole, &step);
	return nearest_of(l, step, from, n, &d);
}

void vexfs_centre_add(float *sum, const float *x, __u32 padded)
{
	__u32 i;

	for (i = 0; i < padded; i++)
		sum[i] += x[i];
}

void vexfs_centre_mean(float *c, float *norm2, const float *sum, __u32 n, __u32 padded)
{
	float s[4] = { 0 };
	__u32 i;

	for (i = 0; i < padded; i++) {
		if (n)
			c[i] = sum[i] / n;
		s[i & 3] += c[i] * c[i];
	}
	*norm2 = (s[0] + s[1]) + (s[2] + s[3]);
}

void vexfs_root_mean(float *sum, __u32 n)
{
	*sum = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(*sum / n)));
}

void vexfs_centre_seed(float *c, const float *x, __u32 padded, int way)
{
	__u32 i;

	for (i = 0; i < padded; i++)
		c[i] = x[i] * (1 + (float)(i & 1 ? way : -way) * 0x1p-10f);
}

void vexfs_centre_spread(const float *x, const float *c, __u32 n, __u32 padded, float *spread)
{
	double sum = 0;
	__u32 i, k;
	float d;

	for (i = 0; i < n; i++, c += padded)
		for (k = 0; k < padded; k++) {
			d = x[k] - c[k];
			sum += (double)d * d;
		}
	*spread = n ? _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss((float)(sum / n)))) : 0;
}

void vexfs_centre_residual(const float *x, const float *c, __u32 padded, float *sum)
{
	float s[4] = { 0 }, d;
	__u32 i;

	for (i = 0; i < padded; i++) {
		d = x[i] - c[i];
		s[i & 3] += d * d;
	}
	*sum += (s[0] + s[1]) + (s[2] + s[3]);
}

void vexfs_centre_rank(const struct vexfs_lists *l, __u32 i, const float *sum, __u32 n)
{
	l->rank2[i] = l->centre.norm2[i] + (n ? 0.25f * *sum / n : 0);
}
