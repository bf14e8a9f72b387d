// SPDX-License-Identifier: GPL-2.0
/* The orphan list against a model of it: right and wrong hints, gaps, links that lie, faults. */
#include <pthread.h>

#include "box.h"

#define FILES	24

struct world {
	struct box b;
	struct vexfs_inode_core c[FILES];
	unsigned int list[FILES], n;		/* the youngest first */
};

static void world_make(struct world *w)
{
	char name[16];
	unsigned int i;

	memset(w, 0, sizeof(*w));
	box_make(&w->b, 65536);
	for (i = 0; i < FILES; i++) {
		sprintf(name, "%u", i);
		box_create(&w->b, &w->c[i], name, S_IFREG | 0644);
	}
}

static __u64 next_of(struct world *w, __u64 ino)
{
	struct vexfs_inode raw;

	assert_int_equal(vexfs_inode_peek(&w->b.fs, ino, &raw), 0);
	return le64_to_cpu(raw.i_next_orphan);
}

static void compare(struct world *w)
{
	const struct vexfs_super *s = vx_data(w->b.fs.sb_buf);
	__u64 ino = le64_to_cpu(s->s_last_orphan);
	unsigned int i;

	for (i = 0; i < w->n; i++) {
		assert_int_equal(ino, w->c[w->list[i]].ino);
		ino = next_of(w, ino);
	}
	assert_int_equal(ino, 0);
}

static unsigned int position(struct world *w, unsigned int file)
{
	unsigned int i;

	for (i = 0; i < w->n && w->list[i] != file; i++)
		;
	return i;
}

static int add(struct world *w, unsigned int file, bool look)
{
	vx_txn t;

	box_start(&w->b, &t, VEXFS_ORPHAN_CREDITS);
	return vexfs_orphan_add(&t, &w->c[file], look);
}

static int del(struct world *w, unsigned int file, __u64 before)
{
	vx_txn t;

	box_start(&w->b, &t, VEXFS_ORPHAN_CREDITS);
	return vexfs_orphan_del(&t, &w->b.fs, w->c[file].ino, before);
}

static void test_model(void **state)
{
	static struct world w;
	unsigned int round, file, at;
	__u64 before;

	(void)state;
	chance_seed(11);
	world_make(&w);
	for (round = 0; round < 3000; round++) {
		file = chance(FILES);
		at = position(&w, file);
		if (at == w.n) {
			assert_int_equal(add(&w, file, chance(2)), 0);
			memmove(w.list + 1, w.list, w.n++ * sizeof(*w.list));
			w.list[0] = file;
		} else if (chance(4)) {
			/* the right one, none, or anybody */
			before = at ? w.c[w.list[at - 1]].ino : 0;
			before = chance(3) ? before : chance(2) ? 0 : w.c[chance(FILES)].ino;
			assert_int_equal(del(&w, file, before), 0);
			memmove(w.list + at, w.list + at + 1, (--w.n - at) * sizeof(*w.list));
		} else {		/* it is there already, and that is seen where it can be */
			assert_int_equal(add(&w, file, at == w.n - 1 || chance(2)), 0);
		}
		compare(&w);
	}
	box_close(&w.b);
}

/* The list is dropped: what is left of it in the inodes misleads nobody. */
static void test_drop(void **state)
{
	static struct world w;
	unsigned int i;
	vx_txn t;

	(void)state;
	world_make(&w);
	for (i = 0; i < 5; i++)
		assert_int_equal(add(&w, i, false), 0);
	box_start(&w.b, &t, 1);
	assert_int_equal(vexfs_orphan_drop(&t, &w.b.fs), 0);
	compare(&w);
	assert_true(next_of(&w, w.c[3].ino));
	/* as the hint says it is there: so it goes */
	assert_int_equal(del(&w, 3, w.c[4].ino), 0);
	assert_int_equal(del(&w, 2, 0), -EUCLEAN);
	assert_int_equal(add(&w, 2, false), 0);
	w.list[w.n++] = 2;
	compare(&w);
	box_close(&w.b);
}

/*
 * Whoever is killed finishes what he has begun: looking for somebody on the list is a part of it.
 */
static void test_killed(void **state)
{
	static struct world w;

	(void)state;
	world_make(&w);
	for (w.n = 0; w.n < 5; w.n++) {
		assert_int_equal(add(&w, w.n, false), 0);
		w.list[4 - w.n] = w.n;
	}
	vexfs_kill(true);
	assert_int_equal(add(&w, 1, true), 0);		/* is there */
	compare(&w);
	assert_int_equal(del(&w, 0, 0), 0);
	w.n--;
	compare(&w);
	assert_int_equal(add(&w, 0, true), 0);		/* is not */
	vexfs_kill(false);
	memmove(w.list + 1, w.list, w.n++ * sizeof(*w.list));
	w.list[0] = 0;
	compare(&w);
	box_close(&w.b);
}

static void set_next(struct box *b, void *data, void *arg)
{
	struct vexfs_inode *raw =
		(struct vexfs_inode *)data + *(__u64 *)arg % VEXFS_INODES_PER_BLOCK;

	(void)b;
	raw->i_next_orphan = cpu_to_le64(~0ULL);
}

/* A link to nowhere does not reach the superblock, where it would prevent the next mount. */
static void test_nowhere(void **state)
{
	static struct world w;
	__u64 index;

	(void)state;
	world_make(&w);
	assert_int_equal(add(&w, 0, false), 0);
	assert_int_equal(add(&w, 1, false), 0);
	w.list[0] = 1;
	index = w.c[1].ino - 1;
	box_reopen(&w.b, true);
	box_poke(&w.b, vexfs_group_itable(&w.b.fs, 0) + index / VEXFS_INODES_PER_BLOCK, set_next,
		 &index);
	vexfs_dev_drop(&w.b.dev);
	assert_int_equal(del(&w, 1, 0), -EUCLEAN);
	assert_int_equal(((const struct vexfs_super *)vx_data(w.b.fs.sb_buf))->s_last_orphan,
			 cpu_to_le64(w.c[1].ino));
	box_close(&w.b);
}

/* Each call of an operation fails once: the list is what it was. */
static void try_faults(enum vexfs_fault what, unsigned int way)
{
	static struct world w;
	unsigned int n;
	int err;

	world_make(&w);
	for (w.n = 0; w.n < 3; w.n++) {
		assert_int_equal(add(&w, w.n, false), 0);
		w.list[2 - w.n] = w.n;
	}
	for (n = 1;; n++) {
		assert_int_equal(vexfs_dev_flush(&w.b.dev), 0);
		vexfs_dev_drop(&w.b.dev);
		vexfs_fault_set(what, n);
		err = way == 3 ? add(&w, 3, true) : del(&w, way, 0);
		if (!vexfs_fault_met())
			break;
		assert_int_not_equal(err, 0);
		compare(&w);
	}
	assert_int_equal(err, 0);
	assert_true(n > 1 || what == VEXFS_FAULT_ALLOC || what == VEXFS_FAULT_WRITE ||
		    what == VEXFS_FAULT_FLUSH);
	box_close(&w.b);
}

static void test_faults(void **state)
{
	enum vexfs_fault what;
	unsigned int way;

	(void)state;
	for (way = 0; way < 4; way++)
		for (what = 0; what < VEXFS_FAULTS; what++)
			try_faults(what, way);
}

/* An inode is freed and taken off the list, or neither, when its group's block cannot be read. */
static void test_free_ino(void **state)
{
	static struct world w;
	__u64 free;
	vx_txn t;

	(void)state;
	world_make(&w);
	assert_int_equal(add(&w, 0, false), 0);
	w.n = 1;
	free = w.b.fs.free_inodes;
	assert_int_equal(vexfs_dev_flush(&w.b.dev), 0);
	vexfs_dev_drop(&w.b.dev);
	box_start(&w.b, &t, VEXFS_ALLOC_CREDITS + VEXFS_ORPHAN_CREDITS);
	vexfs_fault_set(VEXFS_FAULT_READ, 1);
	assert_int_equal(vexfs_free_ino_prepare(&t, &w.b.fs, w.c[0].ino, false), -EIO);
	assert_true(vexfs_fault_met());
	compare(&w);
	assert_int_equal(vexfs_free_ino_prepare(&t, &w.b.fs, w.c[0].ino, false), 0);
	assert_int_equal(w.b.fs.free_inodes, free);
	assert_int_equal(vexfs_orphan_del(&t, &w.b.fs, w.c[0].ino, 0), 0);
	vexfs_fault_set(VEXFS_FAULT_READ, 1);
	assert_int_equal(vexfs_free_ino(&t, &w.b.fs, w.c[0].ino, false), 0);
	assert_false(vexfs_fault_met());
	assert_int_equal(w.b.fs.free_inodes, free + 1);
	assert_int_equal(vexfs_free_ino_prepare(&t, &w.b.fs, w.c[0].ino, false), -EUCLEAN);
	assert_int_equal(vexfs_free_ino_prepare(&t, &w.b.fs, VEXFS_ROOT_INO, true), -EINVAL);
	box_close(&w.b);
}

static struct world reading;

/* File 1, whose owner is not there: only its neighbour on the list changes it. */
static void *read_it(void *arg)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err = 0;

	while (!err && !__atomic_load_n((bool *)arg, __ATOMIC_RELAXED)) {
		err = vexfs_inode_buf(&reading.b.fs, reading.c[1].ino, &buf, &raw);
		if (!err)
			vx_brelse(buf);
	}
	return (void *)(long)err;
}

/* An inode is read while its neighbour on the list goes: it is never found to be damaged. */
static void test_reader(void **state)
{
	struct world *w = &reading;
	unsigned int round;
	bool stop = false;
	pthread_t thread;
	void *err;

	(void)state;
	world_make(w);
	w->b.dev.strict = false;
	assert_int_equal(add(w, 0, false), 0);
	assert_int_equal(add(w, 1, false), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_it, &stop), 0);
	for (round = 0; round < 20000; round++) {
		assert_int_equal(del(w, 0, w->c[1].ino), 0);
		assert_int_equal(del(w, 1, 0), 0);
		assert_int_equal(add(w, 0, false), 0);
		assert_int_equal(add(w, 1, false), 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, &err), 0);
	assert_int_equal((long)err, 0);
	box_close(&w->b);
}

/* A time is none with a thousand million nanoseconds. */
static void test_nanoseconds(void **state)
{
	static const size_t field[] = {
		offsetof(struct vexfs_inode, i_atime_nsec), offsetof(struct vexfs_inode, i_mtime_nsec),
		offsetof(struct vexfs_inode, i_ctime_nsec), offsetof(struct vexfs_inode, i_btime_nsec)
	};
	static struct world w;
	struct vexfs_inode raw;
	unsigned int i;

	(void)state;
	world_make(&w);
	for (i = 0; i < 8; i++) {
		__le32 nsec = cpu_to_le32(i < 4 ? 999999999 : 1000000000);

		assert_int_equal(vexfs_inode_peek(&w.b.fs, w.c[0].ino, &raw), 0);
		memcpy((char *)&raw + field[i % 4], &nsec, sizeof(nsec));
		raw.i_crc = cpu_to_le32(vexfs_csum(&w.b.fs, &raw, sizeof(raw),
						   offsetof(struct vexfs_inode, i_crc), w.c[0].ino,
						   le32_to_cpu(raw.i_generation), 0));
		assert_int_equal(vexfs_inode_check(&w.b.fs, w.c[0].ino, &raw), i < 4 ? 0 : -EUCLEAN);
	}
	box_close(&w.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_free_ino),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_nanoseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
