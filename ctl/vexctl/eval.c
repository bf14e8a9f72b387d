// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl eval: how good and how expensive the search of a collection is.
 *
 * Recall as ANN-Benchmarks defines it (M. Aumueller, E. Bernhardsson, A. Faithfull,
 * "ANN-Benchmarks", Information Systems 2020, section 2.1), with ties: a hit is right if it is one
 * of the k true neighbours, or not farther than the last of them.  The distance of that one is
 * measured here by the engine's own function, which gives the same bits as the kernel module.  A
 * distance program adds to the distances of hits but not to this one, so that with one, ties may be
 * missed; truth that is searched for in the same run has its penalties and does not have this
 * problem.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "engine/internal.h"
#include "libvexfs/export.h"
#include "libvexfs/truth.h"
#include "vexctl/vexctl.h"

struct eval {
	const char *dir;
	int fd;
	struct vexfs_ioc_info info;
	struct vexfs_request q;	/* of the search that is evaluated */

	struct input queries;
	struct vexfs_import im;
	struct input truth;	/* file NULL: truth is searched for */
	struct vexfs_truth lists;
	struct output save;	/* file NULL: it is not kept */

	/* of the query at hand */
	struct vexfs_hit *hits, *exact;
	struct vexfs_answer answer;
	__u64 *ids;		/* the true neighbours, nearest first */
	__u32 n;		/* how many, at most k; 0: it has none, and no recall */
	double kth;		/* distance of the last of them */

	/* of all */
	__u64 done;
	__u64 right, wanted;
	__u64 fewer, none;	/* lists of truth with less than k, and with no ids */
	double worst;		/* smallest recall of a query */
	__u64 nearer;		/* hits nearer than the last true neighbour, and not among them */
	__u64 truncated, visited, scored;
	__u64 *ns;		/* time that each query took */
	__u64 room;		/* of ns */
	char first[VEXFS_PROG_NAME_LEN + 16], last[VEXFS_PROG_NAME_LEN + 16];	/* strategies */
};

/* The true neighbours of the query at hand, from the file. */
static int read_truth(struct eval *e)
{
	struct vexfs_prep p = {
		.row = e->im.row,
		.dims = e->info.dims,
		.metric = e->info.metric,
	};
	float row[VEXFS_MAX_DIMS];
	struct vx_seg seg = { .p = row, .bytes = e->info.row_bytes };
	__u64 bits;
	int ret, err;

	ret = vexfs_truth_next(&e->lists, e->ids, e->q.k, &e->n);
	if (ret < 0)
		return fail(e->truth.path, "%s", e->lists.error);
	if (!ret)
		return fail(e->truth.path, "it has %llu list%s, there are more queries", e->done,
			    e->done == 1 ? "" : "s");
	e->fewer += e->n < e->q.k;
	e->none += !e->n;
	if (!e->n)
		return 0;
	err = vexfs_get(e->fd, e->ids[e->n - 1], row, sizeof(row), NULL);
	if (err == -ENOENT)
		return fail(e->truth.path, "list %llu has the id %llu, which %s does not have",
			    e->done, e->ids[e->n - 1], e->dir);
	if (err)
		return fail_op(e->dir, VEXFS_OP_GET, err);
	vexfs_prepare(&p);
	bits = vexfs_key_bits(vexfs_measure_f64(&p, &seg, 1, 0));
	memcpy(&e->kth, &bits, sizeof(e->kth));
	return 0;
}

/* ... by exact search. */
static int search_truth(struct eval *e)
{
	struct vexfs_request q = e->q;
	struct vexfs_answer a;
	__u32 i;
	int err;

	q.flags |= VEXFS_SEARCH_EXACT;
	q.recall = 0;
	q.effort = 0;
	q.method = VEXFS_METHOD_AUTO;
	err = vexfs_search(e->fd, &q, e->exact, &a);
	if (err)
		return fail_op(e->dir, VEXFS_OP_SEARCH, err);
	if (a.truncated & ~VEXFS_TRUNC_PRECISION)
		return fail(e->dir,
			    "the exact search of query %llu was cut short; give a longer --timeout",
			    e->done);
	if (!a.n || a.n > q.k)
		return fail(e->dir, "query %llu has no true neighbours: no record matches",
			    e->done);
	for (i = 0; i < a.n; i++)
		e->ids[i] = e->exact[i].id;
	e->n = a.n;
	e->kth = e->exact[a.n - 1].distance;
	if (!e->save.file)
		return 0;
	err = vexfs_export_ids(e->save.file, e->ids, e->n);
	if (err == -ERANGE)
		return fail(e->save.path, "an id is larger than the 31 bits that ivecs can hold");
	return err ? fail(e->save.path, "cannot be written: %s", strerror(-err)) : 0;
}

static int timed_search(struct eval *e)
{
	struct timespec from, to;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &from);
	err = vexfs_search(e->fd, &e->q, e->hits, &e->answer);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (err)
		return fail_op(e->dir, VEXFS_OP_SEARCH, err);
	if (e->answer.n > e->q.k)
		return fail(
			e->dir,
			"the kernel module gave more hits than asked for; it does not fit this vexctl");
	if (e->done == e->room) {
		__u64 room = e->room ? e->room * 2 : 1024;
		__u64 *ns = realloc(e->ns, room * sizeof(*ns));

		if (!ns)
			return fail(NULL, "out of memory");
		e->ns = ns;
		e->room = room;
	}
	e->ns[e->done] = (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
	return 0;
}

/* Compare what was found with what is true. */
static int count(struct eval *e)
{
	__u32 i, t, right = 0, listed = 0;
	double recall;

	for (i = 0; i < e->answer.n && i < e->n; i++) {
		for (t = 0; t < e->n && e->ids[t] != e->hits[i].id; t++)
			;
		listed += t < e->n;
		right += t < e->n || e->hits[i].distance <= e->kth;
		/* more than other software's rounding may explain */
		e->nearer += t == e->n &&
			     e->hits[i].distance < e->kth - 1e-5 * (e->kth < 0 ? -e->kth : e->kth);
	}
	/*
	 * a true neighbour that was not found may just not be there: then the truth is of other
	 * data
	 */
	for (t = 0; e->truth.file && listed < e->n && t < e->n; t++) {
		int err = vexfs_get(e->fd, e->ids[t], NULL, 0, NULL);

		if (err == -ENOENT)
			return fail(e->truth.path,
				    "list %llu has the id %llu, which %s does not have", e->done,
				    e->ids[t], e->dir);
		if (err)
			return fail_op(e->dir, VEXFS_OP_GET, err);
	}
	recall = e->n ? (double)right / e->n : 1;
	if (recall < e->worst)
		e->worst = recall;
	e->right += right;
	e->wanted += e->n;
	e->truncated += e->answer.truncated != 0;
	e->visited += e->answer.visited;
	e->scored += e->answer.scored;
	snprintf(e->last, sizeof(e->last), "%s%s", e->answer.strategy,
		 e->answer.used[VEXFS_SLOT_SEARCH] == VEXFS_BOUND_LOADED ? "" : " (built-in)");
	if (!e->done)
		memcpy(e->first, e->last, sizeof(e->first));
	return 0;
}

static int run_all(struct eval *e)
{
	__u64 id;
	__u32 n;
	int ret;

	while ((ret = vexfs_import_next(&e->im)) > 0) {
		ret = e->truth.file ? read_truth(e) : search_truth(e);
		if (!ret)
			ret = timed_search(e);
		if (!ret)
			ret = count(e);
		if (ret)
			return ret;
		e->done++;
		progress("evaluating", input_at(&e->queries), e->queries.size, "bytes");
		if (interrupted())
			return fail(e->dir, "interrupted after %llu queries", e->done);
	}
	progress(NULL, 0, 0, NULL);
	if (ret < 0)
		return fail(e->queries.path, "%s", e->im.error);
	if (!e->done)
		return fail(e->queries.path, "it holds no query");
	ret = e->truth.file ? vexfs_truth_next(&e->lists, &id, 1, &n) : 0;
	if (ret < 0)
		return fail(e->truth.path, "%s", e->lists.error);
	if (ret)
		return fail(e->truth.path,
			    "it has more lists than the %llu queries; they do not belong together",
			    e->done);
	if (!e->wanted)
		return fail(e->truth.path, "none of its lists has an id");
	return e->save.file ? output_finish(&e->save) : 0;
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* The smallest time that so many percent of the queries did not exceed, in ms. */
static double percentile(const struct eval *e, unsigned int percent)
{
	return e->ns[(e->done * percent + 99) / 100 - 1] / 1e6;
}

static void report(struct eval *e, bool json)
{
	double recall = (double)e->right / e->wanted, n = e->done;
	bool changed = strcmp(e->first, e->last) != 0;

	qsort(e->ns, e->done, sizeof(*e->ns), compare);
	if (json) {
		struct json_object *o = json_object_new_object(), *t = json_object_new_object();

		add_u64(o, "queries", e->done);
		add_u64(o, "k", e->q.k);
		json_object_object_add(o, "recall", json_number(recall));
		json_object_object_add(o, "recall_worst", json_number(e->worst));
		add_u64(o, "nearer_than_truth", e->nearer);
		add_u64(o, "short_lists", e->fewer);
		json_object_object_add(t, "p50", json_number(percentile(e, 50)));
		json_object_object_add(t, "p90", json_number(percentile(e, 90)));
		json_object_object_add(t, "p99", json_number(percentile(e, 99)));
		json_object_object_add(t, "max", json_number(percentile(e, 100)));
		json_object_object_add(o, "latency_ms", t);
		json_object_object_add(o, "visited", json_number(e->visited / n));
		json_object_object_add(o, "scored", json_number(e->scored / n));
		add_u64(o, "truncated", e->truncated);
		add_str(o, "strategy", e->answer.strategy);
		print_json(o);
		return;
	}
	printf("queries     %llu of %s\n", e->done, printable(e->queries.path));
	printf("recall@%-4u %.4f on average, %.4f at worst\n", e->q.k, recall, e->worst);
	if (e->fewer)
		printf("            %llu lists of truth have fewer than %u ids: recall is of those%s\n",
		       e->fewer, e->q.k, e->none ? ", and empty ones are left out" : "");
	if (e->nearer)
		printf("            %llu hits are nearer than the truth allows: it is not of these vectors, or of another metric\n",
		       e->nearer);
	printf("latency     p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, max %.3f ms\n",
	       percentile(e, 50), percentile(e, 90), percentile(e, 99), percentile(e, 100));
	printf("visited     %.1f on average\n", e->visited / n);
	printf("scored      %.1f on average\n", e->scored / n);
	printf("truncated   %llu\n", e->truncated);
	printf("strategy    %s%s%s\n", changed ? printable(e->first) : "",
	       changed ? ", in the end " : "", printable(e->last));
}

static int run_eval(struct eval *e, const char *queries, enum vexfs_file_format format,
		    const char *truth, const char *save)
{
	int ret;

	e->fd = open_collection(e->dir, &e->info);
	if (e->fd < 0)
		return VEXCTL_FAILED;
	ret = input_open(&e->queries, queries);
	if (!ret && truth)
		ret = input_open(&e->truth, truth);
	if (ret)
		return ret;
	if (truth && vexfs_truth_open(&e->lists, e->truth.file, vexfs_file_format_of(truth)))
		return fail(truth, "%s", e->lists.error);
	if (format == VEXFS_FILE_GUESS)
		format = vexfs_file_format_of(queries);
	if (vexfs_import_open(&e->im, e->queries.file, format, e->info.dims,
			      e->info.metric == VEXFS_METRIC_COSINE))
		return fail(e->queries.path, "%s", e->im.error);
	e->q.vector = e->im.row;
	e->q.vector_bytes = e->info.row_bytes;
	e->hits = calloc(e->q.k, sizeof(*e->hits));
	e->exact = calloc(e->q.k, sizeof(*e->exact));
	e->ids = calloc(e->q.k, sizeof(*e->ids));
	if (!e->hits || !e->exact || !e->ids)
		return fail(NULL, "out of memory");
	if (save)
		ret = output_open(&e->save, save, false);
	return ret ? ret : run_all(e);
}

static int eval(int argc, char **argv)
{
	static const struct option options[] = { { "queries", required_argument, NULL, 'q' },
						 { "truth", required_argument, NULL, 't' },
						 { "write-truth", required_argument, NULL, 'w' },
						 { "format", required_argument, NULL, 'f' },
						 { "exact", no_argument, NULL, 'e' },
						 { "builtin", no_argument, NULL, 'b' },
						 { "recall", required_argument, NULL, 'r' },
						 { "effort", required_argument, NULL, 'E' },
						 { "method", required_argument, NULL, 'M' },
						 { "timeout", required_argument, NULL, 'T' },
						 { "json", no_argument, NULL, 'j' },
						 {} };
	const char *queries = NULL, *truth = NULL, *save = NULL;
	enum vexfs_file_format format = VEXFS_FILE_GUESS;
	struct eval e = { .fd = -1, .q.k = 10, .worst = 1 };
	bool json = false;
	int c, ret;
	__u64 v;

	while ((c = getopt_long(argc, argv, "k:q:f:", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			queries = optarg;
			break;
		case 't':
			truth = optarg;
			break;
		case 'w':
			save = optarg;
			break;
		case 'f':
			if (want_format(optarg, &format))
				return VEXCTL_USAGE;
			break;
		case 'k':
			if (want_u64("-k", optarg, 1, VEXFS_MAX_K, &v))
				return VEXCTL_USAGE;
			e.q.k = v;
			break;
		case 'e':
			e.q.flags |= VEXFS_SEARCH_EXACT;
			break;
		case 'b':
			e.q.flags |= VEXFS_SEARCH_BUILTIN;
			break;
		case 'r':
			if (want_recall(optarg, &e.q.recall))
				return VEXCTL_USAGE;
			break;
		case 'E':
			if (want_u64("--effort", optarg, 1, ~0U, &v))
				return VEXCTL_USAGE;
			e.q.effort = v;
			break;
		case 'M':
			if (want_method(optarg, &e.q.method))
				return VEXCTL_USAGE;
			break;
		case 'T':
			if (want_u64("--timeout", optarg, 1, VEXFS_MAX_TIMEOUT_US / 1000, &v))
				return VEXCTL_USAGE;
			e.q.timeout_us = v * 1000;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	if (want_recall_or_exact(&e.q))
		return VEXCTL_USAGE;
	if (!queries)
		return usage("--queries is missing: which vectors are to be searched for?");
	if (truth && save)
		return usage("give one of --truth and --write-truth");
	if (save && vexfs_file_format_of(save) && vexfs_file_format_of(save) != VEXFS_FILE_IVECS)
		return usage(
			"--write-truth: '%s' ends like %s, and what is written is ivecs; name it so",
			     save, vexfs_file_format_name(vexfs_file_format_of(save)));
	e.dir = dir_arg(argv);
	catch_signals();
	ret = run_eval(&e, queries, format, truth, save);
	progress(NULL, 0, 0, NULL);
	if (!ret)
		report(&e, json);
	output_abandon(&e.save);
	vexfs_import_close(&e.im);
	vexfs_truth_close(&e.lists);
	input_close(&e.truth);
	input_close(&e.queries);
	free(e.ns);
	free(e.ids);
	free(e.exact);
	free(e.hits);
	if (e.fd >= 0)
		vexfs_close(e.fd);
	return interrupted_code(ret);
}

const struct verb eval_verbs[] = {
	{ "eval", eval, "DIR --queries FILE [OPTION]...",
	  "measure recall and cost of the search with queries whose neighbours are known",
	  "  -q, --queries FILE   vectors to search for, which should not be in the collection: any format that\n"
	  "                       `vexctl import` reads\n"
	  "      --truth FILE     ids of the true neighbours, nearest first, as ivecs, ibin or npy: a list for every query,\n"
	  "                       in their order, of k or more; shorter ones may be filled up with -1.  Without it they\n"
	  "                       are found by exact search\n"
	  "      --write-truth F  and written to F, as ivecs\n"
	  "  -k N                 records wanted, 1 to 1000 [10]\n"
	  "      --exact          measure the exact search instead of the bound program\n"
	  "      --builtin        measure the built-in search instead of the bound program, with codes if it has them\n"
	  "      --recall R       the recall that the search shall reach: above 0, up to 1 [0.99]\n"
	  "      --effort N       the lists or buckets that it shall look into, whatever --recall asks for\n"
	  "      --method M       how it shall find records: auto, exact, coded, ivf or lsh, see `vexctl search` [auto]\n"
	  "      --timeout MS     of every query [10000]\n"
	  "  -f, --format F       of the queries, where neither their name nor their content says it\n"
	  "      --json\n"
	  "recall@k is the part of the k true neighbours that was found; a record as near as the last of them counts as\n"
	  "found, too.  Times are those of the whole call, one query after the other; a virtual machine without hardware\n"
	  "support makes them meaningless.\n",
	  false, IMAGE_READ },
	{}
};
