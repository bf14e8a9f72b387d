/* SPDX-License-Identifier: GPL-2.0 */
/* Keys of records, see key.c. */
#ifndef _VEXFS_COLLECTION_KEY_H
#define _VEXFS_COLLECTION_KEY_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;
struct vexfs_reader;

/* Keys as they come from outside: packed bytes, a length each, 0: none.  See vexfs_keys_check(). */
struct vexfs_keys {
	u32 n, bytes;
	const u8 *byte, *len;
	u64 *hash;			/* made by vexfs_keys_check(), kvfree(): of each ... */
	u32 *off;			/* ... and where it begins; in the same memory */
	/* made by vexfs_keys_look(): slots of this body, a reference, that have the keys */
	u64 *known;
	struct vexfs_body *body;
	/*
	 * NULL: records of all are looked for; else those that this one sees: what others have is
	 * not read, so it takes no longer because it is there
	 */
	struct vexfs_reader *reader;
};
/*
 * Are they well formed?  -EINVAL: a NUL (*bad), or lengths that do not add up; every: no length may
 * be 0.  -ENOMEM.
 */
int vexfs_keys_check(struct vexfs_collection_mem *c, struct vexfs_keys *k, bool every, __u64 *bad);
/*
 * Find out, with c->lock held for moments only, which slots have these keys now: what is on disk
 * need not be read under it then.  Errors are for vexfs_key_find() to meet.
 */
void vexfs_keys_look(struct vexfs_collection_mem *c, struct vexfs_keys *k);
/*
 * The live slot of key i; where there are several, the youngest.  -ENOENT; -EIO, -EUCLEAN.  c->lock
 * held.  first: slots from here on are those of the records that come with these keys, not
 * published yet.
 */
int vexfs_key_find(struct vexfs_body *b, const struct vexfs_keys *k, u32 i, u64 first, u64 *slot);
/* Free all arrays, whatever of them there is. */
void vexfs_keys_drop(struct vexfs_keys *k);

/* The key that r_key names: its length, or -EUCLEAN, -EIO.  key: VEXFS_MAX_KEY bytes. */
int vexfs_key_read(struct vexfs_body *b, u64 r_key, u8 *key);
/*
 * Loading: remember the key of a live slot.  -EEXIST another one has it, *other; -EUCLEAN it is
 * none, -EIO, -ENOMEM.
 */
int vexfs_key_load(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot, u64 r_key,
		   u64 *other);

#endif /* _VEXFS_COLLECTION_KEY_H */
