// SPDX-License-Identifier: GPL-2.0
/* Writes where a program may only read: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(write_count, struct vexfs_search *s)
{
	s->count = 1ULL << 40;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)write_count,
	.name = "write_count",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
