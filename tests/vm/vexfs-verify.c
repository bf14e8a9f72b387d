// SPDX-License-Identifier: GPL-2.0
/*
 * vexfs-verify IMAGE
 * Check a filesystem that is not mounted.  Prints each problem.  Exit code: 0 all is well, 1 problems, 2 it could
 * not be checked, 3 the log is not empty: mount it first.
 */
#include <fcntl.h>
#include <stdarg.h>

#include <platform/verify.h>

static void report(void *arg, const char *fmt, ...)
{
	va_list ap;

	printf("%s: ", (const char *)arg);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

int main(int argc, char **argv)
{
	static union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super super;
	} b;
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	const char *why;
	int err;

	if (argc != 2) {
		fputs("usage: vexfs-verify IMAGE\n", stderr);
		return 2;
	}
	err = vexfs_dev_open(&dev, argv[1], O_RDONLY);
	if (!err)
		err = vexfs_dev_read(&dev, 0, &b);
	if (err) {
		fprintf(stderr, "vexfs-verify: %s: %s\n", argv[1], strerror(-err));
		return 2;
	}
	err = vexfs_super_check(&b.super, dev.blocks, &why);
	if (err && err != -EROFS) {
		fprintf(stderr, "vexfs-verify: %s: %s\n", argv[1], why);
		return err == -EUCLEAN ? 1 : 2;
	}
	err = vexfs_log_pending(&dev, &b.super);
	if (err > 0) {
		fprintf(stderr, "vexfs-verify: %s: the log is not empty; mount it first\n", argv[1]);
		return 3;
	}
	if (!err)
		err = vexfs_super_read(&fs, &dev, dev.blocks);
	if (err) {
		fprintf(stderr, "vexfs-verify: %s: %s\n", argv[1], strerror(-err));
		return err == -EUCLEAN ? 1 : 2;
	}
	err = vexfs_verify(&fs, report, argv[1]);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
	if (err < 0) {
		fprintf(stderr, "vexfs-verify: %s: %s\n", argv[1], strerror(-err));
		return 2;
	}
	printf("%s: %d problems\n", argv[1], err);
	return err ? 1 : 0;
}
