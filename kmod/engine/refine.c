// SPDX-License-Identifier: GPL-2.0
/*
 * Bounds of the candidates of a batch one by one, wherever they are: by the 1-bit codes that slots
 * have, or by those of 4 bits that lists have of their rows, see ladder.c.  No floating point here.
 */
#include "query.h"
#include "probe.h"

#define SECTION_DIMS (64u << 10) /* of rows and centres per FPU section: under 50 us */

/*
 * A candidate lies within these bounds.  Where there are some already, what both leave is left, if
 * anything.
 */
static void tighten(struct vexfs_query *q, __u32 i, __u32 lower, __u32 upper)
{
	if (q->lower[i] <= upper && q->upper[i] >= lower) {
		lower = q->lower[i] > lower ? q->lower[i] : lower;
		upper = q->upper[i] < upper ? q->upper[i] : upper;
	}
	q->lower[i] = lower;
	q->upper[i] = upper;
}

/* all: even those of which something is known */
static int bound_by_slot(struct vexfs_query *q, __u32 sigma, bool all)
{
	__u32 i, lower, upper;
	int err = vexfs_query_estimator(q);

	if (err)
		return err;
	vx_fpu_begin();			/* 64 codes of half a KB at most */
	for (i = 0; i < q->n; i++) {
		if (!all && q->lower[i] != VEXFS_UNKNOWN)
			continue;
		vexfs_codes_slot(q->codes, q->estimator, q->slot[i], sigma, &lower, &upper);
		tighten(q, i, lower, upper);
	}
	vx_fpu_end();
	return 0;
}

/* Where the rows of the batch are, all fetched before one is looked at.  Returns how many. */
static __u32 look_up(struct vexfs_query *q)
{
	const struct vexfs_lists *l = q->lists;
	__u32 row[VEXFS_BATCH], padded = l->coder.rotation.padded, i, n = 0;
	struct vexfs_probe *p = q->probe;
	size_t bytes = vexfs_list_row_bytes(l), at;

	for (i = 0; i < q->n; i++) {
		if (q->slot[i] >= q->linked || !vexfs_lists_find(l, q->slot[i], &p->in[n], &row[n]))
			continue;
		__builtin_prefetch(l->list + p->in[n]);
		if (!(p->known[p->in[n] / 64] >> p->in[n] % 64 & 1))
			__builtin_prefetch(l->centre.c + (size_t)p->in[n] * padded);
		p->of[n++] = i;
	}
	for (i = 0; i < n; i++) {
		p->two[i] = vexfs_list_rung2(l, l->list + p->in[i], row[i]);
		for (at = 0; at < bytes; at += 64)
			__builtin_prefetch((const __u8 *)p->two[i] + at);
	}
	return n;
}

static int bound_by_list(struct vexfs_query *q, __u32 sigma)
{
	int err = vexfs_query_ladder(q);
	struct vexfs_probe *p = q->probe;
	__u32 step, i, k, n;

	if (err)
		return err;
	step = SECTION_DIMS / q->lists->coder.rotation.padded;
	n = look_up(q);
	for (i = 0; i < n; i += k) {
		k = n - i < step ? n - i : step;
		vx_fpu_begin();
		vexfs_probe_rows(q->lists, p, i, k, sigma);
		vx_fpu_end();
	}
	for (i = 0; i < n; i++)
		tighten(q, p->of[i], p->lower[i], p->upper[i]);
	return 0;
}

static void prune(struct vexfs_query *q)
{
	__u32 i, kept = 0, most = vexfs_query_gate(q);

	for (i = 0; i < q->n; i++) {
		if (q->lower[i] > most) {
			vexfs_query_refuse(q, q->lower[i]);
			continue;
		}
		vexfs_query_keep(q, kept++, i);
	}
	q->stats.estimated += q->n;
	q->stats.pruned += q->n - kept;
	q->n = kept;
}

int vexfs_query_bound(struct vexfs_query *q, __u32 rung, __u32 sigma)
{
	int err;

	if (!q->codes)
		return -EOPNOTSUPP;
	err = rung == 1 ? bound_by_slot(q, sigma, true) : bound_by_list(q, sigma);
	if (err)
		return err == -ENOENT ? -EOPNOTSUPP : err;
	prune(q);
	return 0;
}

int vexfs_query_bound_finely(struct vexfs_query *q, __u32 sigma)
{
	bool rest = true;
	__u32 i;
	int err = bound_by_list(q, sigma);

	if (!err)
		for (i = 0, rest = false; i < q->n; i++)
			rest |= q->lower[i] == VEXFS_UNKNOWN;
	else if (err != -ENOENT)
		return err;
	err = rest ? bound_by_slot(q, sigma, false) : 0;
	if (!err)
		prune(q);
	return err;
}
