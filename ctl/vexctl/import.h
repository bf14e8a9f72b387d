/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexctl import: between import.c, which checks the file, and batch.c, which inserts its records.
 */
#ifndef _VEXCTL_IMPORT_H
#define _VEXCTL_IMPORT_H

#include "vexctl/vexctl.h"

#define LEFT_OUT_SAID	5		/* records left out of which it is said why */

/* Ids that records got, in the order of the file. */
struct ids {
	__u64 first, last, least, most;
	bool run;			/* each is one more than the one before */
};

struct job {
	const char *dir, *path;
	int fd;				/* the collection */
	struct vexfs_ioc_info info;
	struct input in;
	struct vexfs_import im;
	__u64 total;			/* records of the file */
	__u64 skip;			/* of them, not to insert */
	bool upsert, append;
	/* --start-id, or 0: id of record 0, unless the file brings ids or the kernel gives them */
	__u64 start_id;
	bool start_given;
	bool auto_ids;			/* the kernel gives them: --append, or --upsert by keys */
	/* ids that the file brings, by record; NULL: it brings none */
	__u64 *own_ids;
	__u64 room;			/* of own_ids */
	char **own_keys;		/* keys that the file brings, in no order; a copy each */
	size_t n_keys, keys_room;

	/* --skip-invalid: what is no vector, or of other dims */
	bool skip_invalid;
	__u64 *left_out;		/* numbers of those records, in order; skip and more */
	size_t n_left_out, left_out_room;
	char *left_out_why[LEFT_OUT_SAID];	/* of the first of them */

	const char *attr_path;
	FILE *attr_file;
	__u64 attr_lines;
	struct {
		enum { ATTR_FILE, ATTR_CONST, ATTR_LINENO } from;
		__s64 value;
		const char *word;	/* of a keyword; value is its code then */
	} attr[VEXFS_MAX_ATTRS];

	const char *labels_path;
	FILE *labels;

	__u32 batch;			/* records of a batch, at most */
	__u64 done;			/* records inserted */
	__u64 next;			/* number of the record behind them, skip at first */
	struct ids ids;			/* of those */
};

/* --- import.c */

/* Why it ends before its end, and how far it got.  Returns VEXCTL_FAILED. */
int import_ended(const struct job *j, const char *why);
/*
 * The attributes of the record just read, or left out, into out: numbers, not the codes of its
 * words.  0, or VEXCTL_FAILED and a line.
 */
int import_attrs(struct job *j, __s64 *out);
/* Is record n one of those that are left out?  Called with rising n, and with *at 0 at first. */
bool import_is_left_out(const struct job *j, __u64 n, size_t *at);

/* --- batch.c */

/* Insert all records of the file.  An exit code, and a line if it is not 0. */
int import_insert(struct job *j);

#endif /* _VEXCTL_IMPORT_H */
