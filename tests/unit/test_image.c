// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * A mount in this process: who may have it, what it refuses, names and files.  Collections are in
 * test_mount.c.
 */
#include <sys/file.h>
#include <sys/wait.h>

#include "mount.h"

/* --- mounting --- */

static int try_open(const char *path, unsigned int flags)
{
	struct vexfs_image *image;
	const char *why;
	int err = vexfs_image_open(path, flags, &image, &why);

	if (!err)
		assert_int_equal(vexfs_image_close(image), 0);
	return err;
}

static int in_child(const char *path, unsigned int flags)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(-try_open(path, flags));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void alone(void **state)
{
	struct mount m;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	assert_int_equal(try_open(m.path, 0), -EBUSY);
	assert_int_equal(try_open(m.path, VEXFS_IMAGE_READONLY), -EBUSY);
	assert_int_equal(in_child(m.path, 0), -EBUSY);
	mount_close(&m);
	mount_open(&m, VEXFS_IMAGE_READONLY);
	assert_int_equal(in_child(m.path, VEXFS_IMAGE_READONLY), 0);
	assert_int_equal(in_child(m.path, 0), -EBUSY);
	mount_close(&m);
	assert_int_equal(try_open(m.path, 0), 0);
	mount_open(&m, 0);
	mount_unmake(&m);
}

static void poke(const char *path, off_t at, const void *p, size_t n)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void wrong_files(void **state)
{
	static const char junk[VEXFS_BLOCK_SIZE] = "this is a text";
	struct vexfs_image *image;
	const char *why = NULL;
	struct mount m;

	(void)state;
	assert_int_equal(try_open("/tmp/vexfs-there-is-no-such-file", 0), -ENOENT);
	assert_int_equal(try_open("/tmp", VEXFS_IMAGE_READONLY), -EINVAL);
	assert_int_equal(try_open("/dev/null", 0), -EINVAL);
	mount_make(&m);
	/* cut short: both sizes are named */
	assert_int_equal(truncate(m.path, 8 << 20), 0);
	assert_int_equal(vexfs_image_open(m.path, 0, &image, &why), -ENXIO);
	assert_non_null(strstr(why, "8388608"));
	assert_int_equal(truncate(m.path, 0), 0);
	assert_int_equal(try_open(m.path, 0), -EINVAL);
	poke(m.path, 0, junk, sizeof(junk));
	assert_int_equal(try_open(m.path, 0), -EINVAL);
	unlink(m.path);
}

static void torn_super(void **state)
{
	struct mount m;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "dir", 0700), 0);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	mount_kill(&m);
	/* in the log block 0 is whole, and a copy says where the log is */
	poke(m.path, 64, "torn", 4);
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "dir", 0700), -EEXIST);
	mount_unmake(&m);
}

/* Somebody has written a copy of the superblock over block 0: it is read, and not written. */
static void copy_for_super(void **state)
{
	char copy[VEXFS_BLOCK_SIZE], was[VEXFS_BLOCK_SIZE];
	struct mount m;
	int fd;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "dir", 0700), 0);
	mount_close(&m);
	fd = open(m.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, was, sizeof(was), 0), sizeof(was));
	assert_int_equal(pread(fd, copy, sizeof(copy), (off_t)VEXFS_GROUP_BLOCKS << VEXFS_BLOCK_SHIFT),
			 sizeof(copy));
	close(fd);
	poke(m.path, 0, copy, sizeof(copy));
	assert_int_equal(mount_try(&m, 0), -EROFS);
	mount_open(&m, VEXFS_IMAGE_READONLY);
	assert_int_equal(vexfs_image_mkdir(m.image, "dir", 0700), -EEXIST);
	assert_int_equal(vexfs_image_mkdir(m.image, "new", 0700), -EROFS);
	mount_close(&m);
	poke(m.path, 0, was, sizeof(was));
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "dir", 0700), -EEXIST);
	mount_unmake(&m);
}

/* Where the first block of /dir is. */
static __u64 block_of_dir(struct mount *m)
{
	struct vexfs_inode_core core = { };
	struct vexfs_fs fs = { };
	struct vexfs_inode *raw;
	struct vexfs_map map;
	struct vexfs_dev dev;
	struct file *dir;
	struct stat st;
	vx_buf *buf;

	dir = vexfs_file_open(m->image, "/dir", O_RDONLY, 0);
	assert_false(IS_ERR(dir));
	vexfs_file_stat(dir, &st);
	vexfs_file_close(dir);
	mount_close(m);
	assert_int_equal(vexfs_dev_open(&dev, m->path, O_RDONLY), 0);
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_inode_buf(&fs, st.st_ino, &buf, &raw), 0);
	vexfs_inode_load(&core, &fs, st.st_ino, raw);
	vx_brelse(buf);
	assert_int_equal(vexfs_extent_lookup(&core, 0, &map), 0);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
	return map.pblk;
}

/* Damage ends all writing, and the next mount hears of it from the log. */
static void damage(void **state)
{
	union {
		struct vexfs_super super;
		char byte[VEXFS_BLOCK_SIZE];
	} b;
	struct vexfs_dev dev;
	struct mount m;
	__u64 block;
	int round;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "/dir", 0700), 0);
	vexfs_file_close(file_open(&m, "/dir/file", "x"));
	vexfs_file_close(file_open(&m, "/other", "other"));
	block = block_of_dir(&m);
	poke(m.path, block << VEXFS_BLOCK_SHIFT | 100, "\1\2\3", 3);
	m.quiet = true;
	for (round = 0; round < 2; round++) {
		struct file *file;
		char text[8];

		mount_open(&m, 0);
		assert_int_equal(m.dev.damages, 0);
		assert_int_equal(PTR_ERR(vexfs_file_open(m.image, "/dir/file", O_RDONLY, 0)),
				 -EUCLEAN);
		assert_int_equal(m.dev.damages, 1);
		/* what is fine can be read, and nothing be written */
		file = vexfs_file_open(m.image, "/other", O_RDWR, 0);
		assert_false(IS_ERR(file));
		assert_int_equal(vexfs_file_pread(file, text, sizeof(text), 0), 5);
		assert_int_equal(vexfs_file_pwrite(file, "y", 1, 0), -EIO);
		assert_int_equal(vexfs_file_sync(file), -EIO);
		vexfs_file_close(file);
		assert_int_equal(vexfs_image_mkdir(m.image, "/d", 0700), -EIO);
		assert_int_equal(vexfs_image_sync(m.image), -EIO);
		assert_int_equal(vexfs_image_close(m.image), -EIO);
	}
	/* it says so until fsck or mkfs */
	mount_open(&m, 0);
	mount_close(&m);
	assert_int_equal(vexfs_dev_open(&dev, m.path, O_RDONLY), 0);
	assert_int_equal(vexfs_dev_read(&dev, 0, &b), 0);
	assert_int_equal(le16_to_cpu(b.super.s_state), VEXFS_STATE_ERROR);
	vexfs_dev_close(&dev);
	unlink(m.path);
}

/* Shut down as FS_IOC_SHUTDOWN has it: what was flushed is there, closing is no error. */
static void shut_down(void **state)
{
	struct file *file;
	struct mount m;
	__u32 how;

	(void)state;
	for (how = 0; how < 4; how++) {
		mount_with_collection(&m);
		assert_int_equal(vexfs_image_sync(m.image), 0);
		assert_int_equal(insert_some(&m, 1, 10, 0), 0);
		assert_int_equal(vexfs_file_ioctl(m.c, _IOR('X', 125, __u32), &how),
				 how < 3 ? 0 : -EINVAL);
		if (how < 3) {
			assert_int_equal(insert_some(&m, 20, 1, 0), -EIO);
			assert_int_equal(PTR_ERR(vexfs_file_open(m.image, "/", O_RDONLY, 0)), -EIO);
			file = m.c;
			assert_int_equal(vexfs_file_sync(file), -EIO);
		}
		mount_close(&m);
		m.quiet = true;
		mount_open(&m, 0);
		mount_open_c(&m);
		assert_int_equal(info_of(&m).live, how == 0 || how == 3 ? 10 : 0);
		mount_unmake(&m);
	}
}

static __u32 sum_of(const char *path)
{
	static __u8 buf[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	__u32 crc = ~0u;
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		crc = crc32c(crc, buf, n);
	assert_int_equal(n, 0);
	close(fd);
	return crc;
}

/* Nothing is written, neither where the log is empty nor where it is not. */
static void read_only(void **state)
{
	struct vexfs_image_info info;
	struct file *file;
	struct mount m;
	char text[16];
	bool kill;
	__u32 sum;

	(void)state;
	for (kill = false;; kill = true) {
		mount_with_collection(&m);
		assert_int_equal(insert_some(&m, 1, 100, 0), 0);
		file = file_open(&m, "/file", "some text");
		assert_int_equal(vexfs_file_sync(m.c), 0);
		vexfs_file_close(file);
		if (kill)
			mount_kill(&m);
		else
			mount_close(&m);
		sum = sum_of(m.path);

		mount_open(&m, VEXFS_IMAGE_READONLY);
		mount_open_c(&m);
		vexfs_image_info(m.image, &info);
		assert_true(info.readonly);
		assert_true(is_found(&m, 77));
		assert_int_equal(info_of(&m).live, 100);
		assert_int_equal(insert_some(&m, 200, 1, 0), -EROFS);
		assert_int_equal(delete_id(&m, 1), -EROFS);
		assert_int_equal(vexfs_image_mkdir(m.image, "/d", 0700), -EROFS);
		assert_int_equal(vexfs_image_unlink(m.image, "/file"), -EROFS);
		assert_int_equal(vexfs_image_rename(m.image, "/file", "/f"), -EROFS);
		assert_int_equal(PTR_ERR(vexfs_file_open(m.image, "/file", O_RDWR, 0)), -EROFS);
		assert_int_equal(
			PTR_ERR(vexfs_file_open(m.image, "/new", O_RDONLY | O_CREAT, 0600)),
			-EROFS);
		file = vexfs_file_open(m.image, "/file", O_RDONLY, 0);
		assert_false(IS_ERR(file));
		assert_int_equal(vexfs_file_pread(file, text, sizeof(text), 0), 9);
		assert_memory_equal(text, "some text", 9);
		assert_int_equal(vexfs_file_pwrite(file, "x", 1, 0), -EBADF);
		assert_int_equal(vexfs_file_sync(file), 0);
		vexfs_file_close(file);
		assert_int_equal(vexfs_image_sync(m.image), 0);
		mount_close(&m);
		assert_int_equal(sum_of(m.path), sum);
		mount_check(&m);
		unlink(m.path);
		if (kill)
			break;
	}
}

static void sizes(void **state)
{
	struct vexfs_image_info before, after;
	struct file *file;
	struct mount m;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	vexfs_image_info(m.image, &before);
	assert_string_equal(before.label, "image");
	assert_memory_equal(before.uuid, "an image in user", 16);
	assert_true(before.free <= before.blocks && before.free_inodes < before.inodes);
	file = file_open(&m, "/f", "x");
	assert_int_equal(vexfs_file_pwrite(file, "y", 1, 1 << 20), 1);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free_inodes, before.free_inodes - 1);
	/* two blocks of data, one of the directory, and the hole is none */
	assert_int_equal(after.free, before.free - 3);
	vexfs_file_close(file);
	assert_int_equal(vexfs_image_unlink(m.image, "/f"), 0);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free_inodes, before.free_inodes);
	assert_int_equal(after.free, before.free);
	mount_unmake(&m);
}

/* --- names --- */

static bool count(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	assert_true(len && ino && (type == DT_REG || type == DT_DIR));
	assert_null(memchr(name, '/', len));
	return ++*(unsigned int *)arg < 5000;
}

static unsigned int names_in(struct mount *m, const char *path)
{
	struct file *dir = vexfs_file_open(m->image, path, O_RDONLY | O_DIRECTORY, 0);
	unsigned int n = 0;

	assert_false(IS_ERR(dir));
	assert_int_equal(vexfs_file_list(dir, count, &n), 0);
	vexfs_file_close(dir);
	return n;
}

static void names(void **state)
{
	struct vexfs_image *i;
	struct file *file;
	struct stat st;
	struct mount m;
	char path[64], longest[VEXFS_NAME_LEN + 2];
	unsigned int n;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	i = m.image;
	assert_int_equal(vexfs_image_mkdir(i, "/a", 0750), 0);
	assert_int_equal(vexfs_image_mkdir(i, "a/b/", 02700), 0);
	assert_int_equal(vexfs_image_mkdir(i, "/a", 0700), -EEXIST);
	assert_int_equal(vexfs_image_mkdir(i, "/", 0700), -EEXIST);
	assert_int_equal(vexfs_image_mkdir(i, "/x/y", 0700), -ENOENT);
	memset(longest, 'n', sizeof(longest));
	longest[VEXFS_NAME_LEN + 1] = '\0';
	assert_int_equal(vexfs_image_mkdir(i, longest, 0700), -ENAMETOOLONG);
	longest[VEXFS_NAME_LEN] = '\0';
	assert_int_equal(vexfs_image_mkdir(i, longest, 0700), 0);
	vexfs_file_close(file_open(&m, "/a/f", "f"));
	assert_int_equal(vexfs_image_mkdir(i, "/a/f/g", 0700), -ENOTDIR);
	assert_int_equal(PTR_ERR(vexfs_file_open(i, "/a/f/", O_RDONLY, 0)), -ENOTDIR);
	assert_int_equal(PTR_ERR(vexfs_file_open(i, "/a/n/", O_RDWR | O_CREAT, 0600)), -EISDIR);
	assert_int_equal(PTR_ERR(vexfs_file_open(i, "/a", O_RDWR, 0)), -EISDIR);
	assert_int_equal(PTR_ERR(vexfs_file_open(i, "/a/f", O_RDONLY | O_DIRECTORY, 0)), -ENOTDIR);
	assert_int_equal(PTR_ERR(vexfs_file_open(i, "/a/f", O_RDWR | O_CREAT | O_EXCL, 0600)),
			 -EEXIST);
	file = vexfs_file_open(i, "/a/./b/../../a//f", O_RDONLY, 0);
	assert_false(IS_ERR(file));
	vexfs_file_stat(file, &st);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(st.st_nlink, 1);
	/* it has no name any more, but it is there */
	assert_int_equal(vexfs_image_unlink(i, "/a/f"), 0);
	assert_int_equal(vexfs_file_pread(file, path, 2, 0), 1);
	vexfs_file_close(file);

	assert_int_equal(vexfs_image_rmdir(i, "/a"), -ENOTEMPTY);
	assert_int_equal(vexfs_image_unlink(i, "/a"), -EISDIR);
	assert_int_equal(vexfs_image_rmdir(i, "/"), -EBUSY);
	assert_int_equal(vexfs_image_rmdir(i, "/a/."), -EBUSY);
	assert_int_equal(vexfs_image_rmdir(i, "/none"), -ENOENT);
	for (n = 0; n < 2000; n++) {
		snprintf(path, sizeof(path), "/a/b/name-%u", n);
		vexfs_file_close(file_open(&m, path, n % 3 ? "" : "x"));
	}
	assert_int_equal(names_in(&m, "/a/b"), 2000);
	mount_again(&m);
	i = m.image;
	assert_int_equal(names_in(&m, "/a/b"), 2000);
	assert_int_equal(names_in(&m, "/"), 2);
	for (n = 0; n < 2000; n++) {
		snprintf(path, sizeof(path), "/a/b/name-%u", n);
		assert_int_equal(vexfs_image_unlink(i, path), 0);
	}
	assert_int_equal(names_in(&m, "/a/b"), 0);
	assert_int_equal(vexfs_image_rmdir(i, "/a/b"), 0);
	assert_int_equal(vexfs_image_rmdir(i, "/a"), 0);
	mount_unmake(&m);
}

static void renames(void **state)
{
	struct vexfs_image *i;
	struct file *file;
	struct stat st;
	struct mount m;
	char text[8];

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	i = m.image;
	assert_int_equal(vexfs_image_mkdir(i, "/a", 0700), 0);
	assert_int_equal(vexfs_image_mkdir(i, "/a/b", 0700), 0);
	assert_int_equal(vexfs_image_mkdir(i, "/a/b/c", 0700), 0);
	assert_int_equal(vexfs_image_mkdir(i, "/d", 0700), 0);
	vexfs_file_close(file_open(&m, "/f", "f"));
	vexfs_file_close(file_open(&m, "/a/g", "g"));
	assert_int_equal(vexfs_image_rename(i, "/a", "/a/b/x"), -EINVAL);
	assert_int_equal(vexfs_image_rename(i, "/a", "/a/b"), -EINVAL);
	assert_int_equal(vexfs_image_rename(i, "/a/b/c", "/a"), -ENOTEMPTY);
	assert_int_equal(vexfs_image_rename(i, "/f", "/a"), -EISDIR);
	assert_int_equal(vexfs_image_rename(i, "/a", "/f"), -ENOTDIR);
	assert_int_equal(vexfs_image_rename(i, "/none", "/f"), -ENOENT);
	assert_int_equal(vexfs_image_rename(i, "/f", "/none/f"), -ENOENT);
	assert_int_equal(vexfs_image_rename(i, "/f", "/h/"), -ENOTDIR);
	assert_int_equal(vexfs_image_rename(i, "/", "/h"), -EBUSY);
	assert_int_equal(vexfs_image_rename(i, "/f", "/f"), 0);
	assert_int_equal(vexfs_image_rename(i, "/f", "/a/g"), 0);
	assert_int_equal(vexfs_image_rename(i, "/a/b", "/d"), 0);	/* over an empty one */
	assert_int_equal(vexfs_image_rename(i, "/d", "/a/e/"), 0);
	assert_int_equal(vexfs_image_rename(i, "/a/e/c", "/c"), 0);
	assert_int_equal(vexfs_image_rename(i, "/c", "/a/e"), 0);
	file = vexfs_file_open(i, "/a/g", O_RDONLY, 0);
	assert_false(IS_ERR(file));
	assert_int_equal(vexfs_file_pread(file, text, sizeof(text), 0), 1);
	assert_int_equal(text[0], 'f');
	vexfs_file_close(file);
	mount_again(&m);
	file = vexfs_file_open(m.image, "/a", O_RDONLY, 0);
	assert_false(IS_ERR(file));
	vexfs_file_stat(file, &st);
	assert_int_equal(st.st_nlink, 3);
	vexfs_file_close(file);
	assert_int_equal(names_in(&m, "/"), 1);
	assert_int_equal(names_in(&m, "/a"), 2);
	mount_unmake(&m);
}

/* --- data --- */

#define FILE_BYTES	300000u

/*
 * A file against bytes in memory: writes, truncates and reads anywhere; then once more after a
 * remount.
 */
static void data(void **state)
{
	static __u8 want[FILE_BYTES], got[FILE_BYTES], buf[FILE_BYTES];
	struct file *file;
	struct mount m;
	__u32 size = 0, round, i, n, at;

	(void)state;
	chance_seed(11);
	mount_make(&m);
	mount_open(&m, 0);
	file = file_open(&m, "/f", "");
	memset(want, 0, sizeof(want));
	for (round = 0; round < 3000; round++) {
		at = chance(FILE_BYTES - 1);
		n = 1 + chance(chance(4) ? 5000 : FILE_BYTES - at);
		n = min(n, FILE_BYTES - at);
		switch (chance(8)) {
		case 0:
			assert_int_equal(vexfs_file_truncate(file, at), 0);
			if (at < size)
				memset(want + at, 0, size - at);
			size = at;
			break;
		case 1:
		case 2:
		case 3:
			for (i = 0; i < n; i++)
				buf[i] = chance(256);
			assert_int_equal(vexfs_file_pwrite(file, buf, n, at), n);
			memcpy(want + at, buf, n);
			size = max(size, at + n);
			break;
		default:
			n = at >= size ? 0 : min(n, size - at);
			assert_int_equal(vexfs_file_pread(file, got, n, at), n);
			assert_memory_equal(got, want + at, n);
		}
		if (round % 1000 == 999) {
			vexfs_file_close(file);
			mount_again(&m);
			file = file_open(&m, "/f", NULL);
			assert_int_equal(vexfs_file_pread(file, got, sizeof(got), 0), size);
			assert_memory_equal(got, want, size);
		}
	}
	assert_int_equal(vexfs_file_pwrite(file, "x", 1, -1), -EINVAL);
	assert_int_equal(vexfs_file_pwrite(file, "x", 1, (off_t)1 << 50), -EFBIG);
	assert_int_equal(vexfs_file_truncate(file, (off_t)1 << 50), -EFBIG);
	vexfs_file_close(file);
	mount_unmake(&m);
}

static void full(void **state)
{
	static __u8 buf[1 << 20];
	struct vexfs_image_info before, after;
	struct file *file;
	struct mount m;
	ssize_t n;
	off_t at = 0;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	vexfs_file_close(file_open(&m, "/small", "x"));
	vexfs_image_info(m.image, &before);
	file = file_open(&m, "/f", "");
	while ((n = vexfs_file_pwrite(file, buf, sizeof(buf), at)) > 0)
		at += n;
	assert_int_equal(n, -ENOSPC);
	vexfs_file_close(file);
	assert_int_equal(vexfs_image_unlink(m.image, "/f"), 0);
	/* what was freed is there at once, by a commit in between */
	file = file_open(&m, "/f", "");
	for (at = 0; at < 64 << 20; at += n) {
		n = vexfs_file_pwrite(file, buf, sizeof(buf), at);
		assert_int_equal(n, sizeof(buf));
	}
	vexfs_file_close(file);
	assert_int_equal(vexfs_image_unlink(m.image, "/f"), 0);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free, before.free);
	mount_unmake(&m);
}

/*
 * Files that are open when the power fails, unlinked or not, are there or freed by the next mount.
 */
static void orphans(void **state)
{
	struct vexfs_image_info before, after;
	struct file *file;
	struct mount m;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	vexfs_file_close(file_open(&m, "/x", "x"));
	vexfs_image_info(m.image, &before);
	file = file_open(&m, "/f", "some text");
	assert_int_equal(vexfs_image_unlink(m.image, "/f"), 0);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	/* as a kill does, but that the file is open: its memory is freed by hand */
	vexfs_file_close(file);
	mount_kill(&m);
	mount_open(&m, 0);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free, before.free);
	assert_int_equal(after.free_inodes, before.free_inodes);
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),      cmocka_unit_test(wrong_files),
		cmocka_unit_test(torn_super), cmocka_unit_test(copy_for_super),
		cmocka_unit_test(read_only),
		cmocka_unit_test(damage),     cmocka_unit_test(shut_down),
		cmocka_unit_test(sizes),      cmocka_unit_test(names),
		cmocka_unit_test(renames),    cmocka_unit_test(data),
		cmocka_unit_test(full),	      cmocka_unit_test(orphans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
