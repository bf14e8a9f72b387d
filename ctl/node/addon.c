// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of <vexfs/vexfs.h> for Node: index.js makes classes of them, and has checked what comes
 * in here, which is looked at again only as far as memory depends on it.
 *
 * A call runs in a thread of libuv's pool and gives a promise.  Its arguments, with the memory of
 * their arrays, are kept until it has ended, and nobody changes them meanwhile: they are copies that
 * index.js has made.  An error has `code` ('ENOENT'), `errno`, and `index` where a record of several
 * is at fault.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <node_api.h>
#include <vexfs/vexfs.h>

#define MAX_ARGUMENTS	10
#define MAX_PATH_BYTES	4096
#define MAX_TEXT_BYTES	(1u << 20)
#define MAX_SAFE	((1ULL << 53) - 1)	/* integers up to here are Numbers */

struct call {
	const struct method *method;
	napi_async_work work;
	napi_deferred deferred;
	napi_ref kept;			/* the arguments */
	napi_value arg[MAX_ARGUMENTS];	/* only while they are read */
	void *memory[6];		/* freed with it */
	unsigned int memories;

	/* for the call */
	int fd, err;
	__u32 n, flags, dims;
	__u64 number, bad;
	char *text, *other;		/* paths and names */
	const void *bytes;
	const __u8 *lens;
	size_t length;
	void *row;
	struct vexfs_item item;
	struct vexfs_batch batch;
	struct vexfs_request request;
	struct vexfs_hit *hits;
	struct vexfs_query_answer *answers;
	struct vexfs_answer answer;
	struct vexfs_listing page;
	struct vexfs_ioc_info info;
	struct vexfs_word_list words;
	struct vexfs_schema schema;
	char key[VEXFS_MAX_KEY];
	char said[512];			/* what is wrong with a condition */
};

/* A function of the module. */
struct method {
	const char *name;
	enum vexfs_op op;		/* for the texts of errors */
	/* In JavaScript's thread: arguments into the call.  False: an exception is on its way. */
	bool (*read)(napi_env env, struct call *c);
	/* In another thread: 0 or more, or a negative errno. */
	int (*run)(struct call *c);
	/* In JavaScript's thread: what the promise becomes; NULL: undefined. */
	napi_value (*result)(napi_env env, struct call *c);
};

/* --- values --- */

static bool wrong(napi_env env, const char *what)
{
	napi_throw_type_error(env, NULL, what);
	return false;
}

static bool is_nothing(napi_env env, napi_value v)
{
	napi_valuetype type;

	return napi_typeof(env, v, &type) != napi_ok || type == napi_undefined || type == napi_null;
}

static void *memory(struct call *c, size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	c->memory[c->memories++] = p;
	return p;
}

static bool no_memory(napi_env env)
{
	napi_throw_error(env, "ENOMEM", "out of memory");
	return false;
}

static bool read_text(napi_env env, struct call *c, napi_value v, char **out)
{
	char *text;
	size_t n;

	if (napi_get_value_string_utf8(env, v, NULL, 0, &n) != napi_ok)
		return wrong(env, "a string is wanted");
	if (n > MAX_TEXT_BYTES)
		return wrong(env, "the string is too long");
	text = memory(c, n + 1);
	if (!text)
		return no_memory(env);
	napi_get_value_string_utf8(env, v, text, n + 1, &n);
	if (!n || strlen(text) != n)
		return wrong(env, n ? "the string has a NUL in it" : "the string is empty");
	*out = text;
	return true;
}

static bool read_int(napi_env env, napi_value v, int *out)
{
	return napi_get_value_int32(env, v, out) == napi_ok || wrong(env, "a number is wanted");
}

static bool read_u32(napi_env env, napi_value v, __u32 *out)
{
	return napi_get_value_uint32(env, v, out) == napi_ok || wrong(env, "a number is wanted");
}

static bool read_u64(napi_env env, napi_value v, __u64 *out)
{
	uint64_t value;
	bool exact;

	if (napi_get_value_bigint_uint64(env, v, &value, &exact) != napi_ok || !exact)
		return wrong(env, "a BigInt of 64 bits is wanted");
	*out = value;
	return true;
}

/* The elements of a typed array; of null there are none. */
static bool read_array(napi_env env, napi_value v, napi_typedarray_type wanted, const void **data,
		       size_t *n)
{
	napi_typedarray_type type;
	void *p;

	*data = NULL;
	*n = 0;
	if (is_nothing(env, v))
		return true;
	if (napi_get_typedarray_info(env, v, &type, n, &p, NULL, NULL) != napi_ok || type != wanted)
		return wrong(env, "an array of another type is wanted");
	*data = p;
	return true;
}

/* Keys or words: their bytes, and a length each; the sum of these is how many bytes there are. */
static bool read_strings(napi_env env, struct call *c, napi_value bytes, napi_value lens)
{
	size_t room, n, i, sum = 0;
	const void *l;

	if (!read_array(env, bytes, napi_uint8_array, &c->bytes, &room) ||
	    !read_array(env, lens, napi_uint8_array, &l, &n))
		return false;
	c->lens = l;
	for (i = 0; i < n; i++)
		sum += c->lens[i];
	if (sum != room || n > VEXFS_MAX_BATCH || sum > VEXFS_MAX_STRING_BYTES)
		return wrong(env, "lengths and bytes do not match");
	c->n = n;
	c->length = sum;
	return true;
}

static napi_value value_of(napi_env env, __u64 number)
{
	napi_value v = NULL;

	if (number <= MAX_SAFE)
		napi_create_double(env, number, &v);
	else
		napi_create_bigint_uint64(env, number, &v);
	return v;
}

static napi_value double_of(napi_env env, double number)
{
	napi_value v = NULL;

	napi_create_double(env, number, &v);
	return v;
}

static napi_value text_of(napi_env env, const char *text, size_t n)
{
	napi_value v = NULL;

	napi_create_string_utf8(env, text, n, &v);
	return v;
}

static napi_value bool_of(napi_env env, bool yes)
{
	napi_value v = NULL;

	napi_get_boolean(env, yes, &v);
	return v;
}

static void set(napi_env env, napi_value object, const char *name, napi_value v)
{
	napi_set_named_property(env, object, name, v);
}

/* A new typed array with these elements. */
static napi_value array_of(napi_env env, napi_typedarray_type type, const void *from, size_t n,
			   size_t bytes)
{
	napi_value buffer, v = NULL;
	void *to;

	if (napi_create_arraybuffer(env, n * bytes, &to, &buffer) != napi_ok)
		return NULL;
	if (n)
		memcpy(to, from, n * bytes);
	napi_create_typedarray(env, type, n, buffer, 0, &v);
	return v;
}

/* --- calls --- */

static void free_call(napi_env env, struct call *c)
{
	if (c->kept)
		napi_delete_reference(env, c->kept);
	if (c->work)
		napi_delete_async_work(env, c->work);
	while (c->memories)
		free(c->memory[--c->memories]);
	free(c);
}

static napi_value error_of(napi_env env, const struct call *c)
{
	const char *code = strerrorname_np(-c->err);
	const char *text = *c->said ? c->said : vexfs_strerror_for(c->method->op, c->err);
	napi_value e, v;

	napi_create_error(env, text_of(env, code ? code : "EIO", NAPI_AUTO_LENGTH),
			  text_of(env, text, NAPI_AUTO_LENGTH), &e);
	napi_create_int32(env, c->err, &v);
	set(env, e, "errno", v);
	set(env, e, "syscall", text_of(env, c->method->name, NAPI_AUTO_LENGTH));
	if (c->bad != ~0ULL)
		set(env, e, "index", value_of(env, c->bad));
	return e;
}

static void execute(napi_env env, void *data)
{
	struct call *c = data;

	(void)env;
	c->err = c->method->run(c);
}

static void complete(napi_env env, napi_status status, void *data)
{
	struct call *c = data;
	napi_value v = NULL;

	if (status == napi_cancelled)
		c->err = -ECANCELED;
	if (c->err < 0) {
		napi_reject_deferred(env, c->deferred, error_of(env, c));
	} else {
		if (c->method->result)
			v = c->method->result(env, c);
		if (!v)
			napi_get_undefined(env, &v);
		napi_resolve_deferred(env, c->deferred, v);
	}
	free_call(env, c);
}

/* What every function of the module is. */
static napi_value start(napi_env env, napi_callback_info info)
{
	napi_value kept, promise = NULL, name;
	struct call *c = calloc(1, sizeof(*c));
	size_t n = MAX_ARGUMENTS, i;
	void *data;

	if (!c) {
		no_memory(env);
		return NULL;
	}
	napi_get_cb_info(env, info, &n, c->arg, NULL, &data);
	c->method = data;
	c->bad = ~0ULL;
	if (!c->method->read(env, c))
		goto failed;
	name = text_of(env, c->method->name, NAPI_AUTO_LENGTH);
	if (napi_create_array(env, &kept) != napi_ok)
		goto failed;
	for (i = 0; i < MAX_ARGUMENTS; i++)
		napi_set_element(env, kept, i, c->arg[i]);
	if (napi_create_reference(env, kept, 1, &c->kept) != napi_ok ||
	    napi_create_async_work(env, NULL, name, execute, complete, c, &c->work) != napi_ok ||
	    napi_create_promise(env, &c->deferred, &promise) != napi_ok)
		goto failed;
	napi_queue_async_work(env, c->work);
	return promise;
failed:
	free_call(env, c);
	return NULL;
}

/* --- images and files --- */

static bool read_path(napi_env env, struct call *c)
{
	return read_text(env, c, c->arg[0], &c->text);
}

/* (path, flags) */
static bool read_path_flags(napi_env env, struct call *c)
{
	return read_path(env, c) && read_u32(env, c->arg[1], &c->flags);
}

/* (path, bytes) */
static bool read_path_bytes(napi_env env, struct call *c)
{
	return read_path(env, c) && read_u64(env, c->arg[1], &c->number);
}

static bool read_fd(napi_env env, struct call *c)
{
	return read_int(env, c->arg[0], &c->fd);
}

static int run_attach(struct call *c)
{
	return vexfs_attach(c->text, c->flags);
}

static int run_create_image(struct call *c)
{
	return vexfs_create_image(c->text, c->number);
}

static int run_detach(struct call *c)
{
	return vexfs_detach(c->text);
}

static int run_mkdir(struct call *c)
{
	return vexfs_mkdir(c->text);
}

static int run_rmdir(struct call *c)
{
	return vexfs_rmdir(c->text);
}

static int run_unlink(struct call *c)
{
	return vexfs_unlink(c->text);
}

static int run_open(struct call *c)
{
	return vexfs_open(c->text);
}

static int run_open_file(struct call *c)
{
	return vexfs_open_file(AT_FDCWD, c->text, c->flags);
}

static napi_value result_number(napi_env env, struct call *c)
{
	return value_of(env, c->err);
}

static int run_close(struct call *c)
{
	return vexfs_close(c->fd);
}

static int run_sync(struct call *c)
{
	return vexfs_sync(c->fd);
}

/* (fd, length, position) */
static bool read_pread(napi_env env, struct call *c)
{
	if (!read_fd(env, c) || !read_u32(env, c->arg[1], &c->n) ||
	    !read_u64(env, c->arg[2], &c->number))
		return false;
	c->row = memory(c, c->n);
	return c->row || no_memory(env);
}

static int run_pread(struct call *c)
{
	return vexfs_pread(c->fd, c->row, c->n, c->number);
}

static napi_value result_pread(napi_env env, struct call *c)
{
	napi_value v = NULL;

	napi_create_buffer_copy(env, c->err, c->row, NULL, &v);
	return v;
}

/* (fd, bytes, position) */
static bool read_pwrite(napi_env env, struct call *c)
{
	return read_fd(env, c) &&
	       read_array(env, c->arg[1], napi_uint8_array, &c->bytes, &c->length) &&
	       read_u64(env, c->arg[2], &c->number);
}

static int run_pwrite(struct call *c)
{
	ssize_t n;

	while (c->length) {
		n = vexfs_pwrite(c->fd, c->bytes, c->length, c->number);
		if (n <= 0)
			return n ? n : -EIO;
		c->bytes = (const char *)c->bytes + n;
		c->length -= n;
		c->number += n;
	}
	return 0;
}

/* --- collections --- */

/* (fd, dims, metric, [name...], Uint32Array of types) */
static bool read_create(napi_env env, struct call *c)
{
	const void *types;
	char *name;
	napi_value v;
	size_t n;
	__u32 i;

	if (!read_fd(env, c) || !read_u32(env, c->arg[1], &c->schema.dims) ||
	    !read_text(env, c, c->arg[2], &c->text) ||
	    !read_array(env, c->arg[4], napi_uint32_array, &types, &n))
		return false;
	if (n > VEXFS_MAX_ATTRS)
		return wrong(env, "there are too many attributes");
	c->schema.metric = vexfs_metric_by_name(c->text);
	c->schema.attrs = n;
	for (i = 0; i < n; i++) {
		if (napi_get_element(env, c->arg[3], i, &v) != napi_ok ||
		    !read_text(env, c, v, &name))
			return false;
		if (strlen(name) >= sizeof(c->schema.attr[i].name))
			return wrong(env, "the name of an attribute is too long");
		strcpy(c->schema.attr[i].name, name);
		c->schema.attr[i].type = ((const __u32 *)types)[i];
		free(c->memory[--c->memories]);	/* there is not room for all of them */
	}
	return true;
}

static int run_create(struct call *c)
{
	if ((int)c->schema.metric < 0)
		return -EINVAL;
	return vexfs_create(c->fd, &c->schema);
}

static int run_drop(struct call *c)
{
	return vexfs_drop(c->fd);
}

static int run_info(struct call *c)
{
	return vexfs_info(c->fd, &c->info);
}

static napi_value result_info(napi_env env, struct call *c)
{
	const struct vexfs_ioc_info *i = &c->info;
	const char *metric = vexfs_metric_name(i->metric);
	napi_value v, attrs, a;
	__u32 n;

	napi_create_object(env, &v);
	set(env, v, "dims", value_of(env, i->dims));
	set(env, v, "metric", text_of(env, metric ? metric : "?", NAPI_AUTO_LENGTH));
	napi_create_array(env, &attrs);
	for (n = 0; n < i->attrs && n < VEXFS_MAX_ATTRS; n++) {
		const struct vexfs_attr *at = &i->attr[n];

		napi_create_object(env, &a);
		set(env, a, "name", text_of(env, at->name, strnlen(at->name, sizeof(at->name))));
		set(env, a, "type",
		    text_of(env, at->type == VEXFS_ATTR_KEYWORD ? "keyword" : "int",
			    NAPI_AUTO_LENGTH));
		napi_set_element(env, attrs, n, a);
	}
	set(env, v, "attrs", attrs);
	set(env, v, "records", value_of(env, i->live));
	set(env, v, "slots", value_of(env, i->count));
	set(env, v, "committed", value_of(env, i->committed));
	set(env, v, "snapshots", value_of(env, i->snapshots));
	set(env, v, "nextId", value_of(env, i->next_id));
	set(env, v, "codes", value_of(env, i->coded));
	set(env, v, "lists", value_of(env, i->lists));
	return v;
}

static int run_index(struct call *c)
{
	return vexfs_index(c->fd);
}

/* (fd, percent) */
static bool read_compact(napi_env env, struct call *c)
{
	return read_fd(env, c) && read_u32(env, c->arg[1], &c->n);
}

static int run_compact(struct call *c)
{
	return vexfs_compact(c->fd, c->n, &c->number, &c->bad);
}

static napi_value result_compact(napi_env env, struct call *c)
{
	napi_value v;

	napi_create_object(env, &v);
	set(env, v, "before", value_of(env, c->number));
	set(env, v, "after", value_of(env, c->bad));
	return v;
}

/* (fd, name) */
static bool read_name(napi_env env, struct call *c)
{
	return read_fd(env, c) && read_text(env, c, c->arg[1], &c->text);
}

static int run_snapshot(struct call *c)
{
	return vexfs_snapshot_create(c->fd, c->text);
}

static int run_delete_snapshot(struct call *c)
{
	return vexfs_snapshot_delete(c->fd, c->text);
}

/* (fd, inode) */
static bool read_file(napi_env env, struct call *c)
{
	if (!read_fd(env, c) || !read_u64(env, c->arg[1], &c->number))
		return false;
	c->text = memory(c, MAX_PATH_BYTES);
	return c->text || no_memory(env);
}

static int run_path(struct call *c)
{
	return vexfs_path(c->fd, c->number, c->text, MAX_PATH_BYTES);
}

static napi_value result_text(napi_env env, struct call *c)
{
	return text_of(env, c->text, NAPI_AUTO_LENGTH);
}

/* --- words --- */

/* (fd, attribute, bytes, lengths, lookup) */
static bool read_intern(napi_env env, struct call *c)
{
	if (!read_fd(env, c) || !read_u32(env, c->arg[1], &c->dims) ||
	    !read_strings(env, c, c->arg[2], c->arg[3]) || !read_u32(env, c->arg[4], &c->flags))
		return false;
	c->row = memory(c, c->n * sizeof(__s64));
	return c->row || no_memory(env);
}

static int run_intern(struct call *c)
{
	c->words.n = c->n;
	c->words.bytes = (char *)c->bytes;
	c->words.lens = (__u8 *)c->lens;
	return vexfs_intern(c->fd, c->dims, &c->words, c->row, c->flags);
}

static napi_value result_intern(napi_env env, struct call *c)
{
	return array_of(env, napi_bigint64_array, c->row, c->n, sizeof(__s64));
}

#define WORDS	1024u			/* of a page */

/* (fd, attribute, first code) */
static bool read_words(napi_env env, struct call *c)
{
	if (!read_fd(env, c) || !read_u32(env, c->arg[1], &c->dims) ||
	    !read_u64(env, c->arg[2], &c->number))
		return false;
	c->words.room = WORDS;
	c->words.byte_room = WORDS * VEXFS_MAX_KEY;
	c->words.bytes = memory(c, c->words.byte_room);
	c->words.lens = memory(c, WORDS);
	return (c->words.bytes && c->words.lens) || no_memory(env);
}

static int run_words(struct call *c)
{
	return vexfs_words(c->fd, c->dims, c->number, &c->words);
}

static napi_value result_words(napi_env env, struct call *c)
{
	const char *at = c->words.bytes;
	napi_value v;
	__u32 i;

	napi_create_array_with_length(env, c->words.n, &v);
	for (i = 0; i < c->words.n; at += c->words.lens[i++])
		napi_set_element(env, v, i, text_of(env, at, c->words.lens[i]));
	return v;
}

/* --- records --- */

/*
 * (fd, rows, n, ids or null, attributes or null, bytes of keys, their lengths or null, flags,
 *  [descriptors, offsets, lengths] or null)
 */
static bool read_insert(napi_env env, struct call *c)
{
	struct vexfs_batch *b = &c->batch;
	const void *rows, *ids, *attrs, *fds = NULL, *offs = NULL, *lens = NULL;
	size_t floats, n_ids, n_attrs, n_binds = 0, n;
	struct vexfs_bind *binds = NULL;
	napi_value v[3];
	__u32 records, i;

	if (!read_fd(env, c) || !read_array(env, c->arg[1], napi_float32_array, &rows, &floats) ||
	    !read_u32(env, c->arg[2], &records) ||
	    !read_array(env, c->arg[3], napi_biguint64_array, &ids, &n_ids) ||
	    !read_array(env, c->arg[4], napi_bigint64_array, &attrs, &n_attrs) ||
	    !read_strings(env, c, c->arg[5], c->arg[6]) || !read_u32(env, c->arg[7], &c->flags))
		return false;
	for (i = 0; i < 3 && !is_nothing(env, c->arg[8]); i++)
		if (napi_get_element(env, c->arg[8], i, &v[i]) != napi_ok)
			return false;
	if (i && (!read_array(env, v[0], napi_int32_array, &fds, &n_binds) || n_binds != records ||
		  !read_array(env, v[1], napi_biguint64_array, &offs, &n) || n != records ||
		  !read_array(env, v[2], napi_uint32_array, &lens, &n) || n != records))
		return wrong(env, "as many files as records are wanted");
	/* as many attributes are read as the collection has: there is room for the most */
	if (!records || floats % records || (ids && n_ids != records) ||
	    (attrs && n_attrs != (size_t)records * VEXFS_MAX_ATTRS) || (c->lens && c->n != records))
		return wrong(env, "arrays of other lengths are wanted");
	b->n = records;
	b->row_bytes = floats / records * sizeof(float);
	b->rows = rows;
	b->ids = ids;
	b->attrs = attrs;
	b->keys = c->bytes;
	b->key_lens = c->lens;
	b->key_bytes = c->length;
	b->flags = (c->flags & VEXFS_INSERT_UPSERT) | (ids ? 0 : VEXFS_INSERT_AUTO_ID);
	b->new_ids = memory(c, records * sizeof(__u64));
	if (!b->new_ids)
		return no_memory(env);
	if (fds) {
		binds = memory(c, records * sizeof(*binds));
		if (!binds)
			return no_memory(env);
		for (i = 0; i < records; i++)
			binds[i] = (struct vexfs_bind){ .fd = ((const __s32 *)fds)[i],
							.off = ((const __u64 *)offs)[i],
							.len = ((const __u32 *)lens)[i] };
		b->binds = binds;
	}
	return true;
}

static int run_insert(struct call *c)
{
	int err = vexfs_insert(c->fd, &c->batch);

	c->bad = err ? c->batch.bad : ~0ULL;
	return err;
}

static napi_value result_insert(napi_env env, struct call *c)
{
	const __u64 *ids = c->batch.ids ? c->batch.ids : c->batch.new_ids;

	return array_of(env, napi_biguint64_array, ids, c->batch.n, sizeof(*ids));
}

/* (fd, ids or null, bytes of keys, their lengths or null) */
static bool read_delete(napi_env env, struct call *c)
{
	const void *ids;
	size_t n;

	if (!read_fd(env, c) || !read_array(env, c->arg[1], napi_biguint64_array, &ids, &n) ||
	    !read_strings(env, c, c->arg[2], c->arg[3]))
		return false;
	if (ids) {
		if (n > VEXFS_MAX_BATCH)
			return wrong(env, "too many ids for one call");
		c->batch.ids = ids;
		c->n = n;
	}
	return true;
}

static int run_delete(struct call *c)
{
	__u64 bad = ~0ULL;
	int err = c->batch.ids ? vexfs_delete(c->fd, c->batch.ids, c->n, &bad) :
				 vexfs_delete_by_key(c->fd, c->bytes, c->lens, c->n, c->length, &bad);

	c->bad = err ? bad : ~0ULL;
	return err;
}

/* (fd, id or null, key or null, dims) */
static bool read_get(napi_env env, struct call *c)
{
	if (!read_fd(env, c) ||
	    !read_array(env, c->arg[2], napi_uint8_array, &c->bytes, &c->length) ||
	    !read_u32(env, c->arg[3], &c->dims))
		return false;
	if (c->dims > VEXFS_MAX_DIMS || c->length > VEXFS_MAX_KEY)
		return wrong(env, "a key or dimensions are too many");
	if (!c->bytes && !read_u64(env, c->arg[1], &c->number))
		return false;
	c->row = memory(c, c->dims * sizeof(float));
	return c->row || no_memory(env);
}

static int run_get(struct call *c)
{
	__u32 bytes = c->dims * sizeof(float);
	int err = c->bytes ? vexfs_get_by_key(c->fd, c->bytes, c->length, c->row, bytes, &c->item) :
			     vexfs_get(c->fd, c->number, c->row, bytes, &c->item);

	if (!err && c->item.flags & VEXFS_ITEM_KEYED)
		err = vexfs_key(c->fd, c->item.id, c->key);
	return err;
}

/* A record, but for its vector; key: NULL, it has none. */
static napi_value item_of(napi_env env, const struct vexfs_item *item, const char *key, size_t len)
{
	napi_value v;

	napi_create_object(env, &v);
	set(env, v, "id", value_of(env, item->id));
	if (key)
		set(env, v, "key", text_of(env, key, len));
	set(env, v, "attrs",
	    array_of(env, napi_bigint64_array, item->attr, VEXFS_MAX_ATTRS, sizeof(__s64)));
	if (item->file) {
		set(env, v, "file", value_of(env, item->file));
		set(env, v, "offset", value_of(env, item->file_off));
		set(env, v, "length", value_of(env, item->file_len));
		set(env, v, "stale", bool_of(env, item->flags & VEXFS_ITEM_STALE));
	}
	return v;
}

static napi_value result_get(napi_env env, struct call *c)
{
	napi_value v = item_of(env, &c->item, c->err ? c->key : NULL, c->err);

	set(env, v, "vector", array_of(env, napi_float32_array, c->row, c->dims, sizeof(float)));
	return v;
}

/* (fd, cursor, epoch, room, dims or 0: no vectors, snapshot or null) */
static bool read_list(napi_env env, struct call *c)
{
	struct vexfs_listing *l = &c->page;

	if (!read_fd(env, c) || !read_u64(env, c->arg[1], &l->cursor) ||
	    !read_u64(env, c->arg[2], &l->epoch) || !read_u32(env, c->arg[3], &l->n) ||
	    !read_u32(env, c->arg[4], &c->dims) ||
	    (!is_nothing(env, c->arg[5]) && !read_text(env, c, c->arg[5], &c->text)))
		return false;
	if (!l->n || l->n > 65536 || c->dims > VEXFS_MAX_DIMS)
		return wrong(env, "a page is too large");
	l->snapshot = c->text;
	l->items = memory(c, l->n * sizeof(*l->items));
	l->key_bytes = l->n * VEXFS_MAX_KEY;
	l->keys = memory(c, l->key_bytes);
	if (c->dims) {
		l->row_bytes = c->dims * sizeof(float);
		l->rows = memory(c, (size_t)l->n * l->row_bytes);
	}
	return (l->items && l->keys && (l->rows || !c->dims)) || no_memory(env);
}

static int run_list(struct call *c)
{
	return vexfs_list(c->fd, &c->page);
}

static napi_value result_list(napi_env env, struct call *c)
{
	const struct vexfs_listing *l = &c->page;
	napi_value v, list, record, number;
	__u32 i;

	napi_create_array_with_length(env, l->n, &list);
	for (i = 0; i < l->n; i++) {
		const struct vexfs_item *item = &l->items[i];
		bool keyed = item->flags & VEXFS_ITEM_KEYED;

		record = item_of(env, item, keyed ? l->keys + item->key_off : NULL, item->key_len);
		if (l->rows)
			set(env, record, "vector",
			    array_of(env, napi_float32_array,
				     (const char *)l->rows + (size_t)i * l->row_bytes, c->dims,
				     sizeof(float)));
		napi_set_element(env, list, i, record);
	}
	napi_create_object(env, &v);
	set(env, v, "records", list);
	napi_create_bigint_uint64(env, l->cursor, &number);
	set(env, v, "cursor", number);
	napi_create_bigint_uint64(env, l->epoch, &number);
	set(env, v, "epoch", number);
	return v;
}

/* --- searching --- */

/*
 * (fd, vectors or null, queries, id or null, key or null, [k, flags, timeout in microseconds, per_file,
 *  effort, method], [radius, recall], slots to visit, condition or null, snapshot or null)
 */
static bool read_search(napi_env env, struct call *c)
{
	struct vexfs_request *r = &c->request;
	const void *rows, *u32s, *doubles;
	size_t floats, n, m;
	__u32 queries;

	if (!read_fd(env, c) || !read_array(env, c->arg[1], napi_float32_array, &rows, &floats) ||
	    !read_u32(env, c->arg[2], &queries) ||
	    !read_array(env, c->arg[4], napi_uint8_array, &c->bytes, &c->length) ||
	    !read_array(env, c->arg[5], napi_uint32_array, &u32s, &n) ||
	    !read_array(env, c->arg[6], napi_float64_array, &doubles, &m) ||
	    !read_u64(env, c->arg[7], &r->max_visits) ||
	    (!is_nothing(env, c->arg[8]) && !read_text(env, c, c->arg[8], &c->text)) ||
	    (!is_nothing(env, c->arg[9]) && !read_text(env, c, c->arg[9], &c->other)))
		return false;
	if (!queries || queries > VEXFS_MAX_QUERIES || n != 6 || m != 2 || floats % queries ||
	    c->length > VEXFS_MAX_KEY)
		return wrong(env, "arrays of other lengths are wanted");
	r->k = ((const __u32 *)u32s)[0];
	r->flags = ((const __u32 *)u32s)[1] & (VEXFS_SEARCH_EXACT | VEXFS_SEARCH_RANGE);
	r->timeout_us = ((const __u32 *)u32s)[2];
	r->per_file = ((const __u32 *)u32s)[3];
	r->effort = ((const __u32 *)u32s)[4];
	r->method = ((const __u32 *)u32s)[5];
	r->radius = ((const double *)doubles)[0];
	r->recall = ((const double *)doubles)[1];
	r->snapshot = c->other;
	if (!r->k || r->k > VEXFS_MAX_RANGE || (__u64)r->k * queries > VEXFS_MAX_HITS)
		return wrong(env, "k is out of range");
	r->vector_bytes = floats / queries * sizeof(float);
	if (rows) {
		r->vector = rows;
		r->queries = queries;
	} else if (c->bytes) {
		r->flags |= VEXFS_SEARCH_BY_KEY;
		r->key = c->bytes;
		r->key_len = c->length;
	} else {
		r->flags |= VEXFS_SEARCH_BY_ID;
		if (!read_u64(env, c->arg[3], &r->id))
			return false;
	}
	c->n = queries;
	c->hits = memory(c, (size_t)queries * r->k * sizeof(*c->hits));
	c->answers = memory(c, queries * sizeof(*c->answers));
	if (c->text)
		r->where = memory(c, sizeof(*r->where));
	r->answers = c->answers;
	return (c->hits && c->answers && (!c->text || r->where)) || no_memory(env);
}

/* The code of a word, for vexfs_where_parse(). */
static __s64 code_of(void *arg, __u32 attr, const char *word)
{
	struct call *c = arg;
	__u8 len = strlen(word);
	struct vexfs_word_list list = { .n = 1, .bytes = (char *)word, .lens = &len };
	__s64 code = 0;
	int err = vexfs_intern(c->fd, attr, &list, &code, VEXFS_INTERN_LOOKUP);

	if (err && c->n) {
		c->n = 0;
		c->err = err;
	}
	return err || !code ? -1 : code;
}

static int run_search(struct call *c)
{
	struct vexfs_words words = { .code = code_of, .arg = c };
	int err;

	if (c->text) {
		err = vexfs_info(c->fd, &c->info);
		err = err ? err :
			    vexfs_where_parse(c->text, &c->info, &words,
					      (struct vexfs_where *)c->request.where, c->said,
					      sizeof(c->said));
		if (!c->n) {		/* a word could not be looked up */
			*c->said = 0;
			return c->err;
		}
		if (err)
			return err;
	}
	return vexfs_search(c->fd, &c->request, c->hits, &c->answer);
}

static napi_value hits_of(napi_env env, const struct vexfs_hit *hits, __u32 n)
{
	napi_handle_scope scope;
	napi_value v, hit;
	__u32 i;

	napi_create_array_with_length(env, n, &v);
	for (i = 0; i < n; i++) {	/* which may be a million */
		napi_open_handle_scope(env, &scope);
		napi_create_object(env, &hit);
		set(env, hit, "id", value_of(env, hits[i].id));
		set(env, hit, "distance", double_of(env, hits[i].distance));
		if (hits[i].file) {
			set(env, hit, "file", value_of(env, hits[i].file));
			set(env, hit, "offset", value_of(env, hits[i].file_off));
			set(env, hit, "length", value_of(env, hits[i].file_len));
			set(env, hit, "stale", bool_of(env, hits[i].flags & VEXFS_ITEM_STALE));
		}
		napi_set_element(env, v, i, hit);
		napi_close_handle_scope(env, scope);
	}
	return v;
}

static napi_value result_search(napi_env env, struct call *c)
{
	napi_value v, one, all;
	__u32 i;

	napi_create_array_with_length(env, c->n, &all);
	for (i = 0; i < c->n; i++) {
		napi_create_object(env, &one);
		set(env, one, "hits",
		    hits_of(env, c->hits + (size_t)i * c->request.k, c->answers[i].n));
		set(env, one, "truncated", value_of(env, c->answers[i].truncated));
		napi_set_element(env, all, i, one);
	}
	napi_create_object(env, &v);
	set(env, v, "queries", all);
	set(env, v, "visited", value_of(env, c->answer.visited));
	set(env, v, "scored", value_of(env, c->answer.scored));
	set(env, v, "strategy",
	    text_of(env, c->answer.strategy,
		    strnlen(c->answer.strategy, sizeof(c->answer.strategy))));
	return v;
}

/* --- the module --- */

static const struct method methods[] = {
	{ "attach", VEXFS_OP_ATTACH, read_path_flags, run_attach },
	{ "createImage", VEXFS_OP_CREATE_IMAGE, read_path_bytes, run_create_image },
	{ "detach", VEXFS_OP_DETACH, read_path, run_detach },
	{ "mkdir", VEXFS_OP_FILE, read_path, run_mkdir },
	{ "rmdir", VEXFS_OP_FILE, read_path, run_rmdir },
	{ "unlink", VEXFS_OP_FILE, read_path, run_unlink },
	{ "openFile", VEXFS_OP_FILE, read_path_flags, run_open_file, result_number },
	{ "pread", VEXFS_OP_FILE, read_pread, run_pread, result_pread },
	{ "pwrite", VEXFS_OP_FILE, read_pwrite, run_pwrite },
	{ "open", VEXFS_OP_OPEN, read_path, run_open, result_number },
	{ "close", VEXFS_OP_OPEN, read_fd, run_close },
	{ "sync", VEXFS_OP_SYNC, read_fd, run_sync },
	{ "create", VEXFS_OP_CREATE, read_create, run_create },
	{ "drop", VEXFS_OP_DROP, read_fd, run_drop },
	{ "info", VEXFS_OP_INFO, read_fd, run_info, result_info },
	{ "index", VEXFS_OP_INDEX, read_fd, run_index },
	{ "compact", VEXFS_OP_COMPACT, read_compact, run_compact, result_compact },
	{ "snapshot", VEXFS_OP_SNAPSHOT, read_name, run_snapshot },
	{ "deleteSnapshot", VEXFS_OP_SNAPSHOT, read_name, run_delete_snapshot },
	{ "path", VEXFS_OP_PATH, read_file, run_path, result_text },
	{ "intern", VEXFS_OP_INTERN, read_intern, run_intern, result_intern },
	{ "words", VEXFS_OP_WORDS, read_words, run_words, result_words },
	{ "insert", VEXFS_OP_INSERT, read_insert, run_insert, result_insert },
	{ "delete", VEXFS_OP_DELETE, read_delete, run_delete },
	{ "get", VEXFS_OP_GET, read_get, run_get, result_get },
	{ "list", VEXFS_OP_LIST, read_list, run_list, result_list },
	{ "search", VEXFS_OP_SEARCH, read_search, run_search, result_search },
};

/* detachNow(path): at the end of the process, where nobody waits for a promise. */
static napi_value detach_now(napi_env env, napi_callback_info info)
{
	struct call c = {};
	napi_value v = NULL;
	size_t n = 1;

	napi_get_cb_info(env, info, &n, c.arg, NULL, NULL);
	if (read_path(env, &c))
		napi_create_int32(env, vexfs_detach(c.text), &v);
	while (c.memories)
		free(c.memory[--c.memories]);
	return v;
}

NAPI_MODULE_INIT()
{
	napi_value f;
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		napi_create_function(env, methods[i].name, NAPI_AUTO_LENGTH, start,
				     (void *)&methods[i], &f);
		set(env, exports, methods[i].name, f);
	}
	napi_create_function(env, "detachNow", NAPI_AUTO_LENGTH, detach_now, NULL, &f);
	set(env, exports, "detachNow", f);
	return exports;
}
