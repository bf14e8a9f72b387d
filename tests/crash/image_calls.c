// SPDX-License-Identifier: GPL-2.0
/*
 * System calls of test programs, answered by an image that this process has mounted.
 *
 * The linker wraps them (--wrap, see tests.mk).  What concerns a path at or below IMAGE_TOP, or a
 * descriptor that came of one, goes to the image, and everything else to the system, so a program
 * that was written for the guest runs here as it is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <platform/image.h>
#include "image_calls.h"

#define MAX_OPEN	64
#define FIRST_FD	(1 << 20)	/* beyond what the system gives */
#define IS_ERROR(p)	((unsigned long)(p) >= (unsigned long)-4095)

static struct vexfs_image *image;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of who takes and gives back */
static struct descriptor {
	struct file *file;		/* NULL: free */
	char *path;			/* in the image */
	int flags;
	bool listed;			/* getdents64() has told all */
} descriptors[MAX_OPEN];

static struct descriptor *descriptor(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + MAX_OPEN && descriptors[fd - FIRST_FD].file ?
		       &descriptors[fd - FIRST_FD] : NULL;
}

static struct file *lookup(int fd)
{
	struct descriptor *d = descriptor(fd);

	return d ? d->file : NULL;
}

void image_calls(struct vexfs_image *to)
{
	image = to;
	vexfs_image_descriptors(to ? lookup : NULL);
}

/* 0 or more; or -1 and errno, for a negative errno. */
static long answer(long r)
{
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

/* The path in the image, NULL: it is the system's. */
static const char *inside(const char *path)
{
	size_t n = strlen(IMAGE_TOP);

	if (!image || strncmp(path, IMAGE_TOP, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n : "/";
}

/* The same, relative to a directory: NULL the system's, else allocated. */
static char *inside_at(int dir, const char *path)
{
	struct descriptor *d = *path == '/' ? NULL : descriptor(dir);
	char *full;

	if (!d) {
		path = inside(path);
		return path ? strdup(path) : NULL;
	}
	return asprintf(&full, "%s/%s", d->path, path) < 0 ? NULL : full;
}

/* path is ours. */
static int open_inside(char *path, int flags, mode_t mode)
{
	struct file *file = vexfs_file_open(image, path, flags & ~O_CLOEXEC, mode);
	int i;

	if (IS_ERROR(file)) {
		free(path);
		return answer((long)file);
	}
	pthread_mutex_lock(&lock);
	for (i = 0; i < MAX_OPEN && descriptors[i].file; i++)
		;
	if (i < MAX_OPEN)
		descriptors[i] = (struct descriptor){ .file = file, .path = path, .flags = flags };
	pthread_mutex_unlock(&lock);
	if (i < MAX_OPEN)
		return FIRST_FD + i;
	vexfs_file_close(file);
	free(path);
	return answer(-EMFILE);
}

#define WRAP(type, name, ...)		\
	type __real_##name(__VA_ARGS__);	\
	type __wrap_##name(__VA_ARGS__);	\
	type __wrap_##name(__VA_ARGS__)

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	char *in = inside_at(dir, path);

	return in ? open_inside(in, flags, mode) : __real_openat(dir, path, flags, mode);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return open_at(dir, path, flags, mode);
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return open_at(AT_FDCWD, path, flags, mode);
}

WRAP(int, close, int fd)
{
	struct descriptor *d = descriptor(fd);

	if (!d)
		return __real_close(fd);
	vexfs_file_close(d->file);
	free(d->path);
	pthread_mutex_lock(&lock);
	d->file = NULL;
	pthread_mutex_unlock(&lock);
	return 0;
}

int __real_ioctl(int fd, unsigned long cmd, void *arg);
int __wrap_ioctl(int fd, unsigned long cmd, ...);
int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	struct descriptor *d = descriptor(fd);
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return d ? answer(vexfs_file_ioctl(d->file, cmd, arg)) : __real_ioctl(fd, cmd, arg);
}

WRAP(int, fsync, int fd)
{
	struct descriptor *d = descriptor(fd);

	return d ? answer(vexfs_file_sync(d->file)) : __real_fsync(fd);
}

WRAP(int, syncfs, int fd)
{
	return descriptor(fd) ? answer(vexfs_image_sync(image)) : __real_syncfs(fd);
}

WRAP(ssize_t, pread, int fd, void *to, size_t n, off_t pos)
{
	struct descriptor *d = descriptor(fd);

	return d ? answer(vexfs_file_pread(d->file, to, n, pos)) : __real_pread(fd, to, n, pos);
}

WRAP(ssize_t, pwrite, int fd, const void *from, size_t n, off_t pos)
{
	struct descriptor *d = descriptor(fd);

	return d ? answer(vexfs_file_pwrite(d->file, from, n, pos)) :
		   __real_pwrite(fd, from, n, pos);
}

/* Of one that was opened with O_APPEND; there is no position. */
WRAP(ssize_t, write, int fd, const void *from, size_t n)
{
	struct descriptor *d = descriptor(fd);
	struct stat st;

	if (!d)
		return __real_write(fd, from, n);
	if (!(d->flags & O_APPEND))
		return answer(-EOPNOTSUPP);
	vexfs_file_stat(d->file, &st);
	return answer(vexfs_file_pwrite(d->file, from, n, st.st_size));
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
	const char *in = inside(path);

	return in ? answer(vexfs_image_mkdir(image, in, mode)) : __real_mkdir(path, mode);
}

WRAP(int, unlinkat, int dir, const char *path, int flags)
{
	char *in = inside_at(dir, path);
	int err;

	if (!in)
		return __real_unlinkat(dir, path, flags);
	err = flags & AT_REMOVEDIR ? vexfs_image_rmdir(image, in) : vexfs_image_unlink(image, in);
	free(in);
	return answer(err);
}

WRAP(int, unlink, const char *path)
{
	const char *in = inside(path);

	return in ? answer(vexfs_image_unlink(image, in)) : __real_unlink(path);
}

WRAP(int, renameat, int from_dir, const char *from, int to_dir, const char *to)
{
	char *a = inside_at(from_dir, from), *b = inside_at(to_dir, to);
	int err;

	if (!a && !b)
		return __real_renameat(from_dir, from, to_dir, to);
	err = a && b ? vexfs_image_rename(image, a, b) : -EXDEV;
	free(a);
	free(b);
	return answer(err);
}

int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	return __wrap_renameat(AT_FDCWD, from, AT_FDCWD, to);
}

WRAP(int, fstatat, int dir, const char *path, struct stat *st, int flags)
{
	char *in = inside_at(dir, path);
	struct file *file;

	if (!in)
		return __real_fstatat(dir, path, st, flags);
	file = vexfs_file_open(image, in, O_RDONLY, 0);
	free(in);
	if (IS_ERROR(file))
		return answer((long)file);
	vexfs_file_stat(file, st);
	vexfs_file_close(file);
	return 0;
}

struct listing {
	char *at;
	size_t left;
	bool full;
};

static bool add_name(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	size_t bytes = (offsetof(struct dirent64, d_name) + len + 1 + 7) & ~7UL;
	struct listing *l = arg;
	struct dirent64 *e = (void *)l->at;

	l->full = bytes > l->left;
	if (l->full)
		return false;
	e->d_ino = ino;
	e->d_off = 0;
	e->d_reclen = bytes;
	e->d_type = type;
	memcpy(e->d_name, name, len);
	e->d_name[len] = '\0';
	l->at += bytes;
	l->left -= bytes;
	return true;
}

/* All at once, or -EOVERFLOW. */
WRAP(ssize_t, getdents64, int fd, void *to, size_t n)
{
	struct descriptor *d = descriptor(fd);
	struct listing l = { to, n, false };
	int err;

	if (!d)
		return __real_getdents64(fd, to, n);
	if (d->listed)
		return 0;
	err = vexfs_file_list(d->file, add_name, &l);
	d->listed = true;
	return answer(err ?: l.full ? -EOVERFLOW : (long)(n - l.left));
}
