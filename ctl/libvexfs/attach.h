/* SPDX-License-Identifier: GPL-2.0 */
/* What libvexfs and the tools know of attached images beyond <vexfs/vexfs.h>. */
#ifndef _VEXFS_ATTACH_H
#define _VEXFS_ATTACH_H

/* What another process has attached, or mounted by FUSE, is used by way of him: -ECONNREFUSED. */
#define VEXFS_ATTACH_FAR	0x80000000u
/* Others are not answered: this process is about to end, and would leave them alone. */
#define VEXFS_ATTACH_ALONE	0x40000000u

/* vexfs_attach(); *why: what is wrong where the error alone does not say it, else NULL. */
int vexfs_attach_why(const char *image, unsigned int flags, const char **why);
/* The ioctl of a descriptor, of the kernel's or of a file in an image.  0 or a negative errno. */
int vexfs_call(int fd, unsigned long cmd, void *arg);

#endif /* _VEXFS_ATTACH_H */
