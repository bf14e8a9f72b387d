// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * A mount in this process that many threads use at the same time: inserts, deletions, searches,
 * files, syncs and compactions. Run under ThreadSanitizer now and then: the objects are the same.
 */
#include "mount.h"

#define THREADS	6u
#define ROUNDS	150u
#define SPAN	100000u			/* ids of a thread */

static struct mount shared;
static bool stop;

/* cmocka's checks are for one thread: these end the program. */
static void want(bool fine, const char *what, long got)
{
	if (fine)
		return;
	fprintf(stderr, "%s: %ld\n", what, got);
	abort();
}

static struct mount mine(void)
{
	struct mount m = { .image = shared.image };

	m.c = vexfs_file_open(m.image, "/c", O_RDONLY | O_DIRECTORY, 0);
	want(!IS_ERR(m.c), "open", PTR_ERR(m.c));
	return m;
}

static bool found(struct mount *m, __u64 id)
{
	struct vexfs_hit hit;
	long n = search_id(m, id, 1, NULL, &hit);

	want(n >= 0, "search", n);
	return n && hit.id == id;
}

static void *writer(void *arg)
{
	__u64 base = (uintptr_t)arg * SPAN, at = base + 1;
	struct mount m = mine();
	__u32 i, n;
	long err;

	for (i = 0; i < ROUNDS; i++) {
		n = 1 + i % 40;
		err = insert_some(&m, at, n, 0);
		want(!err, "insert", err);
		want(found(&m, at), "not found", at);
		if (i % 3 == 0) {
			err = delete_id(&m, at);
			want(!err, "delete", err);
			want(!found(&m, at), "found", at);
		}
		at += n;
		if (i % 16 == 0) {
			err = vexfs_file_sync(m.c);
			want(!err, "sync", err);
		}
	}
	vexfs_file_close(m.c);
	return NULL;
}

static void *filer(void *arg)
{
	struct mount m = mine();
	char path[32], to[32], text[9000];
	struct file *file;
	ssize_t n;
	__u32 i;

	for (i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "/c/t%u-%u", (unsigned int)(uintptr_t)arg, i % 5);
		snprintf(to, sizeof(to), "/c/shared-%u", i % 3);
		file = vexfs_file_open(m.image, path, O_RDWR | O_CREAT, 0600);
		want(!IS_ERR(file), "create", PTR_ERR(file));
		memset(text, i, sizeof(text));
		n = vexfs_file_pwrite(file, text, sizeof(text), i);
		want(n == sizeof(text), "write", n);
		n = vexfs_file_pread(file, text, sizeof(text), i);
		want(n == sizeof(text) && text[0] == (char)i, "read", n);
		vexfs_file_close(file);
		if (i % 4 == 1)
			want(!vexfs_image_rename(m.image, path, to), "rename", i);
		if (i % 4 == 2)
			want(!vexfs_image_unlink(m.image, path), "unlink", i);
	}
	vexfs_file_close(m.c);
	return NULL;
}

static void *searcher(void *arg)
{
	struct vexfs_ioc_info info;
	struct mount m = mine();
	__u64 i;

	(void)arg;
	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		found(&m, i * 7919 % (THREADS * SPAN));
		if (i % 8 == 0) {
			info = info_of(&m);
			want(info.live <= info.count, "live", info.live);
		}
	}
	vexfs_file_close(m.c);
	return NULL;
}

static void *compacter(void *arg)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	const struct timespec nap = { .tv_nsec = 20000000 };
	struct mount m = mine();
	long err;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		err = vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact);
		want(!err, "compact", err);
		err = vexfs_image_sync(m.image);
		want(!err, "sync", err);
		nanosleep(&nap, NULL);
	}
	vexfs_file_close(m.c);
	return NULL;
}

static void together(void **state)
{
	pthread_t thread[THREADS], other[3];
	__u64 live = 0, i, n;
	__u32 t;

	(void)state;
	mount_with_collection(&shared);
	stop = false;
	for (t = 0; t < 3; t++)
		assert_int_equal(
			pthread_create(&other[t], NULL, t < 2 ? searcher : compacter, NULL), 0);
	for (t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&thread[t], NULL, t & 1 ? filer : writer,
						(void *)(uintptr_t)t),
				 0);
	for (t = 0; t < THREADS; t++)
		pthread_join(thread[t], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (t = 0; t < 3; t++)
		pthread_join(other[t], NULL);
	for (i = 0; i < ROUNDS; i++)
		live += 1 + i % 40 - (i % 3 == 0);
	mount_again(&shared);
	assert_int_equal(info_of(&shared).live, live * (THREADS / 2));
	for (t = 0; t < THREADS; t += 2)
		for (i = 0, n = (__u64)t * SPAN + 1; i < ROUNDS; n += 1 + i % 40, i++)
			assert_int_equal(is_found(&shared, n), i % 3 != 0);
	mount_unmake(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
