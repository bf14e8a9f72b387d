/* SPDX-License-Identifier: GPL-2.0 */
/* Checking a whole filesystem, offline. */
#ifndef _VEXFS_VERIFY_H
#define _VEXFS_VERIFY_H

#include <core/core.h>

/*
 * Check everything that is in use: groups, inodes, extent trees, directories, the orphan list, links, that every block
 * has exactly one owner and is marked so, the counters, and of collections every record's crc.  Changes
 * nothing.  The log must have been replayed: see vexfs_log_pending().
 * Calls report for each problem, a line without its end.  Returns the number of problems, or a negative errno when the
 * check itself could not go on.
 */
int vexfs_verify(struct vexfs_fs *fs, void (*report)(void *arg, const char *fmt, ...), void *arg);

/* Does the log hold transactions that a mount would replay?  1, 0, -EUCLEAN (no log), or an error of the read. */
int vexfs_log_pending(struct vexfs_dev *dev, const struct vexfs_super *super);

#endif /* _VEXFS_VERIFY_H */
