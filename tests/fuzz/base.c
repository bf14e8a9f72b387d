// SPDX-License-Identifier: GPL-2.0
/*
 * A small filesystem with something of everything: directories of one block and of several, files
 * with holes and with a tree of extents, both kinds of symbolic links, a fifo, an orphan, and a
 * collection with all its planes, a snapshot, bound records, keys, words and an heir.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <platform/mkfs.h>
#include <platform/verify.h>
#include "base.h"
#include "fuzz.h"

#define BLOCKS VEXFS_MIN_BLOCKS /* few inodes, which the check passes again and again */
#define RECORDS		40u
#define DIMS		4u
#define GONE_INO	300u		/* a file that was replaced by the bound one */
#define GONE_GENERATION	9u

static void start(struct base *b, vx_txn *t)
{
	vexfs_txn_start(t, &b->dev, INT_MAX);
}

static void store(struct base *b, vx_txn *t, const struct vexfs_inode_core *c, __u16 mode,
		  __u32 nlink)
{
	struct vexfs_inode *raw;
	vx_buf *buf;

	must(!vexfs_inode_write(t, &b->fs, c->ino, &buf, &raw));
	vexfs_inode_store(c, raw);
	raw->i_mode = cpu_to_le16(mode);
	raw->i_nlink = cpu_to_le32(nlink);
	must(!vexfs_inode_dirty(t, &b->fs, c->ino, buf, raw));
}

static void add_name(struct base *b, vx_txn *t, struct vexfs_inode_core *dir, __u32 subdirs,
		     const char *name, __u64 ino, __u16 mode)
{
	must(!vexfs_dir_add(t, dir, name, strlen(name), ino, (mode & S_IFMT) >> 12));
	store(b, t, dir, S_IFDIR | 0755, 2 + subdirs);
}

/* An inode without a name. */
static void make(struct base *b, vx_txn *t, struct vexfs_inode_core *c,
		 const struct vexfs_inode_core *dir, __u16 mode, __u32 flags)
{
	struct vexfs_inode *raw;
	vx_buf *buf;

	memset(c, 0, sizeof(*c));
	vx_rwsem_init(&c->lock);
	c->fs = &b->fs;
	must(!vexfs_alloc_ino(t, &b->fs, dir->ino, S_ISDIR(mode), &c->ino, &c->generation));
	c->flags = flags | (S_ISDIR(mode) ? VEXFS_INODE_METADATA : 0);
	c->parent = dir->ino;
	c->parent_generation = dir->generation;
	must(!vexfs_inode_write(t, &b->fs, c->ino, &buf, &raw));
	memset(raw, 0, sizeof(*raw));
	must(!vexfs_inode_dirty(t, &b->fs, c->ino, buf, raw));
}

static void load(struct base *b, struct vexfs_inode_core *c, __u64 ino)
{
	struct vexfs_inode *raw;
	vx_buf *buf;

	vx_rwsem_init(&c->lock);
	must(!vexfs_inode_buf(&b->fs, ino, &buf, &raw));
	vexfs_inode_load(c, &b->fs, ino, raw);
	vx_brelse(buf);
}

static __u64 grow(vx_txn *t, struct vexfs_inode_core *c, __u32 lblk, __u32 blocks, bool unwritten)
{
	struct vexfs_map m;

	must(!vexfs_extent_alloc(t, c, lblk, blocks, unwritten, &m));
	must(m.len == blocks);
	c->disk_size = (__u64)(lblk + blocks) << VEXFS_BLOCK_SHIFT;
	return m.pblk;
}

/* Bytes as blocks of the device. */
static void put(struct base *b, __u64 block, const void *data, size_t bytes)
{
	__u8 copy[VEXFS_BLOCK_SIZE];

	for (; bytes; block++) {
		size_t n = min(bytes, sizeof(copy));

		memset(copy, 0, sizeof(copy));
		memcpy(copy, data, n);
		must(!vexfs_dev_write(&b->dev, block, copy));
		data = (const char *)data + n;
		bytes -= n;
	}
}

/* --- files --- */

static void make_files(struct base *b, struct vexfs_inode_core *root)
{
	struct vexfs_inode_core c, many;
	char name[64], target[300];
	__u32 i;
	vx_txn t;

	start(b, &t);
	make(b, &t, &c, root, S_IFREG, 0);
	grow(&t, &c, 0, 3, false);
	grow(&t, &c, 7, 2, true);
	store(b, &t, &c, S_IFREG | 0644, 1);
	add_name(b, &t, root, 0, "file", c.ino, S_IFREG);

	make(b, &t, &c, root, S_IFREG, 0);
	for (i = 0; i < 30; i++)
		grow(&t, &c, i * 2, 1, false);
	store(b, &t, &c, S_IFREG | 0644, 1);
	add_name(b, &t, root, 0, "tree", c.ino, S_IFREG);

	make(b, &t, &c, root, S_IFLNK, 0);
	strcpy((char *)c.link, "file");
	c.disk_size = 4;
	store(b, &t, &c, S_IFLNK | 0777, 1);
	add_name(b, &t, root, 0, "short", c.ino, S_IFLNK);

	make(b, &t, &c, root, S_IFLNK, 0);
	memset(target, 'x', sizeof(target));
	put(b, grow(&t, &c, 0, 1, false), target, sizeof(target));
	c.disk_size = sizeof(target);
	store(b, &t, &c, S_IFLNK | 0777, 1);
	add_name(b, &t, root, 0, "long", c.ino, S_IFLNK);

	make(b, &t, &c, root, S_IFIFO, 0);
	store(b, &t, &c, S_IFIFO | 0600, 1);
	add_name(b, &t, root, 0, "fifo", c.ino, S_IFIFO);

	make(b, &t, &c, root, S_IFREG, 0);
	grow(&t, &c, 0, 1, false);
	store(b, &t, &c, S_IFREG | 0600, 0);
	must(!vexfs_orphan_add(&t, &c, false));

	/* a directory of several blocks, whose names are all of one file */
	make(b, &t, &many, root, S_IFDIR, 0);
	make(b, &t, &c, &many, S_IFREG, 0);
	store(b, &t, &c, S_IFREG | 0644, 80);
	for (i = 0; i < 80; i++) {
		snprintf(name, sizeof(name), "name %02u of a file that has several of them", i);
		must(!vexfs_dir_add(&t, &many, name, strlen(name), c.ino, DT_REG));
	}
	store(b, &t, &many, S_IFDIR | 0755, 2);
	add_name(b, &t, root, 1, "many", many.ino, S_IFDIR);
}

/* --- the collection --- */

/* A plane that holds these bytes; its blocks are consecutive.  Returns its inode. */
static __u64 plane(struct base *b, vx_txn *t, const struct vexfs_inode_core *dir, __u32 flags,
		   const void *data, size_t bytes)
{
	struct vexfs_inode_core c;

	make(b, t, &c, dir, S_IFREG, VEXFS_INODE_HIDDEN | flags);
	put(b, grow(t, &c, 0, DIV_ROUND_UP(bytes, VEXFS_BLOCK_SIZE), false), data, bytes);
	store(b, t, &c, S_IFREG, 1);
	return c.ino;
}

/* A plane of one block that has a checksum. */
static __u64 stamped(struct base *b, vx_txn *t, const struct vexfs_inode_core *dir,
		     enum base_kind kind, void *data)
{
	struct base_spot as = { .kind = kind };
	struct vexfs_inode_core c;
	__u64 block;

	make(b, t, &c, dir, S_IFREG, VEXFS_INODE_HIDDEN | VEXFS_INODE_METADATA);
	block = grow(t, &c, 0, 1, false);
	store(b, t, &c, S_IFREG, 1);
	as.ino = c.ino;
	as.generation = c.generation;
	base_stamp(b, &as, data);
	put(b, block, data, VEXFS_BLOCK_SIZE);
	return c.ino;
}

static __u64 dead(struct base *b, vx_txn *t, const struct vexfs_inode_core *dir, __u32 n)
{
	struct vexfs_dead_block x = { .x_magic = cpu_to_le32(VEXFS_DEAD_MAGIC),
				      .x_dead = cpu_to_le32(n) };

	while (n--)
		__set_bit_le(n * 5, x.x_bits);
	return stamped(b, t, dir, BASE_DEAD, &x);
}

static __u64 heirs(struct base *b, vx_txn *t, const struct vexfs_inode_core *dir,
		   const struct vexfs_inode_core *doc)
{
	struct vexfs_heir_block h = { .h_magic = cpu_to_le32(VEXFS_HEIR_MAGIC),
				      .h_entries = cpu_to_le32(1) };

	h.h_entry[0] = (struct vexfs_heir){ cpu_to_le64(GONE_INO), cpu_to_le64(doc->ino),
					    cpu_to_le32(GONE_GENERATION),
					    cpu_to_le32(doc->generation) };
	return stamped(b, t, dir, BASE_HEIRS, &h);
}

static const struct vexfs_collection schema = {
	.c_magic = VEXFS_COLLECTION_MAGIC,
	.c_element = VEXFS_ELEM_F32,
	.c_metric = VEXFS_METRIC_L2,
	.c_dims = DIMS,
	.c_row_bytes = DIMS * sizeof(float),
	.c_count = RECORDS,
	.c_live = RECORDS - 3,
	.c_next_seq = RECORDS + 5,
	.c_uuid = "collection uuid",
	.c_attrs = 2,
	.c_attr = { { "year", VEXFS_ATTR_INT, "" }, { "lang", VEXFS_ATTR_KEYWORD, "" } },
	.c_snapshot = { { .n_count = RECORDS / 2, .n_name = "before" } },
};

static __u64 words(struct base *b, vx_txn *t, const struct vexfs_inode_core *dir, __u64 *bytes)
{
	static const char *const text[] = { "de", "en" };
	char data[64] = "";
	__u32 i;

	for (*bytes = i = 0; i < ARRAY_SIZE(text); i++) {
		struct vexfs_word w = { .w_attr = 1, .w_len = strlen(text[i]) };

		memcpy(data + *bytes, &w, sizeof(w));
		memcpy(data + *bytes + sizeof(w), text[i], w.w_len);
		base_stamp_word(schema.c_uuid, *bytes, data + *bytes);
		*bytes += sizeof(w) + w.w_len;
	}
	return plane(b, t, dir, 0, data, *bytes);
}

static void make_collection(struct base *b, struct vexfs_inode_core *root)
{
	static struct vexfs_record r[RECORDS];
	struct vexfs_collection col = schema;
	struct base_spot as = { .kind = BASE_COLLECTION };
	float row[RECORDS][DIMS];
	struct vexfs_inode_core dir, doc;
	char keys[RECORDS * 8] = "";
	__u64 key_bytes = 0, word_bytes;
	__u32 i, len;
	vx_txn t;

	start(b, &t);
	make(b, &t, &dir, root, S_IFDIR, VEXFS_INODE_COLLECTION);
	must(!vexfs_alloc_blocks(&t, &b->fs, 0, 1, 0, &dir.collection, &len));
	add_name(b, &t, root, 2, "collection", dir.ino, S_IFDIR);
	make(b, &t, &doc, &dir, S_IFREG, VEXFS_INODE_BOUND);
	doc.collection = dir.ino;
	doc.data_change = 5;
	grow(&t, &doc, 0, 1, false);
	store(b, &t, &doc, S_IFREG | 0644, 1);
	add_name(b, &t, &dir, 0, "doc", doc.ino, S_IFREG);

	for (i = 0; i < RECORDS; i++) {
		char *key = keys + key_bytes;
		bool keyed = i < RECORDS / 2;

		row[i][0] = row[i][1] = i;
		row[i][2] = row[i][3] = -1;
		r[i] = (struct vexfs_record){ .r_id = cpu_to_le64(1000 + i),
					      .r_seq = cpu_to_le64(i + 1),
					      .r_attr = { cpu_to_le64(1900 + i),
							  cpu_to_le64(i % 3) } };
		if (keyed) {
			len = sprintf(key, "key-%02u", i);
			r[i].r_flags = cpu_to_le32(VEXFS_RECORD_KEYED);
			r[i].r_key = cpu_to_le64(key_bytes << 8 | len);
			key_bytes += len;
		} else {
			r[i].r_flags = cpu_to_le32(VEXFS_RECORD_BOUND);
			r[i].r_file = cpu_to_le64(i % 2 ? doc.ino : GONE_INO);
			r[i].r_file_generation =
				cpu_to_le32(i % 2 ? doc.generation : GONE_GENERATION);
			r[i].r_file_off = cpu_to_le64(i);
			r[i].r_file_len = cpu_to_le32(1);
			r[i].r_file_change = cpu_to_le64(i % 5);
		}
		base_stamp_record(col.c_uuid, i, &r[i], row[i], sizeof(row[i]), key,
				  keyed ? len : 0);
	}
	col.c_ino = cpu_to_le64(dir.ino);
	col.c_generation = cpu_to_le32(dir.generation);
	col.c_key_bytes = cpu_to_le64(key_bytes);
	col.c_vectors = cpu_to_le64(plane(b, &t, &dir, 0, row, sizeof(row)));
	col.c_records = cpu_to_le64(plane(b, &t, &dir, 0, r, sizeof(r)));
	col.c_keys = cpu_to_le64(plane(b, &t, &dir, 0, keys, key_bytes));
	col.c_dead = cpu_to_le64(dead(b, &t, &dir, 3));
	col.c_snapshot[0].n_dead_ino = cpu_to_le64(dead(b, &t, &dir, 1));
	col.c_words = cpu_to_le64(words(b, &t, &dir, &word_bytes));
	col.c_word_bytes = cpu_to_le64(word_bytes);
	col.c_heirs = cpu_to_le64(heirs(b, &t, &dir, &doc));
	as.block = dir.collection;
	base_stamp(b, &as, &col);
	put(b, dir.collection, &col, sizeof(col));
	store(b, &t, &dir, S_IFDIR | 0755, 2);
}

/* --- checksums --- */

void base_stamp_record(const __u8 uuid[16], __u64 slot, struct vexfs_record *r, const void *row,
		       __u32 row_bytes, const void *key, __u32 key_len)
{
	__le64 le = cpu_to_le64(slot);
	__u32 crc = crc32c(crc32c(~0u, uuid, 16), &le, sizeof(le));

	crc = crc32c(crc, (char *)r + sizeof(r->r_crc), sizeof(*r) - sizeof(r->r_crc));
	crc = crc32c(crc32c(crc, row, row_bytes), key, key_len);
	r->r_crc = cpu_to_le32(crc);
}

void base_stamp_word(const __u8 uuid[16], __u64 pos, void *entry)
{
	__le64 le = cpu_to_le64(pos);
	__u32 crc = crc32c(crc32c(~0u, uuid, 16), &le, sizeof(le));
	struct vexfs_word w;

	memcpy(&w, entry, sizeof(w));
	crc = crc32c(crc, (char *)entry + sizeof(w.w_crc), sizeof(w) - sizeof(w.w_crc) + w.w_len);
	w.w_crc = cpu_to_le32(crc);
	memcpy(entry, &w, sizeof(w));
}

/* The counts of a group block, which repeat its bitmaps. */
static void count_free(struct vexfs_group *g)
{
	__u32 i, blocks = 0, inodes = 0;

	for (i = 0; i < VEXFS_GROUP_BLOCKS; i++)
		blocks += !test_bit_le(i, g->g_blocks);
	for (i = 0; i < VEXFS_MAX_INODES_PER_GROUP; i++)
		inodes += !test_bit_le(i, g->g_inodes);
	g->g_free_blocks = cpu_to_le32(blocks);
	g->g_free_inodes = cpu_to_le32(inodes);
}

static void stamp_inodes(const struct base *b, const struct base_spot *as, struct vexfs_inode *raw)
{
	__u32 i;

	for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++)
		if (memchr_inv(&raw[i], 0, sizeof(*raw)))
			raw[i].i_crc = cpu_to_le32(vexfs_csum(
				&b->fs, &raw[i], sizeof(*raw), offsetof(struct vexfs_inode, i_crc),
				as->ino + i, le32_to_cpu(raw[i].i_generation), 0));
}

static void hash_names(struct vexfs_dir_block *d)
{
	__u32 off = 0, len;

	for (; off + VEXFS_DIRENT_HEAD <= sizeof(d->db_entries); off += len) {
		struct vexfs_dirent *e = (void *)(d->db_entries + off);

		len = le16_to_cpu(e->d_reclen);
		if (len < VEXFS_DIRENT_HEAD || len % 8 || len > sizeof(d->db_entries) - off)
			break;
		e->d_hash = cpu_to_le32(crc32c(
			~0u, e->d_name, min_t(__u32, e->d_namelen, len - VEXFS_DIRENT_HEAD)));
	}
}

void base_stamp(const struct base *b, const struct base_spot *as, void *data)
{
	struct vexfs_collection *col = data;
	const unsigned int off = 4;	/* where all that come to the end have it */
	__u64 ino = as->ino, last = as->lblk;
	__u32 generation = as->generation, crc;

	switch (as->kind) {
	case BASE_SUPER:
		vexfs_super_stamp(data);
		return;
	case BASE_INODES:
		stamp_inodes(b, as, data);
		return;
	case BASE_GROUP:
		count_free(data);
		ino = as->block;
		generation = last = 0;
		break;
	case BASE_DIR:
		hash_names(data);
		break;
	case BASE_EXTENT:
		last = as->block;
		break;
	case BASE_COLLECTION:
		ino = le64_to_cpu(col->c_ino);
		generation = le32_to_cpu(col->c_generation);
		last = as->block;
		break;
	case BASE_DEAD:
	case BASE_HEIRS:
		break;
	default:
		return;
	}
	crc = vexfs_csum(&b->fs, data, VEXFS_BLOCK_SIZE, off, ino, generation, last);
	*(__le32 *)((char *)data + off) = cpu_to_le32(crc);
}

/* --- which blocks there are --- */

static void spot(struct base *b, __u64 block, enum base_kind kind, __u64 ino, __u32 generation,
		 __u32 lblk)
{
	struct base_spot *s = &b->spot[b->spots];

	if (b->spots == BASE_SPOTS)
		return;
	must(!vexfs_dev_read(&b->dev, block, s->data));
	s->block = block;
	s->kind = kind;
	s->ino = ino;
	s->generation = generation;
	s->lblk = lblk;
	b->spots++;
}

/* What was made in a block; NULL: nothing but zeros. */
static const struct base_spot *spot_at(const struct base *b, __u64 block)
{
	__u32 i;

	for (i = 0; i < b->spots; i++)
		if (b->spot[i].block == block)
			return &b->spot[i];
	return NULL;
}

static __u64 *written;
static size_t writes, write_room;

void base_record(struct vexfs_dev *dev, __u64 block, const void *data)
{
	(void)dev;
	if (!data)
		return;
	if (writes == write_room) {
		write_room = write_room ? write_room * 2 : 256;
		written = realloc(written, write_room * sizeof(*written));
		must(written);
	}
	written[writes++] = block;
}

void base_put_back(struct base *b)
{
	static const __u8 zeros[VEXFS_BLOCK_SIZE];

	b->dev.record = NULL;
	for (; writes; writes--) {
		const struct base_spot *s = spot_at(b, written[writes - 1]);

		must(!vexfs_dev_write(&b->dev, written[writes - 1], s ? s->data : zeros));
	}
}

struct walk {
	struct base *b;
	const struct vexfs_inode_core *c;
};

static int see_node(void *arg, __u64 block)
{
	struct walk *w = arg;

	spot(w->b, block, BASE_EXTENT, w->c->ino, w->c->generation, 0);
	return 0;
}

/* Its first blocks, unless there is nothing in them. */
static int see_extent(void *arg, const struct vexfs_map *m)
{
	struct walk *w = arg;
	__u32 i;

	for (i = 0; i < min(m->len, 4u); i++) {
		enum base_kind kind = BASE_OTHER;
		__le32 magic[VEXFS_BLOCK_SIZE / 4];

		must(!vexfs_dev_read(&w->b->dev, m->pblk + i, magic));
		if (!memchr_inv(magic, 0, sizeof(magic)))
			continue;
		if (w->c->flags & VEXFS_INODE_METADATA)
			kind = le32_to_cpu(magic[0]) == VEXFS_DEAD_MAGIC ? BASE_DEAD :
			       le32_to_cpu(magic[0]) == VEXFS_HEIR_MAGIC ? BASE_HEIRS : BASE_DIR;
		spot(w->b, m->pblk + i, kind, w->c->ino, w->c->generation, m->lblk + i);
	}
	return 0;
}

static __u64 first_block(struct base *b, __le64 ino)
{
	struct vexfs_inode_core c;
	struct vexfs_map m;

	load(b, &c, le64_to_cpu(ino));
	must(!vexfs_extent_lookup(&c, 0, &m) && m.pblk);
	return m.pblk;
}

static void find_spots(struct base *b)
{
	struct vexfs_collection col;
	__u64 ino, last = 0;
	__u32 g, i;

	spot(b, 0, BASE_SUPER, 0, 0, 0);
	for (g = 0; g < b->fs.groups_init; g++)
		spot(b, vexfs_group_block(&b->fs, g), BASE_GROUP, 0, 0, 0);
	for (ino = 1; ino <= (__u64)b->fs.groups_init * b->fs.inodes_per_group; ino++) {
		__u64 block = vexfs_group_itable(&b->fs, (ino - 1) / b->fs.inodes_per_group) +
			      (ino - 1) % b->fs.inodes_per_group / VEXFS_INODES_PER_BLOCK;
		struct vexfs_inode_core c;
		struct walk w = { b, &c };

		if (!vexfs_ino_valid(&b->fs, ino) || vexfs_ino_in_use(&b->fs, ino))
			continue;
		if (block != last)
			spot(b, block, BASE_INODES, ino - (ino - 1) % VEXFS_INODES_PER_BLOCK, 0, 0);
		last = block;
		load(b, &c, ino);
		if (c.flags & VEXFS_INODE_COLLECTION) {
			b->collection = c.collection;
			spot(b, c.collection, BASE_COLLECTION, ino, c.generation, 0);
		}
		if (!c.entries)
			continue;
		vx_down_read(&c.lock);
		if (c.depth || c.disk_size >= sizeof(c.link))
			must(!vexfs_extent_walk_nodes(&c, see_node, see_extent, &w));
		vx_up_read(&c.lock);
	}
	must(!vexfs_dev_read(&b->dev, b->collection, &col));
	b->plane.vectors = first_block(b, col.c_vectors);
	b->plane.records = first_block(b, col.c_records);
	b->plane.keys = first_block(b, col.c_keys);
	b->plane.words = first_block(b, col.c_words);
	for (i = 0; i < 8; i++)		/* the log */
		spot(b, b->fs.journal_start + i, BASE_OTHER, 0, 0, 0);
	for (i = 0; i < 4; i++)		/* and some that are free */
		spot(b, BLOCKS - 1 - i, BASE_OTHER, 0, 0, 0);
	must(b->spots < BASE_SPOTS);
}

static void report(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	va_list ap;

	(void)arg;
	va_start(ap, fmt);
	fprintf(stderr, "the image to start from: [%d] ", nr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void base_make(struct base *b)
{
	struct vexfs_mkfs_opts opts = { .label = "fuzz", .uuid = "image to start f" };
	struct vexfs_verify_opts check = { .report = report };
	struct vexfs_inode_core root;
	int fd = memfd_create("image", MFD_CLOEXEC);
	vx_txn t;

	must(fd >= 0 && !ftruncate(fd, (off_t)BLOCKS << VEXFS_BLOCK_SHIFT));
	must(!vexfs_dev_init(&b->dev, fd, BLOCKS));
	must(!vexfs_mkfs(&b->dev, &opts, NULL));
	must(!vexfs_super_read(&b->fs, &b->dev, BLOCKS));
	load(b, &root, VEXFS_ROOT_INO);
	make_files(b, &root);
	load(b, &root, VEXFS_ROOT_INO);
	make_collection(b, &root);
	start(b, &t);
	must(!vexfs_super_log(&t, &b->fs, VEXFS_STATE_CLEAN));
	must(!vexfs_dev_flush(&b->dev));
	must(!vexfs_verify(&b->fs, &check, NULL));
	find_spots(b);
	vexfs_super_release(&b->fs);
	vexfs_dev_drop(&b->dev);
	must(!vexfs_dev_read(&b->dev, 0, &b->super));
}
