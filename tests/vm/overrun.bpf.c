// SPDX-License-Identifier: GPL-2.0
/* A search that does not care for errors and never finishes: its budget must end it. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(overrun_search, struct vexfs_search *s)
{
	int i;

	bpf_for(i, 0, 10000) {
		vexfs_batch_range(s, 0, VEXFS_BATCH);
		vexfs_score(s);
	}
	return VEXFS_MORE;
}

SEC(".struct_ops.link")
struct vexfs_ops overrun = {
	.search = (void *)overrun_search,
	.name = "overrun",
	.abi = VEXFS_OPS_ABI,
	.max_visits = 256,
	.timeout_us = 200000,
};

char _license[] SEC("license") = "GPL";
