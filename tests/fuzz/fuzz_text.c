// SPDX-License-Identifier: GPL-2.0
/*
 * What people write: files of words with their vectors, vectors and numbers on a command line,
 * lines of attributes. The first byte: bits 0 to 2 dims, bit 3 no vector of zeros, bit 4 guess what
 * the file is.
 */
#include <errno.h>
#include <math.h>

#include "fuzz.h"

/* A vector as an argument: what is stored is finite, and no more than there is room for. */
static void vector(const char *text)
{
	__u32 bad = ~0u, again = ~0u, i;
	float *v = malloc(3 * sizeof(*v));
	int n = vexfs_parse_vector(text, v, 3, &bad);

	must(n == -EINVAL || n >= 0);
	must(n < 0 || (size_t)n <= strlen(text));
	for (i = 0; n > 0 && i < (__u32)n && i < 3; i++)
		must(isfinite(v[i]));
	must(vexfs_parse_vector(text, v, 0, &again) == n &&
	     again == bad); /* no room: the same count */
	free(v);
}

/* A number: signed and unsigned agree where both take it. */
static void number(const char *text)
{
	__u64 u = 0;
	__s64 s = 0;
	int eu = vexfs_parse_u64(text, &u), es = vexfs_parse_s64(text, &s);

	must(!eu || eu == -EINVAL || eu == -ERANGE);
	must(!es || es == -EINVAL || es == -ERANGE);
	if (!eu && !es)
		must(s >= 0 && (__u64)s == u);
	if (!eu && es)
		must(es == -ERANGE && u > INT64_MAX);
	if (!es && eu)
		must(eu == -EINVAL && *text == '-');
}

static void numbers(const char *text, size_t size)
{
	FILE *f = file_of(text, size);
	__s64 out[VEXFS_MAX_ATTRS];
	char error[64] = "";
	__u64 lines = 0;
	int ret;

	while ((ret = vexfs_import_numbers(f, out, 2, &lines, error, sizeof(error))) > 0)
		must(lines <= size);
	must(!ret || (ret == -EBADMSG && error[0]));
	fclose(f);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	import_all(data + 1, size - 1, *data & 16 ? VEXFS_FILE_GUESS : VEXFS_FILE_TEXT,
		   some_dims(*data & 7), *data & 8);
	numbers((const char *)data + 1, size - 1);
	text = strndup((const char *)data + 1, size - 1);
	vector(text);
	number(text);
	free(text);
	return 0;
}
