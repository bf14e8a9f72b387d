// SPDX-License-Identifier: GPL-2.0
/*
 * The schema of a collection: its block on disk, which is read and verified, created with the
 * planes that it names, and dropped with them.
 *
 * The block changes only in transactions under vexfs_collection_mem.commit_lock.  Creating and
 * dropping hold the directory's i_rwsem exclusively, or the directory is being evicted and nobody
 * else has it.  No other lock is taken here but i_lock and what transactions need (see vexfs.h).
 */
#include "collection/collection.h"

/* --- reading it --- */

static u32 block_crc(const struct vexfs_fs *fs, u64 ino, u32 generation, u64 block, const void *raw)
{
	return vexfs_csum(fs, raw, VEXFS_BLOCK_SIZE, offsetof(struct vexfs_collection, c_crc), ino,
			  generation, block);
}

static u32 crc_in(struct inode *dir, u64 block, const void *raw)
{
	return block_crc(VEXFS_I(dir)->core.fs, dir->i_ino, dir->i_generation, block, raw);
}

/* A name in a fixed field: [a-z_][a-z0-9_]*, terminated. */
static bool name_valid(const char *name, size_t room)
{
	size_t i, len = strnlen(name, room);

	if (!len || len == room)
		return false;
	for (i = 0; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && name[i] != '_' &&
		    !(i && name[i] >= '0' && name[i] <= '9'))
			return false;
	return true;
}

const char *vexfs_schema_check(const struct vexfs_fs *fs, u64 ino, u32 generation, u64 block,
			       const struct vexfs_collection *raw)
{
	u64 count = le64_to_cpu(raw->c_count), live = le64_to_cpu(raw->c_live);
	u32 dims = le32_to_cpu(raw->c_dims), attrs = le32_to_cpu(raw->c_attrs), i;

	if (le32_to_cpu(raw->c_magic) != VEXFS_COLLECTION_MAGIC)
		return "no collection block";
	if (le32_to_cpu(raw->c_crc) != block_crc(fs, ino, generation, block, raw))
		return "bad checksum";
	if (le64_to_cpu(raw->c_ino) != ino || le32_to_cpu(raw->c_generation) != generation)
		return "belongs to another directory";
	if (!dims || dims > VEXFS_MAX_DIMS)
		return "bad dims";
	if (!le16_to_cpu(raw->c_element) || le16_to_cpu(raw->c_element) > VEXFS_ELEM_BIT ||
	    !le16_to_cpu(raw->c_metric) || le16_to_cpu(raw->c_metric) > VEXFS_METRIC_HAMMING)
		return "bad element type or metric";
	if (count > VEXFS_MAX_SLOTS || live > count || le64_to_cpu(raw->c_next_seq) <= count)
		return "bad counts";
	/* r_key has room for an offset of 56 bits */
	if (le64_to_cpu(raw->c_key_bytes) >> 55)
		return "too many bytes of keys";
	if (attrs > VEXFS_MAX_ATTRS)
		return "too many attributes";
	for (i = 0; i < attrs; i++)
		if (!name_valid(raw->c_attr[i].a_name, VEXFS_ATTR_NAME_LEN))
			return "bad attribute name";
	for (i = 0; i < VEXFS_SLOTS; i++)
		if (strnlen(raw->c_program[i], VEXFS_PROG_NAME_LEN) == VEXFS_PROG_NAME_LEN)
			return "bad program name";
	return vexfs_snapshots_check(raw);
}

int vexfs_schema_supported(const struct vexfs_collection *raw)
{
	u32 i;

	if (le16_to_cpu(raw->c_element) != VEXFS_ELEM_F32 ||
	    le16_to_cpu(raw->c_metric) == VEXFS_METRIC_HAMMING)
		return -EOPNOTSUPP;
	for (i = 0; i < le32_to_cpu(raw->c_attrs); i++)
		if (le16_to_cpu(raw->c_attr[i].a_type) != VEXFS_ATTR_INT &&
		    le16_to_cpu(raw->c_attr[i].a_type) != VEXFS_ATTR_KEYWORD)
			return -EOPNOTSUPP;
	return 0;
}

vx_buf *vexfs_schema_read(struct inode *dir, u64 block)
{
	struct vexfs_fs *fs = VEXFS_I(dir)->core.fs;
	vx_buf *bh;
	const char *why;

	if (!vexfs_data_run(fs, block, 1)) {
		vexfs_error(dir->i_sb, "collection %lu: its block %llu is outside the data",
			    dir->i_ino, block);
		return ERR_PTR(-EUCLEAN);
	}
	bh = vx_bread(fs, block);
	if (IS_ERR(bh))
		return bh;
	why = vexfs_schema_check(fs, dir->i_ino, dir->i_generation, block, vexfs_schema_raw(bh));
	if (why) {
		vexfs_error(dir->i_sb, "collection %lu, block %llu: %s", dir->i_ino, block, why);
		vx_brelse(bh);
		return ERR_PTR(-EUCLEAN);
	}
	return bh;
}

vx_buf *vexfs_collection_block(struct vexfs_collection_mem *c)
{
	return vexfs_schema_read(c->dir, c->block);
}

void vexfs_collection_stamp(struct vexfs_collection_mem *c, vx_buf *bh)
{
	vexfs_schema_raw(bh)->c_crc =
		cpu_to_le32(crc_in(c->dir, c->block, vexfs_schema_raw(bh)));
}

int vexfs_schema_begin(struct vexfs_schema_change *s, struct vexfs_collection_mem *c, int credits)
{
	int err;

	s->c = c;
	s->bh = vexfs_collection_block(c);
	if (IS_ERR(s->bh))
		return PTR_ERR(s->bh);
	s->raw = vexfs_schema_raw(s->bh);
	s->handle = vexfs_start(c->dir->i_sb, 1 + credits);
	err = PTR_ERR_OR_ZERO(s->handle);
	if (!err) {
		err = vx_txn_write(s->handle, s->bh);
		if (!err)
			return 0;
		err = vexfs_stop(s->handle, err);
	}
	vx_brelse(s->bh);
	return err;
}

int vexfs_schema_end(struct vexfs_schema_change *s, int err)
{
	if (!err) {
		vexfs_collection_stamp(s->c, s->bh);
		err = vx_txn_dirty(s->handle, VEXFS_I(s->c->dir)->core.fs, s->bh);
	}
	err = vexfs_stop(s->handle, err);
	vx_brelse(s->bh);
	return err;
}

/* --- creating --- */

/* Where conditions are written, the name would be taken for something else. */
static bool name_reserved(const char *name)
{
	static const char *const reserved[] = { VEXFS_RESERVED_NAMES };

	return match_string(reserved, ARRAY_SIZE(reserved), name) >= 0;
}

static int check_create(const struct vexfs_ioc_create *arg)
{
	u32 i, j;

	if (!arg->dims || arg->dims > VEXFS_MAX_DIMS || arg->attrs > VEXFS_MAX_ATTRS)
		return -EINVAL;
	if (!arg->element || arg->element > VEXFS_ELEM_BIT || !arg->metric ||
	    arg->metric > VEXFS_METRIC_HAMMING)
		return -EINVAL;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		const struct vexfs_attr *a = arg->attr + i;

		if (i >= arg->attrs) {
			if (memchr_inv(a, 0, sizeof(*a)))
				return -EINVAL;
			continue;
		}
		if (!name_valid(a->name, sizeof(a->name)) || name_reserved(a->name) ||
		    a->reserved || a->type > VEXFS_ATTR_KEYWORD || a->type == VEXFS_ATTR_NONE)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (!strcmp(a->name, arg->attr[j].name))
				return -EINVAL;
	}
	if (arg->element != VEXFS_ELEM_F32 || arg->metric == VEXFS_METRIC_HAMMING)
		return -EOPNOTSUPP;
	return 0;
}

static bool has_keywords(const struct vexfs_ioc_create *arg)
{
	u32 i;

	for (i = 0; i < arg->attrs; i++)
		if (arg->attr[i].type == VEXFS_ATTR_KEYWORD)
			return true;
	return false;
}

/* Hidden inodes of a new collection, in the order of creation. */
enum { VECTORS, RECORDS, KEYS, DEAD, WORDS, PLANES };

static void fill_block(struct vexfs_collection *raw, struct inode *dir,
		       const struct vexfs_ioc_create *arg, struct inode *const plane[PLANES])
{
	u32 i;

	raw->c_magic = cpu_to_le32(VEXFS_COLLECTION_MAGIC);
	raw->c_ino = cpu_to_le64(dir->i_ino);
	raw->c_generation = cpu_to_le32(dir->i_generation);
	raw->c_element = cpu_to_le16(arg->element);
	raw->c_metric = cpu_to_le16(arg->metric);
	raw->c_dims = cpu_to_le32(arg->dims);
	raw->c_row_bytes = cpu_to_le32(arg->dims * sizeof(__le32));
	raw->c_next_seq = cpu_to_le64(1);
	raw->c_vectors = cpu_to_le64(plane[VECTORS]->i_ino);
	raw->c_records = cpu_to_le64(plane[RECORDS]->i_ino);
	raw->c_keys = cpu_to_le64(plane[KEYS]->i_ino);
	raw->c_dead = cpu_to_le64(plane[DEAD]->i_ino);
	if (plane[WORDS])
		raw->c_words = cpu_to_le64(plane[WORDS]->i_ino);
	generate_random_uuid(raw->c_uuid);
	raw->c_attrs = cpu_to_le32(arg->attrs);
	for (i = 0; i < arg->attrs; i++) {
		strscpy(raw->c_attr[i].a_name, arg->attr[i].name, VEXFS_ATTR_NAME_LEN);
		raw->c_attr[i].a_type = cpu_to_le16(arg->attr[i].type);
	}
}

/* core.lock held; i_lock is for vexfs_collection_of(), which cannot sleep. */
static void set_collection(struct inode *dir, bool is, u64 collection)
{
	struct vexfs_inode_core *core = &VEXFS_I(dir)->core;

	spin_lock(&dir->i_lock);
	core->flags &= ~VEXFS_INODE_COLLECTION;
	if (is)
		core->flags |= VEXFS_INODE_COLLECTION;
	core->collection = collection;
	spin_unlock(&dir->i_lock);
}

/* In a transaction: the block with all in it, and the directory that names it. */
static int create_block(vx_txn *handle, struct inode *dir, const struct vexfs_ioc_create *arg,
			struct inode *const plane[PLANES])
{
	struct vexfs_inode_core *core = &VEXFS_I(dir)->core;
	struct vexfs_collection *raw;
	vx_buf *bh;
	u64 block;
	u32 len;
	int err;

	err = vexfs_alloc_blocks(handle, core->fs,
				 vexfs_group_data(core->fs,
						  (dir->i_ino - 1) / core->fs->inodes_per_group),
				 1, 0, &block, &len);
	if (err)
		return err;
	bh = vx_getblk(core->fs, block);
	err = PTR_ERR_OR_ZERO(bh);
	if (!err)
		err = vx_txn_create(handle, bh);
	if (err) {
		if (!IS_ERR(bh))
			vx_brelse(bh);
		vexfs_free_blocks(handle, core->fs, block, 1, false);
		return err;
	}
	raw = vexfs_schema_raw(bh);
	fill_block(raw, dir, arg, plane);
	raw->c_crc = cpu_to_le32(crc_in(dir, block, raw));
	err = vx_txn_dirty(handle, core->fs, bh);
	vx_brelse(bh);
	if (err)			/* the journal is gone */
		return err;
	vexfs_inode_touch(dir);
	down_write(&core->lock);
	set_collection(dir, true, block);
	err = vexfs_log_inode_locked(handle, dir, true);
	up_write(&core->lock);
	return err;
}

static int try_create(struct inode *dir, const struct vexfs_ioc_create *arg)
{
	u32 i, n, planes = has_keywords(arg) ? PLANES : WORDS;
	struct inode *plane[PLANES] = {};
	vx_txn *handle;
	int err, e2, undo = 0;

	handle = vexfs_start(dir->i_sb, planes * (VEXFS_NEW_CREDITS + VEXFS_FREE_CREDITS) +
						VEXFS_ALLOC_CREDITS + 1 + VEXFS_INODE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_inode_access(handle, dir);
	for (n = 0; n < planes && !err; n++) {
		plane[n] = vexfs_new_hidden(handle, dir, n == DEAD ? VEXFS_INODE_METADATA : 0);
		if (IS_ERR(plane[n])) {
			err = PTR_ERR(plane[n]);
			plane[n] = NULL;
		}
	}
	if (!err)
		err = create_block(handle, dir, arg, plane);
	if (err)
		for (i = 0; i < n; i++) {
			e2 = plane[i] ? vexfs_unlink_hidden(handle, plane[i]) : 0;
			undo = undo ?: e2;
		}
	err = undo ? vexfs_finish(handle, dir->i_sb, err) : vexfs_stop(handle, err);
	for (i = 0; i < n; i++)
		iput(plane[i]);		/* unlinked ones are freed here */
	return err;
}

int vexfs_collection_create(struct inode *dir, const struct vexfs_ioc_create *arg)
{
	int err = check_create(arg), retries = 0;

	if (err)
		return err;
	if (down_write_killable(&dir->i_rwsem))
		return -EINTR;
	if (!dir->i_nlink)
		err = -ENOENT;
	else if (vexfs_is_collection(dir))
		err = -EEXIST;
	else
		err = vexfs_dir_empty(&VEXFS_I(dir)->core);
	if (!err)
		do
			err = try_create(dir, arg);
		while (vexfs_retry_space(dir->i_sb, err, &retries));
	inode_unlock(dir);
	return err;
}

/* --- dropping it --- */

/*
 * One transaction takes everything from the directory: the planes become orphans, the block is
 * freed and the directory is a plain one again.  Whatever happens next, each of them is freed once.
 */
int vexfs_schema_drop(struct vexfs_collection_mem *c, u64 outer)
{
	struct vexfs_body *b = c->body;
	struct inode *plane[8 + VEXFS_MAX_SNAPSHOTS] = { b->vectors,	  b->records, b->keys, b->dead,
							  b->heirs,	  b->deaths,
							  c->words.plane, b->checkpoint };
	struct vexfs_inode_core *core = &VEXFS_I(c->dir)->core;
	vx_txn *handle;
	int err;
	u32 i;

	for (i = 0; i < b->snapshots; i++)
		plane[8 + i] = b->snapshot[i]->dead;
	/* each in a table block; the superblock is shared */
	handle = vexfs_start(c->dir->i_sb,
			     ARRAY_SIZE(plane) * VEXFS_INODE_CREDITS + 2 * VEXFS_FREE_CREDITS);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = vexfs_inode_access(handle, c->dir) ?: vx_txn_write(handle, core->fs->sb_buf);
	for (i = 0; i < ARRAY_SIZE(plane) && !err; i++)
		err = vexfs_inode_access(handle, plane[i]);
	/* done, or nothing has changed: a block that is free, say, is damage */
	err = err ?: vexfs_free_blocks(handle, core->fs, core->collection, 1, true);
	if (err)
		return vexfs_stop(handle, err);
	for (i = 0; i < ARRAY_SIZE(plane) && !err; i++)
		if (plane[i])
			err = vexfs_unlink_hidden(handle, plane[i]);
	if (!err) {
		vexfs_inode_touch(c->dir);
		down_write(&core->lock);
		set_collection(c->dir, false, outer);
		err = vexfs_log_inode_locked(handle, c->dir, true);
		up_write(&core->lock);
	}
	return vexfs_finish(handle, c->dir->i_sb, err);
}
