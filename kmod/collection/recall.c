// SPDX-License-Identifier: GPL-2.0
/*
 * Live recall of a collection: answers that wait to be judged, and what came of others, for each
 * strategy.  How they are judged: search/recall.c.
 *
 * Lock: vexfs_recall.lock, a leaf.
 */
#include "collection/collection.h"

void vexfs_recall_init(struct vexfs_recall *r)
{
	spin_lock_init(&r->lock);
	INIT_LIST_HEAD(&r->waiting);
	r->care = VEXFS_CARE;
}

void vexfs_recall_free(struct vexfs_recall *r)
{
	struct vexfs_sample *sample;

	while ((sample = vexfs_recall_take(r)))
		kvfree(sample);
}

struct vexfs_sample *vexfs_sample_new(u32 n, u32 row_bytes)
{
	struct vexfs_sample *sample;
	size_t hits = struct_size(sample, hit, n);

	sample = kvmalloc(hits + row_bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!sample)
		return NULL;
	sample->n = n;
	sample->care = 0;
	sample->row = (void *)sample + hits;
	return sample;
}

void vexfs_recall_keep(struct vexfs_recall *r, struct vexfs_sample *sample)
{
	bool kept;

	spin_lock(&r->lock);
	kept = r->n_waiting < VEXFS_SAMPLES;
	if (kept) {
		list_add_tail(&sample->list, &r->waiting);
		r->n_waiting++;
	}
	spin_unlock(&r->lock);
	if (!kept)
		kvfree(sample);
}

struct vexfs_sample *vexfs_recall_take(struct vexfs_recall *r)
{
	struct vexfs_sample *sample = NULL;

	spin_lock(&r->lock);
	if (r->n_waiting) {
		sample = list_first_entry(&r->waiting, struct vexfs_sample, list);
		list_del(&sample->list);
		r->n_waiting--;
	}
	spin_unlock(&r->lock);
	return sample;
}

/* The counts of a strategy: its own, free ones, or those of what was sampled least.  lock held. */
static struct vexfs_recall_count *count_of(struct vexfs_recall *r, const char *strategy)
{
	struct vexfs_recall_count *least = r->strategy, *at;

	for (at = r->strategy; at < r->strategy + VEXFS_STRATEGIES; at++) {
		if (at->queries && !strncmp(at->strategy, strategy, sizeof(at->strategy)))
			return at;
		if (at->queries < least->queries)
			least = at;
	}
	memset(least, 0, sizeof(*least));
	strscpy_pad(least->strategy, strategy, sizeof(least->strategy));
	return least;
}

/* --- learning --- */

/*
 * How many rows lists are looked into for is measured on the records themselves (engine/lists_tune.c).
 * Queries may be of another kind.  So what judged answers missed by lists, of what they might for the
 * recall that was wanted, sets the care with which lists are looked into from then on: more of it when
 * they missed more, beyond chance, and less again, but not than was measured, when it was less than half.
 */
#define ENOUGH		16		/* judged answers, to take more care */
#define PLENTY		256		/* and less: what is rare must have had its chance */
#define MOST		1024		/* then half of them are forgotten, as queries change */

u32 vexfs_recall_aim(u32 recall, u32 care)
{
	return recall < VEXFS_RECALL_ALL ? VEXFS_RECALL_ALL - (VEXFS_RECALL_ALL - recall) * VEXFS_CARE / care : recall;
}

/*
 * Is a sum of n numbers larger than was expected by more than three times its standard deviation?  Sums
 * of up to MOST numbers up to VEXFS_RECALL_ALL: squares of them fit.
 */
static bool beyond_chance(u64 sum, u64 expected, u64 squares, u64 sum_of_squared, u32 n)
{
	u64 more = sum > expected ? sum - expected : 0, variance;

	variance = squares - min(squares, sum_of_squared / n * sum_of_squared);
	return more && more / 3 * (more / 3) > variance;
}

/* Lists are looked into with this care from now on.  lock held */
static void take_care(struct vexfs_recall *r, u32 care)
{
	WRITE_ONCE(r->care, clamp(care, VEXFS_CARE, VEXFS_MOST_CARE));
	memset(&r->judged, 0, sizeof(r->judged));
}

/* An answer that was looked for with the current care missed so much.  lock held */
static void learn(struct vexfs_recall *r, u64 may, u64 missed)
{
	typeof(r->judged) *j = &r->judged;

	j->n++;
	j->may += may;
	j->missed += missed;
	j->squares += missed * missed;
	if (j->n >= ENOUGH && beyond_chance(j->missed, j->may, j->squares, j->missed, j->n)) {
		take_care(r, r->care * clamp(j->missed / (j->may + 1), 2ULL, 8ULL));
	} else if (r->care > VEXFS_CARE && j->n >= PLENTY &&
		   beyond_chance(j->may / 2, j->missed, j->squares, j->missed, j->n)) {
		take_care(r, r->care / 2);
	} else if (j->n >= MOST) {
		j->n /= 2;
		j->may /= 2;
		j->missed /= 2;
		j->squares /= 2;
	}
}

void vexfs_recall_add(struct vexfs_recall *r, const struct vexfs_sample *sample, u32 expected,
		      u32 found)
{
	struct vexfs_recall_count *count;

	spin_lock(&r->lock);
	count = count_of(r, sample->strategy);
	count->queries++;
	count->expected += expected;
	count->found += found;
	count->wanted += sample->recall;
	if (sample->care == r->care && sample->recall < VEXFS_RECALL_ALL)
		learn(r, VEXFS_RECALL_ALL - sample->recall, (u64)(expected - found) * VEXFS_RECALL_ALL / expected);
	spin_unlock(&r->lock);
}

u32 vexfs_recall_counts(struct vexfs_collection_mem *c, struct vexfs_recall_count *out, u32 n)
{
	const struct vexfs_recall_count *at = c->recall.strategy;
	u32 i = 0;

	spin_lock(&c->recall.lock);
	for (; at < c->recall.strategy + VEXFS_STRATEGIES && i < n; at++) {
		if (!at->queries)
			continue;
		out[i] = *at;
		out[i].dir = c->dir->i_ino;
		out[i++].generation = c->dir->i_generation;
	}
	spin_unlock(&c->recall.lock);
	return i;
}
