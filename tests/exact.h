/* SPDX-License-Identifier: GPL-2.0 */
/* Exact search in double precision, for tests native and in the guest. */
#ifndef _VEXFS_TESTS_EXACT_H
#define _VEXFS_TESTS_EXACT_H

#include <math.h>
#include <vexfs/format.h>

struct near {
	double distance;
	__u64 id;
};

/*
 * The order of additions is the engine's (sixteen sums, by the dimension modulo 16, and then halves), so
 * distances must be equal to the last bit.
 */
static inline double exact_sum(double s[16])
{
	__u32 width, i;

	for (width = 8; width; width /= 2)
		for (i = 0; i < width; i++)
			s[i] += s[i + width];
	return s[0];
}

static inline double exact_distance(__u32 metric, const float *query, const float *x, __u32 dims)
{
	double s[16] = { 0 }, t[16] = { 0 }, u[16] = { 0 }, sum;
	__u32 i;

	for (i = 0; i < dims; i++) {
		double a = query[i], b = x[i];

		s[i % 16] += metric == VEXFS_METRIC_L2 ? (a - b) * (a - b) : a * b;
		t[i % 16] += b * b;
		u[i % 16] += a * a;
	}
	sum = exact_sum(s);
	if (metric == VEXFS_METRIC_L2)
		return sum;
	if (metric == VEXFS_METRIC_DOT)
		return -sum;
	sum /= sqrt(exact_sum(u)) * sqrt(exact_sum(t));
	return 1 - (sum > 1 ? 1 : sum < -1 ? -1 : sum);
}

/* qsort() of struct near: by distance, then id. */
static inline int nearer(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

#endif /* _VEXFS_TESTS_EXACT_H */
