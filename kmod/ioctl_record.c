// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls about records: insert, get, delete (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include <linux/mount.h>
#include <linux/slab.h>
#include "door.h"

/* rows, ids and attrs are user pointers. */
static int insert(struct vexfs_collection_mem *c, struct vexfs_ioc_insert *arg)
{
	void *rows, *ids = NULL, *attrs = NULL;
	int err = 0;

	rows = vexfs_copy_array(arg->rows, arg->n, arg->row_bytes);
	if (IS_ERR(rows))
		return PTR_ERR(rows);
	ids = vexfs_copy_array(arg->ids, arg->n, sizeof(__u64));
	if (IS_ERR(ids)) {
		kvfree(rows);
		return PTR_ERR(ids);
	}
	if (arg->attrs && c->attrs) {
		attrs = vexfs_copy_array(arg->attrs, arg->n, c->attrs * sizeof(__s64));
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

long vexfs_ioc_insert(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_insert arg;
	u32 usize;
	int err, e2;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_INSERT_UPSERT || arg.reserved32 ||
	    !ALL_ZERO(arg.reserved) || !arg.n)
		return -EINVAL;
	if (arg.flags & VEXFS_INSERT_UPSERT || arg.keys || arg.key_lens || arg.key_bytes ||
	    arg.binds)
		return -EOPNOTSUPP;
	if (arg.row_bytes != c->row_bytes)
		return -EMSGSIZE;
	if (arg.n > VEXFS_MAX_BATCH || (u64)arg.n * arg.row_bytes > VEXFS_MAX_BATCH_BYTES)
		return -E2BIG;
	arg.seq = 0;
	arg.bad = ~0ULL;
	/* before anything changes: can the answer be written? */
	err = vexfs_copy_out(argp, &arg, usize) ?: vexfs_may_write(file);
	if (err)
		return err;
	err = insert(c, &arg);
	mnt_drop_write_file(file);
	e2 = vexfs_copy_out(argp, &arg, usize);
	return err ?: e2;
}

long vexfs_ioc_get(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_record record;
	struct vexfs_ioc_get arg;
	struct vexfs_body *b;
	void *row;
	u32 usize, i;
	u64 slot;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_GET_BY_KEY || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	if (!(arg.flags & VEXFS_GET_BY_KEY) && (arg.key || arg.key_len))
		return -EINVAL;
	if (arg.flags || arg.key_out)
		return -EOPNOTSUPP;
	if (arg.row && arg.row_bytes < c->row_bytes)
		return -EMSGSIZE;
	err = vexfs_record_find(c, arg.id, &b, &slot);
	if (err)
		return err;
	row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	err = row ? vexfs_record_fetch(b, slot, &record, row) : -ENOMEM;
	vexfs_body_put(b);
	if (!err && arg.row && copy_to_user(u64_to_user_ptr(arg.row), row, c->row_bytes))
		err = -EFAULT;
	kvfree(row);
	if (err)
		return err;
	memset(&arg.item, 0, sizeof(arg.item));
	arg.item.id = le64_to_cpu(record.r_id);
	arg.item.slot = slot;
	arg.item.seq = le64_to_cpu(record.r_seq);
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		arg.item.attr[i] = le64_to_cpu(record.r_attr[i]);
	return vexfs_copy_out(argp, &arg, usize);
}

long vexfs_ioc_delete(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_delete arg;
	void *ids;
	u32 usize;
	int err, e2;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_DELETE_BY_KEY || !ALL_ZERO(arg.reserved) || !arg.n)
		return -EINVAL;
	if (!(arg.flags & VEXFS_DELETE_BY_KEY) && (arg.key_bytes || arg.keys || arg.key_lens))
		return -EINVAL;
	if (arg.flags)
		return -EOPNOTSUPP;
	if (arg.n > VEXFS_MAX_BATCH)
		return -E2BIG;
	arg.bad = ~0ULL;
	err = vexfs_copy_out(argp, &arg, usize) ?: vexfs_may_write(file);	/* as in vexfs_ioc_insert() */
	if (err)
		return err;
	ids = vexfs_copy_array(arg.ids, arg.n, sizeof(__u64));
	err = PTR_ERR_OR_ZERO(ids);
	if (!err) {
		err = vexfs_record_delete(c, arg.n, ids, &arg.bad);
		kvfree(ids);
	}
	mnt_drop_write_file(file);
	e2 = vexfs_copy_out(argp, &arg, usize);
	return err ?: e2;
}
