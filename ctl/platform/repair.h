/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Repairing a filesystem, offline.
 *
 * All of it happens in the cache of a device: nothing is written before somebody has verified what
 * is there and says so.
 */
#ifndef _VEXFS_REPAIR_H
#define _VEXFS_REPAIR_H

#include <stdbool.h>
#include <core/core.h>
#include "undo.h"
#include "verify.h"

struct vexfs_repair_opts {
	/* Something was put right: a line without its end.  What is lost is said. */
	void (*did)(void *arg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
	/* NULL, or how far it is; false ends it (-EINTR). */
	bool (*progress)(void *arg, const char *what, __u64 done, __u64 total);
	void *arg;
	/* NULL, or who hears what vexfs_repair_device() could not put right, as of vexfs_verify() */
	void (*left)(void *arg, enum vexfs_finding nr, const char *fmt, ...);
	/* NULL, or where that check says what there is in the end */
	struct vexfs_verify_counts *checked;
	/* block 0 is not the last one that was written: it is a copy, or was made anew */
	bool stale;
};

/*
 * A superblock for a device whose block 0 is none, into *s and the cache: the one in block `at`, or
 * (0) the best of the copies, of those in the log, or one made from the log's own superblock.  Its
 * log may still hold a better one.  Something verifies with it.  *from: the block that it was in, 0: it was made.  -ENOENT:
 * nothing was found; -EUCLEAN: block `at` holds none, -EIO, -ENOMEM.
 */
int vexfs_repair_super(struct vexfs_dev *dev, __u64 at, struct vexfs_super *s, __u64 *from);
/*
 * Does anything verify with a superblock that is good in itself, a group or an inode?  Else it is
 * another filesystem's, and a repair would take all for damage.  -EIO, -ENOMEM.
 */
int vexfs_super_proven(struct vexfs_dev *dev, const struct vexfs_super *s, bool *proven);
/*
 * An empty log for one that cannot be replayed; what it held is lost.  In the cache.
 */
int vexfs_repair_log(struct vexfs_dev *dev, const struct vexfs_super *s);
/*
 * All the rest.  dev->shadow is set, block 0 is good, the log was replayed into the cache.
 * 0: whatever was found wrong was put right, which vexfs_verify() has to say.  -EIO, -ENOMEM,
 * -ENOSPC: there is no room for what has to be made.  -EINTR.
 */
int vexfs_repair(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts);
/* Copies of the superblock, made from block 0 where they do not verify.  In the cache. */
int vexfs_repair_copies(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts);

/* What a block is for, by where it is. */
const char *vexfs_repair_place(const struct vexfs_super *s, __u64 block);

/*
 * All of it, in the right order, until vexfs_verify() finds no error; in the cache.  at: block of a
 * superblock, 0: block 0, or the best of others.  *plan: what is to be given to vexfs_undo_write(),
 * but for the file; log is where plan->log points to, if it does, and plan->replayed is the
 * caller's to free.
 *
 * With dev->unread, which is emptied first, what cannot be read is taken for what does not verify; it
 * is written anew then, with what was made of it or as zeros, unless it can be read by now: -EAGAIN.
 *
 * 0; -EUCLEAN: errors are left after all; -EIO: more cannot be read than dev->unread has room for; -ENOENT: there is no superblock, nor what one could be
 * made from; -EOPNOTSUPP, *why: a newer format; -ENXIO the device is too small for it, whose
 * superblock is *log; and as vexfs_repair().
 */
int vexfs_repair_device(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts, __u64 at,
			struct vexfs_undo_plan *plan, struct vexfs_super *log, const char **why);

#endif /* _VEXFS_REPAIR_H */
