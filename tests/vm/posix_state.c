// SPDX-License-Identifier: GPL-2.0
/*
 * A filesystem that is stopped, or read-only.
 *
 *	posix_state --shutdown DIR HOW	leave files and orphans behind and stop the filesystem:
 *					FS_IOC_SHUTDOWN with HOW (0, 1, 2)
 *	posix_state --leave DIR		the same, and say "ready"; until standard input ends the
 *					daemon of a mount by FUSE was killed
 *	posix_state --abandon DIR	flush the log and stop the filesystem
 *	posix_state --kept DIR		are the files there, and as they should be?
 *	posix_state --stop DIR		the same ioctl on a read-only filesystem
 *	posix_state --readonly DIR	DIR, with `file` and `dir` in it, takes no change
 *
 * Exit code 0: it is so.
 */
#include "posix.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif

/* What fsync of the file alone keeps: its bytes and its names. */
static void make_synced(void)
{
	int fd = make("first"), dir;

	put(fd, 0, 300000, 9);
	CHECK(!fsync(fd));
	CHECK(!rename("first", "moved") && !link("moved", "linked") && !fsync(fd));
	close(fd);
	close(make("over"));
	fd = make("tmp");
	put(fd, 0, 5000, 10);
	CHECK(!rename("tmp", "over") && !fdatasync(fd));
	close(fd);
	CHECK(!mkdir("syncdir", 0751));
	dir = open("syncdir", O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0 && !fsync(dir));
	close(dir);
}

/*
 * Cut and extended again, not synced: the file may be in any of its three states, but in the last
 * one what was cut off does not come back.
 */
static void make_cut(void)
{
	int fd = make("cut");

	put(fd, 0, BLOCK, 11);
	CHECK(!fsync(fd) && !ftruncate(fd, 100) && !ftruncate(fd, BLOCK - 1));
	close(fd);
}

static void check_cut(void)
{
	int fd = open("cut", O_RDONLY);
	off_t size = st_of("cut").st_size;

	CHECK(fd >= 0 && (size == BLOCK || size == 100 || size == BLOCK - 1));
	expect(fd, 0, 100, 11);
	if (size == BLOCK - 1)
		expect_zero(fd, 100, size - 100);
	close(fd);
	CHECK(!unlink("cut"));
}

static void check_synced(void)
{
	int fd = open("moved", O_RDONLY);

	CHECK(fd >= 0 && st_of("moved").st_size == 300000 && st_of("moved").st_nlink == 2);
	expect(fd, 0, 300000, 9);
	close(fd);
	CHECK(st_of("linked").st_ino == st_of("moved").st_ino);
	FAILS(access("first", F_OK), ENOENT);
	FAILS(access("tmp", F_OK), ENOENT);
	fd = open("over", O_RDONLY);
	CHECK(fd >= 0 && st_of("over").st_size == 5000);
	expect(fd, 0, 5000, 10);
	close(fd);
	CHECK((st_of("syncdir").st_mode & 07777) == 0751 && st_of(".").st_nlink >= 3);
	CHECK(!unlink("moved") && !unlink("linked") && !unlink("over") && !rmdir("syncdir"));
}

/* Cut before its data were written: the new size is for the data, or it is not there. */
static void make_trimmed(void)
{
	int fd = make("trimmed");

	put(fd, 0, 10 * BLOCK, 12);
	CHECK(!ftruncate(fd, 5 * BLOCK + 100));
	close(fd);
}

static void check_trimmed(void)
{
	int fd = open("trimmed", O_RDONLY);
	off_t size;

	if (fd < 0)
		return;
	size = st_of("trimmed").st_size;
	CHECK(!size || size == 5 * BLOCK + 100);
	expect(fd, 0, size, 12);
	close(fd);
	CHECK(!unlink("trimmed"));
}

/* Nothing else is synced afterwards: fdatasync alone keeps the blocks. */
static void make_ahead(void)
{
	int fd = make("ahead");

	CHECK(!fsync(fd) && !fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20) && !fdatasync(fd));
	close(fd);
}

static void check_ahead(void)
{
	CHECK(!st_of("ahead").st_size && st_of("ahead").st_blocks >= (1 << 20) / 512);
	CHECK(!unlink("ahead"));
}

static int kept(void)
{
	int fd = open("kept", O_RDONLY);

	CHECK(fd >= 0);
	expect(fd, 0, 1 << 20, 5);
	CHECK(st_of("kept").st_size == 1 << 20);
	CHECK(!unlink("kept"));
	FAILS(access("gone", F_OK), ENOENT);
	check_synced();
	check_cut();
	check_trimmed();
	check_ahead();
	return 0;
}

static int read_only(void)
{
	struct timespec now[2] = { };
	int fd = open("file", O_RDONLY);
	char c;

	CHECK(fd >= 0 && read(fd, &c, 1) == 1);
	FAILS(open("file", O_RDWR), EROFS);
	FAILS(open("file", O_RDONLY | O_TRUNC), EROFS);
	FAILS(open("absent", O_WRONLY | O_CREAT, 0600), EROFS);
	FAILS(open(".", O_WRONLY | O_TMPFILE, 0600), EROFS);
	FAILS(mkdir("absent", 0700), EROFS);
	FAILS(mknod("absent", S_IFIFO | 0600, 0), EROFS);
	FAILS(symlink("x", "absent"), EROFS);
	FAILS(link("file", "absent"), EROFS);
	FAILS(rename("file", "absent"), EROFS);
	FAILS(unlink("file"), EROFS);
	FAILS(rmdir("dir"), EROFS);
	FAILS(chmod("file", 0600), EROFS);
	FAILS(fchown(fd, 1, 1), EROFS);
	FAILS(futimens(fd, now), EROFS);
	FAILS(truncate("file", 0), EROFS);
	CHECK(!fsync(fd) && !syncfs(fd));
	CHECK(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	close(fd);
	return 0;
}

/* open after leave() */
static int fd, dir, late;

/* Files that are synced, and what is not; orphans. */
static void leave(void)
{
	int gone = make("gone"), tmp;

	fd = make("kept");
	dir = open(".", O_RDONLY);
	tmp = on_fuse() ? make("tmpfile") : open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(tmp >= 0 && dir >= 0);
	put(fd, 0, 1 << 20, 5);
	put(gone, 0, 4 << 20, 6);
	put(tmp, 0, 2 << 20, 7);
	CHECK(!unlink("gone") && !syncfs(dir));
	if (on_fuse())			/* syncfs does not get through */
		CHECK(!unlink("tmpfile") && !fsync(dir));
	make_synced();
	make_cut();
	make_trimmed();
	make_ahead();
	late = make("late");				/* not synced */
	put(late, 0, 10000, 8);
}

static int shut_down(uint32_t how)
{
	uint32_t bad = 9;

	leave();
	FAILS(ioctl(dir, FS_IOC_SHUTDOWN, &bad), EINVAL);
	CHECK(!ioctl(dir, FS_IOC_SHUTDOWN, &how));
	CHECK(!ioctl(dir, FS_IOC_SHUTDOWN, &how));	/* once is enough */
	FAILS(open("new", O_RDWR | O_CREAT, 0600), EIO);
	FAILS(pwrite(fd, "x", 1, 0), EIO);
	FAILS(fsync(late), EIO);
	FAILS(mkdir("newdir", 0700), EIO);
	FAILS(unlink("kept"), EIO);
	return 0;
}

/* The daemon is gone. */
#define LOST(call) do { errno = 0; CHECK((call) == -1);						\
	CHECK(errno == ENOTCONN || errno == ECONNABORTED); } while (0)

static int await_end(void)
{
	char c;

	leave();
	CHECK(puts("ready") >= 0 && !fflush(stdout));
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	LOST(open("new", O_RDWR | O_CREAT, 0600));
	LOST(pwrite(fd, "x", 1, 0));
	LOST(fsync(late));
	LOST(unlink("kept"));
	return 0;
}

static int abandon(void)
{
	uint32_t how = 1;

	dir = open(".", O_RDONLY);
	CHECK(dir >= 0 && !ioctl(dir, FS_IOC_SHUTDOWN, &how));
	close(dir);
	return 0;
}

/* Of a read-only filesystem: nothing is left behind, but it ends. */
static int stop(void)
{
	int to[2];
	uint32_t how;
	char c;

	dir = open(".", O_RDONLY);
	fd = open("file", O_RDONLY);
	CHECK(dir >= 0 && fd >= 0 && pread(fd, &c, 1, 0) == 1 && !pipe(to));
	for (how = 0; how < 3; how++)
		CHECK(!ioctl(dir, FS_IOC_SHUTDOWN, &how));
	FAILS(pread(fd, &c, 1, 0), EIO);		/* though it is cached */
	FAILS(splice(fd, NULL, to[1], NULL, 1, 0), EIO);
	FAILS(fsync(dir), EIO);
	FAILS(mkdir("newdir", 0700), EROFS);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !chdir(argv[2])) {
		if (argc == 3 && !strcmp(argv[1], "--leave"))
			return await_end();
		if (argc == 3 && !strcmp(argv[1], "--abandon"))
			return abandon();
		if (argc == 3 && !strcmp(argv[1], "--kept"))
			return kept();
		if (argc == 3 && !strcmp(argv[1], "--readonly"))
			return read_only();
		if (argc == 3 && !strcmp(argv[1], "--stop"))
			return stop();
		if (argc == 4 && !strcmp(argv[1], "--shutdown"))
			return shut_down(atoi(argv[3]));
	}
	fputs("usage: posix_state --shutdown DIR HOW | --leave DIR | --abandon DIR | --kept DIR | --readonly DIR | --stop DIR\n",
	      stderr);
	return 2;
}
