/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VexFS ioctls, on an open directory.  Every struct begins with its own size (set by the caller to
 * sizeof) and flags.  A kernel that knows less accepts a longer struct whose tail is zero (else
 * E2BIG); a kernel that knows more takes missing fields as zero.  Unknown flags and non-zero
 * reserved fields are EINVAL.  Numbers are never reused.
 *
 * Searching and reading need the directory opened for reading; a directory cannot be opened for
 * writing, so changing needs write permission on it (EACCES) and a writable mount (EROFS).
 *
 * Errors common to all: ENOTTY not a VexFS directory, ENODATA not a collection, EFAULT, EINTR (a
 * fatal signal), EIO and EUCLEAN (device, damage), ENOMEM, EOPNOTSUPP (this kernel module does not
 * do that).
 */
#ifndef _VEXFS_IOCTL_H
#define _VEXFS_IOCTL_H

#include <linux/types.h>
#include <linux/ioctl.h>
#include <vexfs/format.h>

#define VEXFS_MAX_BATCH_BYTES	(64u << 20)	/* rows of one insert */
#define VEXFS_MAX_BATCH		(1u << 20)	/* rows of one insert, ids of one delete */
#define VEXFS_MAX_K		1000
#define VEXFS_MAX_ARGS		4		/* numbers that a query hands to its programs */
#define VEXFS_DEFAULT_TIMEOUT_US 10000000u
#define VEXFS_MAX_TIMEOUT_US	600000000u

struct vexfs_attr {
	char	name[VEXFS_ATTR_NAME_LEN];	/* NUL-terminated, [a-z_][a-z0-9_]* */
	__u32	type;			/* VEXFS_ATTR_INT; VEXFS_ATTR_KEYWORD is EOPNOTSUPP */
	__u32	reserved;
};

/*
 * Turn the empty directory into a collection.  EEXIST is one already, ENOTEMPTY, EINVAL dims/names,
 * EOPNOTSUPP element other than f32 or metric hamming.  Durable after fsync of the directory.
 */
struct vexfs_ioc_create {
	__u32	size, flags;		/* flags: 0 */
	__u32	dims;			/* 1 .. VEXFS_MAX_DIMS */
	__u32	element;		/* VEXFS_ELEM_* */
	__u32	metric;			/* VEXFS_METRIC_* */
	__u32	attrs;			/* entries of attr in use */
	struct vexfs_attr attr[VEXFS_MAX_ATTRS];
	__u64	reserved[4];
};

/* One slot of a collection. */
#define VEXFS_BOUND_BUILTIN	0	/* nothing bound */
#define VEXFS_BOUND_LOADED	1
/* bound by name; the object is not loaded (search: built-in; others: queries fail ENOLINK) */
#define VEXFS_BOUND_MISSING	2
/* search only: too many errors; built-in until used or replaced again */
#define VEXFS_BOUND_EJECTED	3
struct vexfs_bound {
	char	name[VEXFS_PROG_NAME_LEN];
	__u32	state;			/* VEXFS_BOUND_* */
	__u32	errors;			/* since it was bound or replaced */
	__u64	generation;		/* of the loaded program, 0: none */
};

struct vexfs_ioc_info {
	__u32	size, flags;
	__u32	dims, element, metric, row_bytes;
	__u32	attrs, reserved32;
	__u64	count;			/* slots, those not committed yet included */
	__u64	committed;		/* slots in the last commit, which fsync waits for */
	__u64	live;			/* records */
	__u64	next_seq;
	__u64	resident;		/* bytes of memory that derived data take */
	/* since loaded: calls of search; those that fell back to the built-in */
	__u64	queries, fallbacks;
	struct vexfs_attr attr[VEXFS_MAX_ATTRS];
	struct vexfs_bound bound[VEXFS_SLOTS];
	__u64	reserved[8];
};

/*
 * Insert n records, all or nothing.  EEXIST an id is taken (or twice in the batch), EINVAL NaN or
 * infinity, EDOM a zero vector for cosine, EMSGSIZE row_bytes is not the collection's, E2BIG more
 * than VEXFS_MAX_BATCH rows or VEXFS_MAX_BATCH_BYTES, ENOSPC.  *bad is the index of the first row
 * at fault where a row is (else ~0).  Survives a crash after fsync.
 */
struct vexfs_ioc_insert {
	__u32	size, flags;		/* flags: VEXFS_INSERT_UPSERT is EOPNOTSUPP */
	__u32	n, row_bytes;
	__u64	rows;			/* pointer: n * row_bytes */
	__u64	ids;			/* pointer: n u64 */
	/* pointer: n * (attributes of the collection) s64; 0: all zero */
	__u64	attrs;
	__u64	seq;			/* out: sequence number of the first record */
	__u64	bad;			/* out */
	__u64	reserved[4];
};
#define VEXFS_INSERT_UPSERT	1u

/* Fetch a record by id.  ENOENT. */
struct vexfs_ioc_get {
	__u32	size, flags;
	__u64	id;
	__u64	row;			/* pointer or 0 */
	/* room at row: at least that of the collection, else EMSGSIZE */
	__u32	row_bytes;
	__u32	reserved32;
	__u64	slot, seq;		/* out */
	__s64	attr[VEXFS_MAX_ATTRS];	/* out */
	__u64	reserved[4];
};

/*
 * Delete n records by id, all or nothing.  ENOENT (bad: index of the first unknown id, or of one
 * named twice).  Survives a crash after fsync; before it a crash may leave a delete undone, or one
 * that touches more than two million slots half done, its first ids deleted.
 */
struct vexfs_ioc_delete {
	__u32	size, flags;
	__u32	n, reserved32;
	__u64	ids;			/* pointer: n u64 */
	__u64	bad;			/* out */
	__u64	reserved[4];
};

/* A hit. */
struct vexfs_hit {
	__u64	id;
	__u64	slot;
#ifdef __KERNEL__
	__u64	distance;		/* the bits of a double: no floating point in the kernel */
#else
	/* of the metric, penalties of a distance program included */
	double	distance;
#endif
	__u64	file;			/* inode of the bound file, 0: none */
	__u64	file_off;
	__u32	file_len;
	__u32	flags;			/* VEXFS_HIT_*; 0 */
};

/* Why an answer may miss something (truncated); several may be set. */
#define VEXFS_TRUNC_DEADLINE	0x1u	/* timeout_us ran out */
#define VEXFS_TRUNC_VISITS	0x2u	/* max_visits used up */
/* the program stopped with fewer than k although slots were left */
#define VEXFS_TRUNC_STRATEGY	0x4u
/* order among almost equal distances was not settled in double precision */
#define VEXFS_TRUNC_PRECISION	0x8u

/*
 * A predicate over the attributes: a program in postfix order for a stack of truth values, which
 * must end with one, and never hold more than VEXFS_MAX_PREDICATE_DEPTH.  What is not a field of
 * the op is 0.  E2BIG too many nodes or values, ENXIO no such attribute, EPROTOTYPE LT or MASK on a
 * keyword attribute, EBADMSG any other fault.
 */
#define VEXFS_PRED_EQ		1	/* push: attribute == value */
#define VEXFS_PRED_LT		2	/* push: attribute < value */
#define VEXFS_PRED_MASK		3	/* push: (attribute & value) != 0 */
/* push: the attribute is one of the values first .. first + n - 1, n > 0, in ascending order */
#define VEXFS_PRED_IN		4
#define VEXFS_PRED_AND		5	/* pop two, push */
#define VEXFS_PRED_OR		6	/* pop two, push */
#define VEXFS_PRED_NOT		7	/* pop one, push */
struct vexfs_predicate_node {
	__u16	op;			/* VEXFS_PRED_* */
	__u16	attr;			/* position in the schema */
	__u32	first, n;		/* of the values, IN */
	__u32	reserved;
	__s64	value;			/* EQ, LT, MASK */
};
#define VEXFS_MAX_PREDICATE		64	/* nodes */
#define VEXFS_MAX_PREDICATE_VALUES	1024	/* of all IN together */
#define VEXFS_MAX_PREDICATE_DEPTH	16

/*
 * Search.  EINVAL k is 0 or vector holds NaN or infinity, E2BIG k > VEXFS_MAX_K, EDOM zero vector
 * for cosine, EMSGSIZE vector_bytes, ENOENT by an unknown id, ENOLINK a bound filter or distance
 * program is not loaded, EPROTO it failed; and those of a predicate.
 */
struct vexfs_ioc_search {
	__u32	size, flags;		/* VEXFS_SEARCH_* */
	__u32	k;
	__u32	vector_bytes;		/* the collection's row_bytes */
	__u64	vector;			/* pointer; ignored with BY_ID */
	__u64	id;			/* BY_ID: more like this one (itself included) */
	__u64	hits;			/* pointer: room for k struct vexfs_hit */
	__u64	arg[VEXFS_MAX_ARGS];	/* for the programs: e.g. the tenant, the time now */
	__u64	max_visits;		/* slots looked at; 0: no limit */
	/* 0: VEXFS_DEFAULT_TIMEOUT_US; at most VEXFS_MAX_TIMEOUT_US */
	__u32	timeout_us;
	__u32	n;			/* out: hits, best first, ties by id */
	__u32	truncated;		/* out: VEXFS_TRUNC_* */
	__u32	rounds;			/* out */
	__u64	visited, scored;	/* out: slots looked at, slots measured */
	/* out: VEXFS_BOUND_*: what ran; search MISSING or EJECTED: the built-in did */
	__u32	used[VEXFS_SLOTS];
	/* out: because a program was replaced or failed, or for precision */
	__u32	restarts;
	__u64	generation[VEXFS_SLOTS];/* out: of the programs that answered, 0: built-in */
	/* out: name of the search program, "flat" built in: "exact" */
	char	strategy[VEXFS_PROG_NAME_LEN];
	/* pointers: only records for which this holds, where_nodes 0: all */
	__u64	where;			/* where_nodes struct vexfs_predicate_node */
	__u64	where_values;		/* where_values_n s64 */
	__u32	where_nodes, where_values_n;
	__u64	reserved[4];
};
#define VEXFS_SEARCH_BY_ID	1u
/* ignore the bound search program (not filter nor distance) */
#define VEXFS_SEARCH_BUILTIN	2u

/* Bind a loaded program to a slot ("": the built-in).  The binding is on disk when this returns.
 * ENOENT nothing of that name is loaded, EOPNOTSUPP the object has no such op. */
struct vexfs_ioc_use {
	__u32	size, flags;
	__u32	slot;			/* VEXFS_SLOT_* */
	__u32	reserved32;
	char	name[VEXFS_PROG_NAME_LEN];
	__u64	reserved[2];
};

#define VEXFS_IOC_MAGIC		0xF5
#define VEXFS_IOC_CREATE	_IOWR(VEXFS_IOC_MAGIC, 1, struct vexfs_ioc_create)
#define VEXFS_IOC_INFO		_IOWR(VEXFS_IOC_MAGIC, 2, struct vexfs_ioc_info)
#define VEXFS_IOC_INSERT	_IOWR(VEXFS_IOC_MAGIC, 3, struct vexfs_ioc_insert)
#define VEXFS_IOC_GET		_IOWR(VEXFS_IOC_MAGIC, 4, struct vexfs_ioc_get)
#define VEXFS_IOC_DELETE	_IOWR(VEXFS_IOC_MAGIC, 5, struct vexfs_ioc_delete)
#define VEXFS_IOC_SEARCH	_IOWR(VEXFS_IOC_MAGIC, 6, struct vexfs_ioc_search)
#define VEXFS_IOC_USE		_IOWR(VEXFS_IOC_MAGIC, 7, struct vexfs_ioc_use)

_Static_assert(sizeof(struct vexfs_ioc_create) == 376, "vexfs_ioc_create");
_Static_assert(sizeof(struct vexfs_ioc_insert) == 88, "vexfs_ioc_insert");
_Static_assert(sizeof(struct vexfs_ioc_get) == 144, "vexfs_ioc_get");
_Static_assert(sizeof(struct vexfs_ioc_delete) == 64, "vexfs_ioc_delete");
_Static_assert(sizeof(struct vexfs_predicate_node) == 24, "vexfs_predicate_node");
_Static_assert(sizeof(struct vexfs_ioc_search) == 240, "vexfs_ioc_search");
_Static_assert(sizeof(struct vexfs_hit) == 48, "vexfs_hit");
_Static_assert(sizeof(struct vexfs_ioc_use) == 64, "vexfs_ioc_use");
_Static_assert(sizeof(struct vexfs_bound) == 48, "vexfs_bound");

#endif /* _VEXFS_IOCTL_H */
