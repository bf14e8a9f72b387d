// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * The repair of a device of which some blocks cannot be read: they are taken for damaged ones.
 */
#include <platform/repair.h>
#include "mended.h"
#include "mount.h"

static __u64 unread_from, unread_n; /* until they are written */
static long unread_tries; /* that fail, of each; negative: all */

static bool is_unread(struct vexfs_dev *dev, __u64 block)
{
	size_t i;

	(void)dev;
	if (block - unread_from >= unread_n || !unread_tries)
		return false;
	for (i = 0; i < rich.writes; i++)
		if (rich.written[i] == block)
			return false;
	unread_tries -= unread_tries > 0;
	return true;
}

static void make_unread(__u64 from, __u64 n)
{
	__u64 i;

	nothing_broken();
	unread_from = from;
	unread_n = n;
	unread_tries = -1;
	mended_unreadable = is_unread;
	for (i = from; i < from + n && i < RICH_BLOCKS; i++)
		broken[i] = true;
}

/* NULL, or what went wrong when one block cannot be read. */
static const char *one_unread(__u64 block)
{
	char says[60];
	const char *why;

	make_unread(block, 1);
	why = mended_now();
	if (why)
		return why;
	snprintf(says, sizeof(says), "block %llu, of ", (unsigned long long)block);
	return strstr(mended_said, says) ? NULL : "the repair does not name it";
}

/* Each block that a check looks at, one after the other. */
static void each_unread(void **state)
{
	__u64 planes[] = { rich.vectors + 3,
			   rich.records + 3,
			   rich.keys,
			   rich.log,
			   rich_block_of(&rich, le64_to_cpu(mended_made()->c_words), 0),
			   rich_block_of(&rich, le64_to_cpu(mended_made()->c_checkpoint), 0) };
	unsigned int i, bad = 0, n = 0;
	const char *why;

	(void)state;
	mended_show = getenv("VEXFS_SHOW");
	for (i = 0; i < rich.blocks + ARRAY_SIZE(planes); i++) {
		__u64 block = i < rich.blocks ? rich.block[i].block : planes[i - rich.blocks];

		if (i < rich.blocks && rich.block[i].kind == RICH_OTHER)
			continue;
		n++;
		why = one_unread(block);
		if (why) {
			printf("# block %llu, kind %d: %s\n%s", (unsigned long long)block,
			       i < rich.blocks ? (int)rich.block[i].kind : -1, why, mended_said);
			bad++;
		}
		rich_back(&rich);
	}
	mended_unreadable = NULL;
	mended_show = false;
	printf("# %u blocks\n", n);
	assert_true(n > 30);
	assert_int_equal(bad, 0);
}

/* One that can be read after some tries: nothing is written that takes it for lost. */
static void unread_now_and_then(void **state)
{
	__u64 block = rich_table(&rich, rich_ino(&rich, "/small"));
	size_t writes;
	int n, err;

	(void)state;
	for (n = 1; n < 6; n++) {
		make_unread(block, 1);
		broken[block] = false;
		unread_tries = n;
		writes = rich.writes;
		err = mended_repair(0, -1);
		if (n >= 3) { /* so often it is tried */
			assert_int_equal(err, -EAGAIN);
			assert_int_equal(rich.writes, writes);
			assert_int_equal(mended_repair(0, -1), 0);
		}
		assert_int_equal(n < 3 ? err : 0, 0);
		assert_null(strstr(mended_said, "cleared"));
		assert_null(mended_wrong(false));
		rich_back(&rich);
	}
	mended_unreadable = NULL;
}

/* Much cannot be read: it is said what, and where it is too much nothing is written. */
static void unread_much(void **state)
{
	__u64 table = vexfs_group_itable(&rich.fs, 0);
	size_t writes;

	(void)state;
	make_unread(table, rich.log - table);
	assert_int_equal(mended_repair(0, -1), 0);
	assert_non_null(strstr(mended_said, "the root was made anew"));
	assert_null(mended_wrong(true));
	rich_back(&rich);
	/* both superblocks, and all of the log: there is nothing to go by */
	make_unread(0, VEXFS_GROUP_BLOCKS + 1);
	writes = rich.writes;
	assert_int_equal(mended_repair(0, -1), -ENOENT);
	assert_int_equal(rich.writes, writes);
	/* all but the first ones */
	make_unread(rich.log, RICH_BLOCKS);
	assert_int_equal(mended_repair(0, -1), -EIO);
	assert_int_equal(rich.writes, writes);
	mended_unreadable = NULL;
	nothing_broken();
	rich_back(&rich);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_unread),
		cmocka_unit_test(unread_now_and_then),
		cmocka_unit_test(unread_much),
	};

	return cmocka_run_group_tests_name("unread", tests, mended_make, mended_unmake);
}
