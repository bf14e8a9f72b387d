/* SPDX-License-Identifier: GPL-2.0 */
/* Words of keyword attributes, see word.c. */
#ifndef _VEXFS_COLLECTION_WORD_H
#define _VEXFS_COLLECTION_WORD_H

#include "collection/platform.h"
#include "collection/key.h"

struct vexfs_collection_mem;

/* The dictionaries of keyword attributes, see word.c. */
struct vexfs_dictionary {
	struct inode *plane;		/* a reference; NULL: no attribute is a keyword */
	errseq_t since;			/* write errors after it are sticky */
	/* bytes of the plane, those not committed included; insert_lock too to change, like n */
	u64 end;
	u64 committed;			/* c_word_bytes on disk; commit_lock too to change */
	u32 n[VEXFS_MAX_ATTRS];		/* words; the last one's code */
	u32 room[VEXFS_MAX_ATTRS];	/* of `at` */
	u64 *at[VEXFS_MAX_ATTRS];	/* by code - 1: place of the entry in the plane */
	struct vexfs_map64 map;		/* hash of a word -> attribute << 32 | code */
};

/*
 * Loading: the plane, if the block names one; and all that is in it.  -EUCLEAN, -EIO, -ENOMEM,
 * -EINTR.
 */
int vexfs_words_open(struct vexfs_collection_mem *c, const struct vexfs_collection *raw);
int vexfs_words_load(struct vexfs_collection_mem *c, const struct vexfs_collection *raw);
/* Outside transactions: lets go of the plane. */
void vexfs_words_free(struct vexfs_collection_mem *c);
/* Memory that they take; c->lock held here and below. */
u64 vexfs_words_bytes(const struct vexfs_collection_mem *c);
/* A write error of the plane since it was loaded: -EIO. */
int vexfs_words_errors(const struct vexfs_collection_mem *c);
/* Are the keywords among the attributes of a record codes of words, or 0? */
bool vexfs_words_known(const struct vexfs_collection_mem *c, const __s64 *attr);
/*
 * Codes of words of a keyword attribute; takes the locks.  Words that have none get one.  -E2BIG too
 * many, -ENOSPC, ...: those before the one at fault may have got theirs.
 */
int vexfs_words_intern(struct vexfs_collection_mem *c, u32 attr, const struct vexfs_keys *words,
		       __s64 *codes);
/*
 * The codes of those that have one and that the caller of `file` may know, else 0.  Of the others
 * nothing is read, and nothing takes longer because they are there.
 */
int vexfs_words_lookup(struct vexfs_collection_mem *c, const struct file *file, u32 attr,
		       const struct vexfs_keys *words, __s64 *codes);
/*
 * The words with the codes first .. first + n - 1, as many as there are and as fit into *bytes: how
 * many, or -EINTR, -EIO, -EUCLEAN.  byte, len: packed, as in ioctl.h.  seen: as below, bit `at` tells
 * of the first one; one that is not is not read, and has length 0.  Takes the lock.
 */
int vexfs_words_read(struct vexfs_collection_mem *c, u32 attr, s64 first, u32 n, const u64 *seen,
		     u32 at, u8 *byte, u32 *bytes, u8 *len, __u64 *total);
/*
 * Which of the words with the codes first .. first + n - 1 may the caller of `file` know?  Those of
 * records that he may see, dead or not.  *seen NULL: all; else bit i tells of first + i, and the
 * caller frees it.  -EINTR, -ENOMEM.
 */
int vexfs_words_seen(struct vexfs_collection_mem *c, const struct file *file, u32 attr, s64 first,
		     u32 n, u64 **seen);

#endif /* _VEXFS_COLLECTION_WORD_H */
