/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that collections, searches and ioctls know of their host, beyond what core/platform.h and
 * engine/platform.h ask for.
 *
 * The kernel's side is kmod/fs/host.c, plane.c and the files that they lean on; in user space it is
 * ctl/platform/collection-user.c and its neighbours.  Both have, under the kernel's names,
 *
 *	lists, bit operations, min() and max(), sort() and bsearch(), an xarray of pointers
 *	struct mutex, which a fatal signal interrupts where that is asked for; spinlock_t,
 *	refcount_t, atomic_t, atomic64_t, smp_load_acquire(), smp_store_release()
 *	kmalloc(), kvmalloc() and their relatives; copy_from_user() and its relatives
 *	an SRCU for one pointer
 *	siphash(), crc32c(), get_random_bytes(), generate_random_uuid()
 *
 *	struct inode		i_ino, i_generation, i_nlink, i_mode, i_sb, i_rwsem, i_lock;
 *				igrab(), ihold(), iput(): the last one frees an inode that has no
 *				link left
 *	struct super_block	of a mount
 *	struct file		a directory that somebody has opened: file_inode()
 *
 * and what VexFS keeps with them:
 *
 *	VEXFS_I(inode)->core	the core's part of an inode
 *	VEXFS_I(inode)->coll	of a directory: its loaded collection; i_lock
 *	VEXFS_I(inode)->binding	atomic_t: inserts that are binding records to it
 *	VEXFS_I(inode)->state	the bit VEXFS_I_WATCHED: records remember core.data_change, so the
 *				next change raises it
 *	VEXFS_SB(sb)->fs	the core's part of a mount
 *	VEXFS_SB(sb)->collections_lock, ->collections	those that are loaded
 *	VEXFS_SB(sb)->budget	struct vexfs_budget: what is charged to ->opts.resident
 *	VEXFS_SB(sb)->spares	struct vexfs_spares: memory of queries
 *	VEXFS_SB(sb)->opts	.resident, .compact: see struct vexfs_mount_opts
 *
 * Locks: see vexfs.h.
 */
#ifndef _VEXFS_COLLECTION_PLATFORM_H
#define _VEXFS_COLLECTION_PLATFORM_H

#ifdef __KERNEL__
#include <linux/bsearch.h>
#include <linux/errseq.h>
#include <linux/kobject.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include "vexfs.h"
#define VEXFS_TICK_US jiffies_to_usecs(1)
#define vexfs_clock_ns() ktime_get_ns()
#define vexfs_cpu() raw_smp_processor_id()	/* that this runs on, or was just now */

struct vexfs_caller {
	struct mnt_idmap *idmap;
	struct super_block *sb;
	/* has a capability that reads all files, in its namespace */
	bool override;
};

struct vexfs_timed_mutex {
	struct mutex m;
	wait_queue_head_t unlocked;
};

/* How a program is shown, see collection/registry.h. */
struct vexfs_program_host {
	struct kobject kobj;			/* /sys/fs/vexfs/programs/NAME; its release frees */
};
#else
#include <collection-user.h>
#endif
#include <vexfs/ioctl.h>
#include "engine/engine.h"

struct mnt_idmap;

/* Is inode a directory with a schema? */
static inline bool vexfs_is_collection(const struct inode *inode)
{
	return S_ISDIR(inode->i_mode) && (VEXFS_I(inode)->core.flags & VEXFS_INODE_COLLECTION);
}

/* --- transactions --- */

/* Access to an inode's table block, to its group, and to the superblock for the orphan list. */
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
vx_txn *vexfs_start(struct super_block *sb, int credits);
/* End it.  err, or if that is 0 the error of the log. */
int vexfs_stop(vx_txn *t, int err);
/*
 * End one in which something has changed.  With an error a part of the operation is missing, and
 * what there is of it must not commit: the log ends here.
 */
int vexfs_finish(vx_txn *t, struct super_block *sb, int err);
/* What is in this transaction must not commit: the log ends here. */
void vexfs_abort(vx_txn *t, int err);
/* What to wait for, so that a running transaction is on stable storage. */
tid_t vexfs_tid(const vx_txn *t);
/*
 * Wait until transaction tid is on stable storage, with all data written before.  Outside any
 * transaction.  -EIO once the log has failed, whichever transaction that was.
 */
int vexfs_commit_barrier(struct super_block *sb, tid_t tid);
/*
 * After -ENOSPC, outside a transaction: commit, so that freed blocks become usable.  The same after
 * -EIO while the log is fine: a group that cannot be read may be the only one with room until then.
 * True: try again.  *retries starts at 0.
 */
bool vexfs_retry_alloc(struct super_block *sb, int err, int *retries);

/* --- inodes --- */

#define VEXFS_IGET_HIDDEN	0x1	/* a hidden inode (a plane), and nothing else */
#define VEXFS_IGET_ORPHAN	0x2	/* anything is fine, unlinked or hidden */
#define VEXFS_IGET_HANDLE	0x4	/* from a file handle: what is not there is -ESTALE */
/*
 * A referenced, valid inode.  ERR_PTR: -EUCLEAN (a name or pointer to what is no such inode),
 * -ESTALE, -EIO, -ENOMEM.
 */
struct inode *vexfs_iget(struct super_block *sb, u64 ino, unsigned int flags);
/*
 * Write the inode into its table block.  VEXFS_INODE_CREDITS.  Takes core.lock; datasync: fdatasync
 * must wait for it.
 */
int vexfs_log_inode(vx_txn *t, struct inode *inode, bool datasync);
/* Same, core.lock held for writing: the mapping or the sizes changed under it. */
int vexfs_log_inode_locked(vx_txn *t, struct inode *inode, bool datasync);
/*
 * Access to what logging it will change, in the same transaction, before anything is changed:
 * whatever of that may fail, for want of memory or because it cannot be read, does so here.  NULL
 * is fine.
 */
int vexfs_inode_access(vx_txn *t, struct inode *inode);
/* It has changed just now: ctime and change counter, not yet logged. */
void vexfs_inode_touch(struct inode *inode);
/*
 * A hidden regular inode of the collection directory dir: a plane.  flags: 0 or
 * VEXFS_INODE_METADATA.  It has i_nlink 1, no name, and is logged; the caller stores its number in
 * the same transaction.  VEXFS_NEW_CREDITS.
 */
struct inode *vexfs_new_hidden(vx_txn *t, struct inode *dir, u32 flags);
/* Free a plane: in a transaction of VEXFS_FREE_CREDITS, before the last iput() outside it. */
int vexfs_unlink_hidden(vx_txn *t, struct inode *inode);
/*
 * A hidden inode that is on the orphan list from the beginning, in its own transaction: it is freed
 * by the last iput(), or at the next mount ...
 */
struct inode *vexfs_new_orphan(struct inode *dir, u32 flags);
/* ... unless it is kept: in the transaction that stores its number.  VEXFS_ADOPT_CREDITS. */
int vexfs_adopt_hidden(vx_txn *t, struct inode *inode);
#define VEXFS_ADOPT_CREDITS	(VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS)
/*
 * The collection directory that inode, or a file created in this directory, belongs to; 0: none.
 * inode is in a directory tree that is in use.  Never sleeps in the kernel.
 */
u64 vexfs_collection_of(struct inode *inode);

/* What collections must know of a file that records are bound to. */
struct vexfs_file_state {
	u64 ino, data_change;
	u32 generation, nlink, uid, gid;
	u16 mode;
};

void vexfs_file_state(const struct inode *inode, struct vexfs_file_state *s);
/*
 * Of an inode that is in memory, without waiting for anything.  False: it is not, or it is coming
 * or going.
 */
bool vexfs_file_state_in_memory(struct super_block *sb, u64 ino, struct vexfs_file_state *s);
/*
 * The regular file of this mount behind a descriptor of the caller's, opened for reading, with a
 * reference.  ERR_PTR: -EBADF none such, -EXDEV of another mount.
 */
struct inode *vexfs_file_of(struct super_block *sb, int fd);
/* Stores into its pages that are mapped make a fault again from now on. */
void vexfs_file_settle(struct inode *inode);

/* --- planes: see fs/plane.c --- */

/*
 * A plane of a collection's directory, with a reference.  flags: VEXFS_INODE_METADATA or 0.
 * ERR_PTR: -EUCLEAN after a line in the log, -EIO, -ENOMEM.
 */
struct inode *vexfs_plane_open(struct inode *dir, u64 ino, u32 flags, const char *what);
/*
 * Loading: has it all the committed bytes?  -EUCLEAN after a line in the log.  What lies beyond
 * them, after a crash or a failed insert, is forgotten.
 */
int vexfs_plane_size(struct inode *plane, u64 bytes, const char *what);
/* Blocks and i_size for the bytes [from, to).  -ENOSPC, -EFBIG, -EIO. */
int vexfs_plane_reserve(struct inode *plane, u64 from, u64 to);
/*
 * Allocate unwritten extents for the holes of [lblk, lblk + want).  Outside a transaction.  Hidden
 * inodes get chunks, see vexfs_extent_chunk(); -ENOSPC after a commit did not help, -EFBIG.
 */
int vexfs_ensure_alloc(struct inode *inode, u32 lblk, u32 want);
/*
 * From now on it takes exactly the blocks that are asked for, of the reserve too if need be; or
 * (false) no longer.
 */
void vexfs_plane_tight(struct inode *plane, bool tight);
/* Give back the blocks behind `bytes`, where nobody reads or writes.  -EIO. */
int vexfs_plane_trim(struct inode *plane, u64 bytes);
/* Copy n bytes at pos from or to a plane.  Write: they were reserved; -EINTR a fatal signal. */
int vexfs_plane_write(struct inode *plane, loff_t pos, const void *from, size_t n);
int vexfs_plane_read(struct inode *plane, loff_t pos, void *to, size_t n);
/* Start reading n pages from index on. */
void vexfs_plane_ahead(struct inode *plane, pgoff_t index, unsigned long n);
/* Start writing the bytes [from, to) to the device ... */
void vexfs_plane_start(struct inode *plane, u64 from, u64 to);
/*
 * ... and do so and wait, also for what must be logged for them to be found after a crash.  -EIO,
 * -ENOSPC.
 */
int vexfs_plane_wait(struct inode *plane, u64 from, u64 to);
/* Write errors from now on are those since this mark; -EIO if there were any. */
errseq_t vexfs_plane_mark(struct inode *plane);
int vexfs_plane_errors(const struct inode *plane, errseq_t since);
/* A writer of many pages waits here, outside all locks. */
void vexfs_plane_throttle(struct inode *plane);
/* Should it write its pages itself, because there are more than its share? */
bool vexfs_plane_is_over(struct inode *plane);
/*
 * The rows of a vectors plane, for one query or one step, of slots that were published when it began:
 * a page that it has seen stays as it was then, also when vexfs_plane_trim() takes it out of the page
 * cache, and others write what comes to another one.  NULL: no memory.
 */
struct vx_rows *vexfs_rows_open(struct inode *vectors, u32 row_bytes);
void vexfs_rows_close(struct vx_rows *rows);

/* --- who may do what --- */

/*
 * Searching and reading: the directory must have been opened for that.  -EBADF.
 * Changing: nobody can open a directory for writing, so ask now.  -EACCES, -EROFS, -EIO it was shut
 * down, for an error or not.  0: vexfs_end_write() afterwards.
 * own: the same for what others must not do who may write to the collection: take a filter away, or
 * everything.  -EPERM.
 */
int vexfs_may_read(struct file *file);
int vexfs_may_write(struct file *file);
int vexfs_may_own(struct file *file);
void vexfs_end_write(struct file *file);
/* May the caller look for names in dir?  -EACCES. */
int vexfs_may_look(struct file *file, struct inode *dir);
/* May the caller of a rename read a file?  -EACCES. */
int vexfs_may_inherit(struct mnt_idmap *idmap, struct inode *inode);

/* The caller of one system call, as far as reading files is concerned; the host fills it in. */
void vexfs_caller_init(struct vexfs_caller *caller, const struct file *file);
/* May it read a file of this owner, group and mode?  Takes no lock, never sleeps. */
bool vexfs_caller_may_read(const struct vexfs_caller *caller, u32 uid, u32 gid, u16 mode);

/* --- the rest --- */

/*
 * A mutex that is waited for until a deadline (vx_clock_us()).  lock: -ETIME, -EINTR a fatal
 * signal.
 */
void vexfs_timed_init(struct vexfs_timed_mutex *m);
int vexfs_timed_lock(struct vexfs_timed_mutex *m, u64 deadline);
void vexfs_timed_unlock(struct vexfs_timed_mutex *m);

/* Sleep for so long, or somewhat longer. */
void vexfs_nap(u32 us);

/* No more writing, whatever errors= says: each change, fsync and syncfs is -EIO. */
bool vexfs_is_shutdown(const struct super_block *sb);
/* Shut down, not for an error: no more reading of files either. */
bool vexfs_is_gone(const struct super_block *sb);
/* Is the caller an administrator?  -EPERM. */
int vexfs_may_shut_down(void);
/*
 * Stop all writing, as FS_IOC_SHUTDOWN of ext4 does.  how: 0 flush everything first, 1 flush the log
 * first, 2 flush nothing; else -EINVAL.
 */
int vexfs_shutdown(struct super_block *sb, u32 how);
/* May work go on that nobody waits for: no unmount, no freeze, no remount read-only? */
bool vexfs_may_work(const struct super_block *sb);
/* Hold off a freeze for such work.  False: it is under way. */
bool vexfs_work_begin(struct super_block *sb);
void vexfs_work_end(struct super_block *sb);

/*
 * The same for checkpoints, in the kernel one at a time, which may be written from here to the end
 * unless that is false, as after a fatal signal; whoever makes the mount read-only, or ends it, waits
 * for the end.  Inside no lock but upkeep_lock.  Let go of inodes before the end, but not while a
 * freeze is held off.
 */
bool vexfs_worker_write(struct super_block *sb);
void vexfs_worker_written(struct super_block *sb);

/*
 * A thread of a mount, of low priority, that calls vexfs_collections_upkeep() and vexfs_recalls()
 * whenever it was poked; the host ends it before the mount goes.  Poke: takes no lock of ours, and may be called inside
 * any but spinlocks.
 */
void vexfs_worker_poke(struct super_block *sb);
bool vexfs_worker_should_stop(const struct super_block *sb);

/*
 * Damage or an I/O error that leaves the filesystem in doubt: a line in the log, and errors= is
 * followed.
 */
__printf(2, 3) void vexfs_error(struct super_block *sb, const char *fmt, ...);
/*
 * A line about a collection, not too many of them from one place; it can go on without errors=.
 */
#ifdef __KERNEL__
#define vexfs_complain(dir, fmt, ...) \
	pr_err_ratelimited("vexfs (%s): collection %lu: " fmt "\n", (dir)->i_sb->s_id, \
			   (dir)->i_ino, ##__VA_ARGS__)
#else
__printf(2, 3) void vexfs_complain(const struct inode *dir, const char *fmt, ...);
#endif

/* What happened, for who traces it; see hooks/trace.h. */
void vexfs_event_use(const struct inode *dir, u32 slot, const char *name);
void vexfs_event_commit(const struct inode *dir, u64 records, u64 deaths, u64 us, int err);
void vexfs_event_compact(const struct inode *dir, u64 before, u64 after, u64 us, int err);
/* err -EIO, -EUCLEAN; -ENODATA: the record is lost, and with it its id. */
void vexfs_event_damage(const struct inode *dir, u64 slot, u64 id, int err);
void vexfs_event_search_begin(const struct inode *dir, const struct vexfs_ioc_search *s);
void vexfs_event_search_end(const struct inode *dir, const struct vexfs_ioc_search *s, u64 us,
			    int err);

#endif /* _VEXFS_COLLECTION_PLATFORM_H */
