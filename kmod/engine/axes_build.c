// SPDX-License-Identifier: GPL-2.0
/*
 * How axes are found: by orthogonal iteration on a sample of rows (Golub and Van Loan, section 8.2.4),
 * begun with rows themselves (Halko, Martinsson and Tropp, 2011).  No eigenvectors are needed, as what
 * is along the axes is rotated at random: the space that they span is enough, and iteration puts the
 * largest first, so that fewer of them are there, too.  No floating point here.
 */
#include "axes.h"
#include "kernels.h"

#define SAMPLE		1024u		/* rows, a multiple of 64 */
#define LEAST_SAMPLE	512u
#define ROUNDS		2		/* of iteration */
#define PAIRS		64		/* rows whose nearest neighbour is looked for in the sample */
#define STEP		128		/* products, in one FPU section */
#define FIRST_AXES	128u		/* more are worth a look unless these leave far too much unknown: */
#define FAR_OVER	4

struct making {
	const struct vexfs_coder *coder;
	__u32 rows, width, n;
	float *x, *t;			/* [rows][width], and [width][rows] */
	float *u, *y;			/* axes [n][width], and rows along them [n][rows] */
	float *norm2, *dots;		/* [rows] */
	bool (*stop)(void *arg);
	void *arg;
};

void vexfs_axes_free(struct vexfs_axes *a)
{
	vx_efree(a);
}

__u64 vexfs_axes_bytes(const struct vexfs_axes *a)
{
	return a ? sizeof(*a) + (__u64)a->n * a->width * sizeof(*a->axis) : 0;
}

void vexfs_axes_forget(struct vexfs_axes *a)
{
	static const __u32 one = 0x3f800000;	/* as a float */

	memset(&a->mean, 0, sizeof(a->mean));
	memcpy(&a->deviation, &one, sizeof(a->deviation));
	memset(&a->sum, 0, sizeof(a->sum));
	memset(&a->sum2, 0, sizeof(a->sum2));
	a->found = 0;
}

struct vexfs_axes *vexfs_axes_alloc(__u32 n, __u32 width)
{
	struct vexfs_axes *a = vx_ealloc(sizeof(*a) + (size_t)n * width * sizeof(*a->axis));

	if (!a)
		return NULL;
	a->n = n;
	a->width = width;
	a->axis = (__s16 *)(a + 1);
	vexfs_axes_forget(a);
	return a;
}

size_t vexfs_axes_scratch(__u32 dims)
{
	return (size_t)(dims + 63) / 64 * 64 * (sizeof(float) + sizeof(__s16));
}

static int pause_here(const struct making *m)
{
	vx_yield();
	return vx_ekilled() || (m->stop && m->stop(m->arg)) ? -EINTR : 0;
}

/* vexfs_spread_read(): a centred row more, unless its norm is out of range. */
static void take_row(void *to, const struct vx_seg *seg, __u32 segs)
{
	struct making *m = to;
	double norm2[1];		/* only handed over */

	m->rows += vexfs_rabitq_centred(m->coder, seg, segs, true, m->width,
					m->x + (size_t)m->rows * m->width, norm2);
}

/* to[i] = <x, of[i]>, i < n, in steps */
static int products(struct making *m, const float *x, const float *of, __u32 n, __u32 width,
		    float *to)
{
	__u32 i, len;

	for (i = 0; i < n; i += len) {
		len = n - i < STEP ? n - i : STEP;
		vx_fpu_begin();
		vexfs_kernels()->dots(x, of + (size_t)i * width, len, width, to + i);
		vx_fpu_end();
	}
	return pause_here(m);
}

/* Twice, as once leaves what rounding makes of nearly equal ones (Kahan and Parlett's rule). */
static int orthonormalise(struct making *m)
{
	__u32 j, i, pass;
	int err;

	for (j = 0; j < m->n; j++) {
		for (pass = 0; pass < 2; pass++)
			for (i = 0; i < j || !i; i += 16) {
				vx_fpu_begin();
				vexfs_axes_orthogonal(m->u, j, i, j < i + 16 ? j : i + 16,
						      m->width);
				vx_fpu_end();
			}
		vx_fpu_begin();
		vexfs_axes_unit(m->u + (size_t)j * m->width, m->width);
		vx_fpu_end();
		err = pause_here(m);
		if (err)
			return err;
	}
	return 0;
}

static int iterate(struct making *m)
{
	__u32 round, j;
	int err;

	for (j = 0; j < m->n; j++)
		memcpy(m->u + (size_t)j * m->width,
		       m->x + (size_t)(j * m->rows / m->n) * m->width, m->width * sizeof(*m->u));
	for (round = 0;; round++) {
		/* a large one beside small ones would leave nothing but what is rounded off */
		err = orthonormalise(m);
		for (j = 0; !err && j < m->n; j++)
			err = products(m, m->u + (size_t)j * m->width, m->x, m->rows, m->width,
				       m->y + (size_t)j * m->rows);
		if (err || round == ROUNDS)
			return err;
		for (j = 0; !err && j < m->n; j++)
			err = products(m, m->y + (size_t)j * m->rows, m->t, m->width, m->rows,
				       m->u + (size_t)j * m->width);
		if (err)
			return err;
	}
}

/* How many of the axes pay, *n, and their `most`.  Returns whether more of them may, or an error. */
static int judge(struct making *m, __u32 *n, float *most)
{
	struct vexfs_axes_trial t = { .choices = m->n / 64 };
	__u32 i, q;
	int err;

	for (i = 0; i < m->rows; i++) {
		vx_fpu_begin();
		vexfs_axes_row(&t, m->x + (size_t)i * m->width, m->width, m->y + i, m->rows,
			       m->norm2 + i);
		vx_fpu_end();
	}
	for (i = 0; i < PAIRS; i++) {
		q = i * m->rows / PAIRS;
		err = products(m, m->x + (size_t)q * m->width, m->x, m->rows, m->width, m->dots);
		if (err)
			return err;
		vx_fpu_begin();
		vexfs_axes_pair(&t, q, m->rows, m->dots, m->norm2, m->y, m->rows);
		vx_fpu_end();
	}
	vx_fpu_begin();
	*n = vexfs_axes_judge(&t, most);
	vx_fpu_end();
	return !*n && t.over < FAR_OVER;
}

static void transpose(struct making *m)
{
	__u32 i, k;

	for (i = 0; i < m->rows; i++)
		for (k = 0; k < m->width; k++)
			memcpy(m->t + (size_t)k * m->rows + i, m->x + (size_t)i * m->width + k,
			       sizeof(*m->t));
}

static struct vexfs_axes *pack(struct making *m, __u32 n)
{
	struct vexfs_axes *a = vexfs_axes_alloc(n, m->width);
	__u32 j;

	for (j = 0; a && j < n; j++) {
		vx_fpu_begin();
		vexfs_axes_pack(a, j, m->u + (size_t)j * m->width);
		vx_fpu_end();
	}
	return a;
}

int vexfs_axes_new(const struct vexfs_coder *c, struct vexfs_columns *cols, struct vx_rows *rows,
		   __u64 count, bool (*stop)(void *arg), void *arg, struct vexfs_axes **axes)
{
	__u32 width = c->rotation.padded, n = 0, max;
	struct vexfs_spread sample = { .columns = cols, .rows = rows, .count = count, .want = SAMPLE,
				       .stop = stop, .arg = arg };
	struct making m = { .coder = c, .width = width, .stop = stop, .arg = arg };
	__u32 most[1];
	int err = -ENOMEM;

	*axes = NULL;
	max = width / 2 / 64 * 64 < VEXFS_MAX_AXES ? width / 2 / 64 * 64 : VEXFS_MAX_AXES;
	/* of dot products the rests matter as they are, not how they differ */
	if (!max || count < SAMPLE || c->metric == VEXFS_METRIC_DOT)
		return 0;
	m.x = vx_ealloc((size_t)SAMPLE * width * sizeof(*m.x));
	m.t = vx_ealloc((size_t)SAMPLE * width * sizeof(*m.t));
	m.u = vx_ealloc((size_t)max * width * sizeof(*m.u));
	m.y = vx_ealloc((size_t)max * SAMPLE * sizeof(*m.y));
	m.norm2 = vx_ealloc(2 * SAMPLE * sizeof(*m.norm2));
	if (m.x && m.t && m.u && m.y && m.norm2) {
		m.dots = m.norm2 + SAMPLE;
		err = vexfs_spread_read(&sample, take_row, &m);
		m.rows -= m.rows % 64;
		if (!err && m.rows >= LEAST_SAMPLE) {
			transpose(&m);
			m.n = max < FIRST_AXES ? max : FIRST_AXES;
			err = iterate(&m) ?: judge(&m, &n, (float *)most);
			if (err > 0 && m.n < max) {
				m.n = max;
				err = iterate(&m) ?: judge(&m, &n, (float *)most);
			}
			err = err < 0 ? err : 0;
		}
	}
	if (!err && n) {
		*axes = pack(&m, n);
		if (*axes)
			memcpy(&(*axes)->most, most, sizeof((*axes)->most));
		else
			err = -ENOMEM;
	}
	vx_efree(m.x);
	vx_efree(m.t);
	vx_efree(m.u);
	vx_efree(m.y);
	vx_efree(m.norm2);
	return err;
}
