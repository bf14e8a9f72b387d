// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls about snapshots and compaction (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include "ioctl/door.h"

long vexfs_ioc_snapshot(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_snapshot arg;
	u32 usize;
	int err;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved) ||
	    (arg.op != VEXFS_SNAPSHOT_CREATE && arg.op != VEXFS_SNAPSHOT_DELETE) ||
	    !TERMINATED(arg.name))
		return -EINVAL;
	err = vexfs_may_write(file);
	if (err)
		return err;
	err = arg.op == VEXFS_SNAPSHOT_CREATE ? vexfs_snapshot_take(c, arg.name) :
						vexfs_snapshot_forget(c, arg.name);
	vexfs_end_write(file);
	return err;
}

long vexfs_ioc_snapshots(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_snapshot_info *info;
	struct vexfs_ioc_snapshots arg;
	u32 usize;
	int n;

	n = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (n)
		return n;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	info = kcalloc(VEXFS_MAX_SNAPSHOTS, sizeof(*info), GFP_KERNEL_ACCOUNT);
	if (!info)
		return -ENOMEM;
	n = vexfs_snapshot_infos(c, info);
	if (n >= 0 && copy_to_user(u64_to_user_ptr(arg.snapshots), info,
				   min_t(u32, n, arg.n) * sizeof(*info)))
		n = -EFAULT;
	kfree(info);
	if (n < 0)
		return n;
	arg.n = n;
	return vexfs_copy_out(argp, &arg, usize);
}

long vexfs_ioc_compact(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_compact arg;
	u32 usize;
	int err;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved) || arg.min_dead > 100)
		return -EINVAL;
	err = vexfs_may_write(file);
	if (err)
		return err;
	err = vexfs_collection_compact(c, arg.min_dead, &arg.before, &arg.after);
	vexfs_end_write(file);
	return err ?: vexfs_copy_out(argp, &arg, usize);
}
