/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A filesystem on a simulated disk with records of all kinds in it, where workloads begin, and a
 * small alphabet of operations on it.
 */
#ifndef _VEXFS_TEST_WORLD_H
#define _VEXFS_TEST_WORLD_H

#include "client.h"
#include "disk.h"

struct world {
	struct disk disk;
	struct client client;
	struct history history;
	__u32 base;			/* operations that all workloads begin with */
	__u64 next_id;
	const char *what;		/* is being done, for messages */
};

/* What all begin with is done, durable and unmounted: two directories, c0 is a collection. */
void world_open(struct world *w);
void world_close(struct world *w);
/* As it was then, and mounted.  False: the mount failed, see w->client.why. */
bool world_begin(struct world *w);
/* Print what is wrong. */
void world_complain(struct world *w, const char *why);
/* Do an operation as client_step() does; what is wrong fails the test. */
void world_do(struct world *w, struct op *op);

/*
 * What a letter means now, to be done by client_step(): NULL nothing.
 *
 *	C create  I insert   U upsert   D delete    W insert with a word  B insert, bound to a file
 *	F file    L unlink   R rename over  S snapshot (all taken: delete one)  M compact  X drop
 */
#define WORLD_LETTERS "CIUDWBFLRSMX"
struct op *world_letter(struct world *w, char letter);
/* The collection that letters are about: the last one that was made. */
__u32 world_current(const struct world *w);

#endif /* _VEXFS_TEST_WORLD_H */
