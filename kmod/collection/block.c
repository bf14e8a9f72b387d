// SPDX-License-Identifier: GPL-2.0
/*
 * Journaled blocks of hidden inodes: dead bitmaps (dead.c) and tables of heirs (heir.c).  They
 * begin alike: magic, checksum, logical block.
 *
 * Locks: a block is added under vexfs_collection_mem.insert_lock or .lock, or to an inode that
 * nobody else has; that takes a transaction and core.lock.
 */
#include "collection/collection.h"

struct head {
	__le32 magic, crc, lblk;
};

static u32 block_crc(const struct vexfs_inode_core *core, const struct head *h, u32 lblk)
{
	return vexfs_csum(core->fs, h, VEXFS_BLOCK_SIZE, offsetof(struct head, crc), core->ino,
			  core->generation, lblk);
}

vx_buf *vexfs_block_read(struct inode *inode, u32 lblk, u32 magic, const char *what)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	const struct head *h;
	vx_buf *bh;
	struct vexfs_map map;
	const char *why;
	int err;

	down_read(&core->lock);
	err = vexfs_extent_lookup(core, lblk, &map);
	up_read(&core->lock);
	if (err)
		return ERR_PTR(err);
	if (!map.pblk || map.unwritten) {
		vexfs_error(inode->i_sb, "collection %llu: block %u of the %s %lu is missing",
			    core->parent, lblk, what, inode->i_ino);
		return ERR_PTR(-EUCLEAN);
	}
	bh = vx_bread(core->fs, map.pblk);
	if (IS_ERR(bh))
		return bh;
	h = vx_data(bh);
	if (le32_to_cpu(h->magic) != magic || le32_to_cpu(h->lblk) != lblk)
		why = "another kind of block";
	else if (le32_to_cpu(h->crc) != block_crc(core, h, lblk))
		why = "bad checksum";
	else
		return bh;
	vexfs_error(inode->i_sb, "collection %llu, block %u of the %s %lu at %llu: %s",
		    core->parent, lblk, what, inode->i_ino, map.pblk, why);
	vx_brelse(bh);
	return ERR_PTR(-EUCLEAN);
}

void vexfs_block_stamp(struct inode *inode, vx_buf *bh)
{
	struct head *h = vx_data(bh);

	h->crc = cpu_to_le32(block_crc(&VEXFS_I(inode)->core, h, le32_to_cpu(h->lblk)));
}

/* core.lock held, in a transaction. */
static int fill_new(vx_txn *handle, struct inode *inode, const struct vexfs_map *map, u32 magic,
		    void (*fill)(void *block, const void *arg), const void *arg)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	vx_buf *bh = vx_getblk(core->fs, map->pblk);
	struct head *h;
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = vx_txn_create(handle, bh);
	if (!err) {
		h = vx_data(bh);
		h->magic = cpu_to_le32(magic);
		h->lblk = cpu_to_le32(map->lblk);
		if (arg)
			fill(h, arg);
		vexfs_block_stamp(inode, bh);
		err = vx_txn_dirty(handle, core->fs, bh);
	}
	vx_brelse(bh);
	if (err)
		return err;
	core->disk_size = (u64)(map->lblk + 1) << VEXFS_BLOCK_SHIFT;
	i_size_write(inode, core->disk_size);
	return 0;
}

/* One try. */
static int append(struct inode *inode, u32 lblk, u32 magic,
		  void (*fill)(void *block, const void *arg), const void *arg)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	struct vexfs_map map;
	vx_txn *handle;
	int err;

	handle = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_INODE_CREDITS + 1);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	down_write(&core->lock);
	err = vexfs_extent_lookup(core, lblk, &map);
	if (!err && !map.pblk)		/* else left from a try that failed below */
		err = vexfs_extent_alloc(handle, core, lblk, 1, false, &map);
	if (!err) {
		err = fill_new(handle, inode, &map, magic, fill, arg);
		err = vexfs_log_inode_locked(handle, inode, true) ?: err;
	}
	up_write(&core->lock);
	return vexfs_stop(handle, err);
}

int vexfs_block_append(struct inode *inode, u32 lblk, u32 magic,
		       void (*fill)(void *block, const void *arg), const void *arg)
{
	int retries = 0, err;

	do
		err = append(inode, lblk, magic, fill, arg);
	while (vexfs_retry_alloc(inode->i_sb, err, &retries));
	return err;
}
