// SPDX-License-Identifier: GPL-2.0
/* A filter that calls what is search's: EPERM each time, else it fails. */
#include <vexfs/program.bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} refused SEC(".maps");

SEC("struct_ops/filter")
int BPF_PROG(wrong_filter, struct vexfs_search *s)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&refused, &key);

	if (vexfs_score(s) != -EPERM || vexfs_offer(s) != -EPERM)
		return -EINVAL;
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops wrong = {
	.filter = (void *)wrong_filter,
	.name = "wrong_op",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
