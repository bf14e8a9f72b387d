// SPDX-License-Identifier: GPL-2.0
/*
 * Heirs: files that took the place of others by rename, and their records.
 *
 * A file is replaced by renaming another one over it: by editors, `sed -i`, git.  Its records are
 * what has to be embedded again, so the new file inherits them, as stale ones (bind.c).  Records on
 * the planes are immutable and name the file that they were bound to, so a table of the collection
 * says who is whose heir: a hidden inode of journaled blocks, made when it is first needed, in
 * which the transaction of the rename itself makes one entry.  So after a crash there is the old
 * file with its records, or the new one with them.
 *
 * Entries make chains (A to B, B to C); loading follows them to their ends.  Each rename changes
 * one: if a file is replaced that no record names, and one entry leads to it, then that entry leads
 * to the heir from now on.  So a file that is replaced a thousand times needs one entry, and there
 * are never more than twice as many as there are slots.  Compaction makes a new table of what its
 * slots need.
 *
 * What is not inherited: where the new file is none (a symlink, say), or who renames it may not
 * read the old one, the records go, as by unlink: whoever may write to a directory must not come to
 * read what is in it that way.  Where the old file has another name they stay with it.
 * RENAME_EXCHANGE takes no file's place: the records go where their file goes, as by any other
 * rename.
 *
 * Locks: vexfs_collection_mem.lock from vexfs_inherit_begin() to vexfs_inherit_end(), and
 * commit_lock while the table is made.  The VFS holds i_rwsem of both files and their directories.
 */
#include "collection/collection.h"

#define PER_BLOCK	VEXFS_HEIRS_PER_BLOCK

/* --- blocks --- */

static u32 blocks_of(const struct inode *table)
{
	return VEXFS_I(table)->core.disk_size >> VEXFS_BLOCK_SHIFT;
}

static vx_buf *table_block(struct inode *table, u32 lblk)
{
	vx_buf *bh = vexfs_block_read(table, lblk, VEXFS_HEIR_MAGIC, "table of heirs");
	const struct vexfs_heir_block *block;
	u32 n;

	if (IS_ERR(bh))
		return bh;
	block = vx_data(bh);
	n = le32_to_cpu(block->h_entries);
	if (n == PER_BLOCK || (n < PER_BLOCK && lblk == blocks_of(table) - 1))
		return bh;
	vexfs_error(table->i_sb, "collection %llu, block %u of the table of heirs %lu: %u entries",
		    VEXFS_I(table)->core.parent, lblk, table->i_ino, n);
	vx_brelse(bh);
	return ERR_PTR(-EUCLEAN);
}

static struct vexfs_file_id from_of(const struct vexfs_heir *e)
{
	return (struct vexfs_file_id){ le64_to_cpu(e->h_ino), le32_to_cpu(e->h_generation) };
}

static struct vexfs_file_id to_of(const struct vexfs_heir *e)
{
	return (struct vexfs_file_id){ le64_to_cpu(e->h_heir), le32_to_cpu(e->h_heir_generation) };
}

static void set_from(struct vexfs_heir *e, const struct vexfs_file_id *id)
{
	e->h_ino = cpu_to_le64(id->ino);
	e->h_generation = cpu_to_le32(id->generation);
}

static void set_to(struct vexfs_heir *e, const struct vexfs_file_id *id)
{
	e->h_heir = cpu_to_le64(id->ino);
	e->h_heir_generation = cpu_to_le32(id->generation);
}

/* --- loading --- */

struct loaded {
	struct vexfs_file_id from, to;
	u32 entry;			/* of the table */
	u32 next;			/* index here of the entry of `to`, or NONE */
};
#define NONE	(~0u)

struct vexfs_heirs {
	u32 n;
	struct loaded e[] __counted_by(n);	/* sorted by `from` */
};

static int compare(const void *a, const void *b)
{
	const struct vexfs_file_id *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

static int compare_from(const void *a, const void *b)
{
	cond_resched();
	return compare(&((const struct loaded *)a)->from, &((const struct loaded *)b)->from);
}

static int compare_key(const void *key, const void *e)
{
	return compare(key, &((const struct loaded *)e)->from);
}

static const struct loaded *find(const struct vexfs_heirs *h, const struct vexfs_file_id *id)
{
	return h ? bsearch(id, h->e, h->n, sizeof(*h->e), compare_key) : NULL;
}

static int damaged(const struct vexfs_body *b, const char *why, u64 ino)
{
	vexfs_error(b->dir->i_sb, "collection %lu, table of heirs: inode %llu %s", b->dir->i_ino,
		    ino, why);
	return -EUCLEAN;
}

static int read_entries(struct vexfs_body *b, struct vexfs_heirs *h)
{
	struct vexfs_fs *fs = &VEXFS_SB(b->dir->i_sb)->fs;
	const struct vexfs_heir_block *block;
	vx_buf *bh;
	u32 i, j, n;

	for (i = 0; i < h->n; i += n) {
		bh = table_block(b->heirs, i / PER_BLOCK);
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		block = vx_data(bh);
		n = min(h->n - i, (u32)PER_BLOCK);
		for (j = 0; j < n; j++) {
			struct loaded *e = h->e + i + j;

			e->from = from_of(block->h_entry + j);
			e->to = to_of(block->h_entry + j);
			e->entry = i + j;
			if (!vexfs_ino_valid(fs, e->from.ino) || !vexfs_ino_valid(fs, e->to.ino)) {
				vx_brelse(bh);
				return damaged(b, "is out of range", e->from.ino);
			}
		}
		vx_brelse(bh);
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* How many entries, by blocks that are there: a damaged size may say anything. */
static int count_entries(struct vexfs_body *b, u32 *entries)
{
	u32 lblk, blocks = blocks_of(b->heirs);
	const struct vexfs_heir_block *block;
	vx_buf *bh;

	*entries = 0;
	if (blocks > U32_MAX / PER_BLOCK)
		return damaged(b, "is too large", b->heirs->i_ino);
	for (lblk = 0; lblk < blocks; lblk++) {
		if (vx_killed())
			return -EINTR;
		bh = table_block(b->heirs, lblk);
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		block = vx_data(bh);
		*entries += le32_to_cpu(block->h_entries);
		vx_brelse(bh);
		cond_resched();
	}
	return 0;
}

/*
 * Make every entry lead to the end of its chain.  Each one that is passed leads there at once from
 * then on, so all of it takes a time that is about linear.
 */
static int follow(struct vexfs_body *b, struct vexfs_heirs *h)
{
	const struct loaded *e;
	u32 i, at, end, next, steps;

	for (i = 0; i < h->n; i++) {
		if (vx_killed())
			return -EINTR;
		if (i && !compare(&h->e[i - 1].from, &h->e[i].from))
			return damaged(b, "has two heirs", h->e[i].from.ino);
		e = find(h, &h->e[i].to);
		h->e[i].next = e ? e - h->e : NONE;
		cond_resched();
	}
	for (i = 0; i < h->n; i++) {
		for (end = i, steps = 0; h->e[end].next != NONE; end = h->e[end].next)
			if (++steps > h->n)
				return damaged(b, "is its own heir", h->e[i].from.ino);
		for (at = i; at != end; at = next) {
			next = h->e[at].next;
			h->e[at].next = end;
		}
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	return 0;
}

struct vexfs_heirs *vexfs_heirs_load(struct vexfs_body *b)
{
	struct vexfs_heirs *h;
	int err;

	b->heir_entries = 0;
	if (!b->heirs)
		return NULL;
	err = count_entries(b, &b->heir_entries);
	if (err || !b->heir_entries)
		return ERR_PTR(err);
	h = kvmalloc(struct_size(h, e, b->heir_entries), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!h)
		return ERR_PTR(-ENOMEM);
	h->n = b->heir_entries;
	err = read_entries(b, h);
	if (!err) {
		sort(h->e, h->n, sizeof(*h->e), compare_from, NULL);
		err = follow(b, h);
	}
	if (!err)
		return h;
	kvfree(h);
	return ERR_PTR(err);
}

void vexfs_heirs_find(const struct vexfs_heirs *h, const struct vexfs_file_id *id,
		      struct vexfs_file_id *now)
{
	const struct loaded *e = find(h, id);

	if (!e)
		*now = *id;
	else
		*now = e->next == NONE ? e->to : h->e[e->next].to;
}

static void count_link(struct vexfs_body *b, const struct vexfs_file_id *to, u32 entry)
{
	struct vexfs_bound_file *f = xa_load(&b->files.by_ino, to->ino);

	if (f && f->now.generation == to->generation) {
		f->links++;
		f->link = entry;
	}
}

void vexfs_heirs_link(const struct vexfs_heirs *h, struct vexfs_body *b)
{
	u32 i;

	for (i = 0; h && i < h->n; i++) {
		count_link(b, &h->e[i].to, h->e[i].entry);
		cond_resched();
	}
}

/* --- compaction --- */

static void fill(void *to, const void *from)
{
	struct vexfs_heir_block *block = to;
	const struct vexfs_heir_block *with = from;

	block->h_entries = with->h_entries;
	memcpy(block->h_entry, with->h_entry, sizeof(block->h_entry));
}

/*
 * A block more; with NULL: an empty one.  A full filesystem must not prevent a compaction, which
 * gives space back, nor that somebody saves a file; so it is of the reserve, if need be.
 */
static int append(struct inode *table, u32 lblk, const struct vexfs_heir_block *with)
{
	vexfs_plane_tight(table, true);
	return vexfs_block_append(table, lblk, VEXFS_HEIR_MAGIC, fill, with);
}

static int flush(struct vexfs_body *b, struct vexfs_heir_block *block)
{
	u32 n = b->heir_entries % PER_BLOCK ?: PER_BLOCK;
	int err;

	block->h_entries = cpu_to_le32(n);
	err = append(b->heirs, (b->heir_entries - 1) / PER_BLOCK, block);
	memset(block, 0, sizeof(*block));
	return err;
}

/* Those of files that are gone are left out: what names them stays gone. */
static bool is_needed(const struct vexfs_bound_file *f, const struct vexfs_bound_file *heir)
{
	return heir->class && compare(&f->id, &heir->now);
}

int vexfs_heirs_write(struct vexfs_collection_mem *c, struct vexfs_body *b)
{
	struct vexfs_bound_file *f, *heir;
	struct vexfs_heir_block *block;
	struct vexfs_heir *e;
	int err = 0;

	lockdep_assert_held(&c->lock);
	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	b->heir_entries = 0;
	list_for_each_entry(f, &b->files.all, all) {
		/* that one has no heir itself: see bind.c */
		heir = f->file.heir ? vexfs_bound_file(f->file.heir) : f;
		if (!is_needed(f, heir))
			continue;
		if (!b->heirs) {
			struct inode *table = vexfs_new_orphan(c->dir, VEXFS_INODE_METADATA);

			err = PTR_ERR_OR_ZERO(table);
			if (err)
				break;
			b->heirs = table;
		}
		e = block->h_entry + b->heir_entries % PER_BLOCK;
		set_from(e, &f->id);
		set_to(e, &heir->now);
		heir->links++;
		heir->link = b->heir_entries++;
		if (b->heir_entries % PER_BLOCK == 0)
			err = flush(b, block);
		if (!err && vx_killed())
			err = -EINTR;
		if (err)
			break;
		cond_resched();
	}
	if (!err && b->heir_entries % PER_BLOCK)
		err = flush(b, block);
	kfree(block);
	return err;
}

/* --- rename --- */

/* In the transaction: the collection has this table. */
static int adopt_table(struct vexfs_collection_mem *c, struct inode *table)
{
	struct vexfs_schema_change s;
	int err = vexfs_schema_begin(&s, c, VEXFS_ADOPT_CREDITS);

	if (err)
		return err;
	err = vexfs_adopt_hidden(s.handle, table);
	if (!err)
		s.raw->c_heirs = cpu_to_le64(table->i_ino);
	return vexfs_schema_end(&s, err);
}

/*
 * Room for one entry more.  commit_lock and lock held.  *table: an empty orphan, ours if it was
 * used.
 */
static int grow(struct vexfs_collection_mem *c, struct inode **table)
{
	struct vexfs_body *b = c->body;
	int err;

	if (c->gone)
		return c->gone;
	if (b->heirs)
		return b->heir_entries / PER_BLOCK < blocks_of(b->heirs) ? 0 :
		       append(b->heirs, blocks_of(b->heirs), NULL);
	err = append(*table, 0, NULL) ?: adopt_table(c, *table);
	if (!err) {
		b->heirs = *table;
		b->heir_entries = 0;
		*table = NULL;
	}
	return err;
}

/* No lock held.  none: there was no table a moment ago. */
static int make_room(struct vexfs_collection_mem *c, bool none)
{
	struct inode *table = NULL;
	int err;

	if (none) {
		table = vexfs_new_orphan(c->dir, VEXFS_INODE_METADATA);
		if (IS_ERR(table))
			return PTR_ERR(table);
	}
	err = mutex_lock_killable(&c->commit_lock);
	if (!err) {
		err = mutex_lock_killable(&c->lock);
		if (!err) {
			/* compaction may have dropped the table meanwhile: then once more */
			if (c->body->heirs || table)
				err = grow(c, &table);
			mutex_unlock(&c->lock);
		}
		mutex_unlock(&c->commit_lock);
	}
	iput(table);			/* not used: freed, outside locks */
	return err;
}

/*
 * The entry to change, and its block.  lock held.  -EAGAIN: there is no room; -ENODATA: there is
 * nothing to inherit.
 */
static int choose(struct vexfs_inheritance *h)
{
	struct vexfs_file_id replaced = { h->replaced->i_ino, h->replaced->i_generation }, to;
	struct vexfs_body *b = h->c->body;
	const struct vexfs_bound_file *f = vexfs_file_here(&b->files, h->replaced);
	const struct vexfs_heir_block *block;
	u32 at, n;

	if (h->c->gone || !f)
		return h->c->gone ?: -ENODATA;
	h->again = f->links == 1 && !vexfs_file_named(f);
	h->entry = h->again ? f->link : b->heir_entries;
	if (!b->heirs || h->entry / PER_BLOCK >= blocks_of(b->heirs))
		return -EAGAIN;
	h->bh = table_block(b->heirs, h->entry / PER_BLOCK);
	if (IS_ERR(h->bh))
		return PTR_ERR(h->bh);
	block = vx_data(h->bh);
	at = h->entry % PER_BLOCK;
	n = le32_to_cpu(block->h_entries);
	to = to_of(block->h_entry + at);
	if (h->again ? at < n && !compare(&to, &replaced) : at == n)
		return 0;
	vx_brelse(h->bh);
	return damaged(b, "is not where it was", replaced.ino);
}

/* With 0, c->lock is held and all is ready. */
static int prepare(struct vexfs_inheritance *h)
{
	bool none;
	int err;

	do {
		err = mutex_lock_killable(&h->c->lock);
		if (err)
			return err;
		err = choose(h);
		if (!err)
			return 0;
		none = !h->c->body->heirs;
		mutex_unlock(&h->c->lock);
		if (err == -EAGAIN)
			err = make_room(h->c, none) ?: -EAGAIN;
	} while (err == -EAGAIN);
	return err;
}

/*
 * After the rename, does the heir belong to the collection of dir alone?  See set_collection() in
 * namei.c.
 */
static bool joins(struct inode *heir, struct inode *dir)
{
	return heir->i_nlink == 1 || VEXFS_I(heir)->core.collection == vexfs_collection_of(dir);
}

int vexfs_inherit_begin(struct mnt_idmap *idmap, struct vexfs_inheritance *h,
			struct inode *replaced, struct inode *heir, struct inode *dir)
{
	u64 ino;
	int err;

	*h = (struct vexfs_inheritance){ .replaced = replaced, .heir = heir };
	if (!S_ISREG(replaced->i_mode) || !S_ISREG(heir->i_mode) || replaced->i_nlink > 1 ||
	    !(VEXFS_I(replaced)->core.flags & VEXFS_INODE_BOUND) ||
	    vexfs_may_inherit(idmap, replaced))
		return 0;
	ino = vexfs_collection_of(dir);
	if (!ino)
		return 0;
	h->dir = vexfs_iget(replaced->i_sb, ino, VEXFS_IGET_HANDLE);
	if (IS_ERR(h->dir)) {
		err = PTR_ERR(h->dir);
		h->dir = NULL;
		return err == -ESTALE ? 0 : err;
	}
	h->c = vexfs_collection_get(h->dir);
	err = PTR_ERR_OR_ZERO(h->c);
	if (!err) {
		err = prepare(h);
		if (!err && joins(heir, dir))
			return 0;
		if (!err) {
			vx_brelse(h->bh);
			mutex_unlock(&h->c->lock);
			err = -EXDEV;
		}
		vexfs_collection_put(h->c);
	}
	iput(h->dir);
	h->dir = NULL;
	return err == -ENODATA ? 0 : err;
}

int vexfs_inherit_access(vx_txn *handle, struct vexfs_inheritance *h)
{
	return h->dir ? vx_txn_write(handle, h->bh) : 0;
}

int vexfs_inherit_log(vx_txn *handle, struct vexfs_inheritance *h)
{
	struct vexfs_file_id to, from;
	struct vexfs_inode_core *core;
	struct vexfs_bound_file *f, *now;
	struct vexfs_heir_block *block;
	struct vexfs_heir *e;
	struct vexfs_body *b;
	int err;

	if (!h->dir)			/* then there may be no file that is replaced */
		return 0;
	to = (struct vexfs_file_id){ h->heir->i_ino, h->heir->i_generation };
	from = (struct vexfs_file_id){ h->replaced->i_ino, h->replaced->i_generation };
	core = &VEXFS_I(h->heir)->core;
	b = h->c->body;
	block = vx_data(h->bh);
	e = block->h_entry + h->entry % PER_BLOCK;
	if (!h->again) {
		set_from(e, &from);
		le32_add_cpu(&block->h_entries, 1);
	}
	set_to(e, &to);
	vexfs_block_stamp(b->heirs, h->bh);
	err = vx_txn_dirty(handle, core->fs, h->bh);
	if (err)
		return err;
	if (!h->again)
		b->heir_entries++;
	down_write(&core->lock);
	core->flags |= VEXFS_INODE_BOUND;
	up_write(&core->lock);
	f = vexfs_file_here(&b->files, h->replaced);
	vexfs_files_inherit(h->c, h->replaced, h->heir);
	now = vexfs_file_here(&b->files, h->heir);
	now->links = now == f ? 1 : now->links + 1;
	now->link = h->entry;
	return 0;
}

void vexfs_inherit_end(struct vexfs_inheritance *h)
{
	if (!h->dir)
		return;
	vx_brelse(h->bh);
	mutex_unlock(&h->c->lock);
	vexfs_collection_put(h->c);
	iput(h->dir);
}
