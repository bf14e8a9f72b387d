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
#include <fcntl.h>
#include "addon.h"

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
		free(c->memory[--c->memories]); /* there is not room for all of them */
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

#define WORDS 1024u /* of a page */

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
