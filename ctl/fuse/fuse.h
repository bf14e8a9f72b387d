/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexfs-fuse: main.c mounts, keep.c commits and ends, ops.c answers the kernel.
 */
#ifndef _VEXFS_FUSE_H
#define _VEXFS_FUSE_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>

struct vexfs_image;

/* A mount.  What threads change is atomic. */
struct mounted {
	struct vexfs_image *image;
	bool noatime;
	unsigned int commit;		/* seconds between commits that nobody asked for */
	const char *dir;		/* absolute */
	struct fuse_session *session;
	unsigned int waiting;		/* requests that wait for space, see ops.c */

	/* of keep.c */
	pthread_t main, keeper;
	bool ended;			/* the session is over */
};

/* For fuse_session_new(), with a struct mounted. */
extern const struct fuse_lowlevel_ops fuse_ops;

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
