/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who answers calls of libvexfs over a socket (door.c): vexfs-fuse those on its mount, and every
 * process that has attached an image those of others who want it, too.  What is said: door.h.
 */
#ifndef _VEXFS_FUSE_SERVE_H
#define _VEXFS_FUSE_SERVE_H

#include <pthread.h>
#include <stdbool.h>
#include <linux/types.h>

struct file;
struct inode;
struct line;
struct user;
struct vexfs_image;
struct vexfs_knock;

/* See door.c; lock guards what is below it. */
struct door {
	struct vexfs_image *image;
	/*
	 * Who comes has the image itself, which he may open: he is of our uid, or root, may do everything,
	 * and names files by their paths.  Else he proves by passes what he has open on the mount.
	 */
	bool by_path;
	bool noprograms;		/* none may be loaded from there */
	/* What stat(2) shows of an inode has changed; or NULL */
	void (*changed)(void *arg, __u64 ino);
	void *arg;
	char name[64];			/* of the socket, abstract */
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

/*
 * Calls are answered from here to the end, which ends those under way: image, by_path, changed, arg
 * and name are set.  A negative errno.
 */
int door_open(struct door *d);
void door_close(struct door *d);
/* A child of fork() has it, too: he hangs up, so that nobody waits for him. */
void door_forked(struct door *d);
/* A name that nobody guesses. */
void door_any_name(struct door *d);
/* What vexfs_bind.fd stands for in the call that this thread answers.  False: it answers none. */
bool door_file(int n, struct file **file);

/* VEXFS_DOOR_KNOCK of a file that is open for `access` (O_ACCMODE); knock: in and out. */
void door_knock(struct door *d, const struct inode *inode, int access, struct vexfs_knock *knock);
/* VEXFS_DOOR_XATTR: whoever has the line may write where he has this directory. */
void door_shown(struct door *d, const struct inode *inode, __u64 line);

#endif /* _VEXFS_FUSE_SERVE_H */
