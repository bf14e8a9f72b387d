// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls about the words of keyword attributes (see vexfs/ioctl.h).
 *
 * Everything is copied in and checked before a lock is taken; nothing is copied out under one.
 */
#include "ioctl/door.h"

static bool is_seen(const u64 *seen, u32 i)
{
	return !seen || seen[i / 64] >> i % 64 & 1;
}

/* Of words that the caller may not know the codes become 0. */
static int hide_codes(struct vexfs_collection_mem *c, const struct file *file, u32 attr,
		      __s64 *codes, u32 n)
{
	s64 min = 0, max = 0;
	u64 *seen;
	u32 i;
	int err;

	for (i = 0; i < n; i++)
		if (codes[i]) {
			min = !min || codes[i] < min ? codes[i] : min;
			max = codes[i] > max ? codes[i] : max;
		}
	if (!max)
		return 0;
	err = vexfs_words_seen(c, file, attr, min, max - min + 1, &seen);
	for (i = 0; i < n && !err; i++)
		if (codes[i] && !is_seen(seen, codes[i] - min))
			codes[i] = 0;
	kvfree(seen);
	return err;
}

/* words, lens and codes are user pointers. */
static int intern(struct file *file, struct vexfs_collection_mem *c,
		  const struct vexfs_ioc_intern *arg)
{
	bool lookup = arg->flags & VEXFS_INTERN_LOOKUP;
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
		err = vexfs_words_intern(c, arg->attr, &words, lookup, codes);
	if (!err && lookup)
		err = hide_codes(c, file, arg->attr, codes, arg->n);
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
	bool lookup;
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
	lookup = arg.flags & VEXFS_INTERN_LOOKUP;
	err = lookup ? vexfs_may_read(file) : vexfs_may_write(file);
	if (err)
		return err;
	err = intern(file, c, &arg);
	if (!lookup)
		vexfs_end_write(file);
	return err;
}

#define WORDS_CHUNK	256u		/* read and copied out at a time */

/*
 * Words that the caller may not know become empty ones: of n, packed, whose bits in `seen` begin at
 * `at`.  *bytes: of them all.
 */
static void hide_words(const u64 *seen, u32 at, u32 n, u8 *byte, u32 *bytes, u8 *len)
{
	u32 i, from = 0, to = 0;

	for (i = 0; i < n; i++) {
		if (is_seen(seen, at + i)) {
			memmove(byte + to, byte + from, len[i]);
			to += len[i];
		}
		from += len[i];
		if (!is_seen(seen, at + i))
			len[i] = 0;
	}
	*bytes = to;
}

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
	byte = kvmalloc(WORDS_CHUNK * (VEXFS_MAX_KEY + 1), GFP_KERNEL);
	if (!byte) {
		kvfree(seen);
		return -ENOMEM;
	}
	len = byte + WORDS_CHUNK * VEXFS_MAX_KEY;
	do {
		bytes = min_t(u32, arg.word_bytes - used, WORDS_CHUNK * VEXFS_MAX_KEY);
		n = vexfs_words_read(c, arg.attr, arg.first + done, min(arg.n - done, WORDS_CHUNK),
				     byte, &bytes, len, &arg.total);
		err = n < 0 ? n : vx_killed() ? -EINTR : 0;
		if (!err)
			hide_words(seen, done, n, byte, &bytes, len);
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
