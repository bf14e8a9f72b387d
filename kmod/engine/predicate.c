// SPDX-License-Identifier: GPL-2.0
/*
 * Predicates over the attribute columns: checked once, evaluated a chunk at a time on a stack of
 * bitmaps, remembered as a bitmap over the slots.
 *
 * The bitmap hangs on a table of segments, each as large as all before it, so that it grows without
 * moving while queries read it.
 */
#include "internal.h"

#define CHUNK_WORDS	(VEXFS_CHUNK_SLOTS / 64)
#define SEGMENT_WORDS	1024u		/* of the first segment and the second */
#define SEGMENTS	17		/* VEXFS_MAX_SLOTS */
_Static_assert((__u64)SEGMENT_WORDS * 64 << (SEGMENTS - 1) == VEXFS_MAX_SLOTS,
	       "segments of a bitmap");
#define FEW_VALUES	32		/* compared one by one: a chunk in about 4 us */
#define MANY_COST	8		/* a chunk of a leaf with more of them, in leaves with few */
#define PAUSE		16		/* leaves with few values, between looks at the clock */

struct vexfs_predicate {
	struct vexfs_condition c;	/* its arrays follow this struct */
	__u64 bytes;
	__u32 cost;			/* of a chunk, in leaves with few values */
	/* what one caller at a time changes */
	__u64 count;			/* slots evaluated */
	__u64 matches;
	__u64 *segment[SEGMENTS];
	__u64 stack[VEXFS_MAX_PREDICATE_DEPTH][CHUNK_WORDS];
};

static int check_leaf(const struct vexfs_condition *c, const struct vexfs_predicate_node *x,
		      __u32 attrs, __u32 keywords)
{
	__u32 i;

	if (x->attr >= attrs)
		return -ENXIO;
	if (x->op != VEXFS_PRED_EQ && x->op != VEXFS_PRED_IN && keywords >> x->attr & 1)
		return -EPROTOTYPE;
	if (x->op != VEXFS_PRED_IN)
		return x->first || x->n ? -EBADMSG : 0;
	if (x->value || !x->n || x->first > c->values || x->n > c->values - x->first)
		return -EBADMSG;
	for (i = x->first + 1; i < x->first + x->n; i++)
		if (c->value[i - 1] >= c->value[i])
			return -EBADMSG;
	return 0;
}

int vexfs_condition_check(const struct vexfs_condition *c, __u32 attrs, __u32 keywords)
{
	__u32 i, depth = 0, pops;
	int err;

	if (c->n > VEXFS_MAX_PREDICATE || c->values > VEXFS_MAX_PREDICATE_VALUES)
		return -E2BIG;
	for (i = 0; i < c->n; i++) {
		const struct vexfs_predicate_node *x = &c->node[i];

		if (x->reserved)
			return -EBADMSG;
		switch (x->op) {
		case VEXFS_PRED_EQ:
		case VEXFS_PRED_LT:
		case VEXFS_PRED_MASK:
		case VEXFS_PRED_IN:
			err = check_leaf(c, x, attrs, keywords);
			if (err)
				return err;
			pops = 0;
			break;
		case VEXFS_PRED_AND:
		case VEXFS_PRED_OR:
		case VEXFS_PRED_NOT:
			if (x->attr || x->first || x->n || x->value)
				return -EBADMSG;
			pops = x->op == VEXFS_PRED_NOT ? 1 : 2;
			break;
		default:
			return -EBADMSG;
		}
		if (depth < pops)
			return -EBADMSG;
		depth += 1 - pops;
		if (depth > VEXFS_MAX_PREDICATE_DEPTH)
			return -EBADMSG;
	}
	return depth == 1 ? 0 : -EBADMSG;
}

struct vexfs_predicate *vexfs_predicate_new(const struct vexfs_condition *c)
{
	size_t nodes = c->n * sizeof(*c->node), values = c->values * sizeof(*c->value);
	struct vexfs_predicate *p = vx_ealloc(sizeof(*p) + nodes + values);
	char *at = (char *)(p + 1);
	__u32 i;

	if (!p)
		return NULL;
	p->c = (struct vexfs_condition){
		.node = (void *)at, .value = (void *)(at + nodes), .n = c->n, .values = c->values
	};
	memcpy(at, c->node, nodes);
	if (values)
		memcpy(at + nodes, c->value, values);
	p->bytes = sizeof(*p) + nodes + values;
	for (i = 0; i < c->n; i++)
		p->cost += c->node[i].n > FEW_VALUES ? MANY_COST : 1;
	return p;
}

void vexfs_predicate_free(struct vexfs_predicate *p)
{
	__u32 i;

	if (!p)
		return;
	for (i = 0; i < SEGMENTS; i++)
		vx_efree(p->segment[i]);
	vx_efree(p);
}

bool vexfs_predicate_is(const struct vexfs_predicate *p, const struct vexfs_condition *c)
{
	return p->c.n == c->n && p->c.values == c->values &&
	       !memcmp(p->c.node, c->node, c->n * sizeof(*c->node)) &&
	       (!c->values || !memcmp(p->c.value, c->value, c->values * sizeof(*c->value)));
}

__u64 vexfs_predicate_bytes(const struct vexfs_predicate *p)
{
	return __atomic_load_n(&p->bytes, __ATOMIC_RELAXED);
}

static __u32 segment_of(__u64 word)
{
	word /= SEGMENT_WORDS;
	return word ? 64 - __builtin_clzll(word) : 0;
}

static __u64 *word_at(const struct vexfs_predicate *p, __u64 word)
{
	__u32 i = segment_of(word);

	return p->segment[i] + (i ? word - ((__u64)SEGMENT_WORDS << (i - 1)) : word);
}

/* The segments that hold these words; whole chunks never cross one. */
static int reserve(struct vexfs_predicate *p, __u64 word)
{
	__u32 i = segment_of(word);
	size_t bytes = (size_t)SEGMENT_WORDS * sizeof(__u64) << (i ? i - 1 : 0);

	if (p->segment[i])
		return 0;
	p->segment[i] = vx_ealloc(bytes);
	if (!p->segment[i])
		return -ENOMEM;
	__atomic_store_n(&p->bytes, p->bytes + bytes, __ATOMIC_RELAXED);
	return 0;
}

static bool is_in(const __s64 *value, __u32 n, __s64 x)
{
	__u32 at = 0;			/* value[at] <= x, if any is */

	for (; n > 1; n -= n / 2)
		if (value[at + n / 2] <= x)
			at += n / 2;
	return value[at] == x;
}

void vexfs_in_scalar(const __s64 *col, const __s64 *value, __u32 n, __u32 words, __u64 *out)
{
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64)
		for (i = 0, out[w] = 0; i < 64; i++)
			out[w] |= (__u64)is_in(value, n, col[i]) << i;
}

void vexfs_less_scalar(const __s64 *col, __s64 value, __u32 words, __u64 *out)
{
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64)
		for (i = 0, out[w] = 0; i < 64; i++)
			out[w] |= (__u64)(col[i] < value) << i;
}

void vexfs_mask_scalar(const __s64 *col, __s64 value, __u32 words, __u64 *out)
{
	__u32 w, i;

	for (w = 0; w < words; w++, col += 64)
		for (i = 0, out[w] = 0; i < 64; i++)
			out[w] |= (__u64)((col[i] & value) != 0) << i;
}

static void leaf(const struct vexfs_condition *c, const struct vexfs_predicate_node *x,
		 const __s64 *col, __u32 words, __u64 *out)
{
	const __s64 *value = x->op == VEXFS_PRED_IN ? c->value + x->first : &x->value;
	__u32 n = x->op == VEXFS_PRED_IN ? x->n : 1;
	const struct vexfs_kernels *k = vexfs_kernels();

	if (n > FEW_VALUES) {
		vexfs_in_scalar(col, value, n, words, out);
		return;
	}
	vx_fpu_begin();
	if (x->op == VEXFS_PRED_LT)
		k->less(col, *value, words, out);
	else if (x->op == VEXFS_PRED_MASK)
		k->mask(col, *value, words, out);
	else
		k->in(col, value, n, words, out);
	vx_fpu_end();
}

/* Evaluate `words` words of one chunk from a slot on; the result is stack[0]. */
static void evaluate(struct vexfs_predicate *p, const struct vexfs_columns *c, __u64 slot,
		     __u32 words)
{
	__u32 i, w, depth = 0;

	for (i = 0; i < p->c.n; i++) {
		const struct vexfs_predicate_node *x = &p->c.node[i];
		__u64 *top;

		if (x->op < VEXFS_PRED_AND) {
			leaf(&p->c, x,
			     vexfs_columns_column(c, slot, x->attr) + slot % VEXFS_CHUNK_SLOTS,
			     words, p->stack[depth++]);
			continue;
		}
		if (x->op != VEXFS_PRED_NOT)
			depth--;
		top = p->stack[depth - 1];
		for (w = 0; w < words; w++)
			top[w] = x->op == VEXFS_PRED_AND ? top[w] & p->stack[depth][w] :
				 x->op == VEXFS_PRED_OR ? top[w] | p->stack[depth][w] :
							  ~top[w];
	}
}

/*
 * Go on to the end of the chunk, or to count.  The word with the end of what was done before is
 * evaluated again.
 */
static int step(struct vexfs_predicate *p, const struct vexfs_columns *c, __u64 count)
{
	__u64 from = p->count & ~63ULL, end = (from | (VEXFS_CHUNK_SLOTS - 1)) + 1, *to;
	__u32 words, i;

	if (end > count)
		end = count;
	if (reserve(p, from / 64))
		return -ENOMEM;
	words = (end - from + 63) / 64;
	evaluate(p, c, from, words);
	if (end % 64)
		p->stack[0][words - 1] &= (1ULL << end % 64) - 1;
	to = word_at(p, from / 64);
	for (i = 0; i < words; i++) {
		p->matches += vx_popcount(p->stack[0][i]) - vx_popcount(to[i]);
		__atomic_store_n(&to[i], p->stack[0][i], __ATOMIC_RELAXED);
	}
	p->count = end;
	return 0;
}

int vexfs_predicate_match(struct vexfs_predicate *p, const struct vexfs_columns *c,
			  __u64 deadline_us, struct vexfs_match *m)
{
	__u64 count = vexfs_columns_count(c);
	__u32 cost = PAUSE;
	int err;

	*m = (struct vexfs_match){ .p = p };
	while (p->count < count) {
		if (cost >= PAUSE) {
			cost = 0;
			if (vx_ekilled())
				return -EINTR;
			m->cut = vx_clock_us() >= deadline_us;
			if (m->cut)
				break;
			vx_yield();
		}
		cost += p->cost;
		err = step(p, c, count);
		if (err)
			return err;
	}
	m->count = p->count;
	m->matches = p->matches;
	return 0;
}

static __u64 match_word(const struct vexfs_match *m, __u64 word)
{
	__u64 left = m->count - word * 64;

	if (word * 64 >= m->count)
		return 0;
	return __atomic_load_n(word_at(m->p, word), __ATOMIC_RELAXED) &
	       (left < 64 ? (1ULL << left) - 1 : ~0ULL);
}

__u64 vexfs_match_mask(const struct vexfs_match *m, __u64 from, __u32 n)
{
	__u64 mask = match_word(m, from / 64) >> from % 64;

	if (from % 64 && from % 64 + n > 64)
		mask |= match_word(m, from / 64 + 1) << (64 - from % 64);
	return n < 64 ? mask & ((1ULL << n) - 1) : mask;
}
