// SPDX-License-Identifier: GPL-2.0
/*
 * Repair a whole filesystem, offline.
 *
 * First which inodes there are, by their checksums, and which blocks each of them owns; from that
 * the groups are made anew.  Now blocks and inodes can be allocated and freed, and all that follows
 * is done by the core: maps that lost something, directories, inodes without a name, collections,
 * link counts.  Counts come last.
 *
 * What cannot be made right without guessing is dropped, and that is said: nothing is invented.  A
 * block in which a single bit is wrong is known by its checksum, and is put right.
 */
#include "repair-priv.h"

struct rep_inode *rep_find(struct repair *r, __u64 ino)
{
	__u32 g;

	if (!vexfs_ino_valid(&r->fs, ino))
		return NULL;
	g = (ino - 1) / r->fs.inodes_per_group;
	if (g >= r->fs.groups_init)
		return NULL;
	if (!r->group[g]) /* the repair itself has begun to use it */
		r->group[g] = calloc(r->fs.inodes_per_group, sizeof(**r->group));
	return r->group[g] ? &r->group[g][(ino - 1) % r->fs.inodes_per_group] : NULL;
}

struct rep_inode *rep_used(struct repair *r, __u64 ino)
{
	struct rep_inode *f = rep_find(r, ino);

	return f && f->used ? f : NULL;
}

int rep_step(struct repair *r, const char *what)
{
	if (vx_killed())
		return -EINTR;
	if (r->done++ % 64 || !r->opts->progress)
		return 0;
	return r->opts->progress(r->opts->arg, what, min(r->done, r->total), r->total) ? 0 : -EINTR;
}

int rep_each(struct repair *r, int (*fn)(struct repair *r, __u64 ino, struct rep_inode *f))
{
	__u64 ino, last = (__u64)r->fs.groups_init * r->fs.inodes_per_group;
	int err = 0;

	for (ino = 1; ino <= last && !err; ino++) {
		struct rep_inode *f = rep_find(r, ino);

		err = rep_step(r, "repair");
		if (!err && f && f->used)
			err = fn(r, ino, f);
	}
	return err;
}

int rep_load(struct repair *r, __u64 ino, struct vexfs_inode_core *c)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err = vexfs_inode_buf(&r->fs, ino, &buf, &raw);

	if (err)
		return err;
	vx_rwsem_init(&c->lock);
	vexfs_inode_load(c, &r->fs, ino, raw);
	vx_brelse(buf);
	return 0;
}

int rep_edit(struct repair *r, __u64 ino, void (*edit)(struct vexfs_inode *raw, void *arg),
	     void *arg)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err = vexfs_inode_write(&r->t, &r->fs, ino, &buf, &raw);

	if (err)
		return err;
	edit(raw, arg);
	return vexfs_inode_dirty(&r->t, &r->fs, ino, buf, raw);
}

struct storing {
	const struct vexfs_inode_core *c;
	void (*edit)(struct vexfs_inode *raw, void *arg);
	void *arg;
};

static void store(struct vexfs_inode *raw, void *arg)
{
	struct storing *s = arg;

	vexfs_inode_store(s->c, raw);
	if (s->edit)
		s->edit(raw, s->arg);
}

int rep_store(struct repair *r, const struct vexfs_inode_core *c,
	      void (*edit)(struct vexfs_inode *raw, void *arg), void *arg)
{
	struct storing s = { c, edit, arg };

	return rep_edit(r, c->ino, store, &s);
}

/* --- checksums --- */

static __u32 sum_of(const struct vexfs_fs *fs, const void *p, unsigned int len,
		    unsigned int crc_off, __u64 a, const __u32 *b, __u64 d)
{
	const struct vexfs_inode *raw = p;

	return vexfs_csum(fs, p, len, crc_off, a, b ? *b : le32_to_cpu(raw->i_generation), d);
}

/* It takes a while, so a device full of noise is not searched for ever. */
#define MOST_SUMS (32ULL << 30)

bool rep_one_bit(struct repair *r, void *p, unsigned int len, unsigned int crc_off, __u64 a,
		 const __u32 *b, __u64 d)
{
	const struct vexfs_fs *fs = &r->fs;
	__u8 *byte = p;
	unsigned int i;
	__le32 was;
	__u32 is;

	memcpy(&was, byte + crc_off, sizeof(was));
	is = sum_of(fs, p, len, crc_off, a, b, d) ^ le32_to_cpu(was);
	if (!(is & (is - 1))) { /* of the checksum itself */
		was = cpu_to_le32(is ^ le32_to_cpu(was));
		memcpy(byte + crc_off, &was, sizeof(was));
		return true;
	}
	for (i = 0; i < len * 8 && r->sums < MOST_SUMS; i++) {
		r->sums += len;
		if (i / 8 - crc_off < sizeof(was))
			continue;
		byte[i / 8] ^= 1 << i % 8;
		if (sum_of(fs, p, len, crc_off, a, b, d) == le32_to_cpu(was))
			return true;
		byte[i / 8] ^= 1 << i % 8;
	}
	return false;
}

/* How blocks of directories, dead bitmaps and tables of heirs begin. */
struct head {
	__le32 magic, crc, lblk, more;
};

static __u32 head_crc(const struct vexfs_inode_core *c, const void *block, __u32 lblk)
{
	return vexfs_csum(c->fs, block, VEXFS_BLOCK_SIZE, offsetof(struct head, crc), c->ino,
			  c->generation, lblk);
}

bool rep_is_block(const struct vexfs_inode_core *c, const void *block, __u32 lblk, __u32 magic)
{
	const struct head *h = block;
	__u32 is = le32_to_cpu(h->magic);

	if (magic ? is != magic :
		    is != VEXFS_DIR_MAGIC && is != VEXFS_DEAD_MAGIC && is != VEXFS_HEIR_MAGIC)
		return false;
	return le32_to_cpu(h->lblk) == lblk && le32_to_cpu(h->crc) == head_crc(c, block, lblk);
}

void rep_stamp_block(const struct vexfs_inode_core *c, void *block)
{
	struct head *h = block;

	h->crc = cpu_to_le32(head_crc(c, block, le32_to_cpu(h->lblk)));
}

/* --- the superblock --- */

/* Who looks at the counts shall count, and nothing is on the orphan list. */
static int unclean(struct repair *r)
{
	struct vexfs_fs fs = { .host = r->dev };
	vx_buf *b = vx_bread(&fs, 0);
	struct vexfs_super *s;
	int err;

	if (IS_ERR(b))
		return PTR_ERR(b);
	err = vx_txn_write(&r->t, b);
	if (!err) {
		s = vx_data(b);
		s->s_state = 0;
		s->s_last_orphan = 0;
		vexfs_super_stamp(s);
		err = vx_txn_dirty(&r->t, &r->fs, b);
	}
	vx_brelse(b);
	return err;
}

static __u32 newest(const struct repair *r)
{
	__u32 g, i, most = 0;

	for (g = 0; g < r->fs.groups_init; g++)
		for (i = 0; i < r->fs.inodes_per_group; i++)
			if (r->group[g][i].used)
				most = max(most, r->group[g][i].generation);
	return most;
}

/* Groups are good: from here on the core allocates. */
static int begin_allocating(struct repair *r)
{
	struct vexfs_super *s;
	int err = unclean(r);

	if (!err)
		err = vexfs_super_read(&r->fs, r->dev, r->dev->blocks); /* counts */
	if (err)
		return err;
	r->fs.reserved_blocks = 0; /* it is for this, too */
	if (!r->opts->stale)
		return 0;
	err = vx_txn_write(&r->t, r->fs.sb_buf);
	if (err)
		return err;
	s = vx_data(r->fs.sb_buf);
	if (le32_to_cpu(s->s_next_generation) <= newest(r))
		s->s_next_generation = cpu_to_le32(newest(r) + 1);
	return vexfs_super_dirty(&r->t, &r->fs);
}

static int finish(struct repair *r)
{
	return vexfs_super_log(&r->t, &r->fs, VEXFS_STATE_CLEAN);
}

/* --- all of it --- */

static int begin(struct repair *r)
{
	vx_buf *b = vx_bread(&r->fs, 0);
	const struct vexfs_super *s;
	__u64 words;
	__u32 g;

	if (IS_ERR(b))
		return PTR_ERR(b);
	s = vx_data(b);
	vexfs_super_geometry(&r->fs, s);
	vx_brelse(b);
	vx_mutex_init(&r->fs.alloc_lock);
	vx_mutex_init(&r->fs.orphan_lock);
	words = r->fs.groups_init;
	r->total = words * r->fs.inodes_per_group * 9;
	r->owned = calloc(words, VEXFS_GROUP_BLOCKS / 8);
	r->group = calloc(r->fs.groups, sizeof(*r->group));
	r->itable = calloc(words, sizeof(*r->itable));
	r->group_bad = calloc(words, sizeof(*r->group_bad));
	r->fs.group_free = vx_alloc(sizeof(*r->fs.group_free) * r->fs.groups);
	if (!r->owned || !r->group || !r->itable || !r->group_bad || !r->fs.group_free)
		return -ENOMEM;
	for (g = 0; g < r->fs.groups_init; g++) {
		r->group[g] = calloc(r->fs.inodes_per_group, sizeof(**r->group));
		if (!r->group[g])
			return -ENOMEM;
	}
	return 0;
}

static void end(struct repair *r)
{
	__u32 g, i;

	for (g = 0; r->group && g < r->fs.groups; g++) {
		for (i = 0; r->group[g] && i < r->fs.inodes_per_group; i++)
			free(r->group[g][i].map);
		free(r->group[g]);
	}
	free(r->group);
	free(r->owned);
	free(r->itable);
	free(r->group_bad);
	vexfs_super_release(&r->fs);
}

int vexfs_repair(struct vexfs_dev *dev, const struct vexfs_repair_opts *opts)
{
	struct repair r = { .fs.host = dev, .dev = dev, .opts = opts };
	bool quiet = dev->quiet;
	int err;

	dev->quiet = true;
	vexfs_txn_start(&r.t, dev, INT_MAX);
	err = begin(&r);
	if (!err)
		err = rep_inodes(&r);
	if (!err)
		err = rep_claim(&r);
	if (!err)
		err = rep_groups(&r);
	if (!err) {
		vx_free(r.fs.group_free);
		r.fs.group_free = NULL;
		err = begin_allocating(&r);
	}
	if (!err)
		err = rep_maps(&r);
	if (!err)
		err = rep_names(&r);
	if (!err)
		err = rep_collections(&r);
	if (!err)
		err = rep_links(&r);
	if (!err)
		err = finish(&r);
	end(&r);
	dev->quiet = quiet;
	dev->damage[0] = 0;
	return err;
}
