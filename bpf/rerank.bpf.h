/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What coded, ivf and lsh have in common: candidates are put aside by the bounds of their codes, and
 * then measured, those with the smallest lower bounds first, until no other one may be among the k
 * nearest.  They differ in which records they look at.
 *
 * state[0] is where estimate() goes on, state[1] counts what was measured; the others are free.
 */
#ifndef _VEXFS_BPF_RERANK_H
#define _VEXFS_BPF_RERANK_H

#include <vexfs/program.bpf.h>

struct rerank_knobs {
	__u32 sigma;		/* width of the bounds, hundredths of a deviation; 0: the default */
	__u32 max_rows;		/* measured per query; 0: no limit */
};

struct rerank_stats {
	__u64 queries;
	__u64 rounds;
	__u64 deferred;		/* records whose bounds were worth a look */
	__u64 reranked;		/* of those, measured after all */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rerank_knobs);
} knobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rerank_stats);
} stats SEC(".maps");

/* Batches of one round: more than any collection has, and within what the verifier takes. */
#define MAX_BATCHES	(8 << 20)

/* The knobs as they are now. */
static __always_inline struct rerank_knobs rerank_knobs_now(void)
{
	__u32 key = 0;
	struct rerank_knobs *k = bpf_map_lookup_elem(&knobs, &key), now = {};

	if (k) {
		now.sigma = k->sigma < VEXFS_MAX_SIGMA ? k->sigma : VEXFS_MAX_SIGMA;
		now.max_rows = k->max_rows;
	}
	return now;
}

/* A round is over: so many were deferred in it, and `taken` measured before it. */
static __always_inline void rerank_count(struct vexfs_search *s, __u64 deferred, __u64 taken)
{
	__u32 key = 0;
	struct rerank_stats *st = bpf_map_lookup_elem(&stats, &key);

	if (!st)
		return;
	__sync_fetch_and_add(&st->queries, s->round == 0);
	__sync_fetch_and_add(&st->rounds, 1);
	__sync_fetch_and_add(&st->deferred, deferred);
	__sync_fetch_and_add(&st->reranked, s->state[1] - taken);
}

/* Estimate and put aside from state[0] on.  0: all that the budget allows. */
static __always_inline int estimate(struct vexfs_search *s, __u32 sigma, __u64 *deferred)
{
	__u64 count = s->count, from = s->state[0];
	int i, err = 0;

	bpf_for(i, 0, MAX_BATCHES) {
		if (from >= count)
			break;
		err = vexfs_estimate(s, from,
				     count - from < VEXFS_BATCH ? count - from : VEXFS_BATCH,
				     sigma);
		if (err > 0)
			err = vexfs_defer(s);
		if (err == -ENOSPC) {	/* what was looked at is measured */
			from = count;
			err = 0;
			break;
		}
		if (err < 0)
			break;
		*deferred += err;
		err = 0;
		from += VEXFS_BATCH;
	}
	s->state[0] = from;
	return err;
}

/* Measure by lower bound; state[1] counts.  0: nothing is left that could be nearer. */
static __always_inline int measure(struct vexfs_search *s, __u32 max_rows)
{
	__u64 taken = s->state[1];
	int i, n = 0;

	bpf_for(i, 0, MAX_BATCHES) {
		if (max_rows && taken >= max_rows && s->found >= s->k)
			break;
		n = vexfs_take(s);
		if (n <= 0)
			break;
		taken += n;
		n = vexfs_score(s);
		if (n > 0)
			n = vexfs_offer(s);
		if (n < 0)
			break;
	}
	s->state[1] = taken;
	return n < 0 ? n : 0;
}

/*
 * The search: what probe() finds first is put aside, or, NULL, nothing is; then all from state[0] on;
 * then the best are measured.  probe() adds what it puts aside to *deferred, and returns 0 when it is
 * through, with state[0] set to where the records begin that it does not know; else -EAGAIN.
 */
static __always_inline int rerank(struct vexfs_search *s,
				  int (*probe)(struct vexfs_search *s, __u32 sigma,
					       __u64 *deferred))
{
	struct rerank_knobs k = rerank_knobs_now();
	__u64 deferred = 0, taken = s->state[1];
	int err = 0;

	if (probe)
		err = probe(s, k.sigma, &deferred);
	if (!err)
		err = estimate(s, k.sigma, &deferred);
	if (!err)
		err = measure(s, k.max_rows);
	rerank_count(s, deferred, taken);
	return err ? vexfs_end(err) : 0;
}

#endif /* _VEXFS_BPF_RERANK_H */
