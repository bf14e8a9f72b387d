// SPDX-License-Identifier: GPL-2.0
/* See oracle.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "oracle.h"

float rows[MAX_N][DIMS], query[DIMS];
__u64 ids[MAX_N];
__s64 attr[MAX_N], below;
bool dead[MAX_N];
const struct vexfs_match *match;
const double *radius;
const struct vexfs_asof *as_of;
struct vexfs_codes *codes;
struct vexfs_lists *lists;
struct vexfs_lsh *lsh;
__u32 recall, effort;
__u32 method;
struct vexfs_columns *columns;
struct vx_rows plane;
__u32 n_rows, dims, truth, calls;
struct vexfs_file files[FILES];
bool readable[FILES], bound, hidden;
__u32 per_file;

double distance(__u32 metric, const float *x)
{
	return exact_distance(metric, query, x, dims);
}

void fill(__u32 n, __u32 d, __u32 kind)
{
	__u32 i, k;

	n_rows = n;
	dims = d;
	columns = vexfs_columns_new(1);
	assert_non_null(columns);
	assert_int_equal(vexfs_columns_reserve(columns, n), 0);
	for (k = 0; k < d; k++)
		query[k] = (float)chance(1u << 24) / (1 << 23) - 1;
	for (i = 0; i < n; i++) {
		float *x = &rows[0][0] + (size_t)i * d;
		float size = kind == 3 ? ldexpf(1, (int)chance(200) - 100) : 1;

		for (k = 0; k < d; k++)
			x[k] = ((float)chance(1u << 24) / (1 << 23) - 0.99f) * size;
		if (kind == 1)
			for (k = 0; k < d; k++)
				x[k] = (float)(i % 7) + 1;
		if (kind == 2)
			for (k = 0; k < d; k++)
				x[k] = nextafterf(1.5f + k, k == i % d ? 2e9f : 1.5f + k);
		ids[i] = (__u64)i * 0x9e3779b97f4a7c15ULL;
		attr[i] = i % 4;
		dead[i] = false;
		assert_int_equal(vexfs_columns_put(columns, i, ids[i], &attr[i]), 0);
	}
	vexfs_columns_publish(columns, n);
	plane = (struct vx_rows){ .data = rows, .n = n, .row_bytes = d * 4 };
}

void kill_some(__u32 n)
{
	while (n--) {
		__u32 slot = chance(n_rows);

		if (!dead[slot])
			vexfs_columns_kill(columns, slot);
		dead[slot] = true;
	}
}

__u32 file_of(__u32 i)
{
	if (per_file)
		return i % 64 ? i % 2 : i / 64 % (FILES + 1);
	return i % 1100 < 1024 ? i % (FILES + 1) : FILES;
}

static bool may(void *arg, const struct vexfs_file *file)
{
	assert_true(arg == readable && file >= files && file < files + FILES);
	return readable[file - files];
}

bool keep_readable(__u32 i)
{
	return file_of(i) == FILES || readable[file_of(i)];
}

struct vexfs_query *begin(__u32 metric, __u32 k, __u64 max_visits, __u64 deadline)
{
	struct vexfs_query_params p = { .row = query, .dims = dims, .metric = metric, .k = k,
					.attrs = 1, .max_visits = max_visits,
					.deadline_us = deadline, .match = match, .codes = codes,
					.lists = lists, .recall = recall, .effort = effort,
					.per_file = per_file, .as_of = as_of,
					.lsh = lsh, .method = method };

	if (radius) {
		p.range = true;
		memcpy(&p.radius, radius, 8);
	}
	if (bound) {
		p.may = may;
		p.may_arg = readable;
		p.hidden = hidden;
	}
	return vexfs_query_new(columns, &plane, &p);
}

struct near *near_all(__u32 metric, bool (*keep)(__u32), double (*penalty)(__u32),
			     __u32 *found)
{
	struct near *t = calloc(n_rows + 1, sizeof(*t));
	__u32 i;
	double d;

	for (i = *found = 0; i < n_rows; i++)
		if (!dead[i] && (!keep || keep(i))) {
			d = distance(metric, &rows[0][0] + (size_t)i * dims) +
			    (penalty ? penalty(i) : 0);
			if (!radius || d <= *radius)
				t[(*found)++] = (struct near){ d, ids[i] };
		}
	qsort(t, *found, sizeof(*t), nearer);
	return t;
}

void check(__u32 metric, __u32 k, bool (*keep)(__u32), double (*penalty)(__u32),
	   const struct vexfs_hit_f *hits, int n)
{
	__u32 i, found;
	struct near *t = near_all(metric, keep, penalty, &found);
	double d;

	assert_int_equal(n, found < k ? found : k);
	for (i = 0; i < (__u32)n; i++) {
		memcpy(&d, &hits[i].distance, 8);
		if (hits[i].id != t[i].id || d != t[i].distance)
			fail_msg("metric %u dims %u k %u hit %u: %llx at %.17g, not %llx at %.17g",
				 metric, dims, k, i, hits[i].id, d, t[i].id, t[i].distance);
	}
	free(t);
	truth = found;
}

bool keep_odd(__u32 i)
{
	return attr[i] % 2;
}

double by_attr(__u32 i)
{
	return attr[i] * 1000 * 1e-6;
}

int odd_filter(struct vexfs_search *s)
{
	__s64 *a = vexfs_q_attribute(vexfs_search_query(s), 0);
	__u32 i;

	calls++;
	assert_int_equal(s->phase, VEXFS_PHASE_FILTER);
	assert_null(vexfs_q_attribute(vexfs_search_query(s), 1));
	assert_int_equal(vexfs_q_range(vexfs_search_query(s), 0, 1), -EPERM);
	assert_int_equal(vexfs_q_score(vexfs_search_query(s)), -EPERM);
	assert_int_equal(vexfs_q_offer(vexfs_search_query(s)), -EPERM);
	for (i = 0; i < s->batch; i++)
		if (a[i] % 2 == 0)
			s->keep &= ~(1ULL << i);
	return 0;
}

int attr_distance(struct vexfs_search *s)
{
	__s64 *a = vexfs_q_attribute(vexfs_search_query(s), 0);
	struct vexfs_cand *c = vexfs_q_candidates(vexfs_search_query(s));
	__u32 i;

	calls++;
	for (i = 0; i < s->batch; i++) {
		assert_int_equal(a[i], attr[c[i].slot]);
		assert_int_equal(c[i].id, ids[c[i].slot]);
		c[i].penalty = a[i] * 1000;
	}
	return 0;
}

bool keep_below(__u32 i)
{
	return attr[i] < below;
}

bool keep_odd_below(__u32 i)
{
	return keep_odd(i) && keep_below(i);
}

struct vexfs_predicate *predicate(struct vexfs_match *m)
{
	struct vexfs_predicate_node lt = { .op = VEXFS_PRED_LT, .value = below };
	struct vexfs_predicate *p =
		vexfs_predicate_new(&(struct vexfs_condition){ .node = &lt, .n = 1 });

	assert_non_null(p);
	assert_int_equal(vexfs_predicate_match(p, columns, ~0ULL, m), 0);
	return p;
}

__u32 matching(void)
{
	__u32 i, n = 0;

	for (i = 0; i < n_rows; i++)
		n += keep_below(i);
	return n;
}

void fill_random(__u32 n, __u32 d, __u32 kind)
{
	__u32 i, k;

	fill(n, d, kind);
	vexfs_columns_free(columns);
	columns = vexfs_columns_new(1);
	assert_int_equal(vexfs_columns_reserve(columns, n), 0);
	k = chance(1000);
	for (i = 0; i < n; i++) {
		attr[i] = i / 64 % 10 == 3 ? 0 : chance(1000) ? 1 + (__s64)(i + k) % 1000 : -1000;
		assert_int_equal(vexfs_columns_put(columns, i, ids[i], &attr[i]), 0);
	}
	vexfs_columns_publish(columns, n);
}

void encode(__u32 metric, __u32 n)
{
	codes = vexfs_codes_new(metric, dims, 5);
	assert_non_null(codes);
	assert_int_equal(vexfs_codes_reserve(codes, n), 0);
	assert_int_equal(vexfs_codes_centre(codes, &plane, NULL, n_rows), 0);
	assert_int_equal(vexfs_codes_extend(codes, &plane, NULL, n, ~0ULL), 0);
}

void forget_codes(void)
{
	vexfs_codes_free(codes);
	codes = NULL;
}

__u32 recalled(__u32 metric, __u32 k, bool (*keep)(__u32), double (*penalty)(__u32),
		      const struct vexfs_hit_f *hits, int n)
{
	__u32 i, j, found, good = 0;
	struct near *t = near_all(metric, keep, penalty, &found);
	double d, before = -INFINITY;

	assert_int_equal(n, found < k ? found : k);
	for (i = 0; i < (__u32)n; i++) {
		memcpy(&d, &hits[i].distance, 8);
		assert_true(d >= before);
		before = d;
		for (j = 0; j < found && t[j].id != hits[i].id; j++)
			;
		assert_true(j < found && d == t[j].distance);
		good += j < k;
	}
	free(t);
	return good;
}

void new_query(void)
{
	__u32 k;

	for (k = 0; k < dims; k++)
		query[k] = (float)chance(1u << 24) / (1 << 23) - 1;
}

int coded_program(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n = 0;

	for (; s->state[0] < s->count; s->state[0] += 50) {
		n = vexfs_q_estimate(q, s->state[0], 50, 250);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -ENOSPC)
			break;
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	s->state[0] = s->count;
	n = vexfs_q_take(q);
	if (n > 0)
		n = vexfs_q_score(q);
	else if (!n)
		return 0;
	if (n >= 0)
		n = vexfs_q_offer(q);
	return n >= 0 || n == -EAGAIN ? VEXFS_MORE : n;
}
