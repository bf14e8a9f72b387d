// SPDX-License-Identifier: GPL-2.0
/*
 * Rows that cannot be read, or are not what was written: whoever reads rows goes on without them,
 * and says so.
 */
#define _GNU_SOURCE
#include <math.h>

#include <platform/host.h>

#include "driver.h"
#include "mount.h"

#define RECORDS 2000u
#define ROW (DIMS * sizeof(float))
#define ROWS (VEXFS_BLOCK_SIZE / ROW) /* of a block */
#define HIT 500u /* id, which is the slot too, of a row in the block that breaks */
#define FIRST (HIT / ROWS * ROWS) /* ids of that block */
#define END (FIRST + ROWS)

static struct mount m;
static __u64 broken; /* block that cannot be read, 0: none */
static long reads_left; /* of it, that work; -1: nothing is counted */
static unsigned int lines; /* in the log */

static bool unreadable(struct vexfs_dev *dev, __u64 block)
{
	(void)dev;
	if (!broken || block != broken)
		return false;
	if (reads_left <= 0)
		return true;
	reads_left--;
	return false;
}

static void hear(void *arg, const char *line)
{
	(void)arg;
	assert_non_null(strstr(line, "damaged"));
	lines++;
}

static void open_image(void)
{
	const char *why;

	assert_int_equal(vexfs_dev_open(&m.dev, m.path, O_RDWR), 0);
	m.dev.unreadable = unreadable;
	assert_int_equal(vexfs_image_mount(&m.dev, 0, &m.image, &why), 0);
	VEXFS_SB(vexfs_image_sb(m.image))->hear = hear;
	mount_open_c(&m);
}

/* Where the row of HIT is in the image. */
static off_t row_place(void)
{
	float row[DIMS], at[DIMS];
	off_t pos;
	int fd = open(m.path, O_RDONLY | O_CLOEXEC);

	vector_of(HIT, row);
	for (pos = 0; pread(fd, at, sizeof(at), pos) == sizeof(at); pos += sizeof(at))
		if (!memcmp(at, row, sizeof(row)))
			break;
	close(fd);
	assert_true(pos > 0 && pos % VEXFS_BLOCK_SIZE / ROW == HIT % ROWS);
	return pos;
}

/* RECORDS of them, on disk, in an image that is mounted anew. */
static off_t prepare(void)
{
	broken = 0;
	reads_left = 0;
	lines = 0;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 0, RECORDS, 0), 0);
	mount_close(&m);
	open_image();
	return row_place();
}

static void finish(void)
{
	broken = 0;
	mount_unmake(&m);
}

struct answer {
	struct vexfs_ioc_search s;
	struct vexfs_search_trace trace;
	struct vexfs_hit hit[100];
};

/* The k nearest of the vector of `id`. */
static void ask(struct answer *a, __u64 id, __u32 k, __u32 flags)
{
	float v[DIMS];

	vector_of(id, v);
	memset(a, 0, sizeof(*a));
	a->trace.size = sizeof(a->trace);
	a->s = (struct vexfs_ioc_search){
		.size = sizeof(a->s),
		.flags = flags,
		.k = k,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)a->hit,
		.trace = (uintptr_t)&a->trace,
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &a->s), 0);
}

static double distance(__u64 a, __u64 b)
{
	float x[DIMS], y[DIMS];
	double d = 0;
	__u32 i;

	vector_of(a, x);
	vector_of(b, y);
	for (i = 0; i < DIMS; i++)
		d += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
	return d;
}

static int above(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The answer is that of all records but [from, to), and says that they are missing. */
static void check(const struct answer *a, __u64 id, __u64 from, __u64 to)
{
	double d[RECORDS];
	__u32 n = 0, i;

	for (i = 0; i < RECORDS; i++)
		if (i < from || i >= to)
			d[n++] = distance(id, i);
	qsort(d, n, sizeof(*d), above);
	assert_int_equal(a->s.n, a->s.k);
	assert_int_equal(a->s.truncated, from < to ? VEXFS_TRUNC_DAMAGED : 0);
	for (i = 0; i < a->s.n; i++) {
		assert_true(a->hit[i].id < from || a->hit[i].id >= to);
		assert_true(fabs(a->hit[i].distance - d[i]) < 1e-9 * (1 + d[i]));
	}
}

static void exact(void **state)
{
	struct answer a;

	(void)state;
	broken = prepare() / VEXFS_BLOCK_SIZE;
	ask(&a, HIT, 10, VEXFS_SEARCH_EXACT);
	check(&a, HIT, FIRST, END);
	assert_int_equal(info_of(&m).damaged, ROWS);
	assert_int_equal(lines, ROWS);
	ask(&a, 10, 50, VEXFS_SEARCH_EXACT);
	check(&a, 10, FIRST, END);
	assert_int_equal(lines, ROWS);
	assert_int_equal(info_of(&m).live, RECORDS);
	/* a query that leaves them out for another reason misses nothing */
	{
		struct vexfs_predicate_node where = { .op = VEXFS_PRED_LT, .value = FIRST };
		float v[DIMS];

		vector_of(HIT, v);
		a.s.vector = (uintptr_t)v;
		a.s.where = (uintptr_t)&where;
		a.s.where_nodes = 1;
		a.s.truncated = a.s.restarts = a.s.rounds = a.s.n = 0;
		assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &a.s), 0);
		assert_int_equal(a.s.truncated, 0);
	}
	finish();
}

/* Codes of what can be read are made; the rest has none, and is no candidate. */
static void encoder(void **state)
{
	struct answer a;

	(void)state;
	broken = prepare() / VEXFS_BLOCK_SIZE;
	ask(&a, HIT, 10, 0);
	assert_int_equal(a.trace.codes, VEXFS_CODES_ALL);
	assert_int_equal(a.trace.coded, RECORDS);
	check(&a, HIT, FIRST, END);
	assert_true(a.s.scored < RECORDS / 2);
	assert_int_equal(lines, ROWS);
	finish();
}

/* Codes are there, and rows that they lead to are not, from any read on. */
static void measuring(void **state)
{
	struct answer a;
	long n;

	(void)state;
	for (n = 0;; n += 1 + n) {
		__u64 block = prepare() / VEXFS_BLOCK_SIZE;

		ask(&a, HIT, 10, 0);
		check(&a, HIT, 0, 0);
		reads_left = n;
		broken = block;
		ask(&a, HIT, 10, 0);
		if (reads_left) { /* that many were not wanted */
			check(&a, HIT, 0, 0);
			finish();
			break;
		}
		if (a.s.truncated == VEXFS_TRUNC_DAMAGED) {
			__u32 i;

			assert_int_equal(a.s.n, 10);
			for (i = 1; i < a.s.n; i++)
				assert_true(a.hit[i - 1].distance <= a.hit[i].distance);
		} else {
			check(&a, HIT, 0, 0);
		}
		ask(&a, HIT, 10, VEXFS_SEARCH_EXACT);
		check(&a, HIT, FIRST, END);
		ask(&a, HIT, 10, 0);
		check(&a, HIT, FIRST, END);
		finish();
	}
	assert_true(n > 5);
}

/* A byte of the row is another one: not a hit, although it is the nearest. */
static void checksum(void **state)
{
	struct vexfs_hit hits[4 * 3];
	struct vexfs_query_answer answers[4];
	float v[4][DIMS];
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.k = 3,
		.queries = 4,
		.vector_bytes = sizeof(v[0]),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)hits,
		.answers = (uintptr_t)answers,
	};
	struct vexfs_item item;
	struct answer a;
	unsigned char byte;
	off_t at;
	int fd;
	__u32 i;

	(void)state;
	at = prepare();
	fd = open(m.path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, at + 4), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at + 4), 1);
	for (i = 0; i < 4; i++)
		vector_of(i * HIT / 2, v[i]);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &s), 0);
	assert_int_equal(s.truncated, VEXFS_TRUNC_DAMAGED);
	for (i = 0; i < 4; i++) {
		assert_int_equal(answers[i].n, 3);
		assert_true((hits[3 * i].id == i * HIT / 2) == (i != 2));
	}
	assert_int_equal(answers[1].truncated, 0);
	assert_int_equal(answers[2].truncated, VEXFS_TRUNC_DAMAGED);
	assert_int_equal(lines, 1);
	assert_int_equal(info_of(&m).damaged, 1);
	ask(&a, HIT, 20, VEXFS_SEARCH_EXACT);
	check(&a, HIT, HIT, HIT + 1);
	assert_int_equal(a.trace.restart[VEXFS_RESTART_DAMAGED], 0);
	assert_int_equal(get_id(&m, HIT, &item), -EUCLEAN);
	assert_int_equal(get_id(&m, HIT + 1, &item), 0);
	assert_int_equal(lines, 1);
	byte ^= 1; /* for the check */
	assert_int_equal(pwrite(fd, &byte, 1, at + 4), 1);
	close(fd);
	finish();
}

/* Where the record of HIT is in the image. */
static off_t record_place(struct vexfs_record *r)
{
	struct vexfs_record block[VEXFS_BLOCK_SIZE / sizeof(*r)];
	int fd = open(m.path, O_RDONLY | O_CLOEXEC);
	off_t pos, found = 0;
	size_t i;

	for (pos = 0; !found && pread(fd, block, sizeof(block), pos) == sizeof(block);
	     pos += sizeof(block))
		for (i = 0; !found && i < ARRAY_SIZE(block); i++)
			if (le64_to_cpu(block[i].r_id) == HIT &&
			    le64_to_cpu(block[i].r_seq) == HIT + 1 &&
			    le64_to_cpu(block[i].r_attr[0]) == HIT) {
				found = pos + i * sizeof(*r);
				*r = block[i];
			}
	close(fd);
	assert_true(found);
	return found;
}

/*
 * A number of the row is none, and the checksum is right: an image that somebody made.  It is no hit,
 * let alone the nearest of all, and no query.
 */
static void numbers(void **state)
{
	/* by its bits the nearest of all, and the farthest, which only who fetches it sees */
	static const float odd[] = { -NAN, NAN };
	__u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		struct vexfs_record was, r;
		float row[DIMS], bad[DIMS];
		off_t at = prepare(), record = record_place(&was);
		int fd = open(m.path, O_RDWR | O_CLOEXEC);
		struct vexfs_ioc_search by_id = {
			.size = sizeof(by_id),
			.flags = VEXFS_SEARCH_BY_ID,
			.k = 1,
			.id = HIT,
		};
		struct vexfs_hit hit;
		struct vexfs_collection_mem *c;
		struct vexfs_item item;
		struct answer a;

		vector_of(HIT, row);
		memcpy(bad, row, sizeof(bad));
		bad[1] = odd[i];
		r = was;
		c = vexfs_collection_get(file_inode(m.c));
		assert_false(IS_ERR(c));
		r.r_crc = cpu_to_le32(vexfs_record_crc(c->body, HIT, &r, bad, NULL, 0));
		vexfs_collection_put(c);
		assert_int_equal(pwrite(fd, bad, sizeof(bad), at), sizeof(bad));
		assert_int_equal(pwrite(fd, &r, sizeof(r), record), sizeof(r));
		if (i)
			assert_int_equal(get_id(&m, HIT, &item), -EUCLEAN);
		ask(&a, HIT, 10, VEXFS_SEARCH_EXACT);
		check(&a, HIT, HIT, HIT + 1);
		ask(&a, 10, 10, VEXFS_SEARCH_EXACT);
		check(&a, 10, HIT, HIT + 1);
		by_id.hits = (uintptr_t)&hit;
		assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &by_id), -EUCLEAN);
		assert_int_equal(get_id(&m, HIT, &item), -EUCLEAN);
		assert_int_equal(lines, 1);
		assert_int_equal(info_of(&m).damaged, 1);
		/* for the check */
		assert_int_equal(pwrite(fd, row, sizeof(row), at), sizeof(row));
		assert_int_equal(pwrite(fd, &was, sizeof(was), record), sizeof(was));
		close(fd);
		finish();
	}
}

static long list(__u32 flags, struct vexfs_ioc_list *arg, struct vexfs_item *items)
{
	*arg = (struct vexfs_ioc_list){
		.size = sizeof(*arg), .flags = flags, .n = RECORDS, .items = (uintptr_t)items
	};
	return vexfs_file_ioctl(m.c, VEXFS_IOC_LIST, arg);
}

static void listing(void **state)
{
	static struct vexfs_item items[RECORDS];
	struct vexfs_ioc_list arg;
	struct answer a;
	__u32 i;

	(void)state;
	broken = prepare() / VEXFS_BLOCK_SIZE;
	assert_int_equal(list(0, &arg, items), -EIO);
	assert_int_equal(list(VEXFS_LIST_DAMAGED, &arg, items), 0);
	assert_int_equal(arg.n, RECORDS);
	assert_true(arg.cursor == ~0ULL);
	for (i = 0; i < RECORDS; i++) {
		bool bad = i >= FIRST && i < END;

		assert_int_equal(items[i].id, i);
		assert_int_equal(items[i].attr[0], i);
		assert_int_equal(items[i].flags, bad ? VEXFS_ITEM_DAMAGED : 0);
	}
	assert_int_equal(lines, ROWS);
	/* the disk has thought better of it: what verifies is whole again */
	broken = 0;
	ask(&a, HIT, 10, 0);
	check(&a, HIT, FIRST, END);
	assert_int_equal(list(0, &arg, items), 0);
	assert_int_equal(info_of(&m).damaged, 0);
	for (i = FIRST; i < END; i += 7) {
		ask(&a, i, 3, 0);
		check(&a, i, 0, 0);
	}
	finish();
}

static long compact(__u64 *before, __u64 *after)
{
	struct vexfs_ioc_compact arg = { .size = sizeof(arg) };
	long err = vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &arg);

	*before = arg.before;
	*after = arg.after;
	return err;
}

/* It copies all or nothing: what cannot be read is not lost by it. */
static void compaction(void **state)
{
	struct answer a;
	__u64 before, after, id;

	(void)state;
	broken = prepare() / VEXFS_BLOCK_SIZE;
	for (id = 0; id < 100; id++)
		assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(compact(&before, &after), -EUCLEAN);
	assert_int_equal(info_of(&m).epoch, 0);
	assert_int_equal(info_of(&m).live, RECORDS - 100);
	assert_int_equal(info_of(&m).damaged, 1);
	ask(&a, RECORDS - 1, 10, VEXFS_SEARCH_EXACT);
	assert_int_equal(a.s.truncated, VEXFS_TRUNC_DAMAGED);
	/* they are replaced and deleted as others are, and then it can */
	assert_int_equal(insert_some(&m, FIRST, 10, VEXFS_INSERT_UPSERT), 0);
	for (id = FIRST + 10; id < END; id++)
		assert_int_equal(delete_id(&m, id), 0);
	ask(&a, RECORDS - 1, 10, VEXFS_SEARCH_EXACT);
	assert_int_equal(a.s.truncated, 0);
	assert_int_equal(compact(&before, &after), 0);
	assert_int_equal(after, RECORDS - 100 - ROWS + 10);
	assert_int_equal(info_of(&m).damaged, 0);
	assert_true(is_found(&m, FIRST + 3));
	finish();
}

/* In a snapshot they are missed, in what is without them they are not. */
static void snapshots(void **state)
{
	struct vexfs_ioc_snapshot arg = { .size = sizeof(arg),
					  .op = VEXFS_SNAPSHOT_CREATE,
					  .name = "before" };
	struct answer a;
	__u64 id;

	(void)state;
	broken = prepare() / VEXFS_BLOCK_SIZE;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SNAPSHOT, &arg), 0);
	for (id = FIRST; id < END; id++)
		assert_int_equal(delete_id(&m, id), 0);
	ask(&a, HIT, 10, VEXFS_SEARCH_EXACT);
	assert_int_equal(a.s.truncated, 0);
	assert_int_equal(lines, 0); /* nobody has looked at them */
	a.s = (struct vexfs_ioc_search){
		.size = sizeof(a.s),
		.flags = VEXFS_SEARCH_BY_ID,
		.id = FIRST - 1,
		.k = 10,
		.hits = (uintptr_t)a.hit,
		.snapshot = "before",
	};
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &a.s), 0);
	assert_int_equal(a.s.truncated, VEXFS_TRUNC_DAMAGED);
	assert_int_equal(lines, ROWS);
	finish();
}

/* Rows of lists, without an image: those that count from 0 in steps of SPARSE are damaged. */
#define LISTED 6000u
#define SPARSE 200u

static struct vx_rows plane;
static struct vexfs_columns *columns;
static struct vexfs_codes *codes;
static struct vexfs_lists *made;
static bool to_blame; /* the rows are */

static int find_row(struct vx_rows *r, __u64 slot, struct vx_seg *seg, bool wait)
{
	(void)wait;
	if (r->error && slot % SPARSE == 0)
		return r->error;
	*seg = (struct vx_seg){ (const char *)r->data + slot * r->row_bytes, r->row_bytes };
	return 1;
}

static int tell(void *arg, __u64 slot, int err)
{
	(void)arg;
	assert_true(slot % SPARSE == 0);
	return to_blame ? 0 : err;
}

/* From `step` on rows fail with err: 0 codes, 1 lists, 2 rows of them, 3 what they take. */
static int make_lists(__u32 step, int err)
{
	int ret;

	plane.error = step == 0 ? err : 0;
	columns = vexfs_columns_new(0);
	assert_non_null(columns);
	vexfs_columns_watch(columns, tell, NULL);
	assert_int_equal(vexfs_columns_reserve(columns, LISTED), 0);
	for (__u64 i = 0; i < LISTED; i++)
		assert_int_equal(vexfs_columns_put(columns, i, i, NULL), 0);
	vexfs_columns_publish(columns, LISTED);
	codes = vexfs_codes_new(VEXFS_METRIC_L2, DIMS, 1);
	assert_non_null(codes);
	assert_int_equal(vexfs_codes_reserve(codes, LISTED), 0);
	ret = vexfs_codes_centre(codes, &plane, columns, LISTED) ?:
		      vexfs_codes_extend(codes, &plane, columns, LISTED, ~0ULL);
	plane.error = step <= 1 ? err : 0;
	if (!ret)
		made = vexfs_lists_new(codes, columns, &plane, LISTED, &ret, NULL, NULL);
	plane.error = step <= 2 ? err : 0;
	ret = ret ?: vexfs_lists_extend(made, columns, &plane, LISTED, ~0ULL, NULL, NULL);
	plane.error = err;
	return ret ?: vexfs_lists_tune(made, columns, &plane, NULL, NULL);
}

static void free_lists(void)
{
	vexfs_lists_free(made);
	vexfs_codes_free(codes);
	vexfs_columns_free(columns);
	made = NULL;
}

/* The nearest of the row of a slot, by lists. */
static __u64 nearest(__u64 slot, __u32 *truncated)
{
	struct vexfs_query_params p = {
		.row = (const char *)plane.data + slot * plane.row_bytes,
		.dims = DIMS,
		.metric = VEXFS_METRIC_L2,
		.k = 10,
		.deadline_us = ~0ULL,
		.codes = codes,
		.lists = made,
	};
	struct vexfs_query *q = vexfs_query_new(columns, &plane, &p);
	struct vexfs_hit_f hits[10];
	__u32 restarts;

	assert_non_null(q);
	assert_int_equal(run(q, vexfs_ivf, hits, truncated, &restarts), 10);
	vexfs_query_free(q);
	return hits[0].slot;
}

static void lists(void **state)
{
	static float rows[LISTED][DIMS];
	__u32 step, truncated;
	__u64 slot;

	(void)state;
	for (slot = 0; slot < LISTED; slot++)
		vector_of(slot, rows[slot]);
	plane = (struct vx_rows){
		.data = rows, .n = LISTED, .row_bytes = sizeof(rows[0]), .find = find_row
	};
	for (step = 0; step <= 3; step++) {
		to_blame = true;
		assert_int_equal(make_lists(step, step % 2 ? -EUCLEAN : -EIO), 0);
		if (step <= 2) /* tuning looks at some only */
			assert_int_equal(vexfs_columns_damaged(columns), LISTED / SPARSE);
		assert_true(vexfs_columns_damaged(columns) > 0);
		assert_int_equal(vexfs_lists_linked(made), LISTED);
		assert_true(nearest(SPARSE, &truncated) % SPARSE);
		assert_int_equal(truncated, VEXFS_TRUNC_DAMAGED);
		assert_int_equal(nearest(SPARSE + 7, &truncated), SPARSE + 7);
		/* what is whole again is found, whether it has come into a list or not */
		plane.error = 0;
		for (slot = 0; slot < LISTED; slot += SPARSE)
			vexfs_columns_mend(columns, slot);
		for (slot = 0; slot < LISTED; slot += SPARSE) {
			assert_int_equal(nearest(slot, &truncated), slot);
			assert_int_equal(truncated, 0);
		}
		free_lists();
		/* of anything else there are no lists */
		assert_int_equal(make_lists(step, -ENOMEM), -ENOMEM);
		free_lists();
		to_blame = false;
		assert_int_equal(make_lists(step, -EIO), -EIO);
		assert_int_equal(vexfs_columns_damaged(columns), 0);
		free_lists();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact),     cmocka_unit_test(encoder),
		cmocka_unit_test(measuring), cmocka_unit_test(checksum),
		cmocka_unit_test(listing),   cmocka_unit_test(compaction),
		cmocka_unit_test(snapshots), cmocka_unit_test(lists),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
