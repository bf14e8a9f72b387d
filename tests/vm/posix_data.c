// SPDX-License-Identifier: GPL-2.0
/* Data of files: reading, writing, mapping, holes, and the space that they take.  See posix.h. */
#include "posix.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

/*
 * Is a file in so many extents, as FIEMAP tells, and have some of them these flags, and none those?
 * FUSE has no FIEMAP.
 */
static bool in_extents(int fd, unsigned int least, unsigned int most, uint32_t has, uint32_t lacks)
{
	struct fiemap *m = calloc(1, sizeof(*m) + 512 * sizeof(m->fm_extents[0]));
	unsigned int n = 0;
	uint32_t flags = 0;
	uint64_t at = 0;
	bool last = false;

	if (on_fuse()) {
		FAILS(ioctl(fd, FS_IOC_FIEMAP, m), EOPNOTSUPP);
		free(m);
		return true;
	}
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
			flags |= e->fe_flags;
			at = e->fe_logical + e->fe_length;
			last = e->fe_flags & FIEMAP_EXTENT_LAST;
			n++;
		}
	}
	free(m);
	return n >= least && n <= most && (flags & has) == has && !(flags & lacks);
}

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

/* A write that fails takes no space, and does not take what was asked for before. */
static void t_fault(void)
{
	unsigned char *p = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = make("f");

	CHECK(p != MAP_FAILED && !munmap(p + 2 * BLOCK, BLOCK));
	FAILS(pwrite(fd, p + 2 * BLOCK, BLOCK, 0), EFAULT);
	FAILS(pwrite(fd, p + 2 * BLOCK, 100 * BLOCK, 0), EFAULT);
	CHECK(st_of("f").st_size == 0);
	close(fd);
	CHECK(st_of("f").st_blocks == 0);
	fd = open("f", O_RDWR);
	pattern(p, 2 * BLOCK, 0, 1);
	CHECK(pwrite(fd, p, 50 * BLOCK, 0) == 2 * BLOCK);	/* as far as it goes */
	CHECK(st_of("f").st_size == 2 * BLOCK);
	close(fd);
	CHECK(st_of("f").st_blocks == 16);
	fd = open("f", O_RDWR);
	CHECK(!fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 * BLOCK, 10 * BLOCK));
	CHECK(!fsync(fd));
	close(fd);
	drop_caches();
	fd = open("f", O_RDWR);
	FAILS(pwrite(fd, p + 2 * BLOCK, 100 * BLOCK, 12 * BLOCK), EFAULT);
	CHECK(pread(fd, p + 2 * BLOCK, BLOCK, 0) == -1 && errno == EFAULT);
	expect(fd, 0, 2 * BLOCK, 1);
	close(fd);
	CHECK(st_of("f").st_blocks == 12 * 8 && st_of("f").st_size == 2 * BLOCK);
	CHECK(!munmap(p, 2 * BLOCK));
	CHECK(!unlink("f"));
}

#define APPENDERS 4
#define RECORDS 500
#define RECORD 100

static void appender(int id)
{
	char rec[RECORD + 1];
	int fd = open("log", O_WRONLY | O_APPEND);

	CHECK(fd >= 0);
	for (int i = 0; i < RECORDS; i++) {
		snprintf(rec, sizeof(rec), "%d %-*d\n", id, RECORD - 3, i);
		CHECK(write(fd, rec, RECORD) == RECORD);
	}
	close(fd);
}

/* Appends of several processes: each record is there, whole, and in its process's order. */
static void t_append(void)
{
	int next[APPENDERS] = { }, id, i;
	char rec[RECORD + 1];
	FILE *f;

	close(make("log"));
	spawn(APPENDERS, appender);
	drop_caches();
	CHECK(st_of("log").st_size == APPENDERS * RECORDS * RECORD);
	f = fopen("log", "r");
	CHECK(f);
	while (fread(rec, RECORD, 1, f) == 1) {
		rec[RECORD] = 0;
		CHECK(sscanf(rec, "%d %d", &id, &i) == 2 && rec[RECORD - 1] == '\n');
		CHECK(id >= 0 && id < APPENDERS && i == next[id]++);
	}
	fclose(f);
	for (i = 0; i < APPENDERS; i++)
		CHECK(next[i] == RECORDS);
}

static void t_sparse(void)
{
	uint64_t far = 1ULL << 40;
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
	CHECK(in_extents(fd, 2, 2, 0, FIEMAP_EXTENT_UNWRITTEN));
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

static int extend_fd;

static void *extend(void *page)
{
	CHECK(pwrite(extend_fd, page, BLOCK, 100 * BLOCK) == BLOCK);
	return NULL;
}

/*
 * A write leaves a hole behind the end of the file while a mapping dirties the folio that the end
 * is in, all of it.  The write is held in the middle: its source is a page that we provide.
 */
static void t_straddle(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = { };
	struct pollfd event;
	struct uffd_msg msg;
	pthread_t thread;
	void *page;
	char *p;
	int fd = make("f");

	extend_fd = fd;
	put(fd, 0, 4 * BLOCK, 1);		/* one folio */
	CHECK(!ftruncate(fd, 2 * BLOCK + 100));
	p = mmap(NULL, 4 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	page = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED && page != MAP_FAILED);
	event = (struct pollfd){ .fd = syscall(SYS_userfaultfd, O_CLOEXEC), .events = POLLIN };
	CHECK(event.fd >= 0 && !ioctl(event.fd, UFFDIO_API, &api));
	reg.range.start = zero.range.start = (uintptr_t)page;
	reg.range.len = zero.range.len = BLOCK;
	CHECK(!ioctl(event.fd, UFFDIO_REGISTER, &reg));
	CHECK(!pthread_create(&thread, NULL, extend, page));
	CHECK(poll(&event, 1, 20000) == 1);
	CHECK(read(event.fd, &msg, sizeof(msg)) == sizeof(msg) &&
	      msg.event == UFFD_EVENT_PAGEFAULT);
	CHECK(st_of("f").st_size == 2 * BLOCK + 100);
	p[0] = 77;
	CHECK(!ioctl(event.fd, UFFDIO_ZEROPAGE, &zero) && !pthread_join(thread, NULL));
	close(event.fd);
	CHECK(!fsync(fd));
	CHECK(!munmap(p, 4 * BLOCK) && !munmap(page, BLOCK));
	close(fd);
	drop_caches();
	CHECK(st_of("f").st_size == 101 * BLOCK && st_of("f").st_blocks == 4 * 8);
	fd = open("f", O_RDONLY);
	CHECK(pread(fd, &msg, 1, 0) == 1 && *(char *)&msg == 77);
	expect(fd, 1, 2 * BLOCK + 99, 1);
	expect_zero(fd, 2 * BLOCK + 100, 99 * BLOCK - 100);
	close(fd);
	CHECK(!unlink("f"));
}

static void t_fallocate(void)
{
	int fd = make("f");

	put(fd, 0, 1000, 1);
	CHECK(!fallocate(fd, 0, 500, 1 << 20));
	CHECK(st_of("f").st_size == (1 << 20) + 500);
	expect(fd, 0, 1000, 1);
	expect_zero(fd, 1000, (1 << 20) - 500);
	CHECK(!fsync(fd) && in_extents(fd, 2, ~0u, FIEMAP_EXTENT_UNWRITTEN, 0));
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

	for (int i = 0; i < BLOCKS; i++) {
		CHECK(!fallocate(a, 0, (off_t)i * BLOCK, BLOCK));
		CHECK(!fallocate(b, 0, (off_t)i * BLOCK, BLOCK));
	}
	CHECK(in_extents(a, BLOCKS / 2 + 1, ~0u, 0, 0));
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
	CHECK(in_extents(a, BLOCKS / 2 + 1, ~0u, 0, FIEMAP_EXTENT_UNWRITTEN));
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

/* --- many at once --- */

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

/* Are so many blocks free?  Through FUSE, the last word about files that are gone comes later. */
static bool come_back(uint64_t blocks)
{
	for (int i = 0; on_fuse() && i < 1000 && free_blocks() != blocks; i++)
		usleep(10000);
	return free_blocks() == blocks;
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

/* DIR must be on a small filesystem. */
static void t_full(void)
{
	uint64_t before, full;
	char name[64];
	int fd, n;

	CHECK(!mkdir("sub", 0755) && !rmdir("sub"));
	if (on_fuse())
		usleep(200000);
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
		CHECK(come_back(before - st_of(".").st_blocks / 8));
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

/* --- main --- */

static const struct test tests[] = {
	{ "data", t_data, "files of many sizes, appends, no blocks wasted" },
	{ "fault", t_fault, "a write from a bad address takes no space" },
	{ "append", t_append, "four processes append to one file" },
	{ "sparse", t_sparse, "holes, SEEK_HOLE, SEEK_DATA, the largest file" },
	{ "truncate", t_truncate, "truncate down and up never shows old bytes" },
	{ "mmap", t_mmap, "shared mappings, holes, EOF, SIGBUS" },
	{ "straddle", t_straddle, "mmap and a write past EOF in one folio" },
	{ "fallocate", t_fallocate, "fallocate, KEEP_SIZE, unwritten blocks read as zeros" },
	{ "splice", t_splice, "sendfile and splice" },
	{ "sync", t_sync, "fsync, fdatasync, syncfs, O_SYNC" },
	{ "fragments", t_fragments, "two files of 5,000 extents each" },
	{ "stress", t_stress, "four processes, random operations against a model" },
	{ "race", t_race, "truncate, write and read of one file at once" },
	{ "full", t_full, "a full filesystem, and all space comes back" },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
