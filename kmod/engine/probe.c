// SPDX-License-Identifier: GPL-2.0
/*
 * How a query goes through lists: the most promising first, until no other one is likely to hold
 * what is wanted.
 *
 * Lists come in the order of their centres' distances; those of a group are ranked once no other one
 * may have a nearer centre.  The query is through when it has looked at as many rows as the recall
 * that is wanted has been measured to take (lists_tune.c).  One that is farther from all centres than
 * those that were measured is not like them: it goes on until no list is left whose centre is nearer
 * than the k-th best.
 *
 * No floating point here.
 */
#include "query.h"
#include "heap.h"
#include "probe.h"

#define SCAN_ROWS	1024u		/* of a list, in one FPU section */

static inline bool nearer(const __u64 *a, const __u64 *b)
{
	return *a < *b;
}

VEXFS_HEAP(lefts, __u64, nearer)

static struct vexfs_probe *probe_new(const struct vexfs_lists *l)
{
	__u32 padded = l->coder.rotation.padded;
	struct vexfs_probe *p = vx_ealloc(sizeof(*p) + (size_t)padded * (4 + 2 + 4 + 1) +
					  (size_t)l->lists * (8 + 8 + 4 + 4) + l->groups * (8 + 4));

	if (!p)
		return NULL;
	p->left = (__u64 *)(p + 1);
	p->closed = p->left + l->lists;
	p->before = p->closed + l->groups;
	p->ladder.z = (float *)(p->before + l->lists);
	p->dots = p->ladder.z + padded;
	p->done = (__u32 *)(p->dots + l->groups + l->lists);
	p->ladder.whole = (__s16 *)(p->done + l->lists);
	p->ladder.table = (__u8 *)(p->ladder.whole + padded);
	p->ladder.fine = (__s8 *)(p->ladder.table + (size_t)padded * 4);
	return p;
}

/*
 * Rank the groups for the vector of the query.  -EPERM, -ENOMEM; -ENOENT there are no lists, or its
 * norm is out of range: then there are none for it.
 */
static int begin(struct vexfs_query *q)
{
	const struct vexfs_lists *l = q->lists;
	struct vexfs_probe *p = q->probe;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (!l)
		return -ENOENT;
	if (q->probing)
		return 0;
	if (!p)
		p = q->probe = probe_new(l);
	if (!p)
		return -ENOMEM;
	vx_fpu_begin();
	vexfs_ladder_prepare(&l->coder, &p->ladder, q->row);
	vx_fpu_end();
	if (!p->ladder.usable) {
		q->lists = NULL;
		q->s.lists = 0;
		q->s.linked = 0;
		vexfs_query_decide(q);
		return -ENOENT;
	}
	/* what is in lists is theirs, and the rest is gone through from there; or it began elsewhere */
	if (!q->marking && q->next && vexfs_query_mark(q))
		return -ENOMEM;
	if (!q->marking)
		q->next = q->base = q->s.linked;
	vx_fpu_begin();
	vexfs_probe_groups(l, p);
	vx_fpu_end();
	lefts_make(p->closed, p->closeds);
	memset(p->done, 0, l->lists * sizeof(*p->done));
	p->lefts = p->nexts = 0;
	p->at = ~0u;
	p->listed = 0;
	p->lists = 0;
	p->strays = 0;
	q->probing = true;
	return 0;
}

/* Open the nearest group. */
static void open_group(const struct vexfs_lists *l, struct vexfs_probe *p)
{
	__u64 *entry = p->left + p->lefts, x;
	__u32 group = (__u32)p->closed[0], n;

	if (--p->closeds)
		lefts_down(p->closed, 0, p->closeds, p->closed[p->closeds]);
	vx_fpu_begin();
	n = vexfs_probe_open(l, p, group, entry);
	vx_fpu_end();
	while (n--) {
		x = p->left[p->lefts];
		lefts_up(p->left, p->lefts++, x);
	}
}

/* Fetch a list that comes soon: how many rows it has, and where they are. */
static void fetch(const struct vexfs_list *list, __u32 padded)
{
	const __u8 *block;
	__u32 bytes, i;

	if (!__atomic_load_n(&list->n, __ATOMIC_ACQUIRE))
		return;			/* it may have no extent yet */
	block = list->extent[0].data;
	bytes = list->extent[0].blocks * vexfs_list_block_bytes(padded);
	for (i = 0; i < bytes && i < 4096; i += 64)
		__builtin_prefetch(block + i);
}

/* Take the nearest list from the heap to the end of those that come next. */
static bool take_list(struct vexfs_query *q)
{
	const struct vexfs_lists *l = q->lists;
	struct vexfs_probe *p = q->probe;
	__u32 at;

	while (p->closeds && (!p->lefts || p->closed[0] >> 32 <= p->left[0] >> 32))
		open_group(l, p);
	if (!p->lefts)
		return false;
	at = (__u32)p->left[0];
	p->far[p->nexts] = p->left[0] >> 32;
	if (--p->lefts)
		lefts_down(p->left, 0, p->lefts, p->left[p->lefts]);
	p->next[p->nexts++] = at;
	fetch(l->list + at, l->coder.rotation.padded);
	return true;
}

/* Has the query looked at enough of the lists?  The next one is known. */
static bool enough(const struct vexfs_query *q, __u32 gate)
{
	const struct vexfs_probe *p = q->probe;

	if (q->effort)
		return p->lists >= q->effort;
	if (p->listed < q->enough)
		return false;
	return p->nearest <= q->lists->farthest || p->far[0] > gate;
}

/* On to the next list.  False: no other one is likely to have anything. */
static bool next_list(struct vexfs_query *q, __u32 gate)
{
	struct vexfs_probe *p = q->probe;

	while (p->nexts < VEXFS_LISTS_AHEAD && take_list(q))
		;
	if (!p->nexts)
		return false;
	if (!p->lists)
		p->nearest = p->far[0];
	if (enough(q, gate))
		return false;
	p->at = p->next[0];
	p->before[p->at] = p->listed;
	p->nexts--;
	memmove(p->next, p->next + 1, p->nexts * sizeof(*p->next));
	memmove(p->far, p->far + 1, p->nexts * sizeof(*p->far));
	p->lists++;
	return true;
}

/* A step through a list. */
static int scan(struct vexfs_query *q, __u32 at, __u32 sigma)
{
	const struct vexfs_lists *l = q->lists;
	const struct vexfs_list *list = l->list + at;
	__u32 n, kept, gate, lower, upper, scanned, i;
	struct vexfs_probe *p = q->probe;
	int err;

	n = __atomic_load_n(&list->n, __ATOMIC_ACQUIRE) - p->done[at];
	n = n < SCAN_ROWS ? n : SCAN_ROWS;
	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, false);
	if (err)
		return err;
	gate = vexfs_query_gate(q);
	vx_fpu_begin();
	vexfs_probe_list(l, p, at);
	kept = vexfs_probe_scan(list, p, p->done[at], &n, sigma, gate);
	vx_fpu_end();
	scanned = n;
	q->stats.estimated += n;
	q->stats.pruned += n;
	vx_fpu_begin();
	for (i = n = 0; i < kept; i++) {
		vexfs_ladder_refine(&p->ladder, p->two[i], sigma, &lower, &upper);
		if (lower > gate)
			continue;
		p->slot[n] = p->slot[i];
		p->lower[n] = lower;
		p->upper[n++] = upper;
	}
	vx_fpu_end();
	for (i = 0; i < n; i++)
		/* those from `linked` on are gone through otherwise */
		if (p->slot[i] < q->linked && p->slot[i] < q->count &&
		    vexfs_query_admitted(q, p->slot[i]))
			vexfs_query_add(q, p->slot[i], p->lower[i], p->upper[i]);
	vexfs_query_look_list(q, at, scanned);
	q->stats.pruned -= q->n;
	vexfs_query_publish(q);
	return q->n;
}

int vexfs_q_list(struct vexfs_query *q, __u32 at, __u32 sigma)
{
	int err = begin(q);

	sigma = sigma ?: VEXFS_SIGMA;
	if (err)
		return err;
	if (at >= q->lists->lists || sigma > VEXFS_MAX_SIGMA)
		return -EINVAL;
	return scan(q, at, sigma);
}

/* The next ones of what no list could take. */
static int strays(struct vexfs_query *q)
{
	struct vexfs_probe *p = q->probe;
	__u32 n, i;
	int err;

	n = __atomic_load_n(&q->lists->strays, __ATOMIC_ACQUIRE) - p->strays;
	if (!n)
		return -ENOENT;
	n = n < VEXFS_BATCH ? n : VEXFS_BATCH;
	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, false);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		__u64 slot = q->lists->stray[p->strays + i];

		if (slot < q->linked && slot < q->count && vexfs_query_admitted(q, slot))
			vexfs_query_add(q, slot, VEXFS_UNKNOWN, ~0u);
	}
	vexfs_query_look_strays(q, n);
	vexfs_query_publish(q);
	return q->n;
}

int vexfs_q_probe(struct vexfs_query *q, __u32 sigma)
{
	int err = begin(q);
	__u32 gate;

	sigma = sigma ?: VEXFS_SIGMA;
	if (err)
		return err;
	if (sigma > VEXFS_MAX_SIGMA)
		return -EINVAL;
	gate = vexfs_query_gate(q);
	while (q->probe->at == ~0u ||
	       q->probe->done[q->probe->at] >=
		       __atomic_load_n(&q->lists->list[q->probe->at].n, __ATOMIC_ACQUIRE))
		if (!next_list(q, gate))
			return strays(q);
	return scan(q, q->probe->at, sigma);
}
