// SPDX-License-Identifier: GPL-2.0
/* Lines `word v1 v2 ...`, as GloVe, word2vec and fastText write them; see import.h. */
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

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

static int next(struct vexfs_import *im)
{
	__u32 n = 0;
	char *s;
	int ret;

	do {
		ret = vexfs_import_line(im);
		if (ret <= 0)
			return ret;
	} while (is_header(im));

	s = im->buf;
	im->label = s;
	if (!*s || is_space(*s))
		return vexfs_import_complain(
			im, -EBADMSG,
			"line %llu is empty or starts with a space: the word is missing", im->line);
	while (*s && !is_space(*s))
		s++;
	if (*s)
		*s++ = 0;
	for (s = skip_space(s); *s; s = skip_space(s)) {
		float v;
		char *end;

		if (vexfs_parse_float(s, &end, " \t", &v))
			return vexfs_import_complain(
				im, -EINVAL, "line %llu, number %u is not a finite number: %.32s",
				im->line, n + 1, s);
		if (n < im->dims)
			im->row[n] = v;
		n++;
		s = end;
	}
	if (n != im->dims)
		return vexfs_import_complain(
			im, -EMSGSIZE,
			"line %llu has %u numbers after the word, the collection has %u dimensions",
			im->line, n, im->dims);
	return 1;
}

const struct vexfs_file_ops vexfs_text_ops = {
	.name = "text",
	.extensions = { ".txt", ".vec" },
	.room = 4096,
	.next = next,
};
