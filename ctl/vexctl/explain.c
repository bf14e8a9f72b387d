// SPDX-License-Identifier: GPL-2.0
/* vexctl explain: what a search did, step by step, from struct vexfs_search_trace. */
#include <string.h>
#include "vexctl/vexctl.h"

static const char *codes_text(__u32 codes)
{
	switch (codes) {
	case VEXFS_CODES_ALL:
		return "every slot has a code";
	case VEXFS_CODES_PART:
		return "the others were measured";
	case VEXFS_CODES_UNWANTED:
		return "not used, because of --exact";
	case VEXFS_CODES_FEW:
		return "none, because there are too few records for codes to pay off";
	case VEXFS_CODES_BUDGET:
		return "none, because they do not fit into the budget of the mount option resident=";
	case VEXFS_CODES_NONE:
		return "none, because another search is making them or memory is short";
	}
	return "?";
}

static const char *plan_text(__u32 plan)
{
	static const char *const texts[] = {
		[VEXFS_PLAN_EXACT] = "measure every record",
		[VEXFS_PLAN_CODED] = "estimate every record from its code, and measure the best",
		[VEXFS_PLAN_IVF] = "look into the nearest lists",
		[VEXFS_PLAN_PROGRAM] = "as the bound search program decides",
		[VEXFS_PLAN_LSH] = "look into the most promising buckets of hash tables",
	};

	return plan < sizeof(texts) / sizeof(texts[0]) && texts[plan] ? texts[plan] : "?";
}

static const char *why_text(__u32 why)
{
	static const char *const texts[] = {
		[VEXFS_WHY_CALLER] = "because the caller wants it so",
		[VEXFS_WHY_BOUND] = "because one is bound",
		[VEXFS_WHY_FEW] = "because there are few records",
		[VEXFS_WHY_MEMORY] = "because codes or lists do not fit into the memory",
		[VEXFS_WHY_NO_CODES] = "because there are no codes yet",
		[VEXFS_WHY_NO_LISTS] = "because there are no lists yet",
		[VEXFS_WHY_MATCHES] = "because few records match",
		[VEXFS_WHY_RECALL] = "because every neighbour is wanted",
		[VEXFS_WHY_MEASURED] = "because they were measured to suffice for that recall",
		[VEXFS_WHY_RANGE] = "because all within a radius are wanted",
		[VEXFS_WHY_SNAPSHOT] = "because lists have only what is there now",
		[VEXFS_WHY_UNSURE] = "because a first attempt may have missed something",
		[VEXFS_WHY_LEARNED] = "for more than that recall, as judged answers had missed too much",
		[VEXFS_WHY_HIDDEN] = "because there are files that you may not read, of which lists would tell",
	};

	return why < sizeof(texts) / sizeof(texts[0]) && texts[why] ? texts[why] : "?";
}

/* What is missing for the method that was asked for; NULL: it was used, or none was asked for. */
static const char *lacking(const struct vexfs_search_trace *t)
{
	static const __u32 plans[VEXFS_METHODS] = {
		[VEXFS_METHOD_EXACT] = VEXFS_PLAN_EXACT,
		[VEXFS_METHOD_CODED] = VEXFS_PLAN_CODED,
		[VEXFS_METHOD_IVF] = VEXFS_PLAN_IVF,
		[VEXFS_METHOD_LSH] = VEXFS_PLAN_LSH,
	};

	if (!t->method || t->method >= VEXFS_METHODS || t->plan == plans[t->method])
		return NULL;
	if (t->restart[VEXFS_RESTART_ESTIMATE])
		return "a first attempt may have missed something";
	if (!t->coded)
		return "there are no codes";
	if (t->plan_why == VEXFS_WHY_HIDDEN)
		return "there are files that you may not read";
	if (t->method == VEXFS_METHOD_LSH)
		return t->tables ? "the tables do not serve this vector" : "there are no hash tables yet";
	return t->lists ? "the lists do not serve this search" : "there are no lists yet";
}

static const char *const times[] = {
	"prepare", "predicate", "search", "fetch", "rescore", "records"
};
#define TIMES	(sizeof(times) / sizeof(times[0]))
static const char *const restarts[] = { "switch",   "fallback", "precision",
					"estimate", "files",    "damaged" };
static const char *const restart_texts[] = {
	"because a program was loaded, unloaded or replaced",
	"because the search program failed: with the built-in strategy",
	"because single precision may have lost a hit: with room for more candidates",
	"because an estimate may have lost a hit: without codes",
	"because too many of the best belong to one file: for more than k",
	"because a record turned out to be damaged: without it",
};
#define RESTARTS	(sizeof(restarts) / sizeof(restarts[0]))

static void step(unsigned int *n, const char *what)
{
	printf("%u. %-10s", ++*n, what);
}

static void took(const struct vexfs_search_trace *t, __u32 what)
{
	printf("  [%.3f ms]\n", t->ns[what] / 1e6);
}

void explain_text(const struct vexfs_answer *a, const struct vexfs_search_trace *t, bool where)
{
	unsigned int n = 0;
	__u32 i;

	step(&n, "snapshot");
	printf("%llu slots when the search began\n", t->count);
	step(&n, "codes");
	printf("%llu of %llu slots: %s", t->coded, t->count, codes_text(t->codes));
	took(t, VEXFS_TIME_PREPARE);
	if (where) {
		step(&n, "predicate");
		if (t->matches == VEXFS_MATCHES_UNTOLD)
			printf("matches are not counted, as there are files that you may not read");
		else
			printf("matches %llu slots", t->matches);
		took(t, VEXFS_TIME_PREDICATE);
	}
	step(&n, "plan");
	printf("%s, %s\n", plan_text(t->plan), why_text(t->plan_why));
	if (lacking(t))
		printf("              %s was asked for, but %s\n", method_name(t->method), lacking(t));
	printf("              recall wanted: %g", t->recall / 1e6);
	if (t->plan_why == VEXFS_WHY_LEARNED)
		printf(", aimed at: %g", t->aim / 1e6);
	printf("\n");
	if (t->lists)
		printf("              %llu of %u lists probed, in which there are %llu slots\n",
		       t->probed, t->lists, t->linked);
	if (t->tables)
		printf("              %llu buckets of %u hash tables looked into, in which there are %llu slots\n",
		       t->buckets, t->tables, t->tabled);
	step(&n, "search");
	printf("strategy %s%s, %u round%s: %llu slots visited", a->strategy,
	       a->used[VEXFS_SLOT_SEARCH] == VEXFS_BOUND_LOADED ? " (program)" : " (built-in)",
	       a->rounds, a->rounds == 1 ? "" : "s", a->visited);
	took(t, VEXFS_TIME_SEARCH);
	if (t->estimated)
		printf("              %llu estimated from their codes: %llu pruned\n", t->estimated,
		       t->pruned);
	if (t->deferred)
		printf("              %llu deferred, %llu of them re-ranked\n", t->deferred,
		       t->reranked);
	if (t->filtered)
		printf("              %llu rejected by the filter program\n", t->filtered);
	printf("              %llu scored in single precision\n", a->scored);
	step(&n, "fetch");
	printf("%llu vectors were not in memory and had to be read", t->fetched);
	took(t, VEXFS_TIME_FETCH);
	step(&n, "rescore");
	printf("%llu candidates scored again in double precision, for the final order",
	       t->rescored);
	took(t, VEXFS_TIME_RESCORE);
	step(&n, "restarts");
	printf("%u\n", a->restarts);
	for (i = 0; i < RESTARTS; i++)
		if (t->restart[i])
			printf("              %u %s\n", t->restart[i], restart_texts[i]);
	if (t->error)
		printf("              the %s program failed with: %s\n",
		       vexfs_slot_name(t->error_slot) ?: "?", strerror(-t->error));
	step(&n, "records");
	printf("%u read and verified", a->n);
	took(t, VEXFS_TIME_RECORDS);
}

struct json_object *explain_json(const struct vexfs_search_trace *t)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_object();
	__u32 i;

	add_u64(o, "slots", t->count);
	add_u64(o, "coded", t->coded);
	add_str(o, "codes", codes_text(t->codes));
	if (t->matches != VEXFS_MATCHES_UNTOLD)
		add_u64(o, "matches", t->matches);
	add_str(o, "plan", plan_text(t->plan));
	add_str(o, "why", why_text(t->plan_why));
	add_str(o, "method", method_name(t->method));
	if (lacking(t))
		add_str(o, "lacking", lacking(t));
	json_object_object_add(o, "recall", json_number(t->recall / 1e6));
	json_object_object_add(o, "aim", json_number(t->aim / 1e6));
	add_u64(o, "lists", t->lists);
	add_u64(o, "probed", t->probed);
	add_u64(o, "linked", t->linked);
	add_u64(o, "tables", t->tables);
	add_u64(o, "buckets", t->buckets);
	add_u64(o, "tabled", t->tabled);
	add_u64(o, "filtered", t->filtered);
	add_u64(o, "estimated", t->estimated);
	add_u64(o, "pruned", t->pruned);
	add_u64(o, "deferred", t->deferred);
	add_u64(o, "reranked", t->reranked);
	add_u64(o, "fetched", t->fetched);
	add_u64(o, "rescored", t->rescored);
	for (i = 0; i < RESTARTS; i++)
		add_u64(list, restarts[i], t->restart[i]);
	json_object_object_add(o, "restarts", list);
	if (t->error) {
		add_str(o, "failed", vexfs_slot_name(t->error_slot) ?: "?");
		add_str(o, "error", strerror(-t->error));
	}
	list = json_object_new_object();
	for (i = 0; i < TIMES; i++)
		add_u64(list, times[i], t->ns[i]);
	json_object_object_add(o, "ns", list);
	return o;
}
