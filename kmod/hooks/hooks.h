/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs in the kernel: collection/registry.c keeps them, and here is how they come and are seen.
 *
 *	hooks.c   the struct_ops type vexfs_ops
 *	kfuncs.c  what programs call (engine/calls.c), for the verifier
 *	sysfs.c   /sys/fs/vexfs
 */
#ifndef _VEXFS_HOOKS_H
#define _VEXFS_HOOKS_H

#include "collection/registry.h"

/*
 * Module init and exit, after and before all mounts.  The order of hooks and sysfs does not matter.
 * hooks_init: -ENOTSUPP (and a line that says so) when the module's BTF is not usable.
 */
int vexfs_hooks_init(void);
void vexfs_hooks_exit(void);
int vexfs_kfuncs_init(void);		/* by hooks_init */
int vexfs_sysfs_init(void);
void vexfs_sysfs_exit(void);

#endif /* _VEXFS_HOOKS_H */
