// SPDX-License-Identifier: GPL-2.0
/*
 * picks DIR OBJECT SECONDS: a search program reads slots from a map that user space has mapped.
 *
 * Loads OBJECT (picks.bpf.o), binds it to the collection DIR, and searches while a thread turns
 * each entry of the map from the slot of a record into one far beyond the collection, and back.
 * Every hit must be a record that was named.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "check.h"
#include "rows.h"

#define N	64			/* VEXFS_BATCH */
#define FAR	(1ULL << 45)		/* a bit that far is in nobody's memory */

static atomic_bool stop;
static volatile __u64 *slots;

static void *flip(void *arg)
{
	unsigned int i;

	while (!stop)
		for (i = 0; i < N; i++) {
			slots[i] = FAR + i;
			slots[i] = i;
		}
	return arg;
}

int main(int argc, char **argv)
{
	struct vexfs_ioc_use use = { .size = sizeof(use),
				     .slot = VEXFS_SLOT_SEARCH,
				     .name = "picks" };
	struct vexfs_ioc_info info;
	struct vexfs_ioc_search s;
	struct vexfs_hit hits[10];
	struct bpf_object *o;
	struct bpf_map *map;
	struct bpf_link *link;
	unsigned long queries = 0, found = 0;
	pthread_t thread;
	time_t end;
	float *row;
	__u32 i;
	int fd;

	if (argc != 4)
		return fprintf(stderr, "usage: picks DIR OBJECT SECONDS\n"), 2;
	fd = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (fd < 0 || vx_info(fd, &info))
		die(argv[1]);
	o = bpf_object__open_file(argv[2], NULL);
	if (!o || bpf_object__load(o))
		die(argv[2]);
	map = bpf_object__find_map_by_name(o, "slots");
	slots = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (slots == MAP_FAILED)
		die("mmap");
	link = bpf_map__attach_struct_ops(bpf_object__find_map_by_name(o, "picks"));
	if (!link || ioctl(fd, VEXFS_IOC_USE, &use))
		die("use");
	row = calloc(1, info.row_bytes);
	if (!row)
		die("memory");
	row[0] = 1;
	if (pthread_create(&thread, NULL, flip, NULL))
		die("thread");
	for (end = time(NULL) + atoi(argv[3]); time(NULL) < end; queries++) {
		EXPECT(0, vx_search_as(fd, 0, 10, info.dims, row, hits, &s), "search");
		FAIL(strcmp(s.strategy, "picks"), "the strategy is %s", s.strategy);
		for (i = 0; i < s.n; i++)
			FAIL(hits[i].slot >= N, "slot %llu, which nobody named", hits[i].slot);
		found += s.n;
	}
	stop = true;
	pthread_join(thread, NULL);
	FAIL(!found, "no hits in %lu queries", queries);
	memset(use.name, 0, sizeof(use.name));
	if (ioctl(fd, VEXFS_IOC_USE, &use))
		die("use the built-in");
	bpf_link__destroy(link);
	printf("%lu queries, %lu hits\n", queries, found);
	return failed();
}
