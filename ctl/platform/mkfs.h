/* SPDX-License-Identifier: GPL-2.0 */
/* Making a filesystem: the part of mkfs.vexfs that the tests use too. */
#ifndef _VEXFS_MKFS_H
#define _VEXFS_MKFS_H

#include <core/core.h>

struct vexfs_mkfs_opts {
	const char *label;		/* at most 32 bytes, NULL: none */
	__u8 uuid[16];
	/* VEXFS_MIN_JOURNAL .. VEXFS_MAX_JOURNAL, 0: choose by size */
	__u32 journal_blocks;
	__u32 uid, gid;			/* whose the root directory is */
};

/*
 * Write an empty filesystem that covers dev.  The superblock goes last, after everything else is on
 * the device, and the old one goes first: an interrupted mkfs leaves nothing that mounts.
 * Returns 0; before anything was written: -EINVAL (size of the device or of the log), -ENOSPC (the
 * log leaves no room for data), -ENAMETOOLONG (label); otherwise the error of a write, -ENOSPC if the
 * disk that a sparse file is on is full.  *out: the
 * superblock as written, may be NULL.
 */
int vexfs_mkfs(struct vexfs_dev *dev, const struct vexfs_mkfs_opts *opts, struct vexfs_super *out);
/* An empty root directory, its own parent, of generation 1; without a checksum. */
void vexfs_mkfs_root(struct vexfs_inode *root, __u64 now);

#endif /* _VEXFS_MKFS_H */
