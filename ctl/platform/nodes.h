/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files and directories of an image that is mounted in this process, for who knows them by inode
 * rather than by path: FUSE, and the calls on paths in image.h.  They mean what the kernel's
 * filesystem means by them (kmod/fs), but that nobody is asked whether he may: that was checked.
 *
 * An inode is a reference, which is given back by vexfs_node_put().  Every function may be called
 * from any thread.  Errors are negative errno values; -EROFS mounted read-only, -EIO after damage,
 * a write error or a shutdown, -EUCLEAN damage.
 */
#ifndef _VEXFS_NODES_H
#define _VEXFS_NODES_H

#include "image.h"

struct inode;

/* --- having one --- */

/*
 * By number and with a reference, as a file handle has it.  ERR_PTR: -ESTALE there is none, or it has
 * no name.
 */
struct inode *vexfs_node_get(struct vexfs_image *image, __u64 ino);
/* The directory above a directory. */
struct inode *vexfs_node_parent(struct inode *dir);
void vexfs_node_put(struct inode *inode);
__u64 vexfs_node_ino(const struct inode *inode);
__u32 vexfs_node_generation(const struct inode *inode);
bool vexfs_node_is_dir(const struct inode *inode);

/*
 * Lookups are counted for a kernel that knows inodes by their numbers, and as long as it does.  The
 * first one keeps the caller's reference; of others it is given back.
 */
void vexfs_node_looked_up(struct inode *inode);
/* One that was looked up, without another reference.  NULL: it was not. */
struct inode *vexfs_node_known(struct vexfs_image *image, __u64 ino);
/*
 * The same as an open file, if it has that generation, with flags as of open(2): vexfs_file_close().
 * ERR_PTR: -ESTALE, -ENOMEM.
 */
struct file *vexfs_node_open(struct vexfs_image *image, __u64 ino, __u32 generation, int flags);
/* n lookups end.  The last one frees an inode without a name. */
void vexfs_node_forget(struct vexfs_image *image, __u64 ino, __u64 n);
/* All of them end. */
void vexfs_node_forget_all(struct vexfs_image *image);
/* It was opened, or (false) closed: what is written to it counts as used meanwhile. */
void vexfs_node_opened(struct inode *inode, bool open);
/* Is there a file without a name, looked up and not open, whose space will come back soon? */
bool vexfs_node_any_unused(struct vexfs_image *image);

/* --- names --- */

/* A name in a directory, not necessarily terminated. */
struct vexfs_name {
	struct inode *dir;
	const char *name;
	unsigned int len;
};

/* A file to be made, of any type. */
struct vexfs_make {
	mode_t mode;			/* with the type */
	__u32 uid, gid;			/* S_ISGID of the directory overrules gid */
	dev_t rdev;			/* of a device */
	const char *target;		/* of a symlink */
};

/* Who asks.  By the name of what the kernel's filesystem has for that. */
struct mnt_idmap {
	__u32 uid, gid;
	bool (*in_group)(void *arg, __u32 gid);		/* a supplementary one */
	void *arg;
};

/* -ENOENT, -ENOTDIR, -ENAMETOOLONG; "." and ".." lead where they should. */
struct inode *vexfs_name_lookup(const struct vexfs_name *at);
/* -EEXIST, -ENOENT the directory was removed, -EMLINK, -ENOSPC, -ENAMETOOLONG of a target, too. */
struct inode *vexfs_name_make(const struct vexfs_name *at, const struct vexfs_make *make);
/* Another name of a file.  -EPERM of a directory; -EXDEV it would leave its collection. */
int vexfs_name_link(const struct vexfs_name *at, struct inode *inode);
/* rmdir(2) or unlink(2).  -EBUSY a collection that has records. */
int vexfs_name_remove(const struct vexfs_name *at, bool is_dir);
/*
 * renameat2(2): flags 0, RENAME_NOREPLACE or RENAME_EXCHANGE.  What `to` named is replaced, and its
 * records become those of `from`, if `who` may read them; NULL may.  -EXDEV see link.
 */
int vexfs_name_rename(const struct vexfs_name *from, const struct vexfs_name *to, unsigned int flags,
		      struct mnt_idmap *who);

/*
 * The names in a directory from *pos on, 0 at first, until fn returns false; then *pos is where that
 * entry was.  pos: of an entry; names that stay are found from there, whatever others do.
 */
int vexfs_node_list(struct inode *dir, __u64 *pos,
		    bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type,
			       __u64 pos),
		    void *arg);

/* --- attributes and data --- */

void vexfs_node_stat(struct inode *inode, struct stat *st);

#define VEXFS_SET_MODE		0x01u
#define VEXFS_SET_UID		0x02u
#define VEXFS_SET_GID		0x04u
#define VEXFS_SET_SIZE		0x08u
#define VEXFS_SET_ATIME	0x10u
#define VEXFS_SET_MTIME	0x20u
/* with SIZE: mtime changes even if the size does not, as by ftruncate(2) */
#define VEXFS_SET_OPEN		0x40u
struct vexfs_set {
	unsigned int set;		/* VEXFS_SET_* */
	mode_t mode;			/* without the type */
	__u32 uid, gid;
	off_t size;
	struct timespec atime, mtime;
};
/* -EINVAL a size of what is no regular file, or negative; -EFBIG, -ENOSPC. */
int vexfs_node_setattr(struct inode *inode, const struct vexfs_set *attr);
/* It was read: atime, if that is older than the last change, or than a day. */
void vexfs_node_accessed(struct inode *inode);

/* The target of a symlink, into `size` bytes; it is not terminated.  Its length. */
ssize_t vexfs_node_readlink(struct inode *inode, char *to, size_t size);
/* Of a regular file.  How many bytes. */
ssize_t vexfs_node_read(struct inode *inode, void *to, size_t n, off_t pos);
/* Fewer than n: the filesystem is full. */
ssize_t vexfs_node_write(struct inode *inode, const void *from, size_t n, off_t pos);
/* mode: 0 or FALLOC_FL_KEEP_SIZE, else -EOPNOTSUPP.  After -ENOSPC what was allocated stays. */
int vexfs_node_fallocate(struct inode *inode, int mode, off_t pos, off_t n);
/* SEEK_DATA or SEEK_HOLE.  -ENXIO behind the end. */
off_t vexfs_node_seek(struct inode *inode, off_t pos, int whence);
/* fsync(2): of a collection's directory everything acknowledged on it too. */
int vexfs_node_sync(struct inode *inode);

#endif /* _VEXFS_NODES_H */
