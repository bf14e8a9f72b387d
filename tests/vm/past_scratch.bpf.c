// SPDX-License-Identifier: GPL-2.0
/* Writes past the end of its own memory: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(past_scratch, struct vexfs_search *s)
{
	__u8 *own = vexfs_scratch(s, 64);

	if (!own)
		return -EINVAL;
	own[64] = 1;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)past_scratch,
	.name = "past_scratch",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
