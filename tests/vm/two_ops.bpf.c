// SPDX-License-Identifier: GPL-2.0
/* Two programs in one object. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(keep_all, struct vexfs_search *s)
{
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops one = {
	.filter = (void *)keep_all,
	.name = "one",
	.abi = VEXFS_OPS_ABI,
};

SEC(".struct_ops.link")
struct vexfs_ops two = {
	.filter = (void *)keep_all,
	.name = "two",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
