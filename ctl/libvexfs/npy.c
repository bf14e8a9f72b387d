// SPDX-License-Identifier: GPL-2.0
/*
 * NumPy's .npy, see "A simple file format for NumPy arrays" (NEP 1) and numpy.lib.format: a magic
 * number, a version, the length of the header, the header (a Python dictionary in ASCII), the
 * numbers.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

#define MAGIC "\x93NUMPY"
#define HEAD_BYTES 128 /* what is written before the numbers: a multiple of 64 */
#define MAX_AXES 8

static const struct {
	const char *descr;
	enum vexfs_element element;
} types[] = {
	{ "<f4", VEXFS_F32 }, { "<f8", VEXFS_F64 }, { "<f2", VEXFS_F16 }, { "|u1", VEXFS_U8 },
	{ "|i1", VEXFS_I8 },  { "<i4", VEXFS_I32 }, { "<i8", VEXFS_I64 },
};

/* What the dictionary says. */
struct header {
	char descr[32];
	bool fortran;
	__u32 axes;
	__u64 shape[MAX_AXES];
	bool has_descr, has_fortran, has_shape;
};

static const char *skip(const char *s)
{
	return s + strspn(s, " \n");
}

/* s is to begin with token: what follows it, or NULL. */
static const char *expect(const char *s, const char *token)
{
	return s && !strncmp(s, token, strlen(token)) ? skip(s + strlen(token)) : NULL;
}

/* 'text' without escapes.  What follows it, or NULL. */
static const char *quoted(const char *s, char *out, size_t size)
{
	char quote = *s;
	size_t n;

	if (quote != '\'' && quote != '"')
		return NULL;
	n = strcspn(++s, (char[]){ quote, '\\', 0 });
	if (n >= size || s[n] != quote)
		return NULL;
	memcpy(out, s, n);
	out[n] = 0;
	return skip(s + n + 1);
}

/* (), (N,), (N, D), ... */
static const char *tuple(const char *s, struct header *h)
{
	s = expect(s, "(");
	while (s && *s != ')') {
		char digits[24];
		size_t n = strspn(s, "0123456789");

		if (!n || n >= sizeof(digits) || h->axes == MAX_AXES)
			return NULL;
		memcpy(digits, s, n);
		digits[n] = 0;
		if (vexfs_parse_u64(digits, &h->shape[h->axes++]))
			return NULL;
		s = skip(s + n);
		if (*s == ',')
			s = skip(s + 1);
		else if (*s != ')' || h->axes == 1)
			return NULL;
	}
	return expect(s, ")");
}

/* The dictionary: these three keys in any order, once each, and nothing else. */
static bool parse(const char *s, struct header *h)
{
	char key[32];

	s = expect(skip(s), "{");
	while (s && *s != '}') {
		s = quoted(s, key, sizeof(key));
		s = expect(s, ":");
		if (!s)
			return false;
		if (!strcmp(key, "descr") && !h->has_descr) {
			h->has_descr = true;
			if (*s == '[') { /* a structured array */
				strcpy(h->descr, "[...]");
				return true;
			}
			s = quoted(s, h->descr, sizeof(h->descr));
		} else if (!strcmp(key, "fortran_order") && !h->has_fortran) {
			h->has_fortran = true;
			h->fortran = !strncmp(s, "True", 4);
			s = expect(s, h->fortran ? "True" : "False");
		} else if (!strcmp(key, "shape") && !h->has_shape) {
			h->has_shape = true;
			s = tuple(s, h);
		} else {
			return false;
		}
		if (s && *s == ',')
			s = skip(s + 1);
		else if (s && *s != '}')
			return false;
	}
	s = expect(s, "}");
	return s && !*s && h->has_descr && h->has_fortran && h->has_shape;
}

/* What the header says must fit what is wanted. */
static int check(struct vexfs_import *im, const struct header *h)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].descr, h->descr))
			break;
	if (i == sizeof(types) / sizeof(types[0]))
		return vexfs_import_complain(
			im, -EBADMSG,
			"its numbers are of type '%s'; save it as array.astype('<f4'), or as <f8 <f2 |u1 |i1 <i4 <i8",
			h->descr);
	im->element = types[i].element;
	if (h->fortran)
		return vexfs_import_complain(
			im, -EBADMSG,
			"it is in Fortran order; save it as numpy.ascontiguousarray(array)");
	if (h->axes != 2 && !(h->axes == 1 && im->dims == 1))
		return vexfs_import_complain(
			im, -EBADMSG,
			"its array has %u ax%ss, not the two of (records, %u); reshape it", h->axes,
			h->axes == 1 ? "i" : "e", im->dims);
	if (h->axes == 2 && h->shape[1] != im->dims)
		return vexfs_import_complain(
			im, -EMSGSIZE, "its vectors have %llu dimensions, the collection has %u",
			h->shape[1], im->dims);
	im->rows = h->shape[0];
	return 0;
}

static int start(struct vexfs_import *im)
{
	unsigned char fixed[12];
	size_t got = fread(fixed, 1, 8, im->file), more;
	struct header h = {};
	__u32 len;
	int err;

	if (got >= 6 && memcmp(fixed, MAGIC, 6))
		return vexfs_import_complain(im, -EBADMSG,
					     "this is not npy: it does not start like one");
	if (got < 8)
		goto truncated;
	if (fixed[6] < 1 || fixed[6] > 3 || fixed[7])
		return vexfs_import_complain(im, -EBADMSG,
					     "it is npy version %u.%u, only 1.0 to 3.0 are known",
					     fixed[6], fixed[7]);
	more = fixed[6] == 1 ? 2 : 4;
	if (fread(fixed + 8, 1, more, im->file) < more)
		goto truncated;
	len = fixed[8] | fixed[9] << 8;
	if (more == 4)
		len |= fixed[10] << 16 | (__u32)fixed[11] << 24;
	if (len >= VEXFS_IMPORT_HEADER)
		return vexfs_import_complain(im, -EBADMSG,
					     "its header claims %u bytes, at most %u are taken",
					     len, VEXFS_IMPORT_HEADER - 1);
	if (fread(im->buf, 1, len, im->file) < len)
		goto truncated;
	im->buf[len] = 0;
	if (strlen(im->buf) != len || !parse(im->buf, &h))
		return vexfs_import_complain(
			im, -EBADMSG,
			"its header is malformed: it must be {'descr': ..., 'fortran_order': ..., 'shape': ...}");
	err = check(im, &h);
	im->bytes = 8 + more + len;
	return err;
truncated:
	return ferror(im->file) ?
		       vexfs_import_complain(im, -EIO, "the header cannot be read") :
		       vexfs_import_complain(im, -EBADMSG, "the file is truncated in its header");
}

static int next(struct vexfs_import *im)
{
	size_t want = im->dims * vexfs_element_bytes(im->element), got;

	if (im->record == im->rows) {
		if (getc(im->file) != EOF)
			return vexfs_import_complain(
				im, -EBADMSG,
				"more bytes follow than its header tells of: %llu records of %zu bytes",
				im->rows, want);
		return ferror(im->file) ?
			       vexfs_import_complain(im, -EIO, "its end cannot be read") :
			       0;
	}
	got = fread(im->buf, 1, want, im->file);
	if (ferror(im->file))
		return vexfs_import_complain(im, -EIO, "record %llu cannot be read", im->record);
	if (got < want)
		return vexfs_import_complain(
			im, -EBADMSG,
			"the file is truncated: its header tells of %llu records, record %llu ends after %zu of %zu bytes",
			im->rows, im->record, got, want);
	vexfs_element_read(im->element, im->buf, im->row, im->dims);
	im->bytes += want;
	return 1;
}

/* The number of records is known at the end alone, so the header keeps room for it. */
static int write_header(struct vexfs_export *ex)
{
	char head[HEAD_BYTES + 1];
	int n;

	memcpy(head,
	       MAGIC "\1\0"
		     "\0\0",
	       10);
	head[8] = HEAD_BYTES - 10;
	n = 10 + sprintf(head + 10,
			 "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %u), }",
			 ex->record, ex->dims);
	memset(head + n, ' ', HEAD_BYTES - n - 1);
	head[HEAD_BYTES - 1] = '\n';
	return vexfs_write(ex->file, head, HEAD_BYTES);
}

static int begin(struct vexfs_export *ex)
{
	if (fseeko(ex->file, 0, SEEK_SET))
		return vexfs_export_complain(ex, -errno,
					     "npy needs a file, it cannot go to a pipe");
	return write_header(ex);
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	return vexfs_write_floats(ex->file, r->row, ex->dims);
}

static int finish(struct vexfs_export *ex)
{
	int err;

	if (fseeko(ex->file, 0, SEEK_SET))
		return -errno;
	err = write_header(ex);
	if (!err && fseeko(ex->file, 0, SEEK_END))
		err = -errno;
	return err;
}

const struct vexfs_file_ops vexfs_npy_ops = {
	.name = "npy",
	.extensions = { ".npy" },
	.room = VEXFS_IMPORT_HEADER,
	.start = start,
	.next = next,
	.begin = begin,
	.record = record,
	.finish = finish,
};
