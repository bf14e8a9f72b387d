// SPDX-License-Identifier: GPL-2.0
/*
 * A map from 64-bit words (ids, hashes of keys) to slots: open addressing with linear probing
 * (Knuth, The Art of Computer Programming, vol. 3, section 6.4, algorithm L), at most half full.  A
 * word may be there several times, with different slots.
 *
 * No lock is taken here: the caller has one for readers and writers alike.
 */
#include "internal.h"

#define NO_SLOT		(~0ULL)		/* never used */
#define GRAVE		(~0ULL - 1)	/* was used */

struct vexfs_bucket {
	__u64 word, slot;
};

static __u64 mix(__u64 x)
{
	x ^= x >> 32;			/* splitmix64's mixer */
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 29;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 32;
}

void vexfs_map_free(struct vexfs_map64 *m)
{
	vx_efree(m->bucket);
	*m = (struct vexfs_map64){ 0 };
}

__u64 vexfs_map_bytes(const struct vexfs_map64 *m)
{
	return m->size * sizeof(*m->bucket);
}

int vexfs_map_reserve(struct vexfs_map64 *m, __u64 more)
{
	struct vexfs_map64 to = { .size = m->size ?: 64 };
	__u64 i;

	if (m->size && m->used + more <= m->size / 2)
		return 0;
	while ((m->live + more) * 2 >= to.size)
		to.size *= 2;
	to.bucket = vx_ealloc(to.size * sizeof(*to.bucket));
	if (!to.bucket)
		return -ENOMEM;
	for (i = 0; i < to.size; i++)
		to.bucket[i].slot = NO_SLOT;
	for (i = 0; i < m->size; i++)
		if (m->bucket[i].slot < GRAVE)
			vexfs_map_put(&to, m->bucket[i].word, m->bucket[i].slot);
	vx_efree(m->bucket);
	*m = to;
	return 0;
}

void vexfs_map_put(struct vexfs_map64 *m, __u64 word, __u64 slot)
{
	__u64 i = mix(word) & (m->size - 1);

	while (m->bucket[i].slot < GRAVE)
		i = (i + 1) & (m->size - 1);
	m->used += m->bucket[i].slot == NO_SLOT;
	m->live++;
	m->bucket[i] = (struct vexfs_bucket){ word, slot };
}

bool vexfs_map_next(const struct vexfs_map64 *m, __u64 word, __u64 *at, __u64 *slot)
{
	__u64 i;

	if (!m->size)
		return false;
	for (i = *at ? *at : mix(word) & (m->size - 1);; i++) {
		const struct vexfs_bucket *b = &m->bucket[i & (m->size - 1)];

		if (b->slot == NO_SLOT)
			return false;
		if (b->word == word && b->slot != GRAVE) {
			*at = (i & (m->size - 1)) + 1;	/* the next one; never 0 */
			*slot = b->slot;
			return true;
		}
	}
}

void vexfs_map_del(struct vexfs_map64 *m, __u64 word, __u64 slot)
{
	__u64 at = 0, found;

	while (vexfs_map_next(m, word, &at, &found))
		if (found == slot) {
			m->bucket[at - 1].slot = GRAVE;
			m->live--;
			return;
		}
}
