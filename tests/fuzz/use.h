/* SPDX-License-Identifier: GPL-2.0 */
/* Using an image that is mounted in this process (ctl/platform/image.h), good or bad. */
#ifndef _VEXFS_FUZZ_USE_H
#define _VEXFS_FUZZ_USE_H

#include <platform/image.h>
#include <core/core.h>

/*
 * Mount what is on a device, by a descriptor of its own, quiet.  record: as in struct vexfs_dev.
 * 0, or the error, which is one that vexfs_image_mount() may give.
 */
int use_mount(const struct vexfs_dev *dev, unsigned int flags,
	      void (*record)(struct vexfs_dev *dev, __u64 block, const void *data),
	      struct vexfs_image **image);

/*
 * Read all files and directories, list and search all collections; with change: change some of
 * each, too.  The first error.
 */
int use_all(struct vexfs_image *image, bool change);

/*
 * How many errors the check finds on a device whose log is replayed in memory; -1: it is none that
 * can be read.
 */
int use_verify(const struct vexfs_dev *dev);

/*
 * vexfs_verify() on what is there: how many errors.  Prints them with FUZZ_SHOW in the environment.
 */
__u32 use_verify_fs(struct vexfs_fs *fs);

#endif /* _VEXFS_FUZZ_USE_H */
