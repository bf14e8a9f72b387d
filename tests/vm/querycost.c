// SPDX-License-Identifier: GPL-2.0
/*
 * querycost DIR REPEAT [PROGRAM]...: nanoseconds of one search for the 10 nearest in the collection
 * DIR, the median of REPEAT, how many records it measured, and its recall against the exact search
 * of the same queries: for the exact search, the built-in, and each of the loaded search programs.
 * The queries are records, moved a little by a hash.  Under QEMU's -icount a nanosecond is one
 * instruction; on any other emulation the figure means nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "rows.h"

#define K 10

static int cmp(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void die(const char *what, int err)
{
	fprintf(stderr, "querycost: %s: %s\n", what, strerror(err));
	exit(1);
}

static void search(int fd, __u32 flags, __u32 dims, const float *q, struct vexfs_hit *hit,
		   struct vexfs_ioc_search *s)
{
	int err = vx_search_as(fd, flags, K, dims, q, hit, s);

	if (err)
		die("search", err);
	if (s->truncated)
		die("search was truncated", 0);
}

/* Record i of those that are live, each number moved by up to a fifth of the row's deviation. */
static void make_query(int fd, __u64 i, const struct vexfs_ioc_info *info, float *q)
{
	double s = 0;
	__u64 x = i;
	__u32 d;
	int err = vx_get(fd, (i * 7919) % info->live, info->dims, q, NULL);

	if (err)
		die("get", err);
	for (d = 0; d < info->dims; d++)
		s += (double)q[d] * q[d];
	for (d = 0; d < info->dims; d++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		q[d] += ((x >> 40) / (double)(1 << 23) - 1) * 0.2 * sqrt(s / info->dims);
	}
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1, what;
	int n = argc > 2 ? atoi(argv[2]) : 0, i, a, b, err;
	struct vexfs_hit hit[K], (*truth)[K];
	struct vexfs_ioc_search s;
	struct vexfs_ioc_info info;
	__u64 *t, exact = 0;
	float *q;

	if (fd < 0 || n < 1)
		return fprintf(stderr, "usage: querycost DIR REPEAT [PROGRAM]...\n"), 2;
	err = vx_info(fd, &info);
	if (err)
		die(argv[1], err);
	t = calloc(n, sizeof(*t));
	truth = calloc(n, sizeof(*truth));
	q = calloc((size_t)n * info.dims, sizeof(*q));
	if (!t || !truth || !q || info.live < K)
		die("too few records or too little memory", 0);
	for (i = 0; i < n; i++)
		make_query(fd, i, &info, q + (size_t)i * info.dims);
	/* exact and built-in in the places of DIR and REPEAT */
	for (what = 1; what < argc; what++) {
		struct vexfs_ioc_use use = { .size = sizeof(use), .slot = VEXFS_SLOT_SEARCH };
		const char *name = what == 1 ? "exact" : what == 2 ? "built-in" : argv[what];
		__u32 flags = what == 1 ? VEXFS_SEARCH_EXACT : what == 2 ? VEXFS_SEARCH_BUILTIN : 0;
		__u64 scored = 0, visited = 0;
		int found = 0;

		if (what > 2) {
			snprintf(use.name, sizeof(use.name), "%s", name);
			err = vx_ioctl(fd, VEXFS_IOC_USE, &use);
			if (err)
				die(name, err);
		}
		search(fd, flags, info.dims, q, hit, &s);	/* warm: what it needs is built */
		for (i = 0; i < n; i++) {
			__u64 t0 = now();

			search(fd, flags, info.dims, q + (size_t)i * info.dims, hit, &s);
			t[i] = now() - t0;
			if (what == 1)
				memcpy(truth[i], hit, sizeof(hit));
			scored += s.scored;
			visited += s.visited;
			for (a = 0; a < (int)s.n; a++)
				for (b = 0; b < K; b++)
					found += hit[a].id == truth[i][b].id;
		}
		qsort(t, n, sizeof(*t), cmp);
		if (what == 1)
			exact = t[n / 2];
		printf("%-9s (%s) median %llu ns/query (min %llu, max %llu), %.3f of exact; visited %llu, scored %llu, recall %.4f of %d queries\n",
		       name, s.strategy, t[n / 2], t[0], t[n - 1], (double)t[n / 2] / exact,
		       visited / n, scored / n, found / (double)K / n, n);
	}
	return 0;
}
