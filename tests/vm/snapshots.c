// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots: snapshots and compaction against a model.
 *
 *	snapshots run DIR SEED FROM TO	operations FROM .. TO - 1 of a history that SEED alone
 *					decides; then the collection and all its snapshots must be
 *					those of the model
 *	snapshots bad DIR		names, limits, arguments
 *	snapshots files DIR		records that are bound to files
 *	snapshots storm DIR SECONDS	compactions under writers and searches, none of which may
 *					fail or be wrong
 *	snapshots fill DIR N K		N records, of which all but every K-th are deleted
 *	snapshots check DIR N K		are they there?
 *	snapshots killed DIR		a compaction is killed in the middle: all is as before
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define DIMS		12
#define MAX_IDS		3000
#define MAX_OP		60
#define PAGE		500

/* What a collection holds: by id, the version of its row, 0: there is none. */
struct state {
	char name[VEXFS_SNAPSHOT_NAME_LEN];
	uint32_t version[MAX_IDS];
	uint32_t live;
};

static struct state now, snap[VEXFS_MAX_SNAPSHOTS];
static uint32_t snaps, next_version = 1, next_name;
static uint64_t rng;

static void row_of(float *v, uint32_t id, uint32_t version)
{
	make_row(v, DIMS, version, id);
}

/* Every third record has a key, which is another one for each version. */
static int key_of(char *key, uint32_t id, uint32_t version)
{
	return id % 3 ? 0 : sprintf(key, "key-%u-%u", id, version);
}

/* --- the ioctls --- */

/* Into a field of an ioctl, with or without a NUL. */
static void put_name(char field[VEXFS_SNAPSHOT_NAME_LEN], const char *name)
{
	memcpy(field, name, strnlen(name, VEXFS_SNAPSHOT_NAME_LEN));
}

static int snapshot(int fd, uint32_t op, const char *name)
{
	struct vexfs_ioc_snapshot a = { .size = sizeof(a), .op = op };

	put_name(a.name, name);
	return vx_ioctl(fd, VEXFS_IOC_SNAPSHOT, &a);
}

static int compact(int fd, uint32_t min_dead, uint64_t *before, uint64_t *after)
{
	struct vexfs_ioc_compact a = { .size = sizeof(a), .min_dead = min_dead };
	int err = vx_ioctl(fd, VEXFS_IOC_COMPACT, &a);

	*before = a.before;
	*after = a.after;
	return err;
}

static int insert(int fd, uint32_t n, const uint32_t *id, const uint32_t *version, bool upsert)
{
	static float rows[MAX_OP * DIMS];
	static int64_t attrs[MAX_OP];
	uint64_t ids[MAX_OP];
	uint8_t lens[MAX_OP];
	char keys[MAX_OP * 32];
	uint32_t i, bytes = 0;
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .flags = upsert ? VEXFS_INSERT_UPSERT : 0, .n = n,
		.row_bytes = DIMS * 4, .rows = PTR(rows), .ids = PTR(ids), .attrs = PTR(attrs),
		.keys = PTR(keys), .key_lens = PTR(lens),
	};

	for (i = 0; i < n; i++) {
		ids[i] = id[i];
		attrs[i] = version[i];
		row_of(rows + i * DIMS, id[i], version[i]);
		lens[i] = key_of(keys + bytes, id[i], version[i]);
		bytes += lens[i];
	}
	a.key_bytes = bytes;
	if (!bytes)
		a.keys = a.key_lens = 0;
	return vx_ioctl(fd, VEXFS_IOC_INSERT, &a);
}

static int search_as(int fd, uint32_t flags, const char *as_of, uint32_t k, const float *v,
		     struct vexfs_hit *hit, struct vexfs_ioc_search *out)
{
	struct vexfs_ioc_search a = {
		.size = sizeof(a), .flags = flags, .k = k, .vector_bytes = DIMS * 4,
		.vector = PTR(v), .hits = PTR(hit), .timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	int err;

	put_name(a.snapshot, as_of);
	err = vx_ioctl(fd, VEXFS_IOC_SEARCH, &a);
	*out = a;
	return err;
}

static int search(int fd, const char *as_of, uint32_t k, const float *v, struct vexfs_hit *hit,
		  struct vexfs_ioc_search *out)
{
	return search_as(fd, VEXFS_SEARCH_EXACT, as_of, k, v, hit, out);
}

/* --- is it what the model says? --- */

static double distance(const float *v, uint32_t id, uint32_t version)
{
	float row[DIMS];
	double sum = 0, d;
	uint32_t i;

	row_of(row, id, version);
	for (i = 0; i < DIMS; i++) {
		d = (double)row[i] - v[i];
		sum += d * d;
	}
	return sum;
}

static void check_list(int fd, const struct state *s)
{
	static struct vexfs_item item[PAGE];
	static float rows[PAGE * DIMS];
	static char keys[PAGE * VEXFS_MAX_KEY];
	struct vexfs_ioc_list a = {
		.size = sizeof(a), .items = PTR(item), .rows = PTR(rows), .row_bytes = DIMS * 4,
		.keys = PTR(keys),
	};
	uint32_t seen = 0, i, len;
	uint64_t slot = 0;
	float row[DIMS];
	char key[64];

	put_name(a.snapshot, s->name);
	while (a.cursor != ~0ULL) {
		a.n = PAGE;
		a.key_bytes = sizeof(keys);
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_LIST, &a), "list"))
			return;
		for (i = 0; i < a.n; i++, seen++) {
			uint64_t id = item[i].id;
			uint32_t version = id < MAX_IDS ? s->version[id] : 0;

			if (FAIL(!version || item[i].attr[0] != version,
				 "%s: id %llu has version %lld, not %u", s->name,
				 (unsigned long long)id, (long long)item[i].attr[0], version))
				continue;
			FAIL(seen && item[i].slot <= slot, "%s: slots do not ascend", s->name);
			slot = item[i].slot;
			row_of(row, id, version);
			FAIL(memcmp(row, rows + i * DIMS, sizeof(row)),
			     "%s: id %llu has another row", s->name, (unsigned long long)id);
			len = key_of(key, id, version);
			FAIL(item[i].key_len != len || memcmp(key, keys + item[i].key_off, len),
			     "%s: id %llu has another key", s->name, (unsigned long long)id);
		}
	}
	FAIL(seen != s->live, "%s: %u records are listed, not %u", s->name, seen, s->live);
}

static void check_search(int fd, const struct state *s, uint64_t *random)
{
	enum { K = 10 };
	struct vexfs_ioc_search a;
	struct vexfs_hit hit[K];
	double best[K + 1];
	float v[DIMS];
	uint32_t i, j, n = 0, flags = random64(random) & VEXFS_SEARCH_EXACT;

	make_row(v, DIMS, 77, random64(random));
	if (EXPECT(0, search_as(fd, flags, s->name, K, v, hit, &a), "search"))
		return;
	for (i = 0; i < MAX_IDS; i++) {
		double d = s->version[i] ? distance(v, i, s->version[i]) : INFINITY;

		if (!s->version[i] || (n == K && d >= best[K - 1]))
			continue;
		for (j = n < K ? n++ : K - 1; j && best[j - 1] > d; j--)
			best[j] = best[j - 1];
		best[j] = d;
	}
	FAIL(a.n != n || a.truncated, "%s: %u hits, not %u, truncated %#x", s->name, a.n, n,
	     a.truncated);
	for (i = 0; i < a.n && i < n; i++) {
		uint64_t id = hit[i].id;
		uint32_t version = id < MAX_IDS ? s->version[id] : 0;

		FAIL(!version || hit[i].distance != distance(v, id, version),
		     "%s: hit %u, id %llu, is not of it", s->name, i, (unsigned long long)id);
		/* codes miss one now and then */
		FAIL(flags ? hit[i].distance != best[i] : hit[i].distance < best[i],
		     "%s: hit %u is at %g, the nearest one at %g", s->name, i, hit[i].distance,
		     best[i]);
	}
}

static void check_get(int fd, uint32_t id)
{
	struct vexfs_ioc_get a = { .size = sizeof(a), .id = id };
	uint32_t version = now.version[id];
	char key[64];

	EXPECT(version ? 0 : ENOENT, vx_ioctl(fd, VEXFS_IOC_GET, &a), "get");
	FAIL(version && a.item.attr[0] != version, "get: id %u has version %lld, not %u", id,
	     (long long)a.item.attr[0], version);
	a = (struct vexfs_ioc_get){ .size = sizeof(a), .flags = VEXFS_GET_BY_KEY, .key = PTR(key) };
	a.key_len = key_of(key, id, version ? version : 1);
	if (!a.key_len)
		return;
	EXPECT(version ? 0 : ENOENT, vx_ioctl(fd, VEXFS_IOC_GET, &a), "get by key");
	FAIL(version && a.item.id != id, "key %s leads to id %llu", key,
	     (unsigned long long)a.item.id);
}

static void check_all(int fd)
{
	struct vexfs_snapshot_info info[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_snapshots a = {
		.size = sizeof(a), .n = VEXFS_MAX_SNAPSHOTS, .snapshots = PTR(info)
	};
	uint64_t random = 1;
	uint32_t i, j;

	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SNAPSHOTS, &a), "list of snapshots");
	if (FAIL(a.n != snaps, "%u snapshots, not %u", a.n, snaps))
		return;
	for (i = 0; i <= snaps; i++) {
		const struct state *s = i < snaps ? snap + i : &now;

		FAIL(i < snaps && (strcmp(info[i].name, s->name) || info[i].live != s->live ||
				   !info[i].time),
		     "snapshot %u is %s with %llu records, not %s with %u", i, info[i].name,
		     (unsigned long long)info[i].live, s->name, s->live);
		check_list(fd, s);
		for (j = 0; j < 4; j++)
			check_search(fd, s, &random);
	}
	for (i = 0; i < 50; i++)
		check_get(fd, random64(&random) % MAX_IDS);
}

/* --- histories --- */

static uint32_t below(uint32_t n)
{
	return random64(&rng) % n;
}

/* An id that is live, or not. */
static uint32_t pick(bool live)
{
	uint32_t id = below(MAX_IDS), i;

	for (i = 0; i < MAX_IDS && !now.version[id] == live; i++)
		id = (id + 1) % MAX_IDS;
	return id;
}

static void set(uint32_t id, uint32_t version)
{
	now.live += !!version - !!now.version[id];
	now.version[id] = version;
}

/* Choose and, with fd >= 0, perform an operation. */
static void operation(int fd)
{
	uint32_t what = below(20), n = 1 + below(MAX_OP), i, at;
	uint32_t id[MAX_OP], version[MAX_OP];
	uint64_t ids[MAX_OP], before, after;
	struct vexfs_ioc_info info;
	bool upsert = what >= 7;

	if (what < 11 && (upsert || now.live + n < MAX_IDS * 2 / 3)) {	/* insert, upsert */
		for (i = 0; i < n; i++) {
			id[i] = pick(upsert && now.live && below(2));
			for (at = 0; at < i && id[at] != id[i]; at++)
				;
			if (at < i || (now.version[id[i]] && !upsert)) {
				i--;
				n--;
				continue;
			}
			version[i] = next_version++;
		}
		if (fd >= 0 && n)
			EXPECT(0, insert(fd, n, id, version, upsert), upsert ? "upsert" : "insert");
		for (i = 0; i < n; i++)
			set(id[i], version[i]);
	} else if (what < 15) {
		for (i = 0; i < n && now.live; i++) {
			ids[i] = pick(true);
			set(ids[i], 0);
		}
		if (fd >= 0 && i)
			EXPECT(0, vx_delete(fd, i, ids, &before), "delete");
	} else if (what < 16) {
		i = snaps == 6;		/* few enough to be looked at */
		if (i) {
			at = below(snaps);
			if (fd >= 0)
				EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_DELETE, snap[at].name),
				       "delete a snapshot");
			memmove(snap + at, snap + at + 1, (--snaps - at) * sizeof(*snap));
		}
		snap[snaps] = now;
		sprintf(snap[snaps].name, "s-%u.%c", next_name, 'a' + next_name % 26);
		next_name++;
		if (fd >= 0)
			EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_CREATE, snap[snaps].name),
			       "create a snapshot");
		snaps++;
	} else if (what < 18) {
		if (fd < 0)
			return;
		EXPECT(0, vx_info(fd, &info), "info");
		at = info.epoch;
		EXPECT(0, compact(fd, 0, &before, &after), "compact");
		FAIL(before != info.count || after > before,
		     "compacted %llu slots from %llu to %llu", (unsigned long long)info.count,
		     (unsigned long long)before, (unsigned long long)after);
		EXPECT(0, vx_info(fd, &info), "info");
		FAIL(info.count != after || info.live != now.live ||
		     info.epoch != at + (after < before) ||
		     (after < before && info.committed != after) || info.compact_total ||
		     info.snapshots != snaps,
		     "after a compaction: %llu slots, not %llu, %llu records, epoch %llu",
		     (unsigned long long)info.count, (unsigned long long)after,
		     (unsigned long long)info.live, (unsigned long long)info.epoch);
		FAIL(!snaps && after != now.live, "%llu slots for %u records",
		     (unsigned long long)after, now.live);
	} else if (what < 19) {
		if (fd >= 0)
			FAIL(fsync(fd), "fsync: %s", strerror(errno));
	} else if (fd >= 0) {
		check_all(fd);
	}
}

static void run(const char *dir, uint64_t seed, uint32_t from, uint32_t to)
{
	int fd = from ? vx_directory(dir, "model") :
			vx_collection(dir, "model", DIMS, VEXFS_METRIC_L2, 1);
	uint32_t i;

	if (fd < 0)
		die("open");
	rng = seed;
	for (i = 0; i < to && !failures; i++) {
		operation(i < from ? -1 : fd);
		if (failures)
			printf("operation %u of seed %llu\n", i, (unsigned long long)seed);
	}
	check_all(fd);
	printf("%u records, %u snapshots after operation %u\n", now.live, snaps, to);
}

/* --- bad input --- */

static void bad(const char *dir)
{
	int fd = vx_collection(dir, "bad", DIMS, VEXFS_METRIC_L2, 1), other;
	static const char *const names[] = { "", "A", "a/b", "a b", "\xc3\xa4", "a\n" };
	const char *longest = "abcdefghijklmnopqrstuvwxyz01234";
	struct vexfs_ioc_snapshots list = { .size = sizeof(list) };
	struct vexfs_ioc_snapshot a;
	struct vexfs_ioc_compact c;
	struct vexfs_ioc_search s;
	struct vexfs_ioc_list l = { .size = sizeof(l), .n = 1, .items = PTR(&a) };
	struct vexfs_hit hit[2];
	uint32_t id[2] = { 5, 6 }, version[2] = { 1, 2 }, more = 8, i;
	uint64_t before, after, ids[1] = { 5 };
	float v[DIMS];
	char name[16];

	EXPECT(0, insert(fd, 2, id, version, false), "insert");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		EXPECT(EINVAL, snapshot(fd, VEXFS_SNAPSHOT_CREATE, names[i]), names[i]);
		EXPECT(EINVAL, snapshot(fd, VEXFS_SNAPSHOT_DELETE, names[i]), names[i]);
	}
	EXPECT(EINVAL, snapshot(fd, VEXFS_SNAPSHOT_CREATE, "abcdefghijklmnopqrstuvwxyz012345"),
	       "no NUL");
	EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_CREATE, longest), "the longest name");
	EXPECT(EEXIST, snapshot(fd, VEXFS_SNAPSHOT_CREATE, longest), "the same again");
	EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_DELETE, longest), "delete it");
	EXPECT(ENOENT, snapshot(fd, VEXFS_SNAPSHOT_DELETE, longest), "delete it again");
	for (i = 0; i < VEXFS_MAX_SNAPSHOTS; i++) {
		sprintf(name, "%u", i);
		EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_CREATE, name), "up to 32");
	}
	EXPECT(ENOSPC, snapshot(fd, VEXFS_SNAPSHOT_CREATE, "one-more"), "the 33rd");
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SNAPSHOTS, &list), "list without room");
	FAIL(list.n != VEXFS_MAX_SNAPSHOTS, "%u snapshots", list.n);
	list.n = 1;
	EXPECT(EFAULT, vx_ioctl(fd, VEXFS_IOC_SNAPSHOTS, &list), "list to nowhere");
	list.flags = 1;
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_SNAPSHOTS, &list), "flags of a list");

	a = (struct vexfs_ioc_snapshot){ .size = sizeof(a), .op = 3, .name = "x" };
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_SNAPSHOT, &a), "op 3");
	a.op = 0;
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_SNAPSHOT, &a), "op 0");
	a.op = VEXFS_SNAPSHOT_DELETE;
	a.reserved[1] = 1;
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_SNAPSHOT, &a), "reserved");
	c = (struct vexfs_ioc_compact){ .size = sizeof(c), .min_dead = 101 };
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_COMPACT, &c), "more than 100 %");
	c = (struct vexfs_ioc_compact){ .size = sizeof(c), .flags = 1 };
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_COMPACT, &c), "flags");
	EXPECT(0, compact(fd, 0, &before, &after), "nothing is dead");
	FAIL(before != 2 || after != 2, "of 2 slots: %llu, %llu", (unsigned long long)before,
	     (unsigned long long)after);

	/* what is deleted is in the snapshots, by its id too, and nowhere else */
	EXPECT(0, vx_delete(fd, 1, ids, &before), "delete");
	EXPECT(0, compact(fd, 0, &before, &after), "what is dead is in snapshots");
	FAIL(before != 2 || after != 2, "of 2 slots: %llu, %llu", (unsigned long long)before,
	     (unsigned long long)after);

	/* as many planes as there can be are swapped in one transaction */
	EXPECT(0, insert(fd, 1, &more, version, false), "insert");
	ids[0] = more;
	EXPECT(0, vx_delete(fd, 1, ids, &before), "delete");
	EXPECT(0, compact(fd, 0, &before, &after), "with 32 snapshots");
	FAIL(before != 3 || after != 2, "of 3 slots: %llu, %llu", (unsigned long long)before,
	     (unsigned long long)after);
	row_of(v, 5, 1);
	EXPECT(0, search(fd, "7", 2, v, hit, &s), "as of 7");
	FAIL(s.n != 2 || hit[0].id != 5 || hit[0].distance != 0, "%u hits as of 7", s.n);
	EXPECT(0, search(fd, "", 2, v, hit, &s), "now");
	FAIL(s.n != 1 || hit[0].id != 6, "%u hits now", s.n);
	EXPECT(ENOENT, search(fd, "none", 2, v, hit, &s), "as of none");
	EXPECT(EINVAL, search(fd, "abcdefghijklmnopqrstuvwxyz012345", 2, v, hit, &s),
	       "as of what has no NUL");
	s = (struct vexfs_ioc_search){ .size = sizeof(s),
				       .flags = VEXFS_SEARCH_BY_ID,
				       .id = 5,
				       .k = 2,
				       .hits = PTR(hit),
				       .snapshot = "7" };
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "by an id of then");
	FAIL(s.n != 2 || hit[0].id != 5, "%u hits by id", s.n);
	s.id = 7;
	EXPECT(ENOENT, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "by an unknown id");
	strcpy(l.snapshot, "none");
	EXPECT(ENOENT, vx_ioctl(fd, VEXFS_IOC_LIST, &l), "list none");
	memset(l.snapshot, 'a', sizeof(l.snapshot));
	EXPECT(EINVAL, vx_ioctl(fd, VEXFS_IOC_LIST, &l), "list what has no NUL");

	for (i = 0; i < VEXFS_MAX_SNAPSHOTS; i++) {
		sprintf(name, "%u", i);
		EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_DELETE, name), "delete them");
	}
	EXPECT(0, compact(fd, 51, &before, &after), "less than 51 %");
	FAIL(after != 2, "%llu slots", (unsigned long long)after);
	l = (struct vexfs_ioc_list){ .size = sizeof(l), .n = 1, .items = PTR(&s) };
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_LIST, &l), "list");
	EXPECT(0, compact(fd, 50, &before, &after), "50 %");
	FAIL(before != 2 || after != 1, "of 2 slots: %llu, %llu", (unsigned long long)before,
	     (unsigned long long)after);
	l.cursor = 1;
	l.n = 1;
	EXPECT(ESTALE, vx_ioctl(fd, VEXFS_IOC_LIST, &l), "go on after a compaction");
	ids[0] = 6;
	EXPECT(0, vx_delete(fd, 1, ids, &before), "delete");
	EXPECT(0, compact(fd, 0, &before, &after), "to nothing");
	FAIL(before != 1 || after != 0, "of 1 slot: %llu, %llu", (unsigned long long)before,
	     (unsigned long long)after);
	EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_CREATE, "empty"), "a snapshot of nothing");
	EXPECT(0, search(fd, "empty", 2, v, hit, &s), "search it");
	FAIL(s.n, "%u hits", s.n);
	EXPECT(0, insert(fd, 2, id, version, false), "it still works");
	EXPECT(0, search(fd, "empty", 2, v, hit, &s), "search it");
	FAIL(s.n, "%u hits", s.n);

	other = vx_directory(dir, "plain");
	EXPECT(ENODATA, snapshot(other, VEXFS_SNAPSHOT_CREATE, "x"), "no collection");
	EXPECT(ENODATA, compact(other, 0, &before, &after), "no collection");
	if (fork() == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		failures = 0;
		EXPECT(EACCES, snapshot(fd, VEXFS_SNAPSHOT_CREATE, "x"), "create by nobody");
		EXPECT(EACCES, snapshot(fd, VEXFS_SNAPSHOT_DELETE, "empty"), "delete by nobody");
		EXPECT(EACCES, compact(fd, 0, &before, &after), "compact by nobody");
		_exit(failures != 0);
	}
	wait((int *)&i);
	FAIL(i, "nobody may change something");
}

/* --- files --- */

/* How many records a list and a search find as of a snapshot. */
static uint32_t found(int fd, const char *as_of)
{
	struct vexfs_item item[4];
	struct vexfs_hit hit[4];
	struct vexfs_ioc_list l = { .size = sizeof(l), .n = 4, .items = PTR(item) };
	struct vexfs_ioc_search s;
	float v[DIMS];

	row_of(v, 1, 1);
	put_name(l.snapshot, as_of);
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_LIST, &l), "list");
	EXPECT(0, search(fd, as_of, 4, v, hit, &s), "search");
	FAIL(s.n != l.n || s.truncated, "as of `%s` %u are listed and %u found", as_of, l.n, s.n);
	return s.n;
}

/* Records of a file that is gone, or may not be read, are not found in a snapshot either. */
static void files(const char *dir)
{
	int fd = vx_collection(dir, "files", DIMS, VEXFS_METRIC_L2, 1), file, i;
	struct vexfs_bind bind[2] = { { .fd = -1 }, { .len = 1 } };
	uint64_t ids[2] = { 1, 2 }, bad, before, after;
	float rows[2 * DIMS];
	struct vexfs_ioc_get get;
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .n = 2, .row_bytes = DIMS * 4, .rows = PTR(rows),
		.ids = PTR(ids), .binds = PTR(bind),
	};

	file = openat(fd, "file", O_RDWR | O_CREAT, 0600);
	if (file < 0)
		die("file");
	bind[1].fd = file;
	row_of(rows, 1, 1);
	row_of(rows + DIMS, 2, 1);
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_INSERT, &a), "insert");
	EXPECT(0, snapshot(fd, VEXFS_SNAPSHOT_CREATE, "both"), "snapshot");
	EXPECT(0, vx_delete(fd, 2, ids, &bad), "delete");
	FAIL(found(fd, "both") != 2 || found(fd, "") != 0, "not both are in the snapshot alone");
	if (fork() == 0) {
		struct vexfs_ioc_search s = { .size = sizeof(s),
					      .flags = VEXFS_SEARCH_BY_ID,
					      .id = 2,
					      .k = 1,
					      .snapshot = "both" };
		struct vexfs_hit hit;

		if (setgid(65534) || setuid(65534))
			_exit(1);
		failures = 0;
		FAIL(found(fd, "both") != 1, "nobody reads what it may not");
		s.hits = PTR(&hit);
		EXPECT(ENOENT, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s),
		       "by the id of what nobody may read");
		_exit(failures != 0);
	}
	wait(&i);
	FAIL(i, "nobody sees too much");
	EXPECT(0, compact(fd, 0, &before, &after), "compact");
	FAIL(found(fd, "both") != 2 || found(fd, "") != 0,
	     "not both are in the snapshot after a compaction");
	/* and of what is not deleted: who may see it, and what becomes of it, after a compaction */
	ids[0] = 3;
	ids[1] = 4;
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_INSERT, &a), "insert");
	ids[0] = 5;
	EXPECT(0,
	       vx_insert(fd, 1, DIMS, rows, ids, NULL, NULL, &bad) ?: vx_delete(fd, 1, ids, &bad),
	       "insert, delete");
	EXPECT(0, compact(fd, 0, &before, &after), "compact");
	FAIL(after >= before, "compacted %llu slots to %llu", (unsigned long long)before,
	     (unsigned long long)after);
	FAIL(found(fd, "") != 2, "not both are there after a compaction");
	FAIL(fchmod(file, 0), "fchmod");
	if (fork() == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		_exit(found(fd, "") != 1 || failures);
	}
	wait(&i);
	FAIL(i, "nobody sees too much after a compaction");
	FAIL(pwrite(file, "x", 1, 0) != 1, "write");
	EXPECT(0, vx_get(fd, 4, DIMS, rows, &get), "get");
	FAIL(get.item.flags != (VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE),
	     "flags %#x after a compaction and a write", get.item.flags);
	close(file);
	FAIL(unlinkat(fd, "file", 0), "unlink: %s", strerror(errno));
	FAIL(found(fd, "both") != 1, "the record of a file that is gone is in the snapshot");
	FAIL(found(fd, "") != 1, "the record of a file that is gone is there");
	EXPECT(0, compact(fd, 0, &before, &after), "compact");
	FAIL(found(fd, "both") != 1 || found(fd, "") != 1, "nor after a compaction");
}

/* --- everything at once --- */

/* Ids below STABLE never change; those above come and go. */
#define STABLE		400
#define SNAP_VERSION	1

static int storm_fd;
static atomic_bool stop;
static atomic_uint asked, compactions, written;

static bool check_stable(uint64_t *random, const char *as_of)
{
	uint32_t id = random64(random) % STABLE;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[3];
	float v[DIMS];

	row_of(v, id, SNAP_VERSION);
	if (EXPECT(0, search(storm_fd, as_of, 3, v, hit, &s), "search"))
		return false;
	return !FAIL(s.truncated || s.n != 3 || hit[0].id != id || hit[0].distance != 0,
		     "%s: %u hits, truncated %#x, the first one is %llu at %g, not %u", as_of, s.n,
		     s.truncated, (unsigned long long)hit[0].id, hit[0].distance, id);
}

static void *asker(void *arg)
{
	uint64_t random = (uintptr_t)arg + 1;

	while (!stop && check_stable(&random, ""))
		asked++;
	return NULL;
}

/* The snapshot is the same all the time. */
static void *historian(void *arg)
{
	uint64_t random = 99;

	(void)arg;
	while (!stop && !failures) {
		check_search(storm_fd, snap, &random);
		check_stable(&random, snap->name);
		asked += 2;
		if (random64(&random) % 8 == 0) {
			struct vexfs_ioc_list l = { .size = sizeof(l), .n = PAGE };
			static struct vexfs_item item[PAGE];
			uint32_t seen = 0;
			int err = 0;

			l.items = PTR(item);
			strcpy(l.snapshot, snap->name);
			while (!err && l.cursor != ~0ULL) {
				l.n = PAGE / 4;
				err = vx_ioctl(storm_fd, VEXFS_IOC_LIST, &l);
				seen += err ? 0 : l.n;
			}
			FAIL(err && err != ESTALE, "list: %s", error_name(err));
			FAIL(!err && seen != snap->live, "the snapshot lists %u records, not %u",
			     seen, snap->live);
		}
	}
	return NULL;
}

static void *writer(void *arg)
{
	uint64_t random = 7, ids[MAX_OP], bad;
	uint32_t id[MAX_OP], version[MAX_OP], i, n;

	(void)arg;
	while (!stop && !failures) {
		n = 1 + random64(&random) % MAX_OP;
		id[0] = STABLE + random64(&random) % (MAX_IDS - STABLE);
		for (i = 0; i < n; i++) {
			id[i] = id[0] + i < MAX_IDS ? id[0] + i : STABLE + i;
			version[i] = next_version++;
		}
		EXPECT(0, insert(storm_fd, n, id, version, true), "upsert");
		for (i = 0; i < n; i++) {
			now.version[id[i]] = version[i];
			if (random64(&random) % 2)
				continue;
			ids[0] = id[i];
			EXPECT(0, vx_delete(storm_fd, 1, ids, &bad), "delete");
			now.version[id[i]] = 0;
		}
		if (random64(&random) % 20 == 0)
			FAIL(fsync(storm_fd), "fsync: %s", strerror(errno));
		written += n;
	}
	return NULL;
}

static void *compactor(void *arg)
{
	uint64_t before, after;

	(void)arg;
	while (!stop && !failures) {
		EXPECT(0, compact(storm_fd, 0, &before, &after), "compact");
		compactions += after < before;
		usleep(1000);
	}
	return NULL;
}

static void *snapper(void *arg)
{
	uint32_t i = 0;
	char name[16];

	(void)arg;
	while (!stop && !failures) {
		sprintf(name, "t%u", i++);
		EXPECT(0, snapshot(storm_fd, VEXFS_SNAPSHOT_CREATE, name), "create");
		usleep(20000);
		EXPECT(0, snapshot(storm_fd, VEXFS_SNAPSHOT_DELETE, name), "delete");
	}
	return NULL;
}

static bool enough(void)
{
	return asked >= 10 && compactions >= 2 && written >= 100;
}

/* For so many seconds, or until enough has happened, which takes a slow machine longer. */
static void storm(const char *dir, uint32_t seconds)
{
	void *(*const fn[])(void *) = { asker, asker, historian, writer, compactor, snapper };
	pthread_t thread[6];
	uint32_t i, id[1], version[1] = { SNAP_VERSION };

	storm_fd = vx_collection(dir, "storm", DIMS, VEXFS_METRIC_L2, 1);
	for (i = 0; i < STABLE * 2; i++) {
		id[0] = i;
		EXPECT(0, insert(storm_fd, 1, id, version, false), "insert");
		set(i, SNAP_VERSION);
	}
	next_version = 2;
	strcpy(now.name, "fixed");
	snap[0] = now;
	now.name[0] = 0;
	EXPECT(0, snapshot(storm_fd, VEXFS_SNAPSHOT_CREATE, "fixed"), "snapshot");
	snaps = 1;
	for (i = 0; i < 6; i++)
		if (pthread_create(&thread[i], NULL, fn[i], (void *)(uintptr_t)i))
			die("thread");
	for (i = 0; i < seconds || (!enough() && !failures && i < 20 * seconds); i++)
		sleep(1);
	stop = true;
	for (i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	for (i = now.live = 0; i < MAX_IDS; i++)
		now.live += now.version[i] != 0;
	check_all(storm_fd);
	printf("%u searches, %u compactions, %u records written\n", asked, compactions, written);
	FAIL(!enough(), "not much has happened");
}

/* --- larger collections, for machines, mounts and processes that end in the middle --- */

#define BIG_DIMS	4
#define BIG_BATCH	10000

static void big_row(float *v, uint64_t id)
{
	make_row(v, BIG_DIMS, 3, id);
}

static void fill(const char *dir, uint32_t n, uint32_t keep)
{
	static float rows[BIG_BATCH * BIG_DIMS];
	static uint64_t ids[BIG_BATCH];
	int fd = vx_collection(dir, "big", BIG_DIMS, VEXFS_METRIC_L2, 0);
	uint32_t i, some, at, dead;
	uint64_t bad;

	for (at = 0; at < n && !failures; at += some) {
		some = n - at < BIG_BATCH ? n - at : BIG_BATCH;
		for (i = 0; i < some; i++) {
			ids[i] = at + i;
			big_row(rows + i * BIG_DIMS, at + i);
		}
		EXPECT(0, vx_insert(fd, some, BIG_DIMS, rows, ids, NULL, NULL, &bad), "insert");
		for (i = dead = 0; i < some; i++)
			if ((at + i) % keep)
				ids[dead++] = at + i;
		if (dead)
			EXPECT(0, vx_delete(fd, dead, ids, &bad), "delete");
	}
	FAIL(fsync(fd), "fsync: %s", strerror(errno));
}

static void check_big(int fd, uint32_t n, uint32_t keep)
{
	static struct vexfs_item item[BIG_BATCH];
	static float rows[BIG_BATCH * BIG_DIMS];
	struct vexfs_ioc_list a = {
		.size = sizeof(a), .items = PTR(item), .rows = PTR(rows), .row_bytes = BIG_DIMS * 4,
	};
	uint64_t want = 0, i;
	float row[BIG_DIMS];

	while (a.cursor != ~0ULL && !failures) {
		a.n = BIG_BATCH;
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_LIST, &a), "list"))
			return;
		for (i = 0; i < a.n && !failures; i++, want += keep) {
			big_row(row, want);
			FAIL(item[i].id != want || memcmp(row, rows + i * BIG_DIMS, sizeof(row)),
			     "id %llu instead of %llu", (unsigned long long)item[i].id,
			     (unsigned long long)want);
		}
	}
	FAIL(want < n, "records end at id %llu of %u", (unsigned long long)want, n);
}

static void killed(const char *dir)
{
	int fd = vx_directory(dir, "big"), status;
	struct vexfs_ioc_info before, info;
	uint64_t a, b, tries;
	pid_t child;

	if (fd < 0 || vx_info(fd, &before))
		die("big");
	child = fork();
	if (!child)
		_exit(compact(fd, 0, &a, &b));
	for (tries = 0; tries < 10000000; tries++) {
		if (vx_info(fd, &info))
			die("info");
		if (info.compact_done || info.epoch != before.epoch)
			break;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	if (vx_info(fd, &info))
		die("info");
	FAIL(!WIFSIGNALED(status), "it was done before it could be killed");
	FAIL(info.epoch != before.epoch || info.count != before.count || info.live != before.live ||
		     info.compact_done || info.compact_total,
	     "epoch %llu, %llu slots, %llu records, compacting %llu of %llu",
	     (unsigned long long)info.epoch, (unsigned long long)info.count,
	     (unsigned long long)info.live, (unsigned long long)info.compact_done,
	     (unsigned long long)info.compact_total);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "", *dir = argc > 2 ? argv[2] : "";

	if (!strcmp(what, "run") && argc == 6) {
		run(dir, strtoull(argv[3], NULL, 0), atoi(argv[4]), atoi(argv[5]));
	} else if (!strcmp(what, "bad")) {
		bad(dir);
	} else if (!strcmp(what, "files")) {
		files(dir);
	} else if (!strcmp(what, "storm") && argc == 4) {
		storm(dir, atoi(argv[3]));
	} else if (!strcmp(what, "fill") && argc == 5) {
		fill(dir, atoi(argv[3]), atoi(argv[4]));
	} else if (!strcmp(what, "check") && argc == 5) {
		int fd = vx_directory(dir, "big");

		if (fd < 0)
			die("big");
		check_big(fd, atoi(argv[3]), atoi(argv[4]));
	} else if (!strcmp(what, "killed")) {
		killed(dir);
	} else {
		fprintf(stderr,
			"usage: snapshots run DIR SEED FROM TO | bad DIR | files DIR | storm DIR SECONDS |\n"
				"       fill DIR N K | check DIR N K | killed DIR\n");
		return 2;
	}
	return failed();
}
