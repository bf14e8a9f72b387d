/* SPDX-License-Identifier: GPL-2.0 */
/* Records that cannot be trusted, see lost.c. */
#ifndef _VEXFS_COLLECTION_LOST_H
#define _VEXFS_COLLECTION_LOST_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;
struct vexfs_record;

/* Why; what vexfs_columns_lost() says of the slot. */
enum vexfs_lost {
	VEXFS_LOST_UNREAD = 1, /* its block cannot be read */
	VEXFS_LOST_TORN, /* its checksum is wrong */
	VEXFS_LOST_FIELD, /* it may not have these */
	VEXFS_LOST_WORD,
	VEXFS_LOST_BINDING,
	VEXFS_LOST_FILE, /* the inode that it is bound to */
	VEXFS_LOST_KEY,
	/* it is what was written, as is the later one that has its id or key, or contradicts its order */
	VEXFS_LOST_ID,
	VEXFS_LOST_SAME_KEY,
	VEXFS_LOST_ORDER,
};

/* Reads of what may be lost for as long as the body lives. */
#define VEXFS_LOST_TRIES 3

/* For a line in the log: "... is damaged: " this. */
const char *vexfs_lost_text(u32 why);

/* Deciding on what of a body that is being loaded to believe; all zero but b. */
struct vexfs_trial {
	struct vexfs_body *b;
	struct vexfs_seen *seen; /* a ring: the last ones in order ... */
	u64 top, bottom; /* ... and which of them there are */
	void *row; /* and a key, of a record that is read */
};
void vexfs_trial_end(struct vexfs_trial *t);

/*
 * May a record have these fields, whatever there is beside it?  0, or why not: enum vexfs_lost.
 */
u32 vexfs_record_wrong(const struct vexfs_collection_mem *c, const struct vexfs_record *r);
/*
 * Is this record, the next one, in order?  *why is set if it is the one to be blamed; those before
 * it that are, are lost.  -ENOMEM, -EINTR, -EIO after a shutdown, as all that follow.
 */
int vexfs_trial_order(struct vexfs_trial *t, u64 slot, u64 seq, u32 *why);
/* A record is good and in order. */
void vexfs_trial_good(struct vexfs_trial *t, u64 slot, u64 seq);
/*
 * Two records contradict each other, the later one in `slot`: one of them is lost.  *why, which
 * says in what, is what to blame that one for; 0: it is the other one, which was put, and is lost by now.
 */
int vexfs_trial_two(struct vexfs_trial *t, u64 slot, u64 other, u32 *why);
/* The record of a slot that was put, or (fresh) that was not, is lost. */
int vexfs_trial_lose(struct vexfs_trial *t, u64 slot, u32 why, bool fresh, bool dead);

#endif /* _VEXFS_COLLECTION_LOST_H */
