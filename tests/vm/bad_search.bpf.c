// SPDX-License-Identifier: GPL-2.0
/* A search that fails every time: queries fall back, then it is ejected. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(bad_search, struct vexfs_search *s)
{
	return -EINVAL;
}

SEC(".struct_ops.link")
struct vexfs_ops bad = {
	.search = (void *)bad_search,
	.name = "bad_search",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
