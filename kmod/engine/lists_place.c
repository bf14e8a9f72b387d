// SPDX-License-Identifier: GPL-2.0
/*
 * Where slots are in lists: a map from each slot to its list and its row there, so that who knows
 * of a slot finds its finer codes.  Each generation of lists has one of its own.  An entry is
 * written before the slot is linked, or the generation is searched, and never changes while anybody
 * looks at it.
 */
#include "lists.h"

int vexfs_lists_room(struct vexfs_lists *l, __u64 slots)
{
	return vexfs_chunks_reserve(&l->place, slots, VEXFS_CHUNK_SLOTS * sizeof(__u32));
}

__u64 vexfs_lists_room_cost(__u64 slots)
{
	return vexfs_chunks_cost(slots, VEXFS_CHUNK_SLOTS * sizeof(__u32));
}

static __u32 *place_of(const struct vexfs_lists *l, __u64 slot)
{
	__u32 *place = vexfs_chunk(&l->place, slot);

	return place + slot % VEXFS_CHUNK_SLOTS;
}

void vexfs_list_place(struct vexfs_lists *l, const struct vexfs_list *list, __u32 row, __u64 slot)
{
	bool fits = list - l->list < VEXFS_PLACE_LISTS && row < VEXFS_PLACE_ROWS;

	*place_of(l, slot) = fits ? (__u32)(list - l->list + 1) * VEXFS_PLACE_ROWS + row : 0;
}

void vexfs_list_place_all(struct vexfs_lists *l, const struct vexfs_list *list)
{
	__u32 row;

	for (row = 0; row < list->n; row++)
		vexfs_list_place(l, list, row, vexfs_list_slot(l, list, row));
}

void vexfs_list_displace_all(struct vexfs_lists *l, const struct vexfs_list *list)
{
	__u32 row;
	__u64 slot;

	for (row = 0; row < list->n; row++) {
		slot = vexfs_list_slot(l, list, row);
		*place_of(l, slot) = 0;
	}
}
