// SPDX-License-Identifier: GPL-2.0
/*
 * The log in user space: reading one that jbd2 has written, and bringing back what it holds.
 *
 * As fs/jbd2/recovery.c of Linux 6.12 does it, in three passes over the same blocks: the first
 * finds where the log ends, the second collects what was revoked, the third brings blocks back.
 * The end is where the chain of sequence numbers breaks, which is what a power cut leaves, or at a
 * commit block whose checksum is wrong.  Bad checksums before that are damage: the commit block
 * vouches for what lies before it.
 */
#include "jbd2.h"
#include "log.h"

enum pass { SCAN, REVOKE, REPLAY };

struct revoked {
	__u64 block;
	__u32 sequence;
};

struct reader {
	struct vexfs_dev *dev;
	__u64 start;			/* of the log on the device */
	__u32 first, last;		/* its ring: blocks first .. last - 1 */
	__u32 oldest, oldest_at;	/* s_sequence, s_start */
	/* SCAN: sequence number that is not there any more, and its block */
	__u32 end, end_at;
	__u32 seed;
	struct revoked *revoked;	/* sorted after REVOKE */
	size_t revokes, room;
	struct vexfs_fs fs;		/* a host is all there is to it */
	vx_txn txn;
	struct vexfs_log_replayed done;
	const char *why;
};

/* Sequence numbers wrap. */
static bool before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static int damaged(struct reader *r, const char *why)
{
	r->why = why;
	return -EUCLEAN;
}

/* --- its superblock --- */

static int read_super(struct vexfs_dev *dev, const struct vexfs_super *super, union jbd2_block *b)
{
	int err = vexfs_dev_read(dev, le64_to_cpu(super->s_journal_start), b);

	if (err)
		return err;
	return be32toh(b->head.h_magic) == JBD2_MAGIC ? 0 : -EUCLEAN;
}

int vexfs_log_check(struct vexfs_dev *dev, const struct vexfs_super *super, struct jbd2_super *j,
		    const char **why)
{
	__u32 blocks = le32_to_cpu(super->s_journal_blocks), first, last, start;
	union jbd2_block b;
	int err = read_super(dev, super, &b);

	if (err == -EUCLEAN)
		*why = "there is no superblock of jbd2 where the log begins";
	if (err)
		return err;
	*j = b.super;
	if (j->s_checksum != jbd2_super_sum(j)) {
		*why = "the log's superblock has a bad checksum";
		return -EUCLEAN;
	}
	if (be32toh(b.head.h_blocktype) != JBD2_SUPERBLOCK_V2 ||
	    be32toh(j->s_feature_incompat) != JBD2_INCOMPAT || j->s_checksum_type != JBD2_CRC32C) {
		*why = "the log has a form that VexFS does not write";
		return -EOPNOTSUPP;
	}
	first = be32toh(j->s_first);
	last = be32toh(j->s_maxlen);
	start = be32toh(j->s_start);
	if (be32toh(j->s_blocksize) != VEXFS_BLOCK_SIZE || !first || last > blocks ||
	    first >= last || (start && (start < first || start >= last))) {
		*why = "the log's superblock contradicts itself";
		return -EUCLEAN;
	}
	return 0;
}

int vexfs_log_pending(struct vexfs_dev *dev, const struct vexfs_super *super)
{
	struct jbd2_super j;
	const char *why;

	return vexfs_log_check(dev, super, &j, &why) ?: j.s_start != 0;
}

static int open_log(struct reader *r, const struct vexfs_super *super)
{
	struct jbd2_super j;
	int err = vexfs_log_check(r->dev, super, &j, &r->why);

	if (err)
		return err;
	r->start = le64_to_cpu(super->s_journal_start);
	r->first = be32toh(j.s_first);
	r->last = be32toh(j.s_maxlen);
	r->oldest = be32toh(j.s_sequence);
	r->oldest_at = be32toh(j.s_start);
	r->seed = jbd2_seed(&j);
	return 0;
}

/* --- its blocks --- */

static __u32 after(const struct reader *r, __u32 at, __u32 n)
{
	return r->first + (at - r->first + n) % (r->last - r->first);
}

/* --- what was revoked --- */

static int by_block(const void *a, const void *b)
{
	const struct revoked *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return before(x->sequence, y->sequence) ? -1 : before(y->sequence, x->sequence);
}

static int collect(struct reader *r, const union jbd2_block *b, __u32 sequence)
{
	__u32 bytes = be32toh(b->revoke.r_count), at = sizeof(b->revoke);

	if (bytes < at || bytes > sizeof(*b) - sizeof(struct jbd2_tail) ||
	    (bytes - at) % sizeof(__be64))
		return damaged(r, "a revoke block of the log has a count that cannot be");
	for (; at < bytes; at += sizeof(__be64)) {
		__be64 block;

		if (r->revokes == r->room) {
			size_t room = r->room ? r->room * 2 : 1024;
			void *p = realloc(r->revoked, room * sizeof(*r->revoked));

			if (!p)
				return -ENOMEM;
			r->revoked = p;
			r->room = room;
		}
		memcpy(&block, b->byte + at, sizeof(block));
		r->revoked[r->revokes++] = (struct revoked){ be64toh(block), sequence };
	}
	return 0;
}

/* Was the block revoked by this transaction or a later one? */
static bool is_revoked(const struct reader *r, __u64 block, __u32 sequence)
{
	size_t from = 0, to = r->revokes;

	while (from < to) {		/* the first entry of a greater number */
		size_t mid = from + (to - from) / 2;

		if (r->revoked[mid].block <= block)
			from = mid + 1;
		else
			to = mid;
	}
	return from && r->revoked[from - 1].block == block &&
	       !before(r->revoked[from - 1].sequence, sequence);
}

/* --- the passes --- */

static int bring_back(struct reader *r, const struct jbd2_tag *tag, __u32 sequence, __u32 at)
{
	__u64 block = (__u64)be32toh(tag->t_blocknr_high) << 32 | be32toh(tag->t_blocknr);
	__be32 magic = htobe32(JBD2_MAGIC);
	__u8 copy[VEXFS_BLOCK_SIZE];
	vx_buf *b;
	int err;

	err = vexfs_dev_read(r->dev, r->start + at, copy);
	if (err)
		return err;
	if (is_revoked(r, block, sequence)) {
		r->done.revoked++;
		return 0;
	}
	if (tag->t_checksum != jbd2_copy_sum(r->seed, sequence, copy))
		return damaged(r, "a block in the log has a bad checksum");
	if (block >= r->dev->blocks || (block >= r->start && block < r->start + r->last))
		return damaged(r, "the log names a block that is none of the filesystem's");
	if (be32toh(tag->t_flags) & JBD2_FLAG_ESCAPE)
		memcpy(copy, &magic, sizeof(magic));
	b = vx_getblk(&r->fs, block);
	if (IS_ERR(b))
		return PTR_ERR(b);
	err = vx_txn_create(&r->txn, b);
	if (!err) {
		memcpy(vx_data(b), copy, sizeof(copy));
		err = vx_txn_dirty(&r->txn, &r->fs, b);
		r->done.blocks++;
	}
	vx_brelse(b);
	return err;
}

/*
 * The blocks that a descriptor block at `at` describes: how many; brought back in REPLAY.
 * Negative: an error.
 */
static int describe(struct reader *r, enum pass pass, const union jbd2_block *b, __u32 sequence,
		    __u32 at)
{
	size_t from = sizeof(b->head), room = sizeof(*b) - sizeof(struct jbd2_tail);
	struct jbd2_tag tag;
	int n = 0, err;

	while (from + sizeof(tag) <= room) {
		memcpy(&tag, b->byte + from, sizeof(tag));
		n++;
		if (pass == REPLAY) {
			err = bring_back(r, &tag, sequence, after(r, at, n));
			if (err)
				return err;
		}
		if (be32toh(tag.t_flags) & JBD2_FLAG_LAST_TAG)
			break;
		from += sizeof(tag);
		if (!(be32toh(tag.t_flags) & JBD2_FLAG_SAME_UUID))
			from += sizeof(((struct jbd2_super *)0)->s_uuid);
	}
	return n;
}

static int one_pass(struct reader *r, enum pass pass)
{
	__u32 sequence = r->oldest, at = r->oldest_at, end_at = at, seen = 0;
	union jbd2_block b;
	/* SCAN: a bad checksum in this transaction; its commit block tells */
	bool suspect = false;
	int n, err = 0;

	while (pass == SCAN || before(sequence, r->end)) {
		err = vexfs_dev_read(r->dev, r->start + at, &b);
		if (err || be32toh(b.head.h_magic) != JBD2_MAGIC ||
		    be32toh(b.head.h_sequence) != sequence)
			break;
		n = 0;
		switch (be32toh(b.head.h_blocktype)) {
		case JBD2_DESCRIPTOR:
			if (*jbd2_tail_sum(&b) != jbd2_block_sum(r->seed, &b, jbd2_tail_sum(&b))) {
				if (pass != SCAN)
					return damaged(r,
						       "a descriptor block of the log has a bad checksum");
				suspect = true;
			}
			n = describe(r, pass, &b, sequence, at);
			break;
		case JBD2_REVOKE:
			if (*jbd2_tail_sum(&b) != jbd2_block_sum(r->seed, &b, jbd2_tail_sum(&b))) {
				if (pass != SCAN)
					return damaged(r,
						       "a revoke block of the log has a bad checksum");
				suspect = true;
			}
			if (pass == REVOKE)
				n = collect(r, &b, sequence);
			break;
		case JBD2_COMMIT:
			if (pass == SCAN &&
			    b.commit.h_chksum[0] !=
				    jbd2_block_sum(r->seed, &b, &b.commit.h_chksum[0]))
				goto out;
			if (pass == SCAN && suspect)
				return damaged(r,
					       "a block of the log has a bad checksum, and its transaction is committed");
			sequence++;
			break;
		default:
			goto out;
		}
		if (n < 0)
			return n;
		seen += n + 1;
		/* it bites its tail: only a damaged one does */
		if (seen > r->last - r->first)
			return damaged(r, "the log has no end");
		at = after(r, at, n + 1);
		if (be32toh(b.head.h_blocktype) == JBD2_COMMIT)
			end_at = at;
	}
out:
	if (err)
		return err;
	if (pass == SCAN) {
		r->end = sequence;
		r->end_at = end_at;
	} else if (sequence != r->end) {
		return damaged(r, "the log ends before its end");
	}
	return 0;
}

int vexfs_log_replay(struct vexfs_dev *dev, const struct vexfs_super *super,
		     struct vexfs_log_replayed *done, const char **why)
{
	struct reader r = { .dev = dev, .fs.host = dev };
	int err;

	vexfs_txn_start(&r.txn, dev, INT_MAX);
	err = open_log(&r, super);
	if (!err && r.oldest_at) {
		err = one_pass(&r, SCAN) ?: one_pass(&r, REVOKE);
		if (!err && r.revokes)
			qsort(r.revoked, r.revokes, sizeof(*r.revoked), by_block);
		err = err ?: one_pass(&r, REPLAY);
		r.done.transactions = r.end - r.oldest;
	}
	free(r.revoked);
	if (err)
		vexfs_dev_drop(dev);
	if (done)
		*done = r.done;
	*why = r.why;
	return err;
}

int vexfs_log_finish(struct vexfs_dev *dev, const struct vexfs_super *super)
{
	struct reader r = { .dev = dev };
	union jbd2_block b;
	int err;

	err = open_log(&r, super);
	/* the log is as it was: for the number of the next transaction */
	if (!err && r.oldest_at)
		err = one_pass(&r, SCAN);
	err = err ?: vexfs_dev_flush(dev) ?: read_super(dev, super, &b);
	if (err || !r.oldest_at)
		return err;
	b.super.s_start = 0;
	/* as jbd2 skips one, in case a torn commit has the number */
	b.super.s_sequence = htobe32(r.end + 1);
	b.super.s_head = htobe32(r.end_at);
	b.super.s_checksum = jbd2_super_sum(&b.super);
	return vexfs_dev_write(dev, r.start, &b) ?: vexfs_dev_sync(dev);
}
