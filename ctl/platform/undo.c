// SPDX-License-Identifier: GPL-2.0
/* Writing what a repair has made, and taking it back; see undo.h. */
#include <unistd.h>

#include "log.h"
#include "undo.h"

union block {
	__u8 byte[VEXFS_BLOCK_SIZE];
	struct vexfs_super super;
};

static __u32 sum(const void *p, size_t bytes)
{
	return crc32c(~0u, p, bytes);
}

static __u32 head_crc(const struct vexfs_undo *u)
{
	struct vexfs_undo copy = *u;

	copy.u_crc = 0;
	return sum(&copy, sizeof(copy));
}

static __u32 block_crc(const struct vexfs_undo_block *b)
{
	return crc32c(sum(&b->b_block, sizeof(b->b_block)), b->b_data, sizeof(b->b_data));
}

/* What is on the device. */
static int read_old(struct vexfs_dev *dev, __u64 block, void *data)
{
	bool shadow = dev->shadow;
	int err;

	dev->shadow = false;
	err = vexfs_dev_read(dev, block, data);
	dev->shadow = shadow;
	return err;
}

/* --- the file --- */

static int put(int file, const void *p, size_t bytes)
{
	ssize_t n = write(file, p, bytes);

	return n == (ssize_t)bytes ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int save(struct vexfs_dev *dev, int file, const struct vexfs_super *s,
		const __u32 super[VEXFS_UNDO_SUPERS], const __u64 *block, size_t n)
{
	struct vexfs_undo u = {
		.u_magic = cpu_to_le64(VEXFS_UNDO_MAGIC),
		.u_version = cpu_to_le32(1),
		.u_device_blocks = cpu_to_le64(dev->blocks),
		.u_blocks = cpu_to_le64(n),
	};
	struct vexfs_undo_block b = {};
	size_t i;
	int err;

	memcpy(u.u_uuid, s->s_uuid, sizeof(u.u_uuid));
	for (i = 0; i < VEXFS_UNDO_SUPERS; i++)
		u.u_super[i] = cpu_to_le32(super[i]);
	u.u_crc = cpu_to_le32(head_crc(&u));
	err = put(file, &u, sizeof(u));
	for (i = 0; i < n && !err; i++) {
		b.b_block = cpu_to_le64(block[i]);
		err = read_old(dev, block[i], b.b_data);
		b.b_crc = cpu_to_le32(block_crc(&b));
		if (!err)
			err = put(file, &b, sizeof(b));
	}
	return err ? err : fsync(file) ? -errno : 0;
}

/* --- writing --- */

/* Sorted numbers of two lists, each once. */
static __u64 *both(const __u64 *a, size_t n, const __u64 *b, size_t m, size_t *all)
{
	__u64 *to = malloc((n + m + 1) * sizeof(*to));
	size_t i = 0, j = 0;

	for (*all = 0; to && (i < n || j < m);) {
		__u64 next = j == m || (i < n && a[i] <= b[j]) ? a[i] : b[j];

		to[(*all)++] = next;
		i += i < n && a[i] == next;
		j += j < m && b[j] == next;
	}
	return to;
}

/* What is written in the end: the changed blocks, what the log holds, and that it is empty then. */
static __u64 *all_blocks(const struct vexfs_undo_plan *plan, const __u64 *changed, size_t n,
			 size_t *all)
{
	__u64 log = plan->log ? le64_to_cpu(plan->log->s_journal_start) : 0, *some, *to;
	size_t m;

	some = both(plan->replayed, plan->replays, &log, !!plan->log, &m);
	to = some ? both(changed, n, some, m, all) : NULL;
	free(some);
	return to;
}

/* A superblock that says that there is damage: the last good one, or the new one. */
static void mark(const union block *old, __u64 blocks, const union block *new, union block *marked)
{
	const char *why;

	*marked = vexfs_super_check(&old->super, blocks, &why) ? *new : *old;
	marked->super.s_state = cpu_to_le16(VEXFS_STATE_ERROR);
	vexfs_super_stamp(&marked->super);
}

static int write_all(struct vexfs_dev *dev, const __u64 *block, size_t n, const union block *first,
		     const union block *last)
{
	union block b;
	size_t i;
	int err = vexfs_dev_write(dev, 0, first);

	if (!err)
		err = vexfs_dev_sync(dev);
	for (i = 0; i < n && !err; i++) {
		if (!block[i])
			continue;
		err = vexfs_dev_read(dev, block[i], &b);
		if (!err)
			err = vexfs_dev_write(dev, block[i], &b);
	}
	if (!err)
		err = vexfs_dev_sync(dev);
	if (!err)
		err = vexfs_dev_write(dev, 0, last);
	return err ? err : vexfs_dev_sync(dev);
}

/* The same device, as it is without a repair. */
static int other_side(const struct vexfs_dev *dev, struct vexfs_dev *other)
{
	int fd = dup(dev->fd), err;

	if (fd < 0)
		return -errno;
	err = vexfs_dev_init(other, fd, dev->blocks);
	if (err) {
		close(fd);
		return err;
	}
	other->quiet = true;
	other->shadow = true;
	other->unread = dev->unread;
	other->record = dev->record;
	other->record_arg = dev->record_arg;
	return 0;
}

int vexfs_undo_write(struct vexfs_dev *dev, const struct vexfs_undo_plan *plan, size_t *written,
		     bool *undo)
{
	union block before, replayed, marked, after;
	struct vexfs_log_replayed done = {};
	__u64 *changed, *all = NULL;
	struct vexfs_dev other;
	const char *why;
	size_t n, m;
	int err;

	*undo = false;
	err = vexfs_dev_changed(dev, &changed, &n);
	if (err)
		return err;
	err = other_side(dev, &other);
	if (err) {
		free(changed);
		return err;
	}
	all = all_blocks(plan, changed, n, &m);
	err = all ? 0 : -ENOMEM;
	if (!err)
		err = vexfs_dev_read(dev, 0, &after);
	if (!err)
		err = read_old(dev, 0, &before);
	if (!err && plan->log)
		err = vexfs_log_salvage(&other, plan->log, &done, &why);
	if (!err)
		err = vexfs_dev_read(&other, 0, &replayed);
	if (!err) {
		const __u32 super[] = { sum(&before, sizeof(before)),
					sum(&replayed, sizeof(replayed)), 0,
					sum(&after, sizeof(after)) };
		__u32 with_mark[VEXFS_UNDO_SUPERS];

		mark(&replayed, dev->blocks, &after, &marked);
		memcpy(with_mark, super, sizeof(super));
		with_mark[2] = sum(&marked, sizeof(marked));
		if (plan->undo >= 0)
			err = save(dev, plan->undo, &after.super, with_mark, all, m);
		*undo = err;
	}
	if (!err && plan->log)
		err = vexfs_log_empty(&other, plan->log, done.lost);
	if (!err)
		err = write_all(dev, changed, n, &marked, &after);
	*written = m;
	vexfs_dev_close(&other);
	free(changed);
	free(all);
	return err;
}

/* --- taking it back --- */

static int get(int file, off_t pos, void *p, size_t bytes)
{
	ssize_t n = pread(file, p, bytes, pos);

	return n == (ssize_t)bytes ? 0 : n < 0 ? -errno : -EINVAL;
}

static off_t place(__u64 i)
{
	return sizeof(struct vexfs_undo) + i * sizeof(struct vexfs_undo_block);
}

/* NULL: the whole file is good. */
static const char *file_wrong(int file, struct vexfs_undo *u)
{
	struct vexfs_undo_block b;
	__u64 i, last = 0;

	if (get(file, 0, u, sizeof(*u)) || le64_to_cpu(u->u_magic) != VEXFS_UNDO_MAGIC)
		return "is no undo file";
	if (le32_to_cpu(u->u_crc) != head_crc(u))
		return "is damaged";
	if (le32_to_cpu(u->u_version) != 1)
		return "is of another version";
	for (i = 0; i < le64_to_cpu(u->u_blocks); i++) {
		if (get(file, place(i), &b, sizeof(b)) || le32_to_cpu(b.b_crc) != block_crc(&b) ||
		    le64_to_cpu(b.b_block) >= le64_to_cpu(u->u_device_blocks) ||
		    (i && le64_to_cpu(b.b_block) <= last))
			return "is damaged, or not all there";
		last = le64_to_cpu(b.b_block);
	}
	return get(file, place(i), &b, 1) ? NULL : "goes on behind its end";
}

static const char *device_wrong(struct vexfs_dev *dev, const struct vexfs_undo *u, int *err)
{
	union block b;
	unsigned int i;

	if (dev->blocks != le64_to_cpu(u->u_device_blocks))
		return "is of a device of another size";
	*err = vexfs_dev_read(dev, 0, &b);
	for (i = 0; i < VEXFS_UNDO_SUPERS; i++)
		if (sum(&b, sizeof(b)) == le32_to_cpu(u->u_super[i]))
			return NULL;
	return "is of another filesystem, or this one was changed since the repair";
}

int vexfs_undo_apply(struct vexfs_dev *dev, int file, size_t *written, const char **why)
{
	struct vexfs_undo_block b;
	struct vexfs_undo u;
	__u64 i, n;
	int err = 0;

	*why = file_wrong(file, &u);
	if (!*why)
		*why = device_wrong(dev, &u, &err);
	if (err)
		*why = NULL;
	if (err || *why)
		return err ? err : -EINVAL;
	n = le64_to_cpu(u.u_blocks);
	for (i = n; i-- && !err;) { /* block 0, which says that it is repaired, comes last */
		err = get(file, place(i), &b, sizeof(b));
		if (!err && !b.b_block)
			err = vexfs_dev_sync(dev);
		if (!err)
			err = vexfs_dev_write(dev, le64_to_cpu(b.b_block), b.b_data);
	}
	*written = n;
	return err ? err : vexfs_dev_sync(dev);
}
