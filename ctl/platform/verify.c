// SPDX-License-Identifier: GPL-2.0
/*
 * Check a whole filesystem, offline.
 *
 * First each inode by itself, its extents claiming their blocks; then names against inodes; then what
 * nobody claimed.  Planes of collections are read row by row, since that is what their crc covers.
 */
#include "verify.h"

/* What is known of an inode. */
struct found {
	bool used, orphan, rooted, hidden_ok;
	__u16 mode;
	__u32 flags, generation, parent_generation;
	__u32 nlink, names, subdirs;
	__u64 parent, next_orphan, collection, data_change;
	__u64 holder;			/* directory with the last name seen */
};

struct verify {
	struct vexfs_fs *fs;
	struct vexfs_dev *dev;
	void (*report)(void *arg, const char *fmt, ...);
	void *arg;
	int problems;
	__u8 *owned;			/* a bit for each block of the initialised groups */
	struct found **group;		/* of the inodes of each initialised group */
	__u64 free_blocks, free_inodes;	/* counted */
	/* the inode that is being looked at */
	struct vexfs_inode_core c;
	__u64 claimed;
};

#define problem(v, ...) ((v)->problems++, (v)->report((v)->arg, __VA_ARGS__))

static unsigned long long ull(__u64 v)
{
	return v;
}

/* Something the core has refused: it has said why. */
static int damaged(struct verify *v, int err, const char *what, __u64 nr)
{
	if (err != -EUCLEAN && err != -ESTALE)
		return err;
	if (v->dev->damage[0])
		problem(v, "%s", v->dev->damage);
	else
		problem(v, "%s %llu: error %d", what, ull(nr), err);
	v->dev->damage[0] = 0;
	return 0;
}

static struct found *found_of(struct verify *v, __u64 ino)
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
			problem(v, "inode %llu: %s block %llu has another owner too", ull(v->c.ino), what,
				ull(block));
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
			err = damaged(v, err, "group", g);
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
			bool used = test_bit_le(i, b->g_blocks), owned = test_bit_le(start + i, v->owned);

			if (owned && !used)
				problem(v, "block %llu is in use and marked free", ull(start + i));
			lost += used && !owned;
		}
		if (lost)
			problem(v, "group %u: %u blocks are marked in use and nobody's", g, lost);
		for (i = 0, dirs = 0; i < fs->inodes_per_group; i++)
			dirs += v->group[g][i].used && S_ISDIR(v->group[g][i].mode);
		if (dirs != le32_to_cpu(b->g_dirs))
			problem(v, "group %u: has %u directories, counts %u", g, dirs, le32_to_cpu(b->g_dirs));
		vx_brelse(buf);
	}
	return 0;
}

/* --- inodes --- */

static int check_inode(struct verify *v, __u64 ino)
{
	struct found *f = found_of(v, ino);
	struct vexfs_inode *raw;
	struct vexfs_map m;
	vx_buf *buf;
	__u64 mapped;
	int err;

	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err == -ESTALE) {
		problem(v, "inode %llu: in use and never written", ull(ino));
		return 0;
	}
	if (err)
		return damaged(v, err, "inode", ino);
	f->used = true;
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
			return damaged(v, err, "inode", ino);
		mapped = v->claimed - before;
	}
	/* the single blocks may be counted or not */
	if (v->c.blocks < mapped || v->c.blocks > v->claimed)
		problem(v, "inode %llu: has %llu blocks, counts %llu", ull(ino), ull(mapped), ull(v->c.blocks));
	if (S_ISLNK(f->mode) && v->c.disk_size >= sizeof(v->c.link)) {
		err = vexfs_extent_lookup(&v->c, 0, &m);
		if (err)
			return err;
		if (!m.pblk || m.unwritten)
			problem(v, "inode %llu: symlink without a target", ull(ino));
	}
	return 0;
}

static int for_inodes(struct verify *v, int (*fn)(struct verify *v, __u64 ino), bool found)
{
	struct vexfs_fs *fs = v->fs;
	__u64 ino, last = (__u64)fs->groups_init * fs->inodes_per_group;
	int err = 0;

	for (ino = 1; !err && ino <= last; ino++) {
		struct found *f = found_of(v, ino);

		if (!f || (found && !f->used))
			continue;
		if (!found) {
			err = vexfs_ino_in_use(fs, ino);
			if (err == -EUCLEAN || err == -ESTALE) {
				v->dev->damage[0] = 0;
				err = 0;
				continue;
			}
		}
		if (!err)
			err = fn(v, ino);
	}
	return err;
}

/* --- names --- */

static __u8 mode_type(__u16 mode)
{
	return (mode & S_IFMT) >> 12;	/* DT_* are made so */
}

static bool check_name(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	struct verify *v = arg;
	struct found *f = found_of(v, ino), *dir = found_of(v, v->c.ino);
	__u64 again;
	__u8 t;

	(void)pos;
	if (!f || !f->used) {
		problem(v, "directory %llu: '%.*s' leads to inode %llu, which is not in use", ull(v->c.ino),
			(int)len, name, ull(ino));
		return true;
	}
	if (mode_type(f->mode) != type)
		problem(v, "directory %llu: '%.*s' has the type %u, inode %llu is of mode %o", ull(v->c.ino),
			(int)len, name, type, ull(ino), f->mode);
	if (f->flags & VEXFS_INODE_HIDDEN)
		problem(v, "directory %llu: '%.*s' is the name of a hidden inode", ull(v->c.ino), (int)len, name);
	if (vexfs_dir_lookup(&v->c, name, len, &again, &t))
		problem(v, "directory %llu: '%.*s' cannot be found by its name", ull(v->c.ino), (int)len, name);
	else if (again != ino)
		problem(v, "directory %llu: '%.*s' is there twice", ull(v->c.ino), (int)len, name);
	f->names++;
	f->holder = v->c.ino;
	if (S_ISDIR(f->mode)) {
		dir->subdirs++;
		if (f->names > 1)
			problem(v, "directory %llu has several names", ull(ino));
		if (f->parent != v->c.ino || f->parent_generation != dir->generation)
			problem(v, "directory %llu is in %llu and has the parent %llu", ull(ino), ull(v->c.ino),
				ull(f->parent));
	}
	return true;
}

static int check_dir(struct verify *v, __u64 ino)
{
	struct found *f = found_of(v, ino);
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
	err = vexfs_dir_iterate(&v->c, &pos, check_name, v);
	return err ? damaged(v, err, "directory", ino) : 0;
}

/* --- orphans, links --- */

static void check_orphans(struct verify *v)
{
	const struct vexfs_super *s = vx_data(v->fs->sb_buf);
	__u64 ino = le64_to_cpu(s->s_last_orphan);

	while (ino) {
		struct found *f = found_of(v, ino);

		if (!f || !f->used) {
			problem(v, "orphan list: inode %llu is not in use", ull(ino));
			return;
		}
		if (f->orphan) {
			problem(v, "orphan list: goes in circles at inode %llu", ull(ino));
			return;
		}
		f->orphan = true;
		ino = f->next_orphan;
	}
}

static int check_links(struct verify *v, __u64 ino)
{
	struct found *f = found_of(v, ino), *p;
	__u32 want = S_ISDIR(f->mode) ? 2 + f->subdirs : f->names;

	if (ino == VEXFS_ROOT_INO) {
		if (!S_ISDIR(f->mode) || f->names || f->parent != ino)
			problem(v, "the root is no root");
		f->rooted = true;
	} else if (f->flags & VEXFS_INODE_HIDDEN) {
		if (!f->orphan && !f->hidden_ok)
			problem(v, "hidden inode %llu belongs to no collection", ull(ino));
		return 0;
	} else if (!f->names) {
		if (!f->orphan)
			problem(v, "inode %llu has no name and is not on the orphan list", ull(ino));
		want = 0;
	}
	if (f->nlink != want)
		problem(v, "inode %llu: has %u links, counts %u", ull(ino), want, f->nlink);
	if (f->next_orphan && !f->orphan)
		problem(v, "inode %llu: has a next orphan and is not on the list", ull(ino));
	if (f->parent && f->names == 1 && !S_ISDIR(f->mode)) {
		p = found_of(v, f->holder);
		if (f->parent != f->holder || f->parent_generation != p->generation)
			problem(v, "inode %llu is in %llu and has the parent %llu", ull(ino), ull(f->holder),
				ull(f->parent));
	}
	return 0;
}

/* Every directory's parents lead to the root. */
static int check_rooted(struct verify *v, __u64 ino)
{
	struct found *f = found_of(v, ino), *at;
	__u64 left = (__u64)v->fs->groups_init * v->fs->inodes_per_group;

	if (!S_ISDIR(f->mode) || f->orphan)
		return 0;
	for (at = f; at && at->used && !at->rooted && left; left--)
		at = found_of(v, at->parent);
	if (!at || !at->rooted) {
		problem(v, "directory %llu is not below the root", ull(ino));
		return 0;
	}
	for (at = f; !at->rooted; at = found_of(v, at->parent))
		at->rooted = true;
	return 0;
}

/* --- collections --- */

/* A hidden inode of a collection, read through its extents. */
struct plane {
	struct vexfs_inode_core c;
	struct vexfs_map map;
	__u32 lblk;			/* of data, U32_MAX: none */
	__u8 data[VEXFS_BLOCK_SIZE];
};

static int plane_open(struct verify *v, struct plane *p, __u64 ino, const char *what)
{
	struct found *f = found_of(v, ino);
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	if (!f || !f->used || !(f->flags & VEXFS_INODE_HIDDEN) || f->parent != v->c.ino ||
	    f->parent_generation != v->c.generation || f->hidden_ok) {
		problem(v, "collection %llu: inode %llu is not its %s", ull(v->c.ino), ull(ino), what);
		return -ENOENT;
	}
	f->hidden_ok = true;
	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err)
		return err;
	vx_rwsem_init(&p->c.lock);
	vexfs_inode_load(&p->c, v->fs, ino, raw);
	vx_brelse(buf);
	p->map.len = 0;
	p->lblk = U32_MAX;
	return 0;
}

/* Bring block lblk into p->data: 1, or 0 when there is none. */
static int plane_block(struct verify *v, struct plane *p, __u32 lblk)
{
	int err;

	if (p->lblk == lblk)
		return 1;
	if (lblk < p->map.lblk || lblk - p->map.lblk >= p->map.len) {
		err = vexfs_extent_lookup(&p->c, lblk, &p->map);
		if (err)
			return err;
	}
	if (!p->map.pblk || p->map.unwritten)
		return 0;
	err = vexfs_dev_read(v->dev, p->map.pblk + (lblk - p->map.lblk), p->data);
	p->lblk = err ? U32_MAX : lblk;
	return err ? err : 1;
}

/* Continue a crc over bytes of a plane, and copy them out when out is not NULL.  1; 0: not all of them are written. */
static int plane_crc(struct verify *v, struct plane *p, __u64 pos, __u32 bytes, __u32 *crc, void *out)
{
	while (bytes) {
		__u32 off = pos & (VEXFS_BLOCK_SIZE - 1), n = min(bytes, VEXFS_BLOCK_SIZE - off);
		int err = plane_block(v, p, pos >> VEXFS_BLOCK_SHIFT);

		if (err <= 0)
			return err;
		if (crc)
			*crc = crc32c(*crc, p->data + off, n);
		if (out) {
			memcpy(out, p->data + off, n);
			out = (char *)out + n;
		}
		pos += n;
		bytes -= n;
	}
	return 1;
}

/* The dictionaries; words: how many each attribute has. */
static int check_words(struct verify *v, const struct vexfs_collection *col, struct plane *p,
		       __u32 words[VEXFS_MAX_ATTRS])
{
	__u64 pos, end = le64_to_cpu(col->c_word_bytes);
	struct vexfs_word w;
	__u32 crc;
	__le64 le;
	int ok;

	if (end && (!col->c_words || p->c.disk_size < end)) {
		problem(v, "collection %llu: its words plane is shorter than %llu bytes", ull(v->c.ino), ull(end));
		return 0;
	}
	for (pos = 0; pos < end; pos += sizeof(w) + w.w_len) {
		ok = end - pos < sizeof(w) ? 0 : plane_crc(v, p, pos, sizeof(w), NULL, &w);
		if (ok > 0) {
			le = cpu_to_le64(pos);
			crc = crc32c(~0u, col->c_uuid, sizeof(col->c_uuid));
			crc = crc32c(crc, &le, sizeof(le));
			crc = crc32c(crc, (char *)&w + sizeof(w.w_crc), sizeof(w) - sizeof(w.w_crc));
			ok = end - pos - sizeof(w) < w.w_len ? 0 :
			     plane_crc(v, p, pos + sizeof(w), w.w_len, &crc, NULL);
		}
		if (ok < 0)
			return ok;
		if (!ok || crc != le32_to_cpu(w.w_crc) || !w.w_len || w.w_attr >= le32_to_cpu(col->c_attrs) ||
		    le16_to_cpu(col->c_attr[w.w_attr].a_type) != VEXFS_ATTR_KEYWORD) {
			problem(v, "collection %llu: the word at byte %llu is damaged", ull(v->c.ino), ull(pos));
			return 0;
		}
		words[w.w_attr]++;
	}
	return 0;
}

static void check_keywords(struct verify *v, const struct vexfs_collection *col, const __u32 *words, __u64 slot,
			   const struct vexfs_record *r)
{
	__u32 i;

	for (i = 0; i < le32_to_cpu(col->c_attrs); i++)
		if (le16_to_cpu(col->c_attr[i].a_type) == VEXFS_ATTR_KEYWORD && le64_to_cpu(r->r_attr[i]) > words[i])
			problem(v, "collection %llu: record %llu has a keyword without a word", ull(v->c.ino),
				ull(slot));
}

#define MAX_OUTER	16		/* collections within collections, dropped from the inside */

/* Does a file belong to the collection at hand?  A directory that was one leads to what is around it. */
static bool is_inside(struct verify *v, const struct found *f)
{
	__u32 i;

	for (i = 0; i < MAX_OUTER; i++) {
		struct found *to = found_of(v, f->collection);

		if (f->collection == v->c.ino)
			return true;
		if (!to || !to->used || to->flags & VEXFS_INODE_COLLECTION)
			return false;
		f = to;
	}
	return false;
}

/* The file that a record is bound to.  One that is gone is no damage: the record goes at the next mount. */
static void check_binding(struct verify *v, __u64 slot, const struct vexfs_record *r, bool dead)
{
	__u64 ino = le64_to_cpu(r->r_file), off = le64_to_cpu(r->r_file_off);
	struct found *f = found_of(v, ino);
	const char *why = NULL;

	if (!(r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND))) {
		if (ino || off || r->r_file_len || r->r_file_generation || r->r_file_change)
			why = "is bound to no file, and says where in it";
	} else if (!vexfs_ino_valid(v->fs, ino) || off > (__u64)INT64_MAX - le32_to_cpu(r->r_file_len)) {
		why = "is bound to nowhere";
	} else if (!dead && f && f->used && f->generation == le32_to_cpu(r->r_file_generation) && f->nlink) {
		if (!S_ISREG(f->mode) || f->flags & VEXFS_INODE_HIDDEN)
			why = "is bound to what is no file";
		else if (!(f->flags & VEXFS_INODE_BOUND))
			why = "is bound to a file that does not know it";
		else if (!is_inside(v, f))
			why = "is bound to a file of another collection";
		else if (le64_to_cpu(r->r_file_change) > f->data_change)
			why = "is bound to a later state of its file";
	}
	if (why)
		problem(v, "collection %llu: record %llu %s (inode %llu)", ull(v->c.ino), ull(slot), why, ull(ino));
}

/* Is the bit of a slot set?  1, 0, or an error; what is wrong with the bitmap is said by check_dead(). */
static int is_dead(struct verify *v, struct plane *dead, __u64 slot)
{
	const struct vexfs_dead_block *b = (void *)dead->data;
	int ok = dead->c.fs ? plane_block(v, dead, slot / VEXFS_DEAD_SLOTS) : 0;

	return ok > 0 ? test_bit_le(slot % VEXFS_DEAD_SLOTS, b->x_bits) : ok;
}

/* What is made of a collection: its planes, and words of each attribute. */
struct planes {
	struct plane vec, rec, keys, dead, dict;
	__u32 words[VEXFS_MAX_ATTRS];
};

static int check_record(struct verify *v, const struct vexfs_collection *col, struct planes *p, __u64 slot)
{
	__u32 row = le32_to_cpu(col->c_row_bytes), crc;
	__le64 le = cpu_to_le64(slot);
	struct vexfs_record r;
	int ok, dead;

	ok = plane_crc(v, &p->rec, slot * sizeof(r), sizeof(r), NULL, &r);
	if (ok > 0) {
		crc = crc32c(~0u, col->c_uuid, sizeof(col->c_uuid));
		crc = crc32c(crc, &le, sizeof(le));
		crc = crc32c(crc, (char *)&r + sizeof(r.r_crc), sizeof(r) - sizeof(r.r_crc));
		ok = plane_crc(v, &p->vec, slot * row, row, &crc, NULL);
	}
	if (ok > 0 && le32_to_cpu(r.r_flags) & VEXFS_RECORD_KEYED) {
		__u64 off = le64_to_cpu(r.r_key) >> 8, len = le64_to_cpu(r.r_key) & 0xff;

		if (!len || off + len > le64_to_cpu(col->c_key_bytes))
			problem(v, "collection %llu: record %llu has a key where there is none", ull(v->c.ino), ull(slot));
		else
			ok = plane_crc(v, &p->keys, off, len, &crc, NULL);
	}
	if (ok < 0)
		return ok;
	dead = is_dead(v, &p->dead, slot);
	if (dead < 0)
		return dead;
	if (!ok)
		problem(v, "collection %llu: record %llu was never written", ull(v->c.ino), ull(slot));
	else if (crc != le32_to_cpu(r.r_crc))
		problem(v, "collection %llu: record %llu is torn", ull(v->c.ino), ull(slot));
	else if (!r.r_seq || le64_to_cpu(r.r_seq) >= le64_to_cpu(col->c_next_seq))
		problem(v, "collection %llu: record %llu has the sequence number %llu", ull(v->c.ino), ull(slot),
			ull(le64_to_cpu(r.r_seq)));
	else if (le32_to_cpu(r.r_flags) & ~VEXFS_RECORD_ALL)
		problem(v, "collection %llu: record %llu has unknown flags %#x", ull(v->c.ino), ull(slot),
			le32_to_cpu(r.r_flags));
	else {
		check_keywords(v, col, p->words, slot, &r);
		check_binding(v, slot, &r, dead);
	}
	return 0;
}

/* Count the dead below count; blocks that are not there hold none. */
static int check_dead(struct verify *v, struct plane *p, __u64 count, __u64 *dead)
{
	__u32 lblk, n = DIV_ROUND_UP(count, VEXFS_DEAD_SLOTS), i, set;

	*dead = 0;
	for (lblk = 0; lblk < n; lblk++) {
		const struct vexfs_dead_block *b = (void *)p->data;
		int ok = plane_block(v, p, lblk);

		if (ok < 0)
			return ok;
		if (!ok)
			continue;
		if (le32_to_cpu(b->x_magic) != VEXFS_DEAD_MAGIC || le32_to_cpu(b->x_lblk) != lblk ||
		    le32_to_cpu(b->x_crc) != vexfs_csum(v->fs, b, sizeof(*b),
							offsetof(struct vexfs_dead_block, x_crc), p->c.ino,
							p->c.generation, lblk)) {
			problem(v, "collection %llu: dead bitmap, block %u does not verify", ull(v->c.ino), lblk);
			continue;
		}
		for (i = 0, set = 0; i < VEXFS_DEAD_SLOTS; i++) {
			if (!test_bit_le(i, b->x_bits))
				continue;
			set++;
			if ((__u64)lblk * VEXFS_DEAD_SLOTS + i >= count)
				problem(v, "collection %llu: slot %llu is dead and not committed", ull(v->c.ino),
					ull((__u64)lblk * VEXFS_DEAD_SLOTS + i));
		}
		if (set != le32_to_cpu(b->x_dead))
			problem(v, "collection %llu: dead bitmap, block %u counts %u, has %u", ull(v->c.ino), lblk,
				le32_to_cpu(b->x_dead), set);
		*dead += set;
	}
	return 0;
}

/* The bitmap of a snapshot, which nobody but it has, and its place among the others. */
static int check_snapshot(struct verify *v, const struct vexfs_collection *col, unsigned int i)
{
	const struct vexfs_snapshot *n = col->c_snapshot + i;
	__u64 count = le64_to_cpu(n->n_count), dead;
	struct plane p = { };
	size_t len = strnlen(n->n_name, sizeof(n->n_name));
	unsigned int j;
	int err;

	if (len == sizeof(n->n_name) ||
	    strspn(n->n_name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != len)
		problem(v, "collection %llu: bad name of a snapshot", ull(v->c.ino));
	for (j = 0; j < i; j++)
		if (!strncmp(n->n_name, col->c_snapshot[j].n_name, sizeof(n->n_name)))
			problem(v, "collection %llu: two snapshots %.*s", ull(v->c.ino), (int)len, n->n_name);
	if (count > le64_to_cpu(col->c_count) || (i && count < le64_to_cpu(n[-1].n_count)))
		problem(v, "collection %llu: snapshot %.*s has %llu slots", ull(v->c.ino), (int)len, n->n_name,
			ull(count));
	err = plane_open(v, &p, le64_to_cpu(n->n_dead_ino), "bitmap of a snapshot");
	return err ? err : check_dead(v, &p, count, &dead);
}

static const char *collection_wrong(struct verify *v, const struct vexfs_collection *col, __u64 block)
{
	if (le32_to_cpu(col->c_magic) != VEXFS_COLLECTION_MAGIC)
		return "no collection block";
	if (le32_to_cpu(col->c_crc) != vexfs_csum(v->fs, col, sizeof(*col),
						  offsetof(struct vexfs_collection, c_crc), v->c.ino,
						  v->c.generation, block))
		return "checksum is wrong";
	if (le64_to_cpu(col->c_ino) != v->c.ino || le32_to_cpu(col->c_generation) != v->c.generation)
		return "block belongs to another directory";
	if (!le32_to_cpu(col->c_dims) || le32_to_cpu(col->c_dims) > VEXFS_MAX_DIMS)
		return "wrong number of dims";
	if (!le32_to_cpu(col->c_row_bytes) || le32_to_cpu(col->c_row_bytes) > 4 * VEXFS_MAX_DIMS)
		return "wrong size of a row";
	if (le64_to_cpu(col->c_count) > VEXFS_MAX_SLOTS || le64_to_cpu(col->c_live) > le64_to_cpu(col->c_count))
		return "wrong count";
	if (le32_to_cpu(col->c_attrs) > VEXFS_MAX_ATTRS)
		return "too many attributes";
	return NULL;
}

static int check_planes(struct verify *v, const struct vexfs_collection *col)
{
	struct planes *p = calloc(1, sizeof(*p));
	__u64 count = le64_to_cpu(col->c_count), slot, gone = 0;
	unsigned int i;
	int err = 0;

	if (!p)
		return -ENOMEM;
	if (col->c_vectors)
		err = plane_open(v, &p->vec, le64_to_cpu(col->c_vectors), "vectors plane");
	if (!err && col->c_records)
		err = plane_open(v, &p->rec, le64_to_cpu(col->c_records), "records plane");
	if (!err && col->c_keys)
		err = plane_open(v, &p->keys, le64_to_cpu(col->c_keys), "keys plane");
	if (!err && col->c_dead)
		err = plane_open(v, &p->dead, le64_to_cpu(col->c_dead), "dead bitmap");
	if (!err && col->c_words)
		err = plane_open(v, &p->dict, le64_to_cpu(col->c_words), "words plane");
	for (i = 0; !err && i < VEXFS_MAX_SNAPSHOTS && col->c_snapshot[i].n_name[0]; i++)
		err = check_snapshot(v, col, i);
	if (!err && i < VEXFS_MAX_SNAPSHOTS &&
	    memchr_inv(col->c_snapshot + i, 0, (VEXFS_MAX_SNAPSHOTS - i) * sizeof(col->c_snapshot[0])))
		problem(v, "collection %llu: a gap between snapshots", ull(v->c.ino));
	if (!err && count && (!col->c_vectors || !col->c_records)) {
		problem(v, "collection %llu: has %llu records and no planes", ull(v->c.ino), ull(count));
		err = -ENOENT;
	}
	if (!err && count && (p->vec.c.disk_size < count * le32_to_cpu(col->c_row_bytes) ||
			      p->rec.c.disk_size < count * sizeof(struct vexfs_record)))
		problem(v, "collection %llu: planes are shorter than %llu records", ull(v->c.ino), ull(count));
	if (!err && col->c_key_bytes && (!col->c_keys || p->keys.c.disk_size < le64_to_cpu(col->c_key_bytes)))
		problem(v, "collection %llu: its keys plane is shorter than %llu bytes", ull(v->c.ino),
			ull(le64_to_cpu(col->c_key_bytes)));
	if (!err)
		err = check_words(v, col, &p->dict, p->words);
	for (slot = 0; !err && slot < count; slot++)
		err = check_record(v, col, p, slot);
	if (!err && col->c_dead)
		err = check_dead(v, &p->dead, count, &gone);
	if (!err && count - gone != le64_to_cpu(col->c_live))
		problem(v, "collection %llu: %llu records are live, counts %llu", ull(v->c.ino), ull(count - gone),
			ull(le64_to_cpu(col->c_live)));
	free(p);
	return err == -ENOENT ? 0 : err;
}

static int check_collection(struct verify *v, __u64 ino)
{
	struct found *f = found_of(v, ino);
	const struct vexfs_collection *col;
	struct vexfs_inode *raw;
	const char *why;
	vx_buf *buf;
	int err;

	if (!(f->flags & VEXFS_INODE_COLLECTION))
		return 0;
	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err)
		return err;
	vexfs_inode_load(&v->c, v->fs, ino, raw);
	vx_brelse(buf);
	buf = vx_bread(v->fs, v->c.collection);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	col = vx_data(buf);
	why = collection_wrong(v, col, v->c.collection);
	if (why)
		problem(v, "collection %llu: %s", ull(ino), why);
	else
		err = check_planes(v, col);
	vx_brelse(buf);
	return err ? damaged(v, err, "collection", ino) : 0;
}

static void check_counters(struct verify *v)
{
	const struct vexfs_super *s = vx_data(v->fs->sb_buf);

	if (!(le16_to_cpu(s->s_state) & VEXFS_STATE_CLEAN))
		return;			/* they count at the next mount */
	if (le64_to_cpu(s->s_free_blocks) != v->free_blocks)
		problem(v, "%llu blocks are free, the superblock counts %llu", ull(v->free_blocks),
			ull(le64_to_cpu(s->s_free_blocks)));
	if (le64_to_cpu(s->s_free_inodes) != v->free_inodes)
		problem(v, "%llu inodes are free, the superblock counts %llu", ull(v->free_inodes),
			ull(le64_to_cpu(s->s_free_inodes)));
}

int vexfs_verify(struct vexfs_fs *fs, void (*report)(void *arg, const char *fmt, ...), void *arg)
{
	struct verify v = { .fs = fs, .dev = fs->host, .report = report, .arg = arg };
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
		err = for_inodes(&v, check_collection, true);
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
	return err ? err : v.problems;
}

int vexfs_log_pending(struct vexfs_dev *dev, const struct vexfs_super *super)
{
	__be32 j[VEXFS_BLOCK_SIZE / 4];
	int err;

	err = vexfs_dev_read(dev, le64_to_cpu(super->s_journal_start), j);
	if (err)
		return err;
	if (be32toh(j[0]) != 0xc03b3998)
		return -EUCLEAN;
	return j[7] != 0;		/* s_start: where the oldest transaction is */
}
