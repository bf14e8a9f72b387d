/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Filesystem core: what the module and user space share.  Pure C over core/platform.h.
 *
 * Errors are negative errno values; a block that does not verify is -EUCLEAN (EFSCORRUPTED) after
 * vexfs_damage() has said what is wrong with it.  Everything that changes a block takes a
 * transaction.
 *
 * Locks: see vexfs.h.  vexfs_fs.orphan_lock and, inside it, vexfs_fs.alloc_lock are taken here;
 * vexfs_inode_core.lock is the caller's, but for directories (dir.c).
 */
#ifndef _VEXFS_CORE_H
#define _VEXFS_CORE_H

#include "platform.h"
#include <vexfs/format.h>

/* A mounted filesystem, as the core sees it.  Filled by vexfs_super_read(). */
struct vexfs_fs {
	void *host;			/* kernel: struct super_block *; user: struct vexfs_dev * */
	/* block 0, pinned; its counters are changed in transactions */
	vx_buf *sb_buf;
	__u32 uuid_seed;		/* crc32c(~0, s_uuid, 16) */
	__u64 blocks;
	__u32 groups, inodes_per_group, reserved_blocks;
	__u64 journal_start;
	__u32 journal_blocks;
	/* groups_init, counters and hints below, every group block */
	vx_mutex alloc_lock;
	__u32 groups_init;
	__u64 free_blocks, free_inodes;
	/* [groups]: free blocks, or VEXFS_GROUP_UNKNOWN until its block was read, _UNREAD */
	__u32 *group_free;
	/* s_last_orphan and every i_next_orphan; stamping of a raw inode */
	vx_mutex orphan_lock;
	/* alloc_lock: groups where the search for a free inode starts */
	__u32 ino_hint, dir_hint;
};
#define VEXFS_GROUP_UNKNOWN (~0u)
/* could not be read: full for those who look for space, while others are not */
#define VEXFS_GROUP_UNREAD (~0u - 1u)

/* The core's part of an inode in memory. */
struct vexfs_inode_core {
	struct vexfs_fs *fs;
	__u64 ino;
	__u32 generation;
	vx_rwsem lock;			/* everything below; taken inside a transaction */
	/* raised by every change of the mapping: the iomap cookie */
	__u32 seq;
	__u16 depth;			/* extent tree */
	__u32 entries;
	union {
		struct vexfs_extent extent[VEXFS_INLINE_EXTENTS];
		struct vexfs_extent_index index[VEXFS_INLINE_EXTENTS];
		__u8 link[VEXFS_INLINE_EXTENTS * 16];
	};
	/* i_size on disk: raised at I/O end; directories: at once */
	__u64 disk_size;
	__u64 blocks;			/* i_blocks: 4 KiB blocks, extent blocks included */
	__u32 flags;			/* VEXFS_INODE_* */
	/* what it allocates may be taken from half of the reserve */
	bool tight;
	__u64 parent;
	__u32 parent_generation;
	__u64 collection;		/* i_collection */
	__u64 change;
	__u64 data_change;		/* i_data_change */
	/* directories: no block before this one has room; inode lock */
	__u32 dir_hint;
};

/* What maps at a logical block.  pblk 0: a hole of len blocks. */
struct vexfs_map {
	__u32 lblk, len;
	__u64 pblk;
	bool unwritten;
	__u32 seq;
};

/* --- super.c --- */

/* Geometry for mkfs: fills every field of *s from blocks and journal_blocks (0: choose); -EINVAL or
 * -ENOSPC. */
int vexfs_super_init(struct vexfs_super *s, __u64 blocks, __u32 journal_blocks);
/* Is *s a superblock that this code can use on a device of dev_blocks?  Checks magic, crc, features
 * and that every count and region is in bounds.  0, -EINVAL (not VexFS), -EUCLEAN (damaged),
 * -EOPNOTSUPP (unknown INCOMPAT feature), -ENXIO (all is well, but the device is too small), -EROFS
 * (unknown RO_COMPAT feature, or a copy; usable read-only).  *why: one phrase for the log. */
int vexfs_super_check(const struct vexfs_super *s, __u64 dev_blocks, const char **why);
/* For -ENXIO, with both sizes in bytes (unsigned long long). */
#define VEXFS_SHORT_DEVICE \
	"the device has %llu bytes and the filesystem needs %llu: give the partition or the image its size back"
void vexfs_super_stamp(struct vexfs_super *s);		/* compute s_crc */
/* What is written as a copy of *s: see struct vexfs_super in format.h. */
void vexfs_super_copy(struct vexfs_super *copy, const struct vexfs_super *s);
/* Only the geometry and uuid_seed of *fs, from a checked *s: enough for vexfs_group_*() and
 * vexfs_csum(). */
void vexfs_super_geometry(struct vexfs_fs *fs, const struct vexfs_super *s);
/* All blocks / inodes that can be free: of every group, in use or not. */
__u64 vexfs_super_capacity(const struct vexfs_fs *fs);
/* Set up fs from block 0 (after the journal was replayed); counts free space when s_state is not
 * CLEAN. */
int vexfs_super_read(struct vexfs_fs *fs, void *host, __u64 dev_blocks);
/* The same from the copy in this block, if it is not 0; for reading alone, as is a block 0 that is a
 * copy (vexfs_super_check() says so): nobody knows its orphans, or which generations were given
 * out. */
int vexfs_super_read_copy(struct vexfs_fs *fs, void *host, __u64 dev_blocks, __u64 block);
/* fs->groups_init, from the geometry and what is on the device.  Groups are initialised in order, so
 * they reach to the last one whose block verifies: 1 at least.  -EINTR, -ENOMEM. */
int vexfs_super_find_groups(struct vexfs_fs *fs);
void vexfs_super_release(struct vexfs_fs *fs);
/* In a transaction: write the counters, state and times of fs into block 0. 1 credit. */
int vexfs_super_log(vx_txn *t, struct vexfs_fs *fs, __u16 state);
/* In a transaction: from now on it has these VEXFS_RO_COMPAT_*.  1 credit. */
int vexfs_super_feature(vx_txn *t, struct vexfs_fs *fs, __u32 ro_compat);
/* Block 0's buffer: under alloc_lock, with write access taken; copies the counters, stamps,
 * dirties. */
int vexfs_super_dirty(vx_txn *t, struct vexfs_fs *fs);

/* --- alloc.c --- group blocks; freed blocks are reused only after the commit that freed them */

/* First block of the inode table of group g / first block that may hold data / blocks in the
 * group. */
__u64 vexfs_group_block(const struct vexfs_fs *fs, __u32 g);
__u64 vexfs_group_itable(const struct vexfs_fs *fs, __u32 g);
__u64 vexfs_group_data(const struct vexfs_fs *fs, __u32 g);
__u32 vexfs_group_len(const struct vexfs_fs *fs, __u32 g);
/* Build the block of a never used group in memory (mkfs and first use). */
void vexfs_group_init(const struct vexfs_fs *fs, __u32 g, struct vexfs_group *out);
int vexfs_group_check(const struct vexfs_fs *fs, __u32 g, const struct vexfs_group *b);
/* The same, and it tells nobody: NULL, or what is wrong. */
const char *vexfs_group_wrong(const struct vexfs_fs *fs, __u32 g, const struct vexfs_group *b);

#define VEXFS_ALLOC_CREDITS	3	/* superblock, group block, a newly initialised group */
#define VEXFS_ALLOC_RESERVE	1	/* flag: may use s_reserved_blocks */
#define VEXFS_ALLOC_TIGHT	2	/* flag: may use half of them */
/* Blocks that may be allocated, by flags; some of them perhaps only after a commit. */
__u64 vexfs_alloc_room(struct vexfs_fs *fs, int flags);
/* Allocate a run of 1..want blocks near goal (0: anywhere); *pblk, *len.  -ENOSPC. */
int vexfs_alloc_blocks(vx_txn *t, struct vexfs_fs *fs, __u64 goal, __u32 want, int flags,
		       __u64 *pblk, __u32 *len);
/* Free a run inside one group; frees of blocks that are free, or outside data, are -EUCLEAN and
 * change nothing.  metadata: the blocks were journaled, so revoke them. */
int vexfs_free_blocks(vx_txn *t, struct vexfs_fs *fs, __u64 pblk, __u32 len, bool metadata);
/* Several runs, all or none of them.  -ENOSPC: the transaction cannot revoke so many blocks. */
struct vexfs_run {
	__u64 pblk;
	__u32 len;
	bool metadata;
};
#define VEXFS_FREE_RUNS (VEXFS_EXTENT_DEPTH + 1)
int vexfs_free_runs(vx_txn *t, struct vexfs_fs *fs, const struct vexfs_run *runs, unsigned int n);
/* Is [pblk, pblk + len) inside the data area of one initialised group? */
bool vexfs_data_run(const struct vexfs_fs *fs, __u64 pblk, __u64 len);
/* A new inode number near parent (a directory spreads over groups); *generation is fresh. */
int vexfs_alloc_ino(vx_txn *t, struct vexfs_fs *fs, __u64 parent, bool dir, __u64 *ino,
		    __u32 *generation);
int vexfs_free_ino(vx_txn *t, struct vexfs_fs *fs, __u64 ino, bool dir);
/* All of vexfs_free_ino() that can fail, unless the log does: it changes nothing.  In the same
 * transaction, before. */
int vexfs_free_ino_prepare(vx_txn *t, struct vexfs_fs *fs, __u64 ino, bool dir);
/* Is ino in range, in an initialised group, and marked in use?  0, -ESTALE, -EUCLEAN, -EIO. */
int vexfs_ino_in_use(struct vexfs_fs *fs, __u64 ino);

/* --- inode.c --- */

bool vexfs_ino_valid(const struct vexfs_fs *fs, __u64 ino);
/* Buffer of the inode table block of ino and the inode in it; verified unless fresh.  The buffer is
 * the caller's. */
int vexfs_inode_buf(struct vexfs_fs *fs, __u64 ino, vx_buf **buf, struct vexfs_inode **raw);
/* A copy of an inode that nobody has in memory.  -ESTALE not in use; -EAGAIN its checksum is wrong:
 * damage, or somebody has it in memory after all and is writing it. */
int vexfs_inode_peek(struct vexfs_fs *fs, __u64 ino, struct vexfs_inode *copy);
/* Same, in a transaction, with write access taken, initialising the table block on first use. 2
 * credits.  The caller changes *raw, then calls vexfs_inode_dirty. */
int vexfs_inode_write(vx_txn *t, struct vexfs_fs *fs, __u64 ino, vx_buf **buf,
		      struct vexfs_inode **raw);
/* stamps, releases buf */
int vexfs_inode_dirty(vx_txn *t, struct vexfs_fs *fs, __u64 ino, vx_buf *buf,
		      struct vexfs_inode *raw);
/* Checks everything in a raw inode that does not need other blocks: crc, mode, flags, sizes, inline
 * extents. */
int vexfs_inode_check(const struct vexfs_fs *fs, __u64 ino, const struct vexfs_inode *raw);
/* raw -> core (after check) and the core's fields -> raw.  The host's fields (mode, uid, times ...)
 * are the host's.  i_next_orphan is written by the orphan functions alone: another inode's owner
 * may be changing it. */
void vexfs_inode_load(struct vexfs_inode_core *c, struct vexfs_fs *fs, __u64 ino,
		      const struct vexfs_inode *raw);
void vexfs_inode_store(const struct vexfs_inode_core *c, struct vexfs_inode *raw);
/*
 * The orphan list, whose links are on disk only.  VEXFS_ORPHAN_CREDITS each.
 *
 * add: c becomes the head.  look: it may be on the list, though its owner does not know; then
 * nothing changes.  del: before is who should lead to ino, or 0; if that is wrong, the list is
 * searched.  -EUCLEAN: ino is not on it.  drop: nobody is on the list any more; for one that cannot
 * be followed.
 */
#define VEXFS_ORPHAN_CREDITS 4
int vexfs_orphan_add(vx_txn *t, struct vexfs_inode_core *c, bool look);
int vexfs_orphan_del(vx_txn *t, struct vexfs_fs *fs, __u64 ino, __u64 before);
int vexfs_orphan_drop(vx_txn *t, struct vexfs_fs *fs);

/* --- extent.c, extent_tree.c --- c->lock held: for reading by lookups, for writing by changes,
 * which need a transaction.  The caller writes the inode afterwards (vexfs_inode_store).  Changes
 * raise c->seq. */

/* one insertion or conversion */
#define VEXFS_EXTENT_CREDITS	(2 * VEXFS_EXTENT_DEPTH + 2 + VEXFS_ALLOC_CREDITS + 2)
int vexfs_extent_lookup(struct vexfs_inode_core *c, __u32 lblk, struct vexfs_map *map);
/* All of the extent that lblk lies in, which may begin before it; pblk 0: in none. */
int vexfs_extent_around(struct vexfs_inode_core *c, __u32 lblk, struct vexfs_map *map);
/* Map [lblk, lblk+len), which must be a hole, to pblk; merges with neighbours. */
int vexfs_extent_insert(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 len, __u64 pblk,
			bool unwritten);
/* Allocate for the hole at lblk, at most want blocks, near what is before; *map is the new extent.
 * -ENOSPC.  See c->tight. */
int vexfs_extent_alloc(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 want,
		       bool unwritten, struct vexfs_map *map);
/* How many blocks a plane takes for a hole of which `want` are needed.  Two that grow together would
 * interleave, so they grow in chunks of VEXFS_PLANE_CHUNK blocks, or a fourth of what they have, if
 * that is more; but beyond `want` by no more than an eighth of what is free, for others need some,
 * and not if c->tight.  0: so little is free that an eighth of the plane could not be copied, which a
 * compaction has to, to free anything; c->tight takes all the same. */
#define VEXFS_PLANE_CHUNK	1024
__u32 vexfs_extent_chunk(const struct vexfs_inode_core *c, __u32 want);
/* Unwritten -> written in [lblk, lblk+len), at most one extent per call: *done blocks were dealt
 * with (holes and written ones too).  May use the reserve; when that is used up, -ENOSPC.  An extent
 * that is converted as a whole needs no space. */
int vexfs_extent_convert(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 len, __u32 *done);
/* Unmap from the end down to lblk `from`, freeing blocks and empty nodes, as far as the
 * transaction's credits reach: 0 done, -EAGAIN: write the inode and restart in a new transaction.
 * Give it VEXFS_EXTENT_CREDITS besides those of the inode and the orphan list, and as many revoke
 * credits as one call may forget blocks: VEXFS_FORGET_MAX. */
#define VEXFS_FORGET_MAX	64
int vexfs_extent_truncate(vx_txn *t, struct vexfs_inode_core *c, __u32 from);
/* Call fn for every extent in order; for fsck and tests. Verifies the tree on its way. */
int vexfs_extent_walk(struct vexfs_inode_core *c, int (*fn)(void *arg, const struct vexfs_map *m),
		      void *arg);
/* The same, and node (may be NULL) for every block of the tree itself. */
int vexfs_extent_walk_nodes(struct vexfs_inode_core *c, int (*node)(void *arg, __u64 block),
			    int (*fn)(void *arg, const struct vexfs_map *m), void *arg);
/* Are n entries of a node at this depth (0: extents) in order, in bounds and within [lo, hi)?
 * NULL, or what is wrong. */
const char *vexfs_extent_check(const struct vexfs_fs *fs, const void *entries, unsigned int n,
			       unsigned int depth, __u32 lo, __u64 hi);

/* --- dir.c --- c is a directory; its host holds the directory's inode lock (shared for lookup and
 * iterate) and, for changes, a transaction and afterwards writes the inode.  Takes c->lock
 * itself. */

#define VEXFS_DIR_CREDITS	(2 + VEXFS_EXTENT_CREDITS)
/* -ENOENT; *type is DT_*.  Lookups, additions and iterations are killable (-EINTR, nothing has
 * changed), the others not. */
int vexfs_dir_lookup(struct vexfs_inode_core *c, const char *name, unsigned int len, __u64 *ino,
		     __u8 *type);
/* -EEXIST is the host's to check before */
int vexfs_dir_add(vx_txn *t, struct vexfs_inode_core *c, const char *name, unsigned int len,
		  __u64 ino, __u8 type);
int vexfs_dir_remove(vx_txn *t, struct vexfs_inode_core *c, const char *name, unsigned int len);
/* Point an existing name at another inode (rename over it). */
int vexfs_dir_replace(vx_txn *t, struct vexfs_inode_core *c, const char *name, unsigned int len,
		      __u64 ino, __u8 type);
/* Entries from byte position *pos on; fn returns false to stop (then *pos is that entry's). Stable
 * positions: an entry keeps its position while it exists. */
int vexfs_dir_iterate(struct vexfs_inode_core *c, __u64 *pos,
		      bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino,
				 __u8 type, __u64 pos),
		      void *arg);
/*
 * The same into memory, for who must not be called back: as many entries as fit into `size` bytes, one
 * behind the other; full: there are more.
 */
struct vexfs_dir_entry {
	__u64 ino, pos;
	__u8 type, len;
	char name[];
};
struct vexfs_dir_list {
	unsigned int size, used;
	bool full;
	__u8 byte[] __attribute__((aligned(8)));
};
int vexfs_dir_fill(struct vexfs_inode_core *c, __u64 *pos, struct vexfs_dir_list *l);
/* The entry at *at, from 0, which goes on to the next one; NULL: that was all. */
const struct vexfs_dir_entry *vexfs_dir_next(const struct vexfs_dir_list *l, unsigned int *at);
int vexfs_dir_empty(struct vexfs_inode_core *c);	/* 0, -ENOTEMPTY, or an error */

/* --- checksums, core.h inline or super.c --- */

enum vexfs_block_type { VEXFS_BT_SUPER, VEXFS_BT_GROUP, VEXFS_BT_INODES, VEXFS_BT_EXTENT,
			VEXFS_BT_DIR, VEXFS_BT_COLLECTION, VEXFS_BT_DEAD };
/*
 * crc of a block or inode: crc32c over its bytes, its crc field taken as zero, seeded with
 * uuid_seed chained over the little-endian identity: a (8 bytes), b (4 bytes), d (8 bytes); 0 where
 * the type has no such part:
 *	group: a = block; inode: a = ino, b = generation;
 *	extent: a = ino, b = generation, d = block;
 *	dir, dead: a = ino, b = generation, d = lblk;
 *	collection: a = ino, b = generation, d = block
 */
__u32 vexfs_csum(const struct vexfs_fs *fs, const void *p, unsigned int len, unsigned int crc_off,
		 __u64 a, __u32 b, __u64 d);

#endif /* _VEXFS_CORE_H */
