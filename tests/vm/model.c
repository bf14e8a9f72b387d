// SPDX-License-Identifier: GPL-2.0
/*
 * Random histories of operations on mounted collections, against a naive model in double precision.
 *
 *	model DEVICE MOUNTPOINT SEED HISTORIES
 *
 * DEVICE is formatted and not mounted: the histories mount and unmount it.  A failed history says
 * its seed, with which it runs alone.  To add an operation, add it to ops[].  The native sister is
 * tests/unit/test_model.c.
 */
#define _GNU_SOURCE
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../exact.h"
#include "check.h"
#include "rows.h"

#define MAX_SLOTS	3000
#define MAX_DIMS	40
#define MAX_K		1000
#define MAX_BATCH	400
#define MAX_FILES	6

struct record {
	uint64_t id;
	int64_t attr[2];
	bool live;
	bool keyed;			/* its key is its id in decimal */
	int file;			/* bound to it, -1: to none */
	uint32_t change;		/* of that file */
	float row[MAX_DIMS];
};

struct file {
	int fd;				/* -1: there is none of the name */
	uint64_t ino;
	uint32_t change;		/* raised by every write */
};

static struct {
	uint32_t dims, metric;
	uint32_t n;			/* slots */
	struct record rec[MAX_SLOTS];
	bool lattice;			/* rows of few different numbers: many ties */
	struct file file[MAX_FILES];	/* records bound to one that is removed vanish */
	uint32_t files;			/* in use, perhaps none */
	int fd;
	char name[32];
} m;

static const char *device, *mountpoint;
static uint64_t chance_state, history;
static unsigned long searches, coded_hits, coded_missed;

static uint32_t chance(uint32_t below)
{
	return random64(&chance_state) % below;
}

static void random_row(float *v)
{
	uint32_t i, any = 0;

	for (i = 0; i < m.dims; i++) {
		v[i] = m.lattice ? (float)chance(3) - 1 : (float)chance(1 << 24) / (1 << 22) - 2;
		any |= v[i] != 0;
	}
	if (!any)
		v[0] = 1;
}

static int find(uint64_t id)
{
	int i;

	for (i = m.n - 1; i >= 0; i--)
		if (m.rec[i].live && m.rec[i].id == id)
			return i;
	return -1;
}

/* One in `used` is that of a record, dead or not. */
static uint64_t random_id(uint32_t used)
{
	if (m.n && !chance(used))
		return m.rec[chance(m.n)].id;
	return chance(100) ? chance(1u << 30) : ~0ULL - chance(3);
}

/* --- changes --- */

/*
 * Insert up to MAX_BATCH records.  The model says whether the call must fail, and at which record;
 * then nothing may have changed.
 */
static void put(bool upsert, uint32_t n, uint32_t used)
{
	static float rows[MAX_BATCH * MAX_DIMS];
	static int64_t attrs[MAX_BATCH][2];
	static uint64_t ids[MAX_BATCH];
	static uint8_t lens[MAX_BATCH];
	static char keys[MAX_BATCH * 24];
	static struct vexfs_bind binds[MAX_BATCH];
	struct vexfs_ioc_insert in = {
		.size = sizeof(in), .flags = upsert ? VEXFS_INSERT_UPSERT : 0,
		.row_bytes = m.dims * 4, .rows = PTR(rows), .ids = PTR(ids), .attrs = PTR(attrs),
	};
	uint32_t i, j, first_bad = ~0u, bytes = 0;
	int old;

	for (i = 0; i < n && m.n + i < MAX_SLOTS; i++) {
		struct record *r = &m.rec[m.n + i];

		*r = (struct record){ .id = random_id(used),
				      .attr = { chance(10), (int64_t)chance(1000) - 500 },
				      .keyed = chance(2),
				      .file = -1 };
		random_row(r->row);
		ids[i] = r->id;
		attrs[i][0] = r->attr[0];
		attrs[i][1] = r->attr[1];
		memcpy(rows + i * m.dims, r->row, m.dims * 4);
		binds[i] = (struct vexfs_bind){ .fd = -1 };
		j = m.files ? chance(2 * m.files) : MAX_FILES;
		if (j < m.files && m.file[j].fd >= 0) {
			binds[i] =
				(struct vexfs_bind){ .fd = m.file[j].fd, .off = r->id, .len = i };
			if (binds[i].off > INT64_MAX)
				binds[i].off = 0;
			r->file = j;
			r->change = m.file[j].change;
			in.binds = PTR(binds);
		}
		lens[i] = r->keyed ? sprintf(keys + bytes, "%llu", (unsigned long long)r->id) : 0;
		bytes += lens[i];
		for (j = 0; j < i; j++)
			if (ids[j] == ids[i])
				break;
		if (first_bad == ~0u && !upsert && (j < i || find(ids[i]) >= 0))
			first_bad = i;
	}
	if (!i)
		return;
	in.n = i;
	if (bytes) {
		in.keys = PTR(keys);
		in.key_lens = PTR(lens);
		in.key_bytes = bytes;
	}
	if (EXPECT(first_bad == ~0u ? 0 : EEXIST, vx_ioctl(m.fd, VEXFS_IOC_INSERT, &in),
		   "insert") ||
	    FAIL(first_bad != ~0u && in.bad != first_bad, "the first at fault is %u, not %llu",
		 first_bad, in.bad) ||
	    first_bad != ~0u)
		return;
	for (i = 0; i < in.n; i++) {
		old = find(ids[i]);
		if (old >= 0)
			m.rec[old].live = false;
		m.rec[m.n++].live = true;
	}
}

static void op_insert(void)
{
	put(false, 1 + chance(chance(3) ? 10 : MAX_BATCH), 500);
}

static void op_upsert(void)
{
	put(true, 1 + chance(8), 2);
}

static void op_delete(void)
{
	uint64_t ids[20], bad;
	uint32_t n = 1 + chance(20), i, j, first_bad = ~0u;

	for (i = 0; i < n; i++) {
		ids[i] = random_id(chance(10) ? 1 : 2);
		for (j = 0; j < i && ids[j] != ids[i]; j++)
			;
		if (j < i || find(ids[i]) < 0) {
			if (chance(10))		/* seldom a call that must fail */
				i--, n--;
			else if (first_bad == ~0u)
				first_bad = i;
		}
	}
	if (!n)
		return;
	if (EXPECT(first_bad == ~0u ? 0 : ENOENT, vx_delete(m.fd, n, ids, &bad), "delete") ||
	    FAIL(first_bad != ~0u && bad != first_bad, "the first at fault is %u, not %llu",
		 first_bad, (unsigned long long)bad) ||
	    first_bad != ~0u)
		return;
	for (i = 0; i < n; i++)
		m.rec[find(ids[i])].live = false;
}

/* Something happens to a file: it is made, written to, or removed. */
static void op_file(void)
{
	uint32_t i, at = m.files ? chance(m.files) : 0;
	struct file *f = &m.file[at];
	char name[16];
	struct stat st;

	if (!m.files)
		return;
	sprintf(name, "f%u", at);
	if (f->fd < 0) {
		f->fd = openat(m.fd, name, O_RDWR | O_CREAT | O_EXCL, 0644);
		if (f->fd < 0 || fstat(f->fd, &st))
			die(name);
		f->ino = st.st_ino;
		f->change = 0;
	} else if (chance(3)) {
		FAIL(pwrite(f->fd, name, 2, chance(10000)) != 2, "pwrite: %s", strerror(errno));
		f->change++;
	} else {
		if (unlinkat(m.fd, name, 0))
			die(name);
		close(f->fd);
		f->fd = -1;
		for (i = 0; i < m.n; i++)
			if (m.rec[i].file == (int)at)
				m.rec[i].live = false;
	}
}

/* Nothing is in a snapshot: what is alive gets the slots 0, 1, ... in the old order. */
static void op_compact(void)
{
	struct vexfs_ioc_compact c = { .size = sizeof(c) };
	uint32_t i, live = 0, before = m.n;

	for (i = 0; i < m.n; i++)
		if (m.rec[i].live)
			m.rec[live++] = m.rec[i];
	m.n = live;
	EXPECT(0, vx_ioctl(m.fd, VEXFS_IOC_COMPACT, &c), "compact");
	FAIL(c.before != before || c.after != live, "compacted %llu slots to %llu, not %u to %u",
	     c.before, c.after, before, live);
}

static void op_sync(void)
{
	struct vexfs_ioc_info info;

	EXPECT(0, fsync(m.fd) ? errno : 0, "fsync");
	EXPECT(0, vx_info(m.fd, &info), "info");
	FAIL(info.committed != m.n, "%llu of %u slots are committed", info.committed, m.n);
}

static void open_collection(void)
{
	char name[16];
	uint32_t i;

	if (mount(device, mountpoint, "vexfs", 0, NULL))
		die("mount");
	m.fd = vx_directory(mountpoint, m.name);
	if (m.fd < 0)
		die(m.name);
	for (i = 0; i < m.files; i++) {
		sprintf(name, "f%u", i);
		if (m.file[i].fd >= 0)
			m.file[i].fd = openat(m.fd, name, O_RDWR);
	}
}

static void close_collection(void)
{
	uint32_t i;

	for (i = 0; i < m.files; i++)
		if (m.file[i].fd >= 0)
			close(m.file[i].fd);
	close(m.fd);
	if (umount(mountpoint))
		die("umount");
}

static void op_remount(void)
{
	close_collection();
	open_collection();
}

/* --- looks --- */

static bool is_stale(const struct record *r)
{
	return r->file >= 0 && r->change != m.file[r->file].change;
}

/* What comes back with the record of a slot, but for the row. */
static void check_item(const struct vexfs_item *item, int slot)
{
	const struct record *r = &m.rec[slot];
	uint32_t flags = (r->keyed ? VEXFS_ITEM_KEYED : 0) | (r->file >= 0 ? VEXFS_ITEM_BOUND : 0) |
			 (is_stale(r) ? VEXFS_ITEM_STALE : 0);

	FAIL(item->id != r->id || item->slot != (__u64)slot || item->attr[0] != r->attr[0] ||
		     item->attr[1] != r->attr[1],
	     "record %llu of slot %llu is not that of slot %d", item->id, item->slot, slot);
	FAIL(item->flags != flags || item->file != (r->file >= 0 ? m.file[r->file].ino : 0),
	     "record %llu: flags %#x, not %#x, inode %llu", item->id, item->flags, flags,
	     item->file);
}

static void check_record(uint64_t id, bool by_key)
{
	int want = find(id);
	char key[24];
	float row[MAX_DIMS];
	struct vexfs_ioc_get g = {
		.size = sizeof(g), .id = id, .row = PTR(row), .row_bytes = m.dims * 4
	};

	if (by_key) {
		g.flags = VEXFS_GET_BY_KEY;
		g.id = 0;
		g.key = PTR(key);
		g.key_len = sprintf(key, "%llu", (unsigned long long)id);
		if (want >= 0 && !m.rec[want].keyed)
			want = -1;
	}
	if (EXPECT(want < 0 ? ENOENT : 0, vx_ioctl(m.fd, VEXFS_IOC_GET, &g), "get") || want < 0)
		return;
	check_item(&g.item, want);
	FAIL(memcmp(row, m.rec[want].row, m.dims * 4), "the row of %llu is another",
	     (unsigned long long)id);
}

static void op_get(void)
{
	struct vexfs_ioc_info info;
	uint32_t i, live = 0;

	for (i = 0; i < 10; i++)
		check_record(random_id(2), chance(2));
	for (i = 0; i < m.n; i++)
		live += m.rec[i].live;
	EXPECT(0, vx_info(m.fd, &info), "info");
	FAIL(info.live != live || info.count != m.n, "%llu records in %llu slots, not %u in %u",
	     info.live, info.count, live, m.n);
}

static void op_list(void)
{
	static struct vexfs_item item[500];
	struct vexfs_ioc_list l = {
		.size = sizeof(l), .items = PTR(item), .flags = chance(3) ? 0 : VEXFS_LIST_STALE,
	};
	uint32_t room = 1 + chance(500), slot = 0, i;

	do {
		l.n = room;
		if (EXPECT(0, vx_ioctl(m.fd, VEXFS_IOC_LIST, &l), "list") ||
		    FAIL(l.n > room, "%u items", l.n))
			return;
		for (i = 0; i < l.n; i++) {
			while (slot < m.n &&
			       (!m.rec[slot].live || (l.flags && !is_stale(&m.rec[slot]))))
				slot++;
			if (FAIL(slot == m.n, "slot %llu is listed", item[i].slot))
				return;
			check_item(&item[i], slot++);
		}
	} while (l.cursor != ~0ULL);
	for (; slot < m.n; slot++)
		FAIL(m.rec[slot].live && (!l.flags || is_stale(&m.rec[slot])),
		     "slot %u is not listed", slot);
}

/* Of `found` in order, at most per_file of each file; how many. */
static uint32_t thin(struct near *t, uint32_t found, uint32_t per_file)
{
	uint32_t seen[MAX_FILES] = { 0 }, i, kept = 0;
	int file;

	for (i = 0; i < found; i++) {
		file = m.rec[find(t[i].id)].file;
		if (file < 0 || seen[file]++ < per_file)
			t[kept++] = t[i];
	}
	return kept;
}

static void check_hits(const struct vexfs_ioc_search *s, const float *q, int64_t below,
		       double radius, const struct vexfs_query_answer *a,
		       const struct vexfs_hit *hit)
{
	static struct near t[MAX_SLOTS];
	bool coded = !strcmp(s->strategy, "coded"), range = s->flags & VEXFS_SEARCH_RANGE;
	uint32_t i, j, found = 0, want;

	for (i = 0; i < m.n; i++) {
		double d = exact_distance(m.metric, q, m.rec[i].row, m.dims);

		if (m.rec[i].live && (!s->where_nodes || m.rec[i].attr[0] < below) &&
		    (!range || d <= radius))
			t[found++] = (struct near){ d, m.rec[i].id };
	}
	qsort(t, found, sizeof(*t), nearer);
	if (s->per_file)
		found = thin(t, found, s->per_file);
	want = found < s->k ? found : s->k;
	searches++;
	FAIL(coded ? a->n > want : a->n != want, "%u hits, not %u", a->n, want);
	FAIL(!coded && a->truncated != (found > want && range ? VEXFS_TRUNC_LIMIT : 0),
	     "truncated %#x", a->truncated);
	for (i = j = 0; i < a->n; i++, j++) {
		while (coded && j < found && t[j].id != hit[i].id)
			j++;		/* codes may have missed it */
		if (FAIL(j == found || t[j].id != hit[i].id || t[j].distance != hit[i].distance,
			 "hit %u of %u is %llu at %.17g, not %llu at %.17g", i, a->n, hit[i].id,
			 hit[i].distance, j < found ? t[j].id : 0, j < found ? t[j].distance : 0))
			return;
		coded_hits += coded && j < want;
	}
	coded_missed += coded ? want : 0;	/* those that were found are taken off at the end */
}

static void op_search(void)
{
	static const uint32_t ks[] = { 1, 10, 50, MAX_K };
	static float rows[5 * MAX_DIMS];
	static struct vexfs_hit hit[5 * MAX_K];
	struct vexfs_query_answer answer[5];
	struct vexfs_predicate_node lt = { .op = VEXFS_PRED_LT, .value = chance(11) };
	struct vexfs_ioc_search s = {
		.size = sizeof(s), .k = ks[chance(4)], .vector_bytes = m.dims * 4,
		.vector = PTR(rows), .hits = PTR(hit), .answers = PTR(answer),
		.queries = chance(2) ? 1 : 1 + chance(5), .timeout_us = VEXFS_MAX_TIMEOUT_US,
		.flags = chance(2) ? VEXFS_SEARCH_EXACT : 0,
	};
	double radius = 0;
	uint32_t i, n = 0;

	for (i = 0; i < s.queries; i++) {
		if (m.n && chance(2))
			memcpy(rows + i * m.dims, m.rec[chance(m.n)].row, m.dims * 4);
		else
			random_row(rows + i * m.dims);
	}
	if (!chance(3)) {
		s.where = PTR(&lt);
		s.where_nodes = 1;
	}
	if (!chance(3)) {		/* on the border of something */
		s.flags |= VEXFS_SEARCH_RANGE;
		radius = m.n ? exact_distance(m.metric, rows, m.rec[chance(m.n)].row, m.dims) : 1;
		memcpy(&s.radius, &radius, 8);
	}
	if (!chance(4))
		s.per_file = 1 + chance(3);
	if (EXPECT(0, vx_ioctl(m.fd, VEXFS_IOC_SEARCH, &s), "search"))
		return;
	for (i = 0; i < s.queries; i++) {
		check_hits(&s, rows + i * m.dims, lt.value, radius, answer + i, hit + i * s.k);
		n += answer[i].n;
	}
	FAIL(s.n != n, "%u hits in all, not %u", s.n, n);
}

static const struct op {
	const char *name;
	void (*fn)(void);
	uint32_t weight;
} ops[] = {
	{ "insert", op_insert, 20 },
	{ "upsert", op_upsert, 12 },
	{ "delete", op_delete, 10 },
	{ "sync", op_sync, 3 },
	{ "compact", op_compact, 3 },
	{ "remount", op_remount, 3 },
	{ "file", op_file, 10 },
	{ "get", op_get, 12 },
	{ "list", op_list, 6 },
	{ "search", op_search, 30 },
};
#define OPS	(sizeof(ops) / sizeof(ops[0]))

static unsigned long done[OPS];

static void one_history(uint32_t number)
{
	struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
	uint32_t left = 10 + chance(40), i, at, sum = 0;

	for (i = 0; i < OPS; i++)
		sum += ops[i].weight;
	m.dims = 1 + chance(MAX_DIMS);
	m.metric = VEXFS_METRIC_L2 + chance(3);
	m.lattice = chance(2);
	m.n = 0;
	m.files = chance(2) * (1 + chance(MAX_FILES));
	for (i = 0; i < MAX_FILES; i++)
		m.file[i].fd = -1;
	snprintf(m.name, sizeof(m.name), "history-%u", number);
	open_collection();
	EXPECT(0, vx_create(m.fd, m.dims, m.metric, 2), "create");
	if (!chance(4))			/* enough of them for codes */
		while (m.n < 1200 && !failures)
			put(false, MAX_BATCH, 1 << 20);
	while (left-- && !failures) {
		at = chance(sum);
		for (i = 0; at >= ops[i].weight; i++)
			at -= ops[i].weight;
		ops[i].fn();
		done[i]++;
		if (failures)
			printf("in %s, %u operations before the end\n", ops[i].name, left);
	}
	op_remount();
	for (i = 0; i < m.n && !failures; i++)
		check_record(m.rec[i].id, chance(2));
	op_get();
	op_list();
	EXPECT(0, vx_ioctl(m.fd, VEXFS_IOC_DROP, &drop), "drop");
	close_collection();
}

int main(int argc, char **argv)
{
	uint32_t i, n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 5) {
		fprintf(stderr, "usage: model DEVICE MOUNTPOINT SEED HISTORIES\n");
		return 2;
	}
	device = argv[1];
	mountpoint = argv[2];
	chance_state = strtoull(argv[3], NULL, 0);
	n = atoi(argv[4]);
	printf("seed %llu\n", (unsigned long long)chance_state);
	for (i = 0; i < n && !failures; i++) {
		history = chance_state;
		one_history(i);
	}
	if (failures)
		printf("to repeat it: model %s %s %llu 1\n", device, mountpoint,
		       (unsigned long long)history);
	coded_missed -= coded_hits;
	for (i = 0; i < OPS; i++)
		printf("%lu x %s\n", done[i], ops[i].name);
	printf("%lu searches; codes missed %lu of %lu hits\n", searches, coded_missed,
	       coded_hits + coded_missed);
	FAIL(coded_missed > (coded_hits + coded_missed) / 100, "more than 1 %%");
	return failed();
}
