// SPDX-License-Identifier: GPL-2.0
/*
 * The door to user space: ioctls on an open directory (see vexfs/ioctl.h), and FS_IOC_SHUTDOWN.
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include "ioctl/door.h"

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN	_IOR('X', 125, __u32)	/* as ext4, xfs and f2fs have it */
#endif

/* Every struct begins with its size, and flags. */
#define MIN_SIZE	8

int vexfs_copy_in(void *to, size_t size, void __user *from, u32 *usize)
{
	u32 n;
	int err;

	if (get_user(n, (u32 __user *)from))
		return -EFAULT;
	if (n < MIN_SIZE)
		return -EINVAL;
	if (n > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(to, size, from, n);
	if (err)
		return err;
	*(u32 *)to = n;			/* as checked: user memory may have changed in between */
	*usize = min_t(u32, n, size);
	return 0;
}

int vexfs_copy_out(void __user *to, const void *from, u32 usize)
{
	return copy_to_user(to, from, usize) ? -EFAULT : 0;
}

void *vexfs_copy_array(u64 from, size_t n, size_t size)
{
	void *p = kvmalloc_array(n, size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(p, u64_to_user_ptr(from), n * size)) {
		kvfree(p);
		return ERR_PTR(-EFAULT);
	}
	return p;
}

static long ioc_create(struct file *file, void __user *argp)
{
	struct vexfs_ioc_create arg;
	u32 usize;
	int err;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	err = vexfs_may_write(file);
	if (err)
		return err;
	err = vexfs_collection_create(file_inode(file), &arg);
	vexfs_end_write(file);
	return err;
}

static long ioc_drop(struct file *file, void __user *argp)
{
	struct vexfs_ioc_drop arg;
	u32 usize;
	int err;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	err = vexfs_may_own(file);
	if (err)
		return err;
	err = vexfs_collection_drop(file_inode(file));
	vexfs_end_write(file);
	return err;
}

static long ioc_info(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_info arg, in;
	u32 usize;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&in, sizeof(in), argp, &usize);
	if (err)
		return err;
	if (in.flags || in.reserved32)
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	arg.size = in.size;
	err = vexfs_collection_info(c, &arg);
	return err ?: vexfs_copy_out(argp, &arg, usize);
}

static long ioc_index(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_index arg;
	u32 usize;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	return vexfs_derived_index(c);
}

static long ioc_use(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_use arg;
	u32 usize;
	int err;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	err = vexfs_may_own(file);
	if (err)
		return err;
	err = vexfs_collection_use(c, arg.slot, arg.name);
	vexfs_end_write(file);
	return err;
}

static long ioc_memory(struct file *file, void __user *argp)
{
	struct vexfs_ioc_memory arg = {}, in;
	u32 usize;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&in, sizeof(in), argp, &usize);
	if (err)
		return err;
	if (in.flags || in.reserved32 || !ALL_ZERO(in.reserved))
		return -EINVAL;
	arg.size = in.size;
	vexfs_collections_memory(file_inode(file)->i_sb, &arg);
	return vexfs_copy_out(argp, &arg, usize);
}

static long ioc_shutdown(struct file *file, u32 __user *argp)
{
	u32 how;
	int err;

	err = vexfs_may_shut_down();
	if (!err && get_user(how, argp))
		err = -EFAULT;
	return err ?: vexfs_shutdown(file_inode(file)->i_sb, how);
}

static long with_collection(struct file *file, struct vexfs_collection_mem *c, unsigned int nr,
			    void __user *argp)
{
	switch (nr) {
	case _IOC_NR(VEXFS_IOC_INFO):
		return ioc_info(file, c, argp);
	case _IOC_NR(VEXFS_IOC_INSERT):
		return vexfs_ioc_insert(file, c, argp);
	case _IOC_NR(VEXFS_IOC_GET):
		return vexfs_ioc_get(file, c, argp);
	case _IOC_NR(VEXFS_IOC_DELETE):
		return vexfs_ioc_delete(file, c, argp);
	case _IOC_NR(VEXFS_IOC_LIST):
		return vexfs_ioc_list(file, c, argp);
	case _IOC_NR(VEXFS_IOC_SEARCH):
		return vexfs_ioc_search(file, c, argp);
	case _IOC_NR(VEXFS_IOC_PATH):
		return vexfs_ioc_path(file, c, argp);
	case _IOC_NR(VEXFS_IOC_USE):
		return ioc_use(file, c, argp);
	case _IOC_NR(VEXFS_IOC_INTERN):
		return vexfs_ioc_intern(file, c, argp);
	case _IOC_NR(VEXFS_IOC_WORDS):
		return vexfs_ioc_words(file, c, argp);
	case _IOC_NR(VEXFS_IOC_SNAPSHOT):
		return vexfs_ioc_snapshot(file, c, argp);
	case _IOC_NR(VEXFS_IOC_SNAPSHOTS):
		return vexfs_ioc_snapshots(file, c, argp);
	case _IOC_NR(VEXFS_IOC_COMPACT):
		return vexfs_ioc_compact(file, c, argp);
	case _IOC_NR(VEXFS_IOC_INDEX):
		return ioc_index(file, c, argp);
	}
	return -EOPNOTSUPP;
}

long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	struct inode *inode = file_inode(file);
	struct vexfs_collection_mem *c;
	long ret;

	if (cmd == FS_IOC_SHUTDOWN)
		return ioc_shutdown(file, argp);
	/* the size that is encoded in cmd may be that of another version */
	if (_IOC_TYPE(cmd) != VEXFS_IOC_MAGIC || _IOC_DIR(cmd) != (_IOC_READ | _IOC_WRITE) ||
	    !S_ISDIR(inode->i_mode) || !_IOC_NR(cmd) || _IOC_NR(cmd) > VEXFS_IOC_LAST)
		return -ENOTTY;
	if (vexfs_is_gone(inode->i_sb))
		return -EIO;	/* after an error only changes fail: vexfs_may_write() */
	if (_IOC_NR(cmd) == _IOC_NR(VEXFS_IOC_CREATE))
		return ioc_create(file, argp);
	if (_IOC_NR(cmd) == _IOC_NR(VEXFS_IOC_DROP))
		return ioc_drop(file, argp);
	if (_IOC_NR(cmd) == _IOC_NR(VEXFS_IOC_MEMORY))
		return ioc_memory(file, argp);
	if (_IOC_NR(cmd) == _IOC_NR(VEXFS_IOC_RECALL))
		return vexfs_ioc_recall(file, argp);
	c = vexfs_collection_get(inode);
	if (IS_ERR(c))
		return PTR_ERR(c);
	ret = with_collection(file, c, _IOC_NR(cmd), argp);
	vexfs_collection_put(c);
	return ret;
}
