// SPDX-License-Identifier: GPL-2.0
/*
 * Listing records in the order of their slots, a page at a time.
 *
 * No lock is held: published slots do not change, a reference to the body keeps them, and user
 * memory is written between batches of records.
 */
#include "collection/collection.h"

#define BATCH_RECORDS	128u
#define BATCH_BYTES	(1u << 20)	/* of rows */

/* Records that were read and not copied out yet. */
struct batch {
	u32 n, max;
	u32 attrs;
	u32 key_bytes;
	void *rows;
	struct vexfs_item item[BATCH_RECORDS];
	u8 keys[BATCH_RECORDS * VEXFS_MAX_KEY];
};

/* snap NULL: as it is now. */
static bool wanted(struct vexfs_body *b, const struct vexfs_snapshot_mem *snap,
		   struct vexfs_reader *reader, u64 slot)
{
	bool dead = snap ? snap->as_of.dead[slot / 64] >> slot % 64 & 1 :
			   vexfs_columns_dead(b->columns, slot);

	return !dead && vexfs_reader_sees(reader, b, slot);
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
	for (i = 0; i < t->attrs; i++)
		item->attr[i] = vexfs_columns_attr(b->columns, slot, i);
}

/* Read records from *slot on, until the batch or the room for keys is full. */
static int fill(struct vexfs_body *b, const struct vexfs_snapshot_mem *snap,
		struct vexfs_reader *reader, struct batch *t, u64 *slot, u64 end,
		const struct vexfs_ioc_list *arg, bool *full)
{
	u32 room = arg->keys ? arg->key_bytes : U32_MAX;
	struct vexfs_record record;
	int len;

	t->n = t->key_bytes = 0;
	for (; *slot < end && t->n < t->max; (*slot)++) {
		if (vx_killed())
			return -EINTR;
		cond_resched();
		if (!wanted(b, snap, reader, *slot))
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
static int copy_batch(const struct vexfs_body *b, struct batch *t, const struct vexfs_ioc_list *to,
		      u32 n, u32 key_bytes)
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
	    (to->rows && copy_to_user(u64_to_user_ptr(to->rows) + (size_t)n * b->row_bytes, t->rows,
				      (size_t)t->n * b->row_bytes)))
		return -EFAULT;
	return 0;
}

static int list(struct vexfs_body *b, const struct vexfs_snapshot_mem *snap,
		struct vexfs_reader *reader, struct vexfs_ioc_list *arg, struct batch *t, u64 end)
{
	struct vexfs_ioc_list left = *arg;	/* room that is left */
	u64 slot = arg->cursor, ahead = slot;
	u32 n = 0, keys = 0, most = t->max;
	bool full = false;
	int err;

	while (slot < end && n < arg->n && !full) {
		if (slot >= ahead) {
			vexfs_records_ahead(b, slot, min(end - slot, (u64)BATCH_RECORDS));
			ahead = slot + BATCH_RECORDS;
		}
		t->max = min(most, arg->n - n);
		left.key_bytes = arg->key_bytes - keys;
		err = fill(b, snap, reader, t, &slot, min(end, ahead), &left, &full) ?:
		      copy_batch(b, t, arg, n, keys);
		if (err)
			return err;
		n += t->n;
		keys += t->key_bytes;
	}
	arg->n = n;
	arg->key_bytes = keys;
	arg->cursor = slot < end ? slot : ~0ULL;
	return 0;
}

int vexfs_record_list(struct vexfs_collection_mem *c, const struct file *file,
		      struct vexfs_ioc_list *arg)
{
	struct vexfs_snapshot_mem *snap = NULL;
	struct vexfs_reader reader;
	struct vexfs_body *b;
	struct batch *t;
	u64 end;
	int err = -ESTALE;

	if (arg->snapshot[0]) {
		snap = vexfs_snapshot_get(c, arg->snapshot, &b);
		if (IS_ERR(snap))
			return PTR_ERR(snap);
		end = snap->as_of.count;
	} else {
		b = vexfs_body_get(c);
		end = vexfs_columns_count(b->columns);
	}
	if (arg->cursor && arg->epoch != b->epoch)
		goto put;
	err = -ENOMEM;
	t = kvmalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		goto put;
	t->attrs = c->attrs;
	t->max = clamp(BATCH_BYTES / b->row_bytes, 1u, BATCH_RECORDS);
	t->rows = kvmalloc_array(t->max, b->row_bytes, GFP_KERNEL_ACCOUNT);
	if (t->rows) {
		vexfs_reader_init(&reader, file, b);
		err = list(b, snap, &reader, arg, t, end);
		vexfs_reader_drop(&reader);
	}
	arg->epoch = b->epoch;
	kvfree(t->rows);
	kvfree(t);
put:
	vexfs_snapshot_put(snap);
	vexfs_body_put(b);
	return err;
}
