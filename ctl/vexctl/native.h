/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that are not the kernel's, in the words of the loader; see ctl/vexctl/native.c. */
#ifndef _VEXCTL_NATIVE_H
#define _VEXCTL_NATIVE_H

#include "loader/loader.h"

/* Of a name that `use` was given. */
#define NATIVE_NOT_LOADED "no program of that name is loaded there; `vexctl load --mount DIR` its object first, or in an image give it with --load"

/* Are programs there not the kernel's? */
bool native_has(int fd);
/* The value of --mount: a descriptor, or -1 and a line. */
int native_open(const char *dir);
/* Exit codes, with a line where it failed. */
int native_load(int fd, const char *path, bool replace, struct vexfs_program_info *info);
int native_unload(int fd, const char *name, struct vexfs_program_info *info);
/* As vexfs_programs() and vexfs_program_info(): 0 or a negative errno. */
int native_each(int fd, int (*fn)(const struct vexfs_program_info *info, void *arg), void *arg);
int native_info(int fd, const char *name, struct vexfs_program_info *info);

#endif /* _VEXCTL_NATIVE_H */
