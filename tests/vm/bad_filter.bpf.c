// SPDX-License-Identifier: GPL-2.0
/* A filter that fails: queries must fail, not answer unfiltered. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(bad_filter, struct vexfs_search *s)
{
	return -EIO;
}

SEC(".struct_ops.link")
struct vexfs_ops bad = {
	.filter = (void *)bad_filter,
	.name = "bad_filter",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
