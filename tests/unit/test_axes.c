// SPDX-License-Identifier: GPL-2.0
/*
 * Axes on which rows are projected: when there are any, how far what they give is from the truth, and
 * what lists of codes along them find.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "clusters.h"
#include "engine/lists.h"

#define ROWS 3000u
#define DIMS 600u

static float rows[ROWS][DIMS];
static struct vx_rows plane = { .data = rows, .n = ROWS, .row_bytes = DIMS * 4 };
static struct vexfs_columns *columns;
static struct vexfs_codes *codes;
static struct vexfs_coder coder;

static float unit(void) /* [-1, 1) */
{
	return (float)chance(1u << 24) / (1 << 23) - 1;
}

/* Rows that are sums of `rank` directions and of some noise, off the origin. */
static void fill(__u32 metric, __u32 rank, float noise)
{
	static float direction[DIMS][DIMS];
	__u32 i, j, k;

	for (j = 0; j < rank; j++)
		for (k = 0; k < DIMS; k++)
			direction[j][k] = unit();
	for (i = 0; i < ROWS; i++) {
		for (k = 0; k < DIMS; k++)
			rows[i][k] = 2 + noise * unit();
		for (j = 0; j < rank; j++) {
			float a = unit();

			for (k = 0; k < DIMS; k++)
				rows[i][k] += a * direction[j][k];
		}
	}
	columns = vexfs_columns_new(0);
	codes = vexfs_codes_new(metric, DIMS, 1);
	assert_int_equal(vexfs_columns_reserve(columns, ROWS), 0);
	for (i = 0; i < ROWS; i++)
		assert_int_equal(vexfs_columns_put(columns, i, i, NULL), 0);
	vexfs_columns_publish(columns, ROWS);
	assert_int_equal(vexfs_codes_centre(codes, &plane, NULL, ROWS), 0);
	assert_int_equal(vexfs_codes_coder(codes, &coder), 0);
}

static void forget(void)
{
	vx_efree(coder.mean);
	vexfs_codes_free(codes);
	vexfs_columns_free(columns);
}

static struct vexfs_axes *axes_of(__u32 count)
{
	struct vexfs_axes *a;

	assert_int_equal(vexfs_axes_new(&coder, columns, &plane, count, NULL, NULL, &a), 0);
	return a;
}

static void test_pay(void **state)
{
	static const struct {
		__u32 metric, rank, count;
		float noise;
		__u32 axes;
	} kind[] = {
		{ VEXFS_METRIC_L2, 20, ROWS, 0.1f, 64 },
		{ VEXFS_METRIC_COSINE, 20, ROWS, 0.1f, 64 },
		{ VEXFS_METRIC_L2, 100, ROWS, 0.05f, 128 },
		{ VEXFS_METRIC_L2, 170, ROWS, 0.03f, 192 },
		{ VEXFS_METRIC_L2, 0, ROWS, 1, 0 }, /* no direction is more than others */
		{ VEXFS_METRIC_DOT, 20, ROWS, 0.1f, 0 },
		{ VEXFS_METRIC_L2, 20, 500, 0.1f, 0 }, /* of so few nothing can be said */
	};
	struct vexfs_axes *a;
	__u32 i;

	(void)state;
	for (i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		fill(kind[i].metric, kind[i].rank, kind[i].noise);
		a = axes_of(kind[i].count);
		assert_int_equal(a ? a->n : 0, kind[i].axes);
		vexfs_axes_free(a);
		forget();
	}
}

/*
 * Of rows that are all the same, or zero but for a few, there is nothing to say, and nothing that is
 * no number either.
 */
static void test_degenerate(void **state)
{
	struct vexfs_axes *a;
	__u32 i;

	(void)state;
	fill(VEXFS_METRIC_L2, 0, 0);
	a = axes_of(ROWS);
	assert_null(a);
	for (i = 0; i < ROWS; i++)
		rows[i][i % 7] = i % 2 ? 3 : -5;
	a = axes_of(ROWS);
	for (i = 0; a && i < a->n * a->width; i++)
		assert_in_range(a->axis[i] + 32768, 1, 65535);
	vexfs_axes_free(a);
	forget();
}

static double distance2(const float *a, const float *b)
{
	double sum = 0;
	__u32 i;

	for (i = 0; i < DIMS; i++)
		sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	return sum;
}

/* What is along the axes and the rests bound each distance, but for what is rounded off. */
static void test_bounds(void **state)
{
	float x[2][VEXFS_MAX_AXES], rest[2], scratch[2 * 640];
	double d2, far, near, norm2, fuzz;
	struct vexfs_axes *a;
	__u32 pair, i, k, worst = 0;

	(void)state;
	fill(VEXFS_METRIC_L2, 20, 0.1f);
	a = axes_of(ROWS);
	assert_non_null(a);
	assert_true(vexfs_axes_scratch(DIMS) <= sizeof(scratch));
	vexfs_rotation_init(&coder.rotation, a->n, 3);
	for (pair = 0; pair < 5000; pair++) {
		__u32 at[2] = { chance(ROWS), chance(ROWS) };

		for (i = 0; i < 2; i++) {
			struct vx_seg seg = { rows[at[i]], DIMS * 4 };

			assert_true(vexfs_axes_rotate(&coder, a, &seg, 1, true, scratch, x[i],
						      &rest[i]));
		}
		for (d2 = norm2 = k = 0; k < a->n; k++) {
			d2 += ((double)x[0][k] - x[1][k]) * ((double)x[0][k] - x[1][k]);
			norm2 += (double)x[0][k] * x[0][k];
		}
		near = d2 + ((double)rest[0] - rest[1]) * ((double)rest[0] - rest[1]);
		far = d2 + ((double)rest[0] + rest[1]) * ((double)rest[0] + rest[1]);
		fuzz = (norm2 + (double)rest[0] * rest[0]) * 0x1p-12;
		d2 = distance2(rows[at[0]], rows[at[1]]);
		worst += d2 < near - fuzz || d2 > far + fuzz;
		/* the rest is noise here: a small part */
		assert_true(rest[0] * rest[0] < 0.1 * (norm2 + rest[0] * rest[0]));
	}
	assert_int_equal(worst, 0);
	vexfs_axes_free(a);
	forget();
}

/* As many axes of as many dims as there may be, which are projected on in parts: each is every 16th dim. */
static void test_most(void **state)
{
	static float row[VEXFS_MAX_DIMS], scratch[2 * VEXFS_MAX_DIMS];
	struct vexfs_axes *a = vexfs_axes_alloc(VEXFS_MAX_AXES, VEXFS_MAX_DIMS);
	struct vexfs_coder c = { .dims = VEXFS_MAX_DIMS, .metric = VEXFS_METRIC_L2 };
	struct vx_seg seg = { row, sizeof(row) };
	float x[VEXFS_MAX_AXES], rest;
	__u32 step = VEXFS_MAX_DIMS / VEXFS_MAX_AXES, i, k;
	double norm2;

	(void)state;
	assert_non_null(a);
	for (i = 0; i < a->n; i++)
		a->axis[i * (size_t)a->width + i * step] = VEXFS_AXES_UNIT;
	vexfs_rotation_init(&c.rotation, a->n, 3);
	for (i = 0; i < 2 * a->n; i++) {
		row[i * step / 2] = 1;
		assert_true(vexfs_axes_rotate(&c, a, &seg, 1, false, scratch, x, &rest));
		for (norm2 = k = 0; k < a->n; k++)
			norm2 += (double)x[k] * x[k];
		assert_true(fabs(norm2 - !(i % 2)) < 1e-3 && fabs(rest * rest - i % 2) < 1e-3);
		row[i * step / 2] = 0;
	}
	vexfs_axes_free(a);
}

/* The angle of the rests of neighbours, as it is noted. */
static void test_angles(void **state)
{
	float x[VEXFS_MAX_AXES] = { 0 }, z[VEXFS_MAX_AXES] = { 3 }, rx = 2, rz = 1;
	struct vexfs_axes *a = vexfs_axes_alloc(64, 320);
	__u64 bits;
	double d;

	(void)state;
	assert_non_null(a);
	assert_true(a->mean == 0 && a->deviation == 1); /* anything */
	vexfs_axes_settle(a);
	assert_true(a->mean == 0 && a->deviation == 1);
	d = 9 + 4 + 1 - 2 * 2 * 0.5; /* a cosine of 0.5 */
	memcpy(&bits, &d, sizeof(bits));
	vexfs_axes_note(a, VEXFS_METRIC_L2, x, &rx, z, &rz, bits);
	d /= 2;
	memcpy(&bits, &d, sizeof(bits));
	vexfs_axes_note(a, VEXFS_METRIC_COSINE, x, &rx, z, &rz, bits);
	rx = 0; /* there is no angle */
	vexfs_axes_note(a, VEXFS_METRIC_L2, x, &rx, z, &rz, bits);
	assert_int_equal(a->found, 2);
	vexfs_axes_settle(a);
	assert_true(fabsf(a->mean - 0.5f) < 1e-6f && a->deviation < 1e-3f);
	vexfs_axes_forget(a);
	assert_true(a->mean == 0 && a->deviation == 1 && !a->found);
	vexfs_axes_free(a);
}

static bool stop(void *arg)
{
	return !(*(int *)arg)--;
}

/* Memory that is not there, a row that cannot be read, and who is told to stop. */
static void test_failures(void **state)
{
	struct vexfs_axes *a = (void *)1;
	int left, stopped = 0;
	__u32 refused = 0;

	(void)state;
	fill(VEXFS_METRIC_L2, 20, 0.1f);
	for (left = 0;; left++) {
		vx_ealloc_left = left;
		if (!vexfs_axes_new(&coder, columns, &plane, ROWS, NULL, NULL, &a))
			break;
		assert_null(a);
		refused++;
	}
	vx_ealloc_left = -1;
	assert_int_equal(refused, 6);
	vexfs_axes_free(a);
	for (left = 0; left < 40; left += 3) {
		stopped = left;
		assert_int_equal(vexfs_axes_new(&coder, columns, &plane, ROWS, stop, &stopped, &a),
				 -EINTR);
		assert_null(a);
	}
	plane.absent = 1;
	plane.broken = 0;
	plane.error = -EIO;
	assert_int_equal(vexfs_axes_new(&coder, columns, &plane, ROWS, NULL, NULL, &a), 0);
	assert_non_null(a); /* of the others */
	assert_true(vexfs_columns_damaged_mask(columns, 0, 1));
	vexfs_axes_free(a);
	plane.absent = plane.error = 0;
	forget();
}

/* Lists of codes along axes find what they should, and take less memory. */
static void test_lists(void **state)
{
	struct clusters s;
	__u64 bytes;

	(void)state;
	chance_seed(9);			/* clusters with noise in all dims: not in each case axes pay */
	clusters_init(&s, VEXFS_METRIC_L2, 512, 20, 6000);
	while (s.n < s.room)
		clusters_put(&s, s.n);
	clusters_list(&s, s.n);
	assert_non_null(s.lists->axes);
	assert_true(s.lists->axes->deviation < 1);
	assert_true(clusters_recall(&s, 900000, 200) >= 0.89);
	assert_true(clusters_recall(&s, 990000, 200) >= 0.98);
	assert_true(clusters_recall(&s, 1000000, 200) == 1);
	bytes = vexfs_lists_bytes(s.lists);
	assert_true(bytes < s.n * (512 / 2 + 32));
	clusters_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pay),	 cmocka_unit_test(test_degenerate),
		cmocka_unit_test(test_bounds),	 cmocka_unit_test(test_angles),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_lists),
		cmocka_unit_test(test_most),
	};

	chance_seed(6);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
