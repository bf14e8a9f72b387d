// SPDX-License-Identifier: GPL-2.0
/*
 * Remembers a query in a map, and writes to what may have been freed since: refused by the
 * verifier.  clang 14 cannot say that memory.query is a pointer to a struct of the kernel, so
 * `hookraw stale` does.
 */
#include <vexfs/program.bpf.h>

struct memory {
	struct vexfs_search *query;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct memory);
} memory SEC(".maps");

SEC("struct_ops.s/search")
int BPF_PROG(write_stale, struct vexfs_search *s)
{
	struct vexfs_search *query;
	struct memory *m;
	__u32 key = 0;

	m = bpf_map_lookup_elem(&memory, &key);
	if (!m)
		return -EINVAL;
	query = m->query;
	if (query)
		query->state[0] = 1;
	m->query = s;
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops ops = {
	.search = (void *)write_stale,
	.name = "write_stale",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
