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
#define DEPTH	12		/* of a heap of so many */
#define TABLE	24		/* of an entry, see next[]: where its table begins */
#define PLACE	16
#define DONE	state[2]	/* all buckets were looked into that shall be */

struct probing {
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
	/*
	 * A heap, the least on top: the sum of margins << 32 | table << 24 | place << 16 | bucket.
	 * The last flip is in the place before; 0: there is none.
	 */
	__u64 next[ROOM];
};

static __always_inline __u64 *entry(struct probing *p, __u32 i)
{
	return p->next + (i & (ROOM - 1));
}

static __noinline int push(struct probing *p, __u64 x)
{
	__u32 i = p->n, up;
	int depth;

	if (i >= ROOM)
		return 0;
	p->n++;
	for (depth = 0; depth < DEPTH && i; depth++, i = up) {
		up = (i - 1) / 2;
		if (*entry(p, up) <= x)
			break;
		*entry(p, i) = *entry(p, up);
	}
	*entry(p, i) = x;
	return 0;
}

/* The least one gives way to another. */
static __noinline int replace_top(struct probing *p, __u64 x)
{
	__u32 i = 0, n = p->n, down;
	int depth;

	for (depth = 0; depth < DEPTH; depth++, i = down) {
		down = 2 * i + 1;
		if (down >= n)
			break;
		if (down + 1 < n && *entry(p, down + 1) < *entry(p, down))
			down++;
		if (x <= *entry(p, down))
			break;
		*entry(p, i) = *entry(p, down);
	}
	*entry(p, i) = x;
	return 0;
}

/* The query's own bucket in a table. */
static __noinline int add_table(struct vexfs_search *s, struct probing *p, __u32 t)
{
	const __u32 *margin = vexfs_table_margins(s, t);
	int i, k, code = vexfs_signature(s, t);

	if (!margin || code < 0 || t >= VEXFS_MAX_TABLES)
		return -ENOENT;
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
	push(p, (__u64)t << TABLE | code);
	return 0;
}

/* On to the bucket of the least sum; after it come those with its last flip moved on, or one more. */
static __noinline int next_bucket(struct vexfs_search *s, struct probing *p)
{
	__u32 t, place, last, bit;
	__u64 top, more;

	if (!p->n)
		return -ENOENT;
	top = p->next[0];
	t = (top >> TABLE) & (VEXFS_MAX_TABLES - 1);
	place = (top >> PLACE) & 31;
	p->table = t;
	p->at = 0;
	p->bucket = top & 0xffff;
	if (place >= s->table_bits || place >= VEXFS_MAX_TABLE_BITS) {
		p->n--;
		return replace_top(p, *entry(p, p->n));
	}
	bit = 1u << (p->bit[t][place] & 15);
	more = ((top + ((__u64)p->margin[t][place] << 32)) ^ bit) + (1u << PLACE);
	if (place) {
		last = place - 1;
		push(p, (more - ((__u64)p->margin[t][last] << 32)) ^ 1u << (p->bit[t][last] & 15));
	}
	return replace_top(p, more);
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
