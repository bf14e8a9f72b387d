/* SPDX-License-Identifier: GPL-2.0 */
/* Bodies: all that slots index, see body.c. */
#ifndef _VEXFS_COLLECTION_BODY_H
#define _VEXFS_COLLECTION_BODY_H

#include "collection/bind.h"
#include "collection/predicate.h"
#include "collection/snapshot.h"

struct vexfs_collection_mem;

#define VEXFS_RECORD_BYTES		sizeof(struct vexfs_record)

/*
 * All that slots index: the planes, and what is derived from them.  Compaction replaces it as a
 * whole; who looks at slots without vexfs_collection_mem.lock holds a reference.
 */
struct vexfs_body {
	refcount_t refs;		/* one is the collection's */
	u64 epoch;			/* c_epoch: slots of different epochs are unrelated */
	u32 row_bytes;
	u32 metric;			/* VEXFS_METRIC_* */
	u32 crc_seed;
	struct inode *dir;		/* no reference: who holds a body holds the directory */
	/* a reference each */
	struct inode *vectors, *records, *keys, *dead;
	struct inode *heirs;		/* the same; NULL: none; vexfs_collection_mem.lock to set */
	/* the same; commit_lock too to set.  The log of deaths, see deaths.c, and its errors */
	struct inode *deaths;
	errseq_t deaths_since;
	u64 deaths_begin, deaths_end;	/* of it, on disk: bytes; commit_lock and lock to change */
	u64 deaths_room;		/* vexfs_collection_mem.lock: bytes that have blocks */
	errseq_t vectors_since, records_since, keys_since; /* write errors after these are sticky */
	/* written under vexfs_collection_mem.lock, read without (see engine.h) */
	struct vexfs_columns *columns;
	u64 dead_blocks;		/* insert_lock: blocks of the dead bitmap that exist */
	/* vexfs_collection_mem.lock: */
	u32 heir_entries;		/* in the table of heirs */
	/* bytes of the keys plane, those not committed included; insert_lock too to change */
	u64 key_end;
	struct vexfs_map64 key_map;	/* hashes of keys, see key.c */
	struct vexfs_predicates predicates;
	/* snapshots_lock and prog_lock to change, either to look at; in the order of creation */
	struct vexfs_snapshot_mem *snapshot[VEXFS_MAX_SNAPSHOTS];
	u32 snapshots;

	/* see checkpoint.h */
	struct inode *checkpoint;	/* a reference; commit_lock and derived_lock to change; NULL */
	u64 checkpoint_slots;		/* the same: those that it has; 0: it is of no use */
	u64 checkpoint_after;		/* vx_clock_us(): no other one before then; no lock */

	/* see derived.h */
	spinlock_t derived_lock;	/* a leaf */
	struct vexfs_derived *derived;	/* derived_lock: the current generation; NULL: none */
	/* who makes the first one; searches only ever try it */
	struct mutex derived_begin;
	int derived_err;		/* why there is none, as of the last attempt; no lock */
	u64 derived_after;		/* vx_clock_us(): no attempt before then; no lock */
	bool derived_wanted;		/* the worker is to look at it; no lock */
	u64 recentre_after;		/* vx_clock_us(): no other centre before then; no lock */
	u64 lists_after;		/* the same for lists */
	struct mutex upkeep_lock;	/* who does the upkeep, see upkeep.c */
	atomic_t indexing;		/* those who would rather do it than the worker */
	/* upkeep_lock: to take the place of `derived`; or NULL */
	struct vexfs_derived *derived_next;
	/* slots in lists that are being made, and are not shown yet; 0: none are; no lock */
	u64 listing;
	int listing_err;		/* why slots are in none, as of the last attempt; no lock */

	u64 needed;			/* vexfs_collection_mem.lock: bytes counted, see budget.h */
	struct vexfs_files files;
};

/* A body without planes, with one reference.  NULL: no memory. */
struct vexfs_body *vexfs_body_new(struct vexfs_collection_mem *c);

/*
 * The planes that a collection block names, and its snapshots, in a body that has none.  -EUCLEAN
 * after a line in the log, -EIO, -ENOMEM: none is open then.
 */
int vexfs_body_open(struct vexfs_body *b, const struct vexfs_collection *raw);
/* Let go of them; outside transactions. */
void vexfs_body_close(struct vexfs_body *b);

/* The body as it is now, with a reference.  May be called under any lock. */
struct vexfs_body *vexfs_body_get(struct vexfs_collection_mem *c);
/* NULL is fine.  Outside transactions and locks: the last one lets go of the planes. */
void vexfs_body_put(struct vexfs_body *b);

#endif /* _VEXFS_COLLECTION_BODY_H */
