// SPDX-License-Identifier: GPL-2.0
/*
 * Paths in an image, and what is opened by them: image.h, over the calls of nodes.h.
 *
 * No lock: each call that changes a name looks it up once more, under the locks of names-user.c.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

/* --- paths --- */

static bool is_dots(const char *name, unsigned int len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/*
 * What a path leads to, with a reference.  at: not NULL, the last name too, also where only that is
 * -ENOENT; its directory is referenced, and NULL with any other error, and where the path is the
 * root, or ends in dots.  ERR_PTR: -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, -EIO ...
 */
static struct inode *walk(struct super_block *sb, const char *path, struct vexfs_name *at)
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
			next = vexfs_name_lookup(&(struct vexfs_name){ inode, name, len });
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

/* Made by who runs this. */
static struct inode *make(const struct vexfs_name *at, mode_t mode)
{
	const struct vexfs_make make = { .mode = mode, .uid = geteuid(), .gid = getegid() };

	return vexfs_name_make(at, &make);
}

int vexfs_image_mkdir(struct vexfs_image *image, const char *path, mode_t mode)
{
	struct vexfs_name at;
	struct inode *inode = walk(vexfs_image_sb(image), path, &at);

	if (!IS_ERR(inode)) {
		iput(inode);
		inode = ERR_PTR(-EEXIST);
	} else if (inode == ERR_PTR(-ENOENT) && at.dir) {
		inode = make(&at, S_IFDIR | (mode & 07777));
		if (!IS_ERR(inode))
			iput(inode);
	}
	iput(at.dir);
	return PTR_ERR_OR_ZERO(inode);
}

static int remove_path(struct vexfs_image *image, const char *path, bool is_dir)
{
	struct vexfs_name at;
	struct inode *inode = walk(vexfs_image_sb(image), path, &at);
	int err = PTR_ERR_OR_ZERO(inode);

	if (!err) {
		iput(inode);
		if (at.dir)
			err = vexfs_name_remove(&at, is_dir);
		else				/* the root, "." or ".." */
			err = is_dir ? -EBUSY : -EISDIR;
	}
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

int vexfs_image_rename(struct vexfs_image *image, const char *from_path, const char *to_path)
{
	struct super_block *sb = vexfs_image_sb(image);
	struct vexfs_name from, to = { };
	struct inode *old, *new;
	int err;

	old = walk(sb, from_path, &from);
	err = PTR_ERR_OR_ZERO(old);
	if (!err) {
		new = walk(sb, to_path, &to);
		if (!IS_ERR(new))
			iput(new);
		else if (new != ERR_PTR(-ENOENT) || !to.dir)
			err = PTR_ERR(new);
		else if (!S_ISDIR(old->i_mode) && to.name[to.len])
			err = -ENOTDIR;		/* a slash behind the name of a file */
	}
	if (!err && (!from.dir || !to.dir))
		err = -EBUSY;
	err = err ?: vexfs_name_rename(&from, &to, 0, NULL);
	if (!IS_ERR(old))
		iput(old);
	iput(to.dir);
	iput(from.dir);
	return err;
}

/* --- open files --- */

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* What there is at a path, made if that is wanted. */
static struct inode *open_inode(struct super_block *sb, const char *path, int flags, mode_t mode)
{
	struct vexfs_name at;
	struct inode *inode;

	if (!(flags & O_CREAT))
		return walk(sb, path, NULL);
	do {
		inode = walk(sb, path, &at);
		if (!IS_ERR(inode) && flags & O_EXCL) {
			iput(inode);
			inode = ERR_PTR(-EEXIST);
		} else if (inode == ERR_PTR(-ENOENT) && at.dir) {
			if (at.name[at.len])		/* a slash behind it */
				inode = ERR_PTR(-EISDIR);
			else
				inode = make(&at, S_IFREG | (mode & 07777));
		}
		iput(at.dir);
	} while (inode == ERR_PTR(-EEXIST) && !(flags & O_EXCL));	/* made meanwhile */
	return inode;
}

static int check_open(const struct inode *inode, int flags)
{
	if (S_ISLNK(inode->i_mode))
		return -ELOOP;
	if (S_ISDIR(inode->i_mode))
		return writes(flags) || flags & O_CREAT ? -EISDIR : 0;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (!S_ISREG(inode->i_mode))
		return -ENXIO;
	return writes(flags) && sb_rdonly(inode->i_sb) ? -EROFS : 0;
}

struct file *vexfs_file_open(struct vexfs_image *image, const char *path, int flags, mode_t mode)
{
	struct super_block *sb = vexfs_image_sb(image);
	struct inode *inode;
	struct file *file;
	int err;

	if (vexfs_is_gone(sb))
		return ERR_PTR(-EIO);
	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return ERR_PTR(-ENOMEM);
	inode = open_inode(sb, path, flags, mode);
	err = PTR_ERR_OR_ZERO(inode);
	if (err)
		goto free;
	*file = (struct file){ .inode = inode, .flags = flags };
	err = check_open(inode, flags);
	if (!err && flags & O_TRUNC && writes(flags))
		err = vexfs_file_truncate(file, 0);
	if (err)
		goto put;
	atomic_inc(&VEXFS_SB(sb)->files);
	return file;
put:
	iput(inode);
free:
	kfree(file);
	return ERR_PTR(err);
}

void vexfs_file_close(struct file *file)
{
	atomic_dec(&VEXFS_SB(file->inode->i_sb)->files);
	iput(file->inode);
	kfree(file);
}

void vexfs_file_stat(struct file *file, struct stat *st)
{
	vexfs_node_stat(file->inode, st);
}

ssize_t vexfs_file_pread(struct file *file, void *to, size_t n, off_t pos)
{
	if ((file->flags & O_ACCMODE) == O_WRONLY)
		return vexfs_is_gone(file->inode->i_sb) ? -EIO : -EBADF;
	return vexfs_node_read(file->inode, to, n, pos);
}

ssize_t vexfs_file_pwrite(struct file *file, const void *from, size_t n, off_t pos)
{
	return writes(file->flags) ? vexfs_node_write(file->inode, from, n, pos) : -EBADF;
}

int vexfs_file_truncate(struct file *file, off_t size)
{
	const struct vexfs_set attr = { .set = VEXFS_SET_SIZE | VEXFS_SET_OPEN, .size = size };

	return writes(file->flags) ? vexfs_node_setattr(file->inode, &attr) : -EINVAL;
}

int vexfs_file_sync(struct file *file)
{
	return vexfs_node_sync(file->inode);
}

long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

long vexfs_file_ioctl(struct file *file, unsigned int cmd, void *arg)
{
	return vexfs_ioctl(file, cmd, (unsigned long)arg);
}

struct caller {
	bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type);
	void *arg;
};

static bool call(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	const struct caller *c = arg;

	(void)pos;
	return c->fn(c->arg, name, len, ino, type);
}

int vexfs_file_list(struct file *file,
		    bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type),
		    void *arg)
{
	struct caller c = { fn, arg };
	__u64 pos = 0;

	return vexfs_node_list(file->inode, &pos, call, &c);
}
