/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log in user space: log-replay.c reads one, log-user.c writes one, both in jbd2's form, so
 * that what one side leaves the other replays.
 */
#ifndef _VEXFS_LOG_H
#define _VEXFS_LOG_H

#include <core/core.h>

/*
 * Does the log hold transactions that a mount would replay?  1, 0; -EUCLEAN: its superblock is none
 * or is damaged, -EOPNOTSUPP: another form of log; or an error of the read.
 */
int vexfs_log_pending(struct vexfs_dev *dev, const struct vexfs_super *super);

/* What a replay did. */
struct vexfs_log_replayed {
	__u32 transactions;
	__u64 blocks;			/* brought back, each time counted */
	__u64 revoked;			/* that a later transaction had revoked */
	/* that were committed and are not brought back, since they are damaged, or one before them is */
	__u32 lost;
};

/*
 * Bring back what the log holds, as jbd2 does at a mount, into the blocks of dev: they are read as
 * the log has them from then on, and nothing is written before vexfs_log_finish().  No block of dev
 * is in use.
 *
 * A transaction that was not committed whole ends the replay, as does a last commit block with a bad
 * checksum: that is what a power cut leaves.  done->lost tells where it is not.  -EUCLEAN: the log is damaged where it must not be (why says what; the blocks of
 * dev are dropped), -EOPNOTSUPP another form of log, -EIO, -ENOMEM.  done may be NULL.
 */
int vexfs_log_replay(struct vexfs_dev *dev, const struct vexfs_super *super,
		     struct vexfs_log_replayed *done, const char **why);

/*
 * The same, and if the log is damaged somewhere, what lies before the first transaction that is not
 * all there is brought back; -EUCLEAN means its superblock alone.  The filesystem is what it was
 * after that transaction, but for blocks that later ones have written to their places: it has to be
 * checked.
 */
int vexfs_log_salvage(struct vexfs_dev *dev, const struct vexfs_super *super,
		      struct vexfs_log_replayed *done, const char **why);

/*
 * After vexfs_log_replay() or vexfs_log_salvage(): write the blocks, wait until they are on stable storage, and mark the
 * log empty.  Killed at any point, the replay can be done again.  -EIO.
 */
int vexfs_log_finish(struct vexfs_dev *dev, const struct vexfs_super *super);
/* The same, where so many transactions behind those that were brought back are lost. */
int vexfs_log_empty(struct vexfs_dev *dev, const struct vexfs_super *super, __u32 lost);

/*
 * A log that is written.  All transactions between two commits are one in the log, as with jbd2:
 * changes stay in memory until vexfs_log_commit(), and go to their places when the log is half full
 * or closed.  A write or a flush that fails aborts it: nothing is written any more, everything is
 * -EIO for ever after, and what was committed is replayed by the next one who opens the image.
 *
 * Threads may have transactions at the same time; a thread has one at a time.
 */
struct vexfs_log;

/*
 * Begin to write: the log is empty (replayed and finished).  dev gets it, *log too.  -EUCLEAN
 * (*why), -EOPNOTSUPP (*why), -EBUSY it is not empty, -ENOMEM, -EIO.
 */
int vexfs_log_open(struct vexfs_dev *dev, const struct vexfs_super *super, struct vexfs_log **log,
		   const char **why);
/*
 * Commit, write everything to its place, mark the log empty; all of it only if it was not aborted.
 * Frees it.
 */
int vexfs_log_close(struct vexfs_log *log);
/*
 * A transaction that changes up to `credits` blocks.  Waits for commits.  -EIO aborted, -ENOSPC
 * more than the log takes.
 */
int vexfs_log_begin(struct vexfs_log *log, vx_txn *t, int credits);
/* End it; what it changed is part of the next commit.  -EIO aborted. */
int vexfs_log_end(vx_txn *t);
/*
 * Wait until all transactions that have ended, and all data written before, are on stable storage.
 * What they have freed can be used then.  -EIO.
 */
int vexfs_log_commit(struct vexfs_log *log);
/*
 * The same, where it is enough if those up to this number are, and all data that were written before
 * vexfs_log_flushes() said `since`.  Whatever has flushed them meanwhile will do.
 */
int vexfs_log_wait(struct vexfs_log *log, __u32 sequence, __u64 since);
__u64 vexfs_log_flushes(struct vexfs_log *log);
/*
 * The number that what runs now will have in the log, and what begins before the next commit.
 * Numbers wrap.
 */
__u32 vexfs_log_sequence(struct vexfs_log *log);
/*
 * Nothing is written any more.  error: a negative errno for the next mount, which is written into
 * the log's superblock if that is still possible; 0: none.
 */
void vexfs_log_abort(struct vexfs_log *log, int error);
bool vexfs_log_aborted(const struct vexfs_log *log);
/* What an earlier mount has left so (0: nothing); and the end of that.  -EIO. */
int vexfs_log_error(const struct vexfs_log *log);
int vexfs_log_forgive(struct vexfs_log *log);
/* Transactions that were committed. */
__u32 vexfs_log_commits(const struct vexfs_log *log);

#endif /* _VEXFS_LOG_H */
