// SPDX-License-Identifier: GPL-2.0
/*
 * A mount in this process, over the module's own collections: what is done to them through ctl/platform/image.h, what a
 * remount finds of it, and what fsck says.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <platform/image.h>
#include <platform/log.h>
#include <vexfs/ioctl.h>
#include "box.h"

#define DIMS	8u
#define BLOCKS	32768u			/* 128 MiB, two groups */

struct mount {
	char path[64];
	struct vexfs_image *image;
	struct file *c;			/* the collection /c */
};

/* --- images --- */

static void make(struct mount *m)
{
	struct vexfs_mkfs_opts opts = { .label = "image", .journal_blocks = VEXFS_MIN_JOURNAL };
	struct vexfs_dev dev;
	int fd;

	memset(m, 0, sizeof(*m));
	strcpy(m->path, "/tmp/vexfs-image-XXXXXX");
	fd = mkstemp(m->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)BLOCKS << VEXFS_BLOCK_SHIFT), 0);
	assert_int_equal(vexfs_dev_init(&dev, fd, BLOCKS), 0);
	memcpy(opts.uuid, "an image in user", sizeof(opts.uuid));
	assert_int_equal(vexfs_mkfs(&dev, &opts, NULL), 0);
	vexfs_dev_close(&dev);
}

static void open_image(struct mount *m, unsigned int flags)
{
	const char *why = NULL;
	int err = vexfs_image_open(m->path, flags, &m->image, &why);

	if (err)
		print_error("%s: %s (%d)\n", m->path, why ? why : "", err);
	assert_int_equal(err, 0);
}

static void finding(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	va_list ap;

	if (nr == VEXFS_FOUND_BINDING_GONE)
		return;
	(*(int *)arg)++;
	va_start(ap, fmt);
	printf("# %d ", nr);
	vprintf(fmt, ap);
	fputc('\n', stdout);
	va_end(ap);
}

/* Check it as fsck.vexfs does; the log is replayed in memory. */
static void fsck(const struct mount *m)
{
	int problems = 0;
	struct vexfs_verify_opts opts = { .report = finding, .arg = &problems };
	union {
		struct vexfs_super super;
		char byte[VEXFS_BLOCK_SIZE];
	} b;
	struct vexfs_fs fs = { };
	struct vexfs_dev dev;
	const char *why;

	assert_int_equal(vexfs_dev_open(&dev, m->path, O_RDONLY), 0);
	assert_int_equal(vexfs_dev_read(&dev, 0, &b), 0);
	assert_int_equal(vexfs_log_replay(&dev, &b.super, NULL, &why), 0);
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_verify(&fs, &opts, NULL), 0);
	assert_int_equal(problems, 0);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
}

static void open_c(struct mount *m)
{
	m->c = vexfs_file_open(m->image, "/c", O_RDONLY | O_DIRECTORY, 0);
	assert_false(IS_ERR(m->c));
}

/* Unmount, check, mount again. */
static void remount(struct mount *m)
{
	if (m->c)
		vexfs_file_close(m->c);
	assert_int_equal(vexfs_image_close(m->image), 0);
	fsck(m);
	open_image(m, 0);
	if (m->c)
		open_c(m);
}

static void unmake(struct mount *m)
{
	if (m->c)
		vexfs_file_close(m->c);
	assert_int_equal(vexfs_image_close(m->image), 0);
	fsck(m);
	unlink(m->path);
}

/* --- collections --- */

static long create(struct file *dir)
{
	struct vexfs_ioc_create arg = {
		.size = sizeof(arg),
		.dims = DIMS,
		.element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2,
		.attrs = 2,
		.attr = { { .name = "n", .type = VEXFS_ATTR_INT }, { .name = "word", .type = VEXFS_ATTR_KEYWORD } },
	};

	return vexfs_file_ioctl(dir, VEXFS_IOC_CREATE, &arg);
}

static void make_collection(struct mount *m)
{
	make(m);
	open_image(m, 0);
	assert_int_equal(vexfs_image_mkdir(m->image, "/c", 0755), 0);
	open_c(m);
	assert_int_equal(create(m->c), 0);
}

/* The vector of record id: its first element is the id, so that neighbours are near. */
static void vector(__u64 id, float *v)
{
	__u32 i;

	v[0] = id;
	for (i = 1; i < DIMS; i++)
		v[i] = (id * (i + 7) % 97) / 97.0f;
}

static long insert(struct mount *m, __u64 first, __u32 n, __u32 flags)
{
	float *rows = calloc(n, DIMS * sizeof(*rows));
	__u64 *ids = calloc(n, sizeof(*ids));
	__s64 *attrs = calloc(n * 2, sizeof(*attrs));
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.flags = flags,
		.n = n,
		.row_bytes = DIMS * sizeof(*rows),
		.rows = (uintptr_t)rows,
		.ids = (uintptr_t)ids,
		.attrs = (uintptr_t)attrs,
	};
	__u32 i;
	long err;

	for (i = 0; i < n; i++) {
		ids[i] = first + i;
		attrs[2 * i] = first + i;
		vector(first + i, rows + i * DIMS);
	}
	err = vexfs_file_ioctl(m->c, VEXFS_IOC_INSERT, &arg);
	free(rows);
	free(ids);
	free(attrs);
	return err;
}

static long delete_id(struct mount *m, __u64 id)
{
	struct vexfs_ioc_delete arg = { .size = sizeof(arg), .n = 1, .ids = (uintptr_t)&id };

	return vexfs_file_ioctl(m->c, VEXFS_IOC_DELETE, &arg);
}

static struct vexfs_ioc_info info(struct mount *m)
{
	struct vexfs_ioc_info arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_INFO, &arg), 0);
	return arg;
}

/* The k nearest of the vector of `id`; how many there are. */
static long search(struct mount *m, __u64 id, __u32 k, struct vexfs_hit *hits)
{
	float v[DIMS];
	struct vexfs_ioc_search arg = {
		.size = sizeof(arg),
		.k = k,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)hits,
	};
	long err;

	vector(id, v);
	err = vexfs_file_ioctl(m->c, VEXFS_IOC_SEARCH, &arg);
	return err ? err : arg.n;
}

/* Is the record there, and found? */
static void expect_hit(struct mount *m, __u64 id)
{
	struct vexfs_hit hit;

	assert_int_equal(search(m, id, 1, &hit), 1);
	assert_int_equal(hit.id, id);
	assert_true(hit.distance == 0);
}

static void expect_no_hit(struct mount *m, __u64 id)
{
	struct vexfs_hit hit;

	assert_int_equal(search(m, id, 1, &hit), 1);
	assert_int_not_equal(hit.id, id);
}

/* --- tests --- */

static void first_steps(void **state)
{
	struct mount m;

	(void)state;
	make_collection(&m);
	assert_int_equal(insert(&m, 1, 1000, 0), 0);
	expect_hit(&m, 500);
	remount(&m);
	assert_int_equal(info(&m).live, 1000);
	expect_hit(&m, 1);
	expect_hit(&m, 1000);
	assert_int_equal(insert(&m, 500, 1, 0), -EEXIST);
	assert_int_equal(insert(&m, 2000, 10, 0), 0);
	assert_int_equal(delete_id(&m, 500), 0);
	assert_int_equal(delete_id(&m, 500), -ENOENT);
	expect_no_hit(&m, 500);
	remount(&m);
	assert_int_equal(info(&m).live, 1009);
	expect_no_hit(&m, 500);
	expect_hit(&m, 2009);
	unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
