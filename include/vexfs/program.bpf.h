/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What the author of a VexFS program includes, and what the module is built from: one definition.
 *
 * A program object is one struct vexfs_ops in SEC(".struct_ops.link"), implementing any subset of
 * three ops:
 *
 *	SEC("struct_ops.s/search")   int BPF_PROG(my_search, struct vexfs_search *s)	sleepable
 *	SEC("struct_ops/distance")   int BPF_PROG(my_distance, struct vexfs_search *s)
 *	SEC("struct_ops/filter")     int BPF_PROG(my_filter, struct vexfs_search *s)
 *
 * Knobs and counters belong in BTF-typed maps, so that bpftool reads and tunes them while queries
 * run. Do not name the argument of a BPF_PROG `ctx`.
 *
 * With -DVEXFS_NATIVE the same source is a program for user space, see native.h.
 */
#ifndef _VEXFS_PROGRAM_BPF_H
#define _VEXFS_PROGRAM_BPF_H

#include <linux/types.h>

#ifdef __bpf__
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#ifndef bpf_for
/*
 * libbpf before 1.2, as in Debian 12, does not have bpf_for(i, start, end), a loop that the
 * verifier looks at once.  libbpf compares the prototypes of kfuncs without the names of structs.
 */
struct vexfs_iter_num {
	__u64 opaque;
};
extern int bpf_iter_num_new(struct vexfs_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct vexfs_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct vexfs_iter_num *it) __ksym;
#define bpf_for(i, start, end)									\
	for (struct vexfs_iter_num it_ __attribute__((cleanup(bpf_iter_num_destroy))),		\
	     *new_ __attribute__((unused)) = (bpf_iter_num_new(&it_, (start), (end)),		\
		/* clang emits no BTF of what only cleanup() names */				\
		(void)bpf_iter_num_destroy, (void *)0);						\
	     ({ int *at_ = bpf_iter_num_next(&it_);						\
		at_ && ((i) = *at_, (i) >= (start) && (i) < (end)); });)
#endif
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#elif defined(VEXFS_NATIVE)
#include <vexfs/native.h>
#endif

#define VEXFS_OPS_ABI		1
#define VEXFS_BATCH		64	/* candidates in a batch; the bits of `keep` */
#define VEXFS_STATE_WORDS	8
#define VEXFS_OPS_NAME_LEN	32
#define VEXFS_MAX_SIGMA		10000	/* width of bounds, in hundredths of a standard deviation */
#define VEXFS_MAX_TABLES	8	/* of hash codes; and bits of one */
#define VEXFS_MAX_TABLE_BITS	16
#define VEXFS_DEFAULT_BUCKETS	128	/* that lsh looks into where s->effort is 0 */
#define VEXFS_MAX_SCRATCH	65536	/* bytes, see vexfs_scratch() */
#define VEXFS_RUNGS		2	/* kinds of codes, see vexfs_refine() */

/* vexfs_ops.flags */
#define VEXFS_OPS_EXHAUSTIVE	1u	/* distance measures in its own way: EOPNOTSUPP */
#define VEXFS_OPS_FLAGS_ALL	1u

/*
 * What search returns: 0 finished; VEXFS_MORE call again after the queued rows were read; negative:
 * an error, the query reruns on the built-in.  After 16 errors in a row a collection does not call
 * it any more, so what only the arguments of a query are to blame for should not be one.  filter
 * and distance: 0, or negative and the query fails (EPROTO).
 */
#define VEXFS_MORE		1

/*
 * One query, as its programs see it.  Read-only but for `state` (search) and `keep` (filter).
 * Slots are 0 .. count - 1; the kfuncs skip those that are deleted or do not match the query's
 * predicate.
 */
struct vexfs_search {
	__u64 count;			/* slots in the query's snapshot */
	__u64 live;			/* records in it */
	__u32 dims;
	__u32 metric;			/* VEXFS_METRIC_* */
	__u32 k;			/* records wanted */
	__u32 attrs;			/* attributes of the collection */
	__u64 arg[4];			/* numbers that came with the query */
	__u64 max_visits;		/* budget in slots; ~0: none */
	__u64 visited;			/* slots looked at so far */
	__u64 scored;			/* slots measured so far */
	__u64 worst;			/* key of the worst of the k best so far; ~0: fewer yet */
	__u32 found;			/* candidates kept so far, at most k */
	__u32 round;			/* from 0; raised each time search is called again */
	__u32 batch;			/* candidates in the batch, at most VEXFS_BATCH */
	__u32 phase;			/* for the module: which op is running */
	__u64 keep;			/* filter: a bit per candidate; clear those to drop */
	__u64 state[VEXFS_STATE_WORDS];	/* search's own: zero in round 0, kept between rounds */
	/*
	 * slots, deleted ones included, for which the query's predicate holds; count without one,
	 * or where that would tell the caller of records that he may not see
	 */
	__u64 matches;
	/*
	 * the part of the true neighbours that the query wants to find, on average, in millionths:
	 * 1 .. 1000000, which is to look at every record
	 */
	__u32 recall;
	__u32 effort;			/* lists or buckets to look into; 0: as many as recall takes */
	/* slots before this are in lists, see vexfs_probe(); 0 where there are none */
	__u64 linked;
	__u32 lists;			/* that there are */
	/* hash tables of codes that there are, see vexfs_batch_bucket(), and the bits of each */
	__u32 tables;
	__u64 next;			/* where vexfs_matches() goes on */
	__u64 tabled;			/* slots before this are in tables; 0 where there are none */
	__u32 table_bits;
};

/* One candidate of the batch, see vexfs_candidates(). */
struct vexfs_cand {
	__u64 slot;
	__u64 id;
	/*
	 * monotone in the distance; valid in distance, and in search where the batch was measured;
	 * else 0
	 */
	__u64 key;
	__s64 micro;			/* the distance in millionths, saturated; as key */
	__u64 penalty;			/* distance: out, in millionths, added; 0 on entry */
};

/* What is known of the distance of a candidate, before penalties, see vexfs_bounds(). */
struct vexfs_interval {
	__u64 lower, upper;		/* keys, as of vexfs_cand; 0 and ~0: nothing is known */
};

/* A list that may be worth a look, see vexfs_probes(). */
struct vexfs_probed {
	__u64 key;			/* of the distance of its centre, as vexfs_cand.key */
	__u32 list;			/* ~0: there is no other one */
	__u32 rows;			/* in it, dead ones included */
};

/* A program object.  0 or "" for what is not set, but name and abi must be. */
struct vexfs_ops {
	/* Seed, score, offer, until satisfied.  May sleep only in kfuncs. */
	int (*search)(struct vexfs_search *s);
	/* Called once per batch, after the built-in distance: may add a penalty to each one. */
	int (*distance)(struct vexfs_search *s);
	/* Called once per batch, before any distance: clears bits of s->keep. */
	int (*filter)(struct vexfs_search *s);
	char name[VEXFS_OPS_NAME_LEN];	/* [a-z0-9_-]+; unique among those loaded */
	__u32 abi;			/* VEXFS_OPS_ABI */
	__u32 flags;			/* VEXFS_OPS_* */
	__u64 max_visits;		/* search: budget in slots; 0: the query's own */
	/*
	 * search: CPU time of its own, kfuncs included; then the built-in.  0: half of the query's
	 * time.  The kernel measures it in ticks (4 ms where HZ is 250), so it gets one more than
	 * this.
	 */
	__u32 timeout_us;
	__u32 reserved;			/* 0 */
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

/*
 * Kfuncs.  All bound what they are given.  What fills the batch (range, slots, matches, estimate,
 * probe, list, bucket, rescore) charges the query's budget, and that and take look at its deadline and at
 * how long the round has lasted: a loop that calls none of them, or does not listen, is stopped by
 * nobody, and holds up whoever replaces or unloads the program, and with him whoever loads, replaces
 * or unloads any struct_ops program.  So do helpers
 * and kfuncs that may wait for user memory, as bpf_copy_from_user_str(): do not use them.  They
 * return a count, or a negative errno:
 *	EINVAL	out of range
 *	EPERM	called from the wrong op
 *	EAGAIN	(these) too many rows wait to be read, or the round has lasted long enough, some
 *		10 ms: return VEXFS_MORE, repeat the call in the next round, which comes at once
 *	ENOSPC	budget used up, and
 *	ETIME	deadline passed: return 0, the answer so far is given, marked as truncated
 *
 * Most may sleep, all but keep, score, offer and those that return pointers to the batch: only search
 * can call them (the verifier sees to it).
 */
#ifndef __ksym
#define __ksym		/* the module, which has the functions, sees the prototypes too */
#endif

/*
 * search: the batch becomes the live slots of [from, from + n) that match; n <= VEXFS_BATCH.
 * Returns how many.
 */
extern int vexfs_batch_range(struct vexfs_search *s, __u64 from, __u32 n) __ksym;
/*
 * search: the batch becomes those of the slots (slots__sz bytes of them) that exist, are live and
 * match.
 */
extern int vexfs_batch_slots(struct vexfs_search *s, __u64 *slots, __u32 slots__sz) __ksym;
/*
 * search: filter the batch, measure it exactly, apply the distance program.  Rows that are not in
 * memory are queued: they are measured and offered between the rounds.  Returns how many
 * candidates are left in the batch.
 */
extern int vexfs_score(struct vexfs_search *s) __ksym;
/* search: offer the scored batch to the pool of the k best.  Returns how many got in. */
extern int vexfs_offer(struct vexfs_search *s) __ksym;
/*
 * search: as vexfs_batch_range(), but those of the slots whose codes show that they are not among
 * the k nearest are pruned.  An estimated distance comes with a lower and an upper bound, `sigma`
 * hundredths of its standard deviation away, 0: the default, 300; at most VEXFS_MAX_SIGMA.  Less
 * than the default narrows the lower bound only.  A slot without a code (the collection is small,
 * new or larger than its memory budget) stays in.
 */
extern int vexfs_estimate(struct vexfs_search *s, __u64 from, __u32 n, __u32 sigma) __ksym;
/*
 * search: the batch becomes the next candidates of the most promising list: as vexfs_estimate(), with
 * finer bounds, of up to 1,024 of its rows that were not looked at yet.  It goes from list to list by
 * itself, until as many lists were probed as s->effort asks for; or, if that is 0, as many rows as
 * s->recall takes, and after those lists that are likely to have something nearer than the k-th best:
 * others it passes over.  sigma 0: what that recall demands.  Returns how many there are, which may be
 * 0 though there are more to come.  ENOENT no other list need be probed, or there are none: what is
 * left is to be looked at from s->linked on.
 */
extern int vexfs_probe(struct vexfs_search *s, __u32 sigma) __ksym;
/*
 * search: the same of one list, below s->lists, whether it promises anything or not.  ENOENT there
 * are none, as above; s->lists and s->linked are 0 then.
 */
extern int vexfs_batch_list(struct vexfs_search *s, __u32 list, __u32 sigma) __ksym;
/*
 * search: the next VEXFS_BATCH lists in the order of their centres' distances, to be looked into by
 * vexfs_batch_list() as the program likes; vexfs_probe() does not come to them any more, nor are those
 * told of that it has looked into or passed over.  An array,
 * read-only, which the next call overwrites; after the last list there are some whose `list` is ~0.
 * The order is that of vexfs_probe(): about right.  rdonly_buf_size is sizeof(struct vexfs_probed) *
 * VEXFS_BATCH, see vexfs_next_lists().  NULL: wrong size or op, out of time, no memory, or there are
 * no lists, as above.  What is in no list is vexfs_probe()'s.  May sleep.
 */
extern __u8 *vexfs_probes(struct vexfs_search *s, const int rdonly_buf_size) __ksym;
/*
 * search: the code of the query in a hash table, below s->tables: s->table_bits signs of the vector
 * after a random rotation.  A near record is likely to have the same one, or one that differs in few
 * bits.  ENOENT there are no tables (they are made for who asks, a while later), or none for this
 * vector: s->tables and s->tabled are 0 then.  May sleep.
 */
extern int vexfs_signature(struct vexfs_search *s, __u32 table) __ksym;
/*
 * search: for each bit of that code, how far the vector is from having the other one: a near record
 * has that more often where it is little.  An array of VEXFS_MAX_TABLE_BITS, of which s->table_bits
 * are in use, at most 2^24; read-only.  rdonly_buf_size is sizeof(__u32) * VEXFS_MAX_TABLE_BITS, see
 * vexfs_table_margins().  NULL: wrong size or op, no such table.  May sleep.
 */
extern __u8 *vexfs_margins(struct vexfs_search *s, __u32 table, const int rdonly_buf_size) __ksym;
/*
 * search: the batch becomes the candidates among the VEXFS_BATCH slots of a bucket from its `at`-th
 * on: those of that code, or, 1 << s->table_bits in table 0, those that have none.  Bounds, pruning
 * and sigma as vexfs_estimate().  Returns how many, which may be 0 though there are more; ENOENT
 * there is nothing from `at` on, or there are no tables.  What came since the tables were made is to
 * be looked at from s->tabled on.
 */
extern int vexfs_batch_bucket(struct vexfs_search *s, __u32 table, __u32 code, __u32 at,
			      __u32 sigma) __ksym;
/*
 * search: filter the batch and defer it, to be re-ranked in the order of its lower bounds.  Those
 * without an estimate are measured and offered at once.  Returns how many there were of both; the
 * batch is empty.  EINVAL it has been scored.
 */
extern int vexfs_defer(struct vexfs_search *s) __ksym;
/*
 * search: for re-ranking, the batch becomes the up to 16 deferred ones with the smallest
 * lower bounds, as far as they may still be among the k nearest.  Returns how many; 0: none is
 * left.  The visits were charged before: ENOSPC cannot happen.
 */
extern int vexfs_take(struct vexfs_search *s) __ksym;
/*
 * search: memory of the query's own, of which no other query knows: `rdwr_buf_size` bytes (up to
 * VEXFS_MAX_SCRATCH, the same in all calls), zero in round 0, and kept between rounds.  NULL: wrong
 * size or op, or there is no memory.  May sleep.
 */
extern __u8 *vexfs_scratch(struct vexfs_search *s, const int rdwr_buf_size) __ksym;
/*
 * search: the batch becomes those that are live of the next VEXFS_BATCH slots from `from` on for
 * which the predicate holds; those in between cost nothing.  Returns how many, which may be 0 though
 * there are more; s->next is where to go on, s->count at the end.  Where s->matches tells nothing it
 * does the same as vexfs_batch_range().  May sleep; EAGAIN, ENOSPC and ETIME as it.
 */
extern int vexfs_matches(struct vexfs_search *s, __u64 from) __ksym;
/*
 * search: candidates of the batch whose bit in `mask` is not set are dropped.  They count as looked
 * at, and an answer of fewer than k says that it may miss some.  Returns how many are left.
 */
extern int vexfs_keep(struct vexfs_search *s, __u64 mask) __ksym;
/*
 * search: what codes tell of the distances of the batch, an array of VEXFS_BATCH of which s->batch
 * are in use; read-only.  Keys are those of vexfs_cand.key and s->worst: the distance, without any
 * penalty, lies between `lower` and `upper` but for the few that `sigma` leaves outside, so one
 * whose `lower` is above s->worst is not among the k nearest.  rdonly_buf_size is
 * sizeof(struct vexfs_interval) * VEXFS_BATCH, see vexfs_intervals().  NULL: wrong size or op.
 */
extern __u8 *vexfs_bounds(struct vexfs_search *s, const int rdonly_buf_size) __ksym;
/*
 * search: tighten the bounds of the batch by the codes of a rung, and prune those that are not among
 * the k nearest then: 1, the 1-bit code that a slot has, of which batch_range, batch_slots and
 * matches made no use; 2, the 4-bit code that a list has of its rows, where a slot is in one: those
 * before s->linked are, and the others keep the bounds that they have.  sigma: see
 * vexfs_estimate().  Returns how many are left.
 * EOPNOTSUPP there are no such codes: none at all, or for 2 no lists
 * (s->lists is 0), or none for this vector; EINVAL the batch was scored, or there is no such rung.
 * May sleep; ETIME.
 */
extern int vexfs_refine(struct vexfs_search *s, __u32 rung, __u32 sigma) __ksym;
/*
 * search: the batch becomes those of the slots (slots__sz bytes of them) that exist, are live and
 * match, although they were looked at before: to be measured again.  It costs visits as
 * vexfs_batch_slots() does.  What waits to be read is left out; what is in the pool of the k best
 * already stays there as it is, and is not offered again.  Such a batch cannot be deferred.
 */
extern int vexfs_rescore(struct vexfs_search *s, __u64 *slots, __u32 slots__sz) __ksym;
/*
 * search: filter the batch, and measure it over the first `dims` dimensions alone, for vectors that
 * are made so that these tell most.  vexfs_cand.key is the distance there; cosine is that of the
 * parts.  Then vexfs_keep() and vexfs_score(): what was measured in part is not offered (EINVAL).
 * What is not in memory is queued, as by vexfs_score().  Returns how many candidates are left.
 * EINVAL no such dims, or the batch was scored.  May sleep; ETIME.
 */
extern int vexfs_score_dims(struct vexfs_search *s, __u32 dims) __ksym;
/*
 * any op: the batch, an array of VEXFS_BATCH of which s->batch are in use; only `penalty` in
 * distance is read back.  rdwr_buf_size is sizeof(struct vexfs_cand) * VEXFS_BATCH, see
 * vexfs_batch().  NULL: wrong size or op.
 */
extern __u8 *vexfs_candidates(struct vexfs_search *s, const int rdwr_buf_size) __ksym;
/*
 * any op: attribute `attr` of the batch, in the order of the candidates, an array of VEXFS_BATCH
 * of which s->batch are in use; read-only.  rdonly_buf_size is sizeof(__s64) * VEXFS_BATCH, see
 * vexfs_attr().  NULL: no such attribute.
 */
extern __u8 *vexfs_attribute(struct vexfs_search *s, __u32 attr, const int rdonly_buf_size) __ksym;

#ifdef VEXFS_NATIVE
#include <vexfs/calls.h>
#endif

#if defined(__bpf__) || defined(VEXFS_NATIVE)
/* The two above with their types; the verifier wants their sizes to be constants. */
static __always_inline struct vexfs_cand *vexfs_batch(struct vexfs_search *s)
{
	return (struct vexfs_cand *)vexfs_candidates(s, sizeof(struct vexfs_cand) * VEXFS_BATCH);
}

static __always_inline const __s64 *vexfs_attr(struct vexfs_search *s, __u32 attr)
{
	return (const __s64 *)vexfs_attribute(s, attr, sizeof(__s64) * VEXFS_BATCH);
}

static __always_inline const struct vexfs_interval *vexfs_intervals(struct vexfs_search *s)
{
	return (const struct vexfs_interval *)vexfs_bounds(s, sizeof(struct vexfs_interval) *
							      VEXFS_BATCH);
}

static __always_inline const struct vexfs_probed *vexfs_next_lists(struct vexfs_search *s)
{
	return (const struct vexfs_probed *)vexfs_probes(s, sizeof(struct vexfs_probed) *
							    VEXFS_BATCH);
}

static __always_inline const __u32 *vexfs_table_margins(struct vexfs_search *s, __u32 table)
{
	return (const __u32 *)vexfs_margins(s, table, sizeof(__u32) * VEXFS_MAX_TABLE_BITS);
}

/*
 * The step that most strategies repeat: range, score, offer.  0, or the error of the one that
 * failed.
 */
static __always_inline int vexfs_scan(struct vexfs_search *s, __u64 from, __u32 n)
{
	int err = vexfs_batch_range(s, from, n);

	if (err > 0)
		err = vexfs_score(s);
	if (err > 0)
		err = vexfs_offer(s);
	return err < 0 ? err : 0;
}

/*
 * What search returns for what a kfunc returned, when that is the last one of the round; it saves
 * in `state` where to go on first.  A count is no error.
 */
static __always_inline int vexfs_end(int err)
{
	if (err == -EAGAIN)
		return VEXFS_MORE;
	return err > 0 || err == -ENOSPC || err == -ETIME ? 0 : err;
}
#endif

#endif /* _VEXFS_PROGRAM_BPF_H */
