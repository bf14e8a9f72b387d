// SPDX-License-Identifier: GPL-2.0
/*
 * Live recall: one in VEXFS_RECALL_ONE_IN answers is kept, and its query is run again later, exactly,
 * over the slots that it saw.  How many of the true neighbours were in the answer is counted for each
 * strategy.
 *
 * What died in between, or turned out to be damaged, counts on neither side.  Only answers that an
 * exact search has to agree with are kept: without programs for filter and distance, conditions,
 * radius and limits, not of a snapshot, not cut short, and not of a caller who was refused
 * records.
 *
 * The worker of a mount does it at the lowest priority, and rests for RESTS times as long as each
 * query took; meanwhile no answer is kept.  It reads next to nothing from the device: a query whose
 * rows are not in memory is given up.
 *
 * Locks: vexfs_recall.lock for a moment, no other one.
 */
#include "search/search.h"

#define RESTS		64		/* at most 1.5 % of a processor */
#define MAX_READ	1024		/* rows that may have to be read */
#define MAX_US		10000000	/* that it may take */
#define MAX_ATTEMPTS	8		/* the engine enlarges its pool five times */

/* --- choosing --- */

/* The n-th number of a sequence without a period that a caller's queries could have, too. */
static u64 scattered(u64 n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ULL;
	n = (n ^ n >> 27) * 0x94d049bb133111ebULL;
	return n ^ n >> 31;
}

void vexfs_recall_sample(struct vexfs_collection_mem *c, const struct vexfs_answered *a)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(c->dir->i_sb);
	struct vexfs_sample *sample;

	if (scattered(atomic64_add_return(1, &c->recall.asked)) % VEXFS_RECALL_ONE_IN ||
	    vx_clock_us() < READ_ONCE(sbi->recall_after))
		return;
	sample = vexfs_sample_new(a->n, c->row_bytes);
	if (!sample)
		return;
	sample->epoch = a->b->epoch;
	sample->count = a->count;
	sample->recall = a->recall;
	sample->k = a->k;
	sample->care = a->care;
	strscpy_pad(sample->strategy, a->strategy, sizeof(sample->strategy));
	memcpy(sample->hit, a->hit, a->n * sizeof(*a->hit));
	memcpy(sample->row, a->row, c->row_bytes);
	vexfs_recall_keep(&c->recall, sample);
	vexfs_worker_poke(c->dir->i_sb);
}

/* --- judging --- */

/* vexfs_query_params.may: everybody's file that is there. */
static bool is_there(void *arg, const struct vexfs_file *file)
{
	(void)arg;
	return smp_load_acquire(&vexfs_bound_file(file)->class);
}

/* Until nothing is left to be looked at.  -EAGAIN: once more; -E2BIG too much is not in memory. */
static int scan(const struct vexfs_collection_mem *c, struct vexfs_query *q)
{
	struct vexfs_search *s = vexfs_query_search(q);
	int ret, n;

	do {
		vexfs_query_phase(q, VEXFS_PHASE_SEARCH);
		ret = vexfs_flat(s);
		vexfs_query_phase(q, VEXFS_PHASE_NONE);
		while ((n = vexfs_query_read(q)) > 0) {
			n = vexfs_query_score_read(q);
			if (n < 0)
				break;
			if (vexfs_query_stats(q)->fetched > MAX_READ)
				return -E2BIG;
		}
		if (n < 0)
			return n;
		if (vexfs_worker_should_stop(c->dir->i_sb) || vexfs_is_gone(c->dir->i_sb))
			return -EINTR;
		cond_resched();
	} while (ret == VEXFS_MORE);
	return ret;
}

/*
 * The true neighbours of a sample, with room for sample->k; those that have died by now may be among
 * them.  How many, or an error.
 */
static int find_true(struct vexfs_collection_mem *c, struct vexfs_body *b,
		     const struct vexfs_sample *sample, struct vexfs_hit_f *truth)
{
	struct vexfs_match seen = { .count = sample->count, .matches = sample->count };
	struct vexfs_query_params params = {
		.row = sample->row,
		.dims = c->dims,
		.metric = c->metric,
		.k = sample->k,
		.attrs = c->attrs,
		.recall = VEXFS_RECALL_ALL,
		.deadline_us = vx_clock_us() + MAX_US,
		.match = &seen,
		.may = is_there,
	};
	struct vx_rows *rows = vexfs_rows_open(b->vectors, c->row_bytes);
	struct vexfs_query *q = rows ? vexfs_query_new(b->columns, rows, &params) : NULL;
	u32 truncated = 0, attempts = 0;
	int n = q ? -EAGAIN : -ENOMEM;

	while (n == -EAGAIN && ++attempts <= MAX_ATTEMPTS) {
		n = scan(c, q) ?: vexfs_query_finish(q, truth, &truncated);
		if (n == -EAGAIN)
			vexfs_query_restart(q);
	}
	if (rows)
		vx_rows_put(rows);
	vexfs_query_free(q);
	vexfs_rows_close(rows);
	return n >= 0 && truncated & ~(VEXFS_TRUNC_PRECISION | VEXFS_TRUNC_DAMAGED) ? -ETIME : n;
}

static bool is_alive(const struct vexfs_body *b, const struct vexfs_sample *sample, u64 slot)
{
	return vexfs_columns_visible(b->columns, slot, sample->count) && !vexfs_slot_gone(b, slot) &&
	       !vexfs_columns_damaged_mask(b->columns, slot, 1);
}

/* Is a hit among the true neighbours, or as near as the last of them?  n > 0. */
static bool is_true(const struct vexfs_hit_f *hit, const struct vexfs_hit_f *truth, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (truth[i].slot == hit->slot)
			return true;
	return hit->distance == truth[n - 1].distance;
}

/* Compare it with the n true neighbours. */
static void judge(struct vexfs_collection_mem *c, const struct vexfs_body *b,
		  const struct vexfs_sample *sample, struct vexfs_hit_f *truth, u32 n)
{
	u32 i, alive = 0, died = 0, found = 0;

	for (i = 0; i < n; i++)
		if (is_alive(b, sample, truth[i].slot))
			truth[alive++] = truth[i];
	for (i = 0; i < sample->n; i++)
		died += !is_alive(b, sample, sample->hit[i].slot);
	/* those that would have taken the places of the dead were not asked for */
	n = min(alive, sample->k - died);
	for (i = 0; n && i < sample->n; i++)
		found += is_alive(b, sample, sample->hit[i].slot) &&
			 is_true(&sample->hit[i], truth, n);
	if (n)
		vexfs_recall_add(&c->recall, sample, n, min(found, n));
}

int vexfs_recall_step(struct vexfs_collection_mem *c)
{
	struct vexfs_sample *sample = vexfs_recall_take(&c->recall);
	struct vexfs_hit_f *truth;
	struct vexfs_body *b;
	int n = -ENOMEM;

	if (!sample)
		return 0;
	b = vexfs_body_get(c);
	truth = kvmalloc_array(sample->k, sizeof(*truth), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (b->epoch != sample->epoch)
		n = -ESTALE;		/* its slots are others' now */
	else if (truth)
		n = find_true(c, b, sample, truth);
	if (n >= 0)
		judge(c, b, sample, truth, n);
	kvfree(truth);
	vexfs_body_put(b);
	kvfree(sample);
	return 1;
}

/* One of a collection, unless it is time to rest. */
static int judge_one(struct vexfs_collection_mem *c, void *arg)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(c->dir->i_sb);
	u64 begin = vx_clock_us(), end;

	(void)arg;
	if (begin >= READ_ONCE(sbi->recall_after) && vexfs_recall_step(c)) {
		end = vx_clock_us();
		WRITE_ONCE(sbi->recall_after, end + (end - begin) * RESTS);
	}
	return 0;
}

void vexfs_recalls(struct super_block *sb)
{
	vexfs_collections_each(sb, judge_one, NULL);
}
