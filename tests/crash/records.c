// SPDX-License-Identifier: GPL-2.0
/*
 * Records of a collection, written until killed, and the judge of what is left.
 *
 * The operations are a function of the seed alone: insert a batch (some of whose ids were deleted
 * before), upsert one (some of whose ids and keys others have), or delete a few ids.  Each batch
 * has a word as an attribute, the same as those around it.  Only when to fsync is left to chance.
 * So what is on the disk after a crash can be judged exactly: the collection's next sequence number
 * must be that of the model after some number of operations (a prefix, nothing torn), at least the
 * promised one, and every record must be the model's.
 *
 * The load makes the directory a collection unless it is one.  After each fsync or syncfs that
 * succeeded it makes a promise, and prints `promised SEQ`.
 *
 * A collection that is missing is right only if nothing was promised.  The judge ends with an
 * insert of its own, which it takes back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vm/rows.h>
#include "crash.h"

#define DIMS		25		/* rows of 100 bytes cross blocks */
#define ATTRS		4		/* number of the batch, its size, place in it, its word */
#define MAX_BATCH	300
#define MAX_LIVE	20000
#define MAX_IDS		(1U << 20)
#define MAX_KEYS	600
#define PER_WORD	8		/* batches */
#define SEARCHES	20		/* of the judge */

struct record {
	uint64_t seq;			/* 0: not live */
	uint32_t batch, size, place;
	uint32_t key;			/* 0: none */
};

struct operation {
	enum { INSERT, UPSERT, DELETE } what;
	uint32_t n;
	uint64_t ids[MAX_BATCH];
	uint32_t keys[MAX_BATCH];
};

struct model {
	struct record record[MAX_IDS];
	uint32_t key_id[MAX_KEYS];	/* id + 1 of the live record with the key, 0: none */
	/* the live ones, and where each is */
	uint32_t live_ids[MAX_IDS], live_at[MAX_IDS], live;
	uint64_t next_seq, operations, seed, rng;
	uint32_t next_id, batches;
	struct operation op;		/* the next one */
	/* of the batch that is written */
	float rows[MAX_BATCH * DIMS];
	int64_t attrs[MAX_BATCH * ATTRS];
	char keys[MAX_BATCH * VEXFS_MAX_KEY];
	uint8_t lens[MAX_BATCH];
};

static const char *const names[] = { "insert", "upsert", "delete" };

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("crashload: ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

static void row_of(const struct model *m, float *v, uint64_t id, uint64_t seq)
{
	make_row(v, DIMS, m->seed ^ seq << 20, id);
}

/* A key for record i of a batch, one that no other of them has.  Insert: nor any live one. */
static uint32_t choose_key(struct model *m, const struct operation *op, uint32_t i)
{
	uint32_t key = random64(&m->rng) % (3 * MAX_KEYS), k;

	if (!key || key >= MAX_KEYS || (op->what == INSERT && m->key_id[key]))
		return 0;
	for (k = 0; k < i; k++)
		if (op->keys[k] == key)
			return 0;
	return key;
}

/* An id for it: an old one, deleted (insert) or live (upsert), or a new one. */
static uint64_t choose_id(struct model *m, const struct operation *op, uint32_t i)
{
	bool old = op->what == INSERT ? i == 0 : random64(&m->rng) & 1;
	uint32_t id, k;

	if (op->what == INSERT && old && m->next_id) {
		id = random64(&m->rng) % m->next_id;
		if (!m->record[id].seq)
			return id;
	} else if (old && m->live) {
		id = m->live_ids[random64(&m->rng) % m->live];
		for (k = 0; k < i && op->ids[k] != id; k++)
			;
		if (k == i)
			return id;
	}
	return m->next_id++;
}

/* The next operation, from the model alone. */
static void choose(struct model *m)
{
	uint32_t what = random64(&m->rng) % 8, i;
	struct operation *op = &m->op;

	op->what = what < 4 || m->live < 50 ? INSERT : what < 6 ? UPSERT : DELETE;
	if (m->live > MAX_LIVE || m->next_id + MAX_BATCH > MAX_IDS)
		op->what = DELETE;
	if (op->what != DELETE) {
		op->n = what ? random64(&m->rng) % 40 + 1 : random64(&m->rng) % MAX_BATCH + 1;
		for (i = 0; i < op->n; i++) {
			op->ids[i] = choose_id(m, op, i);
			op->keys[i] = choose_key(m, op, i);
		}
		return;
	}
	op->n = random64(&m->rng) % (what == 7 ? 40 : 5) + 1;
	if (op->n > m->live)
		op->n = m->live;
	for (i = 0; i < op->n; i++) {	/* different ones: a stretch of the list */
		uint32_t from = i ? 0 : random64(&m->rng) % (m->live - op->n + 1);

		op->ids[i] = i ? m->live_ids[m->live_at[op->ids[0]] + i] : m->live_ids[from];
	}
}

static void die_in_model(struct model *m, uint64_t id)
{
	if (!m->record[id].seq)
		return;
	if (m->record[id].key)
		m->key_id[m->record[id].key] = 0;
	m->record[id].seq = 0;
	m->live_at[m->live_ids[--m->live]] = m->live_at[id];
	m->live_ids[m->live_at[id]] = m->live_ids[m->live];
}

static void apply(struct model *m)
{
	const struct operation *op = &m->op;
	uint32_t i;

	for (i = 0; i < op->n; i++, m->next_seq++) {
		uint64_t id = op->ids[i];
		uint32_t key = op->what == DELETE ? 0 : op->keys[i];

		die_in_model(m, id);
		if (key && m->key_id[key])
			die_in_model(m, m->key_id[key] - 1);
		if (op->what == DELETE)
			continue;
		m->record[id] = (struct record){ m->next_seq, m->batches, op->n, i, key };
		if (key)
			m->key_id[key] = id + 1;
		m->live_at[id] = m->live;
		m->live_ids[m->live++] = id;
	}
	m->batches += op->what != DELETE;
	m->operations++;
}

/* 1 to 255 bytes, which only the numbers tell apart. */
static uint8_t key_of(uint32_t key, char *out)
{
	char digits[16];
	int n = snprintf(digits, sizeof(digits), "%u", key), len = n + key * 37 % (250 - n);

	memset(out, 'k', len);
	memcpy(out + len - n, digits, n);
	return len;
}

/* The code of the batch's word, which is interned unless it was. */
static int64_t word_of_batch(const struct model *m, int fd)
{
	char word[16];
	uint8_t len = snprintf(word, sizeof(word), "word-%u", m->batches / PER_WORD);
	int64_t code;
	struct vexfs_ioc_intern a = { .size = sizeof(a), .attr = ATTRS - 1, .n = 1,
				      .words = PTR(word), .lens = PTR(&len), .word_bytes = len,
				      .codes = PTR(&code) };
	int err = vx_ioctl(fd, VEXFS_IOC_INTERN, &a);

	if (err || code != m->batches / PER_WORD + 1)
		die("intern %s: %s, code %lld", word, strerror(err), (long long)code);
	return code;
}

static int put(struct model *m, int fd, uint64_t *bad)
{
	const struct operation *op = &m->op;
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .flags = op->what == UPSERT ? VEXFS_INSERT_UPSERT : 0,
		.n = op->n, .row_bytes = DIMS * 4, .rows = PTR(m->rows), .ids = PTR(op->ids),
		.attrs = PTR(m->attrs), .keys = PTR(m->keys), .key_lens = PTR(m->lens),
	};
	int64_t word = word_of_batch(m, fd);
	uint32_t i;
	int err;

	for (i = 0; i < op->n; i++) {
		row_of(m, m->rows + i * DIMS, op->ids[i], m->next_seq + i);
		m->attrs[i * ATTRS] = m->batches;
		m->attrs[i * ATTRS + 1] = op->n;
		m->attrs[i * ATTRS + 2] = i;
		m->attrs[i * ATTRS + 3] = word;
		m->lens[i] = op->keys[i] ? key_of(op->keys[i], m->keys + a.key_bytes) : 0;
		a.key_bytes += m->lens[i];
	}
	if (!a.key_bytes)
		a.keys = a.key_lens = 0;
	err = vx_ioctl(fd, VEXFS_IOC_INSERT, &a);
	if (!err && a.seq != m->next_seq)
		die("%s got sequence number %llu, not %llu", names[op->what],
		    (unsigned long long)a.seq, (unsigned long long)m->next_seq);
	*bad = a.bad;
	return err;
}

static void perform(struct model *m, int fd)
{
	const struct operation *op = &m->op;
	uint64_t bad;
	int err = op->what == DELETE ? vx_delete(fd, op->n, op->ids, &bad) : put(m, fd, &bad);

	if (err)
		die("operation %llu (%s %u): %s, bad %lld", (unsigned long long)m->operations,
		    names[op->what], op->n, strerror(err), (long long)bad);
}

/* --- load --- */

static int create(int fd)
{
	struct vexfs_ioc_create a = {
		.size = sizeof(a), .dims = DIMS, .element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2, .attrs = ATTRS,
		.attr = { { "batch", VEXFS_ATTR_INT, 0 }, { "n", VEXFS_ATTR_INT, 0 },
			  { "place", VEXFS_ATTR_INT, 0 }, { "word", VEXFS_ATTR_KEYWORD, 0 } },
	};

	return vx_ioctl(fd, VEXFS_IOC_CREATE, &a);
}

/* A directory that survives: it and its name are fsynced. */
static int make_collection(const char *path)
{
	char parent[4096];
	int fd, err;

	if (mkdir(path, 0755) && errno != EEXIST)
		die("mkdir %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	err = create(fd);
	if (err && err != EEXIST)
		die("create: %s", strerror(err));
	snprintf(parent, sizeof(parent), "%s", path);
	if (fsync(fd))
		die("fsync: %s", strerror(errno));
	err = open(dirname(parent), O_RDONLY | O_DIRECTORY);
	if (err < 0 || fsync(err))
		die("fsync of the parent: %s", strerror(errno));
	close(err);
	return fd;
}

static struct model *new_model(uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		die("out of memory");
	m->seed = m->rng = seed;
	m->next_seq = 1;
	return m;
}

static void keep(const struct model *m, crash_promise promise)
{
	const uint64_t number[3] = { m->next_seq, m->operations, m->seed };

	if (!promise)
		return;
	printf("promised %llu\n", (unsigned long long)m->next_seq);
	fflush(stdout);
	promise(number);
}

void crash_records_load(const char *dir, uint64_t seed, uint64_t operations, crash_promise promise,
			struct crash_pace *p)
{
	uint64_t chance = seed ^ (uint64_t)getpid() << 32;
	int fd = make_collection(dir);
	struct model *m = new_model(seed);
	struct vexfs_ioc_info info;

	if (vx_info(fd, &info))
		die("info: %s", strerror(errno));
	while (m->next_seq < info.next_seq) {	/* go on where an earlier run ended */
		choose(m);
		apply(m);
	}
	keep(m, promise);
	while (!operations || m->operations < operations) {
		choose(m);
		perform(m, fd);
		apply(m);
		if (p)
			p->operations = m->operations;
		switch (random64(&chance) % 16) {
		case 0:
		case 1:
			if (fsync(fd))
				die("fsync: %s", strerror(errno));
			keep(m, promise);
			break;
		case 2:
			if (syncfs(fd))
				die("syncfs: %s", strerror(errno));
			keep(m, promise);
			break;
		case 3:
			usleep(random64(&chance) % 20000);
			break;
		}
	}
	printf("done: %llu operations, %u records\n", (unsigned long long)m->operations, m->live);
	close(fd);
	free(m);
}
/* --- verify --- */

static void check_record(const struct model *m, int fd, uint64_t id)
{
	const struct record *r = m->record + id;
	float row[DIMS], want[DIMS];
	struct vexfs_ioc_get get;
	int err = vx_get(fd, id, DIMS, row, &get);

	if (!r->seq) {
		if (err != ENOENT)
			die("id %llu was deleted, but get says %s", (unsigned long long)id,
			    strerror(err));
		return;
	}
	if (err)
		die("id %llu: %s", (unsigned long long)id, strerror(err));
	row_of(m, want, id, r->seq);
	if (get.item.seq != r->seq || get.item.attr[0] != r->batch || get.item.attr[1] != r->size ||
	    get.item.attr[2] != r->place || get.item.attr[3] != r->batch / PER_WORD + 1 ||
	    memcmp(row, want, sizeof(row)))
		die("id %llu: wrong record (seq %llu, not %llu)", (unsigned long long)id,
		    (unsigned long long)get.item.seq, (unsigned long long)r->seq);
}

static void check_key(const struct model *m, int fd, uint32_t key)
{
	char bytes[VEXFS_MAX_KEY];
	struct vexfs_ioc_get a = { .size = sizeof(a), .flags = VEXFS_GET_BY_KEY, .key = PTR(bytes),
				   .key_len = key_of(key, bytes) };
	int err = vx_ioctl(fd, VEXFS_IOC_GET, &a);

	if (err != (m->key_id[key] ? 0 : ENOENT))
		die("key %u, id %lld: %s", key, (long long)m->key_id[key] - 1, strerror(err));
	if (!err && a.item.id != m->key_id[key] - 1)
		die("key %u leads to id %llu, not %u", key, (unsigned long long)a.item.id,
		    m->key_id[key] - 1);
}

/* Those of all batches, and perhaps one that was to be used next. */
static void check_words(const struct model *m, int fd)
{
	static char bytes[1 << 20];
	static uint8_t lens[1 << 16];
	uint32_t want = (m->batches + PER_WORD - 1) / PER_WORD, i, off = 0;
	struct vexfs_ioc_words a = { .size = sizeof(a), .attr = ATTRS - 1, .n = 1 << 16, .first = 1,
				     .words = PTR(bytes), .lens = PTR(lens),
				     .word_bytes = sizeof(bytes) };
	int err = vx_ioctl(fd, VEXFS_IOC_WORDS, &a);

	if (err || a.n != a.total || (a.n != want && a.n != want + 1))
		die("words: %s, %llu of them, not %u", strerror(err), (unsigned long long)a.total,
		    want);
	for (i = 0; i < a.n; off += lens[i++]) {
		char word[16];

		if (snprintf(word, sizeof(word), "word-%u", i) != lens[i] ||
		    memcmp(bytes + off, word, lens[i]))
			die("word %u is '%.*s'", i, lens[i], bytes + off);
	}
}

static void check_search(const struct model *m, int fd, uint64_t id)
{
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[3];
	float row[DIMS];
	uint32_t i;
	int err;

	row_of(m, row, id, m->record[id].seq);
	err = vx_search(fd, 3, DIMS, row, hit, &s);
	if (err || s.truncated)
		die("search: %s, truncated %#x", strerror(err), s.truncated);
	if (s.n != (m->live < 3 ? m->live : 3) || hit[0].id != id || hit[0].distance != 0)
		die("a search for id %llu finds %llu at distance %g", (unsigned long long)id,
		    (unsigned long long)hit[0].id, hit[0].distance);
	for (i = 0; i < s.n; i++)
		if (hit[i].id >= m->next_id || !m->record[hit[i].id].seq)
			die("a search finds id %llu, which was deleted",
			    (unsigned long long)hit[i].id);
}

void crash_records_verify(const char *dir, uint64_t seed, uint64_t promised)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY), err = fd < 0 ? errno : 0;
	uint64_t found, bad, extra = 1ULL << 40;
	struct vexfs_ioc_info info;
	float row[DIMS];
	struct model *m;
	uint32_t i;

	if (!err)
		err = vx_info(fd, &info);
	if ((err == ENOENT || err == ENODATA) && !promised) {
		printf("verified: no collection, and none promised\n");
		if (fd >= 0)
			close(fd);
		return;
	}
	if (err)
		die("%s: %s", dir, strerror(err));
	found = info.next_seq;
	if (found < promised)
		die("sequence numbers end at %llu, promised were %llu", (unsigned long long)found,
		    (unsigned long long)promised);
	if (info.count != info.committed)
		die("%llu slots, %llu committed", (unsigned long long)info.count,
		    (unsigned long long)info.committed);
	m = new_model(seed);
	while (m->next_seq < found) {
		choose(m);
		apply(m);
	}
	if (m->next_seq != found)
		die("torn: sequence numbers end at %llu, inside an operation that ends at %llu",
		    (unsigned long long)found, (unsigned long long)m->next_seq);
	if (info.live != m->live)
		die("%llu records, not %u", (unsigned long long)info.live, m->live);
	for (i = 0; i < m->next_id; i++)
		check_record(m, fd, i);
	for (i = 1; i < MAX_KEYS; i++)
		check_key(m, fd, i);
	check_words(m, fd);
	for (i = 0; i < SEARCHES && m->live; i++)
		check_search(m, fd, m->live_ids[random64(&m->rng) % m->live]);
	/* it still works */
	row_of(m, row, extra, 0);
	err = vx_insert(fd, 1, DIMS, row, &extra, NULL, NULL, &bad) ?:
		      vx_get(fd, extra, DIMS, row, NULL)	    ?:
	      vx_delete(fd, 1, &extra, &bad);
	if (err || fsync(fd))
		die("inserting after the crash: %s", strerror(err ?: errno));
	printf("verified: seq %llu (promised %llu), %u records, %llu operations\n",
	       (unsigned long long)found, (unsigned long long)promised, m->live,
	       (unsigned long long)m->operations);
	close(fd);
	free(m);
}
