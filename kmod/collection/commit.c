// SPDX-License-Identifier: GPL-2.0
/*
 * The commit that makes operations on records durable.
 *
 * An operation (record.c) changes memory and the page cache of the planes; it is acknowledged then,
 * and seen by searches at once.  A commit takes everything acknowledged so far: it writes the
 * planes, waits for that and for the conversion of their extents, and then raises the count and
 * sets the dead bits, or says that more of the log of deaths counts, in *one* transaction.  So what
 * a crash leaves is a prefix of the operations: each insert is there as a whole or not at all, and
 * so is what it replaced.
 *
 * Every record and every deletion takes one sequence number (a record that an upsert replaces takes
 * none), so the committed c_next_seq says where the prefix ends.
 *
 * Locks: see vexfs.h.
 */
#include "collection/collection.h"

/* --- pinning the directory while something is not committed; c->lock held --- */

void vexfs_commit_pin(struct vexfs_collection_mem *c)
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

void vexfs_record_abandon(struct vexfs_collection_mem *c, int gone)
{
	bool pinned;

	mutex_lock(&c->lock);
	if (gone)
		c->gone = gone;
	pinned = unpin_dir(c);
	mutex_unlock(&c->lock);
	if (pinned)
		iput(c->dir);
}

/* --- commit --- */

/* What one commit takes. */
struct snapshot {
	u64 count, live, next_seq, key_end, word_end;
	u64 begin;			/* vx_clock_us() */
	struct list_head deaths;	/* their blocks: vexfs_collection_mem.inflight */
	bool to_log;			/* they go into the log of deaths, which ends here then: */
	u64 deaths_end;
};

static bool all_committed(const struct vexfs_collection_mem *c)
{
	return c->next_seq == c->committed_seq && c->words.end == c->words.committed;
}

/* commit_lock and lock held.  False: everything is committed. */
static bool commit_begin(struct vexfs_collection_mem *c, struct snapshot *s)
{
	lockdep_assert_held(&c->commit_lock);
	lockdep_assert_held(&c->lock);
	if (c->gone || all_committed(c))
		return false;
	s->count = vexfs_columns_count(c->body->columns);
	s->live = vexfs_columns_live(c->body->columns);
	s->next_seq = c->next_seq;
	s->key_end = c->body->key_end;
	s->word_end = c->words.end;
	s->begin = vx_clock_us();
	INIT_LIST_HEAD(&s->deaths);
	list_splice_init(&c->deaths, &s->deaths);
	s->to_log = c->to_log;
	s->deaths_end = c->body->deaths_end;
	c->inflight_deaths = c->death_count;
	c->inflight_to_log = c->to_log;
	c->inflight = c->pending;
	if (c->to_log)
		c->inflight.n = 0;
	c->death_count = 0;
	c->to_log = false;
	c->pending.n = 0;
	return true;
}

static void tell(const struct vexfs_collection_mem *c, const struct snapshot *s, int err)
{
	vexfs_event_commit(c->dir, s->count - c->committed, c->inflight_deaths,
			   vx_clock_us() - s->begin, err);
}

/* commit_lock and lock held. */
static void commit_end(struct vexfs_collection_mem *c, struct snapshot *s, int err)
{
	u32 i;

	tell(c, s, err);
	if (err) {			/* nothing happened: all of it is for the next commit */
		list_splice_init(&s->deaths, &c->deaths);
		c->death_count += c->inflight_deaths;
		c->to_log |= s->to_log;
		for (i = 0; i < c->inflight.n; i++)
			if (vexfs_dead_find(&c->pending, c->inflight.lblk[i]) < 0)
				c->pending.lblk[c->pending.n++] = c->inflight.lblk[i];
	} else {
		c->committed = s->count;
		c->committed_seq = s->next_seq;
		c->committed_keys = s->key_end;
		c->words.committed = s->word_end;
		c->body->deaths_end = s->deaths_end;
	}
	c->inflight.n = 0;
	c->inflight_deaths = 0;
	c->inflight_to_log = false;
}

/*
 * A write error is reported to one waiter and leaves clean folios behind: look at what has happened
 * since loading.
 */
int vexfs_body_errors(const struct vexfs_body *b)
{
	return vexfs_plane_errors(b->vectors, b->vectors_since) ?:
	       vexfs_plane_errors(b->records, b->records_since) ?:
	       vexfs_plane_errors(b->keys, b->keys_since) ?:
	       (b->deaths ? vexfs_plane_errors(b->deaths, b->deaths_since) : 0);
}

/*
 * Writeback of a folio ends after its unwritten extent was converted, so waiting for it waits for
 * both.
 */
static int write_planes(struct vexfs_collection_mem *c, const struct snapshot *s)
{
	const struct vexfs_body *b = c->body;
	struct {
		struct inode *inode;
		u64 from, to;
	} plane[] = {
		{ b->vectors, c->committed * b->row_bytes, s->count * b->row_bytes },
		{ b->records, c->committed * VEXFS_RECORD_BYTES,
		  s->count * VEXFS_RECORD_BYTES },
		{ b->keys, c->committed_keys, s->key_end },
		{ c->words.plane, c->words.committed, s->word_end },
		{ b->deaths, b->deaths_end, s->deaths_end },
	};
	int err = 0, e2;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plane); i++)
		if (plane[i].from < plane[i].to)
			vexfs_plane_start(plane[i].inode, plane[i].from, plane[i].to);
	for (i = 0; i < ARRAY_SIZE(plane); i++) {
		if (plane[i].from >= plane[i].to)
			continue;
		e2 = vexfs_plane_wait(plane[i].inode, plane[i].from, plane[i].to);
		err = err ?: e2;
	}
	return err ?: vexfs_body_errors(b) ?: vexfs_words_errors(c);
}

static void set_dead_bits(struct vexfs_collection_mem *c, const struct snapshot *s,
			  vx_buf **bh)
{
	struct vexfs_dead_block *x;
	struct vexfs_death_chunk *d;
	u32 i, at;

	list_for_each_entry(d, &s->deaths, list)
		for (i = 0; i < d->n; i++) {
			at = vexfs_dead_find(&c->inflight, d->slot[i] / VEXFS_DEAD_SLOTS);
			x = vx_data(bh[at]);
			if (!__test_and_set_bit_le(d->slot[i] % VEXFS_DEAD_SLOTS, x->x_bits))
				le32_add_cpu(&x->x_dead, 1);
		}
	for (i = 0; i < c->inflight.n; i++)
		vexfs_block_stamp(c->body->dead, bh[i]);
}

/*
 * The transaction.  commit_lock held; bh: the dead bitmap blocks of c->inflight, then the
 * collection block.
 */
static int commit_blocks(struct vexfs_collection_mem *c, const struct snapshot *s,
			 vx_buf **bh)
{
	struct vexfs_fs *fs = VEXFS_I(c->dir)->core.fs;
	struct vexfs_collection *raw = vx_data(bh[c->inflight.n]);
	u32 i, n = c->inflight.n + 1;
	vx_txn *handle;
	int err = 0;

	handle = vexfs_start(c->dir->i_sb, n);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	/* all that can fail for want of memory comes before the first change */
	for (i = 0; i < n && !err; i++)
		err = vx_txn_write(handle, bh[i]);
	if (!err) {
		if (!s->to_log)
			set_dead_bits(c, s, bh);
		raw->c_count = cpu_to_le64(s->count);
		raw->c_live = cpu_to_le64(s->live);
		raw->c_next_seq = cpu_to_le64(s->next_seq);
		raw->c_key_bytes = cpu_to_le64(s->key_end);
		raw->c_word_bytes = cpu_to_le64(s->word_end);
		raw->c_deaths_end = cpu_to_le64(s->deaths_end);
		vexfs_collection_stamp(c, bh[n - 1]);
	}
	for (i = 0; i < n && !err; i++)
		err = vx_txn_dirty(handle, fs, bh[i]);
	if (!err) {
		c->tid = vexfs_tid(handle);
		c->in_log = true;
	}
	return vexfs_stop(handle, err);
}

/* commit_lock held; lock held or not. */
static int commit_write(struct vexfs_collection_mem *c, struct snapshot *s)
{
	vx_buf **bh;
	u32 n = 0;
	int err;

	bh = kmalloc_array(c->inflight.n + 1, sizeof(*bh), GFP_KERNEL);
	if (!bh)
		return -ENOMEM;
	if (s->to_log)
		err = vexfs_deaths_write(c, &s->deaths, c->inflight_deaths, &s->deaths_end);
	else
		err = 0;
	err = err ?: write_planes(c, s);
	while (!err && n <= c->inflight.n) {
		bh[n] = n < c->inflight.n ? vexfs_dead_block(c->body->dead, c->inflight.lblk[n]) :
					    vexfs_collection_block(c);
		err = PTR_ERR_OR_ZERO(bh[n]);
		if (!err)
			n++;
	}
	if (!err)
		err = commit_blocks(c, s, bh);
	while (n)
		vx_brelse(bh[--n]);
	kfree(bh);
	return err;
}

int vexfs_commit_part(struct vexfs_collection_mem *c)
{
	struct snapshot s;
	int err;

	if (!commit_begin(c, &s))
		return 0;
	err = commit_write(c, &s);
	commit_end(c, &s, err);
	if (!err)
		vexfs_deaths_free(&s.deaths);
	return err;
}

/* commit_lock held.  What fails is for the next commit: the log holds all the same. */
static void fold_sometimes(struct vexfs_collection_mem *c)
{
	if (c->body->deaths_end - c->body->deaths_begin >=
	    vexfs_deaths_many * sizeof(__le32))
		vexfs_deaths_fold(c);
}

int vexfs_commit_all(struct vexfs_collection_mem *c, bool *unpinned)
{
	struct snapshot s;
	int err = 0;

	mutex_lock(&c->lock);
	if (commit_begin(c, &s)) {
		mutex_unlock(&c->lock);
		err = commit_write(c, &s);
		mutex_lock(&c->lock);
		commit_end(c, &s, err);
		if (all_committed(c))
			*unpinned = unpin_dir(c);
		mutex_unlock(&c->lock);
		vexfs_deaths_free(&s.deaths);
		fold_sometimes(c);
	} else {
		mutex_unlock(&c->lock);
	}
	return err;
}

int vexfs_record_commit(struct vexfs_collection_mem *c, bool barrier)
{
	bool unpinned = false;
	tid_t tid;
	int err;

	mutex_lock(&c->commit_lock);
	err = vexfs_commit_all(c, &unpinned);
	barrier = barrier && !err && c->in_log;
	tid = c->tid;
	mutex_unlock(&c->commit_lock);
	/* the others get their operations into the log meanwhile, and share the next flush */
	if (barrier) {
		err = vexfs_commit_barrier(c->dir->i_sb, tid);
		mutex_lock(&c->commit_lock);
		if (!err && tid == c->tid)
			c->in_log = false;
		mutex_unlock(&c->commit_lock);
	}
	if (unpinned)
		iput(c->dir);
	return err;
}
