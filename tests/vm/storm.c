// SPDX-License-Identifier: GPL-2.0
/*
 * storm DIR SECONDS: insert, delete, search, get, fsync, syncfs, freeze and dropped caches, all at
 * once, in a collection that is made in DIR.  What is acknowledged is found, what is deleted is
 * not, and every distance is right.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>
#include "check.h"
#include "rows.h"

static double distance(const float *a, const float *b, uint32_t dims)
{
	double s = 0;
	uint32_t i;

	for (i = 0; i < dims; i++)
		s += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	return s;
}

#define DIMS	48
#define WRITERS	2
#define MAX	15000		/* records of one writer */

static struct {
	int fd;
	atomic_bool stop;
	atomic_uint_fast64_t written[WRITERS];	/* ids of a writer below this are acknowledged */
	atomic_uint_fast64_t deleted[WRITERS]; /* of those, multiples of 5 below this are deleted */
	atomic_ulong inserts, searches, deletes, syncs;
} state;

static uint64_t record_id(unsigned int writer, uint64_t i)
{
	return (uint64_t)writer << 40 | i;
}

static void *writer(void *arg)
{
	unsigned int w = (uintptr_t)arg;
	uint64_t s = w + 1, next = 0, ids[200];
	static float rows[WRITERS][200 * DIMS];

	while (!state.stop) {
		uint32_t n = 1 + random64(&s) % (random64(&s) % 4 ? 20 : 200), i;

		if (next + n > MAX) {
			usleep(10000);
			continue;
		}
		for (i = 0; i < n; i++) {
			ids[i] = record_id(w, next + i);
			make_row(rows[w] + i * DIMS, DIMS, 7, ids[i]);
		}
		if (EXPECT(0, vx_insert(state.fd, n, DIMS, rows[w], ids, NULL, NULL, NULL),
			   "insert"))
			break;
		next += n;
		state.written[w] = next;
		state.inserts++;
	}
	return NULL;
}

static void *deleter(void *arg)
{
	uint64_t next[WRITERS] = {}, id;
	unsigned int w;

	(void)arg;
	while (!state.stop) {
		bool idle = true;

		for (w = 0; w < WRITERS; w++) {
			if (next[w] + 1000 >= state.written[w])
				continue;
			id = record_id(w, next[w]);
			next[w] += 5;
			state.deleted[w] = next[w];	/* before: from now on it may be gone */
			EXPECT(0, vx_delete(state.fd, 1, &id, NULL), "delete");
			state.deletes++;
			idle = false;
		}
		if (idle)
			usleep(5000);
	}
	return NULL;
}

/*
 * A record that is acknowledged, and was not deleted before the search began, is found: by codes,
 * whose estimate of a record by itself has no error to speak of, and before there are any.
 */
static void *searcher(void *arg)
{
	uint64_t s = (uintptr_t)arg * 1000;
	struct vexfs_hit hit[10];
	struct vexfs_ioc_search out;
	float q[DIMS], row[DIMS];
	uint32_t i;

	while (!state.stop) {
		unsigned int w = random64(&s) % WRITERS;
		uint64_t written = state.written[w], at, id, gone[WRITERS], had[WRITERS];

		if (!written)
			continue;
		at = random64(&s) % written;
		if (at % 5 == 0)	/* may be deleted */
			at++;
		if (at >= written)
			continue;
		id = record_id(w, at);
		make_row(q, DIMS, 7, id);
		for (i = 0; i < WRITERS; i++)
			gone[i] = state.deleted[i];
		if (EXPECT(0, vx_search_as(state.fd, 0, 10, DIMS, q, hit, &out), "search"))
			break;
		for (i = 0; i < WRITERS; i++)
			had[i] = state.written[i] + 200; /* the batch being inserted may be seen */
		FAIL(out.truncated, "truncated %#x", out.truncated);
		FAIL(!out.n || hit[0].id != id || hit[0].distance != 0,
		     "id %#llx is not found: %u hits, first %#llx at %g", (unsigned long long)id,
		     out.n, (unsigned long long)hit[0].id, hit[0].distance);
		for (i = 0; i < out.n; i++) {
			uint64_t hw = hit[i].id >> 40, hat = hit[i].id & 0xffffffffff;

			if (FAIL(hw >= WRITERS || hat >= had[hw], "id %#llx was never inserted",
				 (unsigned long long)hit[i].id))
				continue;
			/* the last one told may still be on its way */
			FAIL(hat % 5 == 0 && hat + 5 < gone[hw], "id %#llx was deleted",
			     (unsigned long long)hit[i].id);
			make_row(row, DIMS, 7, hit[i].id);
			FAIL(fabs(distance(q, row, DIMS) - hit[i].distance) > 1e-9,
			     "id %#llx: wrong distance", (unsigned long long)hit[i].id);
		}
		if (EXPECT(0, vx_get(state.fd, id, DIMS, row, NULL), "get"))
			break;
		FAIL(memcmp(row, q, sizeof(row)), "get: another row");
		state.searches++;
	}
	return NULL;
}

static void *syncer(void *arg)
{
	uint64_t s = 77;

	(void)arg;
	while (!state.stop) {
		int drop;

		switch (random64(&s) % 4) {
		case 0:
			EXPECT(0, syncfs(state.fd) ? errno : 0, "syncfs");
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
			EXPECT(0, ioctl(state.fd, FIFREEZE, 0) ? errno : 0, "freeze");
			usleep(50000);
			EXPECT(0, ioctl(state.fd, FITHAW, 0) ? errno : 0, "thaw");
			break;
		default:
			EXPECT(0, fsync(state.fd) ? errno : 0, "fsync");
		}
		state.syncs++;
		usleep(random64(&s) % 30000);
	}
	return NULL;
}

static void storm(const char *dir, unsigned int seconds)
{
	void *(*const fn[])(void *) = { writer, writer, deleter, searcher, searcher, syncer };
	pthread_t thread[6];
	struct vexfs_ioc_info info;
	uint64_t live = 0;
	uintptr_t i;

	state.fd = vx_collection(dir, "storm", DIMS, VEXFS_METRIC_L2, 0);
	for (i = 0; i < 6; i++)
		if (pthread_create(thread + i, NULL, fn[i], (void *)(i < 2 ? i : i + 10)))
			die("pthread_create");
	sleep(seconds);
	state.stop = true;
	for (i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < WRITERS; i++)
		live += state.written[i];
	live -= state.deletes;
	EXPECT(0, vx_info(state.fd, &info), "info");
	FAIL(info.live != live, "%llu records, not %llu", (unsigned long long)info.live,
	     (unsigned long long)live);
	FAIL(!state.inserts || !state.searches || !state.syncs || !state.deletes,
	     "something never happened");
	printf("%lu inserts, %lu deletes, %lu searches, %lu syncs, %llu records\n", state.inserts,
	       state.deletes, state.searches, state.syncs, (unsigned long long)info.live);
	close(state.fd);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		fprintf(stderr, "usage: storm DIR SECONDS\n");
		return 2;
	}
	storm(argv[1], atoi(argv[2]));
	return failed();
}
