// SPDX-License-Identifier: GPL-2.0
/* See history.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* --- operations --- */

struct op *op_new(enum op_kind kind, __u32 collection, __u32 n, __u32 dims)
{
	struct op *op = must(calloc(1, sizeof(*op)));
	__u32 i;

	op->kind = kind;
	op->collection = collection;
	op->n = n;
	op->dims = dims;
	if (n)
		op->entry = must(calloc(n, sizeof(*op->entry)));
	for (i = 0; i < n; i++)
		op->entry[i] = must(calloc(1, sizeof(**op->entry) + dims * sizeof(float)));
	return op;
}

void op_free(struct op *op)
{
	while (op->n)
		free(op->entry[--op->n]);
	free(op->entry);
	free(op);
}

static const char *const kind_name[OP_KINDS] = {
	"mkdir",    "create",	  "drop",    "file",   "write",	 "unlink", "rename",
	"snapshot", "unsnapshot", "compact", "insert", "delete", "sync",   "sync all",
};

const char *op_text(const struct op *op)
{
	static char text[256];
	const struct entry *e = op->n ? op->entry[0] : NULL;
	int n = snprintf(text, sizeof(text), "c%u %s%s%s%s", op->collection, kind_name[op->kind],
			 op->flags & OP_FLAG_UPSERT ? " upsert" : "",
			 op->flags & OP_FLAG_AUTO_ID ? " auto-id" : "",
			 op->flags & OP_FLAG_BY_KEY ? " by key" : "");

	if (op->kind >= OP_FILE && op->kind <= OP_UNSNAPSHOT)
		n += snprintf(text + n, sizeof(text) - n, " %u", op->name);
	if (op->kind == OP_RENAME)
		n += snprintf(text + n, sizeof(text) - n, " over %u", op->to);
	if (op->kind == OP_CREATE)
		n += snprintf(text + n, sizeof(text) - n, " dims %u metric %u", op->dims,
			      op->metric);
	if (e)
		n += snprintf(text + n, sizeof(text) - n,
			      " %u: id %llu key '%s' n %lld word %u object %u ...", op->n, e->id,
			      e->key, e->number, e->word, e->object);
	if (op->want)
		n += snprintf(text + n, sizeof(text) - n, " -> %s", strerror(-op->want));
	if (op->lost && !op->want)
		snprintf(text + n, sizeof(text) - n, " (lost)");
	return text;
}

void history_print(const struct history *h)
{
	__u32 i;

	for (i = 0; i < h->n; i++)
		printf("# %3u %s\n", i, op_text(h->op[i]));
	printf("# at least %u operations must be there", h->names_kept);
	for (i = 0; i < COLLECTIONS; i++)
		printf(", %u of records of c%u", h->kept[i], i);
	putchar('\n');
}

/* --- contents --- */

static void list_set(const struct entry ***list, __u32 *n, const struct entry **from, __u32 count)
{
	*list = must(calloc(count + 1, sizeof(**list)));
	if (count)
		memcpy(*list, from, count * sizeof(**list));
	*n = count;
}

static void forget_snapshot(struct contents *s, __u32 i)
{
	free(s->snapshot[i].entry);
	memset(&s->snapshot[i], 0, sizeof(s->snapshot[i]));
}

static void forget_records(struct contents *s)
{
	__u32 i;

	free(s->entry);
	s->entry = NULL;
	s->n = 0;
	for (i = 0; i < SNAPSHOTS; i++)
		forget_snapshot(s, i);
}

void contents_free(struct contents *s)
{
	forget_records(s);
}

__u32 contents_file(const struct contents *s, __u32 object)
{
	while (s->file[object].heir)
		object = s->file[object].heir;
	return s->file[object].there ? object : 0;
}

bool contents_stale(const struct contents *s, const struct entry *e)
{
	return s->file[e->object].heir || s->file[e->object].change != e->change;
}

const struct entry *contents_find(const struct contents *s, __u64 id)
{
	__u32 i;

	for (i = s->n; i--;)
		if (s->entry[i]->id == id && contents_sees(s, s->entry[i]))
			return s->entry[i];
	return NULL;
}

const struct entry *contents_find_key(const struct contents *s, const char *key)
{
	__u32 i;

	for (i = s->n; i--;)
		if (!strcmp(s->entry[i]->key, key) && contents_sees(s, s->entry[i]))
			return s->entry[i];
	return NULL;
}

/* --- what an operation does --- */

static void take_out(struct contents *s, const struct entry *e)
{
	__u32 i, kept = 0;

	for (i = 0; i < s->n; i++)
		if (s->entry[i] != e)
			s->entry[kept++] = s->entry[i];
	s->n = kept;
}

/* After what insert() returns nothing of s can be used but by contents_free(). */
static int insert(struct contents *s, const struct op *op, __u32 *bad)
{
	__u32 i;

	s->entry = must(realloc(s->entry, (s->n + op->n + 1) * sizeof(*s->entry)));
	for (i = 0; i < op->n; i++) {
		const struct entry *e = op->entry[i], *old = contents_find(s, e->id),
				   *other = e->key[0] ? contents_find_key(s, e->key) : NULL;

		if ((old || other) && !(op->flags & OP_FLAG_UPSERT)) {
			*bad = i;
			return -EEXIST;
		}
		if (old)
			take_out(s, old);
		if (other)
			take_out(s, other);
		s->entry[s->n++] = e;
	}
	return 0;
}

static int delete (struct contents *s, const struct op *op, __u32 *bad)
{
	__u32 i;

	/* a key that is unknown is said before one that is there twice */
	for (i = 0; i < op->n && op->flags & OP_FLAG_BY_KEY; i++)
		if (!contents_find_key(s, op->entry[i]->key)) {
			*bad = i;
			return -ENOENT;
		}
	for (i = 0; i < op->n; i++) {
		const struct entry *e = op->flags & OP_FLAG_BY_KEY ?
						contents_find_key(s, op->entry[i]->key) :
						contents_find(s, op->entry[i]->id);

		if (!e) {
			*bad = i;
			return -ENOENT;
		}
		take_out(s, e);
	}
	return 0;
}

static int snapshot(struct contents *s, const struct op *op)
{
	__u32 i, kept = 0;

	if (s->snapshot[op->name].used)
		return -EEXIST;
	s->snapshot[op->name].used = true;
	list_set(&s->snapshot[op->name].entry, &s->snapshot[op->name].n, s->entry, s->n);
	for (i = 0; i < s->n; i++)
		if (contents_sees(s, s->entry[i]))
			s->snapshot[op->name].entry[kept++] = s->entry[i];
	s->snapshot[op->name].n = kept;
	return 0;
}

/* number: of op in the history, from 1. */
static int apply(struct contents *s, struct op *op, __u32 number, __u32 *bad)
{
	__u32 i;

	*bad = ~0u;
	if (op->kind != OP_MKDIR && op->kind != OP_SYNC_ALL && !s->dir)
		return -ENOENT;
	if ((op->kind == OP_DROP || op->kind == OP_SNAPSHOT || op->kind == OP_UNSNAPSHOT ||
	     op->kind == OP_COMPACT || op->kind == OP_INSERT || op->kind == OP_DELETE) &&
	    !s->made)
		return -ENODATA;
	switch (op->kind) {
	case OP_MKDIR:
		if (s->dir)
			return -EEXIST;
		s->dir = true;
		return 0;
	case OP_CREATE:
		if (s->made)
			return -EEXIST;
		for (i = 0; i < FILES; i++)
			if (s->object[i])
				return -ENOTEMPTY;
		s->made = number;
		s->dims = op->dims;
		s->metric = op->metric;
		return 0;
	case OP_DROP:
		forget_records(s);
		s->made = 0;
		return 0;
	case OP_FILE:
		if (s->object[op->name])
			return -EEXIST;
		s->object[op->name] = op->object;
		s->file[op->object].there = true;
		return 0;
	case OP_WRITE:
		if (!s->object[op->name])
			return -ENOENT;
		s->file[s->object[op->name]].change++;
		return 0;
	case OP_UNLINK:
		if (!s->object[op->name])
			return -ENOENT;
		s->file[s->object[op->name]].there = false;
		s->object[op->name] = 0;
		return 0;
	case OP_RENAME:
		if (!s->object[op->name])
			return -ENOENT;
		if (op->name == op->to)
			return 0;
		if (s->object[op->to]) {
			s->file[s->object[op->to]].there = false;
			s->file[s->object[op->to]].heir = s->object[op->name];
		}
		s->object[op->to] = s->object[op->name];
		s->object[op->name] = 0;
		return 0;
	case OP_SNAPSHOT:
		return snapshot(s, op);
	case OP_UNSNAPSHOT:
		if (!s->snapshot[op->name].used)
			return -ENOENT;
		forget_snapshot(s, op->name);
		return 0;
	case OP_INSERT:
		return insert(s, op, bad);
	case OP_DELETE:
		return delete (s, op, bad);
	default:
		return 0;
	}
}

/* --- histories --- */

static bool is_of_records(const struct op *op)
{
	return op->kind == OP_INSERT || op->kind == OP_DELETE;
}

static bool is_wait(const struct op *op)
{
	return op->kind == OP_SYNC || op->kind == OP_SYNC_ALL || op->kind == OP_COMPACT;
}

bool history_state(struct history *h, __u32 c, __u32 names, __u32 records, struct contents *s)
{
	__u32 i, bad, end = names > records ? names : records;

	h->states++;
	memset(s, 0, sizeof(*s));
	for (i = 0; i < end && i < h->n; i++) {
		struct op *op = h->op[i];

		if (op->collection != c || op->lost || is_wait(op) ||
		    i >= (is_of_records(op) ? records : names))
			continue;
		/* the names of another life of the directory lead to other collections */
		if (op->made && op->made != s->made)
			continue;
		/* one is made of all that was acknowledged */
		if (op->kind == OP_SNAPSHOT && records < i)
			return false;
		if (apply(s, op, i + 1, &bad))
			return false;
	}
	return true;
}

static void now(struct history *h, __u32 c)
{
	contents_free(&h->now[c]);
	if (!history_state(h, c, h->n, h->n, &h->now[c])) {
		history_print(h);
		abort();
	}
}

void history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
}

void history_free(struct history *h)
{
	__u32 c;

	while (h->n)
		op_free(h->op[--h->n]);
	for (c = 0; c < COLLECTIONS; c++)
		contents_free(&h->now[c]);
}

void history_add(struct history *h, struct op *op)
{
	struct contents *s = &h->now[op->collection], trial;

	if (h->n == MAX_OPS || h->objects[op->collection] + 2 > MAX_OBJECTS)
		abort();
	if (op->kind > OP_CREATE && op->kind != OP_SYNC && op->kind != OP_SYNC_ALL &&
	    (op->kind < OP_FILE || op->kind > OP_RENAME))
		op->made = s->made;
	if (op->kind == OP_FILE && s->dir && !s->object[op->name])
		op->object = ++h->objects[op->collection];
	h->op[h->n++] = op;
	/* tried on a copy: half of it may be done when it fails */
	history_state(h, op->collection, h->n - 1, h->n - 1, &trial);
	op->want = apply(&trial, op, h->n, &op->bad);
	if (op->want) {
		op->lost = true;
		contents_free(&trial);
	} else {
		contents_free(s);
		*s = trial;
	}
}

void history_fail(struct history *h)
{
	h->op[h->n - 1]->lost = true;
	now(h, h->op[h->n - 1]->collection);
}

void history_unfail(struct history *h)
{
	h->op[h->n - 1]->lost = false;
	now(h, h->op[h->n - 1]->collection);
}

void history_done(struct history *h)
{
	const struct op *op = h->op[h->n - 1];
	__u32 i, c = op->collection;

	if (op->kind == OP_SYNC_ALL) {
		h->names_kept = h->n;
		for (i = 0; i < COLLECTIONS; i++)
			h->kept[i] = h->n;
	}
	if (op->kind == OP_SNAPSHOT) {
		h->kept[c] = h->names_kept = h->n;
	}
	if (op->kind == OP_SYNC) {
		h->kept[c] = h->n;
		/* of the namespace: all that has changed the directory, and so what came before */
		for (i = h->n; i > h->names_kept; i--)
			if (h->op[i - 1]->collection == c && !h->op[i - 1]->lost &&
			    !is_of_records(h->op[i - 1]) && !is_wait(h->op[i - 1]) &&
			    h->op[i - 1]->kind != OP_WRITE) {
				h->names_kept = i;
				break;
			}
	}
}

/* All that there is survives from now on. */
static void keep(struct history *h)
{
	__u32 c;

	h->names_kept = h->n;
	for (c = 0; c < COLLECTIONS; c++) {
		h->kept[c] = h->n;
		now(h, c);
	}
}

void history_back(struct history *h, __u32 n)
{
	__u32 i;

	while (h->n > n)
		op_free(h->op[--h->n]);
	memset(h->objects, 0, sizeof(h->objects));
	for (i = 0; i < n; i++)
		if (h->op[i]->object)
			h->objects[h->op[i]->collection] = h->op[i]->object;
	keep(h);
}

void history_cut(struct history *h, __u32 names, const __u32 records[COLLECTIONS])
{
	__u32 i;

	for (i = 0; i < h->n; i++)
		if (!is_wait(h->op[i]) &&
		    i >= (is_of_records(h->op[i]) ? records[h->op[i]->collection] : names))
			h->op[i]->lost = true;
	keep(h);
}
