// SPDX-License-Identifier: GPL-2.0
/* Allocation of blocks and inodes against a model; deferred reuse; faults; groups that lie. */
#include "box.h"

/* six groups, four of them initialised by mkfs */
#define BLOCKS (5 * VEXFS_GROUP_BLOCKS + 3000)

enum { FREE, USED, PENDING };				/* PENDING: freed, not yet committed */

struct model {
	struct box b;
	__u8 *state;					/* of every block */
	__u64 free;
};

static void model_make(struct model *m, __u64 blocks)
{
	__u64 i;
	__u32 g;

	box_make(&m->b, blocks);
	m->state = calloc(blocks, 1);
	memset(m->state, USED, blocks);
	for (g = 0; g < m->b.fs.groups; g++)
		for (i = vexfs_group_data(&m->b.fs, g);
		     i < ((__u64)g << VEXFS_GROUP_SHIFT) + vexfs_group_len(&m->b.fs, g); i++)
			m->state[i] = FREE;
	m->free = m->b.fs.free_blocks;
}

static void model_close(struct model *m)
{
	box_close(&m->b);
	free(m->state);
}

static void model_commit(struct model *m)
{
	__u64 i;

	vexfs_dev_commit(&m->b.dev);
	for (i = 0; i < m->b.fs.blocks; i++)
		if (m->state[i] == PENDING)
			m->state[i] = FREE;
}

/* Allocate, and check that what comes was free; the length, or an error. */
static int model_alloc(struct model *m, __u64 goal, __u32 want, int flags, __u64 *pblk)
{
	__u32 len = 0, i;
	vx_txn t;
	int err;

	box_start(&m->b, &t, VEXFS_ALLOC_CREDITS);
	err = vexfs_alloc_blocks(&t, &m->b.fs, goal, want, flags, pblk, &len);
	if (err) {
		assert_int_equal(m->b.fs.free_blocks, m->free);
		return err;
	}
	assert_true(len && len <= want);
	assert_true(vexfs_data_run(&m->b.fs, *pblk, len));
	for (i = 0; i < len; i++) {
		assert_int_equal(m->state[*pblk + i], FREE);
		m->state[*pblk + i] = USED;
	}
	m->free -= len;
	assert_int_equal(m->b.fs.free_blocks, m->free);
	return len;
}

static int model_free(struct model *m, __u64 pblk, __u32 len, bool metadata)
{
	vx_txn t;
	int err;

	box_start(&m->b, &t, 2);
	err = vexfs_free_blocks(&t, &m->b.fs, pblk, len, metadata);
	if (err == -ENOSPC) {		/* more than it can revoke: nothing has happened */
		assert_true(metadata && len > VEXFS_FORGET_MAX && !t.forgotten);
		assert_int_equal(m->b.fs.free_blocks, m->free);
		metadata = false;
		err = vexfs_free_blocks(&t, &m->b.fs, pblk, len, metadata);
	}
	if (!err) {
		assert_true(t.forgotten <= VEXFS_FORGET_MAX);
		memset(m->state + pblk, PENDING, len);
		m->free += len;
		assert_int_equal(t.forgotten, metadata ? len : 0);
	}
	assert_int_equal(m->b.fs.free_blocks, m->free);
	return err;
}

/* The bitmaps on the device say what the model says; whatever could not be read can be now. */
static void model_check(struct model *m)
{
	__u64 i, blocks = 0;
	__u32 g;

	for (g = 0; g < m->b.fs.groups_init; g++)
		assert_int_not_equal(
			vexfs_ino_in_use(&m->b.fs, 1 + (__u64)g * m->b.fs.inodes_per_group), -EIO);

	assert_int_equal(vexfs_dev_flush(&m->b.dev), 0);
	model_commit(m);
	for (g = 0; g < m->b.fs.groups_init; g++) {
		__u64 start = (__u64)g << VEXFS_GROUP_SHIFT;
		struct vexfs_group b;

		assert_int_equal(vexfs_dev_read(&m->b.dev, vexfs_group_block(&m->b.fs, g), &b), 0);
		assert_int_equal(vexfs_group_check(&m->b.fs, g, &b), 0);
		for (i = 0; i < vexfs_group_len(&m->b.fs, g); i++)
			assert_int_equal(test_bit_le(i, b.g_blocks), m->state[start + i] == USED);
		assert_int_equal(m->b.fs.group_free[g] == VEXFS_GROUP_UNKNOWN ?
					 le32_to_cpu(b.g_free_blocks) :
					 m->b.fs.group_free[g],
				 le32_to_cpu(b.g_free_blocks));
	}
	for (i = 0; i < m->b.fs.blocks; i++)
		blocks += m->state[i] == FREE;
	assert_int_equal(blocks, m->free);
}

struct run {
	__u64 pblk;
	__u32 len;
};

static void test_random(void **state)
{
	enum { RUNS = 4000 };
	struct run *run = calloc(RUNS, sizeof(*run));
	unsigned int n = 0, i, op;
	struct model m;

	(void)state;
	chance_seed(3);
	model_make(&m, BLOCKS);
	for (op = 0; op < 12000; op++) {
		if (n < RUNS && chance(100) < 60) {
			static const __u32 size[] = { 1, 8, 100, 3000, VEXFS_GROUP_BLOCKS };
			__u64 goal = chance(3) ? chance(BLOCKS + 100) : 0;
			int got =
				model_alloc(&m, goal, 1 + chance(size[chance(5)]), 0, &run[n].pblk);

			if (got > 0)
				run[n++].len = got;
			else
				assert_int_equal(got, -ENOSPC);
		} else if (n) {
			i = chance(n);
			if (chance(2)) {
				assert_int_equal(
					model_free(&m, run[i].pblk, run[i].len, chance(4) == 0), 0);
				run[i] = run[--n];
			} else {			/* its tail */
				__u32 keep = chance(run[i].len);

				assert_int_equal(model_free(&m, run[i].pblk + keep,
							    run[i].len - keep, false),
						 0);
				run[i].len = keep;
				if (!keep)
					run[i] = run[--n];
			}
		}
		if (!chance(50))
			model_commit(&m);
		if (!chance(2000))
			model_check(&m);
		if (!chance(3000)) {
			box_reopen(&m.b, chance(2));
			model_commit(&m);
			assert_int_equal(m.b.fs.free_blocks, m.free);
		}
	}
	assert_int_equal(m.b.fs.groups_init, m.b.fs.groups);
	while (n--)
		assert_int_equal(model_free(&m, run[n].pblk, run[n].len, false), 0);
	model_check(&m);
	box_verify(&m.b);
	model_close(&m);
	free(run);
}

static void test_full(void **state)
{
	struct model m;
	__u64 pblk, first = 0, half;
	int got, blocks = 0;

	(void)state;
	model_make(&m, VEXFS_MIN_BLOCKS);
	while ((got = model_alloc(&m, 0, 1 + blocks % 7, 0, &pblk)) > 0) {
		if (!blocks)
			first = pblk;
		blocks += got;
	}
	assert_int_equal(got, -ENOSPC);
	assert_int_equal(m.free, m.b.fs.reserved_blocks);	/* all but the reserve */
	assert_int_equal(vexfs_alloc_room(&m.b.fs, 0), 0);
	half = m.free / 2;
	assert_int_equal(vexfs_alloc_room(&m.b.fs, VEXFS_ALLOC_TIGHT), half);
	assert_int_equal(vexfs_alloc_room(&m.b.fs, VEXFS_ALLOC_RESERVE), m.free);
	while ((got = model_alloc(&m, 0, 3, VEXFS_ALLOC_TIGHT, &pblk)) > 0)
		half -= got;
	assert_int_equal(got, -ENOSPC);
	assert_int_equal(half, 0);
	while ((got = model_alloc(&m, 0, 100, VEXFS_ALLOC_RESERVE, &pblk)) > 0)
		;
	assert_int_equal(got, -ENOSPC);
	assert_int_equal(m.free, 0);
	/* what was freed comes back only after the commit */
	assert_int_equal(model_free(&m, first, 100, false), 0);
	assert_int_equal(model_alloc(&m, first, 10, VEXFS_ALLOC_RESERVE, &pblk), -ENOSPC);
	model_commit(&m);
	assert_int_equal(model_alloc(&m, first, 10, VEXFS_ALLOC_RESERVE, &pblk), 10);
	assert_int_equal(pblk, first);
	model_check(&m);
	model_close(&m);
}

/* A file that grows gets one run; a run of full length is found behind a fragmented goal. */
static void test_near(void **state)
{
	struct model m;
	__u64 pblk, goal;
	int i;

	(void)state;
	model_make(&m, BLOCKS);
	assert_int_equal(model_alloc(&m, 0, 5, 0, &goal), 5);
	for (i = 0; i < 100; i++) {
		goal += i ? 7 : 5;
		assert_int_equal(model_alloc(&m, goal, 7, 0, &pblk), 7);
		assert_int_equal(pblk, goal);
	}
	goal = vexfs_group_data(&m.b.fs, 2);
	for (i = 0; i < 300; i += 3)
		assert_int_equal(model_alloc(&m, goal + i, 1, 0, &pblk), 1);
	assert_int_equal(model_alloc(&m, goal, 500, 0, &pblk), 500);
	assert_int_equal(pblk >> VEXFS_GROUP_SHIFT, 2);
	model_check(&m);
	model_close(&m);
}

static void test_bad_free(void **state)
{
	struct vexfs_run two[2] = { };
	struct model m;
	__u64 pblk;
	vx_txn t;
	int i;

	(void)state;
	model_make(&m, BLOCKS);
	assert_int_equal(model_alloc(&m, 0, 100, 0, &pblk), 100);
	const struct run bad[] = {
		{ 0, 1 }, { 1, 1 }, { m.b.fs.journal_start, 1 }, { m.b.fs.blocks, 1 }, { ~0ULL, 1 },
		{ ~0ULL - 5, 10 }, { pblk, 0 }, { pblk, 101 }, { pblk - 1, 2 }, { pblk, ~0u },
		{ (1u << VEXFS_GROUP_SHIFT) - 1, 2 }, { m.b.fs.blocks - 1, 2 },
		/* a group that was never used */
		{ ((__u64)4 << VEXFS_GROUP_SHIFT) + 2000, 1 },
		{ ((__u64)2 << VEXFS_GROUP_SHIFT) + 5000, 1 },		/* free already */
	};
	for (i = 0; i < (int)ARRAY_SIZE(bad); i++) {
		unsigned int damages = m.b.dev.damages;

		assert_int_equal(model_free(&m, bad[i].pblk, bad[i].len, i % 2), -EUCLEAN);
		assert_int_equal(m.b.dev.damages, damages + 1);
	}
	/* all or nothing, and never twice */
	two[0] = (struct vexfs_run){ pblk, 10, false };
	two[1] = (struct vexfs_run){ pblk + 9, 2, false };
	box_start(&m.b, &t, 2);
	assert_int_equal(vexfs_free_runs(&t, &m.b.fs, two, 2), -EUCLEAN);
	two[1].pblk = 3;
	assert_int_equal(vexfs_free_runs(&t, &m.b.fs, two, 2), -EUCLEAN);
	assert_int_equal(vexfs_free_runs(&t, &m.b.fs, two, 6), -EINVAL);
	assert_int_equal(m.b.fs.free_blocks, m.free);
	model_check(&m);
	model_close(&m);
}

/* Let every step of an allocation and of a free fail once: nothing changes then. */
static void test_faults(void **state)
{
	enum vexfs_fault what;
	unsigned int n, met = 0, round;
	struct model m;
	__u64 pblk;
	int got;

	(void)state;
	chance_seed(4);
	model_make(&m, BLOCKS);
	/* so full that a new group must be initialised in one of the rounds */
	while (m.b.fs.groups_init < 5 && model_alloc(&m, 0, VEXFS_GROUP_BLOCKS, 0, &pblk) > 0)
		;
	assert_int_equal(m.b.fs.groups_init, 5);
	for (round = 0; round < 3; round++)
		for (what = VEXFS_FAULT_READ; what < VEXFS_FAULTS; what++)
			for (n = 1; ; n++) {
				__u32 groups = m.b.fs.groups_init;

				vexfs_dev_flush(&m.b.dev);
				model_commit(&m);
				vexfs_dev_drop(&m.b.dev);
				vexfs_fault_set(what, n);
				got = model_alloc(&m, 0, round == 2 ? VEXFS_GROUP_BLOCKS : 50, 0,
						  &pblk);
				if (!vexfs_fault_met()) {
					assert_true(got > 0);
					vexfs_dev_flush(&m.b.dev);
					model_commit(&m);
					vexfs_dev_drop(&m.b.dev);
					break;
				}
				met++;
				/*
				 * a fault may be met and got round, or have come after a group was
				 * initialised
				 */
				assert_true(got > 0 || got == -EIO || got == -ENOMEM ||
					    got == -ENOSPC);
				assert_true(m.b.fs.groups_init - groups <= 1);
				model_check(&m);
				if (got > 0)
					break;
			}
	assert_true(met > 10);
	for (what = VEXFS_FAULT_READ; what < VEXFS_FAULTS; what++)
		for (n = 1; ; n++) {
			vexfs_dev_flush(&m.b.dev);
			model_commit(&m);
			vexfs_dev_drop(&m.b.dev);
			vexfs_fault_set(what, n);
			got = model_free(&m, pblk, 1, false);
			if (!vexfs_fault_met()) {
				assert_int_equal(got, 0);
				pblk++;
				break;
			}
			assert_true(got == -EIO || got == -ENOMEM);
			model_check(&m);
		}
	model_check(&m);
	model_close(&m);
}

/* A group whose block cannot be read is full until it can, and prevents no mount. */
static void test_unreadable(void **state)
{
	struct model m;
	__u64 first, pblk, free;
	vx_txn t;

	(void)state;
	model_make(&m, BLOCKS);
	assert_int_equal(model_alloc(&m, 0, 50, 0, &first), 50);
	assert_int_equal(first >> VEXFS_GROUP_SHIFT, 0);
	while (m.b.fs.groups_init < 2)
		assert_true(model_alloc(&m, 0, VEXFS_GROUP_BLOCKS, 0, &pblk) > 0);
	assert_int_equal(model_free(&m, first, 50, false), 0);
	vexfs_dev_flush(&m.b.dev);
	model_commit(&m);
	vexfs_dev_drop(&m.b.dev);
	vexfs_fault_set(VEXFS_FAULT_READ, 1);
	assert_int_equal(model_alloc(&m, first, 10, 0, &pblk), 10);
	assert_true(vexfs_fault_met());
	assert_true(pblk >> VEXFS_GROUP_SHIFT);
	assert_int_equal(model_alloc(&m, first, 10, 0, &pblk), 10);
	assert_true(pblk >> VEXFS_GROUP_SHIFT);
	assert_int_equal(vexfs_ino_in_use(&m.b.fs, VEXFS_ROOT_INO), 0);
	assert_int_equal(model_alloc(&m, first, 10, 0, &pblk), 10);
	assert_int_equal(pblk, first);
	model_check(&m);

	box_start(&m.b, &t, 1);
	assert_int_equal(vexfs_super_log(&t, &m.b.fs, 0), 0);
	free = m.b.fs.free_blocks;
	vexfs_super_release(&m.b.fs);
	assert_int_equal(vexfs_dev_flush(&m.b.dev), 0);
	vexfs_dev_drop(&m.b.dev);
	vexfs_fault_set(VEXFS_FAULT_READ, 2);		/* after block 0 */
	assert_int_equal(vexfs_super_read(&m.b.fs, &m.b.dev, m.b.dev.blocks), 0);
	assert_true(vexfs_fault_met());
	assert_int_equal(m.b.fs.group_free[0], VEXFS_GROUP_UNREAD);
	assert_true(m.b.fs.free_blocks < free);
	model_close(&m);
}

static void test_inodes(void **state)
{
	__u64 ino, *list, n = 0, i, total;
	__u32 gen, last = 0;
	struct box b;
	vx_txn t;
	int err;

	(void)state;
	chance_seed(5);
	box_make(&b, VEXFS_GROUP_BLOCKS + 4000);
	total = b.fs.free_inodes;
	assert_int_equal(total, 2 * b.fs.inodes_per_group - 10);
	list = calloc(total, sizeof(*list));
	for (;;) {
		bool dir = chance(4) == 0;

		box_start(&b, &t, VEXFS_ALLOC_CREDITS + 1);
		err = vexfs_alloc_ino(&t, &b.fs, n ? list[chance(n)] & ~1ULL : VEXFS_ROOT_INO, dir,
				      &ino, &gen);
		if (err)
			break;
		assert_true(vexfs_ino_valid(&b.fs, ino) && ino != VEXFS_ROOT_INO);
		assert_true(gen > last);
		last = gen;
		assert_int_equal(vexfs_ino_in_use(&b.fs, ino), 0);
		list[n++] = ino | (__u64)dir << 63;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, total);
	assert_int_equal(b.fs.free_inodes, 0);
	for (i = 0; i < n; i++) {		/* a random half, checking that none comes twice */
		__u64 k = i + chance(n - i), x = list[k];

		list[k] = list[i];
		list[i] = x;
		if (i >= n / 2)
			continue;
		ino = x & ~(1ULL << 63);
		box_start(&b, &t, 2);
		assert_int_equal(vexfs_free_ino(&t, &b.fs, ino, x >> 63), 0);
		assert_int_equal(vexfs_ino_in_use(&b.fs, ino), -ESTALE);
	}
	assert_int_equal(b.fs.free_inodes, n / 2);
	ino = list[0] & ~(1ULL << 63);
	box_start(&b, &t, 2);
	assert_int_equal(vexfs_free_ino(&t, &b.fs, ino, false), -EUCLEAN);
	assert_int_equal(vexfs_free_ino(&t, &b.fs, VEXFS_ROOT_INO, true), -EINVAL);
	assert_int_equal(vexfs_free_ino(&t, &b.fs, 2, false), -EINVAL);
	assert_int_equal(vexfs_free_ino(&t, &b.fs, ~0ULL, false), -EINVAL);
	assert_int_equal(vexfs_ino_in_use(&b.fs, 0), -ESTALE);
	assert_int_equal(vexfs_ino_in_use(&b.fs, ~0ULL), -ESTALE);
	for (i = 0; i < n / 2; i++) {
		box_start(&b, &t, VEXFS_ALLOC_CREDITS + 1);
		assert_int_equal(vexfs_alloc_ino(&t, &b.fs, VEXFS_ROOT_INO, false, &ino, &gen), 0);
	}
	box_start(&b, &t, VEXFS_ALLOC_CREDITS + 1);
	assert_int_equal(vexfs_alloc_ino(&t, &b.fs, VEXFS_ROOT_INO, false, &ino, &gen), -ENOSPC);
	box_reopen(&b, false);
	assert_int_equal(b.fs.free_inodes, 0);
	box_close(&b);
	free(list);
}

/* Directories of the root go to different groups, their files to theirs. */
static void test_spread(void **state)
{
	__u64 ino, dir, seen = 0;
	struct box b;
	__u32 gen;
	vx_txn t;
	int i;

	(void)state;
	box_make(&b, BLOCKS);
	for (i = 0; i < 4; i++) {
		box_start(&b, &t, INT_MAX);
		assert_int_equal(vexfs_alloc_ino(&t, &b.fs, VEXFS_ROOT_INO, true, &dir, &gen), 0);
		assert_int_equal(vexfs_alloc_ino(&t, &b.fs, dir, false, &ino, &gen), 0);
		assert_int_equal((ino - 1) / b.fs.inodes_per_group,
				 (dir - 1) / b.fs.inodes_per_group);
		seen |= 1 << (dir - 1) / b.fs.inodes_per_group;
	}
	assert_int_equal(seen, 0xf);
	box_close(&b);
}

static void test_ino_faults(void **state)
{
	enum vexfs_fault what;
	unsigned int n, met = 0, i;
	struct box b;
	__u64 ino, free;
	__u32 gen;
	vx_txn t;
	int err;

	(void)state;
	box_make(&b, BLOCKS);
	box_start(&b, &t, INT_MAX);
	/* so that table blocks are initialised on the way */
	for (i = 0; i < 6; i++)
		vexfs_alloc_ino(&t, &b.fs, 1, false, &ino, &gen);
	for (i = 0; i < 8; i++)
		for (what = VEXFS_FAULT_READ; what < VEXFS_FAULTS; what++)
			for (n = 1; ; n++) {
				vexfs_dev_flush(&b.dev);
				vexfs_dev_drop(&b.dev);
				free = b.fs.free_inodes;
				box_start(&b, &t, INT_MAX);
				vexfs_fault_set(what, n);
				err = vexfs_alloc_ino(&t, &b.fs, 1, i % 2, &ino, &gen);
				if (!vexfs_fault_met()) {
					assert_int_equal(err, 0);
					break;
				}
				met++;
				if (!err && what == VEXFS_FAULT_READ)
					break;		/* in another group */
				assert_true(err == -EIO || err == -ENOMEM);
				assert_int_equal(b.fs.free_inodes, free);
			}
	assert_true(met > 20);
	free = b.fs.free_inodes;
	box_reopen(&b, false);
	assert_int_equal(b.fs.free_inodes, free);
	box_close(&b);
}

/* --- groups that lie --- */

struct lie {
	int what;
	bool stamp;
};

static void lie(struct box *b, void *data, void *arg)
{
	const struct lie *l = arg;
	struct vexfs_group *g = data;

	switch (l->what) {
	case 0: g->g_magic = 0; break;
	case 1: g->g_number = cpu_to_le32(3); break;
	case 2: g->g_flags = cpu_to_le32(1); break;
	case 3: le32_add_cpu(&g->g_free_blocks, 1); break;
	case 4: g->g_free_blocks = cpu_to_le32(~0u); break;
	case 5: le32_add_cpu(&g->g_free_inodes, -1); break;
	case 6: g->g_dirs = cpu_to_le32(5000); break;
	case 7: g->g_itable_init = cpu_to_le32(~0u); break;
	case 8: __clear_bit_le(0, g->g_blocks); le32_add_cpu(&g->g_free_blocks, 1); break;
	case 9: __set_bit_le(100, g->g_inodes); le32_add_cpu(&g->g_free_inodes, -1); break;
	case 10: memset(g, 0xff, sizeof(*g)); break;
	case 11:
		memset(g->g_blocks, 0, sizeof(g->g_blocks));
		g->g_free_blocks = cpu_to_le32(16384);
		break;
	case 12: g->g_blocks[1500] ^= 4; break;
	}
	if (l->stamp)
		g->g_crc = cpu_to_le32(vexfs_csum(&b->fs, g, sizeof(*g),
						  offsetof(struct vexfs_group, g_crc),
						  vexfs_group_block(&b->fs, 2), 0, 0));
}

/* Nothing is allocated from a group that does not verify; the others go on working. */
static void test_lies(void **state)
{
	struct lie l;
	struct box b;

	(void)state;
	box_make(&b, BLOCKS);
	for (l.what = 0; l.what <= 12; l.what++) {
		__u8 good[VEXFS_BLOCK_SIZE];
		__u64 pblk, at = vexfs_group_block(&b.fs, 2);
		__u32 len;
		vx_txn t;

		l.stamp = l.what != 12;
		assert_int_equal(vexfs_dev_flush(&b.dev), 0);
		vexfs_super_release(&b.fs);
		vexfs_dev_drop(&b.dev);
		box_open(&b);
		assert_int_equal(vexfs_dev_read(&b.dev, at, good), 0);
		box_poke(&b, at, lie, &l);
		vexfs_dev_drop(&b.dev);
		b.dev.damages = 0;
		box_start(&b, &t, INT_MAX);
		assert_int_equal(vexfs_alloc_blocks(&t, &b.fs, vexfs_group_data(&b.fs, 2), 10, 0,
						    &pblk, &len),
				 0);
		assert_int_not_equal(pblk >> VEXFS_GROUP_SHIFT, 2);
		assert_true(b.dev.damages);
		assert_int_equal(vexfs_free_blocks(&t, &b.fs, vexfs_group_data(&b.fs, 2), 1, false),
				 -EUCLEAN);
		assert_int_equal(vexfs_ino_in_use(&b.fs, 1 + 2 * b.fs.inodes_per_group), -EUCLEAN);
			vexfs_super_release(&b.fs);
		vexfs_dev_drop(&b.dev);
		assert_int_equal(vexfs_dev_write(&b.dev, at, good), 0);
		box_open(&b);
	}
	box_close(&b);
}

static void flip(struct box *b, void *data, void *arg)
{
	struct vexfs_group *g = data;

	g->g_reserved[0] = 0;
	((__u8 *)data)[chance(VEXFS_BLOCK_SIZE)] ^= 1 << chance(8);
	if (arg)
		g->g_crc = cpu_to_le32(vexfs_csum(&b->fs, g, sizeof(*g),
						  offsetof(struct vexfs_group, g_crc),
						  vexfs_group_block(&b->fs, 0), 0, 0));
}

static void test_flips(void **state)
{
	__u8 good[VEXFS_BLOCK_SIZE];
	struct box b;
	__u64 pblk, at;
	__u32 len;
	vx_txn t;
	int i;

	(void)state;
	chance_seed(6);
	box_make(&b, VEXFS_MIN_BLOCKS);
	at = vexfs_group_block(&b.fs, 0);
	assert_int_equal(vexfs_dev_read(&b.dev, at, good), 0);
	for (i = 0; i < 2000; i++) {
		box_poke(&b, at, flip, i % 2 ? &i : NULL);
		vexfs_super_release(&b.fs);
		vexfs_dev_drop(&b.dev);
		assert_int_equal(vexfs_super_read(&b.fs, &b.dev, b.dev.blocks), 0);
		box_start(&b, &t, INT_MAX);
		if (!vexfs_alloc_blocks(&t, &b.fs, 0, 1 + chance(30), 0, &pblk, &len)) {
			assert_true(i % 2 && vexfs_data_run(&b.fs, pblk, len));
			assert_int_equal(vexfs_free_blocks(&t, &b.fs, pblk, len, false), 0);
		}
		assert_int_equal(vexfs_dev_write(&b.dev, at, good), 0);
	}
	vexfs_super_release(&b.fs);
	vexfs_dev_drop(&b.dev);
	box_open(&b);
	box_verify(&b);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_bad_free),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_inodes),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_ino_faults),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
