// SPDX-License-Identifier: GPL-2.0
/*
 * What is not done while a collection is locked, which keeps out who inserts and deletes: reading
 * the keys of records that others have inserted.
 */
#define _GNU_SOURCE
#include <platform/host.h>
#include "collection/collection.h"

#include "mount.h"

#define RECORDS 1000u
#define SOME 10u /* reads of what a page holds besides what is written to it */

static struct mount m;
static struct vexfs_collection_mem *c;
static unsigned int reads, locked; /* of the device; with c->lock held */

static bool count_read(struct vexfs_dev *dev, __u64 block)
{
	(void)dev, (void)block;
	if (!c)
		return false;
	reads++;
	if (pthread_mutex_trylock(&c->lock.m))
		locked++;
	else
		pthread_mutex_unlock(&c->lock.m);
	return false;
}

static long insert_keyed(__u32 flags)
{
	static char keys[RECORDS * 8];
	static __u8 lens[RECORDS];
	static float rows[RECORDS][DIMS];
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.flags = VEXFS_INSERT_AUTO_ID | flags,
		.n = RECORDS,
		.row_bytes = sizeof(rows[0]),
		.rows = (uintptr_t)rows,
		.keys = (uintptr_t)keys,
		.key_lens = (uintptr_t)lens,
		.key_bytes = RECORDS * 8,
	};
	char key[9];
	__u32 i;

	for (i = 0; i < RECORDS; i++) {
		vector_of(i, rows[i]);
		lens[i] = 8;
		snprintf(key, sizeof(key), "k%07u", i);
		memcpy(keys + i * 8, key, 8);
	}
	return vexfs_file_ioctl(m.c, VEXFS_IOC_INSERT, &arg);
}

static long delete_keyed(void)
{
	static char keys[RECORDS / 2 * 8];
	static __u8 lens[RECORDS / 2];
	struct vexfs_ioc_delete arg = {
		.size = sizeof(arg),
		.flags = VEXFS_DELETE_BY_KEY,
		.n = RECORDS / 2,
		.keys = (uintptr_t)keys,
		.key_lens = (uintptr_t)lens,
		.key_bytes = sizeof(keys),
	};
	char key[9];
	__u32 i;

	for (i = 0; i < RECORDS / 2; i++) {
		lens[i] = 8;
		snprintf(key, sizeof(key), "k%07u", 2 * i);
		memcpy(keys + i * 8, key, 8);
	}
	return vexfs_file_ioctl(m.c, VEXFS_IOC_DELETE, &arg);
}

static void keys(void **state)
{
	struct vexfs_ioc_get get = {
		.size = sizeof(get),
		.flags = VEXFS_GET_BY_KEY,
		.key = (uintptr_t) "k0000007",
		.key_len = 8,
	};

	(void)state;
	mount_make(&m);
	m.quiet = true;
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c", 0755), 0);
	mount_open_c(&m);
	assert_int_equal(collection_create(m.c), 0);
	assert_int_equal(insert_keyed(0), 0);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, RECORDS);
	m.dev.unreadable = count_read;
	c = VEXFS_I(file_inode(m.c))->coll;

	assert_int_equal(insert_keyed(0), -EEXIST);
	assert_true(reads >= RECORDS && locked < SOME);
	assert_int_equal(insert_keyed(VEXFS_INSERT_UPSERT), 0);
	assert_true(locked < SOME);
	locked = 0;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_GET, &get), 0);
	assert_int_equal(get.item.id, 7);
	assert_int_equal(locked, 0);
	assert_int_equal(delete_keyed(), 0);
	assert_int_equal(locked, 0);
	assert_int_equal(info_of(&m).live, RECORDS / 2);
	c = NULL;
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
