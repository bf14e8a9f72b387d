// SPDX-License-Identifier: GPL-2.0
/*
 * Orphans: inodes to be freed or truncated, should this process end now.  As the module does it.
 *
 * Lock: vexfs_sb_info.orphan_lock, inside a transaction, for the list in memory.
 */
#include "host.h"

int vexfs_orphan_link(vx_txn *t, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err = 0;

	mutex_lock(&sbi->orphan_lock);
	if (list_empty(&vi->orphan)) {
		err = vexfs_orphan_add(t, &vi->core,
				       sbi->orphan_gaps && !test_bit(VEXFS_I_MADE, &vi->state));
		if (!err)
			list_add(&vi->orphan, &sbi->orphans);
	}
	mutex_unlock(&sbi->orphan_lock);
	return err;
}

int vexfs_orphan_unlink(vx_txn *t, struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	u64 before = 0;
	int err = 0;

	mutex_lock(&sbi->orphan_lock);
	if (!list_empty(&vi->orphan)) {
		if (!list_is_first(&vi->orphan, &sbi->orphans))
			before = list_prev_entry(vi, orphan)->core.ino;
		err = vexfs_orphan_del(t, vi->core.fs, inode->i_ino, before);
		if (!err)
			list_del_init(&vi->orphan);
	}
	mutex_unlock(&sbi->orphan_lock);
	return err;
}

static int unlink_alone(struct inode *inode)
{
	vx_txn *t = vexfs_start(inode->i_sb, VEXFS_ORPHAN_CREDITS);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return vexfs_stop(t, vexfs_orphan_unlink(t, inode));
}

static bool is_damage(int err)
{
	return err == -EUCLEAN || err == -EIO;
}

/*
 * The head of the list: free it, or cut off what is behind its end.  *gone: an orphan that is
 * damaged may still be taken off the list, since what it says of its neighbour was verified.
 * Counts in done[0] those that were freed, in done[1] the others.
 */
static int finish(struct super_block *sb, u64 ino, bool *gone, unsigned int *done)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct inode *inode = vexfs_iget(sb, ino, VEXFS_IGET_ORPHAN);
	vx_txn *t;
	int err = 0, e2;

	*gone = false;
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	mutex_lock(&sbi->orphan_lock);
	if (list_empty(&VEXFS_I(inode)->orphan))
		list_add(&VEXFS_I(inode)->orphan, &sbi->orphans);
	sbi->orphan_err = 0;
	mutex_unlock(&sbi->orphan_lock);
	if (inode->i_nlink) {
		if (S_ISREG(inode->i_mode))
			err = vexfs_free_from(inode, DIV_ROUND_UP_ULL(i_size_read(inode),
								      VEXFS_BLOCK_SIZE));
		if (!err || is_damage(err)) {
			e2 = unlink_alone(inode);
			*gone = !e2;
			err = err ?: e2;
		}
		iput(inode);
		done[1] += !err;
		return err;
	}
	iput(inode);			/* that frees it and takes it off the list */
	err = sbi->orphan_err;
	done[0] += !err;
	if (is_damage(err)) {
		t = vexfs_start(sb, VEXFS_ORPHAN_CREDITS);
		e2 = PTR_ERR_OR_ZERO(t);
		if (!e2)
			e2 = vexfs_stop(t, vexfs_orphan_del(t, &sbi->fs, ino, 0));
		*gone = !e2;
	}
	return err;
}

/* Whoever is on the list stays in use for ever, until fsck.vexfs finds it. */
static int drop(struct super_block *sb)
{
	vx_txn *t = vexfs_start(sb, 1);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return vexfs_stop(t, vexfs_orphan_drop(t, &VEXFS_SB(sb)->fs));
}

/* Each round takes the head off the list, so this ends, whatever a damaged list looks like. */
int vexfs_orphan_cleanup(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	unsigned int done[2] = { };
	struct vexfs_super *s = vx_data(sbi->fs.sb_buf);
	bool gone;
	u64 ino;
	int err = 0;

	set_bit(VEXFS_SBI_MOUNTING, &sbi->flags);
	while (!err && (ino = le64_to_cpu(s->s_last_orphan))) {
		err = finish(sb, ino, &gone, done);
		if (!err && le64_to_cpu(s->s_last_orphan) == ino)
			err = -EUCLEAN;		/* somebody has it */
		if (is_damage(err) && !vexfs_is_shutdown(sb)) {
			vexfs_error(sb, "orphan inode %llu cannot be freed (error %d)%s", ino, err,
				    gone ? "" : ", nor those that follow it");
			err = gone ? 0 : drop(sb);
		}
	}
	clear_bit(VEXFS_SBI_MOUNTING, &sbi->flags);
	if (err)
		vexfs_msg(sb, "the orphan list could not be worked off (error %d)", err);
	if (done[0] || done[1])
		vexfs_msg(sb, "%u unlinked inodes freed, %u truncates finished", done[0], done[1]);
	return err;
}
