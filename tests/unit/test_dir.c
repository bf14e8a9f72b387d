// SPDX-License-Identifier: GPL-2.0
/* Directories against a list of names; positions; faults; blocks that lie. */
#include <unistd.h>

#include "box.h"

#define NAMES 3000

struct name {
	char text[VEXFS_NAME_LEN + 1];
	unsigned int len;
	bool there;
	__u64 ino, pos;
	__u8 type;
	bool seen;
};

struct model {
	struct box b;
	struct vexfs_inode_core c;
	struct name *name;
	unsigned int names;
	__u64 total;
};

static void model_make(struct model *m, __u64 blocks, unsigned int names)
{
	unsigned int i, k;

	box_make(&m->b, blocks);
	box_create(&m->b, &m->c, "dir", S_IFDIR | 0755);
	m->total = m->b.fs.free_blocks + m->c.blocks;
	m->names = names;
	m->name = calloc(names, sizeof(*m->name));
	for (i = 0; i < names; i++) {
		struct name *n = &m->name[i];

		/* unique by its number; the rest is any byte that a name may have */
		n->len = snprintf(n->text, sizeof(n->text), "%u.", i);
		for (k = chance(8) ? chance(30) : chance(250); k && n->len < VEXFS_NAME_LEN; k--) {
			char ch = 1 + chance(255);

			n->text[n->len++] = ch == '/' ? 'x' : ch;
		}
		n->type = chance(2) ? DT_REG : DT_LNK;
	}
}

static void model_log(struct model *m)
{
	box_log(&m->b, &m->c, S_IFDIR | 0755, 2);
	assert_int_equal(vexfs_dev_flush(&m->b.dev), 0);
}

static void model_close(struct model *m)
{
	box_close(&m->b);
	free(m->name);
}

/* The number of an inode that there may be. */
static __u64 some_ino(struct model *m)
{
	__u32 inodes = m->b.fs.inodes_per_group;

	return VEXFS_FIRST_INO + chance(inodes - VEXFS_FIRST_INO);
}

static int do_add(struct model *m, struct name *n)
{
	__u64 ino = some_ino(m);
	vx_txn t;
	int err;

	box_start(&m->b, &t, VEXFS_DIR_CREDITS);
	err = vexfs_dir_add(&t, &m->c, n->text, n->len, ino, n->type);
	if (err)
		return err;
	n->there = true;
	n->ino = ino;
	n->pos = 0;
	return 0;
}

static int do_remove(struct model *m, struct name *n)
{
	vx_txn t;
	int err;

	box_start(&m->b, &t, VEXFS_DIR_CREDITS);
	err = vexfs_dir_remove(&t, &m->c, n->text, n->len);
	if (!err) {
		assert_true(n->there);
		n->there = false;
	} else if (err == -ENOENT) {
		assert_false(n->there);
	}
	return err;
}

static void check_name(struct model *m, const struct name *n)
{
	__u64 ino;
	__u8 type;
	int err = vexfs_dir_lookup(&m->c, n->text, n->len, &ino, &type);

	assert_int_equal(err, n->there ? 0 : -ENOENT);
	if (!err)
		assert_true(ino == n->ino && type == n->type);
}

static struct model *see_model;
static __u64 see_last;
static unsigned int see_left;

static bool see(void *arg, const char *text, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	struct name *n = &see_model->name[atoi(text)];

	(void)arg;
	if (!see_left)
		return false;
	see_left--;
	assert_true(pos > see_last);
	see_last = pos;
	assert_true(n->there && !n->seen && n->len == len && !memcmp(n->text, text, len));
	assert_true(n->ino == ino && n->type == type);
	if (n->pos)
		assert_int_equal(n->pos, pos);		/* it stays where it is */
	n->pos = pos;
	n->seen = true;
	return true;
}

/* All names, once each, in pieces. */
static void check_all(struct model *m)
{
	unsigned int i;
	__u64 pos = 0;

	for (i = 0; i < m->names; i++)
		m->name[i].seen = false;
	see_model = m;
	see_last = 0;
	while (pos < m->c.disk_size) {
		see_left = 1 + chance(100);
		assert_int_equal(vexfs_dir_iterate(&m->c, &pos, see, NULL), 0);
	}
	for (i = 0; i < m->names; i++)
		if (m->name[i].seen != m->name[i].there)
			fail_msg("name %u: seen %d, there %d, at %llu of %llu", i, m->name[i].seen,
				 m->name[i].there, m->name[i].pos, m->c.disk_size);
	assert_int_equal(m->b.fs.free_blocks + m->c.blocks, m->total);
	assert_true(m->c.blocks >= m->c.disk_size >> VEXFS_BLOCK_SHIFT);
}

static void test_random(void **state)
{
	struct model m = { };
	unsigned int op, i, count = 0;

	(void)state;
	chance_seed(12);
	model_make(&m, VEXFS_GROUP_BLOCKS, NAMES);
	for (op = 0; op < 20000; op++) {
		struct name *n = &m.name[chance(NAMES)];
		bool grow = op / 4000 % 2 == 0;

		check_name(&m, n);
		if (!n->there && (grow || !chance(4))) {
			assert_int_equal(do_add(&m, n), 0);
			count++;
		} else if (n->there && chance(3)) {
			vx_txn t;

			n->ino = some_ino(&m);
			n->type = DT_SOCK;
			box_start(&m.b, &t, 1);
			assert_int_equal(
				vexfs_dir_replace(&t, &m.c, n->text, n->len, n->ino, n->type), 0);
		} else if (n->there || !grow) {
			count -= n->there;
			assert_int_equal(do_remove(&m, n), n->there ? 0 : -ENOENT);
		}
		if (n->there)
			check_name(&m, n);
		assert_int_equal(vexfs_dir_empty(&m.c), count ? -ENOTEMPTY : 0);
		if (!chance(500)) {
			model_log(&m);
			check_all(&m);
		}
		if (!chance(4000)) {
			model_log(&m);
			box_reopen(&m.b, true);
			box_load(&m.b, &m.c, m.c.ino);
		}
	}
	/* empty it: in the end every block has come back */
	for (i = 0; i < NAMES; i++)
		if (m.name[i].there)
			assert_int_equal(do_remove(&m, &m.name[i]), 0);
	assert_int_equal(vexfs_dir_empty(&m.c), 0);
	model_log(&m);
	check_all(&m);
	assert_int_equal(m.c.disk_size, 0);
	assert_int_equal(m.c.blocks, 0);
	box_verify(&m.b);
	model_close(&m);
}

/* Names whose crc is the same are different names. */
static int by_hash(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void test_collisions(void **state)
{
	enum { TRIES = 300000 };
	struct { __u32 hash, nr; } *h = calloc(TRIES, sizeof(*h));
	struct model m = { };
	unsigned int i, found = 0;
	__u64 ino;
	__u8 type;

	(void)state;
	chance_seed(13);
	model_make(&m, VEXFS_GROUP_BLOCKS, 1);
	for (i = 0; i < TRIES; i++) {
		char text[16];

		h[i].nr = i;
		h[i].hash =
			crc32c(~0u, text, snprintf(text, sizeof(text), "n%08x", i * 2654435761u));
	}
	qsort(h, TRIES, sizeof(*h), by_hash);
	for (i = 1; i < TRIES; i++) {
		char a[16], b[16];
		vx_txn t;

		if (h[i].hash != h[i - 1].hash)
			continue;
		found++;
		snprintf(a, sizeof(a), "n%08x", h[i].nr * 2654435761u);
		snprintf(b, sizeof(b), "n%08x", h[i - 1].nr * 2654435761u);
		box_start(&m.b, &t, INT_MAX);
		assert_int_equal(vexfs_dir_add(&t, &m.c, a, 9, 20 + i % 900, DT_REG), 0);
		assert_int_equal(vexfs_dir_lookup(&m.c, b, 9, &ino, &type), -ENOENT);
		assert_int_equal(vexfs_dir_add(&t, &m.c, b, 9, 1000 + i % 900, DT_REG), 0);
		assert_int_equal(vexfs_dir_lookup(&m.c, a, 9, &ino, &type), 0);
		assert_int_equal(ino, 20 + i % 900);
		assert_int_equal(vexfs_dir_remove(&t, &m.c, a, 9), 0);
		assert_int_equal(vexfs_dir_lookup(&m.c, b, 9, &ino, &type), 0);
		assert_int_equal(ino, 1000 + i % 900);
	}
	assert_true(found);
	free(h);
	model_close(&m);
}

static void test_bad_names(void **state)
{
	char longest[VEXFS_NAME_LEN + 2];
	struct model m = { };
	__u64 ino;
	__u8 type;
	vx_txn t;

	(void)state;
	chance_seed(14);
	model_make(&m, VEXFS_MIN_BLOCKS, 1);
	memset(longest, 'a', sizeof(longest));
	box_start(&m.b, &t, INT_MAX);
	assert_int_equal(vexfs_dir_add(&t, &m.c, longest, 256, 11, DT_REG), -ENAMETOOLONG);
	assert_int_equal(vexfs_dir_lookup(&m.c, longest, 256, &ino, &type), -ENAMETOOLONG);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "", 0, 11, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, ".", 1, 11, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "..", 2, 11, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a/b", 3, 11, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a\0b", 3, 11, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a", 1, 0, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a", 1, 5, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a", 1, ~0ULL, DT_REG), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a", 1, 11, 0), -EINVAL);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "a", 1, 11, 3), -EINVAL);
	assert_int_equal(m.c.disk_size, 0);
	assert_int_equal(vexfs_dir_add(&t, &m.c, longest, 255, 11, DT_REG), 0);
	assert_int_equal(vexfs_dir_add(&t, &m.c, "...", 3, 12, DT_DIR), 0);
	assert_int_equal(vexfs_dir_lookup(&m.c, "...", 3, &ino, &type), 0);
	assert_int_equal(vexfs_dir_replace(&t, &m.c, "none", 4, 12, DT_REG), -ENOENT);
	assert_int_equal(vexfs_dir_replace(&t, &m.c, "...", 3, 0, DT_REG), -EINVAL);
	m.c.flags |= VEXFS_INODE_HASHED;
	assert_int_equal(vexfs_dir_add(&t, &m.c, "b", 1, 11, DT_REG), -EOPNOTSUPP);
	assert_int_equal(vexfs_dir_lookup(&m.c, "...", 3, &ino, &type), -EOPNOTSUPP);
	assert_int_equal(vexfs_dir_empty(&m.c), -EOPNOTSUPP);
	model_close(&m);
}

/* Every call of every change fails once: the names are what they were, no block leaks. */
static void long_name(char name[VEXFS_NAME_LEN + 1], unsigned int i)
{
	memset(name, 'x', VEXFS_NAME_LEN);
	name[snprintf(name, 9, "%08u", i)] = 'x';
}

/*
 * An emptied directory gives back its blocks, of which a transaction can revoke only so many.  Each
 * is an extent of its own here, and the last one to go would take a node of the tree with it:
 * together one more than that.
 */
static void test_shrink(void **state)
{
	enum { BLOCKS = VEXFS_FORGET_MAX, EACH = 15 };
	char name[VEXFS_NAME_LEN + 1];
	struct vexfs_inode_core c;
	struct vexfs_map map;
	unsigned int i;
	__u64 ino, pblk;
	struct box b;
	__u8 type;
	__u32 len;
	vx_txn t;

	(void)state;
	box_make(&b, 4 * VEXFS_GROUP_BLOCKS);
	box_create(&b, &c, "dir", S_IFDIR | 0755);
	for (i = 0; i < BLOCKS * EACH; i++) {
		long_name(name, i);
		box_start(&b, &t, VEXFS_DIR_CREDITS);
		assert_int_equal(vexfs_dir_add(&t, &c, name, VEXFS_NAME_LEN, 100, DT_REG), 0);
		if (i % EACH)
			continue;
		/* the next one goes elsewhere */
		assert_int_equal(vexfs_extent_lookup(&c, i / EACH, &map), 0);
		box_start(&b, &t, VEXFS_ALLOC_CREDITS);
		assert_int_equal(vexfs_alloc_blocks(&t, &b.fs, map.pblk + 1, 1, 0, &pblk, &len), 0);
	}
	assert_int_equal(c.disk_size >> VEXFS_BLOCK_SHIFT, BLOCKS);
	assert_int_equal(c.depth, 1);
	for (i = 0; i < BLOCKS * EACH; i++) {
		long_name(name, i);
		box_start(&b, &t, VEXFS_DIR_CREDITS);
		assert_int_equal(vexfs_dir_remove(&t, &c, name, VEXFS_NAME_LEN), 0);
		assert_true(t.forgotten <= VEXFS_FORGET_MAX);
	}
	assert_true(c.disk_size >> VEXFS_BLOCK_SHIFT <= VEXFS_EXTENT_DEPTH);
	/* what is left can be read, and is used again */
	assert_int_equal(vexfs_dir_lookup(&c, "none", 4, &ino, &type), -ENOENT);
	assert_int_equal(vexfs_dir_empty(&c), 0);
	box_start(&b, &t, VEXFS_DIR_CREDITS);
	assert_int_equal(vexfs_dir_add(&t, &c, "again", 5, 100, DT_REG), 0);
	assert_true(c.disk_size >> VEXFS_BLOCK_SHIFT <= VEXFS_EXTENT_DEPTH);
	assert_int_equal(vexfs_dir_lookup(&c, "again", 5, &ino, &type), 0);
	box_close(&b);
}

static void test_faults(void **state)
{
	struct model m = { };
	enum vexfs_fault what;
	unsigned int n, round, met = 0, i;
	struct name *name;
	int err;

	(void)state;
	chance_seed(15);
	model_make(&m, VEXFS_GROUP_BLOCKS, 400);
	for (round = 0; round < 120; round++)
		for (what = VEXFS_FAULT_READ; what < VEXFS_FAULTS; what++)
			for (n = 1; ; n++) {
				model_log(&m);
				vexfs_dev_drop(&m.b.dev);
				name = &m.name[chance(400)];
				vexfs_fault_set(what, n);
				/* up, then down, so that blocks come and go */
				if (round < 60)
					err = name->there ? 0 : do_add(&m, name);
				else
					err = name->there ? do_remove(&m, name) : 0;
				if (!vexfs_fault_met()) {
					assert_int_equal(err, 0);
					break;
				}
				met++;
				assert_true(!err || err == -EIO || err == -ENOMEM);
				check_name(&m, name);
				if (n % 4 == 0)
					check_all(&m);
				/* giving back an empty block failed: it stays */
				if (!err)
					break;
			}
	assert_true(met > 100);
	for (i = 0; i < 400; i++)
		check_name(&m, &m.name[i]);
	check_all(&m);
	model_close(&m);
}

/*
 * A killed process gives up looking and adding, but never a change that may be half of something:
 * rename, unlink.
 */
static void test_killed(void **state)
{
	struct model m = { };
	unsigned int i, changed = 0, refused = 0;
	__u64 ino;
	__u8 type;
	vx_txn t;
	int err;

	(void)state;
	chance_seed(17);
	model_make(&m, VEXFS_GROUP_BLOCKS, 400);
	for (i = 0; i < 400; i++)
		assert_int_equal(m.name[i].there ? 0 : do_add(&m, &m.name[i]), 0);
	assert_true(m.c.disk_size > 2 * VEXFS_BLOCK_SIZE);
	for (i = 0; i < 400; i++) {
		struct name *name = &m.name[i];

		vexfs_kill(true);
		err = vexfs_dir_lookup(&m.c, name->text, name->len, &ino, &type);
		assert_true(!err || err == -EINTR);
		refused += err == -EINTR;
		box_start(&m.b, &t, VEXFS_DIR_CREDITS);
		assert_int_equal(vexfs_dir_replace(&t, &m.c, name->text, name->len, name->ino,
						   name->type),
				 0);
		if (i % 2) {
			assert_int_equal(do_remove(&m, name), 0);
			err = do_add(&m, name);
			assert_true(!err || err == -EINTR);
			changed++;
		}
		vexfs_kill(false);
		check_name(&m, name);
	}
	assert_true(changed == 200 && refused > 100);
	check_all(&m);
	model_close(&m);
}

static void test_full(void **state)
{
	struct vexfs_map map;
	struct model m = { };
	unsigned int i;
	__u32 lblk = 0;
	struct vexfs_inode_core file;
	vx_txn t;
	int err = 0;

	(void)state;
	chance_seed(16);
	model_make(&m, VEXFS_MIN_BLOCKS, 2000);
	box_create(&m.b, &file, "file", S_IFREG | 0644);
	for (; !err; lblk += map.len) {
		box_start(&m.b, &t, VEXFS_EXTENT_CREDITS);
		err = vexfs_extent_alloc(&t, &file, lblk, 1000, true, &map);
	}
	assert_int_equal(err, -ENOSPC);
	m.total = m.b.fs.free_blocks;
	for (i = 0, err = 0; !err && i < m.names; i++)
		err = do_add(&m, &m.name[i]);
	assert_int_equal(err, -ENOSPC);
	check_all(&m);
	box_log(&m.b, &file, S_IFREG | 0644, 1);
	model_log(&m);
	model_close(&m);
}

/* --- blocks that lie --- */

struct lie {
	struct model *m;
	int what;
	__u32 lblk;
	bool stamp;
};

static void stamp(struct model *m, struct vexfs_dir_block *db, __u32 lblk)
{
	db->db_crc = cpu_to_le32(vexfs_csum(&m->b.fs, db, sizeof(*db),
					    offsetof(struct vexfs_dir_block, db_crc), m->c.ino,
					    m->c.generation, lblk));
}

static void tell(struct box *b, void *data, void *arg)
{
	struct vexfs_dir_block *db = data;
	struct vexfs_dirent *d = (void *)db->db_entries, *e;
	const struct lie *l = arg;

	(void)b;
	e = (void *)((char *)d + le16_to_cpu(d->d_reclen));
	switch (l->what) {
	case 0: db->db_magic = 0; break;
	case 1: db->db_lblk = cpu_to_le32(7); break;
	case 2: le32_add_cpu(&db->db_generation, 1); break;
	case 3: d->d_reclen = 0; break;
	case 4: d->d_reclen = cpu_to_le16(8); break;
	case 5: d->d_reclen = cpu_to_le16(20); break;
	case 6: d->d_reclen = cpu_to_le16(0xfff8); break;
	case 7: d->d_reclen = cpu_to_le16(4088); break;
	case 8: d->d_reclen = cpu_to_le16(4072); break;		/* 8 bytes are left */
	case 9: d->d_namelen = 0; break;
	case 10: d->d_namelen = 255; break;
	case 11: d->d_name[0] = '/'; break;
	case 12: d->d_name[0] = 0; break;
	case 13: d->d_namelen = 1; d->d_name[0] = '.'; break;
	case 14: d->d_namelen = 2; d->d_name[0] = d->d_name[1] = '.'; break;
	case 15: d->d_ino = cpu_to_le64(~0ULL); break;
	case 16: d->d_ino = cpu_to_le64(2); break;
	case 17: d->d_type = 0; break;
	case 18: d->d_type = 200; break;
	case 19: e->d_ino = 0; break;				/* unused space in the middle */
	case 20: e->d_reclen = cpu_to_le16(0xfff0); break;
	case 21: memset(db->db_entries, 0, sizeof(db->db_entries)); break;
	case 22: memset(db->db_entries, 0xff, sizeof(db->db_entries)); break;
	case 23: db->db_entries[2000] ^= 1; return;		/* only the crc */
	}
	stamp(l->m, db, l->lblk);
}

#define LIES 24

static bool ignore(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	(void)arg;
	(void)name;
	(void)ino;
	(void)type;
	(void)pos;
	return len < 256;
}

static void test_lies(void **state)
{
	struct model m = { };
	struct lie l = { .m = &m };
	struct vexfs_map map;
	__u8 good[VEXFS_BLOCK_SIZE];
	unsigned int i;
	__u64 ino, pos;
	__u8 type;
	vx_txn t;

	(void)state;
	chance_seed(17);
	model_make(&m, VEXFS_MIN_BLOCKS, 40);
	for (i = 0; i < 40; i++)
		assert_int_equal(do_add(&m, &m.name[i]), 0);
	model_log(&m);
	assert_int_equal(vexfs_extent_lookup(&m.c, 0, &map), 0);
	assert_int_equal(vexfs_dev_read(&m.b.dev, map.pblk, good), 0);
	for (l.what = 0; l.what < LIES; l.what++) {
		unsigned int damages = m.b.dev.damages;

		vexfs_dev_drop(&m.b.dev);
		box_poke(&m.b, map.pblk, tell, &l);
		box_start(&m.b, &t, INT_MAX);
		m.c.dir_hint = 0;
		pos = 0;
		assert_int_equal(vexfs_dir_lookup(&m.c, "x", 1, &ino, &type), -EUCLEAN);
		assert_int_equal(vexfs_dir_add(&t, &m.c, "x", 1, 11, DT_REG), -EUCLEAN);
		assert_int_equal(vexfs_dir_remove(&t, &m.c, "x", 1), -EUCLEAN);
		assert_int_equal(vexfs_dir_iterate(&m.c, &pos, ignore, NULL), -EUCLEAN);
		assert_int_equal(vexfs_dir_empty(&m.c), -EUCLEAN);
		assert_int_equal(m.b.dev.damages, damages + 5);
		assert_int_equal(vexfs_dev_write(&m.b.dev, map.pblk, good), 0);
	}
	/* a size that the map does not cover */
	vexfs_dev_drop(&m.b.dev);
	m.c.disk_size = 1ULL << 40;
	assert_int_equal(vexfs_dir_lookup(&m.c, "x", 1, &ino, &type), -EUCLEAN);
	pos = 1ULL << 39;
	assert_int_equal(vexfs_dir_iterate(&m.c, &pos, ignore, NULL), -EUCLEAN);
	pos = ~0ULL;
	assert_int_equal(vexfs_dir_iterate(&m.c, &pos, ignore, NULL), 0);
	model_close(&m);
}

static void flip(struct box *b, void *data, void *arg)
{
	const struct lie *l = arg;

	(void)b;
	((__u8 *)data)[chance(2) ? chance(300) : chance(VEXFS_BLOCK_SIZE)] ^= 1 << chance(8);
	if (l->stamp)
		stamp(l->m, data, l->lblk);
}

static void test_flips(void **state)
{
	struct model m = { };
	struct lie l = { .m = &m };
	__u8 good[VEXFS_BLOCK_SIZE];
	struct vexfs_map map;
	unsigned int i;
	__u64 ino, pos;
	__u8 type;
	vx_txn t;

	(void)state;
	chance_seed(18);
	model_make(&m, VEXFS_MIN_BLOCKS, 300);
	for (i = 0; i < 300; i++)
		assert_int_equal(do_add(&m, &m.name[i]), 0);
	model_log(&m);
	for (i = 0; i < 4000; i++) {
		struct vexfs_inode_core c = m.c;
		struct name *n = &m.name[chance(300)];

		l.lblk = chance(m.c.disk_size >> VEXFS_BLOCK_SHIFT);
		l.stamp = i % 8;
		assert_int_equal(vexfs_extent_lookup(&m.c, l.lblk, &map), 0);
		assert_int_equal(vexfs_dev_read(&m.b.dev, map.pblk, good), 0);
		box_poke(&m.b, map.pblk, flip, &l);
		vexfs_dev_drop(&m.b.dev);
		box_start(&m.b, &t, INT_MAX);
		pos = chance(2) ? 0 : chance(m.c.disk_size);
		vexfs_dir_iterate(&m.c, &pos, ignore, NULL);
		vexfs_dir_lookup(&m.c, n->text, n->len, &ino, &type);
		vexfs_dir_remove(&t, &m.c, n->text, n->len);
		m.c.dir_hint = 0;
		vexfs_dir_add(&t, &m.c, n->text, n->len, 11, DT_REG);
		vexfs_super_release(&m.b.fs);
		vexfs_dev_drop(&m.b.dev);		/* with all that was changed */
		assert_int_equal(vexfs_dev_write(&m.b.dev, map.pblk, good), 0);
		box_open(&m.b);
		memcpy(m.c.link, c.link, sizeof(c.link));
		m.c.depth = c.depth;
		m.c.entries = c.entries;
		m.c.blocks = c.blocks;
		m.c.disk_size = c.disk_size;
	}
	for (i = 0; i < 300; i++)
		check_name(&m, &m.name[i]);
	check_all(&m);
	model_close(&m);
}

static bool touch_all(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	static __u8 sum;

	(void)arg;
	(void)pos;
	while (len)
		sum += name[--len];
	sum += ino + type;
	return true;
}

/*
 * On a hostile image two directories share a block: what was verified for one of them is changed under the
 * lock of the other.  No loop is endless, and nothing behind the block is touched.
 */
static void test_shared(void **state)
{
	static const __u32 offset[] = { 8, 9, 10, 0 };		/* of d_reclen, d_namelen and d_ino */
	__u8 good[VEXFS_BLOCK_SIZE], *data;
	unsigned int at[64], n = 0, i, k, off;
	struct vexfs_map map;
	struct model m;
	__u64 ino, pos;
	vx_buf *buf;
	__u8 type;
	vx_txn t;

	(void)state;
	chance_seed(17);
	model_make(&m, 65536, 40);
	for (i = 0; i < 20; i++)
		if (chance(4))
			assert_int_equal(do_add(&m, &m.name[i]), 0);
	m.b.dev.strict = false;
	assert_int_equal(vexfs_extent_lookup(&m.c, 0, &map), 0);
	buf = vx_bread(&m.b.fs, map.pblk);
	assert_false(IS_ERR(buf));
	data = vx_data(buf);
	memcpy(good, data, sizeof(good));
	for (off = 16; off < sizeof(good); off += good[off + 8] | good[off + 9] << 8)
		at[n++] = off;
	alarm(60);
	for (i = 0; i < 30000; i++) {
		struct vexfs_inode_core other = m.c;

		memcpy(data, good, sizeof(good));
		for (k = 1 + chance(3); k; k--)
			data[at[chance(n)] + offset[chance(4)]] = chance(3) ? chance(256) : 0;
		vx_set_verified(buf);
		other.ino++;
		other.dir_hint = 0;
		pos = 0;
		box_start(&m.b, &t, INT_MAX);
		switch (chance(5)) {
		case 0:
			vexfs_dir_lookup(&other, m.name[chance(40)].text, m.name[chance(40)].len, &ino, &type);
			break;
		case 1:
			vexfs_dir_iterate(&other, &pos, touch_all, NULL);
			break;
		case 2:
			vexfs_dir_add(&t, &other, m.name[39].text, m.name[39].len, 50, DT_REG);
			break;
		case 3:
			k = chance(20);
			vexfs_dir_remove(&t, &other, m.name[k].text, m.name[k].len);
			break;
		case 4:
			k = chance(20);
			vexfs_dir_replace(&t, &other, m.name[k].text, m.name[k].len, 50, DT_REG);
		}
	}
	alarm(0);
	/* whoever does not see all of the block does not say that a name is not there */
	for (i = 0; i < n; i++) {
		struct vexfs_inode_core other = m.c;

		memcpy(data, good, sizeof(good));
		data[at[i] + 8] = 4;		/* its length */
		data[at[i] + 9] = 0;
		vx_set_verified(buf);
		other.ino++;
		other.dir_hint = 0;
		pos = 0;
		box_start(&m.b, &t, INT_MAX);
		assert_int_equal(vexfs_dir_lookup(&other, "not there", 9, &ino, &type), -EUCLEAN);
		assert_int_equal(vexfs_dir_remove(&t, &other, "not there", 9), -EUCLEAN);
		assert_int_equal(vexfs_dir_iterate(&other, &pos, touch_all, NULL), -EUCLEAN);
		assert_int_equal(vexfs_dir_empty(&other), i ? -ENOTEMPTY : -EUCLEAN);
		assert_int_equal(vexfs_dir_add(&t, &other, "not there", 9, 50, DT_REG), -EUCLEAN);
	}
	memcpy(data, good, sizeof(good));
	vx_brelse(buf);
	m.b.dev.strict = true;
	model_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
