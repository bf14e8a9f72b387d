// SPDX-License-Identifier: GPL-2.0
/*
 * race DIR OUT.json --budget SECONDS: the engine as a contender of `make bench`, see ../contender.h.  It is the
 * engine that runs in the kernel, over rows in memory and without system calls; the same query object asks all
 * queries of a curve, as one descriptor does.
 *
 * A strategy is a line of `strategies`: what it is called, the function, and the efforts it is asked with.
 */
#include "../contender.h"
#include "engine/internal.h"

#define INSERT	1000			/* rows of one call */
#define FILTERED 0.95			/* efforts below it are not of interest with a filter */

struct engine {
	struct vexfs_columns *columns;
	struct vexfs_codes *codes;
	struct vexfs_lists *lists;
	struct vx_rows rows;
	struct vexfs_query_params params;
};

/* One strategy with one effort. */
struct ask {
	const struct strategy *strategy;
	struct vexfs_query *query;
	struct vexfs_hit_f *hits;
};

static const struct strategy {
	const char *name;
	int (*search)(struct vexfs_search *s);
	bool codes, lists;		/* does it use them? */
	double effort[12];		/* recall; ends with a zero; none: it has no effort to choose */
} strategies[] = {
	{ "exact", vexfs_flat, false, false, {} },
	{ "coded", vexfs_coded, true, false, {} },
	/* what a search is by default: lists, or codes where few match */
	{ "auto", vexfs_builtin, true, true,
	  { 0.8, 0.85, 0.88, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.996, 0.9995 } },
};

static void need(bool ok, const char *what)
{
	if (!ok)
		race_die(what, "race");
}

static void answer(void *arg, const float *vector, int32_t *ids)
{
	struct ask *a = arg;
	__u32 truncated;
	int n, i;

	vexfs_query_reset(a->query, vector);
	do {
		do {
			vexfs_query_phase(a->query, VEXFS_PHASE_SEARCH);
			n = a->strategy->search(vexfs_query_search(a->query));
			vexfs_query_phase(a->query, VEXFS_PHASE_NONE);
		} while (n == VEXFS_MORE);
		need(!n, "the strategy failed");
		n = vexfs_query_finish(a->query, a->hits, &truncated);
		if (n == -EAGAIN)
			vexfs_query_restart(a->query);
	} while (n == -EAGAIN);
	need(n >= 0 && !truncated, "the query failed");
	for (i = 0; i < n; i++)
		ids[i] = (int32_t)a->hits[i].id;
}

/* Inserts all rows, each searchable by codes at once; then lists of them, as the worker makes them. */
static void build(struct race *r, struct engine *e)
{
	__u32 metric = r->cosine ? VEXFS_METRIC_COSINE : VEXFS_METRIC_L2, i, j;
	double t = race_now();
	int err;

	*e = (struct engine){
		.columns = vexfs_columns_new(1),
		.codes = vexfs_codes_new(metric, r->dims, 1),
		.rows = { .data = r->base, .n = r->n, .row_bytes = r->dims * 4 },
		.params = { .dims = r->dims, .metric = metric, .k = r->k, .attrs = 1, .deadline_us = ~0ULL },
	};
	need(e->columns && e->codes && !vexfs_codes_centre(e->codes, &e->rows, NULL, r->n), "out of memory");
	for (i = 0; i < r->n; i = j) {
		race_progress(r, i);
		j = r->n - i < INSERT ? r->n : i + INSERT;
		need(!vexfs_columns_reserve(e->columns, j) && !vexfs_codes_reserve(e->codes, j), "out of memory");
		for (; i < j; i++) {
			__s64 attr = r->attr[i];

			need(!vexfs_row_check(metric, r->base + (size_t)i * r->dims, r->dims), "a bad row");
			need(!vexfs_columns_put(e->columns, i, i, &attr), "out of memory");
		}
		need(!vexfs_codes_extend(e->codes, &e->rows, NULL, j, ~0ULL), "out of memory");
		vexfs_columns_publish(e->columns, j);
	}
	t = race_now() - t;
	race_build(r, "", r->n / t, r->n, t, 1, vexfs_columns_bytes(e->columns) + vexfs_codes_bytes(e->codes), false);
	t = race_now();
	e->lists = vexfs_lists_new(e->codes, e->columns, &e->rows, r->n, &err, NULL, NULL);
	need(e->lists && !vexfs_lists_extend(e->lists, e->columns, &e->rows, r->n, ~0ULL, NULL, NULL) &&
		     !vexfs_lists_tune(e->lists, e->columns, &e->rows, NULL, NULL), "no lists");
	t = race_now() - t;
	race_build(r, "auto", r->n / t, r->n, t, 1,
		   vexfs_columns_bytes(e->columns) + vexfs_codes_bytes(e->codes) + vexfs_lists_bytes(e->lists), false);
}

/* All efforts of a strategy, over all rows or those that a filter admits. */
static void curve(struct race *r, struct engine *e, const struct strategy *s, int32_t filter)
{
	struct vexfs_predicate_node below = { .op = VEXFS_PRED_LT, .value = filter };
	struct vexfs_condition condition = { .node = &below, .n = 1 };
	struct vexfs_query_params params = e->params;
	struct vexfs_predicate *p = NULL;
	struct ask a = { .strategy = s };
	struct vexfs_match match;
	char effort[32] = "";
	__u32 i;

	params.row = r->query;
	params.codes = s->codes ? e->codes : NULL;
	params.lists = s->lists ? e->lists : NULL;
	if (filter) {
		need(!vexfs_condition_check(&condition, 1, 0), "the filter is refused");
		p = vexfs_predicate_new(&condition);
		need(p && !vexfs_predicate_match(p, e->columns, ~0ULL, &match), "out of memory");
		params.match = &match;
	}
	a.hits = calloc(r->k, sizeof(*a.hits));
	for (i = 0; !i || s->effort[i]; i++) {
		if (filter && s->effort[i] && s->effort[i] < FILTERED)
			continue;
		if (s->effort[i])
			snprintf(effort, sizeof(effort), "recall %g", s->effort[i]);
		params.recall = (__u32)(s->effort[i] * VEXFS_RECALL_ALL + 0.5);
		a.query = vexfs_query_new(e->columns, &e->rows, &params);
		need(a.hits && a.query, "out of memory");
		race_measure(r, s->name, effort, filter, answer, &a);
		vexfs_query_free(a.query);
	}
	vexfs_predicate_free(p);
	free(a.hits);
}

int main(int argc, char **argv)
{
	struct race r = race_open(argc, argv);
	struct engine e;
	__u32 i, f;

	race_begin(&r, "vexfs", "", "");
	build(&r, &e);
	for (i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++)
		for (f = 0; f <= r.filters; f++)
			curve(&r, &e, &strategies[i], f ? r.filter[f - 1] : 0);
	race_end(&r);
	vexfs_lists_free(e.lists);
	vexfs_codes_free(e.codes);
	vexfs_columns_free(e.columns);
	return 0;
}
