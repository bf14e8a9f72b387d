// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a query: the pool in double precision, in order, whether anything may be missing, and
 * not too much of one file.
 */
#include "query.h"
#include "heap.h"

struct final {
	__u64 key, id, slot;
	__u32 total;			/* the f32 key by which it was chosen */
};

static inline bool final_above(const struct final *a, const struct final *b)
{
	return a->key != b->key ? a->key > b->key : a->id > b->id;
}

VEXFS_HEAP(finals, struct final, final_above)

int vexfs_query_enlarge(struct vexfs_query *q)
{
	__u32 cap = q->pool.cap, max = vexfs_query_max_pool(q);

	if (cap >= max)
		return -EFBIG;
	q->pool.cap = cap < max / 4 ? cap * 4 : max;
	return -EAGAIN;
}

/*
 * Measure an entry of the pool, whose row is pinned, in double precision; appended to f unless it
 * has died or is too far.
 */
static void finalize(struct vexfs_query *q, const struct vexfs_entry *e, const struct vx_seg *seg,
		     int segs, struct final *f, __u32 *n)
{
	__u64 key;

	vx_fpu_begin();
	key = vexfs_measure_f64(&q->prep, seg, segs, e->penalty);
	vx_fpu_end();
	q->stats.rescored++;
	if (!vexfs_query_admits(q, e->slot) || (q->range && key > q->radius))
		return;
	f[*n].key = key;
	f[*n].slot = e->slot;
	f[*n].total = e->key;
	f[(*n)++].id = vexfs_columns_id(q->cols, e->slot);
}

/*
 * `count` entries of the pool in double precision, behind the n that f has: first what is in
 * memory; the rest is read, all of PENDING rows submitted before one is waited for.  Once the time
 * is up no more than a batch is.  Changes the order of the entries.  How many f has now, or an
 * error.
 */
static int measure_entries(struct vexfs_query *q, struct vexfs_entry *e, __u32 count,
			   struct final *f, __u32 n)
{
	struct vx_seg seg[VX_ROW_SEGS];
	__u32 i, k, ahead, absent = 0;
	struct vexfs_entry x;
	int segs;

	for (i = 0; i < count; i++)
		vexfs_columns_fetch(q->cols, e[i].slot);
	for (i = 0; i < count; i++) {
		segs = vx_rows_get(q->rows, e[i].slot, seg);
		if (segs >= 0) {
			finalize(q, &e[i], seg, segs, f, &n);
			vx_rows_put(q->rows);
		} else {
			x = e[absent];
			e[absent++] = e[i];
			e[i] = x;
		}
		if (i % 64 == 63) {
			if (vx_ekilled())
				return -EINTR;
			vx_yield();
		}
	}
	for (i = 0; i < absent; i += ahead) {
		ahead = absent - i < PENDING ? absent - i : PENDING;
		for (k = 0; k < ahead; k++)
			q->pending[k] = e[i + k].slot;
		vx_rows_ahead(q->rows, q->pending, ahead);
		for (k = 0; k < ahead; k++) {
			if (i + k && (i + k) % VEXFS_BATCH == 0 && vexfs_query_late(q))
				return n;
			segs = vx_rows_wait(q->rows, e[i + k].slot, seg);
			if (segs < 0) {
				segs = vexfs_query_damage(q, e[i + k].slot, segs);
				if (segs < 0)
					return segs;
				continue;
			}
			q->stats.fetched++;
			finalize(q, &e[i + k], seg, segs, f, &n);
			vx_rows_put(q->rows);
		}
	}
	return n;
}

/*
 * Is everything whose f32 total has at least this key behind the first k of f, which is sorted, for
 * certain?
 */
static bool settled(struct vexfs_query *q, const struct final *f, __u32 n, __u32 key)
{
	bool sure;

	if (n < q->s.k + q->range)
		return false;
	vx_fpu_begin();
	sure = vexfs_certify(&q->prep, f[q->s.k - 1].key, key, q->max_norm2);
	vx_fpu_end();
	return sure;
}

/*
 * The pool in double precision, in order, as far as it may matter and there is time.  How many, or
 * an error.
 */
static int measure_pool(struct vexfs_query *q, struct final *f)
{
	struct vexfs_pool *p = &q->pool;
	__u32 from = 0, to = q->s.k + q->range;
	int n = 0;

	vexfs_pool_sort(p);
	while (from < p->n) {
		if (to > p->n)
			to = p->n;
		n = measure_entries(q, p->entry + from, to - from, f, n);
		if (n < 0)
			return n;
		finals_make(f, n);
		finals_drain(f, n, n);
		if (to < p->n && (settled(q, f, n, p->entry[to].key) || vexfs_query_late(q)))
			break;
		from = to;
		to *= 2;
	}
	return n;
}

/*
 * Was nothing refused that belongs among the first k of f, which is sorted?  And in a range search,
 * are there more than k if anything was refused?
 */
static bool is_sure(struct vexfs_query *q, const struct final *f, __u32 n)
{
	return !q->pool.any_refused || settled(q, f, n, q->pool.refused);
}

/*
 * Might one of those that were pruned by their bounds belong among the first k?  Because records
 * died, or turned out to be damaged, that had tightened the gate, or because a bound was wrong, which
 * happens now and then.
 */
static bool missed(struct vexfs_query *q, const struct final *f, __u32 n)
{
	__u32 i;

	/* the strategy did not get to its end, or did not want to */
	if (q->why || q->deferred.n)
		return false;
	if (q->probing || q->bucketing)	/* some may be missing, but not for want of looking */
		return n < q->s.k && vexfs_query_looked(q) < q->count;
	if (q->deferred.refused == ~0u || q->deferred.refused > vexfs_query_radius_gate(q))
		return false;
	for (i = 0; i < n && i < q->s.k; i++)
		if (f[i].total > q->deferred.refused)
			return true;
	return n < q->s.k;
}

/* How often each file was seen, by open addressing. */
struct seen_file {
	const struct vexfs_file *file;	/* NULL: free */
	__u32 n;
};

static __u32 *times_seen(struct seen_file *t, __u32 mask, const struct vexfs_file *file)
{
	__u32 i = ((unsigned long)file >> 4) * 0x9e3779b1u >> 7 & mask;

	while (t[i].file && t[i].file != file)
		i = (i + 1) & mask;
	t[i].file = file;
	return &t[i].n;
}

/*
 * Of n in order the first `want`, those left out of which per_file better ones have the file.  How
 * many, or -ENOMEM.
 */
static int thin(struct vexfs_query *q, struct final *f, __u32 n, __u32 want)
{
	const struct vexfs_file *file;
	__u32 size = 64, kept = 0, i;
	struct seen_file *t;

	while (size < 2 * n)
		size *= 2;
	t = vx_ealloc(size * sizeof(*t));
	if (!t)
		return -ENOMEM;
	for (i = 0; i < n && kept < want; i++) {
		file = vexfs_columns_file(q->cols, f[i].slot);
		if (!file || (*times_seen(t, size - 1, file))++ < q->per_file)
			f[kept++] = f[i];
	}
	vx_efree(t);
	return kept;
}

/*
 * Search for four times as many, if that is allowed: -EAGAIN, else -EFBIG.  -ENOMEM: the query is
 * of no use any more.
 */
static int widen(struct vexfs_query *q)
{
	__u32 k = q->s.k;

	if (k >= VEXFS_MAX_RANGE)
		return -EFBIG;
	k = k < VEXFS_MAX_RANGE / 4 ? k * 4 : VEXFS_MAX_RANGE;
	q->deferred.upper.k = 0;		/* it has to grow with k, too */
	q->s.k = k;
	q->stats.restart[VEXFS_RESTART_FILES]++;
	return vexfs_pool_init(&q->pool, k, vexfs_pool_cap(k)) ?: -EAGAIN;
}

/*
 * The hits among the n best in order, which are all that there are unless `more`; more: out, did
 * any have to go?  How many there are now, or an error: -EAGAIN, search again.
 */
static int pick(struct vexfs_query *q, struct final *f, __u32 n, bool *more, __u32 *truncated)
{
	__u32 want = q->k + q->range;
	int kept, err;

	if (!q->per_file)
		return n;
	kept = thin(q, f, n, want);
	if (kept < 0)
		return kept;
	if ((__u32)kept < want && *more && !q->why) {
		err = widen(q);
		if (err != -EFBIG)
			return err;
		*truncated |= VEXFS_TRUNC_FILES;
	}
	*more = (__u32)kept > q->k;
	return (__u32)kept < q->k ? kept : (int)q->k;
}

int vexfs_query_finish(struct vexfs_query *q, struct vexfs_hit_f *hits, __u32 *truncated)
{
	bool more;
	struct final *f = vx_ealloc(((size_t)q->pool.n + 1) * sizeof(*f));
	int n, i;

	*truncated = 0;
	if (!f)
		return -ENOMEM;
	n = measure_pool(q, f);
	if (n < 0)
		goto out;
	if (missed(q, f, n)) {
		if (!q->probing && !q->bucketing)
			q->codes = NULL;	/* measure everything ... */
		if (q->probing)
			q->lists = NULL;	/* ... look at everything */
		if (q->bucketing)
			q->lsh = NULL;
		q->stats.restart[VEXFS_RESTART_ESTIMATE]++;
		n = -EAGAIN;
		goto out;
	}
	/*
	 * an answer that came late is better than none, and says already that something may be
	 * missing
	 */
	if (!(q->why & VEXFS_TRUNC_DEADLINE) && !is_sure(q, f, n)) {
		if (vexfs_query_enlarge(q) == -EAGAIN) {
			q->stats.restart[VEXFS_RESTART_PRECISION]++;
			n = -EAGAIN;
			goto out;
		}
		*truncated |= VEXFS_TRUNC_PRECISION;
	}
	more = n >= (int)(q->s.k + q->range);
	if (n > (int)q->s.k)
		n = q->s.k;
	n = pick(q, f, n, &more, truncated);
	if (n < 0)
		goto out;
	if (q->range && more)
		*truncated |= VEXFS_TRUNC_LIMIT;
	for (i = 0; i < n; i++) {
		hits[i].slot = f[i].slot;
		hits[i].id = f[i].id;
		hits[i].distance = vexfs_key_bits(f[i].key);
	}
	/* what matches is not known of records that are lost */
	if (q->match.p && vexfs_columns_any_lost(q->cols, !q->as_of))
		q->damaged = true;
	*truncated |= q->why | (q->damaged ? VEXFS_TRUNC_DAMAGED : 0);
	if (n < (int)q->k && !q->why && (vexfs_query_looked(q) < q->count || q->deferred.n || q->dropped))
		*truncated |= VEXFS_TRUNC_STRATEGY;
out:
	vx_efree(f);
	return n;
}
