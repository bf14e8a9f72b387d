/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexctl debug: what its files share.
 *
 *	debug.c			the verb, the device, how structures are printed
 *	debug_disk.c		superblock, group, log, block
 *	debug_inode.c		inode, extents, directory
 *	debug_collection.c	collection, record
 *
 * Nothing that is read is believed: a number out of bounds is told, and not followed.
 */
#ifndef _VEXCTL_DEBUG_H
#define _VEXCTL_DEBUG_H

#include <platform/vexfs-user.h>
#include <core/core.h>
#include "vexctl/vexctl.h"

struct debug {
	struct vexfs_dev dev;
	/* the superblock that tells where things are, and that; host is dev */
	struct vexfs_super super;
	struct vexfs_fs fs;
	bool known; /* there is one */
	bool raw; /* without what the log holds */
	bool hex, by_id; /* --hex, --id */
	struct json_object *out; /* the answer */
	struct json_object *wrong; /* its last member: lines */
	bool hush; /* what is wrong is not told now */
};

/* What there is to print: argv has `max` arguments at most, of which the first `min` are there. */
struct debug_what {
	const char *name, *args;
	int (*run)(struct debug *d, int argc, char **argv);
	int min, max;
	bool known; /* it needs to know where things are */
};
/* Ends with an entry without a name. */
extern const struct debug_what debug_disk[], debug_inodes[], debug_collections[];

/* --- structures, debug.c --- */

enum debug_kind {
	DEBUG_DEC,
	DEBUG_HEX,
	DEBUG_OCT,
	DEBUG_TEXT, /* padded with NULs */
	DEBUG_UUID,
	DEBUG_TIME, /* seconds since 1970 */
	DEBUG_FLAGS,
	DEBUG_CHOICE, /* names: of each bit, of each number from 0 on, a '|' between */
	DEBUG_KINDS = 15,
	DEBUG_BIG = 16, /* with one of them: big-endian */
};

struct debug_field {
	const char *name;
	__u16 off, size;
	__u8 kind;
	const char *names;
};
#define DEBUG_FIELD(type, member, kind, ...)                                                      \
	{                                                                                         \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member), kind, \
			##__VA_ARGS__                                                             \
	}

/* Add the fields (the last one has no name) of what is at p. */
void debug_fields(struct json_object *o, const struct debug_field *f, const void *p);
/* A number as it is printed elsewhere, "0x0000002a". */
void add_hex(struct json_object *o, const char *key, __u32 value);

/* Something is wrong, a line; it is printed below the structure. */
__attribute__((format(printf, 2, 3))) void debug_wrong(struct debug *d, const char *fmt, ...);
/* Are they the same?  If not, that is wrong with `what`. */
bool debug_sum(struct debug *d, const char *what, __u32 stored, __u32 computed);
/* What the core has just said of a structure, if it did. */
void debug_said(struct debug *d);
/* A block, as the log has it; false: it cannot be read, which is wrong. */
bool debug_read(struct debug *d, __u64 block, void *to);
/* An argument that is a number.  0, or VEXCTL_USAGE and a line. */
int debug_number(const char *what, const char *s, __u64 *out);

/* --- inodes, debug_inode.c --- */

/*
 * The raw inode, whatever is in it; *block (may be NULL) where it is.  false: there is none of that
 * number, or it cannot be read, which is wrong.
 */
bool debug_inode(struct debug *d, __u64 ino, struct vexfs_inode *raw, __u64 *block);
/* The inode that an argument names, by number or path, and it.  0, or an exit code and a line. */
int debug_find(struct debug *d, const char *s, __u64 *ino, struct vexfs_inode *raw);
/* Is its target, if it is a symbolic link, in the inode? */
bool debug_link(const struct vexfs_inode *raw);

/*
 * Every node and every extent of an inode that can be, in order; either may be NULL.  What is wrong
 * is told.  eb NULL: the root.
 */
struct debug_walk {
	void (*node)(void *arg, const struct vexfs_extent_block *eb, __u64 block,
		     unsigned int depth);
	void (*extent)(void *arg, const struct vexfs_map *m);
	void *arg;
};
void debug_walk(struct debug *d, __u64 ino, const struct vexfs_inode *raw,
		const struct debug_walk *w);

/* Where the blocks of an inode are. */
struct debug_map {
	__u64 ino;
	struct vexfs_inode raw;
	struct vexfs_map *m;
	size_t n, room;
};
/* false: there is no such inode, which is wrong.  debug_unmap() is fine after it, too. */
bool debug_map(struct debug *d, __u64 ino, struct debug_map *map);
void debug_unmap(struct debug_map *map);
/* The block at lblk, 0: a hole, or never written. */
__u64 debug_lookup(const struct debug_map *map, __u32 lblk);
/* n bytes from pos on; zeros where nothing was written.  false: they cannot be read. */
bool debug_bytes(struct debug *d, const struct debug_map *map, __u64 pos, void *to, size_t n);

#endif /* _VEXCTL_DEBUG_H */
