// SPDX-License-Identifier: GPL-2.0
/*
 * Rows along the axes along which they differ most.
 *
 * Embeddings of many dims have most of what tells them apart in few directions.  Lists are of codes
 * of rows projected onto those (principal components), which take a fraction of the bytes, with as
 * many bits a dim as before; the idea to spend bits where the variance is comes from SAQ (Li et al.,
 * SIGMOD 2026) and, of leaving out the tail, from ADSampling and TRIM.  With x = (y, r), y along the
 * axes and r the rest,
 *
 *	|x - z|^2 = |y_x - y_z|^2 + |r_x|^2 + |r_z|^2 - 2 |r_x| |r_z| cos(r_x, r_z)
 *
 * of which a list has all but the cosine.  Where the rests are small it may be anything; else it is
 * taken to be what it is for neighbours that were measured, within as many deviations as the bounds of
 * codes are wide.  Neighbours are those that must not be pruned, so it is theirs that counts.
 *
 * The projection is of whole numbers, rows and axes both VEXFS_AXES_UNIT long in steps, so that a sum
 * of products fits 32 bits (by Cauchy and Schwarz) and is the same with all kernels; what is rounded
 * off is some 2^-13 of |x|, see ladder.c.
 *
 * Between vx_fpu_begin() and vx_fpu_end(); vexfs_axes_rotate() may end a section and begin another.
 */
#include "axes.h"
#include "float.h"
#include "kernels.h"
#include <immintrin.h>

/*
 * Axes pay if by what is not known of the rests rows seem nearer by no more than this part of the
 * squared distance of the nearest one in the sample, and of what all others are farther on average.
 */
#define SLACK		0.125
#define SECTION_DIMS	(256u << 10)	/* of axes in an FPU section: under 50 us */

/* Of what rounding may have made negative. */
static double root_of(double d)
{
	return d > 0 ? droot(d) : 0;
}

void vexfs_project_scalar(const __s16 *x, const __s16 *axis, __u32 n, __u32 width, __s32 *dot)
{
	__u32 i, k, sum;		/* axes of a checkpoint may be anything */

	for (i = 0; i < n; i++, axis += width) {
		for (sum = k = 0; k < width; k++)
			sum += (__u32)(x[k] * axis[k]);
		dot[i] = (__s32)sum;
	}
}

/*
 * A part of them in each FPU section: 256 axes of 4,096 dims are 2 MB, which take 100 us where they
 * have to come from memory.  Functions keep no float in a register while they call another one.
 */
static void project(const struct vexfs_axes *a, const __s16 *whole, __s32 *dot)
{
	__u32 i, n, step = SECTION_DIMS / a->width / 64 * 64;

	for (i = 0; i < a->n; i += n) {
		if (i) {
			vx_fpu_end();
			vx_fpu_begin();
		}
		n = a->n - i < step ? a->n - i : step;
		vexfs_kernels()->project(whole, a->axis + (size_t)i * a->width, n, a->width,
					 dot + i);
	}
}

bool vexfs_axes_rotate(const struct vexfs_coder *c, const struct vexfs_axes *a,
		       const struct vx_seg *seg, __u32 segs, bool from_mean, void *scratch, float *x,
		       float *rest)
{
	__s32 dot[VEXFS_MAX_AXES];
	double norm2 = 0, y2 = 0;
	float *full = scratch, by, zero = 0, step;
	__s16 *whole;
	__u32 i;

	*rest = 0;
	if (!a)
		return vexfs_rabitq_rotate(c, seg, segs, from_mean, x);
	if (!vexfs_rabitq_centred(c, seg, segs, from_mean, a->width, full, &norm2))
		return false;
	whole = (__s16 *)(full + a->width);
	by = norm2 > 0 ? (float)(VEXFS_AXES_UNIT / root_of(norm2)) : 0;
	vexfs_kernels()->round(full, a->width, &by, &zero, whole);
	project(a, whole, dot);
	step = by > 0 ? 1 / (by * VEXFS_AXES_UNIT) : 0;
	for (i = 0; i < a->n; i++) {
		x[i] = (float)dot[i] * step;
		y2 += (double)x[i] * x[i];
	}
	*rest = (float)root_of(norm2 - y2);
	vexfs_rotate(&c->rotation, x);
	return true;
}

void vexfs_axes_note(struct vexfs_axes *a, __u32 metric, const float *x, const float *rx,
		     const float *z, const float *rz, __u64 distance)
{
	double d, d2 = 0, cosine;
	__u32 i;

	__builtin_memcpy(&d, &distance, sizeof(d));
	if (metric == VEXFS_METRIC_COSINE)
		d *= 2;
	for (i = 0; i < a->n; i++)
		d2 += (double)(x[i] - z[i]) * (x[i] - z[i]);
	if (!(*rx > 0 && *rz > 0))
		return;
	cosine = (d2 + (double)*rx * *rx + (double)*rz * *rz - d) / (2.0 * *rx * *rz);
	cosine = cosine < -1 ? -1 : cosine < 1 ? cosine : 1;
	a->sum += cosine;
	a->sum2 += cosine * cosine;
	a->found++;
}

void vexfs_axes_settle(struct vexfs_axes *a)
{
	double mean;

	if (!a->found)
		return;
	mean = a->sum / a->found;
	a->mean = (float)mean;
	a->deviation = (float)root_of(a->sum2 / a->found - mean * mean);
}

/* --- making them --- */

static float dot_of(const float *a, const float *b, __u32 width)
{
	float dot;

	vexfs_kernels()->dots(a, b, 1, width, &dot);
	return dot;
}

void vexfs_axes_orthogonal(float *u, __u32 j, __u32 from, __u32 to, __u32 width)
{
	float *x = u + (size_t)j * width, s;
	__u32 k;

	for (; from < to; from++) {
		const float *v = u + (size_t)from * width;

		s = dot_of(x, v, width);
		for (k = 0; k < width; k++)
			x[k] -= s * v[k];
	}
}

void vexfs_axes_unit(float *u, __u32 width)
{
	float s = dot_of(u, u, width);
	__u32 k;

	s = s > 0x1p-100f ? (float)(1 / root_of(s)) : 0;
	for (k = 0; k < width; k++)
		u[k] *= s;
}

void vexfs_axes_pack(struct vexfs_axes *a, __u32 j, const float *u)
{
	float by = VEXFS_AXES_UNIT, zero = 0;

	vexfs_kernels()->round(u, a->width, &by, &zero, a->axis + (size_t)j * a->width);
}

static double left_of(const float *norm2, const float *y, __u32 n, __u32 stride)
{
	double left = *norm2;
	__u32 i;

	for (i = 0; i < n; i++)
		left -= (double)y[i * (size_t)stride] * y[i * (size_t)stride];
	return left > 0 ? left : 0;
}

void vexfs_axes_row(struct vexfs_axes_trial *t, const float *x, __u32 width, const float *y,
		    __u32 stride, float *norm2)
{
	__u32 i;

	*norm2 = dot_of(x, x, width);
	t->energy += *norm2;
	t->rows++;
	for (i = 0; i < t->choices; i++)
		t->left[i] += left_of(norm2, y, (i + 1) * 64, stride);
}

void vexfs_axes_pair(struct vexfs_axes_trial *t, __u32 q, __u32 rows, const float *dots,
		     const float *norm2, const float *y, __u32 stride)
{
	float least = 0, d, tiny = (float)(t->energy / t->rows) * 0x1p-16f;
	__u32 i, k, near = ~0u;

	for (i = 0; i < rows; i++) {
		d = norm2[i] + norm2[q] - 2 * dots[i];
		if (i != q && d > tiny && (near == ~0u || d < least)) {
			near = i;
			least = d;
		}
	}
	if (near == ~0u)
		return;
	t->near += least;
	t->pairs++;
	for (i = 0; i < t->choices; i++) {
		double both = dots[near], cosine,
		       lengths = root_of(left_of(norm2 + q, y + q, (i + 1) * 64, stride)) *
				 root_of(left_of(norm2 + near, y + near, (i + 1) * 64, stride));

		for (k = 0; k < (i + 1) * 64; k++)
			both -= (double)y[k * (size_t)stride + q] * y[k * (size_t)stride + near];
		cosine = lengths > 0 ? both / lengths : 0;
		cosine = cosine < -1 ? -1 : cosine < 1 ? cosine : 1;
		t->sum[i] += cosine;
		t->sum2[i] += cosine * cosine;
	}
}

__u32 vexfs_axes_judge(struct vexfs_axes_trial *t, float *most)
{
	double mean, dev, unknown, slack, near, farther;
	__u32 i;

	t->over = 100;			/* where there is nothing to go by more of them say nothing either */
	if (!t->pairs)
		return 0;
	near = t->near / t->pairs;
	farther = 2 * t->energy / t->rows - near;
	near = near < farther ? near : farther;
	if (near <= 0)
		return 0;
	for (i = 0; i < t->choices; i++) {
		mean = t->sum[i] / t->pairs;
		dev = root_of(t->sum2[i] / t->pairs - mean * mean);
		/* as far as the cosine may be above its mean */
		unknown = 3 * dev < 1 - mean ? 3 * dev : 1 - mean;
		slack = 2 * t->left[i] / t->rows * unknown;
		t->over = slack < 100 * SLACK * near ? (__u32)(slack / (SLACK * near)) : 100;
		if (slack > SLACK * near)
			continue;
		mean += 4 * dev;
		*most = mean < 1 ? (float)mean : 1;
		return (i + 1) * 64;
	}
	return 0;
}
