/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is derived from the rows of a body, in memory; see derived.c.
 */
#ifndef _VEXFS_COLLECTION_DERIVED_H
#define _VEXFS_COLLECTION_DERIVED_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;

/* Hash tables of codes (engine/lsh.c), which others take the place of as a collection grows. */
struct vexfs_tables {
	refcount_t refs;		/* one is the generation's, while they are current */
	struct vexfs_lsh *lsh;		/* (const) */
};

/*
 * One generation of what is derived, all of it optional.  It is the body's until another one takes
 * its place or it is evicted; a search holds a reference for as long as the call lasts, and the
 * last one frees it.  While a reference is held each member is fixed, or only grows, but for lists.
 */
struct vexfs_derived {
	refcount_t refs;		/* one is the body's, while it is the current one */
	struct super_block *sb;		/* (const) whose budget is charged */
	struct vexfs_body *body;	/* (const) no reference: to be used while it is current */
	u64 used;			/* vx_clock_us() of the last search; no lock */
	/* vexfs_budget.lock: */
	struct list_head link;		/* vexfs_budget.generations, while it is current */
	bool left;			/* it was current once */
	u64 charged;			/* bytes */

	struct mutex lock;		/* who adds to it; it is only ever tried */
	struct vexfs_codes *codes;	/* (const) never NULL */
	/*
	 * NULL until the upkeep, which alone adds to them, has made them, or compaction has brought
	 * them.  Others take its place (lists_move.c): a reference is for whoever else looks at them.
	 */
	struct vexfs_lists *lists;
	spinlock_t lists_lock;		/* a leaf: `lists`, but for who holds upkeep_lock */
	/*
	 * What came could not be put into them, and will not be: -E2BIG, another generation would do
	 * better, -EDOM, none would.  0: nothing is wrong.  upkeep_lock.
	 */
	int lists_err;
	/*
	 * What the collection's checkpoint has of it: slots, 0 it has nothing, and whether lists are
	 * in it.  upkeep_lock, or whoever has made it; READ_ONCE().
	 */
	u64 stored;
	bool stored_lists;
	/*
	 * Rows that were in lists which others have replaced, in all and as of the checkpoint.  The
	 * same.
	 */
	u64 rewritten, stored_rewritten;
	/*
	 * Hash tables: wanted once a search has asked for them, NULL until the worker has made some,
	 * and not to be tried before then.  tables_bytes, vexfs_budget.lock, is charged on top of
	 * what else there is
	 */
	bool tables_wanted;		/* no lock */
	u64 tables_after;		/* upkeep_lock */
	u64 tables_bytes;
	spinlock_t tables_lock;		/* a leaf */
	struct vexfs_tables *tables;	/* tables_lock */
};

/* The current generation of a body, with a reference; NULL: none.  Never waits. */
struct vexfs_derived *vexfs_derived_get(struct vexfs_body *b);
/* NULL is fine.  Outside spinlocks: the last one frees it. */
void vexfs_derived_put(struct vexfs_derived *d);
u64 vexfs_derived_bytes(struct vexfs_derived *d);
/* The same by kind, added to what is there. */
void vexfs_derived_kinds(struct vexfs_derived *d, struct vexfs_ioc_memory *info);
/* Its lists as they are now, a reference: vexfs_lists_free().  NULL: none. */
struct vexfs_lists *vexfs_derived_lists(struct vexfs_derived *d);

/* The tables that there are, with a reference; NULL: none. */
struct vexfs_tables *vexfs_tables_get(struct vexfs_derived *d);
void vexfs_tables_put(struct vexfs_tables *t);	/* NULL is fine */
/* A search would have made use of some: the worker is to make them. */
void vexfs_tables_want(struct vexfs_derived *d);

/*
 * The same for a search: a body that has enough records gets a generation, and slots that have no
 * codes are encoded first, for up to `us` microseconds, unless somebody else is at it; what is left
 * is the worker's.  NULL: the body is small, or its codes do not fit the budget.  *lists: its lists
 * as they are now, a reference, or NULL.  Reads rows.
 */
struct vexfs_derived *vexfs_derived_search(const struct vexfs_collection_mem *c,
					   struct vexfs_body *b, u32 us,
					   struct vexfs_lists **lists);
/*
 * VEXFS_CODES_* for a search of `count` slots that was given this.
 */
u32 vexfs_derived_state(const struct vexfs_body *b, const struct vexfs_derived *d, u64 count);
/*
 * Rows that were published as slots `first` on join the current generation, if all before them are
 * in it, and nobody else is adding to it.  b: a reference; no lock held.
 */
void vexfs_derived_insert(const struct vexfs_collection_mem *c, struct vexfs_body *b, u64 first,
			  u32 n, const void *rows);

/* Columns and maps of a body are counted as they are now.  c->lock held, or nobody else has it. */
void vexfs_derived_count(struct vexfs_collection_mem *c, struct vexfs_body *b);
/* The body is going: nobody else has it. */
void vexfs_derived_drop(struct vexfs_body *b);

/* --- compaction --- */

/*
 * A generation for body `to`, which is to have about `slots` slots, that takes over what `from` has
 * of their records.  NULL: there is no room for it now.
 */
struct vexfs_derived *vexfs_derived_heir(const struct vexfs_collection_mem *c,
					 struct vexfs_body *to, const struct vexfs_derived *from,
					 u64 slots);
/*
 * n slots of `to` from `first` on, which are old[0 .. n) of `from`, and their rows.  -ENOSPC,
 * -ENOMEM: it is no use any more.
 */
int vexfs_derived_carry(struct vexfs_derived *to, const struct vexfs_derived *from, u64 first,
			u32 n, const u64 *old, const void *rows);
/*
 * After those: the lists of `from` go along, if there is room and memory for them, of the slots below
 * `slots` whose bits are set in `kept`, which are the first ones of `to`.
 */
void vexfs_derived_carry_lists(struct vexfs_derived *to, struct vexfs_derived *from,
			       const u64 *kept, u64 slots);
/* It becomes the current one of its body; the reference goes with it. */
void vexfs_derived_install(struct vexfs_derived *d);

/* --- upkeep, see upkeep.c --- */

/*
 * What is missing of the generation of a loaded collection, if somebody has asked for it: for a
 * tenth of a second, or until vexfs_worker_should_stop().  1: there is more to do.
 */
int vexfs_derived_upkeep(struct vexfs_collection_mem *c);
/* Ask for that. */
void vexfs_derived_poke(struct vexfs_body *b);
/*
 * The same at once, by the caller: until the records that are there have codes, and lists if they pay.
 * 0: they have, as far as that is possible; -ENOSPC there is no room for that in the budget, -ENOMEM,
 * -EINTR a fatal signal, -EIO, of reading rows.  What was made is kept.  No locks held.
 */
int vexfs_derived_index(struct vexfs_collection_mem *c);

/* --- shared by derived.c and upkeep.c --- */

/* Records of a body for which codes pay: a search measures fewer as fast. */
#define VEXFS_MIN_CODED	1024
/*
 * A generation without any slot, charged for codes of `count`; not the current one, and used when
 * `used` says: those used before then may make room.  ERR_PTR: -ENOSPC, -ENOMEM, of reading rows.
 * Empty: without codes, too, which are the caller's to add.  New: centred.
 */
struct vexfs_derived *vexfs_derived_empty(struct vexfs_body *b, u32 dims, u64 count, u64 used);
struct vexfs_derived *vexfs_derived_new(const struct vexfs_collection_mem *c,
					struct vexfs_body *b, u64 count, u64 used);
/*
 * The current generation, with a reference; if there is none, that of the checkpoint, or a new one.
 * NULL: then b->derived_err may say why.  stop: see checkpoint.h.  wait: for somebody else who is making
 * one, until a fatal signal; else there is none then.
 */
struct vexfs_derived *vexfs_derived_begin(const struct vexfs_collection_mem *c,
					  struct vexfs_body *b, u64 count, bool (*stop)(void *body),
					  bool wait);
/*
 * Encode what has no code below count, until the deadline (vx_clock_us()).  d->lock held, or nobody
 * else has it.  0, also when the deadline came first; -ENOSPC, -ENOMEM, -ESTALE, -EINTR, of reading
 * rows.
 */
int vexfs_derived_extend(struct vexfs_derived *d, u32 dims, u64 count, u64 deadline);
/* Records for which lists pay: the codes of fewer are scanned as fast. */
#define VEXFS_MIN_LISTED	8192
/* Bytes that a generation of so many slots takes, with lists or without. */
u64 vexfs_derived_cost(u32 dims, u64 slots, bool lists);
/* Are there slots with codes that should be in lists? */
bool vexfs_derived_unlisted(struct vexfs_derived *d);
/* upkeep_lock held: these are its lists from now on; the reference goes with them. */
void vexfs_derived_relist(struct vexfs_derived *d, struct vexfs_lists *lists);
/* Its lists are there: what they take, and not what they might have, is charged from now on. */
void vexfs_derived_settle(struct vexfs_derived *d);
/* Are there tables to be made, because there are none, or because too many slots came since? */
bool vexfs_derived_untabled(struct vexfs_derived *d);
/* Would another centre be better by now? */
bool vexfs_derived_is_off(const struct vexfs_derived *d);

#endif /* _VEXFS_COLLECTION_DERIVED_H */
