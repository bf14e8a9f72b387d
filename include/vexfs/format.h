/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VexFS on-disk format.  This file is the specification.
 *
 * All numbers are little-endian.  A block is 4096 bytes.  Block numbers count from the start of the
 * partition; logical blocks (lblk) count from the start of a file.
 *
 *	block 0			superblock; copies in the first block of the groups 1 and 3
 *	group g			blocks [g * 16384, (g + 1) * 16384), the last one may be shorter
 *	  [superblock]		group 0: block 0; groups 1 and 3: a backup
 *	  group block		header, block bitmap and inode bitmap, one checksum for all three
 *	  inode table		inodes_per_group * 512 bytes
 *	  [journal]		group 0 only: jbd2 log, contiguous
 *	  data
 *
 * Groups from s_groups_init on have never been used: their blocks hold whatever the device held,
 * and they are initialised, in order, when the allocator first needs them.  So mkfs of a large
 * device is quick, and so is counting after a crash.
 *
 * Every metadata block carries a crc32c (Castagnoli, initial value ~0, no final inversion).  It is
 * seeded with the first 16 bytes of s_uuid, then with the block's identity (see vexfs_csum_seed in
 * core.h), so that a block written to the wrong place, or left over from an older filesystem, does
 * not verify.
 */
#ifndef _VEXFS_FORMAT_H
#define _VEXFS_FORMAT_H

#include <linux/types.h>

#define VEXFS_MAGIC		0x0100005346786556ULL	/* bytes "VexFS" 0 0 1 */
#define VEXFS_SUPER_MAGIC	0x56455846		/* statfs f_type, "FXEV" in memory */
#define VEXFS_BLOCK_SHIFT	12
#define VEXFS_BLOCK_SIZE	4096

#define VEXFS_GROUP_SHIFT	14			/* blocks per group: 16384 = 64 MiB */
#define VEXFS_GROUP_BLOCKS	(1u << VEXFS_GROUP_SHIFT)
#define VEXFS_MIN_BLOCKS	2048u			/* 8 MiB */
#define VEXFS_MAX_BLOCKS	(1ULL << 32)		/* 16 TiB */
#define VEXFS_MIN_JOURNAL	1024u			/* blocks; jbd2 refuses less */
/* blocks; leaves room for the rest of group 0 */
#define VEXFS_MAX_JOURNAL	12288u
#define VEXFS_MAX_INODES_PER_GROUP 4096u		/* the bitmap in the group block */

#define VEXFS_INODE_SIZE	512
#define VEXFS_INODES_PER_BLOCK	(VEXFS_BLOCK_SIZE / VEXFS_INODE_SIZE)
#define VEXFS_NAME_LEN		255			/* bytes of a directory entry's name */
#define VEXFS_LINK_MAX		65000

/* Inode numbers: 1 + group * inodes_per_group + index.  1 to 10 are reserved. */
#define VEXFS_ROOT_INO		1
#define VEXFS_FIRST_INO		11

/*
 * Features.  Unknown COMPAT bits are ignored; unknown RO_COMPAT bits allow only a read-only mount;
 * unknown INCOMPAT bits refuse the mount.
 */
#define VEXFS_INCOMPAT_UNSTABLE	0x00000001u		/* the format is not frozen */
#define VEXFS_COMPAT_ALL	0u
/* a collection may have a checkpoint, which who does not know it would not free */
#define VEXFS_RO_COMPAT_CHECKPOINT 0x00000001u
#define VEXFS_RO_COMPAT_ALL	VEXFS_RO_COMPAT_CHECKPOINT
#define VEXFS_INCOMPAT_ALL	VEXFS_INCOMPAT_UNSTABLE

/* s_state */
#define VEXFS_STATE_CLEAN	0x0001	/* unmounted, or the log is empty and counts are right */
#define VEXFS_STATE_ERROR	0x0002	/* the kernel found damage: run fsck.vexfs */

/* s_errors: what the kernel does when it finds damage */
#define VEXFS_ERRORS_CONTINUE	1
#define VEXFS_ERRORS_RO		2
#define VEXFS_ERRORS_PANIC	3

/*
 * Block 0.  Unused bytes are zero.
 *
 * A copy holds what never changes, and of the rest only that it is not known: s_groups_init,
 * s_free_blocks, s_free_inodes, s_last_orphan and s_state are 0.  How many groups are initialised
 * is found by looking at their blocks, what is free by counting.  Orphans and s_next_generation
 * cannot be had so cheaply: who has only a copy reads, and does not write.
 */
struct vexfs_super {
	__le64	s_magic;		/* VEXFS_MAGIC */
	/* over the whole block with this field zero; seed ~0, no uuid */
	__le32	s_crc;
	__le32	s_version;		/* 1 */
	__le32	s_compat;		/* VEXFS_COMPAT_* */
	__le32	s_ro_compat;
	__le32	s_incompat;
	__le32	s_block_size;		/* 4096 */
	__u8	s_uuid[16];
	char	s_label[32];		/* NUL-padded, not necessarily terminated */
	__le64	s_blocks;		/* blocks of the filesystem */
	__le32	s_groups;		/* groups, the last one may be short */
	__le32	s_inodes_per_group;	/* multiple of 64, at most VEXFS_MAX_INODES_PER_GROUP */
	__le64	s_journal_start;	/* first block of the log */
	__le32	s_journal_blocks;	/* VEXFS_MIN_JOURNAL .. VEXFS_MAX_JOURNAL */
	/* kept for metadata, so that I/O completion and truncate cannot fail */
	__le32	s_reserved_blocks;
	/* what follows changes while mounted, inside transactions */
	/* groups that have been initialised: 1 .. s_groups; 0 in a copy */
	__le32	s_groups_init;
	__le16	s_state;		/* VEXFS_STATE_* */
	__le16	s_errors;		/* VEXFS_ERRORS_*, default of the mount option */
	/* exact only when s_state has CLEAN; counted at mount otherwise */
	__le64	s_free_blocks;
	__le64	s_free_inodes;
	/* first inode of the orphan list (unlinked or being truncated), 0: none */
	__le64	s_last_orphan;
	__le64	s_mkfs_time;		/* seconds since 1970 */
	__le64	s_mount_time;
	__le64	s_write_time;
	__le32	s_mount_count;
	__le32	s_next_generation;	/* of inodes */
	__u8	s_reserved[4096 - 176];
};

/*
 * The group block: the whole allocation state of one group.  A set bit means in use.  Bits past the
 * end of a short group are set.  The counts repeat what the bitmaps say and are verified against
 * them when the block is first read.
 */
#define VEXFS_GROUP_MAGIC	0x50524756u		/* "VGRP" */
struct vexfs_group {
	__le32	g_magic;
	/* whole block with this field zero; identity: block number */
	__le32	g_crc;
	__le32	g_number;
	__le32	g_free_blocks;
	__le32	g_free_inodes;
	__le32	g_dirs;			/* directories among its inodes, for placing new ones */
	/* inode table blocks that were ever written; the rest reads as zeros */
	__le32	g_itable_init;
	__le32	g_flags;		/* 0 */
	__u8	g_reserved[4096 - 32 - VEXFS_MAX_INODES_PER_GROUP / 8 - VEXFS_GROUP_BLOCKS / 8];
	__u8	g_inodes[VEXFS_MAX_INODES_PER_GROUP / 8];
	__u8	g_blocks[VEXFS_GROUP_BLOCKS / 8];
};

/* An extent: a run of blocks.  Sorted by e_lblk, not overlapping. */
#define VEXFS_EXTENT_UNWRITTEN	0x80000000u		/* in e_len: allocated, reads as zeros */
#define VEXFS_EXTENT_LEN_MASK	0x7fffffffu
#define VEXFS_EXTENT_MAX_LEN	VEXFS_GROUP_BLOCKS	/* an extent never leaves its group */
struct vexfs_extent {
	__le32	e_lblk;
	/* blocks, 1 .. VEXFS_EXTENT_MAX_LEN, | VEXFS_EXTENT_UNWRITTEN */
	__le32	e_len;
	__le64	e_pblk;
};

/* An entry of an inner node: the subtree at block x_block holds the extents from x_lblk on. */
struct vexfs_extent_index {
	__le32	x_lblk;
	__le32	x_reserved;		/* 0 */
	__le64	x_block;
};

/*
 * Extent tree.  Root in the inode (VEXFS_INLINE_EXTENTS entries); at depth 0 it holds extents, else
 * index entries; other nodes fill one block: header, then entries.  At most VEXFS_EXTENT_DEPTH
 * levels below the root.
 */
#define VEXFS_EXTENT_DEPTH	4
#define VEXFS_INLINE_EXTENTS	12
#define VEXFS_EXTENT_MAGIC	0x54584556u		/* "VEXT" */
struct vexfs_extent_block {
	__le32	eb_magic;
	/* whole block with this field zero; identity: inode, generation, block number */
	__le32	eb_crc;
	__le16	eb_entries;
	__le16	eb_depth;		/* 0: leaf */
	__le32	eb_generation;		/* of the inode */
	__le64	eb_ino;
	__le64	eb_block;		/* its own block number */
	union {
		struct vexfs_extent		eb_extent[0];
		struct vexfs_extent_index	eb_index[0];
		__u8				eb_bytes[4096 - 32];
	};
};
#define VEXFS_EXTENTS_PER_BLOCK	((VEXFS_BLOCK_SIZE - 32) / 16)

/* i_flags */

/* a directory with a schema: i_collection is its collection block */
#define VEXFS_INODE_COLLECTION	0x00000001u
/* a plane: no name; i_parent is its collection's directory */
#define VEXFS_INODE_HIDDEN	0x00000002u
/* its blocks are journaled metadata (directories, dead bitmaps, heirs) */
#define VEXFS_INODE_METADATA	0x00000004u
#define VEXFS_INODE_HASHED	0x00000008u		/* a directory with a hash index */
/* a file: records of its collection are, or were, bound to it */
#define VEXFS_INODE_BOUND	0x00000010u
#define VEXFS_INODE_ALL		0x0000001fu

/* An inode, 512 bytes.  All zeros (i_mode 0): never used. */
struct vexfs_inode {
	/* 512 bytes with this field zero; identity: inode number, generation */
	__le32	i_crc;
	__le16	i_mode;
	__le16	i_depth;		/* of the extent tree */
	__le32	i_uid;
	__le32	i_gid;
	__le32	i_nlink;
	__le32	i_generation;
	__le32	i_flags;		/* VEXFS_INODE_* */
	__le32	i_entries;		/* of i_extent or i_index */
	__le64	i_size;			/* bytes */
	__le64	i_blocks;		/* 4 KiB blocks, extent blocks included */
	__le64	i_change;		/* change counter (statx STATX_CHANGE_COOKIE) */
	/* inode of one directory that holds a name of this one; 0: none known */
	__le64	i_parent;
	__le32	i_parent_generation;
	__le32	i_rdev;			/* character and block devices, new_encode_dev() */
	/* block with the further parents of a file with several names; 0: none */
	__le64	i_parents_block;
	__le64	i_next_orphan;		/* orphan list, see s_last_orphan */
	/*
	 * VEXFS_INODE_COLLECTION: its collection block.  Files and other directories: inode of the
	 * collection that they belong to, 0: none
	 */
	__le64	i_collection;
	__le64	i_xattr_block;		/* xattrs that do not fit below; 0: none */
	__le64	i_atime;		/* seconds since 1970, signed */
	__le64	i_mtime;
	__le64	i_ctime;
	__le64	i_btime;		/* creation */
	__le32	i_atime_nsec;
	__le32	i_mtime_nsec;
	__le32	i_ctime_nsec;
	__le32	i_btime_nsec;
	/* a symlink shorter than sizeof(i_link) keeps its target here, i_entries 0 */
	union {
		struct vexfs_extent	  i_extent[VEXFS_INLINE_EXTENTS];
		struct vexfs_extent_index i_index[VEXFS_INLINE_EXTENTS];
		__u8			  i_link[VEXFS_INLINE_EXTENTS * 16];
	};
	/* VEXFS_INODE_BOUND: raised by the first change of data after a binding */
	__le64	i_data_change;
	__u8	i_xattr[512 - 160 - VEXFS_INLINE_EXTENTS * 16];	/* inline xattrs; zeros: none */
};

/*
 * A directory block: a header, then entries back to back, the last one reaching the end of the
 * block.  A removed entry is merged into the one before it, or has d_ino 0 at the start of a block.
 * "." and ".." are not stored: i_parent says where ".." leads.
 */
#define VEXFS_DIR_MAGIC		0x52494456u		/* "VDIR" */
struct vexfs_dir_block {
	__le32	db_magic;
	/* whole block with this field zero; identity: inode, generation, logical block */
	__le32	db_crc;
	__le32	db_lblk;		/* its place in the directory */
	__le32	db_generation;
	__u8	db_entries[4096 - 16];
};

struct vexfs_dirent {
	__le64	d_ino;			/* 0: unused space */
	__le16	d_reclen;		/* of this entry with its padding, a multiple of 8 */
	__u8	d_namelen;		/* 1 .. 255 */
	__u8	d_type;			/* DT_* */
	/* crc32c of the name, seed ~0: cheap mismatch, and the key of the hash index */
	__le32	d_hash;
	char	d_name[];		/* no '/', no NUL */
};
#define VEXFS_DIRENT_HEAD	16
#define VEXFS_DIRENT_LEN(namelen) (((namelen) + VEXFS_DIRENT_HEAD + 7) & ~7u)

/*
 * A collection: a directory with one collection block.  Truth lives in hidden inodes, indexed by
 * slot:
 *   vectors	rows as given, row_bytes each, slot after slot, rows may cross blocks
 *   records	128 bytes each, slot after slot
 *   keys	bytes of user keys, append-only
 *   dead	bitmap blocks (struct vexfs_dead_block), journaled
 *   deaths	slots that are dead too, whatever their bits are (struct vexfs_deaths); made when an
 *		operation kills slots in more blocks of the bitmap than one transaction takes
 *   words	dictionaries of keyword attributes, append-only
 *   heirs	which files took the place of others (struct vexfs_heir_block), journaled; made when
 *		the first one does
 * A slot below c_count is committed, immutable, and never used again.
 */
#define VEXFS_COLLECTION_MAGIC	0x4c4c4356u		/* "VCLL" */
#define VEXFS_MAX_DIMS		4096
#define VEXFS_MAX_ATTRS		8
#define VEXFS_ATTR_NAME_LEN	32			/* with the NUL */
/* with the NUL: name of a loaded program object */
#define VEXFS_PROG_NAME_LEN	32
#define VEXFS_MAX_SLOTS		(1ULL << 32)
#define VEXFS_MAX_WORDS		(1u << 24)		/* of one keyword attribute */
#define VEXFS_MAX_SNAPSHOTS	32
#define VEXFS_SNAPSHOT_NAME_LEN	32			/* with the NUL */

/* c_element */
#define VEXFS_ELEM_F32		1
#define VEXFS_ELEM_F16		2
#define VEXFS_ELEM_I8		3
#define VEXFS_ELEM_BIT		4
/* c_metric; the distance that is reported */
#define VEXFS_METRIC_L2		1			/* sum of (a-b)^2: squared, no root */
#define VEXFS_METRIC_COSINE	2			/* 1 - cos(a, b) */
#define VEXFS_METRIC_DOT	3			/* -(a . b) */
#define VEXFS_METRIC_HAMMING	4			/* differing bits */
/* a_type */
#define VEXFS_ATTR_NONE		0
#define VEXFS_ATTR_INT		1			/* signed 64 bits */
#define VEXFS_ATTR_KEYWORD	2			/* dictionary-encoded, 32 bits */
/* c_program[]: the slots of a collection, one per op of vexfs_ops */
#define VEXFS_SLOT_SEARCH	0
#define VEXFS_SLOT_DISTANCE	1
#define VEXFS_SLOT_FILTER	2
#define VEXFS_SLOTS		3

struct vexfs_attr_def {
	char	a_name[VEXFS_ATTR_NAME_LEN];	/* [a-z_][a-z0-9_]*, NUL-terminated */
	__le16	a_type;			/* VEXFS_ATTR_* */
	__u8	a_reserved[6];
};

struct vexfs_snapshot {
	__le64	n_count;		/* slots below it are in the snapshot */
	__le64	n_dead_ino;		/* hidden inode with the dead bitmap of that moment */
	__le64	n_time;			/* seconds since 1970 */
	/* [a-z0-9._-]+, unique, NUL-padded; "": entry is free */
	char	n_name[VEXFS_SNAPSHOT_NAME_LEN];
};

struct vexfs_collection {
	__le32	c_magic;
	/* whole block with this field zero; identity: directory's inode, generation, block */
	__le32	c_crc;
	__le64	c_ino;			/* its directory */
	__le32	c_generation;
	__le16	c_element;		/* VEXFS_ELEM_* */
	__le16	c_metric;		/* VEXFS_METRIC_* */
	__le32	c_dims;			/* 1 .. VEXFS_MAX_DIMS */
	/* of one row: f32 4, f16 2, i8 1 bytes per dim; bit: dims / 8 rounded up to 8 */
	__le32	c_row_bytes;
	__le64	c_count;		/* committed slots */
	__le64	c_live;			/* committed slots that are not dead */
	/* sequence number of the next operation after the committed ones, from 1 */
	__le64	c_next_seq;
	__le64	c_key_bytes;		/* committed bytes of the keys plane */
	__le64	c_vectors;		/* hidden inodes; 0: none */
	__le64	c_records;
	__le64	c_keys;
	__le64	c_dead;
	/* raised by compaction: slots of different epochs are unrelated */
	__le64	c_epoch;
	__u8	c_uuid[16];		/* seeds the crc of records */
	__le32	c_attrs;		/* entries of c_attr in use */
	__le32	c_reserved32;
	struct vexfs_attr_def c_attr[VEXFS_MAX_ATTRS];
	char	c_program[VEXFS_SLOTS][VEXFS_PROG_NAME_LEN];	/* bound programs, "" : built-in */
	/* oldest first; free entries, all zero, last */
	struct vexfs_snapshot c_snapshot[VEXFS_MAX_SNAPSHOTS];
	/* hidden inode: dictionaries of keyword attributes, struct vexfs_word; 0: none */
	__le64	c_words;
	__le64	c_word_bytes;		/* committed bytes of it */
	/* hidden inode: files that took the place of others, struct vexfs_heir; 0: none */
	__le64	c_heirs;
	/* hidden inode: the log of deaths; 0: none */
	__le64	c_deaths;
	/*
	 * committed bytes of it that count; those before are in the bitmap, and not used again
	 */
	__le64	c_deaths_begin, c_deaths_end;
	/* hidden inode: a checkpoint of what is derived of the rows, with VEXFS_RO_COMPAT_CHECKPOINT */
	__le64	c_checkpoint;		/* 0: none */
	__le64	c_checkpoint_slots;	/* those that it has codes of, from 0 on */
	__u8	c_reserved[4096 - 192 - VEXFS_MAX_ATTRS * 40 - VEXFS_SLOTS * 32 -
			   VEXFS_MAX_SNAPSHOTS * 56];
};

/*
 * A word of a keyword attribute, in the words plane, back to back.  The n-th word of an attribute
 * has the code n, from 1; 0 is "none".
 */
struct vexfs_word {
	/* rest of the entry and its bytes; seed: c_uuid, then its offset as le64 */
	__le32	w_crc;
	__u8	w_attr;			/* position in c_attr */
	__u8	w_len;			/* 1 .. 255 */
	__le16	w_reserved;		/* 0 */
	char	w_bytes[];		/* no NUL */
};

/* A record, 128 bytes, in the records plane. */
#define VEXFS_RECORD_BOUND	0x00000001u		/* r_file_* are valid */
#define VEXFS_RECORD_KEYED	0x00000002u		/* r_key is valid */
#define VEXFS_RECORD_ALL	0x00000003u
struct vexfs_record {
	/* rest of the record, the row, the key; seed: c_uuid, then slot as le64 */
	__le32	r_crc;
	__le32	r_flags;		/* VEXFS_RECORD_* */
	__le64	r_id;			/* chosen by the user; unique among live records */
	__le64	r_seq;			/* sequence number of the operation that wrote it, from 1 */
	/* bound file: inode; it may have an heir, struct vexfs_heir */
	__le64	r_file;
	__le32	r_file_generation;
	__le32	r_file_len;		/* bytes of the range */
	__le64	r_file_off;		/* where the range starts */
	__le64	r_file_change;		/* the file's i_data_change at binding */
	__le64	r_key;			/* offset in the keys plane << 8 | length */
	__le64	r_attr[VEXFS_MAX_ATTRS];	/* by position in c_attr; 0 where there is none */
};

/*
 * The dead bitmap: block n holds the bits of slots [n * VEXFS_DEAD_SLOTS, (n + 1) *
 * VEXFS_DEAD_SLOTS).
 */
#define VEXFS_DEAD_MAGIC	0x44454456u		/* "VDED" */
struct vexfs_dead_block {
	__le32	x_magic;
	/* whole block with this field zero; identity: inode, generation, logical block */
	__le32	x_crc;
	__le32	x_lblk;
	__le32	x_dead;			/* bits set */
	__u8	x_bits[4096 - 16];
};
#define VEXFS_DEAD_SLOTS	((VEXFS_BLOCK_SIZE - 16) * 8)

/* A part of the log of deaths: slots that one commit has killed.  Back to back. */
struct vexfs_deaths {
	/* rest of the part; seed: c_uuid, then its offset as le64 */
	__le32	d_crc;
	__le32	d_slots;		/* 1 .. */
	__le32	d_slot[];
};

/*
 * A file was replaced by another one, which was renamed over it and has its records since then:
 * they are stale.  Where the heir was replaced itself, they are its heir's.  Records are not
 * changed by that: they name the file that they were bound to, and an entry is needed as long as
 * some slot names its h_ino and h_generation, or another entry leads to it.  No file has two heirs,
 * and none is its own.
 */
struct vexfs_heir {
	__le64	h_ino;			/* the file that was replaced */
	__le64	h_heir;			/* the inode that was put in its place */
	__le32	h_generation;		/* of h_ino */
	__le32	h_heir_generation;
};

/* Entries in the order in which they were made: all blocks but the last are full. */
#define VEXFS_HEIR_MAGIC	0x49454856u		/* "VHEI" */
#define VEXFS_HEIRS_PER_BLOCK	((VEXFS_BLOCK_SIZE - 16) / 24)
struct vexfs_heir_block {
	__le32	h_magic;
	/* whole block with this field zero; identity: inode, generation, logical block */
	__le32	h_crc;
	__le32	h_lblk;
	__le32	h_entries;		/* in use, 0 .. VEXFS_HEIRS_PER_BLOCK; the rest is zero */
	struct vexfs_heir h_entry[VEXFS_HEIRS_PER_BLOCK];
};

/*
 * A checkpoint: codes and lists that were derived from the rows of a collection, so that a mount need
 * not make them again.  The header fills the first block, two streams of bytes follow, each cut into
 * pieces: codes, then lists, if there are any.  It is written once, and belongs to c_uuid, c_epoch and
 * to the slots before h_count, which were committed before it was.  What does not verify, or is of
 * another version, is as good as none.
 */
#define VEXFS_CHECKPOINT_MAGIC	0x504b4356u		/* "VCKP" */
#define VEXFS_CHECKPOINT_VERSION 4
struct vexfs_checkpoint {
	__le32	h_magic;
	/* whole block with this field zero; identity: inode, generation, 0 */
	__le32	h_crc;
	__le32	h_version;
	__le32	h_dims, h_metric;	/* as those of the collection */
	__le32	h_reserved32;		/* 0 */
	__u8	h_uuid[16];		/* c_uuid */
	__le64	h_epoch;		/* c_epoch */
	__le64	h_count;		/* slots that have codes */
	__le64	h_bytes;		/* of all of it */
	__le64	h_codes, h_lists;	/* bytes of the streams; no lists: 0 */
	__u8	h_reserved[4096 - 80];
};

/* A piece of a stream: full, but the last one of each. */
#define VEXFS_CHECKPOINT_PIECE	(1u << 18)		/* bytes, with its head */
#define VEXFS_CHECKPOINT_CODES	1
#define VEXFS_CHECKPOINT_LISTS	2
struct vexfs_checkpoint_piece {
	/* the piece with this field zero; identity: inode, generation, its offset in bytes */
	__le32	p_crc;
	__le32	p_bytes;		/* that follow, 1 .. */
	__le32	p_stream;		/* VEXFS_CHECKPOINT_CODES, _LISTS */
	__le32	p_reserved;		/* 0 */
	__u8	p_byte[];
};

/*
 * The stream of codes.  D is h_dims, up to a multiple of 64; f32 are IEEE 754, in 4 bytes.
 *
 *	struct vexfs_checkpoint_codes
 *	f32 [h_dims]		the mean that was taken off each row
 *	le64 [4][D / 64]	signs of the four rounds of the rotation, a bit per dim
 *	then, of each 1024 slots, the last ones may be fewer:
 *	  le64 [slots][D / 64]	a bit per dim
 *	  f32 [slots][2]	squared norm of what was coded; norm2 / sum of |x|, negative: no code
 */
struct vexfs_checkpoint_codes {
	__le64	k_centred;		/* slots that there were when the mean was taken */
};

/*
 * The stream of lists; centres and rows are rotated.  D is l_axes, if there are any.
 *
 *	struct vexfs_checkpoint_lists
 *	s16 [l_axes][h_dims, up to a multiple of 64]	axes on which rows are projected, 32767 long
 *	s8 [groups][D], f32 [groups], f32 [groups]	centres of groups: scale * whole numbers; scale;
 *							squared norm
 *	f32 [groups]		root of the mean squared distance of the lists of a group
 *	le32 [groups + 1]	where the lists of a group begin
 *	s8 [lists][D], f32 [lists], f32 [lists]		centres of lists
 *	f32 [lists]		by what they are ranked in place of the squared norm
 *	le64 [strays]		slots that are in no list, and looked at by all
 *	then of each list:
 *	  le32			rows
 *	  of each 32 rows, what is behind the last row is anything:
 *	    u8 [D / 4][16]	1-bit codes: byte i has 4 dims of row i, in its high half of row i + 16
 *	    f32 [32]		add
 *	    bfloat16 [2][32]	scale, error
 *	  of each row, the second rung:
 *	    f32 [3]		scale, add, error
 *	    le32		slot
 *	    u8 [D / 2]		4 bits a dim; of 64 dims byte i has dim i, in its high half dim i + 32
 *	    f32			if there are axes: length of what is not along them
 */
#define VEXFS_CHECKPOINT_GRADES	20
struct vexfs_checkpoint_lists {
	__le64	l_linked;		/* slots before this are in lists, unless they were dead */
	__le64	l_measured;		/* what that was when the tables were made */
	__le32	l_lists, l_groups;
	__le32	l_strays;
	__le32	l_reserved;		/* 0 */
	__le32	l_axes;			/* a multiple of 64, 0: none */
	/* f32, of the cosine of the angle between what is not along them: see engine/axes.h */
	__le32	l_most, l_mean, l_deviation;
	/* rows to look at for the 10 and the 100 nearest, by grades of recall */
	__le64	l_near[VEXFS_CHECKPOINT_GRADES], l_far[VEXFS_CHECKPOINT_GRADES];
	/* and the slants of lists to look into after that, s32 of 2^-16, see engine/ladder.c: for the nearest, ... */
	__le32	l_slant[3][VEXFS_CHECKPOINT_GRADES];
};

#ifndef __cplusplus
#define VEXFS_FORMAT_ASSERT(t, m, off) \
	_Static_assert(__builtin_offsetof(t, m) == (off), #t "." #m " moved")
_Static_assert(sizeof(struct vexfs_super) == 4096, "superblock");
VEXFS_FORMAT_ASSERT(struct vexfs_super, s_uuid, 32);
VEXFS_FORMAT_ASSERT(struct vexfs_super, s_blocks, 80);
VEXFS_FORMAT_ASSERT(struct vexfs_super, s_journal_start, 96);
VEXFS_FORMAT_ASSERT(struct vexfs_super, s_groups_init, 112);
VEXFS_FORMAT_ASSERT(struct vexfs_super, s_last_orphan, 136);
VEXFS_FORMAT_ASSERT(struct vexfs_super, s_next_generation, 172);
_Static_assert(sizeof(struct vexfs_group) == 4096, "group block");
VEXFS_FORMAT_ASSERT(struct vexfs_group, g_inodes, 1536);
VEXFS_FORMAT_ASSERT(struct vexfs_group, g_blocks, 2048);
_Static_assert(sizeof(struct vexfs_extent) == 16, "extent");
_Static_assert(sizeof(struct vexfs_extent_index) == 16, "extent index");
_Static_assert(sizeof(struct vexfs_extent_block) == 4096, "extent block");
VEXFS_FORMAT_ASSERT(struct vexfs_extent_block, eb_extent, 32);
_Static_assert(sizeof(struct vexfs_inode) == 512, "inode");
VEXFS_FORMAT_ASSERT(struct vexfs_inode, i_size, 32);
VEXFS_FORMAT_ASSERT(struct vexfs_inode, i_parent, 56);
VEXFS_FORMAT_ASSERT(struct vexfs_inode, i_collection, 88);
VEXFS_FORMAT_ASSERT(struct vexfs_inode, i_atime, 104);
VEXFS_FORMAT_ASSERT(struct vexfs_inode, i_extent, 152);
_Static_assert(sizeof(struct vexfs_dir_block) == 4096, "directory block");
_Static_assert(sizeof(struct vexfs_dirent) == VEXFS_DIRENT_HEAD, "directory entry");
_Static_assert(sizeof(struct vexfs_attr_def) == 40, "attribute");
_Static_assert(sizeof(struct vexfs_snapshot) == 56, "snapshot");
_Static_assert(sizeof(struct vexfs_collection) == 4096, "collection block");
VEXFS_FORMAT_ASSERT(struct vexfs_collection, c_count, 32);
VEXFS_FORMAT_ASSERT(struct vexfs_collection, c_vectors, 64);
VEXFS_FORMAT_ASSERT(struct vexfs_collection, c_attr, 128);
VEXFS_FORMAT_ASSERT(struct vexfs_collection, c_program, 448);
VEXFS_FORMAT_ASSERT(struct vexfs_collection, c_snapshot, 544);
VEXFS_FORMAT_ASSERT(struct vexfs_collection, c_checkpoint, 2384);
_Static_assert(sizeof(struct vexfs_record) == 128, "record");
VEXFS_FORMAT_ASSERT(struct vexfs_record, r_attr, 64);
_Static_assert(sizeof(struct vexfs_dead_block) == 4096, "dead bitmap block");
_Static_assert(sizeof(struct vexfs_deaths) == 8, "part of the log of deaths");
_Static_assert(sizeof(struct vexfs_heir) == 24, "heir");
_Static_assert(sizeof(struct vexfs_heir_block) == 4096, "block of heirs");
_Static_assert(sizeof(struct vexfs_checkpoint) == 4096, "header of a checkpoint");
VEXFS_FORMAT_ASSERT(struct vexfs_checkpoint, h_epoch, 40);
_Static_assert(sizeof(struct vexfs_checkpoint_piece) == 16, "piece of a checkpoint");
_Static_assert(sizeof(struct vexfs_checkpoint_codes) == 8, "codes of a checkpoint");
_Static_assert(sizeof(struct vexfs_checkpoint_lists) == 608, "lists of a checkpoint");
#endif

#endif /* _VEXFS_FORMAT_H */
