// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "mount.h"

#define BLOCKS	32768u			/* 128 MiB, two groups */

/* --- images --- */

void mount_make_of(struct mount *m, __u64 blocks)
{
	struct vexfs_mkfs_opts opts = { .label = "image", .journal_blocks = VEXFS_MIN_JOURNAL };
	struct vexfs_dev dev;
	int fd;

	memset(m, 0, sizeof(*m));
	strcpy(m->path, "/tmp/vexfs-image-XXXXXX");
	fd = mkstemp(m->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)blocks << VEXFS_BLOCK_SHIFT), 0);
	assert_int_equal(vexfs_dev_init(&dev, fd, blocks), 0);
	memcpy(opts.uuid, "an image in user", sizeof(opts.uuid));
	assert_int_equal(vexfs_mkfs(&dev, &opts, NULL), 0);
	vexfs_dev_close(&dev);
}

void mount_make(struct mount *m)
{
	mount_make_of(m, BLOCKS);
}

int mount_try(struct mount *m, unsigned int flags)
{
	const char *why = NULL;
	int err;

	if (!m->quiet) {
		err = vexfs_image_open(m->path, flags, &m->image, &why);
		if (err)
			print_error("%s: %s (%d)\n", m->path, why ? why : "", err);
		return err;
	}
	assert_int_equal(vexfs_dev_open(&m->dev, m->path, O_RDWR), 0);
	m->dev.quiet = true;
	return vexfs_image_mount(&m->dev, flags, &m->image, &why);
}

void mount_open(struct mount *m, unsigned int flags)
{
	assert_int_equal(mount_try(m, flags), 0);
}

static void finding(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	va_list ap;

	if (nr == VEXFS_FOUND_BINDING_GONE)	/* a note */
		return;
	(*(int *)arg)++;
	va_start(ap, fmt);
	printf("# %d ", nr);
	vprintf(fmt, ap);
	fputc('\n', stdout);
	va_end(ap);
}

void mount_check(const struct mount *m)
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

void mount_open_c(struct mount *m)
{
	m->c = vexfs_file_open(m->image, "/c", O_RDONLY | O_DIRECTORY, 0);
	assert_false(IS_ERR(m->c));
}

static void close_c(struct mount *m)
{
	if (m->c)
		vexfs_file_close(m->c);
	m->c = NULL;
}

void mount_close(struct mount *m)
{
	close_c(m);
	assert_int_equal(vexfs_image_close(m->image), 0);
}

void mount_kill(struct mount *m)
{
	close_c(m);
	vexfs_image_kill(m->image);
}

void mount_again(struct mount *m)
{
	bool c = m->c;

	mount_close(m);
	mount_check(m);
	mount_open(m, 0);
	if (c)
		mount_open_c(m);
}

void mount_unmake(struct mount *m)
{
	mount_close(m);
	mount_check(m);
	unlink(m->path);
}

/* --- collections --- */

long collection_create(struct file *dir)
{
	struct vexfs_ioc_create arg = {
		.size = sizeof(arg),
		.dims = DIMS,
		.element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2,
		.attrs = 2,
		.attr = { { .name = "n", .type = VEXFS_ATTR_INT },
			  { .name = "word", .type = VEXFS_ATTR_KEYWORD } },
	};

	return vexfs_file_ioctl(dir, VEXFS_IOC_CREATE, &arg);
}

void mount_with_collection(struct mount *m)
{
	mount_make(m);
	mount_open(m, 0);
	assert_int_equal(vexfs_image_mkdir(m->image, "/c", 0755), 0);
	mount_open_c(m);
	assert_int_equal(collection_create(m->c), 0);
}

struct file *file_open(struct mount *m, const char *path, const char *text)
{
	struct file *file =
		vexfs_file_open(m->image, path, O_RDWR | (text ? O_CREAT | O_TRUNC : 0), 0644);

	assert_false(IS_ERR(file));
	if (text)
		assert_int_equal(vexfs_file_pwrite(file, text, strlen(text), 0), strlen(text));
	return file;
}

void vector_of(__u64 id, float v[DIMS])
{
	__u32 i;

	v[0] = id;
	for (i = 1; i < DIMS; i++)
		v[i] = (id * (i + 7) % 97) / 97.0f;
}

long insert_some(struct mount *m, __u64 first, __u32 n, __u32 flags)
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
		vector_of(first + i, rows + i * DIMS);
	}
	err = vexfs_file_ioctl(m->c, VEXFS_IOC_INSERT, &arg);
	free(rows);
	free(ids);
	free(attrs);
	return err;
}

static long intern(struct mount *m, const char *word, __s64 *code)
{
	__u8 len = strlen(word);
	struct vexfs_ioc_intern arg = {
		.size = sizeof(arg),
		.attr = 1,
		.n = 1,
		.words = (uintptr_t)word,
		.lens = (uintptr_t)&len,
		.codes = (uintptr_t)code,
		.word_bytes = len,
	};

	return vexfs_file_ioctl(m->c, VEXFS_IOC_INTERN, &arg);
}

long insert_one(struct mount *m, __u64 id, const char *key, const char *word, int fd, __u32 flags)
{
	struct vexfs_bind bind = { .fd = fd, .len = fd < 0 ? 0 : 4, .off = fd < 0 ? 0 : id };
	__u8 len = key ? strlen(key) : 0;
	__s64 attr[2] = { id };
	float row[DIMS];
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.flags = flags,
		.n = 1,
		.row_bytes = sizeof(row),
		.rows = (uintptr_t)row,
		.ids = (uintptr_t)&id,
		.attrs = (uintptr_t)attr,
		.keys = (uintptr_t)key,
		.key_lens = key ? (uintptr_t)&len : 0,
		.key_bytes = len,
		.binds = fd < 0 ? 0 : (uintptr_t)&bind,
	};
	long err = word ? intern(m, word, &attr[1]) : 0;

	vector_of(id, row);
	return err ? err : vexfs_file_ioctl(m->c, VEXFS_IOC_INSERT, &arg);
}

long delete_id(struct mount *m, __u64 id)
{
	struct vexfs_ioc_delete arg = { .size = sizeof(arg), .n = 1, .ids = (uintptr_t)&id };

	return vexfs_file_ioctl(m->c, VEXFS_IOC_DELETE, &arg);
}

struct vexfs_ioc_info info_of(struct mount *m)
{
	struct vexfs_ioc_info arg = { .size = sizeof(arg) };

	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_INFO, &arg), 0);
	return arg;
}

long search_id(struct mount *m, __u64 id, __u32 k, const char *snapshot, struct vexfs_hit *hits)
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

	if (snapshot)
		strcpy(arg.snapshot, snapshot);
	vector_of(id, v);
	err = vexfs_file_ioctl(m->c, VEXFS_IOC_SEARCH, &arg);
	return err ? err : arg.n;
}

bool is_found(struct mount *m, __u64 id)
{
	struct vexfs_hit hit;
	long n = search_id(m, id, 1, NULL, &hit);

	assert_true(n >= 0);
	return n == 1 && hit.id == id && hit.distance == 0;
}

long get_id(struct mount *m, __u64 id, struct vexfs_item *item)
{
	struct vexfs_ioc_get arg = { .size = sizeof(arg), .id = id };
	long err = vexfs_file_ioctl(m->c, VEXFS_IOC_GET, &arg);

	*item = arg.item;
	return err;
}

__u32 list_ids(struct mount *m, __u64 *id, __u32 room)
{
	struct vexfs_item *items = calloc(room, sizeof(*items));
	struct vexfs_ioc_list arg = { .size = sizeof(arg), .n = room, .items = (uintptr_t)items };
	__u32 i;

	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_LIST, &arg), 0);
	assert_true(arg.cursor == ~0ULL);
	for (i = 0; i < arg.n; i++)
		id[i] = items[i].id;
	free(items);
	return arg.n;
}

/* --- descriptors --- */

static struct file *numbers[64];
static int numbers_used;

static struct file *lookup(int fd)
{
	return fd >= 0 && fd < numbers_used ? numbers[fd] : NULL;
}

int number_of(struct file *file)
{
	assert_true(numbers_used < 64);
	vexfs_image_descriptors(lookup);
	numbers[numbers_used] = file;
	return numbers_used++;
}

void numbers_forget(void)
{
	numbers_used = 0;
}
