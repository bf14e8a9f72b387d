/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Images that are mounted in a test, with a collection /c of 8 dimensions, for
 * ctl/platform/image.h.
 */
#ifndef _VEXFS_TEST_MOUNT_H
#define _VEXFS_TEST_MOUNT_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <platform/image.h>
#include <platform/log.h>
#include <vexfs/ioctl.h>
#include "box.h"

#define DIMS 8u

struct mount {
	char path[64];
	struct vexfs_image *image;
	struct file *c;			/* /c, opened; NULL: it is not */
	bool quiet;			/* no line on stderr */
	struct vexfs_dev dev;		/* where it is quiet */
};

/*
 * An empty filesystem in a temporary file; unmake() removes it, after a clean unmount and a check.
 */
void mount_make(struct mount *m);
void mount_make_of(struct mount *m, __u64 blocks);
void mount_open(struct mount *m, unsigned int flags);
int mount_try(struct mount *m, unsigned int flags);	/* the same, with an error */
void mount_close(struct mount *m);	/* unmount */
void mount_kill(struct mount *m);	/* as if the power failed */
void mount_again(struct mount *m);	/* unmount, check, mount, open /c if it was */
void mount_unmake(struct mount *m);
void mount_check(const struct mount *m);	/* as fsck.vexfs does, what is in the log too */

/* One more image with /c in it, which has two attributes: "n" a number, "word" a keyword. */
void mount_with_collection(struct mount *m);
void mount_open_c(struct mount *m);
long collection_create(struct file *dir);

/* A file, of these bytes or, text NULL, as it is. */
struct file *file_open(struct mount *m, const char *path, const char *text);

/* The vector of a record: near those of the records next to it. */
void vector_of(__u64 id, float v[DIMS]);
/* n records from id `first` on, attribute n is the id; flags of the ioctl. */
long insert_some(struct mount *m, __u64 first, __u32 n, __u32 flags);
/*
 * One, with a key and a word (NULL: without), bound to a file (-1: to none) whose number is `fd`.
 */
long insert_one(struct mount *m, __u64 id, const char *key, const char *word, int fd, __u32 flags);
long delete_id(struct mount *m, __u64 id);
struct vexfs_ioc_info info_of(struct mount *m);
/* The k nearest of the vector of `id`: how many, or an error.  snapshot: NULL, as it is now. */
long search_id(struct mount *m, __u64 id, __u32 k, const char *snapshot, struct vexfs_hit *hits);
bool is_found(struct mount *m, __u64 id);
/* 0, and the item of a record; or an error. */
long get_id(struct mount *m, __u64 id, struct vexfs_item *item);
/* All ids of the collection in the order of slots, at most `room`; how many. */
__u32 list_ids(struct mount *m, __u64 *id, __u32 room);

/* Descriptors: the number of a file for binds, until all are forgotten. */
int number_of(struct file *file);
void numbers_forget(void);

#endif /* _VEXFS_TEST_MOUNT_H */
