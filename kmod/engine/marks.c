// SPDX-License-Identifier: GPL-2.0
/*
 * Which slots a query has looked at: all of [base, next) as long as it goes from one to the next,
 * and what it has met in lists, whose rows it meets once; marks after that.  From them follow what becomes a candidate only once, and whether a strategy
 * left slots out.
 */
#include "query.h"
#include "probe.h"

static __u64 bits(__u32 n)
{
	return n == 64 ? ~0ULL : (1ULL << n) - 1;
}

/* The slots of a word, from its first bit on, were looked at. */
static void mark(struct vexfs_query *q, __u64 word, __u64 mask)
{
	q->looked += vx_popcount(mask & ~q->looked_at[word]);
	q->looked_at[word] |= mask;
}

static void mark_range(struct vexfs_query *q, __u64 from, __u64 to)
{
	__u64 at;
	__u32 len;

	for (at = from; at < to; at += len) {
		len = 64 - at % 64;
		if (len > to - at)
			len = to - at;
		mark(q, at / 64, bits(len) << at % 64);
	}
}

/* The rows [from, to) of a list. */
static void mark_list(struct vexfs_query *q, const struct vexfs_list *l, __u32 from, __u32 to)
{
	__u64 slot;

	for (; from < to; from++) {
		slot = vexfs_list_slot(q->lists, l, from);
		if (slot < q->count && slot < q->linked)
			mark(q, slot / 64, 1ULL << slot % 64);
	}
}

/* Rows [from, to) of those that are in no list. */
static void mark_strays(struct vexfs_query *q, __u32 from, __u32 to)
{
	__u64 slot;

	for (; from < to; from++) {
		slot = q->lists->stray[from];
		if (slot < q->count && slot < q->linked)
			mark(q, slot / 64, 1ULL << slot % 64);
	}
}

/* What is in the pool, deferred or waiting, or in the batch, is a candidate. */
int vexfs_query_mark(struct vexfs_query *q)
{
	size_t words = q->count / 64 + 1;
	__u64 i;

	if (q->marking)
		return 0;
	q->seen = vexfs_room(&q->seen_room, 2 * words * sizeof(*q->seen));
	if (!q->seen)
		return -ENOMEM;
	memset(q->seen, 0, 2 * words * sizeof(*q->seen));
	q->looked_at = q->seen + words;
	q->marking = true;
	q->looked = 0;
	mark_range(q, q->base, q->next);
	for (i = 0; q->probing && i < q->lists->lists; i++)
		mark_list(q, q->lists->list + i, 0, q->probe->done[i]);
	if (q->probing)
		mark_strays(q, 0, q->probe->strays);
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

void vexfs_query_look(struct vexfs_query *q, __u64 from, __u64 to, __u32 n)
{
	if (q->marking && to == from + 1)
		mark(q, from / 64, 1ULL << from % 64);
	else if (q->marking)
		mark_range(q, from, to);
	q->visited += n;
	q->work += to > from;
	if (to > q->next)
		q->next = to;
}

void vexfs_query_look_list(struct vexfs_query *q, __u32 list, __u32 n)
{
	__u32 from = q->probe->done[list];

	if (q->marking)
		mark_list(q, q->lists->list + list, from, from + n);
	q->probe->done[list] = from + n;
	q->probe->listed += n;
	q->visited += n;
	q->work += n > 0;
}

void vexfs_query_look_strays(struct vexfs_query *q, __u32 n)
{
	struct vexfs_probe *p = q->probe;

	if (q->marking)
		mark_strays(q, p->strays, p->strays + n);
	p->strays += n;
	p->listed += n;
	q->visited += n;
	q->work += n > 0;
}

/*
 * Was all met that lists have?  The rest of [0, base) was dead, or damaged, before it could be linked.
 */
static bool all_listed(const struct vexfs_query *q)
{
	__u32 i;

	for (i = 0; i < q->lists->lists; i++)
		if (q->probe->done[i] < READ_ONCE(q->lists->list[i].n))
			return false;
	return q->probe->strays >= READ_ONCE(q->lists->strays);
}

__u64 vexfs_query_looked(const struct vexfs_query *q)
{
	__u64 n = q->marking ? q->looked : q->next - q->base;
	__u32 i;

	if (!q->marking && q->probing && all_listed(q)) {
		n += q->base;
	} else if (!q->marking && q->probing) {
		/* rows that were linked since are counted twice, and yet not all was looked at */
		n += q->probe->listed;
		if (q->count && n >= q->count)
			n = q->count - 1;
	}
	for (i = 0; i < q->n; i++)	/* nothing came of what is still in the batch */
		n -= q->fresh[i];
	return n;
}
