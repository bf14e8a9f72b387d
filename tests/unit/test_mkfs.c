// SPDX-License-Identifier: GPL-2.0
/*
 * build/bin/mkfs.vexfs on sparse files (in /dev/shm: ext4 has none of 16 TiB): every size, what it
 * refuses, and that refusing changes nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "box.h"

#define MIB (1ULL << 20)

static char image[] = "/dev/shm/test-mkfs.XXXXXX";
static char said[4096];

/* A sparse file of this size. */
static void make_image(__u64 bytes)
{
	int fd = open(image, O_RDWR | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	close(fd);
}

/* BEFORE mkfs.vexfs ARGS IMAGE: its exit code; what it printed is in `said`. */
static int mkfs_after(const char *before, const char *args)
{
	char command[512];
	size_t n;
	FILE *p;
	int rc;

	snprintf(command, sizeof(command), "%s build/bin/mkfs.vexfs %s %s 2>&1", before, args,
		 image);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(said, 1, sizeof(said) - 1, p);
	said[n] = 0;
	rc = pclose(p);
	assert_true(WIFEXITED(rc));
	return WEXITSTATUS(rc);
}

static int mkfs(const char *args)
{
	return mkfs_after("", args);
}

static void report(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	va_list ap;

	(*(int *)arg)++;
	fprintf(stderr, "%d ", nr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

/* Open it as a mount would, and verify all of it. */
static void check_image(struct vexfs_super *s)
{
	int problems = 0;
	struct vexfs_verify_opts opts = { .report = report, .arg = &problems };
	union {
		__u8 bytes[VEXFS_BLOCK_SIZE];
		struct vexfs_super super;
	} b;
	struct vexfs_dev dev;
	struct vexfs_fs fs;

	assert_int_equal(vexfs_dev_open(&dev, image, O_RDONLY), 0);
	assert_int_equal(vexfs_dev_read(&dev, 0, b.bytes), 0);
	*s = b.super;
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_verify(&fs, &opts, NULL), 0);
	assert_int_equal(problems, 0);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
}

static void test_sizes(void **state)
{
	static const __u64 blocks[] = {
		2048, 2049, 4000, 16383, 16384, 16385, 16386, 16500, 16384 + 600, 2 * 16384 + 1,
		3 * 16384 + 2, 4 * 16384 + 700, 262144, 1 << 28, VEXFS_MAX_BLOCKS - 1,
		VEXFS_MAX_BLOCKS,
	};
	struct vexfs_super s;
	struct stat st;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		make_image(blocks[i] * VEXFS_BLOCK_SIZE + (i % 2 ? 1000 : 0));
		assert_int_equal(mkfs(""), 0);
		check_image(&s);
		/* a last group that is too short for itself is left out */
		assert_true(le64_to_cpu(s.s_blocks) <= blocks[i]);
		assert_true(blocks[i] - le64_to_cpu(s.s_blocks) < 1024);
		assert_int_equal(stat(image, &st), 0);
		assert_true(st.st_blocks * 512ULL < 64 * MIB);		/* quick, on any size */
	}
}

static void test_options(void **state)
{
	static const __u8 uuid[] = { 0x6f, 0x1c, 0x2d, 0x60, 0x93, 0xa1, 0x4a, 0x0e,
				     0x8f, 0x4e, 0x0a, 0x4f, 0x5d, 0x5c, 0x8b, 0x11 };
	struct vexfs_super s, again;

	(void)state;
	make_image(64 * MIB);
	assert_int_equal(mkfs("-L label -U 6f1c2d60-93a1-4a0e-8f4e-0a4f5d5c8b11 -J 2000"), 0);
	check_image(&s);
	assert_string_equal(s.s_label, "label");
	assert_memory_equal(s.s_uuid, uuid, 16);
	assert_int_equal(le32_to_cpu(s.s_journal_blocks), 2000);
	assert_non_null(strstr(said, "6f1c2d60-93a1-4a0e-8f4e-0a4f5d5c8b11"));
	/* its own signature counts */
	assert_int_equal(mkfs("-q"), 1);
	assert_non_null(strstr(said, "vexfs"));
	check_image(&again);
	assert_memory_equal(&s, &again, sizeof(s));
	assert_int_equal(mkfs("-q -f -L 12345678901234567890123456789012"), 0);
	assert_string_equal(said, "");
	check_image(&again);
	assert_memory_equal(again.s_label, "12345678901234567890123456789012", 32);
	assert_memory_not_equal(s.s_uuid, again.s_uuid, 16);
}

/* Exit code 1, one line with this text, and the image is as it was. */
static void refused(const char *args, const char *text, int rc)
{
	char before[8192], after[8192];
	struct stat was, is;
	int fd = open(image, O_RDONLY);

	memset(before, 0, sizeof(before));
	memset(after, 0, sizeof(after));
	assert_true(pread(fd, before, sizeof(before), 0) >= 0);
	assert_int_equal(fstat(fd, &was), 0);
	if (mkfs(args) != rc || !strstr(said, text))
		fail_msg("mkfs.vexfs %s said: %s", args, said);
	assert_true(pread(fd, after, sizeof(after), 0) >= 0);
	assert_int_equal(fstat(fd, &is), 0);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(was.st_blocks, is.st_blocks);
	assert_int_equal(was.st_size, is.st_size);
	close(fd);
}

static void test_refused(void **state)
{
	char name[sizeof(image)], command[200];

	(void)state;
	make_image(8 * MIB - 4096);
	refused("", "has 2047 whole blocks", 1);
	make_image(0);
	refused("", "has 0 whole blocks", 1);
	make_image(8 * MIB);
	refused("-J 2040", "too small for a log", 1);
	refused("-J 1023", "not a number of log blocks", 2);
	refused("-J 12289", "not a number of log blocks", 2);
	refused("-J -5", "not a number of log blocks", 2);
	refused("-J x", "not a number of log blocks", 2);
	refused("-U x", "is not a UUID", 2);
	refused("-L 123456789012345678901234567890123", "longer than 32", 2);
	refused("--nonsense", "see `mkfs.vexfs --help`", 2);
	refused("another", "only one device or file", 2);
	make_image(64 * MIB);
	snprintf(command, sizeof(command), "/usr/sbin/mkswap %s >/dev/null 2>&1 || /sbin/mkswap %s",
		 image, image);
	assert_int_equal(system(command), 0);
	refused("", "swap", 1);
	assert_int_equal(mkfs("--force"), 0);
	make_image(64 * MIB);
	memcpy(name, image, sizeof(image));
	strcpy(image, "/nowhere");
	assert_int_equal(mkfs(""), 1);
	assert_non_null(strstr(said, "does not exist"));
	strcpy(image, "/dev/null");
	assert_int_equal(mkfs(""), 1);
	strcpy(image, "/tmp");
	assert_int_equal(mkfs(""), 1);
	memcpy(image, name, sizeof(image));
}

/* It may not write as much as it wants to: it says so, and what is there is no filesystem. */
static void test_half_written(void **state)
{
	struct vexfs_dev dev;
	struct vexfs_fs fs;

	(void)state;
	make_image(64 * MIB);
	assert_int_equal(mkfs_after("ulimit -f 1000;", "-q"), 1);	/* blocks of 512 bytes */
	assert_non_null(strstr(said, "writing failed: File too large"));
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDONLY), 0);
	assert_int_not_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	vexfs_dev_close(&dev);
}

/* What was made cannot be told. */
static void test_no_output(void **state)
{
	struct vexfs_super s;
	char args[100];

	(void)state;
	make_image(64 * MIB);
	snprintf(args, sizeof(args), "--json %s 2>&1 >/dev/full #", image);
	assert_int_equal(mkfs(args), 1);
	assert_non_null(strstr(said, "cannot write the output: No space left on device"));
	check_image(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_half_written),
		cmocka_unit_test(test_no_output),
	};
	int fd = mkstemp(image), rc;

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(image);
	return rc;
}
