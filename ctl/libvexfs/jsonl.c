// SPDX-License-Identifier: GPL-2.0
/* A record as a JSON object, and files of one per line; import.h has the members. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <json.h>
#include "libvexfs/file_format.h"
#include "platform/printable.h"

#define MEMBERS "id, key, attrs, file, offset, length and vector"

/* What is wrong with the record that is being read: `place: ...` or `place has ...`. */
#define complain(im, err, fmt, ...) ({					\
	char place_[VEXFS_PLACE];					\
	vexfs_import_complain(im, err, "%s" fmt, vexfs_import_place(im, place_), ##__VA_ARGS__); \
})

/* A string of min to max bytes without NUL. */
static int get_string(struct vexfs_import *im, const char *name, struct json_object *o, int min,
		      int max, const char **out)
{
	int len;

	if (!json_object_is_type(o, json_type_string))
		return complain(im, -EBADMSG, ": \"%.64s\" is not a string", name);
	len = json_object_get_string_len(o);
	*out = json_object_get_string(o);
	if (len < min || len > max)
		return complain(im, -EBADMSG, ": \"%.64s\" has %d bytes; it has to have %d to %d",
				name, len, min, max);
	if (strlen(*out) != (size_t)len)
		return complain(im, -EBADMSG, ": \"%.64s\" has a NUL in it", name);
	return 0;
}

/*
 * A whole number of 64 bits: as one, as 2024.0, or as true and false.  json-c 0.16 turns larger
 * ones into the largest, so that one has to stand in the text.  A double is taken as long as it can
 * be no other number that was rounded.  false: it is none; *negative: *out is to be read as __s64.
 */
static bool get_whole(const struct vexfs_import *im, struct json_object *o, __u64 *out,
		      bool *negative)
{
	double d;

	*negative = false;
	switch (json_object_get_type(o)) {
	case json_type_boolean:
		*out = json_object_get_boolean(o);
		return true;
	case json_type_double:
		d = json_object_get_double(o);
		if (!(d > -0x1p53 && d < 0x1p53) || d != (double)(__s64)d)
			return false;
		*out = (__s64)d;
		*negative = d < 0;
		return true;
	case json_type_int:
		*out = json_object_get_uint64(o);
		if (*out == UINT64_MAX)
			return strstr(im->buf, "18446744073709551615");
		*negative = json_object_get_int64(o) < 0;
		if (*negative)
			*out = json_object_get_int64(o);
		if (*negative && *out == (__u64)INT64_MIN)
			return strstr(im->buf, "-9223372036854775808");
		return true;
	default:
		return false;
	}
}

static int get_u64(struct vexfs_import *im, const char *name, struct json_object *o, __u64 max,
		   __u64 *out)
{
	bool negative;

	if (json_object_is_type(o, json_type_boolean) || !get_whole(im, o, out, &negative) ||
	    negative || *out > max)
		return complain(im, -EBADMSG, ": \"%s\" is not a whole number of 0 to %llu", name,
				max);
	return 0;
}

static int get_attrs(struct vexfs_import *im, struct json_object *o)
{
	struct json_object_iterator i, end;

	if (!json_object_is_type(o, json_type_object))
		return complain(im, -EBADMSG, ": \"attrs\" is not an object");
	i = json_object_iter_begin(o);
	end = json_object_iter_end(o);
	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		struct json_object *v = json_object_iter_peek_value(&i);
		const char *name = json_object_iter_peek_name(&i);
		__typeof__(&im->r.attr[0]) a = &im->r.attr[im->r.attrs];
		bool negative;
		__u64 number;
		int err;

		if (!*name)
			return complain(im, -EBADMSG, ": an attribute has no name");
		if (!v)
			continue;
		if (im->r.attrs == VEXFS_MAX_ATTRS)
			return complain(im, -EBADMSG, " has more than %d attributes",
					VEXFS_MAX_ATTRS);
		a->name = name;
		if (json_object_is_type(v, json_type_string)) {
			err = get_string(im, name, v, 0, VEXFS_MAX_KEY, &a->word);
			if (err)
				return err;
		} else if (get_whole(im, v, &number, &negative) &&
			   (negative || number <= INT64_MAX)) {
			a->number = (__s64)number;
		} else {
			return complain(
				im, -EBADMSG,
				": attribute \"%.64s\" is neither a 64-bit whole number nor a string",
				name);
		}
		im->r.attrs++;
	}
	return 0;
}

static int get_vector(struct vexfs_import *im, struct json_object *o)
{
	size_t n, i;

	if (!json_object_is_type(o, json_type_array))
		return complain(im, -EBADMSG, ": \"vector\" is not an array");
	n = json_object_array_length(o);
	if (n != im->dims)
		return complain(im, -EMSGSIZE, " has %zu dimension%s, the collection has %u", n,
				n == 1 ? "" : "s", im->dims);
	for (i = 0; i < n; i++) {
		struct json_object *v = json_object_array_get_idx(o, i);

		if (!json_object_is_type(v, json_type_double) &&
		    !json_object_is_type(v, json_type_int))
			return complain(im, -EINVAL, ", dimension %zu is not a number", i);
		im->row[i] = json_object_get_double(v);
	}
	return 0;
}

static int get_member(struct vexfs_import *im, const char *name, struct json_object *v)
{
	__u64 len;
	int err;

	if (!strcmp(name, "vector"))
		return 0;		/* last, see vexfs_json_read() */
	if (!strcmp(name, "id")) {
		im->r.has_id = v;
		return v ? get_u64(im, name, v, ~0ULL, &im->r.id) : 0;
	}
	if (!strcmp(name, "key"))
		return v ? get_string(im, name, v, 1, VEXFS_MAX_KEY, &im->r.key) : 0;
	if (!strcmp(name, "attrs"))
		return v ? get_attrs(im, v) : 0;
	if (!strcmp(name, "file"))
		return v ? get_string(im, name, v, 1, 4095, &im->r.file) : 0;
	if (!strcmp(name, "offset"))
		return v ? get_u64(im, name, v, INT64_MAX, &im->r.file_off) : 0;
	if (!strcmp(name, "length")) {
		err = v ? get_u64(im, name, v, ~0U, &len) : 0;
		if (v && !err)
			im->r.file_len = len;
		return err;
	}
	return complain(im, -EBADMSG, ": \"%.64s\" is unknown; there are " MEMBERS, name);
}

/* Of the object, without its vector. */
static int get_members(struct vexfs_import *im)
{
	struct json_object_iterator i = json_object_iter_begin(im->object);
	struct json_object_iterator end = json_object_iter_end(im->object);
	struct json_object *v;
	int err;

	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		err = get_member(im, json_object_iter_peek_name(&i),
				 json_object_iter_peek_value(&i));
		if (err)
			return err;
	}
	if (!im->r.file && ((json_object_object_get_ex(im->object, "offset", &v) && v) ||
			    (json_object_object_get_ex(im->object, "length", &v) && v)))
		return complain(im, -EBADMSG,
				" has an \"offset\" or \"length\" without a \"file\"");
	if (im->r.file_off > INT64_MAX - (__u64)im->r.file_len)
		return complain(im, -EBADMSG,
				": \"offset\" and \"length\" go beyond the largest file");
	return 0;
}

/* Is there a \u0000 in the text?  json-c ends the name of a member there. */
static bool escapes_nul(const char *s)
{
	for (s = strchr(s, '\\'); s && s[1]; s = strchr(s + 2, '\\'))
		if (!strncmp(s + 1, "u0000", 5))
			return true;
	return false;
}

int vexfs_json_read(struct vexfs_import *im)
{
	struct json_object *v;
	int err;

	if (im->object)
		json_object_put(im->object);
	json_tokener_reset(im->tokener);
	im->object = json_tokener_parse_ex(im->tokener, im->buf, strlen(im->buf));
	if (!im->object) {
		enum json_tokener_error e = json_tokener_get_error(im->tokener);

		return complain(im, -EBADMSG, " is not one whole JSON object: %s at byte %zu",
				e == json_tokener_continue ? "it ends" : json_tokener_error_desc(e),
				json_tokener_get_parse_end(im->tokener));
	}
	if (json_object_is_type(im->object, json_type_array)) {
		err = get_vector(im, im->object);
		return err ? err : 1;
	}
	if (!json_object_is_type(im->object, json_type_object))
		return complain(im, -EBADMSG, " is JSON, but neither an object nor an array");
	/* the vector last: what is wrong with it is about this record alone */
	err = get_members(im);
	if (err)
		return err;
	if (escapes_nul(im->buf))	/* of strings that are values it was said */
		return complain(im, -EBADMSG, ": a name has a NUL in it");
	if (!json_object_object_get_ex(im->object, "vector", &v) || !v)
		return complain(im, -EINVAL, " has no \"vector\"");
	err = get_vector(im, v);
	return err ? err : 1;
}

int vexfs_json_start(struct vexfs_import *im)
{
	if (!im->tokener) /* rewind starts again */
		im->tokener = json_tokener_new_ex(4);
	if (!im->tokener)
		return vexfs_import_complain(im, -ENOMEM, "is too large for the memory");
	json_tokener_set_flags(im->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	return 0;
}

static int next(struct vexfs_import *im)
{
	int ret = vexfs_import_line(im);

	return ret <= 0 ? ret : vexfs_json_read(im);
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

/* What could steer a terminal is escaped, so that standard output may be one. */
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
	text = text ? printable_json(text) : NULL;
	if (text && *text == '"')		/* else there was no memory */
		put(ex, err, "%s", text);
	else
		*err = -ENOMEM;
	json_object_put(o);
}

int vexfs_json_write(struct vexfs_export *ex, const struct vexfs_file_record *r)
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
	put(ex, &err, "]}");
	return err;
}

static int record(struct vexfs_export *ex, const struct vexfs_file_record *r)
{
	int err = vexfs_json_write(ex, r);

	put(ex, &err, "\n");
	return err;
}

const struct vexfs_file_ops vexfs_jsonl_ops = {
	.name = "jsonl",
	.extensions = { ".jsonl", ".ndjson" },
	.room = 4096,
	.start = vexfs_json_start,
	.next = next,
	.record = record,
};
