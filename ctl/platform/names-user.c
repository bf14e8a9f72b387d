// SPDX-License-Identifier: GPL-2.0
/*
 * Paths and names in user space, with the rules about collections of kmod/fs/namei.c.
 *
 * Each operation is one transaction; what loses its last name goes on the orphan list in it and is
 * freed with the last reference.
 *
 * Locks: names_lock for every change, so names stand still while one is under way; then i_rwsem of
 * the directories, and of what loses or changes a name, as the VFS takes them.  A lookup takes one
 * i_rwsem at a time.
 */
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

/* The directory above; that of the root is itself. */
static struct inode *parent_of(struct inode *dir)
{
	struct vexfs_inode_core *core = core_of(dir);
	u64 ino;

	down_read(&core->lock);
	ino = core->parent;
	up_read(&core->lock);
	return vexfs_iget(dir->i_sb, ino, 0);
}

static struct inode *step(struct inode *dir, const char *name, unsigned int len)
{
	struct inode *inode;

	if (len == 1 && name[0] == '.') {
		ihold(dir);
		return dir;
	}
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return parent_of(dir);
	if (len > VEXFS_NAME_LEN)
		return ERR_PTR(-ENAMETOOLONG);
	if (down_read_killable(&dir->i_rwsem))
		return ERR_PTR(-EINTR);
	inode = lookup(dir, name, len);
	inode_unlock_shared(dir);
	return inode;
}

static bool is_dots(const char *name, unsigned int len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

struct inode *vexfs_walk(struct super_block *sb, const char *path, struct vexfs_name *at)
{
	struct inode *inode = vexfs_iget(sb, VEXFS_ROOT_INO, 0), *next;
	bool last = false, slash = false;
	unsigned int len;

	if (at)
		*at = (struct vexfs_name){ };
	for (path += strspn(path, "/"); *path && !IS_ERR(inode); inode = next) {
		const char *name = path;

		len = strcspn(path, "/");
		path += len;
		slash = *path;
		path += strspn(path, "/");
		last = !*path;
		if (!S_ISDIR(inode->i_mode))
			next = ERR_PTR(S_ISLNK(inode->i_mode) ? -ELOOP : -ENOTDIR);
		else
			next = step(inode, name, len);
		if (last && at && !is_dots(name, len) &&
		    (!IS_ERR(next) || next == ERR_PTR(-ENOENT)))
			*at = (struct vexfs_name){ inode, name, len };
		else
			iput(inode);
	}
	if (!IS_ERR(inode) && slash && !S_ISDIR(inode->i_mode)) {
		iput(inode);
		inode = ERR_PTR(-ENOTDIR);
	}
	if (at && IS_ERR(inode) && inode != ERR_PTR(-ENOENT)) {
		iput(at->dir);
		at->dir = NULL;
	}
	return inode;
}

/* --- create --- */

/* i_rwsem of the directory held. */
static struct inode *try_create(const struct vexfs_name *at, umode_t mode)
{
	struct inode *inode;
	vx_txn *t;
	int err;

	t = vexfs_start(at->dir->i_sb, VEXFS_NEW_CREDITS + VEXFS_NAME_CREDITS);
	if (IS_ERR(t))
		return ERR_CAST(t);
	inode = vexfs_new_inode(t, at->dir, mode, 0);
	if (IS_ERR(inode)) {
		vexfs_stop(t, 0);
		return inode;
	}
	err = vexfs_log_inode(t, inode, true) ?: vexfs_inode_access(t, at->dir);
	err = err ?: add_name(t, at, inode);
	if (err) {
		err = vexfs_abandon_new(t, inode, err);
		iput(inode);
		return ERR_PTR(err);
	}
	if (S_ISDIR(mode))
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

struct inode *vexfs_name_create(const struct vexfs_name *at, umode_t mode)
{
	struct inode *inode;
	int retries = 0;

	if (at->dir->i_nlink >= VEXFS_LINK_MAX && S_ISDIR(mode))
		return ERR_PTR(-EMLINK);
	down_write(&at->dir->i_rwsem);
	do
		inode = try_create(at, mode);
	while (IS_ERR(inode) && vexfs_retry_space(at->dir->i_sb, PTR_ERR(inode), &retries));
	inode_unlock(at->dir);
	return inode;
}

int vexfs_image_mkdir(struct vexfs_image *image, const char *path, mode_t mode)
{
	struct super_block *sb = vexfs_image_sb(image);
	struct vexfs_name at;
	struct inode *inode;
	int err;

	mutex_lock(&VEXFS_SB(sb)->names_lock);
	inode = vexfs_walk(sb, path, &at);
	err = PTR_ERR_OR_ZERO(inode) ?: -EEXIST;
	if (err == -EEXIST)
		iput(inode);
	if (err == -ENOENT && at.dir) {
		inode = vexfs_name_create(&at, S_IFDIR | (mode & 07777));
		err = PTR_ERR_OR_ZERO(inode);
		if (!err)
			iput(inode);
	}
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	iput(at.dir);
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

static int remove_path(struct vexfs_image *image, const char *path, bool dir)
{
	struct super_block *sb = vexfs_image_sb(image);
	struct vexfs_name at;
	struct inode *inode;
	int err;

	mutex_lock(&VEXFS_SB(sb)->names_lock);
	inode = vexfs_walk(sb, path, &at);
	err = PTR_ERR_OR_ZERO(inode);
	if (!err && !at.dir)			/* the root, "." or ".." */
		err = dir ? -EBUSY : -EISDIR;
	else if (!err && S_ISDIR(inode->i_mode) != dir)
		err = dir ? -ENOTDIR : -EISDIR;
	if (!err) {
		down_write(&at.dir->i_rwsem);
		down_write(&inode->i_rwsem);
		err = remove_inode(&at, inode);
		inode_unlock(inode);
		inode_unlock(at.dir);
	}
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	if (!IS_ERR(inode))
		iput(inode);
	iput(at.dir);
	return err;
}

int vexfs_image_rmdir(struct vexfs_image *image, const char *path)
{
	return remove_path(image, path, true);
}

int vexfs_image_unlink(struct vexfs_image *image, const char *path)
{
	return remove_path(image, path, false);
}

/* --- rename --- */

/* May it leave its collection?  As the module has it; EXDEV makes mv(1) copy instead. */
static int may_move(struct inode *inode, struct inode *to)
{
	if (vexfs_is_collection(inode) || vexfs_collection_of(inode) == vexfs_collection_of(to))
		return 0;
	if (!S_ISDIR(inode->i_mode))
		return vexfs_file_may_leave(inode);
	return vexfs_dir_empty(core_of(inode)) ? -EXDEV : 0;
}

/* inode has moved from one directory to another; the name that parent knows may be another one. */
static void moved(struct inode *inode, struct inode *from, struct inode *to)
{
	u64 parent = core_of(inode)->parent;

	if (!parent || parent == from->i_ino || S_ISDIR(inode->i_mode))
		set_parent(inode, to);
	set_collection(inode, to, !S_ISDIR(inode->i_mode) && inode->i_nlink > 1);
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
			 const struct vexfs_name *to, struct inode *new)
{
	struct vexfs_inheritance heritage = { };
	int err, retries = 0;
	bool changed;

	err = may_move(old, to->dir);
	if (!err && new && S_ISDIR(old->i_mode))
		err = removable(new);
	if (!err && new)
		err = vexfs_inherit_begin(NULL, &heritage, new, old, to->dir);
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
		up = below < 0 ? parent_of(dir) : NULL;
		iput(dir);
		if (IS_ERR(up))
			return PTR_ERR(up);
		dir = up;
	}
	return below;
}

/* What rename(2) says of what is there, names_lock held.  1: there is nothing to do. */
static int check_rename(const struct vexfs_name *from, struct inode *old,
			const struct vexfs_name *to, struct inode *new)
{
	int below;

	if (!from->dir || !to->dir)
		return -EBUSY;
	if (old == new)
		return 1;
	if (S_ISDIR(old->i_mode)) {
		below = is_below(to->dir, old);
		if (below)
			return below < 0 ? below : -EINVAL;
		if (new && !S_ISDIR(new->i_mode))
			return -ENOTDIR;
		if (!new && from->dir != to->dir && to->dir->i_nlink >= VEXFS_LINK_MAX)
			return -EMLINK;
	} else if (new && S_ISDIR(new->i_mode)) {
		return -EISDIR;
	}
	if (new && S_ISDIR(new->i_mode)) {
		below = is_below(from->dir, new);
		if (below)
			return below < 0 ? below : -ENOTEMPTY;
	}
	return 0;
}

/* The directories, parent before child, and what has the names.  names_lock held. */
static int lock_and_rename(const struct vexfs_name *from, struct inode *old,
			   const struct vexfs_name *to, struct inode *new)
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
	err = rename_locked(from, old, to, new);
	if (new)
		inode_unlock(new);
	inode_unlock(old);
	if (second != first)
		inode_unlock(second);
	inode_unlock(first);
	return err;
}

int vexfs_image_rename(struct vexfs_image *image, const char *from_path, const char *to_path)
{
	struct super_block *sb = vexfs_image_sb(image);
	struct vexfs_name from, to = { };
	struct inode *old, *new = NULL;
	int err;

	mutex_lock(&VEXFS_SB(sb)->names_lock);
	old = vexfs_walk(sb, from_path, &from);
	err = PTR_ERR_OR_ZERO(old);
	if (!err) {
		new = vexfs_walk(sb, to_path, &to);
		if (IS_ERR(new)) {
			err = new == ERR_PTR(-ENOENT) && to.dir ? 0 : PTR_ERR(new);
			new = NULL;
		}
	}
	if (!err && !new && !S_ISDIR(old->i_mode) && to.name[to.len])
		err = -ENOTDIR;			/* a slash behind the name of a file */
	err = err ?: check_rename(&from, old, &to, new);
	if (!err)
		err = lock_and_rename(&from, old, &to, new);
	mutex_unlock(&VEXFS_SB(sb)->names_lock);
	iput(new);
	if (!IS_ERR(old))
		iput(old);
	iput(to.dir);
	iput(from.dir);
	return err < 0 ? err : 0;
}
