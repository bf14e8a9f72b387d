// SPDX-License-Identifier: GPL-2.0
/* vexctl search. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "vexctl/vexctl.h"

#define MAX_THREADS	256

struct ask {
	const char *dir, *what;		/* what: for messages, the query as it was given */
	int fd;
	struct vexfs_ioc_info info;
	struct vexfs_request q;
	__u32 batch;			/* lines of standard input per call */
	float *rows;			/* room for so many */
	struct vexfs_where where;
	struct labels labels;
	struct names names;
	__u64 start_id;			/* id of the first label */
	__u64 shown;			/* answers so far */
	bool json;
	bool explain;
};

/* What several threads ask and find; everything below lock is guarded by it. */
struct load {
	const struct ask *ask;
	pthread_mutex_t lock;
	__u64 left;			/* queries to start */
	__u64 ok, failed, truncated;
	int first_error;
	struct vexfs_answer answer;	/* of the first query that succeeded */
	struct vexfs_hit *hits;
	__u64 *generation; /* of search, those seen, in the order of their first sight */
	size_t generations, room;
};

static const char *label_of(const struct ask *a, __u64 id)
{
	if (id < a->start_id || id - a->start_id >= a->labels.n)
		return NULL;
	return a->labels.line[id - a->start_id];
}

static const struct {
	__u32 bit;
	const char *name;
} reasons[] = {
	{ VEXFS_TRUNC_DEADLINE, "deadline" },
	{ VEXFS_TRUNC_VISITS, "visits" },
	{ VEXFS_TRUNC_STRATEGY, "strategy" },
	{ VEXFS_TRUNC_PRECISION, "precision" },
	{ VEXFS_TRUNC_LIMIT, "limit" },
	{ VEXFS_TRUNC_FILES, "files" },
	{ VEXFS_TRUNC_DAMAGED, "damaged" },
};
#define REASONS	(sizeof(reasons) / sizeof(reasons[0]))

static const char *used_name(__u32 used)
{
	switch (used) {
	case VEXFS_BOUND_BUILTIN:
		return "built-in";
	case VEXFS_BOUND_LOADED:
		return "program";
	case VEXFS_BOUND_MISSING:
		return "built-in: the bound program is not loaded";
	case VEXFS_BOUND_EJECTED:
		return "built-in: the bound program failed";
	}
	return "?";
}

static struct json_object *answer_json(struct ask *a, const struct vexfs_hit *hits,
				       const struct vexfs_answer *r)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array(), *e;
	__u32 i;

	for (i = 0; i < r->n; i++) {
		const char *label = label_of(a, hits[i].id);

		e = json_object_new_object();
		add_u64(e, "rank", i + 1);
		add_u64(e, "id", hits[i].id);
		if (label)
			add_str(e, "label", label);
		json_object_object_add(e, "distance", json_number(hits[i].distance));
		add_u64(e, "slot", hits[i].slot);
		add_place(e, &a->names, hits[i].file, hits[i].file_off, hits[i].file_len,
			  hits[i].flags);
		json_object_array_add(list, e);
	}
	json_object_object_add(o, "hits", list);
	add_u64(o, "visited", r->visited);
	add_u64(o, "scored", r->scored);
	add_u64(o, "rounds", r->rounds);
	add_u64(o, "restarts", r->restarts);
	add_str(o, "strategy", r->strategy);
	list = json_object_new_object();
	for (i = 0; i < VEXFS_SLOTS; i++) {
		e = json_object_new_object();
		add_str(e, "used", used_name(r->used[i]));
		add_u64(e, "generation", r->generation[i]);
		json_object_object_add(list, vexfs_slot_name(i), e);
	}
	json_object_object_add(o, "programs", list);
	list = json_object_new_array();
	for (i = 0; i < REASONS; i++)
		if (r->truncated & reasons[i].bit)
			json_object_array_add(list, json_object_new_string(reasons[i].name));
	json_object_object_add(o, "truncated", list);
	return o;
}

static void answer_text(struct ask *a, const struct vexfs_hit *hits,
			const struct vexfs_answer *r)
{
	const char *sep = "; truncated by ";
	__u32 i;

	printf("rank  %-20s %14s%s\n", "id", "distance", a->labels.n ? "  label" : "");
	for (i = 0; i < r->n; i++) {
		const char *label = label_of(a, hits[i].id);

		printf("%4u  %-20llu %14.6f%s%s", i + 1, hits[i].id, hits[i].distance,
		       label ? "  " : "", label ? printable(label) : "");
		print_place(&a->names, hits[i].file, hits[i].file_off, hits[i].file_len,
			    hits[i].flags);
		printf("\n");
	}
	printf("cost: visited %llu, scored %llu, rounds %u, strategy %s (", r->visited, r->scored,
	       r->rounds, printable(r->strategy));
	if (r->used[VEXFS_SLOT_SEARCH] == VEXFS_BOUND_LOADED)
		printf("generation %llu)", r->generation[VEXFS_SLOT_SEARCH]);
	else
		printf("%s)", used_name(r->used[VEXFS_SLOT_SEARCH]));
	for (i = VEXFS_SLOT_SEARCH + 1; i < VEXFS_SLOTS; i++)
		if (r->used[i] == VEXFS_BOUND_LOADED)
			printf(", %s program (generation %llu)", vexfs_slot_name(i),
			       r->generation[i]);
	if (r->restarts)
		printf(", restarts %u", r->restarts);
	for (i = 0; i < REASONS; i++)
		if (r->truncated & reasons[i].bit) {
			printf("%s%s", sep, reasons[i].name);
			sep = ", ";
		}
	printf("\n");
}

/* One call of `queries` queries, whose answers are shown one after the other. */
static int ask(struct ask *a, __u32 queries)
{
	struct vexfs_query_answer *answers = calloc(queries, sizeof(*answers));
	struct vexfs_hit *hits = calloc((size_t)queries * a->q.k, sizeof(*hits));
	struct vexfs_search_trace trace = { .size = sizeof(trace) };
	struct json_object *o;
	struct vexfs_answer r;
	__u32 i;
	int err;

	a->q.queries = queries;
	a->q.answers = answers;
	a->q.trace = a->explain ? &trace : NULL;
	err = answers && hits ? vexfs_search(a->fd, &a->q, hits, &r) : -ENOMEM;
	if (err)
		err = fail_op(a->what, VEXFS_OP_SEARCH, err);
	for (i = 0; !err && i < queries; i++) {
		const struct vexfs_hit *first = hits + (size_t)i * a->q.k;

		/* what is left is that of the call */
		r.n = answers[i].n;
		r.truncated = answers[i].truncated;
		r.visited = answers[i].visited;
		r.scored = answers[i].scored;
		if (!a->json && a->shown++)
			printf("\n");
		if (r.n > a->q.k)
			err = fail(a->dir,
				   "the kernel module gave more hits than asked for; it does not fit this vexctl");
		else if (a->json) {
			o = answer_json(a, first, &r);
			if (a->explain)
				json_object_object_add(o, "explain", explain_json(&trace));
			print_json(o);
		} else {
			if (a->explain)
				explain_text(&r, &trace, a->q.where);
			answer_text(a, first, &r);
		}
	}
	a->q.trace = NULL;
	a->q.answers = NULL;
	free(answers);
	free(hits);
	return err;
}

/* Remember a generation.  With l->lock. */
static int seen(struct load *l, __u64 generation)
{
	size_t i;

	for (i = l->generations; i > 0; i--)	/* most often the newest */
		if (l->generation[i - 1] == generation)
			return 0;
	if (l->generations == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		__u64 *p = realloc(l->generation, room * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->generation = p;
		l->room = room;
	}
	l->generation[l->generations++] = generation;
	return 0;
}

static void *asker(void *arg)
{
	struct load *l = arg;
	__u32 k = l->ask->q.k;
	struct vexfs_hit *hits = calloc(k, sizeof(*hits));
	struct vexfs_answer r;
	int err;

	pthread_mutex_lock(&l->lock);
	while (l->left) {
		l->left--;
		pthread_mutex_unlock(&l->lock);
		err = hits ? vexfs_search(l->ask->fd, &l->ask->q, hits, &r) : -ENOMEM;
		if (!err && r.n > k)
			err = -EPROTO;
		pthread_mutex_lock(&l->lock);
		if (!err)
			err = seen(l, r.generation[VEXFS_SLOT_SEARCH]);
		if (err) {
			if (!l->failed++)
				l->first_error = err;
			continue;
		}
		l->truncated += r.truncated != 0;
		if (!l->ok++) {
			l->answer = r;
			memcpy(l->hits, hits, r.n * sizeof(*hits));
		}
	}
	pthread_mutex_unlock(&l->lock);
	free(hits);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* The same query `repeat` times by several threads: the first answer, and how the queries went. */
static int ask_often(struct ask *a, __u64 repeat, __u32 threads)
{
	struct load l = { .ask = a, .lock = PTHREAD_MUTEX_INITIALIZER, .left = repeat };
	pthread_t tid[MAX_THREADS];
	__u32 t;
	int err = 0;

	l.hits = calloc(a->q.k, sizeof(*l.hits));
	if (!l.hits)
		return fail(a->dir, "out of memory");
	for (t = 0; t < threads; t++) {
		err = pthread_create(&tid[t], NULL, asker, &l);
		if (err)
			break;
	}
	threads = t;
	for (t = 0; t < threads; t++)
		pthread_join(tid[t], NULL);
	if (err)
		fail(a->dir, "cannot start %u threads: %s", threads + 1, strerror(err));
	qsort(l.generation, l.generations, sizeof(*l.generation), compare);
	if (a->json) {
		struct json_object *o = l.ok ? answer_json(a, l.hits, &l.answer) :
					       json_object_new_object();
		struct json_object *list = json_object_new_array();
		size_t i;

		add_u64(o, "queries", l.ok + l.failed);
		add_u64(o, "ok", l.ok);
		add_u64(o, "failed", l.failed);
		add_u64(o, "truncated_queries", l.truncated);
		for (i = 0; i < l.generations; i++)
			json_object_array_add(list, json_object_new_uint64(l.generation[i]));
		json_object_object_add(o, "generations", list);
		print_json(o);
	} else {
		if (l.ok)
			answer_text(a, l.hits, &l.answer);
		printf("loop: queries %llu, ok %llu, failed %llu, truncated %llu, threads %u, generations %zu",
		       l.ok + l.failed, l.ok, l.failed, l.truncated, threads, l.generations);
		if (l.generations)
			printf(" (%llu to %llu)", l.generation[0], l.generation[l.generations - 1]);
		printf("\n");
	}
	if (l.failed)
		err = fail(a->what, "%llu of %llu queries failed, the first one: %s", l.failed,
			   l.ok + l.failed, vexfs_strerror_for(VEXFS_OP_SEARCH, l.first_error));
	free(l.generation);
	free(l.hits);
	return err ? VEXCTL_FAILED : VEXCTL_OK;
}

/* The i-th vector of the next call. */
static int set_vector(struct ask *a, __u32 i, const char *text)
{
	__u32 bad = 0;
	int n = vexfs_parse_vector(text, a->rows + (size_t)i * a->info.dims, a->info.dims, &bad);

	if (n < 0)
		return fail(
			a->what,
			"number %u is not a finite number; give %u numbers with spaces or commas between them",
			bad + 1, a->info.dims);
	if ((__u32)n != a->info.dims)
		return fail(a->what,
			    "it has %d number%s, the collection has %u dimension%s; give as many",
			    n, n == 1 ? "" : "s", a->info.dims, a->info.dims == 1 ? "" : "s");
	a->q.vector = a->rows;
	a->q.vector_bytes = a->info.row_bytes;
	return 0;
}

/* The vectors of these lines, which have not been asked yet; blank lines may be between them. */
static int ask_lines(struct ask *a, char *what, size_t size, __u64 first, __u64 last, __u32 vectors)
{
	if (vectors == 1)
		snprintf(what, size, "standard input, line %llu", first);
	else
		snprintf(what, size, "standard input, lines %llu to %llu", first, last);
	return ask(a, vectors);
}

static int ask_stdin(struct ask *a)
{
	char *line = malloc(VEXFS_IMPORT_LINE), *s;
	char what[80];
	__u32 waiting = 0;
	__u64 n = 0, first = 0, last = 0;
	int ret = 0;

	if (!line)
		return fail(a->dir, "out of memory");
	a->what = what;
	while (!ret && fgets(line, VEXFS_IMPORT_LINE, stdin)) {
		snprintf(what, sizeof(what), "standard input, line %llu", ++n);
		if (!strchr(line, '\n') && !feof(stdin)) {
			ret = fail(what, "it is longer than %u bytes, or not text",
				   VEXFS_IMPORT_LINE - 1);
			break;
		}
		/* a byte order mark */
		s = line + (n > 1 || strncmp(line, "\xef\xbb\xbf", 3) ? 0 : 3);
		if (!s[strspn(s, " \t\r\n\v\f")])
			continue;
		ret = set_vector(a, waiting, s);
		if (ret)
			break;
		last = n;
		first = waiting++ ? first : n;
		if (waiting == a->batch) {
			ret = ask_lines(a, what, sizeof(what), first, last, waiting);
			waiting = 0;
		}
	}
	if (waiting && ask_lines(a, what, sizeof(what), first, last, waiting))
		ret = VEXCTL_FAILED;
	if (!ret && ferror(stdin))
		ret = fail("standard input", "cannot be read: %s", strerror(errno));
	else if (!ret && !last)
		ret = fail("standard input",
			   "it is empty; give one vector per line, or --id, --word or --vector");
	free(line);
	return ret;
}

static int find_word(struct ask *a, const char *word)
{
	size_t i;

	for (i = 0; i < a->labels.n; i++)
		if (!strcmp(a->labels.line[i], word))
			break;
	if (i == a->labels.n)
		return fail(word, "the labels file has no such line; give a word of it, or --id");
	if (a->start_id + i < a->start_id)
		return fail(word, "its id would go beyond 64 bits; choose a smaller --start-id");
	a->q.flags |= VEXFS_SEARCH_BY_ID;
	a->q.id = a->start_id + i;
	return 0;
}

/* The value of -k.  0, or VEXCTL_USAGE and a line. */
static int want_k(const char *s, bool range, __u64 *k)
{
	int err = vexfs_parse_u64(s, k);

	if (err == -EINVAL)
		return usage("-k: '%s' is not a whole number", s);
	if (err || !*k || *k > (range ? VEXFS_MAX_RANGE : VEXFS_MAX_K))
		return usage("-k: %s is out of range; it is 1 to %u, or with --radius 1 to %u", s,
			     VEXFS_MAX_K, VEXFS_MAX_RANGE);
	return 0;
}

static int search_as(int argc, char **argv, bool explain)
{
	static const struct option options[] = {
		{ "id", required_argument, NULL, 'i' },
		{ "key", required_argument, NULL, 'K' },
		{ "vector", required_argument, NULL, 'v' },
		{ "word", required_argument, NULL, 'w' },
		{ "labels", required_argument, NULL, 'l' },
		{ "start-id", required_argument, NULL, 's' },
		{ "where", required_argument, NULL, 'W' },
		{ "as-of", required_argument, NULL, 'A' },
		{ "arg", required_argument, NULL, 'a' },
		{ "timeout", required_argument, NULL, 't' },
		{ "max-visits", required_argument, NULL, 'm' },
		{ "builtin", no_argument, NULL, 'b' },
		{ "exact", no_argument, NULL, 'e' },
		{ "recall", required_argument, NULL, 'c' },
		{ "effort", required_argument, NULL, 'E' },
		{ "method", required_argument, NULL, 'M' },
		{ "radius", required_argument, NULL, 'R' },
		{ "per-file", required_argument, NULL, 'F' },
		{ "batch", required_argument, NULL, 'B' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "threads", required_argument, NULL, 'T' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	const char *vector = NULL, *word = NULL, *labels = NULL, *id = NULL, *key = NULL,
		   *where = NULL, *number = NULL;
	__u64 v, repeat = 0, threads = 1, k = 0;
	static struct ask a = { .fd = -1, .batch = 1 };	/* 10 KiB of it are a condition */
	int c, ret, args = 0;
	bool range;
	__s64 s;

	while ((c = getopt_long(argc, argv, "k:a:", options, NULL)) != -1) {
		ret = 0;
		switch (c) {
		case 'i':
			id = optarg;
			ret = want_u64("--id", optarg, 0, ~0ULL, &a.q.id);
			a.q.flags |= VEXFS_SEARCH_BY_ID;
			break;
		case 'K':
			key = optarg;
			a.q.flags |= VEXFS_SEARCH_BY_KEY;
			a.q.key = key;
			a.q.key_len = strlen(key);
			if (!*key || a.q.key_len > VEXFS_MAX_KEY)
				ret = usage("--key: '%.64s' is not a key; it has 1 to %d bytes",
					    key, VEXFS_MAX_KEY);
			break;
		case 'v':
			vector = optarg;
			break;
		case 'w':
			word = optarg;
			break;
		case 'l':
			labels = optarg;
			break;
		case 's':
			ret = want_u64("--start-id", optarg, 0, ~0ULL, &a.start_id);
			break;
		case 'W':
			where = optarg;
			break;
		case 'A':
			a.q.snapshot = optarg;
			break;
		case 'k':
			number = optarg;
			break;
		case 'a':
			if (args == VEXFS_MAX_ARGS)
				return usage("--arg: at most %d", VEXFS_MAX_ARGS);
			if (*optarg == '-')
				ret = want_s64("--arg", optarg, &s);
			else
				ret = want_u64("--arg", optarg, 0, ~0ULL, &v);
			if (!ret)
				a.q.arg[args++] = *optarg == '-' ? (__u64)s : v;
			break;
		case 't':
			ret = want_u64("--timeout", optarg, 1, VEXFS_MAX_TIMEOUT_US / 1000, &v);
			a.q.timeout_us = ret ? 0 : v * 1000;
			break;
		case 'm':
			ret = want_u64("--max-visits", optarg, 1, ~0ULL, &a.q.max_visits);
			break;
		case 'b':
			a.q.flags |= VEXFS_SEARCH_BUILTIN;
			break;
		case 'e':
			a.q.flags |= VEXFS_SEARCH_EXACT;
			break;
		case 'c':
			ret = want_recall(optarg, &a.q.recall);
			break;
		case 'E':
			ret = want_u64("--effort", optarg, 1, ~0U, &v);
			a.q.effort = ret ? 0 : v;
			break;
		case 'M':
			ret = want_method(optarg, &a.q.method);
			break;
		case 'R':
			ret = want_double("--radius", optarg, &a.q.radius);
			a.q.flags |= VEXFS_SEARCH_RANGE;
			break;
		case 'F':
			ret = want_u64("--per-file", optarg, 1, ~0U, &v);
			a.q.per_file = ret ? 0 : v;
			break;
		case 'B':
			ret = want_u64("--batch", optarg, 1, VEXFS_MAX_QUERIES, &v);
			a.batch = ret ? 0 : v;
			break;
		case 'r':
			ret = want_u64("--repeat", optarg, 1, 1000000000, &repeat);
			break;
		case 'T':
			ret = want_u64("--threads", optarg, 1, MAX_THREADS, &threads);
			break;
		case 'j':
			a.json = true;
			break;
		default:
			return bad_option(argv);
		}
		if (ret)
			return ret;
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	if (want_recall_or_exact(&a.q))
		return VEXCTL_USAGE;
	range = a.q.flags & VEXFS_SEARCH_RANGE;
	if (number && want_k(number, range, &k))
		return VEXCTL_USAGE;
	a.q.k = k ? k : range ? VEXFS_MAX_RANGE : 10;
	if (!k && a.q.k > VEXFS_MAX_HITS / a.batch)
		a.q.k = VEXFS_MAX_HITS / a.batch;
	if (a.q.k > VEXFS_MAX_HITS / a.batch)
		return usage("--batch times -k is out of range; it is at most %u", VEXFS_MAX_HITS);
	if (!!id + !!key + !!vector + !!word > 1)
		return usage("give one of --id, --key, --vector and --word");
	if (word && !labels)
		return usage("--word needs --labels FILE to look the word up in");
	if (threads > 1 && !repeat)
		return usage("--threads needs --repeat N");
	if (repeat && !id && !key && !vector && !word)
		return usage("--repeat needs --id, --key, --vector or --word");
	a.explain = explain;
	if (explain && (repeat || a.batch > 1 || (!id && !key && !vector && !word)))
		return usage("explain takes one query: --id, --key, --vector or --word");
	a.dir = dir_arg(argv);
	a.what = vector ? "--vector" : word ? word : id ? id : key ? key : a.dir;
	if (labels && labels_read(&a.labels, labels))
		return VEXCTL_FAILED;
	a.fd = open_collection(a.dir, &a.info);
	ret = a.fd < 0 ? VEXCTL_FAILED : 0;
	if (!ret)
		names_open(&a.names, a.fd, &a.info);
	if (!ret && where) {
		ret = parse_where(where, a.fd, &a.info, &a.where);
		a.q.where = &a.where;
	}
	if (!ret) {
		a.rows = malloc((size_t)a.batch * a.info.row_bytes);
		if (!a.rows)
			ret = fail(a.dir, "out of memory");
	}
	if (!ret && vector)
		ret = set_vector(&a, 0, vector);
	if (!ret && word)
		ret = find_word(&a, word);
	if (!ret && repeat > 1)
		ret = ask_often(&a, repeat, threads);
	else if (!ret && (id || key || vector || word))
		ret = ask(&a, 1);
	else if (!ret)
		ret = ask_stdin(&a);
	names_close(&a.names);
	if (a.fd >= 0)
		vexfs_close(a.fd);
	free(a.rows);
	labels_free(&a.labels);
	return ret;
}

static int search(int argc, char **argv)
{
	return search_as(argc, argv, false);
}

static int explain(int argc, char **argv)
{
	return search_as(argc, argv, true);
}

const struct verb search_verbs[] = {
	{ "search", search,
	  "DIR [--id N | --key K | --vector 'V1 V2 ...' | --word W --labels FILE] [OPTION]...",
	  "find the nearest records",
	  "Without --id, --key, --vector or --word, each line of standard input is a vector to search for.\n"
	  "  -k N                 how many records to find, 1 to 1000 [10]; with --radius at most so many, up to 65536\n"
	  "      --radius R       find all records within this distance, those just at it included\n"
	  "      --per-file N     at most N of the same file, the nearest; records without a file are not limited\n"
	  "      --id N           find the neighbours of this record, which is itself the first of them\n"
	  "      --key K          the same, by its key\n"
	  "      --vector V       of this vector, its numbers separated by spaces or commas: '1 2 3', '[1, 2, 3]'\n"
	  "      --word W         of the record whose label is W\n"
	  "      --labels FILE    show labels: line n of FILE, counted from 0, is the label of the id start-id + n\n"
	  "      --start-id N     [0]\n"
	  "      --where COND     only records for which this holds, such as\n"
	  "                       'tenant = 5 and not (made < 100 or kind in (1, 2))'; see below\n"
	  "      --as-of NAME     search the snapshot of this name; --id is the record that had this id then\n"
	  "  -a, --arg N          a number for the filter and distance programs; up to four, in order\n"
	  "      --batch N        answer so many lines of standard input in one call, up to 1024 [1]: from the same\n"
	  "                       records and with the same programs\n"
	  "      --timeout MS     after so long, answer with the best found by then [10000]\n"
	  "      --max-visits N   look at so many slots at most\n"
	  "      --builtin        use the built-in search instead of the bound search program\n"
	  "      --exact          the same, and measure every record instead of estimating distances by codes\n"
	  "      --recall R       the part of the true neighbours to find, on average over queries: above 0, up to 1, for\n"
	  "                       which every record is looked at [0.99]\n"
	  "      --effort N       probe N lists of the index, or buckets of the hash tables, whatever --recall asks for\n"
	  "      --method M       how to find them, without the bound search program: exact; coded, estimate all from\n"
	  "                       their codes; ivf, look into the nearest lists; lsh, into buckets of hash tables, which\n"
	  "                       are made once somebody asks; auto, as promises most [auto].  What is not there yet is\n"
	  "                       done otherwise, as `vexctl explain` tells\n"
	  "      --repeat N       ask N times in all, and say how many succeeded and which generations of the search\n"
	  "                       program answered; the answer shown is the first one\n"
	  "      --threads N      from N threads at once [1]\n"
	  "      --json\n"
	  "COND compares attributes with integers (decimal or 0x...): = != < <= > >= in (...) not in (...), and\n"
	  "& for `any of these bits is set`; and keywords with 'words': = != in not in, is null, is not null.\n"
	  "These are joined by not, and, or (the first binds tightest) and parentheses.  == <> ! && || will do, too.\n"
	  "Distances: l2 squared, cosine 1 - cos, dot -a.b, with the penalties of a distance program.  `truncated by`\n"
	  "says why something may be missing: deadline, visits (--max-visits), strategy (the program stopped early),\n"
	  "precision (the order of almost equal distances), limit (more than -k are within --radius),\n"
	  "files (the nearest 65536 are of too few files for --per-file), damaged (records that cannot be read).\n",
	  false, IMAGE_READ },
	{ "explain", explain,
	  "DIR {--id N | --key K | --vector 'V1 V2 ...' | --word W --labels FILE} [OPTION]...",
	  "search, and show step by step what was done",
	  "The options are those of `vexctl search`, for one query: which slots there are, which of them have codes, for\n"
	  "which the condition holds, how the records to look at are found and why in this way, what the strategy looked\n"
	  "at, what had to be read, what was begun anew and why, and the time that each step took (a virtual machine\n"
	  "without hardware support makes that meaningless).\n"
	  "      --json\n",
	  false, IMAGE_READ },
	{}
};
