// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl mount: why the kernel has refused.  An errno of mount(2) says little, and where its words
 * go depends on who called it; so the device is looked at from here, and the options are shown to
 * the kernel once more, one by one.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <platform/verify.h>
#include "vexctl/refusal.h"
#include "vexctl/vexctl.h"

int blkid_type(int fd, char *buf, size_t size)
{
	blkid_probe pr = blkid_new_probe();
	const char *type = "";

	*buf = 0;
	if (!pr || blkid_probe_set_device(pr, fd, 0, 0)) {
		blkid_free_probe(pr);
		return -1;
	}
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(pr, 1);
	if (blkid_do_safeprobe(pr) == 0 && blkid_probe_lookup_value(pr, "TYPE", &type, NULL) &&
	    !blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
		type = "partitions";
	snprintf(buf, size, "%s", type);
	blkid_free_probe(pr);
	return 0;
}

/* --- the device --- */

static void no_vexfs(char *buf, size_t size, int fd)
{
	char type[64];

	if (blkid_type(fd, type, sizeof(type)) || !*type || !strcmp(type, "vexfs"))
		snprintf(buf, size,
			 "holds no VexFS; if nothing on it is wanted, format it with `vexctl mkfs`");
	else if (!strcmp(type, "partitions"))
		snprintf(buf, size, "holds partitions and no VexFS; give one of them, see lsblk");
	else
		snprintf(buf, size, "holds %s and no VexFS; is it the device you mean? see lsblk",
			 type);
}

/* False: what is there can be mounted, as far as one look tells; and nothing was written to buf. */
static bool blame_device(char *buf, size_t size, const char *device, const char *options)
{
	bool loop = options && !mnt_optstr_get_option(options, "loop", NULL, NULL);
	static union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} b;
	const char *why = "";
	struct vexfs_dev dev;
	bool blamed = true;
	struct stat st;
	int err;

	if (stat(device, &st))
		return false;
	if (!S_ISBLK(st.st_mode) && !(loop && S_ISREG(st.st_mode))) {
		snprintf(buf, size, S_ISREG(st.st_mode) ?
			 "is a file, not a block device; if it is the image of one, mount it with -o loop" :
			 "not a block device; give the partition, like /dev/sdb1");
		return true;
	}
	if (vexfs_dev_open(&dev, device, O_RDONLY))
		return false;
	err = vexfs_dev_read(&dev, 0, &b);
	if (!err)
		err = vexfs_super_check(&b.s, dev.blocks, &why);
	if (err == -EINVAL)
		no_vexfs(buf, size, dev.fd);
	else if (err == -ENXIO)
		snprintf(buf, size, VEXFS_SHORT_DEVICE, dev.blocks << VEXFS_BLOCK_SHIFT,
			 le64_to_cpu(b.s.s_blocks) << VEXFS_BLOCK_SHIFT);
	else if (err == -EOPNOTSUPP)
		snprintf(buf, size, "made by a newer VexFS (%s); use that version's module", why);
	else if (err == -EIO)
		snprintf(buf, size,
			 "cannot be read; see the kernel log (dmesg), and check the drive");
	else
		blamed = false;
	vexfs_dev_close(&dev);
	return blamed;
}

/* --- the options --- */

/* What the kernel says about the last call, from the log of a filesystem context. */
static void context_says(int fd, char *buf, size_t size)
{
	ssize_t n = read(fd, buf, size - 1);
	char *text;

	buf[n > 0 ? n : 0] = 0;
	buf[strcspn(buf, "\n")] = 0;
	text = strstr(buf, "vexfs: ");	/* behind the severity */
	if (text)
		memmove(buf, text + 7, strlen(text + 7) + 1);
}

/* The options that are the filesystem's own, in the order given; the first one that it refuses. */
static bool blame_option(char *buf, size_t size, const char *options)
{
	char *own = NULL, *at, *name, *value, said[256], word[128];
	size_t len, value_len;
	bool blamed = false;
	int fd;

	if (!options || mnt_split_optstr(options, NULL, NULL, &own, 0, 0) || !own)
		return false;
	fd = fsopen("vexfs", FSOPEN_CLOEXEC);
	at = own;
	while (fd >= 0 && !blamed &&
	       !mnt_optstr_next_option(&at, &name, &len, &value, &value_len)) {
		char *key = strndup(name, len), *v = value ? strndup(value, value_len) : NULL;

		if (key && (v || !value) &&
		    fsconfig(fd, v ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, v, 0)) {
			blamed = true;
			context_says(fd, said, sizeof(said));
			snprintf(word, sizeof(word), "%.60s%s%.60s", key, v ? "=" : "", v ? v : "");
			if (!strncmp(said, "Unknown", 7) || !*said)
				snprintf(buf, size,
					 "VexFS has no option '%s'; see `vexctl mount --help`",
					 word);
			else
				snprintf(buf, size,
					 "the option '%s' is refused: %s; see `vexctl mount --help`",
					 word, said);
		}
		free(key);
		free(v);
	}
	if (fd >= 0)
		close(fd);
	free(own);
	return blamed;
}

/* --- in use --- */

static void who_uses(char *buf, size_t size, const char *device)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_BACKWARD);
	const char *target = NULL;
	struct libmnt_fs *fs;
	struct stat st;

	while (table && iter && !target && !stat(device, &st) &&
	       !mnt_table_next_fs(table, iter, &fs))
		if (S_ISBLK(st.st_mode) && mnt_fs_get_devno(fs) == st.st_rdev)
			target = mnt_fs_get_target(fs);
	if (target)
		snprintf(buf, size,
			 "is mounted already, on %s; another mount of it must be on another directory, "
			 "and for writing or not as that one is", target);
	else
		snprintf(buf, size,
			 "the device is in use by something else, or the directory is; see lsblk and `findmnt`");
	mnt_free_iter(iter);
	mnt_unref_table(table);
}

const char *why_refused(char *buf, size_t size, int err, const char *device, const char *dir,
			const char *options)
{
	const char *why = strerror(err), *what = device;
	struct stat st;

	switch (err) {
	case ENODEV:
		why = "the kernel does not know vexfs; load the module with `modprobe vexfs`";
		break;
	case EPERM:
		why = "not permitted; run it as root";
		break;
	case EBUSY:
		who_uses(buf, size, device);
		return what;
	case ENOENT:
		what = stat(dir, &st) ? dir : device;
		why = what == dir ? "no such directory to mount it on; make it" :
				    "no such device; see lsblk";
		break;
	case ENOTDIR:
		what = dir;
		why = "the mount point is not a directory; give one";
		break;
	default:
		if (blame_device(buf, size, device, options) || blame_option(buf, size, options))
			return what;
		if (err == EUCLEAN)
			why = "the filesystem is damaged; see the kernel log (dmesg), and restore from a backup what "
			      "fsck.vexfs does not find whole";
		else if (err == EROFS || err == EACCES)
			why = "the device is write-protected, or the filesystem has features that this module can only "
			      "read; mount it with -o ro";
		else if (err == EINVAL)
			why = "the kernel refuses it, though there is a VexFS; see the kernel log (dmesg)";
	}
	snprintf(buf, size, "%s", why);
	return what;
}
