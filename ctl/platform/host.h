/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files behind a mount in user space share.  They do what kmod/fs does in the kernel,
 * without a page cache: data are on the device when a write returns, though not on stable storage.
 *
 *	kernel-user.c	the kernel's names
 *	collection-user.c	transactions, errors, who may do what
 *	call-user.c	calls for other processes
 *	inode-user.c	inodes in memory: read, made, logged, freed
 *	orphan-user.c	those to be freed, should this process end now
 *	plane-user.c	planes of collections, and their rows
 *	program-user.c	what the registry of programs asks for
 *	native-user.c	programs that are compiled natively, see native.h
 *	data-user.c	data of regular files
 *	names-user.c	names
 *	node-user.c	attributes, and what nodes.h has beside names
 *	paths-user.c	paths, and what is opened by them
 *	place-user.c	where inodes are, what collections ask about files
 *	worker-user.c	work on derived data
 *	image.c		mounting and unmounting
 *
 * Beyond this, see collection/platform.h, which they implement, and image.h.
 */
#ifndef _VEXFS_HOST_H
#define _VEXFS_HOST_H

#include "collection/collection.h"
#include "image.h"
#include "log.h"
#include "nodes.h"

static inline bool sb_rdonly(const struct super_block *sb)
{
	return sb->readonly;
}

/* The mount of an image (image.c). */
struct super_block *vexfs_image_sb(struct vexfs_image *image);
/*
 * For a check: what collections see of a filesystem over a device that stays the caller's, whose log
 * was replayed.  Nothing is written or freed, and no name is looked up.  What would be said on
 * stderr is told, a line each.  ERR_PTR: -ENOMEM, -EIO, -EUCLEAN.  Nobody has an inode of it when it
 * is left.
 */
struct super_block *vexfs_image_over(struct vexfs_dev *dev,
				     void (*hear)(void *arg, const char *line), void *arg);
void vexfs_image_leave(struct super_block *sb);

/* A line for whoever looks at stderr, unless the mount was killed or its device is quiet. */
__printf(2, 3) void vexfs_msg(const struct super_block *sb, const char *fmt, ...);

/* --- collection-user.c --- */

/* What vexfs_commit_barrier() must be given so that everything so far is on stable storage. */
tid_t vexfs_last_tid(struct super_block *sb);
/* In a transaction of 1 credit: write state and counters into the superblock. */
int vexfs_log_super(vx_txn *t, struct super_block *sb, bool clean);
/* A block could not be written: say it, once, if that is because the image's disk is full. */
void vexfs_write_failed(const struct super_block *sb);
/* vexfs_commit_barrier(), which any flush since `since` will do for: see vexfs_log_wait(). */
int vexfs_commit_barrier_since(struct super_block *sb, tid_t tid, u64 since);
/* The core has found damage: vexfs_dev.found. */
void vexfs_found_damage(struct vexfs_dev *dev, const char *line);

/* --- worker-user.c --- */

void vexfs_worker_init(struct vexfs_worker *w);
/* Before collections or inodes go.  Waits for a step of it. */
void vexfs_worker_end(struct vexfs_worker *w);

/* --- inode-user.c --- */

/*
 * A new inode of dir, in the table and new there, with i_nlink 1 (directories 2), not yet logged.
 * flags: VEXFS_INODE_* beside those that mode implies.  VEXFS_NEW_CREDITS.  vexfs_inode_made()
 * afterwards, or, with an error later on, vexfs_abandon_new(), which ends the transaction and
 * returns that, and then iput().
 */
struct inode *vexfs_new_inode(vx_txn *t, struct inode *dir, const struct vexfs_make *make,
			      u32 flags);
void vexfs_inode_made(struct inode *inode);
int vexfs_abandon_new(vx_txn *t, struct inode *inode, int err);
/*
 * Free all blocks from lblk `from` on, in as many transactions as it takes.  i_rwsem held, or
 * nobody else has it.
 */
int vexfs_free_from(struct inode *inode, u32 from);
/*
 * The one in the table, whatever it is; one that is being freed only if there is no other.
 * cache_lock held.
 */
struct inode *vexfs_find_inode(struct vexfs_sb_info *sbi, u64 ino);
/* Unmounting: forget all inodes.  Nobody has any of them. */
void vexfs_forget_inodes(struct super_block *sb);
/* Changed just now: mtime and ctime, not yet logged. */
void vexfs_inode_modified(struct inode *inode);

/* --- orphan-user.c --- */

/* In a transaction of VEXFS_ORPHAN_CREDITS; no-ops where there is nothing to do. */

int vexfs_orphan_link(vx_txn *t, struct inode *inode);
int vexfs_orphan_unlink(vx_txn *t, struct inode *inode);
/*
 * Finish what earlier mounts began.  Damage is no error: it sets VEXFS_SBI_ERROR.  -ENOMEM, -EIO
 * the log failed.
 */
int vexfs_orphan_cleanup(struct super_block *sb);

/* --- plane-user.c --- */

/* Map the device, for rows; without a map they are read one by one. */
void vexfs_map_open(struct vexfs_sb_info *sbi);
void vexfs_map_close(struct vexfs_sb_info *sbi);
/*
 * Where block lblk of a file is, and up to `want` that follow it and are alike.  Of a plane:
 * data_lock held.
 */
struct vexfs_where {
	u64 pblk;			/* 0: nowhere */
	u32 len;
	bool valid;			/* the device has its bytes; else they are zeros */
	bool written;			/* by its extent */
};
int vexfs_locate(struct inode *inode, u32 lblk, u32 want, struct vexfs_where *w);
/* n bytes from `off` on of the one block at w.  Part of a block is written as all of it. */
int vexfs_write_part(struct inode *inode, const struct vexfs_where *w, u32 off, const void *from,
		     u32 n);
/*
 * [lblk, lblk + want) has blocks that were written: convert what is unwritten, raise the size on
 * disk to `size` if that is more, and log the inode; in as many transactions as it takes.
 */
int vexfs_blocks_written(struct inode *inode, u32 lblk, u32 want, u64 size);

/* --- data-user.c: of regular files; i_rwsem held, shared to read --- */

/* How many bytes; a write is cut short where the filesystem is full. */
ssize_t vexfs_data_read(struct inode *inode, void *to, size_t n, u64 pos);
ssize_t vexfs_data_write(struct inode *inode, const void *from, size_t n, u64 pos);
/* truncate(2) without its checks.  modified: mtime changes even if the size does not. */
int vexfs_setsize(struct inode *inode, u64 size, bool modified);
/* fallocate(2), see nodes.h. */
int vexfs_data_reserve(struct inode *inode, u64 pos, u64 n, bool keep_size);
/* SEEK_DATA, or SEEK_HOLE; the size of a file is a hole.  -ENXIO. */
off_t vexfs_data_seek(struct inode *inode, u64 pos, bool hole);

#endif /* _VEXFS_HOST_H */
