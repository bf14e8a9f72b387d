// SPDX-License-Identifier: GPL-2.0
/*
 * codes [N]: the engine alone, on this machine: nanoseconds (of CPU time) per row of estimating by
 * codes and of measuring exactly, and per query of the exact scan and of the strategy over codes,
 * whose recall and rows measured are of the same queries.  N random rows (20,000) in 64 clusters, k
 * 10, medians.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "engine/internal.h"

#define QUERIES	41
#define K	10

static __u64 state = 5;

static float gauss(void)
{
	double u = ((vexfs_splitmix(&state) >> 11) + 1.0) / (1ULL << 53);
	double v = (vexfs_splitmix(&state) >> 11) / (double)(1ULL << 53);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void need(bool ok)
{
	if (!ok) {
		fprintf(stderr, "codes: out of memory\n");
		exit(1);
	}
}

/* Runs a query; returns its nanoseconds. */
static double ask(struct vexfs_query *q, int (*strategy)(struct vexfs_search *), const float *row,
		  struct vexfs_hit_f *hits)
{
	__u32 truncated;
	double t = now();
	int n;

	vexfs_query_reset(q, row);
	do {
		do {
			vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
			n = strategy(vexfs_query_search(q));
			vexfs_query_phase(q, VEXFS_PHASE_NONE);
		} while (n == VEXFS_MORE);
		need(!n);
		n = vexfs_query_finish(q, hits, &truncated);
		if (n == -EAGAIN)
			vexfs_query_restart(q);
	} while (n == -EAGAIN);
	need(n == K);
	return now() - t;
}

static void run(__u32 n, __u32 dims)
{
	float *rows = malloc((size_t)n * dims * 4), *centre = malloc((size_t)64 * dims * 4);
	float *query = malloc((size_t)QUERIES * dims * 4);
	struct vexfs_columns *columns = vexfs_columns_new(0);
	struct vexfs_codes *codes = vexfs_codes_new(VEXFS_METRIC_L2, dims, 1);
	struct vx_rows plane = { .data = rows, .n = n, .row_bytes = dims * 4 };
	struct vexfs_query_params p = { .row = query, .dims = dims, .metric = VEXFS_METRIC_L2,
					.k = K, .deadline_us = ~0ULL, .codes = codes };
	double exact[QUERIES], coded[QUERIES], scan[QUERIES], t, build;
	__u32 lower[96], upper[96], i, k, j, shift, refused, found = 0;
	struct vexfs_hit_f a[K], b[K];
	struct vexfs_room room = { 0 };
	struct vexfs_estimator *e;
	struct vexfs_query *q;
	__u64 scored = 0, sink = 0;

	need(rows && centre && query && columns && codes && !vexfs_columns_reserve(columns, n) &&
	     !vexfs_codes_reserve(codes, n));
	for (i = 0; i < 64 * dims; i++)
		centre[i] = gauss();
	for (i = 0; i < n + QUERIES; i++) {
		float *x = i < n ? rows + (size_t)i * dims : query + (size_t)(i - n) * dims;

		for (k = 0; k < dims; k++)
			x[k] = centre[(size_t)(i % 64) * dims + k] + gauss();
		if (i < n)
			need(!vexfs_columns_put(columns, i, i, NULL));
	}
	vexfs_columns_publish(columns, n);
	t = now();
	need(!vexfs_codes_centre(codes, &plane, NULL, n) &&
	     !vexfs_codes_extend(codes, &plane, NULL, n, ~0ULL));
	build = (now() - t) / n;
	q = vexfs_query_new(columns, &plane, &p);
	e = vexfs_estimator_in(&room, codes);
	need(q && e);
	for (i = 0; i < QUERIES; i++) {
		vexfs_estimator_prepare(codes, e, query + (size_t)i * dims);
		t = now();
		for (j = 0; j < n; j += VEXFS_BATCH)
			sink += vexfs_codes_range(codes, e, j,
						  n - j < VEXFS_BATCH ? n - j : VEXFS_BATCH, ~0ULL,
						  VEXFS_SIGMA, 1u << 31, lower, upper, &shift,
						  &refused);
		scan[i] = (now() - t) / n;
		exact[i] = ask(q, vexfs_flat, query + (size_t)i * dims, a);
		coded[i] = ask(q, vexfs_coded, query + (size_t)i * dims, b);
		scored += vexfs_query_search(q)->scored;
		for (k = 0; k < K; k++)
			for (j = 0; j < K; j++)
				found += a[k].id == b[j].id;
	}
	qsort(exact, QUERIES, sizeof(*exact), cmp);
	qsort(coded, QUERIES, sizeof(*coded), cmp);
	qsort(scan, QUERIES, sizeof(*scan), cmp);
	printf("%5u dims: estimate %6.1f ns/row, exact %6.1f ns/row; query coded %8.1f us, exact %8.1f us, scored %5llu, recall %.4f; encode %7.1f ns/row%s\n",
	       dims, scan[QUERIES / 2], exact[QUERIES / 2] / n, coded[QUERIES / 2] / 1000,
	       exact[QUERIES / 2] / 1000, scored / QUERIES, found / (double)K / QUERIES, build,
	       sink == 1 ? " " : "");
	vx_efree(e);
	vexfs_query_free(q);
	vexfs_codes_free(codes);
	vexfs_columns_free(columns);
	free(rows);
	free(centre);
	free(query);
}

int main(int argc, char **argv)
{
	static const __u32 dims[] = { 128, 768, 1536 };
	__u32 n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000, i;

	if (n < 1000 || n > 1000000)
		return fprintf(stderr, "usage: codes [N], 1000 to 1000000\n"), 2;
	printf("%u random rows, k %u, %u queries, kernels: %s\n", n, K, QUERIES,
	       vexfs_kernels()->name);
	for (i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		run(n, dims[i]);
	return 0;
}
