// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs on an attached image, as programs call it: descriptors and their numbers, many threads at
 * once, and what a detach leaves.  Each test compares what is found with what it put there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vexfs/vexfs.h>
#include "box.h"

#define DIMS	8
#define THREADS	8

static char dir[] = "/tmp/test-attach.XXXXXX";
static char image[sizeof(dir) + 16], words[sizeof(image) + 16];

static void make(void)
{
	struct vexfs_mkfs_opts opts = { .label = "attach" };
	struct vexfs_dev dev;
	int fd = open(image, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	close(fd);
	assert_int_equal(vexfs_dev_open(&dev, image, O_RDWR), 0);
	assert_int_equal(vexfs_mkfs(&dev, &opts, NULL), 0);
	vexfs_dev_close(&dev);
}

/* What fsck.vexfs would look for. */
static void report(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	va_list ap;

	(*(int *)arg)++;
	fprintf(stderr, "%d ", nr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

static void verify(void)
{
	int problems = 0;
	struct vexfs_verify_opts opts = { .report = report, .arg = &problems };
	struct vexfs_dev dev;
	struct vexfs_fs fs;

	assert_int_equal(vexfs_dev_open(&dev, image, O_RDONLY), 0);
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_verify(&fs, &opts, NULL), 0);
	assert_int_equal(problems, 0);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
}

/* A fresh image with an empty collection: its descriptor. */
static int begin(void)
{
	struct vexfs_schema schema = { .dims = DIMS, .attrs = 1,
				       .attr = { { .name = "n", .type = VEXFS_ATTR_INT } } };
	int fd;

	make();
	assert_int_equal(vexfs_attach(image, 0), 0);
	assert_int_equal(vexfs_mkdir(words), 0);
	fd = vexfs_open(words);
	assert_true(fd >= 0);
	assert_int_equal(vexfs_create(fd, &schema), 0);
	return fd;
}

static void row_of(__u64 id, float *row)
{
	int i;

	for (i = 0; i < DIMS; i++)
		row[i] = (id >> i % 16 & 15) + i * 0.25f;
	row[0] = id;
}

static int insert(int fd, __u64 id, int n, const struct vexfs_bind *binds)
{
	float rows[64 * DIMS];
	__s64 attrs[64];
	__u64 ids[64];
	struct vexfs_batch b = { .n = n, .row_bytes = DIMS * sizeof(float), .rows = rows,
				 .ids = ids, .attrs = attrs, .binds = binds };
	int i;

	for (i = 0; i < n; i++) {
		ids[i] = attrs[i] = id + i;
		row_of(id + i, rows + i * DIMS);
	}
	return vexfs_insert(fd, &b);
}

/* The nearest record of what row_of() makes of id. */
static int nearest(int fd, __u64 id, struct vexfs_hit *hit)
{
	float row[DIMS];
	struct vexfs_request q = { .vector = row, .vector_bytes = sizeof(row), .k = 1 };
	struct vexfs_answer a;
	int err;

	row_of(id, row);
	err = vexfs_search(fd, &q, hit, &a);
	return err ? err : (int)a.n;
}

static __u64 live(int fd)
{
	struct vexfs_ioc_info info;

	assert_int_equal(vexfs_info(fd, &info), 0);
	return info.live;
}

static void test_life(void **state)
{
	int fd = begin(), again, i;
	struct vexfs_hit hit;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(insert(fd, i * 50, 50, NULL), 0);
	assert_int_equal(nearest(fd, 123, &hit), 1);
	assert_int_equal(hit.id, 123);
	assert_true(hit.distance == 0);
	assert_int_equal(vexfs_attach(image, 0), -EALREADY);
	assert_int_equal(vexfs_attach(image, 77), -EINVAL);
	assert_int_equal(vexfs_use(fd, VEXFS_SLOT_SEARCH, "flat"), -ENOENT);
	assert_int_equal(vexfs_use(fd, VEXFS_SLOT_SEARCH, ""), 0);
	assert_int_equal(vexfs_close(fd), 0);
	assert_int_equal(vexfs_close(fd), -EBADF);
	assert_int_equal(vexfs_detach(image), 0);
	assert_int_equal(vexfs_detach(image), -ENOENT);
	assert_int_equal(vexfs_open(words), -ENOTDIR);
	verify();

	assert_int_equal(vexfs_attach(image, VEXFS_ATTACH_READONLY), 0);
	fd = vexfs_open(words);
	again = vexfs_open(words);
	assert_true(fd >= 0 && again >= 0 && fd != again);
	assert_int_equal(live(fd), 500);
	assert_int_equal(nearest(again, 499, &hit), 1);
	assert_int_equal(hit.id, 499);
	assert_int_equal(insert(fd, 1000, 1, NULL), -EROFS);
	assert_int_equal(vexfs_mkdir(words), -EEXIST);
	assert_int_equal(vexfs_detach(image), 0);
	/* what was open is of no use, and to be closed all the same */
	assert_int_equal(nearest(fd, 1, &hit), -EBADF);
	assert_int_equal(vexfs_sync(again), -EBADF);
	assert_int_equal(vexfs_close(fd), 0);
	assert_int_equal(vexfs_close(again), 0);
	assert_int_equal(vexfs_close(again), -EBADF);
}

/* A number that was closed by close(2) is nobody's, and then somebody else's. */
/* recall of a request is a number, in the ioctl it is millionths of which 0 is the default. */
static void test_recall(void **state)
{
	static const struct {
		double recall;
		__u32 effort, flags;
		int err;
	} asked[] = {
		{ 0, 0, 0, 0 }, { -0.0, 0, 0, 0 }, { 1e-12, 0, 0, 0 }, { 0.95, 8, 0, 0 },
		{ 1, ~0u, 0, 0 }, { 1.0000001, 0, 0, -EINVAL }, { -1e-12, 0, 0, -EINVAL },
		{ 95, 0, 0, -EINVAL }, { NAN, 0, 0, -EINVAL }, { INFINITY, 0, 0, -EINVAL },
		/* not taken for the default, which goes with exact */
		{ 1e-12, 0, VEXFS_SEARCH_EXACT, -EINVAL }, { 0, 0, VEXFS_SEARCH_EXACT, 0 },
		{ 0, 1, VEXFS_SEARCH_EXACT, -EINVAL },
	};
	struct vexfs_hit hit;
	float row[DIMS];
	int fd = begin(), i;

	(void)state;
	assert_int_equal(insert(fd, 0, 50, NULL), 0);
	row_of(7, row);
	for (i = 0; i < (int)(sizeof(asked) / sizeof(asked[0])); i++) {
		struct vexfs_request q = { .vector = row, .vector_bytes = sizeof(row), .k = 1,
					   .flags = asked[i].flags, .recall = asked[i].recall,
					   .effort = asked[i].effort };
		struct vexfs_answer a;

		assert_int_equal(vexfs_search(fd, &q, &hit, &a), asked[i].err);
		assert_true(asked[i].err ? !a.n : a.n == 1 && hit.id == 7);
	}
	assert_int_equal(vexfs_close(fd), 0);
	assert_int_equal(vexfs_detach(image), 0);
}

static void test_numbers(void **state)
{
	int fd = begin(), other, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct vexfs_hit hit;
	char byte = 0;

	(void)state;
	assert_int_equal(insert(fd, 0, 50, NULL), 0);
	/* what is meant for a file fails */
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(write(fd, &byte, 1), -1);
	assert_int_equal(fsync(fd), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
	assert_int_equal(nearest(fd, 1, &hit), -EBADF);
	assert_int_equal(vexfs_sync(fd), -EBADF);
	assert_int_equal(dup2(null, fd), fd);
	assert_int_equal(nearest(fd, 1, &hit), -ENOTTY);
	assert_int_equal(vexfs_delete(fd, &(__u64){ 1 }, 1, NULL), -ENOTTY);
	assert_int_equal(vexfs_pwrite(fd, &byte, 1, 0), 1);
	assert_int_equal(vexfs_close(fd), 0);
	other = vexfs_open(words);
	assert_int_equal(other, fd);		/* the lowest free one */
	assert_int_equal(live(other), 50);
	/* again, and the number comes back from the library itself */
	assert_int_equal(close(other), 0);
	other = vexfs_open(words);
	assert_int_equal(other, fd);
	assert_int_equal(live(other), 50);
	fd = dup(other);
	assert_int_equal(nearest(fd, 1, &hit), -ENOTTY);
	close(fd);
	assert_int_equal(vexfs_close(other), 0);
	assert_int_equal(vexfs_detach(image), 0);
	close(null);
	verify();
}

/* Any path to the image leads into it, and none that only looks like it. */
static void test_paths(void **state)
{
	char path[128], link[128];
	int fd = begin(), other;

	(void)state;
	vexfs_close(fd);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink("x.img", link), 0);
	snprintf(path, sizeof(path), "%s/link/words", dir);
	fd = vexfs_open(path);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/../%s//./x.img///words/", dir, strrchr(dir, '/') + 1);
	other = vexfs_open(path);
	assert_true(other >= 0);
	assert_int_equal(live(other), 0);
	vexfs_close(other);
	assert_int_equal(chdir(dir), 0);
	other = vexfs_open("x.img/words");
	assert_true(other >= 0);
	vexfs_close(other);
	other = vexfs_open("x.img");		/* its root */
	assert_true(other >= 0);
	assert_int_equal(vexfs_info(other, &(struct vexfs_ioc_info){}), -ENODATA);
	vexfs_close(other);
	assert_int_equal(vexfs_open("x.img/nothing"), -ENOENT);
	assert_int_equal(vexfs_open("x.imgs/words"), -ENOENT);
	assert_int_equal(vexfs_open("/etc/passwd/words"), -ENOTDIR);
	assert_int_equal(vexfs_mkdir("x.img"), -EEXIST);
	assert_int_equal(vexfs_mkdir("/etc/passwd/words"), -ENOTDIR);
	assert_int_equal(vexfs_mkdir("x.img/no/way"), -ENOENT);
	assert_int_equal(vexfs_rmdir("x.img/nothing"), -ENOENT);
	assert_int_equal(vexfs_mkdir("x.img/other"), 0);
	assert_int_equal(vexfs_rmdir("x.img/other"), 0);
	/* beside it everything is as ever */
	assert_int_equal(vexfs_mkdir("plain"), 0);
	other = vexfs_open("plain");
	assert_true(other >= 0);
	assert_int_equal(vexfs_info(other, &(struct vexfs_ioc_info){}), -ENOTTY);
	assert_int_equal(vexfs_close(other), 0);
	assert_int_equal(vexfs_rmdir("plain"), 0);
	/* under another name it is the same, and by its first name, too */
	assert_int_equal(rename("x.img", "y.img"), 0);
	other = vexfs_open("y.img/words");
	assert_true(other >= 0);
	vexfs_close(other);
	vexfs_close(fd);
	assert_int_equal(vexfs_detach(image), 0);
	assert_int_equal(rename("y.img", "x.img"), 0);
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(chdir("/"), 0);
	verify();
}

/* Records of files in an image, whose descriptors are from this library. */
static void test_files(void **state)
{
	struct vexfs_bind binds[3];
	char path[128], text[32], other[128];
	int fd = begin(), a, b, plain;
	struct vexfs_hit hit;

	(void)state;
	a = vexfs_open_file(fd, "a.txt", O_RDWR | O_CREAT | O_EXCL);
	assert_true(a >= 0);
	assert_int_equal(vexfs_open_file(fd, "a.txt", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(vexfs_pwrite(a, "hello there", 11, 0), 11);
	assert_int_equal(vexfs_pread(a, text, sizeof(text), 6), 5);
	assert_memory_equal(text, "there", 5);
	assert_int_equal(vexfs_pread(a, text, sizeof(text), 11), 0);
	assert_int_equal(vexfs_sync(a), 0);
	snprintf(path, sizeof(path), "%s/b.txt", words);
	b = vexfs_open_file(AT_FDCWD, path, O_RDWR | O_CREAT);
	assert_true(b >= 0);
	assert_int_equal(vexfs_pwrite(b, "b", 1, 0), 1);
	binds[0] = (struct vexfs_bind){ .fd = a, .off = 0, .len = 5 };
	binds[1] = (struct vexfs_bind){ .fd = b, .off = 0, .len = 1 };
	binds[2] = (struct vexfs_bind){ .fd = a, .off = 6, .len = 5 };
	assert_int_equal(insert(fd, 10, 3, binds), 0);
	assert_int_equal(nearest(fd, 12, &hit), 1);
	assert_int_equal(hit.id, 12);
	assert_int_equal(hit.file_off, 6);
	assert_int_equal(hit.file_len, 5);
	assert_int_equal(vexfs_path(fd, hit.file, text, sizeof(text)), 0);
	assert_string_equal(text, "a.txt");
	/* what is no file of the image */
	snprintf(other, sizeof(other), "%s/plain", dir);
	plain = vexfs_open_file(AT_FDCWD, other, O_RDWR | O_CREAT);
	assert_true(plain >= 0);
	binds[1].fd = plain;
	assert_int_equal(insert(fd, 20, 3, binds), -EBADF);
	binds[1].fd = fd;			/* a directory */
	assert_true(insert(fd, 20, 3, binds) < 0);
	assert_int_equal(live(fd), 3);
	/* a change is seen, and so is that a file is gone */
	assert_int_equal(vexfs_pwrite(a, "H", 1, 0), 1);
	assert_int_equal(nearest(fd, 12, &hit), 1);
	assert_true(hit.flags & VEXFS_ITEM_STALE);
	assert_int_equal(vexfs_close(a), 0);
	snprintf(path, sizeof(path), "%s/a.txt", words);
	assert_int_equal(vexfs_unlink(path), 0);
	assert_int_equal(vexfs_unlink(path), -ENOENT);
	assert_int_equal(nearest(fd, 12, &hit), 1);
	assert_int_equal(hit.id, 11);
	vexfs_close(b);
	vexfs_close(plain);
	assert_int_equal(vexfs_unlink(other), 0);
	vexfs_close(fd);
	assert_int_equal(vexfs_detach(image), 0);
	verify();
}

/* The image belongs to the process that has attached it, not to its children. */
static void test_fork(void **state)
{
	int fd = begin(), status, ends[2];
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(insert(fd, 0, 50, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid = fork();
	if (!pid) {
		close(ends[0]);
		if (insert(fd, 100, 1, NULL) != -ENOTTY || vexfs_open(words) != -ENOTDIR ||
		    vexfs_detach(image) != -ENOENT || vexfs_attach(image, 0) != -EBUSY)
			_exit(1);
		/* until the parent has closed its end */
		_exit(write(ends[1], &byte, 1) != 1 || read(ends[1], &byte, 1) ? 2 : 0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(live(fd), 50);
	vexfs_close(fd);
	/* the child does not keep it from anybody */
	assert_int_equal(vexfs_detach(image), 0);
	assert_int_equal(vexfs_attach(image, 0), 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(vexfs_detach(image), 0);
	verify();
}

/* --- threads --- */

struct worker {
	pthread_t thread;
	int nr, fd;			/* fd -1: one of its own, again and again */
	int wrong, err;
};

/* Insert, find, delete: records of its own, which nobody else touches. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct vexfs_hit hit;
	int i, fd = w->fd, n;
	__u64 id;

	for (i = 0; i < 40 && !w->err; i++) {
		if (w->fd < 0)
			fd = vexfs_open(words);
		if (fd < 0) {
			w->err = fd;
			break;
		}
		id = w->nr * 10000 + i * 20;
		w->err = insert(fd, id, 20, NULL);
		if (!w->err) {
			n = nearest(fd, id + 7, &hit);
			w->err = n < 0 ? n : 0;
			w->wrong += n != 1 || hit.id != id + 7;
		}
		if (!w->err)
			w->err = vexfs_delete(fd, &(__u64){ id + 7 }, 1, NULL);
		if (!w->err) {
			n = nearest(fd, id + 7, &hit);
			w->err = n < 0 ? n : 0;
			w->wrong += n != 1 || hit.id == id + 7;
		}
		if (!w->err && i % 8 == w->nr)
			w->err = vexfs_sync(fd);
		if (w->fd < 0)
			vexfs_close(fd);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct worker w[THREADS] = {};
	int fd = begin(), i;

	(void)state;
	for (i = 0; i < THREADS; i++) {
		w[i].nr = i;
		w[i].fd = i % 2 ? fd : -1;
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].err, 0);
		assert_int_equal(w[i].wrong, 0);
	}
	assert_int_equal(live(fd), THREADS * 40 * 19);
	vexfs_close(fd);
	assert_int_equal(vexfs_detach(image), 0);
	verify();
	assert_int_equal(vexfs_attach(image, 0), 0);
	fd = vexfs_open(words);
	assert_int_equal(live(fd), THREADS * 40 * 19);
	vexfs_close(fd);
	assert_int_equal(vexfs_detach(image), 0);
}

/* Until it is told to stop: whatever happens to the image, calls succeed, or say that it is gone. */
static atomic_bool stop;

static void *busy(void *arg)
{
	struct worker *w = arg;
	struct vexfs_hit hit;
	int fd, ret;

	while (!atomic_load(&stop)) {
		fd = w->fd >= 0 ? w->fd : vexfs_open(words);
		if (fd < 0) {
			w->wrong += fd != -ENOTDIR;
			continue;
		}
		ret = nearest(fd, 5, &hit);
		w->wrong += ret < 0 ? ret != -EBADF : ret != 1 || hit.id != 5;
		if (w->fd < 0)
			w->wrong += vexfs_close(fd) != 0;
	}
	return NULL;
}

/* Detach and attach again while others use it. */
static void test_detach(void **state)
{
	struct worker w[THREADS] = {};
	int fd = begin(), i;

	(void)state;
	assert_int_equal(insert(fd, 0, 20, NULL), 0);
	for (i = 0; i < THREADS; i++) {
		w[i].fd = i % 2 ? fd : -1;
		assert_int_equal(pthread_create(&w[i].thread, NULL, busy, &w[i]), 0);
	}
	for (i = 0; i < 20; i++) {
		usleep(3000);
		assert_int_equal(vexfs_detach(image), 0);
		assert_int_equal(vexfs_attach(image, i % 2 ? VEXFS_ATTACH_READONLY : 0), 0);
	}
	atomic_store(&stop, true);
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].wrong, 0);
	}
	assert_int_equal(vexfs_close(fd), 0);
	assert_int_equal(vexfs_detach(image), 0);
	verify();
}

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(image, sizeof(image), "%s/x.img", dir);
	snprintf(words, sizeof(words), "%s/words", image);
	return 0;
}

static int end(void **state)
{
	(void)state;
	return unlink(image) || rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),	cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_paths),	cmocka_unit_test(test_files),
		cmocka_unit_test(test_fork),	cmocka_unit_test(test_threads),
		cmocka_unit_test(test_detach),
	};

	return cmocka_run_group_tests(tests, start, end);
}
