/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexfs-fuse: main.c mounts, keep.c commits and ends, ops.c answers the kernel, door.c libvexfs.
 */
#ifndef _VEXFS_FUSE_H
#define _VEXFS_FUSE_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <linux/types.h>

struct inode;
struct line;
struct user;
struct vexfs_image;
struct vexfs_knock;

/* See door.c; lock guards what is below it. */
struct door {
	char name[48];			/* of the socket, abstract */
	int listening;
	__u64 key[2];			/* of passes */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t quiet;		/* there are no lines any more */
	bool closing;
	__u32 lines;
	__u64 number;			/* of the last one */
	struct line *line;
	struct user *users;
};

/* A mount.  What threads change is atomic. */
struct mounted {
	struct vexfs_image *image;
	bool noatime;
	bool noprograms;		/* none may be loaded */
	unsigned int commit;		/* seconds between commits that nobody asked for */
	const char *dir;		/* absolute */
	struct fuse_session *session;
	unsigned int waiting;		/* requests that wait for space, see ops.c */
	struct door door;

	/* of keep.c */
	pthread_t main, keeper;
	bool ended;			/* the session is over */
};

/* For fuse_session_new(), with a struct mounted. */
extern const struct fuse_lowlevel_ops fuse_ops;

/*
 * Calls of libvexfs are answered from here to the end, which ends those under way.  A negative
 * errno.
 */
int door_open(struct mounted *m);
void door_close(struct mounted *m);
/* VEXFS_DOOR_KNOCK of a file that is open for `access` (O_ACCMODE); knock: in and out. */
void door_knock(struct mounted *m, const struct inode *inode, int access,
		struct vexfs_knock *knock);

/* VEXFS_DOOR_XATTR: whoever has the line may write where he has this directory. */
void door_shown(struct mounted *m, const struct inode *inode, __u64 line);

/* Before any other thread is begun: signals that end the mount are the keeper's from now on. */
void keep_signals(void);
/*
 * Begin a thread that commits every few seconds and ends the session on SIGINT, SIGTERM and SIGHUP.
 * By the thread that then runs the session.  A negative errno.
 */
int keep_begin(struct mounted *m);
/* The session is over. */
void keep_end(struct mounted *m);

#endif /* _VEXFS_FUSE_H */
