// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * The repair of a log that is damaged in its middle: what lies before the damage is brought back.
 */
#include <platform/jbd2.h>
#include "mended.h"
#include "mount.h"

static void synced(struct vexfs_image *image, const char *path)
{
	struct file *f = vexfs_file_open(image, path, O_RDWR | O_CREAT, 0644);

	assert_false(IS_ERR(f));
	assert_int_equal(vexfs_file_pwrite(f, "synced", 6, 0), 6);
	assert_int_equal(vexfs_file_sync(f), 0);
	vexfs_file_close(f);
}

static bool is_there(const char *path)
{
	struct vexfs_image *image;
	struct vexfs_dev dev;
	struct file *f;
	const char *why;
	bool is;

	rich_open(&rich, &dev);
	dev.quiet = true;
	assert_int_equal(vexfs_image_mount(&dev, 0, &image, &why), 0);
	f = vexfs_file_open(image, path, O_RDONLY, 0);
	is = !IS_ERR(f);
	if (is)
		vexfs_file_close(f);
	assert_int_equal(vexfs_image_close(image), 0);
	return is;
}

/* The block that commits the n-th transaction in the log; there are others, of before. */
static __u64 commit_block(unsigned int n)
{
	const struct jbd2_super *j = (void *)(rich.now + (rich.log << VEXFS_BLOCK_SHIFT));
	__u64 at;

	for (at = rich.log + 1;; at++) {
		const struct jbd2_header *h = (void *)(rich.now + (at << VEXFS_BLOCK_SHIFT));

		assert_true(at < rich.log + VEXFS_MIN_JOURNAL);
		if (h->h_magic == htobe32(JBD2_MAGIC) && h->h_blocktype == htobe32(JBD2_COMMIT) &&
		    be32toh(h->h_sequence) == be32toh(j->s_sequence) + n)
			return at;
	}
}

static __u64 commit[4];
static size_t mark; /* writes before the damage */

static bool third(struct vexfs_dev *dev, __u64 block)
{
	size_t i;

	(void)dev;
	for (i = mark; i < rich.writes && rich.written[i] != block; i++)
		;
	return block == commit[2] - 1 && i == rich.writes;
}

/* What was synced before the damage is there, what came after is lost, and the rest is whole. */
static void log_middle(void **state)
{
	static const char *const path[] = { "/first", "/second", "/third", "/fourth" };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 6; i++) {
		struct vexfs_image *image;
		struct vexfs_dev dev;
		const char *why;

		nothing_broken();
		rich_open(&rich, &dev);
		dev.quiet = true;
		assert_int_equal(vexfs_image_mount(&dev, 0, &image, &why), 0);
		for (k = 0; k < 4; k++)
			synced(image, path[k]);
		vexfs_image_kill(image);
		for (k = 0; k < 4; k++)
			commit[k] = commit_block(k);
		mark = rich.writes;
		/* of the third one the commit block, or what is before it */
		if (i == 5)
			mended_unreadable = third;
		else
			mended_noise(commit[2] - min(i, (unsigned int)(commit[2] - commit[1] - 1)));
		assert_int_equal(mended_repair(0, -1), 0);
		mended_unreadable = NULL;
		assert_non_null(strstr(
			mended_said,
			"the first 2 transactions in it were brought back, and the last 2 are lost"));
		assert_null(mended_wrong(false));
		for (k = 0; k < 4; k++)
			assert_int_equal(is_there(path[k]), k < 2);
		rich_back(&rich);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_middle),
	};

	return cmocka_run_group_tests_name("salvage", tests, mended_make, mended_unmake);
}
