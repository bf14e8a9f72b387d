// SPDX-License-Identifier: GPL-2.0
/*
 * Files that records are bound to.
 *
 * A body has a table of them: what a search must know of a file to decide whether its records may
 * be seen (is it gone? who may read it?) and whether they are stale.  Slots point to entries of the
 * table (vexfs_columns_bind), which live as long as the body, so a search looks at them without a
 * lock.
 *
 * The truth is the inode.  Whoever changes one that has VEXFS_INODE_BOUND (unlink, setattr, a
 * write) first logs it and closes its transaction, then looks for an entry in the loaded
 * collections and copies the state of the inode into it: vexfs_file_changed().  Whoever makes an
 * entry (loading, or an insert) first puts it into the table, then copies the state.  All copying
 * is done under files_lock, from what is true at that time, so no change is lost:
 *
 *	the change finds the entry	it copies the state itself, and if the maker of the entry
 *					comes later, that copies the changed state too
 *	it finds none, or no collection	then the entry is made later, or the collection is put on
 *					the list later, and the state is copied after that: the
 *					changed one
 *
 * Compaction makes a second table; it copies the states of the first one under files_lock, and
 * changes find both (vexfs_files_copy).
 *
 * The state comes from the inode in memory where there is one, else from the inode table: it is
 * logged at every change.  unlink and evict need no plane and no collection lock: iget() waits for
 * an inode that is being evicted.
 *
 * That a file is gone is final: it has no name, and a number that is used again has another
 * generation, for which a new entry takes the place of the old one.  Its records are found by
 * nobody from that moment on; vexfs_record_sweep() makes them ordinary deletions.
 *
 * A file that is renamed over another one, which loses its last name by that, inherits its records
 * (heir.c): they are stale then, whatever they and the heir say, since they name another file.  In
 * the table the entry of the file that was replaced becomes the heir's; or if that has one, it is
 * the heir of the first one and of all that had that as heir.
 *
 * A file may not leave its collection while it has records (vexfs_file_may_leave).  An insert
 * checks that under i_rwsem of the file, and raises vexfs_inode_info.binding until it is done.
 *
 * Locks: collections_lock, then vexfs_collection_mem.files_lock.  Reclaim may take
 * collections_lock, so what is allocated under them is GFP_NOFS.  A rename takes files_lock in its
 * transaction, so none is started under it.
 */
#include "collection/collection.h"

static unsigned int lock(struct vexfs_files *t)
{
	mutex_lock(t->lock);
	return memalloc_nofs_save();
}

static void unlock(struct vexfs_files *t, unsigned int nofs)
{
	memalloc_nofs_restore(nofs);
	mutex_unlock(t->lock);
}

void vexfs_files_init(struct vexfs_collection_mem *c, struct vexfs_files *t)
{
	u32 i;

	t->lock = &c->files_lock;
	t->bound = &c->bound;
	INIT_LIST_HEAD(&t->all);
	INIT_LIST_HEAD(&t->gone);
	xa_init(&t->by_ino);
	for (i = 0; i < VEXFS_CLASS_HEADS; i++)
		INIT_LIST_HEAD(&t->class[i]);
	mutex_lock(t->lock);
	list_add(&t->list, &c->files);
	mutex_unlock(t->lock);
}

void vexfs_files_drop(struct vexfs_files *t)
{
	struct vexfs_bound_file *f, *next;
	struct vexfs_class *class, *after;
	u32 i;

	mutex_lock(t->lock);
	list_del(&t->list);
	WRITE_ONCE(*t->bound, *t->bound - t->n);
	mutex_unlock(t->lock);
	list_for_each_entry_safe(f, next, &t->all, all)
		kfree(f);
	for (i = 0; i < VEXFS_CLASS_HEADS; i++)
		list_for_each_entry_safe(class, after, &t->class[i], list)
			kfree(class);
	xa_destroy(&t->by_ino);
}

u64 vexfs_files_bytes(const struct vexfs_files *t)
{
	return READ_ONCE(t->n) * sizeof(struct vexfs_bound_file) +
	       READ_ONCE(t->classes) * sizeof(struct vexfs_class);
}

/* --- state --- */

/* The class of a file, made if need be.  files_lock held. */
static struct vexfs_class *class_of(struct vexfs_files *t, const struct vexfs_file_state *s)
{
	/* the golden ratio: owner and group are often the same number */
	u32 hash = (s->uid * 31 + s->gid) * 0x61c88647u;
	struct list_head *head = &t->class[hash >> (32 - VEXFS_CLASS_BITS)];
	u16 mode = s->mode & 0444;
	struct vexfs_class *c;

	list_for_each_entry(c, head, list)
		if (c->uid == s->uid && c->gid == s->gid && c->mode == mode)
			return c;
	c = kmalloc(sizeof(*c), GFP_NOFS | __GFP_NOFAIL | __GFP_ACCOUNT);
	c->uid = s->uid;
	c->gid = s->gid;
	c->mode = mode;
	c->id = t->classes;
	c->files = 0;
	c->before = t->newest;
	list_add(&c->list, head);
	smp_store_release(&t->newest, c);
	WRITE_ONCE(t->classes, t->classes + 1);
	return c;
}

static void add_gone(struct vexfs_files *t, struct vexfs_bound_file *f)
{
	if (list_empty(&f->gone))
		list_add_tail(&f->gone, &t->gone);
}

/* f has no heir.  files_lock held. */
static void set_state(struct vexfs_files *t, struct vexfs_bound_file *f,
		      const struct vexfs_file_state *s)
{
	bool there = s->nlink && s->generation == f->now.generation && S_ISREG(s->mode);
	struct vexfs_class *class = there ? class_of(t, s) : NULL;
	struct vexfs_bound_file *member;

	WRITE_ONCE(f->change, s->data_change);
	smp_store_release(&f->class, class);
	if (there && class != f->last) {
		WRITE_ONCE(class->files, class->files + 1);
		if (f->last)
			WRITE_ONCE(f->last->files, f->last->files - 1);
		f->last = class;
	}
	if (there)
		return;
	if (!f->last)
		WRITE_ONCE(t->lost, true);
	add_gone(t, f);
	list_for_each_entry(member, &f->family, family)
		add_gone(t, member);
}

void vexfs_file_changed(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_collection_mem *c;
	struct vexfs_bound_file *f;
	struct vexfs_files *t;
	struct vexfs_file_state s;
	unsigned int nofs;

	if (!(READ_ONCE(core->flags) & VEXFS_INODE_BOUND))
		return;
	mutex_lock(&sbi->collections_lock);
	smp_mb();	/* after the change: who adds the first entry now will see it; see add() */
	/*
	 * All that have bound files: which one it belongs to changes when a collection around it is
	 * dropped.
	 */
	list_for_each_entry(c, &sbi->collections, list) {
		if (!READ_ONCE(c->bound))
			continue;
		mutex_lock(&c->files_lock);
		nofs = memalloc_nofs_save();
		vexfs_file_state(inode, &s);
		list_for_each_entry(t, &c->files, list) {
			f = xa_load(&t->by_ino, inode->i_ino);
			if (f && f->now.generation == s.generation)
				set_state(t, f, &s);
		}
		memalloc_nofs_restore(nofs);
		mutex_unlock(&c->files_lock);
	}
	mutex_unlock(&sbi->collections_lock);
}

void vexfs_data_changed(struct inode *inode)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct super_block *sb = inode->i_sb;
	vx_txn *handle;
	int err;

	if (!test_bit(VEXFS_I_WATCHED, &vi->state))
		return;
	handle = vexfs_start(sb, VEXFS_INODE_CREDITS);
	err = PTR_ERR_OR_ZERO(handle);
	down_write(&vi->core.lock);
	if (test_and_clear_bit(VEXFS_I_WATCHED, &vi->state))
		vi->core.data_change++;
	if (!err)
		err = vexfs_log_inode_locked(handle, inode, true);
	up_write(&vi->core.lock);
	/* the data will change: when that is not in the log, no fsync may succeed */
	if (!IS_ERR(handle))
		vexfs_finish(handle, sb, err);
	else if (err != -EROFS && !vexfs_is_shutdown(sb))
		vexfs_error(sb, "inode %lu: no transaction for a change of its data (error %d)",
			    inode->i_ino, err);
	vexfs_file_changed(inode);
}

/* --- entries --- */

static bool same(const struct vexfs_file_id *a, const struct vexfs_file_id *b)
{
	return a->ino == b->ino && a->generation == b->generation;
}

/* The last heir of an entry, or itself. */
static const struct vexfs_bound_file *last_heir(const struct vexfs_file *file)
{
	while (file->heir)
		file = file->heir;
	return vexfs_bound_file(file);
}

/* Wherever it is; no inode is read into memory.  files_lock held.  -EAGAIN: that does not do. */
static int peek_state(struct super_block *sb, u64 ino, struct vexfs_file_state *s)
{
	struct vexfs_inode raw;
	int err;

	if (vexfs_file_state_in_memory(sb, ino, s))
		return 0;
	err = vexfs_inode_peek(&VEXFS_SB(sb)->fs, ino, &raw);
	if (vexfs_file_state_in_memory(sb, ino, s))
		return 0;
	if (err)
		return err;
	*s = (struct vexfs_file_state){
		.ino = ino,
		.generation = le32_to_cpu(raw.i_generation),
		.nlink = le32_to_cpu(raw.i_nlink),
		.uid = le32_to_cpu(raw.i_uid),
		.gid = le32_to_cpu(raw.i_gid),
		.mode = le16_to_cpu(raw.i_mode),
		.data_change = le64_to_cpu(raw.i_data_change),
	};
	return 0;
}

/* Among those of the file `now` the entry for records that name id.  files_lock held. */
static struct vexfs_bound_file *find(struct vexfs_files *t, const struct vexfs_file_id *id,
				     const struct vexfs_file_id *now)
{
	struct vexfs_bound_file *f = xa_load(&t->by_ino, now->ino), *member;

	if (!f || !same(&f->now, now)) {
		f = t->hidden;
		return f && same(&f->id, id) && same(&f->now, now) ? f : NULL;
	}
	if (same(&f->id, id))
		return f;
	list_for_each_entry(member, &f->family, family)
		if (same(&member->id, id))
			return member;
	return NULL;
}

/* f, which is new, becomes that entry; there: `now` is.  files_lock held.  -ENOMEM. */
static int add(struct vexfs_files *t, struct vexfs_bound_file *f, const struct vexfs_file_id *id,
	       const struct vexfs_file_id *now, bool there)
{
	struct vexfs_bound_file *other = xa_load(&t->by_ino, now->ino);
	int err;

	f->id = *id;
	f->now = *now;
	INIT_LIST_HEAD(&f->gone);
	INIT_LIST_HEAD(&f->family);
	if (other && same(&other->now, now)) {
		f->file.heir = &other->file;
		list_add(&f->family, &other->family);
		if (!list_empty(&other->gone))
			add_gone(t, f);
	} else if (!other || there) {
		err = xa_err(xa_store(&t->by_ino, now->ino, f, GFP_NOFS | __GFP_ACCOUNT));
		if (err)
			return err;
	} else {
		t->hidden = f;
	}
	list_add_tail(&f->all, &t->all);
	WRITE_ONCE(t->n, t->n + 1);
	WRITE_ONCE(*t->bound, *t->bound + 1);
	smp_mb();	/* before the state of the file is looked at; see vexfs_file_changed() */
	return 0;
}

/*
 * Is there a file of this number and generation?  What is not will never be again, so no lock is
 * needed.  1, 0 (or its inode is damaged, and nobody can say), or an error.
 */
static int is_there(struct super_block *sb, const struct vexfs_file_id *id)
{
	struct inode *inode;
	struct vexfs_file_state s;
	int err;

	err = peek_state(sb, id->ino, &s);
	if (err != -EAGAIN)
		return err == -ESTALE ? 0 : err ?: s.generation == id->generation;
	inode = vexfs_iget(sb, id->ino, VEXFS_IGET_HANDLE);
	if (IS_ERR(inode))
		return inode == ERR_PTR(-ESTALE) || inode == ERR_PTR(-EUCLEAN) ? 0 : PTR_ERR(inode);
	err = inode->i_generation == id->generation;
	iput(inode);
	return err;
}

/*
 * The entry of a file, made if need be: gone until somebody says otherwise.  See vexfs_file_load().
 * c->lock held, or nobody else adds to this table.  there: is the file `now`?  -1: nobody knows;
 * with `like` it says so.  fresh: it was made.  ERR_PTR: -ENOMEM; with -1 -EIO, -EUCLEAN.
 */
static struct vexfs_bound_file *entry(struct super_block *sb, struct vexfs_files *t,
				      const struct vexfs_file_id *id,
				      const struct vexfs_file_id *now,
				      const struct vexfs_file *like, int there, bool *fresh)
{
	struct vexfs_bound_file *f, *other, *new = NULL;
	const struct vexfs_bound_file *heir;
	unsigned int nofs;
	bool clash;
	int err = 0;

	*fresh = false;
	for (;;) {
		nofs = lock(t);
		if (like) {			/* may be another one each time */
			heir = last_heir(like);
			now = &heir->now;
			there = !!heir->class;
		}
		f = find(t, id, now);
		other = xa_load(&t->by_ino, now->ino);
		clash = other && !same(&other->now, now) && there < 0;
		if (!f && new && !clash) {
			err = add(t, new, id, now, there > 0);
			*fresh = !err;
			f = err ? NULL : new;
		}
		unlock(t, nofs);
		if (f || err)
			break;
		if (!new)
			new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
		if (!new)
			return ERR_PTR(-ENOMEM);
		if (clash)
			there = is_there(sb, now);
		if (clash && there < 0) {
			err = there;
			break;
		}
	}
	if (!*fresh)
		kfree(new);
	return err ? ERR_PTR(err) : f;
}

struct vexfs_bound_file *vexfs_file_load(struct super_block *sb, struct vexfs_files *t,
					 const struct vexfs_file_id *id,
					 const struct vexfs_file_id *now,
					 const struct vexfs_file *like)
{
	bool fresh;

	return entry(sb, t, id, now, like, -1, &fresh);
}

/* Copy the state of a file into its entry.  -EIO, -ENOMEM; -EUCLEAN: its inode is damaged. */
static int refresh(struct super_block *sb, struct vexfs_files *t, struct vexfs_bound_file *f)
{
	struct inode *inode = NULL;
	struct vexfs_file_state s = {};
	unsigned int nofs;
	int err;

	peek_state(sb, f->now.ino, &s);	/* so that its block is in memory when the lock is held */
	nofs = lock(t);
	err = peek_state(sb, f->now.ino, &s);
	if (!err)
		set_state(t, f, &s);
	unlock(t, nofs);
	if (err == -EAGAIN) {		/* damaged, or it came into memory, or it is going */
		inode = vexfs_iget(sb, f->now.ino, VEXFS_IGET_HANDLE);
		err = PTR_ERR_OR_ZERO(inode);
	}
	if (err && err != -ESTALE)
		return err;
	if (!err && !inode)
		return 0;
	nofs = lock(t);
	if (err)
		s = (struct vexfs_file_state){};	/* there is no such inode */
	else
		vexfs_file_state(inode, &s);
	set_state(t, f, &s);
	unlock(t, nofs);
	if (!err)
		iput(inode);
	return 0;
}

/* The records that name f->id. */
static int lose_records(struct vexfs_body *b, const struct vexfs_bound_file *f)
{
	struct vexfs_trial t = { .b = b };
	u64 slot = f->file.records ? f->file.last : VEXFS_NO_SLOT;
	int err = 0;

	for (; slot != VEXFS_NO_SLOT && !err; slot = vexfs_columns_bound_before(b->columns, slot))
		if (!vexfs_columns_dead(b->columns, slot) && !vexfs_columns_lost(b->columns, slot))
			err = vexfs_trial_lose(&t, slot, VEXFS_LOST_FILE, false, false);
	return err;
}

/*
 * The inode of f is damaged.  It is not on the list of those that are gone: the file may be there, and its
 * records are not deleted for that.
 */
static int lose_file(struct vexfs_body *b, const struct vexfs_bound_file *f)
{
	const struct vexfs_bound_file *member;
	int err = lose_records(b, f);

	list_for_each_entry(member, &f->family, family)
		err = err ?: lose_records(b, member);
	return err;
}

int vexfs_files_refresh(struct vexfs_body *b)
{
	struct super_block *sb = b->dir->i_sb;
	struct vexfs_files *t = &b->files;
	struct vexfs_bound_file *f;
	int err = 0;

	list_for_each_entry(f, &t->all, all) {
		/* one whose place was taken has another generation: it stays gone */
		err = f->file.heir ? 0 : refresh(sb, t, f);
		if (err == -EUCLEAN)
			err = lose_file(b, f);
		if (!err && vx_killed())
			err = -EINTR;
		if (err)
			break;
		cond_resched();
	}
	return err;
}

/* The state of a file, by an entry of another table; NULL or another generation: it is gone. */
static void copy_entry(struct vexfs_files *t, struct vexfs_bound_file *f,
		       const struct vexfs_bound_file *old)
{
	struct vexfs_file_state s = {};

	if (old && same(&old->now, &f->now) && old->class)
		s = (struct vexfs_file_state){
			.generation = f->now.generation,
			.nlink = 1,
			.uid = old->class->uid,
			.gid = old->class->gid,
			.mode = S_IFREG | old->class->mode,
			.data_change = old->change,
		};
	set_state(t, f, &s);
}

void vexfs_files_copy(struct vexfs_files *to, struct vexfs_files *from)
{
	struct vexfs_bound_file *f;
	unsigned int nofs = lock(to);

	list_for_each_entry(f, &to->all, all) {
		if (!f->file.heir)
			copy_entry(to, f, xa_load(&from->by_ino, f->now.ino));
		cond_resched();
	}
	unlock(to, nofs);
}

u64 vexfs_files_gone(struct vexfs_files *t)
{
	struct vexfs_bound_file *f;
	u64 records = 0;

	mutex_lock(t->lock);
	list_for_each_entry(f, &t->gone, gone)
		records += f->file.records;
	mutex_unlock(t->lock);
	return records;
}

u64 vexfs_files_victim(struct vexfs_body *b)
{
	struct vexfs_files *t = &b->files;
	struct vexfs_bound_file *f, *next;
	u64 slot = VEXFS_NO_SLOT;

	mutex_lock(t->lock);
	list_for_each_entry_safe(f, next, &t->gone, gone) {
		if (f->file.records) {
			/*
			 * nothing is bound to it any more, so what is dead need not be looked at
			 * again
			 */
			while (vexfs_columns_dead(b->columns, f->file.last) ||
			       vexfs_columns_lost(b->columns, f->file.last))
				f->file.last = vexfs_columns_bound_before(b->columns, f->file.last);
			slot = f->file.last;
			break;
		}
		list_del_init(&f->gone);
	}
	mutex_unlock(t->lock);
	return slot;
}

bool vexfs_slot_gone(const struct vexfs_body *b, u64 slot)
{
	const struct vexfs_file *f = vexfs_columns_file(b->columns, slot);

	return f && !READ_ONCE(vexfs_bound_file(f)->class);
}

/* Does a record name the file that has it now? */
static bool names(const struct vexfs_record *r, const struct vexfs_bound_file *f)
{
	return le64_to_cpu(r->r_file) == READ_ONCE(f->now.ino) &&
	       le32_to_cpu(r->r_file_generation) == READ_ONCE(f->now.generation);
}

u32 vexfs_slot_flags(const struct vexfs_body *b, u64 slot, const struct vexfs_record *r)
{
	const struct vexfs_file *file = vexfs_columns_file(b->columns, slot);
	const struct vexfs_bound_file *f;

	if (!file)
		return 0;
	f = vexfs_bound_file(file);
	return VEXFS_ITEM_BOUND |
	       (!names(r, f) || READ_ONCE(f->change) != le64_to_cpu(r->r_file_change) ?
			VEXFS_ITEM_STALE : 0);
}

u64 vexfs_slot_ino(const struct vexfs_body *b, u64 slot)
{
	const struct vexfs_file *file = vexfs_columns_file(b->columns, slot);

	return file ? READ_ONCE(vexfs_bound_file(file)->now.ino) : 0;
}

struct vexfs_bound_file *vexfs_file_enter(struct vexfs_body *b, struct inode *inode)
{
	struct vexfs_file_id id = { inode->i_ino, inode->i_generation };
	struct vexfs_bound_file *f;
	unsigned int nofs;
	struct vexfs_file_state s;
	bool fresh;

	f = entry(b->dir->i_sb, &b->files, &id, &id, NULL, true, &fresh);
	if (IS_ERR(f) || !fresh)
		return f;
	nofs = lock(&b->files);
	vexfs_file_state(inode, &s);
	if (!f->file.heir)
		set_state(&b->files, f, &s);
	unlock(&b->files, nofs);
	return f;
}

/* --- heirs --- */

struct vexfs_bound_file *vexfs_file_here(struct vexfs_files *t, const struct inode *inode)
{
	struct vexfs_bound_file *f = xa_load(&t->by_ino, inode->i_ino);

	return f && f->now.generation == inode->i_generation ? f : NULL;
}

bool vexfs_file_gone(const struct vexfs_bound_file *f)
{
	return !READ_ONCE(last_heir(&f->file)->class);
}

bool vexfs_file_named(const struct vexfs_bound_file *f)
{
	const struct vexfs_bound_file *member;

	if (same(&f->id, &f->now))
		return true;
	list_for_each_entry(member, &f->family, family)
		if (same(&member->id, &f->now))
			return true;
	return false;
}

static void now_is(struct vexfs_bound_file *f, const struct inode *inode)
{
	WRITE_ONCE(f->now.ino, inode->i_ino);
	WRITE_ONCE(f->now.generation, inode->i_generation);
}

/* files_lock held. */
static void inherit(struct vexfs_files *t, const struct inode *replaced, const struct inode *inode)
{
	struct vexfs_bound_file *f = vexfs_file_here(t, replaced),
				*heir = vexfs_file_here(t, inode);
	struct vexfs_bound_file *member;
	struct vexfs_file_state s;

	if (!f)
		return;
	xa_erase(&t->by_ino, replaced->i_ino);
	if (heir) {
		list_for_each_entry(member, &f->family, family)
			smp_store_release(&member->file.heir, &heir->file);
		smp_store_release(&f->file.heir, &heir->file);
		list_splice_init(&f->family, &heir->family);
		list_add(&f->family, &heir->family);
	} else {
		now_is(f, inode);
		xa_store(&t->by_ino, inode->i_ino, f, GFP_NOFS | __GFP_NOFAIL | __GFP_ACCOUNT);
		heir = f;
	}
	vexfs_file_state(inode, &s);
	set_state(t, heir, &s);
}

void vexfs_files_inherit(struct vexfs_collection_mem *c, const struct inode *replaced,
			 const struct inode *heir)
{
	struct vexfs_files *t;
	unsigned int nofs;

	mutex_lock(&c->files_lock);
	nofs = memalloc_nofs_save();
	list_for_each_entry(t, &c->files, list)
		inherit(t, replaced, heir);
	memalloc_nofs_restore(nofs);
	mutex_unlock(&c->files_lock);
}

/* --- may a file leave its collection? --- */

static int has_records(struct vexfs_collection_mem *c, struct inode *inode)
{
	const struct vexfs_bound_file *f, *member;
	u64 records = 0;

	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	f = vexfs_file_here(&c->body->files, inode);
	if (f) {
		records = f->file.records;
		list_for_each_entry(member, &f->family, family)
			records += member->file.records;
	}
	mutex_unlock(&c->lock);
	return records ? -EXDEV : 0;
}

int vexfs_file_may_leave(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct vexfs_collection_mem *c;
	struct inode *dir;
	u64 ino;
	int err;

	if (!(core->flags & VEXFS_INODE_BOUND))
		return 0;
	if (atomic_read(&VEXFS_I(inode)->binding))
		return -EXDEV;
	ino = vexfs_collection_of(inode);
	if (!ino)
		return 0;
	dir = vexfs_iget(inode->i_sb, ino, VEXFS_IGET_HANDLE);
	if (IS_ERR(dir))
		return dir == ERR_PTR(-ESTALE) ? 0 : PTR_ERR(dir);
	c = vexfs_collection_get(dir);
	if (IS_ERR(c)) {
		err = c == ERR_PTR(-ENODATA) ? 0 : PTR_ERR(c);
	} else {
		err = has_records(c, inode);
		vexfs_collection_put(c);
	}
	iput(dir);
	return err;
}
