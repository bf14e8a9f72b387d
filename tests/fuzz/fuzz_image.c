// SPDX-License-Identifier: GPL-2.0
/*
 * Images.
 *
 * The input is a byte of HOW_* and changes of the image of base.c, one after the other, as change.h
 * describes them.  With HOW_LOG they are a transaction in the log instead.
 *
 * Whatever it holds: nothing reads out of bounds or has no end; the check tells what is wrong;
 * where it finds nothing, everything can be read; and what is then made and removed again leaves it
 * like that.  With FUZZ_SHOW in the environment the blocks that matter and what the check finds are
 * printed.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include <platform/log.h>
#include "change.h"
#include "use.h"

#define HOW_LOG		1
#define HOW_CHANGE	2		/* something is made and removed; or cut, if damaged */
#define HOW_MOUNT	4		/* it is mounted, used and unmounted */
#define HOW_READONLY	8		/* ... and not changed */

static struct base *base;

/* --- what is done with it --- */

static int see_extent(void *arg, const struct vexfs_map *m)
{
	struct vexfs_inode_core *c = arg;
	struct vexfs_map again;

	must(m->len && m->pblk && m->pblk + m->len <= c->fs->blocks);
	must(!vexfs_extent_lookup(c, m->lblk + m->len - 1, &again));
	must(again.pblk + (m->lblk + m->len - 1 - again.lblk) == m->pblk + m->len - 1);
	return 0;
}

static bool see_name(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	(void)pos;
	must(len && len <= VEXFS_NAME_LEN && !memchr(name, '/', len) && !memchr(name, 0, len) &&
	     type);
	must(vexfs_ino_valid(((struct vexfs_inode_core *)arg)->fs, ino));
	return true;
}

static int load(struct vexfs_fs *fs, struct vexfs_inode_core *c, __u64 ino)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err = vexfs_inode_buf(fs, ino, &buf, &raw);

	if (err)
		return err;
	memset(c, 0, sizeof(*c));
	vx_rwsem_init(&c->lock);
	vexfs_inode_load(c, fs, ino, raw);
	vx_brelse(buf);
	return S_ISLNK(le16_to_cpu(raw->i_mode)) && c->disk_size < sizeof(c->link);
}

static bool is_dir(struct vexfs_fs *fs, __u64 ino)
{
	struct vexfs_inode raw;

	return !vexfs_inode_peek(fs, ino, &raw) && S_ISDIR(le16_to_cpu(raw.i_mode));
}

/* Every inode, its extents and its names.  The first error. */
static int walk(struct vexfs_fs *fs)
{
	__u64 ino, pos;
	int err, first = 0;

	for (ino = 1; ino <= (__u64)fs->groups_init * fs->inodes_per_group; ino++) {
		struct vexfs_inode_core c;

		err = vexfs_ino_valid(fs, ino) ? vexfs_ino_in_use(fs, ino) : -ESTALE;
		if (err == -ESTALE)
			continue;
		err = err ?: load(fs, &c, ino);
		if (!err) {
			vx_down_read(&c.lock);
			err = vexfs_extent_walk(&c, see_extent, &c);
			vx_up_read(&c.lock);
		}
		if (!err && is_dir(fs, ino)) {
			pos = 0;
			err = vexfs_dir_iterate(&c, &pos, see_name, &c);
			vexfs_dir_empty(&c);
		}
		if (err < 0 && !first)
			first = err;
	}
	return first;
}

static void store(vx_txn *t, struct vexfs_inode_core *c, __u16 mode, __u32 nlink)
{
	struct vexfs_inode *raw;
	vx_buf *buf;

	if (vexfs_inode_write(t, c->fs, c->ino, &buf, &raw))
		return;
	vexfs_inode_store(c, raw);
	if (mode) {
		raw->i_mode = cpu_to_le16(mode);
		raw->i_nlink = cpu_to_le32(nlink);
	}
	must(!vexfs_inode_dirty(t, c->fs, c->ino, buf, raw));
}

/* Unmap all of it, in as many transactions as it takes. */
static int cut(struct vexfs_inode_core *c, __u32 credits)
{
	int err, left = 10000;
	vx_txn t;

	do {
		must(left--);
		vexfs_txn_start(&t, &base->dev, credits);
		vx_down_write(&c->lock);
		err = vexfs_extent_truncate(&t, c, 0);
		vx_up_write(&c->lock);
		store(&t, c, 0, 0);
	} while (err == -EAGAIN);
	return err;
}

/*
 * A file, with blocks and a name, and all of that away again, as the module does it.  The first
 * error.
 */
static int make_and_remove(struct vexfs_fs *fs)
{
	static const char name[] = "a name that is new, and not a short one";
	struct vexfs_inode_core root, c = { .fs = fs };
	struct vexfs_map m;
	__u32 done;
	vx_txn t;
	int err, i;

	vx_rwsem_init(&c.lock);
	err = load(fs, &root, VEXFS_ROOT_INO);
	if (err)
		return err;
	vexfs_txn_start(&t, &base->dev, VEXFS_ALLOC_CREDITS + 4 + VEXFS_DIR_CREDITS);
	err = vexfs_alloc_ino(&t, fs, root.ino, false, &c.ino, &c.generation);
	if (err)
		return err;
	c.parent = root.ino;
	c.parent_generation = root.generation;
	store(&t, &c, S_IFREG | 0600, 1);
	err = vexfs_dir_add(&t, &root, name, sizeof(name) - 1, c.ino, DT_REG);
	store(&t, &root, 0, 0);
	for (i = 0; i < 3 && !err; i++) {
		vexfs_txn_start(&t, &base->dev, VEXFS_EXTENT_CREDITS + 2);
		vx_down_write(&c.lock);
		err = vexfs_extent_alloc(&t, &c, i * 5, 3, i == 1, &m);
		if (!err && i == 1)
			err = vexfs_extent_convert(&t, &c, 6, 1, &done);
		vx_up_write(&c.lock);
		c.disk_size = (i * 5 + 3) << VEXFS_BLOCK_SHIFT;
		store(&t, &c, 0, 0);
	}
	if (err)
		return err;
	vexfs_txn_start(&t, &base->dev, VEXFS_DIR_CREDITS + VEXFS_ORPHAN_CREDITS);
	err = vexfs_dir_remove(&t, &root, name, sizeof(name) - 1);
	store(&t, &root, 0, 0);
	store(&t, &c, S_IFREG | 0600, 0);
	err = err ?: vexfs_orphan_add(&t, &c, false) ?: cut(&c, VEXFS_EXTENT_CREDITS + 2);
	if (err)
		return err;
	vexfs_txn_start(&t, &base->dev, VEXFS_ALLOC_CREDITS + VEXFS_ORPHAN_CREDITS + 2);
	return vexfs_free_ino_prepare(&t, fs, c.ino, false) ?: vexfs_orphan_del(&t, fs, c.ino, 0) ?:
	       vexfs_free_ino(&t, fs, c.ino, false);
}

/* Whatever there is is cut and removed: it may fail, and no more. */
static void destroy(struct vexfs_fs *fs)
{
	__u64 ino;

	for (ino = VEXFS_ROOT_INO; ino < 64; ino++) {
		struct vexfs_inode_core c;
		vx_txn t;

		if (load(fs, &c, ino))
			continue;
		vexfs_txn_start(&t, &base->dev, VEXFS_DIR_CREDITS + 2);
		if (is_dir(fs, ino) && !vexfs_dir_add(&t, &c, "x", 1, ino, DT_DIR))
			store(&t, &c, 0, 0);
		cut(&c, VEXFS_EXTENT_CREDITS + 2);
		vexfs_txn_start(&t, &base->dev, VEXFS_ALLOC_CREDITS + VEXFS_ORPHAN_CREDITS);
		if (!vexfs_orphan_del(&t, fs, ino, 0))
			vexfs_free_ino(&t, fs, ino, is_dir(fs, ino));
	}
}

/* The core by itself.  How many errors the check found, -1: it came to none. */
static int examine(bool change)
{
	struct vexfs_super super;
	const char *why = NULL;
	struct vexfs_fs fs;
	__u32 errors;
	int err;

	must(!vexfs_dev_read(&base->dev, 0, &super));
	err = vexfs_super_check(&super, base->dev.blocks, &why);
	must(!err || why);
	if (err && err != -EROFS)
		return -1;
	err = vexfs_log_replay(&base->dev, &super, NULL, &why);
	must(!err || err == -EUCLEAN || err == -EOPNOTSUPP);
	if (err)
		return -1;
	err = vexfs_super_read(&fs, &base->dev, base->dev.blocks);
	must(!err || err == -EUCLEAN || err == -EINVAL || err == -EOPNOTSUPP || err == -ENXIO ||
	     err == -EROFS);
	if (err)
		return -1;
	errors = use_verify_fs(&fs);
	err = walk(&fs);
	must(!err || errors);
	if (change) {
		must(!vexfs_dev_flush(&base->dev));
		err = make_and_remove(&fs);
		if (!errors)
			must(err == -ENOSPC || (!err && !use_verify_fs(&fs)));
		else
			destroy(&fs);
	}
	vexfs_super_release(&fs);
	return errors;
}

/* As a user has it.  Where nothing is wrong, nothing fails, and nothing is wrong afterwards. */
static void mount(int errors, bool readonly)
{
	struct vexfs_image *image;
	int err;

	vexfs_dev_drop(&base->dev);
	err = use_mount(&base->dev, readonly ? VEXFS_IMAGE_READONLY : 0, base_record, &image);
	must(!err || errors);
	if (err)
		return;
	err = use_all(image, !readonly);
	must(!err || errors);
	err = vexfs_image_close(image);
	must(!err || errors);
	if (!errors)
		must(!use_verify(&base->dev));
}

/* For who writes an input by hand. */
static void show_spots(void)
{
	__u32 i;

	for (i = 0; getenv("FUZZ_SHOW") && i < base->spots; i++)
		fprintf(stderr, "%3u: block %llu, kind %u, inode %llu, logical block %u\n", i,
			(unsigned long long)base->spot[i].block, base->spot[i].kind,
			(unsigned long long)base->spot[i].ino, base->spot[i].lblk);
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	struct piece in = { data, size };
	__u8 how = take_u8(&in);
	int errors;

	if (!base) {
		base = change_base();
		show_spots();
	}
	base->dev.strict = how & HOW_CHANGE;
	base->dev.record = base_record;
	change_take(&in, how & HOW_LOG);
	errors = examine(how & HOW_CHANGE);
	if (how & HOW_MOUNT)
		mount(how & HOW_CHANGE ? 1 : errors, how & HOW_READONLY);
	change_undo();
	return 0;
}
