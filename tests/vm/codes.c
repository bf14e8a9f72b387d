// SPDX-License-Identifier: GPL-2.0
/*
 * Searches by codes against exact ones of the same queries.
 *
 *	codes fill DIR N DIMS METRIC	make DIR a collection of N random records
 *	codes check DIR RECALL SHARE	20 queries near records, for 10: the mean recall is at least
 *					RECALL percent, and at most SHARE percent of the records are
 *					measured
 *	codes same DIR			the bound program gives the answers of the built-in lsh, and
 *					looks at as many records and measures as many
 *	codes step DIR ROUNDS		insert a few, search for each, delete some, search again
 *
 * Each prints a line of what it found: strategy, used, recall, scored, visited, rounds.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define K	10
#define QUERIES	20			/* emulation is slow, and recall is tested natively */
#define BATCH	40
#define SEED	21

static double gauss(uint64_t *s)
{
	double u = ((random64(s) >> 11) + 1.0) / (1ULL << 53),
	       v = (random64(s) >> 11) / (double)(1ULL << 53);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* Record id: normal, around one of 16 centres, all of them around a common one. */
static void make_record(float *row, uint32_t dims, uint64_t id)
{
	uint64_t s = id * 2 + 1, centre;
	uint32_t d;

	for (d = 0; d < dims; d++) {
		centre = (id % 16) << 32 | d;
		row[d] = 2 + gauss(&centre) + gauss(&s);
	}
}

static void insert(int fd, uint64_t first, uint32_t n, uint32_t dims)
{
	float *rows = calloc(n, (size_t)dims * sizeof(*rows));
	uint64_t *ids = calloc(n, sizeof(*ids)), i;

	for (i = 0; rows && ids && i < n; i++) {
		ids[i] = first + i;
		make_record(rows + i * dims, dims, first + i);
	}
	EXPECT(0, rows && ids ? vx_insert(fd, n, dims, rows, ids, NULL, NULL, NULL) : ENOMEM,
	       "insert");
	free(rows);
	free(ids);
}

/* The query is a live record, with half as much again added. */
static bool make_query(int fd, uint64_t id, uint32_t dims, float *q)
{
	uint64_t s = id + 5000000;
	double norm2 = 0;
	uint32_t d;

	if (vx_get(fd, id, dims, q, NULL))
		return false;
	for (d = 0; d < dims; d++)
		norm2 += (double)q[d] * q[d];
	for (d = 0; d < dims; d++)
		q[d] += gauss(&s) * 0.3 * sqrt(norm2 / dims);
	return true;
}

static void check(int fd, double recall, double share)
{
	struct vexfs_ioc_search s = { 0 }, exact;
	struct vexfs_hit hit[K], truth[K];
	float q[VEXFS_MAX_DIMS];
	uint64_t found = 0, wanted = 0, scored = 0, visited = 0, rounds = 0, live = 0, id, i, k;
	struct vexfs_ioc_info info;

	if (EXPECT(0, vx_info(fd, &info), "info"))
		return;
	for (id = i = 0; i < QUERIES; id += 1 + info.count / QUERIES / 2) {
		id %= info.count;
		if (!make_query(fd, id, info.dims, q))
			continue;		/* deleted */
		i++;
		EXPECT(0, vx_search_as(fd, 0, K, info.dims, q, hit, &s), "search");
		EXPECT(0, vx_search(fd, K, info.dims, q, truth, &exact), "exact search");
		FAIL(s.truncated || exact.truncated, "truncated %#x, %#x", s.truncated,
		     exact.truncated);
		FAIL(strcmp(exact.strategy, "exact") || exact.scored < info.live,
		     "exact search: strategy %s, scored %llu", exact.strategy, exact.scored);
		FAIL(s.n != exact.n, "%u hits, not %u", s.n, exact.n);
		for (k = 0; k < s.n * exact.n; k++)
			if (hit[k / exact.n].id == truth[k % exact.n].id) {
				found++;
				FAIL(hit[k / exact.n].distance != truth[k % exact.n].distance,
				     "distance");
			}
		wanted += exact.n;
		scored += s.scored;
		visited += s.visited;
		rounds += s.rounds;
		live += info.live;
	}
	printf("strategy=%s used=%u recall=%.4f scored=%llu visited=%llu rounds=%.1f\n", s.strategy,
	       s.used[VEXFS_SLOT_SEARCH], (double)found / wanted,
	       (unsigned long long)(scored / QUERIES), (unsigned long long)(visited / QUERIES),
	       (double)rounds / QUERIES);
	FAIL(found * 100.0 < recall * wanted, "recall %.4f", (double)found / wanted);
	FAIL(scored * 100.0 > share * live, "%.4f of the records were measured",
	     (double)scored / live);
}

/* The bound program against the built-in lsh. */
static void same(int fd)
{
	struct vexfs_ioc_search s = { 0 }, built_in = { 0 };
	struct vexfs_hit hit[K], other[K];
	float q[VEXFS_MAX_DIMS];
	struct vexfs_ioc_info info;
	uint64_t id, asked = 0, visited = 0;
	uint32_t k;

	if (EXPECT(0, vx_info(fd, &info), "info"))
		return;
	for (id = 0; id < info.count; id += 1 + info.count / QUERIES) {
		if (!make_query(fd, id, info.dims, q))
			continue;
		EXPECT(0, vx_search_as(fd, 0, K, info.dims, q, hit, &s), "search");
		built_in = (struct vexfs_ioc_search){
			.size = sizeof(built_in), .k = K, .vector_bytes = info.dims * 4,
			.vector = PTR(q), .hits = PTR(other), .method = VEXFS_METHOD_LSH,
			.timeout_us = VEXFS_MAX_TIMEOUT_US,
		};
		EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &built_in), "built in");
		FAIL(strcmp(built_in.strategy, "lsh") || built_in.used[VEXFS_SLOT_SEARCH],
		     "built in: strategy %s", built_in.strategy);
		FAIL(s.used[VEXFS_SLOT_SEARCH] != VEXFS_BOUND_LOADED, "no program is bound");
		FAIL(s.n != built_in.n || s.visited != built_in.visited || s.scored != built_in.scored,
		     "id %llu: %u hits, %llu visited, %llu scored; built in %u, %llu, %llu",
		     (unsigned long long)id, s.n, s.visited, s.scored, built_in.n, built_in.visited,
		     built_in.scored);
		for (k = 0; k < s.n && k < built_in.n; k++)
			FAIL(hit[k].id != other[k].id, "hit %u: id %llu, built in %llu", k, hit[k].id,
			     other[k].id);
		visited += s.visited;
		asked++;
	}
	printf("strategy=%s queries=%llu visited=%llu of %llu\n", s.strategy,
	       (unsigned long long)asked, (unsigned long long)(visited / (asked ? asked : 1)),
	       info.live);
	FAIL(asked < QUERIES / 2, "only %llu queries", (unsigned long long)asked);
}

/* Records are found as soon as they are in, and no more once they are gone. */
static void step(int fd, uint32_t rounds)
{
	uint64_t first, ids[BATCH / 4], resident;
	float q[VEXFS_MAX_DIMS];
	struct vexfs_hit hit[K];
	struct vexfs_ioc_search s;
	struct vexfs_ioc_info info;
	uint32_t i, k;

	if (EXPECT(0, vx_info(fd, &info), "info"))
		return;
	resident = info.resident;
	first = info.count;		/* ids are slots */
	while (rounds--) {
		insert(fd, first, BATCH, info.dims);
		for (i = 0; i < BATCH; i++) {
			make_record(q, info.dims, first + i);
			EXPECT(0, vx_search_as(fd, 0, K, info.dims, q, hit, &s), "search");
			for (k = 0; k < s.n && hit[k].id != first + i; k++)
				;
			FAIL(k == s.n, "id %llu is not found", (unsigned long long)(first + i));
			FAIL((strcmp(s.strategy, "coded") && strcmp(s.strategy, "ivf") &&
			      strcmp(s.strategy, "lsh")) ||
			     s.scored > info.live / 2,
			     "strategy %s, scored %llu", s.strategy, s.scored);
		}
		for (i = 0; i < BATCH / 4; i++)
			ids[i] = first + i * 4;
		EXPECT(0, vx_delete(fd, BATCH / 4, ids, NULL), "delete");
		for (i = 0; i < BATCH / 4; i++) {
			make_record(q, info.dims, ids[i]);
			EXPECT(0, vx_search_as(fd, 0, K, info.dims, q, hit, &s), "search");
			FAIL(s.n != K, "%u hits", s.n);
			for (k = 0; k < s.n; k++)
				FAIL(hit[k].id == ids[i], "id %llu is found", hit[k].id);
		}
		first += BATCH;
	}
	EXPECT(0, vx_info(fd, &info), "info");
	printf("records=%llu resident=%llu grown=%lld\n", info.live, info.resident,
	       (long long)(info.resident - resident));
	FAIL(info.resident < resident, "resident");
}

static int metric_of(const char *name)
{
	static const char *const names[] = { "l2", "cosine", "dot" };
	int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(name, names[i]))
			return VEXFS_METRIC_L2 + i;
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 5 ? atoi(argv[3]) : 0, dims = argc > 5 ? atoi(argv[4]) : 0, i, some;
	const char *what = argc > 2 ? argv[1] : "";
	int fd;

	if (!strcmp(what, "fill") && n && dims && metric_of(argv[5])) {
		fd = vx_collection("/", argv[2], dims, metric_of(argv[5]), 0);
		for (i = 0; i < n; i += some) {
			some = n - i < 500 ? n - i : 500;
			insert(fd, i, some, dims);
		}
	} else {
		fd = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY) : -1;
		if (fd < 0)
			return perror("codes: directory"), 2;
		if (!strcmp(what, "check") && argc == 5)
			check(fd, atof(argv[3]), atof(argv[4]));
		else if (!strcmp(what, "same") && argc == 3)
			same(fd);
		else if (!strcmp(what, "step") && argc == 4)
			step(fd, atoi(argv[3]));
		else
			return fprintf(stderr, "codes: see the head of codes.c\n"), 2;
	}
	close(fd);
	return failed();
}
