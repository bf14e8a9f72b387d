// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of a device, from the superblock on: everything in the cache, until the check finds
 * nothing.
 */
#include "block.h"
#include "log.h"
#include "repair-priv.h"

#define ROUNDS 4u /* what one puts right may show what was behind it */

/* --- the superblock and the log --- */

/*
 * Block 0, or another one for it: then that is in the cache, and *stale.  *s: what the log is found
 * by.
 */
static int find_super(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts, __u64 at,
		      struct vexfs_super *s, bool *stale, const char **why)
{
	union {
		__u8 byte[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} b;
	bool proven;
	__u64 from;
	int err = vexfs_dev_read(dev, 0, &b);

	if (err && err != -EIO)
		return err;
	*s = b.s;
	if (!err)
		err = vexfs_super_check(s, dev->blocks, why);
	if (!err && !at) {
		err = vexfs_super_proven(dev, s, &proven);
		if (err || proven)
			return err;
		*why = NULL;
	}
	if (err == -EROFS && s->s_groups_init)
		err = -EOPNOTSUPP;
	if (err == -EOPNOTSUPP || (err == -ENXIO && !at))
		return err;
	err = vexfs_repair_super(dev, at, s, &from);
	if (err)
		return err;
	*stale = true;
	if (from)
		(opts->did)(opts->arg, "the superblock is the one in block %llu", ull(from));
	else
		(opts->did)(opts->arg,
			    "the superblock was made anew, from the log's; its label is lost");
	return 0;
}

/* The log into the cache, as far as it is good; an empty one if that cannot be. */
static int replay(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts,
		  const struct vexfs_super *s, struct vexfs_undo_plan *plan, const char **why)
{
	struct vexfs_log_replayed done = {};
	int err = vexfs_log_pending(dev, s);

	if (err > 0) {
		err = vexfs_log_salvage(dev, s, &done, why);
		if (err)
			return err;
		if (done.lost)
			(opts->did)(opts->arg,
				    "the log was damaged: the first %u transactions in it were brought back, and the last %u are lost",
				    done.transactions, done.lost);
		plan->log = s;
		return vexfs_dev_changed(dev, (__u64 **)&plan->replayed, &plan->replays);
	}
	if (err == -EOPNOTSUPP)
		*why = "the log has a form that this version does not know";
	if (err != -EUCLEAN)
		return err;
	(opts->did)(opts->arg, "the log was damaged, and is empty now: what it held is lost");
	return vexfs_repair_log(dev, s);
}

/* Block 0 after the replay, which may have brought back a better one, or one that is none. */
static int look_again(struct vexfs_dev *dev, bool *stale)
{
	union {
		__u8 byte[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} b;
	const char *why;
	__u64 from;
	int err = vexfs_dev_read(dev, 0, &b);

	if (err)
		return err;
	err = vexfs_super_check(&b.s, dev->blocks, &why);
	if (!err || err == -EOPNOTSUPP || err == -ENXIO)
		return err;
	*stale = true;
	return vexfs_repair_super(dev, 0, &b.s, &from);
}

/* --- what cannot be read --- */

const char *vexfs_repair_place(const struct vexfs_super *s, __u64 block)
{
	__u64 start = block & ~(VEXFS_GROUP_BLOCKS - 1ULL), log = le64_to_cpu(s->s_journal_start);
	struct vexfs_fs fs = {};
	__u32 g = block >> VEXFS_GROUP_SHIFT;

	vexfs_super_geometry(&fs, s);
	if (block == start)
		return block ? "a copy of the superblock" : "the superblock";
	if (block >= log && block - log < le32_to_cpu(s->s_journal_blocks))
		return "the log";
	if (block == vexfs_group_block(&fs, g))
		return "the block of a group";
	if (block < vexfs_group_data(&fs, g))
		return "a table of inodes";
	return "a map, a directory or a collection";
}

/* They are written, whatever they hold: that is how a drive comes to use another place for one. */
static int write_unread(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts,
			const struct vexfs_super *s)
{
	struct vexfs_fs fs = { .host = dev };
	struct vx_block *b;
	vx_txn t;
	__u32 i;
	int err = 0;

	if (!dev->unread)
		return 0;
	if (!vexfs_dev_unread_still(dev))
		return -EAGAIN;
	vexfs_txn_start(&t, dev, INT_MAX);
	for (i = 0; i < dev->unread->n && !err; i++) {
		(opts->did)(opts->arg, "block %llu, of %s, cannot be read: what it held is lost, and it is written anew",
			    ull(dev->unread->block[i]),
			    vexfs_repair_place(s, dev->unread->block[i]));
		b = vx_getblk(&fs, dev->unread->block[i]);
		if (IS_ERR(b))
			return PTR_ERR(b);
		if (!b->dirty) {
			err = vx_txn_create(&t, b);
			memset(b->data, 0, sizeof(b->data));
			if (!err)
				err = vx_txn_dirty(&t, &fs, b);
		}
		vx_brelse(b);
	}
	return err;
}

/* --- rounds --- */

static void count(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	(void)fmt;
	*(__u64 *)arg += vexfs_severity_of(nr) == VEXFS_ERROR;
}

static int check(struct vexfs_dev *dev, const struct vexfs_verify_opts *verify,
		 struct vexfs_verify_counts *checked)
{
	struct vexfs_fs fs;
	int err;

	err = vexfs_super_read(&fs, dev, dev->blocks);
	if (err)
		return err;
	err = vexfs_verify(&fs, verify, checked);
	vexfs_super_release(&fs);
	return err;
}

int vexfs_repair_device(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts, __u64 at,
			struct vexfs_undo_plan *plan, struct vexfs_super *log, const char **why)
{
	struct vexfs_repair_opts with = *opts;
	bool quiet = dev->quiet;
	__u64 errors = 1;
	struct vexfs_verify_opts counting = { .report = count, .arg = &errors };
	struct vexfs_verify_opts telling = { .report = opts->left, .arg = opts->arg };
	struct vexfs_verify_counts checked = {};
	unsigned int i;
	int err;

	*plan = (struct vexfs_undo_plan){ .undo = -1 };
	*why = NULL;
	dev->shadow = dev->quiet = true;
	if (dev->unread)
		dev->unread->n = 0;
	err = find_super(dev, &with, at, log, &with.stale, why);
	if (!err)
		err = replay(dev, &with, log, plan, why);
	if (!err)
		err = look_again(dev, &with.stale);
	for (i = 0; i < ROUNDS && !err && errors; i++) {
		err = vexfs_repair(dev, &with);
		if (!err)
			err = vexfs_repair_copies(dev, &with);
		errors = 0;
		checked = (struct vexfs_verify_counts){};
		if (!err)
			err = check(dev, &counting, &checked);
		with.stale = false;
	}
	if (!err && errors && opts->left)
		err = check(dev, &telling, NULL);
	if (!err && !errors)
		err = write_unread(dev, opts, log);
	if (opts->checked)
		*opts->checked = checked;
	dev->quiet = quiet;
	return err ? err : errors ? -EUCLEAN : 0;
}
