// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * VEXFS_IOC_INDEX: what searches profit from is made at once, whether there is a worker or not, and
 * beside everything else.  Built for both sanitizers.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "races.h"
#include "stored.h"
#include "platform/vexfs-user.h"

KNOWN_RACES(RACES_OF_BLOCKS RACES_OF_ORPHANS)

static long index_now(void)
{
	struct vexfs_ioc_index arg = { .size = sizeof(arg) };

	return vexfs_file_ioctl(m.c, VEXFS_IOC_INDEX, &arg);
}

static struct vexfs_ioc_memory memory(void)
{
	struct vexfs_ioc_memory arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_MEMORY, &arg), 0);
	assert_int_equal(arg.collections, 1);
	return arg;
}

/* All of it. */
static void is_indexed(__u64 slots)
{
	struct vexfs_ioc_info info = info_of(&m);

	assert_int_equal(info.count, slots);
	assert_int_equal(info.coded, slots);
	assert_int_equal(info.linked, slots);
	assert_true(info.lists > 0);
	assert_int_equal(info.lists_state, VEXFS_CODES_ALL);
}

/* Nobody has searched, and no worker runs. */
static void at_once(void **state)
{
	struct vexfs_ioc_info info;

	(void)state;
	prepare(N);
	info = info_of(&m);
	assert_int_equal(info.coded + info.lists + info.linked, 0);
	assert_int_equal(info.lists_state, VEXFS_CODES_NONE);
	assert_int_equal(memory().codes + memory().lists + memory().tables, 0);
	assert_int_equal(memory().checkpoints + memory().lacking, 0);
	assert_int_equal(index_now(), 0);
	is_indexed(N);
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_true(memory().codes > N * DIMS / 8 && memory().lists > N * DIMS / 8);
	assert_true(memory().codes + memory().lists <= memory().evictable);
	assert_int_equal(memory().checkpoints, 1);
	assert_int_equal(memory().checkpoint_slots, N);
	assert_int_equal(memory().checkpoint_bytes, info_of(&m).checkpoint_bytes);
	assert_string_equal(ask(77, 0).strategy, "ivf");
	/* what has come since, and nothing */
	assert_int_equal(insert_some(&m, N + 1, N, 0), 0);
	assert_int_equal(index_now(), 0);
	is_indexed(2 * N);
	assert_int_equal(index_now(), 0);
	right(1, 2 * N + 1);
	remount(0);
	ask(77, 0);
	assert_true(was_read(2 * N));
	/* who only reads has it in memory */
	remount(VEXFS_IMAGE_READONLY);
	assert_int_equal(index_now(), 0);
	is_indexed(2 * N);
	finish();
}

static void few(void **state)
{
	(void)state;
	prepare(FEW);
	assert_int_equal(index_now(), 0);
	assert_int_equal(info_of(&m).coded, FEW);
	assert_int_equal(info_of(&m).lists, 0);
	assert_int_equal(info_of(&m).lists_state, VEXFS_CODES_FEW);
	finish();
	prepare(10);
	assert_int_equal(index_now(), 0);
	assert_int_equal(info_of(&m).coded, 0);
	finish();
}

/* There is no room within resident=, first for anything, then for lists; and when there is, nothing waits. */
static void budget(void **state)
{
	__u64 all;

	(void)state;
	prepare(N);
	assert_int_equal(index_now(), 0);
	all = info_of(&m).resident;
	remount(0);
	WRITE_ONCE(sbi()->opts.resident, 0);
	assert_int_equal(index_now(), -ENOSPC);
	assert_int_equal(info_of(&m).codes, VEXFS_CODES_BUDGET);
	assert_int_equal(info_of(&m).lists_state, VEXFS_CODES_BUDGET);
	assert_int_equal(memory().lacking, 1);
	right(1, N + 1);
	WRITE_ONCE(sbi()->opts.resident, all * 3 / 4);
	assert_int_equal(index_now(), -ENOSPC);
	assert_int_equal(info_of(&m).coded, N);
	assert_int_equal(info_of(&m).lists, 0);
	assert_int_equal(info_of(&m).lists_state, VEXFS_CODES_BUDGET);
	assert_int_equal(memory().lacking, 1);
	right(1, N + 1);
	WRITE_ONCE(sbi()->opts.resident, all * 3);
	assert_int_equal(index_now(), 0);
	is_indexed(N);
	assert_int_equal(memory().lacking, 0);
	/* nor does it lack what it did not make again, but read */
	WRITE_ONCE(sbi()->opts.resident, all * 3 / 4);
	vexfs_budget_trim(sb());
	assert_int_equal(index_now(), -ENOSPC);
	assert_int_equal(memory().lacking, 1);
	WRITE_ONCE(sbi()->opts.resident, 0);
	vexfs_budget_trim(sb());
	WRITE_ONCE(sbi()->opts.resident, all * 3);
	ask(77, 0);
	assert_true(was_read(N));
	assert_int_equal(memory().lacking, 0);
	finish();
}

static void refused(void **state)
{
	struct vexfs_ioc_index arg = { .size = sizeof(arg), .flags = 1 };
	struct file *dir;

	(void)state;
	prepare(FEW);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INDEX, &arg), -EINVAL);
	arg = (struct vexfs_ioc_index){ .size = sizeof(arg), .reserved = { 0, 0, 1 } };
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INDEX, &arg), -EINVAL);
	arg = (struct vexfs_ioc_index){ .size = 4 };
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INDEX, &arg), -EINVAL);
	assert_int_equal(vexfs_image_mkdir(m.image, "/plain", 0755), 0);
	dir = vexfs_file_open(m.image, "/plain", O_RDONLY | O_DIRECTORY, 0);
	arg = (struct vexfs_ioc_index){ .size = sizeof(arg) };
	assert_int_equal(vexfs_file_ioctl(dir, VEXFS_IOC_INDEX, &arg), -ENODATA);
	vexfs_file_close(dir);
	assert_int_equal(info_of(&m).coded, 0);
	finish();
}

/* Killed before it is done: it ends, and can be taken up again. */
static void killed(void **state)
{
	(void)state;
	prepare(N);
	vexfs_kill(true);
	assert_int_equal(index_now(), -EINTR);
	vexfs_kill(false);
	right(1, N + 1);
	assert_int_equal(index_now(), 0);
	is_indexed(N);
	finish();
}

/* --- beside everything else --- */

#define ROUNDS	6u
#define MORE	1000u			/* records of a round */

static bool over;
static __u64 watched;			/* looks at how far it is */

static void want(bool fine, const char *what, long got)
{
	if (fine)
		return;
	fprintf(stderr, "%s: %ld\n", what, got);
	abort();
}

static void *indexes(void *arg)
{
	long err;

	(void)arg;
	do {
		err = index_now();
		want(!err, "index", err);
	} while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE));
	return NULL;
}

static void *watches(void *arg)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct vexfs_hit hit;
	long n;

	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		n = vexfs_file_ioctl(m.c, VEXFS_IOC_INFO, &info);
		want(!n && info.linked <= info.count && info.coded <= info.count, "info", n);
		n = search_id(&m, N / 2, 1, NULL, &hit);
		want(n == 1 && hit.id == N / 2, "search", n);
		watched++;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

/* The worker of the mount is there, too, and poked by each search. */
static void beside(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	pthread_t thread[3];
	__u32 i, id;

	(void)state;
	over = false;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, N, 0), 0);
	assert_int_equal(pthread_create(&thread[0], NULL, indexes, NULL), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, indexes, NULL), 0);
	assert_int_equal(pthread_create(&thread[2], NULL, watches, NULL), 0);
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(insert_some(&m, N + 1 + i * MORE, MORE, 0), 0);
		for (id = 1; id <= 40; id++)
			assert_int_equal(delete_id(&m, i * 40 + id), 0);
		if (i % 2)
			assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(index_now(), 0);
	is_indexed(N + ROUNDS * MORE - ROUNDS * 40);
	printf("# watched %llu times\n", watched);
	assert_true(watched > 0);
	mount_again(&m);
	mount_unmake(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_once),
		cmocka_unit_test(few),
		cmocka_unit_test(budget),
		cmocka_unit_test(refused),
		cmocka_unit_test(killed),
		cmocka_unit_test(beside),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
