// SPDX-License-Identifier: GPL-2.0
/*
 * How many rows of lists a query must look at for the recall that is wanted, measured on the
 * collection itself.
 *
 * Some of its rows, spread over it, are asked for as queries are.  Each of their neighbours is in a
 * list, before which, in the order in which the query comes to them, others hold so many rows: so
 * many have to be looked at.  The table has quantiles of that number, for the 10 and for the 100
 * nearest: of the neighbours of rows that are like queries such a part is found.  More rows are
 * neighbours of other k, or where only some match, in proportion.
 *
 * Rows that have died are asked for, too, as long as they are there: where most of a region is gone,
 * queries into it have their neighbours elsewhere.  They have a table of their own, and what is looked
 * at is the more of both.
 *
 * No floating point here.
 */
#include "query.h"
#include "heap.h"
#include "probe.h"

#define SAMPLES		512		/* rows that are asked for */
#define NEAR		10
#define FAR		VEXFS_LISTS_FAR	/* neighbours of each */
#define LEAST_DEAD	64		/* of them that have died */

/* recall, in millionths; the part of the neighbours whose lists are looked at is a little larger */
static const __u32 grades[VEXFS_GRADES] = {
	0, 500000, 700000, 800000, 850000, 900000, 925000, 950000, 960000, 970000, 980000, 985000,
	990000, 993000, 996000, 998000, 999000, 999500, 999900, 1000000,
};

/*
 * Codes lose some of what lists have, and the sample is a sample: where rows are of very different sizes a
 * few of them, which are in it or not, have most of what is missed.
 */
static __u64 of_lists(__u32 recall)
{
	return 1000000 - (1000000 - recall) * (recall < 970000 ? 50ULL : 25) / 100;
}

__u32 vexfs_lists_sigma(__u32 recall)
{
	return recall <= 900000 ? 150 : recall <= 950000 ? 175 : recall <= 990000 ? 225 :
								 VEXFS_SIGMA;
}

/* Between two columns of a table. */
static __u64 between(const __u64 *t, __u32 recall)
{
	__u32 i = 1;

	while (grades[i] < recall)
		i++;
	return t[i - 1] + (t[i] - t[i - 1]) * (recall - grades[i - 1]) /
			  (grades[i] - grades[i - 1]);
}

__u64 vexfs_lists_enough(const struct vexfs_lists *l, __u32 recall, __u64 k)
{
	__u64 near, far, linked, n;

	if (!l->tuned || recall >= grades[VEXFS_GRADES - 1])
		return ~0ULL;
	near = between(l->near, recall);
	far = between(l->far, recall);
	n = near;
	if (k > NEAR)
		n += (far > near ? far - near : 0) * (k - NEAR) / (FAR - NEAR);
	if (n < k)
		n = k;
	/* there are more in each list by now; no slot needs more than 32 bits */
	linked = vexfs_lists_linked(l);
	if (linked > l->measured && n >> 32 == 0)
		n = n * linked / (l->measured ?: 1);
	return n < ~0ULL / 2 ? n : ~0ULL / 2;
}

static inline bool larger(const __u64 *a, const __u64 *b)
{
	return *a > *b;
}

VEXFS_HEAP(numbers, __u64, larger)

/* Quantiles of n numbers, which are put in order.  Of none: all is to be looked at. */
static void quantiles(__u64 *number, __u32 n, __u64 *table)
{
	__u64 at;
	__u32 i;

	numbers_make(number, n);
	numbers_drain(number, n, n);
	for (i = 0; i < VEXFS_GRADES; i++) {
		at = of_lists(grades[i]) * n / 1000000;
		table[i] = n ? number[at < n ? at : n - 1] + 1 : ~0ULL / 2;
	}
}

#define NOWHERE		(~0u)

/* The list of each slot, for those that are in one; NULL: no memory. */
static __u32 *lists_of(const struct vexfs_lists *l)
{
	__u32 *of = vx_ealloc(l->linked * sizeof(*of)), i, row;
	const struct vexfs_list *list;

	if (!of)
		return NULL;
	memset(of, 0xff, l->linked * sizeof(*of));
	for (i = 0; i < l->lists; i++) {
		list = l->list + i;
		for (row = 0; row < list->n; row++)
			of[vexfs_list_slot(l, list, row)] = i;
		vx_yield();
	}
	return of;
}

/*
 * A hit at this distance (f64 bits), a neighbour of what was asked for: the angle of their rests is
 * noted, if it can be read.
 */
static int note_angle(struct vexfs_lists *l, struct vexfs_query *q, __u64 slot, __u64 distance)
{
	struct vexfs_ladder *z = &q->probe->ladder;
	struct vx_seg seg[VX_ROW_SEGS];
	int segs = vx_rows_wait(q->rows, slot, seg);

	if (segs < 0)
		return vexfs_columns_damage(q->cols, slot, segs);
	vx_fpu_begin();
	if (vexfs_axes_rotate(&l->coder, l->axes, seg, segs, true, l->scratch, l->x, &l->rest))
		vexfs_axes_note(l->axes, l->coder.metric, l->x, &l->rest, z->z, &z->rest,
				distance);
	vx_fpu_end();
	vx_rows_put(q->rows);
	return 0;
}

/* What was found out: of hits of n queries, rows before their lists. */
struct shown {
	__u64 *near, *far;		/* [SAMPLES * NEAR], [SAMPLES * FAR] */
	__u32 nears, fars, queries;
};

static int shown_new(struct shown *s)
{
	s->near = vx_ealloc(SAMPLES * (NEAR + FAR) * sizeof(*s->near));
	if (!s->near)
		return -ENOMEM;
	s->far = s->near + SAMPLES * NEAR;
	return 0;
}

/*
 * Ask for the row of a slot; notes, of each hit, how many rows there were before its list, in the order
 * in which the query came to lists.
 */
static int ask(struct vexfs_lists *l, const __u32 *list_of, struct vexfs_query *q, __u64 slot,
	       const void *row, struct vexfs_hit_f *hits, struct shown *s)
{
	__u32 truncated, i, of = 0;
	__u64 before;
	int n, err;

	vexfs_query_reset(q, row);
	q->enough = ~0ULL;
	q->sigma = VEXFS_SIGMA;
	do {
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		err = vexfs_ivf(&q->s);
		vexfs_query_phase(q, VEXFS_PHASE_NONE);
		while (err >= 0 && (n = vexfs_query_read(q)) != 0) {
			if (n > 0)
				n = vexfs_query_score_read(q);
			err = n < 0 ? n : err;
		}
	} while (err == VEXFS_MORE);
	if (err < 0 || !q->probing)	/* out of range: lists are no help, all would be looked at */
		return err < 0 ? err : 0;
	if (q->probe->nearest > l->farthest)
		l->farthest = q->probe->nearest;
	n = vexfs_query_finish(q, hits, &truncated);
	if (n < 0)
		return n == -EAGAIN ? 0 : n;	/* one sample less */
	for (i = 0; i < (__u32)n && of < FAR; i++) {
		if (hits[i].slot == slot)
			continue;
		before = 0;			/* strays are always looked at */
		if (hits[i].slot < l->linked && list_of[hits[i].slot] != NOWHERE)
			before = q->probe->before[list_of[hits[i].slot]];
		if (of < NEAR && l->axes) {
			err = note_angle(l, q, hits[i].slot, hits[i].distance);
			if (err)
				return err;
		}
		if (of++ < NEAR)
			s->near[s->nears++] = before;
		s->far[s->fars++] = before;
	}
	s->queries += of > 0;
	return 0;
}

/* The tables, each entry the larger one of those of both kinds. */
static void settle(struct vexfs_lists *l, struct shown *live, struct shown *dead)
{
	__u64 near[VEXFS_GRADES], far[VEXFS_GRADES];
	__u32 i;

	quantiles(live->near, live->nears, l->near);
	quantiles(live->far, live->fars, l->far);
	if (dead->queries < LEAST_DEAD)	/* of a few it is anything */
		return;
	quantiles(dead->near, dead->nears, near);
	quantiles(dead->far, dead->fars, far);
	for (i = 0; i < VEXFS_GRADES; i++) {
		l->near[i] = near[i] > l->near[i] ? near[i] : l->near[i];
		l->far[i] = far[i] > l->far[i] ? far[i] : l->far[i];
	}
}

int vexfs_lists_tune(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		     bool (*stop)(void *arg), void *arg)
{
	struct vexfs_query_params p = { .dims = l->coder.dims, .metric = l->coder.metric,
					.k = FAR + 1, .deadline_us = ~0ULL, .lists = l };
	struct shown live = {}, dead = {}, *shown;
	__u64 slot, linked = l->linked;
	struct vexfs_hit_f *hits = vx_ealloc((FAR + 1) * sizeof(*hits));
	__u8 *row = vx_ealloc((size_t)p.dims * 4);
	__u32 *list_of = NULL;
	struct vx_seg seg[VX_ROW_SEGS];
	struct vexfs_query *q = NULL;
	__u32 i, k, at;
	int err = hits && row ? shown_new(&live) ?: shown_new(&dead) : -ENOMEM;

	if (!err && !l->tuned)
		err = vexfs_lists_fit(l);
	if (!err && linked) {
		list_of = lists_of(l);
		err = list_of ? 0 : -ENOMEM;
	}
	p.row = row;
	l->farthest = 0;
	if (l->axes)
		vexfs_axes_forget(l->axes);
	for (i = 0; !err && i < SAMPLES; i++) {
		slot = i * linked / SAMPLES;
		shown = vexfs_columns_dead(c, slot) ? &dead : &live;
		err = vx_rows_wait(rows, slot, seg);
		if (err < 0) {
			err = vexfs_columns_damage(c, slot, err);
			continue;
		}
		for (k = at = 0; k < (__u32)err; at += seg[k++].bytes)
			memcpy(row + at, seg[k].p, seg[k].bytes);
		vx_rows_put(rows);
		err = 0;
		if (!q)
			q = vexfs_query_new(c, rows, &p);
		if (!q) {
			err = -ENOMEM;
			break;
		}
		err = ask(l, list_of, q, slot, row, hits, shown);
		if (!err && (vx_ekilled() || (stop && stop(arg))))
			err = -EINTR;
		vx_yield();
	}
	if (!err) {
		settle(l, &live, &dead);
		if (l->axes) {
			vx_fpu_begin();
			vexfs_axes_settle(l->axes);
			vx_fpu_end();
		}
		l->measured = linked;
		l->seen_linked = linked;
		l->seen_live = vexfs_columns_live(c);
		l->moved = 0;
		__atomic_store_n(&l->tuned, true, __ATOMIC_RELEASE);
	}
	vexfs_query_free(q);
	vx_efree(list_of);
	vx_efree(row);
	vx_efree(hits);
	vx_efree(live.near);
	vx_efree(dead.near);
	return err;
}
