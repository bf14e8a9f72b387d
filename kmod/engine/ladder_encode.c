// SPDX-License-Identifier: GPL-2.0
/*
 * Rows become codes of lists: both rungs, see ladder.c for what they are.
 *
 * Sums are of products that f64 has exactly, in eight parts by dimension, so that scalar code and
 * ladder_encode_avx2.c give the same bits.
 *
 * All of this runs between vx_fpu_begin() and vx_fpu_end().
 */
#include "ladder.h"
#include "kernels.h"

/* width of 16 levels for a normal distribution of deviation 1 that lose least: Max, 1960 */
#define LEVEL_WIDTH	0.3352f
#define LANES		8

static double total(const double lane[LANES])
{
	return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
	       ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

void vexfs_encode1_scalar(const float *x, const float *centre, __u32 padded, __u64 *bits,
			  double *sum)
{
	double r2[LANES] = { 0 }, sr[LANES] = { 0 }, sc[LANES] = { 0 };
	__u32 i, negative;
	float r;

	memset(bits, 0, padded / 8);
	for (i = 0; i < padded; i++) {
		r = x[i] - centre[i];
		negative = b32(r) & 1u << 31;
		bits[i / 64] |= (__u64)!negative << i % 64;
		r2[i % LANES] += (double)r * r;
		sr[i % LANES] += (double)f32(b32(r) ^ negative);
		sc[i % LANES] += (double)f32(b32(centre[i]) ^ negative);
	}
	sum[0] = total(r2);
	sum[1] = total(sr);
	sum[2] = total(sc);
}

/* f rounded down; it is not large */
static int whole(float f)
{
	int i = (int)f;

	return i - (f < (float)i);
}

void vexfs_encode2_scalar(const float *x, const float *centre, __u32 padded, const float *inverse,
			  __u8 *nibble, double *sum)
{
	double yr[LANES] = { 0 }, y2[LANES] = { 0 }, yc[LANES] = { 0 };
	float r, y;
	__u32 i, at;
	int level;

	for (i = 0; i < padded; i++) {
		r = x[i] - centre[i];
		level = whole(r * *inverse) + VEXFS_NIBBLES / 2;
		level = level < 0 ? 0 : level < VEXFS_NIBBLES ? level : VEXFS_NIBBLES - 1;
		y = (float)level - (VEXFS_NIBBLES - 1) * 0.5f;
		yr[i % LANES] += (double)y * r;
		y2[i % LANES] += (double)y * y;
		yc[i % LANES] += (double)y * centre[i];
		at = i / 64 * 32 + i % 32;
		if (i % 64 < 32)
			nibble[at] = level;
		else
			nibble[at] |= level << 4;
	}
	sum[0] = total(yr);
	sum[1] = total(y2);
	sum[2] = total(yc);
}

static float scale_of(double norm2, double yr)
{
	return yr > 0 ? (float)(norm2 / yr) : 0;
}

/*
 * One rung: y with <y, r>, |y|^2 and <y, C> to add and error, for the scale f, which is not quite the
 * one that makes f <y, r> what |r|^2 is.
 */
static void rung(__u32 metric, double norm2, double yr, double y2, double yc, __u32 padded, float f,
		 float *add, float *error)
{
	double off = norm2 > 0 ? f * yr / norm2 - 1 : 0, e2;

	*add = metric == VEXFS_METRIC_DOT ? 0 :
					    (float)(times_norm2_of(metric) * norm2 +
						    times_of(metric) * (double)f * yc);
	e2 = ((double)f * f * y2 - norm2 * (1 + off) * (1 + off)) / (padded - 1);
	*error = root((float)(e2 + off * off * norm2));
}

void vexfs_ladder_encode(__u32 metric, const float *x, const float *centre, __u32 padded,
			 __u64 *bits, struct vexfs_rung1 *one, __u32 at, struct vexfs_rung2 *two)
{
	const struct vexfs_kernels *kernels = vexfs_kernels();
	double sign[3], sum[3];
	float inverse, error;

	kernels->encode1(x, centre, padded, bits, sign);
	one->scale[at] = to_bf16(scale_of(sign[0], sign[1]));
	rung(metric, sign[0], sign[1], padded, sign[2], padded, from_bf16(one->scale[at]),
	     &one->add[at], &error);
	one->error[at] = to_bf16_up(error);
	inverse = sign[0] > 0 ? root((float)padded) / (LEVEL_WIDTH * root((float)sign[0])) : 0;
	kernels->encode2(x, centre, padded, &inverse, (__u8 *)(two + 1), sum);
	two->scale = scale_of(sign[0], sum[0]);
	rung(metric, sign[0], sum[0], sum[1], sum[2], padded, two->scale, &two->add, &two->error);
}

void vexfs_ladder_add(const struct vexfs_lists *l, __u32 i, __u64 *bits, struct vexfs_rung1 *one,
		      __u32 at, struct vexfs_rung2 *two)
{
	__u32 padded = l->coder.rotation.padded;
	float rest2;

	vexfs_centre_unpack(&l->centre, i, l->c, padded);
	vexfs_ladder_encode(l->coder.metric, l->x, l->c, padded, bits, one, at, two);
	if (!l->axes)
		return;
	/* of rests a and b, 2ab <= a^2 + b^2, so that the first rung needs no other number of a row */
	rest2 = times_norm2_of(l->coder.metric) * l->rest * l->rest;
	one->add[at] += (1 - l->axes->most) * rest2;
	two->add += rest2;
	*vexfs_rung2_rest(two, padded) = l->rest;
}
