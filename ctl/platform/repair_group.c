// SPDX-License-Identifier: GPL-2.0
/* The repair of groups: their blocks are made anew, of what is in use. */
#include "repair-priv.h"

static void fill(struct repair *r, __u32 g, struct vexfs_group *b)
{
	struct vexfs_fs *fs = &r->fs;
	__u32 i, last = g ? 0 : VEXFS_FIRST_INO - VEXFS_ROOT_INO, dirs = 0, init, free = 0;
	__u64 start = (__u64)g << VEXFS_GROUP_SHIFT;

	vexfs_group_init(fs, g, b);
	for (i = 0; i < fs->inodes_per_group; i++) {
		const struct rep_inode *f = &r->group[g][i];

		if (!f->used)
			continue;
		__set_bit_le(i, b->g_inodes);
		dirs += S_ISDIR(f->mode);
		last = max(last, i + 1);
	}
	for (i = vexfs_group_data(fs, g) - start; i < vexfs_group_len(fs, g); i++)
		if (test_bit_le(start + i, r->owned))
			__set_bit_le(i, b->g_blocks);
	for (i = 0; i < VEXFS_GROUP_BLOCKS; i++)
		free += !test_bit_le(i, b->g_blocks);
	b->g_free_blocks = cpu_to_le32(free);
	for (i = 0, free = 0; i < VEXFS_MAX_INODES_PER_GROUP; i++)
		free += !test_bit_le(i, b->g_inodes);
	b->g_free_inodes = cpu_to_le32(free);
	b->g_dirs = cpu_to_le32(dirs);
	init = DIV_ROUND_UP(last, VEXFS_INODES_PER_BLOCK);
	b->g_itable_init = cpu_to_le32(max(init, r->itable[g]));
	b->g_crc = cpu_to_le32(vexfs_csum(fs, b, sizeof(*b), offsetof(struct vexfs_group, g_crc),
					  vexfs_group_block(fs, g), 0, 0));
}

static int make(struct repair *r, __u32 g)
{
	vx_buf *buf = vx_bread(&r->fs, vexfs_group_block(&r->fs, g));
	struct vexfs_group b;
	int err = 0;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	fill(r, g, &b);
	if (memcmp(vx_data(buf), &b, sizeof(b))) {
		err = vx_txn_write(&r->t, buf);
		if (!err) {
			memcpy(vx_data(buf), &b, sizeof(b));
			err = vx_txn_dirty(&r->t, &r->fs, buf);
			did(r, "group %u: made anew from what is in use", g);
		}
	}
	vx_brelse(buf);
	return err;
}

int rep_groups(struct repair *r)
{
	int err = 0;
	__u32 g;

	for (g = 0; g < r->fs.groups_init && !err; g++)
		err = make(r, g);
	return err;
}
