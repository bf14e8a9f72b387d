// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of names.
 *
 * A block of a directory that does not verify is read all the same: an entry of it counts if the
 * hash of its name is right, and the inode that it leads to says that it is in this directory.  A
 * directory of which anything is dropped or changed is made anew, of the entries that count.  What
 * has no name then gets one in lost+found.
 */
#include "repair-priv.h"

#define HEAD ((unsigned int)offsetof(struct vexfs_dir_block, db_entries))

struct entry {
	__u64 ino;
	__u8 type, len;
	char name[VEXFS_NAME_LEN];
};

/* The entries of a directory that count, in their order. */
struct names {
	struct entry *e;
	__u32 n, room;
	bool wrong; /* it has to be made anew */
	__u32 kept, dropped;
};

static __u8 type_of(__u16 mode)
{
	return (mode & S_IFMT) >> 12; /* DT_* are made so */
}

/* --- entries --- */

static bool name_valid(const char *name, unsigned int len)
{
	return len && len <= VEXFS_NAME_LEN && !memchr(name, '/', len) && !memchr(name, 0, len) &&
	       !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static int add(struct names *l, const struct vexfs_dirent *d, __u8 type)
{
	struct entry *e;

	if (l->n == l->room) {
		l->room = l->room * 2 + 64;
		e = realloc(l->e, l->room * sizeof(*e));
		if (!e)
			return -ENOMEM;
		l->e = e;
	}
	e = &l->e[l->n++];
	e->ino = le64_to_cpu(d->d_ino);
	e->type = type;
	e->len = d->d_namelen;
	memcpy(e->name, d->d_name, d->d_namelen);
	return 0;
}

/* Says the inode itself that it is here? */
static bool says_so(const struct rep_inode *f, __u64 dir, __u32 generation)
{
	return (f->parent == dir && f->parent_generation == generation) ||
	       (!S_ISDIR(f->mode) && f->nlink > 1);
}

/* An entry with a place in its block; good: the block verifies. */
static int take(struct repair *r, const struct vexfs_inode_core *c, const struct vexfs_dirent *d,
		bool good, struct names *l)
{
	const struct rep_inode *f = rep_used(r, le64_to_cpu(d->d_ino));
	bool hash;

	if (!d->d_ino)
		return 0;
	hash = le32_to_cpu(d->d_hash) == crc32c(~0u, d->d_name, d->d_namelen);
	if (!f || !name_valid(d->d_name, d->d_namelen) || (f->flags & VEXFS_INODE_HIDDEN) ||
	    le64_to_cpu(d->d_ino) == VEXFS_ROOT_INO ||
	    (!good &&
	     (!hash || d->d_type != type_of(f->mode) || !says_so(f, c->ino, c->generation)))) {
		l->wrong = true;
		l->dropped++;
		return 0;
	}
	l->wrong |= !hash || d->d_type != type_of(f->mode);
	return add(l, d, type_of(f->mode));
}

static int parse(struct repair *r, const struct vexfs_inode_core *c, const __u8 *block, bool good,
		 struct names *l)
{
	unsigned int off, len;
	int err = 0;

	for (off = HEAD; off <= VEXFS_BLOCK_SIZE - VEXFS_DIRENT_HEAD && !err; off += len) {
		const struct vexfs_dirent *d = (const void *)(block + off);

		len = le16_to_cpu(d->d_reclen);
		if (len < VEXFS_DIRENT_HEAD || len % 8 || len > VEXFS_BLOCK_SIZE - off ||
		    (d->d_ino && len < VEXFS_DIRENT_LEN(d->d_namelen))) {
			l->wrong = true;
			len = 8; /* the next one may begin anywhere */
			good = false;
			continue;
		}
		if (!d->d_ino && off != HEAD)
			l->wrong = true;
		err = take(r, c, d, good, l);
	}
	l->wrong |= off != VEXFS_BLOCK_SIZE;
	return err;
}

static int read_block(struct repair *r, const struct vexfs_inode_core *c, __u64 pblk, __u32 lblk,
		      struct names *l)
{
	vx_buf *buf = vx_bread(&r->fs, pblk);
	__u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));
	const struct vexfs_dir_block *db = (const void *)block;
	bool good;
	int err;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	memcpy(block, vx_data(buf), sizeof(block));
	vx_brelse(buf);
	good = rep_is_block(c, block, lblk, VEXFS_DIR_MAGIC);
	if (!good) {
		good = rep_nearly(db->db_magic, VEXFS_DIR_MAGIC) &&
		       rep_one_bit(r, block, sizeof(block),
				   offsetof(struct vexfs_dir_block, db_crc), c->ino, &c->generation,
				   lblk) &&
		       rep_is_block(c, block, lblk, VEXFS_DIR_MAGIC);
		l->wrong = true;
	}
	good = good && le32_to_cpu(db->db_generation) == c->generation;
	l->wrong |= !good;
	err = parse(r, c, block, good, l);
	return err;
}

/* Of two that have one name the first stays. */
static int by_name(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;
	int d = (*x)->len != (*y)->len ? (*x)->len - (*y)->len :
					 memcmp((*x)->name, (*y)->name, (*x)->len);

	return d ? d : *x < *y ? -1 : 1;
}

static int drop_twins(struct names *l)
{
	struct entry **p = malloc((l->n + 1) * sizeof(*p));
	__u32 i, n;

	if (!p)
		return -ENOMEM;
	for (i = 0; i < l->n; i++)
		p[i] = &l->e[i];
	qsort(p, l->n, sizeof(*p), by_name);
	for (i = n = 0; i < l->n; i++) {
		if (i && p[n]->len == p[i]->len && !memcmp(p[n]->name, p[i]->name, p[i]->len)) {
			p[i]->ino = 0;
			l->wrong = true;
			l->dropped++;
		} else {
			n = i;
		}
	}
	free(p);
	for (i = n = 0; i < l->n; i++)
		if (l->e[i].ino)
			l->e[n++] = l->e[i];
	l->n = l->kept = n;
	return 0;
}

struct reading {
	struct repair *r;
	const struct vexfs_inode_core *c;
	struct names *l;
	__u64 blocks;
};

static int read_extent(void *arg, const struct vexfs_map *m)
{
	struct reading *d = arg;
	__u64 end = d->c->disk_size >> VEXFS_BLOCK_SHIFT;
	__u32 i;
	int err = 0;

	for (i = 0; i < m->len && m->lblk + i < end && !m->unwritten && !err; i++) {
		err = read_block(d->r, d->c, m->pblk + i, m->lblk + i, d->l);
		d->blocks++;
	}
	return err;
}

static int read_names(struct repair *r, struct vexfs_inode_core *c, struct names *l)
{
	struct reading d = { r, c, l, 0 };
	int err = vexfs_extent_walk(c, read_extent, &d);

	if (!err && d.blocks != c->disk_size >> VEXFS_BLOCK_SHIFT)
		l->wrong = true;
	return err ? err : drop_twins(l);
}

/* --- changing directories --- */

static int make_anew(struct repair *r, struct vexfs_inode_core *c, const struct names *l)
{
	__u32 i;
	int err;

	c->disk_size = 0;
	c->dir_hint = 0;
	err = rep_cut(r, c, 0);
	for (i = 0; i < l->n && !err; i++)
		if (l->e[i].ino)
			err = vexfs_dir_add(&r->t, c, l->e[i].name, l->e[i].len, l->e[i].ino,
					    l->e[i].type);
	return err ? err : rep_store(r, c, NULL, NULL);
}

/*
 * The names of an inode, if it is a directory: each stays if `stays` says so, which learns what it
 * leads to.  l->e is the caller's to free.
 */
static int look_over(struct repair *r, __u64 ino, struct rep_inode *dir, struct vexfs_inode_core *c,
		     struct names *l,
		     bool (*stays)(__u64 ino, struct rep_inode *dir, struct rep_inode *f))
{
	__u32 i;
	int err;

	memset(l, 0, sizeof(*l));
	if (!S_ISDIR(dir->mode))
		return 0;
	err = rep_load(r, ino, c);
	if (!err)
		err = read_names(r, c, l);
	for (i = 0; i < l->n && !err; i++) {
		if (stays(ino, dir, rep_used(r, l->e[i].ino)))
			continue;
		l->e[i].ino = 0;
		l->wrong = true;
		l->dropped++;
		l->kept--;
	}
	return err;
}

static bool note_holder(__u64 ino, struct rep_inode *dir, struct rep_inode *f)
{
	bool by_parent = f->parent == ino && f->parent_generation == dir->generation;

	if (S_ISDIR(f->mode) && (!f->holder || (!f->held_by_parent && by_parent))) {
		f->holder = ino;
		f->held_by_parent = by_parent;
	}
	return true;
}

/* Which directory is each directory in? */
static int find_holders(struct repair *r, __u64 ino, struct rep_inode *dir)
{
	struct vexfs_inode_core c;
	struct names l;
	int err = look_over(r, ino, dir, &c, &l, note_holder);

	free(l.e);
	return err;
}

/* A directory whose holders do not lead to the root: the ring is cut where it is met. */
static int cut_rings(struct repair *r, __u64 ino, struct rep_inode *f)
{
	__u64 left = (__u64)r->fs.groups_init * r->fs.inodes_per_group;
	struct rep_inode *at;

	if (!S_ISDIR(f->mode))
		return 0;
	rep_find(r, VEXFS_ROOT_INO)->rooted = true;
	for (at = f; !at->rooted && at->holder && left; left--)
		at = rep_find(r, at->holder);
	if (!left) {
		did(r, "directory %llu: was below itself", ull(ino));
		f->holder = 0;
	}
	for (at = f; !at->rooted; at = rep_find(r, at->holder)) {
		at->rooted = true;
		if (!at->holder)
			break;
	}
	return 0;
}

static bool count_name(__u64 ino, struct rep_inode *dir, struct rep_inode *f)
{
	if ((S_ISDIR(f->mode) && (f->holder != ino || f->held)) || f->names == VEXFS_LINK_MAX)
		return false;
	f->held = true;
	f->names++;
	f->holder = ino;
	dir->subdirs += S_ISDIR(f->mode);
	return true;
}

/* Names that stay; the others go. */
static int settle(struct repair *r, __u64 ino, struct rep_inode *dir)
{
	struct vexfs_inode_core c;
	struct names l;
	int err = look_over(r, ino, dir, &c, &l, count_name);

	if (!err && l.wrong) {
		did(r, "directory %llu: made anew with %u names, %u were dropped", ull(ino), l.kept,
		    l.dropped);
		err = make_anew(r, &c, &l);
	}
	free(l.e);
	return err;
}

/* --- lost+found --- */

static int add_name(struct repair *r, __u64 dir, const char *name, __u64 ino)
{
	struct rep_inode *f = rep_find(r, ino);
	struct vexfs_inode_core c;
	int err = rep_load(r, dir, &c);

	if (!err)
		err = vexfs_dir_add(&r->t, &c, name, strlen(name), ino, type_of(f->mode));
	if (!err)
		err = rep_store(r, &c, NULL, NULL);
	f->names++;
	f->held = true;
	f->holder = dir;
	f->rooted = true;
	rep_find(r, dir)->subdirs += S_ISDIR(f->mode);
	return err;
}

/* The directory for what has no name, made if need be. */
static int find_lost_found(struct repair *r)
{
	char name[32] = "lost+found";
	struct vexfs_inode_core root, c;
	const struct rep_inode *f;
	unsigned int i;
	__u64 ino;
	__u8 type;
	int err = rep_load(r, VEXFS_ROOT_INO, &root);

	for (i = 1; !err; i++) {
		err = vexfs_dir_lookup(&root, name, strlen(name), &ino, &type);
		if (err)
			break;
		f = rep_used(r, ino);
		if (f && S_ISDIR(f->mode) && !(f->flags & VEXFS_INODE_COLLECTION) &&
		    !f->collection) {
			r->lost_found = ino;
			return 0;
		}
		snprintf(name, sizeof(name), "lost+found.%u", i);
	}
	if (err != -ENOENT)
		return err;
	err = rep_make(r, &c, VEXFS_ROOT_INO, S_IFDIR | 0700, 0);
	if (!err)
		err = add_name(r, VEXFS_ROOT_INO, name, c.ino);
	r->lost_found = c.ino;
	return err;
}

int rep_keep(struct repair *r, __u64 ino)
{
	char name[40];
	struct vexfs_inode_core c;
	unsigned int i;
	__u64 other;
	__u8 type;
	int err = r->lost_found ? 0 : find_lost_found(r);

	if (!err)
		err = rep_load(r, r->lost_found, &c);
	if (err)
		return err;
	snprintf(name, sizeof(name), "#%llu", ull(ino));
	for (i = 1; !(err = vexfs_dir_lookup(&c, name, strlen(name), &other, &type)); i++)
		snprintf(name, sizeof(name), "#%llu.%u", ull(ino), i);
	if (err != -ENOENT)
		return err;
	did(r, "inode %llu: had no name, and is lost+found/%s now", ull(ino), name);
	return add_name(r, r->lost_found, name, ino);
}

/* --- the rest --- */

/* A truncate that was not finished; what was unlinked; what has lost its name. */
static int settle_nameless(struct repair *r, __u64 ino, struct rep_inode *f)
{
	struct vexfs_inode_core c;
	int err;

	if (ino == VEXFS_ROOT_INO)
		return 0;
	if (f->unfinished && S_ISREG(f->mode) && (f->nlink || f->names) &&
	    !(f->flags & VEXFS_INODE_HIDDEN)) {
		err = rep_load(r, ino, &c);
		if (!err)
			err = rep_cut(r, &c, DIV_ROUND_UP(c.disk_size, VEXFS_BLOCK_SIZE));
		if (err)
			return err;
	}
	if (f->names || (f->flags & VEXFS_INODE_HIDDEN))
		return 0;
	if (f->nlink)
		return rep_keep(r, ino);
	if (S_ISDIR(f->mode)) {
		err = rep_load(r, ino, &c);
		if (!err)
			err = vexfs_dir_empty(&c);
		if (err == -ENOTEMPTY)
			return rep_keep(r, ino);
		if (err)
			return err;
	}
	did(r, "inode %llu: was unlinked, and is freed", ull(ino));
	f->deleted = true;
	return rep_free(r, ino);
}

int rep_names(struct repair *r)
{
	int err = rep_each(r, find_holders);

	if (!err)
		err = rep_each(r, cut_rings);
	if (!err)
		err = rep_each(r, settle);
	return err ? err : rep_each(r, settle_nameless);
}

/* --- links --- */

struct links {
	__u32 nlink, parent_generation;
	__u64 parent;
};

static void set_links(struct vexfs_inode *raw, void *arg)
{
	const struct links *l = arg;

	raw->i_nlink = cpu_to_le32(l->nlink);
	raw->i_parent = cpu_to_le64(l->parent);
	raw->i_parent_generation = cpu_to_le32(l->parent_generation);
}

static int set_one(struct repair *r, __u64 ino, struct rep_inode *f)
{
	struct links l = { f->nlink, f->parent_generation, f->parent };
	struct rep_inode *holder = rep_used(r, f->holder);

	if (f->flags & VEXFS_INODE_HIDDEN) {
		if (f->nlink)
			return 0;
		l.nlink = 1;
	} else {
		l.nlink = S_ISDIR(f->mode) ? 2 + f->subdirs : f->names;
		if (ino == VEXFS_ROOT_INO) {
			l.parent = ino;
			l.parent_generation = f->generation;
		} else if (holder && (S_ISDIR(f->mode) || (f->parent && f->names == 1))) {
			l.parent = f->holder;
			l.parent_generation = holder->generation;
		}
	}
	if (l.nlink == f->nlink && l.parent == f->parent &&
	    l.parent_generation == f->parent_generation)
		return 0;
	if (l.nlink != f->nlink)
		did(r, "inode %llu: has %u links, counted %u", ull(ino), l.nlink, f->nlink);
	else
		did(r, "inode %llu: is in directory %llu, its parent was %llu", ull(ino),
		    ull(l.parent), ull(f->parent));
	f->nlink = l.nlink;
	return rep_edit(r, ino, set_links, &l);
}

int rep_links(struct repair *r)
{
	return rep_each(r, set_one);
}
