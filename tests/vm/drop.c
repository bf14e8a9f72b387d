// SPDX-License-Identifier: GPL-2.0
/*
 * Dropping collections.
 *
 *	drop plain DIR		what stays, what is gone, what may be done afterwards
 *	drop race DIR SECONDS	drop and create again under calls of every kind
 *
 * DIR is a directory of VexFS.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define DIMS	64
#define BATCH	500

static int drop(int fd)
{
	struct vexfs_ioc_drop d = { .size = sizeof(d) };

	return vx_ioctl(fd, VEXFS_IOC_DROP, &d);
}

static int insert(int fd, uint64_t first, uint32_t n)
{
	static _Thread_local float rows[BATCH * DIMS];
	static _Thread_local uint64_t ids[BATCH];
	uint32_t i;

	for (i = 0; i < n; i++) {
		ids[i] = first + i;
		make_row(rows + i * DIMS, DIMS, 5, ids[i]);
	}
	return vx_insert(fd, n, DIMS, rows, ids, NULL, NULL, NULL);
}

static uint64_t free_blocks(int fd)
{
	struct statfs s;

	if (syncfs(fd) || fstatfs(fd, &s))
		die("statfs");
	return s.f_bfree;
}

static int touch(int fd, const char *name)
{
	int f = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	return f < 0 ? errno : close(f);
}

#define SYS(call)	((call) ? errno : 0)

static void refused(int fd)
{
	struct vexfs_ioc_drop d = { .size = sizeof(d), .flags = 1 };
	struct vexfs_ioc_info info;
	int status;

	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_DROP, &d), "flags");
	d = (struct vexfs_ioc_drop){ .size = sizeof(d), .reserved = { 0, 0, 1 } };
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_DROP, &d), "reserved");
	d = (struct vexfs_ioc_drop){ .size = 4 };
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_DROP, &d), "size");
	EXPECT(EFAULT, vx_ioctl(fd, VEXFS_IOC_DROP, (void *)8), "nowhere");
	if (!fork())
		_exit(setgid(1000) || setuid(1000) || drop(fd) != EPERM);
	FAIL(wait(&status) < 0 || status, "another user: status %#x", status);
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.live != BATCH, "%llu records", (unsigned long long)info.live);
}

static void gone(int fd)
{
	struct vexfs_ioc_search s;
	struct vexfs_ioc_info info;
	struct vexfs_hit hit;
	uint64_t id = 1;
	float row[DIMS] = { 1 };

	EXPECT(ENODATA, vx_info(fd, &info), "info");
	EXPECT(ENODATA, insert(fd, 0, 1), "insert");
	EXPECT(ENODATA, vx_get(fd, 1, DIMS, row, NULL), "get");
	EXPECT(ENODATA, vx_delete(fd, 1, &id, NULL), "delete");
	EXPECT(ENODATA, vx_search(fd, 1, DIMS, row, &hit, &s), "search");
	EXPECT(ENODATA, drop(fd), "drop");
	EXPECT(0, SYS(fsync(fd)), "fsync");
}

static void plain(const char *dir)
{
	int top = vx_directory(dir, "drop"), fd, other, sub, i;
	struct vexfs_ioc_search s;
	struct vexfs_ioc_info info;
	struct vexfs_hit hit;
	float row[DIMS];
	uint64_t before;

	EXPECT(ENODATA, drop(top), "a plain directory");
	EXPECT(0, SYS(mkdirat(top, "c", 0755)), "mkdir");
	EXPECT(0, SYS(mkdirat(top, "elsewhere", 0755)), "mkdir");
	fd = openat(top, "c", O_RDONLY | O_DIRECTORY);
	other = openat(top, "c", O_RDONLY | O_DIRECTORY);
	before = free_blocks(top);
	for (i = 0; i < 5; i++) {	/* the same directory, again and again */
		EXPECT(0, vx_create(fd, DIMS, VEXFS_METRIC_L2, i), "create");
		EXPECT(0, insert(fd, i, BATCH), "insert");
		if (i & 1)
			EXPECT(0, SYS(fsync(fd)), "fsync");
		if (!i)
			refused(fd);
		EXPECT(0, drop(fd), "drop");
		gone(other);
	}
	FAIL(free_blocks(top) + 1 < before, "%llu blocks are free, and were %llu",
	     (unsigned long long)free_blocks(top), (unsigned long long)before);

	/* with files and directories below */
	EXPECT(0, vx_create(fd, DIMS, VEXFS_METRIC_L2, 0), "create");
	EXPECT(0, touch(fd, "file"), "a file");
	EXPECT(0, SYS(mkdirat(fd, "sub", 0755)), "mkdir");
	sub = openat(fd, "sub", O_RDONLY | O_DIRECTORY);
	EXPECT(0, touch(sub, "file"), "a file below");
	EXPECT(EXDEV, SYS(renameat(fd, "sub", top, "sub")), "move a directory out of a collection");
	EXPECT(0, insert(fd, 0, BATCH), "insert");
	EXPECT(0, drop(fd), "drop");
	gone(fd);
	EXPECT(0, SYS(faccessat(fd, "file", F_OK, 0)), "its file");
	EXPECT(0, SYS(faccessat(fd, "sub/file", F_OK, 0)), "its file below");
	EXPECT(ENOTEMPTY, vx_create(fd, DIMS, VEXFS_METRIC_L2, 0), "create, not empty");
	EXPECT(0, SYS(renameat(fd, "sub", top, "sub")), "move a directory out");
	EXPECT(0, SYS(renameat(top, "sub", top, "elsewhere/sub")), "move it on");
	EXPECT(0, touch(sub, "another"), "a new file in it");
	EXPECT(0, SYS(mkdirat(sub, "subsub", 0755)), "a new directory in it");
	EXPECT(0, SYS(renameat(sub, "subsub", fd, "subsub")), "move that back");
	EXPECT(0, SYS(unlinkat(fd, "subsub", AT_REMOVEDIR)), "rmdir");
	EXPECT(0, SYS(unlinkat(fd, "file", 0)), "unlink");

	/* empty again: a new collection knows nothing of the old one */
	EXPECT(0, vx_create(fd, DIMS, VEXFS_METRIC_L2, 0), "create");
	EXPECT(0, vx_info(other, &info), "info");
	FAIL(info.count || info.live || info.next_seq != 1, "it is not empty");
	EXPECT(0, insert(other, 7, 1), "insert");
	make_row(row, DIMS, 5, 8);
	EXPECT(0, vx_search(fd, 1, DIMS, row, &hit, &s), "search");
	FAIL(s.n != 1 || hit.id != 7, "a record of the old one is found");
	EXPECT(EXDEV, SYS(renameat(top, "elsewhere/sub", fd, "sub")), "move a directory into it");
	EXPECT(0, SYS(fsync(fd)), "fsync");
	close(sub);

	/*
	 * a collection in a collection: what is in the inner one belongs to the outer one
	 * afterwards
	 */
	EXPECT(0, SYS(mkdirat(fd, "inner", 0755)), "mkdir");
	sub = openat(fd, "inner", O_RDONLY | O_DIRECTORY);
	EXPECT(0, vx_create(sub, 3, VEXFS_METRIC_DOT, 1), "create the inner one");
	EXPECT(0, SYS(mkdirat(sub, "d", 0755)), "mkdir");
	EXPECT(0, touch(sub, "d/f"), "a file");
	EXPECT(EXDEV, SYS(renameat(sub, "d", fd, "d")), "from the inner to the outer one");
	EXPECT(0, drop(sub), "drop the inner one");
	EXPECT(0, vx_info(fd, &info), "info of the outer one");
	EXPECT(EXDEV, SYS(renameat(sub, "d", top, "d")), "out of the outer one");
	EXPECT(0, SYS(renameat(sub, "d", fd, "d")), "into the outer one");
	EXPECT(EXDEV, SYS(renameat(fd, "d", top, "d")), "out of the outer one");

	/* what was removed cannot be dropped */
	EXPECT(0, vx_create(sub, 3, VEXFS_METRIC_DOT, 1), "create the inner one again");
	EXPECT(0, SYS(unlinkat(fd, "inner", AT_REMOVEDIR)), "rmdir");
	FAIL(drop(sub) != ENOENT, "what was removed is dropped");
	close(sub);
	close(other);
	close(fd);
	close(top);
}

/* --- the race --- */

static struct {
	int fd;
	atomic_bool stop;
	atomic_ulong drops, inserts, searches, gets, none;
} race;

/* ENODATA: there is none just now. */
static bool there(int err, const char *what)
{
	if (err == ENODATA)
		race.none++;
	else
		EXPECT(0, err, what);
	return !err;
}

static void *inserter(void *arg)
{
	uint64_t next = (uint64_t)(uintptr_t)arg << 32, s = next;

	while (!race.stop) {
		uint32_t n = 1 + random64(&s) % 50;

		race.inserts += there(insert(race.fd, next, n), "insert");
		next += n;
	}
	return NULL;
}

static void *reader(void *arg)
{
	uint64_t s = (uintptr_t)arg;
	struct vexfs_ioc_search out;
	struct vexfs_hit hit[10];
	float q[DIMS], row[DIMS];
	uint32_t i;
	int err;

	while (!race.stop) {
		make_row(q, DIMS, 6, random64(&s));
		if (!there(vx_search(race.fd, 10, DIMS, q, hit, &out), "search"))
			continue;
		race.searches++;
		for (i = 0; i < out.n; i++) {
			double sum = 0;
			uint32_t k;

			make_row(row, DIMS, 5, hit[i].id);
			for (k = 0; k < DIMS; k++)
				sum += ((double)q[k] - row[k]) * ((double)q[k] - row[k]);
			FAIL(sum < hit[i].distance - 1e-6 || sum > hit[i].distance + 1e-6,
			     "distance of %#llx is wrong", (unsigned long long)hit[i].id);
		}
		if (!out.n)
			continue;
		err = vx_get(race.fd, hit[0].id, DIMS, row, NULL);
		if (err != ENOENT)	/* it was dropped, and there is a new one */
			race.gets += there(err, "get");
	}
	return NULL;
}

static void *syncer(void *arg)
{
	(void)arg;
	while (!race.stop) {
		EXPECT(0, SYS(fsync(race.fd)), "fsync");
		EXPECT(0, SYS(syncfs(race.fd)), "syncfs");
		usleep(3000);
	}
	return NULL;
}

static void *dropper(void *arg)
{
	uint64_t s = 4711;

	(void)arg;
	while (!race.stop) {
		usleep(random64(&s) % 60000);
		race.drops += !EXPECT(0, drop(race.fd), "drop");
		usleep(random64(&s) % 3000);
		EXPECT(0, vx_create(race.fd, DIMS, VEXFS_METRIC_L2, 0), "create");
	}
	return NULL;
}

static void run_race(const char *dir, unsigned int seconds)
{
	void *(*const fn[])(void *) = { inserter, inserter, reader, reader, syncer, dropper };
	pthread_t thread[6];
	uintptr_t i;

	race.fd = vx_collection(dir, "race", DIMS, VEXFS_METRIC_L2, 0);
	for (i = 0; i < 6; i++)
		if (pthread_create(thread + i, NULL, fn[i], (void *)(i + 1)))
			die("pthread_create");
	sleep(seconds);
	race.stop = true;
	for (i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	FAIL(!race.drops || !race.inserts || !race.searches, "something never happened");
	printf("%lu drops, %lu inserts, %lu searches, %lu gets, %lu times no collection\n",
	       race.drops, race.inserts, race.searches, race.gets, race.none);
	close(race.fd);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "plain")) {
		plain(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "race")) {
		run_race(argv[2], atoi(argv[3]));
	} else {
		fprintf(stderr, "usage: drop plain DIR | race DIR SECONDS\n");
		return 2;
	}
	return failed();
}
