/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing records to files, in those formats of import.h that the same records can be read from
 * again: jsonl and json keep all of a record; fvecs, fbin and npy (version 1.0, <f4) keep rows
 * alone.
 */
#ifndef _VEXFS_EXPORT_H
#define _VEXFS_EXPORT_H

#include "libvexfs/import.h"

struct vexfs_export {
	FILE	*file;			/* the caller's */
	enum vexfs_file_format format;
	__u32	dims;			/* of every record */
	__u64	record;			/* records written so far */
	char	error[256];		/* one line about what went wrong */
};

/* Can files of this format be written? */
bool vexfs_export_can(enum vexfs_file_format format);

/*
 * Begin to write at the start of a file.  -EINVAL dims, -EOPNOTSUPP the format is only read,
 * -ESPIPE npy or fbin in a file that is not seekable, -EIO, -ENOSPC, ...
 */
int vexfs_export_open(struct vexfs_export *ex, FILE *file, enum vexfs_file_format format,
		      __u32 dims);

/*
 * Write a record.  -EILSEQ jsonl or json, and a string is not UTF-8; -EIO, -ENOSPC, ... .  After an
 * error writing cannot go on.
 */
int vexfs_export_record(struct vexfs_export *ex, const struct vexfs_file_record *r);

/* The end: what the header has to say, and fflush. -EIO, -ENOSPC, ... */
int vexfs_export_finish(struct vexfs_export *ex);

/*
 * Append a list of ids, 1 .. VEXFS_MAX_DIMS, to an ivecs file.  -ERANGE an id is over 31 bits;
 * -EIO, ...
 */
int vexfs_export_ids(FILE *file, const __u64 *ids, __u32 n);

/*
 * A finite float in as few digits as bring back the same float, whether they are read as one or as
 * a double first; valid JSON.  Returns s.
 */
#define VEXFS_FLOAT_TEXT	24
const char *vexfs_float_text(float value, char s[VEXFS_FLOAT_TEXT]);

#endif /* _VEXFS_EXPORT_H */
