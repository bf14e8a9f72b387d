// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads on one image: inserts, upserts, deletes, searches, listings, snapshots,
 * compaction, files that records are bound to, a collection that comes and goes, fsync.  Built with
 * ASan as the other tests are, and with TSan as build/tsan/threads.
 *
 * Records come in batches: all of one have the same version, are upserted and deleted by one call
 * each, and are of one thread, which knows what there must be.  So a search that goes on meanwhile
 * finds all of a batch or nothing, and each record once.  After the threads have ended, by an
 * unmount or without, the next mount has what they fsynced.
 *
 * VEXFS_ROUNDS=N: so many times.
 */
#include <fcntl.h>
#include <pthread.h>

#include <platform/log.h>
#include "../exact.h"
#include "box.h"
#include "client.h"
#include "disk.h"
#include "races.h"

#define PTR(p) ((__u64)(uintptr_t)(p))
#define BLOCKS 32768u
#define DIMS 8u
#define WRITERS 2u
#define BATCHES 12u /* of a writer */
#define BATCH 8u /* records */
#define RECORDS (WRITERS * BATCHES * BATCH)
#define STEPS 200u

/* And vexfs_inode_peek() looks at an inode that may change: the checksum says so. */
KNOWN_RACES(RACES_OF_ORPHANS "race:vexfs_inode_peek\n")

static struct disk disk;
static struct client client;
static int stop_searching; /* atomic: writers that are done */

struct thread {
	pthread_t id;
	__u64 seed;
	__u32 number;
	/* a writer's, by batch: 0 none; what there is, what was fsynced, and what was since then */
	__s64 now[BATCHES], synced[BATCHES], highest[BATCHES];
	unsigned long done;
};

static __u32 any(struct thread *t, __u32 below)
{
	t->seed = t->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (t->seed >> 33) % below;
}

/* In any thread; cmocka's asserts are for one. */
static void must(bool fine, const char *what, long err)
{
	if (fine)
		return;
	fprintf(stderr, "threads: %s: %ld\n", what, err);
	abort();
}

/* --- calls --- */

static struct file *open_dir(const char *name)
{
	struct file *dir = vexfs_file_open(client.image, name, O_RDONLY | O_DIRECTORY, 0);

	must(!IS_ERR(dir), name, PTR_ERR(dir));
	return dir;
}

static long call(const char *dir_name, unsigned int cmd, void *arg)
{
	struct file *dir = open_dir(dir_name);
	long ret = vexfs_file_ioctl(dir, cmd, arg);

	vexfs_file_close(dir);
	return ret;
}

static int sync_dir(const char *name)
{
	struct file *dir = open_dir(name);
	int err = vexfs_file_sync(dir);

	vexfs_file_close(dir);
	return err;
}

static void row_of(__u64 id, float row[DIMS])
{
	__u32 i;

	for (i = 0; i < DIMS; i++)
		row[i] = (float)((id * 2654435761u >> i) % 97) / 8 - 5;
}

static long create(const char *name)
{
	struct vexfs_ioc_create cr = {
		.size = sizeof(cr),
		.dims = DIMS,
		.element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2,
		.attrs = 1,
		.attr = { { .name = "n", .type = VEXFS_ATTR_INT } },
	};

	return call(name, VEXFS_IOC_CREATE, &cr);
}

static __thread struct file *bound_to;

static struct file *descriptor(int fd)
{
	return fd == 0 ? bound_to : NULL;
}

/* BATCH records from id `first` on; file: NULL, or they are bound to it. */
static long upsert(const char *dir, __u64 first, __s64 version, struct file *file)
{
	float rows[BATCH][DIMS];
	__u64 ids[BATCH];
	__s64 attrs[BATCH];
	__u8 lens[BATCH];
	char keys[BATCH * 12];
	struct vexfs_bind binds[BATCH] = {};
	struct vexfs_ioc_insert in = {
		.size = sizeof(in),
		.flags = VEXFS_INSERT_UPSERT,
		.n = BATCH,
		.row_bytes = sizeof(rows[0]),
		.rows = PTR(rows),
		.ids = PTR(ids),
		.attrs = PTR(attrs),
		.keys = PTR(keys),
		.key_lens = PTR(lens),
		.binds = file ? PTR(binds) : 0,
	};
	__u32 i;

	bound_to = file;
	for (i = 0; i < BATCH; i++) {
		ids[i] = first + i;
		row_of(ids[i], rows[i]);
		attrs[i] = version;
		lens[i] = sprintf(keys + in.key_bytes, "k%llu", ids[i]);
		in.key_bytes += lens[i];
	}
	return call(dir, VEXFS_IOC_INSERT, &in);
}

static long delete_batch(const char *dir, __u64 first)
{
	__u64 ids[BATCH];
	struct vexfs_ioc_delete del = { .size = sizeof(del), .n = BATCH, .ids = PTR(ids) };
	__u32 i;

	for (i = 0; i < BATCH; i++)
		ids[i] = first + i;
	return call(dir, VEXFS_IOC_DELETE, &del);
}

/* --- what every search must find --- */

static bool may_be_deleted(__u32 batch)
{
	return batch % 2;
}

static void check_hits(const float *query, const struct vexfs_hit *hit, __u32 n, bool snapshot)
{
	__u8 found[WRITERS * BATCHES] = {};
	bool seen[RECORDS] = {};
	float row[DIMS];
	__u32 i;

	for (i = 0; i < n; i++) {
		must(hit[i].id < RECORDS, "an id that nobody has", hit[i].id);
		must(!seen[hit[i].id], "found twice", hit[i].id);
		seen[hit[i].id] = true;
		found[hit[i].id / BATCH]++;
		row_of(hit[i].id, row);
		must(hit[i].distance == exact_distance(VEXFS_METRIC_L2, query, row, DIMS),
		     "another distance", hit[i].id);
		must(!i || hit[i - 1].distance <= hit[i].distance, "order", i);
	}
	/* a delete takes one record after the other, but a snapshot has all of it or nothing */
	for (i = 0; i < WRITERS * BATCHES; i++)
		must(!found[i] || found[i] == BATCH || (!snapshot && may_be_deleted(i)),
		     "part of a batch is found", found[i]);
}

/* snapshot "": as it is now.  Returns how many, or an error. */
static long search(struct thread *t, const char *snapshot, bool exact)
{
	struct vexfs_hit hit[RECORDS];
	float query[DIMS];
	struct vexfs_ioc_search in = {
		.size = sizeof(in),
		.flags = exact ? VEXFS_SEARCH_EXACT : 0,
		.k = RECORDS,
		.vector_bytes = sizeof(query),
		.vector = PTR(query),
		.hits = PTR(hit),
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	long err;

	snprintf(in.snapshot, sizeof(in.snapshot), "%s", snapshot);
	row_of(any(t, 1000), query);
	err = call("c0", VEXFS_IOC_SEARCH, &in);
	if (err)
		return err;
	must(!in.truncated, "truncated", in.truncated);
	check_hits(query, hit, in.n, snapshot[0]);
	return in.n;
}

/* Rows and attributes belong to their ids; slots ascend. */
static void list(void)
{
	struct vexfs_item item[50];
	float rows[50][DIMS], row[DIMS];
	struct vexfs_ioc_list in = {
		.size = sizeof(in),
		.row_bytes = sizeof(row),
		.items = PTR(item),
		.rows = PTR(rows),
	};
	__u64 slot = 0;
	__u32 i;
	long err;

	do {
		in.n = 50;
		err = call("c0", VEXFS_IOC_LIST, &in);
		if (err == -ESTALE) /* it was compacted meanwhile */
			return;
		must(!err, "list", err);
		for (i = 0; i < in.n; i++) {
			must(item[i].slot >= slot, "a slot is listed late", item[i].slot);
			slot = item[i].slot + 1;
			row_of(item[i].id, row);
			must(!memcmp(row, rows[i], sizeof(row)), "another row", item[i].id);
		}
	} while (in.cursor != ~0ULL);
}

/* --- threads --- */

static void writer_step(struct thread *t)
{
	__u32 b = any(t, BATCHES), i;
	__u64 first = (t->number * BATCHES + b) * BATCH;
	long err;

	switch (any(t, 8)) {
	case 0:
		err = sync_dir("c0");
		must(!err, "fsync", err);
		for (i = 0; i < BATCHES; i++)
			t->synced[i] = t->now[i];
		break;
	case 1:
	case 2:
		if (!may_be_deleted(b))
			break;
		err = delete_batch("c0", first);
		must(err == (t->now[b] ? 0 : -ENOENT), "delete", err);
		t->now[b] = 0;
		break;
	default:
		err = upsert("c0", first, ++t->highest[b], NULL);
		must(!err, "upsert", err);
		t->now[b] = t->highest[b];
	}
}

static void *writer(void *arg)
{
	struct thread *t = arg;
	__u32 i;

	for (i = 0; i < STEPS; i++, t->done++)
		writer_step(t);
	__atomic_fetch_add(&stop_searching, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *searcher(void *arg)
{
	struct thread *t = arg;
	long n;

	while (__atomic_load_n(&stop_searching, __ATOMIC_RELAXED) < (int)WRITERS) {
		n = search(t, "", any(t, 2));
		must(n >= 0, "search", n);
		if (!any(t, 4))
			list();
		t->done++;
	}
	return NULL;
}

/* Snapshots come, do not change, and go; compaction. */
static void *keeper(void *arg)
{
	struct vexfs_ioc_snapshot s = { .size = sizeof(s), .name = "s" };
	struct vexfs_ioc_compact c = { .size = sizeof(c) };
	struct thread *t = arg;
	long err, before, after;
	__u32 i;

	for (i = 0; i < STEPS / 4; i++, t->done++) {
		s.op = VEXFS_SNAPSHOT_CREATE;
		err = call("c0", VEXFS_IOC_SNAPSHOT, &s);
		must(!err, "snapshot", err);
		before = search(t, "s", true);
		err = call("c0", VEXFS_IOC_COMPACT, &c);
		must(!err, "compact", err);
		after = search(t, "s", false);
		must(before >= 0 && before == after, "a snapshot has changed", after - before);
		s.op = VEXFS_SNAPSHOT_DELETE;
		err = call("c0", VEXFS_IOC_SNAPSHOT, &s);
		must(!err, "snapshot delete", err);
	}
	return NULL;
}

/* A collection of its own, with files: made, bound to, renamed over each other, removed, dropped. */
static void *clerk(void *arg)
{
	struct thread *t = arg;
	struct file *f;
	__u32 i;
	long err;

	for (i = 0; i < STEPS / 4; i++, t->done++) {
		struct vexfs_ioc_drop drop = { .size = sizeof(drop) };

		err = create("c1");
		must(!err, "create", err);
		f = vexfs_file_open(client.image, "c1/f", O_RDWR | O_CREAT, 0644);
		must(!IS_ERR(f), "open", PTR_ERR(f));
		err = upsert("c1", 0, i, f);
		must(!err, "bind", err);
		err = vexfs_file_pwrite(f, "x", 1, any(t, 10000));
		must(err == 1, "pwrite", err);
		vexfs_file_close(f);
		f = vexfs_file_open(client.image, "c1/g", O_RDWR | O_CREAT, 0644);
		must(!IS_ERR(f), "open", PTR_ERR(f));
		vexfs_file_close(f);
		err = vexfs_image_rename(client.image, "c1/g", "c1/f");
		must(!err, "rename", err);
		err = any(t, 2) ? sync_dir("c1") : 0;
		must(!err, "fsync", err);
		err = vexfs_image_unlink(client.image, "c1/f");
		must(!err, "unlink", err);
		err = call("c1", VEXFS_IOC_DROP, &drop);
		must(!err, "drop", err);
	}
	return NULL;
}

/* --- rounds --- */

/* Is what is found of a batch what a writer knows of it?  lost: the end of it may have got lost. */
static void check_batch(const struct thread *t, __u32 b, bool lost)
{
	struct vexfs_ioc_get g = { .size = sizeof(g), .id = (t->number * BATCHES + b) * BATCH };
	long err = call("c0", VEXFS_IOC_GET, &g);
	__s64 version = err ? 0 : g.item.attr[0];

	must(!err || err == -ENOENT, "get", err);
	/* which deletions there were in between is not remembered */
	must(version == t->now[b] || (lost && (version == 0 || version >= t->synced[b])),
	     "another version than was fsynced", version);
}

static void check_all(struct thread writers[WRITERS], bool lost)
{
	__u32 i, b;
	long n;

	for (i = 0; i < WRITERS; i++)
		for (b = 0; b < BATCHES; b++)
			check_batch(&writers[i], b, lost);
	n = search(&writers[0], "", true);
	must(n >= 0, "search", n);
}

static void mount_it(void)
{
	if (client_mount(&client, disk.live, BLOCKS, NULL, NULL))
		fail_msg("%s", client.why);
}

static void one_round(bool kill)
{
	static void *(*const fn[])(void *) = { writer, writer, searcher, keeper, clerk };
	struct thread t[ARRAY_SIZE(fn)] = {};
	__u32 i;

	disk_make(&disk, BLOCKS);
	mount_it();
	assert_int_equal(vexfs_image_mkdir(client.image, "c0", 0755), 0);
	assert_int_equal(vexfs_image_mkdir(client.image, "c1", 0755), 0);
	assert_int_equal(create("c0"), 0);
	assert_int_equal(vexfs_image_sync(client.image), 0);
	stop_searching = 0;
	for (i = 0; i < ARRAY_SIZE(fn); i++) {
		t[i].seed = chance(1 << 30);
		t[i].number = i;
		assert_int_equal(pthread_create(&t[i].id, NULL, fn[i], &t[i]), 0);
	}
	for (i = 0; i < ARRAY_SIZE(fn); i++)
		assert_int_equal(pthread_join(t[i].id, NULL), 0);
	check_all(t, false);
	printf("# %lu changes, %lu searches, %lu snapshots, %lu collections, then %s\n",
	       t[0].done + t[1].done, t[2].done, t[3].done, t[4].done,
	       kill ? "killed" : "unmounted");
	if (kill)
		client_kill(&client);
	else
		assert_int_equal(client_unmount(&client), 0);
	if (!client_verify(&client, disk.live, BLOCKS))
		fail_msg("%s", client.why);
	mount_it();
	check_all(t, kill);
	assert_int_equal(client_unmount(&client), 0);
	disk_free(&disk);
}

static void threads(void **state)
{
	const char *env = getenv("VEXFS_ROUNDS");
	__u32 rounds = env ? strtoul(env, NULL, 0) : 4, i;

	(void)state;
	vexfs_image_descriptors(descriptor);
	for (i = 0; i < rounds; i++)
		one_round(i & 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads),
	};

	chance_seed(17);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
