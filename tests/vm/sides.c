// SPDX-License-Identifier: GPL-2.0
/*
 * What a caller learns of files that he may not read, by other ways than being told (readers.c).
 *
 *	sides reads DIR		what he must not see is not read from the disk for him, so it takes no
 *				longer that it is there
 *	sides near DIR		lists and tables do not tell where it lies
 *	sides lengths DIR	nor do words how long it is
 *	sides paths DIR		nor do paths whether it is
 *	sides snapshot DIR	nor do snapshots
 *
 * DIR is a directory of VexFS in which collections are made.  Exit code 0, or 1 after a line per
 * failure.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sys/prctl.h>
#include "bound.h"

#define USER	1001			/* who may not read what is closed */

/* One attribute, a keyword. */
static int worded(const char *name)
{
	struct vexfs_ioc_create create = {
		.size = sizeof(create), .dims = DIMS, .element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2, .attrs = 1,
		.attr = { { "word", VEXFS_ATTR_KEYWORD, 0 } },
	};
	int coll = vx_directory(base, name);

	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_CREATE, &create), "create");
	return coll;
}

static int open_file(const char *p, mode_t mode)
{
	int fd = make_file(p);

	if (fchmod(fd, mode))
		die("fchmod");
	return fd;
}

static int64_t intern(int coll, uint32_t flags, const char *word)
{
	uint8_t len = strlen(word);
	int64_t code = -1;
	struct vexfs_ioc_intern in = {
		.size = sizeof(in), .flags = flags, .n = 1, .words = PTR(word), .lens = PTR(&len),
		.word_bytes = len, .codes = PTR(&code),
	};

	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INTERN, &in), "intern");
	return code;
}

/* A record of the file with a word and a key. */
static void add(int coll, int fd, uint64_t id, const char *word, const char *key)
{
	struct vexfs_bind bind = { .fd = fd };
	uint8_t len = strlen(key);
	int64_t code = intern(coll, 0, word);
	float row[DIMS];
	struct vexfs_ioc_insert in = {
		.size = sizeof(in), .n = 1, .row_bytes = sizeof(row), .rows = PTR(row),
		.ids = PTR(&id), .attrs = PTR(&code), .binds = PTR(&bind), .keys = PTR(key),
		.key_lens = PTR(&len), .key_bytes = len,
	};

	make_row(row, DIMS, SEED, id);
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INSERT, &in), "insert");
}

/* --- reads --- */

/* Bytes that this process had read from devices. */
static uint64_t bytes_read(void)
{
	FILE *f = fopen("/proc/self/io", "re");
	uint64_t n = ~0ULL;
	char line[80];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "read_bytes: %" SCNu64, &n);
	if (n == ~0ULL)
		die("/proc/self/io");
	fclose(f);
	return n;
}

static struct {
	int coll;
	bool word;			/* else a key */
	const char *what;
	bool is_read;			/* may it be seen? */
} look;

static void look_up(void *arg)
{
	struct vexfs_ioc_get get = {
		.size = sizeof(get), .flags = VEXFS_GET_BY_KEY, .key = PTR(look.what),
		.key_len = strlen(look.what),
	};
	uint64_t before;
	bool was_there;

	(void)arg;
	prctl(PR_SET_DUMPABLE, 1);	/* or /proc/self/io is root's */
	before = bytes_read();
	was_there = look.word ? intern(look.coll, VEXFS_INTERN_LOOKUP, look.what) > 0 :
				!vx_ioctl(look.coll, VEXFS_IOC_GET, &get);
	before = bytes_read() - before;
	FAIL(was_there != look.is_read, "%s is %sknown", look.what, was_there ? "" : "un");
	FAIL(!before != !look.is_read, "%s: %" PRIu64 " bytes were read", look.what, before);
}

static void forget_pages(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1)
		die("drop_caches");
	close(fd);
}

static void test_reads(void)
{
	int coll = worded("c"), open = open_file(path("c/open"), 0644),
	    closed = open_file(path("c/closed"), 0600);
	static const char *const what[] = { "in the open", "hidden", "unknown" };
	uint32_t i;

	add(coll, closed, 1, what[1], what[1]);
	add(coll, open, 2, what[0], what[0]);
	if (fsync(coll))
		die("fsync");
	look.coll = coll;
	for (i = 0; i < 6; i++) {
		look.word = i & 1;
		look.what = what[i / 2];
		look.is_read = !(i / 2);
		sync();
		forget_pages();
		as(USER, USER, 0, NULL, look_up, NULL);
	}
	/* whoever may read the file does find it */
	look.is_read = true;
	for (i = 0; i < 2; i++) {
		look.word = i & 1;
		look.what = what[1];
		sync();
		forget_pages();
		look_up(NULL);
	}
	close(open);
	close(closed);
	close(coll);
}

/* --- near --- */

#define NEAR	9000			/* lists are made of so many */
#define CLUSTER	600			/* of these are of the closed file, all in one place */

static float place[2][DIMS];		/* of them, and somewhere else */

struct told {
	uint64_t visited, scored;
	uint32_t truncated;
	struct vexfs_search_trace t;
};

static struct told tell(int coll, int at, uint32_t method, uint64_t max_visits)
{
	struct told told = { .t.size = sizeof(told.t) };
	struct vexfs_ioc_search s = {
		.size = sizeof(s), .k = 10, .vector = PTR(place[at]), .vector_bytes = DIMS * 4,
		.hits = PTR(hits), .effort = 1, .method = method, .max_visits = max_visits,
		.trace = PTR(&told.t), .timeout_us = VEXFS_MAX_TIMEOUT_US,
	};

	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "search");
	memset(told.t.ns, 0, sizeof(told.t.ns));
	told.visited = s.visited;
	told.scored = s.scored;
	told.truncated = s.truncated;
	return told;
}

/* The same wherever one looks, but for what depends on what may be seen. */
static void nowhere(void *arg)
{
	static const uint32_t methods[] = { VEXFS_METHOD_AUTO, VEXFS_METHOD_IVF, VEXFS_METHOD_LSH };
	int coll = *(int *)arg;
	uint32_t i;

	for (i = 0; i < 3; i++) {
		struct told here = tell(coll, 0, methods[i], 0), there = tell(coll, 1, methods[i], 0);

		FAIL(here.visited != there.visited || here.visited < NEAR,
		     "method %u: %" PRIu64 " visited, %" PRIu64 " elsewhere", methods[i],
		     here.visited, there.visited);
		FAIL(here.t.lists || here.t.probed || here.t.linked || here.t.tables ||
		     here.t.buckets || here.t.tabled || here.t.plan != VEXFS_PLAN_CODED ||
		     here.t.plan_why != VEXFS_WHY_HIDDEN, "method %u: plan %u because of %u", methods[i],
		     here.t.plan, here.t.plan_why);
		FAIL(here.t.estimated != NEAR - CLUSTER || there.t.estimated != NEAR - CLUSTER,
		     "method %u: %llu estimated, %llu elsewhere", methods[i], here.t.estimated,
		     there.t.estimated);
		FAIL(tell(coll, 0, methods[i], CLUSTER).truncated !=
		     tell(coll, 1, methods[i], CLUSTER).truncated, "method %u: truncated", methods[i]);
	}
}

static void test_near(void)
{
	int coll = collection("c"), open = open_file(path("c/open"), 0644),
	    closed = open_file(path("c/closed"), 0600);
	float *rows = calloc(NEAR, DIMS * sizeof(*rows));
	uint64_t *ids = calloc(NEAR, sizeof(*ids));
	struct vexfs_bind *bind = calloc(NEAR, sizeof(*bind));
	struct vexfs_ioc_insert in = {
		.size = sizeof(in), .n = NEAR, .row_bytes = DIMS * 4, .rows = PTR(rows),
		.ids = PTR(ids), .binds = PTR(bind),
	};
	struct vexfs_ioc_index index = { .size = sizeof(index) };
	struct told here, there;
	uint32_t i, k;

	for (i = 0; i < NEAR; i++) {
		bool secret = i % (NEAR / CLUSTER) == 1;

		ids[i] = i;
		bind[i].fd = secret ? closed : open;
		make_row(rows + i * DIMS, DIMS, SEED, i);
		for (k = 0; k < DIMS && secret; k++)
			rows[i * DIMS + k] = 9 + rows[i * DIMS + k] / 100;
	}
	for (k = 0; k < DIMS; k++)
		place[0][k] = 9;
	memcpy(place[1], rows, sizeof(place[1]));
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INSERT, &in), "insert");
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INDEX, &index), "index");
	/* whoever may see them does go by lists, which tell him */
	here = tell(coll, 0, VEXFS_METHOD_IVF, 0);
	there = tell(coll, 1, VEXFS_METHOD_IVF, 0);
	FAIL(!here.t.lists || here.visited == there.visited,
	     "root: %u lists, %" PRIu64 " visited, %" PRIu64 " elsewhere", here.t.lists,
	     here.visited, there.visited);
	as(USER, USER, 0, NULL, nowhere, &coll);
	free(rows);
	free(ids);
	free(bind);
	close(open);
	close(closed);
	close(coll);
}

/* --- lengths --- */

/* However long a hidden word is, those around it come as if it had none. */
static void all_words(void *arg)
{
	char bytes[VEXFS_MAX_KEY];
	uint8_t lens[3];
	struct vexfs_ioc_words words = {
		.size = sizeof(words), .n = 3, .first = 1, .words = PTR(bytes), .lens = PTR(lens),
		.word_bytes = sizeof(bytes),
	};

	EXPECT(0, vx_ioctl(*(int *)arg, VEXFS_IOC_WORDS, &words), "words");
	FAIL(words.n != 3 || lens[0] != 200 || lens[1] || lens[2] != 3 || words.word_bytes != 203,
	     "%u words, %u bytes", words.n, words.word_bytes);
}

static void test_lengths(void)
{
	int coll = worded("c"), open = open_file(path("c/open"), 0644),
	    closed = open_file(path("c/closed"), 0600);
	char word[201];

	memset(word, 'a', 200);
	word[200] = 0;
	add(coll, open, 1, word, "1");
	memset(word, 'b', 100);
	word[100] = 0;
	add(coll, closed, 2, word, "2");
	add(coll, open, 3, "end", "3");
	as(USER, USER, 0, NULL, all_words, &coll);
	close(open);
	close(closed);
	close(coll);
}

/* --- paths --- */

static int path_of(int coll, uint64_t ino)
{
	char p[4096];
	struct vexfs_ioc_path a = {
		.size = sizeof(a), .file = ino, .path = PTR(p), .room = sizeof(p),
	};

	return vx_ioctl(coll, VEXFS_IOC_PATH, &a);
}

static struct {
	int coll;
	uint64_t open, closed, inner, outside, outside_closed;
} file;

static void paths(void *arg)
{
	(void)arg;
	EXPECT(0, path_of(file.coll, file.open), "a file that may be read");
	EXPECT(EACCES, path_of(file.coll, file.inner), "one in a directory that may not be");
	EXPECT(ENOENT, path_of(file.coll, 1ULL << 40), "none");
	/* the same as of none */
	EXPECT(ENOENT, path_of(file.coll, file.closed), "a file that may not be read");
	EXPECT(ENOENT, path_of(file.coll, file.outside), "one elsewhere, in such a directory");
	EXPECT(ENOENT, path_of(file.coll, file.outside_closed), "one elsewhere that may not be read");
}

static uint64_t one_file(const char *p, mode_t mode)
{
	int fd = open_file(p, mode);
	uint64_t ino = ino_of(fd);

	close(fd);
	return ino;
}

static void test_paths(void)
{
	file.coll = collection("c");
	mkdir(path("c/dir"), 0700);
	mkdir(path("private"), 0700);
	mkdir(path("private/deep"), 0755);
	file.open = one_file(path("c/open"), 0644);
	file.closed = one_file(path("c/closed"), 0600);
	file.inner = one_file(path("c/dir/inner"), 0644);
	file.outside = one_file(path("private/deep/outside"), 0644);
	file.outside_closed = one_file(path("private/deep/closed"), 0600);
	as(USER, USER, 0, NULL, paths, NULL);
	EXPECT(0, path_of(file.coll, file.closed), "root may read all");
	EXPECT(0, path_of(file.coll, file.inner), "and all directories");
	EXPECT(ENOENT, path_of(file.coll, file.outside), "and elsewhere is elsewhere");
	close(file.coll);
}

/* --- snapshot --- */

/* What may not be seen is as what is not there. */
static void in_snapshot(void *arg)
{
	float row[DIMS];
	struct vexfs_ioc_search s = {
		.size = sizeof(s), .flags = VEXFS_SEARCH_BY_ID, .k = 1, .hits = PTR(hits),
		.snapshot = "then", .vector = PTR(row), .timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	int coll = *(int *)arg;

	s.id = 2;
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "one that may be seen");
	s.id = 1;
	EXPECT(ENOENT, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "one that may not");
	s.id = 3;
	EXPECT(ENOENT, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "none");
}

static void test_snapshot(void)
{
	int coll = worded("c"), open = open_file(path("c/open"), 0644),
	    closed = open_file(path("c/closed"), 0600);
	struct vexfs_ioc_snapshot take = {
		.size = sizeof(take), .op = VEXFS_SNAPSHOT_CREATE, .name = "then",
	};

	add(coll, closed, 1, "a", "1");
	add(coll, open, 2, "b", "2");
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SNAPSHOT, &take), "snapshot");
	as(USER, USER, 0, NULL, in_snapshot, &coll);
	close(open);
	close(closed);
	close(coll);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "reads", test_reads }, { "near", test_near }, { "lengths", test_lengths },
		{ "paths", test_paths }, { "snapshot", test_snapshot },
	};

	return run_test(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
