// SPDX-License-Identifier: GPL-2.0
/*
 * lsh: look into the buckets of hash tables that the query is likely to share, measure the best.
 *
 * What it does: a table has the records by some bits of their codes, each table by other ones.  A
 * near record has the bits of the query, or differs where the query is close to having the other
 * one: its margins say how close.  Buckets are taken in the order of the sum of the margins of what
 * would have to be flipped (Lv et al., VLDB 2007), until s->effort of them were not empty; what their
 * bounds do not rule out is measured, the smallest lower bounds first.  Records that came since the
 * tables were made are estimated one by one.  The built-in does the same.
 *
 * What it shows: memory of a query's own (vexfs_scratch()), in which the buckets wait that may come
 * next; and the knobs of ivf.  Tables are made for who asks: the first query finds none, and does as
 * coded does.
 *
 * Where it is bad: lists of records that are close to each other (ivf) take fewer looks for as much.
 */
#include "rerank.bpf.h"

#define ROOM	4096		/* buckets that may come next; a power of two */
#define DONE	state[2]	/* all buckets were looked into that shall be */

struct probing {
	__u32 code[VEXFS_MAX_TABLES];
	/* in ascending order, and the bits that have them */
	__u32 margin[VEXFS_MAX_TABLES][VEXFS_MAX_TABLE_BITS];
	__u32 bit[VEXFS_MAX_TABLES][VEXFS_MAX_TABLE_BITS];
	__u32 begun;		/* buckets that were not empty */
	__u32 table, bucket, at;	/* what comes next of the bucket at hand */
	/*
	 * counted here and not in a register: the verifier looks at a loop once only where it need
	 * not tell one turn from the next
	 */
	__u32 before;
	__u32 n;
	__u64 next[ROOM];	/* sum of margins << 32 | table << 16 | flipped, as places in bit[] */
};

static __always_inline void push(struct probing *p, __u64 entry)
{
	if (p->n < ROOM)
		p->next[p->n++ & (ROOM - 1)] = entry;
}

/* The query's own bucket in a table. */
static __noinline int add_table(struct vexfs_search *s, struct probing *p, __u32 t)
{
	const __u32 *margin = vexfs_table_margins(s, t);
	int i, k, code = vexfs_signature(s, t);

	if (!margin || code < 0 || t >= VEXFS_MAX_TABLES)
		return -ENOENT;
	p->code[t] = code;
	bpf_for(i, 0, VEXFS_MAX_TABLE_BITS) {
		__u32 m = margin[i & (VEXFS_MAX_TABLE_BITS - 1)], before;

		if ((__u32)i >= s->table_bits)
			break;
		p->before = 0;
		bpf_for(k, 0, VEXFS_MAX_TABLE_BITS) {
			__u32 other = margin[k & (VEXFS_MAX_TABLE_BITS - 1)];

			if ((__u32)k >= s->table_bits)
				break;
			p->before += other < m || (other == m && k < i);
		}
		before = p->before & (VEXFS_MAX_TABLE_BITS - 1);
		p->margin[t][before] = m;
		p->bit[t][before] = i;
	}
	push(p, (__u64)t << 16);
	return 0;
}

/* On to the bucket of the least sum; after it come those with its last flip moved on, or one more. */
static __noinline int next_bucket(struct vexfs_search *s, struct probing *p)
{
	__u64 least = ~0ULL, sum;
	__u32 at = 0, t, flip, last = ~0u;
	int i;

	bpf_for(i, 0, ROOM) {
		if ((__u32)i >= p->n)
			break;
		if (p->next[i & (ROOM - 1)] < least) {
			at = i;
			least = p->next[i & (ROOM - 1)];
		}
	}
	if (least == ~0ULL)
		return -ENOENT;
	p->n--;
	p->next[at & (ROOM - 1)] = p->next[p->n & (ROOM - 1)];
	t = (least >> 16) & (VEXFS_MAX_TABLES - 1);
	flip = least & 0xffff;
	sum = least >> 32;
	p->table = t;
	p->at = 0;
	p->bucket = p->code[t];
	bpf_for(i, 0, VEXFS_MAX_TABLE_BITS)
		if (flip >> i & 1) {
			p->bucket ^= 1u << (p->bit[t][i & (VEXFS_MAX_TABLE_BITS - 1)] & 31);
			last = i;
		}
	at = (last + 1) & (VEXFS_MAX_TABLE_BITS - 1);
	if (last + 1 == s->table_bits)
		return 0;
	sum += p->margin[t][at];
	push(p, sum << 32 | t << 16 | flip | 1u << at);
	if (flip) {
		sum -= p->margin[t][last & (VEXFS_MAX_TABLE_BITS - 1)];
		push(p, sum << 32 | t << 16 | (flip ^ 1u << (last & 15)) | 1u << at);
	}
	return 0;
}

/* Look into buckets and put aside. */
static __always_inline int probe(struct vexfs_search *s, __u32 sigma, __u64 *deferred)
{
	struct probing *p = (struct probing *)vexfs_scratch(s, sizeof(*p));
	__u32 effort = s->effort ? s->effort : VEXFS_DEFAULT_BUCKETS;
	int i, err = 0;

	if (s->DONE || !p)
		return s->DONE ? 0 : -ENOMEM;
	if (!p->n && !p->begun && !p->bucket) {
		p->bucket = 1u << (s->table_bits & 31);	/* first what has no code */
		bpf_for(i, 0, VEXFS_MAX_TABLES) {
			if (err || (__u32)i >= s->tables)
				break;
			err = add_table(s, p, i);
		}
	}
	bpf_for(i, 0, MAX_BATCHES) {
		if (!err)
			err = vexfs_batch_bucket(s, p->table, p->bucket, p->at, sigma);
		if (err >= 0) {
			p->at += VEXFS_BATCH;
			if (err > 0)
				err = vexfs_defer(s);
		} else if (err == -ENOENT) {
			p->begun += p->at && !(p->bucket >> (s->table_bits & 31));
			err = p->begun < effort && s->tables ? next_bucket(s, p) : -ENOENT;
		}
		if (err == -ENOENT || err == -ENOSPC) {
			s->state[0] = s->tabled;
			s->DONE = 1;
			return 0;
		}
		if (err < 0)
			break;
		*deferred += err;
		err = 0;
	}
	return err < 0 ? err : -EAGAIN;
}

SEC("struct_ops.s/search")
int BPF_PROG(lsh_search, struct vexfs_search *s)
{
	return rerank(s, probe);
}

SEC(".struct_ops.link")
struct vexfs_ops lsh = {
	.search = (void *)lsh_search,
	.name = "lsh",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
