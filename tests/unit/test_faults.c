// SPDX-License-Identifier: GPL-2.0
/*
 * The n-th read, write, flush, access to a block in a transaction, or allocation fails, for every n
 * until there are no more, of every operation on collections and their files, over the whole stack.
 *
 * An operation that fails must leave all of itself or nothing to be seen.  Either the filesystem
 * goes on: then all that comes after works, and is there after a crash.  Or its log ends: then
 * everything that writes is EIO.  In both cases the next mount finds what was acknowledged by
 * fsync, and a filesystem that verifies.
 *
 * The same when all calls from the n-th on fail, until the operation is over, and when nothing is in
 * memory as it begins.  Of these some n are left out, unless VEXFS_FAULTS=all.
 */
#include <time.h>

#include <platform/host.h>
#include "collection/collection.h"

#include "box.h"
#include "world.h"

static struct world w;
static struct history *h = &w.history;
static bool every; /* n */
static bool stays; /* all calls from the n-th on fail */
static bool cold; /* nothing is in memory when an operation begins */
static unsigned long points, went_on, aborted, done_anyway;

static const char *const kind_name[VEXFS_FAULTS] = {
	[VEXFS_FAULT_READ] = "read",	    [VEXFS_FAULT_WRITE] = "write",
	[VEXFS_FAULT_ALLOC] = "allocation", [VEXFS_FAULT_FLUSH] = "flush",
	[VEXFS_FAULT_TXN] = "access",
};

/* What is wrong fails the test. */
static void failed(const char *why)
{
	world_complain(&w, why);
	fail();
}

static void must(bool fine)
{
	if (!fine)
		failed(w.client.why);
}

static void forget_why(void)
{
	w.client.why[0] = '\0';
	w.client.err = 0;
}

static void letters(const char *s)
{
	for (; *s; s++)
		world_do(&w, world_letter(&w, *s));
}

/*
 * Where operations begin: of the base, and what follows, all kinds of things are there, some of
 * them durable.
 */
static void prepare(void)
{
	must(world_begin(&w));
	letters("BUSRB");
	world_do(&w, op_new(OP_SYNC_ALL, 0, 0, 0));
	letters("IDFW");
}

static void mount_again(void)
{
	must(!client_mount(&w.client, w.disk.live, w.disk.blocks, disk_record, &w.disk));
}

static void verify(void)
{
	disk_settle(&w.disk);
	must(client_verify(&w.client, w.disk.live, w.disk.blocks));
}

/* The same, as a mount finds it. */
static void prepare_cold(void)
{
	prepare();
	world_do(&w, op_new(OP_SYNC_ALL, 0, 0, 0));
	client_kill(&w.client);
	mount_again();
}

static void set_fault(enum vexfs_fault kind, unsigned int n)
{
	if (stays)
		vexfs_fault_from(kind, n);
	else
		vexfs_fault_set(kind, n);
}

/* --- afterwards --- */

/* Of the operation that failed all is seen, or nothing. */
static void all_or_nothing(void)
{
	char why[sizeof(w.client.why)];

	if (client_check(&w.client, h))
		return;
	memcpy(why, w.client.why, sizeof(why));
	forget_why();
	history_unfail(h);
	if (!client_check(&w.client, h))
		failed(why);
	done_anyway++;
}

/* False: it must not be, because a write of records has failed. */
static bool insert_more(enum vexfs_fault kind)
{
	struct op *op = world_letter(&w, 'I');
	__u32 bad;
	int err;

	history_add(h, op);
	err = client_do(&w.client, h, op, &bad);
	if (err != op->want && (err != -EIO || kind != VEXFS_FAULT_WRITE))
		failed("an insert afterwards fails");
	if (err)
		history_fail(h);
	else
		history_done(h);
	return !err;
}

/* The log is as it was: everything works, and what was done is there after a crash. */
static void goes_on(enum vexfs_fault kind, __u32 how)
{
	went_on++;
	history_back(h, h->n);
	if (how && insert_more(kind))
		world_do(&w, op_new(OP_SYNC, world_current(&w), 0, 0));
	if (how < 2)
		client_kill(&w.client);
	else
		must(!client_unmount(&w.client));
	verify();
	mount_again();
	must(client_check(&w.client, h));
	must(!client_unmount(&w.client));
	verify();
}

/* Nothing is written any more, and the next mount finds what was acknowledged. */
static void ends(void)
{
	struct op *op = world_letter(&w, 'I');
	__u32 bad;

	aborted++;
	if (op)
		history_add(h, op);
	if (op && !op->want && client_do(&w.client, h, op, &bad) != -EIO)
		failed("an insert after the end of the log is not EIO");
	if (op)
		history_fail(h);
	if (vexfs_image_close(w.client.image) != -EIO)
		failed("unmounting after the end of the log is not EIO");
	forget_why();
	verify();
	mount_again();
	must(client_survived(&w.client, h, true));
	must(!client_unmount(&w.client));
	verify();
}

/* The last operation has failed, or met a fault and was done. */
static void afterwards(int err, enum vexfs_fault kind, __u32 how)
{
	enum op_kind op = h->op[h->n - 1]->kind;
	char why[sizeof(w.client.why)];
	bool fine = true;

	if (err) {
		history_fail(h);
		all_or_nothing();
	} else {
		fine = client_check(&w.client, h);
		memcpy(why, w.client.why, sizeof(why));
		forget_why();
	}
	err = vexfs_image_sync(w.client.image);
	/* that data have changed is forgotten with the inode, when it could not be logged */
	if (!fine && !(err && op == OP_WRITE))
		failed(why);
	if (!err) {
		goes_on(kind, how);
	} else {
		if (err != -EIO)
			failed("a sync after a fault");
		history_unfail(h); /* it may have reached the disk, or not */
		ends();
	}
}

/* --- operations --- */

static struct op *named(enum op_kind kind, __u32 name)
{
	struct op *op = op_new(kind, 0, 0, 0);

	op->name = name;
	return op;
}

/* Further ones than letters.h has. */
static struct op *make(char what)
{
	switch (what) {
	case 'y':
		return op_new(OP_SYNC, 0, 0, 0);
	case 'Y':
		return op_new(OP_SYNC_ALL, 0, 0, 0);
	case 'w':
		return named(OP_WRITE, 0);
	case 's':
		return named(OP_UNSNAPSHOT, 0);
	default:
		return world_letter(&w, what);
	}
}

/* Returns whether the fault was met. */
static bool one_operation(char what, enum vexfs_fault kind, unsigned int n)
{
	struct op *op;
	__u32 bad;
	bool met;
	int err;

	cold ? prepare_cold() : prepare();
	op = make(what);
	history_add(h, op);
	assert_int_equal(op->want, 0);
	set_fault(kind, n);
	err = client_do(&w.client, h, op, &bad);
	met = vexfs_fault_met();
	if (err && !met)
		failed(strerror(-err));
	/* a record that cannot be copied is a damaged one */
	if (err && err != -EIO && err != -ENOMEM && !(what == 'M' && err == -EUCLEAN))
		failed(strerror(-err));
	if (!err)
		history_done(h);
	if (met) {
		afterwards(err, kind, n % 3);
	} else {
		must(!client_unmount(&w.client));
		verify();
	}
	return met;
}

/* A mount that replays a log and frees orphans. */
static bool one_mount(char what, enum vexfs_fault kind, unsigned int n)
{
	bool met;
	int err;

	(void)what;
	prepare();
	letters("L");
	world_do(&w, op_new(OP_SYNC, 0, 0, 0));
	client_kill(&w.client);
	disk_settle(&w.disk);
	set_fault(kind, n);
	err = client_mount(&w.client, w.disk.live, w.disk.blocks, disk_record, &w.disk);
	met = vexfs_fault_met();
	if (err && !met)
		failed(w.client.why);
	if (!err)
		must(client_survived(&w.client, h, false));
	if (!err && client_unmount(&w.client) && !met)
		failed(w.client.why);
	forget_why();
	verify();
	mount_again();
	must(client_survived(&w.client, h, false));
	must(!client_unmount(&w.client));
	verify();
	return met;
}

static bool one_unmount(char what, enum vexfs_fault kind, unsigned int n)
{
	bool met;
	int err;

	(void)what;
	prepare();
	set_fault(kind, n);
	err = client_unmount(&w.client);
	met = vexfs_fault_met();
	if (err && !met)
		failed(w.client.why);
	forget_why();
	verify();
	mount_again();
	if (err)
		must(client_survived(&w.client, h, false));
	else
		must(client_check(&w.client, h));
	must(!client_unmount(&w.client));
	verify();
	return met;
}

/* Lists, gets and searches: they fail, or are right; and are right again afterwards. */
static bool one_look(char what, enum vexfs_fault kind, unsigned int n)
{
	bool met, fine;

	(void)what;
	prepare_cold();
	set_fault(kind, n);
	fine = client_check(&w.client, h);
	met = vexfs_fault_met();
	if (!fine && (!met || !w.client.err))
		failed(w.client.why);
	forget_why();
	must(client_check(&w.client, h));
	must(!client_unmount(&w.client));
	verify();
	return met;
}

/* --- tests --- */

static void all_faults(bool (*one)(char what, enum vexfs_fault kind, unsigned int n), char what)
{
	static char name[64];
	enum vexfs_fault kind;
	unsigned int n;

	_Static_assert(VEXFS_FAULT_TXN + 1 == VEXFS_FAULTS, "it is the last one");
	w.what = name;
	/* no access at all any more: that is a log that has ended */
	for (kind = 0; kind < (stays ? VEXFS_FAULT_TXN : VEXFS_FAULTS); kind++)
		for (n = 1;; n += every || n < 4 ? 1 : 1 + chance(8)) {
			snprintf(name, sizeof(name), "%c%s: %s %u%s fails", what,
				 cold ? ", nothing in memory" : "", kind_name[kind], n,
				 stays ? " and what follows" : "");
			if (!one(what, kind, n))
				break;
			points++;
		}
}

static void all_operations(bool all)
{
	static const char further[] = "yYws";
	const char *at;

	every = all;
	for (at = WORLD_LETTERS; *at; at++)
		all_faults(one_operation, *at);
	for (at = further; *at; at++)
		all_faults(one_operation, *at);
	if (cold) /* for these it is all the same */
		return;
	all_faults(one_mount, 'm');
	all_faults(one_unmount, 'u');
	all_faults(one_look, 'l');
}

static void every_operation_may_fail(void **state)
{
	bool all = getenv("VEXFS_FAULTS");
	struct timespec begin, end;
	__u32 i;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	world_open(&w);
	for (i = 0; i < 4; i++) {
		stays = i & 1;
		cold = i & 2;
		all_operations(all || !i);
	}
	world_close(&w);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("# %lu faults, %.0f a minute; %lu times it went on, %lu times the log ended, "
	       "%lu times it was done all the same\n",
	       points, points * 60.0 / (end.tv_sec - begin.tv_sec + 1), went_on, aborted,
	       done_anyway);
	assert_true(went_on > 300 && aborted > 50);
}

/* What dies goes into the log of deaths, which is folded after a few: see deaths.c. */
static void with_a_log(void **state)
{
	(void)state;
	vexfs_commit_dead_blocks = 0;
	vexfs_deaths_many = 3;
	world_open(&w);
	stays = cold = false;
	all_operations(getenv("VEXFS_FAULTS"));
	world_close(&w);
	vexfs_commit_dead_blocks = VEXFS_COMMIT_DEAD_BLOCKS;
	vexfs_deaths_many = 1 << 20;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_may_fail),
		cmocka_unit_test(with_a_log),
	};

	chance_seed(5);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
