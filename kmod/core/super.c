// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock: geometry, verification, counters; and the checksum of every other block.
 *
 * Lock: alloc_lock for every change of block 0, whichever field it is.
 */
#include "core.h"

#define MIN_GROUP_DATA	64u		/* a shorter last group is left out */
#define BYTES_PER_INODE	16384u		/* one inode for so many bytes of the device */

__u32 vexfs_csum(const struct vexfs_fs *fs, const void *p, unsigned int len, unsigned int crc_off,
		 __u64 a, __u32 b, __u64 d)
{
	struct {
		__le64 a;
		__le32 b;
		__le64 d;
	} __attribute__((packed)) identity = { cpu_to_le64(a), cpu_to_le32(b), cpu_to_le64(d) };
	const __le32 none = 0;
	__u32 crc;

	crc = crc32c(fs->uuid_seed, &identity, sizeof(identity));
	crc = crc32c(crc, p, crc_off);
	crc = crc32c(crc, &none, sizeof(none));
	return crc32c(crc, (const char *)p + crc_off + 4, len - crc_off - 4);
}

static __u32 super_crc(const struct vexfs_super *s)
{
	const unsigned int off = offsetof(struct vexfs_super, s_crc);
	const __le32 none = 0;
	__u32 crc;

	crc = crc32c(~0u, s, off);
	crc = crc32c(crc, &none, sizeof(none));
	return crc32c(crc, (const char *)s + off + 4, sizeof(*s) - off - 4);
}

void vexfs_super_stamp(struct vexfs_super *s)
{
	s->s_crc = cpu_to_le32(super_crc(s));
}

void vexfs_super_geometry(struct vexfs_fs *fs, const struct vexfs_super *s)
{
	fs->uuid_seed = crc32c(~0u, s->s_uuid, sizeof(s->s_uuid));
	fs->blocks = le64_to_cpu(s->s_blocks);
	fs->groups = le32_to_cpu(s->s_groups);
	fs->inodes_per_group = le32_to_cpu(s->s_inodes_per_group);
	fs->reserved_blocks = le32_to_cpu(s->s_reserved_blocks);
	fs->journal_start = le64_to_cpu(s->s_journal_start);
	fs->journal_blocks = le32_to_cpu(s->s_journal_blocks);
	fs->groups_init = le32_to_cpu(s->s_groups_init);
}

/* Blocks at the start of group g that never hold data. */
static __u64 group_overhead(const struct vexfs_fs *fs, __u32 g)
{
	return vexfs_group_data(fs, g) - ((__u64)g << VEXFS_GROUP_SHIFT);
}

__u64 vexfs_super_capacity(const struct vexfs_fs *fs)
{
	/* all groups but 0, 1 and 3 have the same overhead */
	__u64 used = (__u64)fs->groups * group_overhead(fs, 2);

	used += group_overhead(fs, 0) - group_overhead(fs, 2);
	used += (fs->groups > 1) + (fs->groups > 3);
	return fs->blocks - used;
}

static __u32 default_journal(__u64 blocks)
{
	if (blocks < 32768)			/* 128 MiB */
		return VEXFS_MIN_JOURNAL;
	if (blocks < 262144)			/* 1 GiB */
		return 4096;
	return blocks < 1048576 ? 8192 : VEXFS_MAX_JOURNAL;
}

int vexfs_super_init(struct vexfs_super *s, __u64 blocks, __u32 journal_blocks)
{
	struct vexfs_fs fs = { };
	__u64 inodes, capacity;
	__u32 last;

	if (blocks < VEXFS_MIN_BLOCKS || blocks > VEXFS_MAX_BLOCKS)
		return -EINVAL;
	if (!journal_blocks)
		journal_blocks = default_journal(blocks);
	if (journal_blocks < VEXFS_MIN_JOURNAL || journal_blocks > VEXFS_MAX_JOURNAL)
		return -EINVAL;
	inodes = min_t(__u64, blocks, VEXFS_GROUP_BLOCKS) / (BYTES_PER_INODE / VEXFS_BLOCK_SIZE);
	fs.inodes_per_group = min_t(__u64, (inodes + 63) & ~63ULL, VEXFS_MAX_INODES_PER_GROUP);
	fs.journal_blocks = journal_blocks;
	fs.blocks = blocks;
	fs.groups = (blocks + VEXFS_GROUP_BLOCKS - 1) >> VEXFS_GROUP_SHIFT;
	last = vexfs_group_len(&fs, fs.groups - 1);
	if (last < group_overhead(&fs, fs.groups - 1) + MIN_GROUP_DATA) {
		if (fs.groups == 1)
			return -ENOSPC;
		fs.groups--;
		fs.blocks -= last;
	}
	fs.journal_start =
		vexfs_group_itable(&fs, 0) + fs.inodes_per_group / VEXFS_INODES_PER_BLOCK;
	capacity = vexfs_super_capacity(&fs);

	memset(s, 0, sizeof(*s));
	s->s_magic = cpu_to_le64(VEXFS_MAGIC);
	s->s_version = cpu_to_le32(1);
	s->s_incompat = cpu_to_le32(VEXFS_INCOMPAT_UNSTABLE);
	s->s_block_size = cpu_to_le32(VEXFS_BLOCK_SIZE);
	s->s_blocks = cpu_to_le64(fs.blocks);
	s->s_groups = cpu_to_le32(fs.groups);
	s->s_inodes_per_group = cpu_to_le32(fs.inodes_per_group);
	s->s_journal_start = cpu_to_le64(fs.journal_start);
	s->s_journal_blocks = cpu_to_le32(fs.journal_blocks);
	s->s_reserved_blocks = cpu_to_le32(min_t(__u64, capacity / 64 + 16, 8192));
	s->s_groups_init = cpu_to_le32(1);
	s->s_state = cpu_to_le16(VEXFS_STATE_CLEAN);
	s->s_errors = cpu_to_le16(VEXFS_ERRORS_RO);
	s->s_free_blocks = cpu_to_le64(capacity);
	s->s_free_inodes = cpu_to_le64((__u64)fs.groups * fs.inodes_per_group -
				       (VEXFS_FIRST_INO - VEXFS_ROOT_INO));
	s->s_mkfs_time = cpu_to_le64(vx_now());
	s->s_write_time = s->s_mkfs_time;
	s->s_next_generation = cpu_to_le32(2);
	vexfs_super_stamp(s);
	return 0;
}

void vexfs_super_copy(struct vexfs_super *copy, const struct vexfs_super *s)
{
	*copy = *s;
	copy->s_groups_init = 0;
	copy->s_state = 0;
	copy->s_free_blocks = 0;
	copy->s_free_inodes = 0;
	copy->s_last_orphan = 0;
	vexfs_super_stamp(copy);
}

/* The fields of a superblock whose crc is right.  NULL, or what is wrong with them. */
static const char *super_fields(const struct vexfs_super *s)
{
	struct vexfs_fs fs;

	if (le32_to_cpu(s->s_block_size) != VEXFS_BLOCK_SIZE)
		return "unsupported block size";
	vexfs_super_geometry(&fs, s);
	if (fs.blocks < VEXFS_MIN_BLOCKS || fs.blocks > VEXFS_MAX_BLOCKS)
		return "size out of range";
	if (fs.groups != (fs.blocks + VEXFS_GROUP_BLOCKS - 1) >> VEXFS_GROUP_SHIFT)
		return "wrong number of groups";
	if (!fs.inodes_per_group || fs.inodes_per_group % 64 ||
	    fs.inodes_per_group > VEXFS_MAX_INODES_PER_GROUP)
		return "wrong number of inodes per group";
	if (fs.journal_blocks < VEXFS_MIN_JOURNAL || fs.journal_blocks > VEXFS_MAX_JOURNAL)
		return "wrong length of the log";
	if (fs.journal_start !=
	    vexfs_group_itable(&fs, 0) + fs.inodes_per_group / VEXFS_INODES_PER_BLOCK)
		return "the log is not in its place";
	if (group_overhead(&fs, 0) >= vexfs_group_len(&fs, 0) ||
	    group_overhead(&fs, fs.groups - 1) >= vexfs_group_len(&fs, fs.groups - 1))
		return "a group has no room for data";
	/* 0: a copy, which knows nothing of what changes */
	if (fs.groups_init > fs.groups ||
	    (!fs.groups_init && le16_to_cpu(s->s_state) & VEXFS_STATE_CLEAN))
		return "wrong number of initialised groups";
	if (fs.reserved_blocks > vexfs_super_capacity(&fs))
		return "too many reserved blocks";
	if (le64_to_cpu(s->s_free_blocks) > vexfs_super_capacity(&fs))
		return "too many free blocks";
	if (le64_to_cpu(s->s_free_inodes) > (__u64)fs.groups * fs.inodes_per_group)
		return "too many free inodes";
	if (le64_to_cpu(s->s_last_orphan) && !vexfs_ino_valid(&fs, le64_to_cpu(s->s_last_orphan)))
		return "the orphan list starts nowhere";
	if (le16_to_cpu(s->s_state) & ~(VEXFS_STATE_CLEAN | VEXFS_STATE_ERROR))
		return "unknown state";
	if (le16_to_cpu(s->s_errors) < VEXFS_ERRORS_CONTINUE ||
	    le16_to_cpu(s->s_errors) > VEXFS_ERRORS_PANIC)
		return "unknown error policy";
	return NULL;
}

int vexfs_super_check(const struct vexfs_super *s, __u64 dev_blocks, const char **why)
{
	*why = "no VexFS on this device";
	if (le64_to_cpu(s->s_magic) != VEXFS_MAGIC)
		return -EINVAL;
	*why = "superblock checksum is wrong";
	if (le32_to_cpu(s->s_crc) != super_crc(s))
		return -EUCLEAN;
	*why = "unknown format version";
	if (le32_to_cpu(s->s_version) != 1)
		return -EOPNOTSUPP;
	*why = "unknown incompatible feature";
	if (le32_to_cpu(s->s_incompat) & ~VEXFS_INCOMPAT_ALL)
		return -EOPNOTSUPP;
	*why = super_fields(s);
	if (*why)
		return -EUCLEAN;
	*why = "the device is smaller than the filesystem";
	if (le64_to_cpu(s->s_blocks) > dev_blocks)
		return -ENXIO;
	*why = "unknown feature: mount it read-only";
	if (le32_to_cpu(s->s_ro_compat) & ~VEXFS_RO_COMPAT_ALL)
		return -EROFS;
	*why = "it is a copy: mount it read-only";
	if (!s->s_groups_init)
		return -EROFS;
	*why = "superblock is fine";
	return 0;
}

/* Count what is free.  A group that cannot be read or does not verify counts as full. */
static int count_free(struct vexfs_fs *fs)
{
	__u64 blocks = vexfs_super_capacity(fs), inodes;
	__u32 g;

	for (g = 0; g < fs->groups_init; g++)		/* the others are free altogether */
		blocks -= vexfs_group_len(fs, g) - group_overhead(fs, g);
	inodes = (__u64)(fs->groups - fs->groups_init) * fs->inodes_per_group;
	for (g = 0; g < fs->groups_init; g++) {
		vx_buf *b = vx_bread(fs, vexfs_group_block(fs, g));
		int err = IS_ERR(b) ? PTR_ERR(b) : vexfs_group_check(fs, g, vx_data(b));

		if (IS_ERR(b)) {
			if (err != -EIO)
				return err;
			vexfs_damage(fs, "group %u cannot be read", g);
			b = NULL;
		}
		if (!err) {
			const struct vexfs_group *d = vx_data(b);

			fs->group_free[g] = le32_to_cpu(d->g_free_blocks);
			blocks += fs->group_free[g];
			inodes += le32_to_cpu(d->g_free_inodes);
		} else {
			fs->group_free[g] = err == -EIO ? VEXFS_GROUP_UNREAD : 0;
		}
		vx_brelse(b);
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	fs->free_blocks = blocks;
	fs->free_inodes = inodes;
	return 0;
}

int vexfs_super_find_groups(struct vexfs_fs *fs)
{
	__u32 g;

	for (g = fs->groups - 1; g; g--) {
		vx_buf *b = vx_bread(fs, vexfs_group_block(fs, g));
		bool found;

		if (IS_ERR(b) && PTR_ERR(b) != -EIO)
			return PTR_ERR(b);
		found = !IS_ERR(b) && !vexfs_group_wrong(fs, g, vx_data(b));
		vx_brelse(IS_ERR(b) ? NULL : b);
		if (found)
			break;
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	fs->groups_init = g + 1;
	return 0;
}

int vexfs_super_read_copy(struct vexfs_fs *fs, void *host, __u64 dev_blocks, __u64 block)
{
	const struct vexfs_super *s;
	const char *why;
	__u32 g;
	int err;

	memset(fs, 0, sizeof(*fs));
	fs->host = host;
	vx_mutex_init(&fs->alloc_lock);
	vx_mutex_init(&fs->orphan_lock);
	fs->sb_buf = vx_bread(fs, block);
	if (IS_ERR(fs->sb_buf)) {
		err = PTR_ERR(fs->sb_buf);
		fs->sb_buf = NULL;
		return err;
	}
	s = vx_data(fs->sb_buf);
	err = vexfs_super_check(s, dev_blocks, &why);
	if (err && err != -EROFS)
		goto fail;
	vexfs_super_geometry(fs, s);
	fs->free_blocks = le64_to_cpu(s->s_free_blocks);
	fs->free_inodes = le64_to_cpu(s->s_free_inodes);
	err = -ENOMEM;
	fs->group_free = vx_alloc(sizeof(*fs->group_free) * fs->groups);
	if (!fs->group_free)
		goto fail;
	for (g = 0; g < fs->groups; g++)
		fs->group_free[g] = VEXFS_GROUP_UNKNOWN;
	/* what a copy says of this was so when it was written */
	err = block || !fs->groups_init ? vexfs_super_find_groups(fs) : 0;
	if (!err && (block || !(le16_to_cpu(s->s_state) & VEXFS_STATE_CLEAN)))
		err = count_free(fs);
	if (!err)
		return 0;
fail:
	vexfs_super_release(fs);
	return err;
}

int vexfs_super_read(struct vexfs_fs *fs, void *host, __u64 dev_blocks)
{
	return vexfs_super_read_copy(fs, host, dev_blocks, 0);
}

void vexfs_super_release(struct vexfs_fs *fs)
{
	vx_free(fs->group_free);
	fs->group_free = NULL;
	vx_brelse(fs->sb_buf);
	fs->sb_buf = NULL;
}

int vexfs_super_dirty(vx_txn *t, struct vexfs_fs *fs)
{
	struct vexfs_super *s = vx_data(fs->sb_buf);

	s->s_groups_init = cpu_to_le32(fs->groups_init);
	s->s_free_blocks = cpu_to_le64(fs->free_blocks);
	s->s_free_inodes = cpu_to_le64(fs->free_inodes);
	vexfs_super_stamp(s);
	return vx_txn_dirty(t, fs, fs->sb_buf);
}

/* A change from CLEAN to not CLEAN is a mount, and is counted as one. */
int vexfs_super_log(vx_txn *t, struct vexfs_fs *fs, __u16 state)
{
	struct vexfs_super *s = vx_data(fs->sb_buf);
	int err;

	vx_lock(&fs->alloc_lock);
	err = vx_txn_write(t, fs->sb_buf);
	if (!err) {
		s->s_write_time = cpu_to_le64(vx_now());
		if ((le16_to_cpu(s->s_state) & ~state) & VEXFS_STATE_CLEAN) {
			s->s_mount_time = s->s_write_time;
			le32_add_cpu(&s->s_mount_count, 1);
		}
		s->s_state = cpu_to_le16(state);
		err = vexfs_super_dirty(t, fs);
	}
	vx_unlock(&fs->alloc_lock);
	return err;
}

int vexfs_super_feature(vx_txn *t, struct vexfs_fs *fs, __u32 ro_compat)
{
	struct vexfs_super *s = vx_data(fs->sb_buf);
	int err = 0;

	vx_lock(&fs->alloc_lock);
	if (~le32_to_cpu(s->s_ro_compat) & ro_compat) {
		err = vx_txn_write(t, fs->sb_buf);
		if (!err) {
			s->s_ro_compat |= cpu_to_le32(ro_compat);
			err = vexfs_super_dirty(t, fs);
		}
	}
	vx_unlock(&fs->alloc_lock);
	return err;
}
