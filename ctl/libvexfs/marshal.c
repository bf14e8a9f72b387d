// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs: an ioctl in memory that is shared with who answers it, and back.  What there is to know
 * of each ioctl is in one table: where its arrays are, and how long.
 *
 * Of the answer no more is believed than where in our arrays something was written.
 */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <kernel-user.h>
#include <fuse/door.h>
#include <platform/native.h>
#include "libvexfs/call.h"
#include "libvexfs/marshal.h"

#define FIRST_PAGE	4096u		/* nobody's memory is there */
#define LIST_BYTES	(128u << 20)	/* of a page of a listing: items and rows */
#define ROUND		64u		/* where arrays begin */

enum way {
	IN,
	OUT,
	SIZED,				/* a struct, which begins with its size, in and out */
	PER_ATTR,			/* in, an element for each attribute of the collection */
};

/* An array of n * times elements; both are u32 of the struct, by their offset, 0: one. */
struct array {
	__u8 nr;			/* of the ioctl */
	__u8 way;
	__u8 unless, only;		/* flags without, and with which it is looked at */
	__u16 at, n, times;
	__u16 bytes;			/* of an element */
	/* of all; a longer one is refused, or has less written to it */
	__u32 most;
};

#define NR(name)	_IOC_NR(VEXFS_IOC_##name)
#define AT(name, field)	offsetof(struct vexfs_ioc_##name, field)

/* PER_ATTR is the last of its ioctl, so that whoever looks behind it is behind everything. */
static const struct array arrays[] = {
	{ NR(INSERT), IN, .at = AT(insert, rows), .n = AT(insert, n),
	  .times = AT(insert, row_bytes), .bytes = 1, .most = VEXFS_MAX_BATCH_BYTES },
	{ NR(INSERT), IN, .unless = VEXFS_INSERT_AUTO_ID, .at = AT(insert, ids), .n = AT(insert, n),
	  .bytes = 8, .most = VEXFS_MAX_BATCH * 8 },
	{ NR(INSERT), OUT, .only = VEXFS_INSERT_AUTO_ID, .at = AT(insert, ids), .n = AT(insert, n),
	  .bytes = 8, .most = VEXFS_MAX_BATCH * 8 },
	{ NR(INSERT), IN, .at = AT(insert, keys), .n = AT(insert, key_bytes), .bytes = 1,
	  .most = VEXFS_MAX_STRING_BYTES },
	{ NR(INSERT), IN, .at = AT(insert, key_lens), .n = AT(insert, n), .bytes = 1,
	  .most = VEXFS_MAX_BATCH },
	{ NR(INSERT), IN, .at = AT(insert, binds), .n = AT(insert, n),
	  .bytes = sizeof(struct vexfs_bind), .most = VEXFS_MAX_BATCH * sizeof(struct vexfs_bind) },
	{ NR(INSERT), PER_ATTR, .at = AT(insert, attrs), .n = AT(insert, n), .bytes = 8,
	  .most = VEXFS_MAX_BATCH * VEXFS_MAX_ATTRS * 8 },
	{ NR(GET), OUT, .at = AT(get, row), .n = AT(get, row_bytes), .bytes = 1,
	  .most = VEXFS_MAX_DIMS * 4 },
	{ NR(GET), IN, .at = AT(get, key), .n = AT(get, key_len), .bytes = 1,
	  .most = VEXFS_MAX_KEY },
	{ NR(GET), OUT, .at = AT(get, key_out), .bytes = VEXFS_MAX_KEY, .most = VEXFS_MAX_KEY },
	{ NR(DELETE), IN, .unless = VEXFS_DELETE_BY_KEY, .at = AT(delete, ids), .n = AT(delete, n),
	  .bytes = 8, .most = VEXFS_MAX_BATCH * 8 },
	{ NR(DELETE), IN, .at = AT(delete, keys), .n = AT(delete, key_bytes), .bytes = 1,
	  .most = VEXFS_MAX_STRING_BYTES },
	{ NR(DELETE), IN, .at = AT(delete, key_lens), .n = AT(delete, n), .bytes = 1,
	  .most = VEXFS_MAX_BATCH },
	{ NR(SEARCH), IN, .unless = VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BY_KEY,
	  .at = AT(search, vector), .n = AT(search, queries), .times = AT(search, vector_bytes),
	  .bytes = 1, .most = VEXFS_MAX_QUERIES * VEXFS_MAX_DIMS * 4 },
	{ NR(SEARCH), OUT, .at = AT(search, hits), .n = AT(search, queries), .times = AT(search, k),
	  .bytes = sizeof(struct vexfs_hit), .most = VEXFS_MAX_HITS * sizeof(struct vexfs_hit) },
	{ NR(SEARCH), OUT, .at = AT(search, answers), .n = AT(search, queries),
	  .bytes = sizeof(struct vexfs_query_answer),
	  .most = VEXFS_MAX_QUERIES * sizeof(struct vexfs_query_answer) },
	{ NR(SEARCH), IN, .at = AT(search, key), .n = AT(search, key_len), .bytes = 1,
	  .most = VEXFS_MAX_KEY },
	{ NR(SEARCH), IN, .at = AT(search, where), .n = AT(search, where_nodes),
	  .bytes = sizeof(struct vexfs_predicate_node),
	  .most = VEXFS_MAX_PREDICATE * sizeof(struct vexfs_predicate_node) },
	{ NR(SEARCH), IN, .at = AT(search, where_values), .n = AT(search, where_values_n),
	  .bytes = 8, .most = VEXFS_MAX_PREDICATE_VALUES * 8 },
	{ NR(SEARCH), SIZED, .at = AT(search, trace), .bytes = 1,
	  .most = sizeof(struct vexfs_search_trace) },
	{ NR(LIST), OUT, .at = AT(list, items), .n = AT(list, n),
	  .bytes = sizeof(struct vexfs_item), .most = LIST_BYTES },
	{ NR(LIST), OUT, .at = AT(list, rows), .n = AT(list, n), .times = AT(list, row_bytes),
	  .bytes = 1, .most = LIST_BYTES },
	{ NR(LIST), OUT, .at = AT(list, keys), .n = AT(list, key_bytes), .bytes = 1,
	  .most = VEXFS_MAX_STRING_BYTES },
	{ NR(INTERN), IN, .at = AT(intern, words), .n = AT(intern, word_bytes), .bytes = 1,
	  .most = VEXFS_MAX_STRING_BYTES },
	{ NR(INTERN), IN, .at = AT(intern, lens), .n = AT(intern, n), .bytes = 1,
	  .most = VEXFS_MAX_BATCH },
	{ NR(INTERN), OUT, .at = AT(intern, codes), .n = AT(intern, n), .bytes = 8,
	  .most = VEXFS_MAX_BATCH * 8 },
	{ NR(WORDS), OUT, .at = AT(words, words), .n = AT(words, word_bytes), .bytes = 1,
	  .most = VEXFS_MAX_STRING_BYTES },
	{ NR(WORDS), OUT, .at = AT(words, lens), .n = AT(words, n), .bytes = 1,
	  .most = VEXFS_MAX_BATCH },
	{ NR(PATH), OUT, .at = AT(path, path), .n = AT(path, room), .bytes = 1, .most = PATH_MAX },
	{ NR(SNAPSHOTS), OUT, .at = AT(snapshots, snapshots), .n = AT(snapshots, n),
	  .bytes = sizeof(struct vexfs_snapshot_info),
	  .most = VEXFS_MAX_SNAPSHOTS * sizeof(struct vexfs_snapshot_info) },
	{ NR(RECALL), OUT, .at = AT(recall, counts), .n = AT(recall, n),
	  .bytes = sizeof(struct vexfs_recall_count),
	  .most = VEXFS_MAX_RECALLS * sizeof(struct vexfs_recall_count) },
	{ NR(NATIVE), IN, .only = VEXFS_IOC_NATIVE_LOAD, .at = AT(native, file),
	  .n = AT(native, file_bytes), .bytes = 1, .most = VEXFS_NATIVE_MAX_FILE },
	{ NR(NATIVE), IN, .only = VEXFS_IOC_NATIVE_REPLACE, .at = AT(native, file),
	  .n = AT(native, file_bytes), .bytes = 1, .most = VEXFS_NATIVE_MAX_FILE },
	{ NR(NATIVE), OUT, .at = AT(native, list), .n = AT(native, n),
	  .bytes = sizeof(struct vexfs_native),
	  .most = VEXFS_NATIVE_MAX_LIST * sizeof(struct vexfs_native) },
};

static __u32 u32_at(const void *p, size_t at)
{
	__u32 v;

	memcpy(&v, (const char *)p + at, sizeof(v));
	return v;
}

static __u64 *address(struct marshal *m, const struct array *a)
{
	return (__u64 *)(m->copy + a->at);
}

int marshal_begin(struct marshal *m, unsigned long cmd, void *arg)
{
	m->arg = arg;
	m->nr = _IOC_NR(cmd);
	m->size = u32_at(arg, 0);
	m->pieces = 0;
	m->bytes = VEXFS_DOOR_FIRST;
	if (m->size > sizeof(m->copy))
		return -E2BIG;
	if (m->size < 2 * sizeof(__u32))	/* size and flags */
		return -EINVAL;
	memcpy(m->copy, arg, m->size);
	memset(m->copy + m->size, 0, sizeof(m->copy) - m->size);
	memcpy(m->copy, &m->size, sizeof(m->size));
	return 0;
}

__u64 *marshal_binds(struct marshal *m, __u32 *n)
{
	struct vexfs_ioc_insert *i = (void *)m->copy;

	if (m->nr != NR(INSERT) || i->binds < FIRST_PAGE || i->n > VEXFS_MAX_BATCH)
		return NULL;
	*n = i->n;
	return &i->binds;
}

bool marshal_has_attrs(const struct marshal *m)
{
	return m->nr == NR(INSERT) && ((const struct vexfs_ioc_insert *)m->copy)->attrs;
}

/* Behind what there is already.  Where it is. */
static __u32 add(struct marshal *m, void *ours, __u32 bytes, bool in, bool out, __u64 *address)
{
	struct piece *p = &m->piece[m->pieces++];

	*p = (struct piece){
		.ours = ours,
		.at = (m->bytes + ROUND - 1) / ROUND * ROUND,
		.bytes = bytes,
		.in = in,
		.out = out,
		.address = address,
	};
	m->bytes = (__u64)p->at + bytes;
	return p->at;
}

/* The bytes of an array; a search of 0 queries is one of one. */
static __u64 length(const struct marshal *m, const struct array *a, const void *ours, __u32 attrs)
{
	__u64 n = a->n ? u32_at(m->copy, a->n) : 1,
	      times = a->times ? u32_at(m->copy, a->times) : 1;

	if (a->way == SIZED) {
		__u32 size = 0;

		get_user(size, (__u32 *)ours);
		return size < sizeof(size) ? sizeof(size) : size < a->most ? size : a->most;
	}
	if (a->way == PER_ATTR)
		times = attrs;
	if (a->nr == NR(SEARCH) && a->n == AT(search, queries))
		n += !n;
	return n && times > a->most / n ? (__u64)a->most + 1 : n * times * a->bytes;
}

static void add_array(struct marshal *m, const struct array *a, __u32 attrs)
{
	void *ours = (void *)(uintptr_t)*address(m, a);
	__u64 bytes;

	if (!*address(m, a))
		return;
	bytes = (uintptr_t)ours < FIRST_PAGE ? (__u64)a->most + 1 : length(m, a, ours, attrs);
	if (bytes > a->most && (a->way != OUT || (uintptr_t)ours < FIRST_PAGE))
		*address(m, a) = VEXFS_DOOR_NOWHERE;	/* it is too long: who answers says so */
	else
		*address(m, a) = add(m, ours, bytes < a->most ? bytes : a->most, a->way != OUT,
				     a->way == OUT || a->way == SIZED, address(m, a));
}

/* Is it looked at? */
static bool is_used(const struct marshal *m, const struct array *a)
{
	__u32 flags = u32_at(m->copy, sizeof(__u32));

	return a->nr == m->nr && a->at + sizeof(__u64) <= m->size && !(flags & a->unless) &&
	       (flags & a->only) == a->only;
}

/* A page of a listing may hold less than there is room for: as much as has room here. */
static void fit_list(struct vexfs_ioc_list *l)
{
	__u32 most = LIST_BYTES / (sizeof(struct vexfs_item) + (l->rows ? (__u64)l->row_bytes : 0));

	if (l->n > most && l->n <= VEXFS_MAX_BATCH)
		l->n = most ? most : 1;
	if (l->key_bytes > VEXFS_MAX_STRING_BYTES)
		l->key_bytes = VEXFS_MAX_STRING_BYTES;
}

int marshal_lay(struct marshal *m, __u32 attrs, const struct vexfs_pass *pass, __u32 files)
{
	size_t i;

	if (m->nr == NR(LIST))
		fit_list((void *)m->copy);
	add(m, m->copy, m->size, true, true, NULL);
	m->passes = files ? add(m, (void *)pass, files * sizeof(*pass), true, false, NULL) : 0;
	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (is_used(m, &arrays[i]))
			add_array(m, &arrays[i], attrs);
	return m->bytes > VEXFS_DOOR_MAX_MEMORY ? -E2BIG : 0;
}

void marshal_write(struct marshal *m, char *memory)
{
	const struct piece *p;
	__u32 i;

	for (i = m->pieces; i-- > 0;) {		/* the struct is the last */
		p = &m->piece[i];
		if (p->in && copy_from_user(memory + p->at, p->ours, p->bytes) && p->address)
			*p->address = VEXFS_DOOR_NOWHERE;
	}
}

/* What of w is in p.  How much could not be written. */
static size_t read_part(const struct piece *p, const char *memory, const struct vexfs_written *w)
{
	__u64 from = p->at > w->at ? p->at : w->at, end = (__u64)p->at + p->bytes,
	      to = (__u64)w->at + w->bytes;

	if (to > end)
		to = end;
	if (!p->out || from >= to)
		return 0;
	return copy_to_user((char *)p->ours + (from - p->at), memory + from, to - from);
}

int marshal_read(struct marshal *m, const char *memory, const struct vexfs_written *written,
		 __u32 n)
{
	const struct array *a;
	size_t left = 0, k;
	__u32 i, j;

	memcpy(m->copy, m->arg, m->size);
	for (i = 0; i < n; i++)
		for (j = 0; j < m->pieces; j++)
			left += read_part(&m->piece[j], memory, &written[i]);
	/* addresses are the caller's own again */
	for (k = 0; k < sizeof(arrays) / sizeof(arrays[0]); k++) {
		a = &arrays[k];
		if (a->nr == m->nr && a->at + sizeof(__u64) <= m->size)
			memcpy(m->copy + a->at, (const char *)m->arg + a->at, sizeof(__u64));
	}
	memcpy(m->arg, m->copy, m->size);
	return left ? -EFAULT : 0;
}
