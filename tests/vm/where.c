// SPDX-License-Identifier: GPL-2.0
/*
 * Searches with a predicate.
 *
 *	where oracle DIR ROUNDS [SEED]	random schemas, records, deletions and predicates, against
 *					the truth computed here
 *	where bad DIR			every malformed predicate gets its errno, and nothing else
 *	where storm DIR SECONDS		many predicates at once with inserts and deletes
 *	where check DIR			a collection filled by hookq, through whatever program is
 *					bound
 *
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define MAX_N		3000
#define MAX_DIMS	12
#define KERNEL_ADDRESS	0xffff888000000000ULL
#define NOWHERE		0x0000700000001000ULL	/* canonical, not mapped */

struct condition {
	uint32_t n, values;
	struct vexfs_predicate_node node[VEXFS_MAX_PREDICATE + 1];
	int64_t value[VEXFS_MAX_PREDICATE_VALUES + 1];
};

struct record {
	uint64_t id;
	int64_t attr[VEXFS_MAX_ATTRS];
	float row[MAX_DIMS];
	bool dead;
};

static uint64_t seed;

static uint32_t chance(uint32_t below)
{
	return random64(&seed) % below;
}

static int where_search(int fd, uint32_t flags, uint32_t k, uint32_t dims, const float *v,
			const struct condition *c, struct vexfs_hit *hits,
			struct vexfs_ioc_search *out)
{
	struct vexfs_ioc_search a = {
		.size = sizeof(a), .flags = flags, .k = k, .vector_bytes = dims * 4,
		.vector = PTR(v), .hits = PTR(hits), .timeout_us = VEXFS_MAX_TIMEOUT_US,
		.where = PTR(c->node), .where_values = PTR(c->value), .where_nodes = c->n,
		.where_values_n = c->values,
	};
	int err = vx_ioctl(fd, VEXFS_IOC_SEARCH, &a);

	*out = a;
	return err;
}

/* --- the truth --- */

static bool holds(const struct condition *c, const int64_t *attr)
{
	bool stack[VEXFS_MAX_PREDICATE_DEPTH] = { 0 };
	uint32_t i, k, n = 0;

	for (i = 0; i < c->n; i++) {
		const struct vexfs_predicate_node *x = &c->node[i];
		bool is = false;

		switch (x->op) {
		case VEXFS_PRED_AND:
			n--;
			stack[n - 1] = stack[n - 1] && stack[n];
			continue;
		case VEXFS_PRED_OR:
			n--;
			stack[n - 1] = stack[n - 1] || stack[n];
			continue;
		case VEXFS_PRED_NOT:
			stack[n - 1] = !stack[n - 1];
			continue;
		case VEXFS_PRED_EQ:
			is = attr[x->attr] == x->value;
			break;
		case VEXFS_PRED_LT:
			is = attr[x->attr] < x->value;
			break;
		case VEXFS_PRED_MASK:
			is = attr[x->attr] & x->value;
			break;
		case VEXFS_PRED_IN:
			for (k = 0; k < x->n; k++)
				is = is || attr[x->attr] == c->value[x->first + k];
		}
		stack[n++] = is;
	}
	return stack[0];
}

struct near {
	uint64_t id;
	double distance;
};

static int nearer(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static double distance(const float *a, const float *b, uint32_t dims)
{
	double s = 0;
	uint32_t i;

	for (i = 0; i < dims; i++)
		s += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	return s;
}

static void compare(int fd, const struct record *r, uint32_t n, uint32_t dims, uint32_t k,
		    const float *v, const struct condition *c)
{
	static struct vexfs_hit hits[VEXFS_MAX_K];
	static struct near t[MAX_N];
	struct vexfs_ioc_search s;
	uint32_t i, found = 0;

	for (i = 0; i < n; i++)
		if (!r[i].dead && holds(c, r[i].attr))
			t[found++] = (struct near){ r[i].id, distance(v, r[i].row, dims) };
	qsort(t, found, sizeof(*t), nearer);
	if (EXPECT(0, where_search(fd, VEXFS_SEARCH_EXACT, k, dims, v, c, hits, &s), "search"))
		return;
	if (FAIL(s.n != (found < k ? found : k) || s.truncated,
		 "%u hits of %u, k is %u, truncated %u", s.n, found, k, s.truncated))
		return;
	FAIL(s.visited > n, "%llu slots visited of %u", s.visited, n);
	for (i = 0; i < s.n; i++)
		if (FAIL(hits[i].id != t[i].id || fabs(hits[i].distance - t[i].distance) >
							  1e-9 * (1 + t[i].distance),
			 "hit %u is %llu at %.12g, the truth %llu at %.12g", i, hits[i].id,
			 hits[i].distance, (unsigned long long)t[i].id, t[i].distance))
			return;
}

/* --- random conditions --- */

static int64_t some_value(void)
{
	static const int64_t edge[] = { INT64_MIN, INT64_MAX, -1, 0, 1, 1LL << 40 };

	return chance(5) ? (int64_t)chance(30) - 10 : edge[chance(6)];
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static struct vexfs_predicate_node some_leaf(struct condition *c, uint32_t attrs)
{
	struct vexfs_predicate_node x = { .op = VEXFS_PRED_EQ + chance(4), .attr = chance(attrs) };
	uint32_t n = 1 + chance(chance(3) ? 4 : 60), i;

	if (x.op != VEXFS_PRED_IN) {
		x.value = some_value();
		return x;
	}
	if (c->values + n > VEXFS_MAX_PREDICATE_VALUES)
		n = 1;			/* 60 nodes at most: there is always room for one */
	x.first = c->values;
	for (i = 0; i < n; i++)
		c->value[x.first + i] = some_value();
	qsort(c->value + x.first, n, sizeof(c->value[0]), ascending);
	for (i = 0; i < n; i++)
		if (!i || c->value[x.first + i] != c->value[c->values - 1])
			c->value[c->values++] = c->value[x.first + i];
	x.n = c->values - x.first;
	return x;
}

static void some_condition(struct condition *c, uint32_t attrs)
{
	uint32_t leaves = chance(3) ? 1 + chance(4) : 1 + chance(16), i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < leaves; i++) {
		c->node[c->n++] = some_leaf(c, attrs);
		if (!chance(3))
			c->node[c->n++].op = VEXFS_PRED_NOT;
		if (i && chance(2) && i < VEXFS_MAX_PREDICATE_DEPTH) {
			c->node[c->n++].op = VEXFS_PRED_AND + chance(2);
			leaves--;	/* one fewer to join at the end */
			i--;
		}
	}
	for (i = 1; i < leaves; i++)
		c->node[c->n++].op = VEXFS_PRED_AND + chance(2);
}

#define CONDITIONS	12	/* more than are remembered */

static void history(const char *dir, uint32_t round)
{
	static struct record r[MAX_N];
	static struct condition c[CONDITIONS];
	static float rows[500 * MAX_DIMS];
	static int64_t attr[500 * VEXFS_MAX_ATTRS];
	uint32_t dims = 1 + chance(MAX_DIMS), attrs = 1 + chance(VEXFS_MAX_ATTRS), n = 0, step, i,
		 k;
	uint64_t ids[500];
	char name[32];
	float v[MAX_DIMS];
	int fd;

	snprintf(name, sizeof(name), "where%u", round);
	fd = vx_collection(dir, name, dims, VEXFS_METRIC_L2, attrs);
	for (i = 0; i < CONDITIONS; i++)
		some_condition(&c[i], attrs);
	for (step = 0; step < 12; step++) {
		uint32_t more = step ? chance(step % 3 ? 40 : 500) : 0;

		if (n + more > MAX_N)
			more = MAX_N - n;
		for (i = 0; i < more; i++) {
			struct record *x = &r[n + i];

			x->id = ids[i] = (n + i) * 7919ULL + round;
			x->dead = false;
			make_row(x->row, dims, seed, x->id);
			memcpy(rows + i * dims, x->row, dims * 4);
			memset(x->attr, 0, sizeof(x->attr));
			for (k = 0; k < attrs; k++)
				attr[i * attrs + k] = x->attr[k] = some_value();
		}
		if (more)
			EXPECT(0, vx_insert(fd, more, dims, rows, ids, attr, NULL, NULL), "insert");
		n += more;
		for (i = n / 12; i; i--) {
			struct record *x = &r[chance(n)];

			if (!x->dead)
				EXPECT(0, vx_delete(fd, 1, &x->id, NULL), "delete");
			x->dead = true;
		}
		for (i = 0; i < 6; i++) {
			make_row(v, dims, seed, i);
			compare(fd, r, n, dims, i % 3 ? 1 + chance(20) : 1 + chance(VEXFS_MAX_K), v,
				&c[chance(CONDITIONS)]);
		}
	}
	for (i = 0; i < CONDITIONS; i++)
		compare(fd, r, n, dims, 10, v, &c[i]);
	close(fd);
}

/* --- bad input --- */

static struct {
	int fd;
	float v[4];
	struct vexfs_ioc_search good;
	struct condition c;
	struct vexfs_hit hits[10];
} bad;

/* The good search with something changed in the struct or the condition. */
#define BAD(want, ...) do {									\
		struct vexfs_ioc_search a = bad.good;						\
		struct condition *c = &bad.c;							\
		memset(c, 0, sizeof(*c));							\
		c->node[0] =                                                                     \
			(struct vexfs_predicate_node){ .op = VEXFS_PRED_IN, .attr = 1, .n = 3 }; \
		memcpy(c->value, (int64_t[]){ 1, 2, 5 }, 3 * sizeof(int64_t));			\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(bad.fd, VEXFS_IOC_SEARCH, &a), #__VA_ARGS__);		\
	} while (0)

static void bad_conditions(void)
{
	const struct vexfs_predicate_node eq = { .op = VEXFS_PRED_EQ },
					  or = { .op = VEXFS_PRED_OR };
	size_t page = sysconf(_SC_PAGESIZE);
	char *edge =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t i;

	if (edge == MAP_FAILED || munmap(edge + page, page))
		die("mmap");
	BAD(0, );
	/* counts that lie */
	BAD(E2BIG, a.where_nodes = VEXFS_MAX_PREDICATE + 1);
	BAD(E2BIG, a.where_nodes = ~0u);
	BAD(E2BIG, a.where_nodes = 1u << 31);
	BAD(E2BIG, a.where_values_n = VEXFS_MAX_PREDICATE_VALUES + 1);
	BAD(E2BIG, a.where_values_n = ~0u);
	BAD(E2BIG, a.where_nodes = 0, a.where_values_n = ~0u);
	BAD(EBADMSG, a.where_nodes = 0);
	BAD(0, a.where_nodes = 0, a.where_values_n = 0, a.where = 1);
	BAD(EBADMSG, a.where_values_n = 2);
	BAD(EBADMSG, a.where_values_n = 0);
	BAD(EBADMSG, a.where_nodes = 2);
	BAD(0, a.where_values_n = 4);
	/* pointers */
	BAD(EFAULT, a.where = 0);
	BAD(EFAULT, a.where = 1);
	BAD(EFAULT, a.where = KERNEL_ADDRESS);
	BAD(EFAULT, a.where = NOWHERE);
	BAD(EFAULT, a.where = ~0ULL);
	BAD(EFAULT, a.where_values = 0);
	BAD(EFAULT, a.where_values = KERNEL_ADDRESS);
	BAD(EFAULT, a.where_values = NOWHERE);
	BAD(EFAULT, a.where_values = ~0ULL);
	BAD(EFAULT, memcpy(edge + page - 16, c->node, 16), a.where = PTR(edge + page - 16));
	BAD(EFAULT, memcpy(edge + page - 16, c->value, 16), a.where_values = PTR(edge + page - 16));
	BAD(0, memcpy(edge + page - 24, c->node, 24), a.where = PTR(edge + page - 24));
	/* programs */
	BAD(EBADMSG, c->node[0].op = 0);
	BAD(EBADMSG, c->node[0].op = 8);
	BAD(EBADMSG, c->node[0].op = 0xffff);
	BAD(EBADMSG, c->node[0].reserved = 1);
	BAD(EBADMSG, c->node[0].value = 1);
	BAD(EBADMSG, c->node[0].n = 0);
	BAD(EBADMSG, c->node[0].n = 4);
	BAD(EBADMSG, c->node[0].n = ~0u);
	BAD(EBADMSG, c->node[0].first = 1);
	BAD(EBADMSG, c->node[0].first = ~0u);
	BAD(EBADMSG, c->node[0].first = ~0u, c->node[0].n = 2);
	BAD(EBADMSG, c->value[0] = 2);
	BAD(EBADMSG, c->value[0] = 3);
	BAD(ENXIO, c->node[0].attr = 2);
	BAD(ENXIO, c->node[0].attr = 8);
	BAD(ENXIO, c->node[0].attr = 0xffff);
	BAD(EBADMSG, c->node[0] = or);
	BAD(EBADMSG, a.where_nodes = 2, c->node[1] = or);
	BAD(EBADMSG, a.where_nodes = 2, c->node[1] = eq);
	BAD(0, a.where_nodes = 3, c->node[1] = eq, c->node[2] = or);
	BAD(EBADMSG, a.where_nodes = 3, c->node[1] = eq, c->node[2] = or, c->node[2].attr = 1);
	for (i = 1; i <= VEXFS_MAX_PREDICATE / 2; i++) {
		uint32_t k;

		BAD(i <= VEXFS_MAX_PREDICATE_DEPTH ? 0 : EBADMSG, a.where_nodes = 2 * i - 1;
		    for (k = 0; k < 2 * i - 1; k++) c->node[k] = k < i ? eq : or);
	}
	munmap(edge, page);
}

static void bad_input(const char *dir)
{
	uint64_t ids[] = { 1, 2, 3, 4 };
	int64_t attr[] = { 1, 1, 2, 2, 3, 3, 4, 4 };
	float rows[16];
	struct vexfs_ioc_info info, after;
	uint32_t i, k;

	bad.fd = vx_collection(dir, "bad", 4, VEXFS_METRIC_L2, 2);
	for (i = 0; i < 4; i++)
		make_row(rows + 4 * i, 4, 1, i);
	EXPECT(0, vx_insert(bad.fd, 4, 4, rows, ids, attr, NULL, NULL), "insert");
	make_row(bad.v, 4, 1, 9);
	bad.good = (struct vexfs_ioc_search){
		.size = sizeof(bad.good), .k = 10, .vector_bytes = 16, .vector = PTR(bad.v),
		.hits = PTR(bad.hits), .where = PTR(bad.c.node), .where_nodes = 1,
		.where_values = PTR(bad.c.value), .where_values_n = 3,
	};
	vx_info(bad.fd, &info);
	bad_conditions();
	vx_info(bad.fd, &after);
	FAIL(info.live != after.live || info.count != after.count, "something has changed");

	/* noise: an answer or one of these errors */
	for (k = 0; k < 20000; k++)
		BAD(err, int err;
		    for (i = 1 + chance(3); i; i--)
			((uint8_t *)c->node)[chance(3 * sizeof(c->node[0]))] ^= 1 << chance(8);
		    a.where_nodes = 1 + chance(3);
		    c->node[1] = chance(2) ? c->node[1] : c->node[0];
		    err = vx_ioctl(bad.fd, VEXFS_IOC_SEARCH, &a);
		    FAIL(err && err != EBADMSG && err != ENXIO, "noise: %s", error_name(err)););

	/* a collection without attributes has nothing to compare */
	close(bad.fd);
	bad.fd = vx_collection(dir, "bare", 4, VEXFS_METRIC_L2, 0);
	BAD(ENXIO, );
	BAD(ENXIO, c->node[0].attr = 0);
	close(bad.fd);
}

/* --- many at once --- */

#define STORM_DIMS	8
#define STORM_MAX	40000
#define STORM_ATTR	16	/* record i has the attribute i % 16 */

static struct {
	int fd;
	atomic_bool stop;
	/* ids below written are acknowledged; multiples of 5 below deleted are gone */
	atomic_uint_fast64_t written, deleted;
	atomic_ulong searches;
} storm;

static void *storm_writer(void *arg)
{
	static float rows[256 * STORM_DIMS];
	uint64_t ids[256], s = 1, next = 0, gone;
	int64_t attr[256];
	uint32_t i, n;

	while (!storm.stop && next < STORM_MAX) {
		n = 1 + random64(&s) % (random64(&s) % 4 ? 8 : 256);
		for (i = 0; i < n; i++) {
			ids[i] = next + i;
			attr[i] = ids[i] % STORM_ATTR;
			make_row(rows + i * STORM_DIMS, STORM_DIMS, 3, ids[i]);
		}
		EXPECT(0, vx_insert(storm.fd, n, STORM_DIMS, rows, ids, attr, NULL, NULL),
		       "insert");
		next += n;
		storm.written = next;
		gone = storm.deleted;
		if (gone + 5 < next / 2) {
			EXPECT(0, vx_delete(storm.fd, 1, &gone, NULL), "delete");
			storm.deleted = gone + 5;
		}
	}
	return arg;
}

static void *storm_searcher(void *arg)
{
	uint64_t s = (uintptr_t)arg;
	struct vexfs_hit hits[50];
	struct vexfs_ioc_search out;
	struct condition c;
	float v[STORM_DIMS];

	while (!storm.stop) {
		/* 32 predicates, more than are remembered: an attribute, or all but it */
		uint32_t value = random64(&s) % STORM_ATTR, not = random64(&s) % 2, i, want = 0;
		uint64_t written = storm.written, gone, id;

		memset(&c, 0, sizeof(c));
		c.n = 1 + not;
		c.node[0] = (struct vexfs_predicate_node){ .op = VEXFS_PRED_EQ, .value = value };
		c.node[1].op = VEXFS_PRED_NOT;
		make_row(v, STORM_DIMS, 4, random64(&s) % 100);
		gone = storm.deleted;
		if (EXPECT(0, where_search(storm.fd, 0, 50, STORM_DIMS, v, &c, hits, &out),
			   "search"))
			break;
		/* what was there all the time */
		for (id = 0; id < written && want < 50; id++)
			want += id % 5 && (id % STORM_ATTR == value) != not;
		FAIL(out.n < want || out.truncated, "%u hits, at least %u match, truncated %u",
		     out.n, want, out.truncated);
		for (i = 0; i < out.n; i++) {
			id = hits[i].id;
			FAIL((id % STORM_ATTR == value) == not, "hit %llu does not match",
			     hits[i].id);
			FAIL(id % 5 == 0 && id < gone, "hit %llu was deleted", hits[i].id);
		}
		storm.searches++;
	}
	return NULL;
}

static void all_at_once(const char *dir, unsigned int seconds)
{
	pthread_t t[4];
	uint32_t i;

	storm.fd = vx_collection(dir, "storm-where", STORM_DIMS, VEXFS_METRIC_L2, 1);
	pthread_create(&t[0], NULL, storm_writer, NULL);
	for (i = 1; i < 4; i++)
		pthread_create(&t[i], NULL, storm_searcher, (void *)(uintptr_t)i);
	sleep(seconds);
	storm.stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("%llu records, %lu searches\n", (unsigned long long)storm.written, storm.searches);
	FAIL(!storm.searches, "no search");
	close(storm.fd);
}

/* --- through programs: record i of hookq has tenant i % 4 and made 10 * i --- */

static void check(const char *dir)
{
	struct condition c = { .n = 3, .node = { { .op = VEXFS_PRED_LT, .attr = 1, .value = 5000 },
						 { .op = VEXFS_PRED_EQ, .attr = 0, .value = 2 },
						 { .op = VEXFS_PRED_AND } } };
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	static struct vexfs_hit hits[VEXFS_MAX_K];
	struct vexfs_ioc_search s;
	struct vexfs_ioc_info info;
	float v[8] = { 0.5f, -0.5f };
	uint32_t i;

	if (fd < 0 || vx_info(fd, &info))
		die(dir);
	EXPECT(0, where_search(fd, 0, VEXFS_MAX_K, 8, v, &c, hits, &s), "search");
	printf("n=%u visited=%llu truncated=%u strategy=%s\n", s.n, s.visited, s.truncated,
	       s.strategy);
	for (i = 0; i < s.n; i++)
		FAIL(hits[i].id % 4 != 2 || hits[i].id >= 500, "hit %llu does not match",
		     hits[i].id);
	close(fd);
}

int main(int argc, char **argv)
{
	uint32_t i;

	seed = argc > 4 ? strtoull(argv[4], NULL, 0) : 20;
	if (argc >= 4 && !strcmp(argv[1], "oracle")) {
		printf("seed %llu\n", (unsigned long long)seed);
		for (i = 0; i < (uint32_t)atoi(argv[3]); i++)
			history(argv[2], i);
	} else if (argc == 3 && !strcmp(argv[1], "bad")) {
		bad_input(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "storm")) {
		all_at_once(argv[2], atoi(argv[3]));
	} else if (argc == 3 && !strcmp(argv[1], "check")) {
		check(argv[2]);
	} else {
		fprintf(stderr, "usage: where oracle|bad|storm|check DIR ...\n");
		return 2;
	}
	return failed();
}
