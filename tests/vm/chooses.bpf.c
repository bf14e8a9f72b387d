// SPDX-License-Identifier: GPL-2.0
/*
 * chooses: what strategies choose by, called in all the wrong ways, and then in the right ones: the
 * answer is exact.  An answer that is not what vexfs/program.bpf.h says is an error, and which one is
 * in the map `wrong`.  Its filter calls what is search's, and may be called by a filter.
 *
 * For tests, on a mount without memory for codes.
 */
#include <vexfs/program.bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} wrong SEC(".maps");

#define OWN	4096
#define EXPECT(n, x)					\
	do {						\
		if (!(x))				\
			return fails(n);		\
	} while (0)

static __always_inline int fails(__u64 n)
{
	__u32 key = 0;
	__u64 *at = bpf_map_lookup_elem(&wrong, &key);

	if (at)
		*at = n;
	return -EINVAL;
}

static __always_inline int goes_wrong(struct vexfs_search *s)
{
	__u64 slots[8] = { ~0ULL, 1ULL << 40, s->count, ~0ULL, ~0ULL, 0, 0, ~0ULL };
	int n;

	EXPECT(1, !vexfs_scratch(s, OWN + 8) && !vexfs_scratch(s, OWN - 8));
	EXPECT(2, !vexfs_scratch(s, VEXFS_MAX_SCRATCH + 1));
	EXPECT(3, !vexfs_bounds(s, 8) && !vexfs_probes(s, 8));
	EXPECT(4, vexfs_matches(s, s->count + 1) == -EINVAL);
	EXPECT(5, vexfs_matches(s, ~0ULL) == -EINVAL);
	EXPECT(6, vexfs_matches(s, s->count) == 0 && s->next == s->count);
	EXPECT(7, vexfs_rescore(s, slots, 7) == -EINVAL);
	EXPECT(8, vexfs_rescore(s, slots, 0) == 0);
	n = vexfs_rescore(s, slots, sizeof(slots));
	EXPECT(9, n == 1);			/* slot 0, once */
	EXPECT(10, vexfs_defer(s) == -EINVAL);
	EXPECT(11, vexfs_refine(s, 0, 0) == -EINVAL && vexfs_refine(s, 3, 0) == -EINVAL);
	EXPECT(12, vexfs_refine(s, 1, VEXFS_MAX_SIGMA + 1) == -EINVAL);
	EXPECT(13, vexfs_refine(s, 1, 0) == -EOPNOTSUPP && vexfs_refine(s, 2, 0) == -EOPNOTSUPP);
	EXPECT(14, vexfs_score_dims(s, 0) == -EINVAL && vexfs_score_dims(s, s->dims + 1) == -EINVAL);
	EXPECT(15, vexfs_score_dims(s, ~0u) == -EINVAL);
	n = vexfs_score_dims(s, 1);
	EXPECT(16, n == 0 || n == 1);		/* it may have to be read */
	EXPECT(17, !n || vexfs_offer(s) == -EINVAL);
	EXPECT(18, vexfs_keep(s, 0) == 0 && s->batch == 0);
	EXPECT(19, vexfs_keep(s, ~0ULL) == 0);
	EXPECT(25, vexfs_signature(s, 0) == -ENOENT && !vexfs_table_margins(s, 0));
	EXPECT(26, vexfs_batch_bucket(s, 0, 0, 0, 0) == -ENOENT);
	EXPECT(20, !vexfs_next_lists(s) && vexfs_batch_list(s, ~0u, 0) == -ENOENT);
	return 0;
}

SEC("struct_ops.s/search")
int BPF_PROG(chooses_search, struct vexfs_search *s)
{
	__u64 *own = (__u64 *)vexfs_scratch(s, OWN), slots[4] = {}, from;
	const struct vexfs_interval *in;
	int i, n = 0;

	if (!own)
		return fails(21);
	if (own[0] != s->round || own[OWN / 8 - 1] != s->round)
		return fails(22);
	own[0]++;
	own[OWN / 8 - 1]++;
	if (s->round == 0) {
		n = goes_wrong(s);
		return n ?: VEXFS_MORE;
	}
	from = own[1];
	bpf_for(i, 0, 1 << 20) {
		if (from >= s->count)
			break;
		n = vexfs_matches(s, from);
		if (n < 0)
			break;
		in = vexfs_intervals(s);
		if (!in || (n && (in[0].lower != 0 || ~in[0].upper)))
			return fails(23);
		from = s->next;
		n = vexfs_score_dims(s, 1);
		if (n >= 0)
			n = vexfs_keep(s, ~0ULL);
		if (n >= 0)
			n = vexfs_score(s);
		if (n >= 0)
			n = vexfs_offer(s);
		if (n < 0)
			break;
		slots[0] = from - 1;		/* once more: it is in the answer once */
		slots[1] = from - 1;
		n = vexfs_rescore(s, slots, sizeof(slots));
		if (n > 0)
			n = vexfs_score(s);
		if (n > 0)
			n = vexfs_offer(s);
		if (n < 0)
			break;
	}
	own[1] = from;
	return vexfs_end(n);
}

SEC("struct_ops/filter")
int BPF_PROG(chooses_filter, struct vexfs_search *s)
{
	if (vexfs_keep(s, 0) != -EPERM || vexfs_intervals(s))
		return fails(24);
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops chooses = {
	.search = (void *)chooses_search,
	.filter = (void *)chooses_filter,
	.name = "chooses",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
