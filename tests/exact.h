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
 * The order of additions is the engine's (four sums, by the dimension modulo 4), so distances must
 * be equal to the last bit.
 */
static inline double exact_distance(__u32 metric, const float *query, const float *x, __u32 dims)
{
	double s[4] = { 0 }, t[4] = { 0 }, u[4] = { 0 }, sum, norm;
	__u32 i;

	for (i = 0; i < dims; i++) {
		double a = query[i], b = x[i];

		s[i % 4] += metric == VEXFS_METRIC_L2 ? (a - b) * (a - b) : a * b;
		t[i % 4] += b * b;
		u[i % 4] += a * a;
	}
	sum = (s[0] + s[1]) + (s[2] + s[3]);
	if (metric == VEXFS_METRIC_L2)
		return sum;
	if (metric == VEXFS_METRIC_DOT)
		return -sum;
	norm = (t[0] + t[1]) + (t[2] + t[3]);
	sum /= sqrt((u[0] + u[1]) + (u[2] + u[3])) * sqrt(norm);
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
