/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Collections in the kernel.
 *
 *	plane.c       hidden inodes read and written without a struct file; the engine's rows
 *	schema.c      the collection block: read, create, drop
 *	dead.c        the dead bitmap
 *	collection.c  load, bind; what the filesystem asks for
 *	record.c      insert, fetch, delete, commit
 *	predicate.c   predicates that were asked for, and their bitmaps
 *	codes.c       codes of rows in memory, within the mount's budget
 *	search.c      one query
 *	ioctl*.c      the door to user space, see door.h
 */
#ifndef _VEXFS_COLLECTION_H
#define _VEXFS_COLLECTION_H

#include <linux/types.h>
#include <linux/errseq.h>
#include "vexfs.h"
#include "engine/engine.h"
#include "hooks.h"

/* Dead bitmap blocks that one commit may change: what bounds its transaction. */
#define VEXFS_COMMIT_DEAD_BLOCKS	64

/* Numbers of dead bitmap blocks, no duplicates. */
struct vexfs_dead_set {
	u32 n;
	u32 lblk[VEXFS_COMMIT_DEAD_BLOCKS];
};

/* Predicates that were asked for, see predicate.c. */
struct vexfs_predicates {
	struct mutex lock;
	struct list_head list;		/* lock: struct vexfs_cached */
	u32 n;				/* lock */
};

/*
 * All that slots index: the planes, and what is derived from them.  Compaction replaces it as a
 * whole; who looks at slots without vexfs_collection_mem.lock holds a reference.
 */
struct vexfs_body {
	refcount_t refs;		/* one is the collection's */
	u64 epoch;			/* c_epoch: slots of different epochs are unrelated */
	u32 row_bytes;
	u32 crc_seed;
	struct inode *dir;		/* no reference: who holds a body holds the directory */
	/* a reference each */
	struct inode *vectors, *records, *keys, *dead;
	errseq_t vectors_since, records_since;	/* write errors after these are sticky */
	/* written under vexfs_collection_mem.lock, read without (see engine.h) */
	struct vexfs_columns *columns;
	/* vexfs_collection_mem.lock: dead bitmap blocks 0 .. dead_blocks - 1 exist */
	u64 dead_blocks;
	struct vexfs_predicates predicates;

	/* who adds codes; inside vexfs_collection_mem.lock it is only tried */
	struct mutex codes_lock;
	struct vexfs_codes *codes;	/* codes_lock to set; once set it stays; NULL: none */
	u64 codes_charged;		/* codes_lock: of vexfs_sb_info.resident */
};

/*
 * A loaded collection.  Hangs on its directory's vexfs_inode_info.coll from the first use until the
 * directory is evicted.
 */
struct vexfs_collection_mem {
	struct inode *dir;
	struct list_head list;		/* vexfs_sb_info.collections; its collections_lock */
	struct mutex commit_lock;	/* one commit at a time; outside lock */
	struct mutex lock;		/* loading; writers of what follows */
	bool loaded;			/* set last by loading; (const) is fixed from then on */

	u64 block;			/* (const) the collection block */
	u32 dims, metric, row_bytes, attrs;	/* (const) */
	struct vexfs_attr_def attr[VEXFS_MAX_ATTRS];	/* (const) */
	u32 crc_seed;			/* (const) of records: c_uuid */

	/* lock and prog_lock to change, either to look at; see vexfs_body_get() */
	struct vexfs_body *body;
	u64 next_seq;			/* lock */
	bool unlinked;			/* lock: the directory is gone, no more commits */
	bool pinned;			/* lock: something is not committed, so we hold dir */
	struct list_head deaths;	/* lock: deletions to commit, struct death_chunk */
	struct vexfs_dead_set pending;	/* lock: the blocks they touch */

	/* commit_lock and lock to change: */
	struct vexfs_dead_set inflight;	/* blocks of the running commit */
	u64 committed;			/* slots on disk */
	u64 committed_seq;		/* c_next_seq on disk */
	/* commit_lock: */
	tid_t tid;			/* transaction of the last commit ... */
	bool in_log;			/* ... which may not be on stable storage yet */

	spinlock_t prog_lock;
	/* prog_lock: what is bound, a reference each; NULL: built-in */
	struct vexfs_program *prog[VEXFS_SLOTS];
	atomic64_t queries, fallbacks;
};

/* --- plane.c --- */

/*
 * Copy n bytes at pos from or to a plane.  Write: blocks are allocated and i_size covers them;
 * -EINTR a fatal signal.
 */
int vexfs_plane_write(struct inode *plane, loff_t pos, const void *from, size_t n);
int vexfs_plane_read(struct inode *plane, loff_t pos, void *to, size_t n);
/* Start reading n pages from index on. */
void vexfs_plane_ahead(struct inode *plane, pgoff_t index, unsigned long n);
/* The rows of a vectors plane, for one query.  NULL: no memory. */
struct vx_rows *vexfs_rows_open(struct inode *vectors, u32 row_bytes);
void vexfs_rows_close(struct vx_rows *rows);

/* --- collection.c --- */

/*
 * The collection of a directory, loaded.  -ENODATA it is none, -EUCLEAN, -EIO, -ENOMEM, -EINTR,
 * -EOPNOTSUPP.  Valid as long as the caller holds the directory.
 */
struct vexfs_collection_mem *vexfs_collection_get(struct inode *dir);
int vexfs_collection_use(struct vexfs_collection_mem *c, u32 slot, const char *name);
/* The body as it is now, with a reference.  May be called under any lock. */
struct vexfs_body *vexfs_body_get(struct vexfs_collection_mem *c);
/* NULL is fine.  Outside transactions and locks: the last one lets go of the planes. */
void vexfs_body_put(struct vexfs_body *b);
/* -EINTR. */
int vexfs_collection_info(struct vexfs_collection_mem *c, struct vexfs_ioc_info *info);
/* The programs that are bound now, a reference each (vexfs_hooks_put). */
void vexfs_collection_programs(struct vexfs_collection_mem *c,
			       struct vexfs_program *prog[VEXFS_SLOTS]);

/* --- schema.c --- */

static inline struct vexfs_collection *vexfs_schema_raw(struct buffer_head *bh)
{
	return vx_data(bh);
}

/* See ioctl.h; the caller has checked permissions and holds mnt_want_write. */
int vexfs_collection_create(struct inode *dir, const struct vexfs_ioc_create *arg);
/*
 * The collection block of a directory, verified.  ERR_PTR: -EUCLEAN after a line in the log, -EIO.
 */
struct buffer_head *vexfs_schema_read(struct inode *dir, u64 block);
/* 0, or -EOPNOTSUPP: fine on disk, but this module does not know it. */
int vexfs_schema_supported(const struct vexfs_collection *raw);
/*
 * Same for a loaded collection.  With access taken in a transaction it may be changed under
 * commit_lock; stamp, then dirty.
 */
struct buffer_head *vexfs_collection_block(struct vexfs_collection_mem *c);
void vexfs_collection_stamp(struct vexfs_collection_mem *c, struct buffer_head *bh);
/* Evict, planes open: free the collection block and, with their last iput(), the planes. */
int vexfs_schema_drop(struct vexfs_collection_mem *c);

/* --- dead.c --- */

/* Index of a block in a set, -1: not in it. */
int vexfs_dead_find(const struct vexfs_dead_set *set, u32 lblk);
/*
 * Add a block to `pending`.  False: that would be more than a commit can take; those of a running
 * commit count too, because they come back when it fails.
 */
bool vexfs_dead_add(struct vexfs_dead_set *pending, const struct vexfs_dead_set *inflight,
		    u32 lblk);
/* A block of the dead bitmap, verified.  ERR_PTR: -EUCLEAN after a line in the log, -EIO. */
struct buffer_head *vexfs_dead_block(struct vexfs_body *b, u32 lblk);
/* Set its checksum, after a change and before it is marked dirty. */
void vexfs_dead_stamp(struct vexfs_body *b, struct buffer_head *bh);
/*
 * Blocks for `slots` slots, now, so that a delete never needs space.  c->lock held.  -ENOSPC, -EIO.
 */
int vexfs_dead_grow(struct vexfs_body *b, u64 slots);

/* --- record.c --- */

/*
 * See ioctl.h; the caller holds mnt_want_write.  rows, ids and attrs (n * c->attrs, or NULL) are in
 * kernel memory. *bad: index of the row or id at fault, untouched where there is none.
 */
int vexfs_record_insert(struct vexfs_collection_mem *c, u32 n, const void *rows, const __u64 *ids,
			const __s64 *attrs, __u64 *seq, __u64 *bad);
int vexfs_record_delete(struct vexfs_collection_mem *c, u32 n, const __u64 *ids, __u64 *bad);
/* Slot of a live id, and the body that it is a slot of, with a reference.  -ENOENT, -EINTR. */
int vexfs_record_find(struct vexfs_collection_mem *c, u64 id, struct vexfs_body **b, u64 *slot);
/* Record and row (row_bytes) of a published slot, verified.  -EUCLEAN after a line in the log. */
int vexfs_record_fetch(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row);
/* Commit all operations acknowledged so far; barrier: and wait until they are on stable storage. */
int vexfs_record_commit(struct vexfs_collection_mem *c, bool barrier);
/* Give up what is not committed: the collection is going, or nothing can be written any more. */
void vexfs_record_abandon(struct vexfs_collection_mem *c, bool unlinked);
void vexfs_record_free_deaths(struct vexfs_collection_mem *c);

/* --- predicate.c --- */

struct vexfs_cached;
void vexfs_predicates_init(struct vexfs_predicates *cache);
/* With the body: nobody uses any. */
void vexfs_predicates_drop(struct vexfs_predicates *cache);
u64 vexfs_predicates_bytes(struct vexfs_predicates *cache);
/*
 * Evaluate a condition, which was checked, over all slots of a body.  *match is good while the
 * caller holds what is returned.  ERR_PTR: -ENOMEM, -EINTR.  Sleeps.
 */
struct vexfs_cached *vexfs_predicate_get(struct vexfs_body *b, const struct vexfs_condition *c,
					 u64 deadline, struct vexfs_match *match);
void vexfs_predicate_put(struct vexfs_cached *e);	/* NULL and ERR_PTR are fine */

/* --- codes.c --- */

/*
 * The codes of a body, NULL: none, as it is small or does not fit the budget.  Slots that have none
 * are encoded first, for up to `us` microseconds, unless somebody else is at it.  Reads rows.
 */
struct vexfs_codes *vexfs_body_codes(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				     u32 us);
/* Encode n rows that are about to be published as slots `first` on.  c->lock held. */
void vexfs_body_encode(const struct vexfs_collection_mem *c, u64 first, u32 n, const void *rows);
void vexfs_body_drop_codes(struct vexfs_body *b);	/* the body is going */

/* --- search.c --- */

/*
 * Run the query in *s, whose vector is `row` and whose predicate is `where`, checked, or NULL; hits
 * must have room for s->k.  Fills the out fields of *s.
 */
int vexfs_collection_search(struct vexfs_collection_mem *c, struct vexfs_ioc_search *s,
			    const void *row, const struct vexfs_condition *where,
			    struct vexfs_hit *hits);

#endif /* _VEXFS_COLLECTION_H */
