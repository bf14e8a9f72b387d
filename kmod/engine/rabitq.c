// SPDX-License-Identifier: GPL-2.0
/*
 * 1-bit codes with an error bound: RaBitQ (Gao and Long, SIGMOD 2024).  Sections below are of that
 * paper.
 *
 * A row o has the residual r = o - m, m the mean of the collection; for cosine o is first made a
 * unit vector.  Its code is the signs s of the D dims of P r, P the random rotation (3.1).  For any
 * z independent of r
 *
 *	<r, z>  ~  f <s, P z>,   f = |r|^2 / <s, P r>				(3.2.1, Theorem 3.2)
 *
 * without bias, and as s covers all of r but a random direction orthogonal to it, the error is that
 * of one coordinate of a random unit vector in D - 1 dims:  with a = <s, P r> / (sqrt(D) |r|)
 *
 *	|r| |z| sqrt((1 - a^2) / a^2) / sqrt(D - 1)  =  |z| sqrt((f^2 D - |r|^2) / (D - 1))
 *
 * is its standard deviation, which the paper multiplies by epsilon_0 (3.2.2).  So a row needs two
 * numbers, |r|^2 and f. The rotated query P z is rounded to 4 bits per dim at random, which keeps
 * the estimate without bias (3.3.1); the rounding adds f |d| to the deviation, d what was rounded
 * off, independent of the code.
 *
 * From <r, z> follow the distances:
 *	l2	|o - q|^2 = |r|^2 + |z|^2 - 2 <r, z>,     z = q - m
 *	cosine	half of that, of unit vectors
 *	dot	-<o, q> = -<m, q> - <r, z>,               z = q
 * As r is what is left after m, the mean costs nothing per row; further centres c would fold <c -
 * m, z> into the constant part of a partition and <s, P (c - m)> into a third number per row, with
 * the same table for all of them.
 *
 * All of this runs between vx_fpu_begin() and vx_fpu_end().
 */
#include "internal.h"
#include "float.h"
#include <immintrin.h>

#define SAFE_MIN 0x1p-60
#define SAFE_MAX 0x1p60
#define SLOP 0x1p-16f /* of the magnitude of a distance: what f32 may be off by, amply */
#define LEVELS 15 /* 4 bits */
#define MIN_DRIFT 128 /* rows: of fewer the mean is anywhere */
#define SIGMA (VEXFS_SIGMA * 0.01f)

static float root(float f)
{
	return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(f)));
}

static bool is_safe(double norm2)
{
	return norm2 >= SAFE_MIN && norm2 <= SAFE_MAX;
}

/* 1 / |o| of a row in segments, 0: out of range. */
static float inverse_norm(const struct vx_seg *seg, __u32 segs)
{
	double s[VEXFS_SUMS_F64] = { 0 }, sum;
	__u32 i, n, d = 0;

	for (i = 0; i < segs; i++, d += n) {
		n = seg[i].bytes / 4;
		vexfs_norm_f64(seg[i].p, d, n, s);
	}
	sum = sum_f64(s);
	return is_safe(sum) ? (float)(1 / droot(sum)) : 0;
}

/* x = row * scale - m; m NULL: nothing is taken off */
static void less(const float *row, const float *m, __u32 n, float scale, float *x)
{
	const __m128 by = _mm_set1_ps(scale);
	__u32 i;

	for (i = 0; i + 4 <= n; i += 4) {
		__m128 v = _mm_mul_ps(_mm_loadu_ps(row + i), by);

		_mm_storeu_ps(x + i, m ? _mm_sub_ps(v, _mm_loadu_ps(m + i)) : v);
	}
	for (; i < n; i++)
		x[i] = row[i] * scale - (m ? m[i] : 0);
}

/*
 * x = the row, for cosine of length 1, less m (or nothing), padded with zeros.  False: out of
 * range, x is not filled.
 */
static bool centred(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
		    const float *m, __u32 width, float *x)
{
	float scale = c->metric == VEXFS_METRIC_COSINE ? inverse_norm(seg, segs) : 1;
	__u32 i, d = 0;

	if (!scale)
		return false;
	for (i = 0; i < segs; d += seg[i++].bytes / 4)
		less(seg[i].p, m ? m + d : NULL, seg[i].bytes / 4, scale, x + d);
	for (; d < width; d++)
		x[d] = 0;
	return true;
}

static double norm2_of(const float *x, __u32 n)
{
	double s[VEXFS_SUMS_F64] = { 0 };

	vexfs_norm_f64(x, 0, n, s);
	return sum_f64(s);
}

bool vexfs_rabitq_centred(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
			  bool from_mean, __u32 width, float *x, double *norm2)
{
	if (!centred(c, seg, segs, from_mean ? c->mean : NULL, width, x))
		return false;
	*norm2 = norm2_of(x, c->dims);
	return !*norm2 || is_safe(*norm2);
}

bool vexfs_rabitq_rotate(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
			 bool from_mean, float *x)
{
	double norm2;

	if (!vexfs_rabitq_centred(c, seg, segs, from_mean, c->rotation.padded, x, &norm2))
		return false;
	vexfs_rotate(&c->rotation, x);
	return true;
}

bool vexfs_rabitq_sum(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
		      double *sum)
{
	float scale = inverse_norm(seg, segs);
	__u32 i, k, d = 0;

	if (!scale)
		return false;
	if (c->metric != VEXFS_METRIC_COSINE)
		scale = 1;
	for (i = 0; i < segs; i++) {
		const float *x = seg[i].p;

		for (k = 0; k < seg[i].bytes / 4; k++, d++)
			sum[d] += (double)(x[k] * scale);
	}
	return true;
}

void vexfs_rabitq_mean(struct vexfs_coder *c, const double *sum, __u32 n)
{
	__u32 i;

	for (i = 0; i < c->dims; i++)
		c->mean[i] = n ? (float)(sum[i] / n) : 0;
}

void vexfs_signs_scalar(const float *x, __u32 n, __u64 *bits, double *sum)
{
	__u32 i;

	memset(bits, 0, n / 8);
	*sum = 0;
	for (i = 0; i < n; i++) {
		bits[i / 64] |= (__u64) !(b32(x[i]) >> 31) << i % 64;
		*sum += (double)f32(b32(x[i]) & 0x7fffffffu);
	}
}

void vexfs_rabitq_encode(struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs, __u64 *bits,
			 struct vexfs_factor *f)
{
	double norm2, length;
	float *x = c->scratch;

	memset(bits, 0, c->rotation.padded / 8);
	f->norm2 = 0;
	f->scale = -1;
	if (!segs || !centred(c, seg, segs, c->mean, c->rotation.padded, x))
		return;
	norm2 = norm2_of(x, c->dims);
	if (norm2 == 0)
		f->scale = 0; /* the mean itself */
	if (!is_safe(norm2))
		return;
	vexfs_rotate(&c->rotation, x);
	vexfs_kernels()->signs(x, c->rotation.padded, bits, &length);
	f->norm2 = (float)norm2;
	f->scale = (float)(norm2 / length);
}

void vexfs_rabitq_drift(struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs)
{
	double norm2;
	__u32 i;

	if (!segs || !centred(c, seg, segs, c->mean, c->rotation.padded, c->scratch))
		return;
	norm2 = norm2_of(c->scratch, c->dims);
	if (!is_safe(norm2))
		return;
	for (i = 0; i < c->dims; i++)
		c->drift[i] += (double)c->scratch[i];
	c->drift_norm2 += norm2;
	c->drift_n++;
}

__u32 vexfs_rabitq_off(const struct vexfs_coder *c)
{
	double sum = 0, part;
	__u32 i;

	if (c->drift_n < MIN_DRIFT)
		return 0;
	for (i = 0; i < c->dims; i++)
		sum += c->drift[i] * c->drift[i];
	/* |sum / n|^2 of norm2 / n, less what chance makes of it */
	part = (sum / c->drift_norm2 - 1) / c->drift_n;
	return part > 0 ? (__u32)(part * 1000) : 0;
}

void vexfs_rabitq_quantise(struct vexfs_estimator *e)
{
	const float *x = e->scratch, step = e->step;
	__u32 padded = e->padded, words = padded / 64, i, k, u;
	float inverse = step > 0 ? 1 / step : 0, v;
	__u64 state = 1, random, bits;
	double lost = 0;

	memset(e->plane, 0, words * 4 * sizeof(__u64));
	for (i = 0; i < padded; i += 4) {
		__u8 *t = e->table + i * 4;
		int level[4], all = 0;

		random = vexfs_splitmix(&state);
		for (k = 0; k < 4; k++) {
			v = (float)(__u16)(random >> 16 * k) * 0x1p-16f;
			v += x[i + k] * inverse + 0.5f * LEVELS;
			level[k] = v > 0 ? v < LEVELS ? (int)v : LEVELS : 0;
			all += level[k];
			v = x[i + k] - step * ((float)level[k] - 0.5f * LEVELS);
			lost += (double)v * v;
		}
		for (u = 0; u < 4; u++) {
			bits = (level[0] >> u & 1) | (level[1] >> u & 1) << 1 |
			       (level[2] >> u & 1) << 2 | (level[3] >> u & 1) << 3;
			e->plane[u * words + i / 64] |= bits << i % 64;
		}
		t[0] = 4 * LEVELS - all;
		for (k = 0; k < 4; k++)
			for (u = 0; u < 1u << k; u++)
				t[u + (1u << k)] = t[u] + 2 * level[k] - LEVELS;
	}
	e->lost = (float)lost;
}

void vexfs_rabitq_prepare(const struct vexfs_coder *c, struct vexfs_estimator *e, const void *row)
{
	struct vx_seg seg = { row, c->dims * 4 };
	double norm2, dot = 0, mean2 = 0;
	__u32 padded = c->rotation.padded, i;
	float most = 0, length, *x = e->scratch;

	e->usable = false;
	e->padded = padded;
	if (!centred(c, &seg, 1, c->metric == VEXFS_METRIC_DOT ? NULL : c->mean, c->rotation.padded, x))
		return;
	norm2 = norm2_of(x, c->dims);
	if (norm2 && !is_safe(norm2))
		return;
	if (c->metric == VEXFS_METRIC_DOT)
		for (i = 0; i < c->dims; i++) {
			dot += (double)x[i] * c->mean[i];
			mean2 += (double)c->mean[i] * c->mean[i];
		}
	vexfs_rotate(&c->rotation, x);
	for (i = 0; i < padded; i++) {
		float a = f32(b32(x[i]) & 0x7fffffffu);

		most = a > most ? a : most;
	}
	e->step = 2 * most / LEVELS;
	length = root((float)norm2);
	e->times_norm2 = c->metric == VEXFS_METRIC_L2	  ? 1 :
			 c->metric == VEXFS_METRIC_COSINE ? 0.5f :
							    0;
	e->times = c->metric == VEXFS_METRIC_L2 ? 2 : 1;
	e->plus = c->metric == VEXFS_METRIC_DOT ? (float)-dot : (float)norm2 * e->times_norm2;
	e->middle = 0.5f * LEVELS * padded;
	e->dims = padded;
	e->variance = (float)(norm2 / (padded - 1));
	e->slop = SLOP * (c->metric == VEXFS_METRIC_DOT ? root((float)mean2) * length : e->plus);
	e->slop_norm2 = SLOP * e->times_norm2;
	e->slop_scale = SLOP * e->times * root(padded) * length;
	e->usable = true;
}

void vexfs_sums_scalar(const __u8 *block, const __u8 *table, __u32 padded, __u16 *sum)
{
	__u32 g, v;

	memset(sum, 0, VEXFS_CODE_BLOCK * sizeof(*sum));
	for (g = 0; g < padded / 4; g++, block += 16, table += 16)
		for (v = 0; v < VEXFS_CODE_BLOCK; v++)
			sum[v] += table[block[v & 15] >> (v >> 4) * 4 & 15];
}

/*
 * The bounds of one row from its sum.  Only the lower one may be narrower than the default: what is
 * turned away is the strategy's choice, but an upper bound shuts out others.
 */
static void bound(const struct vexfs_estimator *e, __u32 sum, const struct vexfs_factor *f,
		  float sigma, __u32 *lower, __u32 *upper)
{
	float r2 = f->norm2, s = f->scale, t = s * s * e->dims - r2, off, slop, dist;

	if (s < 0) { /* its norm is out of range */
		*lower = VEXFS_UNKNOWN;
		*upper = ~0u;
		return;
	}
	dist = e->times_norm2 * r2 + e->plus - e->times * s * (e->step * ((float)sum - e->middle));
	off = e->times * root((t > 0 ? t : 0) * e->variance + s * s * e->lost);
	slop = e->slop + e->slop_norm2 * r2 + e->slop_scale * s;
	*lower = key32(dist - sigma * off - slop);
	*upper = key32(dist + (sigma > SIGMA ? sigma : SIGMA) * off + slop);
}

__u32 vexfs_rabitq_margins(const struct vexfs_estimator *e, __u32 from, __u32 bits, __u32 *margin)
{
	float most = e->step * (0.5f * LEVELS), by = most > 0 ? 0x1p24f / most : 0;
	__u32 code = 0, i, b;

	for (i = 0; i < bits; i++) {
		b = b32(e->scratch[from + i]);
		code |= (b >> 31 ^ 1) << i;
		margin[i] = (__u32)(f32(b & 0x7fffffffu) * by);
	}
	return code;
}

__u32 vexfs_bounds_scalar(const struct vexfs_estimator *e, const __u16 *sum,
			  const struct vexfs_factor *f, const float *sigma, __u32 gate,
			  __u32 *lower, __u32 *upper, __u32 *refused)
{
	__u32 i, mask = 0;

	for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
		bound(e, sum[i], f + i, *sigma, lower + i, upper + i);
		if (lower[i] <= gate)
			mask |= 1u << i;
		else if (lower[i] < *refused)
			*refused = lower[i];
	}
	return mask;
}

void vexfs_rabitq_bound(const struct vexfs_estimator *e, __u32 sum, const struct vexfs_factor *f,
			__u32 sigma, __u32 *lower, __u32 *upper)
{
	bound(e, sum, f, (float)sigma * 0.01f, lower, upper);
}

__u32 vexfs_rabitq_block(const struct vexfs_estimator *e, const __u8 *block,
			 const struct vexfs_factor *f, __u32 sigma, __u32 gate, __u32 *lower,
			 __u32 *upper, __u32 *refused)
{
	const struct vexfs_kernels *k = vexfs_kernels();
	float sigmas = (float)sigma * 0.01f;
	__u16 sum[VEXFS_CODE_BLOCK];

	k->sums60(block, e->table, e->padded, sum);
	return k->bounds(e, sum, f, &sigmas, gate, lower, upper, refused);
}
