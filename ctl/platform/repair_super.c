// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of what everything else is found by: the superblock and the log.
 *
 * Copies of the superblock are in their places, or in the log, which holds the blocks of the last
 * transactions.  Where there are none, all that matters is known from the log's own superblock:
 * where it is and how long says how many inodes a group has, its uuid is that of the filesystem.
 */
#include "jbd2.h"
#include "repair-priv.h"

union block {
	__u8 byte[VEXFS_BLOCK_SIZE];
	struct vexfs_super super;
	struct vexfs_group group;
	struct jbd2_super log;
	struct jbd2_header head;
};

static const __u64 places[] = { VEXFS_GROUP_BLOCKS, 3 * VEXFS_GROUP_BLOCKS };

static int put(struct vexfs_dev *dev, __u64 block, const void *data)
{
	struct vexfs_fs fs = { .host = dev };
	vx_buf *b = vx_getblk(&fs, block);
	vx_txn t;
	int err;

	if (IS_ERR(b))
		return PTR_ERR(b);
	vexfs_txn_start(&t, dev, INT_MAX);
	err = vx_txn_create(&t, b);
	if (!err) {
		memcpy(vx_data(b), data, VEXFS_BLOCK_SIZE);
		err = vx_txn_dirty(&t, &fs, b);
	}
	vx_brelse(b);
	return err;
}

/* --- finding one --- */

static bool newer(const struct vexfs_super *a, const struct vexfs_super *b)
{
	if (a->s_next_generation != b->s_next_generation)
		return le32_to_cpu(a->s_next_generation) > le32_to_cpu(b->s_next_generation);
	return le64_to_cpu(a->s_write_time) > le64_to_cpu(b->s_write_time);
}

/* How many groups are in use: the last one whose block verifies. */
static int count_groups(struct vexfs_dev *dev, struct vexfs_super *s)
{
	struct vexfs_fs fs = { .host = dev };
	bool quiet = dev->quiet;
	union block b;
	__u32 g, last = 0;
	int err = 0;

	dev->quiet = true;
	vexfs_super_geometry(&fs, s);
	for (g = 0; g < fs.groups && !err; g++) {
		err = vexfs_dev_read(dev, vexfs_group_block(&fs, g), &b);
		if (err == -EIO)
			err = 0;
		else if (!err && !vexfs_group_check(&fs, g, &b.group))
			last = g;
	}
	dev->quiet = quiet;
	s->s_groups_init = cpu_to_le32(max(last + 1, le32_to_cpu(s->s_groups_init)));
	return err;
}

/* Is there an inode in group 0 that verifies?  Then the uuid is right. */
static int find_inode(struct vexfs_dev *dev, const struct vexfs_super *s, bool *any)
{
	struct vexfs_inode raw[VEXFS_INODES_PER_BLOCK];
	struct vexfs_fs fs = { .host = dev };
	__u64 block;
	__u32 i;
	int err;

	vexfs_super_geometry(&fs, s);
	for (block = vexfs_group_itable(&fs, 0); block < fs.journal_start && !*any; block++) {
		err = vexfs_dev_read(dev, block, raw);
		if (err == -EIO)
			continue;
		if (err)
			return err;
		for (i = 0; i < VEXFS_INODES_PER_BLOCK; i++)
			*any |= raw[i].i_mode &&
				le32_to_cpu(raw[i].i_crc) ==
					vexfs_csum(&fs, &raw[i], sizeof(raw[i]),
						   offsetof(struct vexfs_inode, i_crc),
						   1 +
							   (block - vexfs_group_itable(&fs, 0)) *
								   VEXFS_INODES_PER_BLOCK +
							   i,
						   le32_to_cpu(raw[i].i_generation), 0);
	}
	return 0;
}

int vexfs_super_proven(struct vexfs_dev *dev, const struct vexfs_super *s, bool *proven)
{
	struct vexfs_fs fs = { .host = dev };
	struct vexfs_unread *unread = dev->unread;
	bool quiet = dev->quiet;
	union block b;
	__u32 g;
	int err;

	*proven = false;
	dev->unread = NULL;		/* it is enough if something can be read */
	err = find_inode(dev, s, proven);
	vexfs_super_geometry(&fs, s);
	dev->quiet = true;
	for (g = 0; g < min(fs.groups, 64u) && !err && !*proven; g++) {
		err = vexfs_dev_read(dev, vexfs_group_block(&fs, g), &b);
		if (err == -EIO)
			err = 0;
		else if (!err)
			*proven = !vexfs_group_check(&fs, g, &b.group);
	}
	dev->quiet = quiet;
	dev->unread = unread;
	return err;
}

/* Is it one, or a copy, which is good but for what changes? */
static bool is_super(const struct vexfs_super *s, __u64 blocks)
{
	const char *why;
	int err = vexfs_super_check(s, blocks, &why);

	return !err || (err == -EROFS && !s->s_groups_init);
}

/* Better than *best, if `block` has one at all. */
static int look_at(struct vexfs_dev *dev, __u64 block, struct vexfs_super *best, __u64 *from)
{
	union block b;
	bool proven;
	int err;

	if (block >= dev->blocks)
		return 0;
	err = vexfs_dev_read(dev, block, &b);
	if (err)
		return err == -EIO ? 0 : err;
	if (!is_super(&b.super, dev->blocks) || (*from && !newer(&b.super, best)))
		return 0;
	err = vexfs_super_proven(dev, &b.super, &proven);
	if (err || !proven)
		return err;
	*best = b.super;
	*from = block;
	return 0;
}

static int search(struct vexfs_dev *dev, struct vexfs_super *best, __u64 *from)
{
	__u64 block;
	size_t i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(places) && !err; i++)
		err = look_at(dev, places[i], best, from);
	for (block = 1; block < min_t(__u64, dev->blocks, VEXFS_GROUP_BLOCKS) && !err; block++)
		err = look_at(dev, block, best, from);
	return err;
}

/* Says what is left of block 0 mostly the same? */
static bool is_like(struct vexfs_dev *dev, const struct vexfs_super *s)
{
	union block b;
	unsigned int i, same = 0;

	if (vexfs_dev_read(dev, 0, &b))
		return false;
	for (i = 0; i < sizeof(s->s_uuid); i++)
		same += b.super.s_uuid[i] == s->s_uuid[i];
	return same > sizeof(s->s_uuid) / 2;
}

/* One made of what the log's superblock says.  -ENOENT: there is none, or nothing fits it. */
static int invent(struct vexfs_dev *dev, struct vexfs_super *s)
{
	__u64 start, most = 2 + VEXFS_MAX_INODES_PER_GROUP / VEXFS_INODES_PER_BLOCK;
	union block b;
	bool any;
	int err;

	for (start = 2 + 64 / VEXFS_INODES_PER_BLOCK; start <= min(most, dev->blocks - 1);
	     start += 64 / VEXFS_INODES_PER_BLOCK) {
		err = vexfs_dev_read(dev, start, &b);
		if (err && err != -EIO)
			return err;
		if (err || be32toh(b.head.h_magic) != JBD2_MAGIC ||
		    be32toh(b.head.h_blocktype) != JBD2_SUPERBLOCK_V2 ||
		    b.log.s_checksum != jbd2_super_sum(&b.log))
			continue;
		if (vexfs_super_init(s, dev->blocks, be32toh(b.log.s_maxlen)) ||
		    le64_to_cpu(s->s_journal_start) != start)
			continue;
		memcpy(s->s_uuid, b.log.s_uuid, sizeof(s->s_uuid));
		s->s_ro_compat = cpu_to_le32(VEXFS_RO_COMPAT_ALL);
		err = vexfs_super_proven(dev, s, &any);
		if (err || any || is_like(dev, s))
			return err ? err : count_groups(dev, s);
	}
	return -ENOENT;
}

/* Wherever there is one: most of the blocks that are read for that are none of its business. */
static int find(struct vexfs_dev *dev, __u64 at, struct vexfs_super *s, __u64 *from)
{
	int err = at ? look_at(dev, at, s, from) : search(dev, s, from);

	if (err)
		return err;
	if (at && !*from)
		return -EUCLEAN;
	return *from ? count_groups(dev, s) : invent(dev, s);
}

int vexfs_repair_super(struct vexfs_dev *dev, __u64 at, struct vexfs_super *s, __u64 *from)
{
	struct vexfs_unread *unread = dev->unread;
	int err;

	*from = 0;
	dev->unread = NULL;
	err = find(dev, at, s, from);
	dev->unread = unread;
	if (err)
		return err;
	s->s_state = 0;
	s->s_last_orphan = 0;
	vexfs_super_stamp(s);
	return put(dev, 0, s);
}

/* --- the log --- */

/*
 * The first number that no transaction in the log has had, so that none of them is taken for a new
 * one.
 */
static int next_sequence(struct vexfs_dev *dev, const struct vexfs_super *s, __u32 *sequence)
{
	__u64 start = le64_to_cpu(s->s_journal_start), i;
	union block b;
	bool any = false;
	int err = 0;

	*sequence = 1;
	for (i = 1; i < le32_to_cpu(s->s_journal_blocks) && !err; i++) {
		err = vexfs_dev_read(dev, start + i, &b);
		if (err == -EIO)
			err = 0;
		else if (!err && be32toh(b.head.h_magic) == JBD2_MAGIC &&
			 (!any || (__s32)(be32toh(b.head.h_sequence) + 1 - *sequence) > 0)) {
			*sequence = be32toh(b.head.h_sequence) + 1;
			any = true;
		}
	}
	return err;
}

int vexfs_repair_log(struct vexfs_dev *dev, const struct vexfs_super *s)
{
	union block b = {};
	__u32 sequence;
	int err = next_sequence(dev, s, &sequence);

	if (err)
		return err;
	b.head.h_magic = htobe32(JBD2_MAGIC);
	b.head.h_blocktype = htobe32(JBD2_SUPERBLOCK_V2);
	b.log.s_blocksize = htobe32(VEXFS_BLOCK_SIZE);
	b.log.s_maxlen = htobe32(le32_to_cpu(s->s_journal_blocks));
	b.log.s_first = htobe32(1);
	b.log.s_sequence = htobe32(sequence ? sequence : 1);
	b.log.s_feature_incompat = htobe32(JBD2_INCOMPAT);
	memcpy(b.log.s_uuid, s->s_uuid, sizeof(b.log.s_uuid));
	b.log.s_nr_users = htobe32(1);
	b.log.s_checksum_type = JBD2_CRC32C;
	b.log.s_checksum = jbd2_super_sum(&b.log);
	return put(dev, le64_to_cpu(s->s_journal_start), &b);
}

/* --- copies --- */

int vexfs_repair_copies(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts)
{
	struct vexfs_super s, copy;
	union block b;
	size_t i;
	int err = vexfs_dev_read(dev, 0, &b);

	if (err)
		return err;
	s = b.super;
	vexfs_super_copy(&copy, &s);
	for (i = 0; i < ARRAY_SIZE(places) && !err; i++) {
		if (places[i] >> VEXFS_GROUP_SHIFT >= le32_to_cpu(s.s_groups))
			continue;
		err = vexfs_dev_read(dev, places[i], &b);
		if (err)
			break;
		if (is_super(&b.super, dev->blocks) &&
		    !memcmp(b.super.s_uuid, s.s_uuid, sizeof(s.s_uuid)))
			continue;
		(opts->did)(opts->arg, "the copy of the superblock in block %llu was made anew",
			    ull(places[i]));
		err = put(dev, places[i], &copy);
	}
	return err;
}
