// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * The check of a filesystem finds what is wrong, by its number; and lives with anything.
 * Collections are damaged in the VM (t_collection, t_files, t_words, t_fsck), where there is a
 * module to make them.
 */
#include "box.h"

struct world {
	struct box b;
	struct vexfs_inode_core dir, file, other;
	unsigned int found[1000];
	unsigned int n;
};

static void note(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	struct world *w = arg;

	(void)fmt;
	assert_in_range(nr, 101, 999);
	w->found[nr]++;
	w->n++;
}

static void grow(struct world *w, struct vexfs_inode_core *c, __u32 blocks)
{
	struct vexfs_map map;
	vx_txn t;

	box_start(&w->b, &t, VEXFS_EXTENT_CREDITS + 2);
	assert_int_equal(vexfs_extent_alloc(&t, c, 0, blocks, false, &map), 0);
	c->disk_size = (__u64)map.len << VEXFS_BLOCK_SHIFT;
	box_log(&w->b, c, S_IFREG | 0644, 1);
}

static void world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	box_make(&w->b, 4 * VEXFS_GROUP_BLOCKS);
	box_create(&w->b, &w->dir, "dir", S_IFDIR | 0755);
	box_create(&w->b, &w->file, "file", S_IFREG | 0644);
	box_create(&w->b, &w->other, "other", S_IFREG | 0644);
	grow(w, &w->file, 20);
	grow(w, &w->other, 3);
	box_reopen(&w->b, true);
}

/* Check it as fsck does; returns what the check returned. */
static int verify(struct world *w)
{
	struct vexfs_verify_opts opts = { .report = note, .arg = w };

	memset(w->found, 0, sizeof(w->found));
	w->n = 0;
	vexfs_dev_drop(&w->b.dev);
	return vexfs_verify(&w->b.fs, &opts, NULL);
}

static void stamp_inode(struct world *w, struct vexfs_inode *raw, __u64 ino)
{
	raw->i_crc = cpu_to_le32(vexfs_csum(&w->b.fs, raw, sizeof(*raw),
					    offsetof(struct vexfs_inode, i_crc), ino,
					    le32_to_cpu(raw->i_generation), 0));
}

/* Where an inode is: its block, and its place in it. */
static __u64 inode_block(struct world *w, __u64 ino, unsigned int *at)
{
	__u32 g = (ino - 1) / w->b.fs.inodes_per_group, i = (ino - 1) % w->b.fs.inodes_per_group;

	*at = i % VEXFS_INODES_PER_BLOCK;
	return vexfs_group_block(&w->b.fs, g) + 1 + i / VEXFS_INODES_PER_BLOCK;
}

static void with_inode(struct world *w, __u64 ino,
		       void (*fn)(struct world *w, struct vexfs_inode *raw), bool stamp)
{
	struct vexfs_inode raw[VEXFS_INODES_PER_BLOCK];
	unsigned int at;
	__u64 block = inode_block(w, ino, &at);

	assert_int_equal(vexfs_dev_read(&w->b.dev, block, raw), 0);
	fn(w, &raw[at]);
	if (stamp)
		stamp_inode(w, &raw[at], ino);
	assert_int_equal(vexfs_dev_write(&w->b.dev, block, raw), 0);
}

static void with_group(struct world *w, __u32 g, void (*fn)(struct world *w, struct vexfs_group *b),
		       bool stamp)
{
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));
	struct vexfs_group *b = (void *)data;

	assert_int_equal(vexfs_dev_read(&w->b.dev, vexfs_group_block(&w->b.fs, g), data), 0);
	fn(w, b);
	if (stamp)
		b->g_crc = cpu_to_le32(vexfs_csum(&w->b.fs, b, sizeof(*b),
						  offsetof(struct vexfs_group, g_crc),
						  vexfs_group_block(&w->b.fs, g), 0, 0));
	assert_int_equal(vexfs_dev_write(&w->b.dev, vexfs_group_block(&w->b.fs, g), data), 0);
}

/* The first block of the root, whose names are "dir", "file" and "other". */
static void with_root(struct world *w, void (*fn)(struct world *w, struct vexfs_dir_block *d),
		      bool stamp)
{
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));
	struct vexfs_dir_block *d = (void *)data;
	struct vexfs_map map;

	assert_int_equal(vexfs_extent_lookup(&w->b.root, 0, &map), 0);
	assert_int_equal(vexfs_dev_read(&w->b.dev, map.pblk, data), 0);
	fn(w, d);
	if (stamp)
		d->db_crc = cpu_to_le32(vexfs_csum(&w->b.fs, d, sizeof(data),
						   offsetof(struct vexfs_dir_block, db_crc),
						   w->b.root.ino, w->b.root.generation, 0));
	assert_int_equal(vexfs_dev_write(&w->b.dev, map.pblk, data), 0);
}

/* The entry of a name. */
static struct vexfs_dirent *entry(struct vexfs_dir_block *block, const char *name)
{
	char *at = memmem(block, VEXFS_BLOCK_SIZE, name, strlen(name));

	assert_non_null(at);
	return (void *)(at - offsetof(struct vexfs_dirent, d_name));
}

static void no_links(struct world *w, struct vexfs_inode *raw)
{
	(void)w;
	raw->i_nlink = cpu_to_le32(7);
}
static void more_blocks(struct world *w, struct vexfs_inode *raw)
{
	(void)w;
	raw->i_blocks = cpu_to_le64(999);
}
static void elsewhere(struct world *w, struct vexfs_inode *raw)
{
	raw->i_parent = cpu_to_le64(w->dir.ino);
}
static void hide(struct world *w, struct vexfs_inode *raw)
{
	(void)w;
	raw->i_flags |= cpu_to_le32(VEXFS_INODE_HIDDEN);
}
static void hash(struct world *w, struct vexfs_inode *raw)
{
	(void)w;
	raw->i_flags |= cpu_to_le32(VEXFS_INODE_HASHED);
}
static void flip_size(struct world *w, struct vexfs_inode *raw)
{
	(void)w;
	raw->i_size ^= cpu_to_le64(1);
}
static void orphan_next(struct world *w, struct vexfs_inode *raw)
{
	raw->i_next_orphan = cpu_to_le64(w->dir.ino);
}
static void steal(struct world *w, struct vexfs_inode *raw)
{
	struct vexfs_map map;

	assert_int_equal(vexfs_extent_lookup(&w->file, 5, &map), 0);
	raw->i_extent[0].e_pblk = cpu_to_le64(map.pblk);
}
static void own_root(struct world *w, struct vexfs_inode *raw)
{
	raw->i_parent = cpu_to_le64(w->dir.ino);
}
static void into_itself(struct world *w, struct vexfs_inode *raw)
{
	raw->i_parent = cpu_to_le64(w->dir.ino);
	raw->i_parent_generation = cpu_to_le32(w->dir.generation);
}
static void wipe(struct world *w, struct vexfs_inode *raw)
{
	(void)w;
	memset(raw, 0, sizeof(*raw));
}

static void free_used(struct world *w, struct vexfs_group *b)
{
	struct vexfs_map map;

	assert_int_equal(vexfs_extent_lookup(&w->file, 3, &map), 0);
	__clear_bit_le(map.pblk % VEXFS_GROUP_BLOCKS, b->g_blocks);
	le32_add_cpu(&b->g_free_blocks, 1);
}
static void lose(struct world *w, struct vexfs_group *b)
{
	(void)w;
	assert_false(test_bit_le(16000, b->g_blocks));
	__set_bit_le(16000, b->g_blocks);
	le32_add_cpu(&b->g_free_blocks, -1);
}
static void more_dirs(struct world *w, struct vexfs_group *b)
{
	(void)w;
	le32_add_cpu(&b->g_dirs, 5);
}
static void flip_bit(struct world *w, struct vexfs_group *b) { (void)w; b->g_blocks[1000] ^= 4; }

static void dangle(struct world *w, struct vexfs_dir_block *d)
{
	(void)w;
	entry(d, "file")->d_ino = cpu_to_le64(900);
}
static void other_type(struct world *w, struct vexfs_dir_block *d)
{
	(void)w;
	entry(d, "file")->d_type = DT_LNK;
}
static void other_hash(struct world *w, struct vexfs_dir_block *d)
{
	(void)w;
	entry(d, "file")->d_hash ^= 1;
}
static void same_name(struct world *w, struct vexfs_dir_block *d)
{
	(void)w;
	entry(d, "file")->d_ino = entry(d, "other")->d_ino;
}
static void two_dirs(struct world *w, struct vexfs_dir_block *d)
{
	entry(d, "file")->d_ino = cpu_to_le64(w->dir.ino);
	entry(d, "file")->d_type = DT_DIR;
}
static void bad_entry(struct world *w, struct vexfs_dir_block *d)
{
	(void)w;
	entry(d, "file")->d_reclen = cpu_to_le16(9999);
}

static __u32 file_group(struct world *w, const struct vexfs_inode_core *c)
{
	struct vexfs_map map;

	assert_int_equal(vexfs_extent_lookup((struct vexfs_inode_core *)c, 0, &map), 0);
	(void)w;
	return map.pblk >> VEXFS_GROUP_SHIFT;
}

/* Make a world, damage it, and expect a number. */
#define EXPECT(nr, damage)						\
	do {								\
		struct world *w = calloc(1, sizeof(*w));		\
									\
		world_make(w);						\
		damage;							\
		assert_int_equal(verify(w), 0);				\
		if (!w->found[nr])					\
			print_error("%s gives no %d\n", #damage, nr);	\
		assert_true(w->found[nr]);				\
		box_close(&w->b);					\
		free(w);						\
	} while (0)

static void test_good(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void)state;
	world_make(w);
	assert_int_equal(verify(w), 0);
	assert_int_equal(w->n, 0);
	box_close(&w->b);
	free(w);
}

static void test_inodes(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_INODE, with_inode(w, w->file.ino, flip_size, false));
	EXPECT(VEXFS_FOUND_INODE_UNWRITTEN, with_inode(w, w->file.ino, wipe, false));
	EXPECT(VEXFS_FOUND_BLOCK_TWICE, with_inode(w, w->other.ino, steal, true));
	EXPECT(VEXFS_FOUND_INODE_BLOCKS, with_inode(w, w->file.ino, more_blocks, true));
	EXPECT(VEXFS_FOUND_LINKS, with_inode(w, w->file.ino, no_links, true));
	EXPECT(VEXFS_FOUND_PARENT, with_inode(w, w->file.ino, elsewhere, true));
	EXPECT(VEXFS_FOUND_NAME_HIDDEN, with_inode(w, w->file.ino, hide, true));
	EXPECT(VEXFS_FOUND_PLANE_LOOSE, with_inode(w, w->file.ino, hide, true));
	EXPECT(VEXFS_FOUND_ORPHAN, with_inode(w, w->file.ino, orphan_next, true));
	EXPECT(VEXFS_FOUND_DIRECTORY, with_inode(w, w->dir.ino, hash, true));
	EXPECT(VEXFS_FOUND_ROOT, with_inode(w, VEXFS_ROOT_INO, own_root, true));
	EXPECT(VEXFS_FOUND_DIR_LOOSE, with_inode(w, w->dir.ino, into_itself, true));
}

static void test_groups(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_GROUP, with_group(w, 0, flip_bit, false));
	EXPECT(VEXFS_FOUND_BLOCK_FREE, with_group(w, file_group(w, &w->file), free_used, true));
	EXPECT(VEXFS_FOUND_BLOCK_LOST, with_group(w, 0, lose, true));
	EXPECT(VEXFS_FOUND_SUPER_COUNTS, with_group(w, 0, lose, true));
	EXPECT(VEXFS_FOUND_GROUP_DIRS, with_group(w, 0, more_dirs, true));
}

static void test_names(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_DIRECTORY, with_root(w, bad_entry, true));
	EXPECT(VEXFS_FOUND_DIRECTORY, with_root(w, dangle, false));
	EXPECT(VEXFS_FOUND_NAME_DANGLING, with_root(w, dangle, true));
	EXPECT(VEXFS_FOUND_NO_NAME, with_root(w, dangle, true));
	EXPECT(VEXFS_FOUND_NAME_TYPE, with_root(w, other_type, true));
	EXPECT(VEXFS_FOUND_NAME_LOST, with_root(w, other_hash, true));
	EXPECT(VEXFS_FOUND_NO_NAME, with_root(w, same_name, true));
	EXPECT(VEXFS_FOUND_LINKS, with_root(w, same_name, true));
	EXPECT(VEXFS_FOUND_DIR_NAMES, with_root(w, two_dirs, true));
}

/* Any bytes anywhere: it ends, and says something or nothing. */
static void test_chance(void **state)
{
	unsigned int i, k, silent = 0;

	(void)state;
	chance_seed(17);
	for (i = 0; i < 200; i++) {
		struct world *w = calloc(1, sizeof(*w));
		int err;

		world_make(w);
		for (k = 1 + chance(4); k; k--) {
			union {
				__u8 bytes[VEXFS_BLOCK_SIZE];
				struct vexfs_inode inode[VEXFS_INODES_PER_BLOCK];
			} b;
			__u64 ino = chance(2) ? w->file.ino :
				    chance(2) ? w->dir.ino :
						VEXFS_ROOT_INO;
			unsigned int at;
			__u64 block = inode_block(w, ino, &at);

			switch (chance(3)) {
			case 0:		/* a byte of an inode, which verifies all the same */
				assert_int_equal(vexfs_dev_read(&w->b.dev, block, &b), 0);
				((__u8 *)&b.inode[at])[chance(352)] = chance(3) ? 1u << chance(8) :
										  0xff;
				stamp_inode(w, &b.inode[at], ino);
				break;
			case 1:		/* any byte of metadata */
				block = vexfs_group_block(&w->b.fs, chance(2)) + chance(3);
				assert_int_equal(vexfs_dev_read(&w->b.dev, block, &b), 0);
				b.bytes[chance(VEXFS_BLOCK_SIZE)] ^= 1 << chance(8);
				break;
			default:	/* a block that is another one */
				block = vexfs_group_block(&w->b.fs, 0) + chance(3);
				assert_int_equal(vexfs_dev_read(&w->b.dev, chance(5), &b), 0);
			}
			assert_int_equal(vexfs_dev_write(&w->b.dev, block, &b), 0);
		}
		err = verify(w);
		assert_true(err == 0 || err == -EUCLEAN || err == -ENOMEM);
		silent += !err && !w->n;
		box_close(&w->b);
		free(w);
	}
	assert_true(silent < 100);
}

/* Numbers are there once, in order, and each says something. */
static void test_table(void **state)
{
	static const struct {
		int number;
		const char *name, *text;
	} table[] = {
#define X(number, id, severity, name, text) { number, name, text },
		VEXFS_FINDINGS(X)
#undef X
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(i == 0 || table[i].number > table[i - 1].number);
		assert_in_range(table[i].number, 100, 999);
		assert_true(strlen(table[i].name) > 2 && strlen(table[i].text) > 20);
	}
}

static bool stop_soon(void *arg, const char *what, __u64 done, __u64 total)
{
	(void)arg;
	(void)what;
	assert_true(done <= total);
	return done < total / 2;
}

static void test_cancel(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vexfs_verify_opts opts = { .report = note, .progress = stop_soon, .arg = w };

	(void)state;
	world_make(w);
	assert_int_equal(vexfs_verify(&w->b.fs, &opts, NULL), -EINTR);
	box_close(&w->b);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_table),
		cmocka_unit_test(test_inodes), cmocka_unit_test(test_groups),
		cmocka_unit_test(test_names), cmocka_unit_test(test_chance),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
