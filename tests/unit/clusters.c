// SPDX-License-Identifier: GPL-2.0
/* See clusters.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "clusters.h"

#define K 10u

void clusters_init(struct clusters *s, __u32 metric, __u32 dims, __u32 clusters, __u32 room)
{
	*s = (struct clusters){ .metric = metric, .dims = dims, .clusters = clusters, .room = room };
	s->rows = calloc((size_t)room * dims, sizeof(*s->rows));
	s->columns = vexfs_columns_new(0);
	s->codes = vexfs_codes_new(metric, dims, 7);
	assert_true(s->rows && s->columns && s->codes);
	s->plane = (struct vx_rows){ .data = s->rows, .n = room, .row_bytes = dims * 4 };
}

static float unit(void)			/* [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}

/* A number of its own for each cluster and dimension, in [-1, 1). */
static float place(__u32 cluster, __u32 dim)
{
	__u64 x = (__u64)cluster << 32 | dim;

	return (float)(vexfs_splitmix(&x) >> 40) / (1 << 23) - 1;
}

/* Of some directions in which the clusters are wide; and of some in which they are not. */
void clusters_vector(const struct clusters *s, float *v)
{
	__u32 of = chance(s->clusters), i;
	float along = unit();

	for (i = 0; i < s->dims; i++)
		v[i] = place(of, i) + s->drift * place(of + s->clusters, i) +
		       0.3f * along * place(of + 2 * s->clusters, i) + 0.3f * unit();
}

void clusters_put(struct clusters *s, __u64 id)
{
	__u64 old;

	assert_true(s->n < s->room);
	clusters_vector(s, s->rows + (size_t)s->n * s->dims);
	assert_int_equal(vexfs_columns_reserve(s->columns, s->n + 1), 0);
	assert_int_equal(vexfs_columns_replace(s->columns, s->n, id, NULL, &old), 0);
	s->n++;
	if (old != VEXFS_NO_SLOT)
		vexfs_columns_supersede(s->columns, old, s->n);
	vexfs_columns_publish(s->columns, s->n);
}

void clusters_code(struct clusters *s)
{
	assert_int_equal(vexfs_codes_reserve(s->codes, s->n), 0);
	if (!vexfs_codes_count(s->codes))
		assert_int_equal(vexfs_codes_centre(s->codes, &s->plane, NULL, s->n), 0);
	assert_int_equal(vexfs_codes_extend(s->codes, &s->plane, NULL, s->n, ~0ULL), 0);
}

void clusters_link(struct clusters *s, __u32 n)
{
	assert_int_equal(vexfs_lists_extend(s->lists, s->columns, &s->plane, n, ~0ULL, NULL, NULL),
			 0);
	assert_int_equal(vexfs_lists_linked(s->lists), n);
}

void clusters_list(struct clusters *s, __u32 n)
{
	int err;

	clusters_code(s);
	s->lists = vexfs_lists_new(s->codes, s->columns, &s->plane, n, &err, NULL, NULL);
	assert_non_null(s->lists);
	clusters_link(s, n);
	assert_int_equal(vexfs_lists_tune(s->lists, s->columns, &s->plane, NULL, NULL), 0);
}

__u32 clusters_balance(struct clusters *s, void (*each)(void))
{
	struct vexfs_lists *to;
	__u32 times = 0;
	int err;

	while (vexfs_lists_uneven(s->lists, s->columns)) {
		to = vexfs_lists_balance(s->lists, s->columns, &s->plane, &err, NULL, NULL);
		assert_int_equal(err, 0);
		if (!to)
			break;
		vexfs_lists_free(s->lists);
		s->lists = to;
		if (each)
			each();
		times++;
	}
	return times;
}

void clusters_free(struct clusters *s)
{
	vexfs_lists_free(s->lists);
	vexfs_codes_free(s->codes);
	vexfs_columns_free(s->columns);
	free(s->rows);
	*s = (struct clusters){ 0 };
}

/* The distances of the K nearest, in order. */
static void nearest(struct clusters *s, const float *v, double best[K])
{
	__u32 slot, i;
	double d;

	for (i = 0; i < K; i++)
		best[i] = INFINITY;
	for (slot = 0; slot < s->n; slot++) {
		if (vexfs_columns_dead(s->columns, slot))
			continue;
		d = exact_distance(s->metric, v, s->rows + (size_t)slot * s->dims, s->dims);
		for (i = K; i && d < best[i - 1]; i--)
			if (i < K)
				best[i] = best[i - 1];
		if (i < K)
			best[i] = d;
	}
}

double clusters_recall(struct clusters *s, __u32 recall, __u32 queries)
{
	struct vexfs_query_params p = { .dims = s->dims, .metric = s->metric, .k = K,
					.deadline_us = ~0ULL, .recall = recall, .codes = s->codes,
					.lists = s->lists };
	__u32 i, k, j, truncated, restarts, good = 0;
	float *v = calloc(s->dims, sizeof(*v));
	struct vexfs_hit_f hits[K];
	struct vexfs_query *q;
	double best[K], d;

	p.row = v;
	for (i = 0; i < queries; i++) {
		clusters_vector(s, v);
		nearest(s, v, best);
		q = vexfs_query_new(s->columns, &s->plane, &p);
		assert_non_null(q);
		assert_int_equal(run(q, vexfs_ivf, hits, &truncated, &restarts), K);
		assert_int_equal(truncated & ~VEXFS_TRUNC_DAMAGED, 0);
		for (k = 0; k < K; k++) {
			assert_false(vexfs_columns_dead(s->columns, hits[k].slot));
			for (j = 0; j < k; j++)
				assert_true(hits[j].slot != hits[k].slot);
			memcpy(&d, &hits[k].distance, sizeof(d));
			good += d <= best[K - 1];
		}
		vexfs_query_free(q);
	}
	free(v);
	return (double)good / (queries * K);
}

double clusters_found(struct clusters *s, __u32 queries)
{
	struct vexfs_query_params p = { .dims = s->dims, .metric = s->metric, .k = 1,
					.deadline_us = ~0ULL, .recall = 990000, .codes = s->codes,
					.lists = s->lists };
	__u32 i, slot, truncated, restarts, good = 0;
	struct vexfs_query *q;
	struct vexfs_hit_f hit;

	for (i = 0; i < queries; i++) {
		do
			slot = chance(s->n);
		while (vexfs_columns_dead(s->columns, slot));
		p.row = s->rows + (size_t)slot * s->dims;
		q = vexfs_query_new(s->columns, &s->plane, &p);
		assert_non_null(q);
		assert_int_equal(run(q, vexfs_ivf, &hit, &truncated, &restarts), 1);
		good += hit.slot == slot;
		vexfs_query_free(q);
	}
	return (double)good / queries;
}
