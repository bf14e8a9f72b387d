// SPDX-License-Identifier: GPL-2.0
/*
 * switch DIR OBJECT SWITCHES THREADS [QUERIES]: replace a search program under load.
 *
 * Loads OBJECT (half.bpf.o) twice, once for the even and once for the odd batches, binds the first
 * to the collection DIR, and learns each one's answer to a call of QUERIES queries [1], which have
 * no record in common.  Then THREADS threads repeat the call while the link is pointed at one and
 * the other in turn.  Every call must succeed, and its answers be exactly those of one of the two,
 * always the same one for the same generation.
 *
 * Prints `switches N queries N failed N mixed N seen-even N seen-odd N`; exit code 1 unless failed
 * and mixed are 0 and both programs were seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <vexfs/ioctl.h>

#define K 10
#define MAX_SWITCHES 100000
#define MAX_QUERIES 64

static const char *dir;
static unsigned int n_queries = 1;
static float *vectors;			/* the rows of the records 1 .. n_queries */
static __u32 row_bytes;
static __u64 expect[2][MAX_QUERIES * K];
static atomic_int stop;
static atomic_ulong queries, failed, mixed, seen[2];
/* generation - base -> program + 1, as the first answer of that generation said */
static atomic_int program_of[MAX_SWITCHES + 8];
static __u64 base_generation;

static void die(const char *what)
{
	fprintf(stderr, "switch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int query(int fd, __u64 ids[MAX_QUERIES * K], struct vexfs_ioc_search *s)
{
	struct vexfs_hit hit[MAX_QUERIES * K];
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->size = sizeof(*s);
	s->vector = (__u64)(unsigned long)vectors;
	s->vector_bytes = row_bytes;
	s->queries = n_queries;
	s->k = K;
	s->hits = (__u64)(unsigned long)hit;
	s->timeout_us = 60000000;
	if (ioctl(fd, VEXFS_IOC_SEARCH, s))
		return -errno;
	if (s->n != n_queries * K)
		return -ENODATA;
	for (i = 0; i < n_queries * K; i++)
		ids[i] = hit[i].id;
	return 0;
}

static void *loop(void *arg)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	(void)arg;
	if (fd < 0)
		die(dir);
	while (!atomic_load(&stop)) {
		struct vexfs_ioc_search s;
		__u64 ids[MAX_QUERIES * K], gen;
		size_t bytes = n_queries * K * sizeof(ids[0]);
		int err = query(fd, ids, &s), p, want = 0;

		atomic_fetch_add(&queries, 1);
		if (err || s.used[VEXFS_SLOT_SEARCH] != VEXFS_BOUND_LOADED) {
			if (!atomic_fetch_add(&failed, 1))
				fprintf(stderr, "switch: query: %s, search slot state %u\n",
					strerror(-err), s.used[0]);
			continue;
		}
		p = !memcmp(ids, expect[0], bytes) ? 0 : !memcmp(ids, expect[1], bytes) ? 1 : -1;
		gen = s.generation[VEXFS_SLOT_SEARCH] - base_generation;
		if (p < 0 || gen >= MAX_SWITCHES + 8 ||
		    (!atomic_compare_exchange_strong(&program_of[gen], &want, p + 1) &&
		     want != p + 1)) {
			atomic_fetch_add(&mixed, 1);
			continue;
		}
		atomic_fetch_add(&seen[p], 1);
	}
	close(fd);
	return NULL;
}

static struct bpf_map *load(const char *path, __u32 odd)
{
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	struct bpf_map *m;
	size_t size;
	__u32 *v;

	if (!o)
		die(path);
	m = bpf_object__find_map_by_name(o, ".rodata");
	v = m ? bpf_map__initial_value(m, &size) : NULL;
	if (!v || size < sizeof(*v))
		die("the object has no .rodata");
	*v = odd;
	if (bpf_object__load(o))
		die("load");
	return bpf_object__find_map_by_name(o, "half");
}

/* The vectors to search with: those of the first records. */
static void get_vectors(int fd)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct vexfs_ioc_get get;
	unsigned int i;

	if (ioctl(fd, VEXFS_IOC_INFO, &info))
		die("info");
	row_bytes = info.row_bytes;
	vectors = malloc((size_t)n_queries * row_bytes);
	if (!vectors)
		die("memory");
	for (i = 0; i < n_queries; i++) {
		get = (struct vexfs_ioc_get){ .size = sizeof(get),
					      .id = i + 1,
					      .row_bytes = row_bytes };
		get.row = (__u64)(unsigned long)((char *)vectors + (size_t)i * row_bytes);
		if (ioctl(fd, VEXFS_IOC_GET, &get))
			die("get");
	}
}

int main(int argc, char **argv)
{
	unsigned long switches, i;
	int threads, fd, t, err;
	struct vexfs_ioc_use use = { .size = sizeof(use),
				     .slot = VEXFS_SLOT_SEARCH,
				     .name = "half" };
	struct vexfs_ioc_search s;
	struct bpf_link *link;
	struct bpf_map *map[2];
	pthread_t tid[64];

	if (argc != 5 && argc != 6)
		return fprintf(stderr, "usage: switch DIR OBJECT SWITCHES THREADS [QUERIES]\n"), 2;
	dir = argv[1];
	switches = strtoul(argv[3], NULL, 0);
	threads = atoi(argv[4]);
	if (argc == 6)
		n_queries = atoi(argv[5]);
	if (switches > MAX_SWITCHES || threads < 1 || threads > 64 || n_queries < 1 ||
	    n_queries > MAX_QUERIES)
		return fprintf(stderr, "switch: too many\n"), 2;
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		die(dir);
	for (t = 0; t < 2; t++)
		map[t] = load(argv[2], t);
	if (!map[0] || !map[1])
		die("no vexfs_ops named half");
	link = bpf_map__attach_struct_ops(map[0]);
	if (!link)
		die("attach");
	if (ioctl(fd, VEXFS_IOC_USE, &use))
		die("use");
	get_vectors(fd);
	for (t = 0; t < 2; t++) {
		if (t && bpf_link__update_map(link, map[1]))
			die("update");
		err = query(fd, expect[t], &s);
		if (err) {
			errno = -err;
			die("first query");
		}
		base_generation = s.generation[VEXFS_SLOT_SEARCH];
	}
	for (i = 0; i < K * K * n_queries; i++)		/* of the same query */
		if (expect[0][i / K] == expect[1][i / K / K * K + i % K])
			return fprintf(stderr, "switch: the two answers overlap\n"), 1;
	for (t = 0; t < threads; t++)
		if (pthread_create(&tid[t], NULL, loop, NULL))
			die("thread");
	for (i = 0; i < switches; i++) {
		unsigned long before = atomic_load(&queries);

		if (bpf_link__update_map(link, map[i & 1]))
			die("update under load");
		if (i % 16 == 0)	/* let some whole queries pass */
			while (atomic_load(&queries) < before + 2 * threads)
				usleep(100);
	}
	atomic_store(&stop, 1);
	for (t = 0; t < threads; t++)
		pthread_join(tid[t], NULL);
	memset(use.name, 0, sizeof(use.name));
	if (ioctl(fd, VEXFS_IOC_USE, &use))
		die("use built-in");
	bpf_link__destroy(link);
	printf("switches %lu queries %lu failed %lu mixed %lu seen-even %lu seen-odd %lu\n",
	       switches, atomic_load(&queries), atomic_load(&failed), atomic_load(&mixed),
	       atomic_load(&seen[0]), atomic_load(&seen[1]));
	return atomic_load(&failed) || atomic_load(&mixed) || !atomic_load(&seen[0]) ||
	       !atomic_load(&seen[1]);
}
