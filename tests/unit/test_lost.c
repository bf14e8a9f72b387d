// SPDX-License-Identifier: GPL-2.0
/*
 * Records that cannot be trusted: the collection is there without them, says so, may be changed, and
 * is whole again after a repair.
 */
#define _GNU_SOURCE
#include <platform/host.h>

#include "mended.h"
#include "mount.h"

#define SLOT 100u /* the one that is damaged, mostly; ids are slots + 1 */
#define IN_BLOCK (VEXFS_BLOCK_SIZE / (__u32)sizeof(struct vexfs_record))
#define LIVE (RICH_RECORDS - RICH_DEAD)

static struct mount m;
static struct vexfs_dev dev;
static __u64 broken_block; /* that cannot be read, 0: none */
static char heard[1 << 16];

static bool unreadable(struct vexfs_dev *d, __u64 block)
{
	(void)d;
	return broken_block && block == broken_block;
}

static void hear(void *arg, const char *line)
{
	size_t n = strlen(heard);

	(void)arg;
	snprintf(heard + n, sizeof(heard) - n, "%s\n", line);
}

static void open_image(void)
{
	const char *why;

	heard[0] = '\0';
	rich_open(&rich, &dev);
	dev.quiet = true;
	dev.unreadable = unreadable;
	assert_int_equal(vexfs_image_mount(&dev, 0, &m.image, &why), 0);
	VEXFS_SB(vexfs_image_sb(m.image))->hear = hear;
	mount_open_c(&m);
}

/* --- kinds of damage --- */

static void flags(struct vexfs_record *r)
{
	r->r_flags = cpu_to_le32(64);
}
static void no_seq(struct vexfs_record *r)
{
	r->r_seq = 0;
}
static void early(struct vexfs_record *r)
{
	r->r_seq = cpu_to_le64(1);
}
static void late(struct vexfs_record *r)
{
	le32_add_cpu((__le32 *)&r->r_seq, 700);
}
static void beyond(struct vexfs_record *r)
{
	r->r_seq = cpu_to_le64(1ULL << 60);
}
static void earlier_id(struct vexfs_record *r)
{
	r->r_id = cpu_to_le64(51);
}
static void later_id(struct vexfs_record *r)
{
	r->r_id = cpu_to_le64(201);
}
static void word(struct vexfs_record *r)
{
	r->r_attr[1] = cpu_to_le64(4000);
}
static void attr(struct vexfs_record *r)
{
	r->r_attr[5] = cpu_to_le64(1);
}
static void nowhere(struct vexfs_record *r)
{
	r->r_flags = cpu_to_le32(VEXFS_RECORD_BOUND);
	r->r_file = cpu_to_le64(3);
}
static void bad_key(struct vexfs_record *r)
{
	r->r_flags = cpu_to_le32(VEXFS_RECORD_KEYED);
	r->r_key = cpu_to_le64((1ULL << 50) << 8 | 5);
}
static void other_key(struct vexfs_record *r)
{
	r->r_flags = cpu_to_le32(VEXFS_RECORD_KEYED);
	r->r_key = mended_record(1410)->r_key;
}
static void sector(struct vexfs_record *r)
{
	memset(r, 0, 4 * sizeof(*r));
}
static void noise(struct vexfs_record *r)
{
	mended_scribble((__u8 *)(r - SLOT % IN_BLOCK), VEXFS_BLOCK_SIZE);
}
/* A block that was written to the place of another one: each record in it is in order. */
static void misplaced(struct vexfs_record *r)
{
	memcpy(r - SLOT % IN_BLOCK, mended_record(10 * IN_BLOCK), VEXFS_BLOCK_SIZE);
}

#define BLOCK (SLOT / IN_BLOCK * IN_BLOCK)

static const struct {
	const char *name;
	void (*damage)(struct vexfs_record *r);
	bool sealed; /* its checksum is right */
	__u32 from, to; /* slots that are lost by that */
	int finding;
	const char *says;
} kinds[] = {
	{ "flags", flags, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "a field" },
	{ "no number", no_seq, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "a field" },
	{ "early", early, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "not what was" },
	{ "late", late, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "not what was" },
	{ "beyond", beyond, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "a field" },
	{ "an earlier id", earlier_id, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "not what" },
	{ "a later id", later_id, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "not what was" },
	{ "word", word, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "a keyword" },
	{ "attribute", attr, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "a field" },
	{ "nowhere", nowhere, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "no inode" },
	{ "a bad key", bad_key, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_KEY, "a bad key" },
	{ "another's key", other_key, false, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_TORN, "not what" },
	{ "sector", sector, false, SLOT, SLOT + 4, VEXFS_FOUND_RECORD_TORN, "a field" },
	{ "noise", noise, false, BLOCK, BLOCK + IN_BLOCK, VEXFS_FOUND_RECORD_TORN, "a field" },
	{ "misplaced", misplaced, false, BLOCK, BLOCK + IN_BLOCK, VEXFS_FOUND_RECORD_TORN,
	  "not what" },
	{ "flags, sealed", flags, true, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_FIELDS, "a field" },
	{ "early, sealed", early, true, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_FIELDS, "not in order" },
	{ "late, sealed", late, true, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_FIELDS, "not in order" },
	{ "later id, sealed", later_id, true, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_FIELDS,
	  "has its id" },
	{ "word, sealed", word, true, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_WORD, "a keyword" },
	{ "attribute, sealed", attr, true, SLOT, SLOT + 1, VEXFS_FOUND_RECORD_FIELDS, "a field" },
	{ "nowhere, sealed", nowhere, true, SLOT, SLOT + 1, VEXFS_FOUND_BINDING, "no inode" },
};

/* --- what there is --- */

/* Ids that are their vectors' nearest: not where a record says that it is another one's. */
static void all_but(__u32 from, __u32 to, bool got)
{
	struct vexfs_item item;
	__u32 slot;

	for (slot = 0; slot < LIVE; slot += 1 + chance(10)) {
		if (slot >= from && slot < to)
			continue;
		assert_int_equal(get_id(&m, slot + 1, &item), 0);
		assert_int_equal(item.slot, slot);
		assert_true(is_found(&m, slot + 1));
	}
	for (slot = from; !got && slot < to; slot++)
		assert_int_equal(get_id(&m, slot + 1, &item), -ENOENT);
}

static __u32 truncated(__u64 id, const struct vexfs_predicate_node *where)
{
	struct vexfs_hit hit[10];
	float v[DIMS];
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.flags = VEXFS_SEARCH_EXACT,
		.k = 10,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)hit,
		.where = (uintptr_t)where,
		.where_nodes = where ? 1 : 0,
	};

	vector_of(id, v);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &s), 0);
	return s.truncated;
}

/* A list names each of them by its slot; who does not ask for damaged ones gets an error. */
static void listed(__u32 from, __u32 to)
{
	static struct vexfs_item items[RICH_RECORDS];
	struct vexfs_ioc_list arg = {
		.size = sizeof(arg),
		.n = RICH_RECORDS,
		.items = (uintptr_t)items,
	};
	__u32 i, lost = 0;

	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_LIST, &arg), -EUCLEAN);
	arg.flags = VEXFS_LIST_DAMAGED;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_LIST, &arg), 0);
	for (i = 0; i < arg.n; i++) {
		bool is = items[i].slot >= from && items[i].slot < to;

		assert_int_equal(items[i].flags & (VEXFS_ITEM_DAMAGED | VEXFS_ITEM_LOST),
				 is ? VEXFS_ITEM_DAMAGED | VEXFS_ITEM_LOST : 0);
		lost += is;
	}
	assert_int_equal(lost, to - from);
}

static __u64 insert_auto(void)
{
	__s64 attrs[2] = {};
	__u64 id = 0;
	float row[DIMS];
	struct vexfs_ioc_insert arg = {
		.size = sizeof(arg),
		.flags = VEXFS_INSERT_AUTO_ID,
		.n = 1,
		.row_bytes = sizeof(row),
		.rows = (uintptr_t)row,
		.ids = (uintptr_t)&id,
		.attrs = (uintptr_t)attrs,
	};

	vector_of(50000, row);
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_INSERT, &arg), 0);
	return id;
}

static void lost_are(__u32 from, __u32 to)
{
	static const struct vexfs_predicate_node first = { .op = VEXFS_PRED_LT, .value = 5 };
	struct vexfs_ioc_info info = info_of(&m);
	struct vexfs_hit hit[10];

	assert_int_equal(info.damaged, to - from);
	assert_int_equal(info.live, LIVE + RICH_BOUND);
	assert_int_equal(truncated(700, NULL), VEXFS_TRUNC_DAMAGED);
	/* it is not known whether they would match */
	assert_int_equal(truncated(700, &first), VEXFS_TRUNC_DAMAGED);
	assert_int_equal(search_id(&m, 700, 10, "before", hit), 10);
	listed(from, to);
}

static void one_kind(unsigned int i)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	__u32 from = kinds[i].from, to = kinds[i].to, n;
	struct vexfs_item item;
	static struct found f;
	char line[40];

	nothing_broken();
	kinds[i].damage(mended_record(SLOT));
	if (kinds[i].sealed)
		mended_seal(SLOT);
	open_image();
	snprintf(line, sizeof(line), "slot %u is damaged", from);
	lost_are(from, to);
	assert_non_null(strstr(heard, line));
	assert_non_null(strstr(heard, kinds[i].says));
	for (n = 0; (heard[0] = '\0', n < 2); n++)
		all_but(from, to, false);
	/* it may be changed: what was lost is inserted again, and ids go on behind all others */
	assert_int_equal(insert_some(&m, from + 1, to - from, 0), 0);
	assert_true(insert_auto() > 10000 + RICH_BOUND);
	assert_int_equal(delete_id(&m, 10000 + RICH_BOUND), 0); /* no snapshot has it */
	/* nothing is left behind */
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), -EUCLEAN);
	mount_close(&m);
	open_image();
	assert_int_equal(info_of(&m).damaged, to - from);
	assert_int_equal(get_id(&m, 10000 + RICH_BOUND, &item), -ENOENT);
	assert_true(is_found(&m, from + 1));
	mount_close(&m);
	assert_int_equal(mended_check(&f), 0);
	assert_true(f.errors > 0 && f.nr[kinds[i].finding]);
	assert_int_equal(mended_repair(0, -1), 0);
	assert_null(mended_wrong(true));
	open_image();
	n = info_of(&m).damaged;
	assert_int_equal(n, 0);
	assert_int_equal(truncated(700, NULL), 0);
	for (n = from; n < to; n++)
		assert_true(is_found(&m, n + 1));
	compact.after = 0;
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_COMPACT, &compact), 0);
	mount_close(&m);
	rich_back(&rich);
}

static void each_kind(void **state)
{
	unsigned int i;

	(void)state;
	chance_seed(5);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		printf("# %s\n", kinds[i].name);
		one_kind(i);
	}
}

/* Two that verify have one id: the later one is there, for the loader and for the repair. */
static void twins(void **state)
{
	struct vexfs_item item;
	unsigned int i;

	(void)state;
	nothing_broken();
	earlier_id(mended_record(SLOT));
	mended_seal(SLOT);
	for (i = 0; i < 2; i++) {
		open_image();
		assert_int_equal(info_of(&m).damaged, !i);
		assert_int_equal(get_id(&m, 51, &item), 0);
		assert_int_equal(item.slot, SLOT);
		assert_int_equal(get_id(&m, SLOT + 1, &item), -ENOENT);
		if (!i)
			listed(50, 51);
		mount_close(&m);
		assert_int_equal(mended_repair(0, -1), 0);
		assert_null(mended_wrong(true));
	}
	rich_back(&rich);
}

/* A block that cannot be read, and then can: what was inserted meanwhile holds. */
static void unread(void **state)
{
	struct vexfs_item item;
	__u64 id;

	(void)state;
	broken_block = rich.records + SLOT / IN_BLOCK;
	open_image();
	lost_are(BLOCK, BLOCK + IN_BLOCK);
	assert_non_null(strstr(heard, "cannot be read"));
	all_but(BLOCK, BLOCK + IN_BLOCK, false);
	assert_int_equal(insert_one(&m, SLOT + 1, NULL, NULL, -1, 0), 0);
	id = insert_auto();
	assert_true(id > 10000 + RICH_BOUND);
	mount_close(&m);
	broken_block = 0;
	open_image();
	assert_int_equal(info_of(&m).damaged, 1);
	assert_non_null(strstr(heard, "a later record has its id"));
	assert_int_equal(get_id(&m, SLOT + 1, &item), 0);
	assert_int_equal(item.slot, RICH_RECORDS + RICH_BOUND);
	all_but(SLOT, SLOT + 1, true);
	mount_close(&m);
	assert_int_equal(mended_repair(0, -1), 0);
	assert_null(mended_wrong(true));
	rich_back(&rich);
}

/* One that is dead, in a snapshot alone: it is missed there, and nowhere else. */
static void dead(void **state)
{
	struct vexfs_ioc_search s;
	struct vexfs_hit hit[10];
	float v[DIMS];

	(void)state;
	nothing_broken();
	no_seq(mended_record(RICH_RECORDS - 5));
	open_image();
	assert_int_equal(info_of(&m).damaged, 1);
	assert_int_equal(truncated(700, NULL), 0);
	all_but(LIVE, LIVE, false);
	vector_of(700, v);
	s = (struct vexfs_ioc_search){
		.size = sizeof(s),
		.k = 10,
		.vector_bytes = sizeof(v),
		.vector = (uintptr_t)v,
		.hits = (uintptr_t)hit,
		.snapshot = "before",
		.flags = VEXFS_SEARCH_EXACT,
	};
	assert_int_equal(vexfs_file_ioctl(m.c, VEXFS_IOC_SEARCH, &s), 0);
	assert_int_equal(s.truncated, VEXFS_TRUNC_DAMAGED);
	mount_close(&m);
	assert_int_equal(mended_repair(0, -1), 0);
	assert_null(mended_wrong(false));
	rich_back(&rich);
}

/*
 * The inode of a file is damaged, of one that has records of another one that it has replaced, too: its
 * records are lost, and there again when the repair has found the inode to be good but for its checksum.
 */
static void file(void **state)
{
	static const char *const paths[] = { "/c/doc2", "/c/doc1" };
	const __u64 first[] = { 10002, 10001 };
	__u32 slot, n, i;
	struct vexfs_item item;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		nothing_broken();
		broken_ino = rich_ino(&rich, paths[i]);
		slot = (broken_ino - 1) % VEXFS_INODES_PER_BLOCK;
		((__u8 *)mended_hit(rich_table(&rich, broken_ino)))[slot * VEXFS_INODE_SIZE + 8] ^= 1;
		open_image();
		assert_int_equal(info_of(&m).damaged, 2);
		assert_int_equal(info_of(&m).live, LIVE + RICH_BOUND);
		assert_non_null(strstr(heard, "the inode of its file is damaged"));
		assert_int_equal(truncated(700, NULL), VEXFS_TRUNC_DAMAGED);
		all_but(0, 0, true);
		for (n = 0; n < RICH_BOUND; n++)
			assert_int_equal(get_id(&m, 10001 + n, &item),
					 n % 4 == (first[i] - 10001) % 4 ? -ENOENT : 0);
		mount_kill(&m);	/* nothing was written since the damage was found */
		assert_int_equal(mended_repair(0, -1), 0);
		assert_null(mended_wrong(false));
		open_image();
		n = info_of(&m).damaged;
		assert_int_equal(n, 0);
		for (n = 0; n < RICH_BOUND; n++)
			assert_int_equal(get_id(&m, 10001 + n, &item), 0);
		mount_close(&m);
		rich_back(&rich);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(twins),
		cmocka_unit_test(unread),
		cmocka_unit_test(dead),
		cmocka_unit_test(file),
	};

	return cmocka_run_group_tests_name("lost", tests, mended_make, mended_unmake);
}
