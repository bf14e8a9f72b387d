// SPDX-License-Identifier: GPL-2.0
/*
 * Which slots a query has looked at: all before `next` as long as it goes from one to the next,
 * marks after that.  From them follow what becomes a candidate only once, and whether a strategy
 * left slots out.
 */
#include "query.h"

static __u64 bits(__u32 n)
{
	return n == 64 ? ~0ULL : (1ULL << n) - 1;
}

/* What is in the pool, deferred or waiting, or in the batch, is a candidate. */
int vexfs_query_mark(struct vexfs_query *q)
{
	size_t words = q->count / 64 + 1;
	__u64 i;

	if (q->marking)
		return 0;
	if (q->seen)
		memset(q->seen, 0, 2 * words * sizeof(*q->seen));
	else
		q->seen = vx_ealloc(2 * words * sizeof(*q->seen));
	if (!q->seen)
		return -ENOMEM;
	q->looked_at = q->seen + words;
	q->marking = true;
	memset(q->looked_at, 0xff, q->next / 64 * sizeof(*q->looked_at));
	q->looked_at[q->next / 64] = bits(q->next % 64);
	q->looked = q->next;
	for (i = 0; i < q->pool.n; i++)
		q->seen[q->pool.entry[i].slot / 64] |= 1ULL << q->pool.entry[i].slot % 64;
	for (i = q->from; i < q->npending; i++)
		q->seen[q->pending[i] / 64] |= 1ULL << q->pending[i] % 64;
	for (i = 0; i < q->deferred.n; i++)
		q->seen[(__u32)q->deferred.entry[i] / 64] |= 1ULL << q->deferred.entry[i] % 64;
	for (i = 0; i < q->n; i++)
		q->seen[q->slot[i] / 64] |= 1ULL << q->slot[i] % 64;
	return 0;
}

/* The slots of a word, from its first bit on, were looked at. */
static void mark(struct vexfs_query *q, __u64 word, __u64 mask)
{
	q->looked += vx_popcount(mask & ~q->looked_at[word]);
	q->looked_at[word] |= mask;
}

void vexfs_query_look(struct vexfs_query *q, __u64 from, __u64 to, __u32 n)
{
	__u64 at = from;
	__u32 len;

	for (; q->marking && at < to; at += len) {
		len = 64 - at % 64;
		if (len > to - at)
			len = to - at;
		mark(q, at / 64, bits(len) << at % 64);
	}
	q->visited += n;
	q->work += to > from;
	if (to > q->next)
		q->next = to;
}

__u64 vexfs_query_looked(const struct vexfs_query *q)
{
	__u64 n = q->marking ? q->looked : q->next;
	__u32 i;

	for (i = 0; i < q->n; i++)	/* nothing came of what is still in the batch */
		n -= q->fresh[i];
	return n;
}
