/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filesystem: the kernel's alone.
 *
 *	super.c		mounting, workers, freezing
 *	inode.c		reading, creating, writing, resizing and freeing inodes
 *	orphan.c	those to be freed or truncated, should the machine stop now
 *	namei.c dir.c	names
 *	file.c iomap.c	data, over the page cache
 *	journal.c	transactions, over jbd2
 *	error.c		damage, errors=, shutdown
 *	plane.c		planes of collections
 *	worker.c	work on derived data, and reclaim of its memory
 *	host.c		what else collection/platform.h asks for
 *
 * Transactions, hidden inodes and planes are declared in collection/platform.h, since collections
 * ask for them; what they want to be told in collection/collection.h.
 *
 * Locks: see vexfs.h.
 */
#ifndef _VEXFS_FS_FS_H
#define _VEXFS_FS_FS_H

#include "collection/collection.h"

#define vexfs_msg(level, sb, fmt, ...) \
	printk(level "vexfs (%s): " fmt "\n", (sb)->s_id, ##__VA_ARGS__)

/* --- journal.c --- */

/* syncfs: as vexfs_commit_barrier(), for what is running now, if anything is. */
int vexfs_commit_now(struct super_block *sb);
/* The transaction to wait for to have everything so far: what fsync of an inode just read needs. */
tid_t vexfs_last_tid(struct super_block *sb);
/*
 * Load the log (replays it) / close it.  before: a superblock of this filesystem, for the log's
 * place.
 */
int vexfs_journal_open(struct super_block *sb, const struct vexfs_super *before);
/* Do without it, which is said: sbi->journal stays NULL, and nothing is ever written. */
void vexfs_journal_leave(struct super_block *sb, const struct vexfs_super *before);
int vexfs_journal_close(struct super_block *sb);
/* In a transaction of 1 credit: write state and counters into the superblock. */
int vexfs_log_super(handle_t *handle, struct super_block *sb, bool clean);

/* --- error.c --- */

/*
 * Did the log fail?  jbd2 aborts by itself, in its own thread and without telling; whoever sees it
 * first shuts the filesystem down.
 */
bool vexfs_log_failed(const struct super_block *sb);
/*
 * Tell the kernel's log of a block of metadata; who wanted it gets -EIO.  old: it is not tried, as it
 * may be older than the log.
 */
void vexfs_unreadable(struct super_block *sb, u64 block, bool old);

/* --- inode.c --- */

/*
 * A new inode of dir, owned as POSIX wants, hashed and I_NEW, with i_nlink 1 (directories 2), not
 * yet logged. flags: VEXFS_INODE_* to set besides those that mode implies.  VEXFS_NEW_CREDITS.  A
 * caller that fails later with err ends the transaction by vexfs_abandon_new(), which returns that,
 * and calls iput() after it.
 */
struct inode *vexfs_new_inode(handle_t *handle, struct inode *dir, umode_t mode,
			      struct mnt_idmap *idmap, u32 flags);
int vexfs_abandon_new(handle_t *handle, struct inode *inode, int err);
/* Operations by type, flags and size. */
void vexfs_set_ops(struct inode *inode);
/*
 * Free all blocks from lblk `from` on, in as many transactions as it takes.  i_rwsem held, or the
 * caller alone has the inode.
 */
int vexfs_free_from(struct inode *inode, u32 from);
/* truncate(2) without its checks; i_rwsem held. */
int vexfs_setsize(struct inode *inode, loff_t size);
int vexfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr);
int vexfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat, u32 mask,
		  unsigned int flags);
void vexfs_evict_inode(struct inode *inode);
void vexfs_dirty_inode(struct inode *inode, int flags);
struct inode *vexfs_alloc_inode(struct super_block *sb);
void vexfs_free_inode(struct inode *inode);
int vexfs_inode_cache_init(void);
void vexfs_inode_cache_exit(void);

/* --- orphan.c --- */

/*
 * The orphan list: in a transaction of VEXFS_ORPHAN_CREDITS.  Both are no-ops where there is
 * nothing to do.
 */
int vexfs_orphan_link(handle_t *handle, struct inode *inode);
int vexfs_orphan_unlink(handle_t *handle, struct inode *inode);
/* vexfs_orphan_unlink() in a transaction of its own. */
int vexfs_orphan_done(struct inode *inode);
/*
 * Finish what the orphans of an earlier mount began: at mount and at remount read-write.  Damage is
 * no error: it sets VEXFS_SBI_ERROR.  -ENOMEM, -EIO after a failure of the log.
 */
int vexfs_orphan_cleanup(struct super_block *sb);

/* --- plane.c; the rest is in collection/platform.h --- */

int vexfs_rows_cache_init(void);
void vexfs_rows_cache_exit(void);

/* --- iomap.c --- */

extern const struct iomap_ops vexfs_iomap_ops;
extern const struct address_space_operations vexfs_aops;
void vexfs_io_work(struct work_struct *work);

/* --- worker.c --- */

/* While mounting, before there are collections.  -ENOMEM. */
int vexfs_worker_start(struct super_block *sb);
/* Before collections or inodes go.  Waits for a step of it. */
void vexfs_worker_stop(struct super_block *sb);
/* Until it writes nothing any more, when vexfs_may_work() has become false. */
void vexfs_worker_wait(struct super_block *sb);

/* --- file.c, dir.c, namei.c --- */

extern const struct file_operations vexfs_file_fops;
extern const struct inode_operations vexfs_file_iops;
extern const struct file_operations vexfs_dir_fops;
extern const struct inode_operations vexfs_dir_iops;
extern const struct inode_operations vexfs_symlink_iops;
extern const struct inode_operations vexfs_long_symlink_iops;
extern const struct inode_operations vexfs_special_iops;
extern const struct export_operations vexfs_export_ops;
int vexfs_fsync(struct file *file, loff_t start, loff_t end, int datasync);

#endif /* _VEXFS_FS_FS_H */
