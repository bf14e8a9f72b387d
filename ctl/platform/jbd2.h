/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log as jbd2 writes it, big-endian; linux/jbd2.h has no user-space version.  Names as there.
 *
 * A log is a ring of blocks, the first of which is its superblock.  A transaction is descriptor
 * blocks, each followed by the blocks that its tags name, revoke blocks, and a commit block.  VexFS
 * has one form of it only: 64-bit block numbers, revoke records, checksums version 3 (crc32c,
 * seeded with the uuid).
 */
#ifndef _VEXFS_JBD2_H
#define _VEXFS_JBD2_H

#include <core/core.h>

#define JBD2_MAGIC		0xc03b3998u
#define JBD2_CRC32C		4

/* h_blocktype */
#define JBD2_DESCRIPTOR		1
#define JBD2_COMMIT		2
#define JBD2_SUPERBLOCK_V2	4
#define JBD2_REVOKE		5

/* s_feature_incompat */
#define JBD2_INCOMPAT_REVOKE	0x01
#define JBD2_INCOMPAT_64BIT	0x02
#define JBD2_INCOMPAT_CSUM_V3	0x10
#define JBD2_INCOMPAT		(JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT | JBD2_INCOMPAT_CSUM_V3)

struct jbd2_header {
	__be32 h_magic, h_blocktype;
	__be32 h_sequence;		/* of the transaction */
};

struct jbd2_super {
	struct jbd2_header s_header;
	__be32 s_blocksize, s_maxlen, s_first;
	__be32 s_sequence;		/* of the oldest transaction ... */
	__be32 s_start;			/* ... and the block where it begins; 0: the log is empty */
	__be32 s_errno;
	__be32 s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	__u8 s_uuid[16];
	__be32 s_nr_users, s_dynsuper;
	__be32 s_max_transaction, s_max_trans_data;
	__u8 s_checksum_type, s_padding2[3];
	__be32 s_num_fc_blks, s_head;
	__u32 s_padding[40];
	__be32 s_checksum;		/* crc32c of these 1,024 bytes with it as 0, seed ~0 */
	__u8 s_users[16 * 48];
};
_Static_assert(sizeof(struct jbd2_super) == 1024, "jbd2 superblock");
_Static_assert(offsetof(struct jbd2_super, s_checksum) == 0xfc, "jbd2 superblock");

/* Of a descriptor block: a block of the filesystem, which follows in the log. */
struct jbd2_tag {
	__be32 t_blocknr, t_flags, t_blocknr_high;
	/* crc32c of the sequence number and the block as it is in the log */
	__be32 t_checksum;
};
#define JBD2_FLAG_ESCAPE	1	/* it began with JBD2_MAGIC, of which the log holds 0 */
#define JBD2_FLAG_SAME_UUID	2	/* no uuid (16 bytes) follows the tag */
#define JBD2_FLAG_DELETED	4
#define JBD2_FLAG_LAST_TAG	8

/* Of a revoke block: numbers of blocks (be64) that no transaction up to this one may bring back. */
struct jbd2_revoke {
	struct jbd2_header r_header;
	__be32 r_count;			/* bytes in use, these 16 included */
};

/* The last four bytes of descriptor and revoke blocks: crc32c of the block with them as 0. */
struct jbd2_tail {
	__be32 t_checksum;
};

struct jbd2_commit {
	struct jbd2_header h;
	__u8 h_chksum_type, h_chksum_size, h_padding[2];
	__be32 h_chksum[8];		/* the first: crc32c of the block with it as 0 */
	__be64 h_commit_sec;
	__be32 h_commit_nsec;
};
_Static_assert(offsetof(struct jbd2_commit, h_commit_sec) == 48, "jbd2 commit block");

/* A block of the log, before one knows which kind it is. */
union jbd2_block {
	__u8 byte[VEXFS_BLOCK_SIZE];
	struct jbd2_header head;
	struct jbd2_super super;
	struct jbd2_commit commit;
	struct jbd2_revoke revoke;
};

/* What s_checksum must be. */
static inline __be32 jbd2_super_sum(const struct jbd2_super *s)
{
	struct jbd2_super copy = *s;

	copy.s_checksum = 0;
	return htobe32(crc32c(~0u, &copy, sizeof(copy)));
}

/* The seed of all other checksums. */
static inline __u32 jbd2_seed(const struct jbd2_super *s)
{
	return crc32c(~0u, s->s_uuid, sizeof(s->s_uuid));
}

/* What *sum, somewhere in a block of the log, must be. */
static inline __be32 jbd2_block_sum(__u32 seed, void *block, __be32 *sum)
{
	__be32 was = *sum, is;

	*sum = 0;
	is = htobe32(crc32c(seed, block, VEXFS_BLOCK_SIZE));
	*sum = was;
	return is;
}

/* Of descriptor and revoke blocks. */
static inline __be32 *jbd2_tail_sum(void *block)
{
	return (__be32 *)((char *)block + VEXFS_BLOCK_SIZE - sizeof(struct jbd2_tail));
}

/* t_checksum of a copy as it is in the log. */
static inline __be32 jbd2_copy_sum(__u32 seed, __u32 sequence, const void *copy)
{
	__be32 s = htobe32(sequence);

	return htobe32(crc32c(crc32c(seed, &s, sizeof(s)), copy, VEXFS_BLOCK_SIZE));
}

/*
 * The superblock of the log, checked (log-replay.c).  -EUCLEAN and -EOPNOTSUPP: *why says what is
 * wrong with it.  Errors of the read.
 */
int vexfs_log_check(struct vexfs_dev *dev, const struct vexfs_super *super, struct jbd2_super *j,
		    const char **why);

#endif /* _VEXFS_JBD2_H */
