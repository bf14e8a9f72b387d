// SPDX-License-Identifier: GPL-2.0
/*
 * Queries through programs, against what they must answer.
 *
 *	hookq fill DIR N		make DIR a collection of N records with the attributes
 *					tenant and made
 *	hookq use DIR SLOT [NAME]	bind; no name: the built-in
 *	hookq bound DIR			a line per slot: SLOT NAME STATE ERRORS
 *	hookq ask DIR [KEY=N...]	one query; a line of what it answered and cost, or the errno
 *	hookq check DIR [KEY=N...]	20 queries, each compared with the truth computed here in
 *					double
 *	hookq rebind DIR FILTER		bind FILTER, that of tenant 1 (arg0), while a call runs,
 *					then bind and unbind it under calls: what each answered must
 *					obey what was bound when it ended
 *
 * Keys: k, id (the record to search with), arg0, arg1, max_visits, timeout_us, builtin; and for
 * check tenant=T, only those of tenant T count, and now=N per_unit=P, older records are P
 * millionths per unit farther away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vexfs/vexfs.h>

#define DIMS	8
#define TENANTS	4
#define MAX_N	100000

struct wanted {
	__u64 k, id, arg[2], max_visits, timeout_us, builtin;
	__s64 tenant, now;		/* -1: not asked for */
	__u64 per_unit;
};

struct near {
	__u64 id;
	double distance;
};

static const char *errname(int err)
{
	const char *name = strerrorname_np(-err);

	return name ? name : "unknown";
}

static int failed(const char *what, int err)
{
	printf("%s: %s\n", what, errname(err));
	return 1;
}

/*
 * The data: record i has id i, a row of thousandths drawn by a hash, tenant i % 4, made at 10 * i.
 */
static void make_row(__u64 i, float *row)
{
	int d;

	for (d = 0; d < DIMS; d++) {
		__u64 x = (i * DIMS + d + 1) * 0x9e3779b97f4a7c15;

		x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
		x ^= x >> 27;
		row[d] = (float)(x % 2001) / 1000 - 1;
	}
}

static int fill(const char *dir, __u32 n)
{
	struct vexfs_schema schema = { .dims = DIMS, .element = VEXFS_ELEM_F32,
				       .metric = VEXFS_METRIC_L2, .attrs = 2 };
	struct vexfs_batch batch = { .n = n, .row_bytes = DIMS * sizeof(float) };
	float (*rows)[DIMS] = calloc(n, sizeof(*rows));
	__u64 *ids = calloc(n, sizeof(*ids));
	__s64 (*attrs)[2] = calloc(n, sizeof(*attrs));
	__u32 i;
	int fd, err;

	if (!rows || !ids || !attrs || mkdir(dir, 0755))
		return perror(dir), 1;
	for (i = 0; i < n; i++) {
		make_row(i, rows[i]);
		ids[i] = i;
		attrs[i][0] = i % TENANTS;
		attrs[i][1] = 10 * (__s64)i;
	}
	strcpy(schema.attr[0].name, "tenant");
	strcpy(schema.attr[1].name, "made");
	schema.attr[0].type = schema.attr[1].type = VEXFS_ATTR_INT;
	batch.rows = rows;
	batch.ids = ids;
	batch.attrs = &attrs[0][0];
	fd = vexfs_open(dir);
	if (fd < 0)
		return failed("open", fd);
	err = vexfs_create(fd, &schema);
	if (err)
		return failed("create", err);
	err = vexfs_insert(fd, &batch);
	if (err)
		return failed("insert", err);
	err = vexfs_sync(fd);
	return err ? failed("sync", err) : 0;
}

static int bound(int fd)
{
	static const char *const state[] = { "builtin", "loaded", "missing", "ejected" };
	struct vexfs_ioc_info info;
	int slot, err = vexfs_info(fd, &info);

	if (err)
		return failed("info", err);
	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		printf("%s %s %s %u\n", vexfs_slot_name(slot),
		       *info.bound[slot].name ? info.bound[slot].name : "-",
		       info.bound[slot].state < 4 ? state[info.bound[slot].state] : "?",
		       info.bound[slot].errors);
	return 0;
}

static int query(int fd, const struct wanted *w, __u64 id, struct vexfs_hit *hits,
		 struct vexfs_answer *a)
{
	struct vexfs_request q = {
		.vector_bytes = DIMS * sizeof(float), .k = w->k, .timeout_us = w->timeout_us,
		.max_visits = w->max_visits, .flags = w->builtin ? VEXFS_SEARCH_BUILTIN : 0,
		.arg = { w->arg[0], w->arg[1] },
	};
	float row[DIMS];

	make_row(id, row);
	q.vector = row;
	return vexfs_search(fd, &q, hits, a);
}

static int ask(int fd, const struct wanted *w)
{
	struct vexfs_hit *hits = calloc(w->k ? w->k : 1, sizeof(*hits));
	struct vexfs_answer a;
	int err = query(fd, w, w->id, hits, &a);

	if (err) {
		puts(errname(err));
		return 1;
	}
	printf("n=%u visited=%llu truncated=%u restarts=%u strategy=%s used=%u,%u,%u first=%llu rounds=%u\n",
	       a.n, a.visited, a.truncated, a.restarts, a.strategy, a.used[0], a.used[1], a.used[2],
	       a.n ? hits[0].id : ~0ULL, a.rounds);
	return 0;
}

static int nearer(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static __u64 truth(const struct wanted *w, __u64 id, __u64 n, struct near *t)
{
	float q[DIMS], row[DIMS];
	__u64 i, found = 0;
	int d;

	make_row(id, q);
	for (i = 0; i < n; i++) {
		double sum = 0;

		if (w->tenant >= 0 && i % TENANTS != (__u64)w->tenant)
			continue;
		make_row(i, row);
		for (d = 0; d < DIMS; d++)
			sum += ((double)q[d] - row[d]) * ((double)q[d] - row[d]);
		if (w->now >= 0 && 10 * (__s64)i < w->now)
			sum += (double)(w->now - 10 * (__s64)i) * w->per_unit / 1e6;
		t[found++] = (struct near){ i, sum };
	}
	qsort(t, found, sizeof(*t), nearer);
	return found;
}

static int check(int fd, const struct wanted *w)
{
	struct vexfs_hit *hits = calloc(w->k ? w->k : 1, sizeof(*hits));
	struct near *t = calloc(MAX_N, sizeof(*t));
	struct vexfs_ioc_info info;
	struct vexfs_answer a;
	__u64 round, i, want;
	int err = vexfs_info(fd, &info);

	if (err || !hits || !t || info.live > MAX_N)
		return failed("info", err ? err : -E2BIG);
	for (round = 0; round < 20; round++) {
		__u64 id = round * 97 % info.live;

		err = query(fd, w, id, hits, &a);
		if (err)
			return failed("search", err);
		want = truth(w, id, info.live, t);
		want = want < w->k ? want : w->k;
		if (a.n != want || a.truncated) {
			printf("query %llu: %u hits of %llu, truncated %u\n", id, a.n, want,
			       a.truncated);
			return 1;
		}
		for (i = 0; i < want; i++) {
			if (hits[i].id == t[i].id &&
			    fabs(hits[i].distance - t[i].distance) <= 1e-9 * (1 + t[i].distance))
				continue;
			printf("query %llu, hit %llu: %llu at %.12g, but the truth is %llu at %.12g\n",
			       id, i, hits[i].id, hits[i].distance, t[i].id, t[i].distance);
			return 1;
		}
	}
	printf("20 queries exact, strategy=%s used=%u,%u,%u\n", a.strategy, a.used[0], a.used[1],
	       a.used[2]);
	return 0;
}

/* A call of so many queries with arg0 = 1, over and over until stop, at least once. */
struct caller {
	int fd, err;			/* of the last call that failed otherwise than by EAGAIN */
	__u32 queries;
	bool over;			/* again and again */
	atomic_bool stop, done;
	struct vexfs_answer a;		/* the last one */
	/* answers by the filter; strangers: of those, with hits of other tenants */
	atomic_ullong filtered;
	__u64 calls, again, strangers;	/* again: EAGAIN */
	bool other;			/* the last answer has hits of other tenants */
};

static void *call_loop(void *arg)
{
	struct caller *t = arg;
	struct vexfs_hit *hits = calloc(t->queries, 10 * sizeof(*hits));
	float *rows = calloc(t->queries, DIMS * sizeof(*rows));
	struct vexfs_request q = { .vector = rows, .vector_bytes = DIMS * sizeof(float), .k = 10,
				   .queries = t->queries, .timeout_us = VEXFS_MAX_TIMEOUT_US,
				   .arg = { 1 } };
	__u32 i;
	int err;

	if (!hits || !rows)
		exit(failed("memory", -ENOMEM));
	for (i = 0; i < t->queries; i++)
		make_row(i, rows + i * DIMS);
	do {
		memset(hits, 0, t->queries * 10 * sizeof(*hits));
		err = vexfs_search(t->fd, &q, hits, &t->a);
		t->calls++;
		t->again += err == -EAGAIN;
		if (err && err != -EAGAIN)
			t->err = err;
		t->other = false;
		for (i = 0; !err && i < t->queries * 10; i++)
			t->other |= hits[i].id % TENANTS != 1;
		if (!err && t->a.used[VEXFS_SLOT_FILTER] == VEXFS_BOUND_LOADED) {
			t->strangers += t->other;
			t->filtered++;
		}
	} while (t->over && !atomic_load(&t->stop));
	atomic_store(&t->done, true);
	free(hits);
	free(rows);
	return NULL;
}

/*
 * Bind while a call runs.  1: it did not run that long, 0: and the answer is right, -1: or wrong.
 */
static int bind_under(int fd, const char *filter, __u32 queries)
{
	struct caller t = { .fd = fd, .queries = queries };
	pthread_t thread;
	bool done;
	int err = vexfs_use(fd, VEXFS_SLOT_FILTER, "");

	if (err || pthread_create(&thread, NULL, call_loop, &t))
		exit(failed("unbind", err));
	usleep(20000);
	err = vexfs_use(fd, VEXFS_SLOT_FILTER, filter);
	done = atomic_load(&t.done);
	pthread_join(thread, NULL);
	if (err || t.err)
		exit(failed("bind", err ? err : t.err));
	if (done)
		return 1;
	printf("%u queries: used=%u restarts=%u n=%u%s\n", queries, t.a.used[VEXFS_SLOT_FILTER],
	       t.a.restarts, t.a.n, t.other ? ", of other tenants too" : "");
	return t.other || t.a.used[VEXFS_SLOT_FILTER] != VEXFS_BOUND_LOADED || t.a.truncated ? -1 :
											       0;
}

static int rebind(int fd, const char *filter)
{
	struct caller t[2] = { { .fd = fd, .queries = 1, .over = true },
			       { .fd = fd, .queries = 16, .over = true } };
	__u32 queries = 64, i;
	pthread_t thread[2];
	int err;

	while ((err = bind_under(fd, filter, queries)) > 0 && queries < VEXFS_MAX_QUERIES)
		queries *= 2;
	if (err)
		return printf(err < 0 ? "an answer without the filter that was bound\n" :
					"the calls are too short\n"),
		       1;
	for (i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, call_loop, &t[i]))
			return failed("thread", -ENOMEM);
	for (i = 0; i < 100 && !err; i++)
		err = vexfs_use(fd, VEXFS_SLOT_FILTER, i % 2 ? filter : "");
	for (i = 0; i < 2; i++) {
		while (!err && !t[i].err && !t[i].filtered)	/* it is bound for good now */
			usleep(1000);
		atomic_store(&t[i].stop, true);
		pthread_join(thread[i], NULL);
		printf("%llu calls of %u, %llu filtered, %llu EAGAIN, %llu with strangers\n",
		       t[i].calls, t[i].queries, (unsigned long long)t[i].filtered, t[i].again,
		       t[i].strangers);
		if (!err)
			err = t[i].err;
		if (t[i].strangers)
			return 1;
	}
	return err ? failed("rebind", err) : 0;
}

static int parse(struct wanted *w, char **arg)
{
	static const struct {
		const char *key;
		size_t off;
	} keys[] = {
		{ "k=", offsetof(struct wanted, k) },
		{ "id=", offsetof(struct wanted, id) },
		{ "arg0=", offsetof(struct wanted, arg[0]) },
		{ "arg1=", offsetof(struct wanted, arg[1]) },
		{ "max_visits=", offsetof(struct wanted, max_visits) },
		{ "timeout_us=", offsetof(struct wanted, timeout_us) },
		{ "builtin=", offsetof(struct wanted, builtin) },
		{ "tenant=", offsetof(struct wanted, tenant) },
		{ "now=", offsetof(struct wanted, now) },
		{ "per_unit=", offsetof(struct wanted, per_unit) },
	};
	size_t i;

	for (; *arg; arg++) {
		for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (!strncmp(*arg, keys[i].key, strlen(keys[i].key)))
				break;
		if (i == sizeof(keys) / sizeof(*keys))
			return -1;
		*(__u64 *)((char *)w + keys[i].off) = strtoull(strchr(*arg, '=') + 1, NULL, 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct wanted w = { .k = 10, .tenant = -1, .now = -1 };
	int fd, err;

	if (argc == 4 && !strcmp(argv[1], "fill") && atoi(argv[3]) > 0 && atoi(argv[3]) <= MAX_N)
		return fill(argv[2], atoi(argv[3]));
	if (argc < 3)
		goto usage;
	fd = vexfs_open(argv[2]);
	if (fd < 0)
		return failed("open", fd);
	if (!strcmp(argv[1], "bound"))
		return bound(fd);
	if (!strcmp(argv[1], "use") && (argc == 4 || argc == 5)) {
		int slot = vexfs_slot_by_name(argv[3]);

		err = slot < 0 ? slot : vexfs_use(fd, slot, argc == 5 ? argv[4] : "");
		return err ? puts(errname(err)), 1 : 0;
	}
	if (!strcmp(argv[1], "rebind") && argc == 4)
		return rebind(fd, argv[3]);
	if (parse(&w, argv + 3))
		goto usage;
	if (!strcmp(argv[1], "ask"))
		return ask(fd, &w);
	if (!strcmp(argv[1], "check"))
		return check(fd, &w);
usage:
	fprintf(stderr, "usage: hookq fill|use|bound|ask|check|rebind DIR ...\n");
	return 2;
}
