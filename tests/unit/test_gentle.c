// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * A compaction that nobody has asked for gives way: it rests as long as it works.
 */
#include <sys/resource.h>

#include "stored.h"

#define RECORDS	140000u
#define DEAD	80000u			/* more than half, and than 64 Ki */
#define STEPS	((RECORDS - DEAD) / 512)	/* of a compaction of small records */

static void delete_first(__u32 n)
{
	__u64 *ids = calloc(n, sizeof(*ids));
	struct vexfs_ioc_delete arg = { .size = sizeof(arg), .n = n, .ids = (uintptr_t)ids };
	__u32 i;

	for (i = 0; i < n; i++)
		ids[i] = i + 1;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DELETE, &arg), 0);
	free(ids);
}

/* How often this thread has slept. */
static __u64 sleeps(void)
{
	struct rusage r;

	assert_int_equal(getrusage(RUSAGE_THREAD, &r), 0);
	return r.ru_nvcsw;
}

static void rests(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	__u64 before, slept[2];
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		prepare(RECORDS);
		WRITE_ONCE(sbi()->opts.compact, 50);
		delete_first(DEAD);
		assert_int_equal(vexfs_file_sync(m.c), 0);
		before = sleeps();
		if (i)
			assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
		else
			assert_int_equal(vexfs_collections_compact(sb()), 0);
		slept[i] = sleeps() - before;
		assert_int_equal(info_of(&m).epoch, 1);
		assert_int_equal(info_of(&m).count, RECORDS - DEAD);
		right(DEAD + 1, RECORDS + 1);
		finish();
	}
	printf("# %u steps: slept %llu times by itself, %llu times when it was asked for\n", STEPS,
	       slept[0], slept[1]);
	assert_true(slept[0] >= STEPS);
	assert_true(slept[1] < STEPS / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rests),
	};

	return cmocka_run_group_tests_name("gentle", tests, NULL, NULL);
}
