// SPDX-License-Identifier: GPL-2.0
/*
 * threads DIR: libvexfs from several threads on one descriptor.  Each has its own ids and keys; it
 * inserts, fetches, searches, replaces, deletes and lists, and errs on purpose: answers and errors
 * must be its own.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <vexfs/vexfs.h>
#include "check.h"
#include "rows.h"

#define THREADS	6
#define ROUNDS	12
#define BATCH	16			/* records of a round; half of them are deleted */
#define DIMS	24

struct worker {
	pthread_t thread;
	int fd;
	uint32_t n;
};

static uint64_t id_of(const struct worker *w, uint32_t round, uint32_t i)
{
	return (uint64_t)i * ROUNDS * THREADS + round * THREADS + w->n + 1;
}

/* One round; the seed of a row is 1 when it is inserted, and 2 when it is replaced. */
static void insert_and_find(struct worker *w, uint32_t round)
{
	float rows[BATCH][DIMS], row[DIMS];
	struct vexfs_batch b = { .n = BATCH, .row_bytes = sizeof(row), .rows = rows };
	struct vexfs_request q = { .vector = row, .vector_bytes = sizeof(row), .k = 2,
				   .flags = VEXFS_SEARCH_EXACT,
				   .timeout_us = VEXFS_MAX_TIMEOUT_US };
	struct vexfs_answer a;
	struct vexfs_hit hit[2];
	struct vexfs_item item;
	char keys[BATCH * 16];
	__u8 lens[BATCH];
	__u64 ids[BATCH], bad;
	uint32_t i, seed;

	for (seed = 1; seed <= 2; seed++) {
		b.key_bytes = 0;
		for (i = 0; i < BATCH; i++) {
			ids[i] = id_of(w, round, i);
			make_row(rows[i], DIMS, seed, ids[i]);
			lens[i] = sprintf(keys + b.key_bytes, "k%llu", ids[i]);
			b.key_bytes += lens[i];
		}
		b.ids = ids;
		b.keys = keys;
		b.key_lens = lens;
		b.flags = seed == 2 ? VEXFS_INSERT_UPSERT : 0;
		EXPECT(0, -vexfs_insert(w->fd, &b), "insert");
		b.flags = 0;
		EXPECT(EEXIST, -vexfs_insert(w->fd, &b), "insert again");
		FAIL(b.bad != 0, "the first is at fault, not %llu", b.bad);
		for (i = 0; i < BATCH; i++) {
			make_row(row, DIMS, seed, ids[i]);
			EXPECT(0, -vexfs_search(w->fd, &q, hit, &a), "search");
			FAIL(a.n != 2 || hit[0].id != ids[i] || hit[0].distance != 0 ||
				     hit[1].distance <= 0,
			     "%llu: found %llu at %g", ids[i], hit[0].id, hit[0].distance);
			memset(row, 0, sizeof(row));
			EXPECT(0, -vexfs_get(w->fd, ids[i], row, sizeof(row), &item), "get");
			FAIL(item.id != ids[i] || memcmp(row, rows[i], sizeof(row)),
			     "get %llu: another row", ids[i]);
		}
	}
	ids[BATCH / 2] = ~0ULL - 1;
	EXPECT(ENOENT, -vexfs_delete(w->fd, ids, BATCH, &bad), "delete an unknown id");
	FAIL(bad != BATCH / 2, "at fault is %llu", bad);
	EXPECT(0, -vexfs_delete(w->fd, ids, BATCH / 2, NULL), "delete");
	EXPECT(ENOENT, -vexfs_get_by_key(w->fd, keys, lens[0], NULL, 0, NULL), "get a deleted key");
	q.vector_bytes--;
	EXPECT(EMSGSIZE, -vexfs_search(w->fd, &q, hit, &a), "search with a short vector");
}

/* All that are there all the time are listed once, whatever the other threads do. */
static void list(struct worker *w)
{
	static __thread uint8_t seen[ROUNDS * BATCH];
	static __thread struct vexfs_item item[100];
	struct vexfs_listing l = { .items = item };
	uint32_t i, r, own = 0;

	memset(seen, 0, sizeof(seen));
	do {
		l.n = 100;
		if (EXPECT(0, -vexfs_list(w->fd, &l), "list"))
			return;
		for (i = 0; i < l.n; i++) {
			uint64_t x = item[i].id - 1;

			if (x % THREADS != w->n)
				continue;
			r = x / THREADS;
			FAIL(r >= ROUNDS * BATCH || seen[r]++, "%llu listed", item[i].id);
			FAIL(r < ROUNDS * BATCH / 2, "%llu is deleted, but listed", item[i].id);
			own++;
		}
	} while (l.cursor != ~0ULL);
	FAIL(own != ROUNDS * BATCH / 2, "%u listed, of %u", own, ROUNDS * BATCH / 2);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint32_t i;

	for (i = 0; i < ROUNDS; i++)
		insert_and_find(w, i);
	list(w);
	return NULL;
}

int main(int argc, char **argv)
{
	struct worker w[THREADS];
	struct vexfs_ioc_info info;
	uint32_t i;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: threads DIR\n");
		return 2;
	}
	fd = vx_collection(argv[1], "threads", DIMS, VEXFS_METRIC_L2, 0);
	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .fd = fd, .n = i };
		errno = pthread_create(&w[i].thread, NULL, work, &w[i]);
		if (errno)
			die("pthread_create");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	EXPECT(0, -vexfs_info(fd, &info), "info");
	FAIL(info.live != THREADS * ROUNDS * BATCH / 2, "%llu records", info.live);
	printf("%d threads, %d records left of %d\n", THREADS, THREADS * ROUNDS * BATCH / 2,
	       THREADS * ROUNDS * BATCH);
	EXPECT(0, -vexfs_close(fd), "close");
	return failed();
}
