// SPDX-License-Identifier: GPL-2.0
/*
 * The rungs of codes in lists: bounds of distances, coarse ones of many rows first, then finer ones
 * of those that are left.  Both are RaBitQ (see rabitq.c for the estimate and its error), of the
 * residual r = x - C of a rotated row x and the centre C of its list:
 *
 *	first	1 bit a dim, its signs s; sums over blocks of 32 rows by FastScan
 *	second	4 bits a dim, y: Extended RaBitQ (Gao et al., SIGMOD 2025), levels of equal width in
 *		fixed proportion to |r| / sqrt(D), as coordinates after a random rotation are all but
 *		normal; the same estimate with y for s
 *
 * Folding.  <r, z - C> ~ f <s, z - C> = f <s, z> - f <s, C>, and the last term belongs to the row.
 * So one table of <s, z> serves all lists, while the error is that of |z - C|, as if each list had
 * its own.  With times and times_norm2 of the metric (rabitq.c)
 *
 *	distance = times_norm2 |z - C|^2 + (times_norm2 |r|^2 + times f <s, C>) - times f <s, z>
 *
 * and for dot, where z is the rotated query itself: -<m, q> - <C, z> - f <s, z>.
 *
 * The query is rounded to as many levels (63 at most) as a sum of 16 bits allows, to the nearest:
 * what is lost adds f |d| to the deviation.
 *
 * How rows are encoded is in ladder_encode.c.  All of this runs between vx_fpu_begin() and
 * vx_fpu_end().
 */
#include "ladder.h"

#define MAX_LEVELS	63		/* 4 of them fit a byte */
#define FINE		127
#define AT_ONCE		16		/* rows of the second rung */
#define FUZZ		0x1p-12f	/* of |z|^2: what projecting may have rounded off */
/* mean square of levels of 4 bits, 1 / LEVEL_WIDTH^2, and what rounding to them adds */
#define LEVELS2		9.0f
#define SLOP		0x1p-16f	/* of the magnitudes: what f32 may be off by, amply */
#define CENTRE_SLOP	0x1p-14f	/* the same of near_centre() */
#define SIGMA		(VEXFS_SIGMA * 0.01f)

static float unkey32(__u32 k)
{
	return k == ~0u ? f32(0x7f800000u) : f32(k >> 31 ? k & ~(1u << 31) : ~k);
}

static float magnitude(float f)
{
	return f32(b32(f) & 0x7fffffffu);
}

/* Byte c of 8: 1 where a bit of c is set. */
#define ONES	0x0101010101010101ULL
static const __u64 set[] = { 0x0100010001000100ULL, 0x0101000001010000ULL, 0x0101010100000000ULL };

/*
 * Sums of 4 dims for each of their 16 codes, a byte each: of what z is where the bit is set, and of
 * what -z is where it is not.  Eight at a time: no byte of the result carries into the next one.
 */
static void put_sums(__u8 *t, const __s16 *level, __u32 levels)
{
	__u64 sums = ONES * (4 * levels - (level[0] + level[1] + level[2] + level[3]));
	__u32 k;

	for (k = 0; k < 3; k++)
		sums += set[k] * (__u64)(2 * level[k] - (__s64)levels);
	__builtin_memcpy(t, &sums, 8);
	sums += ONES * (__u64)(2 * level[3] - (__s64)levels);
	__builtin_memcpy(t + 8, &sums, 8);
}

/* The same numbers in bytes, padded is a multiple of 64; their sum. */
static __s32 narrow(const __s16 *whole, __u32 padded, __s8 *to)
{
	const __m128i one = _mm_set1_epi16(1);
	__m128i sum = _mm_setzero_si128(), a, b;
	__u32 i;

	for (i = 0; i < padded; i += 16) {
		a = _mm_loadu_si128((const __m128i *)(whole + i));
		b = _mm_loadu_si128((const __m128i *)(whole + i + 8));
		_mm_storeu_si128((__m128i *)(to + i), _mm_packs_epi16(a, b));
		sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_add_epi16(a, b), one));
	}
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
	return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

/*
 * Round z to levels: the table of sums of 4 dims for each of their 16 codes; and more finely.  What is
 * lost of a dim lies anywhere within half a step: a twelfth of a squared step on average.
 */
static void quantise(struct vexfs_ladder *q)
{
	__u32 padded = q->padded, levels = 65535 / padded, i;
	float most = vexfs_magnitude(q->z, padded), inverse;

	levels = levels < MAX_LEVELS ? levels : MAX_LEVELS;
	q->step = 2 * most / levels;
	q->middle = 0.5f * levels * padded;
	q->lost = q->step * q->step * padded / 12;
	inverse = most > 0 ? 1 / q->step : 0;
	vexfs_round(q->z, padded, inverse, 0.5f * levels, q->whole);	/* for a while */
	for (i = 0; i < padded; i += 4)
		put_sums(q->table + i * 4, q->whole + i, levels);
	q->fine_step = most / FINE;
	q->fine_lost = q->fine_step * q->fine_step * padded / 12;
	vexfs_round(q->z, padded, most > 0 ? FINE / most : 0, 0, q->whole);
	q->fine_sum = (float)narrow(q->whole, padded, q->fine);
}

void vexfs_ladder_prepare(const struct vexfs_lists *l, struct vexfs_ladder *q, const void *row)
{
	const struct vexfs_coder *c = &l->coder;
	struct vx_seg seg = { row, c->dims * 4 };
	double norm2 = 0, base = 0, squares[16] = { 0 };
	float rest2;
	__u32 i;

	q->padded = c->rotation.padded;
	q->metric = c->metric;
	q->kernels = vexfs_kernels();
	q->times = times_of(c->metric);
	q->times_norm2 = times_norm2_of(c->metric);
	q->axes = l->axes;
	q->usable = vexfs_axes_rotate(c, l->axes, &seg, 1, c->metric != VEXFS_METRIC_DOT,
				      q->scratch, q->z, &q->rest);
	if (!q->usable)
		return;
	q->kernels->norm_f64(q->z, q->padded, squares);
	for (i = 0; i < 16; i++)
		norm2 += squares[i];
	if (c->metric == VEXFS_METRIC_DOT)
		for (i = 0; i < c->dims; i++)
			base -= (double)((const float *)row)[i] * c->mean[i];
	q->base = (float)base;
	q->norm2 = (float)norm2;
	q->length = root((float)norm2);
	q->rest1 = q->rest2 = q->fuzz = 0;
	if (l->axes) {
		rest2 = q->times_norm2 * q->rest * q->rest;
		q->rest1 = (1 - l->axes->most) * rest2;
		q->rest2 = l->axes->most * rest2;
		q->fuzz = FUZZ * q->times_norm2 * ((float)norm2 + q->rest * q->rest);
		q->rest1 -= q->fuzz;
		q->rest2 += q->fuzz;
	}
	quantise(q);
	vexfs_whole(q->z, q->padded, q->whole, &q->whole_step);
}

__u32 vexfs_lower_scalar(const struct vexfs_ladder *q, const __u16 *sum,
			 const struct vexfs_rung1 *r, const float *sigma, const float *most)
{
	float length = q->times * q->reach, lost = q->times * q->times * q->lost;
	__u32 i, mask = 0;

	for (i = 0; i < VEXFS_CODE_BLOCK; i++) {
		float f = from_bf16(r->scale[i]), e = from_bf16(r->error[i]) * length,
		      way = q->times * q->step * ((float)sum[i] - q->middle) * f,
		      off = root(e * e + f * f * lost);

		if (q->plus + r->add[i] - way - *sigma * off <= *most)
			mask |= 1u << i;
	}
	return mask;
}

__u32 vexfs_ladder_block(const struct vexfs_ladder *q, const __u8 *block, __u32 n, __u32 sigma,
			 __u32 gate)
{
	const struct vexfs_rung1 *r = (const struct vexfs_rung1 *)(block + (size_t)q->padded * 4);
	float most = unkey32(gate), s = (float)sigma * 0.01f;
	__u16 sum[VEXFS_CODE_BLOCK];
	__u32 mask;

	/* of what is near enough no part is much larger than these */
	most += 4 * SLOP * (magnitude(q->plus) + magnitude(most));
	q->kernels->sums(block, q->table, q->padded, sum);
	mask = q->kernels->lower(q, sum, r, &s, &most);
	return n < VEXFS_CODE_BLOCK ? mask & ((1u << n) - 1) : mask;
}

void vexfs_nibbles_scalar(const __u8 *const *nibbles, __u32 n, const __s8 *fine, __u32 padded,
			  __s32 *sum)
{
	__u32 k, g, i;

	for (k = 0; k < n; k++) {
		const __u8 *nibble = nibbles[k];

		sum[k] = 0;
		for (g = 0; g < padded; g += 64, nibble += 32)
			for (i = 0; i < 32; i++)
				sum[k] += (nibble[i] & 15) * fine[g + i] +
					  (nibble[i] >> 4) * fine[g + i + 32];
	}
}

static inline __m128 magnitude4(__m128 v)
{
	return _mm_andnot_ps(_mm_set1_ps(-0.0f), v);
}

/* key32() of four */
static inline __m128i keys4(__m128 v)
{
	__m128i b = _mm_castps_si128(v), negative = _mm_srai_epi32(b, 31);

	return _mm_xor_si128(b, _mm_or_si128(negative, _mm_set1_epi32((int)0x80000000u)));
}

/* Bounds of the four rows at r, of which sums are known. */
static inline void refine4(const struct vexfs_ladder *q, const struct vexfs_rung2 *const *r,
			   const __s32 *sum, const float *plus4, const float *reach, float s,
			   __u32 *lower, __u32 *upper)
{
	const __m128 times = _mm_set1_ps(q->times), plus = _mm_loadu_ps(plus4);
	const float far = s > SIGMA ? s : SIGMA;
	/* scale, add and error of each; the fourth of them is no float */
	__m128 r0 = _mm_loadu_ps(&r[0]->scale), r1 = _mm_loadu_ps(&r[1]->scale),
	       r2 = _mm_loadu_ps(&r[2]->scale), r3 = _mm_loadu_ps(&r[3]->scale),
	       r01 = _mm_unpacklo_ps(r0, r1), r23 = _mm_unpacklo_ps(r2, r3),
	       scale = _mm_movelh_ps(r01, r23), add = _mm_movehl_ps(r23, r01),
	       error = _mm_movelh_ps(_mm_unpackhi_ps(r0, r1), _mm_unpackhi_ps(r2, r3)), yz, dist,
	       off, slop, low, high;

	yz = _mm_cvtepi32_ps(_mm_loadu_si128((const __m128i *)sum));
	yz = _mm_sub_ps(yz, _mm_set1_ps((VEXFS_NIBBLES - 1) * 0.5f * q->fine_sum));
	yz = _mm_mul_ps(_mm_mul_ps(times, scale), _mm_mul_ps(_mm_set1_ps(q->fine_step), yz));
	dist = _mm_sub_ps(_mm_add_ps(plus, add), yz);
	error = _mm_mul_ps(error, _mm_loadu_ps(reach));
	off = _mm_mul_ps(_mm_mul_ps(scale, scale), _mm_set1_ps(LEVELS2 * q->fine_lost));
	off = _mm_mul_ps(times, _mm_sqrt_ps(_mm_add_ps(_mm_mul_ps(error, error), off)));
	slop = _mm_add_ps(_mm_add_ps(magnitude4(plus), magnitude4(add)), magnitude4(yz));
	slop = _mm_add_ps(_mm_mul_ps(_mm_set1_ps(SLOP), slop), _mm_set1_ps(q->fuzz));
	low = _mm_sub_ps(_mm_sub_ps(dist, _mm_mul_ps(_mm_set1_ps(s), off)), slop);
	high = _mm_add_ps(_mm_add_ps(dist, _mm_mul_ps(_mm_set1_ps(far), off)), slop);
	if (q->axes) {
		float most = q->axes->mean + s * q->axes->deviation,
		      least = q->axes->mean - far * q->axes->deviation;
		__m128 both = _mm_set_ps(*vexfs_rung2_rest(r[3], q->padded),
					 *vexfs_rung2_rest(r[2], q->padded),
					 *vexfs_rung2_rest(r[1], q->padded),
					 *vexfs_rung2_rest(r[0], q->padded));

		both = _mm_mul_ps(both, _mm_set1_ps(q->times * q->rest));
		low = _mm_sub_ps(low, _mm_mul_ps(both, _mm_set1_ps(most < 1 ? most : 1)));
		high = _mm_sub_ps(high, _mm_mul_ps(both, _mm_set1_ps(least > -1 ? least : -1)));
	}
	_mm_storeu_si128((__m128i *)lower, keys4(low));
	_mm_storeu_si128((__m128i *)upper, keys4(high));
}

void vexfs_ladder_refine(const struct vexfs_ladder *q, const struct vexfs_rung2 *const *r,
			 const float *plus, const float *reach, __u32 n, __u32 sigma, __u32 *lower,
			 __u32 *upper)
{
	const struct vexfs_rung2 *at[AT_ONCE];
	__u32 low[AT_ONCE], high[AT_ONCE], i, k, last;
	const __u8 *nibbles[AT_ONCE];
	float p[AT_ONCE], d[AT_ONCE];
	__s32 sum[AT_ONCE];

	for (; n; n -= k, r += k, plus += k, reach += k, lower += k, upper += k) {
		k = n < AT_ONCE ? n : AT_ONCE;
		for (i = 0; i < k || i % 4; i++) {	/* the last one again, to have four */
			last = i < k ? i : k - 1;
			at[i] = r[last];
			nibbles[i] = (const __u8 *)(r[last] + 1);
			p[i] = plus[last];
			d[i] = reach[last];
		}
		q->kernels->nibbles(nibbles, i, q->fine, q->padded, sum);
		for (i = 0; i < k; i += 4)
			refine4(q, at + i, sum + i, p + i, d + i, (float)sigma * 0.01f, low + i,
				high + i);
		__builtin_memcpy(lower, low, k * sizeof(*low));
		__builtin_memcpy(upper, high, k * sizeof(*high));
	}
}

/* A centre is the one at hand, of this dot product with z and squared distance from it. */
static void at_centre(struct vexfs_ladder *q, float dot, float d2)
{
	if (q->metric == VEXFS_METRIC_DOT) {
		q->plus = q->base - dot;
		q->reach = q->length;
		return;
	}
	d2 = d2 > 0 ? d2 : 0;
	q->plus = q->times_norm2 * d2 + q->rest1;
	q->reach = root(d2);
}

/* The same, from the dot product: good enough to rank centres. */
static void near_centre(struct vexfs_ladder *q, float dot, float centre_norm2)
{
	at_centre(q, dot, q->norm2 - 2 * dot + centre_norm2);
}

void vexfs_centre_far_scalar(const float *z, const __s8 *whole, const float *scale, __u32 padded,
			     float *dot, float *d2)
{
	float s = 0, t = 0, c, d;
	__u32 i;

	for (i = 0; i < padded; i++) {
		c = *scale * (float)whole[i];
		d = z[i] - c;
		s += z[i] * c;
		t += d * d;
	}
	*dot = s;
	*d2 = t;
}

/*
 * Bounds are no better than the distance of the centre.  From the dot product it would be off by
 * some 2^-16 of |z|^2, which is nothing to go by where many rows are close together far from the
 * mean.
 */
void vexfs_probe_list(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at)
{
	struct vexfs_ladder *q = &p->ladder;
	const __s8 *whole = l->centre.c + (size_t)at * q->padded;
	float dot, d2;

	q->kernels->centre_far(q->z, whole, &l->centre.scale[at], q->padded, &dot, &d2);
	at_centre(q, dot, d2);
}

/* Something joins what has a rank: bits of a float that is not negative. */
static void rank(struct vexfs_probe *p, __u32 entry, __u32 bits)
{
	__u32 r = bits > p->lowest ? (bits - p->lowest) >> p->shift : 0;

	r = r < VEXFS_RANKS ? r : VEXFS_RANKS - 1;
	r = r > p->rank ? r : p->rank;
	p->link[entry] = p->some[r / 64] >> r % 64 & 1 ? p->head[r] : ~0u;
	p->some[r / 64] |= 1ULL << r % 64;
	p->head[r] = entry;
}

/* The bits of a number for rank(): negative ones, and what is none, count as zero. */
static __u32 rank_bits(float f)
{
	return f > 0 ? b32(f) : 0;
}

/* How near a centre of a group is likely to be, at least; near_centre() was before. */
static float group_bound(const struct vexfs_ladder *q, float spread)
{
	float d;

	if (q->metric == VEXFS_METRIC_DOT)
		return q->plus - q->length * spread;
	d = q->reach - spread;
	return d > 0 ? d * d : 0;
}

__u32 vexfs_probe_groups(const struct vexfs_lists *l, struct vexfs_probe *p)
{
	float least = 0, low = 0, high = 0, d;
	struct vexfs_ladder *q = &p->ladder;
	__u32 g, nearest = ~0u;

	vexfs_centre_dots(q->whole, q->whole_step, &l->top, 0, l->groups, q->padded, p->dots);
	for (g = 0; g < l->groups; g++) {
		if (l->first[g] == l->first[g + 1])
			continue;
		near_centre(q, p->dots[g], l->top.norm2[g]);
		d = group_bound(q, l->top_spread[g]);
		low = nearest == ~0u || d < low ? d : low;
		d = q->metric == VEXFS_METRIC_DOT ? q->plus : q->reach * q->reach;
		high = nearest == ~0u || d > high ? d : high;
		if (nearest == ~0u || d < least) {
			least = d;
			nearest = g;
		}
	}
	/* ratios of what may be negative are none */
	p->origin = q->metric == VEXFS_METRIC_DOT ? low - (high - low) / 64 : 0;
	p->lowest = rank_bits(high - p->origin);
	p->ranked = false;
	p->rank = 0;
	for (g = 0; g < VEXFS_RANKS / 64; g++)
		p->some[g] = 0;
	return nearest;
}

/*
 * Rows of a list are around its centre at about the same distance s, root of their mean square.  One that
 * is as near as g, seen from the centre, is off the way to the query by an angle whose cosine is
 *
 *	(|z - C|^2 + s^2 - g^2) / (2 |z - C| s),	dot: (-<z, C> - g) / (|z| s)
 *
 * at least, which is called the slant of the list at g.  How large those of the lists of neighbours are
 * depends on the set, and is measured (lists_tune.c).  Given that, the distance at which a list has this
 * slant is the least that its rows are likely to have: middle - slant * way, its edge.
 *
 * A query that is nearer to the centre than s has less use for the angle than for rows whose own distance
 * from the centre is less: were they normal in D dims, squared distances from it would have the variance
 * 4 s^2 / D (|z - C|^2 + s^2 / 2).  Where that is more, for |z - C| < s, it takes the place of
 * 4 s^2 / D |z - C|^2, in the proportion that makes both the same at s.
 */
static void slope(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at, float *middle,
		  float *way)
{
	float norm2 = l->centre.norm2[at], s = root(4 * (l->rank2[at] - norm2)), d, most;
	struct vexfs_ladder *q = &p->ladder;

	near_centre(q, p->dots[l->groups + at], norm2);
	if (q->metric == VEXFS_METRIC_DOT) {
		*middle = q->plus - CENTRE_SLOP * q->length * root(norm2);
		*way = q->length * s;
		return;
	}
	d = q->reach;
	most = root((2 * d * d + s * s) / 3);
	*middle = q->plus + q->times_norm2 * (s * s - CENTRE_SLOP * (q->norm2 + norm2));
	*way = 2 * q->times_norm2 * s * (d > most ? d : most);
}

/* Slants are whole numbers of 2^-16. */
#define SLANT_MOST	30000.0f

void vexfs_probe_slants(const struct vexfs_lists *l, struct vexfs_probe *p, const __u32 *list, __u32 n,
			__u32 gate, __s32 *slant)
{
	float middle, way, g = unkey32(gate);
	__u32 i;

	for (i = 0; i < n; i++) {
		slope(l, p, list[i], &middle, &way);
		middle -= g;
		if (!(middle > -SLANT_MOST * way))
			slant[i] = VEXFS_SLANT_LEAST;
		else if (middle < SLANT_MOST * way)
			/* the next one, so that what is rounded is on the safe side */
			slant[i] = (__s32)(middle / way * 65536) + 1;
		else
			slant[i] = VEXFS_SLANT_MOST;
	}
}

__u32 vexfs_probe_edge(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at, __s32 slant)
{
	float middle, way;

	slope(l, p, at, &middle, &way);
	return key32(middle - (float)slant * 0x1p-16f * way);
}

void vexfs_probe_open(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 group)
{
	__u32 from = l->first[group], n = l->first[group + 1] - from, high = p->lowest, i;
	float *dots = p->dots + l->groups + from, d;
	struct vexfs_ladder *q = &p->ladder;
	__u32 *bits = p->link + from;	/* for a while */

	vexfs_centre_dots(q->whole, q->whole_step, &l->centre, from, n, q->padded, dots);
	for (i = 0; i < n; i++) {
		near_centre(q, dots[i], l->centre.norm2[from + i]);
		p->far[from + i] = key32(q->plus);
		d = q->metric == VEXFS_METRIC_DOT ? q->plus - p->origin :
						    q->norm2 - 2 * dots[i] + l->rank2[from + i];
		bits[i] = rank_bits(d);
		if (!p->ranked && bits[i] < p->lowest)
			p->lowest = bits[i];
	}
	if (!p->ranked) {
		for (p->shift = 0; (high - p->lowest) >> p->shift >= VEXFS_RANKS;)
			p->shift++;
		p->ranked = true;
	}
	for (i = 0; i < n; i++)
		rank(p, from + i, bits[i]);
}

void vexfs_probe_rank(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 opened)
{
	struct vexfs_ladder *q = &p->ladder;
	__u32 g;

	for (g = 0; g < l->groups; g++) {
		if (g == opened || l->first[g] == l->first[g + 1])
			continue;
		near_centre(q, p->dots[g], l->top.norm2[g]);
		rank(p, l->lists + g, rank_bits(group_bound(q, l->top_spread[g]) - p->origin));
	}
}

/* So much of what comes next is fetched with each block: as much as a block has. */
static void fetch_ahead(struct vexfs_probe *p, size_t bytes)
{
	size_t left = p->ahead_end - p->ahead, i;

	bytes = bytes < left ? bytes : left;
	for (i = 0; i < bytes; i += 64)
		__builtin_prefetch(p->ahead + i);
	p->ahead += bytes;
}

__u32 vexfs_probe_scan(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 at, __u32 from,
		       __u32 n, __u32 sigma, __u32 gate)
{
	__u32 padded = p->ladder.padded, row = from, to = from + n, e, mask, len;
	size_t block_bytes = vexfs_list_block_bytes(padded);
	const struct vexfs_list *list = l->list + at;
	__u8 *block;

	e = n ? vexfs_list_extent(list, VEXFS_BLOCKS, from / VEXFS_CODE_BLOCK) : 0;
	while (row < to && p->kept <= VEXFS_BATCH - VEXFS_CODE_BLOCK) {
		if (row / VEXFS_CODE_BLOCK >= list->extent[e][VEXFS_BLOCKS].end)
			e++;
		len = VEXFS_CODE_BLOCK - row % VEXFS_CODE_BLOCK;
		len = len < to - row ? len : to - row;
		block = vexfs_list_block(list, padded, e, row / VEXFS_CODE_BLOCK);
		fetch_ahead(p, block_bytes);
		mask = vexfs_ladder_block(&p->ladder, block, row % VEXFS_CODE_BLOCK + len, sigma,
					  gate);
		mask &= ~0u << row % VEXFS_CODE_BLOCK;
		row -= row % VEXFS_CODE_BLOCK;
		for (; mask; mask &= mask - 1) {
			__u32 i = __builtin_ctz(mask), k = p->kept++;

			p->two[k] = vexfs_list_rung2(l, list, row + i);
			p->plus[k] = p->ladder.plus + p->ladder.rest2;
			p->reach[k] = p->ladder.reach;
			__builtin_prefetch(p->two[k]);
			if (p->all_match)
				__builtin_prefetch((const char *)p->two[k] + 64);
		}
		row += VEXFS_CODE_BLOCK;
	}
	return (row < to ? row : to) - from;
}

void vexfs_probe_rows(const struct vexfs_lists *l, struct vexfs_probe *p, __u32 from, __u32 n,
		      __u32 sigma)
{
	__u32 i, at;

	for (i = from; i < from + n; i++) {
		at = p->in[i];
		if (!(p->known[at / 64] >> at % 64 & 1)) {
			vexfs_probe_list(l, p, at);
			p->near[at].plus = p->ladder.plus + p->ladder.rest2;
			p->near[at].reach = p->ladder.reach;
			p->known[at / 64] |= 1ULL << at % 64;
		}
		p->plus[i] = p->near[at].plus;
		p->reach[i] = p->near[at].reach;
	}
	vexfs_ladder_refine(&p->ladder, p->two + from, p->plus + from, p->reach + from, n, sigma,
			    p->lower + from, p->upper + from);
}

__u32 vexfs_probe_refine(struct vexfs_probe *p, __u32 sigma, __u32 gate)
{
	__u32 i, n = 0;

	vexfs_ladder_refine(&p->ladder, p->two, p->plus, p->reach, p->kept, sigma, p->lower,
			    p->upper);
	for (i = 0; i < p->kept; i++) {
		if (p->lower[i] > gate)
			continue;
		p->slot[n] = p->two[i]->slot;
		p->lower[n] = p->lower[i];
		p->upper[n++] = p->upper[i];
	}
	p->kept = 0;
	return n;
}
