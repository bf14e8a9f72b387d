// SPDX-License-Identifier: GPL-2.0
/*
 * A collection that is larger than the memory of those who search it.
 *
 *	large fill DIR N		make DIR a collection of N records
 *	large search DIR N DISK WAY	three queries one after the other, against an oracle; WAY:
 *					exact, or any for whatever the collection does
 *
 * Prints a line per query: what it cost, and what was read from DISK (vda, ...).  Rows are one page
 * each, made from their slot: 16 of one cluster, in random places; their numbers are integers, so
 * that the oracle need not round.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <unistd.h>
#include "check.h"
#include "rows.h"

#define DIMS	1024			/* 4 KiB */
#define BATCH	2048
#define K	10
#define PENDING	1024			/* rows that the engine reads in one go */

/* Knuth's MMIX generator: the low bits of its state are not used. */
static uint64_t step(uint64_t *s)
{
	return *s = *s * 6364136223846793005ULL + 1442695040888963407ULL;
}

static uint32_t clusters(uint32_t n)
{
	return n / 16 + 1;
}

static void make_ints(int16_t *v, uint32_t slot, uint32_t n, uint64_t salt)
{
	uint64_t s = slot, centre, noise;
	uint32_t i;

	s = random64(&s);
	centre = s % clusters(n);
	centre = random64(&centre);
	noise = s ^ salt;
	for (i = 0; i < DIMS; i++)
		v[i] = (int)(step(&centre) >> 57) - 64 + (int)(step(&noise) >> 60) - 8;
}

static int fill(const char *path, uint32_t n)
{
	float *rows = malloc((size_t)BATCH * DIMS * sizeof(*rows));
	uint64_t ids[BATCH];
	int16_t v[DIMS];
	uint32_t i, k, b;
	int fd;

	if (!rows || mkdir(path, 0755))
		die(path);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || EXPECT(0, vx_create(fd, DIMS, VEXFS_METRIC_L2, 0), "create"))
		die(path);
	for (i = 0; i < n; i += b) {
		b = n - i < BATCH ? n - i : BATCH;
		for (k = 0; k < b; k++) {
			uint32_t d;

			ids[k] = i + k;
			make_ints(v, i + k, n, 0);
			for (d = 0; d < DIMS; d++)
				rows[k * DIMS + d] = v[d];
		}
		if (EXPECT(0, vx_insert(fd, b, DIMS, rows, ids, NULL, NULL, NULL), "insert"))
			break;
	}
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
	close(fd);
	free(rows);
	return failed();
}

struct near {
	uint64_t id;
	int64_t distance;
};

/* The K nearest, by insertion: ids come in ascending order, so ties need no care. */
static void oracle(const int16_t *q, uint32_t n, struct near *best)
{
	uint32_t i, d, at, found = 0;
	int16_t v[DIMS];

	for (i = 0; i < n; i++) {
		int32_t sum = 0;

		make_ints(v, i, n, 0);
		for (d = 0; d < DIMS; d++)
			sum += (v[d] - q[d]) * (v[d] - q[d]);
		if (found == K && sum >= best[K - 1].distance)
			continue;
		found += found < K;
		for (at = found - 1; at && best[at - 1].distance > sum; at--)
			best[at] = best[at - 1];
		best[at] = (struct near){ i, sum };
	}
}

/* Requests and KiB that were read from the disk so far. */
static void disk_reads(const char *disk, unsigned long *requests, unsigned long *kib)
{
	unsigned long merged, sectors;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", disk);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%lu %lu %lu", requests, &merged, &sectors) != 3)
		die(path);
	fclose(f);
	*kib = sectors / 2;
}

static int search(const char *path, uint32_t n, const char *disk, bool exact)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	unsigned long requests, kib, requests2, kib2;
	struct near best[K];
	int16_t q[DIMS];
	float row[DIMS];
	uint32_t i, k;

	if (fd < 0)
		die(path);
	for (i = 0; i < 3; i++) {
		struct vexfs_hit hit[K];
		struct vexfs_ioc_search s = {
			.size = sizeof(s), .k = K, .vector_bytes = sizeof(row), .vector = PTR(row),
			.hits = PTR(hit), .timeout_us = VEXFS_MAX_TIMEOUT_US,
			.flags = exact ? VEXFS_SEARCH_EXACT : 0,
		};

		/* of a cluster that is there, with another noise */
		make_ints(q, (i + 1) * 1234567 % n, n, 77);
		for (k = 0; k < DIMS; k++)
			row[k] = q[k];
		disk_reads(disk, &requests, &kib);
		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "search"))
			continue;
		disk_reads(disk, &requests2, &kib2);
		requests = requests2 - requests;
		kib = kib2 - kib;
		printf("%s: visited %llu, scored %llu, rounds %u, read %lu KiB in %lu requests\n",
		       s.strategy, s.visited, s.scored, s.rounds, kib, requests);
		oracle(q, n, best);
		FAIL(s.n != K || s.truncated, "%u hits, truncated %#x", s.n, s.truncated);
		for (k = 0; k < s.n; k++)
			if (FAIL(hit[k].id != best[k].id || hit[k].distance != best[k].distance,
				 "hit %u: %llu at %.17g, not %llu at %lld", k, hit[k].id,
				 hit[k].distance, (unsigned long long)best[k].id,
				 (long long)best[k].distance))
				break;
		/*
		 * what is not there is read in one go, as much as may wait: rounds are few, and so
		 * are requests
		 */
		FAIL(s.rounds > n / (PENDING - 64) + 2, "%u rounds for %u rows", s.rounds, n);
		FAIL(exact && requests > kib / 4 / 8 + 100,
		     "%lu requests for %lu KiB of rows in a row", requests, kib);
		FAIL(!strcmp(s.strategy, "coded") && i && kib > n / 4 * 4,
		     "codes, and yet %lu KiB read", kib);
	}
	close(fd);
	return failed();
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 3 ? atoi(argv[3]) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "fill") && n)
		return fill(argv[2], n);
	if (argc == 6 && !strcmp(argv[1], "search") && n > K)
		return search(argv[2], n, argv[4], !strcmp(argv[5], "exact"));
	fprintf(stderr, "usage: large fill DIR N | large search DIR N DISK exact|any\n");
	return 2;
}
