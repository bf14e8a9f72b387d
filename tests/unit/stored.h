/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mounted image with a collection of which codes, lists and a checkpoint are made when a test says
 * so: the worker is the thread of the test.
 */
#ifndef _VEXFS_TEST_STORED_H
#define _VEXFS_TEST_STORED_H

#include <platform/host.h>
#include "engine/lists.h"
#include "mount.h"

#define N	8500u			/* records that have lists */
#define FEW	1500u			/* that have codes alone */
#define K	10u

extern struct mount m;

struct super_block *sb(void);
struct vexfs_sb_info *sbi(void);
struct vexfs_collection_mem *coll(void);
/* The worker of this mount never begins; what it would do. */
void no_worker(void);
void work(void);
void open_quietly(unsigned int flags);
void remount(unsigned int flags);	/* checked in between */
/* A block of the device, until the next mount or until dev->unreadable is NULL again. */
void make_unreadable(__u64 block);
/* A collection with the records 1 to n; and its end, checked. */
void prepare(__u32 n);
void finish(void);

struct answer {
	struct vexfs_search_trace trace;
	struct vexfs_hit hit[K];
	char strategy[VEXFS_PROG_NAME_LEN];
	__u32 n;
};

/* The K nearest of the vector of `id`; recall in millionths, 0: the default. */
long try_ask(__u64 id, __u32 recall, __u32 timeout_us, struct answer *a);
struct answer ask(__u64 id, __u32 recall);
/* Is it there, as far as a search finds out that looks at all? */
bool there(__u64 id);
/* Records [first, end) and no others are there, and those that are nearest are found. */
void right(__u64 first, __u64 end);
/* Was the current generation read from the checkpoint, with so many slots? */
bool was_read(__u64 slots);

#endif /* _VEXFS_TEST_STORED_H */
