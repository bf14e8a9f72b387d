/* SPDX-License-Identifier: GPL-2.0 */
/* Records: insert, delete, fetch, list, see record.c and list.c. */
#ifndef _VEXFS_COLLECTION_RECORD_H
#define _VEXFS_COLLECTION_RECORD_H

#include "collection/key.h"
#include "collection/target.h"

struct vexfs_collection_mem;
struct vexfs_body;
struct vexfs_reader;

/* next_id of a collection that was `next`, when it has a record of this id. */
static inline u64 vexfs_id_after(u64 next, u64 id)
{
	return max(next, id < U64_MAX ? id + 1 : U64_MAX);
}

static inline bool vexfs_record_keyed(const struct vexfs_record *r)
{
	return r->r_flags & cpu_to_le32(VEXFS_RECORD_KEYED);
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
	/* out: index of the one at fault, untouched where there is none */
	__u64 bad;
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
			struct vexfs_keys *keys, __u64 *bad);
/*
 * Slot of a live id or (keys not NULL) of keys' first key, and the body that it is a slot of, with
 * a reference.  -ENOENT, also when the reader may not see it; -EINTR.
 */
int vexfs_record_find(struct vexfs_collection_mem *c, struct vexfs_reader *reader, u64 id,
		      struct vexfs_keys *keys, struct vexfs_body **b, u64 *slot);
/* Rows of a body that has columns are watched: what is damaged is told, once each. */
void vexfs_record_watch(struct vexfs_body *b);
/*
 * Record, row (row_bytes) and key (VEXFS_MAX_KEY bytes) of a slot below the count on the planes,
 * against its own checksum.  The length of the key, 0: none.  -EUCLEAN, -EIO; nothing is marked.
 */
int vexfs_record_read(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row,
		      u8 *key);
/*
 * Record, row (row_bytes) and key (VEXFS_MAX_KEY bytes; NULL: not wanted) of a published slot,
 * verified.  The length of the key, 0: none.  -EUCLEAN, -EIO: it is marked as damaged, after a line
 * in the log.
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

/* See ioctl.h: fills the out fields of *arg and writes what they name to user memory. */
int vexfs_record_list(struct vexfs_collection_mem *c, const struct file *file,
		      struct vexfs_ioc_list *arg);

#endif /* _VEXFS_COLLECTION_RECORD_H */
