// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of collections: the block, the planes that it names, and planes that no block names.
 *
 * What is in a collection is known by its block alone, so one whose block is lost is none any more;
 * its planes become files in lost+found, in which the vectors still are.
 */
#include "host.h"
#include "repair-priv.h"

/* --- bytes of planes --- */

int rep_read(struct repair *r, struct vexfs_inode_core *c, __u64 pos, void *to, size_t n)
{
	__u8 block[VEXFS_BLOCK_SIZE], *at = to;
	struct vexfs_map m = {};
	int err = 0;

	while (n && !err) {
		__u32 lblk = pos >> VEXFS_BLOCK_SHIFT, off = pos % VEXFS_BLOCK_SIZE;
		size_t len = min_t(size_t, n, VEXFS_BLOCK_SIZE - off);

		if (lblk - m.lblk >= m.len)
			err = vexfs_extent_lookup(c, lblk, &m);
		if (err)
			break;
		if (m.pblk && !m.unwritten) {
			err = vexfs_dev_read(r->dev, m.pblk + (lblk - m.lblk), block);
			memcpy(at, block + off, len);
		} else {
			memset(at, 0, len);
		}
		at += len;
		pos += len;
		n -= len;
	}
	return err;
}

/* A block to write to: *fresh, nothing is in it. */
static int block_for(struct repair *r, struct vexfs_inode_core *c, __u32 lblk, vx_buf **buf,
		     bool *fresh)
{
	struct vexfs_map m;
	__u32 done;
	int err = vexfs_extent_lookup(c, lblk, &m);

	if (!err && !m.pblk)
		err = vexfs_extent_alloc(&r->t, c, lblk, 1, true, &m);
	if (err)
		return err;
	*fresh = m.unwritten;
	if (*fresh)
		err = vexfs_extent_convert(&r->t, c, lblk, 1, &done);
	if (err)
		return err;
	*buf = *fresh ? vx_getblk(&r->fs, m.pblk) : vx_bread(&r->fs, m.pblk);
	if (IS_ERR(*buf))
		return PTR_ERR(*buf);
	err = *fresh ? vx_txn_create(&r->t, *buf) : vx_txn_write(&r->t, *buf);
	if (err)
		vx_brelse(*buf);
	return err;
}

int rep_write(struct repair *r, struct vexfs_inode_core *c, __u64 pos, const void *from, size_t n)
{
	const __u8 *at = from;
	vx_buf *buf;
	bool fresh;
	int err = 0;

	while (n && !err) {
		__u32 off = pos % VEXFS_BLOCK_SIZE;
		size_t len = min_t(size_t, n, VEXFS_BLOCK_SIZE - off);

		err = block_for(r, c, pos >> VEXFS_BLOCK_SHIFT, &buf, &fresh);
		if (err)
			break;
		memcpy((__u8 *)vx_data(buf) + off, at, len);
		err = vx_txn_dirty(&r->t, &r->fs, buf);
		vx_brelse(buf);
		at += len;
		pos += len;
		n -= len;
	}
	return err;
}

int rep_put_block(struct repair *r, struct vexfs_inode_core *c, __u32 lblk, void *block)
{
	((__le32 *)block)[2] = cpu_to_le32(lblk);
	rep_stamp_block(c, block);
	c->disk_size = max_t(__u64, c->disk_size, (__u64)(lblk + 1) << VEXFS_BLOCK_SHIFT);
	return rep_write(r, c, (__u64)lblk << VEXFS_BLOCK_SHIFT, block, VEXFS_BLOCK_SIZE);
}

int rep_get_block(struct repair *r, struct vexfs_inode_core *c, __u32 lblk, __u32 magic,
		  void *block)
{
	int err = rep_read(r, c, (__u64)lblk << VEXFS_BLOCK_SHIFT, block, VEXFS_BLOCK_SIZE);

	if (err)
		return err;
	if (rep_is_block(c, block, lblk, magic))
		return 1;
	if (!rep_nearly(*(__le32 *)block, magic) ||
	    !rep_one_bit(r, block, VEXFS_BLOCK_SIZE, 4, c->ino, &c->generation, lblk) ||
	    !rep_is_block(c, block, lblk, magic))
		return 0;
	err = rep_write(r, c, (__u64)lblk << VEXFS_BLOCK_SHIFT, block, VEXFS_BLOCK_SIZE);
	if (!err)
		did(r, "inode %llu, block %u: a wrong bit was put right", ull(c->ino), lblk);
	return err ? err : 1;
}

/* --- the block --- */

static void stamp(struct rep_collection *c)
{
	c->raw.c_crc = cpu_to_le32(vexfs_csum(&c->r->fs, &c->raw, sizeof(c->raw),
					      offsetof(struct vexfs_collection, c_crc), c->dir.ino,
					      c->dir.generation, c->dir.collection));
}

/* Of the snapshots those that can be; *dropped of them cannot. */
static void fix_snapshots(struct rep_collection *c)
{
	struct vexfs_snapshot all[VEXFS_MAX_SNAPSHOTS], *n = c->raw.c_snapshot;
	unsigned int i, k;

	memcpy(all, n, sizeof(all));
	memset(n, 0, sizeof(all));
	for (i = k = 0; i < VEXFS_MAX_SNAPSHOTS; i++) {
		if (!memchr_inv(&all[i], 0, sizeof(all[i])))
			continue;
		n[k] = all[i];
		if (all[i].n_name[0] && !vexfs_snapshots_check(&c->raw)) {
			k++;
			continue;
		}
		memset(&n[k], 0, sizeof(*n));
		did(c->r, "collection %llu: a snapshot whose description is damaged was dropped",
		    ull(c->dir.ino));
	}
}

static void fix_counts(struct rep_collection *c)
{
	struct vexfs_collection *raw = &c->raw;
	__u64 count = le64_to_cpu(raw->c_count);

	if (le64_to_cpu(raw->c_live) > count)
		raw->c_live = raw->c_count;
	if (le64_to_cpu(raw->c_next_seq) <= count)
		raw->c_next_seq = cpu_to_le64(count + 1);
}

/*
 * A name that is none becomes one that no program has: a filter that is not loaded lets nothing
 * through, while none at all lets all.
 */
static void fix_programs(struct rep_collection *c)
{
	static const char instead[VEXFS_PROG_NAME_LEN] = "damaged";
	unsigned int i;

	for (i = 0; i < VEXFS_SLOTS; i++) {
		char *name = c->raw.c_program[i];
		size_t n = strnlen(name, VEXFS_PROG_NAME_LEN);

		if (n < VEXFS_PROG_NAME_LEN &&
		    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n)
			continue;
		memcpy(name, instead, sizeof(instead));
		did(c->r, "collection %llu: the name of a bound program is damaged: bind it again",
		    ull(c->dir.ino));
	}
}

/* Read it; 1, 0: it says nothing, or an error. */
static int read_block(struct rep_collection *c)
{
	struct repair *r = c->r;
	vx_buf *buf = vx_bread(&r->fs, c->dir.collection);
	const unsigned int off = offsetof(struct vexfs_collection, c_crc);
	__u32 crc;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	memcpy(&c->raw, vx_data(buf), sizeof(c->raw));
	vx_brelse(buf);
	crc = vexfs_csum(&r->fs, &c->raw, sizeof(c->raw), off, c->dir.ino, c->dir.generation,
			 c->dir.collection);
	if (le32_to_cpu(c->raw.c_crc) != crc) {
		if (!rep_nearly(c->raw.c_magic, VEXFS_COLLECTION_MAGIC) ||
		    !rep_one_bit(r, &c->raw, sizeof(c->raw), off, c->dir.ino, &c->dir.generation,
				 c->dir.collection))
			return 0;
		did(r, "collection %llu: a wrong bit of its block was put right", ull(c->dir.ino));
	}
	fix_counts(c);
	fix_programs(c);
	if (vexfs_snapshots_check(&c->raw))
		fix_snapshots(c);
	stamp(c);
	return !vexfs_schema_check(&r->fs, c->dir.ino, c->dir.generation, c->dir.collection,
				   &c->raw);
}

static int write_block(struct rep_collection *c)
{
	struct repair *r = c->r;
	vx_buf *buf = vx_bread(&r->fs, c->dir.collection);
	int err = 0;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	stamp(c);
	if (memcmp(vx_data(buf), &c->raw, sizeof(c->raw))) {
		err = vx_txn_write(&r->t, buf);
		if (!err) {
			memcpy(vx_data(buf), &c->raw, sizeof(c->raw));
			err = vx_txn_dirty(&r->t, &r->fs, buf);
		}
	}
	vx_brelse(buf);
	return err;
}

static void make_plain(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_flags &= ~cpu_to_le32(VEXFS_INODE_COLLECTION);
	raw->i_collection = 0;
}

/* Its planes are found later: they belong to what is no collection. */
static int drop(struct rep_collection *c, struct rep_inode *f)
{
	int err = vexfs_free_blocks(&c->r->t, &c->r->fs, c->dir.collection, 1, true);

	did(c->r,
	    "collection %llu: its block does not verify: it is a plain directory now, and its planes are in lost+found",
	    ull(c->dir.ino));
	f->flags &= ~VEXFS_INODE_COLLECTION;
	f->collection = 0;
	return err ? err : rep_edit(c->r, c->dir.ino, make_plain, NULL);
}

/* --- planes --- */

/* Its plane of this kind, which becomes one; NULL. */
static struct rep_inode *plane_of(struct rep_collection *c, __le64 ino, __u32 flags)
{
	struct rep_inode *f = rep_used(c->r, le64_to_cpu(ino));

	if (!f || f->plane || !S_ISREG(f->mode) || !(f->flags & VEXFS_INODE_HIDDEN) ||
	    (f->flags & VEXFS_INODE_METADATA) != flags || f->parent != c->dir.ino ||
	    f->parent_generation != c->dir.generation)
		return NULL;
	f->plane = true;
	return f;
}

static void link_once(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_nlink = cpu_to_le32(1);
}

/* 1: it is a plane, in *core; 0: it is none, and is not named any more. */
static int open_plane(struct rep_collection *c, __le64 *ino, __u32 flags, const char *what,
		      struct vexfs_inode_core *core)
{
	struct rep_inode *f;
	int err = 0;

	if (!*ino)
		return 0;
	f = plane_of(c, *ino, flags);
	if (!f) {
		did(c->r, "collection %llu: inode %llu is not its plane of %s", ull(c->dir.ino),
		    ull(le64_to_cpu(*ino)), what);
		*ino = 0;
		return 0;
	}
	if (!f->nlink) {
		f->nlink = 1;
		err = rep_edit(c->r, le64_to_cpu(*ino), link_once, NULL);
	}
	if (!err)
		err = rep_load(c->r, le64_to_cpu(*ino), core);
	return err ? err : 1;
}

static int new_plane(struct rep_collection *c, __le64 *ino, __u32 flags,
		     struct vexfs_inode_core *core)
{
	int err = rep_make(c->r, core, c->dir.ino, S_IFREG, VEXFS_INODE_HIDDEN | flags);

	if (err)
		return err;
	core->collection = c->dir.ino;
	*ino = cpu_to_le64(core->ino);
	rep_find(c->r, core->ino)->plane = true;
	return rep_store(c->r, core, NULL, NULL);
}

static void show(struct vexfs_inode *raw, void *arg)
{
	(void)arg;
	raw->i_flags &= ~cpu_to_le32(VEXFS_INODE_HIDDEN | VEXFS_INODE_METADATA);
	raw->i_mode = cpu_to_le16(S_IFREG | 0600);
	raw->i_collection = 0;
}

/* What was a plane is a file now, in lost+found. */
static int keep_plane(struct repair *r, __u64 ino)
{
	struct rep_inode *f = rep_find(r, ino);
	int err = rep_edit(r, ino, show, NULL);

	f->plane = false;
	f->flags &= ~(VEXFS_INODE_HIDDEN | VEXFS_INODE_METADATA);
	f->mode = S_IFREG | 0600;
	return err ? err : rep_keep(r, ino);
}

/* No record can be had without its vector: an empty collection, with the schema that it has. */
static int make_empty(struct rep_collection *c, bool *there)
{
	struct vexfs_collection *raw = &c->raw;
	__le64 *name[] = { &raw->c_vectors, &raw->c_records, &raw->c_keys, &raw->c_dead };
	int i, err = 0;

	did(c->r,
	    "collection %llu: its vectors or records are lost: it is empty now, and what is left of its planes is in lost+found",
	    ull(c->dir.ino));
	raw->c_count = raw->c_live = raw->c_key_bytes = 0;
	raw->c_epoch = cpu_to_le64(le64_to_cpu(raw->c_epoch) + 1);
	raw->c_heirs = raw->c_deaths = raw->c_deaths_begin = raw->c_deaths_end = 0;
	raw->c_checkpoint = raw->c_checkpoint_slots = 0;
	memset(raw->c_snapshot, 0, sizeof(raw->c_snapshot));
	for (i = 0; i < REP_PLANES && !err; i++) {
		if (there[i] && i != REP_DEAD && c->plane[i].blocks)
			err = keep_plane(c->r, c->plane[i].ino);
		else if (there[i])
			rep_find(c->r, c->plane[i].ino)->plane = false;
		if (!err)
			err = new_plane(c, name[i], i == REP_DEAD ? VEXFS_INODE_METADATA : 0,
					&c->plane[i]);
	}
	return err;
}

static int open_planes(struct rep_collection *c)
{
	static const char *const what[] = { "vectors", "records", "keys", "deletions" };
	struct vexfs_collection *raw = &c->raw;
	__le64 *name[] = { &raw->c_vectors, &raw->c_records, &raw->c_keys, &raw->c_dead };
	bool there[REP_PLANES];
	int i, err;

	for (i = 0; i < REP_PLANES; i++) {
		err = open_plane(c, name[i], i == REP_DEAD ? VEXFS_INODE_METADATA : 0, what[i],
				 &c->plane[i]);
		if (err < 0)
			return err;
		there[i] = err;
	}
	if (!there[REP_VECTORS] || !there[REP_RECORDS])
		return make_empty(c, there);
	for (i = REP_KEYS, err = 0; i < REP_PLANES && !err; i++)
		if (!there[i])
			err = new_plane(c, name[i], i == REP_DEAD ? VEXFS_INODE_METADATA : 0,
					&c->plane[i]);
	if (!there[REP_KEYS])
		raw->c_key_bytes = 0;
	return err;
}

/* A plane holds so many bytes, as far as it is for its extents. */
static int fill_plane(struct rep_collection *c, struct vexfs_inode_core *core, __u64 bytes,
		      const char *what)
{
	__u64 n;
	int err = rep_fill(c->r, core, DIV_ROUND_UP(bytes, VEXFS_BLOCK_SIZE), &n);

	if (err || !n)
		return err;
	did(c->r, "collection %llu: %llu blocks of its %s are lost", ull(c->dir.ino), ull(n), what);
	return rep_store(c->r, core, NULL, NULL);
}

/* Slots that the planes have no room for do not exist. */
static void cut_count(struct rep_collection *c)
{
	struct vexfs_collection *raw = &c->raw;
	__u64 count = le64_to_cpu(raw->c_count), room;
	unsigned int i;

	room = min(c->plane[REP_VECTORS].disk_size / le32_to_cpu(raw->c_row_bytes),
		   c->plane[REP_RECORDS].disk_size / sizeof(struct vexfs_record));
	if (room < count) {
		did(c->r, "collection %llu: its planes have room for %llu records, not %llu",
		    ull(c->dir.ino), ull(room), ull(count));
		raw->c_count = cpu_to_le64(room);
		raw->c_epoch = cpu_to_le64(le64_to_cpu(raw->c_epoch) + 1);
		for (i = 0; i < VEXFS_MAX_SNAPSHOTS; i++)
			if (le64_to_cpu(raw->c_snapshot[i].n_count) > room)
				raw->c_snapshot[i].n_count = raw->c_count;
	}
	if (c->plane[REP_KEYS].disk_size < le64_to_cpu(raw->c_key_bytes)) {
		did(c->r, "collection %llu: its keys end at byte %llu, not %llu", ull(c->dir.ino),
		    ull(c->plane[REP_KEYS].disk_size), ull(le64_to_cpu(raw->c_key_bytes)));
		raw->c_key_bytes = cpu_to_le64(c->plane[REP_KEYS].disk_size);
	}
}

static int fix_sizes(struct rep_collection *c)
{
	const struct vexfs_collection *raw = &c->raw;
	__u64 count;
	int err;

	cut_count(c);
	count = le64_to_cpu(raw->c_count);
	err = fill_plane(c, &c->plane[REP_VECTORS], count * le32_to_cpu(raw->c_row_bytes),
			 "vectors");
	if (!err)
		err = fill_plane(c, &c->plane[REP_RECORDS], count * sizeof(struct vexfs_record),
				 "records");
	return err ? err :
		     fill_plane(c, &c->plane[REP_KEYS], le64_to_cpu(raw->c_key_bytes), "keys");
}

/* The dictionary and the table of heirs, where there are any. */
static int fix_tables(struct rep_collection *c)
{
	struct vexfs_collection *raw = &c->raw;
	struct vexfs_inode_core plane;
	bool wanted = false;
	__u32 i;
	int err;

	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		wanted |= rep_keyword(c, i);
	if (!wanted)
		raw->c_words = raw->c_word_bytes = 0;
	err = open_plane(c, &raw->c_words, 0, "words", &plane);
	if (wanted && !err) {
		raw->c_word_bytes = 0;
		err = new_plane(c, &raw->c_words, 0, &plane);
	}
	if (err >= 0 && wanted) {
		if (plane.disk_size < le64_to_cpu(raw->c_word_bytes))
			raw->c_word_bytes = cpu_to_le64(plane.disk_size);
		err = fill_plane(c, &plane, le64_to_cpu(raw->c_word_bytes), "words");
		if (!err)
			err = rep_words(c, &plane);
	}
	if (err < 0)
		return err;
	err = open_plane(c, &raw->c_heirs, VEXFS_INODE_METADATA, "heirs", &plane);
	return err > 0 ? rep_heirs(c, &plane) : err;
}

/* --- the checkpoint --- */

static void ignore(void *arg, const char *line)
{
	(void)arg, (void)line;
}

/* Loaded with the collection, by the code that knows what it must be; its wrong is no loss. */
static int checkpoint_wrong(struct rep_collection *c, bool *wrong)
{
	struct super_block *sb = vexfs_image_over(c->r->dev, ignore, NULL);
	struct vexfs_collection_mem *mem;
	struct inode *dir;
	int err = PTR_ERR_OR_ZERO(sb);

	*wrong = true;
	if (err)
		return err == -EUCLEAN ? 0 : err;
	dir = vexfs_iget(sb, c->dir.ino, VEXFS_IGET_ORPHAN);
	err = PTR_ERR_OR_ZERO(dir);
	if (!err) {
		mem = vexfs_collection_get(dir);
		err = PTR_ERR_OR_ZERO(mem);
		if (!err) {
			*wrong = !mem->body->checkpoint ||
				 vexfs_checkpoint_wrong(mem, mem->body, &err);
			vexfs_collection_put(mem);
		}
		iput(dir);
	}
	vexfs_image_leave(sb);
	return err == -EUCLEAN ? 0 : err;
}

static int fix_checkpoint(struct rep_collection *c)
{
	struct vexfs_collection *raw = &c->raw;
	__le64 ino = raw->c_checkpoint;
	struct vexfs_inode_core plane;
	bool wrong = true;
	int err;

	if (!ino) {
		raw->c_checkpoint_slots = 0;
		return 0;
	}
	err = open_plane(c, &raw->c_checkpoint, 0, "checkpoint", &plane);
	if (err > 0) {
		err = write_block(c);
		if (!err)
			err = checkpoint_wrong(c, &wrong);
		if (!err && !wrong)
			return 0;
		rep_find(c->r, plane.ino)->plane = false;
	}
	if (err < 0)
		return err;
	raw->c_checkpoint = raw->c_checkpoint_slots = 0;
	did(c->r, "collection %llu: its checkpoint was dropped: the next mount makes it anew",
	    ull(c->dir.ino));
	return 0;
}

/* --- all of it --- */

static int fix(struct rep_collection *c)
{
	__u64 bytes;
	int err = open_planes(c);

	if (!err)
		err = fix_sizes(c);
	if (!err)
		err = fix_tables(c);
	if (err)
		return err;
	bytes = DIV_ROUND_UP(le64_to_cpu(c->raw.c_count), 64) * 8 + 8;
	c->dead = calloc(1, bytes);
	c->logged = calloc(1, bytes);
	c->bad = calloc(1, bytes);
	err = c->dead && c->logged && c->bad ? rep_dead_read(c) : -ENOMEM;
	if (!err)
		err = rep_records(c);
	if (!err)
		err = rep_dead_write(c);
	if (!err)
		err = fix_checkpoint(c);
	return err ? err : write_block(c);
}

/* One that this version does not know is left alone. */
static void leave_alone(struct rep_collection *c)
{
	const struct vexfs_collection *raw = &c->raw;
	const __le64 ino[] = { raw->c_vectors, raw->c_records, raw->c_keys,   raw->c_dead,
			       raw->c_words,   raw->c_heirs,   raw->c_deaths, raw->c_checkpoint };
	struct rep_inode *f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ino) + VEXFS_MAX_SNAPSHOTS; i++) {
		f = rep_used(c->r,
			     le64_to_cpu(i < ARRAY_SIZE(ino) ?
						 ino[i] :
						 raw->c_snapshot[i - ARRAY_SIZE(ino)].n_dead_ino));
		if (f)
			f->plane = true;
	}
}

static int fix_collection(struct repair *r, __u64 ino, struct rep_inode *f)
{
	struct rep_collection *c;
	int err;

	if (!(f->flags & VEXFS_INODE_COLLECTION))
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->r = r;
	err = rep_load(r, ino, &c->dir);
	if (!err)
		err = read_block(c);
	if (err < 0)
		goto out;
	if (err && vexfs_schema_supported(&c->raw)) {
		leave_alone(c);
		err = 0;
	} else if (!err || le32_to_cpu(c->raw.c_row_bytes) != 4 * le32_to_cpu(c->raw.c_dims)) {
		err = drop(c, f);
	} else {
		err = fix(c);
	}
out:
	free(c->dead);
	free(c->logged);
	free(c->bad);
	free(c->heir);
	free(c);
	return err;
}

/* Hidden inodes that no collection names. */
static int settle_loose(struct repair *r, __u64 ino, struct rep_inode *f)
{
	const struct rep_inode *of = rep_find(r, f->parent);
	struct vexfs_inode_core c;
	bool known;
	int err;

	if (!(f->flags & VEXFS_INODE_HIDDEN) || f->plane)
		return 0;
	err = rep_load(r, ino, &c);
	if (err)
		return err;
	known = of && of->generation == f->parent_generation &&
		(of->deleted || (of->used && of->flags & VEXFS_INODE_COLLECTION));
	if (f->nlink && !known && !(f->flags & VEXFS_INODE_METADATA) && c.blocks)
		return keep_plane(r, ino);
	did(r, "hidden inode %llu: belongs to no collection, and is freed", ull(ino));
	return rep_free(r, ino);
}

int rep_collections(struct repair *r)
{
	int err = rep_each(r, fix_collection);

	return err ? err : rep_each(r, settle_loose);
}
