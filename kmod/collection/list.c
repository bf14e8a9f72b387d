// SPDX-License-Identifier: GPL-2.0
/*
 * Listing records in the order of their slots, a page at a time.
 *
 * No lock is held: published slots do not change, and a reference to the body keeps them.  User memory
 * is written between batches of records, without that reference: who has such memory that writing to
 * it does not end would keep a body that compaction has replaced, with its planes, for as long as he
 * likes.  A listing that finds another body then ends with what it has.
 */
#include "collection/collection.h"

#define BATCH_RECORDS	128u
#define BATCH_BYTES	(1u << 20)	/* of rows */

/* What is listed, with references. */
struct source {
	struct vexfs_body *b;
	struct vexfs_snapshot_mem *snap;	/* NULL: as it is now */
};

static int take(struct vexfs_collection_mem *c, const struct vexfs_ioc_list *arg,
		struct source *from)
{
	from->snap = NULL;
	if (!arg->snapshot[0]) {
		from->b = vexfs_body_get(c);
		return 0;
	}
	from->snap = vexfs_snapshot_get(c, arg->snapshot, &from->b);
	return PTR_ERR_OR_ZERO(from->snap);
}

static void drop(const struct source *from)
{
	vexfs_snapshot_put(from->snap);
	vexfs_body_put(from->b);
}

/* Records that were read and not copied out yet. */
struct batch {
	u32 n, max;
	u32 attrs;
	u32 key_bytes;
	void *rows;
	struct vexfs_item item[BATCH_RECORDS];
	u8 keys[BATCH_RECORDS * VEXFS_MAX_KEY];
};

static bool wanted(const struct source *from, struct vexfs_reader *reader, u64 slot)
{
	bool dead = from->snap ? from->snap->as_of.dead[slot / 64] >> slot % 64 & 1 :
				 vexfs_columns_dead(from->b->columns, slot);

	return !dead && vexfs_reader_sees(reader, from->b, slot);
}

/* What is known of a record that cannot be read. */
static void add_damaged(const struct vexfs_body *b, struct batch *t, u64 slot)
{
	struct vexfs_item *item = t->item + t->n;
	u32 i;

	memset(t->rows + (size_t)t->n++ * b->row_bytes, 0, b->row_bytes);
	memset(item, 0, sizeof(*item));
	item->id = vexfs_columns_id(b->columns, slot);
	item->slot = slot;
	item->flags = VEXFS_ITEM_DAMAGED;
	if (vexfs_columns_lost(b->columns, slot))
		item->flags |= VEXFS_ITEM_LOST;
	for (i = 0; i < t->attrs; i++)
		item->attr[i] = vexfs_columns_attr(b->columns, slot, i);
}

/* Read records from *slot on, until the batch or the room for keys is full. */
static int fill(const struct source *from, struct vexfs_reader *reader, struct batch *t, u64 *slot,
		u64 end, const struct vexfs_ioc_list *arg, bool *full)
{
	u32 room = arg->keys ? arg->key_bytes : U32_MAX;
	struct vexfs_body *b = from->b;
	struct vexfs_record record;
	int len;

	t->n = t->key_bytes = 0;
	for (; *slot < end && t->n < t->max; (*slot)++) {
		if (vx_killed())
			return -EINTR;
		cond_resched();
		if (!wanted(from, reader, *slot))
			continue;
		len = vexfs_record_fetch(b, *slot, &record, t->rows + (size_t)t->n * b->row_bytes,
					 t->keys + t->key_bytes);
		if (len < 0 && arg->flags & VEXFS_LIST_DAMAGED &&
		    vexfs_columns_damaged_mask(b->columns, *slot, 1)) {
			add_damaged(b, t, *slot);
			continue;
		}
		if (len < 0)
			return len;
		if (arg->flags & VEXFS_LIST_STALE &&
		    !(vexfs_slot_flags(b, *slot, &record) & VEXFS_ITEM_STALE))
			continue;
		if (t->key_bytes + len > room) {
			*full = true;
			return 0;
		}
		vexfs_record_item(b, *slot, &record, len, t->item + t->n);
		t->n++;
		if (arg->keys)
			t->key_bytes += len;
	}
	return 0;
}

/* Behind what was copied out before: `n` records, `key_bytes` of keys. */
static int copy_batch(u32 row_bytes, struct batch *t, const struct vexfs_ioc_list *to, u32 n,
		      u32 key_bytes)
{
	u32 i, off = key_bytes;

	for (i = 0; i < t->n && to->keys; i++) {
		t->item[i].key_off = t->item[i].key_len ? off : 0;
		off += t->item[i].key_len;
	}
	if (copy_to_user(u64_to_user_ptr(to->items) + (size_t)n * sizeof(*t->item), t->item,
			 t->n * sizeof(*t->item)) ||
	    (to->keys && copy_to_user(u64_to_user_ptr(to->keys) + key_bytes, t->keys,
				      t->key_bytes)) ||
	    (to->rows && copy_to_user(u64_to_user_ptr(to->rows) + (size_t)n * row_bytes, t->rows,
				      (size_t)t->n * row_bytes)))
		return -EFAULT;
	return 0;
}

/* Is what is listed still there?  Then it is taken again. */
static bool retake(struct vexfs_collection_mem *c, const struct vexfs_ioc_list *arg,
		   struct source *from, u64 epoch)
{
	if (take(c, arg, from))
		return false;
	if (from->b->epoch == epoch)
		return true;
	drop(from);
	return false;
}

/* from: taken, and dropped in any case. */
static int list(struct vexfs_collection_mem *c, struct source *from, struct vexfs_reader *reader,
		struct vexfs_ioc_list *arg, struct batch *t, u64 end)
{
	struct vexfs_ioc_list left = *arg;	/* room that is left */
	u64 slot = arg->cursor, ahead = slot, epoch = from->b->epoch;
	u32 n = 0, keys = 0, most = t->max;
	bool full = false, taken = true;
	int err = 0;

	while (slot < end && n < arg->n && !full && taken) {
		if (slot >= ahead) {
			vexfs_records_ahead(from->b, slot, min(end - slot, (u64)BATCH_RECORDS));
			ahead = slot + BATCH_RECORDS;
		}
		t->max = min(most, arg->n - n);
		left.key_bytes = arg->key_bytes - keys;
		err = fill(from, reader, t, &slot, min(end, ahead), &left, &full);
		if (err)
			break;
		if (!t->n)
			continue;
		drop(from);
		err = copy_batch(c->row_bytes, t, arg, n, keys);
		if (err)
			return err;
		n += t->n;
		keys += t->key_bytes;
		taken = retake(c, arg, from, epoch);
	}
	if (taken)
		drop(from);
	if (err)
		return err;
	arg->n = n;
	arg->key_bytes = keys;
	arg->cursor = slot < end ? slot : ~0ULL;
	return 0;
}

int vexfs_record_list(struct vexfs_collection_mem *c, const struct file *file,
		      struct vexfs_ioc_list *arg)
{
	struct vexfs_reader reader;
	struct source from;
	struct batch *t;
	int err;
	u64 end;

	t = kvmalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	t->attrs = c->attrs;
	t->max = clamp(BATCH_BYTES / c->row_bytes, 1u, BATCH_RECORDS);
	t->rows = kvmalloc_array(t->max, c->row_bytes, GFP_KERNEL_ACCOUNT);
	err = t->rows ? take(c, arg, &from) : -ENOMEM;
	if (err)
		goto out;
	if (arg->cursor && arg->epoch != from.b->epoch) {
		drop(&from);
		err = -ESTALE;
		goto out;
	}
	arg->epoch = from.b->epoch;
	end = from.snap ? from.snap->as_of.count : vexfs_columns_count(from.b->columns);
	vexfs_reader_init(&reader, file, from.b);
	err = list(c, &from, &reader, arg, t, end);
	vexfs_reader_drop(&reader);
out:
	kvfree(t->rows);
	kvfree(t);
	return err;
}
