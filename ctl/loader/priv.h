/* SPDX-License-Identifier: GPL-2.0 */
/* What loader.c, object.c and info.c share. */
#ifndef _VEXFS_LOADER_PRIV_H
#define _VEXFS_LOADER_PRIV_H

#include <errno.h>
#include <limits.h>
#include <bpf/libbpf.h>
#include <platform/printable.h>
#include "loader.h"

/* Everything an operation holds, so that one function gives it back. */
struct job {
	const struct vexfs_load_opts *opts;
	struct vexfs_load_error *err;
	const char *path;		/* the object file */
	const char *file;		/* its last component, for messages */
	struct bpf_object *obj;
	struct bpf_map *ops;		/* its struct_ops map */
	char name[VEXFS_PROG_NAME_LEN];
	__u32 mask;			/* bit n: it has the op of VEXFS_SLOT n */
	int lock;			/* the directory of pins, flocked; or -1 */
	libbpf_print_fn_t print;	/* to restore */
};

/* Put a message into *err and return errno as given (negative). */
__attribute__((format(printf, 3, 4)))
int vexfs_fail(struct vexfs_load_error *err, int error, const char *fmt, ...);
/* The same with what libbpf said last, and what to do about it. */
int vexfs_load_reason(struct job *job, int error, const char *what);
/*
 * Open job->path and find its vexfs_ops: obj, ops, name and mask.  Needs no rights and no module.
 */
int vexfs_open_object(struct job *job);
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
