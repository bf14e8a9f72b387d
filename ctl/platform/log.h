/* SPDX-License-Identifier: GPL-2.0 */
/* The log in user space: log-user.c. */
#ifndef _VEXFS_LOG_H
#define _VEXFS_LOG_H

#include <core/core.h>

/* Does the log hold transactions that a mount would replay?  1, 0, -EUCLEAN (no log), or an error of the read. */
int vexfs_log_pending(struct vexfs_dev *dev, const struct vexfs_super *super);

/* What a replay did. */
struct vexfs_log_replayed {
	__u32 transactions;
	__u64 blocks;			/* brought back, each time counted */
	__u64 revoked;			/* that a later transaction had revoked */
};

/*
 * Bring back what the log holds, as jbd2 does at a mount, into the blocks of dev: they are read as the log has
 * them from then on, and nothing is written before vexfs_log_finish().  No block of dev is in use.
 *
 * A transaction that was not committed whole ends the replay, as does the first commit block with a bad checksum.
 * -EUCLEAN: the log is damaged where it must not be (why says what; the blocks of dev are dropped), -EOPNOTSUPP
 * another form of log, -EIO, -ENOMEM.  done may be NULL.
 */
int vexfs_log_replay(struct vexfs_dev *dev, const struct vexfs_super *super, struct vexfs_log_replayed *done,
		     const char **why);

/*
 * After vexfs_log_replay(): write the blocks, wait until they are on stable storage, and mark the log
 * empty.  Killed at any point, the replay can be done again.  -EIO.
 */
int vexfs_log_finish(struct vexfs_dev *dev, const struct vexfs_super *super);

#endif /* _VEXFS_LOG_H */
