// SPDX-License-Identifier: GPL-2.0
/* See client.h.  One thread has one client. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include <platform/log.h>
#include "../exact.h"
#include "box.h"
#include "client.h"

#define PTR(p) ((__u64)(uintptr_t)(p))
#define PAGE 40u /* records of a listing's page */

bool client_wrong(struct client *c, const char *fmt, ...)
{
	va_list ap;

	if (!c->why[0]) {
		va_start(ap, fmt);
		vsnprintf(c->why, sizeof(c->why), fmt, ap);
		va_end(ap);
	}
	return false;
}

bool client_failed(struct client *c, const char *call, int err)
{
	if (!c->why[0])
		c->err = err;
	return client_wrong(c, "%s: %s", call, strerror(-err));
}

/* --- mounting --- */

int client_mount(struct client *c, int fd, __u64 blocks,
		 void (*record)(struct vexfs_dev *dev, __u64 block, const void *data), void *arg)
{
	const char *why;
	int err;

	memset(c, 0, sizeof(*c));
	fd = dup(fd);
	assert_true(fd >= 0);
	assert_int_equal(vexfs_dev_init(&c->dev, fd, blocks), 0);
	/*
	 * Threads change inodes of one block at the same time, which would be taken for changes
	 * without access.
	 */
	c->dev.strict = record;
	c->dev.quiet = true;
	c->dev.record = record;
	c->dev.record_arg = arg;
	err = vexfs_image_mount(&c->dev, 0, &c->image, &why);
	if (err)
		client_wrong(c, "mount: %s: %s", strerror(-err), why ? why : "");
	return err;
}

int client_unmount(struct client *c)
{
	int err = vexfs_image_close(c->image);

	if (err)
		client_failed(c, "unmount", err);
	return err;
}

void client_kill(struct client *c)
{
	vexfs_image_kill(c->image);
}

/* --- operations --- */

static const char *dir_name(__u32 collection)
{
	return collection ? "c1" : "c0";
}

static const char *path_of(char path[16], __u32 collection, __u32 name)
{
	snprintf(path, 16, "c%u/f%u", collection, name);
	return path;
}

static struct file *open_dir(struct client *c, __u32 collection)
{
	return vexfs_file_open(c->image, dir_name(collection), O_RDONLY | O_DIRECTORY, 0);
}

static __thread struct file *descriptor[FILES]; /* that binds name */

static struct file *descriptor_of(int fd)
{
	return fd >= 0 && fd < (int)FILES ? descriptor[fd] : NULL;
}

/* Codes of the words w1, w2 ... that entries have. */
static int intern(struct file *dir, const struct op *op, __s64 code[WORDS])
{
	__u8 lens[WORDS];
	char bytes[WORDS * 2];
	struct vexfs_ioc_intern in = {
		.size = sizeof(in),
		.attr = 1,
		.words = PTR(bytes),
		.lens = PTR(lens),
	};
	bool used[WORDS] = {};
	__s64 out[WORDS];
	__u32 i, w;
	int err;

	for (i = 0; i < op->n; i++)
		used[op->entry[i]->word] = true;
	for (w = 1; w < WORDS; w++)
		if (used[w]) {
			bytes[2 * in.n] = 'w';
			bytes[2 * in.n + 1] = '0' + w;
			lens[in.n++] = 2;
		}
	code[0] = 0;
	if (!in.n)
		return 0;
	in.word_bytes = 2 * in.n;
	in.codes = PTR(out);
	err = vexfs_file_ioctl(dir, VEXFS_IOC_INTERN, &in);
	for (w = 1, i = 0; w < WORDS; w++)
		code[w] = used[w] ? out[i++] : 0;
	return err;
}

/* The files that an insert binds to, which have names. */
static int open_files(struct client *c, const struct history *h, const struct op *op, bool close)
{
	const struct contents *s = &h->now[op->collection];
	char path[16];
	__u32 name, i;
	bool used;

	for (name = 0; name < FILES; name++) {
		for (used = false, i = 0; i < op->n && s->object[name]; i++)
			used |= op->entry[i]->object == s->object[name];
		if (close && descriptor[name]) {
			vexfs_file_close(descriptor[name]);
			descriptor[name] = NULL;
		} else if (!close && used) {
			struct file *f = vexfs_file_open(
				c->image, path_of(path, op->collection, name), O_RDONLY, 0);

			if (IS_ERR(f))
				return PTR_ERR(f);
			descriptor[name] = f;
		}
	}
	return 0;
}

static __u32 name_of(const struct contents *s, __u32 object)
{
	__u32 name;

	for (name = 0; name < FILES && s->object[name] != object; name++)
		;
	return name;
}

static int insert(struct client *c, struct file *dir, const struct history *h, struct op *op,
		  __u32 *bad)
{
	__u32 i, dims = op->dims, bytes = 0;
	float *rows = malloc((size_t)op->n * dims * sizeof(float));
	__s64(*attrs)[2] = malloc(op->n * sizeof(*attrs)), code[WORDS];
	__u64 *ids = malloc(op->n * sizeof(*ids));
	struct vexfs_bind *binds = calloc(op->n, sizeof(*binds));
	char *keys = malloc(op->n * sizeof(op->entry[0]->key));
	__u8 *lens = malloc(op->n);
	struct vexfs_ioc_insert in = {
		.size = sizeof(in),
		.n = op->n,
		.row_bytes = dims * sizeof(float),
		.rows = PTR(rows),
		.ids = PTR(ids),
		.attrs = PTR(attrs),
		.bad = ~0ULL,
		.flags = (op->flags & OP_FLAG_UPSERT ? VEXFS_INSERT_UPSERT : 0) |
			 (op->flags & OP_FLAG_AUTO_ID ? VEXFS_INSERT_AUTO_ID : 0),
	};
	int err;

	assert_true(rows && attrs && ids && binds && keys && lens);
	vexfs_image_descriptors(descriptor_of);
	err = intern(dir, op, code);
	err = err ?: open_files(c, h, op, false);
	for (i = 0; i < op->n; i++) {
		const struct entry *e = op->entry[i];

		memcpy(rows + i * dims, e->row, dims * sizeof(float));
		ids[i] = e->id;
		attrs[i][0] = e->number;
		attrs[i][1] = code[e->word];
		lens[i] = strlen(e->key);
		memcpy(keys + bytes, e->key, lens[i]);
		bytes += lens[i];
		binds[i].fd = -1;
		if (e->object) {
			binds[i] = (struct vexfs_bind){
				.fd = name_of(&h->now[op->collection], e->object),
				.off = e->off,
				.len = e->len,
			};
			in.binds = PTR(binds);
		}
	}
	if (bytes) {
		in.keys = PTR(keys);
		in.key_lens = PTR(lens);
		in.key_bytes = bytes;
	}
	err = err ?: vexfs_file_ioctl(dir, VEXFS_IOC_INSERT, &in);
	for (i = 0; i < op->n && !err; i++)
		if (ids[i] != op->entry[i]->id)
			client_wrong(c, "insert gave id %llu, not %llu", ids[i], op->entry[i]->id);
	*bad = in.bad;
	open_files(c, h, op, true);
	free(rows);
	free(attrs);
	free(ids);
	free(binds);
	free(keys);
	free(lens);
	return err;
}

static int delete (struct file *dir, const struct op *op, __u32 *bad)
{
	struct vexfs_ioc_delete del = { .size = sizeof(del), .n = op->n, .bad = ~0ULL };
	__u64 *ids = malloc(op->n * sizeof(*ids));
	char *keys = malloc(op->n * sizeof(op->entry[0]->key));
	__u8 *lens = malloc(op->n);
	__u32 i;
	int err;

	assert_true(ids && keys && lens);
	for (i = 0; i < op->n; i++) {
		ids[i] = op->entry[i]->id;
		lens[i] = strlen(op->entry[i]->key);
		memcpy(keys + del.key_bytes, op->entry[i]->key, lens[i]);
		if (op->flags & OP_FLAG_BY_KEY)
			del.key_bytes += lens[i];
	}
	if (op->flags & OP_FLAG_BY_KEY) {
		del.flags = VEXFS_DELETE_BY_KEY;
		del.keys = PTR(keys);
		del.key_lens = PTR(lens);
	} else {
		del.ids = PTR(ids);
	}
	err = vexfs_file_ioctl(dir, VEXFS_IOC_DELETE, &del);
	*bad = del.bad;
	free(ids);
	free(keys);
	free(lens);
	return err;
}

static int create(struct file *dir, const struct op *op)
{
	struct vexfs_ioc_create cr = {
		.size = sizeof(cr),
		.dims = op->dims,
		.element = VEXFS_ELEM_F32,
		.metric = op->metric,
		.attrs = 2,
		.attr = { { .name = "n", .type = VEXFS_ATTR_INT },
			  { .name = "w", .type = VEXFS_ATTR_KEYWORD } },
	};

	return vexfs_file_ioctl(dir, VEXFS_IOC_CREATE, &cr);
}

static int snapshot(struct file *dir, const struct op *op)
{
	struct vexfs_ioc_snapshot s = {
		.size = sizeof(s),
		.op = op->kind == OP_SNAPSHOT ? VEXFS_SNAPSHOT_CREATE : VEXFS_SNAPSHOT_DELETE,
	};

	snprintf(s.name, sizeof(s.name), "s%u", op->name);
	return vexfs_file_ioctl(dir, VEXFS_IOC_SNAPSHOT, &s);
}

static int make_file(struct client *c, struct history *h, const struct op *op, const char *path)
{
	struct file *f = vexfs_file_open(c->image, path, O_RDWR | O_CREAT | O_EXCL, 0644);
	struct stat st;

	if (IS_ERR(f))
		return PTR_ERR(f);
	vexfs_file_stat(f, &st);
	if (op->object)
		h->ino[op->collection][op->object] = st.st_ino;
	vexfs_file_close(f);
	return 0;
}

static int write_file(struct client *c, const char *path)
{
	struct file *f = vexfs_file_open(c->image, path, O_RDWR, 0);
	ssize_t n;

	if (IS_ERR(f))
		return PTR_ERR(f);
	n = vexfs_file_pwrite(f, path, strlen(path), chance(3) * 3000);
	vexfs_file_close(f);
	return n < 0 ? n : n == (ssize_t)strlen(path) ? 0 : -EIO;
}

static int on_directory(struct client *c, const struct history *h, struct op *op, __u32 *bad)
{
	struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct file *dir = open_dir(c, op->collection);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	switch (op->kind) {
	case OP_CREATE:
		err = create(dir, op);
		break;
	case OP_DROP:
		err = vexfs_file_ioctl(dir, VEXFS_IOC_DROP, &drop);
		break;
	case OP_SNAPSHOT:
	case OP_UNSNAPSHOT:
		err = snapshot(dir, op);
		break;
	case OP_COMPACT:
		err = vexfs_file_ioctl(dir, VEXFS_IOC_COMPACT, &compact);
		break;
	case OP_INSERT:
		err = insert(c, dir, h, op, bad);
		break;
	case OP_DELETE:
		err = delete (dir, op, bad);
		break;
	default:
		err = vexfs_file_sync(dir);
	}
	vexfs_file_close(dir);
	return err;
}

int client_do(struct client *c, struct history *h, struct op *op, __u32 *bad)
{
	char path[16], to[16];

	*bad = ~0u;
	path_of(path, op->collection, op->name);
	switch (op->kind) {
	case OP_MKDIR:
		return vexfs_image_mkdir(c->image, dir_name(op->collection), 0755);
	case OP_FILE:
		return make_file(c, h, op, path);
	case OP_WRITE:
		return write_file(c, path);
	case OP_UNLINK:
		return vexfs_image_unlink(c->image, path);
	case OP_RENAME:
		return vexfs_image_rename(c->image, path, path_of(to, op->collection, op->to));
	case OP_SYNC_ALL:
		return vexfs_image_sync(c->image);
	default:
		return on_directory(c, h, op, bad);
	}
}

bool client_step(struct client *c, struct history *h, struct op *op)
{
	__u32 bad;
	int err = client_do(c, h, op, &bad);

	if (err != op->want)
		return client_wrong(c, "%s gave %s", op_text(op), strerror(-err));
	if (err && bad != op->bad)
		return client_wrong(c, "%s: the entry at fault is %u, not %u", op_text(op), op->bad,
				    bad);
	if (!err)
		history_done(h);
	return !c->why[0];
}
