/* SPDX-License-Identifier: GPL-2.0 */
/* Between import.c and export.c, which know all formats, and the files that know one each. */
#ifndef _VEXFS_FILE_FORMAT_H
#define _VEXFS_FILE_FORMAT_H

#include "libvexfs/export.h"

struct vexfs_file_ops {
	const char *name;
	const char *extensions[3];	/* with the dot; unused ones NULL */
	/* bytes at im->buf that it needs; there are at least 8 for every dimension */
	size_t	room;

	/* Read the header, at the start of the file; may be NULL. */
	int (*start)(struct vexfs_import *im);
	/* Read a record: im->row, and what else there is to im->r, which is zeroed. */
	int (*next)(struct vexfs_import *im);

	/* Write the same; NULL: this format is only read.  begin and finish may be NULL. */
	int (*begin)(struct vexfs_export *ex);
	int (*record)(struct vexfs_export *ex, const struct vexfs_file_record *r);
	int (*finish)(struct vexfs_export *ex);
};

extern const struct vexfs_file_ops vexfs_fvecs_ops, vexfs_bvecs_ops, vexfs_ivecs_ops, vexfs_npy_ops,
	vexfs_jsonl_ops, vexfs_text_ops;

/* The ops of a format; NULL for GUESS and an unknown number. */
const struct vexfs_file_ops *vexfs_file_ops(enum vexfs_file_format format);

/* Say what is wrong, return err. */
__attribute__((format(printf, 3, 4)))
int vexfs_import_complain(struct vexfs_import *im, int err, const char *fmt, ...);
__attribute__((format(printf, 3, 4)))
int vexfs_export_complain(struct vexfs_export *ex, int err, const char *fmt, ...);

/* Read a line into im->buf and count it.  1, 0 at the end, or an error that is said. */
int vexfs_import_line(struct vexfs_import *im);
/* One float at s, up to one of the separators or the end.  Sets *end behind it.  -EINVAL. */
int vexfs_parse_float(const char *s, char **end, const char *separators, float *out);

/* Numbers in files. */
enum vexfs_element {
	VEXFS_F16, VEXFS_F32, VEXFS_F64, VEXFS_U8, VEXFS_I8, VEXFS_I32, VEXFS_I64,
};
size_t vexfs_element_bytes(enum vexfs_element e);
/* n numbers, little-endian, as the nearest floats; what is too large for one becomes infinity. */
void vexfs_element_read(enum vexfs_element e, const void *in, float *out, __u32 n);
/* Write bytes, or n floats.  0, or -EIO, -ENOSPC, ... */
int vexfs_write(FILE *file, const void *data, size_t bytes);
int vexfs_write_floats(FILE *file, const float *row, __u32 n);

#endif /* _VEXFS_FILE_FORMAT_H */
