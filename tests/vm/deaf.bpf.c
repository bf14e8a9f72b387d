// SPDX-License-Identifier: GPL-2.0
/*
 * deaf: one round that does not listen to its kfuncs, and ends when its map says so.
 *
 * For tests: who waits for such a round.
 */
#include <vexfs/program.bpf.h>

struct deaf_state {
	__u64 stop;			/* end all rounds */
	__u64 begun, ended;		/* rounds */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct deaf_state);
} state SEC(".maps");

SEC("struct_ops.s/search")
int BPF_PROG(deaf_search, struct vexfs_search *s)
{
	struct deaf_state *st;
	__u32 key = 0;
	int i, k;

	st = bpf_map_lookup_elem(&state, &key);
	if (!st)
		return -EINVAL;
	__sync_fetch_and_add(&st->begun, 1);
	bpf_for(i, 0, 1 << 20) {
		bpf_for(k, 0, 1 << 20) {
			if (*(volatile __u64 *)&st->stop)
				break;
			vexfs_batch_range(s, 0, 1);
		}
		if (*(volatile __u64 *)&st->stop)
			break;
	}
	__sync_fetch_and_add(&st->ended, 1);
	return -EINVAL;
}

SEC(".struct_ops.link")
struct vexfs_ops deaf = {
	.search = (void *)deaf_search,
	.name = "deaf",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
