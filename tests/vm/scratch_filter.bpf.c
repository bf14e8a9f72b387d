// SPDX-License-Identifier: GPL-2.0
/* A filter that wants memory of its own, for which it may have to sleep: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(scratch_filter, struct vexfs_search *s)
{
	return vexfs_scratch(s, 64) ? 0 : -EINVAL;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.filter = (void *)scratch_filter,
	.name = "scratch_filter",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
