// SPDX-License-Identifier: GPL-2.0
#include "driver.h"

int run(struct vexfs_query *q, int (*strategy)(struct vexfs_search *), struct vexfs_hit_f *hits,
	__u32 *truncated, __u32 *restarts)
{
	int n, err;

	for (*restarts = 0;; ++*restarts, vexfs_query_restart(q)) {
		do {
			vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
			err = strategy(vexfs_query_search(q));
			vexfs_query_phase(q, VEXFS_PHASE_NONE);
			if (vexfs_query_failed(q))
				return vexfs_query_failed(q);
			while ((n = vexfs_query_read(q)) > 0)
				if ((n = vexfs_query_score_read(q)) || (n = vexfs_query_failed(q)))
					return n;
			if (n < 0)
				return n;
		} while (err == VEXFS_MORE);
		if (err)
			return err;
		n = vexfs_query_finish(q, hits, truncated);
		if (n != -EAGAIN)
			return n;
		assert_true(*restarts < 8);
	}
}

int measured(struct vexfs_query *q, int n)
{
	if (n > 0)
		n = vexfs_q_score(q);
	return n > 0 ? vexfs_q_offer(q) : n;
}

int backwards(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	__u64 slots[VEXFS_BATCH];
	__u32 i;
	int n;

	for (; s->state[0] < 2 * s->count; s->state[0] += 32) {
		for (i = 0; i < 32; i++)
			slots[i] = slots[i + 32] =
				2 * s->count - 1 - (s->state[0] + i) % (2 * s->count);
		for (i = 32; i < 64; i++)
			slots[i] %= s->count;
		slots[5] = ~0ULL;
		n = measured(q, vexfs_q_slots(q, slots, 64));
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n;
	}
	return 0;
}

int ranges(struct vexfs_search *s)
{
	int n;

	for (; s->state[0] < s->count; s->state[0] += 50) {
		n = vexfs_q_range(vexfs_search_query(s), s->state[0], 50);
		if (n > 0)
			n = vexfs_q_score(vexfs_search_query(s));
		if (n > 0)
			n = vexfs_q_offer(vexfs_search_query(s));
		if (n < 0)
			return n == -EAGAIN ? VEXFS_MORE : n == -ENOSPC ? 0 : n;
	}
	return 0;
}
