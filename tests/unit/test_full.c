// SPDX-License-Identifier: GPL-2.0
/*
 * A filesystem that is full: what planes have taken holds records and not air, a block for dead
 * bits is always there, and deleting, syncing, compacting and dropping work without a free block.
 */
#include <platform/host.h>
#include "collection/collection.h"

#include "mount.h"

static struct mount m;
static __u64 next; /* id */

static struct vexfs_fs *fs_of(void)
{
	return &VEXFS_SB(vexfs_image_sb(m.image))->fs;
}

static struct vexfs_body *body(void)
{
	return VEXFS_I(file_inode(m.c))->coll->body;
}

/* Records until there is no room, so many at a time. */
static void fill_with_records(__u32 some)
{
	long err;

	do {
		err = insert_some(&m, next, some, 0);
		next += err ? 0 : some;
	} while (!err);
	assert_int_equal(err, -ENOSPC);
}

/* What is left, with a file. */
static void fill_with_a_file(void)
{
	struct file *file = file_open(&m, "/rest", "");
	static __u8 block[VEXFS_BLOCK_SIZE];
	ssize_t n;
	off_t at = 0;

	do {
		n = vexfs_file_pwrite(file, block, sizeof(block), at);
		at += max(n, (ssize_t)0);
	} while (n == sizeof(block));
	assert_int_equal(n, -ENOSPC);
	vexfs_file_close(file);
	assert_int_equal(vexfs_alloc_room(fs_of(), 0), 0);
}

static void prepare(__u64 blocks)
{
	mount_make_of(&m, blocks);
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c", 0755), 0);
	mount_open_c(&m);
	assert_int_equal(collection_create(m.c), 0);
	next = 1;
}

static void delete_all(__u32 step)
{
	__u64 *ids = calloc(next, sizeof(*ids)), id, n = 0;
	struct vexfs_ioc_delete arg = { .size = sizeof(arg), .ids = (uintptr_t)ids };

	for (id = 1; id < next; id += step)
		ids[n++] = id;
	arg.n = n / 2;		/* one half at once, and one by one */
	if (arg.n)
		assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DELETE, &arg), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	for (id = n / 2; id < n; id++) {
		assert_int_equal(delete_id(&m, ids[id]), 0);
		if (id % 512 == 0)
			assert_int_equal(vexfs_file_sync(m.c), 0);
	}
	assert_int_equal(vexfs_file_sync(m.c), 0);
	free(ids);
}

/* Filled to the last block, all goes that gives space back, and the space is there again. */
static void gives_back(__u64 blocks, __u32 some)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
	__u64 first, held, records;

	prepare(blocks);
	fill_with_records(some);
	fill_with_records(1);
	records = next - 1;
	held = VEXFS_I(body()->vectors)->core.blocks + VEXFS_I(body()->records)->core.blocks;
	print_message("# %llu blocks, %u at a time: %llu records in %llu blocks, %llu are needed\n",
		      (unsigned long long)blocks, some, (unsigned long long)records,
		      (unsigned long long)held,
		      (unsigned long long)(records * 160 / VEXFS_BLOCK_SIZE));
	assert_true(records * 160 / VEXFS_BLOCK_SIZE + 2 >= held * 9 / 10);
	fill_with_a_file();
	assert_int_equal(vexfs_file_sync(m.c), 0);
	delete_all(3);
	assert_int_equal(info_of(&m).live, records - (records + 2) / 3);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, records - (records + 2) / 3);
	for (first = 1; first < next; first++)
		if (first % 3 != 1 && first > 50)
			assert_int_equal(delete_id(&m, first), 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(info_of(&m).count, info_of(&m).live);
	mount_again(&m);
	fill_with_records(some);
	fill_with_a_file();
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DROP, &drop), 0);
	assert_true(vexfs_alloc_room(fs_of(), 0) > held / 2);
	mount_unmake(&m);
}

static void every_size(void **state)
{
	__u64 blocks;

	(void)state;
	for (blocks = 2048; blocks <= 8192; blocks += blocks + 37)
		gives_back(blocks, 1 + blocks % 211);
}

/* Where the bitmap needs its second block no other is free, and the planes have room. */
static void dead_block(void **state)
{
	(void)state;
	prepare(16384);
	assert_int_equal(insert_some(&m, 1, VEXFS_DEAD_SLOTS - 10, 0), 0);
	next = VEXFS_DEAD_SLOTS - 9;
	fill_with_a_file();
	assert_int_equal(insert_some(&m, next, 20, 0), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	assert_int_equal(delete_id(&m, next + 15), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, VEXFS_DEAD_SLOTS + 9);
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size),
		cmocka_unit_test(dead_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
