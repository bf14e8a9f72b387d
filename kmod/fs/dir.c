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

struct entry {
	u64 ino, pos;
	u8 type, len;
	char name[];
};

struct buffer {
	unsigned int used;
	bool full;
	u8 bytes[PAGE_SIZE - 8] __aligned(8);
};

static bool collect(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	unsigned int size = ALIGN(sizeof(struct entry) + len, 8);
	struct buffer *b = arg;
	struct entry *e = (void *)b->bytes + b->used;

	b->full = size > sizeof(b->bytes) - b->used;
	if (b->full)
		return false;
	e->ino = ino;
	e->pos = pos;
	e->type = type;
	e->len = len;
	memcpy(e->name, name, len);
	b->used += size;
	return true;
}

static int vexfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file_inode(file);
	struct buffer *b;
	int err = 0;
	u64 pos;

	if (!dir_emit_dots(file, ctx))
		return 0;
	b = kmalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return -ENOMEM;
	pos = ctx->pos - FIRST_POS;
	do {
		unsigned int at;

		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		b->used = 0;
		b->full = false;
		err = vexfs_dir_iterate(&VEXFS_I(inode)->core, &pos, collect, b);
		for (at = 0; at < b->used;) {
			struct entry *e = (void *)b->bytes + at;

			ctx->pos = e->pos + FIRST_POS;
			if (!dir_emit(ctx, e->name, e->len, e->ino, e->type))
				goto out;
			at += ALIGN(sizeof(*e) + e->len, 8);
		}
		ctx->pos = pos + FIRST_POS;
		cond_resched();
	} while (!err && b->full);
out:
	kfree(b);
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
