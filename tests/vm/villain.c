// SPDX-License-Identifier: GPL-2.0
/*
 * villain DIR OBJECT [NAME...]: each hostile program of villain.h, or those named, one after the other.
 *
 * DIR has no collection yet; one is made, of which a part is deleted, with lists.  OBJECT is
 * villain.bpf.o.  Each program is bound, and two threads search meanwhile, while a third rewrites what the program
 * reads.  A query ends by its deadline, and what it gives is true: records that there are, alive, once,
 * at their distances, and, where it does not say that something may be missing, enough of them.  Then
 * the built-in answers, exactly.  Prints a line for each; exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "check.h"
#include "rows.h"
#include "villain.h"

#define DIMS 16
#define RECORDS 9000u /* enough for lists */
#define GONE 7u /* multiples of it are deleted */
#define K 10
#define TIMEOUT 0.2 /* of a query, in seconds */
#define SLACK 1.0 /* beyond it, for a round that does not listen, and the rest */
#define EMULATED 4.0 /* times that, where the processor is emulated */
#define SECONDS 0.5 /* for each program */

enum op { SEARCH = VEXFS_SLOT_SEARCH, DISTANCE = VEXFS_SLOT_DISTANCE, FILTER = VEXFS_SLOT_FILTER };

static const struct {
	const char *name, *what;
	enum op op;
} villains[] = {
#define X(op, name, what) [VILLAIN_##op##_##name] = { #op "_" #name, what, op },
	VILLAINS(X)
#undef X
};

static const char *current; /* the one whose turn it is */
static int fd;
static float *rows; /* of record i; its id is fill_id(i), its slot i */
static volatile struct villain_orders *orders;
static atomic_bool stop;
static double slack = SLACK;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* --- the collection --- */

static double distance(const float *a, const float *b)
{
	double s = 0;
	uint32_t i;

	for (i = 0; i < DIMS; i++)
		s += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	return s;
}

static void fill(const char *dir)
{
	uint64_t *ids = calloc(RECORDS, sizeof(*ids)), *gone = calloc(RECORDS, sizeof(*gone));
	struct vexfs_ioc_index index = { .size = sizeof(index) };
	uint32_t i, n = 0;

	rows = calloc(RECORDS, DIMS * sizeof(*rows));
	if (!ids || !gone || !rows)
		die("memory");
	if (mkdir(dir, 0755) || (fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0)
		die(dir);
	for (i = 0; i < RECORDS; i++) {
		ids[i] = fill_id(i);
		make_row(rows + i * DIMS, DIMS, 11, i);
		if (i % GONE == 0)
			gone[n++] = ids[i];
	}
	if (EXPECT(0, vx_create(fd, DIMS, VEXFS_METRIC_L2, 0), "create") ||
	    EXPECT(0, vx_insert(fd, RECORDS, DIMS, rows, ids, NULL, NULL, NULL), "insert") ||
	    EXPECT(0, vx_delete(fd, n, gone, NULL), "delete") ||
	    EXPECT(0, vx_ioctl(fd, VEXFS_IOC_INDEX, &index), "index"))
		exit(1);
	free(ids);
	free(gone);
}

static int by_distance(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The built-in is exact: the distances of an answer are the smallest that there are. */
static void check_exact(const float *q, const struct vexfs_hit *hits,
			const struct vexfs_ioc_search *s)
{
	double *d = calloc(RECORDS, sizeof(*d));
	uint32_t i, n = 0;

	if (!d)
		die("memory");
	for (i = 0; i < RECORDS; i++)
		if (i % GONE)
			d[n++] = distance(q, rows + i * DIMS);
	qsort(d, n, sizeof(*d), by_distance);
	FAIL(s->n != K || s->truncated, "%s: then the built-in: %u hits, truncated %#x", current,
	     s->n, s->truncated);
	for (i = 0; i < s->n && i < K; i++)
		FAIL(fabs(d[i] - hits[i].distance) > 1e-9 * (1 + d[i]),
		     "%s: then the built-in: hit %u at %.9g, not %.9g", current, i,
		     hits[i].distance, d[i]);
	free(d);
}

/* --- searching beside a villain --- */

struct searcher {
	enum op op;
	uint64_t seed;
	unsigned long queries, truncated, failed, by_it, hits;
	double longest;
};

static int search(float *q, uint64_t *seed, uint32_t flags, double timeout, struct vexfs_hit *hits,
		  struct vexfs_ioc_search *s)
{
	*s = (struct vexfs_ioc_search){ .size = sizeof(*s),
					.flags = flags,
					.k = K,
					.vector_bytes = DIMS * sizeof(float),
					.vector = PTR(q),
					.hits = PTR(hits),
					.timeout_us = timeout * 1e6 };
	make_row(q, DIMS, 12, random64(seed) % 1000);
	return vx_ioctl(fd, VEXFS_IOC_SEARCH, s);
}

static void check_answer(const struct searcher *t, const float *q, const struct vexfs_hit *hits,
			 const struct vexfs_ioc_search *s)
{
	uint32_t i, k;

	if (FAIL(s->n > K, "%s: %u hits", current, s->n))
		return;
	/* a filter may drop what it likes, and nobody else */
	FAIL(s->n < K && !s->truncated && t->op != FILTER,
	     "%s: %u hits, and none is said to be missing", current, s->n);
	for (i = 0; i < s->n; i++) {
		uint64_t slot = hits[i].slot;
		double d;

		if (FAIL(slot >= RECORDS, "%s: slot %llu", current, (unsigned long long)slot))
			continue;
		FAIL(hits[i].id != fill_id(slot), "%s: slot %llu has the id %llu", current,
		     (unsigned long long)slot, (unsigned long long)hits[i].id);
		FAIL(slot % GONE == 0, "%s: slot %llu was deleted", current,
		     (unsigned long long)slot);
		d = distance(q, rows + slot * DIMS);
		FAIL(t->op == DISTANCE ? hits[i].distance < d - 1e-6 * (1 + d) :
					 fabs(hits[i].distance - d) > 1e-9 * (1 + d),
		     "%s: slot %llu at %.9g, it is at %.9g", current, (unsigned long long)slot,
		     hits[i].distance, d);
		FAIL(i && hits[i - 1].distance > hits[i].distance, "%s: hit %u is not in order",
		     current, i);
		for (k = 0; k < i; k++)
			FAIL(hits[k].slot == slot, "%s: slot %llu twice", current,
			     (unsigned long long)slot);
	}
}

static void *search_loop(void *arg)
{
	struct searcher *t = arg;
	struct vexfs_hit hits[K];
	struct vexfs_ioc_search s;
	float q[DIMS];

	while (!stop || !t->queries) {
		double began = now(), took;
		int err = search(q, &t->seed, 0, TIMEOUT, hits, &s);

		took = now() - began;
		t->longest = took > t->longest ? took : t->longest;
		t->queries++;
		FAIL(took > TIMEOUT + slack, "%s: a query took %.2f s", current, took);
		/* a search program is given up, the others fail their query */
		if (err) {
			t->failed++;
			FAIL(err != EPROTO || t->op == SEARCH, "%s: %s", current, error_name(err));
			continue;
		}
		t->truncated += !!s.truncated;
		t->by_it += s.used[t->op] == VEXFS_BOUND_LOADED;
		t->hits += s.n;
		check_answer(t, q, hits, &s);
	}
	return NULL;
}

/* Another processor writes what the program reads. */
static void *meddle(void *arg)
{
	uint64_t s = 5;

	while (!stop) {
		uint64_t r = random64(&s);

		orders->shared[r % VILLAIN_SHARED] = r >> (r >> 8) % 64;
		orders->left[r % 3] = r >> (r >> 16) % 64;
	}
	return arg;
}

static void bind_program(enum op slot, const char *name)
{
	struct vexfs_ioc_use use = { .size = sizeof(use), .slot = slot };

	snprintf(use.name, sizeof(use.name), "%s", name);
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_USE, &use), "use");
}

static void one(uint32_t v)
{
	struct searcher t[2] = { { .op = villains[v].op, .seed = v },
				 { .op = villains[v].op, .seed = ~v } };
	struct vexfs_hit hits[K];
	struct vexfs_ioc_search s;
	pthread_t thread[3];
	uint64_t seed = v;
	float q[DIMS];
	int i;

	current = villains[v].name;
	stop = false;
	orders->mode = v;
	orders->calls = 0;
	bind_program(villains[v].op, "villain");
	for (i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, i < 2 ? search_loop : meddle,
				   i < 2 ? &t[i] : NULL))
			die("thread");
	usleep(SECONDS * 1e6);
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	FAIL(!orders->calls, "%s was never called", current);
	bind_program(villains[v].op, "");
	for (i = 0; i < 3; i++)
		if (!EXPECT(0, search(q, &seed, VEXFS_SEARCH_EXACT, 60, hits, &s), current))
			check_exact(q, hits, &s);
	printf("%-24s %-66s %4lu queries, %4lu answered with it, %4lu truncated, %4lu failed, longest %.2f s\n",
	       current, villains[v].what, t[0].queries + t[1].queries, t[0].by_it + t[1].by_it,
	       t[0].truncated + t[1].truncated, t[0].failed + t[1].failed,
	       t[0].longest > t[1].longest ? t[0].longest : t[1].longest);
	fflush(stdout);
}

static bool wanted(int argc, char **argv, const char *name)
{
	int i;

	for (i = 3; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 3;
}

static bool emulated(void)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool yes = false;

	while (f && fgets(line, sizeof(line), f))
		yes |= !!strstr(line, "QEMU TCG");
	if (f)
		fclose(f);
	return yes;
}

int main(int argc, char **argv)
{
	struct bpf_object *o;
	struct bpf_link *link;
	uint32_t v, n = 0;

	if (argc < 3)
		return fprintf(stderr, "usage: villain DIR OBJECT [NAME]...\n"), 2;
	slack *= emulated() ? EMULATED : 1;
	fill(argv[1]);
	o = bpf_object__open_file(argv[2], NULL);
	if (!o || bpf_object__load(o))
		die(argv[2]);
	orders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(bpf_object__find_map_by_name(o, "orders")), 0);
	if (orders == MAP_FAILED)
		die("mmap");
	link = bpf_map__attach_struct_ops(bpf_object__find_map_by_name(o, "villain"));
	if (!link)
		die("attach");
	for (v = 1; v < VILLAINS_END; v++)
		if (wanted(argc, argv, villains[v].name)) {
			one(v);
			n++;
		}
	FAIL(bpf_link__destroy(link), "detach");
	printf("%u villains\n", n);
	return failed();
}
