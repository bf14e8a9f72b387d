/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The insides of partitioned lists, for lists*.c, probe.c, cluster.c and ladder*.c.
 *
 * Rows are rotated (rotate.c) after the mean was taken off, see rabitq.c; centres are in that space.
 * Each list has the codes of its rows in blocks of VEXFS_CODE_BLOCK, in extents that never move: one
 * writer appends, readers load vexfs_list.n with acquire and look only below it.  All else of lists
 * never changes while others may look at them: to split and to merge them, another generation takes
 * their place, which shares what stays (lists_move.c).  A search has a reference to the one that it
 * goes through; with the last one go the extents that no other generation has.
 */
#ifndef _VEXFS_ENGINE_LISTS_H
#define _VEXFS_ENGINE_LISTS_H

#include "internal.h"
#include "axes.h"

#define VEXFS_LIST_EXTENTS	7	/* of blocks of a list, and of rows of its second rung */
#define VEXFS_MAX_LISTS		(1u << 16)
#define VEXFS_MAX_STRAYS	1024u	/* rows in no list: of a norm out of range, or damaged */
#define VEXFS_NIBBLES		16	/* levels of the second rung */
/* what an entry of the map of slots has room for: what is beyond is as if it were in no list */
#define VEXFS_PLACE_LISTS	0xffffu
#define VEXFS_PLACE_ROWS	0x10000u

/*
 * What goes with the codes of a block, beside the 1-bit codes that come first: half of what a query
 * reads of most rows, so it is as little as will do.  For a query z and a
 * list with the centre C, whose distance of the centre is `plus` and |z - C| (dot: |z|) `length`:
 *
 *	distance = plus + add - times * scale * <s, z>, off by times * length * error at one sigma
 */
struct vexfs_rung1 {
	float add[VEXFS_CODE_BLOCK];
	__u16 scale[VEXFS_CODE_BLOCK], error[VEXFS_CODE_BLOCK];	/* bfloat16, see float.h */
};

/*
 * The second rung: 4 bits a dim.  `padded / 2` bytes follow: in each group of 64 dims byte i has dim
 * i in its low half and dim i + 32 in its high one.  Where lists have axes (axes.c) the length of
 * what is not along them comes last, a float.
 */
struct vexfs_rung2 {
	float scale, add, error;
	__u32 slot;
};

/*
 * Memory that never moves, of blocks or of rows of the second rung.  It is shared by generations of
 * lists, see lists_move.c: a count of those is before it.
 */
struct vexfs_list_extent {
	__u8 *data;
	__u32 first, end;		/* the block, or row, at which it begins, and ends */
};

/* What extents are of; apart, so that few rows have no room for a whole block of second rungs. */
enum { VEXFS_BLOCKS, VEXFS_ROWS };

/* What a query needs of a short list is in one cache line, of four. */
struct vexfs_list {
	__u32 n;			/* rows; release, acquire */
	/* the writer's: */
	__u32 extents[2];		/* of each */
	__u32 whole;			/* rows that it had when it could not be split; 0: it never was */
	__u32 pad[4];
	struct vexfs_list_extent extent[VEXFS_LIST_EXTENTS][2];
};

/* Centres: scale * whole numbers, which they are, and not nearly. */
struct vexfs_centres {
	__s8 *c;			/* [n][padded] */
	float *scale, *norm2;		/* [n] */
};

#define VEXFS_GRADES	20		/* of recall, in the tables of lists_tune.c */
#define VEXFS_LISTS_FAR	100		/* nearest ones that those tables tell of */
#define VEXFS_NEAREST	3		/* the nearest, the 10 and the 100 nearest */

struct vexfs_lists {
	__u32 refs;			/* atomic: but for the first one */
	struct vexfs_coder coder;	/* its rotation is of what is along the axes */
	struct vexfs_axes *axes;	/* NULL: all dims are in codes */
	__u32 lists, groups;
	struct vexfs_centres top;	/* of groups */
	float *top_spread;		/* [groups]: root of the mean squared distance of its lists */
	__u32 *first;			/* [groups + 1]: lists of a group */
	struct vexfs_centres centre;	/* of lists */
	/*
	 * [lists]: by what a list is ranked in place of norm2, which is a quarter of the mean squared
	 * distance of its rows more: what is spread out has fewer neighbours among as many rows.
	 */
	float *rank2;
	struct vexfs_list *list;	/* [lists] */
	__u64 linked;			/* slots before this are in lists; release, acquire */
	struct vexfs_chunks place;	/* of those slots: see lists_place.c */
	__u64 bytes;			/* READ_ONCE() beside the writer */
	__u32 strays;			/* release, acquire */
	__u64 stray[VEXFS_MAX_STRAYS];
	/* rows to look at for the 10 and the 100 nearest, by recall, see lists_tune.c; and how narrow ... */
	__u64 near[VEXFS_GRADES], far[VEXFS_GRADES];
	/* ... lists must be seen then, for the nearest and those: see slants in ladder.c ... */
	__s32 slant[VEXFS_NEAREST][VEXFS_GRADES];
	__u64 measured;			/* what `linked` was then */
	bool tuned;			/* ... once that was measured; release */
	/*
	 * The writer's: slots in lists, and live ones in all, when lists were last looked through; rows
	 * that came or died from when they were measured until then.
	 */
	__u64 seen_linked, seen_live, moved;
	/* the writer's: rows of lists that were split, merged or copied since these were made */
	__u64 rewritten;
	/* the writer's: a rotated row, the same in whole steps, a centre; dots of groups or lists */
	float *x, *c, *dots;		/* [padded], [padded], [lists or groups] */
	float rest;			/* of x */
	void *scratch;			/* of vexfs_axes_rotate() */
	__s16 *whole;			/* [padded] */
};

/* The whole part of the square root. */
static inline __u32 vexfs_root(__u64 n)
{
	__u64 r = 0, bit = 1ULL << 31;

	for (; bit; bit >>= 1)
		if ((r + bit) * (r + bit) <= n)
			r += bit;
	return r;
}

static inline size_t vexfs_list_block_bytes(__u32 padded)
{
	return (size_t)padded * 4 + sizeof(struct vexfs_rung1);
}

static inline size_t vexfs_list_row_bytes(const struct vexfs_lists *l)
{
	return l->coder.rotation.padded / 2 + sizeof(struct vexfs_rung2) +
	       (l->axes ? sizeof(float) : 0);
}

static inline float *vexfs_rung2_rest(const struct vexfs_rung2 *r, __u32 padded)
{
	return (float *)((__u8 *)(r + 1) + padded / 2);
}

/* The extent that has a block, or a row. */
static inline __u32 vexfs_list_extent(const struct vexfs_list *l, int of, __u32 i)
{
	__u32 e = 0;

	while (i >= l->extent[e][of].end)
		e++;
	return e;
}

/* e: the extent that has the block */
static inline __u8 *vexfs_list_block(const struct vexfs_list *l, __u32 padded, __u32 e, __u32 block)
{
	const struct vexfs_list_extent *x = &l->extent[e][VEXFS_BLOCKS];

	return x->data + (block - x->first) * vexfs_list_block_bytes(padded);
}

static inline struct vexfs_rung1 *vexfs_list_rung1(__u8 *block, __u32 padded)
{
	return (struct vexfs_rung1 *)(block + (size_t)padded * 4);
}

static inline struct vexfs_rung2 *vexfs_list_rung2(const struct vexfs_lists *l,
						   const struct vexfs_list *list, __u32 row)
{
	const struct vexfs_list_extent *x =
		&list->extent[vexfs_list_extent(list, VEXFS_ROWS, row)][VEXFS_ROWS];

	return (struct vexfs_rung2 *)(x->data + (row - x->first) * vexfs_list_row_bytes(l));
}

/* --- lists_place.c --- */

/* Room for slots [0, slots) in the map; those that are linked have it.  -ENOMEM, -EFBIG. */
int vexfs_lists_room(struct vexfs_lists *l, __u64 slots);
__u64 vexfs_lists_room_cost(__u64 slots);	/* bytes that it takes */
/* A slot, for which there is room, is this row of a list of l; all rows of it. */
void vexfs_list_place(struct vexfs_lists *l, const struct vexfs_list *list, __u32 row, __u64 slot);
void vexfs_list_place_all(struct vexfs_lists *l, const struct vexfs_list *list);
/* The slots of a list are in none. */
void vexfs_list_displace_all(struct vexfs_lists *l, const struct vexfs_list *list);

/* The list and row of a slot that is linked.  False: none has it, or it is not told. */
static inline bool vexfs_lists_find(const struct vexfs_lists *l, __u64 slot, __u32 *list,
				    __u32 *row)
{
	const __u32 *place = vexfs_chunk(&l->place, slot);
	__u32 at = place[slot % VEXFS_CHUNK_SLOTS];

	*list = at / VEXFS_PLACE_ROWS - 1;
	*row = at % VEXFS_PLACE_ROWS;
	return at;
}

/* --- lists.c --- */

/* Both lists have the same extents: `to` has none, and `from` is of another generation. */
void vexfs_list_share(struct vexfs_lists *l, struct vexfs_list *to, const struct vexfs_list *from);
/* Free the extents of a list of which nobody else knows. */
void vexfs_list_clear(struct vexfs_lists *l, struct vexfs_list *list);
/* Append l->x to list i, the row of a slot; or to the nearest one.  -ENOMEM, -E2BIG. */
int vexfs_list_append(struct vexfs_lists *l, __u32 i, __u64 slot);
int vexfs_lists_append(struct vexfs_lists *l, __u64 slot);
/* No list takes a slot.  -EDOM: there are too many of those. */
int vexfs_lists_stray(struct vexfs_lists *l, __u64 slot);
/* The row of a slot could not be had, and why.  0: no list has it; else an error. */
int vexfs_lists_leave_out(struct vexfs_lists *l, struct vexfs_columns *c, __u64 slot, int err);
/* The slot of a row. */
__u32 vexfs_list_slot(const struct vexfs_lists *l, const struct vexfs_list *list, __u32 row);
/* Append a copy of a row of a list with the same centre.  -ENOMEM, -E2BIG. */
int vexfs_list_copy(struct vexfs_lists *l, struct vexfs_list *to, const struct vexfs_list *from,
		    __u32 row, __u32 slot);

/* --- lists_build.c --- */

/*
 * k centres [k][padded] of the rows of n slots, rotated as those of l; of as many as there are where
 * rows cannot be read.  -ENODATA there are fewer than k; -ENOMEM, -EINTR, of vx_rows_wait().
 */
int vexfs_centres_find(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		       const __u32 *slot, __u32 n, __u32 k, float *centre, bool (*stop)(void *arg),
		       void *arg);

/*
 * Room for so many rows in a list: exactly, if it has none yet, else it grows by an eighth at least,
 * and doubles where it has often.  -ENOMEM; -E2BIG: it has too many extents, and is in use.
 */
int vexfs_list_reserve(struct vexfs_lists *l, struct vexfs_list *list, __u32 rows);
/* A list becomes an extent of just its rows; or each.  Nobody else may look at it.  -ENOMEM. */
int vexfs_list_fit(struct vexfs_lists *l, struct vexfs_list *list);
int vexfs_lists_fit(struct vexfs_lists *l);

/* Room for n centres, and for what the writer needs to look for one among n of them.  -ENOMEM. */
int vexfs_centres_new(struct vexfs_lists *l, struct vexfs_centres *c, __u32 n, __u32 padded);
int vexfs_lists_scratch(struct vexfs_lists *l, __u32 n, __u32 padded);

/* Rows are projected on axes, which are l's from now on, before they are rotated.  NULL: they are not. */
void vexfs_lists_project(struct vexfs_lists *l, struct vexfs_axes *axes);

/* --- lists_tune.c --- */

/*
 * Rows of lists to look at for this recall, in millionths, of the k nearest; ~0: all.  And the slant with
 * which lists are looked into after that.
 */
__u64 vexfs_lists_enough(const struct vexfs_lists *l, __u32 recall, __u64 k);
__s32 vexfs_lists_slant(const struct vexfs_lists *l, __u32 recall, __u64 k);
/* How narrow the bounds of codes may be taken for it, in hundredths of the deviation. */
__u32 vexfs_lists_sigma(__u32 recall);

/*
 * Nobody hands floats to these but by pointers: other files are compiled without floating point, and
 * would hand them over elsewhere.
 */
/* --- cluster.c; between vx_fpu_begin() and vx_fpu_end() --- */

/* The nearest of n centres, given their squared norms.  dots: room for n. */
__u32 vexfs_nearest(const float *x, const float *c, const float *norm2, __u32 n, __u32 padded,
		    float *dots, float *least);
/* The nearest list to l->x, among those of the nearest groups; l->whole and l->dots are scratch. */
__u32 vexfs_lists_nearest(const struct vexfs_lists *l);
/* The nearest to l->x of n lists. */
__u32 vexfs_lists_nearest_of(const struct vexfs_lists *l, __u32 from, __u32 n);
/* The largest |x|; to = x * by + plus, rounded to the nearest. */
float vexfs_magnitude(const float *x, __u32 padded);
void vexfs_round(const float *x, __u32 padded, float by, float plus, __s16 *to);
/* x in whole steps, of which it takes so many at most that a dot product with a centre is a s32. */
#define VEXFS_WHOLE	8191
void vexfs_whole(const float *x, __u32 padded, __s16 *whole, float *step);
/* Centre i becomes a whole number of steps of its own; and back. */
void vexfs_centre_pack(struct vexfs_centres *to, __u32 i, const float *c, __u32 padded);
void vexfs_centre_unpack(const struct vexfs_centres *from, __u32 i, float *c, __u32 padded);
/* dot[i] = <x, centre from + i>, i < n; x in whole steps */
void vexfs_centre_dots(const __s16 *whole, float step, const struct vexfs_centres *c, __u32 from,
		       __u32 n, __u32 padded, float *dot);
void vexfs_centre_add(float *sum, const float *x, __u32 padded);
/* *sum += |x - c|^2 */
void vexfs_centre_residual(const float *x, const float *c, __u32 padded, float *sum);
/* rank2 of list i, given the sum of the squared distances of n of its rows */
void vexfs_centre_rank(const struct vexfs_lists *l, __u32 i, const float *sum, __u32 n);
/* Root of the mean squared distance of n centres to x. */
void vexfs_centre_spread(const float *x, const float *c, __u32 n, __u32 padded, float *spread);
/* sum / n, and its squared norm; n 0: untouched */
void vexfs_centre_mean(float *c, float *norm2, const float *sum, __u32 n, __u32 padded);
/* The root of *sum / n. */
void vexfs_root_mean(float *sum, __u32 n);
/* c = x, a little off, one way (1) or the other (-1): a seed beside another; 0: x itself */
void vexfs_centre_seed(float *c, const float *x, __u32 padded, int way);

/* --- ladder_encode.c; between vx_fpu_begin() and vx_fpu_end() --- */

/* Encode the rotated row x for a list of this centre: bits, and both rungs, as row `at` of a block. */
void vexfs_ladder_encode(__u32 metric, const float *x, const float *centre, __u32 padded,
			 __u64 *bits, struct vexfs_rung1 *one, __u32 at, struct vexfs_rung2 *two);

/* The same of l->x, as row `at` of a block of list i. */
void vexfs_ladder_add(const struct vexfs_lists *l, __u32 i, __u64 *bits, struct vexfs_rung1 *one,
		      __u32 at, struct vexfs_rung2 *two);

/* --- ladder.c; between vx_fpu_begin() and vx_fpu_end() --- */

/* A query against lists. */
struct vexfs_ladder {
	__u32 padded, metric;
	const struct vexfs_axes *axes;
	void *scratch;			/* of vexfs_axes_rotate() */
	float rest;			/* of z */
	/* what it adds to the first rung's distances, and how much more to the second's */
	float rest1, rest2;
	float fuzz;			/* what projecting may have rounded off from a distance */
	bool usable;
	const struct vexfs_kernels *kernels;
	float *z;			/* [padded]: rotated query */
	__s16 *whole;			/* [padded]: the same in steps */
	float whole_step;
	__u8 *table;			/* [padded / 4][16] */
	__s8 *fine;			/* [padded]: z / fine_step */
	float norm2, length;		/* of z */
	float base;			/* dot: -<mean, query> */
	float times, times_norm2;
	float step, middle, lost;	/* first rung: z = step * (level - middle) */
	float fine_step, fine_sum, fine_lost;
	/* of the list at hand */
	float plus, reach;		/* distance of its centre; |z - C| or |z| */
};

void vexfs_ladder_prepare(const struct vexfs_lists *l, struct vexfs_ladder *q, const void *row);
/*
 * A bit for each of the n rows of a block whose lower bound is not above the gate (a key of a f32);
 * sigma in hundredths.
 */
__u32 vexfs_ladder_block(const struct vexfs_ladder *q, const __u8 *block, __u32 n, __u32 sigma,
			 __u32 gate);
/* Bounds of n rows from the second rung, as keys; plus and reach of the list of each. */
void vexfs_ladder_refine(const struct vexfs_ladder *q, const struct vexfs_rung2 *const *r,
			 const float *plus, const float *reach, __u32 n, __u32 sigma, __u32 *lower,
			 __u32 *upper);
#endif /* _VEXFS_ENGINE_LISTS_H */
