// SPDX-License-Identifier: GPL-2.0
/*
 * Partitioned lists of a collection: their storage, and rows that come to them.  How centres are
 * found is in lists_build.c, how a query goes through lists in probe.c.  No floating point here.
 */
#include "lists.h"

#define AHEAD	256			/* rows read ahead */

#define BY_AN_EIGHTH	5		/* extents; from then on each doubles what there is */
#define LEAST_ROWS	16		/* of the second rung, by which it grows */

/* What is before the memory of an extent: it is as aligned as without. */
struct head {
	__u32 refs;			/* atomic */
	__u32 pad[15];
};

static struct head *head_of(const struct vexfs_list_extent *x)
{
	return (struct head *)x->data - 1;
}

static void free_extents(struct vexfs_list *list, int of)
{
	struct head *h;

	while (list->extents[of]) {
		h = head_of(&list->extent[--list->extents[of]][of]);
		if (__atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL) == 0)
			vx_efree(h);
	}
}

struct vexfs_lists *vexfs_lists_get(struct vexfs_lists *l)
{
	__atomic_add_fetch(&l->refs, 1, __ATOMIC_RELAXED);
	return l;
}

void vexfs_lists_free(struct vexfs_lists *l)
{
	__u32 i;

	if (!l || __atomic_fetch_sub(&l->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (i = 0; l->list && i < l->lists; i++) {
		free_extents(l->list + i, VEXFS_BLOCKS);
		free_extents(l->list + i, VEXFS_ROWS);
	}
	vexfs_chunks_free(&l->place);
	vx_efree(l->list);
	vx_efree(l->top.c);
	vx_efree(l->first);
	vx_efree(l->centre.c);
	vx_efree(l->coder.mean);
	vexfs_axes_free(l->axes);
	vx_efree(l->x);
	vx_efree(l);
}

__u64 vexfs_lists_bytes(const struct vexfs_lists *l)
{
	return READ_ONCE(l->bytes) + READ_ONCE(l->place.bytes);
}

__u64 vexfs_lists_cost(__u32 dims, __u64 rows)
{
	__u32 padded = (dims + 63) / 64 * 64, lists = vexfs_lists_wanted(rows);
	size_t row = padded / 2 + sizeof(struct vexfs_rung2);
	size_t block = vexfs_list_block_bytes(padded);

	/* an eighth is room for more, and half of the last block of each list */
	return sizeof(struct vexfs_lists) + vexfs_lists_room_cost(rows) + (rows + rows / 8) * row +
	       ((rows + rows / 8) / VEXFS_CODE_BLOCK + lists / 2) * block +
	       (__u64)lists * (sizeof(struct vexfs_list) + 2 * sizeof(struct head) + padded +
			 3 * sizeof(float));
}

__u64 vexfs_lists_grown(const struct vexfs_lists *l, __u64 rows)
{
	__u64 linked = vexfs_lists_linked(l), bytes = vexfs_lists_bytes(l), more;
	__u32 padded = l->coder.rotation.padded;

	more = rows > linked ? rows - linked : 0;
	more *= vexfs_list_row_bytes(l) + vexfs_list_block_bytes(padded) / VEXFS_CODE_BLOCK +
		sizeof(__u32);	/* and an entry of the map */
	/* lists grow by an eighth at a time, and are copied when they are made even */
	return bytes + bytes / 8 + more + more / 4;
}

__u64 vexfs_lists_linked(const struct vexfs_lists *l)
{
	return __atomic_load_n(&l->linked, __ATOMIC_ACQUIRE);
}

__u32 vexfs_lists_count(const struct vexfs_lists *l)
{
	return l->lists;
}

static size_t bytes_of(const struct vexfs_lists *l, int of)
{
	__u32 padded = l->coder.rotation.padded;

	return of == VEXFS_BLOCKS ? vexfs_list_block_bytes(padded) : vexfs_list_row_bytes(l);
}

static __u32 blocks_of(__u32 rows)
{
	return (rows + VEXFS_CODE_BLOCK - 1) / VEXFS_CODE_BLOCK;
}

/* Blocks, or rows, that there is room for. */
static __u32 room_of(const struct vexfs_list *list, int of)
{
	return list->extents[of] ? list->extent[list->extents[of] - 1][of].end : 0;
}

/* Another extent.  -ENOMEM; -E2BIG there are as many as there may be. */
static int add_extent(struct vexfs_lists *l, struct vexfs_list *list, int of, __u32 more)
{
	size_t bytes = sizeof(struct head) + more * bytes_of(l, of);
	__u32 room = room_of(list, of);
	struct head *h;

	if (list->extents[of] == VEXFS_LIST_EXTENTS)
		return -E2BIG;
	h = vx_ealloc(bytes);
	if (!h)
		return -ENOMEM;
	h->refs = 1;
	list->extent[list->extents[of]++][of] =
		(struct vexfs_list_extent){ (__u8 *)(h + 1), room, room + more };
	WRITE_ONCE(l->bytes, l->bytes + bytes);
	return 0;
}

static int grow(struct vexfs_lists *l, struct vexfs_list *list, int of, __u32 want)
{
	__u32 room = room_of(list, of), more = want - room, least = of == VEXFS_ROWS ? LEAST_ROWS : 1;

	if (want <= room)
		return 0;
	if (room) {
		least = least > room / 8 ? least : room / 8;
		if (list->extents[of] >= BY_AN_EIGHTH)
			least = room;
		more = more > least ? more : least;
	}
	return add_extent(l, list, of, more);
}

/* One extent of the first n of what there is. */
static int fit(struct vexfs_lists *l, struct vexfs_list *list, int of, __u32 n)
{
	__u32 e, room = room_of(list, of), end;
	struct vexfs_list_extent *x, *to;
	size_t bytes = bytes_of(l, of);
	struct vexfs_list one = { };
	int err;

	if (room == n && list->extents[of] <= 1)
		return 0;
	err = n ? add_extent(l, &one, of, n) : 0;
	if (err)
		return err;
	to = &one.extent[0][of];
	for (e = 0; e < list->extents[of]; e++) {
		x = &list->extent[e][of];
		end = x->end < n ? x->end : n;
		if (x->first < end)
			memcpy(to->data + x->first * bytes, x->data, (end - x->first) * bytes);
	}
	l->bytes -= room * bytes + list->extents[of] * sizeof(struct head);
	free_extents(list, of);
	list->extents[of] = one.extents[of];
	list->extent[0][of] = *to;
	return 0;
}

int vexfs_list_fit(struct vexfs_lists *l, struct vexfs_list *list)
{
	return fit(l, list, VEXFS_BLOCKS, blocks_of(list->n)) ?:
	       fit(l, list, VEXFS_ROWS, list->n);
}

int vexfs_lists_fit(struct vexfs_lists *l)
{
	__u32 i;
	int err = 0;

	for (i = 0; !err && i < l->lists; i++) {
		err = vexfs_list_fit(l, l->list + i);
		vx_yield();
	}
	return err;
}

static int reserve(struct vexfs_lists *l, struct vexfs_list *list, __u32 rows)
{
	return grow(l, list, VEXFS_BLOCKS, blocks_of(rows)) ?: grow(l, list, VEXFS_ROWS, rows);
}

int vexfs_list_reserve(struct vexfs_lists *l, struct vexfs_list *list, __u32 rows)
{
	int err = reserve(l, list, rows);

	if (err != -E2BIG || l->tuned)
		return err;
	/* nobody else looks at it yet */
	return vexfs_list_fit(l, list) ?: reserve(l, list, rows);
}

void vexfs_list_share(struct vexfs_lists *l, struct vexfs_list *to, const struct vexfs_list *from)
{
	__u64 bytes = 0;
	__u32 e;
	int of;

	*to = *from;
	for (of = VEXFS_BLOCKS; of <= VEXFS_ROWS; of++) {
		for (e = 0; e < to->extents[of]; e++)
			__atomic_add_fetch(&head_of(&to->extent[e][of])->refs, 1, __ATOMIC_RELAXED);
		bytes += to->extents[of] * sizeof(struct head) + room_of(to, of) * bytes_of(l, of);
	}
	l->bytes += bytes;
	vexfs_list_place_all(l, to);
}

void vexfs_list_clear(struct vexfs_lists *l, struct vexfs_list *list)
{
	int of;

	vexfs_list_displace_all(l, list);
	for (of = VEXFS_BLOCKS; of <= VEXFS_ROWS; of++) {
		l->bytes -= list->extents[of] * sizeof(struct head) +
			    room_of(list, of) * bytes_of(l, of);
		free_extents(list, of);
	}
	list->n = 0;
}

/* Where a row is: its block, whose first rung has it at row % VEXFS_CODE_BLOCK. */
static __u8 *block_of(const struct vexfs_lists *l, const struct vexfs_list *list, __u32 row)
{
	__u32 block = row / VEXFS_CODE_BLOCK;

	return vexfs_list_block(list, l->coder.rotation.padded,
				vexfs_list_extent(list, VEXFS_BLOCKS, block), block);
}

__u32 vexfs_list_slot(const struct vexfs_lists *l, const struct vexfs_list *list, __u32 row)
{
	return vexfs_list_rung2(l, list, row)->slot;
}

/* The half of a byte of each 16 that a row has in a block: byte, and how far it is shifted. */
static __u8 *half_of(__u8 *block, __u32 at, __u32 *shift)
{
	*shift = at / 16 % 2 * 4;
	return block + at % 16;
}

int vexfs_list_append(struct vexfs_lists *l, __u32 i, __u64 slot)
{
	__u32 padded = l->coder.rotation.padded, row, at, shift, g;
	struct vexfs_list *list = l->list + i;
	__u64 bits[VEXFS_MAX_DIMS / 64];
	struct vexfs_rung2 *two;
	__u8 *block, *byte;
	int err;

	row = list->n;
	err = vexfs_list_reserve(l, list, row + 1);
	if (err)
		return err;
	block = block_of(l, list, row);
	two = vexfs_list_rung2(l, list, row);
	at = row % VEXFS_CODE_BLOCK;
	vx_fpu_begin();
	vexfs_ladder_add(l, i, bits, vexfs_list_rung1(block, padded), at, two);
	vx_fpu_end();
	two->slot = (__u32)slot;
	byte = half_of(block, at, &shift);
	for (g = 0; g < padded / 4; g++, byte += 16)
		WRITE_ONCE(*byte, (*byte & ~(15 << shift)) | (bits[g / 16] >> g % 16 * 4 & 15)
								     << shift);
	vexfs_list_place(l, list, row, slot);
	__atomic_store_n(&list->n, row + 1, __ATOMIC_RELEASE);
	return 0;
}

int vexfs_lists_append(struct vexfs_lists *l, __u64 slot)
{
	__u32 i;

	vx_fpu_begin();
	i = vexfs_lists_nearest(l);
	vx_fpu_end();
	return vexfs_list_append(l, i, slot);
}

/* Floats are moved about, and none is looked at. */
int vexfs_list_copy(struct vexfs_lists *l, struct vexfs_list *to, const struct vexfs_list *from,
		    __u32 row, __u32 slot)
{
	__u32 padded = l->coder.rotation.padded, n = to->n, at = n % VEXFS_CODE_BLOCK,
	      was = row % VEXFS_CODE_BLOCK, shift, back, g;
	const struct vexfs_rung1 *old;
	struct vexfs_rung1 *one;
	struct vexfs_rung2 *two;
	__u8 *block, *byte, *source;
	int err = vexfs_list_reserve(l, to, n + 1);

	if (err)
		return err;
	block = block_of(l, from, row);
	old = vexfs_list_rung1(block, padded);
	source = half_of(block, was, &back);
	block = block_of(l, to, n);
	one = vexfs_list_rung1(block, padded);
	byte = half_of(block, at, &shift);
	for (g = 0; g < padded / 4; g++, byte += 16, source += 16)
		WRITE_ONCE(*byte, (*byte & ~(15 << shift)) | (READ_ONCE(*source) >> back & 15) << shift);
	memcpy(&one->add[at], &old->add[was], sizeof(*one->add));
	one->scale[at] = old->scale[was];
	one->error[at] = old->error[was];
	two = vexfs_list_rung2(l, to, n);
	memcpy(two, vexfs_list_rung2(l, from, row), vexfs_list_row_bytes(l));
	two->slot = slot;
	vexfs_list_place(l, to, n, slot);
	__atomic_store_n(&to->n, n + 1, __ATOMIC_RELEASE);
	return 0;
}

int vexfs_lists_stray(struct vexfs_lists *l, __u64 slot)
{
	if (l->strays == VEXFS_MAX_STRAYS)
		return -EDOM;
	l->stray[l->strays] = slot;
	__atomic_store_n(&l->strays, l->strays + 1, __ATOMIC_RELEASE);
	return 0;
}

int vexfs_lists_leave_out(struct vexfs_lists *l, struct vexfs_columns *c, __u64 slot, int err)
{
	err = vexfs_columns_damage(c, slot, err);
	/* as long as there is room, so that queries miss it, or find it if it is whole again */
	if (!err && l->strays < VEXFS_MAX_STRAYS)
		err = vexfs_lists_stray(l, slot);
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
		err = vexfs_lists_room(l, at + 1);
		if (err)
			break;
		/* who is superseded by a record that is not there yet is there */
		if (vexfs_columns_visible(c, at, vexfs_columns_count(c))) {
			err = vx_rows_wait(rows, at, seg);
			if (err < 0) {
				err = vexfs_lists_leave_out(l, c, at, err);
			} else {
				vx_fpu_begin();
				safe = vexfs_axes_rotate(&l->coder, l->axes, seg, err, true,
							 l->scratch, l->x, &l->rest);
				vx_fpu_end();
				vx_rows_put(rows);
				err = safe ? vexfs_lists_append(l, at) : vexfs_lists_stray(l, at);
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
