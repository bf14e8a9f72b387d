// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction: what is alive, now or in a snapshot, is copied into new planes, in the order of
 * slots, and one transaction puts them into the place of the old ones.
 *
 * The new planes are orphans until that transaction, and the old ones from then on, so whatever
 * happens, each block is freed once: by us, by the last query that still uses the old body, or at
 * the next mount.
 *
 * Records are copied while queries and changes go on: published slots are immutable.  What can
 * change meanwhile is
 *
 *	new slots	rounds copy what has come since the last one; the rest is copied under the
 *			locks
 *	deaths		each round begins by looking for copied slots that have died.  It does so
 *			after it has chosen its end, so ids and keys that slots below it use again
 *			are free by then
 *	snapshots	snapshots_lock is held during a step, so a snapshot is there before the step
 *			looks what to keep, or begins after it has been copied
 *
 * What searches have derived from the records goes with them, codes by slot and lists at last, into a
 * generation of the new body; where there is no room for both, the worker makes another one afterwards.
 *
 * One that nobody has asked for gives way to searches and inserts: in the first round, by far the
 * longest, it rests after each step for as long as that took.  The others have to catch up with inserts.
 * Who asks for one pays for it himself: its I/O is his, for ionice(1), nice(1) and control groups.
 *
 * Locks: snapshots_lock for a step; in the end snapshots_lock, commit_lock and lock, for as long as
 * it takes to commit and to copy what came in a short time (see vexfs.h).
 */
#include "collection/collection.h"

#define STEP_BYTES	(1u << 20)		/* of rows that a step copies */
#define STEP_RECORDS	512u
#define STEP_SLOTS	(64u << 10)		/* that it looks at */
#define MAX_REST	4096			/* slots that may be left for the end */
#define MAX_ROUNDS	20			/* and if there are always more, so be it */
#define BY_ITSELF_SLOTS	(64u << 10)		/* dead ones: fewer are not worth it */
#define AGAIN_US		(600 * 1000000ULL)	/* after it failed, or was no use */
#define NAP_US		10000			/* of a rest, between looks whether to go on */
/* blocks for extents of new planes, as far as one can tell */
#define NODES		8

struct compaction {
	struct vexfs_collection_mem *c;
	struct vexfs_body *from, *to;
	/* what is derived of them; both or none, references */
	struct vexfs_derived *derived, *heir;
	bool lost;			/* the new body has none, for want of room */
	bool rests;			/* after each step */
	u64 done;				/* slots of `from` that were looked at */
	u64 count;				/* slots of `to` */
	/* slots to be copied, of so many, at the beginning */
	u64 keep, of;
	/* bits of slots of `from` below room: copied; copied and dead by now */
	u64 *kept, *buried;
	u64 room;
	/* a step: records that are not on the planes yet */
	u32 n, most;
	u32 key_bytes;
	void *rows;
	u8 *keys;
	struct vexfs_record *record;
	u64 *slot;				/* where they come from */
	/* orphans for the bitmaps of snapshots: made before the locks are taken, see compact() */
	u32 spares;
	struct inode *spare[VEXFS_MAX_SNAPSHOTS];
};

/* --- bits --- */

/* Those of slots below count in the word that begins at slot `base`. */
static u64 below(u64 base, u64 count)
{
	return count <= base ? 0 : count - base >= 64 ? ~0ULL : (1ULL << (count - base)) - 1;
}

/* Slots of a word that have not died by now. */
static u64 alive(const struct vexfs_body *b, u64 base)
{
	return vexfs_columns_live_mask(b->columns, base, 64, VEXFS_MAX_SLOTS);
}

/* Slots of a word that some snapshot holds.  snapshots_lock held, all loaded. */
static u64 in_snapshots(const struct vexfs_body *b, u64 base)
{
	u64 mask = 0;
	u32 i;

	for (i = 0; i < b->snapshots; i++) {
		const struct vexfs_asof *s = &b->snapshot[i]->as_of;

		if (base < s->count)
			mask |= ~s->dead[base / 64] & below(base, s->count);
	}
	return mask;
}

static int make_room(struct compaction *k, u64 slots)
{
	u64 room, *kept, *buried;

	if (slots <= k->room)
		return 0;
	room = round_up(slots + slots / 4, 64);
	kept = kvcalloc(room / 64, sizeof(u64), GFP_KERNEL_ACCOUNT);
	buried = kvcalloc(room / 64, sizeof(u64), GFP_KERNEL_ACCOUNT);
	if (!kept || !buried) {
		kvfree(kept);
		kvfree(buried);
		return -ENOMEM;
	}
	if (k->room) {
		memcpy(kept, k->kept, k->room / 8);
		memcpy(buried, k->buried, k->room / 8);
	}
	kvfree(k->kept);
	kvfree(k->buried);
	k->kept = kept;
	k->buried = buried;
	k->room = room;
	return 0;
}

/* How many slots are dead, and in no snapshot?  snapshots_lock held, all loaded.  -EINTR. */
static s64 garbage(const struct vexfs_body *b, u64 count)
{
	u64 base, n = 0;

	for (base = 0; base < count; base += 64) {
		n += hweight64(~(alive(b, base) | in_snapshots(b, base)) & below(base, count));
		if (base % STEP_SLOTS == 0) {
			if (vx_killed())
				return -EINTR;
			cond_resched();
		}
	}
	return n;
}

/* Copied slots that have died since. */
static void bury(struct compaction *k)
{
	u64 base, rank = 0, died, kept;

	for (base = 0; base < k->done; base += 64) {
		kept = k->kept[base / 64];
		died = kept & ~k->buried[base / 64];
		if (died)
			died &= ~alive(k->from, base);
		k->buried[base / 64] |= died;
		for (; died; died &= died - 1)
			vexfs_columns_kill(k->to->columns,
					   rank + hweight64(kept & ((died & -died) - 1)));
		rank += hweight64(kept);
		if (base % STEP_SLOTS == 0)
			cond_resched();
	}
}

/* --- copying --- */

/* Shall it go on? */
static int may_go_on(const struct vexfs_collection_mem *c)
{
	struct super_block *sb = c->dir->i_sb;

	if (vx_killed())
		return -EINTR;
	if (READ_ONCE(c->gone))
		return READ_ONCE(c->gone);
	if (vexfs_is_shutdown(sb))
		return -EIO;
	return vexfs_may_work(sb) ? 0 : -EBUSY;
}

/* Take a record into the step, with its place among the new ones. */
static int take(struct compaction *k, u64 slot)
{
	struct vexfs_record *r = k->record + k->n;
	void *row = k->rows + (size_t)k->n * k->to->row_bytes;
	u8 *key = k->keys + k->key_bytes;
	int len = vexfs_record_fetch(k->from, slot, r, row, key);

	if (len == -EIO && vexfs_columns_damaged_mask(k->from->columns, slot, 1))
		return -EUCLEAN;	/* it must not be lost: a copy of less is none */
	if (len < 0)
		return len;
	if (len)
		r->r_key = cpu_to_le64((k->to->key_end + k->key_bytes) << 8 | len);
	r->r_crc = cpu_to_le32(vexfs_record_crc(k->to, k->count + k->n, r, row, key, len));
	k->slot[k->n++] = slot;
	k->key_bytes += len;
	return 0;
}

static int write_step(struct compaction *k)
{
	struct vexfs_body *b = k->to;
	u64 end = k->count + k->n;

	return vexfs_plane_reserve(b->vectors, k->count * b->row_bytes, end * b->row_bytes) ?:
	       vexfs_plane_reserve(b->records, k->count * VEXFS_RECORD_BYTES,
				   end * VEXFS_RECORD_BYTES) ?:
	       vexfs_plane_reserve(b->keys, b->key_end, b->key_end + k->key_bytes) ?:
	       vexfs_plane_write(b->vectors, k->count * b->row_bytes, k->rows,
				 (size_t)k->n * b->row_bytes) ?:
	       vexfs_plane_write(b->keys, b->key_end, k->keys, k->key_bytes) ?:
	       vexfs_plane_write(b->records, k->count * VEXFS_RECORD_BYTES, k->record,
				 k->n * VEXFS_RECORD_BYTES);
}

/* What is derived from the records of a step.  It is optional. */
static void carry(struct compaction *k)
{
	if (!k->heir || !vexfs_derived_carry(k->heir, k->derived, k->count, k->n, k->slot, k->rows))
		return;
	vexfs_derived_put(k->heir);
	k->heir = NULL;
}

/* A record of the step into the columns and maps of the new body. */
static int enter(struct compaction *k, u32 i, bool dead)
{
	const struct vexfs_record *r = k->record + i;
	u64 slot = k->count + i, other;
	int err = vexfs_body_enter(k->c, k->to, slot, r, dead, NULL,
				   vexfs_columns_file(k->from->columns, k->slot[i]));

	if (!err && !dead && vexfs_record_keyed(r))
		err = vexfs_key_load(k->c, k->to, slot, le64_to_cpu(r->r_key), &other);
	if (err == -EEXIST) {
		vexfs_complain(k->c->dir, "records share the id %llu, or a key", le64_to_cpu(r->r_id));
		err = -EUCLEAN;
	}
	return err;
}

/* What was taken goes to the planes, and into what is derived. */
static int flush_step(struct compaction *k, const u64 *dead)
{
	u32 i;
	int err;

	if (!k->n)
		return 0;
	err = write_step(k) ?: vexfs_columns_reserve(k->to->columns, k->count + k->n);
	k->to->key_end += k->key_bytes;
	for (i = 0; i < k->n && !err; i++) {
		u64 slot = k->slot[i], bit = 1ULL << slot % 64;

		err = enter(k, i, dead[i / 64] >> i % 64 & 1);
		k->kept[slot / 64] |= bit;
		if (dead[i / 64] >> i % 64 & 1)
			k->buried[slot / 64] |= bit;
		cond_resched();
	}
	if (!err)
		carry(k);
	k->count += k->n;
	k->n = k->key_bytes = 0;
	return err;
}

/* Copy from k->done on, not beyond `end`.  snapshots_lock held, all loaded. */
static int step(struct compaction *k, u64 end)
{
	u64 dead[STEP_RECORDS / 64] = {}, base, left, live, stop = min(end, k->done + STEP_SLOTS);
	int err = 0;

	if (k->done < stop)
		vexfs_records_ahead(k->from, k->done, min(stop - k->done, (u64)k->most));
	while (k->done < stop && !err) {
		base = round_down(k->done, 64);
		live = alive(k->from, base);	/* before the snapshots: see above */
		left = (live | in_snapshots(k->from, base)) & below(base, stop) &
		       ~below(base, k->done);
		for (; left && k->n < k->most && !err; left &= left - 1) {
			u64 bit = left & -left;

			if (!(live & bit))
				dead[k->n / 64] |= 1ULL << k->n % 64;
			err = take(k, base + __builtin_ctzll(left));
			cond_resched();
		}
		k->done = left ? base + __builtin_ctzll(left) : min(base + 64, stop);
		if (left)
			break;
	}
	return err ?: flush_step(k, dead);
}

static int write_planes(struct vexfs_body *b)
{
	struct inode *plane[] = { b->vectors, b->records, b->keys };
	int err = 0, e2;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plane); i++)
		vexfs_plane_start(plane[i], 0, U64_MAX);
	for (i = 0; i < ARRAY_SIZE(plane); i++) {
		e2 = vexfs_plane_wait(plane[i], 0, U64_MAX);
		err = err ?: e2;
	}
	return err ?: vexfs_body_errors(b);
}

/*
 * Not more than our share of dirty pages.  We write them ourselves: the flusher needs s_umount,
 * which an unmount holds while it waits for us.
 */
static int throttle(struct vexfs_body *b)
{
	return vexfs_plane_is_over(b->vectors) ? write_planes(b) : 0;
}

/* For so long, outside locks. */
static void rest(const struct compaction *k, u64 us)
{
	for (; us && !may_go_on(k->c); us -= min_t(u64, us, NAP_US))
		vexfs_nap(min_t(u64, us, NAP_US));
}

/* A round.  locked: the locks are held, nothing changes. */
static int copy_round(struct compaction *k, bool locked)
{
	u64 end = vexfs_columns_count(k->from->columns), began;
	int err = make_room(k, end);

	if (err)
		return err;
	WRITE_ONCE(k->c->compact_total, end);
	bury(k);
	while (k->done < end && !err) {
		began = vx_clock_us();
		err = may_go_on(k->c);
		if (!err && !locked)
			err = mutex_lock_killable(&k->c->snapshots_lock);
		if (err)
			break;
		err = vexfs_snapshots_load(k->from) ?: step(k, end);
		if (!locked)
			mutex_unlock(&k->c->snapshots_lock);
		WRITE_ONCE(k->c->compact_done, k->done);
		if (!locked && !err)
			err = throttle(k->to);
		if (k->rests && !err)
			rest(k, vx_clock_us() - began);
		cond_resched();
	}
	return err;
}

/* --- the new body --- */

static int new_planes(struct compaction *k)
{
	struct vexfs_body *b = k->to;
	struct inode **plane[] = { &b->vectors, &b->records, &b->keys, &b->dead };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plane); i++) {
		struct inode *inode = vexfs_new_orphan(k->c->dir, plane[i] == &b->dead ?
							       VEXFS_INODE_METADATA : 0);

		if (IS_ERR(inode))
			return PTR_ERR(inode);
		*plane[i] = inode;
		vexfs_plane_tight(inode, true);
	}
	b->vectors_since = vexfs_plane_mark(b->vectors);
	b->records_since = vexfs_plane_mark(b->records);
	b->keys_since = vexfs_plane_mark(b->keys);
	return 0;
}

/*
 * Blocks that the new planes take, those of snapshots and heirs included; of keys and extents a
 * guess.
 */
static u64 blocks_wanted(const struct compaction *k)
{
	u64 keys = mul_u64_u64_div_u64(READ_ONCE(k->from->key_end), k->keep, max(k->of, 1ULL));

	return DIV_ROUND_UP_ULL(k->keep * k->from->row_bytes, VEXFS_BLOCK_SIZE) +
	       DIV_ROUND_UP_ULL(k->keep * VEXFS_RECORD_BYTES, VEXFS_BLOCK_SIZE) +
	       DIV_ROUND_UP_ULL(keys, VEXFS_BLOCK_SIZE) +
	       DIV_ROUND_UP_ULL(k->keep, VEXFS_DEAD_SLOTS) * (1 + READ_ONCE(k->from->snapshots)) +
	       DIV_ROUND_UP(min(READ_ONCE(k->from->files.n), READ_ONCE(k->from->heir_entries)),
			    VEXFS_HEIRS_PER_BLOCK) +
	       NODES;
}

/* The old planes have more blocks than records: those that the next inserts would fill. */
static int trim_old(struct compaction *k)
{
	struct vexfs_body *b = k->from;
	u64 count;
	int err;

	if (mutex_lock_killable(&k->c->insert_lock))
		return -EINTR;
	count = vexfs_columns_count(b->columns);
	err = vexfs_plane_trim(b->vectors, count * b->row_bytes) ?:
	      vexfs_plane_trim(b->records, count * VEXFS_RECORD_BYTES) ?:
	      vexfs_plane_trim(b->keys, b->key_end);
	mutex_unlock(&k->c->insert_lock);
	return err;
}

/* Find out that there is too little room before anything is copied, and take it in one piece. */
static int find_room(struct compaction *k)
{
	struct vexfs_fs *fs = &VEXFS_SB(k->c->dir->i_sb)->fs;
	u64 want = blocks_wanted(k), have = vexfs_alloc_room(fs, VEXFS_ALLOC_TIGHT);
	int err = 0;

	if (have < want) {
		err = trim_old(k);
		have = vexfs_alloc_room(fs, VEXFS_ALLOC_TIGHT);
	}
	if (!err && have < want) {
		WRITE_ONCE(k->c->compact_lacked, (want - have) * VEXFS_BLOCK_SIZE);
		err = -ENOSPC;
	}
	return err ?: vexfs_ensure_alloc(k->to->vectors, 0,
					 DIV_ROUND_UP_ULL(k->keep * k->to->row_bytes,
							  VEXFS_BLOCK_SIZE)) ?:
		      vexfs_ensure_alloc(k->to->records, 0,
					 DIV_ROUND_UP_ULL(k->keep * VEXFS_RECORD_BYTES,
							  VEXFS_BLOCK_SIZE));
}

static int begin(struct compaction *k, struct vexfs_collection_mem *c)
{
	k->c = c;
	k->from = vexfs_body_get(c);
	k->to = vexfs_body_new(c);
	k->most = clamp(STEP_BYTES / c->row_bytes, 1u, STEP_RECORDS);
	k->rows = kvmalloc_array(k->most, c->row_bytes, GFP_KERNEL_ACCOUNT);
	k->keys = kvmalloc(k->most * VEXFS_MAX_KEY, GFP_KERNEL_ACCOUNT);
	k->record = kvmalloc_array(k->most, sizeof(*k->record), GFP_KERNEL_ACCOUNT);
	k->slot = kvmalloc_array(k->most, sizeof(*k->slot), GFP_KERNEL_ACCOUNT);
	if (!k->to || !k->rows || !k->keys || !k->record || !k->slot)
		return -ENOMEM;
	k->to->epoch = k->from->epoch + 1;
	k->to->columns = vexfs_columns_new(c->attrs);
	if (!k->to->columns)
		return -ENOMEM;
	vexfs_record_watch(k->to);
	k->derived = vexfs_derived_get(k->from);
	if (k->derived)
		k->heir = vexfs_derived_heir(c, k->to, k->derived, k->keep);
	return new_planes(k) ?: find_room(k);
}

/* No lock held: planes that nobody wants are freed, and memory. */
static void end(struct compaction *k)
{
	struct vexfs_body *b;

	while (k->spares)
		iput(k->spare[--k->spares]);
	vexfs_derived_put(k->heir);
	vexfs_derived_put(k->derived);
	vexfs_body_put(k->from);
	vexfs_body_put(k->to);
	kvfree(k->kept);
	kvfree(k->buried);
	kvfree(k->rows);
	kvfree(k->keys);
	kvfree(k->record);
	kvfree(k->slot);
	if (!k->lost)
		return;
	b = vexfs_body_get(k->c);
	vexfs_derived_poke(b);
	vexfs_body_put(b);
}

/* A snapshot among the new slots, with its bitmap. */
static int map_snapshot(struct compaction *k, const struct vexfs_snapshot_mem *old)
{
	u64 base, count = 0, at = 0, *bits, mask;
	struct vexfs_snapshot_mem *s;

	for (base = 0; base < old->as_of.count; base += 64)
		count += hweight64(k->kept[base / 64] & below(base, old->as_of.count));
	bits = kvcalloc(count / 64 + 1, sizeof(*bits), GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	for (base = 0; base < old->as_of.count; base += 64) {
		mask = k->kept[base / 64] & below(base, old->as_of.count);
		for (; mask; mask &= mask - 1, at++)
			if (old->as_of.dead[base / 64] & mask & -mask)
				bits[at / 64] |= 1ULL << at % 64;
		cond_resched();
	}
	s = vexfs_snapshot_new(old->name, old->time, count, bits);
	if (!s) {
		kvfree(bits);
		return -ENOMEM;
	}
	k->to->snapshot[k->to->snapshots++] = s;
	s->dead = k->spare[--k->spares];
	vexfs_plane_tight(s->dead, true);
	return vexfs_dead_write(s->dead, bits, count);
}

/* The dead bitmap of the new slots.  All locks held. */
static int write_dead(struct compaction *k)
{
	u64 words = DIV_ROUND_UP_ULL(k->count, 64), i, *bits;
	int err;

	bits = kvcalloc(words + 1, sizeof(*bits), GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	for (i = 0; i < words; i++)
		bits[i] = ~alive(k->to, i * 64) & below(i * 64, k->count);
	err = vexfs_dead_write(k->to->dead, bits, k->count);
	kvfree(bits);
	k->to->dead_blocks = DIV_ROUND_UP_ULL(k->count, VEXFS_DEAD_SLOTS);
	return err;
}

/* --- the swap --- */

#define MAX_PLANES	(7 + VEXFS_MAX_SNAPSHOTS)
/*
 * The collection block and the superblock; a table block for each old plane, for each new one, and
 * for what comes before that on the orphan list.  It fits the smallest log.
 */
#define SWAP_CREDITS	(2 + 3 * MAX_PLANES)

/* NULL: there is none. */
static u32 planes_of(const struct vexfs_body *b, struct inode *plane[MAX_PLANES])
{
	u32 i;

	plane[0] = b->vectors;
	plane[1] = b->records;
	plane[2] = b->keys;
	plane[3] = b->dead;
	plane[4] = b->heirs;
	plane[5] = b->deaths;
	plane[6] = b->checkpoint;
	for (i = 0; i < b->snapshots; i++)
		plane[7 + i] = b->snapshot[i]->dead;
	return 7 + i;
}

static void fill_block(const struct compaction *k, struct vexfs_collection *raw)
{
	const struct vexfs_body *b = k->to;
	u32 i;

	raw->c_count = cpu_to_le64(k->count);
	raw->c_live = cpu_to_le64(vexfs_columns_live(b->columns));
	raw->c_key_bytes = cpu_to_le64(b->key_end);
	raw->c_vectors = cpu_to_le64(b->vectors->i_ino);
	raw->c_records = cpu_to_le64(b->records->i_ino);
	raw->c_keys = cpu_to_le64(b->keys->i_ino);
	raw->c_dead = cpu_to_le64(b->dead->i_ino);
	raw->c_heirs = b->heirs ? cpu_to_le64(b->heirs->i_ino) : 0;
	raw->c_deaths = raw->c_deaths_begin = raw->c_deaths_end = 0;
	raw->c_checkpoint = raw->c_checkpoint_slots = 0;
	raw->c_epoch = cpu_to_le64(b->epoch);
	for (i = 0; i < b->snapshots; i++) {
		raw->c_snapshot[i].n_count = cpu_to_le64(b->snapshot[i]->as_of.count);
		raw->c_snapshot[i].n_dead_ino = cpu_to_le64(b->snapshot[i]->dead->i_ino);
	}
}

/*
 * In the transaction.  What fails before anything old is touched is undone; later the log is
 * aborted.
 */
static int swap_planes(struct compaction *k, vx_txn *handle, vx_buf *bh)
{
	struct inode *old[MAX_PLANES], *new[MAX_PLANES];
	u32 i, n = planes_of(k->to, new);
	int err = vx_txn_write(handle, bh), undo;

	if (WARN_ON_ONCE(planes_of(k->from, old) != n))
		return -EUCLEAN;
	for (i = 0; i < n && !err; i++)
		err = vexfs_inode_access(handle, old[i]);
	if (err)
		return err;
	for (i = 0; i < n && !err; i++)
		err = new[i] ? vexfs_adopt_hidden(handle, new[i]) : 0;
	if (err) {
		for (undo = 0; i > 1; i--)
			if (new[i - 2])
				undo = vexfs_unlink_hidden(handle, new[i - 2]) ?: undo;
		if (undo)
			vexfs_abort(handle, undo);
		return err;
	}
	fill_block(k, vexfs_schema_raw(bh));
	vexfs_collection_stamp(k->c, bh);
	err = vx_txn_dirty(handle, VEXFS_I(k->c->dir)->core.fs, bh);
	for (i = 0; i < n && !err; i++)
		err = old[i] ? vexfs_unlink_hidden(handle, old[i]) : 0;
	if (err)
		vexfs_abort(handle, err);
	return err;
}

/* commit_lock and lock held, everything committed and copied. */
static int log_swap(struct compaction *k)
{
	struct vexfs_collection_mem *c = k->c;
	vx_buf *bh = vexfs_collection_block(c);
	vx_txn *handle;
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	handle = vexfs_start(c->dir->i_sb, SWAP_CREDITS);
	err = PTR_ERR_OR_ZERO(handle);
	if (!err) {
		err = swap_planes(k, handle, bh);
		if (!err) {
			c->tid = vexfs_tid(handle);
			c->in_log = true;
		}
		err = vexfs_stop(handle, err);
	}
	vx_brelse(bh);
	return err;
}

/* All locks held. */
static int swap_bodies(struct compaction *k)
{
	struct vexfs_collection_mem *c = k->c;
	int err;

	err = c->gone ?: vexfs_commit_part(c) ?: copy_round(k, true);
	if (err)
		return err;
	if (WARN_ON_ONCE(vexfs_columns_live(k->to->columns) !=
			 vexfs_columns_live(k->from->columns)))
		return -EUCLEAN;
	vexfs_files_copy(&k->to->files, &k->from->files);
	err = write_dead(k) ?: vexfs_heirs_write(c, k->to) ?: write_planes(k->to) ?: log_swap(k);
	if (err)
		return err;
	vexfs_derived_count(c, k->to);
	if (k->heir)
		vexfs_derived_install(k->heir);
	spin_lock(&c->prog_lock);
	c->body = k->to;
	spin_unlock(&c->prog_lock);
	k->lost = k->derived && !k->heir;
	k->heir = NULL;
	c->committed = k->count;
	c->committed_keys = k->to->key_end;
	vexfs_plane_tight(k->to->vectors, false);
	vexfs_plane_tight(k->to->records, false);
	vexfs_plane_tight(k->to->keys, false);
	k->to = k->from;		/* its reference was the collection's: end() drops both */
	return 0;
}

/* snapshots_lock held: the set of snapshots is what it will be. */
static int finish(struct compaction *k, bool *unpinned)
{
	struct vexfs_collection_mem *c = k->c;
	u32 i;
	int err;

	err = vexfs_snapshots_load(k->from) ?: copy_round(k, true) ?: write_planes(k->to);
	for (i = 0; i < k->from->snapshots && !err; i++)
		err = map_snapshot(k, k->from->snapshot[i]);
	if (err)
		return err;
	if (mutex_lock_killable(&c->commit_lock))
		return -EINTR;
	err = vexfs_commit_all(c, unpinned);
	if (!err)
		err = mutex_lock_killable(&c->lock);
	if (!err) {
		err = swap_bodies(k);
		mutex_unlock(&c->lock);
	}
	if (!err) {
		err = vexfs_commit_barrier(c->dir->i_sb, c->tid);
		if (!err)
			c->in_log = false;
	}
	mutex_unlock(&c->commit_lock);
	return err;
}

/*
 * Take snapshots_lock, with an orphan there for each snapshot.  They come and go outside of locks:
 * to free one waits while the filesystem is being frozen, and that waits for who waits for the
 * locks.
 */
static int lock_snapshots(struct compaction *k)
{
	struct vexfs_collection_mem *c = k->c;
	struct inode *inode;

	for (;;) {
		if (mutex_lock_killable(&c->snapshots_lock))
			return -EINTR;
		if (k->spares >= k->from->snapshots)
			return 0;
		mutex_unlock(&c->snapshots_lock);
		inode = vexfs_new_orphan(c->dir, VEXFS_INODE_METADATA);
		if (IS_ERR(inode))
			return PTR_ERR(inode);
		k->spare[k->spares++] = inode;
	}
}

static int compact(struct compaction *k, bool *unpinned)
{
	struct vexfs_collection_mem *c = k->c;
	u32 rounds = 0;
	int err;

	do {
		err = copy_round(k, false);
		k->rests = false;
	} while (!err && ++rounds < MAX_ROUNDS &&
		 vexfs_columns_count(k->from->columns) - k->done > MAX_REST);
	/* what is still to come is scanned until the worker has put it into lists, too */
	if (!err && k->heir)
		vexfs_derived_carry_lists(k->heir, k->derived, k->kept, k->done);
	if (!err)
		err = write_planes(k->to) ?: lock_snapshots(k);
	if (err)
		return err;
	err = finish(k, unpinned);
	mutex_unlock(&c->snapshots_lock);
	return err;
}

/* Is it worth it?  1, 0 or an error.  *keep of *count slots would be left. */
static int worth_it(struct vexfs_collection_mem *c, u32 min_dead, u64 *count, u64 *keep)
{
	s64 n;

	if (mutex_lock_killable(&c->snapshots_lock))	/* the body stays, then */
		return -EINTR;
	*count = vexfs_columns_count(c->body->columns);
	n = vexfs_snapshots_load(c->body);
	if (!n)
		n = garbage(c->body, *count);
	mutex_unlock(&c->snapshots_lock);
	*keep = *count - max(n, 0LL);
	return n < 0 ? n : n && (u64)n * 100 >= *count * min_dead;
}

/*
 * alone: nobody waits for us, or holds off a freeze.  end() must not be inside: freeing an inode does that
 * itself, and would wait for who waits for us.
 */
static int compact_once(struct vexfs_collection_mem *c, u32 min_dead, bool alone, u64 *before,
			u64 *after)
{
	struct compaction k = { .rests = alone };
	u64 start = vx_clock_us();
	bool unpinned = false;
	int err;

	if (atomic_cmpxchg(&c->compacting, 0, 1))
		return -EBUSY;
	*before = *after = 0;
	err = -EBUSY;
	if (alone && !vexfs_work_begin(c->dir->i_sb))
		goto out;
	/* records of files that are gone; what fails is for the next time */
	vexfs_record_sweep(c);
	err = worth_it(c, min_dead, before, &k.keep);
	*after = k.of = *before;
	if (err > 0) {
		WRITE_ONCE(c->compact_lacked, 0);
		err = begin(&k, c) ?: compact(&k, &unpinned);
		if (err == -ENOSPC && !c->compact_lacked)	/* not as much as we thought */
			WRITE_ONCE(c->compact_lacked, VEXFS_BLOCK_SIZE);
		*after = err ? *before : k.count;
		vexfs_event_compact(c->dir, *before, *after, vx_clock_us() - start, err);
	}
	if (alone)
		vexfs_work_end(c->dir->i_sb);
	end(&k);
out:
	WRITE_ONCE(c->compact_total, 0);
	WRITE_ONCE(c->compact_done, 0);
	atomic_set_release(&c->compacting, 0);
	if (unpinned)
		iput(c->dir);
	return err;
}

/* The same.  What is derived has no room that records lack. */
static int compact_somehow(struct vexfs_collection_mem *c, u32 min_dead, bool alone, u64 *before,
			   u64 *after)
{
	int err = compact_once(c, min_dead, alone, before, after);

	if (err == -ENOSPC && vexfs_checkpoints_drop(c->dir->i_sb))
		err = compact_once(c, min_dead, alone, before, after);
	return err;
}

int vexfs_collection_compact(struct vexfs_collection_mem *c, u32 min_dead, u64 *before, u64 *after)
{
	return compact_somehow(c, min_dead, false, before, after);
}

int vexfs_compact_by_itself(struct vexfs_collection_mem *c)
{
	u32 percent = READ_ONCE(VEXFS_SB(c->dir->i_sb)->opts.compact);
	struct vexfs_body *b;
	u64 count, dead, after;
	int err;

	if (may_go_on(c) || vx_clock_us() < c->compact_after)
		return 0;
	b = vexfs_body_get(c);
	count = vexfs_columns_count(b->columns);
	dead = count - min(count, vexfs_columns_live(b->columns));
	vexfs_body_put(b);
	if (!percent || dead < BY_ITSELF_SLOTS || dead * 100 < count * percent)
		return 0;
	err = compact_somehow(c, percent, true, &count, &after);
	if (err || count == after)
		c->compact_after = vx_clock_us() + AGAIN_US;
	return 0;
}
