// SPDX-License-Identifier: GPL-2.0
/*
 * How many rows of lists a query must look at for the recall that is wanted, and which lists after
 * that, measured on the collection itself.
 *
 * Some of its rows, spread over it, are asked for as queries are.  Each of their neighbours is in a
 * list, before which, in the order in which the query comes to them, others hold so many rows; and which
 * a query looks into from some slant on (ladder.c), if none of the lists before it has ended it.  A query
 * finds it by whichever of the two suffices.  Neither alone is all there is to know: a number of rows is
 * the same for all queries, however many of them are unlike those that were measured; slants tell much
 * where lists are apart, and little where all are alike.  So a query looks at seven eighths of the rows
 * that would do alone, and the slant is the least one with which, beside three quarters of them, such a
 * part of the neighbours is found as is wanted.  (From one half to three quarters samples are looked for
 * in fewest rows.  But lists are made once, rows come to them that lie around them otherwise, and for queries
 * among those a number of rows is the safer guide; and slants are for those that are unlike the sample.)
 *
 * The tables have both by recall, for the 10 and for the 100 nearest, slants for the nearest, too, as the
 * k-th best is nearer, and so slants are larger, where k is less.  More rows are neighbours of other k, or
 * where only some match, in proportion.
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
#define LEAST_DEAD	64		/* of them that have died */
#define AT_ONCE		256u		/* slants, in one FPU section */

/* neighbours of each */
static const __u32 nearest[VEXFS_NEAREST] = { 1, 10, VEXFS_LISTS_FAR };
#define NEAR		10
#define FAR		VEXFS_LISTS_FAR

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

/* Part / whole of the way from one number to another, which may be less. */
static __s64 between(__s64 from, __s64 to, __s64 part, __s64 whole)
{
	return from + (to - from) * part / whole;
}

/* The first of the grades that is not below the recall, but not the first of all. */
static __u32 grade_of(__u32 recall)
{
	__u32 i = 1;

	while (grades[i] < recall)
		i++;
	return i;
}

static __u64 rows_for(const __u64 *t, __u32 recall)
{
	__u32 i = grade_of(recall);

	return between(t[i - 1], t[i], recall - grades[i - 1], grades[i] - grades[i - 1]);
}

static __s64 slant_for(const __s32 *t, __u32 recall)
{
	__u32 i = grade_of(recall);

	return between(t[i - 1], t[i], recall - grades[i - 1], grades[i] - grades[i - 1]);
}

__s32 vexfs_lists_slant(const struct vexfs_lists *l, __u32 recall, __u64 k)
{
	__u32 of = k > NEAR ? 2 : 1;

	if (!l->tuned || recall >= grades[VEXFS_GRADES - 1])
		return VEXFS_SLANT_MOST;
	k = k < nearest[of - 1] ? nearest[of - 1] : k > nearest[of] ? nearest[of] : k;
	return between(slant_for(l->slant[of - 1], recall), slant_for(l->slant[of], recall),
		       k - nearest[of - 1], nearest[of] - nearest[of - 1]);
}

__u64 vexfs_lists_enough(const struct vexfs_lists *l, __u32 recall, __u64 k)
{
	__u64 near, far, linked, n;

	if (!l->tuned || recall >= grades[VEXFS_GRADES - 1])
		return ~0ULL;
	near = rows_for(l->near, recall);
	far = rows_for(l->far, recall);
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

/* --- what samples have shown --- */

/* What it takes to find a neighbour: rows that are looked at before its list, or a slant. */
struct needed {
	__u32 rows;
	__s32 slant;
};

static inline bool more_rows(const struct needed *a, const struct needed *b)
{
	return a->rows > b->rows;
}

static inline bool more_slant(const struct needed *a, const struct needed *b)
{
	return a->slant > b->slant;
}

static inline bool larger(const __u64 *a, const __u64 *b)
{
	return *a > *b;
}

VEXFS_HEAP(numbers, __u64, larger)
VEXFS_HEAP(by_rows, struct needed, more_rows)
VEXFS_HEAP(by_slant, struct needed, more_slant)

/* Of hits of queries, for so many of the nearest. */
struct shown {
	struct needed *needed[VEXFS_NEAREST];	/* [SAMPLES * nearest] */
	__u32 n[VEXFS_NEAREST], queries;
};

static int shown_new(struct shown *s)
{
	__u32 of;

	s->needed[0] = vx_ealloc(SAMPLES * (1 + NEAR + FAR) * sizeof(*s->needed[0]));
	if (!s->needed[0])
		return -ENOMEM;
	for (of = 1; of < VEXFS_NEAREST; of++)
		s->needed[of] = s->needed[of - 1] + SAMPLES * nearest[of - 1];
	return 0;
}

/* Seven eighths of the rows that suffice alone, if that is more.  Of none: all is to be looked at. */
static void settle_rows(struct shown *s, __u32 of, __u64 *rows)
{
	struct needed *x = s->needed[of];
	__u32 n = s->n[of], i;
	__u64 at, wanted;

	by_rows_make(x, n);
	by_rows_drain(x, n, n);
	for (i = 0; i < VEXFS_GRADES; i++) {
		at = of_lists(grades[i]) * n / 1000000;
		wanted = n ? (x[at < n ? at : n - 1].rows + 1ULL) * 7 / 8 + 1 : ~0ULL / 2;
		rows[i] = wanted > rows[i] ? wanted : rows[i];
	}
}

/* The least slants that suffice beside six sevenths of those rows, if they are more. */
static void settle_slants(struct shown *s, __u32 of, const __u64 *rows, __s32 *slant)
{
	struct needed *x = s->needed[of];
	__u32 n = s->n[of], i, k;
	__u64 at, found, least;

	by_slant_make(x, n);
	by_slant_drain(x, n, n);
	for (i = 0; i < VEXFS_GRADES; i++) {
		at = of_lists(grades[i]) * n / 1000000;
		least = rows[i] / 7 * 6;
		for (k = found = 0; k < n; k++)
			found += x[k].rows < least;
		for (k = 0; k < n && found <= at; k++)
			if (x[k].rows >= least) {
				found++;
				slant[i] = x[k].slant > slant[i] ? x[k].slant : slant[i];
			}
		if (i && slant[i] < slant[i - 1])
			slant[i] = slant[i - 1];
		vx_yield();
	}
}

/* Thousandths of a deviation beyond which 2^-1, 2^-2, ... of what is normal is. */
static const __u16 normal[] = {
	0, 674, 1150, 1534, 1863, 2154, 2418, 2660, 2886, 3097, 3297, 3487,
	3668, 3842, 4009, 4170, 4325, 4475, 4621, 4763, 4901, 5035, 5167, 5295,
};

/*
 * Slants are no less than this: where all neighbours are in the list of their query samples do not tell how
 * far lists must be for others.  Cosines in so many dims have the variance 1 / dims, and of the rows of a
 * list that is passed over no more should have larger ones than may be missed of k neighbours.
 */
static __s32 least_slant(const struct vexfs_lists *l, __u32 recall, __u32 k)
{
	__u64 missed = (1000000 - of_lists(recall)) * k, rows = 1000000 * (l->linked / (l->lists ?: 1) + 1);
	__u32 dims = l->axes ? l->axes->n : l->coder.dims, i = 0;

	while (i + 1 < sizeof(normal) / sizeof(*normal) && missed << (i + 1) < rows)
		i++;
	return normal[i] * vexfs_root((1ULL << 32) / dims) / 1000;
}

/* The tables, each entry the larger one of those of both kinds. */
static void settle(struct vexfs_lists *l, struct shown *live, struct shown *dead)
{
	__u32 i, of;
	__u64 *rows;

	memset(l->near, 0, sizeof(l->near));
	memset(l->far, 0, sizeof(l->far));
	for (of = 1; of < VEXFS_NEAREST; of++) {
		rows = of == 1 ? l->near : l->far;
		settle_rows(live, of, rows);
		if (dead->queries >= LEAST_DEAD)	/* of a few it is anything */
			settle_rows(dead, of, rows);
	}
	for (of = 0; of < VEXFS_NEAREST; of++) {
		rows = of <= 1 ? l->near : l->far;
		for (i = 0; i < VEXFS_GRADES; i++)
			l->slant[of][i] = least_slant(l, grades[i], nearest[of]);
		settle_slants(live, of, rows, l->slant[of]);
		if (dead->queries >= LEAST_DEAD)
			settle_slants(dead, of, rows, l->slant[of]);
	}
}

/* --- asking --- */

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

/* A query's way through all lists. */
struct way {
	__u32 *list;			/* [lists]: in the order in which it came to them, and ... */
	__u32 *before;			/* [lists]: ... rows of those that it had looked at by then */
	__s32 *slant, *needed;		/* [lists]: their own, and what it takes to come to them */
	/* its hits, but for what was asked for, the nearest first: at which place on it their lists are */
	__u32 hits, place[FAR];
	/* the same by how far they were thought to be, at most, before they were measured: key << 32 | place */
	__u64 bound[FAR];
};

static int way_new(struct way *w, __u32 lists)
{
	w->list = vx_ealloc((size_t)(lists ?: 1) * 4 * sizeof(*w->list));
	if (!w->list)
		return -ENOMEM;
	w->before = w->list + lists;
	w->slant = (__s32 *)(w->before + lists);
	w->needed = w->slant + lists;
	return 0;
}

/* What is known of hits by their codes, which is all that a query has while it goes through lists. */
static void bound_hits(struct way *w, const struct vexfs_lists *l, struct vexfs_probe *p,
		       const __u64 *slot)
{
	__u32 i, n, from, row;

	for (from = 0; from < w->hits; from += VEXFS_BATCH) {
		for (i = from, n = 0; i < w->hits && i < from + VEXFS_BATCH; i++) {
			w->bound[i] = (__u64)~0u << 32 | w->place[i];
			if (w->place[i] == NOWHERE || !vexfs_lists_find(l, slot[i], &p->in[n], &row))
				continue;
			p->two[n] = vexfs_list_rung2(l, l->list + p->in[n], row);
			p->of[n++] = i;
		}
		vx_fpu_begin();
		vexfs_probe_rows(l, p, 0, n, VEXFS_SIGMA);
		vx_fpu_end();
		for (i = 0; i < n; i++)
			w->bound[p->of[i]] = (__u64)p->upper[i] << 32 | w->place[p->of[i]];
	}
	numbers_make(w->bound, w->hits);
	numbers_drain(w->bound, w->hits, w->hits);
}

/* False: it did not come to all lists. */
static bool trace(struct way *w, const struct vexfs_lists *l, const __u32 *list_of,
		  struct vexfs_probe *p, __u64 slot, const struct vexfs_hit_f *hits, __u32 n)
{
	__u64 slots[FAR];
	__u32 i, rows = 0;

	if (p->lists != l->lists)
		return false;
	for (i = 0; i < l->lists; i++)
		w->list[p->turn[i]] = i;
	for (i = 0; i < l->lists; i++) {
		w->before[i] = rows;
		rows += p->done[w->list[i]];
	}
	w->hits = 0;
	for (i = 0; i < n && w->hits < FAR; i++) {
		if (hits[i].slot == slot)
			continue;
		slots[w->hits] = hits[i].slot;
		w->place[w->hits] = NOWHERE;	/* strays, which are always looked at, and last */
		if (hits[i].slot < l->linked && list_of[hits[i].slot] != NOWHERE)
			w->place[w->hits] = p->turn[list_of[hits[i].slot]];
		w->hits++;
	}
	bound_hits(w, l, p, slots);
	return true;
}

static void find_slants(struct vexfs_lists *l, struct vexfs_probe *p, struct way *w, __u32 from,
			__u32 to, __u32 gate)
{
	__u32 n;

	to = to < l->lists ? to : l->lists;
	for (; from < to; from += n) {
		n = to - from < AT_ONCE ? to - from : AT_ONCE;
		vx_fpu_begin();
		vexfs_probe_slants(l, p, w->list + from, n, gate, w->slant + from);
		vx_fpu_end();
	}
}

/*
 * The slants with which a query for k of the nearest comes to lists and looks into them.  It would pass over
 * one that has a larger one of its own, and it ends when all of those that come next have, see next_list():
 * then none after that is looked into.  Until it knows k rows it looks into all.
 */
static void find_needed(struct vexfs_lists *l, struct vexfs_probe *p, struct way *w, __u32 k)
{
	__u32 from, to, end = 0, i, j, met, kth, place;
	__s32 least, widest = VEXFS_SLANT_LEAST;

	for (i = 0; i < k && i < w->hits; i++)
		if (w->place[i] != NOWHERE && w->place[i] >= end)
			end = w->place[i] + 1;
	for (from = 0; from < end; from = to) {
		/* the k-th best of what it has met by now is the same up to the next list that has a hit */
		to = end;
		kth = ~0u;
		for (i = met = 0; i < w->hits; i++) {
			place = (__u32)w->bound[i];
			if (place >= from && place < to)
				to = place + 1;
			else if (place < from && ++met == k)
				kth = w->bound[i] >> 32;
		}
		if (kth == ~0u) {
			for (i = from; i < to; i++)
				w->needed[i] = VEXFS_SLANT_LEAST;
			continue;
		}
		find_slants(l, p, w, from, to + VEXFS_LISTS_AHEAD - 1, kth);
		for (i = from; i < to; i++) {
			w->needed[i] = w->slant[i] > widest ? w->slant[i] : widest;
			least = w->slant[i];
			for (j = i + 1; j < i + VEXFS_LISTS_AHEAD && j < l->lists; j++)
				least = w->slant[j] < least ? w->slant[j] : least;
			widest = least > widest ? least : widest;
		}
	}
}

/* What a query has shown. */
static void note(struct shown *s, struct vexfs_lists *l, struct vexfs_probe *p, struct way *w)
{
	__u32 of, i;

	for (of = 0; of < VEXFS_NEAREST; of++) {
		find_needed(l, p, w, nearest[of]);
		for (i = 0; i < nearest[of] && i < w->hits; i++)
			s->needed[of][s->n[of]++] =
				w->place[i] == NOWHERE ?
					(struct needed){ 0, VEXFS_SLANT_LEAST } :
					(struct needed){ w->before[w->place[i]], w->needed[w->place[i]] };
	}
	s->queries += w->hits > 0;
}

/* Ask for the row of a slot. */
static int ask(struct vexfs_lists *l, const __u32 *list_of, struct vexfs_query *q, __u64 slot,
	       const void *row, struct vexfs_hit_f *hits, struct way *w, struct shown *s)
{
	__u32 truncated, i, of = 0;
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
	n = vexfs_query_finish(q, hits, &truncated);
	if (n < 0)
		return n == -EAGAIN ? 0 : n;	/* one sample less */
	for (i = 0; l->axes && i < (__u32)n && of < NEAR; i++) {
		if (hits[i].slot == slot)
			continue;
		of++;
		err = note_angle(l, q, hits[i].slot, hits[i].distance);
		if (err)
			return err;
	}
	if (trace(w, l, list_of, q->probe, slot, hits, n))
		note(s, l, q->probe, w);
	return 0;
}

int vexfs_lists_tune(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		     bool (*stop)(void *arg), void *arg)
{
	struct vexfs_match listed = { .count = l->linked }; /* what has come since is in no list */
	struct vexfs_query_params p = { .dims = l->coder.dims, .metric = l->coder.metric,
					.k = FAR + 1, .deadline_us = ~0ULL, .lists = l,
					.match = &listed };
	struct shown live = {}, dead = {}, *shown;
	struct way *w = vx_ealloc(sizeof(*w));
	__u64 slot, linked = l->linked;
	struct vexfs_hit_f *hits = vx_ealloc((FAR + 1) * sizeof(*hits));
	__u8 *row = vx_ealloc((size_t)p.dims * 4);
	__u32 *list_of = NULL;
	struct vx_seg seg[VX_ROW_SEGS];
	struct vexfs_query *q = NULL;
	__u32 i, k, at;
	int err = hits && row && w ? shown_new(&live) ?: shown_new(&dead) ?: way_new(w, l->lists) : -ENOMEM;

	if (!err && !l->tuned)
		err = vexfs_lists_fit(l);
	if (!err && linked) {
		list_of = lists_of(l);
		err = list_of ? 0 : -ENOMEM;
	}
	p.row = row;
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
		err = ask(l, list_of, q, slot, row, hits, w, shown);
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
	vx_efree(live.needed[0]);
	vx_efree(dead.needed[0]);
	if (w)
		vx_efree(w->list);
	vx_efree(w);
	return err;
}
