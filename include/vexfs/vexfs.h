/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvexfs: VexFS collections from C.
 *
 *	struct vexfs_request q = { .vector = row, .vector_bytes = sizeof(row), .k = 10 };
 *	struct vexfs_hit hit[10];
 *	struct vexfs_answer a;
 *	int i, fd = vexfs_open("/mnt/words");
 *
 *	if (fd < 0 || vexfs_search(fd, &q, hit, &a))
 *		...
 *	for (i = 0; i < (int)a.n; i++)
 *		printf("%llu %f\n", hit[i].id, hit[i].distance);
 *
 * A collection is a directory, and its handle is a file descriptor of that directory: it may be
 * shared by threads, duplicated and inherited, and is closed with vexfs_close() or close().
 *
 * It need not be mounted: vexfs_attach("x.img") opens an image, or a block device, in this process,
 * without a kernel module, and then vexfs_open("x.img/words") and every call on what it returns do
 * the same there.  Programs are not the kernel's there but this process's, compiled natively: see
 * vexfs_native_load().  That descriptor is a number for the calls of this header alone: read(2),
 * fsync(2), dup(2) and a child process have no use for it.
 *
 * A mount by vexfs-fuse is one like any other.  The calls go past FUSE to its daemon, with the
 * rights of the process that makes them: as they are when it calls, where uid or gid have changed,
 * else as they were when it called first.  Programs there are the daemon's.
 *
 * Every call may be made from any number of threads on one descriptor.  The library starts no
 * thread; on a mount by the module it has no state, and each call is one system call.  All
 * functions return 0 or more on success and a negative errno on failure; errno itself is left alone
 * or not, rely on the return value.
 * vexfs_strerror_for() says what an error means for the call that gave it.  Structs are to be
 * zeroed (or initialised with {}) before they are filled in.
 *
 * Errors that every call on a descriptor can give: -ENOTTY not a VexFS directory, -ENODATA not a
 * collection, -EFAULT, -EINTR a fatal signal, -EIO and -EUCLEAN device and damage, -ENOMEM,
 * -EOPNOTSUPP this kernel module does not do that, -EBADF also: its image was detached.  On a mount
 * by vexfs-fuse also: -ENOTCONN that has ended, -EPROTONOSUPPORT it is of another version,
 * -ECONNREFUSED it is in another network namespace, -EUSERS too many calls of this user at once, or
 * with too much memory, -E2BIG arrays of more than 256 MiB.
 */
#ifndef _VEXFS_VEXFS_H
#define _VEXFS_VEXFS_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>
#include <vexfs/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VEXFS_VERSION	"0.1.0"

/* What a collection holds; see format.h for the limits. */
struct vexfs_schema {
	__u32	dims;			/* 1 .. VEXFS_MAX_DIMS */
	__u32	element;		/* VEXFS_ELEM_*; 0: f32 */
	__u32	metric;			/* VEXFS_METRIC_*; 0: l2 */
	__u32	attrs;			/* entries of attr in use */
	struct vexfs_attr attr[VEXFS_MAX_ATTRS];
};

/* Records to insert: n rows, n ids, n * (attributes of the collection) numbers. */
struct vexfs_batch {
	__u32	n;			/* 1 .. VEXFS_MAX_BATCH */
	__u32	row_bytes;		/* of one row: that of the collection, f32: 4 * dims */
	const void *rows;		/* row after row, no padding between them */
	const __u64 *ids;		/* unique in the collection; not read with AUTO_ID */
	/* record after record, in the order of the schema; NULL: all 0 */
	const __s64 *attrs;
	/*
	 * keys, back to back without NULs, and a length each, 0: that record has none; NULL: none
	 * has one
	 */
	const char *keys;
	const __u8 *key_lens;
	__u32	key_bytes;		/* sum of the lengths */
	__u32	flags;			/* VEXFS_INSERT_* */
	/* what each is bound to, fd -1: nothing; NULL: none is */
	const struct vexfs_bind *binds;
	__u64	seq;			/* out: sequence number of the first record */
	/* out, on failure: index of the first record at fault, ~0 where no record is */
	__u64	bad;
	/* out, with VEXFS_INSERT_AUTO_ID only: the ids that the records got; NULL: not wanted */
	__u64	*new_ids;
};

/* A condition on the attributes, from vexfs_where_parse(); or made by hand, see ioctl.h. */
struct vexfs_where {
	__u32	n, values;		/* of node and of value in use; n 0: no condition */
	struct vexfs_predicate_node node[VEXFS_MAX_PREDICATE];
	__s64	value[VEXFS_MAX_PREDICATE_VALUES];
};

/* How vexfs_where_parse() comes by the code of a word of a keyword attribute; -1: there is none. */
struct vexfs_words {
	__s64	(*code)(void *arg, __u32 attr, const char *word);
	void	*arg;
};

/* A query. */
struct vexfs_request {
	const void *vector;		/* one row; NULL with VEXFS_SEARCH_BY_ID and BY_KEY */
	__u32	vector_bytes;		/* of one row: row_bytes of the collection */
	/* records wanted, 1 .. VEXFS_MAX_K; RANGE: at most so many, 1 .. VEXFS_MAX_RANGE */
	__u32	k;
	__u32	flags;			/* VEXFS_SEARCH_* */
	/* 0: VEXFS_DEFAULT_TIMEOUT_US; at most VEXFS_MAX_TIMEOUT_US */
	__u32	timeout_us;
	/* BY_ID, BY_KEY: the record to find neighbours of; it is among them */
	__u64	id;
	const char *key;
	__u32	key_len;		/* 1 .. VEXFS_MAX_KEY */
	__u64	max_visits;		/* slots to look at; 0: no limit */
	__u64	arg[VEXFS_MAX_ARGS];	/* for filter and distance programs */
	const struct vexfs_where *where;/* only records for which this holds; NULL: all */
	const char *snapshot;		/* search this snapshot; NULL: as it is now */
	double	radius;			/* RANGE: all records within this distance */
	__u32	per_file;		/* at most so many hits of one bound file; 0: no limit */
	/*
	 * Several queries in one call, at most VEXFS_MAX_QUERIES; 0: one.  vector points to as many
	 * rows, and the hits of query i begin at hit i * k.  They see the same records, and are
	 * answered by the same generation of the programs.
	 */
	__u32	queries;
	struct vexfs_query_answer *answers;	/* out: of each query, see ioctl.h; or NULL */
	/* out: what the call did, see ioctl.h; or NULL.  All zero before, but for size */
	struct vexfs_search_trace *trace;
	/*
	 * The part of the true neighbours that is to be found, on average over queries: above 0, up
	 * to 1, with which every record is looked at; 0: 0.99.  Not with EXACT.
	 */
	double	recall;
	/*
	 * lists of the index to probe, or buckets of hash tables, whatever recall asks for; 0: as it
	 * demands.  Not with EXACT
	 */
	__u32	effort;
	/* VEXFS_METHOD_*: how records are to be found; what is not there yet is done otherwise */
	__u32	method;
};

/* What a query found and what it cost; of several queries the sums, and truncated of any. */
struct vexfs_answer {
	/* hits, at most k; fewer: no more match, or truncated says why */
	__u32	n;
	__u32	truncated;		/* VEXFS_TRUNC_* */
	__u32	rounds;			/* runs of the search program */
	/* because a program was bound, replaced or failed, or for precision */
	__u32	restarts;
	__u64	visited;		/* slots looked at */
	__u64	scored;			/* slots measured */
	/* VEXFS_BOUND_*: LOADED the program answered; else the built-in did */
	__u32	used[VEXFS_SLOTS];
	__u64	generation[VEXFS_SLOTS];/* of the programs that answered, 0: built-in */
	/* the search program; built in: "exact", "coded", "ivf" or "lsh" */
	char	strategy[VEXFS_PROG_NAME_LEN];
};

/* A page of records, see vexfs_list(). */
struct vexfs_listing {
	__u32	n;			/* in: room in items and rows; out: how many there are */
	__u32	flags;			/* VEXFS_LIST_* */
	struct vexfs_item *items;
	void	*rows;			/* n * row_bytes, or NULL: not wanted */
	char	*keys;			/* their keys, see key_off and key_len of each; or NULL */
	__u32	row_bytes;		/* of the collection, with rows */
	__u32	key_bytes;		/* in: room in keys, at least VEXFS_MAX_KEY; out: used */
	/* in: 0 at first, then as they were given; cursor ~0: the end */
	__u64	cursor, epoch;
	const char *snapshot;		/* of this snapshot; NULL: as it is now */
};

/* Words of a keyword attribute: their bytes back to back, without NULs. */
struct vexfs_word_list {
	__u32	n;			/* words */
	__u32	room;			/* for words, at lens; vexfs_words() */
	__u32	byte_room;		/* the same, at bytes: VEXFS_MAX_KEY or more */
	char	*bytes;
	__u8	*lens;			/* 1 .. VEXFS_MAX_KEY */
};

/* The calls, for vexfs_strerror_for(). */
enum vexfs_op {
	VEXFS_OP_OPEN,
	VEXFS_OP_CREATE,
	VEXFS_OP_INFO,
	VEXFS_OP_INSERT,
	VEXFS_OP_GET,
	VEXFS_OP_DELETE,
	VEXFS_OP_SEARCH,
	VEXFS_OP_USE,
	VEXFS_OP_SYNC,
	VEXFS_OP_LIST,
	VEXFS_OP_WORDS,
	VEXFS_OP_INTERN,
	VEXFS_OP_PATH,
	VEXFS_OP_DROP,
	VEXFS_OP_SNAPSHOT,
	VEXFS_OP_COMPACT,
	VEXFS_OP_ATTACH,
	VEXFS_OP_DETACH,
	VEXFS_OP_FILE,			/* mkdir, rmdir, unlink, open_file, pread, pwrite */
	VEXFS_OP_INDEX,
	VEXFS_OP_CREATE_IMAGE,
	VEXFS_OP_NATIVE,
	VEXFS_OP_MAX,			/* how many */
};

/**
 * vexfs_create_image - make a file with an empty filesystem, for vexfs_attach()
 * @image: its path; there is nothing of that name
 * @bytes: its size, 8 MiB to 16 TiB; it cannot grow later
 *
 * The file has holes, and takes room on the disk as it is filled: choose what it may ever need.  Its
 * log, 4 to 48 MiB, is there from the start.  Its root directory belongs to the caller.  It appears
 * under its name when all of it is on the disk; what has that name already stays as it is.  A disk
 * that is full later is -ENOSPC of the call that needs room, where its filesystem knows
 * fallocate(2); else -EIO, and what was synced before is safe.
 *
 * -EEXIST, -EINVAL @bytes, -EFBIG no file can be as large there, -ENOSPC no room for the log, -EPERM
 * the filesystem knows no hard links, -ENOENT, -EACCES, -EROFS, -EIO, -ENOMEM.
 */
int vexfs_create_image(const char *image, __u64 bytes);

/* nothing is written, not even what a crash has left to be done */
#define VEXFS_ATTACH_READONLY	1u
/* no program is loaded by a descriptor in it: vexfs_native_load() is -EPERM */
#define VEXFS_ATTACH_NOPROGRAMS	2u

/**
 * vexfs_attach - open an image in this process, without a kernel module
 * @image: a file or block device with a VexFS, as mkfs.vexfs makes it
 * @flags: VEXFS_ATTACH_* or 0
 *
 * It is this process's alone until vexfs_detach(): others are refused, but that several may attach
 * a file to read it, and that losetup(8) and a loop mount do not ask; do neither meanwhile.  Who
 * attaches it to write answers `vexctl --image` of the same user and of root, in threads of its own,
 * so that snapshots and exports can be made meanwhile; only it makes and removes names.  There
 * are no permissions in it: whoever can open the image may do everything.  What a crash has left is
 * recovered, as a mount does it.  Afterwards every path of this header may lead into the image:
 * behind any path of its file, as if that were a directory.
 *
 * A process that ends, or is killed, without vexfs_detach() has lost nothing that vexfs_sync() has
 * made durable.  In a child of fork() the image is not attached.
 *
 * -EALREADY it is attached, -EBUSY it is mounted, or in use by another process, -EINVAL no VexFS,
 * or a flag, -EUCLEAN damaged, -ENXIO the file is shorter than its filesystem, -EROFS, -EOPNOTSUPP a
 * newer format, -ENOSPC the disk has no room for its log, -ENOENT, -EACCES, -EIO, -ENOMEM.
 */
int vexfs_attach(const char *image, unsigned int flags);

/**
 * vexfs_detach - end what vexfs_attach() began
 * @image: a path of it, or the one that was given to vexfs_attach()
 *
 * It waits for calls that are under way.  Descriptors in it that are still open give -EBADF from
 * then on; they are to be closed nevertheless, by vexfs_close().  Then everything is made durable.
 * The image is detached also after an error: -EIO a write failed, now or before, and some of what
 * was acknowledged may be lost.  -ENOENT it is not attached.
 */
int vexfs_detach(const char *image);

/**
 * vexfs_open - open a directory, a collection or one that is to become one
 * @path: the directory, on a mount or in an attached image
 *
 * Returns a descriptor (close-on-exec) that is good for every call below.  Those that change the
 * collection also need write permission on the directory and a writable mount.  -ENOENT, -ENOTDIR
 * also: the image is not attached, -EACCES no permission to read it, -EMFILE, ...
 */
int vexfs_open(const char *path);

/**
 * vexfs_close - close a descriptor
 * @fd: from vexfs_open() or vexfs_open_file()
 *
 * What was acknowledged stays; only vexfs_sync() makes it durable at once.  -EBADF.
 */
int vexfs_close(int fd);

/**
 * vexfs_create - turn an empty directory into a collection
 * @fd: the directory
 * @schema: what it shall hold
 *
 * -EEXIST it is one already, -ENOTEMPTY, -EINVAL dims or an attribute name or number, -EOPNOTSUPP
 * element other than f32 or metric hamming, -EACCES, -EROFS, -ENOSPC.  Durable
 * after vexfs_sync().
 */
int vexfs_create(int fd, const struct vexfs_schema *schema);

/**
 * vexfs_drop - make a collection a plain directory again
 * @fd: the collection
 *
 * All its records, keys and words are gone, its files stay.  Queries that run end as if nothing had
 * happened; later calls give -ENODATA.  Durable after vexfs_sync().  -EACCES, -EROFS, -ENOENT the
 * directory was removed.
 */
int vexfs_drop(int fd);

/**
 * vexfs_info - schema, counts and bindings of a collection
 * @fd: the collection
 * @info: filled in; every field is described in ioctl.h
 */
int vexfs_info(int fd, struct vexfs_ioc_info *info);

/**
 * vexfs_insert - insert records, all or nothing
 * @fd: the collection
 * @batch: the records; seq and bad are written
 *
 * A record is found by searches as soon as this returns, and survives a crash after vexfs_sync().
 *
 * flags: VEXFS_INSERT_UPSERT: a record replaces the one of its id, and the one of its key, also one
 * that comes before it in the batch.
 * VEXFS_INSERT_AUTO_ID: the kernel gives each record an id that is free, next_id of vexfs_info()
 * and those after it; together with UPSERT, a record whose key is taken keeps the id of the one
 * that it replaces.  Threads and processes that insert at the same time get different ids.
 *
 * -EEXIST an id or key is taken or given twice, -EINVAL NaN or infinity, a NUL in a key, or n is 0,
 * -EDOM a zero vector and the metric is cosine, -EMSGSIZE row_bytes is not the collection's, -E2BIG
 * more than VEXFS_MAX_BATCH records or VEXFS_MAX_BATCH_BYTES of rows, or an upsert that replaces
 * records all over a very large collection: make the batch smaller, -EACCES, -EROFS, -ENOSPC.
 */
int vexfs_insert(int fd, struct vexfs_batch *batch);

/**
 * vexfs_get - fetch a record by id
 * @fd: the collection
 * @id: of the record
 * @row: room for one row, or NULL: not wanted
 * @row_bytes: room at @row, at least row_bytes of the collection; 0 without @row
 * @item: what else there is to the record, or NULL (see ioctl.h)
 *
 * -ENOENT no such record, -EMSGSIZE @row_bytes is too small.
 */
int vexfs_get(int fd, __u64 id, void *row, __u32 row_bytes, struct vexfs_item *item);

/**
 * vexfs_get_by_key - fetch a record by its key
 * @fd: the collection
 * @key: the key, @len bytes, 1 .. VEXFS_MAX_KEY
 * @row: as for vexfs_get(), and so are @row_bytes and @item
 */
int vexfs_get_by_key(int fd, const char *key, __u32 len, void *row, __u32 row_bytes,
		     struct vexfs_item *item);

/**
 * vexfs_key - the key of a record
 * @fd: the collection
 * @id: of the record
 * @key: room for VEXFS_MAX_KEY bytes; no NUL is added
 *
 * Returns its length, 0: the record has none.  -ENOENT.
 */
int vexfs_key(int fd, __u64 id, char *key);

/**
 * vexfs_list - list records, page by page
 * @fd: the collection
 * @l: what is wanted and where to begin; what there is and where to go on.  A page may hold fewer
 *	records than there is room for, even none, without being the last: that is the one after
 *	which the cursor is ~0
 *
 * Records come in the order of their slots.  One that is there all the time comes exactly once.
 * -ESTALE the collection was compacted meanwhile: begin anew, -EINVAL n is 0 or the room for keys
 * too small, -ENOENT no such snapshot.
 */
int vexfs_list(int fd, struct vexfs_listing *l);

/**
 * vexfs_delete - delete records by id, all or nothing
 * @fd: the collection
 * @ids: of the records
 * @n: how many, 1 .. VEXFS_MAX_BATCH
 * @bad: on failure: index of the first id at fault, ~0 where none is; or NULL
 *
 * -ENOENT an id is unknown or given twice, -EINVAL @n is 0, -E2BIG, -EACCES, -EROFS.  On a full
 * filesystem ids that are very far apart go part by part, see vexfs/ioctl.h: after another error
 * than these those before @bad are deleted, where it is not ~0.
 */
int vexfs_delete(int fd, const __u64 *ids, __u32 n, __u64 *bad);

/**
 * vexfs_delete_by_key - delete records by key, all or nothing
 * @fd: the collection
 * @keys: the keys, back to back
 * @lens: a length each, none of them 0
 * @n: how many
 * @bytes: sum of the lengths
 * @bad: as for vexfs_delete()
 */
int vexfs_delete_by_key(int fd, const char *keys, const __u8 *lens, __u32 n, __u32 bytes,
			__u64 *bad);

/**
 * vexfs_search - find the nearest records
 * @fd: the collection
 * @request: the query
 * @hits: room for request->k hits (of each query); answer->n are written, nearest first, ties by
 *	id.  Distances: l2 is the squared distance, cosine is 1 - cos, dot is the negated product;
 *	penalties of a distance program are added
 * @answer: how many, and the cost; or NULL
 *
 * -EINVAL k is 0, NaN or infinity in a vector or NaN as radius, recall out of range, or it or effort
 * with EXACT, or an unknown method, -E2BIG k, queries, or more than VEXFS_MAX_HITS for all queries, -EDOM a zero vector
 * and the metric is cosine, -EMSGSIZE vector_bytes is not row_bytes, -ENOENT BY_ID or BY_KEY and no
 * such record, or no such snapshot, -ENOLINK a bound filter or distance program is not loaded,
 * -EPROTO it failed, -EAGAIN programs were bound and unbound again and again meanwhile.  The
 * condition: -E2BIG, -ENXIO no such attribute, -EPROTOTYPE not for this type, -EBADMSG malformed.
 */
int vexfs_search(int fd, const struct vexfs_request *request, struct vexfs_hit *hits,
		 struct vexfs_answer *answer);

/**
 * vexfs_recall - how many of the true neighbours searches have found
 * @fd: the collection; with VEXFS_RECALL_MOUNT any directory of its filesystem
 * @flags: 0, or VEXFS_RECALL_MOUNT: of all collections in memory, for administrators
 * @counts: room for @n, one for each strategy of a collection
 * @n: at most VEXFS_MAX_RECALLS
 *
 * One in VEXFS_RECALL_ONE_IN searches is run again, exactly, by a worker of low priority, and the
 * two answers are compared; see ioctl.h for which.  Recall is found / expected.  Returns how many
 * @counts were filled in.  -E2BIG, -EINVAL, -EPERM.
 */
int vexfs_recall(int fd, __u32 flags, struct vexfs_recall_count *counts, __u32 n);

/**
 * vexfs_where_parse - a condition from its text
 * @text: such as "tenant = 5 and not (made < 100 or kind in (1, 2))": attributes compared with
 *	integers (decimal or 0x..., 64 bits with sign) by = != < <= > >= in (...) not in (...), or &
 *	for "any of these bits is set"; keyword attributes with 'words' by = != in, and by is null
 *	and is not null: a record without a word, which '' stands for, too; joined by not, and, or
 *	(in this order of precedence) and parentheses.  == <> ! && || are the same as = != not and
 *	or, and a word may be in "double quotes".  So may be the name of an attribute, and must be
 *	where it is a word of the language
 * @info: the collection, from vexfs_info()
 * @words: looks up words of keyword attributes, other than ''; NULL: they are errors
 * @out: the condition
 * @error: on failure one line, "column N: what is wrong; what to do", N counts characters from 1
 * @size: room at @error
 *
 * -EINVAL and @error.
 */
int vexfs_where_parse(const char *text, const struct vexfs_ioc_info *info,
		      const struct vexfs_words *words, struct vexfs_where *out, char *error,
		      size_t size);

/**
 * vexfs_where_holds - does a condition hold for a record?
 * @where: from vexfs_where_parse(), or checked by a search
 * @attr: the record's attributes, in the order of the schema
 */
bool vexfs_where_holds(const struct vexfs_where *where, const __s64 *attr);

/**
 * vexfs_words - the words of a keyword attribute
 * @fd: the collection
 * @attr: its position in the schema
 * @first: code of the first word that is wanted, from 1; the next one has the next code
 * @list: room for them; n is written, 0: there are no more
 *
 * A word that only records have which the caller may not see, because of their file, has length 0.
 *
 * -EINVAL no keyword attribute, -EPROTO.
 */
int vexfs_words(int fd, __u32 attr, __s64 first, struct vexfs_word_list *list);

/**
 * vexfs_intern - the codes of words of a keyword attribute
 * @fd: the collection
 * @attr: its position in the schema
 * @list: n words
 * @codes: room for n
 * @flags: 0: unknown words get a new code; VEXFS_INTERN_LOOKUP: they get 0, as do words that only
 *         records have which the caller may not see, because of their file
 *
 * -EINVAL no keyword attribute, a word is empty or has a NUL, -E2BIG, -EACCES, -EROFS, -ENOSPC.
 */
int vexfs_intern(int fd, __u32 attr, const struct vexfs_word_list *list, __s64 *codes,
		 __u32 flags);

/**
 * vexfs_path - where a file of the collection is
 * @fd: the collection
 * @file: its inode, as hits and items name it
 * @path: room for the path, relative to the collection's directory, with a NUL at its end
 * @room: bytes at @path
 *
 * -ENOENT no such file in the collection that the caller may read, or no name of it is known,
 * -EACCES a directory on the way may not be read, -ERANGE @room.
 */
int vexfs_path(int fd, __u64 file, char *path, __u32 room);

/**
 * vexfs_snapshot_create - remember what was acknowledged so far
 * @fd: the collection
 * @name: [a-z0-9._-]+, less than VEXFS_SNAPSHOT_NAME_LEN bytes
 *
 * It can be searched and listed whatever happens to the records, and is durable when this returns.
 * It takes a bit per slot, and keeps what is deleted from being given back.  -EEXIST, -EINVAL name,
 * -ENAMETOOLONG, -ENOSPC also: VEXFS_MAX_SNAPSHOTS are there, -EACCES, -EROFS.
 */
int vexfs_snapshot_create(int fd, const char *name);

/**
 * vexfs_snapshot_delete - forget a snapshot
 * @fd: the collection
 * @name: its name
 *
 * -ENOENT, -EINVAL, -ENAMETOOLONG, -EACCES, -EROFS.
 */
int vexfs_snapshot_delete(int fd, const char *name);

/**
 * vexfs_snapshot_list - the snapshots of a collection
 * @fd: the collection
 * @info: room for VEXFS_MAX_SNAPSHOTS; oldest first
 *
 * Returns how many there are.
 */
int vexfs_snapshot_list(int fd, struct vexfs_snapshot_info *info);

/**
 * vexfs_compact - give the space of deleted records back
 * @fd: the collection
 * @min_dead: percent of the slots, 0 to 100; when fewer are deleted (and in no snapshot), nothing
 * is done
 * @before: slots before, or NULL
 * @after: slots afterwards, or NULL
 *
 * Queries and changes go on meanwhile; vexfs_info() tells how far it is.  It needs room for a copy
 * of what is alive, or in a snapshot; half of the reserve counts.  When it fails, or the caller is
 * killed, all is as before.  -EBUSY one is running, -ENOSPC compact_lacked of vexfs_info() tells
 * how many bytes are missing, -EACCES, -EROFS.
 */
int vexfs_compact(int fd, __u32 min_dead, __u64 *before, __u64 *after);

/**
 * vexfs_index - make the codes and lists that searches profit from
 * @fd: the collection
 *
 * Else a worker of low priority makes them after the first searches.  Of all records that are there
 * now, by the caller's own processor time; queries and changes go on meanwhile, and vexfs_info()
 * tells how far it is.  What is made stays, also when this fails or the caller is killed.  Where
 * writing is possible it is kept on disk for the next mount.  -ENOSPC it does not fit into the budget
 * of the mount (resident=), or not all of it: searches are right, and slower.
 */
int vexfs_index(int fd);

/**
 * vexfs_use - bind a loaded program to a slot
 * @fd: the collection
 * @slot: VEXFS_SLOT_*
 * @name: of the loaded object; "" or NULL: back to the built-in
 *
 * The binding is on disk when this returns.  -ENOENT nothing of that name is loaded, -EOPNOTSUPP it
 * has no such op, -EINVAL slot or name, -ENAMETOOLONG @name has VEXFS_PROG_NAME_LEN bytes or more, -EACCES, -EROFS.
 */
int vexfs_use(int fd, __u32 slot, const char *name);

/* A program of a process, compiled natively, or a name that a collection is bound to. */
struct vexfs_native {
	char	name[VEXFS_PROG_NAME_LEN];
	__u32	loaded;			/* 0: it is only bound to; then what it is, is 0 */
	__u32	ops;			/* bit n: it has the op of VEXFS_SLOT n */
	__u32	flags;			/* VEXFS_OPS_*, see program.bpf.h */
	__u32	timeout_us;
	__u32	bound;			/* bindings of collections that are in memory */
	__u32	ejected;		/* of those, that its search was ejected from for its errors */
	__u64	max_visits;
	__u64	generation;		/* counts loads and replaces, from 1 */
	__u64	queries, errors;	/* since the name is known */
};
#define VEXFS_NATIVE_WHY	512	/* bytes of a line that says what is wrong */

/* vexfs_native_load() */
#define VEXFS_NATIVE_REPLACE	1u	/* one of that name is loaded, whose place it takes */

/**
 * vexfs_native_load - load a program that was compiled natively
 * @fd: any file or directory of an attached image, or of a mount by vexfs-fuse
 * @path: the shared object, as `make bpf/NAME.native.so` makes it of NAME.bpf.c
 * @flags: 0 or VEXFS_NATIVE_REPLACE
 * @program: what is loaded; or NULL
 * @why: VEXFS_NATIVE_WHY bytes: on failure a line, what is wrong, or ""; or NULL
 *
 * It becomes code of this process, for all its images; on a mount by vexfs-fuse of the daemon's.  No
 * verifier looks at it: what it does wrong is done by the process.  So the file must be this user's or
 * root's, and nobody else may write to it.  It is read once, and may change or go afterwards.  It
 * stays loaded until it is unloaded or the process ends.  Queries go on while one is replaced: each
 * is answered by one of the two, and this waits for those that run the old one to end their round.
 *
 * -ENOTTY @fd is neither: programs of a mount by the module are BPF objects; -EPERM the caller is
 * neither root nor who runs vexfs-fuse, or programs are forbidden (VEXFS_ATTACH_NOPROGRAMS, -o
 * noprograms), or @path is not a file of this user or of root; -ENOEXEC it is no native program;
 * -EPROTONOSUPPORT built for another version; -EINVAL, -ENAMETOOLONG its name, or it has no op;
 * -EOPNOTSUPP its flags; -EEXIST the name is taken; -EBUSY (REPLACE) it lacks an op that a
 * collection is bound to; -ENOENT (REPLACE) nothing of that name is loaded, or there is no such file;
 * -EISDIR, -EFBIG.
 */
int vexfs_native_load(int fd, const char *path, __u32 flags, struct vexfs_native *program, char *why);

/**
 * vexfs_native_unload - unload a native program
 * @fd: as for vexfs_native_load()
 * @name: its name
 * @program: what is left of it: whether collections are bound to it; or NULL
 * @why: as for vexfs_native_load()
 *
 * Collections that are bound to it keep the binding; until it is loaded again, their searches are
 * built-in, and queries through its filter or distance fail (ENOLINK).  -ENOENT nothing of that name
 * is loaded, -EPERM, -ENOTTY.
 */
int vexfs_native_unload(int fd, const char *name, struct vexfs_native *program, char *why);

/**
 * vexfs_native_list - the native programs that are loaded, or bound to
 * @fd: as for vexfs_native_load()
 * @list: room for @n, filled in by name
 * @n: at most 4096
 *
 * Returns how many there are, which may be more than @n.  -ENOTTY, -E2BIG.
 */
int vexfs_native_list(int fd, struct vexfs_native *list, __u32 n);

/**
 * vexfs_sync - make everything acknowledged so far durable
 * @fd: the collection
 *
 * -EIO a write failed, now or since the last sync: some of what was acknowledged may be lost at a
 * crash.  -ENOSPC.
 */
int vexfs_sync(int fd);

/**
 * vexfs_mkdir - make a directory, on a mount or in an attached image
 * @path: its path
 *
 * With mode 0777 as umask(2) lets it, in an image with 0755.  The errors of mkdir(2).
 */
int vexfs_mkdir(const char *path);

/**
 * vexfs_rmdir - remove an empty directory, on a mount or in an attached image
 * @path: its path
 *
 * The errors of rmdir(2); a collection that has records is -EBUSY.
 */
int vexfs_rmdir(const char *path);

/**
 * vexfs_open_file - open a file for vexfs_bind.fd, on a mount or in an attached image
 * @dir: what a relative @path begins at: a descriptor from vexfs_open(), or AT_FDCWD
 * @path: its path
 * @flags: of open(2): O_RDONLY or O_RDWR, O_CREAT (with mode 0666 as umask(2) lets it, in an image
 *	with 0644), O_EXCL, O_TRUNC
 *
 * Returns a descriptor, close-on-exec, for vexfs_close().  The errors of openat(2).
 */
int vexfs_open_file(int dir, const char *path, int flags);

/**
 * vexfs_pread - read bytes of a file
 * @fd: from vexfs_open_file()
 * @to: room for @n bytes
 * @n: how many
 * @pos: from which byte on
 *
 * Returns how many bytes were read, 0 at the end of the file.  The errors of pread(2).
 */
ssize_t vexfs_pread(int fd, void *to, size_t n, __u64 pos);

/**
 * vexfs_pwrite - write bytes of a file
 * @fd: from vexfs_open_file()
 * @from: @n bytes
 * @n: how many
 * @pos: at which byte
 *
 * Returns how many bytes were written.  Durable after vexfs_sync().  The errors of pwrite(2).
 */
ssize_t vexfs_pwrite(int fd, const void *from, size_t n, __u64 pos);

/**
 * vexfs_unlink - remove a file, on a mount or in an attached image
 * @path: its path
 *
 * Its records are found by nobody from then on.  The errors of unlink(2).
 */
int vexfs_unlink(const char *path);

/**
 * vexfs_strerror_for - what an error of a call means and what to do, in one line
 * @op: the call
 * @err: its errno, positive or negative
 *
 * Returns a constant string "reason; what to do", never NULL.  No newline.
 */
const char *vexfs_strerror_for(enum vexfs_op op, int err);

/**
 * vexfs_element_name - "f32", ...: the name of an element type
 * @element: VEXFS_ELEM_*
 *
 * Returns NULL for an unknown number.
 */
const char *vexfs_element_name(__u32 element);

/**
 * vexfs_metric_name - "l2", "cosine", ...: the name of a metric
 * @metric: VEXFS_METRIC_*
 *
 * Returns NULL for an unknown number.
 */
const char *vexfs_metric_name(__u32 metric);

/**
 * vexfs_slot_name - "search", "distance", "filter": what a program is bound to
 * @slot: VEXFS_SLOT_*
 *
 * Returns NULL for an unknown number.
 */
const char *vexfs_slot_name(__u32 slot);

/**
 * vexfs_element_by_name - the number of an element type
 * @name: its name, or another that is common for it (float32), in upper or lower case
 *
 * Returns VEXFS_ELEM_*, -EINVAL for an unknown name.
 */
int vexfs_element_by_name(const char *name);

/**
 * vexfs_metric_by_name - the number of a metric
 * @name: its name, or another that is common for it (euclidean, ip, inner_product), in upper or
 *	lower case
 *
 * Returns VEXFS_METRIC_*, -EINVAL for an unknown name.
 */
int vexfs_metric_by_name(const char *name);

/**
 * vexfs_slot_by_name - the number of a slot for programs
 * @name: its name
 *
 * Returns VEXFS_SLOT_*, -EINVAL for an unknown name.
 */
int vexfs_slot_by_name(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* _VEXFS_VEXFS_H */
