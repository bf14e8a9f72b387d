/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading records, numbers and attributes that come from outside: files to import, arguments,
 * standard input.
 *
 * Formats of files with vectors, little-endian unless they say otherwise:
 *
 *	fvecs	per record a le32 with the number of dimensions, then as many le32 IEEE floats
 *	bvecs	the same with unsigned bytes
 *	ivecs	the same with signed le32; also what lists of ids are kept in (export.h)
 *	fbin	a le32 with the number of records, a le32 with that of dimensions, then records *
 *		dims le32 IEEE floats, record after record
 *	f16bin, u8bin, i8bin, ibin
 *		the same with le16 IEEE floats, unsigned and signed bytes, signed le32
 *	npy	NumPy's format, versions 1 to 3: an array (records, dims), in C or Fortran order and
 *		in either byte order, of f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1; also
 *		(dims), which is one record, and (records) if dims is 1
 *	jsonl	per record one line with a JSON object of these members, all but `vector` optional:
 *		{"id": 7, "key": "doc-1", "attrs": {"age": 3, "lang": "de"}, "file": "a/b.txt",
 *		 "offset": 0, "length": 100, "vector": [0.5, 1, -2e-3]}
 *		A member that is null might as well not be there.  A line that is an array is a
 *		vector.
 *	json	one array of what the lines of jsonl are
 *	text	per record one line `word v1 v2 ...`, separated by spaces or tabs: the last dims
 *		fields are the numbers, so that the word may have spaces in it.  A first line of
 *		just two whole numbers, `records dims`, as word2vec and fastText write it, is
 *		skipped if dims is what is wanted; if that is 1, only if so many records follow
 *
 * In jsonl, json and text a byte order mark of UTF-8 at the start is skipped, and lines of white
 * space are.
 *
 * Numbers become the nearest 32-bit floats; what is none (NaN, infinity, too large) is refused.
 *
 * Everything is bounded: a record has at most VEXFS_MAX_DIMS dimensions, a line or a record of json
 * at most VEXFS_IMPORT_LINE bytes, npy's header VEXFS_IMPORT_HEADER.  What is wrong with the input
 * is a negative errno and one line in `error`, with the record or the line it is about: records are
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
	VEXFS_FILE_FBIN,
	VEXFS_FILE_F16BIN,
	VEXFS_FILE_U8BIN,
	VEXFS_FILE_I8BIN,
	VEXFS_FILE_IBIN,
	VEXFS_FILE_NPY,
	VEXFS_FILE_JSONL,
	VEXFS_FILE_JSON,
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
		/*
		 * of a keyword, 0 .. VEXFS_MAX_KEY bytes, empty: it has none; or NULL: an integer
		 */
		const char *word;
		__s64	number;		/* 0 with word */
	} attr[VEXFS_MAX_ATTRS];
	/* path of the bound file, or NULL: none, and the rest is 0 */
	const char *file;
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
	__u64	record;			/* records read so far, those at fault included */
	__u64	current;		/* number of the one that is being read, or was just read */
	__u64	line;			/* jsonl, text: lines read so far */
	struct vexfs_file_record r;	/* the record just read; good until the next one is */
	float	*row;			/* what r.row points to */
	char	*label;			/* text: its word, else NULL; in buf */
	char	*buf;			/* a line, or a row as it is in the file */
	size_t	room;			/* bytes at buf */
	/* npy, fbin and the like, from the header */
	int	element;		/* enum vexfs_element */
	__u64	rows;			/* records in the file */
	char	type[32];		/* npy: "<f8" and so on */
	/* npy: a number of the file is no 32-bit float, but between two of them */
	bool	rounded;
	bool	swap;			/* npy: big-endian */
	/*
	 * npy in Fortran order: block_n records from block_at on, of an array that starts at byte
	 * data
	 */
	float	*block;
	__u64	block_at, data;
	__u32	block_n;
	/* jsonl, json */
	struct json_tokener *tokener;
	struct json_object *object;	/* holds the strings of r */
	bool	ended;			/* json: the array has */
	char	error[256];
};

/*
 * Begin to read a file at its start.  dims: what every record must have, 1 .. VEXFS_MAX_DIMS;
 * nonzero: no vector of zeros.  With GUESS the content says what it is, if it is fvecs, fbin, npy,
 * jsonl, json or text.  The file must be seekable then, and if it is text.  -EINVAL dims, -ENOEXEC
 * it is of another kind, which the error names if it is a known one, -ENOMEM, and what
 * vexfs_import_next() gives, about the header.
 */
int vexfs_import_open(struct vexfs_import *im, FILE *file, enum vexfs_file_format format,
		      __u32 dims, bool nonzero);
void vexfs_import_close(struct vexfs_import *im);

/*
 * Read the next record into im->r.  Returns 1, 0 at the end, or: -EBADMSG the file is truncated or
 * malformed, -EMSGSIZE other dims, -EINVAL NaN, infinity, not a number or no vector, -EDOM a vector
 * of zeros, -ENOMEM, -EIO.
 *
 * After an error reading cannot go on, unless vexfs_import_skips() says that it is about that
 * record alone; then the next call reads the one after it.
 */
int vexfs_import_next(struct vexfs_import *im);
bool vexfs_import_skips(int err);

/* "line 7" or "record 7": the one that is being read, or was just read, into text. */
#define VEXFS_PLACE	32
const char *vexfs_import_place(const struct vexfs_import *im, char text[VEXFS_PLACE]);

/* Start again.  -ESPIPE, -EIO, and those of a header. */
int vexfs_import_rewind(struct vexfs_import *im);

/* "fvecs" and so on; NULL for GUESS and an unknown number. */
const char *vexfs_file_format_name(enum vexfs_file_format format);
/* And back: -EINVAL for an unknown name. */
int vexfs_file_format_by_name(const char *name);
/* By the extension of a file's name, before a `.gz` if there is one; GUESS: it says nothing. */
enum vexfs_file_format vexfs_file_format_of(const char *path);

/*
 * Read one line of exactly n whole numbers (attributes of a record).  lines: lines read so far,
 * raised by one. Returns 1, 0 at the end, -EBADMSG, -EIO; error (of size bytes) says what.
 */
int vexfs_import_numbers(FILE *file, __s64 *out, __u32 n, __u64 *lines, char *error, size_t size);

/* Whole numbers, decimal or 0x, the entire string.  -EINVAL not a number, -ERANGE too large. */
int vexfs_parse_u64(const char *s, __u64 *out);
int vexfs_parse_s64(const char *s, __s64 *out);

/*
 * Numbers separated by spaces, tabs or commas, in [brackets] or without: a vector.  At most max are
 * stored.  Returns how many there are, which may be more than max, or -EINVAL: one is not a number,
 * or not finite; *bad is then its index from 0.
 */
int vexfs_parse_vector(const char *s, float *out, __u32 max, __u32 *bad);

#endif /* _VEXFS_IMPORT_H */
