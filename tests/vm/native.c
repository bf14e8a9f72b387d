// SPDX-License-Identifier: GPL-2.0
/*
 * native fill DIR
 * native ask DIR
 * native ask --image IMAGE DIR
 *
 * fill: a collection with records and all that a search may use.  ask: what the programs of bpf/ make
 * of the same queries, one line each with all that is found, to the last bit, and what it costs: those
 * that are loaded in the kernel, or, with an image, those that were compiled natively.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>
#include <vexfs/vexfs.h>
#include "rows.h"

#define DIMS 24
#define RECORDS 9000
#define QUERIES 6
#define K 10

static const struct {
	const char *name;
	__u32 slot;
} programs[] = {
	{ "flat", VEXFS_SLOT_SEARCH },	    { "coded", VEXFS_SLOT_SEARCH },
	{ "ivf", VEXFS_SLOT_SEARCH },	    { "lsh", VEXFS_SLOT_SEARCH },
	{ "sample", VEXFS_SLOT_SEARCH },    { "tenant", VEXFS_SLOT_FILTER },
	{ "recency", VEXFS_SLOT_DISTANCE },
};
#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

static int fd;

static int fail(const char *what, int err)
{
	fprintf(stderr, "native: %s: %s\n", what, strerror(-err));
	return 1;
}

/* Near a centre, so that lists have something to find. */
static void row_of(float *v, uint64_t id)
{
	float centre[DIMS];
	uint32_t i;

	make_row(centre, DIMS, 2, id % 31);
	make_row(v, DIMS, 3, id);
	for (i = 0; i < DIMS; i++)
		v[i] = 2 * centre[i] + v[i];
}

static int fill(const char *dir)
{
	static float row[RECORDS][DIMS];
	static __u64 ids[RECORDS];
	static __s64 attrs[RECORDS][2];
	struct vexfs_schema schema = { .dims = DIMS, .attrs = 2,
				       .attr = { { .name = "tenant", .type = VEXFS_ATTR_INT },
						 { .name = "time", .type = VEXFS_ATTR_INT } } };
	struct vexfs_batch b = { .n = RECORDS, .row_bytes = sizeof(row[0]), .rows = row,
				 .ids = ids, .attrs = attrs[0] };
	__u32 i;
	int err = vexfs_mkdir(dir);

	fd = err ? err : vexfs_open(dir);
	if (fd < 0)
		return fail(dir, fd);
	for (i = 0; i < RECORDS; i++) {
		ids[i] = fill_id(i);
		row_of(row[i], ids[i]);
		attrs[i][0] = ids[i] % 7;
		attrs[i][1] = ids[i] * 31 % 1000;
	}
	err = vexfs_create(fd, &schema);
	if (!err)
		err = vexfs_insert(fd, &b);
	for (i = 0; i < RECORDS / 20; i++)
		ids[i] = fill_id(i * 17);
	if (!err)
		err = vexfs_delete(fd, ids, RECORDS / 20, NULL);
	if (!err)
		err = vexfs_index(fd);
	if (!err)
		err = vexfs_sync(fd);
	vexfs_close(fd);
	return err ? fail(dir, err) : 0;
}

static int ask(const char *name, struct vexfs_request *q, bool quiet)
{
	struct vexfs_hit hit[K];
	struct vexfs_answer a;
	int err = vexfs_search(fd, q, hit, &a);
	__u32 i;

	if (err || quiet)
		return err;
	printf("%s: used %u %u %u truncated %u visited %llu scored %llu:", name, a.used[0], a.used[1],
	       a.used[2], a.truncated, a.visited, a.scored);
	for (i = 0; i < a.n; i++)
		printf(" %llu %a", hit[i].id, hit[i].distance);
	printf("\n");
	return 0;
}

/* lsh has its tables made when it asks for them. */
static int wait_for_tables(struct vexfs_request q)
{
	struct vexfs_search_trace trace = {};
	int err, tries;

	q.trace = &trace;
	for (tries = 0; !trace.tables; tries++) {
		if (tries == 3000)
			return -ETIME;
		if (tries)
			usleep(20000);
		trace = (struct vexfs_search_trace){ .size = sizeof(trace) };
		err = ask("lsh", &q, true);
		if (err)
			return err;
	}
	return 0;
}

static int ask_all(unsigned int p)
{
	float vector[DIMS];
	struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = K,
				   .timeout_us = VEXFS_MAX_TIMEOUT_US };
	int err = 0, i;

	row_of(vector, 1);
	if (!strcmp(programs[p].name, "lsh"))
		err = wait_for_tables(q);
	for (i = 0; !err && i < QUERIES; i++) {
		row_of(vector, 1000001 + i);
		q.arg[0] = i % 8;
		q.arg[1] = 500 + 100 * i;
		q.max_visits = i == 4 ? 1500 : 0;
		q.recall = i == 3 ? 0.8 : 0;
		err = ask(programs[p].name, &q, false);
	}
	return err;
}

int main(int argc, char **argv)
{
	const char *image = argc == 5 && !strcmp(argv[2], "--image") ? argv[3] : NULL;
	char path[128];
	unsigned int p;
	int err = 0;

	if (argc == 3 && !strcmp(argv[1], "fill"))
		return fill(argv[2]);
	if (argc != (image ? 5 : 3) || strcmp(argv[1], "ask"))
		return 2;
	if (image)
		err = vexfs_attach(image, 0);
	fd = err ? err : vexfs_open(argv[argc - 1]);
	if (fd < 0)
		return fail(argv[argc - 1], fd);
	for (p = 0; !err && p < PROGRAMS; p++) {
		char why[VEXFS_NATIVE_WHY] = "";

		snprintf(path, sizeof(path), "/usr/lib/vexfs/%s.native.so", programs[p].name);
		if (image)
			err = vexfs_native_load(fd, path, 0, NULL, why);
		if (err)
			fprintf(stderr, "%s: %s\n", path, why);
		if (!err)
			err = vexfs_use(fd, programs[p].slot, programs[p].name);
		if (!err)
			err = ask_all(p);
		if (!err)
			err = vexfs_use(fd, programs[p].slot, "");
		if (err)
			fail(programs[p].name, err);
	}
	vexfs_close(fd);
	if (image && vexfs_detach(image))
		return 1;
	return err != 0;
}
