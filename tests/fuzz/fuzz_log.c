// SPDX-License-Identifier: GPL-2.0
/*
 * A log, replayed.
 *
 * The input is: a byte of HOW_*, the number of the first transaction (4 bytes), the block of the
 * ring where it begins (2); with HOW_SUPER a count (1) and so many fields of the log's superblock:
 * index (1), value (4, big-endian); then the blocks of the log: kind (1), LAST_* (1), length (1),
 * so many bytes.  A kind that jbd2 has gets the header with its number; then the bytes, then
 * zeros.  Checksums are made right, but for blocks that say BLOCK_SUM.
 *
 * Whatever it holds: nothing is written before the end of a replay; one that is refused leaves
 * nothing; one that was cut short while it wrote can be done again, with the same result; and then
 * a transaction can be written and replayed.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include <platform/jbd2.h>
#include <platform/log.h>
#include <platform/mkfs.h>
#include "fuzz.h"

#define BLOCKS	VEXFS_MIN_BLOCKS
#define PUT	200u			/* blocks of the log that an input has at most */

#define HOW_SUPER	1		/* fields of the superblock follow */
#define HOW_SUPER_SUM	2		/* its checksum stays as it is */
#define BLOCK_SUM	1		/* of a block: the same */
#define BLOCK_NEXT	2		/* its header has the number of the next transaction */

/* The device: what mkfs has made; every run puts back the blocks that have changed. */
static struct vexfs_dev dev;
static struct vexfs_super super;
static union jbd2_block *base, *log_base;
static __u64 start;
static __u32 size;

/* What was written since the last time. */
struct write {
	__u64 block;
	bool flush;
	__u8 data[VEXFS_BLOCK_SIZE];
};
static struct write *written;
static size_t writes, write_room;

/* The blocks of the log that this input has. */
static __u32 at[PUT], n_at;

static void record(struct vexfs_dev *d, __u64 block, const void *data)
{
	(void)d;
	if (writes == write_room) {
		write_room = write_room ? write_room * 2 : 64;
		written = realloc(written, write_room * sizeof(*written));
		must(written);
	}
	written[writes].block = block;
	written[writes].flush = !data;
	if (data)
		memcpy(written[writes].data, data, VEXFS_BLOCK_SIZE);
	writes++;
}

static void make(void)
{
	struct vexfs_mkfs_opts opts = { .uuid = "0123456789abcde" };
	int fd = memfd_create("log", MFD_CLOEXEC);

	must(fd >= 0 && !ftruncate(fd, (off_t)BLOCKS << VEXFS_BLOCK_SHIFT));
	must(!vexfs_dev_init(&dev, fd, BLOCKS));
	dev.quiet = true;
	must(!vexfs_mkfs(&dev, &opts, &super));
	start = le64_to_cpu(super.s_journal_start);
	size = le32_to_cpu(super.s_journal_blocks);
	base = malloc(BLOCKS * sizeof(*base));
	must(base);
	must(pread(fd, base, BLOCKS * sizeof(*base), 0) == BLOCKS * sizeof(*base));
	log_base = base + start;
}

/* dev.record is NULL. */
static void put_back(__u64 block)
{
	must(!vexfs_dev_write(&dev, block, &base[block]));
}

static __u32 after(__u32 from, __u32 n)
{
	return 1 + (from - 1 + n) % (size - 1);
}

static void get(__u32 block, union jbd2_block *b)
{
	must(!vexfs_dev_read(&dev, start + block, b));
}

static void set(__u32 block, const union jbd2_block *b)
{
	must(!vexfs_dev_write(&dev, start + block, b));
}

/* The tags of a descriptor block get the checksums of the blocks behind it. */
static void stamp_tags(union jbd2_block *d, __u32 from, __u32 seed)
{
	size_t pos = sizeof(d->head);
	struct jbd2_tag tag;
	union jbd2_block copy;
	__u32 n = 0;

	while (pos + sizeof(tag) <= VEXFS_BLOCK_SIZE - sizeof(struct jbd2_tail)) {
		memcpy(&tag, d->byte + pos, sizeof(tag));
		get(after(from, ++n), &copy);
		tag.t_checksum = jbd2_copy_sum(seed, be32toh(d->head.h_sequence), &copy);
		memcpy(d->byte + pos, &tag, sizeof(tag));
		if (be32toh(tag.t_flags) & JBD2_FLAG_LAST_TAG || n == PUT)
			break;
		pos += sizeof(tag) + (be32toh(tag.t_flags) & JBD2_FLAG_SAME_UUID ? 0 : 16);
	}
}

static void stamp(__u32 block, __u32 seed)
{
	union jbd2_block b;

	get(block, &b);
	if (be32toh(b.head.h_magic) != JBD2_MAGIC)
		return;
	switch (be32toh(b.head.h_blocktype)) {
	case JBD2_DESCRIPTOR:
		stamp_tags(&b, block, seed);
		/* fallthrough */
	case JBD2_REVOKE:
		*jbd2_tail_sum(&b) = jbd2_block_sum(seed, &b, jbd2_tail_sum(&b));
		break;
	case JBD2_COMMIT:
		b.commit.h_chksum[0] = jbd2_block_sum(seed, &b, &b.commit.h_chksum[0]);
		break;
	}
	set(block, &b);
}

/* Write the log that the input is. */
static void put_log(const __u8 *data, size_t bytes)
{
	struct piece in = { data, bytes };
	__u8 how = take_u8(&in), keep[PUT];
	__u32 sequence = take_u32(&in), block = 1 + take_u16(&in) % (size - 1), seed, i, n;
	union jbd2_block b = log_base[0];

	b.super.s_start = htobe32(block);
	b.super.s_sequence = htobe32(sequence);
	for (n = how & HOW_SUPER ? take_u8(&in) : 0; n && in.left; n--) {
		__u32 index = take_u8(&in);

		memcpy(&b.byte[index * 4], &(__u32){ take_u32(&in) }, 4);
	}
	if (!(how & HOW_SUPER_SUM))
		b.super.s_checksum = jbd2_super_sum(&b.super);
	set(0, &b);
	seed = jbd2_seed(&b.super);

	for (n_at = 0; in.left && n_at < PUT; n_at++, block = after(block, 1)) {
		__u8 kind = take_u8(&in), flags = take_u8(&in);
		size_t len = take_u8(&in), skip = 0;

		memset(&b, 0, sizeof(b));
		if (kind && kind <= JBD2_REVOKE) {
			skip = sizeof(b.head);
			b.head = (struct jbd2_header){ htobe32(JBD2_MAGIC), htobe32(kind),
						       htobe32(sequence +
							       (flags & BLOCK_NEXT ? 1 : 0)) };
			sequence += kind == JBD2_COMMIT;
		}
		len = min(len, in.left);
		memcpy(b.byte + skip, take(&in, len), len);
		set(block, &b);
		keep[n_at] = flags & BLOCK_SUM;
		at[n_at] = block;
	}
	for (i = n_at; i; i--)		/* a descriptor block may be one that another describes */
		if (!keep[i - 1])
			stamp(at[i - 1], seed);
}

static int replay(struct vexfs_log_replayed *done)
{
	const char *why = NULL;
	int err = vexfs_log_replay(&dev, &super, done, &why);

	must(err == 0 || err == -EUCLEAN || err == -EOPNOTSUPP);
	must((why != NULL) == (err != 0));
	must(!err || !dev.cached);
	return err;
}

/* Do the blocks that writes `from` to `to` wrote still read like that? */
static void holds(size_t from, size_t to)
{
	struct vexfs_fs fs = { .host = &dev };

	for (; from < to; from++) {
		const struct write *w = &written[from];
		vx_buf *b;

		if (w->flush || w->block == start)
			continue;
		b = vx_bread(&fs, w->block);
		must(!IS_ERR(b) && !memcmp(vx_data(b), w->data, VEXFS_BLOCK_SIZE));
		vx_brelse(b);
	}
}

/* All blocks first, none of the log; then a flush; then the log is empty. */
static void check_finish(__u64 blocks, __u32 last)
{
	size_t i;

	must(writes >= 3 && writes - 3 <= blocks);
	for (i = 0; i < writes - 3; i++)
		must(!written[i].flush &&
		     (written[i].block < start || written[i].block >= start + last));
	must(written[i].flush && written[i + 1].block == start && !written[i + 1].flush &&
	     written[i + 2].flush);
}

/*
 * The power went after some of the writes of vexfs_log_finish(), with this superblock still there:
 * the same again.
 */
static void again(size_t done, const union jbd2_block *head, const struct vexfs_log_replayed *was)
{
	struct vexfs_log_replayed now;
	size_t n = writes, i;

	vexfs_dev_drop(&dev);
	dev.record = NULL;
	for (i = done; i < n; i++)
		if (!written[i].flush)
			put_back(written[i].block);
	set(0, head);
	dev.record = record;
	must(!replay(&now));
	must(now.transactions == was->transactions && now.blocks == was->blocks &&
	     now.revoked == was->revoked);
	holds(0, n);
	must(!vexfs_log_finish(&dev, &super));
}

/* Write a transaction into the log, which is empty, and replay it as if the power had gone. */
static void write_one(__u32 ring)
{
	struct vexfs_fs fs = { .host = &dev };
	struct vexfs_log_replayed done;
	struct vexfs_dev other;
	struct vexfs_log *log;
	const char *why = NULL;
	vx_txn t;
	vx_buf *b;
	int err;

	/*
	 * transactions of the input that were not replayed may have the numbers that come next, as
	 * no real ones have
	 */
	vexfs_dev_drop(&dev);
	dev.record = NULL;
	for (; n_at; n_at--)
		put_back(start + at[n_at - 1]);
	dev.record = record;
	must(!vexfs_log_open(&dev, &super, &log, &why));
	err = vexfs_log_begin(log, &t, 2);
	must(!err || (err == -ENOSPC && ring < 18));	/* a third of it is the most */
	if (!err) {
		b = vx_getblk(&fs, BLOCKS - 2);
		must(!IS_ERR(b) && !vx_txn_create(&t, b));
		memset(vx_data(b), 0xc0, VEXFS_BLOCK_SIZE);
		memcpy(vx_data(b), &(__be32){ htobe32(JBD2_MAGIC) }, 4);
		must(!vx_txn_dirty(&t, &fs, b));
		vx_brelse(b);
		must(!vexfs_log_end(&t) && !vexfs_log_commit(log));

		must(!vexfs_dev_init(&other, dup(dev.fd), BLOCKS));
		must(!vexfs_log_replay(&other, &super, &done, &why));
		must(done.transactions == 1 && done.blocks == 1 && !done.revoked);
		fs.host = &other;
		b = vx_bread(&fs, BLOCKS - 2);
		must(!IS_ERR(b) && ((__u8 *)vx_data(b))[4] == 0xc0);
		must(*(__be32 *)vx_data(b) == htobe32(JBD2_MAGIC));
		vx_brelse(b);
		vexfs_dev_close(&other);
	}
	must(!vexfs_log_close(log));
	must(vexfs_log_pending(&dev, &super) == 0);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t bytes)
{
	struct vexfs_log_replayed done;
	union jbd2_block head;
	size_t i;

	if (!base)
		make();
	put_log(data, bytes);
	get(0, &head);
	dev.record = record;
	writes = 0;
	if (!replay(&done)) {
		must(!writes);
		must(done.transactions <= n_at && done.blocks + done.revoked <= n_at * 254);
		must(!vexfs_log_finish(&dev, &super));
		must(vexfs_log_pending(&dev, &super) == 0);
		if (head.super.s_start) {
			check_finish(done.blocks, be32toh(head.super.s_maxlen));
			holds(0, writes);
			again((bytes ? data[bytes - 1] : 0) % (writes - 1), &head, &done);
		}
		must(!replay(&done) && !done.transactions && !done.blocks);
		write_one(be32toh(head.super.s_maxlen) - be32toh(head.super.s_first));
	} else {
		must(!writes);
	}
	dev.record = NULL;
	vexfs_dev_drop(&dev);
	for (i = 0; i < writes; i++)
		if (!written[i].flush)
			put_back(written[i].block);
	for (i = 0; i < n_at; i++)
		put_back(start + at[i]);
	put_back(start);
	return 0;
}
