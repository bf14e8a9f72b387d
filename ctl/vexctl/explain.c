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
		return "slots without one were measured";
	case VEXFS_CODES_UNWANTED:
		return "not wanted: --exact";
	case VEXFS_CODES_FEW:
		return "none: too few records for codes to pay";
	case VEXFS_CODES_BUDGET:
		return "none: they do not fit into the mount option resident=";
	case VEXFS_CODES_NONE:
		return "none: another search is making them, or there is no memory";
	}
	return "?";
}

static const char *const times[] = { "prepare", "predicate", "search", "read", "settle", "records" };
#define TIMES	(sizeof(times) / sizeof(times[0]))
static const char *const restarts[] = { "switch", "fallback", "precision", "estimate", "files" };
static const char *const restart_texts[] = {
	"a program came, went or was replaced: all anew",
	"the search program failed: with the built-in",
	"f32 may have refused one of the best: with room for more",
	"a bound may have: without codes",
	"too many of the best are of one file: for more than k",
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
	printf("%llu slots, as they were when the search began\n", t->count);
	step(&n, "codes");
	printf("%llu of %llu slots: %s", t->coded, t->count, codes_text(t->codes));
	took(t, VEXFS_TIME_PREPARE);
	if (where) {
		step(&n, "predicate");
		printf("holds for %llu slots", t->matches);
		took(t, VEXFS_TIME_PREDICATE);
	}
	step(&n, "search");
	printf("by %s%s, in %u rounds: %llu slots visited", printable(a->strategy),
	       a->used[VEXFS_SLOT_SEARCH] == VEXFS_BOUND_LOADED ? " (program)" : " (built-in)", a->rounds,
	       a->visited);
	took(t, VEXFS_TIME_SEARCH);
	if (t->estimated)
		printf("              %llu bounded by their codes, %llu shut out by that, %llu put off, %llu of them taken out\n",
		       t->estimated, t->shut_out, t->deferred, t->taken);
	if (t->dropped)
		printf("              %llu dropped by the filter program\n", t->dropped);
	printf("              %llu measured in single precision\n", a->scored);
	step(&n, "read");
	printf("%llu rows that were not in memory", t->read);
	took(t, VEXFS_TIME_READ);
	step(&n, "settle");
	printf("%llu rows measured again in double precision, for the order", t->settled);
	took(t, VEXFS_TIME_SETTLE);
	step(&n, "restarts");
	printf("%u\n", a->restarts);
	for (i = 0; i < RESTARTS; i++)
		if (t->restart[i])
			printf("              %u x %s\n", t->restart[i], restart_texts[i]);
	if (t->error)
		printf("              the %s program gave %s\n", vexfs_slot_name(t->error_slot) ?: "?",
		       strerror(-t->error));
	step(&n, "records");
	printf("%u fetched and verified", a->n);
	took(t, VEXFS_TIME_RECORDS);
}

struct json_object *explain_json(const struct vexfs_search_trace *t)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_object();
	__u32 i;

	add_u64(o, "slots", t->count);
	add_u64(o, "coded", t->coded);
	add_str(o, "codes", codes_text(t->codes));
	add_u64(o, "matches", t->matches);
	add_u64(o, "dropped", t->dropped);
	add_u64(o, "estimated", t->estimated);
	add_u64(o, "shut_out", t->shut_out);
	add_u64(o, "deferred", t->deferred);
	add_u64(o, "taken", t->taken);
	add_u64(o, "read", t->read);
	add_u64(o, "settled", t->settled);
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
