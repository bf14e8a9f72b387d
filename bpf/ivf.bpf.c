// SPDX-License-Identifier: GPL-2.0
/*
 * ivf: look into the lists nearest to the query, measure the best.
 *
 * What it does: records are kept in lists, each of those that are nearest to one of many centres,
 * with codes relative to it.  The strategy takes the lists in the order of their centres' distances,
 * for as long as the recall that the query asks for demands, puts aside what may be among the k
 * nearest by the bounds of its codes, and measures those, the smallest lower bounds first.  Records
 * that are in no list yet are estimated one by one.  The built-in does the same.
 *
 * What it shows: how little of a strategy is left when lists do the work, and two knobs:
 *	bpftool map update pinned /sys/fs/bpf/vexfs/ivf/maps/knobs \
 *		key 0 0 0 0 value 150 0 0 0 0 0 0 0
 * `sigma` is the width of the bounds: 150 measures fewer rows than the default of 300, and misses a
 * neighbour more often.  `max_rows` is where it stops measuring, bounds or not, once it has k.
 *
 * Where it is bad: where records have no structure, as random numbers, neighbours are in all lists.
 */
#include <vexfs/program.bpf.h>

struct ivf_knobs {
	__u32 sigma;		/* hundredths of a standard deviation; 0: the default */
	__u32 max_rows;		/* measured per query; 0: no limit */
};

struct ivf_stats {
	__u64 queries;
	__u64 rounds;
	__u64 deferred;		/* records whose bounds were worth a look */
	__u64 reranked;		/* of those, measured after all */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ivf_knobs);
} knobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ivf_stats);
} stats SEC(".maps");

/* Batches of one round: more than any collection has, and within what the verifier takes. */
#define MAX_BATCHES	(8 << 20)

/* Probe and put aside; state[2]: that is done. */
static __always_inline int probe(struct vexfs_search *s, __u32 sigma, __u64 *deferred)
{
	int i, err = 0;

	bpf_for(i, 0, MAX_BATCHES) {
		if (s->state[2])
			return 0;
		err = vexfs_probe(s, sigma);
		if (err > 0)
			err = vexfs_defer(s);
		if (err == -ENOENT || err == -ENOSPC) {
			s->state[0] = s->linked;
			s->state[2] = 1;
			return 0;
		}
		if (err < 0)
			break;
		*deferred += err;
	}
	return err < 0 ? err : -EAGAIN;
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

SEC("struct_ops.s/search")
int BPF_PROG(ivf_search, struct vexfs_search *s)
{
	__u32 key = 0, sigma = 0, max_rows = 0;
	struct ivf_knobs *k = bpf_map_lookup_elem(&knobs, &key);
	struct ivf_stats *st = bpf_map_lookup_elem(&stats, &key);
	__u64 deferred = 0, taken = s->state[1];
	int err;

	if (k) {
		sigma = k->sigma < VEXFS_MAX_SIGMA ? k->sigma : VEXFS_MAX_SIGMA;
		max_rows = k->max_rows;
	}
	err = probe(s, sigma, &deferred);
	if (!err)
		err = estimate(s, sigma, &deferred);
	if (!err)
		err = measure(s, max_rows);
	if (st) {
		__sync_fetch_and_add(&st->queries, s->round == 0);
		__sync_fetch_and_add(&st->rounds, 1);
		__sync_fetch_and_add(&st->deferred, deferred);
		__sync_fetch_and_add(&st->reranked, s->state[1] - taken);
	}
	return err ? vexfs_end(err) : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ivf = {
	.search = (void *)ivf_search,
	.name = "ivf",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
