// SPDX-License-Identifier: GPL-2.0
/*
 * linger: looks at everything again and again, in one round if it is let, until a kfunc says that
 * it shall not.
 *
 * For tests: how long whoever replaces a program waits for a round of it.
 */
#include <vexfs/program.bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rounds SEC(".maps");			/* that have begun */

SEC("struct_ops.s/search")
int BPF_PROG(linger_search, struct vexfs_search *s)
{
	__u64 from = s->state[0], *begun;
	__u32 key = 0;
	int i, k, err = 0;

	begun = bpf_map_lookup_elem(&rounds, &key);
	if (begun)
		__sync_fetch_and_add(begun, 1);
	bpf_for(i, 0, 1 << 20) {
		bpf_for(k, 0, 1 << 20) {
			err = vexfs_scan(s, from, VEXFS_BATCH);
			if (err)
				break;
			from = from + VEXFS_BATCH < s->count ? from + VEXFS_BATCH : 0;
		}
		if (err)
			break;
	}
	s->state[0] = from;
	return err ? vexfs_end(err) : VEXFS_MORE;
}

SEC(".struct_ops.link")
struct vexfs_ops linger = {
	.search = (void *)linger_search,
	.name = "linger",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
