// SPDX-License-Identifier: GPL-2.0
/*
 * sample: exact distances, but only of a share of the slots.
 *
 * What it does: looks at `percent` of a hundred batches of 64 slots, drawn by a hash of the batch
 * and a seed, at least at one. The same knobs and the same collection give the same answer.
 *
 * What it shows: a strategy that trades recall for speed, with a knob that is turned while queries
 * run:
 *	bpftool map update pinned /sys/fs/bpf/vexfs/sample/maps/knobs \
 *		key 0 0 0 0 value 50 0 0 0 0 0 0 0
 * Cost and recall both follow the share: at 10 percent about a tenth of the visits, and a tenth of
 * the true neighbours.
 *
 * Where it is bad: everywhere that an index would do; it does not know where the neighbours are.
 * It draws batches, not slots, so records inserted together are found or missed together.
 */
#include <vexfs/program.bpf.h>

struct sample_knobs {
	__u32 percent;		/* of the batches, 0 .. 100; 0: the default, 10 */
	__u32 seed;		/* another one draws other batches */
};

struct sample_stats {
	__u64 queries;
	__u64 rounds;
	__u64 looked;		/* batches scored */
	__u64 skipped;		/* batches passed over */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample_knobs);
} knobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample_stats);
} stats SEC(".maps");

#define DEFAULT_PERCENT	10
#define MAX_BATCHES	(8 << 20)

/*
 * The finalizer of splitmix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of
 * the output.
 */
static __always_inline __u64 mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

SEC("struct_ops.s/search")
int BPF_PROG(sample_search, struct vexfs_search *s)
{
	__u64 batches = (s->count + VEXFS_BATCH - 1) / VEXFS_BATCH, batch = s->state[0];
	__u64 looked = 0, skipped = 0, always;
	__u32 key = 0, percent = DEFAULT_PERCENT, seed = 0;
	struct sample_knobs *k = bpf_map_lookup_elem(&knobs, &key);
	struct sample_stats *st = bpf_map_lookup_elem(&stats, &key);
	int i, err = 0;

	if (!batches)
		return 0;
	if (k) {
		seed = k->seed;
		percent = k->percent ? k->percent : DEFAULT_PERCENT;
	}
	always = mix(seed) % batches;
	bpf_for(i, 0, MAX_BATCHES) {
		if (batch >= batches)
			break;
		if (batch != always && mix((__u64)seed << 32 ^ batch) % 100 >= percent) {
			batch++;
			skipped++;
			continue;
		}
		err = vexfs_scan(s, batch * VEXFS_BATCH, VEXFS_BATCH);
		if (err)
			break;
		batch++;
		looked++;
	}
	if (st) {
		__sync_fetch_and_add(&st->queries, s->round == 0);
		__sync_fetch_and_add(&st->rounds, 1);
		__sync_fetch_and_add(&st->looked, looked);
		__sync_fetch_and_add(&st->skipped, skipped);
	}
	s->state[0] = batch;
	if (err)
		return vexfs_end(err);
	return batch < batches ? VEXFS_MORE : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops sample = {
	.search = (void *)sample_search,
	.name = "sample",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
