// SPDX-License-Identifier: GPL-2.0
/*
 * Slots that die far apart: an operation takes as many as it likes, in one transaction, by the log
 * of deaths.  A commit may change one block of the dead bitmap here, where it may change 256.
 */
#define _GNU_SOURCE
#include <platform/host.h>
#include "collection/collection.h"

#include "mount.h"

#define RECORDS (3 * VEXFS_DEAD_SLOTS + 100)
#define FAR 5u /* records that die, in all four blocks of the bitmap */

static struct mount m;
static const __u64 far[FAR] = { 7, VEXFS_DEAD_SLOTS, VEXFS_DEAD_SLOTS * 2 + 5,
				VEXFS_DEAD_SLOTS * 2 + 6, RECORDS - 1 };

static struct vexfs_body *body(void)
{
	struct vexfs_collection_mem *c = VEXFS_I(file_inode(m.c))->coll;

	assert_non_null(c);
	return c->body;
}

static void prepare(void)
{
	__u64 at;

	vexfs_commit_dead_blocks = 1;
	vexfs_deaths_many = 1 << 20;
	mount_with_collection(&m);
	for (at = 0; at < RECORDS; at += 20000)
		assert_int_equal(insert_some(&m, at, min_t(__u64, 20000, RECORDS - at), 0), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	assert_null(body()->deaths);
}

static void finish(void)
{
	mount_unmake(&m);
	vexfs_commit_dead_blocks = VEXFS_COMMIT_DEAD_BLOCKS;
}

/* FAR records of other vectors, by id. */
static long upsert_far(__u32 n, __s64 attr)
{
	float rows[FAR][DIMS];
	__s64 attrs[FAR][2];
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.flags = VEXFS_INSERT_UPSERT,
		.n = n,
		.row_bytes = sizeof(rows[0]),
		.rows = (uintptr_t)rows,
		.ids = (uintptr_t)far,
		.attrs = (uintptr_t)attrs,
	};
	__u32 i;

	for (i = 0; i < n; i++) {
		vector_of(far[i], rows[i]);
		attrs[i][0] = attr;
		attrs[i][1] = 0;
	}
	return vexfs_file_ioctl(m.c, VEXFS_IOC_INSERT, &arg);
}

static long delete_ids(const __u64 *ids, __u32 n, __u64 *bad)
{
	struct vexfs_ioc_delete arg = {
		.size = sizeof(arg), .n = n, .ids = (uintptr_t)ids, .bad = ~0ULL
	};
	long err = vexfs_file_ioctl(m.c, VEXFS_IOC_DELETE, &arg);

	*bad = arg.bad;
	return err;
}

static long delete_far(__u32 n, __u64 *bad)
{
	return delete_ids(far, n, bad);
}

/* Attribute of a record. */
static __s64 attr_of(__u64 id)
{
	struct vexfs_item item;

	assert_int_equal(get_id(&m, id, &item), 0);
	return item.attr[0];
}

static void check_far(__s64 attr)
{
	__u32 i;

	assert_int_equal(info_of(&m).live, RECORDS);
	for (i = 0; i < FAR; i++)
		assert_int_equal(attr_of(far[i]), attr);
}

static void upserts(void **state)
{
	__u64 end;

	(void)state;
	prepare();
	assert_int_equal(upsert_far(FAR, -1), 0);
	check_far(-1);
	assert_int_equal(info_of(&m).committed, RECORDS); /* no commit was needed for that */
	mount_kill(&m); /* nothing of it was synced */
	mount_open(&m, 0);
	mount_open_c(&m);
	assert_int_equal(info_of(&m).count, RECORDS);
	assert_int_equal(upsert_far(FAR, -2), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	end = body()->deaths_end;
	assert_int_equal(end, 8 + 4 * FAR);
	mount_kill(&m);
	mount_check(&m);
	mount_open(&m, 0);
	mount_open_c(&m);
	check_far(-2);
	assert_int_equal(info_of(&m).count, RECORDS + FAR);
	assert_int_equal(body()->deaths_end, end);
	/* those that they replaced are next to each other: they go into the bitmap */
	assert_int_equal(upsert_far(FAR, -3), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	assert_int_equal(body()->deaths_end, end);
	mount_again(&m);
	check_far(-3);
	/* and these behind what is in the log */
	assert_int_equal(delete_id(&m, 8), 0);
	assert_int_equal(delete_id(&m, VEXFS_DEAD_SLOTS + 8), 0);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, RECORDS - 2);
	assert_int_equal(body()->deaths_end, end + 8 + 4 * 2);
	finish();
}

static void deletes(void **state)
{
	__u64 bad, i;

	(void)state;
	prepare();
	assert_int_equal(delete_far(FAR, &bad), 0);
	assert_int_equal(info_of(&m).live, RECORDS - FAR);
	assert_int_equal(info_of(&m).committed, RECORDS);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, RECORDS - FAR);
	for (i = 0; i < FAR; i++)
		assert_false(is_found(&m, far[i]));
	assert_int_equal(delete_far(FAR, &bad), -ENOENT);
	assert_int_equal(bad, 0);
	assert_int_equal(upsert_far(FAR, -4), 0);
	mount_again(&m);
	check_far(-4);
	finish();
}

/* A snapshot is of the bitmap, into which the log is folded before; compaction makes an end of it. */
static void folding(void **state)
{
	struct vexfs_ioc_snapshot snapshot = {
		.size = sizeof(snapshot), .op = VEXFS_SNAPSHOT_CREATE, .name = "before"
	};
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_hit hits[2];
	__u64 i, bad;

	(void)state;
	prepare();
	assert_int_equal(delete_far(FAR, &bad), 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SNAPSHOT, &snapshot), 0);
	assert_int_equal(body()->deaths_begin, body()->deaths_end);
	assert_true(body()->deaths_end > 0);
	for (i = 0; i < FAR; i++) {
		assert_int_equal(search_id(&m, far[i], 1, "before", hits), 1);
		assert_true(hits[0].id != far[i]);
	}
	mount_again(&m);
	assert_int_equal(info_of(&m).live, RECORDS - FAR);
	vexfs_deaths_many = 8;
	for (i = 0; i < 9; i++) {
		assert_int_equal(upsert_far(FAR, i), 0);
		assert_int_equal(delete_id(&m, 100 + i), 0);
		assert_int_equal(delete_id(&m, RECORDS - 2 - i), 0);
		assert_int_equal(vexfs_file_sync(m.c), 0);
		assert_true(body()->deaths_end - body()->deaths_begin < 8 * 4 + 8);
	}
	mount_again(&m);
	assert_int_equal(info_of(&m).live, RECORDS - 18);
	assert_int_equal(attr_of(far[2]), 8);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_null(body()->deaths);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, RECORDS - 18);
	assert_int_equal(upsert_far(FAR, 77), 0);
	mount_again(&m);
	assert_int_equal(attr_of(far[4]), 77);
	finish();
}

/* A delete in parts, of which one fails: `bad` says how far it came.  Records that are deleted. */
static __u32 parts_fail(void)
{
	__u32 n, i, deleted = 0;
	struct vexfs_item item;
	bool told = false;
	__u64 bad;

	for (n = 1; !told; n++) {
		__u64 ids[] = { 20 + n, VEXFS_DEAD_SLOTS + 20 + n, 2 * VEXFS_DEAD_SLOTS + 20 + n };
		long err;

		assert_true(n < 30);
		assert_int_equal(vexfs_file_sync(m.c), 0);	/* blocks are asked for anew */
		vexfs_fault_set(VEXFS_FAULT_TXN, n);
		err = delete_ids(ids, 3, &bad);
		vexfs_fault_set(VEXFS_FAULT_TXN, 0);
		told = err && bad != ~0ULL;
		for (i = 0; i < 3; i++) {
			bool gone = told ? i < bad : !err;

			assert_int_equal(get_id(&m, ids[i], &item), gone ? -ENOENT : 0);
			deleted += gone;
		}
	}
	assert_true(bad > 0 && bad < 3);
	return deleted;
}

/* There is no room for a log: deletes go in parts, each whole; and an upsert refuses. */
static void full(void **state)
{
	struct vexfs_fs *fs;
	__u64 bad, kept;
	__u32 deleted;

	(void)state;
	prepare();
	fs = &VEXFS_SB(vexfs_image_sb(m.image))->fs;
	kept = fs->reserved_blocks;
	fs->reserved_blocks = 1 << 30; /* more than are free */
	assert_int_equal(upsert_far(FAR, -1), -ENOSPC);
	assert_int_equal(info_of(&m).committed, RECORDS);
	assert_int_equal(delete_far(FAR, &bad), 0);
	assert_true(!body()->deaths || !body()->deaths_room);
	assert_int_equal(info_of(&m).live, RECORDS - FAR);
	deleted = parts_fail();
	fs->reserved_blocks = kept;
	mount_again(&m);
	assert_int_equal(upsert_far(FAR, -1), 0);
	mount_again(&m);
	assert_int_equal(attr_of(far[3]), -1);
	assert_int_equal(info_of(&m).live, RECORDS - deleted);
	finish();
}

/* A byte of the log is another one: the collection does not load, and fsck says why. */
static void damaged(void **state)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	__u32 head[3];
	__u64 bad;
	off_t at;
	int fd;

	(void)state;
	prepare();
	assert_int_equal(delete_far(FAR, &bad), 0);
	mount_close(&m);
	fd = open(m.path, O_RDWR | O_CLOEXEC);
	for (at = 0; pread(fd, head, sizeof(head), at) == sizeof(head); at += VEXFS_BLOCK_SIZE)
		if (head[1] == FAR && head[2] == far[0])
			break;
	head[2] ^= 1;
	assert_int_equal(pwrite(fd, head, sizeof(head), at), sizeof(head));
	m.quiet = true;
	mount_open(&m, 0);
	mount_open_c(&m);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INFO, &info), -EUCLEAN);
	mount_close(&m);
	m.quiet = false;
	head[2] ^= 1;
	assert_int_equal(pwrite(fd, head, sizeof(head), at), sizeof(head));
	close(fd);
	mount_open(&m, 0);
	mount_open_c(&m);
	assert_int_equal(info_of(&m).live, RECORDS - FAR);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upserts), cmocka_unit_test(deletes), cmocka_unit_test(folding),
		cmocka_unit_test(full),	   cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
