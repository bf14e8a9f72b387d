/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of libvexfs make their ioctls with. */
#ifndef _VEXFS_CALL_H
#define _VEXFS_CALL_H

#include <errno.h>
#include <vexfs/vexfs.h>
#include "libvexfs/attach.h"

/* The ioctl of a descriptor on a mount, by the module or by FUSE.  0 or a negative errno. */
int vexfs_mounted_call(int fd, unsigned int cmd, void *arg);

static inline __u64 to_u64(const void *p)
{
	return (__u64)(unsigned long)p;
}

#endif /* _VEXFS_CALL_H */
