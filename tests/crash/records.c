// SPDX-License-Identifier: GPL-2.0
/*
 * crashload: a writer to be killed, and the judge of what it leaves.
 *
 *	crashload load COLLECTION SEED [OPERATIONS [DEVICE OFFSET]]
 *	crashload verify COLLECTION SEED [PROMISED-SEQ]
 *
 * The operations are a function of SEED alone: insert a batch (some of whose ids were deleted
 * before), upsert one (some of whose ids and keys others have), or delete a few ids.  Each batch
 * has a word as an attribute, the same as those around it.  Only when to fsync is left to chance.
 * So what is on the disk after a crash can be judged exactly: the collection's next sequence number
 * must be that of the model after some number of operations (a prefix, nothing torn), at least the
 * promised one, and every record must be the model's.
 *
 * load makes the directory COLLECTION a collection unless it is one.  After each fsync or syncfs
 * that succeeded it writes a promise at byte OFFSET of DEVICE, past the filesystem: 4096 bytes,
 * "PROMISE!", then le64: the next sequence number, the operations, SEED (see tests/crash/states.c),
 * and prints `promised SEQ`.  OPERATIONS 0: until killed.
 *
 * verify prints one line and exits 0, or says what is wrong.  A collection that is missing is right
 * only if nothing was promised.  It ends with an insert of its own, which it takes back.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rows.h"

#define DIMS		25		/* rows of 100 bytes cross blocks */
#define ATTRS		4		/* number of the batch, its size, place in it, its word */
#define MAX_BATCH	300
#define MAX_LIVE	20000
#define MAX_IDS		(1U << 20)
#define MAX_KEYS	600
#define PER_WORD	8		/* batches */

struct record {
	uint64_t seq;			/* 0: not live */
	uint32_t batch, size, place;
	uint32_t key;			/* 0: none */
};

static struct record model[MAX_IDS];
static uint32_t key_id[MAX_KEYS];	/* id + 1 of the live record with the key, 0: none */
/* the live ones, and where each is */
static uint32_t live_ids[MAX_IDS], live_at[MAX_IDS], live;
static uint64_t next_seq = 1, operations, seed, rng;
static uint32_t next_id, batches;

struct operation {
	enum { INSERT, UPSERT, DELETE } what;
	uint32_t n;
	uint64_t ids[MAX_BATCH];
	uint32_t keys[MAX_BATCH];
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

static void row_of(float *v, uint64_t id, uint64_t seq)
{
	make_row(v, DIMS, seed ^ seq << 20, id);
}

/* A key for record i of a batch, one that no other of them has.  Insert: nor any live one. */
static uint32_t choose_key(const struct operation *op, uint32_t i)
{
	uint32_t key = random64(&rng) % (3 * MAX_KEYS), k;

	if (!key || key >= MAX_KEYS || (op->what == INSERT && key_id[key]))
		return 0;
	for (k = 0; k < i; k++)
		if (op->keys[k] == key)
			return 0;
	return key;
}

/* An id for it: an old one, deleted (insert) or live (upsert), or a new one. */
static uint64_t choose_id(const struct operation *op, uint32_t i)
{
	bool old = op->what == INSERT ? i == 0 : random64(&rng) & 1;
	uint32_t id, k;

	if (op->what == INSERT && old && next_id) {
		id = random64(&rng) % next_id;
		if (!model[id].seq)
			return id;
	} else if (old && live) {
		id = live_ids[random64(&rng) % live];
		for (k = 0; k < i && op->ids[k] != id; k++)
			;
		if (k == i)
			return id;
	}
	return next_id++;
}

/* The next operation, from the model alone. */
static void choose(struct operation *op)
{
	uint32_t what = random64(&rng) % 8, i;

	op->what = what < 4 || live < 50 ? INSERT : what < 6 ? UPSERT : DELETE;
	if (live > MAX_LIVE || next_id + MAX_BATCH > MAX_IDS)
		op->what = DELETE;
	if (op->what != DELETE) {
		op->n = what ? random64(&rng) % 40 + 1 : random64(&rng) % MAX_BATCH + 1;
		for (i = 0; i < op->n; i++) {
			op->ids[i] = choose_id(op, i);
			op->keys[i] = choose_key(op, i);
		}
		return;
	}
	op->n = random64(&rng) % (what == 7 ? 40 : 5) + 1;
	if (op->n > live)
		op->n = live;
	for (i = 0; i < op->n; i++) {	/* different ones: a stretch of the list */
		uint32_t from = i ? 0 : random64(&rng) % (live - op->n + 1);

		op->ids[i] = i ? live_ids[live_at[op->ids[0]] + i] : live_ids[from];
	}
}

static void die_in_model(uint64_t id)
{
	if (!model[id].seq)
		return;
	if (model[id].key)
		key_id[model[id].key] = 0;
	model[id].seq = 0;
	live_at[live_ids[--live]] = live_at[id];
	live_ids[live_at[id]] = live_ids[live];
}

static void apply(const struct operation *op)
{
	uint32_t i;

	for (i = 0; i < op->n; i++, next_seq++) {
		uint64_t id = op->ids[i];
		uint32_t key = op->what == DELETE ? 0 : op->keys[i];

		die_in_model(id);
		if (key && key_id[key])
			die_in_model(key_id[key] - 1);
		if (op->what == DELETE)
			continue;
		model[id] = (struct record){ next_seq, batches, op->n, i, key };
		if (key)
			key_id[key] = id + 1;
		live_at[id] = live;
		live_ids[live++] = id;
	}
	batches += op->what != DELETE;
	operations++;
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
static int64_t word_of_batch(int fd)
{
	char word[16];
	uint8_t len = snprintf(word, sizeof(word), "word-%u", batches / PER_WORD);
	int64_t code;
	struct vexfs_ioc_intern a = { .size = sizeof(a), .attr = ATTRS - 1, .n = 1,
				      .words = PTR(word), .lens = PTR(&len), .word_bytes = len,
				      .codes = PTR(&code) };
	int err = vx_ioctl(fd, VEXFS_IOC_INTERN, &a);

	if (err || code != batches / PER_WORD + 1)
		die("intern %s: %s, code %lld", word, strerror(err), (long long)code);
	return code;
}

static int put(int fd, const struct operation *op, uint64_t *bad)
{
	static float rows[MAX_BATCH * DIMS];
	static int64_t attrs[MAX_BATCH * ATTRS];
	static char keys[MAX_BATCH * VEXFS_MAX_KEY];
	static uint8_t lens[MAX_BATCH];
	struct vexfs_ioc_insert a = {
		.size = sizeof(a), .flags = op->what == UPSERT ? VEXFS_INSERT_UPSERT : 0,
		.n = op->n, .row_bytes = DIMS * 4, .rows = PTR(rows), .ids = PTR(op->ids),
		.attrs = PTR(attrs), .keys = PTR(keys), .key_lens = PTR(lens),
	};
	int64_t word = word_of_batch(fd);
	uint32_t i;
	int err;

	for (i = 0; i < op->n; i++) {
		row_of(rows + i * DIMS, op->ids[i], next_seq + i);
		attrs[i * ATTRS] = batches;
		attrs[i * ATTRS + 1] = op->n;
		attrs[i * ATTRS + 2] = i;
		attrs[i * ATTRS + 3] = word;
		lens[i] = op->keys[i] ? key_of(op->keys[i], keys + a.key_bytes) : 0;
		a.key_bytes += lens[i];
	}
	if (!a.key_bytes)
		a.keys = a.key_lens = 0;
	err = vx_ioctl(fd, VEXFS_IOC_INSERT, &a);
	if (!err && a.seq != next_seq)
		die("%s got sequence number %llu, not %llu", names[op->what],
		    (unsigned long long)a.seq, (unsigned long long)next_seq);
	*bad = a.bad;
	return err;
}

static void perform(int fd, const struct operation *op)
{
	uint64_t bad;
	int err = op->what == DELETE ? vx_delete(fd, op->n, op->ids, &bad) : put(fd, op, &bad);

	if (err)
		die("operation %llu (%s %u): %s, bad %lld", (unsigned long long)operations,
		    names[op->what], op->n, strerror(err), (long long)bad);
}

/* --- load --- */

static void promise(int dev, uint64_t offset)
{
	static unsigned char block[4096] __attribute__((aligned(4096)));
	uint64_t number[3] = { htole64(next_seq), htole64(operations), htole64(seed) };

	printf("promised %llu\n", (unsigned long long)next_seq);
	fflush(stdout);
	if (dev < 0)
		return;
	memcpy(block, "PROMISE!", 8);
	memcpy(block + 8, number, sizeof(number));
	if (pwrite(dev, block, sizeof(block), offset) != sizeof(block))
		die("cannot write the promise: %s", strerror(errno));
}

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

static void load(int argc, char **argv)
{
	uint64_t chance = seed ^ (uint64_t)getpid() << 32,
		 max = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;
	uint64_t offset = argc > 6 ? strtoull(argv[6], NULL, 0) : 0;
	int fd = make_collection(argv[2]), dev = -1;
	struct vexfs_ioc_info info;
	static struct operation op;

	if (argc > 6) {
		dev = open(argv[5], O_WRONLY | O_DIRECT);
		if (dev < 0)
			die("%s: %s", argv[5], strerror(errno));
	}
	if (vx_info(fd, &info))
		die("info: %s", strerror(errno));
	while (next_seq < info.next_seq) {	/* go on where an earlier run ended */
		choose(&op);
		apply(&op);
	}
	promise(dev, offset);
	while (!max || operations < max) {
		choose(&op);
		perform(fd, &op);
		apply(&op);
		switch (random64(&chance) % 16) {
		case 0:
		case 1:
			if (fsync(fd))
				die("fsync: %s", strerror(errno));
			promise(dev, offset);
			break;
		case 2:
			if (syncfs(fd))
				die("syncfs: %s", strerror(errno));
			promise(dev, offset);
			break;
		case 3:
			usleep(random64(&chance) % 20000);
			break;
		}
	}
	printf("done: %llu operations, %u records\n", (unsigned long long)operations, live);
}

/* --- verify --- */

static void check_record(int fd, uint64_t id)
{
	const struct record *r = model + id;
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
	row_of(want, id, r->seq);
	if (get.item.seq != r->seq || get.item.attr[0] != r->batch || get.item.attr[1] != r->size ||
	    get.item.attr[2] != r->place || get.item.attr[3] != r->batch / PER_WORD + 1 ||
	    memcmp(row, want, sizeof(row)))
		die("id %llu: wrong record (seq %llu, not %llu)", (unsigned long long)id,
		    (unsigned long long)get.item.seq, (unsigned long long)r->seq);
}

static void check_key(int fd, uint32_t key)
{
	char bytes[VEXFS_MAX_KEY];
	struct vexfs_ioc_get a = { .size = sizeof(a), .flags = VEXFS_GET_BY_KEY, .key = PTR(bytes),
				   .key_len = key_of(key, bytes) };
	int err = vx_ioctl(fd, VEXFS_IOC_GET, &a);

	if (err != (key_id[key] ? 0 : ENOENT))
		die("key %u, id %lld: %s", key, (long long)key_id[key] - 1, strerror(err));
	if (!err && a.item.id != key_id[key] - 1)
		die("key %u leads to id %llu, not %u", key, (unsigned long long)a.item.id,
		    key_id[key] - 1);
}

/* Those of all batches, and perhaps one that was to be used next. */
static void check_words(int fd)
{
	static char bytes[1 << 20];
	static uint8_t lens[1 << 16];
	uint32_t want = (batches + PER_WORD - 1) / PER_WORD, i, off = 0;
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

static void check_search(int fd, uint64_t id)
{
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[3];
	float row[DIMS];
	uint32_t i;
	int err;

	row_of(row, id, model[id].seq);
	err = vx_search(fd, 3, DIMS, row, hit, &s);
	if (err || s.truncated)
		die("search: %s, truncated %#x", strerror(err), s.truncated);
	if (s.n != (live < 3 ? live : 3) || hit[0].id != id || hit[0].distance != 0)
		die("a search for id %llu finds %llu at distance %g", (unsigned long long)id,
		    (unsigned long long)hit[0].id, hit[0].distance);
	for (i = 0; i < s.n; i++)
		if (hit[i].id >= next_id || !model[hit[i].id].seq)
			die("a search finds id %llu, which was deleted",
			    (unsigned long long)hit[i].id);
}

static void verify(int argc, char **argv)
{
	uint64_t promised = argc > 4 ? strtoull(argv[4], NULL, 0) : 0, found, bad,
		 extra = 1ULL << 40;
	int fd = open(argv[2], O_RDONLY | O_DIRECTORY), err = fd < 0 ? errno : 0;
	struct vexfs_ioc_info info;
	static struct operation op;
	float row[DIMS];
	uint32_t i;

	if (!err)
		err = vx_info(fd, &info);
	if ((err == ENOENT || err == ENODATA) && !promised) {
		printf("verified: no collection, and none promised\n");
		return;
	}
	if (err)
		die("%s: %s", argv[2], strerror(err));
	found = info.next_seq;
	if (found < promised)
		die("sequence numbers end at %llu, promised were %llu", (unsigned long long)found,
		    (unsigned long long)promised);
	if (info.count != info.committed)
		die("%llu slots, %llu committed", (unsigned long long)info.count,
		    (unsigned long long)info.committed);
	while (next_seq < found) {
		choose(&op);
		apply(&op);
	}
	if (next_seq != found)
		die("torn: sequence numbers end at %llu, inside an operation that ends at %llu",
		    (unsigned long long)found, (unsigned long long)next_seq);
	if (info.live != live)
		die("%llu records, not %u", (unsigned long long)info.live, live);
	for (i = 0; i < next_id; i++)
		check_record(fd, i);
	for (i = 1; i < MAX_KEYS; i++)
		check_key(fd, i);
	check_words(fd);
	for (i = 0; i < 100 && live; i++)
		check_search(fd, live_ids[random64(&rng) % live]);
	/* it still works */
	row_of(row, extra, 0);
	err = vx_insert(fd, 1, DIMS, row, &extra, NULL, NULL, &bad) ?:
		      vx_get(fd, extra, DIMS, row, NULL)	    ?:
	      vx_delete(fd, 1, &extra, &bad);
	if (err || fsync(fd))
		die("inserting after the crash: %s", strerror(err ?: errno));
	printf("verified: seq %llu (promised %llu), %u records, %llu operations\n",
	       (unsigned long long)found, (unsigned long long)promised, live,
	       (unsigned long long)operations);
}

int main(int argc, char **argv)
{
	if (argc < 4 || argc > 7) {
		fprintf(stderr,
			"usage: crashload load COLLECTION SEED [OPERATIONS [DEVICE OFFSET]]\n"
				"       crashload verify COLLECTION SEED [PROMISED-SEQ]\n");
		return 2;
	}
	rng = seed = strtoull(argv[3], NULL, 0);
	if (!strcmp(argv[1], "load"))
		load(argc, argv);
	else if (!strcmp(argv[1], "verify"))
		verify(argc, argv);
	else
		die("unknown command %s", argv[1]);
	return 0;
}
