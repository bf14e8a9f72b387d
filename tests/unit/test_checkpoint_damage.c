// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Checkpoints that are damaged: that is told, a check finds it, and they are made anew; it costs no
 * record and no right answer.
 */
#include "stored.h"

/* --- damage --- */

/* The checkpoint as it is on the disk, while nobody has that mounted. */
struct image {
	__u64 ino, bytes;
	__u32 generation;
	__u64 *block;
	__u8 *was, *is;
	struct vexfs_fs fs;		/* for checksums */
};

static __u64 blocks_of(const struct image *k)
{
	return DIV_ROUND_UP_ULL(k->bytes, VEXFS_BLOCK_SIZE);
}

/* Mounted. */
static void find(struct image *k)
{
	struct inode *inode = coll()->body->checkpoint;
	struct vexfs_where w;
	__u64 i;

	k->ino = inode->i_ino;
	k->generation = inode->i_generation;
	k->bytes = i_size_read(inode);
	k->fs = sbi()->fs;
	k->block = calloc(blocks_of(k), sizeof(*k->block));
	k->was = calloc(blocks_of(k), VEXFS_BLOCK_SIZE);
	k->is = calloc(blocks_of(k), VEXFS_BLOCK_SIZE);
	for (i = 0; i < blocks_of(k); i++) {
		assert_int_equal(vexfs_locate(inode, i, 1, &w), 0);
		assert_true(w.written);
		k->block[i] = w.pblk;
	}
}

static void each_block(struct image *k, bool write)
{
	int fd = open(m.path, O_RDWR | O_CLOEXEC);
	__u64 i;
	ssize_t n;

	for (i = 0; i < blocks_of(k); i++) {
		__u8 *at = k->is + i * VEXFS_BLOCK_SIZE;
		off_t pos = k->block[i] << VEXFS_BLOCK_SHIFT;

		n = write ? pwrite(fd, at, VEXFS_BLOCK_SIZE, pos) :
			    pread(fd, at, VEXFS_BLOCK_SIZE, pos);
		assert_int_equal(n, VEXFS_BLOCK_SIZE);
	}
	close(fd);
}

static void take(struct image *k)
{
	each_block(k, false);
	memcpy(k->was, k->is, blocks_of(k) * VEXFS_BLOCK_SIZE);
}

static void forget(struct image *k)
{
	free(k->block);
	free(k->was);
	free(k->is);
}

static struct vexfs_checkpoint *header(struct image *k)
{
	return (struct vexfs_checkpoint *)k->is;
}

/* Byte `at` of a stream, wherever its piece is. */
static __u8 *stream(struct image *k, __u32 which, __u64 at)
{
	const __u64 room = VEXFS_CHECKPOINT_PIECE - sizeof(struct vexfs_checkpoint_piece);
	__u64 codes = le64_to_cpu(((struct vexfs_checkpoint *)k->was)->h_codes), pos;

	pos = sizeof(struct vexfs_checkpoint);
	if (which == VEXFS_CHECKPOINT_LISTS)
		pos += codes + DIV_ROUND_UP_ULL(codes, room) * sizeof(struct vexfs_checkpoint_piece);
	return k->is + pos + at / room * VEXFS_CHECKPOINT_PIECE +
	       sizeof(struct vexfs_checkpoint_piece) + at % room;
}

/* What is in it is as its writer wanted it. */
static void stamp(struct image *k)
{
	struct vexfs_checkpoint *was = (struct vexfs_checkpoint *)k->was, *h = header(k);
	__u64 left[2] = { le64_to_cpu(was->h_codes), le64_to_cpu(was->h_lists) };
	__u64 pos = sizeof(*h);
	__u32 s;

	h->h_crc = cpu_to_le32(vexfs_csum(&k->fs, h, sizeof(*h), offsetof(typeof(*h), h_crc),
					  k->ino, k->generation, 0));
	for (s = 0; s < 2; s++)
		while (left[s]) {
			struct vexfs_checkpoint_piece *p = (void *)(k->is + pos);
			__u32 n = min_t(__u64, left[s], VEXFS_CHECKPOINT_PIECE - sizeof(*p));

			p->p_crc = cpu_to_le32(vexfs_csum(&k->fs, p, n + sizeof(*p), 0, k->ino,
							  k->generation, pos));
			pos += n + sizeof(*p);
			left[s] -= n;
		}
	assert_int_equal(pos, k->bytes);
}

static void put64(void *at, __u64 v)
{
	__le64 le = cpu_to_le64(v);

	memcpy(at, &le, sizeof(le));
}

static void put32(void *at, __u32 v)
{
	__le32 le = cpu_to_le32(v);

	memcpy(at, &le, sizeof(le));
}

#define CODES(field) stream(k, VEXFS_CHECKPOINT_CODES, offsetof(struct vexfs_checkpoint_codes, field))
#define LISTS(field) stream(k, VEXFS_CHECKPOINT_LISTS, offsetof(struct vexfs_checkpoint_lists, field))
#define PADDED 64u

static __u32 of_lists(struct image *k, size_t field)
{
	__le32 le;

	memcpy(&le, stream(k, VEXFS_CHECKPOINT_LISTS, field), sizeof(le));
	return le32_to_cpu(le);
}

/* Where the table of groups begins in the stream; that of the first list; its first block. */
static __u64 first_at(struct image *k)
{
	__u32 groups = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_groups));

	return sizeof(struct vexfs_checkpoint_lists) + (__u64)groups * (PADDED + 12);
}

static __u64 list_at(struct image *k)
{
	__u32 groups = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_groups));
	__u32 lists = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_lists));
	__u32 strays = of_lists(k, offsetof(struct vexfs_checkpoint_lists, l_strays));

	return first_at(k) + 4 * (groups + 1) + (__u64)lists * (PADDED + 12) + 8ULL * strays;
}

static __u8 *slot_at(struct image *k, __u32 row)
{
	__le32 rows;
	__u64 blocks;

	memcpy(&rows, stream(k, VEXFS_CHECKPOINT_LISTS, list_at(k)), sizeof(rows));
	blocks = (le32_to_cpu(rows) + VEXFS_CODE_BLOCK - 1) / VEXFS_CODE_BLOCK;
	return stream(k, VEXFS_CHECKPOINT_LISTS,
		      list_at(k) + 4 + blocks * vexfs_list_block_bytes(PADDED) +
			      row * (PADDED / 2 + sizeof(struct vexfs_rung2)) +
			      offsetof(struct vexfs_rung2, slot));
}

/* Each is stamped after that, so that nothing but sense tells it from a right one. */
struct wild {
	const char *what;
	void (*make)(struct image *k);
};

#define WILD(name, code) static void wild_##name(struct image *k) { code; }
WILD(magic, put32(&header(k)->h_magic, 5))
WILD(version, put32(&header(k)->h_version, VEXFS_CHECKPOINT_VERSION + 1))
WILD(dims, put32(&header(k)->h_dims, DIMS + 1))
WILD(metric, put32(&header(k)->h_metric, VEXFS_METRIC_COSINE))
WILD(uuid, header(k)->h_uuid[3] ^= 1)
WILD(epoch, put64(&header(k)->h_epoch, 1))
WILD(no_count, put64(&header(k)->h_count, 0))
WILD(count, put64(&header(k)->h_count, N + 1))
WILD(less, put64(&header(k)->h_count, N - 1))
WILD(most, put64(&header(k)->h_count, ~0ULL))
WILD(bytes, put64(&header(k)->h_bytes, k->bytes + 1))
WILD(codes, put64(&header(k)->h_codes, ~0ULL))
WILD(codes_less, put64(&header(k)->h_codes, 8))
WILD(lists, put64(&header(k)->h_lists, ~0ULL - 4096))
WILD(no_lists, put64(&header(k)->h_lists, 0))
WILD(piece, put32(k->is + sizeof(struct vexfs_checkpoint) + 4, 7))
WILD(stream, put32(k->is + sizeof(struct vexfs_checkpoint) + 8, VEXFS_CHECKPOINT_LISTS))
WILD(centred, put64(CODES(k_centred), 0))
WILD(centred_most, put64(CODES(k_centred), ~0ULL))
WILD(linked, put64(LISTS(l_linked), N + 1))
WILD(linked_less, put64(LISTS(l_linked), N - 1))
WILD(linked_most, put64(LISTS(l_linked), ~0ULL))
WILD(measured, put64(LISTS(l_measured), ~0ULL))
WILD(none, put32(LISTS(l_lists), 0))
WILD(many, put32(LISTS(l_lists), ~0u))
WILD(some, put32(LISTS(l_lists), 100000))
WILD(groups, put32(LISTS(l_groups), ~0u))
WILD(no_groups, put32(LISTS(l_groups), 0))
WILD(strays, put32(LISTS(l_strays), 1000))
WILD(many_strays, put32(LISTS(l_strays), ~0u))
WILD(axes, put32(LISTS(l_axes), 64))
WILD(odd_axes, put32(LISTS(l_axes), 1))
WILD(many_axes, put32(LISTS(l_axes), ~0u - 63))
WILD(table, put64(LISTS(l_near), ~0ULL))
WILD(table_end, put64(LISTS(l_near[VEXFS_CHECKPOINT_GRADES - 1]), ~0ULL >> 1))
WILD(slant, put32(LISTS(l_slant), 0x7fffffff))
WILD(order, put32(stream(k, VEXFS_CHECKPOINT_LISTS, first_at(k)), 1))
WILD(orders, put32(stream(k, VEXFS_CHECKPOINT_LISTS, first_at(k) + 4), ~0u))
WILD(rows, put32(stream(k, VEXFS_CHECKPOINT_LISTS, list_at(k)), ~0u))
WILD(no_rows, put32(stream(k, VEXFS_CHECKPOINT_LISTS, list_at(k)), 0))
WILD(slot, put32(slot_at(k, 0), N))
WILD(slots, put32(slot_at(k, 0), ~0u))
WILD(twice, memcpy(slot_at(k, 0), slot_at(k, 1), 4))

#define IT(name) { #name, wild_##name }
static const struct wild all_wilds[] = {
	IT(magic), IT(version), IT(dims), IT(metric), IT(uuid), IT(epoch), IT(no_count), IT(count),
	IT(less), IT(most), IT(bytes), IT(codes), IT(codes_less), IT(lists), IT(no_lists),
	IT(piece), IT(stream), IT(centred), IT(centred_most), IT(linked), IT(linked_less),
	IT(linked_most), IT(measured), IT(none), IT(many), IT(some), IT(groups), IT(no_groups),
	IT(strays), IT(many_strays), IT(axes), IT(odd_axes), IT(many_axes), IT(table), IT(table_end),
	IT(slant), IT(order), IT(orders), IT(rows), IT(no_rows),
	IT(slot), IT(slots), IT(twice),
};

static __u32 findings[1000];

static void finding(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	(void)arg, (void)fmt;
	findings[nr]++;
}

/* What fsck.vexfs finds: the checkpoint, and nothing else; or nothing. */
static void check_finds(bool damaged)
{
	struct vexfs_verify_opts opts = { .report = finding };
	struct vexfs_fs fs = { };
	struct vexfs_dev dev;
	__u32 i, n = 0;

	memset(findings, 0, sizeof(findings));
	assert_int_equal(vexfs_dev_open(&dev, m.path, O_RDONLY), 0);
	assert_int_equal(vexfs_super_read(&fs, &dev, dev.blocks), 0);
	assert_int_equal(vexfs_verify(&fs, &opts, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(findings); i++)
		n += findings[i];
	assert_int_equal(findings[VEXFS_FOUND_CHECKPOINT], damaged);
	assert_int_equal(n, damaged);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
}

/* It is dropped: answers are right, by a generation of its own, and nothing is written of that. */
static void dropped(struct image *k, const char *what)
{
	each_block(k, true);
	m.quiet = true;
	open_quietly(0);
	assert_int_equal(info_of(&m).checkpoint, N);
	right(1, N + 1);
	if (info_of(&m).checkpoint || !was_read(0))
		fail_msg("%s was believed", what);
	assert_int_equal(info_of(&m).coded, N);
	mount_kill(&m);
}

static void with_checkpoint(struct image *k)
{
	prepare(N);
	ask(7, 0);
	work();
	remount(0);
	find(k);
	mount_close(&m);
	take(k);
}

/* It is as it was, and is read. */
static void whole(struct image *k)
{
	memcpy(k->is, k->was, blocks_of(k) * VEXFS_BLOCK_SIZE);
	each_block(k, true);
	m.quiet = false;
	check_finds(false);
	open_quietly(0);
	right(1, N + 1);
	assert_true(was_read(N));
}

static void flipped(void **state)
{
	struct image k;
	__u64 at, end;
	__u32 i;

	(void)state;
	with_checkpoint(&k);
	for (i = 0; i < 24; i++) {
		end = i < 8 ? 80 : i < 12 ? 4096 + 40 : k.bytes;
		at = i < 8 ? i * 11 : i < 12 ? 4096 + (i - 8) * 4 : k.bytes - 1 -
			(k.bytes - 4200) * (i - 12) / 12;
		assert_true(at < end);
		memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
		k.is[at] ^= 1 << i % 8;
		each_block(&k, true);
		check_finds(true);
		dropped(&k, "a flipped bit");
	}
	/* blocks of zeros, and of something else */
	for (i = 0; i < 2; i++) {
		memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
		memset(k.is + (i ? blocks_of(&k) / 2 : 0) * VEXFS_BLOCK_SIZE, i ? 0 : 0x5a,
		       VEXFS_BLOCK_SIZE);
		each_block(&k, true);
		check_finds(true);
		dropped(&k, "another block");
	}
	whole(&k);
	forget(&k);
	finish();
}

static void wild(void **state)
{
	struct image k;
	__u32 i;

	(void)state;
	with_checkpoint(&k);
	for (i = 0; i < ARRAY_SIZE(all_wilds); i++) {
		memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
		all_wilds[i].make(&k);
		stamp(&k);
		assert_memory_not_equal(k.is, k.was, k.bytes);
		dropped(&k, all_wilds[i].what);
	}
	/* what stamps does no harm by itself */
	memcpy(k.is, k.was, blocks_of(&k) * VEXFS_BLOCK_SIZE);
	stamp(&k);
	assert_memory_equal(k.is, k.was, k.bytes);
	whole(&k);
	forget(&k);
	finish();
}

/* The next one takes the place of one that is damaged; as one does that cannot be read. */
static void replaced(void **state)
{
	struct image k;
	__u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		with_checkpoint(&k);
		m.quiet = true;
		if (!i) {
			k.is[5000] ^= 4;
			each_block(&k, true);
		}
		open_quietly(0);
		if (i)
			make_unreadable(k.block[blocks_of(&k) / 2]);
		right(1, N + 1);
		assert_int_equal(info_of(&m).checkpoint, 0);
		work();
		assert_int_equal(info_of(&m).checkpoint, N);
		assert_int_not_equal(coll()->body->checkpoint->i_ino, k.ino);
		sbi()->dev->unreadable = NULL;
		m.quiet = false;
		remount(0);
		assert_string_equal(ask(7, 0).strategy, "ivf");
		assert_true(was_read(N));
		forget(&k);
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flipped),
		cmocka_unit_test(wild),
		cmocka_unit_test(replaced),
	};

	chance_seed(41);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
