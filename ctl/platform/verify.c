// SPDX-License-Identifier: GPL-2.0
/*
 * Check a whole filesystem, offline.
 *
 * First each inode by itself, its extents claiming their blocks; then names against inodes, and
 * collections; then what nobody claimed.
 */
#include "verify-priv.h"

/* Something the core has refused: it has said why. */
int verify_damaged(struct verify *v, int err, enum vexfs_finding nr, const char *what, __u64 ino)
{
	if (err != -EUCLEAN && err != -ESTALE)
		return err;
	if (v->dev->damage[0])
		problem(v, nr, "%s", v->dev->damage);
	else
		problem(v, nr, "%s %llu: error %d", what, ull(ino), err);
	v->dev->damage[0] = 0;
	return 0;
}

struct found *verify_found(struct verify *v, __u64 ino)
{
	__u32 g;

	if (!vexfs_ino_valid(v->fs, ino))
		return NULL;
	g = (ino - 1) / v->fs->inodes_per_group;
	return g < v->fs->groups_init ? &v->group[g][(ino - 1) % v->fs->inodes_per_group] : NULL;
}

static void claim(struct verify *v, __u64 block, __u64 n, const char *what)
{
	for (; n; n--, block++) {
		v->claimed++;
		if (test_bit_le(block, v->owned))
			problem(v, VEXFS_FOUND_BLOCK_TWICE,
				"inode %llu: %s block %llu has another owner too", ull(v->c.ino),
				what, ull(block));
		__set_bit_le(block, v->owned);
	}
}

static int claim_node(void *arg, __u64 block)
{
	claim(arg, block, 1, "extent");
	return 0;
}

static int claim_extent(void *arg, const struct vexfs_map *m)
{
	claim(arg, m->pblk, m->len, "data");
	return 0;
}

/* --- groups --- */

static int check_groups(struct verify *v)
{
	struct vexfs_fs *fs = v->fs;
	__u32 g;
	int err;

	v->free_blocks = vexfs_super_capacity(fs);
	v->free_inodes = (__u64)(fs->groups - fs->groups_init) * fs->inodes_per_group;
	for (g = 0; g < fs->groups_init; g++) {
		__u64 start = (__u64)g << VEXFS_GROUP_SHIFT, i;
		__u64 data = vexfs_group_data(fs, g), end = start + vexfs_group_len(fs, g);
		vx_buf *buf = vx_bread(fs, vexfs_group_block(fs, g));

		if (IS_ERR(buf))
			return PTR_ERR(buf);
		err = vexfs_group_check(fs, g, vx_data(buf));
		if (err) {
			err = verify_damaged(v, err, VEXFS_FOUND_GROUP, "group", g);
		} else {
			const struct vexfs_group *b = vx_data(buf);

			v->free_blocks -= (end - data) - le32_to_cpu(b->g_free_blocks);
			v->free_inodes += le32_to_cpu(b->g_free_inodes);
		}
		vx_brelse(buf);
		if (err)
			return err;
		for (i = start; i < data; i++)
			__set_bit_le(i, v->owned);
		for (i = end; i < start + VEXFS_GROUP_BLOCKS; i++)
			__set_bit_le(i, v->owned);
		v->group[g] = calloc(fs->inodes_per_group, sizeof(**v->group));
		if (!v->group[g])
			return -ENOMEM;
	}
	return 0;
}

/* Blocks that somebody owns are marked, and no others; directories are counted right. */
static int check_bitmaps(struct verify *v)
{
	struct vexfs_fs *fs = v->fs;
	__u32 g, i, dirs, lost;

	for (g = 0; g < fs->groups_init; g++) {
		__u64 start = (__u64)g << VEXFS_GROUP_SHIFT;
		vx_buf *buf = vx_bread(fs, vexfs_group_block(fs, g));
		const struct vexfs_group *b;

		if (IS_ERR(buf))
			return PTR_ERR(buf);
		b = vx_data(buf);
		if (vexfs_group_check(fs, g, b)) {	/* was reported */
			v->dev->damage[0] = 0;
			vx_brelse(buf);
			continue;
		}
		for (i = 0, lost = 0; i < VEXFS_GROUP_BLOCKS; i++) {
			bool used = test_bit_le(i, b->g_blocks),
			     owned = test_bit_le(start + i, v->owned);

			if (owned && !used)
				problem(v, VEXFS_FOUND_BLOCK_FREE,
					"block %llu is in use and marked free", ull(start + i));
			lost += used && !owned;
		}
		if (lost)
			problem(v, VEXFS_FOUND_BLOCK_LOST,
				"group %u: %u blocks are marked in use and nobody's", g, lost);
		for (i = 0, dirs = 0; i < fs->inodes_per_group; i++)
			dirs += v->group[g][i].used && S_ISDIR(v->group[g][i].mode);
		if (dirs != le32_to_cpu(b->g_dirs))
			problem(v, VEXFS_FOUND_GROUP_DIRS,
				"group %u: has %u directories, counts %u", g, dirs,
				le32_to_cpu(b->g_dirs));
		vx_brelse(buf);
	}
	return 0;
}

/* --- inodes --- */

static int check_inode(struct verify *v, __u64 ino)
{
	struct found *f = verify_found(v, ino);
	struct vexfs_inode *raw;
	struct vexfs_map m;
	vx_buf *buf;
	__u64 mapped;
	int err;

	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err == -ESTALE) {
		problem(v, VEXFS_FOUND_INODE_UNWRITTEN, "inode %llu: in use and never written",
			ull(ino));
		return 0;
	}
	if (err)
		return verify_damaged(v, err, VEXFS_FOUND_INODE, "inode", ino);
	f->used = true;
	v->n->inodes++;
	v->n->directories += S_ISDIR(le16_to_cpu(raw->i_mode));
	f->mode = le16_to_cpu(raw->i_mode);
	f->flags = le32_to_cpu(raw->i_flags);
	f->generation = le32_to_cpu(raw->i_generation);
	f->nlink = le32_to_cpu(raw->i_nlink);
	f->parent = le64_to_cpu(raw->i_parent);
	f->parent_generation = le32_to_cpu(raw->i_parent_generation);
	f->next_orphan = le64_to_cpu(raw->i_next_orphan);
	f->collection = le64_to_cpu(raw->i_collection);
	f->data_change = le64_to_cpu(raw->i_data_change);
	vexfs_inode_load(&v->c, v->fs, ino, raw);
	v->claimed = 0;
	if (raw->i_parents_block)
		claim(v, le64_to_cpu(raw->i_parents_block), 1, "parents");
	if (raw->i_xattr_block)
		claim(v, le64_to_cpu(raw->i_xattr_block), 1, "attribute");
	if (f->flags & VEXFS_INODE_COLLECTION)
		claim(v, le64_to_cpu(raw->i_collection), 1, "collection");
	vx_brelse(buf);
	if (S_ISLNK(f->mode) && v->c.disk_size < sizeof(v->c.link))
		mapped = 0;		/* the target is where extents would be */
	else {
		__u64 before = v->claimed;

		err = vexfs_extent_walk_nodes(&v->c, claim_node, claim_extent, v);
		if (err)
			return verify_damaged(v, err, VEXFS_FOUND_INODE, "inode", ino);
		mapped = v->claimed - before;
	}
	/* the single blocks may be counted or not */
	if (v->c.blocks < mapped || v->c.blocks > v->claimed)
		problem(v, VEXFS_FOUND_INODE_BLOCKS, "inode %llu: has %llu blocks, counts %llu",
			ull(ino), ull(mapped), ull(v->c.blocks));
	if (S_ISLNK(f->mode) && v->c.disk_size >= sizeof(v->c.link)) {
		err = vexfs_extent_lookup(&v->c, 0, &m);
		if (err)
			return err;
		if (!m.pblk || m.unwritten)
			problem(v, VEXFS_FOUND_SYMLINK, "inode %llu: symlink without a target",
				ull(ino));
	}
	return 0;
}

int verify_step(struct verify *v, const char *what, __u64 done, __u64 total)
{
	return !v->opts->progress || v->opts->progress(v->opts->arg, what, done, total) ? 0 :
											  -EINTR;
}

#define PASSES	5			/* calls of for_inodes() */

/*
 * Which inodes of a group are in use: its block, verified once for all of them.  NULL: it is
 * damaged, and that was found elsewhere.
 */
static int read_group(struct verify *v, __u32 g, vx_buf **buf)
{
	int err;

	vx_brelse(*buf);
	*buf = vx_bread(v->fs, vexfs_group_block(v->fs, g));
	err = IS_ERR(*buf) ? PTR_ERR(*buf) : vexfs_group_check(v->fs, g, vx_data(*buf));
	if (!err)
		return 0;
	if (!IS_ERR(*buf))
		vx_brelse(*buf);
	*buf = NULL;
	v->dev->damage[0] = 0;
	return err == -EUCLEAN ? 0 : err;
}

static bool in_use(vx_buf *group, __u32 i)
{
	return group && test_bit_le(i, ((const struct vexfs_group *)vx_data(group))->g_inodes);
}

static int for_inodes(struct verify *v, int (*fn)(struct verify *v, __u64 ino), bool found)
{
	struct vexfs_fs *fs = v->fs;
	__u64 ino, last = (__u64)fs->groups_init * fs->inodes_per_group;
	vx_buf *group = NULL;
	int err = 0;

	for (ino = 1; !err && ino <= last; ino++) {
		struct found *f = verify_found(v, ino);
		__u32 i = (ino - 1) % fs->inodes_per_group;

		if (v->done++ % 64 == 0)
			err = verify_step(v, "inodes", v->done, PASSES * last);
		if (!err && !found && !i)
			err = read_group(v, (ino - 1) / fs->inodes_per_group, &group);
		if (err || !f || (found ? !f->used : !in_use(group, i)))
			continue;
		err = fn(v, ino);
	}
	vx_brelse(group);
	return err;
}

/* --- names --- */

static __u8 mode_type(__u16 mode)
{
	return (mode & S_IFMT) >> 12;	/* DT_* are made so */
}

static bool check_name(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type,
		       __u64 pos)
{
	struct verify *v = arg;
	struct found *f = verify_found(v, ino), *dir = verify_found(v, v->c.ino);
	__u64 again;
	__u8 t;

	(void)pos;
	if (!f || !f->used) {
		problem(v, VEXFS_FOUND_NAME_DANGLING,
			"directory %llu: '%.*s' leads to inode %llu, which is not in use",
			ull(v->c.ino), (int)len, name, ull(ino));
		return true;
	}
	if (mode_type(f->mode) != type)
		problem(v, VEXFS_FOUND_NAME_TYPE,
			"directory %llu: '%.*s' has the type %u, inode %llu is of mode %o",
			ull(v->c.ino), (int)len, name, type, ull(ino), f->mode);
	if (f->flags & VEXFS_INODE_HIDDEN)
		problem(v, VEXFS_FOUND_NAME_HIDDEN,
			"directory %llu: '%.*s' is the name of a hidden inode", ull(v->c.ino),
			(int)len, name);
	if (vexfs_dir_lookup(&v->c, name, len, &again, &t))
		problem(v, VEXFS_FOUND_NAME_LOST,
			"directory %llu: '%.*s' cannot be found by its name", ull(v->c.ino),
			(int)len, name);
	else if (again != ino)
		problem(v, VEXFS_FOUND_NAME_TWICE, "directory %llu: '%.*s' is there twice",
			ull(v->c.ino), (int)len, name);
	f->names++;
	f->holder = v->c.ino;
	if (S_ISDIR(f->mode)) {
		dir->subdirs++;
		if (f->names > 1)
			problem(v, VEXFS_FOUND_DIR_NAMES, "directory %llu has several names",
				ull(ino));
		if (f->parent != v->c.ino || f->parent_generation != dir->generation)
			problem(v, VEXFS_FOUND_PARENT,
				"directory %llu is in %llu and has the parent %llu", ull(ino),
				ull(v->c.ino), ull(f->parent));
	}
	return true;
}

static int check_dir(struct verify *v, __u64 ino)
{
	struct found *f = verify_found(v, ino);
	struct vexfs_inode *raw;
	__u64 pos = 0;
	vx_buf *buf;
	int err;

	if (!S_ISDIR(f->mode))
		return 0;
	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err)
		return err;
	vexfs_inode_load(&v->c, v->fs, ino, raw);
	vx_brelse(buf);
	if (f->flags & VEXFS_INODE_HASHED) {
		problem(v, VEXFS_FOUND_DIRECTORY,
			"directory %llu: has a hash index, which no version makes yet", ull(ino));
		return 0;
	}
	err = vexfs_dir_iterate(&v->c, &pos, check_name, v);
	return err ? verify_damaged(v, err, VEXFS_FOUND_DIRECTORY, "directory", ino) : 0;
}

/* --- orphans, links --- */

static void check_orphans(struct verify *v)
{
	const struct vexfs_super *s = vx_data(v->fs->sb_buf);
	__u64 ino = le64_to_cpu(s->s_last_orphan);

	while (ino) {
		struct found *f = verify_found(v, ino);

		if (!f || !f->used) {
			problem(v, VEXFS_FOUND_ORPHAN, "orphan list: inode %llu is not in use",
				ull(ino));
			return;
		}
		if (f->orphan) {
			problem(v, VEXFS_FOUND_ORPHAN, "orphan list: goes in circles at inode %llu",
				ull(ino));
			return;
		}
		f->orphan = true;
		ino = f->next_orphan;
	}
}

static int check_links(struct verify *v, __u64 ino)
{
	struct found *f = verify_found(v, ino), *p;
	__u32 want = S_ISDIR(f->mode) ? 2 + f->subdirs : f->names;

	if (ino == VEXFS_ROOT_INO) {
		if (!S_ISDIR(f->mode) || f->names || f->parent != ino)
			problem(v, VEXFS_FOUND_ROOT, "the root is no root");
		f->rooted = true;
	} else if (f->flags & VEXFS_INODE_HIDDEN) {
		if (!f->orphan && !f->hidden_ok)
			problem(v, VEXFS_FOUND_PLANE_LOOSE,
				"hidden inode %llu belongs to no collection", ull(ino));
		if (!f->orphan && !f->nlink)	/* the collection would not be loaded */
			problem(v, VEXFS_FOUND_LINKS, "hidden inode %llu: counts no link",
				ull(ino));
		return 0;
	} else if (!f->names) {
		if (!f->orphan)
			problem(v, VEXFS_FOUND_NO_NAME,
				"inode %llu has no name and is not on the orphan list", ull(ino));
		want = 0;
	}
	if (f->nlink != want)
		problem(v, VEXFS_FOUND_LINKS, "inode %llu: has %u links, counts %u", ull(ino), want,
			f->nlink);
	if (f->next_orphan && !f->orphan)
		problem(v, VEXFS_FOUND_ORPHAN,
			"inode %llu: has a next orphan and is not on the list", ull(ino));
	if (f->parent && f->names == 1 && !S_ISDIR(f->mode)) {
		p = verify_found(v, f->holder);
		if (f->parent != f->holder || f->parent_generation != p->generation)
			problem(v, VEXFS_FOUND_PARENT,
				"inode %llu is in %llu and has the parent %llu", ull(ino),
				ull(f->holder), ull(f->parent));
	}
	return 0;
}

/* Every directory's parents lead to the root. */
static int check_rooted(struct verify *v, __u64 ino)
{
	struct found *f = verify_found(v, ino), *at;
	__u64 left = (__u64)v->fs->groups_init * v->fs->inodes_per_group;

	if (!S_ISDIR(f->mode) || f->orphan)
		return 0;
	for (at = f; at && at->used && !at->rooted && left; left--)
		at = verify_found(v, at->parent);
	if (!at || !at->rooted) {
		problem(v, VEXFS_FOUND_DIR_LOOSE, "directory %llu is not below the root", ull(ino));
		return 0;
	}
	for (at = f; !at->rooted; at = verify_found(v, at->parent))
		at->rooted = true;
	return 0;
}

static void check_counters(struct verify *v)
{
	const struct vexfs_super *s = vx_data(v->fs->sb_buf);

	if (!(le16_to_cpu(s->s_state) & VEXFS_STATE_CLEAN))
		return;			/* they count at the next mount */
	if (le64_to_cpu(s->s_free_blocks) != v->free_blocks)
		problem(v, VEXFS_FOUND_SUPER_COUNTS,
			"%llu blocks are free, the superblock counts %llu", ull(v->free_blocks),
			ull(le64_to_cpu(s->s_free_blocks)));
	if (le64_to_cpu(s->s_free_inodes) != v->free_inodes)
		problem(v, VEXFS_FOUND_SUPER_COUNTS,
			"%llu inodes are free, the superblock counts %llu", ull(v->free_inodes),
			ull(le64_to_cpu(s->s_free_inodes)));
}

int vexfs_verify(struct vexfs_fs *fs, const struct vexfs_verify_opts *opts,
		 struct vexfs_verify_counts *counts)
{
	struct vexfs_verify_counts local = {};
	struct verify v = { .fs = fs, .dev = fs->host, .opts = opts,
			    .n = counts ? counts : &local };
	bool quiet = v.dev->quiet;
	__u32 g;
	int err;

	v.dev->quiet = true;
	v.dev->damage[0] = 0;
	vx_rwsem_init(&v.c.lock);
	v.owned = calloc(fs->groups_init, VEXFS_GROUP_BLOCKS / 8);
	v.group = calloc(fs->groups_init, sizeof(*v.group));
	err = v.owned && v.group ? check_groups(&v) : -ENOMEM;
	if (!err)
		err = for_inodes(&v, check_inode, false);
	if (!err)
		err = for_inodes(&v, check_dir, true);
	if (!err)
		err = verify_collections_begin(&v);
	if (!err) {
		err = for_inodes(&v, verify_collection, true);
		verify_collections_end(&v);
	}
	if (!err) {
		check_orphans(&v);
		err = for_inodes(&v, check_links, true);
	}
	if (!err)
		err = for_inodes(&v, check_rooted, true);
	if (!err)
		err = check_bitmaps(&v);
	if (!err)
		check_counters(&v);
	for (g = 0; v.group && g < fs->groups_init; g++)
		free(v.group[g]);
	free(v.group);
	free(v.owned);
	v.dev->quiet = quiet;
	return err;
}
