// SPDX-License-Identifier: GPL-2.0
/*
 * Loading a collection: its block, its planes, and all its records, which are entered into what is
 * derived from them in the order of their slots.
 *
 * Nothing is believed: counts, numbers and lengths are checked against what is there.  A record that
 * cannot be is lost (lost.c), and the others are there; without the block, the bitmap or the words
 * there is no telling what the others are, and the collection does not load.
 *
 * Lock: vexfs_collection_mem.lock, over all of a load; see vexfs.h for what is taken inside.
 */
#include "collection/collection.h"

#define LOAD_RECORDS	512		/* read at a time */
#define LOAD_AHEAD	256		/* pages read ahead */

/* A cursor over the dead bitmap, and what must hold between records. */
struct loading {
	u64 count, next_seq;
	u64 live;
	struct vexfs_body *b;
	vx_buf *dead;			/* bitmap block of the slot at hand */
	u32 *died;			/* the log of deaths, ascending: so many, and the next */
	u64 deaths, at;
	struct vexfs_heirs *heirs;
	struct vexfs_trial trial;
	/* since these there were only reads that failed: of records and keys */
	u64 failed;
};

#define damaged(c, ...) (vexfs_complain((c)->dir, __VA_ARGS__), -EUCLEAN)

static int load_binding(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot,
			const struct vexfs_record *r, const struct vexfs_heirs *heirs,
			const struct vexfs_file *like)
{
	struct vexfs_file_id id = { le64_to_cpu(r->r_file), le32_to_cpu(r->r_file_generation) },
			     now;
	struct vexfs_bound_file *f;

	if (!like)
		vexfs_heirs_find(heirs, &id, &now);
	f = vexfs_file_load(c->dir->i_sb, &b->files, &id, &now, like);
	return IS_ERR(f) ? PTR_ERR(f) : vexfs_columns_bind(b->columns, slot, &f->file);
}

int vexfs_body_enter(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot,
		     const struct vexfs_record *r, bool dead, const struct vexfs_heirs *heirs,
		     const struct vexfs_file *like)
{
	s64 attr[VEXFS_MAX_ATTRS];
	u32 i;
	int err;

	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		attr[i] = le64_to_cpu(r->r_attr[i]);
	err = vexfs_columns_put(b->columns, slot, le64_to_cpu(r->r_id), attr);
	if (!err && r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND))
		err = load_binding(c, b, slot, r, heirs, like);
	if (err)
		return err;
	vexfs_columns_publish(b->columns, slot + 1);
	if (dead)
		vexfs_columns_kill(b->columns, slot);
	return 0;
}

/* Is the slot at hand dead?  They come in order. */
static int load_dead(struct loading *l, u64 slot, bool *dead)
{
	u32 bit = slot % VEXFS_DEAD_SLOTS;
	int err;

	if (!bit) {
		vx_brelse(l->dead);
		l->dead = vexfs_dead_block(l->b->dead, slot / VEXFS_DEAD_SLOTS);
		if (IS_ERR(l->dead)) {
			err = PTR_ERR(l->dead);
			l->dead = NULL;
			return err;
		}
	}
	*dead = test_bit_le(bit, ((struct vexfs_dead_block *)vx_data(l->dead))->x_bits);
	for (; l->at < l->deaths && l->died[l->at] == slot; l->at++)
		*dead = true;
	l->live += !*dead;
	return 0;
}

/* The record of the next slot is lost.  It had an id, which is not to be given again. */
static int lose(struct vexfs_collection_mem *c, struct loading *l, u64 slot, u32 why, bool dead)
{
	c->next_id = vexfs_id_after(c->next_id, c->next_id);
	return vexfs_trial_lose(&l->trial, slot, why, true, dead);
}

/* Has none of the records so far had this id? */
static bool is_new(const struct vexfs_collection_mem *c, u64 id)
{
	return id >= c->next_id && id < U64_MAX;
}

/* What is wrong with the record, as far as one can tell without its row; *why 0: nothing. */
static int try_record(struct vexfs_collection_mem *c, struct loading *l, u64 slot,
		      const struct vexfs_record *r, u32 *why)
{
	u64 seq = le64_to_cpu(r->r_seq), other;
	int err = 0;

	*why = !seq || seq >= l->next_seq ? VEXFS_LOST_FIELD : vexfs_record_wrong(c, r);
	if (!*why)
		err = vexfs_trial_order(&l->trial, slot, seq, why);
	if (err || *why || is_new(c, le64_to_cpu(r->r_id)) ||
	    vexfs_columns_find(l->b->columns, le64_to_cpu(r->r_id), &other))
		return err;
	*why = VEXFS_LOST_ID;
	return vexfs_trial_two(&l->trial, slot, other, why);
}

/* The key of a live record that was entered. */
static int load_key(struct vexfs_collection_mem *c, struct loading *l, u64 slot,
		    const struct vexfs_record *r)
{
	u64 other, r_key = le64_to_cpu(r->r_key);
	u32 why = 0, tries = VEXFS_LOST_TRIES;
	int err;

	for (;;) {
		err = vexfs_key_load(c, l->b, slot, r_key, &other);
		l->failed = err == -EIO ? l->failed + 1 : 0;
		if (err == -EEXIST) {
			why = VEXFS_LOST_SAME_KEY;
			err = vexfs_trial_two(&l->trial, slot, other, &why);
			if (!err && !why)
				continue;	/* the other one has none now */
		} else if (err == -EIO && --tries) {
			continue;
		} else if (err == -EUCLEAN || err == -EIO) {
			why = VEXFS_LOST_KEY;
			err = 0;
		}
		break;
	}
	return err || !why ? err : vexfs_trial_lose(&l->trial, slot, why, false, false);
}

/* r NULL: it cannot be read. */
static int load_record(struct vexfs_collection_mem *c, struct loading *l, u64 slot,
		       const struct vexfs_record *r)
{
	u32 why = VEXFS_LOST_UNREAD;
	bool dead = false;
	int err = load_dead(l, slot, &dead);

	if (!err && r)
		err = try_record(c, l, slot, r, &why);
	if (err)
		return err;
	if (why)
		return lose(c, l, slot, why, dead);
	vexfs_trial_good(&l->trial, slot, le64_to_cpu(r->r_seq));
	c->next_id = vexfs_id_after(c->next_id, le64_to_cpu(r->r_id));
	err = vexfs_body_enter(c, l->b, slot, r, dead, l->heirs, NULL);
	return err || dead || !vexfs_record_keyed(r) ? err : load_key(c, l, slot, r);
}

/* n records from slot on, which could not be read at once: as many as can be, one by one. */
static int load_each(struct vexfs_collection_mem *c, struct loading *l, u64 slot, u64 n,
		     struct vexfs_record *buf)
{
	u64 i;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		if (vx_killed())
			return -EINTR;
		err = vexfs_plane_read(l->b->records, (slot + i) * sizeof(*buf), buf, sizeof(*buf));
		l->failed = err == -EIO ? l->failed + 1 : 0;
		if (!err || err == -EIO)
			err = load_record(c, l, slot + i, err ? NULL : buf);
	}
	return err;
}

/* No bit may be set beyond the count. */
static int check_dead_tail(struct vexfs_collection_mem *c, const struct loading *l)
{
	const struct vexfs_dead_block *x;
	u32 used = l->count % VEXFS_DEAD_SLOTS;

	if (!used)
		return 0;
	x = vx_data(l->dead);
	if (find_next_bit_le(x->x_bits, VEXFS_DEAD_SLOTS, used) < VEXFS_DEAD_SLOTS)
		return damaged(c, "slots beyond the count are dead");
	return 0;
}

static int load_records(struct vexfs_collection_mem *c, struct loading *l)
{
	const u64 per_page = PAGE_SIZE / VEXFS_RECORD_BYTES;
	struct vexfs_record *buf;
	u64 slot, n, i, room = 0;
	int err = 0;

	if (!l->count)
		return 0;
	buf = kvmalloc_array(LOAD_RECORDS, VEXFS_RECORD_BYTES, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	for (slot = 0; slot < l->count && !err; slot += n) {
		n = min_t(u64, l->count - slot, LOAD_RECORDS);
		if (slot % (LOAD_AHEAD * per_page) == 0)
			vexfs_plane_ahead(l->b->records, slot / per_page,
					  min_t(u64, LOAD_AHEAD,
						DIV_ROUND_UP_ULL(l->count - slot, per_page)));
		/*
		 * step by step: a damaged count must not make us reserve for records that are not
		 * there
		 */
		if (slot + n > room) {
			room = min(l->count, max_t(u64, 8 * room, 1 << 16));
			err = vexfs_columns_reserve(l->b->columns, room);
		}
		if (!err)
			err = vexfs_plane_read(l->b->records, slot * VEXFS_RECORD_BYTES, buf,
					       n * VEXFS_RECORD_BYTES);
		if (err == -EIO) {
			err = load_each(c, l, slot, n, buf);
			continue;
		}
		for (i = 0; i < n && !err; i++)
			err = load_record(c, l, slot + i, buf + i);
		if (!err && vx_killed())
			err = -EINTR;
		cond_resched();
	}
	/* a block that cannot be read is lost; if nothing can, that is no damage, and may pass */
	if (!err && l->failed)
		err = vexfs_plane_read(l->b->vectors, 0, buf,
				       min_t(u64, l->count * c->row_bytes, PAGE_SIZE));
	if (!err)
		err = check_dead_tail(c, l);
	if (!err && l->at < l->deaths)
		err = damaged(c, "slots beyond the count are dead");
	kvfree(buf);
	return err;
}

static int load_deaths(struct vexfs_body *b, struct loading *l)
{
	u32 *died;

	if (b->deaths_begin == b->deaths_end)
		return 0;
	died = vexfs_deaths_read(b, &l->deaths);
	if (IS_ERR(died))
		return PTR_ERR(died);
	l->died = died;
	return 0;
}

static int load_columns(struct vexfs_collection_mem *c, struct vexfs_body *b,
			const struct vexfs_collection *raw)
{
	struct loading l = {
		.count = le64_to_cpu(raw->c_count),
		.next_seq = le64_to_cpu(raw->c_next_seq),
		.b = b,
		.trial.b = b,
	};
	int err;

	b->columns = vexfs_columns_new(c->attrs);
	if (!b->columns)
		return -ENOMEM;
	vexfs_record_watch(b);
	l.heirs = vexfs_heirs_load(b);
	if (IS_ERR(l.heirs))
		return PTR_ERR(l.heirs);
	err = load_deaths(b, &l);
	if (!err)
		err = load_records(c, &l);
	vx_brelse(l.dead);
	kvfree(l.died);
	vexfs_trial_end(&l.trial);
	if (!err)
		vexfs_heirs_link(l.heirs, b);
	kvfree(l.heirs);
	if (!err && l.live != le64_to_cpu(raw->c_live))
		err = damaged(c, "%llu records live, not %llu", l.live, le64_to_cpu(raw->c_live));
	return err;
}

/* The planes of a block, checked, and what is derived from them. */
static int load_body(struct vexfs_collection_mem *c, struct vexfs_body *b,
		     const struct vexfs_collection *raw)
{
	u64 count = le64_to_cpu(raw->c_count);
	int err;

	b->epoch = le64_to_cpu(raw->c_epoch);
	b->key_end = le64_to_cpu(raw->c_key_bytes);
	b->deaths_begin = le64_to_cpu(raw->c_deaths_begin);
	b->deaths_end = b->deaths_room = le64_to_cpu(raw->c_deaths_end);
	if (b->deaths_begin > b->deaths_end || (!raw->c_deaths && b->deaths_end))
		return damaged(c, "a bad log of dead slots");
	err = vexfs_body_open(b, raw);
	if (!err)
		err = vexfs_plane_size(b->vectors, count * c->row_bytes, "vectors") ?:
		      vexfs_plane_size(b->records, count * VEXFS_RECORD_BYTES, "records") ?:
		      vexfs_plane_size(b->keys, b->key_end, "keys");
	if (!err && b->deaths)
		err = vexfs_plane_size(b->deaths, b->deaths_end, "deaths");
	if (err)
		return err;
	b->dead_blocks = VEXFS_I(b->dead)->core.disk_size >> VEXFS_BLOCK_SHIFT;
	if (b->dead_blocks < DIV_ROUND_UP_ULL(count, VEXFS_DEAD_SLOTS))
		return damaged(c, "its dead bitmap is too short");
	b->vectors_since = vexfs_plane_mark(b->vectors);
	b->records_since = vexfs_plane_mark(b->records);
	b->keys_since = vexfs_plane_mark(b->keys);
	if (b->deaths)
		b->deaths_since = vexfs_plane_mark(b->deaths);
	return load_columns(c, b, raw);
}

int vexfs_collection_load(struct vexfs_collection_mem *c)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(c->dir->i_sb);
	struct vexfs_collection *raw;
	vx_buf *bh;
	struct vexfs_body *b;
	bool dropped;
	int err;

	spin_lock(&c->dir->i_lock);
	dropped = !vexfs_is_collection(c->dir);
	c->block = VEXFS_I(c->dir)->core.collection;
	spin_unlock(&c->dir->i_lock);
	if (dropped)
		return -ENODATA;
	bh = vexfs_schema_read(c->dir, c->block);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	raw = vexfs_schema_raw(bh);
	err = vexfs_schema_supported(raw);
	if (err)
		goto out;
	c->dims = le32_to_cpu(raw->c_dims);
	c->metric = le16_to_cpu(raw->c_metric);
	c->attrs = le32_to_cpu(raw->c_attrs);
	c->row_bytes = c->dims * sizeof(__le32);
	memcpy(c->attr, raw->c_attr, sizeof(c->attr));
	c->crc_seed = crc32c(~0, raw->c_uuid, sizeof(raw->c_uuid));
	c->committed = le64_to_cpu(raw->c_count);
	c->committed_seq = c->next_seq = le64_to_cpu(raw->c_next_seq);
	c->committed_keys = le64_to_cpu(raw->c_key_bytes);
	get_random_bytes(&c->hash_seed, sizeof(c->hash_seed));
	if (le32_to_cpu(raw->c_row_bytes) != c->row_bytes) {
		err = damaged(c, "rows of %u bytes, not %u", le32_to_cpu(raw->c_row_bytes),
			      c->row_bytes);
		goto out;
	}
	b = vexfs_body_new(c);
	/* from now on unlink of a file finds its entry */
	mutex_lock(&sbi->collections_lock);
	list_add_tail(&c->list, &sbi->collections);
	mutex_unlock(&sbi->collections_lock);
	err = b ? vexfs_words_load(c, raw) ?: load_body(c, b, raw) : -ENOMEM;
	if (!err)
		err = vexfs_files_refresh(b) ?: vexfs_programs_load(c, raw);
	if (err) {
		mutex_lock(&sbi->collections_lock);
		list_del_init(&c->list);
		mutex_unlock(&sbi->collections_lock);
		vexfs_programs_drop(c);
		vexfs_body_put(b);
		vexfs_words_free(c);
		goto out;
	}
	c->body = b;
	vexfs_derived_count(c, b);
	smp_store_release(&c->loaded, true);
out:
	vx_brelse(bh);
	return err;
}
