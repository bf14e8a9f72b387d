// SPDX-License-Identifier: GPL-2.0
/*
 * Records of a collection: insert, delete, fetch, and the commit that makes them durable.
 *
 * An operation changes memory and, for an insert, the page cache of the planes; it is acknowledged
 * then, and seen by searches at once.  A commit takes everything acknowledged so far: it writes the
 * planes, waits for that and for the conversion of their extents, and then raises the count and
 * sets the dead bits in *one* transaction.  So what a crash leaves is a prefix of the operations:
 * each insert is there as a whole or not at all.
 *
 * Every record and every deletion takes one sequence number, so the committed c_next_seq says where
 * the prefix ends.
 *
 * Locks: see collection.c.  insert and delete hold i_rwsem shared, against rmdir.
 */
#include <linux/crc32c.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/writeback.h>
#include "collection.h"

#define RECORD_BYTES	sizeof(struct vexfs_record)
#define RECORDS_BATCH	32			/* built at a time: a page of them */

/* Slots that died and are not committed yet. */
struct death_chunk {
	struct list_head list;
	u32 n;
	u64 slot[(PAGE_SIZE - sizeof(struct list_head) - 8) / 8];
};
#define DEATHS_PER_CHUNK	ARRAY_SIZE(((struct death_chunk *)0)->slot)

/* --- pinning the directory while something is not committed; c->lock held --- */

static void pin_dir(struct vexfs_collection_mem *c)
{
	if (!c->pinned) {
		ihold(c->dir);
		c->pinned = true;
	}
}

/*
 * True: the caller iput()s the directory once it holds no lock; that is never the last reference.
 */
static bool unpin_dir(struct vexfs_collection_mem *c)
{
	bool pinned = c->pinned;

	c->pinned = false;
	return pinned;
}

static void free_chunks(struct list_head *chunks)
{
	struct death_chunk *d, *next;

	list_for_each_entry_safe(d, next, chunks, list)
		kfree(d);
	INIT_LIST_HEAD(chunks);
}

void vexfs_record_free_deaths(struct vexfs_collection_mem *c)
{
	free_chunks(&c->deaths);
}

void vexfs_record_abandon(struct vexfs_collection_mem *c, bool unlinked)
{
	bool pinned;

	mutex_lock(&c->lock);
	if (unlinked)
		c->unlinked = true;
	pinned = unpin_dir(c);
	mutex_unlock(&c->lock);
	if (pinned)
		iput(c->dir);
}

/* --- commit --- */

/* What one commit takes. */
struct snapshot {
	u64 count, live, next_seq;
	struct list_head deaths;	/* their blocks: vexfs_collection_mem.inflight */
};

/* commit_lock and lock held.  False: everything is committed. */
static bool commit_begin(struct vexfs_collection_mem *c, struct snapshot *s)
{
	lockdep_assert_held(&c->commit_lock);
	lockdep_assert_held(&c->lock);
	if (c->unlinked || c->next_seq == c->committed_seq)
		return false;
	s->count = vexfs_columns_count(c->body->columns);
	s->live = vexfs_columns_live(c->body->columns);
	s->next_seq = c->next_seq;
	INIT_LIST_HEAD(&s->deaths);
	list_splice_init(&c->deaths, &s->deaths);
	c->inflight = c->pending;
	c->pending.n = 0;
	return true;
}

/* commit_lock and lock held. */
static void commit_end(struct vexfs_collection_mem *c, struct snapshot *s, int err)
{
	u32 i;

	if (err) {			/* nothing happened: all of it is for the next commit */
		list_splice_init(&s->deaths, &c->deaths);
		for (i = 0; i < c->inflight.n; i++)
			if (vexfs_dead_find(&c->pending, c->inflight.lblk[i]) < 0)
				c->pending.lblk[c->pending.n++] = c->inflight.lblk[i];
	} else {
		c->committed = s->count;
		c->committed_seq = s->next_seq;
	}
	c->inflight.n = 0;
}

/*
 * A write error is reported to one waiter and leaves clean folios behind: look at what has happened
 * since loading.
 */
static int plane_errors(const struct vexfs_body *b)
{
	return filemap_check_wb_err(b->vectors->i_mapping, b->vectors_since) ?:
	       filemap_check_wb_err(b->records->i_mapping, b->records_since) ? -EIO : 0;
}

/*
 * Writeback of a folio ends after its unwritten extent was converted, so waiting for it waits for
 * both.
 */
static int write_planes(const struct vexfs_body *b, u64 from, u64 to)
{
	struct {
		struct address_space *mapping;
		u32 width;
	} plane[] = {
		{ b->vectors->i_mapping, b->row_bytes },
		{ b->records->i_mapping, RECORD_BYTES },
	};
	int err = 0, e2;
	u32 i;

	if (from < to) {
		for (i = 0; i < ARRAY_SIZE(plane); i++)
			filemap_fdatawrite_range(plane[i].mapping, from * plane[i].width,
						 to * plane[i].width - 1);
		for (i = 0; i < ARRAY_SIZE(plane); i++) {
			e2 = filemap_write_and_wait_range(plane[i].mapping, from * plane[i].width,
							  to * plane[i].width - 1);
			err = err ?: e2;
		}
	}
	return err ?: plane_errors(b);
}

static void set_dead_bits(struct vexfs_collection_mem *c, const struct snapshot *s,
			  struct buffer_head **bh)
{
	struct vexfs_dead_block *x;
	struct death_chunk *d;
	u32 i, at;

	list_for_each_entry(d, &s->deaths, list)
		for (i = 0; i < d->n; i++) {
			at = vexfs_dead_find(&c->inflight, d->slot[i] / VEXFS_DEAD_SLOTS);
			x = vx_data(bh[at]);
			if (!__test_and_set_bit_le(d->slot[i] % VEXFS_DEAD_SLOTS, x->x_bits))
				le32_add_cpu(&x->x_dead, 1);
		}
	for (i = 0; i < c->inflight.n; i++)
		vexfs_dead_stamp(c->body, bh[i]);
}

/*
 * The transaction.  commit_lock held; bh: the dead bitmap blocks of c->inflight, then the
 * collection block.
 */
static int commit_blocks(struct vexfs_collection_mem *c, const struct snapshot *s,
			 struct buffer_head **bh)
{
	struct vexfs_fs *fs = VEXFS_I(c->dir)->core.fs;
	struct vexfs_collection *raw = vx_data(bh[c->inflight.n]);
	u32 i, n = c->inflight.n + 1;
	handle_t *handle;
	int err = 0;

	handle = vexfs_start(c->dir->i_sb, n);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	/* all that can fail for want of memory comes before the first change */
	for (i = 0; i < n && !err; i++)
		err = vx_txn_write(handle, bh[i]);
	if (!err) {
		set_dead_bits(c, s, bh);
		raw->c_count = cpu_to_le64(s->count);
		raw->c_live = cpu_to_le64(s->live);
		raw->c_next_seq = cpu_to_le64(s->next_seq);
		vexfs_collection_stamp(c, bh[n - 1]);
	}
	for (i = 0; i < n && !err; i++)
		err = vx_txn_dirty(handle, fs, bh[i]);
	if (!err) {
		c->tid = handle->h_transaction->t_tid;
		c->in_log = true;
	}
	return vexfs_stop(handle, err);
}

/* commit_lock held; lock held or not. */
static int commit_write(struct vexfs_collection_mem *c, const struct snapshot *s)
{
	struct buffer_head *bh[VEXFS_COMMIT_DEAD_BLOCKS + 1];
	u32 n = 0;
	int err;

	err = write_planes(c->body, c->committed, s->count);
	while (!err && n <= c->inflight.n) {
		bh[n] = n < c->inflight.n ? vexfs_dead_block(c->body, c->inflight.lblk[n]) :
					    vexfs_collection_block(c);
		err = PTR_ERR_OR_ZERO(bh[n]);
		if (!err)
			n++;
	}
	if (!err)
		err = commit_blocks(c, s, bh);
	while (n)
		vx_brelse(bh[--n]);
	return err;
}

int vexfs_record_commit(struct vexfs_collection_mem *c, bool barrier)
{
	bool pinned = false;
	struct snapshot s;
	int err = 0;

	mutex_lock(&c->commit_lock);
	mutex_lock(&c->lock);
	if (commit_begin(c, &s)) {
		mutex_unlock(&c->lock);
		err = commit_write(c, &s);
		mutex_lock(&c->lock);
		commit_end(c, &s, err);
		if (c->next_seq == c->committed_seq)
			pinned = unpin_dir(c);
		mutex_unlock(&c->lock);
		free_chunks(&s.deaths);
	} else {
		mutex_unlock(&c->lock);
	}
	if (!err && barrier && c->in_log) {
		err = vexfs_commit_barrier(c->dir->i_sb, c->tid);
		if (!err)
			c->in_log = false;
	}
	mutex_unlock(&c->commit_lock);
	if (pinned)
		iput(c->dir);
	return err;
}

/* --- insert --- */

static u32 record_crc(const struct vexfs_body *b, u64 slot, const struct vexfs_record *r,
		      const void *row)
{
	__le64 s = cpu_to_le64(slot);
	u32 crc = crc32c(b->crc_seed, &s, sizeof(s));

	crc = crc32c(crc, (const u8 *)r + sizeof(r->r_crc), RECORD_BYTES - sizeof(r->r_crc));
	return crc32c(crc, row, b->row_bytes);
}

static int write_records(struct vexfs_collection_mem *c, u64 slot, u32 n, const void *rows,
			 const __u64 *ids, const __s64 *attrs)
{
	struct vexfs_record *buf;
	u32 i, j, k, some;
	int err = 0;

	buf = kmalloc_array(RECORDS_BATCH, RECORD_BYTES, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < n && !err; i += some) {
		some = min_t(u32, n - i, RECORDS_BATCH);
		memset(buf, 0, some * RECORD_BYTES);
		for (j = 0; j < some; j++) {
			struct vexfs_record *r = buf + j;

			r->r_id = cpu_to_le64(ids[i + j]);
			r->r_seq = cpu_to_le64(c->next_seq + i + j);
			for (k = 0; attrs && k < c->attrs; k++)
				r->r_attr[k] = cpu_to_le64(attrs[(size_t)(i + j) * c->attrs + k]);
			r->r_crc = cpu_to_le32(record_crc(c->body, slot + i + j, r,
							  rows + (size_t)(i + j) * c->row_bytes));
		}
		err = vexfs_plane_write(c->body->records, (slot + i) * RECORD_BYTES, buf,
					some * RECORD_BYTES);
	}
	kfree(buf);
	return err;
}

/* Blocks and i_size for the bytes [from, to) of a plane. */
static int reserve_plane(struct inode *plane, u64 from, u64 to)
{
	u64 first = from >> VEXFS_BLOCK_SHIFT, end = DIV_ROUND_UP_ULL(to, VEXFS_BLOCK_SIZE);
	int err;

	if (to > plane->i_sb->s_maxbytes || end > U32_MAX)
		return -EFBIG;
	err = vexfs_ensure_alloc(plane, first, end - first);
	/* before the first dirty folio: writeback drops what lies beyond it */
	if (!err && i_size_read(plane) < to)
		i_size_write(plane, to);
	return err;
}

/* c->lock held: everything but publishing. */
static int insert_locked(struct vexfs_collection_mem *c, u32 n, const void *rows, const __u64 *ids,
			 const __s64 *attrs, __u64 *bad)
{
	static const __s64 zeros[VEXFS_MAX_ATTRS];
	struct vexfs_body *b = c->body;
	u64 first = vexfs_columns_count(b->columns);
	u32 i;
	int err;

	if (c->unlinked)
		return -ENOENT;
	err = plane_errors(b);
	if (!err)
		err = vexfs_columns_reserve(b->columns, first + n);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		err = fatal_signal_pending(current) ? -EINTR :
		      vexfs_columns_put(b->columns, first + i, ids[i],
					attrs ? attrs + (size_t)i * c->attrs : zeros);
		if (err == -EEXIST)
			*bad = i;
		if (err)
			goto unput;
		cond_resched();
	}
	err = reserve_plane(b->vectors, first * b->row_bytes, (first + n) * b->row_bytes) ?:
	      reserve_plane(b->records, first * RECORD_BYTES, (first + n) * RECORD_BYTES) ?:
	      vexfs_dead_grow(b, first + n) ?:
	      vexfs_plane_write(b->vectors, first * b->row_bytes, rows, (size_t)n * b->row_bytes) ?:
	      write_records(c, first, n, rows, ids, attrs);
	if (!err)
		return 0;
unput: /* what was written lies beyond the count: the next insert overwrites it */
	while (i)
		vexfs_columns_unput(b->columns, first + --i);
	return err;
}

int vexfs_record_insert(struct vexfs_collection_mem *c, u32 n, const void *rows, const __u64 *ids,
			const __s64 *attrs, __u64 *seq, __u64 *bad)
{
	struct vexfs_body *b;
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		err = vexfs_row_check(c->metric, rows + (size_t)i * c->row_bytes, c->dims);
		if (err) {
			*bad = i;
			return err;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	/* throttle writers before any lock is taken */
	b = vexfs_body_get(c);
	balance_dirty_pages_ratelimited(b->vectors->i_mapping);
	balance_dirty_pages_ratelimited(b->records->i_mapping);
	vexfs_body_put(b);
	if (down_read_killable(&c->dir->i_rwsem))
		return -EINTR;
	err = -EINTR;
	if (mutex_lock_killable(&c->lock))
		goto out;
	err = insert_locked(c, n, rows, ids, attrs, bad);
	if (!err) {
		*seq = c->next_seq;
		c->next_seq += n;
		pin_dir(c);
		vexfs_body_encode(c, vexfs_columns_count(c->body->columns), n, rows);
		vexfs_columns_publish(c->body->columns, vexfs_columns_count(c->body->columns) + n);
	}
	mutex_unlock(&c->lock);
out:
	inode_unlock_shared(c->dir);
	return err;
}

/* --- delete --- */

struct id_at {
	u64 id;
	u32 at;
};

static int compare_ids(const void *a, const void *b)
{
	const struct id_at *x = a, *y = b;

	cond_resched();
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Index of the first id that is there a second time; n: all are different.  Negative: an error. */
static s64 first_duplicate(u32 n, const __u64 *ids)
{
	struct id_at *p;
	s64 dup = n;
	u32 i;

	if (n < 2)
		return n;
	p = kvmalloc_array(n, sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		p[i] = (struct id_at){ ids[i], i };
	sort(p, n, sizeof(*p), compare_ids, NULL);
	for (i = 1; i < n; i++)
		if (p[i].id == p[i - 1].id)
			dup = min_t(s64, dup, p[i].at);
	kvfree(p);
	return dup;
}

static int alloc_chunks(struct list_head *chunks, u32 n, gfp_t gfp)
{
	u32 i;

	for (i = 0; i < DIV_ROUND_UP(n, DEATHS_PER_CHUNK); i++) {
		struct death_chunk *d = kmalloc(sizeof(*d), GFP_KERNEL_ACCOUNT | gfp);

		if (!d) {
			free_chunks(chunks);
			return -ENOMEM;
		}
		d->n = 0;
		list_add(&d->list, chunks);
	}
	return 0;
}

/* A chunk with room: the last of c->deaths, else one of `spare`. */
static struct death_chunk *chunk_with_room(struct vexfs_collection_mem *c, struct list_head *spare)
{
	struct death_chunk *d;

	if (!list_empty(&c->deaths)) {
		d = list_last_entry(&c->deaths, struct death_chunk, list);
		if (d->n < DEATHS_PER_CHUNK)
			return d;
	}
	d = list_first_entry(spare, struct death_chunk, list);
	list_move_tail(&d->list, &c->deaths);
	return d;
}

/*
 * c->lock held.  -EAGAIN: the deletions touch more of the dead bitmap than the next commit can
 * take.
 */
static int find_victims(struct vexfs_collection_mem *c, u32 n, const __u64 *ids, u32 dup, u64 *slot,
			bool in_parts, __u64 *bad)
{
	struct vexfs_dead_set set = c->pending;
	u32 i;
	int err;

	if (c->unlinked)
		return -ENOENT;
	for (i = 0; i < n; i++) {
		err = i == dup ? -ENOENT : vexfs_columns_find(c->body->columns, ids[i], slot + i);
		if (err) {
			*bad = i;
			return err;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	for (i = 0; i < n && !in_parts; i++)
		if (!vexfs_dead_add(&set, &c->inflight, slot[i] / VEXFS_DEAD_SLOTS))
			return -EAGAIN;
	return 0;
}

/*
 * c->lock held; with in_parts commit_lock too: then what one commit cannot take is committed part
 * by part, in the order of the ids.
 */
static int kill_victims(struct vexfs_collection_mem *c, u32 n, const u64 *slot,
			struct list_head *spare, bool in_parts)
{
	struct snapshot s;
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		struct death_chunk *d;

		if (!vexfs_dead_add(&c->pending, &c->inflight, slot[i] / VEXFS_DEAD_SLOTS)) {
			if (WARN_ON_ONCE(!in_parts) || !commit_begin(c, &s))
				return -EIO;
			err = commit_write(c, &s);
			commit_end(c, &s, err);
			if (err)
				return err;
			free_chunks(&s.deaths);
			/* the last one went with half of its room unused; too late to give up */
			alloc_chunks(spare, 1, __GFP_NOFAIL);
			vexfs_dead_add(&c->pending, &c->inflight, slot[i] / VEXFS_DEAD_SLOTS);
		}
		d = chunk_with_room(c, spare);
		d->slot[d->n++] = slot[i];
		vexfs_columns_kill(c->body->columns, slot[i]);
		c->next_seq++;
		pin_dir(c);
		cond_resched();
	}
	return 0;
}

int vexfs_record_delete(struct vexfs_collection_mem *c, u32 n, const __u64 *ids, __u64 *bad)
{
	s64 dup = first_duplicate(n, ids);
	bool in_parts = false;
	LIST_HEAD(spare);
	u64 *slot;
	int err;

	if (dup < 0)
		return dup;
	slot = kvmalloc_array(n, sizeof(*slot), GFP_KERNEL_ACCOUNT);
	if (!slot)
		return -ENOMEM;
	err = alloc_chunks(&spare, n, 0);
	if (err)
		goto out;
	err = -EINTR;
	if (down_read_killable(&c->dir->i_rwsem))
		goto out;
again:
	if (in_parts && mutex_lock_killable(&c->commit_lock))
		goto unlock_dir;
	if (mutex_lock_killable(&c->lock)) {
		err = -EINTR;
	} else {
		err = find_victims(c, n, ids, dup, slot, in_parts, bad);
		if (!err)
			err = kill_victims(c, n, slot, &spare, in_parts);
		mutex_unlock(&c->lock);
	}
	if (in_parts)
		mutex_unlock(&c->commit_lock);
	if (err == -EAGAIN && !in_parts) {
		in_parts = true;
		err = -EINTR;
		goto again;
	}
unlock_dir:
	inode_unlock_shared(c->dir);
out:
	free_chunks(&spare);
	kvfree(slot);
	return err;
}

/* --- looking up and fetching --- */

int vexfs_record_find(struct vexfs_collection_mem *c, u64 id, struct vexfs_body **b, u64 *slot)
{
	int err;

	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	err = vexfs_columns_find(c->body->columns, id, slot);
	if (!err)
		*b = vexfs_body_get(c);
	mutex_unlock(&c->lock);
	return err;
}

/* No lock: a published slot does not change, on disk or in memory. */
int vexfs_record_fetch(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row)
{
	int err;

	err = vexfs_plane_read(b->records, slot * RECORD_BYTES, record, RECORD_BYTES) ?:
	      vexfs_plane_read(b->vectors, slot * b->row_bytes, row, b->row_bytes);
	if (err)
		return err;
	if (le32_to_cpu(record->r_crc) != record_crc(b, slot, record, row) ||
	    le64_to_cpu(record->r_id) != vexfs_columns_id(b->columns, slot)) {
		pr_err_ratelimited(
			"vexfs (%s): collection %lu: record %llu or its row is damaged: bad checksum\n",
			b->dir->i_sb->s_id, b->dir->i_ino, slot);
		return -EUCLEAN;
	}
	return 0;
}
