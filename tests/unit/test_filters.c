// SPDX-License-Identifier: GPL-2.0
/*
 * Searches with a filter: what they find of what there is, whatever part of the records matches and
 * wherever those are; the map from slots to rows of lists, by which few of them are estimated; and
 * the second rung, for whoever asks for it.
 *
 * Each run has a seed of its own; VEXFS_SEED=N has another one's.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "clusters.h"
#include "engine/query.h"

#define K 10u
#define CLUSTERS 40u

/* attributes: below 1000; which one; distance from the anchor, in thousandths */
enum { CHANCE, CLUSTER, FAR, ATTRS };

static struct clusters set;
static float *anchor;
static __u32 dead;

static __u32 nearest_of(const float *v)
{
	__u32 c, best = 0;
	double d, least = INFINITY;

	for (c = 0; c < CLUSTERS; c++) {
		d = exact_distance(VEXFS_METRIC_L2, v, set.rows + (size_t)c * set.dims, set.dims);
		if (d < least) {
			least = d;
			best = c;
		}
	}
	return best;
}

/* A record; the first ones are what CLUSTER tells the nearest of. */
static void put(__u64 id)
{
	__u64 old, slot = set.n;
	float *row = set.rows + slot * set.dims;
	__s64 attr[ATTRS];

	assert_true(set.n < set.room);
	clusters_vector(&set, row);
	attr[CHANCE] = chance(1000);
	attr[CLUSTER] = slot < CLUSTERS ? (__s64)slot : nearest_of(row);
	attr[FAR] = (__s64)(1000 * exact_distance(VEXFS_METRIC_L2, row, anchor, set.dims));
	assert_int_equal(vexfs_columns_reserve(set.columns, slot + 1), 0);
	assert_int_equal(vexfs_columns_replace(set.columns, slot, id, attr, &old), 0);
	set.n++;
	if (old != VEXFS_NO_SLOT) {
		vexfs_columns_supersede(set.columns, old, set.n);
		dead++;
	}
	vexfs_columns_publish(set.columns, set.n);
}

static void begin(__u32 metric, __u32 dims, __u32 n, __u32 room)
{
	__u32 i;

	clusters_init(&set, metric, dims, CLUSTERS, room);
	vexfs_columns_free(set.columns);
	set.columns = vexfs_columns_new(ATTRS);
	anchor = calloc(dims, sizeof(*anchor));
	assert_true(set.columns && anchor);
	clusters_vector(&set, anchor);
	dead = 0;
	for (i = 0; i < n; i++)
		put(i);
	clusters_list(&set, n);
}

static void end(void)
{
	free(anchor);
	clusters_free(&set);
}

/* --- the map --- */

/* Each live slot that is linked is where the map has it, or in no list. */
static void check_places(void)
{
	const struct vexfs_lists *l = set.lists;
	__u32 list, row, i, strays = 0, lost = 0;
	__u64 slot;

	for (slot = 0; slot < l->linked; slot++) {
		if (vexfs_columns_dead(set.columns, slot))
			continue;
		if (vexfs_lists_find(l, slot, &list, &row)) {
			assert_true(list < l->lists && row < l->list[list].n);
			assert_int_equal(vexfs_list_slot(l, l->list + list, row), slot);
			continue;
		}
		for (i = 0; i < l->strays && l->stray[i] != slot; i++)
			;
		strays += i < l->strays;
		lost += i == l->strays;
	}
	assert_int_equal(lost, 0);
	assert_true(strays < 10);
}

/* What is dead goes, and the rest gets other numbers. */
static void compact(void)
{
	__u64 *kept = calloc(set.n / 64 + 1, sizeof(*kept)), old, slot;
	struct vexfs_columns *columns = vexfs_columns_new(ATTRS);
	struct vexfs_codes *codes;
	struct vexfs_lists *lists;
	__s64 attr[ATTRS];
	__u32 n = 0, a;
	int err;

	for (slot = 0; slot < set.n; slot++) {
		if (vexfs_columns_dead(set.columns, slot))
			continue;
		kept[slot / 64] |= 1ULL << slot % 64;
		memmove(set.rows + (size_t)n * set.dims, set.rows + slot * set.dims,
			set.dims * sizeof(*set.rows));
		for (a = 0; a < ATTRS; a++)
			attr[a] = vexfs_columns_attr(set.columns, slot, a);
		assert_int_equal(vexfs_columns_reserve(columns, n + 1), 0);
		assert_int_equal(vexfs_columns_replace(columns, n,
						       vexfs_columns_id(set.columns, slot), attr,
						       &old),
				 0);
		vexfs_columns_publish(columns, ++n);
	}
	codes = vexfs_codes_like(set.codes, n);
	assert_int_equal(vexfs_codes_reserve(codes, n), 0);
	assert_int_equal(vexfs_codes_extend(codes, &set.plane, NULL, n, ~0ULL), 0);
	lists = vexfs_lists_carry(set.lists, kept, set.n, columns, &err);
	assert_non_null(lists);
	vexfs_lists_free(set.lists);
	vexfs_codes_free(set.codes);
	vexfs_columns_free(set.columns);
	free(kept);
	set.lists = lists;
	set.codes = codes;
	set.columns = columns;
	set.n = n;
	dead = 0;
	check_places();
}

struct memory {
	struct vexfs_sink to;
	struct vexfs_source from;
	__u8 *byte;
	size_t n, at;
};

static int save(struct vexfs_sink *to, const void *p, size_t bytes)
{
	struct memory *m = (struct memory *)((char *)to - offsetof(struct memory, to));

	memcpy(m->byte + m->n, p, bytes);
	m->n += bytes;
	return 0;
}

static int load(struct vexfs_source *from, void *p, size_t bytes)
{
	struct memory *m = (struct memory *)((char *)from - offsetof(struct memory, from));

	memcpy(p, m->byte + m->at, bytes);
	m->at += bytes;
	from->left -= bytes;
	return 0;
}

/* Lists as a checkpoint has them. */
static void save_and_load(void)
{
	struct memory m = { .to = { save }, .byte = malloc(vexfs_lists_saved(set.lists)) };
	__u64 linked = set.lists->linked;
	int err;

	assert_int_equal(vexfs_lists_save(set.lists, &m.to), 0);
	vexfs_lists_free(set.lists);
	m.from = (struct vexfs_source){ load, m.n };
	set.lists = vexfs_lists_load(set.codes, set.columns, &m.from, &err);
	assert_non_null(set.lists);
	assert_int_equal(set.lists->linked, linked);
	free(m.byte);
	check_places();
}

/* --- what is found --- */

struct filter {
	struct vexfs_predicate_node node[2];
	__u32 n;
};

static bool matches(const struct filter *f, __u64 slot)
{
	const struct vexfs_predicate_node *x = &f->node[0];
	__s64 a = vexfs_columns_attr(set.columns, slot, x->attr);
	bool holds = a < x->value;

	return f->n > 1 ? !holds : holds;
}

static struct filter below(__u32 attr, __s64 value)
{
	return (struct filter){ { { .op = VEXFS_PRED_LT, .attr = attr, .value = value } }, 1 };
}

static struct filter from(__u32 attr, __s64 value)
{
	return (struct filter){ { { .op = VEXFS_PRED_LT, .attr = attr, .value = value },
				  { .op = VEXFS_PRED_NOT } },
				2 };
}

/* Of all queries so far; of those that were made to go by lists. */
static __u32 found, wanted, found_listed, wanted_listed;

/* One query, of what matches: how many of the K nearest are found. */
static void ask(const struct filter *f, const float *v, int (*strategy)(struct vexfs_search *))
{
	struct vexfs_condition c = { .node = f->node, .n = f->n };
	struct vexfs_predicate *p = vexfs_predicate_new(&c);
	struct vexfs_query_params params = { .row = v,
					     .dims = set.dims,
					     .metric = set.metric,
					     .k = K,
					     .attrs = ATTRS,
					     .deadline_us = ~0ULL,
					     .codes = set.codes,
					     .lists = set.lists };
	__u32 truncated, restarts, i, j, live = 0, good = 0;
	struct vexfs_hit_f hits[K];
	struct vexfs_match match;
	struct vexfs_query *q;
	double best[K], d;
	__u64 slot;
	int n;

	assert_int_equal(vexfs_condition_check(&c, ATTRS, 0), 0);
	assert_int_equal(vexfs_predicate_match(p, set.columns, ~0ULL, &match), 0);
	params.match = &match;
	for (slot = 0; slot < set.n; slot++) {
		if (vexfs_columns_dead(set.columns, slot) || !matches(f, slot))
			continue;
		d = exact_distance(set.metric, v, set.rows + slot * set.dims, set.dims);
		for (i = live < K ? live : K; i && d < best[i - 1]; i--)
			if (i < K)
				best[i] = best[i - 1];
		if (i < K)
			best[i] = d;
		live++;
	}
	q = vexfs_query_new(set.columns, &set.plane, &params);
	assert_non_null(q);
	n = run(q, strategy, hits, &truncated, &restarts);
	assert_int_equal(n, live < K ? live : K);
	assert_int_equal(truncated, 0);
	for (i = 0; i < (__u32)n; i++) {
		assert_false(vexfs_columns_dead(set.columns, hits[i].slot));
		assert_true(matches(f, hits[i].slot));
		for (j = 0; j < i; j++)
			assert_true(hits[j].slot != hits[i].slot);
		memcpy(&d, &hits[i].distance, sizeof(d));
		good += d <= best[n - 1];
	}
	found += good;
	wanted += n;
	vexfs_query_free(q);
	vexfs_predicate_free(p);
}

static const struct {
	const char *name;
	int (*search)(struct vexfs_search *s);
} ways[] = {
	{ "as planned", vexfs_builtin },
	{ "by matches", vexfs_coded },
	{ "by lists", vexfs_ivf },
};

/* The K nearest of what matches, by each strategy: as many as the default target demands. */
static void check(const struct filter *f, __u32 queries, bool at_anchor, const char *what)
{
	float *v = calloc(set.dims, sizeof(*v));
	__u32 w, i, k;

	for (w = 0; w < 3; w++) {
		__u32 good = found, all = wanted;

		for (i = 0; i < queries; i++) {
			clusters_vector(&set, v);
			for (k = 0; at_anchor && k < set.dims; k++)
				v[k] = anchor[k] + (v[k] - anchor[k]) * 0.05f;
			ask(f, v, ways[w].search);
		}
		if (found - good < (ways[w].search == vexfs_ivf ? 0.6 : 0.8) * (wanted - all))
			fail_msg("%s, %s: %u of %u", what, ways[w].name, found - good,
				 wanted - all);
		if (ways[w].search != vexfs_ivf)
			continue;
		/* nobody plans that where few match, and what matches may be anywhere: apart */
		found_listed += found - good;
		wanted_listed += wanted - all;
		found = good;
		wanted = all;
	}
	free(v);
}

/* 50 % down to 0.1 %, wherever they are. */
static void check_parts(__u32 queries)
{
	static const __u32 part[] = { 500, 200, 100, 50, 10, 1 };
	struct filter f;
	char name[32];
	__u32 i;

	for (i = 0; i < sizeof(part) / sizeof(*part); i++) {
		f = below(CHANCE, part[i]);
		snprintf(name, sizeof(name), "%u of 1000", part[i]);
		check(&f, queries, false, name);
	}
}

/* Filters that have to do with where a record is. */
static void check_places_of(__u32 queries)
{
	__s64 *far = calloc(set.n, sizeof(*far)), t;
	__u32 i, n, of = 0, part;
	struct filter f;

	/* those farthest from the anchor, asked for near it: a part in so many */
	for (part = 2; part <= 50; part *= 5) {
		for (i = 0; i < set.n; i++)
			far[i] = vexfs_columns_attr(set.columns, i, FAR);
		for (t = far[0], n = set.n; n > set.n / part; t += t / 50 + 1)
			for (i = n = 0; i < set.n; i++)
				n += far[i] >= t;
		f = from(FAR, t);
		check(&f, queries, true, "far away");
		f = below(FAR, t);
		check(&f, queries, false, "not far away");
	}
	free(far);
	for (i = 0; i < 3; i++) {
		of = chance(CLUSTERS);
		f = below(CLUSTER, of + 1);
		check(&f, queries, false, "some clusters");
		f = from(CLUSTER, of);
		check(&f, queries, i & 1, "other clusters");
	}
	f = from(CLUSTER, CLUSTERS - 1);
	check(&f, queries, false, "one cluster");
	f = below(CLUSTER, 1);
	check(&f, queries, true, "another cluster");
}

static void total(const char *what, double least)
{
	print_message("%s: %u of %u; by lists: %u of %u\n", what, found, wanted, found_listed,
		      wanted_listed);
	assert_true(found >= least * wanted);
	assert_true(found_listed >= 0.93 * wanted_listed);
	found = wanted = found_listed = wanted_listed = 0;
}

static void test_filters(void **state)
{
	static const __u32 dims[] = { 100, 256 };
	__u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		begin(chance(2) ? VEXFS_METRIC_L2 : VEXFS_METRIC_COSINE, dims[i], 9000, 9100);
		check_places();
		check_parts(16);
		total("anywhere", 0.99);
		check_places_of(10);
		total("somewhere", 0.98);
		end();
	}
}

/* The same after all that lists go through; and what is in none is found. */
static void test_changed(void **state)
{
	__u32 i, moved = 0;

	(void)state;
	begin(VEXFS_METRIC_L2, 100, 6000, 14000);
	for (i = 0; i < 4; i++) {
		set.drift = 0.4f * i;
		while (set.n < 6000 + 1500 * (i + 1))
			put(chance(4) ? set.n : chance(set.n)); /* some are replaced */
		while (dead < 600 * (i + 1)) {
			__u64 slot = chance(set.n);

			if (!vexfs_columns_dead(set.columns, slot)) {
				vexfs_columns_kill(set.columns, slot);
				dead++;
			}
		}
		clusters_code(&set);
		clusters_link(&set, set.n - 100);
		check_places();
		moved += clusters_balance(&set, check_places);
	}
	assert_true(moved > 2);
	check_parts(16);
	total("lists that moved", 0.98);
	save_and_load();
	check_parts(16);
	compact();
	check_parts(16);
	check_places_of(10);
	total("compacted", 0.98);
	end();
}

/* What a map has no room for is as if it were in no list: it is found all the same. */
static void test_unplaced(void **state)
{
	__u64 slot;

	(void)state;
	begin(VEXFS_METRIC_COSINE, 100, 3000, 3000);
	for (slot = 0; slot < set.n; slot += 3)
		((__u32 *)vexfs_chunk(&set.lists->place, slot))[slot % VEXFS_CHUNK_SLOTS] = 0;
	check_parts(16);
	total("not told of", 0.99);
	end();
}

/* --- the second rung --- */

static __u32 outside, bounded, narrower, unlisted;

/* Bounds of all slots by both rungs, and then as coded does it. */
static int refines(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 lower[VEXFS_BATCH], upper[VEXFS_BATCH], i;
	struct vexfs_interval one[VEXFS_BATCH];
	__u64 slot[VEXFS_BATCH], key;
	int n = 0, left;
	float d;

	for (; s->state[0] < s->count; s->state[0] += 64) {
		n = vexfs_q_range(q, s->state[0], 64);
		if (n < 0)
			return n;
		if (s->state[1] && vexfs_q_refine(q, 1, 0) < 0)
			return -EINVAL;
		for (i = 0; i < q->n; i++) {
			slot[i] = q->slot[i];
			lower[i] = q->lower[i];
			upper[i] = q->upper[i];
		}
		memcpy(one, vexfs_q_bounds(q), sizeof(one));
		n = q->n;
		left = vexfs_q_refine(q, 2, 0);
		assert_int_equal(left, s->batch);
		if (left < n) { /* some were pruned: there are k whose bounds are nearer */
			assert_true(q->deferred.refused != ~0u);
			n = vexfs_q_defer(q);
			if (n < 0)
				return n;
			continue;
		}
		for (i = 0; i < (__u32)left; i++) {
			assert_int_equal(q->slot[i], slot[i]);
			if (slot[i] >= q->linked) { /* it keeps what it had */
				assert_int_equal(q->lower[i], lower[i]);
				assert_int_equal(q->upper[i], upper[i]);
				unlisted++;
				continue;
			}
			d = exact_distance(set.metric, q->row, set.rows + slot[i] * set.dims,
					   set.dims);
			memcpy(&lower[i], &d, sizeof(d));
			key = lower[i] >> 31 ? ~lower[i] : lower[i] | 1u << 31;
			outside += key < q->lower[i] || key > q->upper[i];
			bounded++;
			narrower += one[i].lower < vexfs_q_bounds(q)[i].lower;
		}
		n = vexfs_q_defer(q);
		if (n < 0)
			return n;
	}
	while ((n = vexfs_q_take(q)) > 0)
		if (vexfs_q_score(q) < 0 || vexfs_q_offer(q) < 0)
			return -EINVAL;
	return n;
}

static int refines_both(struct vexfs_search *s)
{
	s->state[1] = 1;
	return refines(s);
}

static int refines_wrongly(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n = vexfs_q_range(q, 0, 64);

	assert_int_equal(n, 64);
	assert_int_equal(vexfs_q_refine(q, 3, 0), -EINVAL);
	assert_int_equal(vexfs_q_refine(q, 2, VEXFS_MAX_SIGMA + 1), -EINVAL);
	assert_int_equal(vexfs_q_refine(q, 2, 0), q->lists ? 64 : -EOPNOTSUPP);
	assert_int_equal(vexfs_q_score(q), 64);
	assert_int_equal(vexfs_q_refine(q, 2, 0), -EINVAL);
	assert_int_equal(vexfs_q_offer(q), 64);
	assert_int_equal(vexfs_q_refine(q, 2, 0), q->lists ? 0 : -EOPNOTSUPP);
	return 0;
}

static void test_refine(void **state)
{
	struct filter all = below(CHANCE, 1000);
	__u32 i, k;
	float *v;

	(void)state;
	for (i = 0; i < 3; i++) {
		begin(i == 1 ? VEXFS_METRIC_COSINE : VEXFS_METRIC_L2, i == 2 ? 256 : 100, 3000,
		      3100);
		while (set.n < 3100)
			put(set.n);
		clusters_code(&set);
		v = calloc(set.dims, sizeof(*v));
		outside = bounded = narrower = unlisted = 0;
		for (k = 0; k < 8; k++) {
			clusters_vector(&set, v);
			ask(&all, v, refines);
			ask(&all, v, refines_both);
		}
		print_message("%u bounds, %u outside, %u narrower, %u in no list\n", bounded,
			      outside, narrower, unlisted);
		assert_true(bounded > 500 && outside < bounded / 50 && unlisted);
		assert_true(narrower > bounded / 2);
		total("refined", 0.99);
		free(v);
		end();
	}
}

/* What may not be asked for, and where there are no lists. */
static void test_refused(void **state)
{
	struct vexfs_query_params params = { .k = K, .deadline_us = ~0ULL };
	__u32 i, truncated, restarts;
	struct vexfs_hit_f hits[K];
	struct vexfs_query *q;

	(void)state;
	begin(VEXFS_METRIC_L2, 32, 1000, 1000);
	params.row = anchor;
	params.dims = set.dims;
	params.metric = set.metric;
	params.codes = set.codes;
	for (i = 0; i < 2; i++) {
		params.lists = i ? set.lists : NULL;
		q = vexfs_query_new(set.columns, &set.plane, &params);
		assert_int_equal(vexfs_q_refine(q, 2, 0), -EPERM);
		assert_true(run(q, refines_wrongly, hits, &truncated, &restarts) == K);
		vexfs_query_free(q);
	}
	end();
}

static int seed(void **state)
{
	const char *given = getenv("VEXFS_SEED");
	__u64 s = given ? strtoull(given, NULL, 0) : (__u64)time(NULL);

	(void)state;
	chance_seed(s);
	found = wanted = 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_filters, seed),
		cmocka_unit_test_setup(test_changed, seed),
		cmocka_unit_test_setup(test_unplaced, seed),
		cmocka_unit_test_setup(test_refine, seed),
		cmocka_unit_test_setup(test_refused, seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
