/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histories of operations on collections and their files, and what they leave: a model without any
 * disk, as the README promises things.
 *
 * An operation is one of the namespace (it makes, drops, renames ...: these keep their order among
 * all collections) or one of records (these keep their order in their collection).  So what a crash
 * leaves is given by how many operations of the namespace have survived, a number for all, and how
 * many of the records of each collection, a number for each: history_state().  What was
 * acknowledged by a sync says how many it must be at least.
 */
#ifndef _VEXFS_TEST_HISTORY_H
#define _VEXFS_TEST_HISTORY_H

#include <stdbool.h>
#include <linux/types.h>
#include <vexfs/ioctl.h>

#define COLLECTIONS 2u /* directories c0, c1 in the root */
#define FILES 4u /* names f0 .. f3 in each */
#define SNAPSHOTS 3u /* names s0 .. s2 */
#define WORDS 5u /* w1 .. w4; 0: none */
#define MAX_OBJECTS 96u /* files that there ever were in a directory */
#define MAX_OPS 256u

/* A record as it was inserted; it never changes. */
struct entry {
	__u64 id;
	__s64 number; /* attribute "n" */
	__u32 word; /* attribute "w" */
	__u32 object; /* file that it is bound to, 0: none */
	__u32 change; /* of that */
	__u32 off, len; /* range in it */
	char key[12]; /* "": none */
	float row[];
};

enum op_kind {
	/* of the namespace: */
	OP_MKDIR, /* the directory */
	OP_CREATE, /* make it a collection */
	OP_DROP, /* a directory of files is left */
	OP_FILE, /* make file `name` */
	OP_WRITE, /* write to it */
	OP_UNLINK,
	OP_RENAME, /* `name` over `to` */
	OP_SNAPSHOT, /* `name` */
	OP_UNSNAPSHOT,
	OP_COMPACT,
	/* of records: */
	OP_INSERT,
	OP_DELETE, /* entries of which id or key count */
	/* that only wait: */
	OP_SYNC, /* fsync of the collection's directory */
	OP_SYNC_ALL,
	OP_KINDS,
};

#define OP_FLAG_UPSERT 1u
#define OP_FLAG_AUTO_ID 2u
#define OP_FLAG_BY_KEY 4u

struct op {
	enum op_kind kind;
	__u32 collection;
	__u32 flags;
	__u32 name, to;
	__u32 dims, metric; /* CREATE */
	__u32 n; /* entries */
	struct entry **entry; /* INSERT, DELETE */
	/* filled in by history_add(): */
	int want; /* what it must return, a negative errno or 0 */
	__u32 bad; /* entry at fault then, ~0: none */
	__u32 made; /* number of the OP_CREATE of the collection, from 1; 0: none */
	__u32 object, other; /* that `name` and `to` name */
	bool lost; /* it has failed, or a crash took it: it never was */
};

/* What a collection and its directory hold. */
struct contents {
	bool dir; /* the directory is there */
	__u32 made; /* number of its OP_CREATE, 0: it is no collection */
	__u32 dims, metric;
	__u32 n;
	const struct entry **entry; /* in the order of slots; some may be gone */
	struct {
		bool used;
		__u32 n;
		const struct entry **entry;
	} snapshot[SNAPSHOTS];
	__u32 object[FILES]; /* by name, 0: there is none */
	struct {
		bool there;
		__u32 change;
		__u32 heir; /* object that has its records, 0: itself */
	} file[MAX_OBJECTS];
};

struct history {
	struct op *op[MAX_OPS];
	__u32 n;
	/* operations that must survive a crash, counted from the beginning */
	__u32 names_kept, kept[COLLECTIONS];
	struct contents now[COLLECTIONS];
	__u32 objects[COLLECTIONS]; /* how many there were */
	__u64 ino[COLLECTIONS][MAX_OBJECTS]; /* filled in by who makes them */
	__u32 states; /* that were computed */
};

void history_init(struct history *h);
void history_free(struct history *h);

/* An operation with room for n entries of so many dimensions, all zero. */
struct op *op_new(enum op_kind kind, __u32 collection, __u32 n, __u32 dims);
void op_free(struct op *op);
/* One line about it, static. */
const char *op_text(const struct op *op);
/* All of them, for whoever looks for the fault. */
void history_print(const struct history *h);

/*
 * It is going to be done next: say what it must return.  With 0, h->now is as after it.  It belongs
 * to the history from now on.
 */
void history_add(struct history *h, struct op *op);
/* The last one has failed, as it must or because it was made to: nothing of it is there. */
void history_fail(struct history *h);
/* It may have been done all the same. */
void history_unfail(struct history *h);
/* It was acknowledged. */
void history_done(struct history *h);
/* Only the first n operations ever were, and all of them survive. */
void history_back(struct history *h, __u32 n);
/* A crash has left just so many operations. */
void history_cut(struct history *h, __u32 names, const __u32 records[COLLECTIONS]);

/*
 * What collection c and its directory hold when the first `names` operations of the namespace and
 * the first `records` of its records have survived; by number in the history.  False: that cannot
 * be.  Give it back by contents_free(), either way.
 */
bool history_state(struct history *h, __u32 c, __u32 names, __u32 records, struct contents *s);
void contents_free(struct contents *s);

/* The file that has the records of an object, 0: it is gone. */
__u32 contents_file(const struct contents *s, __u32 object);
bool contents_stale(const struct contents *s, const struct entry *e);
/* Is it to be found? */
static inline bool contents_sees(const struct contents *s, const struct entry *e)
{
	return !e->object || contents_file(s, e->object);
}

/* The live entry of an id, or a key; NULL. */
const struct entry *contents_find(const struct contents *s, __u64 id);
const struct entry *contents_find_key(const struct contents *s, const char *key);

#endif /* _VEXFS_TEST_HISTORY_H */
