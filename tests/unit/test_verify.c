// SPDX-License-Identifier: GPL-2.0
/*
 * The check of collections: what is wrong with one is found, by its number, and what is wrong with
 * one hides nothing in another, nor in the rest.  All checksums are set right, but where the damage
 * is that they are not.
 */
#define _GNU_SOURCE
#include "mount.h"

#define TEXT_BYTES	4096

/* Of the collection /c: slots 0 .. 13, id and slot the same; slot 3 is dead in the snapshot too. */
#define DEAD		4
#define KEYED		10		/* with the word "red", too */
#define BOUND		12		/* to /c/file */
#define INHERITED	13		/* bound to /c/old, whose place /c/new has taken */
#define LIVE		12		/* of INHERITED + 1 slots */

struct world {
	struct mount m;
	__u64 ino, file, other;		/* /c, /c/file, /d: another collection */
	char copy[72];			/* of the image, to be damaged */
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	/* the check */
	unsigned int found[1000], n;
	char text[TEXT_BYTES];
	unsigned int collections, records;
};

/* --- the good one --- */

static __u64 ino_of(struct file *file)
{
	struct stat st;

	vexfs_file_stat(file, &st);
	return st.st_ino;
}

static void world_make(struct world *w)
{
	struct mount *m = &w->m;
	struct vexfs_ioc_snapshot s = { .size = sizeof(s), .op = VEXFS_SNAPSHOT_CREATE,
					.name = "one" };
	struct file *file, *old, *new, *d;

	mount_with_collection(m);
	w->ino = ino_of(m->c);
	assert_int_equal(insert_some(m, 0, KEYED, 0), 0);
	assert_int_equal(insert_one(m, KEYED, "key-a", "red", -1, 0), 0);
	assert_int_equal(insert_one(m, 11, "key-b", "blue", -1, 0), 0);
	file = file_open(m, "/c/file", "some bytes of it");
	old = file_open(m, "/c/old", "some bytes of it");
	new = file_open(m, "/c/new", "others");
	w->file = ino_of(file);
	assert_int_equal(insert_one(m, BOUND, NULL, NULL, number_of(file), 0), 0);
	assert_int_equal(insert_one(m, INHERITED, NULL, NULL, number_of(old), 0), 0);
	assert_int_equal(vexfs_file_sync(m->c), 0);
	assert_int_equal(vexfs_image_rename(m->image, "/c/new", "/c/old"), 0);
	assert_int_equal(delete_id(m, 3), 0);
	assert_int_equal(vexfs_file_ioctl(m->c, VEXFS_IOC_SNAPSHOT, &s), 0);
	assert_int_equal(delete_id(m, DEAD), 0);
	vexfs_file_close(file);
	vexfs_file_close(old);
	vexfs_file_close(new);
	numbers_forget();
	assert_int_equal(vexfs_image_mkdir(m->image, "/d", 0755), 0);
	d = vexfs_file_open(m->image, "/d", O_RDONLY | O_DIRECTORY, 0);
	assert_false(IS_ERR(d));
	w->other = ino_of(d);
	assert_int_equal(collection_create(d), 0);
	vexfs_file_close(d);
	mount_close(m);
	mount_check(m);
}

/* --- damage --- */

union block {
	__u8 byte[VEXFS_BLOCK_SIZE];
	struct vexfs_inode inode[VEXFS_INODES_PER_BLOCK];
	struct vexfs_collection col;
	struct vexfs_record record[VEXFS_BLOCK_SIZE / sizeof(struct vexfs_record)];
	struct vexfs_dead_block dead;
	struct vexfs_heir_block heirs;
};

static void begin(struct world *w)
{
	char command[256];

	snprintf(w->copy, sizeof(w->copy), "%s.bad", w->m.path);
	snprintf(command, sizeof(command), "cp --sparse=always %s %s", w->m.path, w->copy);
	assert_int_equal(system(command), 0);
	assert_int_equal(vexfs_dev_open(&w->dev, w->copy, O_RDWR), 0);
	w->dev.quiet = true;
	assert_int_equal(vexfs_super_read(&w->fs, &w->dev, w->dev.blocks), 0);
}

static void note(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	struct world *w = arg;
	size_t used = strlen(w->text);
	va_list ap;

	w->found[nr]++;
	w->n++;
	va_start(ap, fmt);
	vsnprintf(w->text + used, sizeof(w->text) - used, fmt, ap);
	va_end(ap);
	strncat(w->text, "\n", sizeof(w->text) - strlen(w->text) - 1);
}

/* Check it, and let it go. */
static void end(struct world *w)
{
	struct vexfs_verify_opts opts = { .report = note, .arg = w };
	struct vexfs_verify_counts counts = { };

	vexfs_dev_drop(&w->dev);
	memset(w->found, 0, sizeof(w->found));
	w->n = 0;
	w->text[0] = '\0';
	assert_int_equal(vexfs_verify(&w->fs, &opts, &counts), 0);
	w->collections = counts.collections;
	w->records = counts.records;
	vexfs_super_release(&w->fs);
	vexfs_dev_close(&w->dev);
	unlink(w->copy);
}

static struct vexfs_inode get_inode(struct world *w, __u64 ino)
{
	struct vexfs_inode raw;

	assert_int_equal(vexfs_inode_peek(&w->fs, ino, &raw), 0);
	return raw;
}

static void put_inode(struct world *w, __u64 ino, struct vexfs_inode *raw)
{
	__u32 g = (ino - 1) / w->fs.inodes_per_group, i = (ino - 1) % w->fs.inodes_per_group;
	__u64 block = vexfs_group_itable(&w->fs, g) + i / VEXFS_INODES_PER_BLOCK;
	union block b;

	raw->i_crc = cpu_to_le32(vexfs_csum(&w->fs, raw, sizeof(*raw),
					    offsetof(struct vexfs_inode, i_crc), ino,
					    le32_to_cpu(raw->i_generation), 0));
	assert_int_equal(vexfs_dev_read(&w->dev, block, &b), 0);
	b.inode[i % VEXFS_INODES_PER_BLOCK] = *raw;
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

static __u64 get_collection(struct world *w, union block *b)
{
	struct vexfs_inode dir = get_inode(w, w->ino);
	__u64 block = le64_to_cpu(dir.i_collection);

	assert_int_equal(vexfs_dev_read(&w->dev, block, b), 0);
	return block;
}

static void with_collection(struct world *w, void (*fn)(struct world *w, struct vexfs_collection *))
{
	struct vexfs_inode dir = get_inode(w, w->ino);
	union block b;
	__u64 block = get_collection(w, &b);

	fn(w, &b.col);
	b.col.c_crc = cpu_to_le32(vexfs_csum(&w->fs, &b, sizeof(b),
					     offsetof(struct vexfs_collection, c_crc), w->ino,
					     le32_to_cpu(dir.i_generation), block));
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

/* Block 0 of a plane, and where it is. */
static __u64 get_block(struct world *w, __le64 plane, union block *b)
{
	struct vexfs_inode raw = get_inode(w, le64_to_cpu(plane));
	__u64 block = le64_to_cpu(raw.i_extent[0].e_pblk);

	assert_int_equal(raw.i_extent[0].e_lblk, 0);
	assert_int_equal(vexfs_dev_read(&w->dev, block, b), 0);
	return block;
}

/* One that begins with magic and checksum. */
static void with_block(struct world *w, __le64 plane, void (*fn)(struct world *w, union block *b))
{
	struct vexfs_inode raw = get_inode(w, le64_to_cpu(plane));
	union block b;
	__u64 block = get_block(w, plane, &b);

	fn(w, &b);
	b.dead.x_crc = cpu_to_le32(vexfs_csum(&w->fs, &b, sizeof(b),
					      offsetof(struct vexfs_dead_block, x_crc),
					      le64_to_cpu(plane), le32_to_cpu(raw.i_generation),
					      0));
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

static void with_record(struct world *w, __u32 slot,
			void (*fn)(struct world *w, struct vexfs_record *r))
{
	__le64 le = cpu_to_le64(slot);
	union block col, b, keys;
	struct vexfs_record *r;
	float row[DIMS];
	__u64 block, key;
	__u32 crc;

	get_collection(w, &col);
	block = get_block(w, col.col.c_records, &b);
	r = b.record + slot;
	fn(w, r);
	vector_of(slot, row);
	crc = crc32c(~0u, col.col.c_uuid, sizeof(col.col.c_uuid));
	crc = crc32c(crc, &le, sizeof(le));
	crc = crc32c(crc, (char *)r + sizeof(r->r_crc), sizeof(*r) - sizeof(r->r_crc));
	crc = crc32c(crc, row, sizeof(row));
	key = le64_to_cpu(r->r_key);
	if (r->r_flags & cpu_to_le32(VEXFS_RECORD_KEYED) && key >> 8 < 100) {
		get_block(w, col.col.c_keys, &keys);
		crc = crc32c(crc, keys.byte + (key >> 8), key & 0xff);
	}
	r->r_crc = cpu_to_le32(crc);
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

/* A byte of a plane. */
static void flip(struct world *w, __le64 plane, __u32 at)
{
	union block b;
	__u64 block = get_block(w, plane, &b);

	b.byte[at] ^= 0x10;
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

/* The planes of the good one. */
static struct vexfs_collection planes(struct world *w)
{
	union block b;

	get_collection(w, &b);
	return b.col;
}

#define BEGIN(name, type) static void name(struct world *w, type *p) { (void)w;
#define ON_COLLECTION(name, ...) BEGIN(name, struct vexfs_collection) __VA_ARGS__; }
#define ON_RECORD(name, ...) BEGIN(name, struct vexfs_record) __VA_ARGS__; }
#define ON_BLOCK(name, ...) BEGIN(name, union block) __VA_ARGS__; }

ON_COLLECTION(no_dims, p->c_dims = 0)
ON_COLLECTION(other_rows, p->c_row_bytes = cpu_to_le32(16))
ON_COLLECTION(other_element, p->c_element = cpu_to_le16(VEXFS_ELEM_BIT))
ON_COLLECTION(no_vectors, p->c_vectors = cpu_to_le64(w->file))
ON_COLLECTION(one_plane, p->c_keys = p->c_records)
ON_COLLECTION(no_dead, p->c_dead = p->c_heirs)
ON_COLLECTION(more_records, p->c_count = cpu_to_le64(900000); p->c_live = p->c_count;
	      p->c_next_seq = cpu_to_le64(1000000))
ON_COLLECTION(more_keys, p->c_key_bytes = cpu_to_le64(1 << 20))
ON_COLLECTION(less_live, p->c_live = cpu_to_le64(le64_to_cpu(p->c_live) - 1))
ON_COLLECTION(more_words, p->c_word_bytes = cpu_to_le64(le64_to_cpu(p->c_word_bytes) + 5))
ON_COLLECTION(bad_snapshot, p->c_snapshot[0].n_name[0] = 'X')
ON_COLLECTION(long_snapshot, p->c_snapshot[0].n_count = cpu_to_le64(1000))
ON_COLLECTION(gap, p->c_snapshot[2] = p->c_snapshot[0])
ON_COLLECTION(any_bit, ((__u8 *)p)[chance(sizeof(*p))] ^= 1 << chance(8))
ON_BLOCK(dead_count, le32_add_cpu(&p->dead.x_dead, 1))
ON_BLOCK(dead_beyond, __set_bit_le(100, p->dead.x_bits); le32_add_cpu(&p->dead.x_dead, 1))
ON_BLOCK(own_heir, p->heirs.h_entry[0].h_heir = p->heirs.h_entry[0].h_ino;
	 p->heirs.h_entry[0].h_heir_generation = p->heirs.h_entry[0].h_generation)
ON_BLOCK(heir_there, p->heirs.h_entry[0].h_ino = cpu_to_le64(w->file);
	 p->heirs.h_entry[0].h_generation = get_inode(w, w->file).i_generation)
ON_BLOCK(heir_nowhere, p->heirs.h_entry[0].h_heir = cpu_to_le64(1ULL << 40))
ON_RECORD(no_seq, p->r_seq = 0)
ON_RECORD(late_seq, p->r_seq = cpu_to_le64(1ULL << 50))
ON_RECORD(odd_flags, p->r_flags |= cpu_to_le32(0x8000))
ON_RECORD(same_id, p->r_id = 0)
ON_RECORD(far_key, p->r_key = cpu_to_le64(1000 << 8 | 5))
ON_RECORD(same_key, p->r_key = cpu_to_le64(0 << 8 | 5))
ON_RECORD(odd_word, p->r_attr[1] = cpu_to_le64(99))
ON_RECORD(odd_attr, p->r_attr[5] = cpu_to_le64(1))
ON_RECORD(bare, p->r_file = cpu_to_le64(w->file))
ON_RECORD(nowhere, p->r_file = cpu_to_le64(1ULL << 40))
ON_RECORD(far, p->r_file_off = cpu_to_le64(INT64_MAX))
ON_RECORD(directory, p->r_file = cpu_to_le64(w->ino);
	  p->r_file_generation = get_inode(w, w->ino).i_generation)
ON_RECORD(later, p->r_file_change = cpu_to_le64(1000))

/* Its block, which does not verify then. */
static void break_collection(struct world *w)
{
	union block b;
	__u64 block = get_collection(w, &b);

	b.byte[500] ^= 1;
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

/* An inode of it, or of a file, that does not verify. */
static void break_inode(struct world *w, __u64 ino)
{
	__u32 g = (ino - 1) / w->fs.inodes_per_group, i = (ino - 1) % w->fs.inodes_per_group;
	__u64 block = vexfs_group_itable(&w->fs, g) + i / VEXFS_INODES_PER_BLOCK;
	union block b;

	assert_int_equal(vexfs_dev_read(&w->dev, block, &b), 0);
	b.inode[i % VEXFS_INODES_PER_BLOCK].i_size ^= 1;
	assert_int_equal(vexfs_dev_write(&w->dev, block, &b), 0);
}

static void unwritten(struct world *w, __le64 plane)
{
	struct vexfs_inode raw = get_inode(w, le64_to_cpu(plane));

	raw.i_extent[0].e_len |= cpu_to_le32(VEXFS_EXTENT_UNWRITTEN);
	put_inode(w, le64_to_cpu(plane), &raw);
}

static void unbind(struct world *w)
{
	struct vexfs_inode raw = get_inode(w, w->file);

	raw.i_flags &= cpu_to_le32(~VEXFS_INODE_BOUND);
	put_inode(w, w->file, &raw);
}

/* Another file has the number of the one that a record is bound to. */
static void replace(struct world *w)
{
	struct vexfs_inode raw = get_inode(w, w->file);

	raw.i_generation = cpu_to_le32(le32_to_cpu(raw.i_generation) + 1);
	put_inode(w, w->file, &raw);
}

static void move_out(struct world *w)
{
	struct vexfs_inode raw = get_inode(w, w->file);

	raw.i_collection = cpu_to_le64(w->other);
	put_inode(w, w->file, &raw);
}

static void show_plane(struct world *w, __le64 plane)
{
	struct vexfs_inode raw = get_inode(w, le64_to_cpu(plane));

	raw.i_parent = cpu_to_le64(w->other);
	raw.i_parent_generation = get_inode(w, w->other).i_generation;
	put_inode(w, le64_to_cpu(plane), &raw);
}

/* Damage it, and expect this number, so often (0: any), and this text. */
#define EXPECT(nr, times, say, damage)							\
	do {										\
		begin(w);								\
		damage;									\
		end(w);									\
		if (!w->found[nr] || (times && w->found[nr] != times) ||		\
		    !strstr(w->text, say))						\
			print_error("%s gives %u of %d:\n%s", #damage, w->found[nr], nr,	\
				    w->text);						\
		assert_true(w->found[nr]);						\
		if (times)								\
			assert_int_equal(w->found[nr], times);				\
		assert_non_null(strstr(w->text, say));					\
	} while (0)

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	world_make(w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(w->m.path);
	free(w);
	return 0;
}

static void test_good(void **state)
{
	(void)state;
	begin(w);
	end(w);
	assert_int_equal(w->n, 0);
	assert_int_equal(w->collections, 2);
	assert_int_equal(w->records, LIVE);
}

static void test_block(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_COLLECTION, 1, "bad checksum", break_collection(w));
	EXPECT(VEXFS_FOUND_COLLECTION, 1, "dims", with_collection(w, no_dims));
	EXPECT(VEXFS_FOUND_COLLECTION, 1, "rows of 16 bytes", with_collection(w, other_rows));
	EXPECT(VEXFS_FOUND_COLLECTION, 1, "another kind", with_collection(w, other_element));
	EXPECT(VEXFS_FOUND_SNAPSHOT, 1, "bad name", with_collection(w, bad_snapshot));
	EXPECT(VEXFS_FOUND_SNAPSHOT, 1, "count", with_collection(w, long_snapshot));
	EXPECT(VEXFS_FOUND_SNAPSHOT, 1, "a gap", with_collection(w, gap));
	EXPECT(VEXFS_FOUND_LIVE, 1, "12 records live, not 11", with_collection(w, less_live));
}

static void test_planes(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_PLANE, 1, "two planes", with_collection(w, one_plane));
	assert_int_equal(w->n, 2);	/* the other one is loose */
	EXPECT(VEXFS_FOUND_PLANE, 1, "", with_collection(w, no_vectors));
	assert_int_equal(w->found[VEXFS_FOUND_PLANE_LOOSE], 1);
	EXPECT(VEXFS_FOUND_PLANE, 1, "is not its records",
	       show_plane(w, planes(w).c_records));
	assert_int_equal(w->found[VEXFS_FOUND_PLANE_LOOSE], 1);
	EXPECT(VEXFS_FOUND_PLANE, 1, "is not its vectors plane",
	       break_inode(w, le64_to_cpu(planes(w).c_vectors)));
	EXPECT(VEXFS_FOUND_PLANE, 1, "two planes", with_collection(w, no_dead));
	EXPECT(VEXFS_FOUND_PLANE_SHORT, 1, "shorter than", with_collection(w, more_records));
	EXPECT(VEXFS_FOUND_PLANE_SHORT, 1, "keys plane is shorter", with_collection(w, more_keys));
}

static void test_dead(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_DEAD, 1, "does not match", with_block(w, planes(w).c_dead, dead_count));
	EXPECT(VEXFS_FOUND_DEAD, 1, "beyond the count",
	       with_block(w, planes(w).c_dead, dead_beyond));
	EXPECT(VEXFS_FOUND_DEAD, 1, "bad checksum", flip(w, planes(w).c_dead, 20));
	EXPECT(VEXFS_FOUND_DEAD, 1, "bad checksum",
	       flip(w, planes(w).c_snapshot[0].n_dead_ino, 20));
	EXPECT(VEXFS_FOUND_DEAD, 1, "snapshot one: slots beyond the count",
	       with_block(w, planes(w).c_snapshot[0].n_dead_ino, dead_beyond));
}

static void test_words(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_WORD, 1, "the word at byte 0 has a bad checksum",
	       flip(w, planes(w).c_words, 9));
	EXPECT(VEXFS_FOUND_PLANE_SHORT, 1, "words plane", with_collection(w, more_words));
	EXPECT(VEXFS_FOUND_RECORD_WORD, 1, "record 11", with_record(w, 11, odd_word));
}

static void test_heirs(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_HEIRS, 1, "does not verify", flip(w, planes(w).c_heirs, 100));
	EXPECT(VEXFS_FOUND_HEIRS, 1, "its own heir", with_block(w, planes(w).c_heirs, own_heir));
	EXPECT(VEXFS_FOUND_HEIRS, 1, "has an heir, and is there",
	       with_block(w, planes(w).c_heirs, heir_there));
	EXPECT(VEXFS_FOUND_HEIRS, 1, "out of range",
	       with_block(w, planes(w).c_heirs, heir_nowhere));
}

static void test_records(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_RECORD_TORN, 1, "record 2 is torn",
	       flip(w, planes(w).c_vectors, 2 * DIMS * 4 + 1));
	EXPECT(VEXFS_FOUND_RECORD_TORN, 1, "record 5 is torn",
	       flip(w, planes(w).c_records, 5 * sizeof(struct vexfs_record) + 24));
	assert_int_equal(w->n, 1);	/* and that is all that is said of it */
	EXPECT(VEXFS_FOUND_RECORD_TORN, 1, "record 10 is torn", flip(w, planes(w).c_keys, 2));
	EXPECT(VEXFS_FOUND_RECORD_TORN, 2, "record 7 is torn",
	       flip(w, planes(w).c_vectors, 2 * DIMS * 4 + 1);
	       flip(w, planes(w).c_records, 7 * sizeof(struct vexfs_record) + 4));
	/* the row of record 0 is all zeros */
	EXPECT(VEXFS_FOUND_RECORD_MISSING, INHERITED, "record 13 was never written",
	       unwritten(w, planes(w).c_vectors));
	EXPECT(VEXFS_FOUND_RECORD_MISSING, 1, "records 0 to 13 were never written",
	       unwritten(w, planes(w).c_records));
	EXPECT(VEXFS_FOUND_RECORD_FIELDS, 1, "record 5 cannot be", with_record(w, 5, no_seq));
	EXPECT(VEXFS_FOUND_RECORD_FIELDS, 1, "record 5 cannot be", with_record(w, 5, late_seq));
	EXPECT(VEXFS_FOUND_RECORD_FIELDS, 1, "record 5 cannot be", with_record(w, 5, odd_flags));
	EXPECT(VEXFS_FOUND_RECORD_FIELDS, 1, "a later record has its id", with_record(w, 5, same_id));
	EXPECT(VEXFS_FOUND_RECORD_FIELDS, 1, "record 5", with_record(w, 5, odd_attr));
	EXPECT(VEXFS_FOUND_RECORD_KEY, 1, "record 10 has a key where there is none",
	       with_record(w, KEYED, far_key));
	EXPECT(VEXFS_FOUND_RECORD_KEY, 1, "a later record has its key", with_record(w, 11, same_key));
}

static void test_bindings(void **state)
{
	(void)state;
	EXPECT(VEXFS_FOUND_BINDING, 1, "the inode of its file is damaged",
	       break_inode(w, w->file));
	EXPECT(VEXFS_FOUND_BINDING, 1, "says where", with_record(w, 5, bare));
	EXPECT(VEXFS_FOUND_BINDING, 1, "bound to no inode", with_record(w, BOUND, nowhere));
	EXPECT(VEXFS_FOUND_BINDING, 1, "bound to nowhere", with_record(w, BOUND, far));
	EXPECT(VEXFS_FOUND_BINDING, 1, "what is no file", with_record(w, BOUND, directory));
	EXPECT(VEXFS_FOUND_BINDING, 1, "a later state", with_record(w, BOUND, later));
	EXPECT(VEXFS_FOUND_BINDING, 1, "does not know it", unbind(w));
	EXPECT(VEXFS_FOUND_BINDING, 1, "of another collection", move_out(w));
	EXPECT(VEXFS_FOUND_BINDING_GONE, 1, "the files of 1 records are gone", replace(w));
	assert_int_equal(w->n, 1);
}

/* One that does not load does not hide what else there is. */
static void test_others(void **state)
{
	__u64 ino = w->ino;

	(void)state;
	EXPECT(VEXFS_FOUND_RECORD_TORN, 1, "dead bitmap", flip(w, planes(w).c_dead, 20);
	       flip(w, planes(w).c_vectors, 1));
	assert_int_equal(w->found[VEXFS_FOUND_DEAD], 1);
	assert_int_equal(w->collections, 2);
	begin(w);
	with_collection(w, no_dims);
	w->ino = w->other;
	with_collection(w, no_dims);
	w->ino = ino;
	unbind(w);
	end(w);
	assert_int_equal(w->found[VEXFS_FOUND_COLLECTION], 2);
	assert_int_equal(w->found[VEXFS_FOUND_BLOCK_LOST], 0);
	assert_int_equal(w->found[VEXFS_FOUND_NO_NAME], 0);
}

/* Any bits anywhere in what a collection is made of: it ends. */
static void test_chance(void **state)
{
	struct vexfs_collection col;
	unsigned int i, k, silent = 0;

	(void)state;
	chance_seed(19);
	begin(w);
	col = planes(w);
	end(w);
	for (i = 0; i < 300; i++) {
		const __le64 plane[] = { col.c_dead, col.c_heirs, col.c_records, col.c_words,
					 col.c_snapshot[0].n_dead_ino, col.c_keys };

		begin(w);
		for (k = 1 + chance(3); k; k--) {
			__le64 p = plane[chance(6)];
			struct vexfs_inode raw;

			switch (chance(3)) {
			case 0:		/* a field of the block that describes it */
				with_collection(w, any_bit);
				break;
			case 1:		/* an inode of it */
				raw = get_inode(w, le64_to_cpu(p));
				((__u8 *)&raw)[chance(352)] ^= 1 << chance(8);
				put_inode(w, le64_to_cpu(p), &raw);
				break;
			default:
				flip(w, p, chance(256));
			}
		}
		end(w);
		silent += !w->n;
	}
	assert_true(silent < 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_block),
		cmocka_unit_test(test_planes), cmocka_unit_test(test_dead),
		cmocka_unit_test(test_words), cmocka_unit_test(test_heirs),
		cmocka_unit_test(test_records), cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_others), cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
