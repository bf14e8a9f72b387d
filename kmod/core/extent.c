// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the mapping of an inode: extents are inserted, allocated, converted and truncated.
 *
 * Locks as in extent_tree.c.
 */
#include "extent_tree.h"

/* Can b, which comes behind a, be one extent with it?  Neighbours on the device are in one group:
 * others have its metadata between them. */
static bool x_joins(const struct vexfs_extent *a, const struct vexfs_extent *b)
{
	return x_end(a) == x_lblk(b) && x_pblk(a) + x_len(a) == x_pblk(b) &&
	       x_unwritten(a) == x_unwritten(b) && x_len(a) + x_len(b) <= VEXFS_EXTENT_MAX_LEN;
}

/* Add x behind the n entries of list, joining it to the last one where that is possible. */
static unsigned int change_add(struct vexfs_extent *list, unsigned int n,
			       const struct vexfs_extent *x)
{
	if (!x_len(x))
		return n;
	if (n && x_joins(list + n - 1, x)) {
		x_set(list + n - 1, x_lblk(list + n - 1), x_len(list + n - 1) + x_len(x),
		      x_pblk(list + n - 1), x_unwritten(x));
		return n;
	}
	list[n] = *x;
	return n + 1;
}

/* Entries [first, first + old) of a leaf are to become list, of n entries. */
struct change {
	unsigned int first, old, n;
	struct vexfs_extent list[5];
};

/* Take the neighbours of position at into the change, so that what is new can join them. */
static void change_start(struct change *ch, const struct level *l, unsigned int at)
{
	ch->first = at ? at - 1 : 0;
	ch->old = 0;
	ch->n = 0;
	if (at) {
		ch->list[ch->n++] = l->x[at - 1];
		ch->old++;
	}
}

static void change_end(struct change *ch, const struct level *l)
{
	if (ch->first + ch->old < l->n) {
		ch->n = change_add(ch->list, ch->n, l->x + ch->first + ch->old);
		ch->old++;
	}
}

static int change_apply(vx_txn *t, struct vexfs_inode_core *c, struct level *l,
			const struct change *ch)
{
	unsigned int tail = ch->first + ch->old;

	memmove(l->x + ch->first + ch->n, l->x + tail, (l->n - tail) * sizeof(*l->x));
	memcpy(l->x + ch->first, ch->list, ch->n * sizeof(*l->x));
	l->n = l->n - ch->old + ch->n;
	c->seq++;
	return vexfs_level_dirty(t, c, l);
}

static void insert_build(struct change *ch, const struct level *l, const struct vexfs_extent *x)
{
	change_start(ch, l, l->at);
	ch->n = change_add(ch->list, ch->n, x);
	change_end(ch, l);
}

int vexfs_extent_insert(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 len, __u64 pblk,
			bool unwritten)
{
	struct vexfs_extent x;
	struct change ch;
	struct vexfs_path p;
	int err;

	if (!vexfs_data_run(c->fs, pblk, len) || (__u64)lblk + len > U32_MAX)
		return -EINVAL;
	err = vexfs_path_find(c, lblk, &p);
	if (err)
		return err;
	err = -EEXIST;
	if (leaf_covers(path_leaf(&p), lblk) || leaf_hole(path_leaf(&p), lblk) < len)
		goto out;
	x_set(&x, lblk, len, pblk, unwritten);
	insert_build(&ch, path_leaf(&p), &x);
	if (ch.n > ch.old) {
		err = vexfs_path_room(t, c, &p, 1, true, lblk, pblk);
		if (!err)
			insert_build(&ch, path_leaf(&p), &x);
	} else {
		err = vexfs_level_access(t, path_leaf(&p));
	}
	if (err)
		goto out;
	c->blocks += len;
	err = change_apply(t, c, path_leaf(&p), &ch);
out:
	vexfs_path_release(&p);
	return err;
}

__u32 vexfs_extent_chunk(const struct vexfs_inode_core *c, __u32 want)
{
	__u64 room = c->tight ? 0 : vexfs_alloc_room(c->fs, 0), most = room / 8;

	if (!c->tight && room < want + c->blocks / 8)
		return 0;
	most = min_t(__u64, most, max_t(__u64, VEXFS_PLANE_CHUNK, c->blocks / 4));
	return max_t(__u64, want, min_t(__u64, most, VEXFS_EXTENT_MAX_LEN));
}

int vexfs_extent_alloc(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 want,
		       bool unwritten, struct vexfs_map *map)
{
	const struct level *l;
	struct vexfs_path p;
	__u64 goal, pblk;
	__u32 len;
	int err, e;

	if (lblk == U32_MAX)
		return -EFBIG;
	err = vexfs_path_find(c, lblk, &p);
	if (err)
		return err;
	l = path_leaf(&p);
	if (l->at)
		goal = x_pblk(l->x + l->at - 1) + x_len(l->x + l->at - 1);
	else
		goal = vexfs_group_data(c->fs, (__u32)(c->ino - 1) / c->fs->inodes_per_group);
	err = leaf_covers(l, lblk) ? -EEXIST : 0;
	want = err ? 0 : min(want, leaf_hole(l, lblk));
	vexfs_path_release(&p);
	if (err)
		return err;
	err = vexfs_alloc_blocks(t, c->fs, goal, want, c->tight ? VEXFS_ALLOC_TIGHT : 0, &pblk,
				 &len);
	if (err)
		return err;
	err = vexfs_extent_insert(t, c, lblk, len, pblk, unwritten);
	if (!err) {
		*map = (struct vexfs_map){ .lblk = lblk, .len = len, .pblk = pblk,
					   .unwritten = unwritten, .seq = c->seq };
		return 0;
	}
	e = vexfs_free_blocks(t, c->fs, pblk, len, false);
	if (e)
		vexfs_damage(c->fs, "blocks %llu+%u are lost: error %d", (unsigned long long)pblk,
			     len, e);
	return err;
}

/* Blocks [a, b) of the unwritten extent before leaf->at become written. */
static void convert_build(struct change *ch, const struct level *l, __u32 a, __u32 b)
{
	const struct vexfs_extent *x = l->x + l->at - 1;
	struct vexfs_extent piece;
	__u32 start = x_lblk(x);

	change_start(ch, l, l->at - 1);
	ch->old++;
	x_set(&piece, start, a - start, x_pblk(x), true);
	ch->n = change_add(ch->list, ch->n, &piece);
	x_set(&piece, a, b - a, x_pblk(x) + (a - start), false);
	ch->n = change_add(ch->list, ch->n, &piece);
	x_set(&piece, b, x_end(x) - b, x_pblk(x) + (b - start), true);
	ch->n = change_add(ch->list, ch->n, &piece);
	change_end(ch, l);
}

int vexfs_extent_convert(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 len, __u32 *done)
{
	const struct vexfs_extent *x;
	struct change ch;
	struct vexfs_path p;
	__u32 end;
	int err;

	if (!len || (__u64)lblk + len > U32_MAX)
		return -EINVAL;
	err = vexfs_path_find(c, lblk, &p);
	if (err)
		return err;
	x = leaf_covers(path_leaf(&p), lblk);
	if (!x || !x_unwritten(x)) {
		*done = min(len, x ? (__u32)(x_end(x) - lblk) : leaf_hole(path_leaf(&p), lblk));
		goto out;
	}
	end = min_t(__u64, lblk + len, x_end(x));
	convert_build(&ch, path_leaf(&p), lblk, end);
	if (ch.n > ch.old) {
		err = vexfs_path_room(t, c, &p, ch.n - ch.old, false, lblk, x_pblk(x));
		/* in its half the extent may have lost a neighbour; there is room then */
		if (!err)
			convert_build(&ch, path_leaf(&p), lblk, end);
	} else {
		err = vexfs_level_access(t, path_leaf(&p));
	}
	if (err)
		goto out;
	*done = end - lblk;
	err = change_apply(t, c, path_leaf(&p), &ch);
out:
	vexfs_path_release(&p);
	return err;
}

/*
 * What a step of truncate may change: a node, the superblock, and a group block for the data and
 * for each node freed.
 */
#define STEP_CREDITS	(1 + 1 + VEXFS_FREE_RUNS)
/* for the inode and the orphan list, afterwards */
#define CALLER_CREDITS	(2 + VEXFS_ORPHAN_CREDITS)

/*
 * Unmap the blocks of the last extent from lblk cut on, in the leaf of p; nodes that become empty
 * go too.
 */
static int truncate_step(vx_txn *t, struct vexfs_inode_core *c, struct vexfs_path *p, __u32 cut)
{
	struct vexfs_run run[VEXFS_FREE_RUNS];
	struct level *l = path_leaf(p);
	struct vexfs_extent *x = l->x + l->n - 1;
	__u32 keep = cut - x_lblk(x), total = x_len(x) - keep;
	unsigned int n = 1, k = p->depth;
	int err;

	run[0] = (struct vexfs_run){ x_pblk(x) + keep, total, c->flags & VEXFS_INODE_METADATA };
	for (; !keep && k && p->level[k].n == 1; k--, total++)
		run[n++] = (struct vexfs_run){ x_pblk(p->level[k - 1].x + p->level[k - 1].at), 1,
					       true };
	l = &p->level[k];
	err = vexfs_level_access(t, l);
	if (!err)
		err = vexfs_free_runs(t, c->fs, run, n);
	if (err)
		return err;
	if (keep)
		x_set(x, x_lblk(x), keep, x_pblk(x), x_unwritten(x));
	else
		l->n--;
	if (c->blocks < total)
		vexfs_damage(c->fs, "inode %llu: count of blocks is wrong",
			     (unsigned long long)c->ino);
	c->blocks -= min_t(__u64, total, c->blocks);
	c->seq++;
	err = vexfs_level_dirty(t, c, l);
	if (!c->entries)
		c->depth = 0;
	return err;
}

int vexfs_extent_truncate(vx_txn *t, struct vexfs_inode_core *c, __u32 from)
{
	/* the first step is always made, so that there is progress */
	bool first = true;

	while (c->entries) {
		const struct vexfs_extent *x;
		struct vexfs_path p;
		__u32 n = 0;
		int worst, err;

		err = vexfs_path_find(c, U32_MAX, &p);
		if (err)
			return err;
		x = path_leaf(&p)->x + path_leaf(&p)->n - 1;
		if (x_end(x) > from)
			n = x_end(x) - max(from, x_lblk(x));
		worst = p.depth;
		if (c->flags & VEXFS_INODE_METADATA) {
			n = min_t(__u32, n, VEXFS_FORGET_MAX - VEXFS_EXTENT_DEPTH);
			worst += n;
		}
		if (n && !first && (worst > vx_txn_revokes(t) ||
				    (vx_txn_credits(t) < STEP_CREDITS + CALLER_CREDITS &&
				     vx_txn_extend(t, STEP_CREDITS))))
			err = -EAGAIN;
		else if (n)
			err = truncate_step(t, c, &p, x_end(x) - n);
		vexfs_path_release(&p);
		if (err || !n)
			return err;
		first = false;
		cond_resched();
	}
	return 0;
}
