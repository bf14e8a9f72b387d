// SPDX-License-Identifier: GPL-2.0
/* Calls a function that no module has. */
#include <vexfs/program.bpf.h>

extern int vexfs_of_tomorrow(struct vexfs_search *s) __ksym;

SEC("struct_ops.s/search")
int BPF_PROG(tomorrow, struct vexfs_search *s)
{
	return vexfs_of_tomorrow(s);
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)tomorrow,
	.name = "no_kfunc",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
