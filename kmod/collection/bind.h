/* SPDX-License-Identifier: GPL-2.0 */
/* Files that records are bound to, see bind.c. */
#ifndef _VEXFS_COLLECTION_BIND_H
#define _VEXFS_COLLECTION_BIND_H

#include "collection/platform.h"

struct vexfs_collection_mem;
struct vexfs_body;

/* A kind of file: who may read one may read them all. */
struct vexfs_class {
	struct list_head list;		/* vexfs_files.class */
	u32 uid, gid;			/* as on disk */
	u16 mode;			/* bits 0444 */
	u32 id;				/* counted from 0 */
	u32 files;			/* that have it, or had when they went; read without the lock */
	const struct vexfs_class *before;	/* the one made before it */
};

/* What a file is known by. */
struct vexfs_file_id {
	u64 ino;
	u32 generation;
};

/*
 * A file that records are or were bound to, and the one that has taken its place since then, if one
 * has.  When that has an entry of its own, this one has an heir (file.heir), and only that is of
 * interest but for what the engine counts.
 */
struct vexfs_bound_file {
	struct vexfs_file file;		/* the engine's part; files_lock for the heir */
	struct vexfs_file_id id;	/* what the records say */
	/* written under files_lock, read without: */
	struct vexfs_file_id now;	/* the file that has them */
	const struct vexfs_class *class; /* NULL: that is gone */
	struct vexfs_class *last;	/* files_lock: the class that it has or had; NULL: none yet */
	u64 change;			/* i_data_change of that */
	struct list_head gone;		/* files_lock: vexfs_files.gone */
	struct list_head all;		/* files_lock: vexfs_files.all */
	/* files_lock: all that have this one as heir; those are linked by it */
	struct list_head family;
	/*
	 * vexfs_collection_mem.lock: entries on disk that lead to `now`, and the last one of them
	 */
	u32 links, link;
};

static inline struct vexfs_bound_file *vexfs_bound_file(const struct vexfs_file *file)
{
	return container_of((struct vexfs_file *)file, struct vexfs_bound_file, file);
}

#define VEXFS_CLASS_BITS	6
#define VEXFS_CLASS_HEADS	(1u << VEXFS_CLASS_BITS)

/* The files of a body, see bind.c.  Entries and classes live as long as it does. */
struct vexfs_files {
	struct mutex *lock;		/* vexfs_collection_mem.files_lock; for all that follows */
	u32 *bound;			/* vexfs_collection_mem.bound, which counts entries too */
	struct list_head list;		/* vexfs_collection_mem.files */
	/* by the number of `now`, one of each; none that has an heir */
	struct xarray by_ino;
	/* the last one that another one of its number hides there: it is gone */
	struct vexfs_bound_file *hidden;
	struct list_head all;
	struct list_head gone;		/* those that may still have records */
	struct list_head class[VEXFS_CLASS_HEADS];	/* by owner and group */
	const struct vexfs_class *newest;	/* and all of them, by `before`; read without the lock */
	u32 n, classes;
	/* one was gone before its class was known; read without the lock */
	bool lost;
};

void vexfs_files_init(struct vexfs_collection_mem *c, struct vexfs_files *t);
void vexfs_files_drop(struct vexfs_files *t);	/* with the body, outside locks */
u64 vexfs_files_bytes(const struct vexfs_files *t);
/*
 * Loading and compaction: the entry for records that name the file id, as yet gone, made if need
 * be.  The file that has them now is `now`, or, if `like` is not NULL, that of this entry of
 * another table of the collection.  And then the state of all.  -ENOMEM ...
 */
struct vexfs_bound_file *vexfs_file_load(struct super_block *sb, struct vexfs_files *t,
					 const struct vexfs_file_id *id,
					 const struct vexfs_file_id *now,
					 const struct vexfs_file *like);
/*
 * ... -EIO, -EINTR.  The collection is on the list of the mount by now.  Who may read a file whose inode is
 * damaged is not known: its records are lost (lost.h).
 */
int vexfs_files_refresh(struct vexfs_body *b);
/*
 * Compaction: the entries of `to` get the state of those of `from`, of the same collection; c->lock
 * held.
 */
void vexfs_files_copy(struct vexfs_files *to, struct vexfs_files *from);
/* Records that are not dead and whose file is gone; c->lock held. */
u64 vexfs_files_gone(struct vexfs_files *t);
/* The slot of one of them, VEXFS_NO_SLOT: there is none; c->lock held. */
u64 vexfs_files_victim(struct vexfs_body *b);
/* Is a slot bound to a file that is gone? */
bool vexfs_slot_gone(const struct vexfs_body *b, u64 slot);
/* VEXFS_ITEM_BOUND and VEXFS_ITEM_STALE of a slot, and its record. */
u32 vexfs_slot_flags(const struct vexfs_body *b, u64 slot, const struct vexfs_record *r);
/* Number of the file that a slot is bound to, 0: to none. */
u64 vexfs_slot_ino(const struct vexfs_body *b, u64 slot);
/* The entry with the records that a file has now.  NULL: it has none.  c->lock held. */
struct vexfs_bound_file *vexfs_file_here(struct vexfs_files *t, const struct inode *inode);
/* Is it, or the last of its heirs, gone?  c->lock held. */
bool vexfs_file_gone(const struct vexfs_bound_file *f);
/* Does some record name the file that has those of f now?  c->lock held. */
bool vexfs_file_named(const struct vexfs_bound_file *f);
/*
 * All tables: from now on the records of `replaced` are those of `heir`.  c->lock held, maybe in a
 * transaction.
 */
void vexfs_files_inherit(struct vexfs_collection_mem *c, const struct inode *replaced,
			 const struct inode *heir);

/*
 * An insert: the entry of a file that it binds to, made if need be, with the state of the file.
 * c->lock held.  ERR_PTR: -ENOMEM.
 */
struct vexfs_bound_file *vexfs_file_enter(struct vexfs_body *b, struct inode *inode);

/* --- what the filesystem tells --- */

/*
 * Link count, owner, mode or data_change of a file have changed.  Outside transactions; takes
 * collections_lock and, inside it, vexfs_collection_mem.files_lock.
 */
void vexfs_file_changed(struct inode *inode);
/*
 * Data of a file are going to change: raise core.data_change if a record remembers it, in a
 * transaction of its own, and tell vexfs_file_changed().  i_rwsem held, so that no binding comes
 * between, or the lock of the folio that is going to be written through a mapping.  The host does
 * not write the data before that transaction is committed.
 */
void vexfs_data_changed(struct inode *inode);
/*
 * May a file leave its collection, or have a name elsewhere?  -EXDEV: it has records.  Loads the
 * collection; i_rwsem of the file held.
 */
int vexfs_file_may_leave(struct inode *inode);

#endif /* _VEXFS_COLLECTION_BIND_H */
