// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of maps: what verifies of a tree of extents, and who owns which block.
 *
 * Blocks go to those first whose claim is proven by a checksum: nodes, collection blocks, blocks of
 * directories and of other journaled inodes.  Of the rest the first inode has a block, and another
 * one that claims it gets a copy, which is made when blocks can be allocated.
 */
#include "repair-priv.h"

/* --- walking what may be damaged --- */

struct walk {
	struct repair *r;
	const struct vexfs_inode_core *c;
	struct rep_walk *w;
	__u32 room, node_room;
	__u64 next; /* no extent may begin before it */
};

static int add_extent(struct walk *k, const struct rep_extent *x)
{
	struct rep_extent *p;

	if (k->w->n == k->room) {
		k->room = k->room * 2 + 16;
		p = realloc(k->w->x, k->room * sizeof(*p));
		if (!p)
			return -ENOMEM;
		k->w->x = p;
	}
	k->w->x[k->w->n++] = *x;
	return 0;
}

static int add_node(struct walk *k, __u64 block)
{
	__u64 *p;

	if (k->w->nodes == k->node_room) {
		k->node_room = k->node_room * 2 + 16;
		p = realloc(k->w->node, k->node_room * sizeof(*p));
		if (!p)
			return -ENOMEM;
		k->w->node = p;
	}
	k->w->node[k->w->nodes++] = block;
	return 0;
}

static int see_leaf(struct walk *k, const struct vexfs_extent *e, unsigned int n, __u64 hi)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++, e++) {
		struct rep_extent x = {
			.lblk = le32_to_cpu(e->e_lblk),
			.len = le32_to_cpu(e->e_len) & VEXFS_EXTENT_LEN_MASK,
			.pblk = le64_to_cpu(e->e_pblk),
			.unwritten = le32_to_cpu(e->e_len) & VEXFS_EXTENT_UNWRITTEN,
		};

		if (x.lblk < k->next || (__u64)x.lblk + x.len > hi ||
		    !vexfs_data_run(&k->r->fs, x.pblk, x.len)) {
			k->w->lost = true;
			continue;
		}
		k->next = (__u64)x.lblk + x.len;
		err = add_extent(k, &x);
	}
	return err;
}

/* The block of a node, good or made so in `copy`. */
static bool node_good(struct walk *k, vx_buf *buf, __u64 block, unsigned int depth,
		      struct vexfs_extent_block *copy)
{
	const struct vexfs_inode_core *c = k->c;
	unsigned int off = offsetof(struct vexfs_extent_block, eb_crc), n;

	memcpy(copy, vx_data(buf), sizeof(*copy));
	if (le32_to_cpu(copy->eb_crc) !=
	    vexfs_csum(&k->r->fs, copy, sizeof(*copy), off, c->ino, c->generation, block)) {
		if (!rep_nearly(copy->eb_magic, VEXFS_EXTENT_MAGIC) ||
		    !rep_one_bit(k->r, copy, sizeof(*copy), off, c->ino, &c->generation, block))
			return false;
		if (vx_txn_write(&k->r->t, buf))
			return false;
		memcpy(vx_data(buf), copy, sizeof(*copy));
		if (vx_txn_dirty(&k->r->t, &k->r->fs, buf))
			return false;
		did(k->r, "inode %llu: a wrong bit of the extent node %llu was put right",
		    ull(c->ino), ull(block));
	}
	n = le16_to_cpu(copy->eb_entries);
	return le32_to_cpu(copy->eb_magic) == VEXFS_EXTENT_MAGIC &&
	       le64_to_cpu(copy->eb_ino) == c->ino &&
	       le32_to_cpu(copy->eb_generation) == c->generation &&
	       le64_to_cpu(copy->eb_block) == block && le16_to_cpu(copy->eb_depth) == depth && n &&
	       n <= VEXFS_EXTENTS_PER_BLOCK;
}

static int see_level(struct walk *k, const void *entries, unsigned int n, unsigned int depth,
		     __u32 lo, __u64 hi)
{
	const struct vexfs_extent_index *e = entries;
	struct vexfs_extent_block *copy;
	unsigned int i;
	int err = 0;

	if (!depth)
		return see_leaf(k, entries, n, hi);
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	for (i = 0; i < n && !err; i++) {
		__u64 block = le64_to_cpu(e[i].x_block);
		__u32 from = le32_to_cpu(e[i].x_lblk);
		__u64 to = i + 1 < n ? le32_to_cpu(e[i + 1].x_lblk) : hi;
		vx_buf *buf;

		if ((i ? from <= lo : from != lo) || from >= hi || to > hi || to <= from ||
		    e[i].x_reserved || !vexfs_data_run(&k->r->fs, block, 1)) {
			k->w->lost = true;
			continue;
		}
		lo = from;
		buf = vx_bread(&k->r->fs, block);
		if (IS_ERR(buf)) {
			err = PTR_ERR(buf);
		} else if (!node_good(k, buf, block, depth - 1, copy)) {
			k->w->lost = true;
			vx_brelse(buf);
		} else {
			vx_brelse(buf);
			k->next = max_t(__u64, k->next, from);
			err = add_node(k, block);
			if (!err)
				err = see_level(k, copy->eb_bytes, le16_to_cpu(copy->eb_entries),
						depth - 1, from, to);
		}
	}
	free(copy);
	return err;
}

void rep_walk_free(struct rep_walk *w)
{
	free(w->x);
	free(w->node);
	memset(w, 0, sizeof(*w));
}

int rep_walk(struct repair *r, const struct vexfs_inode_core *c, struct rep_walk *w)
{
	struct walk k = { .r = r, .c = c, .w = w };
	int err;

	memset(w, 0, sizeof(*w));
	err = see_level(&k, c->extent, c->entries, c->depth, 0, U32_MAX);
	if (err)
		rep_walk_free(w);
	return err;
}

/* --- maps that are made anew --- */

int rep_remember(struct repair *r, __u64 ino, const struct rep_extent *x, __u32 n)
{
	struct rep_inode *f = rep_find(r, ino);
	struct rep_map *m = malloc(sizeof(*m) + n * sizeof(*x));

	if (!m)
		return -ENOMEM;
	m->n = n;
	if (n)
		memcpy(m->x, x, n * sizeof(*x));
	free(f->map);
	f->map = m;
	return 0;
}

/* --- claims --- */

static bool is_owned(const struct repair *r, __u64 block)
{
	return test_bit_le(block, r->owned);
}

static bool claim(struct repair *r, __u64 block)
{
	if (is_owned(r, block))
		return false;
	__set_bit_le(block, r->owned);
	return true;
}

/* An inode as it is, whatever is wrong with its map. */
static int read_raw(struct repair *r, __u64 ino, struct vexfs_inode_core *c,
		    struct vexfs_inode *raw)
{
	__u32 at = (ino - 1) % r->fs.inodes_per_group;
	__u64 table = vexfs_group_itable(&r->fs, (ino - 1) / r->fs.inodes_per_group);
	vx_buf *buf = vx_bread(&r->fs, table + at / VEXFS_INODES_PER_BLOCK);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	*raw = ((struct vexfs_inode *)vx_data(buf))[at % VEXFS_INODES_PER_BLOCK];
	vx_brelse(buf);
	vx_rwsem_init(&c->lock);
	vexfs_inode_load(c, &r->fs, ino, raw);
	return 0;
}

/* The same, and its map as far as that verifies. */
static int load(struct repair *r, __u64 ino, struct vexfs_inode_core *c, struct vexfs_inode *raw,
		struct rep_walk *w)
{
	int err = read_raw(r, ino, c, raw);

	memset(w, 0, sizeof(*w));
	if (err || (S_ISLNK(le16_to_cpu(raw->i_mode)) && c->disk_size < sizeof(c->link)))
		return err;
	return rep_walk(r, c, w);
}

static int is_ours(struct repair *r, const struct vexfs_inode_core *c, __u64 block, __u32 lblk,
		   bool *yes)
{
	vx_buf *buf = vx_bread(&r->fs, block);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	*yes = rep_is_block(c, vx_data(buf), lblk, 0);
	vx_brelse(buf);
	return 0;
}

static int is_collection_block(struct repair *r, const struct vexfs_inode_core *c, bool *yes)
{
	vx_buf *buf = vx_bread(&r->fs, c->collection);
	const struct vexfs_collection *raw;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	raw = vx_data(buf);
	*yes = le32_to_cpu(raw->c_magic) == VEXFS_COLLECTION_MAGIC &&
	       le64_to_cpu(raw->c_ino) == c->ino && le32_to_cpu(raw->c_generation) == c->generation;
	vx_brelse(buf);
	return 0;
}

/* The blocks of journaled data that verify as this inode's. */
static int claim_proven(struct repair *r, const struct vexfs_inode_core *c,
			const struct rep_extent *x, __u32 n)
{
	bool ours = false;
	__u32 i;
	int err = 0;

	for (; n; n--, x++)
		for (i = 0; i < x->len && !x->unwritten && !err; i++) {
			err = is_ours(r, c, x->pblk + i, x->lblk + i, &ours);
			if (!err && ours)
				claim(r, x->pblk + i);
		}
	return err;
}

static int claim_first(struct repair *r, __u64 ino, struct rep_inode *f)
{
	const struct rep_map *m = f->map;
	struct vexfs_inode_core c;
	struct vexfs_inode raw;
	struct rep_walk w;
	bool ours = false;
	__u32 i;
	int err;

	err = load(r, ino, &c, &raw, &w);
	if (err)
		return err;
	for (i = 0; i < w.nodes; i++)
		claim(r, w.node[i]);
	if (f->flags & VEXFS_INODE_COLLECTION) {
		err = is_collection_block(r, &c, &ours);
		if (!err && ours)
			claim(r, c.collection);
	}
	if (!err && (f->flags & VEXFS_INODE_METADATA))
		err = claim_proven(r, &c, m ? m->x : w.x, m ? m->n : w.n);
	rep_walk_free(&w);
	return err;
}

/* The part of an extent from block i on that is alike: taken by others, or not. */
static int alike(struct repair *r, const struct vexfs_inode_core *c, const struct rep_extent *x,
		 __u32 i, bool journaled, __u32 *len, bool *taken)
{
	bool ours, now;
	int err;

	for (*len = 0; i + *len < x->len; (*len)++) {
		__u64 block = x->pblk + i + *len;

		ours = false;
		err = journaled && !x->unwritten ? is_ours(r, c, block, x->lblk + i + *len, &ours) :
						   0;
		if (err)
			return err;
		now = !ours && is_owned(r, block);
		if (*len && now != *taken)
			break;
		*taken = now;
		if (!ours && !now)
			claim(r, block);
	}
	return 0;
}

/* Claim the rest of a map.  *to: the map with what has another owner marked; *conflict: there is. */
static int claim_extents(struct repair *r, const struct vexfs_inode_core *c,
			 const struct rep_extent *x, __u32 n, struct rep_walk *to, bool *conflict)
{
	struct walk k = { .r = r, .w = to };
	bool journaled = c->flags & VEXFS_INODE_METADATA, taken = false;
	__u32 i, len;
	int err = 0;

	for (; n && !err; n--, x++)
		for (i = 0; i < x->len && !err; i += len) {
			struct rep_extent part;

			err = alike(r, c, x, i, journaled, &len, &taken);
			if (err)
				break;
			part = (struct rep_extent){ .lblk = x->lblk + i,
						    .len = len,
						    .pblk = x->pblk + i,
						    .unwritten = x->unwritten,
						    .copy = taken };
			*conflict |= taken;
			if (taken && (journaled || x->unwritten))
				did(r,
				    "inode %llu: %u blocks at %llu are somebody else's, and were dropped",
				    ull(c->ino), len, ull(part.pblk));
			else
				err = add_extent(&k, &part);
		}
	return err;
}

static void clear_map(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_depth = raw->i_entries = 0;
	raw->i_blocks = 0;
	memset(raw->i_link, 0, sizeof(raw->i_link));
}

static void drop_parents(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_parents_block = 0;
}

static void drop_xattrs(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_xattr_block = 0;
}

static void drop_collection(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_flags &= ~cpu_to_le32(VEXFS_INODE_COLLECTION);
	raw->i_collection = 0;
}

static int claim_single(struct repair *r, __u64 ino, __u64 block, const char *what,
			void (*drop)(struct vexfs_inode *raw, void *arg))
{
	if (!block || claim(r, block))
		return 0;
	did(r, "inode %llu: its %s block %llu is somebody else's, and was dropped", ull(ino), what,
	    ull(block));
	return rep_edit(r, ino, drop, NULL);
}

static int claim_singles(struct repair *r, __u64 ino, struct rep_inode *f,
			 const struct vexfs_inode_core *c, const struct vexfs_inode *raw)
{
	bool ours = false;
	int err;

	err = claim_single(r, ino, le64_to_cpu(raw->i_parents_block), "parents", drop_parents);
	if (!err)
		err = claim_single(r, ino, le64_to_cpu(raw->i_xattr_block), "attribute",
				   drop_xattrs);
	if (err || !(f->flags & VEXFS_INODE_COLLECTION))
		return err;
	err = is_collection_block(r, c, &ours);
	if (err || ours || claim(r, c->collection))
		return err;
	did(r,
	    "inode %llu: its collection block %llu is somebody else's: it is a plain directory now",
	    ull(ino), ull(c->collection));
	f->flags &= ~VEXFS_INODE_COLLECTION;
	f->collection = 0;
	return rep_edit(r, ino, drop_collection, NULL);
}

static int claim_rest(struct repair *r, __u64 ino, struct rep_inode *f)
{
	const struct rep_map *m = f->map;
	struct rep_walk w, now = {};
	struct vexfs_inode_core c;
	struct vexfs_inode raw;
	bool conflict = false;
	__u32 i;
	int err;

	err = load(r, ino, &c, &raw, &w);
	if (err)
		return err;
	err = claim_singles(r, ino, f, &c, &raw);
	if (!err)
		err = claim_extents(r, &c, m ? m->x : w.x, m ? m->n : w.n, &now, &conflict);
	if (!err && conflict) {
		err = rep_remember(r, ino, now.x, now.n);
		for (i = 0; i < w.nodes; i++)
			__clear_bit_le(w.node[i], r->owned);
		if (!err)
			err = rep_edit(r, ino, clear_map, NULL);
	}
	rep_walk_free(&w);
	rep_walk_free(&now);
	return err;
}

int rep_claim(struct repair *r)
{
	__u32 g;
	__u64 i;
	int err;

	for (g = 0; g < r->fs.groups_init; g++) {
		__u64 start = (__u64)g << VEXFS_GROUP_SHIFT;

		for (i = start; i < vexfs_group_data(&r->fs, g); i++)
			__set_bit_le(i, r->owned);
	}
	err = rep_each(r, claim_first);
	return err ? err : rep_each(r, claim_rest);
}

/* --- making maps --- */

static int copy_blocks(struct repair *r, __u64 from, __u64 to, __u32 n)
{
	struct vexfs_unread *unread = r->dev->unread;
	int err = 0;

	for (; n && !err; n--, from++, to++) {
		vx_buf *buf = vx_getblk(&r->fs, to);

		if (IS_ERR(buf))
			return PTR_ERR(buf);
		err = vx_txn_create(&r->t, buf);
		/* it stays what it is: data of another one */
		r->dev->unread = NULL;
		if (!err)
			err = vexfs_dev_read(r->dev, from, vx_data(buf));
		r->dev->unread = unread;
		if (err == -EIO && unread) {
			did(r, "block %llu cannot be read: its copy is zeros", ull(from));
			memset(vx_data(buf), 0, VEXFS_BLOCK_SIZE);
			err = 0;
		}
		if (!err)
			err = vx_txn_dirty(&r->t, &r->fs, buf);
		vx_brelse(buf);
	}
	return err;
}

/* An extent whose blocks are somebody else's. */
static int insert_copy(struct repair *r, struct vexfs_inode_core *c, const struct rep_extent *x)
{
	__u32 done, len;
	__u64 pblk;
	int err = 0;

	for (done = 0; done < x->len && !err; done += len) {
		err = vexfs_alloc_blocks(&r->t, &r->fs, x->pblk, x->len - done, 0, &pblk, &len);
		if (!err)
			err = copy_blocks(r, x->pblk + done, pblk, len);
		if (!err)
			err = vexfs_extent_insert(&r->t, c, x->lblk + done, len, pblk, false);
	}
	did(r, "inode %llu: %u blocks at %llu are somebody else's: it has a copy of them now",
	    ull(c->ino), x->len, ull(x->pblk));
	return err;
}

static int make_map(struct repair *r, __u64 ino, struct rep_inode *f)
{
	const struct rep_map *m = f->map;
	struct vexfs_inode_core c;
	struct vexfs_inode raw;
	__u32 i;
	int err;

	if (!m)
		return 0;
	err = read_raw(r, ino, &c, &raw);	/* of a symlink it does not verify without */
	if (err)
		return err;
	for (i = 0; i < m->n && !err; i++)
		err = m->x[i].copy ? insert_copy(r, &c, &m->x[i]) :
				     vexfs_extent_insert(&r->t, &c, m->x[i].lblk, m->x[i].len,
							 m->x[i].pblk, m->x[i].unwritten);
	return err ? err : rep_store(r, &c, NULL, NULL);
}

int rep_maps(struct repair *r)
{
	return rep_each(r, make_map);
}

int rep_fill(struct repair *r, struct vexfs_inode_core *c, __u32 blocks, __u64 *n)
{
	struct vexfs_map map;
	__u32 at = 0;
	int err = 0;

	*n = 0;
	while (at < blocks && !err) {
		err = vexfs_extent_lookup(c, at, &map);
		if (err)
			break;
		if (!map.pblk) {
			err = vexfs_extent_alloc(&r->t, c, at, blocks - at, true, &map);
			*n += err ? 0 : map.len;
		}
		at = map.lblk + map.len;
	}
	return err;
}

int rep_cut(struct repair *r, struct vexfs_inode_core *c, __u32 from)
{
	int err;

	do
		err = vexfs_extent_truncate(&r->t, c, from);
	while (err == -EAGAIN);
	return err ? err : rep_store(r, c, NULL, NULL);
}
