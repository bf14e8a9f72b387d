// SPDX-License-Identifier: GPL-2.0
/* Names, directories, attributes, permissions.  See posix.h. */
#include "posix.h"
#include <dirent.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <time.h>

static void t_names(void)
{
	char name[300];
	struct stat st;
	int fd;

	close(make("a"));
	FAILS(open("a", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	FAILS(open("nothing", O_RDONLY), ENOENT);
	st = st_of("a");
	CHECK(st.st_nlink == 1 && st.st_size == 0 && S_ISREG(st.st_mode) && st.st_blocks == 0);
	CHECK(!link("a", "b"));
	CHECK(st_of("b").st_ino == st.st_ino && st_of("a").st_nlink == 2);
	FAILS(link("a", "b"), EEXIST);
	CHECK(!unlink("a"));
	FAILS(unlink("a"), ENOENT);
	CHECK(st_of("b").st_nlink == 1);
	CHECK(!unlink("b"));

	memset(name, 'n', 255);
	name[255] = 0;
	close(make(name));
	st_of(name);
	CHECK(!unlink(name));
	name[255] = 'n';
	name[256] = 0;
	FAILS(open(name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);

	/* an unlinked file lives on while it is open, and so does one that a rename replaced */
	fd = make("old");
	put(fd, 0, 5000, 2);
	close(make("new"));
	CHECK(!rename("new", "old") && !fstat(fd, &st) && st.st_nlink == 0);
	drop_caches();
	expect(fd, 0, 5000, 2);
	close(fd);
	CHECK(st_of("old").st_size == 0 && !unlink("old"));
	fd = make("open");
	put(fd, 0, 10000, 1);
	CHECK(!unlink("open"));
	CHECK(!fstat(fd, &st) && st.st_nlink == 0);
	put(fd, 20000, 5000, 1);
	expect(fd, 0, 10000, 1);
	CHECK(!ftruncate(fd, 100));
	expect(fd, 0, 100, 1);
	close(fd);
}

/* FUSE closes a file a moment after close(2) has returned. */
static void await_close(int dir, struct file_handle *h)
{
	for (int i = 0, fd; on_fuse() && i < 500; i++) {
		fd = open_by_handle_at(dir, h, O_RDONLY);
		if (fd < 0)
			break;
		close(fd);
		usleep(10000);
	}
}

static void t_handles(void)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int dir = open(".", O_RDONLY | O_DIRECTORY), fd = make("h"), again, mount_id;

	CHECK(!name_to_handle_at(AT_FDCWD, "h", &u.h, &mount_id, 0));
	put(fd, 0, 5000, 1);
	again = open_by_handle_at(dir, &u.h, O_RDONLY);
	CHECK(again >= 0);
	expect(again, 0, 5000, 1);
	close(again);
	CHECK(!unlink("h"));		/* it is there as long as it is open */
	drop_caches();
	again = open_by_handle_at(dir, &u.h, O_RDWR);
	CHECK(again >= 0);
	expect(again, 0, 5000, 1);
	close(fd);
	expect(again, 0, 5000, 1);
	close(again);
	await_close(dir, &u.h);
	FAILS(open_by_handle_at(dir, &u.h, O_RDONLY), ESTALE);
	close(make("h"));		/* perhaps in the same inode */
	FAILS(open_by_handle_at(dir, &u.h, O_RDONLY), ESTALE);
	CHECK(!unlink("h"));
	close(dir);
}

static void t_dirs(void)
{
	CHECK(!mkdir("d", 0755));
	FAILS(mkdir("d", 0755), EEXIST);
	CHECK(st_of("d").st_nlink == 2 && st_of(".").st_nlink == 3);
	CHECK(!mkdir("d/e", 0755));
	CHECK(st_of("d").st_nlink == 3);
	FAILS(rmdir("d"), ENOTEMPTY);
	FAILS(unlink("d/e"), EISDIR);
	close(make("f"));
	FAILS(rmdir("f"), ENOTDIR);
	FAILS(link("d", "l"), EPERM);
	CHECK(st_of("d/e/..").st_ino == st_of("d").st_ino);
	CHECK(!rmdir("d/e"));
	CHECK(st_of("d").st_nlink == 2);
	CHECK(!rmdir("d"));
	CHECK(st_of(".").st_nlink == 2);
	CHECK(!unlink("f"));
}

/* Directories in directories, deeper than any path is long. */
static void t_deep(void)
{
	enum { DEPTH = 1000 };
	char here[32];

	for (int i = 0; i < DEPTH; i++) {
		snprintf(here, sizeof(here), "level-%d", i);
		CHECK(!mkdir(here, 0755) && !chdir(here));
	}
	close(make("bottom"));
	drop_caches();
	CHECK(st_of("bottom").st_size == 0 && !unlink("bottom"));
	for (int i = DEPTH - 1; i >= 0; i--) {
		ino_t ino = st_of(".").st_ino;

		snprintf(here, sizeof(here), "level-%d", i);
		CHECK(!chdir("..") && st_of(here).st_ino == ino && st_of(".").st_nlink == 3);
		CHECK(!rmdir(here));
	}
}

/* As many names as a file can have. */
static void t_links(void)
{
	enum { LINKS = 65000, EACH = 500 };
	char name[64], file[64];
	int n = 1;

	close(make("file"));
	for (int d = 0; n < LINKS; d++) {
		snprintf(name, sizeof(name), "d%d", d);
		CHECK(!mkdir(name, 0755));
		for (int i = 0; i < EACH && n < LINKS; i++, n++) {
			snprintf(name, sizeof(name), "d%d/%d", d, i);
			CHECK(!link("file", name));
		}
	}
	CHECK(st_of("file").st_nlink == LINKS);
	FAILS(link("file", "more"), EMLINK);
	FAILS(access("more", F_OK), ENOENT);
	CHECK(!unlink("file"));
	drop_caches();
	CHECK(st_of("d0/0").st_nlink == LINKS - 1);
	CHECK(!link("d0/0", "more"));
	for (int d = 0; d * EACH < LINKS - 1; d++) {
		for (int i = 0; i < EACH && d * EACH + i < LINKS - 1; i++) {
			snprintf(file, sizeof(file), "d%d/%d", d, i);
			CHECK(!unlink(file));
		}
	}
	CHECK(st_of("more").st_nlink == 1 && !unlink("more"));
}

static void t_special(void)
{
	CHECK(!mknod("fifo", S_IFIFO | 0600, 0));
	CHECK(!mknod("sock", S_IFSOCK | 0600, 0));
	CHECK(!mknod("chr", S_IFCHR | 0600, makedev(240, 70000)));
	CHECK(!mknod("blk", S_IFBLK | 0600, makedev(7, 3)));
	drop_caches();
	CHECK(S_ISFIFO(st_of("fifo").st_mode) && S_ISSOCK(st_of("sock").st_mode));
	CHECK(S_ISCHR(st_of("chr").st_mode) && st_of("chr").st_rdev == makedev(240, 70000));
	CHECK(S_ISBLK(st_of("blk").st_mode) && st_of("blk").st_rdev == makedev(7, 3));
	CHECK(!unlink("fifo") && !unlink("sock") && !unlink("chr") && !unlink("blk"));
}

static void t_symlinks(void)
{
	static const int lens[] = { 1, 100, 190, 191, 192, 193, 1000, 4000, 4095 };
	char target[5000], got[5000], name[32];
	unsigned int i;

	for (int round = 0; round < 2; round++) {
		for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			snprintf(name, sizeof(name), "l%d", lens[i]);
			memset(target, 'a' + i, lens[i]);
			target[lens[i]] = 0;
			if (!round)
				CHECK(!symlink(target, name));
			CHECK(readlink(name, got, sizeof(got)) == lens[i]);
			CHECK(!memcmp(target, got, lens[i]));
			CHECK(st_of(name).st_size == lens[i] && S_ISLNK(st_of(name).st_mode));
		}
		drop_caches();
	}
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		snprintf(name, sizeof(name), "l%d", lens[i]);
		CHECK(!unlink(name));
	}
	close(make("file"));
	CHECK(!symlink("file", "s"));
	FAILS(symlink("x", "s"), EEXIST);
	CHECK(!access("s", F_OK));
	CHECK(!unlink("file"));
	FAILS(access("s", F_OK), ENOENT);
	CHECK(!unlink("s"));
}

static void t_rename(void)
{
	ino_t a, b;

	close(make("a"));
	close(make("b"));
	a = st_of("a").st_ino;
	b = st_of("b").st_ino;
	FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK(!renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	CHECK(st_of("a").st_ino == b && st_of("b").st_ino == a);
	CHECK(!rename("a", "b"));			/* over a file: a's old inode is gone */
	CHECK(st_of("b").st_ino == b);
	FAILS(access("a", F_OK), ENOENT);
	CHECK(!renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE));
	FAILS(renameat2(AT_FDCWD, "c", AT_FDCWD, "w", RENAME_WHITEOUT), EINVAL);

	CHECK(!mkdir("d", 0755) && !mkdir("e", 0755) && !mkdir("d/x", 0755));
	FAILS(rename("c", "d"), EISDIR);
	FAILS(rename("d", "c"), ENOTDIR);
	FAILS(rename("d", "d/x/y"), EINVAL);
	FAILS(rename("e", "d"), ENOTEMPTY);
	CHECK(!rename("d/x", "e/x"));
	CHECK(st_of("d").st_nlink == 2 && st_of("e").st_nlink == 3);
	drop_caches();
	CHECK(st_of("e/x/..").st_ino == st_of("e").st_ino);
	CHECK(!rename("e", "d"));			/* over an empty directory */
	CHECK(st_of("d").st_nlink == 3 && st_of(".").st_nlink == 3);
	CHECK(!mkdir("f", 0755));
	CHECK(!rename("c", "f/c"));
	/* a file and a directory */
	CHECK(!renameat2(AT_FDCWD, "f/c", AT_FDCWD, "d/x", RENAME_EXCHANGE));
	CHECK(st_of("d").st_nlink == 2 && st_of("f").st_nlink == 3);
	drop_caches();
	CHECK(st_of("f/c/..").st_ino == st_of("f").st_ino);
	CHECK(!link("d/x", "d/y"));
	/* two names of one inode: nothing happens */
	CHECK(!rename("d/x", "d/y"));
	CHECK(st_of("d/x").st_nlink == 2);
	CHECK(!unlink("d/x") && !unlink("d/y") && !rmdir("d") && !rmdir("f/c") && !rmdir("f"));
	CHECK(st_of(".").st_nlink == 2);
}

static void t_attributes(void)
{
	struct timespec ts[2] = { { 1234567890, 123456789 }, { -5, 999999999 } };
	struct statx sx;
	struct stat st;
	int fd = make("f");

	CHECK(!fchmod(fd, 06751) && !fchown(fd, 70000, 80000) && !fchmod(fd, 0751));
	CHECK(!futimens(fd, ts));
	CHECK(!fsync(fd));
	close(fd);
	drop_caches();
	st = st_of("f");
	CHECK((st.st_mode & 07777) == 0751 && st.st_uid == 70000 && st.st_gid == 80000);
	CHECK(st.st_atim.tv_sec == 1234567890 && st.st_atim.tv_nsec == 123456789);
	CHECK(st.st_mtim.tv_sec == -5 && st.st_mtim.tv_nsec == 999999999);
	CHECK(!statx(AT_FDCWD, "f", 0, STATX_ALL, &sx));
	if (!on_fuse()) {
		CHECK((sx.stx_mask & STATX_BTIME) && sx.stx_btime.tv_sec > 1000000);
		CHECK(sx.stx_btime.tv_sec <= sx.stx_ctime.tv_sec);
	}
	CHECK(st.st_blksize == BLOCK);
	FAILS(open("f", O_RDONLY | O_DIRECT), EINVAL);
	CHECK(!unlink("f"));
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* What of atime, mtime and ctime have changed since *st?  "amc", in this order; *st is renewed. */
static const char *changed(const char *name, struct stat *st)
{
	static char what[4];
	struct stat now = st_of(name);

	what[0] = 0;
	if (later(now.st_atim, st->st_atim))
		strcat(what, "a");
	if (later(now.st_mtim, st->st_mtim))
		strcat(what, "m");
	if (later(now.st_ctim, st->st_ctim))
		strcat(what, "c");
	*st = now;
	usleep(20000);				/* the clock of timestamps has ticks */
	return what;
}

static void t_times(void)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	struct stat f, d, e;
	char c, *p;
	int fd = make("f");

	CHECK(!mkdir("d", 0755) && !mkdir("e", 0755));
	put(fd, 0, 10, 1);
	f = st_of("f");
	d = st_of("d");
	e = st_of("e");
	usleep(20000);
	CHECK(!strcmp(changed("f", &f), ""));
	CHECK(!chmod("f", 0600) && !strcmp(changed("f", &f), "c"));
	CHECK(!chown("f", 1, 1) && !strcmp(changed("f", &f), "c"));
	CHECK(pread(fd, &c, 1, 0) == 1 && !strcmp(changed("f", &f), "a"));
	CHECK(pread(fd, &c, 1, 0) == 1 && !strcmp(changed("f", &f), ""));	/* relatime */
	put(fd, 0, 10, 1);
	CHECK(!strcmp(changed("f", &f), "mc"));
	CHECK(!ftruncate(fd, 10) && !strcmp(changed("f", &f), "mc"));
	CHECK(!truncate("f", 5) && !strcmp(changed("f", &f), "mc"));
	CHECK(!truncate("f", 20) && !strcmp(changed("f", &f), "mc"));
	CHECK(!truncate("f", 20) && !strcmp(changed("f", &f), ""));
	CHECK(!fallocate(fd, 0, 0, 8192) && !strcmp(changed("f", &f), "mc"));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[5000] = 1;
	CHECK(!msync(p, 8192, MS_SYNC) && !munmap(p, 8192));
	CHECK(strstr(changed("f", &f), "mc"));
	CHECK(!link("f", "d/g") && !strcmp(changed("f", &f), "c"));
	CHECK(!strcmp(changed("d", &d), "mc"));
	CHECK(!rename("d/g", "e/g") && !strcmp(changed("d", &d), "mc"));
	CHECK(!strcmp(changed("e", &e), "mc") && !strcmp(changed("f", &f), "c"));
	CHECK(!unlink("e/g") && !strcmp(changed("e", &e), "mc") && !strcmp(changed("f", &f), "c"));
	CHECK(!mkdir("d/x", 0755) && !strcmp(changed("d", &d), "mc"));
	CHECK(!rmdir("d/x") && !strcmp(changed("d", &d), "mc"));
	FAILS(rmdir("d/x"), ENOENT);
	CHECK(!strcmp(changed("d", &d), ""));
	CHECK(!futimens(fd, old) && pread(fd, &c, 1, 0) == 1);
	/* what FUSE has cached is read without a word to who keeps atime */
	CHECK(st_of("f").st_atim.tv_sec > 1000000 || on_fuse());
	CHECK(st_of("f").st_mtim.tv_sec == 2000);
	close(fd);
	f = st_of("f");
	drop_caches();
	CHECK(!strcmp(changed("f", &f), "") && f.st_mtim.tv_sec == 2000);
}

static void as_nobody(int id)
{
	int fd;

	CHECK(!setgid(1000) && !setuid(1000));
	(void)id;
	fd = open("suid", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	FAILS(open("private", O_RDONLY), EACCES);
	FAILS(chmod("suid", 0777), EPERM);
	FAILS(chown("suid", 1000, 1000), EPERM);
	FAILS(unlink("sticky/root"), EPERM);
	FAILS(mkdir("d", 0755), EACCES);
	close(make("sticky/mine"));
	CHECK(!unlink("sticky/mine"));
	close(make("sgid/mine"));
	CHECK(!mkdir("sgid/dir", 0755));
}

static void t_permissions(void)
{
	close(make("suid"));
	close(make("private"));
	CHECK(!chmod("private", 0600) && !chmod("suid", 06777));
	CHECK(!mkdir("sticky", 01777) && !mkdir("sgid", 0777));
	close(make("sticky/root"));
	CHECK(!chown("sgid", 0, 77) && !chmod("sgid", 02777));
	spawn(1, as_nobody);
	drop_caches();
	CHECK((st_of("suid").st_mode & 07777) == 0777);
	CHECK(st_of("sgid/mine").st_gid == 77 && st_of("sgid/mine").st_uid == 1000);
	CHECK(st_of("sgid/dir").st_gid == 77 && (st_of("sgid/dir").st_mode & 07777) == 02755);
	CHECK(!(st_of("sgid/mine").st_mode & S_ISGID));
}

static void t_tmpfile(void)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	struct stat st;

	if (on_fuse()) {
		CHECK(fd < 0 && errno == EOPNOTSUPP);
		return;
	}
	CHECK(fd >= 0);
	put(fd, 0, 9000, 3);
	CHECK(!fstat(fd, &st) && st.st_nlink == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(!linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	close(fd);
	drop_caches();
	fd = open("named", O_RDONLY);
	CHECK(fd >= 0);
	expect(fd, 0, 9000, 3);
	CHECK(!fstat(fd, &st) && st.st_nlink == 1);
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);	/* and one that is never named */
	CHECK(fd >= 0);
	put(fd, 0, 100000, 3);
	close(fd);
	CHECK(!unlink("named"));
}

/* --- many --- */

static void t_many(void)
{
	enum { FILES = 10000 };
	bool *seen = calloc(FILES, 1);
	char name[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "a-file-with-some-name-%d", i);
		close(make(name));
	}
	drop_caches();
	d = opendir(".");
	CHECK(d);
	while ((e = readdir(d))) {
		int i;

		if (e->d_name[0] == '.')
			continue;
		CHECK(sscanf(e->d_name, "a-file-with-some-name-%d", &i) == 1 && i < FILES &&
		      !seen[i]);
		CHECK(e->d_type == DT_REG);
		seen[i] = true;
		n++;
	}
	CHECK(n == FILES);
	/* positions stay good while others come and go: remove every second one on the way */
	memset(seen, 0, FILES);
	rewinddir(d);
	n = 0;
	while ((e = readdir(d))) {
		int i;

		if (e->d_name[0] == '.')
			continue;
		CHECK(sscanf(e->d_name, "a-file-with-some-name-%d", &i) == 1 && !seen[i]);
		seen[i] = true;
		if (n++ % 2)
			CHECK(!unlink(e->d_name));
	}
	CHECK(n == FILES);
	closedir(d);
	d = opendir(".");
	for (n = 0; (e = readdir(d)); n++) {
		if (n == 1000) {			/* seek back to where we were */
			long pos = telldir(d);
			struct dirent *x = readdir(d);
			ino_t ino = x->d_ino;

			CHECK(x && readdir(d));
			seekdir(d, pos);
			x = readdir(d);
			CHECK(x && x->d_ino == ino);
		}
	}
	closedir(d);
	free(seen);
	FAILS(rmdir("../many"), ENOTEMPTY);
}

/* Where telldir(3) was, readdir(3) goes on, whatever was removed: with the first that is left. */
static void t_seekdir(void)
{
	enum { FILES = 600 };
	static const long odd[] = { 1, 2, 3, 4095, 4096 + 5, 1 << 20, LONG_MAX };
	long at[FILES + 1];
	ino_t ino[FILES + 1];
	char name[FILES][32];
	struct dirent *e;
	int n = 0;
	DIR *d;

	for (int i = 0; i < FILES; i++) {
		snprintf(name[0], sizeof(name[0]), "%0*d", 1 + i % 30, i);
		close(make(name[0]));
	}
	d = opendir(".");
	CHECK(d);
	for (;;) {
		at[n] = telldir(d);
		e = readdir(d);
		if (!e)
			break;
		if (e->d_name[0] == '.')
			continue;
		CHECK(n < FILES);
		ino[n] = e->d_ino;
		strcpy(name[n++], e->d_name);
	}
	CHECK(n == FILES);
	for (int i = 0; i < FILES; i++)
		if (i % 3)
			CHECK(!unlink(name[i]));
	for (int i = FILES - 1; i >= 0; i--) {
		int want = (i + 2) / 3 * 3;

		seekdir(d, at[i]);
		e = readdir(d);
		if (want >= FILES)
			CHECK(!e);
		else
			CHECK(e && e->d_ino == ino[want] && !strcmp(e->d_name, name[want]));
	}
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		errno = 0;			/* nobody was given these: no error, no loop */
		seekdir(d, odd[i]);
		for (n = 0; readdir(d); n++)
			CHECK(n < FILES);
		CHECK(!errno || errno == EINVAL);
	}
	closedir(d);
}

#define STORM_NAMES 30

/* All move the same files about.  Whatever they do, no file is lost or found twice. */
static void storm(int id)
{
	unsigned int s = seed + id * 977;
	char a[64], b[64];

	for (int i = 0; i < 3000; i++) {
		snprintf(a, sizeof(a), "d%u/%u", rnd(&s, 3), rnd(&s, STORM_NAMES));
		snprintf(b, sizeof(b), "d%u/%u", rnd(&s, 3), rnd(&s, STORM_NAMES));
		if (renameat2(AT_FDCWD, a, AT_FDCWD, b,
			      rnd(&s, 2) ? RENAME_NOREPLACE : RENAME_EXCHANGE))
			CHECK(errno == ENOENT || errno == EEXIST || errno == EINVAL ||
			      errno == ENOTEMPTY);
	}
}

static void t_storm(void)
{
	bool seen[STORM_NAMES] = { };
	char name[64];
	int n = 0;

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		CHECK(!mkdir(name, 0755));
	}
	for (int i = 0; i < STORM_NAMES; i++) {
		int fd;

		snprintf(name, sizeof(name), "d0/%d", i);
		fd = make(name);
		CHECK(write(fd, &i, sizeof(i)) == sizeof(i));
		close(fd);
	}
	spawn(4, storm);
	for (int d = 0; d < 3; d++)
		for (int i = 0; i < STORM_NAMES; i++) {
			int fd, v;

			snprintf(name, sizeof(name), "d%d/%d", d, i);
			fd = open(name, O_RDONLY);
			if (fd < 0)
				continue;
			CHECK(read(fd, &v, sizeof(v)) == sizeof(v) && v >= 0 && v < STORM_NAMES &&
			      !seen[v]);
			seen[v] = true;
			n++;
			close(fd);
		}
	CHECK(n == STORM_NAMES);
}

/* --- main --- */

static const struct test tests[] = {
	{ "names", t_names, "create, link, unlink, long names, unlinked open files" },
	{ "handles", t_handles, "file handles, of unlinked open files too" },
	{ "dirs", t_dirs, "directories and their link counts" },
	{ "deep", t_deep, "1,000 directories in each other" },
	{ "special", t_special, "fifos, sockets, devices" },
	{ "symlinks", t_symlinks, "symlinks of 1 to 4095 bytes" },
	{ "rename", t_rename, "rename, over things, NOREPLACE, EXCHANGE, across directories" },
	{ "attributes", t_attributes, "mode, owner, times, btime" },
	{ "times", t_times, "what changes atime, mtime and ctime, and what does not" },
	{ "permissions", t_permissions, "another user: suid, sgid, sticky, EACCES, EPERM" },
	{ "tmpfile", t_tmpfile, "O_TMPFILE, and naming it" },
	{ "many", t_many, "10,000 files in a directory, readdir while it changes" },
	{ "seekdir", t_seekdir, "telldir and seekdir while names are removed" },
	{ "storm", t_storm, "four processes rename the same files, none is lost" },
	{ "links", t_links, "a file of 65,000 names, and EMLINK" },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
