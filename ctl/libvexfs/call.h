/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of libvexfs make their ioctls with. */
#ifndef _VEXFS_CALL_H
#define _VEXFS_CALL_H

#include <errno.h>
#include <vexfs/vexfs.h>
#include "libvexfs/attach.h"

/* The ioctl of a descriptor on a mount, by the module or by FUSE.  0 or a negative errno. */
int vexfs_mounted_call(int fd, unsigned int cmd, void *arg);

/*
 * An image that another process has, and lets us in: see fuse/door.h.  -ECONNREFUSED: nobody does.
 * A line takes one call at a time, and others wait.
 */
struct line;
struct stat;
struct vexfs_pass;
int vexfs_far_dial(const struct stat *image, struct line **line);
void vexfs_far_hang_up(struct line *line);
/* A directory, for calls on it by this line. */
int vexfs_far_open(struct line *line, const char *path, struct vexfs_pass *pass);
int vexfs_far_call(struct line *line, const struct vexfs_pass *pass, unsigned int cmd, void *arg);
int vexfs_far_sync(struct line *line, const struct vexfs_pass *pass);

static inline __u64 to_u64(const void *p)
{
	return (__u64)(unsigned long)p;
}

#endif /* _VEXFS_CALL_H */
