// SPDX-License-Identifier: GPL-2.0
/*
 * All loads at once, each in a thread of its own, and all judges, one after the other; the files
 * and the snapshots among them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vm/rows.h>
#include "crash.h"

#define FILES		20		/* that stay */
#define FILE_BYTES	9000
#define SNAPSHOTS	4		/* that stay */
#define SPACE_EVERY	10		/* operations for a snapshot and a compaction */

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("crash: ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

bool crash_goes_on(struct crash_pace *p, uint64_t step, uint64_t every)
{
	while (!p->stop && p->operations < step * every)
		usleep(500);
	return !p->stop;
}

/* DIR/SEED/name */
static const char *path_of(char path[4096], const char *top, uint64_t seed, const char *name)
{
	snprintf(path, 4096, "%s/%llu%s%s", top, (unsigned long long)seed, *name ? "/" : "", name);
	return path;
}

/* --- files --- */

static void fill_file(char text[FILE_BYTES], uint64_t seed, uint64_t i)
{
	uint64_t state = seed ^ i << 32;
	int n;

	for (n = 0; n < FILE_BYTES; n++)
		text[n] = random64(&state);
}

static void write_files(const char *top, uint64_t seed, struct crash_pace *p)
{
	char new[4096], to[4096], name[32], text[FILE_BYTES];
	uint64_t i;
	int fd;

	path_of(new, top, seed, "new");
	for (i = 0; crash_goes_on(p, i, 1); i++) {
		fill_file(text, seed, i);
		fd = open(new, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || pwrite(fd, text, FILE_BYTES, 0) != FILE_BYTES || fsync(fd))
			die("%s: %s", new, strerror(errno));
		close(fd);
		snprintf(name, sizeof(name), "d/%llu", (unsigned long long)i);
		if (rename(new, path_of(to, top, seed, name)))
			die("rename to %s: %s", to, strerror(errno));
		snprintf(name, sizeof(name), "d/%llu", (unsigned long long)i - FILES);
		if (i >= FILES && unlink(path_of(to, top, seed, name)))
			die("unlink %s: %s", to, strerror(errno));
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The numbers that are names in a directory, in order. */
static int list_files(int dir, uint64_t *number, int max)
{
	char buf[32768] __attribute__((aligned(8)));
	ssize_t got, at;
	int n = 0;

	while ((got = getdents64(dir, buf, sizeof(buf))) > 0)
		for (at = 0; at < got; at += ((struct dirent64 *)(buf + at))->d_reclen) {
			const struct dirent64 *e = (void *)(buf + at);
			char *end;

			if (e->d_name[0] == '.')
				continue;
			if (n == max)
				die("more than %d files", max);
			number[n++] = strtoull(e->d_name, &end, 10);
			if (*end)
				die("a file %s", e->d_name);
		}
	if (got < 0)
		die("getdents: %s", strerror(errno));
	qsort(number, n, sizeof(*number), compare);
	return n;
}

/* Their names are consecutive, and each is whole. */
static void check_files(int dir, uint64_t seed)
{
	char want[FILE_BYTES], text[FILE_BYTES + 1], name[32];
	uint64_t number[FILES + 2];
	int i, n = list_files(dir, number, FILES + 2), fd;

	for (i = 0; i < n; i++) {
		if (i && number[i] != number[i - 1] + 1)
			die("file %llu follows %llu", (unsigned long long)number[i],
			    (unsigned long long)number[i - 1]);
		snprintf(name, sizeof(name), "%llu", (unsigned long long)number[i]);
		fill_file(want, seed, number[i]);
		fd = openat(dir, name, O_RDONLY);
		if (fd < 0)
			die("file %s: %s", name, strerror(errno));
		if (pread(fd, text, sizeof(text), 0) != FILE_BYTES ||
		    memcmp(want, text, FILE_BYTES))
			die("file %s is not what was fsynced", name);
		close(fd);
	}
	printf("verified: %d files\n", n);
}

/* --- snapshots and compaction --- */

static int snapshot(int coll, uint32_t op, uint64_t i)
{
	struct vexfs_ioc_snapshot a = { .size = sizeof(a), .op = op };

	snprintf(a.name, sizeof(a.name), "s%llu", (unsigned long long)i);
	return vx_ioctl(coll, VEXFS_IOC_SNAPSHOT, &a);
}

/* What may be in the way of it: no room just now. */
static void must(int err, const char *what)
{
	if (err && err != ENOSPC)
		die("%s: %s", what, strerror(err));
}

static void make_space(const char *top, uint64_t seed, struct crash_pace *p)
{
	struct vexfs_ioc_compact a;
	uint64_t i = 0, step;
	char path[4096];
	int fd, err;

	for (step = 1; crash_goes_on(p, step, SPACE_EVERY); step++) {
		fd = open(path_of(path, top, seed, "a"), O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			die("%s: %s", path, strerror(errno));
		err = snapshot(fd, VEXFS_SNAPSHOT_CREATE, i);
		must(err, "snapshot");
		if (!err && i >= SNAPSHOTS)
			must(snapshot(fd, VEXFS_SNAPSHOT_DELETE, i - SNAPSHOTS), "delete snapshot");
		i += !err;
		a = (struct vexfs_ioc_compact){ .size = sizeof(a) };
		must(vx_ioctl(fd, VEXFS_IOC_COMPACT, &a), "compact");
		close(fd);
	}
}

/* How many records a snapshot has; each is read, with its row and key. */
static uint64_t count_records(int coll, const char name[VEXFS_SNAPSHOT_NAME_LEN],
			      uint32_t row_bytes)
{
	enum { N = 256 };
	static struct vexfs_item items[N];
	static char keys[N * VEXFS_MAX_KEY];
	struct vexfs_ioc_list a = { .cursor = 0 };
	char *rows = malloc((size_t)N * row_bytes);
	uint64_t n = 0;
	int err;

	do {
		a.size = sizeof(a);
		a.n = N;
		a.row_bytes = row_bytes;
		a.items = PTR(items);
		a.rows = PTR(rows);
		a.keys = PTR(keys);
		a.key_bytes = sizeof(keys);
		memcpy(a.snapshot, name, sizeof(a.snapshot));
		err = vx_ioctl(coll, VEXFS_IOC_LIST, &a);
		if (err)
			die("snapshot %s: %s", name, strerror(err));
		n += a.n;
	} while (a.cursor != ~0ULL);
	free(rows);
	return n;
}

/* Their names are consecutive, and each has as many records as it says. */
static void check_snapshots(int coll)
{
	struct vexfs_snapshot_info list[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_snapshots a = { .size = sizeof(a), .n = VEXFS_MAX_SNAPSHOTS,
					 .snapshots = PTR(list) };
	struct vexfs_ioc_info info;
	uint64_t last = 0, number, n;
	int err = vx_info(coll, &info);
	uint32_t i;

	if (err == ENODATA || err == ENOENT)	/* that it may be none was judged before */
		return;
	err = err ?: vx_ioctl(coll, VEXFS_IOC_SNAPSHOTS, &a);
	if (err)
		die("snapshots: %s", strerror(err));
	for (i = 0; i < a.n; i++, last = number) {
		if (sscanf(list[i].name, "s%lu", &number) != 1 || (i && number != last + 1))
			die("snapshot %s follows s%lu", list[i].name, last);
		n = count_records(coll, list[i].name, info.row_bytes);
		if (n != list[i].live)
			die("snapshot %s has %lu records, not %lu", list[i].name, n,
			    (uint64_t)list[i].live);
	}
	printf("verified: %u snapshots\n", a.n);
}

/* --- all of it --- */

struct thread {
	pthread_t id;
	const char *top;
	uint64_t seed, operations;
	struct crash_pace *pace;
};

static void *thread_b(void *arg)
{
	struct thread *t = arg;
	char path[4096];

	crash_records_load(path_of(path, t->top, t->seed, "b"), t->seed + 1, t->operations, NULL,
			   NULL);
	return NULL;
}

static void *thread_c(void *arg)
{
	struct thread *t = arg;
	char path[4096];

	crash_bound_load(path_of(path, t->top, t->seed, "c"), t->seed, t->pace);
	return NULL;
}

static void *thread_d(void *arg)
{
	struct thread *t = arg;

	write_files(t->top, t->seed, t->pace);
	return NULL;
}

static void *thread_space(void *arg)
{
	struct thread *t = arg;

	make_space(t->top, t->seed, t->pace);
	return NULL;
}

void crash_write(const char *top, uint64_t seed, uint64_t operations, crash_promise promise)
{
	static void *(*const run[])(void *) = { thread_b, thread_c, thread_d, thread_space };
	enum { N = sizeof(run) / sizeof(run[0]) };
	struct thread t[N];
	struct crash_pace pace = { 0 };
	char path[4096];
	int i;

	if ((mkdir(path_of(path, top, seed, ""), 0755) && errno != EEXIST) ||
	    (mkdir(path_of(path, top, seed, "d"), 0755) && errno != EEXIST))
		die("mkdir %s: %s", path, strerror(errno));
	for (i = 0; i < N; i++) {
		t[i] = (struct thread){ .top = top, .seed = seed, .operations = operations,
					.pace = &pace };
		if (pthread_create(&t[i].id, NULL, run[i], t + i))
			die("no thread");
	}
	crash_records_load(path_of(path, top, seed, "a"), seed, operations, promise, &pace);
	pthread_join(t[0].id, NULL);
	pace.stop = true;
	for (i = 1; i < N; i++)
		pthread_join(t[i].id, NULL);
}

/* A part of it, and its path.  -1: it is not there. */
static int open_part(char path[4096], const char *top, uint64_t seed, const char *name)
{
	int fd = open(path_of(path, top, seed, name), O_RDONLY | O_DIRECTORY);

	if (fd < 0 && errno != ENOENT)
		die("%s: %s", path, strerror(errno));
	return fd;
}

void crash_judge(const char *top, uint64_t seed, uint64_t promised)
{
	char path[4096];
	int fd;

	fd = open_part(path, top, seed, "a");
	if (fd >= 0) {
		crash_records_verify(path, seed, promised);
		check_snapshots(fd);
		close(fd);
	} else if (promised) {
		die("no collection, and %lu was promised", promised);
	}
	fd = open_part(path, top, seed, "b");
	if (fd >= 0) {
		crash_records_verify(path, seed + 1, 0);
		close(fd);
	}
	fd = open_part(path, top, seed, "c");
	if (fd >= 0) {
		crash_bound_verify(path);
		close(fd);
	}
	fd = open_part(path, top, seed, "d");
	if (fd >= 0) {
		check_files(fd, seed);
		close(fd);
	}
}
