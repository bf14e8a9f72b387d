/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots, see snapshot.c. */
#ifndef _VEXFS_COLLECTION_SNAPSHOT_H
#define _VEXFS_COLLECTION_SNAPSHOT_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;
struct vexfs_reader;

/* A snapshot of a body, see snapshot.c. */
struct vexfs_snapshot_mem {
	refcount_t refs;		/* one is the body's */
	char name[VEXFS_SNAPSHOT_NAME_LEN];
	u64 time;			/* seconds since 1970 */
	struct inode *dead;		/* a reference: its dead bitmap */
	struct mutex lock;		/* reading that */
	/* set last by reading it: as_of.live and as_of.dead are there */
	bool loaded;
	struct vexfs_asof as_of;
};

/* What is wrong with the snapshots of a collection block, as far as it tells; or NULL. */
const char *vexfs_snapshots_check(const struct vexfs_collection *raw);
/* Those of a block that was checked.  -EUCLEAN, -EIO, -ENOMEM; close whatever is returned. */
int vexfs_snapshots_open(struct vexfs_body *b, const struct vexfs_collection *raw);
void vexfs_snapshots_close(struct vexfs_body *b);	/* with the body */
u64 vexfs_snapshots_bytes(struct vexfs_collection_mem *c);
/* See ioctl.h; the caller holds mnt_want_write.  name: terminated. */
int vexfs_snapshot_take(struct vexfs_collection_mem *c, const char *name);
int vexfs_snapshot_forget(struct vexfs_collection_mem *c, const char *name);
/* All of them, oldest first; how many, or an error. */
int vexfs_snapshot_infos(struct vexfs_collection_mem *c, struct vexfs_snapshot_info *info);
/*
 * A snapshot, ready to be searched, and the body that it is of, with references.  Outside locks;
 * puts too.  ERR_PTR: -ENOENT, -EUCLEAN, -EIO, -ENOMEM, -EINTR.
 */
struct vexfs_snapshot_mem *vexfs_snapshot_get(struct vexfs_collection_mem *c, const char *name,
					      struct vexfs_body **b);
void vexfs_snapshot_put(struct vexfs_snapshot_mem *s);	/* NULL is fine */
/*
 * The slot that had an id, by looking at all of them: one that the reader may not see takes as long
 * as none.  -ENOENT, -EINTR.
 */
int vexfs_snapshot_find(const struct vexfs_snapshot_mem *s, const struct vexfs_body *b,
			struct vexfs_reader *reader, u64 id, u64 *slot);

/*
 * A new one of so many slots, of those `live` by `dead` (kvmalloc(), which it takes over); NULL: no
 * memory.
 */
struct vexfs_snapshot_mem *vexfs_snapshot_new(const char *name, u64 time, u64 count, u64 *dead);
/* Read the bits of all of them; snapshots_lock held.  -EUCLEAN, -EIO, -ENOMEM, -EINTR. */
int vexfs_snapshots_load(struct vexfs_body *b);

#endif /* _VEXFS_COLLECTION_SNAPSHOT_H */
