/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of this process: the sources of bpf/, compiled natively (vexfs/native.h).
 *
 * They are the process's, as those of struct_ops are the machine's, whichever image it was that they
 * were loaded by.  A program is code of the process from then on.  It is asked for by what looks like
 * an ioctl, so that it comes to a mount by FUSE as all ioctls do; the module does not know it.
 */
#ifndef _VEXFS_NATIVE_USER_H
#define _VEXFS_NATIVE_USER_H

#include <stdbool.h>
#include <vexfs/vexfs.h>

#define VEXFS_NATIVE_MAX_FILE	(64u << 20)	/* bytes of a program */
#define VEXFS_NATIVE_MAX_LIST	4096u		/* programs that are listed */

/* vexfs_ioc_native.flags: what to do, one of these; 0: list */
#define VEXFS_IOC_NATIVE_LOAD		1u
#define VEXFS_IOC_NATIVE_REPLACE	2u
#define VEXFS_IOC_NATIVE_UNLOAD		4u

struct vexfs_ioc_native {
	__u32	size;
	__u32	flags;
	/* load, replace: the bytes of the shared object */
	__u64	file;
	__u32	file_bytes;
	/* list: room for so many of struct vexfs_native at `list`; out: how many there are, by name */
	__u32	n;
	__u64	list;
	char	name[VEXFS_PROG_NAME_LEN];	/* unload */
	/* out: of load, replace and unload, as it is now; "" it is not known any more */
	struct vexfs_native program;
	char	why[VEXFS_NATIVE_WHY];	/* out: a line, what is wrong; "": the error says it */
};
#define VEXFS_IOC_NATIVE	_IOWR(VEXFS_IOC_MAGIC, 0xfc, struct vexfs_ioc_native)

/*
 * Answer it, for the call that this thread is in, if it is in one: then all but lists are for root and
 * for the owner of this process, -EPERM.  forbidden: nor may they load or replace anything.
 *
 * -ENOEXEC it is no native program; -EPROTONOSUPPORT of another ABI; -EINVAL, -ENAMETOOLONG it has no
 * op, or no name or a bad one, or more than one is in it; -EOPNOTSUPP flags that are not supported;
 * -EEXIST load: the name is taken; -ENOENT replace, unload: nothing of that name is loaded; -EBUSY
 * replace: it lacks an op that a collection is bound to; -EFBIG; -E2BIG the list; -ENOMEM, -EFAULT.
 *
 * replace and unload wait for the queries that run the old version to end their round.
 */
long vexfs_native_ioctl(void *arg, bool forbidden);

#endif /* _VEXFS_NATIVE_USER_H */
