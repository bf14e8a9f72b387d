// SPDX-License-Identifier: GPL-2.0
/*
 * How a query goes through lists: the most promising first, until no other one is likely to hold
 * what is wanted.
 *
 * Lists come in the order of their centres' distances, those that are spread out a little later
 * (rank2); those of a group are ranked once no other one is likely to have a nearer centre.  The
 * query is through when it has looked at so many rows, and the lists that come next are likely to have
 * none that is nearer than the k-th best: their edges are beyond it.  How many rows, and how far edges are
 * from centres, has been measured for the recall that is wanted (lists_tune.c).  So those that are unlike
 * what was measured, between clusters or far from all of them, go on for as long as lists promise
 * something.  One with a filter that fewer rows pass where it has looked than everywhere looks into all.
 *
 * No floating point here.
 */
#include "query.h"
#include "probe.h"

#define FEWER		80		/* per cent of what was expected: not by chance */
#define SCAN_ROWS	1024u		/* of a list, in one FPU section */

/* begin() and vexfs_query_ladder() set what they rely on. */
static struct vexfs_probe *probe_in(struct vexfs_room *room, const struct vexfs_lists *l)
{
	__u32 padded = l->coder.rotation.padded;
	size_t lists = (size_t)l->lists * (8 + 5 * 4) + (l->lists / 64 + 1) * 8;
	struct vexfs_probe *p = vexfs_room(room, sizeof(*p) + (size_t)padded * (4 + 2 + 4 + 1) +
					   lists + l->groups * (4 + 4) +
					   vexfs_axes_scratch(l->coder.dims) + 8);

	if (!p)
		return NULL;
	p->near = (struct vexfs_near *)(p + 1);
	p->known = (__u64 *)(p->near + l->lists);
	p->ladder.z = (float *)(p->known + l->lists / 64 + 1);
	p->dots = p->ladder.z + padded;
	p->done = (__u32 *)(p->dots + l->groups + l->lists);
	p->far = p->done + l->lists;
	p->turn = p->far + l->lists;
	p->link = p->turn + l->lists;
	p->ladder.scratch = p->link + l->lists + l->groups;
	p->ladder.whole = (__s16 *)((__u8 *)p->ladder.scratch + vexfs_axes_scratch(l->coder.dims));
	p->ladder.table = (__u8 *)(p->ladder.whole + padded);
	p->ladder.fine = (__s8 *)(p->ladder.table + (size_t)padded * 4);
	return p;
}

int vexfs_query_ladder(struct vexfs_query *q)
{
	const struct vexfs_lists *l = q->lists;
	struct vexfs_probe *p;

	if (!l)
		return -ENOENT;
	if (q->laddered)
		return 0;
	p = q->probe = probe_in(&q->probe_room, l);
	if (!p)
		return -ENOMEM;
	vx_fpu_begin();
	vexfs_ladder_prepare(l, &p->ladder, q->row);
	vx_fpu_end();
	if (!p->ladder.usable) {
		q->lists = NULL;
		q->s.lists = 0;
		q->s.linked = 0;
		vexfs_query_decide(q);
		return -ENOENT;
	}
	memset(p->known, 0, (l->lists / 64 + 1) * sizeof(*p->known));
	p->kept = 0;
	q->laddered = true;
	return 0;
}

/*
 * Rank the groups for the vector of the query.  -EPERM; errors of vexfs_query_ladder().
 */
static int begin(struct vexfs_query *q)
{
	const struct vexfs_lists *l = q->lists;
	struct vexfs_probe *p;
	__u32 group;
	int err;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->probing)
		return 0;
	err = vexfs_query_ladder(q);
	if (err)
		return err;
	p = q->probe;
	/* what is in lists is theirs, and the rest is gone through from there; or it began elsewhere */
	if (!q->marking && q->next && vexfs_query_mark(q))
		return -ENOMEM;
	if (!q->marking)
		q->next = q->base = q->s.linked;
	vx_fpu_begin();
	group = vexfs_probe_groups(l, p);
	vx_fpu_end();
	if (group != ~0u) {
		vx_fpu_begin();
		vexfs_probe_open(l, p, group);
		vexfs_probe_rank(l, p, group);
		vx_fpu_end();
	}
	memset(p->done, 0, l->lists * sizeof(*p->done));
	p->nexts = p->edges = 0;
	p->at = ~0u;
	p->listed = 0;
	p->lists = 0;
	p->strays = 0;
	p->met = p->matched = 0;
	p->judged = p->elsewhere = false;
	p->all_match = !q->match.p;
	q->probing = true;
	return 0;
}

/* Take what has the least rank: a list, or l->lists + a group; ~0: nothing is left. */
static __u32 take_ranked(struct vexfs_probe *p)
{
	__u32 word = p->rank / 64, entry;

	while (!p->some[word])
		if (++word == VEXFS_RANKS / 64)
			return ~0u;
	p->rank = word * 64 + __builtin_ctzll(p->some[word]);
	entry = p->head[p->rank];
	p->head[p->rank] = p->link[entry];
	if (p->link[entry] == ~0u)
		p->some[word] &= p->some[word] - 1;
	return entry;
}

/* Take the most promising list; ~0: there is no other one. */
static __u32 pop_list(struct vexfs_query *q)
{
	const struct vexfs_lists *l = q->lists;
	struct vexfs_probe *p = q->probe;
	__u32 at;

	while ((at = take_ranked(p)) >= l->lists) {
		if (at == ~0u)
			return at;
		vx_fpu_begin();
		vexfs_probe_open(l, p, at - l->lists);
		vx_fpu_end();
	}
	return at;
}

/* The same, to the end of those that come next. */
static bool take_list(struct vexfs_query *q)
{
	struct vexfs_probe *p = q->probe;
	__u32 at = pop_list(q);

	if (at == ~0u)
		return false;
	p->next[p->nexts++] = at;
	__builtin_prefetch(q->lists->list + at);
	return true;
}

/* Do clearly fewer rows match where the query has looked than everywhere? */
static bool fewer_match(const struct vexfs_query *q)
{
	const struct vexfs_probe *p = q->probe;

	return q->match.p && p->matched * 100 < p->met * q->match.matches / q->count * FEWER;
}

/* Has the query looked at as many rows as it takes, and may lists be judged by their edges now? */
static bool past_enough(struct vexfs_query *q)
{
	struct vexfs_probe *p = q->probe;

	if (p->listed < q->enough)
		return false;
	if (!p->judged) {
		p->judged = true;
		p->elsewhere = fewer_match(q);
	}
	return !p->elsewhere;
}

/* Is one of the lists that come next likely to have something that is nearer? */
static bool promising(struct vexfs_query *q, __u32 gate)
{
	struct vexfs_probe *p = q->probe;
	__u32 i;

	if (p->edges < p->nexts) {
		vx_fpu_begin();
		for (; p->edges < p->nexts; p->edges++)
			p->edge[p->edges] = vexfs_probe_edge(q->lists, p, p->next[p->edges], q->slant);
		vx_fpu_end();
	}
	for (i = 0; i < p->nexts; i++)
		if (p->edge[i] <= gate)
			return true;
	return false;
}

static __u32 drop_next(struct vexfs_probe *p)
{
	__u32 at = p->next[0];

	p->nexts--;
	memmove(p->next, p->next + 1, p->nexts * sizeof(*p->next));
	if (p->edges) {
		p->edges--;
		memmove(p->edge, p->edge + 1, p->edges * sizeof(*p->edge));
	}
	return at;
}

/* On to the next list.  False: no other one is likely to have anything. */
static bool next_list(struct vexfs_query *q, __u32 gate)
{
	struct vexfs_probe *p = q->probe;

	for (;;) {
		while (p->nexts < VEXFS_LISTS_AHEAD && take_list(q))
			;
		if (!p->nexts || (q->effort && p->lists >= q->effort))
			return false;
		if (q->effort || !past_enough(q))
			break;
		if (!promising(q, gate))
			return false;
		if (p->edge[0] <= gate)
			break;
		drop_next(p);
	}
	p->at = drop_next(p);
	p->turn[p->at] = p->lists++;
	return true;
}

/* What the list after this one has is to be fetched meanwhile. */
static void fetch_next(const struct vexfs_query *q)
{
	struct vexfs_probe *p = q->probe;
	const struct vexfs_list *list = p->nexts ? q->lists->list + p->next[0] : NULL;

	p->ahead = p->ahead_end = NULL;
	if (!list || !__atomic_load_n(&list->n, __ATOMIC_ACQUIRE))
		return;			/* it may have no extent yet */
	p->ahead = list->extent[0][VEXFS_BLOCKS].data;
	p->ahead_end = p->ahead + list->extent[0][VEXFS_BLOCKS].end *
					  vexfs_list_block_bytes(p->ladder.padded);
}

/* Rows of a list that were not looked at. */
static __u32 rest_of(const struct vexfs_query *q, __u32 at)
{
	return __atomic_load_n(&q->lists->list[at].n, __ATOMIC_ACQUIRE) - q->probe->done[at];
}

/*
 * The next rows of a list, n at most, for as long as there is room for what they leave.  Returns how
 * many.
 */
static __u32 scan(struct vexfs_query *q, __u32 at, __u32 n, __u32 sigma, __u32 gate)
{
	struct vexfs_probe *p = q->probe;
	__u32 rest = rest_of(q, at);

	n = n < rest ? n : rest;
	fetch_next(q);
	vx_fpu_begin();
	vexfs_probe_list(q->lists, p, at);
	n = vexfs_probe_scan(q->lists, p, at, p->done[at], n, sigma, gate);
	vx_fpu_end();
	q->stats.estimated += n;
	q->stats.pruned += n;
	/* slots that are looked at are marked once they are in the batch */
	if (!q->marking)
		vexfs_query_look_list(q, at, n);
	return n;
}

/* What does not match goes before levels of its second rung are looked at: of rows from `from` on */
static void drop_others(struct vexfs_query *q, __u32 from)
{
	struct vexfs_probe *p = q->probe;
	__u32 i, kept = from;

	for (i = from; i < p->kept; i++) {
		if (!vexfs_match_mask(&q->match, p->two[i]->slot, 1))
			continue;
		__builtin_prefetch((const char *)p->two[i] + 64);
		p->two[kept] = p->two[i];
		memcpy(&p->plus[kept], &p->plus[i], sizeof(*p->plus));
		memcpy(&p->reach[kept++], &p->reach[i], sizeof(*p->reach));
	}
	p->met += p->kept - from;
	p->matched += kept - from;
	p->kept = kept;
}

/* What was scanned becomes the batch; the last n rows, of the list `at`, if they are to be marked. */
static int take_scanned(struct vexfs_query *q, __u32 at, __u32 n, __u32 sigma, __u32 gate)
{
	struct vexfs_probe *p = q->probe;
	__u32 left, i;

	vx_fpu_begin();
	left = vexfs_probe_refine(p, sigma, gate);
	vx_fpu_end();
	for (i = 0; i < left; i++)
		/* those from `linked` on are gone through otherwise */
		if (p->slot[i] < q->linked && p->slot[i] < q->count &&
		    vexfs_query_admitted(q, p->slot[i]))
			vexfs_query_add(q, p->slot[i], p->lower[i], p->upper[i]);
	if (q->marking)
		vexfs_query_look_list(q, at, n);
	q->stats.pruned -= q->n;
	vexfs_query_publish(q);
	return q->n;
}

int vexfs_q_list(struct vexfs_query *q, __u32 at, __u32 sigma)
{
	int err = begin(q);
	__u32 n = SCAN_ROWS, gate;

	sigma = sigma ?: VEXFS_SIGMA;
	if (err)
		return err;
	if (at >= q->lists->lists || sigma > VEXFS_MAX_SIGMA)
		return -EINVAL;
	if (n > rest_of(q, at))
		n = rest_of(q, at);
	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, false);
	if (err)
		return err;
	q->probe->lists += n && !q->probe->done[at] && at != q->probe->at;
	gate = vexfs_query_gate(q);
	return take_scanned(q, at, scan(q, at, n, sigma, gate), sigma, gate);
}

struct vexfs_probed *vexfs_q_probes(struct vexfs_query *q)
{
	struct vexfs_probe *p;
	__u32 n, at, i;

	if (begin(q) || vexfs_query_go_on(q))
		return NULL;
	p = q->probe;
	for (n = 0; n < VEXFS_BATCH; n++) {
		/* first what was taken, but not looked into */
		at = n < p->nexts ? p->next[n] : pop_list(q);
		if (at == ~0u)
			break;
		p->probed[n].list = at;
		p->probed[n].rows = READ_ONCE(q->lists->list[at].n);
	}
	p->nexts = p->edges = 0;
	vx_fpu_begin();
	for (i = 0; i < n; i++)
		p->probed[i].key = vexfs_widen_key(p->far[p->probed[i].list]);
	vx_fpu_end();
	for (; n < VEXFS_BATCH; n++)
		p->probed[n] = (struct vexfs_probed){ .key = ~0ULL, .list = ~0u };
	return p->probed;
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
	__u32 gate, n = SCAN_ROWS, rows = 0, last = 0, kept, why = q->why;
	struct vexfs_probe *p;
	int err = begin(q);

	sigma = sigma ?: q->sigma;
	if (err)
		return err;
	if (sigma > VEXFS_MAX_SIGMA)
		return -EINVAL;
	p = q->probe;
	gate = vexfs_query_gate(q);
	while (p->at == ~0u || !rest_of(q, p->at))
		if (!next_list(q, gate))
			return strays(q);
	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, false);
	if (err)
		return err;
	/* short lists are many: a call goes through some of them */
	for (;;) {
		kept = p->kept;
		last = scan(q, p->at, n - rows, sigma, gate);
		rows += last;
		if (q->match.p)
			drop_others(q, kept);
		if (q->marking || rows == n || p->kept > VEXFS_BATCH - VEXFS_CODE_BLOCK)
			break;
		if (!rest_of(q, p->at) && !next_list(q, gate))
			break;
	}
	if (rows < n)
		q->why = why;		/* charge() had cut what there is not */
	return take_scanned(q, p->at, last, sigma, gate);
}
