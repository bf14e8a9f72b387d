// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes on disk and the orphan list.
 *
 * Lock order: orphan_lock, alloc_lock (for block 0).
 *
 * A raw inode is changed by the owner of the inode and, i_next_orphan alone, by whoever unlinks its
 * neighbour from the orphan list.  So the crc is always computed under orphan_lock: whoever is last
 * covers both changes, and the transaction cannot commit before both have finished.
 */
#include "core.h"

bool vexfs_ino_valid(const struct vexfs_fs *fs, __u64 ino)
{
	return ino && ino - 1 < (__u64)fs->groups * fs->inodes_per_group &&
	       (ino == VEXFS_ROOT_INO || ino >= VEXFS_FIRST_INO);
}

static __u32 inode_crc(const struct vexfs_fs *fs, __u64 ino, const struct vexfs_inode *raw)
{
	return vexfs_csum(fs, raw, sizeof(*raw), offsetof(struct vexfs_inode, i_crc), ino,
			  le32_to_cpu(raw->i_generation), 0);
}

/*
 * Read the table block of ino, which is valid and in an initialised group; nothing in it is
 * verified.
 */
static int inode_read(struct vexfs_fs *fs, __u64 ino, vx_buf **buf, struct vexfs_inode **raw)
{
	__u32 g, index;

	if (!vexfs_ino_valid(fs, ino))
		return -ESTALE;
	g = (__u32)(ino - 1) / fs->inodes_per_group;
	index = (__u32)(ino - 1) % fs->inodes_per_group;
	if (g >= READ_ONCE(fs->groups_init))
		return -ESTALE;
	*buf = vx_bread(fs, vexfs_group_itable(fs, g) + index / VEXFS_INODES_PER_BLOCK);
	if (IS_ERR(*buf))
		return PTR_ERR(*buf);
	*raw = (struct vexfs_inode *)vx_data(*buf) + index % VEXFS_INODES_PER_BLOCK;
	return 0;
}

/* -ESTALE: ino is not in use. */
int vexfs_inode_buf(struct vexfs_fs *fs, __u64 ino, vx_buf **buf, struct vexfs_inode **raw)
{
	int err;

	err = vexfs_ino_in_use(fs, ino);
	if (err)
		return err;
	err = inode_read(fs, ino, buf, raw);
	if (err)
		return err;
	/* nobody has it in memory, but its neighbour on the orphan list may be changing it */
	vx_lock(&fs->orphan_lock);
	err = vexfs_inode_check(fs, ino, *raw);
	vx_unlock(&fs->orphan_lock);
	if (err)
		vx_brelse(*buf);
	return err;
}

int vexfs_inode_peek(struct vexfs_fs *fs, __u64 ino, struct vexfs_inode *copy)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	err = vexfs_ino_in_use(fs, ino);
	if (!err)
		err = inode_read(fs, ino, &buf, &raw);
	if (err)
		return err;
	memcpy(copy, raw, sizeof(*copy));
	vx_brelse(buf);
	return le32_to_cpu(copy->i_crc) == inode_crc(fs, ino, copy) ? 0 : -EAGAIN;
}

int vexfs_inode_write(vx_txn *t, struct vexfs_fs *fs, __u64 ino, vx_buf **buf,
		      struct vexfs_inode **raw)
{
	int err;

	err = inode_read(fs, ino, buf, raw);
	if (err)
		return err;
	err = vx_txn_write(t, *buf);
	if (err)
		vx_brelse(*buf);
	return err;
}

/* orphan_lock is held. */
static int inode_stamp(vx_txn *t, struct vexfs_fs *fs, __u64 ino, vx_buf *buf,
		       struct vexfs_inode *raw)
{
	int err;

	raw->i_crc = cpu_to_le32(inode_crc(fs, ino, raw));
	err = vx_txn_dirty(t, fs, buf);
	vx_brelse(buf);
	return err;
}

int vexfs_inode_dirty(vx_txn *t, struct vexfs_fs *fs, __u64 ino, vx_buf *buf,
		      struct vexfs_inode *raw)
{
	int err;

	vx_lock(&fs->orphan_lock);
	err = inode_stamp(t, fs, ino, buf, raw);
	vx_unlock(&fs->orphan_lock);
	return err;
}

static const char *symlink_wrong(const struct vexfs_inode *raw)
{
	__u64 size = le64_to_cpu(raw->i_size);

	if (!size || size >= VEXFS_BLOCK_SIZE)
		return "symlink has a wrong size";
	if (size >= sizeof(raw->i_link))
		return raw->i_depth || le32_to_cpu(raw->i_entries) != 1 ?
		       "symlink has a wrong map" : NULL;
	if (raw->i_depth || raw->i_entries)
		return "short symlink has extents";
	if (raw->i_link[size] || strnlen((const char *)raw->i_link, sizeof(raw->i_link)) != size)
		return "symlink has a wrong length";
	return NULL;
}

static bool time_valid(__le32 nsec)
{
	return le32_to_cpu(nsec) < 1000000000;
}

static const char *inode_wrong(const struct vexfs_fs *fs, const struct vexfs_inode *raw)
{
	__u16 mode = le16_to_cpu(raw->i_mode), depth = le16_to_cpu(raw->i_depth);
	__u32 flags = le32_to_cpu(raw->i_flags), entries = le32_to_cpu(raw->i_entries);
	__u64 size = le64_to_cpu(raw->i_size), collection = le64_to_cpu(raw->i_collection);

	if (flags & ~VEXFS_INODE_ALL)
		return "unknown flags";
	if (le32_to_cpu(raw->i_nlink) > VEXFS_LINK_MAX)
		return "too many links";
	if (size > (__u64)U32_MAX << VEXFS_BLOCK_SHIFT)
		return "size out of range";
	if (le64_to_cpu(raw->i_blocks) > fs->blocks)
		return "more blocks than the filesystem has";
	if (!time_valid(raw->i_atime_nsec) || !time_valid(raw->i_mtime_nsec) ||
	    !time_valid(raw->i_ctime_nsec) || !time_valid(raw->i_btime_nsec))
		return "nanoseconds of a time out of range";
	if (depth > VEXFS_EXTENT_DEPTH)
		return "extent tree is too deep";
	if (entries > VEXFS_INLINE_EXTENTS || (depth && !entries))
		return "wrong number of extents";
	if (le64_to_cpu(raw->i_parent) && !vexfs_ino_valid(fs, le64_to_cpu(raw->i_parent)))
		return "parent out of range";
	if (le64_to_cpu(raw->i_next_orphan) &&
	    !vexfs_ino_valid(fs, le64_to_cpu(raw->i_next_orphan)))
		return "next orphan out of range";
	if (raw->i_parents_block && !vexfs_data_run(fs, le64_to_cpu(raw->i_parents_block), 1))
		return "block of parents out of range";
	if (raw->i_xattr_block && !vexfs_data_run(fs, le64_to_cpu(raw->i_xattr_block), 1))
		return "block of attributes out of range";
	if (flags & VEXFS_INODE_COLLECTION ? !vexfs_data_run(fs, collection, 1) :
	    collection && !vexfs_ino_valid(fs, collection))
		return "collection out of range";
	if ((flags & VEXFS_INODE_HIDDEN) && (!S_ISREG(mode) || !raw->i_parent))
		return "a hidden inode must be a file with a parent";

	if (S_ISDIR(mode)) {
		if (size & (VEXFS_BLOCK_SIZE - 1))
			return "size of a directory is no multiple of a block";
		if (!(flags & VEXFS_INODE_METADATA))
			return "directory is not metadata";
	} else if (flags & (VEXFS_INODE_COLLECTION | VEXFS_INODE_HASHED)) {
		return "flags of a directory";
	} else if ((flags & VEXFS_INODE_METADATA) && !(flags & VEXFS_INODE_HIDDEN)) {
		return "file is metadata";
	} else if (S_ISLNK(mode)) {
		const char *why = symlink_wrong(raw);

		if (why || size < sizeof(raw->i_link))
			return why;
	} else if (S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode)) {
		return size || depth || entries ? "special file with data" : NULL;
	} else if (!S_ISREG(mode)) {
		return "unknown type";
	}
	return vexfs_extent_check(fs, raw->i_extent, entries, depth, 0, U32_MAX);
}

/* -ESTALE: never used, or freed. */
int vexfs_inode_check(const struct vexfs_fs *fs, __u64 ino, const struct vexfs_inode *raw)
{
	const char *why;

	if (!raw->i_mode && !memchr_inv(raw, 0, sizeof(*raw)))
		return -ESTALE;
	if (le32_to_cpu(raw->i_crc) != inode_crc(fs, ino, raw))
		why = "checksum is wrong";
	else if (!raw->i_mode)
		return -ESTALE;
	else
		why = inode_wrong(fs, raw);
	if (!why)
		return 0;
	vexfs_damage((struct vexfs_fs *)fs, "inode %llu: %s", (unsigned long long)ino, why);
	return -EUCLEAN;
}

void vexfs_inode_load(struct vexfs_inode_core *c, struct vexfs_fs *fs, __u64 ino,
		      const struct vexfs_inode *raw)
{
	c->fs = fs;
	c->ino = ino;
	c->generation = le32_to_cpu(raw->i_generation);
	c->seq = 0;
	c->tight = false;
	c->depth = le16_to_cpu(raw->i_depth);
	c->entries = le32_to_cpu(raw->i_entries);
	memcpy(c->link, raw->i_link, sizeof(c->link));
	c->disk_size = le64_to_cpu(raw->i_size);
	c->blocks = le64_to_cpu(raw->i_blocks);
	c->flags = le32_to_cpu(raw->i_flags);
	c->parent = le64_to_cpu(raw->i_parent);
	c->parent_generation = le32_to_cpu(raw->i_parent_generation);
	c->collection = le64_to_cpu(raw->i_collection);
	c->change = le64_to_cpu(raw->i_change);
	c->data_change = le64_to_cpu(raw->i_data_change);
	c->dir_hint = 0;
}

void vexfs_inode_store(const struct vexfs_inode_core *c, struct vexfs_inode *raw)
{
	raw->i_generation = cpu_to_le32(c->generation);
	raw->i_depth = cpu_to_le16(c->depth);
	raw->i_entries = cpu_to_le32(c->entries);
	memcpy(raw->i_link, c->link, sizeof(raw->i_link));
	raw->i_size = cpu_to_le64(c->disk_size);
	raw->i_blocks = cpu_to_le64(c->blocks);
	raw->i_flags = cpu_to_le32(c->flags);
	raw->i_parent = cpu_to_le64(c->parent);
	raw->i_parent_generation = cpu_to_le32(c->parent_generation);
	raw->i_collection = cpu_to_le64(c->collection);
	raw->i_change = cpu_to_le64(c->change);
	raw->i_data_change = cpu_to_le64(c->data_change);
}

/* --- orphan list: from s_last_orphan through i_next_orphan, the youngest first --- */

/*
 * Who leads to ino?  0: s_last_orphan does.  -ENOENT: nobody; the list ends, or goes in circles.  A
 * fatal signal does not end it: it is asked in the middle of transactions, and it ends by itself.
 */
static int orphan_find(struct vexfs_fs *fs, __u64 ino, __u64 *before)
{
	const struct vexfs_super *s = vx_data(fs->sb_buf);
	__u64 left = (__u64)fs->groups * fs->inodes_per_group, at = 0,
	      next = le64_to_cpu(s->s_last_orphan);

	while (next && left--) {
		struct vexfs_inode *raw;
		vx_buf *buf;
		int err;

		if (next == ino) {
			*before = at;
			return 0;
		}
		at = next;
		err = inode_read(fs, at, &buf, &raw);
		if (err == -ESTALE)
			break;
		if (err)
			return err;
		next = le64_to_cpu(raw->i_next_orphan);
		vx_brelse(buf);
		cond_resched();
	}
	return -ENOENT;
}

/* Does it lead to ino?  Where it cannot be read, the search will tell. */
static bool leads_to(struct vexfs_fs *fs, __u64 before, __u64 ino)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	bool yes;

	if (inode_read(fs, before, &buf, &raw))
		return false;
	yes = le64_to_cpu(raw->i_next_orphan) == ino;
	vx_brelse(buf);
	return yes;
}

/* orphan_lock is held, which s_last_orphan changes under. */
static int set_head(vx_txn *t, struct vexfs_fs *fs, __u64 ino)
{
	struct vexfs_super *s = vx_data(fs->sb_buf);
	int err;

	vx_lock(&fs->alloc_lock);
	err = vx_txn_write(t, fs->sb_buf);
	if (!err) {
		s->s_last_orphan = cpu_to_le64(ino);
		err = vexfs_super_dirty(t, fs);
	}
	vx_unlock(&fs->alloc_lock);
	return err;
}

int vexfs_orphan_add(vx_txn *t, struct vexfs_inode_core *c, bool look)
{
	struct vexfs_fs *fs = c->fs;
	const struct vexfs_super *s = vx_data(fs->sb_buf);
	__u64 head, before;
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	vx_lock(&fs->orphan_lock);
	err = vexfs_inode_write(t, fs, c->ino, &buf, &raw);
	if (err)
		goto unlock;
	head = le64_to_cpu(s->s_last_orphan);
	/* a link may be left from a list that was dropped; the last one on a list has none */
	if (look || raw->i_next_orphan || head == c->ino) {
		err = orphan_find(fs, c->ino, &before);
		if (err != -ENOENT)
			goto release;
	}
	err = set_head(t, fs, c->ino);
	if (err)
		goto release;
	raw->i_next_orphan = cpu_to_le64(head);
	err = inode_stamp(t, fs, c->ino, buf, raw);
	buf = NULL;
release:
	vx_brelse(buf);
unlock:
	vx_unlock(&fs->orphan_lock);
	return err;
}

int vexfs_orphan_del(vx_txn *t, struct vexfs_fs *fs, __u64 ino, __u64 before)
{
	struct vexfs_inode *raw, *prev;
	vx_buf *buf = NULL, *prev_buf = NULL;
	__u64 next;
	int err = 0, e;

	vx_lock(&fs->orphan_lock);
	if (!before || !leads_to(fs, before, ino))
		err = orphan_find(fs, ino, &before);
	if (err == -ENOENT) {
		vexfs_damage(fs, "inode %llu is not on the orphan list", (unsigned long long)ino);
		err = -EUCLEAN;
	}
	if (!err)
		err = vexfs_inode_write(t, fs, ino, &buf, &raw);
	if (err)
		goto unlock;
	next = le64_to_cpu(raw->i_next_orphan);
	err = -EUCLEAN;
	if (next && !vexfs_ino_valid(fs, next)) {
		vexfs_damage(fs, "orphan list: inode %llu leads to %llu", (unsigned long long)ino,
			     (unsigned long long)next);
		goto release;
	}
	if (before) {
		err = vexfs_inode_write(t, fs, before, &prev_buf, &prev);
		if (err)
			goto release;
		prev->i_next_orphan = cpu_to_le64(next);
		err = inode_stamp(t, fs, before, prev_buf, prev);
	} else {
		err = set_head(t, fs, next);
		if (err)
			goto release;
	}
	raw->i_next_orphan = 0;
	e = inode_stamp(t, fs, ino, buf, raw);
	buf = NULL;
	err = err ? err : e;
release:
	vx_brelse(buf);
unlock:
	vx_unlock(&fs->orphan_lock);
	return err;
}

int vexfs_orphan_drop(vx_txn *t, struct vexfs_fs *fs)
{
	int err;

	vx_lock(&fs->orphan_lock);
	err = set_head(t, fs, 0);
	vx_unlock(&fs->orphan_lock);
	return err;
}
