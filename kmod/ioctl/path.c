// SPDX-License-Identifier: GPL-2.0
/*
 * Where a file of a collection is: from parent to parent up to the collection's directory, each
 * searched for the inode number of the one below.
 *
 * Who may not read the file learns nothing, not even that it is there; nor does anybody of files that
 * are not below the collection, whatever is on the way to them.
 *
 * A file or directory that is moved meanwhile may not be where its inode said: then the walk begins
 * anew, a few times.  A directory is locked (i_rwsem, shared) while it is searched, one at a time.
 */
#include "ioctl/door.h"

#define TRIES	4

/* A path that is written from its end to its beginning. */
struct path_buf {
	u32 at;				/* it begins here */
	char byte[PATH_MAX];
};

struct looking {
	u64 ino;
	struct path_buf *p;
	int err;			/* -ENOENT: not seen yet */
};

static int prepend(struct path_buf *p, const char *name, unsigned int len)
{
	bool slash = p->at < sizeof(p->byte);

	if (len + slash > p->at)
		return -ERANGE;
	if (slash)
		p->byte[--p->at] = '/';
	p->at -= len;
	memcpy(p->byte + p->at, name, len);
	return 0;
}

static bool look(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	struct looking *l = arg;

	(void)type;
	(void)pos;
	if (ino != l->ino)
		return true;
	l->err = prepend(l->p, name, len);
	return false;
}

/* The name of ino in dir, before what is in *p. */
static int name_in(struct file *file, struct inode *dir, u64 ino, struct path_buf *p)
{
	struct looking l = { .ino = ino, .p = p, .err = -ENOENT };
	u64 pos = 0;
	int err;

	err = vexfs_may_look(file, dir);
	if (err)
		return err;
	if (down_read_killable(&dir->i_rwsem))
		return -EINTR;
	err = vexfs_dir_iterate(&VEXFS_I(dir)->core, &pos, look, &l);
	inode_unlock_shared(dir);
	return err ?: l.err;
}

static struct inode *get(struct super_block *sb, u64 ino)
{
	struct inode *inode = vexfs_iget(sb, ino, VEXFS_IGET_HANDLE);

	return inode == ERR_PTR(-ESTALE) ? ERR_PTR(-ENOENT) : inode;
}

/* The directory with the name that an inode knows of. */
static struct inode *parent_of(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct inode *parent;
	u32 generation;
	u64 ino;

	down_read(&core->lock);
	ino = core->parent;
	generation = core->parent_generation;
	up_read(&core->lock);
	parent = get(inode->i_sb, ino);
	if (IS_ERR(parent))
		return parent;
	if (parent->i_generation == generation && S_ISDIR(parent->i_mode))
		return parent;
	iput(parent);
	return ERR_PTR(-ENOENT);
}

/* Is it a file that the caller may read? */
static bool may_know(const struct file *file, const struct inode *inode)
{
	struct vexfs_file_state s;
	struct vexfs_caller caller;

	vexfs_caller_init(&caller, file);
	vexfs_file_state(inode, &s);
	return !S_ISDIR(s.mode) && vexfs_caller_may_read(&caller, s.uid, s.gid, s.mode);
}

/* No circle is endless, because the path grows with every step. */
static int walk(struct file *file, struct inode *dir, u64 ino, struct path_buf *p)
{
	struct inode *at = get(dir->i_sb, ino), *up;
	int err = PTR_ERR_OR_ZERO(at);
	bool denied = false;

	if (!err && !may_know(file, at)) {
		iput(at);
		err = -ENOENT;
	}
	if (err)
		return err;
	p->at = sizeof(p->byte);
	while (!err && at != dir) {
		up = parent_of(at);
		err = PTR_ERR_OR_ZERO(up);
		if (err)
			break;
		/* out of the collection, or into another one? */
		if (up == at || (vexfs_is_collection(up) && up != dir))
			err = -ENOENT;
		else
			err = denied ? -EACCES : name_in(file, up, at->i_ino, p);
		/* only who is told that the file is in the collection is told of that */
		if (err == -EACCES) {
			denied = true;
			err = prepend(p, "?", 1);
		}
		iput(at);
		at = up;
	}
	iput(at);
	return err ?: denied ? -EACCES : 0;
}

long vexfs_ioc_path(struct file *file, struct vexfs_collection_mem *c, void __user *argp)
{
	struct vexfs_ioc_path arg;
	struct path_buf *p;
	u32 usize, tries = 0;
	int err, e2;

	err = vexfs_may_read(file) ?: vexfs_copy_in(&arg, sizeof(arg), argp, &usize);
	if (err)
		return err;
	if (arg.flags || !ALL_ZERO(arg.reserved))
		return -EINVAL;
	p = kmalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	do
		err = walk(file, c->dir, arg.file, p);
	while (err == -ENOENT && ++tries < TRIES);
	arg.len = err ? 0 : sizeof(p->byte) - p->at;
	if (!err && arg.len > arg.room)
		err = -ERANGE;
	if (!err && copy_to_user(u64_to_user_ptr(arg.path), p->byte + p->at, arg.len))
		err = -EFAULT;
	kfree(p);
	e2 = vexfs_copy_out(argp, &arg, usize);
	return err ?: e2;
}
