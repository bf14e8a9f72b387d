// SPDX-License-Identifier: GPL-2.0
/*
 * Records that are bound to files.
 *
 *	files bind DIR		bindings as they come back, and what cannot be bound
 *	files vanish DIR	unlink, hard links, rename over, numbers used again
 *	files race DIR		unlink beside queries and inserts
 *	files stale DIR		what makes a record stale, and what does not
 *	files move DIR		between collections and within one
 *	files paths DIR		where files are
 *	files spread DIR	not too many hits of one file
 *	files fill DIR		make a collection with files ...
 *	files check DIR		... that must be right after umount and mount
 *
 * DIR is a directory of VexFS in which collections are made.  Exit code 0, or 1 after a line per
 * failure.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bound.h"

/* --- bind --- */

static void bad_fd(int coll, const char *what, int fd, int want)
{
	uint64_t bad = 7;

	EXPECT(want, insert_flags(coll, fd, 1000, 1, 0, &bad), what);
	FAIL(bad != 0, "%s: bad is %llu", what, (unsigned long long)bad);
}

static void test_bind(void)
{
	int coll = collection("c"), other = collection("other"), fd, fd2, f, s[2], i;
	struct vexfs_bind bind[3] = {};
	struct vexfs_ioc_insert a;
	struct vexfs_ioc_get g;
	float rows[3 * DIMS];
	uint64_t ids[3] = { 1, 2, 3 };

	fd = make_file(path("c/doc"));
	mkdir(path("c/sub"), 0755);
	fd2 = make_file(path("c/sub/doc"));
	for (i = 0; i < 3; i++)
		make_row(rows + i * DIMS, DIMS, SEED, ids[i]);
	bind[0] = (struct vexfs_bind){ .fd = fd, .off = 1ULL << 40, .len = ~0u };
	bind[1] = (struct vexfs_bind){ .fd = -1 };
	bind[2] = (struct vexfs_bind){ .fd = fd2, .off = 12, .len = 34 };
	a = (struct vexfs_ioc_insert){
		.size = sizeof(a), .n = 3, .row_bytes = DIMS * 4, .rows = PTR(rows),
		.ids = PTR(ids), .binds = PTR(bind),
	};
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_INSERT, &a), "insert");
	for (i = 0; i < 3; i++) {
		struct vexfs_bind b = bind[i];
		uint64_t file = b.fd < 0 ? 0 : ino_of(b.fd);
		uint32_t flags = b.fd < 0 ? 0 : VEXFS_ITEM_BOUND;

		search(coll, ids[i]);
		FAIL(hits[0].id != ids[i] || hits[0].file != file || hits[0].file_off != b.off ||
		     hits[0].file_len != b.len || hits[0].flags != flags,
		     "hit %llu: file %llu [%llu, %u] flags %x", hits[0].id, hits[0].file,
		     hits[0].file_off, hits[0].file_len, hits[0].flags);
		EXPECT(0, vx_get(coll, ids[i], DIMS, rows, &g), "get");
		FAIL(g.item.file != file || g.item.file_off != b.off || g.item.file_len != b.len ||
		     g.item.flags != flags, "item %llu: file %llu [%llu, %u] flags %x", g.item.id,
		     g.item.file, g.item.file_off, g.item.file_len, g.item.flags);
	}

	/* what cannot be bound */
	bad_fd(coll, "no file descriptor", 999, EBADF);
	bad_fd(coll, "a negative one", -2, EBADF);
	f = open(path("c/doc"), O_PATH);
	bad_fd(coll, "O_PATH", f, EBADF);
	close(f);
	bad_fd(coll, "closed", f, EBADF);
	f = open(path("c/doc"), O_WRONLY);
	bad_fd(coll, "write-only", f, EBADF);
	close(f);
	bad_fd(coll, "a directory", coll, EBADF);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		die("socketpair");
	bad_fd(coll, "a socket", s[0], EBADF);
	f = open("/dev/null", O_RDONLY);
	bad_fd(coll, "a device", f, EBADF);
	close(f);
	f = open("/tmp/elsewhere", O_RDWR | O_CREAT, 0600);
	bad_fd(coll, "another filesystem", f, EXDEV);
	close(f);
	unlink("/tmp/elsewhere");
	f = make_file(path("outside"));
	bad_fd(coll, "outside of collections", f, EXDEV);
	close(f);
	f = make_file(path("other/doc"));
	bad_fd(coll, "another collection", f, EXDEV);
	EXPECT(0, insert(other, f, 1, 1), "its own collection");
	close(f);
	f = make_file(path("c/unlinked"));
	unlink(path("c/unlinked"));
	bad_fd(coll, "unlinked", f, ENOENT);
	close(f);
	f = open(path("c"), O_TMPFILE | O_RDWR, 0600);
	bad_fd(coll, "O_TMPFILE", f, ENOENT);
	close(f);
	bind[1].len = 1;
	EXPECT(EINVAL, vx_ioctl(coll, VEXFS_IOC_INSERT, &a), "no file, but a range");
	FAIL(a.bad != 1, "bad is %llu", a.bad);
	bind[1].len = 0;
	bind[2].off = ~0ULL;
	EXPECT(EINVAL, vx_ioctl(coll, VEXFS_IOC_INSERT, &a), "a range beyond all files");
	FAIL(a.bad != 2, "bad is %llu", a.bad);
	bind[2].off = 0;
	a.binds = 8;
	EXPECT(EFAULT, vx_ioctl(coll, VEXFS_IOC_INSERT, &a), "a wild pointer");
	info(coll, 3, "after all that");
	EXPECT(0, insert(coll, fd, 10, 1), "another one");
}

/* --- vanish --- */

static void test_vanish(void)
{
	int coll = collection("c"), fd, fd2, i;
	struct vexfs_ioc_get g;
	uint64_t id, bad, ino;
	float row[DIMS];

	EXPECT(0, insert(coll, -1, 1, 5), "insert");
	fd = make_file(path("c/a"));
	EXPECT(0, insert(coll, fd, 100, 50), "insert");
	FOUND(coll, 100, 55);
	info(coll, 55, "all");
	if (unlink(path("c/a")))
		die("unlink");
	FOUND(coll, 1, 5);
	info(coll, 5, "unlinked");
	EXPECT(ENOENT, vx_get(coll, 100, DIMS, row, &g), "get of a record whose file is gone");
	id = 101;
	EXPECT(ENOENT, vx_delete(coll, 1, &id, &bad), "delete of one");
	close(fd);
	FOUND(coll, 1, 5);
	EXPECT(0, insert(coll, -1, 100, 1), "its id is free");
	FOUND(coll, 100, 6);
	swept(coll, 6);
	FOUND(coll, 100, 6);

	/* a file with two names */
	fd = make_file(path("c/b"));
	EXPECT(0, insert(coll, fd, 200, 10), "insert");
	if (link(path("c/b"), path("c/b2")) || unlink(path("c/b")))
		die("link");
	FOUND(coll, 200, 16);
	close(fd);
	FOUND(coll, 200, 16);
	unlink(path("c/b2"));
	FOUND(coll, 1, 6);

	/* renamed over; renamed, then unlinked */
	fd = make_file(path("c/d"));
	fd2 = make_file(path("c/e"));
	EXPECT(0, insert(coll, fd, 300, 10), "insert");
	EXPECT(0, insert(coll, fd2, 400, 20), "insert");
	FOUND(coll, 300, 36);
	if (rename(path("c/e"), path("c/d")))
		die("rename");
	FOUND(coll, 400, 36);
	FAIL(!found(coll, 300) || hits[0].file != ino_of(fd2) ||
		     !(hits[0].flags & VEXFS_ITEM_STALE),
	     "the one that was renamed over has no heir");
	if (rename(path("c/d"), path("c/f")))
		die("rename");
	FOUND(coll, 400, 36);
	close(fd);
	close(fd2);
	unlink(path("c/f"));
	FOUND(coll, 1, 6);

	/* upsert: to another file, and away from one */
	fd = make_file(path("c/g"));
	fd2 = make_file(path("c/h"));
	EXPECT(0, insert(coll, fd, 500, 10), "insert");
	EXPECT(0, insert_flags(coll, fd2, 500, 5, VEXFS_INSERT_UPSERT, NULL), "upsert");
	EXPECT(0, insert_flags(coll, -1, 505, 2, VEXFS_INSERT_UPSERT, NULL), "upsert");
	unlink(path("c/g"));
	FOUND(coll, 500, 6 + 7);
	unlink(path("c/h"));
	FOUND(coll, 505, 6 + 2);
	close(fd);
	close(fd2);
	swept(coll, 8);

	/* the number is used again, by a file of another generation */
	for (i = 0, ino = 0; i < 20; i++) {
		fd = make_file(path("c/again"));
		FAIL(i && ino != ino_of(fd),
		     "this test needs the number of an inode to be used again");
		ino = ino_of(fd);
		EXPECT(0, insert(coll, fd, 600 + i, 1), "insert");
		FOUND(coll, 600 + i, 9);
		close(fd);
		unlink(path("c/again"));
		FOUND(coll, 505, 8);
		if (i % 3 == 0)
			sync();		/* numbers come back with a commit */
	}
	swept(coll, 8);
	FOUND(coll, 505, 8);

	/* an empty directory is empty, whatever is not swept yet */
	close(coll);
	coll = collection("d");
	fd = make_file(path("d/a"));
	EXPECT(0, insert(coll, fd, 1, 10), "insert");
	EXPECT(ENOTEMPTY, rmdir(path("d")) ? errno : 0, "rmdir of a full one");
	unlink(path("d/a"));
	EXPECT(0, rmdir(path("d")) ? errno : 0, "rmdir");
	close(fd);
	close(coll);
}

/* --- race --- */

#define RACE_FILES	40
#define RACE_EACH	8

static struct {
	int coll;
	atomic_uint unlinked;		/* files below it are gone */
	atomic_bool stop;
	atomic_uint queries;
} race;

static void *race_query(void *arg)
{
	struct vexfs_hit *h = malloc(MAX_K * sizeof(*h));
	struct vexfs_ioc_search s;
	uint64_t seed = (uintptr_t)arg;
	float v[DIMS];

	do {
		unsigned int gone = atomic_load(&race.unlinked), i;

		make_row(v, DIMS, SEED, random64(&seed) % (RACE_FILES * RACE_EACH));
		EXPECT(0, vx_search(race.coll, MAX_K, DIMS, v, h, &s), "search");
		FAIL(s.truncated, "truncated %x", s.truncated);
		for (i = 0; i < s.n; i++)
			FAIL(h[i].id / RACE_EACH < gone, "%llu is found, its file was gone before",
			     h[i].id);
		FAIL(s.n > (RACE_FILES - gone) * RACE_EACH, "%u records with %u files gone", s.n,
		     gone);
		atomic_fetch_add(&race.queries, 1);
	} while (!atomic_load(&race.stop));
	free(h);
	return NULL;
}

static void test_race(void)
{
	pthread_t thread[3];
	unsigned int i, before;
	int fd;

	race.coll = collection("race");
	for (i = 0; i < RACE_FILES; i++) {
		fd = make_file(path("race/%u", i));
		EXPECT(0, insert(race.coll, fd, i * RACE_EACH, RACE_EACH), "insert");
		close(fd);
	}
	for (i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, race_query, (void *)(uintptr_t)(i + 1)))
			die("pthread_create");
	for (i = 0; i < RACE_FILES; i++) {
		before = atomic_load(&race.queries);
		if (unlink(path("race/%u", i)))
			die("unlink");
		atomic_store(&race.unlinked, i + 1);
		while (atomic_load(&race.queries) < before + 3)
			usleep(100);
		if (i % 7 == 6 && fsync(race.coll))
			die("fsync");
	}
	atomic_store(&race.stop, true);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	swept(race.coll, 0);
	FOUND(race.coll, 1, 0);
}

/* --- stale --- */

static void test_stale(void)
{
	int coll = collection("c"), fd = make_file(path("c/a")), f, err;
	struct vexfs_item items[16];
	struct vexfs_ioc_list l = {
		.size = sizeof(l), .flags = VEXFS_LIST_STALE, .n = 4, .items = PTR(items),
	};
	struct timespec ts[2] = { { 1, 2 }, { 3, 4 } };
	uint64_t id = 1;
	char *p, c;

#define FRESH(what) ({ FAIL(flags_of(coll, id) != VEXFS_ITEM_BOUND, "%s: stale", what);		\
	FAIL(!found(coll, id) || hits[0].flags != VEXFS_ITEM_BOUND, "%s: hit is stale", what); })
#define STALE(what) ({										\
	FAIL(flags_of(coll, id) != (VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE),			\
	     "%s: not stale", what);								\
	FAIL(!found(coll, id) ||								\
	     hits[0].flags != (VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE),				\
	     "%s: hit is not stale", what); })
#define BIND(what) ({ EXPECT(0, insert(coll, fd, ++id, 1), what); FRESH(what); })

	EXPECT(0, insert(coll, fd, id, 1), "insert");
	FRESH("bound");
	err = fchmod(fd, 0600) ?: fchown(fd, 1, 2) ?: futimens(fd, ts);
	EXPECT(0, err ? errno : 0, "chmod, chown, utimes");
	FAIL(link(path("c/a"), path("c/b")) || unlink(path("c/b")) ||
		     rename(path("c/a"), path("c/z")) || rename(path("c/z"), path("c/a")),
	     "link, unlink, rename");
	FAIL(pread(fd, &c, 1, 0) != 1, "read");
	FRESH("metadata, and reading");

	FAIL(pwrite(fd, "x", 1, 3) != 1, "write");
	STALE("write");
	FAIL(pwrite(fd, "y", 1, 3) != 1, "write");
	STALE("write again");
	BIND("bound again");
	FAIL(flags_of(coll, id - 1) != (VEXFS_ITEM_BOUND | VEXFS_ITEM_STALE),
	     "the old one is stale");
	FAIL(ftruncate(fd, 5), "truncate");
	STALE("truncate");
	BIND("bound again");
	FAIL(ftruncate(fd, 5), "truncate");
	FRESH("truncate to the same size");
	FAIL(ftruncate(fd, 6000), "truncate");
	STALE("extend");
	BIND("bound again");
	f = open(path("c/a"), O_WRONLY | O_TRUNC);
	close(f);
	STALE("O_TRUNC");
	BIND("bound again");
	f = open(path("c/a"), O_WRONLY | O_APPEND);
	FAIL(write(f, "more", 4) != 4, "append");
	close(f);
	STALE("append");
	BIND("bound again");
	FAIL(posix_fallocate(fd, 0, 20000), "fallocate");
	STALE("fallocate beyond the end");

	BIND("bound again");
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap");
	c = *(volatile char *)p;
	FRESH("mapped and read");
	*(volatile char *)p = c + 1;
	STALE("a store into a mapping");
	BIND("bound with a mapping");
	*(volatile char *)p = c + 2;
	STALE("a store into a page that was dirty at binding");
	BIND("bound again");
	munmap(p, 8192);
	FRESH("unmapped");

	/* what is stale can be listed */
	EXPECT(0, insert(coll, -1, 1000, 2), "not bound");
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_LIST, &l), "list");
	FAIL(l.n != 4 || items[0].id != 1 || items[3].id != 4, "%u listed", l.n);
	l.n = 16;
	EXPECT(0, vx_ioctl(coll, VEXFS_IOC_LIST, &l), "list");
	FAIL(l.n != 4 || items[0].id != 5 || items[3].id != id - 1 ||
	     l.cursor != ~0ULL,
	     "%u listed, the first is %llu, the last %llu of %llu", l.n, items[0].id, items[3].id,
	     (unsigned long long)id);
}

/* --- move --- */

static void test_move(void)
{
	int a = collection("a"), b = collection("b"), fd, fd2;
	uint64_t id;

	mkdir(path("a/sub"), 0755);
	mkdir(path("a/sub2"), 0755);
	mkdir(path("plain"), 0755);
	fd = make_file(path("a/f"));
	DO(0, rename(path("a/f"), path("b/f")), "a file without records, to another collection");
	EXPECT(EXDEV, insert(a, fd, 1, 1), "it has left");
	EXPECT(0, insert(b, fd, 1, 1), "it belongs to the new one");
	DO(EXDEV, rename(path("b/f"), path("a/f")), "with a record");
	DO(EXDEV, rename(path("b/f"), path("plain/f")), "out of collections");
	DO(EXDEV, link(path("b/f"), path("a/f")), "link");
	DO(EXDEV, link(path("b/f"), path("plain/f")), "link, out of collections");
	fd2 = make_file(path("a/g"));
	DO(EXDEV, renameat2(AT_FDCWD, path("b/f"), AT_FDCWD, path("a/g"), RENAME_EXCHANGE),
	   "exchange");
	DO(EXDEV, renameat2(AT_FDCWD, path("a/g"), AT_FDCWD, path("b/f"), RENAME_EXCHANGE),
	   "exchange, the other way");
	DO(EXDEV, rename(path("b/f"), path("a/g")), "over another one");
	FOUND(b, 1, 1);
	DO(0, rename(path("a/g"), path("b/f")), "another one over it");
	FOUND(b, 1, 1);
	FAIL(hits[0].file != ino_of(fd2) || !(hits[0].flags & VEXFS_ITEM_STALE),
	     "whose record it has now");
	EXPECT(EXDEV, insert(a, fd2, 1, 1), "which has left");
	EXPECT(0, insert_flags(b, fd2, 1, 1, VEXFS_INSERT_UPSERT, NULL),
	       "and belongs to the new one");
	id = 1;
	EXPECT(0, vx_delete(b, 1, &id, NULL), "delete");
	DO(0, rename(path("b/f"), path("a/f")), "its record is deleted");
	EXPECT(0, insert(a, fd2, 1, 1), "it belongs there");

	/* within the collection */
	DO(0, rename(path("a/f"), path("a/sub/f")), "into a directory of the collection");
	DO(EXDEV, rename(path("a/sub/f"), path("b/f")), "from there to another collection");
	DO(EXDEV, rename(path("a/sub/f"), path("plain/f")), "and out");
	DO(EXDEV, rename(path("a/sub"), path("plain/sub")), "with its directory");
	DO(0, rename(path("a/sub"), path("a/sub2/sub")), "the directory, within");
	DO(0, link(path("a/sub2/sub/f"), path("a/f")), "link within");
	FOUND(a, 1, 1);
	close(fd2);
	unlink(path("a/f"));
	FOUND(a, 1, 1);
	unlink(path("a/sub2/sub/f"));
	FOUND(a, 1, 0);

	/* to a full name: the file may go again when its records are gone */
	close(fd);
	fd = make_file(path("plain/h"));
	EXPECT(EXDEV, insert(a, fd, 9, 1), "outside");
	DO(0, rename(path("plain/h"), path("a/h")), "into a collection");
	EXPECT(0, insert(a, fd, 9, 1), "inside");
	DO(EXDEV, rename(path("a/h"), path("plain/h")), "out again");
	FOUND(a, 9, 1);
	id = 9;
	EXPECT(0, vx_delete(a, 1, &id, NULL), "delete");
	DO(0, rename(path("a/h"), path("plain/h")), "out again, without records");
	close(fd);

	/* names in several collections: it belongs to none, until one is left */
	fd = make_file(path("a/i"));
	DO(0, link(path("a/i"), path("b/i")), "link without records");
	EXPECT(EXDEV, insert(a, fd, 1, 1), "two collections");
	EXPECT(EXDEV, insert(b, fd, 1, 1), "two collections");
	unlink(path("a/i"));
	DO(0, rename(path("b/i"), path("b/j")), "rename");
	EXPECT(0, insert(b, fd, 1, 1), "one collection");
	EXPECT(EXDEV, insert(a, fd, 1, 1), "and not the other");
	unlink(path("b/j"));
	FOUND(b, 1, 0);
	close(fd);

	/* O_TMPFILE, made elsewhere than it is linked to */
	fd = open(path("a"), O_TMPFILE | O_RDWR, 0644);
	DO(0, linkat(fd, "", AT_FDCWD, path("b/t"), AT_EMPTY_PATH), "linkat");
	EXPECT(EXDEV, insert(a, fd, 1, 1), "where it was made");
	EXPECT(0, insert(b, fd, 1, 1), "where it is");
	unlink(path("b/t"));
	FOUND(b, 1, 0);
	close(fd);
	close(a);
	close(b);
}

/* --- paths --- */

static char where[PATH_MAX + 1];

static int path_of(int coll, uint64_t ino, uint32_t room, uint32_t *len)
{
	struct vexfs_ioc_path a = {
		.size = sizeof(a), .file = ino, .path = PTR(where), .room = room
	};
	int err;

	memset(where, 'X', sizeof(where));
	err = vx_ioctl(coll, VEXFS_IOC_PATH, &a);
	FAIL(where[room] != 'X', "written beyond the room");
	if (!err)
		where[a.len] = 0;
	*len = a.len;
	return err;
}

static void is_at(int coll, int fd, const char *want)
{
	uint32_t len;

	if (!EXPECT(0, path_of(coll, ino_of(fd), PATH_MAX, &len), want))
		FAIL(strcmp(where, want) || len != strlen(want), "'%s', not '%s'", where, want);
}

static void no_path(int coll, uint64_t ino, int want, const char *what)
{
	uint32_t len;

	EXPECT(want, path_of(coll, ino, PATH_MAX, &len), what);
}

static void path_denied(void *arg)
{
	int coll = ((int *)arg)[0], fd = ((int *)arg)[1];

	no_path(coll, ino_of(fd), EACCES, "a directory that may not be read");
	no_path(coll, ino_of(((int *)arg)[2]), 0, "beside it");
}

static void test_paths(void)
{
	int coll = collection("c"), other = collection("other"), fd[3], i, d, up;
	char name[256], want[PATH_MAX];
	uint32_t len;

	fd[0] = coll;
	fd[1] = make_file(path("c/doc"));
	is_at(coll, fd[1], "doc");
	mkdir(path("c/a"), 0755);
	mkdir(path("c/a/b"), 0755);
	DO(0, rename(path("c/doc"), path("c/a/b/doc 2\n")), "rename");
	is_at(coll, fd[1], "a/b/doc 2\n");
	DO(0, rename(path("c/a/b"), path("c/z")), "rename of the directory");
	is_at(coll, fd[1], "z/doc 2\n");
	EXPECT(ERANGE, path_of(coll, ino_of(fd[1]), 7, &len), "too little room");
	FAIL(len != 8, "takes %u", len);
	EXPECT(0, path_of(coll, ino_of(fd[1]), 8, &len), "just enough");
	fd[2] = make_file(path("c/beside"));
	chmod(path("c/z"), 0711);
	as(1001, 1001, 0, NULL, path_denied, fd);
	chmod(path("c/z"), 0744);
	as(1001, 1001, 0, NULL, path_denied, fd);
	chmod(path("c/z"), 0755);

	DO(0, link(path("c/z/doc 2\n"), path("c/second")), "link");
	is_at(coll, fd[1], "z/doc 2\n");
	unlink(path("c/second"));
	is_at(coll, fd[1], "z/doc 2\n");
	DO(0, link(path("c/z/doc 2\n"), path("c/second")), "link");
	unlink(path("c/z/doc 2\n"));
	no_path(coll, ino_of(fd[1]), ENOENT, "which names are left is not known");
	DO(0, rename(path("c/second"), path("c/z/third")), "rename");
	is_at(coll, fd[1], "z/third");
	unlink(path("c/z/third"));
	no_path(coll, ino_of(fd[1]), ENOENT, "unlinked");
	close(fd[1]);

	no_path(coll, 0, ENOENT, "inode 0");
	no_path(coll, ~0ULL, ENOENT, "no inode");
	no_path(coll, ino_of(coll), ENOENT, "the collection");
	for (i = 1; i < 40; i++) {		/* planes are inodes near by, but no files */
		struct stat st;

		if (!path_of(coll, ino_of(coll) + i, PATH_MAX, &len))
			FAIL(fstatat(coll, where, &st, 0) || st.st_ino != ino_of(coll) + i, "'%s'",
			     where);
	}
	fd[1] = make_file(path("other/doc"));
	no_path(coll, ino_of(fd[1]), ENOENT, "of another collection");
	is_at(other, fd[1], "doc");
	close(fd[1]);

	/* deep, and too deep */
	memset(name, 'n', 255);
	name[255] = 0;
	d = openat(coll, ".", O_RDONLY);
	for (i = 0, want[0] = 0; i < 15; i++) {
		up = d;
		if (mkdirat(up, name, 0755))
			die("mkdir");
		d = openat(up, name, O_RDONLY);
		close(up);
		strcat(strcat(want, name), "/");
	}
	fd[1] = openat(d, name, O_RDWR | O_CREAT, 0644);
	strcat(want, name);
	is_at(coll, fd[1], want);
	close(fd[1]);
	if (mkdirat(d, "x", 0755))
		die("mkdir");
	fd[1] = openat(d, "x/1", O_RDWR | O_CREAT, 0644);
	for (i = 0; i < 3; i++) {
		up = d;
		if (mkdirat(up,
			    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
			    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", 0755))
			die("mkdir");
		d = openat(up,
			   "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
			       "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", O_RDONLY);
		close(up);
	}
	close(fd[1]);
	fd[1] = openat(d, "f", O_RDWR | O_CREAT, 0644);
	no_path(coll, ino_of(fd[1]), ERANGE, "longer than PATH_MAX");
	close(d);
	close(fd[1]);
	close(coll);
	close(other);
}

/* --- spread --- */

/* records of the first file; the others have two each */
#define SPREAD_BIG	500
#define SPREAD_FILES	20
#define SPREAD_UNBOUND	3

/*
 * At most one of each file: the first file's, of which there are many nearer ones, the others', the
 * unbound.
 */
static void test_spread(void)
{
	int coll = collection("c"), fd, i;
	unsigned int per, k, seen, n;
	float v[DIMS];

	for (i = 0; i < SPREAD_FILES; i++) {
		fd = make_file(path("c/%d", i));
		EXPECT(0, insert(coll, fd, i * 1000, i ? 2 : SPREAD_BIG), "insert");
		close(fd);
	}
	EXPECT(0, insert(coll, -1, 1000000, SPREAD_UNBOUND), "insert");
	make_row(v, DIMS, SEED, 7);
	for (per = 1; per <= 3; per++) {
		struct vexfs_ioc_search s = {
			.size = sizeof(s), .k = 100, .vector_bytes = DIMS * 4, .vector = PTR(v),
			.hits = PTR(hits), .timeout_us = VEXFS_MAX_TIMEOUT_US, .per_file = per,
		};

		EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "search");
		n = per + (SPREAD_FILES - 1) * (per < 2 ? per : 2) + SPREAD_UNBOUND;
		FAIL(s.n != n || s.truncated, "%u hits, not %u, truncated %x", s.n, n, s.truncated);
		FAIL(hits[0].id != 7, "%llu is first", hits[0].id);
		for (i = 0; i < SPREAD_FILES; i++) {
			for (k = seen = 0; k < s.n; k++)
				seen += hits[k].id / 1000 == (unsigned int)i;
			FAIL(seen != (i && per > 2 ? 2 : per), "%u of file %d", seen, i);
		}
		for (k = 1; k < s.n; k++)
			FAIL(hits[k].distance < hits[k - 1].distance, "hit %u is out of order", k);
		s.k = 5;
		EXPECT(0, vx_ioctl(coll, VEXFS_IOC_SEARCH, &s), "search");
		FAIL(s.n != 5 || s.truncated, "%u hits, truncated %x", s.n, s.truncated);
	}
	close(coll);
}

/* --- fill, check --- */

#define FILL_FILES	12

static void test_fill(void)
{
	int coll = collection("kept"), fd[FILL_FILES], i;

	for (i = 0; i < FILL_FILES; i++) {
		fd[i] = make_file(path("kept/%d", i));
		EXPECT(0, insert(coll, fd[i], 10 * i, 10), "insert");
	}
	EXPECT(0, insert(coll, -1, 10 * FILL_FILES, 10), "insert");
	if (fsync(coll))
		die("fsync");
	FAIL(unlink(path("kept/0")) || unlink(path("kept/1")), "unlink");
	FAIL(pwrite(fd[2], "z", 1, 0) != 1 || ftruncate(fd[3], 1), "write");
	FAIL(fchmod(fd[4], 0) || fchown(fd[5], 77, 78), "chmod");
	DO(0, rename(path("kept/6"), path("kept/7")), "rename over");
	for (i = 0; i < FILL_FILES; i++)
		close(fd[i]);
	FOUND(coll, 20, 10 * (FILL_FILES + 1 - 2));
}

static void test_check(void)
{
	int coll = open(path("kept"), O_RDONLY), i;

	if (coll < 0)
		die(path("kept"));
	FOUND(coll, 20, 10 * (FILL_FILES + 1 - 2));
	info(coll, 10 * (FILL_FILES + 1 - 2), "after the mount");
	for (i = 0; i <= FILL_FILES; i++) {
		bool gone = i == 0 || i == 1;
		uint32_t want = i == FILL_FILES ? 0 : VEXFS_ITEM_BOUND |
				(i == 2 || i == 3 || i == 7 ? VEXFS_ITEM_STALE : 0);

		FAIL(found(coll, 10 * i + 3) == gone, "file %d: %sfound", i, gone ? "" : "not ");
		if (!gone)
			FAIL(hits[0].flags != want, "file %d: flags %x, not %x", i, hits[0].flags,
			     want);
	}
	close(coll);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "bind", test_bind }, { "vanish", test_vanish }, { "race", test_race },
		{ "stale", test_stale }, { "move", test_move }, { "paths", test_paths },
		{ "spread", test_spread }, { "fill", test_fill }, { "check", test_check },
	};

	return run_test(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
