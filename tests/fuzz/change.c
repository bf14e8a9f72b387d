// SPDX-License-Identifier: GPL-2.0
/* Changes of the image of base.c, see change.h. */
#define _GNU_SOURCE
#include <unistd.h>

#include <platform/jbd2.h>
#include <platform/log.h>
#include "change.h"

#define MOST_RECORDS 64u

static struct base base;
static struct base_spot now[BASE_SPOTS];
static bool touched[BASE_SPOTS], as_it_is[BASE_SPOTS];

/* --- the input --- */

static struct base_spot *spot_at(__u64 block)
{
	__u32 i;

	for (i = 0; i < base.spots; i++)
		if (now[i].block == block)
			return &now[i];
	return NULL;
}

static const struct vexfs_inode *inode_now(__u64 ino)
{
	__u32 i;

	for (i = 0; i < base.spots; i++)
		if (now[i].kind == BASE_INODES && ino - now[i].ino < VEXFS_INODES_PER_BLOCK)
			return (struct vexfs_inode *)now[i].data + (ino - now[i].ino);
	return NULL;
}

static void change(struct piece *in)
{
	__u32 n = take_u8(in) % base.spots;
	struct base_spot *s = &now[n];
	__u8 flags = take_u8(in);
	size_t off, len;

	touched[n] = true;
	as_it_is[n] = (flags & 15) == AS_IT_IS;
	if (flags & TAKE_COPY)
		memcpy(s->data, now[take_u8(in) % base.spots].data, sizeof(s->data));
	if (flags & TAKE_OWNER) {
		s->ino = take_u8(in);
		s->lblk = take_u8(in);
	}
	if ((flags & 15) && (flags & 15) < BASE_KINDS && s->kind != BASE_INODES)
		s->kind = flags & 15;
	off = take_u16(in) % VEXFS_BLOCK_SIZE;
	len = min_t(size_t, take_u8(in), min_t(size_t, in->left, VEXFS_BLOCK_SIZE - off));
	memcpy(s->data + off, take(in, len), len);
}

/* Records and words, from the first block of each plane on, as far as the spots go. */
static void stamp_records(void)
{
	const struct vexfs_collection *col = (void *)spot_at(base.collection)->data;
	__u8 *vectors = spot_at(base.plane.vectors)->data, *keys = spot_at(base.plane.keys)->data;
	struct base_spot *words = spot_at(base.plane.words), *s;
	__u32 row = le32_to_cpu(col->c_row_bytes), slot, pos, len;

	for (slot = 0;
	     slot < MOST_RECORDS && (slot + 1) * row <= VEXFS_BLOCK_SIZE && row <= VEXFS_BLOCK_SIZE;
	     slot++) {
		const __u32 per_block = VEXFS_BLOCK_SIZE / sizeof(struct vexfs_record);
		struct vexfs_record *r;
		__u64 key;

		s = spot_at(base.plane.records + slot / per_block);
		if (!s)
			break;
		touched[s - now] = true;
		r = (struct vexfs_record *)s->data + slot % per_block;
		key = le32_to_cpu(r->r_flags) & VEXFS_RECORD_KEYED ? le64_to_cpu(r->r_key) : 0;
		if (key >> 8 > VEXFS_BLOCK_SIZE - 255)
			key = 0;
		base_stamp_record(col->c_uuid, slot, r, vectors + slot * row, row,
				  keys + (key >> 8), key & 0xff);
	}
	touched[words - now] = true;
	for (pos = 0; pos + sizeof(struct vexfs_word) + 255 <= VEXFS_BLOCK_SIZE; pos += len) {
		__u8 bytes = words->data[pos + offsetof(struct vexfs_word, w_len)];

		len = sizeof(struct vexfs_word) + bytes;
		if (!bytes || pos >= le64_to_cpu(col->c_word_bytes))
			break;
		base_stamp_word(col->c_uuid, pos, words->data + pos);
	}
}

static void stamp(void)
{
	bool records = false;
	__u32 i;

	for (i = 0; i < base.spots; i++)
		records |= touched[i] && !as_it_is[i] &&
			   (now[i].kind == BASE_COLLECTION ||
			    (now[i].kind == BASE_OTHER && now[i].block < BASE_SPOTS * 64));
	if (records)
		stamp_records();
	for (i = 0; i < base.spots; i++) {
		const struct vexfs_inode *raw = now[i].ino ? inode_now(now[i].ino) : NULL;

		if (raw && now[i].kind != BASE_INODES)
			now[i].generation = le32_to_cpu(raw->i_generation);
		if (touched[i] && !as_it_is[i])
			base_stamp(&base, &now[i], now[i].data);
	}
}

static void write_block(__u64 block, const void *data)
{
	must(!vexfs_dev_write(&base.dev, block, data));
}

/* Data are not, and a replay brings none of them back. */
static bool journaled(__u32 i)
{
	return base.spot[i].kind != BASE_OTHER;
}

/* One transaction with all blocks that have changed and are journaled. */
static void put_into_log(void)
{
	const __u64 start = base.fs.journal_start;
	union jbd2_block head, d = {}, c = {};
	size_t pos = sizeof(d.head);
	__u32 i, n = 0, seed;

	must(!vexfs_dev_read(&base.dev, start, &head));
	seed = jbd2_seed(&head.super);
	d.head = (struct jbd2_header){ htobe32(JBD2_MAGIC), htobe32(JBD2_DESCRIPTOR), htobe32(1) };
	for (i = 0; i < base.spots; i++) {
		struct jbd2_tag tag = { .t_blocknr = htobe32(now[i].block),
					.t_flags = htobe32(JBD2_FLAG_SAME_UUID) };
		union jbd2_block copy;

		if (!touched[i] || !journaled(i))
			continue;
		memcpy(&copy, now[i].data, sizeof(copy));
		if (be32toh(copy.head.h_magic) == JBD2_MAGIC) {
			tag.t_flags |= htobe32(JBD2_FLAG_ESCAPE);
			copy.head.h_magic = 0;
		}
		tag.t_checksum = jbd2_copy_sum(seed, 1, &copy);
		memcpy(d.byte + pos, &tag, sizeof(tag));
		pos += sizeof(tag);
		write_block(start + 2 + n++, &copy);
		if (pos + sizeof(tag) > sizeof(d) - sizeof(struct jbd2_tail))
			break;
	}
	if (!n)
		return;
	((struct jbd2_tag *)(d.byte + pos))[-1].t_flags |= htobe32(JBD2_FLAG_LAST_TAG);
	*jbd2_tail_sum(&d) = jbd2_block_sum(seed, &d, jbd2_tail_sum(&d));
	write_block(start + 1, &d);
	c.head = (struct jbd2_header){ htobe32(JBD2_MAGIC), htobe32(JBD2_COMMIT), htobe32(1) };
	c.commit.h_chksum[0] = jbd2_block_sum(seed, &c, &c.commit.h_chksum[0]);
	write_block(start + 2 + n, &c);
	head.super.s_start = htobe32(1);
	head.super.s_checksum = jbd2_super_sum(&head.super);
	write_block(start, &head);
}

static void put(bool log)
{
	__u32 i;

	for (i = 0; i < base.spots; i++)
		if (touched[i] && !(log && journaled(i)))
			write_block(now[i].block, now[i].data);
	if (log)
		put_into_log();
}

void change_undo(void)
{
	__u32 i;

	vexfs_dev_drop(&base.dev);
	must(!base.dev.cached);
	base_put_back(&base);
	for (i = 0; i < base.spots; i++) {
		if (touched[i])
			now[i] = base.spot[i];
		now[i].generation = base.spot[i].generation;
		touched[i] = as_it_is[i] = false;
	}
}

struct base *change_base(void)
{
	if (!base.spots) {
		base_make(&base);
		base.dev.quiet = true;
		memcpy(now, base.spot, sizeof(now));
	}
	return &base;
}

void change_take(struct piece *in, bool log)
{
	while (in->left)
		change(in);
	stamp();
	put(log);
}
