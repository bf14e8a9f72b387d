// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls about the words of keyword attributes (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include "ioctl/door.h"

static int add_words(struct file *file, struct vexfs_collection_mem *c, u32 attr,
		     const struct vexfs_keys *words, __s64 *codes)
{
	int err = vexfs_may_write(file);

	if (err)
		return err;
	err = vexfs_words_intern(c, attr, words, codes);
	vexfs_end_write(file);
	return err;
}

/* words, lens and codes are user pointers. */
static int intern(struct file *file, struct vexfs_collection_mem *c,
		  const struct vexfs_ioc_intern *arg)
{
	struct vexfs_keys words = { .n = arg->n, .bytes = arg->word_bytes };
	__u8 *byte, *len;
	__s64 *codes;
	__u64 bad;
	int err;

	byte = vexfs_copy_array(arg->words, arg->word_bytes, 1);
	if (IS_ERR(byte))
		return PTR_ERR(byte);
	len = vexfs_copy_array(arg->lens, arg->n, 1);
	if (IS_ERR(len)) {
		kvfree(byte);
		return PTR_ERR(len);
	}
	words.byte = byte;
	words.len = len;
	codes = kvmalloc_array(arg->n, sizeof(*codes), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	err = codes ? vexfs_keys_check(c, &words, true, &bad) : -ENOMEM;
	if (!err)
		err = arg->flags & VEXFS_INTERN_LOOKUP ?
			      vexfs_words_lookup(c, file, arg->attr, &words, codes) :
			      add_words(file, c, arg->attr, &words, codes);
	if (!err && copy_to_user(u64_to_user_ptr(arg->codes), codes, arg->n * sizeof(*codes)))
		err = -EFAULT;
	kvfree(words.hash);
	kvfree(codes);
	kvfree(len);
	kvfree(byte);
	return err;
}

long vexfs_ioc_intern(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_intern arg;
	u32 usize;
	int err;

	err = vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags & ~VEXFS_INTERN_LOOKUP || arg.reserved32 || !ALL_ZERO(arg.reserved) ||
	    !arg.n || !arg.word_bytes || !vexfs_is_keyword(c, arg.attr))
		return -EINVAL;
	if (arg.n > VEXFS_MAX_BATCH || arg.word_bytes > VEXFS_MAX_STRING_BYTES)
		return -E2BIG;
	if (arg.flags & VEXFS_INTERN_LOOKUP)
		err = vexfs_may_read(file);
	return err ?: intern(file, c, &arg);
}

#define WORDS_CHUNK	256u		/* read and copied out at a time */

long vexfs_ioc_words(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	u32 usize, used = 0, done = 0, bytes;
	struct vexfs_ioc_words arg;
	u8 *byte, *len;
	u64 *seen;
	int n, err;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || arg.reserved32 || !ALL_ZERO(arg.reserved) || !arg.n || arg.first < 1 ||
	    arg.word_bytes < VEXFS_MAX_KEY || !vexfs_is_keyword(c, arg.attr))
		return -EINVAL;
	if (arg.n > VEXFS_MAX_BATCH || arg.word_bytes > VEXFS_MAX_STRING_BYTES)
		return -E2BIG;
	err = vexfs_words_seen(c, file, arg.attr, arg.first, arg.n, &seen);
	if (err)
		return err;
	byte = kvmalloc(WORDS_CHUNK * (VEXFS_MAX_KEY + 1), GFP_KERNEL_ACCOUNT);
	if (!byte) {
		kvfree(seen);
		return -ENOMEM;
	}
	len = byte + WORDS_CHUNK * VEXFS_MAX_KEY;
	do {
		bytes = min_t(u32, arg.word_bytes - used, WORDS_CHUNK * VEXFS_MAX_KEY);
		n = vexfs_words_read(c, arg.attr, arg.first + done, min(arg.n - done, WORDS_CHUNK),
				     seen, done, byte, &bytes, len, &arg.total);
		err = n < 0 ? n : vx_killed() ? -EINTR : 0;
		if (!err && (copy_to_user(u64_to_user_ptr(arg.words + used), byte, bytes) ||
			     copy_to_user(u64_to_user_ptr(arg.lens + done), len, n)))
			err = -EFAULT;
		if (err)
			break;
		used += bytes;
		done += n;
	} while (n && done < arg.n);
	kvfree(byte);
	kvfree(seen);
	arg.n = done;
	arg.word_bytes = used;
	return err ?: vexfs_copy_out(argp, &arg, usize);
}
