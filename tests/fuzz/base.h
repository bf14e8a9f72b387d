/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The image that the fuzz targets of images start from: a filesystem with something of everything,
 * made by the core.
 */
#ifndef _VEXFS_FUZZ_BASE_H
#define _VEXFS_FUZZ_BASE_H

#include <platform/vexfs-user.h>
#include <core/core.h>

/* What a block holds, and with that what its checksum is made of. */
enum base_kind {
	BASE_OTHER,			/* no checksum: data, planes, the log */
	BASE_SUPER, BASE_GROUP, BASE_INODES,
	BASE_EXTENT, BASE_DIR, BASE_DEAD, BASE_HEIRS, BASE_COLLECTION,
	BASE_KINDS,
};

/* A block that inputs may change. */
struct base_spot {
	__u64 block;
	enum base_kind kind;
	__u64 ino;			/* whose it is */
	__u32 generation, lblk;
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));
};

/* The collection's planes, each of consecutive blocks, by their first. */
struct base_planes {
	__u64 vectors, records, keys, words;
};

#define BASE_SPOTS	256u

struct base {
	struct vexfs_dev dev;		/* in memory */
	struct vexfs_fs fs;		/* geometry alone */
	struct vexfs_super super;
	struct base_spot spot[BASE_SPOTS];
	__u32 spots;
	__u64 collection;		/* its block */
	struct base_planes plane;
};

/* Make it, verified. */
void base_make(struct base *b);
/* vexfs_dev.record: remembers the blocks that are written by what is tested, for base_put_back(). */
void base_record(struct vexfs_dev *dev, __u64 block, const void *data);
/* They hold again what was made in them, and nothing is recorded any more. */
void base_put_back(struct base *b);
/* Set what has a checksum right in one block that is a spot, but holds other data by now. */
void base_stamp(const struct base *b, const struct base_spot *as, void *data);
/*
 * The same of a record with its row and key, and of a word at a place of the dictionary.  uuid: the
 * collection's.
 */
void base_stamp_record(const __u8 uuid[16], __u64 slot, struct vexfs_record *r, const void *row,
		       __u32 row_bytes, const void *key, __u32 key_len);
void base_stamp_word(const __u8 uuid[16], __u64 pos, void *entry);

#endif /* _VEXFS_FUZZ_BASE_H */
