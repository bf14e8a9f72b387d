// SPDX-License-Identifier: GPL-2.0
/* A filter that writes to the strategy's state: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(filter_state, struct vexfs_search *s)
{
	s->state[0] = s->count;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.filter = (void *)filter_state,
	.name = "filter_state",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
