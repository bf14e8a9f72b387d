/* SPDX-License-Identifier: GPL-2.0 */
/* Is a device or an image mounted by the kernel, or has somebody else it open? */
#ifndef _VEXFS_MOUNTED_H
#define _VEXFS_MOUNTED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * Is what st is mounted in this namespace, itself or, a file, behind a loop device?  0 no, 1
 * read-only, 2 writable; where into target, cut to size.
 */
int vexfs_mounted(const struct stat *st, char *target, size_t size);

/* Does this backing_file of a loop device, in sysfs, name the file that st is? */
bool vexfs_is_backing(const char *path, const struct stat *st);

/* vexfs_dev_lock(), without waiting for who is about to let go of it. */
struct vexfs_dev;
int vexfs_dev_trylock(struct vexfs_dev *dev, bool shared);

#endif /* _VEXFS_MOUNTED_H */
