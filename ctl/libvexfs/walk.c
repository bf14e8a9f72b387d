// SPDX-License-Identifier: GPL-2.0
/* A walk over the records of a collection, see walk.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "libvexfs/walk.h"

#define PAGE_ROWS	(4u << 20)	/* bytes of rows of a page, about */
#define PAGE_ITEMS	4096u
#define END		(~0ULL)		/* the cursor, at the end */

__attribute__((format(printf, 3, 4))) static int complain(struct vexfs_walk *w, int err,
							  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->error, sizeof(w->error), fmt, ap);
	va_end(ap);
	return err;
}

int vexfs_walk_open(struct vexfs_walk *w, int fd, const struct vexfs_ioc_info *info,
		    const char *snapshot, __u32 flags)
{
	__u32 i;

	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->info = *info;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		w->info.attr[i].name[VEXFS_ATTR_NAME_LEN - 1] = 0;
	w->page.flags = flags;
	w->page.snapshot = snapshot;
	w->page.row_bytes = info->row_bytes;
	w->room = PAGE_ROWS / info->row_bytes + 1;
	if (w->room > PAGE_ITEMS)
		w->room = PAGE_ITEMS;
	w->key_room = w->room * VEXFS_MAX_KEY;
	w->page.items = malloc(w->room * sizeof(*w->page.items));
	w->page.rows = malloc((size_t)w->room * info->row_bytes);
	w->page.keys = malloc(w->key_room);
	if (w->page.items && w->page.rows && w->page.keys)
		return 0;
	vexfs_walk_close(w);
	return complain(w, -ENOMEM, "out of memory");
}

void vexfs_walk_close(struct vexfs_walk *w)
{
	vexfs_dictionary_free(&w->words);
	free(w->page.items);
	free(w->page.rows);
	free(w->page.keys);
	memset(&w->page, 0, sizeof(w->page));
	w->item = NULL;
}

static int set_attrs(struct vexfs_walk *w)
{
	__u32 i;
	int err;

	for (i = 0; i < w->info.attrs; i++) {
		__typeof__(&w->r.attr[0]) a = &w->r.attr[w->r.attrs];
		__s64 v = w->item->attr[i];

		a->name = w->info.attr[i].name;
		if (w->info.attr[i].type != VEXFS_ATTR_KEYWORD) {
			a->number = v;
		} else {
			if (!v)
				continue; /* none */
			err = vexfs_dictionary_word(&w->words, w->fd, i, v, &a->word);
			if (err == -ENODATA)
				return complain(w, -EPROTO,
						"record %llu has an unknown word for '%s'",
						w->item->id, a->name);
			if (err)
				return complain(w, err, "%s",
						vexfs_strerror_for(VEXFS_OP_WORDS, err));
		}
		w->r.attrs++;
	}
	return 0;
}

/* The path of the bound file.  1: the record is gone meanwhile, and its file too. */
static int set_file(struct vexfs_walk *w)
{
	int err = 0;

	if (w->file != w->item->file || !w->file) {
		w->file = 0;
		err = vexfs_path(w->fd, w->item->file, w->path, sizeof(w->path));
		if (err == -ENOENT && vexfs_get(w->fd, w->item->id, NULL, 0, NULL) == -ENOENT)
			return 1;
		if (err)
			return complain(w, err, "file of record %llu: %s", w->item->id,
					vexfs_strerror_for(VEXFS_OP_PATH, err));
		w->file = w->item->file;
	}
	w->r.file = w->path;
	w->r.file_off = w->item->file_off;
	w->r.file_len = w->item->file_len;
	return 0;
}

/* The record in w->item as files hold it.  1: leave it out. */
static int set_record(struct vexfs_walk *w, __u32 index)
{
	const struct vexfs_item *item = w->item;
	int err;

	memset(&w->r, 0, sizeof(w->r));
	w->r.row = (const float *)((const char *)w->page.rows + (size_t)index * w->page.row_bytes);
	w->r.has_id = true;
	w->r.id = item->id;
	if (item->flags & VEXFS_ITEM_DAMAGED)
		return 0;
	if (item->flags & VEXFS_ITEM_KEYED) {
		if (!item->key_len)	/* vexfs_list() has seen that it is there */
			return complain(w, -EPROTO, "record %llu has a key that is none", item->id);
		memcpy(w->key, w->page.keys + item->key_off, item->key_len);
		w->key[item->key_len] = 0;
		w->r.key = w->key;
	}
	err = set_attrs(w);
	if (!err && (item->flags & VEXFS_ITEM_BOUND))
		err = set_file(w);
	return err;
}

/* Read the next page that is not empty.  1, 0 at the end. */
static int next_page(struct vexfs_walk *w)
{
	struct vexfs_listing *p = &w->page;
	__u64 before;
	int err;

	w->at = p->n = 0;
	while (!p->n && p->cursor != END) {
		before = p->cursor;
		p->n = w->room;
		p->key_bytes = w->key_room;
		err = vexfs_list(w->fd, p);
		if (!err && (p->n > w->room || p->key_bytes > w->key_room ||
			     (!p->n && p->cursor == before)))
			err = -EPROTO;
		if (err) {
			p->n = 0;
			return complain(w, err, "%s", vexfs_strerror_for(VEXFS_OP_LIST, err));
		}
	}
	return p->n != 0;
}

int vexfs_walk_next(struct vexfs_walk *w)
{
	int ret;

	do {
		if (w->at == w->page.n) {
			ret = next_page(w);
			if (ret <= 0)
				return ret;
		}
		w->item = &w->page.items[w->at++];
		ret = 1;
		if (!w->where || vexfs_where_holds(w->where, w->item->attr))
			ret = set_record(w, w->at - 1);
	} while (ret > 0);
	return ret ? ret : 1;
}
