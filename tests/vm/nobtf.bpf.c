// SPDX-License-Identifier: GPL-2.0
/* Compiled without -g, hence without BTF. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(keep_all, struct vexfs_search *s)
{
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.filter = (void *)keep_all,
	.name = "nobtf",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
