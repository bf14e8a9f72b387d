/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The extent tree as its two files see it: extent_tree.c holds its nodes, and finds, splits and
 * walks them; extent.c changes what is in them.  Lock: vexfs_inode_core.lock, as core.h says.
 */
#ifndef _VEXFS_CORE_EXTENT_TREE_H
#define _VEXFS_CORE_EXTENT_TREE_H

#include "core.h"

/* A node on the way from the root to a leaf, and where the way goes on. */
struct level {
	vx_buf *buf;			/* NULL: the root */
	/* entries; of an inner node they are struct vexfs_extent_index */
	struct vexfs_extent *x;
	unsigned int n, cap;
	/* inner node: the entry that was followed.  Leaf: the first extent past lblk */
	unsigned int at;
	__u32 lo;			/* bounds of the keys: lo <= key < hi */
	__u64 hi;
};

/* The way to a leaf.  It holds the buffers of all nodes but the root. */
struct vexfs_path {
	unsigned int depth;		/* level[0] is the root, level[depth] the leaf */
	struct level level[VEXFS_EXTENT_DEPTH + 1];
};

/* The first logical block of an extent, and the key of an entry of an inner node. */
static inline __u32 x_lblk(const struct vexfs_extent *x)
{
	return le32_to_cpu(x->e_lblk);
}

/* Blocks of an extent. */
static inline __u32 x_len(const struct vexfs_extent *x)
{
	return le32_to_cpu(x->e_len) & VEXFS_EXTENT_LEN_MASK;
}

/* Are the blocks of an extent allocated and not written yet? */
static inline bool x_unwritten(const struct vexfs_extent *x)
{
	return le32_to_cpu(x->e_len) & VEXFS_EXTENT_UNWRITTEN;
}

/* The first logical block behind an extent. */
static inline __u64 x_end(const struct vexfs_extent *x)
{
	return (__u64)x_lblk(x) + x_len(x);
}

/* The first block of an extent on the device; of an entry of an inner node, the child. */
static inline __u64 x_pblk(const struct vexfs_extent *x)
{
	return le64_to_cpu(x->e_pblk);
}

/* Fill either kind of entry; one of an inner node has the length 0 and is not unwritten. */
static inline void x_set(struct vexfs_extent *x, __u32 lblk, __u32 len, __u64 pblk, bool unwritten)
{
	x->e_lblk = cpu_to_le32(lblk);
	x->e_len = cpu_to_le32(len | (unwritten ? VEXFS_EXTENT_UNWRITTEN : 0));
	x->e_pblk = cpu_to_le64(pblk);
}

/* The leaf at the end of a path. */
static inline struct level *path_leaf(struct vexfs_path *p)
{
	return &p->level[p->depth];
}

/* The extent that covers lblk, NULL: a hole. */
static inline struct vexfs_extent *leaf_covers(const struct level *l, __u32 lblk)
{
	return l->at && lblk < x_end(l->x + l->at - 1) ? l->x + l->at - 1 : NULL;
}

/* Blocks from lblk, in a hole, to the next extent, or to the leaf's bound. */
static inline __u32 leaf_hole(const struct level *l, __u32 lblk)
{
	return (l->at < l->n ? x_lblk(l->x + l->at) : l->hi) - lblk;
}

/*
 * The path to the leaf that holds lblk or would hold it; the leaf's `at` is behind the extents that
 * start at lblk or before it.  On success the caller releases it.  -EUCLEAN (said to be damage), or
 * the error of a read.
 */
int vexfs_path_find(struct vexfs_inode_core *c, __u32 lblk, struct vexfs_path *p);
/* Give back the buffers of a path that was found. */
void vexfs_path_release(struct vexfs_path *p);
/*
 * Take write access for the leaf of p and make room in it for `need` more entries; append: one
 * extent at lblk is going to be added behind the leaf's `at`.  The leaf of the path, and what is in
 * it, may be others then.  goal: a block that new nodes shall be near.  -ENOSPC, -EFBIG the tree
 * would be too deep, or what the transaction says; nothing has changed then, unless that was said
 * by vx_txn_dirty().
 */
int vexfs_path_room(vx_txn *t, struct vexfs_inode_core *c, struct vexfs_path *p,
		    unsigned int need, bool append, __u32 lblk, __u64 goal);

/*
 * Write access to a node, before it changes; the root is in the inode and needs none.  The error of
 * vx_txn_write().
 */
int vexfs_level_access(vx_txn *t, struct level *l);
/*
 * The entries of a node have changed: its count and checksum follow, or c->entries if it is the
 * root.  The error of vx_txn_dirty(): the log has failed.
 */
int vexfs_level_dirty(vx_txn *t, struct vexfs_inode_core *c, struct level *l);

#endif /* _VEXFS_CORE_EXTENT_TREE_H */
