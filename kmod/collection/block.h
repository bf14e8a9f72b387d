/* SPDX-License-Identifier: GPL-2.0 */
/* Journaled blocks of hidden inodes, see block.c. */
#ifndef _VEXFS_COLLECTION_BLOCK_H
#define _VEXFS_COLLECTION_BLOCK_H

#include "collection/platform.h"

/*
 * A block, its magic, place and checksum verified.  what: for the log.  ERR_PTR: -EUCLEAN after a
 * line there, -EIO.
 */
vx_buf *vexfs_block_read(struct inode *inode, u32 lblk, u32 magic, const char *what);
/* Set its checksum, after a change and before it is marked dirty. */
void vexfs_block_stamp(struct inode *inode, vx_buf *bh);
/*
 * Add block lblk, behind all others: zeros, or what fill puts behind its head, if arg is not NULL.
 * In its own transaction.  -ENOSPC, -EIO.
 */
int vexfs_block_append(struct inode *inode, u32 lblk, u32 magic,
		       void (*fill)(void *block, const void *arg), const void *arg);

#endif /* _VEXFS_COLLECTION_BLOCK_H */
