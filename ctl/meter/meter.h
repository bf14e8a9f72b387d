/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module is doing, seen through its tracepoints: counters per collection and strategy,
 * and a stream of rare events.  For `vexctl top` and vexd; each has a meter of its own.
 *
 * The first part is shared with the BPF side, meter.bpf.c.
 */
#ifndef _VEXFS_METER_H
#define _VEXFS_METER_H

#include <linux/types.h>
#include <vexfs/format.h>

/*
 * Buckets of a latency in microseconds: one each below 8, then 8 to an octave, so that a bucket is
 * at most an eighth wide.  The last one holds all from about 3.7 s on.
 */
#define METER_BUCKETS	160
#define METER_ROWS	1024		/* pairs of collection and strategy that are told apart */

/* Which collection, and what answered. */
struct meter_key {
	__u32	dev;			/* dev_t as the kernel has it: major << 20 | minor */
	__u32	generation;		/* of the directory's inode */
	__u64	ino;
	/* "" for a call that failed before one was chosen */
	char	strategy[VEXFS_PROG_NAME_LEN];
};

/* What came of it, since the meter was opened. */
struct meter_counts {
	__u64	calls;			/* of search */
	__u64	queries;		/* in those: a call has one or more */
	__u64	errors;			/* calls that failed */
	__u64	truncated;		/* calls with an answer that is not complete */
	__u64	restarts;
	__u64	visited, scored;	/* slots */
	__u64	us;			/* time in all, of the calls that did not fail */
	__u64	bucket[METER_BUCKETS];	/* these calls by their time */
};

enum meter_event_type {
	/* program, generation, ops: loaded or replaced; ops 0: unloaded */
	METER_SWITCH = 1,
	METER_USE,			/* dir, slot, program ("": built-in): bound */
	/* dir, program, slot, generation, err; at most one a second for a program */
	METER_PROGRAM_ERROR,
	METER_EJECT,			/* the same: the collection no longer tries it */
	METER_COMPACT,			/* dir, before, after, us, err */
	METER_DAMAGE,			/* dir, record_slot, id, err */
};

struct meter_event {
	__u32	type;			/* METER_* */
	__u32	dev, dir_generation;	/* the collection, where there is one */
	__u32	slot;			/* VEXFS_SLOT_* */
	__u64	ino;
	__u64	generation;		/* of the program */
	__u32	ops;			/* bit n: the op of VEXFS_SLOT n */
	__s32	err;			/* negative errno */
	__u64	before, after, us;
	__u64	record_slot, id;	/* of the record */
	/* PROGRAM_ERROR: as many of this program were not reported before it */
	__u64	muted;
	char	program[VEXFS_PROG_NAME_LEN];
};

#ifndef __bpf__
#include <limits.h>
#include <stddef.h>
#include <vexfs/ioctl.h>

struct meter;

/*
 * Attach.  events NULL: counters only; else it is called by meter_poll() for each event, in order.
 * 0, or a negative errno and a line in why: -EPERM (needs root), -ENODEV the module is not loaded,
 * others from libbpf.
 */
int meter_open(struct meter **out, void (*events)(const struct meter_event *e, void *arg),
	       void *arg, char *why, size_t why_size);
/* NULL is fine. */
void meter_close(struct meter *m);
/* Readable when there are events: for poll and epoll.  Only with events. */
int meter_fd(const struct meter *m);
/*
 * Call the callback for what is there; does not wait.  The number of events, or a negative errno.
 */
int meter_poll(struct meter *m);
/* Call fn for each row; a non-zero return ends it and is returned. */
int meter_rows(struct meter *m,
	       int (*fn)(const struct meter_key *k, const struct meter_counts *n, void *arg),
	       void *arg);
/* Make room: forget the row of a key.  Not from within meter_rows(). */
void meter_forget(struct meter *m, const struct meter_key *k);
/* Calls that found no room for a row, and events that found none in the ring. */
__u64 meter_dropped(struct meter *m);

/* Upper end of a bucket, exclusive, in microseconds. */
__u64 meter_bucket_end(unsigned int bucket);
/*
 * The time below which a share p (0..1) of the calls lie, in microseconds, interpolated within its
 * bucket; 0 if there were none.
 */
double meter_percentile(const __u64 bucket[METER_BUCKETS], double p);

/*
 * The path of a collection's directory.  0, -ENOENT its filesystem is not mounted here, -ESTALE it
 * is gone, -EPERM needs CAP_DAC_READ_SEARCH.
 */
int meter_dir(__u32 dev, __u64 ino, __u32 generation, char path[PATH_MAX]);
/* Where a device is mounted in our namespace.  0 or -ENOENT. */
int meter_mount(__u32 dev, char path[PATH_MAX]);
/*
 * Live recall of the collections in memory of a mounted filesystem: fn for each of them and each of
 * its strategies, with the number of the device as in a meter_key.  0, or a negative errno: -EPERM
 * needs CAP_SYS_ADMIN, -ENOTTY the module does not count it, ...
 */
int meter_recalls(const char *mount,
		  void (*fn)(__u32 dev, const struct vexfs_recall_count *n, void *arg), void *arg);
#endif /* __bpf__ */

#endif /* _VEXFS_METER_H */
