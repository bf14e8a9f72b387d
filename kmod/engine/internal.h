/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the engine's files share.  Floating point lives in distance.c and distance_avx2.c alone; everybody else
 * handles distances as integers of the same order:
 *
 *	u32 key of an f32, u64 key of an f64: flip the sign bit of non-negatives, all bits of negatives
 */
#ifndef _VEXFS_ENGINE_INTERNAL_H
#define _VEXFS_ENGINE_INTERNAL_H

#include "engine.h"

/* --- columns.c --- */

/* The cached norm of a row: bits of an f32, see distance.c; 0 unknown.  slot is below the count. */
__u32 *vexfs_columns_norm(struct vexfs_columns *c, __u64 slot);
/* Bit i of the result: slot from + i exists below count and is not dead.  n <= 64. */
__u64 vexfs_columns_live_mask(const struct vexfs_columns *c, __u64 from, __u32 n, __u64 count);

#define VEXFS_CHUNK_SLOTS	1024u	/* slots of a chunk */
/* An attribute in the chunk of a slot, of all its VEXFS_CHUNK_SLOTS slots; those from the count on are anything. */
const __s64 *vexfs_columns_column(const struct vexfs_columns *c, __u64 slot, __u32 attr);

/* --- predicate.c --- */

/* Bit i of the result: slot from + i matches and is below the count of the match.  n <= 64. */
__u64 vexfs_match_mask(const struct vexfs_match *m, __u64 from, __u32 n);

/* --- predicate_avx2.c, between vx_fpu_begin() and vx_fpu_end(): bit i of out tells about col[i], i < 64 * words --- */
void vexfs_in_avx2(const __s64 *col, const __s64 *value, __u32 n, __u32 words, __u64 *out);	/* is it one of n values */
void vexfs_lt_avx2(const __s64 *col, __s64 value, __u32 words, __u64 *out);
void vexfs_mask_avx2(const __s64 *col, __s64 value, __u32 words, __u64 *out);

/* --- pool.c --- */

struct vexfs_entry {
	__u64 slot;
	__u64 penalty;			/* millionths */
	__u32 key;			/* f32 of distance + penalty */
	__u32 reserved;
};

/* The best `cap` entries offered, a max-heap by (key, slot), and the keys of the best k, a max-heap. */
struct vexfs_pool {
	struct vexfs_entry *entry;
	__u32 *best;
	__u32 n, nbest, k;
	__u32 cap, room;		/* entries: so many are kept; there is memory for so many now */
	__u32 refused;			/* smallest key that was turned away or thrown out ... */
	bool any_refused;		/* ... if any was */
};

int vexfs_pool_init(struct vexfs_pool *p, __u32 k, __u32 cap);	/* -ENOMEM */
/* Memory for so many more offers.  What is offered beyond it takes the place of others, or is refused.  -ENOMEM. */
int vexfs_pool_reserve(struct vexfs_pool *p, __u32 more);
void vexfs_pool_free(struct vexfs_pool *p);
void vexfs_pool_clear(struct vexfs_pool *p);
bool vexfs_pool_offer(struct vexfs_pool *p, __u64 slot, __u32 key, __u64 penalty);	/* did it get in? */

/* --- distance.c; all but row_check and has_avx2 between vx_fpu_begin() and vx_fpu_end() --- */

/* A prepared query. */
struct vexfs_prep {
	const void *row;		/* dims f32 */
	__u32 dims, metric;
	__u64 norm2;			/* double bits: squared norm of the query */
	__u32 inv_norm;			/* f32 bits: 1 / norm; cosine */
	bool exact;			/* norms out of the safe range: everything is measured in f64 */
	bool avx2;
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
/* u64 key of the distance in double precision plus penalty; the same on every machine and however the row is cut */
__u64 vexfs_measure_f64(const struct vexfs_prep *p, const struct vx_seg *seg, __u32 segs, __u64 penalty);
__u64 vexfs_key_bits(__u64 key);	/* u64 key -> bits of the double */
__u64 vexfs_bits_key(__u64 bits);	/* and back, not for NaN; both zeros have one key */
/* Is everything whose f32 total has at least the key `refused` truly farther than kth (a u64 key)? */
bool vexfs_certify(const struct vexfs_prep *p, __u64 kth, __u32 refused, __u32 max_norm2);
/* The largest f32 total, or a little more, that something within `radius` (a u64 key) may have. */
__u32 vexfs_gate(const struct vexfs_prep *p, __u64 radius, __u32 max_norm2);

/* --- distance_avx2.c --- */
float vexfs_l2_avx2(const float *a, const float *b, __u32 n);
float vexfs_dot_avx2(const float *a, const float *b, __u32 n);
void vexfs_dot_norm_avx2(const float *a, const float *b, __u32 n, float *dot, float *norm);	/* norm: of b */

extern bool vexfs_scalar_only;		/* tests: do not use AVX2 */

#endif /* _VEXFS_ENGINE_INTERNAL_H */
