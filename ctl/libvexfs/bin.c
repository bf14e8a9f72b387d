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

static int start(struct vexfs_import *im)
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
	im->element = vexfs_file_ops(im->format)->element;
	return 0;
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

/* The number of records is known at the end alone. */
static int write_header(struct vexfs_export *ex)
{
	__le32 head[2] = { htole32(ex->record), htole32(ex->dims) };

	if (ex->record > ~0U)
		return vexfs_export_complain(ex, -EFBIG, "%s holds at most %u records",
					     vexfs_file_format_name(ex->format), ~0U);
	return vexfs_export_header(ex, head, sizeof(head));
}

const struct vexfs_file_ops vexfs_fbin_ops = {
	.name = "fbin",
	.extensions = { ".fbin" },
	.element = VEXFS_F32,
	.start = start,
	.next = vexfs_import_row,
	.begin = write_header,
	.record = vexfs_export_row,
	.finish = write_header,
};

const struct vexfs_file_ops vexfs_f16bin_ops = {
	.name = "f16bin",
	.extensions = { ".f16bin" },
	.element = VEXFS_F16,
	.start = start,
	.next = vexfs_import_row,
};

const struct vexfs_file_ops vexfs_u8bin_ops = {
	.name = "u8bin",
	.extensions = { ".u8bin" },
	.element = VEXFS_U8,
	.start = start,
	.next = vexfs_import_row,
};

const struct vexfs_file_ops vexfs_i8bin_ops = {
	.name = "i8bin",
	.extensions = { ".i8bin" },
	.element = VEXFS_I8,
	.start = start,
	.next = vexfs_import_row,
};

const struct vexfs_file_ops vexfs_ibin_ops = {
	.name = "ibin",
	.extensions = { ".ibin" },
	.element = VEXFS_I32,
	.start = start,
	.next = vexfs_import_row,
};
