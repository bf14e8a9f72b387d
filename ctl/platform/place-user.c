// SPDX-License-Identifier: GPL-2.0
/*
 * Where inodes are, in user space, and what collections ask about files; as kmod/fs/host.c answers.
 *
 * Lock: vexfs_sb_info.cache_lock, with core.lock inside it for reading.
 */
#include "host.h"

void vexfs_file_state(const struct inode *inode, struct vexfs_file_state *s)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;

	*s = (struct vexfs_file_state){
		.ino = inode->i_ino,
		.generation = inode->i_generation,
		.nlink = READ_ONCE(inode->i_nlink),
		.uid = READ_ONCE(inode->i_uid),
		.gid = READ_ONCE(inode->i_gid),
		.mode = READ_ONCE(inode->i_mode),
	};
	down_read(&core->lock);
	s->data_change = core->data_change;
	up_read(&core->lock);
}

bool vexfs_file_state_in_memory(struct super_block *sb, u64 ino, struct vexfs_file_state *s)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct inode *inode;
	bool there;

	s->ino = 0;
	pthread_mutex_lock(&sbi->cache_lock);
	inode = vexfs_find_inode(sbi, ino);
	there = inode && inode->cached == VEXFS_CACHED_FINE;
	if (there)
		vexfs_file_state(inode, s);
	pthread_mutex_unlock(&sbi->cache_lock);
	return there;
}

/* What it takes to go from an inode to the directory above it. */
struct place {
	u64 ino, parent, collection;
	u32 generation, parent_generation;
	bool is_dir, is_collection;
};

static void place_of(struct inode *inode, struct place *p)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;

	*p = (struct place){ .ino = inode->i_ino,
			     .generation = inode->i_generation,
			     .is_dir = S_ISDIR(inode->i_mode) };
	down_read(&core->lock);
	p->parent = core->parent;
	p->parent_generation = core->parent_generation;
	p->collection = core->collection;
	p->is_collection = vexfs_is_collection(inode);
	up_read(&core->lock);
}

static bool place_in_memory(struct super_block *sb, u64 ino, struct place *p)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct inode *inode;
	bool there;

	pthread_mutex_lock(&sbi->cache_lock);
	inode = vexfs_find_inode(sbi, ino);
	there = inode && inode->cached == VEXFS_CACHED_FINE;
	if (there)
		place_of(inode, p);
	pthread_mutex_unlock(&sbi->cache_lock);
	return there;
}

/* Wherever it is; it is not read into memory, as nobody could let go of it in a transaction. */
static bool find_place(struct super_block *sb, u64 ino, struct place *p)
{
	struct vexfs_inode raw;
	int err;

	if (!vexfs_ino_valid(&VEXFS_SB(sb)->fs, ino))
		return false;
	if (place_in_memory(sb, ino, p))
		return true;
	err = vexfs_inode_peek(&VEXFS_SB(sb)->fs, ino, &raw);
	if (place_in_memory(sb, ino, p))
		return true;
	if (err)
		return false;
	*p = (struct place){
		.ino = ino,
		.generation = le32_to_cpu(raw.i_generation),
		.parent = le64_to_cpu(raw.i_parent),
		.parent_generation = le32_to_cpu(raw.i_parent_generation),
		.collection = le64_to_cpu(raw.i_collection),
		.is_dir = S_ISDIR(le16_to_cpu(raw.i_mode)),
	};
	p->is_collection = p->is_dir && le32_to_cpu(raw.i_flags) & VEXFS_INODE_COLLECTION;
	return true;
}

#define MAX_ABOVE	(PATH_MAX / 2)		/* directories: a circle is damage */

/*
 * As in kmod/fs/host.c, but that directories need not be in memory: what an inode says it belongs
 * to counts if it is above it.  Of a file that has lost the name it knew of, nobody knows what is
 * above it.
 */
u64 vexfs_collection_of(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	struct place at, up;
	u64 want;
	u32 i;

	place_of(inode, &at);
	if (at.is_collection)
		return at.ino;
	want = at.collection;
	if (!at.is_dir && !at.parent)
		return want && find_place(sb, want, &up) && up.is_collection ? want : 0;
	for (i = 0; want && i < MAX_ABOVE && at.ino != VEXFS_ROOT_INO; i++) {
		if (!find_place(sb, at.parent, &up) || !up.is_dir ||
		    up.generation != at.parent_generation)
			return 0;
		if (up.ino == want && up.is_collection)
			return want;
		if (up.ino == want)
			want = up.collection;
		at = up;
	}
	return 0;
}
