// SPDX-License-Identifier: GPL-2.0
/* A filter that moves the scan on, which may sleep: refused by the verifier. */
#include <vexfs/program.bpf.h>

SEC("struct_ops/filter")
int BPF_PROG(scan_filter, struct vexfs_search *s)
{
	return vexfs_batch_range(s, 0, 1) < 0 ? -EINVAL : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.filter = (void *)scan_filter,
	.name = "scan_filter",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
