// SPDX-License-Identifier: GPL-2.0
/*
 * load [--seconds N] [--rows N] [--dims N] [--rate N]: searches while a collection changes, through
 * libvexfs on an image of this process (vexfs_attach()): the files that run in the kernel, with
 * their locks, and the worker that links, splits and merges lists.
 *
 *	idle	one thread asks, nothing else happens; before and after the load
 *	load	the same, while another thread inserts, replaces and deletes `rate` records a second
 *		(10000; 0: as fast as it can), syncs, and compacts every few seconds; for `seconds`
 *		(10)
 *	1, 2	threads that ask, by turns, while another thread inserts
 *
 * A line has the median and the 99th percentile of a query, and the latter of those queries only in
 * the course of which this thread was not put off its processor for another one ("calm"): the rest
 * tells of how busy the machine was.  "waits" are times that a thread slept, for a lock that is.
 *
 * Recall is of answers that were given meanwhile: some are kept and judged in the end, against all
 * records that were there from before it was asked until after it was answered.  Each hit must have
 * been there at some moment between, have the right distance and be the only one of its id, and
 * there must be k of them; else the program fails.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <platform/block.h>
#include <platform/mkfs.h>
#include <vexfs/vexfs.h>
#include "../../tests/exact.h"

#define K 10
#define QUERIES 1000u
#define CLUSTERS 300u
#define BATCH 100u /* records of a call */
#define SYNC 20u /* calls */
#define COMPACT 3.0 /* seconds */
#define SETTLE 120.0
#define KEPT 300u /* answers of a phase that are judged */
#define THREADS 2u
#define TURNS 4u /* of each number of threads */
#define MOST (4u << 20) /* queries of a thread in a phase */

/* A vector that a record had, and when. */
struct version {
	__u64 id;
	/* seconds: when the call that made it or ended it began, and when it was over */
	double making, made, ending, ended;
};

struct answer {
	double asked, answered;
	__u32 query, n;
	struct vexfs_hit hit[K];
};

struct asker {
	pthread_t thread;
	__u32 *ns; /* of each query, MOST of them */
	bool *put_off;
	__u32 n, seed;
	struct answer *kept; /* KEPT */
	__u32 kept_n;
	double cpu; /* seconds */
	long waits, preempted;
};

static __u32 dims = 128, rows = 60000, seconds = 10, rate = 10000;
static char image[64] = "/tmp/vexfs-load.XXXXXX", dir[80];
static float *vector, *queries;
static struct version *version;
static __u32 versions, room;
static __u32 *live, lives; /* versions, in no order */
static __u64 next_id = 1;
static bool stop, stop_writing, only_insert;
static double writing; /* seconds of CPU */
static __u64 written, compactions;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + t.tv_nsec * 1e-9;
}

static void need(bool ok, const char *what, long err)
{
	if (ok)
		return;
	fprintf(stderr, "load: %s: %ld\n", what, err);
	unlink(image);
	exit(1);
}

static __u64 random64(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static float unit(__u64 *state) /* [-1, 1) */
{
	return (float)(random64(state) >> 40) / (1 << 23) - 1;
}

/* Clusters that are wide in some directions, and a little in all. */
static void make_vector(__u64 seed, float *v)
{
	__u64 at = seed * 2 + 1, of = random64(&at) % CLUSTERS, centre = of << 32,
	      way = centre + 77;
	float along = unit(&at), across = unit(&at);
	__u32 i;

	for (i = 0; i < dims; i++)
		v[i] = unit(&centre) + 0.4f * along * unit(&way) + 0.4f * across * unit(&way) +
		       0.3f * unit(&at);
}

/* --- the collection --- */

static void make_image(void)
{
	struct vexfs_schema schema = { .dims = dims,
				       .metric = VEXFS_METRIC_L2,
				       .element = VEXFS_ELEM_F32 };
	struct vexfs_mkfs_opts opts = { .label = "load" };
	struct vexfs_dev dev;
	int fd = mkstemp(image);

	need(fd >= 0 && !ftruncate(fd, (off_t)room * dims * 16 + (512 << 20)), image, fd);
	close(fd);
	need(!vexfs_dev_open(&dev, image, O_RDWR) && !vexfs_mkfs(&dev, &opts, NULL), "mkfs", 0);
	vexfs_dev_close(&dev);
	fd = vexfs_attach(image, 0);
	need(!fd, "attach", fd);
	snprintf(dir, sizeof(dir), "%s/c", image);
	need(!vexfs_mkdir(dir), dir, 0);
	fd = vexfs_open(dir);
	need(fd >= 0 && !vexfs_create(fd, &schema), "create", fd);
	vexfs_close(fd);
}

/* n new records, or as many that take the place of others. */
static void put(int fd, __u32 n, bool upsert)
{
	struct vexfs_batch b = { .n = n,
				 .row_bytes = dims * 4,
				 .rows = vector + (size_t)versions * dims,
				 .flags = upsert ? VEXFS_INSERT_UPSERT : 0 };
	__u32 i, first = versions, *place = calloc(n, sizeof(*place)), old;
	__u64 *ids = calloc(n, sizeof(*ids)), seed = versions;
	double t;
	int err;

	need(place && ids && versions + n <= room, "no room", versions);
	for (i = 0; i < n; i++) {
		make_vector(versions + i, vector + (size_t)(versions + i) * dims);
		/* those that are replaced are next to each other, so that there are no two of an id */
		place[i] = upsert ? (seed + i) % lives : lives + i;
		ids[i] = upsert ? version[live[place[i]]].id : next_id++;
	}
	b.ids = ids;
	t = now();
	err = vexfs_insert(fd, &b);
	need(!err, "insert", err);
	for (i = 0; i < n; i++) {
		version[versions] = (struct version){ ids[i], t, now(), INFINITY, INFINITY };
		if (upsert) {
			old = live[place[i]];
			version[old].ending = t;
			version[old].ended = now();
		}
		live[place[i]] = versions++;
	}
	lives += upsert ? 0 : n;
	written += versions - first;
	free(place);
	free(ids);
}

static void delete (int fd, __u32 n)
{
	__u64 *ids = calloc(n, sizeof(*ids)), seed = versions;
	__u32 i, *at = calloc(n, sizeof(*at)), place;
	double t = now();
	int err;

	need(ids && at, "memory", 0);
	for (i = 0; i < n; i++) {
		place = random64(&seed) % lives;
		at[i] = live[place];
		live[place] = live[--lives];
		ids[i] = version[at[i]].id;
	}
	err = vexfs_delete(fd, ids, n, NULL);
	need(!err, "delete", err);
	for (i = 0; i < n; i++) {
		version[at[i]].ending = t;
		version[at[i]].ended = now();
	}
	written += n;
	free(ids);
	free(at);
}

static double cpu_of_thread(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + t.tv_nsec * 1e-9;
}

static void *writer(void *arg)
{
	double began = now(), compacted = began, ahead;
	__u64 state = 3, before = written;
	__u32 calls = 0, what;
	int fd = vexfs_open(dir), err;

	(void)arg;
	need(fd >= 0, dir, fd);
	while (!__atomic_load_n(&stop_writing, __ATOMIC_RELAXED) && versions + BATCH <= room) {
		what = only_insert ? 0 : random64(&state) % 20;
		if (what < 11)
			put(fd, BATCH, false);
		else if (what < 16)
			put(fd, BATCH, true);
		else
			delete (fd, BATCH);
		if (++calls % SYNC == 0)
			need(!vexfs_sync(fd), "sync", 0);
		if (!only_insert && now() - compacted > COMPACT) {
			err = vexfs_compact(fd, 0, NULL, NULL);
			need(!err, "compact", err);
			compactions++;
			compacted = now();
		}
		ahead = rate ? (double)(written - before) / rate - (now() - began) : 0;
		if (ahead > 0)
			usleep(ahead * 1e6);
	}
	writing = cpu_of_thread();
	vexfs_close(fd);
	return NULL;
}

/* --- searches --- */

static int search(int fd, __u32 query, struct vexfs_hit *hit, struct vexfs_answer *a,
		  struct vexfs_search_trace *trace)
{
	struct vexfs_request q = { .vector = queries + (size_t)query * dims,
				   .vector_bytes = dims * 4,
				   .k = K,
				   .trace = trace };

	return vexfs_search(fd, &q, hit, a);
}

/*
 * Until all records are in lists, and for a moment longer; not for ever, where others keep the
 * machine busy.
 */
static void settle(void)
{
	double began = now();
	struct vexfs_search_trace trace;
	struct vexfs_hit hit[K];
	struct vexfs_answer a;
	int fd = vexfs_open(dir), i, quiet = 0;

	for (i = 0; quiet < 20 && now() - began < SETTLE; i++) {
		memset(&trace, 0, sizeof(trace));
		trace.size = sizeof(trace);
		need(!search(fd, i % QUERIES, hit, &a, &trace), "search", 0);
		quiet = trace.lists && trace.linked == trace.count ? quiet + 1 : 0;
		usleep(10000);
	}
	need(trace.lists, "records are not put into lists", i);
	vexfs_close(fd);
}

static void *asker(void *arg)
{
	struct asker *me = arg;
	struct answer answer;
	struct vexfs_answer a;
	struct rusage before, after;
	__u64 state = me->seed;
	int fd = vexfs_open(dir), err;
	double cpu = cpu_of_thread();
	long waits;

	need(fd >= 0, dir, fd);
	getrusage(RUSAGE_THREAD, &before);
	waits = before.ru_nvcsw;
	me->preempted = me->waits = me->n = me->kept_n = 0;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && me->n < MOST) {
		answer.query = random64(&state) % QUERIES;
		answer.asked = now();
		err = search(fd, answer.query, answer.hit, &a, NULL);
		answer.answered = now();
		need(!err && !a.truncated, "search", err ? err : (long)a.truncated);
		answer.n = a.n;
		getrusage(RUSAGE_THREAD, &after);
		me->ns[me->n] = (answer.answered - answer.asked) * 1e9;
		me->put_off[me->n++] = after.ru_nivcsw != before.ru_nivcsw;
		me->preempted += after.ru_nivcsw - before.ru_nivcsw;
		before = after;
		/* a sample of all: when there is no room for more, one that is kept makes way */
		if (me->kept_n < KEPT)
			me->kept[me->kept_n++] = answer;
		else if (random64(&state) % me->n < KEPT)
			me->kept[random64(&state) % KEPT] = answer;
	}
	me->waits = after.ru_nvcsw - waits;
	me->cpu = cpu_of_thread() - cpu;
	vexfs_close(fd);
	return NULL;
}

/* --- judging --- */

/* As good as any to tell who may be among the nearest. */
static float about(const float *a, const float *b)
{
	float s[16] = {}, sum = 0;
	__u32 i, k;

	for (i = 0; i + 16 <= dims; i += 16)
		for (k = 0; k < 16; k++)
			s[k] += (a[i + k] - b[i + k]) * (a[i + k] - b[i + k]);
	for (; i < dims; i++)
		s[0] += (a[i] - b[i]) * (a[i] - b[i]);
	for (k = 0; k < 16; k++)
		sum += s[k];
	return sum;
}

/* A version of this id at this distance that may have been seen. */
static bool was_there(const struct answer *a, const struct vexfs_hit *h, const __u32 *of,
		      const __u32 *older)
{
	__u32 v;

	for (v = of[h->id]; v != ~0u; v = older[v])
		if (version[v].making <= a->answered && version[v].ended >= a->asked &&
		    h->distance ==
			    exact_distance(VEXFS_METRIC_L2, queries + (size_t)a->query * dims,
					   vector + (size_t)v * dims, dims))
			return true;
	return false;
}

/* Of the k nearest of all that was there all the time, how many the answer has, or nearer ones. */
static __u32 judge(const struct answer *a, const __u32 *of, const __u32 *older)
{
	const float *q = queries + (size_t)a->query * dims;
	float best[K], d;
	__u32 i, k, v, found = 0;

	need(a->n == K, "hits", a->n);
	for (i = 0; i < a->n; i++) {
		need(was_there(a, &a->hit[i], of, older), "a hit that was not there", a->hit[i].id);
		need(!i || a->hit[i].distance >= a->hit[i - 1].distance, "order", i);
		for (k = 0; k < i; k++)
			need(a->hit[k].id != a->hit[i].id, "twice", a->hit[i].id);
	}
	for (k = 0; k < K; k++)
		best[k] = INFINITY;
	for (v = 0; v < versions; v++) {
		if (version[v].made > a->asked || version[v].ending < a->answered)
			continue;
		d = about(q, vector + (size_t)v * dims);
		if (d >= best[K - 1])
			continue;
		for (k = K - 1; k && best[k - 1] > d; k--)
			best[k] = best[k - 1];
		best[k] = d;
	}
	for (i = 0; i < a->n; i++)
		found += a->hit[i].distance <= best[K - 1] * 1.00001;
	return found;
}

static double recall(const struct asker *ask, __u32 n)
{
	__u32 *of = malloc(next_id * sizeof(*of)), *older = malloc(versions * sizeof(*older)), v, i,
	      judged = 0;
	__u64 found = 0;

	need(of && older, "memory", 0);
	memset(of, 0xff, next_id * sizeof(*of));
	for (v = 0; v < versions; v++) {
		older[v] = of[version[v].id];
		of[version[v].id] = v;
	}
	for (; n--; ask++)
		for (i = 0; i < ask->kept_n; i++, judged++)
			found += judge(&ask->kept[i], of, older);
	free(of);
	free(older);
	return (double)found / judged / K;
}

/* --- phases --- */

static int cmp(const void *a, const void *b)
{
	__u32 x = *(const __u32 *)a, y = *(const __u32 *)b;

	return x < y ? -1 : x > y;
}

/* Part p of sorted numbers is not above this; in microseconds. */
static double part(const __u32 *ns, __u32 n, double p)
{
	return n ? ns[(__u32)(p * (n - 1))] / 1000.0 : NAN;
}

struct phase {
	double seconds, qps, cpu; /* cpu: seconds of it, of a query */
	double p99, calm99; /* microseconds; calm: of those that were not put off */
};

/* The part of the time of all processors in which they had nothing to do, since the last call. */
static double idle(void)
{
	static unsigned long long last_all, last_idle;
	unsigned long long v[8] = {}, all = 0;
	FILE *f = fopen("/proc/stat", "r");
	double part;
	int i;

	if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3,
			 v + 4, v + 5, v + 6, v + 7) != 8)
		v[0] = 1;
	if (f)
		fclose(f);
	for (i = 0; i < 8; i++)
		all += v[i];
	part = (double)(v[3] + v[4] - last_idle) / (all - last_all);
	last_all = all;
	last_idle = v[3] + v[4];
	return part;
}

/* So many threads ask for a while; with the writer or without. */
static struct phase run(const char *name, struct asker *ask, __u32 threads, double last, bool load,
			bool show)
{
	__u32 *calm = NULL, n = 0, calm_n = 0, i, j, *all = NULL;
	__u64 before = written;
	long waits = 0, preempted = 0;
	double t, rest;
	struct phase p = {};
	pthread_t w;

	stop = stop_writing = false;
	idle();
	if (load)
		need(!pthread_create(&w, NULL, writer, NULL), "thread", 0);
	t = now();
	for (i = 0; i < threads; i++)
		need(!pthread_create(&ask[i].thread, NULL, asker, &ask[i]), "thread", 0);
	usleep(last * 1e6);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < threads; i++) {
		pthread_join(ask[i].thread, NULL);
		n += ask[i].n;
		p.cpu += ask[i].cpu;
		waits += ask[i].waits;
		preempted += ask[i].preempted;
	}
	p.seconds = now() - t;
	rest = idle();
	__atomic_store_n(&stop_writing, true, __ATOMIC_RELAXED);
	if (load)
		pthread_join(w, NULL);
	p.qps = n / p.seconds;
	p.cpu /= n;
	all = malloc(n * sizeof(*all));
	calm = malloc(n * sizeof(*calm));
	need(all && calm && n, "memory", 0);
	for (i = 0, n = 0; i < threads; i++)
		for (j = 0; j < ask[i].n; j++) {
			all[n++] = ask[i].ns[j];
			if (!ask[i].put_off[j])
				calm[calm_n++] = ask[i].ns[j];
		}
	qsort(all, n, sizeof(*all), cmp);
	qsort(calm, calm_n, sizeof(*calm), cmp);
	p.p99 = part(all, n, 0.99);
	p.calm99 = part(calm, calm_n, 0.99);
	if (show)
		printf("%-12s %8u %9.1f %9.1f %9.1f %9.1f %9.1f %7ld %8ld %7.0f %% %9.0f %9.4f\n",
		       name, n, part(all, n, 0.5), p.p99, p.calm99, part(all, n, 0.999),
		       p.cpu * 1e6, waits, preempted, rest * 100, (written - before) / p.seconds,
		       recall(ask, threads));
	fflush(stdout);
	free(all);
	free(calm);
	return p;
}

static void scale(struct asker *ask)
{
	double qps[THREADS + 1] = {}, cpu[THREADS + 1] = {};
	struct phase p;
	__u32 turn, n;

	only_insert = true;
	for (turn = 0; turn < 2 * TURNS; turn++) {
		n = 1 + turn % THREADS;
		p = run(n == 1 ? "1 thread" : "2 threads", ask, n, seconds / 4.0, true, true);
		qps[n] = fmax(qps[n], p.qps);
		if (!cpu[n] || p.cpu < cpu[n])
			cpu[n] = p.cpu;
	}
	printf("two threads against one while records are inserted: %.2f of the queries a second (%.0f, %.0f); %.2f by the time of a processor that a query takes\n",
	       qps[2] / qps[1], qps[2], qps[1], 2 * cpu[1] / cpu[2]);
}

static __u32 number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || v > 100000000) {
		fprintf(stderr, "usage: load [--seconds N] [--rows N] [--dims N] [--rate N]\n");
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	struct asker ask[THREADS] = {};
	struct phase before, load, after;
	__u32 i;
	int fd;

	for (i = 1; i + 1 < (__u32)argc; i += 2)
		*(!strcmp(argv[i], "--seconds") ? &seconds :
		  !strcmp(argv[i], "--rows")	? &rows :
		  !strcmp(argv[i], "--dims")	? &dims :
		  !strcmp(argv[i], "--rate")	? &rate :
						  (number("?"), &rate)) = number(argv[i + 1]);
	if (i != (__u32)argc || !seconds || rows < 10000 || dims > VEXFS_MAX_DIMS || !dims)
		number("?");
	room = rows + (rate ?: 100000) * (seconds * 4 + 10);
	vector = malloc((size_t)room * dims * 4);
	queries = malloc((size_t)QUERIES * dims * 4);
	version = malloc(room * sizeof(*version));
	live = malloc(room * sizeof(*live));
	need(vector && queries && version && live, "memory", 0);
	for (i = 0; i < QUERIES; i++)
		make_vector((1ULL << 40) + i, queries + (size_t)i * dims);
	for (i = 0; i < THREADS; i++) {
		ask[i].seed = i + 1;
		ask[i].ns = malloc(MOST * sizeof(*ask[i].ns));
		ask[i].put_off = malloc(MOST);
		ask[i].kept = malloc(KEPT * sizeof(*ask[i].kept));
		need(ask[i].ns && ask[i].put_off && ask[i].kept, "memory", 0);
	}
	make_image();
	fd = vexfs_open(dir);
	for (i = 0; i < rows; i += 1000)
		put(fd, 1000, false);
	vexfs_close(fd);
	settle();
	printf("%u rows of %u dims in %u clusters, l2, k %u, recall 0.99 and method by default; %u records a second, %u s\n",
	       rows, dims, CLUSTERS, K, rate, seconds);
	printf("%-12s %8s %9s %9s %9s %9s %9s %7s %8s %9s %9s %9s\n", "", "queries", "median us",
	       "p99", "p99 calm", "p99.9", "cpu us", "waits", "put off", "idle", "records/s",
	       "recall");
	before = run("idle", ask, 1, seconds / 2.0, false, true);
	load = run("load", ask, 1, seconds, true, true);
	settle();
	after = run("idle again", ask, 1, seconds / 2.0, false, true);
	printf("p99 of load against idle: %.2f, of calm ones %.2f; %llu compactions, the writer took %.0f %% of a processor\n",
	       load.p99 / fmin(before.p99, after.p99),
	       load.calm99 / fmin(before.calm99, after.calm99), compactions,
	       writing / load.seconds * 100);
	scale(ask);
	fd = vexfs_detach(image);
	need(!fd, "detach", fd);
	unlink(image);
	return 0;
}
