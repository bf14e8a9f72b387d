/* SPDX-License-Identifier: GPL-2.0 */
/* What loader.c and info.c share. */
#ifndef _VEXFS_LOADER_PRIV_H
#define _VEXFS_LOADER_PRIV_H

#include <errno.h>
#include <limits.h>
#include "loader.h"

/* Put a message into *err and return errno as given (negative). */
__attribute__((format(printf, 3, 4)))
int vexfs_fail(struct vexfs_load_error *err, int error, const char *fmt, ...);
/*
 * A name that the kernel would take; keeps what users type out of paths.  -EINVAL, -ENAMETOOLONG
 * and *err.
 */
int vexfs_check_name(const char *name, struct vexfs_load_error *err);
/* A directory or file of the pins of a name: "link", "maps", "" for its directory. */
void vexfs_pin_path(char path[PATH_MAX], const char *name, const char *leaf);
/*
 * The pinned link of a name, and its ids.  A descriptor, or -errno; -ENOENT also when it was
 * detached.
 */
int vexfs_open_link(const char *name, __u32 *link_id, __u32 *map_id);

#endif /* _VEXFS_LOADER_PRIV_H */
