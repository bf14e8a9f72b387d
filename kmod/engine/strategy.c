// SPDX-License-Identifier: GPL-2.0
/* The built-in strategies, made of what programs have too. */
#include "query.h"

/* so that a program that is bound or replaced meanwhile is soon heard of */
#define ROUND_BATCHES 64
#define SPARSE 4 /* less than one in so many match: go from match to match */

int vexfs_flat(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 batches = 0;
	__u64 next;
	int n;

	while (s->state[0] < q->count) {
		next = s->state[0] + VEXFS_BATCH;
		n = q->leap ? vexfs_q_matches(q, s->state[0], &next, false) :
				 vexfs_q_range(q, s->state[0], VEXFS_BATCH);
		if (n > 0)
			n = vexfs_q_score(q);
		if (n > 0)
			n = vexfs_q_offer(q);
		if (n == -EAGAIN)
			return VEXFS_MORE;
		if (n == -ENOSPC || n == -ETIME)
			return 0;
		if (n < 0)
			return n;
		s->state[0] = next;
		if (++batches % ROUND_BATCHES == 0)
			return VEXFS_MORE;
	}
	return 0;
}

/* Defer all slots, or all that match; -ENOSPC counts as all. */
static int defer_all(struct vexfs_query *q, __u32 *batches)
{
	bool sparse = q->leap && q->match.matches < q->count / SPARSE;
	struct vexfs_search *s = &q->s;
	__u64 next;
	int n;

	while (s->state[0] < q->count) {
		next = s->state[0] + VEXFS_BATCH;
		n = sparse ? vexfs_q_matches(q, s->state[0], &next, true) :
			     vexfs_q_estimate(q, s->state[0], VEXFS_BATCH, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -ENOSPC)
			next = q->count;
		else if (n < 0)
			return n;
		s->state[0] = next;
		if (++*batches % ROUND_BATCHES == 0)
			return -EAGAIN;
	}
	return 0;
}

/* Measure what was deferred, the best first, until the rest is too far.  n: of deferring. */
static int take_all(struct vexfs_query *q, int n, __u32 *batches)
{
	while (!n) {
		n = vexfs_q_take(q);
		if (!n)
			return 0;
		if (n > 0)
			n = vexfs_q_score(q);
		if (n > 0)
			n = vexfs_q_offer(q);
		if (n >= 0)
			n = 0;
		if (!n && ++*batches % ROUND_BATCHES == 0)
			return VEXFS_MORE;
	}
	return n == -EAGAIN ? VEXFS_MORE : n == -ETIME ? 0 : n;
}

int vexfs_coded(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 batches = 0;

	return take_all(q, defer_all(q, &batches), &batches);
}

/* Defer what the lists have that may matter, and all that is in none. */
static int defer_lists(struct vexfs_query *q, __u32 *batches)
{
	__u64 *at = q->s.state;
	int n;

	while (!at[1]) {
		n = vexfs_q_probe(q, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -ENOENT || n == -ENOSPC) {
			at[0] = q->s.linked;
			at[1] = 1;
		} else if (n < 0) {
			return n;
		}
		if (++*batches % ROUND_BATCHES == 0)
			return -EAGAIN;
	}
	return defer_all(q, batches);
}

/* The same of buckets, and of what is in none. */
static int defer_buckets(struct vexfs_query *q, __u32 *batches)
{
	__u64 *at = q->s.state;
	int n;

	while (!at[1]) {
		n = vexfs_q_next_bucket(q, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -ENOENT || n == -ENOSPC) {
			at[0] = q->s.tabled;
			at[1] = 1;
		} else if (n < 0) {
			return n;
		}
		if (++*batches % ROUND_BATCHES == 0)
			return -EAGAIN;
	}
	return defer_all(q, batches);
}

int vexfs_lsh(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 batches = 0;

	if (!s->tables)
		return vexfs_coded(s);
	return take_all(q, defer_buckets(q, &batches), &batches);
}

int vexfs_ivf(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u32 batches = 0;

	if (!q->lists)
		return vexfs_coded(s);
	return take_all(q, defer_lists(q, &batches), &batches);
}
