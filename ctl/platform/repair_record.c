// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of records.
 *
 * A record whose checksum is wrong is nothing any more, nor is one that contradicts its neighbours:
 * it becomes an empty one, that is dead, in the collection and in its snapshots.  One whose checksum
 * is right stays, without what of it leads nowhere: a word that is lost, say.  Of those that share
 * an id or a key the last one stays.
 */
#include "host.h"
#include "repair-priv.h"

#define SOME		1024u		/* records at a time */
#define MAX_OUTER	16		/* collections within collections, dropped from the inside */

struct slot {
	__u64 id, seq;
};

struct keyed {
	__u64 hash;
	__u64 slot;
};

struct records {
	struct rep_collection *c;
	__u64 count, bad;
	struct slot *slot;
	struct keyed *key;
	size_t keys, key_room;
	struct vexfs_record *record;	/* some, ... */
	__u8 *row;			/* ... and their rows */
	siphash_key_t secret;
	__u32 row_bytes;
};

static bool is_bad(const struct records *q, __u64 slot)
{
	return test_bit_le(slot, q->c->bad);
}

static bool is_dead(const struct records *q, __u64 slot)
{
	return test_bit_le(slot, q->c->dead) || test_bit_le(slot, q->c->logged);
}

static void kill_slot(struct records *q, __u64 slot, const char *why)
{
	did(q->c->r, "collection %llu: record %llu %s: it is deleted", ull(q->c->dir.ino),
	    ull(slot), why);
	__set_bit_le(slot, q->c->dead);
}

static void nothing(struct records *q, __u64 slot, const char *why)
{
	if (is_dead(q, slot))
		did(q->c->r, "collection %llu: record %llu %s: it was deleted already",
		    ull(q->c->dir.ino), ull(slot), why);
	else
		kill_slot(q, slot, why);
	__set_bit_le(slot, q->c->dead);
	__set_bit_le(slot, q->c->bad);
	q->bad++;
}

/* --- checksums --- */

static __u32 crc_of(const struct records *q, __u64 slot, const struct vexfs_record *r,
		    const void *row, const void *key, __u32 key_len)
{
	const __u8 *uuid = q->c->raw.c_uuid;
	__le64 le = cpu_to_le64(slot);
	__u32 crc = crc32c(crc32c(~0u, uuid, sizeof(q->c->raw.c_uuid)), &le, sizeof(le));

	crc = crc32c(crc, (const __u8 *)r + sizeof(r->r_crc), sizeof(*r) - sizeof(r->r_crc));
	crc = crc32c(crc, row, q->row_bytes);
	return key_len ? crc32c(crc, key, key_len) : crc;
}

/* Its key: how many bytes, 0: it has none; -EUCLEAN: it has one where there is none. */
static int key_of(struct records *q, const struct vexfs_record *r, __u8 *key)
{
	__u64 at = le64_to_cpu(r->r_key), off = at >> 8, len = at & 0xff;
	int err;

	if (!(r->r_flags & cpu_to_le32(VEXFS_RECORD_KEYED)))
		return 0;
	if (!len || off + len > le64_to_cpu(q->c->raw.c_key_bytes))
		return -EUCLEAN;
	err = rep_read(q->c->r, &q->c->plane[REP_KEYS], off, key, len);
	return err ? err : (int)len;
}

/* --- what records lead to --- */

static bool is_inside(struct rep_collection *c, const struct rep_inode *f)
{
	unsigned int i;

	for (i = 0; i < MAX_OUTER; i++) {
		const struct rep_inode *to = rep_used(c->r, f->collection);

		if (f->collection == c->dir.ino)
			return true;
		if (!to || to->flags & VEXFS_INODE_COLLECTION)
			return false;
		f = to;
	}
	return false;
}

static void know_it(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_flags |= cpu_to_le32(VEXFS_INODE_BOUND);
}

static void raise_change(struct vexfs_inode *raw, void *arg)
{
	raw->i_data_change = cpu_to_le64(*(__u64 *)arg);
}

/* The file that has the bytes of a live record.  1: it must not stay. */
static int fix_file(struct records *q, const struct vexfs_record *r)
{
	struct rep_collection *c = q->c;
	__u64 ino = le64_to_cpu(r->r_file), change = le64_to_cpu(r->r_file_change);
	__u32 generation = le32_to_cpu(r->r_file_generation);
	struct rep_inode *f;
	bool own;
	int err = 0;

	rep_heir(c, &ino, &generation);
	own = ino == le64_to_cpu(r->r_file) && generation == le32_to_cpu(r->r_file_generation);
	f = rep_used(c->r, ino);
	if (!f || f->generation != generation || !(f->nlink || f->names))
		return 0;		/* it is gone, and the record goes with the next mount */
	if (!S_ISREG(f->mode) || f->flags & VEXFS_INODE_HIDDEN || !is_inside(c, f))
		return 1;
	if (!(f->flags & VEXFS_INODE_BOUND)) {
		f->flags |= VEXFS_INODE_BOUND;
		did(c->r, "inode %llu: knows that records are bound to it", ull(ino));
		err = rep_edit(c->r, ino, know_it, NULL);
	}
	if (!err && own && change > f->data_change) {
		f->data_change = change + 1;
		did(c->r, "inode %llu: the records that are bound to it are stale", ull(ino));
		err = rep_edit(c->r, ino, raise_change, &f->data_change);
	}
	return err;
}

/* What verifies, and is not all right.  1: it changed, 0, -EUCLEAN: it is nothing. */
static int fix_fields(struct records *q, struct vexfs_record *r)
{
	const struct rep_collection *c = q->c;
	__u32 flags = le32_to_cpu(r->r_flags), i;
	__u64 ino = le64_to_cpu(r->r_file), off = le64_to_cpu(r->r_file_off), attr;
	int changed = 0;

	if (flags & ~VEXFS_RECORD_ALL || le64_to_cpu(r->r_seq) >= le64_to_cpu(c->raw.c_next_seq))
		return -EUCLEAN;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		attr = le64_to_cpu(r->r_attr[i]);
		if (!attr || (i < le32_to_cpu(c->raw.c_attrs) &&
			      !(rep_keyword(c, i) && attr > c->words[i])))
			continue;
		r->r_attr[i] = 0;
		changed = 1;
	}
	if (!(flags & VEXFS_RECORD_BOUND)) {
		if (!ino && !off && !r->r_file_len && !r->r_file_generation && !r->r_file_change)
			return changed;
		r->r_file = r->r_file_off = r->r_file_change = 0;
		r->r_file_len = r->r_file_generation = 0;
		return 1;
	}
	if (!vexfs_ino_valid(&c->r->fs, ino) ||
	    off > (__u64)INT64_MAX - le32_to_cpu(r->r_file_len))
		return -EUCLEAN;
	return changed;
}

/* --- one record --- */

static int remember_key(struct records *q, __u64 slot, const void *key, __u32 len)
{
	struct keyed *p;

	if (q->keys == q->key_room) {
		q->key_room = q->key_room * 2 + 1024;
		p = realloc(q->key, q->key_room * sizeof(*p));
		if (!p)
			return -ENOMEM;
		q->key = p;
	}
	q->key[q->keys++] = (struct keyed){ siphash(key, len, &q->secret), slot };
	return 0;
}

static int put_record(struct records *q, __u64 slot, const struct vexfs_record *r)
{
	return rep_write(q->c->r, &q->c->plane[REP_RECORDS], slot * sizeof(*r), r, sizeof(*r));
}

static int look_at(struct records *q, __u64 slot, struct vexfs_record *r, const void *row)
{
	__u8 key[256];
	int len = key_of(q, r, key), changed, err = 0;

	if (len < 0 && len != -EUCLEAN)
		return len;
	if (len < 0 || le32_to_cpu(r->r_crc) != crc_of(q, slot, r, row, key, len)) {
		nothing(q, slot, "does not verify");
		return 0;
	}
	if (!is_dead(q, slot) && vexfs_row_check(le16_to_cpu(q->c->raw.c_metric), row,
						 le32_to_cpu(q->c->raw.c_dims))) {
		nothing(q, slot, "has a vector that is none");
		return 0;
	}
	changed = fix_fields(q, r);
	if (changed < 0) {
		nothing(q, slot, "has a field that cannot be");
		return 0;
	}
	q->slot[slot] = (struct slot){ le64_to_cpu(r->r_id), le64_to_cpu(r->r_seq) };
	if (changed) {
		did(q->c->r, "collection %llu: record %llu: a keyword, attribute or file that it cannot have was dropped",
		    ull(q->c->dir.ino), ull(slot));
		r->r_crc = cpu_to_le32(crc_of(q, slot, r, row, key, len));
		err = put_record(q, slot, r);
	}
	if (err || is_dead(q, slot))
		return err;
	if (r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND)) {
		err = fix_file(q, r);
		if (err > 0) {
			kill_slot(q, slot, "is bound to what it cannot be bound to");
			return 0;
		}
	}
	return !err && len ? remember_key(q, slot, key, len) : err;
}

static int read_some(struct records *q, __u64 slot, __u32 n)
{
	struct rep_collection *c = q->c;
	int err = rep_read(c->r, &c->plane[REP_RECORDS], slot * sizeof(*q->record), q->record,
			   n * sizeof(*q->record));

	return err ? err : rep_read(c->r, &c->plane[REP_VECTORS], slot * q->row_bytes, q->row,
				    (size_t)n * q->row_bytes);
}

static int look_at_all(struct records *q)
{
	__u32 most = max_t(__u32, 1, min_t(__u32, SOME, (1u << 22) / q->row_bytes)), n, i;
	__u64 slot;
	int err = 0;

	for (slot = 0; slot < q->count && !err; slot += n) {
		n = min_t(__u64, most, q->count - slot);
		err = rep_step(q->c->r, "repair: records");
		if (!err)
			err = read_some(q, slot, n);
		for (i = 0; i < n && !err; i++)
			err = look_at(q, slot + i, q->record + i, q->row + (size_t)i * q->row_bytes);
	}
	return err;
}

/* --- among each other --- */

/* Sequence numbers rise: who stands out against both neighbours is wrong. */
static void check_order(struct records *q)
{
	__u64 last = 0, before = 0, slot;	/* before: slot + 1 of the last good one */
	__u64 base = 0;				/* the number that one had to be above */

	for (slot = 0; slot < q->count; slot++) {
		__u64 seq = q->slot[slot].seq;

		if (is_bad(q, slot))
			continue;
		if (seq > last) {
			base = last;
			last = seq;
			before = slot + 1;
		} else if (before && seq > base) {
			nothing(q, before - 1, "is not in order");
			last = seq;
			before = slot + 1;
		} else {
			nothing(q, slot, "is not in order");
		}
	}
}

static int by_id(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* *unused: an id that no record has. */
static int check_ids(struct records *q, __u64 *unused)
{
	struct keyed *all = malloc((q->count + 1) * sizeof(*all));
	__u64 slot;
	size_t n = 0, i;

	if (!all)
		return -ENOMEM;
	for (slot = 0; slot < q->count; slot++)
		if (!is_bad(q, slot))
			all[n++] = (struct keyed){ q->slot[slot].id, slot };
	qsort(all, n, sizeof(*all), by_id);
	*unused = 1;
	for (i = 0; i < n; i++) {
		if (i + 1 < n && all[i].hash == all[i + 1].hash && !is_dead(q, all[i].slot))
			kill_slot(q, all[i].slot, "has the id of a later one");
		if (all[i].hash == *unused)
			++*unused;
	}
	free(all);
	return 0;
}

static int same_key(struct records *q, __u64 a, __u64 b, bool *same)
{
	struct rep_collection *c = q->c;
	struct vexfs_record r;
	__u8 x[256], y[256];
	int n, m, err;

	err = rep_read(c->r, &c->plane[REP_RECORDS], a * sizeof(r), &r, sizeof(r));
	n = err ? err : key_of(q, &r, x);
	if (n < 0)
		return n;
	err = rep_read(c->r, &c->plane[REP_RECORDS], b * sizeof(r), &r, sizeof(r));
	m = err ? err : key_of(q, &r, y);
	*same = n == m && !memcmp(x, y, n);
	return m < 0 ? m : 0;
}

static int check_keys(struct records *q)
{
	size_t i, j;
	bool same;
	int err = 0;

	if (q->keys)
		qsort(q->key, q->keys, sizeof(*q->key), by_id);
	for (i = 0; i < q->keys && !err; i++) {
		same = false;
		for (j = i + 1; j < q->keys && q->key[j].hash == q->key[i].hash && !same && !err; j++)
			if (!is_dead(q, q->key[j].slot) && !is_dead(q, q->key[i].slot))
				err = same_key(q, q->key[i].slot, q->key[j].slot, &same);
		if (!err && same)
			kill_slot(q, q->key[i].slot, "has the key of a later one");
	}
	return err;
}

/* Empty records in the place of those that are nothing. */
static int put_empty(struct records *q, __u64 id)
{
	struct vexfs_collection *raw = &q->c->raw;
	struct vexfs_record r;
	__u64 slot, last = 0;
	int err = 0;

	for (slot = 0; slot < q->count && !err; slot++) {
		if (!is_bad(q, slot) && q->slot[slot].seq > last) {
			last = q->slot[slot].seq;
			continue;
		}
		if (!is_bad(q, slot))	/* there was no number left before it */
			nothing(q, slot, "is not in order");
		memset(&r, 0, sizeof(r));
		r.r_id = cpu_to_le64(id);
		r.r_seq = cpu_to_le64(++last);
		err = rep_read(q->c->r, &q->c->plane[REP_VECTORS], slot * q->row_bytes, q->row,
			       q->row_bytes);
		if (err)
			break;
		r.r_crc = cpu_to_le32(crc_of(q, slot, &r, q->row, NULL, 0));
		err = put_record(q, slot, &r);
	}
	if (last >= le64_to_cpu(raw->c_next_seq))
		raw->c_next_seq = cpu_to_le64(last + 1);
	return err;
}

int rep_records(struct rep_collection *c)
{
	struct records q = { .c = c, .count = le64_to_cpu(c->raw.c_count),
			     .row_bytes = le32_to_cpu(c->raw.c_row_bytes) };
	__u64 unused = 1;
	int err = -ENOMEM;

	get_random_bytes(&q.secret, sizeof(q.secret));
	q.slot = calloc(q.count + 1, sizeof(*q.slot));
	q.record = malloc(SOME * sizeof(*q.record));
	q.row = malloc(max_t(size_t, 1u << 22, q.row_bytes));
	if (q.slot && q.record && q.row)
		err = look_at_all(&q);
	if (!err) {
		check_order(&q);
		err = check_ids(&q, &unused);
	}
	if (!err)
		err = check_keys(&q);
	if (!err && q.bad)
		err = put_empty(&q, unused);
	if (!err)
		err = rep_store(c->r, &c->plane[REP_RECORDS], NULL, NULL);
	free(q.slot);
	free(q.record);
	free(q.row);
	free(q.key);
	return err;
}
