/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing what a repair has made, and taking it back.
 *
 * An undo file holds what was in the blocks that a repair writes: a header, which fills the first
 * 4,096 bytes, and then for each block a head and the block.  All numbers are little-endian.
 */
#ifndef _VEXFS_UNDO_H
#define _VEXFS_UNDO_H

#include <core/core.h>

#define VEXFS_UNDO_MAGIC	0x6f646e5573467856ULL	/* bytes "VxFsUndo" */
#define VEXFS_UNDO_SUPERS	4
struct vexfs_undo {
	__le64	u_magic;
	__le32	u_crc;			/* crc32c, seed ~0, of the header with this as 0 */
	__le32	u_version;		/* 1 */
	__u8	u_uuid[16];		/* of the filesystem */
	__le64	u_device_blocks;	/* of 4 KiB that the device had */
	__le64	u_blocks;		/* that follow */
	/*
	 * crc32c, seed ~0, of block 0 before the repair, with its log replayed, while it is written,
	 * and after it: with any other the device has been used since
	 */
	__le32	u_super[VEXFS_UNDO_SUPERS];
	__u8	u_reserved[4096 - 64];
};

struct vexfs_undo_block {
	__le64	b_block;
	__le32	b_crc;			/* crc32c, seed ~0, of b_block and b_data */
	__le32	b_reserved;		/* 0 */
	__u8	b_data[VEXFS_BLOCK_SIZE];
};
_Static_assert(sizeof(struct vexfs_undo) == 4096, "header of an undo file");
_Static_assert(sizeof(struct vexfs_undo_block) == 16 + 4096, "block of an undo file");

/* What is to be written. */
struct vexfs_undo_plan {
	/* the superblock whose log is still to be replayed; NULL: none is */
	const struct vexfs_super *log;
	/* blocks that a replay brings back, besides those that have changed */
	const __u64 *replayed;
	size_t replays;
	int undo;			/* file, -1: none */
};
/*
 * Write all that has changed in the cache of a device: first the undo file, then what the log
 * holds; then a superblock that is marked, the blocks, and the superblock as it is in the cache,
 * with a flush between them.  Whatever this is ended by, a repair afterwards finds something that it
 * can repair, and the undo file is whole.  *written: blocks.  -EIO, -ENOSPC, -EFBIG (the undo file:
 * nothing was written to the device), -ENOMEM; *undo: it was that.
 */
int vexfs_undo_write(struct vexfs_dev *dev, const struct vexfs_undo_plan *plan, size_t *written,
		     bool *undo);
/*
 * Put back what an undo file holds, all or nothing of it, unless writing fails.  -EINVAL, *why: it
 * is no undo file, is damaged, or of another device, or that was used since.  -EIO, -ENOMEM.
 */
int vexfs_undo_apply(struct vexfs_dev *dev, int file, size_t *written, const char **why);

#endif /* _VEXFS_UNDO_H */
