// SPDX-License-Identifier: GPL-2.0
/*
 * fvecs, bvecs, ivecs: the files of the TEXMEX data sets (H. Jegou, M. Douze, C. Schmid, "Product
 * quantization for nearest neighbor search", PAMI 2011); corpus-texmex.irisa.fr has the format.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

static int next(struct vexfs_import *im, enum vexfs_element e)
{
	size_t want = im->dims * vexfs_element_bytes(e), got;
	const char *name = vexfs_file_format_name(im->format);
	__le32 dims;

	got = fread(&dims, 1, sizeof(dims), im->file);
	if (!got && !ferror(im->file))
		return 0;
	if (ferror(im->file))
		return vexfs_import_complain(im, -EIO, "record %llu cannot be read", im->record);
	if (got < sizeof(dims))
		return vexfs_import_complain(
			im, -EBADMSG,
			"the file is truncated: record %llu ends after %zu of %zu bytes",
			im->record, got, sizeof(dims) + want);
	if (!le32toh(dims) || le32toh(dims) > VEXFS_MAX_DIMS)
		return vexfs_import_complain(im, -EBADMSG,
					     "this is not %s: record %llu claims %u dimensions",
					     name, im->record, le32toh(dims));
	if (le32toh(dims) != im->dims)
		return vexfs_import_complain(im, -EMSGSIZE,
					     "record %llu has %u dimensions, the collection has %u",
					     im->record, le32toh(dims), im->dims);
	got = fread(im->buf, 1, want, im->file);
	if (ferror(im->file))
		return vexfs_import_complain(im, -EIO, "record %llu cannot be read", im->record);
	if (got < want)
		return vexfs_import_complain(
			im, -EBADMSG,
			"the file is truncated: record %llu ends after %zu of %zu bytes",
			im->record, sizeof(dims) + got, sizeof(dims) + want);
	vexfs_element_read(e, im->buf, im->row, im->dims);
	im->bytes += sizeof(dims) + want;
	return 1;
}

static int next_fvecs(struct vexfs_import *im)
{
	return next(im, VEXFS_F32);
}

static int next_bvecs(struct vexfs_import *im)
{
	return next(im, VEXFS_U8);
}

static int next_ivecs(struct vexfs_import *im)
{
	return next(im, VEXFS_I32);
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	__le32 dims = htole32(ex->dims);
	int err = vexfs_write(ex->file, &dims, sizeof(dims));

	return err ? err : vexfs_write_floats(ex->file, r->row, ex->dims);
}

int vexfs_import_ids(FILE *file, __u64 list, __u64 *ids, __u32 max, char *error, size_t size)
{
	__le32 head, id[VEXFS_MAX_DIMS];
	size_t got = fread(&head, 1, sizeof(head), file);
	__u32 n = 0, i;

	if (!got && !ferror(file))
		return 0;
	if (got == sizeof(head)) {
		n = le32toh(head);
		if (!n || n > VEXFS_MAX_DIMS) {
			snprintf(error, size, "this is not ivecs: list %llu claims %u ids", list,
				 n);
			return -EBADMSG;
		}
		got = fread(id, sizeof(*id), n, file);
	}
	if (ferror(file)) {
		snprintf(error, size, "list %llu cannot be read", list);
		return -EIO;
	}
	if (got != n) { /* n is 0 if not even the head is whole */
		snprintf(error, size, "the file is truncated: list %llu is not whole", list);
		return -EBADMSG;
	}
	for (i = 0; i < n; i++) {
		if ((__s32)le32toh(id[i]) < 0) {
			snprintf(error, size, "list %llu, number %u is %d, which is no id", list, i,
				 (__s32)le32toh(id[i]));
			return -EBADMSG;
		}
		if (i < max)
			ids[i] = le32toh(id[i]);
	}
	return n;
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
	.next = next_fvecs,
	.record = record,
};

const struct vexfs_file_ops vexfs_bvecs_ops = {
	.name = "bvecs",
	.extensions = { ".bvecs" },
	.next = next_bvecs,
};

const struct vexfs_file_ops vexfs_ivecs_ops = {
	.name = "ivecs",
	.extensions = { ".ivecs" },
	.next = next_ivecs,
};
