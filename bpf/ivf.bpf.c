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
 * `sigma` is the width of the bounds: 150 measures fewer rows than 0, which stands for what the
 * recall demands, 225 for 0.99, and misses a neighbour more often.  `max_rows` is where it stops
 * measuring, bounds or not, once it has k.
 *
 * Where it is bad: where records have no structure, as random numbers, neighbours are in all lists.
 */
#include "rerank.bpf.h"

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

SEC("struct_ops.s/search")
int BPF_PROG(ivf_search, struct vexfs_search *s)
{
	return rerank(s, probe);
}

SEC(".struct_ops.link")
struct vexfs_ops ivf = {
	.search = (void *)ivf_search,
	.name = "ivf",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
