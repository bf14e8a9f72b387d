// SPDX-License-Identifier: GPL-2.0
/*
 * Candidates whose distance is known within bounds only, deferred until better ones were measured:
 * a min-heap by the lower bound, bounded in size.  What is turned away is remembered by its
 * smallest lower bound, from which vexfs_query_finish() sees whether something may have been lost.
 */
#include "internal.h"
#include "heap.h"

#define FIRST_ENTRIES (1u << 10) /* most queries defer some hundreds */
#define MAX_ENTRIES (1u << 20)

int vexfs_deferred_init(struct vexfs_deferred *d, __u32 k)
{
	if (!d->entry) {
		d->entry = vx_ealloc((size_t)FIRST_ENTRIES * sizeof(*d->entry));
		d->cap = FIRST_ENTRIES;
	}
	if (!d->entry || vexfs_kth_init(&d->upper, k)) {
		vexfs_deferred_free(d);
		return -ENOMEM;
	}
	return 0;
}

void vexfs_deferred_free(struct vexfs_deferred *d)
{
	vx_efree(d->entry);
	vexfs_kth_free(&d->upper);
	*d = (struct vexfs_deferred){};
}

void vexfs_deferred_clear(struct vexfs_deferred *d)
{
	d->n = 0;
	d->upper.n = 0;
	d->refused = ~0u;
}

static inline bool bound_above(const __u64 *a, const __u64 *b)
{
	return *a < *b;
}

VEXFS_HEAP(bounds, __u64, bound_above)

static void refuse(struct vexfs_deferred *d, __u64 entry)
{
	if (entry >> 32 < d->refused)
		d->refused = entry >> 32;
}

/*
 * Keep the better half, in order: a sorted array is a heap.  The upper bounds go, because a slot
 * that is dropped may be looked at again, and would be counted twice.
 */
static void drop_half(struct vexfs_deferred *d)
{
	__u64 *kept = d->entry;
	__u32 half = d->n / 2, i;

	bounds_drain(kept, d->n, half);		/* the smallest last: descending order */
	refuse(d, kept[0]);
	for (i = 0; i < half; i++)
		kept[i] = kept[d->n - 1 - i];
	d->n = half;
	d->upper.n = 0;
}

static bool grow(struct vexfs_deferred *d)
{
	__u64 *e = d->cap < MAX_ENTRIES ? vx_ealloc((size_t)d->cap * 4 * sizeof(*e)) : NULL;

	if (!e)
		return false;
	memcpy(e, d->entry, (size_t)d->n * sizeof(*e));
	vx_efree(d->entry);
	d->entry = e;
	d->cap *= 4;
	return true;
}

void vexfs_deferred_room(struct vexfs_deferred *d, __u32 gate)
{
	__u32 i, n = 0;

	if (d->n + VEXFS_BATCH <= d->cap)
		return;
	for (i = 0; i < d->n; i++) {
		if (d->entry[i] >> 32 <= gate)
			d->entry[n++] = d->entry[i];
		else
			refuse(d, d->entry[i]);
	}
	d->n = n;
	bounds_make(d->entry, n);
	if (n > d->cap / 2 && !grow(d) && d->n + VEXFS_BATCH > d->cap)
		drop_half(d);
}

void vexfs_deferred_push(struct vexfs_deferred *d, __u32 lower, __u64 slot)
{
	bounds_up(d->entry, d->n++, (__u64)lower << 32 | slot);
}

bool vexfs_deferred_pop(struct vexfs_deferred *d, __u32 gate, __u64 *slot)
{
	__u64 first;

	if (!d->n)
		return false;
	first = d->entry[0];
	if (first >> 32 > gate) {
		refuse(d, first);
		d->n = 0;
		return false;
	}
	d->n--;
	if (d->n)
		bounds_down(d->entry, 0, d->n, d->entry[d->n]);
	*slot = first & ~0u;
	return true;
}
