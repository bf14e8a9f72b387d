// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Collections in a mount in this process: the module's own files do what they do in the kernel, and
 * a remount finds it. After each test fsck finds nothing.
 */
#include "collection/collection.h"
#include "mount.h"

/* --- records --- */

static void records(void **state)
{
	struct vexfs_item item;
	struct mount m;
	__u64 ids[2000];

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(collection_create(m.c), -EEXIST);
	assert_int_equal(insert_some(&m, 1, 1000, 0), 0);
	assert_true(is_found(&m, 500));
	mount_again(&m);
	assert_int_equal(info_of(&m).live, 1000);
	assert_true(is_found(&m, 1) && is_found(&m, 1000));
	assert_int_equal(insert_some(&m, 500, 1, 0), -EEXIST);
	assert_int_equal(insert_some(&m, 2000, 10, 0), 0);
	assert_int_equal(insert_some(&m, 10, 5, VEXFS_INSERT_UPSERT), 0);
	assert_int_equal(delete_id(&m, 500), 0);
	assert_int_equal(delete_id(&m, 500), -ENOENT);
	assert_int_equal(get_id(&m, 500, &item), -ENOENT);
	assert_int_equal(get_id(&m, 501, &item), 0);
	assert_int_equal(item.attr[0], 501);
	assert_false(is_found(&m, 500));
	mount_again(&m);
	assert_int_equal(info_of(&m).live, 1009);
	assert_int_equal(info_of(&m).count, 1015);
	assert_false(is_found(&m, 500));
	assert_true(is_found(&m, 2009) && is_found(&m, 12));
	assert_int_equal(list_ids(&m, ids, 2000), 1009);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1008], 14);		/* replaced last */
	mount_unmake(&m);
}

/*
 * Codes are made, planes grow over several extents, and the mapping shows rows that are not
 * committed yet.
 */
static void many(void **state)
{
	struct mount m;
	__u64 at;

	(void)state;
	mount_with_collection(&m);
	for (at = 0; at < 200000; at += 20000)
		assert_int_equal(insert_some(&m, at, 20000, 0), 0);
	for (at = 0; at < 200000; at += 19997)
		assert_true(is_found(&m, at));
	assert_int_equal(vexfs_file_sync(m.c), 0);
	for (at = 5; at < 200000; at += 19997)
		assert_true(is_found(&m, at));
	assert_int_equal(info_of(&m).committed, 200000);
	mount_again(&m);
	for (at = 7; at < 200000; at += 19997)
		assert_true(is_found(&m, at));
	mount_unmake(&m);
}

static long by_key(struct mount *m, const char *key, __u64 *id)
{
	struct vexfs_ioc_get arg = {
		.size = sizeof(arg),
		.flags = VEXFS_GET_BY_KEY,
		.key = (uintptr_t)key,
		.key_len = strlen(key),
	};
	long err = vexfs_file_ioctl(m->c, VEXFS_IOC_GET, &arg);

	*id = arg.item.id;
	return err;
}

/* How many records have this word, and one of the three nearest of `id`, at most. */
static long with_word(struct mount *m, __s64 code, __u64 id, struct vexfs_hit *hits)
{
	struct vexfs_predicate_node where = { .op = VEXFS_PRED_EQ, .attr = 1, .value = code };
	float v[DIMS];
	struct vexfs_ioc_search arg = {
		.size = sizeof(arg),
		.k = 3,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)hits,
		.where = (uintptr_t)&where,
		.where_nodes = 1,
	};
	long err;

	vector_of(id, v);
	err = vexfs_file_ioctl(m->c, VEXFS_IOC_SEARCH, &arg);
	return err ? err : arg.n;
}

/* The target of recall that a search may have, and not. */
static void recalls(void **state)
{
	static const struct {
		__u32 recall, effort, flags;
		int err;
		__u32 method;
	} asked[] = {
		{ 0, 0, 0, 0 },
		{ 1, 1, 0, 0 },
		{ VEXFS_RECALL_ALL, ~0u, VEXFS_SEARCH_BUILTIN, 0 },
		{ VEXFS_RECALL_ALL + 1, 0, 0, -EINVAL },
		{ ~0u, 0, 0, -EINVAL },
		{ 0, 0, VEXFS_SEARCH_EXACT, 0 },
		{ 1, 0, VEXFS_SEARCH_EXACT, -EINVAL },
		{ VEXFS_RECALL_ALL, 0, VEXFS_SEARCH_EXACT, -EINVAL },
		{ 0, 1, VEXFS_SEARCH_EXACT, -EINVAL },
		{ 0, 0, 0, 0, VEXFS_METHOD_EXACT },
		{ 1, 0, 0, -EINVAL, VEXFS_METHOD_EXACT },
		{ 0, 1, 0, -EINVAL, VEXFS_METHOD_EXACT },
		{ 0, 0, VEXFS_SEARCH_EXACT, 0, VEXFS_METHOD_EXACT },
		{ 0, 0, VEXFS_SEARCH_EXACT, -EINVAL, VEXFS_METHOD_IVF },
		{ 1, 0, VEXFS_SEARCH_BUILTIN, 0, VEXFS_METHOD_CODED },
		{ 1, 9, 0, 0, VEXFS_METHOD_IVF },
		{ 0, ~0u, 0, 0, VEXFS_METHOD_LSH },
		{ 0, 0, 0, -EINVAL, VEXFS_METHODS },
		{ 0, 0, 0, -EINVAL, ~0u },
	};
	struct vexfs_hit hit;
	float v[DIMS];
	struct mount m;
	__u32 i;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, 100, 0), 0);
	vector_of(40, v);
	for (i = 0; i < ARRAY_SIZE(asked); i++) {
		struct vexfs_ioc_search arg = {
			.size = sizeof(arg),
			.flags = asked[i].flags,
			.k = 1,
			.vector_bytes = sizeof(v),
			.vector = (uintptr_t)v,
			.hits = (uintptr_t)&hit,
			.recall = asked[i].recall,
			.effort = asked[i].effort,
			.method = asked[i].method,
		};

		hit.id = 0;
		assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg), asked[i].err);
		assert_int_equal(hit.id, asked[i].err ? 0 : 40);
	}
	mount_unmake(&m);
}

/* What a trace says of the plan; callers from before it have what they know. */
static void plans(void **state)
{
	static const struct {
		__u32 size, recall, flags;	/* in */
		__u32 plan, why, wanted;	/* out */
	} asked[] = {
		{ sizeof(struct vexfs_search_trace), 0, 0, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS,
		  VEXFS_DEFAULT_RECALL },
		{ 224, 0, 0, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS, VEXFS_DEFAULT_RECALL },
		{ 224, 950000, 0, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS, 950000 },
		{ 224, VEXFS_RECALL_ALL, VEXFS_SEARCH_BUILTIN, VEXFS_PLAN_CODED, VEXFS_WHY_RECALL,
		  VEXFS_RECALL_ALL },
		{ 224, 0, VEXFS_SEARCH_EXACT, VEXFS_PLAN_EXACT, VEXFS_WHY_CALLER,
		  VEXFS_RECALL_ALL },
		{ 192, 950000, 0, 7, 7, 7 },
		{ 200, 950000, 0, VEXFS_PLAN_CODED, VEXFS_WHY_NO_LISTS, 7 },
		/* one record less than codes pay for */
		{ 224, 0, 0, VEXFS_PLAN_EXACT, VEXFS_WHY_FEW, VEXFS_DEFAULT_RECALL },
	};
	struct vexfs_hit hit;
	float v[DIMS];
	struct mount m;
	__u32 i;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, 1024, 0), 0);
	vector_of(40, v);
	for (i = 0; i < ARRAY_SIZE(asked); i++) {
		struct vexfs_search_trace trace = {
			.size = asked[i].size,
			.plan = 7,
			.plan_why = 7,
			.recall = 7,
			.lists = 7,
			.tables = 7,
		};
		struct vexfs_ioc_search arg = {
			.size = sizeof(arg),
			.flags = asked[i].flags,
			.k = 1,
			.vector_bytes = sizeof(v),
			.vector = (uintptr_t)v,
			.hits = (uintptr_t)&hit,
			.recall = asked[i].recall,
			.trace = (uintptr_t)&trace,
		};

		if (i == ARRAY_SIZE(asked) - 1) {
			mount_unmake(&m);
			mount_with_collection(&m);
			assert_int_equal(insert_some(&m, 1, 1023, 0), 0);
		}
		assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &arg), 0);
		assert_int_equal(trace.count, i == ARRAY_SIZE(asked) - 1 ? 1023 : 1024);
		assert_int_equal(trace.plan, asked[i].plan);
		assert_int_equal(trace.plan_why, asked[i].why);
		assert_int_equal(trace.recall, asked[i].wanted);
		assert_int_equal(trace.lists, asked[i].size >= 224 ? 0 : 7);
		assert_int_equal(trace.tables, asked[i].size > 224 ? 0 : 7);
	}
	mount_unmake(&m);
}

static void keys_and_words(void **state)
{
	char words[VEXFS_MAX_KEY * 2];
	__u8 lens[4];
	struct vexfs_ioc_words arg = {
		.size = sizeof(arg),
		.attr = 1,
		.n = 4,
		.first = 1,
		.words = (uintptr_t)words,
		.lens = (uintptr_t)lens,
		.word_bytes = sizeof(words),
	};
	struct vexfs_hit hits[3];
	struct mount m;
	__u64 id;
	int round;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_one(&m, 1, "one", "odd", -1, 0), 0);
	assert_int_equal(insert_one(&m, 2, "two", "even", -1, 0), 0);
	assert_int_equal(insert_one(&m, 3, "three", "odd", -1, 0), 0);
	assert_int_equal(insert_one(&m, 4, "three", NULL, -1, 0), -EEXIST);
	assert_int_equal(insert_one(&m, 5, "two", "even", -1, VEXFS_INSERT_UPSERT), 0);
	for (round = 0; round < 2; round++) {
		assert_int_equal(by_key(&m, "three", &id), 0);
		assert_int_equal(id, 3);
		assert_int_equal(by_key(&m, "two", &id), 0);
		assert_int_equal(id, 5);
		assert_int_equal(by_key(&m, "four", &id), -ENOENT);
		assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_WORDS, &arg), 0);
		assert_int_equal(arg.n, 2);
		assert_memory_equal(words, "oddeven", 7);
		arg.n = 4;
		arg.word_bytes = sizeof(words);
		assert_int_equal(with_word(&m, 1, 1, hits), 2);
		assert_int_equal(hits[0].id, 1);
		assert_int_equal(hits[1].id, 3);
		assert_int_equal(with_word(&m, 2, 1, hits), 1);
		assert_int_equal(hits[0].id, 5);
		mount_again(&m);
	}
	mount_unmake(&m);
}

/* --- files that records are bound to --- */

static __u32 flags_of(struct mount *m, __u64 id)
{
	struct vexfs_item item;

	assert_int_equal(get_id(m, id, &item), 0);
	return item.flags;
}

static void bindings(void **state)
{
	struct file *a, *b, *outside;
	struct vexfs_item item;
	struct vexfs_hit hit;
	struct stat st;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c/sub", 0700), 0);
	a = file_open(&m, "/c/sub/a", "text of a");
	b = file_open(&m, "/c/b", "text of b");
	outside = file_open(&m, "/out", "text");
	assert_int_equal(insert_one(&m, 9, NULL, NULL, 5, 0), -EBADF);	/* no number names a file */
	assert_int_equal(insert_one(&m, 1, NULL, NULL, number_of(a), 0), 0);
	assert_int_equal(insert_one(&m, 2, NULL, NULL, number_of(b), 0), 0);
	assert_int_equal(insert_one(&m, 9, NULL, NULL, number_of(outside), 0), -EXDEV);
	assert_int_equal(insert_one(&m, 9, NULL, NULL, number_of(m.c), 0), -EBADF);
	vexfs_file_stat(a, &st);
	assert_int_equal(search_id(&m, 1, 1, NULL, &hit), 1);
	assert_int_equal(hit.file, st.st_ino);
	assert_int_equal(hit.file_off, 1);
	assert_int_equal(flags_of(&m, 1), VEXFS_ITEM_BOUND);
	/* a write makes it stale, for ever */
	assert_int_equal(vexfs_file_pwrite(a, "T", 1, 0), 1);
	assert_int_equal(flags_of(&m, 1), VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE);
	assert_int_equal(flags_of(&m, 2), VEXFS_ITEM_BOUND);
	numbers_forget();
	vexfs_file_close(a);
	vexfs_file_close(b);
	vexfs_file_close(outside);
	/*
	 * files with records stay in their collection; plain directories with anything in them, too
	 */
	assert_int_equal(vexfs_image_rename(m.image, "/c/b", "/b"), -EXDEV);
	assert_int_equal(vexfs_image_rename(m.image, "/c/sub", "/sub"), -EXDEV);
	assert_int_equal(vexfs_image_rename(m.image, "/out", "/c/out"), 0);
	assert_int_equal(vexfs_image_rename(m.image, "/c/out", "/out"), 0);
	assert_int_equal(vexfs_image_rename(m.image, "/c/b", "/c/sub/b"), 0);
	mount_again(&m);
	assert_int_equal(flags_of(&m, 1), VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE);
	assert_int_equal(flags_of(&m, 2), VEXFS_ITEM_BOUND);
	assert_int_equal(vexfs_image_rename(m.image, "/c/sub/b", "/b"), -EXDEV);
	/* the collection itself moves, with all that is in it */
	vexfs_file_close(m.c);
	assert_int_equal(vexfs_image_mkdir(m.image, "/d", 0700), 0);
	assert_int_equal(vexfs_image_rename(m.image, "/c", "/d/c"), 0);
	assert_int_equal(vexfs_image_rename(m.image, "/d/c", "/c"), 0);
	mount_open_c(&m);
	/* without a name its records are gone */
	assert_int_equal(vexfs_image_unlink(m.image, "/c/sub/a"), 0);
	assert_false(is_found(&m, 1));
	assert_int_equal(get_id(&m, 1, &item), -ENOENT);
	assert_int_equal(info_of(&m).gone, 1);
	assert_int_equal(info_of(&m).live, 1);
	mount_again(&m);
	assert_int_equal(get_id(&m, 1, &item), -ENOENT);
	assert_int_equal(info_of(&m).live, 1);
	mount_unmake(&m);
}

/* The power fails after a file that records know was changed in place: they know that it was. */
static void changed_and_killed(void **state)
{
	struct file *file;
	struct mount m;
	char text[8];
	int how;

	(void)state;
	for (how = 0; how < 2; how++) {
		mount_with_collection(&m);
		file = file_open(&m, "/c/a", "old text");
		assert_int_equal(insert_one(&m, 1, NULL, NULL, number_of(file), 0), 0);
		assert_int_equal(vexfs_image_sync(m.image), 0);
		if (how)
			assert_int_equal(vexfs_file_truncate(file, 4), 0);
		else
			assert_int_equal(vexfs_file_pwrite(file, "new", 3, 0), 3);
		numbers_forget();
		vexfs_file_close(file);
		mount_kill(&m);
		mount_open(&m, 0);
		mount_open_c(&m);
		file = file_open(&m, "/c/a", NULL);
		assert_true(vexfs_file_pread(file, text, 8, 0) >= 4);
		vexfs_file_close(file);
		assert_memory_equal(text, how ? "old " : "new ", 4);
		assert_int_equal(flags_of(&m, 1), VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE);
		mount_unmake(&m);
	}
}

/*
 * What is renamed over a file has its records, also after a remount, a compaction, and another
 * rename.
 */
static void heirs(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct file *a, *b;
	struct vexfs_item item;
	struct stat st;
	struct mount m;
	int round;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 100, 10, 0), 0);
	a = file_open(&m, "/c/a", "text of a");
	b = file_open(&m, "/c/b", "text of b");
	assert_int_equal(insert_one(&m, 1, NULL, NULL, number_of(a), 0), 0);
	assert_int_equal(insert_one(&m, 2, NULL, NULL, number_of(b), 0), 0);
	numbers_forget();
	vexfs_file_stat(b, &st);
	vexfs_file_close(a);
	vexfs_file_close(b);
	assert_int_equal(vexfs_image_rename(m.image, "/c/b", "/c/a"), 0);
	for (round = 0; round < 3; round++) {
		assert_int_equal(get_id(&m, 1, &item), 0);
		assert_int_equal(item.file, st.st_ino);
		assert_int_equal(item.flags, VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE);
		assert_int_equal(get_id(&m, 2, &item), 0);
		assert_int_equal(item.file, st.st_ino);
		assert_int_equal(item.flags, VEXFS_ITEM_BOUND);
		if (round == 1) {
			assert_int_equal(delete_id(&m, 105), 0);
			assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
			assert_int_equal(compact.before, 12);
			assert_int_equal(compact.after, 11);
		}
		mount_again(&m);
	}
	/* of another directory, and of no collection before */
	vexfs_file_close(file_open(&m, "/x", "x"));
	assert_int_equal(vexfs_image_rename(m.image, "/x", "/c/a"), 0);
	assert_true(is_found(&m, 1) && is_found(&m, 2));
	assert_int_equal(vexfs_image_unlink(m.image, "/c/a"), 0);
	assert_false(is_found(&m, 1) || is_found(&m, 2));
	mount_unmake(&m);
}

static bool path_is(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	(void)ino, (void)type;
	return strncmp(name, arg, len) != 0;
}

static void paths(void **state)
{
	char path[64];
	struct vexfs_ioc_path arg = { .size = sizeof(arg),
				      .path = (uintptr_t)path,
				      .room = sizeof(path) };
	struct file *file, *dir;
	struct stat st;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c/sub", 0700), 0);
	file = file_open(&m, "/c/sub/file", "x");
	vexfs_file_stat(file, &st);
	vexfs_file_close(file);
	mount_again(&m);
	arg.file = st.st_ino;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_PATH, &arg), 0);
	assert_int_equal(arg.len, 8);
	assert_memory_equal(path, "sub/file", 8);
	arg.file = 12345;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_PATH, &arg), -ENOENT);
	dir = vexfs_file_open(m.image, "/c", O_RDONLY, 0);
	assert_int_equal(vexfs_file_list(dir, path_is, "sub"), 0);
	vexfs_file_close(dir);
	mount_unmake(&m);
}

/* --- snapshots, compaction, dropping --- */

static long snapshot(struct mount *m, const char *name, __u32 op)
{
	struct vexfs_ioc_snapshot arg = { .size = sizeof(arg), .op = op };

	strcpy(arg.name, name);
	return vexfs_file_ioctl(m->c, VEXFS_IOC_SNAPSHOT, &arg);
}

static void snapshots(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_image_info before, after;
	struct vexfs_hit hit;
	struct mount m;
	__u64 id;
	int round;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, 5000, 0), 0);
	assert_int_equal(snapshot(&m, "all", VEXFS_SNAPSHOT_CREATE), 0);
	assert_int_equal(snapshot(&m, "all", VEXFS_SNAPSHOT_CREATE), -EEXIST);
	for (id = 1; id <= 4000; id++)
		assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(snapshot(&m, "few", VEXFS_SNAPSHOT_CREATE), 0);
	for (round = 0; round < 3; round++) {
		assert_int_equal(search_id(&m, 77, 1, "all", &hit), 1);
		assert_int_equal(hit.id, 77);
		assert_int_equal(search_id(&m, 77, 1, "few", &hit), 1);
		assert_int_equal(hit.id, 4001);
		assert_int_equal(search_id(&m, 77, 1, "none", &hit), -ENOENT);
		assert_false(is_found(&m, 77));
		assert_int_equal(info_of(&m).snapshots, 2);
		if (round == 0) {
			assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
			assert_int_equal(compact.before, compact.after);	/* "all" has them */
		}
		if (round == 1)
			mount_again(&m);
	}
	assert_int_equal(snapshot(&m, "all", VEXFS_SNAPSHOT_DELETE), 0);
	vexfs_image_info(m.image, &before);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(compact.before, 5000);
	assert_int_equal(compact.after, 1000);
	vexfs_image_info(m.image, &after);
	assert_true(after.free > before.free);
	assert_int_equal(search_id(&m, 77, 1, "few", &hit), 1);
	assert_int_equal(hit.id, 4001);
	mount_again(&m);
	assert_int_equal(info_of(&m).count, 1000);
	assert_true(is_found(&m, 4500));
	assert_int_equal(search_id(&m, 77, 1, "few", &hit), 1);
	mount_unmake(&m);
}

/* What was done before a snapshot was deleted is there if the deletion is. */
static void snapshot_in_order(void **state)
{
	struct file *other;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, 100, 0), 0);
	assert_int_equal(snapshot(&m, "old", VEXFS_SNAPSHOT_CREATE), 0);
	assert_int_equal(insert_some(&m, 101, 100, 0), 0);
	assert_int_equal(snapshot(&m, "old", VEXFS_SNAPSHOT_DELETE), 0);
	/* somebody syncs something else, and the log with it */
	other = file_open(&m, "/other", "x");
	assert_int_equal(vexfs_file_sync(other), 0);
	vexfs_file_close(other);
	mount_kill(&m);
	mount_open(&m, 0);
	mount_open_c(&m);
	assert_int_equal(info_of(&m).snapshots, 0);
	assert_int_equal(info_of(&m).count, 200);
	mount_unmake(&m);
}

static void dropping(void **state)
{
	struct vexfs_ioc_drop arg = { .size = sizeof(arg) };
	struct vexfs_image_info before, after;
	struct file *file;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	vexfs_image_info(m.image, &before);
	assert_int_equal(insert_some(&m, 1, 5000, 0), 0);
	file = file_open(&m, "/c/file", "x");
	vexfs_file_close(file);
	assert_int_equal(vexfs_image_rmdir(m.image, "/c"), -ENOTEMPTY);
	assert_int_equal(vexfs_image_unlink(m.image, "/c/file"), 0);
	assert_int_equal(vexfs_image_rmdir(m.image, "/c"), -EBUSY);	/* it has records */
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_DROP, &arg), 0);
	assert_int_equal(insert_some(&m, 1, 1, 0), -ENODATA);
	assert_int_equal(collection_create(m.c), 0);
	assert_int_equal(info_of(&m).count, 0);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free, before.free);
	mount_again(&m);
	/* one without records may go, and whoever has it open finds it gone */
	assert_int_equal(vexfs_image_rmdir(m.image, "/c"), 0);
	assert_int_equal(insert_some(&m, 1, 1, 0), -ENOENT);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c", 0700), 0);
	vexfs_file_close(m.c);
	mount_open_c(&m);
	assert_int_equal(insert_some(&m, 1, 1, 0), -ENODATA);
	mount_unmake(&m);
}

/*
 * What is created in a collection belongs to it, however deep; in a collection inside it, to that.
 */
static void belonging(void **state)
{
	struct vexfs_ioc_drop arg = { .size = sizeof(arg) };
	struct file *outer, *inner, *file;
	struct mount m;
	int round;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c/a", 0700), 0);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c/a/inner", 0700), 0);
	inner = vexfs_file_open(m.image, "/c/a/inner", O_RDONLY, 0);
	assert_int_equal(collection_create(inner), 0);
	vexfs_file_close(inner);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c/a/inner/d", 0700), 0);
	for (round = 0; round < 2; round++) {
		/* no directory above is in memory but for a moment */
		mount_again(&m);
		outer = m.c;
		inner = vexfs_file_open(m.image, "/c/a/inner", O_RDONLY, 0);
		assert_false(IS_ERR(inner));
		file = file_open(&m, "/c/a/inner/d/f", "x");
		m.c = inner;
		assert_int_equal(insert_one(&m, 1 + round, NULL, NULL, number_of(file), 0),
				 round ? -ENODATA : 0);
		m.c = outer;
		assert_int_equal(insert_one(&m, 1 + round, NULL, NULL, number_of(file), 0),
				 round ? 0 : -EXDEV);
		numbers_forget();
		vexfs_file_close(file);
		/* dropped: its files belong to the one around it */
		if (!round)
			assert_int_equal(vexfs_file_ioctl(inner, VEXFS_IOC_DROP, &arg), 0);
		vexfs_file_close(inner);
	}
	mount_unmake(&m);
}

/* --- programs --- */

/* Write a binding into the collection block, as if it had been used under a kernel. */
static void bind_on_disk(struct mount *m, __u32 slot, const char *name)
{
	union {
		struct vexfs_collection raw;
		__u8 byte[VEXFS_BLOCK_SIZE];
	} b;
	struct vexfs_fs fs = { };
	struct vexfs_inode inode;
	struct vexfs_dev dev;
	struct stat st;
	__u64 at;

	vexfs_file_stat(m->c, &st);
	mount_close(m);
	assert_int_equal(vexfs_dev_open(&dev, m->path, O_RDWR), 0);
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_inode_peek(&fs, st.st_ino, &inode), 0);
	at = le64_to_cpu(inode.i_collection);
	assert_int_equal(vexfs_dev_read(&dev, at, &b), 0);
	memset(b.raw.c_program[slot], 0, VEXFS_PROG_NAME_LEN);
	strcpy(b.raw.c_program[slot], name);
	b.raw.c_crc =
		cpu_to_le32(vexfs_csum(&fs, &b, sizeof(b), offsetof(struct vexfs_collection, c_crc),
				       st.st_ino, le32_to_cpu(inode.i_generation), at));
	assert_int_equal(vexfs_dev_write(&dev, at, &b), 0);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
	mount_open(m, 0);
	mount_open_c(m);
}

static long use(struct mount *m, __u32 slot, const char *name)
{
	struct vexfs_ioc_use arg = { .size = sizeof(arg), .slot = slot };

	strcpy(arg.name, name);
	return vexfs_file_ioctl(m->c, VEXFS_IOC_USE, &arg);
}

static void programs(void **state)
{
	struct vexfs_ioc_info info;
	struct vexfs_hit hit;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, 10, 0), 0);
	assert_int_equal(use(&m, VEXFS_SLOT_SEARCH, "hnsw"), -ENOENT);	/* not loaded */
	assert_int_equal(use(&m, VEXFS_SLOT_SEARCH, "No Name"), -EINVAL);
	assert_int_equal(use(&m, VEXFS_SLOT_SEARCH, ""), 0);
	/* one that was bound under a kernel: a search program is replaced by the built-in ... */
	bind_on_disk(&m, VEXFS_SLOT_SEARCH, "hnsw");
	assert_true(is_found(&m, 5));
	info = info_of(&m);
	assert_string_equal(info.bound[VEXFS_SLOT_SEARCH].name, "hnsw");
	assert_int_equal(info.bound[VEXFS_SLOT_SEARCH].state, VEXFS_BOUND_MISSING);
	/* ... the others are not, and can be taken away */
	bind_on_disk(&m, VEXFS_SLOT_FILTER, "tenant");
	assert_int_equal(search_id(&m, 5, 1, NULL, &hit), -ENOLINK);
	assert_int_equal(use(&m, VEXFS_SLOT_FILTER, ""), 0);
	assert_true(is_found(&m, 5));
	bind_on_disk(&m, VEXFS_SLOT_DISTANCE, "age");
	assert_int_equal(search_id(&m, 5, 1, NULL, &hit), -ENOLINK);
	mount_again(&m);
	info = info_of(&m);
	assert_string_equal(info.bound[VEXFS_SLOT_SEARCH].name, "hnsw");
	assert_string_equal(info.bound[VEXFS_SLOT_DISTANCE].name, "age");
	assert_int_equal(info.bound[VEXFS_SLOT_FILTER].state, VEXFS_BOUND_BUILTIN);
	mount_unmake(&m);
}

/* A full filesystem refuses records and loses none; what is deleted makes room, after a compaction. */
static void full(void **state)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	const __u32 batch = 20000;
	struct mount m;
	__u64 n = 0, id;
	long err;

	(void)state;
	mount_with_collection(&m);
	while (!(err = insert_some(&m, n, batch, 0)))
		n += batch;
	assert_int_equal(err, -ENOSPC);
	assert_true(n > 20 * batch);
	assert_int_equal(vexfs_file_sync(m.c), 0);
	assert_int_equal(info_of(&m).live, n);
	assert_true(is_found(&m, n - 1));
	assert_int_equal(insert_some(&m, n, batch, 0), -ENOSPC);
	mount_again(&m);
	assert_int_equal(info_of(&m).live, n);
	for (id = 0; id < n; id++)
		if (id % 8)
			assert_int_equal(delete_id(&m, id), 0);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	assert_int_equal(compact.after, n / 8);
	for (id = n; id < n + n / 2; id += batch)
		assert_int_equal(insert_some(&m, id, batch, 0), 0);
	assert_true(is_found(&m, 8 * batch));
	mount_unmake(&m);
}

/* A fatal signal ends calls, and changes nothing. */
static void killed(void **state)
{
	struct vexfs_hit hit;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(insert_some(&m, 1, 5000, 0), 0);
	vexfs_kill(true);
	assert_int_equal(insert_some(&m, 6000, 5000, 0), -EINTR);
	assert_int_equal(delete_id(&m, 1), -EINTR);
	assert_int_equal(search_id(&m, 5, 1, NULL, &hit), -EINTR);
	vexfs_kill(false);
	assert_int_equal(info_of(&m).count, 5000);
	assert_true(is_found(&m, 5));
	assert_int_equal(insert_some(&m, 6000, 5000, 0), 0);
	mount_unmake(&m);
}

/* Wrong calls are refused, and nobody's memory is trusted where that is wanted. */
static void wrong_calls(void **state)
{
	struct vexfs_ioc_insert insert = {
		.size = sizeof(insert),
		.n = 1,
		.row_bytes = DIMS * 4,
		.rows = 0x1000000,
		.ids = 0x1000000,
	};
	struct vexfs_ioc_info info = { .size = 4 };
	struct file *file;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(vexfs_file_ioctl(m.c, 0x1234, NULL), -ENOTTY);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INFO, NULL), -EFAULT);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INFO, &info), -EINVAL);
	vx_check_user = true;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INFO, (void *)0x1000000), -EFAULT);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INSERT, &insert), -EFAULT);
	assert_int_equal(insert_some(&m, 1, 1000, 0), 0);
	assert_true(is_found(&m, 500));
	vx_check_user = false;
	file = file_open(&m, "/f", "x");
	assert_int_equal(vexfs_file_ioctl(file, VEXFS_IOC_INFO, &info), -ENOTTY);
	vexfs_file_close(file);
	file = vexfs_file_open(m.image, "/", O_RDONLY, 0);
	info.size = sizeof(info);
	assert_int_equal(vexfs_file_ioctl(file, VEXFS_IOC_INFO, &info), -ENODATA);
	vexfs_file_close(file);
	mount_unmake(&m);
}

#define MANY	5u

static unsigned int flushes;

static void count_flush(struct vexfs_dev *dev, __u64 block, const void *data)
{
	(void)dev, (void)block;
	flushes += !data;
}

/* A sync of many collections waits for the log once. */
static void many_collections(void **state)
{
	unsigned int i, one = 0, all;
	struct mount m;
	char path[16];

	(void)state;
	mount_make(&m);
	m.quiet = true;
	mount_open(&m, 0);
	m.dev.record = count_flush;
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		assert_int_equal(vexfs_image_mkdir(m.image, path, 0755), 0);
		m.c = vexfs_file_open(m.image, path, O_RDONLY | O_DIRECTORY, 0);
		assert_false(IS_ERR(m.c));
		assert_int_equal(collection_create(m.c), 0);
		vexfs_file_close(m.c);
	}
	for (all = 0; all < 2; all++) {
		for (i = 0; i < (all ? MANY : 1); i++) {
			snprintf(path, sizeof(path), "/%u", i);
			m.c = vexfs_file_open(m.image, path, O_RDONLY | O_DIRECTORY, 0);
			assert_int_equal(insert_some(&m, 100 * all, 10, 0), 0);
			vexfs_file_close(m.c);
		}
		flushes = 0;
		assert_int_equal(vexfs_image_sync(m.image), 0);
		if (all)
			assert_true(flushes <= one);
		else
			one = flushes;
	}
	m.c = vexfs_file_open(m.image, "/3", O_RDONLY | O_DIRECTORY, 0);
	assert_int_equal(info_of(&m).committed, 10);
	vexfs_file_close(m.c);
	m.c = NULL;
	mount_unmake(&m);
}

/* A change of a file looks at collections that have files only. */
static void changes_of_files(void **state)
{
	struct vexfs_collection_mem *other;
	struct file *dir, *file;
	struct mount m;

	(void)state;
	mount_with_collection(&m);
	assert_int_equal(vexfs_image_mkdir(m.image, "/d", 0755), 0);
	dir = vexfs_file_open(m.image, "/d", O_RDONLY | O_DIRECTORY, 0);
	assert_false(IS_ERR(dir));
	assert_int_equal(collection_create(dir), 0);
	file = file_open(&m, "/c/f", "text");
	assert_int_equal(insert_one(&m, 1, NULL, NULL, number_of(file), 0), 0);
	other = vexfs_collection_get(dir->inode);
	assert_false(IS_ERR(other));

	alarm(60);			/* instead of waiting for ever */
	mutex_lock(&other->files_lock);
	assert_int_equal(vexfs_file_pwrite(file, "more", 4, 0), 4);
	assert_int_equal(vexfs_image_unlink(m.image, "/c/f"), 0);
	mutex_unlock(&other->files_lock);
	alarm(0);

	assert_false(is_found(&m, 1));
	vexfs_collection_put(other);
	numbers_forget();
	vexfs_file_close(file);
	vexfs_file_close(dir);
	mount_unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),	  cmocka_unit_test(many),
		cmocka_unit_test(recalls),	  cmocka_unit_test(plans),
		cmocka_unit_test(keys_and_words), cmocka_unit_test(bindings),
		cmocka_unit_test(heirs),	  cmocka_unit_test(paths),
		cmocka_unit_test(snapshots),	  cmocka_unit_test(snapshot_in_order),
		cmocka_unit_test(dropping),
		cmocka_unit_test(belonging),	  cmocka_unit_test(programs),
		cmocka_unit_test(wrong_calls),	  cmocka_unit_test(full),
		cmocka_unit_test(many_collections), cmocka_unit_test(changes_of_files),
		cmocka_unit_test(killed),	  cmocka_unit_test(changed_and_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
