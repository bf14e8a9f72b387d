// SPDX-License-Identifier: GPL-2.0
/*
 * Derived data by slot (ids, attributes, dead bits, norms), and the map from ids to live slots.
 *
 * Chunks of 1,024 slots hang on a table of tables.  Nothing moves once a reader may see it, so readers need no lock: they
 * stay below a count that was published after the chunk was filled.
 */
#include "internal.h"

#define CHUNK_SHIFT	10
#define CHUNK_SLOTS	VEXFS_CHUNK_SLOTS
_Static_assert(CHUNK_SLOTS == 1u << CHUNK_SHIFT, "slots of a chunk");
#define TABLE_SHIFT	11
#define TABLE_SIZE	(1u << TABLE_SHIFT)
#define NO_SLOT		(~0ULL)
#define GRAVE		(~0ULL - 1)

struct chunk {
	__u64 id[CHUNK_SLOTS];
	__u64 dead[CHUNK_SLOTS / 64];
	__u32 norm[CHUNK_SLOTS];
	__s64 attr[];			/* [attrs][CHUNK_SLOTS] */
};

struct bucket {
	__u64 id, slot;			/* slot: NO_SLOT empty, GRAVE was used */
};

struct vexfs_columns {
	__u32 attrs;
	__u64 count;			/* published; release and acquire */
	__u64 live;
	__u64 reserved;			/* slots that have chunks */
	__u64 bytes;
	struct bucket *map;
	__u64 map_size, map_used;	/* a power of two; used and graves */
	struct chunk **table[TABLE_SIZE];
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

void vexfs_columns_free(struct vexfs_columns *c)
{
	__u32 i, k;

	if (!c)
		return;
	for (i = 0; i < TABLE_SIZE && c->table[i]; i++) {
		for (k = 0; k < TABLE_SIZE && c->table[i][k]; k++)
			vx_efree(c->table[i][k]);
		vx_efree(c->table[i]);
	}
	vx_efree(c->map);
	vx_efree(c);
}

static struct chunk *chunk_of(const struct vexfs_columns *c, __u64 slot)
{
	__u64 n = slot >> CHUNK_SHIFT;

	return c->table[n >> TABLE_SHIFT][n & (TABLE_SIZE - 1)];
}

static __u64 hash(__u64 id)
{
	id ^= id >> 32;			/* splitmix64's mixer */
	id *= 0xbf58476d1ce4e5b9ULL;
	id ^= id >> 29;
	id *= 0x94d049bb133111ebULL;
	return id ^ id >> 32;
}

static void map_put(struct bucket *map, __u64 size, __u64 id, __u64 slot, __u64 *used)
{
	__u64 i = hash(id) & (size - 1);

	while (map[i].slot < GRAVE)
		i = (i + 1) & (size - 1);
	*used += map[i].slot == NO_SLOT;
	map[i].id = id;
	map[i].slot = slot;
}

static struct bucket *map_find(const struct vexfs_columns *c, __u64 id)
{
	__u64 i;

	if (!c->map_size)
		return NULL;
	for (i = hash(id) & (c->map_size - 1); c->map[i].slot != NO_SLOT; i = (i + 1) & (c->map_size - 1))
		if (c->map[i].id == id && c->map[i].slot != GRAVE)
			return &c->map[i];
	return NULL;
}

/* Room for `more` further ids at a load of at most one half, graves included. */
static int map_reserve(struct vexfs_columns *c, __u64 more)
{
	__u64 size = c->map_size ?: 64, used = 0, i;
	struct bucket *map;

	if (c->map_size && c->map_used + more <= c->map_size / 2)
		return 0;
	while ((c->live + more) * 2 >= size)
		size *= 2;
	map = vx_ealloc(size * sizeof(*map));
	if (!map)
		return -ENOMEM;
	for (i = 0; i < size; i++)
		map[i].slot = NO_SLOT;
	for (i = 0; i < c->map_size; i++)
		if (c->map[i].slot < GRAVE)
			map_put(map, size, c->map[i].id, c->map[i].slot, &used);
	c->bytes += (size - c->map_size) * sizeof(*map);
	vx_efree(c->map);
	c->map = map;
	c->map_size = size;
	c->map_used = used;
	return 0;
}

int vexfs_columns_reserve(struct vexfs_columns *c, __u64 slots)
{
	size_t bytes = sizeof(struct chunk) + (size_t)c->attrs * CHUNK_SLOTS * sizeof(__s64);

	if (slots > VEXFS_MAX_SLOTS)
		return -EFBIG;
	while (c->reserved < slots) {
		__u64 n = c->reserved >> CHUNK_SHIFT;
		struct chunk ***t = &c->table[n >> TABLE_SHIFT];

		if (!*t) {
			*t = vx_ealloc(TABLE_SIZE * sizeof(**t));
			if (!*t)
				return -ENOMEM;
			c->bytes += TABLE_SIZE * sizeof(**t);
		}
		(*t)[n & (TABLE_SIZE - 1)] = vx_ealloc(bytes);
		if (!(*t)[n & (TABLE_SIZE - 1)])
			return -ENOMEM;
		c->bytes += bytes;
		c->reserved += CHUNK_SLOTS;
	}
	return slots > c->count ? map_reserve(c, slots - c->count) : 0;
}

int vexfs_columns_put(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr)
{
	struct chunk *k;
	__u32 i, at = slot & (CHUNK_SLOTS - 1);

	if (slot >= c->reserved)
		return -EINVAL;
	if (map_find(c, id))
		return -EEXIST;
	if ((c->map_used + 1) * 2 > c->map_size + 1 && map_reserve(c, 1))
		return -ENOMEM;
	k = chunk_of(c, slot);
	k->id[at] = id;
	k->norm[at] = 0;
	k->dead[at / 64] &= ~(1ULL << at % 64);
	for (i = 0; i < c->attrs; i++)
		k->attr[i * CHUNK_SLOTS + at] = attr ? attr[i] : 0;
	map_put(c->map, c->map_size, id, slot, &c->map_used);
	c->live++;
	return 0;
}

void vexfs_columns_unput(struct vexfs_columns *c, __u64 slot)
{
	struct bucket *b = map_find(c, vexfs_columns_id(c, slot));

	if (b && b->slot == slot) {
		b->slot = GRAVE;
		c->live--;
	}
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
	struct bucket *b = map_find(c, id);

	if (!b)
		return -ENOENT;
	*slot = b->slot;
	return 0;
}

void vexfs_columns_kill(struct vexfs_columns *c, __u64 slot)
{
	__u32 at = slot & (CHUNK_SLOTS - 1);

	vexfs_columns_unput(c, slot);
	__atomic_fetch_or(&chunk_of(c, slot)->dead[at / 64], 1ULL << at % 64, __ATOMIC_RELEASE);
}

bool vexfs_columns_dead(const struct vexfs_columns *c, __u64 slot)
{
	__u32 at = slot & (CHUNK_SLOTS - 1);

	return __atomic_load_n(&chunk_of(c, slot)->dead[at / 64], __ATOMIC_ACQUIRE) >> at % 64 & 1;
}

__u64 vexfs_columns_id(const struct vexfs_columns *c, __u64 slot)
{
	return chunk_of(c, slot)->id[slot & (CHUNK_SLOTS - 1)];
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
	return c->bytes;
}

__u32 *vexfs_columns_norm(struct vexfs_columns *c, __u64 slot)
{
	return &chunk_of(c, slot)->norm[slot & (CHUNK_SLOTS - 1)];
}

__u64 vexfs_columns_live_mask(const struct vexfs_columns *c, __u64 from, __u32 n, __u64 count)
{
	__u64 mask = 0;
	__u32 i;

	if (from >= count)
		return 0;
	n = count - from < n ? (__u32)(count - from) : n;
	if (!(from % 64))		/* one word: 64 divides a chunk */
		return ~__atomic_load_n(&chunk_of(c, from)->dead[(from & (CHUNK_SLOTS - 1)) / 64], __ATOMIC_ACQUIRE) &
		       (n == 64 ? ~0ULL : (1ULL << n) - 1);
	for (i = 0; i < n; i++)
		if (!vexfs_columns_dead(c, from + i))
			mask |= 1ULL << i;
	return mask;
}
