/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the check share. */
#ifndef _VEXFS_VERIFY_PRIV_H
#define _VEXFS_VERIFY_PRIV_H

#include "verify.h"

/* What is known of an inode. */
struct found {
	bool used, orphan, rooted, hidden_ok;
	__u16 mode;
	__u32 flags, generation, parent_generation;
	__u32 nlink, names, subdirs;
	__u64 parent, next_orphan, collection, data_change;
	__u64 holder;			/* directory with the last name seen */
};

struct verify {
	struct vexfs_fs *fs;
	struct vexfs_dev *dev;
	const struct vexfs_verify_opts *opts;
	struct vexfs_verify_counts *n;
	__u8 *owned;			/* a bit for each block of the initialised groups */
	struct found **group;		/* of the inodes of each initialised group */
	__u64 free_blocks, free_inodes;	/* counted */
	/* the inode that is being looked at */
	struct vexfs_inode_core c;
	__u64 claimed;
	__u64 done;			/* inodes that were passed, in all passes */
	/* collections: */
	struct super_block *sb;		/* as they see it */
	char said[512];			/* the last line that loading one said */
	__u64 gone;			/* records of the collection whose file is gone */
};

#define problem(v, nr, ...) ((v)->opts->report((v)->opts->arg, nr, __VA_ARGS__))

static inline unsigned long long ull(__u64 v)
{
	return v;
}

/* NULL: it has none, or is in a group that was never used. */
struct found *verify_found(struct verify *v, __u64 ino);
/* Something the core has refused: it has said why.  0, or an error that ends the check. */
int verify_damaged(struct verify *v, int err, enum vexfs_finding nr, const char *what, __u64 ino);
/* Tell how far it is.  -EINTR: the caller wants an end. */
int verify_step(struct verify *v, const char *what, __u64 done, __u64 total);
/*
 * An inode that is a collection: it is loaded, and each of its records is looked at.  Between the
 * other two.
 */
int verify_collection(struct verify *v, __u64 ino);
int verify_collections_begin(struct verify *v);	/* -ENOMEM, -EIO, -EUCLEAN */
void verify_collections_end(struct verify *v);

#endif /* _VEXFS_VERIFY_PRIV_H */
