// SPDX-License-Identifier: GPL-2.0
/* vexctl doctor: filesystems, those that are mounted and the one that was named. */
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include <platform/log.h>
#include <platform/verify.h>
#include "vexctl/doctor.h"
#include "vexctl/refusal.h"

/* A collection or not: after an error that ended all writing, the answer is EIO. */
static bool stopped(const char *target)
{
	struct vexfs_ioc_info info;
	int fd = vexfs_open(target), err;

	if (fd < 0)
		return false;
	err = vexfs_info(fd, &info);
	vexfs_close(fd);
	return err == -EIO;
}

static bool is_fuse(struct libmnt_fs *fs)
{
	return !strcmp(mnt_fs_get_fstype(fs), "fuse.vexfs");
}

static void check_mount(struct checks *c, struct libmnt_fs *fs)
{
	const char *target = mnt_fs_get_target(fs), *source = mnt_fs_get_source(fs),
		   *super = mnt_fs_get_fs_options(fs);
	struct statvfs st;
	char name[64];
	int err;

	snprintf(name, sizeof(name), "mount %.56s", target);
	err = statvfs(target, &st) ? errno : 0;
	if (is_fuse(fs) && (err == ENOTCONN || err == ECONNABORTED))
		check(c, CHECK_FAIL, name, "unmount it with `fusermount3 -u`, and mount it again",
		      "%s: its vexfs-fuse has ended", source);
	else if (is_fuse(fs) && err == EACCES)
		check(c, CHECK_OK, name, "-o allow_other lets others look", "%s, of another user", source);
	else if (err)
		check(c, CHECK_FAIL, name, "see the kernel log (dmesg)", "%s: %s", source,
		      strerror(err));
	else if (stopped(target))
		check(c, CHECK_FAIL, name,
		      "see the kernel log (dmesg), unmount it and run fsck.vexfs",
		      "%s, stopped by an error or a shutdown: nothing more is written", source);
	else if (super && mnt_optstr_get_option(super, "ro", NULL, NULL) == 0)
		check(c, CHECK_WARN, name,
		      "if nobody asked for that, see the kernel log (dmesg): it may have found damage",
		      "%s, read-only", source);
	else if (st.f_bfree < st.f_blocks / 50)
		check(c, CHECK_WARN, name, "delete something, or move to a larger device",
		      "%s, less than 2 %% free", source);
	else if (st.f_ffree < st.f_files / 50)
		check(c, CHECK_WARN, name, "delete files, or move to a larger device",
		      "%s, less than 2 %% of its inodes free", source);
	else
		check(c, CHECK_OK, name, NULL, "%s, %.0f %% free", source,
		      st.f_blocks ? 100.0 * st.f_bfree / st.f_blocks : 0);
}

void check_mounts(struct checks *c)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (table && iter && !mnt_table_next_fs(table, iter, &fs)) {
		const char *type = mnt_fs_get_fstype(fs);

		if (type && (!strcmp(type, "vexfs") || is_fuse(fs)) && mnt_fs_get_target(fs) &&
		    mnt_fs_get_source(fs))
			check_mount(c, fs);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
}

/* A program in one of the usual places. */
static bool is_installed(const char *name)
{
	static const char *const dirs[] = { "/usr/bin", "/bin", "/usr/sbin", "/sbin",
					    "/usr/local/bin", "/usr/local/sbin" };
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* Whoever has the module needs none of it, and who attaches images needs neither. */
void check_fuse(struct checks *c)
{
	if (access("/dev/fuse", F_OK))
		check(c, CHECK_OK, "fuse", "`modprobe fuse`, or give the container /dev/fuse",
		      "/dev/fuse is not there: vexfs-fuse mounts nothing; images work without a mount");
	else if (access("/dev/fuse", R_OK | W_OK))
		check(c, CHECK_OK, "fuse", "see who may open it",
		      "/dev/fuse is not for this user: vexfs-fuse mounts nothing");
	else if (geteuid() && !is_installed("fusermount3"))
		check(c, CHECK_OK, "fuse", "install fuse3",
		      "there is no fusermount3, and without it only root mounts by vexfs-fuse");
	else
		check(c, CHECK_OK, "fuse", NULL, "vexfs-fuse can mount without the module");
}

/* What libblkid, and with it lsblk, udev and `mount -t auto`, takes the device for. */
static void check_blkid(struct checks *c, int fd, const char *path)
{
	char type[64];

	if (blkid_type(fd, type, sizeof(type))) {
		check(c, CHECK_WARN, "blkid", NULL, "cannot look at %s", path);
		return;
	}
	if (*type && strcmp(type, "vexfs"))
		check(c, CHECK_WARN, "blkid",
		      "another signature is left on it: `mount -t vexfs` works, guessing the type does not",
		      "takes it for %s", type);
	else if (*type)
		check(c, CHECK_OK, "blkid", NULL, "knows it as vexfs");
	else
		check(c, CHECK_OK, "blkid",
		      "in fstab write the type vexfs and the device as /dev/... or PARTUUID=, not UUID= or LABEL=",
		      "this libblkid does not know VexFS yet (8 bytes \"VexFS\" 0 0 1 at offset 0)");
}

static void check_super(struct checks *c, struct vexfs_dev *dev, const char *path)
{
	static union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} b;
	char uuid[UUID_STR_LEN];
	const char *why = "";
	int err;

	err = vexfs_dev_read(dev, 0, &b);
	if (err) {
		check(c, CHECK_FAIL, "superblock",
		      "see the kernel log (dmesg), and check the drive", "%s: %s", path,
		      strerror(-err));
		return;
	}
	err = vexfs_super_check(&b.s, dev->blocks, &why);
	if (err && le64_to_cpu(b.s.s_magic) != VEXFS_MAGIC) {
		check(c, CHECK_FAIL, "superblock", "if nothing on it is wanted: mkfs.vexfs",
		      "%s holds no VexFS", path);
		return;
	}
	if (err == -ENXIO) {
		check(c, CHECK_FAIL, "superblock",
		      "it is whole, but the rest of it is not on the device", VEXFS_SHORT_DEVICE,
		      dev->blocks << VEXFS_BLOCK_SHIFT,
		      le64_to_cpu(b.s.s_blocks) << VEXFS_BLOCK_SHIFT);
		return;
	}
	if (err && err != -EROFS) {
		check(c, CHECK_FAIL, "superblock",
		      "fsck.vexfs says more; a mount may still find a copy of it", "%s: %s", path,
		      why);
		return;
	}
	uuid_unparse_lower(b.s.s_uuid, uuid);
	check(c, err ? CHECK_WARN : CHECK_OK, "superblock",
	      err ? "this version can only read it: mount -o ro" : NULL,
	      "version %u, %llu MiB, label '%.32s', uuid %s%s%s", le32_to_cpu(b.s.s_version),
	      le64_to_cpu(b.s.s_blocks) >> (20 - VEXFS_BLOCK_SHIFT), b.s.s_label, uuid,
	      err ? "; " : "", err ? why : "");
	if (le16_to_cpu(b.s.s_state) & VEXFS_STATE_ERROR)
		check(c, CHECK_WARN, "state", "unmount it and run fsck.vexfs",
		      "the kernel has found damage in it");
	err = vexfs_log_pending(dev, &b.s);
	if (err > 0)
		check(c, CHECK_OK, "log", "a mount does that",
		      "has transactions to replay: it is mounted, or was not unmounted");
	else if (err < 0)
		check(c, CHECK_FAIL, "log", "unmount it and run fsck.vexfs", "cannot be read: %s",
		      strerror(-err));
	else
		check(c, CHECK_OK, "log", NULL, "empty");
}

static void check_device(struct checks *c, const char *path)
{
	struct vexfs_dev dev;
	int err = vexfs_dev_open(&dev, path, O_RDONLY);

	if (err) {
		check(c, CHECK_FAIL, "device",
		      err == -EACCES ? "run it as root" : "see the name: lsblk", "%s: %s", path,
		      strerror(-err));
		return;
	}
	check_super(c, &dev, path);
	check_blkid(c, dev.fd, path);
	vexfs_dev_close(&dev);
}

static void check_dir(struct checks *c, const char *path)
{
	struct vexfs_ioc_info info;
	int fd, err;

	fd = vexfs_open(path);
	err = fd < 0 ? fd : vexfs_info(fd, &info);
	if (fd >= 0)
		vexfs_close(fd);
	if (err == -ENOTTY)
		check(c, CHECK_FAIL, "directory", "mount the device there: vexctl mount DEVICE DIR",
		      "%s is not on a VexFS", path);
	else if (err == -ENODATA)
		check(c, CHECK_OK, "directory", NULL, "%s is on a VexFS, and no collection", path);
	else if (err)
		check(c, CHECK_FAIL, "collection", NULL, "%s: %s", path,
		      vexfs_strerror_for(fd < 0 ? VEXFS_OP_OPEN : VEXFS_OP_INFO, err));
	else
		check(c, CHECK_OK, "collection", NULL, "%s: %llu records of %u dimensions", path,
		      info.live, info.dims);
}

void check_path(struct checks *c, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		check(c, CHECK_FAIL, "device", "see the name: lsblk, findmnt", "%s: %s", path,
		      strerror(errno));
	else if (S_ISDIR(st.st_mode))
		check_dir(c, path);
	else if (S_ISBLK(st.st_mode) || S_ISREG(st.st_mode))
		check_device(c, path);
	else
		check(c, CHECK_FAIL, "device",
		      "name a block device, an image of one, or a directory", "%s is none of these",
		      path);
}
