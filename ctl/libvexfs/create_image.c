// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs: new images.  One is made under another name, and gets its own when all of it is on the
 * disk: whoever is interrupted leaves nothing that looks like an image.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <kernel-user.h>
#include <platform/mkfs.h>
#include <vexfs/vexfs.h>

/* The names of a directory are on the disk. */
static int sync_names(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, err;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err == -EINVAL ? 0 : err; /* some filesystems have no such thing */
}

/* Room for the log, which making it has left a hole: no attach of it lacks that. */
static int allocate_log(struct vexfs_dev *dev, const struct vexfs_super *super)
{
	int err;

	dev->sparse = true;
	err = vexfs_dev_allocate(dev, le64_to_cpu(super->s_journal_start),
				 le32_to_cpu(super->s_journal_blocks));
	return err ? err : vexfs_dev_sync(dev);
}

/* A file of this size, with a filesystem. */
static int fill(const char *path, __u64 bytes, const struct vexfs_mkfs_opts *opts)
{
	struct vexfs_super super;
	struct vexfs_dev dev;
	int err;

	if (truncate(path, bytes))
		return -errno;
	err = vexfs_dev_open(&dev, path, O_RDWR);
	if (err)
		return err;
	err = vexfs_mkfs(&dev, opts, &super);
	if (!err)
		err = allocate_log(&dev, &super);
	vexfs_dev_close(&dev);
	return err;
}

int vexfs_create_image(const char *image, __u64 bytes)
{
	struct vexfs_mkfs_opts opts = { .uid = geteuid(), .gid = getegid() };
	struct stat st;
	char path[PATH_MAX];
	__u64 random;
	int fd, err;

	if (bytes < (__u64)VEXFS_MIN_BLOCKS << VEXFS_BLOCK_SHIFT ||
	    bytes > (__u64)VEXFS_MAX_BLOCKS << VEXFS_BLOCK_SHIFT)
		return -EINVAL;
	if (!lstat(image, &st)) /* soon, and not after all the work */
		return -EEXIST;
	generate_random_uuid(opts.uuid);
	get_random_bytes(&random, sizeof(random));
	if (snprintf(path, sizeof(path), "%s.%016llx", image, (unsigned long long)random) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	close(fd);
	err = fill(path, bytes & -(__u64)VEXFS_BLOCK_SIZE, &opts);
	/* unlike rename(2) that replaces nothing */
	if (!err && link(path, image))
		err = -errno;
	if (unlink(path) && !err)
		err = -errno;
	return err ? err : sync_names(image);
}
