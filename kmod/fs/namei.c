// SPDX-License-Identifier: GPL-2.0
/*
 * Names: lookup, create, link, unlink, rename; and file handles for NFS.
 *
 * The VFS holds i_rwsem of the directories, and of what is removed.  Each operation is one
 * transaction; what loses its last name goes on the orphan list in it and is freed when it is
 * evicted.
 *
 * Every inode knows one directory that holds a name of it (core.parent), so that a search result
 * resolves to a path; 0 when that name was removed and another one remains.
 */
#include <linux/exportfs.h>
#include <linux/fs_types.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include "fs/fs.h"

static struct vexfs_inode_core *core_of(struct inode *inode)
{
	return &VEXFS_I(inode)->core;
}

static handle_t *start(struct inode *dir, int credits)
{
	handle_t *handle = vexfs_start(dir->i_sb, credits);

	if (!IS_ERR(handle) && IS_DIRSYNC(dir))
		handle->h_sync = 1;
	return handle;
}

/* --- pieces of an operation, in its transaction --- */

static int access_inodes(handle_t *handle, struct inode *a, struct inode *b, struct inode *c,
			 struct inode *d)
{
	return vexfs_inode_access(handle, a) ?: vexfs_inode_access(handle, b) ?:
	       vexfs_inode_access(handle, c) ?: vexfs_inode_access(handle, d);
}

static bool is_last_name(const struct inode *inode)
{
	return S_ISDIR(inode->i_mode) || inode->i_nlink == 1;
}

/*
 * The first change where inode loses a name: with the last one it goes on the orphan list.  To look
 * for it there may fail, and then nothing has changed.  NULL is fine.
 */
static int orphan_last(handle_t *handle, struct inode *inode)
{
	return inode && is_last_name(inode) ? vexfs_orphan_link(handle, inode) : 0;
}

/*
 * End a transaction in which no name has changed in the end.  lost: takes back orphan_last(), if
 * that was done.  undo: 0, or why something could not be taken back.
 */
static int no_change(handle_t *handle, struct inode *dir, struct inode *lost, int undo, int err)
{
	if (!undo && lost && is_last_name(lost))
		undo = vexfs_orphan_unlink(handle, lost);
	return undo ? vexfs_finish(handle, dir->i_sb, err) : vexfs_stop(handle, err);
}

/* A name in dir has changed: times, link count, size. */
static int log_dir(handle_t *handle, struct inode *dir)
{
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	inode_inc_iversion(dir);
	return vexfs_log_inode(handle, dir, true);
}

static int log_changed(handle_t *handle, struct inode *inode)
{
	inode_set_ctime_current(inode);
	inode_inc_iversion(inode);
	return vexfs_log_inode(handle, inode, false);
}

static int add_name(handle_t *handle, struct inode *dir, const struct qstr *name,
		    struct inode *inode)
{
	return vexfs_dir_add(handle, core_of(dir), name->name, name->len, inode->i_ino,
			     fs_umode_to_dtype(inode->i_mode));
}

static int replace_name(handle_t *handle, struct inode *dir, const struct qstr *name,
			struct inode *inode)
{
	return vexfs_dir_replace(handle, core_of(dir), name->name, name->len, inode->i_ino,
				 fs_umode_to_dtype(inode->i_mode));
}

static int remove_name(handle_t *handle, struct inode *dir, const struct qstr *name)
{
	return vexfs_dir_remove(handle, core_of(dir), name->name, name->len);
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
 * A name of inode in dir is gone, after orphan_last().  Not the last one: which others there are is
 * not known here.
 */
static int drop_name(handle_t *handle, struct inode *dir, struct inode *inode)
{
	if (is_last_name(inode)) {
		clear_nlink(inode);
	} else {
		drop_nlink(inode);
		if (core_of(inode)->parent == dir->i_ino)
			set_parent(inode, NULL);
	}
	return log_changed(handle, inode);
}

/*
 * dir has lost a directory.  Its count says how many it has, and 2; a damaged one must not reach 0,
 * as that of a directory that is gone.
 */
static void drop_subdir(struct inode *dir)
{
	if (dir->i_nlink > 2)
		drop_nlink(dir);
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

	if (fs_umode_to_dtype(inode->i_mode) != type)
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

	if (S_ISDIR(inode->i_mode) || (READ_ONCE(core->parent) && READ_ONCE(core->collection)))
		return;
	down_write(&core->lock);
	if (inode->i_nlink == 1) {
		core->parent = dir->i_ino;
		core->parent_generation = dir->i_generation;
		if (!core->collection)
			core->collection = vexfs_collection_of(dir);
	}
	up_write(&core->lock);
}

static struct dentry *vexfs_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = NULL;
	const char *why;
	u64 ino;
	u8 type;
	int err;

	if (dentry->d_name.len > VEXFS_NAME_LEN)
		return ERR_PTR(-ENAMETOOLONG);
	err = vexfs_dir_lookup(core_of(dir), dentry->d_name.name, dentry->d_name.len, &ino, &type);
	if (err && err != -ENOENT)
		return ERR_PTR(err);
	if (!err) {
		inode = vexfs_iget(dir->i_sb, ino, 0);
		if (inode == ERR_PTR(-EUCLEAN))
			vexfs_error(dir->i_sb,
				    "directory %lu: '%pd' leads to inode %llu, which is no file",
				    dir->i_ino, dentry, ino);
		if (!IS_ERR(inode)) {
			why = check_target(dir, inode, type);
			if (why) {
				vexfs_error(dir->i_sb,
					    "directory %lu: '%pd' leads to %s, inode %llu",
					    dir->i_ino, dentry, why, ino);
				iput(inode);
				inode = ERR_PTR(-EUCLEAN);
			} else {
				adopt(dir, inode);
			}
		}
	}
	return d_splice_alias(inode, dentry);
}

/* --- create --- */

/* link: target of a short symlink.  rdev: of a device. */
static int create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode,
		  dev_t rdev, const char *link)
{
	struct inode *inode;
	handle_t *handle;
	int retries = 0, err;

again:
	handle = start(dir, VEXFS_NEW_CREDITS + VEXFS_NAME_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode = vexfs_new_inode(handle, dir, mode, idmap, 0);
	if (IS_ERR(inode)) {
		err = vexfs_stop(handle, PTR_ERR(inode));
		goto retry;
	}
	if (link) {
		inode->i_size = core_of(inode)->disk_size = strlen(link);
		strscpy(core_of(inode)->link, link, sizeof(core_of(inode)->link));
	}
	if (rdev)
		init_special_inode(inode, mode, rdev);
	err = vexfs_log_inode(handle, inode, true) ?: vexfs_inode_access(handle, dir) ?:
	      add_name(handle, dir, &dentry->d_name, inode);
	if (err) {
		err = vexfs_abandon_new(handle, inode, err);
		iput(inode);
		goto retry;
	}
	if (S_ISDIR(mode))
		inc_nlink(dir);
	err = log_dir(handle, dir);
	d_instantiate_new(dentry, inode);
	return vexfs_finish(handle, dir->i_sb, err);
retry:
	if (vexfs_retry_space(dir->i_sb, err, &retries))
		goto again;
	return err;
}

static int vexfs_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			umode_t mode, bool excl)
{
	return create(idmap, dir, dentry, mode, 0, NULL);
}

static int vexfs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, dev_t rdev)
{
	return create(idmap, dir, dentry, mode, rdev, NULL);
}

static int vexfs_mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode)
{
	return create(idmap, dir, dentry, mode | S_IFDIR, 0, NULL);
}

static int vexfs_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
			 umode_t mode)
{
	struct inode *inode;
	handle_t *handle;
	int retries = 0, err;

	do {
		handle = vexfs_start(dir->i_sb, VEXFS_NEW_CREDITS);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		inode = vexfs_new_inode(handle, dir, mode, idmap, 0);
		if (IS_ERR(inode)) {
			err = vexfs_stop(handle, PTR_ERR(inode));
			continue;
		}
		err = vexfs_log_inode(handle, inode, false) ?: vexfs_orphan_link(handle, inode);
		if (err) {
			err = vexfs_abandon_new(handle, inode, err);
			iput(inode);
			continue;
		}
		set_parent(inode, NULL);
		d_tmpfile(file, inode);		/* logs it again, with no links */
		unlock_new_inode(inode);
		err = vexfs_stop(handle, 0);
	} while (vexfs_retry_space(dir->i_sb, err, &retries));
	return finish_open_simple(file, err);
}

/* --- symlinks --- */

/*
 * A target that does not fit into the inode is data of one block.  It is on the device before the
 * symlink exists: until then the inode is an unlinked regular file.
 */
static int fill_long(struct inode *inode, const char *target, unsigned int len)
{
	struct folio *folio;
	int err;

	err = vexfs_ensure_alloc(inode, 0, 1);
	if (err)
		return err;
	i_size_write(inode, len);
	folio = filemap_grab_folio(inode->i_mapping, 0);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	memcpy_to_folio(folio, 0, target, len);
	folio_zero_segment(folio, len, folio_size(folio));
	folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return filemap_write_and_wait(inode->i_mapping);
}

static int long_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			const char *target, unsigned int len)
{
	struct inode *inode;
	handle_t *handle;
	int err;

	handle = vexfs_start(dir->i_sb, VEXFS_NEW_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode = vexfs_new_inode(handle, dir, S_IFREG | 0777, idmap, 0);
	if (IS_ERR(inode))
		return vexfs_stop(handle, PTR_ERR(inode));
	clear_nlink(inode);
	err = vexfs_log_inode(handle, inode, false) ?: vexfs_orphan_link(handle, inode);
	if (err) {
		err = vexfs_abandon_new(handle, inode, err);
		iput(inode);
		return err;
	}
	err = vexfs_stop(handle, 0) ?: fill_long(inode, target, len);
	if (err)
		goto drop;

	handle = start(dir, VEXFS_NAME_CREDITS + VEXFS_ORPHAN_CREDITS + VEXFS_INODE_CREDITS);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto drop;
	}
	inode->i_mode = S_IFLNK | 0777;
	err = access_inodes(handle, inode, dir, NULL, NULL) ?: vexfs_orphan_unlink(handle, inode) ?:
	      add_name(handle, dir, &dentry->d_name, inode);
	if (err) {
		inode->i_mode = S_IFREG | 0777;
		err = no_change(handle, dir, NULL, vexfs_orphan_link(handle, inode), err);
		goto drop;
	}
	set_nlink(inode, 1);
	vexfs_set_ops(inode);
	err = vexfs_log_inode(handle, inode, true) ?: log_dir(handle, dir);
	d_instantiate_new(dentry, inode);
	return vexfs_finish(handle, dir->i_sb, err);
drop:
	unlock_new_inode(inode);
	iput(inode);
	return err;
}

static int vexfs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			 const char *target)
{
	size_t len = strlen(target);
	int retries = 0, err;

	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (len < sizeof(core_of(dir)->link))
		return create(idmap, dir, dentry, S_IFLNK | 0777, 0, target);
	do
		err = long_symlink(idmap, dir, dentry, target, len);
	while (vexfs_retry_space(dir->i_sb, err, &retries));
	return err;
}

/* --- may it leave its collection? --- */

/*
 * Everything below a plain directory says to which collection it belongs, so it stays there unless
 * it is empty; so does a file that has records, which its collection must hear of.  EXDEV makes
 * mv(1) copy instead.
 */
static int may_move(struct inode *inode, struct inode *to)
{
	if (vexfs_is_collection(inode) || vexfs_collection_of(inode) == vexfs_collection_of(to))
		return 0;
	if (!S_ISDIR(inode->i_mode))
		return vexfs_file_may_leave(inode);
	return vexfs_dir_empty(core_of(inode)) ? -EXDEV : 0;
}

/* --- link and unlink --- */

static int vexfs_link(struct dentry *old_dentry, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old_dentry);
	handle_t *handle;
	int retries = 0, err;
	bool made;

	err = may_move(inode, dir);
	if (err)
		return err;
again:
	handle = start(dir, VEXFS_NAME_CREDITS + VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	made = !inode->i_nlink;			/* by O_TMPFILE */
	err = access_inodes(handle, inode, dir, NULL, NULL);
	if (!err && made)
		err = vexfs_orphan_unlink(handle, inode);
	err = err ?: add_name(handle, dir, &dentry->d_name, inode);
	if (err) {
		err = no_change(handle, dir, NULL, made ? vexfs_orphan_link(handle, inode) : 0,
				err);
		if (vexfs_retry_space(dir->i_sb, err, &retries))
			goto again;
		return err;
	}
	set_collection(inode, dir, inode->i_nlink);
	inc_nlink(inode);
	if (!core_of(inode)->parent)
		set_parent(inode, dir);
	err = log_changed(handle, inode) ?: log_dir(handle, dir);
	ihold(inode);
	d_instantiate(dentry, inode);
	return vexfs_finish(handle, dir->i_sb, err);
}

static int vexfs_unlink(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	handle_t *handle;
	int err;

	handle = start(dir, VEXFS_NAME_CREDITS + VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = access_inodes(handle, inode, dir, NULL, NULL) ?: orphan_last(handle, inode) ?:
	      remove_name(handle, dir, &dentry->d_name);
	if (err)
		return no_change(handle, dir, inode, 0, err);
	err = drop_name(handle, dir, inode) ?: log_dir(handle, dir);
	err = vexfs_finish(handle, dir->i_sb, err);
	vexfs_file_changed(inode);
	return err;
}

/*
 * May this directory be removed?  A collection without files may have records, which nobody sees by
 * looking at it: whoever wants to remove those says so.
 */
static int removable(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	int err = vexfs_dir_empty(core_of(inode));

	if (err || !vexfs_is_collection(inode) || !vexfs_collection_has_records(inode))
		return err;
	pr_notice_ratelimited(
		"vexfs (%s): '%pd4' is not removed: it is a collection that has records or cannot be loaded; see vexctl collection drop\n",
			      inode->i_sb->s_id, dentry);
	return -EBUSY;
}

static int vexfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	handle_t *handle;
	int err;

	err = removable(dentry);
	if (err)
		return err;
	handle = start(dir, VEXFS_NAME_CREDITS + VEXFS_INODE_CREDITS + VEXFS_ORPHAN_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = access_inodes(handle, inode, dir, NULL, NULL) ?: orphan_last(handle, inode) ?:
	      remove_name(handle, dir, &dentry->d_name);
	if (err)
		return no_change(handle, dir, inode, 0, err);
	err = drop_name(handle, dir, inode);
	if (!err) {
		drop_subdir(dir);
		err = log_dir(handle, dir);
	}
	err = vexfs_finish(handle, dir->i_sb, err);
	if (!err && vexfs_is_collection(inode))
		vexfs_collection_unlinked(inode);
	return err;
}

/* --- rename --- */

/*
 * A file that replaces another one is whole after a crash, too: what was written to it is on the
 * device before the transaction that gives it the name, which may commit at any time.  If it cannot
 * be, the old file stays.  The error is fsync's to clear.  i_rwsem held, no transaction.
 */
static int write_whole(struct inode *inode)
{
	int err, e2;

	if (!S_ISREG(inode->i_mode))
		return 0;
	err = filemap_fdatawrite(inode->i_mapping);
	e2 = filemap_fdatawait_keep_errors(inode->i_mapping);
	return err ?: e2;
}

/* inode has moved from one directory to another; the name that parent knows may be another one. */
static void moved(struct inode *inode, struct inode *from, struct inode *to)
{
	u64 parent = core_of(inode)->parent;

	if (!parent || parent == from->i_ino || S_ISDIR(inode->i_mode))
		set_parent(inode, to);
	set_collection(inode, to, !S_ISDIR(inode->i_mode) && inode->i_nlink > 1);
}

static int exchange(struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
		    struct dentry *new_dentry)
{
	struct inode *old = d_inode(old_dentry), *new = d_inode(new_dentry);
	handle_t *handle;
	int err, e2;

	err = may_move(old, new_dir) ?: may_move(new, old_dir);
	err = err ?: write_whole(old) ?: write_whole(new);
	if (err)
		return err;
	handle = start(old_dir, 2 * VEXFS_NAME_CREDITS + 2 * VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = access_inodes(handle, old, new, old_dir, new_dir) ?:
	      replace_name(handle, new_dir, &new_dentry->d_name, old);
	if (err)
		return vexfs_stop(handle, err);
	err = replace_name(handle, old_dir, &old_dentry->d_name, new);
	if (err) {				/* take back the first half */
		e2 = replace_name(handle, new_dir, &new_dentry->d_name, new);
		return no_change(handle, old_dir, NULL, e2, err);
	}
	if (old_dir != new_dir && S_ISDIR(old->i_mode) != S_ISDIR(new->i_mode)) {
		drop_subdir(S_ISDIR(old->i_mode) ? old_dir : new_dir);
		inc_nlink(S_ISDIR(old->i_mode) ? new_dir : old_dir);
	}
	moved(old, old_dir, new_dir);
	moved(new, new_dir, old_dir);
	err = log_changed(handle, old) ?: log_changed(handle, new);
	err = err ?: log_dir(handle, old_dir);
	if (old_dir != new_dir)
		err = err ?: log_dir(handle, new_dir);
	return vexfs_finish(handle, old_dir->i_sb, err);
}

static int vexfs_rename(struct mnt_idmap *idmap, struct inode *old_dir, struct dentry *old_dentry,
			struct inode *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	struct inode *old = d_inode(old_dentry), *new = d_inode(new_dentry);
	bool is_dir = S_ISDIR(old->i_mode);
	struct vexfs_inheritance heritage = {};
	handle_t *handle;
	int retries = 0, err, e2;

	if (flags & RENAME_EXCHANGE)
		return exchange(old_dir, old_dentry, new_dir, new_dentry);
	if (flags & ~RENAME_NOREPLACE)		/* which the VFS has checked */
		return -EINVAL;
	err = may_move(old, new_dir);
	if (!err && new)
		err = is_dir ? removable(new_dentry) : write_whole(old);
	if (!err && new)
		err = vexfs_inherit_begin(idmap, &heritage, new, old, new_dir);
	if (err)
		return err;
again:
	handle = start(old_dir, 2 * VEXFS_NAME_CREDITS + 2 * VEXFS_INODE_CREDITS +
					VEXFS_ORPHAN_CREDITS + VEXFS_INHERIT_CREDITS);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto out;
	}
	err = access_inodes(handle, old, old_dir, new_dir, new) ?:
	      vexfs_inherit_access(handle, &heritage) ?: orphan_last(handle, new);
	if (!err)
		err = new ? replace_name(handle, new_dir, &new_dentry->d_name, old) :
			    add_name(handle, new_dir, &new_dentry->d_name, old);
	if (err) {
		err = no_change(handle, old_dir, new, 0, err);
		if (vexfs_retry_alloc(old_dir->i_sb, err, &retries))
			goto again;
		goto out;
	}
	err = remove_name(handle, old_dir, &old_dentry->d_name);
	if (err) {				/* take back the first half */
		e2 = new ? replace_name(handle, new_dir, &new_dentry->d_name, new) :
			   remove_name(handle, new_dir, &new_dentry->d_name);
		e2 = e2 ?: vexfs_log_inode(handle, new_dir, true);	/* it may have grown */
		err = no_change(handle, old_dir, new, e2, err);
		goto out;
	}
	err = vexfs_inherit_log(handle, &heritage);
	if (!err && new)
		err = drop_name(handle, new_dir, new);
	if (is_dir && (new || old_dir != new_dir)) {
		drop_subdir(old_dir);
		if (!new)
			inc_nlink(new_dir);
	}
	moved(old, old_dir, new_dir);
	err = err ?: log_changed(handle, old);
	err = err ?: log_dir(handle, old_dir);
	if (old_dir != new_dir)
		err = err ?: log_dir(handle, new_dir);
	err = vexfs_finish(handle, old_dir->i_sb, err);
	if (new)
		vexfs_file_changed(new);
	if (!err && new && vexfs_is_collection(new))
		vexfs_collection_unlinked(new);
out:
	vexfs_inherit_end(&heritage);
	return err;
}

/* --- file handles: inode number and generation --- */

/* A file without a name is there as long as somebody has it open. */
static struct inode *unlinked_inode(struct super_block *sb, u64 ino)
{
	struct inode *inode = ilookup(sb, ino);

	if (inode && !is_bad_inode(inode) &&
	    !(VEXFS_I(inode)->core.flags & VEXFS_INODE_HIDDEN))
		return inode;
	iput(inode);
	return ERR_PTR(-ESTALE);
}

static struct inode *handle_inode(struct super_block *sb, u64 ino, u32 generation)
{
	struct inode *inode = vexfs_iget(sb, ino, VEXFS_IGET_HANDLE);

	if (inode == ERR_PTR(-ESTALE))
		inode = unlinked_inode(sb, ino);
	if (!IS_ERR(inode) && generation && inode->i_generation != generation) {
		iput(inode);
		return ERR_PTR(-ESTALE);
	}
	return inode;
}

static struct dentry *fh_to_dentry(struct super_block *sb, struct fid *fid, int len, int type)
{
	return generic_fh_to_dentry(sb, fid, len, type, handle_inode);
}

static struct dentry *fh_to_parent(struct super_block *sb, struct fid *fid, int len, int type)
{
	return generic_fh_to_parent(sb, fid, len, type, handle_inode);
}

static struct dentry *get_parent(struct dentry *child)
{
	struct vexfs_inode_core *core = core_of(d_inode(child));

	return d_obtain_alias(handle_inode(child->d_sb, core->parent, core->parent_generation));
}

static int commit_metadata(struct inode *inode)
{
	return vexfs_commit_barrier(inode->i_sb, READ_ONCE(VEXFS_I(inode)->sync_tid));
}

const struct export_operations vexfs_export_ops = {
	.encode_fh		= generic_encode_ino32_fh,
	.fh_to_dentry		= fh_to_dentry,
	.fh_to_parent		= fh_to_parent,
	.get_parent		= get_parent,
	.commit_metadata	= commit_metadata,
};

const struct inode_operations vexfs_dir_iops = {
	.lookup		= vexfs_lookup,
	.create		= vexfs_create,
	.mknod		= vexfs_mknod,
	.mkdir		= vexfs_mkdir,
	.tmpfile	= vexfs_tmpfile,
	.symlink	= vexfs_symlink,
	.link		= vexfs_link,
	.unlink		= vexfs_unlink,
	.rmdir		= vexfs_rmdir,
	.rename		= vexfs_rename,
	.setattr	= vexfs_setattr,
	.getattr	= vexfs_getattr,
};

const struct inode_operations vexfs_symlink_iops = {
	.get_link	= simple_get_link,
	.setattr	= vexfs_setattr,
	.getattr	= vexfs_getattr,
};

const struct inode_operations vexfs_long_symlink_iops = {
	.get_link	= page_get_link,
	.setattr	= vexfs_setattr,
	.getattr	= vexfs_getattr,
};

const struct inode_operations vexfs_special_iops = {
	.setattr	= vexfs_setattr,
	.getattr	= vexfs_getattr,
};
