/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every contender of `make bench` shares that is written in C or C++.  A contender is a program
 *
 *	contender DIR OUT.json --budget SECONDS [...]
 *
 * DIR holds a set (bench/sets/sets.py says which files, numbers are little-endian):
 *	set.json	n, dims, queries, k, metric ("cosine" or "l2"), filters (see below)
 *	base.f32	n rows of dims floats; a row's id is its position
 *	query.f32	queries rows
 *	attr.i32	an attribute of each row, from 0 to 999; a filter B admits rows whose attribute is below B
 *
 * It builds what it builds out of base.f32, asks all queries one at a time in one thread, by each setting of
 * its effort, and writes OUT.json and OUT.json.ids: the ids that it found, k signed 32-bit numbers a query (-1:
 * there were fewer), in the order of the settings.  It does not judge itself: bench/report.py counts all ids of
 * all contenders against the same truth.  A setting that takes long asks only the first queries.
 *
 * SECONDS are what building may take; who sees that it will take more says so with race_skip().
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RACE_FILTERS	16
#define RACE_PASSES	9
#define RACE_LONG	1.2		/* seconds after which a pass asks no more queries; filtered, of which ... */
#define RACE_LONG_FILTERED 0.5		/* ... there are many, so many seconds ... */
#define RACE_FEW	50		/* ... but so many queries at least */
#define RACE_ENOUGH	0.3		/* seconds of further passes */

struct race {
	uint32_t n, dims, queries, k;
	bool cosine;
	const float *base, *query;
	const int32_t *attr;
	int32_t filter[RACE_FILTERS];
	uint32_t filters;
	double budget;			/* seconds */
	double building, inserting;	/* when they began */
	uint32_t threads;		/* that building may use */
	FILE *out, *ids;
	bool any_build, any_setting, pinned;
	const char *path;
};

static inline double race_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void race_die(const char *what, const char *which)
{
	fprintf(stderr, "%s: %s\n", which, what);
	exit(1);
}

/* Maps a file of a set: it costs no memory of the process's own. */
static inline const void *race_map(const char *dir, const char *file, size_t bytes)
{
	char path[PATH_MAX];
	struct stat st;
	const void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		race_die("cannot be read", path);
	if ((size_t)st.st_size != bytes)
		race_die("is not as long as set.json says", path);
	p = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		race_die("cannot be mapped", path);
	close(fd);
	return p;
}

/* A number of set.json, which sets.py has written. */
static inline uint32_t race_number(const char *json, const char *key)
{
	char quoted[32];
	unsigned int v;
	const char *p;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	p = strstr(json, quoted);
	if (!p || sscanf(p + strlen(quoted), "%u", &v) != 1)
		race_die("is not in set.json", key);
	return v;
}

/* Reads a set. */
static inline struct race race_load(const char *dir)
{
	struct race r = {};
	char path[PATH_MAX], json[4096], *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/set.json", dir);
	f = fopen(path, "r");
	if (!f)
		race_die("cannot be read", path);
	n = fread(json, 1, sizeof(json) - 1, f);
	json[n] = 0;
	fclose(f);
	r.n = race_number(json, "n");
	r.dims = race_number(json, "dims");
	r.queries = race_number(json, "queries");
	r.k = race_number(json, "k");
	r.cosine = strstr(json, "\"cosine\"") != NULL;
	p = strstr(json, "\"filters\": [");
	if (!p)
		race_die("is not in set.json", "filters");
	for (p = strchr(p, '[') + 1; r.filters < RACE_FILTERS && *p && *p != ']';) {
		r.filter[r.filters++] = (int32_t)strtol(p, &p, 10);
		while (*p == ',' || *p == ' ')
			p++;
	}
	r.base = (const float *)race_map(dir, "base.f32", (size_t)r.n * r.dims * 4);
	r.query = (const float *)race_map(dir, "query.f32", (size_t)r.queries * r.dims * 4);
	r.attr = (const int32_t *)race_map(dir, "attr.i32", (size_t)r.n * 4);
	r.threads = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	return r;
}

/* Reads the arguments and the set.  Options of the contender's own are left to it. */
static inline struct race race_open(int argc, char **argv)
{
	char path[PATH_MAX];
	struct race r;
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: %s DIR OUT.json --budget SECONDS\n", argv[0]);
		exit(2);
	}
	r = race_load(argv[1]);
	r.budget = 60;
	for (i = 3; i + 1 < argc; i++)
		if (!strcmp(argv[i], "--budget"))
			r.budget = atof(argv[i + 1]);
	r.path = argv[2];
	snprintf(path, sizeof(path), "%s.ids", argv[2]);
	r.out = fopen(argv[2], "w");
	r.ids = fopen(path, "w");
	if (!r.out || !r.ids)
		race_die("cannot be written", argv[2]);
	return r;
}

/* name and version of the contender; note: what a reader of the table has to know, or "" */
static inline void race_begin(struct race *r, const char *name, const char *version, const char *note)
{
	fprintf(r->out, "{\"contender\": \"%s\", \"version\": \"%s\", \"note\": \"%s\",\n\"builds\": [", name,
		version, note);
}

/* Memory of a process's own, in bytes; files that are mapped are not counted. */
static inline uint64_t race_memory_of(pid_t pid)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", (int)pid);
	f = fopen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

/* The same of this one, once what was freed has been given back. */
static inline uint64_t race_memory(void)
{
	malloc_trim(0);
	return race_memory_of(getpid());
}

/* Building takes longer than it may: says so and ends the program. */
static inline void race_skip(struct race *r, const char *why)
{
	fprintf(r->out, "],\n\"settings\": [],\n\"skipped\": \"%s\"}\n", why);
	if (fclose(r->out) || fclose(r->ids))
		race_die("cannot be written", r->path);
	exit(0);
}

/*
 * To be called before all else is built, before the first row is inserted, and now and then while `done` of all rows
 * are in: ends it when that is too slow.
 */
static inline void race_progress(struct race *r, uint64_t done)
{
	double t = race_now(), all;
	char why[128];

	if (!r->building)
		r->building = t;
	if (!done) {
		r->inserting = t;
		return;
	}
	all = r->inserting - r->building + (t - r->inserting) * r->n / (double)done;
	t -= r->building;
	/* graphs get slower as they grow: what is too slow at the beginning will be */
	if (t > r->budget || (t > 3 && all > 1.2 * r->budget && done * 50 > r->n)) {
		snprintf(why, sizeof(why), "building takes %.0f s or more, it may take %.0f", all, r->budget);
		race_skip(r, why);
	}
}

/*
 * What was built.  rate: rows a second of one thread, measured over `of` rows; seconds: of all of it, by
 * `threads`; memory: in bytes, and whether that includes a copy of the rows as they came.
 */
static inline void race_build(struct race *r, const char *method, double rate, uint32_t of, double seconds,
			      uint32_t threads, uint64_t memory, bool holds_rows)
{
	fprintf(r->out,
		"%s\n\t{\"method\": \"%s\", \"rate\": %.1f, \"of\": %u, \"seconds\": %.3f, \"threads\": %u, "
		"\"memory\": %llu, \"holds_rows\": %s}",
		r->any_build ? "," : "", method, rate, of, seconds, threads, (unsigned long long)memory,
		holds_rows ? "true" : "false");
	fflush(r->out);
	r->any_build = true;
}

/* Answers one query: at most k ids into ids, the rest stays -1. */
typedef void (*race_ask)(void *arg, const float *query, int32_t *ids);

/*
 * Asks the queries by one setting.  effort: what the setting is called by, rises along a curve; filter: 0 none,
 * else only rows whose attribute is below may be found.
 */
static inline void race_measure(struct race *r, const char *method, const char *effort, int32_t filter, race_ask ask,
				void *arg)
{
	int32_t *ids = (int32_t *)malloc((size_t)r->queries * r->k * 4);
	int32_t *scratch = (int32_t *)malloc((size_t)r->k * 4);
	double most = filter ? RACE_LONG_FILTERED : RACE_LONG, pass[RACE_PASSES], sum = 0, t;
	uint32_t asked = 0, passes = 0, i;
	cpu_set_t one;

	if (!ids || !scratch)
		race_die("out of memory", method);
	if (!r->any_setting) {
		fprintf(r->out, "],\n\"settings\": [");
	}
	if (!r->pinned) {
		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		sched_setaffinity(0, sizeof(one), &one);
		r->pinned = true;
	}
	memset(ids, 0xff, (size_t)r->queries * r->k * 4);
	t = race_now();
	while (asked < r->queries && (asked < RACE_FEW || race_now() - t < most)) {
		ask(arg, r->query + (size_t)asked * r->dims, ids + (size_t)asked * r->k);
		asked++;
	}
	pass[0] = race_now() - t;
	/* the first pass has warmed up; what took long needs no other */
	if (pass[0] < most / 2)
		while (passes < 3 || (passes < RACE_PASSES && sum < RACE_ENOUGH / (filter ? 2 : 1))) {
			t = race_now();
			for (i = 0; i < asked; i++)
				ask(arg, r->query + (size_t)i * r->dims, scratch);
			pass[passes] = race_now() - t;
			sum += pass[passes++];
		}
	else
		passes = 1;
	fprintf(r->out, "%s\n\t{\"method\": \"%s\", \"effort\": \"%s\", \"filter\": %d, \"asked\": %u, \"passes\": [",
		r->any_setting ? "," : "", method, effort, filter, asked);
	for (i = 0; i < passes; i++)
		fprintf(r->out, "%s%.6f", i ? ", " : "", pass[i]);
	fprintf(r->out, "]}");
	fflush(r->out);
	r->any_setting = true;
	if (fwrite(ids, 4, (size_t)asked * r->k, r->ids) != (size_t)asked * r->k)
		race_die("cannot be written", r->path);
	free(ids);
	free(scratch);
}

static inline void race_end(struct race *r)
{
	fprintf(r->out, "]}\n");
	if (fclose(r->out) || fclose(r->ids))
		race_die("cannot be written", r->path);
}

/* Copies a row, of length 1 where the set is of cosine. */
static inline void race_unit(const struct race *r, const float *from, float *to)
{
	double sum = 0;
	float by = 1;
	uint32_t i;

	if (r->cosine) {
		for (i = 0; i < r->dims; i++)
			sum += (double)from[i] * from[i];
		by = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
	}
	for (i = 0; i < r->dims; i++)
		to[i] = from[i] * by;
}

#endif
