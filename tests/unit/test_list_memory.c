// SPDX-License-Identifier: GPL-2.0
/* What partitioned lists take of memory: what their rows need, and what is asked of a budget. */
#include <stdlib.h>
#include "clusters.h"

static struct clusters set;

/* Bytes of so many whole blocks and rows, and of all that is there once. */
static __u64 needed(const struct vexfs_lists *l)
{
	__u32 padded = l->coder.rotation.padded, i, n;
	__u64 bytes = sizeof(*l) + l->coder.dims * 4 +
		      (__u64)l->lists * sizeof(struct vexfs_list) + l->place.bytes;

	for (i = 0; i < l->lists; i++) {
		n = l->list[i].n;
		bytes += 64 * (l->list[i].extents[VEXFS_BLOCKS] + l->list[i].extents[VEXFS_ROWS]);
		bytes += (n + VEXFS_CODE_BLOCK - 1) / VEXFS_CODE_BLOCK *
				 vexfs_list_block_bytes(padded) +
			 n * vexfs_list_row_bytes(l);
	}
	return bytes;
}

/* Centres: as many as may come of rounding. */
static __u64 centres(const struct vexfs_lists *l)
{
	return (__u64)(l->lists + 2 * l->groups) * (l->coder.rotation.padded + 12) * 5 / 4;
}

static void test_fresh(void **state)
{
	static const __u32 dims[] = { 8, 100, 256 }, rows[] = { 6000, 4000, 3000 };
	__u64 bytes, cost;
	__u32 i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		clusters_init(&set, VEXFS_METRIC_L2, dims[i], 40, rows[i]);
		for (k = 0; k < rows[i]; k++)
			clusters_put(&set, k);
		clusters_list(&set, rows[i]);
		bytes = vexfs_lists_bytes(set.lists);
		cost = vexfs_lists_cost(dims[i], rows[i]);
		print_message("%u dims: %llu bytes of %llu, at most %llu\n", dims[i],
			      needed(set.lists), bytes, cost);
		assert_in_range(bytes, needed(set.lists),
				needed(set.lists) + centres(set.lists));
		/* what is charged is enough, and close */
		assert_in_range(cost, bytes, bytes + bytes / 5);
		clusters_free(&set);
	}
}

/* While they grow: not more than was charged, of which an eighth is room. */
static void test_growing(void **state)
{
	__u64 bytes, cost;
	__u32 i, n;

	(void)state;
	clusters_init(&set, VEXFS_METRIC_COSINE, 100, 40, 12000);
	for (i = 0; i < 6000; i++)
		clusters_put(&set, i);
	clusters_list(&set, 6000);
	for (n = 6500; n <= 12000; n += 500) {
		while (set.n < n)
			clusters_put(&set, set.n);
		clusters_code(&set);
		clusters_link(&set, n);
		clusters_balance(&set, NULL);
		bytes = vexfs_lists_bytes(set.lists);
		cost = vexfs_lists_cost(100, n);
		print_message("%u rows: %llu bytes of %llu, at most %llu\n", n, needed(set.lists),
			      bytes, cost);
		assert_true(bytes <= cost);
	}
	assert_true(clusters_recall(&set, 1000000, 20) > 0.98);
	clusters_free(&set);
}

static int seed(void **state)
{
	(void)state;
	chance_seed(1);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	clusters_free(&set);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fresh, seed, clean),
		cmocka_unit_test_setup_teardown(test_growing, seed, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
