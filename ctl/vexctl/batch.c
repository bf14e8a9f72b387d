// SPDX-License-Identifier: GPL-2.0
/* vexctl import: the records of a file that was checked into a collection, batch by batch. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vexctl/import.h"

#define BATCH_BYTES	(8u << 20)	/* rows of a batch unless --batch is given */
#define BATCH_RECORDS	4096u
#define BATCH_FILES	256u		/* a batch ends early at so many open files */
#define CHANGED		"it changed while it was read"

struct batch {
	struct job *j;
	__u32 room, n;			/* records */
	char *rows;
	__u64 *ids;
	__s64 *attrs;
	char *keys;			/* packed */
	__u8 *key_lens;
	__u32 key_bytes;
	bool binding;			/* any of them is bound */
	struct vexfs_bind *binds;
	/* open descriptors in binds: each run of one file has one */
	__u32 files;
	char *last_file;		/* path of the last one */
	/* number of the record in the file that is behind the last one */
	__u64 end;
	size_t left_out_at;		/* for import_is_left_out() */
	/* words of keyword attributes, packed by attribute */
	struct {
		char *bytes;
		size_t n_bytes, room;
		__u8 *lens;
		__u32 *at;		/* records that they are of */
		__u32 n;
	} keyword[VEXFS_MAX_ATTRS];
	/* --save-labels: lines to be written when the batch is in */
	char *labels;
	size_t n_labels, labels_room;
};

/*
 * The words of the record just read, number b->n: they are looked up all at once, see
 * keyword_codes().
 */
static int add_words(struct batch *b)
{
	const struct vexfs_file_record *r = &b->j->im.r;
	__u32 i;

	for (i = 0; i < r->attrs; i++) {
		const char *word = r->attr[i].word;
		int a = word ? attr_by_name(&b->j->info, r->attr[i].name) : -1;
		size_t len = word ? strlen(word) : 0;
		char *p;

		if (a < 0 || !len)	/* an empty word is none, and its code 0 */
			continue;
		if (b->keyword[a].n_bytes + len > b->keyword[a].room) {
			b->keyword[a].room = 2 * (b->keyword[a].room + len);
			p = realloc(b->keyword[a].bytes, b->keyword[a].room);
			if (!p)
				return -ENOMEM;
			b->keyword[a].bytes = p;
		}
		memcpy(b->keyword[a].bytes + b->keyword[a].n_bytes, word, len);
		b->keyword[a].n_bytes += len;
		b->keyword[a].lens[b->keyword[a].n] = len;
		b->keyword[a].at[b->keyword[a].n++] = b->n;
	}
	return 0;
}

/* Open the file of the record just read, unless the record before has the same. */
static int add_file(struct batch *b)
{
	const struct vexfs_file_record *r = &b->j->im.r;
	struct vexfs_bind *bind = &b->binds[b->n];
	int fd;

	*bind = (struct vexfs_bind){ .fd = -1 };
	if (!r->file)
		return 0;
	if (!b->n || !b->last_file || bind[-1].fd < 0 || strcmp(b->last_file, r->file)) {
		fd = vexfs_open_file(b->j->fd, r->file, O_RDONLY);
		if (fd < 0)
			return fd;
		b->files++;
		free(b->last_file);
		b->last_file = strdup(r->file);
	} else {
		fd = bind[-1].fd;
	}
	b->binding = true;
	*bind = (struct vexfs_bind){ .fd = fd, .off = r->file_off, .len = r->file_len };
	return b->last_file ? 0 : -ENOMEM;
}

/* The word of the record just read becomes a line of the labels. */
static int add_label(struct batch *b)
{
	const char *label = b->j->im.label ? b->j->im.label : "";
	size_t len = strlen(label);
	char *p;

	if (b->n_labels + len + 1 > b->labels_room) {
		b->labels_room = 2 * (b->labels_room + len + 1);
		p = realloc(b->labels, b->labels_room);
		if (!p)
			return -ENOMEM;
		b->labels = p;
	}
	memcpy(b->labels + b->n_labels, label, len);
	b->labels[b->n_labels + len] = '\n';
	b->n_labels += len + 1;
	return 0;
}

/* The batch is over: close its files, forget its words. */
static void empty(struct batch *b)
{
	__u32 i;

	for (i = 0; i < b->n; i++)
		if (b->binds[i].fd >= 0 && (i + 1 == b->n || b->binds[i + 1].fd != b->binds[i].fd))
			vexfs_close(b->binds[i].fd);
	free(b->last_file);
	b->last_file = NULL;
	b->n = b->files = b->key_bytes = 0;
	b->n_labels = 0;
	b->binding = false;
	for (i = 0; i < b->j->info.attrs; i++)
		b->keyword[i].n = b->keyword[i].n_bytes = 0;
}

/* The record just read. */
static int add(struct batch *b)
{
	const struct job *j = b->j;
	const char *key = j->im.r.key;
	int err;

	memcpy(b->rows + (size_t)b->n * j->info.row_bytes, j->im.row, j->info.row_bytes);
	b->ids[b->n] = j->own_ids ? j->own_ids[j->im.current] : j->start_id + j->im.current;
	b->key_lens[b->n] = key ? strlen(key) : 0;
	if (key)
		memcpy(b->keys + b->key_bytes, key, b->key_lens[b->n]);
	b->key_bytes += b->key_lens[b->n];
	err = add_file(b);
	if (!err)
		err = add_words(b);
	if (!err && j->labels)
		err = add_label(b);
	/* also if not all of it is there: empty() closes its file */
	b->n++;
	return err;
}

/* Is the record just read, or left out, what it was when the file was checked? */
static bool is_same(struct batch *b, bool left_out)
{
	const struct job *j = b->j;

	if (left_out != import_is_left_out(j, j->im.current, &b->left_out_at))
		return false;
	return left_out || !j->own_ids ||
	       (j->im.r.has_id && j->im.r.id == j->own_ids[j->im.current]);
}

/* Fill the batch.  0, or VEXCTL_FAILED and a line. */
static int fill(struct batch *b)
{
	struct job *j = b->j;
	__s64 attrs[VEXFS_MAX_ATTRS];
	int ret, err;

	while (b->n < b->room && b->files < BATCH_FILES) {
		ret = vexfs_import_next(&j->im);
		if (!ret && j->im.record < j->total)
			return import_ended(j, CHANGED);
		if (!ret)
			break;
		if (ret < 0 && !(j->skip_invalid && vexfs_import_skips(ret)))
			return import_ended(j, j->im.error);	/* it was fine a moment ago */
		if (j->im.record > j->total)
			return import_ended(j, CHANGED);
		if (import_attrs(j, attrs))
			return VEXCTL_FAILED;
		if (j->im.record <= j->skip)
			continue;
		if (!is_same(b, ret < 0))
			return import_ended(j, CHANGED);
		err = 0;
		if (ret > 0) {
			memcpy(b->attrs + (size_t)b->n * j->info.attrs, attrs,
			       j->info.attrs * sizeof(*attrs));
			err = add(b);
		} else if (j->labels && !j->auto_ids) {
			/* the id of its place stays unused, so its line is there, too */
			err = add_label(b);
		}
		if (err)
			return import_ended(j, err == -ENOMEM ? "out of memory" :
								"a file to bind to is gone");
		b->end = j->im.record;
	}
	return 0;
}

/* Words into codes, for the whole batch. */
static int keyword_codes(struct batch *b)
{
	const struct job *j = b->j;
	__s64 *codes = NULL;
	__u32 a, i;
	int err = 0;

	for (a = 0; a < j->info.attrs && !err; a++) {
		struct vexfs_word_list list = {
			.n = b->keyword[a].n,
			.bytes = b->keyword[a].bytes,
			.lens = b->keyword[a].lens,
		};

		if (!list.n)
			continue;
		codes = calloc(list.n, sizeof(*codes));
		if (!codes)
			return fail(j->path, "out of memory");
		err = vexfs_intern(j->fd, a, &list, codes, 0);
		for (i = 0; i < list.n && !err; i++)
			b->attrs[(size_t)b->keyword[a].at[i] * j->info.attrs + a] = codes[i];
		free(codes);
	}
	return err ? import_ended(j, vexfs_strerror_for(VEXFS_OP_INTERN, err)) : 0;
}

/* What ids they got. */
static void count(struct batch *b)
{
	struct ids *ids = &b->j->ids;
	__u32 i;

	for (i = 0; i < b->n; i++) {
		__u64 id = b->ids[i];

		if (!b->j->done++) {
			*ids = (struct ids){ id, id, id, id, true };
			continue;
		}
		ids->run &= id == ids->last + 1;
		ids->last = id;
		ids->least = id < ids->least ? id : ids->least;
		ids->most = id > ids->most ? id : ids->most;
	}
	b->j->next = b->end;
}

static int save_labels(struct batch *b)
{
	struct job *j = b->j;
	char why[512];

	if (!b->n_labels)
		return 0;
	if (fwrite(b->labels, 1, b->n_labels, j->labels) == b->n_labels && !fflush(j->labels))
		return 0;
	snprintf(why, sizeof(why), "cannot write %s: %s", j->labels_path, strerror(errno));
	return import_ended(j, why);
}

static int insert(struct batch *b)
{
	struct job *j = b->j;
	struct vexfs_batch v = {
		.n = b->n,
		.row_bytes = j->info.row_bytes,
		.rows = b->rows,
		.ids = b->ids,
		.attrs = j->info.attrs ? b->attrs : NULL,
		.keys = b->keys,
		.key_lens = b->key_lens,
		.key_bytes = b->key_bytes,
		.binds = b->binding ? b->binds : NULL,
		.flags = (j->upsert ? VEXFS_INSERT_UPSERT : 0) |
			 (j->auto_ids ? VEXFS_INSERT_AUTO_ID : 0),
		.new_ids = b->ids,
	};
	char why[512];
	int err;

	if (keyword_codes(b))
		return VEXCTL_FAILED;
	err = vexfs_insert(j->fd, &v);
	if (!err) {
		count(b);
		return save_labels(b);
	}
	if (v.bad < (__u64)b->n && !j->auto_ids)
		snprintf(why, sizeof(why), "id %llu: %s", b->ids[v.bad],
			 vexfs_strerror_for(VEXFS_OP_INSERT, err));
	else
		snprintf(why, sizeof(why), "%s", vexfs_strerror_for(VEXFS_OP_INSERT, err));
	return import_ended(j, why);
}

static int insert_all(struct batch *b)
{
	struct job *j = b->j;
	__u64 left = j->total - j->skip - j->n_left_out;

	for (;;) {
		if (fill(b))
			return VEXCTL_FAILED;
		if (!b->n)
			return save_labels(b);
		if (insert(b))
			return VEXCTL_FAILED;
		empty(b);
		progress("importing", j->done, left, "records");
		if (interrupted() && j->done < left)
			return import_ended(j, "interrupted");
	}
}

static int alloc(struct batch *b)
{
	const struct job *j = b->j;
	__u32 i;

	b->room = j->batch;
	if (!b->room) {
		b->room = BATCH_BYTES / j->info.row_bytes;
		if (b->room > BATCH_RECORDS)
			b->room = BATCH_RECORDS;
	}
	b->rows = malloc((size_t)b->room * j->info.row_bytes);
	b->ids = calloc(b->room, sizeof(*b->ids));
	b->attrs = calloc((size_t)b->room * (j->info.attrs + 1), sizeof(*b->attrs));
	b->keys = malloc((size_t)b->room * VEXFS_MAX_KEY);
	b->key_lens = malloc(b->room);
	b->binds = malloc(b->room * sizeof(*b->binds));
	if (!b->rows || !b->ids || !b->attrs || !b->keys || !b->key_lens || !b->binds)
		return -ENOMEM;
	for (i = 0; i < j->info.attrs; i++) {
		b->keyword[i].lens = malloc(b->room);
		b->keyword[i].at = malloc(b->room * sizeof(__u32));
		if (!b->keyword[i].lens || !b->keyword[i].at)
			return -ENOMEM;
	}
	return 0;
}

int import_insert(struct job *j)
{
	struct batch b = { .j = j };
	__u32 i;
	int ret;

	ret = alloc(&b) ? fail(NULL, "out of memory; choose a smaller --batch") : insert_all(&b);
	empty(&b);
	for (i = 0; i < j->info.attrs; i++) {
		free(b.keyword[i].bytes);
		free(b.keyword[i].lens);
		free(b.keyword[i].at);
	}
	free(b.labels);
	free(b.keys);
	free(b.key_lens);
	free(b.binds);
	free(b.attrs);
	free(b.ids);
	free(b.rows);
	return ret;
}
