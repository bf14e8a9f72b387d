// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Live recall: which answers are kept, and what is made of them when records have come and gone
 * since.  Answers that miss something are made here, of true ones.
 */
#include <search/search.h>
#include "mount.h"

#define RECORDS	3000

static struct vexfs_collection_mem *collection(struct mount *m)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m->c));

	assert_false(IS_ERR(c));
	return c;
}

static struct vexfs_sb_info *info_of_mount(struct mount *m)
{
	return VEXFS_SB(file_inode(m->c)->i_sb);
}

/* What is known of a strategy; zeros: nothing is. */
static struct vexfs_recall_count counts_of(struct mount *m, const char *strategy)
{
	struct vexfs_recall_count count[VEXFS_STRATEGIES + 1];
	struct vexfs_ioc_recall arg = {
		.size = sizeof(arg),
		.n = VEXFS_STRATEGIES + 1,
		.counts = (uintptr_t)count,
	};
	__u32 i;

	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_RECALL, &arg), 0);
	assert_int_equal(arg.one_in, VEXFS_RECALL_ONE_IN);
	assert_true(arg.n <= VEXFS_STRATEGIES);
	for (i = 0; i < arg.n; i++)
		if (!strcmp(count[i].strategy, strategy)) {
			assert_int_equal(count[i].dir, file_inode(m->c)->i_ino);
			return count[i];
		}
	return (struct vexfs_recall_count){};
}

static void judge_all(struct mount *m)
{
	struct vexfs_collection_mem *c = collection(m);

	while (vexfs_recall_step(c))
		;
	vexfs_collection_put(c);
}

/* Many searches, of which some may be kept, and judged by the worker. */
static void search_often(struct mount *m, struct vexfs_ioc_search arg)
{
	struct vexfs_hit hits[20];
	float v[DIMS];
	__u32 i;

	WRITE_ONCE(info_of_mount(m)->recall_after, 0);

	arg.size = sizeof(arg);
	arg.k = arg.k ?: 10;
	arg.vector_bytes = sizeof(v);
	arg.vector = (uintptr_t)v;
	arg.hits = (uintptr_t)hits;
	for (i = 0; i < 4 * VEXFS_RECALL_ONE_IN; i++) {
		vector_of(chance(RECORDS), v);
		arg.n = arg.truncated = arg.rounds = arg.restarts = 0;
		assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_SEARCH, &arg), 0);
	}
}

/* ... until it has judged some.  What came of them. */
static struct vexfs_recall_count search_until(struct mount *m, struct vexfs_ioc_search arg,
					      const char *strategy)
{
	struct vexfs_recall_count n = {};
	int rounds;

	for (rounds = 0; n.queries < 3; rounds++) {
		assert_true(rounds < 200);
		search_often(m, arg);
		n = counts_of(m, strategy);
	}
	return n;
}

/* Nothing is kept but by the test, which judges it itself. */
static void begin(struct mount *m, __u32 records)
{
	mount_with_collection(m);
	WRITE_ONCE(info_of_mount(m)->recall_after, ~0ULL);
	assert_int_equal(insert_some(m, 0, records, 0), 0);
}

/* Built-in strategies find all. */
static void true_answers(void **state)
{
	struct vexfs_recall_count n;
	struct mount m;

	(void)state;
	begin(&m, RECORDS);
	n = search_until(&m, (struct vexfs_ioc_search){ .recall = 950000 }, "coded");
	assert_int_equal(n.expected, 10 * n.queries);
	assert_true(n.found > 0.98 * n.expected && n.found <= n.expected);
	assert_int_equal(n.wanted, 950000 * n.queries);
	assert_int_equal(counts_of(&m, "exact").queries, 0);
	mount_unmake(&m);

	begin(&m, 500);			/* too few for codes */
	n = search_until(&m, (struct vexfs_ioc_search){ .k = 20 }, "exact");
	assert_int_equal(n.expected, 20 * n.queries);
	assert_int_equal(n.found, n.expected);
	mount_unmake(&m);

	begin(&m, 3);			/* fewer than are wanted */
	n = search_until(&m, (struct vexfs_ioc_search){}, "exact");
	assert_int_equal(n.expected, 3 * n.queries);
	assert_int_equal(n.found, n.expected);
	mount_unmake(&m);
}

/* What an exact search need not agree with is not kept. */
static void not_comparable(void **state)
{
	struct vexfs_predicate_node where = { .op = VEXFS_PRED_LT, .value = RECORDS / 2 };
	struct vexfs_ioc_snapshot snapshot = {
		.size = sizeof(snapshot),
		.op = VEXFS_SNAPSHOT_CREATE,
		.name = "then",
	};
	struct mount m;

	(void)state;
	begin(&m, RECORDS);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SNAPSHOT, &snapshot), 0);
	search_often(&m, (struct vexfs_ioc_search){ .flags = VEXFS_SEARCH_EXACT });
	search_often(&m, (struct vexfs_ioc_search){ .flags = VEXFS_SEARCH_RANGE, .k = 20,
						    .radius = ~0ULL >> 2 });
	search_often(&m, (struct vexfs_ioc_search){ .per_file = 1 });
	search_often(&m, (struct vexfs_ioc_search){ .snapshot = "then" });
	search_often(&m, (struct vexfs_ioc_search){ .where = (uintptr_t)&where,
						    .where_nodes = 1 });
	search_often(&m, (struct vexfs_ioc_search){ .max_visits = 64 });
	assert_int_equal(counts_of(&m, "coded").queries, 0);
	assert_int_equal(counts_of(&m, "exact").queries, 0);
	mount_unmake(&m);
}

/* The k nearest of a vector, as if a strategy had found them; the caller may change them. */
static struct vexfs_sample *answered(struct mount *m, __u64 id, __u32 k)
{
	struct vexfs_hit hits[20];
	struct vexfs_collection_mem *c = collection(m);
	struct vexfs_sample *sample = vexfs_sample_new(k, DIMS * 4);
	int i;

	assert_true(k <= 20);
	assert_int_equal(search_id(m, id, k, NULL, hits), k);
	sample->epoch = c->body->epoch;
	sample->count = vexfs_columns_count(c->body->columns);
	sample->recall = VEXFS_DEFAULT_RECALL;
	sample->k = k;
	strcpy(sample->strategy, "made");
	vector_of(id, sample->row);
	for (i = 0; i < (int)k; i++) {
		sample->hit[i].slot = hits[i].slot;
		sample->hit[i].id = hits[i].id;
		memcpy(&sample->hit[i].distance, &hits[i].distance, 8);
	}
	vexfs_collection_put(c);
	return sample;
}

/* Judge it: of so many, so many were found. */
static void judged(struct mount *m, struct vexfs_sample *sample, __u32 expected, __u32 found)
{
	struct vexfs_recall_count before = counts_of(m, "made"), after;
	struct vexfs_collection_mem *c = collection(m);

	vexfs_recall_keep(&c->recall, sample);
	vexfs_collection_put(c);
	judge_all(m);
	after = counts_of(m, "made");
	assert_int_equal(after.queries - before.queries, expected ? 1 : 0);
	assert_int_equal(after.expected - before.expected, expected);
	assert_int_equal(after.found - before.found, found);
}

/* An answer in which some of the true ones have made room for farther ones. */
static struct vexfs_sample *lossy(struct mount *m, __u64 id, __u32 k, __u32 missing)
{
	struct vexfs_sample *far = answered(m, id, 20), *sample = answered(m, id, k);

	assert_true(k + missing <= 20);
	memmove(sample->hit, far->hit + missing, k * sizeof(*far->hit));
	free(far);
	return sample;
}

static void lost(void **state)
{
	struct vexfs_sample *sample;
	struct mount m;

	(void)state;
	begin(&m, RECORDS);
	judged(&m, answered(&m, 700, 10), 10, 10);
	judged(&m, lossy(&m, 700, 10, 1), 10, 9);
	judged(&m, lossy(&m, 700, 10, 10), 10, 0);
	sample = answered(&m, 701, 10);
	sample->n = 7;			/* fewer than there are */
	judged(&m, sample, 10, 7);
	sample = answered(&m, 702, 10);
	sample->n = 0;
	judged(&m, sample, 10, 0);
	/* as near as the last one is good enough */
	sample = answered(&m, 703, 10);
	sample->hit[9].slot = 0;
	judged(&m, sample, 10, 10);
	mount_unmake(&m);
}

/* Records that come and go between the answer and its judgement. */
static void changed(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_sample *sample;
	struct mount m;
	__u32 i;

	(void)state;
	begin(&m, RECORDS);
	sample = answered(&m, 700, 10);
	for (i = 0; i < 3; i++)		/* three of them die, of which the answer knew */
		assert_int_equal(delete_id(&m, sample->hit[2 * i].id), 0);
	judged(&m, sample, 7, 7);
	sample = lossy(&m, 1000, 10, 2);
	for (i = 0; i < 3; i++)
		assert_int_equal(delete_id(&m, sample->hit[2 * i].id), 0);
	/* 5 of the 7 that are left are among the 7 nearest but 2, which it had missed */
	judged(&m, sample, 7, 5);
	/* the missed ones die: nothing is wrong with what is left */
	sample = lossy(&m, 1200, 10, 1);
	{
		struct vexfs_sample *all = answered(&m, 1200, 10);

		assert_int_equal(delete_id(&m, all->hit[0].id), 0);
		free(all);
	}
	judged(&m, sample, 10, 10);
	/* all of them */
	sample = answered(&m, 1500, 10);
	for (i = 0; i < 10; i++)
		assert_int_equal(delete_id(&m, sample->hit[i].id), 0);
	judged(&m, sample, 0, 0);
	/* what came later was not to be found, and what it replaced is still to be */
	sample = answered(&m, 2000, 10);
	for (i = 0; i < 5; i++)
		assert_int_equal(insert_some(&m, sample->hit[i].id, 1, VEXFS_INSERT_UPSERT), 0);
	judged(&m, sample, 10, 10);
	/* slots of another epoch are others' */
	sample = answered(&m, 2200, 10);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_true(compact.after < compact.before);
	judged(&m, answered(&m, 2200, 10), 10, 10);	/* and has the rows read */
	judged(&m, sample, 0, 0);
	mount_unmake(&m);
}

/* A record whose file goes. */
static void file_gone(void **state)
{
	struct vexfs_sample *sample;
	struct vexfs_hit hit;
	struct mount m;
	struct file *a;

	(void)state;
	begin(&m, RECORDS);
	a = file_open(&m, "/c/a", "text");
	assert_int_equal(delete_id(&m, 700), 0);
	assert_int_equal(insert_one(&m, 700, NULL, NULL, number_of(a), 0), 0);
	numbers_forget();
	vexfs_file_close(a);
	assert_int_equal(search_id(&m, 700, 1, NULL, &hit), 1);
	assert_int_equal(hit.id, 700);
	judged(&m, answered(&m, 700, 10), 10, 10);
	sample = answered(&m, 700, 10);
	assert_int_equal(vexfs_image_unlink(m.image, "/c/a"), 0);
	judged(&m, sample, 9, 9);
	mount_unmake(&m);
}

/* No more than some wait, and a collection that goes takes them along. */
static void waiting(void **state)
{
	struct vexfs_collection_mem *c;
	struct mount m;
	__u32 i;

	(void)state;
	begin(&m, RECORDS);
	c = collection(&m);
	for (i = 0; i < 3 * VEXFS_SAMPLES; i++)
		vexfs_recall_keep(&c->recall, answered(&m, 100 * i, 5));
	for (i = 0; vexfs_recall_step(c); i++)
		;
	assert_int_equal(i, VEXFS_SAMPLES);
	vexfs_recall_keep(&c->recall, answered(&m, 1, 5));
	vexfs_collection_put(c);
	mount_unmake(&m);
}

/* The worker rests for long after each, and judges nothing meanwhile. */
static void resting(void **state)
{
	struct vexfs_collection_mem *c;
	struct vexfs_sb_info *sbi;
	struct mount m;
	__u64 now;

	(void)state;
	begin(&m, RECORDS);
	c = collection(&m);
	sbi = info_of_mount(&m);
	vexfs_recall_keep(&c->recall, answered(&m, 1, 5));
	vexfs_recalls(c->dir->i_sb);
	assert_int_equal(counts_of(&m, "made").queries, 0);
	sbi->recall_after = 0;
	now = vx_clock_us();
	vexfs_recalls(c->dir->i_sb);
	assert_int_equal(counts_of(&m, "made").queries, 1);
	assert_true(sbi->recall_after >= now + 64);
	vexfs_collection_put(c);
	mount_unmake(&m);
}

/* More strategies than are told apart: the one with the fewest makes room. */
static void strategies(void **state)
{
	struct vexfs_sample *sample;
	struct mount m;
	__u32 i, n;

	(void)state;
	begin(&m, RECORDS);
	for (i = 0; i < VEXFS_STRATEGIES + 3; i++)
		for (n = 0; n < 1 + (i < VEXFS_STRATEGIES - 1); n++) {
			struct vexfs_collection_mem *c = collection(&m);

			sample = answered(&m, 100 * i, 1);
			sprintf(sample->strategy, "s%u", i);
			vexfs_recall_keep(&c->recall, sample);
			vexfs_recall_step(c);
			vexfs_collection_put(c);
		}
	for (i = 0; i < VEXFS_STRATEGIES + 3; i++) {
		char name[8];

		sprintf(name, "s%u", i);
		assert_int_equal(counts_of(&m, name).queries, i < VEXFS_STRATEGIES - 1 ? 2 :
				 i == VEXFS_STRATEGIES + 2 ? 1 : 0);
	}
	mount_unmake(&m);
}

/* The call itself. */
static void calls(void **state)
{
	struct vexfs_recall_count count[4];
	struct vexfs_ioc_recall arg = { .size = sizeof(arg), .n = 4, .counts = (uintptr_t)count };
	struct mount m;
	struct file *root;

	(void)state;
	begin(&m, RECORDS);
	judged(&m, lossy(&m, 700, 10, 4), 10, 6);
	root = vexfs_file_open(m.image, "/", O_RDONLY, 0);
	assert_false(IS_ERR(root));
	assert_int_equal(vexfs_file_ioctl(root, VEXFS_IOC_RECALL, &arg), -ENODATA);
	arg.n = 4;
	arg.flags = VEXFS_RECALL_MOUNT;
	assert_int_equal(vexfs_file_ioctl(root, VEXFS_IOC_RECALL, &arg), 0);
	assert_int_equal(arg.n, 1);
	assert_string_equal(count[0].strategy, "made");
	assert_int_equal(count[0].dir, file_inode(m.c)->i_ino);
	assert_int_equal(count[0].generation, file_inode(m.c)->i_generation);
	assert_int_equal(count[0].found, 6);
	vexfs_file_close(root);
	arg.n = 0;			/* how often one is kept, and no more */
	arg.counts = arg.one_in = 0;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_RECALL, &arg), 0);
	assert_int_equal(arg.n, 0);
	assert_int_equal(arg.one_in, VEXFS_RECALL_ONE_IN);
	arg.flags = 2;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_RECALL, &arg), -EINVAL);
	arg.flags = 0;
	arg.reserved[3] = 1;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_RECALL, &arg), -EINVAL);
	arg.reserved[3] = 0;
	arg.n = VEXFS_MAX_RECALLS + 1;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_RECALL, &arg), -E2BIG);
	mount_unmake(&m);
}

/* --- learning --- */

/* n answers by lists, looked for with this care, each had so many of 10 neighbours. */
static void answers(struct vexfs_recall *r, __u32 care, __u32 n, __u32 found)
{
	struct vexfs_sample *sample = vexfs_sample_new(0, 0);

	strcpy(sample->strategy, "ivf");
	sample->recall = 990000;
	sample->care = care;
	while (n--)
		vexfs_recall_add(r, sample, 10, found);
	free(sample);
}

static void renew(struct vexfs_recall *r)
{
	memset(r, 0, sizeof(*r));
	vexfs_recall_init(r);
}

/* What judged answers missed sets the care with which lists are looked into. */
static void care(void **state)
{
	struct vexfs_recall r;
	__u32 i;

	(void)state;
	renew(&r);
	assert_int_equal(vexfs_recall_aim(990000, r.care), 990000);
	assert_int_equal(vexfs_recall_aim(VEXFS_RECALL_ALL, VEXFS_MOST_CARE), VEXFS_RECALL_ALL);
	answers(&r, 0, 1000, 2);		/* by something else */
	answers(&r, r.care, 1000, 10);
	assert_int_equal(r.care, VEXFS_CARE);

	renew(&r);
	answers(&r, VEXFS_CARE, 15, 8);		/* too few to say anything */
	assert_int_equal(r.care, VEXFS_CARE);
	answers(&r, VEXFS_CARE, 1, 8);		/* a fifth is missed, and may be a hundredth */
	assert_int_equal(r.care, 8 * VEXFS_CARE);
	assert_int_equal(vexfs_recall_aim(990000, r.care), 998750);
	answers(&r, VEXFS_CARE, 1000, 0);	/* of before */
	assert_int_equal(r.care, 8 * VEXFS_CARE);
	answers(&r, 8 * VEXFS_CARE, 255, 10);
	assert_int_equal(r.care, 8 * VEXFS_CARE);
	answers(&r, 8 * VEXFS_CARE, 1, 10);
	assert_int_equal(r.care, 4 * VEXFS_CARE);
	for (i = 0; i < 10; i++)		/* no less than was measured, and no more than there is */
		answers(&r, r.care, 256, 10);
	assert_int_equal(r.care, VEXFS_CARE);
	for (i = 0; i < 10; i++)
		answers(&r, r.care, 16, 0);
	assert_int_equal(r.care, VEXFS_MOST_CARE);

	renew(&r);				/* as many are missed as may be */
	for (i = 0; i < 5000; i++)
		answers(&r, VEXFS_CARE, 1, chance(10) ? 10 : 9);
	assert_int_equal(r.care, VEXFS_CARE);
	for (i = 0; i < 5000 && r.care == VEXFS_CARE; i++)
		answers(&r, VEXFS_CARE, 1, chance(4) ? 10 : 9);
	assert_in_range(i, 15, 2000);		/* 2.5 times as many */
}

static struct vexfs_search_trace explained(struct mount *m, struct vexfs_ioc_search arg)
{
	struct vexfs_search_trace trace = { .size = sizeof(trace) };
	struct vexfs_hit hits[10];
	float v[DIMS];

	vector_of(4711, v);
	arg.size = sizeof(arg);
	arg.k = 10;
	arg.vector_bytes = sizeof(v);
	arg.vector = (uintptr_t)v;
	arg.hits = (uintptr_t)hits;
	arg.trace = (uintptr_t)&trace;
	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_SEARCH, &arg), 0);
	return trace;
}

/* Lists are looked into with that care, by those who ask for a recall; and it is told. */
static void careful(void **state)
{
	struct vexfs_ioc_index index = { .size = sizeof(index) };
	struct vexfs_search_trace before, after;
	struct vexfs_collection_mem *c;
	struct mount m;

	(void)state;
	begin(&m, 8500);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INDEX, &index), 0);
	before = explained(&m, (struct vexfs_ioc_search){ .recall = 900000 });
	assert_int_equal(before.plan, VEXFS_PLAN_IVF);
	assert_int_equal(before.plan_why, VEXFS_WHY_MEASURED);
	assert_int_equal(before.aim, 900000);
	c = collection(&m);
	answers(&c->recall, VEXFS_CARE, 16, 0);
	vexfs_collection_put(c);
	after = explained(&m, (struct vexfs_ioc_search){ .recall = 900000 });
	assert_int_equal(after.plan_why, VEXFS_WHY_LEARNED);
	assert_int_equal(after.aim, 987500);
	assert_true(after.probed > before.probed);
	assert_int_equal(explained(&m, (struct vexfs_ioc_search){}).aim, 998750);
	after = explained(&m, (struct vexfs_ioc_search){ .effort = before.probed });
	assert_int_equal(after.plan_why, VEXFS_WHY_CALLER);
	assert_int_equal(after.probed, before.probed);
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(true_answers),	cmocka_unit_test(not_comparable),
		cmocka_unit_test(lost),		cmocka_unit_test(changed),
		cmocka_unit_test(file_gone),	cmocka_unit_test(waiting),
		cmocka_unit_test(resting),	cmocka_unit_test(strategies),
		cmocka_unit_test(calls),	cmocka_unit_test(care),
		cmocka_unit_test(careful),
	};

	chance_seed(7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
