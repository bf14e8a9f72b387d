// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Checkpoints of derived data: what was made once is there after a mount, what is damaged is made
 * anew, and whatever fails, or wherever the power is cut, costs no record and no right answer.
 *
 * In most tests the worker is this thread: work() does what it would do.
 */
#include <time.h>

#include <platform/host.h>
#include "engine/lists.h"
#include "mount.h"
#include "world.h"

#define N	8500u			/* records that have lists */
#define FEW	1500u			/* that have codes alone */
#define K	10u

static struct mount m;

static struct super_block *sb(void)
{
	return vexfs_image_sb(m.image);
}

static struct vexfs_sb_info *sbi(void)
{
	return VEXFS_SB(sb());
}

static struct vexfs_collection_mem *coll(void)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(file_inode(m.c));

	assert_false(IS_ERR(c));
	vexfs_collection_put(c);	/* the directory has it */
	return c;
}

/* The worker of this mount never begins. */
static void no_worker(void)
{
	vexfs_worker_end(&sbi()->worker);
	vexfs_worker_init(&sbi()->worker);
	sbi()->worker.pid = -1;
}

static void work(void)
{
	WRITE_ONCE(coll()->body->derived_wanted, true);
	while (vexfs_derived_upkeep(coll()))
		;
}

static void open_quietly(unsigned int flags)
{
	mount_open(&m, flags);
	no_worker();
	mount_open_c(&m);
}

static void remount(unsigned int flags)
{
	mount_close(&m);
	mount_check(&m);
	open_quietly(flags);
}

static void prepare(__u32 n)
{
	vexfs_checkpoint_least = n < VEXFS_MIN_LISTED ? 1 : VEXFS_MIN_LISTED;
	mount_with_collection(&m);
	no_worker();
	assert_int_equal(insert_some(&m, 1, n, 0), 0);
}

static void finish(void)
{
	mount_unmake(&m);
	vexfs_checkpoint_least = VEXFS_MIN_LISTED;
}

/* --- searches --- */

struct answer {
	struct vexfs_search_trace trace;
	struct vexfs_hit hit[K];
	char strategy[VEXFS_PROG_NAME_LEN];
	__u32 n;
};

static long try_ask(__u64 id, __u32 recall, __u32 timeout_us, struct answer *a)
{
	float v[DIMS];
	struct vexfs_ioc_search arg = {
		.size = sizeof(arg),
		.k = K,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)a->hit,
		.trace = (uintptr_t)&a->trace,
		.recall = recall,
		.timeout_us = timeout_us,
	};
	long err;

	memset(a, 0, sizeof(*a));
	a->trace.size = sizeof(a->trace);
	vector_of(id, v);
	err = vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg);
	a->n = arg.n;
	strcpy(a->strategy, arg.strategy);
	return err;
}

static struct answer ask(__u64 id, __u32 recall)
{
	struct answer a;

	assert_int_equal(try_ask(id, recall, 0, &a), 0);
	return a;
}

static double square(double x)
{
	return x * x;
}

/* How many of the k nearest are nearer than the last one that was found, by looking at all. */
static __u32 nearer(__u64 id, const struct answer *a, __u64 first, __u64 end)
{
	float v[DIMS], w[DIMS];
	__u32 n = 0, i;
	__u64 other;
	double d;

	vector_of(id, v);
	for (other = first; other < end; other++) {
		vector_of(other, w);
		for (i = 0, d = 0; i < DIMS; i++)
			d += square(v[i] - (double)w[i]);
		n += d < a->hit[a->n - 1].distance - 1e-9;
	}
	return n;
}

/* Is it there, as far as a search finds out that looks at all? */
static bool there(__u64 id)
{
	struct answer a = ask(id, 1000000);

	return a.hit[0].id == id && a.hit[0].distance == 0;
}

/* Records [first, end) and no others are there, and those that are nearest are found. */
static void right(__u64 first, __u64 end)
{
	__u32 good = 0, asked = 0;
	struct answer a;
	__u64 id;

	assert_int_equal(info_of(&m).live, end - first);
	for (id = first; id < end; id += (end - first) / 20, asked++) {
		a = ask(id, 1000000);
		assert_int_equal(a.n, K);
		assert_int_equal(a.hit[0].id, id);
		assert_true(a.hit[0].distance == 0);
		assert_true(nearer(id, &a, first, end) < K);
		a = ask(id, 990000);
		assert_int_equal(a.n, K);
		good += a.hit[0].id == id && nearer(id, &a, first, end) <= K;
	}
	/* all ten of so few queries: 18 of 20 on average, which is not to fail once in a thousand */
	assert_true(good >= asked / 2);
}

/* Was the current generation read from the checkpoint, with so many slots? */
static bool was_read(__u64 slots)
{
	struct vexfs_derived *d = vexfs_derived_get(coll()->body);
	bool is = d && d->stored == slots && vexfs_codes_count(d->codes) >= slots;

	vexfs_derived_put(d);
	return is;
}

/* --- what was made is there --- */

static void kept(void **state)
{
	struct vexfs_ioc_info before, after;
	struct answer a, b;

	(void)state;
	prepare(N);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(((struct vexfs_super *)vx_data(sbi()->fs.sb_buf))->s_ro_compat, 0);
	right(1, N + 1);
	work();
	before = info_of(&m);
	assert_int_equal(before.checkpoint, N);
	assert_int_equal(before.committed, N);
	assert_true(before.checkpoint_bytes > N * 80);
	assert_int_equal(((struct vexfs_super *)vx_data(sbi()->fs.sb_buf))->s_ro_compat,
			 VEXFS_RO_COMPAT_CHECKPOINT);
	ask(77, 0);				/* rows are in memory from then on */
	a = ask(77, 0);
	assert_string_equal(a.strategy, "ivf");
	/* nothing has changed, and nothing is written */
	work();
	remount(0);
	after = info_of(&m);
	assert_int_equal(after.coded, 0);
	assert_int_equal(after.checkpoint, N);
	assert_int_equal(after.checkpoint_bytes, before.checkpoint_bytes);
	b = ask(77, 0);
	assert_string_equal(b.strategy, "ivf");
	assert_true(was_read(N));
	b = ask(77, 0);
	assert_memory_equal(a.hit, b.hit, sizeof(a.hit));
	assert_int_equal(a.trace.probed, b.trace.probed);
	assert_int_equal(a.trace.reranked, b.trace.reranked);
	after = info_of(&m);
	assert_int_equal(after.coded, N);
	assert_int_equal(after.lists, before.lists);
	assert_int_equal(after.linked, N);
	right(1, N + 1);
	/* for who only reads, too */
	remount(VEXFS_IMAGE_READONLY);
	assert_string_equal(ask(77, 0).strategy, "ivf");
	assert_true(was_read(N));
	finish();
}

/* By the thread, in its own time. */
static void by_the_worker(void **state)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int i;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, N, 0), 0);
	for (i = 0; i < 60000 && info_of(&m).checkpoint < N; i++) {
		if (i % 100 == 0)
			ask(7, 0);
		nanosleep(&nap, NULL);
	}
	assert_int_equal(info_of(&m).checkpoint, N);
	mount_again(&m);
	assert_string_equal(ask(7, 0).strategy, "ivf");
	assert_true(was_read(N));
	/* one in a hurry leaves it to the worker */
	mount_again(&m);
	{
		struct answer a;

		try_ask(7, 0, 2, &a);
	}
	for (i = 0; i < 20000 && info_of(&m).linked < N; i++)
		nanosleep(&nap, NULL);
	assert_true(was_read(N));
	mount_again(&m);
	mount_unmake(&m);
}

/* At an unmount: what the worker had no time for. */
static void at_unmount(void **state)
{
	(void)state;
	prepare(N);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, 0);	/* nobody has asked for codes */
	ask(7, 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_string_equal(ask(7, 0).strategy, "coded");
	assert_true(was_read(N));
	work();						/* lists are new */
	assert_int_equal(info_of(&m).linked, N);
	remount(0);
	assert_string_equal(ask(7, 0).strategy, "ivf");
	/* a few more are not worth it, more are */
	assert_int_equal(insert_some(&m, N + 1, N / 80, 0), 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	ask(7, 0);
	assert_int_equal(insert_some(&m, N + N / 80 + 1, N / 40, 0), 0);
	ask(7, 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, N + N / 80 + N / 40);
	finish();
}

/* What came after the checkpoint, and was synced, is there after a crash. */
static void tail(void **state)
{
	struct vexfs_ioc_info info;
	__u64 id;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_int_equal(insert_some(&m, N + 1, 500, 0), 0);
	assert_int_equal(insert_some(&m, 101, 100, VEXFS_INSERT_UPSERT), 0);
	for (id = 1; id <= 50; id++)
		assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	mount_kill(&m);
	mount_check(&m);
	open_quietly(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	right(51, N + 501);
	assert_true(was_read(N));
	info = info_of(&m);
	assert_int_equal(info.coded, N + 600);
	assert_int_equal(info.linked, N);
	for (id = 1; id <= N + 500; id += id < 300 ? 1 : 37)
		assert_int_equal(there(id), id > 50);
	work();
	info = info_of(&m);
	assert_int_equal(info.linked, N + 600);
	assert_int_equal(info.checkpoint, N);		/* not a quarter more */
	right(51, N + 501);
	assert_int_equal(insert_some(&m, N + 501, N / 4, 0), 0);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N + 600 + N / 4);
	remount(0);
	right(51, N + 501 + N / 4);
	assert_true(was_read(N + 600 + N / 4));
	finish();
}

/*
 * A record that had died when lists were made is in none.  Were its death not committed before the
 * checkpoint, it would be alive after a crash, and found by nobody.
 */
static void deaths_first(void **state)
{
	(void)state;
	prepare(N);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	assert_int_equal(delete_id(&m, 4000), 0);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	/* nobody has synced the delete: it is in the log for the sake of the checkpoint */
	assert_int_equal(vexfs_commit_barrier(sb(), vexfs_last_tid(sb())), 0);
	mount_kill(&m);
	mount_check(&m);
	open_quietly(0);
	ask(7, 0);
	assert_true(was_read(N));
	assert_int_equal(info_of(&m).live, N - 1);
	assert_false(there(4000));
	finish();
}

/* Rows that could not be read when lists were made, and can after the next mount. */
static __u64 unreadable;

static bool is_unreadable(struct vexfs_dev *dev, __u64 block)
{
	(void)dev;
	return block == unreadable;
}

static void unread(void **state)
{
	struct vexfs_where w;

	(void)state;
	prepare(N);
	remount(0);
	assert_int_equal(vexfs_locate(coll()->body->vectors, 20, 1, &w), 0);
	assert_true(w.written);
	sbi()->dev->quiet = true;
	unreadable = w.pblk;
	sbi()->dev->unreadable = is_unreadable;
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_int_equal(info_of(&m).damaged, VEXFS_BLOCK_SIZE / (4 * DIMS));
	assert_false(there(20 * 128 + 5));
	remount(0);
	right(1, N + 1);
	assert_true(was_read(N));
	assert_true(there(20 * 128 + 5));
	assert_int_equal(info_of(&m).damaged, 0);
	finish();
}

/* --- damage --- */

/* The checkpoint as it is on the disk, while nobody has that mounted. */
struct image {
	__u64 ino, bytes;
	__u32 generation;
	__u64 *block;
	__u8 *was, *is;
	struct vexfs_fs fs;		/* for checksums */
};

static __u64 blocks_of(const struct image *k)
{
	return DIV_ROUND_UP_ULL(k->bytes, VEXFS_BLOCK_SIZE);
}

/* Mounted. */
static void find(struct image *k)
{
	struct inode *inode = coll()->body->checkpoint;
	struct vexfs_where w;
	__u64 i;

	k->ino = inode->i_ino;
	k->generation = inode->i_generation;
	k->bytes = i_size_read(inode);
	k->fs = sbi()->fs;
	k->block = calloc(blocks_of(k), sizeof(*k->block));
	k->was = calloc(blocks_of(k), VEXFS_BLOCK_SIZE);
	k->is = calloc(blocks_of(k), VEXFS_BLOCK_SIZE);
	for (i = 0; i < blocks_of(k); i++) {
		assert_int_equal(vexfs_locate(inode, i, 1, &w), 0);
		assert_true(w.written);
		k->block[i] = w.pblk;
	}
}

static void each_block(struct image *k, bool write)
{
	int fd = open(m.path, O_RDWR | O_CLOEXEC);
	__u64 i;
	ssize_t n;

	for (i = 0; i < blocks_of(k); i++) {
		__u8 *at = k->is + i * VEXFS_BLOCK_SIZE;
		off_t pos = k->block[i] << VEXFS_BLOCK_SHIFT;

		n = write ? pwrite(fd, at, VEXFS_BLOCK_SIZE, pos) :
			    pread(fd, at, VEXFS_BLOCK_SIZE, pos);
		assert_int_equal(n, VEXFS_BLOCK_SIZE);
	}
	close(fd);
}

static void take(struct image *k)
{
	each_block(k, false);
	memcpy(k->was, k->is, blocks_of(k) * VEXFS_BLOCK_SIZE);
}

static void forget(struct image *k)
{
	free(k->block);
	free(k->was);
	free(k->is);
}

static struct vexfs_checkpoint *header(struct image *k)
{
	return (struct vexfs_checkpoint *)k->is;
}

/* Byte `at` of a stream, wherever its piece is. */
static __u8 *stream(struct image *k, __u32 which, __u64 at)
{
	const __u64 room = VEXFS_CHECKPOINT_PIECE - sizeof(struct vexfs_checkpoint_piece);
	__u64 codes = le64_to_cpu(((struct vexfs_checkpoint *)k->was)->h_codes), pos;

	pos = sizeof(struct vexfs_checkpoint);
	if (which == VEXFS_CHECKPOINT_LISTS)
		pos += codes + DIV_ROUND_UP_ULL(codes, room) * sizeof(struct vexfs_checkpoint_piece);
	return k->is + pos + at / room * VEXFS_CHECKPOINT_PIECE +
	       sizeof(struct vexfs_checkpoint_piece) + at % room;
}

/* What is in it is as its writer wanted it. */
static void stamp(struct image *k)
{
	struct vexfs_checkpoint *was = (struct vexfs_checkpoint *)k->was, *h = header(k);
	__u64 left[2] = { le64_to_cpu(was->h_codes), le64_to_cpu(was->h_lists) };
	__u64 pos = sizeof(*h);
	__u32 s;

	h->h_crc = cpu_to_le32(vexfs_csum(&k->fs, h, sizeof(*h), offsetof(typeof(*h), h_crc),
					  k->ino, k->generation, 0));
	for (s = 0; s < 2; s++)
		while (left[s]) {
			struct vexfs_checkpoint_piece *p = (void *)(k->is + pos);
			__u32 n = min_t(__u64, left[s], VEXFS_CHECKPOINT_PIECE - sizeof(*p));

			p->p_crc = cpu_to_le32(vexfs_csum(&k->fs, p, n + sizeof(*p), 0, k->ino,
							  k->generation, pos));
			pos += n + sizeof(*p);
			left[s] -= n;
		}
	assert_int_equal(pos, k->bytes);
}

static void put64(void *at, __u64 v)
{
	__le64 le = cpu_to_le64(v);

	memcpy(at, &le, sizeof(le));
}

static void put32(void *at, __u32 v)
{
	__le32 le = cpu_to_le32(v);

	memcpy(at, &le, sizeof(le));
}

#define CODES(field) stream(k, VEXFS_CHECKPOINT_CODES, offsetof(struct vexfs_checkpoint_codes, field))
#define LISTS(field) stream(k, VEXFS_CHECKPOINT_LISTS, offsetof(struct vexfs_checkpoint_lists, field))
#define PADDED 64u

static __u32 of_lists(struct image *k, size_t field)
{
	__le32 le;

	memcpy(&le, stream(k, VEXFS_CHECKPOINT_LISTS, field), sizeof(le));
	return le32_to_cpu(le);
}

/* Where the table of groups begins in the stream; that of the first list; its first block. */
static __u64 first_at(struct image *k)
{
	__u32 groups = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_groups));

	return sizeof(struct vexfs_checkpoint_lists) + (__u64)groups * (PADDED + 12);
}

static __u64 list_at(struct image *k)
{
	__u32 groups = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_groups));
	__u32 lists = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_lists));
	__u32 strays = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_strays));

	return first_at(k) + 4 * (groups + 1) + (__u64)lists * (PADDED + 12) + 8ULL * strays;
}

static __u8 *slot_at(struct image *k, __u32 row)
{
	__le32 rows;
	__u64 blocks;

	memcpy(&rows, stream(k, VEXFS_CHECKPOINT_LISTS, list_at(k)), sizeof(rows));
	blocks = (le32_to_cpu(rows) + VEXFS_CODE_BLOCK - 1) / VEXFS_CODE_BLOCK;
	return stream(k, VEXFS_CHECKPOINT_LISTS,
		      list_at(k) + 4 + blocks * vexfs_list_block_bytes(PADDED) +
			      row * vexfs_list_row_bytes(PADDED) + offsetof(struct vexfs_rung2, slot));
}

/* Each is stamped after that, so that nothing but sense tells it from a right one. */
struct wild {
	const char *what;
	void (*make)(struct image *k);
};

#define WILD(name, code) static void wild_##name(struct image *k) { code; }
WILD(magic, put32(&header(k)->h_magic, 5))
WILD(version, put32(&header(k)->h_version, VEXFS_CHECKPOINT_VERSION + 1))
WILD(dims, put32(&header(k)->h_dims, DIMS + 1))
WILD(metric, put32(&header(k)->h_metric, VEXFS_METRIC_COSINE))
WILD(uuid, header(k)->h_uuid[3] ^= 1)
WILD(epoch, put64(&header(k)->h_epoch, 1))
WILD(no_count, put64(&header(k)->h_count, 0))
WILD(count, put64(&header(k)->h_count, N + 1))
WILD(less, put64(&header(k)->h_count, N - 1))
WILD(most, put64(&header(k)->h_count, ~0ULL))
WILD(bytes, put64(&header(k)->h_bytes, k->bytes + 1))
WILD(codes, put64(&header(k)->h_codes, ~0ULL))
WILD(codes_less, put64(&header(k)->h_codes, 8))
WILD(lists, put64(&header(k)->h_lists, ~0ULL - 4096))
WILD(no_lists, put64(&header(k)->h_lists, 0))
WILD(piece, put32(k->is + sizeof(struct vexfs_checkpoint) + 4, 7))
WILD(stream, put32(k->is + sizeof(struct vexfs_checkpoint) + 8, VEXFS_CHECKPOINT_LISTS))
WILD(centred, put64(CODES(k_centred), 0))
WILD(centred_most, put64(CODES(k_centred), ~0ULL))
WILD(linked, put64(LISTS(l_linked), N + 1))
WILD(linked_less, put64(LISTS(l_linked), N - 1))
WILD(linked_most, put64(LISTS(l_linked), ~0ULL))
WILD(measured, put64(LISTS(l_measured), ~0ULL))
WILD(none, put32(LISTS(l_lists), 0))
WILD(many, put32(LISTS(l_lists), ~0u))
WILD(some, put32(LISTS(l_lists), 100000))
WILD(groups, put32(LISTS(l_groups), ~0u))
WILD(no_groups, put32(LISTS(l_groups), 0))
WILD(strays, put32(LISTS(l_strays), 1000))
WILD(many_strays, put32(LISTS(l_strays), ~0u))
WILD(axes, put32(LISTS(l_axes), 64))
WILD(odd_axes, put32(LISTS(l_axes), 1))
WILD(many_axes, put32(LISTS(l_axes), ~0u - 63))
WILD(table, put64(LISTS(l_near), ~0ULL))
WILD(order, put32(stream(k, VEXFS_CHECKPOINT_LISTS, first_at(k)), 1))
WILD(orders, put32(stream(k, VEXFS_CHECKPOINT_LISTS, first_at(k) + 4), ~0u))
WILD(rows, put32(stream(k, VEXFS_CHECKPOINT_LISTS, list_at(k)), ~0u))
WILD(no_rows, put32(stream(k, VEXFS_CHECKPOINT_LISTS, list_at(k)), 0))
WILD(slot, put32(slot_at(k, 0), N))
WILD(slots, put32(slot_at(k, 0), ~0u))
WILD(twice, memcpy(slot_at(k, 0), slot_at(k, 1), 4))

#define IT(name) { #name, wild_##name }
static const struct wild all_wilds[] = {
	IT(magic), IT(version), IT(dims), IT(metric), IT(uuid), IT(epoch), IT(no_count), IT(count),
	IT(less), IT(most), IT(bytes), IT(codes), IT(codes_less), IT(lists), IT(no_lists),
	IT(piece), IT(stream), IT(centred), IT(centred_most), IT(linked), IT(linked_less),
	IT(linked_most), IT(measured), IT(none), IT(many), IT(some), IT(groups), IT(no_groups),
	IT(strays), IT(many_strays), IT(axes), IT(odd_axes), IT(many_axes), IT(table), IT(order), IT(orders), IT(rows), IT(no_rows),
	IT(slot), IT(slots), IT(twice),
};

static __u32 findings[1000];

static void finding(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	(void)arg, (void)fmt;
	findings[nr]++;
}

/* What fsck.vexfs finds: the checkpoint, and nothing else; or nothing. */
static void check_finds(bool damaged)
{
	struct vexfs_verify_opts opts = { .report = finding };
	struct vexfs_fs fs = { };
	struct vexfs_dev dev;
	__u32 i, n = 0;

	memset(findings, 0, sizeof(findings));
	assert_int_equal(vexfs_dev_open(&dev, m.path, O_RDONLY), 0);
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_verify(&fs, &opts, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(findings); i++)
		n += findings[i];
	assert_int_equal(findings[VEXFS_FOUND_CHECKPOINT], damaged);
	assert_int_equal(n, damaged);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
}

/* It is dropped: answers are right, by a generation of its own, and nothing is written of that. */
static void dropped(struct image *k, const char *what)
{
	each_block(k, true);
	m.quiet = true;
	open_quietly(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	right(1, N + 1);
	if (info_of(&m).checkpoint || !was_read(0))
		fail_msg("%s was believed", what);
	assert_int_equal(info_of(&m).coded, N);
	mount_kill(&m);
}

static void with_checkpoint(struct image *k)
{
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	find(k);
	mount_close(&m);
	take(k);
}

/* It is as it was, and is read. */
static void whole(struct image *k)
{
	memcpy(k->is, k->was, blocks_of(k) * VEXFS_BLOCK_SIZE);
	each_block(k, true);
	m.quiet = false;
	check_finds(false);
	open_quietly(0);
	right(1, N + 1);
	assert_true(was_read(N));
}

static void flipped(void **state)
{
	struct image k;
	__u64 at, end;
	__u32 i;

	(void)state;
	with_checkpoint(&k);
	for (i = 0; i < 24; i++) {
		end = i < 8 ? 80 : i < 12 ? 4096 + 40 : k.bytes;
		at = i < 8 ? i * 11 : i < 12 ? 4096 + (i - 8) * 4 : k.bytes - 1 -
			(k.bytes - 4200) * (i - 12) / 12;
		assert_true(at < end);
		memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
		k.is[at] ^= 1 << i % 8;
		each_block(&k, true);
		check_finds(true);
		dropped(&k, "a flipped bit");
	}
	/* blocks of zeros, and of something else */
	for (i = 0; i < 2; i++) {
		memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
		memset(k.is + (i ? blocks_of(&k) / 2 : 0) * VEXFS_BLOCK_SIZE, i ? 0 : 0x5a,
		       VEXFS_BLOCK_SIZE);
		each_block(&k, true);
		check_finds(true);
		dropped(&k, "another block");
	}
	whole(&k);
	forget(&k);
	finish();
}

static void wild(void **state)
{
	struct image k;
	__u32 i;

	(void)state;
	with_checkpoint(&k);
	for (i = 0; i < ARRAY_SIZE(all_wilds); i++) {
		memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
		all_wilds[i].make(&k);
		stamp(&k);
		assert_memory_not_equal(k.is, k.was, k.bytes);
		dropped(&k, all_wilds[i].what);
	}
	/* what stamps does no harm by itself */
	memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
	stamp(&k);
	assert_memory_equal(k.is, k.was, k.bytes);
	whole(&k);
	forget(&k);
	finish();
}

/* The next one takes the place of one that is damaged; as one does that cannot be read. */
static void replaced(void **state)
{
	struct image k;
	__u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		with_checkpoint(&k);
		m.quiet = true;
		if (!i) {
			k.is[5000] ^= 4;
			each_block(&k, true);
		}
		open_quietly(0);
		if (i) {
			unreadable = k.block[blocks_of(&k) / 2];
			sbi()->dev->unreadable = is_unreadable;
		}
		right(1, N + 1);
		assert_int_equal(info_of(&m).checkpoint, 0);
		work();
		assert_int_equal(info_of(&m).checkpoint, N);
		assert_int_not_equal(coll()->body->checkpoint->i_ino, k.ino);
		sbi()->dev->unreadable = NULL;
		m.quiet = false;
		remount(0);
		assert_string_equal(ask(7, 0).strategy, "ivf");
		assert_true(was_read(N));
		forget(&k);
		finish();
	}
}

/* --- where there is no room --- */

static void no_room(void **state)
{
	struct vexfs_fs *fs;
	__u64 kept_back, before;

	(void)state;
	prepare(N);
	ask(7, 0);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	fs = &sbi()->fs;
	kept_back = fs->reserved_blocks;
	before = fs->free_blocks;
	fs->reserved_blocks = 1 << 30;		/* more than are free */
	work();
	assert_int_equal(info_of(&m).linked, N);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(fs->free_blocks, before);
	right(1, N + 1);
	fs->reserved_blocks = kept_back;
	WRITE_ONCE(coll()->body->checkpoint_after, 0);
	work();
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_true(fs->free_blocks < before);
	remount(0);
	assert_true(ask(7, 0).trace.codes == VEXFS_CODES_ALL && was_read(N));
	finish();
}

/* Records, and compaction, get the room that it has. */
static void gives_way(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	__u64 kept_back, next = N + 1, last = 0, blocks;
	struct vexfs_fs *fs;
	long err = 0;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	ask(7, 0);
	fs = &sbi()->fs;
	kept_back = fs->reserved_blocks;
	/* the next one needs room for records, and for nothing else */
	assert_int_equal(insert_some(&m, next, VEXFS_PLANE_CHUNK * 32 - 60 - N, 0), 0);
	next = VEXFS_PLANE_CHUNK * 32 - 60 + 1;
	assert_true(next > VEXFS_DEAD_SLOTS);
	fs->reserved_blocks = fs->free_blocks;		/* nothing is free */
	while (!err) {
		assert_true(next < 100 * N);
		err = insert_some(&m, next, 1000, 0);
		if (!err)
			next += 1000;
		if (info_of(&m).checkpoint)
			last = next;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(info_of(&m).checkpoint_bytes, 0);
	/* in its place; one of the planes may have taken more of it than it needed */
	assert_true(next > last);
	right(1, next);
	fs->reserved_blocks = kept_back;
	remount(0);
	right(1, next);

	work();
	assert_int_equal(info_of(&m).checkpoint, next - 1);
	for (last = 1; last <= 2000; last++)
		assert_int_equal(delete_id(&m, last), 0);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	fs = &sbi()->fs;
	blocks = (next - last) * 160 / VEXFS_BLOCK_SIZE;
	fs->reserved_blocks = fs->free_blocks - blocks + 40;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	fs->reserved_blocks = kept_back;
	remount(0);
	right(2001, next);
	finish();
}

/* No room for any of it, and for codes alone. */
static void budgets(void **state)
{
	struct vexfs_ioc_memory memory = { .size = sizeof(memory) };
	struct answer a;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	WRITE_ONCE(sbi()->opts.resident, 0);
	a = ask(7, 0);
	assert_int_equal(a.trace.codes, VEXFS_CODES_BUDGET);
	right(1, N + 1);
	assert_int_equal(info_of(&m).checkpoint, N);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_MEMORY, &memory), 0);
	WRITE_ONCE(sbi()->opts.resident,
		   memory.used + vexfs_derived_cost(DIMS, N, false) + 1000);
	a = ask(7, 0);
	assert_int_equal(a.trace.codes, VEXFS_CODES_ALL);
	assert_string_equal(a.strategy, "coded");
	assert_true(was_read(N));
	assert_int_equal(info_of(&m).lists, 0);
	right(1, N + 1);
	work();
	remount(0);				/* nothing is made of less */
	assert_string_equal(ask(7, 0).strategy, "ivf");
	finish();
}

/* Who reads only writes none. */
static void readonly(void **state)
{
	(void)state;
	prepare(N);
	assert_int_equal(vexfs_image_sync(m.image), 0);
	mount_close(&m);
	open_quietly(VEXFS_IMAGE_READONLY);
	ask(7, 0);
	work();
	assert_int_equal(info_of(&m).linked, N);
	assert_int_equal(info_of(&m).checkpoint, 0);
	remount(0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	finish();
}

/* --- it goes with its body --- */

static void compacted(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
	__u64 id;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	for (id = 1; id <= 100; id++)
		assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	assert_int_equal(info_of(&m).checkpoint_bytes, 0);
	mount_kill(&m);
	mount_check(&m);
	open_quietly(0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	right(101, N + 1);
	work();
	assert_int_equal(info_of(&m).checkpoint, N - 100);
	remount(0);
	right(101, N + 1);
	assert_true(was_read(N - 100));
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DROP, &drop), 0);
	remount(0);
	assert_int_equal(collection_create(m.c), 0);
	assert_int_equal(info_of(&m).checkpoint, 0);
	finish();
}

/* --- faults and power cuts, on a simulated disk --- */

static struct world w;
static struct disk second;
static size_t states, wrong, read_back, second_cuts;
static unsigned long points, written;
static char said[300];

/* NULL: it is not there, or cannot be had, for want of memory. */
static struct vexfs_collection_mem *world_coll(struct client *client, struct file **dir)
{
	struct vexfs_collection_mem *c;

	*dir = vexfs_file_open(client->image, "c0", O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(*dir))
		return NULL;
	c = vexfs_collection_get(file_inode(*dir));
	if (!IS_ERR(c)) {
		vexfs_collection_put(c);	/* the directory has it */
		return c;
	}
	vexfs_file_close(*dir);
	return NULL;
}

/* Codes of all records there are, as a search would make them of more. */
static struct vexfs_derived *code(struct vexfs_collection_mem *c)
{
	__u64 count = vexfs_columns_count(c->body->columns);
	struct vexfs_derived *d = vexfs_derived_begin(c, c->body, count, NULL);

	if (d && vexfs_derived_extend(d, c->dims, count, ~0ULL)) {
		vexfs_derived_put(d);
		d = NULL;
	}
	return d;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* Is it written?  A fault may prevent it, and the codes before. */
static bool write_checkpoint(struct client *client)
{
	struct file *dir;
	struct vexfs_collection_mem *c = world_coll(client, &dir);
	struct vexfs_derived *d = c ? code(c) : NULL;
	bool done = false;

	if (!c)
		return false;
	if (d) {
		WRITE_ONCE(c->body->checkpoint_after, 0);
		vexfs_checkpoint_keep(c, c->body, d, never);
		done = d->stored == vexfs_codes_count(d->codes);
	}
	vexfs_derived_put(d);
	vexfs_file_close(dir);
	return done;
}

/*
 * If there is a checkpoint, it is whole and what it says is so: its codes are those that these rows
 * have.
 */
static bool checkpoint_fine(struct client *client)
{
	struct file *dir;
	struct vexfs_collection_mem *c = world_coll(client, &dir);
	struct vexfs_derived *d;
	__u64 count, has;
	bool fine;

	if (!c)				/* client_survived() has looked whether it should be */
		return true;
	count = vexfs_columns_count(c->body->columns);
	has = c->body->checkpoint_slots;
	d = count ? vexfs_derived_begin(c, c->body, count, NULL) : NULL;
	fine = has <= count && (!has || (d && d->stored == has));
	if (!fine)
		client_wrong(client, "a checkpoint of %llu slots, of %llu", has, count);
	read_back += has && fine;
	vexfs_derived_put(d);
	vexfs_file_close(dir);
	return fine;
}

static void verdict(const struct client *c, bool fine)
{
	states++;
	if (!fine && !wrong++)
		snprintf(said, sizeof(said), "%s", c->why);
}

static void judge_state(struct disk *d)
{
	struct client c;
	bool fine = !client_mount(&c, d->state, d->blocks, disk_record_state, d);

	if (fine) {
		fine = client_survived(&c, &w.history, false);
		fine = checkpoint_fine(&c) && fine;
		fine = !client_unmount(&c) && fine;
		fine = client_verify(&c, d->state, d->blocks) && fine;
	}
	verdict(&c, fine);
}

static void at_second_flush(struct disk *d)
{
	second_cuts += disk_cuts(d, 2, judge_state);
}

/* The power is cut again while what was left is mounted, and gets a checkpoint of its own. */
static void cut_again(struct disk *d)
{
	struct client c;
	bool fine;

	disk_copy(&second, d);
	second.flush = at_second_flush;
	fine = !client_mount(&c, second.live, second.blocks, disk_record, &second);
	if (fine) {
		write_checkpoint(&c);
		fine = !vexfs_image_sync(c.image);
		client_kill(&c);
		at_second_flush(&second);
	}
	second.flush = NULL;
	verdict(&c, fine);
}

static void judge(struct disk *d)
{
	if (!chance(20))
		cut_again(d);
	judge_state(d);
}

static void at_flush(struct disk *d)
{
	disk_cuts(d, 8, judge);
}

static void letters(const char *s)
{
	for (; *s; s++)
		world_do(&w, world_letter(&w, *s));
}

static void begin_world(void)
{
	vexfs_checkpoint_least = 1;
	world_open(&w);
	w.what = "a checkpoint";
}

static void end_world(void)
{
	world_close(&w);
	vexfs_checkpoint_least = VEXFS_MIN_LISTED;
}

/*
 * A checkpoint, more records, deaths, a second checkpoint, compaction, a third, and an end: at each
 * flush the power is cut.
 */
static void power_cuts(void **state)
{
	static const char *const between[] = { "", "I", "IUD", "D", "M", "DM", "UIDMI", "S", "R" };
	__u32 i;

	(void)state;
	begin_world();
	disk_make(&second, w.disk.blocks);
	states = wrong = read_back = second_cuts = 0;
	for (i = 0; i < ARRAY_SIZE(between); i++) {
		assert_true(world_begin(&w));
		w.disk.flush = at_flush;
		letters("I");
		assert_true(write_checkpoint(&w.client));
		letters(between[i]);
		write_checkpoint(&w.client);
		letters("I");
		world_do(&w, op_new(i % 2 ? OP_SYNC : OP_SYNC_ALL, world_current(&w), 0, 0));
		if (i % 3 == 2)
			letters("X");
		assert_int_equal(client_unmount(&w.client), 0);
		at_flush(&w.disk);
		w.disk.flush = NULL;
	}
	printf("# %zu states, %zu of them cut twice, a checkpoint in %zu, %zu wrong %s\n", states,
	       second_cuts, read_back, wrong, said);
	assert_int_equal(wrong, 0);
	assert_true(read_back > states / 4);
	disk_free(&second);
	end_world();
}

/* Returns whether the fault was met. */
static bool one_fault(enum vexfs_fault kind, unsigned int n, bool stays, bool replaces)
{
	struct client *c = &w.client;
	bool met, done;
	int err;

	assert_true(world_begin(&w));
	letters("BUI");
	if (replaces) {
		assert_true(write_checkpoint(c));
		letters("UDI");
	}
	if (stays)
		vexfs_fault_from(kind, n);
	else
		vexfs_fault_set(kind, n);
	done = write_checkpoint(c);
	met = vexfs_fault_met();
	written += done;
	if (!met)
		assert_true(done);
	/* all records are there, and if nothing else is wrong with the log, it goes on */
	assert_true(client_check(c, &w.history));
	err = vexfs_image_sync(c->image);
	if (err) {
		assert_true(met);
		assert_int_equal(vexfs_image_close(c->image), -EIO);
	} else {
		letters("I");
		world_do(&w, op_new(OP_SYNC, world_current(&w), 0, 0));
		client_kill(c);
	}
	disk_settle(&w.disk);
	if (!client_verify(c, w.disk.live, w.disk.blocks))
		fail_msg("%d %u: %s", kind, n, c->why);
	assert_int_equal(client_mount(c, w.disk.live, w.disk.blocks, disk_record, &w.disk), 0);
	assert_true(client_survived(c, &w.history, false));
	assert_true(checkpoint_fine(c));
	assert_int_equal(client_unmount(c), 0);
	points++;
	return met;
}

static void faults(void **state)
{
	static const enum vexfs_fault kinds[] = { VEXFS_FAULT_READ, VEXFS_FAULT_WRITE,
						  VEXFS_FAULT_ALLOC, VEXFS_FAULT_FLUSH,
						  VEXFS_FAULT_TXN };
	__u32 i, way, n;

	(void)state;
	begin_world();
	points = written = 0;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (way = 0; way < 4; way++)
			for (n = 1; one_fault(kinds[i], n, way & 1, way & 2); n++)
				assert_true(n < 1000);
	printf("# %lu faults, written all the same with %lu\n", points, written);
	assert_true(written > 0 && written < points);
	end_world();
}

/* While it is read: what fails is tried again, or it is made anew; answers are right. */
static void faults_of_reading(void **state)
{
	struct vexfs_derived *d;
	__u32 i, n, given_up = 0;
	bool met;

	(void)state;
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	m.quiet = true;
	for (i = 0; i < 2; i++)
		for (n = 1, met = true; met; n += n < 20 ? 1 : 7) {
			mount_close(&m);
			open_quietly(0);
			coll();
			vexfs_fault_set(i ? VEXFS_FAULT_READ : VEXFS_FAULT_ALLOC, n);
			d = vexfs_derived_begin(coll(), coll()->body, N, NULL);
			met = vexfs_fault_met();
			vexfs_derived_put(d);
			assert_int_equal(ask(7, 0).hit[0].id, 7);
			given_up += !was_read(N);
			if (met && n % 40 == 1)
				right(1, N + 1);
			if (!was_read(N))	/* so that the next one has what to read */
				work();
			assert_int_equal(info_of(&m).checkpoint, N);
		}
	printf("# %u were given up\n", given_up);
	m.quiet = false;
	remount(0);
	right(1, N + 1);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(by_the_worker),
		cmocka_unit_test(at_unmount),
		cmocka_unit_test(tail),
		cmocka_unit_test(deaths_first),
		cmocka_unit_test(unread),
		cmocka_unit_test(flipped),
		cmocka_unit_test(wild),
		cmocka_unit_test(replaced),
		cmocka_unit_test(no_room),
		cmocka_unit_test(gives_way),
		cmocka_unit_test(budgets),
		cmocka_unit_test(readonly),
		cmocka_unit_test(compacted),
		cmocka_unit_test(power_cuts),
		cmocka_unit_test(faults),
		cmocka_unit_test(faults_of_reading),
	};

	chance_seed(41);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
