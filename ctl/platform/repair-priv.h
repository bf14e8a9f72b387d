/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the repair share. */
#ifndef _VEXFS_REPAIR_PRIV_H
#define _VEXFS_REPAIR_PRIV_H

#include "repair.h"

struct rep_map;

/* What is known of an inode. */
struct rep_inode {
	bool used;
	bool held;			/* a directory: its name was met */
	bool held_by_parent;		/* ... and is in what it says is its parent */
	bool rooted;
	bool plane;			/* of a collection that is whole */
	bool unfinished;		/* on the orphan list */
	bool deleted;			/* by the repair: it had been unlinked */
	__u16 mode;
	__u32 flags, generation, parent_generation;
	__u32 nlink, names, subdirs;
	__u64 parent, collection, data_change;
	__u64 holder;			/* directory with a name of it */
	struct rep_map *map;		/* to be made anew */
};

struct rep_extent {
	__u32 lblk, len;
	__u64 pblk;
	bool unwritten, copy;		/* copy: its blocks are somebody else's */
};

/* The map of an inode that is to be made anew. */
struct rep_map {
	__u32 n;
	struct rep_extent x[];
};

struct repair {
	struct vexfs_fs fs;
	struct vexfs_dev *dev;
	const struct vexfs_repair_opts *opts;
	vx_txn t;
	__u8 *owned;			/* a bit for each block of the initialised groups */
	struct rep_inode **group;	/* of the inodes of each, NULL: never used */
	__u32 *itable;			/* of each group: blocks of its table that were written */
	bool *group_bad;
	__u64 sums;			/* bytes that were summed up in search of wrong bits */
	__u64 lost_found;		/* inode, 0: not looked for yet */
	__u64 done, total;		/* progress */
};

#define did(r, ...) ((r)->opts->did((r)->opts->arg, __VA_ARGS__))

static inline unsigned long long ull(__u64 v)
{
	return v;
}

/* NULL: it has none, or is in a group that was never used. */
struct rep_inode *rep_find(struct repair *r, __u64 ino);
/* The same of an inode in use. */
struct rep_inode *rep_used(struct repair *r, __u64 ino);
/* -EINTR: the caller wants an end. */
int rep_step(struct repair *r, const char *what);
/* Call fn for every inode in use. */
int rep_each(struct repair *r, int (*fn)(struct repair *r, __u64 ino, struct rep_inode *f));
/* An inode in use, with its lock. */
int rep_load(struct repair *r, __u64 ino, struct vexfs_inode_core *c);
/* c and what edit() does, which may be NULL, to its raw inode. */
int rep_store(struct repair *r, const struct vexfs_inode_core *c,
	      void (*edit)(struct vexfs_inode *raw, void *arg), void *arg);
/* edit() alone. */
int rep_edit(struct repair *r, __u64 ino, void (*edit)(struct vexfs_inode *raw, void *arg),
	     void *arg);
/*
 * Is one wrong bit all that a checksum says?  Then it is put right.  p: bytes with an le32 checksum
 * at crc_off; identity as of vexfs_csum(), but of an inode (b is NULL) its own generation.
 */
bool rep_one_bit(struct repair *r, void *p, unsigned int len, unsigned int crc_off,
		 __u64 a, const __u32 *b, __u64 d);
/* But for a bit: else it is not worth while to look for one. */
static inline bool rep_nearly(__le32 is, __u32 should_be)
{
	return __builtin_popcount(le32_to_cpu(is) ^ should_be) <= 1;
}

/*
 * Does a block of journaled data verify as block lblk of this inode: with this magic number, 0: any
 * that such a block may have?
 */
bool rep_is_block(const struct vexfs_inode_core *c, const void *block, __u32 lblk, __u32 magic);
/* Stamp a block that begins with magic, crc, lblk. */
void rep_stamp_block(const struct vexfs_inode_core *c, void *block);

/* --- repair_inode.c --- */

/* Which inodes are in use, and their fields. */
int rep_inodes(struct repair *r);
/* Free an inode with all that it has; it has no name. */
int rep_free(struct repair *r, __u64 ino);
/*
 * A new inode, with i_nlink 1 (directories 2), owned by root.  Its map is c's; rep_store() it.
 */
int rep_make(struct repair *r, struct vexfs_inode_core *c, __u64 parent, __u16 mode, __u32 flags);

/* --- repair_extent.c --- */

/*
 * What there is of the map of an inode, whose lock nobody needs: extents in order, and the blocks
 * of the tree.  lost: something of it does not verify, and is left out.  rep_walk_free() it.
 */
struct rep_walk {
	struct rep_extent *x;
	__u64 *node;
	__u32 n, nodes;
	bool lost;
};
int rep_walk(struct repair *r, const struct vexfs_inode_core *c, struct rep_walk *w);
void rep_walk_free(struct rep_walk *w);
/* Remember a map that is to be made; before the groups are. */
int rep_remember(struct repair *r, __u64 ino, const struct rep_extent *x, __u32 n);
/* Every block gets its owner. */
int rep_claim(struct repair *r);
/* Afterwards, when blocks can be allocated: the maps that are to be made anew. */
int rep_maps(struct repair *r);
/* Blocks for the holes of [0, blocks), which read as zeros.  *n: how many. */
int rep_fill(struct repair *r, struct vexfs_inode_core *c, __u32 blocks, __u64 *n);
/* Unmap from lblk `from` on; c is stored. */
int rep_cut(struct repair *r, struct vexfs_inode_core *c, __u32 from);

/* --- repair_group.c --- */

/* Group blocks from what is owned and in use. */
int rep_groups(struct repair *r);

/* --- repair_dir.c --- */

/* Names and parents, lost+found, the orphan list. */
int rep_names(struct repair *r);
/* A name in lost+found for an inode that has none. */
int rep_keep(struct repair *r, __u64 ino);
/* Link counts and parents, after all names are there. */
int rep_links(struct repair *r);

/* --- repair_collection.c --- */

/* Collections, their planes, and planes of none. */
int rep_collections(struct repair *r);

/* A collection that is being repaired. */
enum rep_plane { REP_VECTORS, REP_RECORDS, REP_KEYS, REP_DEAD, REP_PLANES };
struct rep_collection {
	struct repair *r;
	struct vexfs_inode_core dir;
	struct vexfs_collection raw;	/* as it will be */
	struct vexfs_inode_core plane[REP_PLANES];
	__u8 *dead;			/* a bit per slot: of the bitmap, ... */
	__u8 *logged;			/* ... and of the log of deaths */
	__u8 *bad;			/* slots whose record is nothing */
	__u32 words[VEXFS_MAX_ATTRS];	/* in the dictionary */
	struct vexfs_heir *heir;	/* sorted by the file that was replaced */
	__u32 heirs;
};

static inline bool rep_keyword(const struct rep_collection *c, __u32 attr)
{
	return attr < le32_to_cpu(c->raw.c_attrs) &&
	       c->raw.c_attr[attr].a_type == cpu_to_le16(VEXFS_ATTR_KEYWORD);
}

/* Bytes of a plane; what is not written reads as zeros. */
int rep_read(struct repair *r, struct vexfs_inode_core *c, __u64 pos, void *to, size_t n);
/* Into the cache; c is not stored. */
int rep_write(struct repair *r, struct vexfs_inode_core *c, __u64 pos, const void *from, size_t n);
/* All of block lblk, which begins with magic, crc, lblk; stamped. */
int rep_put_block(struct repair *r, struct vexfs_inode_core *c, __u32 lblk, void *block);
/* One of a journaled plane that verifies.  1, 0: it does not, or an error. */
int rep_get_block(struct repair *r, struct vexfs_inode_core *c, __u32 lblk, __u32 magic,
		  void *block);

/* --- repair_dead.c --- */

/* Dead bitmap, log of deaths, and those of snapshots. */
int rep_dead_read(struct rep_collection *c);
int rep_dead_write(struct rep_collection *c);

/* --- repair_word.c --- */

/* The dictionary; plane is its plane. */
int rep_words(struct rep_collection *c, struct vexfs_inode_core *plane);
/* The table of heirs. */
int rep_heirs(struct rep_collection *c, struct vexfs_inode_core *plane);
/* The last heir of a file, or itself. */
void rep_heir(const struct rep_collection *c, __u64 *ino, __u32 *generation);

/* --- repair_record.c --- */

/* The records: those that are nothing are marked dead. */
int rep_records(struct rep_collection *c);

#endif /* _VEXFS_REPAIR_PRIV_H */
