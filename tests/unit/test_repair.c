// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * The repair of a filesystem: each kind of damage is put right; the log is replayed first; what was
 * written can be taken back; and the power may fail while it is.
 */
#include <platform/repair.h>
#include "mended.h"
#include "mount.h"

/* --- damage of each kind --- */

static void stamp(__u64 block)
{
	rich_stamp(&rich, rich_block(&rich, block), rich.now + (block << VEXFS_BLOCK_SHIFT));
}

static struct vexfs_inode *inode_at(__u64 ino)
{
	struct vexfs_inode *raw = mended_hit(rich_table(&rich, ino));

	return raw + (ino - 1) % VEXFS_INODES_PER_BLOCK;
}

/* Change a field of an inode, and its checksum; of the others in the block nothing is broken. */
#define inode_set(path, field, value)                                                 \
	do {                                                                              \
		__u64 ino_ = rich_ino(&rich, path);                                       \
		inode_at(ino_)->field = value;                                            \
		stamp(rich_table(&rich, ino_));                                           \
		broken[rich_table(&rich, ino_)] = false;                                  \
	} while (0)

static struct vexfs_collection *collection(void)
{
	return mended_hit(rich.vital[0]);
}

static void collection_stamp(void)
{
	stamp(rich.vital[0]);
	broken[rich.vital[0]] = false;
}

static __u64 plane_block(__le64 ino, __u32 lblk)
{
	return rich_block_of(&rich, le64_to_cpu(ino), lblk);
}

static void clear_inode(__le64 ino)
{
	mended_scribble((__u8 *)inode_at(le64_to_cpu(ino)), VEXFS_INODE_SIZE);
	broken[rich_table(&rich, le64_to_cpu(ino))] = false;
}

/* An entry of a directory by its name. */
static struct vexfs_dirent *entry_at(const char *dir, const char *name, __u64 *block)
{
	__u64 ino = rich_ino(&rich, dir);
	unsigned int off;
	__u32 lblk;
	__u8 *b;

	for (lblk = 0; ; lblk++) {
		*block = rich_block_of(&rich, ino, lblk);
		b = rich_damage(&rich, *block);
		for (off = 16; off < VEXFS_BLOCK_SIZE;) {
			struct vexfs_dirent *d = (void *)(b + off);

			if (d->d_namelen == strlen(name) && !memcmp(d->d_name, name, d->d_namelen))
				return d;
			off += le16_to_cpu(d->d_reclen);
		}
	}
}

static void super_zero(void) { memset(mended_hit(0), 0, VEXFS_BLOCK_SIZE); }
static void supers_noise(void) { mended_noise(0); mended_noise(VEXFS_GROUP_BLOCKS); }
static void supers_and_log(void)
{
	__u32 i;

	supers_noise();
	for (i = 1; i < VEXFS_MIN_JOURNAL; i++)
		memset(mended_hit(rich.log + i), 0, VEXFS_BLOCK_SIZE);
}
static void super_counts(void)
{
	struct vexfs_super *s = mended_hit(0);

	s->s_free_blocks = cpu_to_le64(77);
	stamp(0);
}
static void copy_noise(void) { mended_noise(VEXFS_GROUP_BLOCKS); }
static void log_noise(void) { mended_noise(rich.log); }
static void group_noise(void) { mended_noise(1); }
static void groups_noise(void) { mended_noise(1); mended_noise(vexfs_group_block(&rich.fs, 1)); }
static void group_bits(bool set)
{
	struct vexfs_group *g = mended_hit(1);
	unsigned int i, n = 0;

	for (i = 8000; i; i--) {
		if (set == !test_bit_le(i, g->g_blocks) && n < 5) {
			n++;
			if (set)
				__set_bit_le(i, g->g_blocks);
			else
				__clear_bit_le(i, g->g_blocks);
		}
	}
	assert_int_equal(n, 5);
	le32_add_cpu(&g->g_free_blocks, set ? -5 : 5);
	stamp(1);
}
static void blocks_lost(void) { group_bits(true); }
static void blocks_free(void) { group_bits(false); }
static void group_dirs(void)
{
	struct vexfs_group *g = mended_hit(1);

	le32_add_cpu(&g->g_dirs, 1);
	stamp(1);
}
static void group_inodes(void)
{
	struct vexfs_group *g = mended_hit(1);
	__u64 ino = rich_ino(&rich, "/small");

	__clear_bit_le(ino - 1, g->g_inodes);
	le32_add_cpu(&g->g_free_inodes, 1);
	stamp(1);
}
static void inode_noise(void)
{
	__u64 ino = rich_ino(&rich, "/small");

	mended_scribble((__u8 *)inode_at(ino), VEXFS_INODE_SIZE);
}
static void inode_bit(void)
{
	__u64 ino = rich_ino(&rich, "/small");

	inode_at(ino)->i_mtime ^= cpu_to_le64(1 << 5);
	broken[rich_table(&rich, ino)] = false;
}
static void inode_blocks(void) { inode_set("/small", i_blocks, cpu_to_le64(9)); }
static void inode_links(void) { inode_set("/small", i_nlink, cpu_to_le32(3)); }
static void inode_unlinked(void) { inode_set("/small", i_nlink, 0); }
static void dir_links(void) { inode_set("/dir", i_nlink, cpu_to_le32(9)); }
static void inode_times(void) { inode_set("/small", i_mtime_nsec, cpu_to_le32(2000000000)); }
static void inode_flags(void) { inode_set("/small", i_flags, cpu_to_le32(0xff00)); }
static void inode_parent(void) { inode_set("/small", i_parent, cpu_to_le64(11)); }
static void inode_size(void)
{
	inode_set("/unwritten", i_size, cpu_to_le64(1ULL << 60));
	broken_ino = rich_ino(&rich, "/unwritten");
}
static void symlink_size(void) { inode_set("/short", i_size, cpu_to_le64(100)); }
static void symlink_lost(void) { inode_set("/long", i_entries, 0); }
static void node_noise(void)
{
	const struct rich_block *b;

	for (b = rich.block; b->kind != RICH_EXTENT; b++)
		;
	mended_noise(b->block);
}
static void twice(void)
{
	__u64 a = rich_ino(&rich, "/small"), b = rich_ino(&rich, "/dir/file");

	inode_at(a)->i_extent[0] = inode_at(b)->i_extent[0];
	inode_at(a)->i_size = cpu_to_le64(9000);
	inode_at(a)->i_blocks = inode_at(b)->i_blocks;
	stamp(rich_table(&rich, a));
	stamp(rich_table(&rich, b));
	broken[rich_table(&rich, a)] = broken[rich_table(&rich, b)] = false;
	broken_ino = a;
}
/* The target of a symlink is a block of a file, too. */
static void link_twice(void)
{
	__u64 a = rich_ino(&rich, "/long"), b = rich_ino(&rich, "/small");

	inode_at(b)->i_extent[0] = inode_at(a)->i_extent[0];
	stamp(rich_table(&rich, b));
	broken[rich_table(&rich, a)] = broken[rich_table(&rich, b)] = false;
	broken_ino = b;
}
static void link_blocks(void) { inode_set("/short", i_blocks, cpu_to_le64(14)); }
static void outside(void)
{
	__u64 a = rich_ino(&rich, "/small");

	inode_at(a)->i_extent[0].e_pblk = cpu_to_le64(1 << 30);
	stamp(rich_table(&rich, a));
}
static void dir_noise(void) { mended_noise(rich_block_of(&rich, rich_ino(&rich, "/many"), 0)); }
static void dir_zero(void)
{
	memset(mended_hit(rich_block_of(&rich, rich_ino(&rich, "/many"), 0)), 0, VEXFS_BLOCK_SIZE);
}
/* The checksum is wrong, and the names are there. */
static void dir_crc(void)
{
	__u8 *b = mended_hit(rich_block_of(&rich, rich_ino(&rich, "/many"), 0));

	b[4] ^= 3;
	b[8] ^= 3;
}
static void name_dangling(void)
{
	__u64 block;

	entry_at("/many", "a file with a rather long name, number 3 of sixty", &block)->d_ino =
		cpu_to_le64(700);
	stamp(block);
}
static void name_type(void)
{
	__u64 block;

	entry_at("", "small", &block)->d_type = DT_FIFO;
	stamp(block);
}
static void name_hash(void)
{
	__u64 block;

	entry_at("", "small", &block)->d_hash ^= 1;
	stamp(block);
}
static void name_twice(void)
{
	__u64 block;
	struct vexfs_dirent *d =
		entry_at("/many", "a file with a rather long name, number 10 of sixty", &block);

	memcpy(d->d_name + 39, "11", 2);
	d->d_hash = cpu_to_le32(crc32c(~0u, d->d_name, d->d_namelen));
	stamp(block);
}
static void dir_names(void)
{
	__u64 block;
	struct vexfs_dirent *d = entry_at("", "small", &block);

	d->d_ino = cpu_to_le64(rich_ino(&rich, "/dir/below"));
	d->d_type = DT_DIR;
	stamp(block);
}
static void dir_parent(void) { inode_set("/dir/below", i_parent, cpu_to_le64(1)); }
/* A directory below itself. */
static void dir_ring(void)
{
	__u64 block;
	struct vexfs_dirent *d = entry_at("/dir/below/deep", "file", &block);

	d->d_ino = cpu_to_le64(rich_ino(&rich, "/dir"));
	d->d_type = DT_DIR;
	stamp(block);
	inode_set("/dir", i_parent, cpu_to_le64(rich_ino(&rich, "/dir/below/deep")));
	inode_set("/dir", i_parent_generation,
		  ((struct vexfs_inode *)(rich.was + (rich_table(&rich, rich_ino(&rich,
			"/dir/below/deep")) << VEXFS_BLOCK_SHIFT)))
			  [(rich_ino(&rich, "/dir/below/deep") - 1) % 8].i_generation);
}
static void root_noise(void)
{
	mended_scribble((__u8 *)inode_at(1), VEXFS_INODE_SIZE);
	broken[rich_table(&rich, 1)] = false;
}
static void orphan_ring(void)
{
	const struct vexfs_super *s = mended_hit(0);
	__u64 ino = le64_to_cpu(s->s_last_orphan);

	inode_at(ino)->i_next_orphan = cpu_to_le64(ino);
	stamp(rich_table(&rich, ino));
	broken[rich_table(&rich, ino)] = false;
}
static void orphan_none(void)
{
	struct vexfs_super *s = mended_hit(0);

	s->s_last_orphan = cpu_to_le64(900);
	stamp(0);
}
static void collection_bit(void)
{
	collection()->c_attr[0].a_name[0] ^= 4;
	broken[rich.vital[0]] = false;
}
static void collection_noise(void) { mended_noise(rich.vital[0]); }
static void collection_counts(void)
{
	collection()->c_live = cpu_to_le64(7);
	collection_stamp();
}
static void program_name(void)
{
	strcpy(collection()->c_program[VEXFS_SLOT_SEARCH], "a/b");
	collection_stamp();
}
static void log_bit(void)
{
	((__u8 *)mended_hit(rich.log))[70] ^= 1;
}
/* It is good in itself, and nothing else is of that filesystem. */
static void super_other(void)
{
	((struct vexfs_super *)mended_hit(0))->s_uuid[3] ^= 1;
	stamp(0);
}
/* As a copy is: it knows nothing of what changes. */
static void super_copied(void)
{
	struct vexfs_super copy;

	vexfs_super_copy(&copy, mended_hit(0));
	memcpy(mended_hit(0), &copy, sizeof(copy));
}
static void collection_many(void)
{
	collection()->c_count = cpu_to_le64(100000);
	collection()->c_next_seq = cpu_to_le64(1000000);
	collection_stamp();
}
static void vectors_gone(void)
{
	clear_inode(mended_made()->c_vectors);
	broken[rich.vital[0]] = true;
}
static void keys_gone(void)
{
	clear_inode(mended_made()->c_keys);
	broken[rich.keys] = true;
}
static void dead_gone(void)
{
	clear_inode(mended_made()->c_dead);
	broken[rich.vital[0]] = true;
}
static void plane_other(void)
{
	collection()->c_words = mended_made()->c_keys;
	collection_stamp();
}
static void dead_noise(void)
{
	mended_noise(plane_block(mended_made()->c_dead, 0));
	broken[rich.vital[0]] = true;
}
static void dead_bit(void)
{
	__u8 *b = mended_hit(plane_block(mended_made()->c_dead, 0));

	b[300] ^= 1;
	broken[plane_block(mended_made()->c_dead, 0)] = false;
}
static void word_byte(void)
{
	__u8 *b = mended_hit(plane_block(mended_made()->c_words, 0));

	b[8 + 1] = 'X';
}
static void word_head(void)
{
	__u8 *b = mended_hit(plane_block(mended_made()->c_words, 0));

	b[4] = 7;			/* w_attr */
}
static void words_noise(void) { mended_noise(plane_block(mended_made()->c_words, 0)); }
static void snapshot_name(void)
{
	strcpy(collection()->c_snapshot[0].n_name, "NO NAME");
	collection_stamp();
}
static void snapshot_noise(void)
{
	mended_noise(plane_block(mended_made()->c_snapshot[0].n_dead_ino, 0));
}
static void heirs_noise(void) { mended_noise(plane_block(mended_made()->c_heirs, 0)); }
static void heirs_gone(void) { clear_inode(mended_made()->c_heirs); }
static void checkpoint_noise(void) { mended_noise(plane_block(mended_made()->c_checkpoint, 0)); }
static void checkpoint_gone(void) { clear_inode(mended_made()->c_checkpoint); }
static void row_noise(void) { mended_noise(rich.vectors + 3); }
static void record_noise(void) { mended_noise(rich.records + 3); }
static void record_zero(void)
{
	memset(mended_hit(rich.records + 3), 0, VEXFS_BLOCK_SIZE);
}
static void key_noise(void) { mended_noise(rich.keys); }

/* Change a field of a record and make its checksum right. */
static void record_set(__u64 slot, void (*set)(struct vexfs_record *r))
{
	set(mended_record(slot));
	mended_seal(slot);
}
static void set_flags(struct vexfs_record *r) { r->r_flags = cpu_to_le32(64); }
static void set_seq(struct vexfs_record *r) { r->r_seq = cpu_to_le64(1); }
static void set_late(struct vexfs_record *r) { le32_add_cpu((__le32 *)&r->r_seq, 700); }
static void set_id(struct vexfs_record *r) { r->r_id = cpu_to_le64(201); }
static void set_word(struct vexfs_record *r) { r->r_attr[1] = cpu_to_le64(4000); }
static void set_attr(struct vexfs_record *r) { r->r_attr[5] = cpu_to_le64(1); }
static void set_key(struct vexfs_record *r)
{
	r->r_flags = cpu_to_le32(VEXFS_RECORD_KEYED);
	r->r_key = cpu_to_le64((1ULL << 50) << 8 | 5);
}
static void set_nowhere(struct vexfs_record *r)
{
	r->r_flags = cpu_to_le32(VEXFS_RECORD_BOUND);
	r->r_file = cpu_to_le64(3);
}
static void set_other(struct vexfs_record *r)
{
	__u64 ino = rich_ino(&rich, "/small");

	r->r_flags = cpu_to_le32(VEXFS_RECORD_BOUND);
	r->r_file = cpu_to_le64(ino);
	r->r_file_generation = inode_at(ino)->i_generation;
	broken[rich_table(&rich, ino)] = false;
}
static void record_nan(void)
{
	float *row = (float *)mended_hit(rich.vectors + 100 * DIMS * 4 / VEXFS_BLOCK_SIZE);

	row[100 * DIMS % (VEXFS_BLOCK_SIZE / 4) + 1] = __builtin_nanf("");
	mended_seal(100);
}
static void record_flags(void) { record_set(100, set_flags); }
static void record_seq(void) { record_set(100, set_seq); }
static void record_late(void) { record_set(100, set_late); }
static void record_id(void) { record_set(100, set_id); }
static void record_word(void) { record_set(100, set_word); }
static void record_attr(void) { record_set(100, set_attr); }
static void record_key(void) { record_set(100, set_key); }
static void record_nowhere(void) { record_set(100, set_nowhere); }
static void record_other(void) { record_set(100, set_other); }
static void doc_unbound(void)
{
	inode_set("/c/doc0", i_flags, 0);
}
static void doc_early(void)
{
	inode_set("/c/doc0", i_data_change, 0);
}

#define NONE	0			/* there is no superblock or no log, or the check does not look */

static const struct {
	const char *name;
	void (*damage)(void);
	int finding;			/* VEXFS_FOUND_*, or NONE */
	const char *says;		/* the repair */
} kinds[] = {
	{ "superblock", super_zero, NONE, "the superblock is the one in block" },
	{ "superblock and copy", supers_noise, NONE, "the superblock is the one in block" },
	{ "superblock, copy and log", supers_and_log, NONE, "was made anew, from the log's" },
	{ "free counts", super_counts, VEXFS_FOUND_SUPER_COUNTS, "" },
	{ "copy of the superblock", copy_noise, NONE, "the copy of the superblock in block 16384" },
	{ "superblock of another", super_other, VEXFS_FOUND_GROUP, "the superblock is the one in block" },
	{ "superblock that is a copy", super_copied, NONE, "the superblock is the one in block" },
	{ "bit of the log", log_bit, NONE, "the log was damaged, and is empty" },
	{ "log", log_noise, NONE, "the log was damaged, and is empty" },
	{ "group", group_noise, VEXFS_FOUND_GROUP, "group 0: made anew" },
	{ "both groups", groups_noise, VEXFS_FOUND_GROUP, "group 1: made anew" },
	{ "lost blocks", blocks_lost, VEXFS_FOUND_BLOCK_LOST, "group 0: made anew" },
	{ "used blocks that are free", blocks_free, VEXFS_FOUND_BLOCK_FREE, "group 0: made anew" },
	{ "count of directories", group_dirs, VEXFS_FOUND_GROUP_DIRS, "group 0: made anew" },
	{ "used inode that is free", group_inodes, VEXFS_FOUND_NAME_DANGLING, "group 0: made anew" },
	{ "inode", inode_noise, VEXFS_FOUND_INODE, "cleared" },
	{ "bit of an inode", inode_bit, VEXFS_FOUND_INODE, "a wrong bit was put right" },
	{ "count of blocks", inode_blocks, VEXFS_FOUND_INODE_BLOCKS, "counted 9" },
	{ "count of links", inode_links, VEXFS_FOUND_LINKS, "has 1 links, counted 3" },
	{ "no links", inode_unlinked, VEXFS_FOUND_LINKS, "has 1 links, counted 0" },
	{ "links of a directory", dir_links, VEXFS_FOUND_LINKS, "has 3 links, counted 9" },
	{ "times", inode_times, VEXFS_FOUND_INODE, "" },
	{ "flags", inode_flags, VEXFS_FOUND_INODE, "" },
	{ "parent of a file", inode_parent, VEXFS_FOUND_PARENT, "its parent was 11" },
	{ "size", inode_size, VEXFS_FOUND_INODE, "" },
	{ "size of a symlink", symlink_size, VEXFS_FOUND_INODE, "" },
	{ "symlink without a target", symlink_lost, VEXFS_FOUND_INODE, "without a target, cleared" },
	{ "extent node", node_noise, VEXFS_FOUND_INODE, "extents that do not verify were dropped" },
	{ "block with two owners", twice, VEXFS_FOUND_BLOCK_TWICE, "has a copy of them now" },
	{ "target with two owners", link_twice, VEXFS_FOUND_BLOCK_TWICE, "has a copy of them now" },
	{ "blocks of a symlink", link_blocks, VEXFS_FOUND_INODE_BLOCKS, "" },
	{ "extent outside", outside, VEXFS_FOUND_INODE, "extents that do not verify were dropped" },
	{ "directory", dir_noise, VEXFS_FOUND_DIRECTORY, "is lost+found/#" },
	{ "zeros in a directory", dir_zero, VEXFS_FOUND_DIRECTORY, "is lost+found/#" },
	{ "checksum of a directory", dir_crc, VEXFS_FOUND_DIRECTORY, "made anew with 60 names, 0 were" },
	{ "name of nothing", name_dangling, VEXFS_FOUND_NAME_DANGLING, "with 59 names, 1 were dropped" },
	{ "type of a name", name_type, VEXFS_FOUND_NAME_TYPE, "made anew" },
	{ "hash of a name", name_hash, VEXFS_FOUND_NAME_LOST, "made anew" },
	{ "name twice", name_twice, VEXFS_FOUND_NAME_TWICE, "with 59 names, 1 were dropped" },
	{ "directory with names", dir_names, VEXFS_FOUND_DIR_NAMES, "is lost+found/#" },
	{ "parent of a directory", dir_parent, VEXFS_FOUND_PARENT, "its parent was 1" },
	{ "directory below itself", dir_ring, VEXFS_FOUND_DIR_NAMES, "" },
	{ "root", root_noise, VEXFS_FOUND_INODE, "the root was made anew" },
	{ "orphan list in circles", orphan_ring, VEXFS_FOUND_ORPHAN, "was unlinked, and is freed" },
	{ "orphan list to nowhere", orphan_none, VEXFS_FOUND_ORPHAN, "was unlinked, and is freed" },
	{ "bit of a collection", collection_bit, VEXFS_FOUND_COLLECTION, "a wrong bit of its block" },
	{ "collection", collection_noise, VEXFS_FOUND_COLLECTION, "its planes are in lost+found" },
	{ "count of records", collection_counts, VEXFS_FOUND_LIVE, "records, counted 7" },
	{ "name of a program", program_name, VEXFS_FOUND_COLLECTION, "bind it again" },
	{ "more records than there are", collection_many, VEXFS_FOUND_PLANE_SHORT, "have room for" },
	{ "plane of vectors", vectors_gone, VEXFS_FOUND_INODE, "it is empty now" },
	{ "plane of keys", keys_gone, VEXFS_FOUND_INODE, "is not its plane of keys" },
	{ "plane of deletions", dead_gone, VEXFS_FOUND_INODE, "may be there again" },
	{ "plane that is another", plane_other, VEXFS_FOUND_PLANE, "is not its plane of words" },
	{ "deletions", dead_noise, VEXFS_FOUND_DEAD, "may be there again" },
	{ "bit of deletions", dead_bit, VEXFS_FOUND_DEAD, "a wrong bit was put right" },
	{ "word", word_byte, VEXFS_FOUND_WORD, "is lost, and is '" },
	{ "head of a word", word_head, VEXFS_FOUND_WORD, "" },
	{ "dictionary", words_noise, VEXFS_FOUND_WORD, "its dictionary ends at byte 0" },
	{ "name of a snapshot", snapshot_name, VEXFS_FOUND_SNAPSHOT, "was dropped" },
	{ "snapshot", snapshot_noise, VEXFS_FOUND_DEAD, "has lost its bitmap, and was dropped" },
	{ "heirs", heirs_noise, VEXFS_FOUND_HEIRS, "its table of heirs was made anew" },
	{ "plane of heirs", heirs_gone, VEXFS_FOUND_INODE, "is not its plane of heirs" },
	{ "checkpoint", checkpoint_noise, VEXFS_FOUND_CHECKPOINT, "its checkpoint was dropped" },
	{ "inode of a checkpoint", checkpoint_gone, VEXFS_FOUND_INODE, "its checkpoint was dropped" },
	{ "rows", row_noise, VEXFS_FOUND_RECORD_TORN, "does not verify: it is deleted" },
	{ "records", record_noise, VEXFS_FOUND_RECORD_TORN, "does not verify: it is deleted" },
	{ "zeros in records", record_zero, VEXFS_FOUND_RECORD_TORN, "does not verify: it is deleted" },
	{ "keys", key_noise, VEXFS_FOUND_RECORD_TORN, "does not verify: it is deleted" },
	{ "numbers of a record", record_nan, VEXFS_FOUND_RECORD_TORN, "100 has a vector that is none" },
	{ "flags of a record", record_flags, VEXFS_FOUND_RECORD_FIELDS, "100 has a field that cannot be" },
	{ "order of records", record_seq, VEXFS_FOUND_RECORD_FIELDS, "100 is not in order" },
	{ "record ahead of its time", record_late, VEXFS_FOUND_RECORD_FIELDS, "100 is not in order" },
	{ "two records of an id", record_id, VEXFS_FOUND_RECORD_FIELDS, "100 has the id of a later" },
	{ "keyword of a record", record_word, VEXFS_FOUND_RECORD_WORD, "record 100: a keyword" },
	{ "attribute of a record", record_attr, VEXFS_FOUND_RECORD_FIELDS, "record 100: a keyword" },
	{ "key of a record", record_key, VEXFS_FOUND_RECORD_KEY, "100 does not verify" },
	{ "record bound to nothing", record_nowhere, VEXFS_FOUND_BINDING, "100 has a field" },
	{ "record bound to another file", record_other, VEXFS_FOUND_BINDING, "100 is bound to what" },
	{ "file that knows no records", doc_unbound, VEXFS_FOUND_BINDING, "knows that records are bound" },
	{ "file of an earlier state", doc_early, VEXFS_FOUND_BINDING, "" },
};

/* NULL, or what went wrong. */
static const char *one_kind(unsigned int i)
{
	static struct found f;
	const char *why;
	int err;

	nothing_broken();
	kinds[i].damage();
	err = mended_check(&f);
	if (kinds[i].finding && (err || !f.nr[kinds[i].finding]))
		return "the check does not find it";
	why = mended_now();
	if (why)
		return why;
	return strstr(mended_said, kinds[i].says) ? NULL : "the repair does not say it";
}

static void each_kind(void **state)
{
	unsigned int i, bad = 0;
	const char *why;

	(void)state;
	chance_seed(3);
	mended_show = getenv("VEXFS_SHOW");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		why = one_kind(i);
		if (why) {
			printf("# %s: %s\n%s", kinds[i].name, why, mended_said);
			bad++;
		}
		rich_back(&rich);
	}
	mended_show = false;
	assert_int_equal(bad, 0);
}

/* --- the log, and writing --- */

/* A file that is in the log alone, and a group that is damaged. */
static void in_the_log(void)
{
	struct vexfs_image *image;
	struct vexfs_dev dev;
	struct file *f;
	const char *why;

	nothing_broken();
	rich_open(&rich, &dev);
	dev.quiet = true;
	assert_int_equal(vexfs_image_mount(&dev, 0, &image, &why), 0);
	f = vexfs_file_open(image, "/new", O_RDWR | O_CREAT, 0644);
	assert_false(IS_ERR(f));
	assert_int_equal(vexfs_file_pwrite(f, "synced", 6, 0), 6);
	assert_int_equal(vexfs_file_sync(f), 0);
	vexfs_file_close(f);
	vexfs_image_kill(image);
	mended_noise(vexfs_group_block(&rich.fs, 1));
}

static bool new_is_there(void)
{
	struct vexfs_image *image;
	struct vexfs_dev dev;
	char text[7] = "";
	struct file *f;
	const char *why;

	rich_open(&rich, &dev);
	dev.quiet = true;
	assert_int_equal(vexfs_image_mount(&dev, 0, &image, &why), 0);
	f = vexfs_file_open(image, "/new", O_RDONLY, 0);
	if (!IS_ERR(f)) {
		vexfs_file_pread(f, text, 6, 0);
		vexfs_file_close(f);
	}
	assert_int_equal(vexfs_image_close(image), 0);
	return !strcmp(text, "synced");
}

static void log_first(void **state)
{
	int undo = mended_file();
	__u8 *before = malloc(RICH_BLOCKS * (size_t)VEXFS_BLOCK_SIZE);
	struct vexfs_dev dev;
	const char *why;
	size_t written;

	(void)state;
	in_the_log();
	memcpy(before, rich.now, RICH_BLOCKS * (size_t)VEXFS_BLOCK_SIZE);
	assert_int_equal(mended_repair(0, undo), 0);
	rich_open(&rich, &dev);
	assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why), 0);
	vexfs_dev_close(&dev);
	assert_false(memcmp(before, rich.now, RICH_BLOCKS * (size_t)VEXFS_BLOCK_SIZE));
	assert_int_equal(mended_repair(0, -1), 0);
	assert_null(mended_wrong(false));
	assert_true(new_is_there());
	free(before);
	close(undo);
	rich_back(&rich);
}

/* Undo files that are none, or of something else: nothing is written. */
static void undo_refused(void **state)
{
	struct {
		off_t at;
		const char *says;
	} bad[] = { { 0, "no undo file" }, { 40, "is damaged" }, { 4096 + 700, "is damaged, or" } };
	struct vexfs_dev dev;
	struct stat st;
	const char *why;
	size_t written, before, i;
	int undo = mended_file();
	__u8 byte;

	(void)state;
	nothing_broken();
	group_noise();
	assert_int_equal(mended_repair(0, undo), 0);
	rich_open(&rich, &dev);
	before = rich.writes;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(pread(undo, &byte, 1, bad[i].at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(undo, &byte, 1, bad[i].at), 1);
		assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why), -EINVAL);
		assert_non_null(strstr(why, bad[i].says));
		byte ^= 1;
		assert_int_equal(pwrite(undo, &byte, 1, bad[i].at), 1);
	}
	fstat(undo, &st);
	assert_int_equal(ftruncate(undo, st.st_size + 1), 0);
	assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why), -EINVAL);
	assert_int_equal(ftruncate(undo, st.st_size), 0);
	/* used since */
	rich.now[200] ^= 1;
	assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why), -EINVAL);
	assert_non_null(strstr(why, "changed since"));
	rich.now[200] ^= 1;
	assert_int_equal(rich.writes, before);
	dev.blocks--;
	assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why), -EINVAL);
	assert_non_null(strstr(why, "another size"));
	dev.blocks++;
	assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why), 0);
	assert_true(written >= 2);
	vexfs_dev_close(&dev);
	close(undo);
	rich_back(&rich);
}

/*
 * The power fails after each write of a repair: another one ends well, and what the damage did not
 * touch is whole; or it is undone.
 */
static void power(void **state)
{
	static void (*const damage[])(void) = { in_the_log, groups_noise, dir_noise, node_noise,
						root_noise, supers_noise, record_noise };
	__u8 *before = malloc(RICH_BLOCKS * (size_t)VEXFS_BLOCK_SIZE);
	unsigned int i, n, cuts = 0;
	struct vexfs_dev dev;
	size_t written;
	const char *why;
	int undo, err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(damage); i++)
		for (n = 1, err = 1; err; n += n < 8 ? 1 : n / 4) {
			nothing_broken();
			damage[i]();
			memcpy(before, rich.now, RICH_BLOCKS * (size_t)VEXFS_BLOCK_SIZE);
			undo = mended_file();
			vexfs_fault_from(VEXFS_FAULT_WRITE, n);
			err = mended_repair(0, undo);
			vexfs_fault_met();
			if (err) {
				cuts++;
				assert_int_equal(err, -EIO);
				if (n % 2) {
					rich_open(&rich, &dev);
					assert_int_equal(vexfs_undo_apply(&dev, undo, &written, &why),
							 0);
					vexfs_dev_close(&dev);
					assert_false(memcmp(before, rich.now, RICH_BLOCKS *
							    (size_t)VEXFS_BLOCK_SIZE));
				}
				assert_int_equal(mended_repair(0, -1), 0);
			}
			why = mended_wrong(false);
			if (why)
				print_error("damage %u, write %u: %s\n%s", i, n, why, mended_said);
			assert_null(why);
			if (!i)
				assert_true(new_is_there());
			close(undo);
			rich_back(&rich);
		}
	printf("# %u cuts\n", cuts);
	assert_true(cuts > 40);
	free(before);
}

/* A read fails, or there is no memory: it is repaired all the same, or nothing is written. */
static void faults(void **state)
{
	static const enum vexfs_fault fault[] = { VEXFS_FAULT_READ, VEXFS_FAULT_ALLOC };
	unsigned int i, n, failed = 0;
	size_t writes;
	bool met = true;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fault); i++)
		for (n = 1, met = true; met; n += 1 + n / 3) {
			nothing_broken();
			groups_noise();
			node_noise();
			writes = rich.writes;
			vexfs_fault_set(fault[i], n);
			err = mended_repair(0, -1);
			met = vexfs_fault_met();
			if (err) {
				failed++;
				assert_int_equal(rich.writes, writes);
				assert_int_equal(err, fault[i] == VEXFS_FAULT_READ ? -EIO : -ENOMEM);
				assert_int_equal(mended_repair(0, -1), 0);
			}
			assert_null(mended_wrong(false));
			rich_back(&rich);
		}
	printf("# %u failed\n", failed);
	assert_true(failed > 20);
}

/* One that has nothing to repair but its orphan. */
static void clean(void **state)
{
	static struct found f;

	(void)state;
	assert_int_equal(mended_check(&f), 0);
	assert_int_equal(f.errors, 0);
	nothing_broken();
	assert_int_equal(mended_repair(0, -1), 0);
	assert_null(mended_wrong(false));
	rich_back(&rich);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean),
		cmocka_unit_test(each_kind),
		cmocka_unit_test(log_first),
		cmocka_unit_test(undo_refused),
		cmocka_unit_test(power),
		cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests_name("repair", tests, mended_make, mended_unmake);
}
