// SPDX-License-Identifier: GPL-2.0
/*
 * Which built-in strategy answers a query, and why: what it looks at per row, times the rows that it
 * looks at.  No floating point here.
 */
#include "query.h"
#include "lists.h"
#include "probe.h"
#include "lsh.h"

/*
 * What it costs to look at a record, in bytes that are read and put together, which is what a scan
 * waits for: in a block of a list, and alone, by the second rung.
 */
static __u64 cost_listed(__u32 padded)
{
	return padded / 8 + sizeof(struct vexfs_rung1) / VEXFS_CODE_BLOCK;
}

static __u64 cost_alone(const struct vexfs_lists *l)
{
	/* and the cache lines that it begins and ends in, and where its list is */
	return vexfs_list_row_bytes(l) + 192;
}

/* Do so few records match that looking at each of them is less than looking for them in lists? */
static bool few_match(const struct vexfs_query *q)
{
	__u64 rows = q->enough < q->linked ? q->enough : q->linked;

	return q->match.p && q->match.matches * cost_alone(q->lists) <=
				     rows * cost_listed(q->lists->coder.rotation.padded);
}

/* Are they so few that measuring them is less than what an estimate takes before the first one? */
#define MEASURED_BYTES	(768u << 10)

static bool very_few_match(const struct vexfs_query *q)
{
	return q->leap && q->match.matches * q->prep.dims * 4 <= MEASURED_BYTES;
}

static void decide(struct vexfs_query *q, __u32 plan, __u32 why)
{
	q->plan = plan;
	q->plan_why = why;
}

/* The caller has chosen, and it can be done? */
static bool chosen(struct vexfs_query *q)
{
	static const __u32 plans[] = {
		[VEXFS_METHOD_CODED] = VEXFS_PLAN_CODED,
		[VEXFS_METHOD_IVF] = VEXFS_PLAN_IVF,
		[VEXFS_METHOD_LSH] = VEXFS_PLAN_LSH,
	};

	if (!q->codes || q->method <= VEXFS_METHOD_EXACT || (q->method == VEXFS_METHOD_IVF && !q->lists) ||
	    (q->method == VEXFS_METHOD_LSH && !q->lsh))
		return false;
	/* some buckets are no answer to who wants every neighbour */
	if (q->method == VEXFS_METHOD_LSH && !q->effort && q->recall >= VEXFS_RECALL_ALL)
		return false;
	decide(q, plans[q->method], VEXFS_WHY_CALLER);
	return true;
}

void vexfs_query_decide(struct vexfs_query *q)
{
	bool effort = q->effort && q->lists && !q->method;

	if (chosen(q))
		return;
	if (!q->codes)
		decide(q, VEXFS_PLAN_EXACT, q->have_codes ? VEXFS_WHY_UNSURE : VEXFS_WHY_NO_CODES);
	else if (very_few_match(q))
		decide(q, VEXFS_PLAN_EXACT, VEXFS_WHY_MATCHES);
	else if (effort)
		decide(q, VEXFS_PLAN_IVF, VEXFS_WHY_CALLER);
	else if (q->recall >= VEXFS_RECALL_ALL)
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_RECALL);
	else if (q->range)
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_RANGE);
	else if (q->hidden)
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_HIDDEN);
	else if (q->as_of)
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_SNAPSHOT);
	else if (!q->have_lists)
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS);
	else if (!q->lists)
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_UNSURE);
	else if (q->enough == ~0ULL)	/* not measured yet */
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS);
	else if (few_match(q))
		decide(q, VEXFS_PLAN_CODED, VEXFS_WHY_MATCHES);
	else
		decide(q, VEXFS_PLAN_IVF,
		       q->aim > q->recall ? VEXFS_WHY_LEARNED : VEXFS_WHY_MEASURED);
}

void vexfs_query_plan(const struct vexfs_query *q, struct vexfs_plan *plan)
{
	*plan = (struct vexfs_plan){
		.plan = q->plan,
		.why = q->plan_why,
		.aim = q->aim,
		.lists = q->have_lists ? vexfs_lists_count(q->have_lists) : 0,
		.probed = q->probed + (q->probing ? q->probe->lists : 0),
		.linked = q->have_lists ? q->linked : 0,
		.tables = q->have_lsh ? q->have_lsh->tables : 0,
		.tabled = q->have_lsh ? q->have_lsh->count : 0,
		.buckets = q->bucketing ? q->buckets->begun : 0,
	};
}

int vexfs_builtin(struct vexfs_search *s)
{
	switch (vexfs_search_query(s)->plan) {
	case VEXFS_PLAN_IVF:
		return vexfs_ivf(s);
	case VEXFS_PLAN_LSH:
		return vexfs_lsh(s);
	case VEXFS_PLAN_CODED:
		return vexfs_coded(s);
	default:
		return vexfs_flat(s);
	}
}
