// SPDX-License-Identifier: GPL-2.0
/* Writes to bounds, which are the module's: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(write_bounds, struct vexfs_search *s)
{
	struct vexfs_interval *in = (struct vexfs_interval *)vexfs_intervals(s);

	if (!in)
		return -EINVAL;
	in[0].upper = 0;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)write_bounds,
	.name = "write_bounds",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
