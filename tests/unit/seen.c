// SPDX-License-Identifier: GPL-2.0
/* What a client sees of a collection, and whether it is what a model says; see client.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include <platform/log.h>
#include "../exact.h"
#include "box.h"
#include "client.h"

#define PTR(p) ((__u64)(uintptr_t)(p))
#define PAGE 37u /* records of a listing's page */
#define ALL_WORDS 64u

/* A collection that is being looked at. */
struct looking {
	struct client *c;
	struct file *dir;
	const struct seen *s;
	__u32 word[ALL_WORDS]; /* by code: its number */
	__s64 code[WORDS]; /* by number, 0: it has none */
	__u32 words;
};

/* --- lists --- */

static void list_free(struct seen_list *l)
{
	while (l->n)
		free(l->at[--l->n].entry);
	free(l->at);
	l->at = NULL;
}

void seen_free(struct seen *s)
{
	__u32 i;

	list_free(&s->live);
	for (i = 0; i < SNAPSHOTS; i++)
		list_free(&s->snapshot[i]);
}

static bool read_words(struct looking *l)
{
	char bytes[ALL_WORDS * 256];
	__u8 lens[ALL_WORDS];
	struct vexfs_ioc_words w = {
		.size = sizeof(w),
		.attr = 1,
		.n = ALL_WORDS - 1,
		.first = 1,
		.words = PTR(bytes),
		.lens = PTR(lens),
		.word_bytes = sizeof(bytes),
	};
	int err = vexfs_file_ioctl(l->dir, VEXFS_IOC_WORDS, &w);
	__u32 i, at = 0, n;

	if (err)
		return client_failed(l->c, "words", err);
	if (w.n != w.total)
		return client_wrong(l->c, "%llu words", w.total);
	for (i = 0; i < w.n; at += lens[i++]) {
		n = lens[i] == 2 && bytes[at] == 'w' ? (__u32)bytes[at + 1] - '0' : WORDS;
		if (!n || n >= WORDS || l->code[n])
			return client_wrong(l->c, "word %u is '%.*s'", i + 1, lens[i], bytes + at);
		l->word[i + 1] = n;
		l->code[n] = i + 1;
	}
	l->words = w.n;
	return true;
}

/* From what came back with a record. */
static bool take(struct looking *l, const struct vexfs_item *item, const float *row,
		 const char *key, struct seen_entry *to)
{
	__u32 dims = l->s->dims;
	struct entry *e = calloc(1, sizeof(*e) + dims * sizeof(float));

	assert_non_null(e);
	to->entry = e;
	e->id = item->id;
	e->number = item->attr[0];
	if (item->attr[1] < 0 || item->attr[1] > l->words)
		return client_wrong(l->c, "record %llu has the word code %lld of %u", e->id,
				    item->attr[1], l->words);
	e->word = item->attr[1] ? l->word[item->attr[1]] : 0;
	if (item->key_len >= sizeof(e->key))
		return client_wrong(l->c, "record %llu has a long key", e->id);
	memcpy(e->key, key, item->key_len);
	e->off = item->file_off;
	e->len = item->file_len;
	memcpy(e->row, row, dims * sizeof(float));
	to->stale = item->flags & VEXFS_ITEM_STALE;
	to->ino = item->file;
	if (!(item->flags & VEXFS_ITEM_BOUND) != !item->file ||
	    !(item->flags & VEXFS_ITEM_KEYED) != !item->key_len)
		return client_wrong(l->c, "record %llu: flags %#x, file %llu, key of %u", e->id,
				    item->flags, item->file, item->key_len);
	return true;
}

static bool read_list(struct looking *l, const char *snapshot, struct seen_list *list)
{
	struct vexfs_item item[PAGE];
	float *rows = malloc(PAGE * l->s->dims * sizeof(float));
	char keys[PAGE * VEXFS_MAX_KEY];
	struct vexfs_ioc_list in = {
		.size = sizeof(in),
		.row_bytes = l->s->dims * sizeof(float),
		.items = PTR(item),
		.rows = PTR(rows),
		.keys = PTR(keys),
	};
	bool fine = true;
	__u64 slot = 0;
	__u32 i;
	int err;

	assert_non_null(rows);
	snprintf(in.snapshot, sizeof(in.snapshot), "%s", snapshot);
	do {
		in.n = PAGE;
		in.key_bytes = sizeof(keys);
		err = vexfs_file_ioctl(l->dir, VEXFS_IOC_LIST, &in);
		if (err || in.n > PAGE) {
			fine = err ? client_failed(l->c, "list", err) :
				     client_wrong(l->c, "%u items are listed", in.n);
			break;
		}
		list->at = realloc(list->at, (list->n + in.n + 1) * sizeof(*list->at));
		assert_non_null(list->at);
		for (i = 0; i < in.n && fine; i++) {
			if (slot > item[i].slot)
				fine = client_wrong(l->c, "slot %llu is listed late", item[i].slot);
			slot = item[i].slot + 1;
			fine &= take(l, item + i, rows + i * l->s->dims, keys + item[i].key_off,
				     list->at + list->n++);
		}
	} while (fine && in.cursor != ~0ULL);
	free(rows);
	return fine;
}

static bool same_entry(const struct entry *a, const struct entry *b, __u32 dims)
{
	return a->id == b->id && a->number == b->number && a->word == b->word && a->off == b->off &&
	       a->len == b->len && !strcmp(a->key, b->key) &&
	       !memcmp(a->row, b->row, dims * sizeof(float));
}

/* --- do other calls say the same? --- */

static bool check_get(struct looking *l, const struct seen_entry *want, bool by_key)
{
	__u32 dims = l->s->dims;
	float row[dims];
	char key[VEXFS_MAX_KEY];
	struct vexfs_ioc_get g = {
		.size = sizeof(g),
		.id = want->entry->id,
		.row = PTR(row),
		.row_bytes = dims * sizeof(float),
		.key_out = PTR(key),
	};
	struct seen_entry got = {};
	bool fine;
	int err;

	if (by_key) {
		g.flags = VEXFS_GET_BY_KEY;
		g.id = 0;
		g.key = PTR(want->entry->key);
		g.key_len = strlen(want->entry->key);
	}
	err = vexfs_file_ioctl(l->dir, VEXFS_IOC_GET, &g);
	if (err)
		return client_failed(l->c, by_key ? "get by key" : "get", err);
	fine = take(l, &g.item, row, key, &got);
	if (fine && (!same_entry(got.entry, want->entry, dims) || got.stale != want->stale ||
		     got.ino != want->ino))
		fine = client_wrong(l->c, "get %llu '%s' is not what is listed", want->entry->id,
				    want->entry->key);
	free(got.entry);
	return fine;
}

/* Every hit must be where the oracle has it. */
static bool check_hits(struct looking *l, const struct seen_list *list, const float *query,
		       bool where, __s64 below, __u32 word, const struct vexfs_hit *hit, __u32 n,
		       __u32 k)
{
	struct near *t = malloc((list->n + 1) * sizeof(*t));
	__u32 i, found = 0;
	bool fine = true;

	assert_non_null(t);
	for (i = 0; i < list->n; i++) {
		const struct entry *e = list->at[i].entry;

		if (!where || e->number < below || e->word == word)
			t[found++] = (struct near){
				exact_distance(l->s->metric, query, e->row, l->s->dims), e->id
			};
	}
	qsort(t, found, sizeof(*t), nearer);
	if (n != min(found, k))
		fine = client_wrong(l->c, "search: %u hits of %u", n, found);
	for (i = 0; i < n && fine; i++)
		if (hit[i].id != t[i].id || hit[i].distance != t[i].distance)
			fine = client_wrong(l->c,
					    "search: hit %u is %llu at %.17g, not %llu at %.17g", i,
					    hit[i].id, hit[i].distance, t[i].id, t[i].distance);
	free(t);
	return fine;
}

/* where: number < below or word is `word`. */
static bool check_search(struct looking *l, const char *snapshot, const struct seen_list *list,
			 bool where)
{
	__u32 dims = l->s->dims, word = 1 + chance(WORDS - 1), i;
	__u32 k = min_t(__u32, list->n + 1, VEXFS_MAX_K);
	struct vexfs_predicate_node node[] = {
		{ .op = VEXFS_PRED_LT, .attr = 0, .value = (__s64)chance(10) },
		{ .op = VEXFS_PRED_EQ, .attr = 1, .value = l->code[word] ?: 1000 },
		{ .op = VEXFS_PRED_OR },
	};
	struct vexfs_hit *hit = malloc(k * sizeof(*hit));
	float query[dims];
	struct vexfs_ioc_search in = {
		.size = sizeof(in),
		.flags = VEXFS_SEARCH_EXACT,
		.k = k,
		.vector_bytes = dims * sizeof(float),
		.vector = PTR(query),
		.hits = PTR(hit),
		.where = where ? PTR(node) : 0,
		.where_nodes = where ? ARRAY_SIZE(node) : 0,
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	bool fine;
	int err;

	assert_non_null(hit);
	snprintf(in.snapshot, sizeof(in.snapshot), "%s", snapshot);
	for (i = 0; i < dims; i++)
		query[i] = 1 + chance(5);
	err = vexfs_file_ioctl(l->dir, VEXFS_IOC_SEARCH, &in);
	if (err)
		fine = client_failed(l->c, "search", err);
	else if (in.truncated == VEXFS_TRUNC_DAMAGED) /* it has left out what could not be read */
		fine = client_failed(l->c, "search", -EIO);
	else if (in.truncated || in.n > k)
		fine = client_wrong(l->c, "search: truncated %#x, %u hits", in.truncated, in.n);
	else
		fine = check_hits(l, list, query, where, node[0].value, word, hit, in.n, k);
	free(hit);
	return fine;
}

/* --- looking --- */

static bool look_at_names(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	struct seen *s = arg;

	(void)type;
	if (len == 2 && name[0] == 'f' && name[1] >= '0' && name[1] < '0' + (int)FILES)
		s->ino[name[1] - '0'] = ino;
	return true;
}

static bool look_at_snapshots(struct looking *l, struct seen *s)
{
	struct vexfs_snapshot_info info[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_snapshots in = {
		.size = sizeof(in),
		.n = VEXFS_MAX_SNAPSHOTS,
		.snapshots = PTR(info),
	};
	int err = vexfs_file_ioctl(l->dir, VEXFS_IOC_SNAPSHOTS, &in);
	__u32 i, k;

	if (err)
		return client_failed(l->c, "snapshots", err);
	for (i = 0; i < in.n; i++) {
		k = info[i].name[1] - '0';
		if (info[i].name[0] != 's' || k >= SNAPSHOTS || info[i].name[2])
			return client_wrong(l->c, "snapshot '%.32s'", info[i].name);
		s->has_snapshot[k] = true;
		if (!read_list(l, info[i].name, &s->snapshot[k]) ||
		    !check_search(l, info[i].name, &s->snapshot[k], chance(2)))
			return false;
	}
	return true;
}

static bool look_at_collection(struct looking *l, struct seen *s)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	int err = vexfs_file_ioctl(l->dir, VEXFS_IOC_INFO, &info);
	__u32 i;

	if (err == -ENODATA)
		return true;
	if (err)
		return client_failed(l->c, "info", err);
	s->made = true;
	s->dims = info.dims;
	s->metric = info.metric;
	if (!read_words(l) || !read_list(l, "", &s->live))
		return false;
	if (info.live != s->live.n)
		return client_wrong(l->c, "%llu records, %u are listed", info.live, s->live.n);
	for (i = 0; i < s->live.n; i++)
		if (!check_get(l, s->live.at + i, false) ||
		    (s->live.at[i].entry->key[0] && !check_get(l, s->live.at + i, true)))
			return false;
	return check_search(l, "", &s->live, false) && check_search(l, "", &s->live, true) &&
	       look_at_snapshots(l, s);
}

bool client_see(struct client *c, __u32 collection, struct seen *s)
{
	struct looking l = { .c = c, .s = s };
	bool fine;
	int err;

	memset(s, 0, sizeof(*s));
	l.dir = vexfs_file_open(c->image, collection ? "c1" : "c0", O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(l.dir)) {
		err = PTR_ERR(l.dir);
		return err == -ENOENT || client_failed(c, "open", err);
	}
	s->dir = true;
	err = vexfs_file_list(l.dir, look_at_names, s);
	fine = err ? client_failed(c, "names", err) : look_at_collection(&l, s);
	vexfs_file_close(l.dir);
	return fine;
}

/* --- is it what the model says? --- */

static bool same_list(struct client *c, const struct history *h, __u32 collection,
		      const struct seen_list *l, const struct contents *want,
		      const struct entry *const *entry, __u32 n, const char *what)
{
	__u32 i, at = 0;

	for (i = 0; i < n; i++) {
		const struct entry *e = entry[i];
		const struct seen_entry *got = l->at + at;

		if (!contents_sees(want, e))
			continue;
		if (at++ >= l->n)
			return client_wrong(c, "c%u%s: record %llu is missing", collection, what,
					    e->id);
		if (!same_entry(got->entry, e, want->dims))
			return client_wrong(c, "c%u%s: record %llu is %llu, or other than it was",
					    collection, what, e->id, got->entry->id);
		if (e->object ? got->ino != h->ino[collection][contents_file(want, e->object)] ||
					got->stale != contents_stale(want, e) :
				got->ino || got->stale)
			return client_wrong(c, "c%u%s: record %llu is of file %llu, %s", collection,
					    what, e->id, got->ino, got->stale ? "stale" : "fresh");
	}
	return at == l->n || client_wrong(c, "c%u%s: record %llu is too many", collection, what,
					  l->at[at].entry->id);
}

static bool same_names(struct client *c, const struct history *h, __u32 collection,
		       const struct seen *s, const struct contents *want)
{
	__u32 i;

	if (s->dir != want->dir || s->made != !!want->made)
		return client_wrong(c, "c%u: %s", collection,
				    s->dir != want->dir ? "the directory" : "is it a collection?");
	for (i = 0; i < FILES; i++)
		if (s->ino[i] != (want->object[i] ? h->ino[collection][want->object[i]] : 0))
			return client_wrong(c, "c%u: f%u is inode %llu", collection, i, s->ino[i]);
	for (i = 0; i < SNAPSHOTS; i++)
		if (s->has_snapshot[i] != want->snapshot[i].used)
			return client_wrong(c, "c%u: snapshot s%u", collection, i);
	return true;
}

bool client_same(struct client *c, const struct history *h, __u32 collection, const struct seen *s,
		 const struct contents *want)
{
	__u32 i;

	if (!same_names(c, h, collection, s, want))
		return false;
	if (!want->made)
		return true;
	if (s->dims != want->dims || s->metric != want->metric)
		return client_wrong(c, "c%u: another schema", collection);
	if (!same_list(c, h, collection, &s->live, want, want->entry, want->n, ""))
		return false;
	for (i = 0; i < SNAPSHOTS; i++)
		if (want->snapshot[i].used &&
		    !same_list(c, h, collection, &s->snapshot[i], want, want->snapshot[i].entry,
			       want->snapshot[i].n, " snapshot"))
			return false;
	return true;
}

bool client_check(struct client *c, struct history *h)
{
	bool fine = true;
	struct seen s;
	__u32 i;

	for (i = 0; i < COLLECTIONS && fine; i++) {
		fine = client_see(c, i, &s) && client_same(c, h, i, &s, &h->now[i]);
		seen_free(&s);
	}
	return fine;
}

/* Of a collection: is there a number of operations on records that left what is seen? */
static bool find_records(struct client *c, struct history *h, __u32 i, __u32 names,
			 const struct seen *s, __u32 *records)
{
	struct contents want;
	bool same = false;

	for (*records = h->n; !same; (*records)--) {
		same = history_state(h, i, names, *records, &want) &&
		       client_same(c, h, i, s, &want);
		contents_free(&want);
		if (same || *records == h->kept[i])
			break;
	}
	return same;
}

bool client_survived(struct client *c, struct history *h, bool cut)
{
	struct client quiet = {};
	struct seen s[COLLECTIONS];
	__u32 i, names, records[COLLECTIONS];
	bool fine = true, found = false;

	memset(s, 0, sizeof(s));
	for (i = 0; i < COLLECTIONS && fine; i++)
		fine = client_see(c, i, s + i);
	for (names = h->n; fine && !found; names--) {
		quiet.why[0] = '\0';
		found = true;
		for (i = 0; i < COLLECTIONS && found; i++)
			found = find_records(&quiet, h, i, names, s + i, records + i);
		if (found || names == h->names_kept)
			break;
	}
	if (fine && !found)
		client_wrong(c, "no number of operations leaves that: %s", quiet.why);
	if (fine && found && cut)
		history_cut(h, names, records);
	for (i = 0; i < COLLECTIONS; i++)
		seen_free(s + i);
	return fine && found;
}

/* --- offline --- */

static void note(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	struct client *c = arg;
	char line[200];
	va_list ap;

	if (nr == VEXFS_FOUND_BINDING_GONE) /* as it should be, after an unlink */
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	client_wrong(c, "verify: [%d] %s", nr, line);
}

bool client_verify(struct client *c, int fd, __u64 blocks)
{
	struct vexfs_verify_opts opts = { .report = note, .arg = c };
	__u8 block[VEXFS_BLOCK_SIZE];
	const char *why = NULL;
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	int err;

	fd = dup(fd);
	assert_true(fd >= 0);
	assert_int_equal(vexfs_dev_init(&dev, fd, blocks), 0);
	dev.quiet = true;
	err = vexfs_dev_read(&dev, 0, block)					      ?:
		      vexfs_log_replay(&dev, (struct vexfs_super *)block, NULL, &why) ?:
		      vexfs_super_read(&fs, &dev, blocks);
	if (err) {
		client_wrong(c, "verify: %s: %s", strerror(-err), why ? why : "");
	} else {
		err = vexfs_verify(&fs, &opts, NULL);
		if (err)
			client_wrong(c, "verify: %s", strerror(-err));
		vexfs_super_release(&fs);
	}
	vexfs_dev_close(&dev);
	return !c->why[0];
}
