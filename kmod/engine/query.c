// SPDX-License-Identifier: GPL-2.0
/*
 * One query: what it asks for, its programs and limits, and its life.  What a strategy does with it
 * is in batch.c, the answer is made in finish.c.  No floating point here.
 */
#include "query.h"
#include "lists.h"
#include "probe.h"
#include "lsh.h"

#define SLACK	64		/* pool entries beyond k + k / 4 */

/* And some more, as collections grow. */
void *vexfs_room(struct vexfs_room *room, size_t bytes)
{
	if (room->bytes < bytes) {
		bytes += bytes / 8;
		vx_efree(room->p);
		room->p = vx_ealloc(bytes);
		room->bytes = room->p ? bytes : 0;
	}
	return room->p;
}

void vexfs_query_phase(struct vexfs_query *q, __u32 phase)
{
	q->phase = phase;
	q->s.phase = phase;
}

void vexfs_query_restart(struct vexfs_query *q)
{
	struct vexfs_search *s = &q->s;

	vexfs_pool_clear(&q->pool);
	vexfs_deferred_clear(&q->deferred);
	q->visited = q->scored = q->base = q->next = q->work = 0;
	q->probed += q->probing ? q->probe->lists : 0;
	q->probing = q->bucketing = false;
	q->npending = q->from = q->n = 0;
	q->why = q->match.cut ? VEXFS_TRUNC_DEADLINE : 0;
	q->failed = 0;
	q->damaged = false;
	q->overran = false;
	q->scored_batch = q->partial = false;
	q->rescoring = q->rescored = q->dropped = false;
	q->scratch_bytes = 0;
	q->marking = false;
	vexfs_query_decide(q);
	s->lists = q->lists ? vexfs_lists_count(q->lists) : 0;
	s->linked = !q->lists ? 0 : q->linked < q->count ? q->linked : q->count;
	s->tables = q->codes && q->lsh ? q->lsh->tables : 0;
	s->table_bits = s->tables ? q->lsh->bits : 0;
	s->tabled = !s->tables ? 0 : q->lsh->count < q->count ? q->lsh->count : q->count;
	s->live = q->as_of ? q->as_of->live : vexfs_columns_live(q->cols);
	s->worst = q->range ? q->radius : ~0ULL;
	s->round = 0;
	s->next = 0;
	memset(s->state, 0, sizeof(s->state));
	vexfs_query_phase(q, VEXFS_PHASE_NONE);
	vexfs_query_publish(q);
}

__u32 vexfs_pool_cap(__u32 k)
{
	return k + k / 4 + SLACK;
}

/*
 * So many of the nearest are looked for in lists, if k of them shall match.  Who filters by a
 * program does not say how many that lets pass.
 */
static __u64 wanted(const struct vexfs_query *q)
{
	__u64 k = q->s.k;

	k = k * q->count / (q->s.matches ?: 1);	/* which does not tell of what is hidden */
	return k < q->count ? k : q->count;
}

/*
 * Rows of lists to look at, and the slant after that.  Where only some match, it is not guessed behind how
 * many rows more of the nearest are than ten times as were measured: all are looked at.
 */
static void demand(struct vexfs_query *q)
{
	__u64 k = wanted(q);

	q->enough = k > q->s.k && k > 10 * VEXFS_LISTS_FAR ? ~0ULL / 2 :
							     vexfs_lists_enough(q->lists, q->aim, k);
	q->slant = vexfs_lists_slant(q->lists, q->aim, k);
}

void vexfs_query_reset(struct vexfs_query *q, const void *row)
{
	memcpy(q->row, row, (size_t)q->s.dims * 4);
	vx_fpu_begin();
	vexfs_prepare(&q->prep);
	vx_fpu_end();
	q->pool.cap = vexfs_pool_cap(q->s.k);
	q->codes = q->have_codes;
	q->lists = q->have_lists;
	q->lsh = q->have_lsh;
	q->enough = 0;
	q->slant = 0;
	if (q->lists)
		demand(q);
	q->estimating = q->laddered = false;
	vexfs_query_restart(q);
}

struct vexfs_query *vexfs_query_again(struct vexfs_query *old, struct vexfs_columns *c,
				      struct vx_rows *rows, const struct vexfs_query_params *p)
{
	struct vexfs_query *q = old ?: vx_ealloc(sizeof(*q));
	__u32 k = p->k;

	if (!q)
		return NULL;
	if (old)
		memset(q, 0, offsetof(struct vexfs_query, row_room));
	if (p->per_file)
		k = k < VEXFS_MAX_RANGE / 4 - SLACK ? 4 * k + SLACK : VEXFS_MAX_RANGE;
	q->row = vexfs_room(&q->row_room, (size_t)p->dims * 4);
	q->deferred.upper.k = 0;
	if (!q->row || vexfs_pool_init(&q->pool, k, vexfs_pool_cap(k))) {
		vexfs_query_free(q);
		return NULL;
	}
	q->cols = c;
	q->rows = rows;
	q->have_codes = p->codes;
	q->hidden = p->hidden;
	q->have_lsh = p->codes && !p->hidden ? p->lsh : NULL;
	q->method = p->method;
	if (p->match)
		q->match = *p->match;
	q->max_visits = p->max_visits ?: ~0ULL;
	q->deadline_us = p->deadline_us;
	q->prep.row = q->row;
	q->prep.dims = p->dims;
	q->prep.metric = p->metric;
	q->may = p->may;
	q->may_arg = p->may_arg;
	q->range = p->range;
	vx_fpu_begin();
	q->radius = vexfs_bits_key(p->radius);
	vx_fpu_end();
	q->as_of = p->as_of;
	if (p->lists && !p->as_of && !p->hidden) {
		q->have_lists = p->lists;
		q->linked = vexfs_lists_linked(p->lists);	/* before the count */
	}
	q->count = vexfs_columns_count(c);
	if (p->as_of && p->as_of->count < q->count)
		q->count = p->as_of->count;
	if (p->match && p->match->count < q->count)
		q->count = p->match->count;
	q->s.count = q->count;
	q->leap = q->match.p && !p->hidden;
	q->s.matches = q->leap ? p->match->matches : q->count;
	q->s.dims = p->dims;
	q->s.metric = p->metric;
	q->s.k = k;
	q->k = p->k;
	q->per_file = p->per_file;
	q->recall = p->recall ?: VEXFS_DEFAULT_RECALL;
	q->aim = p->aim ?: q->recall;
	q->effort = p->effort;
	q->s.recall = q->recall;
	q->s.effort = q->effort;
	q->sigma = vexfs_lists_sigma(q->aim);
	q->s.attrs = p->attrs;
	memcpy(q->s.arg, p->arg, sizeof(q->s.arg));
	vexfs_query_limits(q, 0, 0);
	vexfs_query_round(q, ~0ULL);
	vexfs_query_reset(q, p->row);
	return q;
}

struct vexfs_query *vexfs_query_new(struct vexfs_columns *c, struct vx_rows *rows,
				    const struct vexfs_query_params *p)
{
	return vexfs_query_again(NULL, c, rows, p);
}

void vexfs_query_free(struct vexfs_query *q)
{
	if (!q)
		return;
	vexfs_pool_free(&q->pool);
	vexfs_deferred_free(&q->deferred);
	vx_efree(q->estimator_room.p);
	vx_efree(q->probe_room.p);
	vx_efree(q->scratch.p);
	if (q->buckets)
		vx_efree(q->buckets->next);
	vx_efree(q->buckets);
	vx_efree(q->seen_room.p);
	vx_efree(q->row_room.p);
	vx_efree(q);
}

size_t vexfs_query_bytes(const struct vexfs_query *q)
{
	size_t bytes = sizeof(*q) + q->row_room.bytes + q->seen_room.bytes +
		       q->estimator_room.bytes + q->probe_room.bytes + q->scratch.bytes;

	if (q->buckets)
		bytes += sizeof(*q->buckets) + q->buckets->room * sizeof(*q->buckets->next);
	return bytes + q->pool.room * sizeof(*q->pool.entry) +
	       q->pool.best.room * sizeof(*q->pool.best.key) +
	       q->deferred.cap * sizeof(*q->deferred.entry) +
	       q->deferred.upper.room * sizeof(*q->deferred.upper.key);
}

struct vexfs_search *vexfs_query_search(struct vexfs_query *q)
{
	return &q->s;
}

struct vexfs_query *vexfs_search_query(struct vexfs_search *s)
{
	return (struct vexfs_query *)s;		/* its first member */
}

void vexfs_query_hooks(struct vexfs_query *q, int (*filter)(struct vexfs_search *),
		       int (*distance)(struct vexfs_search *))
{
	q->filter = filter;
	q->distance = distance;
}

void vexfs_query_limits(struct vexfs_query *q, __u64 max_visits, __u64 end_us)
{
	q->own_visits = max_visits ?: ~0ULL;
	q->own_end_us = end_us ?: ~0ULL;
	q->s.max_visits = q->own_visits < q->max_visits ? q->own_visits : q->max_visits;
}

void vexfs_query_round(struct vexfs_query *q, __u64 end_us)
{
	q->round_end_us = end_us;
	q->round_work = q->work;
}

bool vexfs_query_overran(const struct vexfs_query *q)
{
	return q->overran;
}

__u64 vexfs_query_work(const struct vexfs_query *q)
{
	return q->work;
}

void vexfs_query_cut(struct vexfs_query *q, __u32 why)
{
	q->why |= why;
}

const struct vexfs_query_stats *vexfs_query_stats(const struct vexfs_query *q)
{
	return &q->stats;
}

bool vexfs_query_wants_tables(const struct vexfs_query *q)
{
	return q->tables_wanted || (q->method == VEXFS_METHOD_LSH && !q->have_lsh);
}

int vexfs_query_failed(const struct vexfs_query *q)
{
	return q->failed;
}

bool vexfs_query_late(struct vexfs_query *q)
{
	if (vx_clock_us() < q->deadline_us)
		return false;
	q->why |= VEXFS_TRUNC_DEADLINE;
	return true;
}

int vexfs_query_damage(struct vexfs_query *q, __u64 slot, int err)
{
	err = vexfs_columns_damage(q->cols, slot, err);
	if (!err)
		q->damaged = true;
	return err;
}
