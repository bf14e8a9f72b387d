// SPDX-License-Identifier: GPL-2.0
#include "stored.h"

struct mount m;

struct super_block *sb(void)
{
	return vexfs_image_sb(m.image);
}

struct vexfs_sb_info *sbi(void)
{
	return VEXFS_SB(sb());
}

struct vexfs_collection_mem *coll(void)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m.c));

	assert_false(IS_ERR(c));
	vexfs_collection_put(c);	/* the directory has it */
	return c;
}

void no_worker(void)
{
	vexfs_worker_end(&sbi()->worker);
	vexfs_worker_init(&sbi()->worker);
	sbi()->worker.pid = -1;
}

void work(void)
{
	WRITE_ONCE(coll()->body->derived_wanted, true);
	while (vexfs_derived_upkeep(coll()))
		;
}

void open_quietly(unsigned int flags)
{
	mount_open(&m, flags);
	no_worker();
	mount_open_c(&m);
}

void remount(unsigned int flags)
{
	mount_close(&m);
	mount_check(&m);
	open_quietly(flags);
}

static __u64 unreadable;

static bool is_unreadable(struct vexfs_dev *dev, __u64 block)
{
	(void)dev;
	return block == unreadable;
}

void make_unreadable(__u64 block)
{
	unreadable = block;
	sbi()->dev->unreadable = is_unreadable;
}

void prepare(__u32 n)
{
	vexfs_checkpoint_least = n < VEXFS_MIN_LISTED ? 1 : VEXFS_MIN_LISTED;
	mount_with_collection(&m);
	no_worker();
	assert_int_equal(insert_some(&m, 1, n, 0), 0);
}

void finish(void)
{
	mount_unmake(&m);
	vexfs_checkpoint_least = VEXFS_MIN_LISTED;
}

/* --- searches --- */

long try_ask(__u64 id, __u32 recall, __u32 timeout_us, struct answer *a)
{
	float v[DIMS];
	struct vexfs_ioc_search arg = {
		.size = sizeof(arg),
		.k = K,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)a->hit,
		.trace = (uintptr_t)&a->trace,
		.recall = recall,
		.timeout_us = timeout_us,
	};
	long err;

	memset(a, 0, sizeof(*a));
	a->trace.size = sizeof(a->trace);
	vector_of(id, v);
	err = vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg);
	a->n = arg.n;
	strcpy(a->strategy, arg.strategy);
	return err;
}

struct answer ask(__u64 id, __u32 recall)
{
	struct answer a;

	assert_int_equal(try_ask(id, recall, 0, &a), 0);
	return a;
}

static double square(double x)
{
	return x * x;
}

/* How many of the k nearest are nearer than the last one that was found, by looking at all. */
static __u32 nearer(__u64 id, const struct answer *a, __u64 first, __u64 end)
{
	float v[DIMS], w[DIMS];
	__u32 n = 0, i;
	__u64 other;
	double d;

	vector_of(id, v);
	for (other = first; other < end; other++) {
		vector_of(other, w);
		for (i = 0, d = 0; i < DIMS; i++)
			d += square(v[i] - (double)w[i]);
		n += d < a->hit[a->n - 1].distance - 1e-9;
	}
	return n;
}

bool there(__u64 id)
{
	struct answer a = ask(id, 1000000);

	return a.hit[0].id == id && a.hit[0].distance == 0;
}

void right(__u64 first, __u64 end)
{
	__u32 good = 0, asked = 0;
	struct answer a;
	__u64 id;

	assert_int_equal(info_of(&m).live, end - first);
	for (id = first; id < end; id += (end - first) / 20, asked++) {
		a = ask(id, 1000000);
		assert_int_equal(a.n, K);
		assert_int_equal(a.hit[0].id, id);
		assert_true(a.hit[0].distance == 0);
		assert_true(nearer(id, &a, first, end) < K);
		a = ask(id, 990000);
		assert_int_equal(a.n, K);
		good += a.hit[0].id == id && nearer(id, &a, first, end) <= K;
	}
	/* all ten of so few queries: 18 of 20 on average, which is not to fail once in a thousand */
	assert_true(good >= asked / 2);
}

bool was_read(__u64 slots)
{
	struct vexfs_derived *d = vexfs_derived_get(coll()->body);
	bool is = d && d->stored == slots && vexfs_codes_count(d->codes) >= slots;

	vexfs_derived_put(d);
	return is;
}
