/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of fsck.vexfs share. */
#ifndef _VEXFS_FSCK_H
#define _VEXFS_FSCK_H

#include <stdarg.h>
#include <stdbool.h>
#include <platform/verify.h>
#include <core/core.h>

/* Exit codes of fsck(8). */
enum {
	FSCK_OK = 0,
	FSCK_CORRECTED = 1,
	FSCK_ERRORS = 4,
	FSCK_FAILED = 8,
	FSCK_USAGE = 16,
	FSCK_CANCELLED = 32
};

#define SHOWN	20			/* findings of one number that are printed, without --all */

enum {
#define X(number, id, severity, name, text) TABLE_##id,
	VEXFS_FINDINGS(X)
#undef X
	TABLE				/* how many there are */
};

struct json_object;

/* What is done about what is found. */
enum mode {
	MODE_LOOK,			/* nothing */
	MODE_ASK,			/* what the user says, on a terminal */
	MODE_SAFE,			/* what nobody needs to be asked for, at boot */
	MODE_REPAIR,			/* all of it */
};

/* What has been found of a device. */
struct check {
	const char *path;
	enum mode mode;
	bool json, all, replay, progress_shown;
	bool mounted;			/* by the kernel */
	__u64 at;			/* block of a superblock, 0: look */
	const char *undo;		/* file, or NULL */
	/* for JSON: "clean", "log pending", "errors", "repaired", "not checked" */
	const char *state;
	struct json_object *findings, *changes;
	unsigned long long count[TABLE];	/* of each number */
	unsigned long long changed;	/* lines in changes, those that are not shown too */
	struct vexfs_verify_counts n;
	char error[1024];		/* not checked: why */
	struct vexfs_unread unread;
	union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} super;
};

static inline unsigned long long ull(__u64 v)
{
	return v;
}

/* Why it could not be checked, or repaired, on stderr.  FSCK_FAILED. */
int fail(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of vexfs_verify(). */
bool progress(void *arg, const char *what, __u64 done, __u64 total);
void clear_progress(struct check *c);
const char *finding_name(int number);
/* Does the user want an end? */
bool is_cancelled(void);
/* From now on it is too late for that. */
void no_cancel(void);

/* --- repair.c --- */

/*
 * After a check with this exit code, of a device that is open for writing: repair it, as the mode
 * says.  The exit code of all of it.
 */
int repair(struct check *c, struct vexfs_dev *dev, int code);
/* It is left as it is: too much of it cannot be read. */
void too_many_unread(struct check *c);
/* Put back what is in an undo file.  An exit code. */
int undo(struct check *c, struct vexfs_dev *dev, const char *file);

#endif /* _VEXFS_FSCK_H */
