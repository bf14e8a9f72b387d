/* SPDX-License-Identifier: GPL-2.0 */
/* Slots that died: those to commit, and the log of deaths, see deaths.c. */
#ifndef _VEXFS_COLLECTION_DEATHS_H
#define _VEXFS_COLLECTION_DEATHS_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;

/* Slots that died and are not committed yet. */
struct vexfs_death_chunk {
	struct list_head list;
	u32 n;
	u64 slot[(PAGE_SIZE - sizeof(struct list_head) - 8) / 8];
};

/* Room for n deaths in a list; -ENOMEM and the list is empty.  Free what is left of it. */
int vexfs_deaths_reserve(struct list_head *chunks, u32 n, gfp_t gfp);
void vexfs_deaths_free(struct list_head *chunks);
/*
 * c->lock held: the next commit makes this slot dead on disk.  Room comes from `spare` where it is
 * needed.  False: it touches more of the dead bitmap than a commit can take, and the log has no
 * room for it.
 */
bool vexfs_death_add(struct vexfs_collection_mem *c, u64 slot, struct list_head *spare);

/*
 * c->lock held: can the log take n deaths more than those that are to be committed?  Then it can
 * until the next commit.  -EAGAIN there is no log yet; -ENOSPC, -EFBIG, -EIO.
 */
int vexfs_deaths_room(struct vexfs_collection_mem *c, u64 n);
/*
 * c->lock held: the same for deaths that are to be added, where the bitmap cannot take them.  set:
 * scratch.  slots with VEXFS_NO_SLOT in between.
 */
struct vexfs_dead_set;
int vexfs_deaths_fit(struct vexfs_collection_mem *c, const u64 *slot, u32 n,
		     struct vexfs_dead_set *set);
/* No lock held but i_rwsem: make the log, if there is none.  -ENOSPC, -EIO, -EINTR. */
int vexfs_deaths_make(struct vexfs_collection_mem *c);
/*
 * commit_lock held: write them behind the end of the log, which is *end then.  n of them.  -EIO,
 * -ENOMEM, -EINTR.
 */
int vexfs_deaths_write(struct vexfs_collection_mem *c, const struct list_head *chunks, u64 n,
		       u64 *end);
/* Loading: the slots in the log, ascending, *n of them; kvfree().  ERR_PTR: -EUCLEAN, ... */
u32 *vexfs_deaths_read(struct vexfs_body *b, u64 *n);
/* commit_lock held: what is in the log goes into the bitmap. */
int vexfs_deaths_fold(struct vexfs_collection_mem *c);

/* Deaths in the log from which on they are folded; tests have fewer. */
extern u32 vexfs_deaths_many;

#endif /* _VEXFS_COLLECTION_DEATHS_H */
