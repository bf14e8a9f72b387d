/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A filesystem that is mounted in this process: no module, no root.  By path; by inode: nodes.h.
 *
 * The same files that make up the module's collections, searches and ioctls run here over an image,
 * so what one side writes the other reads.  Every function may be called from any thread.  Paths
 * begin at the root of the image, with or without a slash; symbolic links are not followed
 * (-ELOOP).
 *
 * Nothing here asks who the caller is: whoever can open the image may do everything in it.  Who
 * makes ioctls for others says so, see call.h.
 *
 * No thread works in the background, but for one that makes and keeps derived data of collections
 * which are searched.  What was acknowledged is on stable storage after a sync of
 * its file or directory, of the image, or after closing it; between these a crash leaves a prefix
 * of it, as in the module, but nothing is written by itself every few seconds.  Compaction is for
 * who asks for it.
 */
#ifndef _VEXFS_IMAGE_H
#define _VEXFS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

struct vexfs_image;
struct vexfs_dev;
struct file;

/* nothing is written, nor are orphans freed; the log is replayed in memory */
#define VEXFS_IMAGE_READONLY	1

/*
 * Mount the image or block device at path: superblock (or a copy), log replayed, orphans freed.  It
 * is ours alone until it is closed: O_EXCL on a device, a lock (flock) on a file, which several may
 * share who only read.  *why (may be NULL): one line, good until this thread calls again, what is
 * wrong where that needs words, else NULL.  -EBUSY: mounted, or open here or in another process;
 * -EINVAL no VexFS; -EUCLEAN damaged; -ENXIO the device is shorter than the filesystem; -EROFS,
 * -EOPNOTSUPP a newer format; -ENOSPC no room for the log; -ENOENT, -EACCES, -EIO, -ENOMEM.
 *
 * A file may have holes.  Then its blocks get their room (fallocate) before they are taken, and a
 * disk that is full is -ENOSPC of the call that wants some, as a full filesystem is.
 *
 * While it is mounted nobody may make the file shorter, nor put it behind a loop device, which does
 * not ask for the lock.  A search that looks behind the new end is ended by SIGBUS; so is one that
 * looks at what could be read before, that the system has dropped since, and that the drive cannot
 * read any more.
 */
int vexfs_image_open(const char *path, unsigned int flags, struct vexfs_image **image,
		     const char **why);
/*
 * The same over a device that is open already, and locked by the caller.  It is closed with the
 * image, or after an error; the struct itself stays the caller's.
 */
int vexfs_image_mount(struct vexfs_dev *dev, unsigned int flags, struct vexfs_image **image,
		      const char **why);
/*
 * Commit everything, mark it clean, let it go.  No file of it is open.  The first error of a write;
 * the image is closed in any case, and what could not be written is replayed or lost as after a
 * crash.
 */
int vexfs_image_close(struct vexfs_image *image);
/* As if the power failed now: nothing more is written, memory is freed.  No file of it is open. */
void vexfs_image_kill(struct vexfs_image *image);
/* All that was acknowledged so far, of every collection and file, is on stable storage.  -EIO. */
int vexfs_image_sync(struct vexfs_image *image);

/* Say messages, a line each, to fn instead of stderr.  Before other threads have the image. */
void vexfs_image_hear(struct vexfs_image *image, void (*fn)(void *arg, const char *line),
		      void *arg);

/* Size and room, in blocks of VEXFS_BLOCK_SIZE bytes. */
struct vexfs_image_info {
	__u64 blocks, free, inodes, free_inodes;
	__u64 reserved;			/* of the free blocks, for metadata */
	__u8 uuid[16];
	char label[33];
	bool readonly;
};
void vexfs_image_info(struct vexfs_image *image, struct vexfs_image_info *info);

/* --- names --- */

int vexfs_image_mkdir(struct vexfs_image *image, const char *path, mode_t mode);
int vexfs_image_rmdir(struct vexfs_image *image, const char *path);
/* Of a file: its records are found by nobody from then on. */
int vexfs_image_unlink(struct vexfs_image *image, const char *path);
/* As rename(2): what `to` named is replaced, and its records become those of `from`. */
int vexfs_image_rename(struct vexfs_image *image, const char *from, const char *to);

/* --- open files and directories --- */

/*
 * flags: O_RDONLY, O_RDWR, O_CREAT (a regular file, with mode), O_EXCL, O_TRUNC, O_DIRECTORY, as
 * for open(2).  ERR_PTR of a negative errno.
 */
struct file *vexfs_file_open(struct vexfs_image *image, const char *path, int flags, mode_t mode);
void vexfs_file_close(struct file *file);
/* Mode, size, number, link count, times, owner.  As fstat(2). */
struct stat;
void vexfs_file_stat(struct file *file, struct stat *st);
/* Of a regular file.  How many bytes, or a negative errno. */
ssize_t vexfs_file_pread(struct file *file, void *to, size_t n, off_t pos);
ssize_t vexfs_file_pwrite(struct file *file, const void *from, size_t n, off_t pos);
int vexfs_file_truncate(struct file *file, off_t size);
/* fsync(2): of a collection's directory everything acknowledged on it too.  -EIO. */
int vexfs_file_sync(struct file *file);
/* The names in a directory, "." and ".." left out, until fn returns false.  type: DT_*. */
int vexfs_file_list(struct file *file,
		    bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type),
		    void *arg);
/*
 * ioctl(2), as the module answers it: 0 or more, or a negative errno.  arg: the struct of the call.
 */
long vexfs_file_ioctl(struct file *file, unsigned int cmd, void *arg);

/*
 * Ask the system whether the memory that an ioctl names is there, so that a wrong address is
 * -EFAULT, at the price of a system call each time; for fuzzers.  Else only addresses in the first
 * page are.
 */
extern bool vx_check_user;

/*
 * How binds name a file: fd in struct vexfs_bind is what this returns for descriptor fd, with the
 * caller's lifetime; NULL: there is none.  By default no number names a file.
 */
void vexfs_image_descriptors(struct file *(*lookup)(int fd));

#endif /* _VEXFS_IMAGE_H */
