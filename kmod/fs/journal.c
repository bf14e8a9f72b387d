// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions: the kernel's half of core/platform.h over buffer heads and jbd2, opening and
 * closing the log.
 *
 * The log lies in a contiguous region of the filesystem's own device.  There is no ordered mode:
 * file data are written to unwritten extents, which a transaction converts afterwards (iomap.c).
 */
#include <linux/blkdev.h>
#include <linux/sched/signal.h>
#include <linux/journal-head.h>
#include "fs/fs.h"

/* --- core/platform.h --- */

static struct super_block *host(struct vexfs_fs *fs)
{
	return fs->host;
}

/* fs->blocks is 0 until the superblock was read: then the device is the limit. */
static bool past_end(struct vexfs_fs *fs, __u64 block)
{
	return block >= (fs->blocks ?: bdev_nr_bytes(host(fs)->s_bdev) >> VEXFS_BLOCK_SHIFT);
}

/*
 * A block could not be written back, and may have left memory since: any block on the device can be
 * older than the log, which the next mount replays.
 */
static bool old_blocks(struct vexfs_fs *fs)
{
	journal_t *journal = VEXFS_SB(host(fs))->journal;

	return journal && jbd2_check_fs_dev_write_error(journal);
}

vx_buf *vx_bread(struct vexfs_fs *fs, __u64 block)
{
	struct buffer_head *bh;
	bool old;

	if (past_end(fs, block))
		return ERR_PTR(-EUCLEAN);
	bh = sb_getblk(host(fs), block);
	if (!bh)
		return ERR_PTR(-ENOMEM);
	if (buffer_uptodate(bh))
		return bh;
	if (buffer_write_io_error(bh)) {
		/* what could not be written is here still; there, it is old, and looks right */
		set_buffer_uptodate(bh);
		return bh;
	}
	clear_buffer_verified(bh);
	old = old_blocks(fs);
	if (!old && bh_read(bh, REQ_META | REQ_PRIO) >= 0)
		return bh;
	vexfs_unreadable(host(fs), block, old);
	brelse(bh);
	return ERR_PTR(-EIO);
}

vx_buf *vx_getblk(struct vexfs_fs *fs, __u64 block)
{
	struct buffer_head *bh;

	if (past_end(fs, block))
		return ERR_PTR(-EUCLEAN);
	bh = sb_getblk(host(fs), block);
	return bh ?: ERR_PTR(-ENOMEM);
}

void vx_brelse(vx_buf *b)
{
	brelse(b);
}

void *vx_data(vx_buf *b)
{
	return b->b_data;
}

/* jbd2 says -EROFS when it has aborted; to users that is the answer of a read-only mount. */
static int log_error(int err)
{
	return err == -EROFS ? -EIO : err;
}

int vx_txn_write(vx_txn *t, vx_buf *b)
{
	return log_error(jbd2_journal_get_write_access(t, b));
}

int vx_txn_write_undo(vx_txn *t, vx_buf *b)
{
	return log_error(jbd2_journal_get_undo_access(t, b));
}

int vx_txn_create(vx_txn *t, vx_buf *b)
{
	int err;

	/* jbd2 insists; readers must not see old contents as uptodate */
	lock_buffer(b);
	err = jbd2_journal_get_create_access(t, b);
	if (!err) {
		memset(b->b_data, 0, VEXFS_BLOCK_SIZE);
		clear_buffer_verified(b);
		set_buffer_uptodate(b);
	}
	unlock_buffer(b);
	return log_error(err);
}

int vx_txn_dirty(vx_txn *t, struct vexfs_fs *fs, vx_buf *b)
{
	int err = jbd2_journal_dirty_metadata(t, b);

	/*
	 * an aborted journal has told why already; anything else is a block that will not be
	 * written
	 */
	if (err && !is_handle_aborted(t)) {
		vexfs_error(host(fs), "block %llu cannot be logged (error %d)",
			    (unsigned long long)b->b_blocknr, err);
		jbd2_journal_abort(t->h_transaction->t_journal, err);
	}
	return log_error(err);
}

int vx_txn_forget(vx_txn *t, struct vexfs_fs *fs, __u64 block)
{
	if (past_end(fs, block))
		return -EUCLEAN;
	if (t->h_revoke_credits <= 0)
		return -ENOSPC;
	/* takes over the reference */
	return log_error(jbd2_journal_revoke(t, block, sb_find_get_block(host(fs), block)));
}

int vx_txn_revokes(vx_txn *t)
{
	return t->h_revoke_credits;
}

int vx_txn_credits(vx_txn *t)
{
	return jbd2_handle_buffer_credits(t);
}

int vx_txn_extend(vx_txn *t, int credits)
{
	return jbd2_journal_extend(t, credits, 0);
}

/*
 * jbd2 frees or exchanges the copy when a commit ends, under b_state_lock: hold it until
 * vx_committed_done().  A journal head appears and goes only where somebody takes write access, and
 * that happens to group blocks under alloc_lock only; so both functions see the same.
 */
const void *vx_committed_data(vx_buf *b)
{
	struct journal_head *jh = jbd2_journal_grab_journal_head(b);

	if (!jh)
		return NULL;
	spin_lock(&jh->b_state_lock);
	__release(&jh->b_state_lock);		/* for sparse: the caller keeps it */
	return jh->b_committed_data;
}

void vx_committed_done(vx_buf *b)
{
	struct journal_head *jh;

	if (!buffer_jbd(b))
		return;
	jh = bh2jh(b);
	__acquire(&jh->b_state_lock);
	spin_unlock(&jh->b_state_lock);
	jbd2_journal_put_journal_head(jh);
}

void *vx_alloc(size_t bytes)
{
	unsigned int nofs = memalloc_nofs_save();
	void *p = kvzalloc(bytes, GFP_KERNEL);

	memalloc_nofs_restore(nofs);
	return p;
}

void vx_free(const void *p)
{
	kvfree(p);
}

__u64 vx_now(void)
{
	return ktime_get_real_seconds();
}

bool vx_killed(void)
{
	return fatal_signal_pending(current);
}

/* --- transactions --- */

handle_t *vexfs_start(struct super_block *sb, int credits)
{
	handle_t *handle;

	if (vexfs_is_shutdown(sb))
		return ERR_PTR(-EIO);
	if (sb_rdonly(sb))
		return ERR_PTR(-EROFS);
	handle = jbd2__journal_start(VEXFS_SB(sb)->journal, credits, 0, VEXFS_FORGET_MAX, GFP_NOFS,
				     0, 0);
	return IS_ERR(handle) ? ERR_PTR(log_error(PTR_ERR(handle))) : handle;
}

int vexfs_stop(handle_t *handle, int err)
{
	int e2 = jbd2_journal_stop(handle);

	return err ?: e2;
}

void vexfs_abort(handle_t *handle, int err)
{
	jbd2_journal_abort(handle->h_transaction->t_journal, err);
}

tid_t vexfs_tid(const handle_t *handle)
{
	return handle->h_transaction->t_tid;
}

int vexfs_finish(handle_t *handle, struct super_block *sb, int err)
{
	if (err && !is_handle_aborted(handle)) {
		vexfs_error(sb, "an operation failed halfway (error %d)", err);
		vexfs_abort(handle, err);
	}
	return vexfs_stop(handle, err);
}

/*
 * A cache that cannot be flushed may have lost any of what was written, and forgets that it did: as
 * bad as a commit that cannot be written.
 */
static int flush_device(struct super_block *sb)
{
	int err = blkdev_issue_flush(sb->s_bdev);

	if (err && !sb_rdonly(sb))
		jbd2_journal_abort(VEXFS_SB(sb)->journal, err);
	return err;
}

/*
 * jbd2 flushes the device before its commit block; a transaction that is past that needs a flush of
 * our own.  A commit that fails aborts the log and ends like any other: who comes after that finds
 * nothing to wait for.  So the answer is whether the log is fine afterwards.
 */
int vexfs_commit_barrier(struct super_block *sb, tid_t tid)
{
	journal_t *journal = VEXFS_SB(sb)->journal;
	bool flush;
	int err;

	if (vexfs_is_shutdown(sb))
		return -EIO;
	flush = !jbd2_trans_will_send_data_barrier(journal, tid);
	err = jbd2_complete_transaction(journal, tid);
	if (!err && flush)
		err = flush_device(sb);
	return vexfs_is_shutdown(sb) ? -EIO : err;
}

int vexfs_commit_now(struct super_block *sb)
{
	int err = 0;
	tid_t tid;

	if (jbd2_journal_start_commit(VEXFS_SB(sb)->journal, &tid))
		return vexfs_commit_barrier(sb, tid);
	if (!bdev_read_only(sb->s_bdev))
		err = flush_device(sb);
	return vexfs_is_shutdown(sb) ? -EIO : err;
}

tid_t vexfs_last_tid(struct super_block *sb)
{
	journal_t *journal = VEXFS_SB(sb)->journal;
	transaction_t *t;
	tid_t tid;

	if (!journal)				/* norecovery */
		return 0;
	read_lock(&journal->j_state_lock);
	t = journal->j_running_transaction ?: journal->j_committing_transaction;
	tid = t ? t->t_tid : journal->j_commit_sequence;
	read_unlock(&journal->j_state_lock);
	return tid;
}

bool vexfs_retry_alloc(struct super_block *sb, int err, int *retries)
{
	if ((err != -ENOSPC && err != -EIO) || (*retries)++ || vexfs_is_shutdown(sb))
		return false;
	jbd2_journal_force_commit_nested(VEXFS_SB(sb)->journal);
	return true;
}

int vexfs_log_super(handle_t *handle, struct super_block *sb, bool clean)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u16 state = clean ? VEXFS_STATE_CLEAN : 0;

	if (test_bit(VEXFS_SBI_ERROR, &sbi->flags))
		state = VEXFS_STATE_ERROR;
	return vexfs_super_log(handle, &sbi->fs, state);
}

/* --- the log --- */

static int journal_bmap(journal_t *journal, sector_t *block)
{
	*block += journal->j_blk_offset;
	return 0;
}

int vexfs_journal_open(struct super_block *sb, const struct vexfs_super *before)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	journal_t *journal;
	bool dirty;
	int err;

	journal = jbd2_journal_init_dev(sb->s_bdev, sb->s_bdev,
					le64_to_cpu(before->s_journal_start),
					le32_to_cpu(before->s_journal_blocks), VEXFS_BLOCK_SIZE);
	if (IS_ERR(journal)) {
		err = PTR_ERR(journal);
		if (err == -ENOMEM)
			vexfs_msg(KERN_ERR, sb, "not enough memory for the log");
		else if (err == -EIO)
			vexfs_msg(KERN_ERR, sb, "the log cannot be read");
		else
			vexfs_msg(KERN_ERR, sb, "the log is damaged (error %d)", err);
		return err == -EINVAL ? -EUCLEAN : err;
	}
	journal->j_private = sb;
	/* before load: without it the log would overwrite block 0 */
	journal->j_bmap = journal_bmap;
	write_lock(&journal->j_state_lock);
	journal->j_flags |= JBD2_BARRIER | JBD2_CYCLE_RECORD;	/* no barrier, no flush at all */
	write_unlock(&journal->j_state_lock);

	dirty = journal->j_superblock->s_start != 0;
	err = -EROFS;
	if (dirty && bdev_read_only(sb->s_bdev)) {
		vexfs_msg(KERN_ERR, sb, "the log must be replayed, but the device is read-only; norecovery reads without it");
		goto destroy;
	}
	if (dirty)
		vexfs_msg(KERN_INFO, sb, "not unmounted cleanly: replaying the log");
	err = jbd2_journal_load(journal);
	if (err) {
		vexfs_msg(KERN_ERR, sb, "the log cannot be replayed (error %d)", err);
		err = err == -EINVAL ? -EUCLEAN : err;
		goto destroy;
	}
	if (!jbd2_journal_check_available_features(journal, 0, 0, JBD2_FEATURE_INCOMPAT_REVOKE)) {
		vexfs_msg(KERN_ERR, sb, "the log's format is too old");
		err = -EUCLEAN;
		goto destroy;
	}
	sbi->journal = journal;
	return 0;
destroy:
	jbd2_journal_destroy(journal);
	return err;
}

void vexfs_journal_leave(struct super_block *sb, const struct vexfs_super *before)
{
	struct buffer_head *bh = sb_bread(sb, le64_to_cpu(before->s_journal_start));
	const char *what = "and cannot be read";

	if (bh) {
		what = ((const journal_superblock_t *)bh->b_data)->s_start ?
			       "and holds changes: what is read may be old, or contradict itself" :
			       "and is empty";
		brelse(bh);
	}
	vexfs_msg(KERN_WARNING, sb, "norecovery: the log is not replayed, %s", what);
}

int vexfs_journal_close(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = 0;

	if (sbi->journal)
		err = jbd2_journal_destroy(sbi->journal);
	sbi->journal = NULL;
	return err;
}
