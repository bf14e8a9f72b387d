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
