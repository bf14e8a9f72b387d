/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Collections in the kernel.
 *
 *	plane.c       hidden inodes read and written without a struct file; the engine's rows
 *	collection.c  create, load, bind, drop; what the filesystem asks for
 *	record.c      insert, fetch, delete, commit
 *	search.c      one query
 *	ioctl.c       the door to user space
 */
#ifndef _VEXFS_COLLECTION_H
#define _VEXFS_COLLECTION_H

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

/*
 * A loaded collection.  Hangs on its directory's vexfs_inode_info.coll from the first use until the
 * directory is evicted.
 */
struct vexfs_collection_mem {
	struct inode *dir;
	struct list_head list;		/* vexfs_sb_info.collections; its collections_lock */
	struct mutex commit_lock;	/* one commit at a time; outside lock */
	struct mutex lock;		/* loading; writers of what follows */
	bool loaded;			/* released last by loading; what is marked (const) is fixed from then on */

	u64 block;			/* (const) the collection block */
	u32 dims, metric, row_bytes, attrs;	/* (const) */
	struct vexfs_attr_def attr[VEXFS_MAX_ATTRS];	/* (const) */
	u32 crc_seed;			/* (const) of records: c_uuid */
	struct inode *vectors, *records, *keys, *dead;	/* (const) a reference each */
	errseq_t vectors_since, records_since;	/* (const) write errors after these are sticky */

	struct vexfs_columns *columns;	/* (const) pointer; written under lock, read without (see engine.h) */
	u64 next_seq;			/* lock */
	u64 dead_blocks;		/* lock: dead bitmap blocks that exist: 0 .. dead_blocks - 1 */
	bool unlinked;			/* lock: the directory is gone, nothing is committed any more */
	bool pinned;			/* lock: something is not committed, so we hold a reference to dir */
	struct list_head deaths;	/* lock: deletions to commit, struct death_chunk */
	struct vexfs_dead_set pending;	/* lock: the blocks they touch */

	struct vexfs_dead_set inflight;	/* commit_lock and lock to change: blocks of the running commit */
	u64 committed;			/* commit_lock and lock to change: slots on disk */
	u64 committed_seq;		/* same: c_next_seq on disk */
	tid_t tid;			/* commit_lock: transaction of the last commit ... */
	bool in_log;			/* commit_lock: ... which may not be on stable storage yet */

	spinlock_t prog_lock;
	struct vexfs_program *prog[VEXFS_SLOTS];	/* prog_lock: what is bound, a reference each; NULL: built-in */
	atomic64_t queries, fallbacks;
};

/* --- plane.c --- */

/* Copy n bytes at pos from or to a plane.  Write: blocks are allocated and i_size covers them; -EINTR a fatal signal. */
int vexfs_plane_write(struct inode *plane, loff_t pos, const void *from, size_t n);
int vexfs_plane_read(struct inode *plane, loff_t pos, void *to, size_t n);
/* Start reading n pages from index on. */
void vexfs_plane_ahead(struct inode *plane, pgoff_t index, unsigned long n);
/* The rows of a vectors plane, for one query.  NULL: no memory. */
struct vx_rows *vexfs_rows_open(struct inode *vectors, u32 row_bytes);
void vexfs_rows_close(struct vx_rows *rows);

/* --- collection.c --- */

/* The collection of a directory, loaded.  -ENODATA it is none, -EUCLEAN, -EIO, -ENOMEM, -EINTR, -EOPNOTSUPP.  Valid as
 * long as the caller holds the directory. */
struct vexfs_collection_mem *vexfs_collection_get(struct inode *dir);
/* See ioctl.h; the caller has checked permissions and holds mnt_want_write. */
int vexfs_collection_create(struct inode *dir, const struct vexfs_ioc_create *arg);
int vexfs_collection_use(struct vexfs_collection_mem *c, u32 slot, const char *name);
void vexfs_collection_info(struct vexfs_collection_mem *c, struct vexfs_ioc_info *info);
/* The programs that are bound now, a reference each (vexfs_hooks_put). */
void vexfs_collection_programs(struct vexfs_collection_mem *c, struct vexfs_program *prog[VEXFS_SLOTS]);
/* Read the collection block.  With access taken in a transaction it may be changed under commit_lock; stamp, then dirty. */
struct buffer_head *vexfs_collection_block(struct vexfs_collection_mem *c);
void vexfs_collection_stamp(struct vexfs_collection_mem *c, struct buffer_head *bh);
/* A block of the dead bitmap, verified.  ERR_PTR: -EUCLEAN, -EIO. */
struct buffer_head *vexfs_dead_block(struct vexfs_collection_mem *c, u32 lblk);

/* --- record.c --- */

/* See ioctl.h; the caller holds mnt_want_write.  rows, ids and attrs (n * c->attrs, or NULL) are in kernel memory.
 * *bad: index of the row or id at fault, untouched where there is none. */
int vexfs_record_insert(struct vexfs_collection_mem *c, u32 n, const void *rows, const __u64 *ids, const __s64 *attrs,
			__u64 *seq, __u64 *bad);
int vexfs_record_delete(struct vexfs_collection_mem *c, u32 n, const __u64 *ids, __u64 *bad);
/* Slot of a live id.  -ENOENT, -EINTR. */
int vexfs_record_find(struct vexfs_collection_mem *c, u64 id, u64 *slot);
/* Record and row (row_bytes) of a published slot, verified.  -EUCLEAN after a line in the log. */
int vexfs_record_fetch(struct vexfs_collection_mem *c, u64 slot, struct vexfs_record *record, void *row);
/* Commit all operations acknowledged so far; barrier: and wait until they are on stable storage. */
int vexfs_record_commit(struct vexfs_collection_mem *c, bool barrier);
/* Give up what is not committed: the collection is going, or nothing can be written any more. */
void vexfs_record_abandon(struct vexfs_collection_mem *c, bool unlinked);
void vexfs_record_free_deaths(struct vexfs_collection_mem *c);

/* --- search.c --- */

/* Run the query in *s, whose vector is `row`; hits must have room for s->k.  Fills the out fields of *s. */
int vexfs_collection_search(struct vexfs_collection_mem *c, struct vexfs_ioc_search *s, const void *row, struct vexfs_hit *hits);

#endif /* _VEXFS_COLLECTION_H */
