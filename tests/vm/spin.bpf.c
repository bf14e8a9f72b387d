// SPDX-License-Identifier: GPL-2.0
/*
 * spin: looks at everything again and again, in short rounds, until its time is up: half of what
 * the query has.
 */
#include <vexfs/program.bpf.h>

SEC("struct_ops.s/search")
int BPF_PROG(spin_search, struct vexfs_search *s)
{
	__u64 from = s->state[0];
	int i;

	bpf_for(i, 0, 20) {
		vexfs_scan(s, from, VEXFS_BATCH);
		from = from + VEXFS_BATCH < s->count ? from + VEXFS_BATCH : 0;
	}
	s->state[0] = from;
	return VEXFS_MORE;
}

SEC(".struct_ops.link")
struct vexfs_ops spin = {
	.search = (void *)spin_search,
	.name = "spin",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
