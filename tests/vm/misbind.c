// SPDX-License-Identifier: GPL-2.0
/*
 * misbind IMAGE INO ID WHAT: make the binding of the record ID to the file INO, both made by `files
 * fill`, a lie, with all checksums right.  IMAGE is not mounted.  WHAT, on the side of the inode:
 *
 *	unbound		it does not know that records are bound to it
 *	elsewhere	it belongs to no collection
 *
 * and of the record: it is bound to
 *
 *	nowhere		an inode that cannot be
 *	dir, plane	the root; the plane that holds it
 *	offset		bytes beyond all files
 *	bare		no file, but to bytes of one
 *	later		a state that the file has never had
 *
 * and of the collection's table of heirs, which has one entry: the file that was replaced
 *
 *	circle		has itself as heir
 *	twice		has two heirs
 *	there		is INO, which is there
 *	range		has an heir that cannot be
 *	entries		is one of more than there is room for
 */
#include <fcntl.h>
#include <platform/verify.h>
#include "rows.h"

#define DIMS	8			/* as in files.c */
#define SEED	5

static struct vexfs_dev dev;
static struct vexfs_fs fs;

static __attribute__((noreturn)) void die(const char *what)
{
	printf("misbind: %s\n", what);
	exit(2);
}

/* The raw inode, in a block that is put back by put(). */
static struct vexfs_inode *get(__u64 ino, __u8 block[VEXFS_BLOCK_SIZE], __u64 *nr)
{
	__u32 g = (ino - 1) / fs.inodes_per_group, index = (ino - 1) % fs.inodes_per_group;

	*nr = vexfs_group_itable(&fs, g) + index / VEXFS_INODES_PER_BLOCK;
	if (vexfs_dev_read(&dev, *nr, block))
		die("inode table");
	return (struct vexfs_inode *)block + index % VEXFS_INODES_PER_BLOCK;
}

static void change_inode(__u64 ino, const char *what)
{
	static __u8 block[VEXFS_BLOCK_SIZE];
	struct vexfs_inode *raw;
	__u64 nr;

	raw = get(ino, block, &nr);
	if (!strcmp(what, "unbound"))
		raw->i_flags &= ~cpu_to_le32(VEXFS_INODE_BOUND);
	else
		raw->i_collection = 0;
	raw->i_crc =
		cpu_to_le32(vexfs_csum(&fs, raw, sizeof(*raw), offsetof(struct vexfs_inode, i_crc),
				       ino, le32_to_cpu(raw->i_generation), 0));
	if (vexfs_dev_write(&dev, nr, block))
		die("write");
}

/* The checksum of a record without a key. */
static void stamp(struct vexfs_record *r, const __u8 *uuid, __u64 slot)
{
	__le64 le = cpu_to_le64(slot);
	float row[DIMS];
	__u32 crc;

	make_row(row, DIMS, SEED, le64_to_cpu(r->r_id));
	crc = crc32c(~0u, uuid, 16);
	crc = crc32c(crc, &le, sizeof(le));
	crc = crc32c(crc, (char *)r + sizeof(r->r_crc), sizeof(*r) - sizeof(r->r_crc));
	r->r_crc = cpu_to_le32(crc32c(crc, row, sizeof(row)));
}

static void bind_to(struct vexfs_record *r, __u64 ino)
{
	static __u8 block[VEXFS_BLOCK_SIZE];
	__u64 nr;

	r->r_file = cpu_to_le64(ino);
	r->r_file_generation = get(ino, block, &nr)->i_generation;
}

static void change_record(__u64 ino, __u64 id, const char *what)
{
	static __u8 block[VEXFS_BLOCK_SIZE];
	const struct vexfs_collection *col = (void *)block;
	struct vexfs_record *r = (void *)block, old;
	__u64 nr, records = 0;
	__u8 uuid[16];
	__u32 i;

	for (nr = 1; nr < dev.blocks && !records; nr++) {
		if (vexfs_dev_read(&dev, nr, block))
			die("read");
		if (le32_to_cpu(col->c_magic) != VEXFS_COLLECTION_MAGIC ||
		    le32_to_cpu(col->c_dims) != DIMS || le64_to_cpu(col->c_count) < 10)
			continue;
		memcpy(uuid, col->c_uuid, sizeof(uuid));
		records = le64_to_cpu(col->c_records);
	}
	/* slots are ids here; whatever looks like the record, and verifies, is it */
	for (nr = 1; nr < dev.blocks; nr++) {
		if (vexfs_dev_read(&dev, nr, block))
			die("read");
		for (i = 0; i < VEXFS_BLOCK_SIZE / sizeof(*r); i++) {
			if (le64_to_cpu(r[i].r_id) != id || le64_to_cpu(r[i].r_file) != ino)
				continue;
			old = r[i];
			stamp(&old, uuid, id);
			if (old.r_crc != r[i].r_crc)
				continue;
			if (!strcmp(what, "nowhere"))
				r[i].r_file = cpu_to_le64(1ULL << 40);
			else if (!strcmp(what, "dir"))
				bind_to(r + i, VEXFS_ROOT_INO);
			else if (!strcmp(what, "plane"))
				bind_to(r + i, records);
			else if (!strcmp(what, "offset"))
				r[i].r_file_off = cpu_to_le64(1ULL << 63);
			else if (!strcmp(what, "bare"))
				r[i].r_flags = 0;
			else if (!strcmp(what, "later"))
				r[i].r_file_change = cpu_to_le64(1000);
			else
				die("what?");
			stamp(r + i, uuid, id);
			if (vexfs_dev_write(&dev, nr, block))
				die("write");
			return;
		}
	}
	die("there is no such record");
}

/* The collection's table of heirs; the log has older copies of its block. */
static __u64 heirs_of_collection(void)
{
	static __u8 block[VEXFS_BLOCK_SIZE];
	const struct vexfs_collection *col = (void *)block;
	struct vexfs_inode *raw;
	__u64 ino, nr;

	for (ino = VEXFS_FIRST_INO; ino < fs.inodes_per_group; ino++) {
		raw = get(ino, block, &nr);
		if (!(le32_to_cpu(raw->i_flags) & VEXFS_INODE_COLLECTION))
			continue;
		if (vexfs_dev_read(&dev, le64_to_cpu(raw->i_collection), block) || !col->c_heirs)
			break;
		return le64_to_cpu(col->c_heirs);
	}
	die("there is no table of heirs");
}

static void change_heirs(__u64 ino, const char *what)
{
	static __u8 block[VEXFS_BLOCK_SIZE], table[VEXFS_BLOCK_SIZE];
	struct vexfs_heir_block *h = (void *)block;
	struct vexfs_heir *e = h->h_entry;
	__u64 nr, heirs = heirs_of_collection();
	struct vexfs_inode *raw;
	__le32 generation;

	generation = get(ino, block, &nr)->i_generation;
	raw = get(heirs, table, &nr);
	nr = le64_to_cpu(raw->i_extent[0].e_pblk);
	if (vexfs_dev_read(&dev, nr, block) || h->h_entries != cpu_to_le32(1))
		die("there is no heir");
	if (!strcmp(what, "circle")) {
		e->h_heir = e->h_ino;
		e->h_heir_generation = e->h_generation;
	} else if (!strcmp(what, "twice")) {
		e[1] = e[0];
		h->h_entries = cpu_to_le32(2);
	} else if (!strcmp(what, "there")) {
		e->h_ino = cpu_to_le64(ino);
		e->h_generation = generation;
	} else if (!strcmp(what, "range")) {
		e->h_heir = cpu_to_le64(1ULL << 40);
	} else {
		h->h_entries = cpu_to_le32(VEXFS_HEIRS_PER_BLOCK + 1);
	}
	h->h_crc =
		cpu_to_le32(vexfs_csum(&fs, h, sizeof(*h), offsetof(struct vexfs_heir_block, h_crc),
				       heirs, le32_to_cpu(raw->i_generation), 0));
	if (vexfs_dev_write(&dev, nr, block))
		die("write");
}

static bool is_one_of(const char *what, const char *const *words)
{
	while (*words && strcmp(what, *words))
		words++;
	return *words;
}

int main(int argc, char **argv)
{
	static const char *const of_inode[] = { "unbound", "elsewhere", NULL };
	static const char *const of_heirs[] = {
		"circle", "twice", "there", "range", "entries", NULL
	};
	__u64 ino;

	if (argc != 5) {
		fputs("usage: misbind IMAGE INO ID WHAT\n", stderr);
		return 2;
	}
	if (vexfs_dev_open(&dev, argv[1], O_RDWR) || vexfs_super_read(&fs, &dev, dev.blocks))
		die(argv[1]);
	ino = strtoull(argv[2], NULL, 0);
	if (is_one_of(argv[4], of_inode))
		change_inode(ino, argv[4]);
	else if (is_one_of(argv[4], of_heirs))
		change_heirs(ino, argv[4]);
	else
		change_record(ino, strtoull(argv[3], NULL, 0), argv[4]);
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
	return 0;
}
