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
#include "fuse/serve.h"

struct vexfs_image;

/* A mount.  What threads change is atomic. */
struct mounted {
	struct vexfs_image *image;
	bool noatime;
	bool noprograms;		/* none may be loaded */
	unsigned int commit;		/* seconds between commits that nobody asked for */
	const char *dir;		/* absolute */
	struct fuse_session *session;
	unsigned int waiting;		/* requests that wait for space, see ops.c */
	struct door door;		/* of who has the mount */
	struct door back;		/* of who has the image */
	bool has_back;

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
