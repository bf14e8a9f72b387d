// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls about records: insert, get, delete, list (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include "ioctl/door.h"

/*
 * Keys from user memory, checked.  every: none may be missing.  0: vexfs_keys_drop() afterwards;
 * else there is nothing to drop.
 */
static int copy_keys(struct vexfs_collection_mem *c, struct vexfs_keys *k, u64 bytes, u64 lens,
		     u32 n, u32 n_bytes, bool every, __u64 *bad)
{
	void *p;
	int err;

	*k = (struct vexfs_keys){ .n = n, .bytes = n_bytes };
	if (n_bytes > VEXFS_MAX_STRING_BYTES)
		return -E2BIG;
	p = vexfs_copy_array(lens, n, 1);
	if (IS_ERR(p))
		return PTR_ERR(p);
	k->len = p;
	p = vexfs_copy_array(bytes, max(n_bytes, 1u), 1);
	err = PTR_ERR_OR_ZERO(p);
	if (!err) {
		k->byte = p;
		err = vexfs_keys_check(c, k, every, bad);
	}
	if (err)
		vexfs_keys_drop(k);
	return err;
}

/* The ids of an insert, to where they are wanted. */
static int copy_ids(const struct vexfs_ioc_insert *arg, const struct vexfs_new_records *new)
{
	return arg->ids && copy_to_user(u64_to_user_ptr(arg->ids), new->ids,
					arg->n * sizeof(__u64)) ?
		       -EFAULT :
		       0;
}

/* The arrays of an insert; free_new() in any case. */
static int copy_new(struct vexfs_collection_mem *c, const struct vexfs_ioc_insert *arg,
		    struct vexfs_new_records *new)
{
	void *p;

	p = vexfs_copy_array(arg->rows, arg->n, arg->row_bytes);
	if (IS_ERR(p))
		return PTR_ERR(p);
	new->rows = p;
	p = new->auto_id ? kvcalloc(arg->n, sizeof(__u64), GFP_KERNEL_ACCOUNT) ?: ERR_PTR(-ENOMEM) :
			   vexfs_copy_array(arg->ids, arg->n, sizeof(__u64));
	if (IS_ERR(p))
		return PTR_ERR(p);
	new->ids = p;
	/* before anything changes: can they be written? */
	if (new->auto_id && copy_ids(arg, new))
		return -EFAULT;
	if (arg->attrs && c->attrs) {
		p = vexfs_copy_array(arg->attrs, arg->n, c->attrs * sizeof(__s64));
		if (IS_ERR(p))
			return PTR_ERR(p);
		new->attrs = p;
	}
	if (arg->binds) {
		p = vexfs_copy_array(arg->binds, arg->n, sizeof(struct vexfs_bind));
		if (IS_ERR(p))
			return PTR_ERR(p);
		new->binds.bind = p;
	}
	return arg->key_bytes ? copy_keys(c, &new->keys, arg->keys, arg->key_lens, arg->n,
					  arg->key_bytes, false, &new->bad) : 0;
}

static void free_new(struct vexfs_new_records *new)
{
	vexfs_binds_close(&new->binds);
	vexfs_keys_drop(&new->keys);
	kvfree(new->attrs);
	kvfree(new->ids);
	kvfree(new->rows);
}

/* What was copied in.  What it takes of the collection and its files is given back. */
static int insert_new(struct file *file, struct vexfs_collection_mem *c,
		      struct vexfs_new_records *new)
{
	int err = vexfs_may_write(file);

	if (err)
		return err;
	if (new->binds.bind)
		err = vexfs_binds_open(c->dir, new->n, &new->binds, &new->bad);
	err = err ?: vexfs_record_insert(c, new);
	vexfs_binds_close(&new->binds);
	vexfs_keys_drop(&new->keys);
	vexfs_end_write(file);
	return err;
}

static int insert(struct file *file, struct vexfs_collection_mem *c, struct vexfs_ioc_insert *arg)
{
	struct vexfs_new_records new = {
		.n = arg->n,
		.upsert = arg->flags & VEXFS_INSERT_UPSERT,
		.auto_id = arg->flags & VEXFS_INSERT_AUTO_ID,
		.bad = ~0ULL,
	};
	int err;

	xa_init(&new.binds.by_ino);
	err = copy_new(c, arg, &new) ?: insert_new(file, c, &new);
	if (!err && new.auto_id)
		err = copy_ids(arg, &new);
	arg->seq = new.seq;
	arg->bad = new.bad;
	free_new(&new);
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
	if (arg.flags & ~(VEXFS_INSERT_UPSERT | VEXFS_INSERT_AUTO_ID) || arg.reserved32 ||
	    !ALL_ZERO(arg.reserved) || !arg.n)
		return -EINVAL;
	if (!arg.key_bytes != !arg.keys || !arg.keys != !arg.key_lens)
		return -EINVAL;
	if (arg.row_bytes != c->row_bytes)
		return -EMSGSIZE;
	if (arg.n > VEXFS_MAX_BATCH || (u64)arg.n * arg.row_bytes > VEXFS_MAX_BATCH_BYTES)
		return -E2BIG;
	arg.seq = 0;
	arg.bad = ~0ULL;
	/* before anything changes: can the answer be written? */
	err = vexfs_copy_out(argp, &arg, usize);
	if (err)
		return err;
	err = insert(file, c, &arg);
	e2 = vexfs_copy_out(argp, &arg, usize);
	return err ?: e2;
}

int vexfs_find_record(struct file *file, struct vexfs_collection_mem *c, u64 id, u64 key,
		      u8 key_len, struct vexfs_body **b, u64 *slot)
{
	struct vexfs_reader reader;
	u8 bytes[VEXFS_MAX_KEY];
	struct vexfs_keys k = { .n = 1, .bytes = key_len, .byte = bytes, .len = &key_len };
	u64 bad;
	int err;

	vexfs_reader_init(&reader, file, NULL);
	if (!key_len)
		return vexfs_record_find(c, &reader, id, NULL, b, slot);
	if (copy_from_user(bytes, u64_to_user_ptr(key), key_len))
		return -EFAULT;
	err = vexfs_keys_check(c, &k, true, &bad);
	if (!err)
		err = vexfs_record_find(c, &reader, 0, &k, b, slot);
	k.byte = k.len = NULL;		/* not allocated */
	vexfs_keys_drop(&k);
	return err;
}

/* The record of an id or key, its row and key in kernel memory: the length of the key. */
static int get(struct file *file, struct vexfs_collection_mem *c, struct vexfs_ioc_get *arg,
	       void *row, u8 *key)
{
	struct vexfs_record record;
	struct vexfs_body *b;
	u64 slot;
	int ret;

	ret = vexfs_find_record(file, c, arg->id, arg->key, arg->key_len, &b, &slot);
	if (ret)
		return ret;
	ret = vexfs_record_fetch(b, slot, &record, row, key);
	if (ret >= 0)
		vexfs_record_item(b, slot, &record, ret, &arg->item);
	vexfs_body_put(b);
	return ret;
}

long vexfs_ioc_get(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	u8 key[VEXFS_MAX_KEY];
	struct vexfs_ioc_get arg;
	void *row;
	u32 usize;
	int ret;

	ret = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (ret)
		return ret;
	if (arg.flags & ~VEXFS_GET_BY_KEY || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	if (arg.flags & VEXFS_GET_BY_KEY ? !arg.key_len || arg.key_len > VEXFS_MAX_KEY :
					   arg.key || arg.key_len)
		return -EINVAL;
	if (arg.row && arg.row_bytes < c->row_bytes)
		return -EMSGSIZE;
	row = kvmalloc(c->row_bytes, GFP_KERNEL_ACCOUNT);
	if (!row)
		return -ENOMEM;
	ret = get(file, c, &arg, row, key);
	if (ret >= 0 && ((arg.row && copy_to_user(u64_to_user_ptr(arg.row), row, c->row_bytes)) ||
			 (arg.key_out && copy_to_user(u64_to_user_ptr(arg.key_out), key, ret))))
		ret = -EFAULT;
	kvfree(row);
	return ret < 0 ? ret : vexfs_copy_out(argp, &arg, usize);
}

/* keys->n is 0: by ids. */
static int delete_those(struct file *file, struct vexfs_collection_mem *c,
			struct vexfs_ioc_delete *arg, const __u64 *ids, struct vexfs_keys *keys)
{
	int err = vexfs_may_write(file);

	if (err)
		return err;
	err = vexfs_record_delete(c, arg->n, ids, keys, &arg->bad);
	vexfs_end_write(file);
	return err;
}

static int delete(struct file *file, struct vexfs_collection_mem *c, struct vexfs_ioc_delete *arg)
{
	struct vexfs_keys keys = {};
	void *ids;
	int err;

	if (arg->flags & VEXFS_DELETE_BY_KEY) {
		err = copy_keys(c, &keys, arg->keys, arg->key_lens, arg->n, arg->key_bytes, true,
				&arg->bad);
		if (!err) {
			err = delete_those(file, c, arg, NULL, &keys);
			vexfs_keys_drop(&keys);
		}
		return err;
	}
	ids = vexfs_copy_array(arg->ids, arg->n, sizeof(__u64));
	if (IS_ERR(ids))
		return PTR_ERR(ids);
	err = delete_those(file, c, arg, ids, &keys);
	kvfree(ids);
	return err;
}

long vexfs_ioc_delete(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_delete arg;
	u32 usize;
	int err, e2;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_DELETE_BY_KEY || !ALL_ZERO(arg.reserved) || !arg.n)
		return -EINVAL;
	if (!(arg.flags & VEXFS_DELETE_BY_KEY) && (arg.key_bytes || arg.keys || arg.key_lens))
		return -EINVAL;
	if (arg.n > VEXFS_MAX_BATCH)
		return -E2BIG;
	arg.bad = ~0ULL;
	/* as in vexfs_ioc_insert() */
	err = vexfs_copy_out(argp, &arg, usize);
	if (err)
		return err;
	err = delete(file, c, &arg);
	e2 = vexfs_copy_out(argp, &arg, usize);
	return err ?: e2;
}

long vexfs_ioc_list(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_list arg;
	u32 usize;
	int err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~(VEXFS_LIST_STALE | VEXFS_LIST_DAMAGED) || arg.reserved32 ||
	    !ALL_ZERO(arg.reserved) || !arg.n ||
	    (arg.keys && arg.key_bytes < VEXFS_MAX_KEY) || !TERMINATED(arg.snapshot))
		return -EINVAL;
	if (arg.n > VEXFS_MAX_BATCH)
		return -E2BIG;
	if (arg.rows && arg.row_bytes != c->row_bytes)
		return -EMSGSIZE;
	err = vexfs_record_list(c, file, &arg);
	return err ?: vexfs_copy_out(argp, &arg, usize);
}
