// SPDX-License-Identifier: GPL-2.0
/*
 * What happens after an error: damage and the policy of errors=, a log that has failed, shutdown.
 *
 * No lock: sbi->flags has a bit for each, which is set once, atomically.
 */
#include <linux/blkdev.h>
#include <linux/fsnotify.h>
#include "fs/fs.h"

static void found_error(struct super_block *sb, struct va_format *vaf)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (__ratelimit(&sbi->error_limit))
		vexfs_msg(KERN_ERR, sb, "%pV", vaf);
	fsnotify_sb_error(sb, NULL, EUCLEAN);	/* fanotify's FAN_FS_ERROR */
	if (sb_rdonly(sb) || !sbi->journal || test_bit(VEXFS_SBI_MOUNTING, &sbi->flags)) {
		set_bit(VEXFS_SBI_ERROR, &sbi->flags);
		return;
	}
	switch (sbi->opts.errors) {
	case VEXFS_ERRORS_PANIC:
		panic("vexfs (%s): panic forced after error\n", sb->s_id);
	case VEXFS_ERRORS_CONTINUE:
		if (!test_and_set_bit(VEXFS_SBI_ERROR, &sbi->flags))
			schedule_work(&sbi->error_work);
		break;
	default:
		set_bit(VEXFS_SBI_ERROR, &sbi->flags);
		if (!test_and_set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags)) {
			vexfs_msg(KERN_ERR, sb, "no further writes; unmount and run fsck.vexfs");
			/* the log keeps the error for the next mount */
			jbd2_journal_abort(sbi->journal, -EIO);
		}
	}
}

void vexfs_error(struct super_block *sb, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	found_error(sb, &vaf);
	va_end(args);
}

void vexfs_damage(struct vexfs_fs *fs, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	found_error(fs->host, &vaf);
	va_end(args);
}

void vexfs_unreadable(struct super_block *sb, u64 block, bool old)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (old ? !test_and_set_bit(VEXFS_SBI_OLD, &sbi->flags) : __ratelimit(&sbi->error_limit))
		vexfs_msg(KERN_ERR, sb, "block %llu cannot be read%s", block,
			  old ? " any more, since another one could not be written: unmount" : "");
}

/*
 * Acknowledged changes may be lost by now, so no policy of errors= goes on from here.  The log
 * keeps the error for the next mount, if it can.
 */
bool vexfs_log_failed(const struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	journal_t *journal = sbi->journal;

	if (!journal || !is_journal_aborted(journal))
		return false;
	if (!test_and_set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags)) {
		vexfs_msg(KERN_ERR, sb,
			  "the log has failed (error %d): no further writes; unmount and run fsck.vexfs",
			  READ_ONCE(journal->j_errno));
		/* once mounted read-only, sync_fs is not asked any more */
		errseq_set(&sbi->sb->s_wb_err, -EIO);
		fsnotify_sb_error(sbi->sb, NULL, EIO);
		if (sbi->opts.errors == VEXFS_ERRORS_PANIC)
			panic("vexfs (%s): panic forced after error\n", sb->s_id);
	}
	return true;
}

bool vexfs_is_shutdown(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_SHUTDOWN, &VEXFS_SB(sb)->flags) || vexfs_log_failed(sb);
}

bool vexfs_is_gone(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_GONE, &VEXFS_SB(sb)->flags);
}

int vexfs_shutdown(struct super_block *sb, u32 how)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	if (how > 2)
		return -EINVAL;
	if (vexfs_is_shutdown(sb))
		goto out;
	vexfs_msg(KERN_ALERT, sb, "shut down on request (%u)", how);
	/* nothing to flush, and no transaction that an abort would stop */
	if (sb_rdonly(sb)) {
		set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags);
		goto out;
	}
	switch (how) {
	case 0:
		err = bdev_freeze(sb->s_bdev);
		if (err)
			return err;
		set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags);
		bdev_thaw(sb->s_bdev);
		goto out;
	case 1:
		jbd2_journal_force_commit(sbi->journal);
	}
	set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags);
	jbd2_journal_abort(sbi->journal, -ESHUTDOWN);
out:
	set_bit(VEXFS_SBI_GONE, &sbi->flags);
	return 0;
}
