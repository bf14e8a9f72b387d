// SPDX-License-Identifier: GPL-2.0
/*
 * A query in the memory of another one that is over, of another collection, with other methods and
 * another k: it answers as one in memory of its own, and has done the same for it.
 */
#include <stdlib.h>
#include <string.h>
#include "clusters.h"
#include "engine/lsh.h"

#define SETS 3
#define MOST 300
#define BYTES(s) (1000 + (s)->k % 900 * 64)

static struct clusters set[SETS];
static struct vexfs_lsh *lsh[SETS];

static void make(__u32 at, __u32 metric, __u32 dims, __u32 n)
{
	struct clusters *s = set + at;
	__u32 i;
	int err;

	clusters_init(s, metric, dims, 20, n + 100);
	for (i = 0; i < n; i++)
		clusters_put(s, i);
	clusters_code(s);
	clusters_list(s, n);
	for (i = 0; i < 100; i++)
		clusters_put(s, i * 7); /* replaced, and in no list */
	lsh[at] = vexfs_lsh_new(s->codes, &err, NULL, NULL);
	assert_non_null(lsh[at]);
}

/* Slots by scratch, out of order: a program's way to look. */
static int scattered(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u8 *mine = vexfs_q_scratch(q, BYTES(s));
	__u64 slot[VEXFS_BATCH];
	__u32 i;
	int n;

	if (s->state[3]++)
		return vexfs_coded(s);
	assert_non_null(mine);
	for (i = 0; i < BYTES(s); i++)
		assert_int_equal(mine[i], 0);
	memset(mine, 0xa5, BYTES(s));
	for (i = 0; i < VEXFS_BATCH; i++)
		slot[i] = (i * 37 + 11) % s->count;
	n = measured(q, vexfs_q_slots(q, slot, VEXFS_BATCH));
	return n < 0 ? n : vexfs_coded(s);
}

static void ask(struct vexfs_query *q, int (*strategy)(struct vexfs_search *),
		struct vexfs_hit_f *hits, __u32 *n, __u32 *truncated)
{
	__u32 restarts;
	int ret;

	assert_non_null(q);
	ret = run(q, strategy, hits, truncated, &restarts);
	assert_true(ret >= 0);
	*n = ret;
}

static void test_same(void **state)
{
	static int (*const strategy[])(struct vexfs_search *) = { vexfs_builtin, vexfs_flat,
								  vexfs_coded,	 vexfs_ivf,
								  vexfs_lsh,	 scattered };
	static struct vexfs_hit_f hit[2][MOST];
	struct vexfs_query *own, *again = NULL;
	__u32 round, n[2], truncated[2], at, way;
	float *v = calloc(1000, sizeof(*v));

	(void)state;
	make(0, VEXFS_METRIC_L2, 64, 3000);
	make(1, VEXFS_METRIC_COSINE, 200, 6000);
	make(2, VEXFS_METRIC_DOT, 20, 2000);
	for (round = 0; round < 300; round++) {
		struct vexfs_query_params p = { .row = v,
						.k = 1 + chance(chance(3) ? 20 : MOST),
						.deadline_us = ~0ULL };

		at = chance(SETS);
		way = chance(ARRAY_SIZE(strategy));
		p.dims = set[at].dims;
		p.metric = set[at].metric;
		p.codes = way == 1 ? NULL : set[at].codes;
		p.lists = way == 1 ? NULL : set[at].lists;
		p.lsh = lsh[at];
		p.per_file = chance(8) ? 0 : 3;
		clusters_vector(set + at, v);
		own = vexfs_query_new(set[at].columns, &set[at].plane, &p);
		ask(own, strategy[way], hit[0], &n[0], &truncated[0]);
		again = vexfs_query_again(again, set[at].columns, &set[at].plane, &p);
		ask(again, strategy[way], hit[1], &n[1], &truncated[1]);
		assert_int_equal(n[0], n[1]);
		assert_int_equal(truncated[0], truncated[1]);
		assert_memory_equal(hit[0], hit[1], n[0] * sizeof(hit[0][0]));
		assert_memory_equal(vexfs_query_stats(own), vexfs_query_stats(again),
				    sizeof(*vexfs_query_stats(own)));
		assert_memory_equal(vexfs_query_search(own), vexfs_query_search(again),
				    sizeof(*vexfs_query_search(own)));
		/* all that a program may read of what it asks for is its own */
		if (own->bucketing)
			assert_memory_equal(own->buckets->margin, again->buckets->margin,
					    own->s.tables * sizeof(*own->buckets->margin));
		assert_true(vexfs_query_bytes(again) >= vexfs_query_bytes(own) * 8 / 9);
		vexfs_query_free(own);
	}
	vexfs_query_free(again);
	for (at = 0; at < SETS; at++) {
		vexfs_lsh_free(lsh[at]);
		clusters_free(set + at);
	}
	free(v);
}

/* Where there is no memory for what the other one did not need, nothing is left behind. */
static void test_no_memory(void **state)
{
	static struct vexfs_hit_f hit[MOST];
	__u32 n, truncated, fails;
	struct vexfs_query *q;
	float *v = calloc(1000, sizeof(*v));
	long left;

	(void)state;
	make(0, VEXFS_METRIC_L2, 64, 500);
	make(1, VEXFS_METRIC_L2, 300, 3000);
	for (left = 0, fails = 1; fails; left++) {
		struct vexfs_query_params p = { .row = v,
						.k = 3,
						.dims = 64,
						.codes = set[0].codes,
						.metric = VEXFS_METRIC_L2,
						.deadline_us = ~0ULL };
		int ret;

		clusters_vector(set, v);
		q = vexfs_query_new(set[0].columns, &set[0].plane, &p);
		ask(q, vexfs_coded, hit, &n, &truncated);
		p.k = MOST;
		p.dims = 300;
		p.codes = set[1].codes;
		p.lists = set[1].lists;
		p.lsh = lsh[1];
		clusters_vector(set + 1, v);
		vx_ealloc_left = left;
		q = vexfs_query_again(q, set[1].columns, &set[1].plane, &p);
		ret = q ? run(q, left % 2 ? vexfs_lsh : vexfs_ivf, hit, &truncated, &n) : -ENOMEM;
		fails = ret == -ENOMEM ? 2 : fails - 1;
		assert_true(ret == -ENOMEM || ret == MOST);
		vx_ealloc_left = -1;
		/* what is left can be used by another one, or is freed */
		if (q)
			q = vexfs_query_again(q, set[1].columns, &set[1].plane, &p);
		if (q)
			ask(q, vexfs_ivf, hit, &n, &truncated);
		vexfs_query_free(q);
	}
	assert_true(left > 5);
	for (n = 0; n < 2; n++) {
		vexfs_lsh_free(lsh[n]);
		clusters_free(set + n);
	}
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
