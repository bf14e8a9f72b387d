// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of what says which slots are dead: the bitmap, the log of deaths, and the bitmaps of
 * snapshots.
 *
 * A slot that is dead in a snapshot is dead: what a lost block of the bitmap had is taken from
 * there.  Who was deleted since then is there again, if no later record has its id or key; that is
 * said.
 */
#include "repair-priv.h"

static __u32 count_bits(const void *bits, size_t bytes)
{
	const __u8 *b = bits;
	__u32 n = 0;

	for (; bytes; bytes--, b++)
		n += __builtin_popcount(*b);
	return n;
}

/* Slots from block lblk on that are below count. */
static __u32 slots_in(__u64 count, __u32 lblk)
{
	__u64 first = (__u64)lblk * VEXFS_DEAD_SLOTS;

	return count > first ? min_t(__u64, count - first, VEXFS_DEAD_SLOTS) : 0;
}

static void clear_behind(void *bits, __u32 n)
{
	for (; n % 8; n++)
		__clear_bit_le(n, bits);
	memset((__u8 *)bits + n / 8, 0, (VEXFS_DEAD_SLOTS - n) / 8);
}

/* Bits of the slots before count, or'ed into `bits`; *lost: blocks that do not verify. */
static int read_bits(struct rep_collection *c, struct vexfs_inode_core *core, __u64 count,
		     __u8 *bits, __u32 *lost, void (*gone)(struct rep_collection *c, __u32 lblk))
{
	struct vexfs_dead_block x;
	__u32 lblk, n, i;
	int err;

	*lost = 0;
	for (lblk = 0; (n = slots_in(count, lblk)); lblk++) {
		err = rep_get_block(c->r, core, lblk, VEXFS_DEAD_MAGIC, &x);
		if (err < 0)
			return err;
		if (!err) {
			++*lost;
			if (gone)
				gone(c, lblk);
			continue;
		}
		clear_behind(x.x_bits, n);
		for (i = 0; i < DIV_ROUND_UP(n, 8); i++)
			bits[lblk * (VEXFS_DEAD_SLOTS / 8) + i] |= x.x_bits[i];
	}
	return 0;
}

/* Blocks that are not as they should be. */
static int write_bits(struct rep_collection *c, struct vexfs_inode_core *core, __u64 count,
		      const __u8 *bits)
{
	struct vexfs_dead_block x, is;
	__u32 lblk, n;
	int err;

	for (lblk = 0; (n = slots_in(count, lblk)); lblk++) {
		err = rep_get_block(c->r, core, lblk, VEXFS_DEAD_MAGIC, &is);
		if (err < 0)
			return err;
		memset(&x, 0, sizeof(x));
		x.x_magic = cpu_to_le32(VEXFS_DEAD_MAGIC);
		memcpy(x.x_bits, bits + lblk * (VEXFS_DEAD_SLOTS / 8), DIV_ROUND_UP(n, 8));
		clear_behind(x.x_bits, n);
		x.x_dead = cpu_to_le32(count_bits(x.x_bits, sizeof(x.x_bits)));
		if (err && is.x_dead == x.x_dead && !memcmp(is.x_bits, x.x_bits, sizeof(x.x_bits)))
			continue;
		err = rep_put_block(c->r, core, lblk, &x);
		if (err)
			return err;
	}
	/* those that were made for slots to come */
	for (; lblk < core->disk_size >> VEXFS_BLOCK_SHIFT; lblk++) {
		err = rep_get_block(c->r, core, lblk, VEXFS_DEAD_MAGIC, &is);
		if (err < 0)
			return err;
		if (err && !is.x_dead && !memchr_inv(is.x_bits, 0, sizeof(is.x_bits)))
			continue;
		core->disk_size = (__u64)lblk << VEXFS_BLOCK_SHIFT;
		return rep_cut(c->r, core, lblk);
	}
	return rep_store(c->r, core, NULL, NULL);
}

/* --- snapshots --- */

static bool is_bitmap(struct rep_collection *c, __u64 ino)
{
	const struct rep_inode *f = rep_used(c->r, ino);

	return f && S_ISREG(f->mode) && !f->plane && f->nlink &&
	       (f->flags & (VEXFS_INODE_HIDDEN | VEXFS_INODE_METADATA)) ==
		       (VEXFS_INODE_HIDDEN | VEXFS_INODE_METADATA) &&
	       f->parent == c->dir.ino && f->parent_generation == c->dir.generation;
}

/* Bits of one, in memory of the caller; *whole: it is all there. */
static int read_snapshot(struct rep_collection *c, const struct vexfs_snapshot *n,
			 struct vexfs_inode_core *core, __u8 **bits, bool *whole)
{
	__u64 count = le64_to_cpu(n->n_count);
	__u32 lost = 1;
	int err;

	*bits = calloc(1, count / 8 + VEXFS_BLOCK_SIZE);
	if (!*bits)
		return -ENOMEM;
	err = rep_load(c->r, le64_to_cpu(n->n_dead_ino), core);
	if (!err)
		err = read_bits(c, core, count, *bits, &lost, NULL);
	*whole = !lost;
	return err;
}

static int each_snapshot(struct rep_collection *c,
			 int (*fn)(struct rep_collection *c, const struct vexfs_snapshot *n,
				   struct vexfs_inode_core *core, __u8 *bits))
{
	struct vexfs_snapshot *n = c->raw.c_snapshot;
	struct vexfs_inode_core core;
	unsigned int i = 0;
	__u8 *bits;
	int err = 0;

	while (i < VEXFS_MAX_SNAPSHOTS && n[i].n_name[0] && !err) {
		__u64 ino = le64_to_cpu(n[i].n_dead_ino);
		bool whole = false;

		bits = NULL;
		if (is_bitmap(c, ino))
			err = read_snapshot(c, &n[i], &core, &bits, &whole);
		if (!err && whole) {
			err = fn(c, &n[i++], &core, bits);
		} else if (!err) {
			did(c->r,
			    "collection %llu: the snapshot %.31s has lost its bitmap, and was dropped",
			    ull(c->dir.ino), n[i].n_name);
			memmove(n + i, n + i + 1, (VEXFS_MAX_SNAPSHOTS - i - 1) * sizeof(*n));
			memset(n + VEXFS_MAX_SNAPSHOTS - 1, 0, sizeof(*n));
		}
		free(bits);
	}
	return err;
}

/* Who was dead then is dead. */
static int dead_then(struct rep_collection *c, const struct vexfs_snapshot *n,
		     struct vexfs_inode_core *core, __u8 *bits)
{
	__u64 i, bytes = DIV_ROUND_UP(le64_to_cpu(n->n_count), 8);

	(void)core;
	for (i = 0; i < bytes; i++)
		c->dead[i] |= bits[i];
	return 0;
}

/* A record that is nothing is in no snapshot. */
static int dead_now(struct rep_collection *c, const struct vexfs_snapshot *n,
		    struct vexfs_inode_core *core, __u8 *bits)
{
	__u64 count = le64_to_cpu(n->n_count), i;

	rep_find(c->r, core->ino)->plane = true;
	for (i = 0; i < DIV_ROUND_UP(count, 8); i++)
		bits[i] |= c->bad[i];
	return write_bits(c, core, count, bits);
}

/* --- the log of deaths --- */

static __u32 part_crc(const struct rep_collection *c, __u64 at, const struct vexfs_deaths *d,
		      __u32 bytes)
{
	__le64 off = cpu_to_le64(at);
	__u32 crc = crc32c(crc32c(~0u, c->raw.c_uuid, sizeof(c->raw.c_uuid)), &off, sizeof(off));

	return crc32c(crc, (const __u8 *)d + sizeof(d->d_crc), bytes - sizeof(d->d_crc));
}

/* A part of it: *bytes; 0: it is none. */
static int read_part(struct rep_collection *c, struct vexfs_inode_core *core, __u64 pos, __u64 end,
		     __u32 *bytes)
{
	struct vexfs_deaths head, *d;
	__u32 slots, i, all;
	int err;

	*bytes = 0;
	if (end - pos < sizeof(head))
		return 0;
	err = rep_read(c->r, core, pos, &head, sizeof(head));
	slots = le32_to_cpu(head.d_slots);
	if (err || !slots || slots > (end - pos - sizeof(head)) / sizeof(__le32))
		return err;
	all = sizeof(head) + slots * sizeof(__le32);
	d = malloc(all);
	if (!d)
		return -ENOMEM;
	err = rep_read(c->r, core, pos, d, all);
	if (!err && le32_to_cpu(d->d_crc) == part_crc(c, pos, d, all)) {
		*bytes = all;
		for (i = 0; i < slots; i++)
			if (le32_to_cpu(d->d_slot[i]) < le64_to_cpu(c->raw.c_count))
				__set_bit_le(le32_to_cpu(d->d_slot[i]), c->logged);
			else
				*bytes = 0;
	}
	free(d);
	return err;
}

/* 1: it verifies. */
static int read_log(struct rep_collection *c, struct vexfs_inode_core *core)
{
	__u64 pos = le64_to_cpu(c->raw.c_deaths_begin), end = le64_to_cpu(c->raw.c_deaths_end);
	__u32 bytes = 1;
	int err = 0;

	if (pos > end || end > core->disk_size ||
	    core->blocks < DIV_ROUND_UP(end, VEXFS_BLOCK_SIZE))
		return 0;
	for (; pos < end && bytes && !err; pos += bytes)
		err = read_part(c, core, pos, end, &bytes);
	return err ? err : bytes != 0;
}

static int fix_log(struct rep_collection *c)
{
	struct vexfs_collection *raw = &c->raw;
	struct rep_inode *f = rep_used(c->r, le64_to_cpu(raw->c_deaths));
	struct vexfs_inode_core core;
	__u64 i;
	int err = 0;

	if (f && !f->plane && f->nlink && S_ISREG(f->mode) && f->flags & VEXFS_INODE_HIDDEN &&
	    !(f->flags & VEXFS_INODE_METADATA) && f->parent == c->dir.ino &&
	    f->parent_generation == c->dir.generation) {
		err = rep_load(c->r, le64_to_cpu(raw->c_deaths), &core);
		if (!err)
			err = read_log(c, &core);
		if (err > 0)
			f->plane = true;
	}
	if (err < 0)
		return err;
	if (err || (!raw->c_deaths && !raw->c_deaths_begin && !raw->c_deaths_end))
		return 0;
	did(c->r,
	    "collection %llu: its log of deletions is damaged from somewhere on; what comes before it is kept",
	    ull(c->dir.ino));
	for (i = 0; i < DIV_ROUND_UP(le64_to_cpu(raw->c_count), 8); i++)
		c->dead[i] |= c->logged[i];
	raw->c_deaths = raw->c_deaths_begin = raw->c_deaths_end = 0;
	return 0;
}

/* --- both ends --- */

static void lost_block(struct rep_collection *c, __u32 lblk)
{
	did(c->r,
	    "collection %llu: block %u of its deletions is lost: of %u records those that were deleted may be there again",
	    ull(c->dir.ino), lblk, slots_in(le64_to_cpu(c->raw.c_count), lblk));
}

int rep_dead_read(struct rep_collection *c)
{
	__u32 lost;
	int err = read_bits(c, &c->plane[REP_DEAD], le64_to_cpu(c->raw.c_count), c->dead, &lost,
			    lost_block);

	if (!err)
		err = fix_log(c);
	return err ? err : each_snapshot(c, dead_then);
}

int rep_dead_write(struct rep_collection *c)
{
	__u64 count = le64_to_cpu(c->raw.c_count), slot, live = count;
	int err = write_bits(c, &c->plane[REP_DEAD], count, c->dead);

	for (slot = 0; slot < count; slot++)
		live -= test_bit_le(slot, c->dead) || test_bit_le(slot, c->logged);
	if (live != le64_to_cpu(c->raw.c_live))
		did(c->r, "collection %llu: has %llu records, counted %llu", ull(c->dir.ino),
		    ull(live), ull(le64_to_cpu(c->raw.c_live)));
	c->raw.c_live = cpu_to_le64(live);
	return err ? err : each_snapshot(c, dead_now);
}
