// SPDX-License-Identifier: GPL-2.0
/*
 * Multi-probe hashing (Lv et al., VLDB 2007) of the 1-bit codes that rows have.
 *
 * A code is the signs of a row after a random rotation, so any few of its bits are a hash that near
 * rows are likely to share.  Each table takes other bits.  A query looks into the bucket that has
 * its own bits, then into those in which it is most likely to have missed a neighbour: where few
 * bits differ, and where its own coordinate is close to zero.  Buckets come in the order of the sum
 * of what would have to change (its margins), of all tables together; the paper's section 4.4 makes
 * them one from the other: from a set of flipped bits, in the order of their margins, follow the one
 * with its last bit moved on by one, and the one with that bit added.
 *
 * Tables never change once they are made.  Slots that came since are estimated one by one, and when
 * they are many there are other tables.  Dead slots stay: queries leave them out.  No floating point
 * here.
 */
#include "lsh.h"
#include "heap.h"

#define ROWS_PER_BUCKET	32
#define MIN_BITS	4
#define STEP		4096		/* rows between looks at whether to stop */
#define FIRST_ROOM	256		/* for buckets that may come next */
#define TABLE		24		/* of such a bucket: where its table begins, see lsh.h */
#define PLACE		16

/* --- tables --- */

static __u32 bits_for(__u64 rows)
{
	__u32 bits = MIN_BITS;

	while (bits < VEXFS_MAX_TABLE_BITS && rows >> bits > ROWS_PER_BUCKET)
		bits++;
	return bits;
}

static __u32 tables_for(__u32 dims, __u32 bits)
{
	__u32 n = (dims + 63) / 64 * 64 / bits;

	return n < VEXFS_MAX_TABLES ? n : VEXFS_MAX_TABLES;
}

__u64 vexfs_lsh_cost(__u32 dims, __u64 rows)
{
	__u32 bits = bits_for(rows);

	return sizeof(struct vexfs_lsh) +
	       tables_for(dims, bits) * ((1u << bits) + 2 + rows + 1) * sizeof(__u32);
}

__u64 vexfs_lsh_bytes(const struct vexfs_lsh *l)
{
	return l->bytes;
}

__u64 vexfs_lsh_count(const struct vexfs_lsh *l)
{
	return l->count;
}

__u32 vexfs_lsh_tables(const struct vexfs_lsh *l)
{
	return l->tables;
}

void vexfs_lsh_free(struct vexfs_lsh *l)
{
	__u32 t;

	if (!l)
		return;
	for (t = 0; t < l->tables; t++) {
		vx_efree(l->first[t]);
		vx_efree(l->slot[t]);
	}
	vx_efree(l);
}

/* The bucket of a slot in a table; ~0: none. */
static __u32 bucket_of(const struct vexfs_lsh *l, const __u64 *signs, __u32 t)
{
	__u32 at = t * l->bits, word = at / 64, shift = at % 64;
	__u64 x;

	if (!signs)
		return t ? ~0u : 1u << l->bits;
	x = signs[word] >> shift;
	if (shift + l->bits > 64)
		x |= signs[word + 1] << (64 - shift);
	return (__u32)x & ((1u << l->bits) - 1);
}

/* Go through all rows: count them, place false, or put them where they belong.  -EINTR. */
static int go_through(struct vexfs_lsh *l, const struct vexfs_codes *codes, bool place,
		      bool (*stop)(void *arg), void *arg)
{
	const __u64 *signs;
	__u32 t, b;
	__u64 i;

	for (i = 0; i < l->count; i++) {
		signs = vexfs_codes_signs(codes, i);
		for (t = 0; t < l->tables; t++) {
			b = bucket_of(l, signs, t);
			if (b == ~0u)
				continue;
			if (place)
				l->slot[t][l->first[t][b]++] = (__u32)i;
			else
				l->first[t][b]++;
		}
		if (i % STEP)
			continue;
		if (vx_ekilled() || (stop && stop(arg)))
			return -EINTR;
		vx_yield();
	}
	return 0;
}

struct vexfs_lsh *vexfs_lsh_new(const struct vexfs_codes *codes, int *err, bool (*stop)(void *arg),
				void *arg)
{
	struct vexfs_lsh *l = vx_ealloc_optional(sizeof(*l));
	__u32 t, b, n, sum, buckets;

	*err = -ENOMEM;
	if (!l)
		return NULL;
	l->count = vexfs_codes_count(codes);
	l->bits = bits_for(l->count);
	l->tables = tables_for(vexfs_codes_dims(codes), l->bits);
	l->bytes = vexfs_lsh_cost(vexfs_codes_dims(codes), l->count);
	buckets = (1u << l->bits) + 1;
	for (t = 0; t < l->tables; t++) {
		l->first[t] = vx_ealloc_optional((buckets + 1) * sizeof(__u32));
		l->slot[t] = vx_ealloc_optional((l->count + 1) * sizeof(__u32));
		if (!l->first[t] || !l->slot[t])
			goto fail;
	}
	*err = go_through(l, codes, false, stop, arg);
	if (*err)
		goto fail;
	for (t = 0; t < l->tables; t++)
		for (b = sum = 0; b <= buckets; b++) {
			n = l->first[t][b];
			l->first[t][b] = sum;
			sum += n;
		}
	*err = go_through(l, codes, true, stop, arg);
	if (*err)
		goto fail;
	/* each bucket begins where the one before it has ended */
	for (t = 0; t < l->tables; t++) {
		memmove(l->first[t] + 1, l->first[t], buckets * sizeof(__u32));
		l->first[t][0] = 0;
	}
	return l;
fail:
	vexfs_lsh_free(l);
	return NULL;
}

/* --- queries --- */

/* -EPERM; -ENOENT there are no tables, or none for this vector; -ENOMEM. */
static int begin(struct vexfs_query *q)
{
	const struct vexfs_lsh *l = q->lsh;
	__u32 t;
	int err;

	if (q->phase != VEXFS_PHASE_SEARCH)
		return -EPERM;
	if (q->bucketing)
		return 0;
	q->tables_wanted |= !q->have_lsh;
	if (!l || !q->codes)		/* this attempt may have to do without */
		return -ENOENT;
	if (!q->buckets)
		q->buckets = vx_ealloc(sizeof(*q->buckets));
	if (!q->buckets)
		return -ENOMEM;
	err = vexfs_query_estimator(q);
	if (err)
		return err;
	if (!q->estimator->usable) {
		q->lsh = NULL;
		q->s.tables = 0;
		q->s.tabled = 0;
		vexfs_query_decide(q);
		return -ENOENT;
	}
	vx_fpu_begin();
	for (t = 0; t < l->tables; t++)
		q->buckets->code[t] = vexfs_rabitq_margins(q->estimator, t * l->bits, l->bits,
							   q->buckets->margin[t]);
	vx_fpu_end();
	/* a program may read all of them, and the memory may be that of another query */
	for (t = 0; t < l->tables; t++)
		memset(q->buckets->margin[t] + l->bits, 0,
		       (VEXFS_MAX_TABLE_BITS - l->bits) * sizeof(*q->buckets->margin[t]));
	q->bucketing = true;
	return 0;
}

int vexfs_q_signature(struct vexfs_query *q, __u32 table)
{
	int err = begin(q);

	if (err)
		return err;
	return table < q->lsh->tables ? (int)q->buckets->code[table] : -EINVAL;
}

const __u32 *vexfs_q_margins(struct vexfs_query *q, __u32 table)
{
	if (begin(q) || table >= q->lsh->tables)
		return NULL;
	return q->buckets->margin[table];
}

int vexfs_q_bucket(struct vexfs_query *q, __u32 table, __u32 code, __u32 at, __u32 sigma)
{
	const struct vexfs_lsh *l = q->lsh;
	const __u32 *slot;
	__u32 size, n, i;
	__u64 looked;
	int err = begin(q);

	sigma = sigma ?: VEXFS_SIGMA;
	if (err)
		return err;
	if (table >= l->tables || code > 1u << l->bits || sigma > VEXFS_MAX_SIGMA)
		return -EINVAL;
	size = l->first[table][code + 1] - l->first[table][code];
	if (at >= size)
		return -ENOENT;
	n = size - at < VEXFS_BATCH ? size - at : VEXFS_BATCH;
	err = vexfs_query_charge(q, &n) ?: vexfs_query_new_batch(q, true);
	if (err)
		return err;
	looked = q->looked;
	slot = l->slot[table] + l->first[table][code] + at;
	for (i = 0; i < n; i++) {
		/* another table may have shown it */
		if (slot[i] >= q->count || q->seen[slot[i] / 64] >> slot[i] % 64 & 1)
			continue;
		vexfs_codes_fetch(q->codes, slot[i]);
		if (vexfs_query_admitted(q, slot[i]))
			vexfs_query_add(q, slot[i], VEXFS_UNKNOWN, ~0u);
		vexfs_query_look(q, slot[i], slot[i] + 1, 0);
	}
	q->visited += q->looked - looked;
	err = vexfs_query_bound(q, 1, sigma);
	if (err)
		return err;
	vexfs_query_publish(q);
	return q->n;
}

/* --- the built-in strategy's order --- */

static inline bool sooner(const __u64 *a, const __u64 *b)
{
	return *a < *b;
}

VEXFS_HEAP(nexts, __u64, sooner)

/* Bits of a table in the order of their margins. */
static void order_bits(struct vexfs_buckets *b, __u32 t, __u32 bits)
{
	__u8 *order = b->order[t];
	__u32 i, k;

	for (i = 0; i < bits; i++) {
		for (k = i; k && b->margin[t][order[k - 1]] > b->margin[t][i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
}

/* One more bucket that may come next.  -ENOMEM. */
static int push(struct vexfs_buckets *b, __u64 entry)
{
	__u32 room = b->room ? 2 * b->room : FIRST_ROOM;
	__u64 *next;

	if (b->nexts == b->room) {
		next = vx_ealloc((size_t)room * sizeof(*next));
		if (!next)
			return -ENOMEM;
		if (b->nexts)
			memcpy(next, b->next, b->nexts * sizeof(*next));
		vx_efree(b->next);
		b->next = next;
		b->room = room;
	}
	nexts_up(b->next, b->nexts++, entry);
	return 0;
}

/* What has no code comes first, then the buckets that the query has in all tables.  -ENOMEM. */
static int begin_order(struct vexfs_query *q)
{
	struct vexfs_buckets *b = q->buckets;
	int err = 0;
	__u32 t;

	b->nexts = b->begun = b->at = b->table = 0;
	b->bucket = 1u << q->lsh->bits;
	for (t = 0; !err && t < q->lsh->tables; t++) {
		order_bits(b, t, q->lsh->bits);
		err = push(b, (__u64)t << TABLE | b->code[t]);
	}
	return err;
}

/* On to the next bucket.  -ENOENT: there is no other one; -ENOMEM. */
static int next_bucket(struct vexfs_query *q)
{
	struct vexfs_buckets *b = q->buckets;
	const __u32 *margin;
	const __u8 *order;
	__u64 top, more;
	__u32 place;
	int err = 0;

	if (!b->nexts)
		return -ENOENT;
	top = b->next[0];
	b->table = (__u32)top >> TABLE;
	b->bucket = top & 0xffff;
	b->at = 0;
	place = top >> PLACE & 0xff;
	if (place == q->lsh->bits) {
		if (--b->nexts)
			nexts_down(b->next, 0, b->nexts, b->next[b->nexts]);
		return 0;
	}
	order = b->order[b->table];
	margin = b->margin[b->table];
	more = ((top + ((__u64)margin[order[place]] << 32)) ^ 1u << order[place]) + (1u << PLACE);
	if (place)
		err = push(b, (more - ((__u64)margin[order[place - 1]] << 32)) ^
				      1u << order[place - 1]);
	nexts_down(b->next, 0, b->nexts, more);
	return err;
}

int vexfs_q_next_bucket(struct vexfs_query *q, __u32 sigma)
{
	bool began = q->bucketing;
	int n = begin(q);

	if (!n && !began)
		n = begin_order(q);
	while (!n) {
		struct vexfs_buckets *b = q->buckets;

		n = vexfs_q_bucket(q, b->table, b->bucket, b->at, sigma);
		if (n >= 0) {
			b->at += VEXFS_BATCH;
			return n;
		}
		if (n != -ENOENT)
			return n;
		/* what has no code, and empty buckets, are no effort */
		b->begun += b->at && b->bucket >> q->lsh->bits == 0;
		n = b->begun < (q->effort ?: VEXFS_DEFAULT_BUCKETS) ? next_bucket(q) : -ENOENT;
	}
	return n;
}
