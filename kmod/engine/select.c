// SPDX-License-Identifier: GPL-2.0
/*
 * How a strategy itself chooses among candidates: those of a batch to keep, by bounds, by finer
 * bounds, by the distance over some of the dims; candidates of before, once more; and memory of its
 * own in which it may remember things.  The rest of what is done with a batch is in batch.c.  No
 * floating point here.
 */
#include "query.h"

static int in_search(const struct vexfs_query *q)
{
	return q->phase == VEXFS_PHASE_SEARCH ? q->failed : -EPERM;
}

void *vexfs_q_scratch(struct vexfs_query *q, __u32 bytes)
{
	if (in_search(q) || !bytes || bytes > VEXFS_MAX_SCRATCH)
		return NULL;
	if (q->scratch_bytes)
		return bytes == q->scratch_bytes ? q->scratch.p : NULL;
	if (!vexfs_room(&q->scratch, bytes))
		return NULL;
	memset(q->scratch.p, 0, bytes);	/* the program that had it has ended */
	q->scratch_bytes = bytes;
	return q->scratch.p;
}

int vexfs_q_next(struct vexfs_query *q, __u64 from)
{
	__u64 visited = q->visited, to;
	int n;

	if (from > q->count)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	if (q->leap) {
		n = vexfs_q_matches(q, from, &to, false);
	} else {			/* what matches is not told, or there is no predicate */
		n = vexfs_q_range(q, from, VEXFS_BATCH);
		to = from + (q->visited - visited);
	}
	if (n >= 0)
		q->s.next = to;
	return n;
}

/* Candidates whose bit is not set leave the batch, whatever is known of them. */
static void drop(struct vexfs_query *q, __u64 keep)
{
	__u32 i, kept = 0;

	for (i = 0; i < q->n; i++) {
		if (!(keep >> i & 1))
			continue;
		q->measure[kept].dist = q->measure[i].dist;
		q->penalty[kept] = q->penalty[i];
		vexfs_query_keep(q, kept++, i);
	}
	q->n = kept;
}

int vexfs_q_keep(struct vexfs_query *q, __u64 mask)
{
	__u32 n = q->n;
	int err = in_search(q);

	if (err)
		return err;
	drop(q, mask);
	q->dropped |= q->n < n;
	vexfs_query_publish(q);
	return q->n;
}

struct vexfs_interval *vexfs_q_bounds(struct vexfs_query *q)
{
	__u32 i;

	if (in_search(q))
		return NULL;
	memset(q->bound, 0, sizeof(q->bound));
	vx_fpu_begin();
	for (i = 0; i < q->n; i++) {
		bool known = q->lower[i] != VEXFS_UNKNOWN;

		q->bound[i].lower = known ? vexfs_widen_key(q->lower[i]) : 0;
		q->bound[i].upper = known ? vexfs_widen_key(q->upper[i]) : ~0ULL;
	}
	vx_fpu_end();
	return q->bound;
}

int vexfs_q_refine(struct vexfs_query *q, __u32 rung, __u32 sigma)
{
	int err = in_search(q);

	sigma = sigma ?: VEXFS_SIGMA;
	if (err)
		return err;
	if (!rung || rung > VEXFS_RUNGS || sigma > VEXFS_MAX_SIGMA || q->scored_batch)
		return -EINVAL;
	err = vexfs_query_go_on(q) ?: vexfs_query_bound(q, rung, sigma);
	if (err)
		return err;
	vexfs_query_publish(q);
	return q->n;
}

/* Is a slot in the batch already, or does it wait to be read? */
static bool is_under_way(const struct vexfs_query *q, __u64 slot)
{
	__u32 i;

	for (i = 0; i < q->n; i++)
		if (q->slot[i] == slot)
			return true;
	for (i = q->from; i < q->npending; i++)
		if (q->pending[i] == slot)
			return true;
	return false;
}

int vexfs_q_rescore(struct vexfs_query *q, const __u64 *slots, __u32 n)
{
	__u32 i, may = n;
	__u64 slot;
	int err;

	if (n > VEXFS_BATCH)
		return q->phase == VEXFS_PHASE_SEARCH ? -EINVAL : -EPERM;
	err = vexfs_query_charge(q, &may) ?: vexfs_query_new_batch(q, true);
	if (err)
		return err;
	q->rescoring = q->rescored = true;
	for (i = 0; i < may; i++) {
		slot = READ_ONCE(slots[i]);	/* once: others may write to a program's memory */
		if (slot >= q->count)
			continue;
		if (!is_under_way(q, slot) && vexfs_query_admitted(q, slot)) {
			q->seen[slot / 64] &= ~(1ULL << slot % 64);
			vexfs_query_add(q, slot, VEXFS_UNKNOWN, ~0u);
		}
		vexfs_query_look(q, slot, slot + 1, 0);
	}
	q->visited += may;
	vexfs_query_publish(q);
	return q->n;
}

/* Slots of the batch, by open addressing: 0 is free, else the place in the batch + 1. */
#define PLACES	(4 * VEXFS_BATCH)

static __u8 *place_of(const struct vexfs_query *q, __u8 *place, __u64 slot)
{
	__u32 i = (__u32)slot * 0x9e3779b1u >> 24;

	while (place[i % PLACES] && q->slot[place[i % PLACES] - 1] != slot)
		i++;
	return place + i % PLACES;
}

void vexfs_query_only_new(struct vexfs_query *q)
{
	__u64 keep = q->n < 64 ? (1ULL << q->n) - 1 : ~0ULL;
	__u8 place[PLACES] = { 0 }, *at;
	__u32 i;

	for (i = 0; i < q->n; i++) {
		at = place_of(q, place, q->slot[i]);
		if (*at)		/* it was deferred and then picked, and waited twice */
			keep &= ~(1ULL << i);
		else
			*at = i + 1;
	}
	for (i = 0; i < q->pool.n; i++) {
		at = place_of(q, place, q->pool.entry[i].slot);
		if (*at)
			keep &= ~(1ULL << (*at - 1));
	}
	drop(q, keep);
}

/* Of a row in segments: what there is of its first `bytes`. */
static __u32 cut(struct vx_seg *seg, __u32 segs, __u32 bytes)
{
	__u32 i;

	for (i = 0; i < segs && bytes; i++) {
		if (seg[i].bytes > bytes)
			seg[i].bytes = bytes;
		bytes -= seg[i].bytes;
	}
	return i;
}

/* Distances of the batch over the first dims, where its rows are pinned and cut. */
static void measure_part(struct vexfs_query *q, __u32 dims)
{
	struct vexfs_prep prep = { .row = q->row, .dims = dims, .metric = q->prep.metric };
	__u32 norm[VEXFS_BATCH] = { 0 }, largest = 0, step = SECTION_BYTES / (dims * 4), i, n;

	vx_fpu_begin();
	vexfs_prepare(&prep);
	vx_fpu_end();
	for (i = 0; i < q->n; i++)
		q->measure[i].norm = norm + i;
	for (i = 0; i < q->n; i += n) {
		n = q->n - i < step ? q->n - i : step;
		vx_fpu_begin();
		vexfs_measure(&prep, q->measure + i, n, &largest);
		vx_fpu_end();
	}
	for (i = 0; i < q->n; i++)
		/* cosine, and one of them is nothing in these dims: a right angle */
		if ((q->measure[i].dist & 0x7fffffffu) > 0x7f800000u)
			q->measure[i].dist = 0x3f800000u;
}

int vexfs_q_score_dims(struct vexfs_query *q, __u32 dims)
{
	int err = in_search(q);
	__u32 i;

	if (err)
		return err;
	if (!dims || dims > q->s.dims || q->scored_batch)
		return -EINVAL;
	err = vexfs_query_go_on(q) ?: vexfs_query_pin(q);
	if (err)
		return err;
	for (i = 0; i < q->n; i++)
		q->measure[i].segs = cut(q->measure[i].seg, q->measure[i].segs, dims * 4);
	measure_part(q, dims);
	vx_rows_put(q->rows);
	q->partial = true;
	vexfs_query_publish(q);
	return q->n;
}
