// SPDX-License-Identifier: GPL-2.0
/* Built for an ABI that nobody speaks. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(keep_all, struct vexfs_search *s)
{
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.filter = (void *)keep_all,
	.name = "bad_abi",
	.abi = 4711,
};

char _license[] SEC("license") = "GPL";
