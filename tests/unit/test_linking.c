// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Lists that grow while they are searched: in the engine, where a writer inserts, replaces, deletes
 * and links, and in collections, where the worker of a mount makes them.  Built for both sanitizers.
 */
#include <pthread.h>
#include <time.h>

#include "driver.h"
#include "mount.h"
#include "races.h"
#include <platform/host.h>
#include "engine/lists.h"

/* A column has 64 values that are compared at once, too (fill() of columns.c writes them). */
KNOWN_RACES(RACES_OF_BLOCKS "race:^fill$\nrace:vexfs_predicate_match\n")

/* cmocka's checks are for one thread: these end the program. */
static void want(bool fine, const char *what, long got)
{
	if (fine)
		return;
	fprintf(stderr, "%s: %ld\n", what, got);
	abort();
}

/* --- in the engine --- */

#define WIDTH		16u
#define ROWS		9004u
#define FIRST		4004u		/* that are there when it begins */
#define STEP		50u		/* records of an insert */
#define GONE		7u		/* one in so many is deleted or replaced, in time */
#define K		10u

static float rows[ROWS][WIDTH];
static struct vexfs_columns *columns;
static struct vexfs_codes *codes;
static struct vexfs_lists *lists;
static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;	/* `lists`, but for who adds to them */
static __u32 generations;		/* that took the place of others */
static struct vexfs_lsh *lsh;		/* of the first ones */
static __u32 gone[ROWS];		/* the how manieth that died; 0: it has not */
static __u32 deaths;
static bool over;
static __u64 asked, missed;

static __u32 next_of(__u64 *state, __u32 below)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*state >> 33) % below;
}

static struct vx_rows plane(void)
{
	return (struct vx_rows){ .data = rows, .n = ROWS, .row_bytes = WIDTH * 4, .absent = 5 };
}

/* Others take the place of lists, as the worker of a mount does it. */
static bool balance(struct vx_rows *mine)
{
	struct vexfs_lists *to, *old = lists;
	int err;

	to = vexfs_lists_balance(lists, columns, mine, &err, NULL, NULL);
	want(!err, "balance", err);
	if (!to)
		return false;
	pthread_mutex_lock(&lists_lock);
	lists = to;
	pthread_mutex_unlock(&lists_lock);
	vexfs_lists_free(old);
	generations++;
	return true;
}

static void link_rows(struct vx_rows *mine, __u64 to)
{
	int err;

	do
		err = vexfs_lists_extend(lists, columns, mine, to, ~0ULL, NULL, NULL);
	while (err == -E2BIG && balance(mine));
	want(!err, "extend", err);
	while (vexfs_lists_uneven(lists, columns) && balance(mine))
		;
}

/* No query that begins from now on may find it. */
static void note_gone(__u64 slot)
{
	if (gone[slot])
		return;
	__atomic_store_n(&gone[slot], deaths + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&deaths, deaths + 1, __ATOMIC_RELEASE);
}

static __s64 attr_of(__u64 slot)
{
	return slot % 100;
}

static void *linker(void *arg)
{
	struct vx_rows mine = plane();
	struct vx_seg seg[VX_ROW_SEGS];
	__u64 at, i, old, replaced[STEP];
	__s64 attr;
	__u32 n;

	(void)arg;
	for (at = FIRST; at < ROWS; at += STEP) {
		want(!vexfs_columns_reserve(columns, at + STEP), "reserve", at);
		want(!vexfs_codes_reserve(codes, at + STEP), "reserve codes", at);
		for (i = at, n = 0; i < at + STEP; i++) {
			attr = attr_of(i);
			want(!vexfs_columns_replace(columns, i, i % GONE ? i : i - FIRST, &attr,
						    &old), "put", i);
			vexfs_codes_put(codes, i, seg, vx_rows_wait(&mine, i, seg));
			if (old != VEXFS_NO_SLOT) {
				vexfs_columns_supersede(columns, old, at + STEP);
				replaced[n++] = old;
			}
			if (i % (2 * GONE) == 0) {
				vexfs_columns_kill(columns, i - STEP / GONE * GONE);
				if (i - STEP / GONE * GONE < at)	/* else it is not there yet */
					note_gone(i - STEP / GONE * GONE);
			}
		}
		vexfs_codes_publish(codes, at + STEP);
		vexfs_columns_publish(columns, at + STEP);
		while (n)
			note_gone(replaced[--n]);
		if (at / STEP % 3 == 0)
			link_rows(&mine, at + STEP);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* All slots by the second rung of whatever generation the query has, as far as they are in it. */
static int refines(struct vexfs_search *s)
{
	struct vexfs_query *q = vexfs_search_query(s);
	int n;

	for (; s->state[0] < s->count; s->state[0] += VEXFS_BATCH) {
		n = vexfs_q_range(q, s->state[0], VEXFS_BATCH);
		if (n > 0)
			n = vexfs_q_refine(q, 2, 0);
		if (n > 0)
			n = vexfs_q_defer(q);
		if (n == -EAGAIN)
			return VEXFS_MORE;
		if (n < 0)
			return n;
	}
	while ((n = vexfs_q_take(q)) > 0) {
		n = measured(q, n);
		if (n < 0)
			break;
	}
	return n == -EAGAIN ? VEXFS_MORE : n;
}

/* Every way to search; what is planned goes by filters, too. */
static int (*const strategies[])(struct vexfs_search *) = {
	vexfs_ivf, refines, vexfs_lsh, vexfs_coded, vexfs_flat, vexfs_builtin, vexfs_builtin,
};
#define FILTERED 6u			/* of them, of which this part of 100 is admitted */
#define ADMITTED 20

/* What was found was there at some moment since so many were dead, once, at its distance. */
static void check(const float *query, const struct vexfs_hit_f *hit, __u32 n, __u32 dead,
		  bool filtered)
{
	__u32 i, j, went;
	double d, last = 0;

	want(n == K, "hits", n);
	for (i = 0; i < n; i++) {
		went = __atomic_load_n(&gone[hit[i].slot], __ATOMIC_RELAXED);
		want(!went || went > dead, "it was dead", hit[i].slot);
		want(!filtered || attr_of(hit[i].slot) < ADMITTED, "it does not match", hit[i].slot);
		memcpy(&d, &hit[i].distance, sizeof(d));
		want(d == exact_distance(VEXFS_METRIC_L2, query, rows[hit[i].slot], WIDTH),
		     "distance", hit[i].slot);
		want(d >= last, "order", i);
		last = d;
		for (j = 0; j < i; j++)
			want(hit[i].id != hit[j].id && hit[i].slot != hit[j].slot, "twice",
			     hit[i].slot);
	}
}

static void *asker(void *arg)
{
	struct vexfs_predicate_node below = { .op = VEXFS_PRED_LT, .value = ADMITTED };
	struct vexfs_condition condition = { .node = &below, .n = 1 };
	struct vexfs_query_params p = { .dims = WIDTH, .metric = VEXFS_METRIC_L2, .k = K,
					.deadline_us = ~0ULL, .codes = codes, .lsh = lsh,
					.attrs = 1, .recall = 990000 };
	__u64 state = (uintptr_t)arg, slot, mine = 0, lost = 0;
	__u32 truncated, restarts, i, way, dead;
	struct vexfs_predicate *filter;
	struct vexfs_match match;
	struct vexfs_hit_f hits[K];
	struct vx_rows from = plane();
	struct vexfs_lists *held;
	struct vexfs_query *q;
	bool there;
	int n;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		slot = next_of(&state, vexfs_columns_count(columns));
		way = next_of(&state, ARRAY_SIZE(strategies));
		if (slot % GONE == 0 || (way == FILTERED && attr_of(slot) >= ADMITTED))
			continue;
		filter = NULL;
		dead = __atomic_load_n(&deaths, __ATOMIC_ACQUIRE);
		if (way == FILTERED) {
			filter = vexfs_predicate_new(&condition);
			want(filter && !vexfs_predicate_match(filter, columns, ~0ULL, &match),
			     "filter", 0);
		}
		p.match = filter ? &match : NULL;
		p.row = rows[slot];
		p.effort = next_of(&state, 8) ? 0 : 1 + next_of(&state, 200);
		pthread_mutex_lock(&lists_lock);
		held = vexfs_lists_get(lists);
		pthread_mutex_unlock(&lists_lock);
		p.lists = held;
		q = vexfs_query_new(columns, &from, &p);
		want(q, "no query", 0);
		n = run(q, strategies[way], hits, &truncated, &restarts);
		want(!truncated, "truncated", truncated);
		check(rows[slot], hits, n, dead, filter);
		for (i = 0, there = false; i < K; i++)
			there |= hits[i].slot == slot && hits[i].distance == 0;
		mine++;
		lost += !there;
		vexfs_query_free(q);
		vexfs_predicate_free(filter);
		vexfs_lists_free(held);
	}
	__atomic_fetch_add(&asked, mine, __ATOMIC_RELAXED);
	__atomic_fetch_add(&missed, lost, __ATOMIC_RELAXED);
	return NULL;
}

static void beside_searches(void **state)
{
	struct vx_rows mine = plane();
	pthread_t thread[3];
	__u64 seed = 9;
	__s64 attr;
	__u32 i, k;
	int err;

	(void)state;
	for (i = 0; i < ROWS; i++)
		for (k = 0; k < WIDTH; k++)
			rows[i][k] = (float)(next_of(&seed, 1 << 20)) / (1 << 20) + i % 30 * 0.3f;
	columns = vexfs_columns_new(1);
	assert_int_equal(vexfs_columns_reserve(columns, FIRST), 0);
	for (i = 0; i < FIRST; i++) {
		attr = attr_of(i);
		assert_int_equal(vexfs_columns_put(columns, i, i, &attr), 0);
	}
	vexfs_columns_publish(columns, FIRST);
	codes = vexfs_codes_new(VEXFS_METRIC_L2, WIDTH, 5);
	assert_int_equal(vexfs_codes_reserve(codes, FIRST), 0);
	assert_int_equal(vexfs_codes_centre(codes, &mine, columns, FIRST), 0);
	assert_int_equal(vexfs_codes_extend(codes, &mine, columns, FIRST, ~0ULL), 0);
	lsh = vexfs_lsh_new(codes, &err, NULL, NULL);
	assert_non_null(lsh);
	/* many lists, as of many more rows: some have no row yet */
	lists = vexfs_lists_new(codes, columns, &mine, FIRST, &err, NULL, NULL);
	assert_non_null(lists);
	assert_int_equal(vexfs_lists_extend(lists, columns, &mine, 200, ~0ULL, NULL, NULL), 0);
	assert_int_equal(vexfs_lists_tune(lists, columns, &mine, NULL, NULL), 0);
	over = false;
	assert_int_equal(pthread_create(&thread[0], NULL, linker, NULL), 0);
	for (i = 1; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, asker, (void *)(uintptr_t)i), 0);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	printf("# %llu of %llu were not found, in %u generations of lists\n", missed, asked,
	       generations + 1);
	assert_true(generations >= 3);
	/* what lists take was measured with the first 200 */
	assert_true(asked > 20 && missed <= asked / 20);
	vexfs_lists_free(lists);
	vexfs_lsh_free(lsh);
	vexfs_codes_free(codes);
	vexfs_columns_free(columns);
}

/* --- in collections --- */

#define SECOND	1000000ULL
#define MANY	(VEXFS_MIN_LISTED + 1000u)

static struct mount m;

static struct vexfs_sb_info *sbi(void)
{
	return VEXFS_SB(vexfs_image_sb(m.image));
}

static void clock_on(__u64 us)
{
	__atomic_fetch_add(&vx_clock_fast, us, __ATOMIC_RELAXED);
}

static void budget(__u64 bytes)
{
	WRITE_ONCE(sbi()->opts.resident, bytes);
	vexfs_budget_trim(vexfs_image_sb(m.image));
}

static __u64 charged(void)
{
	struct vexfs_ioc_memory arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_MEMORY, &arg), 0);
	return arg.used;
}

/* A vector of its own for each id; size: how long it is. */
static void spot(__u64 id, float size, float v[DIMS])
{
	__u64 x = id;
	__u32 i;

	for (i = 0; i < DIMS; i++)
		v[i] = size * (next_of(&x, 1 << 20) / (float)(1 << 20) + 0.1f);
}

static void insert(__u64 first, __u32 n, float size)
{
	float *row = calloc(n, DIMS * sizeof(*row));
	__u64 *ids = calloc(n, sizeof(*ids));
	__s64 *attrs = calloc(n * 2, sizeof(*attrs));
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.n = n,
		.row_bytes = DIMS * sizeof(*row),
		.rows = (uintptr_t)row,
		.ids = (uintptr_t)ids,
		.attrs = (uintptr_t)attrs,
	};
	__u32 i;

	for (i = 0; i < n; i++) {
		ids[i] = first + i;
		spot(ids[i], size, row + i * DIMS);
	}
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INSERT, &arg), 0);
	free(row);
	free(ids);
	free(attrs);
}

static __u32 method;			/* VEXFS_METHOD_* */

/* Search for a record, which is the first hit. */
static struct vexfs_search_trace search(__u64 id, float size, const char *strategy)
{
	struct vexfs_search_trace trace = { .size = sizeof(trace) };
	struct vexfs_hit hits[10];
	float v[DIMS];
	struct vexfs_ioc_search arg = {
		.size = sizeof(arg),
		.k = 10,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)hits,
		.trace = (uintptr_t)&trace,
		.method = method,
	};

	spot(id, size, v);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg), 0);
	assert_int_equal(arg.n, 10);
	assert_int_equal(hits[0].id, id);
	assert_true(hits[0].distance == 0);
	if (strategy)
		assert_string_equal(arg.strategy, strategy);
	return trace;
}

/* Until so many slots are in lists. */
static void wait_for_lists(__u64 linked)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct vexfs_search_trace t;
	int i;

	for (i = 0; i < 20000; i++) {
		t = search(1, 1, NULL);
		if (t.lists && t.linked == linked)
			return;
		nanosleep(&nap, NULL);
	}
	fail_msg("no lists of %llu slots, but %u lists of %llu", linked, t.lists, t.linked);
}

/* Until so many slots are in hash tables. */
static struct vexfs_search_trace wait_for_tables(__u64 tabled)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct vexfs_search_trace t;
	int i;

	for (i = 0; i < 20000; i++) {
		t = search(1, 1, NULL);
		if (t.tables && t.tabled == tabled)
			return t;
		nanosleep(&nap, NULL);
	}
	fail_msg("no tables of %llu slots, but %u of %llu", tabled, t.tables, t.tabled);
	return t;
}

/* Until the worker has nothing to do. */
static void wait_for_worker(void)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m.c));
	struct vexfs_body *b = vexfs_body_get(c);
	int i, idle = 0;

	for (i = 0; i < 20000 && idle < 50; i++) {
		idle = READ_ONCE(b->derived_wanted) ? 0 : idle + 1;
		nanosleep(&nap, NULL);
	}
	vexfs_body_put(b);
	vexfs_collection_put(c);
}

static struct vexfs_derived *generation(void)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m.c));
	struct vexfs_body *b = vexfs_body_get(c);
	struct vexfs_derived *d = vexfs_derived_get(b);

	vexfs_body_put(b);
	vexfs_collection_put(c);
	assert_non_null(d);
	return d;
}

static int setup(void **state)
{
	(void)state;
	method = VEXFS_METHOD_AUTO;
	mount_with_collection(&m);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mount_unmake(&m);
	__atomic_store_n(&vx_clock_fast, 0, __ATOMIC_RELAXED);
	return 0;
}

static void made(void **state)
{
	__u64 id = MANY;

	(void)state;
	insert(1, MANY, 1);
	search(1, 1, "coded");
	wait_for_lists(MANY);
	search(5, 1, "ivf");
	/* what comes is found at once, and is in lists soon */
	for (; id < MANY + 300; id += 100) {
		insert(id + 1, 100, 1);
		search(id + 1, 1, "ivf");
		search(id + 100, 1, "ivf");
	}
	wait_for_lists(MANY + 300);
	mount_again(&m);
	search(MANY, 1, NULL);
	wait_for_lists(MANY + 300);
}

/* An unmount does not wait for lists, whatever there is of them. */
static void unmounted_meanwhile(void **state)
{
	struct timespec nap = { };
	__u32 i;

	(void)state;
	for (i = 0; i < 3; i++)
		insert(1 + i * MANY, MANY, 1);
	for (i = 0; i < 15; i++) {
		nap.tv_nsec = i * 7000000;
		search(1, 1, NULL);
		nanosleep(&nap, NULL);
		mount_again(&m);
	}
	search(1, 1, NULL);
	wait_for_lists(3 * MANY);
}

/* Codes fit, lists do not; then they do. */
static void without_room(void **state)
{
	struct vexfs_search_trace t;

	(void)state;
	insert(1, MANY, 1);
	budget(charged() + vexfs_derived_cost(DIMS, MANY, false) +
	       vexfs_lists_cost(DIMS, MANY) / 2);
	search(1, 1, "coded");
	wait_for_worker();
	t = search(1, 1, "coded");
	assert_int_equal(t.lists, 0);
	assert_int_equal(t.codes, VEXFS_CODES_ALL);
	budget(256 << 20);
	clock_on(11 * SECOND);
	wait_for_lists(MANY);
	search(1, 1, "ivf");
}

/* No list can have another row: there is no extent left. */
static void fill_up(struct vexfs_lists *l)
{
	struct vexfs_list_extent *x;
	struct vexfs_list *list;
	__u32 i, e;

	for (i = 0; i < l->lists; i++) {
		list = l->list + i;
		while ((e = list->extents[VEXFS_ROWS]) < VEXFS_LIST_EXTENTS) {
			x = &list->extent[e ? e - 1 : 0][VEXFS_ROWS];
			assert_int_equal(vexfs_list_reserve(l, list, e ? x->end + 1 : 1), 0);
		}
		for (e = 0; e < VEXFS_LIST_EXTENTS; e++) {
			x = &list->extent[e][VEXFS_ROWS];
			x->first = e ? list->n : 0;
			x->end = list->n;
		}
	}
}

/* Lists that can have no more rows: others take their place, and meanwhile all is found. */
static void outgrown(void **state)
{
	const struct vexfs_codes *codes;
	struct vexfs_derived *d;

	(void)state;
	insert(1, MANY, 1);
	search(1, 1, NULL);
	wait_for_lists(MANY);
	wait_for_worker();
	d = generation();
	codes = d->codes;
	fill_up(d->lists);
	vexfs_derived_put(d);
	insert(MANY + 1, 500, 1);
	search(MANY + 1, 1, "ivf");
	wait_for_lists(MANY + 500);
	search(MANY + 500, 1, "ivf");
	d = generation();
	assert_int_equal(READ_ONCE(d->lists_err), 0);
	/* of the same generation: no row was encoded again */
	assert_ptr_equal(d->codes, codes);
	vexfs_derived_put(d);
}

static void delete_some(__u64 first, __u64 last, __u32 step)
{
	__u64 ids[MANY], id;
	struct vexfs_ioc_delete arg = { .size = sizeof(arg), .ids = (uintptr_t)ids };

	for (id = first; id <= last; id += step)
		ids[arg.n++] = id;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DELETE, &arg), 0);
}

/* Compaction: the first search after it goes through lists, of which none was made anew. */
static void carried(void **state)
{
	struct vexfs_ioc_compact arg = { .size = sizeof(arg) };
	struct vexfs_search_trace t;
	struct vexfs_derived *d;
	__s32 slant[VEXFS_NEAREST][VEXFS_GRADES];
	__u64 id;

	(void)state;
	insert(1, MANY, 1);
	search(1, 1, NULL);
	wait_for_lists(MANY);
	wait_for_worker();
	d = generation();
	memcpy(slant, d->lists->slant, sizeof(slant));
	vexfs_derived_put(d);
	delete_some(3, MANY, 3);
	insert(MANY + 1, 100, 1);		/* in no list, or just about to be */
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &arg), 0);
	t = search(1, 1, "ivf");
	assert_in_range(t.linked, MANY - MANY / 3, MANY - MANY / 3 + 100);
	assert_int_equal(t.codes, VEXFS_CODES_ALL);
	for (id = 1; id <= MANY + 100; id += 11)
		if (id % 3 || id > MANY)
			search(id, 1, "ivf");
	wait_for_lists(MANY - MANY / 3 + 100);
	for (id = 2; id <= MANY + 100; id += 7)
		if (id % 3 || id > MANY)
			search(id, 1, "ivf");
	d = generation();
	assert_true(d->lists->tuned && !memcmp(slant, d->lists->slant, sizeof(slant)));
	vexfs_derived_put(d);
}

/* The same, where there is room for the codes of another generation only. */
static void carried_without_room(void **state)
{
	struct vexfs_ioc_compact arg = { .size = sizeof(arg) };

	(void)state;
	insert(1, MANY, 1);
	search(1, 1, NULL);
	wait_for_lists(MANY);
	wait_for_worker();
	delete_some(20, MANY, 20);
	budget(charged() + vexfs_derived_cost(DIMS, MANY, false) + 200000);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &arg), 0);
	search(1, 1, NULL);
	wait_for_lists(MANY - MANY / 20);
	search(2, 1, "ivf");
}

/* Too many records of which no list can take: there are none, and nobody tries again and again. */
static void too_many_strays(void **state)
{
	struct vexfs_derived *d;
	__u32 i;

	(void)state;
	insert(1, MANY, 1);
	insert(MANY + 1, 2000, 0x1p40f);
	for (i = 0; i < 3; i++) {
		search(1, 1, "coded");
		wait_for_worker();
		search(MANY + 7, 0x1p40f, NULL);
		clock_on(11 * SECOND);
	}
	d = generation();
	assert_int_equal(READ_ONCE(d->lists_err), -EDOM);
	assert_false(vexfs_derived_unlisted(d));
	assert_null(d->lists);
	vexfs_derived_put(d);
}

/* Hash tables are made once somebody asks for them, and remade when a quarter has come since. */
static void tabled(void **state)
{
	struct vexfs_search_trace t;

	(void)state;
	insert(1, MANY, 1);
	search(1, 1, "coded");
	wait_for_lists(MANY);
	wait_for_worker();
	assert_int_equal(search(1, 1, "ivf").tables, 0);
	method = VEXFS_METHOD_LSH;
	t = search(1, 1, NULL);
	assert_int_equal(t.method, VEXFS_METHOD_LSH);
	wait_for_tables(MANY);
	t = search(5, 1, "lsh");
	assert_int_equal(t.plan, VEXFS_PLAN_LSH);
	assert_int_equal(t.plan_why, VEXFS_WHY_CALLER);
	assert_true(t.buckets && t.estimated < MANY);
	insert(MANY + 1, 100, 1);		/* found at once */
	t = search(MANY + 50, 1, "lsh");
	wait_for_worker();
	assert_int_equal(search(MANY + 100, 1, "lsh").tabled, MANY);
	insert(MANY + 101, MANY / 4 + 100, 1);
	search(MANY + MANY / 4, 1, "lsh");
	wait_for_tables(MANY + MANY / 4 + 200);
	search(MANY + MANY / 4, 1, "lsh");
	search(7, 1, "lsh");
	method = VEXFS_METHOD_CODED;
	search(7, 1, "coded");
	method = VEXFS_METHOD_EXACT;
	search(7, 1, "exact");
	method = VEXFS_METHOD_IVF;
	search(7, 1, "ivf");
}

/* Codes and lists fit, tables do not; then they do. */
static void tabled_without_room(void **state)
{
	(void)state;
	insert(1, MANY, 1);
	search(1, 1, "coded");
	wait_for_lists(MANY);
	wait_for_worker();
	budget(charged() + vexfs_lsh_cost(DIMS, MANY) / 2);
	method = VEXFS_METHOD_LSH;
	search(1, 1, "ivf");
	wait_for_worker();
	assert_int_equal(search(2, 1, "ivf").tables, 0);
	budget(256 << 20);
	clock_on(11 * SECOND);
	wait_for_tables(MANY);
	search(2, 1, "lsh");
}

#ifdef __SANITIZE_THREAD__		/* making lists takes minutes then */
#define TESTS 1
#else
#define TESTS ARRAY_SIZE(tests)
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_searches),
		TEST(made),
		TEST(unmounted_meanwhile),
		TEST(without_room),
		TEST(outgrown),
		TEST(carried),
		TEST(carried_without_room),
		TEST(too_many_strays),
		TEST(tabled),
		TEST(tabled_without_room),
	};

	return _cmocka_run_group_tests("tests", tests, TESTS, NULL, NULL);
}
