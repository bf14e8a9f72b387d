// SPDX-License-Identifier: GPL-2.0
/* Of a license that the kernel does not take. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(nothing, struct vexfs_search *s)
{
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)nothing,
	.name = "not_gpl",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "Proprietary";
