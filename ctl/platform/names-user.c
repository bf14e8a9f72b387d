// SPDX-License-Identifier: GPL-2.0
/*
 * Names in user space, with the rules about collections of kmod/fs/namei.c.
 *
 * Each operation is one transaction; what loses its last name goes on the orphan list in it and is
 * freed with the last reference.
 *
 * Locks: names_lock for every change, so names stand still while one is under way; then i_rwsem of
 * the directories, and of what loses or changes a name, as the VFS takes them.  A lookup takes one
 * i_rwsem at a time.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include <linux/fs.h>

#include "host.h"

static struct vexfs_inode_core *core_of(struct inode *inode)
{
	return &VEXFS_I(inode)->core;
}

static u8 type_of(const struct inode *inode)
{
	return (inode->i_mode & S_IFMT) >> 12;
}

/* --- pieces of an operation, in its transaction --- */

static int access_inodes(vx_txn *t, struct inode *a, struct inode *b, struct inode *c,
			 struct inode *d)
{
	return vexfs_inode_access(t, a) ?: vexfs_inode_access(t, b) ?: vexfs_inode_access(t, c) ?:
	       vexfs_inode_access(t, d);
}

static bool is_last_name(const struct inode *inode)
{
	return S_ISDIR(inode->i_mode) || inode->i_nlink == 1;
}

/*
 * The first change where inode loses a name: with the last one it goes on the orphan list.  NULL is
 * fine.
 */
static int orphan_last(vx_txn *t, struct inode *inode)
{
	return inode && is_last_name(inode) ? vexfs_orphan_link(t, inode) : 0;
}

/*
 * End a transaction in which no name has changed in the end.  lost: takes back orphan_last(), if
 * that was done. undo: 0, or why something could not be taken back.
 */
static int no_change(vx_txn *t, struct inode *dir, struct inode *lost, int undo, int err)
{
	if (!undo && lost && is_last_name(lost))
		undo = vexfs_orphan_unlink(t, lost);
	return undo ? vexfs_finish(t, dir->i_sb, err) : vexfs_stop(t, err);
}

/* A name in dir has changed: times, link count, size. */
static int log_dir(vx_txn *t, struct inode *dir)
{
	vexfs_inode_modified(dir);
	return vexfs_log_inode(t, dir, true);
}

static int log_changed(vx_txn *t, struct inode *inode)
{
	vexfs_inode_touch(inode);
	return vexfs_log_inode(t, inode, false);
}

static int add_name(vx_txn *t, const struct vexfs_name *at, struct inode *inode)
{
	return vexfs_dir_add(t, core_of(at->dir), at->name, at->len, inode->i_ino, type_of(inode));
}

static int replace_name(vx_txn *t, const struct vexfs_name *at, struct inode *inode)
{
	return vexfs_dir_replace(t, core_of(at->dir), at->name, at->len, inode->i_ino,
				 type_of(inode));
}

static int remove_name(vx_txn *t, const struct vexfs_name *at)
{
	return vexfs_dir_remove(t, core_of(at->dir), at->name, at->len);
}

static void set_nlink(struct inode *inode, u32 n)
{
	WRITE_ONCE(inode->i_nlink, n);
}

static void set_parent(struct inode *inode, struct inode *dir)
{
	struct vexfs_inode_core *core = core_of(inode);

	down_write(&core->lock);
	core->parent = dir ? dir->i_ino : 0;
	core->parent_generation = dir ? dir->i_generation : 0;
	up_write(&core->lock);
}

/*
 * A name of inode is in dir now; others: it has more of them.  With names in several collections it
 * belongs to none.
 */
static void set_collection(struct inode *inode, struct inode *dir, bool others)
{
	struct vexfs_inode_core *core = core_of(inode);
	u64 to = vexfs_collection_of(dir);

	if (vexfs_is_collection(inode))
		return;
	down_write(&core->lock);
	if (core->collection != to)
		core->collection = others ? 0 : to;
	up_write(&core->lock);
}

/*
 * A name of inode in dir is gone, after orphan_last().  Which others there are is not known here.
 */
static int drop_name(vx_txn *t, struct inode *dir, struct inode *inode)
{
	if (is_last_name(inode)) {
		set_nlink(inode, 0);
	} else {
		set_nlink(inode, inode->i_nlink - 1);
		if (core_of(inode)->parent == dir->i_ino)
			set_parent(inode, NULL);
	}
	return log_changed(t, inode);
}

/*
 * dir has lost a directory; a damaged count must not reach 0, as that of a directory that is gone.
 */
static void drop_subdir(struct inode *dir)
{
	if (dir->i_nlink > 2)
		set_nlink(dir, dir->i_nlink - 1);
	else
		vexfs_error(dir->i_sb,
			    "directory %lu: its link count does not count all directories in it",
			    dir->i_ino);
}

/* --- lookup --- */

/*
 * What a name may lead to.  A directory has one name, in its parent, so no damage makes a circle.
 */
static const char *check_target(struct inode *dir, struct inode *inode, u8 type)
{
	struct vexfs_inode_core *core = core_of(inode);

	if (type_of(inode) != type)
		return "an inode of another type";
	if (S_ISDIR(inode->i_mode) &&
	    (inode->i_ino == VEXFS_ROOT_INO || core->parent != dir->i_ino ||
	     core->parent_generation != dir->i_generation))
		return "a directory that has another parent";
	return NULL;
}

/*
 * The only name that a file has left is in dir, but when it had several, what was known of it was
 * lost.  It reaches the disk when the inode is logged for another reason.
 */
static void adopt(struct inode *dir, struct inode *inode)
{
	struct vexfs_inode_core *core = core_of(inode);
	bool known;
	u64 to;

	if (S_ISDIR(inode->i_mode))
		return;
	down_read(&core->lock);
	known = core->parent && core->collection;
	up_read(&core->lock);
	if (known)
		return;
	to = vexfs_collection_of(dir);		/* which takes other locks of this kind */
	down_write(&core->lock);
	if (READ_ONCE(inode->i_nlink) == 1) {
		core->parent = dir->i_ino;
		core->parent_generation = dir->i_generation;
		if (!core->collection)
			core->collection = to;
	}
	up_write(&core->lock);
}

/* i_rwsem of dir held, shared at least. */
static struct inode *lookup(struct inode *dir, const char *name, unsigned int len)
{
	struct inode *inode;
	const char *why;
	__u64 ino;
	__u8 type;
	int err;

	err = vexfs_dir_lookup(core_of(dir), name, len, &ino, &type);
	if (err)
		return ERR_PTR(err);
	inode = vexfs_iget(dir->i_sb, ino, 0);
	if (inode == ERR_PTR(-EUCLEAN))
		vexfs_error(dir->i_sb,
			    "directory %lu: '%.*s' leads to inode %llu, which is no file",
			    dir->i_ino, len, name, ino);
	if (IS_ERR(inode))
		return inode;
	why = check_target(dir, inode, type);
	if (why) {
		vexfs_error(dir->i_sb, "directory %lu: '%.*s' leads to %s, inode %llu", dir->i_ino,
			    len, name, why, ino);
		iput(inode);
		return ERR_PTR(-EUCLEAN);
	}
	adopt(dir, inode);
	return inode;
}

struct inode *vexfs_node_parent(struct inode *dir)
{
	struct vexfs_inode_core *core = core_of(dir);
	u64 ino;

	down_read(&core->lock);
	ino = core->parent;
	up_read(&core->lock);
	return vexfs_iget(dir->i_sb, ino, 0);
}

static bool is_dots(const struct vexfs_name *at)
{
	return at->name[0] == '.' && (at->len == 1 || (at->len == 2 && at->name[1] == '.'));
}

struct inode *vexfs_name_lookup(const struct vexfs_name *at)
{
	struct inode *dir = at->dir, *inode;

	if (!S_ISDIR(dir->i_mode))
		return ERR_PTR(-ENOTDIR);
	if (is_dots(at) && at->len == 2)
		return vexfs_node_parent(dir);
	if (is_dots(at)) {
		ihold(dir);
		return dir;
	}
	if (at->len > VEXFS_NAME_LEN)
		return ERR_PTR(-ENAMETOOLONG);
	if (down_read_killable(&dir->i_rwsem))
		return ERR_PTR(-EINTR);
	inode = lookup(dir, at->name, at->len);
	inode_unlock_shared(dir);
	return inode;
}

/* May this name be made?  i_rwsem of the directory held. */
static int check_new(const struct vexfs_name *at)
{
	u64 ino;
	u8 type;
	int err;

	if (!S_ISDIR(at->dir->i_mode))
		return -ENOTDIR;
	if (at->len > VEXFS_NAME_LEN)
		return -ENAMETOOLONG;
	if (!at->len || !at->dir->i_nlink)	/* it was removed */
		return -ENOENT;
	if (is_dots(at))
		return -EEXIST;
	err = vexfs_dir_lookup(core_of(at->dir), at->name, at->len, &ino, &type);
	return err == -ENOENT ? 0 : err ?: -EEXIST;
}

/* --- create --- */

/* i_rwsem of the directory held. */
static struct inode *try_make(const struct vexfs_name *at, const struct vexfs_make *make)
{
	vx_txn *t = vexfs_start(at->dir->i_sb, VEXFS_NEW_CREDITS + VEXFS_NAME_CREDITS);
	struct inode *inode;
	int err;

	if (IS_ERR(t))
		return ERR_CAST(t);
	inode = vexfs_new_inode(t, at->dir, make, 0);
	if (IS_ERR(inode)) {
		vexfs_stop(t, 0);
		return inode;
	}
	if (make->target) {
		inode->i_size = core_of(inode)->disk_size = strlen(make->target);
		memcpy(core_of(inode)->link, make->target, inode->i_size);
	}
	err = vexfs_log_inode(t, inode, true) ?: vexfs_inode_access(t, at->dir);
	err = err ?: add_name(t, at, inode);
	if (err) {
		err = vexfs_abandon_new(t, inode, err);
		iput(inode);
		return ERR_PTR(err);
	}
	if (S_ISDIR(make->mode))
		set_nlink(at->dir, at->dir->i_nlink + 1);
	err = log_dir(t, at->dir);
	vexfs_inode_made(inode);
	err = vexfs_finish(t, at->dir->i_sb, err);
	if (err) {
		iput(inode);
		return ERR_PTR(err);
	}
	return inode;
}

/* An unlinked regular file, which nobody else knows. */
static struct inode *new_unlinked(struct inode *dir, const struct vexfs_make *make)
{
	vx_txn *t = vexfs_start(dir->i_sb, VEXFS_NEW_CREDITS);
	struct inode *inode;
	int err;

	if (IS_ERR(t))
		return ERR_CAST(t);
	inode = vexfs_new_inode(t, dir, make, 0);
	if (IS_ERR(inode)) {
		vexfs_stop(t, 0);
		return inode;
	}
	set_nlink(inode, 0);
	err = vexfs_log_inode(t, inode, false) ?: vexfs_orphan_link(t, inode);
	if (err) {
		err = vexfs_abandon_new(t, inode, err);
		iput(inode);
		return ERR_PTR(err);
	}
	vexfs_inode_made(inode);
	err = vexfs_stop(t, 0);
	if (!err)
		return inode;
	iput(inode);
	return ERR_PTR(err);
}

/* In one transaction: the unlinked file becomes a symlink, and has this name. */
static int name_symlink(const struct vexfs_name *at, struct inode *inode)
{
	vx_txn *t = vexfs_start(at->dir->i_sb,
				VEXFS_NAME_CREDITS + VEXFS_ORPHAN_CREDITS + VEXFS_INODE_CREDITS);
	umode_t mode = inode->i_mode;
	int err;

	if (IS_ERR(t))
		return PTR_ERR(t);
	inode->i_mode = S_IFLNK | (mode & 07777);
	err = access_inodes(t, inode, at->dir, NULL, NULL) ?: vexfs_orphan_unlink(t, inode) ?:
	      add_name(t, at, inode);
	if (err) {
		inode->i_mode = mode;
		return no_change(t, at->dir, NULL, vexfs_orphan_link(t, inode), err);
	}
	set_nlink(inode, 1);
	err = vexfs_log_inode(t, inode, true) ?: log_dir(t, at->dir);
	return vexfs_finish(t, at->dir->i_sb, err);
}

/*
 * A target that does not fit into the inode is data of one block.  It is on the device before the
 * symlink exists: until then the inode is an unlinked regular file.
 */
static struct inode *try_long_symlink(const struct vexfs_name *at, const struct vexfs_make *make)
{
	struct vexfs_make file = *make;
	struct inode *inode;
	ssize_t n;
	int err;

	file.mode = S_IFREG | (make->mode & 07777);
	inode = new_unlinked(at->dir, &file);
	if (IS_ERR(inode))
		return inode;
	n = vexfs_data_write(inode, make->target, strlen(make->target), 0);
	err = n < 0 ? n : name_symlink(at, inode);
	if (!err)
		return inode;
	iput(inode);
	return ERR_PTR(err);
}

struct inode *vexfs_name_make(const struct vexfs_name *at, const struct vexfs_make *make)
{
	struct super_block *sb = at->dir->i_sb;
	bool is_long = make->target && strlen(make->target) >= sizeof(core_of(at->dir)->link);
	struct inode *inode;
	int err, retries = 0;

	if (make->target && strlen(make->target) >= VEXFS_BLOCK_SIZE)
		return ERR_PTR(-ENAMETOOLONG);
	if (make->target && !*make->target)
		return ERR_PTR(-ENOENT);
	mutex_lock(&VEXFS_SB(sb)->names_lock);
	down_write(&at->dir->i_rwsem);
	err = check_new(at);
	if (!err && S_ISDIR(make->mode) && at->dir->i_nlink >= VEXFS_LINK_MAX)
		err = -EMLINK;
	inode = ERR_PTR(err);
	if (!err)
		do
			inode = is_long ? try_long_symlink(at, make) : try_make(at, make);
		while (IS_ERR(inode) && vexfs_retry_space(sb, PTR_ERR(inode), &retries));
	inode_unlock(at->dir);
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	return inode;
}

/* --- may it leave its collection? --- */

/* As the module has it; EXDEV makes mv(1) copy instead. */
static int may_move(struct inode *inode, struct inode *to)
{
	if (vexfs_is_collection(inode) || vexfs_collection_of(inode) == vexfs_collection_of(to))
		return 0;
	if (!S_ISDIR(inode->i_mode))
		return vexfs_file_may_leave(inode);
	return vexfs_dir_empty(core_of(inode)) ? -EXDEV : 0;
}

/* --- link --- */

static int try_link(const struct vexfs_name *at, struct inode *inode)
{
	vx_txn *t = vexfs_start(at->dir->i_sb, VEXFS_NAME_CREDITS + VEXFS_INODE_CREDITS);
	int err;

	if (IS_ERR(t))
		return PTR_ERR(t);
	err = access_inodes(t, inode, at->dir, NULL, NULL) ?: add_name(t, at, inode);
	if (err)
		return vexfs_stop(t, err);
	set_collection(inode, at->dir, true);
	set_nlink(inode, inode->i_nlink + 1);
	if (!core_of(inode)->parent)
		set_parent(inode, at->dir);
	err = log_changed(t, inode) ?: log_dir(t, at->dir);
	return vexfs_finish(t, at->dir->i_sb, err);
}

int vexfs_name_link(const struct vexfs_name *at, struct inode *inode)
{
	struct super_block *sb = at->dir->i_sb;
	int err, retries = 0;

	if (S_ISDIR(inode->i_mode))
		return -EPERM;
	mutex_lock(&VEXFS_SB(sb)->names_lock);
	down_write(&at->dir->i_rwsem);
	down_write(&inode->i_rwsem);
	err = check_new(at);
	if (!err && !inode->i_nlink)
		err = -ENOENT;
	if (!err && inode->i_nlink >= VEXFS_LINK_MAX)
		err = -EMLINK;
	err = err ?: may_move(inode, at->dir);
	if (!err)
		do
			err = try_link(at, inode);
		while (vexfs_retry_space(sb, err, &retries));
	inode_unlock(inode);
	inode_unlock(at->dir);
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	return err;
}

/* --- unlink and rmdir --- */

/*
 * May this directory be removed?  A collection without files may have records, which nobody sees by
 * looking at it: whoever wants to remove those says so.
 */
static int removable(struct inode *inode)
{
	int err = vexfs_dir_empty(core_of(inode));

	if (err || !vexfs_is_collection(inode) || !vexfs_collection_has_records(inode))
		return err;
	return -EBUSY;
}

/* i_rwsem of both held. */
static int remove_inode(const struct vexfs_name *at, struct inode *inode)
{
	bool is_dir = S_ISDIR(inode->i_mode);
	vx_txn *t;
	int err;

	err = is_dir ? removable(inode) : 0;
	if (err)
		return err;
	t = vexfs_start(at->dir->i_sb,
			VEXFS_NAME_CREDITS + VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = access_inodes(t, inode, at->dir, NULL, NULL) ?: orphan_last(t, inode);
	err = err ?: remove_name(t, at);
	if (err)
		return no_change(t, at->dir, inode, 0, err);
	err = drop_name(t, at->dir, inode);
	if (!err && is_dir)
		drop_subdir(at->dir);
	err = err ?: log_dir(t, at->dir);
	err = vexfs_finish(t, at->dir->i_sb, err);
	if (!is_dir)
		vexfs_file_changed(inode);
	else if (!err && vexfs_is_collection(inode))
		vexfs_collection_unlinked(inode);
	return err;
}

int vexfs_name_remove(const struct vexfs_name *at, bool is_dir)
{
	struct super_block *sb = at->dir->i_sb;
	struct inode *inode;
	int err;

	if (is_dots(at))
		return !is_dir ? -EISDIR : at->len == 1 ? -EINVAL : -ENOTEMPTY;
	mutex_lock(&VEXFS_SB(sb)->names_lock);
	inode = vexfs_name_lookup(at);
	err = PTR_ERR_OR_ZERO(inode);
	if (!err && S_ISDIR(inode->i_mode) != is_dir)
		err = is_dir ? -ENOTDIR : -EISDIR;
	if (!err) {
		down_write(&at->dir->i_rwsem);
		down_write(&inode->i_rwsem);
		err = remove_inode(at, inode);
		inode_unlock(inode);
		inode_unlock(at->dir);
	}
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	if (!IS_ERR(inode))
		iput(inode);
	return err;
}

/* --- rename --- */

/* inode has moved from one directory to another; the name that parent knows may be another one. */
static void moved(struct inode *inode, struct inode *from, struct inode *to)
{
	u64 parent = core_of(inode)->parent;

	if (!parent || parent == from->i_ino || S_ISDIR(inode->i_mode))
		set_parent(inode, to);
	set_collection(inode, to, !S_ISDIR(inode->i_mode) && inode->i_nlink > 1);
}

/* Two names change places.  i_rwsem of all held. */
static int exchange(const struct vexfs_name *from, struct inode *old, const struct vexfs_name *to,
		    struct inode *new)
{
	vx_txn *t;
	int err, e2;

	err = may_move(old, to->dir) ?: may_move(new, from->dir);
	if (err)
		return err;
	t = vexfs_start(old->i_sb, 2 * VEXFS_NAME_CREDITS + 2 * VEXFS_INODE_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = access_inodes(t, old, new, from->dir, to->dir) ?: replace_name(t, to, old);
	if (err)
		return vexfs_stop(t, err);
	err = replace_name(t, from, new);
	if (err) {				/* take back the first half */
		e2 = replace_name(t, to, new);
		return no_change(t, from->dir, NULL, e2, err);
	}
	if (from->dir != to->dir && S_ISDIR(old->i_mode) != S_ISDIR(new->i_mode)) {
		struct inode *less = S_ISDIR(old->i_mode) ? from->dir : to->dir;
		struct inode *more = S_ISDIR(old->i_mode) ? to->dir : from->dir;

		drop_subdir(less);
		set_nlink(more, more->i_nlink + 1);
	}
	moved(old, from->dir, to->dir);
	moved(new, to->dir, from->dir);
	err = log_changed(t, old) ?: log_changed(t, new);
	err = err ?: log_dir(t, from->dir);
	if (from->dir != to->dir)
		err = err ?: log_dir(t, to->dir);
	return vexfs_finish(t, old->i_sb, err);
}

/* All that can fail before the transaction was done; new may be NULL. */
static int rename_once(const struct vexfs_name *from, struct inode *old,
		       const struct vexfs_name *to, struct inode *new,
		       struct vexfs_inheritance *heritage, bool *changed)
{
	struct super_block *sb = old->i_sb;
	bool is_dir = S_ISDIR(old->i_mode);
	vx_txn *t;
	int err, e2;

	*changed = false;
	t = vexfs_start(sb, 2 * VEXFS_NAME_CREDITS + 2 * VEXFS_INODE_CREDITS +
				    VEXFS_ORPHAN_CREDITS + VEXFS_INHERIT_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = access_inodes(t, old, from->dir, to->dir, new) ?: vexfs_inherit_access(t, heritage) ?:
	      orphan_last(t, new);
	if (!err)
		err = new ? replace_name(t, to, old) : add_name(t, to, old);
	if (err)
		return no_change(t, from->dir, new, 0, err);
	err = remove_name(t, from);
	if (err) {				/* take back the first half */
		e2 = new ? replace_name(t, to, new) : remove_name(t, to);
		e2 = e2 ?: vexfs_log_inode(t, to->dir, true);	/* it may have grown */
		return no_change(t, from->dir, new, e2, err);
	}
	*changed = true;
	err = vexfs_inherit_log(t, heritage);
	if (!err && new)
		err = drop_name(t, to->dir, new);
	if (is_dir && (new || from->dir != to->dir)) {
		drop_subdir(from->dir);
		if (!new)
			set_nlink(to->dir, to->dir->i_nlink + 1);
	}
	moved(old, from->dir, to->dir);
	err = err ?: log_changed(t, old);
	err = err ?: log_dir(t, from->dir);
	if (from->dir != to->dir)
		err = err ?: log_dir(t, to->dir);
	return vexfs_finish(t, sb, err);
}

/* i_rwsem of all held. */
static int rename_locked(const struct vexfs_name *from, struct inode *old,
			 const struct vexfs_name *to, struct inode *new, struct mnt_idmap *who)
{
	struct vexfs_inheritance heritage = { };
	int err, retries = 0;
	bool changed;

	err = may_move(old, to->dir);
	if (!err && new && S_ISDIR(old->i_mode))
		err = removable(new);
	if (!err && new)
		err = vexfs_inherit_begin(who, &heritage, new, old, to->dir);
	if (err)
		return err;
	do
		err = rename_once(from, old, to, new, &heritage, &changed);
	while (err && !changed && vexfs_retry_alloc(old->i_sb, err, &retries));
	if (changed && new)
		vexfs_file_changed(new);
	if (!err && new && vexfs_is_collection(new))
		vexfs_collection_unlinked(new);
	vexfs_inherit_end(&heritage);
	return err;
}

/* Is a directory `top`, or below it?  names_lock held. */
static int is_below(struct inode *dir, struct inode *top)
{
	struct inode *up;
	int below = -1;

	ihold(dir);
	while (below < 0) {
		if (dir == top)
			below = 1;
		else if (dir->i_ino == VEXFS_ROOT_INO)
			below = 0;
		up = below < 0 ? vexfs_node_parent(dir) : NULL;
		iput(dir);
		if (IS_ERR(up))
			return PTR_ERR(up);
		dir = up;
	}
	return below;
}

/* A directory may not become one below itself.  names_lock held. */
static int check_below(struct inode *dir, struct inode *top, int otherwise)
{
	int below = S_ISDIR(top->i_mode) ? is_below(dir, top) : 0;

	return below > 0 ? otherwise : below;
}

/* Would dir get a directory more than it may have? */
static bool is_crowded(const struct inode *dir, const struct inode *comes, const struct inode *goes)
{
	return S_ISDIR(comes->i_mode) && !(goes && S_ISDIR(goes->i_mode)) &&
	       dir->i_nlink >= VEXFS_LINK_MAX;
}

/* What rename(2) says of what is there, names_lock held.  1: there is nothing to do. */
static int check_rename(const struct vexfs_name *from, struct inode *old,
			const struct vexfs_name *to, struct inode *new, unsigned int flags)
{
	bool swap = flags & RENAME_EXCHANGE;
	int err;

	if (!to->dir->i_nlink || (!new && swap))
		return -ENOENT;
	if (new && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (old == new)
		return 1;
	err = check_below(to->dir, old, -EINVAL);
	if (!err && new)
		err = check_below(from->dir, new, swap ? -EINVAL : -ENOTEMPTY);
	if (err)
		return err;
	if (!swap && new && S_ISDIR(old->i_mode) != S_ISDIR(new->i_mode))
		return S_ISDIR(old->i_mode) ? -ENOTDIR : -EISDIR;
	if (from->dir != to->dir &&
	    (is_crowded(to->dir, old, new) || (swap && is_crowded(from->dir, new, old))))
		return -EMLINK;
	return 0;
}

/* The directories, parent before child, and what has the names.  names_lock held. */
static int lock_and_rename(const struct vexfs_name *from, struct inode *old,
			   const struct vexfs_name *to, struct inode *new, unsigned int flags,
			   struct mnt_idmap *who)
{
	int below = from->dir == to->dir ? 0 : is_below(from->dir, to->dir), err;
	struct inode *first = below ? to->dir : from->dir, *second = below ? from->dir : to->dir;

	if (below < 0)
		return below;
	down_write(&first->i_rwsem);
	if (second != first)
		down_write(&second->i_rwsem);
	down_write(&old->i_rwsem);
	if (new)
		down_write(&new->i_rwsem);
	err = flags & RENAME_EXCHANGE ? exchange(from, old, to, new) :
					rename_locked(from, old, to, new, who);
	if (new)
		inode_unlock(new);
	inode_unlock(old);
	if (second != first)
		inode_unlock(second);
	inode_unlock(first);
	return err;
}

int vexfs_name_rename(const struct vexfs_name *from, const struct vexfs_name *to, unsigned int flags,
		      struct mnt_idmap *who)
{
	struct super_block *sb = from->dir->i_sb;
	struct inode *old, *new = NULL;
	int err;

	if (flags && flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE)
		return -EINVAL;
	if (is_dots(from) || is_dots(to))
		return -EBUSY;
	mutex_lock(&VEXFS_SB(sb)->names_lock);
	old = vexfs_name_lookup(from);
	err = PTR_ERR_OR_ZERO(old);
	if (!err) {
		new = vexfs_name_lookup(to);
		if (IS_ERR(new)) {
			err = new == ERR_PTR(-ENOENT) ? 0 : PTR_ERR(new);
			new = NULL;
		}
	}
	err = err ?: check_rename(from, old, to, new, flags);
	if (!err)
		err = lock_and_rename(from, old, to, new, flags, who);
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	iput(new);
	if (!IS_ERR(old))
		iput(old);
	return err < 0 ? err : 0;
}
