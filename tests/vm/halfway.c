// SPDX-License-Identifier: GPL-2.0
/*
 * halfway DEVICE MOUNTPOINT: operations that change several blocks, of which one cannot be read:
 * nothing of them may have happened, and all of it once it can be read again.  DEVICE has a VexFS,
 * not mounted, and is used through a device that can be broken.
 *
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <vexfs/format.h>
#include "rows.h"
#include "faulty.h"

#ifndef FIFREEZE			/* linux/fs.h and sys/mount.h do not go together */
#define FIFREEZE	_IOWR('X', 119, int)
#define FITHAW		_IOWR('X', 120, int)
#endif
#define DIMS	8
#define RECORDS	5

static struct faulty disk;
static struct vexfs_super super;

static int result(int r)
{
	return r < 0 ? errno : 0;
}
#define MUST(call) EXPECT(0, result(call), #call)

static uint64_t new_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		die(name);
	close(fd);
	return st.st_ino;
}

/* Files, until what is made next has its inode in another block than all that was made so far. */
static uint64_t fill_block(const char *prefix)
{
	char name[32];
	uint64_t ino = 0;
	int i;

	for (i = 0; i < 40 || ino % VEXFS_INODES_PER_BLOCK; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		ino = new_file(name);
	}
	return ino + 1;
}

/* The block with the inode cannot be read, and is in no cache. */
static void break_inode(int root, uint64_t ino)
{
	uint64_t index = (ino - 1) % le32toh(super.s_inodes_per_group),
		 g = (ino - 1) / le32toh(super.s_inodes_per_group);
	uint64_t block = g * VEXFS_GROUP_BLOCKS + (g == 0 || g == 1 || g == 3) + 1 +
			 index / VEXFS_INODES_PER_BLOCK;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	MUST(syncfs(root));
	MUST(ioctl(root, FIFREEZE, 0));		/* writes the log back */
	MUST(ioctl(root, FITHAW, 0));
	MUST(write(fd, "1", 1));
	close(fd);
	faulty_set(&disk, "error", block * 8, block * 8 + 8);
}

/* All kinds of new names in the directory d. */
static void names(int want)
{
	char target[3000];
	int fd;

	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = 0;
	EXPECT(want, result(mkdir("d/dir", 0755)), "mkdir");
	EXPECT(want, result(mkfifo("d/fifo", 0644)), "mkfifo");
	EXPECT(want, result(symlink("target", "d/short")), "symlink");
	EXPECT(want, result(symlink(target, "d/long")), "a long symlink");
	EXPECT(want, result(link("a0", "d/link")), "link");
	fd = open("d/file", O_WRONLY | O_CREAT | O_EXCL, 0644);
	EXPECT(want, result(fd), "create");
	close(fd);
	fd = open(".", O_WRONLY | O_TMPFILE, 0644);
	EXPECT(0, result(fd), "O_TMPFILE");
	EXPECT(want, result(linkat(fd, "", AT_FDCWD, "d/tmpfile", AT_EMPTY_PATH)),
	       "link a tmpfile");
	close(fd);
	EXPECT(want, result(rename("a1", "d/renamed")), "rename");
	EXPECT(want, result(rename("a2", "d/old")), "rename over a file");
	EXPECT(want, result(unlink("d/removed")), "unlink");
	EXPECT(want, result(rmdir("d/sub")), "rmdir");
}

static void insert(int col)
{
	float rows[RECORDS * DIMS];
	uint64_t id[RECORDS];
	uint32_t i;

	for (i = 0; i < RECORDS; i++) {
		id[i] = i;
		make_row(rows + i * DIMS, DIMS, 1, i);
	}
	EXPECT(0, vx_insert(col, RECORDS, DIMS, rows, id, NULL, NULL, NULL), "insert");
	MUST(fsync(col));
}

static void collection(int root, int col)
{
	struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
	uint64_t planes = fill_block("b"), ino;
	float row[DIMS];

	EXPECT(0, vx_create(col, DIMS, VEXFS_METRIC_L2, 0), "create");
	ino = new_file("behind");
	FAIL(ino != planes + 4, "the planes are not where they should be: %d, %d", (int)planes,
	     (int)ino);
	insert(col);
	break_inode(root, planes);
	EXPECT(EIO, vx_ioctl(col, VEXFS_IOC_DROP, &drop), "drop");
	faulty_mend(&disk);
	EXPECT(0, vx_get(col, 1, DIMS, row, NULL), "a record");
	EXPECT(0, vx_ioctl(col, VEXFS_IOC_DROP, &drop), "drop again");

	MUST(syncfs(root));
	ino = new_file("c0");			/* where the directory is, the planes can be */
	break_inode(root, ino);
	EXPECT(EIO, vx_create(col, DIMS, VEXFS_METRIC_L2, 0),
	       "create, and the planes have no inodes");
	faulty_mend(&disk);
	EXPECT(0, vx_create(col, DIMS, VEXFS_METRIC_L2, 0), "create again");
	insert(col);
}

int main(int argc, char **argv)
{
	struct stat st;
	int fd, root, dir, col;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		fprintf(stderr, "usage: halfway DEVICE MOUNTPOINT\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || pread(fd, &super, sizeof(super), 0) != sizeof(super))
		die(argv[1]);
	close(fd);
	faulty_open(&disk, argv[1]);
	if (mount(disk.path, argv[2], "vexfs", 0, "commit=300,errors=continue") || chdir(argv[2]))
		die("mount");
	root = open(".", O_RDONLY);
	dir = vx_directory(".", "d");
	col = vx_directory(".", "c");
	MUST(mkdir("d/sub", 0755));
	fill_block("a");
	new_file("d/old");
	new_file("d/removed");
	if (fstat(dir, &st))
		die("d");
	break_inode(root, st.st_ino);
	names(EIO);
	faulty_mend(&disk);
	names(0);
	collection(root, col);
	close(col);
	close(dir);
	close(root);
	if (chdir("/") || umount(argv[2]))
		die("umount");
	faulty_close(&disk);
	return failed();
}
