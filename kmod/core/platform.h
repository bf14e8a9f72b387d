/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that the filesystem core knows of its host.
 *
 *	vx_buf		one block of the device in memory: kernel struct buffer_head; user struct
 *			vx_block
 *	vx_txn		a transaction: kernel jbd2 handle_t; user: struct vx_handle
 *
 * Checksums are computed by the core when it has changed a block and before vx_txn_dirty(): no
 * trigger is needed, since a core block changes only inside one lock per block.
 *
 * vx_verified(b): the block was found to be good since it was read, vx_set_verified(b) said so, and
 * only transactions have changed it.  That spares checksums, not the checks of what depends on who
 * asks.  In user space every change makes it unverified again.
 *
 * vx_room(fs, block, n): of n blocks that are about to be taken, for how many from the first on there
 * is room on what the filesystem is on.  A disk has it for all of them; an image with holes may be on
 * a disk that is full, and then 0 is -ENOSPC for who wants them, before anything has changed.
 */
#ifndef _VEXFS_CORE_PLATFORM_H
#define _VEXFS_CORE_PLATFORM_H

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/fs.h>
#include <linux/buffer_head.h>
#include <linux/jbd2.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/crc32c.h>
#include <linux/stat.h>
typedef struct buffer_head vx_buf;
typedef handle_t vx_txn;
typedef struct mutex vx_mutex;
typedef struct rw_semaphore vx_rwsem;
#define vx_mutex_init(m) mutex_init(m)
#define vx_lock(m) mutex_lock(m)
#define vx_unlock(m) mutex_unlock(m)
#define vx_down_read(s) down_read(s)
#define vx_up_read(s) up_read(s)
#define vx_down_write(s) down_write(s)
#define vx_up_write(s) up_write(s)
#define vx_verified(b) buffer_verified(b)
#define vx_set_verified(b) set_buffer_verified(b)
#define vx_room(fs, block, n) ((__u32)(n))
#else
/* ctl/platform/vexfs-user.h: the same names in user space, libc, endian helpers, ERR_PTR */
#include <vexfs-user.h>
#endif

struct vexfs_fs;

/* Implemented by kmod/fs/ (journal.c, error.c) in the kernel and ctl/platform/ in user space. */

/* read; ERR_PTR(-EIO), ERR_PTR(-EUCLEAN) past the end */
vx_buf *vx_bread(struct vexfs_fs *fs, __u64 block);
/* do not read: the caller fills all of it (uptodate after vx_txn_create) */
vx_buf *vx_getblk(struct vexfs_fs *fs, __u64 block);
void vx_brelse(vx_buf *b);				/* NULL is fine */
void *vx_data(vx_buf *b);
int vx_txn_write(vx_txn *t, vx_buf *b);			/* before changing a block */
int vx_txn_create(vx_txn *t, vx_buf *b);		/* before filling a new block: zeroes it */
/* after changing it, checksum included */
int vx_txn_dirty(vx_txn *t, struct vexfs_fs *fs, vx_buf *b);
/* The block stops being metadata: revoke, drop buffers */
int vx_txn_forget(vx_txn *t, struct vexfs_fs *fs, __u64 block);
int vx_txn_revokes(vx_txn *t);				/* blocks that it may still forget */
int vx_txn_credits(vx_txn *t);				/* credits left; user space: INT_MAX */
/* 0, or > 0 when the transaction cannot grow */
int vx_txn_extend(vx_txn *t, int credits);
/*
 * A freed run may be used again only once the transaction that freed it has committed: the kernel
 * asks jbd2's undo copy of the group block, user space the one that vx_txn_write_undo() made, if it
 * has a log.  NULL, or the block as last committed; call under alloc_lock
 */
const void *vx_committed_data(vx_buf *b);
void vx_committed_done(vx_buf *b);
/* vx_txn_write for group blocks: keeps the committed copy */
int vx_txn_write_undo(vx_txn *t, vx_buf *b);
/* zeroed, may sleep, NOFS, any size; NULL */
void *vx_alloc(size_t bytes);
void vx_free(const void *p);
__u64 vx_now(void);					/* seconds */
bool vx_killed(void);					/* a fatal signal is pending */
void vexfs_damage(struct vexfs_fs *fs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* _VEXFS_CORE_PLATFORM_H */
