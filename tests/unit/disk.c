// SPDX-License-Identifier: GPL-2.0
/* See disk.h.  One thread writes at a time. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "box.h"
#include "disk.h"

#define SECTOR 512u

/* --- sets of blocks --- */

static void set_make(struct disk_set *s, __u64 blocks)
{
	s->block = calloc(blocks, sizeof(*s->block));
	s->has = calloc(blocks, sizeof(*s->has));
	assert_true(s->block && s->has);
}

static void set_add(struct disk_set *s, __u64 block)
{
	if (s->has[block])
		return;
	s->has[block] = true;
	s->block[s->n++] = block;
}

static void set_free(struct disk_set *s)
{
	free(s->block);
	free(s->has);
}

/* --- the disk --- */

static void *at(__u8 *map, __u64 block)
{
	return map + (block << VEXFS_BLOCK_SHIFT);
}

static void put(__u8 *map, __u64 block, const void *data)
{
	memcpy(at(map, block), data, VEXFS_BLOCK_SIZE);
}

static __u8 *map_of(int fd, __u64 bytes)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static int file_of(__u64 bytes)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	return fd;
}

void disk_make(struct disk *d, __u64 blocks)
{
	__u64 bytes = blocks << VEXFS_BLOCK_SHIFT, i;
	static const __u8 zeros[VEXFS_BLOCK_SIZE];
	struct vexfs_super super = {};
	struct box box;

	memset(d, 0, sizeof(*d));
	d->blocks = blocks;
	d->live = file_of(bytes);
	d->state = file_of(bytes);
	d->live_map = map_of(d->live, bytes);
	d->state_map = map_of(d->state, bytes);
	d->durable = map_of(-1, bytes);
	d->base = map_of(-1, bytes);
	set_make(&d->cut, blocks);
	set_make(&d->since, blocks);
	set_make(&d->copied, blocks);
	box_make(&box, blocks);
	for (i = 0; i < blocks; i++) {
		__u8 b[VEXFS_BLOCK_SIZE];

		assert_int_equal(vexfs_dev_read(&box.dev, i, b), 0);
		if (!i)
			memcpy(&super, b, sizeof(super));
		if (!memcmp(b, zeros, sizeof(b)))
			continue;
		put(d->live_map, i, b);
		put(d->state_map, i, b);
		put(d->durable, i, b);
		put(d->base, i, b);
	}
	box_close(&box);
	d->log_start = le64_to_cpu(super.s_journal_start);
	d->log_end = d->log_start + le32_to_cpu(super.s_journal_blocks);
}

static void forget_pending(struct disk *d)
{
	while (d->n)
		free(d->pending[--d->n].data);
}

void disk_free(struct disk *d)
{
	__u64 bytes = d->blocks << VEXFS_BLOCK_SHIFT;

	forget_pending(d);
	free(d->pending);
	set_free(&d->cut);
	set_free(&d->since);
	set_free(&d->copied);
	munmap(d->live_map, bytes);
	munmap(d->state_map, bytes);
	munmap(d->durable, bytes);
	munmap(d->base, bytes);
	close(d->live);
	close(d->state);
}

void disk_settle(struct disk *d)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		put(d->durable, d->pending[i].block, d->pending[i].data);
		set_add(&d->cut, d->pending[i].block);
	}
	forget_pending(d);
	disk_uncut(d);
}

void disk_mark(struct disk *d)
{
	disk_settle(d);
	for (; d->since.n; d->since.n--) {
		__u64 block = d->since.block[d->since.n - 1];

		put(d->base, block, at(d->durable, block));
		d->since.has[block] = false;
	}
}

void disk_back(struct disk *d)
{
	forget_pending(d);
	for (; d->since.n; d->since.n--) {
		__u64 block = d->since.block[d->since.n - 1];

		put(d->live_map, block, at(d->base, block));
		put(d->durable, block, at(d->base, block));
		put(d->state_map, block, at(d->base, block));
		d->since.has[block] = false;
	}
}

static void copy_block(struct disk *to, const struct disk *from, __u64 block)
{
	const void *data = at(from->state_map, block);

	put(to->live_map, block, data);
	put(to->state_map, block, data);
	put(to->durable, block, data);
	set_add(&to->copied, block);
}

void disk_copy(struct disk *to, const struct disk *from)
{
	__u64 i, all = to->copied.n ? 0 : from->blocks; /* the first time */

	forget_pending(to);
	for (i = 0; i < all; i++)
		if (memcmp(at(to->durable, i), at(from->durable, i), VEXFS_BLOCK_SIZE))
			copy_block(to, from, i);
	/* what has come from there may have changed, and so may what was written here */
	for (i = 0; i < to->copied.n; i++)
		copy_block(to, from, to->copied.block[i]);
	for (i = 0; i < to->since.n; i++)
		copy_block(to, from, to->since.block[i]);
	for (i = 0; i < from->since.n; i++)
		copy_block(to, from, from->since.block[i]);
	for (i = 0; i < from->cut.n; i++)
		copy_block(to, from, from->cut.block[i]);
}

static bool is_log(const struct disk *d, __u64 block)
{
	return block >= d->log_start && block < d->log_end;
}

/* The log is about to be flushed: what else is pending is data, and half of it is lost. */
static void lose_data(struct disk *d)
{
	bool log = false;
	size_t i, kept = 0;

	for (i = 0; i < d->n; i++)
		log |= is_log(d, d->pending[i].block);
	for (i = 0; i < d->n; i++) {
		if (log && !is_log(d, d->pending[i].block) && chance(2))
			free(d->pending[i].data);
		else
			d->pending[kept++] = d->pending[i];
	}
	d->n = kept;
}

void disk_record(struct vexfs_dev *dev, __u64 block, const void *data)
{
	struct disk *d = dev->record_arg;

	if (!data) {
		if (d->lie == DISK_NO_DATA)
			lose_data(d);
		if (d->flush)
			d->flush(d);
		if (d->lie != DISK_NO_FLUSH || !chance(6))
			disk_settle(d);
		return;
	}
	if (d->n == d->room) {
		d->room = d->room ? d->room * 2 : 64;
		d->pending = realloc(d->pending, d->room * sizeof(*d->pending));
		assert_non_null(d->pending);
	}
	d->pending[d->n].block = block;
	d->pending[d->n].data = malloc(VEXFS_BLOCK_SIZE);
	assert_non_null(d->pending[d->n].data);
	memcpy(d->pending[d->n++].data, data, VEXFS_BLOCK_SIZE);
	set_add(&d->since, block);
}

/* --- what a power cut leaves --- */

void disk_record_state(struct vexfs_dev *dev, __u64 block, const void *data)
{
	struct disk *d = dev->record_arg;

	if (data)
		set_add(&d->cut, block);
}

void disk_cut(struct disk *d, const bool *kept, __u32 sectors)
{
	size_t i, last = d->n;

	for (i = 0; i < d->n; i++)
		if (kept[i])
			last = i;
	for (i = 0; i < d->n; i++)
		if (kept[i]) {
			memcpy(at(d->state_map, d->pending[i].block), d->pending[i].data,
			       i == last && sectors ? sectors * SECTOR : VEXFS_BLOCK_SIZE);
			set_add(&d->cut, d->pending[i].block);
		}
}

void disk_uncut(struct disk *d)
{
	for (; d->cut.n; d->cut.n--) {
		__u64 block = d->cut.block[d->cut.n - 1];

		put(d->state_map, block, at(d->durable, block));
		d->cut.has[block] = false;
	}
}

static void one(struct disk *d, const bool *kept, __u32 sectors, void (*fn)(struct disk *d))
{
	disk_cut(d, kept, sectors);
	fn(d);
	disk_uncut(d);
}

/* After the first k writes, and when the last of them is torn. */
static void prefix(struct disk *d, bool *kept, size_t k, bool whole, void (*fn)(struct disk *d))
{
	size_t i;

	for (i = 0; i < d->n; i++)
		kept[i] = i < k;
	if (whole)
		one(d, kept, 0, fn);
	if (k)
		one(d, kept, 1 + chance(VEXFS_BLOCK_SIZE / SECTOR - 1), fn);
}

size_t disk_cuts(struct disk *d, size_t some, void (*fn)(struct disk *d))
{
	bool *kept = calloc(d->n + 1, sizeof(*kept));
	size_t i, k, all = d->n <= DISK_ALL ? 1u << d->n : 0, share;

	assert_non_null(kept);
	for (k = 0; k < all; k++) {
		for (i = 0; i < d->n; i++)
			kept[i] = k >> i & 1;
		one(d, kept, 0, fn);
	}
	for (k = 0; k <= d->n; k++)
		prefix(d, kept, k, !all, fn);
	for (k = 0; !all && k < d->n; k++) { /* all but one */
		for (i = 0; i < d->n; i++)
			kept[i] = i != k;
		one(d, kept, 0, fn);
	}
	for (k = 0; !all && k < some; k++) {
		share = chance(101);
		for (i = 0; i < d->n; i++)
			kept[i] = chance(100) < share;
		one(d, kept, 0, fn);
	}
	k = d->n + (all ?: 2 * d->n + 1 + some);
	free(kept);
	return k;
}
