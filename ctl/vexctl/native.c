// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that are not the kernel's but compiled natively: of a mount by vexfs-fuse (--mount DIR), or
 * of this process, for an image (--load FILE).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include "vexctl/native.h"
#include "vexctl/vexctl.h"

bool native_has(int fd)
{
	struct statfs fs;

	return in_image() || (!fstatfs(fd, &fs) && fs.f_type == FUSE_SUPER_MAGIC);
}

int native_open(const char *dir)
{
	int fd = vexfs_open(dir);

	if (fd < 0)
		return fail_op(dir, VEXFS_OP_OPEN, fd), -1;
	if (native_has(fd))
		return fd;
	vexfs_close(fd);
	fail(dir, "it is not mounted by vexfs-fuse; leave out --mount: other programs are the kernel's");
	return -1;
}

/* What cannot be had of one is zero. */
static void to_info(const struct vexfs_native *n, struct vexfs_program_info *info)
{
	*info = (struct vexfs_program_info){
		.loaded = n->loaded, .ejected = n->ejected, .ops = n->ops, .flags = n->flags,
		.bound = n->bound, .timeout_us = n->timeout_us, .max_visits = n->max_visits,
		.generation = n->generation, .queries = n->queries, .errors = n->errors,
	};
	memcpy(info->name, n->name, sizeof(info->name));
	info->name[sizeof(info->name) - 1] = 0;
}

/* The program, or that it failed, in words. */
static int done(const char *what, int err, const struct vexfs_native *n, const char *why,
		struct vexfs_program_info *info)
{
	if (err)
		return *why ? fail(what, "%s", why) : fail_op(what, VEXFS_OP_NATIVE, err);
	to_info(n, info);
	return VEXCTL_OK;
}

int native_load(int fd, const char *path, bool replace, struct vexfs_program_info *info)
{
	char why[VEXFS_NATIVE_WHY] = "";
	struct vexfs_native n;
	int err = vexfs_native_load(fd, path, replace ? VEXFS_NATIVE_REPLACE : 0, &n, why);

	return done(path, err, &n, why, info);
}

int native_unload(int fd, const char *name, struct vexfs_program_info *info)
{
	char why[VEXFS_NATIVE_WHY] = "";
	struct vexfs_native n;
	int err = vexfs_native_unload(fd, name, &n, why), code = done(name, err, &n, why, info);

	if (code == VEXCTL_OK && !*info->name)	/* nothing names it any more */
		snprintf(info->name, sizeof(info->name), "%s", name);
	return code;
}

int native_each(int fd, int (*fn)(const struct vexfs_program_info *info, void *arg), void *arg)
{
	struct vexfs_program_info info;
	struct vexfs_native *list;
	int i, n = vexfs_native_list(fd, NULL, 0), room = n + 8, ret = 0;

	if (n < 0)
		return n;
	list = calloc(room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = vexfs_native_list(fd, list, room);
	for (i = 0; i < n && i < room && !ret; i++) {
		to_info(&list[i], &info);
		ret = fn(&info, arg);
	}
	free(list);
	return n < 0 ? n : ret;
}

struct wanted {
	const char *name;
	struct vexfs_program_info *info;
	bool found;
};

static int is_it(const struct vexfs_program_info *info, void *arg)
{
	struct wanted *w = arg;

	w->found = !strcmp(info->name, w->name);
	if (w->found)
		*w->info = *info;
	return w->found;
}

int native_info(int fd, const char *name, struct vexfs_program_info *info)
{
	struct wanted w = { name, info };
	int err = native_each(fd, is_it, &w);

	return err < 0 ? err : w.found ? 0 : -ENOENT;
}
