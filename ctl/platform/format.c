// SPDX-License-Identifier: GPL-2.0
/* Write an empty filesystem. */
#include <fcntl.h>
#include <unistd.h>

#include "jbd2.h"
#include "mkfs.h"

/* groups that are initialised at once: directories spread over them */
#define INIT_GROUPS 4u

union block {
	__u8 bytes[VEXFS_BLOCK_SIZE];
	struct vexfs_super super;
	struct vexfs_group group;
	struct vexfs_inode inode[VEXFS_INODES_PER_BLOCK];
	struct jbd2_super journal;
};

static int write_zeros(struct vexfs_dev *dev, __u64 block, __u32 n)
{
	static const union block zeros;
	int err = 0;

#ifdef FALLOC_FL_PUNCH_HOLE
	/* quick where the device or the file's filesystem can do it; reads as zeros afterwards */
	if (!fallocate(dev->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       block << VEXFS_BLOCK_SHIFT, (off_t)n << VEXFS_BLOCK_SHIFT))
		return 0;
#endif
	while (!err && n--)
		err = vexfs_dev_write(dev, block++, &zeros);
	return err;
}

/* An empty log: old commits must not be replayed into the new filesystem. */
static int write_journal(struct vexfs_dev *dev, const struct vexfs_fs *fs, const __u8 *uuid,
			 union block *b)
{
	struct jbd2_super *j = &b->journal;
	int err;

	err = write_zeros(dev, fs->journal_start, fs->journal_blocks);
	if (err)
		return err;
	memset(b, 0, sizeof(*b));
	j->s_header.h_magic = htobe32(JBD2_MAGIC);
	j->s_header.h_blocktype = htobe32(JBD2_SUPERBLOCK_V2);
	j->s_blocksize = htobe32(VEXFS_BLOCK_SIZE);
	j->s_maxlen = htobe32(fs->journal_blocks);
	j->s_first = htobe32(1);
	j->s_sequence = htobe32(1);
	j->s_feature_incompat = htobe32(JBD2_INCOMPAT);
	memcpy(j->s_uuid, uuid, sizeof(j->s_uuid));
	j->s_nr_users = htobe32(1);
	j->s_checksum_type = JBD2_CRC32C;
	j->s_checksum = htobe32(crc32c(~0u, j, sizeof(*j)));
	return vexfs_dev_write(dev, fs->journal_start, b);
}

void vexfs_mkfs_root(struct vexfs_inode *root, __u64 now)
{
	memset(root, 0, sizeof(*root));
	root->i_mode = cpu_to_le16(S_IFDIR | 0755);
	root->i_nlink = cpu_to_le32(2);
	root->i_generation = cpu_to_le32(1);
	root->i_flags = cpu_to_le32(VEXFS_INODE_METADATA);
	root->i_change = cpu_to_le64(1);
	root->i_parent = cpu_to_le64(VEXFS_ROOT_INO);
	root->i_parent_generation = root->i_generation;
	root->i_atime = root->i_mtime = root->i_ctime = root->i_btime = cpu_to_le64(now);
}

/*
 * The table blocks of the reserved inodes, with the root directory, which is empty and its own
 * parent.
 */
static int write_inodes(struct vexfs_dev *dev, const struct vexfs_fs *fs,
			const struct vexfs_mkfs_opts *opts, __u64 now, union block *b)
{
	__u32 n = DIV_ROUND_UP(VEXFS_FIRST_INO - VEXFS_ROOT_INO, VEXFS_INODES_PER_BLOCK), i;
	struct vexfs_inode *root = &b->inode[0];
	int err = 0;

	memset(b, 0, sizeof(*b));
	for (i = n - 1; i && !err; i--)
		err = vexfs_dev_write(dev, vexfs_group_itable(fs, 0) + i, b);
	if (err)
		return err;
	vexfs_mkfs_root(root, now);
	root->i_uid = cpu_to_le32(opts->uid);
	root->i_gid = cpu_to_le32(opts->gid);
	root->i_crc =
		cpu_to_le32(vexfs_csum(fs, root, sizeof(*root), offsetof(struct vexfs_inode, i_crc),
				       VEXFS_ROOT_INO, 1, 0));
	return vexfs_dev_write(dev, vexfs_group_itable(fs, 0), b);
}

int vexfs_mkfs(struct vexfs_dev *dev, const struct vexfs_mkfs_opts *opts, struct vexfs_super *out)
{
	struct vexfs_super super, copy;
	struct vexfs_fs fs = {};
	union block b;
	__u32 g;
	int err;

	if (opts->label && strlen(opts->label) > sizeof(super.s_label))
		return -ENAMETOOLONG;
	err = vexfs_super_init(&super, dev->blocks, opts->journal_blocks);
	if (err)
		return err;
	memcpy(super.s_uuid, opts->uuid, sizeof(super.s_uuid));
	if (opts->label)
		memcpy(super.s_label, opts->label, strlen(opts->label));
	super.s_groups_init = cpu_to_le32(min(le32_to_cpu(super.s_groups), INIT_GROUPS));
	vexfs_super_stamp(&super);
	vexfs_super_geometry(&fs, &super);

	memset(&b, 0, sizeof(b));
	err = vexfs_dev_write(dev, 0, &b);
	if (!err && fsync(dev->fd))
		err = -errno;
	if (!err)
		err = write_journal(dev, &fs, super.s_uuid, &b);
	for (g = 0; !err && g < fs.groups_init; g++) {
		vexfs_group_init(&fs, g, &b.group);
		err = vexfs_dev_write(dev, vexfs_group_block(&fs, g), &b);
	}
	if (!err)
		err = write_inodes(dev, &fs, opts, le64_to_cpu(super.s_mkfs_time), &b);
	vexfs_super_copy(&copy, &super);
	if (!err && fs.groups > 1)
		err = vexfs_dev_write(dev, (__u64)1 << VEXFS_GROUP_SHIFT, &copy);
	if (!err && fs.groups > 3)
		err = vexfs_dev_write(dev, (__u64)3 << VEXFS_GROUP_SHIFT, &copy);
	if (!err && fsync(dev->fd))
		err = -errno;
	if (!err)
		err = vexfs_dev_write(dev, 0, &super);
	if (!err && fsync(dev->fd))
		err = -errno;
	if (!err && out)
		*out = super;
	return err == -EIO && dev->full ? -ENOSPC : err;
}
