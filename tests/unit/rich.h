/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image with something of everything, which is damaged again and again: files with holes, unwritten
 * extents and a tree of extents, directories of several blocks, links of both kinds, a fifo, an
 * orphan, and a collection with keys, words, bindings, an heir, a snapshot and a checkpoint.
 */
#ifndef _VEXFS_TEST_RICH_H
#define _VEXFS_TEST_RICH_H

#include "box.h"

#define RICH_BLOCKS	17000u		/* two groups, so that there is a copy of the superblock */
#define RICH_RECORDS	1500u		/* with the ids 1 on, which are bound to nothing; even ones have keys */
#define RICH_DEAD	20u		/* of them the last ones are deleted */
#define RICH_BOUND	8u		/* ids 10001 on */

enum rich_kind {
	RICH_OTHER,			/* no checksum: data, planes, the log */
	RICH_SUPER, RICH_GROUP, RICH_INODES, RICH_EXTENT, RICH_DIR, RICH_DEAD_MAP, RICH_HEIRS,
	RICH_COLLECTION,
};

/* A block that is in use: what it holds, and whose it is. */
struct rich_block {
	__u64 block;
	enum rich_kind kind;
	__u64 ino;			/* of a table: the first in it */
	__u32 generation, lblk;
};

struct rich_file {
	__u64 ino;
	char path[80];
	__u64 size;
	__u8 *data;
};

struct rich {
	int fd;				/* a memfd, as it is now ... */
	__u8 *now, *was;		/* ... and mapped, and as it was made */
	struct vexfs_fs fs;		/* geometry alone */
	struct rich_block *block;
	__u32 blocks;
	struct rich_file *file;
	__u32 files;
	__u64 collection;		/* its directory */
	__u64 log;			/* first block */
	/* the same of its planes, and of all blocks without which it is nothing */
	__u64 vital[64];
	__u32 vitals;
	/* where records and rows of it are */
	__u64 vectors, records, keys;
	/* blocks that were written since rich_back() */
	__u64 *written;
	size_t writes, room;
};

void rich_make(struct rich *r);
void rich_free(struct rich *r);
/* A device over it; what is written to it is remembered. */
void rich_open(struct rich *r, struct vexfs_dev *dev);
/* Damage done by hand. */
void *rich_damage(struct rich *r, __u64 block);
/* It is as it was made. */
void rich_back(struct rich *r);
/* A checksum is made right. */
void rich_stamp(const struct rich *r, const struct rich_block *as, void *data);
const struct rich_block *rich_block(const struct rich *r, __u64 block);
/* Does this block hold anything of the file: its inode, its map, its data? */
bool rich_has(const struct rich *r, const struct rich_file *f, __u64 block);
/* The inode of a path, as it was made. */
__u64 rich_ino(struct rich *r, const char *path);
/* Block lblk of an inode, as it was made; and the block of the table with it. */
__u64 rich_block_of(struct rich *r, __u64 ino, __u32 lblk);
__u64 rich_table(const struct rich *r, __u64 ino);

#endif /* _VEXFS_TEST_RICH_H */
