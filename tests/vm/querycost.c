// SPDX-License-Identifier: GPL-2.0
/*
 * querycost DIR REPEAT [NAME]: nanoseconds of one search for 10 of the collection DIR, the median of REPEAT, and its recall against
 * the built-in, for the built-in and for the program NAME.  Under QEMU's -icount a nanosecond is one instruction; on any other emulation the
 * figure means nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <vexfs/ioctl.h>

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

static void search(int fd, __u64 id, unsigned int flags, struct vexfs_hit *hit, struct vexfs_ioc_search *s)
{
	memset(s, 0, sizeof(*s));
	s->size = sizeof(*s);
	s->flags = VEXFS_SEARCH_BY_ID | flags;
	s->id = id;
	s->k = K;
	s->hits = (__u64)(unsigned long)hit;
	if (ioctl(fd, VEXFS_IOC_SEARCH, s)) {
		fprintf(stderr, "querycost: search: %s\n", strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1, what, n = argc > 2 ? atoi(argv[2]) : 0, i, a, b;
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	__u64 *t, visited, median[2] = { 0 };

	if (fd < 0 || n < 1)
		return fprintf(stderr, "usage: querycost DIR REPEAT [PROGRAM]\n"), 2;
	t = calloc(n, sizeof(*t));
	if (!t || ioctl(fd, VEXFS_IOC_INFO, &info))
		return perror("querycost"), 1;
	for (what = 0; what < 1 + (argc > 3); what++) {
		struct vexfs_ioc_use use = { .size = sizeof(use), .slot = VEXFS_SLOT_SEARCH };
		struct vexfs_ioc_search s;
		struct vexfs_hit hit[K], truth[K];
		int found = 0, wanted = 0;

		snprintf(use.name, sizeof(use.name), "%s", what ? argv[3] : "");
		if (ioctl(fd, VEXFS_IOC_USE, &use))
			return perror("querycost: use"), 1;
		search(fd, 0, 0, hit, &s);	/* warm */
		for (i = visited = 0; i < n; i++) {
			__u64 id = (i * 7919ULL) % info.live, t0;

			search(fd, id, VEXFS_SEARCH_BUILTIN, truth, &s);
			wanted += s.n;
			t0 = now();
			search(fd, id, 0, hit, &s);
			t[i] = now() - t0;
			visited += s.visited;
			for (a = 0; a < (int)s.n; a++)
				for (b = 0; b < K; b++)
					found += hit[a].id == truth[b].id;
		}
		qsort(t, n, sizeof(*t), cmp);
		median[what] = t[n / 2];
		printf("%-10s median %llu ns/query (min %llu, max %llu), visited %llu, recall %.4f over %d queries\n",
		       what ? argv[3] : "built-in", (unsigned long long)t[n / 2], (unsigned long long)t[0],
		       (unsigned long long)t[n - 1], (unsigned long long)(visited / n), (double)found / wanted, n);
	}
	if (median[1])
		printf("ratio %s / built-in %.4f\n", argv[3], (double)median[1] / median[0]);
	return 0;
}
