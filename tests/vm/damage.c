// SPDX-License-Identifier: GPL-2.0
/*
 * damage DEVICE MOUNTPOINT: break the collection `fill-l2-30` (collection fill DIR l2 30 N) on the
 * unmounted DEVICE, one field at a time, checksums set right, and look what happens after a mount:
 * EUCLEAN where something is wrong, no crash, nothing invented.  Every block is put back.
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <stddef.h>
#include <sys/mount.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"

static uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *b = p;
	int i;

	while (n--)
		for (crc ^= *b++, i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return crc;
}

/* As vexfs_csum() of kmod/core/core.h: a checksum is no proof of good intentions. */
static void stamp(int dev, void *block, size_t crc_off, uint64_t a, uint32_t b, uint64_t d)
{
	struct {
		__le64 a;
		__le32 b;
		__le64 d;
	} __attribute__((packed)) identity = { htole64(a), htole32(b), htole64(d) };
	struct vexfs_super super;
	uint32_t crc, zero = 0;

	if (pread(dev, &super, sizeof(super), 0) != sizeof(super))
		die("superblock");
	crc = crc32c(~0u, super.s_uuid, 16);
	crc = crc32c(crc, &identity, sizeof(identity));
	crc = crc32c(crc, block, crc_off);
	crc = crc32c(crc, &zero, 4);
	crc = crc32c(crc, (char *)block + crc_off + 4, 4096 - crc_off - 4);
	*(__le32 *)((char *)block + crc_off) = htole32(crc);
}

/*
 * The first place beyond the journal, which holds copies, with these `len` bytes at `off` behind a
 * multiple of `align`; -1: nowhere.
 */
static off_t find_bytes(int dev, const void *bytes, size_t len, size_t align, size_t off)
{
	static unsigned char buf[1 << 20];
	struct vexfs_super super;
	off_t pos, journal_end, found = -1;
	ssize_t n, i;

	if (pread(dev, &super, sizeof(super), 0) != sizeof(super))
		die("superblock");
	journal_end = (le64toh(super.s_journal_start) + le32toh(super.s_journal_blocks)) * 4096;
	for (pos = journal_end; (n = pread(dev, buf, sizeof(buf), pos)) > 0; pos += n)
		for (i = 0; i + (ssize_t)(off + len) <= n; i += align)
			if (!memcmp(buf + i + off, bytes, len) && found < 0)
				found = pos + i;
	return found;
}

struct damage {
	const char *device, *mountpoint;
	int dev, want;
	off_t pos;
	unsigned char good[4096];
};

static void put_block(struct damage *d, const void *block)
{
	if (pwrite(d->dev, block, 4096, d->pos) != 4096 || fsync(d->dev))
		die("write to the device");
}

/* Mount, look, unmount, repair. */
static void try_damage(struct damage *d, const char *what, int (*look)(const char *dir))
{
	char dir[4096];
	int err;

	snprintf(dir, sizeof(dir), "%s/fill-l2-30", d->mountpoint);
	if (mount(d->device, d->mountpoint, "vexfs", 0, "errors=continue")) {
		FAIL(true, "%s: mount: %s", what, strerror(errno));
	} else {
		err = look(dir);
		EXPECT(d->want, err, what);
		if (umount(d->mountpoint))
			die("umount");
	}
	put_block(d, d->good);
}

static int look_info(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY), err = fd < 0 ? errno : 0;
	struct vexfs_ioc_info info;
	struct vexfs_ioc_search s;
	struct vexfs_hit hit;
	float q[30] = { 1 };

	err = err ?: vx_info(fd, &info);
	if (err)		/* nothing else may work then, or crash */
		FAIL(!vx_search(fd, 1, 30, q, &hit, &s), "search works in a damaged collection");
	close(fd);
	return err;
}

#define DAMAGE_ROW 100 /* slot whose record or row is broken: alive (see delete_some) */

/* Get of the broken record fails, a search leaves it out, others work: the one in slot `next`. */
static int look_without(const char *dir, uint32_t next)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY), err;
	uint64_t id = fill_id(DAMAGE_ROW), other = fill_id(next);
	struct vexfs_ioc_search s;
	struct vexfs_ioc_info info;
	struct vexfs_hit hit[5];
	float row[30], q[30];

	err = vx_get(fd, id, 30, row, NULL);
	make_row(q, 30, VEXFS_METRIC_L2, id);
	EXPECT(0, vx_search(fd, 5, 30, q, hit, &s), "search next to it");
	FAIL(hit[0].id == id || s.n != 5, "search returns a damaged record");
	/* get or loading has seen that it is */
	FAIL(s.truncated != VEXFS_TRUNC_DAMAGED, "the search misses a record and does not say so");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(!info.damaged, "the damaged record is not counted");
	EXPECT(0, vx_get(fd, other, 30, row, NULL), "get of another record");
	make_row(q, 30, VEXFS_METRIC_L2, other);
	EXPECT(0, vx_search(fd, 1, 30, q, hit, &s), "search for another record");
	FAIL(hit[0].id != other, "another record is not found");
	close(fd);
	return err;
}

static int look_record(const char *dir)
{
	return look_without(dir, DAMAGE_ROW + 1);
}

/* The same where the whole block of records is. */
static int look_block(const char *dir)
{
	return look_without(dir, DAMAGE_ROW + 64);
}

static void damage(const char *device, const char *mountpoint)
{
	static struct damage d;
	static union {
		unsigned char bytes[4096];
		struct vexfs_collection c;
		struct vexfs_dead_block x;
	} b;
	__le32 magic = htole32(VEXFS_COLLECTION_MAGIC), dead_magic = htole32(VEXFS_DEAD_MAGIC),
	       dims = htole32(30);
	__le64 id = htole64(fill_id(DAMAGE_ROW));
	uint64_t ino, block;
	uint32_t generation;
	float row[30];
	off_t at;

	d = (struct damage){ .device = device,
			     .mountpoint = mountpoint,
			     .dev = open(device, O_RDWR) };
	if (d.dev < 0)
		die(device);

	/* the collection block */
	d.pos = find_bytes(d.dev, &magic, 4, 4096, 0);
	if (d.pos < 0 || pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("no collection block");
	memcpy(&b, d.good, 4096);
	if (FAIL(b.c.c_dims != dims, "another collection block"))
		return;
	ino = le64toh(b.c.c_ino);
	generation = le32toh(b.c.c_generation);
	block = d.pos / 4096;
	d.want = 0;
	try_damage(&d, "nothing damaged", look_info);
	d.want = EUCLEAN;
#define BLOCK(what, ...) do {									\
		memcpy(&b, d.good, 4096);							\
		__VA_ARGS__;									\
		put_block(&d, &b);								\
		try_damage(&d, what, look_info);						\
	} while (0)
#define HOSTILE(what, ...)       \
	BLOCK(what, __VA_ARGS__; \
	      stamp(d.dev, &b, offsetof(struct vexfs_collection, c_crc), ino, generation, block))
	BLOCK("a bit of the collection block", b.bytes[100] ^= 4);
	BLOCK("a collection block of zeros", memset(&b, 0, 4096));
	BLOCK("a collection block of noise",
	      for (at = 0; at < 4096; at++) b.bytes[at] = at * 7 + 1);
	HOSTILE("dims 0", b.c.c_dims = 0);
	HOSTILE("dims 5000", b.c.c_dims = htole32(5000));
	HOSTILE("dims 31", b.c.c_dims = htole32(31));
	HOSTILE("row_bytes", b.c.c_row_bytes = htole32(4));
	HOSTILE("metric 9", b.c.c_metric = htole16(9));
	HOSTILE("element 0", b.c.c_element = 0);
	HOSTILE("count + 1", b.c.c_count = htole64(le64toh(b.c.c_count) + 1));
	HOSTILE("count - 1", b.c.c_count = htole64(le64toh(b.c.c_count) - 1));
	HOSTILE("count 2^32", b.c.c_count = htole64(1ULL << 32),
		b.c.c_next_seq = htole64(1ULL << 40));
	HOSTILE("count ~0", b.c.c_count = ~0ULL);
	HOSTILE("live", b.c.c_live = htole64(le64toh(b.c.c_live) - 1));
	HOSTILE("live > count", b.c.c_live = htole64(1ULL << 40));
	HOSTILE("next_seq 1", b.c.c_next_seq = htole64(1));
	HOSTILE("attrs 9", b.c.c_attrs = htole32(9));
	HOSTILE("attribute name", b.c.c_attr[0].a_name[0] = '/');
	HOSTILE("program name without end", memset(b.c.c_program[0], 'a', VEXFS_PROG_NAME_LEN));
	HOSTILE("program name", strcpy(b.c.c_program[0], "../x"));
	HOSTILE("vectors 0", b.c.c_vectors = 0);
	HOSTILE("vectors is the root", b.c.c_vectors = htole64(VEXFS_ROOT_INO));
	HOSTILE("vectors is the collection", b.c.c_vectors = b.c.c_ino);
	HOSTILE("vectors is records", b.c.c_vectors = b.c.c_records);
	HOSTILE("vectors and dead swapped", b.c.c_vectors = b.c.c_dead,
		b.c.c_dead = ((struct vexfs_collection *)d.good)->c_vectors);
	HOSTILE("records ~0", b.c.c_records = ~0ULL);
	HOSTILE("dead is a free inode", b.c.c_dead = htole64(4000));
	HOSTILE("another directory's", b.c.c_ino = htole64(ino + 1));

	/* the dead bitmap */
	d.pos = find_bytes(d.dev, &dead_magic, 4, 4096, 0);
	if (d.pos < 0 || pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("no dead bitmap");
	BLOCK("a bit of the dead bitmap", b.x.x_bits[1] ^= 1);
	BLOCK("a dead bitmap of zeros", memset(&b, 0, 4096));

	/* a record, by its id, and its row */
	at = find_bytes(d.dev, &id, 8, 128, 8);
	if (at < 0)
		die("no record");
	d.pos = at & ~4095;
	if (pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("record");
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + offsetof(struct vexfs_record, r_attr)] ^= 1;
	put_block(&d, &b);
	try_damage(&d, "a bit of an attribute", look_record);
	d.want = ENOENT;
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + offsetof(struct vexfs_record, r_flags)] = 0x80;
	put_block(&d, &b);
	try_damage(&d, "the flags of a record", look_record);
	memset(&b, 0, 4096);
	put_block(&d, &b);
	try_damage(&d, "records of zeros", look_block);
	d.want = EUCLEAN;

	make_row(row, 30, VEXFS_METRIC_L2, le64toh(id));
	at = find_bytes(d.dev, row, 8, 8, 0);
	if (at < 0)
		die("no row");
	d.pos = at & ~4095;
	if (pread(d.dev, d.good, 4096, d.pos) != 4096)
		die("row");
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + 1] ^= 1;	/* a small change: still the nearest */
	put_block(&d, &b);
	try_damage(&d, "a bit of a row", look_record);
	memcpy(&b, d.good, 4096);
	b.bytes[at % 4096 + 3] = 0x7f;	/* NaN or huge */
	b.bytes[at % 4096 + 2] = 0xc0;
	put_block(&d, &b);
	try_damage(&d, "a row with NaN", look_record);
	d.want = 0;
	try_damage(&d, "nothing damaged any more", look_info);
	close(d.dev);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		fprintf(stderr, "usage: damage DEVICE MOUNTPOINT\n");
		return 2;
	}
	damage(argv[1], argv[2]);
	return failed();
}
