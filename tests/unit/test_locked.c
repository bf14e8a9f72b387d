// SPDX-License-Identifier: GPL-2.0
/*
 * What is not done while a collection is locked, which keeps out who deletes, looks up or commits:
 * reading keys and words that others have inserted, and writing records.
 */
#define _GNU_SOURCE
#include <platform/host.h>
#include "collection/collection.h"

#include "mount.h"

#define RECORDS 1000u
static struct mount m;
static struct vexfs_collection_mem *c;
static unsigned int reads, writes, locked; /* of the device; with c->lock held */

static void count_locked(void)
{
	if (pthread_mutex_trylock(&c->lock.m))
		locked++;
	else
		pthread_mutex_unlock(&c->lock.m);
}

static bool count_read(struct vexfs_dev *dev, __u64 block)
{
	(void)dev, (void)block;
	if (c) {
		reads++;
		count_locked();
	}
	return false;
}

static void count_write(struct vexfs_dev *dev, __u64 block, const void *data)
{
	(void)dev, (void)block;
	if (c && data) {
		writes++;
		count_locked();
	}
}

/* Read or written so often since it was asked last, and never with the lock. */
static bool unlocked(unsigned int least_reads, unsigned int least_writes)
{
	bool is = reads >= least_reads && writes >= least_writes && !locked;

	if (!is)
		print_error("%u reads, %u writes, %u with the lock\n", reads, writes, locked);
	reads = writes = locked = 0;
	return is;
}

static void prepare(void)
{
	mount_make(&m);
	m.quiet = true;
	mount_open(&m, 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c", 0755), 0);
	mount_open_c(&m);
	assert_int_equal(collection_create(m.c), 0);
}

/* Mount it again and count. */
static void begin(void)
{
	mount_again(&m);
	info_of(&m);
	m.dev.unreadable = count_read;
	m.dev.record = count_write;
	c = VEXFS_I(file_inode(m.c))->coll;
	reads = writes = locked = 0;
}

static void finish(void)
{
	c = NULL;
	mount_unmake(&m);
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
	prepare();
	assert_int_equal(insert_keyed(0), 0);
	begin();
	assert_int_equal(info_of(&m).live, RECORDS);

	assert_int_equal(insert_keyed(0), -EEXIST);
	assert_true(unlocked(RECORDS, 0));
	assert_int_equal(insert_keyed(VEXFS_INSERT_UPSERT), 0);
	assert_true(unlocked(RECORDS, RECORDS / 32));
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_GET, &get), 0);
	assert_int_equal(get.item.id, 7);
	assert_true(unlocked(1, 0));
	assert_int_equal(delete_keyed(), 0);
	assert_true(unlocked(RECORDS / 2, 0));
	assert_int_equal(info_of(&m).live, RECORDS / 2);
	finish();
}

static void rows(void **state)
{
	(void)state;
	prepare();
	assert_int_equal(insert_some(&m, 1, RECORDS, 0), 0);
	begin();
	assert_int_equal(insert_some(&m, RECORDS + 1, RECORDS, 0), 0);
	assert_int_equal(insert_some(&m, 1, RECORDS, VEXFS_INSERT_UPSERT), 0);
	assert_int_equal(insert_some(&m, 0, RECORDS, VEXFS_INSERT_AUTO_ID), 0);
	assert_true(unlocked(0, 3 * RECORDS / 32));
	assert_int_equal(info_of(&m).live, 3 * RECORDS);
	finish();
}

/* Intern, or look up, the words of these numbers, and one of them twice. */
static void intern(__u32 first, __u32 n, __u32 flags, __s64 *code)
{
	static char words[2 * RECORDS * 8];
	static __u8 lens[2 * RECORDS];
	struct vexfs_ioc_intern arg = {
		.size = sizeof(arg),
		.flags = flags,
		.attr = 1,
		.n = n + 1,
		.words = (uintptr_t)words,
		.lens = (uintptr_t)lens,
		.codes = (uintptr_t)code,
		.word_bytes = (n + 1) * 8,
	};
	char word[9];
	__u32 i;

	for (i = 0; i <= n; i++) {
		snprintf(word, sizeof(word), "w%07u", first + (i ? i - 1 : 0));
		memcpy(words + i * 8, word, 8);
		lens[i] = 8;
	}
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INTERN, &arg), 0);
}

static void words_are(void)
{
	static char words[RECORDS * 8];
	static __u8 lens[RECORDS];
	struct vexfs_ioc_words arg = {
		.size = sizeof(arg),
		.attr = 1,
		.first = 1,
		.n = RECORDS,
		.words = (uintptr_t)words,
		.lens = (uintptr_t)lens,
		.word_bytes = sizeof(words),
	};
	char word[9];
	__u32 i;

	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_WORDS, &arg), 0);
	assert_int_equal(arg.n, RECORDS);
	assert_int_equal(arg.total, RECORDS + RECORDS / 2);
	for (i = 0; i < RECORDS; i++) {
		snprintf(word, sizeof(word), "w%07u", i);
		assert_true(lens[i] == 8 && !memcmp(words + i * 8, word, 8));
	}
}

static void words(void **state)
{
	static __s64 code[2 * RECORDS];
	__u32 i;

	(void)state;
	prepare();
	intern(0, RECORDS, 0, code);
	assert_int_equal(code[0], 1);
	for (i = 0; i < RECORDS; i++)
		assert_int_equal(code[1 + i], 1 + i);
	assert_int_equal(insert_one(&m, 1, NULL, "w0000000", -1, 0), 0);
	begin();
	intern(RECORDS / 2, RECORDS, VEXFS_INTERN_LOOKUP, code);
	for (i = 0; i < RECORDS; i++)
		assert_int_equal(code[1 + i], i < RECORDS / 2 ? 1 + RECORDS / 2 + i : 0);
	assert_true(unlocked(RECORDS / 2, 0));
	intern(RECORDS / 2, RECORDS, 0, code); /* half of them are known */
	for (i = 0; i < RECORDS; i++)
		assert_int_equal(code[1 + i], 1 + RECORDS / 2 + i);
	assert_true(unlocked(RECORDS / 2, RECORDS / 2 / 64));
	words_are();
	assert_true(unlocked(RECORDS, 0));
	begin(); /* what was added is there */
	intern(RECORDS / 2, RECORDS, VEXFS_INTERN_LOOKUP, code);
	assert_int_equal(code[RECORDS], RECORDS + RECORDS / 2);
	finish();
}

/* Who inserts waits for a slow disk: others do not wait for him. */
static pthread_t inserter;
static bool waiting, go_on;

static void wait_for_us(struct vexfs_dev *dev, __u64 block, const void *data)
{
	(void)dev, (void)block, (void)data;
	if (!pthread_equal(pthread_self(), inserter))
		return;
	__atomic_store_n(&waiting, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&go_on, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void *insert_slowly(void *arg)
{
	(void)arg;
	return (void *)insert_some(&m, RECORDS + 1, RECORDS, 0);
}

static void others(void **state)
{
	__s64 seq[RECORDS];
	struct vexfs_item item;
	void *ret;
	__u32 i;

	(void)state;
	prepare();
	assert_int_equal(insert_some(&m, 1, RECORDS, 0), 0);
	begin();
	m.dev.record = wait_for_us;
	c = NULL;
	assert_int_equal(pthread_create(&inserter, NULL, insert_slowly, NULL), 0);
	while (!__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
		usleep(1000);
	/* takes the sequence number that the insert has reckoned with */
	assert_int_equal(delete_id(&m, 7), 0);
	assert_int_equal(delete_id(&m, 7), -ENOENT);
	assert_int_equal(info_of(&m).live, RECORDS - 1);
	__atomic_store_n(&go_on, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(inserter, &ret), 0);
	assert_int_equal((long)ret, 0);
	for (i = 0; i < RECORDS; i++) {
		assert_int_equal(get_id(&m, RECORDS + 1 + i, &item), 0);
		seq[i] = item.seq;
	}
	assert_int_equal(seq[0], RECORDS + 2);
	assert_int_equal(seq[RECORDS - 1], 2 * RECORDS + 1);
	m.dev.record = NULL;
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(rows),
		cmocka_unit_test(words),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
