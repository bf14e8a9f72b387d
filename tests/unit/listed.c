// SPDX-License-Identifier: GPL-2.0
/* See listed.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "listed.h"

struct vexfs_hit_f listed_hits[MAX_N];

float *listed_row(__u32 slot)
{
	return &rows[0][0] + (size_t)slot * dims;
}

float listed_unit(void)			/* [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}
__u32 listed_stops, listed_stop_at;

bool listed_stop(void *arg)
{
	assert_ptr_equal(arg, &listed_stops);
	return ++listed_stops >= listed_stop_at;
}

void listed_to(__u64 to)
{
	assert_int_equal(vexfs_lists_extend(lists, columns, &plane, to, ~0ULL, NULL, NULL), 0);
	assert_int_equal(vexfs_lists_linked(lists), to);
}

/* Codes of all and lists of the first n. */
void listed_only(__u32 metric, __u32 n)
{
	int err;

	encode(metric, n_rows);
	lists = vexfs_lists_new(codes, columns, &plane, n, &err, NULL, NULL);
	assert_non_null(lists);
	listed_to(n);
}

/* The same, which are measured. */
void listed_some(__u32 metric, __u32 n)
{
	listed_only(metric, n);
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
}

void listed_forget(void)
{
	vexfs_lists_free(lists);
	lists = NULL;
	forget_codes();
	vexfs_columns_free(columns);
	columns = NULL;
}

/* One search for the k nearest by lists; no more restarts than that. */
int listed_ask(__u32 metric, __u32 k, __u32 *truncated, __u32 most_restarts)
{
	struct vexfs_query *q = begin(metric, k, 0, ~0ULL);
	__u32 restarts;
	int n = run(q, vexfs_ivf, listed_hits, truncated, &restarts);

	if (restarts > most_restarts)
		fail_msg("%u restarts", restarts);
	vexfs_query_free(q);
	return n;
}

/* All records, each once, from all lists, at the very distance, is what there is. */
void listed_check(__u32 metric, bool (*keep)(__u32))
{
	__u32 truncated;
	int n;

	effort = LISTED_ALL;
	n = listed_ask(metric, n_rows, &truncated, 1);
	assert_int_equal(truncated, 0);
	check(metric, n_rows, keep, NULL, listed_hits, n);
	effort = 0;
}

/* Queries at the default recall; returns how many of the nearest they found, in millionths. */
__u32 listed_found(__u32 metric, bool (*keep)(__u32), __u32 queries)
{
	__u32 i, truncated, good = 0, wanted = 0;
	int n;

	for (i = 0; i < queries; i++) {
		new_query();
		use_kernels(i & 1 ? 0 : chance(kernels()));
		plane.absent = i % 3;
		n = listed_ask(metric, 10, &truncated, 8);
		assert_int_equal(truncated, 0);
		good += recalled(metric, 10, keep, NULL, listed_hits, n);
		wanted += n;
	}
	use_kernels(BEST);
	plane.absent = 0;
	return wanted ? good * 1000000ULL / wanted : 1000000;
}

int listed_seed(void **state)
{
	(void)state;
	chance_seed(1);
	return 0;
}

/* A test that failed leaves things behind. */
int listed_clean(void **state)
{
	(void)state;
	match = NULL;
	radius = NULL;
	as_of = NULL;
	bound = hidden = false;
	use_kernels(BEST);
	per_file = recall = effort = 0;
	vx_ealloc_left = -1;
	listed_forget();
	return 0;
}
