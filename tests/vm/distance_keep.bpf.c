// SPDX-License-Identifier: GPL-2.0
/* A distance that writes to the filter's bits: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/distance")
int BPF_PROG(distance_keep, struct vexfs_search *s)
{
	s->keep = 0;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.distance = (void *)distance_keep,
	.name = "distance_keep",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
