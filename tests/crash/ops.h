/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated workloads (ops.c, ops_judge.c).
 *
 * Workload W lives in the directory wW of the filesystem, and is the same for the same seed.  It
 * is a list of operations on ten paths, of files, directories and a collection.  Two of three are
 * as short as those of CrashMonkey (Mohan et al., OSDI '18): something is there and synced, up to
 * three operations, a sync.  The third is long, and syncs at times.  All end with syncfs.
 *
 * Every sync is a promise, of two numbers: the workload, and how many of its operations were done.
 */
#ifndef _VEXFS_TESTS_OPS_H
#define _VEXFS_TESTS_OPS_H

#include <stdbool.h>
#include <stdint.h>
#include "crash.h"

enum op_kind {
	/* names, which keep their order */
	OP_CREATE, OP_MKDIR, OP_LINK, OP_RENAME, OP_EXCHANGE, OP_UNLINK, OP_RMDIR, OP_COLLECTION,
	/* size, which keeps it, too */
	OP_TRUNCATE, OP_FALLOCATE,
	/* data */
	OP_WRITE, OP_REWRITE, OP_MMAP, OP_WRITEBACK,
	/* records; a snapshot is on the disk when it was made */
	OP_INSERT, OP_UPSERT, OP_DELETE, OP_BIND, OP_COMPACT, OP_INDEX, OP_UNSNAP, OP_SNAP,
	/* syncs */
	OP_FSYNC, OP_FDATASYNC, OP_SYNCFS,
	OP_KINDS
};

enum { P_a, P_b, P_A, P_B, P_C, P_Aa, P_Ab, P_Ba, P_Bb, P_Ca, PATHS };
extern const char *const ops_path[PATHS];

#define OPS_MAX		62		/* operations of a workload */
#define OPS_FILE	49152u		/* bytes of a file, at most */
#define OPS_IDS		256u		/* records of a collection, ever */
#define OPS_DIMS	4

struct op {
	enum op_kind kind;
	int path, to;			/* of ops_path */
	int object;			/* what path named, number of the op that made it */
	uint32_t from, len;		/* bytes, or the first id and how many */
	/* bit N: it logs object N for sure, so that an fsync of that covers this and all before it */
	uint64_t touches;
	bool keep;			/* fallocate: the size */
};

struct workload {
	uint64_t seed, number;
	int n;
	struct op op[OPS_MAX];
};

void ops_generate(struct workload *w, uint64_t seed, uint64_t number);
/* What operation i of it fills a file with; never 0. */
static inline uint8_t ops_byte(const struct workload *w, int i)
{
	return 1 + (i + w->number * 61) % 255;
}
/* The operation that did, or -1: none of this workload. */
static inline int ops_writer(const struct workload *w, uint8_t byte)
{
	int i = (byte + 254 - w->number * 61 % 255) % 255;

	return byte && i < w->n ? i : -1;
}
void ops_row(const struct workload *w, uint32_t id, int version, float row[OPS_DIMS]);
/* The mode of what operation i makes says so: it appears with the name. */
static inline uint32_t ops_mode(int i)
{
	return 0400 + i;
}
static inline bool ops_promises(enum op_kind kind)
{
	return kind >= OP_SNAP;
}
/* "create a", for who reads what failed */
const char *ops_describe(const struct op *op);

/* Say why on standard output, which the judge shows, and end with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void ops_die(const char *fmt, ...);

#endif /* _VEXFS_TESTS_OPS_H */
