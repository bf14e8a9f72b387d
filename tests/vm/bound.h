/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What files.c and readers.c share: collections in one directory, records that are bound to files,
 * and searches for them.
 */
#ifndef _VEXFS_TESTS_BOUND_H
#define _VEXFS_TESTS_BOUND_H

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "paths.h"
#include "rows.h"

#define DIMS		8
#define SEED		5
#define MAX_K		1000

static inline int collection(const char *name)
{
	return vx_collection(base, name, DIMS, VEXFS_METRIC_L2, 0);
}

/* A file with some bytes in it, open for reading and writing. */
static inline int make_file(const char *p)
{
	int fd = open(p, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || pwrite(fd, "some text", 9, 0) != 9)
		die(p);
	return fd;
}

static inline uint64_t ino_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		die("fstat");
	return st.st_ino;
}

/*
 * Insert records id .. id + n - 1, chunk i of a file being bytes [100 * i, 100 * i + 50); fd -1:
 * not bound.
 */
static inline int insert_flags(int coll, int fd, uint64_t id, uint32_t n, uint32_t flags, uint64_t *bad)
{
	float *rows = malloc(n * DIMS * sizeof(*rows));
	uint64_t *ids = malloc(n * sizeof(*ids));
	struct vexfs_bind *bind = calloc(n, sizeof(*bind));
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .flags = flags, .n = n, .row_bytes = DIMS * 4, .rows = PTR(rows),
		.ids = PTR(ids), .binds = PTR(bind),
	};
	uint32_t i;
	int err;

	for (i = 0; i < n; i++) {
		make_row(rows + i * DIMS, DIMS, SEED, id + i);
		ids[i] = id + i;
		bind[i].fd = fd;
		if (fd != -1) {
			bind[i].off = 100 * i;
			bind[i].len = 50;
		}
	}
	err = vx_ioctl(coll, VEXFS_IOC_INSERT, &a);
	if (bad)
		*bad = a.bad;
	free(bind);
	free(ids);
	free(rows);
	return err;
}

static inline int insert(int coll, int fd, uint64_t id, uint32_t n)
{
	return insert_flags(coll, fd, id, n, 0, NULL);
}

static struct vexfs_hit hits[MAX_K];

/* All records that a search finds, the one of `id` first if it is found. */
static inline uint32_t search(int coll, uint64_t id)
{
	struct vexfs_ioc_search s;
	float v[DIMS];
	int err;

	make_row(v, DIMS, SEED, id);
	err = vx_search(coll, MAX_K, DIMS, v, hits, &s);
	EXPECT(0, err, "search");
	return err ? 0 : s.n;
}

/* Is exactly this found: n records from `id` on? */
#define FOUND(coll, first, n) ({ uint32_t n_ = search(coll, first);				\
	FAIL(n_ != (n), "%u records are found, not %u", n_, (unsigned int)(n));			\
	FAIL(n_ && hits[0].id != (uint64_t)(first), "the first one is %llu", hits[0].id); })

static inline bool found(int coll, uint64_t id)
{
	return search(coll, id) && hits[0].id == id && hits[0].distance == 0;
}

static inline void info(int coll, uint64_t live, const char *what)
{
	struct vexfs_ioc_info i;

	EXPECT(0, vx_info(coll, &i), "info");
	FAIL(i.live != live, "%s: %llu live, not %llu", what, i.live, (unsigned long long)live);
}

static inline void swept(int coll, uint64_t live)
{
	struct vexfs_ioc_info i;

	if (fsync(coll))
		die("fsync");
	EXPECT(0, vx_info(coll, &i), "info");
	FAIL(i.live != live || i.gone, "%llu live and %llu gone, not %llu and 0", i.live, i.gone,
	     (unsigned long long)live);
}

static inline uint32_t flags_of(int coll, uint64_t id)
{
	struct vexfs_ioc_get g;
	float row[DIMS];

	if (EXPECT(0, vx_get(coll, id, DIMS, row, &g), "get"))
		return ~0u;
	return g.item.flags;
}

/* Run it as uid:gid, with further groups.  What it fails is counted here. */
static inline void as(uid_t uid, gid_t gid, size_t n, const gid_t *groups, 
		      void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		failures = 0;
		if (setgroups(n, groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			die("setuid");
		fn(arg);
		fflush(stdout);
		_exit(failed());
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	FAIL(status, "uid %u gid %u: status %x", uid, gid, status);
}

struct test {
	const char *name;
	void (*run)(void);
};

/* PROGRAM TEST DIR: run one of n tests in DIR, which is made.  The exit code. */
static inline int run_test(int argc, char **argv, const struct test *tests, size_t n)
{
	size_t i;

	for (i = 0; argc == 3 && i < n; i++)
		if (!strcmp(argv[1], tests[i].name)) {
			snprintf(base, sizeof(base), "%s", argv[2]);
			mkdir(base, 0755);
			tests[i].run();
			return failed();
		}
	fprintf(stderr, "usage: %s TEST DIR\n", argv[0]);
	return 2;
}

#endif /* _VEXFS_TESTS_BOUND_H */
