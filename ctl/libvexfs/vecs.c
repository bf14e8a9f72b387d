// SPDX-License-Identifier: GPL-2.0
/*
 * fvecs, bvecs, ivecs: the files of the TEXMEX data sets (H. Jegou, M. Douze, C. Schmid, "Product
 * quantization for nearest neighbor search", PAMI 2011); corpus-texmex.irisa.fr has the format.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

static int next(struct vexfs_import *im)
{
	enum vexfs_element e = vexfs_file_ops(im->format)->element;
	size_t want = im->dims * vexfs_element_bytes(e), got;
	const char *name = vexfs_file_format_name(im->format);
	__le32 head;
	__u32 dims;

	errno = 0;
	got = fread(&head, 1, sizeof(head), im->file);
	if (!got && !ferror(im->file))
		return 0;
	if (ferror(im->file))
		return vexfs_import_unreadable(im, NULL);
	if (got < sizeof(head))
		return vexfs_import_complain(
			im, -EBADMSG,
			"the file is truncated: record %llu ends after %zu of %zu bytes",
			im->record, got, sizeof(head) + want);
	dims = le32toh(head);
	if (!dims || dims > VEXFS_MAX_DIMS)
		return vexfs_import_complain(im, -EBADMSG,
					     "this is not %s: record %llu claims %u dimensions",
					     name, im->record, dims);
	if (dims != im->dims) {
		/* the next one may be right */
		for (want = dims * vexfs_element_bytes(e); want; want--)
			if (getc(im->file) == EOF)
				break;
		return vexfs_import_complain(im, want ? -EBADMSG : -EMSGSIZE,
					     "record %llu has %u dimension%s, the collection has %u%s",
					     im->record, dims, dims == 1 ? "" : "s", im->dims,
					     want ? ", and the file ends in it" : "");
	}
	got = fread(im->buf, 1, want, im->file);
	if (ferror(im->file))
		return vexfs_import_unreadable(im, NULL);
	if (got < want)
		return vexfs_import_complain(
			im, -EBADMSG,
			"the file is truncated: record %llu ends after %zu of %zu bytes",
			im->record, sizeof(head) + got, sizeof(head) + want);
	vexfs_element_read(e, false, im->buf, im->row, im->dims);
	return 1;
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	__le32 dims = htole32(ex->dims);
	int err = vexfs_write(ex->file, &dims, sizeof(dims));

	return err ? err : vexfs_export_row(ex, r);
}

int vexfs_export_ids(FILE *file, const __u64 *ids, __u32 n)
{
	__le32 out[1 + VEXFS_MAX_DIMS];
	__u32 i;

	if (!n || n > VEXFS_MAX_DIMS)
		return -EINVAL;
	out[0] = htole32(n);
	for (i = 0; i < n; i++) {
		if (ids[i] > __INT32_MAX__)
			return -ERANGE;
		out[1 + i] = htole32(ids[i]);
	}
	return vexfs_write(file, out, (1 + n) * sizeof(*out));
}

const struct vexfs_file_ops vexfs_fvecs_ops = {
	.name = "fvecs",
	.extensions = { ".fvecs" },
	.element = VEXFS_F32,
	.next = next,
	.record = record,
};

const struct vexfs_file_ops vexfs_bvecs_ops = {
	.name = "bvecs",
	.extensions = { ".bvecs" },
	.element = VEXFS_U8,
	.next = next,
};

const struct vexfs_file_ops vexfs_ivecs_ops = {
	.name = "ivecs",
	.extensions = { ".ivecs" },
	.element = VEXFS_I32,
	.next = next,
};
