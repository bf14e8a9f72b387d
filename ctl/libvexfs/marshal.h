/* SPDX-License-Identifier: GPL-2.0 */
/* An ioctl in memory that is shared with who answers it, and back; see fuse/door.h. */
#ifndef _VEXFS_MARSHAL_H
#define _VEXFS_MARSHAL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define MARSHAL_STRUCT	4096u		/* at most, as the kernel has it */
#define MARSHAL_PIECES	10u

struct vexfs_pass;
struct vexfs_written;

struct marshal {
	void *arg;			/* the caller's struct */
	__u32 nr, size;			/* of the ioctl, of its struct */
	/* the struct, which the caller may change meanwhile, with addresses in the memory */
	__u8 copy[MARSHAL_STRUCT] __attribute__((aligned(8)));
	struct piece {
		void *ours;
		__u32 at, bytes;	/* in the memory */
		bool in, out;
		__u64 *address;		/* of it, in copy; or NULL */
	} piece[MARSHAL_PIECES];
	__u32 pieces;
	__u64 bytes;			/* of the memory that it takes */
	__u32 passes;			/* where they are */
};

/* -E2BIG, -EINVAL: the size of the struct. */
int marshal_begin(struct marshal *m, unsigned long cmd, void *arg);
/* The address of n binds of an insert, or NULL: there are none; it may be set. */
__u64 *marshal_binds(struct marshal *m, __u32 *n);
/* Does it have attributes, of which the struct does not say how many? */
bool marshal_has_attrs(const struct marshal *m);
/*
 * Where everything comes to lie.  attrs: of the collection, if it has them; pass: of files, the
 * caller's until the end.  -E2BIG.
 */
int marshal_lay(struct marshal *m, __u32 attrs, const struct vexfs_pass *pass, __u32 files);
void marshal_write(struct marshal *m, char *memory);
/*
 * What was written, back to where the caller has it, and nothing elsewhere.  -EFAULT, see
 * vx_check_user in platform/image.h.
 */
int marshal_read(struct marshal *m, const char *memory, const struct vexfs_written *written,
		 __u32 n);

#endif /* _VEXFS_MARSHAL_H */
