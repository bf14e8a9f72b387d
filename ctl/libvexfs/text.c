// SPDX-License-Identifier: GPL-2.0
/* Lines `word v1 v2 ...`, as GloVe, word2vec and fastText write them; see import.h. */
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Is this the line `records dims` that some tools write first?  2: it is, with other dims. */
static int is_header(const char *s, __u32 want, unsigned long long *records,
		     unsigned long long *dims)
{
	int end = 0;

	if (strspn(s, "0123456789 \t") != strlen(s) ||
	    sscanf(s, "%19llu %9llu %n", records, dims, &end) != 2 || s[end])
		return 0;
	return *dims == want ? 1 : 2;
}

/* Do so many lines follow?  1, 0, or an error that is said. */
static int follow(struct vexfs_import *im, unsigned long long records)
{
	unsigned long long n = 0;
	int ret;

	while ((ret = vexfs_import_line(im)) > 0 && n <= records)
		n++;
	return ret < 0 ? ret : n == records;
}

/* Read the header, if there is one: the next line is a record. */
static int start(struct vexfs_import *im)
{
	unsigned long long records, dims;
	int ret, header = 0;

	ret = vexfs_import_line(im);
	if (ret > 0)
		header = is_header(im->buf, im->dims, &records, &dims);
	if (header == 2 && im->dims > 1)
		return vexfs_import_complain(
			im, -EMSGSIZE,
			"line %llu claims %llu records of %llu dimensions, the collection has %u",
			im->line, records, dims, im->dims);
	/* with one dimension it may be the word 7 and the number 1 */
	if (header == 1 && im->dims == 1)
		ret = header = follow(im, records);
	if (ret < 0)
		return ret;
	im->line = 0;
	errno = 0;
	if (fseeko(im->file, 0, SEEK_SET))
		return vexfs_import_complain(im, -ESPIPE, "cannot be read twice: %s",
					     strerror(errno));
	return header == 1 && vexfs_import_line(im) < 0 ? -EIO : 0;
}

/*
 * The last n fields of a line, without white space at its end.  NULL: it has fewer; *fields says
 * how many.
 */
static char *last_fields(char *s, __u32 n, __u32 *fields)
{
	char *end = s + strlen(s);

	for (*fields = 0; *fields < n; ++*fields) {
		while (end > s && is_space(end[-1]))
			end--;
		if (end == s)
			return NULL;
		while (end > s && !is_space(end[-1]))
			end--;
	}
	return end;
}

/* How many fields there are, and how many of them, at the end, are numbers. */
static __u32 count_fields(const char *s, __u32 *numbers)
{
	__u32 n = 0;

	*numbers = 0;
	for (s += strspn(s, " \t"); *s; s += strspn(s, " \t")) {
		float v;
		char *end;

		n++;
		*numbers = vexfs_parse_float(s, &end, " \t", &v) ? 0 : *numbers + 1;
		s += strcspn(s, " \t");
	}
	return n;
}

/* What a line that is no word with its numbers may be instead, for the end of an error. */
static const char *hint(const char *s)
{
	const char *c;

	s += strspn(s, VEXFS_BLANKS);
	if (*s == '{' || *s == '[')
		return "; it looks like JSON: say --format jsonl or json";
	for (c = strchr(s, ','); c; c = strchr(c + 1, ','))
		if (c > s && strchr("0123456789.", c[-1]) && strchr("+-.0123456789 ", c[1]) && c[1])
			return "; it looks like CSV, which no --format reads: convert it to jsonl";
	return "";
}

/* Cut the line into a word and its numbers, which are returned.  NULL: it is said why not. */
static char *split(struct vexfs_import *im, char *s, int *err)
{
	__u32 fields, numbers;
	size_t len = strlen(s);
	char *at, *end;
	float v;

	while (len && is_space(s[len - 1]))
		s[--len] = 0;
	if (is_space(*s)) {
		*err = vexfs_import_complain(im, -EINVAL,
					     "line %llu starts with a space: the word is missing%s",
					     im->line, hint(s));
		return NULL;
	}
	at = last_fields(s, im->dims, &fields);
	/*
	 * a field before the numbers that is one itself: more numbers than dims, unless it is the
	 * word
	 */
	if (at && at > s) {
		end = at;
		while (end > s && is_space(end[-1]))
			end--;
		*end = 0;
		len = end - s;
		while (end > s && !is_space(end[-1]))
			end--;
		if (end == s || vexfs_parse_float(end, &end, "", &v))
			return at;
		s[len] = ' ';
	}
	fields = count_fields(s, &numbers);
	if (numbers == fields)		/* the first is the word */
		numbers--;
	*err = vexfs_import_complain(
		im, -EMSGSIZE,
		"line %llu has %u number%s after the word, the collection has %u dimension%s%s",
		im->line, numbers, numbers == 1 ? "" : "s", im->dims, im->dims == 1 ? "" : "s",
		hint(s));
	return NULL;
}

static int next(struct vexfs_import *im)
{
	char *s, *end;
	int ret;
	__u32 i;

	ret = vexfs_import_line(im);
	if (ret <= 0)
		return ret;
	im->label = im->buf;
	s = split(im, im->buf, &ret);
	if (!s) {
		im->label[strcspn(im->label, " \t")] = 0;
		return ret;
	}
	for (i = 0; i < im->dims; i++) {
		if (vexfs_parse_float(s, &end, " \t", &im->row[i]))
			return vexfs_import_complain(
				im, -EINVAL, "line %llu, number %u is not a finite number: %.32s%s",
				im->line, i + 1, s, *hint(im->label) ? hint(im->label) : hint(s));
		s = end + strspn(end, " \t");
	}
	return 1;
}

const struct vexfs_file_ops vexfs_text_ops = {
	.name = "text",
	.extensions = { ".txt", ".vec" },
	.room = 4096,
	.start = start,
	.next = next,
};
