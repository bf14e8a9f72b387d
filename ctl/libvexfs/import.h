/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading records, numbers and attributes that come from outside: files to import, arguments,
 * standard input.
 *
 * Formats of files with vectors, all of them little-endian:
 *
 *	fvecs	per record a le32 with the number of dimensions, then as many le32 IEEE floats
 *	bvecs	the same with unsigned bytes
 *	ivecs	the same with signed le32; also what lists of ids are kept in (export.h)
 *	npy	NumPy's format, versions 1 to 3: an array (records, dims) in C order of <f2, <f4, <f8,
 *		|u1, |i1, <i4 or <i8; also (records) if dims is 1
 *	jsonl	per record one line with a JSON object of these members, all but `vector` optional:
 *		{"id": 7, "key": "doc-1", "attrs": {"age": 3, "lang": "de"}, "file": "a/b.txt",
 *		 "offset": 0, "length": 100, "vector": [0.5, 1, -2e-3]}
 *	text	per record one line `word v1 v2 ...`, separated by spaces or tabs.  A first line of
 *		just two whole numbers, `records dims`, as word2vec and fastText write it, is skipped if
 *		dims is what is wanted
 *
 * Numbers become the nearest 32-bit floats; what is none (NaN, infinity, too large) is refused.
 *
 * Everything is bounded: a record has at most VEXFS_MAX_DIMS dimensions, a line at most
 * VEXFS_IMPORT_LINE bytes, npy's header VEXFS_IMPORT_HEADER.  What is wrong with the input is a
 * negative errno and one line in `error`, with the record or the line it is about: records are
 * counted from 0, lines (jsonl, text) from 1.
 */
#ifndef _VEXFS_IMPORT_H
#define _VEXFS_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>
#include <vexfs/ioctl.h>

#define VEXFS_IMPORT_LINE	(1u << 20)
#define VEXFS_IMPORT_HEADER	(1u << 16)

enum vexfs_file_format {
	VEXFS_FILE_GUESS,
	VEXFS_FILE_FVECS,
	VEXFS_FILE_BVECS,
	VEXFS_FILE_IVECS,
	VEXFS_FILE_NPY,
	VEXFS_FILE_JSONL,
	VEXFS_FILE_TEXT,
	VEXFS_FILE_FORMATS,		/* how many */
};

/* A record as files hold it.  Strings have no NUL inside. */
struct vexfs_file_record {
	const float *row;		/* dims numbers, finite */
	bool	has_id;
	__u64	id;			/* 0 without has_id */
	const char *key;		/* 1 .. VEXFS_MAX_KEY bytes, or NULL: none */
	__u32	attrs;			/* entries of attr in use */
	struct {
		const char *name;	/* not empty */
		/* of a keyword, 1 .. VEXFS_MAX_KEY bytes, or NULL: an integer */
		const char *word;
		__s64	number;		/* 0 with word */
	} attr[VEXFS_MAX_ATTRS];
	const char *file;		/* path of the bound file, or NULL: none, and the rest is 0 */
	__u64	file_off;
	__u32	file_len;
};

struct json_object;
struct json_tokener;

struct vexfs_import {
	FILE	*file;			/* the caller's */
	enum vexfs_file_format format;
	__u32	dims;			/* of every record */
	bool	nonzero;		/* refuse a vector of zeros (cosine) */
	__u64	record;			/* records read so far */
	__u64	line;			/* jsonl, text: lines read so far */
	__u64	bytes;			/* bytes read so far */
	struct vexfs_file_record r;	/* the record just read; good until the next one is */
	float	*row;			/* what r.row points to */
	char	*label;			/* text: its word, else NULL; in buf */
	char	*buf;			/* a line, or a row as it is in the file */
	size_t	room;			/* bytes at buf */
	/* npy, from the header */
	int	element;		/* enum vexfs_element */
	__u64	rows;			/* records in the file */
	/* jsonl */
	struct json_tokener *tokener;
	struct json_object *object;	/* holds the strings of r */
	char	error[256];
};

/*
 * Begin to read a file at its start.  dims: what every record must have, 1 .. VEXFS_MAX_DIMS;
 * nonzero: no vector of zeros.  With GUESS the content says what it is, if it is fvecs, npy, jsonl
 * or text; the file must be seekable then.  -EINVAL dims, -ENOEXEC GUESS and none of them, -ENOMEM,
 * and what vexfs_import_next() gives, about the header.
 */
int vexfs_import_open(struct vexfs_import *im, FILE *file, enum vexfs_file_format format,
		      __u32 dims, bool nonzero);
void vexfs_import_close(struct vexfs_import *im);

/*
 * Read the next record into im->r.  Returns 1, 0 at the end, or: -EBADMSG the file is truncated or
 * malformed, -EMSGSIZE other dims, -EINVAL NaN, infinity or not a number, -EDOM a vector of zeros,
 * -ENOMEM, -EIO. After an error reading cannot go on.
 */
int vexfs_import_next(struct vexfs_import *im);

/* Start again.  -ESPIPE, -EIO, and those of a header. */
int vexfs_import_rewind(struct vexfs_import *im);

/* "fvecs" and so on; NULL for GUESS and an unknown number. */
const char *vexfs_file_format_name(enum vexfs_file_format format);
/* And back: -EINVAL for an unknown name. */
int vexfs_file_format_by_name(const char *name);
/* By the extension of a file's name; GUESS: it says nothing. */
enum vexfs_file_format vexfs_file_format_of(const char *path);

/*
 * Read one line of exactly n whole numbers (attributes of a record).  lines: lines read so far,
 * raised by one. Returns 1, 0 at the end, -EBADMSG, -EIO; error (of size bytes) says what.
 */
int vexfs_import_numbers(FILE *file, __s64 *out, __u32 n, __u64 *lines, char *error, size_t size);

/*
 * Read the next list of ids of an ivecs file, as ground truth comes; list: its number, for errors.
 * At most max are stored. Returns how many it has, which may be more than max, 0 at the end of the
 * file, -EBADMSG truncated, malformed, or a negative id, -EIO; error (of size bytes) says what.
 */
int vexfs_import_ids(FILE *file, __u64 list, __u64 *ids, __u32 max, char *error, size_t size);

/* Whole numbers, decimal or 0x, the entire string.  -EINVAL not a number, -ERANGE too large. */
int vexfs_parse_u64(const char *s, __u64 *out);
int vexfs_parse_s64(const char *s, __s64 *out);

/*
 * Numbers separated by spaces, tabs or commas, in [brackets] or without: a vector.  At most max are
 * stored.  Returns how many there are, which may be more than max, or -EINVAL: one is not a number, or not finite; *bad is
 * then its index from 0.
 */
int vexfs_parse_vector(const char *s, float *out, __u32 max, __u32 *bad);

#endif /* _VEXFS_IMPORT_H */
