// SPDX-License-Identifier: GPL-2.0
/* Parsers of what comes from outside, see import.h. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <json.h>
#include "libvexfs/file_format.h"

/* What is quoted from a file must neither end the line nor command the terminal. */
static void say(char *out, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(out, size, fmt, ap);
	for (; *out; out++)
		if ((unsigned char)*out < ' ' || *out == 0x7f)
			*out = '?';
}

int vexfs_import_complain(struct vexfs_import *im, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(im->error, sizeof(im->error), fmt, ap);
	va_end(ap);
	return err;
}

int vexfs_export_complain(struct vexfs_export *ex, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(ex->error, sizeof(ex->error), fmt, ap);
	va_end(ap);
	return err;
}

/* A whole number must start like one: strtoull would take " -1". */
static int check_number(const char *s, bool sign)
{
	if (sign && *s == '-')
		s++;
	return *s >= '0' && *s <= '9' ? 0 : -EINVAL;
}

/* Decimal, or hexadecimal after 0x; a leading zero is no octal. */
static int base_of(const char *s)
{
	if (*s == '-')
		s++;
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
}

int vexfs_parse_u64(const char *s, __u64 *out)
{
	unsigned long long v;
	char *end;

	if (check_number(s, false))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, base_of(s));
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*out = v;
	return 0;
}

int vexfs_parse_s64(const char *s, __s64 *out)
{
	long long v;
	char *end;

	if (check_number(s, true))
		return -EINVAL;
	errno = 0;
	v = strtoll(s, &end, base_of(s));
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*out = v;
	return 0;
}

int vexfs_parse_float(const char *s, char **end, const char *separators, float *out)
{
	float v = strtof(s, end);

	if (*end == s || (**end && !strchr(separators, **end)))
		return -EINVAL;
	if (!isfinite(v)) /* also what is too large for a float */
		return -EINVAL;
	*out = v;
	return 0;
}

int vexfs_parse_vector(const char *s, float *out, __u32 max, __u32 *bad)
{
	static const char separators[] = " \t,\r\n", inside[] = " \t,\r\n]";
	bool list;
	__u32 n = 0;

	s += strspn(s, separators);
	list = *s == '[';
	for (s += list, s += strspn(s, separators); n < __INT_MAX__; s += strspn(s, separators)) {
		float v;
		char *end;

		if (list && *s == ']' && !s[1 + strspn(s + 1, separators)])
			break;
		if (!list && !*s)
			break;
		if (vexfs_parse_float(s, &end, list ? inside : separators, &v)) {
			*bad = n;
			return -EINVAL;
		}
		if (n < max)
			out[n] = v;
		n++;
		s = end;
	}
	return n;
}

/*
 * Read a line into buf, from byte *n of it on, without its end (\n or \r\n).  Returns 1, 0 at the
 * end of the file, -E2BIG size does not do (more room, and it can go on), -EILSEQ it holds a NUL,
 * -EIO.
 */
static int read_line(FILE *file, char *buf, size_t size, size_t *n)
{
	int c;

	errno = 0;
	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (*n + 1 >= size) {
			ungetc(c, file);
			return -E2BIG;
		}
		if (!c)
			return -EILSEQ;
		buf[(*n)++] = c;
	}
	if (ferror(file))
		return -EIO;
	if (c == EOF && !*n)
		return 0;
	if (*n && buf[*n - 1] == '\r')
		--*n;
	buf[*n] = 0;
	return 1;
}

/* The first line of a file: without a byte order mark. */
static void strip_bom(char *line)
{
	if (!strncmp(line, VEXFS_BOM, strlen(VEXFS_BOM)))
		memmove(line, line + strlen(VEXFS_BOM), strlen(line) - strlen(VEXFS_BOM) + 1);
}

static bool is_blank(const char *line)
{
	return !line[strspn(line, VEXFS_BLANKS)];
}

const char *vexfs_import_place(const struct vexfs_import *im, char text[VEXFS_PLACE])
{
	if (im->line)
		snprintf(text, VEXFS_PLACE, "line %llu", im->line);
	else
		snprintf(text, VEXFS_PLACE, "record %llu", im->current);
	return text;
}

int vexfs_import_unreadable(struct vexfs_import *im, const char *what)
{
	char place[VEXFS_PLACE];
	int why = errno;

	return vexfs_import_complain(im, -EIO, "%s cannot be read: %s",
				     what ? what : vexfs_import_place(im, place),
				     why == EBADMSG ? "its gzip data are damaged or cut off" :
						      strerror(why));
}

int vexfs_import_grow(struct vexfs_import *im)
{
	size_t room = im->room * 4 < VEXFS_IMPORT_LINE ? im->room * 4 : VEXFS_IMPORT_LINE;
	char *buf;

	if (im->room >= VEXFS_IMPORT_LINE)
		return -E2BIG;
	buf = realloc(im->buf, room);
	if (!buf)
		return -ENOMEM;
	im->buf = buf;
	im->room = room;
	return 0;
}

int vexfs_import_line(struct vexfs_import *im)
{
	size_t n;
	int ret;

	do {
		n = 0;
		do
			ret = read_line(im->file, im->buf, im->room, &n);
		while (ret == -E2BIG && !(ret = vexfs_import_grow(im)));
		if (!ret)
			return 0;
		im->line++;
		if (ret > 0 && im->line == 1)
			strip_bom(im->buf);
	} while (ret > 0 && is_blank(im->buf));
	switch (ret) {
	case -E2BIG:
		return vexfs_import_complain(im, -EBADMSG, "line %llu is longer than %u bytes",
					     im->line, VEXFS_IMPORT_LINE - 1);
	case -ENOMEM:
		return vexfs_import_complain(im, -ENOMEM, "line %llu: out of memory", im->line);
	case -EILSEQ:
		return vexfs_import_complain(
			im, -EBADMSG, "line %llu holds a NUL byte: this is not text", im->line);
	case -EIO:
		return vexfs_import_unreadable(im, NULL);
	}
	return 1;
}

static const struct vexfs_file_ops *const formats[VEXFS_FILE_FORMATS] = {
	[VEXFS_FILE_FVECS] = &vexfs_fvecs_ops,	 [VEXFS_FILE_BVECS] = &vexfs_bvecs_ops,
	[VEXFS_FILE_IVECS] = &vexfs_ivecs_ops,	 [VEXFS_FILE_FBIN] = &vexfs_fbin_ops,
	[VEXFS_FILE_F16BIN] = &vexfs_f16bin_ops, [VEXFS_FILE_U8BIN] = &vexfs_u8bin_ops,
	[VEXFS_FILE_I8BIN] = &vexfs_i8bin_ops,	 [VEXFS_FILE_IBIN] = &vexfs_ibin_ops,
	[VEXFS_FILE_NPY] = &vexfs_npy_ops,	 [VEXFS_FILE_JSONL] = &vexfs_jsonl_ops,
	[VEXFS_FILE_JSON] = &vexfs_json_ops,	 [VEXFS_FILE_TEXT] = &vexfs_text_ops,
};

const struct vexfs_file_ops *vexfs_file_ops(enum vexfs_file_format format)
{
	return (unsigned int)format < VEXFS_FILE_FORMATS ? formats[format] : NULL;
}

const char *vexfs_file_format_name(enum vexfs_file_format format)
{
	const struct vexfs_file_ops *ops = vexfs_file_ops(format);

	return ops ? ops->name : NULL;
}

int vexfs_file_format_by_name(const char *name)
{
	int f;

	for (f = VEXFS_FILE_GUESS + 1; f < VEXFS_FILE_FORMATS; f++)
		if (!strcmp(formats[f]->name, name))
			return f;
	return -EINVAL;
}

enum vexfs_file_format vexfs_file_format_of(const char *path)
{
	size_t len = strlen(path), i;
	int f;

	if (len > 3 && !strcmp(path + len - 3, ".gz"))
		len -= 3;
	for (f = VEXFS_FILE_GUESS + 1; f < VEXFS_FILE_FORMATS; f++) {
		for (i = 0; i < sizeof(formats[f]->extensions) / sizeof(char *); i++) {
			const char *e = formats[f]->extensions[i];

			if (e && len > strlen(e) && !strncmp(path + len - strlen(e), e, strlen(e)))
				return f;
		}
	}
	return VEXFS_FILE_GUESS;
}

/* Read the header, if there is one. */
static int start(struct vexfs_import *im)
{
	const struct vexfs_file_ops *ops = vexfs_file_ops(im->format);

	return ops->start ? ops->start(im) : 0;
}

int vexfs_import_open(struct vexfs_import *im, FILE *file, enum vexfs_file_format format,
		      __u32 dims, bool nonzero)
{
	int err = 0;

	memset(im, 0, sizeof(*im));
	if (!dims || dims > VEXFS_MAX_DIMS)
		return vexfs_import_complain(im, -EINVAL, "has to have 1 to %d dimensions",
					     VEXFS_MAX_DIMS);
	if ((unsigned int)format >= VEXFS_FILE_FORMATS)
		return vexfs_import_complain(im, -EINVAL, "is of an unknown format");
	im->file = file;
	im->format = format;
	im->dims = dims;
	im->nonzero = nonzero;
	if (format == VEXFS_FILE_GUESS)
		err = vexfs_import_guess(im);
	else if (format == VEXFS_FILE_JSONL || format == VEXFS_FILE_JSON ||
		 format == VEXFS_FILE_TEXT || format == VEXFS_FILE_NPY)
		err = vexfs_import_check_kind(im);
	if (err)
		return err;
	im->room = vexfs_file_ops(im->format)->room;
	if (im->room < dims * 8)
		im->room = dims * 8;
	im->row = malloc(dims * sizeof(*im->row));
	im->buf = malloc(im->room);
	if (!im->row || !im->buf)
		err = vexfs_import_complain(im, -ENOMEM, "is too large for the memory");
	else
		err = start(im);
	if (err)
		vexfs_import_close(im);
	return err;
}

void vexfs_import_close(struct vexfs_import *im)
{
	if (im->object)
		json_object_put(im->object);
	if (im->tokener)
		json_tokener_free(im->tokener);
	free(im->row);
	free(im->block);
	free(im->buf);
	im->block = NULL;
	im->tokener = NULL;
	im->object = NULL;
	im->row = NULL;
	im->buf = im->label = NULL;
	memset(&im->r, 0, sizeof(im->r));
}

int vexfs_import_rewind(struct vexfs_import *im)
{
	im->record = im->current = im->line = 0;
	im->rounded = im->ended = false;
	im->label = NULL;
	clearerr(im->file);
	if (fseeko(im->file, 0, SEEK_SET))
		return vexfs_import_complain(im, -errno, "cannot be read twice: %s",
					     strerror(errno));
	return start(im);
}

bool vexfs_import_skips(int err)
{
	return err == -EMSGSIZE || err == -EINVAL || err == -EDOM;
}

/* Is the row that was read a vector? */
static int check_row(struct vexfs_import *im)
{
	char place[VEXFS_PLACE];
	bool zero = true;
	__u32 i;

	for (i = 0; i < im->dims; i++) {
		if (!isfinite(im->row[i]))
			return vexfs_import_complain(
				im, -EINVAL,
				"%s, dimension %u is NaN or infinity as a 32-bit float",
				vexfs_import_place(im, place), i);
		zero &= im->row[i] == 0;
	}
	if (zero && im->nonzero)
		return vexfs_import_complain(
			im, -EDOM, "%s is all zeros, which has no direction for cosine",
			vexfs_import_place(im, place));
	return 1;
}

int vexfs_import_next(struct vexfs_import *im)
{
	int ret;

	memset(&im->r, 0, sizeof(im->r));
	im->label = NULL;
	im->current = im->record;
	ret = vexfs_file_ops(im->format)->next(im);
	if (ret > 0)
		ret = check_row(im);
	if (ret > 0)
		im->r.row = im->row;
	if (ret > 0 || vexfs_import_skips(ret))
		im->record++;
	return ret;
}

int vexfs_import_numbers(FILE *file, __s64 *out, __u32 n, __u64 *lines, char *error, size_t size)
{
	char buf[VEXFS_MAX_ATTRS * 32], *s, *save;
	__u32 i = 0;
	size_t len;
	int ret;

	do {
		len = 0;
		ret = read_line(file, buf, sizeof(buf), &len);
		if (!ret)
			return 0;
		if (ret > 0 && !*lines)
			strip_bom(buf);
		++*lines;
	} while (ret > 0 && is_blank(buf));
	if (ret < 0) {
		snprintf(error, size,
			 ret == -EIO ? "line %llu cannot be read" :
				       "line %llu is too long, or not text",
			 *lines);
		return ret == -EIO ? -EIO : -EBADMSG;
	}
	for (s = strtok_r(buf, " \t", &save); s; s = strtok_r(NULL, " \t", &save), i++) {
		if (i < n && vexfs_parse_s64(s, &out[i])) {
			snprintf(error, size, "line %llu: '%.32s' is not a 64-bit whole number",
				 *lines, s);
			return -EBADMSG;
		}
	}
	if (i != n) {
		snprintf(error, size,
			 "line %llu has %u number%s, the collection has %u attribute%s", *lines, i,
			 i == 1 ? "" : "s", n, n == 1 ? "" : "s");
		return -EBADMSG;
	}
	return 1;
}
