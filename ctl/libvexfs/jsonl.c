// SPDX-License-Identifier: GPL-2.0
/* One JSON object per line; import.h has the members. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <json.h>
#include "libvexfs/file_format.h"

#define MEMBERS "id, key, attrs, file, offset, length and vector"

/* A string of 1 to max bytes without NUL. */
static int get_string(struct vexfs_import *im, const char *name, struct json_object *o, int max,
		      const char **out)
{
	int len;

	if (!json_object_is_type(o, json_type_string))
		return vexfs_import_complain(im, -EBADMSG, "line %llu: \"%.64s\" is not a string",
					     im->line, name);
	len = json_object_get_string_len(o);
	*out = json_object_get_string(o);
	if (len < 1 || len > max)
		return vexfs_import_complain(
			im, -EBADMSG, "line %llu: \"%.64s\" has %d bytes; it has to have 1 to %d",
			im->line, name, len, max);
	if (strlen(*out) != (size_t)len)
		return vexfs_import_complain(im, -EBADMSG, "line %llu: \"%.64s\" has a NUL in it",
					     im->line, name);
	return 0;
}

/*
 * Is it a whole number that fits 64 bits?  json-c 0.16 turns larger ones into the largest, so that
 * one has to stand in the line.
 */
static bool is_whole(const struct vexfs_import *im, struct json_object *o)
{
	if (!json_object_is_type(o, json_type_int))
		return false;
	if (json_object_get_uint64(o) == UINT64_MAX)
		return strstr(im->buf, "18446744073709551615");
	if (json_object_get_int64(o) == INT64_MIN)
		return strstr(im->buf, "-9223372036854775808");
	return true;
}

static int get_u64(struct vexfs_import *im, const char *name, struct json_object *o, __u64 max,
		   __u64 *out)
{
	if (!is_whole(im, o) || (json_object_get_int64(o) < 0 && json_object_get_uint64(o) == 0) ||
	    json_object_get_uint64(o) > max)
		return vexfs_import_complain(im, -EBADMSG,
					     "line %llu: \"%s\" is not a whole number of 0 to %llu",
					     im->line, name, max);
	*out = json_object_get_uint64(o);
	return 0;
}

static int get_attrs(struct vexfs_import *im, struct json_object *o)
{
	struct json_object_iterator i, end;

	if (!json_object_is_type(o, json_type_object))
		return vexfs_import_complain(im, -EBADMSG, "line %llu: \"attrs\" is not an object",
					     im->line);
	i = json_object_iter_begin(o);
	end = json_object_iter_end(o);
	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		struct json_object *v = json_object_iter_peek_value(&i);
		const char *name = json_object_iter_peek_name(&i);
		__typeof__(&im->r.attr[0]) a = &im->r.attr[im->r.attrs];
		int err;

		if (im->r.attrs == VEXFS_MAX_ATTRS)
			return vexfs_import_complain(im, -EBADMSG,
						     "line %llu has more than %d attributes",
						     im->line, VEXFS_MAX_ATTRS);
		a->name = name;
		if (json_object_is_type(v, json_type_string)) {
			err = get_string(im, name, v, VEXFS_MAX_KEY, &a->word);
			if (err)
				return err;
		} else if (is_whole(im, v) && (json_object_get_int64(v) < INT64_MAX ||
					       json_object_get_uint64(v) == INT64_MAX)) {
			a->number = json_object_get_int64(v);
		} else {
			return vexfs_import_complain(
				im, -EBADMSG,
				"line %llu: attribute \"%.64s\" is neither a 64-bit whole number nor a string",
				im->line, name);
		}
		im->r.attrs++;
	}
	return 0;
}

static int get_vector(struct vexfs_import *im, struct json_object *o)
{
	size_t n, i;

	if (!json_object_is_type(o, json_type_array))
		return vexfs_import_complain(im, -EBADMSG, "line %llu: \"vector\" is not an array",
					     im->line);
	n = json_object_array_length(o);
	if (n != im->dims)
		return vexfs_import_complain(im, -EMSGSIZE,
					     "line %llu has %zu dimensions, the collection has %u",
					     im->line, n, im->dims);
	for (i = 0; i < n; i++) {
		struct json_object *v = json_object_array_get_idx(o, i);

		if (!json_object_is_type(v, json_type_double) &&
		    !json_object_is_type(v, json_type_int))
			return vexfs_import_complain(im, -EINVAL,
						     "line %llu, dimension %zu is not a number",
						     im->line, i);
		im->row[i] = json_object_get_double(v);
	}
	return 0;
}

static int get_member(struct vexfs_import *im, const char *name, struct json_object *v)
{
	__u64 len;
	int err;

	if (!strcmp(name, "vector"))
		return get_vector(im, v);
	if (!strcmp(name, "id")) {
		im->r.has_id = true;
		return get_u64(im, name, v, ~0ULL, &im->r.id);
	}
	if (!strcmp(name, "key"))
		return get_string(im, name, v, VEXFS_MAX_KEY, &im->r.key);
	if (!strcmp(name, "attrs"))
		return get_attrs(im, v);
	if (!strcmp(name, "file"))
		return get_string(im, name, v, 4095, &im->r.file);
	if (!strcmp(name, "offset"))
		return get_u64(im, name, v, INT64_MAX, &im->r.file_off);
	if (!strcmp(name, "length")) {
		err = get_u64(im, name, v, ~0U, &len);
		im->r.file_len = err ? 0 : len;
		return err;
	}
	return vexfs_import_complain(im, -EBADMSG,
				     "line %llu: \"%.64s\" is unknown; there are " MEMBERS,
				     im->line, name);
}

static int next(struct vexfs_import *im)
{
	struct json_object_iterator i, end;
	struct json_object *v;
	int ret;

	ret = vexfs_import_line(im);
	if (ret <= 0)
		return ret;
	if (im->object)
		json_object_put(im->object);
	json_tokener_reset(im->tokener);
	im->object = json_tokener_parse_ex(im->tokener, im->buf, strlen(im->buf));
	if (!im->object) {
		enum json_tokener_error e = json_tokener_get_error(im->tokener);

		return vexfs_import_complain(
			im, -EBADMSG, "line %llu is not one whole JSON object: %s at byte %zu",
			im->line,
			e == json_tokener_continue ? "it ends" : json_tokener_error_desc(e),
			json_tokener_get_parse_end(im->tokener));
	}
	if (!json_object_is_type(im->object, json_type_object))
		return vexfs_import_complain(im, -EBADMSG, "line %llu is JSON, but not an object",
					     im->line);
	i = json_object_iter_begin(im->object);
	end = json_object_iter_end(im->object);
	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		ret = get_member(im, json_object_iter_peek_name(&i),
				 json_object_iter_peek_value(&i));
		if (ret)
			return ret;
	}
	if (!json_object_object_get_ex(im->object, "vector", &v))
		return vexfs_import_complain(im, -EBADMSG, "line %llu has no \"vector\"", im->line);
	if (!im->r.file && (json_object_object_get_ex(im->object, "offset", &v) ||
			    json_object_object_get_ex(im->object, "length", &v)))
		return vexfs_import_complain(
			im, -EBADMSG,
			"line %llu has an \"offset\" or \"length\" without a \"file\"", im->line);
	return 1;
}

static int start(struct vexfs_import *im)
{
	if (!im->tokener) /* rewind starts again */
		im->tokener = json_tokener_new_ex(4);
	if (!im->tokener)
		return vexfs_import_complain(im, -ENOMEM, "is too large for the memory");
	json_tokener_set_flags(im->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	return 0;
}

/* Well-formed UTF-8 (Unicode 15, table 3-7)? */
static bool is_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		unsigned char c = *s++;
		int n = c < 0x80	      ? 0 :
			c >= 0xc2 && c < 0xe0 ? 1 :
			(c & 0xf0) == 0xe0    ? 2 :
			c >= 0xf0 && c < 0xf5 ? 3 :
						-1;

		if (n < 0 || (c == 0xe0 && *s < 0xa0) || (c == 0xed && *s > 0x9f) ||
		    (c == 0xf0 && *s < 0x90) || (c == 0xf4 && *s > 0x8f))
			return false;
		for (; n; n--)
			if ((*s++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Print, unless something failed before. */
__attribute__((format(printf, 3, 4))) static void put(struct vexfs_export *ex, int *err,
						      const char *fmt, ...)
{
	va_list ap;

	if (*err)
		return;
	va_start(ap, fmt);
	errno = 0;
	if (vfprintf(ex->file, fmt, ap) < 0)
		*err = errno ? -errno : -EIO;
	va_end(ap);
}

static void put_string(struct vexfs_export *ex, int *err, const char *s)
{
	struct json_object *o;
	const char *text;

	if (*err)
		return;
	if (!is_utf8(s)) {
		*err = vexfs_export_complain(
			ex, -EILSEQ, "record %llu: '%.64s' is not UTF-8, which jsonl has to be",
			ex->record, s);
		return;
	}
	o = json_object_new_string(s);
	text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;
	if (text)
		put(ex, err, "%s", text);
	else
		*err = -ENOMEM;
	json_object_put(o);
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	char number[VEXFS_FLOAT_TEXT];
	int err = 0;
	__u32 i;

	put(ex, &err, "{");
	if (r->has_id)
		put(ex, &err, "\"id\": %llu, ", r->id);
	if (r->key) {
		put(ex, &err, "\"key\": ");
		put_string(ex, &err, r->key);
		put(ex, &err, ", ");
	}
	for (i = 0; i < r->attrs; i++) {
		put(ex, &err, i ? ", " : "\"attrs\": {");
		put_string(ex, &err, r->attr[i].name);
		put(ex, &err, ": ");
		if (r->attr[i].word)
			put_string(ex, &err, r->attr[i].word);
		else
			put(ex, &err, "%lld", r->attr[i].number);
	}
	if (r->attrs)
		put(ex, &err, "}, ");
	if (r->file) {
		put(ex, &err, "\"file\": ");
		put_string(ex, &err, r->file);
		put(ex, &err, ", \"offset\": %llu, \"length\": %u, ", r->file_off, r->file_len);
	}
	put(ex, &err, "\"vector\": [");
	for (i = 0; i < ex->dims; i++)
		put(ex, &err, "%s%s", i ? ", " : "", vexfs_float_text(r->row[i], number));
	put(ex, &err, "]}\n");
	return err;
}

const struct vexfs_file_ops vexfs_jsonl_ops = {
	.name = "jsonl",
	.extensions = { ".jsonl", ".ndjson" },
	.room = 4096,
	.start = start,
	.next = next,
	.record = record,
};
