/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vector engine: derived data of a collection in memory (columns), distances, the candidate pool,
 * and one query.  Pure C over engine/platform.h.  No lock is taken here:
 *	columns: one writer at a time (the collection's mutex); readers run beside it: they look
 *	only below the count that they loaded with vexfs_columns_count(), and at dead bits, which
 *	only ever get set.
 *	a query belongs to one thread.
 */
#ifndef _VEXFS_ENGINE_H
#define _VEXFS_ENGINE_H

#include "platform.h"
#include <vexfs/format.h>
#include <vexfs/ioctl.h>
#include <vexfs/program.bpf.h>

/* --- map.c: from 64-bit words to slots; a word may be there several times.  Caller's lock --- */
struct vexfs_map64 {
	struct vexfs_bucket *bucket;
	__u64 size;			/* a power of two */
	__u64 used, live;		/* buckets in use; graves included, or not */
};
/* room for so many further puts.  -ENOMEM */
int vexfs_map_reserve(struct vexfs_map64 *m, __u64 more);
void vexfs_map_put(struct vexfs_map64 *m, __u64 word, __u64 slot);	/* reserved */
/* nothing if it is not there */
void vexfs_map_del(struct vexfs_map64 *m, __u64 word, __u64 slot);
/* The slots of a word, one after the other; *at is 0 at first.  Nothing may be put meanwhile. */
bool vexfs_map_next(const struct vexfs_map64 *m, __u64 word, __u64 *at, __u64 *slot);
__u64 vexfs_map_bytes(const struct vexfs_map64 *m);
void vexfs_map_free(struct vexfs_map64 *m);

/*
 * --- columns.c: ids, attributes, dead bits, norms by slot, in chunks that never move; and the id
 * map ---
 */
struct vexfs_columns;
struct vexfs_columns *vexfs_columns_new(__u32 attrs);	/* NULL: no memory */
void vexfs_columns_free(struct vexfs_columns *c);
/*
 * Make room for slots [0, slots) and as many ids.  -ENOMEM and nothing changed; -EFBIG beyond
 * VEXFS_MAX_SLOTS.
 */
int vexfs_columns_reserve(struct vexfs_columns *c, __u64 slots);
/*
 * Fill a reserved slot.  -EEXIST the id is live (nothing changed).  Invisible to readers until
 * published.
 */
int vexfs_columns_put(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr);
/*
 * The same for an upsert: the id may be live, in *old then (else VEXFS_NO_SLOT), and is this slot's
 * from now on.  *old need not be published.
 */
int vexfs_columns_replace(struct vexfs_columns *c, __u64 slot, __u64 id, const __s64 *attr,
			  __u64 *old);
#define VEXFS_NO_SLOT (~0ULL)
/*
 * Undo a put or replace that was not published, the last one first; old: as it was given, or
 * VEXFS_NO_SLOT.
 */
void vexfs_columns_unput(struct vexfs_columns *c, __u64 slot, __u64 old);
/*
 * A file that slots are bound to; part of a struct of the host, which outlives the columns.
 * Writer's lock.
 */
struct vexfs_file {
	__u64 records;			/* slots bound to it that are not dead */
	/* the last one bound, if there is any; then vexfs_columns_bound_before() */
	__u64 last;
	/* the file that has taken these over; NULL: none.  Set once, never a circle */
	struct vexfs_file *heir;
};
/* after the put; -ENOMEM */
int vexfs_columns_bind(struct vexfs_columns *c, __u64 slot, struct vexfs_file *file);
/* The file that has a slot now: the last heir of the one it was bound to.  NULL: not bound. */
struct vexfs_file *vexfs_columns_file(const struct vexfs_columns *c, __u64 slot);
/* VEXFS_NO_SLOT: only dead and lost ones */
__u64 vexfs_columns_bound_before(const struct vexfs_columns *c, __u64 slot);
void vexfs_columns_publish(struct vexfs_columns *c, __u64 count);	/* release */
__u64 vexfs_columns_count(const struct vexfs_columns *c);	/* acquire */
__u64 vexfs_columns_live(const struct vexfs_columns *c);
/* -ENOENT; writer's lock */
int vexfs_columns_find(const struct vexfs_columns *c, __u64 id, __u64 *slot);
/*
 * Set the dead bit, forget the id unless another slot has it by now; once a slot.  Writer's lock.
 */
void vexfs_columns_kill(struct vexfs_columns *c, __u64 slot);
/*
 * The same for a slot that an upsert replaces, before that is published: who has taken a snapshot
 * of less than `count` slots goes on seeing it, and nobody sees both it and its successor, or
 * neither.
 */
void vexfs_columns_supersede(struct vexfs_columns *c, __u64 slot, __u64 count);
bool vexfs_columns_dead(const struct vexfs_columns *c, __u64 slot);
/* Is a slot below `count` to be seen by who has taken a snapshot of so many slots? */
bool vexfs_columns_visible(const struct vexfs_columns *c, __u64 slot, __u64 count);
/*
 * The same for 64 slots at most: bit i of the result is slot from + i.  count VEXFS_MAX_SLOTS: what
 * is not dead by now; the first slot is published.
 */
__u64 vexfs_columns_live_mask(const struct vexfs_columns *c, __u64 from, __u32 n, __u64 count);
/*
 * Rows that cannot be read, or are not what was written: a bit per published slot, set by whoever
 * meets one, without a lock, and kept as long as the columns are, or until the row is whole again.
 */
/*
 * tell: called when a slot gets its bit; if it returns an error, the row is not to blame, and the
 * bit goes again.
 */
void vexfs_columns_watch(struct vexfs_columns *c, int (*tell)(void *arg, __u64 slot, int err),
			 void *arg);
/*
 * The row of a slot could not be had: err.  0: it is damaged (-EIO, -EUCLEAN), do without it; else
 * the error to fail with.  c NULL: that is err.
 */
int vexfs_columns_damage(struct vexfs_columns *c, __u64 slot, int err);
void vexfs_columns_mend(struct vexfs_columns *c, __u64 slot);	/* it was read and is right */
__u64 vexfs_columns_damaged(const struct vexfs_columns *c);	/* how many, dead ones included */
/*
 * Slots of which nothing is known but that they count: of a record that cannot be trusted, so that
 * it has no id, no attributes and no file.  Who loads says so, before anybody else looks, and
 * follows with vexfs_columns_damage(); it stays as long as the columns do.  why: his, not 0.
 */
int vexfs_columns_put_lost(struct vexfs_columns *c, __u64 slot, __u32 why);	/* -ENOMEM */
/* The same of one that was put: its id is free again, and it is bound to nothing.  -ENOMEM. */
int vexfs_columns_lose(struct vexfs_columns *c, __u64 slot, __u32 why);
__u32 vexfs_columns_lost(const struct vexfs_columns *c, __u64 slot);	/* why; 0: it is not */
bool vexfs_columns_any_lost(const struct vexfs_columns *c, bool live);	/* live: that is not dead */
/* Of the slots from + i for which bit i of mask is set, those that are damaged. */
__u64 vexfs_columns_damaged_mask(const struct vexfs_columns *c, __u64 from, __u64 mask);
__u64 vexfs_columns_id(const struct vexfs_columns *c, __u64 slot);
void vexfs_columns_fetch(const struct vexfs_columns *c, __u64 slot);	/* its id is soon asked for */
__s64 vexfs_columns_attr(const struct vexfs_columns *c, __u64 slot, __u32 attr);
__u64 vexfs_columns_bytes(const struct vexfs_columns *c);

/*
 * --- predicate.c, predicate_avx2.c: a predicate over the attributes, and the bitmap of the slots
 * for which it holds.  Attributes never change, so the bitmap only grows: one caller at a time
 * extends it, queries read beside it, below the count that they were given. ---
 */
struct vexfs_predicate;
struct vexfs_condition {		/* as it comes with a query, see ioctl.h */
	const struct vexfs_predicate_node *node;
	const __s64 *value;
	__u32 n, values;
};
/*
 * May it be evaluated?  keywords: a bit per attribute.  -E2BIG, -ENXIO, -EPROTOTYPE, -EBADMSG, see
 * ioctl.h.
 */
int vexfs_condition_check(const struct vexfs_condition *c, __u32 attrs, __u32 keywords);
/* checked; copied.  NULL: no memory */
struct vexfs_predicate *vexfs_predicate_new(const struct vexfs_condition *c);
void vexfs_predicate_free(struct vexfs_predicate *p);
bool vexfs_predicate_is(const struct vexfs_predicate *p, const struct vexfs_condition *c);
__u64 vexfs_predicate_bytes(const struct vexfs_predicate *p);
/* What a query gets: it does not look at slots from count on. */
struct vexfs_match {
	const struct vexfs_predicate *p;
	__u64 count;			/* slots evaluated */
	__u64 matches;			/* of those, dead ones included */
	bool cut;			/* the deadline came first: there are more slots */
};
/* Evaluate what was published in c since the last time.  -ENOMEM, -EINTR a fatal signal; sleeps. */
int vexfs_predicate_match(struct vexfs_predicate *p, const struct vexfs_columns *c,
			  __u64 deadline_us, struct vexfs_match *m);

/*
 * --- codes.c, rabitq.c, rotate.c: 1-bit codes of rows, from which bounds of distances follow, by
 * slot; FastScan blocks and row-major.  Chunks as in columns.c: one writer at a time, readers below
 * the count.  A slot that has no code is known to be anywhere: a search measures it. ---
 */
struct vexfs_codes;
/* seed: of the rotation.  NULL: no memory. */
struct vexfs_codes *vexfs_codes_new(__u32 metric, __u32 dims, __u64 seed);
void vexfs_codes_free(struct vexfs_codes *c);
__u64 vexfs_codes_cost(__u32 dims, __u64 slots);	/* bytes that codes of so many slots take */
__u64 vexfs_codes_bytes(const struct vexfs_codes *c);	/* and what these do */
/* Make room for slots [0, slots).  -ENOMEM: for fewer, perhaps; -EFBIG beyond VEXFS_MAX_SLOTS. */
int vexfs_codes_reserve(struct vexfs_codes *c, __u64 slots);
__u64 vexfs_codes_reserved(const struct vexfs_codes *c);
/*
 * Before the first put: centre on a sample of the rows of [0, count).  Sleeps.  cols: where rows
 * that cannot be read are marked, and left out; NULL: they are an error.  Errors of vx_rows_wait();
 * -ENOMEM.
 */
int vexfs_codes_centre(struct vexfs_codes *c, struct vx_rows *rows, struct vexfs_columns *cols,
		       __u64 count);
/*
 * As these, with their centre and rotation, so that codes can be carried over; without any slot.
 * centred: what vexfs_codes_centred() is to say.  Beside the writer.  NULL: no memory.
 */
struct vexfs_codes *vexfs_codes_like(const struct vexfs_codes *from, __u64 centred);
/* Rows that there were when the centre was taken. */
__u64 vexfs_codes_centred(const struct vexfs_codes *c);
/*
 * How far the centre is from the mean of the rows that have codes, as of a while ago: the square of
 * that, in thousandths of the mean square of what the codes are of.  By so much, or nearly, would
 * another centre make that smaller, and with it the square of the bounds' width.
 */
__u32 vexfs_codes_off(const struct vexfs_codes *c);
/* Encode a row, at a reserved slot that is not published.  FPU sections inside. */
void vexfs_codes_put(struct vexfs_codes *c, __u64 slot, const struct vx_seg *seg, __u32 segs);
/* The same, of a row that is slot `old` of codes that these are like; its code, if it has one. */
void vexfs_codes_carry(struct vexfs_codes *c, __u64 slot, const struct vexfs_codes *from, __u64 old,
		       const struct vx_seg *seg, __u32 segs);
void vexfs_codes_publish(struct vexfs_codes *c, __u64 count);	/* release */
__u64 vexfs_codes_count(const struct vexfs_codes *c);	/* acquire */
/*
 * Read, encode and publish the rows up to slot `to`, which is reserved.  Sleeps.  cols: where rows
 * that cannot be read are marked, and get no code; NULL: they are an error.  0, also when the
 * deadline came first; errors of vx_rows_wait().
 */
int vexfs_codes_extend(struct vexfs_codes *c, struct vx_rows *rows, struct vexfs_columns *cols,
		       __u64 to, __u64 deadline_us);

/*
 * --- lists.c, lists_build.c, probe.c, cluster.c, ladder.c: rows partitioned by the nearest of many
 * centres, with codes relative to it; a query looks at the lists that may matter.  One writer at a
 * time, readers beside it. ---
 */
struct vexfs_lists;
__u32 vexfs_lists_wanted(__u64 rows);	/* how many lists suit so many rows */
/* Bytes that lists of so many rows take, at most, as long as they are balanced; and what these do. */
__u64 vexfs_lists_cost(__u32 dims, __u64 rows);
/* The same of those that there are, which may be of fewer dims, once so many rows are linked. */
__u64 vexfs_lists_grown(const struct vexfs_lists *l, __u64 rows);
/*
 * Lists without rows, centred on a sample of the live rows of [0, count); rotation and mean are
 * those of the codes.  Sleeps, reads rows, and marks those that cannot be read, as all three do;
 * stop(arg), if given, ends it.  NULL: *err is -ENOMEM, -EINTR,
 * -ENODATA no row to sample, or of vx_rows_wait().
 */
struct vexfs_lists *vexfs_lists_new(const struct vexfs_codes *codes, struct vexfs_columns *c,
				    struct vx_rows *rows, __u64 count, int *err, bool (*stop)(void *arg), void *arg);
/* Who searches them holds a reference; the last one that is given up frees them.  NULL is fine. */
struct vexfs_lists *vexfs_lists_get(struct vexfs_lists *l);
void vexfs_lists_free(struct vexfs_lists *l);
__u64 vexfs_lists_bytes(const struct vexfs_lists *l);
__u64 vexfs_lists_linked(const struct vexfs_lists *l);	/* slots before this are in lists */
/* The worker's: how many rows were in lists that others have replaced since these were made. */
__u64 vexfs_lists_rewritten(const struct vexfs_lists *l);
__u32 vexfs_lists_count(const struct vexfs_lists *l);	/* lists */
/*
 * Put the live rows up to slot `to` into lists.  Sleeps.  0, also when the deadline came first;
 * -EINTR killed or stopped; -ENOMEM; -EDOM too many norms out of range; -E2BIG a list has grown too
 * much, build anew; of vx_rows_wait().
 */
int vexfs_lists_extend(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		       __u64 to, __u64 deadline_us, bool (*stop)(void *arg), void *arg);
/* Have so many rows come or died that lists may be too long, or too short? */
bool vexfs_lists_uneven(const struct vexfs_lists *l, const struct vexfs_columns *c);
/*
 * Another generation that is to take the place of this one, which nobody adds to from then on: lists that
 * are too long are split, those that are short go to others, rows that died are left out.  Sleeps, reads
 * rows.  NULL: *err is 0, they are fine; -EINTR, -ENOMEM, -EDOM, of vx_rows_wait(): this one stays.
 */
struct vexfs_lists *vexfs_lists_balance(struct vexfs_lists *l, struct vexfs_columns *c,
					struct vx_rows *rows, int *err, bool (*stop)(void *arg),
					void *arg);
/*
 * Lists for a collection whose slots are those of [0, slots) whose bits are set in `kept`, in that order;
 * c has them.  Dead ones are left out, and no row is read.  May be called beside the writer of `from`.
 * NULL: *err is -ENOMEM, -EINTR.
 */
struct vexfs_lists *vexfs_lists_carry(const struct vexfs_lists *from, const __u64 *kept,
				      __u64 slots, const struct vexfs_columns *c, int *err);
/*
 * Measure how many of their rows a query must look at; until then it looks at all, and nobody else
 * may look at them: the first time each list gets just the memory that its rows need.  -ENOMEM, -EINTR, of vx_rows_wait().
 */
int vexfs_lists_tune(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		     bool (*stop)(void *arg), void *arg);

/*
 * --- codes.c, lists_save.c: codes and lists as the streams of a checkpoint, see format.h.  What is
 * read back is believed no further than memory is safe and each live slot is in one list. ---
 */
struct vexfs_sink {
	int (*put)(struct vexfs_sink *s, const void *p, size_t bytes);	/* 0 or an error */
};
struct vexfs_source {
	int (*get)(struct vexfs_source *s, void *p, size_t bytes);	/* of those that are left */
	__u64 left;			/* bytes */
};
/* Bytes of codes of the first `count` slots, and of lists as they are now. */
__u64 vexfs_codes_saved(__u32 dims, __u64 count);
__u64 vexfs_lists_saved(const struct vexfs_lists *l);
/* Beside the writer of codes; count of them are published.  By the writer of lists. */
int vexfs_codes_save(const struct vexfs_codes *c, __u64 count, struct vexfs_sink *to);
int vexfs_lists_save(const struct vexfs_lists *l, struct vexfs_sink *to);
/*
 * The whole stream becomes codes of `count` slots, or lists by them, which were measured.  NULL:
 * *err is -EUCLEAN, -ENOMEM, of get().  Sleeps.
 */
struct vexfs_codes *vexfs_codes_load(__u32 metric, __u32 dims, __u64 count,
				     struct vexfs_source *from, int *err);
struct vexfs_lists *vexfs_lists_load(const struct vexfs_codes *codes,
				     const struct vexfs_columns *c, struct vexfs_source *from,
				     int *err);

/*
 * --- lsh.c: hash tables of the codes of rows, as they were when the tables were made.  They never
 * change. ---
 */
struct vexfs_lsh;
/* Sleeps; stop(arg), if given, ends it.  NULL: *err is -ENOMEM, -EINTR. */
struct vexfs_lsh *vexfs_lsh_new(const struct vexfs_codes *codes, int *err, bool (*stop)(void *arg),
				void *arg);
void vexfs_lsh_free(struct vexfs_lsh *l);
__u64 vexfs_lsh_cost(__u32 dims, __u64 rows);	/* bytes that tables of so many rows take */
__u64 vexfs_lsh_bytes(const struct vexfs_lsh *l);	/* and what these do */
__u64 vexfs_lsh_count(const struct vexfs_lsh *l);	/* slots before this are in tables */
__u32 vexfs_lsh_tables(const struct vexfs_lsh *l);

/*
 * --- distance.c, distance_avx2.c.  Call the *_raw ones between vx_fpu_begin() and vx_fpu_end()
 * only ---
 */
/*
 * May this row be stored or searched with?  Integer work, no FPU.  -EINVAL NaN or infinity, -EDOM
 * zero vector with cosine.
 */
int vexfs_row_check(__u32 metric, const void *row, __u32 dims);

/*
 * --- pool.c: the best candidates by f32 distance (a max-heap), remembering the best it
 * refused ---
 */

/* --- query.c --- */

struct vexfs_query;
struct vexfs_hit_f {		/* a final hit; distance as the bits of a double */
	__u64 slot, id, distance;
};

/* A snapshot of the columns: the caller keeps it as long as the query. */
struct vexfs_asof {
	const __u64 *dead;		/* a bit per slot, 64 to a word */
	__u64 count, live;		/* slots; those that are not dead */
};

struct vexfs_query_params {
	const void *row;		/* dims * 4 bytes, checked with vexfs_row_check(); copied */
	__u32 dims, metric, k, attrs;
	__u64 arg[4];
	__u64 max_visits;		/* 0: none */
	__u64 deadline_us;		/* vx_clock_us() when to stop */
	const struct vexfs_match *match;	/* admit only these; copied.  NULL: all */
	bool range;			/* only what is within ... */
	__u64 radius;			/* ... this distance: bits of a double, no NaN */
	__u32 per_file;			/* at most so many hits of one bound file; 0: any number */
	__u32 recall;			/* the target, in millionths; 0: VEXFS_DEFAULT_RECALL */
	__u32 aim;			/* the one that lists are looked into for; 0: the same */
	__u32 effort;			/* lists or buckets to look into; 0: as the target demands */
	const struct vexfs_codes *codes;	/* NULL: no estimates */
	const struct vexfs_lists *lists;	/* NULL: none; not used with as_of */
	const struct vexfs_lsh *lsh;	/* NULL: none; of these codes */
	__u32 method;			/* VEXFS_METHOD_*, of the built-in strategy */
	const struct vexfs_asof *as_of;	/* NULL: as it is now */
	/*
	 * May slots bound to this file be found?  Never sleeps; asked again and again.  NULL: all
	 * may.
	 */
	bool (*may)(void *arg, const struct vexfs_file *file);
	void *may_arg;
	/*
	 * There are or were slots of which `may` says no: what is told, to programs too, and how long
	 * it takes, must not depend on whether those match, nor on where they lie.  So a strategy does
	 * not go from match to match, and lists and lsh are not used.
	 */
	bool hidden;
};

/*
 * What a query did since it was made, see struct vexfs_search_trace; restart: why it was told to.
 */
struct vexfs_query_stats {
	__u64 filtered, estimated, pruned, deferred, reranked, fetched, rescored;
	__u32 restart[8];
};

/*
 * Allocate and prepare a query over c and rows, and take a snapshot of the count.  k <=
 * VEXFS_MAX_RANGE.  NULL: no memory.
 */
struct vexfs_query *vexfs_query_new(struct vexfs_columns *c, struct vx_rows *rows,
				    const struct vexfs_query_params *p);
/*
 * The same in the memory of a query that is over, of any collection; it is gone then, whatever is
 * returned.  old NULL: vexfs_query_new().
 */
struct vexfs_query *vexfs_query_again(struct vexfs_query *old, struct vexfs_columns *c,
				      struct vx_rows *rows, const struct vexfs_query_params *p);
void vexfs_query_free(struct vexfs_query *q);
/* of memory that it has */
size_t vexfs_query_bytes(const struct vexfs_query *q);
struct vexfs_search *vexfs_query_search(struct vexfs_query *q);	/* what programs see */
struct vexfs_query *vexfs_search_query(struct vexfs_search *s);
/* Forget all candidates, round 0.  The snapshot stays. */
void vexfs_query_restart(struct vexfs_query *q);
/* The same, for another vector (checked, dims * 4 bytes; copied). */
void vexfs_query_reset(struct vexfs_query *q, const void *row);
/*
 * The programs of the coming round; NULL: none.  Called with rows pinned and outside FPU sections.
 */
void vexfs_query_hooks(struct vexfs_query *q, int (*filter)(struct vexfs_search *),
		       int (*distance)(struct vexfs_search *));
/*
 * Limits of the strategy itself (a program's own, stricter): slots that it may visit, and
 * vx_cpu_us() when its time is up; 0: only the query's.
 */
void vexfs_query_limits(struct vexfs_query *q, __u64 max_visits, __u64 end_us);
/*
 * A round of the strategy begins, which is to end at end_us (vx_clock_us(); ~0: when it likes):
 * what it calls says -EAGAIN from then on, but not before it has got on.
 */
void vexfs_query_round(struct vexfs_query *q, __u64 end_us);
/* was the strategy told that its own time is up? */
bool vexfs_query_overran(const struct vexfs_query *q);
/*
 * Rises whenever a strategy looks at slots, measures, offers, puts aside or takes: when it gets on.
 */
__u64 vexfs_query_work(const struct vexfs_query *q);
/* The strategy is stopped before it was done.  why: VEXFS_TRUNC_*, for vexfs_query_finish(). */
void vexfs_query_cut(struct vexfs_query *q, __u32 why);

/* Which op is running: what the functions of batch.c allow depends on it. */
#define VEXFS_PHASE_NONE	0
#define VEXFS_PHASE_SEARCH	1
#define VEXFS_PHASE_DISTANCE	2
#define VEXFS_PHASE_FILTER	3
void vexfs_query_phase(struct vexfs_query *q, __u32 phase);
const struct vexfs_query_stats *vexfs_query_stats(const struct vexfs_query *q);
/* Were hash tables asked for, by the caller or the program, and there were none? */
bool vexfs_query_wants_tables(const struct vexfs_query *q);
/* errno of a filter or distance program that failed, else 0 */
int vexfs_query_failed(const struct vexfs_query *q);

/* --- batch.c --- */

/*
 * What the kfuncs of the same names do; see program.bpf.h for arguments and errors.  The phase is
 * checked by them too.
 */
int vexfs_q_range(struct vexfs_query *q, __u64 from, __u32 n);
int vexfs_q_slots(struct vexfs_query *q, const __u64 *slots, __u32 n);
int vexfs_q_score(struct vexfs_query *q);
int vexfs_q_offer(struct vexfs_query *q);
int vexfs_q_estimate(struct vexfs_query *q, __u64 from, __u32 n, __u32 sigma);
int vexfs_q_defer(struct vexfs_query *q);
int vexfs_q_take(struct vexfs_query *q);
/* fills ids and, where it was measured, key and micro */
struct vexfs_cand *vexfs_q_candidates(struct vexfs_query *q);
__s64 *vexfs_q_attribute(struct vexfs_query *q, __u32 attr);	/* NULL: out of range */
/* Rows that were not in memory.  read: start all, then wait for up to VEXFS_BATCH and pin them
 * (sleeps, outside SRCU); returns how many (0: none left, or no time for more than the first batch)
 * or an error.  score: measure and offer those, unpin (hooks run: inside SRCU). */
int vexfs_query_read(struct vexfs_query *q);
int vexfs_query_score_read(struct vexfs_query *q);

/* --- select.c: as above --- */

void *vexfs_q_scratch(struct vexfs_query *q, __u32 bytes);	/* NULL */
/* vexfs_matches() */
int vexfs_q_next(struct vexfs_query *q, __u64 from);
int vexfs_q_keep(struct vexfs_query *q, __u64 mask);
struct vexfs_interval *vexfs_q_bounds(struct vexfs_query *q);	/* NULL */
int vexfs_q_refine(struct vexfs_query *q, __u32 rung, __u32 sigma);
int vexfs_q_rescore(struct vexfs_query *q, const __u64 *slots, __u32 n);
int vexfs_q_score_dims(struct vexfs_query *q, __u32 dims);

/*
 * The next rows of a list of the query, up to a batch whose lower bounds at sigma are not above the
 * gate, finer bounds included; each is met once.  How many, 0 is none in this step; as
 * vexfs_q_estimate().  -ENOENT: there are no lists, or none for this vector.
 */
int vexfs_q_list(struct vexfs_query *q, __u32 list, __u32 sigma);
/*
 * The same of the list that promises most; last, what no list could take.  -ENOENT: no other one is
 * likely to have anything, or there are no lists.  sigma 0: what the recall demands.
 */
int vexfs_q_probe(struct vexfs_query *q, __u32 sigma);
/* Lists in the order in which that would come to them, which it does not then.  NULL: none. */
struct vexfs_probed *vexfs_q_probes(struct vexfs_query *q);

/* --- lsh.c: as above --- */

int vexfs_q_signature(struct vexfs_query *q, __u32 table);
/* VEXFS_MAX_TABLE_BITS of them, of which table_bits are in use.  NULL. */
const __u32 *vexfs_q_margins(struct vexfs_query *q, __u32 table);
int vexfs_q_bucket(struct vexfs_query *q, __u32 table, __u32 code, __u32 at, __u32 sigma);

/* --- strategy.c --- */

/*
 * The built-in strategy: exact, all slots, in batches, through the functions above.  Same contract
 * as vexfs_ops.search.
 */
int vexfs_flat(struct vexfs_search *s);
/*
 * The one over codes: estimates all slots, then measures the best until no other one may be among
 * the k nearest, as far as the bounds are true.
 */
int vexfs_coded(struct vexfs_search *s);

/*
 * The one over lists: looks at those that are likely to hold a neighbour, as the recall that is
 * wanted demands, and at what is in none; the rest as coded.
 */
int vexfs_ivf(struct vexfs_search *s);

/*
 * The one over hash tables: looks into the buckets that are likely to hold a neighbour, as many as
 * the effort allows, and at what is in none; the rest as coded.
 */
int vexfs_lsh(struct vexfs_search *s);

/* --- finish.c --- */

/* What was planned for a query, and what of the lists it has looked at so far. */
struct vexfs_plan {
	__u32 plan, why;		/* VEXFS_PLAN_*, VEXFS_WHY_* */
	__u32 aim;			/* the recall that lists are looked into for, in millionths */
	__u32 lists;			/* that there are */
	__u64 probed, linked;		/* lists looked into; slots in lists */
	__u32 tables;			/* hash tables that there are */
	__u64 buckets, tabled;		/* buckets looked into; slots in tables */
};
void vexfs_query_plan(const struct vexfs_query *q, struct vexfs_plan *plan);
/* The built-in strategy that is planned: flat, coded, ivf or lsh. */
int vexfs_builtin(struct vexfs_search *s);

/*
 * The end: measure the pool again in double precision (reads rows, sleeps; when the time is up,
 * what is in memory and a batch), sort by distance, then id; drop what has died meanwhile, or lies
 * beyond the radius.  Returns the hits written (<= k); -EAGAIN when f32 may have refused one that
 * belongs among them: the pool may be larger now, restart the query (at most a few times, then
 * VEXFS_TRUNC_PRECISION); or when an estimate may have: the next attempt makes none.  *truncated:
 * VEXFS_TRUNC_*.
 */
int vexfs_query_finish(struct vexfs_query *q, struct vexfs_hit_f *hits, __u32 *truncated);

#endif /* _VEXFS_ENGINE_H */
