// SPDX-License-Identifier: GPL-2.0
/* A filter that may sleep: refused when it is loaded. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/filter")
int BPF_PROG(keep_all, struct vexfs_search *s)
{
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.filter = (void *)keep_all,
	.name = "sleepy_filter",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
