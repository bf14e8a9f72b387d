// SPDX-License-Identifier: GPL-2.0
/*
 * Replaying a log: logs of all kinds are written here, block by block, as jbd2 writes them, and
 * what is brought back is compared with what was meant.  That jbd2's own logs are read, too, is
 * shown by tests/crash/states.sh.
 */
#include <fcntl.h>
#include <unistd.h>

#include <platform/jbd2.h>
#include <platform/log.h>
#include <platform/mkfs.h>
#include "box.h"

#define BLOCKS	8192u			/* of the device, 32 MiB */
#define TARGET	6000u			/* blocks from here on are written by transactions */
#define TARGETS	64u

struct log {
	struct vexfs_dev dev;
	struct vexfs_super super;
	struct jbd2_super j;
	__u64 start;
	__u32 size, at, sequence, seed;
	/* what each target holds once the log is replayed: a number, 0: zeros as on the disk */
	__u32 want[TARGETS];
};

static void fill(void *block, __u32 number, bool escape)
{
	__be32 magic = htobe32(JBD2_MAGIC);

	memset(block, number, VEXFS_BLOCK_SIZE);
	memcpy((char *)block + 64, &number, sizeof(number));
	if (escape)
		memcpy(block, &magic, sizeof(magic));
}

static void put_super(struct log *l)
{
	char b[VEXFS_BLOCK_SIZE] = "";

	l->j.s_checksum = 0;
	l->j.s_checksum = htobe32(crc32c(~0u, &l->j, sizeof(l->j)));
	memcpy(b, &l->j, sizeof(l->j));
	assert_int_equal(vexfs_dev_write(&l->dev, l->start, b), 0);
}

/* An empty log that begins at ring block `at` with transaction `sequence`. */
static void log_open(struct log *l, __u32 at, __u32 sequence)
{
	struct vexfs_mkfs_opts opts = { .journal_blocks = VEXFS_MIN_JOURNAL,
					.uuid = "0123456789abcde" };
	char b[VEXFS_BLOCK_SIZE], path[] = "/tmp/vexfs-log-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)BLOCKS * VEXFS_BLOCK_SIZE), 0);
	memset(l, 0, sizeof(*l));
	assert_int_equal(vexfs_dev_init(&l->dev, fd, BLOCKS), 0);
	l->dev.quiet = true;
	assert_int_equal(vexfs_mkfs(&l->dev, &opts, &l->super), 0);
	l->start = le64_to_cpu(l->super.s_journal_start);
	l->size = le32_to_cpu(l->super.s_journal_blocks);
	assert_int_equal(vexfs_dev_read(&l->dev, l->start, b), 0);
	memcpy(&l->j, b, sizeof(l->j));
	assert_int_equal(vexfs_log_pending(&l->dev, &l->super), 0);
	l->seed = crc32c(~0u, l->j.s_uuid, sizeof(l->j.s_uuid));
	l->at = at;
	l->sequence = sequence;
	l->j.s_start = htobe32(at);
	l->j.s_sequence = htobe32(sequence);
	put_super(l);
}

static void log_close(struct log *l)
{
	vexfs_dev_close(&l->dev);
}

static __u64 here(struct log *l, __u32 ahead)
{
	return l->start + 1 + (l->at - 1 + ahead) % (l->size - 1);
}

static void put(struct log *l, const void *block)
{
	assert_int_equal(vexfs_dev_write(&l->dev, here(l, 0), block), 0);
	l->at = here(l, 1) - l->start;
}

static void stamp(struct log *l, void *block, __be32 *sum)
{
	*sum = 0;
	*sum = htobe32(crc32c(l->seed, block, VEXFS_BLOCK_SIZE));
}

static void stamp_tail(struct log *l, char *block)
{
	stamp(l, block, (__be32 *)(block + VEXFS_BLOCK_SIZE - sizeof(struct jbd2_tail)));
}

static struct jbd2_header header(struct log *l, __u32 type)
{
	return (struct jbd2_header){ htobe32(JBD2_MAGIC), htobe32(type), htobe32(l->sequence) };
}

/* A descriptor block and its n blocks: targets first, first + 1, ... get the number. */
static void put_blocks(struct log *l, __u64 first, __u32 n, __u32 number, bool escape)
{
	_Alignas(8) char d[VEXFS_BLOCK_SIZE] = "", copy[VEXFS_BLOCK_SIZE];
	struct jbd2_header h = header(l, JBD2_DESCRIPTOR);
	__be32 s = htobe32(l->sequence);
	size_t at = sizeof(h);
	__u32 i;

	memcpy(d, &h, sizeof(h));
	for (i = 0; i < n; i++) {
		struct jbd2_tag tag = { .t_blocknr = htobe32(first + i),
					.t_blocknr_high = htobe32((first + i) >> 32) };

		fill(copy, number, escape);
		if (escape)
			memset(copy, 0, 4);
		tag.t_flags =
			htobe32((escape ? JBD2_FLAG_ESCAPE : 0) | (i ? JBD2_FLAG_SAME_UUID : 0) |
				      (i == n - 1 ? JBD2_FLAG_LAST_TAG : 0));
		tag.t_checksum =
			htobe32(crc32c(crc32c(l->seed, &s, sizeof(s)), copy, sizeof(copy)));
		memcpy(d + at, &tag, sizeof(tag));
		at += sizeof(tag) + (i ? 0 : 16);
		assert_int_equal(vexfs_dev_write(&l->dev, here(l, i + 1), copy), 0);
		if (first + i >= TARGET && first + i < TARGET + TARGETS)
			l->want[first + i - TARGET] = escape ? number | 1u << 31 : number;
	}
	stamp_tail(l, d);
	put(l, d);
	l->at = here(l, n) - l->start;
}

static void put_revoke(struct log *l, __u64 block, __u32 count)
{
	_Alignas(8) char b[VEXFS_BLOCK_SIZE] = "";
	struct jbd2_revoke r = { header(l, JBD2_REVOKE), htobe32(count) };
	__be64 nr = htobe64(block);

	memcpy(b, &r, sizeof(r));
	memcpy(b + sizeof(r), &nr, sizeof(nr));
	stamp_tail(l, b);
	put(l, b);
}

static void put_commit(struct log *l)
{
	_Alignas(8) char b[VEXFS_BLOCK_SIZE] = "";
	struct jbd2_commit *c = (struct jbd2_commit *)b;

	c->h = header(l, JBD2_COMMIT);
	stamp(l, b, &c->h_chksum[0]);
	put(l, b);
	l->sequence++;
}

static int replay(struct log *l, struct vexfs_log_replayed *done)
{
	const char *why = NULL;
	int err = vexfs_log_replay(&l->dev, &l->super, done, &why);

	assert_true((why != NULL) == (err == -EUCLEAN || err == -EOPNOTSUPP));
	return err;
}

/* Do the targets hold what they should?  cached: as they are read now, else on the device. */
static bool holds(struct log *l, const __u32 want[TARGETS], bool cached)
{
	struct vexfs_fs fs = { .host = &l->dev };
	char b[VEXFS_BLOCK_SIZE], w[VEXFS_BLOCK_SIZE];
	bool same = true;
	__u32 i;

	for (i = 0; i < TARGETS; i++) {
		fill(w, want[i] & ~(1u << 31), want[i] >> 31);
		if (cached) {
			vx_buf *buf = vx_bread(&fs, TARGET + i);

			assert_false(IS_ERR(buf));
			memcpy(b, vx_data(buf), sizeof(b));
			vx_brelse(buf);
		} else {
			assert_int_equal(vexfs_dev_read(&l->dev, TARGET + i, b), 0);
		}
		same = same && !memcmp(b, w, sizeof(b));
	}
	return same;
}

static const __u32 zeros[TARGETS];

static void empty_log(void **state)
{
	struct vexfs_log_replayed done;
	struct log l;

	(void)state;
	log_open(&l, 1, 1);
	l.j.s_start = 0;
	put_super(&l);
	assert_int_equal(replay(&l, &done), 0);
	assert_int_equal(done.transactions + done.blocks, 0);
	assert_int_equal(vexfs_log_finish(&l.dev, &l.super), 0);
	l.j.s_start = htobe32(1);	/* not empty, by its word, but no transaction is whole */
	put_super(&l);
	assert_int_equal(vexfs_log_pending(&l.dev, &l.super), 1);
	assert_int_equal(replay(&l, &done), 0);
	assert_int_equal(done.transactions + done.blocks, 0);
	assert_int_equal(vexfs_log_finish(&l.dev, &l.super), 0);
	assert_int_equal(vexfs_log_pending(&l.dev, &l.super), 0);
	log_close(&l);
}

static void nothing_is_written_before_the_end(void **state)
{
	struct vexfs_log_replayed done;
	struct log l;

	(void)state;
	log_open(&l, 1, 1);
	put_blocks(&l, TARGET, 3, 7, false);
	put_blocks(&l, TARGET + 8, 1, 9, true);
	put_commit(&l);
	assert_int_equal(replay(&l, &done), 0);
	assert_int_equal(done.transactions, 1);
	assert_int_equal(done.blocks, 4);
	assert_true(holds(&l, l.want, true));
	assert_true(holds(&l, zeros, false));
	assert_int_equal(vexfs_log_pending(&l.dev, &l.super), 1);
	assert_int_equal(vexfs_log_finish(&l.dev, &l.super), 0);
	assert_true(holds(&l, l.want, false));
	assert_int_equal(vexfs_log_pending(&l.dev, &l.super), 0);
	assert_int_equal(vexfs_log_finish(&l.dev, &l.super), 0);
	vexfs_dev_drop(&l.dev);
	/* what is left of the transaction is not replayed again */
	assert_int_equal(replay(&l, &done), 0);
	assert_int_equal(done.transactions, 0);
	log_close(&l);
}

static void revoked_blocks_stay_away(void **state)
{
	struct vexfs_log_replayed done;
	struct log l;

	(void)state;
	log_open(&l, 1, ~0u);		/* and sequence numbers wrap */
	put_blocks(&l, TARGET, 4, 1, false);
	put_commit(&l);
	put_revoke(&l, TARGET + 1, 24);
	put_commit(&l);
	put_revoke(&l, TARGET + 2, 24);
	put_commit(&l);
	put_blocks(&l, TARGET + 2, 1, 5, false);
	put_commit(&l);
	l.want[1] = 0;
	assert_int_equal(replay(&l, &done), 0);
	assert_int_equal(done.transactions, 4);
	assert_int_equal(done.revoked, 2);
	assert_int_equal(done.blocks, 3);
	assert_true(holds(&l, l.want, true));
	log_close(&l);
}

/*
 * Five transactions across the end of the ring, cut after every block: whole transactions come
 * back, and no more.
 */
static void torn_tails(void **state)
{
	__u32 end[6] = { 0 }, begin = 0, blocks = 0, cut, i;
	__u32 want[6][TARGETS] = { 0 };
	char zero[VEXFS_BLOCK_SIZE] = "";
	struct vexfs_log_replayed done;
	struct log l;

	(void)state;
	for (cut = ~0u; cut == ~0u || cut <= blocks; cut++) {
		log_open(&l, VEXFS_MIN_JOURNAL - 9, 100);
		begin = l.at;
		for (i = 1; i <= 5; i++) {
			put_blocks(&l, TARGET + i * 3, 5, i, i == 3);
			if (i == 4)
				put_revoke(&l, TARGET + 60, 24);
			put_commit(&l);
			end[i] = (l.at + l.size - 1 - begin) % (l.size - 1);
			memcpy(want[i], l.want, sizeof(l.want));
		}
		blocks = end[5];
		if (cut != ~0u) {
			l.at = begin;
			for (i = cut; i < blocks; i++)
				assert_int_equal(vexfs_dev_write(&l.dev, here(&l, i), zero), 0);
		}
		for (i = 5; i && end[i] > cut; i--)
			;
		assert_int_equal(replay(&l, &done), 0);
		assert_int_equal(done.transactions, i);
		assert_true(holds(&l, want[i], true));
		log_close(&l);
	}
	assert_int_equal(blocks, 5 * 7 + 1);
}

/* A bit that is wrong, anywhere: refused, or fewer transactions, and never another content. */
static void damage(void **state)
{
	__u32 want[4][TARGETS] = { 0 }, i, k, refused = 0;
	__u8 b[VEXFS_BLOCK_SIZE];
	struct vexfs_log_replayed done;
	struct log l;
	int err;

	(void)state;
	log_open(&l, 1, 1);
	for (i = 1; i <= 3; i++) {
		put_blocks(&l, TARGET + i, 3, i, i == 2);
		put_revoke(&l, TARGET + 50, 24);
		put_commit(&l);
		memcpy(want[i], l.want, sizeof(l.want));
	}
	for (i = 0; i < 3 * 6; i++)
		for (k = 0; k < VEXFS_BLOCK_SIZE; k += k < 64 ? 1 : 61) {
			assert_int_equal(vexfs_dev_read(&l.dev, l.start + 1 + i, b), 0);
			b[k] ^= 1 << i % 8;
			assert_int_equal(vexfs_dev_write(&l.dev, l.start + 1 + i, b), 0);
			err = replay(&l, &done);
			if (err) {
				assert_int_equal(err, -EUCLEAN);
				assert_true(holds(&l, zeros, true));
				refused++;
			} else {
				assert_in_range(done.transactions, 0, 2);
				assert_true(holds(&l, want[done.transactions], true));
			}
			vexfs_dev_drop(&l.dev);
			b[k] ^= 1 << i % 8;
			assert_int_equal(vexfs_dev_write(&l.dev, l.start + 1 + i, b), 0);
		}
	assert_true(refused > 1000);
	assert_int_equal(replay(&l, &done), 0);
	assert_int_equal(done.transactions, 3);
	log_close(&l);
}

static int salvage(struct log *l, struct vexfs_log_replayed *done)
{
	const char *why = NULL;
	int err = vexfs_log_salvage(&l->dev, &l->super, done, &why);

	assert_true((why != NULL) == (err == -EUCLEAN || err == -EOPNOTSUPP));
	return err;
}

/*
 * Of a log that is damaged anywhere the repair gets what lies before the damage, all of it, and how
 * many transactions there were behind; and none of those is ever taken for a later one.
 */
static void damage_in_the_middle(void **state)
{
	__u32 want[6][TARGETS] = { 0 }, i, k, whole;
	struct vexfs_log_replayed done;
	__u8 b[VEXFS_BLOCK_SIZE], was[VEXFS_BLOCK_SIZE];
	struct jbd2_super j;
	struct log l;
	bool quiet;

	(void)state;
	log_open(&l, VEXFS_MIN_JOURNAL - 9, ~0u - 1);
	j = l.j;
	for (i = 1; i <= 5; i++) {		/* a descriptor, two copies, what is revoked, a commit */
		put_blocks(&l, TARGET + i, 2, i, i == 2);
		put_revoke(&l, TARGET + 50, 24);
		put_commit(&l);
		memcpy(want[i], l.want, sizeof(l.want));
	}
	l.at = VEXFS_MIN_JOURNAL - 9;
	for (i = 0; i < 5 * 5; i++)
		for (k = 0; k < VEXFS_BLOCK_SIZE; k += k < 64 ? 3 : 509) {
			whole = i / 5;
			assert_int_equal(vexfs_dev_read(&l.dev, here(&l, i), b), 0);
			memcpy(was, b, sizeof(b));
			b[k] ^= 1 << i % 8;
			assert_int_equal(vexfs_dev_write(&l.dev, here(&l, i), b), 0);
			/* its last commit block is what a power cut may leave; else a head that is none hides the rest */
			quiet = !replay(&l, &done);
			assert_true(!quiet || i == 24 || k < 12);
			if (quiet)
				assert_int_equal(done.transactions, whole);
			if (quiet && whole < 4)
				assert_true(done.lost >= 4 - whole);
			vexfs_dev_drop(&l.dev);
			assert_int_equal(salvage(&l, &done), 0);
			assert_int_equal(done.transactions, whole);
			assert_int_equal(done.lost, i == 24 ? 0 : 5 - whole);
			assert_true(holds(&l, want[whole], true));
			vexfs_dev_drop(&l.dev);
			memcpy(b, was, sizeof(b));
			assert_int_equal(vexfs_dev_write(&l.dev, here(&l, i), b), 0);
		}
	/* a commit block is damaged, those after it are not: as jbd2, and then it is empty */
	assert_int_equal(vexfs_dev_read(&l.dev, here(&l, 9), b), 0);
	b[100] ^= 1;
	assert_int_equal(vexfs_dev_write(&l.dev, here(&l, 9), b), 0);
	assert_int_equal(salvage(&l, &done), 0);
	assert_int_equal(done.transactions, 1);
	assert_int_equal(done.lost, 4);
	assert_int_equal(vexfs_log_empty(&l.dev, &l.super, done.lost), 0);
	assert_true(holds(&l, want[1], false));
	assert_int_equal(vexfs_dev_read(&l.dev, l.start, b), 0);
	assert_int_equal(be32toh(((struct jbd2_super *)b)->s_sequence),
			 be32toh(j.s_sequence) + 5 + 1);
	log_close(&l);
}

/* A copy that nobody wants any more may be damaged, but not if who revoked it is lost. */
static void damage_that_was_revoked(void **state)
{
	struct vexfs_log_replayed done;
	__u8 b[VEXFS_BLOCK_SIZE];
	struct log l;
	__u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		log_open(&l, 1, 1);
		put_blocks(&l, TARGET, 1, 1, false);
		put_commit(&l);
		put_blocks(&l, TARGET + 1, 1, 2, false);
		put_commit(&l);
		put_revoke(&l, TARGET, 24);
		put_commit(&l);
		assert_int_equal(vexfs_dev_read(&l.dev, l.start + 2, b), 0);
		b[99] ^= 1;
		assert_int_equal(vexfs_dev_write(&l.dev, l.start + 2, b), 0);
		assert_int_equal(vexfs_dev_read(&l.dev, l.start + 5, b), 0);
		b[99] ^= i;			/* of the second */
		assert_int_equal(vexfs_dev_write(&l.dev, l.start + 5, b), 0);
		assert_int_equal(salvage(&l, &done), 0);
		assert_int_equal(done.transactions, i ? 0 : 3);
		assert_int_equal(done.lost, i ? 3 : 0);
		l.want[0] = 0;
		assert_true(holds(&l, i ? zeros : l.want, true));
		log_close(&l);
	}
}

/* Its checksums are right, and what it says is not. */
static void hostile(void **state)
{
	static const __u64 bad[] = { BLOCKS, 1ULL << 40, ~0ULL };
	struct vexfs_log_replayed done;
	struct log l;
	__u32 i;

	(void)state;
	for (i = 0; i <= ARRAY_SIZE(bad); i++) {
		log_open(&l, 1, 1);
		put_blocks(&l, i < ARRAY_SIZE(bad) ? bad[i] : l.start, 1, 1, false);
		put_commit(&l);
		assert_int_equal(replay(&l, NULL), -EUCLEAN);
		vexfs_dev_drop(&l.dev);
		assert_int_equal(salvage(&l, &done), 0);
		assert_int_equal(done.transactions, 0);
		log_close(&l);
	}
	for (i = 0; i < 4; i++) {
		log_open(&l, 1, 1);
		put_revoke(&l, TARGET, (const __u32[]){ 0, 15, 17, 4097 }[i]);
		put_commit(&l);
		assert_int_equal(replay(&l, NULL), -EUCLEAN);
		assert_int_equal(salvage(&l, &done), 0);
		assert_int_equal(done.transactions, 0);
		assert_int_equal(done.lost, 1);
		log_close(&l);
	}
	log_open(&l, 1, 1);			/* a ring of one transaction that never ends */
	for (i = 0; i < l.size; i++)
		put_revoke(&l, TARGET, 24);
	assert_int_equal(replay(&l, NULL), -EUCLEAN);
	assert_int_equal(salvage(&l, &done), 0);
	assert_int_equal(done.transactions, 0);
	log_close(&l);

	log_open(&l, 1, 1);
	put_blocks(&l, TARGET, 1, 1, false);
	put_commit(&l);
	for (i = 0; i < 7; i++) {
		struct jbd2_super was = l.j;

		switch (i) {
		case 0: l.j.s_blocksize = htobe32(1024); break;
		case 1: l.j.s_maxlen = htobe32(l.size + 1); break;
		case 2: l.j.s_first = 0; break;
		case 3: l.j.s_first = l.j.s_maxlen; break;
		case 4: l.j.s_start = l.j.s_maxlen; break;
		case 5: l.j.s_maxlen = 0; break;
		case 6: l.j.s_feature_incompat |= htobe32(0x20); break;
		}
		put_super(&l);
		assert_int_equal(replay(&l, NULL), i == 6 ? -EOPNOTSUPP : -EUCLEAN);
		assert_int_equal(vexfs_log_finish(&l.dev, &l.super),
				 i == 6 ? -EOPNOTSUPP : -EUCLEAN);
		l.j = was;
	}
	put_super(&l);
	assert_int_equal(replay(&l, NULL), 0);
	log_close(&l);
}

/*
 * The n-th read, write or allocation fails: that is an error, the log stays, and the next try
 * succeeds.
 */
static void failing_device(void **state)
{
	enum vexfs_fault what;
	unsigned int n, met = 0;
	struct log l;
	int err;

	(void)state;
	for (what = 0; what < VEXFS_FAULT_TXN; what++)
		for (n = 1;; n++) {
			log_open(&l, 1, 1);
			put_blocks(&l, TARGET, 3, 1, false);
			put_revoke(&l, TARGET + 9, 24);
			put_commit(&l);
			vexfs_fault_set(what, n);
			err = replay(&l, NULL) ?: vexfs_log_finish(&l.dev, &l.super);
			if (!vexfs_fault_met()) {
				assert_int_equal(err, 0);
				log_close(&l);
				break;
			}
			met++;
			assert_int_equal(err, what == VEXFS_FAULT_ALLOC ? -ENOMEM : -EIO);
			/* the last flush is that of an empty log */
			assert_in_range(vexfs_log_pending(&l.dev, &l.super),
					what != VEXFS_FAULT_FLUSH || n == 1, 1);
			vexfs_dev_drop(&l.dev);
			assert_int_equal(replay(&l, NULL), 0);
			assert_int_equal(vexfs_log_finish(&l.dev, &l.super), 0);
			assert_true(holds(&l, l.want, false));
			log_close(&l);
		}
	assert_true(met > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_log),
		cmocka_unit_test(nothing_is_written_before_the_end),
		cmocka_unit_test(revoked_blocks_stay_away),
		cmocka_unit_test(torn_tails),
		cmocka_unit_test(damage),
		cmocka_unit_test(damage_in_the_middle),
		cmocka_unit_test(damage_that_was_revoked),
		cmocka_unit_test(hostile),
		cmocka_unit_test(failing_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
