// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes in user space: one in memory for each number, read, made, logged and freed as
 * kmod/fs/inode.c does.
 *
 * A directory with a loaded collection stays in memory until the unmount; others leave it with the
 * last reference. One without a link is freed then, by the thread that had it last.
 *
 * Locks: vexfs_sb_info.cache_lock for the table; see collection-user.h.
 */
#include "host.h"

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

void vexfs_inode_touch(struct inode *inode)
{
	inode->i_ctime = now();
	__atomic_fetch_add(&inode->i_version, 1, __ATOMIC_RELAXED);
}

void vexfs_inode_modified(struct inode *inode)
{
	vexfs_inode_touch(inode);
	inode->i_mtime = inode->i_ctime;
}

/* --- writing --- */

int vexfs_inode_access(vx_txn *t, struct inode *inode)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	if (!inode)
		return 0;
	err = vexfs_inode_write(t, VEXFS_I(inode)->core.fs, inode->i_ino, &buf, &raw);
	if (!err)
		vx_brelse(buf);
	return err;
}

int vexfs_log_inode_locked(vx_txn *t, struct inode *inode, bool datasync)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_fs *fs = vi->core.fs;
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	(void)datasync;			/* fdatasync is fsync */
	lockdep_assert_held_write(&vi->core.lock);
	err = vexfs_inode_write(t, fs, inode->i_ino, &buf, &raw);
	if (err)
		return err;
	if (S_ISDIR(inode->i_mode))	/* the core extends directories */
		i_size_write(inode, vi->core.disk_size);
	vi->core.change = __atomic_load_n(&inode->i_version, __ATOMIC_RELAXED);

	if (test_and_clear_bit(VEXFS_I_FRESH, &vi->state))
		memset(raw, 0, sizeof(*raw));	/* the last owner's xattrs and parents */
	vexfs_inode_store(&vi->core, raw);
	raw->i_mode = cpu_to_le16(inode->i_mode);
	raw->i_uid = cpu_to_le32(inode->i_uid);
	raw->i_gid = cpu_to_le32(inode->i_gid);
	raw->i_nlink = cpu_to_le32(inode->i_nlink);
	raw->i_rdev = cpu_to_le32(inode->i_rdev);
	raw->i_atime = cpu_to_le64(inode->i_atime.tv_sec);
	raw->i_atime_nsec = cpu_to_le32(inode->i_atime.tv_nsec);
	raw->i_mtime = cpu_to_le64(inode->i_mtime.tv_sec);
	raw->i_mtime_nsec = cpu_to_le32(inode->i_mtime.tv_nsec);
	raw->i_ctime = cpu_to_le64(inode->i_ctime.tv_sec);
	raw->i_ctime_nsec = cpu_to_le32(inode->i_ctime.tv_nsec);
	raw->i_btime = cpu_to_le64(inode->i_btime.tv_sec);
	raw->i_btime_nsec = cpu_to_le32(inode->i_btime.tv_nsec);

	err = vexfs_inode_dirty(t, fs, inode->i_ino, buf, raw);
	WRITE_ONCE(vi->sync_tid, vexfs_tid(t));
	return err;
}

int vexfs_log_inode(vx_txn *t, struct inode *inode, bool datasync)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	int err;

	down_write(&core->lock);
	err = vexfs_log_inode_locked(t, inode, datasync);
	up_write(&core->lock);
	return err;
}

/* --- the table --- */

static struct inode **head(struct vexfs_sb_info *sbi, u64 ino)
{
	return &sbi->inode[ino % VEXFS_INODE_HEADS];
}

struct inode *vexfs_find_inode(struct vexfs_sb_info *sbi, u64 ino)
{
	struct inode *inode, *going = NULL;

	for (inode = *head(sbi, ino); inode; inode = inode->next) {
		if (inode->i_ino != ino)
			continue;
		if (inode->cached != VEXFS_CACHED_GOING)
			return inode;
		going = inode;
	}
	return going;
}

/* The same when nobody is at it any more. */
static struct inode *find_settled(struct vexfs_sb_info *sbi, u64 ino)
{
	struct inode *inode;

	while ((inode = vexfs_find_inode(sbi, ino)) &&
	       (inode->cached == VEXFS_CACHED_NEW || inode->cached == VEXFS_CACHED_GOING))
		pthread_cond_wait(&sbi->cache_changed, &sbi->cache_lock);
	return inode;
}

static void enter(struct vexfs_sb_info *sbi, struct inode *inode)
{
	struct inode **at = head(sbi, inode->i_ino);

	inode->next = *at;
	*at = inode;
	inode->cached = VEXFS_CACHED_NEW;
}

static void leave(struct vexfs_sb_info *sbi, struct inode *inode)
{
	struct inode **at = head(sbi, inode->i_ino);

	while (*at != inode)
		at = &(*at)->next;
	*at = inode->next;
	inode->cached = 0;
	pthread_cond_broadcast(&sbi->cache_changed);
}

static struct inode *alloc_inode(struct super_block *sb)
{
	struct vexfs_inode_info *vi = kzalloc(sizeof(*vi), GFP_KERNEL);
	struct inode *inode;

	if (!vi)
		return NULL;
	inode = &vi->vfs_inode;
	inode->i_sb = sb;
	inode->count = 1;
	init_rwsem(&inode->i_rwsem);
	spin_lock_init(&inode->i_lock);
	init_rwsem(&vi->core.lock);
	mutex_init(&vi->data_lock);
	INIT_LIST_HEAD(&vi->orphan);
	return inode;
}

static void free_inode(struct inode *inode)
{
	kfree(VEXFS_I(inode));
}

void vexfs_inode_made(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);

	pthread_mutex_lock(&sbi->cache_lock);
	inode->cached = VEXFS_CACHED_FINE;
	pthread_cond_broadcast(&sbi->cache_changed);
	pthread_mutex_unlock(&sbi->cache_lock);
}

/* It could not be read or made: who waits for it looks again, and iput() frees memory only. */
static void made_bad(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);

	pthread_mutex_lock(&sbi->cache_lock);
	if (inode->cached)
		leave(sbi, inode);
	inode->cached = VEXFS_CACHED_BAD;
	pthread_mutex_unlock(&sbi->cache_lock);
}

/* --- reading --- */

/* What the core cannot judge.  NULL: fine. */
static const char *check_inode(struct inode *inode)
{
	if (i_size_read(inode) > inode->i_sb->s_maxbytes)
		return "size out of range";
	if (S_ISDIR(inode->i_mode) && inode->i_nlink == 1)
		return "directory with one link";
	if (inode->i_ino == VEXFS_ROOT_INO && (!S_ISDIR(inode->i_mode) || !inode->i_nlink))
		return "the root is no directory";
	return NULL;
}

/* Is it what the caller may have? */
static int check_access(struct inode *inode, unsigned int flags)
{
	bool hidden = VEXFS_I(inode)->core.flags & VEXFS_INODE_HIDDEN;

	if (flags & VEXFS_IGET_ORPHAN)
		return 0;
	if (!READ_ONCE(inode->i_nlink) || hidden != !!(flags & VEXFS_IGET_HIDDEN))
		return -ESTALE;
	return 0;
}

static struct timespec time_of(__le64 seconds, __le32 ns)
{
	return (struct timespec){ le64_to_cpu(seconds), le32_to_cpu(ns) };
}

static int read_inode(struct inode *inode, unsigned int flags)
{
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	struct vexfs_fs *fs = &VEXFS_SB(inode->i_sb)->fs;
	struct vexfs_inode *raw;
	const char *why;
	vx_buf *buf;
	int err;

	err = vexfs_ino_in_use(fs, inode->i_ino);
	if (!err)
		err = vexfs_inode_buf(fs, inode->i_ino, &buf, &raw);
	if (err)
		return err;
	vexfs_inode_load(&vi->core, fs, inode->i_ino, raw);
	inode->i_mode = le16_to_cpu(raw->i_mode);
	inode->i_uid = le32_to_cpu(raw->i_uid);
	inode->i_gid = le32_to_cpu(raw->i_gid);
	inode->i_nlink = le32_to_cpu(raw->i_nlink);
	inode->i_rdev = le32_to_cpu(raw->i_rdev);
	inode->i_generation = vi->core.generation;
	inode->i_size = vi->core.disk_size;
	inode->i_version = vi->core.change;
	inode->i_atime = time_of(raw->i_atime, raw->i_atime_nsec);
	inode->i_mtime = time_of(raw->i_mtime, raw->i_mtime_nsec);
	inode->i_ctime = time_of(raw->i_ctime, raw->i_ctime_nsec);
	inode->i_btime = time_of(raw->i_btime, raw->i_btime_nsec);
	vx_brelse(buf);

	if (vi->core.flags & VEXFS_INODE_BOUND)
		set_bit(VEXFS_I_WATCHED, &vi->state);	/* whether it was, nobody remembers */
	vi->sync_tid = vexfs_last_tid(inode->i_sb);
	why = check_inode(inode);
	if (why) {
		vexfs_error(inode->i_sb, "inode %lu: %s", inode->i_ino, why);
		return -EUCLEAN;
	}
	return check_access(inode, flags);
}

/* From the table, with a reference, or a new one that is in it now (*fresh).  NULL: no memory. */
static struct inode *find_or_enter(struct super_block *sb, u64 ino, bool *fresh)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct inode *inode, *new = NULL;

	*fresh = false;
	for (;;) {
		pthread_mutex_lock(&sbi->cache_lock);
		inode = find_settled(sbi, ino);
		if (inode) {
			inode->count++;
		} else if (new) {
			enter(sbi, new);
			*fresh = true;
		}
		pthread_mutex_unlock(&sbi->cache_lock);
		if (inode || new)
			break;
		new = alloc_inode(sb);
		if (!new)
			return NULL;
		new->i_ino = ino;
	}
	if (inode && new)
		free_inode(new);
	return inode ?: new;
}

struct inode *vexfs_iget(struct super_block *sb, u64 ino, unsigned int flags)
{
	struct inode *inode;
	bool fresh;
	int err;

	if (!vexfs_ino_valid(&VEXFS_SB(sb)->fs, ino))
		return ERR_PTR(flags & VEXFS_IGET_HANDLE ? -ESTALE : -EUCLEAN);
	inode = find_or_enter(sb, ino, &fresh);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (fresh) {
		err = read_inode(inode, flags);
		if (err)
			made_bad(inode);
		else
			vexfs_inode_made(inode);
	} else {
		err = check_access(inode, flags);
	}
	if (err)
		iput(inode);
	if (err == -ESTALE && !(flags & VEXFS_IGET_HANDLE))
		err = -EUCLEAN;
	return err ? ERR_PTR(err) : inode;
}

struct inode *igrab(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);

	pthread_mutex_lock(&sbi->cache_lock);
	if (inode->cached == VEXFS_CACHED_GOING)
		inode = NULL;
	else
		inode->count++;
	pthread_mutex_unlock(&sbi->cache_lock);
	return inode;
}

void ihold(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);

	pthread_mutex_lock(&sbi->cache_lock);
	WARN_ON_ONCE(!inode->count);
	inode->count++;
	pthread_mutex_unlock(&sbi->cache_lock);
}

/* --- making --- */

struct inode *vexfs_new_inode(vx_txn *t, struct inode *dir, const struct vexfs_make *make, u32 flags)
{
	struct super_block *sb = dir->i_sb;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_fs *fs = &sbi->fs;
	struct inode *inode = alloc_inode(sb), *other;
	umode_t mode = make->mode;
	struct vexfs_inode_info *vi;
	u32 generation;
	__u64 ino;
	int err;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	vi = VEXFS_I(inode);
	inode->i_mode = mode;
	inode->i_rdev = vexfs_encode_dev(make->rdev);
	if (!(flags & VEXFS_INODE_HIDDEN)) {	/* else nobody's file */
		inode->i_uid = make->uid;
		inode->i_gid = make->gid;
		if (dir->i_mode & S_ISGID) {
			inode->i_gid = dir->i_gid;
			if (S_ISDIR(mode))
				inode->i_mode |= S_ISGID;
		}
	}
	err = vexfs_alloc_ino(t, fs, dir->i_ino, S_ISDIR(mode), &ino, &generation);
	if (err)
		goto bad;
	inode->i_ino = ino;
	inode->i_generation = generation;
	vi->core.fs = fs;
	vi->core.ino = ino;
	vi->core.generation = generation;
	vi->core.flags = flags | (S_ISDIR(mode) ? VEXFS_INODE_METADATA : 0);
	vi->core.parent = dir->i_ino;
	vi->core.parent_generation = dir->i_generation;
	vi->core.collection = vexfs_collection_of(dir);
	vi->core.change = inode->i_version = 1;
	inode->i_btime = inode->i_ctime = inode->i_mtime = inode->i_atime = now();
	inode->i_nlink = S_ISDIR(mode) ? 2 : 1;
	set_bit(VEXFS_I_FRESH, &vi->state);
	set_bit(VEXFS_I_MADE, &vi->state);
	err = vexfs_inode_access(t, inode);	/* so that it can be logged */
	if (!err) {
		pthread_mutex_lock(&sbi->cache_lock);
		other = vexfs_find_inode(sbi, ino);
		if (!other || other->cached == VEXFS_CACHED_GOING)
			enter(sbi, inode);
		else
			err = -EUCLEAN;
		pthread_mutex_unlock(&sbi->cache_lock);
		if (err)
			vexfs_error(sb, "inode %llu is marked free and in use", ino);
	}
	if (!err)
		return inode;
	vexfs_free_ino(t, fs, ino, S_ISDIR(mode));
bad:
	free_inode(inode);
	return ERR_PTR(err);
}

int vexfs_abandon_new(vx_txn *t, struct inode *inode, int err)
{
	int undo;

	WRITE_ONCE(inode->i_nlink, 0);
	undo = vexfs_log_inode(t, inode, false) ?: vexfs_orphan_link(t, inode);
	if (undo)
		made_bad(inode);
	else
		vexfs_inode_made(inode);
	return undo ? vexfs_finish(t, inode->i_sb, err) : vexfs_stop(t, err);
}

struct inode *vexfs_new_hidden(vx_txn *t, struct inode *dir, u32 flags)
{
	static const struct vexfs_make plane = { .mode = S_IFREG };
	struct inode *inode;
	int err;

	if (flags & ~VEXFS_INODE_METADATA)
		return ERR_PTR(-EINVAL);
	inode = vexfs_new_inode(t, dir, &plane, flags | VEXFS_INODE_HIDDEN);
	if (IS_ERR(inode))
		return inode;
	err = vexfs_log_inode(t, inode, false);
	if (err) {			/* the log is gone: give back memory only */
		made_bad(inode);
		iput(inode);
		return ERR_PTR(err);
	}
	vexfs_inode_made(inode);
	return inode;
}

int vexfs_unlink_hidden(vx_txn *t, struct inode *inode)
{
	int err;

	if (!(VEXFS_I(inode)->core.flags & VEXFS_INODE_HIDDEN))
		return -EINVAL;
	err = vexfs_orphan_link(t, inode);
	if (err)
		return err;
	WRITE_ONCE(inode->i_nlink, 0);
	return vexfs_log_inode(t, inode, false);
}

static struct inode *new_orphan(struct inode *dir, u32 flags)
{
	vx_txn *t = vexfs_start(dir->i_sb, VEXFS_NEW_CREDITS + VEXFS_FREE_CREDITS);
	struct inode *inode;
	int err;

	if (IS_ERR(t))
		return ERR_CAST(t);
	inode = vexfs_new_hidden(t, dir, flags);
	if (IS_ERR(inode)) {
		vexfs_stop(t, 0);
		return inode;
	}
	err = vexfs_finish(t, dir->i_sb, vexfs_unlink_hidden(t, inode));
	if (!err)
		return inode;
	iput(inode);
	return ERR_PTR(err);
}

struct inode *vexfs_new_orphan(struct inode *dir, u32 flags)
{
	struct inode *inode;
	int retries = 0;

	do
		inode = new_orphan(dir, flags);
	while (IS_ERR(inode) && vexfs_retry_alloc(dir->i_sb, PTR_ERR(inode), &retries));
	return inode;
}

int vexfs_adopt_hidden(vx_txn *t, struct inode *inode)
{
	int err = vexfs_orphan_unlink(t, inode);

	if (err)
		return err;
	WRITE_ONCE(inode->i_nlink, 1);
	return vexfs_log_inode(t, inode, false);
}

/* --- freeing --- */

int vexfs_free_from(struct inode *inode, u32 from)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	vx_txn *t;
	int err, e2;

	do {
		t = vexfs_start(inode->i_sb, VEXFS_EXTENT_CREDITS + VEXFS_FREE_CREDITS);
		if (IS_ERR(t))
			return PTR_ERR(t);
		down_write(&core->lock);
		/* first, so that logging it again needs no credit that the core has used up */
		err = vexfs_log_inode_locked(t, inode, true);
		if (!err) {
			err = vexfs_extent_truncate(t, core, from);
			e2 = vexfs_log_inode_locked(t, inode, true);
			if (!err || err == -EAGAIN)
				err = e2 ?: err;
		}
		up_write(&core->lock);
		e2 = vexfs_stop(t, 0);
		if (!err || err == -EAGAIN)
			err = e2 ?: err;
	} while (err == -EAGAIN);
	return err;
}

/* Blocks, then the inode.  What fails here stays on the orphan list, for the next mount. */
static int free_unlinked(struct inode *inode)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	bool link = S_ISLNK(inode->i_mode) && !core->entries && !core->depth;
	vx_txn *t;
	int err = 0;

	if (core->blocks && !link)
		err = vexfs_free_from(inode, 0);
	if (err)
		return err;
	t = vexfs_start(inode->i_sb, VEXFS_FREE_CREDITS);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = vexfs_free_ino_prepare(t, core->fs, inode->i_ino, S_ISDIR(inode->i_mode));
	if (!err)
		err = vexfs_orphan_unlink(t, inode);
	if (!err)
		err = vexfs_free_ino(t, core->fs, inode->i_ino, S_ISDIR(inode->i_mode));
	return vexfs_stop(t, err);
}

/* Nobody has it. */
static void evict(struct inode *inode, bool bad)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	bool drop = !inode->i_nlink && !bad && !sb_rdonly(inode->i_sb);
	int err = 0;

	if (drop && vexfs_is_collection(inode))
		err = vexfs_collection_free(inode);
	if (drop && !err)
		err = free_unlinked(inode);
	if (err && !vexfs_is_shutdown(inode->i_sb) && !test_bit(VEXFS_SBI_MOUNTING, &sbi->flags))
		vexfs_msg(inode->i_sb,
			  "inode %lu was not freed (error %d): the next mount will try again",
			  inode->i_ino, err);
	if (S_ISDIR(inode->i_mode) && !bad)
		vexfs_collection_evict(inode);

	mutex_lock(&sbi->orphan_lock);
	if (!list_empty(&vi->orphan)) {		/* it stays on the list on disk */
		sbi->orphan_gaps = true;
		sbi->orphan_err = err;
		list_del_init(&vi->orphan);
	}
	mutex_unlock(&sbi->orphan_lock);
}

/* cache_lock held, and not when it returns. */
static void let_go(struct vexfs_sb_info *sbi, struct inode *inode)
{
	bool bad = inode->cached == VEXFS_CACHED_BAD;

	if (!bad)
		inode->cached = VEXFS_CACHED_GOING;
	pthread_mutex_unlock(&sbi->cache_lock);
	evict(inode, bad);
	if (!bad) {
		pthread_mutex_lock(&sbi->cache_lock);
		leave(sbi, inode);
		pthread_mutex_unlock(&sbi->cache_lock);
	}
	free_inode(inode);
}

static bool has_collection(struct inode *inode)
{
	bool has;

	spin_lock(&inode->i_lock);
	has = VEXFS_I(inode)->coll;
	spin_unlock(&inode->i_lock);
	return has;
}

void iput(struct inode *inode)
{
	struct vexfs_sb_info *sbi;

	if (!inode)
		return;
	sbi = VEXFS_SB(inode->i_sb);
	pthread_mutex_lock(&sbi->cache_lock);
	WARN_ON_ONCE(!inode->count);
	if (--inode->count ||
	    (inode->i_nlink && inode->cached == VEXFS_CACHED_FINE && has_collection(inode)))
		pthread_mutex_unlock(&sbi->cache_lock);
	else
		let_go(sbi, inode);
}

void vexfs_forget_inodes(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct inode *inode;
	u32 i;

	for (i = 0; i < VEXFS_INODE_HEADS; i++)
		for (;;) {
			pthread_mutex_lock(&sbi->cache_lock);
			for (inode = sbi->inode[i]; inode && inode->count; inode = inode->next)
				;
			if (!inode) {
				pthread_mutex_unlock(&sbi->cache_lock);
				break;
			}
			let_go(sbi, inode);
		}
}
