// SPDX-License-Identifier: GPL-2.0
/*
 * Reading directories.  Positions: 0 ".", 1 "..", then the core's byte position + 2.
 *
 * Lock order: i_rwsem (shared), core.lock inside the core.  Entries are copied into a buffer first:
 * dir_emit() writes to user memory, and a page fault may start a transaction.
 */
#include "fs/fs.h"
#include "ioctl/door.h"

#define FIRST_POS	2

static int vexfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file_inode(file);
	const struct vexfs_dir_entry *e;
	struct vexfs_dir_list *l;
	unsigned int at;
	int err = 0;
	u64 pos;

	if (!dir_emit_dots(file, ctx))
		return 0;
	l = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	l->size = PAGE_SIZE - sizeof(*l);
	pos = ctx->pos - FIRST_POS;
	do {
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		err = vexfs_dir_fill(&VEXFS_I(inode)->core, &pos, l);
		for (at = 0; (e = vexfs_dir_next(l, &at));) {
			ctx->pos = e->pos + FIRST_POS;
			if (!dir_emit(ctx, e->name, e->len, e->ino, e->type))
				goto out;
		}
		ctx->pos = pos + FIRST_POS;
		cond_resched();
	} while (!err && l->full);
out:
	kfree(l);
	return err;
}

const struct file_operations vexfs_dir_fops = {
	.owner		= THIS_MODULE,
	.llseek		= generic_file_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= vexfs_iterate,
	.fsync		= vexfs_fsync,
	.unlocked_ioctl	= vexfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
