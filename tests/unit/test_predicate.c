// SPDX-License-Identifier: GPL-2.0
/*
 * Predicates against an evaluator that goes slot by slot and recurses over the program from its
 * end.
 */
#include <stdlib.h>
#include "box.h"
#include "engine/internal.h"

#define N	40000
#define ATTRS	3

static __s64 attr[N][ATTRS];
static struct vexfs_predicate_node node[VEXFS_MAX_PREDICATE + 1];
static __s64 value[VEXFS_MAX_PREDICATE_VALUES + 1];
static struct vexfs_condition c;

/* Numbers that sit at the edges, and few others, so that comparisons often hold. */
static __s64 some_value(void)
{
	static const __s64 edge[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, -1, 0, 1,
				      1LL << 32, -(1LL << 32), UINT32_MAX };

	if (!chance(3))
		return edge[chance(sizeof(edge) / sizeof(edge[0]))];
	if (!chance(4))
		return (__s64)((__u64)chance(~0u) << 32 | chance(~0u));
	return (__s64)chance(40) - 20;
}

static int ascending(const void *a, const void *b)
{
	__s64 x = *(const __s64 *)a, y = *(const __s64 *)b;

	return x < y ? -1 : x > y;
}

static void random_leaf(struct vexfs_predicate_node *x)
{
	__u32 i, n;

	*x = (struct vexfs_predicate_node){ .op = VEXFS_PRED_EQ + chance(4),
					    .attr = chance(ATTRS) };
	if (x->op != VEXFS_PRED_IN) {
		x->value = some_value();
		return;
	}
	n = 1 + chance(chance(2) ? 5 : 100);
	if (c.values + n > VEXFS_MAX_PREDICATE_VALUES)
		n = 1;
	if (c.values + n > VEXFS_MAX_PREDICATE_VALUES || (c.values && !chance(5))) {
		x->first = chance(c.values);	/* the values of another one */
		for (x->n = 1; x->first + x->n < c.values &&
			       value[x->first + x->n - 1] < value[x->first + x->n];)
			x->n++;
		return;
	}
	x->first = c.values;
	for (i = 0; i < n; i++)
		value[c.values + i] = some_value();
	qsort(value + c.values, n, sizeof(value[0]), ascending);
	for (i = 0; i < n; i++)
		if (!i || value[x->first + i] != value[c.values - 1])
			value[c.values++] = value[x->first + i];
	x->n = c.values - x->first;
}

/* A valid program of at most `size` nodes. */
static void random_program(__u32 size)
{
	__u32 depth = 0, op;

	c = (struct vexfs_condition){ .node = node, .value = value };
	while (c.n + depth < size || !depth) {
		op = depth < 2 ? chance(3) ? 0 : VEXFS_PRED_NOT :
		     chance(2) ? 0 :
				 VEXFS_PRED_AND + chance(3);
		if (op == VEXFS_PRED_NOT && !depth)
			op = 0;
		if (!op && depth == VEXFS_MAX_PREDICATE_DEPTH)
			op = VEXFS_PRED_NOT;
		if (!op && depth + 1 + c.n + 1 > size && depth)
			break;
		if (!op) {
			random_leaf(&node[c.n++]);
			depth++;
			continue;
		}
		node[c.n++] = (struct vexfs_predicate_node){ .op = op };
		depth -= op != VEXFS_PRED_NOT;
	}
	for (; depth > 1; depth--)
		node[c.n++] = (struct vexfs_predicate_node){ .op = VEXFS_PRED_AND + chance(2) };
	assert_true(c.n <= VEXFS_MAX_PREDICATE);
}

/* What the subprogram that ends at *at says; *at: before it. */
static bool naive(__u32 slot, __u32 *at)
{
	const struct vexfs_predicate_node *x = &node[--*at];
	__s64 a = attr[slot][x->attr];
	bool one, other;
	__u32 i;

	switch (x->op) {
	case VEXFS_PRED_EQ:
		return a == x->value;
	case VEXFS_PRED_LT:
		return a < x->value;
	case VEXFS_PRED_MASK:
		return a & x->value;
	case VEXFS_PRED_IN:
		for (i = 0; i < x->n; i++)
			if (value[x->first + i] == a)
				return true;
		return false;
	case VEXFS_PRED_NOT:
		return !naive(slot, at);
	}
	one = naive(slot, at);
	other = naive(slot, at);
	return x->op == VEXFS_PRED_AND ? one && other : one || other;
}

static struct vexfs_columns *columns_new(void)
{
	struct vexfs_columns *cols = vexfs_columns_new(ATTRS);
	__u32 i, k;

	assert_non_null(cols);
	assert_int_equal(vexfs_columns_reserve(cols, N), 0);
	for (i = 0; i < N; i++) {
		for (k = 0; k < ATTRS; k++)
			attr[i][k] = some_value();
		assert_int_equal(vexfs_columns_put(cols, i, i, attr[i]), 0);
	}
	return cols;
}

static void compare(const struct vexfs_match *m, __u64 count)
{
	__u64 i, matches = 0, mask, want;
	static bool is[N];
	__u32 at, n, k;

	assert_int_equal(m->count, count);
	assert_false(m->cut);
	for (i = 0; i < count; i++) {
		at = c.n;
		is[i] = naive(i, &at);
		matches += is[i];
		if (is[i] != (vexfs_match_mask(m, i, 1) & 1))
			fail_msg("slot %llu of %llu: %u", i, count, is[i]);
	}
	assert_int_equal(m->matches, matches);
	for (k = 0; k < 200; k++) {
		i = chance(count + 70);
		n = 1 + chance(64);
		mask = vexfs_match_mask(m, i, n);
		for (want = 0, at = 0; at < n; at++)
			if (i + at < count && is[i + at])
				want |= 1ULL << at;
		assert_true(mask == want);
	}
}

/* Extended step by step, with AVX2 and without, old views stay what they were. */
static void test_random(void **state)
{
	__u32 round, k, sizes[] = { 1, 3, 10, VEXFS_MAX_PREDICATE };
	struct vexfs_columns *cols = columns_new();

	(void)state;
	for (round = 0; round < 60; round++) {
		struct vexfs_predicate *p[2];
		struct vexfs_match m[2], old = { 0 };
		__u64 count = 0, old_count = 0;

		random_program(sizes[round % 4]);
		assert_int_equal(vexfs_condition_check(&c, ATTRS, 0), 0);
		for (k = 0; k < 2; k++) {
			p[k] = vexfs_predicate_new(&c);
			assert_non_null(p[k]);
			assert_true(vexfs_predicate_is(p[k], &c));
		}
		while (count < N) {
			count += chance(4) ? chance(200) : chance(N);
			count = count < N ? count : N;
			vexfs_columns_publish(cols, count);
			for (k = 0; k < 2; k++) {
				use_kernels(k ? 0 : chance(kernels()));
				assert_int_equal(vexfs_predicate_match(p[k], cols, ~0ULL, &m[k]),
						 0);
			}
			assert_int_equal(m[0].count, m[1].count);
			assert_int_equal(m[0].matches, m[1].matches);
			for (k = 0; k < count + 64; k += 64)
				assert_true(vexfs_match_mask(&m[0], k, 64) ==
					    vexfs_match_mask(&m[1], k, 64));
			if (!old.p && chance(2)) {
				old = m[0];
				old_count = count;
			}
		}
		compare(&m[0], N);
		if (old.p)
			compare(&old, old_count);
		assert_true(vexfs_predicate_bytes(p[0]) > N / 8);
		vexfs_predicate_free(p[0]);
		vexfs_predicate_free(p[1]);
		vexfs_columns_publish(cols, 0);
	}
	use_kernels(BEST);
	vexfs_columns_free(cols);
}

static int check(void)
{
	return vexfs_condition_check(&c, ATTRS, 1 << 2);	/* the third one is a keyword */
}

static void test_malformed(void **state)
{
	const struct vexfs_predicate_node eq = { .op = VEXFS_PRED_EQ },
					  not = { .op = VEXFS_PRED_NOT },
					  and = { .op = VEXFS_PRED_AND },
					  in = { .op = VEXFS_PRED_IN, .first = 1, .n = 3 };
	__u32 i;

	(void)state;
#define FAULT(want, ...) do {									\
		c = (struct vexfs_condition){ .node = node, .value = value,			\
					      .n = 1, .values = 4 };				\
		node[0] = eq;									\
		memcpy(value, (__s64[]){ 9, 1, 2, 3 }, 4 * sizeof(value[0]));			\
		__VA_ARGS__;									\
		assert_int_equal(check(), want);						\
	} while (0)
	FAULT(0, );
	FAULT(0, node[0] = in);
	FAULT(-EBADMSG, c.n = 0);
	FAULT(-E2BIG, c.n = VEXFS_MAX_PREDICATE + 1);
	FAULT(-E2BIG, c.n = ~0u);
	FAULT(-E2BIG, c.values = VEXFS_MAX_PREDICATE_VALUES + 1);
	FAULT(-E2BIG, c.values = ~0u);
	FAULT(-EBADMSG, node[0].op = 0);
	FAULT(-EBADMSG, node[0].op = VEXFS_PRED_NOT + 1);
	FAULT(-EBADMSG, node[0].op = 0xffff);
	FAULT(-ENXIO, node[0].attr = ATTRS);
	FAULT(-ENXIO, node[0].attr = 0xffff);
	FAULT(0, node[0].attr = 2);
	FAULT(-EPROTOTYPE, node[0].attr = 2, node[0].op = VEXFS_PRED_LT);
	FAULT(-EPROTOTYPE, node[0].attr = 2, node[0].op = VEXFS_PRED_MASK);
	FAULT(0, node[0] = in, node[0].attr = 2);
	FAULT(-EBADMSG, node[0].reserved = 1);
	FAULT(-EBADMSG, node[0].first = 1);
	FAULT(-EBADMSG, node[0].n = 1);
	FAULT(-EBADMSG, node[0] = in, node[0].value = 1);
	FAULT(-EBADMSG, node[0] = in, node[0].n = 0);
	FAULT(-EBADMSG, node[0] = in, node[0].n = 4);
	FAULT(-EBADMSG, node[0] = in, node[0].n = ~0u);
	FAULT(-EBADMSG, node[0] = in, node[0].first = 4);
	FAULT(-EBADMSG, node[0] = in, node[0].first = 5);
	FAULT(-EBADMSG, node[0] = in, node[0].first = ~0u);
	FAULT(-EBADMSG, node[0] = in, node[0].first = 0);		/* 9 before 1 */
	FAULT(-EBADMSG, node[0] = in, value[2] = 1);			/* twice */
	FAULT(-EBADMSG, node[0] = not);
	FAULT(-EBADMSG, c.n = 2, node[1] = and);
	FAULT(-EBADMSG, c.n = 2, node[1] = eq);				/* two results */
	FAULT(0, c.n = 2, node[1] = not);
	FAULT(-EBADMSG, c.n = 2, node[1] = not, node[1].value = 1);
	FAULT(-EBADMSG, c.n = 2, node[1] = not, node[1].attr = 1);
	FAULT(-EBADMSG, c.n = 2, node[1] = not, node[1].n = 1);
	FAULT(-EBADMSG, c.n = 2, node[1] = not, node[1].first = 1);
	/* all at once on the stack */
	for (i = 1; i < VEXFS_MAX_PREDICATE / 2; i++) {
		__u32 k;

		c = (struct vexfs_condition){ .node = node, .n = 2 * i - 1 };
		for (k = 0; k < c.n; k++)
			node[k] = k < i ? eq : and;
		assert_int_equal(check(), i <= VEXFS_MAX_PREDICATE_DEPTH ? 0 : -EBADMSG);
	}
}

/*
 * Noise, and programs with a field changed: what passes the check is evaluated within bounds and
 * right.
 */
static void test_fuzz(void **state)
{
	struct vexfs_columns *cols = columns_new();
	__u32 round, good = 0, i;
	struct vexfs_match m;

	(void)state;
	vexfs_columns_publish(cols, 3000);
	for (round = 0; round < 60000; round++) {
		struct vexfs_predicate_node *copy;
		__s64 *values;
		struct vexfs_condition exact;

		if (round % 3) {
			random_program(1 + chance(12));
			for (i = chance(3); i; i--) {
				__u8 *b = (__u8 *)&node[chance(c.n)];

				b[chance(sizeof(node[0]))] ^= 1 << chance(8);
			}
			if (!chance(8))
				c.n = chance(VEXFS_MAX_PREDICATE + 3);
			if (!chance(8))
				c.values = chance(VEXFS_MAX_PREDICATE_VALUES + 3);
		} else {
			c.n = chance(10);
			c.values = chance(4);
			for (i = 0; i < c.n * sizeof(node[0]); i++)
				((__u8 *)node)[i] = chance(4) ? 0 : chance(8);
		}
		if (c.n > VEXFS_MAX_PREDICATE || c.values > VEXFS_MAX_PREDICATE_VALUES) {
			assert_int_equal(vexfs_condition_check(&c, ATTRS, 0), -E2BIG);
			continue;
		}
		/* on the heap, as long as it says, so that AddressSanitizer sees a step too far */
		copy = malloc(c.n * sizeof(node[0]) + 1);
		values = malloc(c.values * sizeof(value[0]) + 1);
		exact = (struct vexfs_condition){
			.node = copy, .value = values, .n = c.n, .values = c.values
		};
		memcpy(copy, node, c.n * sizeof(node[0]));
		memcpy(values, value, c.values * sizeof(value[0]));
		if (!vexfs_condition_check(&exact, ATTRS, chance(4) ? 0 : chance(8))) {
			struct vexfs_predicate *p = vexfs_predicate_new(&exact);

			use_kernels(chance(kernels()));
			assert_int_equal(vexfs_predicate_match(p, cols, ~0ULL, &m), 0);
			if (++good % 50 == 0)
				compare(&m, 3000);
			vexfs_predicate_free(p);
		}
		free(copy);
		free(values);
	}
	use_kernels(BEST);
	print_message("%u of %u were programs\n", good, round);
	assert_true(good > 5000 && good < 50000);
	vexfs_columns_free(cols);
}

static void test_limits(void **state)
{
	struct vexfs_columns *cols = columns_new();
	struct vexfs_predicate *p, *other;
	struct vexfs_match m;
	long fail;
	int err;

	(void)state;
	c = (struct vexfs_condition){ .node = node, .value = value, .n = 1 };
	node[0] = (struct vexfs_predicate_node){ .op = VEXFS_PRED_LT, .value = 3 };
	p = vexfs_predicate_new(&c);
	node[0].value = 4;
	other = vexfs_predicate_new(&c);
	assert_true(vexfs_predicate_is(other, &c));
	assert_false(vexfs_predicate_is(p, &c));		/* it has a copy of its own */
	c.values = 1;
	assert_false(vexfs_predicate_is(other, &c));
	node[0].value = 3;
	c.values = 0;

	assert_int_equal(vexfs_predicate_match(p, cols, ~0ULL, &m), 0);
	compare(&m, 0);
	vexfs_columns_publish(cols, N);
	/* too late, but nothing wrong: later it goes on */
	assert_int_equal(vexfs_predicate_match(p, cols, 1, &m), 0);
	assert_true(m.cut);
	assert_int_equal(m.count, 0);
	assert_true(vexfs_match_mask(&m, 0, 64) == 0);
	assert_int_equal(vexfs_predicate_match(p, cols, ~0ULL, &m), 0);
	compare(&m, N);
	vexfs_predicate_free(p);
	vexfs_predicate_free(other);
	vexfs_predicate_free(NULL);

	for (fail = 0, err = -ENOMEM; err; fail++) {
		vx_ealloc_left = fail;
		p = vexfs_predicate_new(&c);
		err = p ? vexfs_predicate_match(p, cols, ~0ULL, &m) : -ENOMEM;
		vx_ealloc_left = -1;
		assert_true(!err || err == -ENOMEM);
		if (p && err)
			assert_int_equal(vexfs_predicate_match(p, cols, ~0ULL, &m), 0);
		if (p)
			compare(&m, N);
		vexfs_predicate_free(p);
	}
	assert_int_equal(fail, 3);
	vexfs_columns_free(cols);
}

/* Whatever is asked, the clock is looked at every millisecond or so. */
static void test_pause(void **state)
{
	struct vexfs_columns *cols = columns_new();
	struct vexfs_predicate *p;
	struct vexfs_match m;
	__u32 i;

	(void)state;
	vexfs_columns_publish(cols, N);
	c = (struct vexfs_condition){ .node = node, .value = value };
	for (c.values = 0; c.values < VEXFS_MAX_PREDICATE_VALUES; c.values++)
		value[c.values] = 10 * (__s64)c.values;
	for (i = 0; i + 1 < VEXFS_MAX_PREDICATE; i++)
		if (i < 2 || i % 2)
			node[c.n++] = (struct vexfs_predicate_node){ .op = VEXFS_PRED_IN,
								     .attr = i % ATTRS,
								     .n = c.values };
		else
			node[c.n++] = (struct vexfs_predicate_node){ .op = VEXFS_PRED_OR };
	assert_int_equal(vexfs_condition_check(&c, ATTRS, 0), 0);
	p = vexfs_predicate_new(&c);
	assert_int_equal(vexfs_predicate_match(p, cols, vx_clock_us() + 100, &m), 0);
	assert_true(m.cut);
	assert_true(m.count <= 2 * VEXFS_CHUNK_SLOTS);
	assert_int_equal(vexfs_predicate_match(p, cols, ~0ULL, &m), 0);
	compare(&m, N);
	vexfs_predicate_free(p);
	vexfs_columns_free(cols);
}

/* Beyond the first segments of the bitmap. */
static void test_large(void **state)
{
	struct vexfs_columns *cols = vexfs_columns_new(1);
	const __u64 n = 300000;
	struct vexfs_predicate *p;
	struct vexfs_match m;
	__u64 i, seen = 0;
	__s64 a;

	(void)state;
	assert_int_equal(vexfs_columns_reserve(cols, n), 0);
	for (i = 0; i < n; i++) {
		a = i % 1000;
		assert_int_equal(vexfs_columns_put(cols, i, i, &a), 0);
	}
	node[0] = (struct vexfs_predicate_node){ .op = VEXFS_PRED_EQ, .value = 777 };
	c = (struct vexfs_condition){ .node = node, .n = 1 };
	p = vexfs_predicate_new(&c);
	for (i = 0; i < n;) {
		i += 1 + chance(100000);
		vexfs_columns_publish(cols, i < n ? i : n);
		assert_int_equal(vexfs_predicate_match(p, cols, ~0ULL, &m), 0);
	}
	for (i = 0; i < n; i += 64) {
		__u64 mask = vexfs_match_mask(&m, i, 64);

		for (; mask; mask &= mask - 1, seen++)
			assert_int_equal((i + __builtin_ctzll(mask)) % 1000, 777);
	}
	assert_int_equal(seen, n / 1000);
	assert_int_equal(m.matches, n / 1000);
	vexfs_predicate_free(p);
	vexfs_columns_free(cols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_fuzz),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_large),
	};

	chance_seed(11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
