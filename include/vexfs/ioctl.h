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
/*
 * Recall in parts per million: how many of the true neighbours an answer is to hold, on average
 * over queries.
 */
#define VEXFS_RECALL_ALL	1000000u	/* every record is looked at */
#define VEXFS_DEFAULT_RECALL	990000u

/* What conditions have a meaning of their own for; collections from before may have them. */
#define VEXFS_RESERVED_NAMES	"and", "or", "not", "in", "is", "null"

struct vexfs_attr {
	/* NUL-terminated, [a-z_][a-z0-9_]*, none of VEXFS_RESERVED_NAMES */
	char	name[VEXFS_ATTR_NAME_LEN];
	__u32	type;			/* VEXFS_ATTR_INT or VEXFS_ATTR_KEYWORD */
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
	__u64	resident;		/* bytes of memory that its derived data take */
	/* since loaded: queries; calls of search that fell back to the built-in */
	__u64	queries, fallbacks;
	struct vexfs_attr attr[VEXFS_MAX_ATTRS];
	struct vexfs_bound bound[VEXFS_SLOTS];
	__u64	gone;			/* records whose file is gone; not in live */
	__u64	epoch;			/* compactions */
	/* slots that the running compaction has looked at, of so many; 0 of 0: none runs */
	__u64	compact_done, compact_total;
	__u32	snapshots, reserved32b;
	__u64	key_bytes;		/* of the keys plane */
	/*
	 * VEXFS_INSERT_AUTO_ID gives ids from here on: more than any record of the collection has,
	 * or had while it was loaded; ~0: it gives ids in between, as there are none above
	 */
	__u64	next_id;
	/*
	 * bytes that the last compaction lacked, when it failed with ENOSPC; 0: it had what it took
	 */
	__u64	compact_lacked;
	/* as of now: slots with a code, and what the next search will find, VEXFS_CODES_* below */
	__u64	coded;
	__u32	codes;
	__u32	lists;			/* partitioned lists; 0: none yet */
	/* records that could not be read or did not verify since it was loaded: searches miss them */
	__u64	damaged;
	__u64	linked;			/* slots in lists, or in those that are being made */
	/* on disk: slots whose codes, and lists, need not be made again; 0: none.  And its bytes */
	__u64	checkpoint, checkpoint_bytes;
	/* VEXFS_CODES_* of its lists: whether slots are in them, and if not why */
	__u32	lists_state, reserved32c;
};

/*
 * Strings from user memory come packed: the bytes back to back, no NULs in between, and a length of
 * 0 .. 255 for each.
 */
#define VEXFS_MAX_KEY		255		/* bytes of a key or word; any byte but NUL */
#define VEXFS_MAX_STRING_BYTES	(64u << 20)	/* of one call */

/*
 * What a record is bound to: a byte range of a file.  The file must be a regular one, opened for
 * reading, that belongs to the collection (created below its directory).
 */
struct vexfs_bind {
	__s32	fd;			/* -1: not bound, and the rest is 0 */
	__u32	len;
	__u64	off;
};

/*
 * Insert n records, all or nothing.  EEXIST an id or key is taken (or twice in the batch), EINVAL
 * NaN or infinity, a keyword code that no word has, or a key with a NUL, EDOM a zero vector for
 * cosine, EMSGSIZE row_bytes is not the collection's, E2BIG more than VEXFS_MAX_BATCH rows,
 * VEXFS_MAX_BATCH_BYTES or VEXFS_MAX_STRING_BYTES, EBADF and EXDEV a file to bind to is not open
 * for reading, or not of this collection, ENOENT it has no name any more, ENOSPC.  *bad is the
 * index of the first row at fault where a row is (else ~0).  Survives a crash after fsync.
 *
 * With VEXFS_INSERT_UPSERT a record replaces the live one of its id, and the one of its key, in the
 * same step.  Of several in a batch with the same id or key, each replaces the one before it: the
 * last one stays.
 *
 * With VEXFS_INSERT_AUTO_ID the kernel gives the ids, and writes them to `ids`: a record gets a
 * free one, or, with UPSERT, that of the live record of its key, which it replaces.  Free ids are
 * next_id of vexfs_ioc_info, the one after it, and so on to ~0 - 1; where these have run out,
 * because a record has one of the last, ids that no live record has.  Callers at the same time get
 * different ones.  EFAULT is found out before anything changes, unless the memory at `ids` goes
 * away meanwhile; after an error what is there means nothing.
 */
struct vexfs_ioc_insert {
	__u32	size, flags;		/* flags: VEXFS_INSERT_* */
	__u32	n, row_bytes;
	__u64	rows;			/* pointer: n * row_bytes */
	/* pointer: n u64; AUTO_ID: out, or 0: not wanted */
	__u64	ids;
	/* pointer: n * (attributes of the collection) s64; 0: all zero.  Keywords: their codes */
	__u64	attrs;
	__u64	seq;			/* out: sequence number of the first record */
	__u64	bad;			/* out */
	__u64	keys;			/* pointer: key_bytes; 0: no record has a key */
	__u64	key_lens;		/* pointer: n u8, 0: that one has no key */
	__u64	binds;			/* pointer: n struct vexfs_bind; 0: none is bound */
	__u32	key_bytes, reserved32;
	__u64	reserved[4];
};
#define VEXFS_INSERT_UPSERT	1u
#define VEXFS_INSERT_AUTO_ID	2u

/* What there is to a record, in vexfs_ioc_get and vexfs_ioc_list. */
#define VEXFS_ITEM_KEYED	0x1u
#define VEXFS_ITEM_BOUND	0x2u
/*
 * the file's data have changed since it was bound, or another file was renamed over it and has the
 * record now
 */
#define VEXFS_ITEM_STALE	0x4u
/* it cannot be read: only id, slot and attributes are there, row and key are not */
#define VEXFS_ITEM_DAMAGED	0x8u
/*
 * with that: what says which record it is, is lost, too; only the slot is there, and only fsck.vexfs
 * removes it
 */
#define VEXFS_ITEM_LOST		0x10u
struct vexfs_item {
	__u64	id, slot, seq;
	__u64	file;			/* inode of the bound file, as it is there now; 0: none */
	__u64	file_off;
	__u32	file_len;
	__u32	flags;			/* VEXFS_ITEM_* */
	__u32	key_off, key_len;	/* in the bytes of keys that are returned with it */
	__s64	attr[VEXFS_MAX_ATTRS];	/* in the order of the schema, 0 beyond it */
};

/* Fetch a record by id, or by key (BY_KEY).  ENOENT. */
struct vexfs_ioc_get {
	__u32	size, flags;		/* VEXFS_GET_BY_KEY */
	__u64	id;
	__u64	row;			/* pointer or 0 */
	/* room at row: at least that of the collection, else EMSGSIZE */
	__u32	row_bytes;
	__u32	key_len;		/* BY_KEY: 1 .. VEXFS_MAX_KEY */
	/* pointer: BY_KEY, in: the key */
	__u64	key;
	/*
	 * pointer or 0: VEXFS_MAX_KEY bytes for the record's key, item.key_len of them are written
	 */
	__u64	key_out;
	struct vexfs_item item;		/* out; key_off 0 */
	__u64	reserved[4];
};
#define VEXFS_GET_BY_KEY	1u

/*
 * Delete n records by id, or by key (BY_KEY), all or nothing.  ENOENT (bad: index of the first
 * unknown id, or of one named twice).  Survives a crash after fsync; before it a crash may leave a
 * delete undone, but not half done.
 *
 * With one exception: the filesystem is full, and they are so far apart (in more than 256 stretches
 * of some 32,000 slots) that what is to be written for them at once finds no room.  Then they are
 * deleted part by part in the order in which they are given, and a crash may leave the first ones
 * deleted; after an error (never ENOENT) those before `bad` are deleted, and the others are not.
 */
struct vexfs_ioc_delete {
	__u32	size, flags;		/* VEXFS_DELETE_BY_KEY */
	__u32	n, key_bytes;
	__u64	ids;			/* pointer: n u64; not with BY_KEY */
	__u64	bad;			/* out */
	__u64	keys, key_lens;		/* BY_KEY: as in vexfs_ioc_insert, no length is 0 */
	__u64	reserved[4];
};
#define VEXFS_DELETE_BY_KEY	1u

/*
 * List records in the order of their slots, from a cursor on.  Records that come later have higher
 * slots: a listing sees each record that is there all the time exactly once.  ESTALE: the
 * collection was compacted since the cursor was given, begin anew; ENOENT no such snapshot; EINVAL.
 * Fewer than n may come before the end: where room for keys was used up, or the collection was
 * compacted meanwhile.
 */
struct vexfs_ioc_list {
	__u32	size, flags;		/* VEXFS_LIST_* */
	/* in: room for so many, 1 .. VEXFS_MAX_BATCH; out: how many */
	__u32	n;
	__u32	row_bytes;		/* the collection's, with rows */
	__u64	cursor;			/* in: 0 the beginning; out: where to go on, ~0 the end */
	__u64	epoch;			/* in: 0 with cursor 0; out: to give with the cursor */
	__u64	items;			/* pointer: n struct vexfs_item */
	__u64	rows;			/* pointer: n * row_bytes, or 0 */
	__u64	keys;			/* pointer: bytes of keys, or 0 */
	__u32	key_bytes;		/* in: room, at least VEXFS_MAX_KEY; out: used */
	__u32	reserved32;
	/* list the snapshot of this name; "": as it is now */
	char	snapshot[VEXFS_SNAPSHOT_NAME_LEN];
	__u64	reserved[8];
};
/* only those whose file has changed */
#define VEXFS_LIST_STALE	1u
/* go on behind records that cannot be read, which are VEXFS_ITEM_DAMAGED; else they are an error */
#define VEXFS_LIST_DAMAGED	2u

/*
 * Codes of words of a keyword attribute: 1, 2, ... in the order of their first use.  Unknown words
 * get a new code; with LOOKUP they get 0, and reading is all that it takes, but words that only
 * records have which the caller may not see, because of their file, are unknown to him.  A code is durable once
 * a record with it is, and is never reused.  EINVAL no keyword attribute, an empty word or one with
 * a NUL; E2BIG more than VEXFS_MAX_BATCH words, VEXFS_MAX_STRING_BYTES, or VEXFS_MAX_WORDS of the
 * attribute; ENOSPC.  After an error words before the one at fault may have their codes.
 */
struct vexfs_ioc_intern {
	__u32	size, flags;		/* VEXFS_INTERN_LOOKUP */
	__u32	attr;			/* position in the schema */
	__u32	n;			/* words, 1 .. VEXFS_MAX_BATCH */
	__u64	words, lens;		/* pointers: packed bytes, n u8 */
	__u64	codes;			/* pointer: n s64, out */
	__u32	word_bytes, reserved32;
	__u64	reserved[4];
};
#define VEXFS_INTERN_LOOKUP	1u

/*
 * The words of a keyword attribute, from a code on: as many as fit.  One that only records have
 * which the caller may not see, because of their file, has length 0.  EINVAL no keyword attribute,
 * or too little room; E2BIG.
 */
struct vexfs_ioc_words {
	__u32	size, flags;
	__u32	attr;
	__u32	n;			/* in: room; out: how many */
	__s64	first;			/* code of the first one wanted, from 1 */
	__u64	words, lens;		/* pointers: room for word_bytes, n u8 */
	__u32	word_bytes;		/* in: at least VEXFS_MAX_KEY; out: used */
	__u32	reserved32;
	__u64	total;			/* out: words that there are */
	__u64	reserved[4];
};

/*
 * Make a collection a plain directory again: all its records are gone, its files stay.  EPERM the
 * caller neither owns the directory nor has CAP_FOWNER.
 */
struct vexfs_ioc_drop {
	__u32	size, flags;
	__u64	reserved[3];
};

/*
 * Where a file of the collection is, relative to the collection's directory, no NUL.  ENOENT no
 * such file in this collection, or none that the caller may read, or no name of it is known; EACCES
 * a directory on the way may not be read and searched by the caller; ERANGE room (len says how much
 * it takes, 0: more than PATH_MAX).
 */
struct vexfs_ioc_path {
	__u32	size, flags;
	__u64	file;			/* inode */
	__u64	path;			/* pointer */
	__u32	room;			/* bytes at path */
	__u32	len;			/* out */
	__u64	reserved[2];
};

/*
 * Snapshots.  CREATE: what was acknowledged so far, under a name [a-z0-9._-]+; it is durable when
 * this returns.  EEXIST, ENOSPC (also: VEXFS_MAX_SNAPSHOTS are there), EINVAL name.  DELETE:
 * ENOENT; who searches the snapshot ends undisturbed.
 */
struct vexfs_ioc_snapshot {
	__u32	size, flags;
	__u32	op;			/* VEXFS_SNAPSHOT_* */
	__u32	reserved32;
	char	name[VEXFS_SNAPSHOT_NAME_LEN];
	__u64	reserved[2];
};
#define VEXFS_SNAPSHOT_CREATE	1u
#define VEXFS_SNAPSHOT_DELETE	2u

struct vexfs_snapshot_info {
	char	name[VEXFS_SNAPSHOT_NAME_LEN];
	__u64	time;			/* seconds since 1970 */
	__u64	count, live;		/* slots, records */
	__u64	reserved;
};
struct vexfs_ioc_snapshots {
	__u32	size, flags;
	/* in: room; out: how many there are, at most VEXFS_MAX_SNAPSHOTS */
	__u32	n;
	__u32	reserved32;
	__u64	snapshots;		/* pointer: n struct vexfs_snapshot_info, oldest first */
	__u64	reserved[2];
};

/*
 * Give the space of deleted records back: copies what is alive, in the collection or a snapshot of
 * it, into new planes and swaps them in, while queries and changes go on.  Killable; what was done
 * until then is undone. EBUSY one is running, or the filesystem is being frozen or unmounted;
 * EUCLEAN a record to be copied is damaged; ENOSPC no room for the copy, see compact_lacked of
 * vexfs_ioc_info: it may use half of what the filesystem keeps in reserve.  When less than min_dead
 * percent of the slots are deleted and in no snapshot, or none is, nothing is done, and 0 returned.
 */
struct vexfs_ioc_compact {
	__u32	size, flags;
	__u32	min_dead;		/* percent of the slots, 0 .. 100 */
	__u32	reserved32;
	__u64	before, after;		/* out: slots */
	__u64	reserved[2];
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
	__u32	flags;			/* VEXFS_ITEM_* */
};

/* Why an answer may miss something (truncated); several may be set. */
#define VEXFS_TRUNC_DEADLINE	0x1u	/* timeout_us ran out */
#define VEXFS_TRUNC_VISITS	0x2u	/* max_visits used up */
/* the program stopped with fewer than k although slots were left */
#define VEXFS_TRUNC_STRATEGY	0x4u
/* order among almost equal distances was not settled in double precision */
#define VEXFS_TRUNC_PRECISION	0x8u
/* a range search found more than k */
#define VEXFS_TRUNC_LIMIT	0x10u
/* per_file: the VEXFS_MAX_RANGE nearest are of too few files */
#define VEXFS_TRUNC_FILES	0x20u
/* records were left out that cannot be read, or are not what was written */
#define VEXFS_TRUNC_DAMAGED	0x40u

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
 * Search.  EINVAL k is 0 or vector holds NaN or infinity, or recall is out of range, or it or effort
 * comes with EXACT, or method is unknown, or another one comes with it; E2BIG k > VEXFS_MAX_K
 * (RANGE: VEXFS_MAX_RANGE), EDOM zero vector for cosine,
 * EMSGSIZE vector_bytes, ENOENT by an unknown id or key, or no such snapshot, ENOLINK a bound filter
 * or distance program is not loaded, EPROTO it failed, EAGAIN programs were bound and unbound again
 * and again meanwhile; and those of a predicate.
 *
 * Several queries in one call use one snapshot of the records and one generation of the programs.
 * A filter that is bound before the call ends holds for all of its answer.
 * With `answers` each query has its own counts; the struct's hold the sums (n, visited, scored) and
 * the union (truncated).
 */
struct vexfs_ioc_search {
	__u32	size, flags;		/* VEXFS_SEARCH_* */
	__u32	k;
	__u32	vector_bytes;		/* the collection's row_bytes */
	/* pointer: queries * vector_bytes; ignored with BY_ID, BY_KEY */
	__u64	vector;
	__u64	id;			/* BY_ID: more like this one (itself included) */
	__u64	hits;			/* pointer: room for queries * k struct vexfs_hit */
	__u64	arg[VEXFS_MAX_ARGS];	/* for the programs: e.g. the tenant, the time now */
	__u64	max_visits;		/* slots looked at, by each query; 0: no limit */
	/* of the call; 0: VEXFS_DEFAULT_TIMEOUT_US; at most VEXFS_MAX_TIMEOUT_US */
	__u32	timeout_us;
	__u32	n;			/* out: hits, best first, ties by id */
	__u32	truncated;		/* out: VEXFS_TRUNC_* */
	__u32	rounds;			/* out */
	__u64	visited, scored;	/* out: slots looked at, slots measured */
	/* out: VEXFS_BOUND_*: what ran; search MISSING or EJECTED: the built-in did */
	__u32	used[VEXFS_SLOTS];
	/* out: because a program was bound, replaced or failed, or for precision */
	__u32	restarts;
	__u64	generation[VEXFS_SLOTS];/* out: of the programs that answered, 0: built-in */
	/* out: name of the search program, built in: "exact", "coded", "ivf" or "lsh" */
	char	strategy[VEXFS_PROG_NAME_LEN];
	/* in one call, 0 (taken for 1) .. VEXFS_MAX_QUERIES; 1 with BY_* */
	__u32	queries;
	/*
	 * at most so many hits of one bound file, the nearest; records without one are not limited;
	 * 0: none is
	 */
	__u32	per_file;
	__u64	answers;		/* pointer: queries struct vexfs_query_answer, or 0 */
	/* RANGE: the bits of a double: only hits within this distance */
	__u64	radius;
	__u64	key;			/* BY_KEY: pointer */
	__u32	key_len, reserved32;
	/*
	 * Search the snapshot of this name; "": as it is now.  BY_ID is the record that had the id
	 * then, for which all ids are looked at; BY_KEY is EOPNOTSUPP with it.
	 */
	char	snapshot[VEXFS_SNAPSHOT_NAME_LEN];
	/* pointers: only records for which this holds, where_nodes 0: all */
	__u64	where;			/* where_nodes struct vexfs_predicate_node */
	__u64	where_values;		/* where_values_n s64 */
	__u32	where_nodes, where_values_n;
	__u64	trace;			/* pointer: struct vexfs_search_trace, or 0 */
	/*
	 * The recall that the answer is to have, at least: 1 .. VEXFS_RECALL_ALL; 0:
	 * VEXFS_DEFAULT_RECALL.  A strategy that looks at every record reaches any
	 */
	__u32	recall;
	/*
	 * lists to probe, whatever recall asks for (LSH: buckets to look into); 0: as many as that
	 * takes (LSH: 128)
	 */
	__u32	effort;
	/*
	 * VEXFS_METHOD_*: how the records to look at are to be found, by a built-in strategy: a bound
	 * search program is ignored, filter and distance are not.  One for which something is missing
	 * is not an error: see plan and plan_why of the trace
	 */
	__u32	method;
	__u32	reserved_too;
	__u64	reserved[5];
};
#define VEXFS_SEARCH_BY_ID	1u
/* ignore the bound search program (not filter nor distance) */
#define VEXFS_SEARCH_BUILTIN	2u
/* the same, and the built-in measures every record: no codes */
#define VEXFS_SEARCH_EXACT	4u
#define VEXFS_SEARCH_BY_KEY	8u
/*
 * all records within `radius`, at most k; more: truncated by LIMIT.  Codes may miss one near the
 * border now and then, EXACT misses none
 */
#define VEXFS_SEARCH_RANGE	16u
#define VEXFS_METHOD_AUTO	0u	/* by a bound program, or as promises most */
#define VEXFS_METHOD_EXACT	1u	/* as the flag EXACT */
#define VEXFS_METHOD_CODED	2u	/* estimate every record from its code */
#define VEXFS_METHOD_IVF	3u	/* look into the nearest lists */
#define VEXFS_METHOD_LSH	4u	/* look into buckets of hash tables, which are made on demand */
#define VEXFS_METHODS		5u
#define VEXFS_MAX_QUERIES	1024u
#define VEXFS_MAX_RANGE		65536u
#define VEXFS_MAX_HITS		(1u << 20)	/* queries * k */

/* Of one of several queries. */
struct vexfs_query_answer {
	__u32	n;			/* hits; those of query i begin at hit i * k */
	__u32	truncated;
	__u64	visited, scored;
};

/*
 * What one call of search did, all its queries and attempts together; filled in also when the call
 * fails.  The kernel writes as much of it as both know: zero it before.
 */
struct vexfs_search_trace {
	__u32	size;			/* in: sizeof */
	__u32	codes;			/* VEXFS_CODES_* */
	__u32	restart[8];		/* how often, by VEXFS_RESTART_*; their sum is `restarts` */
	/* what the last program that failed gave, negative; 0: none did */
	__s32	error;
	__u32	error_slot;		/* and its VEXFS_SLOT_* */
	__u64	count;			/* slots of the snapshot */
	__u64	coded;			/* of those, slots with a code */
	/* slots for which the predicate holds; without one: count; or VEXFS_MATCHES_UNTOLD */
	__u64	matches;
	__u64	filtered;		/* candidates that the filter program rejected */
	/* candidates whose distance was estimated from their code */
	__u64	estimated;
	__u64	pruned;			/* of those, left out: too far even by their lower bound */
	/* candidates put aside, to be measured by their lower bounds */
	__u64	deferred;
	__u64	reranked;		/* of those, measured after all */
	__u64	fetched;		/* vectors that were not in memory and had to be read */
	/* vectors measured again in double precision, for the final order */
	__u64	rescored;
	__u64	ns[8];			/* time, by VEXFS_TIME_* */
	/* VEXFS_PLAN_*: how the last query came by the records to look at, and VEXFS_WHY_*: why */
	__u32	plan, plan_why;
	__u32	recall;			/* that was wanted, in millionths; EXACT: all */
	__u32	lists;			/* of the index */
	__u64	probed;			/* of those, looked into; one may count in each query */
	__u64	linked;			/* slots that are in lists */
	__u32	method;			/* that was asked for; see plan */
	__u32	tables;			/* hash tables that there are */
	/* of those, buckets that the last query looked into; slots that are in tables */
	__u64	buckets, tabled;
	__u32	aim;			/* the recall that lists are looked into for; see LEARNED */
	__u32	reserved32;
};
/* There are or were records of files that the caller may not read. */
#define VEXFS_MATCHES_UNTOLD	(~0ULL)
/* What estimates were made from. */
#define VEXFS_CODES_UNKNOWN	0u
#define VEXFS_CODES_ALL		1u	/* every slot has a code */
#define VEXFS_CODES_PART	2u	/* some have none as yet, and were measured */
#define VEXFS_CODES_UNWANTED	3u	/* EXACT */
#define VEXFS_CODES_FEW		4u	/* too few records for codes to pay */
#define VEXFS_CODES_BUDGET	5u	/* they do not fit into resident= */
#define VEXFS_CODES_NONE	6u	/* somebody else is making them, or there is no memory */
/* How the records to look at are found. */
#define VEXFS_PLAN_UNKNOWN	0u
#define VEXFS_PLAN_EXACT	1u	/* every record is measured */
#define VEXFS_PLAN_CODED	2u	/* every record is estimated from its code */
#define VEXFS_PLAN_IVF		3u	/* the nearest lists are looked into */
#define VEXFS_PLAN_PROGRAM	4u	/* the bound search program decides */
#define VEXFS_PLAN_LSH		5u	/* buckets of hash tables are looked into */
/* And why in this way. */
#define VEXFS_WHY_UNKNOWN	0u
#define VEXFS_WHY_CALLER	1u	/* EXACT, effort, method */
#define VEXFS_WHY_BOUND		2u	/* a program is bound */
#define VEXFS_WHY_FEW		3u	/* there are few records */
#define VEXFS_WHY_MEMORY	4u	/* codes or lists do not fit into the memory */
#define VEXFS_WHY_NO_CODES	5u	/* ... are not made yet */
#define VEXFS_WHY_NO_LISTS	6u
#define VEXFS_WHY_MATCHES	7u	/* few records match the predicate */
#define VEXFS_WHY_RECALL	8u	/* every neighbour is wanted */
#define VEXFS_WHY_MEASURED	9u	/* lists have been measured to suffice for the recall wanted */
#define VEXFS_WHY_RANGE		10u	/* all within a radius are wanted */
#define VEXFS_WHY_SNAPSHOT	11u	/* lists have only what is there now */
#define VEXFS_WHY_UNSURE	12u	/* a first attempt may have missed something */
#define VEXFS_WHY_LEARNED	13u	/* ... and judged answers missed more than that: see aim */
#define VEXFS_WHY_HIDDEN	14u	/* lists and tables would tell of what the caller may not see */
/* Why a search began anew. */
#define VEXFS_RESTART_SWITCH	0	/* a program was bound, came, went or was replaced */
#define VEXFS_RESTART_FALLBACK	1	/* the search program failed: with the built-in */
/* f32 may have refused one of the k best: with room for more candidates */
#define VEXFS_RESTART_PRECISION	2
#define VEXFS_RESTART_ESTIMATE	3	/* an estimate may have: without codes */
#define VEXFS_RESTART_FILES	4	/* too many of the best are of one file: for more than k */
#define VEXFS_RESTART_DAMAGED	5	/* a hit turned out to be damaged: without it */
/* What time was spent on. */
#define VEXFS_TIME_PREPARE	0	/* making codes, and all that is not below */
#define VEXFS_TIME_PREDICATE	1	/* evaluating the predicate on slots that were not cached */
#define VEXFS_TIME_SEARCH	2	/* rounds of the strategy, with filter and distance */
/* reading and measuring vectors that were not in memory */
#define VEXFS_TIME_FETCH		3
#define VEXFS_TIME_RESCORE	4	/* measuring the best in double precision, ordering them */
#define VEXFS_TIME_RECORDS	5	/* fetching and verifying the records of the hits */

/*
 * Make what searches profit from, codes and partitioned lists, of all records that are there, at once
 * and as the caller's own work; else a worker of low priority does, after the first searches.  Returns
 * when they are made, and nothing is left to do if few records are there; vexfs_ioc_info tells how far
 * it is.  Reading is all that it takes; where writing is possible a checkpoint is left.  ENOSPC it does
 * not fit into the budget (resident=), or not all of it: searches are right, and slower.  Killable:
 * what is done until then stays.
 */
struct vexfs_ioc_index {
	__u32	size, flags;		/* flags: 0 */
	__u64	reserved[3];
};

/*
 * Memory of the mount: what is derived from the records of all its collections, which the mount
 * option resident= limits, and what of it is on disk.  Works at any directory.
 */
struct vexfs_ioc_memory {
	__u32	size, flags;
	__u64	limit;			/* resident= */
	__u64	used;			/* bytes that there are */
	/*
	 * Of those: codes, lists and hash tables, which make room when something else needs it; and
	 * what searches in flight still hold of what has made room.  The rest, columns and maps, stays
	 */
	__u64	evictable, leaving;
	/* how often those of a collection made room since the mount, for whatever reason */
	__u64	evicted;
	__u64	codes, lists, tables;	/* bytes that there are of each now: not what is set aside for them */
	__u32	collections;		/* that are in memory */
	/* of those: codes, or lists, do not fit; their searches are exact, or by codes alone, and slower */
	__u32	lacking;
	__u32	checkpoints, reserved32;	/* of those: they have one on disk */
	__u64	checkpoint_slots, checkpoint_bytes;	/* of these */
	__u64	reserved[4];
};

/*
 * Live recall: one in so many searches is run again later, exactly, over the records that it saw, by
 * a worker of low priority: how many of the true neighbours had it found?  Only what an exact search
 * has to agree with is: no filter or distance program, condition, radius, snapshot, per_file or
 * EXACT, not truncated by DEADLINE or VISITS, and the caller may read all files of the records.
 */
#define VEXFS_RECALL_ONE_IN	256
struct vexfs_recall_count {
	char	strategy[VEXFS_PROG_NAME_LEN];	/* as in vexfs_ioc_search */
	__u64	dir;			/* inode of the collection ... */
	__u32	generation, reserved32;	/* ... and its generation */
	/* since the collection was loaded: searches that were run again */
	__u64	queries;
	/* their true neighbours that are still there; of those, found */
	__u64	expected, found;
	__u64	wanted;			/* the sum of their recall, in millionths */
	__u64	reserved[3];
};
/*
 * What is known of the collection; with MOUNT, of all of the filesystem that are in memory, at any
 * directory of it.  E2BIG n is more than VEXFS_MAX_RECALLS, EPERM MOUNT is for administrators.
 */
struct vexfs_ioc_recall {
	__u32	size, flags;		/* VEXFS_RECALL_MOUNT */
	__u32	n;			/* in: room; out: how many */
	__u32	one_in;			/* out */
	__u64	counts;			/* pointer: n struct vexfs_recall_count */
	__u64	reserved[4];
};
#define VEXFS_RECALL_MOUNT	1u
#define VEXFS_MAX_RECALLS	4096u

/* Bind a loaded program to a slot ("": the built-in).  The binding is on disk when this returns.
 * ENOENT nothing of that name is loaded, EOPNOTSUPP the object has no such op, EPERM the caller
 * neither owns the directory nor has CAP_FOWNER. */
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
#define VEXFS_IOC_LIST		_IOWR(VEXFS_IOC_MAGIC, 8, struct vexfs_ioc_list)
#define VEXFS_IOC_INTERN	_IOWR(VEXFS_IOC_MAGIC, 9, struct vexfs_ioc_intern)
#define VEXFS_IOC_WORDS		_IOWR(VEXFS_IOC_MAGIC, 10, struct vexfs_ioc_words)
#define VEXFS_IOC_DROP		_IOWR(VEXFS_IOC_MAGIC, 11, struct vexfs_ioc_drop)
#define VEXFS_IOC_PATH		_IOWR(VEXFS_IOC_MAGIC, 12, struct vexfs_ioc_path)
#define VEXFS_IOC_SNAPSHOT	_IOWR(VEXFS_IOC_MAGIC, 13, struct vexfs_ioc_snapshot)
#define VEXFS_IOC_SNAPSHOTS	_IOWR(VEXFS_IOC_MAGIC, 14, struct vexfs_ioc_snapshots)
#define VEXFS_IOC_COMPACT	_IOWR(VEXFS_IOC_MAGIC, 15, struct vexfs_ioc_compact)
#define VEXFS_IOC_RECALL	_IOWR(VEXFS_IOC_MAGIC, 16, struct vexfs_ioc_recall)
#define VEXFS_IOC_MEMORY	_IOWR(VEXFS_IOC_MAGIC, 17, struct vexfs_ioc_memory)
#define VEXFS_IOC_INDEX		_IOWR(VEXFS_IOC_MAGIC, 18, struct vexfs_ioc_index)
#define VEXFS_IOC_LAST		18

_Static_assert(sizeof(struct vexfs_ioc_create) == 376, "vexfs_ioc_create");
_Static_assert(sizeof(struct vexfs_bind) == 16, "vexfs_bind");
_Static_assert(sizeof(struct vexfs_ioc_insert) == 120, "vexfs_ioc_insert");
_Static_assert(sizeof(struct vexfs_item) == 120, "vexfs_item");
_Static_assert(sizeof(struct vexfs_ioc_get) == 200, "vexfs_ioc_get");
_Static_assert(sizeof(struct vexfs_ioc_delete) == 80, "vexfs_ioc_delete");
_Static_assert(sizeof(struct vexfs_ioc_list) == 160, "vexfs_ioc_list");
_Static_assert(sizeof(struct vexfs_ioc_intern) == 80, "vexfs_ioc_intern");
_Static_assert(sizeof(struct vexfs_ioc_words) == 88, "vexfs_ioc_words");
_Static_assert(sizeof(struct vexfs_predicate_node) == 24, "vexfs_predicate_node");
_Static_assert(sizeof(struct vexfs_hit) == 48, "vexfs_hit");
_Static_assert(sizeof(struct vexfs_ioc_search) == 344, "vexfs_ioc_search");
_Static_assert(sizeof(struct vexfs_query_answer) == 24, "vexfs_query_answer");
_Static_assert(sizeof(struct vexfs_search_trace) == 256, "vexfs_search_trace");
_Static_assert(sizeof(struct vexfs_ioc_memory) == 136, "vexfs_ioc_memory");
_Static_assert(sizeof(struct vexfs_ioc_use) == 64, "vexfs_ioc_use");
_Static_assert(sizeof(struct vexfs_ioc_index) == 32, "vexfs_ioc_index");
_Static_assert(sizeof(struct vexfs_bound) == 48, "vexfs_bound");
_Static_assert(sizeof(struct vexfs_snapshot_info) == 64, "vexfs_snapshot_info");
_Static_assert(sizeof(struct vexfs_recall_count) == 104, "vexfs_recall_count");
_Static_assert(sizeof(struct vexfs_ioc_recall) == 56, "vexfs_ioc_recall");

#endif /* _VEXFS_IOCTL_H */
