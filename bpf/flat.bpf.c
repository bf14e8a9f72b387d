// SPDX-License-Identifier: GPL-2.0
/*
 * flat: exact search over all slots.
 *
 * What it does: walks the snapshot from slot 0 to the end, a batch of 64 at a time: range, score,
 * offer. It keeps its place in state[0], because a round ends when too many rows wait to be read
 * from the device.
 *
 * What it shows: the loop that every strategy is made of, and that a program drives it at the cost
 * of the built-in: per batch three calls, whatever the dimensions.
 *
 * Where it is bad: it reads every row, as the built-in does.  Use it as the start of your own, and
 * to check others against.
 */
#include <vexfs/program.bpf.h>

struct flat_stats {
	__u64 queries;
	__u64 rounds;
	__u64 batches;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flat_stats);
} stats SEC(".maps");

/* Batches of one round: more than any collection has, and within what the verifier takes. */
#define MAX_BATCHES	(8 << 20)

SEC("struct_ops.s/search")
int BPF_PROG(flat_search, struct vexfs_search *s)
{
	__u64 count = s->count, from = s->state[0];
	__u32 key = 0, n;
	struct flat_stats *st = bpf_map_lookup_elem(&stats, &key);
	int i, err = 0;

	bpf_for(i, 0, MAX_BATCHES) {
		if (from >= count)
			break;
		n = count - from < VEXFS_BATCH ? count - from : VEXFS_BATCH;
		err = vexfs_scan(s, from, n);
		if (err)
			break;
		from += n;
	}
	if (st) {
		__sync_fetch_and_add(&st->queries, s->round == 0);
		__sync_fetch_and_add(&st->rounds, 1);
		__sync_fetch_and_add(&st->batches,
				     (from - s->state[0] + VEXFS_BATCH - 1) / VEXFS_BATCH);
	}
	s->state[0] = from;
	if (err)
		return vexfs_end(err);
	return from < count ? VEXFS_MORE : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops flat = {
	.search = (void *)flat_search,
	.name = "flat",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
