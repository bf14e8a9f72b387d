// SPDX-License-Identifier: GPL-2.0
/*
 * Keys of records: bytes in the keys plane, which only grows, and in memory a map from their hashes
 * to slots.  The map is a hint: a hash may be shared, and slots that have died stay in it until
 * somebody meets them, so that a deletion needs no I/O.  What counts are the bytes on the planes.
 *
 * The hash is SipHash with a secret, because keys come from users: nobody can make them collide.
 *
 * Slots are immutable, so which of them have the keys of a call is found out before it takes the
 * lock; under it only those have to be read that came since.
 *
 * Locks: vexfs_collection_mem.lock guards the map; folio locks are taken inside it.
 */
#include "collection/collection.h"

int vexfs_keys_check(struct vexfs_collection_mem *c, struct vexfs_keys *k, bool every, __u64 *bad)
{
	u64 off = 0;
	u32 i;

	k->hash = kvmalloc_array(k->n, sizeof(*k->hash) + sizeof(*k->off), GFP_KERNEL_ACCOUNT);
	if (!k->hash)
		return -ENOMEM;
	k->off = (u32 *)(k->hash + k->n);
	for (i = 0; i < k->n; i++) {
		if (k->len[i] > k->bytes - off || (every && !k->len[i]) ||
		    memchr(k->byte + off, 0, k->len[i])) {
			*bad = i;
			return -EINVAL;
		}
		k->off[i] = off;
		k->hash[i] = siphash(k->byte + off, k->len[i], &c->hash_seed);
		off += k->len[i];
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	return off == k->bytes ? 0 : -EINVAL;
}

int vexfs_key_read(struct vexfs_body *b, u64 r_key, u8 *key)
{
	u64 off = r_key >> 8;
	u64 end = READ_ONCE(b->key_end);
	int len = r_key & 0xff, err;

	if (!len || off > end || (u64)len > end - off)
		return -EUCLEAN;
	err = vexfs_plane_read(b->keys, off, key, len);
	return err ?: len;
}

/* Has the record in a published slot this key?  1, 0 or an error. */
static int same_key(struct vexfs_body *b, u64 slot, const u8 *key, u32 len)
{
	u8 other[VEXFS_MAX_KEY];
	struct vexfs_record r;
	int n;

	n = vexfs_plane_read(b->records, slot * VEXFS_RECORD_BYTES, &r, sizeof(r));
	if (n)
		return n;
	if (!vexfs_record_keyed(&r))
		return 0;
	n = vexfs_key_read(b, le64_to_cpu(r.r_key), other);
	return n < 0 ? n : (u32)n == len && !memcmp(key, other, len);
}

#define LOOK_KEYS	256u		/* in the map, at a time */

/* Is the slot live, and for whoever asks?  A record that is lost has no key. */
static bool is_there(const struct vexfs_body *b, const struct vexfs_keys *k, u64 s)
{
	return !vexfs_columns_dead(b->columns, s) && !vexfs_columns_lost(b->columns, s) &&
	       (!k->reader || vexfs_reader_sees(k->reader, b, s));
}

/* Slots that are there and may have the keys from .. to - 1: the youngest of each.  c->lock held. */
static void candidates(struct vexfs_body *b, struct vexfs_keys *k, u32 from, u32 to)
{
	u64 at, s;
	u32 i;

	for (i = from; i < to; i++)
		for (at = 0; vexfs_map_next(&b->key_map, k->hash[i], &at, &s);)
			if (is_there(b, k, s) && (k->known[i] == VEXFS_NO_SLOT || s > k->known[i]))
				k->known[i] = s;
}

void vexfs_keys_look(struct vexfs_collection_mem *c, struct vexfs_keys *k)
{
	u32 i, to, from;

	if (!k->known)
		k->known = kvmalloc_array(k->n, sizeof(*k->known),
					  GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!k->known)
		return;
	memset(k->known, 0xff, k->n * sizeof(*k->known));
	vexfs_body_put(k->body);
	k->body = vexfs_body_get(c);
	for (from = 0; from < k->n; from = to) {
		to = min(k->n, from + LOOK_KEYS);
		if (mutex_lock_killable(&c->lock))
			return;
		if (c->body == k->body)
			candidates(k->body, k, from, to);
		mutex_unlock(&c->lock);
		for (i = from; i < to; i++)
			if (k->known[i] != VEXFS_NO_SLOT &&
			    same_key(k->body, k->known[i], k->byte + k->off[i], k->len[i]) != 1)
				k->known[i] = VEXFS_NO_SLOT;
		cond_resched();
	}
}

void vexfs_keys_drop(struct vexfs_keys *k)
{
	vexfs_body_put(k->body);
	kvfree(k->known);
	kvfree(k->hash);
	kvfree(k->byte);
	kvfree(k->len);
	*k = (struct vexfs_keys){};
}

/* Does the record in slot s have key i, for all that is known without reading it? */
static bool is_known(const struct vexfs_body *b, const struct vexfs_keys *k, u32 i, u64 s)
{
	return k->known && k->body == b && k->known[i] == s;
}

int vexfs_key_find(struct vexfs_body *b, const struct vexfs_keys *k, u32 i, u64 first, u64 *slot)
{
	const u8 *key = k->byte + k->off[i];
	u64 at = 0, s, found = VEXFS_NO_SLOT;
	int err;

	while (vexfs_map_next(&b->key_map, k->hash[i], &at, &s)) {
		if (s >= first) {
			if (s - first < k->n && k->len[s - first] == k->len[i] &&
			    !memcmp(key, k->byte + k->off[s - first], k->len[i]) &&
			    (found == VEXFS_NO_SLOT || s > found))
				found = s;
			continue;
		}
		if (vexfs_columns_dead(b->columns, s)) {
			vexfs_map_del(&b->key_map, k->hash[i], s);
			continue;
		}
		if (!is_there(b, k, s))
			continue;
		err = is_known(b, k, i, s) ? 1 : same_key(b, s, key, k->len[i]);
		if (err < 0)
			return err;
		if (err && (found == VEXFS_NO_SLOT || s > found))
			found = s;	/* go on: one that comes with it may have the key too */
	}
	if (found == VEXFS_NO_SLOT)
		return -ENOENT;
	*slot = found;
	return 0;
}

int vexfs_key_load(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot, u64 r_key,
		   u64 *other)
{
	u8 key[VEXFS_MAX_KEY], len;
	u32 off = 0;
	u64 hash;
	struct vexfs_keys k = { .n = 1, .byte = key, .len = &len, .off = &off, .hash = &hash };
	int err;

	err = vexfs_key_read(b, r_key, key);
	if (err < 0)
		return err;
	len = err;
	hash = siphash(key, len, &c->hash_seed);
	err = vexfs_key_find(b, &k, 0, slot, other);
	if (err != -ENOENT)
		return err ?: -EEXIST;
	err = vexfs_map_reserve(&b->key_map, 1);
	if (!err)
		vexfs_map_put(&b->key_map, hash, slot);
	return err;
}
