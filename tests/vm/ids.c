// SPDX-License-Identifier: GPL-2.0
/*
 * Ids that the kernel gives (VEXFS_INSERT_AUTO_ID), through libvexfs.
 *
 *	ids given DIR		which ones, alone and as upserts by key, up to the last id there is;
 *				what is refused
 *	ids threads DIR		several threads get different ones, and nothing is lost
 *	ids before DIR		some records, the youngest of them deleted
 *	ids after DIR		after a remount: what was deleted is not given again; nor after a
 *				compaction
 *
 * DIR is a directory of VexFS.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
#include <sys/mman.h>
#include <vexfs/vexfs.h>
#include "check.h"
#include "rows.h"

#define DIMS	4
#define MAX_N	64
#define LAST	(~0ULL - 1)		/* that is given */

static uint64_t made;

/*
 * Insert n records; keys: a letter each, ' ': none; NULL: no keys.  Ids that are given go to ids;
 * where they are to be those, without AUTO_ID, they come from there.
 */
static int insert(int fd, uint32_t flags, uint32_t n, const char *keys, __u64 *ids)
{
	struct vexfs_batch b = { .n = n, .row_bytes = DIMS * 4, .flags = flags };
	float rows[MAX_N * DIMS];
	char bytes[MAX_N];
	__u8 lens[MAX_N];
	uint32_t i;

	for (i = 0; i < n; i++) {
		make_row(rows + i * DIMS, DIMS, 1, __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED));
		lens[i] = keys && keys[i] != ' ';
		if (lens[i])
			bytes[b.key_bytes++] = keys[i];
	}
	b.rows = rows;
	b.keys = bytes;
	b.key_lens = lens;
	b.ids = ids;
	b.new_ids = ids;
	return -vexfs_insert(fd, &b);
}

static void wants(int line, const __u64 *ids, uint32_t n, ...)
{
	va_list ap;
	uint32_t i;

	va_start(ap, n);
	for (i = 0; i < n; i++) {
		__u64 want = va_arg(ap, __u64);

		FAIL(ids[i] != want, "line %d: record %u got id %llu, not %llu", line, i, ids[i],
		     want);
	}
	va_end(ap);
}
#define WANT(...)	wants(__LINE__, ids, __VA_ARGS__)

static void state(int line, int fd, uint64_t live, uint64_t next_id)
{
	struct vexfs_ioc_info info;

	EXPECT(0, -vexfs_info(fd, &info), "info");
	FAIL(info.live != live, "line %d: %llu records", line, info.live);
	FAIL(info.next_id != next_id, "line %d: the next id is %llu", line, info.next_id);
}
#define STATE(live, next)	state(__LINE__, fd, live, next)

static uint64_t id_of_key(int fd, char key)
{
	struct vexfs_item item = {};

	EXPECT(0, -vexfs_get_by_key(fd, &key, 1, NULL, 0, &item), "get by key");
	return item.id;
}

static int given(const char *dir)
{
	const uint32_t auto_id = VEXFS_INSERT_AUTO_ID, both = auto_id | VEXFS_INSERT_UPSERT;
	int fd = vx_collection(dir, "given", DIMS, VEXFS_METRIC_L2, 0);
	__u64 ids[MAX_N], gone;
	void *page;

	STATE(0, 0);
	EXPECT(0, insert(fd, auto_id, 3, NULL, NULL), "ids that nobody wants to know");
	STATE(3, 3);
	ids[0] = 10;
	EXPECT(0, insert(fd, 0, 1, NULL, ids), "an id of ours");
	STATE(4, 11);
	ids[0] = 1000;
	ids[1] = 10;
	EXPECT(EEXIST, insert(fd, 0, 2, NULL, ids), "one that is taken");
	STATE(4, 11);
	EXPECT(0, insert(fd, auto_id, 2, NULL, ids), "two ids");
	WANT(2, 11ULL, 12ULL);
	gone = 12;
	EXPECT(0, -vexfs_delete(fd, &gone, 1, NULL), "delete the youngest");
	EXPECT(0, insert(fd, auto_id, 1, NULL, ids), "an id");
	WANT(1, 13ULL);
	STATE(6, 14);

	EXPECT(0, insert(fd, both, 3, "ab ", ids), "upsert, new keys");
	WANT(3, 14ULL, 15ULL, 16ULL);
	EXPECT(0, insert(fd, both, 4, "bc a", ids), "upsert, some keys are there");
	WANT(4, 15ULL, 17ULL, 18ULL, 14ULL);
	STATE(11, 19);
	EXPECT(0, insert(fd, both, 4, "aaxx", ids), "upsert, keys twice");
	WANT(4, 14ULL, 14ULL, 19ULL, 19ULL);
	STATE(12, 20);
	EXPECT(0, -vexfs_delete_by_key(fd, "x", (__u8[]){ 1 }, 1, 1, NULL), "delete a key");
	FAIL(id_of_key(fd, 'a') != 14 || id_of_key(fd, 'b') != 15 || id_of_key(fd, 'c') != 17,
	     "ids of keys have changed");
	EXPECT(EEXIST, insert(fd, auto_id, 3, " da", ids), "a key that is taken");
	STATE(11, 20);
	EXPECT(0, -vexfs_delete_by_key(fd, "a", (__u8[]){ 1 }, 1, 1, NULL), "delete a key");
	EXPECT(0, insert(fd, both, 1, "a", ids), "a key that was deleted");
	WANT(1, 20ULL);

	EXPECT(EINVAL, insert(fd, 4, 1, NULL, ids), "an unknown flag");
	EXPECT(EFAULT, insert(fd, auto_id, 1, NULL, (__u64 *)4096), "ids to nowhere");
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(EFAULT, insert(fd, both, 1, "a", page), "ids to where nothing can be written");
	munmap(page, 4096);
	STATE(11, 21);

	ids[0] = LAST - 1;
	EXPECT(0, insert(fd, 0, 1, NULL, ids), "the last but one");
	STATE(12, LAST);
	EXPECT(0, insert(fd, auto_id, 3, NULL, ids), "beyond the last");
	WANT(3, LAST, 3ULL, 4ULL);
	STATE(15, ~0ULL);
	gone = 5;
	EXPECT(0, insert(fd, 0, 1, NULL, &gone), "the next gap");
	EXPECT(0, insert(fd, both, 9, "      a  ", ids), "gaps");
	WANT(9, 6ULL, 7ULL, 8ULL, 9ULL, 12ULL, 14ULL, 20ULL, 19ULL, 21ULL);
	gone = ~0ULL;
	EXPECT(0, insert(fd, 0, 1, NULL, &gone), "the very last");
	STATE(25, ~0ULL);
	return failed();
}

/* --- threads --- */

#define THREADS	4
#define CALLS	20

struct worker {
	pthread_t thread;
	int fd;
	__u64 ids[CALLS * 3];
	uint32_t n;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint32_t i;

	for (i = 0; i < CALLS; i++) {
		uint32_t n = 1 + i % 3;

		EXPECT(0, insert(w->fd, VEXFS_INSERT_AUTO_ID, n, NULL, w->ids + w->n), "insert");
		w->n += n;
	}
	return NULL;
}

static int threads(const char *dir)
{
	static struct worker w[THREADS];
	static bool seen[THREADS * CALLS * 3];
	int fd = vx_collection(dir, "threads", DIMS, VEXFS_METRIC_L2, 0);
	uint32_t i, k, n = 0;

	for (i = 0; i < THREADS; i++) {
		w[i].fd = fd;
		errno = pthread_create(&w[i].thread, NULL, work, &w[i]);
		if (errno)
			die("pthread_create");
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		n += w[i].n;
	}
	for (i = 0; i < THREADS; i++)
		for (k = 0; k < w[i].n; k++) {
			FAIL(w[i].ids[k] >= n || seen[w[i].ids[k]], "id %llu twice, or too large",
			     w[i].ids[k]);
			seen[w[i].ids[k] % (THREADS * CALLS * 3)] = true;
		}
	STATE(n, n);
	return failed();
}

/* --- over a remount --- */

static int before(const char *dir)
{
	int fd = vx_collection(dir, "remount", DIMS, VEXFS_METRIC_L2, 0);
	__u64 ids[5];

	EXPECT(0, insert(fd, VEXFS_INSERT_AUTO_ID, 5, NULL, ids), "insert");
	EXPECT(0, -vexfs_delete(fd, ids + 3, 2, NULL), "delete the youngest");
	STATE(3, 5);
	return failed();
}

static int after(const char *dir)
{
	int fd = vx_directory(dir, "remount");
	__u64 ids[2], slots;

	STATE(3, 5);
	EXPECT(0, insert(fd, VEXFS_INSERT_AUTO_ID, 2, NULL, ids), "insert");
	WANT(2, 5ULL, 6ULL);
	EXPECT(0, -vexfs_delete(fd, ids, 2, NULL), "delete the youngest");
	EXPECT(0, -vexfs_compact(fd, 0, NULL, &slots), "compact");
	FAIL(slots != 3, "%llu slots", slots);
	EXPECT(0, insert(fd, VEXFS_INSERT_AUTO_ID, 1, NULL, ids), "insert");
	WANT(1, 7ULL);
	STATE(4, 8);
	return failed();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "given"))
		return given(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "threads"))
		return threads(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "before"))
		return before(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "after"))
		return after(argv[2]);
	fprintf(stderr, "usage: ids given|threads|before|after DIR\n");
	return 2;
}
