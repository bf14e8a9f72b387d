// SPDX-License-Identifier: GPL-2.0
/*
 * Mounting an image in this process; see image.h and host.h.
 *
 * There is no worker that writes: what nobody syncs reaches the disk with the next fsync, sync or
 * unmount, or when the log's running transaction has grown to what the log takes.
 */
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "mounted.h"

struct vexfs_image {
	struct super_block sb;
	struct vexfs_sb_info sbi;
	struct vexfs_dev own;		/* that vexfs_image_open() has opened */
	struct inode *root;
};

struct super_block *vexfs_image_sb(struct vexfs_image *image)
{
	return &image->sb;
}

/* What is wrong, for a caller who has no image yet. */
static __thread char what[256];

__printf(1, 2) static const char *say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return what;
}

/* --- mounting --- */

static int write_state(struct super_block *sb, bool clean)
{
	vx_txn *t = vexfs_start(sb, 1);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return vexfs_stop(t, vexfs_log_super(t, sb, clean));
}

/*
 * From here on the counts on disk may be wrong.  The log keeps an error of the last mount until it
 * is in the superblock.
 */
static int make_writable(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err, old = vexfs_log_error(sbi->log);

	if (old) {
		vexfs_msg(sb, "error %d is recorded in the log: run fsck.vexfs", old);
		set_bit(VEXFS_SBI_ERROR, &sbi->flags);
	}
	err = write_state(sb, false);
	if (!err && old)
		err = vexfs_log_commit(sbi->log) ?: vexfs_log_forgive(sbi->log);
	err = err ?: vexfs_orphan_cleanup(sb);
	if (!err && test_bit(VEXFS_SBI_ERROR, &sbi->flags))
		err = write_state(sb, false);
	return err ?: vexfs_is_shutdown(sb) ? -EIO : 0;
}

static unsigned long long bytes_of(u64 blocks)
{
	return blocks << VEXFS_BLOCK_SHIFT;
}

/*
 * A superblock from which the log can be found, before the log is replayed: block 0, or, if that
 * was torn by a crash, a copy.  The log then repairs block 0.
 */
static int find_super(struct vexfs_dev *dev, bool readonly, struct vexfs_super *s, const char **why)
{
	static const u64 copies[] = { 0, VEXFS_GROUP_BLOCKS, 3 * VEXFS_GROUP_BLOCKS };
	const char *first_why = NULL;
	u8 block[VEXFS_BLOCK_SIZE];
	int err, first = -EINVAL;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(copies) && copies[i] < dev->blocks; i++) {
		*why = NULL;
		err = vexfs_dev_read(dev, copies[i], block);
		if (err) {
			*why = "the superblock cannot be read";
		} else {
			memcpy(s, block, sizeof(*s));
			err = vexfs_super_check(s, dev->blocks, why);
		}
		/* of a copy only the place of the log is wanted */
		if (!err || (err == -EROFS && (i || readonly)))
			return 0;
		if (!i) {
			first = err;
			first_why = *why;
			if (err == -ENXIO)
				first_why = say(VEXFS_SHORT_DEVICE, bytes_of(dev->blocks),
						bytes_of(le64_to_cpu(s->s_blocks)));
			if (err != -EUCLEAN && err != -EIO)
				break;		/* another filesystem, or a newer one */
		}
	}
	*why = first_why ?: "the device is too small";
	return first;
}

/* Bring back what the log holds; with a log to write to unless it is read-only. */
static int open_log(struct vexfs_sb_info *sbi, const struct vexfs_super *s, bool readonly,
		    const char **why)
{
	int err = vexfs_log_replay(sbi->dev, s, NULL, why);

	if (!err && !readonly) {
		err = vexfs_dev_allocate(sbi->dev, le64_to_cpu(s->s_journal_start),
					 le32_to_cpu(s->s_journal_blocks));
		if (err)
			*why = "the disk that it is on has no room for its log: make some, or only read it";
		err = err ?: vexfs_log_finish(sbi->dev, s);
		if (!err)
			err = vexfs_log_open(sbi->dev, s, &sbi->log, why);
	}
	if (err && !*why)
		*why = "the log cannot be replayed";
	return err;
}

static void init_mount(struct vexfs_image *image, struct vexfs_dev *dev, bool readonly)
{
	struct vexfs_sb_info *sbi = &image->sbi;

	image->sb.s_fs_info = sbi;
	image->sb.s_maxbytes = (u64)U32_MAX << VEXFS_BLOCK_SHIFT;
	image->sb.readonly = readonly;
	if (!image->sb.s_id[0])
		strscpy(image->sb.s_id, "image", sizeof(image->sb.s_id));
	sbi->sb = &image->sb;
	sbi->dev = dev;
	sbi->opts.errors = VEXFS_ERRORS_RO;
	sbi->opts.resident = 256ULL << 20;
	mutex_init(&sbi->names_lock);
	mutex_init(&sbi->orphan_lock);
	INIT_LIST_HEAD(&sbi->orphans);
	mutex_init(&sbi->collections_lock);
	INIT_LIST_HEAD(&sbi->collections);
	vexfs_budget_init(&sbi->budget);
	vexfs_worker_init(&sbi->worker);
	pthread_mutex_init(&sbi->cache_lock, NULL);
	pthread_cond_init(&sbi->cache_changed, NULL);
	dev->owner = &image->sb;
	dev->found = vexfs_found_damage;
}

/* The last steps of a mount; what they have made is taken back by unmount(). */
static int open_root(struct vexfs_image *image, const char **why)
{
	struct vexfs_sb_info *sbi = &image->sbi;
	const struct vexfs_super *s = vx_data(sbi->fs.sb_buf);
	int err;

	if (le16_to_cpu(s->s_errors) == VEXFS_ERRORS_CONTINUE)
		sbi->opts.errors = VEXFS_ERRORS_CONTINUE;
	if (le16_to_cpu(s->s_state) & VEXFS_STATE_ERROR) {
		vexfs_msg(&image->sb, "has known damage: run fsck.vexfs");
		set_bit(VEXFS_SBI_ERROR, &sbi->flags);
	}
	vexfs_map_open(sbi);
	image->root = vexfs_iget(&image->sb, VEXFS_ROOT_INO, 0);
	err = PTR_ERR_OR_ZERO(image->root);
	if (err) {
		image->root = NULL;
		*why = "the root directory cannot be read";
	} else if (sbi->log) {
		err = make_writable(&image->sb);
		if (err)
			*why = "it cannot be written";
	}
	return err;
}

/* All that is there of a mount but its device.  The first error of a write. */
static int take_down(struct vexfs_image *image, bool clean)
{
	struct vexfs_sb_info *sbi = &image->sbi;
	struct super_block *sb = &image->sb;
	int err = 0, e2;

	vexfs_worker_end(&sbi->worker);
	if (sbi->fs.sb_buf) {
		vexfs_collections_shutdown(sb);
		iput(image->root);
		vexfs_forget_inodes(sb);
		vexfs_collections_put(sb);
		vexfs_spares_free(sb);
		if (clean && sbi->log && !vexfs_is_shutdown(sb))
			err = write_state(sb, true);
	}
	if (sbi->log) {
		if (!clean)
			vexfs_log_abort(sbi->log, 0);
		e2 = vexfs_log_close(sbi->log);
		if (clean)
			err = err ?: e2;
		sbi->log = NULL;
	}
	if (sbi->fs.sb_buf)
		vexfs_super_release(&sbi->fs);
	vexfs_map_close(sbi);
	pthread_mutex_destroy(&sbi->cache_lock);
	pthread_cond_destroy(&sbi->cache_changed);
	sbi->dev->found = NULL;
	return err;
}

static int unmount(struct vexfs_image *image, bool clean)
{
	int err = take_down(image, clean);

	vexfs_dev_close(image->sbi.dev);
	free(image);
	return err;
}

static int mount(struct vexfs_image *image, struct vexfs_dev *dev, unsigned int flags,
		 const char **why)
{
	bool readonly = flags & VEXFS_IMAGE_READONLY;
	struct vexfs_sb_info *sbi = &image->sbi;
	struct vexfs_super s;
	int err;

	init_mount(image, dev, readonly);
	err = find_super(dev, readonly, &s, why) ?: open_log(sbi, &s, readonly, why);
	if (err)
		return err;
	/* groups are counted, some of them maybe damaged */
	set_bit(VEXFS_SBI_MOUNTING, &sbi->flags);
	err = vexfs_super_read(&sbi->fs, dev, dev->blocks);
	clear_bit(VEXFS_SBI_MOUNTING, &sbi->flags);
	if (err) {
		sbi->fs.sb_buf = NULL;
		*why = "the superblock or the groups are damaged";
		return err;
	}
	/* find_super() may have looked at a copy, which knows no new features */
	if (!readonly)
		err = vexfs_super_check(vx_data(sbi->fs.sb_buf), dev->blocks, why);
	return err ?: open_root(image, why);
}

/* Takes over the image and its device. */
static int mount_or_free(struct vexfs_image *image, struct vexfs_dev *dev, unsigned int flags,
			 struct vexfs_image **out, const char **why)
{
	const char *unused;
	int err;

	why = why ?: &unused;
	*why = NULL;
	err = mount(image, dev, flags, why);
	if (err) {
		set_bit(VEXFS_SBI_SHUTDOWN, &image->sbi.flags);
		unmount(image, false);
		return err;
	}
	*out = image;
	return 0;
}

int vexfs_image_mount(struct vexfs_dev *dev, unsigned int flags, struct vexfs_image **out,
		      const char **why)
{
	struct vexfs_image *image = calloc(1, sizeof(*image));

	if (!image) {
		vexfs_dev_close(dev);
		return -ENOMEM;
	}
	return mount_or_free(image, dev, flags, out, why);
}

struct super_block *vexfs_image_over(struct vexfs_dev *dev,
				     void (*hear)(void *arg, const char *line), void *arg)
{
	struct vexfs_image *image = calloc(1, sizeof(*image));
	int err;

	if (!image)
		return ERR_PTR(-ENOMEM);
	init_mount(image, dev, true);
	image->sbi.hear = hear;
	image->sbi.hear_arg = arg;
	err = vexfs_super_read(&image->sbi.fs, dev, dev->blocks);
	if (!err)
		return &image->sb;
	image->sbi.fs.sb_buf = NULL;
	take_down(image, false);
	free(image);
	return ERR_PTR(err);
}

void vexfs_image_leave(struct super_block *sb)
{
	struct vexfs_image *image = container_of(sb, struct vexfs_image, sb);

	take_down(image, false);
	free(image);
}

/* --- is somebody else using it? --- */

/* Is it behind a loop device?  What goes through that does not know of our lock. */
static bool behind_loop(const struct stat *st)
{
	bool found = false;
	glob_t loops;
	size_t i;

	if (glob("/sys/block/loop*/loop/backing_file", 0, NULL, &loops))
		return false;
	for (i = 0; i < loops.gl_pathc && !found; i++)
		found = vexfs_is_backing(loops.gl_pathv[i], st);
	globfree(&loops);
	return found;
}

static int lock_file(struct vexfs_dev *dev, bool readonly, const char **why)
{
	int err = vexfs_dev_lock(dev, readonly);
	struct stat st;

	if (err == -EBUSY)
		*why = "somebody has it open";
	if (err)
		return err;
	if (fstat(dev->fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode) && behind_loop(&st)) {
		*why = "it is behind a loop device, and may be mounted";
		return -EBUSY;
	}
	dev->sparse = !readonly && S_ISREG(st.st_mode) && st.st_blocks * 512LL < st.st_size;
	return 0;
}

int vexfs_image_open(const char *path, unsigned int flags, struct vexfs_image **out,
		     const char **why)
{
	bool readonly = flags & VEXFS_IMAGE_READONLY;
	struct vexfs_image *image = calloc(1, sizeof(*image));
	const char *unused, *name = strrchr(path, '/');
	struct stat st;
	int err, excl;

	why = why ?: &unused;
	*why = NULL;
	if (!image)
		return -ENOMEM;
	if (stat(path, &st))
		st.st_mode = S_IFREG;	/* open(2) says why */
	/* of a file that is made by open(2) alone O_EXCL means something */
	excl = S_ISBLK(st.st_mode) ? O_EXCL : 0;
	/* to open a pipe would wait for who writes it */
	err = S_ISFIFO(st.st_mode) ? -ENOTBLK :
	      vexfs_dev_open(&image->own, path, (readonly ? O_RDONLY : O_RDWR) | excl);
	if (err) {
		if (err == -EBUSY)
			*why = "it is in use: mounted, or part of a volume";
		free(image);
		return err == -ENOTBLK ? -EINVAL : err;
	}
	strscpy(image->sb.s_id, name ? name + 1 : path, sizeof(image->sb.s_id));
	err = lock_file(&image->own, readonly, why);
	if (err) {
		vexfs_dev_close(&image->own);
		free(image);
		return err;
	}
	return mount_or_free(image, &image->own, flags, out, why);
}

/* --- unmounting --- */

int vexfs_image_sync(struct vexfs_image *image)
{
	struct super_block *sb = &image->sb;
	int err, e2;

	if (vexfs_is_shutdown(sb))
		return -EIO;
	if (sb_rdonly(sb))
		return 0;
	err = vexfs_collections_sync(sb);
	e2 = vexfs_log_commit(image->sbi.log);
	return err ?: vexfs_is_shutdown(sb) ? -EIO : e2;
}

int vexfs_image_close(struct vexfs_image *image)
{
	bool gone = vexfs_is_gone(&image->sb);	/* as was asked for: that is no error */
	int err = gone ? 0 : vexfs_image_sync(image), e2;

	WARN_ON_ONCE(atomic_read(&image->sbi.files));
	e2 = unmount(image, !gone);
	return err ?: e2;
}

void vexfs_image_kill(struct vexfs_image *image)
{
	struct vexfs_sb_info *sbi = &image->sbi;

	WARN_ON_ONCE(atomic_read(&image->sbi.files));
	set_bit(VEXFS_SBI_KILLED, &sbi->flags);
	set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags);
	set_bit(VEXFS_SBI_GONE, &sbi->flags);
	if (sbi->log)
		vexfs_log_abort(sbi->log, 0);
	unmount(image, false);
}

void vexfs_image_hear(struct vexfs_image *image, void (*hear)(void *arg, const char *line), void *arg)
{
	image->sbi.hear_arg = arg;
	image->sbi.hear = hear;
}

void vexfs_image_info(struct vexfs_image *image, struct vexfs_image_info *info)
{
	struct vexfs_fs *fs = &image->sbi.fs;
	const struct vexfs_super *s = vx_data(fs->sb_buf);

	*info = (struct vexfs_image_info){
		.blocks = vexfs_super_capacity(fs),
		.inodes = (u64)fs->groups * fs->inodes_per_group,
		.reserved = fs->reserved_blocks,
		.readonly = sb_rdonly(&image->sb),
	};
	vx_lock(&fs->alloc_lock);
	info->free = fs->free_blocks;
	info->free_inodes = fs->free_inodes;
	vx_unlock(&fs->alloc_lock);
	memcpy(info->uuid, s->s_uuid, sizeof(info->uuid));
	memcpy(info->label, s->s_label, sizeof(s->s_label));
}
