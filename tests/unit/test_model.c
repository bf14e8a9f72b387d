// SPDX-License-Identifier: GPL-2.0
/*
 * Random histories of operations on the engine, against a naive model of records in double
 * precision.
 *
 * Each history has a schema, data and operations of its own, all drawn from chance.
 * VEXFS_HISTORIES=N runs so many [1000].  A failed one says how to run it alone: VEXFS_SEED=...
 * VEXFS_HISTORIES=1.  To add an operation, add it to ops[].
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "driver.h"

#define MAX_SLOTS	1500
#define MAX_DIMS	70
#define MAX_NODES	9

struct record {
	__u64 id;
	bool live;
	/* dead, replaced by this slot: older snapshots see it; 0: not */
	__u32 until;
	__s64 attr[VEXFS_MAX_ATTRS];
};

/* What a search asks for beside its vector. */
struct wish {
	__u32 k;
	bool where, range, filter, distance;
	double radius;
};

static struct {
	__u32 dims, metric, attrs;
	bool lattice;			/* rows of few different numbers: many ties */
	__u32 n;			/* slots */
	float row[MAX_SLOTS * MAX_DIMS];
	struct record rec[MAX_SLOTS];
	struct vexfs_columns *columns;
	struct vexfs_codes *codes;	/* NULL: none yet, or no memory for them */
	struct vx_rows rows;
	/* a predicate, which lives as long as the history and is extended from time to time */
	struct vexfs_predicate_node node[MAX_NODES];
	__s64 value[MAX_NODES * 4];
	struct vexfs_condition condition;
	struct vexfs_predicate *predicate;
	bool deaths;			/* records die while queries run */
} m;

static struct vexfs_hit_f hits[VEXFS_MAX_K];
static float query[MAX_DIMS];
static __u64 history;			/* the seed of this one */
static __u64 searches, hits_wanted, hits_missed;	/* of coded searches the last two */

static const float *row_of(__u32 slot)
{
	return m.row + (size_t)slot * m.dims;
}

static void random_row(float *x)
{
	__u32 i, any = 0;

	for (i = 0; i < m.dims; i++) {
		x[i] = m.lattice ? (float)chance(3) - 1 :
				   ((float)chance(1u << 24) / (1 << 23) - 1) * 3;
		any |= x[i] != 0;
	}
	if (!any)
		x[chance(m.dims)] = 1;	/* for cosine */
}

/* One in `used` is that of a record, dead or not. */
static __u64 random_id(__u32 used)
{
	if (m.n && !chance(used))
		return m.rec[chance(m.n)].id;
	return chance(200) ? chance(1000000) : ~0ULL - chance(3);
}

/* The slot of a live id, or -1. */
static int find(__u64 id)
{
	__u32 i;

	for (i = m.n; i-- > 0;)
		if (m.rec[i].live && m.rec[i].id == id)
			return i;
	return -1;
}

/* --- changes --- */

/* A record for the next slot. */
static void make(__u64 id)
{
	struct record *r = &m.rec[m.n];
	__u32 i;

	*r = (struct record){ .id = id, .live = true };
	for (i = 0; i < m.attrs; i++)
		r->attr[i] = chance(20) ? chance(10) : INT64_MIN + chance(2);
	random_row(m.row + (size_t)m.n * m.dims);
	assert_int_equal(vexfs_columns_reserve(m.columns, m.n + 1), 0);
}

/* The next slot gets a record; false: its id is taken, and nothing has changed. */
static bool put(__u64 id)
{
	int err;

	make(id);
	err = vexfs_columns_put(m.columns, m.n, id, m.rec[m.n].attr);
	assert_int_equal(err, find(id) >= 0 ? -EEXIST : 0);
	if (err)
		return false;
	m.n++;
	m.rows.n = m.n;
	return true;
}

static void kill_slot(__u32 slot)
{
	vexfs_columns_kill(m.columns, slot);
	m.rec[slot].live = false;
}

/* A batch of new ones, all or nothing. */
static void op_insert(void)
{
	__u32 n = 1 + chance(chance(4) ? 8 : 80), first = m.n;

	while (n-- && m.n < MAX_SLOTS)
		if (!put(random_id(100))) {
			while (m.n > first) {
				vexfs_columns_unput(m.columns, --m.n, VEXFS_NO_SLOT);
				m.rec[m.n].live = false;
			}
			m.rows.n = m.n;
			break;
		}
	vexfs_columns_publish(m.columns, m.n);
}

/* A batch of new ones, of which some replace others. */
static void op_upsert(void)
{
	__u32 n = 1 + chance(6), i;
	__u64 old[6], id;
	int was;

	for (i = 0; i < n && m.n < MAX_SLOTS; i++) {
		id = random_id(2);
		was = find(id);
		make(id);
		assert_int_equal(
			vexfs_columns_replace(m.columns, m.n, id, m.rec[m.n].attr, &old[i]), 0);
		assert_int_equal(old[i], was < 0 ? VEXFS_NO_SLOT : (__u64)was);
		if (was >= 0)
			m.rec[was].live = false;	/* as far as find() is concerned */
		m.n++;
	}
	m.rows.n = m.n;
	if (i < n || !chance(10)) {	/* undo it */
		while (i--) {
			vexfs_columns_unput(m.columns, --m.n, old[i]);
			m.rec[m.n].live = false;
			if (old[i] != VEXFS_NO_SLOT)
				m.rec[old[i]].live = true;
		}
		m.rows.n = m.n;
		return;
	}
	while (i--)
		if (old[i] != VEXFS_NO_SLOT) {
			vexfs_columns_supersede(m.columns, old[i], m.n);
			m.rec[old[i]].until = m.n;
		}
	vexfs_columns_publish(m.columns, m.n);
}

static void op_delete(void)
{
	__u32 n = 1 + chance(chance(5) ? 3 : 40), slot;

	while (n-- && m.n) {
		slot = chance(m.n);
		if (m.rec[slot].live)
			kill_slot(slot);
	}
}

/* Codes appear, and follow the records or lag behind. */
static void op_encode(void)
{
	if (!m.n)
		return;
	if (!m.codes) {
		m.codes = vexfs_codes_new(m.metric, m.dims, chance(1000));
		assert_non_null(m.codes);
		assert_int_equal(vexfs_codes_reserve(m.codes, m.n), 0);
		assert_int_equal(vexfs_codes_centre(m.codes, &m.rows, NULL, m.n), 0);
	}
	assert_int_equal(vexfs_codes_reserve(m.codes, m.n), 0);
	assert_int_equal(vexfs_codes_extend(m.codes, &m.rows, NULL, m.n, ~0ULL), 0);
}

/* --- looks --- */

static void op_find(void)
{
	__u64 id = random_id(2), slot, live = 0;
	int want = find(id), err = vexfs_columns_find(m.columns, id, &slot);
	__u32 i;

	assert_int_equal(err, want < 0 ? -ENOENT : 0);
	if (!err)
		assert_int_equal(slot, want);
	for (i = 0; i < m.n; i++)
		live += m.rec[i].live;
	assert_int_equal(vexfs_columns_live(m.columns), live);
	assert_int_equal(vexfs_columns_count(m.columns), m.n);
	if (m.n) {
		i = chance(m.n);
		assert_int_equal(vexfs_columns_dead(m.columns, i), !m.rec[i].live);
		assert_int_equal(vexfs_columns_id(m.columns, i), m.rec[i].id);
		if (m.attrs)
			assert_int_equal(vexfs_columns_attr(m.columns, i, m.attrs - 1),
					 m.rec[i].attr[m.attrs - 1]);
	}
}

/* Does the predicate hold? */
static bool holds(const struct record *r)
{
	bool stack[MAX_NODES], x;
	__u32 i, j, top = 0;

	for (i = 0; i < m.condition.n; i++) {
		const struct vexfs_predicate_node *d = &m.node[i];
		__s64 a = r->attr[d->attr];

		switch (d->op) {
		case VEXFS_PRED_EQ:
			stack[top++] = a == d->value;
			break;
		case VEXFS_PRED_LT:
			stack[top++] = a < d->value;
			break;
		case VEXFS_PRED_MASK:
			stack[top++] = a & d->value;
			break;
		case VEXFS_PRED_IN:
			for (x = false, j = 0; j < d->n; j++)
				x |= m.value[d->first + j] == a;
			stack[top++] = x;
			break;
		case VEXFS_PRED_NOT:
			stack[top - 1] = !stack[top - 1];
			break;
		case VEXFS_PRED_AND:
			top--;
			stack[top - 1] = stack[top - 1] && stack[top];
			break;
		case VEXFS_PRED_OR:
			top--;
			stack[top - 1] = stack[top - 1] || stack[top];
			break;
		}
	}
	return stack[0];
}

static void random_predicate(void)
{
	__u32 leaves = 1 + chance(4), top = 0, i;

	m.condition = (struct vexfs_condition){ .node = m.node, .value = m.value };
	while (leaves || top > 1) {
		struct vexfs_predicate_node *d = &m.node[m.condition.n++];

		*d = (struct vexfs_predicate_node){ .attr = 0 };
		if (top > 1 && (!leaves || chance(2))) {
			d->op = VEXFS_PRED_AND + chance(2);
			top--;
			continue;
		}
		if (top && m.condition.n + 2 * leaves + top < MAX_NODES && !chance(4)) {
			d->op = VEXFS_PRED_NOT;
			continue;
		}
		d->op = VEXFS_PRED_EQ + chance(4);
		d->attr = chance(m.attrs);
		if (d->op == VEXFS_PRED_IN) {
			d->first = m.condition.values;
			d->n = 1 + chance(4);
			for (i = 0; i < d->n; i++, m.condition.values++)
				m.value[m.condition.values] =
					chance(3) + (i ? 1 + m.value[m.condition.values - 1] : 0);
		} else {
			d->value = chance(10) ? chance(10) : INT64_MIN + chance(2);
		}
		leaves--;
		top++;
	}
	assert_int_equal(vexfs_condition_check(&m.condition, m.attrs, 0), 0);
	m.predicate = vexfs_predicate_new(&m.condition);
	assert_non_null(m.predicate);
}

/* --- programs --- */

static bool keeps(const struct record *r)
{
	return r->id % 3;
}

static __u64 penalty(const struct record *r)
{
	return r->id % 5 * 300000;
}

static int model_filter(struct vexfs_search *s)
{
	struct vexfs_cand *c = vexfs_q_candidates(vexfs_search_query(s));
	__u32 i;

	for (i = 0; i < s->batch; i++)
		if (!keeps(&m.rec[c[i].slot]))
			s->keep &= ~(1ULL << i);
	if (m.deaths && !chance(4))
		op_delete();
	return 0;
}

static int model_distance(struct vexfs_search *s)
{
	struct vexfs_cand *c = vexfs_q_candidates(vexfs_search_query(s));
	__u32 i;

	for (i = 0; i < s->batch; i++)
		c[i].penalty = penalty(&m.rec[c[i].slot]);
	return 0;
}

/* --- searches --- */

/* What is to be found among the first `count` slots, in order. */
static __u32 truth(const struct wish *w, __u64 count, struct near *t)
{
	__u32 i, n = 0;
	double d;

	for (i = 0; i < count; i++) {
		const struct record *r = &m.rec[i];

		if ((!r->live && r->until <= count) || (w->where && !holds(r)) ||
		    (w->filter && !keeps(r)))
			continue;
		d = exact_distance(m.metric, query, row_of(i), m.dims);
		if (w->distance)
			d += penalty(r) * 1e-6;
		if (!w->range || d <= w->radius)
			t[n++] = (struct near){ d, r->id };
	}
	qsort(t, n, sizeof(*t), nearer);
	return n;
}

/*
 * Exact but with codes, where bounds are wrong now and then: then each hit must still be a true
 * one, in order.
 */
static void check(const struct wish *w, __u64 count, bool coded, int n, __u32 truncated)
{
	static struct near t[MAX_SLOTS];
	__u32 found = truth(w, count, t), want = found < w->k ? found : w->k, i, j = 0;
	double d;

	searches++;
	if (coded) {
		hits_wanted += want;
		assert_true(n <= (int)want);
	} else {
		assert_int_equal(n, want);
		assert_int_equal(truncated, w->range && found > w->k ? VEXFS_TRUNC_LIMIT : 0);
	}
	for (i = 0; i < (__u32)n; i++, j++) {
		memcpy(&d, &hits[i].distance, 8);
		if (coded)
			while (j < found && (t[j].id != hits[i].id || t[j].distance != d))
				j++;
		if (j == found || t[j].id != hits[i].id || t[j].distance != d)
			fail_msg("hit %u of %d is id %llu at %.17g", i, n,
				 (unsigned long long)hits[i].id, d);
		if (coded && j < want)
			hits_missed--;
	}
	if (coded)
		hits_missed += want;
}

static struct wish random_wish(void)
{
	static const __u32 ks[] = { 1, 3, 10, 50, 200, VEXFS_MAX_K };
	struct wish w = { .k = ks[chance(6)], .where = m.attrs && !chance(3), .range = !chance(3),
			  .filter = !chance(4), .distance = !chance(4) };

	if (w.range) {		/* on the border of something, often */
		w.radius = m.n ? exact_distance(m.metric, query, row_of(chance(m.n)), m.dims) : 1;
		if (!chance(3))
			w.radius = nextafter(w.radius, chance(2) ? INFINITY : -INFINITY);
		if (!chance(20))
			w.radius = chance(2) ? INFINITY : 0;
	}
	return w;
}

static void random_query(void)
{
	if (m.n && chance(2))
		memcpy(query, row_of(chance(m.n)), m.dims * 4);
	else
		random_row(query);
}

/* One vector or several with the same query object. */
static void op_search(void)
{
	static int (*const strategies[])(struct vexfs_search *) = { vexfs_flat, backwards, ranges,
								    vexfs_coded };
	__u32 left = chance(3) ? 1 : 1 + chance(4), truncated, restarts, way;
	struct vexfs_query_params p = { .row = query, .dims = m.dims, .metric = m.metric,
					.attrs = m.attrs, .deadline_us = ~0ULL, .codes = m.codes };
	struct vexfs_match match;
	struct vexfs_query *q;
	struct wish w;
	__u64 count;
	int n;

	random_query();
	w = random_wish();
	p.k = w.k;
	p.range = w.range;
	memcpy(&p.radius, &w.radius, 8);
	if (w.where) {
		assert_int_equal(vexfs_predicate_match(m.predicate, m.columns, ~0ULL, &match), 0);
		p.match = &match;
	}
	m.rows.cut = chance(2) ? 4 * (1 + chance(m.dims)) : 0;
	m.rows.absent = chance(2) ? 1 + chance(5) : 0;
	m.deaths = !chance(4);
	use_kernels(chance(kernels()));
	q = vexfs_query_new(m.columns, &m.rows, &p);
	assert_non_null(q);
	vexfs_query_hooks(q, w.filter ? model_filter : NULL, w.distance ? model_distance : NULL);
	count = vexfs_query_search(q)->count;
	assert_int_equal(count, m.n);
	while (left--) {
		way = chance(m.codes ? 4 : 3);
		n = run(q, strategies[way], hits, &truncated, &restarts);
		check(&w, count, way == 3, n, truncated);
		if (!chance(4))		/* too late for this query: it sees what was before */
			chance(2) ? op_insert() : op_upsert();
		random_query();
		vexfs_query_reset(q, query);
	}
	vexfs_query_free(q);
	m.rows.cut = m.rows.absent = 0;
	use_kernels(BEST);
}

static const struct op {
	const char *name;
	void (*fn)(void);
	__u32 weight;
} ops[] = {
	{ "insert", op_insert, 20 },
	{ "upsert", op_upsert, 10 },
	{ "delete", op_delete, 8 },
	{ "encode", op_encode, 4 },
	{ "find", op_find, 10 },
	{ "search", op_search, 30 },
};
#define OPS	(sizeof(ops) / sizeof(ops[0]))

static __u64 done[OPS];

static const struct op *random_op(void)
{
	__u32 i, sum = 0, at;

	for (i = 0; i < OPS; i++)
		sum += ops[i].weight;
	at = chance(sum);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return &ops[i];
}

static void one_history(void)
{
	__u32 left = 5 + chance(40);

	m.dims = 1 + chance(chance(4) ? 20 : MAX_DIMS);
	m.metric = VEXFS_METRIC_L2 + chance(3);
	m.attrs = chance(4);
	m.lattice = chance(2);
	m.n = 0;
	m.codes = NULL;
	m.predicate = NULL;
	m.columns = vexfs_columns_new(m.attrs);
	assert_non_null(m.columns);
	m.rows = (struct vx_rows){ .data = m.row, .row_bytes = m.dims * 4 };
	if (m.attrs)
		random_predicate();
	while (left--) {
		const struct op *op = random_op();

		done[op - ops]++;
		op->fn();
	}
	op_find();
	vexfs_predicate_free(m.predicate);
	vexfs_codes_free(m.codes);
	vexfs_columns_free(m.columns);
}

static void test_histories(void **state)
{
	const char *env = getenv("VEXFS_HISTORIES");
	long i, n = env ? atol(env) : 1000;

	(void)state;
	for (i = 0; i < n; i++) {
		history = chance_now();
		if (i % 1000 == 0)	/* where a sanitizer has the last word */
			print_message("histories %ld...: VEXFS_SEED=%llu\n", i,
				      (unsigned long long)history);
		one_history();
	}
	history = 0;
	for (i = 0; i < (long)OPS; i++) {
		print_message("%llu x %s\n", (unsigned long long)done[i], ops[i].name);
		assert_true(n < 1000 || done[i]);
	}
	print_message("%llu searches; codes missed %llu of %llu hits\n",
		      (unsigned long long)searches, (unsigned long long)hits_missed,
		      (unsigned long long)hits_wanted);
	assert_true(hits_missed <= hits_wanted / 100);
}

static int say_seed(void **state)
{
	(void)state;
	if (history)
		print_message("to repeat it: VEXFS_SEED=%llu VEXFS_HISTORIES=1\n",
			      (unsigned long long)history);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(test_histories, say_seed) };

	chance_seed(11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
