// SPDX-License-Identifier: GPL-2.0
/*
 * Power cuts over the whole stack: collections on an image that is mounted in this process, on a
 * simulated disk (disk.h).
 *
 * Each workload of up to three operations, of the small alphabet below, is done on the same
 * filesystem, then a sync, then an unmount.  At every flush the power is cut: after each write
 * since the last flush, and with every subset of these writes or, when they are many, those that
 * disk.h says.  Each such state is mounted, compared with what may have survived (history.h),
 * unmounted and verified.  Longer workloads follow, by chance.
 *
 * Two disks that nothing can be safe on must be noticed.  VEXFS_STATES=N tries so many states, all
 * of a workload; else some of each, by chance.  VEXFS_SEED=N repeats a run.
 */
#include <time.h>

#include "box.h"
#include "client.h"
#include "disk.h"

#define BLOCKS 16384u
#define DIMS 3u
#define MAX_LETTERS 12u
#define STATES 5000u /* in make check */

static struct {
	struct disk disk;
	struct client client;
	struct history history;
	__u32 base; /* operations that all workloads begin with */
	char letters[MAX_LETTERS + 1]; /* of the workload */
	__u32 share; /* percent of the states of a workload to be tried */
	bool tell; /* what is wrong is a failure of this test */
	size_t states, wrong, workloads;
	__u64 next_id;
} t;

/* --- the alphabet --- */

static struct history *h = &t.history;

/* The collection that operations are about: the last one that was made. */
static __u32 current(void)
{
	return h->now[1].made > h->now[0].made;
}

static void fill(struct entry *e)
{
	__u32 i;

	e->id = t.next_id++;
	e->number = e->id % 10;
	for (i = 0; i < DIMS; i++)
		e->row[i] = 1 + (e->id * (i + 3) + i) % 7;
	snprintf(e->key, sizeof(e->key), "k%llu", e->id);
}

static struct op *insert(__u32 n)
{
	struct op *op = op_new(OP_INSERT, current(), n, DIMS);
	__u32 i;

	for (i = 0; i < n; i++)
		fill(op->entry[i]);
	return op;
}

static struct op *letter_create(void)
{
	__u32 c = h->now[0].made ? 1 : 0;
	struct op *op = op_new(OP_CREATE, c, 0, DIMS);

	op->metric = c ? VEXFS_METRIC_COSINE : VEXFS_METRIC_L2;
	return op;
}

static struct op *letter_insert(void)
{
	return insert(2);
}

/* One by its id, one by its key, one that is new. */
static struct op *letter_upsert(void)
{
	const struct contents *s = &h->now[current()];
	struct op *op = insert(3);

	op->flags = OP_FLAG_UPSERT;
	if (s->n > 0)
		op->entry[0]->id = s->entry[0]->id;
	if (s->n > 1)
		memcpy(op->entry[1]->key, s->entry[s->n - 1]->key, sizeof(op->entry[1]->key));
	return op;
}

static struct op *letter_delete(void)
{
	const struct contents *s = &h->now[current()];
	struct op *op = op_new(OP_DELETE, current(), 1, DIMS);

	op->entry[0]->id = s->n ? s->entry[s->n / 2]->id : 0;
	return op;
}

static struct op *letter_word(void)
{
	struct op *op = insert(1);

	op->entry[0]->word = 1 + h->n % (WORDS - 1);
	return op;
}

/* A name of a file of collection 0, from `from` on; FILES: there is none. */
static __u32 any_file(__u32 from)
{
	while (from < FILES && !h->now[0].object[from])
		from++;
	return from;
}

static struct op *letter_bind(void)
{
	__u32 name = any_file(0);
	struct op *op;

	if (name == FILES || current())
		return NULL;
	op = insert(1);
	op->entry[0]->object = h->now[0].object[name];
	op->entry[0]->change = h->now[0].file[op->entry[0]->object].change;
	op->entry[0]->off = 1;
	op->entry[0]->len = 2;
	return op;
}

static struct op *letter_unlink(void)
{
	__u32 name = any_file(0);
	struct op *op;

	if (name == FILES)
		return NULL;
	op = op_new(OP_UNLINK, 0, 0, 0);
	op->name = name;
	return op;
}

static struct op *letter_rename(void)
{
	__u32 to = any_file(0), name = any_file(to + 1);
	struct op *op;

	if (to == FILES || name >= FILES)
		return NULL;
	op = op_new(OP_RENAME, 0, 0, 0);
	op->name = name;
	op->to = to;
	return op;
}

static struct op *letter_snapshot(void)
{
	struct op *op = op_new(OP_SNAPSHOT, current(), 0, 0);

	while (op->name < SNAPSHOTS && h->now[op->collection].snapshot[op->name].used)
		op->name++;
	if (op->name < SNAPSHOTS)
		return op;
	op->kind = OP_UNSNAPSHOT;
	op->name = 0;
	return op;
}

static struct op *letter_compact(void)
{
	return op_new(OP_COMPACT, current(), 0, 0);
}

static struct op *letter_drop(void)
{
	return op_new(OP_DROP, current(), 0, 0);
}

static const struct letter {
	char name;
	struct op *(*make)(void); /* NULL: it means nothing here */
} letters[] = {
	{ 'C', letter_create },	 { 'I', letter_insert }, { 'U', letter_upsert },
	{ 'D', letter_delete },	 { 'W', letter_word },	 { 'B', letter_bind },
	{ 'L', letter_unlink },	 { 'R', letter_rename }, { 'S', letter_snapshot },
	{ 'M', letter_compact }, { 'X', letter_drop },
};
#define LETTERS ((__u32)ARRAY_SIZE(letters))

static void complain(const char *why)
{
	printf("# workload '%s': %s\n", t.letters, why);
	history_print(h);
}

/* --- what a power cut leaves --- */

static void judge(struct disk *d)
{
	struct client c;
	bool fine;

	if (t.share < 100 && chance(100) >= t.share)
		return;
	t.states++;
	fine = !client_mount(&c, d->state, d->blocks, disk_record_state, d);
	if (fine) {
		fine = client_survived(&c, h, false);
		fine = !client_unmount(&c) && fine;
		fine = client_verify(&c, d->state, d->blocks) && fine;
	}
	if (fine)
		return;
	if (t.tell && t.wrong < 3)
		complain(c.why);
	t.wrong++;
}

static void at_flush(struct disk *d)
{
	disk_cuts(d, 8, judge);
}

/* --- workloads --- */

static void must(struct op *op)
{
	history_add(h, op);
	if (client_step(&t.client, h, op))
		return;
	complain(t.client.why);
	fail();
}

static void file(__u32 name)
{
	struct op *op = op_new(OP_FILE, 0, 0, 0);

	op->name = name;
	must(op);
}

static void mount_live(void)
{
	assert_int_equal(client_mount(&t.client, t.disk.live, BLOCKS, disk_record, &t.disk), 0);
}

/* What all begin with: records of all kinds, one of them dead, and files; all of it durable. */
static void base(void)
{
	__u32 i;

	history_init(h);
	t.next_id = 1;
	must(op_new(OP_MKDIR, 0, 0, 0));
	must(letter_create());
	for (i = 0; i < 3; i++)
		file(i);
	must(letter_insert());
	must(letter_bind());
	must(letter_word());
	must(letter_delete());
	must(op_new(OP_MKDIR, 1, 0, 0));
	must(op_new(OP_SYNC_ALL, 0, 0, 0));
}

static void world_open(enum disk_lie lie, bool tell)
{
	memset(&t, 0, sizeof(t));
	t.tell = tell;
	t.share = 100;
	disk_make(&t.disk, BLOCKS);
	mount_live();
	base();
	if (!client_check(&t.client, h)) {
		complain(t.client.why);
		fail();
	}
	assert_int_equal(client_unmount(&t.client), 0);
	disk_mark(&t.disk);
	t.base = h->n;
	t.disk.lie = lie;
}

static void world_close(void)
{
	history_free(h);
	disk_free(&t.disk);
}

/* Do the operation that a letter means now.  False: it means nothing here, or must fail. */
static bool do_letter(__u32 letter)
{
	struct op *op = letters[letter].make();

	if (!op)
		return false;
	history_add(h, op);
	if (op->want)
		return false; /* test_records.c has those */
	if (!client_step(&t.client, h, op)) {
		complain(t.client.why);
		fail();
	}
	return true;
}

/*
 * The letters and a sync, then an unmount, all with power cuts.  A workload in which a letter means
 * nothing is none.
 */
static void workload(const __u32 *letter, __u32 n)
{
	bool is_one = true;
	__u32 i;

	disk_back(&t.disk);
	history_back(h, t.base);
	t.next_id = t.base + 100;
	mount_live();
	for (i = 0; i < n; i++)
		t.letters[i] = letters[letter[i]].name;
	t.letters[n] = '\0';
	t.disk.flush = at_flush;
	for (i = 0; i < n && is_one; i++)
		is_one = do_letter(letter[i]);
	if (!is_one)
		t.disk.flush = NULL;
	else
		must(op_new(n % 2 ? OP_SYNC : OP_SYNC_ALL, current(), 0, 0));
	t.workloads += is_one;
	if (client_unmount(&t.client)) {
		complain(t.client.why);
		fail();
	}
	if (is_one)
		at_flush(&t.disk);
	t.disk.flush = NULL;
}

/* All workloads of n letters, or (some) each of them by chance: that many percent. */
static void all_workloads(__u32 n, __u32 some)
{
	__u32 letter[3], i, k, all = 1;

	for (i = 0; i < n; i++)
		all *= LETTERS;
	for (k = 0; k < all; k++) {
		for (i = 0; i < n; i++)
			letter[i] = k /
				    (i == 0 ? 1 :
				     i == 1 ? LETTERS :
					      LETTERS * LETTERS) %
				    LETTERS;
		if (chance(100) < some)
			workload(letter, n);
	}
}

static void by_chance(void)
{
	__u32 letter[MAX_LETTERS], n = 4 + chance(MAX_LETTERS - 4), i;

	for (i = 0; i < n; i++)
		letter[i] = chance(LETTERS);
	workload(letter, n);
}

/* --- tests --- */

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
	double begin = seconds();

	(void)state;
	world_open(DISK_HONEST, true);
	t.share = env ? 100 : 25;
	all_workloads(1, 100);
	all_workloads(2, 100);
	all_workloads(3, env ? 100 : 3);
	printf("# %zu workloads of up to three operations: %zu states\n", t.workloads, t.states);
	while (t.states < wanted)
		by_chance();
	printf("# %zu workloads, %zu states, %.0f a minute, %zu wrong\n", t.workloads, t.states,
	       t.states / (seconds() - begin) * 60, t.wrong);
	assert_int_equal(t.wrong, 0);
	world_close();
}

static void noticed(enum disk_lie lie)
{
	world_open(lie, false);
	while (t.states < 300)
		by_chance();
	printf("# %zu of %zu states were noticed\n", t.wrong, t.states);
	assert_true(t.wrong > 10);
	world_close();
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
		cmocka_unit_test(a_disk_without_flushes_is_noticed),
		cmocka_unit_test(a_disk_that_loses_data_is_noticed),
	};

	chance_seed(31);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
