// SPDX-License-Identifier: GPL-2.0
/*
 * Records by id and by key, against a model.
 *
 *	records history DIR SEED N	N random inserts, upserts, deletes, gets and listings, with
 *					syncs
 *	records check DIR SEED N	the same model, after a remount: everything is as it was
 *	records bad DIR			what must be refused, with nothing changed
 *	records race DIR SECONDS	upserts under queries: exactly one version of each id is
 *					found
 *
 * DIR is a directory of VexFS.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define DIMS	5
#define ATTRS	2
#define IDS	400			/* ids and keys come from small sets, so that they meet */
#define KEYS	250
#define BATCH	40

/* What should be there. */
struct entry {
	bool live;
	uint64_t version;		/* makes the row and the attributes */
	int key;			/* -1: none */
	uint64_t seq;
};
static struct entry model[IDS];
static uint64_t seq = 1, version, chance_state;

static uint32_t chance(uint32_t n)
{
	return random64(&chance_state) % n;
}

static uint64_t id_of(uint32_t i)
{
	return i * 0x9e3779b97f4a7c15ULL;
}

/* Key k: 1 to 255 bytes, none a prefix rule to rely on, some alike but for their ends. */
static uint32_t key_of(int k, char *key)
{
	uint32_t len = 1 + (uint32_t)k * 7 % VEXFS_MAX_KEY, i;

	for (i = 0; i < len; i++)
		key[i] = (char)(1 + (k / 16 * 31 + i) % 255);
	key[len - 1] = (char)(1 + k % 255);
	if (len > 1)
		key[0] = (char)(1 + k / 255);
	return len;
}

static int holder(int key)
{
	int i;

	for (i = 0; i < IDS; i++)
		if (model[i].live && model[i].key == key)
			return i;
	return -1;
}

/* --- changes --- */

struct batch {
	uint32_t n, key_bytes;
	uint32_t who[BATCH];
	int key[BATCH];
	float rows[BATCH * DIMS];
	uint64_t ids[BATCH];
	int64_t attrs[BATCH * ATTRS];
	uint8_t lens[BATCH];
	char keys[BATCH * VEXFS_MAX_KEY];
};

static void make_batch(struct batch *b)
{
	uint32_t i;

	b->n = 1 + chance(BATCH);
	b->key_bytes = 0;
	for (i = 0; i < b->n; i++) {
		b->who[i] = chance(IDS);
		b->key[i] = chance(3) ? (int)chance(KEYS) : -1;
		b->ids[i] = id_of(b->who[i]);
		make_row(b->rows + i * DIMS, DIMS, 1, version + i);
		b->attrs[i * ATTRS] = version + i;
		b->attrs[i * ATTRS + 1] = -(int64_t)(version + i);
		b->lens[i] = 0;
		if (b->key[i] >= 0) {
			b->lens[i] = key_of(b->key[i], b->keys + b->key_bytes);
			b->key_bytes += b->lens[i];
		}
	}
}

/* What the kernel should say, and at which record; *at n: none. */
static int judge(const struct batch *b, bool upsert, uint32_t *at)
{
	uint32_t i, j;

	for (i = 0; i < b->n && !upsert; i++) {
		*at = i;
		if (model[b->who[i]].live || (b->key[i] >= 0 && holder(b->key[i]) >= 0))
			return EEXIST;
		for (j = 0; j < i; j++)
			if (b->who[j] == b->who[i] || (b->key[i] >= 0 && b->key[j] == b->key[i]))
				return EEXIST;
	}
	return 0;
}

static void insert(int fd, bool upsert)
{
	struct batch b;
	struct vexfs_ioc_insert a;
	uint32_t at = 0, i;
	int want, other;

	make_batch(&b);
	a = (struct vexfs_ioc_insert){
		.size = sizeof(a), .flags = upsert ? VEXFS_INSERT_UPSERT : 0, .n = b.n,
		.row_bytes = DIMS * 4, .rows = PTR(b.rows), .ids = PTR(b.ids),
		.attrs = PTR(b.attrs), .keys = b.key_bytes ? PTR(b.keys) : 0,
		.key_lens = b.key_bytes ? PTR(b.lens) : 0, .key_bytes = b.key_bytes,
	};
	want = judge(&b, upsert, &at);
	EXPECT(want, vx_ioctl(fd, VEXFS_IOC_INSERT, &a), upsert ? "upsert" : "insert");
	FAIL(want && a.bad != at, "record %lld is at fault, not %u", (long long)a.bad, at);
	if (want)
		return;
	FAIL(a.seq != seq, "sequence number %llu, not %llu", a.seq, (unsigned long long)seq);
	for (i = 0; i < b.n; i++) {	/* one after the other */
		other = b.key[i] >= 0 ? holder(b.key[i]) : -1;
		if (other >= 0)
			model[other].live = false;
		model[b.who[i]] = (struct entry){ true, version++, b.key[i], seq++ };
	}
}

static void delete(int fd)
{
	bool by_key = chance(2);
	uint32_t n = 1 + chance(3), i, j, bytes = 0, at = ~0u, who[3];
	char keys[3 * VEXFS_MAX_KEY];
	uint64_t ids[3];
	uint8_t lens[3];
	int key, h, err;
	struct vexfs_ioc_delete a;

	for (i = 0; i < n; i++) {
		key = chance(KEYS);
		h = by_key ? holder(key) : (int)chance(IDS);
		who[i] = h < 0 ? IDS : h;
		ids[i] = id_of(h);
		lens[i] = key_of(key, keys + bytes);
		bytes += lens[i];
		for (j = 0; j < i; j++)
			if (at > i && who[j] == who[i])
				at = i;
		if (at > i && (who[i] == IDS || !model[who[i]].live))
			at = i;
	}
	a = (struct vexfs_ioc_delete){ .size = sizeof(a),
				       .n = n,
				       .flags = by_key ? VEXFS_DELETE_BY_KEY : 0 };
	if (by_key) {
		a.keys = PTR(keys);
		a.key_lens = PTR(lens);
		a.key_bytes = bytes;
	} else {
		a.ids = PTR(ids);
	}
	err = vx_ioctl(fd, VEXFS_IOC_DELETE, &a);
	EXPECT(at == ~0u ? 0 : ENOENT, err, by_key ? "delete by key" : "delete by id");
	for (i = 0; !err && i < n; i++) {
		model[who[i]].live = false;
		seq++;
	}
}

/* --- looking --- */

static void compare(const struct vexfs_item *item, const float *row, const char *key, uint32_t i)
{
	const struct entry *m = model + i;
	char wanted[VEXFS_MAX_KEY];
	uint32_t len = m->key >= 0 ? key_of(m->key, wanted) : 0;
	float v[DIMS];

	make_row(v, DIMS, 1, m->version);
	FAIL(!m->live, "id %u is not there", i);
	FAIL(item->id != id_of(i) || item->seq != m->seq || item->attr[0] != (int64_t)m->version ||
	     item->attr[1] != -(int64_t)m->version || item->attr[2] || item->file,
	     "id %u: seq %llu, attribute %lld, not %llu, %llu", i, item->seq, item->attr[0],
	     (unsigned long long)m->seq, (unsigned long long)m->version);
	FAIL(row && memcmp(row, v, sizeof(v)), "id %u has another row", i);
	FAIL(item->key_len != len || !(item->flags & VEXFS_ITEM_KEYED) != !len ||
		     (key && memcmp(key, wanted, len)),
	     "id %u has another key, of %u bytes", i, item->key_len);
}

static void get(int fd, uint32_t i, bool by_key)
{
	char key[VEXFS_MAX_KEY], out[VEXFS_MAX_KEY];
	int k = i % KEYS, h = by_key ? holder(k) : model[i].live ? (int)i : -1;
	float row[DIMS];
	struct vexfs_ioc_get a = { .size = sizeof(a), .id = id_of(i), .row = PTR(row),
				   .row_bytes = sizeof(row), .key_out = PTR(out) };

	if (by_key) {
		a.flags = VEXFS_GET_BY_KEY;
		a.key = PTR(key);
		a.key_len = key_of(k, key);
	}
	if (!EXPECT(h < 0 ? ENOENT : 0, vx_ioctl(fd, VEXFS_IOC_GET, &a),
		    by_key ? "get by key" : "get") &&
	    h >= 0)
		compare(&a.item, row, out, h);
}

/* Everything, in pages of random sizes. */
static void list_all(int fd)
{
	struct vexfs_item items[64];
	float rows[64 * DIMS];
	char keys[64 * VEXFS_MAX_KEY];
	bool seen[IDS] = { 0 };
	uint64_t last = 0;
	uint32_t i, k, n = 0;
	struct vexfs_ioc_list a = { .size = sizeof(a), .items = PTR(items), .row_bytes = DIMS * 4 };

	do {
		a.n = 1 + chance(64);
		a.rows = chance(4) ? PTR(rows) : 0;
		a.keys = chance(4) ? PTR(keys) : 0;
		a.key_bytes = a.keys ? VEXFS_MAX_KEY + chance(63 * VEXFS_MAX_KEY) : 0;
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_LIST, &a), "list"))
			return;
		for (k = 0; k < a.n; k++) {
			for (i = 0; i < IDS && id_of(i) != items[k].id; i++)
				;
			if (FAIL(i == IDS || seen[i], "id %llx is listed twice, or unknown",
				 items[k].id))
				return;
			if (FAIL(n && items[k].slot <= last, "slot %llu after %llu", items[k].slot,
				 (unsigned long long)last))
				return;
			last = items[k].slot;
			seen[i] = true;
			n++;
			FAIL(items[k].key_len && a.keys &&
				     items[k].key_off + items[k].key_len > a.key_bytes,
			     "key beyond the end");
			compare(&items[k], a.rows ? rows + k * DIMS : NULL,
				a.keys ? keys + items[k].key_off : NULL, i);
		}
	} while (a.cursor != ~0ULL && !failures);
	for (i = 0; i < IDS; i++)
		FAIL(model[i].live && !seen[i], "id %u is not listed", i);
}

static int run(int fd, uint64_t seed, uint32_t n)
{
	uint32_t i;

	chance_state = seed;
	for (i = 0; i < n && !failures; i++)
		switch (chance(10)) {
		case 0: case 1: case 2:
			insert(fd, false);
			break;
		case 3: case 4: case 5:
			insert(fd, true);
			break;
		case 6: case 7:
			delete(fd);
			break;
		case 8:
			if (!chance(5))
				EXPECT(0, fsync(fd) ? errno : 0, "fsync");
			get(fd, chance(IDS), chance(2));
			break;
		case 9:
			if (!chance(4))
				list_all(fd);
			break;
		}
	return failed();
}

/* The model, as a file beside the collection holds it. */
static void model_file(const char *dir, bool save)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/model", dir);
	f = fopen(path, save ? "w" : "r");
	if (!f ||
	    (save ? fwrite(model, sizeof(model), 1, f) : fread(model, sizeof(model), 1, f)) != 1 ||
	    (save ? fwrite(&seq, 8, 1, f) : fread(&seq, 8, 1, f)) != 1 ||
	    (save ? fwrite(&version, 8, 1, f) : fread(&version, 8, 1, f)) != 1 || fclose(f))
		die(path);
}

static int history(const char *dir, uint64_t seed, uint32_t n)
{
	int fd = vx_collection(dir, "records", DIMS, VEXFS_METRIC_L2, ATTRS), ret;

	ret = run(fd, seed, n);
	model_file(dir, true);
	return ret;
}

/* As it was, and the history goes on. */
static int check(const char *dir, uint64_t seed, uint32_t n)
{
	int fd = vx_directory(dir, "records");
	struct vexfs_ioc_info info;
	uint32_t i, live = 0;

	model_file(dir, false);
	for (i = 0; i < IDS; i++)
		live += model[i].live;
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.live != live, "%llu records, not %u", info.live, live);
	chance_state = seed;
	list_all(fd);
	for (i = 0; i < IDS; i++) {
		get(fd, i, false);
		get(fd, i, true);
	}
	run(fd, seed + 1, n);
	model_file(dir, true);
	return failed();
}

/* --- what must be refused --- */

static int bad(const char *dir)
{
	int fd = vx_collection(dir, "bad", DIMS, VEXFS_METRIC_L2, 0);
	float rows[3 * DIMS];
	uint64_t ids[3] = { 1, 2, 3 };
	uint8_t lens[3] = { 3, 0, 4 };
	char key[300];
	struct vexfs_ioc_info before, after;
	struct vexfs_item items[2];
	uint32_t i;

	for (i = 0; i < 3; i++)
		make_row(rows + i * DIMS, DIMS, 1, i);
#define IN(want, what, ...)								\
	do {										\
		struct vexfs_ioc_insert a = { .size = sizeof(a),        \
					      .n = 3,                   \
					      .row_bytes = DIMS * 4,    \
					      .rows = PTR(rows),        \
					      .ids = PTR(ids),          \
					      .keys = PTR("abcdefg"),   \
					      .key_lens = PTR(lens),    \
					      .key_bytes = 7 };         \
		vx_info(fd, &before);							\
		__VA_ARGS__;								\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_INSERT, &a), what);			\
		vx_info(fd, &after);							\
		after.resident = before.resident;	/* room that stays */			\
		FAIL((want) && memcmp(&before, &after, sizeof(after)),  \
		     "%s: something has changed", what);                \
	} while (0)
	IN(EINVAL, "fewer bytes of keys than lengths", a.key_bytes = 6);
	IN(EINVAL, "more bytes of keys than lengths", a.key_bytes = 8; a.keys = PTR("abcdefgh"));
	IN(EINVAL, "keys without bytes", a.key_bytes = 0);
	IN(EINVAL, "keys without lengths", a.key_lens = 0);
	IN(EINVAL, "lengths without keys", a.keys = 0);
	IN(EINVAL, "a NUL in a key", a.keys = PTR("ab\0defg"));
	IN(E2BIG, "too many bytes of keys", a.key_bytes = VEXFS_MAX_STRING_BYTES + 1);
	IN(EFAULT, "keys nowhere", a.keys = 4096);
	IN(EFAULT, "lengths nowhere", a.key_lens = 4096);
	IN(EEXIST, "the same key twice in a batch", lens[0] = 3; lens[1] = 3; lens[2] = 1;
	   a.keys = PTR("xyzxyzq"));
	lens[1] = 0;
	lens[2] = 4;
	IN(EEXIST, "the same id twice in a batch", ids[2] = 1);
	ids[2] = 3;
	IN(0, "keys", );
	IN(EEXIST, "a key that is taken", ids[0] = 11; ids[1] = 12; ids[2] = 13;
	   a.keys = PTR("xyzdefg"));
	IN(0, "a key that is taken, as an upsert", a.keys = PTR("xyzdefg");
	   a.flags = VEXFS_INSERT_UPSERT);
	FAIL(after.live != 5, "%llu records are left, not 5", after.live);
#define GET(want, what, ...)								\
	do {										\
		struct vexfs_ioc_get a = { .size = sizeof(a),         \
					   .flags = VEXFS_GET_BY_KEY, \
					   .key = PTR(key),           \
					   .key_len = 3 };            \
		memcpy(key, "abc", 3);							\
		__VA_ARGS__;								\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_GET, &a), what);			\
	} while (0)
	GET(0, "get by key", );
	GET(EINVAL, "get by an empty key", a.key_len = 0);
	GET(EINVAL, "get by a long key", a.key_len = 256);
	GET(EINVAL, "get by a key with a NUL", key[1] = 0);
	GET(EFAULT, "get by a key nowhere", a.key = 4096);
	GET(EFAULT, "the key to nowhere", a.key_out = 4096);
	GET(ENOENT, "a longer key", a.key_len = 4; key[3] = 'd');
	GET(ENOENT, "a shorter key", a.key_len = 2);
	GET(ENOENT, "the key of a replaced record", memcpy(key, "defg", 4); a.key_len = 3);
#define LIST(want, what, ...)								\
	do {										\
		struct vexfs_ioc_list a = { .size = sizeof(a), .n = 2, .items = PTR(items) };	\
		__VA_ARGS__;								\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_LIST, &a), what);			\
	} while (0)
	LIST(0, "list", );
	LIST(EINVAL, "list nothing", a.n = 0);
	LIST(E2BIG, "list too much", a.n = VEXFS_MAX_BATCH + 1);
	LIST(EINVAL, "list flags", a.flags = 4);
	LIST(EMSGSIZE, "list with short rows", a.rows = PTR(rows); a.row_bytes = 4);
	LIST(EINVAL, "list with too little room for keys", a.keys = PTR(key); a.key_bytes = 254);
	LIST(EFAULT, "list to nowhere", a.items = 4096);
	LIST(ESTALE, "list of another epoch", a.cursor = 1; a.epoch = 77);
	LIST(0, "list beyond the end", a.cursor = 1ULL << 40);
	return failed();
}

/* --- upserts under queries --- */

#define RACERS	64

struct race {
	int fd;
	volatile bool stop;
	atomic_ulong upserts, queries;
};

static void *upsert_loop(void *arg)
{
	struct race *r = arg;
	uint64_t ids[RACERS], s = 5;
	float rows[RACERS * DIMS];
	uint32_t i, n;

	while (!r->stop) {
		struct vexfs_ioc_insert a = { .size = sizeof(a), .flags = VEXFS_INSERT_UPSERT,
					      .row_bytes = DIMS * 4, .rows = PTR(rows),
					      .ids = PTR(ids) };
		uint32_t first = random64(&s) % RACERS;

		n = 1 + random64(&s) % RACERS;
		for (i = 0; i < n; i++) {
			ids[i] = (first + i) % RACERS;
			make_row(rows + i * DIMS, DIMS, 3, random64(&s));
		}
		a.n = n;
		EXPECT(0, vx_ioctl(r->fd, VEXFS_IOC_INSERT, &a), "upsert");
		r->upserts++;
	}
	return NULL;
}

static void *query_loop(void *arg)
{
	struct race *r = arg;
	struct vexfs_hit hits[2 * RACERS];
	struct vexfs_ioc_search s;
	uint64_t x = (uint64_t)pthread_self();
	float q[DIMS];
	uint32_t i;

	while (!r->stop && !failures) {
		bool seen[RACERS] = { 0 };

		make_row(q, DIMS, 4, random64(&x));
		EXPECT(0, vx_search(r->fd, 2 * RACERS, DIMS, q, hits, &s), "search");
		FAIL(s.n != RACERS, "%u of %u records", s.n, RACERS);
		for (i = 0; i < s.n; i++) {
			FAIL(hits[i].id >= RACERS || seen[hits[i].id], "id %llu twice", hits[i].id);
			seen[hits[i].id % RACERS] = true;
		}
		r->queries++;
	}
	return NULL;
}

static int race(const char *dir, unsigned int seconds)
{
	struct race r = { .fd = vx_collection(dir, "race", DIMS, VEXFS_METRIC_L2, 0) };
	uint64_t ids[RACERS];
	float rows[RACERS * DIMS];
	pthread_t t[3];
	uint32_t i;

	for (i = 0; i < RACERS; i++) {
		ids[i] = i;
		make_row(rows + i * DIMS, DIMS, 3, i);
	}
	EXPECT(0, vx_insert(r.fd, RACERS, DIMS, rows, ids, NULL, NULL, NULL), "insert");
	for (i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, i ? query_loop : upsert_loop, &r))
			die("pthread_create");
	sleep(seconds);
	r.stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("%lu upserts, %lu queries\n", r.upserts, r.queries);
	FAIL(!r.upserts || !r.queries, "nothing was tried");
	return failed();
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "history"))
		return history(argv[2], atoll(argv[3]), atoi(argv[4]));
	if (argc == 5 && !strcmp(argv[1], "check"))
		return check(argv[2], atoll(argv[3]), atoi(argv[4]));
	if (argc == 3 && !strcmp(argv[1], "bad"))
		return bad(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "race"))
		return race(argv[2], atoi(argv[3]));
	fprintf(stderr, "usage: records history|check DIR SEED N | bad DIR | race DIR SECONDS\n");
	return 2;
}
