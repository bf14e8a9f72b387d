/* SPDX-License-Identifier: GPL-2.0 */
/* Between import.c and export.c, which know all formats, and the files that know one each. */
#ifndef _VEXFS_FILE_FORMAT_H
#define _VEXFS_FILE_FORMAT_H

#include "libvexfs/export.h"

/* Numbers in files. */
enum vexfs_element {
	VEXFS_F16, VEXFS_F32, VEXFS_F64, VEXFS_U8, VEXFS_I8, VEXFS_U16, VEXFS_I16, VEXFS_U32,
	VEXFS_I32, VEXFS_U64, VEXFS_I64, VEXFS_BOOL,
};

struct vexfs_file_ops {
	const char *name;
	const char *extensions[3];	/* with the dot; unused ones NULL */
	/* bytes at im->buf that it needs; there are at least 8 for every dimension */
	size_t	room;
	enum vexfs_element element;	/* of its numbers, unless a header says that */

	/* Read the header, at the start of the file; may be NULL. */
	int (*start)(struct vexfs_import *im);
	/* Read a record: im->row, and what else there is to im->r, which is zeroed. */
	int (*next)(struct vexfs_import *im);

	/* Write the same; NULL: this format is only read.  begin and finish may be NULL. */
	int (*begin)(struct vexfs_export *ex);
	int (*record)(struct vexfs_export *ex, const struct vexfs_file_record *r);
	int (*finish)(struct vexfs_export *ex);
};

extern const struct vexfs_file_ops vexfs_fvecs_ops, vexfs_bvecs_ops, vexfs_ivecs_ops,
	vexfs_fbin_ops, vexfs_f16bin_ops, vexfs_u8bin_ops, vexfs_i8bin_ops, vexfs_ibin_ops,
	vexfs_npy_ops, vexfs_jsonl_ops, vexfs_json_ops, vexfs_text_ops;

/* The ops of a format; NULL for GUESS and an unknown number. */
const struct vexfs_file_ops *vexfs_file_ops(enum vexfs_file_format format);

/* Say what is wrong, return err. */
__attribute__((format(printf, 3, 4)))
int vexfs_import_complain(struct vexfs_import *im, int err, const char *fmt, ...);
__attribute__((format(printf, 3, 4)))
int vexfs_export_complain(struct vexfs_export *ex, int err, const char *fmt, ...);

/* Reading failed with errno: say so, return -EIO. */
int vexfs_import_unreadable(struct vexfs_import *im, const char *what);
/*
 * What a file of an unknown format is, into im->format: kind.c.  Or -ENOEXEC, -EIO, and it is said.
 */
int vexfs_import_guess(struct vexfs_import *im);
/*
 * One of text, jsonl, json and npy is expected: is it of another kind that is known?  0, -ENOEXEC,
 * -EIO.
 */
int vexfs_import_check_kind(struct vexfs_import *im);

/* More room at im->buf, up to VEXFS_IMPORT_LINE.  -E2BIG, -ENOMEM, and nothing is said. */
int vexfs_import_grow(struct vexfs_import *im);
/*
 * Read a line that is not blank into im->buf, without a byte order mark, and count it.  1, 0 at the
 * end, or an error that is said.
 */
int vexfs_import_line(struct vexfs_import *im);
#define VEXFS_BOM	"\xef\xbb\xbf"	/* the byte order mark of UTF-8 */
/* What of a line is white space, but for its end. */
#define VEXFS_BLANKS	" \t\r\v\f"
/* A row of im->element from a file whose header claims im->rows. */
int vexfs_import_row(struct vexfs_import *im);
/*
 * Write the header, which has the number of records and so is written at the beginning and at the
 * end, at the start of the file.  -ESPIPE, and it is said, or -EIO, -ENOSPC, ...
 */
int vexfs_export_header(struct vexfs_export *ex, const void *data, size_t bytes);
/* Write a record that is its row alone. */
int vexfs_export_row(struct vexfs_export *ex, const struct vexfs_file_record *r);
/* The record that is the JSON value in im->buf.  1, or an error that is said. */
int vexfs_json_read(struct vexfs_import *im);
/* Get ready for that. */
int vexfs_json_start(struct vexfs_import *im);
/* Write a record as a JSON object. */
int vexfs_json_write(struct vexfs_export *ex, const struct vexfs_file_record *r);
/* One float at s, up to one of the separators or the end.  Sets *end behind it.  -EINVAL. */
int vexfs_parse_float(const char *s, char **end, const char *separators, float *out);

size_t vexfs_element_bytes(enum vexfs_element e);
/*
 * n numbers, little-endian or with swap big-endian, as the nearest floats; what is too large for
 * one becomes infinity.  Was any of them between two floats?
 */
bool vexfs_element_read(enum vexfs_element e, bool swap, const void *in, float *out, __u32 n);
/* A whole number (U8 to I64) as an id.  -ERANGE below -1; -1 becomes ~0. */
int vexfs_element_id(enum vexfs_element e, bool swap, const void *in, __u64 *out);

/*
 * Of a file that starts with a le32 of records and one of dims.  -EBADMSG, -EIO; nothing is said.
 */
int vexfs_bin_header(FILE *file, __u32 *rows, __u32 *dims);
/* The header of an npy array. */
#define VEXFS_NPY_AXES	8
struct vexfs_npy {
	char type[32];
	enum vexfs_element element;
	bool swap, fortran;
	__u32 axes;
	__u64 shape[VEXFS_NPY_AXES];
	__u64 data;			/* the byte at which the numbers start */
};
/* buf: VEXFS_IMPORT_HEADER bytes.  -EBADMSG, -EIO, and error (of size bytes) says what. */
int vexfs_npy_header(FILE *file, struct vexfs_npy *h, char *buf, char *error, size_t size);

/* Write bytes, or n floats.  0, or -EIO, -ENOSPC, ... */
int vexfs_write(FILE *file, const void *data, size_t bytes);
int vexfs_write_floats(FILE *file, const float *row, __u32 n);

#endif /* _VEXFS_FILE_FORMAT_H */
