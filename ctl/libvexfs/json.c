// SPDX-License-Identifier: GPL-2.0
/* One JSON array of records: they are cut out of it one by one, so that it may be of any length. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

static int next_char(struct vexfs_import *im)
{
	errno = 0;
	return getc_unlocked(im->file);
}

/* The next one that is not white space. */
static int next_token(struct vexfs_import *im)
{
	int c;

	do
		c = next_char(im);
	while (c != EOF && strchr(" \t\r\n", c) && c);
	return c;
}

/* The file ends where it should not, or cannot be read on. */
static int ends(struct vexfs_import *im)
{
	if (ferror(im->file))
		return vexfs_import_unreadable(im, NULL);
	return vexfs_import_complain(im, -EBADMSG, "the array is truncated: it ends in record %llu",
				     im->record);
}

static int start(struct vexfs_import *im)
{
	int err = vexfs_json_start(im), c;
	size_t i;

	if (err)
		return err;
	c = next_token(im);
	for (i = 0; i < strlen(VEXFS_BOM) && c == (unsigned char)VEXFS_BOM[i]; i++)
		c = next_token(im);
	if (ferror(im->file))
		return vexfs_import_unreadable(im, "its start");
	if (c != '[')
		return vexfs_import_complain(im, -EBADMSG, "this is not json: it is not an array");
	return 0;
}

/* The value that begins with c, an object or an array, into im->buf. */
static int read_value(struct vexfs_import *im, int c)
{
	bool quoted = false, escaped = false;
	__u32 depth = 0;
	size_t n = 0;
	int err = 0;

	do {
		if (n + 1 >= im->room)
			err = vexfs_import_grow(im);
		if (err == -ENOMEM)
			return vexfs_import_complain(im, err, "record %llu: out of memory",
						     im->record);
		if (err)
			return vexfs_import_complain(im, -EBADMSG,
						     "record %llu is longer than %u bytes",
						     im->record, VEXFS_IMPORT_LINE - 1);
		if (!c)
			return vexfs_import_complain(
				im, -EBADMSG, "record %llu holds a NUL byte: this is not text",
				im->record);
		im->buf[n++] = c;
		if (quoted) {
			quoted = escaped || c != '"';
			escaped = !escaped && c == '\\';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	} while (depth && (c = next_char(im)) != EOF);
	im->buf[n] = 0;
	return depth ? ends(im) : 0;
}

static int next(struct vexfs_import *im)
{
	int c, err;

	if (im->ended)
		return 0;
	c = next_token(im);
	if (c == ',' && im->record)
		c = next_token(im);
	else if (c != ']' && c != EOF && im->record)
		return vexfs_import_complain(im, -EBADMSG,
					     "a comma or a bracket is missing before record %llu",
					     im->record);
	else if (c == ']') {
		c = next_token(im);
		if (ferror(im->file))
			return vexfs_import_unreadable(im, "its end");
		if (c != EOF)
			return vexfs_import_complain(im, -EBADMSG,
						     "something follows the end of the array");
		im->ended = true;
		return 0;
	}
	if (c == EOF)
		return ends(im);
	if (c != '{' && c != '[')
		return vexfs_import_complain(im, -EBADMSG,
					     "record %llu is neither an object nor an array",
					     im->record);
	err = read_value(im, c);
	return err ? err : vexfs_json_read(im);
}

static int begin(struct vexfs_export *ex)
{
	return vexfs_write(ex->file, "[", 1);
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	int err = vexfs_write(ex->file, ex->record ? ",\n" : "\n", ex->record ? 2 : 1);

	return err ? err : vexfs_json_write(ex, r);
}

static int finish(struct vexfs_export *ex)
{
	return vexfs_write(ex->file, "\n]\n", 3);
}

const struct vexfs_file_ops vexfs_json_ops = {
	.name = "json",
	.extensions = { ".json" },
	.room = 4096,
	.start = start,
	.next = next,
	.begin = begin,
	.record = record,
	.finish = finish,
};
