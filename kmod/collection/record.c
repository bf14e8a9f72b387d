// SPDX-License-Identifier: GPL-2.0
/*
 * Records of a collection: insert, delete, fetch.  commit.c says what an acknowledged operation is
 * and how it becomes durable.
 *
 * An insert fills slots beyond the published count, on the planes and in memory, and publishes them
 * as the last step; whatever fails before that leaves bytes that the next insert overwrites.  The
 * planes come first, with insert_lock alone: who deletes, looks up or commits does not wait for
 * them.  What only lock tells is guessed, and written once more under it if the guess was wrong.
 *
 * Locks: see vexfs.h.  insert and delete hold i_rwsem shared, against rmdir.
 */
#include "collection/collection.h"

#define SWEEP_BATCH	256			/* killed at a time, under one lock */
#define RECORDS_BATCH	32			/* built at a time: a page of them */

/* --- insert --- */

u32 vexfs_record_crc(const struct vexfs_body *b, u64 slot, const struct vexfs_record *r,
		      const void *row, const u8 *key, u32 key_len)
{
	__le64 s = cpu_to_le64(slot);
	u32 crc = crc32c(b->crc_seed, &s, sizeof(s));

	crc = crc32c(crc, (const u8 *)r + sizeof(r->r_crc), sizeof(*r) - sizeof(r->r_crc));
	crc = crc32c(crc, row, b->row_bytes);
	return key_len ? crc32c(crc, key, key_len) : crc;
}

/* What an insert in progress has to undo or to finish. */
struct inserting {
	struct vexfs_body *body;	/* a reference: what the planes were filled for ... */
	u64 first;			/* ... from this slot on ... */
	u64 seq, id;			/* ... with this sequence number, and this id to be given */
	bool guessed;			/* the ids of the records are those that are written */
	bool done;
	u32 n;				/* records that are in the columns and maps */
	u64 *by_id, *by_key;		/* upsert: slots that record i replaces, or VEXFS_NO_SLOT */
	u64 next_id, gap_id;		/* of the collection, when this is done */
	u32 victims;
	struct list_head spare;		/* for their deaths */
	struct vexfs_dead_set set;
};

static void make_record(struct vexfs_collection_mem *c, const struct vexfs_new_records *new,
			const struct inserting *in, u32 i, struct vexfs_record *r)
{
	const struct vexfs_keys *keys = &new->keys;
	u32 k, key_len = keys->n ? keys->len[i] : 0;
	const u8 *key = NULL;

	memset(r, 0, sizeof(*r));
	if (new->binds.target && new->binds.target[i]) {
		const struct vexfs_target *t = new->binds.target[i];

		r->r_flags |= cpu_to_le32(VEXFS_RECORD_BOUND);
		r->r_file = cpu_to_le64(t->inode->i_ino);
		r->r_file_generation = cpu_to_le32(t->inode->i_generation);
		r->r_file_off = cpu_to_le64(new->binds.bind[i].off);
		r->r_file_len = cpu_to_le32(new->binds.bind[i].len);
		r->r_file_change = cpu_to_le64(t->change);
	}
	r->r_id = cpu_to_le64(new->ids[i]);
	r->r_seq = cpu_to_le64(in->seq + i);
	for (k = 0; new->attrs && k < c->attrs; k++)
		r->r_attr[k] = cpu_to_le64(new->attrs[(size_t)i * c->attrs + k]);
	if (key_len) {
		key = keys->byte + keys->off[i];
		r->r_flags |= cpu_to_le32(VEXFS_RECORD_KEYED);
		r->r_key = cpu_to_le64((in->body->key_end + keys->off[i]) << 8 | key_len);
	}
	r->r_crc = cpu_to_le32(vexfs_record_crc(in->body, in->first + i, r,
						new->rows + (size_t)i * c->row_bytes, key,
						key_len));
}

static int write_records(struct vexfs_collection_mem *c, const struct vexfs_new_records *new,
			 const struct inserting *in)
{
	struct vexfs_record *buf;
	u32 i, j, some;
	int err = 0;

	buf = kmalloc_array(RECORDS_BATCH, sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < new->n && !err; i += some) {
		/* whole pages: what is written in part has to be read before */
		some = min_t(u32, new->n - i, RECORDS_BATCH - (in->first + i) % RECORDS_BATCH);
		for (j = 0; j < some; j++)
			make_record(c, new, in, i + j, buf + j);
		err = vexfs_plane_write(in->body->records, (in->first + i) * sizeof(*buf), buf,
					some * sizeof(*buf));
	}
	kfree(buf);
	return err;
}

/* Where the planes go on.  insert_lock held. */
static int begin_insert(struct vexfs_collection_mem *c, struct inserting *in)
{
	int err = mutex_lock_killable(&c->lock);

	if (err)
		return err;
	err = c->gone ?: vexfs_body_errors(c->body);
	if (!err) {
		in->body = vexfs_body_get(c);
		in->first = vexfs_columns_count(in->body->columns);
		in->seq = c->next_seq;
		in->id = c->next_id;
	}
	mutex_unlock(&c->lock);
	return err;
}

/* The ids that records will be given, if nobody is faster; enter() gives them. */
static void guess_ids(const struct vexfs_new_records *new, const struct inserting *in)
{
	const struct vexfs_keys *keys = &new->keys;
	u64 id = in->id;
	u32 i;

	for (i = 0; i < new->n; i++)
		if (keys->known && keys->body == in->body && keys->known[i] != VEXFS_NO_SLOT)
			new->ids[i] = vexfs_columns_id(in->body->columns, keys->known[i]);
		else
			new->ids[i] = id < U64_MAX ? id++ : 0;
}

/* All that the planes need to hold of it, behind what is published.  insert_lock held. */
static int write_new(struct vexfs_collection_mem *c, const struct vexfs_new_records *new,
		     const struct inserting *in)
{
	struct vexfs_body *b = in->body;
	u64 first = in->first, end = first + new->n;

	if (new->auto_id)
		guess_ids(new, in);
	return vexfs_plane_reserve(b->vectors, first * b->row_bytes, end * b->row_bytes) ?:
	       vexfs_plane_reserve(b->records, first * VEXFS_RECORD_BYTES,
				   end * VEXFS_RECORD_BYTES) ?:
	       vexfs_plane_reserve(b->keys, b->key_end, b->key_end + new->keys.bytes) ?:
	       vexfs_dead_grow(b, end) ?:
	       vexfs_plane_write(b->vectors, first * b->row_bytes, new->rows,
				 (size_t)new->n * b->row_bytes) ?:
	       vexfs_plane_write(b->keys, b->key_end, new->keys.byte, new->keys.bytes) ?:
	       write_records(c, new, in);
}

/*
 * An id that no live record has.  c->lock held.  Normally the next one.  When a record has the last
 * id, the lowest that was not looked at before; each one looked at in vain is that of a record, so
 * this ends.
 */
static int give_id(struct vexfs_collection_mem *c, struct inserting *in, __u64 *id)
{
	u64 slot, tries = vexfs_columns_live(c->body->columns);

	if (in->next_id < U64_MAX) {
		*id = in->next_id++;
		return 0;
	}
	for (;; tries--) {
		*id = in->gap_id;
		in->gap_id = in->gap_id < U64_MAX - 1 ? in->gap_id + 1 : 0;
		if (vexfs_columns_find(c->body->columns, *id, &slot))
			return 0;
		if (WARN_ON_ONCE(!tries))
			return -ENOSPC;
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
}

/* Record i into the columns and maps.  c->lock held. */
static int enter(struct vexfs_collection_mem *c, const struct vexfs_new_records *new, u32 i,
		 struct inserting *in)
{
	static const __s64 zeros[VEXFS_MAX_ATTRS];
	const __s64 *attr = new->attrs ? new->attrs + (size_t)i * c->attrs : zeros;
	const struct vexfs_keys *keys = &new->keys;
	struct vexfs_body *b = c->body;
	const struct vexfs_target *target = new->binds.target ? new->binds.target[i] : NULL;
	u64 old = VEXFS_NO_SLOT, other = VEXFS_NO_SLOT;
	bool keyed = keys->n && keys->len[i];
	u64 guess = new->ids[i];
	int err;

	if (!vexfs_words_known(c, attr))
		return -EINVAL;
	if (target && vexfs_file_gone(target->file))	/* it has vanished a moment ago */
		return -ENOENT;
	if (keyed) {
		err = vexfs_key_find(b, keys, i, in->first, &other);
		if (!err && !new->upsert)
			return -EEXIST;
		if (err && err != -ENOENT)
			return err;
	}
	if (new->auto_id) {
		err = 0;
		if (other != VEXFS_NO_SLOT)
			new->ids[i] = vexfs_columns_id(b->columns, other);
		else
			err = give_id(c, in, new->ids + i);
		if (err)
			return err;
		in->guessed &= new->ids[i] == guess;
	}
	if (new->upsert)
		err = vexfs_columns_replace(b->columns, in->first + i, new->ids[i], attr, &old);
	else
		err = vexfs_columns_put(b->columns, in->first + i, new->ids[i], attr);
	if (err)
		return err;
	if (keyed)
		vexfs_map_put(&b->key_map, keys->hash[i], in->first + i);
	if (new->upsert) {
		in->by_id[i] = old;
		in->by_key[i] = other;
		in->victims += (old != VEXFS_NO_SLOT) + (other != VEXFS_NO_SLOT);
	}
	in->n++;
	in->next_id = vexfs_id_after(in->next_id, new->ids[i]);
	return target ? vexfs_columns_bind(b->columns, in->first + i, &target->file->file) : 0;
}

/*
 * Take back what enter() did.  What was written lies beyond the count: the next insert overwrites
 * it.
 */
static void undo(struct vexfs_collection_mem *c, const struct vexfs_new_records *new,
		 struct inserting *in)
{
	struct vexfs_body *b = c->body;

	while (in->n) {
		u32 i = --in->n;

		vexfs_columns_unput(b->columns, in->first + i,
				    new->upsert ? in->by_id[i] : VEXFS_NO_SLOT);
		if (new->keys.n && new->keys.len[i])
			vexfs_map_del(&b->key_map, new->keys.hash[i], in->first + i);
	}
}

static void replace(struct vexfs_collection_mem *c, u64 slot, u64 count, struct list_head *spare)
{
	if (slot == VEXFS_NO_SLOT || vexfs_columns_dead(c->body->columns, slot))
		return;
	WARN_ON_ONCE(!vexfs_death_add(c, slot, spare));
	vexfs_columns_supersede(c->body->columns, slot, count);
}

/* All of it into memory, with what it replaces.  c->lock held; undo() after an error. */
static int enter_all(struct vexfs_collection_mem *c, struct vexfs_new_records *new,
		     struct inserting *in)
{
	struct vexfs_body *b = c->body;
	u32 i;
	int err;

	in->n = in->victims = 0;
	in->next_id = c->next_id;
	in->gap_id = c->gap_id;
	in->guessed = in->seq == c->next_seq;
	err = vexfs_columns_reserve(b->columns, in->first + new->n) ?:
	      vexfs_map_reserve(&b->key_map, new->keys.n) ?: vexfs_binds_enter(b, &new->binds);
	for (i = 0; i < new->n && !err; i++) {
		err = vx_killed() ? -EINTR : enter(c, new, i, in);
		if (err == -EEXIST || err == -EINVAL || err == -ENOENT)
			new->bad = i;
		cond_resched();
	}
	if (!err && in->victims)	/* by_key follows by_id */
		err = vexfs_deaths_fit(c, in->by_id, 2 * new->n, &in->set);
	return err ?: vexfs_deaths_reserve(&in->spare, in->victims, 0);
}

/*
 * c->lock held.  -EAGAIN: make the log of deaths, and try again; -ESTALE: compaction has made
 * another body meanwhile: try again.
 */
static int insert_locked(struct vexfs_collection_mem *c, struct vexfs_new_records *new,
			 struct inserting *in)
{
	struct vexfs_body *b = c->body;
	u64 end = in->first + new->n;
	u32 i;
	int err;

	if (c->gone || b != in->body)
		return c->gone ?: -ESTALE;
	err = vexfs_body_errors(b) ?: vexfs_words_errors(c);
	if (err)
		return err;
	err = enter_all(c, new, in);
	if (!err && !in->guessed) {
		in->seq = c->next_seq;
		err = write_records(c, new, in);
	}
	if (err) {
		undo(c, new, in);
		return err;
	}
	/* before the new ones are there, see engine.h */
	for (i = 0; i < new->n && in->victims; i++) {
		replace(c, in->by_id[i], end, &in->spare);
		replace(c, in->by_key[i], end, &in->spare);
	}
	new->seq = c->next_seq;
	c->next_seq += new->n;
	c->next_id = in->next_id;
	c->gap_id = in->gap_id;
	/* compaction looks without the lock */
	WRITE_ONCE(b->key_end, b->key_end + new->keys.bytes);
	vexfs_commit_pin(c);
	vexfs_derived_count(c, b);
	vexfs_columns_publish(b->columns, end);
	in->done = true;
	return 0;
}

/* One try; i_rwsem held. */
static int try_insert(struct vexfs_collection_mem *c, struct vexfs_new_records *new,
		      struct inserting *in)
{
	int err = mutex_lock_killable(&c->insert_lock);

	if (err)
		return err;
	err = begin_insert(c, in);
	if (!err)
		err = write_new(c, new, in) ?: mutex_lock_killable(&c->lock);
	if (!err) {
		err = insert_locked(c, new, in);
		mutex_unlock(&c->lock);
	}
	mutex_unlock(&c->insert_lock);
	return err;
}

/* Try until it is in, or cannot be. */
static int insert(struct vexfs_collection_mem *c, struct vexfs_new_records *new,
		  struct inserting *in)
{
	int err;

	do {
		if (new->keys.n)
			vexfs_keys_look(c, &new->keys);
		err = try_insert(c, new, in);
		if (in->done)
			break;
		vexfs_body_put(in->body);
		in->body = NULL;
		if (err == -EAGAIN)
			err = vexfs_deaths_make(c) ?: -EAGAIN;
		else if (err == -ENOSPC && vexfs_checkpoints_drop(c->dir->i_sb))
			err = -EAGAIN;
	} while (err == -EAGAIN || err == -ESTALE);
	return err;
}

static int check_rows(struct vexfs_collection_mem *c, struct vexfs_new_records *new)
{
	u32 i;
	int err;

	for (i = 0; i < new->n; i++) {
		err = vexfs_row_check(c->metric, new->rows + (size_t)i * c->row_bytes, c->dims);
		if (err) {
			new->bad = i;
			return err;
		}
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int vexfs_record_insert(struct vexfs_collection_mem *c, struct vexfs_new_records *new)
{
	struct vexfs_body *b;
	struct inserting *in;
	int err;

	err = check_rows(c, new);
	if (err)
		return err;
	in = kzalloc(sizeof(*in), GFP_KERNEL_ACCOUNT);
	if (!in)
		return -ENOMEM;
	INIT_LIST_HEAD(&in->spare);
	err = -ENOMEM;
	if (new->upsert) {
		in->by_id = kvmalloc_array(new->n, 2 * sizeof(u64), GFP_KERNEL_ACCOUNT);
		if (!in->by_id)
			goto out;
		in->by_key = in->by_id + new->n;
	}
	/* throttle writers before any lock is taken */
	b = vexfs_body_get(c);
	vexfs_plane_throttle(b->vectors);
	vexfs_plane_throttle(b->records);
	vexfs_body_put(b);
	err = -EINTR;
	if (down_read_killable(&c->dir->i_rwsem))
		goto out;
	/* ids and keys of what is gone are free */
	err = vexfs_record_sweep(c) ?: insert(c, new, in);
	inode_unlock_shared(c->dir);
	/* the longest part of it, for which nobody needs to wait */
	if (in->done)
		vexfs_derived_insert(c, in->body, in->first, new->n, new->rows);
out:
	vexfs_body_put(in->body);
	vexfs_deaths_free(&in->spare);
	kvfree(in->by_id);
	kfree(in);
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

/*
 * c->lock held.  -EAGAIN: the deletions touch more of the dead bitmap than the next commit can
 * take, and there is no log of deaths; -ENOSPC: nor room for one.
 */
static int find_victims(struct vexfs_collection_mem *c, u32 n, const __u64 *ids,
			const struct vexfs_keys *keys, u32 dup, u64 *slot, bool in_parts,
			struct vexfs_dead_set *set, __u64 *bad)
{
	u32 i;
	s64 again;
	int err;

	if (c->gone)
		return c->gone;
	for (i = 0; i < n; i++) {
		err = i == dup ? -ENOENT :
		      keys->n ? vexfs_key_find(c->body, keys, i, VEXFS_NO_SLOT, slot + i) :
				vexfs_columns_find(c->body->columns, ids[i], slot + i);
		if (!err && vexfs_slot_gone(c->body, slot[i]))
			err = -ENOENT;
		if (err == -ENOENT)
			*bad = i;
		if (err)
			return err;
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	again = keys->n ? first_duplicate(n, slot) : n;
	if (again < 0)
		return again;
	if (again < n) {
		*bad = again;
		return -ENOENT;
	}
	return in_parts ? 0 : vexfs_deaths_fit(c, slot, n, set);
}

/*
 * c->lock held; with in_parts commit_lock too: then what one commit cannot take is committed part
 * by part, in the order of the ids.  After an error of that those before *bad are deleted, and the
 * others are not.
 */
static int kill_victims(struct vexfs_collection_mem *c, u32 n, const u64 *slot,
			struct list_head *spare, bool in_parts, __u64 *bad)
{
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		if (!vexfs_death_add(c, slot[i], spare)) {
			if (WARN_ON_ONCE(!in_parts))
				return -EIO;
			err = vexfs_commit_part(c);
			if (err) {
				*bad = i;
				return err;
			}
			/* the last one went with half of its room unused; too late to give up */
			vexfs_deaths_reserve(spare, 1, __GFP_NOFAIL);
			if (WARN_ON_ONCE(!vexfs_death_add(c, slot[i], spare)))
				return -EIO;
		}
		vexfs_columns_kill(c->body->columns, slot[i]);
		c->next_seq++;
		vexfs_commit_pin(c);
		cond_resched();
	}
	return 0;
}

/* What a delete takes with it. */
struct deleting {
	u32 n;
	const __u64 *ids;
	const struct vexfs_keys *keys;
	s64 dup;			/* index of an id that is named twice; n: none is */
	u64 *slot;			/* scratch */
	struct vexfs_dead_set *set;	/* the same */
	struct list_head spare;		/* for the deaths */
	__u64 *bad;
};

static int try_delete(struct vexfs_collection_mem *c, struct deleting *d, bool in_parts)
{
	int err = in_parts ? mutex_lock_killable(&c->commit_lock) : 0;

	if (err)
		return err;
	err = mutex_lock_killable(&c->lock);
	if (!err) {
		err = find_victims(c, d->n, d->ids, d->keys, d->dup, d->slot, in_parts, d->set,
				   d->bad);
		if (!err)
			err = kill_victims(c, d->n, d->slot, &d->spare, in_parts, d->bad);
		mutex_unlock(&c->lock);
	}
	if (in_parts)
		mutex_unlock(&c->commit_lock);
	return err;
}

int vexfs_record_delete(struct vexfs_collection_mem *c, u32 n, const __u64 *ids,
			struct vexfs_keys *keys, __u64 *bad)
{
	struct deleting d = { .n = n, .ids = ids, .keys = keys, .bad = bad };
	int err;

	INIT_LIST_HEAD(&d.spare);
	d.dup = keys->n ? n : first_duplicate(n, ids);
	if (d.dup < 0)
		return d.dup;
	d.slot = kvmalloc_array(n, sizeof(*d.slot), GFP_KERNEL_ACCOUNT);
	d.set = kmalloc(sizeof(*d.set), GFP_KERNEL_ACCOUNT);
	err = d.slot && d.set ? vexfs_deaths_reserve(&d.spare, n, 0) : -ENOMEM;
	if (err)
		goto out;
	if (keys->n)
		vexfs_keys_look(c, keys);
	err = -EINTR;
	if (down_read_killable(&c->dir->i_rwsem))
		goto out;
	do {
		err = try_delete(c, &d, false);
		if (err == -EAGAIN)
			err = vexfs_deaths_make(c) ?: -EAGAIN;
	} while (err == -EAGAIN);
	if (err == -ENOSPC)		/* to delete needs no space: as many as go at a time */
		err = try_delete(c, &d, true);
	inode_unlock_shared(c->dir);
out:
	vexfs_deaths_free(&d.spare);
	kfree(d.set);
	kvfree(d.slot);
	return err;
}

/* --- records of files that are gone --- */

static bool any_gone(struct vexfs_collection_mem *c)
{
	struct vexfs_body *b = vexfs_body_get(c);
	bool any = !list_empty_careful(&b->files.gone);

	vexfs_body_put(b);
	return any;
}

/*
 * c->lock held.  0: all are dead; -EAGAIN: not yet; -ENODATA: not without the log of deaths;
 * -ENOSPC: not before the deaths that wait for a commit had theirs.
 */
static int sweep(struct vexfs_collection_mem *c, struct list_head *spare)
{
	u64 slot;
	u32 n;

	for (n = 0; n < SWEEP_BATCH; n++) {
		slot = c->gone ? VEXFS_NO_SLOT : vexfs_files_victim(c->body);
		if (slot == VEXFS_NO_SLOT)
			return 0;
		if (!vexfs_death_add(c, slot, spare))
			return c->body->deaths ? -ENOSPC : -ENODATA;
		vexfs_columns_kill(c->body->columns, slot);
		c->next_seq++;
		vexfs_commit_pin(c);
	}
	return -EAGAIN;
}

int vexfs_record_sweep(struct vexfs_collection_mem *c)
{
	LIST_HEAD(spare);
	int err;

	if (!any_gone(c))
		return 0;
	do {
		err = vexfs_deaths_reserve(&spare, SWEEP_BATCH, 0);
		if (err)
			return err;
		err = mutex_lock_killable(&c->lock);
		if (!err) {
			err = sweep(c, &spare);
			mutex_unlock(&c->lock);
		}
		vexfs_deaths_free(&spare);
		if (err == -ENODATA)
			err = vexfs_deaths_make(c) ?: -EAGAIN;
		if (err == -ENOSPC)
			err = vexfs_record_commit(c, false) ?: -EAGAIN;
		cond_resched();
	} while (err == -EAGAIN);
	return err;
}

/* --- looking up and fetching --- */

void vexfs_records_ahead(struct vexfs_body *b, u64 slot, u64 n)
{
	u64 rows = slot * b->row_bytes, records = slot * VEXFS_RECORD_BYTES;

	vexfs_plane_ahead(b->records, records >> PAGE_SHIFT,
			  ((records + n * VEXFS_RECORD_BYTES - 1) >> PAGE_SHIFT) -
				  (records >> PAGE_SHIFT) + 1);
	vexfs_plane_ahead(b->vectors, rows >> PAGE_SHIFT,
			  ((rows + n * b->row_bytes - 1) >> PAGE_SHIFT) - (rows >> PAGE_SHIFT) + 1);
}

int vexfs_record_find(struct vexfs_collection_mem *c, struct vexfs_reader *reader, u64 id,
		      struct vexfs_keys *keys, struct vexfs_body **b, u64 *slot)
{
	int err;

	if (keys) {
		keys->reader = reader;
		vexfs_keys_look(c, keys);
	}
	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	err = keys ? vexfs_key_find(c->body, keys, 0, VEXFS_NO_SLOT, slot) :
		     vexfs_columns_find(c->body->columns, id, slot);
	if (!err && !vexfs_reader_sees(reader, c->body, *slot))
		err = -ENOENT;
	if (!err)
		*b = vexfs_body_get(c);
	mutex_unlock(&c->lock);
	return err;
}

int vexfs_record_read(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row,
		      u8 *key)
{
	int err, len = 0;

	err = vexfs_plane_read(b->records, slot * sizeof(*record), record, sizeof(*record)) ?:
	      vexfs_plane_read(b->vectors, slot * b->row_bytes, row, b->row_bytes);
	if (!err && vexfs_record_keyed(record)) {
		len = vexfs_key_read(b, le64_to_cpu(record->r_key), key);
		err = min(len, 0);
	}
	if (!err && le32_to_cpu(record->r_crc) != vexfs_record_crc(b, slot, record, row, key, len))
		err = -EUCLEAN;
	/* insert takes no such row, but an image may be anybody's: NaN would come before all others */
	if (!err && vexfs_row_check(b->metric, row, b->row_bytes / sizeof(__le32)))
		err = -EUCLEAN;
	return err ?: len;
}

static int fetch(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row, u8 *key)
{
	int len = vexfs_columns_lost(b->columns, slot) ? -EUCLEAN :
		  vexfs_record_read(b, slot, record, row, key);

	if (len >= 0 && le64_to_cpu(record->r_id) != vexfs_columns_id(b->columns, slot))
		return -EUCLEAN;
	return len;
}

/* vexfs_columns_watch().  After a shutdown nothing can be read, whatever the disk has. */
static int tell_damage(void *arg, u64 slot, int err)
{
	const struct vexfs_body *b = arg;
	u64 id = vexfs_columns_id(b->columns, slot);
	u32 why = vexfs_columns_lost(b->columns, slot);

	if (vexfs_is_gone(b->dir->i_sb))
		return -EIO;
	if (why) {
		vexfs_complain(b->dir,
			       "the record in slot %llu is damaged: %s; until fsck.vexfs has repaired it, its id is free, and searches leave it out",
			       slot, vexfs_lost_text(why));
		vexfs_event_damage(b->dir, slot, 0, -ENODATA);
		return 0;
	}
	vexfs_complain(b->dir, "record %llu (slot %llu) is damaged: %s; searches leave it out", id,
		       slot, err == -EIO ? "it cannot be read" : "it is not what was written");
	vexfs_event_damage(b->dir, slot, id, err);
	return 0;
}

void vexfs_record_watch(struct vexfs_body *b)
{
	vexfs_columns_watch(b->columns, tell_damage, b);
}

/* No lock: a published slot does not change, on disk or in memory. */
int vexfs_record_fetch(struct vexfs_body *b, u64 slot, struct vexfs_record *record, void *row,
		       u8 *key)
{
	u8 unwanted[VEXFS_MAX_KEY];
	int ret = fetch(b, slot, record, row, key ?: unwanted);

	if (ret >= 0)
		vexfs_columns_mend(b->columns, slot);
	return ret < 0 ? vexfs_columns_damage(b->columns, slot, ret) ?: ret : ret;
}

void vexfs_record_item(const struct vexfs_body *b, u64 slot, const struct vexfs_record *record,
		       int key_len, struct vexfs_item *item)
{
	u32 i;

	memset(item, 0, sizeof(*item));
	item->id = le64_to_cpu(record->r_id);
	item->slot = slot;
	item->seq = le64_to_cpu(record->r_seq);
	item->flags = vexfs_slot_flags(b, slot, record);
	item->file = vexfs_slot_ino(b, slot);
	item->file_off = le64_to_cpu(record->r_file_off);
	item->file_len = le32_to_cpu(record->r_file_len);
	if (key_len) {
		item->flags |= VEXFS_ITEM_KEYED;
		item->key_len = key_len;
	}
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		item->attr[i] = le64_to_cpu(record->r_attr[i]);
}
