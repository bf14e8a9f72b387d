// SPDX-License-Identifier: GPL-2.0
/* Takes the place of bpf/sample: the same name, but it looks at everything. */
#include <vexfs/program.bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

SEC("struct_ops.s/search")
int BPF_PROG(sample2_search, struct vexfs_search *s)
{
	__u64 count = s->count, from = s->state[0];
	__u32 key = 0, n;
	__u64 *queries = bpf_map_lookup_elem(&stats, &key);
	int i, err = 0;

	if (queries && !s->round)
		__sync_fetch_and_add(queries, 1);
	bpf_for(i, 0, 8 << 20) {
		if (from >= count)
			break;
		n = count - from < VEXFS_BATCH ? count - from : VEXFS_BATCH;
		err = vexfs_scan(s, from, n);
		if (err)
			break;
		from += n;
	}
	s->state[0] = from;
	return vexfs_end(err);
}

SEC(".struct_ops.link")
struct vexfs_ops sample = {
	.search = (void *)sample2_search,
	.name = "sample",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
