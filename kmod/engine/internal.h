/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the engine's files share.  Floating point lives in distance.c and distance_avx2.c alone;
 * everybody else handles distances as integers of the same order:
 *
 *	u32 key of an f32, u64 key of an f64: flip the sign bit of non-negatives, all bits of
 *	negatives
 */
#ifndef _VEXFS_ENGINE_INTERNAL_H
#define _VEXFS_ENGINE_INTERNAL_H

#include "engine.h"
#include "chunk.h"
#include "kernels.h"

/* --- columns.c --- */

/* The cached norm of a row: bits of an f32, see distance.c; 0 unknown.  slot is below the count. */
__u32 *vexfs_columns_norm(struct vexfs_columns *c, __u64 slot);
/* Is surely none of the slots [from, from + n) below count bound to a file?  0 < n <= 64. */
bool vexfs_columns_unbound(const struct vexfs_columns *c, __u64 from, __u32 n, __u64 count);

/*
 * An attribute in the chunk of a slot, of all its VEXFS_CHUNK_SLOTS slots; those from the count on
 * are anything.
 */
const __s64 *vexfs_columns_column(const struct vexfs_columns *c, __u64 slot, __u32 attr);

/* --- query.c --- */

/* Memory that stays from one use to the next, and grows. */
struct vexfs_room {
	void *p;
	size_t bytes;
};
/* So many bytes, of which nothing is known; what was there is gone when it grows.  NULL. */
void *vexfs_room(struct vexfs_room *room, size_t bytes);

/* --- predicate.c --- */

/* Bit i of the result: slot from + i matches and is below the count of the match.  n <= 64. */
__u64 vexfs_match_mask(const struct vexfs_match *m, __u64 from, __u32 n);

/* --- pool.c --- */

struct vexfs_entry {
	__u64 slot;
	__u64 penalty;			/* millionths */
	__u32 key;			/* f32 of distance + penalty */
	__u32 reserved;
};

/* The k smallest keys offered, a max-heap: key[0] is the worst of them. */
struct vexfs_kth {
	__u32 *key;
	__u32 n, k;
	__u32 room;			/* there is memory for so many keys */
};
/*
 * For the k smallest of what is offered from now on, in memory of before if that is enough.
 * -ENOMEM.
 */
int vexfs_kth_init(struct vexfs_kth *t, __u32 k);
void vexfs_kth_free(struct vexfs_kth *t);
void vexfs_kth_offer(struct vexfs_kth *t, __u32 key);
static inline __u32 vexfs_kth_worst(const struct vexfs_kth *t)	/* ~0: there are not k yet */
{
	return t->n && t->n == t->k ? t->key[0] : ~0u;
}

/* The best `cap` entries offered, a max-heap by (key, slot), and the keys of the best k. */
struct vexfs_pool {
	struct vexfs_entry *entry;
	struct vexfs_kth best;
	__u32 n;
	/* entries: so many are kept; there is memory for so many now */
	__u32 cap, room;
	__u32 spare;			/* so many entries at least may be thrown out */
	__u32 refused;			/* smallest key that was turned away or thrown out ... */
	bool any_refused;		/* ... if any was */
};

/* All zero, or a pool of before, whose memory it takes over.  -ENOMEM. */
int vexfs_pool_init(struct vexfs_pool *p, __u32 k, __u32 cap);
/*
 * Memory for so many more offers.  What is offered beyond it takes the place of others, or is
 * refused.  -ENOMEM.
 */
int vexfs_pool_reserve(struct vexfs_pool *p, __u32 more);
/*
 * May so many more be offered and only entries with larger keys than this have to go?  Counts those
 * in p->spare.
 */
bool vexfs_pool_can_spare(struct vexfs_pool *p, __u32 more, __u32 key);
void vexfs_pool_free(struct vexfs_pool *p);
void vexfs_pool_clear(struct vexfs_pool *p);
/* Entries in order, the best first.  It takes no more offers until it is cleared. */
void vexfs_pool_sort(struct vexfs_pool *p);
/* did it get in? */
bool vexfs_pool_offer(struct vexfs_pool *p, __u64 slot, __u32 key, __u64 penalty);

/* --- distance.c; all but row_check between vx_fpu_begin() and vx_fpu_end() --- */

/* A prepared query. */
struct vexfs_prep {
	const void *row;		/* dims f32 */
	__u32 dims, metric;
	__u64 norm2;			/* double bits: squared norm of the query */
	__u32 inv_norm;			/* f32 bits: 1 / norm; cosine */
	/* norms out of the safe range: everything is measured in f64 */
	bool exact;
	const struct vexfs_kernels *kernels;
};

/* A row to measure. */
struct vexfs_row {
	struct vx_seg seg[VX_ROW_SEGS];
	__u32 segs;
	__u32 *norm;			/* cached norm, filled when 0 */
	__u32 dist;			/* out: bits of the f32 distance */
};

void vexfs_prepare(struct vexfs_prep *p);
void vexfs_measure(const struct vexfs_prep *p, struct vexfs_row *row, __u32 n, __u32 *max_norm2);
/* u32 key of dist + penalty */
__u32 vexfs_total_key(__u32 dist, __u64 penalty);
/* u64 key and millionths (saturated) of an f32 */
__u64 vexfs_wide_key(__u32 dist);
__s64 vexfs_micro(__u32 dist);
__u64 vexfs_widen_key(__u32 key);
/*
 * u64 key of the distance in double precision plus penalty; the same on every machine and however
 * the row is cut
 */
__u64 vexfs_measure_f64(const struct vexfs_prep *p, const struct vx_seg *seg, __u32 segs,
			__u64 penalty);
__u64 vexfs_key_bits(__u64 key);	/* u64 key -> bits of the double */
__u64 vexfs_bits_key(__u64 bits);	/* and back, not for NaN; both zeros have one key */
/*
 * Is everything whose f32 total has at least the key `refused` truly farther than kth (a u64 key)?
 */
bool vexfs_certify(const struct vexfs_prep *p, __u64 kth, __u32 refused, __u32 max_norm2);
/*
 * The largest f32 total, or a little more, that something may have which is as near as something
 * with the total `key`.
 */
__u32 vexfs_tie(const struct vexfs_prep *p, __u32 key, __u32 max_norm2);
/* The largest f32 total, or a little more, that something within `radius` (a u64 key) may have. */
__u32 vexfs_gate(const struct vexfs_prep *p, __u64 radius, __u32 max_norm2);

/* --- rotate.c; between vx_fpu_begin() and vx_fpu_end() --- */

#define VEXFS_ROTATION_ROUNDS	4
struct vexfs_rotation {
	__u32 padded;			/* dims, up to a multiple of 64 */
	__u32 pow2;			/* the largest power of two that is not above */
	__u64 sign[VEXFS_ROTATION_ROUNDS][VEXFS_MAX_DIMS / 64];
};

__u64 vexfs_splitmix(__u64 *state);	/* repeatable chance; integers, no FPU */
void vexfs_rotation_init(struct vexfs_rotation *r, __u32 dims, __u64 seed);
/* Rotate x, `padded` floats, in place.  Squared norms within [2^-60, 2^60], or 0. */
void vexfs_rotate(const struct vexfs_rotation *r, float *x);

/*
 * --- rabitq.c; between vx_fpu_begin() and vx_fpu_end().  Others move the floats of these structs
 * about and look at none. ---
 */

#define VEXFS_CODE_BLOCK	32	/* codes of a FastScan block */
/*
 * Key of a lower bound: 0 where nothing is known, which no distance has; the upper bound is ~0
 * then.
 */
#define VEXFS_UNKNOWN		0u
/* bounds, in hundredths of the standard deviation; see codes.c */
#define VEXFS_SIGMA		300

/* How rows become codes. */
struct vexfs_coder {
	__u32 dims, metric;
	float *mean;			/* [dims] */
	float *scratch;			/* [padded], the writer's */
	/* the writer's: of some rows, sums of what is left after the mean, and of its square */
	double *drift;			/* [dims] */
	double drift_norm2;
	__u32 drift_n;
	struct vexfs_rotation rotation;
};

/* What goes with the code of a row. */
struct vexfs_factor {
	float norm2;			/* of the residual */
	float scale;			/* f; negative: out of range, nothing is known */
};

/* A query against codes. */
struct vexfs_estimator {
	__u32 padded;
	bool usable;			/* false: the query is out of range, nothing is known */
	/* [padded / 4][16]: sums of 4 dims, for each of their 16 codes */
	__u8 *table;
	__u64 *plane;			/* [4][padded / 64]: bits of the 4-bit query */
	float *scratch;			/* [padded] */
	/* distance = times_norm2 * norm2 + plus - times * scale * step * (sum - middle) */
	float times_norm2, plus, times, step, middle;
	/* and what it may be off by, see bound() */
	float dims, variance, lost, slop, slop_norm2, slop_scale;
};

/*
 * x[padded] = the row, for cosine of length 1, less the mean if it is so wished, rotated.  False:
 * its norm is out of range.
 */
bool vexfs_rabitq_rotate(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
			 bool from_mean, float *x);
/* The same before the rotation: x[width], width is dims at least; and its squared length. */
bool vexfs_rabitq_centred(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
			  bool from_mean, __u32 width, float *x, double *norm2);
/* Add a row (cosine: of length 1) to sum[dims].  False: its norm is out of range. */
bool vexfs_rabitq_sum(const struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs,
		      double *sum);
void vexfs_rabitq_mean(struct vexfs_coder *c, const double *sum, __u32 n);
/* segs 0: there is no row; its distance is known to be anything. */
void vexfs_rabitq_encode(struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs, __u64 *bits,
			 struct vexfs_factor *f);
/* A row counts for where the mean is now ... */
void vexfs_rabitq_drift(struct vexfs_coder *c, const struct vx_seg *seg, __u32 segs);
/* ... and see vexfs_codes_off(). */
__u32 vexfs_rabitq_off(const struct vexfs_coder *c);
void vexfs_rabitq_prepare(const struct vexfs_coder *c, struct vexfs_estimator *e, const void *row);
/*
 * And then, where it is usable: round it to 4 bits per dim, at random; fills table, plane and lost.
 */
void vexfs_rabitq_quantise(struct vexfs_estimator *e);
/*
 * The signs of `bits` coordinates of the query from `from` on, as codes have them, and how far each
 * is from the other one, in 2^-24 of the largest of all.
 */
__u32 vexfs_rabitq_margins(const struct vexfs_estimator *e, __u32 from, __u32 bits, __u32 *margin);
/*
 * The sum of a code is over dims of the 4-bit query, or of 15 less it where the bit is 0; at most
 * 61,440.
 */
void vexfs_rabitq_bound(const struct vexfs_estimator *e, __u32 sum, const struct vexfs_factor *f,
			__u32 sigma, __u32 *lower, __u32 *upper);
/*
 * Bounds of a block as u32 keys.  Returns a bit for each lower bound up to the gate; *refused: the
 * least that is above.
 */
__u32 vexfs_rabitq_block(const struct vexfs_estimator *e, const __u8 *block,
			 const struct vexfs_factor *f, __u32 sigma, __u32 gate, __u32 *lower,
			 __u32 *upper, __u32 *refused);

/* --- codes.c --- */

/* A copy of how its rows are coded, without scratch; vx_efree(copy->mean).  -ENOMEM. */
int vexfs_codes_coder(const struct vexfs_codes *c, struct vexfs_coder *copy);
/* One in this room.  NULL: no memory. */
struct vexfs_estimator *vexfs_estimator_in(struct vexfs_room *room, const struct vexfs_codes *c);
/* for a query */
void vexfs_estimator_prepare(const struct vexfs_codes *c, struct vexfs_estimator *e,
			     const void *row);
/*
 * Bounds of the slots [from, from + n), n <= VEXFS_BATCH, that are in mask; lower and upper have
 * room for VEXFS_BATCH + VEXFS_CODE_BLOCK keys, that of slot from + i is at i + *shift.  Returns
 * the mask of those whose lower bound is not above the gate; *refused sinks to the least that is.
 */
__u64 vexfs_codes_range(const struct vexfs_codes *c, const struct vexfs_estimator *e, __u64 from,
			__u32 n, __u64 mask, __u32 sigma, __u32 gate, __u32 *lower, __u32 *upper,
			__u32 *shift, __u32 *refused);
/* Between vx_fpu_begin() and vx_fpu_end(): bounds of one slot. */
void vexfs_codes_slot(const struct vexfs_codes *c, const struct vexfs_estimator *e, __u64 slot,
		      __u32 sigma, __u32 *lower, __u32 *upper);
/* The row-major code of a slot below the count; NULL: it has none, its norm is out of range. */
const __u64 *vexfs_codes_signs(const struct vexfs_codes *c, __u64 slot);
/* A slot's bounds are wanted soon. */
void vexfs_codes_fetch(const struct vexfs_codes *c, __u64 slot);
__u32 vexfs_codes_dims(const struct vexfs_codes *c);
/* Between vx_fpu_begin() and vx_fpu_end(): the sum of a slot from its row-major code. */
__u32 vexfs_codes_row_sum(const struct vexfs_codes *c, const struct vexfs_estimator *e, __u64 slot);
const __u8 *vexfs_codes_block(const struct vexfs_codes *c, __u64 slot);	/* for tests */

/* --- defer.c: deferred candidates, by the lower bound of their distance --- */

struct vexfs_deferred {
	__u64 *entry;			/* key of the lower bound << 32 | slot; a min-heap */
	__u32 n, cap;
	__u32 refused;			/* least lower bound that was turned away, ~0: none was */
	struct vexfs_kth upper;		/* upper bounds of distances, of different slots */
};
/* It was cleared; memory that it has already stays.  -ENOMEM: nothing is left of it. */
int vexfs_deferred_init(struct vexfs_deferred *d, __u32 k);
void vexfs_deferred_free(struct vexfs_deferred *d);
void vexfs_deferred_clear(struct vexfs_deferred *d);
/*
 * Room for a batch: prunes what is beyond the gate, grows, or else drops the worst; turned away are
 * both.  Allocates.
 */
void vexfs_deferred_room(struct vexfs_deferred *d, __u32 gate);
void vexfs_deferred_push(struct vexfs_deferred *d, __u32 lower, __u64 slot);
/*
 * Take out the entry of the smallest lower bound that the gate lets pass.  False: none; the rest
 * was turned away.
 */
bool vexfs_deferred_pop(struct vexfs_deferred *d, __u32 gate, __u64 *slot);

/* --- sample.c --- */

/* Rows spread over [0, count), or over so many slots, in order. */
struct vexfs_spread {
	struct vexfs_columns *columns;
	struct vx_rows *rows;
	const __u32 *slots;		/* NULL: all of [0, count) */
	__u64 count;
	__u32 want;			/* <= count */
	bool (*stop)(void *arg);	/* NULL: nothing but a fatal signal does */
	void *arg;
};

/*
 * Hand each of those rows that is live and whole to take(), between vx_fpu_begin() and vx_fpu_end().
 * -EINTR: stop() said so or the caller is killed; or an error of reading rows.
 */
int vexfs_spread_read(const struct vexfs_spread *s,
		      void (*take)(void *to, const struct vx_seg *seg, __u32 segs), void *to);

#endif /* _VEXFS_ENGINE_INTERNAL_H */
