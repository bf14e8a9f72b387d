// SPDX-License-Identifier: GPL-2.0
/*
 * badinput DIR: every ioctl of a collection with every argument wrong.  Each gets the errno that
 * ioctl.h names, and nothing changes.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define KERNEL_ADDRESS	0xffff888000000000ULL
#define NOWHERE		0x0000700000001000ULL	/* canonical, not mapped */

/* One command with a struct: its size field, then what surrounds it. */
static void sizes(int fd, unsigned long cmd, const void *good, size_t size, const char *what)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct {
		__u32 size;
		int want;
	} bad[] = { { 0, EINVAL }, { 4, EINVAL }, { 7, EINVAL }, { 4097, E2BIG }, { ~0u, E2BIG } };
	uint32_t i;

	if (p == MAP_FAILED || munmap(p + 2 * page, page))
		die("mmap");
	EXPECT(EFAULT, vx_ioctl(fd, cmd, NULL), what);
	EXPECT(EFAULT, vx_ioctl(fd, cmd, (void *)1), what);
	EXPECT(EFAULT, vx_ioctl(fd, cmd, (void *)KERNEL_ADDRESS), what);
	EXPECT(EFAULT, vx_ioctl(fd, cmd, (void *)NOWHERE), what);
	/* the end of the struct is not mapped */
	memcpy(p + 2 * page - size + 8, good, size - 8);
	EXPECT(EFAULT, vx_ioctl(fd, cmd, p + 2 * page - size + 8), what);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(p, good, size);
		memcpy(p, &bad[i].size, 4);
		EXPECT(bad[i].want, vx_ioctl(fd, cmd, p), what);
	}
	/* a struct of a newer user: what this kernel does not know must be zero */
	memset(p, 0, page);
	memcpy(p, good, size);
	*(__u32 *)p = size + 8;
	p[size + 7] = 1;
	EXPECT(E2BIG, vx_ioctl(fd, cmd, p), what);
	munmap(p, 2 * page);
}

/* --- create --- */

static const struct vexfs_ioc_create good = {
	.size = sizeof(good), .dims = 8, .element = VEXFS_ELEM_F32, .metric = VEXFS_METRIC_L2,
	.attrs = 2, .attr = { { .name = "age", .type = VEXFS_ATTR_INT },
			      { .name = "_b2", .type = VEXFS_ATTR_INT } },
};

static int create(int fd, struct vexfs_ioc_create a)
{
	return vx_ioctl(fd, VEXFS_IOC_CREATE, &a);
}

static void bad_schemas(int fd)
{
	static const char *const bad_name[] = { "", "Age", "2b", "a-b", "a b", "\xc3\xa4", "_b2",
						VEXFS_RESERVED_NAMES };
	struct vexfs_ioc_create a;
	uint32_t i;

#define CREATE(want, what, ...) do {								\
		a = good;									\
		__VA_ARGS__;									\
		EXPECT(want, create(fd, a), what);						\
	} while (0)
	CREATE(EINVAL, "flags", a.flags = 1);
	CREATE(EINVAL, "dims 0", a.dims = 0);
	CREATE(EINVAL, "dims 4097", a.dims = 4097);
	CREATE(EINVAL, "dims ~0", a.dims = ~0u);
	CREATE(EINVAL, "element 0", a.element = 0);
	CREATE(EINVAL, "element 5", a.element = 5);
	CREATE(EINVAL, "element ~0", a.element = ~0u);
	CREATE(EOPNOTSUPP, "f16", a.element = VEXFS_ELEM_F16);
	CREATE(EOPNOTSUPP, "i8", a.element = VEXFS_ELEM_I8);
	CREATE(EOPNOTSUPP, "bit", a.element = VEXFS_ELEM_BIT);
	CREATE(EINVAL, "metric 0", a.metric = 0);
	CREATE(EINVAL, "metric 5", a.metric = 5);
	CREATE(EINVAL, "metric 65537", a.metric = 65537);
	CREATE(EOPNOTSUPP, "hamming", a.metric = VEXFS_METRIC_HAMMING);
	CREATE(EINVAL, "9 attributes", a.attrs = 9);
	CREATE(EINVAL, "attributes ~0", a.attrs = ~0u);
	CREATE(EINVAL, "an attribute too many", a.attrs = 1);
	CREATE(EINVAL, "an attribute too few", a.attrs = 3);
	CREATE(EINVAL, "attribute type 0", a.attr[0].type = 0);
	CREATE(EINVAL, "attribute type 3", a.attr[0].type = 3);
	CREATE(EINVAL, "attribute type ~0", a.attr[0].type = ~0u);
	CREATE(EINVAL, "attribute reserved", a.attr[0].reserved = 1);
	CREATE(EINVAL, "unterminated name", memset(a.attr[0].name, 'a', sizeof(a.attr[0].name)));
	CREATE(EINVAL, "reserved", a.reserved[3] = 1);
	for (i = 0; i < sizeof(bad_name) / sizeof(bad_name[0]); i++)
		CREATE(EINVAL, bad_name[i], memset(a.attr[0].name, 0, sizeof(a.attr[0].name)),
		       strcpy(a.attr[0].name, bad_name[i]));
	sizes(fd, VEXFS_IOC_CREATE, &good, sizeof(good), "size of create");
}

static void schemas(const char *dir)
{
	struct vexfs_ioc_create a = good;
	char big[sizeof(a) + 64] = {};
	struct vexfs_ioc_info info;
	int fd = vx_directory(dir, "schema"), file;
	uint32_t i;

	bad_schemas(fd);
	EXPECT(ENODATA, vx_info(fd, &info), "info: still a plain directory");
	file = openat(fd, "f", O_RDWR | O_CREAT, 0644);
	EXPECT(ENOTEMPTY, create(fd, good), "not empty");
	EXPECT(ENOTTY, create(file, good), "create on a file");
	EXPECT(ENOTTY, vx_info(file, &info), "info on a file");
	close(file);
	unlinkat(fd, "f", 0);
	EXPECT(ENODATA, vx_info(fd, &info), "info: still a plain directory");

	a.size = sizeof(big);
	memcpy(big, &a, sizeof(a));
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_CREATE, big), "a longer struct with zeros");
	EXPECT(EEXIST, create(fd, good), "twice");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.dims != 8 || info.row_bytes != 32 || info.metric != VEXFS_METRIC_L2 ||
		     info.attrs != 2 || info.element != VEXFS_ELEM_F32 ||
		     strcmp(info.attr[0].name, "age") || strcmp(info.attr[1].name, "_b2") ||
		     info.attr[1].type != VEXFS_ATTR_INT || info.count || info.live ||
		     info.next_seq != 1,
	     "info does not say what was created");
	close(fd);

	fd = vx_directory(dir, "max");
	a = good;
	a.dims = VEXFS_MAX_DIMS;
	a.attrs = VEXFS_MAX_ATTRS;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		snprintf(a.attr[i].name, 32, "%c234567890123456789012345678901", 'a' + i);
		a.attr[i].type = VEXFS_ATTR_INT;
	}
	EXPECT(0, create(fd, a), "4096 dims, 8 attributes of 31 letters");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(memcmp(info.attr, a.attr, sizeof(a.attr)), "its attributes");
	close(fd);
	/* a short struct: what is missing is zero */
	fd = vx_directory(dir, "short");
	a = good;
	a.attrs = 0;
	a.size = offsetof(struct vexfs_ioc_create, attr);
	EXPECT(0, create(fd, a), "a struct without attributes and what follows");
	info.size = offsetof(struct vexfs_ioc_info, count);
	info.flags = 0;
	info.count = 4711;
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_INFO, &info), "a short info");
	FAIL(info.dims != 8 || info.count != 4711, "it wrote beyond its size");
	close(fd);
}

/* --- a collection with records in it, which nothing here may change --- */

enum { DIMS = 6, N = 50, BATCH = 5 };

static struct {
	int fd;
	float rows[N * DIMS];
	uint64_t ids[N];
	struct vexfs_ioc_info before;
} c;

/* The counters of queries apart, nothing may differ, and every record is what it was. */
static void unchanged(const char *what)
{
	struct vexfs_ioc_info now;
	float row[DIMS];
	uint32_t i;

	if (EXPECT(0, vx_info(c.fd, &now), what))
		return;
	now.queries = c.before.queries;
	now.committed = c.before.committed;	/* a worker raises it */
	FAIL(memcmp(&now, &c.before, offsetof(struct vexfs_ioc_info, resident)) ||
	     memcmp(now.bound, c.before.bound, sizeof(now.bound)), "%s: info has changed", what);
	for (i = 0; i < N; i++)
		if (EXPECT(0, vx_get(c.fd, c.ids[i], DIMS, row, NULL), what) ||
		    FAIL(memcmp(row, c.rows + i * DIMS, sizeof(row)), "%s: a row has changed",
			 what))
			return;
}

static void bad_inserts(void)
{
	float some[BATCH * DIMS], zero[DIMS] = {};
	uint64_t fresh[BATCH] = { 1001, 1002, 1003, 1004, 1005 };
	struct vexfs_ioc_insert in;
	uint32_t i;

	for (i = 0; i < BATCH; i++)
		make_row(some + i * DIMS, DIMS, 2, i);
	/* want_bad: -2 whatever */
#define INSERT(want, want_bad, what, ...) do {							\
		in = (struct vexfs_ioc_insert){ .size = sizeof(in), .n = BATCH,			\
			.row_bytes = DIMS * 4, .rows = PTR(some), .ids = PTR(fresh) };		\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(c.fd, VEXFS_IOC_INSERT, &in), what);			\
		FAIL((want_bad) != -2 && in.bad != (__u64)(want_bad), "%s: bad is %lld", what,	\
		     (long long)in.bad);							\
		unchanged(what);								\
	} while (0)
	INSERT(EINVAL, -2, "insert n 0", in.n = 0);
	INSERT(EINVAL, -2, "insert flags", in.flags = 4);
	INSERT(EINVAL, -2, "insert flags ~0", in.flags = ~0u);
	INSERT(EINVAL, -2, "insert reserved", in.reserved[0] = 1);
	INSERT(EINVAL, -2, "insert reserved", in.reserved[3] = 1ULL << 63);
	INSERT(EMSGSIZE, -2, "row_bytes too small", in.row_bytes -= 4);
	INSERT(EMSGSIZE, -2, "row_bytes too large", in.row_bytes += 4);
	INSERT(EMSGSIZE, -2, "row_bytes 0", in.row_bytes = 0);
	INSERT(EMSGSIZE, -2, "row_bytes ~0", in.row_bytes = ~0u);
	INSERT(E2BIG, -2, "too many rows", in.n = VEXFS_MAX_BATCH + 1);
	INSERT(E2BIG, -2, "insert n ~0", in.n = ~0u);
	INSERT(EFAULT, -1, "rows NULL", in.rows = 0);
	INSERT(EFAULT, -1, "ids NULL", in.ids = 0);
	INSERT(EFAULT, -1, "rows in the kernel", in.rows = KERNEL_ADDRESS);
	INSERT(EFAULT, -1, "rows nowhere", in.rows = NOWHERE);
	INSERT(EFAULT, -1, "rows ~0", in.rows = ~0ULL);
	INSERT(EFAULT, -1, "ids in the kernel", in.ids = KERNEL_ADDRESS);
	INSERT(EFAULT, -1, "attrs", in.attrs = 8);
	INSERT(EFAULT, -1, "attrs in the kernel", in.attrs = KERNEL_ADDRESS);
	INSERT(EFAULT, -1, "rows not all there", in.n = 1 << 20);
	fresh[2] = c.ids[7];
	INSERT(EEXIST, 2, "an id that is taken", (void)0);
	fresh[2] = fresh[0];
	INSERT(EEXIST, 2, "an id twice", (void)0);
	fresh[2] = 1003;
	some[2 * DIMS + 1] = NAN;
	INSERT(EINVAL, 2, "NaN", (void)0);
	some[2 * DIMS + 1] = -NAN;
	INSERT(EINVAL, 2, "-NaN", (void)0);
	some[2 * DIMS + 1] = INFINITY;
	INSERT(EINVAL, 2, "infinity", (void)0);
	some[2 * DIMS + 1] = -INFINITY;
	INSERT(EINVAL, 2, "-infinity", (void)0);
	memcpy(some + DIMS, zero, sizeof(zero));
	INSERT(EDOM, 1, "zero vector", (void)0);
	some[DIMS + 2] = -0.0f;
	INSERT(EDOM, 1, "-0", (void)0);
	some[DIMS + 2] = 1;
	some[BATCH * DIMS - 1] = NAN;
	some[2 * DIMS + 1] = 1;
	INSERT(EINVAL, BATCH - 1, "NaN in the last number of all", (void)0);
}

/* The answer cannot be written: then nothing may have been done either. */
static void nowhere_to_answer(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t id = 5001;

	if (p == MAP_FAILED)
		die("mmap");
	*(struct vexfs_ioc_insert *)p = (struct vexfs_ioc_insert){
		.size = sizeof(struct vexfs_ioc_insert), .n = 1, .row_bytes = DIMS * 4,
		.rows = PTR(c.rows), .ids = PTR(&id),
	};
	mprotect(p, page, PROT_READ);
	EXPECT(EFAULT, vx_ioctl(c.fd, VEXFS_IOC_INSERT, p), "insert from a page that is read-only");
	unchanged("insert from a page that is read-only");
	mprotect(p, page, PROT_READ | PROT_WRITE);
	*(struct vexfs_ioc_delete *)p = (struct vexfs_ioc_delete){
		.size = sizeof(struct vexfs_ioc_delete), .n = 1, .ids = PTR(c.ids),
	};
	mprotect(p, page, PROT_READ);
	EXPECT(EFAULT, vx_ioctl(c.fd, VEXFS_IOC_DELETE, p), "delete from a page that is read-only");
	unchanged("delete from a page that is read-only");
	munmap(p, page);
}

static void bad_deletes(void)
{
	struct vexfs_ioc_delete del;
	uint64_t ids[BATCH];

#define DELETE(want, want_bad, what, ...)                                                       \
	do {                                                                                    \
		memcpy(ids, c.ids, sizeof(ids));                                                \
		del = (struct vexfs_ioc_delete){ .size = sizeof(del),                           \
						 .n = BATCH,                                    \
						 .ids = PTR(ids) };                             \
		__VA_ARGS__;                                                                    \
		EXPECT(want, vx_ioctl(c.fd, VEXFS_IOC_DELETE, &del), what);                     \
		FAIL((want_bad) != -2 && del.bad != (__u64)(want_bad), "%s: bad is %lld", what, \
		     (long long)del.bad);                                                       \
		unchanged(what);                                                                \
	} while (0)
	DELETE(EINVAL, -2, "delete n 0", del.n = 0);
	DELETE(EINVAL, -2, "delete flags", del.flags = 2);
	DELETE(EINVAL, -2, "delete by id with keys", del.key_bytes = 1);
	DELETE(EINVAL, -2, "delete reserved", del.reserved[3] = 1);
	DELETE(E2BIG, -2, "delete too many", del.n = VEXFS_MAX_BATCH + 1);
	DELETE(E2BIG, -2, "delete n ~0", del.n = ~0u);
	DELETE(EFAULT, -1, "delete ids", del.ids = 4096);
	DELETE(EFAULT, -1, "delete ids NULL", del.ids = 0);
	DELETE(EFAULT, -1, "delete ids in the kernel", del.ids = KERNEL_ADDRESS);
	DELETE(ENOENT, 3, "delete an unknown id", ids[3] = 5555);
	DELETE(ENOENT, BATCH - 1, "delete an unknown id at the end", ids[BATCH - 1] = ~0ULL);
	DELETE(ENOENT, 3, "delete an id twice", ids[3] = ids[1]);
}

static void bad_gets(void)
{
	struct vexfs_ioc_get get;
	float row[DIMS];

#define GET(want, what, ...) do {								\
		get = (struct vexfs_ioc_get){ .size = sizeof(get), .id = c.ids[5],		\
			.row = PTR(row), .row_bytes = DIMS * 4 };				\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(c.fd, VEXFS_IOC_GET, &get), what);			\
	} while (0)
	GET(ENOENT, "get an unknown id", get.id = 99999);
	GET(ENOENT, "get id ~0", get.id = ~0ULL);
	GET(EMSGSIZE, "get with too little room", get.row_bytes--);
	GET(EFAULT, "get to nowhere", get.row = 8);
	GET(EFAULT, "get into the kernel", get.row = KERNEL_ADDRESS);
	GET(EINVAL, "get flags", get.flags = 2);
	GET(EINVAL, "get by id with a key", get.key_len = 1);
	GET(EINVAL, "get reserved", get.reserved[3] = 1);
	GET(0, "get without row", get.row = 0, get.row_bytes = 0);
	FAIL(get.item.slot != 5 || get.item.seq != 6, "slot %llu seq %llu", get.item.slot,
	     get.item.seq);
	unchanged("gets");
}

static void bad_searches(void)
{
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[10];
	float v[DIMS] = {};

#define SEARCH(want, what, ...) do {								\
		s = (struct vexfs_ioc_search){ .size = sizeof(s), .k = 10,			\
			.vector_bytes = DIMS * 4, .vector = PTR(c.rows), .hits = PTR(hit) };	\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(c.fd, VEXFS_IOC_SEARCH, &s), what);			\
	} while (0)
	SEARCH(EINVAL, "k 0", s.k = 0);
	SEARCH(E2BIG, "k 1001", s.k = 1001);
	SEARCH(E2BIG, "k ~0", s.k = ~0u);
	SEARCH(EINVAL, "search flags", s.flags = 32);
	SEARCH(EINVAL, "search reserved", s.reserved[1] = 1);
	SEARCH(EINVAL, "search reserved, too", s.reserved_too = 1);
	SEARCH(EINVAL, "method", s.method = VEXFS_METHODS);
	SEARCH(EINVAL, "method ~0", s.method = ~0u);
	SEARCH(EINVAL, "method and exact", s.method = VEXFS_METHOD_IVF, s.flags = VEXFS_SEARCH_EXACT);
	SEARCH(EINVAL, "recall and the method exact", s.method = VEXFS_METHOD_EXACT, s.recall = 1);
	SEARCH(EINVAL, "recall above 1", s.recall = VEXFS_RECALL_ALL + 1);
	SEARCH(EINVAL, "recall ~0", s.recall = ~0u);
	SEARCH(EINVAL, "recall and exact", s.recall = 1, s.flags = VEXFS_SEARCH_EXACT);
	SEARCH(EINVAL, "effort and exact", s.effort = 1, s.flags = VEXFS_SEARCH_EXACT);
	SEARCH(0, "recall 1", s.recall = VEXFS_RECALL_ALL, s.effort = ~0u);
	SEARCH(EINVAL, "timeout", s.timeout_us = VEXFS_MAX_TIMEOUT_US + 1);
	SEARCH(EINVAL, "timeout ~0", s.timeout_us = ~0u);
	SEARCH(EMSGSIZE, "vector_bytes", s.vector_bytes = 4);
	SEARCH(EMSGSIZE, "vector_bytes ~0", s.vector_bytes = ~0u);
	SEARCH(EFAULT, "vector NULL", s.vector = 0);
	SEARCH(EFAULT, "vector in the kernel", s.vector = KERNEL_ADDRESS);
	SEARCH(EFAULT, "hits NULL", s.hits = 0);
	SEARCH(EFAULT, "hits in the kernel", s.hits = KERNEL_ADDRESS);
	SEARCH(ENOENT, "by an unknown id", s.flags = VEXFS_SEARCH_BY_ID, s.id = 77777);
	SEARCH(EDOM, "search for a zero vector", s.vector = PTR(v));
	v[3] = NAN;
	SEARCH(EINVAL, "search for NaN", s.vector = PTR(v));
	v[3] = -INFINITY;
	SEARCH(EINVAL, "search for infinity", s.vector = PTR(v));
	SEARCH(0, "by id", s.flags = VEXFS_SEARCH_BY_ID, s.id = c.ids[9], s.vector = 0);
	FAIL(s.n != 10 || hit[0].id != c.ids[9] || fabs(hit[0].distance) > 1e-12,
	     "by id: %u hits, first %llu at %g", s.n, hit[0].id, hit[0].distance);
	SEARCH(0, "with the built-in", s.flags = VEXFS_SEARCH_BUILTIN);
	SEARCH(0, "max_visits 5", s.max_visits = 5);
	FAIL(!(s.truncated & VEXFS_TRUNC_VISITS) || s.visited > 64, "truncated %#x, visited %llu",
	     s.truncated, s.visited);
	SEARCH(0, "1 us", s.timeout_us = 1);
	FAIL(!(s.truncated & VEXFS_TRUNC_DEADLINE) && s.n != 10, "truncated %#x, %u hits",
	     s.truncated, s.n);
	unchanged("searches");
}

static void bad_uses(void)
{
	struct vexfs_ioc_use use;

#define USE(want, what, ...) do {								\
		use = (struct vexfs_ioc_use){ .size = sizeof(use), .name = "nothing" };		\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(c.fd, VEXFS_IOC_USE, &use), what);			\
		unchanged(what);								\
	} while (0)
	USE(ENOENT, "use what is not loaded", (void)0);
	USE(EINVAL, "slot 3", use.slot = 3);
	USE(EINVAL, "slot ~0", use.slot = ~0u);
	USE(EINVAL, "use flags", use.flags = 1);
	USE(EINVAL, "use reserved32", use.reserved32 = 1);
	USE(EINVAL, "use reserved", use.reserved[0] = 1);
	USE(EINVAL, "a name without end", memset(use.name, 'a', sizeof(use.name)));
	USE(EINVAL, "a name with a slash", use.name[2] = '/');
	USE(0, "the built-in", memset(use.name, 0, sizeof(use.name)));
}

static void bad_sizes(const char *dir)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct vexfs_hit hit[1];
	float row[DIMS];
	uint64_t id = 6001;
	struct vexfs_ioc_insert in = { .size = sizeof(in), .n = 1, .row_bytes = DIMS * 4,
				       .rows = PTR(c.rows), .ids = PTR(&id) };
	struct vexfs_ioc_get get = { .size = sizeof(get), .id = c.ids[0], .row = PTR(row),
				     .row_bytes = DIMS * 4 };
	struct vexfs_ioc_delete del = { .size = sizeof(del), .n = 1, .ids = PTR(c.ids) };
	struct vexfs_ioc_search s = { .size = sizeof(s), .k = 1, .vector_bytes = DIMS * 4,
				      .vector = PTR(c.rows), .hits = PTR(hit) };
	struct vexfs_ioc_use use = { .size = sizeof(use) };
	int plain = vx_directory(dir, "plain"), other = open("/tmp", O_RDONLY | O_DIRECTORY), x = 0;
	uint64_t bad;

	sizes(c.fd, VEXFS_IOC_INFO, &info, sizeof(info), "size of info");
	sizes(c.fd, VEXFS_IOC_INSERT, &in, sizeof(in), "size of insert");
	sizes(c.fd, VEXFS_IOC_GET, &get, sizeof(get), "size of get");
	sizes(c.fd, VEXFS_IOC_DELETE, &del, sizeof(del), "size of delete");
	sizes(c.fd, VEXFS_IOC_SEARCH, &s, sizeof(s), "size of search");
	sizes(c.fd, VEXFS_IOC_USE, &use, sizeof(use), "size of use");
	info.flags = 1;
	EXPECT(EINVAL, vx_ioctl(c.fd, VEXFS_IOC_INFO, &info), "info flags");
	info.flags = 0;
	info.reserved32 = 1;
	EXPECT(EINVAL, vx_ioctl(c.fd, VEXFS_IOC_INFO, &info), "info reserved32");
	info.reserved32 = 0;

	EXPECT(ENOTTY, vx_ioctl(c.fd, _IOWR(VEXFS_IOC_MAGIC, 99, int), &x), "an unknown number");
	EXPECT(ENOTTY, vx_ioctl(c.fd, _IOWR(VEXFS_IOC_MAGIC, 0, int), &x), "number 0");
	EXPECT(ENOTTY, vx_ioctl(c.fd, _IO(VEXFS_IOC_MAGIC, 2), &x), "a number without direction");
	EXPECT(ENOTTY, vx_ioctl(other, VEXFS_IOC_SEARCH, &s), "a directory elsewhere");
	EXPECT(ENODATA, vx_info(plain, &info), "info of a plain directory");
	EXPECT(ENODATA, vx_insert(plain, 1, DIMS, c.rows, &id, NULL, NULL, &bad),
	       "insert into a plain directory");
	EXPECT(ENODATA, vx_delete(plain, 1, c.ids, NULL), "delete from a plain directory");
	EXPECT(ENODATA, vx_get(plain, 1, DIMS, row, NULL), "get from a plain directory");
	EXPECT(ENODATA, vx_search(plain, 1, DIMS, c.rows, hit, &s), "search in a plain directory");
	EXPECT(ENODATA, vx_ioctl(plain, VEXFS_IOC_USE, &use), "use in a plain directory");
	unchanged("sizes");
	close(plain);
	close(other);
}

int main(int argc, char **argv)
{
	uint32_t i;
	int l2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2) {
		fprintf(stderr, "usage: badinput DIR\n");
		return 2;
	}
	schemas(argv[1]);
	c.fd = vx_collection(argv[1], "errors", DIMS, VEXFS_METRIC_COSINE, 1);
	for (i = 0; i < N; i++) {
		c.ids[i] = i ? i : 1ULL << 63;
		make_row(c.rows + i * DIMS, DIMS, 1, i);
	}
	EXPECT(0, vx_insert(c.fd, N, DIMS, c.rows, c.ids, NULL, NULL, NULL), "insert");
	EXPECT(0, vx_info(c.fd, &c.before), "info");
	bad_inserts();
	nowhere_to_answer();
	bad_deletes();
	bad_gets();
	bad_searches();
	bad_uses();
	bad_sizes(argv[1]);
	l2 = vx_collection(argv[1], "errors-l2", DIMS, VEXFS_METRIC_L2, 0);
	EXPECT(0, vx_insert(l2, 1, DIMS, (float[DIMS]){ 0 }, c.ids, NULL, NULL, NULL),
	       "a zero vector is fine for l2");
	close(l2);
	close(c.fd);
	return failed();
}
