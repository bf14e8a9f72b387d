// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl import: the records of a file into a collection.
 *
 * The whole file is read and checked before the first record goes in, and so are its ids, so that a
 * bad file changes nothing.  What can still fail after that (a full disk, somebody else's record of
 * the same id) ends the import between two batches: every batch is all or nothing, and the message
 * says how many records are in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "libvexfs/import.h"
#include "vexctl/vexctl.h"

#define BATCH_BYTES	(8u << 20)	/* rows of a batch unless --batch is given */
#define BATCH_RECORDS	4096u

struct job {
	const char *dir, *path;
	int fd;				/* the collection */
	struct vexfs_ioc_info info;
	struct input in;
	struct vexfs_import im;
	__u64 total;			/* records of the file */
	__u64 start_id;			/* id of record 0 */
	bool start_given;
	bool upsert;
	/* ids that the file brings, of all its records; NULL: it brings none */
	__u64 *own_ids;
	__u64 room;			/* of own_ids */
	char **own_keys;		/* keys that the file brings, in no order; a copy each */
	size_t n_keys, keys_room;
	__u64 skip;			/* records not to insert */
	__u32 batch;			/* records */
	__u64 done;			/* records inserted */

	const char *attr_path;
	FILE *attr_file;
	__u64 attr_lines;
	struct {
		enum { ATTR_FILE, ATTR_CONST, ATTR_LINENO } from;
		__s64 value;
	} attr[VEXFS_MAX_ATTRS];

	const char *labels_path;
	FILE *labels;

	/* the batch */
	char *rows;
	__u64 *ids;
	__s64 *attrs;
	char **words;			/* labels */
	char *keys;			/* packed */
	__u8 *key_lens;
	__u32 key_bytes;
	bool binding;			/* any of them is bound */
	struct vexfs_bind *binds;
	__u32 files;			/* open descriptors in binds: each run of one file has one */
	char *last_file;		/* path of the last one */
	/* words of keyword attributes, packed by attribute */
	struct {
		char *bytes;
		size_t n_bytes, room;
		__u8 *lens;
		__u32 *at;		/* records that they are of */
		__u32 n;
	} keyword[VEXFS_MAX_ATTRS];
};

#define BATCH_FILES	256u		/* a batch ends early at so many open files */

static int open_input(struct job *j, enum vexfs_file_format format)
{
	if (input_open(&j->in, j->path))
		return VEXCTL_FAILED;
	if (format == VEXFS_FILE_GUESS)
		format = vexfs_file_format_of(j->path);
	j->path = j->in.path;
	if (vexfs_import_open(&j->im, j->in.file, format, j->info.dims,
			      j->info.metric == VEXFS_METRIC_COSINE))
		return fail(j->path, "%s; nothing was imported", j->im.error);
	if (j->labels_path && j->im.format != VEXFS_FILE_TEXT)
		return fail(j->path,
			    "it is %s, which has no words to save; leave out --save-labels",
			    vexfs_file_format_name(j->im.format));
	if (j->attr_path) {
		if (!j->info.attrs)
			return fail(j->dir,
				    "the collection has no attributes; leave out --attr-file");
		j->attr_file = fopen(j->attr_path, "re");
		if (!j->attr_file)
			return fail(j->attr_path, "%s", strerror(errno));
	}
	return 0;
}

/* NAME=lineno or NAME=NUMBER, now that the schema is known. */
static int set_attr(struct job *j, char *arg)
{
	char *value = strchr(arg, '=');
	int i;

	if (!value)
		return usage("--attr: '%s' lacks a value; it is NAME=NUMBER or NAME=lineno", arg);
	*value++ = 0;
	i = attr_by_name(&j->info, arg);
	if (i < 0)
		return fail(j->dir,
			    "the collection has no attribute '%s'; see `vexctl collection info`",
			    arg);
	if (!strcmp(value, "lineno")) {
		j->attr[i].from = ATTR_LINENO;
		return 0;
	}
	j->attr[i].from = ATTR_CONST;
	return want_s64("--attr", value, &j->attr[i].value);
}

/* The attributes of the record just read into out. */
static int next_attrs(struct job *j, __s64 *out)
{
	char error[128] = "";
	__u32 i;
	int a;

	if (j->attr_file) {
		int ret = vexfs_import_numbers(j->attr_file, out, j->info.attrs, &j->attr_lines,
					       error, sizeof(error));

		if (!ret)
			return fail(j->attr_path,
				    "it ends after %llu lines; every record needs one",
				    j->attr_lines);
		if (ret < 0)
			return fail(j->attr_path, "%s", error);
	} else {
		memset(out, 0, j->info.attrs * sizeof(*out));
	}
	for (i = 0; i < j->im.r.attrs; i++) {
		const char *name = j->im.r.attr[i].name;

		a = attr_by_name(&j->info, name);
		if (a < 0)
			return fail(
				j->path,
				"line %llu: the collection has no attribute '%.64s'; see `vexctl collection info`",
				j->im.line, name);
		if ((j->info.attr[a].type == VEXFS_ATTR_KEYWORD) != (j->im.r.attr[i].word != NULL))
			return fail(j->path, "line %llu: the attribute '%.64s' takes %s", j->im.line, name,
				    j->im.r.attr[i].word ? "whole numbers" : "words");
		out[a] = j->im.r.attr[i].number;
	}
	for (i = 0; i < j->info.attrs; i++) {
		if (j->attr[i].from == ATTR_CONST)
			out[i] = j->attr[i].value;
		else if (j->attr[i].from == ATTR_LINENO)
			out[i] = j->im.record - 1;
	}
	return 0;
}

static __u64 id_of(const struct job *j, __u64 record)
{
	return j->own_ids ? j->own_ids[record] : j->start_id + record;
}

/* The record just read may have an id of its own, if all have one.  Keep it. */
static int own_id(struct job *j)
{
	__u64 n = j->im.record - 1, *ids;

	if (n && j->im.r.has_id != (j->own_ids != NULL))
		return fail(j->path, "line %llu: it has %s id, unlike those before it; give all an id or none",
			    j->im.line, j->im.r.has_id ? "an" : "no");
	if (!j->im.r.has_id)
		return 0;
	if (j->start_given)
		return fail(j->path, "it has ids of its own; leave out --start-id");
	if (n == j->room) {
		j->room = n ? 2 * n : 4096;
		ids = realloc(j->own_ids, j->room * sizeof(*ids));
		if (!ids)
			return fail(j->path, "out of memory");
		j->own_ids = ids;
	}
	j->own_ids[n] = j->im.r.id;
	return 0;
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* No id may be there twice. */
static int check_own_ids(const struct job *j)
{
	__u64 *sorted = malloc(j->total * sizeof(*sorted)), i;
	int ret = 0;

	if (!sorted)
		return fail(j->path, "out of memory");
	memcpy(sorted, j->own_ids, j->total * sizeof(*sorted));
	qsort(sorted, j->total, sizeof(*sorted), compare);
	for (i = 1; i < j->total && !ret; i++)
		if (sorted[i] == sorted[i - 1])
			ret = fail(j->path, "two of its records have the id %llu; nothing was imported",
				   sorted[i]);
	free(sorted);
	return ret;
}

/* The record just read may have a key: it must be free.  Keep it, to find out whether it comes twice. */
static int own_key(struct job *j)
{
	const char *key = j->im.r.key;
	char **keys;
	int err;

	if (!key)
		return 0;
	if (j->info.live && !j->upsert && j->im.record > j->skip) {
		err = vexfs_get_by_key(j->fd, key, strlen(key), NULL, 0, NULL);
		if (!err)
			return fail(j->path, "line %llu: the key '%s' is taken; replace its record with --upsert",
				    j->im.line, key);
		if (err != -ENOENT)
			return fail_op(j->dir, VEXFS_OP_GET, err);
	}
	if (j->n_keys == j->keys_room) {
		j->keys_room = j->keys_room ? 2 * j->keys_room : 4096;
		keys = realloc(j->own_keys, j->keys_room * sizeof(*keys));
		if (!keys)
			return fail(j->path, "out of memory");
		j->own_keys = keys;
	}
	j->own_keys[j->n_keys] = strdup(key);
	if (!j->own_keys[j->n_keys])
		return fail(j->path, "out of memory");
	j->n_keys++;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_own_keys(struct job *j)
{
	size_t i;

	if (j->n_keys)
		qsort(j->own_keys, j->n_keys, sizeof(*j->own_keys), compare_keys);
	for (i = 1; i < j->n_keys; i++)
		if (!strcmp(j->own_keys[i], j->own_keys[i - 1]))
			return fail(j->path, "two of its records have the key '%s'; nothing was imported",
				    j->own_keys[i]);
	return 0;
}

/* The file that the record just read is bound to must be there, below the collection's directory. */
static int check_file(const struct job *j)
{
	const char *path = j->im.r.file;

	if (!path || !faccessat(j->fd, path, R_OK, 0))
		return 0;
	return fail(j->path, "line %llu: the file '%s' of the collection: %s", j->im.line, path, strerror(errno));
}

/* Read everything once, and count. */
static int validate(struct job *j)
{
	__s64 attrs[VEXFS_MAX_ATTRS];
	int ret;

	while ((ret = vexfs_import_next(&j->im)) > 0) {
		if (own_id(j) || own_key(j) || check_file(j) || next_attrs(j, attrs))
			return VEXCTL_FAILED;
		if (interrupted())
			return fail(j->path, "interrupted; nothing was imported");
		if (!(j->im.record & 1023))
			progress("checking", j->im.bytes, j->in.size, "bytes");
	}
	progress(NULL, 0, 0, NULL);
	if (ret < 0)
		return fail(j->path, "%s; nothing was imported", j->im.error);
	j->total = j->im.record;
	if (!j->total)
		return fail(j->path, "it holds no record; nothing was imported");
	if (j->skip >= j->total)
		return fail(j->path, "it has %llu records, --skip leaves none of them", j->total);
	if ((j->own_ids && check_own_ids(j)) || check_own_keys(j))
		return VEXCTL_FAILED;
	if (!j->own_ids && j->start_id + (j->total - 1) < j->start_id)
		return fail(j->path,
			    "its ids would go beyond 64 bits; choose a smaller --start-id");
	if (vexfs_import_rewind(&j->im))
		return fail(j->path, "%s; nothing was imported", j->im.error);
	if (j->attr_file && fseeko(j->attr_file, 0, SEEK_SET))
		return fail(j->attr_path, "cannot be read twice: %s", strerror(errno));
	j->attr_lines = 0;
	return 0;
}

/*
 * None of the ids may be taken.  Somebody may still take one while we import; then that batch fails
 * as a whole.
 */
static int check_ids(struct job *j)
{
	__u64 r;

	for (r = j->info.live && !j->upsert ? j->skip : j->total; r < j->total; r++) {
		int err = vexfs_get(j->fd, id_of(j, r), NULL, 0, NULL);

		if (!err)
			return fail(
				j->path,
				"id %llu is taken; choose another%s, or delete that record first; nothing was imported",
				id_of(j, r), j->own_ids ? "" : " --start-id");
		if (err != -ENOENT)
			return fail_op(j->dir, VEXFS_OP_GET, err);
		if (interrupted())
			return fail(j->path, "interrupted; nothing was imported");
	}
	return 0;
}

/* How far it got, for the end of a message about why it ended. */
static int ended(const struct job *j, const char *why)
{
	__u64 next = j->skip + j->done;

	if (!j->done)
		return fail(j->path, "%s; nothing was imported", why);
	return fail(j->path,
		    "%s; %llu of %llu records are in (ids %llu to %llu), continue with --skip %llu",
		    why, j->done, j->total - j->skip, id_of(j, j->skip), id_of(j, next - 1), next);
}

/* The words of record n of the batch are looked up all at once, see keyword_codes(). */
static int add_words(struct job *j, __u32 n)
{
	__u32 i;

	for (i = 0; i < j->im.r.attrs; i++) {
		const char *word = j->im.r.attr[i].word;
		int a = word ? attr_by_name(&j->info, j->im.r.attr[i].name) : -1;
		size_t len = word ? strlen(word) : 0;
		char *p;

		if (a < 0)
			continue;
		if (j->keyword[a].n_bytes + len > j->keyword[a].room) {
			j->keyword[a].room = 2 * (j->keyword[a].room + len);
			p = realloc(j->keyword[a].bytes, j->keyword[a].room);
			if (!p)
				return -ENOMEM;
			j->keyword[a].bytes = p;
		}
		memcpy(j->keyword[a].bytes + j->keyword[a].n_bytes, word, len);
		j->keyword[a].n_bytes += len;
		j->keyword[a].lens[j->keyword[a].n] = len;
		j->keyword[a].at[j->keyword[a].n++] = n;
	}
	return 0;
}

/* Open the file of record n of the batch, unless the record before has the same. */
static int add_file(struct job *j, __u32 n)
{
	const struct vexfs_file_record *r = &j->im.r;
	struct vexfs_bind *b = &j->binds[n];
	int fd;

	*b = (struct vexfs_bind){ .fd = -1 };
	if (!r->file)
		return 0;
	if (!n || !j->last_file || j->binds[n - 1].fd < 0 || strcmp(j->last_file, r->file)) {
		fd = openat(j->fd, r->file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		j->files++;
		free(j->last_file);
		j->last_file = strdup(r->file);
	} else {
		fd = j->binds[n - 1].fd;
	}
	j->binding = true;
	*b = (struct vexfs_bind){ .fd = fd, .off = r->file_off, .len = r->file_len };
	return j->last_file ? 0 : -ENOMEM;
}

/* The batch is over: close its files, forget its words. */
static void empty(struct job *j, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i++)
		if (j->binds[i].fd >= 0 && (i + 1 == n || j->binds[i + 1].fd != j->binds[i].fd))
			close(j->binds[i].fd);
	free(j->last_file);
	j->last_file = NULL;
	j->files = j->key_bytes = 0;
	j->binding = false;
	for (i = 0; i < j->info.attrs; i++)
		j->keyword[i].n = j->keyword[i].n_bytes = 0;
}

/* The record just read into place n of the batch. */
static int add(struct job *j, __u32 n)
{
	const char *key = j->im.r.key;

	memcpy(j->rows + (size_t)n * j->info.row_bytes, j->im.row, j->info.row_bytes);
	j->ids[n] = id_of(j, j->im.record - 1);
	j->key_lens[n] = key ? strlen(key) : 0;
	if (key)
		memcpy(j->keys + j->key_bytes, key, j->key_lens[n]);
	j->key_bytes += j->key_lens[n];
	if (j->labels) {
		j->words[n] = strdup(j->im.label);
		if (!j->words[n])
			return -ENOMEM;
	}
	return add_words(j, n) ?: add_file(j, n);
}

/* Fill the batch.  Returns the number of records, 0 at the end, or -1 and a message. */
static int fill(struct job *j)
{
	__u32 n = 0;
	int err;

	while (n < j->batch && j->files < BATCH_FILES) {
		__s64 *attrs = j->attrs + (size_t)n * j->info.attrs;
		int ret = vexfs_import_next(&j->im);

		if (!ret)
			break;
		if (ret < 0) {		/* it was fine a moment ago */
			ended(j, j->im.error);
			goto failed;
		}
		if (j->im.record > j->total) {
			ended(j, "it has grown meanwhile");
			goto failed;
		}
		if (next_attrs(j, attrs))
			goto failed;
		if (j->im.record <= j->skip)
			continue;
		err = add(j, n);
		if (err) {
			ended(j, err == -ENOMEM ? "out of memory" : "a file to bind to is gone");
			n++;
			goto failed;
		}
		n++;
	}
	return n;
failed:
	empty(j, n);
	return -1;
}

/* Words into codes, for the whole batch. */
static int keyword_codes(struct job *j)
{
	__s64 *codes = NULL;
	__u32 a, i;
	int err = 0;

	for (a = 0; a < j->info.attrs && !err; a++) {
		struct vexfs_word_list list = {
			.n = j->keyword[a].n,
			.bytes = j->keyword[a].bytes,
			.lens = j->keyword[a].lens,
		};

		if (!list.n)
			continue;
		codes = calloc(list.n, sizeof(*codes));
		if (!codes)
			return fail(j->path, "out of memory");
		err = vexfs_intern(j->fd, a, &list, codes, 0);
		for (i = 0; i < list.n && !err; i++)
			j->attrs[(size_t)j->keyword[a].at[i] * j->info.attrs + a] = codes[i];
		free(codes);
	}
	return err ? ended(j, vexfs_strerror_for(VEXFS_OP_INTERN, err)) : 0;
}

static int save_words(struct job *j, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i++) {
		fprintf(j->labels, "%s\n", j->words[i]);
		free(j->words[i]);
		j->words[i] = NULL;
	}
	return fflush(j->labels) ? -errno : 0;
}

static int insert(struct job *j)
{
	char why[512];
	int n, err;

	while ((n = fill(j)) > 0) {
		struct vexfs_batch b = {
			.n = n,
			.row_bytes = j->info.row_bytes,
			.rows = j->rows,
			.ids = j->ids,
			.attrs = j->info.attrs ? j->attrs : NULL,
			.keys = j->keys,
			.key_lens = j->key_lens,
			.key_bytes = j->key_bytes,
			.binds = j->binding ? j->binds : NULL,
			.flags = j->upsert ? VEXFS_INSERT_UPSERT : 0,
		};

		if (keyword_codes(j)) {
			empty(j, n);
			return VEXCTL_FAILED;
		}
		err = vexfs_insert(j->fd, &b);
		empty(j, n);
		if (err) {
			if (b.bad < (__u64)n)
				snprintf(why, sizeof(why), "id %llu: %s", j->ids[b.bad],
					 vexfs_strerror_for(VEXFS_OP_INSERT, err));
			else
				snprintf(why, sizeof(why), "%s",
					 vexfs_strerror_for(VEXFS_OP_INSERT, err));
			return ended(j, why);
		}
		j->done += n;
		if (j->labels) {
			err = save_words(j, n);
			if (err) {
				snprintf(why, sizeof(why), "cannot write %s: %s", j->labels_path,
					 strerror(-err));
				return ended(j, why);
			}
		}
		progress("importing", j->done, j->total - j->skip, "records");
		if (interrupted() && j->skip + j->done < j->total)
			return ended(j, "interrupted");
	}
	return n ? VEXCTL_FAILED : VEXCTL_OK;
}

static int buffers(struct job *j)
{
	__u32 most = VEXFS_MAX_BATCH_BYTES / j->info.row_bytes, i;

	if (most > VEXFS_MAX_BATCH)
		most = VEXFS_MAX_BATCH;
	if (j->batch > most)
		return usage("--batch: %u is too many; at most %u records of %u bytes", j->batch,
			     most, j->info.row_bytes);
	if (!j->batch) {
		j->batch = BATCH_BYTES / j->info.row_bytes;
		if (j->batch > BATCH_RECORDS)
			j->batch = BATCH_RECORDS;
	}
	j->rows = malloc((size_t)j->batch * j->info.row_bytes);
	j->ids = calloc(j->batch, sizeof(*j->ids));
	j->attrs = calloc((size_t)j->batch * (j->info.attrs + 1), sizeof(*j->attrs));
	j->words = calloc(j->batch, sizeof(*j->words));
	j->keys = malloc((size_t)j->batch * VEXFS_MAX_KEY);
	j->key_lens = malloc(j->batch);
	j->binds = malloc(j->batch * sizeof(*j->binds));
	if (!j->rows || !j->ids || !j->attrs || !j->words || !j->keys || !j->key_lens || !j->binds)
		goto no_memory;
	for (i = 0; i < j->info.attrs; i++) {
		j->keyword[i].lens = malloc(j->batch);
		j->keyword[i].at = malloc(j->batch * sizeof(__u32));
		if (!j->keyword[i].lens || !j->keyword[i].at)
			goto no_memory;
	}
	return 0;
no_memory:
	return fail(NULL, "out of memory; choose a smaller --batch");
}

static int run_job(struct job *j, enum vexfs_file_format format, char **attrs, int n_attrs,
		   bool json)
{
	int i, ret, err;

	j->fd = open_collection(j->dir, &j->info);
	if (j->fd < 0)
		return VEXCTL_FAILED;
	for (i = 0; i < n_attrs; i++) {
		ret = set_attr(j, attrs[i]);
		if (ret)
			return ret;
	}
	ret = buffers(j);
	if (!ret)
		ret = open_input(j, format);
	if (!ret)
		ret = validate(j);
	if (!ret)
		ret = check_ids(j);
	if (ret)
		return ret;
	if (j->labels_path) {
		j->labels = fopen(j->labels_path, "wxe");
		if (!j->labels)
			return fail(j->labels_path, "%s; nothing was imported", errno == EEXIST ?
				    "the file exists and is not overwritten" : strerror(errno));
	}
	ret = insert(j);
	progress(NULL, 0, 0, NULL);
	if (j->labels && !j->done)
		unlink(j->labels_path);
	if (!j->done)
		return ret;
	err = vexfs_sync(j->fd);
	if (err)
		return fail_op(j->dir, VEXFS_OP_SYNC, err);
	if (ret)
		return ret;
	if (json) {
		struct json_object *o = json_object_new_object();

		add_u64(o, "records", j->done);
		add_u64(o, "first_id", id_of(j, j->skip));
		add_u64(o, "last_id", id_of(j, j->total - 1));
		add_u64(o, "vector_bytes", j->done * j->info.row_bytes);
		print_json(o);
	} else {
		printf("imported %llu records into %s: ids %llu to %llu, %u dimensions, on disk\n",
		       j->done, printable(j->dir), id_of(j, j->skip), id_of(j, j->total - 1), j->info.dims);
	}
	return VEXCTL_OK;
}

static int import(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "start-id", required_argument, NULL, 's' },
		{ "skip", required_argument, NULL, 'k' },
		{ "upsert", no_argument, NULL, 'u' },
		{ "batch", required_argument, NULL, 'b' },
		{ "attr", required_argument, NULL, 'a' },
		{ "attr-file", required_argument, NULL, 'A' },
		{ "save-labels", required_argument, NULL, 'L' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	enum vexfs_file_format format = VEXFS_FILE_GUESS;
	char *attrs[VEXFS_MAX_ATTRS];
	struct job j = { .fd = -1 };
	bool json = false;
	int c, ret, n_attrs = 0;
	__u64 v;
	__u32 i;

	while ((c = getopt_long(argc, argv, "f:s:b:a:", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (want_format(optarg, &format))
				return VEXCTL_USAGE;
			break;
		case 's':
			if (want_u64("--start-id", optarg, 0, ~0ULL, &j.start_id))
				return VEXCTL_USAGE;
			j.start_given = true;
			break;
		case 'u':
			j.upsert = true;
			break;
		case 'k':
			if (want_u64("--skip", optarg, 0, ~0ULL, &j.skip))
				return VEXCTL_USAGE;
			break;
		case 'b':
			if (want_u64("--batch", optarg, 1, VEXFS_MAX_BATCH, &v))
				return VEXCTL_USAGE;
			j.batch = v;
			break;
		case 'a':
			if (n_attrs == VEXFS_MAX_ATTRS)
				return usage("--attr: at most %d", VEXFS_MAX_ATTRS);
			attrs[n_attrs++] = optarg;
			break;
		case 'A':
			j.attr_path = optarg;
			break;
		case 'L':
			j.labels_path = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 2, 2, "DIR and FILE"))
		return VEXCTL_USAGE;
	j.dir = argv[optind];
	j.path = argv[optind + 1];
	catch_signals();
	ret = run_job(&j, format, attrs, n_attrs, json);
	if (j.labels)
		fclose(j.labels);
	if (j.attr_file)
		fclose(j.attr_file);
	vexfs_import_close(&j.im);
	input_close(&j.in);
	for (i = 0; j.words && i < j.batch; i++)
		free(j.words[i]);
	for (i = 0; i < j.n_keys; i++)
		free(j.own_keys[i]);
	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		free(j.keyword[i].bytes);
		free(j.keyword[i].lens);
		free(j.keyword[i].at);
	}
	free(j.own_keys);
	free(j.own_ids);
	free(j.keys);
	free(j.key_lens);
	free(j.binds);
	free(j.words);
	free(j.attrs);
	free(j.ids);
	free(j.rows);
	if (j.fd >= 0)
		vexfs_close(j.fd);
	return interrupted_code(ret);
}

const struct verb import_verbs[] = {
	{ "import", import, "DIR FILE [OPTION]...", "insert the vectors of a file",
	  "FILE is, by its name, its content or --format:\n"
	  "  fvecs bvecs ivecs    per record a le32 with the number of dimensions, and as many le32 floats, bytes,\n"
	  "                       le32 integers\n"
	  "  npy                  a NumPy array (records, dims) in C order of <f4 <f8 <f2 |u1 |i1 <i4 <i8\n"
	  "  jsonl                per line {\"id\": 7, \"key\": \"a\", \"attrs\": {\"age\": 3, \"lang\": \"de\"}, \"file\": \"x.txt\",\n"
	  "                       \"offset\": 0, \"length\": 9, \"vector\": [1, 2.5]}, all but the vector optional; either all\n"
	  "                       records have an id or none; file is a path below the collection's directory\n"
	  "  text                 per line `word v1 v2 ...`\n"
	  "- is standard input, which is copied to a temporary file first.\n"
	  "The whole file is checked before the first record goes in: a bad file changes nothing.  After that records go\n"
	  "in by batches, each all or nothing.  Ctrl-C ends after a batch, says how many records are in and\n"
	  "where to go on, and makes the exit code 130.\n"
	  "  -f, --format F       one of these; needed for bvecs and ivecs of another name\n"
	  "  -s, --start-id N     id of the first record of the file [0], if it brings no ids; the next is N+1, ...\n"
	  "      --upsert         replace records of the same id or key\n"
	  "      --skip N         leave out the first N records (their ids stay theirs): to continue an import\n"
	  "  -b, --batch N        records per batch [4096, or 8 MiB of vectors]\n"
	  "  -a, --attr NAME=V    set an attribute of every record: to the number V, or with V `lineno` to the\n"
	  "                       record's place in the file, from 0\n"
	  "      --attr-file F    per record one line with all attributes, in the order of the schema\n"
	  "      --save-labels F  write the words of a text file to F, one per line (search --labels F shows them)\n"
	  "      --json\n" },
	{}
};
