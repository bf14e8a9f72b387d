// SPDX-License-Identifier: GPL-2.0
/*
 * The log in user space: reading one that jbd2 has written, and bringing back what it holds.
 *
 * As fs/jbd2/recovery.c of Linux 6.12 does it, in three passes over the same blocks: the first
 * finds where the log ends, the second collects what was revoked, the third brings blocks back.
 * The end is where the chain of sequence numbers breaks, which is what a power cut leaves, or at a
 * commit block whose checksum is wrong, unless good ones follow.  Bad checksums before that are
 * damage: the commit block vouches for what lies before it.  A mount refuses a log that is damaged,
 * as jbd2 does.  Who repairs takes the transactions before the damage, and none behind it; so does
 * e2fsck where a commit block is damaged, while of other damage it brings back nothing, or, where it
 * is a copy of a block, all but that copy.
 */
#include "jbd2.h"
#include "log.h"

enum pass { SCAN, REVOKE, CHECK, REPLAY };

struct revoked {
	__u64 block;
	__u32 sequence;
};

struct reader {
	struct vexfs_dev *dev;
	__u64 start;			/* of the log on the device */
	__u32 first, last;		/* its ring: blocks first .. last - 1 */
	__u32 oldest, oldest_at;	/* s_sequence, s_start */
	bool salvage;			/* damage ends it, as a power cut does ... */
	bool strict;			/* ... of what was revoked, too */
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

/* The bytes in use of a revoke block; 0: that cannot be. */
static __u32 revoke_bytes(const union jbd2_block *b)
{
	__u32 bytes = be32toh(b->revoke.r_count), head = sizeof(b->revoke);

	return bytes < head || bytes > sizeof(*b) - sizeof(struct jbd2_tail) ||
			       (bytes - head) % sizeof(__be64) ?
		       0 :
		       bytes;
}

static int collect(struct reader *r, const union jbd2_block *b, __u32 sequence)
{
	__u32 bytes = revoke_bytes(b), at = sizeof(b->revoke);

	if (!bytes)
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

static __u64 block_of(const struct jbd2_tag *tag)
{
	return (__u64)be32toh(tag->t_blocknr_high) << 32 | be32toh(tag->t_blocknr);
}

static int check_copy(struct reader *r, const struct jbd2_tag *tag, __u32 sequence, const void *copy)
{
	__u64 block = block_of(tag);

	if (tag->t_checksum != jbd2_copy_sum(r->seed, sequence, copy))
		return damaged(r, "a block in the log has a bad checksum");
	if (block >= r->dev->blocks || (block >= r->start && block < r->start + r->last))
		return damaged(r, "the log names a block that is none of the filesystem's");
	return 0;
}

/* A copy in the log: CHECK, and in REPLAY it goes to where it belongs. */
static int take_copy(struct reader *r, enum pass pass, const struct jbd2_tag *tag, __u32 sequence,
		     __u32 at)
{
	__be32 magic = htobe32(JBD2_MAGIC);
	__u64 block = block_of(tag);
	__u8 copy[VEXFS_BLOCK_SIZE];
	vx_buf *b;
	int err;

	err = vexfs_dev_read(r->dev, r->start + at, copy);
	if (err)
		return err;
	if (!r->strict && is_revoked(r, block, sequence)) {
		r->done.revoked += pass == REPLAY;
		return 0;
	}
	err = check_copy(r, tag, sequence, copy);
	if (err || pass != REPLAY)
		return err;
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
 * The blocks that a descriptor block at `at` describes: how many; looked at in CHECK, and brought
 * back in REPLAY.  Negative: an error.
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
		if (pass >= CHECK) {
			err = take_copy(r, pass, &tag, sequence, after(r, at, n));
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

/*
 * Commit blocks that are good and that the end lies before: as one is only written when the last one
 * is on stable storage, there are some only if there is damage.  *last: the last of their numbers,
 * or that of the last transaction.
 */
static int look_behind(struct reader *r, __u32 *last)
{
	union jbd2_block b;
	__u32 at, sequence;
	int err;

	*last = r->end - 1;
	for (at = r->first; at < r->last; at++) {
		err = vexfs_dev_read(r->dev, r->start + at, &b);
		if (err)
			return err;
		sequence = be32toh(b.head.h_sequence);
		if (be32toh(b.head.h_magic) == JBD2_MAGIC &&
		    be32toh(b.head.h_blocktype) == JBD2_COMMIT && before(*last, sequence) &&
		    sequence - r->end < r->last - r->first &&
		    b.commit.h_chksum[0] == jbd2_block_sum(r->seed, &b, &b.commit.h_chksum[0]))
			*last = sequence;
	}
	return 0;
}

/* A commit block has a bad checksum: is that the end? */
static int torn_commit(struct reader *r, __u32 sequence)
{
	__u32 last;
	int err;

	if (r->salvage)
		return 0;
	r->end = sequence;
	err = look_behind(r, &last);
	if (!err && last + 1 != sequence)
		return damaged(r, "a commit block of the log has a bad checksum, and others follow it");
	return err;
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
			else if (pass == SCAN && r->salvage && !revoke_bytes(&b))
				suspect = true;
			break;
		case JBD2_COMMIT:
			if (pass == SCAN &&
			    b.commit.h_chksum[0] !=
				    jbd2_block_sum(r->seed, &b, &b.commit.h_chksum[0])) {
				err = torn_commit(r, sequence);
				goto out;
			}
			if (pass == SCAN && suspect)
				return damaged(r,
					       "a block of the log has a bad checksum, and its transaction is committed");
			sequence++;
			break;
		default:
			goto out;
		}
		if (r->salvage && suspect)
			goto out;
		if (pass == CHECK && n == -EUCLEAN) {
			r->end = sequence;
			return 0;
		}
		if (n < 0)
			return n;
		seen += n + 1;
		/* it bites its tail: only a damaged one does */
		if (seen > r->last - r->first) {
			if (pass == SCAN && r->salvage)
				goto out;
			return damaged(r, "the log has no end");
		}
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

static int find_revoked(struct reader *r)
{
	int err;

	r->revokes = 0;
	err = one_pass(r, REVOKE);
	if (!err && r->revokes)
		qsort(r->revoked, r->revokes, sizeof(*r->revoked), by_block);
	return err;
}

/*
 * The end goes before the first copy that is damaged.  What was revoked behind it is not any more, so
 * then none may be.
 */
static int check_copies(struct reader *r)
{
	__u32 end = r->end;
	int err = one_pass(r, CHECK);

	if (err || r->end == end)
		return err;
	r->strict = true;
	err = one_pass(r, CHECK);
	r->strict = false;
	return err ?: find_revoked(r);
}

static int replay(struct vexfs_dev *dev, const struct vexfs_super *super, bool salvage,
		  struct vexfs_log_replayed *done, const char **why)
{
	struct reader r = { .dev = dev, .fs.host = dev, .salvage = salvage };
	__u32 last;
	int err;

	vexfs_txn_start(&r.txn, dev, INT_MAX);
	err = open_log(&r, super);
	if (!err && r.oldest_at) {
		err = one_pass(&r, SCAN) ?: find_revoked(&r);
		if (!err && salvage)
			err = check_copies(&r);
		err = err ?: one_pass(&r, REPLAY);
		r.done.transactions = r.end - r.oldest;
		if (!err && done) {
			err = look_behind(&r, &last);
			r.done.lost = last + 1 - r.end;
		}
	}
	free(r.revoked);
	if (err)
		vexfs_dev_drop(dev);
	if (done)
		*done = r.done;
	*why = err ? r.why : NULL;
	return err;
}

int vexfs_log_replay(struct vexfs_dev *dev, const struct vexfs_super *super,
		     struct vexfs_log_replayed *done, const char **why)
{
	return replay(dev, super, false, done, why);
}

int vexfs_log_salvage(struct vexfs_dev *dev, const struct vexfs_super *super,
		      struct vexfs_log_replayed *done, const char **why)
{
	return replay(dev, super, true, done, why);
}

int vexfs_log_empty(struct vexfs_dev *dev, const struct vexfs_super *super, __u32 lost)
{
	struct reader r = { .dev = dev, .salvage = lost };
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
	/* as jbd2 skips one, in case a torn commit has the number; what is lost must not come back */
	b.super.s_sequence = htobe32(r.end + 1 + lost);
	b.super.s_head = htobe32(r.end_at);
	b.super.s_checksum = jbd2_super_sum(&b.super);
	return vexfs_dev_write(dev, r.start, &b) ?: vexfs_dev_sync(dev);
}

int vexfs_log_finish(struct vexfs_dev *dev, const struct vexfs_super *super)
{
	return vexfs_log_empty(dev, super, 0);
}
