/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A simulated disk: what a program writes to it, and what a power cut may leave of that.
 *
 * `live` is a memfd, as the program sees it.  Every write and every flush of the program comes
 * through disk_record().  What was flushed is durable; of the writes since then a power cut may
 * keep any.  Such a state is made on a second memfd, which is a copy of what is durable but for the
 * blocks that are listed as different, so that a state costs as much as it differs.
 */
#ifndef _VEXFS_TEST_DISK_H
#define _VEXFS_TEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct vexfs_dev;

/* What is wrong with a disk. */
enum disk_lie {
	DISK_HONEST,
	DISK_NO_FLUSH, /* a flush is mostly ignored: later writes may overtake earlier ones */
	DISK_NO_DATA, /* data may be lost although the log was flushed that relies on them */
};

struct disk_write {
	__u64 block;
	__u8 *data;
};

/* Blocks, each once. */
struct disk_set {
	__u64 *block;
	bool *has;
	size_t n;
};

struct disk {
	__u64 blocks, log_start, log_end;
	int live, state; /* memfds */
	__u8 *live_map, *state_map;
	__u8 *durable; /* what no power cut takes away */
	__u8 *base; /* what was durable at disk_mark() */
	struct disk_set cut; /* where state differs from durable */
	struct disk_set since; /* what was written since disk_mark() */
	struct disk_set copied; /* by disk_copy() to this one */
	struct disk_write *pending; /* since the last flush, in their order */
	size_t n, room;
	enum disk_lie lie;
	/* before a flush takes effect: pending is what it is about; or NULL */
	void (*flush)(struct disk *d);
	void *arg;
};

/* A disk of that many blocks with an empty filesystem, all of it durable. */
void disk_make(struct disk *d, __u64 blocks);
void disk_free(struct disk *d);
/* All that was written so far is durable, and nothing is pending. */
void disk_settle(struct disk *d);
/* live and durable are again what they were at disk_mark(); what is pending is forgotten. */
void disk_mark(struct disk *d);
void disk_back(struct disk *d);

/*
 * All of `to`, which nothing is pending on, is what the state of `from` is; both were made of the
 * same size.  disk_mark() and disk_back() are not for `to`.
 */
void disk_copy(struct disk *to, const struct disk *from);

/* struct vexfs_dev.record of a device over live; record_arg is the disk. */
void disk_record(struct vexfs_dev *dev, __u64 block, const void *data);
/* The same of one over state, when a state is mounted. */
void disk_record_state(struct vexfs_dev *dev, __u64 block, const void *data);

/*
 * Make `state` what is durable, and the pending writes for which kept[] is true; of the last of
 * these only so many sectors, if that is not 0.
 */
void disk_cut(struct disk *d, const bool *kept, __u32 sectors);
/* Make it what is durable again. */
void disk_uncut(struct disk *d);
/*
 * Call fn for every state that a power cut may leave now: all subsets of the pending writes when
 * there are up to DISK_ALL of them; else what is there after each of them, all but one of them, and
 * `some` sets by chance.  And after each of them, when that is torn: a sector is atomic, a block is
 * not.  Returns how many.
 */
#define DISK_ALL 6u
size_t disk_cuts(struct disk *d, size_t some, void (*fn)(struct disk *d));

#endif /* _VEXFS_TEST_DISK_H */
