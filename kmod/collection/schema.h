/* SPDX-License-Identifier: GPL-2.0 */
/* The collection block, see schema.c. */
#ifndef _VEXFS_COLLECTION_SCHEMA_H
#define _VEXFS_COLLECTION_SCHEMA_H

#include "collection/platform.h"

struct vexfs_collection_mem;

static inline struct vexfs_collection *vexfs_schema_raw(vx_buf *bh)
{
	return vx_data(bh);
}

/* See ioctl.h; the caller has checked permissions and holds mnt_want_write. */
int vexfs_collection_create(struct inode *dir, const struct vexfs_ioc_create *arg);
/*
 * All that can be said about a collection block alone, that of this directory.  NULL, or what is
 * wrong.
 */
const char *vexfs_schema_check(const struct vexfs_fs *fs, u64 ino, u32 generation, u64 block,
			       const struct vexfs_collection *raw);
/*
 * The collection block of a directory, verified.  ERR_PTR: -EUCLEAN after a line in the log, -EIO.
 */
vx_buf *vexfs_schema_read(struct inode *dir, u64 block);
/* 0, or -EOPNOTSUPP: fine on disk, but this module does not know it. */
int vexfs_schema_supported(const struct vexfs_collection *raw);
/*
 * Same for a loaded collection.  With access taken in a transaction it may be changed under
 * commit_lock; stamp, then dirty.
 */
vx_buf *vexfs_collection_block(struct vexfs_collection_mem *c);
void vexfs_collection_stamp(struct vexfs_collection_mem *c, vx_buf *bh);
/* A change of the block in a transaction of its own, which may do more.  commit_lock held. */
struct vexfs_schema_change {
	struct vexfs_collection_mem *c;
	struct vexfs_collection *raw;	/* to be changed */
	vx_txn *handle;
	vx_buf *bh;
};
/* credits: of blocks besides this one.  After an error nothing is held. */
int vexfs_schema_begin(struct vexfs_schema_change *s, struct vexfs_collection_mem *c, int credits);
/* err: raw was not changed; it is returned.  Else the block is stamped and logged. */
int vexfs_schema_end(struct vexfs_schema_change *s, int err);
/*
 * Planes open, nobody changes anything: free the collection block and, with their last iput(), the
 * planes.  The directory is a plain one then, that belongs to the collection `outer` (0: none).
 */
int vexfs_schema_drop(struct vexfs_collection_mem *c, u64 outer);

#endif /* _VEXFS_COLLECTION_SCHEMA_H */
