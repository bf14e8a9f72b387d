/* SPDX-License-Identifier: GPL-2.0 */
/* Checking a whole filesystem, offline. */
#ifndef _VEXFS_VERIFY_H
#define _VEXFS_VERIFY_H

#include <stdbool.h>
#include <core/core.h>
#include "finding.h"

struct vexfs_verify_opts {
	/* A finding: its number, and what it is about, a line without its end. */
	void (*report)(void *arg, enum vexfs_finding nr, const char *fmt, ...);
	/* NULL, or how far it is; false ends the check (-EINTR). */
	bool (*progress)(void *arg, const char *what, __u64 done, __u64 total);
	void *arg;
};

/* What was looked at. */
struct vexfs_verify_counts {
	__u64 inodes, directories, collections, records;
};

/*
 * Check everything that is in use: groups, inodes, extent trees, directories, the orphan list,
 * links, that every block has exactly one owner and is marked so, the counters, and of collections
 * every record's crc.  Changes nothing.  The log must have been replayed: see vexfs_log_pending().
 * counts may be NULL.  Returns 0, whatever was found, or a negative errno when the check itself
 * could not go on.
 */
int vexfs_verify(struct vexfs_fs *fs, const struct vexfs_verify_opts *opts,
		 struct vexfs_verify_counts *counts);

#endif /* _VEXFS_VERIFY_H */
