// SPDX-License-Identifier: GPL-2.0
/* Superblock: geometry, verification, counters. */
#include <unistd.h>

#include "box.h"

static void test_crc(void **state)
{
	__u8 data[300];
	unsigned int i, at, n;

	(void)state;
	chance_seed(0);
	for (i = 0; i < sizeof(data); i++)
		data[i] = chance(256);
	for (i = 0; i < 1000; i++) {
		at = chance(100);
		n = chance(200);
		assert_int_equal(crc32c(i, data + at, n), crc32c_table(i, data + at, n));
	}
	/* the check value of CRC-32C inverts at both ends, ours does at neither */
	assert_int_equal(~crc32c(~0u, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(~0u, "12345", 5), "6789", 4), crc32c(~0u, "123456789", 9));
	assert_int_equal(crc32c(5, "", 0), 5);
}

static void test_init_range(void **state)
{
	struct vexfs_super s;

	(void)state;
	assert_int_equal(vexfs_super_init(&s, 0, 0), -EINVAL);
	assert_int_equal(vexfs_super_init(&s, VEXFS_MIN_BLOCKS - 1, 0), -EINVAL);
	assert_int_equal(vexfs_super_init(&s, VEXFS_MAX_BLOCKS + 1, 0), -EINVAL);
	assert_int_equal(vexfs_super_init(&s, ~0ULL, 0), -EINVAL);
	assert_int_equal(vexfs_super_init(&s, 65536, VEXFS_MIN_JOURNAL - 1), -EINVAL);
	assert_int_equal(vexfs_super_init(&s, 65536, VEXFS_MAX_JOURNAL + 1), -EINVAL);
	assert_int_equal(vexfs_super_init(&s, VEXFS_MIN_BLOCKS, 2000), -ENOSPC);
	assert_int_equal(vexfs_super_init(&s, VEXFS_MIN_BLOCKS, 0), 0);
}

/*
 * Every size gives a superblock that passes its own check, with the capacity that the groups add up
 * to.
 */
static void check_geometry(__u64 blocks, __u32 journal)
{
	struct vexfs_super s;
	struct vexfs_fs fs = { };
	const char *why;
	__u64 sum = 0;
	__u32 g;

	assert_int_equal(vexfs_super_init(&s, blocks, journal), 0);
	assert_int_equal(vexfs_super_check(&s, blocks, &why), 0);
	vexfs_super_geometry(&fs, &s);
	assert_true(fs.blocks <= blocks && blocks - fs.blocks < VEXFS_GROUP_BLOCKS);
	for (g = 0; g < fs.groups; g++) {
		__u64 end = ((__u64)g << VEXFS_GROUP_SHIFT) + vexfs_group_len(&fs, g);

		assert_true(vexfs_group_data(&fs, g) < end);
		sum += end - vexfs_group_data(&fs, g);
	}
	assert_int_equal(sum, vexfs_super_capacity(&fs));
	assert_int_equal(sum, le64_to_cpu(s.s_free_blocks));
	assert_true(fs.reserved_blocks < sum);
	assert_int_equal(fs.journal_start + fs.journal_blocks, vexfs_group_data(&fs, 0));
}

static void test_geometry(void **state)
{
	__u64 blocks;
	int i;

	(void)state;
	chance_seed(1);
	for (blocks = VEXFS_MIN_BLOCKS; blocks < VEXFS_MAX_BLOCKS; blocks *= 2) {
		check_geometry(blocks, 0);
		check_geometry(blocks + 1, 0);
		check_geometry(blocks + chance(blocks > 1u << 30 ? 1u << 30 : blocks), 0);
	}
	check_geometry(VEXFS_MAX_BLOCKS, 0);
	check_geometry(VEXFS_MAX_BLOCKS, VEXFS_MAX_JOURNAL);
	/* around a group's end, where the last group may be too short to be one */
	for (i = 0; i < 1500; i++)
		check_geometry(2 * VEXFS_GROUP_BLOCKS + i, 0);
}

static void test_lies(void **state)
{
	const char *why;
	struct vexfs_super good, s;

	(void)state;
	assert_int_equal(vexfs_super_init(&good, 100000, 0), 0);
#define LIE(field, value, error) do {							\
		s = good;								\
		s.field = value;							\
		vexfs_super_stamp(&s);							\
		assert_int_equal(vexfs_super_check(&s, 100000, &why), error);		\
		assert_non_null(why);							\
	} while (0)
	LIE(s_magic, 0, -EINVAL);
	LIE(s_version, cpu_to_le32(2), -EOPNOTSUPP);
	LIE(s_incompat, cpu_to_le32(0x80000001), -EOPNOTSUPP);
	LIE(s_ro_compat, cpu_to_le32(4), -EROFS);
	LIE(s_compat, cpu_to_le32(0xffffffff), 0);
	LIE(s_block_size, cpu_to_le32(1024), -EUCLEAN);
	LIE(s_block_size, 0, -EUCLEAN);
	LIE(s_blocks, 0, -EUCLEAN);
	LIE(s_blocks, cpu_to_le64(100001), -ENXIO);		/* the rest is possible */
	LIE(s_blocks, cpu_to_le64(~0ULL), -EUCLEAN);
	LIE(s_blocks, cpu_to_le64(3 << VEXFS_GROUP_SHIFT), -EUCLEAN);
	LIE(s_groups, 0, -EUCLEAN);
	LIE(s_groups, cpu_to_le32(~0u), -EUCLEAN);
	LIE(s_inodes_per_group, 0, -EUCLEAN);
	LIE(s_inodes_per_group, cpu_to_le32(8), -EUCLEAN);
	/* the log would not be in its place */
	LIE(s_inodes_per_group, cpu_to_le32(64), -EUCLEAN);
	LIE(s_inodes_per_group, cpu_to_le32(8192), -EUCLEAN);
	LIE(s_inodes_per_group, cpu_to_le32(0xffffffc0), -EUCLEAN);
	LIE(s_journal_start, 0, -EUCLEAN);
	LIE(s_journal_start, cpu_to_le64(~0ULL), -EUCLEAN);
	LIE(s_journal_blocks, 0, -EUCLEAN);
	LIE(s_journal_blocks, cpu_to_le32(~0u), -EUCLEAN);
	LIE(s_reserved_blocks, cpu_to_le32(~0u), -EUCLEAN);
	LIE(s_groups_init, 0, -EUCLEAN);
	LIE(s_groups_init, cpu_to_le32(8), -EUCLEAN);
	LIE(s_free_blocks, cpu_to_le64(~0ULL), -EUCLEAN);
	LIE(s_free_inodes, cpu_to_le64(~0ULL), -EUCLEAN);
	LIE(s_last_orphan, cpu_to_le64(~0ULL), -EUCLEAN);
	LIE(s_last_orphan, cpu_to_le64(2), -EUCLEAN);
	LIE(s_state, cpu_to_le16(0x80), -EUCLEAN);
	LIE(s_errors, 0, -EUCLEAN);
	LIE(s_errors, cpu_to_le16(9), -EUCLEAN);
	s = good;
	s.s_label[0] ^= 1;
	assert_int_equal(vexfs_super_check(&s, 100000, &why), -EUCLEAN);
	assert_int_equal(vexfs_super_check(&good, 99999, &why), -ENXIO);
}

static void flip(struct box *b, void *data, void *arg)
{
	(void)b;
	((__u8 *)data)[chance(VEXFS_BLOCK_SIZE)] ^= 1 << chance(8);
	if (arg)
		vexfs_super_stamp(data);
}

/* Random damage, with a right crc too: an error, or a filesystem that can be used. */
static void test_flips(void **state)
{
	__u8 good[VEXFS_BLOCK_SIZE];
	struct vexfs_fs fs;
	struct box b;
	int i, refused = 0;

	(void)state;
	chance_seed(2);
	box_make(&b, 40000);
	box_reopen(&b, true);
	vexfs_super_release(&b.fs);
	assert_int_equal(vexfs_dev_read(&b.dev, 0, good), 0);
	for (i = 0; i < 3000; i++) {
		vexfs_dev_drop(&b.dev);
		box_poke(&b, 0, flip, i % 2 ? &i : NULL);
		if (vexfs_super_read(&fs, &b.dev, b.dev.blocks)) {
			refused++;
		} else {
			__u64 pblk;
			__u32 len;
			vx_txn t;

			assert_true(i % 2);
			vexfs_txn_start(&t, &b.dev, VEXFS_ALLOC_CREDITS);
			vexfs_alloc_blocks(&t, &fs, 0, 10, 0, &pblk, &len);
			vexfs_super_release(&fs);
		}
		assert_int_equal(vexfs_dev_write(&b.dev, 0, good), 0);
	}
	assert_true(refused >= 1500);
	vexfs_dev_drop(&b.dev);
	box_open(&b);
	box_close(&b);
}

static void test_counts(void **state)
{
	__u64 blocks, inodes, pblk, ino;
	const struct vexfs_super *s;
	struct box b;
	__u32 len, gen;
	vx_txn t;

	(void)state;
	box_make(&b, 100000);
	box_start(&b, &t, INT_MAX);
	assert_int_equal(vexfs_super_log(&t, &b.fs, 0), 0);
	s = vx_data(b.fs.sb_buf);
	assert_int_equal(le32_to_cpu(s->s_mount_count), 1);
	assert_int_equal(vexfs_alloc_blocks(&t, &b.fs, 90000, 5000, 0, &pblk, &len), 0);
	assert_int_equal(vexfs_alloc_ino(&t, &b.fs, 1, false, &ino, &gen), 0);
	blocks = b.fs.free_blocks;
	inodes = b.fs.free_inodes;
	/* counted again when not clean, believed when clean: the same both times */
	box_reopen(&b, false);
	assert_int_equal(b.fs.free_blocks, blocks);
	assert_int_equal(b.fs.free_inodes, inodes);
	box_reopen(&b, true);
	assert_int_equal(b.fs.free_blocks, blocks);
	assert_int_equal(b.fs.free_inodes, inodes);
	box_close(&b);
}

/*
 * Every read and every allocation of a mount fails once; nothing is leaked, and the next try works.
 */
static void test_faults(void **state)
{
	enum vexfs_fault what;
	struct vexfs_fs fs;
	struct box b;
	unsigned int n, met = 0;
	int err;

	(void)state;
	box_make(&b, 100000);
	box_reopen(&b, false);
	vexfs_super_release(&b.fs);
	for (what = VEXFS_FAULT_READ; what <= VEXFS_FAULT_ALLOC; what++)
		for (n = 1; ; n++) {
			vexfs_dev_drop(&b.dev);
			vexfs_fault_set(what, n);
			err = vexfs_super_read(&fs, &b.dev, b.dev.blocks);
			if (!vexfs_fault_met()) {
				assert_int_equal(err, 0);
				vexfs_super_release(&fs);
				break;
			}
			met++;
			if (!err) {		/* a group's block: it counts as full */
				assert_true(what == VEXFS_FAULT_READ && n > 1);
				vexfs_super_release(&fs);
				continue;
			}
			assert_null(fs.sb_buf);
			assert_null(fs.group_free);
		}
	assert_true(met >= 8);
	vexfs_dev_drop(&b.dev);
	box_open(&b);
	box_close(&b);
}

/* What the filesystem is, is in this block, which may be used for nothing but reading. */
static void check_copy(struct box *b, __u64 block)
{
	__u8 data[VEXFS_BLOCK_SIZE];
	const char *why;
	struct vexfs_fs fs;

	assert_int_equal(vexfs_dev_read(&b->dev, block, data), 0);
	assert_int_equal(vexfs_super_check((void *)data, b->dev.blocks, &why), -EROFS);
	assert_non_null(strstr(why, "copy"));
	assert_int_equal(vexfs_super_read_copy(&fs, &b->dev, b->dev.blocks, block), 0);
	assert_int_equal(fs.groups_init, b->fs.groups_init);
	assert_int_equal(fs.free_blocks, b->fs.free_blocks);
	assert_int_equal(fs.free_inodes, b->fs.free_inodes);
	assert_int_equal(fs.uuid_seed, b->fs.uuid_seed);
	vexfs_super_release(&fs);
}

/*
 * Copies were written by mkfs, when four groups were initialised and all was clean: what has changed since
 * is found out.
 */
static void test_copies(void **state)
{
	static const __u64 copies[] = { VEXFS_GROUP_BLOCKS, 3 * VEXFS_GROUP_BLOCKS };
	__u8 first[VEXFS_BLOCK_SIZE], data[VEXFS_BLOCK_SIZE];
	struct vexfs_super old;
	struct vexfs_fs fs;
	__u64 pblk, ino;
	struct box b;
	__u32 len, gen;
	vx_txn t;
	int i;

	(void)state;
	box_make(&b, 9 * VEXFS_GROUP_BLOCKS);
	assert_int_equal(b.fs.groups_init, 4);
	for (i = 0; i < 2; i++)
		check_copy(&b, copies[i]);
	box_start(&b, &t, INT_MAX);
	while (b.fs.groups_init < 7)
		assert_int_equal(vexfs_alloc_blocks(&t, &b.fs, 0, VEXFS_GROUP_BLOCKS, 0, &pblk, &len), 0);
	assert_int_equal(vexfs_alloc_ino(&t, &b.fs, 1, false, &ino, &gen), 0);
	box_reopen(&b, true);
	for (i = 0; i < 2; i++)
		check_copy(&b, copies[i]);

	/* as they were written before they said so: clean, with four groups */
	assert_int_equal(vexfs_dev_read(&b.dev, 0, first), 0);
	memcpy(&old, first, sizeof(old));
	old.s_groups_init = cpu_to_le32(4);
	old.s_free_blocks = cpu_to_le64(vexfs_super_capacity(&b.fs));
	vexfs_super_stamp(&old);
	assert_int_equal(vexfs_dev_write(&b.dev, copies[1], &old), 0);
	vexfs_dev_drop(&b.dev);
	assert_int_equal(vexfs_super_read_copy(&fs, &b.dev, b.dev.blocks, copies[1]), 0);
	assert_int_equal(fs.groups_init, 7);
	assert_int_equal(fs.free_blocks, b.fs.free_blocks);
	vexfs_super_release(&fs);

	/* one that somebody has copied to block 0: its groups are not initialised again */
	assert_int_equal(vexfs_dev_read(&b.dev, copies[0], data), 0);
	assert_int_equal(vexfs_dev_write(&b.dev, 0, data), 0);
	vexfs_super_release(&b.fs);
	vexfs_dev_drop(&b.dev);
	box_open(&b);
	assert_int_equal(b.fs.groups_init, 7);
	check_copy(&b, 0);

	/* groups in the middle and at the end that do not verify, or cannot be read */
	box_poke(&b, vexfs_group_block(&b.fs, 2), flip, NULL);
	vexfs_dev_drop(&b.dev);
	assert_int_equal(vexfs_super_read_copy(&fs, &b.dev, b.dev.blocks, copies[0]), 0);
	assert_int_equal(fs.groups_init, 7);
	assert_int_equal(fs.group_free[2], 0);
	vexfs_super_release(&fs);
	vexfs_dev_drop(&b.dev);
	vexfs_fault_set(VEXFS_FAULT_READ, 4);		/* after the copy and the groups 8 and 7: group 6 */
	assert_int_equal(vexfs_super_read_copy(&fs, &b.dev, b.dev.blocks, copies[0]), 0);
	assert_true(vexfs_fault_met());
	assert_int_equal(fs.groups_init, 6);
	vexfs_super_release(&fs);
	vexfs_dev_drop(&b.dev);
	vexfs_kill(true);
	assert_int_equal(vexfs_super_read_copy(&fs, &b.dev, b.dev.blocks, copies[0]), -EINTR);
	vexfs_kill(false);
	vexfs_super_release(&b.fs);
	assert_int_equal(vexfs_dev_write(&b.dev, 0, first), 0);
	vexfs_dev_drop(&b.dev);
	box_open(&b);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_init_range),
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
