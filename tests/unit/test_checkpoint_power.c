// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Whatever fails while a checkpoint is written or read, or wherever the power is cut, costs no record
 * and no right answer.
 */
#include <time.h>

#include "stored.h"
#include "world.h"

/* --- faults and power cuts, on a simulated disk --- */

static struct world w;
static struct disk second;
static size_t states, wrong, read_back, second_cuts;
static unsigned long points, written;
static char said[300];

/* NULL: it is not there, or cannot be had, for want of memory. */
static struct vexfs_collection_mem *world_coll(struct client *client, struct file **dir)
{
	struct vexfs_collection_mem *c;

	*dir = vexfs_file_open(client->image, "c0", O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(*dir))
		return NULL;
	c = vexfs_collection_get(file_inode(*dir));
	if (!IS_ERR(c)) {
		vexfs_collection_put(c);	/* the directory has it */
		return c;
	}
	vexfs_file_close(*dir);
	return NULL;
}

/* Codes of all records there are, as a search would make them of more. */
static struct vexfs_derived *code(struct vexfs_collection_mem *c)
{
	__u64 count = vexfs_columns_count(c->body->columns);
	struct vexfs_derived *d = vexfs_derived_begin(c, c->body, count, NULL, false);

	if (d && vexfs_derived_extend(d, c->dims, count, ~0ULL)) {
		vexfs_derived_put(d);
		d = NULL;
	}
	return d;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* Is it written?  A fault may prevent it, and the codes before. */
static bool write_checkpoint(struct client *client)
{
	struct file *dir;
	struct vexfs_collection_mem *c = world_coll(client, &dir);
	struct vexfs_derived *d = c ? code(c) : NULL;
	bool done = false;

	if (!c)
		return false;
	if (d) {
		WRITE_ONCE(c->body->checkpoint_after, 0);
		vexfs_checkpoint_keep(c, c->body, d, never);
		done = d->stored == vexfs_codes_count(d->codes);
	}
	vexfs_derived_put(d);
	vexfs_file_close(dir);
	return done;
}

/*
 * If there is a checkpoint, it is whole and what it says is so: its codes are those that these rows
 * have.
 */
static bool checkpoint_fine(struct client *client)
{
	struct file *dir;
	struct vexfs_collection_mem *c = world_coll(client, &dir);
	struct vexfs_derived *d;
	__u64 count, has;
	bool fine;

	if (!c)				/* client_survived() has looked whether it should be */
		return true;
	count = vexfs_columns_count(c->body->columns);
	has = c->body->checkpoint_slots;
	d = count ? vexfs_derived_begin(c, c->body, count, NULL, false) : NULL;
	fine = has <= count && (!has || (d && d->stored == has));
	if (!fine)
		client_wrong(client, "a checkpoint of %llu slots, of %llu", has, count);
	read_back += has && fine;
	vexfs_derived_put(d);
	vexfs_file_close(dir);
	return fine;
}

static void verdict(const struct client *c, bool fine)
{
	states++;
	if (!fine && !wrong++)
		snprintf(said, sizeof(said), "%s", c->why);
}

static void judge_state(struct disk *d)
{
	struct client c;
	bool fine = !client_mount(&c, d->state, d->blocks, disk_record_state, d);

	if (fine) {
		fine = client_survived(&c, &w.history, false);
		fine = checkpoint_fine(&c) && fine;
		fine = !client_unmount(&c) && fine;
		fine = client_verify(&c, d->state, d->blocks) && fine;
	}
	verdict(&c, fine);
}

static void at_second_flush(struct disk *d)
{
	second_cuts += disk_cuts(d, 2, judge_state);
}

/* The power is cut again while what was left is mounted, and gets a checkpoint of its own. */
static void cut_again(struct disk *d)
{
	struct client c;
	bool fine;

	disk_copy(&second, d);
	second.flush = at_second_flush;
	fine = !client_mount(&c, second.live, second.blocks, disk_record, &second);
	if (fine) {
		write_checkpoint(&c);
		fine = !vexfs_image_sync(c.image);
		client_kill(&c);
		at_second_flush(&second);
	}
	second.flush = NULL;
	verdict(&c, fine);
}

static void judge(struct disk *d)
{
	if (!chance(20))
		cut_again(d);
	judge_state(d);
}

static void at_flush(struct disk *d)
{
	disk_cuts(d, 8, judge);
}

static void letters(const char *s)
{
	for (; *s; s++)
		world_do(&w, world_letter(&w, *s));
}

static void begin_world(void)
{
	vexfs_checkpoint_least = 1;
	world_open(&w);
	w.what = "a checkpoint";
}

static void end_world(void)
{
	world_close(&w);
	vexfs_checkpoint_least = VEXFS_MIN_LISTED;
}

/*
 * A checkpoint, more records, deaths, a second checkpoint, compaction, a third, and an end: at each
 * flush the power is cut.
 */
static void power_cuts(void **state)
{
	static const char *const between[] = { "", "I", "IUD", "D", "M", "DM", "UIDMI", "S", "R" };
	__u32 i;

	(void)state;
	begin_world();
	disk_make(&second, w.disk.blocks);
	states = wrong = read_back = second_cuts = 0;
	for (i = 0; i < ARRAY_SIZE(between); i++) {
		assert_true(world_begin(&w));
		w.disk.flush = at_flush;
		letters("I");
		assert_true(write_checkpoint(&w.client));
		letters(between[i]);
		write_checkpoint(&w.client);
		letters("I");
		world_do(&w, op_new(i % 2 ? OP_SYNC : OP_SYNC_ALL, world_current(&w), 0, 0));
		if (i % 3 == 2)
			letters("X");
		assert_int_equal(client_unmount(&w.client), 0);
		at_flush(&w.disk);
		w.disk.flush = NULL;
	}
	printf("# %zu states, %zu of them cut twice, a checkpoint in %zu, %zu wrong %s\n", states,
	       second_cuts, read_back, wrong, said);
	assert_int_equal(wrong, 0);
	assert_true(read_back > states / 4);
	disk_free(&second);
	end_world();
}

/* Returns whether the fault was met. */
static bool one_fault(enum vexfs_fault kind, unsigned int n, bool stays, bool replaces)
{
	struct client *c = &w.client;
	bool met, done;
	int err;

	assert_true(world_begin(&w));
	letters("BUI");
	if (replaces) {
		assert_true(write_checkpoint(c));
		letters("UDI");
	}
	if (stays)
		vexfs_fault_from(kind, n);
	else
		vexfs_fault_set(kind, n);
	done = write_checkpoint(c);
	met = vexfs_fault_met();
	written += done;
	if (!met)
		assert_true(done);
	/* all records are there, and if nothing else is wrong with the log, it goes on */
	assert_true(client_check(c, &w.history));
	err = vexfs_image_sync(c->image);
	if (err) {
		assert_true(met);
		assert_int_equal(vexfs_image_close(c->image), -EIO);
	} else {
		letters("I");
		world_do(&w, op_new(OP_SYNC, world_current(&w), 0, 0));
		client_kill(c);
	}
	disk_settle(&w.disk);
	if (!client_verify(c, w.disk.live, w.disk.blocks))
		fail_msg("%d %u: %s", kind, n, c->why);
	assert_int_equal(client_mount(c, w.disk.live, w.disk.blocks, disk_record, &w.disk), 0);
	assert_true(client_survived(c, &w.history, false));
	assert_true(checkpoint_fine(c));
	assert_int_equal(client_unmount(c), 0);
	points++;
	return met;
}

static void faults(void **state)
{
	static const enum vexfs_fault kinds[] = { VEXFS_FAULT_READ, VEXFS_FAULT_WRITE,
						  VEXFS_FAULT_ALLOC, VEXFS_FAULT_FLUSH,
						  VEXFS_FAULT_TXN };
	__u32 i, way, n;

	(void)state;
	begin_world();
	points = written = 0;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (way = 0; way < 4; way++)
			for (n = 1; one_fault(kinds[i], n, way & 1, way & 2); n++)
				assert_true(n < 1000);
	printf("# %lu faults, written all the same with %lu\n", points, written);
	assert_true(written > 0 && written < points);
	end_world();
}

/* While it is read: what fails is tried again, or it is made anew; answers are right. */
static void faults_of_reading(void **state)
{
	struct vexfs_derived *d;
	__u32 i, n, given_up = 0;
	bool met;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	m.quiet = true;
	for (i = 0; i < 2; i++)
		for (n = 1, met = true; met; n += n < 20 ? 1 : 7) {
			mount_close(&m);
			open_quietly(0);
			coll();
			vexfs_fault_set(i ? VEXFS_FAULT_READ : VEXFS_FAULT_ALLOC, n);
			d = vexfs_derived_begin(coll(), coll()->body, N, NULL, false);
			met = vexfs_fault_met();
			vexfs_derived_put(d);
			assert_int_equal(ask(7, 0).hit[0].id, 7);
			given_up += !was_read(N);
			if (met && n % 40 == 1)
				right(1, N + 1);
			if (!was_read(N))	/* so that the next one has what to read */
				work();
			assert_int_equal(info_of(&m).checkpoint, N);
		}
	printf("# %u were given up\n", given_up);
	m.quiet = false;
	remount(0);
	right(1, N + 1);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cuts),
		cmocka_unit_test(faults),
		cmocka_unit_test(faults_of_reading),
	};

	chance_seed(41);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
