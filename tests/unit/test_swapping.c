// SPDX-License-Identifier: GPL-2.0
/*
 * A native program is replaced, unloaded and loaded while threads search by it: each answer is of one
 * version alone, or of the built-in, and none fails.  Built with ASan as the other tests are, and with
 * TSan as build/tsan/swapping.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include <platform/native.h>
#include "mount.h"
#include "races.h"

#define SEARCHERS 3u
#define SWAPS 60u
#define RECORDS 1000u
#define K 16u
#define GENERATIONS 1024u

KNOWN_RACES(RACES_OF_ORPHANS)

static struct mount m;
static int stop;			/* atomic */
static int odd[GENERATIONS];		/* atomic: of a version, + 1 */

/* cmocka's checks are for one thread: this ends the program. */
static void must(bool fine, const char *what, long n)
{
	if (fine)
		return;
	fprintf(stderr, "swapping: %s: %ld\n", what, n);
	abort();
}

/* Which version it is shows in what it looks at: the even batches, or the odd ones. */
static void *search(void *arg)
{
	struct vexfs_hit hit[K];
	unsigned long *searches = arg;
	float vector[DIMS];
	__u32 i;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		struct vexfs_ioc_search s = { .size = sizeof(s), .k = K,
					      .vector = (__u64)(uintptr_t)vector,
					      .vector_bytes = sizeof(vector),
					      .hits = (__u64)(uintptr_t)hit };
		struct file *dir = vexfs_file_open(m.image, "/c", O_RDONLY | O_DIRECTORY, 0);
		int version = 0;
		long err;

		must((long)dir > 0 || (long)dir < -4095, "open", (long)dir);
		vector_of(1 + *searches * 7 % RECORDS, vector);
		err = vexfs_file_ioctl(dir, VEXFS_IOC_SEARCH, &s);
		must(!err && s.n == K, "search", err);
		if (s.used[VEXFS_SLOT_SEARCH] == VEXFS_BOUND_LOADED) {
			must(s.generation[VEXFS_SLOT_SEARCH] < GENERATIONS, "generation", 0);
			version = __atomic_load_n(&odd[s.generation[VEXFS_SLOT_SEARCH]],
						  __ATOMIC_ACQUIRE);
		}
		for (i = 0; i < s.n && s.used[VEXFS_SLOT_SEARCH] == VEXFS_BOUND_LOADED; i++) {
			must((hit[i].slot / 64 & 1) == (hit[0].slot / 64 & 1), "mixed", hit[i].slot);
			must(!version || (int)(hit[i].slot / 64 & 1) + 1 == version, "version",
			     version);
		}
		vexfs_file_close(dir);
		++*searches;
	}
	return NULL;
}

static char *file[2];
static __u32 file_bytes[2];

static void read_program(int i, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && !fstat(fd, &st));
	file_bytes[i] = st.st_size;
	file[i] = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(file[i] != MAP_FAILED);
	close(fd);
}

static void change(__u32 flags, int version)
{
	struct vexfs_ioc_native n = { .size = sizeof(n), .flags = flags, .name = "half",
				      .file = (__u64)(uintptr_t)file[version],
				      .file_bytes = file_bytes[version] };
	long err = vexfs_native_ioctl(&n, false);

	if (err)
		fail_msg("%ld: %s", err, n.why);
	if (flags == VEXFS_IOC_NATIVE_UNLOAD)
		return;
	assert_true(n.program.generation < GENERATIONS);
	/* a search may be answered by it before this */
	__atomic_store_n(&odd[n.program.generation], version + 1, __ATOMIC_RELEASE);
}

static void test_swapping(void **state)
{
	struct vexfs_ioc_use use = { .size = sizeof(use), .slot = VEXFS_SLOT_SEARCH, .name = "half" };
	unsigned long searches[SEARCHERS] = {}, all = 0;
	pthread_t thread[SEARCHERS];
	__u32 i;

	(void)state;
	read_program(0, "build/tests/vm/half.native.so");
	read_program(1, "build/tests/vm/half-odd.native.so");
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, RECORDS, 0), 0);
	change(VEXFS_IOC_NATIVE_LOAD, 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_USE, &use), 0);
	for (i = 0; i < SEARCHERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, search, &searches[i]), 0);
	for (i = 0; i < SWAPS; i++) {
		if (i % 4 == 3) {
			change(VEXFS_IOC_NATIVE_UNLOAD, 0);
			change(VEXFS_IOC_NATIVE_LOAD, i / 4 % 2);
		} else {
			change(VEXFS_IOC_NATIVE_REPLACE, i % 2);
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < SEARCHERS; i++) {
		pthread_join(thread[i], NULL);
		all += searches[i];
	}
	printf("# %lu searches, %u changes\n", all, SWAPS);
	change(VEXFS_IOC_NATIVE_UNLOAD, 0);
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_swapping) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
