/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Collections in the kernel.
 *
 *	fs/plane.c    hidden inodes read and written without a struct file; the engine's rows
 *	schema.c      the collection block: read, create, drop
 *	block.c       journaled blocks of hidden inodes
 *	dead.c        the dead bitmap
 *	collection.c  load, bind; what the filesystem asks for
 *	record.c      insert, fetch, delete
 *	commit.c      what makes them durable
 *	key.c         keys of records
 *	word.c        words of keyword attributes
 *	list.c        all records, page by page
 *	snapshot.c    snapshots
 *	compact.c     dead space given back
 *	predicate.c   predicates that were asked for, and their bitmaps
 *	derived.c     codes of rows in memory, within the mount's budget
 *	bind.c        files that records are bound to
 *	heir.c        files that take the place of those
 *	search/reader.c  who may see the records of which file
 *	search/search.c  the queries of one call
 *	ioctl/        the door to user space, see door.h
 */
#ifndef _VEXFS_COLLECTION_H
#define _VEXFS_COLLECTION_H

#include <linux/types.h>
#include <linux/hashtable.h>
#include <linux/xarray.h>
#include <linux/errseq.h>
#include <linux/slab.h>
#include <linux/siphash.h>
#include "vexfs.h"
#include "engine/engine.h"
#include "hooks/hooks.h"

/* Dead bitmap blocks that one commit may change: what bounds its transaction. */
#define VEXFS_COMMIT_DEAD_BLOCKS	256
#define VEXFS_RECORD_BYTES		sizeof(struct vexfs_record)

/* Numbers of dead bitmap blocks, no duplicates. */
struct vexfs_dead_set {
	u32 n;
	u32 lblk[VEXFS_COMMIT_DEAD_BLOCKS];
};

/* Predicates that were asked for, see predicate.c. */
struct vexfs_predicates {
	struct mutex lock;
	struct list_head list;		/* lock: struct vexfs_cached */
	u32 n;				/* lock */
};

/* A kind of file: who may read one may read them all. */
struct vexfs_class {
	struct hlist_node node;
	kuid_t uid;
	kgid_t gid;
	umode_t mode;			/* bits 0444 */
	u32 id;				/* counted from 0 */
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
	u64 change;			/* i_data_change of that */
	struct list_head gone;		/* files_lock: vexfs_files.gone */
	struct list_head all;		/* files_lock: vexfs_files.all */
	struct list_head family;	/* files_lock: all that have this one as heir; those are linked by it */
	/* vexfs_collection_mem.lock: entries on disk that lead to `now`, and the last one of them */
	u32 links, link;
};

static inline struct vexfs_bound_file *vexfs_bound_file(const struct vexfs_file *file)
{
	return container_of((struct vexfs_file *)file, struct vexfs_bound_file, file);
}

/* The files of a body, see bind.c.  Entries and classes live as long as it does. */
struct vexfs_files {
	struct mutex *lock;		/* vexfs_collection_mem.files_lock; for all that follows */
	struct list_head list;		/* vexfs_collection_mem.files */
	struct xarray by_ino;		/* by the number of `now`, one of each; none that has an heir */
	struct vexfs_bound_file *hidden; /* the last one that another one of its number hides there: it is gone */
	struct list_head all;
	struct list_head gone;		/* those that may still have records */
	DECLARE_HASHTABLE(class, 8);
	u32 n, classes;
};

/* A snapshot of a body, see snapshot.c. */
struct vexfs_snapshot_mem {
	refcount_t refs;		/* one is the body's */
	char name[VEXFS_SNAPSHOT_NAME_LEN];
	u64 time;			/* seconds since 1970 */
	struct inode *dead;		/* a reference: its dead bitmap */
	struct mutex lock;		/* reading that */
	bool loaded;			/* set last by reading it: as_of.live and as_of.dead are there */
	struct vexfs_asof as_of;
};

/*
 * All that slots index: the planes, and what is derived from them.  Compaction replaces it as a
 * whole; who looks at slots without vexfs_collection_mem.lock holds a reference.
 */
struct vexfs_body {
	refcount_t refs;		/* one is the collection's */
	u64 epoch;			/* c_epoch: slots of different epochs are unrelated */
	u32 row_bytes;
	u32 crc_seed;
	struct inode *dir;		/* no reference: who holds a body holds the directory */
	/* a reference each */
	struct inode *vectors, *records, *keys, *dead;
	struct inode *heirs;		/* the same; NULL: none; vexfs_collection_mem.lock to set */
	errseq_t vectors_since, records_since, keys_since; /* write errors after these are sticky */
	/* written under vexfs_collection_mem.lock, read without (see engine.h) */
	struct vexfs_columns *columns;
	/* vexfs_collection_mem.lock: */
	u64 dead_blocks;		/* dead bitmap blocks 0 .. dead_blocks - 1 exist */
	u32 heir_entries;		/* in the table of heirs */
	u64 key_end;			/* bytes of the keys plane, those not committed included */
	struct vexfs_map64 key_map;	/* hashes of keys, see key.c */
	struct vexfs_predicates predicates;
	/* snapshots_lock and prog_lock to change, either to look at; in the order of creation */
	struct vexfs_snapshot_mem *snapshot[VEXFS_MAX_SNAPSHOTS];
	u32 snapshots;

	/* who adds codes; inside vexfs_collection_mem.lock it is only tried */
	struct mutex codes_lock;
	struct vexfs_codes *codes;	/* codes_lock to set; once set it stays; NULL: none */
	u64 codes_charged;		/* codes_lock: of vexfs_sb_info.resident */
	struct vexfs_files files;
};

/* The dictionaries of keyword attributes, see word.c. */
struct vexfs_dictionary {
	struct inode *plane;		/* a reference; NULL: no attribute is a keyword */
	errseq_t since;			/* write errors after it are sticky */
	u64 end;			/* bytes of the plane, those not committed included */
	u64 committed;			/* c_word_bytes on disk; commit_lock too to change */
	u32 n[VEXFS_MAX_ATTRS];		/* words; the last one's code */
	u32 room[VEXFS_MAX_ATTRS];	/* of `at` */
	u64 *at[VEXFS_MAX_ATTRS];	/* by code - 1: place of the entry in the plane */
	struct vexfs_map64 map;		/* hash of a word -> attribute << 32 | code */
};

/*
 * A loaded collection.  Hangs on its directory's vexfs_inode_info.coll from the first use until it is
 * dropped or the directory is evicted.
 */
struct vexfs_collection_mem {
	refcount_t refs;		/* one is the directory's */
	struct inode *dir;		/* no reference: who holds a collection holds the directory */
	struct list_head list;		/* vexfs_sb_info.collections; its collections_lock */
	struct mutex snapshots_lock;	/* the set of snapshots; outside commit_lock */
	struct mutex commit_lock;	/* one commit at a time; outside lock */
	struct mutex lock;		/* loading; writers of what follows */
	bool loaded;			/* set last by loading; (const) is fixed from then on */

	u64 block;			/* (const) the collection block */
	u32 dims, metric, row_bytes, attrs;	/* (const) */
	struct vexfs_attr_def attr[VEXFS_MAX_ATTRS];	/* (const) */
	u32 crc_seed;			/* (const) of records: c_uuid */
	siphash_key_t hash_seed;	/* (const) of keys: a secret of this load */

	/* lock and prog_lock to change, either to look at; see vexfs_body_get() */
	struct vexfs_body *body;
	u64 next_seq;			/* lock */
	/* lock: more than the id of any slot that there is or was; U64_MAX: there is none */
	u64 next_id;
	u64 gap_id;			/* lock: where to look for a free id then */
	struct vexfs_dictionary words;	/* lock */
	/* lock: why there are no more operations: -ENOENT the directory was removed, -ENODATA dropped */
	int gone;
	bool pinned;			/* lock: something is not committed, so we hold dir */
	struct list_head deaths;	/* lock: deletions to commit, struct death_chunk */
	struct vexfs_dead_set pending;	/* lock: the blocks they touch */

	/* commit_lock and lock to change: */
	struct vexfs_dead_set inflight;	/* blocks of the running commit */
	u64 committed;			/* slots on disk */
	u64 committed_seq;		/* c_next_seq on disk */
	u64 committed_keys;		/* c_key_bytes on disk */
	/* commit_lock: */
	tid_t tid;			/* transaction of the last commit ... */
	bool in_log;			/* ... which may not be on stable storage yet */

	struct mutex files_lock;	/* see bind.c; inside collections_lock */
	struct list_head files;		/* files_lock: struct vexfs_files of every body there is */

	spinlock_t prog_lock;
	/* prog_lock: what is bound, a reference each; NULL: built-in */
	struct vexfs_program *prog[VEXFS_SLOTS];
	u64 bindings;			/* prog_lock to change: how often prog[] did */
	struct vexfs_binding binding[VEXFS_SLOTS];	/* how these do; its own lock, inside prog_lock */
	atomic64_t queries, fallbacks;

	/* compact.c: */
	atomic_t compacting;		/* 1: somebody does */
	u64 compact_done, compact_total;	/* slots; read without a lock */
	u64 compact_lacked;		/* bytes of room that the last one lacked; the same */
	unsigned long compact_after;	/* jiffies: not by itself before then */
};

struct vexfs_heirs;			/* heir.c: a table of heirs, while a body is loaded */

/* --- fs/plane.c --- */

/*
 * A plane of a collection's directory, with a reference.  flags: VEXFS_INODE_METADATA or 0.  ERR_PTR:
 * -EUCLEAN after a line in the log, -EIO, -ENOMEM.
 */
struct inode *vexfs_plane_open(struct inode *dir, u64 ino, u32 flags, const char *what);
/*
 * Loading: has it all the committed bytes?  -EUCLEAN after a line in the log.  What lies beyond them,
 * after a crash or a failed insert, is forgotten.
 */
int vexfs_plane_size(struct inode *plane, u64 bytes, const char *what);
/* Blocks and i_size for the bytes [from, to).  -ENOSPC, -EFBIG, -EIO. */
int vexfs_plane_reserve(struct inode *plane, u64 from, u64 to);
/*
 * From now on it takes exactly the blocks that are asked for, of the reserve too if need be; or (false) no
 * longer.
 */
void vexfs_plane_tight(struct inode *plane, bool tight);
/* Give back the blocks behind `bytes`, where nobody reads or writes.  -EIO. */
int vexfs_plane_trim(struct inode *plane, u64 bytes);
/*
 * Copy n bytes at pos from or to a plane.  Write: they were reserved; -EINTR a fatal signal.
 */
int vexfs_plane_write(struct inode *plane, loff_t pos, const void *from, size_t n);
int vexfs_plane_read(struct inode *plane, loff_t pos, void *to, size_t n);
/* Start reading n pages from index on. */
void vexfs_plane_ahead(struct inode *plane, pgoff_t index, unsigned long n);
/* The rows of a vectors plane, for one query.  NULL: no memory. */
struct vx_rows *vexfs_rows_open(struct inode *vectors, u32 row_bytes);
void vexfs_rows_close(struct vx_rows *rows);

/* --- collection.c --- */

/*
 * The collection of a directory, loaded, with a reference.  -ENODATA it is none, -EUCLEAN, -EIO,
 * -ENOMEM, -EINTR, -EOPNOTSUPP.  The caller holds the directory, and does so until it has put the
 * collection, outside locks and transactions.
 */
struct vexfs_collection_mem *vexfs_collection_get(struct inode *dir);
void vexfs_collection_put(struct vexfs_collection_mem *c);
/* Make it a plain directory again, see ioctl.h; the caller holds mnt_want_write. */
int vexfs_collection_drop(struct inode *dir);
int vexfs_collection_use(struct vexfs_collection_mem *c, u32 slot, const char *name);
/* load.c; lock held. */
int vexfs_collection_load(struct vexfs_collection_mem *c);
/* program.c: loading, and letting go. */
int vexfs_programs_load(struct vexfs_collection_mem *c, const struct vexfs_collection *raw);
void vexfs_programs_drop(struct vexfs_collection_mem *c);
/* body.c: the planes that a collection block names; let go of them. */
int vexfs_body_open(struct vexfs_body *b, const struct vexfs_collection *raw);
void vexfs_body_close(struct vexfs_body *b);
/* A body without planes, with one reference.  NULL: no memory. */
struct vexfs_body *vexfs_body_new(struct vexfs_collection_mem *c);
/*
 * Enter a record that is on the planes, in the order of slots, into what is derived: room in the
 * columns was made, nobody else uses the body yet.  What it is bound to now: the file `like` of
 * another body, or, if that is NULL, what `heirs` say.  -EUCLEAN after a line in the log, -ENOMEM,
 * -EIO.
 */
int vexfs_body_enter(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot,
		     const struct vexfs_record *r, bool dead, const struct vexfs_heirs *heirs,
		     const struct vexfs_file *like);
/* The body as it is now, with a reference.  May be called under any lock. */
struct vexfs_body *vexfs_body_get(struct vexfs_collection_mem *c);
/* NULL is fine.  Outside transactions and locks: the last one lets go of the planes. */
void vexfs_body_put(struct vexfs_body *b);
/* -EINTR. */
int vexfs_collection_info(struct vexfs_collection_mem *c, struct vexfs_ioc_info *info);
/* The programs that are bound now, a reference each (vexfs_hooks_put), and their bindings. */
void vexfs_collection_programs(struct vexfs_collection_mem *c, struct vexfs_hookset *set);
/* Has another program, or none, been bound to a slot since then?  Takes no lock. */
bool vexfs_collection_rebound(const struct vexfs_collection_mem *c, const struct vexfs_hookset *set);

/* --- schema.c --- */

static inline struct vexfs_collection *vexfs_schema_raw(struct buffer_head *bh)
{
	return vx_data(bh);
}

/* See ioctl.h; the caller has checked permissions and holds mnt_want_write. */
int vexfs_collection_create(struct inode *dir, const struct vexfs_ioc_create *arg);
/*
 * The collection block of a directory, verified.  ERR_PTR: -EUCLEAN after a line in the log, -EIO.
 */
struct buffer_head *vexfs_schema_read(struct inode *dir, u64 block);
/* 0, or -EOPNOTSUPP: fine on disk, but this module does not know it. */
int vexfs_schema_supported(const struct vexfs_collection *raw);
/*
 * Same for a loaded collection.  With access taken in a transaction it may be changed under
 * commit_lock; stamp, then dirty.
 */
struct buffer_head *vexfs_collection_block(struct vexfs_collection_mem *c);
void vexfs_collection_stamp(struct vexfs_collection_mem *c, struct buffer_head *bh);
/*
 * Planes open, nobody changes anything: free the collection block and, with their last iput(), the
 * planes.  The directory is a plain one then, that belongs to the collection `outer` (0: none).
 */
int vexfs_schema_drop(struct vexfs_collection_mem *c, u64 outer);

/* --- block.c --- */

/*
 * A block, its magic, place and checksum verified.  what: for the log.  ERR_PTR: -EUCLEAN after a line
 * there, -EIO.
 */
struct buffer_head *vexfs_block_read(struct inode *inode, u32 lblk, u32 magic, const char *what);
/* Set its checksum, after a change and before it is marked dirty. */
void vexfs_block_stamp(struct inode *inode, struct buffer_head *bh);
/*
 * Add block lblk, behind all others: zeros, or what fill puts behind its head, if arg is not NULL.  In
 * its own transaction.  -ENOSPC, -EIO.
 */
int vexfs_block_append(struct inode *inode, u32 lblk, u32 magic,
		       void (*fill)(void *block, const void *arg), const void *arg);

/* --- dead.c --- */

/* Index of a block in a set, -1: not in it. */
int vexfs_dead_find(const struct vexfs_dead_set *set, u32 lblk);
/*
 * Add a block to `pending`.  False: that would be more than a commit can take; those of a running
 * commit count too, because they come back when it fails.
 */
bool vexfs_dead_add(struct vexfs_dead_set *pending, const struct vexfs_dead_set *inflight,
		    u32 lblk);
/* A block of a dead bitmap, verified.  ERR_PTR: -EUCLEAN after a line in the log, -EIO. */
struct buffer_head *vexfs_dead_block(struct inode *dead, u32 lblk);
/*
 * Add block lblk, behind all others.  bits: VEXFS_DEAD_SLOTS of them, as on disk; NULL: none is
 * dead. -ENOSPC, -EIO.
 */
int vexfs_dead_append(struct inode *dead, u32 lblk, const void *bits);
/* Make an empty one of `count` bits, 64 to a word.  -ENOSPC, -EIO, -ENOMEM, -EINTR. */
int vexfs_dead_write(struct inode *dead, const u64 *bits, u64 count);
/*
 * Blocks for `slots` slots, now, so that a delete never needs space.  c->lock held.  -ENOSPC, -EIO.
 */
int vexfs_dead_grow(struct vexfs_body *b, u64 slots);

/* --- commit.c --- */

/* Commit all operations acknowledged so far; barrier: and wait until they are on stable storage. */
int vexfs_record_commit(struct vexfs_collection_mem *c, bool barrier);
/*
 * The same without the barrier, commit_lock held by the caller, who iput()s the directory
 * afterwards if *unpinned, which was false, is true.
 */
int vexfs_commit_all(struct vexfs_collection_mem *c, bool *unpinned);
/* The same with lock held too. */
int vexfs_commit_part(struct vexfs_collection_mem *c);
/*
 * Give up what is not committed: the collection is gone (why: see there), or (0) nothing can be
 * written any more.
 */
void vexfs_record_abandon(struct vexfs_collection_mem *c, int gone);
/* c->lock held: something is not committed, so the directory must stay in memory. */
void vexfs_commit_pin(struct vexfs_collection_mem *c);
/* A write error of the planes since they were loaded: -EIO. */
int vexfs_body_errors(const struct vexfs_body *b);
/* Room for n deaths in a list; -ENOMEM and the list is empty.  Free what is left of it. */
int vexfs_deaths_reserve(struct list_head *chunks, u32 n, gfp_t gfp);
void vexfs_deaths_free(struct list_head *chunks);
/*
 * c->lock held: the next commit sets the dead bit of a slot.  Room comes from `spare` where it is
 * needed.  False: that would be more of the bitmap than a commit can take.
 */
bool vexfs_death_add(struct vexfs_collection_mem *c, u64 slot, struct list_head *spare);

/* --- key.c --- */

/* Keys as they come from outside: packed bytes, a length each, 0: none.  See vexfs_keys_check(). */
struct vexfs_keys {
	u32 n, bytes;
	const u8 *byte, *len;
	u64 *hash;			/* made by vexfs_keys_check(), kvfree(): of each ... */
	u32 *off;			/* ... and where it begins; in the same memory */
};
/*
 * Are they well formed?  -EINVAL: a NUL (*bad), or lengths that do not add up; some: no length may be
 * 0.  -ENOMEM.
 */
int vexfs_keys_check(struct vexfs_collection_mem *c, struct vexfs_keys *k, bool every, __u64 *bad);
/*
 * The live slot of key i; where there are several, the youngest.  -ENOENT; -EIO, -EUCLEAN.  c->lock held.
 * first: slots from here on are those of the records that come with these keys, not published yet.
 */
int vexfs_key_find(struct vexfs_body *b, const struct vexfs_keys *k, u32 i, u64 first, u64 *slot);
/* Free all three arrays, whatever of them there is. */
static inline void vexfs_keys_drop(struct vexfs_keys *k)
{
	kvfree(k->hash);
	kvfree(k->byte);
	kvfree(k->len);
	*k = (struct vexfs_keys){};
}

/* The key that r_key names: its length, or -EUCLEAN, -EIO.  key: VEXFS_MAX_KEY bytes. */
int vexfs_key_read(struct vexfs_body *b, u64 r_key, u8 *key);
/* Loading: remember the key of a live slot.  -EEXIST another one has it. */
int vexfs_key_load(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot, u64 r_key);

/* --- word.c --- */

static inline bool vexfs_is_keyword(const struct vexfs_collection_mem *c, u32 attr)
{
	return attr < c->attrs && c->attr[attr].a_type == cpu_to_le16(VEXFS_ATTR_KEYWORD);
}

/* Loading: the plane, if the block names one; and all that is in it.  -EUCLEAN, -EIO, -ENOMEM, -EINTR. */
int vexfs_words_open(struct vexfs_collection_mem *c, const struct vexfs_collection *raw);
int vexfs_words_load(struct vexfs_collection_mem *c, const struct vexfs_collection *raw);
/* Outside transactions: lets go of the plane. */
void vexfs_words_free(struct vexfs_collection_mem *c);
/* Memory that they take; c->lock held here and below. */
u64 vexfs_words_bytes(const struct vexfs_collection_mem *c);
/* A write error of the plane since it was loaded: -EIO. */
int vexfs_words_errors(const struct vexfs_collection_mem *c);
/* Are the keywords among the attributes of a record codes of words, or 0? */
bool vexfs_words_known(const struct vexfs_collection_mem *c, const __s64 *attr);
/*
 * Codes of words of a keyword attribute; takes the locks.  Words that have none get one, with lookup
 * 0.  -E2BIG too many, -ENOSPC, ...: those before the one at fault have got theirs.
 */
int vexfs_words_intern(struct vexfs_collection_mem *c, u32 attr, const struct vexfs_keys *words,
		       bool lookup, __s64 *codes);
/*
 * The words with the codes first .. first + n - 1, as many as there are and as fit into *bytes: how
 * many, or -EINTR, -EIO, -EUCLEAN.  byte, len: packed, as in ioctl.h.  Takes the lock.
 */
int vexfs_words_read(struct vexfs_collection_mem *c, u32 attr, s64 first, u32 n, u8 *byte, u32 *bytes,
		     u8 *len, __u64 *total);
/* --- bind.c --- */

void vexfs_files_init(struct vexfs_collection_mem *c, struct vexfs_files *t);
void vexfs_files_drop(struct vexfs_files *t);	/* with the body, outside locks */
u64 vexfs_files_bytes(const struct vexfs_files *t);
/*
 * Loading and compaction: the entry for records that name the file id, as yet gone, made if need be.
 * The file that has them now is `now`, or, if `like` is not NULL, that of this entry of another table
 * of the collection.  And then the state of all.  -ENOMEM ...
 */
struct vexfs_bound_file *vexfs_file_load(struct super_block *sb, struct vexfs_files *t,
					 const struct vexfs_file_id *id,
					 const struct vexfs_file_id *now,
					 const struct vexfs_file *like);
/* ... -EIO, -EUCLEAN, -EINTR.  The collection is on the list of the mount by now. */
int vexfs_files_refresh(struct super_block *sb, struct vexfs_files *t);
/* Compaction: the entries of `to` get the state of those of `from`, of the same collection; c->lock held. */
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

/* The entry of a file that an insert binds to, with its state.  -ENOMEM. */
struct vexfs_bound_file *vexfs_file_enter(struct vexfs_body *b, struct inode *inode);

/* A file that an insert binds to. */
struct vexfs_target {
	struct inode *inode;		/* a reference, and one of its `binding` */
	u64 change;			/* i_data_change to remember */
	struct vexfs_bound_file *file;	/* from vexfs_binds_enter() on */
};
struct vexfs_binds {
	const struct vexfs_bind *bind;	/* of each record, kvfree() */
	struct vexfs_target **target;	/* of each record, NULL: not bound */
	struct xarray by_ino;		/* every target once; to be initialised */
};
/*
 * Find the files of n binds, and keep them in the collection dir.  vexfs_binds_close() whatever is
 * returned; before, only by_ino and bind need be set.  Errors of ioctl.h, *bad; -EINTR, -ENOMEM,
 * those of transactions.  No lock held.
 */
int vexfs_binds_open(struct inode *dir, u32 n, struct vexfs_binds *b, __u64 *bad);
void vexfs_binds_close(struct vexfs_binds *b);
/* Entries for all targets; c->lock held.  -ENOMEM. */
int vexfs_binds_enter(struct vexfs_body *b, struct vexfs_binds *binds);

/* --- heir.c --- */

/*
 * Loading: the table of a body whose planes are open, NULL: it has none.  Free it with kvfree().
 * ERR_PTR: -EUCLEAN after a line in the log, -EIO, -ENOMEM, -EINTR.
 */
struct vexfs_heirs *vexfs_heirs_load(struct vexfs_body *b);
/* Who has the records of a file now: itself, or the last of its heirs. */
void vexfs_heirs_find(const struct vexfs_heirs *heirs, const struct vexfs_file_id *id,
		      struct vexfs_file_id *now);
/* Loading, all records entered: how entries of the table lead to the files that are there. */
void vexfs_heirs_link(const struct vexfs_heirs *heirs, struct vexfs_body *b);
/*
 * Compaction, all locks held: a table of what the records of this body need, in a new orphan; or none.
 * -ENOSPC, -EIO, -ENOMEM.
 */
int vexfs_heirs_write(struct vexfs_collection_mem *c, struct vexfs_body *b);

/* --- search/reader.c --- */

/* The caller of one system call, as far as files of a body are concerned. */
struct vexfs_reader {
	struct mnt_idmap *idmap;
	struct super_block *sb;
	bool override;			/* has a capability that reads all files, in its namespace */
	u32 classes;
	u8 *verdict;			/* on so many classes */
};
/* b NULL: not more than one slot will be looked at. */
void vexfs_reader_init(struct vexfs_reader *r, const struct file *file,
		       const struct vexfs_body *b);
void vexfs_reader_drop(struct vexfs_reader *r);
/* vexfs_query_params.may: is it there, and may the caller (arg, a vexfs_reader) read it? */
bool vexfs_reader_may(void *arg, const struct vexfs_file *file);
/* The same for a slot, bound or not. */
bool vexfs_reader_sees(struct vexfs_reader *r, const struct vexfs_body *b, u64 slot);

/* --- snapshot.c --- */

/* What is wrong with the snapshots of a collection block, as far as it tells; or NULL. */
const char *vexfs_snapshots_check(const struct vexfs_collection *raw);
/* Those of a block that was checked.  -EUCLEAN, -EIO, -ENOMEM; close whatever is returned. */
int vexfs_snapshots_open(struct vexfs_body *b, const struct vexfs_collection *raw);
void vexfs_snapshots_close(struct vexfs_body *b);	/* with the body */
u64 vexfs_snapshots_bytes(struct vexfs_collection_mem *c);
/* See ioctl.h; the caller holds mnt_want_write.  name: terminated. */
int vexfs_snapshot_create(struct vexfs_collection_mem *c, const char *name);
int vexfs_snapshot_delete(struct vexfs_collection_mem *c, const char *name);
/* All of them, oldest first; how many, or an error. */
int vexfs_snapshot_list(struct vexfs_collection_mem *c, struct vexfs_snapshot_info *info);
/*
 * A snapshot, ready to be searched, and the body that it is of, with references.  Outside locks;
 * puts too.  ERR_PTR: -ENOENT, -EUCLEAN, -EIO, -ENOMEM, -EINTR.
 */
struct vexfs_snapshot_mem *vexfs_snapshot_get(struct vexfs_collection_mem *c, const char *name,
					      struct vexfs_body **b);
void vexfs_snapshot_put(struct vexfs_snapshot_mem *s);	/* NULL is fine */
/* The slot that had an id, by looking at all of them.  -ENOENT, -EINTR. */
int vexfs_snapshot_find(const struct vexfs_snapshot_mem *s, const struct vexfs_body *b, u64 id,
			u64 *slot);

/*
 * A new one of so many slots, of those `live` by `dead` (kvmalloc(), which it takes over); NULL: no
 * memory.
 */
struct vexfs_snapshot_mem *vexfs_snapshot_new(const char *name, u64 time, u64 count, u64 *dead);
/* Read the bits of all of them; snapshots_lock held.  -EUCLEAN, -EIO, -ENOMEM, -EINTR. */
int vexfs_snapshots_load(struct vexfs_body *b);

/* --- compact.c --- */

/*
 * See ioctl.h; the caller holds mnt_want_write.  *before, *after: slots; the same: there was
 * nothing to do.
 */
int vexfs_compact(struct vexfs_collection_mem *c, u32 min_dead, u64 *before, u64 *after);
/* The same, by a worker, for one that has enough dead slots by the mount option compact=. */
int vexfs_compact_by_itself(struct vexfs_collection_mem *c);

/* --- record.c --- */

/* next_id of a collection that was `next`, when it has a record of this id. */
static inline u64 vexfs_id_after(u64 next, u64 id)
{
	return max(next, id < U64_MAX ? id + 1 : U64_MAX);
}

/* What one insert brings.  All arrays are in kernel memory. */
struct vexfs_new_records {
	u32 n;
	bool upsert;
	bool auto_id;			/* fill ids in */
	const void *rows;		/* n * row_bytes */
	__u64 *ids;
	const __s64 *attrs;		/* n * c->attrs, or NULL */
	struct vexfs_keys keys;		/* checked; n 0: none */
	struct vexfs_binds binds;	/* opened; target NULL: none is bound */
	__u64 seq;			/* out: sequence number of the first record */
	__u64 bad;			/* out: index of the one at fault, untouched where there is none */
};
/* See ioctl.h; the caller holds mnt_want_write. */
int vexfs_record_insert(struct vexfs_collection_mem *c, struct vexfs_new_records *new);
/*
 * Turn records of files that are gone into deletions, each with a sequence number.  May commit.  No
 * lock held but i_rwsem.
 */
int vexfs_record_sweep(struct vexfs_collection_mem *c);
/* By id, or, where keys->n is not 0, by key. */
int vexfs_record_delete(struct vexfs_collection_mem *c, u32 n, const __u64 *ids,
			const struct vexfs_keys *keys, __u64 *bad);
/*
 * Slot of a live id or (keys not NULL) of keys' first key, and the body that it is a slot of, with a
 * reference.  -ENOENT, also when the reader may not see it; -EINTR.
 */
int vexfs_record_find(struct vexfs_collection_mem *c, struct vexfs_reader *reader, u64 id,
		      const struct vexfs_keys *keys, struct vexfs_body **b, u64 *slot);
/*
 * Record, row (row_bytes) and key (VEXFS_MAX_KEY bytes; NULL: not wanted) of a published slot,
 * verified.  The length of the key, 0: none.  -EUCLEAN after a line in the log.
 */
int vexfs_record_fetch(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row,
		       u8 *key);
/* Start reading n records, n > 0, and their rows. */
void vexfs_records_ahead(struct vexfs_body *b, u64 slot, u64 n);
/* What r_crc of a record must be; key: key_len bytes, 0: it has none. */
u32 vexfs_record_crc(const struct vexfs_body *b, u64 slot, const struct vexfs_record *r,
		     const void *row, const u8 *key, u32 key_len);
/* What user space is told about a record that was fetched. */
void vexfs_record_item(const struct vexfs_body *b, u64 slot, const struct vexfs_record *record,
		       int key_len, struct vexfs_item *item);

/* --- list.c --- */

/* See ioctl.h: fills the out fields of *arg and writes what they name to user memory. */
int vexfs_record_list(struct vexfs_collection_mem *c, const struct file *file,
		      struct vexfs_ioc_list *arg);

/* --- predicate.c --- */

struct vexfs_cached;
void vexfs_predicates_init(struct vexfs_predicates *cache);
/* With the body: nobody uses any. */
void vexfs_predicates_drop(struct vexfs_predicates *cache);
u64 vexfs_predicates_bytes(struct vexfs_predicates *cache);
/*
 * Evaluate a condition, which was checked, over all slots of a body.  *match is good while the
 * caller holds what is returned.  ERR_PTR: -ENOMEM, -EINTR.  Sleeps.
 */
struct vexfs_cached *vexfs_predicate_get(struct vexfs_body *b, const struct vexfs_condition *c,
					 u64 deadline, struct vexfs_match *match);
void vexfs_predicate_put(struct vexfs_cached *e);	/* NULL and ERR_PTR are fine */

/* --- derived.c --- */

/*
 * The codes of a body, NULL: none, as it is small or does not fit the budget.  Slots that have none
 * are encoded first, for up to `us` microseconds, unless somebody else is at it.  Reads rows.
 */
struct vexfs_codes *vexfs_body_codes(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				     u32 us);
/*
 * VEXFS_CODES_* for a search of `count` slots that was given these codes; a guess at why there are
 * none, as of now.
 */
u32 vexfs_body_codes_state(const struct vexfs_collection_mem *c, const struct vexfs_body *b,
			   const struct vexfs_codes *codes, u64 count);
/* Encode n rows that are about to be published as slots `first` on.  c->lock held. */
void vexfs_body_encode(const struct vexfs_collection_mem *c, u64 first, u32 n, const void *rows);
void vexfs_body_drop_codes(struct vexfs_body *b);	/* the body is going */

/* --- search/search.c --- */

/*
 * Run the s->queries (> 0) queries in *s, whose vectors and predicate are given, checked; where may
 * be NULL.  hits must have room for s->queries * s->k, answers for s->queries.  Fills them and the
 * out fields of *s, which are 0; and *trace, which is 0, whatever is returned.  trace NULL: not wanted.
 */
int vexfs_collection_search(struct vexfs_collection_mem *c, const struct file *file,
			    struct vexfs_ioc_search *s, const void *vectors,
			    const struct vexfs_condition *where, struct vexfs_hit *hits,
			    struct vexfs_query_answer *answers, struct vexfs_search_trace *trace);

#endif /* _VEXFS_COLLECTION_H */
