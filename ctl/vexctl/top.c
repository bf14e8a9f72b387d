// SPDX-License-Identifier: GPL-2.0
/* vexctl top: who searches what, how often and how fast. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "meter/meter.h"
#include "vexctl/vexctl.h"

/* One pair of collection and strategy: what was counted until now and until the interval before. */
struct row {
	struct meter_key key;
	struct meter_counts now, before;
	struct vexfs_recall_count recall;	/* since it was loaded; queries 0: of none */
	char path[PATH_MAX];
};

struct top {
	struct row *row;		/* room for METER_ROWS */
	size_t n;
};

static int take(const struct meter_key *key, const struct meter_counts *n, void *arg)
{
	struct top *t = arg;
	struct row *r;
	size_t i;

	for (i = 0; i < t->n && memcmp(&t->row[i].key, key, sizeof(*key)); i++)
		;
	if (i == METER_ROWS)
		return 0;
	r = &t->row[i];
	if (i == t->n) {
		memset(r, 0, sizeof(*r));
		r->key = *key;
		t->n++;
	}
	r->now = *n;
	return 0;
}

static void take_recall(__u32 dev, const struct vexfs_recall_count *n, void *arg)
{
	struct top *t = arg;
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct meter_key *key = &t->row[i].key;

		if (key->dev == dev && key->ino == n->dir && key->generation == n->generation &&
		    !strncmp(key->strategy, n->strategy, sizeof(key->strategy)))
			t->row[i].recall = *n;
	}
}

/* Live recall of all rows, filesystem by filesystem. */
static void take_recalls(struct top *t)
{
	char mount[PATH_MAX];
	size_t i, j;

	for (i = 0; i < t->n; i++) {
		__u32 dev = t->row[i].key.dev;

		for (j = 0; t->row[j].key.dev != dev; j++)
			;
		if (j == i && !meter_mount(dev, mount))
			meter_recalls(mount, take_recall, t);
	}
}

/* "0.9987", or "-": nothing is known. */
static const char *recall_text(const struct row *r, char buf[16])
{
	if (!r->recall.queries)
		return "-";
	snprintf(buf, 16, "%.4f", (double)r->recall.found / r->recall.expected);
	return buf;
}

/* What happened between the two samples. */
static void difference(const struct row *r, struct meter_counts *d)
{
	int b;

	d->calls = r->now.calls - r->before.calls;
	d->queries = r->now.queries - r->before.queries;
	d->errors = r->now.errors - r->before.errors;
	d->truncated = r->now.truncated - r->before.truncated;
	d->restarts = r->now.restarts - r->before.restarts;
	d->visited = r->now.visited - r->before.visited;
	d->scored = r->now.scored - r->before.scored;
	d->us = r->now.us - r->before.us;
	for (b = 0; b < METER_BUCKETS; b++)
		d->bucket[b] = r->now.bucket[b] - r->before.bucket[b];
}

static const char *name_of(struct row *r)
{
	if (!*r->path && meter_dir(r->key.dev, r->key.ino, r->key.generation, r->path))
		snprintf(r->path, sizeof(r->path), "%u:%u inode %llu", r->key.dev >> 20,
			 r->key.dev & 0xfffff, r->key.ino);
	return r->path;
}

static int busiest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	__u64 m = x->now.queries - x->before.queries, n = y->now.queries - y->before.queries;

	return m != n ? (m < n) - (m > n) : memcmp(&x->key, &y->key, sizeof(x->key));
}

static double per_query(__u64 sum, const struct meter_counts *d)
{
	return d->queries ? (double)sum / d->queries : 0;
}

static void print_text(struct top *t, double seconds, __u64 dropped)
{
	struct winsize w = { .ws_row = 0 };
	bool tty = isatty(STDOUT_FILENO);
	struct meter_counts d;
	size_t i, max = t->n;
	char clock[16], recall[16];
	time_t now = time(NULL);

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	if (tty) {
		printf("\033[H\033[J");
		if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row > 4 && max > w.ws_row - 4u)
			max = w.ws_row - 4u;
	}
	printf("%s  searches of the last %.1f s\n", clock, seconds);
	printf("%9s %9s %9s %10s %9s %6s %6s %6s  %-16s %s\n", "queries/s", "p50 us", "p99 us",
	       "visited/q", "scored/q", "errors", "trunc", "recall", "strategy", "collection");
	for (i = 0; i < max; i++) {
		difference(&t->row[i], &d);
		printf("%9.1f %9.0f %9.0f %10.0f %9.0f %6llu %6llu %6s  %-16s %s\n",
		       d.queries / seconds, meter_percentile(d.bucket, 0.5),
		       meter_percentile(d.bucket, 0.99), per_query(d.visited, &d),
		       per_query(d.scored, &d), d.errors, d.truncated,
		       recall_text(&t->row[i], recall),
		       *t->row[i].key.strategy ? printable(t->row[i].key.strategy) : "-",
		       printable(name_of(&t->row[i])));
	}
	if (!t->n)
		printf("(no search yet)\n");
	if (dropped)
		printf("%llu calls were not counted: more than %d collections and strategies\n",
		       dropped, METER_ROWS);
	if (!tty)
		printf("\n");
}

static void print_rows_json(struct top *t, double seconds, __u64 dropped)
{
	struct json_object *o = json_object_new_object(), *rows = json_object_new_array(), *e;
	struct meter_counts d;
	size_t i;

	json_object_object_add(o, "seconds", json_number(seconds));
	for (i = 0; i < t->n; i++) {
		struct row *r = &t->row[i];

		difference(r, &d);
		e = json_object_new_object();
		add_str(e, "collection", name_of(r));
		add_str(e, "strategy", r->key.strategy);
		add_u64(e, "calls", d.calls);
		add_u64(e, "queries", d.queries);
		json_object_object_add(e, "queries_per_second", json_number(d.queries / seconds));
		json_object_object_add(e, "p50_us", json_number(meter_percentile(d.bucket, 0.5)));
		json_object_object_add(e, "p99_us", json_number(meter_percentile(d.bucket, 0.99)));
		add_u64(e, "us", d.us);
		add_u64(e, "visited", d.visited);
		add_u64(e, "scored", d.scored);
		add_u64(e, "restarts", d.restarts);
		add_u64(e, "truncated", d.truncated);
		add_u64(e, "errors", d.errors);
		add_u64(e, "recall_queries", r->recall.queries);
		add_u64(e, "recall_expected", r->recall.expected);
		add_u64(e, "recall_found", r->recall.found);
		json_object_array_add(rows, e);
	}
	json_object_object_add(o, "rows", rows);
	add_u64(o, "dropped", dropped);
	print_json(o);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Sleep, but not through Ctrl-C. */
static void wait_until(double when)
{
	double left;

	while (!interrupted() && (left = when - now()) > 0) {
		struct timespec t = { .tv_sec = left, .tv_nsec = (left - (time_t)left) * 1e9 };

		nanosleep(&t, NULL);
	}
}

static int top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	double delay = 1, begin, end;
	__u64 count = 0, i;
	bool json = false;
	struct meter *m;
	struct top t;
	char why[256];
	size_t r;
	int c;

	while ((c = getopt_long(argc, argv, "d:n:", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			if (want_double("--delay", optarg, &delay))
				return VEXCTL_USAGE;
			if (!(delay >= 0.1 && delay <= 3600))
				return usage("--delay: it is 0.1 to 3600 seconds");
			break;
		case 'n':
			if (want_u64("--count", optarg, 1, 1u << 30, &count))
				return VEXCTL_USAGE;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 0, 0, "none"))
		return VEXCTL_USAGE;
	t.n = 0;
	t.row = calloc(METER_ROWS, sizeof(*t.row));
	if (!t.row)
		return fail(NULL, "%s", strerror(ENOMEM));
	if (meter_open(&m, NULL, NULL, why, sizeof(why))) {
		free(t.row);
		return fail(NULL, "%s", why);
	}
	catch_signals();
	begin = now();
	for (i = 0; !interrupted() && (!count || i < count) && !ferror(stdout); i++) {
		wait_until(begin + delay);
		if (interrupted())
			break;
		end = now();
		for (r = 0; r < t.n; r++)
			t.row[r].before = t.row[r].now;
		meter_rows(m, take, &t);
		take_recalls(&t);
		qsort(t.row, t.n, sizeof(*t.row), busiest_first);
		(json ? print_rows_json : print_text)(&t, end - begin, meter_dropped(m));
		fflush(stdout);
		begin = end;
	}
	meter_close(m);
	free(t.row);
	return VEXCTL_OK;
}

const struct verb top_verbs[] = {
	{ "top", top, "[-d SECONDS] [-n COUNT] [--json]",
	  "show searches as they happen: rate, latency and slots visited, by collection and strategy",
	  "  -d, --delay SECONDS  between two tables [1]\n"
	  "  -n, --count COUNT    stop after so many tables; otherwise stop with Ctrl-C\n"
	  "p50 and p99 are those of whole calls, to within an eighth.  recall is that of the searches that were run again\n"
	  "since the collection was loaded, see status; - means none was.  It attaches to the module's tracepoints, so it needs\n"
	  "root; nothing is counted while nobody watches.\n" },
	{}
};
