// SPDX-License-Identifier: GPL-2.0
/* A distance that writes to the strategy's state: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/distance")
int BPF_PROG(distance_state, struct vexfs_search *s)
{
	s->state[7] = s->count;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.distance = (void *)distance_state,
	.name = "distance_state",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
