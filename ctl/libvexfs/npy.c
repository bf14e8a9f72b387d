// SPDX-License-Identifier: GPL-2.0
/*
 * NumPy's .npy, see "A simple file format for NumPy arrays" (NEP 1) and numpy.lib.format: a magic
 * number, a version, the length of the header, the header (a Python dictionary in ASCII), the
 * numbers.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "libvexfs/file_format.h"

#define MAGIC "\x93NUMPY"
#define HEAD_BYTES 128 /* what is written before the numbers: a multiple of 64 */
#define BLOCK_FLOATS (4u << 20) /* of an array in Fortran order that is read at once, about */

/* Kind and bytes of a type, as they stand behind the byte order. */
static const struct {
	const char *name;
	enum vexfs_element element;
} types[] = {
	{ "f4", VEXFS_F32 }, { "f8", VEXFS_F64 }, { "f2", VEXFS_F16 }, { "i1", VEXFS_I8 },
	{ "i2", VEXFS_I16 }, { "i4", VEXFS_I32 }, { "i8", VEXFS_I64 }, { "u1", VEXFS_U8 },
	{ "u2", VEXFS_U16 }, { "u4", VEXFS_U32 }, { "u8", VEXFS_U64 }, { "b1", VEXFS_BOOL },
};

/* What the dictionary says. */
struct header {
	char descr[32];
	bool fortran;
	__u32 axes;
	__u64 shape[VEXFS_NPY_AXES];
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

/* 2, of Python 2 also 2L, of NumPy 2 also np.int64(2).  What follows it, or NULL. */
static const char *number(const char *s, __u64 *out)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
	bool wrapped = *s >= 'a' && *s <= 'z';
	char digits[24];
	size_t n;

	if (wrapped)
		s = expect(s + strspn(s, name), "(");
	n = s ? strspn(s, "0123456789") : 0;
	if (!n || n >= sizeof(digits))
		return NULL;
	memcpy(digits, s, n);
	digits[n] = 0;
	if (vexfs_parse_u64(digits, out))
		return NULL;
	s += n;
	s = skip(s + (*s == 'L'));
	return wrapped ? expect(s, ")") : s;
}

/* (), (N,), (N, D), ... */
static const char *tuple(const char *s, struct header *h)
{
	s = expect(s, "(");
	while (s && *s != ')') {
		if (h->axes == VEXFS_NPY_AXES)
			return NULL;
		s = number(s, &h->shape[h->axes++]);
		if (!s)
			return NULL;
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

/* What a type that is not read is, in words; "": not known. */
static const char *kind_of(const char *descr)
{
	switch (descr[strspn(descr, "<>=|")]) {
	case '[':
		return " (a structured array)";
	case 'O':
		return " (Python objects)";
	case 'c':
		return " (complex numbers)";
	case 'f':
		return " (floats of another size)";
	case 'S':
	case 'U':
	case 'a':
		return " (strings)";
	case 'V':
		return " (raw bytes; bfloat16 is saved so)";
	case 'M':
	case 'm':
		return " (times)";
	}
	return "";
}

/* "<f4" and so on.  -EINVAL. */
static int type_of(const char *descr, struct vexfs_npy *h)
{
	size_t i;

	strcpy(h->type, descr);
	h->swap = descr[0] == '>' || (descr[0] == '=' && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
	descr += strchr("<>=|", descr[0]) && descr[0];
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!strcmp(types[i].name, descr)) {
			h->element = types[i].element;
			return 0;
		}
	}
	return -EINVAL;
}

int vexfs_npy_header(FILE *file, struct vexfs_npy *out, char *buf, char *error, size_t size)
{
	unsigned char fixed[12];
	size_t got, more;
	struct header h = {};
	__u32 len;

	errno = 0;
	got = fread(fixed, 1, 8, file);
	if (got >= 6 && memcmp(fixed, MAGIC, 6)) {
		snprintf(error, size, "this is not npy: it does not start like one");
		return -EBADMSG;
	}
	if (got < 8)
		goto truncated;
	if (fixed[6] < 1 || fixed[6] > 3 || fixed[7]) {
		snprintf(error, size, "it is npy version %u.%u, only 1.0 to 3.0 are known",
			 fixed[6], fixed[7]);
		return -EBADMSG;
	}
	more = fixed[6] == 1 ? 2 : 4;
	if (fread(fixed + 8, 1, more, file) < more)
		goto truncated;
	len = fixed[8] | fixed[9] << 8;
	if (more == 4)
		len |= fixed[10] << 16 | (__u32)fixed[11] << 24;
	if (len >= VEXFS_IMPORT_HEADER) {
		snprintf(error, size, "its header claims %u bytes, at most %u are taken", len,
			 VEXFS_IMPORT_HEADER - 1);
		return -EBADMSG;
	}
	if (fread(buf, 1, len, file) < len)
		goto truncated;
	buf[len] = 0;
	if (strlen(buf) != len || !parse(buf, &h)) {
		snprintf(error, size,
			 "its header is malformed: it must be {'descr': ..., 'fortran_order': ..., 'shape': ...}");
		return -EBADMSG;
	}
	memset(out, 0, sizeof(*out));
	if (type_of(h.descr, out)) {
		snprintf(error, size,
			 "its numbers are of type '%s'%s; save it as array.astype('<f4'), or as f2 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1",
			 h.descr, kind_of(h.descr));
		return -EBADMSG;
	}
	out->fortran = h.fortran;
	out->axes = h.axes;
	memcpy(out->shape, h.shape, sizeof(h.shape));
	out->data = 8 + more + len;
	return 0;
truncated:
	if (!ferror(file)) {
		snprintf(error, size, "the file is truncated in its header");
		return -EBADMSG;
	}
	snprintf(error, size, "the header cannot be read: %s", strerror(errno));
	return -EIO;
}

/* What the header says must fit what is wanted. */
static int check(struct vexfs_import *im, const struct vexfs_npy *h)
{
	if (h->axes == 1 && (im->dims == 1 || !h->shape[0])) {
		im->rows = h->shape[0];
		return 0;
	}
	if (h->axes == 1 && h->shape[0] == im->dims) {
		im->rows = 1;
		return 0;
	}
	if (h->axes == 2 && !h->shape[0] && !h->shape[1])
		return 0;
	if (h->axes != 2)
		return vexfs_import_complain(
			im, -EBADMSG,
			"its array has %u ax%ss, not the two of (records, %u); reshape it", h->axes,
			h->axes == 1 ? "i" : "e", im->dims);
	if (h->shape[1] != im->dims)
		return vexfs_import_complain(
			im, -EMSGSIZE, "its vectors have %llu dimensions, the collection has %u",
			h->shape[1], im->dims);
	im->rows = h->shape[0];
	return 0;
}

/*
 * Records that are read at once, of an array in Fortran order: so many that im->buf holds a column
 * of them.
 */
static __u32 block_records(const struct vexfs_import *im)
{
	__u32 n = BLOCK_FLOATS / im->dims;

	if (n > VEXFS_IMPORT_HEADER / sizeof(__u64))
		n = VEXFS_IMPORT_HEADER / sizeof(__u64);
	return n < im->rows ? n : im->rows;
}

/*
 * Fortran order: the file holds dimension after dimension, so that records are taken together from
 * dims places.  All of it has to be there, and it has to be possible to go to any place.
 */
static int start_fortran(struct vexfs_import *im)
{
	off_t size;
	__u64 end;

	if (fseeko(im->file, 0, SEEK_END) || (size = ftello(im->file)) < 0)
		return vexfs_import_complain(
			im, -ESPIPE,
			"it is in Fortran order, and can be read from a plain file only; save it as numpy.ascontiguousarray(array)");
	if (__builtin_mul_overflow(im->rows, im->dims * vexfs_element_bytes(im->element), &end) ||
	    __builtin_add_overflow(end, im->data, &end) || end > (__u64)size)
		return vexfs_import_complain(
			im, -EBADMSG, "the file is truncated: its header claims %llu record%s",
			im->rows, im->rows == 1 ? "" : "s");
	if (end < (__u64)size)
		return vexfs_import_complain(
			im, -EBADMSG, "more bytes follow than its header claims: %llu record%s",
			im->rows, im->rows == 1 ? "" : "s");
	im->block_n = 0;
	/* and a column behind them */
	im->block = malloc(((size_t)im->dims + 1) * block_records(im) * sizeof(*im->block));
	return im->block ? 0 : vexfs_import_complain(im, -ENOMEM, "is too large for the memory");
}

/* The next records, as many as fit into a block. */
static int read_block(struct vexfs_import *im)
{
	size_t bytes = vexfs_element_bytes(im->element);
	__u32 n = block_records(im), d, i;
	float *column = im->block + (size_t)n * im->dims;

	if (n > im->rows - im->record)
		n = im->rows - im->record;
	for (d = 0; d < im->dims; d++) {
		errno = 0;
		if (fseeko(im->file, im->data + (d * im->rows + im->record) * bytes, SEEK_SET) ||
		    fread(im->buf, bytes, n, im->file) < n)
			return vexfs_import_unreadable(im, NULL);
		im->rounded |= vexfs_element_read(im->element, im->swap, im->buf, column, n);
		for (i = 0; i < n; i++)
			im->block[(size_t)i * im->dims + d] = column[i];
	}
	im->block_at = im->record;
	im->block_n = n;
	return 0;
}

static int start(struct vexfs_import *im)
{
	char error[sizeof(im->error)];
	struct vexfs_npy h;
	int err;

	err = vexfs_npy_header(im->file, &h, im->buf, error, sizeof(error));
	if (err)
		return vexfs_import_complain(im, err, "%s", error);
	im->element = h.element;
	im->swap = h.swap;
	im->data = h.data;
	strcpy(im->type, h.type);
	free(im->block);
	im->block = NULL;
	err = check(im, &h);
	if (!err && h.fortran && im->rows > 1 && im->dims > 1)
		err = start_fortran(im);
	return err;
}

static int next(struct vexfs_import *im)
{
	int err;

	if (!im->block)
		return vexfs_import_row(im);
	if (im->record == im->rows)	/* start() looked at its size */
		return 0;
	err = im->record - im->block_at >= im->block_n ? read_block(im) : 0;
	if (err)
		return err;
	memcpy(im->row, im->block + (im->record - im->block_at) * im->dims,
	       im->dims * sizeof(*im->row));
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
	return vexfs_export_header(ex, head, HEAD_BYTES);
}

const struct vexfs_file_ops vexfs_npy_ops = {
	.name = "npy",
	.extensions = { ".npy" },
	.room = VEXFS_IMPORT_HEADER,
	.start = start,
	.next = next,
	.begin = write_header,
	.record = vexfs_export_row,
	.finish = write_header,
};
