// SPDX-License-Identifier: GPL-2.0
/*
 * Codes and lists as streams of bytes: what is read back is what was written, to the byte, and finds
 * the same; of bytes that were changed nothing is read out of bounds, and no row is met twice.
 */
#include "driver.h"
#include "engine/axes.h"
#include "engine/lists.h"

#define ROWS	3000u
#define MOST	512u			/* dims */
#define K	10u

static float rows[ROWS * MOST];
static __u32 dims;
static struct vx_rows plane;
static struct vexfs_columns *columns;
static struct vexfs_codes *codes;
static struct vexfs_lists *lists;

/* Of eight dims, along some lines, or (noise) of all. */
static void fill(__u32 d, bool noise)
{
	static float line[8][MOST];
	float z[8], v;
	__u32 i, k, j;

	dims = d;
	for (k = 0; k < 8; k++)
		for (j = 0; j < d; j++)
			line[k][j] = (float)chance(2001) / 1000 - 1;
	for (i = 0; i < ROWS; i++) {
		for (k = 0; k < 8; k++)
			z[k] = (float)chance(2001) / 1000 - 1 + (float)(i % 7);
		for (j = 0; j < d; j++) {
			v = noise ? (float)chance(2001) / 1000 : 0;
			for (k = 0; k < 8 && !noise; k++)
				v += z[k] * line[k][j];
			rows[(size_t)i * d + j] = v;
		}
	}
	plane = (struct vx_rows){ .data = rows, .n = ROWS, .row_bytes = d * 4 };
	columns = vexfs_columns_new(0);
	assert_int_equal(vexfs_columns_reserve(columns, ROWS), 0);
	for (i = 0; i < ROWS; i++)
		assert_int_equal(vexfs_columns_put(columns, i, i, NULL), 0);
	vexfs_columns_publish(columns, ROWS);
	for (i = 0; i < ROWS; i += 50)
		vexfs_columns_kill(columns, i);
}

static void make(__u32 metric)
{
	int err;

	codes = vexfs_codes_new(metric, dims, 7);
	assert_int_equal(vexfs_codes_centre(codes, &plane, columns, ROWS), 0);
	assert_int_equal(vexfs_codes_reserve(codes, ROWS), 0);
	assert_int_equal(vexfs_codes_extend(codes, &plane, columns, ROWS, ~0ULL), 0);
	lists = vexfs_lists_new(codes, columns, &plane, ROWS, &err, NULL, NULL);
	assert_non_null(lists);
	assert_int_equal(vexfs_lists_extend(lists, columns, &plane, ROWS, ~0ULL, NULL, NULL), 0);
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
}

static void forget(void)
{
	vexfs_lists_free(lists);
	vexfs_codes_free(codes);
	lists = NULL;
	codes = NULL;
}

/* --- streams in memory --- */

struct memory {
	struct vexfs_sink to;
	struct vexfs_source from;
	__u8 *byte;
	size_t n, room, at;
};

static int put(struct vexfs_sink *to, const void *p, size_t bytes)
{
	struct memory *m = (struct memory *)((char *)to - offsetof(struct memory, to));

	assert_true(bytes <= m->room - m->n);
	memcpy(m->byte + m->n, p, bytes);
	m->n += bytes;
	return 0;
}

static int get(struct vexfs_source *from, void *p, size_t bytes)
{
	struct memory *m = (struct memory *)((char *)from - offsetof(struct memory, from));

	if (bytes > from->left)
		return -EUCLEAN;
	memcpy(p, m->byte + m->at, bytes);
	m->at += bytes;
	from->left -= bytes;
	return 0;
}

static struct memory room_for(__u64 bytes)
{
	return (struct memory){ .to = { put }, .from = { get }, .byte = malloc(bytes), .room = bytes };
}

static struct memory saved_codes(const struct vexfs_codes *c, __u64 count)
{
	struct memory m = room_for(vexfs_codes_saved(dims, count));

	assert_int_equal(vexfs_codes_save(c, count, &m.to), 0);
	assert_int_equal(m.n, m.room);
	return m;
}

static struct memory saved_lists(const struct vexfs_lists *l)
{
	struct memory m = room_for(vexfs_lists_saved(l));

	assert_int_equal(vexfs_lists_save(l, &m.to), 0);
	assert_int_equal(m.n, m.room);
	return m;
}

static void same(struct memory *a, struct memory *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->byte, b->byte, a->n);
	free(b->byte);
}

static struct vexfs_codes *load_codes(struct memory *m, __u32 metric, __u64 count, int *err)
{
	m->at = 0;
	m->from.left = m->n;
	return vexfs_codes_load(metric, dims, count, &m->from, err);
}

static struct vexfs_lists *load_lists(struct memory *m, int *err)
{
	m->at = 0;
	m->from.left = m->n;
	return vexfs_lists_load(codes, columns, &m->from, err);
}

/* --- tests --- */

static int ask(__u32 metric, const struct vexfs_codes *c, const struct vexfs_lists *l, __u32 row,
	       __u32 k, struct vexfs_hit_f *hits)
{
	struct vexfs_query_params p = { .dims = dims, .metric = metric, .k = k, .codes = c, .lists = l,
					.row = rows + (size_t)row * dims, .deadline_us = ~0ULL,
					.effort = k == K ? 0 : 1000000 };
	struct vexfs_query *q = vexfs_query_new(columns, &plane, &p);
	__u32 truncated, restarts;
	int n = run(q, l ? vexfs_ivf : vexfs_coded, hits, &truncated, &restarts);

	vexfs_query_free(q);
	return n;
}

/* By what was read back the same is found as by what was written. */
static void finds_the_same(__u32 metric, const struct vexfs_codes *c, const struct vexfs_lists *l)
{
	struct vexfs_hit_f a[K], b[K];
	__u32 i, with;

	for (i = 0; i < 20; i++)
		for (with = 0; with < 2; with++) {
			__u32 row = chance(ROWS);
			int n = ask(metric, codes, with ? lists : NULL, row, K, a);

			assert_int_equal(n, K);
			assert_int_equal(ask(metric, c, with ? l : NULL, row, K, b), n);
			assert_memory_equal(a, b, sizeof(a));
		}
}

static void one(__u32 metric, __u32 count)
{
	struct memory saved, again;
	struct vexfs_codes *c;
	struct vexfs_lists *l;
	int err;

	make(metric);
	saved = saved_codes(codes, ROWS);
	c = load_codes(&saved, metric, ROWS, &err);
	assert_non_null(c);
	assert_int_equal(vexfs_codes_count(c), ROWS);
	assert_int_equal(vexfs_codes_centred(c), ROWS);
	again = saved_codes(c, ROWS);
	same(&saved, &again);
	for (__u64 slot = 0; slot < ROWS; slot += VEXFS_CODE_BLOCK)
		assert_memory_equal(vexfs_codes_block(c, slot), vexfs_codes_block(codes, slot),
				    (dims + 63) / 64 * 64 * VEXFS_CODE_BLOCK / 8);
	free(saved.byte);
	saved = saved_lists(lists);
	l = load_lists(&saved, &err);
	assert_non_null(l);
	again = saved_lists(l);
	same(&saved, &again);
	assert_int_equal(vexfs_lists_linked(l), ROWS);
	assert_int_equal(vexfs_lists_count(l), vexfs_lists_count(lists));
	finds_the_same(metric, c, l);
	free(saved.byte);
	vexfs_lists_free(l);
	vexfs_codes_free(c);

	/* some of the codes, and the others after them */
	saved = saved_codes(codes, count);
	c = load_codes(&saved, metric, count, &err);
	assert_non_null(c);
	assert_int_equal(vexfs_codes_reserve(c, ROWS), 0);
	assert_int_equal(vexfs_codes_extend(c, &plane, columns, ROWS, ~0ULL), 0);
	finds_the_same(metric, c, lists);
	free(saved.byte);
	vexfs_codes_free(c);
	forget();
}

static void back(void **state)
{
	static const __u32 widths[] = { 3, 64, 100, 512 };
	__u32 w, m;

	(void)state;
	for (w = 0; w < sizeof(widths) / sizeof(*widths); w++) {
		fill(widths[w], w == 2);
		for (m = VEXFS_METRIC_L2; m <= VEXFS_METRIC_DOT; m++)
			one(m, 1 + chance(ROWS - 1));
		vexfs_columns_free(columns);
	}
}

/* Rows that came to lists after they were read back. */
static void goes_on(void **state)
{
	static struct vexfs_hit_f hits[ROWS];
	struct memory saved;
	__u32 i, n, half = ROWS / 2;
	int err;

	(void)state;
	fill(512, false);
	codes = vexfs_codes_new(VEXFS_METRIC_L2, dims, 7);
	assert_int_equal(vexfs_codes_centre(codes, &plane, columns, ROWS), 0);
	assert_int_equal(vexfs_codes_reserve(codes, ROWS), 0);
	assert_int_equal(vexfs_codes_extend(codes, &plane, columns, ROWS, ~0ULL), 0);
	lists = vexfs_lists_new(codes, columns, &plane, ROWS, &err, NULL, NULL);
	assert_int_equal(vexfs_lists_extend(lists, columns, &plane, half, ~0ULL, NULL, NULL), 0);
	assert_int_equal(vexfs_lists_tune(lists, columns, &plane, NULL, NULL), 0);
	saved = saved_lists(lists);
	vexfs_lists_free(lists);
	lists = load_lists(&saved, &err);
	assert_non_null(lists);
	assert_non_null(lists->axes);		/* there is something to be said of them */
	assert_int_equal(vexfs_lists_extend(lists, columns, &plane, ROWS, ~0ULL, NULL, NULL), 0);
	assert_int_equal(vexfs_lists_linked(lists), ROWS);
	n = ask(VEXFS_METRIC_L2, codes, lists, 1, ROWS, hits);
	assert_int_equal(n, ROWS - ROWS / 50);
	for (i = 1; i < n; i++)
		assert_true(hits[i].slot != hits[i - 1].slot);
	free(saved.byte);
	forget();
	vexfs_columns_free(columns);
}

/* What is not true is refused, or harms nobody: a search by it ends, with rows that there are. */
static void harmless(struct memory *m, __u32 metric, __u32 *read)
{
	struct vexfs_hit_f hits[K];
	struct vexfs_lists *l;
	int err, i, n;

	l = load_lists(m, &err);
	if (!l) {
		assert_int_equal(err, -EUCLEAN);
		return;
	}
	++*read;
	n = ask(metric, codes, l, chance(ROWS), K, hits);
	assert_true(n >= 0 && n <= (int)K);
	for (i = 0; i < n; i++)
		assert_true(hits[i].slot < ROWS && !vexfs_columns_dead(columns, hits[i].slot));
	vexfs_lists_free(l);
}

static void changed(void **state)
{
	struct memory saved, other;
	__u32 i, at, n, read = 0;
	__u64 head;

	(void)state;
	fill(512, false);
	make(VEXFS_METRIC_L2);
	assert_non_null(lists->axes);
	saved = saved_lists(lists);
	head = sizeof(struct vexfs_checkpoint_lists);
	other = room_for(saved.n);
	for (i = 0; i < 600; i++) {
		memcpy(other.byte, saved.byte, saved.n);
		other.n = saved.n;
		at = i < 300 ? chance(head) : i < 400 ? head + chance(saved.n / 8) : chance(saved.n);
		for (n = 1 + chance(4); n; n--, at += chance(8))
			if (at < saved.n)
				other.byte[at] = chance(3) ? chance(256) : chance(2) ? 255 : 0;
		if (i % 10 == 9)
			other.n = chance(saved.n);
		harmless(&other, VEXFS_METRIC_L2, &read);
	}
	/* what the end of the world looks like: each word of the head, all of its bits */
	for (i = 0; i < head / 4; i++) {
		memcpy(other.byte, saved.byte, saved.n);
		other.n = saved.n;
		memset(other.byte + i * 4, 255, 4);
		harmless(&other, VEXFS_METRIC_L2, &read);
	}
	printf("# %u of %llu were read\n", read, 600 + head / 4);
	free(saved.byte);
	free(other.byte);
	forget();
	vexfs_columns_free(columns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back),
		cmocka_unit_test(goes_on),
		cmocka_unit_test(changed),
	};

	chance_seed(43);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
