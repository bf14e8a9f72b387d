// SPDX-License-Identifier: GPL-2.0
/*
 * The extent tree against an array: random changes, faults at every call, deep trees, nodes that
 * lie.
 */
#include "box.h"

#define RANGE 60000u			/* logical blocks that the model knows */

enum { HOLE, WRITTEN, UNWRITTEN };

struct model {
	struct box b;
	struct vexfs_inode_core c;
	__u64 pblk[RANGE];
	__u8 kind[RANGE];
	__u64 total;			/* free blocks + blocks of the file: constant */
};

static void model_make(struct model *m, __u64 blocks)
{
	memset(m->kind, HOLE, sizeof(m->kind));
	box_make(&m->b, blocks);
	box_create(&m->b, &m->c, "file", S_IFREG | 0644);
	m->total = m->b.fs.free_blocks + m->c.blocks;
}

static void model_commit(struct model *m)
{
	box_log(&m->b, &m->c, S_IFREG | 0644, 1);
	assert_int_equal(vexfs_dev_flush(&m->b.dev), 0);
}

static void model_close(struct model *m)
{
	model_commit(m);
	box_verify(&m->b);
	box_close(&m->b);
}

static void model_set(struct model *m, __u32 lblk, __u32 len, __u64 pblk, int kind)
{
	for (; len; len--, lblk++, pblk++) {
		m->kind[lblk] = kind;
		m->pblk[lblk] = kind == HOLE ? 0 : pblk;
	}
}

/* What the tree says at lblk is what the model says, to the end of the extent or hole. */
static __u32 check_at(struct model *m, __u32 lblk)
{
	struct vexfs_map map;
	__u32 i;

	assert_int_equal(vexfs_extent_lookup(&m->c, lblk, &map), 0);
	assert_int_equal(map.lblk, lblk);
	assert_true(map.len);
	for (i = 0; i < map.len && lblk + i < RANGE; i++) {
		assert_int_equal(m->kind[lblk + i], !map.pblk ? HOLE :
						    map.unwritten ? UNWRITTEN : WRITTEN);
		if (map.pblk)
			assert_int_equal(m->pblk[lblk + i], map.pblk + i);
	}
	/* a hole goes on to the next extent, at the end to the last possible block */
	if (!map.pblk)
		assert_true(lblk + i == RANGE ? map.len == U32_MAX - lblk :
						m->kind[lblk + i] != HOLE);
	return lblk + i;
}

static int count_extent(void *arg, const struct vexfs_map *map)
{
	__u64 *sum = arg;

	assert_true(map->lblk >= sum[1]);
	sum[0] += map->len;
	sum[1] = (__u64)map->lblk + map->len;
	sum[3]++;
	return 0;
}

static __u64 *walk_sum;
static int count_node(void *arg, __u64 block)
{
	(void)arg;
	(void)block;
	walk_sum[2]++;
	return 0;
}

static void check_all(struct model *m)
{
	__u64 sum[4] = { };
	__u32 lblk;

	for (lblk = 0; lblk < RANGE; )
		lblk = check_at(m, lblk);
	walk_sum = sum;
	assert_int_equal(vexfs_extent_walk_nodes(&m->c, count_node, count_extent, sum), 0);
	assert_int_equal(sum[0] + sum[2], m->c.blocks);
	assert_int_equal(m->b.fs.free_blocks + m->c.blocks, m->total);
}

static int do_alloc(struct model *m, __u32 lblk, __u32 want)
{
	bool unwritten = chance(2);
	struct vexfs_map map;
	vx_txn t;
	int err;

	box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
	vx_down_write(&m->c.lock);
	err = vexfs_extent_alloc(&t, &m->c, lblk, want, unwritten, &map);
	vx_up_write(&m->c.lock);
	if (err == -EEXIST)
		assert_int_not_equal(m->kind[lblk], HOLE);
	if (err)
		return err;
	assert_true(map.lblk == lblk && map.len && map.len <= want && map.unwritten == unwritten);
	model_set(m, lblk, map.len, map.pblk, unwritten ? UNWRITTEN : WRITTEN);
	return 0;
}

/* Blocks from elsewhere, so that neighbours in the file are seldom neighbours on the device. */
static int do_insert(struct model *m, __u32 lblk, __u32 len)
{
	bool unwritten = chance(2), hole = true;
	__u32 got, i, seq = m->c.seq;
	__u64 pblk;
	vx_txn t;
	int err;

	box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
	err = vexfs_alloc_blocks(&t, &m->b.fs, chance(m->b.fs.blocks), len, 0, &pblk, &got);
	if (err)
		return err;
	for (i = 0; i < got; i++)
		hole = hole && m->kind[lblk + i] == HOLE;
	err = vexfs_extent_insert(&t, &m->c, lblk, got, pblk, unwritten);
	if (!hole)
		assert_int_equal(err, -EEXIST);
	if (!err)
		assert_int_not_equal(m->c.seq, seq);
	if (!err)
		model_set(m, lblk, got, pblk, unwritten ? UNWRITTEN : WRITTEN);
	else
		assert_int_equal(vexfs_free_blocks(&t, &m->b.fs, pblk, got, false), 0);
	return err;
}

static int do_convert(struct model *m, __u32 lblk, __u32 len)
{
	__u32 done, i;
	vx_txn t;
	int err = 0;

	while (len && !err) {
		box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
		err = vexfs_extent_convert(&t, &m->c, lblk, len, &done);
		if (err)
			break;
		assert_true(done && done <= len);
		for (i = 0; i < done; i++)
			if (m->kind[lblk + i] == UNWRITTEN)
				m->kind[lblk + i] = WRITTEN;
		lblk += done;
		len -= done;
	}
	return err;
}

static int do_truncate(struct model *m, __u32 from)
{
	vx_txn t;
	int err;

	do {
		box_start(&m->b, &t, VEXFS_EXTENT_CREDITS + 2 + VEXFS_ORPHAN_CREDITS);
		err = vexfs_extent_truncate(&t, &m->c, from);
		assert_true(t.forgotten <= VEXFS_FORGET_MAX);
	} while (err == -EAGAIN);
	if (!err && from < RANGE)
		model_set(m, from, RANGE - from, 0, HOLE);
	return err;
}

static struct model *the_model(void)
{
	static struct model m;

	return &m;
}

static void test_random(void **state)
{
	struct model *m = the_model();
	unsigned int op, deepest = 0;
	__u32 lblk, len;
	int err;

	(void)state;
	chance_seed(7);
	model_make(m, 3 * VEXFS_GROUP_BLOCKS);
	for (op = 0; op < 30000; op++) {
		lblk = chance(chance(3) ? RANGE : 200);
		len = 1 + chance(chance(4) ? 3 : 400);
		len = min(len, RANGE - lblk);
		switch (chance(10)) {
		case 0: case 1: case 2: case 3: case 4:
			err = do_insert(m, lblk, min(len, 3u));
			break;
		case 5: case 6:
			err = do_alloc(m, lblk, len);
			break;
		default:
			err = do_convert(m, lblk, len);
			break;
		}
		assert_true(!err || err == -EEXIST || err == -ENOSPC);
		if (!chance(9000))
			assert_int_equal(do_truncate(m, chance(RANGE)), 0);
		check_at(m, lblk);
		deepest = max(deepest, (unsigned int)m->c.depth);
		if (!chance(200))
			vexfs_dev_commit(&m->b.dev);
		if (!chance(3000)) {
			check_all(m);
			model_commit(m);
			box_reopen(&m->b, chance(2));
			box_load(&m->b, &m->c, m->c.ino);
			check_all(m);
		}
	}
	assert_true(deepest >= 2);
	check_all(m);
	model_commit(m);
	box_verify(&m->b);
	assert_int_equal(do_truncate(m, 0), 0);
	assert_int_equal(m->c.blocks, 0);
	assert_int_equal(m->c.depth, 0);
	check_all(m);
	model_close(m);
}

/* Appending fills nodes; one run stays one extent. */
static void test_append(void **state)
{
	struct model *m = the_model();
	__u64 sum[4] = { };
	__u32 i;

	(void)state;
	chance_seed(8);
	model_make(m, 2 * VEXFS_GROUP_BLOCKS);
	for (i = 0; i < 1000; i++) {
		struct vexfs_map map;
		vx_txn t;

		box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
		assert_int_equal(vexfs_extent_alloc(&t, &m->c, i, 1, true, &map), 0);
		model_set(m, i, 1, map.pblk, UNWRITTEN);
	}
	assert_int_equal(m->c.entries, 1);
	assert_int_equal(do_convert(m, 0, 1000), 0);
	assert_int_equal(m->c.entries, 1);
	/* every second block: nothing joins */
	for (i = 1000; i < 1000 + 2 * 5 * VEXFS_EXTENTS_PER_BLOCK; i += 2)
		assert_int_equal(do_insert(m, i, 1), 0);
	check_all(m);
	walk_sum = sum;
	assert_int_equal(vexfs_extent_walk_nodes(&m->c, count_node, count_extent, sum), 0);
	assert_int_equal(sum[2], 6);		/* five full leaves and the first extent's */
	assert_int_equal(do_truncate(m, 0), 0);
	check_all(m);
	model_close(m);
}

/*
 * Every call that a change makes fails once, with each kind of fault; the tree is what it was, and
 * nothing leaks.
 */
static void test_faults(void **state)
{
	struct model *m = the_model();
	enum vexfs_fault what;
	unsigned int n, round, met = 0;
	__u32 lblk, i, from;
	int err;

	(void)state;
	chance_seed(9);
	model_make(m, 2 * VEXFS_GROUP_BLOCKS);
	for (round = 0; round < 60; round++) {
		/* grow between the rounds, so that some meet full leaves and a full root */
		for (i = 0; i < (round < 20 ? 1 : 200); i++)
			do_insert(m, chance(RANGE / 4) * 2, 1);
		for (what = VEXFS_FAULT_READ; what < VEXFS_FAULTS; what++)
			for (n = 1; ; n++) {
				model_commit(m);
				vexfs_dev_drop(&m->b.dev);
				lblk = chance(RANGE - 100);
				vexfs_fault_set(what, n);
				switch (round % 4) {
				case 0:
					err = do_alloc(m, lblk, 1 + chance(50));
					break;
				case 1:
					for (i = lblk; i < RANGE - 3 && m->kind[i] != UNWRITTEN;
					     i++)
						;
					err = do_convert(m, i, 1 + chance(3));
					break;
				case 2:
					for (from = RANGE - 1; from && m->kind[from] == HOLE;
					     from--)
						;
					err = do_truncate(m, from - min(from, chance(200)));
					/* some steps were made: let it finish */
					if (err)
						assert_int_equal(
							(vexfs_fault_met(), met++,
							 do_truncate(m, from - min(from, 200u))),
							0);
					break;
				default:
					do {
						lblk = chance(RANGE);
					} while (m->kind[lblk] != HOLE);
					err = do_alloc(m, lblk, 1);
				}
				if (!vexfs_fault_met() && round % 4 != 2) {
					assert_true(!err || err == -EEXIST);
					break;
				}
				if (round % 4 == 2 && !err)
					break;
				met += round % 4 != 2;
				assert_true(!err || err == -EIO || err == -ENOMEM ||
					    err == -EEXIST);
				assert_int_equal(m->b.fs.free_blocks + m->c.blocks, m->total);
				if (n % 32 == 1)
					check_all(m);
				if (!err)
					break;
			}
		check_all(m);
	}
	assert_true(met > 300);
	assert_int_equal(m->c.depth, 2);
	model_commit(m);
	box_verify(&m->b);
	assert_int_equal(do_truncate(m, 0), 0);
	model_close(m);
}

/* No space: an extent that needs a node takes it from the reserve, and conversion never fails. */
static void test_nospace(void **state)
{
	struct model *m = the_model();
	__u32 lblk = 0, i;
	int err = 0;

	(void)state;
	chance_seed(10);
	model_make(m, VEXFS_MIN_BLOCKS);
	while (!err) {
		struct vexfs_map map;
		vx_txn t;

		box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
		err = vexfs_extent_alloc(&t, &m->c, lblk, 300, true, &map);
		if (!err)
			model_set(m, lblk, map.len, map.pblk, UNWRITTEN);
		lblk += err ? 0 : map.len;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(m->b.fs.free_blocks, m->b.fs.reserved_blocks);
	for (i = 0; i < lblk; i += 2)
		assert_int_equal(do_convert(m, i, 1), 0);
	assert_true(m->b.fs.free_blocks < m->b.fs.reserved_blocks);
	check_all(m);
	for (i = 1; i < lblk; i += 2)
		assert_int_equal(do_convert(m, i, 1), 0);
	check_all(m);
	assert_int_equal(do_truncate(m, 0), 0);
	check_all(m);
	model_close(m);
}

static void test_limits(void **state)
{
	struct model *m = the_model();
	struct vexfs_map map;
	__u64 pblk;
	__u32 len, done;
	vx_txn t;

	(void)state;
	model_make(m, 2 * VEXFS_GROUP_BLOCKS);
	box_start(&m->b, &t, INT_MAX);
	assert_int_equal(vexfs_extent_lookup(&m->c, U32_MAX, &map), -EFBIG);
	assert_int_equal(vexfs_extent_alloc(&t, &m->c, U32_MAX, 1, true, &map), -EFBIG);
	assert_int_equal(vexfs_extent_alloc(&t, &m->c, U32_MAX - 1, 10, true, &map), 0);
	assert_int_equal(map.len, 1);		/* the last block there can be */
	assert_int_equal(vexfs_extent_lookup(&m->c, U32_MAX - 1, &map), 0);
	assert_true(map.len == 1 && map.pblk);
	assert_int_equal(vexfs_extent_lookup(&m->c, 0, &map), 0);
	assert_int_equal(map.len, U32_MAX - 1);
	assert_int_equal(vexfs_alloc_blocks(&t, &m->b.fs, 0, 10, 0, &pblk, &len), 0);
	assert_int_equal(vexfs_extent_insert(&t, &m->c, U32_MAX - 5, 10, pblk, true), -EINVAL);
	assert_int_equal(vexfs_extent_insert(&t, &m->c, U32_MAX - 5, 10, pblk, true), -EINVAL);
	assert_int_equal(vexfs_extent_insert(&t, &m->c, 0, 0, pblk, true), -EINVAL);
	assert_int_equal(vexfs_extent_insert(&t, &m->c, 0, 1, 0, true), -EINVAL);
	assert_int_equal(vexfs_extent_insert(&t, &m->c, 0, 1, ~0ULL, true), -EINVAL);
	assert_int_equal(vexfs_extent_convert(&t, &m->c, 0, 0, &done), -EINVAL);
	assert_int_equal(vexfs_extent_convert(&t, &m->c, U32_MAX - 5, 100, &done), -EINVAL);
	assert_int_equal(vexfs_extent_alloc(&t, &m->c, 5, 0, true, &map), -EINVAL);
	assert_int_equal(vexfs_free_blocks(&t, &m->b.fs, pblk, len, false), 0);
	assert_int_equal(vexfs_extent_truncate(&t, &m->c, 0), 0);
	model_close(m);
}

/* --- trees made by hand --- */

static void stamp(struct box *b, struct vexfs_inode_core *c, struct vexfs_extent_block *eb,
		  __u64 block)
{
	eb->eb_crc = cpu_to_le32(vexfs_csum(&b->fs, eb, sizeof(*eb),
					    offsetof(struct vexfs_extent_block, eb_crc), c->ino,
					    c->generation, block));
}

/*
 * A tree of this depth whose leftmost path is full at every level.  The other children do not
 * exist, and are not looked at.  Extents have a gap of one block behind each.
 */
static void full_path(struct model *m, unsigned int depth)
{
	unsigned int root = VEXFS_INLINE_EXTENTS, k, i, n;
	__u64 node[VEXFS_EXTENT_DEPTH + 1], data;
	__u32 len;
	vx_txn t;

	box_start(&m->b, &t, INT_MAX);
	for (k = 0; k < depth; k++)
		assert_int_equal(vexfs_alloc_blocks(&t, &m->b.fs, 0, 1, 0, &node[k], &len), 0);
	assert_int_equal(vexfs_alloc_blocks(&t, &m->b.fs, 0, 2 * VEXFS_EXTENTS_PER_BLOCK, 0, &data,
					    &len),
			 0);
	assert_int_equal(len, 2 * VEXFS_EXTENTS_PER_BLOCK);
	m->c.depth = depth;
	m->c.entries = root;
	for (k = 0; k <= depth; k++) {
		struct vexfs_extent_block eb = { };
		struct vexfs_extent *x = k ? (void *)eb.eb_bytes : m->c.extent;

		n = k ? VEXFS_EXTENTS_PER_BLOCK : root;
		for (i = 0; i < n; i++) {
			/*
			 * the first child gets all the room, the others one block each, behind
			 * those of the level below
			 */
			__u32 key =
				i ? 2 * VEXFS_EXTENTS_PER_BLOCK + 300 * (depth - k - 1) + i - 1 : 0;

			x[i].e_lblk = cpu_to_le32(k < depth ? key : 2 * i);
			x[i].e_len = cpu_to_le32(k < depth ? 0 : 1 | VEXFS_EXTENT_UNWRITTEN);
			x[i].e_pblk = cpu_to_le64(k < depth ? i ? data : node[k] : data + 2 * i);
		}
		if (!k)
			continue;
		eb.eb_magic = cpu_to_le32(VEXFS_EXTENT_MAGIC);
		eb.eb_entries = cpu_to_le16(n);
		eb.eb_depth = cpu_to_le16(depth - k);
		eb.eb_ino = cpu_to_le64(m->c.ino);
		eb.eb_generation = cpu_to_le32(m->c.generation);
		eb.eb_block = cpu_to_le64(node[k - 1]);
		stamp(&m->b, &m->c, &eb, node[k - 1]);
		assert_int_equal(vexfs_dev_write(&m->b.dev, node[k - 1], &eb), 0);
	}
	vexfs_dev_flush(&m->b.dev);
	vexfs_dev_drop(&m->b.dev);
}

/*
 * A change splits every node on a full path, within its credits; a full tree of full depth is EFBIG
 * and unchanged.
 */
static void test_deep(void **state)
{
	struct model *m = the_model();
	unsigned int depth, where;
	struct vexfs_map map;
	__u64 free, pblk;
	__u32 len, at, done;
	vx_txn t;
	int err;

	(void)state;
	for (depth = 1; depth <= VEXFS_EXTENT_DEPTH; depth++)
		for (where = 0; where < 4; where++) {
			static const __u32 place[] = { 1, 255, 2 * VEXFS_EXTENTS_PER_BLOCK - 1,
						       253 };

			model_make(m, 2 * VEXFS_GROUP_BLOCKS);
			full_path(m, depth);
			at = place[where];
			box_start(&m->b, &t, INT_MAX);
			assert_int_equal(vexfs_alloc_blocks(&t, &m->b.fs, 0, 1, 0, &pblk, &len), 0);
			free = m->b.fs.free_blocks;
			box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
			err = vexfs_extent_insert(&t, &m->c, at, 1, pblk, false);
			if (depth == VEXFS_EXTENT_DEPTH) {
				assert_int_equal(err, -EFBIG);
				assert_int_equal(m->b.fs.free_blocks, free);
				assert_int_equal(vexfs_extent_convert(&t, &m->c, 20, 1, &done), 0);
				/* whole extents need no room; halves of one do not exist here */
				assert_int_equal(done, 1);
				box_close(&m->b);
				continue;
			}
			assert_int_equal(err, 0);
			assert_int_equal(free - m->b.fs.free_blocks, depth + 1);
			assert_int_equal(m->c.depth, depth + 1);
			assert_int_equal(vexfs_extent_lookup(&m->c, at, &map), 0);
			assert_true(map.pblk == pblk && map.len == 1 && !map.unwritten);
			for (len = 0; len < 2 * VEXFS_EXTENTS_PER_BLOCK; len++) {
				assert_int_equal(vexfs_extent_lookup(&m->c, len, &map), 0);
				assert_int_equal(!!map.pblk, len % 2 == 0 || len == at);
			}
			/* it goes on working: fill all gaps but the last */
			for (len = 1; len < 2 * VEXFS_EXTENTS_PER_BLOCK - 1; len += 2) {
				box_start(&m->b, &t, VEXFS_EXTENT_CREDITS);
				assert_int_equal(vexfs_extent_alloc(&t, &m->c, len, 1, false, &map),
						 len == at ? -EEXIST : 0);
			}
			box_close(&m->b);
		}
}

struct lie {
	int what;
	__u64 block;
	struct vexfs_inode_core *c;
};

static void tell(struct box *b, void *data, void *arg)
{
	const struct lie *l = arg;
	struct vexfs_extent_block *eb = data;
	struct vexfs_extent *x = (void *)eb->eb_bytes;

	switch (l->what) {
	case 0: eb->eb_magic = 0; break;
	case 1: eb->eb_entries = 0; break;
	case 2: eb->eb_entries = cpu_to_le16(255); break;
	case 3: eb->eb_entries = cpu_to_le16(0xffff); break;
	case 4: eb->eb_depth = cpu_to_le16(1); break;
	case 5: eb->eb_depth = cpu_to_le16(0xffff); break;
	case 6: eb->eb_ino = cpu_to_le64(99); break;
	case 7: le32_add_cpu(&eb->eb_generation, 1); break;
	case 8: eb->eb_block = cpu_to_le64(7); break;
	case 9: x[3].e_lblk = x[4].e_lblk; break;
	case 10: x[3].e_lblk = 0; break;
	case 11: x[3].e_len = 0; break;
	case 12: x[3].e_len = cpu_to_le32(VEXFS_EXTENT_UNWRITTEN); break;
	case 13: x[3].e_len = cpu_to_le32(VEXFS_EXTENT_LEN_MASK); break;
	case 14: x[3].e_pblk = 0; break;
	case 15: x[3].e_pblk = cpu_to_le64(b->fs.journal_start); break;
	case 16: x[3].e_pblk = cpu_to_le64(~0ULL); break;
	case 17: x[3].e_pblk = cpu_to_le64(VEXFS_GROUP_BLOCKS); break;
	case 18: x[253].e_lblk = cpu_to_le32(~0u); break;
	case 19: x[253].e_len = cpu_to_le32(VEXFS_GROUP_BLOCKS); break;
	case 20:
		x[0].e_pblk = cpu_to_le64(((__u64)1 << VEXFS_GROUP_SHIFT) - 1);
		x[0].e_len = cpu_to_le32(2);
		break;
	case 21: memset(eb, 0xff, sizeof(*eb)); break;
	case 22: break;					/* only the crc */
	}
	if (l->what != 22)
		stamp(b, l->c, eb, l->block);
	else
		eb->eb_bytes[4000] ^= 1;
}

#define LIES 23

static int no_extent(void *arg, const struct vexfs_map *map)
{
	(void)arg;
	(void)map;
	return 0;
}

/* A leaf, and an inner node, that lie: each way in finds it, changes nothing, and says so. */
static void test_lies(void **state)
{
	struct model *m = the_model();
	struct vexfs_map map;
	struct lie l = { .c = &m->c };
	__u8 good[VEXFS_BLOCK_SIZE];
	__u64 free;
	__u32 done;
	vx_txn t;

	(void)state;
	model_make(m, 2 * VEXFS_GROUP_BLOCKS);
	full_path(m, 1);
	l.block = le64_to_cpu(m->c.index[0].x_block);
	m->c.entries = 1;		/* without the children that do not exist */
	memset(m->c.index + 1, 0, sizeof(m->c.index) - sizeof(m->c.index[0]));
	assert_int_equal(vexfs_dev_read(&m->b.dev, l.block, good), 0);
	box_start(&m->b, &t, INT_MAX);
	assert_int_equal(vexfs_extent_lookup(&m->c, 5, &map), 0);
	free = m->b.fs.free_blocks;
	for (l.what = 0; l.what < LIES; l.what++) {
		unsigned int damages = m->b.dev.damages;

		vexfs_dev_flush(&m->b.dev);
		vexfs_dev_drop(&m->b.dev);
		box_poke(&m->b, l.block, tell, &l);
		assert_int_equal(vexfs_extent_lookup(&m->c, 5, &map), -EUCLEAN);
		assert_int_equal(vexfs_extent_alloc(&t, &m->c, 5, 1, false, &map), -EUCLEAN);
		assert_int_equal(vexfs_extent_convert(&t, &m->c, 4, 1, &done), -EUCLEAN);
		assert_int_equal(vexfs_extent_truncate(&t, &m->c, 0), -EUCLEAN);
		assert_int_equal(vexfs_extent_walk(&m->c, no_extent, NULL), -EUCLEAN);
		assert_int_equal(m->b.dev.damages, damages + 5);
		assert_int_equal(m->b.fs.free_blocks, free);
		assert_int_equal(vexfs_dev_write(&m->b.dev, l.block, good), 0);
	}
	/* a leaf that maps its own block: truncate must not free it twice */
	vexfs_dev_drop(&m->b.dev);
	{
		struct vexfs_extent_block *eb = (void *)good;
		struct vexfs_extent *x = (void *)eb->eb_bytes;

		memset(x + 1, 0, 253 * sizeof(*x));
		eb->eb_entries = cpu_to_le16(1);
		x->e_pblk = cpu_to_le64(l.block);
		stamp(&m->b, &m->c, eb, l.block);
		assert_int_equal(vexfs_dev_write(&m->b.dev, l.block, good), 0);
	}
	assert_int_equal(vexfs_extent_truncate(&t, &m->c, 0), -EUCLEAN);
	assert_int_equal(m->b.fs.free_blocks, free);
	box_close(&m->b);
}

/* An inner node that points to itself, to its parent, or to one child twice. */
static void test_cycles(void **state)
{
	struct model *m = the_model();
	struct vexfs_extent_block *eb;
	struct vexfs_extent_index *x;
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));
	struct vexfs_map map;
	__u64 top;
	int what;
	vx_txn t;

	(void)state;
	for (what = 0; what < 5; what++) {
		model_make(m, 2 * VEXFS_GROUP_BLOCKS);
		full_path(m, 2);
		m->c.entries = 1;
		memset(m->c.index + 1, 0, sizeof(m->c.index) - sizeof(m->c.index[0]));
		top = le64_to_cpu(m->c.index[0].x_block);
		assert_int_equal(vexfs_dev_read(&m->b.dev, top, data), 0);
		eb = (void *)data;
		x = (void *)eb->eb_bytes;
		eb->eb_entries = cpu_to_le16(2);
		x[1].x_block = x[0].x_block;
		switch (what) {
		case 0: break;				/* the leaf twice */
		case 1: x[0].x_block = cpu_to_le64(top); break;
		case 2: x[1].x_block = cpu_to_le64(top); break;
		case 3: x[1].x_lblk = 0; break;
		case 4: x[0].x_lblk = cpu_to_le32(1); break;
		}
		stamp(&m->b, &m->c, eb, top);
		assert_int_equal(vexfs_dev_write(&m->b.dev, top, data), 0);
		vexfs_dev_drop(&m->b.dev);
		assert_int_equal(vexfs_extent_walk(&m->c, no_extent, NULL), -EUCLEAN);
		box_start(&m->b, &t, INT_MAX);
		assert_int_equal(vexfs_extent_truncate(&t, &m->c, 0), -EUCLEAN);
		assert_int_equal(vexfs_extent_lookup(&m->c, what == 1 ? 0 : RANGE, &map), -EUCLEAN);
		box_close(&m->b);
	}
}

static void flip(struct box *b, void *data, void *arg)
{
	const struct lie *l = arg;
	__u32 at = chance(2) ? chance(32) : chance(VEXFS_BLOCK_SIZE);

	((__u8 *)data)[at] ^= 1 << chance(8);
	if (l->what)
		stamp(b, l->c, data, l->block);
}

/* Random damage to the nodes of a real tree, mostly with a right crc: errors at most. */
static void test_flips(void **state)
{
	static __u64 node[300];
	struct model *m = the_model();
	struct lie l = { .c = &m->c };
	__u8 good[VEXFS_BLOCK_SIZE];
	unsigned int nodes = 0, i;
	__u64 sum[4] = { };

	(void)state;
	chance_seed(11);
	model_make(m, 2 * VEXFS_GROUP_BLOCKS);
	for (i = 0; i < 5000; i++)
		do_insert(m, chance(RANGE), 1);
	assert_int_equal(m->c.depth, 2);
	model_commit(m);
	for (i = 0; i < m->c.entries; i++)
		node[nodes++] = le64_to_cpu(m->c.index[i].x_block);
	for (i = 0; i < m->c.entries; i++) {
		struct vexfs_extent_index *x;
		unsigned int k;

		assert_int_equal(vexfs_dev_read(&m->b.dev, node[i], good), 0);
		x = (void *)(good + 32);
		for (k = 0; k < le16_to_cpu(((struct vexfs_extent_block *)good)->eb_entries) &&
			    nodes < 300;
		     k++)
			node[nodes++] = le64_to_cpu(x[k].x_block);
	}
	for (i = 0; i < 1500; i++) {
		struct vexfs_inode_core c = m->c;
		struct vexfs_map map;
		__u32 done;
		vx_txn t;

		l.block = node[chance(3) ? chance(nodes) : chance(2)];
		l.what = chance(8);
		vexfs_dev_flush(&m->b.dev);
		assert_int_equal(vexfs_dev_read(&m->b.dev, l.block, good), 0);
		box_poke(&m->b, l.block, flip, &l);
		vexfs_dev_drop(&m->b.dev);
		memset(sum, 0, sizeof(sum));
		vexfs_extent_walk(&m->c, no_extent, NULL);
		vexfs_extent_lookup(&m->c, chance(RANGE), &map);
		/* changes too; what they did is thrown away with the cache */
		box_start(&m->b, &t, INT_MAX);
		vexfs_extent_convert(&t, &m->c, chance(RANGE), 5, &done);
		vexfs_extent_alloc(&t, &m->c, chance(RANGE), 5, false, &map);
		vexfs_extent_truncate(&t, &m->c, RANGE - chance(2000));
		vexfs_super_release(&m->b.fs);
		vexfs_dev_drop(&m->b.dev);
		assert_int_equal(vexfs_dev_write(&m->b.dev, l.block, good), 0);
		box_open(&m->b);
		memcpy(m->c.link, c.link, sizeof(c.link));
		m->c.depth = c.depth;
		m->c.entries = c.entries;
		m->c.blocks = c.blocks;
	}
	check_all(m);
	model_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nospace),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
