// SPDX-License-Identifier: GPL-2.0
/*
 * Who finds records that are bound to files: those who may read these.
 *
 *	readers readers DIR	users, groups, modes, capabilities, user namespaces; chmod and chown
 *	readers few DIR		a user who may read one file in a hundred
 *	readers idmap DIR	the same, through an idmapped mount
 *	readers secrets DIR	what searches and words tell of records that the caller may not see
 *	readers lost DIR	the same after a mount, of a file that secrets has removed
 *
 * DIR is a directory of VexFS in which collections are made.  Exit code 0, or 1 after a line per
 * failure.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "bound.h"

/* --- readers --- */

#define READ_FILES	60
#define READ_EACH	3

/* The truth is what open(2) says. */
static void can_read(int coll, const char *dir, const char *who)
{
	struct vexfs_item items[READ_FILES * READ_EACH + 1];
	struct vexfs_ioc_list l = {
		.size = sizeof(l), .n = READ_FILES * READ_EACH + 1, .items = PTR(items),
	};
	bool may[READ_FILES], was[READ_FILES * READ_EACH] = {};
	struct vexfs_ioc_search s;
	unsigned int i, n = 0;
	char p[4200];
	float v[DIMS];
	int fd, err;

	for (i = 0; i < READ_FILES; i++) {
		snprintf(p, sizeof(p), "%s/%u", dir, i);
		fd = open(p, O_RDONLY);
		if (fd < 0 && errno != EACCES)
			die(p);
		may[i] = fd >= 0;
		n += may[i];
		close(fd);
	}
	make_row(v, DIMS, SEED, 1);
	EXPECT(0, vx_search(coll, MAX_K, DIMS, v, hits, &s), who);
	FAIL(s.n != n * READ_EACH, "%s: %u hits, not %u", who, s.n, n * READ_EACH);
	for (i = 0; i < s.n; i++) {
		FAIL(!may[hits[i].id / READ_EACH], "%s: %llu is found", who, hits[i].id);
		was[hits[i].id] = true;
	}
	for (i = 0; i < READ_FILES * READ_EACH; i++) {
		struct vexfs_ioc_search by = {
			.size = sizeof(by), .k = 1, .flags = VEXFS_SEARCH_BY_ID, .id = i,
			.hits = PTR(hits),
		};
		int want = may[i / READ_EACH] ? 0 : ENOENT;

		FAIL(was[i] != may[i / READ_EACH], "%s: %u is not found", who, i);
		err = vx_get(coll, i, DIMS, v, NULL);
		FAIL(err != want, "%s: get of %u: %s", who, i, error_name(err));
		err = vx_ioctl(coll, VEXFS_IOC_SEARCH, &by);
		FAIL(err != want || (!err && by.n != 1), "%s: more like %u: %s", who, i,
		     error_name(err));
	}
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_LIST, &l), who);
	FAIL(l.n != n * READ_EACH, "%s: %u listed, not %u", who, l.n, n * READ_EACH);
	for (i = 0; i < l.n; i++)
		FAIL(!may[items[i].id / READ_EACH], "%s: %llu is listed", who, items[i].id);
}

static struct {
	int coll;
	const char *dir, *who;
	unsigned int caps;		/* to keep; ~0: all */
	bool userns;
} reader;

static void drop_caps(unsigned int keep)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { .effective = keep, .permitted = keep } };

	if (syscall(SYS_capset, &h, d))
		die("capset");
}

static void write_file(const char *p, const char *text)
{
	int fd = open(p, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(p);
	close(fd);
}

static void read_as(void *arg)
{
	unsigned int uid = getuid(), gid = getgid();
	char map[64];

	(void)arg;
	if (reader.userns) {		/* root of a namespace in which only we are mapped */
		snprintf(map, sizeof(map), "0 %u 1", uid);
		prctl(PR_SET_DUMPABLE, 1);
		if (unshare(CLONE_NEWUSER))
			die("unshare");
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %u 1", gid);
		write_file("/proc/self/gid_map", map);
	}
	if (reader.caps != ~0u)
		drop_caps(reader.caps);
	can_read(reader.coll, reader.dir, reader.who);
}

/* Everybody, in a directory of READ_FILES files that may come through another mount. */
static void all_readers(int coll, const char *dir, unsigned int shift)
{
	static const struct {
		const char *who;
		uid_t uid;
		gid_t gid;
		size_t n;
		gid_t groups[2];
	} user[] = {
		{ "root", 0, 0, 0, {} },
		{ "user 1001", 1001, 2001, 0, {} },
		{ "user 1002", 1002, 2002, 0, {} },
		{ "user 1002 with a group", 1002, 2002, 1, { 2001 } },
		{ "user 1003 with two groups", 1003, 2003, 2, { 2001, 2002 } },
		{ "a stranger", 9999, 9999, 0, {} },
	};
	static const unsigned int caps[] = {
		0, 1 << CAP_DAC_OVERRIDE, 1 << CAP_DAC_READ_SEARCH, ~(1u << CAP_DAC_OVERRIDE |
		1u << CAP_DAC_READ_SEARCH | 1u << 31),
	};
	unsigned int i, k;
	gid_t groups[2];

	reader.coll = coll;
	reader.dir = dir;
	for (i = 0; i < sizeof(user) / sizeof(user[0]); i++) {
		reader.who = user[i].who;
		for (k = 0; k < user[i].n; k++)
			groups[k] = user[i].groups[k] + shift;
		reader.caps = ~0u;
		for (k = 0; k < 2; k++) {
			reader.userns = k;
			as(user[i].uid + shift, user[i].gid + shift, user[i].n, groups, read_as,
			   NULL);
		}
		reader.userns = false;
	}
	reader.who = "root with few capabilities";
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		reader.caps = caps[i];
		as(0, 0, 0, NULL, read_as, NULL);
	}
}

static int read_collection(const char *name)
{
	int coll = collection(name), fd, i;

	for (i = 0; i < READ_FILES; i++) {
		fd = make_file(path("%s/%d", name, i));
		EXPECT(0, insert(coll, fd, i * READ_EACH, READ_EACH), "insert");
		close(fd);
	}
	return coll;
}

/* Owners, groups and modes of all kinds, other ones in every round. */
static void mix(const char *name, uint64_t *seed)
{
	int i;

	for (i = 0; i < READ_FILES; i++) {
		uint64_t r = random64(seed);

		if ((r & 7) == 7)
			continue;
		if (chown(path("%s/%d", name, i), r >> 8 & 3 ? 1000 + (r >> 8 & 3) : 0,
			  r >> 16 & 3 ? 2000 + (r >> 16 & 3) : 0) ||
		    chmod(path("%s/%d", name, i), r >> 24 & 0777))
			die("chown");
	}
}

static void test_readers(void)
{
	int coll = read_collection("c"), i;
	uint64_t seed = 11;

	for (i = 0; i < 3; i++) {
		mix("c", &seed);
		all_readers(coll, path("c"), 0);
	}
	/* one that is gone is gone for root too */
	unlink(path("c/7"));
	FAIL(found(coll, 7 * READ_EACH), "gone");
	close(coll);
}

/* --- few --- */

#define FEW_FILES	400
#define FEW_EACH	10

static void few(void *arg)
{
	int coll = *(int *)arg;
	unsigned int i, k, flags;
	float v[DIMS];

	for (i = 0; i < 20; i++)
		for (flags = 0; flags <= VEXFS_SEARCH_EXACT; flags += VEXFS_SEARCH_EXACT) {
			struct vexfs_ioc_search s = {
				.size = sizeof(s), .flags = flags, .k = 40,
				.vector_bytes = DIMS * 4, .vector = PTR(v), .hits = PTR(hits),
				.timeout_us = VEXFS_MAX_TIMEOUT_US,
			};

			make_row(v, DIMS, SEED, i * 7);
			EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "search");
			FAIL(s.n != 40 || s.truncated, "%u hits, truncated %x", s.n, s.truncated);
			for (k = 0; k < s.n; k++)
				FAIL(hits[k].id / FEW_EACH % 100 != 57, "%llu is found",
				     hits[k].id);
		}
}

/* One that may not look cannot open the collection, but an open one may have been handed over. */
static void one_change(void *arg)
{
	int coll = *(int *)arg;

	FOUND(coll, 1, READ_EACH);
	FAIL(!found(coll, 1), "1");
}

static void no_change(void *arg)
{
	FOUND(*(int *)arg, 1, 0);
}

static void test_few(void)
{
	int coll = collection("c"), one, fd, i;

	for (i = 0; i < FEW_FILES; i++) {
		fd = make_file(path("c/%d", i));
		if (fchmod(fd, i % 100 == 57 ? 0604 : 0660))
			die("fchmod");
		EXPECT(0, insert(coll, fd, i * FEW_EACH, FEW_EACH), "insert");
		close(fd);
	}
	as(1001, 1001, 0, NULL, few, &coll);
	close(coll);

	/* between two searches */
	one = collection("one");
	fd = make_file(path("one/f"));
	EXPECT(0, insert(one, fd, 1, READ_EACH), "insert");
	as(1001, 1001, 0, NULL, one_change, &one);
	fchmod(fd, 0600);
	as(1001, 1001, 0, NULL, no_change, &one);
	fchown(fd, 1001, 5);
	as(1001, 1001, 0, NULL, one_change, &one);
	fchmod(fd, 0040);
	as(1001, 5, 0, NULL, no_change, &one);
	as(1002, 5, 0, NULL, one_change, &one);
	fchown(fd, 1001, 6);
	as(1002, 5, 0, NULL, no_change, &one);
	fchown(fd, 1002, 6);
	as(1001, 6, 0, NULL, one_change, &one);
	fchmod(fd, 0666);
	as(1001, 1001, 0, NULL, one_change, &one);
	close(fd);
	close(one);
}

/* --- secrets, lost --- */

#define SECRET_EACH	300
#define SECRET_FROM	1000		/* attribute n of those of the closed file */

static const char *const secret_words[] = { "alpha", "beta", "gamma", "delta" };

/* What a search for n < less (or not) tells. */
struct told {
	struct vexfs_ioc_search s;
	struct vexfs_search_trace t;
};

static struct told tell(int coll, uint32_t flags, uint64_t max_visits, int64_t less, bool not)
{
	struct vexfs_predicate_node node[2] = {
		{ .op = VEXFS_PRED_LT, .value = less }, { .op = VEXFS_PRED_NOT },
	};
	struct told told = { .t.size = sizeof(told.t) };
	float v[DIMS];

	make_row(v, DIMS, SEED, 1);
	told.s = (struct vexfs_ioc_search){
		.size = sizeof(told.s), .flags = flags, .k = 10, .vector = PTR(v),
		.vector_bytes = DIMS * 4, .hits = PTR(hits), .where = PTR(node),
		.where_nodes = 1 + not, .max_visits = max_visits, .trace = PTR(&told.t),
		.timeout_us = VEXFS_MAX_TIMEOUT_US,
	};
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &told.s), "search");
	/* what is not told, or tells nothing */
	told.s.where = told.s.where_nodes = 0;
	told.s.vector = told.s.trace = 0;
	memset(told.t.ns, 0, sizeof(told.t.ns));
	return told;
}

/* The codes of secret_words, or 0; and, a bit each, which of those of the codes 1 .. 3 are told. */
static uint32_t known(int coll, int64_t *codes)
{
	char bytes[4 * VEXFS_MAX_KEY] = "alphabetagammadelta", want[VEXFS_MAX_KEY] = "";
	uint8_t lens[4] = { 5, 4, 5, 5 };
	struct vexfs_ioc_intern in = {
		.size = sizeof(in), .flags = VEXFS_INTERN_LOOKUP, .attr = 1, .n = 4,
		.words = PTR(bytes), .lens = PTR(lens), .word_bytes = 19, .codes = PTR(codes),
	};
	struct vexfs_ioc_words words = {
		.size = sizeof(words), .attr = 1, .n = 4, .first = 1, .words = PTR(bytes),
		.lens = PTR(lens), .word_bytes = sizeof(bytes),
	};
	uint32_t i, told = 0;

	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INTERN, &in), "look up");
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_WORDS, &words), "words");
	FAIL(words.n != 3 || words.total != 3, "%u words of %llu", words.n, words.total);
	for (i = 0; i < words.n; i++)
		if (lens[i]) {
			told |= 1 << i;
			strcat(want, secret_words[i]);
		}
	FAIL(words.word_bytes != strlen(want) || memcmp(bytes, want, strlen(want)),
	     "the words are wrong");
	return told;
}

/* Who may not see the records of the closed file, learns nothing of them. */
static void untold(void *arg)
{
	static const uint64_t budget[] = { 0, 1, 100, 450, 10000 };
	static const uint32_t flags[] = { 0, VEXFS_SEARCH_EXACT, VEXFS_SEARCH_BUILTIN };
	int coll = *(int *)arg;
	struct told some, none;
	int64_t codes[4];
	uint32_t i, k;

	for (i = 0; i < sizeof(budget) / sizeof(*budget); i++)
		for (k = 0; k < sizeof(flags) / sizeof(*flags); k++) {
			some = tell(coll, flags[k], budget[i], SECRET_FROM, true);
			none = tell(coll, flags[k], budget[i], -5, false);
			FAIL(some.s.n || some.t.matches != VEXFS_MATCHES_UNTOLD,
			     "%u hits, %llu matches", some.s.n, some.t.matches);
			FAIL(memcmp(&some, &none, sizeof(some)),
			     "budget %llu, flags %u: %llu visited, not %llu; truncated %x, not %x",
			     (unsigned long long)budget[i], flags[k], some.s.visited,
			     none.s.visited, some.s.truncated, none.s.truncated);
			some = tell(coll, flags[k], 0, SECRET_FROM, false);
			FAIL(some.s.n != 10, "%u hits of those that may be seen", some.s.n);
		}
	i = known(coll, codes);
	FAIL(i != 1, "words %x", i);
	FAIL(codes[0] != 1 || codes[1] || codes[2] || codes[3], "codes %lld %lld %lld %lld",
	     (long long)codes[0], (long long)codes[1], (long long)codes[2], (long long)codes[3]);
}

/* And who may is told. */
static void told(void *arg)
{
	int coll = *(int *)arg;
	int64_t codes[4];
	struct told t = tell(coll, 0, 0, SECRET_FROM, true);
	uint32_t i = known(coll, codes);

	FAIL(t.t.matches != SECRET_EACH, "%llu matches", t.t.matches);
	FAIL(i != 7 || codes[0] != 1 || codes[1] != 2 || codes[2] != 3 || codes[3],
	     "words %x", i);
}

static void test_secrets(void)
{
	struct vexfs_ioc_create create = {
		.size = sizeof(create), .dims = DIMS, .element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2, .attrs = 2,
		.attr = { { "n", VEXFS_ATTR_INT, 0 }, { "word", VEXFS_ATTR_KEYWORD, 0 } },
	};
	char bytes[] = "alphabetagamma";
	uint8_t lens[] = { 5, 4, 5 };
	static float rows[SECRET_EACH][DIMS];
	static int64_t attrs[SECRET_EACH][2];
	static uint64_t ids[SECRET_EACH];
	static struct vexfs_bind bind[SECRET_EACH];
	int64_t codes[3];
	struct vexfs_ioc_intern in = {
		.size = sizeof(in), .attr = 1, .n = 3, .words = PTR(bytes), .lens = PTR(lens),
		.word_bytes = sizeof(bytes) - 1, .codes = PTR(codes),
	};
	struct vexfs_ioc_insert insert = {
		.size = sizeof(insert), .n = SECRET_EACH, .row_bytes = DIMS * 4, .rows = PTR(rows),
		.ids = PTR(ids), .attrs = PTR(attrs), .binds = PTR(bind),
	};
	int coll = vx_directory(base, "c"), round, i, fd;
	bool closed;

	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_CREATE, &create), "create");
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INTERN, &in), "intern");
	for (round = 0; round < 3; round++) {	/* so few of the closed one that nothing is compacted */
		closed = round == 2;
		fd = make_file(path(closed ? "c/closed" : "c/open"));
		for (i = 0; i < SECRET_EACH; i++) {
			ids[i] = (closed ? SECRET_FROM : round * SECRET_EACH) + i;
			make_row(rows[i], DIMS, SEED, ids[i]);
			attrs[i][0] = ids[i];
			attrs[i][1] = 1 + (closed && i);	/* one of them has a word of both */
			bind[i].fd = fd;
		}
		if (closed && fchmod(fd, 0600))
			die("fchmod");
		EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INSERT, &insert), "insert");
		close(fd);
	}
	told(&coll);
	as(1001, 1001, 0, NULL, untold, &coll);
	chmod(path("c/closed"), 0644);
	as(1001, 1001, 0, NULL, told, &coll);
	chmod(path("c/closed"), 0600);
	as(1001, 1001, 0, NULL, untold, &coll);
	unlink(path("c/closed"));
	as(1001, 1001, 0, NULL, untold, &coll);
	if (fsync(coll))
		die("fsync");
	as(1001, 1001, 0, NULL, untold, &coll);
	told(&coll);
	close(coll);
}

static void test_lost(void)
{
	int coll = vx_directory(base, "c");

	as(1001, 1001, 0, NULL, untold, &coll);
	told(&coll);
	close(coll);
}

/* --- idmap --- */

#define SHIFT	100000

/* A user namespace in which 0 .. 65535 are SHIFT and so on. */
static int shifted_userns(void)
{
	char p[64], c = 0;
	int fd, ready[2];
	pid_t pid;

	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], &c, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		die("unshare");
	snprintf(p, sizeof(p), "/proc/%d/uid_map", pid);
	write_file(p, "0 100000 65536");
	snprintf(p, sizeof(p), "/proc/%d/gid_map", pid);
	write_file(p, "0 100000 65536");
	snprintf(p, sizeof(p), "/proc/%d/ns/user", pid);
	fd = open(p, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	return fd;
}

static void test_idmap(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int coll = read_collection("c"), tree, shifted, fd, i;
	uint64_t seed = 12;

	close(coll);
	attr.userns_fd = shifted_userns();
	tree = open_tree(AT_FDCWD, base, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	mkdir("/tmp/idmapped", 0755);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ||
	    move_mount(tree, "", AT_FDCWD, "/tmp/idmapped", MOVE_MOUNT_F_EMPTY_PATH))
		die("an idmapped mount");
	close(tree);
	coll = open(path("c"), O_RDONLY);
	shifted = open("/tmp/idmapped/c", O_RDONLY);
	if (coll < 0 || shifted < 0)
		die("c");
	for (i = 0; i < 2; i++) {
		mix("c", &seed);
		all_readers(shifted, "/tmp/idmapped/c", SHIFT);
		all_readers(shifted, "/tmp/idmapped/c", 0);
		all_readers(coll, path("c"), SHIFT);
		all_readers(coll, path("c"), 0);
	}
	/* binding through it */
	fd = open("/tmp/idmapped/c/1", O_RDONLY);
	EXPECT(0, insert(coll, fd, 5000, 1), "a file that was opened through the other mount");
	EXPECT(0, insert(shifted, fd, 5001, 1), "and both");
	close(fd);
	unlink("/tmp/idmapped/c/1");
	FAIL(found(coll, 5000) || found(shifted, 5001), "unlinked through the other mount");
	close(coll);
	close(shifted);
	if (umount("/tmp/idmapped"))
		die("umount");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "readers", test_readers }, { "few", test_few }, { "idmap", test_idmap },
		{ "secrets", test_secrets }, { "lost", test_lost },
	};

	return run_test(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
