// SPDX-License-Identifier: GPL-2.0
/* Writing records to files, see export.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "libvexfs/file_format.h"

/* The file of an export failed, unless something was said before. */
static int ended(struct vexfs_export *ex, int err)
{
	if (err && !ex->error[0])
		vexfs_export_complain(ex, err, "cannot be written: %s", strerror(-err));
	return err;
}

int vexfs_write(FILE *file, const void *data, size_t bytes)
{
	errno = 0;
	if (fwrite(data, 1, bytes, file) == bytes && !ferror(file))
		return 0;
	return errno ? -errno : -EIO;
}

int vexfs_export_header(struct vexfs_export *ex, const void *data, size_t bytes)
{
	if (!fseeko(ex->file, 0, SEEK_SET))
		return vexfs_write(ex->file, data, bytes);
	return vexfs_export_complain(
		ex, -ESPIPE,
		"%s needs a plain file, because its header has the number of records; it cannot go to a pipe or into gzip",
		vexfs_file_format_name(ex->format));
}

int vexfs_export_row(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	return vexfs_write_floats(ex->file, r->row, ex->dims);
}

bool vexfs_export_can(enum vexfs_file_format format)
{
	const struct vexfs_file_ops *ops = vexfs_file_ops(format);

	return ops && ops->record;
}

int vexfs_export_open(struct vexfs_export *ex, FILE *file, enum vexfs_file_format format,
		      __u32 dims)
{
	const struct vexfs_file_ops *ops = vexfs_file_ops(format);

	memset(ex, 0, sizeof(*ex));
	if (!dims || dims > VEXFS_MAX_DIMS)
		return vexfs_export_complain(ex, -EINVAL, "has to have 1 to %d dimensions",
					     VEXFS_MAX_DIMS);
	if (!vexfs_export_can(format))
		return vexfs_export_complain(ex, -EOPNOTSUPP, "%s is only read, not written",
					     ops ? ops->name : "this format");
	ex->file = file;
	ex->format = format;
	ex->dims = dims;
	return ended(ex, ops->begin ? ops->begin(ex) : 0);
}

int vexfs_export_record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	int err = vexfs_file_ops(ex->format)->record(ex, r);

	ex->record += !err;
	return ended(ex, err);
}

int vexfs_export_finish(struct vexfs_export *ex)
{
	const struct vexfs_file_ops *ops = vexfs_file_ops(ex->format);
	int err = ops->finish ? ops->finish(ex) : 0;

	if (!err && fflush(ex->file))
		err = -errno;
	return ended(ex, err);
}

const char *vexfs_float_text(float value, char s[VEXFS_FLOAT_TEXT])
{
	int digits;

	if (value == 0) /* JSON readers may take -0 for a whole number */
		return strcpy(s, signbit(value) ? "-0.0" : "0");
	for (digits = 6; digits <= 9; digits++) {
		snprintf(s, VEXFS_FLOAT_TEXT, "%.*g", digits, value);
		if (strtof(s, NULL) == value && (float)strtod(s, NULL) == value)
			break;
	}
	return s;
}
