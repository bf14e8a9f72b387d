// SPDX-License-Identifier: GPL-2.0
/*
 * querycost DIR REPEAT [METHOD | bpf/PROGRAM]...
 * querycost --image IMAGE DIR REPEAT [METHOD]...
 *
 * Nanoseconds of one search for the 10 nearest in the collection DIR, the median of REPEAT, how
 * many records it measured, and its recall against the exact search of the same queries: for the
 * exact search, and each method (auto, exact, coded, ivf, lsh) or loaded search program, which is
 * compared with the built-in of its name, where that came before.  The queries are records, moved a
 * little by a hash.  Under QEMU's -icount a nanosecond is one instruction; on any other emulation
 * the figure means nothing.
 *
 * Then all queries in one call, the mean of each.
 *
 * With an image, or a device that is not mounted, the same is asked in this process: by the call
 * that an ioctl becomes there ("process"), and of the engine alone, with a query object of its own
 * for each query ("new") and with one for all ("engine").  Both sides have the same records, codes
 * and lists, if the image has a checkpoint.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <platform/host.h>
#include "moved.h"
#include "rows.h"

#define K 10
#define WAIT 3000 /* times 10 ms, for what a method needs */

static const char *const methods[] = { "auto", "exact", "coded", "ivf", "lsh" };

static int fd;
static struct vexfs_image *image;
static struct file *file; /* of the image, in place of fd */

static struct vexfs_ioc_info info;
static float *query;
static struct vexfs_hit (*truth)[K];
static __u64 *ns, exact;
static __u64 median[VEXFS_METHODS]; /* of built-in ones */
static int repeat;

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

static int call(unsigned int cmd, void *arg)
{
	return file ? -vexfs_file_ioctl(file, cmd, arg) : vx_ioctl(fd, cmd, arg);
}

static const float *query_of(int i)
{
	return query + (size_t)i * info.dims;
}

static void make_query(__u64 i, float *q)
{
	struct vexfs_ioc_get get = { .size = sizeof(get),
				     .id = moved_id(i, info.live),
				     .row = PTR(q),
				     .row_bytes = info.dims * 4 };
	int err = call(VEXFS_IOC_GET, &get);

	if (err)
		die("get", err);
	move_row(q, info.dims, i);
}

/* --- ways to ask: how many hits --- */

struct asked {
	const char *strategy;
	char name[VEXFS_PROG_NAME_LEN];
	__u64 scored, visited;
};

static __u32 flags, method;
static struct vexfs_search_trace *trace;

static int by_call(int i, struct vexfs_hit *hit, struct asked *a)
{
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.flags = flags,
		.k = K,
		.vector_bytes = info.dims * 4,
		.vector = PTR(query_of(i)),
		.hits = PTR(hit),
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
		.method = method,
		.trace = PTR(trace),
	};
	int err = call(VEXFS_IOC_SEARCH, &s);

	if (err)
		die("search", err);
	if (s.truncated)
		die("search was truncated", 0);
	a->scored += s.scored;
	a->visited += s.visited;
	memcpy(a->name, s.strategy, sizeof(a->name));
	return s.n;
}

/* What a search of a collection in this process goes through. */
static struct {
	struct vexfs_collection_mem *c;
	struct vexfs_body *b;
	struct vexfs_derived *d;
	struct vexfs_tables *tables;
	struct vx_rows *rows;
	struct vexfs_query_params params;
	struct vexfs_query *q; /* NULL: one for each query */
} of;

static int by_engine(int i, struct vexfs_hit *hit, struct asked *a)
{
	struct vexfs_query_params p = of.params;
	struct vexfs_hit_f found[K];
	struct vexfs_query *q = of.q;
	__u32 truncated;
	int n;

	p.row = query_of(i);
	if (q)
		vexfs_query_reset(q, p.row);
	else
		q = vexfs_query_new(of.b->columns, of.rows, &p);
	if (!q)
		die("query", ENOMEM);
	for (;; vexfs_query_restart(q)) {
		do {
			vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
			n = vexfs_builtin(vexfs_query_search(q));
			vexfs_query_phase(q, VEXFS_PHASE_NONE);
			while (n >= 0 && vexfs_query_read(q) > 0)
				if (vexfs_query_score_read(q))
					die("score", EIO);
		} while (n == VEXFS_MORE);
		n = n ?: vexfs_query_finish(q, found, &truncated);
		if (n != -EAGAIN)
			break;
	}
	if (n < 0)
		die("query", -n);
	a->scored += vexfs_query_search(q)->scored;
	a->visited += vexfs_query_search(q)->visited;
	if (!of.q)
		vexfs_query_free(q);
	for (i = 0; i < n; i++)
		hit[i].id = found[i].id;
	return n;
}

/* --- measuring --- */

static __u64 measure(const char *what, const char *how,
		     int (*ask)(int, struct vexfs_hit *, struct asked *), __u64 builtin)
{
	struct vexfs_hit hit[K];
	struct asked a = {};
	int i, j, k, n, found = 0;

	ask(0, hit, &a); /* warm: what it needs is built */
	a.scored = a.visited = 0;
	for (i = 0; i < repeat; i++) {
		__u64 t0 = now();

		n = ask(i, hit, &a);
		ns[i] = now() - t0;
		if (!exact)
			memcpy(truth[i], hit, sizeof(hit));
		for (j = 0; j < n; j++)
			for (k = 0; k < K; k++)
				found += hit[j].id == truth[i][k].id;
	}
	qsort(ns, repeat, sizeof(*ns), cmp);
	exact = exact ?: ns[repeat / 2];
	printf("%-9s (%s) median %llu ns/query (min %llu, max %llu), %.3f of exact", what,
	       how ?: a.name, ns[repeat / 2], ns[0], ns[repeat - 1],
	       (double)ns[repeat / 2] / exact);
	if (builtin)
		printf(", %.4f of the built-in", (double)ns[repeat / 2] / builtin);
	printf("; visited %llu, scored %llu, recall %.4f of %d queries\n", a.visited / repeat,
	       a.scored / repeat, found / (double)K / repeat, repeat);
	return ns[repeat / 2];
}

/* All queries in one call: nanoseconds of each, and recall. */
static void measure_batch(const char *what, __u64 single)
{
	struct vexfs_hit *hit = calloc((size_t)repeat * K, sizeof(*hit));
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.flags = flags,
		.k = K,
		.queries = repeat,
		.vector_bytes = info.dims * 4,
		.vector = PTR(query),
		.hits = PTR(hit),
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
		.method = method,
	};
	int i, j, k, found = 0, err = hit ? 0 : ENOMEM;
	__u64 t = now();

	err = err ?: call(VEXFS_IOC_SEARCH, &s);
	t = now() - t;
	if (err || s.truncated)
		die("search", err);
	for (i = 0; i < repeat; i++)
		for (j = 0; j < K; j++)
			for (k = 0; k < K; k++)
				found += hit[i * K + j].id == truth[i][k].id;
	printf("%-9s (one call of %d) mean %llu ns/query, %.3f of calls of one; recall %.4f\n", what,
	       repeat, t / repeat, (double)t / repeat / single, found / (double)K / repeat);
	free(hit);
}

static void by_program(const char *name)
{
	struct vexfs_ioc_use use = { .size = sizeof(use), .slot = VEXFS_SLOT_SEARCH };
	__u32 as;
	int err;

	snprintf(use.name, sizeof(use.name), "%s", name);
	err = call(VEXFS_IOC_USE, &use);
	if (err)
		die(name, err);
	for (as = VEXFS_METHODS - 1; as; as--)
		if (!strcmp(name, methods[as]))
			break;
	if (!strcmp(name, "flat"))
		as = VEXFS_METHOD_EXACT;
	flags = 0;
	method = VEXFS_METHOD_AUTO;
	measure(name, "BPF", by_call, as ? median[as] : 0);
}

/* Until a search goes through lists, or tables, as it is to: the worker makes them. */
static void wait_for_method(void)
{
	struct vexfs_search_trace t = {};
	struct vexfs_hit hit[K];
	struct asked a = {};
	int i;

	trace = &t;
	for (i = 0; i < WAIT && method >= VEXFS_METHOD_IVF; i++) {
		memset(&t, 0, sizeof(t));
		t.size = sizeof(t);
		by_call(0, hit, &a);
		if (method == VEXFS_METHOD_IVF ? t.linked == t.count : t.tabled == t.count)
			break;
		usleep(10000);
	}
	trace = NULL;
	if (i == WAIT)
		die("the worker makes no lists or tables", ETIME);
}

static void by_parts(const char *name)
{
	of.params = (struct vexfs_query_params){ .dims = info.dims,
						 .metric = info.metric,
						 .k = K,
						 .row = query_of(0),
						 .deadline_us = ~0ULL,
						 .method = method };
	if (method == VEXFS_METHOD_EXACT)
		of.params.recall = VEXFS_RECALL_ALL;
	else
		of.d = vexfs_derived_get(of.b);
	if (of.d) {
		of.params.codes = of.d->codes;
		of.params.lists = vexfs_derived_lists(of.d);
		of.tables = vexfs_tables_get(of.d);
		of.params.lsh = of.tables ? of.tables->lsh : NULL;
	}
	of.rows = vexfs_rows_open(of.b->vectors, of.b->row_bytes);
	if (!of.rows)
		die("rows", ENOMEM);
	measure(name, "new", by_engine, median[method]);
	of.q = vexfs_query_new(of.b->columns, of.rows, &of.params);
	if (!of.q)
		die("query", ENOMEM);
	measure(name, "engine", by_engine, median[method]);
	vexfs_query_free(of.q);
	vexfs_rows_close(of.rows);
	vexfs_tables_put(of.tables);
	vexfs_lists_free((struct vexfs_lists *)of.params.lists);
	vexfs_derived_put(of.d);
	memset(&of.d, 0, sizeof(of) - offsetof(typeof(of), d));
}

static void by_method(const char *name)
{
	for (method = VEXFS_METHODS - 1; method && strcmp(name, methods[method]); method--)
		;
	if (strcmp(name, methods[method]))
		die(name, EINVAL);
	flags = VEXFS_SEARCH_BUILTIN;
	wait_for_method();
	median[method] = measure(name, file ? "process" : NULL, by_call, 0);
	measure_batch(name, median[method]);
	if (file)
		by_parts(name);
}

static void open_it(char **argv)
{
	const char *why;
	int err;

	if (!argv[0]) {
		fd = open(argv[1], O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			die(argv[1], errno);
		return;
	}
	err = vexfs_image_open(argv[0], 0, &image, &why);
	if (err)
		die(why ?: argv[0], -err);
	file = vexfs_file_open(image, argv[1], O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(file))
		die(argv[1], -PTR_ERR(file));
	of.c = vexfs_collection_get(file_inode(file));
	if (IS_ERR(of.c))
		die(argv[1], -PTR_ERR(of.c));
	of.b = vexfs_body_get(of.c);
}

int main(int argc, char **argv)
{
	bool in_image = argc > 2 && !strcmp(argv[1], "--image");
	int i, at = in_image ? 3 : 1, err;

	repeat = argc > at + 1 ? atoi(argv[at + 1]) : 0;
	if (repeat < 1)
		return fprintf(stderr,
			       "usage: querycost [--image IMAGE] DIR REPEAT [METHOD | bpf/PROGRAM]...\n"),
		       2;
	open_it((char *[]){ in_image ? argv[2] : NULL, argv[at] });
	info.size = sizeof(info);
	err = call(VEXFS_IOC_INFO, &info);
	if (err)
		die(argv[at], err);
	ns = calloc(repeat, sizeof(*ns));
	truth = calloc(repeat, sizeof(*truth));
	query = calloc((size_t)repeat * info.dims, sizeof(*query));
	if (!ns || !truth || !query || info.live < K)
		die("too few records or too little memory", 0);
	for (i = 0; i < repeat; i++)
		make_query(i, query + (size_t)i * info.dims);
	by_method("exact");
	for (i = at + 2; i < argc; i++) {
		if (!strncmp(argv[i], "bpf/", 4))
			by_program(argv[i] + 4);
		else if (strcmp(argv[i], "exact"))
			by_method(argv[i]);
	}
	if (file) {
		vexfs_body_put(of.b);
		vexfs_collection_put(of.c);
		vexfs_file_close(file);
		err = vexfs_image_close(image);
	}
	return err ? 1 : 0;
}
