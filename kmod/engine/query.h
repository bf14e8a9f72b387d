/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The insides of a query, for query.c, batch.c, select.c, marks.c, strategy.c and finish.c.
 */
#ifndef _VEXFS_ENGINE_QUERY_H
#define _VEXFS_ENGINE_QUERY_H

#include "internal.h"

#define PENDING		1024		/* rows that may wait to be read */
#define SECTION_BYTES	(128u << 10)	/* of rows per FPU section: under 50 us */

struct vexfs_query {
	struct vexfs_search s;
	struct vexfs_columns *cols;
	struct vx_rows *rows;
	struct vexfs_match match;	/* p is NULL: every slot matches */
	bool leap;			/* a strategy may go from match to match */
	const struct vexfs_asof *as_of;	/* NULL: as it is now */
	struct vexfs_prep prep;
	void *row;			/* the query's own copy, in row_room */
	/* hits wanted; s.k may be more, for per_file to choose from */
	__u32 k;
	__u32 per_file;			/* 0: any number of one file */
	/* what a strategy that does not look at all is to reach, in millionths: not 0 */
	__u32 recall;
	__u32 aim;			/* the recall that lists are looked into for */
	__u32 effort;			/* lists that it probes; 0: as recall demands */
	__u64 count;			/* the snapshot; programs see a copy of these */
	__u64 max_visits, deadline_us;
	__u64 own_visits, own_end_us;	/* the strategy's, see vexfs_query_limits() */
	bool overran;
	/* a round that has got on since `work` was this ends then; see vexfs_query_round() */
	__u64 round_end_us, round_work;
	/* none of [base, next) was left out, and no slot from there on was looked at */
	__u64 visited, scored, base, next;
	__u64 work;			/* calls that got a query on */
	/*
	 * Once a program skips slots, goes back or picks them, slots are marked, a bit each: those
	 * that are or were candidates, which do not become candidates again, and those that were
	 * looked at, of which there are `looked`.  Until then all before `next` were looked at,
	 * once.
	 */
	bool marking;
	__u64 *seen, *looked_at;	/* in seen_room */
	__u64 looked;
	bool (*may)(void *arg, const struct vexfs_file *file);	/* NULL: all */
	void *may_arg;
	bool range;			/* only what is within the radius is wanted */
	__u64 radius;			/* u64 key */
	int (*filter)(struct vexfs_search *s);
	int (*distance)(struct vexfs_search *s);
	__u32 phase;
	int failed;
	__u32 why;			/* VEXFS_TRUNC_* */
	bool damaged;			/* a row was left out because it is */
	bool scored_batch;
	/* it was measured over some of its dims only */
	bool partial;
	/* it may have been looked at before; and some batch had been */
	bool rescoring, rescored;
	bool dropped;			/* the strategy did not want some of what it looked at */
	bool filtered;			/* the filter has seen the batch */
	__u32 n;			/* candidates in the batch */
	__u32 npending, from;		/* those before `from` were read and measured */
	__u32 max_norm2;
	__u32 scratch_bytes;		/* of the strategy's own memory that are in use */
	const struct vexfs_codes *have_codes;	/* NULL: none */
	/* the same, or NULL: this attempt shall measure everything */
	const struct vexfs_codes *codes;
	bool estimating;		/* the estimator is for this vector */
	/*
	 * NULL: none.  Of their rows only those of slots before `linked` are taken, which was read
	 * before the count: what was left out of the lists as dead is not in the snapshot.
	 */
	const struct vexfs_lists *have_lists, *lists;
	__u64 linked;
	__u64 enough;			/* rows of lists to look at, at least; how near ... */
	__s32 slant;			/* ... lists may be then, and how narrow to take bounds of rows */
	__u32 sigma;
	__u32 plan, plan_why;		/* VEXFS_PLAN_*, VEXFS_WHY_*, of the attempt */
	bool laddered;			/* the probe's ladder is for this vector */
	bool probing;			/* lists are ranked for it */
	__u64 probed;			/* lists looked into, of attempts that are over */
	const struct vexfs_lsh *have_lsh, *lsh;	/* NULL: none */
	bool bucketing;			/* the buckets are for this vector */
	bool tables_wanted;		/* and there were none */
	bool hidden;			/* neither lists nor tables: they would tell */
	__u32 method;			/* VEXFS_METHOD_* */
	struct vexfs_query_stats stats;

	/*
	 * What follows stays when another query takes over the memory of this one, and means nothing
	 * to it; all of it is made on first use, and grows.
	 */
	struct vexfs_room row_room, seen_room, estimator_room, probe_room;
	struct vexfs_estimator *estimator;	/* in its room */
	struct vexfs_probe *probe;	/* in its room */
	struct vexfs_buckets *buckets;
	struct vexfs_pool pool;
	struct vexfs_deferred deferred;
	/* the strategy's own; scratch_bytes of it are in use */
	struct vexfs_room scratch;
	__u64 slot[VEXFS_BATCH];
	/* it had not been looked at before, or was deferred until now */
	bool fresh[VEXFS_BATCH];
	/* bounds of the candidates' distances, before penalties; keys, see internal.h */
	__u32 lower[VEXFS_BATCH + VEXFS_CODE_BLOCK], upper[VEXFS_BATCH + VEXFS_CODE_BLOCK];
	struct vexfs_row measure[VEXFS_BATCH];
	struct vexfs_cand cand[VEXFS_BATCH];
	__s64 column[VEXFS_BATCH];
	__u64 penalty[VEXFS_BATCH];
	struct vexfs_interval bound[VEXFS_BATCH];
	__u64 pending[PENDING];
};

#define MAX_POOL	(64u << 10)	/* entries of the pool beyond k, at most */

static inline __u32 vexfs_query_max_pool(const struct vexfs_query *q)
{
	return MAX_POOL + q->s.k;
}

/* Programs see copies: counters and the length of the batch have changed. */
static inline void vexfs_query_publish(struct vexfs_query *q)
{
	q->s.visited = q->visited;
	q->s.scored = q->scored;
	q->s.batch = q->n;
	q->s.found = q->pool.best.n;
}

/* --- query.c --- */

/* Is the time up?  Then something is left out, and the answer says why. */
bool vexfs_query_late(struct vexfs_query *q);
/* A row could not be had, and why.  0: go on without it; else an error. */
int vexfs_query_damage(struct vexfs_query *q, __u64 slot, int err);
/*
 * Entries of the pool of a query for the k best: more than k, because f32 may order neighbours
 * wrongly.
 */
__u32 vexfs_pool_cap(__u32 k);

/* --- batch.c --- */

/* May it look at more?  *n is cut to the budget.  -EAGAIN, -ENOSPC, -ETIME, -ENOMEM, see batch.c. */
int vexfs_query_charge(struct vexfs_query *q, __u32 *n);
/* A new batch; marks: slots are marked from now on.  -ENOMEM. */
int vexfs_query_new_batch(struct vexfs_query *q, bool marks);
/* A slot with bounds of its distance joins the batch, unless it was a candidate before. */
void vexfs_query_add(struct vexfs_query *q, __u64 slot, __u32 lower, __u32 upper);
/* The candidate in place `from` takes another place, when others leave the batch. */
void vexfs_query_keep(struct vexfs_query *q, __u32 to, __u32 from);
/* May the strategy go on with its batch?  -ETIME, -EPERM, a failed program's error. */
int vexfs_query_go_on(struct vexfs_query *q);
/* There is an estimator for the vector, if there are codes.  -ENOMEM. */
int vexfs_query_estimator(struct vexfs_query *q);
/*
 * Filter the batch and pin its rows, for measure[]; what is not in memory waits to be read and
 * leaves it.  Then vx_rows_put().  The error of a filter that failed.
 */
int vexfs_query_pin(struct vexfs_query *q);
/* What is farther than this, before penalties, is not among the k best; a key. */
__u32 vexfs_query_gate(struct vexfs_query *q);
/* May a slot of the snapshot become a candidate? */
bool vexfs_query_admitted(struct vexfs_query *q, __u64 slot);

/*
 * The batch becomes the live ones of the next matching slots from `from` on, a batch of them at
 * most.  *next: where to go on.  Slots in between that do not match cost no visit.  Returns as
 * vexfs_q_range(), or vexfs_q_estimate().
 */
int vexfs_q_matches(struct vexfs_query *q, __u64 from, __u64 *next, bool estimate);
/*
 * May a slot that was admitted before still be found: has it not died, nor its file, and is its row
 * whole?
 */
bool vexfs_query_admits(struct vexfs_query *q, __u64 slot);
/* What has a larger f32 total than this lies beyond the radius; a key.  ~0: there is no radius. */
__u32 vexfs_query_radius_gate(struct vexfs_query *q);

/* --- select.c --- */

/* What is in the pool, or twice in the batch, leaves the batch. */
void vexfs_query_only_new(struct vexfs_query *q);

/* Something is too far by this lower bound. */
static inline void vexfs_query_refuse(struct vexfs_query *q, __u32 lower)
{
	if (lower < q->deferred.refused)
		q->deferred.refused = lower;
}

/* --- refine.c --- */

/*
 * Tighten the bounds of the batch by the codes of a rung, and prune what is beyond the gate.  Those
 * that have no such code keep theirs.  -ENOMEM, -EOPNOTSUPP there are no such codes.
 */
int vexfs_query_bound(struct vexfs_query *q, __u32 rung, __u32 sigma);
/* The same by the finest code that each of them has, if any. */
int vexfs_query_bound_finely(struct vexfs_query *q, __u32 sigma);

/* --- probe.c --- */

/*
 * There is a ladder of the lists for the vector, in q->probe.  -ENOMEM; -ENOENT there are no lists,
 * or its norm is out of range: then there are none for it.
 */
int vexfs_query_ladder(struct vexfs_query *q);

/* --- lsh.c --- */

/*
 * The next step through the bucket that promises most: as vexfs_q_bucket().  -ENOENT: as many were
 * looked into as the effort allows, or there are no tables.
 */
int vexfs_q_next_bucket(struct vexfs_query *q, __u32 sigma);

/* --- plan.c --- */

/* How this attempt shall find its candidates; decided when it begins. */
void vexfs_query_decide(struct vexfs_query *q);

/* --- finish.c --- */

/* Let the pool have more entries: -EAGAIN, or -EFBIG there may not be more. */
int vexfs_query_enlarge(struct vexfs_query *q);

/* --- marks.c --- */

/* From now on slots are marked.  -ENOMEM. */
int vexfs_query_mark(struct vexfs_query *q);
/*
 * [from, to) is looked at, at the cost of n visits; vexfs_query_mark() first if that is not where
 * it stopped.
 */
void vexfs_query_look(struct vexfs_query *q, __u64 from, __u64 to, __u32 n);
/* The next n rows of a list, or that are in none, are looked at: what is new was added before. */
void vexfs_query_look_list(struct vexfs_query *q, __u32 list, __u32 n);
void vexfs_query_look_strays(struct vexfs_query *q, __u32 n);
/* Slots that were looked at, each counted once, or passed over because they do not match. */
__u64 vexfs_query_looked(const struct vexfs_query *q);

#endif /* _VEXFS_ENGINE_QUERY_H */
