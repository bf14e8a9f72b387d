// SPDX-License-Identifier: GPL-2.0
/*
 * picks: looks at the slots that an array in user memory names, and again, while user space rewrites
 * it.
 *
 * For tests: vexfs_batch_slots() and vexfs_rescore() with memory that others write.
 */
#include <vexfs/program.bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[VEXFS_BATCH]);
} slots SEC(".maps");

SEC("struct_ops.s/search")
int BPF_PROG(picks_search, struct vexfs_search *s)
{
	__u32 key = 0;
	__u64 *slot = bpf_map_lookup_elem(&slots, &key);
	int i, n = 0;

	if (!slot)
		return -EINVAL;
	/* a round may end at any call, and the next one goes on */
	bpf_for(i, 0, 200) {
		if (s->state[0] >= 200)
			return 0;
		if (s->state[0] % 2)
			n = vexfs_rescore(s, slot, VEXFS_BATCH * sizeof(*slot));
		else
			n = vexfs_batch_slots(s, slot, VEXFS_BATCH * sizeof(*slot));
		if (n > 0)
			n = vexfs_score(s);
		if (n > 0)
			n = vexfs_offer(s);
		if (n < 0)
			break;
		s->state[0]++;
	}
	return vexfs_end(n);		/* a count, too */
}

SEC(".struct_ops.link")
struct vexfs_ops picks = {
	.search = (void *)picks_search,
	.name = "picks",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
