/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of libvexfs make their ioctls with. */
#ifndef _VEXFS_CALL_H
#define _VEXFS_CALL_H

#include <errno.h>
#include <sys/ioctl.h>
#include <vexfs/vexfs.h>

static inline __u64 to_u64(const void *p)
{
	return (__u64)(unsigned long)p;
}

/* 0 or a negative errno */
static inline int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

#endif /* _VEXFS_CALL_H */
