// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Derived data of collections: generations that come and go beside searches, what compaction and a
 * new centre carry over, and the budget of a mount.  Built for both sanitizers.
 */
#include <pthread.h>
#include <time.h>

#include "mount.h"
#include "races.h"
#include <platform/host.h>

KNOWN_RACES(RACES_OF_BLOCKS RACES_OF_ORPHANS)

#define N	2000u			/* records that have codes */
#define SECOND	1000000ULL

static struct mount m;

static void clock_on(__u64 us)
{
	__atomic_fetch_add(&vx_clock_fast, us, __ATOMIC_RELAXED);
}

static struct super_block *sb(void)
{
	return vexfs_image_sb(m.image);
}

static struct vexfs_sb_info *sbi(void)
{
	return VEXFS_SB(sb());
}

static void budget(__u64 bytes)
{
	WRITE_ONCE(sbi()->opts.resident, bytes);
	vexfs_budget_trim(sb());
}

static struct vexfs_ioc_memory memory(void)
{
	struct vexfs_ioc_memory arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_MEMORY, &arg), 0);
	assert_int_equal(arg.limit, sbi()->opts.resident);
	return arg;
}

static __u64 charged(void)
{
	return memory().used;
}

/* The current generation, which somebody else holds too. */
static const struct vexfs_codes *codes_of(struct file *dir)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(dir));
	struct vexfs_body *b = vexfs_body_get(c);
	struct vexfs_derived *d = vexfs_derived_get(b);
	const struct vexfs_codes *codes = d ? d->codes : NULL;

	vexfs_derived_put(d);
	vexfs_body_put(b);
	vexfs_collection_put(c);
	return codes;
}

/* A vector in a place of its own: a wide cloud around `at` in every dimension. */
static void cloud(__u64 id, float at, float v[DIMS])
{
	__u64 x = id;
	__u32 i;

	for (i = 0; i < DIMS; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		v[i] = at + (float)(x >> 40) / (1 << 24);
	}
}

/* Records [first, first + n) of a cloud. */
static void insert_cloud(struct file *dir, __u64 first, __u32 n, float at, __u32 flags)
{
	float *rows = calloc(n, DIMS * sizeof(*rows));
	__u64 *ids = calloc(n, sizeof(*ids));
	__s64 *attrs = calloc(n * 2, sizeof(*attrs));
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.flags = flags,
		.n = n,
		.row_bytes = DIMS * sizeof(*rows),
		.rows = (uintptr_t)rows,
		.ids = (uintptr_t)ids,
		.attrs = (uintptr_t)attrs,
	};
	__u32 i;

	for (i = 0; i < n; i++) {
		ids[i] = first + i;
		cloud(ids[i], at, rows + i * DIMS);
	}
	assert_int_equal(vexfs_file_ioctl(dir, VEXFS_IOC_INSERT, &arg), 0);
	free(rows);
	free(ids);
	free(attrs);
}

/* Search for a record of a cloud; it is the first hit.  What was used. */
static struct vexfs_search_trace search(struct file *dir, __u64 id, float at)
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
	};

	cloud(id, at, v);
	assert_int_equal(vexfs_file_ioctl(dir, VEXFS_IOC_SEARCH, &arg), 0);
	assert_int_equal(arg.n, 10);
	assert_int_equal(hits[0].id, id);
	assert_true(hits[0].distance == 0);
	/* a generation that has just been begun has no code yet */
	assert_string_equal(arg.strategy, trace.codes == VEXFS_CODES_ALL ||
			    trace.codes == VEXFS_CODES_PART ? "coded" : "exact");
	return trace;
}

static struct vexfs_ioc_info info(struct file *dir)
{
	struct vexfs_ioc_info arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(dir, VEXFS_IOC_INFO, &arg), 0);
	return arg;
}

static void delete_ids(struct file *dir, __u64 first, __u32 n)
{
	__u64 *ids = calloc(n, sizeof(*ids));
	struct vexfs_ioc_delete arg = { .size = sizeof(arg), .n = n, .ids = (uintptr_t)ids };
	__u32 i;

	for (i = 0; i < n; i++)
		ids[i] = first + i;
	assert_int_equal(vexfs_file_ioctl(dir, VEXFS_IOC_DELETE, &arg), 0);
	free(ids);
}

static void compact(struct file *dir)
{
	struct vexfs_ioc_compact arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(dir, VEXFS_IOC_COMPACT, &arg), 0);
	assert_true(arg.after < arg.before);
}

/* Another collection like /c. */
static struct file *another(const char *path)
{
	struct file *dir;

	assert_int_equal(vexfs_image_mkdir(m.image, path, 0755), 0);
	dir = vexfs_file_open(m.image, path, O_RDONLY | O_DIRECTORY, 0);
	assert_false(IS_ERR(dir));
	assert_int_equal(collection_create(dir), 0);
	return dir;
}

static void ask_worker(void)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m.c));

	vexfs_derived_poke(c->body);
	vexfs_collection_put(c);
}

/*
 * Until the worker has given /c another centre, of about `count` rows, and a code to each.  It may have
 * begun when there were fewer, and is asked again, as the next search would.
 */
static void wait_for_centre(__u64 count)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	const struct vexfs_codes *codes;
	int i;

	for (i = 0; i < 20000; i++) {
		codes = codes_of(m.c);
		if (codes && vexfs_codes_centred(codes) >= count - count / 4 &&
		    info(m.c).coded == info(m.c).count)
			return;
		if (i % 100 == 99)
			ask_worker();
		nanosleep(&nap, NULL);
	}
	fail_msg("no centre of %llu rows", count);
}

static int setup(void **state)
{
	(void)state;
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

/* --- compaction --- */

/* D9: codes go with the records, those of slots that had none yet are made on the way. */
static void carried(void **state)
{
	__u64 id;

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	assert_int_equal(search(m.c, 7, 0).codes, VEXFS_CODES_ALL);
	assert_int_equal(info(m.c).coded, N);
	insert_cloud(m.c, N + 1, N / 2, 0, 0);
	assert_int_equal(info(m.c).coded, N + N / 2);
	delete_ids(m.c, N / 2, N / 2);
	compact(m.c);
	assert_int_equal(info(m.c).count, N);
	/* before anybody searches, and by the centre that was: no row was encoded again */
	assert_int_equal(info(m.c).coded, N);
	assert_int_equal(info(m.c).codes, VEXFS_CODES_ALL);
	assert_int_equal(vexfs_codes_centred(codes_of(m.c)), N * 2 / 3);
	for (id = 1; id <= N + N / 2; id += 3)
		if (id < N / 2 || id >= N)
			assert_int_equal(search(m.c, id, 0).codes, VEXFS_CODES_ALL);
}

/* A generation that lags behind: compaction has the rows in its hands. */
static void carried_in_part(void **state)
{
	struct vexfs_collection_mem *c;
	struct vexfs_derived *d;
	__u64 id;

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	search(m.c, 1, 0);
	c = vexfs_collection_get(file_inode(m.c));
	d = vexfs_derived_get(c->body);
	mutex_lock(&d->lock);			/* somebody is at it */
	insert_cloud(m.c, N + 1, N, 0, 0);
	assert_int_equal(info(m.c).coded, N);
	assert_int_equal(info(m.c).codes, VEXFS_CODES_PART);
	assert_int_equal(search(m.c, 2 * N, 0).codes, VEXFS_CODES_PART);
	delete_ids(m.c, 1, N / 2);
	compact(m.c);
	mutex_unlock(&d->lock);
	vexfs_derived_put(d);
	vexfs_collection_put(c);
	assert_int_equal(info(m.c).coded, 2 * N - N / 2);
	for (id = N / 2 + 1; id <= 2 * N; id += 7)
		assert_int_equal(search(m.c, id, 0).codes, VEXFS_CODES_ALL);
}

/* No room for two: the worker makes another one when the old body is gone. */
static void compacted_without_room(void **state)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int i;

	(void)state;
	insert_cloud(m.c, 1, 3 * N, 0, 0);
	search(m.c, 1, 0);
	delete_ids(m.c, 1, N / 2);
	budget(charged() + 1000);
	compact(m.c);
	search(m.c, N, 0);
	for (i = 0; i < 20000 && info(m.c).coded < info(m.c).count; i++) {
		search(m.c, N, 0);
		nanosleep(&nap, NULL);
	}
	assert_int_equal(info(m.c).codes, VEXFS_CODES_ALL);
	assert_int_equal(memory().leaving, 0);
}

/* Memory for codes that cannot be had costs codes; for anything else, the compaction. */
static void compacted_without_memory(void **state)
{
	struct vexfs_ioc_compact arg = { .size = sizeof(arg) };
	__u32 n, failed = 0, lost = 0;
	long err;

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	sbi()->dev->quiet = true;
	for (n = 1; n <= 80; n++) {
		search(m.c, N, 0);
		delete_ids(m.c, n, 1);
		vexfs_fault_set(VEXFS_FAULT_ALLOC, n);
		err = vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &arg);
		vexfs_fault_set(VEXFS_FAULT_ALLOC, 0);
		assert_true(!err || err == -ENOMEM);
		failed += !!err;
		lost += !err && info(m.c).coded < N - n;
		search(m.c, N, 0);
	}
	assert_true(failed && failed < n);
	assert_int_equal(info(m.c).live, N - 80);
	printf("# %u failed, %u went on without codes\n", failed, lost);
}

/* --- a new centre --- */

/* D18: rows that are elsewhere. */
static void moved(void **state)
{
	__u64 before, after;

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	search(m.c, 1, 0);
	assert_int_equal(vexfs_codes_centred(codes_of(m.c)), N);
	insert_cloud(m.c, N + 1, N, 100, 0);
	assert_int_equal(info(m.c).coded, 2 * N);
	assert_true(vexfs_codes_off(codes_of(m.c)) > 400);
	before = search(m.c, N + 1, 100).reranked;
	wait_for_centre(2 * N);
	assert_true(vexfs_codes_off(codes_of(m.c)) < 10);
	after = search(m.c, N + 1, 100).reranked;
	if (after > before)
		fail_msg("%llu measured, not %llu", after, before);
}

/* D18: as they were, but many more. */
static void grown(void **state)
{
	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	search(m.c, 1, 0);
	insert_cloud(m.c, N + 1, 2 * N, 0, 0);
	search(m.c, N + 1, 0);
	assert_true(vexfs_codes_off(codes_of(m.c)) < 10);
	assert_int_equal(vexfs_codes_centred(codes_of(m.c)), N);
	insert_cloud(m.c, 3 * N + 1, N, 0, 0);
	search(m.c, 4 * N, 0);
	wait_for_centre(4 * N);
	search(m.c, 4 * N, 0);
}

/* No room for two: the old centre stays, and is no worse than it was; others keep theirs. */
static void moved_without_room(void **state)
{
	struct file *d = another("/d");
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct vexfs_collection_mem *c;
	const struct vexfs_codes *codes;
	int i;

	(void)state;
	insert_cloud(d, 1, 3 * N, 0, 0);
	search(d, 1, 0);
	clock_on(11 * SECOND);
	insert_cloud(m.c, 1, N, 0, 0);
	search(m.c, 1, 0);
	insert_cloud(m.c, N + 1, N, 100, 0);
	budget(charged() + 1000);
	codes = codes_of(m.c);
	search(m.c, N + 1, 100);
	c = vexfs_collection_get(file_inode(m.c));
	for (i = 0; i < 20000 && !READ_ONCE(c->body->recentre_after); i++)
		nanosleep(&nap, NULL);
	assert_int_not_equal(READ_ONCE(c->body->recentre_after), 0);
	vexfs_collection_put(c);
	assert_ptr_equal(codes_of(m.c), codes);
	assert_int_equal(search(m.c, N + 1, 100).codes, VEXFS_CODES_ALL);
	assert_int_equal(info(d).codes, VEXFS_CODES_ALL);
	vexfs_file_close(d);
}

/* --- the worker --- */

/* What a search in a hurry leaves is made behind it; an unmount in between does not wait for it. */
static void in_a_hurry(void **state)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct vexfs_hit hit;
	float v[DIMS];
	struct vexfs_ioc_search arg = {
		.size = sizeof(arg),
		.k = 1,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)&hit,
		.timeout_us = 2,
	};
	__u32 i;

	(void)state;
	for (i = 0; i < 10; i++)
		insert_cloud(m.c, 1 + i * N, N, 0, 0);
	cloud(1, 0, v);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg), 0);
	mount_again(&m);
	assert_int_equal(info(m.c).coded, 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg), 0);
	for (i = 0; i < 20000 && info(m.c).coded < 10 * N; i++)
		nanosleep(&nap, NULL);
	assert_int_equal(info(m.c).codes, VEXFS_CODES_ALL);
	/* and for who only reads */
	mount_close(&m);
	mount_open(&m, VEXFS_IMAGE_READONLY);
	mount_open_c(&m);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg), 0);
	for (i = 0; i < 20000 && info(m.c).coded < 10 * N; i++)
		nanosleep(&nap, NULL);
	assert_int_equal(info(m.c).codes, VEXFS_CODES_ALL);
}

/* --- the budget --- */

/* D11: whoever was not searched for a while makes room. */
static void makes_room(void **state)
{
	struct file *d = another("/d"), *e = another("/e");

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	insert_cloud(d, 1, N, 0, 0);
	insert_cloud(e, 1, N, 0, 0);
	assert_int_equal(info(m.c).codes, VEXFS_CODES_NONE);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_ALL);
	budget(charged() + 1000);		/* full */
	assert_int_equal(search(d, 1, 0).codes, VEXFS_CODES_BUDGET);
	assert_int_equal(info(d).codes, VEXFS_CODES_BUDGET);
	clock_on(11 * SECOND);
	assert_int_equal(search(d, 1, 0).codes, VEXFS_CODES_ALL);
	assert_int_equal(info(m.c).codes, VEXFS_CODES_BUDGET);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_BUDGET);
	assert_int_equal(memory().evicted, 1);

	/* of two, that of the earlier search */
	budget(256 << 20);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_ALL);
	budget(charged() + 1000);
	clock_on(SECOND);
	search(d, 1, 0);
	clock_on(11 * SECOND);
	assert_int_equal(search(e, 1, 0).codes, VEXFS_CODES_ALL);
	assert_int_equal(info(m.c).coded, 0);
	assert_int_equal(info(d).coded, N);
	assert_true(charged() <= sbi()->opts.resident);
	assert_int_equal(memory().evicted, 2);
	vexfs_file_close(d);
	vexfs_file_close(e);
}

/* No room at all, and none any more. */
static void lowered(void **state)
{
	__u64 needed = charged();

	(void)state;
	budget(0);
	insert_cloud(m.c, 1, N, 0, 0);
	assert_true(charged() > needed);	/* columns are there all the same */
	needed = charged();
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_BUDGET);
	assert_int_equal(charged(), needed);
	budget(256 << 20);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_ALL);
	assert_true(charged() > needed);
	budget(needed + 100);
	assert_int_equal(charged(), needed);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_BUDGET);
	mount_again(&m);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_ALL);
}

/* Memory is short: at last it goes, and is not made again at once. */
static void reclaimed(void **state)
{
	__u64 needed, codes;
	int i;

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	needed = charged();
	search(m.c, 1, 0);
	codes = charged() - needed;
	assert_int_equal(memory().evictable, codes);
	for (i = 0; i < 3; i++)
		assert_int_equal(vexfs_budget_reclaim(sb(), codes / 4), 0);
	assert_int_equal(vexfs_budget_reclaim(sb(), codes / 4 + 4), codes);
	assert_int_equal(charged(), needed);
	assert_int_equal(memory().evictable, 0);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_NONE);
	clock_on(11 * SECOND);
	assert_int_equal(search(m.c, 1, 0).codes, VEXFS_CODES_ALL);
}

/* Whoever holds a generation goes on with it; others need not make room for it again. */
static void held(void **state)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m.c));
	struct vexfs_derived *d;
	__u64 before;

	(void)state;
	insert_cloud(m.c, 1, N, 0, 0);
	search(m.c, 1, 0);
	d = vexfs_derived_get(c->body);
	before = charged();
	budget(0);
	assert_null(codes_of(m.c));
	assert_int_equal(charged(), before);
	assert_int_equal(memory().leaving, d->charged);
	assert_int_equal(vexfs_codes_count(d->codes), N);
	/* nobody adds to it any more */
	assert_int_equal(vexfs_derived_extend(d, DIMS, 4 * N, ~0ULL), -ESTALE);
	vexfs_derived_put(d);
	assert_int_equal(memory().leaving, 0);
	assert_true(charged() < before);
	vexfs_collection_put(c);
}

/* --- all at the same time --- */

#define WRITERS	2u
#define ROUNDS	40u
#define SPAN	100000u

static bool stop;

/* cmocka's checks are for one thread: these end the program. */
static void want(bool fine, const char *what, long got)
{
	if (fine)
		return;
	fprintf(stderr, "%s: %ld\n", what, got);
	abort();
}

static bool is_there(struct mount *mine, __u64 id)
{
	struct vexfs_hit hit;
	long n = search_id(mine, id, 1, NULL, &hit);

	want(n >= 0, "search", n);
	return n && hit.id == id && hit.distance == 0;
}

static struct mount mine(void)
{
	struct mount one = { .image = m.image };

	one.c = vexfs_file_open(m.image, "/c", O_RDONLY | O_DIRECTORY, 0);
	want(!IS_ERR(one.c), "open", PTR_ERR(one.c));
	return one;
}

static void *writer(void *arg)
{
	__u64 at = (uintptr_t)arg * SPAN + 1;
	struct mount one = mine();
	__u32 i;

	for (i = 0; i < ROUNDS; i++, at += 60) {
		want(!insert_some(&one, at, 60, 0), "insert", i);
		want(is_there(&one, at + i % 60), "not found", at);
		want(!delete_id(&one, at), "delete", i);
		want(!is_there(&one, at), "found", at);
	}
	vexfs_file_close(one.c);
	return NULL;
}

static void *searcher(void *arg)
{
	struct mount one = mine();
	struct vexfs_ioc_info i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		want(is_there(&one, 10 * SPAN + (uintptr_t)arg), "lost", 0);
		i = info_of(&one);
		want(i.coded <= i.count, "coded", i.coded);
	}
	vexfs_file_close(one.c);
	return NULL;
}

static void *compacter(void *arg)
{
	struct vexfs_ioc_compact args = { .size = sizeof(args) };
	const struct timespec nap = { .tv_nsec = 30000000 };
	struct mount one = mine();
	long err;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		err = vexfs_file_ioctl(one.c, VEXFS_IOC_COMPACT, &args);
		want(!err, "compact", err);
		nanosleep(&nap, NULL);
	}
	vexfs_file_close(one.c);
	return NULL;
}

/* As if it were a while ago that memory was short. */
static void relieve(struct mount *one)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(one->c));
	struct vexfs_body *b = vexfs_body_get(c);

	WRITE_ONCE(b->derived_after, 0);
	vexfs_body_put(b);
	vexfs_collection_put(c);
}

static void *evicter(void *arg)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	struct mount one = mine();
	__u32 i;

	(void)arg;
	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		if (i % 3 == 1)
			budget(i % 2 ? 0 : 1 << 20);
		else if (i % 7 == 2)
			vexfs_budget_reclaim(sb(), vexfs_budget_evictable(sb()));
		else
			budget(256 << 20);
		relieve(&one);
		nanosleep(&nap, NULL);
	}
	vexfs_file_close(one.c);
	return NULL;
}

static void together(void **state)
{
	void *(*fn[])(void *) = { searcher, searcher, compacter, evicter };
	pthread_t thread[WRITERS], other[ARRAY_SIZE(fn)];
	__u32 t;

	(void)state;
	assert_int_equal(insert_some(&m, 10 * SPAN, N, 0), 0);
	stop = false;
	for (t = 0; t < ARRAY_SIZE(fn); t++)
		assert_int_equal(pthread_create(&other[t], NULL, fn[t], (void *)(uintptr_t)t), 0);
	for (t = 0; t < WRITERS; t++)
		assert_int_equal(pthread_create(&thread[t], NULL, writer, (void *)(uintptr_t)t), 0);
	for (t = 0; t < WRITERS; t++)
		pthread_join(thread[t], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (t = 0; t < ARRAY_SIZE(fn); t++)
		pthread_join(other[t], NULL);
	assert_int_equal(info_of(&m).live, N + WRITERS * ROUNDS * 59);
	/* nothing is held or charged any more that should not be */
	vexfs_worker_end(&sbi()->worker);
	vexfs_worker_init(&sbi()->worker);
	assert_int_equal(memory().leaving, 0);
	budget(0);
	assert_int_equal(memory().evictable, 0);
	assert_true(list_empty(&sbi()->budget.generations));
	printf("# %llu generations evicted\n", memory().evicted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(carried),
		TEST(carried_in_part),
		TEST(compacted_without_room),
		TEST(compacted_without_memory),
		TEST(moved),
		TEST(grown),
		TEST(moved_without_room),
		TEST(in_a_hurry),
		TEST(makes_room),
		TEST(lowered),
		TEST(reclaimed),
		TEST(held),
		TEST(together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
