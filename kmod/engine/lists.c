// SPDX-License-Identifier: GPL-2.0
/*
 * Partitioned lists of a collection: their storage, and rows that come to them.  How centres are
 * found is in lists_build.c, how a query goes through lists in probe.c.  No floating point here.
 */
#include "lists.h"

#define AHEAD	256			/* rows read ahead */

void vexfs_lists_free(struct vexfs_lists *l)
{
	__u32 i, e;

	if (!l)
		return;
	for (i = 0; l->list && i < l->lists; i++)
		for (e = 0; e < l->list[i].extents; e++)
			vx_efree(l->list[i].extent[e].data);
	vx_efree(l->list);
	vx_efree(l->top.c);
	vx_efree(l->first);
	vx_efree(l->centre.c);
	vx_efree(l->coder.mean);
	vx_efree(l->x);
	vx_efree(l);
}

__u64 vexfs_lists_bytes(const struct vexfs_lists *l)
{
	return READ_ONCE(l->bytes);
}

__u64 vexfs_lists_cost(__u32 dims, __u64 rows)
{
	__u32 padded = (dims + 63) / 64 * 64, lists = vexfs_lists_wanted(rows);
	size_t block = vexfs_list_block_bytes(padded) +
		       VEXFS_CODE_BLOCK * vexfs_list_row_bytes(padded);

	/* a quarter of the extents is room for more */
	return sizeof(struct vexfs_lists) + (rows + rows / 4) / VEXFS_CODE_BLOCK * block +
	       (__u64)lists * (block + sizeof(struct vexfs_list) + padded + 12);
}

__u64 vexfs_lists_linked(const struct vexfs_lists *l)
{
	return __atomic_load_n(&l->linked, __ATOMIC_ACQUIRE);
}

__u32 vexfs_lists_count(const struct vexfs_lists *l)
{
	return l->lists;
}

/* Another extent, of so many blocks.  -ENOMEM; -E2BIG the list has as many as it may have. */
static int add_extent(struct vexfs_lists *l, struct vexfs_list *list, __u32 blocks)
{
	__u32 padded = l->coder.rotation.padded, e = list->extents;
	size_t bytes = blocks * (vexfs_list_block_bytes(padded) +
				 VEXFS_CODE_BLOCK * vexfs_list_row_bytes(padded));

	if (e == VEXFS_LIST_EXTENTS)
		return -E2BIG;
	list->extent[e].data = vx_ealloc(bytes);
	if (!list->extent[e].data)
		return -ENOMEM;
	list->extent[e].first = list->room / VEXFS_CODE_BLOCK;
	list->extent[e].blocks = blocks;
	list->room += blocks * VEXFS_CODE_BLOCK;
	list->extents++;
	WRITE_ONCE(l->bytes, l->bytes + bytes);
	return 0;
}

int vexfs_list_reserve(struct vexfs_lists *l, struct vexfs_list *list, __u32 rows)
{
	__u32 blocks, more = list->room / VEXFS_CODE_BLOCK;

	if (rows <= list->room)
		return 0;
	blocks = (rows - list->room + VEXFS_CODE_BLOCK - 1) / VEXFS_CODE_BLOCK;
	/* half of what it has or, once that is much, as much again: extents suffice for 167,904 rows */
	if (list->extents < VEXFS_LIST_EXTENTS / 2)
		more /= 2;
	if (blocks < more + 1)
		blocks = more + 1;
	return add_extent(l, list, blocks);
}

/* Append l->x, the row of a slot. */
static int link_row(struct vexfs_lists *l, __u64 slot)
{
	__u32 padded = l->coder.rotation.padded, i, e, row, at, shift, g;
	struct vexfs_list *list;
	__u64 bits[VEXFS_MAX_DIMS / 64];
	struct vexfs_rung1 *one;
	__u8 *block, *byte;
	int err;

	vx_fpu_begin();
	i = vexfs_lists_nearest(l);
	vx_fpu_end();
	list = l->list + i;
	row = list->n;
	err = vexfs_list_reserve(l, list, row + 1);
	if (err)
		return err;
	e = vexfs_list_extent(list, row / VEXFS_CODE_BLOCK);
	block = vexfs_list_block(list, padded, e, row / VEXFS_CODE_BLOCK);
	one = vexfs_list_rung1(block, padded);
	at = row % VEXFS_CODE_BLOCK;
	vx_fpu_begin();
	vexfs_ladder_add(l, i, bits, one, at, vexfs_list_rung2(list, padded, e, row));
	vx_fpu_end();
	one->slot[at] = (__u32)slot;
	shift = at / 16 % 2 * 4;
	byte = block + at % 16;
	for (g = 0; g < padded / 4; g++, byte += 16)
		WRITE_ONCE(*byte, (*byte & ~(15 << shift)) | (bits[g / 16] >> g % 16 * 4 & 15)
								     << shift);
	__atomic_store_n(&list->n, row + 1, __ATOMIC_RELEASE);
	return 0;
}

static int add_stray(struct vexfs_lists *l, __u64 slot)
{
	if (l->strays == VEXFS_MAX_STRAYS)
		return -EDOM;
	l->stray[l->strays] = slot;
	__atomic_store_n(&l->strays, l->strays + 1, __ATOMIC_RELEASE);
	return 0;
}

/* The row of a slot could not be had, and why.  0: no list has it; else an error. */
static int leave_out(struct vexfs_lists *l, struct vexfs_columns *c, __u64 slot, int err)
{
	err = vexfs_columns_damage(c, slot, err);
	/* as long as there is room, so that queries miss it, or find it if it is whole again */
	if (!err && l->strays < VEXFS_MAX_STRAYS)
		err = add_stray(l, slot);
	return err;
}

int vexfs_lists_extend(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		       __u64 to, __u64 deadline_us, bool (*stop)(void *arg), void *arg)
{
	__u64 *ahead = vx_ealloc(AHEAD * sizeof(*ahead)), at = l->linked, read = at;
	struct vx_seg seg[VX_ROW_SEGS];
	int err = ahead ? 0 : -ENOMEM;
	bool safe;
	__u32 n;

	while (!err && at < to) {
		if (at == read) {
			for (n = 0; n < AHEAD && read < to; n++)
				ahead[n] = read++;
			vx_rows_ahead(rows, ahead, n);
		}
		/* who is superseded by a record that is not there yet is there */
		if (vexfs_columns_visible(c, at, vexfs_columns_count(c))) {
			err = vx_rows_wait(rows, at, seg);
			if (err < 0) {
				err = leave_out(l, c, at, err);
			} else {
				vx_fpu_begin();
				safe = vexfs_rabitq_rotate(&l->coder, seg, err, true, l->x);
				vx_fpu_end();
				vx_rows_put(rows);
				err = safe ? link_row(l, at) : add_stray(l, at);
			}
			if (err)
				break;
		}
		at++;
		if (at % VEXFS_BATCH && at < to)
			continue;
		__atomic_store_n(&l->linked, at, __ATOMIC_RELEASE);
		if (vx_ekilled() || (stop && stop(arg)))
			err = -EINTR;
		else if (vx_clock_us() >= deadline_us)
			break;
		vx_yield();
	}
	__atomic_store_n(&l->linked, at, __ATOMIC_RELEASE);
	vx_efree(ahead);
	return err;
}
