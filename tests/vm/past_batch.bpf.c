// SPDX-License-Identifier: GPL-2.0
/* Reads past the end of the batch: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/distance")
int BPF_PROG(past_batch, struct vexfs_search *s)
{
	struct vexfs_cand *cand = vexfs_batch(s);

	if (!cand)
		return -EINVAL;
	cand[s->batch].penalty = 1;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.distance = (void *)past_batch,
	.name = "past_batch",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
