// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs: the ioctls as functions, see <vexfs/vexfs.h>.  No state, no lock: each function is one
 * call on the caller's descriptor, which attach.c takes to the kernel or into an image.
 *
 * Who answers may be a vexfs-fuse of somebody else.  Here, once for all callers, is looked at what
 * they index by: counts, lengths, and the ends of names.  -EPROTO.
 */
#include <stdbool.h>
#include <string.h>
#include "libvexfs/call.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int vexfs_create(int fd, const struct vexfs_schema *schema)
{
	struct vexfs_ioc_create c = {
		.size = sizeof(c),
		.dims = schema->dims,
		.element = schema->element ? schema->element : VEXFS_ELEM_F32,
		.metric = schema->metric ? schema->metric : VEXFS_METRIC_L2,
		.attrs = schema->attrs,
	};

	if (schema->attrs > VEXFS_MAX_ATTRS)
		return -EINVAL;
	memcpy(c.attr, schema->attr, schema->attrs * sizeof(c.attr[0]));
	return vexfs_call(fd, VEXFS_IOC_CREATE, &c);
}

int vexfs_drop(int fd)
{
	struct vexfs_ioc_drop d = { .size = sizeof(d) };

	return vexfs_call(fd, VEXFS_IOC_DROP, &d);
}

int vexfs_info(int fd, struct vexfs_ioc_info *info)
{
	__u32 i;
	int err;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	err = vexfs_call(fd, VEXFS_IOC_INFO, info);
	if (!err && info->attrs > VEXFS_MAX_ATTRS)
		err = -EPROTO;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		info->attr[i].name[sizeof(info->attr[i].name) - 1] = 0;
	for (i = 0; i < VEXFS_SLOTS; i++)
		info->bound[i].name[sizeof(info->bound[i].name) - 1] = 0;
	return err;
}

int vexfs_index(int fd)
{
	struct vexfs_ioc_index arg = { .size = sizeof(arg) };

	return vexfs_call(fd, VEXFS_IOC_INDEX, &arg);
}

int vexfs_insert(int fd, struct vexfs_batch *batch)
{
	struct vexfs_ioc_insert i = {
		.size = sizeof(i),
		.n = batch->n,
		.row_bytes = batch->row_bytes,
		.rows = to_u64(batch->rows),
		.ids = to_u64(batch->flags & VEXFS_INSERT_AUTO_ID ? batch->new_ids : batch->ids),
		.attrs = to_u64(batch->attrs),
		.flags = batch->flags,
		.keys = to_u64(batch->key_bytes ? batch->keys : NULL),
		.key_lens = to_u64(batch->key_bytes ? batch->key_lens : NULL),
		.key_bytes = batch->key_bytes,
		.binds = to_u64(batch->binds),
		.bad = ~0ULL,
	};
	int err = vexfs_call(fd, VEXFS_IOC_INSERT, &i);

	batch->seq = i.seq;
	batch->bad = i.bad;
	return err;
}

static int get(int fd, struct vexfs_ioc_get *g, void *row, __u32 row_bytes, struct vexfs_item *item)
{
	int err;

	g->size = sizeof(*g);
	g->row = to_u64(row);
	g->row_bytes = row ? row_bytes : 0;
	err = vexfs_call(fd, VEXFS_IOC_GET, g);
	if (!err && g->item.key_len > VEXFS_MAX_KEY)
		err = -EPROTO;
	if (!err && item)
		*item = g->item;
	return err;
}

int vexfs_get(int fd, __u64 id, void *row, __u32 row_bytes, struct vexfs_item *item)
{
	struct vexfs_ioc_get g = { .id = id };

	return get(fd, &g, row, row_bytes, item);
}

int vexfs_get_by_key(int fd, const char *key, __u32 len, void *row, __u32 row_bytes,
		     struct vexfs_item *item)
{
	struct vexfs_ioc_get g = { .flags = VEXFS_GET_BY_KEY, .key = to_u64(key), .key_len = len };

	return get(fd, &g, row, row_bytes, item);
}

int vexfs_key(int fd, __u64 id, char *key)
{
	struct vexfs_ioc_get g = { .id = id, .key_out = to_u64(key) };
	int err = get(fd, &g, NULL, 0, NULL);

	return err ? err : (int)g.item.key_len;
}

/* Is each key in the bytes that came with it? */
static bool keys_fit(const struct vexfs_item *item, __u32 n, __u32 bytes)
{
	for (; n; item++, n--)
		if (item->key_len > VEXFS_MAX_KEY || item->key_off > bytes ||
		    item->key_len > bytes - item->key_off)
			return false;
	return true;
}

int vexfs_list(int fd, struct vexfs_listing *l)
{
	struct vexfs_ioc_list a = {
		.size = sizeof(a),
		.flags = l->flags,
		.n = l->n,
		.row_bytes = l->rows ? l->row_bytes : 0,
		.cursor = l->cursor,
		.epoch = l->epoch,
		.items = to_u64(l->items),
		.rows = to_u64(l->rows),
		.keys = to_u64(l->keys),
		.key_bytes = l->keys ? l->key_bytes : 0,
	};
	size_t len = l->snapshot ? strlen(l->snapshot) : 0;
	int err;

	if (len >= sizeof(a.snapshot))
		return -ENAMETOOLONG;
	if (l->snapshot && !len)	/* a variable that is not set, say */
		return -ENOENT;
	if (len)
		memcpy(a.snapshot, l->snapshot, len);
	err = vexfs_call(fd, VEXFS_IOC_LIST, &a);
	if (!err && (a.n > l->n || a.key_bytes > (l->keys ? l->key_bytes : 0)))
		err = -EPROTO;
	if (!err && l->keys && !keys_fit(l->items, a.n, a.key_bytes))
		err = -EPROTO;
	if (err)
		return err;
	l->n = a.n;
	l->key_bytes = a.key_bytes;
	l->cursor = a.cursor;
	l->epoch = a.epoch;
	return 0;
}

int vexfs_delete(int fd, const __u64 *ids, __u32 n, __u64 *bad)
{
	struct vexfs_ioc_delete d = {
		.size = sizeof(d),
		.n = n,
		.ids = to_u64(ids),
		.bad = ~0ULL,
	};
	int err = vexfs_call(fd, VEXFS_IOC_DELETE, &d);

	if (bad)
		*bad = d.bad;
	return err;
}

/* Has each query, one of them at least, as many hits as there is room for? */
static bool hits_fit(const struct vexfs_request *r)
{
	__u32 i = r->queries ? r->queries : 1;

	while (i--)
		if (r->answers[i].n > r->k)
			return false;
	return true;
}

int vexfs_search(int fd, const struct vexfs_request *request, struct vexfs_hit *hits,
		 struct vexfs_answer *answer)
{
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.flags = request->flags,
		.k = request->k,
		.vector_bytes = request->vector_bytes,
		.vector = to_u64(request->vector),
		.id = request->id,
		.hits = to_u64(hits),
		.max_visits = request->max_visits,
		.timeout_us = request->timeout_us,
		.queries = request->queries,
		.per_file = request->per_file,
		.answers = to_u64(request->answers),
		.trace = to_u64(request->trace),
		.effort = request->effort,
		.method = request->method,
	};
	int err;

	if (answer)
		memset(answer, 0, sizeof(*answer));
	/* not NaN either */
	if (!(request->recall >= 0 && request->recall <= 1))
		return -EINVAL;
	if (request->recall > 0) {
		s.recall = (__u32)(request->recall * VEXFS_RECALL_ALL + 0.5);
		s.recall += !s.recall;	/* 0 is another word for the default */
	}
	if (request->snapshot) {
		if (strlen(request->snapshot) >= sizeof(s.snapshot))
			return -ENAMETOOLONG;
		if (!*request->snapshot)	/* that is no name: not the present, either */
			return -ENOENT;
		strcpy(s.snapshot, request->snapshot);
	}
	_Static_assert(sizeof(s.arg) == sizeof(request->arg), "arguments of a query");
	memcpy(s.arg, request->arg, sizeof(s.arg));
	if (request->flags & VEXFS_SEARCH_BY_KEY) {
		s.key = to_u64(request->key);
		s.key_len = request->key_len;
	}
	if (request->flags & VEXFS_SEARCH_RANGE)
		memcpy(&s.radius, &request->radius, sizeof(s.radius));
	if (request->where && request->where->n) {
		s.where = to_u64(request->where->node);
		s.where_values = to_u64(request->where->value);
		s.where_nodes = request->where->n;
		s.where_values_n = request->where->values;
	}
	err = vexfs_call(fd, VEXFS_IOC_SEARCH, &s);
	if (!err && s.n > (__u64)request->k * (request->queries ? request->queries : 1))
		err = -EPROTO;
	if (!err && request->answers && !hits_fit(request))
		err = -EPROTO;
	if (err || !answer)
		return err;
	answer->n = s.n;
	answer->truncated = s.truncated;
	answer->rounds = s.rounds;
	answer->restarts = s.restarts;
	answer->visited = s.visited;
	answer->scored = s.scored;
	memcpy(answer->used, s.used, sizeof(s.used));
	memcpy(answer->generation, s.generation, sizeof(s.generation));
	memcpy(answer->strategy, s.strategy, sizeof(s.strategy));
	answer->strategy[sizeof(answer->strategy) - 1] = 0;
	return 0;
}

int vexfs_recall(int fd, __u32 flags, struct vexfs_recall_count *counts, __u32 n)
{
	struct vexfs_ioc_recall r = {
		.size = sizeof(r),
		.flags = flags,
		.n = n,
		.counts = to_u64(counts),
	};
	int err = vexfs_call(fd, VEXFS_IOC_RECALL, &r);

	return err ? err : r.n > n ? (int)n : (int)r.n;
}

int vexfs_delete_by_key(int fd, const char *keys, const __u8 *lens, __u32 n, __u32 bytes,
			__u64 *bad)
{
	struct vexfs_ioc_delete d = {
		.size = sizeof(d),
		.flags = VEXFS_DELETE_BY_KEY,
		.n = n,
		.key_bytes = bytes,
		.keys = to_u64(keys),
		.key_lens = to_u64(lens),
		.bad = ~0ULL,
	};
	int err = vexfs_call(fd, VEXFS_IOC_DELETE, &d);

	if (bad)
		*bad = d.bad;
	return err;
}

int vexfs_use(int fd, __u32 slot, const char *name)
{
	struct vexfs_ioc_use u = { .size = sizeof(u), .slot = slot };
	size_t len = name ? strlen(name) : 0;

	if (len >= sizeof(u.name))
		return -ENAMETOOLONG;
	if (len)
		memcpy(u.name, name, len);
	return vexfs_call(fd, VEXFS_IOC_USE, &u);
}

static const char *const elements[] = {
	[VEXFS_ELEM_F32] = "f32",
	[VEXFS_ELEM_F16] = "f16",
	[VEXFS_ELEM_I8] = "i8",
	[VEXFS_ELEM_BIT] = "bit",
};

static const char *const metrics[] = {
	[VEXFS_METRIC_L2] = "l2",
	[VEXFS_METRIC_COSINE] = "cosine",
	[VEXFS_METRIC_DOT] = "dot",
	[VEXFS_METRIC_HAMMING] = "hamming",
};

static const char *const slots[] = {
	[VEXFS_SLOT_SEARCH] = "search",
	[VEXFS_SLOT_DISTANCE] = "distance",
	[VEXFS_SLOT_FILTER] = "filter",
};

static const char *name_of(const char *const *names, size_t n, __u32 number)
{
	return number < n ? names[number] : NULL;
}

static int number_of(const char *const *names, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -EINVAL;
}

const char *vexfs_element_name(__u32 element)
{
	return name_of(elements, ARRAY_SIZE(elements), element);
}

const char *vexfs_metric_name(__u32 metric)
{
	return name_of(metrics, ARRAY_SIZE(metrics), metric);
}

const char *vexfs_slot_name(__u32 slot)
{
	return name_of(slots, ARRAY_SIZE(slots), slot);
}

struct spelling {
	const char *name;
	int number;
};

/* What other programs and people call it: without case, spaces, - and _. */
static int number_spelt(const struct spelling *s, size_t n, const char *name)
{
	char plain[24];
	size_t len = 0, i;

	for (; *name; name++) {
		if (*name == '_' || *name == '-' || *name == ' ')
			continue;
		if (len == sizeof(plain) - 1)
			return -EINVAL;
		plain[len++] = *name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name;
	}
	plain[len] = 0;
	for (i = 0; i < n; i++)
		if (!strcmp(s[i].name, plain))
			return s[i].number;
	return -EINVAL;
}

int vexfs_element_by_name(const char *name)
{
	static const struct spelling spellings[] = {
		{ "f32", VEXFS_ELEM_F32 },     { "float32", VEXFS_ELEM_F32 },
		{ "fp32", VEXFS_ELEM_F32 },    { "float", VEXFS_ELEM_F32 },
		{ "single", VEXFS_ELEM_F32 },  { "f16", VEXFS_ELEM_F16 },
		{ "float16", VEXFS_ELEM_F16 }, { "fp16", VEXFS_ELEM_F16 },
		{ "half", VEXFS_ELEM_F16 },    { "i8", VEXFS_ELEM_I8 },
		{ "int8", VEXFS_ELEM_I8 },     { "bit", VEXFS_ELEM_BIT },
		{ "binary", VEXFS_ELEM_BIT },
	};

	return number_spelt(spellings, ARRAY_SIZE(spellings), name);
}

int vexfs_metric_by_name(const char *name)
{
	static const struct spelling spellings[] = {
		{ "l2", VEXFS_METRIC_L2 },	    { "euclidean", VEXFS_METRIC_L2 },
		{ "euclid", VEXFS_METRIC_L2 },	    { "l2sq", VEXFS_METRIC_L2 },
		{ "l2squared", VEXFS_METRIC_L2 },   { "squaredl2", VEXFS_METRIC_L2 },
		{ "sqeuclidean", VEXFS_METRIC_L2 }, { "cosine", VEXFS_METRIC_COSINE },
		{ "cos", VEXFS_METRIC_COSINE },	    { "angular", VEXFS_METRIC_COSINE },
		{ "dot", VEXFS_METRIC_DOT },	    { "ip", VEXFS_METRIC_DOT },
		{ "innerproduct", VEXFS_METRIC_DOT }, { "dotproduct", VEXFS_METRIC_DOT },
		{ "hamming", VEXFS_METRIC_HAMMING },
	};

	return number_spelt(spellings, ARRAY_SIZE(spellings), name);
}

int vexfs_slot_by_name(const char *name)
{
	return number_of(slots, ARRAY_SIZE(slots), name);
}
