// SPDX-License-Identifier: GPL-2.0
/*
 * replace DEVICE MOUNTPOINT: a file that replaces another one, after a crash in which every
 * transaction was committed and all that was only in memory is lost.  DEVICE has a VexFS, not
 * mounted, and is used through a device that can be broken.
 *
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include "faulty.h"

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif
#define BYTES 70000

static struct faulty disk;
static const char *dir;

static int result(int r)
{
	return r < 0 ? errno : 0;
}
#define MUST(call) EXPECT(0, result(call), #call)

static void mount_it(void)
{
	if (mount(disk.path, dir, "vexfs", 0, "commit=300") || chdir(dir))
		die("mount");
}

static void umount_it(void)
{
	if (chdir("/") || umount(dir))
		die("umount");
}

static void crash(void)
{
	__u32 log_flushed = 1;
	int fd = open(".", O_RDONLY);

	MUST(ioctl(fd, FS_IOC_SHUTDOWN, &log_flushed));
	close(fd);
	umount_it();
	mount_it();
}

static int make(const char *name, int flags, int fill)
{
	static char text[BYTES];
	int fd = open(name, O_RDWR | O_CREAT | flags, 0644);

	memset(text, fill, sizeof(text));
	if (fd < 0 || write(fd, text, sizeof(text)) != sizeof(text))
		die(name);
	return fd;
}

/* Has it all of that? */
static void whole(const char *name, int fill)
{
	static char text[BYTES + 1];
	int fd = open(name, O_RDONLY), i;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	close(fd);
	for (i = 0; i < n && text[i] == fill; i++)
		;
	FAIL(n != BYTES || i != n, "%s: %zd bytes, of which %d are '%c'", name, n, i, fill);
}

static void by_name(void)
{
	close(make("renamed", 0, 'o'));
	close(make("exchanged", 0, 'o'));
	sync();
	close(make("new", 0, 'n'));
	MUST(rename("new", "renamed"));
	close(make("new", 0, 'n'));
	MUST(renameat2(AT_FDCWD, "new", AT_FDCWD, "exchanged", RENAME_EXCHANGE));
	close(make("beside", 0, 'n'));
	crash();
	whole("renamed", 'n');
	whole("exchanged", 'n');
	whole("new", 'o');
	MUST(unlink("beside"));
	MUST(unlink("new"));
}

/* A second after it was closed, and nobody synced. */
static void written_anew(void)
{
	close(make("renamed", O_TRUNC, 'a'));
	MUST(truncate("exchanged", 0));
	close(make("exchanged", 0, 'a'));
	sleep(1);
	crash();
	whole("renamed", 'a');
	whole("exchanged", 'a');
}

/* What cannot be written replaces nothing, and fsync says why, too. */
static void unwritable(void)
{
	int fd = make("new", 0, 'n');
	uint64_t block = faulty_block(fd, 3);

	faulty_set(&disk, "flakey", block * 8, block * 8 + 8);
	EXPECT(EIO, result(rename("new", "renamed")), "rename of what cannot be written");
	EXPECT(EIO, result(rename("new", "renamed")), "and again");
	whole("renamed", 'a');
	faulty_mend(&disk);
	EXPECT(EIO, result(fsync(fd)), "fsync");
	close(fd);
	close(make("new", O_TRUNC, 'b'));
	MUST(rename("new", "renamed"));
	crash();
	whole("renamed", 'b');
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		fprintf(stderr, "usage: replace DEVICE MOUNTPOINT\n");
		return 2;
	}
	dir = argv[2];
	faulty_open(&disk, argv[1]);
	mount_it();
	by_name();
	written_anew();
	unwritable();
	umount_it();
	faulty_close(&disk);
	return failed();
}
