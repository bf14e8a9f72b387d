// SPDX-License-Identifier: GPL-2.0
/*
 * recency: older records count as farther away.
 *
 * What it does: adds to each distance a penalty of `per_unit` millionths per unit of age. Age is
 * "now" minus an attribute of the record; what is newer than now has none.  Now is the second
 * argument of the query (tenant takes the first), or a knob if that is 0; units are whatever the
 * attribute counts.
 *
 * What it shows: a distance program, once per batch of 64.  It may only increase the distance, so
 * the order stays exact: the answer is the true one under the new measure.
 *
 * Where it is bad: the penalty is on the scale of the metric (squared L2, 1 - cos, -dot), so
 * per_unit must be chosen for the collection.  A collection without the attribute makes queries
 * fail: better than an order nobody asked for.
 */
#include <vexfs/program.bpf.h>

struct recency_knobs {
	__u32 attr;		/* index of the attribute that holds the time */
	__u32 unused;
	__u64 per_unit;		/* penalty per unit of age, in millionths; 0: the default, 1 */
	__s64 now;		/* used where the query's first argument is 0 */
};

struct recency_stats {
	__u64 batches;
	__u64 penalized;	/* candidates that were older than now */
	__u64 errors;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct recency_knobs);
} knobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct recency_stats);
} stats SEC(".maps");

#define MAX_PENALTY	(1ULL << 62)	/* beyond any distance, and far from wrapping */

SEC("struct_ops/distance")
int BPF_PROG(recency_distance, struct vexfs_search *s)
{
	__u32 key = 0, attr = 0, i, n = s->batch;
	struct recency_knobs *k = bpf_map_lookup_elem(&knobs, &key);
	struct recency_stats *st = bpf_map_lookup_elem(&stats, &key);
	__u64 per_unit = 1, penalized = 0, age, limit;
	__s64 now = s->arg[1];
	struct vexfs_cand *cand;
	const __s64 *made;

	if (k) {
		attr = k->attr;
		per_unit = k->per_unit ? k->per_unit : 1;
		now = now ? now : k->now;
	}
	made = vexfs_attr(s, attr);
	cand = vexfs_batch(s);
	if (!made || !cand) {
		if (st)
			__sync_fetch_and_add(&st->errors, 1);
		return -EINVAL;
	}
	limit = MAX_PENALTY / per_unit;
	for (i = 0; i < VEXFS_BATCH; i++) {
		if (i >= n)
			break;
		if (made[i] >= now)
			continue;
		age = (__u64)now - (__u64)made[i];
		cand[i].penalty = age < limit ? age * per_unit : MAX_PENALTY;
		penalized++;
	}
	if (st) {
		__sync_fetch_and_add(&st->batches, 1);
		__sync_fetch_and_add(&st->penalized, penalized);
	}
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops recency = {
	.distance = (void *)recency_distance,
	.name = "recency",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
