/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mount in user space, as collections, searches and ioctls see it: collection/platform.h says
 * what they look at.  The rest of these structs is the business of the files that host.h lists.
 *
 * Locks, beside those of kmod/vexfs.h:
 *
 *	vexfs_sb_info.names_lock	outside i_rwsem: one change of names at a time
 *	i_rwsem				also for the data of a file
 *	vexfs_inode_info.data_lock	inside c->lock, outside a transaction and core.lock: what of
 *					a plane was written and is not converted
 *	vexfs_sb_info.cache_lock	inside all but core.lock (for reading), i_lock and
 *					vexfs_dev.lock: the table of inodes, counts and states
 */
#ifndef _VEXFS_COLLECTION_USER_H
#define _VEXFS_COLLECTION_USER_H

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <kernel-user.h>
#include "engine/platform.h"
#include "collection/budget.h"
#include "search/spare.h"

#define VEXFS_TICK_US 1000
#define vexfs_clock_ns() vexfs_user_clock_ns()
#define vexfs_cpu() vexfs_user_cpu()
u64 vexfs_user_clock_ns(void);			/* monotonic */
unsigned int vexfs_user_cpu(void);		/* that this runs on, or was just now */

struct inode;
struct mnt_idmap;
struct super_block;
struct vexfs_collection_mem;
struct vexfs_dev;
struct vexfs_log;

struct vexfs_caller {
	const struct mnt_idmap *who;		/* NULL: may read everything */
};

/* Nobody looks at programs but who asks for them, see native.h. */
struct vexfs_program_host {
};

struct inode {
	unsigned long i_ino;
	u32 i_generation;
	u32 i_nlink;
	umode_t i_mode;
	u32 i_uid, i_gid, i_rdev;
	u64 i_size;				/* atomic: i_size_read() */
	struct timespec i_atime, i_mtime, i_ctime, i_btime;	/* i_rwsem */
	u64 i_version;				/* atomic: its change counter */
	struct super_block *i_sb;
	struct rw_semaphore i_rwsem;
	spinlock_t i_lock;

	/* vexfs_sb_info.cache_lock: */
	struct inode *next;			/* in the table */
	u32 count;				/* references */
	u64 lookups;				/* see nodes.h; any: one of the references */
	u32 opens;
	u32 cached;				/* VEXFS_CACHED_* */
};

/* inode.cached: how it is in memory.  0: not in the table. */
enum {
	VEXFS_CACHED_NEW = 1,			/* it is being read or made: others wait */
	VEXFS_CACHED_FINE,
	VEXFS_CACHED_GOING,			/* it is being freed: others wait for that */
	VEXFS_CACHED_BAD,			/* it could not be made: only memory is freed */
};

/* vexfs_inode_info.state, atomic bit operations */
enum {
	VEXFS_I_FRESH,				/* never logged: its slot holds its last owner */
	VEXFS_I_MADE,				/* since it was made: .orphan is to be trusted */
	VEXFS_I_WATCHED,			/* the next change raises core.data_change */
};

struct vexfs_inode_info {
	struct vexfs_inode_core core;
	unsigned long state;			/* VEXFS_I_* */
	tid_t sync_tid;				/* atomic: what fsync waits for */
	atomic_t binding;			/* inserts that are binding records to it */
	struct list_head orphan;		/* vexfs_sb_info.orphans; empty: not an orphan */
	struct vexfs_collection_mem *coll;	/* of a directory: its loaded collection; i_lock */

	/* of a plane, see plane-user.c; data_lock: */
	struct mutex data_lock;
	u32 from, to;				/* blocks that may be unwritten and have data */
	u32 trims;				/* atomic: how often blocks were given back */
	errseq_t errors;			/* atomic: writes that failed */

	struct inode vfs_inode;
};

struct super_block {
	void *s_fs_info;
	char s_id[32];				/* for messages */
	u64 s_maxbytes;
	bool readonly;
};

struct vexfs_mount_opts {
	u16 errors;				/* VEXFS_ERRORS_CONTINUE or _RO */
	u64 resident;				/* bytes that derived data may take in memory */
	unsigned int compact;			/* 0: never by itself */
};

/* See worker-user.c; its own lock, a leaf. */
struct vexfs_worker {
	pthread_mutex_t lock;
	pthread_cond_t poked_or_stopped;
	pthread_t thread;
	pid_t pid;				/* of the process that began it; 0: it was not */
	bool poked, stop;
};

/* vexfs_sb_info.flags, atomic bit operations; as in the module */
enum {
	VEXFS_SBI_SHUTDOWN,			/* no more writing: on request, or damage */
	VEXFS_SBI_ERROR,			/* damage was found, for the superblock */
	VEXFS_SBI_MOUNTING,			/* what prevents no mount is recorded only */
	VEXFS_SBI_GONE,				/* no more reading either: on request */
	VEXFS_SBI_FULL,				/* vexfs_dev.full was said */
	VEXFS_SBI_KILLED,			/* it ends as in a power cut, without a word */
};

#define VEXFS_INODE_HEADS	4096u

struct vexfs_sb_info {
	struct super_block *sb;
	struct vexfs_fs fs;
	struct vexfs_dev *dev;
	struct vexfs_log *log;			/* NULL: mounted read-only */
	struct vexfs_mount_opts opts;
	unsigned long flags;			/* VEXFS_SBI_* */
	struct vexfs_budget budget;		/* what is charged to opts.resident */
	struct vexfs_spares spares;		/* memory of queries */
	struct vexfs_worker worker;
	u64 recall_after;			/* vx_clock_us(), as in the module */
	/* who is told a line, instead of stderr; or NULL */
	void (*hear)(void *arg, const char *line);
	void *hear_arg;

	atomic_t files;				/* open, by a path */
	struct mutex names_lock;
	struct mutex orphan_lock;		/* the list, and vexfs_inode_info.orphan */
	struct list_head orphans;		/* as on disk, those that are in memory */
	bool orphan_gaps;			/* some on disk have left memory ... */
	int orphan_err;				/* ... because of this, the last one */

	struct mutex collections_lock;		/* collections */
	struct list_head collections;		/* loaded collections, linked by load.c */

	pthread_mutex_t cache_lock;
	pthread_cond_t cache_changed;		/* an inode is not new any more, or gone */
	struct inode *inode[VEXFS_INODE_HEADS];

	/* the rows' view of the device, see plane-user.c */
	const char *map;			/* NULL: there is none */
	u64 map_bytes;
	u64 *map_read;				/* atomic: a bit for each piece that was read */
	u64 *map_split;				/* the same: that cannot be read as a whole */
};

/* As the kernel packs it for the disk: new_encode_dev(). */
static inline u32 vexfs_encode_dev(dev_t dev)
{
	return (minor(dev) & 0xff) | major(dev) << 8 | (minor(dev) & ~0xffu) << 12;
}

static inline dev_t vexfs_decode_dev(u32 dev)
{
	return makedev(dev >> 8 & 0xfff, (dev & 0xff) | (dev >> 12 & 0xfff00));
}

struct file {
	struct inode *inode;
	int flags;				/* of open(2) */
};

static inline struct vexfs_inode_info *VEXFS_I(const struct inode *inode)
{
	return container_of(inode, struct vexfs_inode_info, vfs_inode);
}

static inline struct vexfs_sb_info *VEXFS_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct inode *file_inode(const struct file *file)
{
	return file->inode;
}

static inline u64 i_size_read(const struct inode *inode)
{
	return __atomic_load_n(&inode->i_size, __ATOMIC_ACQUIRE);
}

static inline void i_size_write(struct inode *inode, u64 size)
{
	__atomic_store_n(&inode->i_size, size, __ATOMIC_RELEASE);
}

static inline void inode_unlock(struct inode *inode)
{
	up_write(&inode->i_rwsem);
}

static inline void inode_unlock_shared(struct inode *inode)
{
	up_read(&inode->i_rwsem);
}

/* NULL: it is being freed. */
struct inode *igrab(struct inode *inode);
void ihold(struct inode *inode);		/* another reference to one that is held */
/* NULL is fine.  Outside transactions: the last one frees an inode that has no link left. */
void iput(struct inode *inode);

#endif /* _VEXFS_COLLECTION_USER_H */
