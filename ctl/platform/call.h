/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that this process makes for another one, which has asked for them: whose permissions count,
 * and where his memory is.  Of a thread that is in none, whoever could open the image may do
 * everything, and an address is one of this process.
 */
#ifndef _VEXFS_CALL_H
#define _VEXFS_CALL_H

#include "nodes.h"

/* The first bytes of the memory have no address: 0 stands for no array, as a NULL does. */
#define VEXFS_CALL_FIRST	64u

struct vexfs_call {
	/* whose rights count; a directory that he may change has flags of O_RDWR, too */
	struct mnt_idmap who;
	/*
	 * Memory that he may change at any time; it does not shrink.  What an ioctl points to are
	 * offsets in it, -EFAULT all that is not from VEXFS_CALL_FIRST to `bytes`.
	 */
	char *memory;
	size_t bytes;
	/* n bytes from `at` on are written next.  False: they cannot be, which is -EFAULT. */
	bool (*writes)(struct vexfs_call *call, size_t at, size_t n);
	/* Has he gone, or given up?  Then it ends as after a fatal signal.  Asked now and then. */
	bool (*gone)(struct vexfs_call *call);
	bool has_gone;			/* he has */
	__u64 asked;			/* the last time that he was, vx_clock_us() */
};

/* All that this thread does from here to the end is for the caller. */
void vexfs_call_begin(struct vexfs_call *call);
void vexfs_call_end(void);

/* The call that this thread is in, or NULL. */
extern __thread struct vexfs_call *vexfs_calling;
/* It has one, whose caller has gone. */
bool vexfs_call_gone(void);
/* Between our memory and his; how many bytes could not be copied. */
size_t vexfs_call_copy(struct vexfs_call *call, void *ours, const void *theirs, size_t n, bool in);

#endif /* _VEXFS_CALL_H */
