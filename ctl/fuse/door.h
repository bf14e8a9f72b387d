/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libvexfs and vexfs-fuse say to each other: ioctls of vexfs/ioctl.h on a mount by FUSE.
 *
 * FUSE hands a daemon no arrays, so calls go past it, over a socket, and what they point to is in
 * memory that both sides have mapped.
 *
 *	1. ioctl(fd, VEXFS_DOOR_KNOCK) on any file or directory of the mount, which the kernel takes
 *	   to the daemon: where the socket is.
 *	2. connect: a line.  The daemon welcomes it, with memory of its own that nobody can make
 *	   smaller.  Whose line it is the kernel tells (SO_PEERCRED, SO_PEERGROUPS), for good.
 *	3. VEXFS_DOOR_KNOCK once more, with the number of the line: a pass, which proves on that line,
 *	   and on no other one, that this file is open, and how.  It is as good as the descriptor was
 *	   then, as long as the kernel knows the file and the line is there.  That a directory is on
 *	   a mount that may be written, which no descriptor of it says, fsetxattr(2) has shown just
 *	   before: of VEXFS_DOOR_XATTR, to the number.  Nothing is stored.
 *	4. For each call an ask, and its answer.  A line has one call at a time; who says anything
 *	   before he has his answer, or hangs up, has given up.
 *
 * Who has attached an image, or mounted it by FUSE, answers at the image's own socket, too
 * (vexfs_door_name()), for those of his uid and for root, who might open the image themselves.  They
 * need not knock: VEXFS_DOOR_OPEN gives them the pass of a path.
 *
 * The daemon takes no descriptors: one of a filesystem that does not answer could hold it for ever
 * when it is closed.
 */
#ifndef _VEXFS_FUSE_DOOR_H
#define _VEXFS_FUSE_DOOR_H

#include <stdio.h>
#include <sys/stat.h>
#include <vexfs/ioctl.h>

#define VEXFS_DOOR_VERSION	1u	/* of all that is below but vexfs_knock, which stays */

#define VEXFS_DOOR_MEMORY	(1u << 20)	/* that a line begins with, and keeps */
#define VEXFS_DOOR_MAX_MEMORY	(256u << 20)	/* more than any call takes */
#define VEXFS_DOOR_USER_MEMORY	(512u << 20)	/* of all lines of a user */
#define VEXFS_DOOR_USER_LINES	128u
#define VEXFS_DOOR_LINES	512u
/* In the memory: nothing is before it; there the struct of the ioctl begins. */
#define VEXFS_DOOR_FIRST	64u
#define VEXFS_DOOR_NOWHERE	1u		/* an address that is EFAULT */

/* For a file; by itself it says nothing. */
struct vexfs_pass {
	__u64	ino;
	__u32	generation;
	__u32	access;			/* O_ACCMODE of open(2); a directory: O_RDWR see above */
	__u64	seal;
};

struct vexfs_knock {
	__u32	version;		/* out: VEXFS_DOOR_VERSION of the daemon */
	__u32	uid;			/* out: of the daemon, as that has it */
	__u64	line;			/* in: its number; 0: none yet */
	struct vexfs_pass pass;		/* out, for that line */
	char	name[64];		/* out: of the socket, abstract, NUL-terminated */
	__u64	reserved[4];
};
#define VEXFS_DOOR_KNOCK	_IOWR(VEXFS_IOC_MAGIC, 0xfd, struct vexfs_knock)

#define VEXFS_DOOR_XATTR	"system.vexfs.line"	/* __u64 */

/* The first message of the daemon; SCM_RIGHTS: the memory.  An error: no line. */
struct vexfs_welcome {
	__u32	version;
	__s32	error;			/* -EUSERS too many lines, -ENOMEM; -EACCES another uid */
	__u64	line;			/* its number */
	__u32	bytes;			/* of the memory */
	__u32	reserved;
};

struct vexfs_ask {
	/* VEXFS_IOC_*; 0: give it memory of so many bytes, SCM_RIGHTS: with the answer */
	__u32	cmd;
	__u32	bytes;			/* of the memory, that the call may look at */
	/* struct vexfs_pass in the memory, of files that vexfs_bind.fd stands for by position */
	__u32	files, passes;
	struct vexfs_pass dir;
};
/*
 * At the socket of an image, cmd of what is no ioctl.  OPEN: the memory has the path of a directory,
 * to its NUL, and its pass afterwards.  SYNC: fsync(2) of dir.
 */
#define VEXFS_DOOR_OPEN		1u
#define VEXFS_DOOR_SYNC		2u
/* vexfs_bind.fd, too: what is no file open for reading, and a file of another filesystem */
#define VEXFS_DOOR_NO_FILE	(-2)
#define VEXFS_DOOR_ELSEWHERE	(-3)
#define VEXFS_DOOR_FILES	65536u	/* of one call */

/* Bytes of the memory that the call has written. */
struct vexfs_written {
	__u32	at, bytes;
};
#define VEXFS_DOOR_WRITTEN	1280u	/* more than any call takes */
struct vexfs_reply {
	/*
	 * of the call.  -EKEYREJECTED: the pass of dir is none, or that was closed; -EUSERS too
	 * much memory
	 */
	__s32	ret;
	__u32	written;		/* so many vexfs_written follow */
};

/* The name of the socket of the image, a file or a block device, that st is. */
static inline void vexfs_door_name(char *name, size_t size, const struct stat *st)
{
	if (S_ISBLK(st->st_mode))
		snprintf(name, size, "vexfs-device-%llx", (unsigned long long)st->st_rdev);
	else
		snprintf(name, size, "vexfs-image-%llx-%llx", (unsigned long long)st->st_dev,
			 (unsigned long long)st->st_ino);
}

_Static_assert(sizeof(struct vexfs_pass) == 24, "vexfs_pass");
_Static_assert(sizeof(struct vexfs_knock) == 136, "vexfs_knock");
_Static_assert(sizeof(struct vexfs_welcome) == 24, "vexfs_welcome");
_Static_assert(sizeof(struct vexfs_ask) == 40, "vexfs_ask");

#endif /* _VEXFS_FUSE_DOOR_H */
