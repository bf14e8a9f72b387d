/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's view of VexFS: what the files of kmod/ share.  The filesystem core (core/) and the
 * vector engine (engine/) have headers of their own.
 *
 * Lock order (outer first):
 *	i_rwsem (parent before child)
 *	collection mutexes (collection.c)
 *	mapping->invalidate_lock
 *	folio lock
 *	transaction (jbd2 handle; sb_start_intwrite before it where no mnt_want_write protects)
 *	vexfs_inode_core.lock
 *	vexfs_sb_info.orphan_lock (the list in memory)
 *	vexfs_fs.orphan_lock, vexfs_fs.alloc_lock (the core's)
 *
 * No folio lock and no last iput() inside a transaction.
 */
#ifndef _VEXFS_KMOD_H
#define _VEXFS_KMOD_H

#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/jbd2.h>
#include <linux/ratelimit.h>
#include <linux/workqueue.h>
#include "core/core.h"

struct vexfs_collection_mem;		/* collection.c: a loaded collection */

/* Mount options; all but errors= may change at remount. */
struct vexfs_mount_opts {
	u16 errors;			/* VEXFS_ERRORS_*; the superblock's s_errors by default, but no panic */
	unsigned int commit;		/* seconds between two runs of the raise worker, 1 .. 300 */
	u64 resident;			/* bytes that codes may occupy in memory */
	/* percent of a collection's slots: when so many are dead it is compacted; 0: never */
	unsigned int compact;
};

#define VEXFS_DEFAULT_COMMIT	5
#define VEXFS_MAX_COMMIT	300
#define VEXFS_DEFAULT_RESIDENT	(256ULL << 20)
#define VEXFS_DEFAULT_COMPACT	50

/* vexfs_sb_info.flags */
enum {
	VEXFS_SBI_SHUTDOWN,		/* no more writing: shut down, errors=remount-ro, the log failed */
	VEXFS_SBI_ERROR,		/* damage was found: the superblock gets STATE_ERROR */
	VEXFS_SBI_RAISE,		/* the workers may run (read-write mount) */
	VEXFS_SBI_MOUNTING,		/* what prevents no mount is recorded only, whatever errors= says */
	VEXFS_SBI_GONE,			/* shut down, not for an error: no more reading of files either */
};

struct vexfs_sb_info {
	struct super_block *sb;
	struct vexfs_fs fs;
	journal_t *journal;
	struct vexfs_mount_opts opts;
	unsigned long flags;		/* VEXFS_SBI_*, atomic bit operations */

	atomic64_t resident;		/* bytes charged to opts.resident, see collection/derived.c */

	struct workqueue_struct *wq;	/* I/O completion: WQ_MEM_RECLAIM | WQ_UNBOUND */
	struct delayed_work raise;	/* vexfs_collections_sync() every opts.commit seconds */
	struct work_struct compact;	/* vexfs_collections_compact() */
	struct work_struct error_work;	/* writes VEXFS_STATE_ERROR, errors=continue only */
	struct ratelimit_state error_limit;	/* of a mount: one's noise hides no other's damage */

	struct mutex orphan_lock;	/* orphans and every vexfs_inode_info.orphan */
	struct list_head orphans;	/* in the order of the list on disk, those that are in memory */
	bool orphan_gaps;		/* some that are on the list on disk have left memory ... */
	int orphan_err;			/* ... because of this, the last one */

	struct mutex collections_lock;	/* collections */
	struct list_head collections;	/* loaded collections, linked by collection.c */
};

/* vexfs_inode_info.state, atomic bit operations */
enum {
	VEXFS_I_PREALLOC,		/* may have blocks past EOF that nobody asked for: release trims */
	VEXFS_I_FRESH,			/* never logged: its slot on disk holds its last owner */
	VEXFS_I_MADE,			/* in memory since it was made: it is an orphan if .orphan says so */
	VEXFS_I_WATCHED,		/* records remember core.data_change: the next change raises it */
};

struct vexfs_inode_info {
	struct vexfs_inode_core core;

	spinlock_t io_lock;		/* io_ends; taken by bio completion */
	struct list_head io_ends;	/* struct iomap_ioend: data is written, metadata is not */
	struct work_struct io_work;

	tid_t sync_tid;			/* what fsync waits for; core.lock, read without it */
	tid_t datasync_tid;		/* same for fdatasync: size and mapping */
	struct timespec64 btime;
	unsigned long state;		/* VEXFS_I_* */
	u32 keep;			/* first block that release may trim; i_rwsem */
	atomic_t binding;		/* inserts that are binding records to it, see bind.c */

	struct list_head orphan;	/* vexfs_sb_info.orphans; empty: not an orphan */

	/*
	 * A directory that is a collection: its loaded state, NULL until loaded.  Set by
	 * collection.c under i_lock, given back when it is dropped or the directory evicted.
	 */
	struct vexfs_collection_mem *coll;

	struct inode vfs_inode;
};

static inline struct vexfs_inode_info *VEXFS_I(const struct inode *inode)
{
	return container_of(inode, struct vexfs_inode_info, vfs_inode);
}

static inline struct vexfs_sb_info *VEXFS_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* Is inode a directory with a schema? */
static inline bool vexfs_is_collection(const struct inode *inode)
{
	return S_ISDIR(inode->i_mode) && (VEXFS_I(inode)->core.flags & VEXFS_INODE_COLLECTION);
}

/*
 * Did the log fail?  jbd2 aborts by itself, in its own thread and without telling; whoever sees it
 * first shuts the filesystem down.
 */
bool vexfs_log_failed(const struct super_block *sb);

/* No more writing, whatever errors= says: each change, fsync and syncfs is -EIO. */
static inline bool vexfs_is_shutdown(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_SHUTDOWN, &VEXFS_SB(sb)->flags) || vexfs_log_failed(sb);
}

static inline bool vexfs_is_gone(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_GONE, &VEXFS_SB(sb)->flags);
}

#define vexfs_msg(level, sb, fmt, ...) \
	printk(level "vexfs (%s): " fmt "\n", (sb)->s_id, ##__VA_ARGS__)

/* --- fs/journal.c: transactions --- */

#define VEXFS_INODE_CREDITS	2	/* vexfs_log_inode(): table block, group block */
/* A new inode with its orphan entry, and a name for it. */
#define VEXFS_NEW_CREDITS	(VEXFS_ALLOC_CREDITS + VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS)
#define VEXFS_NAME_CREDITS	(VEXFS_DIR_CREDITS + VEXFS_INODE_CREDITS)
/* Orphan, inode and superblock: the last steps of a truncate or an eviction. */
#define VEXFS_FREE_CREDITS	(VEXFS_ALLOC_CREDITS + VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS)

/*
 * Start a transaction of so many blocks; nests.  ERR_PTR: -EIO after a shutdown or a failure of the
 * log, -EROFS on a read-only mount, -ENOMEM.
 */
handle_t *vexfs_start(struct super_block *sb, int credits);
/* End it.  err, or if that is 0 the error of the journal. */
int vexfs_stop(handle_t *handle, int err);
/*
 * End one in which something has changed.  With an error a part of the operation is missing, and what
 * there is of it must not commit: the log ends here.
 */
int vexfs_finish(handle_t *handle, struct super_block *sb, int err);
/*
 * Wait until transaction tid is on stable storage, with all data written before.  Outside any
 * transaction.  -EIO once the log has failed, whichever transaction that was.
 */
int vexfs_commit_barrier(struct super_block *sb, tid_t tid);
/* The same for what is running now, if anything is: syncfs. */
int vexfs_commit_now(struct super_block *sb);
/* The transaction to wait for to have everything so far: what fsync of an inode just read needs. */
tid_t vexfs_last_tid(struct super_block *sb);
/*
 * After -ENOSPC, outside a transaction: commit, so that freed blocks become usable.  The same after
 * -EIO while the log is fine: a group that cannot be read may be the only one with room until then.
 * True: try again.  *retries starts at 0.
 */
bool vexfs_retry_alloc(struct super_block *sb, int err, int *retries);
/*
 * Load the log (replays it) / close it.  before: a superblock of this filesystem, for the log's
 * place.
 */
int vexfs_journal_open(struct super_block *sb, const struct vexfs_super *before);
int vexfs_journal_close(struct super_block *sb);
/* Log damage or an I/O error that leaves the filesystem in doubt, and follow errors=. */
__printf(2, 3) void vexfs_error(struct super_block *sb, const char *fmt, ...);
/*
 * Stop all writing.  how: 0 flush everything first, 1 flush the log first, 2 flush nothing; else
 * -EINVAL. The caller has checked CAP_SYS_ADMIN.
 */
int vexfs_shutdown(struct super_block *sb, u32 how);
/* In a transaction of 1 credit: write state and counters into the superblock. */
int vexfs_log_super(handle_t *handle, struct super_block *sb, bool clean);

/* --- fs/inode.c --- */

#define VEXFS_IGET_HIDDEN	0x1	/* a hidden inode (a plane), and nothing else */
#define VEXFS_IGET_ORPHAN	0x2	/* anything is fine, unlinked or hidden */
#define VEXFS_IGET_HANDLE	0x4	/* from a file handle: what is not there is -ESTALE */
/*
 * A referenced, valid inode.  ERR_PTR: -EUCLEAN (a name or pointer to what is no such inode),
 * -ESTALE, -EIO, -ENOMEM.
 */
struct inode *vexfs_iget(struct super_block *sb, u64 ino, unsigned int flags);
/*
 * A new inode of dir, owned as POSIX wants, hashed and I_NEW, with i_nlink 1 (directories 2), not
 * yet logged. flags: VEXFS_INODE_* to set besides those that mode implies.  VEXFS_NEW_CREDITS.  A
 * caller that fails later with err ends the transaction by vexfs_abandon_new(), which returns that, and
 * calls iput() after it.
 */
struct inode *vexfs_new_inode(handle_t *handle, struct inode *dir, umode_t mode,
			      struct mnt_idmap *idmap, u32 flags);
int vexfs_abandon_new(handle_t *handle, struct inode *inode, int err);
/* Operations by type, flags and size. */
void vexfs_set_ops(struct inode *inode);
/*
 * A hidden regular inode of the collection directory dir: a plane.  flags: 0 or
 * VEXFS_INODE_METADATA.  It has i_nlink 1, no name, and is logged; the caller stores its number in
 * the same transaction.  VEXFS_NEW_CREDITS.
 */
struct inode *vexfs_new_hidden(handle_t *handle, struct inode *dir, u32 flags);
/* Free a plane: in a transaction of VEXFS_FREE_CREDITS, before the last iput() outside it. */
int vexfs_unlink_hidden(handle_t *handle, struct inode *inode);
/*
 * A hidden inode that is on the orphan list from the beginning, in its own transaction: it is freed
 * by the last iput(), or at the next mount ...
 */
struct inode *vexfs_new_orphan(struct inode *dir, u32 flags);
/* ... unless it is kept: in the transaction that stores its number.  VEXFS_ADOPT_CREDITS. */
int vexfs_adopt_hidden(handle_t *handle, struct inode *inode);
#define VEXFS_ADOPT_CREDITS	(VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS)
/*
 * Write the inode into its table block.  VEXFS_INODE_CREDITS.  Takes core.lock; datasync: fdatasync
 * must wait for it.
 */
int vexfs_log_inode(handle_t *handle, struct inode *inode, bool datasync);
/*
 * Access to what logging it will change, in the same transaction, before anything is changed: whatever
 * of that may fail, for want of memory or because it cannot be read, does so here.  NULL is fine.
 */
int vexfs_inode_access(handle_t *handle, struct inode *inode);
/* Same as vexfs_log_inode(), core.lock held for writing: the mapping or the sizes changed under it. */
int vexfs_log_inode_locked(handle_t *handle, struct inode *inode, bool datasync);
/*
 * The orphan list: in a transaction of VEXFS_ORPHAN_CREDITS.  Both are no-ops where there is
 * nothing to do.
 */
int vexfs_orphan_link(handle_t *handle, struct inode *inode);
int vexfs_orphan_unlink(handle_t *handle, struct inode *inode);
/*
 * Finish what the orphans of an earlier mount began: at mount and at remount read-write.  Damage is no
 * error: it sets VEXFS_SBI_ERROR.  -ENOMEM, -EIO after a failure of the log.
 */
int vexfs_orphan_cleanup(struct super_block *sb);
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

/* --- fs/iomap.c --- */

extern const struct iomap_ops vexfs_iomap_ops;
extern const struct address_space_operations vexfs_aops;
void vexfs_io_work(struct work_struct *work);
/*
 * Allocate unwritten extents for the holes of [lblk, lblk + want).  Outside a transaction.  Hidden
 * inodes get chunks of at least VEXFS_PLANE_CHUNK blocks, growing with the file, unless they are
 * tight; -ENOSPC after a commit did not help, -EFBIG.
 */
int vexfs_ensure_alloc(struct inode *inode, u32 lblk, u32 want);
#define VEXFS_PLANE_CHUNK	1024

/* --- fs/file.c, fs/dir.c, fs/namei.c --- */

extern const struct file_operations vexfs_file_fops;
extern const struct inode_operations vexfs_file_iops;
extern const struct file_operations vexfs_dir_fops;
extern const struct inode_operations vexfs_dir_iops;
extern const struct inode_operations vexfs_symlink_iops;
extern const struct inode_operations vexfs_long_symlink_iops;
extern const struct inode_operations vexfs_special_iops;
extern const struct export_operations vexfs_export_ops;
int vexfs_fsync(struct file *file, loff_t start, loff_t end, int datasync);

/* --- collection/collection.c: what the filesystem asks of collections; dir is a collection directory --- */

/*
 * The collection directory that inode, or a file created in this directory, belongs to; 0: none.
 * inode is in a directory tree that is in use.  Never sleeps.
 */
u64 vexfs_collection_of(struct inode *inode);
/* fsync: commit all operations acknowledged so far. */
int vexfs_collection_sync(struct inode *dir);
/*
 * The same for all loaded collections: syncfs, unmount, freeze, remount, raise worker.  Never
 * called in a transaction.
 */
int vexfs_collections_sync(struct super_block *sb);
/*
 * Has it records that are not deleted?  Loads it; an error that prevents loading counts as "yes".
 */
bool vexfs_collection_has_records(struct inode *dir);
/*
 * rmdir has unlinked it (i_nlink 0); i_rwsem of dir held, outside a transaction: no new operations.
 */
void vexfs_collection_unlinked(struct inode *dir);
/*
 * Evict, i_nlink 0, before its own blocks go, outside a transaction: free its planes and its
 * collection block.
 */
int vexfs_collection_free(struct inode *dir);
/* Evict, any i_nlink: give vexfs_inode_info.coll back. */
void vexfs_collection_evict(struct inode *dir);
/* kill_sb, while everything still works: commit, stop workers. */
void vexfs_collections_shutdown(struct super_block *sb);
/*
 * Those with many dead slots, one after the other: compact worker.  Stops when VEXFS_SBI_RAISE
 * goes.
 */
int vexfs_collections_compact(struct super_block *sb);
/*
 * put_super, after the inodes were evicted and before the journal goes: drop what still holds
 * planes.
 */
void vexfs_collections_put(struct super_block *sb);

/* --- collection/bind.c: what records that are bound to files must hear of --- */

/*
 * Link count, owner, mode or data_change of a file have changed.  Outside transactions; takes
 * collections_lock and, inside it, vexfs_collection_mem.files_lock.
 */
void vexfs_file_changed(struct inode *inode);
/*
 * Data of a file have changed, or may have: raise core.data_change if a record remembers it.  The
 * first one in core.lock and a transaction that logs the inode afterwards, and
 * vexfs_file_changed() after that; the second does it all, outside transactions.
 */
void vexfs_data_changed_locked(struct inode *inode);
void vexfs_data_changed(struct inode *inode);
/*
 * May a file leave its collection, or have a name elsewhere?  -EXDEV: it has records.  Loads the
 * collection; i_rwsem of the file held.
 */
int vexfs_file_may_leave(struct inode *inode);

/* --- collection/heir.c: a file takes the place of one that has records --- */

/* A rename over a file, while it is under way. */
struct vexfs_inheritance {
	struct inode *replaced, *heir;
	struct inode *dir;			/* of the collection, a reference; NULL: nothing is inherited */
	struct vexfs_collection_mem *c;		/* a reference, and its lock is held */
	struct buffer_head *bh;			/* block of the table that will be changed */
	u32 entry;				/* of the table */
	bool again;				/* it is there, and leads to `replaced` */
};
#define VEXFS_INHERIT_CREDITS	1
/*
 * `heir` will be renamed over `replaced`, in the directory dir, i_rwsem of all three held: see whether
 * there are records that it inherits, which the caller may read, and make room for that.  Loads the collection.  Outside
 * transactions; vexfs_inherit_end() after 0, outside them too.  -EXDEV: the heir has names elsewhere;
 * -ENOSPC, -EIO, -EUCLEAN, -ENOMEM, -EINTR.
 */
int vexfs_inherit_begin(struct mnt_idmap *idmap, struct vexfs_inheritance *h, struct inode *replaced,
			struct inode *heir, struct inode *dir);
/* In the transaction: before anything is changed, and then the change, before `heir` is logged. */
int vexfs_inherit_access(handle_t *handle, struct vexfs_inheritance *h);
int vexfs_inherit_log(handle_t *handle, struct vexfs_inheritance *h);
void vexfs_inherit_end(struct vexfs_inheritance *h);

/* --- ioctl/ioctl.c, hooks/hooks.c, hooks/sysfs.c --- */

long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int vexfs_hooks_init(void);
void vexfs_hooks_exit(void);
int vexfs_sysfs_init(void);
void vexfs_sysfs_exit(void);

#endif /* _VEXFS_KMOD_H */
