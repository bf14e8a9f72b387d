// SPDX-License-Identifier: GPL-2.0
/* The module for Node: records, and searching for them. */
#include "addon.h"

/*
 * (fd, rows, n, ids or null, attributes or null, bytes of keys, their lengths or null, flags,
 *  [descriptors, offsets, lengths] or null)
 */
bool read_insert(napi_env env, struct call *c)
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

int run_insert(struct call *c)
{
	int err = vexfs_insert(c->fd, &c->batch);

	c->bad = err ? c->batch.bad : ~0ULL;
	return err;
}

napi_value result_insert(napi_env env, struct call *c)
{
	const __u64 *ids = c->batch.ids ? c->batch.ids : c->batch.new_ids;

	return array_of(env, napi_biguint64_array, ids, c->batch.n, sizeof(*ids));
}

/* (fd, ids or null, bytes of keys, their lengths or null) */
bool read_delete(napi_env env, struct call *c)
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

int run_delete(struct call *c)
{
	__u64 bad = ~0ULL;
	int err = c->batch.ids ?
			  vexfs_delete(c->fd, c->batch.ids, c->n, &bad) :
			  vexfs_delete_by_key(c->fd, c->bytes, c->lens, c->n, c->length, &bad);

	c->bad = err ? bad : ~0ULL;
	return err;
}

/* (fd, id or null, key or null, dims) */
bool read_get(napi_env env, struct call *c)
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

int run_get(struct call *c)
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

napi_value result_get(napi_env env, struct call *c)
{
	napi_value v = item_of(env, &c->item, c->err ? c->key : NULL, c->err);

	set(env, v, "vector", array_of(env, napi_float32_array, c->row, c->dims, sizeof(float)));
	return v;
}

/* (fd, cursor, epoch, room, dims or 0: no vectors, snapshot or null) */
bool read_list(napi_env env, struct call *c)
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

int run_list(struct call *c)
{
	return vexfs_list(c->fd, &c->page);
}

napi_value result_list(napi_env env, struct call *c)
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
bool read_search(napi_env env, struct call *c)
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

int run_search(struct call *c)
{
	struct vexfs_words words = { .code = code_of, .arg = c };
	int err;

	if (c->text) {
		err = vexfs_info(c->fd, &c->info);
		err = err ? err :
			    vexfs_where_parse(c->text, &c->info, &words,
					      (struct vexfs_where *)c->request.where, c->said,
					      sizeof(c->said));
		if (!c->n) { /* a word could not be looked up */
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
	for (i = 0; i < n; i++) { /* which may be a million */
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

napi_value result_search(napi_env env, struct call *c)
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
