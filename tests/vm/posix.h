/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of files and names (posix_*.c) share.  A test is a function that ends the program
 * when something does not hold.  It starts in an empty directory DIR/NAME, which is removed
 * afterwards with what it left there.
 *
 *	PROGRAM --list			print the tests: a name and what must hold
 *	PROGRAM NAME DIR [SEED]		run one in DIR, a directory of the filesystem under test
 *
 * Exit code 0: it held.
 */
#ifndef _TESTS_POSIX_H
#define _TESTS_POSIX_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 4096

#define CHECK(cond) do { if (!(cond)) { \
	fprintf(stderr, "line %d: %s (errno %d: %s)\n", __LINE__, #cond, errno, strerror(errno)); \
	exit(1); } } while (0)
#define FAILS(call, error) do { errno = 0; CHECK((call) == -1); CHECK(errno == (error)); } while (0)

static unsigned int seed __attribute__((unused)) = 1;

static inline unsigned int rnd(unsigned int *s, unsigned int n)
{
	*s = *s * 1664525u + 1013904223u;
	return (*s >> 8) % n;
}

/* Bytes that say where they are, so that a block in the wrong place shows. */
static inline void pattern(unsigned char *p, size_t len, uint64_t off, unsigned int salt)
{
	for (size_t i = 0; i < len; i++, off++)
		p[i] = (off >> 12) * 31 + off * 7 + salt + 1;
}

static inline void put(int fd, uint64_t off, size_t len, unsigned int salt)
{
	unsigned char *p = malloc(len);

	pattern(p, len, off, salt);
	CHECK(pwrite(fd, p, len, off) == (ssize_t)len);
	free(p);
}

static inline void expect(int fd, uint64_t off, size_t len, unsigned int salt)
{
	unsigned char *want = malloc(len), *got = malloc(len);

	pattern(want, len, off, salt);
	CHECK(pread(fd, got, len, off) == (ssize_t)len);
	CHECK(!memcmp(want, got, len));
	free(want);
	free(got);
}

static inline void expect_zero(int fd, uint64_t off, size_t len)
{
	unsigned char *got = malloc(len);

	CHECK(pread(fd, got, len, off) == (ssize_t)len);
	for (size_t i = 0; i < len; i++)
		CHECK(!got[i]);
	free(got);
}

static inline int make(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	CHECK(fd >= 0);
	return fd;
}

static inline struct stat st_of(const char *name)
{
	struct stat st;

	CHECK(!lstat(name, &st));
	return st;
}

/*
 * Is this the filesystem as vexfs-fuse mounts it?  What FUSE lacks is tested to be refused, or left
 * out.
 */
static inline bool on_fuse(void)
{
	struct statfs s;

	CHECK(!statfs(".", &s));
	return s.f_type == 0x65735546;
}

/* Forget what is cached, so that it is read from the device. */
static inline void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY), dir;

	if (on_fuse()) {			/* others are at work on the same machine */
		dir = open(".", O_RDONLY | O_DIRECTORY);
		CHECK(dir >= 0 && !syncfs(dir) && !fsync(dir) && !close(dir));
	} else {
		sync();
	}
	if (fd >= 0) {
		CHECK(write(fd, on_fuse() ? "2" : "3", 1) == 1);
		close(fd);
	}
}

/* n processes call fn(0) ... fn(n - 1) at once; all must succeed. */
static inline void spawn(int n, void (*fn)(int id))
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			fn(i);
			exit(0);
		}
	}
	for (int i = 0; i < n; i++) {
		int status;

		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	return ftw->level ? remove(path) : 0;
}

/* Everything below the working directory. */
static inline void remove_all(void)
{
	CHECK(!nftw(".", remove_one, 32, FTW_DEPTH | FTW_PHYS));
}

struct test {
	const char *name;
	void (*fn)(void);
	const char *what;
};

static inline int run_tests(int argc, char **argv, const struct test *tests, size_t n)
{
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (i = 0; i < n; i++)
			printf("%s %s\n", tests[i].name, tests[i].what);
		return 0;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: %s --list | NAME DIR [SEED]\n", argv[0]);
		return 2;
	}
	if (argc > 3)
		seed = strtoul(argv[3], NULL, 0);
	for (i = 0; i < n && strcmp(argv[1], tests[i].name); i++)
		;
	if (i == n) {
		fprintf(stderr, "no test %s\n", argv[1]);
		return 2;
	}
	umask(0);
	CHECK(!chdir(argv[2]));
	CHECK(!mkdir(argv[1], 0755));
	CHECK(!chdir(argv[1]));
	tests[i].fn();
	remove_all();
	CHECK(!chdir(".."));
	CHECK(!rmdir(argv[1]));
	return 0;
}

#endif /* _TESTS_POSIX_H */
