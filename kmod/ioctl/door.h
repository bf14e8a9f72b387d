/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files behind the ioctls share: copying arguments in and out, and who may do what.
 *
 *	ioctl.c		the dispatcher; create, drop, info, index, use, memory, shutdown
 *	record.c	insert, get, delete, list
 *	word.c		intern, words
 *	search.c	search
 *	path.c		path
 *	snapshot.c	snapshots, compaction
 *	recall.c	live recall
 *
 * Locks: none is held while user memory is looked at; path.c takes i_rwsem of a directory, the rest
 * leaves them to the rooms below.
 */
#ifndef _VEXFS_IOCTL_DOOR_H
#define _VEXFS_IOCTL_DOOR_H

#include "search/search.h"

#define ALL_ZERO(a)	(!memchr_inv(a, 0, sizeof(a)))
#define TERMINATED(a)	(strnlen(a, sizeof(a)) < sizeof(a))

/*
 * Copy in a struct whose first field says how long the caller thinks it is.  *usize: how much of it
 * to copy out. -EINVAL too short, -E2BIG longer than ours with something in the tail.
 */
int vexfs_copy_in(void *to, size_t size, void __user *from, u32 *usize);
int vexfs_copy_out(void __user *to, const void *from, u32 usize);
/*
 * n items at a user pointer, n * size already bounded by the caller; kvfree().  The user pays for
 * the memory.  ERR_PTR: -ENOMEM, -EFAULT.
 */
void *vexfs_copy_array(u64 from, size_t n, size_t size);
/*
 * The live record of an id or, where key_len is not 0, of a key at a user pointer; key_len was
 * checked.  As vexfs_record_find(); -EFAULT, -EINVAL a NUL.
 */
int vexfs_find_record(struct file *file, struct vexfs_collection_mem *c, u64 id, u64 key,
		      u8 key_len, struct vexfs_body **b, u64 *slot);
/* ioctl(2) on any file or directory of a mount, see ioctl.c: 0 or more, or a negative errno. */
long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* One for each ioctl; argp is the user's struct. */
long vexfs_ioc_insert(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_get(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_delete(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_list(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_intern(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_words(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_path(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_snapshot(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_snapshots(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_compact(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
long vexfs_ioc_search(struct file *file, struct vexfs_collection_mem *c, void __user *argp);
/* The directory need not be a collection. */
long vexfs_ioc_recall(struct file *file, void __user *argp);

#endif /* _VEXFS_IOCTL_DOOR_H */
