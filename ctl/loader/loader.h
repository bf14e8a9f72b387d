/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Program objects in the kernel: load, unload, replace, list.  On libbpf, for vexctl and vexd.
 *
 * An object NAME that is loaded is pinned, so that it outlives who loaded it:
 *
 *	/sys/fs/bpf/vexfs/NAME/link		the link; its pin is what "loaded" means to us
 *	/sys/fs/bpf/vexfs/NAME/maps/MAP		its maps (knobs, counters), for bpftool
 *
 * Every function is all or nothing, also when it is killed half-way: what a killed one left behind
 * is cleared by the next one for the same name.  One changes things at a time (flock on the
 * directory).  Not thread-safe.
 *
 * They return 0 or a negative errno, and then describe it in *err:
 *	-ENOENT		no such file; nothing of that name is loaded
 *	-ENOEXEC	the file is not a BPF object, or libbpf cannot open it
 *	-ENODATA	the object has no BTF
 *	-EINVAL		no vexfs_ops in it, more than one, no op in it, no license, no name or a bad
 *			one
 *	-EISDIR, -EFBIG	it is a directory, or larger than a program may be
 *	-ENAMETOOLONG	the name has VEXFS_PROG_NAME_LEN bytes or more
 *	-EPROTONOSUPPORT  built for another VEXFS_OPS_ABI
 *	-ENODEV		the module is not loaded
 *	-EPERM		load, replace: without CAP_SYS_ADMIN; all: the pins are not for this user
 *	-EACCES		the verifier refused a program; err->detail has the end of its log
 *	-EEXIST		load: the name is taken
 *	-EBUSY		replace: the new object lacks an op that a collection is bound to
 *	-EOPNOTSUPP	this module does not do that (VEXFS_OPS_EXHAUSTIVE)
 *	others		from the kernel
 */
#ifndef _VEXFS_LOADER_H
#define _VEXFS_LOADER_H

#include <stdbool.h>
#include <linux/types.h>
#include <vexfs/format.h>
#include <vexfs/program.bpf.h>

struct json_object;

#define VEXFS_PIN_DIR		"/sys/fs/bpf/vexfs"
#define VEXFS_SYSFS_PROGRAMS	"/sys/fs/vexfs/programs"
#define VEXFS_LIST_MAPS		32

struct vexfs_load_error {
	char msg[512];			/* one line, no newline, says what to do */
	char detail[4096];		/* more lines, or "": the end of the verifier's log */
};

struct vexfs_load_opts {
	bool verbose;			/* all that libbpf says goes to stderr */
	/* load, replace: the object must be called that, else -EINVAL; NULL: any */
	const char *name;
};

struct vexfs_program_map {
	char name[16];			/* as the kernel knows it, cut to 15 bytes */
	__u32 id;
};

/*
 * A name that the kernel knows: loaded, or bound to by a collection. Zero for what is not known or
 * not loaded.
 */
struct vexfs_program_info {
	char name[VEXFS_PROG_NAME_LEN];
	bool loaded;
	/* bindings whose search it was ejected from, after too many errors */
	__u32 ejected;
	bool pinned;			/* VEXFS_PIN_DIR/NAME/link is its link */
	__u32 ops;			/* bit n: it has the op of VEXFS_SLOT n */
	__u32 flags;			/* VEXFS_OPS_* */
	__u32 bound;			/* bindings of collections */
	__u32 timeout_us;
	__u64 max_visits;
	__u64 generation;
	__u64 queries, errors;		/* since the name is known */
	__u32 link_id;			/* bpftool link show id N */
	__u32 ops_map_id;		/* the struct_ops map */
	__u32 prog_id[VEXFS_SLOTS];	/* bpftool prog show id N */
	__u32 maps;			/* entries of map in use */
	struct vexfs_program_map map[VEXFS_LIST_MAPS];
};

/*
 * opts and info may be NULL; err must not.  info is filled on success.
 *
 * check: is it an object that load would show to the verifier?  info: its name and ops.  Changes
 * nothing, and needs neither rights nor the module.
 */
int vexfs_check_object(const char *path, const struct vexfs_load_opts *opts,
		       struct vexfs_program_info *info, struct vexfs_load_error *err);
/*
 * load: open the file, let the verifier see it, attach, pin.  Mounts bpffs on /sys/fs/bpf where it
 * is not mounted, as bpftool does.
 */
int vexfs_load(const char *path, const struct vexfs_load_opts *opts,
	       struct vexfs_program_info *info, struct vexfs_load_error *err);
/*
 * replace: another object of the same name takes the place of the loaded one; queries go on.  The
 * maps are those of the new object, with the values it was compiled with: knobs do not carry over,
 * since another strategy may mean something else by them.  On failure the old one stays as it was.
 */
int vexfs_replace(const char *path, const struct vexfs_load_opts *opts,
		  struct vexfs_program_info *info, struct vexfs_load_error *err);
/*
 * unload: allowed while collections are bound to it (info->bound): their searches fall back to the
 * built-in, queries through its filter or distance fail (ENOLINK) until an object of that name is
 * loaded again.
 */
int vexfs_unload(const char *name, const struct vexfs_load_opts *opts,
		 struct vexfs_program_info *info, struct vexfs_load_error *err);
/* One name.  -ENOENT the kernel does not know it.  Ids need root, without it they are 0. */
int vexfs_program_info(const char *name, struct vexfs_program_info *info,
		       struct vexfs_load_error *err);
/* Call fn for every name, sorted; a non-zero return ends the listing and is returned. */
int vexfs_programs(int (*fn)(const struct vexfs_program_info *info, void *arg), void *arg,
	       struct vexfs_load_error *err);

/* "loaded", "not loaded", or "ejected" by the search of a collection. */
const char *vexfs_program_state(const struct vexfs_program_info *info);
/* An object with name, state, ops, generation, bound, queries and errors. */
struct json_object *vexfs_program_json(const struct vexfs_program_info *info);

#endif /* _VEXFS_LOADER_H */
