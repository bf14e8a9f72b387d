// SPDX-License-Identifier: GPL-2.0
/*
 * Derived data by slot (ids, attributes, dead bits, norms), and the map from ids to live slots.
 *
 * They are in chunks, which never move: see chunk.h for who may read what without a lock.
 */
#include "internal.h"

#define CHUNK_SLOTS	VEXFS_CHUNK_SLOTS

/* What a slot is bound to. */
struct binding {
	struct vexfs_file *file;	/* NULL: nothing */
	/* slot that was bound to it before this one, or VEXFS_NO_SLOT */
	__u64 before;
};

struct chunk {
	struct binding *bound;		/* [CHUNK_SLOTS], NULL: none of them is bound */
	__u64 id[CHUNK_SLOTS];
	__u64 dead[CHUNK_SLOTS / 64];
	__u64 damaged[CHUNK_SLOTS / 64];
	__u32 norm[CHUNK_SLOTS];
	/* dead slots: superseded at the count of this + 1; 0: not */
	__u32 until[CHUNK_SLOTS];
	__s64 attr[];			/* [attrs][CHUNK_SLOTS] */
};

struct vexfs_columns {
	__u32 attrs;
	__u64 count;			/* published; release and acquire */
	__u64 live;
	__u64 bytes;			/* besides chunks and ids */
	struct vexfs_map64 ids;		/* of live slots, and of those that are not published */
	__u64 superseded;		/* largest count that a slot was superseded at */
	__u64 damaged;			/* slots with that bit */
	struct vexfs_map64 lost;	/* from slots to why, see vexfs_columns_lose() */
	__u64 lost_live;		/* of them those that are not dead */
	int (*tell)(void *arg, __u64 slot, int err);	/* see vexfs_columns_watch() */
	void *tell_arg;
	struct vexfs_chunks chunks;	/* struct chunk */
};

struct vexfs_columns *vexfs_columns_new(__u32 attrs)
{
	struct vexfs_columns *c = attrs <= VEXFS_MAX_ATTRS ? vx_ealloc(sizeof(*c)) : NULL;

	if (c) {
		c->attrs = attrs;
		c->bytes = sizeof(*c);
	}
	return c;
}

static struct chunk *chunk_of(const struct vexfs_columns *c, __u64 slot)
{
	return vexfs_chunk(&c->chunks, slot);
}

void vexfs_columns_free(struct vexfs_columns *c)
{
	__u64 slot;

	if (!c)
		return;
	for (slot = 0; slot < c->chunks.slots; slot += CHUNK_SLOTS)
		vx_efree(chunk_of(c, slot)->bound);
	vexfs_chunks_free(&c->chunks);
	vexfs_map_free(&c->ids);
	vexfs_map_free(&c->lost);
	vx_efree(c);
}

int vexfs_columns_reserve(struct vexfs_columns *c, __u64 slots)
{
	size_t size = sizeof(struct chunk) + (size_t)c->attrs * CHUNK_SLOTS * sizeof(__s64);
	int err = vexfs_chunks_reserve(&c->chunks, slots, size);

	if (err || slots <= c->count)
		return err;
	return vexfs_map_reserve(&c->ids, slots - c->count);
}

static void fill(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr)
{
	struct chunk *k = chunk_of(c, slot);
	__u32 i, at = slot & (CHUNK_SLOTS - 1);

	k->id[at] = id;
	k->norm[at] = 0;
	k->until[at] = 0;
	/* readers look at the whole word */
	WRITE_ONCE(k->dead[at / 64], k->dead[at / 64] & ~(1ULL << at % 64));
	for (i = 0; i < c->attrs; i++)
		k->attr[i * CHUNK_SLOTS + at] = attr ? attr[i] : 0;
	WRITE_ONCE(c->live, c->live + 1);
}

/* old: the slot that the id leaves, or VEXFS_NO_SLOT */
static int put(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr, __u64 old)
{
	if (vexfs_map_reserve(&c->ids, 1))
		return -ENOMEM;
	if (old != VEXFS_NO_SLOT)
		vexfs_map_del(&c->ids, id, old);
	vexfs_map_put(&c->ids, id, slot);
	fill(c, slot, id, attr);
	return 0;
}

int vexfs_columns_replace(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr,
			  __u64 *old)
{
	if (slot >= c->chunks.slots)
		return -EINVAL;
	*old = VEXFS_NO_SLOT;
	vexfs_columns_find(c, id, old);
	return put(c, slot, id, attr, *old);
}

int vexfs_columns_put(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr)
{
	__u64 old;

	if (slot >= c->chunks.slots)
		return -EINVAL;
	if (!vexfs_columns_find(c, id, &old))
		return -EEXIST;
	return put(c, slot, id, attr, VEXFS_NO_SLOT);
}

static struct binding *binding_of(const struct vexfs_columns *c, __u64 slot)
{
	struct binding *bound = __atomic_load_n(&chunk_of(c, slot)->bound, __ATOMIC_ACQUIRE);

	return bound ? bound + (slot & (CHUNK_SLOTS - 1)) : NULL;
}

int vexfs_columns_bind(struct vexfs_columns *c, __u64 slot, struct vexfs_file *file)
{
	struct chunk *k = chunk_of(c, slot);
	struct binding *bound = k->bound, *at;

	if (!bound) {
		bound = vx_ealloc(CHUNK_SLOTS * sizeof(*bound));
		if (!bound)
			return -ENOMEM;
		c->bytes += CHUNK_SLOTS * sizeof(*bound);
		__atomic_store_n(&k->bound, bound, __ATOMIC_RELEASE);
	}
	at = bound + (slot & (CHUNK_SLOTS - 1));
	at->before = file->records ? file->last : VEXFS_NO_SLOT;
	__atomic_store_n(&at->file, file, __ATOMIC_RELAXED);
	file->last = slot;
	file->records++;
	return 0;
}

static struct vexfs_file *bound_to(const struct vexfs_columns *c, __u64 slot)
{
	const struct binding *b = binding_of(c, slot);

	return b ? __atomic_load_n(&b->file, __ATOMIC_RELAXED) : NULL;
}

struct vexfs_file *vexfs_columns_file(const struct vexfs_columns *c, __u64 slot)
{
	struct vexfs_file *file = bound_to(c, slot), *heir;

	while (file && (heir = __atomic_load_n(&file->heir, __ATOMIC_ACQUIRE)))
		file = heir;
	return file;
}

bool vexfs_columns_unbound(const struct vexfs_columns *c, __u64 from, __u32 n, __u64 count)
{
	__u64 last = from + n > count ? count - 1 : from + n - 1;

	return from >= count || (!__atomic_load_n(&chunk_of(c, from)->bound, __ATOMIC_ACQUIRE) &&
				 !__atomic_load_n(&chunk_of(c, last)->bound, __ATOMIC_ACQUIRE));
}

__u64 vexfs_columns_bound_before(const struct vexfs_columns *c, __u64 slot)
{
	return binding_of(c, slot)->before;
}

void vexfs_columns_unput(struct vexfs_columns *c, __u64 slot, __u64 old)
{
	__u64 id = vexfs_columns_id(c, slot);
	struct binding *b = binding_of(c, slot);

	if (b && b->file) {
		b->file->last = b->before;
		b->file->records--;
		__atomic_store_n(&b->file, NULL, __ATOMIC_RELAXED);
	}
	vexfs_map_del(&c->ids, id, slot);
	if (old != VEXFS_NO_SLOT)	/* there is room: its own grave */
		vexfs_map_put(&c->ids, id, old);
	WRITE_ONCE(c->live, c->live - 1);
}

void vexfs_columns_publish(struct vexfs_columns *c, __u64 count)
{
	__atomic_store_n(&c->count, count, __ATOMIC_RELEASE);
}

__u64 vexfs_columns_count(const struct vexfs_columns *c)
{
	return __atomic_load_n(&c->count, __ATOMIC_ACQUIRE);
}

__u64 vexfs_columns_live(const struct vexfs_columns *c)
{
	return __atomic_load_n(&c->live, __ATOMIC_RELAXED);
}

int vexfs_columns_find(const struct vexfs_columns *c, __u64 id, __u64 *slot)
{
	__u64 at = 0;

	return vexfs_map_next(&c->ids, id, &at, slot) ? 0 : -ENOENT;
}

static void bury(struct vexfs_columns *c, __u64 slot, __u64 count)
{
	struct chunk *k = chunk_of(c, slot);
	__u32 at = slot & (CHUNK_SLOTS - 1);

	if (k->dead[at / 64] >> at % 64 & 1)
		return;
	vexfs_map_del(&c->ids, k->id[at], slot);
	WRITE_ONCE(c->live, c->live - 1);
	if (vexfs_columns_lost(c, slot))
		WRITE_ONCE(c->lost_live, c->lost_live - 1);
	if (bound_to(c, slot))
		bound_to(c, slot)->records--;
	if (count) {
		/* before the bit: who sees the bit sees these */
		__atomic_store_n(&k->until[at], (__u32)(count - 1), __ATOMIC_RELAXED);
		if (count > c->superseded)
			__atomic_store_n(&c->superseded, count, __ATOMIC_RELAXED);
	}
	__atomic_fetch_or(&k->dead[at / 64], 1ULL << at % 64, __ATOMIC_RELEASE);
}

void vexfs_columns_kill(struct vexfs_columns *c, __u64 slot)
{
	bury(c, slot, 0);
}

void vexfs_columns_supersede(struct vexfs_columns *c, __u64 slot, __u64 count)
{
	bury(c, slot, count);
}

bool vexfs_columns_dead(const struct vexfs_columns *c, __u64 slot)
{
	__u32 at = slot & (CHUNK_SLOTS - 1);

	return __atomic_load_n(&chunk_of(c, slot)->dead[at / 64], __ATOMIC_ACQUIRE) >> at % 64 & 1;
}

bool vexfs_columns_visible(const struct vexfs_columns *c, __u64 slot, __u64 count)
{
	__u32 until;

	if (!vexfs_columns_dead(c, slot))
		return true;
	until = __atomic_load_n(&chunk_of(c, slot)->until[slot & (CHUNK_SLOTS - 1)],
				__ATOMIC_RELAXED);
	return until && count <= until;
}

/* --- damaged rows --- */

void vexfs_columns_watch(struct vexfs_columns *c, int (*tell)(void *arg, __u64 slot, int err),
			 void *arg)
{
	c->tell = tell;
	c->tell_arg = arg;
}

static __u64 *damaged_word(const struct vexfs_columns *c, __u64 slot)
{
	return &chunk_of(c, slot)->damaged[(slot & (CHUNK_SLOTS - 1)) / 64];
}

int vexfs_columns_damage(struct vexfs_columns *c, __u64 slot, int err)
{
	__u64 bit = 1ULL << slot % 64;
	int why;

	if (!c || (err != -EIO && err != -EUCLEAN))
		return err;
	if (__atomic_fetch_or(damaged_word(c, slot), bit, __ATOMIC_RELEASE) & bit)
		return 0;
	__atomic_add_fetch(&c->damaged, 1, __ATOMIC_RELAXED);
	why = c->tell ? c->tell(c->tell_arg, slot, err) : 0;
	if (why)
		vexfs_columns_mend(c, slot);
	return why;
}

void vexfs_columns_mend(struct vexfs_columns *c, __u64 slot)
{
	__u64 bit = 1ULL << slot % 64;

	if (vexfs_columns_damaged(c) && !vexfs_columns_lost(c, slot) &&
	    __atomic_fetch_and(damaged_word(c, slot), ~bit, __ATOMIC_RELEASE) & bit)
		__atomic_sub_fetch(&c->damaged, 1, __ATOMIC_RELAXED);
}

__u64 vexfs_columns_damaged(const struct vexfs_columns *c)
{
	return __atomic_load_n(&c->damaged, __ATOMIC_RELAXED);
}

__u64 vexfs_columns_damaged_mask(const struct vexfs_columns *c, __u64 from, __u64 mask)
{
	__u64 left, bad = 0;

	if (!vexfs_columns_damaged(c))
		return 0;
	for (left = mask; left; left &= left - 1) {
		__u64 slot = from + __builtin_ctzll(left);

		if (__atomic_load_n(damaged_word(c, slot), __ATOMIC_ACQUIRE) >> slot % 64 & 1)
			bad |= left & -left;
	}
	return bad;
}

int vexfs_columns_put_lost(struct vexfs_columns *c, __u64 slot, __u32 why)
{
	int err = slot < c->chunks.slots ? vexfs_map_reserve(&c->lost, 1) : -EINVAL;

	if (err)
		return err;
	fill(c, slot, 0, NULL);
	vexfs_map_put(&c->lost, slot, why);
	c->lost_live++;
	return 0;
}

int vexfs_columns_lose(struct vexfs_columns *c, __u64 slot, __u32 why)
{
	struct vexfs_file *file = bound_to(c, slot);
	int err = vexfs_map_reserve(&c->lost, 1);

	if (err)
		return err;
	if (file) {
		file->records -= !vexfs_columns_dead(c, slot);
		__atomic_store_n(&binding_of(c, slot)->file, NULL, __ATOMIC_RELAXED);
	}
	vexfs_map_del(&c->ids, vexfs_columns_id(c, slot), slot);
	vexfs_map_put(&c->lost, slot, why);
	c->lost_live += !vexfs_columns_dead(c, slot);
	return 0;
}

__u32 vexfs_columns_lost(const struct vexfs_columns *c, __u64 slot)
{
	__u64 at = 0, why;

	return vexfs_map_next(&c->lost, slot, &at, &why) ? why : 0;
}

bool vexfs_columns_any_lost(const struct vexfs_columns *c, bool live)
{
	return live ? READ_ONCE(c->lost_live) : c->lost.live;
}

__u64 vexfs_columns_id(const struct vexfs_columns *c, __u64 slot)
{
	return chunk_of(c, slot)->id[slot & (CHUNK_SLOTS - 1)];
}

void vexfs_columns_fetch(const struct vexfs_columns *c, __u64 slot)
{
	__builtin_prefetch(&chunk_of(c, slot)->id[slot & (CHUNK_SLOTS - 1)]);
}

__s64 vexfs_columns_attr(const struct vexfs_columns *c, __u64 slot, __u32 attr)
{
	return chunk_of(c, slot)->attr[attr * CHUNK_SLOTS + (slot & (CHUNK_SLOTS - 1))];
}

const __s64 *vexfs_columns_column(const struct vexfs_columns *c, __u64 slot, __u32 attr)
{
	return chunk_of(c, slot)->attr + attr * CHUNK_SLOTS;
}

__u64 vexfs_columns_bytes(const struct vexfs_columns *c)
{
	return c->bytes + READ_ONCE(c->chunks.bytes) + vexfs_map_bytes(&c->ids) +
	       vexfs_map_bytes(&c->lost);
}

__u32 *vexfs_columns_norm(struct vexfs_columns *c, __u64 slot)
{
	return &chunk_of(c, slot)->norm[slot & (CHUNK_SLOTS - 1)];
}

__u64 vexfs_columns_live_mask(const struct vexfs_columns *c, __u64 from, __u32 n, __u64 count)
{
	__u64 mask = 0, dead;
	__u32 i;

	if (from >= count)
		return 0;
	n = count - from < n ? (__u32)(count - from) : n;
	if (!(from % 64)) {		/* one word: 64 divides a chunk */
		dead = __atomic_load_n(&chunk_of(c, from)->dead[(from & (CHUNK_SLOTS - 1)) / 64],
				       __ATOMIC_ACQUIRE);
		mask = ~dead & (n == 64 ? ~0ULL : (1ULL << n) - 1);
		/* no upsert since that snapshot: what is dead is dead */
		if (!dead || __atomic_load_n(&c->superseded, __ATOMIC_RELAXED) <= count)
			return mask;
	}
	for (i = 0; i < n; i++)
		if (vexfs_columns_visible(c, from + i, count))
			mask |= 1ULL << i;
	return mask;
}
