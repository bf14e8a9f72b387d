/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that derived data of a mount may take, see budget.c.  The hosts keep one with a mount,
 * so this includes nothing.
 */
#ifndef _VEXFS_COLLECTION_BUDGET_H
#define _VEXFS_COLLECTION_BUDGET_H

struct super_block;
struct vexfs_body;
struct vexfs_derived;
struct vexfs_ioc_memory;

struct vexfs_budget {
	spinlock_t lock;		/* all of it; outside vexfs_body.derived_lock */
	struct list_head generations;	/* current ones, which may be evicted */
	u64 charged;			/* bytes that there are */
	u64 leaving;			/* of those, of generations that only searches still hold */
	u64 evictable;			/* of those, of generations on the list */
	u64 pressed;			/* that reclaim has asked for since the last eviction */
	u64 evicted;			/* generations, since the mount */
};

void vexfs_budget_init(struct vexfs_budget *budget);

/*
 * What a search cannot be right without, columns and maps, takes `bytes` now; *charged: the same
 * of the last time, its owner's.  It is never refused: optional data make room.
 */
void vexfs_budget_need(struct super_block *sb, u64 *charged, u64 bytes);

/*
 * A generation is to take so many bytes at least.  Others that nobody has searched for a while, and
 * not since this one was, make room.  -ENOSPC, -ESTALE: it is not the current one any more.
 */
int vexfs_budget_charge(struct vexfs_derived *d, u64 bytes);
/* The same for its hash tables, beside all else. */
int vexfs_budget_tables(struct vexfs_derived *d, u64 bytes);
/*
 * It turned out to take fewer bytes than were charged for it, hash tables aside: with more than these
 * it gives the rest back.
 */
void vexfs_budget_settle(struct vexfs_derived *d, u64 bytes);
/* It is freed. */
void vexfs_budget_release(struct vexfs_derived *d);

/*
 * Another generation, or none (NULL), is the current one of its body.  Returns the one before, the
 * caller's to put, or NULL.
 */
struct vexfs_derived *vexfs_budget_swap(struct vexfs_body *b, struct vexfs_derived *d);

/* Is there more than the budget?  Then no new generation should go on. */
bool vexfs_budget_is_over(struct super_block *sb);
/* It may be smaller than before: optional data go until it is kept, or there are none. */
void vexfs_budget_trim(struct super_block *sb);

/* See ioctl.h. */
void vexfs_budget_info(struct super_block *sb, struct vexfs_ioc_memory *info);

/* Reclaim: bytes that could be given back; give some back, as far as so many are worth it. */
u64 vexfs_budget_evictable(struct super_block *sb);
u64 vexfs_budget_reclaim(struct super_block *sb, u64 bytes);

#endif /* _VEXFS_COLLECTION_BUDGET_H */
