// SPDX-License-Identifier: GPL-2.0
/*
 * coded: estimate all records by their codes, measure the best.
 *
 * What it does: estimates the distance of each record from its 1-bit code and puts it aside with
 * the bounds of that estimate; then measures those with the smallest lower bounds, a batch of 64 at
 * a time, until no other one may be among the k nearest.  The built-in does the same.
 *
 * What it shows: that a strategy over codes is a page, and two knobs to turn while queries run:
 *	bpftool map update pinned /sys/fs/bpf/vexfs/coded/maps/knobs \
 *		key 0 0 0 0 value 200 0 0 0 0 0 0 0
 * `sigma` is the width of the bounds: 200 (two standard deviations) measures fewer rows than the
 * default of 300, and misses a neighbour more often.  `max_rows` is where it stops measuring,
 * bounds or not, once it has k.
 *
 * Where it is bad: it looks at every code, which is cheap but not nothing; and with few dimensions
 * bounds are so wide that most rows are measured after all.
 */
#include <vexfs/program.bpf.h>

struct coded_knobs {
	__u32 sigma;		/* hundredths of a standard deviation; 0: the default */
	__u32 max_rows;		/* measured per query; 0: no limit */
};

struct coded_stats {
	__u64 queries;
	__u64 rounds;
	__u64 deferred;		/* records whose bounds were worth a look */
	__u64 reranked;		/* of those, measured after all */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct coded_knobs);
} knobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct coded_stats);
} stats SEC(".maps");

/* Batches of one round: more than any collection has, and within what the verifier takes. */
#define MAX_BATCHES	(8 << 20)

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
int BPF_PROG(coded_search, struct vexfs_search *s)
{
	__u32 key = 0, sigma = 0, max_rows = 0;
	struct coded_knobs *k = bpf_map_lookup_elem(&knobs, &key);
	struct coded_stats *st = bpf_map_lookup_elem(&stats, &key);
	__u64 deferred = 0, taken = s->state[1];
	int err;

	if (k) {
		sigma = k->sigma < VEXFS_MAX_SIGMA ? k->sigma : VEXFS_MAX_SIGMA;
		max_rows = k->max_rows;
	}
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
struct vexfs_ops coded = {
	.search = (void *)coded_search,
	.name = "coded",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
