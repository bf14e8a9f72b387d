// SPDX-License-Identifier: GPL-2.0
/*
 * Targets: the files that an insert binds records to, and how they are kept in the collection until
 * it is done (see bind.c).
 *
 * Lock: i_rwsem of the file, shared, while it is taken into use; a transaction inside it.
 */
#include "collection/collection.h"

/* Records of its collection are bound to this file: unlink and others shall tell us. */
static int mark_bound(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	vx_txn *handle;
	int err;

	if (core->flags & VEXFS_INODE_BOUND)
		return 0;
	handle = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	down_write(&core->lock);
	core->flags |= VEXFS_INODE_BOUND;
	err = vexfs_log_inode_locked(handle, inode, false);
	up_write(&core->lock);
	return vexfs_stop(handle, err);
}

/* From here to release() the file stays in the collection. */
static int acquire(struct inode *dir, struct inode *inode, struct vexfs_target *t)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	int err;

	if (down_read_killable(&inode->i_rwsem))
		return -EINTR;
	if (!inode->i_nlink)
		err = -ENOENT;
	else
		err = vexfs_collection_of(inode) == dir->i_ino ? mark_bound(inode) : -EXDEV;
	if (!err) {
		atomic_inc(&vi->binding);
		ihold(inode);
		t->inode = inode;
		/* between two writes: each raises the counter before it changes anything */
		set_bit(VEXFS_I_WATCHED, &vi->state);
		/* after the bit: who clears it raises the counter */
		down_read(&vi->core.lock);
		t->change = vi->core.data_change;
		up_read(&vi->core.lock);
	}
	inode_unlock_shared(inode);
	if (!err)
		vexfs_file_settle(inode);
	return err;
}

static int target(struct inode *dir, struct vexfs_binds *b, const struct vexfs_bind *bind,
		  struct vexfs_target **out)
{
	struct inode *inode;
	struct vexfs_target *t;
	int err;

	*out = NULL;
	if (bind->fd == -1)
		return bind->len || bind->off ? -EINVAL : 0;
	if (bind->off > (u64)LLONG_MAX - bind->len)
		return -EINVAL;
	inode = vexfs_file_of(dir->i_sb, bind->fd);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	err = 0;
	*out = xa_load(&b->by_ino, inode->i_ino);
	if (*out)
		goto out;
	err = -ENOMEM;
	t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		goto out;
	err = xa_err(xa_store(&b->by_ino, inode->i_ino, t, GFP_KERNEL_ACCOUNT)) ?:
	      acquire(dir, inode, t);
	if (err) {
		xa_erase(&b->by_ino, inode->i_ino);
		kfree(t);
	} else {
		*out = t;
	}
out:
	iput(inode);
	return err;
}

int vexfs_binds_open(struct inode *dir, u32 n, struct vexfs_binds *b, __u64 *bad)
{
	u32 i;
	int err;

	b->target = kvcalloc(n, sizeof(*b->target), GFP_KERNEL_ACCOUNT);
	if (!b->target)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		err = target(dir, b, b->bind + i, b->target + i);
		if (!err && vx_killed())
			err = -EINTR;
		if (err) {
			if (err == -EBADF || err == -EXDEV || err == -ENOENT || err == -EINVAL)
				*bad = i;
			return err;
		}
		cond_resched();
	}
	return 0;
}

void vexfs_binds_close(struct vexfs_binds *b)
{
	struct vexfs_target *t;
	unsigned long ino;

	xa_for_each(&b->by_ino, ino, t) {
		atomic_dec(&VEXFS_I(t->inode)->binding);
		iput(t->inode);
		kfree(t);
		cond_resched();
	}
	xa_destroy(&b->by_ino);
	kvfree(b->target);
	kvfree(b->bind);
	b->target = NULL;
	b->bind = NULL;
}

int vexfs_binds_enter(struct vexfs_body *b, struct vexfs_binds *binds)
{
	struct vexfs_target *t;
	unsigned long ino;

	xa_for_each(&binds->by_ino, ino, t) {
		t->file = vexfs_file_enter(b, t->inode);
		if (IS_ERR(t->file))
			return PTR_ERR(t->file);
	}
	return 0;
}
