// SPDX-License-Identifier: GPL-2.0
/*
 * The extent tree of an inode: a B+tree whose root is in the inode, see format.h.
 *
 * Lock: vexfs_inode_core.lock is the caller's.  alloc_lock is taken inside, by the allocator.
 *
 * A key in an index entry is a bound, not a copy: the subtree holds what lies between it and the
 * next key.  The first key of a node equals the bound that its parent gives it, 0 in the root.  So
 * a descent never falls off the left edge, and no key has to be changed when an extent is.  A node
 * is verified whenever it is read (its checksum and order once): against its own identity, and
 * against the bounds, which no block can meet twice, so that a hostile tree is neither endless nor
 * entangled.
 *
 * Nothing is rolled back when a transaction fails, so every change first takes what can fail
 * (blocks for new nodes, buffers, write access), then changes nodes.
 */
#include "extent_tree.h"

static void x_map(const struct vexfs_extent *x, __u32 seq, struct vexfs_map *m)
{
	*m = (struct vexfs_map){ .lblk = x_lblk(x), .len = x_len(x), .pblk = x_pblk(x),
				 .unwritten = x_unwritten(x), .seq = seq };
}

/* --- verification --- */

const char *vexfs_extent_check(const struct vexfs_fs *fs, const void *entries, unsigned int n,
			       unsigned int depth, __u32 lo, __u64 hi)
{
	const struct vexfs_extent *x = entries;
	__u64 next = lo;			/* no entry may start before it */
	unsigned int i;

	if (depth && n && x_lblk(x) != lo)
		return "first key is not the bound";
	for (i = 0; i < n; i++, x++) {
		if (x_lblk(x) < next)
			return "extents overlap or are out of order";
		if (depth) {
			if (x->e_len)
				return "index entry with a length";
			if (!vexfs_data_run(fs, x_pblk(x), 1))
				return "node outside the data area";
			next = (__u64)x_lblk(x) + 1;
		} else {
			if (!vexfs_data_run(fs, x_pblk(x), x_len(x)))
				return "extent outside the data area of one group";
			next = x_end(x);
		}
		if (next > hi)
			return "extents out of bounds";
	}
	return NULL;
}

static __u32 node_crc(const struct vexfs_inode_core *c, const struct vexfs_extent_block *eb,
		      __u64 block)
{
	return vexfs_csum(c->fs, eb, sizeof(*eb), offsetof(struct vexfs_extent_block, eb_crc),
			  c->ino, c->generation, block);
}

/* A verified node is in order, but the bounds come from the node above. */
static const char *node_wrong(const struct vexfs_inode_core *c, vx_buf *buf, __u64 block,
			      unsigned int depth, __u32 lo, __u64 hi)
{
	const struct vexfs_extent_block *eb = vx_data(buf);
	const struct vexfs_extent *x = (const struct vexfs_extent *)eb->eb_bytes;
	unsigned int n = le16_to_cpu(eb->eb_entries);
	const char *why;

	if (le32_to_cpu(eb->eb_magic) != VEXFS_EXTENT_MAGIC)
		return "no extent node";
	if (!vx_verified(buf) && le32_to_cpu(eb->eb_crc) != node_crc(c, eb, block))
		return "checksum is wrong";
	if (le64_to_cpu(eb->eb_ino) != c->ino || le32_to_cpu(eb->eb_generation) != c->generation ||
	    le64_to_cpu(eb->eb_block) != block)
		return "node belongs elsewhere";
	if (le16_to_cpu(eb->eb_depth) != depth)
		return "wrong depth";
	if (!n || n > VEXFS_EXTENTS_PER_BLOCK)
		return "wrong number of entries";
	if (!vx_verified(buf)) {
		why = vexfs_extent_check(c->fs, x, n, depth, lo, hi);
		if (!why)
			vx_set_verified(buf);
		return why;
	}
	why = vexfs_extent_check(c->fs, x, 1, depth, lo, hi);
	return why ? why : vexfs_extent_check(c->fs, x + n - 1, 1, depth, x_lblk(x + n - 1), hi);
}

/* --- descent --- */

void vexfs_path_release(struct vexfs_path *p)
{
	unsigned int i;

	for (i = 1; i <= p->depth; i++)
		vx_brelse(p->level[i].buf);
}

static void level_root(struct vexfs_inode_core *c, struct level *l)
{
	*l = (struct level){
		.x = c->extent, .n = c->entries, .cap = VEXFS_INLINE_EXTENTS, .hi = U32_MAX
	};
}

/* The first entry with a key beyond lblk. */
static unsigned int level_find(const struct level *l, __u32 lblk)
{
	unsigned int a = 0, b = l->n;

	while (a < b) {
		unsigned int m = (a + b) / 2;

		if (x_lblk(l->x + m) <= lblk)
			a = m + 1;
		else
			b = m;
	}
	return a;
}

/* Read and verify level[k + 1], the child that level[k].at points to. */
static int path_child(struct vexfs_inode_core *c, struct vexfs_path *p, unsigned int k)
{
	struct level *l = &p->level[k], *child = l + 1;
	__u64 block = x_pblk(l->x + l->at), hi;
	struct vexfs_extent_block *eb;
	const char *why;
	vx_buf *buf;

	buf = vx_bread(c->fs, block);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	eb = vx_data(buf);
	hi = l->at + 1 < l->n ? x_lblk(l->x + l->at + 1) : l->hi;
	why = node_wrong(c, buf, block, c->depth - k - 1, x_lblk(l->x + l->at), hi);
	if (why) {
		vexfs_damage(c->fs, "inode %llu, extent node %llu: %s", (unsigned long long)c->ino,
			     (unsigned long long)block, why);
		vx_brelse(buf);
		return -EUCLEAN;
	}
	*child = (struct level){ .buf = buf, .x = (struct vexfs_extent *)eb->eb_bytes,
				 .n = le16_to_cpu(eb->eb_entries), .cap = VEXFS_EXTENTS_PER_BLOCK,
				 .lo = x_lblk(l->x + l->at), .hi = hi };
	return 0;
}

int vexfs_path_find(struct vexfs_inode_core *c, __u32 lblk, struct vexfs_path *p)
{
	unsigned int k;
	int err;

	p->depth = 0;
	level_root(c, &p->level[0]);
	for (k = 0; ; k++) {
		struct level *l = &p->level[k];

		l->at = level_find(l, lblk);
		if (k == c->depth)
			return 0;
		l->at--;		/* the first key is the lower bound */
		err = path_child(c, p, k);
		if (err) {
			vexfs_path_release(p);
			return err;
		}
		p->depth = k + 1;
	}
}

static void leaf_lookup(const struct vexfs_inode_core *c, const struct level *l, __u32 lblk,
			struct vexfs_map *map)
{
	const struct vexfs_extent *x = leaf_covers(l, lblk);

	if (!x) {
		*map = (struct vexfs_map){ .lblk = lblk, .len = leaf_hole(l, lblk), .seq = c->seq };
		return;
	}
	x_map(x, c->seq, map);
	map->pblk += lblk - map->lblk;
	map->len -= lblk - map->lblk;
	map->lblk = lblk;
}

int vexfs_extent_lookup(struct vexfs_inode_core *c, __u32 lblk, struct vexfs_map *map)
{
	struct vexfs_path p;
	int err;

	if (lblk == U32_MAX)			/* a file has at most 2^32 - 1 blocks */
		return -EFBIG;
	err = vexfs_path_find(c, lblk, &p);
	if (err)
		return err;
	leaf_lookup(c, path_leaf(&p), lblk, map);
	vexfs_path_release(&p);
	return 0;
}

int vexfs_extent_around(struct vexfs_inode_core *c, __u32 lblk, struct vexfs_map *map)
{
	const struct vexfs_extent *x;
	struct vexfs_path p;
	int err;

	if (lblk == U32_MAX)
		return -EFBIG;
	err = vexfs_path_find(c, lblk, &p);
	if (err)
		return err;
	*map = (struct vexfs_map){ .lblk = lblk, .seq = c->seq };
	x = leaf_covers(path_leaf(&p), lblk);
	if (x)
		x_map(x, c->seq, map);
	vexfs_path_release(&p);
	return 0;
}

/* --- changing nodes; write access has been taken --- */

int vexfs_level_dirty(vx_txn *t, struct vexfs_inode_core *c, struct level *l)
{
	struct vexfs_extent_block *eb;

	if (!l->buf) {
		c->entries = l->n;
		return 0;
	}
	eb = vx_data(l->buf);
	eb->eb_entries = cpu_to_le16(l->n);
	memset(l->x + l->n, 0, (l->cap - l->n) * sizeof(*l->x));
	eb->eb_crc = cpu_to_le32(node_crc(c, eb, le64_to_cpu(eb->eb_block)));
	return vx_txn_dirty(t, c->fs, l->buf);
}

int vexfs_level_access(vx_txn *t, struct level *l)
{
	return l->buf ? vx_txn_write(t, l->buf) : 0;
}

/* Put one entry at position at. */
static void level_insert(struct level *l, unsigned int at, const struct vexfs_extent *x)
{
	memmove(l->x + at + 1, l->x + at, (l->n - at) * sizeof(*l->x));
	l->x[at] = *x;
	l->n++;
}

/* A new node, of this depth, in buf. */
static void level_new(struct vexfs_inode_core *c, struct level *l, vx_buf *buf, __u64 block,
		      unsigned int depth)
{
	struct vexfs_extent_block *eb = vx_data(buf);

	eb->eb_magic = cpu_to_le32(VEXFS_EXTENT_MAGIC);
	eb->eb_depth = cpu_to_le16(depth);
	eb->eb_generation = cpu_to_le32(c->generation);
	eb->eb_ino = cpu_to_le64(c->ino);
	eb->eb_block = cpu_to_le64(block);
	*l = (struct level){ .buf = buf, .x = (struct vexfs_extent *)eb->eb_bytes,
			     .cap = VEXFS_EXTENTS_PER_BLOCK };
}

struct node {
	__u64 block;
	vx_buf *buf;
	bool created;
};

static void nodes_undo(vx_txn *t, struct vexfs_inode_core *c, struct node *node, unsigned int n)
{
	while (n--) {
		vx_brelse(node[n].buf);
		vexfs_free_blocks(t, c->fs, node[n].block, 1, node[n].created);
	}
}

/*
 * Blocks and buffers for n new nodes near goal, which must not fail for want of space while there
 * is a reserve.
 */
static int nodes_get(vx_txn *t, struct vexfs_inode_core *c, __u64 goal, struct node *node,
		     unsigned int n)
{
	unsigned int i;
	__u32 len;
	int err;

	for (i = 0; i < n; i++) {
		node[i] = (struct node){ };
		err = vexfs_alloc_blocks(t, c->fs, goal, 1, VEXFS_ALLOC_RESERVE, &node[i].block,
					 &len);
		if (err)
			goto undo;
		node[i].buf = vx_getblk(c->fs, node[i].block);
		if (IS_ERR(node[i].buf)) {
			err = PTR_ERR(node[i].buf);
			node[i].buf = NULL;
			i++;
			goto undo;
		}
	}
	for (i = 0; i < n; i++) {
		err = vx_txn_create(t, node[i].buf);
		if (err) {
			i = n;
			goto undo;
		}
		node[i].created = true;
	}
	return 0;
undo:
	nodes_undo(t, c, node, i);
	return err;
}

/*
 * Push the root's entries down into a new node, one level deeper.  The path goes through it.
 */
static int root_push(vx_txn *t, struct vexfs_inode_core *c, struct vexfs_path *p, struct node *node)
{
	struct level *root = &p->level[0], *l = &p->level[1];
	unsigned int at = root->at;

	memmove(&p->level[2], &p->level[1], p->depth * sizeof(p->level[0]));
	level_new(c, l, node->buf, node->block, c->depth);
	memcpy(l->x, root->x, root->n * sizeof(*l->x));
	l->n = root->n;
	l->hi = root->hi;
	l->at = at;
	memset(root->x, 0, root->cap * sizeof(*root->x));
	x_set(root->x, 0, 0, node->block, false);
	root->n = 1;
	root->at = 0;
	p->depth++;
	c->depth++;
	c->entries = 1;
	return vexfs_level_dirty(t, c, l);
}

/*
 * Split level k in halves; its parent has room.  The path goes on through the half that position
 * `at` is in.  Where something is to be added behind the last entry, nothing moves and the new node
 * is for it alone: files grow at their end, and their nodes shall be full.
 */
static int level_split(vx_txn *t, struct vexfs_inode_core *c, struct vexfs_path *p, unsigned int k,
		       struct node *node, bool append, __u32 lblk)
{
	struct level *l = &p->level[k], *up = l - 1, right;
	unsigned int left = append ? l->n : l->n / 2;
	struct vexfs_extent key;
	int err, e;

	level_new(c, &right, node->buf, node->block, c->depth - k);
	right.n = l->n - left;
	memcpy(right.x, l->x + left, right.n * sizeof(*right.x));
	right.lo = append ? lblk : x_lblk(right.x);
	right.hi = l->hi;
	l->hi = right.lo;
	l->n = left;
	x_set(&key, right.lo, 0, node->block, false);
	level_insert(up, up->at + 1, &key);
	err = vexfs_level_dirty(t, c, up);
	e = vexfs_level_dirty(t, c, l);
	err = err ? err : e;
	e = vexfs_level_dirty(t, c, &right);
	err = err ? err : e;
	/*
	 * An inner node's `at` is an entry, a leaf's is a gap: on the edge the entry is in the
	 * right half, and the gap in the left one.  Appending to an inner node leaves `at` at -1:
	 * what is going to be added comes first.
	 */
	if (append || l->at > left || (k < p->depth && l->at == left)) {
		right.at = l->at - left;
		vx_brelse(l->buf);
		*l = right;
		up->at++;
	} else {
		vx_brelse(right.buf);
	}
	return err;
}

/* Does the path, from level k on, lead along the right edge, and to behind the last extent? */
static bool path_at_end(const struct vexfs_path *p, unsigned int k)
{
	for (; k < p->depth; k++)
		if (p->level[k].at + 1 != p->level[k].n)
			return false;
	return p->level[k].at == p->level[k].n;
}

/* Splits go from the top down, each into a parent that has room by then. */
int vexfs_path_room(vx_txn *t, struct vexfs_inode_core *c, struct vexfs_path *p,
			   unsigned int need, bool append, __u32 lblk, __u64 goal)
{
	struct node node[VEXFS_EXTENT_DEPTH + 1];
	unsigned int top = p->depth, splits = 0, n, k;
	bool push = false;
	int err, e;

	err = vexfs_level_access(t, path_leaf(p));
	if (err || path_leaf(p)->n + need <= path_leaf(p)->cap)
		return err;
	/*
	 * all full levels above the leaf are split too, below the root; a full root is pushed down
	 * instead
	 */
	if (!p->depth) {
		push = true;
	} else {
		while (top > 1 && p->level[top - 1].n == p->level[top - 1].cap)
			top--;
		push = top == 1 && p->level[0].n == p->level[0].cap;
		splits = p->depth - top + 1;
	}
	if (push && c->depth == VEXFS_EXTENT_DEPTH)
		return -EFBIG;
	for (k = top ? top - 1 : 0; k < p->depth; k++) {
		err = vexfs_level_access(t, &p->level[k]);
		if (err)
			return err;
	}
	n = splits + push;
	err = nodes_get(t, c, goal, node, n);
	if (err)
		return err;

	c->blocks += n;
	c->seq++;
	if (push)
		err = root_push(t, c, p, &node[--n]);
	for (k = p->depth - splits + 1; k <= p->depth; k++) {
		e = level_split(t, c, p, k, &node[--n], append && path_at_end(p, k), lblk);
		err = err ? err : e;
	}
	return err;
}

int vexfs_extent_walk_nodes(struct vexfs_inode_core *c, int (*node)(void *arg, __u64 block),
			    int (*fn)(void *arg, const struct vexfs_map *m), void *arg)
{
	struct vexfs_map map;
	struct vexfs_path p;
	unsigned int k = 0;
	int err = 0;

	level_root(c, &p.level[0]);
	while (!err) {
		struct level *l = &p.level[k];

		if (l->at == l->n) {
			if (!k)
				break;
			vx_brelse(l->buf);
			p.level[--k].at++;
			continue;
		}
		if (vx_killed()) {
			err = -EINTR;
		} else if (k < c->depth) {
			if (node)
				err = node(arg, x_pblk(l->x + l->at));
			if (!err)
				err = path_child(c, &p, k);
			if (!err)
				k++;
			cond_resched();
		} else {
			x_map(l->x + l->at++, c->seq, &map);
			err = fn(arg, &map);
		}
	}
	p.depth = k;
	vexfs_path_release(&p);
	return err;
}

int vexfs_extent_walk(struct vexfs_inode_core *c, int (*fn)(void *arg, const struct vexfs_map *m),
		      void *arg)
{
	return vexfs_extent_walk_nodes(c, NULL, fn, arg);
}
