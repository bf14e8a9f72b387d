// SPDX-License-Identifier: GPL-2.0
/* Parsers of what comes from outside, see import.h. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "libvexfs/import.h"

/* Say what is wrong, return err. */
__attribute__((format(printf, 3, 4)))
static int complain(struct vexfs_import *im, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(im->error, sizeof(im->error), fmt, ap);
	va_end(ap);
	return err;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_space(char *s)
{
	while (is_space(*s))
		s++;
	return s;
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

/* One float at s, up to one of the separators or the end.  Sets *end behind it. */
static int parse_float(const char *s, char **end, const char *separators, float *out)
{
	float v = strtof(s, end);

	if (*end == s || (**end && !strchr(separators, **end)))
		return -EINVAL;
	if (!isfinite(v))		/* also what is too large for a float */
		return -EINVAL;
	*out = v;
	return 0;
}

int vexfs_parse_vector(const char *s, float *out, __u32 max, __u32 *bad)
{
	static const char separators[] = " \t,\r\n";
	__u32 n = 0;

	for (s += strspn(s, separators); *s && n < __INT_MAX__; s += strspn(s, separators)) {
		float v;
		char *end;

		if (parse_float(s, &end, separators, &v)) {
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
 * Read a line into buf without its end (\n or \r\n).  Returns 1, 0 at the end of the file, -E2BIG
 * longer than size, -EILSEQ it holds a NUL, -EIO.
 */
static int read_line(FILE *file, char *buf, size_t size, __u64 *bytes)
{
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		++*bytes;
		if (n + 1 >= size)
			return -E2BIG;
		if (!c)
			return -EILSEQ;
		buf[n++] = c;
	}
	if (ferror(file))
		return -EIO;
	if (c == EOF && !n)
		return 0;
	*bytes += c == '\n';
	if (n && buf[n - 1] == '\r')
		n--;
	buf[n] = 0;
	return 1;
}

/* What it is by its content: fvecs starts with a plausible le32, text with printable characters. */
static int guess(struct vexfs_import *im)
{
	unsigned char head[4096];
	size_t n = fread(head, 1, sizeof(head), im->file), i;
	bool binary = false;
	__le32 d;

	if (ferror(im->file))
		return complain(im, -EIO, "cannot be read");
	rewind(im->file);
	for (i = 0; i < n; i++)		/* UTF-8 in words is text */
		binary |= head[i] < ' ' && !memchr("\t\r\n", head[i], 3);
	if (!binary) {
		im->format = VEXFS_IMPORT_TEXT;
		return 0;
	}
	memcpy(&d, head, n < sizeof(d) ? n : sizeof(d));
	if (n < sizeof(d) || !le32toh(d) || le32toh(d) > VEXFS_MAX_DIMS)
		return complain(im, -ENOEXEC, "is neither fvecs nor text; say which with --format");
	im->format = VEXFS_IMPORT_FVECS;
	return 0;
}

int vexfs_import_open(struct vexfs_import *im, FILE *file, enum vexfs_import_format format,
		      __u32 dims, bool nonzero)
{
	memset(im, 0, sizeof(*im));
	if (!dims || dims > VEXFS_MAX_DIMS)
		return complain(im, -EINVAL, "has to have 1 to %d dimensions", VEXFS_MAX_DIMS);
	im->file = file;
	im->format = format;
	im->dims = dims;
	im->nonzero = nonzero;
	if (format == VEXFS_IMPORT_GUESS) {
		int err = guess(im);

		if (err)
			return err;
	}
	im->row = malloc(dims * sizeof(*im->row));
	if (im->format == VEXFS_IMPORT_TEXT)
		im->buf = malloc(VEXFS_IMPORT_LINE);
	if (!im->row || (im->format == VEXFS_IMPORT_TEXT && !im->buf)) {
		vexfs_import_close(im);
		return complain(im, -ENOMEM, "is too large for the memory");
	}
	return 0;
}

void vexfs_import_close(struct vexfs_import *im)
{
	free(im->row);
	free(im->buf);
	im->row = NULL;
	im->buf = im->label = NULL;
}

int vexfs_import_rewind(struct vexfs_import *im)
{
	im->record = im->line = im->bytes = 0;
	im->label = NULL;
	clearerr(im->file);
	return fseeko(im->file, 0, SEEK_SET) ? -errno : 0;
}

static int next_fvecs(struct vexfs_import *im)
{
	size_t want = im->dims * sizeof(float), got;
	__le32 dims;
	__u32 i;

	got = fread(&dims, 1, sizeof(dims), im->file);
	if (!got && !ferror(im->file))
		return 0;
	if (ferror(im->file))
		return complain(im, -EIO, "record %llu cannot be read", im->record);
	if (got < sizeof(dims))
		return complain(im, -EBADMSG,
				"the file is truncated: record %llu ends after %zu of %zu bytes",
				im->record, got, sizeof(dims) + want);
	if (le32toh(dims) != im->dims) {
		if (!le32toh(dims) || le32toh(dims) > VEXFS_MAX_DIMS)
			return complain(im, -EBADMSG,
					"this is not fvecs: record %llu claims %u dimensions",
					im->record, le32toh(dims));
		return complain(im, -EMSGSIZE,
				"record %llu has %u dimensions, the collection has %u", im->record,
				le32toh(dims), im->dims);
	}
	got = fread(im->row, 1, want, im->file);
	if (ferror(im->file))
		return complain(im, -EIO, "record %llu cannot be read", im->record);
	if (got < want)
		return complain(im, -EBADMSG,
				"the file is truncated: record %llu ends after %zu of %zu bytes",
				im->record, sizeof(dims) + got, sizeof(dims) + want);
	for (i = 0; i < im->dims; i++) {
		__u32 bits;

		memcpy(&bits, &im->row[i], sizeof(bits));
		bits = le32toh(bits);
		memcpy(&im->row[i], &bits, sizeof(bits));
		if (!isfinite(im->row[i]))
			return complain(im, -EINVAL, "record %llu, dimension %u is NaN or infinity",
					im->record, i);
	}
	im->bytes += sizeof(dims) + want;
	return 1;
}

/* Is this the line `records dims` that some tools write first? */
static bool is_header(const struct vexfs_import *im)
{
	unsigned long long records, dims;
	int end = 0;

	if (im->line != 1 || im->dims == 1 || strspn(im->buf, "0123456789 ") != strlen(im->buf))
		return false;
	return sscanf(im->buf, "%19llu %9llu %n", &records, &dims, &end) == 2 && !im->buf[end] &&
	       dims == im->dims;
}

static int next_line(struct vexfs_import *im)
{
	int ret = read_line(im->file, im->buf, VEXFS_IMPORT_LINE, &im->bytes);

	if (!ret)
		return 0;
	im->line++;
	switch (ret) {
	case -E2BIG:
		return complain(im, -EBADMSG, "line %llu is longer than %u bytes", im->line,
				VEXFS_IMPORT_LINE - 1);
	case -EILSEQ:
		return complain(im, -EBADMSG, "line %llu holds a NUL byte: this is not text",
				im->line);
	case -EIO:
		return complain(im, -EIO, "line %llu cannot be read", im->line);
	}
	return 1;
}

static int next_text(struct vexfs_import *im)
{
	__u32 n = 0;
	char *s;
	int ret;

	do {
		ret = next_line(im);
		if (ret <= 0)
			return ret;
	} while (is_header(im));

	s = im->buf;
	im->label = s;
	if (!*s || is_space(*s))
		return complain(im, -EBADMSG,
				"line %llu is empty or starts with a space: the word is missing",
				im->line);
	while (*s && !is_space(*s))
		s++;
	if (*s)
		*s++ = 0;
	for (s = skip_space(s); *s; s = skip_space(s)) {
		float v;
		char *end;

		if (parse_float(s, &end, " \t", &v))
			return complain(im, -EINVAL,
					"line %llu, number %u is not a finite number: %.32s",
					im->line, n + 1, s);
		if (n < im->dims)
			im->row[n] = v;
		n++;
		s = end;
	}
	if (n != im->dims)
		return complain(
			im, -EMSGSIZE,
			"line %llu has %u numbers after the word, the collection has %u dimensions",
			im->line, n, im->dims);
	return 1;
}

int vexfs_import_next(struct vexfs_import *im)
{
	int ret = im->format == VEXFS_IMPORT_FVECS ? next_fvecs(im) : next_text(im);
	__u32 i;

	if (ret <= 0)
		return ret;
	for (i = 0; im->nonzero && im->row[i] == 0; i++)
		if (i + 1 == im->dims)
			return im->format == VEXFS_IMPORT_FVECS ?
				       complain(
					       im, -EDOM,
					       "record %llu is all zeros, which has no direction for cosine",
					       im->record) :
				       complain(
					       im, -EDOM,
					       "line %llu is all zeros, which has no direction for cosine",
					       im->line);
	im->record++;
	return 1;
}

int vexfs_import_numbers(FILE *file, __s64 *out, __u32 n, __u64 *lines, char *error, size_t size)
{
	char buf[VEXFS_MAX_ATTRS * 32], *s, *save;
	__u64 bytes = 0;
	__u32 i = 0;
	int ret = read_line(file, buf, sizeof(buf), &bytes);

	if (!ret)
		return 0;
	++*lines;
	if (ret < 0) {
		snprintf(error, size, ret == -EIO ? "line %llu cannot be read" :
			 "line %llu is too long, or not text", *lines);
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
		snprintf(error, size, "line %llu has %u numbers, the collection has %u attributes",
			 *lines, i, n);
		return -EBADMSG;
	}
	return 1;
}
