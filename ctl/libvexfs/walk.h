/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A walk over the records of a collection, or of a snapshot of it, in the form in which files hold
 * them: keys, words of attributes and paths of files as strings.  Each record that is there all the
 * time is met exactly once; others, once or not.
 */
#ifndef _VEXFS_WALK_H
#define _VEXFS_WALK_H

#include <vexfs/vexfs.h>
#include "libvexfs/dictionary.h"
#include "libvexfs/import.h"

struct vexfs_walk {
	int	fd;			/* the caller's */
	struct vexfs_ioc_info info;
	const struct vexfs_where *where;/* only records for which this holds; NULL: all */
	struct vexfs_listing page;
	__u32	room, key_room;		/* of the page: records, bytes of keys */
	__u32	at;			/* next one in the page */
	struct vexfs_item *item;	/* of the record just met */
	struct vexfs_file_record r;	/* the same; both are good until the next one is */
	struct vexfs_dictionary words;
	__u64	file;			/* inode whose path is the one below */
	char	path[4096];
	char	key[VEXFS_MAX_KEY + 1];
	char	error[256];		/* one line about what went wrong */
};

/*
 * snapshot: its name, the caller's until the end; NULL: as it is now.  flags: VEXFS_LIST_*; with
 * VEXFS_LIST_DAMAGED look at item->flags: of what is damaged there is no more than the id.
 * -ENOMEM.
 */
int vexfs_walk_open(struct vexfs_walk *w, int fd, const struct vexfs_ioc_info *info,
		    const char *snapshot, __u32 flags);
void vexfs_walk_close(struct vexfs_walk *w);

/*
 * The next record.  1, 0 at the end, -ENOENT no such snapshot, -ESTALE the collection was compacted
 * meanwhile, -EPROTO the kernel module's answer makes no sense, -ENOMEM, and those that every call
 * can give.  After an error the walk cannot go on.
 */
int vexfs_walk_next(struct vexfs_walk *w);

#endif /* _VEXFS_WALK_H */
