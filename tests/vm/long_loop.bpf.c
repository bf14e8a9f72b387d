// SPDX-License-Identifier: GPL-2.0
/* A loop of C's own, each turn of which the verifier follows until it has enough. */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(scan_all, struct vexfs_search *s)
{
	__u64 from = 0;
	int i, err = 0;

	for (i = 0; i < 1 << 20 && from < s->count && !err; i++) {
		err = vexfs_scan(s, from, VEXFS_BATCH);
		from += VEXFS_BATCH;
	}
	return err ? vexfs_end(err) : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)scan_all,
	.name = "long_loop",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
