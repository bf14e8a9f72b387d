// SPDX-License-Identifier: GPL-2.0
/*
 * The candidate pool: a binary max-heap of the best entries by f32 distance.  It holds more than k,
 * because f32 may order neighbours wrongly; what it turned away is remembered by its smallest key,
 * from which vexfs_query_finish() proves that nothing was lost.  It grows when it might turn away
 * what may belong among the k best, as where many distances are equal; so that proof hardly ever
 * fails.
 */
#include "internal.h"
#include "heap.h"

/* entries to begin with; enough for all but range searches */
#define POOL_START	2048

static inline bool key_above(const __u32 *a, const __u32 *b)
{
	return *a > *b;
}

VEXFS_HEAP(keys, __u32, key_above)

void vexfs_kth_offer(struct vexfs_kth *t, __u32 key)
{
	if (t->n < t->k)
		keys_up(t->key, t->n++, key);
	else if (key < t->key[0])
		keys_down(t->key, 0, t->n, key);
}

int vexfs_kth_init(struct vexfs_kth *t, __u32 k)
{
	if (t->room < k) {
		vx_efree(t->key);
		t->key = vx_ealloc((size_t)k * sizeof(*t->key));
		t->room = t->key ? k : 0;
	}
	t->n = 0;
	t->k = t->room ? k : 0;
	return t->room ? 0 : -ENOMEM;
}

void vexfs_kth_free(struct vexfs_kth *t)
{
	vx_efree(t->key);
	*t = (struct vexfs_kth){};
}

int vexfs_pool_init(struct vexfs_pool *p, __u32 k, __u32 cap)
{
	__u32 room = cap < POOL_START ? cap : POOL_START;

	if (p->room < room) {
		vx_efree(p->entry);
		p->entry = vx_ealloc((size_t)room * sizeof(*p->entry));
		p->room = p->entry ? room : 0;
	}
	p->cap = cap;
	if (!p->room || vexfs_kth_init(&p->best, k)) {
		vexfs_pool_free(p);
		return -ENOMEM;
	}
	vexfs_pool_clear(p);
	return 0;
}

void vexfs_pool_free(struct vexfs_pool *p)
{
	vx_efree(p->entry);
	vexfs_kth_free(&p->best);
	*p = (struct vexfs_pool){};
}

int vexfs_pool_reserve(struct vexfs_pool *p, __u32 more)
{
	struct vexfs_entry *e;
	__u32 room = p->room;

	if (more > p->cap - p->n)
		more = p->cap - p->n;
	if (p->n + more <= room)
		return 0;
	room = room < p->cap / 2 ? room * 2 : p->cap;
	if (room < p->n + more)
		room = p->n + more;
	e = vx_ealloc((size_t)room * sizeof(*e));
	if (!e)
		return -ENOMEM;
	memcpy(e, p->entry, p->n * sizeof(*e));
	vx_efree(p->entry);
	p->entry = e;
	p->room = room;
	return 0;
}

void vexfs_pool_clear(struct vexfs_pool *p)
{
	p->n = 0;
	p->best.n = 0;
	p->any_refused = false;
	p->refused = ~0u;
	p->spare = 0;
}

bool vexfs_pool_can_spare(struct vexfs_pool *p, __u32 more, __u32 key)
{
	__u32 i;

	p->spare = 0;
	for (i = 0; i < p->n; i++)
		p->spare += p->entry[i].key > key;
	return more <= p->cap - p->n + p->spare;
}

/*
 * The worst is on top.  Equal keys: the lower slot is better, so that the outcome does not depend
 * on the order of offers.
 */
static inline bool entry_above(const struct vexfs_entry *a, const struct vexfs_entry *b)
{
	return a->key != b->key ? a->key > b->key : a->slot > b->slot;
}

VEXFS_HEAP(entries, struct vexfs_entry, entry_above)

static void refuse(struct vexfs_pool *p, __u32 key)
{
	p->any_refused = true;
	if (key < p->refused)
		p->refused = key;
}

bool vexfs_pool_offer(struct vexfs_pool *p, __u64 slot, __u32 key, __u64 penalty)
{
	struct vexfs_entry x = { .slot = slot, .penalty = penalty, .key = key }, *e = p->entry;

	if (p->n == p->cap || p->n == p->room) {
		if (!entry_above(&e[0], &x)) {
			refuse(p, key);
			return false;
		}
		refuse(p, e[0].key);
		p->spare -= p->spare > 0;
		entries_down(e, 0, p->n, x);
	} else {
		entries_up(e, p->n++, x);
	}
	vexfs_kth_offer(&p->best, key);
	return true;
}

void vexfs_pool_sort(struct vexfs_pool *p)
{
	entries_make(p->entry, p->n);	/* it may have been sorted before */
	entries_drain(p->entry, p->n, p->n);
}
