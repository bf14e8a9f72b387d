/* SPDX-License-Identifier: GPL-2.0 */
/* Files that an insert binds records to, see target.c. */
#ifndef _VEXFS_COLLECTION_TARGET_H
#define _VEXFS_COLLECTION_TARGET_H

#include "collection/bind.h"

struct vexfs_body;

/* A file that an insert binds to. */
struct vexfs_target {
	struct inode *inode;		/* a reference, and one of its `binding` */
	u64 change;			/* i_data_change to remember */
	struct vexfs_bound_file *file;	/* from vexfs_binds_enter() on */
};
struct vexfs_binds {
	const struct vexfs_bind *bind;	/* of each record, kvfree() */
	struct vexfs_target **target;	/* of each record, NULL: not bound */
	struct xarray by_ino;		/* every target once; to be initialised */
};
/*
 * Find the files of n binds, and keep them in the collection dir.  vexfs_binds_close() whatever is
 * returned; before, only by_ino and bind need be set.  Errors of ioctl.h, *bad; -EINTR, -ENOMEM,
 * those of transactions.  No lock held.
 */
int vexfs_binds_open(struct inode *dir, u32 n, struct vexfs_binds *b, __u64 *bad);
void vexfs_binds_close(struct vexfs_binds *b);
/* Entries for all targets; c->lock held.  -ENOMEM. */
int vexfs_binds_enter(struct vexfs_body *b, struct vexfs_binds *binds);

#endif /* _VEXFS_COLLECTION_TARGET_H */
