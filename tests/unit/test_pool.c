// SPDX-License-Identifier: GPL-2.0
/* The candidate pool against a sorted list. */
#include <stdlib.h>
#include "box.h"
#include "engine/internal.h"

struct offered {
	__u32 key;
	__u64 slot;
};

static int by_key(const void *a, const void *b)
{
	const struct offered *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int by_slot(const void *a, const void *b)
{
	const struct vexfs_entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static void check(__u32 k, __u32 cap, __u32 n, __u32 keys)
{
	struct offered *o = calloc(n + 1, sizeof(*o));
	struct vexfs_pool p = { 0 };
	__u32 i, round, kept = n < cap ? n : cap;

	assert_non_null(o);
	assert_int_equal(vexfs_pool_init(&p, k, cap), 0);
	for (round = 0; round < 2; round++) {		/* the second after a clear */
		for (i = 0; i < n; i++) {
			o[i] = (struct offered){ chance(keys), i };
			vexfs_pool_offer(&p, i, o[i].key, i * 7ULL);
		}
		qsort(o, n, sizeof(*o), by_key);
		assert_int_equal(p.n, kept);
		assert_int_equal(p.best.n, n < k ? n : k);
		if (n)
			assert_int_equal(p.best.key[0], o[(n < k ? n : k) - 1].key);
		assert_int_equal(p.any_refused, n > cap);
		if (n > cap)
			assert_int_equal(p.refused, o[cap].key);
		qsort(p.entry, p.n, sizeof(*p.entry), by_slot);
		for (i = 0; i < kept; i++) {
			assert_int_equal(p.entry[i].slot, o[i].slot);
			assert_int_equal(p.entry[i].key, o[i].key);
			assert_int_equal(p.entry[i].penalty, o[i].slot * 7);
		}
		vexfs_pool_clear(&p);
		assert_int_equal(p.n + p.best.n + p.any_refused, 0);
	}
	vexfs_pool_free(&p);
	free(o);
}

static void test_best(void **state)
{
	static const __u32 ks[] = { 1, 2, 3, 10, 100 }, keys[] = { 1, 2, 50, ~0u };
	__u32 i, j, n;

	(void)state;
	for (i = 0; i < sizeof(ks) / sizeof(*ks); i++)
		for (j = 0; j < sizeof(keys) / sizeof(*keys); j++)
			for (n = 0; n < 400; n += 1 + n / 5) {
				check(ks[i], ks[i], n, keys[j]);
				check(ks[i], ks[i] + 20, n, keys[j]);
			}
	check(1000, 1314, 20000, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_best) };

	chance_seed(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
