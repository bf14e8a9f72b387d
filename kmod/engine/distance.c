// SPDX-License-Identifier: GPL-2.0
/*
 * Distances of f32 rows: squared L2, 1 - cos, -dot.
 *
 * Ranking.  f32 sums differ with the order of additions, so between AVX2 and scalar code.  Answers
 * must not: the f32 distance only chooses candidates, the order comes from double precision in a
 * fixed order of additions, and vexfs_certify() proves by the error bound of the f32 sum that no
 * candidate was lost.  The bound (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
 * section 3.1): a sum of n products in any order is off by at most gamma(n) = n u / (1 - n u) times
 * the sum of the absolute products, u = 2^-24.  It holds barring overflow and underflow, so a row
 * whose squared norm is outside [2^-60, 2^60] is measured in double at once, and rounded down to
 * f32.
 */
#include "internal.h"
#include "float.h"

#define SAFE_MIN 0x1p-60f
#define SAFE_MAX 0x1p60f
#define NORM_UNSAFE 0x7fc00000u		/* a cached norm: measure this row in double */
#define AT_ONCE 32			/* rows */

static double f64(__u64 b) { double f; __builtin_memcpy(&f, &b, 8); return f; }
static __u64 b64(double f) { __u64 b; __builtin_memcpy(&b, &f, 8); return b; }
static __u32 unkey32(__u32 k) { return k >> 31 ? k & ~(1u << 31) : ~k; }
static __u64 key64(__u64 b) { return b >> 63 ? ~b : b | 1ULL << 63; }

__u64 vexfs_key_bits(__u64 k)
{
	return k >> 63 ? k & ~(1ULL << 63) : ~k;
}

/* -0.0 + 0.0 is 0.0: equal distances get equal keys */
static __u64 double_key(double d) { return key64(b64(d + 0.0)); }

__u64 vexfs_bits_key(__u64 bits)
{
	return double_key(f64(bits));
}

/* The largest f32 that is not above d. */
static float round_toward_low(double d)
{
	float f = (float)d;
	__u32 b = b32(f);

	if ((double)f <= d)
		return f;
	if (b << 1 == 0)
		return f32(0x80000001u);
	return f32(b >> 31 ? b + 1 : b - 1);
}

int vexfs_row_check(__u32 metric, const void *row, __u32 dims)
{
	const __u32 *b = row;
	__u32 i, any = 0;

	for (i = 0; i < dims; i++) {
		if ((b[i] & 0x7f800000u) == 0x7f800000u)
			return -EINVAL;
		any |= b[i] << 1;
	}
	return metric == VEXFS_METRIC_COSINE && !any ? -EDOM : 0;
}

static float l2(const float *a, const float *b, __u32 n)
{
	float s[4] = { 0 };
	__u32 i;

	for (i = 0; i < n; i++)
		s[i & 3] += (a[i] - b[i]) * (a[i] - b[i]);
	return (s[0] + s[1]) + (s[2] + s[3]);
}

static float dot(const float *a, const float *b, __u32 n)
{
	float s[4] = { 0 };
	__u32 i;

	for (i = 0; i < n; i++)
		s[i & 3] += a[i] * b[i];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

static void dot_norm(const float *a, const float *b, __u32 n, float *to, float *norm)
{
	*to = dot(a, b, n);
	*norm = dot(b, b, n);
}

#include "rows.h"

void vexfs_l2_scalar(const float *q, const struct vexfs_row *row, __u32 n, float *sum)
{
	l2_rows(q, row, n, sum);
}

void vexfs_dot_scalar(const float *q, const struct vexfs_row *row, __u32 n, const __u32 *known,
		      float *dot, float *norm2)
{
	dot_rows(q, row, n, known, dot, norm2);
}

static inline __m128d two(const float *x)
{
	return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)x)));
}

/* With SSE2, which all processors have; four of the sums at a time. */
static inline void four_l2(const float *q, const float *x, __u32 n, double *s)
{
	__m128d s0 = _mm_loadu_pd(s), s1 = _mm_loadu_pd(s + 2), d;
	__u32 i;

	for (i = 0; i < n; i += VEXFS_SUMS_F64) {
		d = _mm_sub_pd(two(q + i), two(x + i));
		s0 = _mm_add_pd(s0, _mm_mul_pd(d, d));
		d = _mm_sub_pd(two(q + i + 2), two(x + i + 2));
		s1 = _mm_add_pd(s1, _mm_mul_pd(d, d));
	}
	_mm_storeu_pd(s, s0);
	_mm_storeu_pd(s + 2, s1);
}

static inline void four_dot(const float *q, const float *x, __u32 n, double *s, double *t)
{
	__m128d s0 = _mm_loadu_pd(s), s1 = _mm_loadu_pd(s + 2), t0 = _mm_loadu_pd(t),
		t1 = _mm_loadu_pd(t + 2), b;
	__u32 i;

	for (i = 0; i < n; i += VEXFS_SUMS_F64) {
		b = two(x + i);
		s0 = _mm_add_pd(s0, _mm_mul_pd(two(q + i), b));
		t0 = _mm_add_pd(t0, _mm_mul_pd(b, b));
		b = two(x + i + 2);
		s1 = _mm_add_pd(s1, _mm_mul_pd(two(q + i + 2), b));
		t1 = _mm_add_pd(t1, _mm_mul_pd(b, b));
	}
	_mm_storeu_pd(s, s0);
	_mm_storeu_pd(s + 2, s1);
	_mm_storeu_pd(t, t0);
	_mm_storeu_pd(t + 2, t1);
}

static inline void four_norm(const float *x, __u32 n, double *t)
{
	__m128d t0 = _mm_loadu_pd(t), t1 = _mm_loadu_pd(t + 2), b;
	__u32 i;

	for (i = 0; i < n; i += VEXFS_SUMS_F64) {
		b = two(x + i);
		t0 = _mm_add_pd(t0, _mm_mul_pd(b, b));
		b = two(x + i + 2);
		t1 = _mm_add_pd(t1, _mm_mul_pd(b, b));
	}
	_mm_storeu_pd(t, t0);
	_mm_storeu_pd(t + 2, t1);
}

void vexfs_l2_f64_scalar(const float *q, const float *x, __u32 n, double *s)
{
	__u32 i;

	for (i = 0; i < VEXFS_SUMS_F64; i += 4)
		four_l2(q + i, x + i, n, s + i);
}

void vexfs_dot_f64_scalar(const float *q, const float *x, __u32 n, double *s, double *t)
{
	__u32 i;

	for (i = 0; i < VEXFS_SUMS_F64; i += 4)
		four_dot(q + i, x + i, n, s + i, t + i);
}

void vexfs_norm_f64_scalar(const float *x, __u32 n, double *t)
{
	__u32 i;

	for (i = 0; i < VEXFS_SUMS_F64; i += 4)
		four_norm(x + i, n, t + i);
}

/* The first of n dims from d on that are to be added one by one, so that what follows is lined up. */
static __u32 head_of(__u32 d, __u32 n)
{
	__u32 head = -d % VEXFS_SUMS_F64;

	return head < n ? head : n;
}

static __u32 whole_of(__u32 n)
{
	return n / VEXFS_SUMS_F64 * VEXFS_SUMS_F64;
}

static void l2_each(const float *q, const float *x, __u32 d, __u32 n, double *s)
{
	for (; n--; d++, q++, x++) {
		double a = *q, b = *x;

		s[d % VEXFS_SUMS_F64] += (a - b) * (a - b);
	}
}

static void dot_each(const float *q, const float *x, __u32 d, __u32 n, double *s, double *t)
{
	for (; n--; d++, q++, x++) {
		double a = *q, b = *x;

		s[d % VEXFS_SUMS_F64] += a * b;
		t[d % VEXFS_SUMS_F64] += b * b;
	}
}

static void norm_each(const float *x, __u32 d, __u32 n, double *t)
{
	for (; n--; d++, x++)
		t[d % VEXFS_SUMS_F64] += (double)*x * *x;
}

static void l2_f64(const float *q, const float *x, __u32 d, __u32 n, double *s)
{
	__u32 head = head_of(d, n), end = head + whole_of(n - head);

	l2_each(q, x, d, head, s);
	if (head < end)
		vexfs_kernels()->l2_f64(q + head, x + head, end - head, s);
	l2_each(q + end, x + end, d + end, n - end, s);
}

static void dot_f64(const float *q, const float *x, __u32 d, __u32 n, double *s, double *t)
{
	__u32 head = head_of(d, n), end = head + whole_of(n - head);

	dot_each(q, x, d, head, s, t);
	if (head < end)
		vexfs_kernels()->dot_f64(q + head, x + head, end - head, s, t);
	dot_each(q + end, x + end, d + end, n - end, s, t);
}

void vexfs_norm_f64(const float *x, __u32 d, __u32 n, double *t)
{
	__u32 head = head_of(d, n), end = head + whole_of(n - head);

	norm_each(x, d, head, t);
	if (head < end)
		vexfs_kernels()->norm_f64(x + head, end - head, t);
	norm_each(x + end, d + end, n - end, t);
}

/*
 * In double; the sum to which a dim is added depends on its number alone, not on how the row is cut.
 * Eight rows of 4,096 dims, which is all that a section of batch.c measures, stay far under 50 us.
 */
static double exact(const struct vexfs_prep *p, const struct vx_seg *seg, __u32 segs)
{
	bool l2 = p->metric == VEXFS_METRIC_L2;
	double s[VEXFS_SUMS_F64] = { 0 }, t[VEXFS_SUMS_F64] = { 0 }, sum;
	const float *q = p->row;
	__u32 i, n, d = 0;

	for (i = 0; i < segs; i++, d += n) {
		n = seg[i].bytes / 4;
		if (l2)
			l2_f64(q + d, seg[i].p, d, n, s);
		else
			dot_f64(q + d, seg[i].p, d, n, s, t);
	}
	sum = sum_f64(s);
	if (l2)
		return sum;
	if (p->metric == VEXFS_METRIC_DOT)
		return -sum;
	sum /= droot(f64(p->norm2)) * droot(sum_f64(t));
	return 1 - (sum > 1 ? 1 : sum < -1 ? -1 : sum);
}

void vexfs_prepare(struct vexfs_prep *p)
{
	double sums[VEXFS_SUMS_F64] = { 0 }, s;

	vexfs_norm_f64(p->row, 0, p->dims, sums);
	s = sum_f64(sums);
	p->norm2 = b64(s);
	p->exact = p->metric != VEXFS_METRIC_L2 && !(s >= SAFE_MIN && s <= SAFE_MAX);
	p->inv_norm = s > 0 ? b32((float)(1 / droot(s))) : 0;
	p->kernels = vexfs_kernels();
}

/* The f32 distance of a row that is not measured in double, of these sums. */
static __u32 distance(const struct vexfs_prep *p, struct vexfs_row *r, __u32 known, float s,
		      float t, __u32 *max_norm2)
{
	if (p->metric == VEXFS_METRIC_L2) {
		if (!(s >= SAFE_MIN && s <= SAFE_MAX))
			s = round_toward_low(exact(p, r->seg, r->segs));
		return b32(s);
	}
	if (!known) {			/* racing writers write the same or an equally good value */
		if (!(t >= SAFE_MIN && t <= SAFE_MAX)) {
			WRITE_ONCE(*r->norm, NORM_UNSAFE);
			return b32(round_toward_low(exact(p, r->seg, r->segs)));
		}
		known = b32(t);
		WRITE_ONCE(*r->norm, known);
	}
	if (known > *max_norm2)		/* bits of positive floats are in order */
		*max_norm2 = known;
	if (p->metric == VEXFS_METRIC_DOT)
		return b32(-s);
	return b32(1 - s * f32(p->inv_norm) / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(f32(known)))));
}

void vexfs_measure(const struct vexfs_prep *p, struct vexfs_row *row, __u32 n, __u32 *max_norm2)
{
	float sum[AT_ONCE], norm2[AT_ONCE];
	__u32 known[AT_ONCE], i, k;

	for (; n; n -= k, row += k) {
		k = n < AT_ONCE ? n : AT_ONCE;
		for (i = 0; i < k; i++)
			known[i] = READ_ONCE(*row[i].norm);
		if (!p->exact && p->metric == VEXFS_METRIC_L2)
			p->kernels->l2(p->row, row, k, sum);
		else if (!p->exact)
			p->kernels->dot(p->row, row, k, known, sum, norm2);
		for (i = 0; i < k; i++)
			row[i].dist = p->exact || known[i] == NORM_UNSAFE ?
				b32(round_toward_low(exact(p, row[i].seg, row[i].segs))) :
				distance(p, row + i, known[i], sum[i], norm2[i], max_norm2);
	}
}

__u32 vexfs_total_key(__u32 dist, __u64 penalty)
{
	return penalty ? key32(round_toward_low((double)f32(dist) + (double)penalty * 1e-6)) :
			 key32(f32(dist) + 0.0f);
}

__u64 vexfs_wide_key(__u32 dist)
{
	return double_key(f32(dist));
}

__u64 vexfs_widen_key(__u32 key)
{
	return double_key(f32(unkey32(key)));
}

__s64 vexfs_micro(__u32 dist)
{
	double d = (double)f32(dist) * 1e6;

	if (d >= 0x1p63)
		return 0x7fffffffffffffffLL;
	if (d <= -0x1p63)
		return -0x7fffffffffffffffLL - 1;
	return (__s64)d;
}

__u64 vexfs_measure_f64(const struct vexfs_prep *p, const struct vx_seg *seg, __u32 segs,
			__u64 penalty)
{
	return double_key(exact(p, seg, segs) + (double)penalty * 1e-6);
}

/*
 * The bound: of something whose f32 total is t the distance is at least t / scale - off - 4 u |t|.
 * Products, additions, the sums over segments, and some for the steps after the sum; the last term
 * is for the rounding of the total itself.
 */
static void f32_bound(const struct vexfs_prep *p, __u32 max_norm2, double *scale, double *off)
{
	double n = p->dims + 16.0, u = 0x1p-24, gamma = n * u / (1 - n * u);

	*scale = 1;
	*off = 0;
	if (p->metric == VEXFS_METRIC_L2)
		*scale = 1 + 2 * gamma;		/* t >= 0; differences are rounded too: 2 gamma */
	else if (p->metric == VEXFS_METRIC_COSINE)
		*off = 4 * gamma;
	else
		*off = 2 * gamma * droot(f64(p->norm2) * f32(max_norm2) * (1 + 2 * gamma));
}

bool vexfs_certify(const struct vexfs_prep *p, __u64 kth, __u32 refused, __u32 max_norm2)
{
	double t = f32(unkey32(refused)), scale, off;

	f32_bound(p, max_norm2, &scale, &off);
	return f64(vexfs_key_bits(kth)) < t / scale - off - (t < 0 ? -t : t) * 0x1p-22;
}

__u32 vexfs_tie(const struct vexfs_prep *p, __u32 key, __u32 max_norm2)
{
	double t = f32(unkey32(key)), scale, off;

	f32_bound(p, max_norm2, &scale, &off);
	/* as far as it may be */
	t = t * (t < 0 ? 1 / scale : scale) + off + (t < 0 ? -t : t) * 0x1p-22;
	return vexfs_gate(p, double_key(t), max_norm2);
}

__u32 vexfs_gate(const struct vexfs_prep *p, __u64 radius, __u32 max_norm2)
{
	double r = f64(vexfs_key_bits(radius)), scale, off;

	f32_bound(p, max_norm2, &scale, &off);
	r += off;
	r /= r < 0 ? 1 / scale + 0x1p-22 : 1 / scale - 0x1p-22;
	return key32((float)r) + 1;	/* rounded up */
}
