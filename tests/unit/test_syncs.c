// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Threads that sync at the same time share the flushes of the disk, and none of them returns before
 * what it waits for is there.  A flush takes two milliseconds here, as of a disk.
 */
#include "mount.h"

#define THREADS 8u
#define ROUNDS 25u

static struct mount m;
static __u32 flushes;

static void count(struct vexfs_dev *dev, __u64 block, const void *data)
{
	(void)dev, (void)block;
	if (data)
		return;
	__atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
	usleep(2000);
}

static __u32 counted(void)
{
	return __atomic_exchange_n(&flushes, 0, __ATOMIC_RELAXED);
}

static void path_of(char path[16], __u32 nr)
{
	snprintf(path, 16, "/c%u", nr);
}

static struct mount collection(__u32 nr)
{
	struct mount c = { .image = m.image };
	char path[16];

	path_of(path, nr);
	c.c = vexfs_file_open(m.image, path, O_RDONLY | O_DIRECTORY, 0);
	assert_false(IS_ERR(c.c));
	return c;
}

/* THREADS empty collections, on the disk. */
static void begin(void)
{
	struct mount c;
	char path[16];
	__u32 i;

	mount_make(&m);
	m.quiet = true;
	mount_open(&m, 0);
	m.dev.record = count;
	for (i = 0; i < THREADS; i++) {
		path_of(path, i);
		assert_int_equal(vexfs_image_mkdir(m.image, path, 0755), 0);
		c = collection(i);
		assert_int_equal(collection_create(c.c), 0);
		vexfs_file_close(c.c);
	}
	assert_int_equal(vexfs_image_sync(m.image), 0);
	counted();
}

/* cmocka's checks are for one thread: this ends the program. */
static void want(long err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %ld\n", what, err);
	abort();
}

struct syncer {
	pthread_t thread;
	__u32 nr, first;
};

static void *insert_and_sync(void *arg)
{
	const struct syncer *s = arg;
	struct mount c = collection(s->nr);
	__u32 i;

	for (i = 0; i < ROUNDS; i++) {
		want(insert_some(&c, s->first + i, 1, 0), "insert");
		want(vexfs_file_sync(c.c), "sync");
	}
	vexfs_file_close(c.c);
	return NULL;
}

static void run(bool each)
{
	struct syncer s[THREADS];
	__u32 i;

	for (i = 0; i < THREADS; i++) {
		s[i] = (struct syncer){ .nr = each ? i : 0, .first = 1 + i * ROUNDS };
		assert_int_equal(pthread_create(&s[i].thread, NULL, insert_and_sync, &s[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(s[i].thread, NULL);
}

/* As if the power failed: what a mount finds in the first n collections. */
static void judge(__u32 n, __u64 records)
{
	struct mount c;
	__u32 i;

	mount_kill(&m);
	mount_check(&m);
	mount_open(&m, 0);
	for (i = 0; i < n; i++) {
		c = collection(i);
		assert_int_equal(info_of(&c).live, records);
		vexfs_file_close(c.c);
	}
	mount_unmake(&m);
}

/* Two flushes a commit: alone that is two a sync, of nothing new one. */
static void alone(void **state)
{
	struct mount c;
	__u32 i;

	(void)state;
	begin();
	c = collection(0);
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(insert_some(&c, 1 + i, 1, 0), 0);
		assert_int_equal(vexfs_file_sync(c.c), 0);
	}
	assert_int_equal(counted(), 2 * ROUNDS);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	assert_int_equal(counted(), 1);
	vexfs_file_close(c.c);
	judge(1, ROUNDS);
}

static void shared(const char *what)
{
	__u32 n = counted();

	print_message("# %s: %u syncs, %u flushes\n", what, THREADS * ROUNDS, n);
	assert_true(n >= 2 && n < THREADS * ROUNDS);
}

static void one_collection(void **state)
{
	(void)state;
	begin();
	run(false);
	shared("one collection");
	judge(1, THREADS * ROUNDS);
}

static void many_collections(void **state)
{
	(void)state;
	begin();
	run(true);
	shared("many collections");
	judge(THREADS, ROUNDS);
}

/*
 * What a transaction has freed waits for its commit to be used, also while the next one runs: what a
 * thread has synced in its file is there after a power cut, whoever else has freed and taken blocks.
 */
#define FILE_BYTES (200u << 10)

static struct file *file_of(__u32 nr)
{
	char path[16];
	struct file *f;

	snprintf(path, sizeof(path), "/f%u", nr);
	f = vexfs_file_open(m.image, path, O_RDWR | O_CREAT, 0644);
	assert_false(IS_ERR(f));
	return f;
}

static void *change(void *arg)
{
	const struct syncer *s = arg;
	struct file *f = file_of(s->nr);
	char *bytes = malloc(FILE_BYTES);
	__u32 i;

	for (i = 0; i < 4 * ROUNDS; i++) {
		want(vexfs_file_truncate(f, 0), "truncate");
		memset(bytes, s->first + i, FILE_BYTES);
		want(vexfs_file_pwrite(f, bytes, FILE_BYTES, 0) - FILE_BYTES, "write");
		if (i % 4 == 3)
			want(vexfs_file_sync(f), "sync");
	}
	vexfs_file_close(f);
	free(bytes);
	return NULL;
}

__attribute__((unused)) static void frees(void **state)
{
	static __u8 bytes[FILE_BYTES];
	struct syncer s[THREADS];
	struct file *f;
	__u32 i, at;

	(void)state;
	begin();
	for (i = 0; i < THREADS; i++) {
		s[i] = (struct syncer){ .nr = i, .first = 10 * i };
		assert_int_equal(pthread_create(&s[i].thread, NULL, change, &s[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(s[i].thread, NULL);
	print_message("# %u flushes\n", counted());
	mount_kill(&m);
	mount_check(&m);
	mount_open(&m, 0);
	for (i = 0; i < THREADS; i++) {
		f = file_of(i);
		assert_int_equal(vexfs_file_pread(f, bytes, FILE_BYTES, 0), FILE_BYTES);
		for (at = 0; at < FILE_BYTES; at++)
			assert_int_equal(bytes[at], (__u8)(10 * i + 4 * ROUNDS - 1));
		vexfs_file_close(f);
	}
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),
		cmocka_unit_test(one_collection),
		cmocka_unit_test(many_collections),
#ifndef __SANITIZE_THREAD__ /* the orphan list stamps an inode while its owner fills it in, who
				 * stamps it again: a race that harms nobody, and is reported */
		cmocka_unit_test(frees),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
