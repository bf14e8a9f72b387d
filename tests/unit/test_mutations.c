// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Images that are damaged by chance: after a repair the check finds nothing in them, they mount, and
 * files that the damage did not touch are whole; and what was written can be taken back.
 *
 * VEXFS_MUTATIONS=N in the environment: so many images; VEXFS_SEED=N begins with that one;
 * VEXFS_SHOW=1 prints what is found and done.
 */
#include <platform/repair.h>
#include "mended.h"
#include "mount.h"

/* --- damage by chance --- */

/* Change one block somehow.  hostile: its checksum may be right. */
static void mutate(const struct rich_block *b, bool hostile)
{
	__u8 *at = rich_damage(&rich, b->block);
	__u32 off = chance(VEXFS_BLOCK_SIZE), n;

	broken[b->block] = true;
	if (b->kind == RICH_INODES && chance(4))	/* one that is in use */
		off = chance(VEXFS_INODES_PER_BLOCK) * VEXFS_INODE_SIZE + chance(200);
	else if (chance(2))
		off = chance(200);
	switch (chance(7)) {
	case 0:
		at[off] ^= 1 << chance(8);
		break;
	case 1:
		n = 1 + chance(64);
		mended_scribble(at + off, min(n, VEXFS_BLOCK_SIZE - off));
		break;
	case 2:
		memset(at, 0, VEXFS_BLOCK_SIZE);
		break;
	case 3:
		mended_scribble(at, VEXFS_BLOCK_SIZE);
		break;
	case 4:				/* a sector */
		mended_scribble(at + off / 512 * 512, 512);
		break;
	case 5:
		memcpy(at, rich.was + (rich.block[chance(rich.blocks)].block << VEXFS_BLOCK_SHIFT),
		       VEXFS_BLOCK_SIZE);
		break;
	default:
		n = 1 + chance(4);
		off &= ~7u;
		mended_scribble(at + off, n);
	}
	if (hostile)
		rich_stamp(&rich, b, at);
}

static const struct rich_block *some_block(void)
{
	const struct rich_block *b;

	do				/* metadata more often than data */
		b = &rich.block[chance(rich.blocks)];
	while (b->kind == RICH_OTHER && chance(3));
	return b;
}

static const char *undone(int undo, const __u8 *before, size_t hits)
{
	struct vexfs_dev dev;
	const char *why;
	size_t written, i;
	int err;

	rich_open(&rich, &dev);
	err = vexfs_undo_apply(&dev, undo, &written, &why);
	vexfs_dev_close(&dev);
	if (err)
		return why ? why : "it cannot be undone";
	for (i = 0; i < rich.writes; i++) {
		__u64 pos = rich.written[i] << VEXFS_BLOCK_SHIFT;
		const __u8 *was = rich.was + pos;
		size_t k;

		for (k = 0; k < hits; k++)
			if (rich.written[k] == rich.written[i])
				was = before + (k << VEXFS_BLOCK_SHIFT);
		if (memcmp(rich.now + pos, was, VEXFS_BLOCK_SIZE))
			return "undone it is not what it was";
	}
	return NULL;
}

/* One image; NULL, or what was wrong. */
static const char *one(unsigned int *how)
{
	static __u8 before[8 * VEXFS_BLOCK_SIZE];
	bool hostile = !chance(3);
	const char *why;
	unsigned int n = 1 + chance(chance(4) ? 2 : 6), i;
	static struct found f;
	size_t hits;
	int undo, err;

	nothing_broken();
	for (i = 0; i < n; i++)
		mutate(some_block(), hostile);
	hits = rich.writes;
	for (i = 0; i < hits; i++)
		memcpy(before + i * VEXFS_BLOCK_SIZE,
		       rich.now + (rich.written[i] << VEXFS_BLOCK_SHIFT), VEXFS_BLOCK_SIZE);
	how[0]++;
	how[1] += !mended_check(&f) && !f.errors;
	undo = mended_file();
	err = mended_repair(0, undo);
	if (err == -EOPNOTSUPP && hostile && broken[0])
		why = NULL;		/* a newer format, for all that it says */
	else if (err == -EUCLEAN && hostile && broken[rich.vital[0]] && rich.writes == hits)
		why = NULL;		/* a collection of a kind that only others know */
	else if (err == -EUCLEAN)
		why = "errors are left";
	else if (err)
		why = strerror(-err);
	else
		why = undone(undo, before, hits);
	if (!err && !why && mended_repair(0, -1))
		why = "the second time it fails";
	if (!err && !why)
		why = mended_wrong(hostile);
	close(undo);
	rich_back(&rich);
	return why;
}

static void by_chance(void **state)
{
	const char *env = getenv("VEXFS_MUTATIONS"), *why;
	unsigned int n = env ? strtoul(env, NULL, 0) : 200, how[2] = {}, bad = 0, i;
	__u64 seed;

	(void)state;
	chance_seed(20);
	mended_show = getenv("VEXFS_SHOW");
	for (i = 0; i < n; i++) {
		seed = chance_now();
		if (mended_show)
			fprintf(stderr, "# VEXFS_SEED=%llu\n", (unsigned long long)seed);
		why = one(how);
		if (!why)
			continue;
		bad++;
		printf("# VEXFS_SEED=%llu VEXFS_MUTATIONS=1: %s\n", (unsigned long long)seed, why);
		if (mended_show)
			printf("%s", mended_said);
		if (bad == 20)
			break;
	}
	mended_show = false;
	printf("# %u images, %u of them without an error in the check, %u not repaired\n", how[0],
	       how[1], bad);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_chance),
	};

	return cmocka_run_group_tests_name("mutations", tests, mended_make, mended_unmake);
}
