// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs: images that are attached to this process, and the descriptors of what is open in them.
 *
 * The number of such a descriptor is a real one, so that nothing else in the process has it: that
 * of a socket of its own, of which read(2), write(2), fsync(2) and ioctl(2) fail.  `table` has the
 * file of the image for it.  Somebody may close(2) the number, and the kernel may give it to
 * another file: each handle knows the inode of its socket, which no other one has, and every call
 * compares it.  That is an fstat(2) for each call, and made only while an image is attached.
 *
 * Locks: `lock` guards all that is static here, for a few instructions at a time; nothing that may
 * wait is called with it.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fuse/door.h>
#include <fuse/serve.h>
#include <platform/image.h>
#include <platform/native.h>
#include "libvexfs/attach.h"
#include "libvexfs/call.h"

struct image {
	struct image *next;
	struct vexfs_image *fs;		/* NULL: another process has it */
	struct line *far;		/* to him */
	struct door door;		/* for others ... */
	bool has_door;			/* ... if they may write, and the system lets us */
	char *name;			/* as it was given */
	dev_t dev, rdev;
	ino_t ino;
	bool noprograms;		/* none may be loaded by it */
	bool leaving;			/* vexfs_detach() waits for the busy ones; no new ones */
	unsigned int busy;		/* calls that are under way in it; lock */
};

struct handle {
	struct image *image;		/* NULL: it was detached, and there is no file; lock */
	struct file *file;		/* NULL: of an image that another process has */
	struct vexfs_pass pass;		/* there */
	char *path;			/* in the image */
	dev_t dev;			/* of its socket */
	ino_t ino;
	unsigned int refs;		/* one of the table, one of each call; lock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;	/* an image is not busy any more */
static struct image *images;
static struct handle **table;		/* by number */
static int room;			/* of table */
static atomic_uint in_use;		/* images and handles; 0: all descriptors are ordinary */

/* Files that this thread's call binds records to: they stay until it returns. */
static __thread struct {
	struct handle **handle;
	size_t n, room;
} pins;

/* --- handles --- */

/* With lock. */
static void not_busy(struct image *im)
{
	if (!--im->busy)
		pthread_cond_broadcast(&idle);
}

/* Done with a handle, and with its image. */
static void put(struct handle *h)
{
	struct image *im;
	bool last;

	pthread_mutex_lock(&lock);
	im = h->image;
	last = !--h->refs;
	if (!last)
		not_busy(im);
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	if (h->file)
		vexfs_file_close(h->file);
	free(h->path);
	free(h);
	pthread_mutex_lock(&lock);
	not_busy(im);
	pthread_mutex_unlock(&lock);
}

/*
 * Take a handle out of the table, for put().  With lock; NULL: there is nothing to put, as its
 * image was detached.
 */
static struct handle *take(int fd)
{
	struct handle *h = table[fd];

	table[fd] = NULL;
	atomic_fetch_sub(&in_use, 1);
	if (h->image) {
		h->image->busy++;
		return h;
	}
	free(h->path);
	free(h);
	return NULL;
}

/*
 * What a number stands for.  1: a file of an image, *out, until put(); 0: something else; -EBADF: a
 * file of an image that was detached.
 */
static int get(int fd, struct handle **out)
{
	bool alive = false;
	struct handle *h = NULL;
	struct stat st;
	dev_t dev;
	ino_t ino;

	if (!atomic_load(&in_use))
		return 0;
	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < room && table[fd]) {
		h = table[fd];
		dev = h->dev;
		ino = h->ino;
		alive = h->image && !h->image->leaving;
		if (alive) {
			h->refs++;
			h->image->busy++;
		}
	}
	pthread_mutex_unlock(&lock);
	if (!h)
		return 0;
	if (!fstat(fd, &st) && st.st_dev == dev && st.st_ino == ino) {
		*out = h;
		return alive ? 1 : -EBADF;
	}
	if (alive)
		put(h);
	return 0;
}

/* What h->path names, in an image or where that is. */
static int open_it(struct handle *h, int flags)
{
	const struct image *im = h->image;

	if (im->far)
		return flags & O_DIRECTORY ? vexfs_far_open(im->far, h->path, &h->pass) : -EBUSY;
	h->file = vexfs_file_open(im->fs, h->path, flags, 0644);
	if ((long)h->file >= 0 || (long)h->file < -4095)
		return 0;
	return (int)(long)h->file;
}

/* Open a file of an image that is busy: a number. */
static int open_in(struct image *im, const char *path, int flags)
{
	struct handle *h = calloc(1, sizeof(*h)), *stale = NULL, **p;
	struct stat st;
	int fd = -1, err = -ENOMEM;

	if (h)
		h->path = strdup(path);
	if (!h || !h->path)
		goto failed;
	h->refs = 1;
	h->image = im;
	err = open_it(h, flags);
	if (err)
		goto failed;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		goto close;
	}
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	pthread_mutex_lock(&lock);
	if (fd >= room) {
		p = realloc(table, 2 * (fd + 1) * sizeof(*p));
		if (!p) {
			pthread_mutex_unlock(&lock);
			err = -ENOMEM;
			goto close;
		}
		memset(p + room, 0, (2 * (fd + 1) - room) * sizeof(*p));
		table = p;
		room = 2 * (fd + 1);
	}
	if (table[fd])			/* its number was closed by close(2) */
		stale = take(fd);
	table[fd] = h;
	atomic_fetch_add(&in_use, 1);
	pthread_mutex_unlock(&lock);
	if (stale)
		put(stale);
	return fd;
close:
	if (h->file)
		vexfs_file_close(h->file);
	if (fd >= 0)
		close(fd);
failed:
	if (h)
		free(h->path);
	free(h);
	return err;
}

/* What vexfs_bind.fd stands for, for the call that this thread is in. */
static struct file *lookup(int fd)
{
	struct handle *h, **p;
	struct file *file;

	if (door_file(fd, &file))
		return file;
	if (get(fd, &h) <= 0)
		return NULL;
	if (pins.n && pins.handle[pins.n - 1] == h) {	/* many records of one file */
		put(h);
		return h->file;
	}
	if (pins.n == pins.room) {
		p = realloc(pins.handle, 2 * (pins.n + 8) * sizeof(*p));
		if (!p) {
			put(h);
			return NULL;
		}
		pins.handle = p;
		pins.room = 2 * (pins.n + 8);
	}
	pins.handle[pins.n++] = h;
	return h->file;
}

/* --- images --- */

/* In a child of fork() there are no images: those of the parent go on there. */
static void forked(void)
{
	struct image *im;

	for (im = images; im; im = im->next)
		if (im->has_door)
			door_forked(&im->door);
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&idle, NULL);
	images = NULL;
	table = NULL;
	room = 0;
	atomic_store(&in_use, 0);
}

static void start(void)
{
	vexfs_image_descriptors(lookup);
	pthread_atfork(NULL, NULL, forked);
}

/* The image that is this file or block device; with lock. */
static struct image *image_of(const struct stat *st)
{
	struct image *im;

	for (im = images; im; im = im->next)
		if (S_ISBLK(st->st_mode) ?
			    im->rdev && im->rdev == st->st_rdev :
			    !im->rdev && im->dev == st->st_dev && im->ino == st->st_ino)
			break;
	return im;
}

/*
 * The image that a path leads into, busy until leave(), and where in it; NULL: none.  Names of
 * images are those of the filesystem: any path to the file will do.
 */
static struct image *enter(int dir, const char *path, const char **inside)
{
	char prefix[PATH_MAX];
	struct image *im;
	struct stat st;
	size_t n = 0;

	if (!atomic_load(&in_use))
		return NULL;
	do {
		n += strspn(path + n, "/");
		n += strcspn(path + n, "/");
		if (n >= sizeof(prefix))
			return NULL;
		memcpy(prefix, path, n);
		prefix[n] = 0;
		if (fstatat(dir, prefix, &st, 0))
			return NULL;
	} while (S_ISDIR(st.st_mode) && path[n]);
	*inside = path[n] ? path + n : "/";
	pthread_mutex_lock(&lock);
	im = image_of(&st);
	if (im)
		im->busy++;
	pthread_mutex_unlock(&lock);
	return im;
}

static void leave(struct image *im)
{
	pthread_mutex_lock(&lock);
	not_busy(im);
	pthread_mutex_unlock(&lock);
}

/*
 * For other processes, which could open the image if we had not: see fuse/door.h.  Without it they are
 * refused, as they are where they cannot reach us.
 */
static void open_door(struct image *im, const struct stat *st)
{
	im->door = (struct door){ .image = im->fs, .by_path = true, .noprograms = true };
	vexfs_door_name(im->door.name, sizeof(im->door.name), st);
	im->has_door = !door_open(&im->door);
}

/* An image that is in no list, with nothing open in it. */
static int end(struct image *im)
{
	int err = 0;

	if (im->has_door)
		door_close(&im->door);
	if (im->far)
		vexfs_far_hang_up(im->far);
	else
		err = vexfs_image_close(im->fs);
	free(im->name);
	free(im);
	return err;
}

int vexfs_attach_why(const char *image, unsigned int flags, const char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned int readonly = flags & VEXFS_ATTACH_READONLY ? VEXFS_IMAGE_READONLY : 0;
	struct image *im, *other;
	struct stat st;
	int err;

	*why = NULL;
	if (flags & ~(VEXFS_ATTACH_READONLY | VEXFS_ATTACH_NOPROGRAMS | VEXFS_ATTACH_FAR |
		      VEXFS_ATTACH_ALONE))
		return -EINVAL;
	if (stat(image, &st))
		return -errno;
	pthread_mutex_lock(&lock);
	other = image_of(&st);
	pthread_mutex_unlock(&lock);
	if (other)
		return -EALREADY;
	im = calloc(1, sizeof(*im));
	if (im)
		im->name = strdup(image);
	if (!im || !im->name) {
		free(im);
		return -ENOMEM;
	}
	im->noprograms = flags & VEXFS_ATTACH_NOPROGRAMS;
	im->dev = st.st_dev;
	im->ino = st.st_ino;
	im->rdev = S_ISBLK(st.st_mode) ? st.st_rdev : 0;
	pthread_once(&once, start);
	err = flags & VEXFS_ATTACH_FAR ? vexfs_far_dial(&st, &im->far) :
					 vexfs_image_open(image, readonly, &im->fs, why);
	if (err) {
		free(im->name);
		free(im);
		return err;
	}
	if (im->fs && !(flags & (VEXFS_ATTACH_READONLY | VEXFS_ATTACH_ALONE)))
		open_door(im, &st);
	pthread_mutex_lock(&lock);
	other = image_of(&st);		/* another thread was faster; readers share the lock */
	if (!other) {
		im->next = images;
		images = im;
		atomic_fetch_add(&in_use, 1);
	}
	pthread_mutex_unlock(&lock);
	if (!other)
		return 0;
	end(im);
	return -EALREADY;
}

int vexfs_attach(const char *image, unsigned int flags)
{
	const char *why;

	if (flags & ~(VEXFS_ATTACH_READONLY | VEXFS_ATTACH_NOPROGRAMS))
		return -EINVAL;
	return vexfs_attach_why(image, flags, &why);
}

int vexfs_detach(const char *image)
{
	struct image *im = NULL, **p;
	struct stat st;
	struct file *file;
	int fd = 0;
	bool is_there = !stat(image, &st);

	pthread_mutex_lock(&lock);
	if (is_there)
		im = image_of(&st);
	for (p = &images; *p && (im ? *p != im : strcmp((*p)->name, image)); p = &(*p)->next)
		;			/* its file may have another name now, or none */
	im = *p;
	if (!im) {
		pthread_mutex_unlock(&lock);
		return -ENOENT;
	}
	*p = im->next;
	im->leaving = true;
	for (;;) {
		while (im->busy)
			pthread_cond_wait(&idle, &lock);
		while (fd < room && !(table[fd] && table[fd]->image == im))
			fd++;
		if (fd >= room)
			break;
		file = table[fd]->file;	/* the number stays, until vexfs_close() */
		table[fd]->file = NULL;
		table[fd]->image = NULL;
		pthread_mutex_unlock(&lock);
		if (file)
			vexfs_file_close(file);
		pthread_mutex_lock(&lock);
	}
	atomic_fetch_sub(&in_use, 1);
	pthread_mutex_unlock(&lock);
	return end(im);
}

/* --- calls --- */

int vexfs_call(int fd, unsigned long cmd, void *arg)
{
	struct handle *h;
	long ret = get(fd, &h);

	if (ret < 0)
		return ret;
	if (!ret)
		return vexfs_mounted_call(fd, cmd, arg);
	if (!h->file)
		ret = vexfs_far_call(h->image->far, &h->pass, cmd, arg);
	else if (cmd == VEXFS_IOC_NATIVE)
		ret = vexfs_native_ioctl(arg, h->image->noprograms);
	else
		ret = vexfs_file_ioctl(h->file, cmd, arg);
	while (pins.n)
		put(pins.handle[--pins.n]);
	free(pins.handle);
	pins.handle = NULL;
	pins.room = 0;
	put(h);
	return ret < 0 ? (int)ret : 0;
}

int vexfs_sync(int fd)
{
	struct handle *h;
	int ret = get(fd, &h);

	if (ret < 0)
		return ret;
	if (!ret)
		return fsync(fd) ? -errno : 0;
	ret = h->file ? vexfs_file_sync(h->file) : vexfs_far_sync(h->image->far, &h->pass);
	put(h);
	return ret;
}

/* In dir, which is a descriptor or AT_FDCWD. */
static int open_at(int dir, const char *path, int flags)
{
	char below[PATH_MAX];
	const char *inside;
	struct handle *h;
	struct image *im;
	int fd = *path == '/' ? 0 : get(dir, &h);

	if (fd < 0)
		return fd;
	if (fd) {
		fd = snprintf(below, sizeof(below), "%s/%s", h->path, path);
		fd = fd < (int)sizeof(below) ? open_in(h->image, below, flags) : -ENAMETOOLONG;
		put(h);
		return fd;
	}
	fd = openat(dir, path, flags | O_CLOEXEC, 0666);
	if (fd >= 0)
		return fd;
	fd = -errno;
	im = fd == -ENOTDIR ? enter(dir, path, &inside) : NULL;
	if (im) {
		fd = open_in(im, inside, flags);
		leave(im);
	}
	return fd;
}

int vexfs_open(const char *path)
{
	return open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
}

int vexfs_open_file(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags);
}

int vexfs_close(int fd)
{
	struct handle *h, *closed = NULL;
	int ret = get(fd, &h);

	if (ret) {
		pthread_mutex_lock(&lock);
		if (fd < room && table[fd] && (ret < 0 || table[fd] == h))
			closed = take(fd);
		pthread_mutex_unlock(&lock);
		if (closed)
			put(closed);
		if (ret > 0)
			put(h);
		if (ret > 0 && !closed)
			return -EBADF;	/* another thread was faster, and the number is not ours */
	}
	return close(fd) ? -errno : 0;
}

ssize_t vexfs_pread(int fd, void *to, size_t n, __u64 pos)
{
	struct handle *h;
	ssize_t ret = get(fd, &h);

	if (ret < 0)
		return ret;
	if (!ret) {
		ret = pread(fd, to, n, pos);
		return ret < 0 ? -errno : ret;
	}
	ret = h->file ? vexfs_file_pread(h->file, to, n, pos) : -EISDIR;
	put(h);
	return ret;
}

ssize_t vexfs_pwrite(int fd, const void *from, size_t n, __u64 pos)
{
	struct handle *h;
	ssize_t ret = get(fd, &h);

	if (ret < 0)
		return ret;
	if (!ret) {
		ret = pwrite(fd, from, n, pos);
		return ret < 0 ? -errno : ret;
	}
	ret = h->file ? vexfs_file_pwrite(h->file, from, n, pos) : -EBADF;
	put(h);
	return ret;
}

/* --- names --- */

int vexfs_mkdir(const char *path)
{
	int err = mkdir(path, 0777) ? -errno : 0;
	const char *inside;
	struct image *im = err == -ENOTDIR ? enter(AT_FDCWD, path, &inside) : NULL;

	if (im) {
		err = im->fs ? vexfs_image_mkdir(im->fs, inside, 0755) : -EBUSY;
		leave(im);
	}
	return err;
}

int vexfs_rmdir(const char *path)
{
	int err = rmdir(path) ? -errno : 0;
	const char *inside;
	struct image *im = err == -ENOTDIR ? enter(AT_FDCWD, path, &inside) : NULL;

	if (im) {
		err = im->fs ? vexfs_image_rmdir(im->fs, inside) : -EBUSY;
		leave(im);
	}
	return err;
}

int vexfs_unlink(const char *path)
{
	int err = unlink(path) ? -errno : 0;
	const char *inside;
	struct image *im = err == -ENOTDIR ? enter(AT_FDCWD, path, &inside) : NULL;

	if (im) {
		err = im->fs ? vexfs_image_unlink(im->fs, inside) : -EBUSY;
		leave(im);
	}
	return err;
}
