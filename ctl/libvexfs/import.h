/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading vectors, numbers and attributes that come from outside: files to import, arguments,
 * standard input.
 *
 * Two formats of vector files:
 *
 *	fvecs	per record a le32 with the number of dimensions, then as many le32 IEEE floats
 *	text	per record one line `word v1 v2 ...`, separated by spaces or tabs.  A first line of
 *		just two whole numbers, `records dims`, as word2vec and fastText write it, is skipped if
 *		dims is what is wanted
 *
 * Everything is bounded: a record has at most VEXFS_MAX_DIMS dimensions, a line at most
 * VEXFS_IMPORT_LINE bytes.  What is wrong with the input is a negative errno and one line in
 * `error`, with the record or the line it is about: fvecs counts records from 0, text counts lines
 * from 1.
 */
#ifndef _VEXFS_IMPORT_H
#define _VEXFS_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>
#include <vexfs/format.h>

#define VEXFS_IMPORT_LINE	(1u << 20)

enum vexfs_import_format {
	VEXFS_IMPORT_GUESS,
	VEXFS_IMPORT_FVECS,
	VEXFS_IMPORT_TEXT,
};

struct vexfs_import {
	FILE	*file;			/* the caller's */
	enum vexfs_import_format format;
	__u32	dims;			/* of every record */
	bool	nonzero;		/* refuse a vector of zeros (cosine) */
	__u64	record;			/* records read so far */
	__u64	line;			/* text: lines read so far */
	__u64	bytes;			/* bytes read so far */
	float	*row;			/* the record just read: dims numbers, finite */
	char	*label;			/* text: its word, else NULL; in buf */
	char	*buf;			/* text: a line */
	char	error[256];
};

/*
 * Begin to read a file at its start.  dims: what every record must have, 1 .. VEXFS_MAX_DIMS;
 * nonzero: no vector of zeros. -ENOMEM; -EINVAL dims.  With GUESS: -ENOEXEC neither of the two; the
 * file must be seekable then.
 */
int vexfs_import_open(struct vexfs_import *im, FILE *file, enum vexfs_import_format format,
		      __u32 dims, bool nonzero);
void vexfs_import_close(struct vexfs_import *im);

/*
 * Read the next record into im->row and im->label.  Returns 1, 0 at the end, or: -EBADMSG the file
 * is truncated or malformed, -EMSGSIZE other dims, -EINVAL NaN, infinity or not a number, -EDOM a
 * vector of zeros, -EIO. After an error reading cannot go on.
 */
int vexfs_import_next(struct vexfs_import *im);

/* Start again.  -ESPIPE, -EIO. */
int vexfs_import_rewind(struct vexfs_import *im);

/*
 * Read one line of exactly n whole numbers (attributes of a record).  lines: lines read so far,
 * raised by one. Returns 1, 0 at the end, -EBADMSG, -EIO; error (of size bytes) says what.
 */
int vexfs_import_numbers(FILE *file, __s64 *out, __u32 n, __u64 *lines, char *error, size_t size);

/* Whole numbers, decimal or 0x, the entire string.  -EINVAL not a number, -ERANGE too large. */
int vexfs_parse_u64(const char *s, __u64 *out);
int vexfs_parse_s64(const char *s, __s64 *out);

/*
 * Numbers separated by spaces, tabs or commas: a vector.  At most max are stored.  Returns how many
 * there are, which may be more than max, or -EINVAL: one is not a number, or not finite; *bad is
 * then its index from 0.
 */
int vexfs_parse_vector(const char *s, float *out, __u32 max, __u32 *bad);

#endif /* _VEXFS_IMPORT_H */
