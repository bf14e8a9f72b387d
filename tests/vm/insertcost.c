// SPDX-License-Identifier: GPL-2.0
/*
 * insertcost DIR N DIMS: nanoseconds of inserting N records in calls of 1,000 into the empty
 * collection DIR; then they are made durable, which is mostly waiting and not measured.  Under
 * QEMU's -icount a nanosecond is one instruction; on any other emulation the figure means nothing.
 */
#include <time.h>
#include <unistd.h>
#include "rows.h"

#define BATCH 1000

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	int fd = argc == 4 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	__u32 n = argc == 4 ? atoi(argv[2]) : 0, dims = argc == 4 ? atoi(argv[3]) : 0, at, i;
	__u64 ids[BATCH], begin, inserted = 0;
	float *rows = calloc(BATCH, dims * sizeof(*rows));

	if (fd < 0 || !n || !dims || !rows)
		return fprintf(stderr, "usage: insertcost DIR N DIMS\n"), 2;
	for (at = 0; at < n; at += BATCH) {
		struct vexfs_ioc_insert a = {
			.size = sizeof(a), .n = BATCH, .row_bytes = dims * sizeof(*rows),
			.rows = PTR(rows), .ids = PTR(ids),
		};

		for (i = 0; i < BATCH; i++) {
			ids[i] = at + i;
			make_row(rows + (size_t)i * dims, dims, 1, at + i);
		}
		begin = now();
		if (ioctl(fd, VEXFS_IOC_INSERT, &a))
			return perror("insert"), 1;
		inserted += now() - begin;
	}
	if (fsync(fd))
		return perror("fsync"), 1;
	printf("%u x %u: %llu ns to insert, %llu a record\n", n, dims,
	       (unsigned long long)inserted, (unsigned long long)inserted / n);
	return 0;
}
