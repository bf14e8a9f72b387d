/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of libvexfs make their ioctls with. */
#ifndef _VEXFS_CALL_H
#define _VEXFS_CALL_H

#include <errno.h>
#include <vexfs/vexfs.h>
#include "libvexfs/attach.h"

static inline __u64 to_u64(const void *p)
{
	return (__u64)(unsigned long)p;
}

#endif /* _VEXFS_CALL_H */
