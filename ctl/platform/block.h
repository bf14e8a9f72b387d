/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks in memory: what core-user.c and log-user.c share. */
#ifndef _VEXFS_BLOCK_H
#define _VEXFS_BLOCK_H

#include <core/core.h>

struct vx_block {
	struct vexfs_dev *dev;
	__u64 block;
	struct vx_block *next;		/* in the hash chain */
	unsigned int refs;
	bool verified;			/* by who has read it, and it has not changed since */
	bool uptodate, dirty;
	unsigned int open;		/* transactions with access that have not yet dirtied it */
	__u32 txn;			/* the last that changed it and that no log has begun */
	__u32 sum;			/* strict: crc of data when it was last read or dirtied */
	/*
	 * strict, or with a log: group blocks that have changed since the last commit, as they were
	 */
	void *committed;
	/* with a log: the same as they are in the transaction that is being committed, if the next
	 * one may change them meanwhile */
	void *frozen;
	/* of the running transaction, see log-user.c: the next one */
	struct vx_block *running;
	bool in_running;		/* ... is it there? */
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));
};

__attribute__((noreturn)) void vexfs_die(const char *what);
/* Does this call fail, because a test said so? */
bool vexfs_fault(enum vexfs_fault what);

/* --- log-user.c --- */

/* A block was changed, and becomes one of the running transaction.  vexfs_dev.lock is not held. */
void vexfs_log_add(struct vexfs_log *log, struct vx_block *b);
/* A block stops being metadata: no replay may bring it back.  -ENOMEM. */
int vexfs_log_revoke(struct vexfs_log *log, __u64 block);

#endif /* _VEXFS_BLOCK_H */
