// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation of blocks and inodes: one block per group holds both bitmaps.
 *
 * Lock: alloc_lock around everything that looks at a group block or at the counters.
 *
 * A freed block is reused only after the commit that freed it, or a crash could find its old owner
 * with another file's bytes.  As in ext3, a block may be allocated only if it is free in the bitmap
 * and in the copy that jbd2 keeps of the last committed bitmap, and freeing sets the bit in that
 * copy: the block may have been allocated by a transaction that is being committed right now, which
 * the copy does not know yet.
 *
 * Every function takes all its write accesses, the only steps that can fail, before it changes
 * anything.
 */
#include "core.h"

/* groups with free space to look at for a run of full length */
#define LOOK_GROUPS	16
#define GOAL_RUN	16u		/* a run at the goal is good enough from this length on */
#define DIR_LOOK_GROUPS	16

static __u64 group_start(__u32 g)
{
	return (__u64)g << VEXFS_GROUP_SHIFT;
}

/* Groups 0, 1 and 3 start with the superblock or a copy of it. */
__u64 vexfs_group_block(const struct vexfs_fs *fs, __u32 g)
{
	(void)fs;
	return group_start(g) + (g == 0 || g == 1 || g == 3);
}

__u64 vexfs_group_itable(const struct vexfs_fs *fs, __u32 g)
{
	return vexfs_group_block(fs, g) + 1;
}

__u64 vexfs_group_data(const struct vexfs_fs *fs, __u32 g)
{
	return vexfs_group_itable(fs, g) + fs->inodes_per_group / VEXFS_INODES_PER_BLOCK +
	       (g ? 0 : fs->journal_blocks);
}

__u32 vexfs_group_len(const struct vexfs_fs *fs, __u32 g)
{
	return min_t(__u64, fs->blocks - group_start(g), VEXFS_GROUP_BLOCKS);
}

bool vexfs_data_run(const struct vexfs_fs *fs, __u64 pblk, __u64 len)
{
	__u32 g;

	if (pblk >= fs->blocks || !len || len > VEXFS_EXTENT_MAX_LEN)
		return false;
	g = pblk >> VEXFS_GROUP_SHIFT;
	return g < READ_ONCE(fs->groups_init) && pblk >= vexfs_group_data(fs, g) &&
	       pblk + len <= group_start(g) + vexfs_group_len(fs, g);
}

static __u32 group_crc(const struct vexfs_fs *fs, __u32 g, const struct vexfs_group *b)
{
	return vexfs_csum(fs, b, sizeof(*b), offsetof(struct vexfs_group, g_crc),
			  vexfs_group_block(fs, g), 0, 0);
}

static void set_bits(void *bits, unsigned int from, unsigned int to)
{
	while (from < to && from % 8)
		__set_bit_le(from++, bits);
	if (to - from >= 8) {
		memset((char *)bits + from / 8, 0xff, (to - from) / 8);
		from += (to - from) & ~7u;
	}
	while (from < to)
		__set_bit_le(from++, bits);
}

void vexfs_group_init(const struct vexfs_fs *fs, __u32 g, struct vexfs_group *out)
{
	unsigned int data = vexfs_group_data(fs, g) - group_start(g), len = vexfs_group_len(fs, g);
	unsigned int inodes = g ? 0 : VEXFS_FIRST_INO - VEXFS_ROOT_INO;

	memset(out, 0, sizeof(*out));
	out->g_magic = cpu_to_le32(VEXFS_GROUP_MAGIC);
	out->g_number = cpu_to_le32(g);
	out->g_free_blocks = cpu_to_le32(len - data);
	out->g_free_inodes = cpu_to_le32(fs->inodes_per_group - inodes);
	out->g_dirs = cpu_to_le32(g == 0);		/* the root */
	out->g_itable_init = cpu_to_le32(DIV_ROUND_UP(inodes, VEXFS_INODES_PER_BLOCK));
	set_bits(out->g_inodes, 0, inodes);
	set_bits(out->g_inodes, fs->inodes_per_group, VEXFS_MAX_INODES_PER_GROUP);
	set_bits(out->g_blocks, 0, data);
	set_bits(out->g_blocks, len, VEXFS_GROUP_BLOCKS);
	out->g_crc = cpu_to_le32(group_crc(fs, g, out));
}

/* --- bitmaps of a multiple of 64 bits --- */

/*
 * The first bit from `from` on that is in use (or free) in a and also, for free bits, in b; size:
 * none.  b may be NULL.
 */
static unsigned int find_bit(const void *a, const void *b, unsigned int size, unsigned int from,
			     bool used)
{
	const __le64 *x = a, *y = b ? b : a;
	unsigned int w;

	for (w = from / 64; w < size / 64; w++) {
		__u64 v = le64_to_cpu(x[w] | y[w]);

		if (!used)
			v = ~v;
		if (w == from / 64)
			v &= ~0ULL << from % 64;
		if (v)
			return w * 64 + __ffs64(v);
	}
	return size;
}

static unsigned int count_zero(const void *bits, unsigned int size)
{
	const __le64 *x = bits;
	unsigned int w, n = 0;

	for (w = 0; w < size / 64; w++)
		n += 64 - hweight64(le64_to_cpu(x[w]));
	return n;
}

/* All of [from, to) set? */
static bool all_set(const void *bits, unsigned int size, unsigned int from, unsigned int to)
{
	return from >= to || find_bit(bits, NULL, size, from, false) >= to;
}

const char *vexfs_group_wrong(const struct vexfs_fs *fs, __u32 g, const struct vexfs_group *b)
{
	unsigned int data = vexfs_group_data(fs, g) - group_start(g), len = vexfs_group_len(fs, g);
	unsigned int init = le32_to_cpu(b->g_itable_init), ipg = fs->inodes_per_group;
	unsigned int free = le32_to_cpu(b->g_free_inodes);

	if (le32_to_cpu(b->g_magic) != VEXFS_GROUP_MAGIC)
		return "no group block";
	if (le32_to_cpu(b->g_crc) != group_crc(fs, g, b))
		return "checksum is wrong";
	if (le32_to_cpu(b->g_number) != g)
		return "belongs to another group";
	if (b->g_flags)
		return "unknown flags";
	if (!all_set(b->g_blocks, VEXFS_GROUP_BLOCKS, 0, data))
		return "metadata is marked free";
	if (!all_set(b->g_blocks, VEXFS_GROUP_BLOCKS, len, VEXFS_GROUP_BLOCKS))
		return "blocks past the end are marked free";
	if (le32_to_cpu(b->g_free_blocks) != count_zero(b->g_blocks, VEXFS_GROUP_BLOCKS))
		return "count of free blocks is wrong";
	if (!all_set(b->g_inodes, VEXFS_MAX_INODES_PER_GROUP, ipg, VEXFS_MAX_INODES_PER_GROUP))
		return "inodes past the end are marked free";
	if (!g &&
	    !all_set(b->g_inodes, VEXFS_MAX_INODES_PER_GROUP, 0, VEXFS_FIRST_INO - VEXFS_ROOT_INO))
		return "reserved inodes are marked free";
	if (free != count_zero(b->g_inodes, VEXFS_MAX_INODES_PER_GROUP))
		return "count of free inodes is wrong";
	if (le32_to_cpu(b->g_dirs) > ipg - free)
		return "more directories than inodes";
	if (init > ipg / VEXFS_INODES_PER_BLOCK)
		return "inode table is too long";
	/* alloc_ino depends on it: no inode in use beyond the part of the table that was written */
	if (find_bit(b->g_inodes, NULL, VEXFS_MAX_INODES_PER_GROUP, init * VEXFS_INODES_PER_BLOCK,
		     true) < ipg)
		return "an inode in use was never written";
	return NULL;
}

int vexfs_group_check(const struct vexfs_fs *fs, __u32 g, const struct vexfs_group *b)
{
	const char *why = vexfs_group_wrong(fs, g, b);

	if (!why)
		return 0;
	vexfs_damage((struct vexfs_fs *)fs, "group %u: %s", g, why);
	return -EUCLEAN;
}

/* --- groups; alloc_lock is held --- */

/*
 * A group that cannot be read or does not verify is full, for those who look for space: there are
 * others.
 */
static bool group_lost(int err)
{
	return err == -EUCLEAN || err == -EIO;
}

static vx_buf *group_read(struct vexfs_fs *fs, __u32 g)
{
	vx_buf *buf = vx_bread(fs, vexfs_group_block(fs, g));
	const struct vexfs_group *b;
	int err;

	if (IS_ERR(buf)) {
		if (PTR_ERR(buf) == -EIO)
			fs->group_free[g] = VEXFS_GROUP_UNREAD;
		return buf;
	}
	b = vx_data(buf);
	err = vx_verified(buf) ? 0 : vexfs_group_check(fs, g, b);
	/* nothing is taken from a damaged group */
	fs->group_free[g] = err ? 0 : le32_to_cpu(b->g_free_blocks);
	if (!err) {
		vx_set_verified(buf);
		return buf;
	}
	vx_brelse(buf);
	return ERR_PTR(err);
}

static int group_dirty(vx_txn *t, struct vexfs_fs *fs, __u32 g, vx_buf *buf)
{
	struct vexfs_group *b = vx_data(buf);

	fs->group_free[g] = le32_to_cpu(b->g_free_blocks);
	b->g_crc = cpu_to_le32(group_crc(fs, g, b));
	return vx_txn_dirty(t, fs, buf);
}

/* Initialise the next group.  The caller has write access to block 0. */
static int group_add(vx_txn *t, struct vexfs_fs *fs)
{
	__u32 g = fs->groups_init;
	vx_buf *buf;
	int err;

	if (!vx_room(fs, vexfs_group_block(fs, g), 1))
		return -ENOSPC;
	buf = vx_getblk(fs, vexfs_group_block(fs, g));
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = vx_txn_create(t, buf);
	if (!err) {
		vexfs_group_init(fs, g, vx_data(buf));
		err = group_dirty(t, fs, g, buf);
	}
	if (!err) {
		WRITE_ONCE(fs->groups_init, g + 1);
		err = vexfs_super_dirty(t, fs);
	}
	vx_brelse(buf);
	return err;
}

/* --- blocks --- */

struct choice {
	__u32 group, bit, len;
};

/* The first free run of want blocks in [from, end), or the longest one. */
static void find_run(const void *cur, const void *com, unsigned int from, unsigned int end,
		     unsigned int want, struct choice *best)
{
	unsigned int to;

	while (best->len < want) {
		from = find_bit(cur, com, VEXFS_GROUP_BLOCKS, from, false);
		if (from >= end)
			return;
		to = find_bit(cur, com, VEXFS_GROUP_BLOCKS, from, true);
		if (to - from > best->len) {
			best->bit = from;
			best->len = min(to - from, want);
		}
		from = to;
	}
}

/*
 * The best run of group g: at the goal when that is free, else of full length after it, before it,
 * the longest.
 */
static int group_choose(struct vexfs_fs *fs, __u32 g, unsigned int goal, unsigned int want,
			struct choice *out)
{
	struct choice c = { .group = g };
	const struct vexfs_group *b;
	const void *com;
	vx_buf *buf;

	buf = group_read(fs, g);
	if (IS_ERR(buf))
		return group_lost(PTR_ERR(buf)) ? 0 : PTR_ERR(buf);
	b = vx_data(buf);
	com = vx_committed_data(buf);
	if (com)
		com = ((const struct vexfs_group *)com)->g_blocks;
	if (goal && find_bit(b->g_blocks, com, VEXFS_GROUP_BLOCKS, goal, false) == goal) {
		c.bit = goal;
		c.len = min(find_bit(b->g_blocks, com, VEXFS_GROUP_BLOCKS, goal, true) - goal,
			    want);
		if (c.len < min(want, GOAL_RUN))
			c.len = 0;
	}
	if (!c.len) {
		find_run(b->g_blocks, com, goal, VEXFS_GROUP_BLOCKS, want, &c);
		find_run(b->g_blocks, com, 0, goal, want, &c);
	}
	vx_committed_done(buf);
	vx_brelse(buf);
	if (c.len > out->len)
		*out = c;
	return 0;
}

/*
 * The best run of all groups.  Those that could not be read are asked again when there is none
 * elsewhere: *unread, and they still cannot.
 */
static int choose(struct vexfs_fs *fs, __u64 goal, unsigned int want, struct choice *out,
		  bool *unread)
{
	unsigned int i, seen = 0;
	__u32 g = 0, bit = 0;
	int err;

	if (goal < fs->blocks && goal >> VEXFS_GROUP_SHIFT < fs->groups_init) {
		g = goal >> VEXFS_GROUP_SHIFT;
		bit = goal & (VEXFS_GROUP_BLOCKS - 1);
	}
	out->len = 0;
	for (i = 0; i < fs->groups_init; i++, bit = 0) {
		if (fs->group_free[g] && fs->group_free[g] != VEXFS_GROUP_UNREAD) {
			err = group_choose(fs, g, bit, want, out);
			if (err)
				return err;
			if (out->len && (out->len == want || (!i && bit && out->bit == bit) ||
					 ++seen >= LOOK_GROUPS))
				break;
		}
		if (++g == fs->groups_init)
			g = 0;
		cond_resched();
	}
	*unread = false;
	for (g = 0; g < fs->groups_init && !out->len; g++) {
		if (fs->group_free[g] == VEXFS_GROUP_UNREAD) {
			err = group_choose(fs, g, 0, want, out);
			if (err)
				return err;
			*unread = *unread || fs->group_free[g] == VEXFS_GROUP_UNREAD;
		}
		cond_resched();
	}
	return 0;
}

static __u64 room(const struct vexfs_fs *fs, int flags)
{
	__u64 keep = flags & VEXFS_ALLOC_RESERVE ? 0 :
		     flags & VEXFS_ALLOC_TIGHT ? fs->reserved_blocks - fs->reserved_blocks / 2 :
						 fs->reserved_blocks;

	return fs->free_blocks - min(fs->free_blocks, keep);
}

__u64 vexfs_alloc_room(struct vexfs_fs *fs, int flags)
{
	__u64 n;

	vx_lock(&fs->alloc_lock);
	n = room(fs, flags);
	vx_unlock(&fs->alloc_lock);
	return n;
}

int vexfs_alloc_blocks(vx_txn *t, struct vexfs_fs *fs, __u64 goal, __u32 want, int flags,
		       __u64 *pblk, __u32 *len)
{
	struct choice c;
	struct vexfs_group *b;
	vx_buf *buf = NULL;
	bool unread;
	int err;

	if (!want)
		return -EINVAL;
	vx_lock(&fs->alloc_lock);
	err = -ENOSPC;
	if (!room(fs, flags))
		goto out;
	want = min_t(__u64, min(want, VEXFS_EXTENT_MAX_LEN), room(fs, flags));
	err = choose(fs, goal, want, &c, &unread);
	if (err)
		goto out;
	err = vx_txn_write(t, fs->sb_buf);
	if (err)
		goto out;
	if (c.len < want && fs->groups_init < fs->groups && !(c.len && goal &&
	    goal == group_start(c.group) + c.bit)) {
		err = group_add(t, fs);
		err = err ? err : group_choose(fs, fs->groups_init - 1, 0, want, &c);
		if (err && !(err == -ENOSPC && c.len))
			goto out;
	}
	err = unread ? -EIO : -ENOSPC;		/* there may be space, where nobody can look */
	if (!c.len)
		goto out;
	err = -ENOSPC;
	c.len = vx_room(fs, group_start(c.group) + c.bit, c.len);
	if (!c.len)
		goto out;
	buf = group_read(fs, c.group);
	if (IS_ERR(buf)) {
		err = PTR_ERR(buf);
		buf = NULL;
		goto out;
	}
	err = vx_txn_write_undo(t, buf);
	if (err)
		goto out;
	/*
	 * The run is still free in the committed copy: a commit that ended meanwhile can only have
	 * freed more.
	 */
	b = vx_data(buf);
	set_bits(b->g_blocks, c.bit, c.bit + c.len);
	le32_add_cpu(&b->g_free_blocks, -c.len);
	fs->free_blocks -= c.len;
	err = group_dirty(t, fs, c.group, buf);
	if (!err)
		err = vexfs_super_dirty(t, fs);
	*pblk = group_start(c.group) + c.bit;
	*len = c.len;
out:
	vx_unlock(&fs->alloc_lock);
	vx_brelse(buf);
	return err;
}

/* Is run i one that can be freed?  Its group block is in buf. */
static int free_check(struct vexfs_fs *fs, const struct vexfs_run *runs, unsigned int i,
		      vx_buf *buf)
{
	const struct vexfs_group *b = vx_data(buf);
	unsigned int bit = runs[i].pblk & (VEXFS_GROUP_BLOCKS - 1), k;

	if (!all_set(b->g_blocks, VEXFS_GROUP_BLOCKS, bit, bit + runs[i].len)) {
		vexfs_damage(fs, "blocks %llu+%u are to be freed and are free already",
			     (unsigned long long)runs[i].pblk, runs[i].len);
		return -EUCLEAN;
	}
	for (k = 0; k < i; k++)
		if (runs[k].pblk < runs[i].pblk + runs[i].len &&
		    runs[i].pblk < runs[k].pblk + runs[k].len) {
			vexfs_damage(fs, "blocks %llu+%u are to be freed twice",
				     (unsigned long long)runs[i].pblk, runs[i].len);
			return -EUCLEAN;
		}
	return 0;
}

static void free_run(struct vexfs_fs *fs, const struct vexfs_run *r, vx_buf *buf)
{
	struct vexfs_group *b = vx_data(buf), *com = (void *)vx_committed_data(buf);
	unsigned int bit = r->pblk & (VEXFS_GROUP_BLOCKS - 1), i;

	if (com)			/* see the top of this file */
		set_bits(com->g_blocks, bit, bit + r->len);
	for (i = bit; i < bit + r->len; i++)
		__clear_bit_le(i, b->g_blocks);
	vx_committed_done(buf);
	le32_add_cpu(&b->g_free_blocks, r->len);
	fs->free_blocks += r->len;
}

int vexfs_free_runs(vx_txn *t, struct vexfs_fs *fs, const struct vexfs_run *runs, unsigned int n)
{
	vx_buf *buf[VEXFS_FREE_RUNS];
	unsigned int have = 0, i;
	__u64 total = 0, forget = 0;
	__u32 k;
	int err;

	if (n > VEXFS_FREE_RUNS)
		return -EINVAL;
	vx_lock(&fs->alloc_lock);
	for (i = 0; i < n; i++) {
		err = -EUCLEAN;
		if (!vexfs_data_run(fs, runs[i].pblk, runs[i].len)) {
			vexfs_damage(fs, "blocks %llu+%u are to be freed and hold no data",
				     (unsigned long long)runs[i].pblk, runs[i].len);
			goto out;
		}
		buf[i] = group_read(fs, runs[i].pblk >> VEXFS_GROUP_SHIFT);
		if (IS_ERR(buf[i])) {
			err = PTR_ERR(buf[i]);
			goto out;
		}
		have++;
		err = free_check(fs, runs, i, buf[i]);
		if (!err)
			err = vx_txn_write_undo(t, buf[i]);
		if (err)
			goto out;
		total += runs[i].len;
		forget += runs[i].metadata ? runs[i].len : 0;
	}
	/* all of them or none: what was forgotten cannot be had back */
	err = -ENOSPC;
	if (forget && forget > (__u64)max(vx_txn_revokes(t), 0))
		goto out;
	err = -EUCLEAN;
	if (fs->free_blocks + total > vexfs_super_capacity(fs)) {
		vexfs_damage(fs, "count of free blocks is wrong");
		goto out;
	}
	err = vx_txn_write(t, fs->sb_buf);
	for (i = 0; !err && i < n; i++)
		for (k = 0; !err && runs[i].metadata && k < runs[i].len; k++)
			err = vx_txn_forget(t, fs, runs[i].pblk + k);
	if (err)
		goto out;
	for (i = 0; i < n; i++) {
		int e;

		free_run(fs, &runs[i], buf[i]);
		e = group_dirty(t, fs, runs[i].pblk >> VEXFS_GROUP_SHIFT, buf[i]);
		err = err ? err : e;
	}
	if (!err)
		err = vexfs_super_dirty(t, fs);
out:
	vx_unlock(&fs->alloc_lock);
	while (have)
		vx_brelse(buf[--have]);
	return err;
}

int vexfs_free_blocks(vx_txn *t, struct vexfs_fs *fs, __u64 pblk, __u32 len, bool metadata)
{
	struct vexfs_run run = { .pblk = pblk, .len = len, .metadata = metadata };

	return vexfs_free_runs(t, fs, &run, 1);
}

/* --- inodes --- */

static __u32 ino_group(const struct vexfs_fs *fs, __u64 ino)
{
	return (__u32)(ino - 1) / fs->inodes_per_group;
}

/*
 * Where a new directory's files will have room: the next initialised group, going round, that is at
 * least half empty; else its parent's.
 */
static int dir_group(struct vexfs_fs *fs, __u32 parent, __u32 *out)
{
	unsigned int i;
	__u32 g = fs->dir_hint;

	*out = parent;
	for (i = 0; i < min_t(__u32, fs->groups_init, DIR_LOOK_GROUPS); i++) {
		if (++g >= fs->groups_init)
			g = 0;
		if (fs->group_free[g] == VEXFS_GROUP_UNKNOWN) {
			vx_buf *buf = group_read(fs, g);

			if (IS_ERR(buf) && !group_lost(PTR_ERR(buf)))
				return PTR_ERR(buf);
			vx_brelse(IS_ERR(buf) ? NULL : buf);
		}
		if (fs->group_free[g] < VEXFS_GROUP_UNREAD &&
		    fs->group_free[g] >= vexfs_group_len(fs, g) / 2) {
			*out = g;
			break;
		}
	}
	fs->dir_hint = g;
	return 0;
}

/*
 * The block of a group with a free inode, from g on, and its number in *out; NULL: there is none.
 */
static vx_buf *ino_search(struct vexfs_fs *fs, __u32 g, __u32 *out)
{
	unsigned int i;

	for (i = 0; i <= fs->groups_init; i++) {	/* the first one may come twice */
		vx_buf *buf = group_read(fs, g);

		if (!IS_ERR(buf)) {
			const struct vexfs_group *b = vx_data(buf);

			*out = g;
			if (b->g_free_inodes)
				return buf;
			vx_brelse(buf);
		} else if (!group_lost(PTR_ERR(buf))) {
			return buf;
		}
		/* after the wanted group, where there was one the last time */
		if (!i)
			g = min(fs->ino_hint, fs->groups_init - 1);
		else if (++g == fs->groups_init)
			g = 0;
		cond_resched();
	}
	return NULL;
}

/* Take the lowest free inode of group g, whose block is buf; both it and block 0 may be changed. */
static int ino_take(vx_txn *t, struct vexfs_fs *fs, __u32 g, vx_buf *buf, bool dir, __u64 *ino)
{
	struct vexfs_group *b = vx_data(buf);
	unsigned int bit = find_bit(b->g_inodes, NULL, VEXFS_MAX_INODES_PER_GROUP, 0, false);
	unsigned int at = bit / VEXFS_INODES_PER_BLOCK;
	int err;

	if (at >= le32_to_cpu(b->g_itable_init)) {	/* it is equal, see vexfs_group_wrong() */
		__u64 block = vexfs_group_itable(fs, g) + at;
		vx_buf *table;

		if (!vx_room(fs, block, 1))
			return -ENOSPC;
		table = vx_getblk(fs, block);
		if (IS_ERR(table))
			return PTR_ERR(table);
		err = vx_txn_create(t, table);
		if (!err)
			err = vx_txn_dirty(t, fs, table);
		vx_brelse(table);
		if (err)
			return err;
		b->g_itable_init = cpu_to_le32(at + 1);
	}
	__set_bit_le(bit, b->g_inodes);
	le32_add_cpu(&b->g_free_inodes, -1);
	if (dir)
		le32_add_cpu(&b->g_dirs, 1);
	*ino = 1 + (__u64)g * fs->inodes_per_group + bit;
	return group_dirty(t, fs, g, buf);
}

int vexfs_alloc_ino(vx_txn *t, struct vexfs_fs *fs, __u64 parent, bool dir, __u64 *ino,
		    __u32 *generation)
{
	struct vexfs_super *s = vx_data(fs->sb_buf);
	__u32 g = 0, gen;
	vx_buf *buf = NULL;
	int err = 0;

	vx_lock(&fs->alloc_lock);
	if (vexfs_ino_valid(fs, parent) && ino_group(fs, parent) < fs->groups_init)
		g = ino_group(fs, parent);
	if (dir)
		err = dir_group(fs, g, &g);
	if (err)
		goto out;
	err = vx_txn_write(t, fs->sb_buf);
	if (err)
		goto out;
	buf = ino_search(fs, g, &g);
	if (!buf && fs->groups_init < fs->groups) {
		err = group_add(t, fs);
		if (err)
			goto out;
		g = fs->groups_init - 1;
		buf = group_read(fs, g);
	}
	if (IS_ERR(buf)) {
		err = PTR_ERR(buf);
		buf = NULL;
		goto out;
	}
	err = -ENOSPC;
	if (!buf)
		goto out;
	err = -EUCLEAN;
	if (!fs->free_inodes) {
		vexfs_damage(fs, "count of free inodes is wrong");
		goto out;
	}
	err = vx_txn_write_undo(t, buf);
	if (!err)
		err = ino_take(t, fs, g, buf, dir, ino);
	if (err)
		goto out;
	fs->ino_hint = g;
	fs->free_inodes--;
	gen = le32_to_cpu(s->s_next_generation);
	gen = gen ? gen : 1;
	*generation = gen;
	s->s_next_generation = cpu_to_le32(gen + 1);
	err = vexfs_super_dirty(t, fs);
out:
	vx_unlock(&fs->alloc_lock);
	vx_brelse(buf);
	return err;
}

/* The block of ino's group, and write access to it and to block 0; alloc_lock is held. */
static vx_buf *ino_access(vx_txn *t, struct vexfs_fs *fs, __u64 ino, bool dir)
{
	const struct vexfs_group *b;
	vx_buf *buf;
	int err;

	if (!vexfs_ino_valid(fs, ino) || ino == VEXFS_ROOT_INO ||
	    ino_group(fs, ino) >= fs->groups_init)
		return ERR_PTR(-EINVAL);
	buf = group_read(fs, ino_group(fs, ino));
	if (IS_ERR(buf))
		return buf;
	b = vx_data(buf);
	err = -EUCLEAN;
	if (test_bit_le((__u32)(ino - 1) % fs->inodes_per_group, b->g_inodes) &&
	    (!dir || b->g_dirs))
		err = vx_txn_write(t, fs->sb_buf);
	else
		vexfs_damage(fs, "inode %llu is to be freed and is free already",
			     (unsigned long long)ino);
	if (!err)
		err = vx_txn_write_undo(t, buf);
	if (!err)
		return buf;
	vx_brelse(buf);
	return ERR_PTR(err);
}

int vexfs_free_ino_prepare(vx_txn *t, struct vexfs_fs *fs, __u64 ino, bool dir)
{
	vx_buf *buf;

	vx_lock(&fs->alloc_lock);
	buf = ino_access(t, fs, ino, dir);
	vx_unlock(&fs->alloc_lock);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	vx_brelse(buf);			/* the transaction keeps it in memory */
	return 0;
}

int vexfs_free_ino(vx_txn *t, struct vexfs_fs *fs, __u64 ino, bool dir)
{
	struct vexfs_group *b;
	vx_buf *buf;
	int err;

	vx_lock(&fs->alloc_lock);
	buf = ino_access(t, fs, ino, dir);
	err = PTR_ERR(buf);
	if (IS_ERR(buf))
		goto unlock;
	b = vx_data(buf);
	__clear_bit_le((__u32)(ino - 1) % fs->inodes_per_group, b->g_inodes);
	le32_add_cpu(&b->g_free_inodes, 1);
	if (dir)
		le32_add_cpu(&b->g_dirs, -1);
	fs->free_inodes++;
	err = group_dirty(t, fs, ino_group(fs, ino), buf);
	if (!err)
		err = vexfs_super_dirty(t, fs);
	vx_brelse(buf);
unlock:
	vx_unlock(&fs->alloc_lock);
	return err;
}

int vexfs_ino_in_use(struct vexfs_fs *fs, __u64 ino)
{
	const struct vexfs_group *b;
	vx_buf *buf;
	__u32 g;
	int err;

	if (!vexfs_ino_valid(fs, ino))
		return -ESTALE;
	g = ino_group(fs, ino);
	vx_lock(&fs->alloc_lock);
	err = -ESTALE;
	if (g >= fs->groups_init)
		goto out;
	buf = group_read(fs, g);
	err = PTR_ERR(buf);
	if (IS_ERR(buf))
		goto out;
	b = vx_data(buf);
	err = test_bit_le((__u32)(ino - 1) % fs->inodes_per_group, b->g_inodes) ? 0 : -ESTALE;
	vx_brelse(buf);
out:
	vx_unlock(&fs->alloc_lock);
	return err;
}
