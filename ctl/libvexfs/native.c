// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs: programs that are compiled natively, of this process or of vexfs-fuse.  The file is read
 * here, with the rights of the caller, and its bytes go to whoever is to run it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <platform/native.h>
#include "libvexfs/call.h"

__attribute__((format(printf, 3, 4)))
static int fail(char *why, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, VEXFS_NATIVE_WHY, fmt, ap);
	va_end(ap);
	return error;
}

/* Whoever can write to it can make the process do anything. */
static int check_owner(const struct stat *st, char *why)
{
	if (st->st_uid && st->st_uid != geteuid())
		return fail(why, -EPERM,
			    "belongs to another user (%u): a program is to be your own, or root's",
			    (unsigned int)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return fail(why, -EPERM,
			    "can be written to by others: take that away with chmod go-w");
	return 0;
}

/* The whole file, for the caller to free. */
static int read_file(const char *path, char **out, size_t *size, char *why)
{
	/* without waiting for a FIFO's writer, or becoming a terminal's owner */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	char *data = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return fail(why, -errno, "%s", strerror(errno));
	if (fstat(fd, &st))
		err = fail(why, -errno, "%s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		err = fail(why, -EISDIR, "is a directory: name a native program (NAME.native.so)");
	else if (!S_ISREG(st.st_mode))
		err = fail(why, -ENOEXEC,
			   "is not a regular file: name a native program (NAME.native.so)");
	else if (st.st_size > VEXFS_NATIVE_MAX_FILE)
		err = fail(why, -EFBIG, "is larger than %u MiB, too large for a program",
			   VEXFS_NATIVE_MAX_FILE >> 20);
	else
		err = check_owner(&st, why);
	if (!err) {
		data = malloc(st.st_size + 1);
		err = data ? 0 : -ENOMEM;
	}
	while (!err && n < (size_t)st.st_size) {
		got = read(fd, data + n, st.st_size - n);
		if (got < 0 && errno != EINTR)
			err = fail(why, -errno, "cannot be read: %s", strerror(errno));
		if (!got)
			break;
		n += got > 0 ? got : 0;
	}
	close(fd);
	if (err) {
		free(data);
		return err;
	}
	*out = data;
	*size = n;
	return 0;
}

static int call(int fd, struct vexfs_ioc_native *arg, struct vexfs_native *program, char *why)
{
	int err;

	arg->size = sizeof(*arg);
	err = vexfs_call(fd, VEXFS_IOC_NATIVE, arg);
	if (!err && program)
		*program = arg->program;
	if (err && why) {
		arg->why[sizeof(arg->why) - 1] = 0;
		strcpy(why, arg->why);
	}
	return err;
}

int vexfs_native_load(int fd, const char *path, __u32 flags, struct vexfs_native *program, char *why)
{
	struct vexfs_ioc_native arg = {};
	char unwanted[VEXFS_NATIVE_WHY], *data = NULL;
	size_t size = 0;
	int err;

	why = why ? why : unwanted;
	*why = 0;
	if (flags & ~VEXFS_NATIVE_REPLACE)
		return -EINVAL;
	err = read_file(path, &data, &size, why);
	if (err)
		return err;
	arg.flags = flags & VEXFS_NATIVE_REPLACE ? VEXFS_IOC_NATIVE_REPLACE : VEXFS_IOC_NATIVE_LOAD;
	arg.file = to_u64(data);
	arg.file_bytes = size;
	err = call(fd, &arg, program, why);
	free(data);
	return err;
}

int vexfs_native_unload(int fd, const char *name, struct vexfs_native *program, char *why)
{
	struct vexfs_ioc_native arg = { .flags = VEXFS_IOC_NATIVE_UNLOAD };

	if (why)
		*why = 0;
	if (strlen(name) >= sizeof(arg.name))
		return -ENOENT;
	strcpy(arg.name, name);
	return call(fd, &arg, program, why);
}

int vexfs_native_list(int fd, struct vexfs_native *list, __u32 n)
{
	struct vexfs_ioc_native arg = { .n = n, .list = to_u64(list) };
	int err = call(fd, &arg, NULL, NULL);

	return err ? err : (int)arg.n;
}
