/* SPDX-License-Identifier: GPL-2.0 */
/* Files that take the place of those with records, see heir.c. */
#ifndef _VEXFS_COLLECTION_HEIR_H
#define _VEXFS_COLLECTION_HEIR_H

#include "collection/bind.h"

struct vexfs_collection_mem;
struct vexfs_body;

struct vexfs_heirs;			/* a table of heirs, while a body is loaded */

/*
 * Loading: the table of a body whose planes are open, NULL: it has none.  Free it with kvfree().
 * ERR_PTR: -EUCLEAN after a line in the log, -EIO, -ENOMEM, -EINTR.
 */
struct vexfs_heirs *vexfs_heirs_load(struct vexfs_body *b);
/* Who has the records of a file now: itself, or the last of its heirs. */
void vexfs_heirs_find(const struct vexfs_heirs *heirs, const struct vexfs_file_id *id,
		      struct vexfs_file_id *now);
/* Loading, all records entered: how entries of the table lead to the files that are there. */
void vexfs_heirs_link(const struct vexfs_heirs *heirs, struct vexfs_body *b);
/*
 * Compaction, all locks held: a table of what the records of this body need, in a new orphan; or
 * none.  -ENOSPC, -EIO, -ENOMEM.
 */
int vexfs_heirs_write(struct vexfs_collection_mem *c, struct vexfs_body *b);

/* --- a rename, as the filesystem tells of it --- */

/* A rename over a file, while it is under way. */
struct vexfs_inheritance {
	struct inode *replaced, *heir;
	/* of the collection, a reference; NULL: nothing is inherited */
	struct inode *dir;
	struct vexfs_collection_mem *c;	/* a reference, and its lock is held */
	vx_buf *bh;			/* block of the table that will be changed */
	u32 entry;			/* of the table */
	bool again;			/* it is there, and leads to `replaced` */
};
#define VEXFS_INHERIT_CREDITS	1
/*
 * `heir` will be renamed over `replaced`, in the directory dir, i_rwsem of all three held: see
 * whether there are records that it inherits, which the caller may read, and make room for that.
 * Loads the collection.  Outside transactions; vexfs_inherit_end() after 0, outside them too.
 * -EXDEV: the heir has names elsewhere; -ENOSPC, -EIO, -EUCLEAN, -ENOMEM, -EINTR.
 */
int vexfs_inherit_begin(struct mnt_idmap *idmap, struct vexfs_inheritance *h,
			struct inode *replaced, struct inode *heir, struct inode *dir);
/* In the transaction: before anything is changed, and then the change, before `heir` is logged. */
int vexfs_inherit_access(vx_txn *handle, struct vexfs_inheritance *h);
int vexfs_inherit_log(vx_txn *handle, struct vexfs_inheritance *h);
void vexfs_inherit_end(struct vexfs_inheritance *h);

#endif /* _VEXFS_COLLECTION_HEIR_H */
