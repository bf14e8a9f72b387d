/* SPDX-License-Identifier: GPL-2.0 */
/* The image of rich.h is damaged, repaired as fsck.vexfs -y does it, and looked at. */
#ifndef _VEXFS_TEST_MENDED_H
#define _VEXFS_TEST_MENDED_H

#include "rich.h"

extern struct rich rich;
extern char mended_said[1 << 16];	/* what the last repair has done, a line each */
extern bool mended_show;		/* print what checks find */
extern bool broken[RICH_BLOCKS];	/* blocks that were damaged, ... */
extern __u64 broken_ino;		/* ... and an inode, 0: none */
/* NULL, or which blocks cannot be read: a repair takes them for lost then */
extern bool (*mended_unreadable)(struct vexfs_dev *dev, __u64 block);

struct found {
	unsigned int errors;
	bool nr[1000];
};

/* Of a group of tests. */
int mended_make(void **state);
int mended_unmake(void **state);

void nothing_broken(void);
/* A block, to be changed. */
void *mended_hit(__u64 block);
void mended_scribble(__u8 *at, __u32 n);
void mended_noise(__u64 block);
/* A record, to be changed. */
struct vexfs_record *mended_record(__u64 slot);
/* Its checksum is made right; it has no key. */
void mended_seal(__u64 slot);
/* The block of the collection, as it was made. */
const struct vexfs_collection *mended_made(void);

/* What the check finds; an error: there is no superblock, or no log. */
int mended_check(struct found *f);
/* at: block of a superblock, or 0; undo: a file, -1: none.  What vexfs_repair_device() says. */
int mended_repair(__u64 at, int undo);
/* For that. */
int mended_file(void);
/*
 * After a repair: NULL, or what is wrong.  The check finds nothing, it mounts, and what the damage did
 * not touch is whole: files and, unless it was hostile (checksums were right), records.
 */
const char *mended_wrong(bool hostile);
/* Repairs what was not hostile.  NULL, or what went wrong, or is wrong then. */
const char *mended_now(void);

#endif /* _VEXFS_TEST_MENDED_H */
