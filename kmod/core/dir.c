// SPDX-License-Identifier: GPL-2.0
/*
 * Linear directories.
 *
 * Lock order: the directory's inode lock (the host's), vexfs_inode_core.lock (taken here, for the
 * map of blocks), alloc_lock (inside the allocator).
 *
 * A position is lblk * 4096 + offset of the entry in its block.  Entries do not move while they
 * exist.
 */
#include "core.h"

#define HEAD ((unsigned int)offsetof(struct vexfs_dir_block, db_entries))

static __u32 dir_blocks(const struct vexfs_inode_core *c)
{
	return c->disk_size >> VEXFS_BLOCK_SHIFT;
}

static int dir_usable(const struct vexfs_inode_core *c)
{
	return c->flags & VEXFS_INODE_HASHED ? -EOPNOTSUPP : 0;
}

static struct vexfs_dirent *entry_at(vx_buf *buf, unsigned int off)
{
	return (struct vexfs_dirent *)((char *)vx_data(buf) + off);
}

struct entry {
	struct vexfs_dirent *d;
	__u64 ino;
	unsigned int off, reclen, namelen;
	unsigned int used;		/* 0 where there is none */
};

/*
 * The entry at off, read once.  False: the block is over, or is not what it was when it was
 * verified, which is for seen_all() to tell.  That was for one directory; on a hostile image another
 * one may have the same block, and changes it under its own lock.
 */
static bool entry_get(vx_buf *buf, unsigned int off, struct entry *e)
{
	if (off > VEXFS_BLOCK_SIZE - VEXFS_DIRENT_HEAD)
		return false;
	e->d = entry_at(buf, off);
	e->off = off;
	e->ino = le64_to_cpu(READ_ONCE(e->d->d_ino));
	e->reclen = le16_to_cpu(READ_ONCE(e->d->d_reclen));
	e->namelen = READ_ONCE(e->d->d_namelen);
	e->used = e->ino ? VEXFS_DIRENT_LEN(e->namelen) : 0;
	return e->reclen >= VEXFS_DIRENT_HEAD && e->reclen % 8 == 0 &&
	       e->reclen <= VEXFS_BLOCK_SIZE - off && e->used <= e->reclen;
}

/*
 * A walk over the entries of a block came to off: is that its end?  Else there may be names behind, and
 * that there are none must not be said, nor remembered.
 */
static int seen_all(const struct vexfs_inode_core *c, __u32 lblk, unsigned int off)
{
	if (off == VEXFS_BLOCK_SIZE)
		return 0;
	vexfs_damage(c->fs, "directory %llu, block %u: it changed, and is somebody else's too",
		     (unsigned long long)c->ino, lblk);
	return -EUCLEAN;
}

static bool name_valid(const char *name, unsigned int len)
{
	return len && len <= VEXFS_NAME_LEN && !memchr(name, '/', len) && !memchr(name, 0, len) &&
	       !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static bool type_valid(__u8 type)
{
	switch (type) {
	case DT_FIFO:
	case DT_CHR:
	case DT_DIR:
	case DT_BLK:
	case DT_REG:
	case DT_LNK:
	case DT_SOCK:
		return true;
	}
	return false;
}

/* --- verification --- */

static __u32 block_crc(const struct vexfs_inode_core *c, const void *block, __u32 lblk)
{
	return vexfs_csum(c->fs, block, VEXFS_BLOCK_SIZE, offsetof(struct vexfs_dir_block, db_crc),
			  c->ino, c->generation, lblk);
}

/* d_hash is not looked at here: a wrong one only hides its name, and fsck finds it. */
static const char *entry_wrong(const struct vexfs_fs *fs, const struct vexfs_dirent *d, bool first)
{
	if (!d->d_ino)
		return first ? NULL : "unused space behind an entry";
	if (!vexfs_ino_valid(fs, le64_to_cpu(d->d_ino)))
		return "inode out of range";
	if (le16_to_cpu(d->d_reclen) < VEXFS_DIRENT_LEN(d->d_namelen))
		return "name longer than its entry";
	if (!name_valid(d->d_name, d->d_namelen))
		return "invalid name";
	if (!type_valid(d->d_type))
		return "unknown type";
	return NULL;
}

static const char *block_wrong(const struct vexfs_inode_core *c, vx_buf *buf, __u32 lblk)
{
	const struct vexfs_dir_block *db = vx_data(buf);
	unsigned int off, len;
	const char *why;

	if (le32_to_cpu(db->db_magic) != VEXFS_DIR_MAGIC)
		return "no directory block";
	if (!vx_verified(buf) && le32_to_cpu(db->db_crc) != block_crc(c, db, lblk))
		return "checksum is wrong";
	if (le32_to_cpu(db->db_lblk) != lblk || le32_to_cpu(db->db_generation) != c->generation)
		return "block belongs elsewhere";
	if (vx_verified(buf))
		return NULL;
	for (off = HEAD; off < VEXFS_BLOCK_SIZE; off += len) {
		const struct vexfs_dirent *d = entry_at(buf, off);

		if (off > VEXFS_BLOCK_SIZE - VEXFS_DIRENT_HEAD)
			return "entry crosses the end";
		len = le16_to_cpu(d->d_reclen);
		if (len < VEXFS_DIRENT_HEAD || len % 8 || len > VEXFS_BLOCK_SIZE - off)
			return "entry has a wrong length";
		why = entry_wrong(c->fs, d, off == HEAD);
		if (why)
			return why;
	}
	vx_set_verified(buf);
	return NULL;
}

/* --- blocks --- */

/* Reads blocks in order; remembers the extent that it is in. */
struct cursor {
	struct vexfs_map map;
};

static int block_read(struct vexfs_inode_core *c, struct cursor *at, __u32 lblk, vx_buf **out)
{
	const char *why;
	vx_buf *buf;
	int err;

	if (lblk < at->map.lblk || lblk - at->map.lblk >= at->map.len) {
		vx_down_read(&c->lock);
		err = vexfs_extent_lookup(c, lblk, &at->map);
		vx_up_read(&c->lock);
		if (err)
			return err;
	}
	why = "block is missing";
	buf = NULL;
	if (at->map.pblk && !at->map.unwritten) {
		buf = vx_bread(c->fs, at->map.pblk + (lblk - at->map.lblk));
		if (IS_ERR(buf))
			return PTR_ERR(buf);
		why = block_wrong(c, buf, lblk);
	}
	*out = buf;
	if (!why)
		return 0;
	vexfs_damage(c->fs, "directory %llu, block %u: %s", (unsigned long long)c->ino, lblk, why);
	vx_brelse(buf);
	return -EUCLEAN;
}

static int block_dirty(vx_txn *t, struct vexfs_inode_core *c, vx_buf *buf)
{
	struct vexfs_dir_block *db = vx_data(buf);

	db->db_crc = cpu_to_le32(block_crc(c, db, le32_to_cpu(db->db_lblk)));
	return vx_txn_dirty(t, c->fs, buf);
}

/* Add an empty block at the end. */
static int block_add(vx_txn *t, struct vexfs_inode_core *c, vx_buf **out)
{
	struct vexfs_dir_block *db;
	struct vexfs_map map;
	__u32 lblk = dir_blocks(c);
	vx_buf *buf;
	int err;

	vx_down_write(&c->lock);
	err = vexfs_extent_alloc(t, c, lblk, 1, false, &map);
	if (err)
		goto unlock;
	buf = vx_getblk(c->fs, map.pblk);
	err = IS_ERR(buf) ? PTR_ERR(buf) : vx_txn_create(t, buf);
	if (err) {
		vx_brelse(IS_ERR(buf) ? NULL : buf);
		vexfs_extent_truncate(t, c, lblk);
		goto unlock;
	}
	db = vx_data(buf);
	db->db_magic = cpu_to_le32(VEXFS_DIR_MAGIC);
	db->db_lblk = cpu_to_le32(lblk);
	db->db_generation = cpu_to_le32(c->generation);
	entry_at(buf, HEAD)->d_reclen = cpu_to_le16(VEXFS_BLOCK_SIZE - HEAD);
	c->disk_size += VEXFS_BLOCK_SIZE;
	c->dir_hint = lblk;
	*out = buf;
unlock:
	vx_up_write(&c->lock);
	return err;
}

static bool block_empty(vx_buf *buf)
{
	struct entry e;

	return entry_get(buf, HEAD, &e) && !e.ino && e.reclen == VEXFS_BLOCK_SIZE - HEAD;
}

/*
 * Give back empty blocks at the end, as far as the transaction reaches.  What cannot be given back
 * stays, empty, so there is no error.
 */
static void shrink(vx_txn *t, struct vexfs_inode_core *c)
{
	struct cursor at = { };
	vx_buf *buf;

	while (c->disk_size && vx_txn_credits(t) >= VEXFS_DIR_CREDITS / 2 &&
	       vx_txn_revokes(t) > VEXFS_EXTENT_DEPTH) {
		__u32 lblk = dir_blocks(c) - 1;
		bool empty;
		int err;

		if (block_read(c, &at, lblk, &buf))
			return;
		empty = block_empty(buf);
		vx_brelse(buf);
		if (!empty)
			return;
		vx_down_write(&c->lock);
		err = vexfs_extent_truncate(t, c, lblk);
		if (!err)
			c->disk_size -= VEXFS_BLOCK_SIZE;
		vx_up_write(&c->lock);
		if (err)
			return;
		c->dir_hint = min(c->dir_hint, dir_blocks(c));
	}
}

/* --- entries --- */

/*
 * Find a name: its block, which the caller releases, its entry and the offset of that before it, 0:
 * it is the first.  Only lookups are killable: what changes an entry may be the second step
 * of a transaction that cannot go back.
 */
static int find(struct vexfs_inode_core *c, const char *name, unsigned int len, vx_buf **out,
		struct entry *e, unsigned int *prev, bool killable)
{
	__u32 hash = crc32c(~0u, name, len), lblk;
	struct cursor cur = { };
	unsigned int off;
	int err;

	err = dir_usable(c);
	for (lblk = 0; !err && lblk < dir_blocks(c); lblk++) {
		vx_buf *buf;

		err = block_read(c, &cur, lblk, &buf);
		if (err)
			return err;
		*prev = 0;
		for (off = HEAD; entry_get(buf, off, e); off += e->reclen) {
			if (e->ino && le32_to_cpu(e->d->d_hash) == hash && e->namelen == len &&
			    !memcmp(e->d->d_name, name, len)) {
				*out = buf;
				return 0;
			}
			*prev = off;
		}
		vx_brelse(buf);
		err = seen_all(c, lblk, off);
		if (!err && killable && vx_killed())
			return -EINTR;
		cond_resched();
	}
	return err ? err : -ENOENT;
}

int vexfs_dir_lookup(struct vexfs_inode_core *c, const char *name, unsigned int len, __u64 *ino,
		     __u8 *type)
{
	unsigned int prev;
	struct entry e;
	vx_buf *buf;
	int err;

	if (len > VEXFS_NAME_LEN)
		return -ENAMETOOLONG;
	err = find(c, name, len, &buf, &e, &prev, true);
	if (err)
		return err;
	*ino = e.ino;
	*type = e.d->d_type;
	vx_brelse(buf);
	return 0;
}

/* Is there an entry in the block with need bytes to spare?  1, 0, -EUCLEAN. */
static int block_room(const struct vexfs_inode_core *c, __u32 lblk, vx_buf *buf, unsigned int need,
		      struct entry *e)
{
	unsigned int off;

	for (off = HEAD; entry_get(buf, off, e); off += e->reclen)
		if (e->reclen - e->used >= need)
			return 1;
	return seen_all(c, lblk, off);
}

/* A block with room, which may be changed now. */
static int make_room(vx_txn *t, struct vexfs_inode_core *c, unsigned int need, vx_buf **out,
		     struct entry *e)
{
	struct cursor at = { };
	__u32 lblk;
	int err;

	for (lblk = c->dir_hint; lblk < dir_blocks(c); lblk++) {
		err = block_read(c, &at, lblk, out);
		if (err)
			return err;
		err = block_room(c, lblk, *out, need, e);
		if (err > 0) {
			c->dir_hint = lblk;
			err = vx_txn_write(t, *out);
			if (!err)
				return 0;
		}
		vx_brelse(*out);
		if (err)
			return err;
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	err = block_add(t, c, out);
	if (!err)
		entry_get(*out, HEAD, e);
	return err;
}

int vexfs_dir_add(vx_txn *t, struct vexfs_inode_core *c, const char *name, unsigned int len,
		  __u64 ino, __u8 type)
{
	struct vexfs_dirent *d;
	unsigned int rest;
	struct entry e;
	vx_buf *buf;
	int err;

	if (len > VEXFS_NAME_LEN)
		return -ENAMETOOLONG;
	if (!name_valid(name, len) || !vexfs_ino_valid(c->fs, ino) || !type_valid(type))
		return -EINVAL;
	err = dir_usable(c);
	if (err)
		return err;
	err = make_room(t, c, VEXFS_DIRENT_LEN(len), &buf, &e);
	if (err)
		return err;
	d = e.d;
	rest = e.reclen - e.used;
	if (e.used) {
		d->d_reclen = cpu_to_le16(e.used);
		d = entry_at(buf, e.off + e.used);
	}
	memset(d, 0, VEXFS_DIRENT_LEN(len));
	d->d_ino = cpu_to_le64(ino);
	d->d_reclen = cpu_to_le16(rest);
	d->d_namelen = len;
	d->d_type = type;
	d->d_hash = cpu_to_le32(crc32c(~0u, name, len));
	memcpy(d->d_name, name, len);
	err = block_dirty(t, c, buf);
	vx_brelse(buf);
	return err;
}

int vexfs_dir_remove(vx_txn *t, struct vexfs_inode_core *c, const char *name, unsigned int len)
{
	unsigned int prev;
	struct entry e;
	bool last;
	vx_buf *buf;
	__u32 lblk;
	int err;

	err = find(c, name, len, &buf, &e, &prev, false);
	if (err)
		return err;
	err = vx_txn_write(t, buf);
	if (err)
		goto release;
	memset(e.d, 0, e.used);
	if (prev)
		entry_at(buf, prev)->d_reclen = cpu_to_le16(e.off - prev + e.reclen);
	else
		e.d->d_reclen = cpu_to_le16(e.reclen);
	err = block_dirty(t, c, buf);
	lblk = le32_to_cpu(((const struct vexfs_dir_block *)vx_data(buf))->db_lblk);
	c->dir_hint = min(c->dir_hint, lblk);
	last = lblk + 1 == dir_blocks(c) && block_empty(buf);
release:
	vx_brelse(buf);
	if (!err && last)
		shrink(t, c);
	return err;
}

int vexfs_dir_replace(vx_txn *t, struct vexfs_inode_core *c, const char *name, unsigned int len,
		      __u64 ino, __u8 type)
{
	unsigned int prev;
	struct entry e;
	vx_buf *buf;
	int err;

	if (!vexfs_ino_valid(c->fs, ino) || !type_valid(type))
		return -EINVAL;
	err = find(c, name, len, &buf, &e, &prev, false);
	if (err)
		return err;
	err = vx_txn_write(t, buf);
	if (!err) {
		e.d->d_ino = cpu_to_le64(ino);
		e.d->d_type = type;
		err = block_dirty(t, c, buf);
	}
	vx_brelse(buf);
	return err;
}

int vexfs_dir_iterate(struct vexfs_inode_core *c, __u64 *pos,
		      bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino,
				 __u8 type, __u64 pos),
		      void *arg)
{
	struct cursor at = { };
	bool more = true;
	int err;

	err = dir_usable(c);
	while (!err && more && *pos < c->disk_size) {
		__u32 lblk = *pos >> VEXFS_BLOCK_SHIFT;
		__u64 base = (__u64)lblk << VEXFS_BLOCK_SHIFT;
		struct entry e;
		unsigned int off;
		vx_buf *buf;

		err = block_read(c, &at, lblk, &buf);
		if (err)
			return err;
		/*
		 * from the start of the block: the entry that *pos stood for may have been merged
		 */
		for (off = HEAD; more && entry_get(buf, off, &e); off += e.reclen) {
			if (!e.ino || base + off < *pos)
				continue;
			*pos = base + off;
			more = fn(arg, e.d->d_name, e.namelen, e.ino, e.d->d_type, *pos);
		}
		vx_brelse(buf);
		err = more ? seen_all(c, lblk, off) : 0;
		if (more && !err)
			*pos = base + VEXFS_BLOCK_SIZE;
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	return err;
}

static unsigned int entry_bytes(unsigned int len)
{
	return (sizeof(struct vexfs_dir_entry) + len + 7) & ~7u;
}

static bool collect(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	struct vexfs_dir_list *l = arg;
	struct vexfs_dir_entry *e = (void *)(l->byte + l->used);

	l->full = entry_bytes(len) > l->size - l->used;
	if (l->full)
		return false;
	e->ino = ino;
	e->pos = pos;
	e->type = type;
	e->len = len;
	memcpy(e->name, name, len);
	l->used += entry_bytes(len);
	return true;
}

int vexfs_dir_fill(struct vexfs_inode_core *c, __u64 *pos, struct vexfs_dir_list *l)
{
	l->used = 0;
	l->full = false;
	return vexfs_dir_iterate(c, pos, collect, l);
}

const struct vexfs_dir_entry *vexfs_dir_next(const struct vexfs_dir_list *l, unsigned int *at)
{
	const struct vexfs_dir_entry *e = (const void *)(l->byte + *at);

	if (*at == l->used)
		return NULL;
	*at += entry_bytes(e->len);
	return e;
}

static bool found_one(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type,
		      __u64 pos)
{
	(void)arg;
	(void)name;
	(void)len;
	(void)ino;
	(void)type;
	(void)pos;
	return false;
}

int vexfs_dir_empty(struct vexfs_inode_core *c)
{
	__u64 pos = 0;
	int err;

	err = vexfs_dir_iterate(c, &pos, found_one, NULL);
	if (err)
		return err;
	return pos < c->disk_size ? -ENOTEMPTY : 0;
}
