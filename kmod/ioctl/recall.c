// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl of live recall (see vexfs/ioctl.h).
 *
 * Nothing is copied in or out under a lock.
 */
#include "ioctl/door.h"

struct counts {
	struct vexfs_recall_count *out;
	u32 n, room;
};

static int add(struct vexfs_collection_mem *c, void *arg)
{
	struct counts *all = arg;

	all->n += vexfs_recall_counts(c, all->out + all->n, all->room - all->n);
	return 0;
}

/* Of one collection, or of all. */
static int collect(struct file *file, u32 flags, struct counts *all)
{
	struct inode *dir = file_inode(file);
	struct vexfs_collection_mem *c;

	if (flags & VEXFS_RECALL_MOUNT)
		return vexfs_collections_each(dir->i_sb, add, all);
	c = vexfs_collection_get(dir);
	if (IS_ERR(c))
		return PTR_ERR(c);
	add(c, all);
	vexfs_collection_put(c);
	return 0;
}

long vexfs_ioc_recall(struct file *file, void __user *argp)
{
	struct vexfs_ioc_recall arg;
	struct counts all = {};
	u32 usize;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_RECALL_MOUNT || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	if (arg.n > VEXFS_MAX_RECALLS)
		return -E2BIG;
	err = arg.flags & VEXFS_RECALL_MOUNT ? vexfs_may_shut_down() : 0;
	if (err)
		return err;
	all.room = arg.n;
	all.out = kvcalloc(max(arg.n, 1u), sizeof(*all.out), GFP_KERNEL_ACCOUNT);
	err = all.out ? collect(file, arg.flags, &all) : -ENOMEM;
	if (!err && copy_to_user(u64_to_user_ptr(arg.counts), all.out, all.n * sizeof(*all.out)))
		err = -EFAULT;
	kvfree(all.out);
	arg.n = all.n;
	arg.one_in = VEXFS_RECALL_ONE_IN;
	return err ?: vexfs_copy_out(argp, &arg, usize);
}
