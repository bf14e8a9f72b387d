// SPDX-License-Identifier: GPL-2.0
/*
 * scattered write DIR: DIR/file gets room for BLOCKS blocks by fallocate(2), DIR/fill takes all the rest of
 * the filesystem, and then every second block of the file is written, which makes more extents than there
 * is space for.  Some of it through a mapping.  fsync says that it is there.
 * scattered check DIR: and it is; between, there are zeros.
 *
 * Exit code 0, or 1 after a line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS	3000
#define BLOCK	4096

static __attribute__((noreturn)) void die(const char *what)
{
	printf("scattered: %s: %s\n", what, errno ? strerror(errno) : "wrong");
	exit(1);
}

static void pattern(unsigned int nr, unsigned char *block)
{
	unsigned int i;

	for (i = 0; i < BLOCK; i++)
		block[i] = nr % 2 ? 0 : 1 + (nr + i) % 255;
}

static void fill(void)
{
	static unsigned char data[1 << 20];
	int fd = open("fill", O_WRONLY | O_CREAT, 0600);
	size_t n;

	memset(data, 0xf1, sizeof(data));
	for (n = sizeof(data); n >= BLOCK; n /= 2)
		while (write(fd, data, n) > 0)
			;
	if (fd < 0 || errno != ENOSPC)
		die("fill");
	fsync(fd);
	close(fd);
}

static void write_all(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	unsigned char block[BLOCK], *map;
	unsigned int i;

	if (fd < 0 || fallocate(fd, 0, 0, BLOCKS * BLOCK) || fsync(fd))
		die("fallocate");
	fill();
	map = mmap(NULL, BLOCKS * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	for (i = 0; i < BLOCKS; i += 2) {
		pattern(i, block);
		if (i % 3 == 0)
			memcpy(map + (size_t)i * BLOCK, block, BLOCK);
		else if (pwrite(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
			die("write");
		/* in some order, with some of it in flight */
		if (i % 500 == 0 && sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE))
			die("sync_file_range");
	}
	if (fsync(fd))
		die("fsync");
	munmap(map, BLOCKS * BLOCK);
	close(fd);
}

static void check(void)
{
	unsigned char want[BLOCK], got[BLOCK];
	int fd = open("file", O_RDONLY);
	unsigned int i;

	for (i = 0; i < BLOCKS; i++) {
		pattern(i, want);
		if (pread(fd, got, BLOCK, (off_t)i * BLOCK) != BLOCK)
			die("read");
		errno = 0;
		if (memcmp(got, want, BLOCK)) {
			printf("block %u: ", i);
			die("contents");
		}
	}
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 3 || chdir(argv[2]))
		die("usage: scattered write | check DIR");
	if (!strcmp(argv[1], "write"))
		write_all();
	else
		check();
	return 0;
}
