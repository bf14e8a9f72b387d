// SPDX-License-Identifier: GPL-2.0
/*
 * posix --list            print the tests: a name and what must hold posix NAME DIR [SEED]   run
 * one in DIR, a directory of the filesystem under test posix --shutdown DIR HOW  leave a file and
 * orphans behind and stop the filesystem: FS_IOC_SHUTDOWN with HOW (0, 1, 2) posix --kept DIR
 * is the file there, and as it should be?
 *
 * Each test starts in an empty directory DIR/NAME and leaves it there, empty.  Exit code 0: it
 * held.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096

#define CHECK(cond) do { if (!(cond)) { \
	fprintf(stderr, "line %d: %s (errno %d: %s)\n", __LINE__, #cond, errno, strerror(errno)); \
	exit(1); } } while (0)
#define FAILS(call, error) do { errno = 0; CHECK((call) == -1); CHECK(errno == (error)); } while (0)

static unsigned int seed = 1;

static unsigned int rnd(unsigned int *s, unsigned int n)
{
	*s = *s * 1664525u + 1013904223u;
	return (*s >> 8) % n;
}

/* Bytes that say where they are, so that a block in the wrong place shows. */
static void pattern(unsigned char *p, size_t len, uint64_t off, unsigned int salt)
{
	for (size_t i = 0; i < len; i++, off++)
		p[i] = (off >> 12) * 31 + off * 7 + salt + 1;
}

static void put(int fd, uint64_t off, size_t len, unsigned int salt)
{
	unsigned char *p = malloc(len);

	pattern(p, len, off, salt);
	CHECK(pwrite(fd, p, len, off) == (ssize_t)len);
	free(p);
}

static void expect(int fd, uint64_t off, size_t len, unsigned int salt)
{
	unsigned char *want = malloc(len), *got = malloc(len);

	pattern(want, len, off, salt);
	CHECK(pread(fd, got, len, off) == (ssize_t)len);
	CHECK(!memcmp(want, got, len));
	free(want);
	free(got);
}

static void expect_zero(int fd, uint64_t off, size_t len)
{
	unsigned char *got = malloc(len);

	CHECK(pread(fd, got, len, off) == (ssize_t)len);
	for (size_t i = 0; i < len; i++)
		CHECK(!got[i]);
	free(got);
}

static int make(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	CHECK(fd >= 0);
	return fd;
}

static struct stat st_of(const char *name)
{
	struct stat st;

	CHECK(!lstat(name, &st));
	return st;
}

/* Forget what is cached, so that it is read from the device. */
static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	sync();
	if (fd >= 0) {
		CHECK(write(fd, "3", 1) == 1);
		close(fd);
	}
}

/* Extents of a file as FIEMAP tells; *flags: those of all of them, ored. */
static unsigned int extents(int fd, uint32_t *flags)
{
	struct fiemap *m = calloc(1, sizeof(*m) + 512 * sizeof(m->fm_extents[0]));
	unsigned int n = 0;
	uint64_t at = 0;
	bool last = false;

	*flags = 0;
	while (!last) {
		memset(m, 0, sizeof(*m));
		m->fm_start = at;
		m->fm_length = ~0ULL - at;
		m->fm_flags = FIEMAP_FLAG_SYNC;
		m->fm_extent_count = 512;
		CHECK(!ioctl(fd, FS_IOC_FIEMAP, m));
		if (!m->fm_mapped_extents)
			break;
		for (unsigned int i = 0; i < m->fm_mapped_extents; i++) {
			struct fiemap_extent *e = m->fm_extents + i;

			CHECK(e->fe_logical >= at || !n);
			*flags |= e->fe_flags;
			at = e->fe_logical + e->fe_length;
			last = e->fe_flags & FIEMAP_EXTENT_LAST;
			n++;
		}
	}
	free(m);
	return n;
}

/* --- names --- */

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

	/* an unlinked file lives on while it is open */
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
	CHECK((sx.stx_mask & STATX_BTIME) && sx.stx_btime.tv_sec > 1000000);
	CHECK(sx.stx_btime.tv_sec <= sx.stx_ctime.tv_sec);
	CHECK(st.st_blksize == BLOCK);
	FAILS(open("f", O_RDONLY | O_DIRECT), EINVAL);
	CHECK(!unlink("f"));
}

static void t_tmpfile(void)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	struct stat st;

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

/* --- data --- */

static void t_data(void)
{
	static const int sizes[] = { 0, 1, 511, 4095, 4096, 4097, 65536, 1000003, 8 << 20 };
	char name[32];
	int fd;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "f%u", i);
		fd = make(name);
		if (sizes[i])
			put(fd, 0, sizes[i], i);
		close(fd);
	}
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			snprintf(name, sizeof(name), "f%u", i);
			CHECK(st_of(name).st_size == sizes[i]);
			fd = open(name, O_RDONLY);
			CHECK(fd >= 0);
			if (sizes[i])
				expect(fd, 0, sizes[i], i);
			CHECK(pread(fd, name, 1, sizes[i]) == 0);
			snprintf(name, sizeof(name), "f%u", i);
			close(fd);
		}
		drop_caches();
	}
	/* a small file takes the blocks that it needs, and no more, once it is closed */
	CHECK(st_of("f1").st_blocks == 8 && st_of("f5").st_blocks == 16 &&
	      st_of("f8").st_blocks == 16384);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "f%u", i);
		CHECK(!unlink(name));
	}
	fd = make("appended");
	for (int i = 0; i < 3000; i++)
		put(fd, i * 100, 100, 9);
	CHECK(!fsync(fd));
	close(fd);
	CHECK(st_of("appended").st_blocks == (300000 + BLOCK - 1) / BLOCK * 8);
	drop_caches();
	fd = open("appended", O_RDWR | O_APPEND);
	expect(fd, 0, 300000, 9);
	CHECK(write(fd, "tail", 4) == 4 && lseek(fd, 0, SEEK_END) == 300004);
	close(fd);
	CHECK(!unlink("appended"));
}

static void t_sparse(void)
{
	uint64_t far = 1ULL << 40;
	uint32_t flags;
	int fd = make("f");

	put(fd, 1 << 20, 5000, 1);
	put(fd, far, 3, 1);
	expect_zero(fd, 0, 1 << 20);
	expect_zero(fd, (1 << 20) + 5000, 100000);
	CHECK(lseek(fd, 0, SEEK_DATA) == 1 << 20);
	CHECK(lseek(fd, 1 << 20, SEEK_HOLE) == (1 << 20) + 8192);
	CHECK(lseek(fd, 2 << 20, SEEK_DATA) == (off_t)far);
	CHECK(lseek(fd, far, SEEK_HOLE) == (off_t)far + 3);
	FAILS(lseek(fd, far + 3, SEEK_DATA), ENXIO);
	close(fd);
	drop_caches();
	CHECK(st_of("f").st_blocks == 24);
	fd = open("f", O_RDWR);
	CHECK(extents(fd, &flags) == 2 && !(flags & FIEMAP_EXTENT_UNWRITTEN));
	expect(fd, 1 << 20, 5000, 1);
	expect(fd, far, 3, 1);
	expect_zero(fd, 0, 1 << 20);
	FAILS(pwrite(fd, "x", 1, 1LL << 62), EFBIG);
	/* the last block but one that a file can have */
	put(fd, (1ULL << 44) - 8192, 4096, 1);
	FAILS(pwrite(fd, "x", 1, (1ULL << 44) - 4096), EFBIG);
	CHECK(!ftruncate(fd, 0));
	close(fd);
	CHECK(st_of("f").st_blocks == 0);
	CHECK(!unlink("f"));
}

static void t_truncate(void)
{
	int fd = make("f");

	for (int cached = 0; cached < 2; cached++) {
		put(fd, 0, 20000, 1);
		if (!cached)
			drop_caches();
		CHECK(!ftruncate(fd, 10001));
		CHECK(!ftruncate(fd, 30000));		/* what was cut off does not come back */
		expect(fd, 0, 10001, 1);
		expect_zero(fd, 10001, 19999);
		drop_caches();
		expect(fd, 0, 10001, 1);
		expect_zero(fd, 10001, 19999);
		CHECK(!ftruncate(fd, 5));
		put(fd, 9000, 10, 1);			/* nor by writing beyond the end */
		drop_caches();
		expect(fd, 0, 5, 1);
		expect_zero(fd, 5, 8995);
		CHECK(!ftruncate(fd, 0));
		CHECK(st_of("f").st_blocks == 0);
	}
	put(fd, 0, 3 << 20, 2);
	for (int size = 3 << 20; size > 0; size = size * 7 / 8 - 1) {
		CHECK(!ftruncate(fd, size));
		if (size > 10000)
			expect(fd, size - 10000, 10000, 2);
		CHECK(st_of("f").st_size == size);
	}
	close(fd);
	fd = open("f", O_RDWR | O_TRUNC);
	CHECK(fd >= 0 && st_of("f").st_size == 0 && st_of("f").st_blocks == 0);
	close(fd);
	CHECK(!unlink("f"));
}

static sigjmp_buf bus;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}

static void t_mmap(void)
{
	size_t len = 64 * BLOCK;
	unsigned char *p, *want = malloc(len);
	int fd = make("f");

	CHECK(!ftruncate(fd, len - 100));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	for (unsigned int i = 0; i < 64; i += 3)	/* into holes */
		pattern(p + i * BLOCK, i == 63 ? BLOCK - 100 : BLOCK, i * BLOCK, 4);
	/* past EOF: seen here, never on the device */
	p[len - 50] = 77;
	CHECK(!msync(p, len, MS_SYNC));
	for (unsigned int i = 0; i < 64; i += 3)
		expect(fd, i * BLOCK, i == 63 ? BLOCK - 100 : BLOCK, 4);
	expect_zero(fd, BLOCK, 2 * BLOCK);
	CHECK(!ftruncate(fd, len));
	expect_zero(fd, len - 100, 100);
	put(fd, 10 * BLOCK, 2 * BLOCK, 5);		/* a write is seen through the mapping */
	pattern(want, 2 * BLOCK, 10 * BLOCK, 5);
	CHECK(!memcmp(p + 10 * BLOCK, want, 2 * BLOCK));
	p[5] = 1;
	CHECK(!munmap(p, len));
	CHECK(!fsync(fd));
	drop_caches();
	expect(fd, 10 * BLOCK, 2 * BLOCK, 5);
	expect(fd, 3 * BLOCK, BLOCK, 4);
	expect_zero(fd, len - 100, 100);

	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[20 * BLOCK] = 1;
	CHECK(!ftruncate(fd, BLOCK));
	signal(SIGBUS, on_bus);
	if (!sigsetjmp(bus, 1)) {
		p[20 * BLOCK] = 1;
		CHECK(!"SIGBUS beyond the new end");
	}
	CHECK(!munmap(p, len));
	p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = ~p[0];
	CHECK(pread(fd, want, 1, 0) == 1 && want[0] != p[0]);
	CHECK(!munmap(p, BLOCK));
	close(fd);
	free(want);
	CHECK(!unlink("f"));
}

static void t_fallocate(void)
{
	uint32_t flags;
	int fd = make("f");

	put(fd, 0, 1000, 1);
	CHECK(!fallocate(fd, 0, 500, 1 << 20));
	CHECK(st_of("f").st_size == (1 << 20) + 500);
	expect(fd, 0, 1000, 1);
	expect_zero(fd, 1000, (1 << 20) - 500);
	CHECK(!fsync(fd) && extents(fd, &flags) >= 2 && (flags & FIEMAP_EXTENT_UNWRITTEN));
	CHECK(!fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 << 20, 1 << 20));
	CHECK(st_of("f").st_size == (1 << 20) + 500);
	CHECK(st_of("f").st_blocks == (257 + 256) * 8);
	close(fd);
	drop_caches();
	CHECK(st_of("f").st_blocks == (257 + 256) * 8);	/* asked for, so kept */
	fd = open("f", O_RDWR);
	put(fd, 2 << 20, 1 << 20, 2);
	CHECK(st_of("f").st_blocks == (257 + 256) * 8);
	drop_caches();
	expect(fd, 2 << 20, 1 << 20, 2);
	expect_zero(fd, (1 << 20) + 500, (1 << 20) - 500);
	FAILS(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
	FAILS(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096), EOPNOTSUPP);
	FAILS(fallocate(fd, 0, 1LL << 61, 4096), EFBIG);
	close(fd);
	CHECK(!unlink("f"));
}

static void t_splice(void)
{
	int from = make("from"), to = make("to"), p[2];
	off_t off = 0;

	put(from, 0, 300000, 6);
	while (off < 300000)
		CHECK(sendfile(to, from, &off, 300000 - off) > 0);
	expect(to, 0, 300000, 6);
	CHECK(!pipe(p));
	off = 4096;
	CHECK(splice(from, &off, p[1], NULL, 8192, 0) == 8192);
	off = 400000;
	for (size_t left = 8192; left;) {
		loff_t o = off;
		ssize_t n = splice(p[0], NULL, to, &o, left, 0);

		CHECK(n > 0);
		off += n;
		left -= n;
	}
	expect_zero(to, 300000, 100000);
	CHECK(!unlink("from") && !unlink("to"));
}

/* Two files that take turns, block by block: as many extents as blocks, and a tree of them. */
static void t_fragments(void)
{
	enum { BLOCKS = 5000 };
	int a = make("a"), b = make("b");
	uint32_t flags;

	for (int i = 0; i < BLOCKS; i++) {
		CHECK(!fallocate(a, 0, (off_t)i * BLOCK, BLOCK));
		CHECK(!fallocate(b, 0, (off_t)i * BLOCK, BLOCK));
	}
	CHECK(extents(a, &flags) > BLOCKS / 2);
	/* 7919 is prime to BLOCKS: every block, in no order */
	for (int i = 0; i < BLOCKS; i++) {
		uint64_t k = (uint64_t)i * 7919 % BLOCKS;

		put(a, k * BLOCK, BLOCK, 1);
		if (i % 3 == 0)
			put(b, k * BLOCK, BLOCK, 2);
		if (i % 500 == 0)
			CHECK(!fsync(a));
	}
	CHECK(!fsync(a) && !fsync(b));
	CHECK(extents(a, &flags) > BLOCKS / 2 && !(flags & FIEMAP_EXTENT_UNWRITTEN));
	drop_caches();
	for (int i = 0; i < BLOCKS; i++) {
		uint64_t k = (uint64_t)i * 7919 % BLOCKS;

		expect(a, k * BLOCK, BLOCK, 1);
		if (i % 3 == 0)
			expect(b, k * BLOCK, BLOCK, 2);
		else
			expect_zero(b, k * BLOCK, BLOCK);
	}
	CHECK(!ftruncate(a, 1000 * BLOCK + 17));
	expect(a, 990 * BLOCK, 10 * BLOCK + 17, 1);
	CHECK(st_of("a").st_size == 1000 * BLOCK + 17);
	close(a);
	close(b);
	CHECK(!unlink("a") && !unlink("b"));
}

static void t_sync(void)
{
	int fd = open("f", O_RDWR | O_CREAT | O_SYNC, 0600),
	    dir = open(".", O_RDONLY | O_DIRECTORY);

	CHECK(fd >= 0 && dir >= 0);
	put(fd, 0, 100000, 1);
	CHECK(!fdatasync(fd) && !fsync(fd) && !fsync(dir) && !syncfs(dir));
	CHECK(!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	close(fd);
	close(dir);
	CHECK(!unlink("f"));
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

static void spawn(int n, void (*fn)(int id))
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			fn(i);
			exit(0);
		}
	}
	for (int i = 0; i < n; i++) {
		int status;

		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
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

/*
 * One process: random operations on a file of its own, against a copy in memory; names in a shared
 * directory.
 */
#define STRESS_SIZE (512 << 10)

static void stress(int id)
{
	unsigned char *mem = calloc(1, STRESS_SIZE), *buf = malloc(STRESS_SIZE), *map;
	unsigned int s = seed * 7 + id * 1237, size = 0;
	char name[64], other[64];
	int fd;

	snprintf(name, sizeof(name), "data%d", id);
	fd = make(name);
	for (int i = 0; i < 1500; i++) {
		unsigned int off = rnd(&s, STRESS_SIZE - 1),
			     len = 1 + rnd(&s, rnd(&s, 8) ? 5000 : 100000);

		if (off + len > STRESS_SIZE)
			len = STRESS_SIZE - off;
		switch (rnd(&s, 12)) {
		case 0: case 1: case 2: case 3:
			pattern(buf, len, off, i);
			CHECK(pwrite(fd, buf, len, off) == (ssize_t)len);
			memcpy(mem + off, buf, len);
			if (off + len > size)
				size = off + len;
			break;
		case 4: case 5: case 6:
			if (off + len > size)
				len = off < size ? size - off : 0;
			CHECK(pread(fd, buf, len, off) == (ssize_t)len);
			CHECK(!memcmp(buf, mem + off, len));
			break;
		case 7:
			CHECK(!ftruncate(fd, off));
			if (off < size)
				memset(mem + off, 0, size - off);
			size = off;
			break;
		case 8:
			if (!size)
				break;
			map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			CHECK(map != MAP_FAILED);
			off %= size;
			if (off + len > size)
				len = size - off;
			pattern(map + off, len, off, i);
			pattern(mem + off, len, off, i);
			CHECK(!munmap(map, size));
			break;
		case 9:
			CHECK(!fsync(fd));
			break;
		case 10:
			CHECK(!fallocate(fd, FALLOC_FL_KEEP_SIZE, off, len));
			if (rnd(&s, 2)) {
				close(fd);
				fd = open(name, O_RDWR);
				CHECK(fd >= 0);
			}
			break;
		case 11:
			snprintf(other, sizeof(other), "shared%u", rnd(&s, 20));
			switch (rnd(&s, 5)) {
			case 0:
				if (mkdir(other, 0755))
					CHECK(errno == EEXIST);
				break;
			case 1:
				if (rmdir(other))
					CHECK(errno == ENOENT || errno == ENOTDIR ||
					      errno == ENOTEMPTY);
				break;
			case 2:
				if (unlink(other))
					CHECK(errno == ENOENT || errno == EISDIR);
				break;
			case 3:
				if (link(name, other))
					CHECK(errno == EEXIST);
				break;
			case 4:
				if (symlink(name, other))
					CHECK(errno == EEXIST);
				break;
			}
			break;
		}
	}
	for (int round = 0; round < 2; round++) {
		CHECK(lseek(fd, 0, SEEK_END) == size);
		CHECK(pread(fd, buf, STRESS_SIZE, 0) == (ssize_t)size && !memcmp(buf, mem, size));
		CHECK(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) && !fsync(fd));
		CHECK(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	}
	close(fd);
	free(mem);
	free(buf);
}

static void t_stress(void)
{
	spawn(4, stress);
}

/* Appenders, a truncater and readers on one file: a reader sees zeros or the pattern. */
static void race(int id)
{
	unsigned int s = seed * 3 + id;
	unsigned char *buf = malloc(100000), *want = malloc(100000);
	int fd = open("shared", O_RDWR);

	CHECK(fd >= 0);
	for (int i = 0; i < 600; i++) {
		unsigned int off = rnd(&s, 1 << 20), len = 1 + rnd(&s, 99999);
		ssize_t n;

		if (id == 0) {
			CHECK(!ftruncate(fd, off));
		} else if (id < 3) {
			put(fd, off, len, 1);
		} else {
			n = pread(fd, buf, len, off);
			CHECK(n >= 0);
			pattern(want, n, off, 1);
			for (ssize_t k = 0; k < n; k++)
				CHECK(!buf[k] || buf[k] == want[k]);
		}
	}
	close(fd);
	free(buf);
	free(want);
}

static void t_race(void)
{
	close(make("shared"));
	spawn(5, race);
}

/* --- space --- */

static uint64_t free_blocks(void)
{
	struct statvfs v;
	int fd = open(".", O_RDONLY);

	CHECK(fd >= 0 && !syncfs(fd));
	close(fd);
	CHECK(!statvfs(".", &v));
	return v.f_bfree;
}

static void fill_data(void)
{
	static unsigned char buf[1 << 20];
	char name[32];
	int fd, n = 0;

	memset(buf, 0xa5, sizeof(buf));
	for (;;) {
		snprintf(name, sizeof(name), "big%d", n++);
		fd = open(name, O_RDWR | O_CREAT, 0600);
		if (fd < 0) {
			CHECK(errno == ENOSPC);
			return;
		}
		for (int i = 0; i < 64; i++) {
			ssize_t w = write(fd, buf, sizeof(buf));

			if (w < 0)
				CHECK(errno == ENOSPC);
			if (w != sizeof(buf)) {
				CHECK(!fsync(fd));	/* what was taken has a place */
				if (w < 0) {
					close(fd);
					return;
				}
			}
		}
		close(fd);
	}
}

static void remove_all(void);

/* DIR must be on a small filesystem. */
static void t_full(void)
{
	uint64_t before, full;
	char name[64];
	int fd, n;

	CHECK(!mkdir("sub", 0755) && !rmdir("sub"));
	before = free_blocks();
	for (int round = 0; round < 3; round++) {
		fill_data();
		full = free_blocks();
		CHECK(full < before / 8);
		/* names until there is no room for them either */
		for (n = 0; n < 100000; n++) {
			snprintf(name, sizeof(name),
				 "some-more-names-to-fill-directory-blocks-with-%d", n);
			fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
			if (fd < 0)
				break;
			if (write(fd, name, 10) != 10)
				CHECK(errno == ENOSPC);
			close(fd);
		}
		CHECK(n == 100000 || errno == ENOSPC);
		CHECK(mkdir("full", 0755) == 0 || errno == ENOSPC);
		remove_all();
		drop_caches();
		/* the directory keeps the blocks that it grew to */
		CHECK(free_blocks() + st_of(".").st_blocks / 8 == before);
		/* freed space is usable at once: no wait for a commit */
		fd = make("again");
		CHECK(!fallocate(fd, 0, 0, before / 4 * 3 * BLOCK));
		close(fd);
		CHECK(!unlink("again"));
		fd = make("again");
		CHECK(!fallocate(fd, 0, 0, before / 4 * 3 * BLOCK));
		close(fd);
		CHECK(!unlink("again"));
	}
}

/* --- stopping --- */

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif

static int kept(void)
{
	int fd = open("kept", O_RDONLY);

	CHECK(fd >= 0);
	expect(fd, 0, 1 << 20, 5);
	CHECK(st_of("kept").st_size == 1 << 20);
	CHECK(!unlink("kept"));
	FAILS(access("gone", F_OK), ENOENT);
	return 0;
}

static int shut_down(uint32_t how)
{
	int fd = make("kept"), gone = make("gone"), tmp = open(".", O_TMPFILE | O_RDWR, 0600);
	int dir = open(".", O_RDONLY), late;
	uint32_t bad = 9;

	CHECK(tmp >= 0 && dir >= 0);
	put(fd, 0, 1 << 20, 5);
	put(gone, 0, 4 << 20, 6);
	put(tmp, 0, 2 << 20, 7);
	CHECK(!unlink("gone") && !syncfs(dir));
	late = make("late");				/* not synced */
	put(late, 0, 10000, 8);
	FAILS(ioctl(dir, FS_IOC_SHUTDOWN, &bad), EINVAL);
	CHECK(!ioctl(dir, FS_IOC_SHUTDOWN, &how));
	CHECK(!ioctl(dir, FS_IOC_SHUTDOWN, &how));	/* once is enough */
	FAILS(open("new", O_RDWR | O_CREAT, 0600), EIO);
	FAILS(pwrite(fd, "x", 1, 0), EIO);
	FAILS(fsync(late), EIO);
	FAILS(mkdir("newdir", 0700), EIO);
	FAILS(unlink("kept"), EIO);
	return 0;
}

/* --- main --- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	return ftw->level ? remove(path) : 0;
}

static void remove_all(void)
{
	CHECK(!nftw(".", remove_one, 32, FTW_DEPTH | FTW_PHYS));
}

static const struct {
	const char *name;
	void (*fn)(void);
	const char *what;
} tests[] = {
	{ "names", t_names, "create, link, unlink, long names, unlinked open files" },
	{ "dirs", t_dirs, "directories and their link counts" },
	{ "special", t_special, "fifos, sockets, devices" },
	{ "symlinks", t_symlinks, "symlinks of 1 to 4095 bytes" },
	{ "rename", t_rename, "rename, over things, NOREPLACE, EXCHANGE, across directories" },
	{ "attributes", t_attributes, "mode, owner, times, btime" },
	{ "tmpfile", t_tmpfile, "O_TMPFILE, and naming it" },
	{ "data", t_data, "files of many sizes, appends, no blocks wasted" },
	{ "sparse", t_sparse, "holes, SEEK_HOLE, SEEK_DATA, the largest file" },
	{ "truncate", t_truncate, "truncate down and up never shows old bytes" },
	{ "mmap", t_mmap, "shared mappings, holes, EOF, SIGBUS" },
	{ "fallocate", t_fallocate, "fallocate, KEEP_SIZE, unwritten blocks read as zeros" },
	{ "splice", t_splice, "sendfile and splice" },
	{ "sync", t_sync, "fsync, fdatasync, syncfs, O_SYNC" },
	{ "fragments", t_fragments, "two files of 5,000 extents each" },
	{ "many", t_many, "10,000 files in a directory, readdir while it changes" },
	{ "storm", t_storm, "four processes rename the same files, none is lost" },
	{ "stress", t_stress, "four processes, random operations against a model" },
	{ "race", t_race, "truncate, write and read of one file at once" },
	{ "full", t_full, "a full filesystem, and all space comes back" },
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
			printf("%s %s\n", tests[i].name, tests[i].what);
		return 0;
	}
	if (argc < 3) {
		fputs("usage: posix --list | NAME DIR [SEED] | --shutdown DIR HOW | --kept DIR\n",
		      stderr);
		return 2;
	}
	if (argv[1][0] == '-') {
		CHECK(!chdir(argv[2]));
		if (!strcmp(argv[1], "--kept"))
			return kept();
		if (!strcmp(argv[1], "--shutdown") && argc == 4)
			return shut_down(atoi(argv[3]));
	}
	if (argc > 3)
		seed = strtoul(argv[3], NULL, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(argv[1], tests[i].name))
			continue;
		umask(0);
		CHECK(!chdir(argv[2]));
		CHECK(!mkdir(argv[1], 0755));
		CHECK(!chdir(argv[1]));
		tests[i].fn();
		remove_all();
		CHECK(!chdir(".."));
		CHECK(!rmdir(argv[1]));
		return 0;
	}
	fprintf(stderr, "no test %s\n", argv[1]);
	return 2;
}
