// SPDX-License-Identifier: GPL-2.0
/*
 * Slots that died: those to be committed, and the log of deaths.
 *
 * A commit sets their bits in the dead bitmap, as long as these are in no more blocks than one
 * transaction takes.  Else it writes the slots into the log, a hidden inode like the keys, behind
 * those that are there; and the transaction that raises the count says how far the log goes.  So an
 * operation is one transaction, however many slots it kills and however far they are apart.  What is
 * in the log is dead, whatever its bit is.
 *
 * When the log has grown, it is folded into the bitmap: bits are set in as many transactions as that
 * takes, and then one more says that the log begins behind them.  Its bytes are not used again: were
 * they overwritten, a crash might leave a log that begins where it did before.  Compaction makes
 * new planes, and no log.
 *
 * Locks: vexfs_collection_mem.lock for what is to be committed and for the room of the log;
 * commit_lock to write and to fold.
 */
#include "collection/collection.h"

#define PER_CHUNK	ARRAY_SIZE(((struct vexfs_death_chunk *)0)->slot)
#define HEAD		sizeof(struct vexfs_deaths)

u32 vexfs_deaths_many = 1 << 20;

/* --- to be committed --- */

void vexfs_deaths_free(struct list_head *chunks)
{
	struct vexfs_death_chunk *d, *next;

	list_for_each_entry_safe(d, next, chunks, list)
		kfree(d);
	INIT_LIST_HEAD(chunks);
}

int vexfs_deaths_reserve(struct list_head *chunks, u32 n, gfp_t gfp)
{
	u32 i;

	for (i = 0; i < DIV_ROUND_UP(n, PER_CHUNK); i++) {
		struct vexfs_death_chunk *d = kmalloc(sizeof(*d), GFP_KERNEL_ACCOUNT | gfp);

		if (!d) {
			vexfs_deaths_free(chunks);
			return -ENOMEM;
		}
		d->n = 0;
		list_add(&d->list, chunks);
	}
	return 0;
}

/* A chunk with room: the last of c->deaths, else one of `spare`. */
static struct vexfs_death_chunk *chunk_with_room(struct vexfs_collection_mem *c,
						 struct list_head *spare)
{
	struct vexfs_death_chunk *d;

	if (!list_empty(&c->deaths)) {
		d = list_last_entry(&c->deaths, struct vexfs_death_chunk, list);
		if (d->n < PER_CHUNK)
			return d;
	}
	d = list_first_entry(spare, struct vexfs_death_chunk, list);
	list_move_tail(&d->list, &c->deaths);
	return d;
}

/* Some commit goes to the log: then there is room in it for all that is to be committed. */
static bool logging(const struct vexfs_collection_mem *c)
{
	return c->to_log || c->inflight_to_log;
}

bool vexfs_death_add(struct vexfs_collection_mem *c, u64 slot, struct list_head *spare)
{
	bool fits = !c->to_log && vexfs_dead_add(&c->pending, &c->inflight, slot / VEXFS_DEAD_SLOTS);
	struct vexfs_death_chunk *d;

	if ((!fits || logging(c)) && vexfs_deaths_room(c, 1))
		return false;
	c->to_log |= !fits;
	d = chunk_with_room(c, spare);
	d->slot[d->n++] = slot;
	c->death_count++;
	return true;
}

int vexfs_deaths_fit(struct vexfs_collection_mem *c, const u64 *slot, u32 n,
		     struct vexfs_dead_set *set)
{
	bool fits = !logging(c);
	u32 i, some = 0;

	*set = c->pending;
	for (i = 0; i < n; i++) {
		if (slot[i] == VEXFS_NO_SLOT)
			continue;
		some++;
		fits = fits && vexfs_dead_add(set, &c->inflight, slot[i] / VEXFS_DEAD_SLOTS);
	}
	return fits || !some ? 0 : vexfs_deaths_room(c, some);
}

/* --- the log --- */

/* Bytes of a commit's part of it. */
static u64 bytes_of(u64 n)
{
	return HEAD + n * sizeof(__le32);
}

int vexfs_deaths_room(struct vexfs_collection_mem *c, u64 n)
{
	/* of the running commit and of the next one */
	u64 all = HEAD + bytes_of(c->inflight_deaths + c->death_count + n), end;
	struct vexfs_body *b = c->body;
	int err;

	if (!b->deaths)
		return -EAGAIN;
	end = b->deaths_end + all;
	if (end <= b->deaths_room)
		return 0;
	err = vexfs_plane_reserve(b->deaths, b->deaths_room, end);
	if (!err)
		b->deaths_room = end;
	return err;
}

/* In a transaction: the collection has this log.  commit_lock and lock held. */
static int adopt(struct vexfs_collection_mem *c, struct inode *log)
{
	struct vexfs_schema_change s;
	int err = vexfs_schema_begin(&s, c, VEXFS_ADOPT_CREDITS);

	if (err)
		return err;
	err = vexfs_adopt_hidden(s.handle, log);
	if (!err) {
		s.raw->c_deaths = cpu_to_le64(log->i_ino);
		s.raw->c_deaths_begin = s.raw->c_deaths_end = 0;
	}
	return vexfs_schema_end(&s, err);
}

/* The same.  *log: ours, if it was used. */
static int take(struct vexfs_collection_mem *c, struct inode **log)
{
	struct vexfs_body *b = c->body;
	int err;

	if (c->gone || b->deaths)
		return c->gone;
	err = adopt(c, *log);
	if (err)
		return err;
	b->deaths_begin = b->deaths_end = b->deaths_room = 0;
	b->deaths_since = vexfs_plane_mark(*log);
	b->deaths = *log;
	*log = NULL;
	return 0;
}

int vexfs_deaths_make(struct vexfs_collection_mem *c)
{
	/* outside of locks, as is freeing it: see vexfs_snapshot_take() */
	struct inode *log = vexfs_new_orphan(c->dir, 0);
	int err;

	if (IS_ERR(log))
		return PTR_ERR(log);
	err = mutex_lock_killable(&c->commit_lock);
	if (!err) {
		err = mutex_lock_killable(&c->lock);
		if (!err) {
			err = take(c, &log);
			mutex_unlock(&c->lock);
		}
		mutex_unlock(&c->commit_lock);
	}
	iput(log);
	return err;
}

static u32 deaths_crc(const struct vexfs_body *b, u64 at, const struct vexfs_deaths *d, u32 bytes)
{
	__le64 off = cpu_to_le64(at);
	u32 crc = crc32c(b->crc_seed, &off, sizeof(off));

	return crc32c(crc, (const u8 *)d + sizeof(d->d_crc), bytes - sizeof(d->d_crc));
}

int vexfs_deaths_write(struct vexfs_collection_mem *c, const struct list_head *chunks, u64 n,
		       u64 *end)
{
	struct vexfs_body *b = c->body;
	const struct vexfs_death_chunk *chunk;
	struct vexfs_deaths *d;
	u32 i, at = 0;
	int err;

	d = kvmalloc(bytes_of(n), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	list_for_each_entry(chunk, chunks, list)
		for (i = 0; i < chunk->n; i++)
			d->d_slot[at++] = cpu_to_le32(chunk->slot[i]);
	d->d_slots = cpu_to_le32(at);
	d->d_crc = cpu_to_le32(deaths_crc(b, b->deaths_end, d, bytes_of(at)));
	err = vexfs_plane_write(b->deaths, b->deaths_end, d, bytes_of(at));
	*end = b->deaths_end + bytes_of(at);
	kvfree(d);
	return err;
}

/* --- reading it --- */

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	cond_resched();
	return x < y ? -1 : x > y;
}

/* A part of the log at *pos; its slots follow the *n that there are.  -EUCLEAN: it is none. */
static int read_part(struct vexfs_body *b, u64 *pos, struct vexfs_deaths *d, u32 *slot, u64 *n)
{
	u64 left = b->deaths_end - *pos;
	u32 i, slots;
	int err;

	if (left < HEAD)
		return -EUCLEAN;
	err = vexfs_plane_read(b->deaths, *pos, d, HEAD);
	if (err)
		return err;
	slots = le32_to_cpu(d->d_slots);
	if (!slots || slots > (left - HEAD) / sizeof(__le32))
		return -EUCLEAN;
	err = vexfs_plane_read(b->deaths, *pos + HEAD, d->d_slot, slots * sizeof(__le32));
	if (err)
		return err;
	if (le32_to_cpu(d->d_crc) != deaths_crc(b, *pos, d, bytes_of(slots)))
		return -EUCLEAN;
	for (i = 0; i < slots; i++)
		slot[(*n)++] = le32_to_cpu(d->d_slot[i]);
	*pos += bytes_of(slots);
	return 0;
}

u32 *vexfs_deaths_read(struct vexfs_body *b, u64 *n)
{
	u64 bytes = b->deaths_end - b->deaths_begin, pos = b->deaths_begin;
	struct vexfs_deaths *d = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	u32 *slot = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	int err = d && slot ? 0 : -ENOMEM;

	*n = 0;
	while (!err && pos < b->deaths_end)
		err = vx_killed() ? -EINTR : read_part(b, &pos, d, slot, n);
	if (err == -EUCLEAN)
		vexfs_complain(b->dir, "the log of dead slots is damaged at %llu", pos);
	kvfree(d);
	if (err) {
		kvfree(slot);
		return ERR_PTR(err);
	}
	sort(slot, *n, sizeof(*slot), compare, NULL);
	return slot;
}

/* --- folding it --- */

/* The bits of some slots, all in the blocks bh[], in one transaction. */
static int log_bits(struct vexfs_collection_mem *c, const u32 *slot, u32 n, vx_buf **bh, u32 blocks)
{
	struct vexfs_fs *fs = VEXFS_I(c->dir)->core.fs;
	vx_txn *handle = vexfs_start(c->dir->i_sb, blocks);
	struct vexfs_dead_block *x;
	u32 i, at = 0;
	int err = 0;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	for (i = 0; i < blocks && !err; i++)
		err = vx_txn_write(handle, bh[i]);
	for (i = 0; i < n && !err; i++) {
		if (i && slot[i] / VEXFS_DEAD_SLOTS != slot[i - 1] / VEXFS_DEAD_SLOTS)
			at++;
		x = vx_data(bh[at]);
		if (!__test_and_set_bit_le(slot[i] % VEXFS_DEAD_SLOTS, x->x_bits))
			le32_add_cpu(&x->x_dead, 1);
	}
	for (i = 0; i < blocks && !err; i++) {
		vexfs_block_stamp(c->body->dead, bh[i]);
		err = vx_txn_dirty(handle, fs, bh[i]);
	}
	return vexfs_stop(handle, err);
}

/* The first slots of n, as many as a transaction takes: *done of them. */
static int fold_some(struct vexfs_collection_mem *c, const u32 *slot, u64 n, vx_buf **bh, u64 *done)
{
	u32 blocks = 0;
	u64 i;
	int err = 0;

	for (i = 0; i < n; i++) {
		u32 lblk = slot[i] / VEXFS_DEAD_SLOTS;

		if (i && lblk == slot[i - 1] / VEXFS_DEAD_SLOTS)
			continue;
		if (blocks == VEXFS_COMMIT_DEAD_BLOCKS)
			break;
		bh[blocks] = vexfs_dead_block(c->body->dead, lblk);
		err = PTR_ERR_OR_ZERO(bh[blocks]);
		if (err)
			break;
		blocks++;
	}
	if (!err)
		err = log_bits(c, slot, i, bh, blocks);
	*done = i;
	while (blocks)
		vx_brelse(bh[--blocks]);
	return err;
}

/* The log begins where it ends. */
static int log_folded(struct vexfs_collection_mem *c)
{
	struct vexfs_schema_change s;
	int err = vexfs_schema_begin(&s, c, 0);

	if (err)
		return err;
	s.raw->c_deaths_begin = cpu_to_le64(c->body->deaths_end);
	err = vexfs_schema_end(&s, 0);
	if (!err)
		c->body->deaths_begin = c->body->deaths_end;
	return err;
}

int vexfs_deaths_fold(struct vexfs_collection_mem *c)
{
	u64 n, at, done;
	vx_buf **bh;
	u32 *slot;
	int err = 0;

	if (!c->body->deaths || c->body->deaths_begin == c->body->deaths_end)
		return 0;
	slot = vexfs_deaths_read(c->body, &n);
	if (IS_ERR(slot))
		return PTR_ERR(slot);
	bh = kmalloc_array(VEXFS_COMMIT_DEAD_BLOCKS, sizeof(*bh), GFP_KERNEL);
	if (!bh)
		err = -ENOMEM;
	for (at = 0; at < n && !err; at += done) {
		err = vx_killed() ? -EINTR : fold_some(c, slot + at, n - at, bh, &done);
		cond_resched();
	}
	kfree(bh);
	kvfree(slot);
	return err ?: log_folded(c);
}
