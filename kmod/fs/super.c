// SPDX-License-Identifier: GPL-2.0
/*
 * Mounting, unmounting, and everything else that concerns the filesystem as a whole; the module's
 * init.
 *
 * Unmounting: kill_sb stops the workers and commits the collections while everything still
 * works, generic_shutdown_super syncs and evicts the inodes, put_super drops the planes, marks the
 * superblock clean and closes the log.
 */
#include <linux/blkdev.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/statfs.h>
#include <linux/string_helpers.h>
#include <linux/writeback.h>
#include "fs/fs.h"
#include "engine/kernels.h"
#include "hooks/hooks.h"

/* --- mount options --- */

enum { OPT_ERRORS, OPT_COMMIT, OPT_RESIDENT, OPT_COMPACT, OPT_SB, OPT_NORECOVERY, OPT_SHOWN };

static const struct constant_table errors_table[] = {
	{ "continue",	VEXFS_ERRORS_CONTINUE },
	{ "remount-ro",	VEXFS_ERRORS_RO },
	{ "panic",	VEXFS_ERRORS_PANIC },
	{ }
};

static const struct fs_parameter_spec parameters[] = {
	fsparam_enum	("errors",	OPT_ERRORS, errors_table),
	fsparam_u32	("commit",	OPT_COMMIT),
	fsparam_string	("resident",	OPT_RESIDENT),
	fsparam_string	("compact",	OPT_COMPACT),
	fsparam_u32	("sb",		OPT_SB),
	fsparam_flag	("norecovery",	OPT_NORECOVERY),
	/* not options but what has happened, which mount(8) hands back at a remount */
	fsparam_flag	("emergency_ro", OPT_SHOWN),
	fsparam_flag	("shutdown",	OPT_SHOWN),
	{ }
};

/* Where there is a copy of the superblock, if there are so many groups. */
static const u32 copies[] = { VEXFS_GROUP_BLOCKS, 3 * VEXFS_GROUP_BLOCKS };

/* errors 0: as the superblock says */
static int parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct vexfs_mount_opts *opts = fc->fs_private;
	struct fs_parse_result result;
	char *end;
	int opt;

	opt = fs_parse(fc, parameters, param, &result);
	switch (opt) {
	case OPT_ERRORS:
		opts->errors = result.uint_32;
		return 0;
	case OPT_COMMIT:
		if (!result.uint_32 || result.uint_32 > VEXFS_MAX_COMMIT)
			return invalfc(fc, "commit= takes 1 to %d seconds", VEXFS_MAX_COMMIT);
		opts->commit = result.uint_32;
		return 0;
	case OPT_RESIDENT:
		if (*param->string < '0' || *param->string > '9')
			return invalfc(fc, "resident= takes a size, such as 512M");
		opts->resident = memparse(param->string, &end);
		if (*end)
			return invalfc(fc, "resident= takes a size, such as 512M");
		return 0;
	case OPT_COMPACT:
		if (!strcmp(param->string, "off"))
			opts->compact = 0;
		else if (kstrtouint(param->string, 10, &opts->compact) || !opts->compact ||
			 opts->compact > 100)
			return invalfc(fc, "compact= takes off, or 1 to 100 percent");
		return 0;
	case OPT_SB:
		if (result.uint_32 != copies[0] && result.uint_32 != copies[1])
			return invalfc(fc, "sb= takes %u or %u, the blocks of copies of the superblock",
				       copies[0], copies[1]);
		opts->sb = result.uint_32;
		return 0;
	case OPT_NORECOVERY:
		opts->norecovery = true;
		return 0;
	case OPT_SHOWN:
		if (fc->purpose != FS_CONTEXT_FOR_RECONFIGURE)
			return invalfc(fc, "Unknown parameter '%s'", param->key);
		return 0;
	}
	return opt;
}

static int show_options(struct seq_file *seq, struct dentry *root)
{
	const struct vexfs_mount_opts *opts = &VEXFS_SB(root->d_sb)->opts;

	seq_printf(seq, ",errors=%s", errors_table[opts->errors - VEXFS_ERRORS_CONTINUE].name);
	if (opts->commit != VEXFS_DEFAULT_COMMIT)
		seq_printf(seq, ",commit=%u", opts->commit);
	if (opts->resident != VEXFS_DEFAULT_RESIDENT)
		seq_printf(seq, ",resident=%llu", opts->resident);
	if (!opts->compact)
		seq_puts(seq, ",compact=off");
	else if (opts->compact != VEXFS_DEFAULT_COMPACT)
		seq_printf(seq, ",compact=%u", opts->compact);
	if (opts->sb)
		seq_printf(seq, ",sb=%u", opts->sb);
	if (opts->norecovery)
		seq_puts(seq, ",norecovery");
	/* the flags of the mount stay as they were, for mount(2) alone changes them */
	if (vexfs_is_gone(root->d_sb))
		seq_puts(seq, ",shutdown");
	else if (vexfs_is_shutdown(root->d_sb))
		seq_puts(seq, ",emergency_ro");
	return 0;
}

/* What such a mount reads may contradict itself, and is nothing to write on. */
static bool is_rescue(const struct vexfs_mount_opts *opts)
{
	return opts->sb || opts->norecovery;
}

/* --- workers --- */

static void raise_later(struct vexfs_sb_info *sbi)
{
	if (test_bit(VEXFS_SBI_RAISE, &sbi->flags))
		queue_delayed_work(system_unbound_wq, &sbi->raise, sbi->opts.commit * HZ);
}

/*
 * What nobody syncs reaches the disk within a few seconds.  A frozen filesystem has nothing to
 * raise.
 */
static void raise_work(struct work_struct *work)
{
	struct vexfs_sb_info *sbi = container_of(work, struct vexfs_sb_info, raise.work);

	if (sb_start_intwrite_trylock(sbi->sb)) {
		if (!vexfs_is_shutdown(sbi->sb))
			vexfs_collections_sync(sbi->sb);
		sb_end_intwrite(sbi->sb);
	}
	if (READ_ONCE(sbi->opts.compact) && test_bit(VEXFS_SBI_RAISE, &sbi->flags))
		queue_work(system_unbound_wq, &sbi->compact);
	raise_later(sbi);
}

/* It takes as long as it takes; who stops the workers, or freezes, waits for one step of it. */
static void compact_work(struct work_struct *work)
{
	struct vexfs_sb_info *sbi = container_of(work, struct vexfs_sb_info, compact);

	if (!vexfs_is_shutdown(sbi->sb))
		vexfs_collections_compact(sbi->sb);
}

static void raise_start(struct vexfs_sb_info *sbi)
{
	set_bit(VEXFS_SBI_RAISE, &sbi->flags);
	raise_later(sbi);
}

static void raise_stop(struct vexfs_sb_info *sbi)
{
	clear_bit(VEXFS_SBI_RAISE, &sbi->flags);
	cancel_delayed_work_sync(&sbi->raise);
	cancel_work_sync(&sbi->compact);
	vexfs_worker_wait(sbi->sb);
}

static int write_state(struct super_block *sb, bool clean)
{
	handle_t *handle = vexfs_start(sb, 1);

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	return vexfs_stop(handle, vexfs_log_super(handle, sb, clean));
}

static void error_work(struct work_struct *work)
{
	write_state(container_of(work, struct vexfs_sb_info, error_work)->sb, false);
}

/* --- read-write, read-only, frozen --- */

/*
 * From here on the counts on disk may be wrong.  The log keeps an error of the last mount until it
 * is in the superblock.
 */
static int make_writable(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err, old = jbd2_journal_errno(sbi->journal);

	if (old) {
		vexfs_msg(KERN_WARNING, sb, "error %d is recorded in the log: run fsck.vexfs", old);
		set_bit(VEXFS_SBI_ERROR, &sbi->flags);
		jbd2_journal_clear_err(sbi->journal);
	}
	err = write_state(sb, false);
	if (!err && old) {
		err = jbd2_journal_force_commit(sbi->journal);
		if (!err)
			jbd2_journal_update_sb_errno(sbi->journal);
	}
	err = err ?: vexfs_orphan_cleanup(sb);
	if (!err && test_bit(VEXFS_SBI_ERROR, &sbi->flags))
		err = write_state(sb, false);
	return err ?: vexfs_log_failed(sb) ? -EIO : 0;
}

/* The log is empty afterwards and the counts are right.  Nobody else writes. */
static int make_clean(struct super_block *sb)
{
	journal_t *journal = VEXFS_SB(sb)->journal;
	int err;

	flush_work(&VEXFS_SB(sb)->error_work);
	err = write_state(sb, true);
	if (err)
		return err;
	jbd2_journal_lock_updates(journal);
	err = jbd2_journal_flush(journal, 0);
	jbd2_journal_unlock_updates(journal);
	return err;
}

static int freeze_fs(struct super_block *sb)
{
	return make_clean(sb);
}

/*
 * A shutdown froze the filesystem to flush it: then it stays clean.  To fail would leave it frozen
 * for ever.
 */
static int unfreeze_fs(struct super_block *sb)
{
	int err;

	if (sb_rdonly(sb) || vexfs_is_shutdown(sb))
		return 0;
	err = write_state(sb, false);
	if (err && !vexfs_is_shutdown(sb))
		vexfs_error(sb, "cannot be marked as in use (error %d)", err);
	return 0;
}

static int sync_fs(struct super_block *sb, int wait)
{
	int err = 0, e2;

	if (vexfs_is_shutdown(sb))
		return -EIO;
	if (!wait) {
		jbd2_journal_start_commit(VEXFS_SB(sb)->journal, NULL);
		return 0;
	}
	if (!sb_rdonly(sb))
		err = vexfs_collections_sync(sb);
	e2 = vexfs_commit_now(sb);
	return err ?: e2;
}

static void apply_options(struct vexfs_sb_info *sbi, const struct vexfs_mount_opts *opts)
{
	const struct vexfs_super *s = vx_data(sbi->fs.sb_buf);

	sbi->opts = *opts;
	if (sbi->opts.errors)
		return;
	/* to panic is for who mounts it to choose: not for what may be somebody's stick */
	sbi->opts.errors = VEXFS_ERRORS_RO;
	if (le16_to_cpu(s->s_errors) == VEXFS_ERRORS_CONTINUE)
		sbi->opts.errors = VEXFS_ERRORS_CONTINUE;
}

static int reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	const struct vexfs_mount_opts *opts = fc->fs_private;
	bool ro = fc->sb_flags & SB_RDONLY;
	const char *why;
	int err = 0;

	if (opts->sb != sbi->opts.sb || opts->norecovery != sbi->opts.norecovery)
		return invalfc(fc, "sb= and norecovery are for the first mount: unmount it before");
	if (!ro && is_rescue(opts))
		return invalfc(fc, "mounted with sb= or norecovery it stays read-only: unmount it first");
	sync_filesystem(sb);
	if (ro && !sb_rdonly(sb)) {
		raise_stop(sbi);
		if (!vexfs_is_shutdown(sb))
			err = vexfs_collections_sync(sb) ?: make_clean(sb);
		if (err) {
			raise_start(sbi);
			return err;
		}
	} else if (!ro && sb_rdonly(sb)) {
		if (vexfs_is_shutdown(sb))
			return invalfc(fc, "the filesystem was shut down: unmount it first");
		err = vexfs_super_check(vx_data(sbi->fs.sb_buf),
					bdev_nr_bytes(sb->s_bdev) >> VEXFS_BLOCK_SHIFT, &why);
		if (err) {
			errorfc(fc, "cannot be written: %s", why);
			return err;
		}
		/* transactions look at it; the VFS sets it a moment later */
		sb->s_flags &= ~SB_RDONLY;
		err = make_writable(sb);
		if (err) {
			sb->s_flags |= SB_RDONLY;
			return err;
		}
		raise_start(sbi);
	}
	apply_options(sbi, opts);
	vexfs_budget_trim(sb);
	return 0;
}

/* --- super operations --- */

static int vexfs_statfs(struct dentry *dentry, struct kstatfs *st)
{
	struct vexfs_fs *fs = &VEXFS_SB(dentry->d_sb)->fs;

	st->f_type = VEXFS_SUPER_MAGIC;
	st->f_bsize = VEXFS_BLOCK_SIZE;
	st->f_blocks = vexfs_super_capacity(fs);
	mutex_lock(&fs->alloc_lock);
	st->f_bfree = fs->free_blocks;
	st->f_ffree = fs->free_inodes;
	mutex_unlock(&fs->alloc_lock);
	st->f_bavail = st->f_bfree - min_t(u64, st->f_bfree, fs->reserved_blocks);
	st->f_files = (u64)fs->groups * fs->inodes_per_group;
	st->f_namelen = VEXFS_NAME_LEN;
	st->f_fsid = u64_to_fsid(huge_encode_dev(dentry->d_sb->s_bdev->bd_dev));
	return 0;
}

/* After the inodes were evicted. */
static void put_super(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	vexfs_collections_put(sb);
	vexfs_spares_free(sb);
	flush_work(&sbi->error_work);
	destroy_workqueue(sbi->wq);
	if (!sb_rdonly(sb) && !vexfs_is_shutdown(sb)) {
		err = write_state(sb, true);
		if (err)
			vexfs_msg(KERN_ERR, sb, "cannot be marked clean (error %d)", err);
	}
	err = vexfs_journal_close(sb);
	if (err < 0 && !vexfs_is_shutdown(sb))
		vexfs_msg(KERN_ERR, sb, "the log could not be written back (error %d)", err);
	vexfs_super_release(&sbi->fs);
}

/* The device is gone. */
static void device_gone(struct super_block *sb)
{
	vexfs_shutdown(sb, 2);
}

static const struct super_operations super_ops = {
	.alloc_inode	= vexfs_alloc_inode,
	.free_inode	= vexfs_free_inode,
	.dirty_inode	= vexfs_dirty_inode,
	.evict_inode	= vexfs_evict_inode,
	.put_super	= put_super,
	.sync_fs	= sync_fs,
	.freeze_fs	= freeze_fs,
	.unfreeze_fs	= unfreeze_fs,
	.statfs		= vexfs_statfs,
	.show_options	= show_options,
	.shutdown	= device_gone,
};

/* As vexfs_super_check(), for what is in this block; -EIO. */
static int read_super(struct super_block *sb, u64 block, struct vexfs_super *s, const char **why)
{
	u64 blocks = bdev_nr_bytes(sb->s_bdev) >> VEXFS_BLOCK_SHIFT;
	struct buffer_head *bh;

	*why = block ? "it would be behind the end of the device" : "device is too small";
	if (block >= blocks)
		return -EINVAL;
	bh = sb_bread(sb, block);
	*why = "it cannot be read";
	if (!bh)
		return -EIO;
	memcpy(s, bh->b_data, sizeof(*s));
	brelse(bh);
	return vexfs_super_check(s, blocks, why);
}

/*
 * A superblock from which the log can be found, before the log is replayed: block 0, or, if that
 * was torn by a crash, a copy.  The log then repairs block 0.  With sb= that copy and no other.
 */
static int find_super(struct super_block *sb, struct fs_context *fc, struct vexfs_super *s)
{
	const struct vexfs_mount_opts *opts = fc->fs_private;
	const char *why, *ignored;
	int i, err, e2;

	err = read_super(sb, opts->sb, s, &why);
	if (!err || (err == -EROFS && sb_rdonly(sb)))
		return 0;
	for (i = 0; i < ARRAY_SIZE(copies) && !opts->sb; i++) {
		if (err != -EUCLEAN && err != -EIO)
			break;			/* another filesystem, or a newer one */
		e2 = read_super(sb, copies[i], s, &ignored);
		if (!e2 || e2 == -EROFS) {
			vexfs_msg(KERN_WARNING, sb, "superblock is damaged (%s), using copy %d",
				  why, i + 1);
			return 0;
		}
	}
	if (err == -ENXIO)
		errorfc(fc, VEXFS_SHORT_DEVICE, (u64)bdev_nr_bytes(sb->s_bdev),
			le64_to_cpu(s->s_blocks) << VEXFS_BLOCK_SHIFT);
	else if (err != -EINVAL || !(fc->sb_flags & SB_SILENT))
		errorfc(fc, "superblock: %s", why);
	return err;
}

/* Set up sbi->fs, after the log was replayed, if it was. */
static int read_fs(struct super_block *sb, struct fs_context *fc)
{
	const struct vexfs_mount_opts *opts = fc->fs_private;
	u64 blocks = bdev_nr_bytes(sb->s_bdev) >> VEXFS_BLOCK_SHIFT;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	const char *why = NULL;
	int err;

	/* groups are counted, some of them maybe damaged */
	set_bit(VEXFS_SBI_MOUNTING, &sbi->flags);
	err = vexfs_super_read_copy(&sbi->fs, sb, blocks, opts->sb);
	clear_bit(VEXFS_SBI_MOUNTING, &sbi->flags);
	if (err) {
		errorfc(fc, "superblock or groups are damaged (error %d); see fsck.vexfs%s", err,
			opts->sb ? "" : ", or read what is left with -o ro,sb=16384");
		return err;
	}
	/* find_super() may have looked at a copy, which knows no new features */
	err = sb_rdonly(sb) ? 0 : vexfs_super_check(vx_data(sbi->fs.sb_buf), blocks, &why);
	if (err) {
		errorfc(fc, "superblock: %s", why);
		vexfs_super_release(&sbi->fs);
	}
	return err;
}

static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	const struct vexfs_mount_opts *opts = fc->fs_private;
	const struct vexfs_super *s;
	struct vexfs_sb_info *sbi;
	struct vexfs_super *before;
	struct inode *root;
	int err;

	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;			/* kill_sb frees it, after a failure too */
	sbi->sb = sb;
	sbi->opts.errors = VEXFS_ERRORS_RO;
	INIT_DELAYED_WORK(&sbi->raise, raise_work);
	INIT_WORK(&sbi->compact, compact_work);
	INIT_WORK(&sbi->error_work, error_work);
	ratelimit_state_init(&sbi->error_limit, 10 * HZ, 20);
	mutex_init(&sbi->worker_writes);
	mutex_init(&sbi->orphan_lock);
	INIT_LIST_HEAD(&sbi->orphans);
	mutex_init(&sbi->collections_lock);
	INIT_LIST_HEAD(&sbi->collections);
	vexfs_budget_init(&sbi->budget);

	if (is_rescue(opts) && !sb_rdonly(sb))
		return invalfc(fc, "sb= and norecovery are for read-only mounts: add ro");
	if (!sb_set_blocksize(sb, VEXFS_BLOCK_SIZE)) {
		errorfc(fc, "the device does not do 4096-byte blocks");
		return -EINVAL;
	}
	/*
	 * if something keeps the device open, its cache holds blocks that an earlier mount has
	 * verified
	 */
	sync_blockdev(sb->s_bdev);
	invalidate_bdev(sb->s_bdev);
	sb->s_magic = VEXFS_SUPER_MAGIC;
	sb->s_op = &super_ops;
	sb->s_export_op = &vexfs_export_ops;
	sb->s_maxbytes = min_t(u64, (u64)U32_MAX << VEXFS_BLOCK_SHIFT, MAX_LFS_FILESIZE);
	sb->s_max_links = VEXFS_LINK_MAX;
	sb->s_time_gran = 1;
	sb->s_flags |= SB_I_VERSION;
	sb->s_iflags |= SB_I_CGROUPWB;

	before = kmalloc(sizeof(*before), GFP_KERNEL);
	if (!before)
		return -ENOMEM;
	err = find_super(sb, fc, before);
	if (!err && opts->norecovery)
		vexfs_journal_leave(sb, before);
	else if (!err)
		err = vexfs_journal_open(sb, before);
	kfree(before);
	if (err)
		return err;
	err = read_fs(sb, fc);
	if (err)
		goto journal;
	s = vx_data(sbi->fs.sb_buf);
	super_set_uuid(sb, s->s_uuid, sizeof(s->s_uuid));
	apply_options(sbi, opts);
	if (opts->sb)
		vexfs_msg(KERN_WARNING, sb, "superblock of block %u: %u of %u groups are in use",
			  opts->sb, sbi->fs.groups_init, sbi->fs.groups);
	if (le16_to_cpu(s->s_state) & VEXFS_STATE_ERROR) {
		vexfs_msg(KERN_WARNING, sb, "has known damage: run fsck.vexfs");
		set_bit(VEXFS_SBI_ERROR, &sbi->flags);
	}
	err = -ENOMEM;
	sbi->wq = alloc_workqueue("vexfs-io/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, sb->s_id);
	if (!sbi->wq)
		goto super;
	root = vexfs_iget(sb, VEXFS_ROOT_INO, 0);
	err = PTR_ERR_OR_ZERO(root);
	if (err) {
		errorfc(fc, "the root directory cannot be read (error %d)", err);
		goto wq;
	}
	err = -ENOMEM;
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		goto wq;
	err = vexfs_worker_start(sb);
	if (err)
		goto root;
	if (!sb_rdonly(sb)) {
		err = make_writable(sb);
		if (err)
			goto worker;
		raise_start(sbi);
	}
	return 0;
worker:
	vexfs_worker_stop(sb);
root:
	dput(sb->s_root);			/* put_super is for those that were mounted */
	sb->s_root = NULL;
wq:
	flush_work(&sbi->error_work);
	destroy_workqueue(sbi->wq);
super:
	vexfs_super_release(&sbi->fs);
journal:
	vexfs_journal_close(sb);
	return err;
}

static int get_tree(struct fs_context *fc)
{
	return get_tree_bdev(fc, fill_super);
}

static void free_context(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations context_ops = {
	.parse_param	= parse_param,
	.get_tree	= get_tree,
	.reconfigure	= reconfigure,
	.free		= free_context,
};

static int init_fs_context(struct fs_context *fc)
{
	struct vexfs_mount_opts *opts = kzalloc(sizeof(*opts), GFP_KERNEL);

	if (!opts)
		return -ENOMEM;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		*opts = VEXFS_SB(fc->root->d_sb)->opts;
	} else {
		opts->commit = VEXFS_DEFAULT_COMMIT;
		opts->resident = VEXFS_DEFAULT_RESIDENT;
		opts->compact = VEXFS_DEFAULT_COMPACT;
	}
	fc->fs_private = opts;
	fc->ops = &context_ops;
	return 0;
}

static void kill_sb(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (sb->s_root) {
		raise_stop(sbi);
		vexfs_worker_stop(sb);
		vexfs_collections_shutdown(sb);
	}
	kill_block_super(sb);
	kfree(sbi);
}

static struct file_system_type vexfs_type = {
	.owner			= THIS_MODULE,
	.name			= "vexfs",
	.init_fs_context	= init_fs_context,
	.parameters		= parameters,
	.kill_sb		= kill_sb,
	.fs_flags		= FS_REQUIRES_DEV | FS_ALLOW_IDMAP,
};
MODULE_ALIAS_FS("vexfs");

static int __init vexfs_init(void)
{
	int err;

	vexfs_kernels_choose();
	err = vexfs_inode_cache_init();
	if (err)
		return err;
	err = vexfs_rows_cache_init();
	if (err)
		goto inodes;
	err = vexfs_hooks_init();
	if (err)
		goto rows;
	err = vexfs_sysfs_init();
	if (err)
		goto hooks;
	err = register_filesystem(&vexfs_type);
	if (err)
		goto sysfs;
	return 0;
sysfs:
	vexfs_sysfs_exit();
hooks:
	vexfs_hooks_exit();
rows:
	vexfs_rows_cache_exit();
inodes:
	vexfs_inode_cache_exit();
	return err;
}

static void __exit vexfs_exit(void)
{
	unregister_filesystem(&vexfs_type);
	vexfs_sysfs_exit();
	vexfs_hooks_exit();
	vexfs_rows_cache_exit();
	vexfs_inode_cache_exit();
}

module_init(vexfs_init);
module_exit(vexfs_exit);
MODULE_DESCRIPTION("Filesystem with vector collections and eBPF search");
MODULE_LICENSE("GPL");
