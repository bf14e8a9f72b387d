// SPDX-License-Identifier: GPL-2.0
/*
 * Callers whose memory never comes: a page of it is waited for by every ioctl that is given it, for
 * as long as they like.  Here it is userfaultfd's; an unprivileged user has FUSE for it.
 *
 *	stall others DIR	what everybody else does goes on meanwhile, and what has been
 *				replaced is given back
 *	stall worker DIR	so does the worker of the mount, while one is not given the time to
 *				finish what it would do
 *	stall charge DIR	the kernel memory that they hold is their control group's
 *	stall exhaust DIR	which bounds it: they go without, and nobody else does
 *
 * DIR is a directory of VexFS in which collections are made; a control group /sys/fs/cgroup/stall,
 * and a program "flat" that is loaded, must be there.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include "bound.h"

#define RECORDS		1200		/* of the collection, each with a key and a word */
#define ROW_BYTES	(DIMS * 4)
#define MANY		(1u << 16)	/* items of a call */
#define GROUP		"/sys/fs/cgroup/stall/"

static int coll;			/* as this process has opened it */
static char *never;			/* the memory that does not come */

/* --- a call that waits for it --- */

struct one {
	const char *what;
	void (*call)(void);
	size_t bytes;			/* of kernel memory that it holds meanwhile, at least */
};

static uint8_t ones[MANY];		/* lengths, or bytes of as many strings */
static uint64_t numbers[MANY];
static struct vexfs_bind unbound[MANY];
static float row[DIMS] = { 1 };

static void bad_info(void)
{
	ioctl(coll, VEXFS_IOC_INFO, never);
}

static struct vexfs_ioc_insert new_record(uint32_t n)
{
	return (struct vexfs_ioc_insert){
		.size = sizeof(struct vexfs_ioc_insert), .n = n, .row_bytes = ROW_BYTES,
		.rows = PTR(row), .ids = PTR(numbers),
	};
}

static void bad_rows(void)
{
	struct vexfs_ioc_insert a = new_record(MANY);

	a.rows = PTR(never);
	ioctl(coll, VEXFS_IOC_INSERT, &a);
}

static void bad_ids(void)
{
	struct vexfs_ioc_insert a = new_record(1);

	a.ids = PTR(never);
	ioctl(coll, VEXFS_IOC_INSERT, &a);
}

static void bad_new_ids(void)
{
	struct vexfs_ioc_insert a = new_record(1);

	a.flags = VEXFS_INSERT_AUTO_ID;
	a.ids = PTR(never);
	ioctl(coll, VEXFS_IOC_INSERT, &a);
}

static void bad_binds(void)
{
	struct vexfs_ioc_insert a = new_record(1);

	a.binds = PTR(never);
	ioctl(coll, VEXFS_IOC_INSERT, &a);
}

static void bad_keys(void)
{
	struct vexfs_ioc_insert a = new_record(1);

	a.binds = PTR(unbound);
	a.keys = PTR(never);
	a.key_lens = PTR(ones);
	a.key_bytes = 1;
	ioctl(coll, VEXFS_IOC_INSERT, &a);
}

static void bad_delete(void)
{
	struct vexfs_ioc_delete a = { .size = sizeof(a), .n = MANY, .ids = PTR(never) };

	ioctl(coll, VEXFS_IOC_DELETE, &a);
}

static void bad_delete_keys(void)
{
	struct vexfs_ioc_delete a = {
		.size = sizeof(a), .flags = VEXFS_DELETE_BY_KEY, .n = 1, .key_bytes = 1,
		.keys = PTR(never), .key_lens = PTR(ones),
	};

	ioctl(coll, VEXFS_IOC_DELETE, &a);
}

static void bad_get(void)
{
	struct vexfs_ioc_get a = {
		.size = sizeof(a), .id = 1, .row = PTR(never), .row_bytes = ROW_BYTES,
	};

	ioctl(coll, VEXFS_IOC_GET, &a);
}

static void bad_get_key(void)
{
	struct vexfs_ioc_get a = {
		.size = sizeof(a), .flags = VEXFS_GET_BY_KEY, .key = PTR(never), .key_len = 1,
	};

	ioctl(coll, VEXFS_IOC_GET, &a);
}

static void bad_list(void)
{
	struct vexfs_ioc_list a = { .size = sizeof(a), .n = RECORDS, .items = PTR(never) };

	ioctl(coll, VEXFS_IOC_LIST, &a);
}

static void bad_list_snapshot(void)
{
	struct vexfs_ioc_list a = {
		.size = sizeof(a), .n = RECORDS, .items = PTR(never), .snapshot = "stays",
	};

	ioctl(coll, VEXFS_IOC_LIST, &a);
}

static struct vexfs_ioc_search new_search(void)
{
	return (struct vexfs_ioc_search){
		.size = sizeof(struct vexfs_ioc_search), .k = 10, .vector_bytes = ROW_BYTES,
		.vector = PTR(row), .hits = PTR(hits),
	};
}

static void bad_vector(void)
{
	struct vexfs_ioc_search a = new_search();

	a.vector = PTR(never);
	ioctl(coll, VEXFS_IOC_SEARCH, &a);
}

static void bad_where(void)
{
	struct vexfs_ioc_search a = new_search();

	a.where = PTR(never);
	a.where_nodes = 1;
	ioctl(coll, VEXFS_IOC_SEARCH, &a);
}

static void bad_hits(void)
{
	struct vexfs_ioc_search a = new_search();

	a.k = VEXFS_MAX_K;
	a.hits = PTR(never);
	ioctl(coll, VEXFS_IOC_SEARCH, &a);
}

static void bad_trace(void)
{
	struct vexfs_ioc_search a = new_search();

	a.trace = PTR(never);
	ioctl(coll, VEXFS_IOC_SEARCH, &a);
}

static void bad_word(void)
{
	struct vexfs_ioc_intern a = {
		.size = sizeof(a), .n = 1, .words = PTR(never), .lens = PTR(ones), .word_bytes = 1,
		.codes = PTR(numbers),
	};

	ioctl(coll, VEXFS_IOC_INTERN, &a);
}

static void bad_codes(void)
{
	struct vexfs_ioc_intern a = {
		.size = sizeof(a), .n = MANY, .words = PTR(ones), .lens = PTR(ones),
		.word_bytes = MANY, .codes = PTR(never),
	};

	ioctl(coll, VEXFS_IOC_INTERN, &a);
}

static void bad_words(void)
{
	struct vexfs_ioc_words a = {
		.size = sizeof(a), .n = 10, .first = 1, .words = PTR(never), .lens = PTR(numbers),
		.word_bytes = VEXFS_MAX_KEY,
	};

	ioctl(coll, VEXFS_IOC_WORDS, &a);
}

static void bad_path(void)
{
	struct vexfs_ioc_path a = { .size = sizeof(a), .path = PTR(never), .room = 4096 };
	struct stat st;

	if (fstatat(coll, "bound", &st, 0))
		die("bound");
	a.file = st.st_ino;
	ioctl(coll, VEXFS_IOC_PATH, &a);
}

static void bad_snapshots(void)
{
	struct vexfs_ioc_snapshots a = {
		.size = sizeof(a), .n = VEXFS_MAX_SNAPSHOTS, .snapshots = PTR(never),
	};

	ioctl(coll, VEXFS_IOC_SNAPSHOTS, &a);
}

static void bad_compact(void)
{
	ioctl(coll, VEXFS_IOC_COMPACT, never);
}

static const struct one ways[] = {
	{ "info", bad_info, 0 },	/* what the others are compared with */
	{ "insert: rows", bad_rows, MANY * ROW_BYTES },
	{ "insert: ids", bad_ids, 0 },
	{ "insert: new ids", bad_new_ids, 0 },
	{ "insert: binds", bad_binds, 0 },
	{ "insert: keys", bad_keys, 0 },
	{ "delete: ids", bad_delete, MANY * 8 },
	{ "delete: keys", bad_delete_keys, 0 },
	{ "get: row", bad_get, 0 },
	{ "get: key", bad_get_key, 0 },
	{ "list", bad_list, 50000 },
	{ "list of a snapshot", bad_list_snapshot, 50000 },
	{ "search: vector", bad_vector, 0 },
	{ "search: where", bad_where, 0 },
	{ "search: hits", bad_hits, VEXFS_MAX_K * sizeof(struct vexfs_hit) },
	{ "search: trace", bad_trace, 0 },
	{ "intern: words", bad_word, 0 },
	{ "intern: codes", bad_codes, MANY * 8 },
	{ "words", bad_words, 256 * (VEXFS_MAX_KEY + 1) },
	{ "path", bad_path, 4096 },
	{ "snapshots", bad_snapshots, VEXFS_MAX_SNAPSHOTS * sizeof(struct vexfs_snapshot_info) },
	{ "compact", bad_compact, 0 },
};
#define WAYS	(sizeof(ways) / sizeof(ways[0]))

/* --- processes that do so --- */

static void write_to(const char *p, const char *text)
{
	int fd = open(p, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(p);
	close(fd);
}

static int uffd, told;

/* Tell the parent when somebody waits for the memory. */
static void *watch(void *arg)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };

	(void)arg;
	while (poll(&p, 1, -1) != 1)
		;
	if (write(told, "", 1) != 1)
		_exit(1);
	return NULL;
}

static void make_never(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t bytes = MANY * ROW_BYTES;
	pthread_t t;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	never = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = PTR(never);
	reg.range.len = bytes;
	if (uffd < 0 || never == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg) || pthread_create(&t, NULL, watch, NULL))
		die("userfaultfd");
}

/* A process of the control group that is in this call, or has failed to be: *in. */
static pid_t begin(const struct one *w, bool *in)
{
	struct pollfd p;
	int ready[2];
	pid_t pid;
	char c;

	fflush(stdout);
	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (!pid) {
		close(ready[0]);
		told = ready[1];
		write_to(GROUP "cgroup.procs", "0");
		make_never();
		w->call();
		_exit(0);
	}
	close(ready[1]);
	p = (struct pollfd){ .fd = ready[0], .events = POLLIN };
	*in = poll(&p, 1, 60000) == 1 && read(ready[0], &c, 1) == 1;
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- others --- */

static struct vexfs_ioc_snapshot then = { .size = sizeof(then), .name = "then" };
static struct vexfs_ioc_use use = { .size = sizeof(use) };

static uint64_t bytes_free(void)
{
	struct statvfs st;

	if (fsync(coll) || syncfs(coll) || statvfs(base, &st))
		die("statvfs");
	return st.f_bfree * st.f_frsize;
}

static int do_insert(void) { return insert(coll, -1, 1 << 20, 10); }
static int do_upsert(void)
{
	return insert_flags(coll, -1, 1 << 20, 10, VEXFS_INSERT_UPSERT, NULL);
}
static int do_bind(void)
{
	int fd = open(path("c/bound"), O_RDONLY), err = insert(coll, fd, 1 << 21, 3);

	close(fd);
	return err;
}
static int do_delete(void)
{
	uint64_t id = 1 << 20;

	return vx_delete(coll, 1, &id, NULL);
}
static int do_search(void) { return search(coll, 1) ? 0 : ENOENT; }
static int do_get(void)
{
	float v[DIMS];

	return vx_get(coll, 1, DIMS, v, NULL);
}
static int do_list(void)
{
	static struct vexfs_item items[RECORDS];
	struct vexfs_ioc_list a = { .size = sizeof(a), .n = RECORDS, .items = PTR(items) };

	return vx_ioctl(coll, VEXFS_IOC_LIST, &a);
}
static int do_word(void)
{
	const char *word = "another";
	uint8_t len = 7;
	int64_t code;
	struct vexfs_ioc_intern a = {
		.size = sizeof(a), .n = 1, .words = PTR(word), .lens = PTR(&len), .word_bytes = len,
		.codes = PTR(&code),
	};

	return vx_ioctl(coll, VEXFS_IOC_INTERN, &a);
}
static int do_snapshot(void)
{
	then.op = VEXFS_SNAPSHOT_CREATE;
	return vx_ioctl(coll, VEXFS_IOC_SNAPSHOT, &then);
}
static int do_forget(void)
{
	then.op = VEXFS_SNAPSHOT_DELETE;
	return vx_ioctl(coll, VEXFS_IOC_SNAPSHOT, &then);
}
static int do_use(void)
{
	strcpy(use.name, "flat");
	return vx_ioctl(coll, VEXFS_IOC_USE, &use);
}
static int do_use_none(void)
{
	use.name[0] = 0;
	return vx_ioctl(coll, VEXFS_IOC_USE, &use);
}
static int do_compact(void)
{
	struct vexfs_ioc_compact a = { .size = sizeof(a) };

	return vx_ioctl(coll, VEXFS_IOC_COMPACT, &a);
}
static int do_rename(void) { return rename(path("c/plain"), path("c/moved")) ? errno : 0; }
static int do_replace(void) { return rename(path("c/moved"), path("c/bound")) ? errno : 0; }
static int do_unlink(void) { return unlink(path("c/bound")) ? errno : 0; }
static int do_mkdir(void) { return mkdir(path("c/dir"), 0755) ? errno : 0; }
static int do_rmdir(void) { return rmdir(path("c/dir")) ? errno : 0; }
static int do_fsync(void) { return fsync(coll) ? errno : 0; }
static int do_syncfs(void) { return syncfs(coll) ? errno : 0; }
static int do_freeze(void) { return ioctl(coll, FIFREEZE, 0) ? errno : 0; }
static int do_thaw(void) { return ioctl(coll, FITHAW, 0) ? errno : 0; }
static int do_drop(void)
{
	struct vexfs_ioc_drop a = { .size = sizeof(a) };

	return vx_ioctl(coll, VEXFS_IOC_DROP, &a);
}

static const struct {
	const char *what;
	int (*fn)(void);
} steps[] = {
	{ "insert", do_insert }, { "upsert", do_upsert }, { "bind", do_bind },
	{ "delete", do_delete }, { "search", do_search }, { "get", do_get }, { "list", do_list },
	{ "a new word", do_word }, { "fsync", do_fsync }, { "a snapshot", do_snapshot },
	{ "forget it", do_forget }, { "use a program", do_use }, { "search by it", do_search },
	{ "use none", do_use_none }, { "compact", do_compact }, { "rename", do_rename },
	{ "replace a bound file", do_replace }, { "unlink it", do_unlink }, { "mkdir", do_mkdir },
	{ "rmdir", do_rmdir }, { "syncfs", do_syncfs }, { "freeze", do_freeze },
	{ "thaw", do_thaw },
};

#define PATIENCE	30000		/* ms: that none of it ever takes */

static pid_t hung;			/* 0: none has */

/* Run it, in a process that may hang. */
static bool in_time(const char *what, int (*fn)(void))
{
	struct pollfd p;
	int result[2], err = -1;
	pid_t pid;

	fflush(stdout);
	if (pipe(result))
		die("pipe");
	pid = fork();
	if (!pid) {
		err = fn();
		if (write(result[1], &err, sizeof(err)) != sizeof(err))
			_exit(1);
		_exit(failed());
	}
	close(result[1]);
	p = (struct pollfd){ .fd = result[0], .events = POLLIN };
	if (poll(&p, 1, PATIENCE) != 1) {
		FAIL(true, "%s: hangs", what);
		kill(pid, SIGKILL);
		hung = pid;
		close(result[0]);
		return false;
	}
	if (read(result[0], &err, sizeof(err)) != sizeof(err))
		err = EPIPE;
	close(result[0]);
	waitpid(pid, NULL, 0);
	EXPECT(0, err, what);
	return true;
}

/* Everything that everybody else does, until something hangs. */
static void all_steps(void)
{
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!in_time(steps[i].what, steps[i].fn))
			break;
}

/* What has hung goes on when those are gone who were in its way. */
static void end_all(const pid_t *pid, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		end(pid[i]);
	if (!hung)
		return;
	waitpid(hung, NULL, 0);
	hung = 0;
	do_thaw();
}

/* A collection with records that have keys and words, a file with some, a snapshot. */
static void prepare(uint32_t n)
{
	struct vexfs_ioc_create create = {
		.size = sizeof(create), .dims = DIMS, .element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2, .attrs = 1,
		.attr = { { "word", VEXFS_ATTR_KEYWORD, 0 } },
	};
	struct vexfs_ioc_snapshot stays = {
		.size = sizeof(stays), .op = VEXFS_SNAPSHOT_CREATE, .name = "stays",
	};
	uint32_t i;
	int fd;

	memset(ones, 1, sizeof(ones));
	for (i = 0; i < MANY; i++) {
		numbers[i] = (1ULL << 40) + i;
		unbound[i].fd = -1;
	}
	coll = vx_directory(base, "c");
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_CREATE, &create), "create");
	EXPECT(0, do_word(), "a word");
	EXPECT(0, insert(coll, -1, 1, n), "insert");
	fd = make_file(path("c/bound"));
	EXPECT(0, insert(coll, fd, 1 << 22, 5), "bind");
	close(fd);
	close(make_file(path("c/plain")));
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SNAPSHOT, &stays), "snapshot");
}

static void test_others(void)
{
	pid_t pid[WAYS];
	uint64_t live, *ids;
	struct vexfs_ioc_info i;
	uint64_t before, after;
	size_t w;
	bool in;

	prepare(RECORDS);
	for (w = 0; w < WAYS; w++) {
		pid[w] = begin(&ways[w], &in);
		FAIL(!in, "%s: does not wait", ways[w].what);
	}
	all_steps();
	end_all(pid, WAYS);
	EXPECT(0, vx_info(coll, &i), "info");
	live = RECORDS + 9;
	FAIL(i.live != live, "%llu live, not %" PRIu64, i.live, live);
	close(coll);

	/* what compaction has replaced is given back, whoever is in the middle of it */
	coll = vx_collection(base, "big", DIMS, VEXFS_METRIC_L2, 0);
	ids = calloc(MANY, sizeof(*ids));
	for (w = 0; w < MANY; w++)
		ids[w] = w;
	EXPECT(0, insert(coll, -1, 0, MANY), "insert");
	before = bytes_free();
	pid[0] = begin(&(struct one){ "list", bad_list, 0 }, &in);
	FAIL(!in, "list: does not wait");
	EXPECT(0, vx_delete(coll, MANY - RECORDS, ids + RECORDS, NULL), "delete");
	in_time("compact", do_compact);
	after = bytes_free();
	FAIL(after < before + MANY / 2 * sizeof(struct vexfs_record),
	     "%" PRIu64 " bytes free, %" PRIu64 " after compaction", before, after);
	in_time("drop", do_drop);
	end_all(pid, 1);
	free(ids);
	close(coll);
}

/* --- worker --- */

#define SLOW_DIMS	512
#define SLOW_ROWS	6000
#define QUICK_ROWS	9000		/* the worker makes lists of so many */

static int big_collection(const char *name, uint32_t dims, uint32_t rows)
{
	int fd = vx_collection(base, name, dims, VEXFS_METRIC_L2, 0);
	float *v = malloc((size_t)rows * dims * sizeof(*v));
	uint64_t *ids = malloc(rows * sizeof(*ids));
	uint32_t i;

	for (i = 0; i < rows; i++) {
		ids[i] = i;
		make_row(v + (size_t)i * dims, dims, SEED, i);
	}
	EXPECT(0, vx_insert(fd, rows, dims, v, ids, NULL, NULL, NULL), "insert");
	free(v);
	free(ids);
	return fd;
}

static void any_search(int fd, uint32_t dims, uint32_t method, uint32_t timeout_us)
{
	static float v[SLOW_DIMS] = { 1 };
	struct vexfs_ioc_search s = {
		.size = sizeof(s), .k = 1, .vector_bytes = dims * 4, .vector = PTR(v),
		.hits = PTR(hits), .method = method, .timeout_us = timeout_us,
	};

	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_SEARCH, &s), "search");
}

static void test_worker(void)
{
	int slow = big_collection("slow", SLOW_DIMS, SLOW_ROWS),
	    quick = big_collection("quick", DIMS, QUICK_ROWS), i;
	struct vexfs_ioc_info info;
	pid_t pid;

	write_to(GROUP "cpu.max", "10000 100000");
	fflush(stdout);
	pid = fork();
	if (!pid) {			/* begins to make codes */
		write_to(GROUP "cgroup.procs", "0");
		any_search(slow, SLOW_DIMS, VEXFS_METHOD_AUTO, VEXFS_MAX_TIMEOUT_US);
		_exit(0);
	}
	for (i = 0; i < 600; i++) {
		EXPECT(0, vx_info(slow, &info), "info");
		if (info.codes != VEXFS_CODES_NONE)
			break;
		usleep(100000);
	}
	write_to(GROUP "cpu.max", "1000 100000");
	FAIL(info.codes != VEXFS_CODES_PART, "the slow one is not in the middle of it: %u", info.codes);
	/* wants tables: so there is something for the worker to do, but for the codes */
	any_search(slow, SLOW_DIMS, VEXFS_METHOD_LSH, VEXFS_MAX_TIMEOUT_US);
	sleep(1);
	any_search(quick, DIMS, VEXFS_METHOD_AUTO, VEXFS_MAX_TIMEOUT_US);
	for (i = 0; i < 30; i++) {
		EXPECT(0, vx_info(quick, &info), "info");
		if (info.lists)
			break;
		sleep(1);
	}
	FAIL(!info.lists, "the worker has made no lists of the quick one");
	EXPECT(0, vx_info(slow, &info), "info");
	FAIL(info.codes != VEXFS_CODES_PART, "the slow one was not slow: %u", info.codes);
	end(pid);
	write_to(GROUP "cpu.max", "max 100000");
	close(slow);
	close(quick);
}

/* --- charge --- */

static uint64_t charged(void)
{
	FILE *f = fopen(GROUP "memory.stat", "re");
	uint64_t n = ~0ULL;
	char line[80];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "kernel %" SCNu64, &n);
	if (n == ~0ULL)
		die("memory.stat");
	fclose(f);
	return n;
}

#define SO_MANY	16

/* What so many of them hold. */
static uint64_t held(const struct one *w)
{
	pid_t pid[SO_MANY];
	uint64_t bytes;
	bool in;
	int i;

	for (i = 0; i < SO_MANY; i++) {
		pid[i] = begin(w, &in);
		FAIL(!in, "%s: does not wait", w->what);
	}
	bytes = charged();
	for (i = 0; i < SO_MANY; i++)
		end(pid[i]);
	return bytes;
}

static void test_charge(void)
{
	uint64_t without, with;
	size_t w;

	prepare(RECORDS);
	held(&ways[0]);			/* what is made once, as the collection's, is there */
	without = held(&ways[0]);
	for (w = 1; w < WAYS; w++) {
		if (ways[w].bytes < 32768)	/* is lost in what each process takes */
			continue;
		with = held(&ways[w]);
		FAIL(with < without + SO_MANY * ways[w].bytes * 3 / 4,
		     "%s: %d of them hold %zu each, but only %" PRId64 " are charged", ways[w].what,
		     SO_MANY, ways[w].bytes, (int64_t)(with - without));
	}
	close(coll);
}

/* --- exhaust --- */

static uint64_t available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t n = ~0ULL;
	char line[80];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %" SCNu64, &n);
	if (n == ~0ULL)
		die("meminfo");
	fclose(f);
	return n << 10;
}

#define LIMIT	(24u << 20)

static void test_exhaust(void)
{
	pid_t pid[2 * WAYS * 4];
	uint64_t before, after;
	int waiting = 0;
	size_t i, n = sizeof(pid) / sizeof(pid[0]);
	bool in;

	prepare(RECORDS);
	write_to(GROUP "memory.max", "25165824");
	before = available();
	for (i = 0; i < n; i++) {	/* the largest calls, by turns, and each of the others */
		pid[i] = begin(&ways[i % 2 ? 1 : i / 2 % WAYS], &in);
		waiting += in;
	}
	after = available();
	FAIL(waiting == (int)n, "all of them have got what they wanted");
	FAIL(before > after + 2 * LIMIT, "%" PRIu64 " MiB are gone", (before - after) >> 20);
	all_steps();
	end_all(pid, n);
	write_to(GROUP "memory.max", "max");
	close(coll);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "others", test_others }, { "worker", test_worker }, { "charge", test_charge }, { "exhaust", test_exhaust },
	};

	return run_test(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
