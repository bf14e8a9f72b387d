// SPDX-License-Identifier: GPL-2.0
/*
 * Files that take the place of others by rename, and the records that they inherit.
 *
 *	heirs model DIR SEED FROM TO	operations FROM .. TO - 1 of a history that SEED alone
 *					decides; then records, now and in all snapshots, must be
 *					bound to the files of the model
 *	heirs chain DIR			one file that is replaced very often; its table stays small
 *	heirs cases DIR			names elsewhere, types, permissions, open files,
 *					directories, exchange
 *	heirs race DIR			searches beside renames miss no record and see none twice
 *	heirs full DIR			a full filesystem: there is room for an entry, and for
 *					compaction
 *	heirs stop DIR HOW		FS_IOC_SHUTDOWN: 1 the log is written, 2 it is not
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "paths.h"
#include "rows.h"

#define DIMS	4
#define SEED	9
#define MAX_K	1000

static void make_file(const char *p)
{
	int fd = open(p, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, "some text", 9) != 9)
		die(p);
	close(fd);
}

static uint64_t ino_of(const char *p)
{
	struct stat st;

	if (stat(p, &st))
		die(p);
	return st.st_ino;
}

static int bind_to(int coll, const char *file, uint64_t id, uint32_t n, uint32_t flags)
{
	struct vexfs_bind bind[16] = {};
	float rows[16 * DIMS];
	uint64_t ids[16];
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .flags = flags, .n = n, .row_bytes = DIMS * 4, .rows = PTR(rows),
		.ids = PTR(ids), .binds = PTR(bind),
	};
	int fd = open(file, O_RDONLY | O_CLOEXEC), err;
	uint32_t i;

	if (fd < 0)
		die(file);
	for (i = 0; i < n; i++) {
		make_row(rows + i * DIMS, DIMS, SEED, id + i);
		ids[i] = id + i;
		bind[i] = (struct vexfs_bind){ .fd = fd, .off = i, .len = 1 };
	}
	err = vx_ioctl(coll, VEXFS_IOC_INSERT, &a);
	close(fd);
	return err;
}

/* A new file, written elsewhere, is renamed over p. */
static int edit(const char *p, const char *from)
{
	make_file(from);
	return rename(from, p) ? errno : 0;
}

static int compact(int coll)
{
	struct vexfs_ioc_compact a = { .size = sizeof(a) };

	return vx_ioctl(coll, VEXFS_IOC_COMPACT, &a);
}

static int snapshot(int coll, uint32_t op, const char *name)
{
	struct vexfs_ioc_snapshot a = { .size = sizeof(a), .op = op };

	snprintf(a.name, sizeof(a.name), "%s", name);
	return vx_ioctl(coll, VEXFS_IOC_SNAPSHOT, &a);
}

static struct vexfs_item items[MAX_K];

static uint32_t list(int coll, const char *snap, uint32_t flags)
{
	struct vexfs_ioc_list a = {
		.size = sizeof(a), .flags = flags, .n = MAX_K, .items = PTR(items)
	};

	snprintf(a.snapshot, sizeof(a.snapshot), "%s", snap);
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_LIST, &a), "list");
	return a.n;
}

/*
 * A file that had several names, of which the one that its inode knows went: nobody knows where it
 * is.
 */
static bool is_lost;

/*
 * n records from `id` on are bound to this file, stale or not; by id, a search, and the path of the
 * file.
 */
static void bound_to(int line, int coll, const char *file, uint64_t id, uint32_t n, bool stale)
{
	static struct vexfs_hit hits[MAX_K];
	uint32_t want = VEXFS_ITEM_BOUND | (stale ? VEXFS_ITEM_STALE : 0), i, seen = 0;
	struct vexfs_ioc_search s;
	struct vexfs_ioc_get g;
	char name[1024] = "";
	float v[DIMS];
	struct vexfs_ioc_path p = {
		.size = sizeof(p), .file = ino_of(file), .path = PTR(name), .room = sizeof(name) - 1
	};

	for (i = 0; i < n; i++) {
		int err = vx_get(coll, id + i, DIMS, v, &g);

		fail_at(line, err, "record %llu: %s", (unsigned long long)id + i, strerror(err));
		fail_at(line, !err && (g.item.file != p.file || g.item.flags != want),
			"record %llu: file %llu flags %x, expected %llu %x",
			(unsigned long long)id + i, (unsigned long long)g.item.file, g.item.flags,
			(unsigned long long)p.file, want);
	}
	make_row(v, DIMS, SEED, id);
	fail_at(line, vx_search(coll, MAX_K, DIMS, v, hits, &s), "search");
	for (i = 0; i < s.n; i++)
		if (hits[i].id >= id && hits[i].id < id + n) {
			seen++;
			fail_at(line, hits[i].file != p.file || hits[i].flags != want,
				"hit %llu: file %llu flags %x", (unsigned long long)hits[i].id,
				(unsigned long long)hits[i].file, hits[i].flags);
		}
	fail_at(line, seen != n, "%u of %u are found", seen, n);
	fail_at(line, vx_ioctl(coll, VEXFS_IOC_PATH, &p) != (is_lost ? ENOENT : 0),
		"the path of %s", file);
	fail_at(line, !strstr(file, name), "%s is at %s", file, name);
}
#define BOUND(...) bound_to(__LINE__, __VA_ARGS__)

static void none_of(int line, int coll, uint64_t id, uint32_t n)
{
	struct vexfs_ioc_get g;
	float v[DIMS];

	while (n--)
		fail_at(line, vx_get(coll, id + n, DIMS, v, &g) != ENOENT, "record %llu is there",
			(unsigned long long)id + n);
}
#define NONE(...) none_of(__LINE__, __VA_ARGS__)

/* --- model --- */

/* the last one is that of the next edit's new file, outside of the collection */
#define NAMES		16
#define MAX_OPS		4000
#define MAX_IDS		60
#define MAX_SNAPS	4

struct version {			/* of a record */
	uint32_t id, doc;
	bool stale;
};
static struct version version[MAX_OPS * 4];
static uint32_t versions, docs, live[MAX_IDS];	/* version + 1 */
static uint32_t doc_at[NAMES];			/* doc + 1 */
static struct snap {
	uint32_t name, n;
	uint32_t version[MAX_IDS];
} snaps[MAX_SNAPS];
static uint32_t snaps_n, snap_name;
static bool gone[MAX_OPS];
static int coll;
static bool doing;			/* else it was done by another process */

static const char *name_of(uint32_t n)
{
	return path(n % 3 == 0 ? "c/%u" : n % 3 == 1 ? "c/sub/%u" : "c/sub/deep/%u", n);
}

static uint32_t names_of(uint32_t doc)
{
	uint32_t i, n = 0;

	for (i = 0; i < NAMES; i++)
		n += doc_at[i] == doc;
	return n;
}

/* A name of doc is gone; heir: the doc that took its place, or 0. */
static void name_gone(uint32_t doc, uint32_t heir)
{
	uint32_t i;

	if (names_of(doc))
		return;
	if (!heir)
		gone[doc] = true;
	for (i = 0; heir && i < versions; i++)
		if (version[i].doc == doc) {
			version[i].doc = heir;
			version[i].stale = true;
		}
}

static void changed(uint32_t doc)
{
	uint32_t i;

	for (i = 0; i < versions; i++)
		version[i].stale |= version[i].doc == doc;
}

static void put(uint32_t doc, uint32_t id, uint32_t n, const char *file)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		version[versions++] = (struct version){ .id = id + i, .doc = doc };
		live[id + i] = versions;
	}
	if (doing)
		EXPECT(0, bind_to(coll, file, id, n, VEXFS_INSERT_UPSERT), "upsert");
}

static void take_snapshot(void)
{
	struct snap *s;
	char name[16];
	uint32_t i;

	if (snaps_n == MAX_SNAPS) {
		snprintf(name, sizeof(name), "s%u", snaps[1].name);
		snaps_n--;
		memmove(snaps + 1, snaps + 2, (snaps_n - 1) * sizeof(*snaps));
		if (doing)
			EXPECT(0, snapshot(coll, VEXFS_SNAPSHOT_DELETE, name), "delete a snapshot");
	}
	s = snaps + snaps_n++;
	*s = (struct snap){ .name = ++snap_name };
	for (i = 0; i < MAX_IDS; i++)
		if (live[i] && !gone[version[live[i] - 1].doc])
			s->version[s->n++] = live[i] - 1;
	snprintf(name, sizeof(name), "s%u", s->name);
	if (doing)
		EXPECT(0, snapshot(coll, VEXFS_SNAPSHOT_CREATE, name), "snapshot");
}

static void operation(uint64_t *rng)
{
	uint32_t a = random64(rng) % NAMES, b = random64(rng) % NAMES, what = random64(rng) % 100;
	uint32_t id = random64(rng) % (MAX_IDS - 4), n = 1 + random64(rng) % 4, old, new;
	const char *pa = name_of(a), *pb = name_of(b);
	int fd;

	if (!doc_at[a]) {
		doc_at[a] = ++docs;
		if (doing)
			make_file(pa);
	}
	if (what < 25) {
		put(doc_at[a], id, n, pa);
	} else if (what < 50) {
		/* edited; every second time from outside of the collection */
		old = doc_at[a];
		doc_at[a] = ++docs;
		name_gone(old, docs);
		if (doing)
			EXPECT(0, edit(pa, path(b % 2 ? "c/tmp" : "tmp")), "edit");
	} else if (what < 65) {			/* renamed; over another one, mostly */
		old = doc_at[b];
		new = doc_at[a];
		if (a != b && old != new) {	/* else it does nothing */
			doc_at[b] = new;
			doc_at[a] = 0;
			if (old)
				name_gone(old, new);
		}
		if (doing)
			DO(0, rename(pa, pb), "rename");
	} else if (what < 70) {
		if (!doc_at[b]) {
			doc_at[b] = doc_at[a];
			if (doing)
				DO(0, link(pa, pb), "link");
		}
	} else if (what < 74) {
		old = doc_at[a];
		doc_at[a] = 0;
		name_gone(old, 0);
		if (doing)
			DO(0, unlink(pa), "unlink");
	} else if (what < 80) {
		changed(doc_at[a]);
		fd = doing ? open(pa, O_WRONLY) : -1;
		FAIL(doing && (fd < 0 || write(fd, "x", 1) != 1 || close(fd)), "write: %s",
		     strerror(errno));
	} else if (what < 84) {
		if (doc_at[b]) {
			old = doc_at[b];
			doc_at[b] = doc_at[a];
			doc_at[a] = old;
			if (doing)
				DO(0, renameat2(AT_FDCWD, pa, AT_FDCWD, pb, RENAME_EXCHANGE),
				   "exchange");
		}
	} else if (what < 90) {
		uint64_t ids = id, bad;

		if (live[id] && !gone[version[live[id] - 1].doc] && doing)
			EXPECT(0, vx_delete(coll, 1, &ids, &bad), "delete");
		live[id] = 0;
	} else if (what < 94) {
		if (doing)
			EXPECT(0, compact(coll), "compact");
	} else if (what < 96) {
		take_snapshot();
	} else if (doing && fsync(coll)) {
		die("fsync");
	}
}

/* The n versions of a record that are there. */
static void compare(const char *snap, const uint32_t *v, uint32_t n)
{
	uint32_t i, j, got = list(coll, snap, 0), want = 0;
	uint64_t ino[MAX_OPS] = {};
	struct vexfs_ioc_search s = {
		.size = sizeof(s), .flags = VEXFS_SEARCH_EXACT, .k = MAX_K,
		.vector_bytes = DIMS * 4, .timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	struct vexfs_hit *hits = calloc(MAX_K, sizeof(*hits));
	float row[DIMS];

	for (i = 0; i < NAMES; i++)
		if (doc_at[i])
			ino[doc_at[i]] = ino_of(name_of(i));
	make_row(row, DIMS, SEED, 1);
	s.vector = PTR(row);
	s.hits = PTR(hits);
	snprintf(s.snapshot, sizeof(s.snapshot), "%s", snap);
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "search");
	for (i = 0; i < n; i++) {
		const struct version *r = version + v[i];
		uint32_t flags = VEXFS_ITEM_BOUND | (r->stale ? VEXFS_ITEM_STALE : 0);

		if (gone[r->doc])
			continue;
		want++;
		for (j = 0; j < got && items[j].id != r->id; j++)
			;
		if (FAIL(j == got, "'%s': record %u is missing", snap, r->id))
			continue;
		FAIL(items[j].file != ino[r->doc] || items[j].flags != flags,
		     "'%s': record %u: file %llu flags %x, expected %llu %x", snap, r->id,
		     items[j].file, items[j].flags, (unsigned long long)ino[r->doc], flags);
		for (j = 0; j < s.n && hits[j].id != r->id; j++)
			;
		if (FAIL(j == s.n, "'%s': record %u is not found", snap, r->id))
			continue;
		FAIL(hits[j].file != ino[r->doc] || hits[j].flags != flags,
		     "'%s': hit %u: file %llu flags %x", snap, r->id, hits[j].file, hits[j].flags);
	}
	FAIL(got != want || s.n != want, "'%s': %u are listed, %u found, not %u", snap, got, s.n,
	     want);
	free(hits);
}

static void model(uint64_t seed, uint32_t from, uint32_t to)
{
	uint32_t i, n = 0, now[MAX_IDS];
	uint64_t rng = seed;
	char name[16];

	if (!from) {
		coll = vx_collection(base, "c", DIMS, VEXFS_METRIC_L2, 0);
		DO(0, mkdir(path("c/sub"), 0755) || mkdir(path("c/sub/deep"), 0755), "mkdir");
	} else {
		coll = open(path("c"), O_RDONLY);
	}
	if (coll < 0 || to > MAX_OPS)
		die("c");
	for (i = 0; i < to; i++) {
		doing = i >= from;
		operation(&rng);
	}
	for (i = 0; i < MAX_IDS; i++)
		if (live[i])
			now[n++] = live[i] - 1;
	compare("", now, n);
	for (i = 0; i < snaps_n; i++) {
		snprintf(name, sizeof(name), "s%u", snaps[i].name);
		compare(name, snaps[i].version, snaps[i].n);
	}
	printf("%u docs, %u versions of records, %u live, %u snapshots\n", docs, versions, n,
	       snaps_n);
	close(coll);
}

/* --- chain --- */

static uint64_t memory_used(void)
{
	struct vexfs_ioc_info i;

	EXPECT(0, vx_info(coll, &i), "info");
	return i.resident;
}

static void chain(void)
{
	uint64_t before, id;
	uint32_t i;

	coll = vx_collection(base, "chain", DIMS, VEXFS_METRIC_L2, 0);
	make_file(path("chain/doc"));
	EXPECT(0, bind_to(coll, path("chain/doc"), 0, 4, 0), "insert");
	EXPECT(0, edit(path("chain/doc"), path("chain/tmp")), "edit");
	before = memory_used();
	/* nobody embeds it again */
	for (i = 0; i < 1000; i++)
		EXPECT(0, edit(path("chain/doc"), path("chain/tmp")), "edit");
	BOUND(coll, path("chain/doc"), 0, 4, true);
	FAIL(memory_used() != before, "%llu bytes of memory, then %llu", (unsigned long long)before,
	     (unsigned long long)memory_used());
	/* somebody does, some of it: more than a block of entries, in a chain */
	for (i = 0; i < 400; i++) {
		EXPECT(0, bind_to(coll, path("chain/doc"), 1 + i % 3, 1, VEXFS_INSERT_UPSERT),
		       "upsert");
		EXPECT(0, edit(path("chain/doc"), path("chain/tmp")), "edit");
	}
	BOUND(coll, path("chain/doc"), 0, 4, true);
	id = 3;
	EXPECT(0, vx_delete(coll, 1, &id, &before), "delete");
	close(coll);
}

/* --- cases --- */

static pid_t as_nobody(int fd, uint64_t id, int want)
{
	pid_t pid = fork();
	struct vexfs_ioc_get g;
	float v[DIMS];

	if (!pid)
		_exit(setgid(65534) || setuid(65534) || vx_get(fd, id, DIMS, v, &g) != want);
	return pid;
}

static void sees(int fd, uint64_t id, int want, const char *what)
{
	int status;

	if (waitpid(as_nobody(fd, id, want), &status, 0) < 0)
		die("fork");
	FAIL(status, "%s", what);
}

static void cases(void)
{
	int other, fd, fd2;
	uint64_t ino;
	char buf[32];

	coll = vx_collection(base, "c", DIMS, VEXFS_METRIC_L2, 0);
	other = vx_collection(base, "other", DIMS, VEXFS_METRIC_L2, 0);
	DO(0, mkdir(path("c/sub"), 0755) || mkdir(path("plain"), 0755), "mkdir");

	/*
	 * a file that somebody has open lives on without its records; permissions are those of the
	 * new one
	 */
	make_file(path("c/a"));
	EXPECT(0, bind_to(coll, path("c/a"), 10, 3, 0), "insert");
	fd = open(path("c/a"), O_RDWR);
	make_file(path("c/new"));
	DO(0, chmod(path("c/new"), 0600), "chmod");
	sees(coll, 10, 0, "others read the old file");
	DO(0, rename(path("c/new"), path("c/a")), "rename over it");
	BOUND(coll, path("c/a"), 10, 3, true);
	sees(coll, 10, ENOENT, "others do not read the new one");
	DO(0, chmod(path("c/a"), 0644), "chmod");
	sees(coll, 10, 0, "and now they do");
	FAIL(pwrite(fd, "other", 5, 0) != 5 || ftruncate(fd, 3) || fchmod(fd, 0),
	     "the old file is there");
	BOUND(coll, path("c/a"), 10, 3, true);
	close(fd);
	BOUND(coll, path("c/a"), 10, 3, true);

	/* binding to the old one, which has no name any more */
	fd = open(path("c/a"), O_RDONLY);
	EXPECT(0, edit(path("c/a"), path("plain/new")), "edit, from outside");
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	EXPECT(ENOENT, bind_to(coll, buf, 20, 1, 0), "insert");
	close(fd);
	BOUND(coll, path("c/a"), 10, 3, true);

	/* embedded again: only what is new is not stale; and one that was left is the new file's */
	EXPECT(0, bind_to(coll, path("c/a"), 10, 2, VEXFS_INSERT_UPSERT), "upsert");
	BOUND(coll, path("c/a"), 10, 2, false);
	BOUND(coll, path("c/a"), 12, 1, true);
	FAIL(list(coll, "", VEXFS_LIST_STALE) != 1 || items[0].id != 12, "one is stale");

	/* it may not leave, nor its directory */
	DO(EXDEV, rename(path("c/a"), path("plain/a")), "out");
	DO(EXDEV, rename(path("c/a"), path("other/a")), "into another one");
	DO(EXDEV, link(path("c/a"), path("plain/a")), "link out");
	DO(0, rename(path("c/a"), path("c/sub/a")), "within");
	DO(EXDEV, rename(path("c/sub"), path("plain/sub")), "its directory, out");
	DO(EXDEV, rename(path("c/sub"), path("other/sub")), "its directory, into another one");
	DO(0, mkdir(path("plain/dir"), 0755), "mkdir");
	make_file(path("plain/dir/file"));
	DO(EXDEV, renameat2(AT_FDCWD, path("c/sub"), AT_FDCWD, path("plain/dir"), RENAME_EXCHANGE),
	   "exchange");
	DO(EXDEV, renameat2(AT_FDCWD, path("plain/dir"), AT_FDCWD, path("c/sub"), RENAME_EXCHANGE),
	   "exchange");
	DO(EXDEV, rename(path("plain/dir"), path("c/dir")), "a directory with files, in");
	BOUND(coll, path("c/sub/a"), 10, 2, false);

	/* only what is inherited keeps it, too */
	make_file(path("c/b"));
	EXPECT(0, bind_to(coll, path("c/b"), 30, 2, 0), "insert");
	EXPECT(0, edit(path("c/b"), path("plain/new")), "edit");
	DO(EXDEV, rename(path("c/b"), path("plain/b")), "out");

	/*
	 * a new file that has a name elsewhere cannot be held, so it is refused; in the collection
	 * it is fine
	 */
	make_file(path("plain/two"));
	DO(0, link(path("plain/two"), path("c/two")), "link");
	ino = ino_of(path("c/b"));
	DO(EXDEV, rename(path("c/two"), path("c/b")), "with a name elsewhere");
	FAIL(ino != ino_of(path("c/b")), "it was renamed");
	BOUND(coll, path("c/b"), 30, 2, true);
	DO(0, unlink(path("c/two")) || unlink(path("plain/two")), "unlink");
	make_file(path("c/two"));
	DO(0, link(path("c/two"), path("c/sub/two")), "link");
	DO(0, rename(path("c/two"), path("c/b")), "with a name in the collection");
	FAIL(ino_of(path("c/sub/two")) != ino_of(path("c/b")), "the file has both");
	DO(0, unlink(path("c/b")), "unlink one");
	is_lost = true;
	BOUND(coll, path("c/sub/two"), 30, 2, true);
	is_lost = false;

	/* what is replaced has another name: its records stay with it */
	make_file(path("c/one"));
	DO(0, link(path("c/one"), path("c/sub/one")), "link");
	EXPECT(0, bind_to(coll, path("c/one"), 40, 2, 0), "insert");
	EXPECT(0, edit(path("c/one"), path("c/new")), "edit");
	is_lost = true;
	BOUND(coll, path("c/sub/one"), 40, 2, false);
	is_lost = false;
	DO(0, rename(path("c/one"), path("c/sub/one")), "over the last one");
	BOUND(coll, path("c/sub/one"), 40, 2, true);

	/* what is no file takes nothing over */
	DO(0, symlink("two", path("c/link")) || rename(path("c/link"), path("c/sub/one")),
	   "a symlink over it");
	NONE(coll, 40, 2);

	/* both have records; and both names are those of one file */
	make_file(path("c/x"));
	make_file(path("c/y"));
	EXPECT(0, bind_to(coll, path("c/x"), 50, 2, 0), "insert");
	EXPECT(0, bind_to(coll, path("c/y"), 60, 2, 0), "insert");
	DO(0, link(path("c/y"), path("c/y2")) || rename(path("c/y"), path("c/y2")),
	   "the same file");
	BOUND(coll, path("c/y2"), 60, 2, false);
	DO(0, unlink(path("c/y2")) || rename(path("c/y"), path("c/x")), "one over the other");
	BOUND(coll, path("c/x"), 60, 2, false);
	BOUND(coll, path("c/x"), 50, 2, true);
	FAIL(list(coll, "", 0) != 3 + 2 + 4, "%u records", list(coll, "", 0));
	fd = open(path("c/x"), O_WRONLY);
	FAIL(write(fd, "changed", 7) != 7, "write");
	close(fd);
	BOUND(coll, path("c/x"), 60, 2, true);

	/* an exchange: each record stays with its file */
	make_file(path("c/p"));
	make_file(path("c/q"));
	EXPECT(0, bind_to(coll, path("c/p"), 70, 2, 0), "insert");
	DO(0, renameat2(AT_FDCWD, path("c/p"), AT_FDCWD, path("c/q"), RENAME_EXCHANGE), "exchange");
	BOUND(coll, path("c/q"), 70, 2, false);
	DO(0, renameat2(AT_FDCWD, path("c/p"), AT_FDCWD, path("c/q"), RENAME_EXCHANGE), "and back");
	BOUND(coll, path("c/p"), 70, 2, false);

	/* from one collection into another, over a file with records there */
	make_file(path("other/f"));
	EXPECT(0, bind_to(other, path("other/f"), 1, 2, 0), "insert");
	DO(0, rename(path("c/q"), path("other/f")), "a file without records");
	BOUND(other, path("other/f"), 1, 2, true);
	DO(EXDEV, rename(path("c/p"), path("other/f")), "one with records");
	DO(EXDEV, rename(path("other/f"), path("c/p")), "and back");
	BOUND(other, path("other/f"), 1, 2, true);
	BOUND(coll, path("c/p"), 70, 2, false);
	EXPECT(0, bind_to(other, path("other/f"), 5, 1, 0), "it belongs to that one now");

	/* what inherited goes, and all of it with it */
	DO(0, unlink(path("c/x")), "unlink");
	NONE(coll, 50, 2);
	NONE(coll, 60, 2);
	fd2 = open(path("c/p"), O_RDONLY);
	EXPECT(0, edit(path("c/p"), path("c/new")), "edit");
	DO(0, unlink(path("c/p")), "unlink");
	close(fd2);
	NONE(coll, 70, 2);
	FAIL(fsync(coll), "fsync");
	close(coll);
	close(other);
}

/* --- race --- */

#define RACE_FILES	8
#define RACE_EACH	4

static atomic_bool stop;

static void *race_search(void *arg)
{
	struct vexfs_hit *h = malloc(MAX_K * sizeof(*h));
	uint64_t seed = (uintptr_t)arg;
	struct vexfs_ioc_search s;
	uint32_t i, n;
	float v[DIMS];

	while (!atomic_load(&stop)) {
		make_row(v, DIMS, SEED, random64(&seed) % 32);
		EXPECT(0, vx_search(coll, MAX_K, DIMS, v, h, &s), "search");
		for (i = n = 0; i < s.n; i++)
			n += h[i].id < RACE_FILES * RACE_EACH;	/* those are always there */
		FAIL(n != RACE_FILES * RACE_EACH, "%u records are found", n);
	}
	free(h);
	return NULL;
}

static void *race_compact(void *arg)
{
	struct vexfs_ioc_compact a = { .size = sizeof(a) };
	uint64_t id, bad;

	(void)arg;
	for (id = 1000; !atomic_load(&stop); id++) {
		int err = bind_to(coll, path("race/other"), id, 1, 0) ?:
			  vx_delete(coll, 1, &id, &bad);

		EXPECT(0, err, "insert and delete");
		EXPECT(0, vx_ioctl(coll, VEXFS_IOC_COMPACT, &a), "compact");
	}
	return NULL;
}

static void race(void)
{
	pthread_t thread[3];
	uint64_t seed = 3;
	uint32_t i, a, b;

	coll = vx_collection(base, "race", DIMS, VEXFS_METRIC_L2, 0);
	make_file(path("race/other"));
	for (i = 0; i < RACE_FILES; i++) {
		make_file(path("race/%u", i));
		EXPECT(0, bind_to(coll, path("race/%u", i), i * RACE_EACH, RACE_EACH, 0), "insert");
	}
	for (i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, i ? race_search : race_compact,
				   (void *)(uintptr_t)(i + 1)))
			die("pthread_create");
	for (i = 0; i < 300; i++) {
		a = random64(&seed) % RACE_FILES;
		b = random64(&seed) % RACE_FILES;
		if (i % 3) {
			EXPECT(0, edit(path("race/%u", a), path("race/tmp")), "edit");
		} else if (a != b) {
			DO(0, rename(path("race/%u", a), path("race/%u", b)), "rename");
			make_file(path("race/%u", a));
		}
		if (i % 50 == 0)
			sync();
	}
	atomic_store(&stop, true);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	FAIL(list(coll, "", VEXFS_LIST_STALE) < RACE_EACH, "hardly any is stale");
	close(coll);
}

/* --- full --- */

static void full(void)
{
	static char zeros[4096];
	int fd;

	coll = vx_collection(base, "full", DIMS, VEXFS_METRIC_L2, 0);
	make_file(path("full/doc"));
	EXPECT(0, bind_to(coll, path("full/doc"), 1, 2, 0), "insert");
	EXPECT(0, bind_to(coll, path("full/doc"), 1, 2, VEXFS_INSERT_UPSERT), "insert again");
	make_file(path("full/new"));
	FAIL(fsync(coll), "fsync");
	fd = open(path("fill"), O_WRONLY | O_CREAT, 0600);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	FAIL(errno != ENOSPC || fsync(fd), "fill: %s", strerror(errno));
	DO(0, rename(path("full/new"), path("full/doc")), "rename without space");
	BOUND(coll, path("full/doc"), 1, 2, true);
	EXPECT(0, compact(coll), "compact without space");
	BOUND(coll, path("full/doc"), 1, 2, true);
	close(fd);
	DO(0, unlink(path("fill")), "unlink");
	close(coll);
}

#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)

static void stop_it(uint32_t how)
{
	int fd = open(base, O_RDONLY);

	if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &how))
		die("shutdown");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = { { "chain", chain }, { "cases", cases }, { "race", race }, { "full", full } };
	unsigned int i;

	if (argc >= 3) {
		snprintf(base, sizeof(base), "%s", argv[2]);
		mkdir(base, 0755);
	}
	if (argc == 6 && !strcmp(argv[1], "model")) {
		model(strtoull(argv[3], NULL, 0), strtoul(argv[4], NULL, 0),
		      strtoul(argv[5], NULL, 0));
		return failed();
	}
	if (argc == 4 && !strcmp(argv[1], "stop")) {
		stop_it(atoi(argv[3]));
		return 0;
	}
	for (i = 0; argc == 3 && i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(argv[1], tests[i].name)) {
			tests[i].run();
			return failed();
		}
	fprintf(stderr,
		"usage: heirs model DIR SEED FROM TO | heirs stop DIR HOW | heirs TEST DIR\n");
	return 2;
}
