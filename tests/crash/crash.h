/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loads to be killed, and the judge of what they leave.
 *
 * They make system calls, so the same code runs in the guest, over the kernel module, and here,
 * over an image that this process has mounted (image_calls.c).  Whoever finds something wrong says
 * so in one line and ends the process with exit code 1.
 */
#ifndef _VEXFS_TESTS_CRASH_H
#define _VEXFS_TESTS_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What must survive from now on: the next sequence number of the collection `a`, how many of its
 * operations were done, and the seed.  See states.c.
 */
#define CRASH_PROMISE		"PROMISE!"
#define CRASH_PROMISE_SIZE	4096
typedef void (*crash_promise)(const uint64_t number[3]);

/* How far the load of `a` is; the others keep up with it, and stop when it is done. */
struct crash_pace {
	_Atomic uint64_t operations;
	atomic_bool stop;
};

/*
 * For a load that did its step number `step`: wait until `a` has come so far, `every` operations
 * for each step.  False: it is done.
 */
bool crash_goes_on(struct crash_pace *p, uint64_t step, uint64_t every);

/*
 * Everything at once, below the directory top/SEED of a filesystem that is mounted:
 *
 *	a	a collection; each of its fsyncs is a promise; it is given snapshots s0, s1 ... all the
 *		time, of which four stay, and is compacted
 *	b	a collection written at the same time, which promises nothing but a prefix
 *	c	a collection of files with records bound to them, which are overwritten and removed
 *	d	files 0, 1, 2 ... in order: each is written, fsynced under the name `new`, then
 *		renamed; the oldest goes when there are more than 20
 *
 * operations: of a and b; 0: until killed.
 */
void crash_write(const char *top, uint64_t seed, uint64_t operations, crash_promise promise);
/* What is left of that.  promised: the sequence number of the last promise, or 0. */
void crash_judge(const char *top, uint64_t seed, uint64_t promised);

/* --- records.c --- */

/* p, if not NULL, is told how far it is. */
void crash_records_load(const char *dir, uint64_t seed, uint64_t operations, crash_promise promise,
			struct crash_pace *p);
void crash_records_verify(const char *dir, uint64_t seed, uint64_t promised);

/* --- bound.c --- */

void crash_bound_load(const char *dir, uint64_t seed, struct crash_pace *p);
void crash_bound_verify(const char *dir);

/* --- ops.c, ops_judge.c: see ops.h --- */

void crash_ops_write(const char *top, uint64_t seed, uint64_t workloads, crash_promise promise);
/* promised: "none", or the numbers of the last promise as states.c prints them. */
void crash_ops_judge(const char *top, uint64_t seed, const char *promised);

#endif /* _VEXFS_TESTS_CRASH_H */
