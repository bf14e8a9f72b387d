// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <sys/mman.h>

#include <platform/host.h>
#include "mount.h"
#include "rich.h"

#define BYTES	((size_t)RICH_BLOCKS << VEXFS_BLOCK_SHIFT)

/* --- what is made by a mount --- */

static void fill_file(struct mount *m, const char *path, __u64 pos, size_t bytes)
{
	struct file *f = vexfs_file_open(m->image, path, O_RDWR | O_CREAT, 0644);
	__u8 *data = malloc(bytes);
	__u32 x = crc32c(~0u, path, strlen(path)) ^ pos;
	size_t i;

	assert_false(IS_ERR(f));
	for (i = 0; i < bytes; i++)
		data[i] = (x = x * 1664525 + 1013904223) >> 24;
	assert_int_equal(vexfs_file_pwrite(f, data, bytes, pos), bytes);
	vexfs_file_close(f);
	free(data);
}

static void make_files(struct mount *m)
{
	char path[80];
	__u32 i;

	assert_int_equal(vexfs_image_mkdir(m->image, "/dir", 0755), 0);
	assert_int_equal(vexfs_image_mkdir(m->image, "/dir/below", 0755), 0);
	assert_int_equal(vexfs_image_mkdir(m->image, "/dir/below/deep", 0755), 0);
	assert_int_equal(vexfs_image_mkdir(m->image, "/many", 0755), 0);
	fill_file(m, "/small", 0, 100);
	fill_file(m, "/dir/file", 0, 9000);
	fill_file(m, "/dir/below/deep/file", 0, 20000);
	fill_file(m, "/sparse", 5 << 20, 10000);
	for (i = 0; i < 40; i++)
		fill_file(m, "/tree", i * 3 * VEXFS_BLOCK_SIZE, VEXFS_BLOCK_SIZE);
	for (i = 0; i < 60; i++) {
		snprintf(path, sizeof(path), "/many/a file with a rather long name, number %u of sixty",
			 i);
		fill_file(m, path, 0, 10 + i);
	}
}

static void take_snapshot(struct mount *m, const char *name)
{
	struct vexfs_ioc_snapshot s = { .size = sizeof(s), .op = VEXFS_SNAPSHOT_CREATE };

	strcpy(s.name, name);
	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_SNAPSHOT, &s), 0);
}

static void make_records(struct mount *m)
{
	struct vexfs_hit hit[10];
	char key[32], word[32], path[32];
	struct file *f;
	__u64 id;

	assert_int_equal(insert_some(m, 1, RICH_RECORDS - 100, 0), 0);
	for (id = RICH_RECORDS - 99; id <= RICH_RECORDS; id++) {
		snprintf(key, sizeof(key), "key of record %llu", (unsigned long long)id);
		snprintf(word, sizeof(word), "word%llu", (unsigned long long)id % 7);
		assert_int_equal(insert_one(m, id, key, word, -1, 0), 0);
	}
	take_snapshot(m, "before");
	for (id = 10001; id < 10001 + RICH_BOUND; id++) {
		snprintf(path, sizeof(path), "/c/doc%llu", (unsigned long long)id % 4);
		f = file_open(m, path, "text of a document");
		assert_int_equal(insert_one(m, id, NULL, "bound", number_of(f), 0), 0);
		numbers_forget();
		vexfs_file_close(f);
	}
	fill_file(m, "/c/new", 0, 500);
	assert_int_equal(vexfs_image_rename(m->image, "/c/new", "/c/doc1"), 0);
	for (id = RICH_RECORDS - RICH_DEAD + 1; id <= RICH_RECORDS; id++)
		assert_int_equal(delete_id(m, id), 0);
	assert_true(search_id(m, 7, 10, NULL, hit) == 10);
}

/* --- what a mount cannot make --- */

static void make_inode(struct box *b, const char *name, __u16 mode, __u32 nlink, __u64 *ino)
{
	struct vexfs_inode_core c;
	struct vexfs_map m;
	char target[300];
	vx_txn t;

	box_create(b, &c, name, mode);
	vexfs_txn_start(&t, &b->dev, INT_MAX);
	if (S_ISLNK(mode)) {
		memset(target, 'x', sizeof(target));
		if (!strcmp(name, "short")) {
			strcpy((char *)c.link, "dir/file");
			c.disk_size = 8;
		} else {
			assert_int_equal(vexfs_extent_alloc(&t, &c, 0, 1, false, &m), 0);
			memset(target + 299, 0, 1);
			assert_int_equal(pwrite(b->dev.fd, target, 299,
						m.pblk << VEXFS_BLOCK_SHIFT), 299);
			c.disk_size = 299;
		}
	} else if (S_ISREG(mode)) {
		assert_int_equal(vexfs_extent_alloc(&t, &c, 2, 5, true, &m), 0);
		c.disk_size = 10 * VEXFS_BLOCK_SIZE;
	}
	box_log(b, &c, mode, nlink);
	*ino = c.ino;
}

static void finish(struct mount *m)
{
	struct vexfs_inode_core c;
	struct box b;
	__u64 ino;
	vx_txn t;

	memset(&b, 0, sizeof(b));
	assert_int_equal(vexfs_dev_open(&b.dev, m->path, O_RDWR), 0);
	box_open(&b);
	b.dev.strict = false;
	make_inode(&b, "short", S_IFLNK | 0777, 1, &ino);
	make_inode(&b, "long", S_IFLNK | 0777, 1, &ino);
	make_inode(&b, "fifo", S_IFIFO | 0600, 1, &ino);
	make_inode(&b, "unwritten", S_IFREG | 0600, 2, &ino);
	vexfs_txn_start(&t, &b.dev, INT_MAX);
	assert_int_equal(vexfs_dir_add(&t, &b.root, "twice", 5, ino, DT_REG), 0);
	make_inode(&b, "orphan", S_IFREG | 0600, 0, &ino);
	vexfs_txn_start(&t, &b.dev, INT_MAX);
	assert_int_equal(vexfs_dir_remove(&t, &b.root, "orphan", 6), 0);
	box_load(&b, &c, ino);
	assert_int_equal(vexfs_orphan_add(&t, &c, false), 0);
	box_log(&b, &b.root, S_IFDIR | 0755, 5);
	assert_int_equal(vexfs_super_log(&t, &b.fs, VEXFS_STATE_CLEAN), 0);
	assert_int_equal(vexfs_dev_flush(&b.dev), 0);
	vexfs_super_release(&b.fs);
	vexfs_dev_close(&b.dev);
}

/* --- what there is --- */

static struct rich_block *add(struct rich *r, __u64 block, enum rich_kind kind, __u64 ino,
			      __u32 generation, __u32 lblk)
{
	struct rich_block *b;

	if (!(r->blocks & (r->blocks - 1)))
		r->block = realloc(r->block, (r->blocks * 2 + 1) * sizeof(*r->block));
	b = &r->block[r->blocks++];
	*b = (struct rich_block){ block, kind, ino, generation, lblk };
	return b;
}

const struct rich_block *rich_block(const struct rich *r, __u64 block)
{
	__u32 i;

	for (i = 0; i < r->blocks; i++)
		if (r->block[i].block == block)
			return &r->block[i];
	return NULL;
}

struct walk {
	struct rich *r;
	const struct vexfs_inode_core *c;
};

static int see_node(void *arg, __u64 block)
{
	struct walk *w = arg;

	add(w->r, block, RICH_EXTENT, w->c->ino, w->c->generation, 0);
	return 0;
}

static int see_extent(void *arg, const struct vexfs_map *m)
{
	struct walk *w = arg;
	__u32 i, magic;

	for (i = 0; i < m->len && i < 200; i++) {
		enum rich_kind kind = RICH_OTHER;

		memcpy(&magic, w->r->was + ((m->pblk + i) << VEXFS_BLOCK_SHIFT), 4);
		if (m->unwritten)
			continue;
		if (w->c->flags & VEXFS_INODE_METADATA)
			kind = magic == VEXFS_DEAD_MAGIC ? RICH_DEAD_MAP :
			       magic == VEXFS_HEIR_MAGIC ? RICH_HEIRS : RICH_DIR;
		add(w->r, m->pblk + i, kind, w->c->ino, w->c->generation, m->lblk + i);
	}
	return 0;
}

static __u64 table_block(const struct rich *r, __u64 ino)
{
	return vexfs_group_itable(&r->fs, (ino - 1) / r->fs.inodes_per_group) +
	       (ino - 1) % r->fs.inodes_per_group / VEXFS_INODES_PER_BLOCK;
}

static void vital(struct rich *r, __u64 block)
{
	assert_true(r->vitals < 64);
	r->vital[r->vitals++] = block;
}

static __u64 first_block(struct vexfs_fs *fs, __le64 ino)
{
	struct vexfs_inode_core c;
	struct vexfs_inode *raw;
	struct vexfs_map m;
	vx_buf *buf;

	assert_int_equal(vexfs_inode_buf(fs, le64_to_cpu(ino), &buf, &raw), 0);
	vx_rwsem_init(&c.lock);
	vexfs_inode_load(&c, fs, le64_to_cpu(ino), raw);
	vx_brelse(buf);
	assert_int_equal(vexfs_extent_lookup(&c, 0, &m), 0);
	assert_true(m.pblk);
	return m.pblk;
}

static void see_collection(struct rich *r, struct vexfs_fs *fs, const struct vexfs_inode_core *dir)
{
	const struct vexfs_collection *c =
		(void *)(r->was + (dir->collection << VEXFS_BLOCK_SHIFT));
	const __le64 plane[] = { c->c_vectors, c->c_records, c->c_keys, c->c_dead };
	unsigned int i;

	assert_true(c->c_words && c->c_heirs && c->c_checkpoint && c->c_snapshot[0].n_name[0]);
	r->collection = dir->ino;
	add(r, dir->collection, RICH_COLLECTION, dir->ino, dir->generation, 0);
	vital(r, dir->collection);
	vital(r, table_block(r, dir->ino));
	for (i = 0; i < 4; i++)
		vital(r, table_block(r, le64_to_cpu(plane[i])));
	vital(r, first_block(fs, c->c_dead));
	r->vectors = first_block(fs, c->c_vectors);
	r->records = first_block(fs, c->c_records);
	r->keys = first_block(fs, c->c_keys);
}

static void see_inode(struct rich *r, struct vexfs_fs *fs, __u64 ino)
{
	struct vexfs_inode_core c;
	struct walk w = { r, &c };
	struct vexfs_inode *raw;
	vx_buf *buf;

	if (vexfs_inode_buf(fs, ino, &buf, &raw))
		return;
	vx_rwsem_init(&c.lock);
	vexfs_inode_load(&c, fs, ino, raw);
	if (!rich_block(r, table_block(r, ino)))
		add(r, table_block(r, ino), RICH_INODES, ino - (ino - 1) % VEXFS_INODES_PER_BLOCK, 0,
		    0);
	if (c.flags & VEXFS_INODE_COLLECTION)
		see_collection(r, fs, &c);
	if (!S_ISLNK(le16_to_cpu(raw->i_mode)) || c.disk_size >= sizeof(c.link))
		assert_int_equal(vexfs_extent_walk_nodes(&c, see_node, see_extent, &w), 0);
	vx_brelse(buf);
}

static void see_all(struct rich *r)
{
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	__u64 ino;
	__u32 i;

	rich_open(r, &dev);
	dev.quiet = true;
	assert_int_equal(vexfs_super_read(&fs, &dev, RICH_BLOCKS), 0);
	vexfs_super_geometry(&r->fs, vx_data(fs.sb_buf));
	r->log = r->fs.journal_start;
	add(r, 0, RICH_SUPER, 0, 0, 0);
	add(r, VEXFS_GROUP_BLOCKS, RICH_SUPER, 0, 0, 0);
	for (i = 0; i < r->fs.groups_init; i++)
		add(r, vexfs_group_block(&r->fs, i), RICH_GROUP, 0, 0, 0);
	for (ino = 1; ino <= (__u64)r->fs.groups_init * r->fs.inodes_per_group; ino++)
		if (vexfs_ino_valid(&fs, ino) && !vexfs_ino_in_use(&fs, ino))
			see_inode(r, &fs, ino);
	for (i = 0; i < 4; i++)
		add(r, r->log + i, RICH_OTHER, 0, 0, 0);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
}

/* --- files --- */

struct listing {
	struct rich *r;
	struct vexfs_image *image;
	const char *dir;
};

static void list_files(struct rich *r, struct vexfs_image *image, const char *dir);

static bool see_name(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	struct listing *l = arg;
	struct rich *r = l->r;
	struct rich_file *f;
	struct file *file;
	struct stat st;
	char path[80];

	(void)ino;
	snprintf(path, sizeof(path), "%s/%.*s", l->dir, (int)len, name);
	if (type == DT_DIR)
		list_files(r, l->image, path);
	if (type != DT_REG)
		return true;
	r->file = realloc(r->file, (r->files + 1) * sizeof(*r->file));
	f = &r->file[r->files++];
	strcpy(f->path, path);
	file = vexfs_file_open(l->image, path, O_RDONLY, 0);
	assert_false(IS_ERR(file));
	vexfs_file_stat(file, &st);
	f->ino = st.st_ino;
	f->size = st.st_size;
	f->data = malloc(f->size + 1);
	assert_int_equal(vexfs_file_pread(file, f->data, f->size, 0), f->size);
	vexfs_file_close(file);
	return true;
}

static void list_files(struct rich *r, struct vexfs_image *image, const char *dir)
{
	struct listing l = { r, image, dir };
	struct file *file = vexfs_file_open(image, *dir ? dir : "/", O_RDONLY | O_DIRECTORY, 0);

	assert_false(IS_ERR(file));
	assert_int_equal(vexfs_file_list(file, see_name, &l), 0);
	vexfs_file_close(file);
}

static void see_files(struct rich *r)
{
	struct vexfs_image *image;
	struct vexfs_dev dev;
	const char *why;

	rich_open(r, &dev);
	dev.quiet = true;
	assert_int_equal(vexfs_image_mount(&dev, VEXFS_IMAGE_READONLY, &image, &why), 0);
	list_files(r, image, "");
	assert_int_equal(vexfs_image_close(image), 0);
	assert_true(r->files > 65);
}

bool rich_has(const struct rich *r, const struct rich_file *f, __u64 block)
{
	const struct rich_block *b = rich_block(r, block);

	return b && (b->kind == RICH_INODES ? table_block(r, f->ino) == block : b->ino == f->ino);
}

/* --- where things are --- */

static void load(struct rich *r, __u64 ino, struct vexfs_inode_core *c)
{
	vx_rwsem_init(&c->lock);
	vexfs_inode_load(c, &r->fs, ino,
			 (struct vexfs_inode *)(r->was + (table_block(r, ino) << VEXFS_BLOCK_SHIFT)) +
				 (ino - 1) % VEXFS_INODES_PER_BLOCK);
}

__u64 rich_ino(struct rich *r, const char *path)
{
	__u64 ino = VEXFS_ROOT_INO;
	struct vexfs_inode_core c;
	struct vexfs_dev dev;
	size_t n;
	__u8 type;

	assert_int_equal(vexfs_dev_init(&dev, dup(r->fd), RICH_BLOCKS), 0);
	r->fs.host = &dev;
	for (; *path++ == '/' && (n = strcspn(path, "/")); path += n) {
		load(r, ino, &c);
		assert_int_equal(vexfs_dir_lookup(&c, path, n, &ino, &type), 0);
	}
	vexfs_dev_close(&dev);
	return ino;
}

__u64 rich_block_of(struct rich *r, __u64 ino, __u32 lblk)
{
	struct vexfs_inode_core c;
	struct vexfs_dev dev;
	struct vexfs_map m;

	assert_int_equal(vexfs_dev_init(&dev, dup(r->fd), RICH_BLOCKS), 0);
	r->fs.host = &dev;
	load(r, ino, &c);
	assert_int_equal(vexfs_extent_lookup(&c, lblk, &m), 0);
	assert_true(m.pblk);
	vexfs_dev_close(&dev);
	return m.pblk;
}

__u64 rich_table(const struct rich *r, __u64 ino)
{
	return table_block(r, ino);
}

/* --- the image --- */

static void record(struct vexfs_dev *dev, __u64 block, const void *data)
{
	struct rich *r = dev->record_arg;

	if (!data)
		return;
	if (r->writes == r->room) {
		r->room = r->room * 2 + 64;
		r->written = realloc(r->written, r->room * sizeof(*r->written));
	}
	r->written[r->writes++] = block;
}

void rich_open(struct rich *r, struct vexfs_dev *dev)
{
	assert_int_equal(vexfs_dev_init(dev, dup(r->fd), RICH_BLOCKS), 0);
	dev->record = record;
	dev->record_arg = r;
}

void *rich_damage(struct rich *r, __u64 block)
{
	struct vexfs_dev dev = { .record_arg = r };

	record(&dev, block, &dev);
	return r->now + (block << VEXFS_BLOCK_SHIFT);
}

void rich_back(struct rich *r)
{
	for (; r->writes; r->writes--) {
		__u64 at = r->written[r->writes - 1] << VEXFS_BLOCK_SHIFT;

		memcpy(r->now + at, r->was + at, VEXFS_BLOCK_SIZE);
	}
}

void rich_make(struct rich *r)
{
	struct mount m;
	__u64 done, n;
	int fd;

	memset(r, 0, sizeof(*r));
	vexfs_checkpoint_least = 1000;
	mount_make_of(&m, RICH_BLOCKS);
	mount_open(&m, 0);
	make_files(&m);
	assert_int_equal(vexfs_image_mkdir(m.image, "/c", 0755), 0);
	mount_open_c(&m);
	assert_int_equal(collection_create(m.c), 0);
	make_records(&m);
	mount_close(&m);
	finish(&m);
	mount_check(&m);
	r->fd = memfd_create("rich", MFD_CLOEXEC);
	fd = open(m.path, O_RDONLY | O_CLOEXEC);
	assert_true(r->fd >= 0 && fd >= 0 && !ftruncate(r->fd, BYTES));
	r->now = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	r->was = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(r->now != MAP_FAILED && r->was != MAP_FAILED);
	for (done = 0; done < BYTES; done += n) {
		__u8 block[VEXFS_BLOCK_SIZE];

		n = sizeof(block);
		assert_int_equal(pread(fd, block, n, done), n);
		if (!memchr_inv(block, 0, n))
			continue;
		memcpy(r->now + done, block, n);
		memcpy(r->was + done, block, n);
	}
	close(fd);
	unlink(m.path);
	see_all(r);
	see_files(r);
	r->writes = 0;
}

void rich_free(struct rich *r)
{
	__u32 i;

	munmap(r->now, BYTES);
	munmap(r->was, BYTES);
	close(r->fd);
	for (i = 0; i < r->files; i++)
		free(r->file[i].data);
	free(r->file);
	free(r->block);
	free(r->written);
}

/* --- checksums --- */

static void stamp_inodes(const struct rich *r, const struct rich_block *as, struct vexfs_inode *raw)
{
	__u32 i;

	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++)
		if (memchr_inv(&raw[i], 0, sizeof(*raw)))
			raw[i].i_crc = cpu_to_le32(vexfs_csum(
				&r->fs, &raw[i], sizeof(*raw), offsetof(struct vexfs_inode, i_crc),
				as->ino + i, le32_to_cpu(raw[i].i_generation), 0));
}

void rich_stamp(const struct rich *r, const struct rich_block *as, void *data)
{
	__u64 ino = as->ino, last = as->lblk;
	__u32 generation = as->generation;

	switch (as->kind) {
	case RICH_OTHER:
		return;
	case RICH_SUPER:
		vexfs_super_stamp(data);
		return;
	case RICH_INODES:
		stamp_inodes(r, as, data);
		return;
	case RICH_GROUP:
		ino = as->block;
		generation = last = 0;
		break;
	case RICH_EXTENT:
	case RICH_COLLECTION:
		last = as->block;
		break;
	default:
		break;
	}
	((__le32 *)data)[1] = cpu_to_le32(
		vexfs_csum(&r->fs, data, VEXFS_BLOCK_SIZE, 4, ino, generation, last));
}
