// SPDX-License-Identifier: GPL-2.0
/*
 * The door to user space: ioctls on an open directory (see vexfs/ioctl.h), and FS_IOC_SHUTDOWN.
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include <linux/compat.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "collection.h"

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN	_IOR('X', 125, __u32)	/* as ext4, xfs and f2fs have it */
#endif

/* Every struct begins with its size, and flags. */
#define MIN_SIZE	8

/*
 * Copy in a struct whose first field says how long the caller thinks it is.  *usize: how much of it
 * to copy out. -EINVAL too short, -E2BIG longer than ours with something in the tail.
 */
static int copy_in(void *to, size_t size, void __user *from, u32 *usize)
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

static int copy_out(void __user *to, const void *from, u32 usize)
{
	return copy_to_user(to, from, usize) ? -EFAULT : 0;
}

/*
 * n items at a user pointer, n * size already bounded by the caller.  The user pays for the memory.
 */
static void *copy_array(u64 from, size_t n, size_t size)
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

#define ALL_ZERO(a)	(!memchr_inv(a, 0, sizeof(a)))

/* Searching and reading: the directory must have been opened for that. */
static int may_read(struct file *file)
{
	return file->f_mode & FMODE_READ ? 0 : -EBADF;
}

/*
 * Changing: nobody can open a directory for writing, so ask now.  0: mnt_drop_write_file()
 * afterwards.
 */
static int may_write(struct file *file)
{
	int err = inode_permission(file_mnt_idmap(file), file_inode(file), MAY_WRITE);

	return err ?: mnt_want_write_file(file);
}

static long ioc_create(struct file *file, void __user *argp)
{
	struct vexfs_ioc_create arg;
	u32 usize;
	int err;

	err = copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	err = may_write(file);
	if (err)
		return err;
	err = vexfs_collection_create(file_inode(file), &arg);
	mnt_drop_write_file(file);
	return err;
}

static long ioc_info(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_info arg, in;
	u32 usize;
	int err;

	err = may_read(file) ?: copy_in(&in, sizeof(in), argp, &usize);
	if (err)
		return err;
	if (in.flags || in.reserved32 || !ALL_ZERO(in.reserved))
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	arg.size = in.size;
	err = vexfs_collection_info(c, &arg);
	return err ?: copy_out(argp, &arg, usize);
}

/* rows, ids and attrs are user pointers. */
static int insert(struct vexfs_collection_mem *c, struct vexfs_ioc_insert *arg)
{
	void *rows, *ids = NULL, *attrs = NULL;
	int err = 0;

	rows = copy_array(arg->rows, arg->n, arg->row_bytes);
	if (IS_ERR(rows))
		return PTR_ERR(rows);
	ids = copy_array(arg->ids, arg->n, sizeof(__u64));
	if (IS_ERR(ids)) {
		kvfree(rows);
		return PTR_ERR(ids);
	}
	if (arg->attrs && c->attrs) {
		attrs = copy_array(arg->attrs, arg->n, c->attrs * sizeof(__s64));
		if (IS_ERR(attrs)) {
			err = PTR_ERR(attrs);
			attrs = NULL;
		}
	}
	if (!err)
		err = vexfs_record_insert(c, arg->n, rows, ids, attrs, &arg->seq, &arg->bad);
	kvfree(attrs);
	kvfree(ids);
	kvfree(rows);
	return err;
}

static long ioc_insert(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_insert arg;
	u32 usize;
	int err, e2;

	err = copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_INSERT_UPSERT || !ALL_ZERO(arg.reserved) || !arg.n)
		return -EINVAL;
	if (arg.flags & VEXFS_INSERT_UPSERT)
		return -EOPNOTSUPP;
	if (arg.row_bytes != c->row_bytes)
		return -EMSGSIZE;
	if (arg.n > VEXFS_MAX_BATCH || (u64)arg.n * arg.row_bytes > VEXFS_MAX_BATCH_BYTES)
		return -E2BIG;
	arg.seq = 0;
	arg.bad = ~0ULL;
	/* before anything changes: can the answer be written? */
	err = copy_out(argp, &arg, usize) ?: may_write(file);
	if (err)
		return err;
	err = insert(c, &arg);
	mnt_drop_write_file(file);
	e2 = copy_out(argp, &arg, usize);
	return err ?: e2;
}

static long ioc_get(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_record record;
	struct vexfs_ioc_get arg;
	struct vexfs_body *b;
	void *row;
	u32 usize, i;
	int err;

	err = may_read(file) ?: copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	if (arg.row && arg.row_bytes < c->row_bytes)
		return -EMSGSIZE;
	err = vexfs_record_find(c, arg.id, &b, &arg.slot);
	if (err)
		return err;
	row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	err = row ? vexfs_record_fetch(b, arg.slot, &record, row) : -ENOMEM;
	vexfs_body_put(b);
	if (!err && arg.row && copy_to_user(u64_to_user_ptr(arg.row), row, c->row_bytes))
		err = -EFAULT;
	kvfree(row);
	if (err)
		return err;
	arg.seq = le64_to_cpu(record.r_seq);
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		arg.attr[i] = le64_to_cpu(record.r_attr[i]);
	return copy_out(argp, &arg, usize);
}

static long ioc_delete(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_delete arg;
	void *ids;
	u32 usize;
	int err, e2;

	err = copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved) || !arg.n)
		return -EINVAL;
	if (arg.n > VEXFS_MAX_BATCH)
		return -E2BIG;
	arg.bad = ~0ULL;
	err = copy_out(argp, &arg, usize) ?: may_write(file);	/* as in ioc_insert() */
	if (err)
		return err;
	ids = copy_array(arg.ids, arg.n, sizeof(__u64));
	err = PTR_ERR_OR_ZERO(ids);
	if (!err) {
		err = vexfs_record_delete(c, arg.n, ids, &arg.bad);
		kvfree(ids);
	}
	mnt_drop_write_file(file);
	e2 = copy_out(argp, &arg, usize);
	return err ?: e2;
}

/* The vector to search with, from user memory or of a record. */
static int search_row(struct vexfs_collection_mem *c, const struct vexfs_ioc_search *arg, void *row)
{
	struct vexfs_record record;
	struct vexfs_body *b;
	u64 slot;
	int err;

	if (arg->flags & VEXFS_SEARCH_BY_ID) {
		err = vexfs_record_find(c, arg->id, &b, &slot);
		if (err)
			return err;
		err = vexfs_record_fetch(b, slot, &record, row);
		vexfs_body_put(b);
		return err;
	}
	if (arg->vector_bytes != c->row_bytes)
		return -EMSGSIZE;
	if (copy_from_user(row, u64_to_user_ptr(arg->vector), c->row_bytes))
		return -EFAULT;
	return vexfs_row_check(c->metric, row, c->dims);
}

static long ioc_search(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_hit *hits = NULL;
	struct vexfs_ioc_search arg;
	void *row = NULL;
	u32 usize;
	int err;

	err = may_read(file) ?: copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~(VEXFS_SEARCH_BY_ID | VEXFS_SEARCH_BUILTIN) || !ALL_ZERO(arg.reserved) ||
	    !arg.k || arg.timeout_us > VEXFS_MAX_TIMEOUT_US)
		return -EINVAL;
	if (arg.k > VEXFS_MAX_K)
		return -E2BIG;
	if (arg.where || arg.where_values || arg.where_nodes || arg.where_values_n)
		return -EOPNOTSUPP;
	if (!arg.timeout_us)
		arg.timeout_us = VEXFS_DEFAULT_TIMEOUT_US;
	arg.n = arg.truncated = arg.rounds = arg.restarts = 0;
	row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	hits = kvcalloc(arg.k, sizeof(*hits), GFP_KERNEL_ACCOUNT);
	err = row && hits ? search_row(c, &arg, row) : -ENOMEM;
	if (!err)
		err = vexfs_collection_search(c, &arg, row, hits);
	if (!err && copy_to_user(u64_to_user_ptr(arg.hits), hits, arg.n * sizeof(*hits)))
		err = -EFAULT;
	kvfree(hits);
	kvfree(row);
	return err ?: copy_out(argp, &arg, usize);
}

static long ioc_use(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_use arg;
	u32 usize;
	int err;

	err = copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	err = may_write(file);
	if (err)
		return err;
	err = vexfs_collection_use(c, arg.slot, arg.name);
	mnt_drop_write_file(file);
	return err;
}

static long ioc_shutdown(struct file *file, u32 __user *argp)
{
	u32 how;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(how, argp))
		return -EFAULT;
	return vexfs_shutdown(file_inode(file)->i_sb, how);
}

long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	struct inode *inode = file_inode(file);
	struct vexfs_collection_mem *c;

	if (cmd == FS_IOC_SHUTDOWN)
		return ioc_shutdown(file, argp);
	/* the size that is encoded in cmd may be that of another version */
	if (_IOC_TYPE(cmd) != VEXFS_IOC_MAGIC || _IOC_DIR(cmd) != (_IOC_READ | _IOC_WRITE) ||
	    !S_ISDIR(inode->i_mode) || !_IOC_NR(cmd) || _IOC_NR(cmd) > _IOC_NR(VEXFS_IOC_USE))
		return -ENOTTY;
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (_IOC_NR(cmd) == _IOC_NR(VEXFS_IOC_CREATE))
		return ioc_create(file, argp);
	c = vexfs_collection_get(inode);
	if (IS_ERR(c))
		return PTR_ERR(c);
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VEXFS_IOC_INFO):
		return ioc_info(file, c, argp);
	case _IOC_NR(VEXFS_IOC_INSERT):
		return ioc_insert(file, c, argp);
	case _IOC_NR(VEXFS_IOC_GET):
		return ioc_get(file, c, argp);
	case _IOC_NR(VEXFS_IOC_DELETE):
		return ioc_delete(file, c, argp);
	case _IOC_NR(VEXFS_IOC_SEARCH):
		return ioc_search(file, c, argp);
	case _IOC_NR(VEXFS_IOC_USE):
		return ioc_use(file, c, argp);
	}
	return -ENOTTY;
}
