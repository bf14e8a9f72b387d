// SPDX-License-Identifier: GPL-2.0
/*
 * What collections promise, short of crashes (tests/crash) and bad input (badinput.c), against an
 * oracle.
 *
 *	collection oracle DIR METRIC DIMS N	insert, search, delete, search again
 *	collection extreme DIR			huge, tiny, opposite and nearly equal vectors
 *	collection ties DIR			thousands of equal vectors
 *	collection names DIR			rename, link, rmdir in and out of collections
 *	collection permission DIR		as nobody
 *	collection readonly DIR			DIR is a collection on a read-only mount
 *	collection fill DIR METRIC DIMS N	make a collection ...
 *	collection check DIR METRIC DIMS N	... that must still be right after umount and mount
 *	collection enospc DIR			fill the disk, then give everything back
 *
 * DIR is a directory of VexFS in which collections are made; METRIC is l2, cosine or dot.  The
 * oracle is exact search in double precision over the rows that were inserted.  Exit code 0, or 1
 * after a line per failure.
 */
#define _GNU_SOURCE
#include <math.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

/* --- the oracle --- */

struct model {
	uint32_t n, dims, metric;
	float *rows;
	uint64_t *ids;
	bool *dead;
};

struct answer {
	double distance;
	uint64_t id;
	uint32_t slot;
};

static double norm(const float *a, uint32_t dims)
{
	double s = 0;
	uint32_t i;

	for (i = 0; i < dims; i++)
		s += (double)a[i] * a[i];
	return sqrt(s);
}

static double distance(uint32_t metric, const float *a, const float *b, uint32_t dims)
{
	double s = 0;
	uint32_t i;

	if (metric == VEXFS_METRIC_L2) {
		for (i = 0; i < dims; i++)
			s += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
		return s;
	}
	for (i = 0; i < dims; i++)
		s += (double)a[i] * b[i];
	return metric == VEXFS_METRIC_DOT ? -s : 1 - s / norm(a, dims) / norm(b, dims);
}

/* How far two correct sums may lie apart: their order is free. */
static double tolerance(uint32_t metric, const float *a, const float *b, uint32_t dims)
{
	double x = norm(a, dims), y = norm(b, dims);

	return 1e-11 * (metric == VEXFS_METRIC_L2 ? (x + y) * (x + y) :
			metric == VEXFS_METRIC_DOT ? x * y : 1);
}

static int by_distance(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static const float *row_of(const struct model *m, uint32_t i)
{
	return m->rows + (size_t)i * m->dims;
}

/* Is slot x alive, equal to hit[n] with a smaller id, and yet no hit before it? */
static bool skipped(const struct model *m, const struct vexfs_hit *hit, uint32_t n, uint64_t x)
{
	uint32_t i;

	if (x >= m->n || m->dead[x] || m->ids[x] >= hit[n].id ||
	    memcmp(row_of(m, x), row_of(m, hit[n].slot), m->dims * 4))
		return false;
	for (i = 0; i < n; i++)
		if (hit[i].id == m->ids[x])
			return false;
	return true;
}

/* hit[n]; want: what the oracle has at that place. */
static bool bad_hit(const struct model *m, const float *q, const struct vexfs_hit *hit, uint32_t n,
		    const struct answer *want)
{
	const struct vexfs_hit *h = hit + n;
	double tol, d;

	if (FAIL(h->slot >= m->n || m->dead[h->slot] || m->ids[h->slot] != h->id,
		 "hit %u: id %llu is not in slot %llu", n, h->id, h->slot))
		return true;
	d = distance(m->metric, q, row_of(m, h->slot), m->dims);
	tol = tolerance(m->metric, q, row_of(m, h->slot), m->dims);
	return FAIL(!(fabs(d - h->distance) <= tol), "hit %u, id %llu: distance %.17g, not %.17g",
		    n, h->id, h->distance, d) ||
	       /* another record than the oracle's only where rounding decides between them */
	       FAIL(h->id != want->id && !(fabs(want->distance - d) <= tol),
		    "hit %u: id %llu at %.17g, not %llu at %.17g", n, h->id, d,
		    (unsigned long long)want->id, want->distance) ||
	       FAIL(n && (h->distance < h[-1].distance ||
			  (h->distance == h[-1].distance && h->id <= h[-1].id)),
		    "hits %u and %u are out of order", n - 1, n) ||
	       /* model_init() makes pairs of equal vectors four slots apart */
	       FAIL(skipped(m, hit, n, h->slot + 4) || skipped(m, hit, n, h->slot - 4),
		    "hit %u, id %llu: an equal vector of a smaller id is missing", n, h->id);
}

/* One query must give what the oracle gives. */
static void check_query(int fd, const struct model *m, const float *q, uint32_t k)
{
	struct answer *want = calloc(m->n + 1, sizeof(*want));
	struct vexfs_hit *hit = calloc(k, sizeof(*hit));
	struct vexfs_ioc_search s;
	uint32_t live = 0, i;
	int err;

	for (i = 0; i < m->n; i++)
		if (!m->dead[i])
			want[live++] = (struct answer){
				distance(m->metric, q, row_of(m, i), m->dims), m->ids[i], i,
			};
	qsort(want, live, sizeof(*want), by_distance);
	err = vx_search(fd, k, m->dims, q, hit, &s);
	if (EXPECT(0, err, "search") || FAIL(s.truncated, "truncated %#x", s.truncated) ||
	    FAIL(s.n != (k < live ? k : live), "%u hits of %u records, k %u", s.n, live, k))
		goto out;
	FAIL(s.visited < live, "visited %llu of %u", s.visited, live);
	FAIL(strcmp(s.strategy, "exact"), "strategy %s", s.strategy);
	for (i = 0; i < s.n && !bad_hit(m, q, hit, i, want + i); i++)
		;
out:
	free(want);
	free(hit);
}

static int64_t attribute(uint64_t id, uint32_t a)
{
	return (int64_t)(id * (a + 1)) - 1000;
}

/* Every record by its id, and the counts. */
static void check_records(int fd, const struct model *m, uint32_t attrs)
{
	float *row = calloc(m->dims, sizeof(*row));
	struct vexfs_ioc_info info;
	uint64_t live = 0;
	uint32_t i, a;

	for (i = 0; i < m->n; i++) {
		struct vexfs_ioc_get get;
		int err = vx_get(fd, m->ids[i], m->dims, row, &get);

		live += !m->dead[i];
		if (EXPECT(m->dead[i] ? ENOENT : 0, err, "get") || err)
			continue;
		FAIL(memcmp(row, row_of(m, i), m->dims * 4), "row of id %llu differs", get.id);
		FAIL(get.item.slot != i, "id %llu in slot %llu, not %u", get.id, get.item.slot, i);
		for (a = 0; a < VEXFS_MAX_ATTRS; a++)
			FAIL(get.item.attr[a] != (a < attrs ? attribute(m->ids[i], a) : 0),
			     "attribute %u of id %llu is %lld", a, get.item.id, get.item.attr[a]);
	}
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.live != live || info.count != m->n, "%llu records in %llu slots, not %llu in %u",
	     info.live, info.count, (unsigned long long)live, m->n);
	free(row);
}

/* --- what is inserted --- */

static void model_init(struct model *m, uint32_t metric, uint32_t dims, uint32_t n)
{
	uint32_t i;

	*m = (struct model){ .n = n, .dims = dims, .metric = metric };
	m->rows = calloc((size_t)n * dims, sizeof(float));
	m->ids = calloc(n, sizeof(uint64_t));
	m->dead = calloc(n, 1);
	if (!m->rows || !m->ids || !m->dead)
		die("memory");
	for (i = 0; i < n; i++) {
		m->ids[i] = fill_id(i);
		make_row(m->rows + (size_t)i * dims, dims, metric, m->ids[i]);
		if (i % 10 == 9)	/* ties */
			memcpy(m->rows + (size_t)i * dims, row_of(m, i - 4), dims * 4);
	}
}

static void model_free(struct model *m)
{
	free(m->rows);
	free(m->ids);
	free(m->dead);
}

/* Batches of different sizes. */
static void insert_model(int fd, const struct model *m, uint32_t attrs)
{
	int64_t *values = calloc((size_t)m->n * attrs + 1, sizeof(*values));
	uint64_t s = m->dims, seq, bad;
	uint32_t i, n, j, a;

	for (i = 0; i < m->n; i += n) {
		n = random64(&s) % 3 ? 1 + random64(&s) % 30 : 1 + random64(&s) % 500;
		if (n > m->n - i)
			n = m->n - i;
		for (j = 0; j < n; j++)
			for (a = 0; a < attrs; a++)
				values[j * attrs + a] = attribute(m->ids[i + j], a);
		if (EXPECT(0,
			   vx_insert(fd, n, m->dims, row_of(m, i), m->ids + i, values, &seq, &bad),
			   "insert"))
			exit(1);
		FAIL(seq != i + 1, "sequence number %llu, not %u", (unsigned long long)seq, i + 1);
	}
	free(values);
}

static void queries(int fd, const struct model *m, uint32_t n, uint64_t seed)
{
	static const uint32_t ks[] = { 1, 10, 3, 100, 1000, 17 };
	float *q = calloc(m->dims, sizeof(*q));
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (i % 3 == 2 && m->n)		/* one that is there */
			memcpy(q, row_of(m, random64(&seed) % m->n), m->dims * 4);
		else
			make_row(q, m->dims, seed, i);
		check_query(fd, m, q, ks[i % 6]);
	}
	free(q);
}

static uint32_t metric_of(const char *name)
{
	return !strcmp(name, "l2")     ? VEXFS_METRIC_L2 :
	       !strcmp(name, "cosine") ? VEXFS_METRIC_COSINE :
	       !strcmp(name, "dot")    ? VEXFS_METRIC_DOT :
					 0;
}

/* Every third is deleted, in batches of one and of many. */
static void delete_some(int fd, struct model *m)
{
	uint64_t batch[64], bad;
	uint32_t i, n = 0;

	for (i = 0; i < m->n; i += 3) {
		m->dead[i] = true;
		if (i % 2)
			EXPECT(0, vx_delete(fd, 1, m->ids + i, &bad), "delete one");
		else
			batch[n++] = m->ids[i];
		if (n == 64) {
			EXPECT(0, vx_delete(fd, n, batch, &bad), "delete");
			n = 0;
		}
	}
	if (n)
		EXPECT(0, vx_delete(fd, n, batch, &bad), "delete the rest");
}

static void oracle(const char *dir, const char *metric, uint32_t dims, uint32_t n)
{
	uint32_t count = n < 500 ? 6 : 9, i;
	struct vexfs_ioc_info info;
	struct model m;
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s-%u", metric, dims);
	fd = vx_collection(dir, name, dims, metric_of(metric), 2);
	model_init(&m, metric_of(metric), dims, n);
	m.n = 0;
	queries(fd, &m, 2, 1);			/* nothing there yet */
	m.n = n;
	insert_model(fd, &m, 2);
	check_records(fd, &m, 2);
	queries(fd, &m, count, 5);
	delete_some(fd, &m);
	queries(fd, &m, count, 6);
	check_records(fd, &m, 2);
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.committed != n, "%llu slots committed after fsync, not %u", info.committed, n);
	/* a deleted id can be used again; it gets a new slot */
	m.rows = realloc(m.rows, (size_t)2 * n * dims * sizeof(float));
	m.ids = realloc(m.ids, 2 * n * sizeof(uint64_t));
	m.dead = realloc(m.dead, 2 * n);
	for (i = 0; i < n; i += 9) {
		m.ids[m.n] = m.ids[i];
		m.dead[m.n] = false;
		make_row(m.rows + (size_t)m.n * dims, dims, 9, i);
		EXPECT(0, vx_insert(fd, 1, dims, row_of(&m, m.n), m.ids + i, NULL, NULL, NULL),
		       "insert again");
		m.n++;
	}
	queries(fd, &m, 2, 7);
	model_free(&m);
	close(fd);
}

/* --- numbers at the edge --- */

static void extreme(const char *dir)
{
	static const float scale[] = { 1e-20f, 1e-10f, 1e10f, 1e18f };
	uint32_t metric, i, j, dims = 20;
	struct model m;
	char name[64];
	float q[20];
	int fd;

	for (metric = VEXFS_METRIC_L2; metric <= VEXFS_METRIC_DOT; metric++)
		for (i = 0; i < sizeof(scale) / sizeof(scale[0]); i++) {
			snprintf(name, sizeof(name), "extreme-%u-%u", metric, i);
			fd = vx_collection(dir, name, dims, metric, 0);
			model_init(&m, metric, dims, 300);
			for (j = 0; j < m.n * dims; j++)
				m.rows[j] *= scale[i];
			for (j = 0; j < dims; j++) {
				m.rows[dims + j] = -m.rows[j];
				m.rows[2 * dims + j] = j == 3 ? scale[i] : 0;
			}
			insert_model(fd, &m, 0);
			for (j = 0; j < 10; j++)
				check_query(fd, &m, row_of(&m, j), j + 1);
			model_free(&m);
			close(fd);
		}
	/* nearly equal distances: only double precision tells them apart */
	for (metric = VEXFS_METRIC_L2; metric <= VEXFS_METRIC_DOT; metric++) {
		snprintf(name, sizeof(name), "close-%u", metric);
		fd = vx_collection(dir, name, dims, metric, 0);
		model_init(&m, metric, dims, 400);
		for (i = 1; i < m.n; i++)
			for (j = 0; j < dims; j++)
				m.rows[i * dims + j] = m.rows[j] + m.rows[i * dims + j] * 1e-6f;
		insert_model(fd, &m, 0);
		make_row(q, dims, 99, 1);
		check_query(fd, &m, q, 10);
		check_query(fd, &m, q, 100);
		check_query(fd, &m, m.rows, 50);
		model_free(&m);
		close(fd);
	}
}

/* Equal vectors are ranked by their ids, however many there are and wherever they lie. */
static void ties(const char *dir)
{
	enum { N = 20000, DIMS = 3 };
	static const uint32_t ks[] = { 1, 7, 1000 };
	static float rows[N * DIMS];
	static uint64_t ids[N];
	static struct vexfs_hit hit[1000];
	int fd = vx_collection(dir, "ties", DIMS, VEXFS_METRIC_L2, 0);
	struct vexfs_ioc_search s;
	uint32_t i, j;

	for (i = 0; i < N; i++) {
		ids[i] = N - i;			/* the smallest come last */
		for (j = 0; j < DIMS; j++)
			rows[i * DIMS + j] = j + 1;
	}
	EXPECT(0, vx_insert(fd, N, DIMS, rows, ids, NULL, NULL, NULL), "insert");
	for (i = 0; i < 3; i++) {
		if (EXPECT(0, vx_search(fd, ks[i], DIMS, (float[]){ 3, 2, 1 }, hit, &s),
			   "search") ||
		    FAIL(s.n != ks[i], "%u hits, not %u", s.n, ks[i]) ||
		    FAIL(s.truncated, "truncated %#x", s.truncated))
			continue;
		for (j = 0; j < s.n; j++)
			if (FAIL(hit[j].id != j + 1 || hit[j].distance != 8,
				 "k %u, hit %u: id %llu at %g", ks[i], j, hit[j].id,
				 hit[j].distance))
				break;
	}
	close(fd);
}

/* --- names --- */

static int sys(int ret)
{
	return ret < 0 ? errno : 0;
}

/* What may be done to files, directories and collections that lie in and beside collections. */
static void names(const char *dir)
{
	int a = vx_collection(dir, "a", 4, VEXFS_METRIC_L2, 0);
	int b = vx_collection(dir, "b", 4, VEXFS_METRIC_L2, 0);
	int plain = vx_directory(dir, "plain"), top = open(dir, O_RDONLY | O_DIRECTORY), fd;
	float row[4] = { 1, 2, 3, 4 };
	struct vexfs_ioc_info info;
	uint64_t id = 1;

	/* a file moves freely: nothing is bound to it */
	fd = openat(a, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	EXPECT(0, sys(fd), "a file in a collection");
	EXPECT(4, write(fd, "text", 4), "its bytes");
	close(fd);
	EXPECT(0, sys(renameat(a, "f", b, "f")), "rename a file into another collection");
	EXPECT(0, sys(linkat(b, "f", plain, "f", 0)), "link a file out of a collection");
	EXPECT(0, sys(linkat(plain, "f", a, "g", 0)), "link a file into a collection");
	EXPECT(0, sys(unlinkat(b, "f", 0)), "unlink it");

	/* a directory with something in it cannot change collections */
	EXPECT(0, sys(mkdirat(a, "sub", 0755)), "mkdir in a collection");
	EXPECT(0, sys(renameat(a, "sub", plain, "sub")), "rename an empty directory out");
	EXPECT(0, sys(renameat(plain, "sub", a, "sub")), "and in again");
	EXPECT(0, sys(mkdirat(a, "sub/deep", 0755)), "mkdir below it");
	EXPECT(EXDEV, sys(renameat(a, "sub", b, "sub")),
	       "rename a full directory to another collection");
	EXPECT(EXDEV, sys(renameat(a, "sub", plain, "sub")), "rename a full directory out");
	EXPECT(0, sys(renameat(a, "sub", a, "sub2")), "rename a full directory inside");
	EXPECT(0, sys(unlinkat(a, "sub2/deep", AT_REMOVEDIR)), "rmdir");
	EXPECT(0, sys(unlinkat(a, "sub2", AT_REMOVEDIR)), "rmdir");

	/* a collection moves with its records, also over an empty one, but not over a full one */
	EXPECT(0, vx_insert(a, 1, 4, row, &id, NULL, NULL, NULL), "insert");
	EXPECT(EPERM, sys(linkat(top, "a", top, "c", 0)), "link a collection");
	EXPECT(EINVAL, sys(renameat(top, "a", a, "a")), "rename a collection into itself");
	EXPECT(ENOTEMPTY, sys(renameat(top, "b", top, "a")),
	       "rename over a collection with a record");
	EXPECT(0, sys(unlinkat(a, "g", 0)), "unlink the last name");
	EXPECT(EBUSY, sys(renameat(top, "b", top, "a")),
	       "rename over a collection with only a record");
	EXPECT(EBUSY, sys(unlinkat(top, "a", AT_REMOVEDIR)),
	       "rmdir of a collection with a record");
	EXPECT(0, sys(renameat(top, "a", plain, "moved")), "rename a collection");
	EXPECT(0, vx_get(a, 1, 4, row, NULL), "get under the new name");
	EXPECT(0, sys(renameat(plain, "moved", top, "b")), "rename over an empty collection");
	EXPECT(ENOENT, vx_insert(b, 1, 4, row, &id, NULL, NULL, NULL),
	       "insert into the one replaced");
	EXPECT(0, sys(fsync(b)), "fsync of the one replaced");
	fd = openat(top, "b", O_RDONLY | O_DIRECTORY);
	EXPECT(0, vx_info(fd, &info), "info under the new name");
	FAIL(info.live != 1, "%llu records", info.live);
	close(fd);

	/* what has no record can be removed; who has it open cannot revive it */
	EXPECT(0, vx_delete(a, 1, &id, NULL), "delete");
	EXPECT(0, sys(unlinkat(top, "b", AT_REMOVEDIR)), "rmdir of a collection");
	EXPECT(ENOENT, vx_insert(a, 1, 4, row, &id, NULL, NULL, NULL),
	       "insert into what was removed");
	EXPECT(ENOENT, vx_delete(a, 1, &id, NULL), "delete from what was removed");
	EXPECT(0, sys(fsync(a)), "fsync of what was removed");
	close(a);
	close(b);
	close(plain);
	close(top);
}

/* --- permissions --- */

static void as_nobody(const char *path)
{
	struct vexfs_ioc_use use = { .size = sizeof(use) };
	float row[4] = { 1, 2, 3, 4 };
	struct vexfs_ioc_search s;
	uint64_t id = 1, two = 2;
	struct vexfs_hit hit;
	int fd;

	if (setgid(65534) || setuid(65534))
		die("setuid");
	fd = open(path, O_RDONLY | O_DIRECTORY);
	EXPECT(0, sys(fd), "open as nobody");
	EXPECT(0, vx_search(fd, 1, 4, row, &hit, &s), "search as nobody");
	EXPECT(0, vx_get(fd, 1, 4, row, NULL), "get as nobody");
	EXPECT(EACCES, vx_insert(fd, 1, 4, row, &two, NULL, NULL, NULL), "insert as nobody");
	EXPECT(EACCES, vx_delete(fd, 1, &id, NULL), "delete as nobody");
	EXPECT(EPERM, vx_ioctl(fd, VEXFS_IOC_USE, &use), "use as nobody");
	EXPECT(EACCES, vx_create(fd, 4, VEXFS_METRIC_L2, 0), "create as nobody");
	EXPECT(EPERM, vx_ioctl(fd, _IOR('X', 125, __u32), &(__u32){ 0 }), "shutdown as nobody");
	exit(failed());
}

static void permission(const char *dir)
{
	int fd = vx_collection(dir, "permission", 4, VEXFS_METRIC_L2, 0), plain, st;
	float row[4] = { 1, 2, 3, 4 };
	struct vexfs_ioc_info info;
	uint64_t id = 1;
	char path[4096];

	EXPECT(0, vx_insert(fd, 1, 4, row, &id, NULL, NULL, NULL), "insert as root");
	snprintf(path, sizeof(path), "%s/permission", dir);
	if (!fork())
		as_nobody(path);
	wait(&st);
	FAIL(st, "the child failed");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.count != 1 || info.live != 1, "nobody has changed something");

	/* a descriptor that can neither read nor write is good for nothing */
	plain = open(path, O_PATH);
	EXPECT(EBADF, vx_info(plain, &info), "info through O_PATH");
	close(plain);
	if (chmod(path, 0733))		/* may write, but not search */
		die("chmod");
	if (!fork()) {
		if (setgid(65534) || setuid(65534))
			die("setuid");
		plain = open(path, O_RDONLY | O_DIRECTORY);
		exit(plain >= 0 || errno != EACCES);
	}
	wait(&st);
	FAIL(st, "nobody opens a directory that it may not read");
	close(fd);
}

static void readonly(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	struct vexfs_ioc_use use = { .size = sizeof(use) };
	struct vexfs_ioc_info info, after;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[5];
	uint64_t id = 1ULL << 60, first;
	float *row;

	if (fd < 0)
		die(dir);
	EXPECT(0, vx_info(fd, &info), "info");
	row = calloc(info.dims, 4);
	row[0] = 1;
	EXPECT(0, vx_search(fd, 5, info.dims, row, hit, &s), "search");
	FAIL(s.n != 5, "%u hits", s.n);
	first = hit[0].id;
	EXPECT(EROFS, vx_insert(fd, 1, info.dims, row, &id, NULL, NULL, NULL), "insert");
	EXPECT(EROFS, vx_delete(fd, 1, &first, NULL), "delete");
	EXPECT(EROFS, vx_ioctl(fd, VEXFS_IOC_USE, &use), "use");
	EXPECT(EROFS, vx_create(fd, 4, VEXFS_METRIC_L2, 0), "create");
	EXPECT(0, sys(fsync(fd)), "fsync");
	EXPECT(0, vx_info(fd, &after), "info");
	FAIL(after.count != info.count || after.live != info.live, "something has changed");
	free(row);
	close(fd);
}

/* --- a collection that must stay --- */

static void fill(const char *dir, const char *metric, uint32_t dims, uint32_t n, bool check)
{
	struct model m;
	char name[64];
	uint32_t i;
	int fd;

	snprintf(name, sizeof(name), "fill-%s-%u", metric, dims);
	model_init(&m, metric_of(metric), dims, n);
	if (check) {
		fd = vx_directory(dir, name);
		for (i = 0; i < n; i += 3)
			m.dead[i] = true;
		check_records(fd, &m, 1);
		queries(fd, &m, 9, 11);
	} else {
		fd = vx_collection(dir, name, dims, m.metric, 1);
		insert_model(fd, &m, 1);
		delete_some(fd, &m);
	}
	model_free(&m);
	close(fd);
}

/* --- no space --- */

enum { FULL_DIMS = 700, FULL_BATCH = 40 };

/* Smaller and smaller batches, until not even one row fits.  Returns the records that are in. */
static uint64_t fill_disk(int fd)
{
	static float rows[FULL_BATCH * FULL_DIMS];
	struct vexfs_ioc_info before, after;
	uint64_t ids[FULL_BATCH], next = 0;
	uint32_t i, n, full = 0;
	int err;

	for (n = FULL_BATCH; n;) {
		for (i = 0; i < n; i++) {
			ids[i] = next + i;
			make_row(rows + i * FULL_DIMS, FULL_DIMS, 3, ids[i]);
		}
		EXPECT(0, vx_info(fd, &before), "info");
		err = vx_insert(fd, n, FULL_DIMS, rows, ids, NULL, NULL, NULL);
		if (!err) {
			next += n;
			if (next % 5 == 0)
				EXPECT(0, sys(fsync(fd)), "fsync while it fills");
			continue;
		}
		if (EXPECT(ENOSPC, err, "insert into a full disk"))
			break;
		full++;
		EXPECT(0, vx_info(fd, &after), "info");
		FAIL(after.count != before.count || after.live != before.live ||
		     after.next_seq != before.next_seq, "a failed insert has changed something");
		n /= 2;
	}
	FAIL(!full, "the disk never was full");
	return next;
}

static void enospc(const char *dir)
{
	static float row[FULL_DIMS], got[FULL_DIMS];
	struct statvfs empty, full, after;
	struct vexfs_ioc_info info;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit;
	uint64_t next, id;
	char path[4096];
	int fd, i;

	fd = vx_directory(dir, "first");	/* the directory's own block stays */
	close(fd);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (sync(), fstatvfs(fd, &empty))
		die("statvfs");
	close(fd);

	fd = vx_collection(dir, "enospc", FULL_DIMS, VEXFS_METRIC_L2, 1);
	next = fill_disk(fd);
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.live != next, "%llu records, not %llu", info.live, (unsigned long long)next);
	/* planes leave free what a compaction copies */
	EXPECT(0, sys(fstatvfs(fd, &full)), "statvfs");
	FAIL(full.f_bavail > full.f_blocks / 5, "%llu blocks are free, of %llu",
	     (unsigned long long)full.f_bavail, (unsigned long long)full.f_blocks);
	/* everything acknowledged is there and can be made durable */
	EXPECT(0, sys(fsync(fd)), "fsync on a full disk");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.committed != next, "%llu committed, not %llu", info.committed,
	     (unsigned long long)next);
	for (id = 0; id < next; id++) {
		make_row(row, FULL_DIMS, 3, id);
		if (EXPECT(0, vx_get(fd, id, FULL_DIMS, got, NULL), "get on a full disk") ||
		    FAIL(memcmp(got, row, sizeof(row)), "row %llu differs", (unsigned long long)id))
			break;
	}
	make_row(row, FULL_DIMS, 3, next - 1);
	EXPECT(0, vx_search(fd, 1, FULL_DIMS, row, &hit, &s), "search on a full disk");
	FAIL(s.n != 1 || hit.id != next - 1 || hit.distance != 0, "the last record is not found");
	/* deleting needs no space, nor does removing the collection */
	for (id = 0; id < next; id++)
		EXPECT(0, vx_delete(fd, 1, &id, NULL), "delete on a full disk");
	EXPECT(0, sys(fsync(fd)), "fsync of it");
	close(fd);
	snprintf(path, sizeof(path), "%s/enospc", dir);
	EXPECT(0, sys(rmdir(path)), "rmdir");
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	for (i = 0; i < 50; i++) {		/* freed once the last one lets go of it */
		if (fstatvfs(fd, &after))
			die("statvfs");
		if (after.f_bfree == empty.f_bfree && after.f_ffree == empty.f_ffree)
			break;
		usleep(100000);
	}
	FAIL(after.f_bfree != empty.f_bfree, "%llu blocks free, before: %llu",
	     (unsigned long long)after.f_bfree, (unsigned long long)empty.f_bfree);
	FAIL(after.f_ffree != empty.f_ffree, "%llu inodes free, before: %llu",
	     (unsigned long long)after.f_ffree, (unsigned long long)empty.f_ffree);
	close(fd);
	fd = vx_collection(dir, "again", 4, VEXFS_METRIC_L2, 0);	/* the space is usable */
	EXPECT(0, vx_insert(fd, 1, 4, row, &next, NULL, NULL, NULL), "insert afterwards");
	close(fd);
	printf("%llu records until the disk was full\n", (unsigned long long)next);
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(cmd, "oracle") && argc == 6)
		oracle(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	else if (!strcmp(cmd, "extreme") && argc == 3)
		extreme(argv[2]);
	else if (!strcmp(cmd, "ties") && argc == 3)
		ties(argv[2]);
	else if (!strcmp(cmd, "names") && argc == 3)
		names(argv[2]);
	else if (!strcmp(cmd, "permission") && argc == 3)
		permission(argv[2]);
	else if (!strcmp(cmd, "readonly") && argc == 3)
		readonly(argv[2]);
	else if (!strcmp(cmd, "fill") && argc == 6)
		fill(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]), false);
	else if (!strcmp(cmd, "check") && argc == 6)
		fill(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]), true);
	else if (!strcmp(cmd, "enospc") && argc == 3)
		enospc(argv[2]);
	else {
		fprintf(stderr, "usage: collection COMMAND ARG... (see the source)\n");
		return 2;
	}
	return failed();
}
