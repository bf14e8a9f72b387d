// SPDX-License-Identifier: GPL-2.0
/*
 * collection: everything that collections promise, short of crashes (crashload.c), against an oracle.
 *
 *	collection schema DIR			schemas that must be refused, and some that must not
 *	collection oracle DIR METRIC DIMS N	insert, search, delete, search again; METRIC l2, cosine or dot
 *	collection extreme DIR			huge, tiny, equal and opposite vectors
 *	collection errors DIR			every error of ioctl.h, and that nothing has changed
 *	collection permission DIR		as nobody
 *	collection readonly DIR			on a read-only mount
 *	collection fill DIR METRIC DIMS N	a collection ...
 *	collection check DIR METRIC DIMS N	... that must still be right: after umount and mount, drop_caches ...
 *	collection enospc DIR			fill the disk: all or nothing
 *	collection storm DIR SECONDS		everything at once
 *	collection damage DEVICE MOUNTPOINT	break blocks of the unmounted DEVICE, one at a time
 *
 * DIR is a directory of VexFS in which collections are made.  The oracle is exact search in double precision over the rows that
 * were inserted.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>
#include "rows.h"

static atomic_uint failures;

static __attribute__((format(printf, 3, 4))) bool fail_at(int line, bool failed, const char *fmt, ...)
{
	va_list ap;

	if (!failed)
		return false;
	if (atomic_fetch_add(&failures, 1) < 20) {
		va_start(ap, fmt);
		flockfile(stdout);
		printf("collection.c:%d: ", line);
		vprintf(fmt, ap);
		printf("\n");
		funlockfile(stdout);
		va_end(ap);
	}
	return true;
}
/* Count and tell a failure where `failed` is true; yields it. */
#define FAIL(failed, ...) fail_at(__LINE__, failed, __VA_ARGS__)
#define EXPECT(want, got, what) ({ int w_ = (want), g_ = (got); \
	FAIL(w_ != g_, "%s: %s, expected %s", what, g_ ? strerrorname_np(g_) : "success", \
	     w_ ? strerrorname_np(w_) : "success"); })

static __attribute__((noreturn)) void die(const char *what)
{
	printf("collection: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Open (after making it) the directory DIR/name. */
static int directory(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0755) && errno != EEXIST)
		die(path);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		die(path);
	return fd;
}

static int collection(const char *dir, const char *name, uint32_t dims, uint32_t metric, uint32_t attrs)
{
	int fd = directory(dir, name);

	errno = vx_create(fd, dims, metric, attrs);
	if (errno)
		die(name);
	return fd;
}

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

/* How far two correct sums may lie apart. */
static double tolerance(uint32_t metric, const float *a, const float *b, uint32_t dims)
{
	double x = norm(a, dims), y = norm(b, dims);

	return 1e-11 * (metric == VEXFS_METRIC_L2 ? (x + y) * (x + y) : metric == VEXFS_METRIC_DOT ? x * y : 1);
}

static int by_distance(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* One query must give what the oracle gives; equal distances may be told apart by rounding only. */
static void check_query(int fd, const struct model *m, const float *q, uint32_t k)
{
	struct answer *want = calloc(m->n + 1, sizeof(*want));
	struct vexfs_hit *hit = calloc(k, sizeof(*hit));
	struct vexfs_ioc_search s;
	uint32_t live = 0, i, j;
	int err;

	for (i = 0; i < m->n; i++)
		if (!m->dead[i])
			want[live++] = (struct answer){
				distance(m->metric, q, m->rows + (size_t)i * m->dims, m->dims), m->ids[i],
			};
	qsort(want, live, sizeof(*want), by_distance);
	err = vx_search(fd, k, m->dims, q, hit, &s);
	if (EXPECT(0, err, "search") || FAIL(s.truncated, "truncated %#x", s.truncated) ||
	    FAIL(s.n != (k < live ? k : live), "%u hits of %u records, k %u", s.n, live, k))
		goto out;
	FAIL(s.visited < live, "visited %llu of %u", (unsigned long long)s.visited, live);
	FAIL(strcmp(s.strategy, "exact"), "strategy %s", s.strategy);
	for (i = 0; i < s.n; i++) {
		const float *row = NULL;
		double d, tol;

		for (j = 0; j < m->n && !row; j++)
			if (m->ids[j] == hit[i].id && !m->dead[j])
				row = m->rows + (size_t)j * m->dims;
		if (FAIL(!row, "hit %u: id %llu is not there", i, (unsigned long long)hit[i].id))
			break;
		d = distance(m->metric, q, row, m->dims);
		tol = tolerance(m->metric, q, row, m->dims);
		if (FAIL(!(fabs(d - hit[i].distance) <= tol), "hit %u, id %llu: distance %.17g, not %.17g", i,
			 (unsigned long long)hit[i].id, hit[i].distance, d) ||
		    FAIL(!(fabs(want[i].distance - d) <= 2 * tol), "hit %u of %u: id %llu at %.17g, should be %llu at %.17g",
			 i, s.n, (unsigned long long)hit[i].id, d, (unsigned long long)want[i].id, want[i].distance) ||
		    FAIL(i && (hit[i].distance < hit[i - 1].distance ||
			       (hit[i].distance == hit[i - 1].distance && hit[i].id <= hit[i - 1].id)),
			 "hits %u and %u are out of order", i - 1, i))
			break;
	}
out:
	free(want);
	free(hit);
}

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
		FAIL(memcmp(row, m->rows + (size_t)i * m->dims, m->dims * 4), "row of id %llu differs",
		     (unsigned long long)m->ids[i]);
		FAIL(get.slot != i, "id %llu in slot %llu, not %u", (unsigned long long)m->ids[i],
		     (unsigned long long)get.slot, i);
		for (a = 0; a < VEXFS_MAX_ATTRS; a++)
			FAIL(get.attr[a] != (a < attrs ? (int64_t)(m->ids[i] * (a + 1)) - 1000 : 0), "attribute %u of id %llu",
			     a, (unsigned long long)m->ids[i]);
	}
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.live != live || info.count != m->n, "%llu records in %llu slots, not %llu in %u",
	     (unsigned long long)info.live, (unsigned long long)info.count, (unsigned long long)live, m->n);
	free(row);
}

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
		m->ids[i] = (uint64_t)i * 7919 + 3;
		make_row(m->rows + (size_t)i * dims, dims, metric, m->ids[i]);
		if (i % 10 == 9)	/* ties */
			memcpy(m->rows + (size_t)i * dims, m->rows + (size_t)(i - 4) * dims, dims * 4);
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
				values[j * attrs + a] = (int64_t)(m->ids[i + j] * (a + 1)) - 1000;
		if (EXPECT(0, vx_insert(fd, n, m->dims, m->rows + (size_t)i * m->dims, m->ids + i, values, &seq, &bad),
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
		if (i % 3 == 2)		/* one that is there */
			memcpy(q, m->rows + (size_t)(random64(&seed) % m->n) * m->dims, m->dims * 4);
		else
			make_row(q, m->dims, seed, i);
		check_query(fd, m, q, ks[i % 6]);
	}
	free(q);
}

static uint32_t metric_of(const char *name)
{
	return !strcmp(name, "l2") ? VEXFS_METRIC_L2 : !strcmp(name, "cosine") ? VEXFS_METRIC_COSINE :
	       !strcmp(name, "dot") ? VEXFS_METRIC_DOT : 0;
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
		if (n == 64 || (n && i + 3 >= m->n)) {
			EXPECT(0, vx_delete(fd, n, batch, &bad), "delete");
			n = 0;
		}
	}
	if (n)
		EXPECT(0, vx_delete(fd, n, batch, &bad), "delete");
}

static void oracle(const char *dir, const char *metric, uint32_t dims, uint32_t n)
{
	uint32_t count = n < 500 ? 6 : 9, i;
	struct model m;
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s-%u", metric, dims);
	fd = collection(dir, name, dims, metric_of(metric), 2);
	model_init(&m, metric_of(metric), dims, n);
	m.n = 0;
	queries(fd, &(struct model){ .n = 0, .dims = dims, .metric = m.metric }, 2, 1);	/* nothing there yet */
	m.n = n;
	insert_model(fd, &m, 2);
	check_records(fd, &m, 2);
	queries(fd, &m, count, 5);
	delete_some(fd, &m);
	queries(fd, &m, count, 6);
	check_records(fd, &m, 2);
	if (fsync(fd))
		die("fsync");
	for (i = 0; i < n; i += 3) {	/* a deleted id can be used again; it gets a new slot */
		if (i % 9)
			continue;
		EXPECT(0, vx_insert(fd, 1, dims, m.rows + (size_t)i * dims, m.ids + i, NULL, NULL, NULL), "insert again");
		m.dead[i] = false;
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

	for (metric = VEXFS_METRIC_L2; metric <= VEXFS_METRIC_DOT; metric++)
		for (i = 0; i < sizeof(scale) / sizeof(scale[0]); i++) {
			int fd;

			snprintf(name, sizeof(name), "extreme-%u-%u", metric, i);
			fd = collection(dir, name, dims, metric, 0);
			model_init(&m, metric, dims, 300);
			for (j = 0; j < m.n * dims; j++)
				m.rows[j] *= scale[i];
			for (j = 0; j < dims; j++) {
				m.rows[dims + j] = -m.rows[j];
				m.rows[2 * dims + j] = j == 3 ? scale[i] : 0;
			}
			insert_model(fd, &m, 0);
			for (j = 0; j < 10; j++)
				check_query(fd, &m, m.rows + j * dims, j + 1);
			model_free(&m);
			close(fd);
		}
	/* nearly equal distances: only double precision tells them apart */
	for (metric = VEXFS_METRIC_L2; metric <= VEXFS_METRIC_DOT; metric++) {
		float q[20];
		int fd;

		snprintf(name, sizeof(name), "close-%u", metric);
		fd = collection(dir, name, dims, metric, 0);
		model_init(&m, metric, dims, 400);
		for (i = 0; i < m.n; i++)
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

/* --- schemas --- */

static int create(int fd, struct vexfs_ioc_create a)
{
	return vx_ioctl(fd, VEXFS_IOC_CREATE, &a);
}

static void schema(const char *dir)
{
	const struct vexfs_ioc_create good = {
		.size = sizeof(good), .dims = 8, .element = VEXFS_ELEM_F32, .metric = VEXFS_METRIC_L2, .attrs = 2,
		.attr = { { .name = "age", .type = VEXFS_ATTR_INT }, { .name = "_b2", .type = VEXFS_ATTR_INT } },
	};
	static const char *const bad_name[] = { "", "Age", "2b", "a-b", "a b", "\xc3\xa4", "_b2" };
	int fd = directory(dir, "schema"), file;
	struct vexfs_ioc_create a;
	struct vexfs_ioc_info info;
	char big[sizeof(a) + 64];
	uint32_t i;

#define BAD(want, what, ...) do { a = good; __VA_ARGS__; EXPECT(want, create(fd, a), what); } while (0)
	BAD(EINVAL, "no size", a.size = 0);
	BAD(EINVAL, "size 7", a.size = 7);
	BAD(E2BIG, "size 1 MiB", a.size = 1 << 20);
	BAD(EINVAL, "flags", a.flags = 1);
	BAD(EINVAL, "dims 0", a.dims = 0);
	BAD(EINVAL, "dims 4097", a.dims = 4097);
	BAD(EINVAL, "dims ~0", a.dims = ~0u);
	BAD(EINVAL, "element 0", a.element = 0);
	BAD(EINVAL, "element 5", a.element = 5);
	BAD(EOPNOTSUPP, "f16", a.element = VEXFS_ELEM_F16);
	BAD(EOPNOTSUPP, "i8", a.element = VEXFS_ELEM_I8);
	BAD(EOPNOTSUPP, "bit", a.element = VEXFS_ELEM_BIT);
	BAD(EINVAL, "metric 0", a.metric = 0);
	BAD(EINVAL, "metric 5", a.metric = 5);
	BAD(EOPNOTSUPP, "hamming", a.metric = VEXFS_METRIC_HAMMING);
	BAD(EINVAL, "9 attributes", a.attrs = 9);
	BAD(EINVAL, "attributes ~0", a.attrs = ~0u);
	BAD(EINVAL, "an attribute too many", a.attrs = 1);
	BAD(EINVAL, "an attribute too few", a.attrs = 3);
	BAD(EINVAL, "attribute type 0", a.attr[0].type = 0);
	BAD(EINVAL, "attribute type 3", a.attr[0].type = 3);
	BAD(EOPNOTSUPP, "keyword", a.attr[0].type = VEXFS_ATTR_KEYWORD);
	BAD(EINVAL, "attribute reserved", a.attr[0].reserved = 1);
	BAD(EINVAL, "unterminated name", memset(a.attr[0].name, 'a', sizeof(a.attr[0].name)));
	BAD(EINVAL, "reserved", a.reserved[3] = 1);
	for (i = 0; i < sizeof(bad_name) / sizeof(bad_name[0]); i++)
		BAD(EINVAL, bad_name[i], memset(a.attr[0].name, 0, 32), strcpy(a.attr[0].name, bad_name[i]));
	EXPECT(EFAULT, vx_ioctl(fd, VEXFS_IOC_CREATE, NULL), "NULL");
	EXPECT(ENODATA, vx_info(fd, &info), "info before");

	file = openat(fd, "f", O_RDWR | O_CREAT, 0644);
	EXPECT(ENOTEMPTY, create(fd, good), "not empty");
	EXPECT(ENOTTY, create(file, good), "on a file");
	close(file);
	unlinkat(fd, "f", 0);

	memset(big, 0, sizeof(big));
	a = good;
	a.size = sizeof(big);
	memcpy(big, &a, sizeof(a));
	big[sizeof(big) - 1] = 1;
	EXPECT(E2BIG, vx_ioctl(fd, VEXFS_IOC_CREATE, big), "a longer struct with something in it");
	big[sizeof(big) - 1] = 0;
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_CREATE, big), "a longer struct with zeros");
	EXPECT(EEXIST, create(fd, good), "twice");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.dims != 8 || info.row_bytes != 32 || info.metric != VEXFS_METRIC_L2 || info.attrs != 2 ||
	     info.element != VEXFS_ELEM_F32 || strcmp(info.attr[0].name, "age") || strcmp(info.attr[1].name, "_b2") ||
	     info.attr[1].type != VEXFS_ATTR_INT || info.count || info.live || info.next_seq != 1,
	     "info does not say what was created");
	EXPECT(0, openat(fd, "f", O_RDWR | O_CREAT, 0644) < 0 ? errno : 0, "a file in a collection");
	unlinkat(fd, "f", 0);
	close(fd);

	fd = directory(dir, "max");
	a = good;
	a.dims = 4096;
	a.attrs = 8;
	for (i = 0; i < 8; i++) {
		snprintf(a.attr[i].name, 32, "%c234567890123456789012345678901", 'a' + i);
		a.attr[i].type = VEXFS_ATTR_INT;
	}
	EXPECT(0, create(fd, a), "4096 dims, 8 attributes of 31 letters");
	close(fd);

	/* what is empty can be removed, what has records cannot */
	fd = directory(dir, "gone");
	EXPECT(0, vx_create(fd, 4, VEXFS_METRIC_L2, 0), "create");
	EXPECT(0, vx_insert(fd, 1, 4, (float[]){ 1, 2, 3, 4 }, (uint64_t[]){ 1 }, NULL, NULL, NULL), "insert");
	snprintf(big, sizeof(big), "%s/gone", dir);
	EXPECT(ENOTEMPTY, rmdir(big) ? errno : 0, "rmdir with a record");
	EXPECT(0, vx_delete(fd, 1, (uint64_t[]){ 1 }, NULL), "delete");
	EXPECT(0, rmdir(big) ? errno : 0, "rmdir without");
	EXPECT(ENOENT, vx_insert(fd, 1, 4, (float[]){ 1, 2, 3, 4 }, (uint64_t[]){ 1 }, NULL, NULL, NULL),
	       "insert into what was removed");
	EXPECT(0, fsync(fd) ? errno : 0, "fsync of what was removed");
	close(fd);
}

/* --- errors --- */

struct state {
	struct vexfs_ioc_info info;
};

/* The counters of queries apart, nothing may differ. */
static bool same_state(int fd, const struct vexfs_ioc_info *before)
{
	struct vexfs_ioc_info now;

	if (vx_info(fd, &now))
		return false;
	now.queries = before->queries;
	now.fallbacks = before->fallbacks;
	now.resident = before->resident;
	return !memcmp(&now, before, sizeof(now));
}

static int insert(int fd, struct vexfs_ioc_insert *a)
{
	return vx_ioctl(fd, VEXFS_IOC_INSERT, a);
}

static void errors(const char *dir)
{
	enum { DIMS = 6, N = 50 };
	int fd = collection(dir, "errors", DIMS, VEXFS_METRIC_COSINE, 1), plain = directory(dir, "plain");
	int other = collection(dir, "errors-l2", DIMS, VEXFS_METRIC_L2, 0);
	float rows[N * DIMS], some[4 * DIMS];
	uint64_t ids[N], fresh[4] = { 1001, 1002, 1003, 1004 }, bad;
	struct vexfs_ioc_info before;
	struct vexfs_ioc_insert in;
	struct vexfs_ioc_search s;
	struct vexfs_ioc_delete del;
	struct vexfs_ioc_get get;
	struct vexfs_ioc_use use;
	struct vexfs_hit hit[10];
	uint32_t i;

	for (i = 0; i < N; i++) {
		ids[i] = i;
		make_row(rows + i * DIMS, DIMS, 1, i);
	}
	for (i = 0; i < 4; i++)
		make_row(some + i * DIMS, DIMS, 2, i);
	EXPECT(0, vx_insert(fd, N, DIMS, rows, ids, NULL, NULL, NULL), "insert");
	EXPECT(0, vx_info(fd, &before), "info");

#define SAME(what) FAIL(!same_state(fd, &before), "%s: something has changed", what)
#define INSERT(want, want_bad, what, ...) do {							\
		in = (struct vexfs_ioc_insert){ .size = sizeof(in), .n = 4, .row_bytes = DIMS * 4,	\
			.rows = PTR(some), .ids = PTR(fresh) };				\
		__VA_ARGS__;									\
		EXPECT(want, insert(fd, &in), what);						\
		FAIL((want_bad) != -2 && in.bad != (__u64)(want_bad), "%s: bad is %lld", what, (long long)in.bad); \
		SAME(what);									\
	} while (0)
	INSERT(EINVAL, -2, "n 0", in.n = 0);
	INSERT(EINVAL, -2, "size 0", in.size = 0);
	INSERT(EINVAL, -2, "flags", in.flags = 2);
	INSERT(EINVAL, -2, "reserved", in.reserved[0] = 1);
	INSERT(EOPNOTSUPP, -2, "upsert", in.flags = VEXFS_INSERT_UPSERT);
	INSERT(EMSGSIZE, -2, "row_bytes too small", in.row_bytes -= 4);
	INSERT(EMSGSIZE, -2, "row_bytes 0", in.row_bytes = 0);
	INSERT(EMSGSIZE, -2, "row_bytes ~0", in.row_bytes = ~0u);
	INSERT(E2BIG, -2, "too many rows", in.n = VEXFS_MAX_BATCH + 1);
	INSERT(E2BIG, -2, "n ~0", in.n = ~0u);
	INSERT(EFAULT, -1, "rows NULL", in.rows = 0);
	INSERT(EFAULT, -1, "ids NULL", in.ids = 0);
	INSERT(EFAULT, -1, "rows in the kernel", in.rows = 0xffff888000000000ULL);
	INSERT(EFAULT, -1, "attrs", in.attrs = 8);
	INSERT(EFAULT, -1, "rows not all there", in.n = 1 << 20);
	fresh[2] = 7;
	INSERT(EEXIST, 2, "an id that is taken", );
	fresh[2] = fresh[0];
	INSERT(EEXIST, 2, "an id twice", );
	fresh[2] = 1003;
	some[2 * DIMS + 1] = NAN;
	INSERT(EINVAL, 2, "NaN", );
	some[2 * DIMS + 1] = INFINITY;
	INSERT(EINVAL, 2, "infinity", );
	some[2 * DIMS + 1] = -INFINITY;
	INSERT(EINVAL, 2, "-infinity", );
	memset(some + DIMS, 0, DIMS * 4);
	INSERT(EDOM, 1, "zero vector", );
	some[DIMS + 2] = -0.0f;
	INSERT(EDOM, 1, "-0", );
	for (i = 0; i < 4; i++)
		make_row(some + i * DIMS, DIMS, 2, i);
	EXPECT(0, vx_insert(other, 1, DIMS, (float[DIMS]){ 0 }, ids, NULL, NULL, NULL), "zero vector with l2");

#define DELETE(want, want_bad, what, ...) do {							\
		del = (struct vexfs_ioc_delete){ .size = sizeof(del), .n = 4, .ids = PTR(ids) };	\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_DELETE, &del), what);			\
		FAIL((want_bad) != -2 && del.bad != (__u64)(want_bad), "%s: bad is %lld", what, (long long)del.bad); \
		SAME(what);									\
	} while (0)
	DELETE(EINVAL, -2, "delete n 0", del.n = 0);
	DELETE(EINVAL, -2, "delete flags", del.flags = 1);
	DELETE(EINVAL, -2, "delete reserved", del.reserved32 = 1);
	DELETE(E2BIG, -2, "delete too many", del.n = VEXFS_MAX_BATCH + 1);
	DELETE(EFAULT, -1, "delete ids", del.ids = 4096);
	DELETE(ENOENT, 3, "delete an unknown id", ids[3] = 5555);
	ids[3] = 1;
	DELETE(ENOENT, 3, "delete an id twice", );
	ids[3] = 3;

#define GET(want, what, ...) do {									\
		get = (struct vexfs_ioc_get){ .size = sizeof(get), .id = 5, .row = PTR(some), .row_bytes = DIMS * 4 }; \
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_GET, &get), what);				\
	} while (0)
	GET(ENOENT, "get an unknown id", get.id = 99999);
	GET(EMSGSIZE, "get with too little room", get.row_bytes--);
	GET(EFAULT, "get to nowhere", get.row = 8);
	GET(EINVAL, "get flags", get.flags = 1);
	GET(EINVAL, "get reserved", get.reserved[3] = 1);
	GET(0, "get without row", get.row = 0, get.row_bytes = 0);
	FAIL(get.slot != 5 || get.seq != 6, "slot %llu seq %llu", (unsigned long long)get.slot, (unsigned long long)get.seq);
	GET(0, "get", );
	FAIL(memcmp(some, rows + 5 * DIMS, DIMS * 4), "get: another row");

#define SEARCH(want, what, ...) do {								\
		s = (struct vexfs_ioc_search){ .size = sizeof(s), .k = 10, .vector_bytes = DIMS * 4,	\
			.vector = PTR(rows), .hits = PTR(hit) };				\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), what);				\
	} while (0)
	SEARCH(EINVAL, "k 0", s.k = 0);
	SEARCH(E2BIG, "k 1001", s.k = 1001);
	SEARCH(E2BIG, "k ~0", s.k = ~0u);
	SEARCH(EINVAL, "search flags", s.flags = 4);
	SEARCH(EINVAL, "search reserved", s.reserved[1] = 1);
	SEARCH(EINVAL, "timeout", s.timeout_us = VEXFS_MAX_TIMEOUT_US + 1);
	SEARCH(EMSGSIZE, "vector_bytes", s.vector_bytes = 4);
	SEARCH(EFAULT, "vector", s.vector = 0);
	SEARCH(EFAULT, "hits", s.hits = 0);
	SEARCH(ENOENT, "by an unknown id", s.flags = VEXFS_SEARCH_BY_ID, s.id = 77777);
	memset(some, 0, DIMS * 4);
	SEARCH(EDOM, "zero vector", s.vector = PTR(some));
	some[3] = NAN;
	SEARCH(EINVAL, "NaN", s.vector = PTR(some));
	SEARCH(0, "by id", s.flags = VEXFS_SEARCH_BY_ID, s.id = 9, s.vector = 0);
	FAIL(s.n != 10 || hit[0].id != 9 || fabs(hit[0].distance) > 1e-12, "by id: %u hits, first %llu at %g", s.n,
	     (unsigned long long)hit[0].id, hit[0].distance);
	SEARCH(0, "with the built-in", s.flags = VEXFS_SEARCH_BUILTIN);
	SEARCH(0, "max_visits 5", s.max_visits = 5);
	FAIL(!(s.truncated & VEXFS_TRUNC_VISITS) || s.visited > 64, "max_visits: truncated %#x, visited %llu",
	     s.truncated, (unsigned long long)s.visited);
	SAME("searches");

#define USE(want, what, ...) do {									\
		use = (struct vexfs_ioc_use){ .size = sizeof(use), .name = "nothing" };			\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_USE, &use), what);				\
		SAME(what);									\
	} while (0)
	USE(ENOENT, "use what is not loaded", );
	USE(EINVAL, "slot 3", use.slot = 3);
	USE(EINVAL, "slot ~0", use.slot = ~0u);
	USE(EINVAL, "use flags", use.flags = 1);
	USE(EINVAL, "use reserved", use.reserved[0] = 1);
	USE(EINVAL, "a name without end", memset(use.name, 'a', sizeof(use.name)));
	USE(EINVAL, "a name with a slash", use.name[2] = '/');
	USE(0, "the built-in", memset(use.name, 0, sizeof(use.name)));

	EXPECT(ENOTTY, vx_ioctl(fd, _IOWR(VEXFS_IOC_MAGIC, 99, int), &i), "an unknown number");
	EXPECT(ENOTTY, vx_ioctl(fd, _IOWR(VEXFS_IOC_MAGIC, 0, int), &i), "number 0");
	EXPECT(ENODATA, vx_info(plain, &before), "info of a plain directory");
	EXPECT(ENODATA, vx_insert(plain, 4, DIMS, some, fresh, NULL, NULL, &bad), "insert into a plain directory");
	EXPECT(ENODATA, vx_search(plain, 1, DIMS, rows, hit, &s), "search in a plain directory");
	close(fd);
	close(other);
	close(plain);
}

static void permission(const char *dir)
{
	int fd = collection(dir, "permission", 4, VEXFS_METRIC_L2, 0), mine, st;
	float row[4] = { 1, 2, 3, 4 };
	uint64_t id = 1, two = 2;
	char path[4096];

	EXPECT(0, vx_insert(fd, 1, 4, row, &id, NULL, NULL, NULL), "insert as root");
	snprintf(path, sizeof(path), "%s/permission", dir);
	if (!fork()) {
		struct vexfs_ioc_use use = { .size = sizeof(use) };
		struct vexfs_ioc_search s;
		struct vexfs_hit hit;

		failures = 0;
		if (setgid(65534) || setuid(65534))
			die("setuid");
		mine = open(path, O_RDONLY | O_DIRECTORY);
		EXPECT(0, mine < 0 ? errno : 0, "open as nobody");
		EXPECT(0, vx_search(mine, 1, 4, row, &hit, &s), "search as nobody");
		EXPECT(0, vx_get(mine, 1, 4, row, NULL), "get as nobody");
		EXPECT(EACCES, vx_insert(mine, 1, 4, row, &two, NULL, NULL, NULL), "insert as nobody");
		EXPECT(EACCES, vx_delete(mine, 1, &id, NULL), "delete as nobody");
		EXPECT(EACCES, vx_ioctl(mine, VEXFS_IOC_USE, &use), "use as nobody");
		EXPECT(EACCES, vx_create(mine, 4, VEXFS_METRIC_L2, 0), "create as nobody");
		EXPECT(EPERM, vx_ioctl(mine, _IOR('X', 125, __u32), &(__u32){ 0 }), "shutdown as nobody");
		exit(failures != 0);
	}
	wait(&st);
	FAIL(st, "the child failed");
	if (chmod(path, 0700))
		die("chmod");
	if (!fork()) {
		if (setgid(65534) || setuid(65534))
			die("setuid");
		mine = open(path, O_RDONLY | O_DIRECTORY);
		exit(mine >= 0 || errno != EACCES);
	}
	wait(&st);
	FAIL(st, "nobody opens a directory of mode 0700");
	close(fd);
}

static void readonly(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	struct vexfs_ioc_use use = { .size = sizeof(use) };
	struct vexfs_ioc_info info;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[5];
	uint64_t id = 1ULL << 60;
	float *row;

	if (fd < 0)
		die(dir);
	EXPECT(0, vx_info(fd, &info), "info");
	row = calloc(info.dims, 4);
	row[0] = 1;
	EXPECT(0, vx_search(fd, 5, info.dims, row, hit, &s), "search");
	EXPECT(EROFS, vx_insert(fd, 1, info.dims, row, &id, NULL, NULL, NULL), "insert");
	EXPECT(EROFS, vx_delete(fd, 1, &hit[0].id, NULL), "delete");
	EXPECT(EROFS, vx_ioctl(fd, VEXFS_IOC_USE, &use), "use");
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
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
		fd = directory(dir, name);
		for (i = 0; i < n; i += 3)
			m.dead[i] = true;
		check_records(fd, &m, 1);
		queries(fd, &m, 9, 11);
	} else {
		fd = collection(dir, name, dims, m.metric, 1);
		insert_model(fd, &m, 1);
		delete_some(fd, &m);
	}
	model_free(&m);
	close(fd);
}

/* --- no space --- */

static void enospc(const char *dir)
{
	enum { DIMS = 700, BATCH = 40 };
	int fd = collection(dir, "enospc", DIMS, VEXFS_METRIC_L2, 1), err = 0, full = 0;
	struct vexfs_ioc_info before, info;
	static float rows[BATCH * DIMS], row[DIMS], got[DIMS];
	uint64_t ids[BATCH], next = 0, id;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit;
	uint32_t i, n;

	/* smaller and smaller batches, until not even one row fits */
	for (n = BATCH; n; ) {
		for (i = 0; i < n; i++) {
			ids[i] = next + i;
			make_row(rows + i * DIMS, DIMS, 3, ids[i]);
		}
		EXPECT(0, vx_info(fd, &before), "info");
		err = vx_insert(fd, n, DIMS, rows, ids, NULL, NULL, NULL);
		if (!err) {
			next += n;
			if (next % 5 == 0 && fsync(fd))
				FAIL(true, "fsync: %s", strerror(errno));
			continue;
		}
		if (EXPECT(ENOSPC, err, "insert into a full disk"))
			break;
		full++;
		FAIL(!same_state(fd, &before), "a failed insert has changed something");
		n /= 2;
	}
	FAIL(!full, "the disk never was full");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.live != next, "%llu records, not %llu", (unsigned long long)info.live, (unsigned long long)next);
	/* everything acknowledged is there and can be made durable; deleting works */
	EXPECT(0, fsync(fd) ? errno : 0, "fsync on a full disk");
	for (id = 0; id < next; id++) {
		make_row(row, DIMS, 3, id);
		if (EXPECT(0, vx_get(fd, id, DIMS, got, NULL), "get on a full disk") ||
		    FAIL(memcmp(got, row, sizeof(row)), "row %llu differs", (unsigned long long)id))
			break;
	}
	make_row(row, DIMS, 3, next - 1);
	EXPECT(0, vx_search(fd, 1, DIMS, row, &hit, &s), "search on a full disk");
	FAIL(s.n != 1 || hit.id != next - 1 || hit.distance != 0, "the last record is not found");
	id = next - 1;
	EXPECT(0, vx_delete(fd, 1, &id, NULL), "delete on a full disk");
	EXPECT(0, fsync(fd) ? errno : 0, "fsync of it");
	printf("%llu records until the disk was full\n", (unsigned long long)next);
	close(fd);
}

/* --- everything at once --- */

#define STORM_DIMS	48
#define STORM_WRITERS	2
#define STORM_MAX	15000		/* records of one writer */

static struct {
	int fd;
	atomic_bool stop;
	atomic_uint_fast64_t written[STORM_WRITERS];	/* ids of a writer below this are acknowledged */
	atomic_uint_fast64_t deleted[STORM_WRITERS];	/* of those, multiples of 5 below this are deleted */
	atomic_ulong inserts, searches, deletes, syncs, gets;
} storm_state;

static uint64_t storm_id(unsigned int writer, uint64_t i)
{
	return (uint64_t)writer << 40 | i;
}

static void *storm_writer(void *arg)
{
	unsigned int w = (uintptr_t)arg;
	uint64_t s = w + 1, next = 0, ids[200];
	static float rows[STORM_WRITERS][200 * STORM_DIMS];

	while (!storm_state.stop) {
		uint32_t n = 1 + random64(&s) % (random64(&s) % 4 ? 20 : 200), i;

		if (next + n > STORM_MAX) {
			usleep(10000);
			continue;
		}
		for (i = 0; i < n; i++) {
			ids[i] = storm_id(w, next + i);
			make_row(rows[w] + i * STORM_DIMS, STORM_DIMS, 7, ids[i]);
		}
		if (EXPECT(0, vx_insert(storm_state.fd, n, STORM_DIMS, rows[w], ids, NULL, NULL, NULL), "insert"))
			break;
		next += n;
		storm_state.written[w] = next;
		storm_state.inserts++;
	}
	return NULL;
}

static void *storm_deleter(void *arg)
{
	uint64_t next[STORM_WRITERS] = {}, id;
	unsigned int w;

	(void)arg;
	while (!storm_state.stop) {
		bool idle = true;

		for (w = 0; w < STORM_WRITERS; w++) {
			if (next[w] + 1000 >= storm_state.written[w])
				continue;
			id = storm_id(w, next[w]);
			next[w] += 5;
			storm_state.deleted[w] = next[w];	/* before: from now on it may be gone */
			EXPECT(0, vx_delete(storm_state.fd, 1, &id, NULL), "delete");
			storm_state.deletes++;
			idle = false;
		}
		if (idle)
			usleep(5000);
	}
	return NULL;
}

/* A record that is acknowledged, and was not deleted before the search began, is found. */
static void *storm_searcher(void *arg)
{
	uint64_t s = (uintptr_t)arg * 1000;
	struct vexfs_hit hit[10];
	struct vexfs_ioc_search out;
	float q[STORM_DIMS], row[STORM_DIMS];
	uint32_t i;

	while (!storm_state.stop) {
		unsigned int w = random64(&s) % STORM_WRITERS;
		uint64_t written = storm_state.written[w], at, id, gone[STORM_WRITERS], had[STORM_WRITERS];

		if (!written)
			continue;
		at = random64(&s) % written;
		if (at % 5 == 0)	/* may be deleted */
			at++;
		if (at >= written)
			continue;
		id = storm_id(w, at);
		make_row(q, STORM_DIMS, 7, id);
		for (i = 0; i < STORM_WRITERS; i++)
			gone[i] = storm_state.deleted[i];
		if (EXPECT(0, vx_search(storm_state.fd, 10, STORM_DIMS, q, hit, &out), "search"))
			break;
		for (i = 0; i < STORM_WRITERS; i++)
			had[i] = storm_state.written[i] + 200;	/* the batch being inserted may be seen */
		FAIL(out.truncated, "truncated %#x", out.truncated);
		FAIL(!out.n || hit[0].id != id || hit[0].distance != 0, "id %#llx is not found: %u hits, first %#llx at %g",
		     (unsigned long long)id, out.n, (unsigned long long)hit[0].id, hit[0].distance);
		for (i = 0; i < out.n; i++) {
			uint64_t hw = hit[i].id >> 40, hat = hit[i].id & 0xffffffffff;

			if (FAIL(hw >= STORM_WRITERS || hat >= had[hw], "id %#llx was never inserted",
				 (unsigned long long)hit[i].id))
				continue;
			/* the last one told may still be on its way */
			FAIL(hat % 5 == 0 && hat + 5 < gone[hw], "id %#llx was deleted", (unsigned long long)hit[i].id);
			make_row(row, STORM_DIMS, 7, hit[i].id);
			FAIL(fabs(distance(VEXFS_METRIC_L2, q, row, STORM_DIMS) - hit[i].distance) > 1e-9,
			     "id %#llx: wrong distance", (unsigned long long)hit[i].id);
		}
		if (EXPECT(0, vx_get(storm_state.fd, id, STORM_DIMS, row, NULL), "get"))
			break;
		FAIL(memcmp(row, q, sizeof(row)), "get: another row");
		storm_state.searches++;
		storm_state.gets++;
	}
	return NULL;
}

static void *storm_syncer(void *arg)
{
	uint64_t s = 77;

	(void)arg;
	while (!storm_state.stop) {
		int drop;

		switch (random64(&s) % 4) {
		case 0:
			EXPECT(0, syncfs(storm_state.fd) ? errno : 0, "syncfs");
			break;
		case 1:
			drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
			if (drop >= 0 && write(drop, "3", 1) != 1)
				FAIL(true, "drop_caches: %s", strerror(errno));
			close(drop);
			break;
		case 2:
			if (random64(&s) % 4)
				break;
			EXPECT(0, ioctl(storm_state.fd, FIFREEZE, 0) ? errno : 0, "freeze");
			usleep(50000);
			EXPECT(0, ioctl(storm_state.fd, FITHAW, 0) ? errno : 0, "thaw");
			break;
		default:
			EXPECT(0, fsync(storm_state.fd) ? errno : 0, "fsync");
		}
		storm_state.syncs++;
		usleep(random64(&s) % 30000);
	}
	return NULL;
}

static void storm(const char *dir, unsigned int seconds)
{
	void *(*const fn[])(void *) = { storm_writer, storm_writer, storm_deleter, storm_searcher, storm_searcher,
					storm_syncer };
	pthread_t thread[6];
	struct vexfs_ioc_info info;
	uint64_t live = 0;
	uintptr_t i;

	storm_state.fd = collection(dir, "storm", STORM_DIMS, VEXFS_METRIC_L2, 0);
	for (i = 0; i < 6; i++)
		if (pthread_create(thread + i, NULL, fn[i], (void *)(i < 2 ? i : i + 10)))
			die("pthread_create");
	sleep(seconds);
	storm_state.stop = true;
	for (i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < STORM_WRITERS; i++)
		live += storm_state.written[i];
	live -= storm_state.deletes;
	EXPECT(0, vx_info(storm_state.fd, &info), "info");
	FAIL(info.live != live, "%llu records, not %llu", (unsigned long long)info.live, (unsigned long long)live);
	FAIL(!storm_state.inserts || !storm_state.searches || !storm_state.syncs || !storm_state.deletes,
	     "something never happened");
	printf("%lu inserts, %lu deletes, %lu searches, %lu syncs, %llu records\n", storm_state.inserts,
	       storm_state.deletes, storm_state.searches, storm_state.syncs, (unsigned long long)info.live);
	close(storm_state.fd);
}

/* --- damage --- */

static uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *b = p;
	int i;

	while (n--)
		for (crc ^= *b++, i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return crc;
}

/* As vexfs_csum() of kmod/core/core.h: a checksum is no proof of good intentions. */
static void stamp(int dev, void *block, size_t crc_off, uint64_t a, uint32_t b, uint64_t d)
{
	struct {
		__le64 a;
		__le32 b;
		__le64 d;
	} __attribute__((packed)) identity = { htole64(a), htole32(b), htole64(d) };
	struct vexfs_super super;
	uint32_t crc, zero = 0;

	if (pread(dev, &super, sizeof(super), 0) != sizeof(super))
		die("superblock");
	crc = crc32c(~0u, super.s_uuid, 16);
	crc = crc32c(crc, &identity, sizeof(identity));
	crc = crc32c(crc, block, crc_off);
	crc = crc32c(crc, &zero, 4);
	crc = crc32c(crc, (char *)block + crc_off + 4, 4096 - crc_off - 4);
	*(__le32 *)((char *)block + crc_off) = htole32(crc);
}

/*
 * Find a block whose bytes at `off` are these `len`, at steps of `align`; the data blocks of a small disk are soon read.  The journal holds copies: the
 * last match beyond it counts.
 */
static off_t find_bytes(int dev, const void *bytes, size_t len, size_t align, size_t off)
{
	static unsigned char buf[1 << 20];
	struct vexfs_super super;
	off_t pos, journal_end, found = -1;
	ssize_t n, i;

	if (pread(dev, &super, sizeof(super), 0) != sizeof(super))
		die("superblock");
	journal_end = (le64toh(super.s_journal_start) + le32toh(super.s_journal_blocks)) * 4096;
	for (pos = journal_end; (n = pread(dev, buf, sizeof(buf), pos)) > 0; pos += n)
		for (i = 0; i + (ssize_t)(off + len) <= n; i += align)
			if (!memcmp(buf + i + off, bytes, len) && found < 0)
				found = pos + i;
	return found;
}

struct damage {
	const char *device, *mountpoint;
	int dev, want;
	off_t pos;
	unsigned char good[4096];
};

static void put_block(struct damage *d, const void *block)
{
	if (pwrite(d->dev, block, 4096, d->pos) != 4096 || fsync(d->dev))
		die("write to the device");
}

/* Mount, look, unmount, repair. */
static void try_damage(struct damage *d, const char *what, int (*look)(const char *dir))
{
	char dir[4096];
	int err;

	snprintf(dir, sizeof(dir), "%s/fill-l2-30", d->mountpoint);
	if (mount(d->device, d->mountpoint, "vexfs", 0, "errors=continue")) {
		FAIL(true, "%s: mount: %s", what, strerror(errno));
	} else {
		err = look(dir);
		EXPECT(d->want, err, what);
		if (umount(d->mountpoint))
			die("umount");
	}
	put_block(d, d->good);
}

static int look_info(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY), err = fd < 0 ? errno : 0;
	struct vexfs_ioc_info info;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit;
	float q[30] = { 1 };

	err = err ?: vx_info(fd, &info);
	if (err)		/* nothing else may work then, or crash */
		FAIL(!vx_search(fd, 1, 30, q, &hit, &s), "search works in a damaged collection");
	close(fd);
	return err;
}

#define DAMAGE_ROW	100		/* slot whose record or row is broken: alive (see delete_some) */

/* Get and search of the broken record fail, others work. */
static int look_record(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY), err, e2;
	uint64_t id = (uint64_t)DAMAGE_ROW * 7919 + 3, other = 101 * 7919 + 3;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[5];
	float row[30], q[30];

	err = vx_get(fd, id, 30, row, NULL);
	make_row(q, 30, VEXFS_METRIC_L2, id);
	e2 = vx_search(fd, 5, 30, q, hit, &s);
	/* a row that is far off now is no hit any more; a broken record always is one */
	if (!e2)
		FAIL(hit[0].id == id, "search returns a damaged record");
	EXPECT(0, vx_get(fd, other, 30, row, NULL), "get of another record");
	make_row(q, 30, VEXFS_METRIC_L2, other);
	EXPECT(0, vx_search(fd, 1, 30, q, hit, &s), "search for another record");
	FAIL(hit[0].id != other, "another record is not found");
	close(fd);
	return err;
}

static void damage(const char *device, const char *mountpoint)
{
	static struct damage d;
	static union {
		unsigned char bytes[4096];
		struct vexfs_collection c;
		struct vexfs_dead_block x;
	} b;
	__le32 magic = htole32(VEXFS_COLLECTION_MAGIC), dead_magic = htole32(VEXFS_DEAD_MAGIC), dims = htole32(30);
	__le64 id = htole64((uint64_t)DAMAGE_ROW * 7919 + 3);
	uint64_t ino, block;
	uint32_t generation;
	float row[30];
	off_t at;

	d = (struct damage){ .device = device, .mountpoint = mountpoint, .dev = open(device, O_RDWR) };
	if (d.dev < 0)
		die(device);

	/* the collection block */
	d.pos = find_bytes(d.dev, &magic, 4, 4096, 0);
	if (d.pos < 0 || pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("no collection block");
	memcpy(&b, d.good, 4096);
	if (FAIL(b.c.c_dims != dims, "another collection block"))
		return;
	ino = le64toh(b.c.c_ino);
	generation = le32toh(b.c.c_generation);
	block = d.pos / 4096;
	d.want = 0;
	try_damage(&d, "nothing damaged", look_info);
	d.want = EUCLEAN;
#define BLOCK(what, ...) do {									\
		memcpy(&b, d.good, 4096);							\
		__VA_ARGS__;									\
		put_block(&d, &b);								\
		try_damage(&d, what, look_info);						\
	} while (0)
#define HOSTILE(what, ...)									\
	BLOCK(what, __VA_ARGS__; stamp(d.dev, &b, offsetof(struct vexfs_collection, c_crc), ino, generation, block))
	BLOCK("a bit of the collection block", b.bytes[100] ^= 4);
	BLOCK("a collection block of zeros", memset(&b, 0, 4096));
	BLOCK("a collection block of noise", for (at = 0; at < 4096; at++) b.bytes[at] = at * 7 + 1);
	HOSTILE("dims 0", b.c.c_dims = 0);
	HOSTILE("dims 5000", b.c.c_dims = htole32(5000));
	HOSTILE("dims 31", b.c.c_dims = htole32(31));
	HOSTILE("row_bytes", b.c.c_row_bytes = htole32(4));
	HOSTILE("metric 9", b.c.c_metric = htole16(9));
	HOSTILE("element 0", b.c.c_element = 0);
	HOSTILE("count + 1", b.c.c_count = htole64(le64toh(b.c.c_count) + 1));
	HOSTILE("count - 1", b.c.c_count = htole64(le64toh(b.c.c_count) - 1));
	HOSTILE("count 2^32", b.c.c_count = htole64(1ULL << 32), b.c.c_next_seq = htole64(1ULL << 40));
	HOSTILE("count ~0", b.c.c_count = ~0ULL);
	HOSTILE("live", b.c.c_live = htole64(le64toh(b.c.c_live) - 1));
	HOSTILE("live > count", b.c.c_live = htole64(1ULL << 40));
	HOSTILE("next_seq 1", b.c.c_next_seq = htole64(1));
	HOSTILE("attrs 9", b.c.c_attrs = htole32(9));
	HOSTILE("attribute name", b.c.c_attr[0].a_name[0] = '/');
	HOSTILE("program name without end", memset(b.c.c_program[0], 'a', VEXFS_PROG_NAME_LEN));
	HOSTILE("program name", strcpy(b.c.c_program[0], "../x"));
	HOSTILE("vectors 0", b.c.c_vectors = 0);
	HOSTILE("vectors is the root", b.c.c_vectors = htole64(VEXFS_ROOT_INO));
	HOSTILE("vectors is the collection", b.c.c_vectors = b.c.c_ino);
	HOSTILE("vectors is records", b.c.c_vectors = b.c.c_records);
	HOSTILE("vectors and dead swapped", b.c.c_vectors = b.c.c_dead, b.c.c_dead = ((struct vexfs_collection *)d.good)->c_vectors);
	HOSTILE("records ~0", b.c.c_records = ~0ULL);
	HOSTILE("dead is a free inode", b.c.c_dead = htole64(4000));
	HOSTILE("another directory's", b.c.c_ino = htole64(ino + 1));

	/* the dead bitmap */
	d.pos = find_bytes(d.dev, &dead_magic, 4, 4096, 0);
	if (d.pos < 0 || pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("no dead bitmap");
	BLOCK("a bit of the dead bitmap", b.x.x_bits[1] ^= 1);
	BLOCK("a dead bitmap of zeros", memset(&b, 0, 4096));

	/* a record, by its id, and its row */
	at = find_bytes(d.dev, &id, 8, 128, 8);
	if (at < 0)
		die("no record");
	d.pos = at & ~4095;
	if (pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("record");
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + offsetof(struct vexfs_record, r_attr)] ^= 1;
	put_block(&d, &b);
	try_damage(&d, "a bit of an attribute", look_record);
	BLOCK("the flags of a record", b.bytes[at % 4096 + offsetof(struct vexfs_record, r_flags)] = 0x80);
	BLOCK("records of zeros", memset(&b, 0, 4096));

	make_row(row, 30, VEXFS_METRIC_L2, le64toh(id));
	at = find_bytes(d.dev, row, 8, 8, 0);
	if (at < 0)
		die("no row");
	d.pos = at & ~4095;
	if (pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("row");
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + 1] ^= 1;	/* a small change: still the nearest */
	put_block(&d, &b);
	try_damage(&d, "a bit of a row", look_record);
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + 3] = 0x7f;	/* NaN or huge */
	b.bytes[at % 4096 + 2] = 0xc0;
	put_block(&d, &b);
	try_damage(&d, "a row with NaN", look_record);
	d.want = 0;
	try_damage(&d, "nothing damaged any more", look_info);
	close(d.dev);
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(cmd, "schema") && argc == 3)
		schema(argv[2]);
	else if (!strcmp(cmd, "oracle") && argc == 6)
		oracle(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	else if (!strcmp(cmd, "extreme") && argc == 3)
		extreme(argv[2]);
	else if (!strcmp(cmd, "errors") && argc == 3)
		errors(argv[2]);
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
	else if (!strcmp(cmd, "storm") && argc == 4)
		storm(argv[2], atoi(argv[3]));
	else if (!strcmp(cmd, "damage") && argc == 4)
		damage(argv[2], argv[3]);
	else {
		fprintf(stderr, "usage: collection COMMAND ARG... (see the source)\n");
		return 2;
	}
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
