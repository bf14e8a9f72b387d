// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Checkpoints of derived data: what was made once is there after a mount, and where there is no room
 * they give way.
 */
#include <time.h>

#include "stored.h"

/* --- what was made is there --- */

static void kept(void **state)
{
	struct vexfs_ioc_info before, after;
	struct answer a, b;

	(void)state;
	prepare(N);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(((struct vexfs_super *)vx_data(sbi()->fs.sb_buf))->s_ro_compat, 0);
	right(1, N + 1);
	work();
	before = info_of(&m);
	assert_int_equal(before.checkpoint, N);
	assert_int_equal(before.committed, N);
	assert_true(before.checkpoint_bytes > N * 80);
	assert_int_equal(((struct vexfs_super *)vx_data(sbi()->fs.sb_buf))->s_ro_compat,
			 VEXFS_RO_COMPAT_CHECKPOINT);
	ask(77, 0);				/* rows are in memory from then on */
	a = ask(77, 0);
	assert_string_equal(a.strategy, "ivf");
	/* nothing has changed, and nothing is written */
	work();
	remount(0);
	after = info_of(&m);
	assert_int_equal(after.coded, 0);
	assert_int_equal(after.checkpoint, N);
	assert_int_equal(after.checkpoint_bytes, before.checkpoint_bytes);
	b = ask(77, 0);
	assert_string_equal(b.strategy, "ivf");
	assert_true(was_read(N));
	b = ask(77, 0);
	assert_memory_equal(a.hit, b.hit, sizeof(a.hit));
	assert_int_equal(a.trace.probed, b.trace.probed);
	assert_int_equal(a.trace.reranked, b.trace.reranked);
	after = info_of(&m);
	assert_int_equal(after.coded, N);
	assert_int_equal(after.lists, before.lists);
	assert_int_equal(after.linked, N);
	right(1, N + 1);
	/* for who only reads, too */
	remount(VEXFS_IMAGE_READONLY);
	assert_string_equal(ask(77, 0).strategy, "ivf");
	assert_true(was_read(N));
	finish();
}

/* By the thread, in its own time. */
static void by_the_worker(void **state)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int i;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, N, 0), 0);
	for (i = 0; i < 60000 && info_of(&m).checkpoint < N; i++) {
		if (i % 100 == 0)
			ask(7, 0);
		nanosleep(&nap, NULL);
	}
	assert_int_equal(info_of(&m).checkpoint, N);
	mount_again(&m);
	assert_string_equal(ask(7, 0).strategy, "ivf");
	assert_true(was_read(N));
	/* one in a hurry leaves it to the worker */
	mount_again(&m);
	{
		struct answer a;

		try_ask(7, 0, 2, &a);
	}
	for (i = 0; i < 20000 && info_of(&m).linked < N; i++)
		nanosleep(&nap, NULL);
	assert_true(was_read(N));
	mount_again(&m);
	mount_unmake(&m);
}

/* At an unmount: what the worker had no time for. */
static void at_unmount(void **state)
{
	(void)state;
	prepare(N);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, 0);	/* nobody has asked for codes */
	ask(7, 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_string_equal(ask(7, 0).strategy, "coded");
	assert_true(was_read(N));
	work();						/* lists are new */
	assert_int_equal(info_of(&m).linked, N);
	remount(0);
	assert_string_equal(ask(7, 0).strategy, "ivf");
	/* a few more are not worth it, more are */
	assert_int_equal(insert_some(&m, N + 1, N / 80, 0), 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	ask(7, 0);
	assert_int_equal(insert_some(&m, N + N / 80 + 1, N / 40, 0), 0);
	ask(7, 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, N + N / 80 + N / 40);
	finish();
}

/* What came after the checkpoint, and was synced, is there after a crash. */
static void tail(void **state)
{
	struct vexfs_ioc_info info;
	__u64 id;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_int_equal(insert_some(&m, N + 1, 500, 0), 0);
	assert_int_equal(insert_some(&m, 101, 100, VEXFS_INSERT_UPSERT), 0);
	for (id = 1; id <= 50; id++)
		assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	mount_kill(&m);
	mount_check(&m);
	open_quietly(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	right(51, N + 501);
	assert_true(was_read(N));
	info = info_of(&m);
	assert_int_equal(info.coded, N + 600);
	assert_int_equal(info.linked, N);
	for (id = 1; id <= N + 500; id += id < 300 ? 1 : 37)
		assert_int_equal(there(id), id > 50);
	work();
	info = info_of(&m);
	assert_int_equal(info.linked, N + 600);
	assert_int_equal(info.checkpoint, N);		/* not a quarter more */
	right(51, N + 501);
	assert_int_equal(insert_some(&m, N + 501, N / 4, 0), 0);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N + 600 + N / 4);
	remount(0);
	right(51, N + 501 + N / 4);
	assert_true(was_read(N + 600 + N / 4));
	finish();
}

/*
 * A record that had died when lists were made is in none.  Were its death not committed before the
 * checkpoint, it would be alive after a crash, and found by nobody.
 */
static void deaths_first(void **state)
{
	(void)state;
	prepare(N);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	assert_int_equal(delete_id(&m, 4000), 0);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	/* nobody has synced the delete: it is in the log for the sake of the checkpoint */
	assert_int_equal(vexfs_commit_barrier(sb(), vexfs_last_tid(sb())), 0);
	mount_kill(&m);
	mount_check(&m);
	open_quietly(0);
	ask(7, 0);
	assert_true(was_read(N));
	assert_int_equal(info_of(&m).live, N - 1);
	assert_false(there(4000));
	finish();
}

/* Rows that could not be read when lists were made, and can after the next mount. */
static void unread(void **state)
{
	struct vexfs_where w;

	(void)state;
	prepare(N);
	remount(0);
	assert_int_equal(vexfs_locate(coll()->body->vectors, 20, 1, &w), 0);
	assert_true(w.written);
	sbi()->dev->quiet = true;
	make_unreadable(w.pblk);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_int_equal(info_of(&m).damaged, VEXFS_BLOCK_SIZE / (4 * DIMS));
	assert_false(there(20 * 128 + 5));
	remount(0);
	right(1, N + 1);
	assert_true(was_read(N));
	assert_true(there(20 * 128 + 5));
	assert_int_equal(info_of(&m).damaged, 0);
	finish();
}

/* --- where there is no room --- */

static void no_room(void **state)
{
	struct vexfs_fs *fs;
	__u64 kept_back, before;

	(void)state;
	prepare(N);
	ask(7, 0);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	fs = &sbi()->fs;
	kept_back = fs->reserved_blocks;
	before = fs->free_blocks;
	fs->reserved_blocks = 1 << 30;		/* more than are free */
	work();
	assert_int_equal(info_of(&m).linked, N);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(fs->free_blocks, before);
	right(1, N + 1);
	fs->reserved_blocks = kept_back;
	WRITE_ONCE(coll()->body->checkpoint_after, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_true(fs->free_blocks < before);
	remount(0);
	assert_true(ask(7, 0).trace.codes == VEXFS_CODES_ALL && was_read(N));
	finish();
}

/* Records, and compaction, get the room that it has. */
static void gives_way(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	__u64 kept_back, next = N + 1, last = 0, blocks;
	struct vexfs_fs *fs;
	long err = 0;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	ask(7, 0);
	fs = &sbi()->fs;
	kept_back = fs->reserved_blocks;
	/* the next one needs room for records, and for nothing else */
	assert_int_equal(insert_some(&m, next, VEXFS_PLANE_CHUNK * 32 - 60 - N, 0), 0);
	next = VEXFS_PLANE_CHUNK * 32 - 60 + 1;
	assert_true(next > VEXFS_DEAD_SLOTS);
	fs->reserved_blocks = fs->free_blocks;		/* nothing is free */
	while (!err) {
		assert_true(next < 100 * N);
		err = insert_some(&m, next, 1000, 0);
		if (!err)
			next += 1000;
		if (info_of(&m).checkpoint)
			last = next;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(info_of(&m).checkpoint_bytes, 0);
	/* in its place; one of the planes may have taken more of it than it needed */
	assert_true(next > last);
	right(1, next);
	fs->reserved_blocks = kept_back;
	remount(0);
	right(1, next);

	work();
	assert_int_equal(info_of(&m).checkpoint, next - 1);
	for (last = 1; last <= 2000; last++)
		assert_int_equal(delete_id(&m, last), 0);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	fs = &sbi()->fs;
	blocks = (next - last) * 160 / VEXFS_BLOCK_SIZE;
	fs->reserved_blocks = fs->free_blocks - blocks + 40;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	fs->reserved_blocks = kept_back;
	remount(0);
	right(2001, next);
	finish();
}

/* Lists that others have replaced make another one due, as many new slots do. */
static void rewritten(void **state)
{
	struct vexfs_derived *d;
	__u64 ino, id;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	ino = coll()->body->checkpoint->i_ino;
	d = vexfs_derived_get(coll()->body);
	assert_non_null(d->lists);
	assert_int_equal(d->rewritten, 0);
	/* most of them die: lists dissolve or are copied */
	for (id = 1; id < N - 200; id++)
		assert_int_equal(delete_id(&m, id), 0);
	ask(N - 7, 0);
	work();
	assert_true(d->rewritten > N / 4);
	assert_int_not_equal(coll()->body->checkpoint->i_ino, ino);
	assert_int_equal(d->stored_rewritten, d->rewritten);
	ino = coll()->body->checkpoint->i_ino;
	work();
	assert_int_equal(coll()->body->checkpoint->i_ino, ino);
	vexfs_derived_put(d);
	remount(0);
	right(N - 200, N + 1);
	assert_true(was_read(N));
	finish();
}

/* Whatever needs a block takes those of a checkpoint when no other is free. */
static long write_file(void)
{
	struct file *file = file_open(&m, "/f", NULL);
	static __u8 bytes[64 * VEXFS_BLOCK_SIZE];
	long n = vexfs_file_pwrite(file, bytes, sizeof(bytes), 0);

	vexfs_file_close(file);
	return n < 0 ? n : n != sizeof(bytes);
}

static long make_names(void)
{
	char path[300];
	long err = 0;
	__u32 i;

	for (i = 0; i < 100 && !err; i++) {
		snprintf(path, sizeof(path), "/d/%0200u", i);
		err = vexfs_image_mkdir(m.image, path, 0755);
	}
	return err;
}

static long take_snapshot(void)
{
	struct vexfs_ioc_snapshot arg = {
		.size = sizeof(arg),
		.op = VEXFS_SNAPSHOT_CREATE,
		.name = "s",
	};

	return vexfs_file_ioctl(m.c, VEXFS_IOC_SNAPSHOT, &arg);
}

static long intern_words(void)
{
	static char byte[1000 * 100];
	static __u8 len[1000];
	static __s64 code[1000];
	struct vexfs_ioc_intern arg = {
		.size = sizeof(arg),
		.attr = 1,
		.n = 1000,
		.words = (uintptr_t)byte,
		.lens = (uintptr_t)len,
		.codes = (uintptr_t)code,
		.word_bytes = sizeof(byte),
	};
	char word[101];
	__u32 i;

	for (i = 0; i < 1000; i++) {
		snprintf(word, sizeof(word), "%0100u", i);
		memcpy(byte + 100 * i, word, 100);
		len[i] = 100;
	}
	return vexfs_file_ioctl(m.c, VEXFS_IOC_INTERN, &arg);
}

static void gives_way_to_others(void **state)
{
	static const struct {
		const char *what;
		long (*act)(void);
	} other[] = {
		{ "a file", write_file },
		{ "names", make_names },
		{ "a snapshot", take_snapshot },
		{ "words", intern_words },
	};
	struct vexfs_fs *fs;
	__u64 kept_back;
	long err;
	__u32 i;

	(void)state;
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		prepare(N);
		vexfs_file_close(file_open(&m, "/f", ""));
		assert_int_equal(vexfs_image_mkdir(m.image, "/d", 0755), 0);
		ask(7, 0);
		work();
		assert_int_equal(info_of(&m).checkpoint, N);
		assert_int_equal(vexfs_image_sync(m.image), 0);
		fs = &sbi()->fs;
		kept_back = fs->reserved_blocks;
		fs->reserved_blocks = fs->free_blocks;
		err = other[i].act();
		if (err)
			print_error("%s: %ld\n", other[i].what, err);
		assert_int_equal(err, 0);
		assert_int_equal(info_of(&m).checkpoint, 0);
		assert_int_equal(info_of(&m).checkpoint_bytes, 0);
		fs->reserved_blocks = fs->free_blocks;	/* nothing is left to be given up */
		assert_int_equal(write_file(), i ? -ENOSPC : 0);
		fs->reserved_blocks = kept_back;
		remount(0);
		right(1, N + 1);
		finish();
	}
}

/* No room for any of it, and for codes alone. */
static void budgets(void **state)
{
	struct vexfs_ioc_memory memory = { .size = sizeof(memory) };
	struct answer a;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	WRITE_ONCE(sbi()->opts.resident, 0);
	a = ask(7, 0);
	assert_int_equal(a.trace.codes, VEXFS_CODES_BUDGET);
	right(1, N + 1);
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_MEMORY, &memory), 0);
	WRITE_ONCE(sbi()->opts.resident,
		   memory.used + vexfs_derived_cost(DIMS, N, false) + 1000);
	a = ask(7, 0);
	assert_int_equal(a.trace.codes, VEXFS_CODES_ALL);
	assert_string_equal(a.strategy, "coded");
	assert_true(was_read(N));
	assert_int_equal(info_of(&m).lists, 0);
	right(1, N + 1);
	work();
	remount(0);				/* nothing is made of less */
	assert_string_equal(ask(7, 0).strategy, "ivf");
	finish();
}

/* Who reads only writes none. */
static void readonly(void **state)
{
	(void)state;
	prepare(N);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	mount_close(&m);
	open_quietly(VEXFS_IMAGE_READONLY);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).linked, N);
	assert_int_equal(info_of(&m).checkpoint, 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	finish();
}

/* --- it goes with its body --- */

static void compacted(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
	__u64 id;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	for (id = 1; id <= 100; id++)
		assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(info_of(&m).checkpoint_bytes, 0);
	mount_kill(&m);
	mount_check(&m);
	open_quietly(0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	right(101, N + 1);
	work();
	assert_int_equal(info_of(&m).checkpoint, N - 100);
	remount(0);
	right(101, N + 1);
	assert_true(was_read(N - 100));
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DROP, &drop), 0);
	remount(0);
	assert_int_equal(collection_create(m.c), 0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(by_the_worker),
		cmocka_unit_test(at_unmount),
		cmocka_unit_test(tail),
		cmocka_unit_test(deaths_first),
		cmocka_unit_test(unread),
		cmocka_unit_test(no_room),
		cmocka_unit_test(rewritten),
		cmocka_unit_test(gives_way),
		cmocka_unit_test(gives_way_to_others),
		cmocka_unit_test(budgets),
		cmocka_unit_test(readonly),
		cmocka_unit_test(compacted),
	};

	chance_seed(41);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
