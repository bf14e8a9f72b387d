/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Collections: the table of contents of this room.  Compiled for the kernel and for user space.
 *
 *	platform.h	what is asked of the host
 *	program.h	programs: what is asked of the hooks
 *	collection.c	in memory: from the first use until it is dropped or its directory evicted;
 *			what the filesystem tells
 *	load.c		loading
 *	lost.c		records that cannot be trusted
 *	body.c		all that slots index
 *	program.c	what is bound
 *	schema.c	the collection block: read, create, drop
 *	block.c		journaled blocks of hidden inodes
 *	dead.c		the dead bitmap
 *	deaths.c	the log of deaths, and those to commit
 *	record.c	insert, fetch, delete
 *	commit.c	what makes them durable
 *	key.c		keys of records
 *	word.c		words of keyword attributes
 *	list.c		all records, page by page
 *	snapshot.c	snapshots
 *	compact.c	dead space given back
 *	predicate.c	predicates that were asked for, and their bitmaps
 *	derived.c	generations of what is derived from rows
 *	upkeep.c	what the worker does for them
 *	checkpoint.c	what is kept of them on disk
 *	budget.c	the memory that all of that may take
 *	bind.c		files that records are bound to
 *	target.c	those that an insert binds to
 *	heir.c		files that take the place of those
 *	reader.c	who may see the records of which file
 *	recall.c	live recall: answers that wait to be judged, and counts
 *
 * Locks: see vexfs.h.
 */
#ifndef _VEXFS_COLLECTION_COLLECTION_H
#define _VEXFS_COLLECTION_COLLECTION_H

#include "collection/platform.h"
#include "collection/program.h"
#include "collection/block.h"
#include "collection/body.h"
#include "collection/budget.h"
#include "collection/bind.h"
#include "collection/checkpoint.h"
#include "collection/commit.h"
#include "collection/compact.h"
#include "collection/dead.h"
#include "collection/deaths.h"
#include "collection/derived.h"
#include "collection/heir.h"
#include "collection/key.h"
#include "collection/lost.h"
#include "collection/predicate.h"
#include "collection/reader.h"
#include "collection/recall.h"
#include "collection/record.h"
#include "collection/schema.h"
#include "collection/snapshot.h"
#include "collection/target.h"
#include "collection/word.h"

/*
 * A loaded collection.  Hangs on its directory's vexfs_inode_info.coll from the first use until it
 * is dropped or the directory is evicted.
 */
struct vexfs_collection_mem {
	refcount_t refs;		/* one is the directory's */
	/* no reference: who holds a collection holds the directory */
	struct inode *dir;
	struct list_head list;		/* vexfs_sb_info.collections; its collections_lock */
	/* who fills planes behind what counts: one insert, or interning, at a time */
	struct mutex insert_lock;
	struct mutex snapshots_lock;	/* the set of snapshots; outside commit_lock */
	struct mutex commit_lock;	/* one commit at a time; outside lock */
	struct mutex lock;		/* loading; writers of what follows */
	bool loaded;			/* set last by loading; (const) is fixed from then on */

	u64 block;			/* (const) the collection block */
	u32 dims, metric, row_bytes, attrs;	/* (const) */
	struct vexfs_attr_def attr[VEXFS_MAX_ATTRS];	/* (const) */
	u32 crc_seed;			/* (const) of records: c_uuid */
	siphash_key_t hash_seed;	/* (const) of keys: a secret of this load */

	/* lock and prog_lock to change, either to look at; see vexfs_body_get() */
	struct vexfs_body *body;
	u64 next_seq;			/* lock */
	/* lock: more than the id of any slot that there is or was; U64_MAX: there is none */
	u64 next_id;
	u64 gap_id;			/* lock: where to look for a free id then */
	struct vexfs_dictionary words;	/* lock */
	/*
	 * lock: why there are no more operations: -ENOENT the directory was removed, -ENODATA
	 * dropped
	 */
	int gone;
	bool pinned;			/* lock: something is not committed, so we hold dir */
	struct list_head deaths;	/* lock: deletions to commit, struct vexfs_death_chunk */
	u64 death_count;		/* lock: so many */
	struct vexfs_dead_set pending;	/* lock: the blocks they touch, as far as a commit can ... */
	bool to_log;			/* lock: ... else they go into the log of deaths */

	/* commit_lock and lock to change: */
	struct vexfs_dead_set inflight;	/* blocks of the running commit, the same */
	u64 inflight_deaths;
	bool inflight_to_log;
	u64 committed;			/* slots on disk */
	u64 committed_seq;		/* c_next_seq on disk */
	u64 committed_keys;		/* c_key_bytes on disk */
	/* commit_lock: */
	tid_t tid;			/* transaction of the last commit ... */
	bool in_log;			/* ... which may not be on stable storage yet */

	struct mutex files_lock;	/* see bind.c; inside collections_lock */
	struct list_head files;		/* files_lock: struct vexfs_files of every body there is */
	u32 bound;			/* files_lock to change: entries of all these */

	spinlock_t prog_lock;
	/* prog_lock: what is bound, a reference each; NULL: built-in */
	struct vexfs_program *prog[VEXFS_SLOTS];
	u64 bindings;			/* prog_lock to change: how often prog[] did */
	/* how these do; its own lock, inside prog_lock */
	struct vexfs_binding binding[VEXFS_SLOTS];
	atomic64_t queries, fallbacks;
	struct vexfs_recall recall;	/* its own lock, a leaf */

	/* compact.c: */
	atomic_t compacting;		/* 1: somebody does */
	u64 compact_done, compact_total;	/* slots; read without a lock */
	u64 compact_lacked;		/* bytes of room that the last one lacked; the same */
	u64 compact_after;		/* vx_clock_us(): not by itself before then */
};

static inline bool vexfs_is_keyword(const struct vexfs_collection_mem *c, u32 attr)
{
	return attr < c->attrs && c->attr[attr].a_type == cpu_to_le16(VEXFS_ATTR_KEYWORD);
}

/*
 * The collection of a directory, loaded, with a reference.  -ENODATA it is none, -EUCLEAN, -EIO,
 * -ENOMEM, -EINTR, -EOPNOTSUPP.  The caller holds the directory, and does so until it has put the
 * collection, outside locks and transactions.
 */
struct vexfs_collection_mem *vexfs_collection_get(struct inode *dir);
void vexfs_collection_put(struct vexfs_collection_mem *c);
/* Make it a plain directory again, see ioctl.h; the caller has vexfs_may_own(). */
int vexfs_collection_drop(struct inode *dir);
/*
 * Call fn for every loaded collection, with its directory held.  0, or the first error of fn, which
 * ends nothing.
 */
int vexfs_collections_each(struct super_block *sb,
			   int (*fn)(struct vexfs_collection_mem *c, void *arg), void *arg);
/* Counts and bindings, see ioctl.h.  -EINTR. */
int vexfs_collection_info(struct vexfs_collection_mem *c, struct vexfs_ioc_info *info);

/* --- load.c --- */

/* lock held.  -ENODATA it was dropped, -EUCLEAN, -EIO, -ENOMEM, -EINTR, -EOPNOTSUPP. */
int vexfs_collection_load(struct vexfs_collection_mem *c);
/*
 * Enter a record that is on the planes, in the order of slots, into what is derived: room in the
 * columns was made, nobody else uses the body yet, vexfs_record_wrong() is 0; its key is for
 * vexfs_key_load().  What it is bound to now: the file `like` of another body, or, if that is NULL,
 * what `heirs` say.  -EEXIST: its id is another one's; -ENOMEM, -EIO, -EUCLEAN.
 */
int vexfs_body_enter(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot,
		     const struct vexfs_record *r, bool dead, const struct vexfs_heirs *heirs,
		     const struct vexfs_file *like);

/* --- program.c --- */

/*
 * Loading: those that a block names, loaded or not.  -EUCLEAN, -ENOMEM; drop whatever is returned.
 */
int vexfs_programs_load(struct vexfs_collection_mem *c, const struct vexfs_collection *raw);
void vexfs_programs_drop(struct vexfs_collection_mem *c);
/* See ioctl.h; the caller holds the right to write. */
int vexfs_collection_use(struct vexfs_collection_mem *c, u32 slot, const char *name);
/* The programs that are bound now, a reference each (vexfs_hooks_put), and their bindings. */
void vexfs_collection_programs(struct vexfs_collection_mem *c, struct vexfs_hookset *set);
/* Has another program, or none, been bound to a slot since then?  Takes no lock. */
bool vexfs_collection_rebound(const struct vexfs_collection_mem *c,
			      const struct vexfs_hookset *set);

/* --- what the filesystem tells; dir is a collection's directory --- */

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
/* kill_sb, while everything still works and the worker has ended: commit, write checkpoints. */
void vexfs_collections_shutdown(struct super_block *sb);
/*
 * Those with many dead slots, one after the other: compact worker.  Stops when VEXFS_SBI_RAISE
 * goes.
 */
int vexfs_collections_compact(struct super_block *sb);
/*
 * The worker, when it was poked: make what is missing of derived data, until that is done or
 * vexfs_worker_should_stop().
 */
void vexfs_collections_upkeep(struct super_block *sb);
/* Memory of all that is derived, see ioctl.h; info: all 0 but for size and flags. */
void vexfs_collections_memory(struct super_block *sb, struct vexfs_ioc_memory *info);
/*
 * put_super, after the inodes were evicted and before the journal goes: drop what still holds
 * planes.
 */
void vexfs_collections_put(struct super_block *sb);

#endif /* _VEXFS_COLLECTION_COLLECTION_H */
