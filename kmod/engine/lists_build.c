// SPDX-License-Identifier: GPL-2.0
/*
 * How the centres of lists are found: k-means in two levels on a sample, groups first, then the
 * lists of each group, as many as its share of the sample.  An assignment costs about 2 sqrt(lists)
 * distances a row this way.  No floating point here.
 */
#include "lists.h"

#define ROUNDS		8		/* of k-means */
#define SAMPLE_ROWS	32		/* of a list */
#define SAMPLE_BYTES	(96u << 20)	/* of the sample, at most */
#define LEAST_ROWS	96u		/* of a list, on average: the last block of each is half empty */
#define MOST_ROWS	512u

__u32 vexfs_lists_wanted(__u64 rows)
{
	__u64 each = vexfs_root(rows) / 4, n;

	each = each < LEAST_ROWS ? LEAST_ROWS : each > MOST_ROWS ? MOST_ROWS : each;
	n = rows / each;
	return n < 1 ? 1 : n > VEXFS_MAX_LISTS ? VEXFS_MAX_LISTS : n;
}

struct sample {
	__u32 n, padded;
	float *x;			/* [n][padded] */
	__u32 *of;			/* [n]: centre of each */
	__u32 *order;			/* [n]: members by centre */
	float *sum;			/* [centres][padded] */
	void *scratch;			/* of vexfs_axes_rotate() */
	__u32 *count;			/* [centres] */
};

static float *row_of(const struct sample *s, __u32 i)
{
	return s->x + (size_t)i * s->padded;
}

/* Room for n members, of so many dims, of k centres.  -ENOMEM: there is some of it, to be freed. */
static int sample_room(struct sample *s, __u32 n, __u32 k, __u32 dims)
{
	s->x = vx_ealloc((size_t)n * s->padded * sizeof(*s->x));
	s->of = vx_ealloc((size_t)n * 2 * sizeof(*s->of));
	s->sum = vx_ealloc((size_t)k * s->padded * sizeof(*s->sum));
	s->count = vx_ealloc((size_t)k * sizeof(*s->count));
	s->scratch = vx_ealloc(vexfs_axes_scratch(dims));
	s->order = s->of + n;
	return s->x && s->of && s->sum && s->count && s->scratch ? 0 : -ENOMEM;
}

static void sample_free(struct sample *s)
{
	vx_efree(s->x);
	vx_efree(s->of);
	vx_efree(s->sum);
	vx_efree(s->count);
	vx_efree(s->scratch);
}

/* k centres of the members order[from, to).  Lloyd's rounds; who has none gets half of the largest. */
static int cluster(struct sample *s, __u32 from, __u32 to, float *centre, float *norm2, __u32 k,
		   float *dots, bool (*stop)(void *arg), void *arg)
{
	__u32 n = to - from, round, i, c, big;
	float least;

	for (i = 0; i < k; i++) {
		vx_fpu_begin();
		vexfs_centre_seed(centre + (size_t)i * s->padded,
				  row_of(s, s->order[from + (__u64)i * n / k]), s->padded, 0);
		vexfs_centre_mean(centre + (size_t)i * s->padded, &norm2[i], NULL, 0, s->padded);
		vx_fpu_end();
	}
	for (round = 0; round < ROUNDS; round++) {
		memset(s->count, 0, k * sizeof(*s->count));
		memset(s->sum, 0, (size_t)k * s->padded * sizeof(*s->sum));
		for (i = from; i < to; i++) {
			__u32 m = s->order[i];

			vx_fpu_begin();
			c = vexfs_nearest(row_of(s, m), centre, norm2, k, s->padded, dots, &least);
			vexfs_centre_add(s->sum + (size_t)c * s->padded, row_of(s, m), s->padded);
			vx_fpu_end();
			s->of[m] = c;
			s->count[c]++;
			if (i % 256 == 0) {
				if (vx_ekilled() || (stop && stop(arg)))
					return -EINTR;
				vx_yield();
			}
		}
		for (c = 0; c < k; c++) {
			vx_fpu_begin();
			vexfs_centre_mean(centre + (size_t)c * s->padded, &norm2[c],
					  s->sum + (size_t)c * s->padded, s->count[c], s->padded);
			vx_fpu_end();
		}
		for (c = 0; c < k && round + 1 < ROUNDS; c++) {
			if (s->count[c])
				continue;
			for (big = 0, i = 1; i < k; i++)
				if (s->count[i] > s->count[big])
					big = i;
			vx_fpu_begin();
			vexfs_centre_seed(centre + (size_t)c * s->padded,
					  centre + (size_t)big * s->padded, s->padded, 1);
			vexfs_centre_mean(centre + (size_t)c * s->padded, &norm2[c], NULL, 0,
					  s->padded);
			vexfs_centre_seed(centre + (size_t)big * s->padded,
					  centre + (size_t)big * s->padded, s->padded, -1);
			vexfs_centre_mean(centre + (size_t)big * s->padded, &norm2[big], NULL, 0,
					  s->padded);
			vx_fpu_end();
			s->count[c] = s->count[big] / 2;
			s->count[big] -= s->count[c];
		}
	}
	return 0;
}

/* Of which lists a sample is. */
struct taking {
	struct vexfs_lists *l;
	struct sample *s;
};

/* vexfs_spread_read(): a rotated row more, unless its norm is out of range. */
static void take_row(void *to, const struct vx_seg *seg, __u32 segs)
{
	struct vexfs_lists *l = ((struct taking *)to)->l;
	struct sample *s = ((struct taking *)to)->s;

	s->n += vexfs_axes_rotate(&l->coder, l->axes, seg, segs, true, s->scratch, row_of(s, s->n),
				  &l->rest);
}

/* -ENODATA: none could be had. */
static int take_sample(struct vexfs_lists *l, struct sample *s, const struct vexfs_spread *spread)
{
	struct taking to = { l, s };

	return vexfs_spread_read(spread, take_row, &to) ?: s->n ? 0 : -ENODATA;
}

/* Members in the order of their centres: order[begin[c], begin[c + 1]). */
static void sort_members(struct sample *s, __u32 k, __u32 *begin)
{
	__u32 i, c;

	memset(begin, 0, (k + 1) * sizeof(*begin));
	for (i = 0; i < s->n; i++)
		begin[s->of[i] + 1]++;
	for (c = 0; c < k; c++)
		begin[c + 1] += begin[c];
	memcpy(s->count, begin, k * sizeof(*begin));
	for (i = 0; i < s->n; i++)
		s->order[s->count[s->of[i]]++] = i;
}

int vexfs_centres_new(struct vexfs_lists *l, struct vexfs_centres *c, __u32 n, __u32 padded)
{
	size_t bytes = (size_t)n * (padded + 3 * sizeof(*c->scale));

	c->c = vx_ealloc(bytes);
	if (!c->c)
		return -ENOMEM;
	c->scale = (float *)(c->c + (size_t)n * padded);
	c->norm2 = c->scale + n;
	l->bytes += bytes;
	return 0;
}

int vexfs_lists_scratch(struct vexfs_lists *l, __u32 n, __u32 padded)
{
	l->x = vx_ealloc((padded * 2 + n) * sizeof(*l->x) + padded * sizeof(*l->whole) +
			 vexfs_axes_scratch(l->coder.dims));
	if (!l->x)
		return -ENOMEM;
	l->c = l->x + padded;
	l->dots = l->c + padded;
	l->scratch = l->dots + n;
	l->whole = (__s16 *)((__u8 *)l->scratch + vexfs_axes_scratch(l->coder.dims));
	return 0;
}

/* What is needed while lists are trained. */
struct training {
	float *top, *norm2, *centre;	/* centres as numbers */
	__u32 *begin;			/* [groups + 1]: where members of groups begin */
	__u32 *share;			/* [lists]: of the sample */
};

/* Lists of a group: as many as its share of the sample. */
static int train_group(struct vexfs_lists *l, struct sample *s, struct training *t, __u32 g,
		       __u32 lists, bool (*stop)(void *arg), void *arg)
{
	__u32 members = t->begin[g + 1] - t->begin[g], padded = s->padded, k, i;
	int err;

	k = ((__u64)members * lists + s->n / 2) / s->n;
	k = k < 1 ? 1 : k > members ? members : k;
	l->first[g] = l->lists;
	if (!members)
		return 0;
	err = cluster(s, t->begin[g], t->begin[g + 1], t->centre, t->norm2, k, l->dots, stop, arg);
	if (err)
		return err;
	vx_fpu_begin();
	vexfs_centre_spread(t->top + (size_t)g * padded, t->centre, k, padded, &l->top_spread[g]);
	vx_fpu_end();
	memset(s->count, 0, k * sizeof(*s->count));
	memset(s->sum, 0, k * sizeof(*s->sum));
	for (i = t->begin[g]; i < t->begin[g + 1]; i++) {
		__u32 m = s->order[i], c = s->of[m];

		vx_fpu_begin();
		vexfs_centre_residual(row_of(s, m), t->centre + (size_t)c * padded, padded,
				      &s->sum[c]);
		vx_fpu_end();
		s->count[c]++;
	}
	for (i = 0; i < k; i++) {
		t->share[l->lists] = s->count[i];
		vx_fpu_begin();
		vexfs_centre_pack(&l->centre, l->lists, t->centre + (size_t)i * padded, padded);
		vexfs_centre_rank(l, l->lists++, &s->sum[i], s->count[i]);
		vx_fpu_end();
	}
	return 0;
}

/* Room for as many of `count` rows as the sample promises. */
static int make_lists(struct vexfs_lists *l, const struct sample *s, const __u32 *share,
		      __u64 count)
{
	__u32 i;
	int err;

	l->list = vx_ealloc((size_t)l->lists * sizeof(*l->list));
	if (!l->list)
		return -ENOMEM;
	l->bytes += (size_t)l->lists * sizeof(*l->list);
	for (i = 0, err = 0; !err && i < l->lists; i++)
		err = vexfs_list_reserve(l, l->list + i, (__u32)(share[i] * count / s->n));
	return err;
}

static int train(struct vexfs_lists *l, struct sample *s, __u32 lists, __u64 count,
		 bool (*stop)(void *arg), void *arg)
{
	__u32 padded = s->padded, groups = vexfs_root(lists), most = lists + groups, g, i;
	struct training t = {
		.top = vx_ealloc((size_t)groups * padded * sizeof(float)),
		/* a group may have all of them; rounding may make it a list more in each */
		.centre = vx_ealloc((size_t)most * padded * sizeof(float)),
		.norm2 = vx_ealloc(most * sizeof(float)),
		.begin = vx_ealloc((groups + 1) * sizeof(__u32)),
		.share = vx_ealloc(most * sizeof(__u32)),
	};
	int err = vexfs_centres_new(l, &l->top, groups, padded) ?:
		  vexfs_centres_new(l, &l->centre, most, padded) ?:
		  vexfs_lists_scratch(l, most, padded);

	l->groups = groups;
	l->first = vx_ealloc((groups + 1) * sizeof(*l->first));
	if (!err && !(t.top && t.centre && t.norm2 && t.begin && t.share && l->first))
		err = -ENOMEM;
	if (!err) {
		l->top_spread = l->top.norm2 + groups;
		l->rank2 = l->centre.norm2 + most;
		for (i = 0; i < s->n; i++)
			s->order[i] = i;
		err = cluster(s, 0, s->n, t.top, t.norm2, groups, l->dots, stop, arg);
	}
	if (!err)
		sort_members(s, groups, t.begin);
	for (g = 0; !err && g < groups; g++) {
		vx_fpu_begin();
		vexfs_centre_pack(&l->top, g, t.top + (size_t)g * padded, padded);
		vx_fpu_end();
		err = train_group(l, s, &t, g, lists, stop, arg);
	}
	vx_efree(t.top);
	vx_efree(t.centre);
	vx_efree(t.norm2);
	vx_efree(t.begin);
	if (!err) {
		l->first[groups] = l->lists;
		err = make_lists(l, s, t.share, count);
	}
	vx_efree(t.share);
	return err;
}

void vexfs_lists_project(struct vexfs_lists *l, struct vexfs_axes *axes)
{
	if (!axes)
		return;
	l->axes = axes;
	l->bytes += vexfs_axes_bytes(axes);
	/* the same after a checkpoint was read */
	vx_fpu_begin();
	vexfs_rotation_init(&l->coder.rotation, axes->n, axes->width);
	vx_fpu_end();
}

int vexfs_centres_find(struct vexfs_lists *l, struct vexfs_columns *c, struct vx_rows *rows,
		       const __u32 *slot, __u32 n, __u32 k, float *centre, bool (*stop)(void *arg),
		       void *arg)
{
	struct sample s = { .padded = l->coder.rotation.padded };
	__u32 want = n < 2 * k * SAMPLE_ROWS ? n : 2 * k * SAMPLE_ROWS, i;
	struct vexfs_spread spread = { .columns = c, .rows = rows, .slots = slot, .count = n,
				       .want = want, .stop = stop, .arg = arg };
	float *numbers = vx_ealloc(2 * k * sizeof(*numbers));	/* squared norms, and dots */
	int err = sample_room(&s, want, k, l->coder.dims);

	if (!numbers)
		err = -ENOMEM;
	if (!err)
		err = take_sample(l, &s, &spread);
	if (!err && s.n < k)
		err = -ENODATA;
	for (i = 0; i < s.n && !err; i++)
		s.order[i] = i;
	if (!err)
		err = cluster(&s, 0, s.n, centre, numbers, k, numbers + k, stop, arg);
	sample_free(&s);
	vx_efree(numbers);
	return err;
}

struct vexfs_lists *vexfs_lists_new(const struct vexfs_codes *codes, struct vexfs_columns *c,
				    struct vx_rows *rows, __u64 count, int *err, bool (*stop)(void *arg), void *arg)
{
	__u32 lists = vexfs_lists_wanted(count), padded, want;
	struct vexfs_lists *l = vx_ealloc(sizeof(*l));
	struct vexfs_axes *axes;
	struct vexfs_spread spread = { .columns = c, .rows = rows, .count = count, .stop = stop,
				       .arg = arg };
	struct sample s = {};

	*err = -ENOMEM;
	if (!l)
		return NULL;
	if (vexfs_codes_coder(codes, &l->coder)) {
		vexfs_lists_free(l);
		return NULL;
	}
	*err = vexfs_axes_new(&l->coder, c, rows, count, stop, arg, &axes);
	if (*err) {
		vexfs_lists_free(l);
		return NULL;
	}
	vexfs_lists_project(l, axes);
	s.padded = padded = l->coder.rotation.padded;
	want = count < (__u64)lists * SAMPLE_ROWS ? (__u32)count : lists * SAMPLE_ROWS;
	if (want > SAMPLE_BYTES / 4 / padded)
		want = SAMPLE_BYTES / 4 / padded;
	spread.want = want;
	l->bytes += sizeof(*l) + l->coder.dims * 4;
	*err = sample_room(&s, want, lists + 1, l->coder.dims);
	if (!*err)
		*err = take_sample(l, &s, &spread);
	if (!*err)
		*err = train(l, &s, lists, count, stop, arg);
	sample_free(&s);
	if (*err) {
		vexfs_lists_free(l);
		return NULL;
	}
	return l;
}
