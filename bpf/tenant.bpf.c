// SPDX-License-Identifier: GPL-2.0
/*
 * tenant: only records whose attribute equals the query's first argument.
 *
 * What it does: clears the bit of every candidate of a batch whose attribute (a knob says which,
 * the first by default) is another one.
 *
 * What it shows: a filter program, once per batch of 64 and before anything is measured, so what
 * it drops costs no distance.  It fails closed: without the attribute, or unloaded while bound,
 * queries fail.
 *
 * Where it is bad: it cannot skip ahead. With a thousand tenants, 999 of 1,000 slots are looked at
 * in vain; a predicate index would go to the matching ones.  And the caller names the tenant: it
 * separates, it does not authenticate.
 */
#include <vexfs/program.bpf.h>

struct tenant_knobs {
	__u32 attr;		/* index of the attribute that holds the tenant */
	__u32 unused;
};

struct tenant_stats {
	__u64 batches;
	__u64 dropped;		/* candidates */
	__u64 errors;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tenant_knobs);
} knobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tenant_stats);
} stats SEC(".maps");

SEC("struct_ops/filter")
int BPF_PROG(tenant_filter, struct vexfs_search *s)
{
	__u32 key = 0, attr = 0, i, n = s->batch, dropped = 0;
	struct tenant_knobs *k = bpf_map_lookup_elem(&knobs, &key);
	struct tenant_stats *st = bpf_map_lookup_elem(&stats, &key);
	__s64 want = s->arg[0];
	const __s64 *tenant;
	__u64 keep = s->keep;

	if (k)
		attr = k->attr;
	tenant = vexfs_attr(s, attr);
	if (!tenant) {
		if (st)
			__sync_fetch_and_add(&st->errors, 1);
		return -EINVAL;
	}
	for (i = 0; i < VEXFS_BATCH; i++) {
		if (i >= n)
			break;
		if (tenant[i] != want) {
			keep &= ~(1ULL << i);
			dropped++;
		}
	}
	s->keep = keep;
	if (st) {
		__sync_fetch_and_add(&st->batches, 1);
		__sync_fetch_and_add(&st->dropped, dropped);
	}
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops tenant = {
	.filter = (void *)tenant_filter,
	.name = "tenant",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
