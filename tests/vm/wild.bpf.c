// SPDX-License-Identifier: GPL-2.0
/*
 * wild: lists, hash tables and codes that there are, asked for in all the wrong ways, and each list
 * and bucket that is told of in the right one; what is found is measured.  An answer that is not what
 * vexfs/program.bpf.h says is an error.
 *
 * For tests, where a collection has lists and tables.
 */
#include <vexfs/program.bpf.h>

/* Lists that a round did not get to. */
struct rest {
	__u32 list[VEXFS_BATCH];
};

#define EXPECT(x)				\
	do {					\
		if (!(x))			\
			return -EINVAL;		\
	} while (0)

static __noinline int goes_wrong(struct vexfs_search *s)
{
	__u32 buckets = 1u << (s->table_bits & 31);

	EXPECT(s->tables && s->tables <= VEXFS_MAX_TABLES && s->lists && s->tabled <= s->count);
	EXPECT(s->table_bits >= 4 && s->table_bits <= VEXFS_MAX_TABLE_BITS);
	EXPECT(vexfs_signature(s, s->tables) == -EINVAL && vexfs_signature(s, ~0u) == -EINVAL);
	EXPECT(!vexfs_table_margins(s, s->tables) && !vexfs_table_margins(s, ~0u));
	EXPECT(!vexfs_margins(s, 0, 4) && !vexfs_probes(s, 4));
	EXPECT(vexfs_batch_bucket(s, s->tables, 0, 0, 0) == -EINVAL);
	EXPECT(vexfs_batch_bucket(s, ~0u, 0, 0, 0) == -EINVAL);
	EXPECT(vexfs_batch_bucket(s, 0, buckets + 1, 0, 0) == -EINVAL);
	EXPECT(vexfs_batch_bucket(s, 0, ~0u, 0, 0) == -EINVAL);
	EXPECT(vexfs_batch_bucket(s, 0, 0, ~0u, 0) == -ENOENT);
	EXPECT(vexfs_batch_bucket(s, 0, 0, 0, VEXFS_MAX_SIGMA + 1) == -EINVAL);
	EXPECT(vexfs_batch_list(s, s->lists, 0) == -EINVAL && vexfs_batch_list(s, ~0u, 0) == -EINVAL);
	EXPECT(vexfs_refine(s, 1, 0) == 0 && vexfs_refine(s, 2, 0) == 0);	/* of nothing */
	EXPECT(vexfs_refine(s, VEXFS_RUNGS + 1, 0) == -EINVAL);
	EXPECT(vexfs_refine(s, 2, VEXFS_MAX_SIGMA + 1) == -EINVAL);
	return 0;
}

/* The query's bucket in a table. */
static __noinline int bucket(struct vexfs_search *s, __u32 t)
{
	const struct vexfs_interval *in;
	int code = vexfs_signature(s, t), n;

	EXPECT(code >= 0 && code >> (s->table_bits & 31) == 0);
	n = vexfs_batch_bucket(s, t, code, 0, 0);
	EXPECT(n >= 0 || n == -ENOENT || n == -EAGAIN);
	if (n <= 0)
		return 0;
	in = vexfs_intervals(s);
	EXPECT(in && in[0].lower && in[0].lower <= in[0].upper);
	n = vexfs_refine(s, 1, 0);
	EXPECT(n >= 0);
	n = vexfs_refine(s, 2, 0);		/* what is in no list keeps its bounds */
	EXPECT(n >= 0 && n == (int)s->batch);
	in = vexfs_intervals(s);
	EXPECT(in && (!n || (in[0].lower && in[0].lower <= in[0].upper)));
	n = vexfs_defer(s);
	return n < 0 ? n : 0;
}

/* Each list that is told of, once. */
static __noinline int lists(struct vexfs_search *s, struct rest *rest)
{
	int i, n;

	bpf_for(i, 0, VEXFS_BATCH) {
		__u32 at = i & (VEXFS_BATCH - 1), list = rest->list[at];

		if (list == ~0u)
			continue;
		n = vexfs_batch_list(s, list, 0);
		if (n == -EAGAIN)	/* the round has lasted long enough */
			return n;
		EXPECT(n >= 0);
		n = vexfs_defer(s);
		EXPECT(n >= 0);
		rest->list[at] = ~0u;
	}
	return 0;
}

SEC("struct_ops.s/search")
int BPF_PROG(wild_search, struct vexfs_search *s)
{
	struct rest *rest = (struct rest *)vexfs_scratch(s, sizeof(*rest));
	const struct vexfs_probed *next;
	int i, n = 0;

	EXPECT(rest);
	if (!s->state[0]) {
		n = goes_wrong(s);
		if (n)
			return n;
		bpf_for(i, 0, VEXFS_MAX_TABLES) {
			if ((__u32)i >= s->tables)
				break;
			n = bucket(s, i);
			if (n)
				return n;
		}
		next = vexfs_next_lists(s);
		EXPECT(next && next[0].list < s->lists);
		bpf_for(i, 0, VEXFS_BATCH)
			rest->list[i & (VEXFS_BATCH - 1)] = next[i & (VEXFS_BATCH - 1)].list;
		s->state[0] = 1;
	}
	if (s->state[0] == 1) {
		n = lists(s, rest);
		if (n)
			return vexfs_end(n);
		s->state[0] = 2;
	}
	bpf_for(i, 0, 1 << 20) {
		n = vexfs_take(s);
		if (n > 0)
			n = vexfs_score(s);
		else
			break;
		if (n >= 0)
			n = vexfs_offer(s);
		if (n < 0)
			break;
	}
	return n < 0 ? vexfs_end(n) : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops wild = {
	.search = (void *)wild_search,
	.name = "wild",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
