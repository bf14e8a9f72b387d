/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all rooms of kmod/ stand on: the locks, and what VexFS keeps with a mount and an inode.
 *
 * Locks, outer first.  Those marked (c) are taken in user space too.
 *
 *	vexfs_body.upkeep_lock (c)	who makes derived data, see collection/upkeep.c
 *	vexfs_sb_info.worker_writes	checkpoints, in kmod/fs/worker.c
 *	i_rwsem (c)		parent before child.  Of a collection's directory: shared by insert,
 *				delete, intern, use and snapshots; exclusive by create, drop, rmdir
 *	vexfs_collection_mem (c)
 *	  .insert_lock		who fills planes behind what counts, or cuts that off
 *	  .snapshots_lock	which snapshots there are
 *	  .commit_lock		commits, and every change of the collection block
 *	  .lock			loading, writers of the columns, maps and dictionaries
 *	vexfs_body.derived_begin (c)	making the first generation of what is derived; searches and
 *					the worker only try it, and searches take it alone
 *	vexfs_derived.lock (c)		adding to a generation; the same
 *	vexfs_snapshot_mem.lock (c)	reading its bitmap
 *	mapping->invalidate_lock
 *	folio lock
 *	transaction (c)		a jbd2 handle; sb_start_intwrite before it where no mnt_want_write
 *				protects
 *	vexfs_inode_core.lock (c)	mapping and sizes of an inode
 *	vexfs_sb_info.orphan_lock (c)	the orphan list in memory
 *	vexfs_fs.orphan_lock, vexfs_fs.alloc_lock (c)	the core's
 *	vexfs_sb_info.collections_lock (c)	the list only: nothing is waited for under it but
 *						files_lock
 *	vexfs_collection_mem.files_lock (c)	files that records are bound to, see bind.c; a
 *						rename takes it in its transaction
 *	vexfs_collection_mem.prog_lock (c)	what is bound, which body and which snapshots there
 *						are
 *	vexfs_budget.lock (c)	what derived data takes; memory reclaim takes it
 *	vexfs_body.derived_lock (c)	which generation is the current one
 *	vexfs_binding.lock, vexfs_program.lock
 *	vexfs_predicates.lock, vexfs_cached.lock (c)	not held together
 *	vexfs_recall.lock (c)	answers that wait to be judged; a leaf
 *	i_lock (c)		VEXFS_I(dir)->coll, the flag of a collection
 *	vexfs_inode_info.io_lock	finished I/O; a leaf, also taken in interrupts
 *	registry_lock, and SRCU of programs: see collection/registry.c
 *
 * No folio lock and no last iput() inside a transaction.  unlink of a file takes only
 * collections_lock and files_lock, and evict only collections_lock: iget() waits for an inode that
 * is being evicted.  A rename over a file that has records takes commit_lock and lock
 * (collection/heir.c).  Under collections_lock and files_lock memory is allocated GFP_NOFS, since
 * reclaim may evict.
 */
#ifndef _VEXFS_KMOD_H
#define _VEXFS_KMOD_H

#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/jbd2.h>
#include <linux/ratelimit.h>
#include <linux/workqueue.h>
#include "core/core.h"
#include "collection/budget.h"
#include "search/spare.h"

struct vexfs_collection_mem;		/* collection/collection.h: a loaded collection */

/* Mount options; all but the last two may change at remount. */
struct vexfs_mount_opts {
	/* VEXFS_ERRORS_*; the superblock's s_errors by default, but no panic */
	u16 errors;
	unsigned int commit;		/* seconds between two runs of the raise worker, 1 .. 300 */
	u64 resident;			/* bytes that derived data may take in memory */
	/* percent of a collection's slots: when so many are dead it is compacted; 0: never */
	unsigned int compact;
	/* read-only for good: the block of the superblock, 0 or a copy; the log is left alone */
	u32 sb;
	bool norecovery;
};

#define VEXFS_DEFAULT_COMMIT	5
#define VEXFS_MAX_COMMIT	300
#define VEXFS_DEFAULT_RESIDENT	(256ULL << 20)
#define VEXFS_DEFAULT_COMPACT	50

/* vexfs_sb_info.flags */
enum {
	/* no more writing: shut down, errors=remount-ro, the log failed */
	VEXFS_SBI_SHUTDOWN,
	VEXFS_SBI_ERROR,		/* damage was found: the superblock gets STATE_ERROR */
	VEXFS_SBI_RAISE,		/* the workers may run (read-write mount) */
	/* what prevents no mount is recorded only, whatever errors= says */
	VEXFS_SBI_MOUNTING,
	/* shut down, not for an error: no more reading of files either */
	VEXFS_SBI_GONE,
	VEXFS_SBI_POKED,		/* there is something for the worker to do */
	VEXFS_SBI_OLD,			/* the log says that blocks may be old: once */
};

struct vexfs_sb_info {
	struct super_block *sb;
	struct vexfs_fs fs;
	journal_t *journal;
	struct vexfs_mount_opts opts;
	unsigned long flags;		/* VEXFS_SBI_*, atomic bit operations */

	struct vexfs_budget budget;	/* what is charged to opts.resident */
	struct vexfs_spares spares;	/* memory of queries */

	struct workqueue_struct *wq;	/* I/O completion: WQ_MEM_RECLAIM | WQ_UNBOUND */
	struct delayed_work raise;	/* vexfs_collections_sync() every opts.commit seconds */
	struct work_struct compact;	/* vexfs_collections_compact() */
	struct work_struct error_work;	/* writes VEXFS_STATE_ERROR, errors=continue only */
	/* of a mount: one's noise hides no other's damage */
	struct ratelimit_state error_limit;

	struct task_struct *worker;	/* vexfs_collections_upkeep(); NULL: not mounted yet */
	wait_queue_head_t worker_wait;
	struct mutex worker_writes;	/* it is writing; inside s_umount, outside all others */
	struct shrinker *shrinker;	/* of derived data */
	u64 recall_after;		/* vx_clock_us(): no answer is kept, or judged, before */

	struct mutex orphan_lock;	/* orphans and every vexfs_inode_info.orphan */
	/* in the order of the list on disk, those that are in memory */
	struct list_head orphans;
	bool orphan_gaps;		/* some that are on the list on disk have left memory ... */
	int orphan_err;			/* ... because of this, the last one */

	struct mutex collections_lock;	/* collections */
	struct list_head collections;	/* loaded collections, linked by load.c */
};

/* vexfs_inode_info.state, atomic bit operations */
enum {
	/* may have blocks past EOF that nobody asked for: release trims */
	VEXFS_I_PREALLOC,
	VEXFS_I_FRESH,			/* never logged: its slot on disk holds its last owner */
	/* in memory since it was made: it is an orphan if .orphan says so */
	VEXFS_I_MADE,
	/* records remember core.data_change: the next change raises it */
	VEXFS_I_WATCHED,
	VEXFS_I_RAISED,			/* raise_tid is one */
	VEXFS_I_EMPTIED,		/* it was truncated to nothing: release writes it back */
};

struct vexfs_inode_info {
	struct vexfs_inode_core core;

	spinlock_t io_lock;		/* io_ends; taken by bio completion */
	struct list_head io_ends;	/* struct iomap_ioend: data is written, metadata is not */
	struct work_struct io_work;

	tid_t sync_tid;			/* what fsync waits for; core.lock, read without it */
	tid_t datasync_tid;		/* same for fdatasync: size and mapping */
	tid_t raise_tid;		/* the last that raised i_data_change: data wait for it */
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

#endif /* _VEXFS_KMOD_H */
