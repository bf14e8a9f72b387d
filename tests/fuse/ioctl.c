// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of tests/vm make ioctls of VexFS by ioctl(2).  Linked with --wrap=ioctl they make
 * them as programs do that use libvexfs, and so on a mount by FUSE.  VEXFS_DOOR_VERSION: what a
 * daemon of another version would say that it is.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <platform/image.h>
#include <vexfs/ioctl.h>
#include "fuse/door.h"
#include "libvexfs/attach.h"

int __real_ioctl(int fd, unsigned long cmd, void *arg);

/* libvexfs makes them, too. */
static __thread bool inside;

__attribute__((constructor)) static void check(void)
{
	vx_check_user = true;
}

int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (inside || cmd == VEXFS_DOOR_KNOCK || _IOC_TYPE(cmd) != VEXFS_IOC_MAGIC) {
		ret = __real_ioctl(fd, cmd, arg);
		if (cmd == VEXFS_DOOR_KNOCK && getenv("VEXFS_DOOR_VERSION"))
			((struct vexfs_knock *)arg)->version = atoi(getenv("VEXFS_DOOR_VERSION"));
		return ret;
	}
	inside = true;
	ret = vexfs_call(fd, cmd, arg);
	inside = false;
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}
