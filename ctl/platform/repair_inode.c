// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of inodes: which are in use, and what their fields say.
 *
 * One whose checksum is wrong by more than a bit is cleared.  One whose checksum is right is what
 * somebody has written: a field with a value that it cannot have gets one that it can have.  Where
 * the group does not say that one is in use, it is all the same if it verifies and counts a link:
 * what was freed counts none.
 */
#include "mkfs.h"
#include "repair-priv.h"

#define NSEC 1000000000u

static __u32 inode_crc(const struct vexfs_fs *fs, __u64 ino, const struct vexfs_inode *raw)
{
	return vexfs_csum(fs, raw, sizeof(*raw), offsetof(struct vexfs_inode, i_crc), ino,
			  le32_to_cpu(raw->i_generation), 0);
}

/* --- fields --- */

static void fix_nsec(__le32 *nsec)
{
	if (le32_to_cpu(*nsec) >= NSEC)
		*nsec = 0;
}

/* A link to where nobody knows: false. */
static bool fix_symlink(struct vexfs_inode *raw)
{
	__u64 size = le64_to_cpu(raw->i_size), len;

	if (size >= sizeof(raw->i_link) && size < VEXFS_BLOCK_SIZE)
		return !raw->i_depth && raw->i_entries == cpu_to_le32(1);
	if (raw->i_depth || raw->i_entries)
		return false;
	len = strnlen((const char *)raw->i_link, sizeof(raw->i_link));
	if (!len || len == sizeof(raw->i_link))
		return false;
	if (size != len)
		memset(raw->i_link + len, 0, sizeof(raw->i_link) - len);
	raw->i_size = cpu_to_le64(len);
	return true;
}

static void fix_flags(const struct vexfs_fs *fs, struct vexfs_inode *raw)
{
	__u32 flags = le32_to_cpu(raw->i_flags) & VEXFS_INODE_ALL & ~VEXFS_INODE_HASHED;
	__u64 collection = le64_to_cpu(raw->i_collection);
	__u16 mode = le16_to_cpu(raw->i_mode);

	if (!S_ISREG(mode) || !raw->i_parent)
		flags &= ~VEXFS_INODE_HIDDEN;
	if (S_ISDIR(mode))
		flags |= VEXFS_INODE_METADATA;
	else if (!(flags & VEXFS_INODE_HIDDEN))
		flags &= ~VEXFS_INODE_METADATA;
	if ((flags & VEXFS_INODE_COLLECTION) &&
	    (!S_ISDIR(mode) || !vexfs_data_run(fs, collection, 1))) {
		flags &= ~VEXFS_INODE_COLLECTION;
		raw->i_collection = 0;
	} else if (!(flags & VEXFS_INODE_COLLECTION) && collection &&
		   !vexfs_ino_valid(fs, collection)) {
		raw->i_collection = 0;
	}
	raw->i_flags = cpu_to_le32(flags);
}

/* All but what depends on the map.  False: it is nothing. */
static bool fix_fields(const struct vexfs_fs *fs, struct vexfs_inode *raw)
{
	__u16 mode = le16_to_cpu(raw->i_mode);

	if (raw->i_parent && !vexfs_ino_valid(fs, le64_to_cpu(raw->i_parent)))
		raw->i_parent = 0;
	raw->i_next_orphan = 0; /* what is on that list is freed here */
	if (raw->i_parents_block && !vexfs_data_run(fs, le64_to_cpu(raw->i_parents_block), 1))
		raw->i_parents_block = 0;
	if (raw->i_xattr_block && !vexfs_data_run(fs, le64_to_cpu(raw->i_xattr_block), 1))
		raw->i_xattr_block = 0;
	if (le32_to_cpu(raw->i_nlink) > VEXFS_LINK_MAX)
		raw->i_nlink = cpu_to_le32(1);
	if (le64_to_cpu(raw->i_blocks) > fs->blocks)
		raw->i_blocks = 0;
	if (le16_to_cpu(raw->i_depth) > VEXFS_EXTENT_DEPTH)
		raw->i_depth = raw->i_entries = 0;
	if (le32_to_cpu(raw->i_entries) > VEXFS_INLINE_EXTENTS)
		raw->i_entries = cpu_to_le32(VEXFS_INLINE_EXTENTS);
	if (!raw->i_entries)
		raw->i_depth = 0;
	fix_nsec(&raw->i_atime_nsec);
	fix_nsec(&raw->i_mtime_nsec);
	fix_nsec(&raw->i_ctime_nsec);
	fix_nsec(&raw->i_btime_nsec);
	fix_flags(fs, raw);
	switch (mode & S_IFMT) {
	case S_IFREG:
		return true;
	case S_IFDIR:
		raw->i_size = cpu_to_le64((le64_to_cpu(raw->i_size) + VEXFS_BLOCK_SIZE - 1) &
					  ~(__u64)(VEXFS_BLOCK_SIZE - 1));
		return true;
	case S_IFLNK:
		return fix_symlink(raw);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		raw->i_size = 0;
		raw->i_depth = raw->i_entries = 0;
		return true;
	}
	return false;
}

/* --- the map --- */

/* What a size beyond all bounds becomes. */
static __u64 end_of(const struct rep_walk *w)
{
	__u64 end = w->n ? (__u64)w->x[w->n - 1].lblk + w->x[w->n - 1].len : 0;

	return end << VEXFS_BLOCK_SHIFT;
}

static bool has_map(const struct vexfs_inode *raw)
{
	return !S_ISLNK(le16_to_cpu(raw->i_mode)) ||
	       le64_to_cpu(raw->i_size) >= sizeof(raw->i_link);
}

/* What does not verify of the map is dropped; the rest is remembered, and made anew. */
static int fix_map(struct repair *r, __u64 ino, struct vexfs_inode *raw, bool *nothing)
{
	struct vexfs_inode_core c;
	struct rep_walk w;
	__u64 blocks;
	__u32 i;
	int err;

	if (!has_map(raw)) {
		raw->i_blocks = 0;
		return 0;
	}
	vexfs_inode_load(&c, &r->fs, ino, raw);
	err = rep_walk(r, &c, &w);
	if (err)
		return err;
	if (le64_to_cpu(raw->i_size) > (__u64)U32_MAX << VEXFS_BLOCK_SHIFT)
		raw->i_size = cpu_to_le64(end_of(&w));
	*nothing = S_ISLNK(le16_to_cpu(raw->i_mode)) &&
		   (w.lost || w.n != 1 || w.x[0].lblk || w.x[0].unwritten);
	for (i = 0, blocks = w.nodes; i < w.n; i++)
		blocks += w.x[i].len;
	if (*nothing) {
		rep_walk_free(&w);
		return 0;
	}
	if (w.lost) {
		did(r, "inode %llu: extents that do not verify were dropped, %llu blocks are left",
		    ull(ino), ull(blocks - w.nodes));
		err = rep_remember(r, ino, w.x, w.n);
		raw->i_depth = raw->i_entries = 0;
		memset(raw->i_link, 0, sizeof(raw->i_link));
		raw->i_blocks = 0;
	} else {
		__u64 more = !!raw->i_parents_block + !!raw->i_xattr_block +
			     !!(le32_to_cpu(raw->i_flags) & VEXFS_INODE_COLLECTION);
		__u64 says = le64_to_cpu(raw->i_blocks);

		if (says < blocks || says > blocks + more) {
			did(r, "inode %llu: has %llu blocks, counted %llu", ull(ino), ull(blocks),
			    ull(says));
			raw->i_blocks = cpu_to_le64(blocks);
		}
	}
	rep_walk_free(&w);
	return err;
}

/* --- one inode --- */

static void note(struct rep_inode *f, const struct vexfs_inode *raw)
{
	f->used = true;
	f->mode = le16_to_cpu(raw->i_mode);
	f->flags = le32_to_cpu(raw->i_flags);
	f->generation = le32_to_cpu(raw->i_generation);
	f->nlink = le32_to_cpu(raw->i_nlink);
	f->parent = le64_to_cpu(raw->i_parent);
	f->parent_generation = le32_to_cpu(raw->i_parent_generation);
	f->collection = le64_to_cpu(raw->i_collection);
	f->data_change = le64_to_cpu(raw->i_data_change);
}

/* Is it worth while to look closer at what may never have been one? */
static bool is_likely(const struct vexfs_inode *raw)
{
	return raw->i_nlink && le32_to_cpu(raw->i_nlink) <= VEXFS_LINK_MAX &&
	       le16_to_cpu(raw->i_depth) <= VEXFS_EXTENT_DEPTH &&
	       le32_to_cpu(raw->i_entries) <= VEXFS_INLINE_EXTENTS;
}

/*
 * It is marked in use, or (unsure) is not, or its group does not say.  raw: as it is; *fixed: as it
 * will be.
 */
static int judge(struct repair *r, __u64 ino, const struct vexfs_inode *raw, bool unsure,
		 struct vexfs_inode *fixed, bool *used)
{
	bool nothing = false, ok;
	int err;

	*fixed = *raw;
	*used = false;
	ok = le32_to_cpu(raw->i_crc) == inode_crc(&r->fs, ino, raw);
	if (!ok && raw->i_mode && (!unsure || is_likely(raw))) {
		ok = rep_one_bit(r, fixed, sizeof(*fixed), offsetof(struct vexfs_inode, i_crc), ino,
				 NULL, 0);
		if (ok)
			did(r, "inode %llu: a wrong bit was put right", ull(ino));
	}
	if (!ok || !fixed->i_mode || (unsure && !fixed->i_nlink)) {
		if (!unsure)
			did(r, "inode %llu: %s, cleared", ull(ino),
			    raw->i_mode ? "does not verify" : "was never written");
		return 0;
	}
	if (!fix_fields(&r->fs, fixed))
		nothing = true;
	err = nothing ? 0 : fix_map(r, ino, fixed, &nothing);
	if (err)
		return err;
	if (nothing)
		did(r, "inode %llu: is of no type, or a symlink without a target, cleared",
		    ull(ino));
	*used = !nothing;
	return 0;
}

/* Its blocks beyond the size are to go, once there is an orphan list that says so no more. */
static void find_unfinished(struct repair *r)
{
	__u64 left = (__u64)r->fs.groups_init * r->fs.inodes_per_group;
	struct vexfs_inode *raw;
	struct rep_inode *f;
	vx_buf *b = vx_bread(&r->fs, 0);
	__u64 ino;

	if (IS_ERR(b))
		return;
	ino = le64_to_cpu(((struct vexfs_super *)vx_data(b))->s_last_orphan);
	vx_brelse(b);
	for (; left && (f = rep_find(r, ino)); left--) {
		__u32 at = (ino - 1) % r->fs.inodes_per_group;

		f->unfinished = true;
		b = vx_bread(&r->fs,
			     vexfs_group_itable(&r->fs, (ino - 1) / r->fs.inodes_per_group) +
				     at / VEXFS_INODES_PER_BLOCK);
		if (IS_ERR(b))
			return;
		raw = (struct vexfs_inode *)vx_data(b) + at % VEXFS_INODES_PER_BLOCK;
		if (le32_to_cpu(raw->i_crc) != inode_crc(&r->fs, ino, raw))
			ino = 0;
		else
			ino = le64_to_cpu(raw->i_next_orphan);
		vx_brelse(b);
	}
}

/* Inodes of one block of the table, of which in_use says which are. */
static int look_at(struct repair *r, __u64 first, const __u8 *in_use, bool bad, vx_buf *buf)
{
	struct vexfs_inode *raw = vx_data(buf), fixed;
	bool changed = false, used, root, unsure;
	__u32 i;
	int err;

	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++, raw++) {
		__u64 ino = first + i;

		root = ino == VEXFS_ROOT_INO;
		unsure = !root && (bad || !test_bit_le(i, in_use));
		if (!vexfs_ino_valid(&r->fs, ino))
			continue;
		err = judge(r, ino, raw, unsure, &fixed, &used);
		if (err)
			return err;
		if (root && (!used || !S_ISDIR(le16_to_cpu(fixed.i_mode)))) {
			vexfs_mkfs_root(&fixed, vx_now());
			did(r, "the root was made anew: what was in it is in lost+found");
			used = true;
		} else if (!used && unsure) {
			continue; /* it was free, as far as anybody knows */
		} else if (!used) {
			memset(&fixed, 0, sizeof(fixed));
		}
		if (used) {
			fixed.i_crc = cpu_to_le32(inode_crc(&r->fs, ino, &fixed));
			note(rep_find(r, ino), &fixed);
		}
		if (!memcmp(raw, &fixed, sizeof(fixed)))
			continue;
		if (!changed) {
			err = vx_txn_write(&r->t, buf);
			if (err)
				return err;
			changed = true;
		}
		memcpy(raw, &fixed, sizeof(fixed));
	}
	return changed ? vx_txn_dirty(&r->t, &r->fs, buf) : 0;
}

/* The inodes of a group. */
static int look_in(struct repair *r, __u32 g)
{
	__u32 blocks = r->fs.inodes_per_group / VEXFS_INODES_PER_BLOCK, i;
	vx_buf *buf = vx_bread(&r->fs, vexfs_group_block(&r->fs, g)), *table;
	__u8 in_use[VEXFS_MAX_INODES_PER_GROUP / 8] = {};
	const struct vexfs_group *b;
	bool bad;
	int err;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	b = vx_data(buf);
	bad = r->group_bad[g] = vexfs_group_check(&r->fs, g, b);
	if (!bad) {
		memcpy(in_use, b->g_inodes, sizeof(in_use));
		r->itable[g] = le32_to_cpu(b->g_itable_init);
	}
	vx_brelse(buf);
	for (i = 0, err = 0; i < blocks && !err; i++) {
		err = rep_step(r, "repair: inodes");
		if (err || (!bad && i >= r->itable[g]))
			continue;
		table = vx_bread(&r->fs, vexfs_group_itable(&r->fs, g) + i);
		if (IS_ERR(table))
			return PTR_ERR(table);
		err = look_at(r, 1 + (__u64)g * r->fs.inodes_per_group + i * VEXFS_INODES_PER_BLOCK,
			      in_use + i, bad, table);
		vx_brelse(table);
	}
	return err;
}

int rep_inodes(struct repair *r)
{
	int err = 0;
	__u32 g;

	find_unfinished(r);
	for (g = 0; g < r->fs.groups_init && !err; g++)
		err = look_in(r, g);
	return err;
}

/* --- making and freeing --- */

static void become(struct vexfs_inode *raw, void *arg)
{
	__u16 mode = *(__u16 *)arg;

	raw->i_mode = cpu_to_le16(mode);
	raw->i_nlink = cpu_to_le32(S_ISDIR(mode) ? 2 : 1);
	raw->i_atime = raw->i_mtime = raw->i_ctime = raw->i_btime = cpu_to_le64(vx_now());
}

int rep_make(struct repair *r, struct vexfs_inode_core *c, __u64 parent, __u16 mode, __u32 flags)
{
	const struct rep_inode *p = rep_used(r, parent);
	struct vexfs_inode *raw;
	struct rep_inode *f;
	vx_buf *buf;
	int err;

	memset(c, 0, sizeof(*c));
	vx_rwsem_init(&c->lock);
	c->fs = &r->fs;
	err = vexfs_alloc_ino(&r->t, &r->fs, parent, S_ISDIR(mode), &c->ino, &c->generation);
	if (!err)
		err = vexfs_inode_write(&r->t, &r->fs, c->ino, &buf, &raw);
	if (err)
		return err;
	memset(raw, 0, sizeof(*raw));
	err = vexfs_inode_dirty(&r->t, &r->fs, c->ino, buf, raw);
	if (err)
		return err;
	c->flags = flags | (S_ISDIR(mode) ? VEXFS_INODE_METADATA : 0);
	c->parent = parent;
	c->parent_generation = p ? p->generation : 0;
	c->change = 1;
	err = rep_store(r, c, become, &mode);
	if (err)
		return err;
	f = rep_find(r, c->ino);
	if (!f)
		return -ENOMEM;
	*f = (struct rep_inode){ .used = true,
				 .mode = mode,
				 .flags = c->flags,
				 .generation = c->generation,
				 .parent = c->parent,
				 .parent_generation = c->parent_generation,
				 .nlink = S_ISDIR(mode) ? 2 : 1 };
	return 0;
}

static int free_block(struct repair *r, __u64 block)
{
	return block ? vexfs_free_blocks(&r->t, &r->fs, block, 1, true) : 0;
}

static void wipe(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	memset(raw, 0, sizeof(*raw));
}

int rep_free(struct repair *r, __u64 ino)
{
	struct rep_inode *f = rep_find(r, ino);
	__u64 single[3] = {};
	struct vexfs_inode_core c;
	struct vexfs_inode *raw;
	vx_buf *buf;
	__u32 i;
	int err;

	err = vexfs_inode_buf(&r->fs, ino, &buf, &raw);
	if (err)
		return err;
	vx_rwsem_init(&c.lock);
	vexfs_inode_load(&c, &r->fs, ino, raw);
	single[0] = le64_to_cpu(raw->i_parents_block);
	single[1] = le64_to_cpu(raw->i_xattr_block);
	if (f->flags & VEXFS_INODE_COLLECTION)
		single[2] = c.collection;
	err = has_map(raw) ? rep_cut(r, &c, 0) : 0;
	vx_brelse(buf);
	for (i = 0; i < 3 && !err; i++)
		err = free_block(r, single[i]);
	if (!err)
		err = rep_edit(r, ino, wipe, NULL);
	if (!err)
		err = vexfs_free_ino(&r->t, &r->fs, ino, S_ISDIR(f->mode));
	f->used = false;
	return err;
}
