// SPDX-License-Identifier: GPL-2.0
/*
 * Several queries in one call, and range searches.
 *
 *	calls many DIR METRIC DIMS N	many queries in one call answer as they do one by one
 *	calls range DIR METRIC DIMS N	all within a distance, against the ranking and an oracle
 *	calls limits DIR		1,024 queries, every bad argument, the deadline
 *
 * DIR is a directory of VexFS in which a collection is made; METRIC is l2, cosine or dot.  Exit
 * code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define QUERIES	16
#define MAX_N	1000			/* so that one k-NN search ranks all */

static uint32_t dims, metric, n_rows;
static float *rows, *vectors;
static struct vexfs_hit hit[MAX_N * QUERIES], one[MAX_N];
static struct vexfs_query_answer answer[VEXFS_MAX_QUERIES];

/*
 * A collection DIR/NAME-METRIC-DIMS of n records whose ids are their slots + 1; every fifth row is
 * that before it.
 */
static int make(const char *dir, const char *name, const char *metric_name, uint32_t d, uint32_t n)
{
	uint64_t *ids = calloc(n, sizeof(*ids));
	char path[64];
	uint32_t i;
	int fd;

	metric = !strcmp(metric_name, "l2")     ? VEXFS_METRIC_L2 :
		 !strcmp(metric_name, "cosine") ? VEXFS_METRIC_COSINE : VEXFS_METRIC_DOT;
	dims = d;
	n_rows = n;
	rows = calloc((size_t)n * d, sizeof(*rows));
	vectors = calloc((size_t)VEXFS_MAX_QUERIES * d, sizeof(*vectors));
	if (!ids || !rows || !vectors)
		die("memory");
	for (i = 0; i < n; i++) {
		ids[i] = i + 1;
		make_row(rows + (size_t)i * d, d, 1, i - (i % 5 == 4));
	}
	for (i = 0; i < VEXFS_MAX_QUERIES; i++)
		make_row(vectors + (size_t)i * d, d, i % 3 ? 2 : 1, i);	/* every third is there */
	snprintf(path, sizeof(path), "%s-%s-%u", name, metric_name, d);
	fd = vx_collection(dir, path, d, metric, 0);
	EXPECT(0, vx_insert(fd, n, d, rows, ids, NULL, NULL, NULL), "insert");
	free(ids);
	return fd;
}

static struct vexfs_ioc_search ask(uint32_t first, uint32_t queries, uint32_t k,
				   struct vexfs_hit *hits)
{
	return (struct vexfs_ioc_search){
		.size = sizeof(struct vexfs_ioc_search), .k = k, .queries = queries,
		.vector_bytes = dims * 4, .vector = PTR(vectors + (size_t)first * dims),
		.hits = PTR(hits), .answers = PTR(answer), .timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
}

static bool same_hits(const struct vexfs_hit *a, const struct vexfs_hit *b, uint32_t n,
		      const char *what)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (FAIL(memcmp(a + i, b + i, sizeof(*a)),
			 "%s: hit %u is %llu at %.17g, not %llu at %.17g", what, i, a[i].id,
			 a[i].distance, b[i].id, b[i].distance))
			return false;
	return true;
}

static void many(int fd)
{
	static const uint32_t ks[] = { 1, 10, 333, MAX_N };
	struct vexfs_ioc_search s, t;
	uint64_t visited, scored;
	uint32_t i, j;

	for (j = 0; j < 4; j++) {
		uint32_t k = ks[j], want = k < n_rows ? k : n_rows;

		memset(hit, 0x5a, sizeof(hit));
		s = ask(0, QUERIES, k, hit);
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "many"))
			return;
		visited = scored = 0;
		for (i = 0; i < QUERIES; i++) {
			FAIL(answer[i].n != want || answer[i].truncated,
			     "query %u: %u hits, truncated %#x", i, answer[i].n,
			     answer[i].truncated);
			FAIL(answer[i].visited < n_rows || answer[i].scored < n_rows,
			     "query %u visited %llu, scored %llu", i, answer[i].visited,
			     answer[i].scored);
			visited += answer[i].visited;
			scored += answer[i].scored;
			if (EXPECT(0, vx_search(fd, k, dims, vectors + i * dims, one, &t), "one") ||
			    FAIL(t.n != want, "one: %u hits", t.n) ||
			    !same_hits(hit + i * k, one, want, "many"))
				return;
			if (k > want)
				FAIL(hit[i * k + want].id != 0x5a5a5a5a5a5a5a5aULL,
				     "written beyond the hits");
		}
		FAIL(s.n != want * QUERIES || s.truncated || s.visited != visited ||
			     s.scored != scored,
		     "sums: n %u, truncated %#x, visited %llu of %llu, scored %llu of %llu", s.n,
		     s.truncated, s.visited, (unsigned long long)visited, s.scored,
		     (unsigned long long)scored);
	}
	/* without answers */
	s = ask(0, 3, 5, one);
	s.answers = 0;
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "without answers");
	FAIL(s.n != 15, "%u hits", s.n);
}

/* As many as there may be. */
static void most(int fd)
{
	struct vexfs_ioc_search s = ask(0, VEXFS_MAX_QUERIES, 3, hit);

	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "1,024 queries");
	FAIL(s.n != 3 * VEXFS_MAX_QUERIES, "%u hits", s.n);
}

/* --- all within a distance --- */

static double distance(const float *a, const float *b)
{
	double s = 0, x = 0, y = 0;
	uint32_t i;

	for (i = 0; i < dims; i++) {
		s += metric == VEXFS_METRIC_L2 ? ((double)a[i] - b[i]) * ((double)a[i] - b[i]) :
						 (double)a[i] * b[i];
		x += (double)a[i] * a[i];
		y += (double)b[i] * b[i];
	}
	return metric == VEXFS_METRIC_L2 ? s :
	       metric == VEXFS_METRIC_DOT ? -s :
					    1 - s / sqrt(x) / sqrt(y);
}

static struct vexfs_ioc_search within(uint32_t query, uint32_t k, double radius,
				      struct vexfs_hit *hits)
{
	struct vexfs_ioc_search s = ask(query, 1, k, hits);

	s.flags = VEXFS_SEARCH_RANGE;
	memcpy(&s.radius, &radius, 8);
	return s;
}

/*
 * Within r of a query there must be exactly the first of `one`, the ranking of all, that are not
 * beyond it.
 */
static void check_range(int fd, uint32_t query, double r)
{
	static const uint32_t ks[] = { 1, 20, MAX_N, VEXFS_MAX_RANGE };
	static struct vexfs_hit got[VEXFS_MAX_RANGE];
	uint32_t all = 0, i, j;
	double eps = isinf(r) ? 0 : 1e-9 * (1 + fabs(r));

	while (all < n_rows && one[all].distance <= r)
		all++;
	for (i = j = 0; i < n_rows; i++) {	/* and it is near what is computed here */
		double d = distance(vectors + (size_t)query * dims, rows + (size_t)i * dims);

		j += d < r - eps;
		if (d >= r - eps && d <= r + eps)
			j += 1 << 16;
	}
	FAIL(all < (j & 0xffff) || all > (j & 0xffff) + (j >> 16),
	     "radius %.17g: %u, the oracle has %u and %u about", r, all, j & 0xffff, j >> 16);
	for (i = 0; i < 4; i++) {
		uint32_t k = ks[i], want = k < all ? k : all;
		struct vexfs_ioc_search s = within(query, k, r, got);

		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "range") ||
		    FAIL(s.n != want, "radius %.17g, k %u: %u hits, not %u", r, k, s.n, want) ||
		    FAIL(s.truncated != (all > k ? VEXFS_TRUNC_LIMIT : 0),
			 "radius %.17g, k %u: truncated %#x", r, k, s.truncated) ||
		    !same_hits(got, one, want, "range"))
			return;
	}
}

static void ranges(int fd)
{
	struct vexfs_ioc_search s;
	uint32_t q, i;

	for (q = 0; q < 3; q++) {
		s = ask(q, 1, MAX_N, one);
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "rank") ||
		    FAIL(s.n != n_rows, "%u ranked", s.n))
			return;
		for (i = 0; i < n_rows; i += n_rows / 5) {
			check_range(fd, q, one[i].distance);	/* that one is on the border */
			check_range(fd, q, nextafter(one[i].distance, -INFINITY));
			check_range(fd, q, nextafter(one[i].distance, INFINITY));
		}
		check_range(fd, q, one[n_rows - 1].distance);
		check_range(fd, q, 0);
		check_range(fd, q, -0.0);
		check_range(fd, q, -one[n_rows / 2].distance);
		check_range(fd, q, INFINITY);
		check_range(fd, q, -INFINITY);
		check_range(fd, q, 1e300);
		check_range(fd, q, -1e300);
	}
	/* several of them in one call, some with too many */
	s = ask(0, QUERIES, 100, hit);
	s.flags = VEXFS_SEARCH_RANGE;
	memcpy(&s.radius, &one[n_rows / 10].distance, 8);
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "several ranges");
	for (q = 0; q < QUERIES; q++) {
		struct vexfs_ioc_search t =
			within(q, 100, one[n_rows / 10].distance, one + n_rows / 2);

		t.answers = 0;
		EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &t), "one of them");
		if (FAIL(t.n != answer[q].n || t.truncated != answer[q].truncated,
			 "range %u: %u hits, truncated %#x", q, answer[q].n, answer[q].truncated) ||
		    !same_hits(hit + q * 100, one + n_rows / 2, t.n, "several ranges"))
			return;
	}
}

/* --- limits --- */

static void bad_arguments(int fd)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *edge =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vexfs_ioc_search s;
	double nan = NAN;

	if (edge == MAP_FAILED || munmap(edge + page, page))
		die("mmap");
#define BAD(want, what, ...) do {						\
		s = ask(0, 4, 10, hit);						\
		__VA_ARGS__;							\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), what);		\
	} while (0)
	BAD(0, "nothing wrong", (void)0);
	FAIL(s.n != 40, "%u hits of four queries", s.n);
	BAD(0, "queries 0 is one", s.queries = 0);
	FAIL(s.n != 10, "%u hits of one query", s.n);
	BAD(E2BIG, "1,025 queries", s.queries = VEXFS_MAX_QUERIES + 1);
	BAD(E2BIG, "queries ~0", s.queries = ~0u);
	BAD(E2BIG, "queries * k", s.queries = 17, s.k = VEXFS_MAX_RANGE,
	    s.flags = VEXFS_SEARCH_RANGE);
	BAD(E2BIG, "k of a range", s.queries = 1, s.k = VEXFS_MAX_RANGE + 1,
	    s.flags = VEXFS_SEARCH_RANGE);
	BAD(E2BIG, "k without range", s.queries = 1, s.k = VEXFS_MAX_RANGE);
	BAD(EINVAL, "several by id", s.flags = VEXFS_SEARCH_BY_ID, s.id = 1);
	BAD(EINVAL, "several by key", s.flags = VEXFS_SEARCH_BY_KEY);
	BAD(EINVAL, "by id and key", s.queries = 1,
	    s.flags = VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BY_KEY);
	BAD(EINVAL, "a key without BY_KEY", s.key_len = 1);
	BAD(EINVAL, "a key without BY_KEY", s.key = PTR(hit));
	BAD(EINVAL, "a radius without RANGE", s.radius = 1);
	BAD(EINVAL, "NaN", s.flags = VEXFS_SEARCH_RANGE, memcpy(&s.radius, &nan, 8));
	BAD(EINVAL, "-NaN", s.flags = VEXFS_SEARCH_RANGE, s.radius = ~0ULL);
	BAD(EINVAL, "the smallest NaN", s.flags = VEXFS_SEARCH_RANGE,
	    s.radius = (0x7ffULL << 52) + 1);
	BAD(EINVAL, "reserved32", s.reserved32 = 1);
	BAD(EINVAL, "reserved", s.reserved[4] = 1);
	BAD(EFAULT, "answers nowhere", s.answers = 4096);
	BAD(EFAULT, "answers at the end of memory",
	    s.answers = PTR(edge + page - 3 * sizeof(*answer)));
	BAD(EFAULT, "vectors at the end of memory", s.vector = PTR(edge + page - 3 * dims * 4));
	BAD(EFAULT, "hits at the end of memory", s.hits = PTR(edge + page - 39 * sizeof(*hit)));
	BAD(0, "hits that just fit", s.hits = PTR(edge + page - 40 * sizeof(*hit)));
	vectors[4 * dims - 1] = NAN;
	BAD(EINVAL, "NaN in the last vector", (void)0);
	BAD(0, "but not in those before", s.queries = 3);
	vectors[4 * dims - 1] = 1;
	munmap(edge, page);
}

/* More like the record of a key. */
static void by_key(int fd)
{
	static const char keys[] = "onetwothree";
	uint64_t ids[3] = { 5001, 5002, 5003 };
	struct vexfs_ioc_insert in = {
		.size = sizeof(in), .n = 3, .row_bytes = dims * 4, .rows = PTR(vectors),
		.ids = PTR(ids), .keys = PTR(keys), .key_lens = PTR("\3\3\5"), .key_bytes = 11,
	};
	struct vexfs_ioc_search s;

#define KEY(want, what, ...) do {						\
		s = ask(0, 1, 5, hit);						\
		s.flags = VEXFS_SEARCH_BY_KEY;					\
		s.vector = s.vector_bytes = 0;					\
		__VA_ARGS__;							\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), what);		\
	} while (0)
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_INSERT, &in), "insert with keys");
	KEY(0, "by key", s.key = PTR("three"), s.key_len = 5);
	FAIL(s.n != 5 || answer[0].n != 5, "%u hits", s.n);
	EXPECT(0, vx_search(fd, 5, dims, vectors + 2 * dims, one, &s), "by its vector");
	same_hits(hit, one, 5, "by key");
	KEY(ENOENT, "by an unknown key", s.key = PTR("four"), s.key_len = 4);
	KEY(ENOENT, "by half a key", s.key = PTR("three"), s.key_len = 4);
	KEY(EINVAL, "by a key of no length", s.key = PTR("three"));
	KEY(EINVAL, "by a key that is too long", s.key = PTR("three"),
	    s.key_len = VEXFS_MAX_KEY + 1);
	KEY(EINVAL, "by a key with a NUL", s.key = PTR("th\0ee"), s.key_len = 5);
	KEY(EFAULT, "by a key nowhere", s.key = 4096, s.key_len = 5);
	KEY(EINVAL, "by key, twice", s.key = PTR("three"), s.key_len = 5, s.queries = 2);
}

/* However short the time, each query has its whole answer, or says that it has not. */
static void deadline(int fd)
{
	static const uint32_t timeouts[] = { 1, 100, 1000, 3000, 10000, 30000 };
	uint32_t i, q, whole, late;
	struct vexfs_ioc_search s, t;

	for (i = 0; i < 6; i++) {
		memset(answer, 0xff, sizeof(answer));
		s = ask(0, VEXFS_MAX_QUERIES, 10, hit);
		s.timeout_us = timeouts[i];
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "deadline"))
			return;
		for (q = whole = late = 0; q < VEXFS_MAX_QUERIES; q++) {
			FAIL(answer[q].truncated & ~VEXFS_TRUNC_DEADLINE, "query %u: truncated %#x",
			     q, answer[q].truncated);
			if (answer[q].truncated) {
				late++;
				FAIL(q > whole && answer[q].n,
				     "query %u began too late and has %u hits", q, answer[q].n);
				continue;
			}
			FAIL(late, "query %u is whole after one that is not", q);
			whole++;
			if (whole > 20)
				continue;
			EXPECT(0, vx_search(fd, 10, dims, vectors + q * dims, one, &t), "one");
			if (FAIL(answer[q].n != 10, "query %u: %u hits", q, answer[q].n) ||
			    !same_hits(hit + q * 10, one, 10, "deadline"))
				return;
		}
		FAIL(s.truncated != (late ? VEXFS_TRUNC_DEADLINE : 0), "truncated %#x, %u late",
		     s.truncated, late);
		FAIL(!i && !late, "1,024 queries in a microsecond");
		printf("%u us: %u queries answered\n", timeouts[i], whole);
	}
}

int main(int argc, char **argv)
{
	uint32_t d = argc > 4 ? atoi(argv[4]) : 0, n = argc > 5 ? atoi(argv[5]) : 0;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 6 && d && d <= VEXFS_MAX_DIMS && n && n <= MAX_N) {
		fd = make(argv[2], argv[1], argv[3], d, n);
		if (!strcmp(argv[1], "many"))
			many(fd);
		else
			ranges(fd);
	} else if (argc == 3 && !strcmp(argv[1], "limits")) {
		fd = make(argv[2], argv[1], "l2", 12, 800);
		most(fd);
		bad_arguments(fd);
		deadline(fd);
		by_key(fd);
	} else {
		fprintf(stderr, "usage: calls many|range DIR METRIC DIMS N | calls limits DIR\n");
		return 2;
	}
	close(fd);
	return failed();
}
