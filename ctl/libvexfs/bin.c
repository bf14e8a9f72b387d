// SPDX-License-Identifier: GPL-2.0
/*
 * fbin, u8bin and the others of the "big ANN benchmarks" (H. Simhadri et al., "Results of the
 * NeurIPS'21 challenge on billion-scale approximate nearest neighbor search", 2022), which DiskANN
 * and cuVS write, too: le32 records, le32 dims, then the numbers, row after row.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

int vexfs_bin_header(FILE *file, __u32 *rows, __u32 *dims)
{
	__le32 head[2];
	size_t got;

	errno = 0;
	got = fread(head, 1, sizeof(head), file);
	if (ferror(file))
		return -EIO;
	if (got < sizeof(head))
		return -EBADMSG;
	*rows = le32toh(head[0]);
	*dims = le32toh(head[1]);
	return 0;
}

static int start(struct vexfs_import *im, enum vexfs_element e)
{
	__u32 rows, dims;
	int err = vexfs_bin_header(im->file, &rows, &dims);

	if (err == -EIO)
		return vexfs_import_unreadable(im, "its header");
	if (err)
		return vexfs_import_complain(im, err, "the file is truncated in its header");
	if (!dims || dims > VEXFS_MAX_DIMS)
		return vexfs_import_complain(im, -EBADMSG,
					     "this is not %s: its header claims %u dimensions",
					     vexfs_file_format_name(im->format), dims);
	if (dims != im->dims)
		return vexfs_import_complain(
			im, -EMSGSIZE, "its vectors have %u dimensions, the collection has %u",
			dims, im->dims);
	im->rows = rows;
	im->element = e;
	return 0;
}

static int start_fbin(struct vexfs_import *im)
{
	return start(im, VEXFS_F32);
}

static int start_f16bin(struct vexfs_import *im)
{
	return start(im, VEXFS_F16);
}

static int start_u8bin(struct vexfs_import *im)
{
	return start(im, VEXFS_U8);
}

static int start_i8bin(struct vexfs_import *im)
{
	return start(im, VEXFS_I8);
}

static int start_ibin(struct vexfs_import *im)
{
	return start(im, VEXFS_I32);
}

int vexfs_import_row(struct vexfs_import *im)
{
	size_t want = im->dims * vexfs_element_bytes(im->element), got;

	errno = 0;
	if (im->record == im->rows) {
		if (getc(im->file) != EOF)
			return vexfs_import_complain(
				im, -EBADMSG,
				"more bytes follow than its header claims: %llu record%s of %zu bytes",
				im->rows, im->rows == 1 ? "" : "s", want);
		return ferror(im->file) ? vexfs_import_unreadable(im, "its end") : 0;
	}
	got = fread(im->buf, 1, want, im->file);
	if (ferror(im->file))
		return vexfs_import_unreadable(im, NULL);
	if (got < want)
		return vexfs_import_complain(
			im, -EBADMSG,
			"the file is truncated: its header claims %llu record%s, record %llu ends after %zu of %zu bytes",
			im->rows, im->rows == 1 ? "" : "s", im->record, got, want);
	im->rounded |= vexfs_element_read(im->element, im->swap, im->buf, im->row, im->dims);
	return 1;
}

/* The number of records is known at the end alone, so it is written then. */
static int write_header(struct vexfs_export *ex)
{
	__le32 head[2] = { htole32(ex->record), htole32(ex->dims) };

	if (ex->record > ~0U)
		return vexfs_export_complain(ex, -EFBIG, "%s holds at most %u records",
					     vexfs_file_format_name(ex->format), ~0U);
	return vexfs_write(ex->file, head, sizeof(head));
}

static int begin(struct vexfs_export *ex)
{
	int err = vexfs_export_rewind(ex);

	return err ? err : write_header(ex);
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	return vexfs_write_floats(ex->file, r->row, ex->dims);
}

static int finish(struct vexfs_export *ex)
{
	return begin(ex);
}

const struct vexfs_file_ops vexfs_fbin_ops = {
	.name = "fbin",
	.extensions = { ".fbin" },
	.start = start_fbin,
	.next = vexfs_import_row,
	.begin = begin,
	.record = record,
	.finish = finish,
};

const struct vexfs_file_ops vexfs_f16bin_ops = {
	.name = "f16bin",
	.extensions = { ".f16bin" },
	.start = start_f16bin,
	.next = vexfs_import_row,
};

const struct vexfs_file_ops vexfs_u8bin_ops = {
	.name = "u8bin",
	.extensions = { ".u8bin" },
	.start = start_u8bin,
	.next = vexfs_import_row,
};

const struct vexfs_file_ops vexfs_i8bin_ops = {
	.name = "i8bin",
	.extensions = { ".i8bin" },
	.start = start_i8bin,
	.next = vexfs_import_row,
};

const struct vexfs_file_ops vexfs_ibin_ops = {
	.name = "ibin",
	.extensions = { ".ibin" },
	.start = start_ibin,
	.next = vexfs_import_row,
};
