/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program that works on an image mounted in this process: it does the operations of a history,
 * and sees what is there, by the calls that every program has.
 */
#ifndef _VEXFS_TEST_CLIENT_H
#define _VEXFS_TEST_CLIENT_H

#include <platform/image.h>
#include <platform/verify.h>

#include "history.h"

struct client {
	struct vexfs_dev dev;
	struct vexfs_image *image;
	char why[300]; /* the first thing that was wrong, "": nothing */
	int err; /* that was a call which failed: its negative errno */
};

/* Remember what is wrong, if nothing was before.  Always false. */
bool client_wrong(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same of a call that has failed with err. */
bool client_failed(struct client *c, const char *call, int err);

/*
 * Mount what is in a file of so many blocks, which stays the caller's.  record: see vexfs-user.h;
 * NULL for several threads.
 * 0, or a negative errno, and why.
 */
int client_mount(struct client *c, int fd, __u64 blocks,
		 void (*record)(struct vexfs_dev *dev, __u64 block, const void *data), void *arg);
int client_unmount(struct client *c);
void client_kill(struct client *c);
/*
 * Do an operation as the model numbers things.  0 or a negative errno; *bad: the entry at fault.
 * Fills in what the filesystem has chosen: numbers of files in h, ids in op.
 */
int client_do(struct client *c, struct history *h, struct op *op, __u32 *bad);
/*
 * The same for an operation that was added to h and has not been made to fail: with what the model
 * says of it.  False: it is otherwise, see why.
 */
bool client_step(struct client *c, struct history *h, struct op *op);

/* --- what there is --- */

struct seen_entry {
	struct entry *entry; /* object: 0, or a file is bound; then its number: */
	__u64 ino;
	bool stale;
};

struct seen_list {
	__u32 n;
	struct seen_entry *at;
};

struct seen {
	bool dir, made;
	__u32 dims, metric;
	struct seen_list live;
	struct seen_list snapshot[SNAPSHOTS];
	bool has_snapshot[SNAPSHOTS];
	__u64 ino[FILES]; /* 0: there is none */
};

/*
 * Look at a collection and its directory: names, records, snapshots.  They must agree with each
 * other: what is listed is got by id and by key, and found by exact searches, with and without
 * predicates, with the distances that double precision gives.  False: they do not, or something
 * could not be read, see why.  seen_free() in any case.
 */
bool client_see(struct client *c, __u32 collection, struct seen *s);
void seen_free(struct seen *s);

/* Is that what the model says?  False: see why. */
bool client_same(struct client *c, const struct history *h, __u32 collection, const struct seen *s,
		 const struct contents *want);
/* Look at all of it; it must be h->now. */
bool client_check(struct client *c, struct history *h);
/*
 * After a crash: it must be what some number of operations left, no fewer than what was
 * acknowledged.  cut: make that the history.
 */
bool client_survived(struct client *c, struct history *h, bool cut);

/* Verify a filesystem that is not mounted; its log is replayed in memory. */
bool client_verify(struct client *c, int fd, __u64 blocks);

#endif /* _VEXFS_TEST_CLIENT_H */
