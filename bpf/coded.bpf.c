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
#include "rerank.bpf.h"

SEC("struct_ops.s/search")
int BPF_PROG(coded_search, struct vexfs_search *s)
{
	return rerank(s, NULL);
}

SEC(".struct_ops.link")
struct vexfs_ops coded = {
	.search = (void *)coded_search,
	.name = "coded",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
