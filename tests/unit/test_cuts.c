// SPDX-License-Identifier: GPL-2.0
/*
 * Power cuts over the whole stack: collections on an image that is mounted in this process, on a
 * simulated disk (disk.h).
 *
 * Each workload of up to three operations, of the small alphabet below, is done on the same
 * filesystem, then a sync, then an unmount.  At every flush the power is cut: after each write
 * since the last flush, and with every subset of these writes or, when they are many, those that
 * disk.h says.  Each such state is mounted, compared with what may have survived (history.h),
 * unmounted and verified; in the mount of some the power is cut again.  Longer workloads follow, by
 * chance.
 *
 * Two disks that nothing can be safe on must be noticed.  VEXFS_STATES=N tries so many states, all
 * of a workload; else some of each, by chance.  VEXFS_SEED=N repeats a run.
 */
#include <time.h>

#include <platform/host.h>
#include "collection/collection.h"

#include "box.h"
#include "world.h"

#define MAX_LETTERS 12u
#define LETTERS ((__u32)sizeof(WORLD_LETTERS) - 1)
#define STATES 5000u /* in make check */

static struct world w;
static struct disk second; /* for what is cut again */
static struct history *h = &w.history;
static char letters[MAX_LETTERS + 1]; /* of the workload */
static __u32 share; /* percent of the states of a workload to be tried */
static bool tell; /* what is wrong is a failure of this test */
static size_t states, wrong, workloads, second_cuts;

/* --- what a power cut leaves --- */

static void verdict(const struct client *c, bool fine)
{
	states++;
	if (!fine && tell && wrong < 3)
		world_complain(&w, c->why);
	wrong += !fine;
}

/* Mount what is in state, compare, unmount, verify. */
static void judge_state(struct disk *d)
{
	struct client c;
	bool fine = !client_mount(&c, d->state, d->blocks, disk_record_state, d);

	if (fine) {
		fine = client_survived(&c, h, false);
		fine = !client_unmount(&c) && fine;
		fine = client_verify(&c, d->state, d->blocks) && fine;
	}
	verdict(&c, fine);
}

static void at_second_flush(struct disk *d)
{
	second_cuts += disk_cuts(d, 2, judge_state);
}

/* The power is cut again while the state is mounted, at every flush of that. */
static void cut_again(struct disk *d)
{
	struct client c;
	bool fine;

	disk_copy(&second, d);
	second.flush = at_second_flush;
	fine = !client_mount(&c, second.live, second.blocks, disk_record, &second);
	if (fine) {
		client_kill(&c);
		at_second_flush(&second);
	}
	second.flush = NULL;
	verdict(&c, fine);
}

static void judge(struct disk *d)
{
	if (share < 100 && chance(100) >= share)
		return;
	if (!chance(80))
		cut_again(d);
	judge_state(d);
}

static void at_flush(struct disk *d)
{
	disk_cuts(d, 8, judge);
}

/* --- workloads --- */

/* Do what a letter means.  False: it means nothing here, or must fail. */
static bool do_letter(char letter)
{
	struct op *op = world_letter(&w, letter);

	if (!op)
		return false;
	history_add(h, op);
	if (op->want)
		return false; /* test_records.c has those */
	if (!client_step(&w.client, h, op)) {
		world_complain(&w, w.client.why);
		fail();
	}
	return true;
}

/*
 * The letters and a sync, then an unmount, all with power cuts.  A workload in which a letter means
 * nothing is none.
 */
static void workload(__u32 n)
{
	bool is_one = true;
	__u32 i;

	letters[n] = '\0';
	w.what = letters;
	assert_true(world_begin(&w));
	w.disk.flush = at_flush;
	for (i = 0; i < n && is_one; i++)
		is_one = do_letter(letters[i]);
	if (!is_one)
		w.disk.flush = NULL;
	else
		world_do(&w, op_new(n % 2 ? OP_SYNC : OP_SYNC_ALL, world_current(&w), 0, 0));
	workloads += is_one;
	if (client_unmount(&w.client)) {
		world_complain(&w, w.client.why);
		fail();
	}
	if (is_one)
		at_flush(&w.disk);
	w.disk.flush = NULL;
}

/* All workloads of n letters, or of each group of `every` of them one by chance. */
static void all_workloads(__u32 n, __u32 every)
{
	__u32 i, k, all = 1, code;

	for (i = 0; i < n; i++)
		all *= LETTERS;
	for (k = 0; k < all; k += every) {
		code = k + chance(every);
		for (i = 0; i < n; i++, code /= LETTERS)
			letters[i] = WORLD_LETTERS[code % LETTERS];
		workload(n);
	}
}

static void by_chance(void)
{
	__u32 n = 4 + chance(MAX_LETTERS - 4), i;

	for (i = 0; i < n; i++)
		letters[i] = WORLD_LETTERS[chance(LETTERS)];
	workload(n);
}

/* --- tests --- */

static void begin(enum disk_lie lie, bool honest)
{
	world_open(&w);
	disk_make(&second, w.disk.blocks);
	w.disk.lie = lie;
	tell = honest;
	share = 100;
	states = wrong = workloads = second_cuts = 0;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void power_cuts(void **state)
{
	const char *env = getenv("VEXFS_STATES");
	size_t wanted = env ? strtoull(env, NULL, 0) : STATES;
	double since = seconds();

	(void)state;
	begin(DISK_HONEST, true);
	share = env ? 100 : 20;
	all_workloads(1, 1);
	all_workloads(2, 1);
	all_workloads(3, env ? 1 : 36);
	printf("# %zu workloads of up to three operations: %zu states\n", workloads, states);
	while (states < wanted)
		by_chance();
	printf("# %zu workloads, %zu states, %zu of them cut twice, %.0f a minute, %zu wrong\n",
	       workloads, states, second_cuts, states / (seconds() - since) * 60, wrong);
	assert_int_equal(wrong, 0);
	world_close(&w);
	disk_free(&second);
}

/* The same with every death in the log, which is folded after a few: see deaths.c. */
static void power_cuts_with_a_log(void **state)
{
	(void)state;
	vexfs_commit_dead_blocks = 0;
	vexfs_deaths_many = 3;
	begin(DISK_HONEST, true);
	share = 20;
	all_workloads(1, 1);
	all_workloads(2, 2);
	while (states < STATES / 4)
		by_chance();
	printf("# %zu workloads, %zu states, %zu of them cut twice, %zu wrong\n", workloads, states,
	       second_cuts, wrong);
	assert_int_equal(wrong, 0);
	world_close(&w);
	disk_free(&second);
	vexfs_commit_dead_blocks = VEXFS_COMMIT_DEAD_BLOCKS;
	vexfs_deaths_many = 1 << 20;
}

static void noticed(enum disk_lie lie)
{
	begin(lie, false);
	while (states < 1500)
		by_chance();
	printf("# %zu of %zu states were noticed\n", wrong, states);
	assert_true(wrong > 10);
	world_close(&w);
	disk_free(&second);
}

static void a_disk_without_flushes_is_noticed(void **state)
{
	(void)state;
	noticed(DISK_NO_FLUSH);
}

static void a_disk_that_loses_data_is_noticed(void **state)
{
	(void)state;
	noticed(DISK_NO_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cuts),
		cmocka_unit_test(power_cuts_with_a_log),
		cmocka_unit_test(a_disk_without_flushes_is_noticed),
		cmocka_unit_test(a_disk_that_loses_data_is_noticed),
	};

	chance_seed(31);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
