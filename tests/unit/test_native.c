// SPDX-License-Identifier: GPL-2.0
/*
 * Programs of bpf/, compiled natively, on an attached image: all that are shipped find what the
 * built-in of their name does, at the same cost, or what is counted here by hand; what must not be
 * loaded is refused; and what a program does wrong is no more than in the kernel.
 *
 * VEXFS_ROUNDS=N: so many collections of each metric.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vexfs/program.bpf.h>
#include <vexfs/vexfs.h>
#include "../exact.h"
#include "box.h"

#define DIMS	24u
#define RECORDS	10000u
#define K	20u
#define QUERIES	12u
#define TENANTS	5u
#define NOW	100000

#define SHIPPED(name)	"bpf/" name ".native.so"
#define OTHER(name)	"build/tests/vm/" name ".native.so"

static char dir[] = "/tmp/test-native.XXXXXX";
static char image[sizeof(dir) + 16], words[sizeof(image) + 16];
static char copy[sizeof(dir) + 16];		/* of a program */
static int fd;

/* What is in the collection, by id. */
static float row[RECORDS][DIMS];
static __s64 tenant[RECORDS], made[RECORDS];
static bool deleted[RECORDS];
static __u32 metric;

static float any(void)
{
	return (chance(20001) - 10000.0f) / 5000;
}

/* Some are near to each other, so that lists have something to find. */
static void any_row(float *to)
{
	__u32 i, centre = chance(40);

	for (i = 0; i < DIMS; i++)
		to[i] = (centre * 2654435761u >> i % 24 & 15) - 7 + any() * 0.5f;
}

static void begin(unsigned int flags)
{
	assert_int_equal(vexfs_create_image(image, 256 << 20), 0);
	assert_int_equal(vexfs_attach(image, flags), 0);
	assert_int_equal(vexfs_mkdir(words), 0);
	fd = vexfs_open(words);
	assert_true(fd >= 0);
}

static void end(void)
{
	assert_int_equal(vexfs_close(fd), 0);
	assert_int_equal(vexfs_detach(image), 0);
	assert_int_equal(unlink(image), 0);
}

static void fill(__u32 of_metric)
{
	struct vexfs_schema schema = { .dims = DIMS, .metric = of_metric, .attrs = 2,
				       .attr = { { .name = "tenant", .type = VEXFS_ATTR_INT },
						 { .name = "made", .type = VEXFS_ATTR_INT } } };
	static __u64 ids[RECORDS];
	static __s64 attrs[RECORDS][2];
	struct vexfs_batch b = { .n = RECORDS, .row_bytes = sizeof(row[0]), .rows = row,
				 .ids = ids, .attrs = attrs[0] };
	__u32 i, n = 0;

	metric = of_metric;
	assert_int_equal(vexfs_create(fd, &schema), 0);
	for (i = 0; i < RECORDS; i++) {
		any_row(row[i]);
		ids[i] = i;
		attrs[i][0] = tenant[i] = chance(TENANTS);
		attrs[i][1] = made[i] = chance(2 * NOW);
		deleted[i] = false;
	}
	assert_int_equal(vexfs_insert(fd, &b), 0);
	for (i = 0; i < RECORDS / 10; i++) {
		__u32 id = chance(RECORDS);

		if (!deleted[id])
			ids[n++] = id;
		deleted[id] = true;
	}
	assert_int_equal(vexfs_delete(fd, ids, n, NULL), 0);
	assert_int_equal(vexfs_index(fd), 0);
}

/* Load it for the collection's `slot`; and take it away again. */
static void use(const char *path, const char *name, __u32 slot)
{
	char why[VEXFS_NATIVE_WHY];
	struct vexfs_native p;

	if (vexfs_native_load(fd, path, 0, &p, why))
		fail_msg("%s: %s", path, why);
	assert_string_equal(p.name, name);
	assert_int_equal(p.ops, 1u << slot);
	assert_int_equal(vexfs_use(fd, slot, name), 0);
}

static void leave(const char *name, __u32 slot)
{
	struct vexfs_native p;

	assert_int_equal(vexfs_use(fd, slot, ""), 0);
	assert_int_equal(vexfs_native_unload(fd, name, &p, NULL), 0);
}

/* --- as the built-in of the name --- */

static void ask(struct vexfs_request *q, struct vexfs_hit *hit, struct vexfs_answer *a)
{
	int err = vexfs_search(fd, q, hit, a);

	if (err)
		fail_msg("search: %s", strerror(-err));
}

static void same(const char *what, const struct vexfs_answer *a, const struct vexfs_hit *hit,
		 const struct vexfs_answer *b, const struct vexfs_hit *want, bool cost)
{
	__u32 i;

	if (a->n != b->n || a->truncated != b->truncated)
		fail_msg("%s: %u hits, truncated %u; the built-in has %u, %u", what, a->n,
			 a->truncated, b->n, b->truncated);
	for (i = 0; i < a->n; i++)
		if (hit[i].id != want[i].id || hit[i].distance != want[i].distance)
			fail_msg("%s: hit %u is %llu at %.17g; the built-in has %llu at %.17g",
				 what, i, (unsigned long long)hit[i].id, hit[i].distance,
				 (unsigned long long)want[i].id, want[i].distance);
	if (cost && (a->visited != b->visited || a->scored != b->scored))
		fail_msg("%s: visited %llu, scored %llu; the built-in %llu, %llu", what,
			 a->visited, a->scored, b->visited, b->scored);
}

/* lsh makes its tables for who asks. */
static void wait_for_tables(void)
{
	float vector[DIMS];
	struct vexfs_search_trace trace = {};
	struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = 1,
				   .method = VEXFS_METHOD_LSH, .trace = &trace };
	struct vexfs_answer a;
	struct vexfs_hit hit;
	int tries;

	any_row(vector);
	for (tries = 0; !trace.tables; tries++) {
		assert_true(tries < 6000);
		usleep(tries ? 10000 : 0);
		trace = (struct vexfs_search_trace){ .size = sizeof(trace) };
		ask(&q, &hit, &a);
	}
}

static const struct {
	const char *path, *name;
	__u32 method;
} strategies[] = {
	{ SHIPPED("flat"), "flat", VEXFS_METHOD_EXACT },
	{ SHIPPED("coded"), "coded", VEXFS_METHOD_CODED },
	{ SHIPPED("ivf"), "ivf", VEXFS_METHOD_IVF },
	{ SHIPPED("lsh"), "lsh", VEXFS_METHOD_LSH },
};

static void check_strategy(__u32 i)
{
	struct vexfs_hit hit[K], want[K];
	struct vexfs_answer a, b;
	struct vexfs_ioc_info info;
	struct vexfs_where where;
	float vector[DIMS];
	__u32 n;

	assert_int_equal(vexfs_info(fd, &info), 0);
	if (strategies[i].method == VEXFS_METHOD_LSH)
		wait_for_tables();
	use(strategies[i].path, strategies[i].name, VEXFS_SLOT_SEARCH);
	for (n = 0; n < QUERIES; n++) {
		struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector),
					   .k = 1 + chance(K), .timeout_us = 60000000 };
		char text[64], why[200] = "";

		any_row(vector);
		snprintf(text, sizeof(text), "tenant = %u", chance(TENANTS));
		if (chance(3) == 0) {
			assert_int_equal(vexfs_where_parse(text, &info, NULL, &where, why,
							   sizeof(why)), 0);
			q.where = &where;
		}
		/* with a condition the built-in goes from match to match, where it does not count */
		if (!q.where && chance(3) == 0)
			q.max_visits = 1 + chance(RECORDS);
		if (strategies[i].method >= VEXFS_METHOD_IVF && chance(2))
			q.effort = 1 + chance(30);
		ask(&q, hit, &a);
		assert_int_equal(a.used[VEXFS_SLOT_SEARCH], VEXFS_BOUND_LOADED);
		assert_string_equal(a.strategy, strategies[i].name);
		q.method = strategies[i].method;
		if (q.method == VEXFS_METHOD_EXACT)
			q.recall = 0;
		ask(&q, want, &b);
		assert_int_equal(b.used[VEXFS_SLOT_SEARCH], VEXFS_BOUND_BUILTIN);
		same(strategies[i].name, &a, hit, &b, want, !q.where);
	}
	leave(strategies[i].name, VEXFS_SLOT_SEARCH);
}

/* --- counted by hand --- */

static struct near all[RECORDS];

static int by_distance(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	return x->distance < y->distance ? -1 : x->distance > y->distance ? 1 :
	       x->id < y->id ? -1 : x->id > y->id;
}

static void compare(const char *what, const struct vexfs_hit *hit, __u32 n, __u32 have, bool loosely)
{
	__u32 i;

	qsort(all, have, sizeof(all[0]), by_distance);
	if (n != (have < K ? have : K))
		fail_msg("%s: %u hits of %u", what, n, have);
	for (i = 0; i < n; i++)
		if (loosely ? fabs(hit[i].distance - all[i].distance) > 2e-6 :
			      hit[i].id != all[i].id || hit[i].distance != all[i].distance)
			fail_msg("%s: hit %u is %llu at %.17g, not %llu at %.17g", what, i,
				 (unsigned long long)hit[i].id, hit[i].distance,
				 (unsigned long long)all[i].id, all[i].distance);
}

/* With the first argument of a query as the tenant. */
static void check_tenant(void)
{
	struct vexfs_hit hit[K];
	struct vexfs_answer a;
	float vector[DIMS];
	__u32 n, i, have;

	use(SHIPPED("tenant"), "tenant", VEXFS_SLOT_FILTER);
	for (n = 0; n < QUERIES; n++) {
		struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = K,
					   .recall = 1, .timeout_us = 60000000,
					   .arg = { chance(TENANTS + 1) } };

		any_row(vector);
		ask(&q, hit, &a);
		assert_int_equal(a.used[VEXFS_SLOT_FILTER], VEXFS_BOUND_LOADED);
		for (i = have = 0; i < RECORDS; i++)
			if (!deleted[i] && tenant[i] == (__s64)q.arg[0])
				all[have++] = (struct near){
					exact_distance(metric, vector, row[i], DIMS), i };
		compare("tenant", hit, a.n, have, false);
	}
	leave("tenant", VEXFS_SLOT_FILTER);
}

/* Its knob `attr` is 0: the tenant is taken for a time. */
static void check_recency(void)
{
	struct vexfs_hit hit[K];
	struct vexfs_answer a;
	float vector[DIMS];
	__u32 n, i, have;

	use(SHIPPED("recency"), "recency", VEXFS_SLOT_DISTANCE);
	for (n = 0; n < QUERIES; n++) {
		struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = K,
					   .recall = 1, .timeout_us = 60000000,
					   .arg = { 0, TENANTS * 1000000 } };

		any_row(vector);
		ask(&q, hit, &a);
		assert_int_equal(a.used[VEXFS_SLOT_DISTANCE], VEXFS_BOUND_LOADED);
		for (i = have = 0; i < RECORDS; i++)
			if (!deleted[i])
				all[have++] = (struct near){
					exact_distance(metric, vector, row[i], DIMS) +
						((__s64)q.arg[1] - tenant[i]) * 1e-6, i };
		compare("recency", hit, a.n, have, true);
	}
	leave("recency", VEXFS_SLOT_DISTANCE);
}

/* As in bpf/sample.bpf.c. */
static __u64 mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static void check_sample(void)
{
	__u64 batches = (RECORDS + VEXFS_BATCH - 1) / VEXFS_BATCH;
	struct vexfs_hit hit[K];
	struct vexfs_answer a;
	float vector[DIMS];
	__u32 n, i, have;

	use(SHIPPED("sample"), "sample", VEXFS_SLOT_SEARCH);
	for (n = 0; n < QUERIES; n++) {
		struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = K,
					   .timeout_us = 60000000 };

		any_row(vector);
		ask(&q, hit, &a);
		assert_int_equal(a.used[VEXFS_SLOT_SEARCH], VEXFS_BOUND_LOADED);
		for (i = have = 0; i < RECORDS; i++) {
			__u64 batch = i / VEXFS_BATCH;

			if (!deleted[i] && (batch == mix(0) % batches || mix(batch) % 100 < 10))
				all[have++] = (struct near){
					exact_distance(metric, vector, row[i], DIMS), i };
		}
		compare("sample", hit, a.n, have, false);
	}
	leave("sample", VEXFS_SLOT_SEARCH);
}

static void test_shipped(void **state)
{
	static const __u32 metrics[] = { VEXFS_METRIC_L2, VEXFS_METRIC_COSINE, VEXFS_METRIC_DOT };
	const char *env = getenv("VEXFS_ROUNDS");
	__u32 i, k, rounds = env ? atoi(env) : 1;

	(void)state;
	chance_seed(15);
	for (i = 0; i < 3 * rounds; i++) {
		begin(0);
		fill(metrics[i % 3]);
		for (k = 0; k < sizeof(strategies) / sizeof(strategies[0]); k++)
			check_strategy(k);
		check_tenant();
		check_recency();
		check_sample();
		end();
	}
}

/* --- what is refused --- */

static void refuse(const char *path, __u32 flags, int err, const char *text)
{
	char why[VEXFS_NATIVE_WHY];
	int ret = vexfs_native_load(fd, path, flags, NULL, why);

	if (ret != err || !strstr(why, text))
		fail_msg("%s: %d, not %d: %s", path, ret, err, why);
}

/* A copy of a file with some bytes at its end or beginning. */
static const char *make(const void *head, size_t n, const char *rest, mode_t mode)
{
	FILE *to = fopen(copy, "w"), *from = rest ? fopen(rest, "r") : NULL;
	int c;

	assert_non_null(to);
	assert_int_equal(fwrite(head, 1, n, to), n);
	while (from && (c = getc(from)) != EOF)
		putc(c, to);
	if (from)
		fclose(from);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(chmod(copy, mode), 0);
	return copy;
}

static void test_refused(void **state)
{
	__u32 n;

	(void)state;
	begin(0);
	refuse("bpf/nothing.native.so", 0, -ENOENT, "No such file");
	refuse("bpf", 0, -EISDIR, "is a directory");
	refuse("/dev/null", 0, -ENOEXEC, "not a regular file");
	refuse(make("", 0, NULL, 0644), 0, -ENOEXEC, "not a native program");
	refuse(make("#!/bin/sh\n", 10, NULL, 0755), 0, -ENOEXEC, "not a native program");
	refuse(make("", 0, "bpf/flat.bpf.o", 0644), 0, -ENOEXEC, "is a BPF object");
	refuse(make("", 0, "build/lib/libvexfs.so.0", 0644), 0, -ENOEXEC, "-DVEXFS_NATIVE");
	refuse(OTHER("bad_abi"), 0, -EPROTONOSUPPORT, "is built for ABI");
	refuse(OTHER("no_name"), 0, -EINVAL, "its name is empty");
	refuse(OTHER("no_ops"), 0, -EINVAL, "holds no vexfs_ops");
	refuse(OTHER("two_ops"), 0, -EINVAL, "more than one vexfs_ops");
	/* cut off anywhere, it is no program, and nothing of it runs */
	make("", 0, SHIPPED("flat"), 0644);
	for (n = 0; n < 16000; n += 97) {
		assert_int_equal(truncate(copy, n), 0);
		assert_int_equal(vexfs_native_load(fd, copy, 0, NULL, NULL), -ENOEXEC);
		make("", 0, SHIPPED("flat"), 0644);
	}
	/* whose it is, and who else may write to it */
	refuse(make("", 0, SHIPPED("flat"), 0664), 0, -EPERM, "written to by others");
	refuse(make("", 0, SHIPPED("flat"), 0646), 0, -EPERM, "written to by others");
	make("", 0, SHIPPED("flat"), 0644);
	if (!geteuid()) {
		assert_int_equal(chown(copy, 1234, 0), 0);
		refuse(copy, 0, -EPERM, "another user (1234)");
		assert_int_equal(unlink(copy), 0);
	}
	refuse(SHIPPED("flat"), 2, -EINVAL, "");
	refuse(SHIPPED("flat"), VEXFS_NATIVE_REPLACE, -ENOENT, "load it first");
	assert_int_equal(vexfs_native_load(fd, SHIPPED("flat"), 0, NULL, NULL), 0);
	refuse(SHIPPED("flat"), 0, -EEXIST, "replace it, or unload it first");
	assert_int_equal(vexfs_native_list(fd, NULL, 0), 1);
	assert_int_equal(vexfs_native_unload(fd, "flat", NULL, NULL), 0);
	assert_int_equal(vexfs_native_unload(fd, "flat", NULL, NULL), -ENOENT);
	assert_int_equal(vexfs_native_list(fd, NULL, 0), 0);
	assert_int_equal(vexfs_native_load(STDIN_FILENO, SHIPPED("flat"), 0, NULL, NULL), -ENOTTY);
	end();

	begin(VEXFS_ATTACH_NOPROGRAMS);
	refuse(SHIPPED("flat"), 0, -EPERM, "noprograms");
	refuse(SHIPPED("flat"), VEXFS_NATIVE_REPLACE, -EPERM, "noprograms");
	end();
}

/* --- what goes wrong --- */

static void test_wrong(void **state)
{
	float vector[DIMS];
	struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = K };
	struct vexfs_ioc_info info;
	struct vexfs_hit hit[K];
	struct vexfs_native p[2];
	struct vexfs_answer a;
	__u32 i;

	(void)state;
	begin(0);
	fill(VEXFS_METRIC_L2);
	any_row(vector);
	assert_int_equal(vexfs_use(fd, VEXFS_SLOT_SEARCH, "flat"), -ENOENT);
	assert_int_equal(vexfs_native_load(fd, SHIPPED("flat"), 0, NULL, NULL), 0);
	assert_int_equal(vexfs_use(fd, VEXFS_SLOT_FILTER, "flat"), -EOPNOTSUPP);
	assert_int_equal(vexfs_native_unload(fd, "flat", NULL, NULL), 0);

	/* a search that fails: the built-in answers, and after 16 times nobody asks it any more */
	use(OTHER("bad_search"), "bad_search", VEXFS_SLOT_SEARCH);
	for (i = 0; i < 20; i++) {
		ask(&q, hit, &a);
		assert_int_equal(a.n, K);
		assert_true(strcmp(a.strategy, "bad_search"));
	}
	assert_int_equal(vexfs_native_list(fd, p, 2), 1);
	assert_int_equal(p[0].errors, 16);
	assert_int_equal(p[0].ejected, 1);
	assert_int_equal(p[0].bound, 1);
	assert_int_equal(vexfs_info(fd, &info), 0);
	assert_int_equal(info.bound[VEXFS_SLOT_SEARCH].state, VEXFS_BOUND_EJECTED);
	assert_int_equal(info.fallbacks, 16);
	leave("bad_search", VEXFS_SLOT_SEARCH);

	/* a filter that fails, and one that is not there: never open */
	use(OTHER("bad_filter"), "bad_filter", VEXFS_SLOT_FILTER);
	assert_int_equal(vexfs_search(fd, &q, hit, &a), -EPROTO);
	assert_int_equal(vexfs_native_unload(fd, "bad_filter", &p[0], NULL), 0);
	assert_int_equal(p[0].bound, 1);
	assert_int_equal(p[0].loaded, 0);
	assert_int_equal(vexfs_search(fd, &q, hit, &a), -ENOLINK);
	/* one that lacks an op which is bound does not take its place */
	assert_int_equal(vexfs_native_load(fd, OTHER("bad_filter"), 0, NULL, NULL), 0);
	assert_int_equal(vexfs_search(fd, &q, hit, &a), -EPROTO);
	leave("bad_filter", VEXFS_SLOT_FILTER);
	ask(&q, hit, &a);

	/* an op that calls what is not for it */
	use(OTHER("scan_filter"), "scan_filter", VEXFS_SLOT_FILTER);
	assert_int_equal(vexfs_search(fd, &q, hit, &a), -EPROTO);
	leave("scan_filter", VEXFS_SLOT_FILTER);

	/* its budget, and its time: what it calls tells it, and the next round is not its any more */
	use(OTHER("overrun"), "overrun", VEXFS_SLOT_SEARCH);
	ask(&q, hit, &a);
	assert_int_equal(a.n, K);
	assert_true(strcmp(a.strategy, "overrun"));
	leave("overrun", VEXFS_SLOT_SEARCH);
	use(OTHER("spin"), "spin", VEXFS_SLOT_SEARCH);
	q.timeout_us = 200000;
	ask(&q, hit, &a);
	assert_true(a.n == K);
	leave("spin", VEXFS_SLOT_SEARCH);
	q.timeout_us = 0;
	ask(&q, hit, &a);
	assert_int_equal(a.used[VEXFS_SLOT_SEARCH], VEXFS_BOUND_BUILTIN);
	end();
}

/* The same file may be changed while it is loaded: what runs is what it was. */
static void test_copy(void **state)
{
	float vector[DIMS];
	struct vexfs_request q = { .vector = vector, .vector_bytes = sizeof(vector), .k = K };
	struct vexfs_hit hit[K];
	struct vexfs_answer a;
	struct vexfs_native p;

	(void)state;
	begin(0);
	fill(VEXFS_METRIC_L2);
	any_row(vector);
	use(make("", 0, SHIPPED("sample"), 0644), "sample", VEXFS_SLOT_SEARCH);
	assert_int_equal(truncate(copy, 0), 0);
	ask(&q, hit, &a);
	assert_string_equal(a.strategy, "sample");
	assert_true(a.visited < RECORDS / 2);
	/* by the same name, in the same place */
	make("", 0, OTHER("sample2"), 0644);
	assert_int_equal(vexfs_native_load(fd, copy, VEXFS_NATIVE_REPLACE, &p, NULL), 0);
	assert_string_equal(p.name, "sample");
	ask(&q, hit, &a);
	assert_int_equal(a.visited, RECORDS);
	assert_int_equal(a.generation[VEXFS_SLOT_SEARCH], p.generation);
	leave("sample", VEXFS_SLOT_SEARCH);
	end();
}

/* A child of fork() has what it loads itself. */
static void test_fork(void **state)
{
	char other[sizeof(image) + 8];
	int status;
	pid_t pid;

	(void)state;
	begin(0);
	snprintf(other, sizeof(other), "%s.other", image);
	assert_int_equal(vexfs_native_load(fd, SHIPPED("flat"), 0, NULL, NULL), 0);
	assert_int_equal(vexfs_create_image(other, 64 << 20), 0);
	pid = fork();
	if (!pid) {
		int d = vexfs_attach(other, 0) ? -1 : vexfs_open(other);

		_exit(d < 0 || vexfs_native_load(d, SHIPPED("sample"), 0, NULL, NULL) ||
		      vexfs_native_unload(d, "sample", NULL, NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(vexfs_native_list(fd, NULL, 0), 1);
	assert_int_equal(vexfs_native_unload(fd, "flat", NULL, NULL), 0);
	unlink(other);
	end();
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(words, sizeof(words), "%s/words", image);
	snprintf(copy, sizeof(copy), "%s/copy", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(copy);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_fork),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
