// SPDX-License-Identifier: GPL-2.0
/*
 * What nodes.h has beside names: inodes that a kernel has looked up, attributes, and data under
 * their locks.
 *
 * Locks: vexfs_sb_info.cache_lock for inode.lookups and .opens; i_rwsem for attributes and data.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

/* --- having one --- */

static struct vexfs_sb_info *sbi_of(struct vexfs_image *image)
{
	return VEXFS_SB(vexfs_image_sb(image));
}

/* One that was looked up, cache_lock held. */
static struct inode *known(struct vexfs_sb_info *sbi, u64 ino)
{
	struct inode *inode = vexfs_find_inode(sbi, ino);

	return inode && inode->lookups ? inode : NULL;
}

struct inode *vexfs_node_get(struct vexfs_image *image, __u64 ino)
{
	return vexfs_iget(vexfs_image_sb(image), ino, VEXFS_IGET_HANDLE);
}

void vexfs_node_put(struct inode *inode)
{
	iput(inode);
}

__u64 vexfs_node_ino(const struct inode *inode)
{
	return inode->i_ino;
}

__u32 vexfs_node_generation(const struct inode *inode)
{
	return inode->i_generation;
}

bool vexfs_node_is_dir(const struct inode *inode)
{
	return S_ISDIR(READ_ONCE(inode->i_mode));
}

void vexfs_node_looked_up(struct inode *inode)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);
	bool first;

	pthread_mutex_lock(&sbi->cache_lock);
	first = !inode->lookups++;
	pthread_mutex_unlock(&sbi->cache_lock);
	if (!first)
		iput(inode);
}

struct inode *vexfs_node_known(struct vexfs_image *image, __u64 ino)
{
	struct vexfs_sb_info *sbi = sbi_of(image);
	struct inode *inode;

	pthread_mutex_lock(&sbi->cache_lock);
	inode = known(sbi, ino);
	pthread_mutex_unlock(&sbi->cache_lock);
	return inode;
}

struct file *vexfs_node_open(struct vexfs_image *image, __u64 ino, __u32 generation, int flags)
{
	struct vexfs_sb_info *sbi = sbi_of(image);
	struct file *file = kzalloc(sizeof(*file), GFP_KERNEL);
	struct inode *inode;

	if (!file)
		return ERR_PTR(-ENOMEM);
	pthread_mutex_lock(&sbi->cache_lock);
	inode = known(sbi, ino);
	if (inode && inode->i_generation == generation)
		inode->count++;
	else
		inode = NULL;
	pthread_mutex_unlock(&sbi->cache_lock);
	if (!inode) {
		kfree(file);
		return ERR_PTR(-ESTALE);
	}
	*file = (struct file){ .inode = inode, .flags = flags };
	atomic_inc(&sbi->files);
	return file;
}

void vexfs_node_forget(struct vexfs_image *image, __u64 ino, __u64 n)
{
	struct vexfs_sb_info *sbi = sbi_of(image);
	struct inode *inode;
	bool last = false;

	pthread_mutex_lock(&sbi->cache_lock);
	inode = known(sbi, ino);
	if (inode) {
		inode->lookups -= min_t(u64, n, inode->lookups);
		last = !inode->lookups;
	}
	pthread_mutex_unlock(&sbi->cache_lock);
	if (last)
		iput(inode);
}

/* Any that was looked up, and without a name and closed if that is asked.  cache_lock held. */
static struct inode *any_known(struct vexfs_sb_info *sbi, u32 head, bool unused)
{
	struct inode *inode;

	for (inode = sbi->inode[head]; inode; inode = inode->next) {
		if (inode->lookups && (!unused || (!READ_ONCE(inode->i_nlink) && !inode->opens)))
			break;
		if (unused && inode->cached == VEXFS_CACHED_GOING && !READ_ONCE(inode->i_nlink))
			break;
	}
	return inode;
}

void vexfs_node_forget_all(struct vexfs_image *image)
{
	struct vexfs_sb_info *sbi = sbi_of(image);
	struct inode *inode;
	u32 i;

	for (i = 0; i < VEXFS_INODE_HEADS; i++)
		do {
			pthread_mutex_lock(&sbi->cache_lock);
			inode = any_known(sbi, i, false);
			if (inode)
				inode->lookups = inode->opens = 0;
			pthread_mutex_unlock(&sbi->cache_lock);
			iput(inode);
		} while (inode);
}

void vexfs_node_opened(struct inode *inode, bool open)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(inode->i_sb);

	pthread_mutex_lock(&sbi->cache_lock);
	inode->opens += open ? 1 : -1;
	pthread_mutex_unlock(&sbi->cache_lock);
}

bool vexfs_node_any_unused(struct vexfs_image *image)
{
	struct vexfs_sb_info *sbi = sbi_of(image);
	bool any = false;
	u32 i;

	pthread_mutex_lock(&sbi->cache_lock);
	for (i = 0; i < VEXFS_INODE_HEADS && !any; i++)
		any = any_known(sbi, i, true);
	pthread_mutex_unlock(&sbi->cache_lock);
	return any;
}

/* --- attributes --- */

void vexfs_node_stat(struct inode *inode, struct stat *st)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;

	down_read(&inode->i_rwsem);
	down_read(&core->lock);
	*st = (struct stat){
		.st_ino = inode->i_ino,
		.st_mode = inode->i_mode,
		.st_nlink = inode->i_nlink,
		.st_uid = inode->i_uid,
		.st_gid = inode->i_gid,
		.st_rdev = vexfs_decode_dev(inode->i_rdev),
		.st_size = i_size_read(inode),
		.st_blksize = VEXFS_BLOCK_SIZE,
		.st_blocks = core->blocks << (VEXFS_BLOCK_SHIFT - 9),
		.st_atim = inode->i_atime,
		.st_mtim = inode->i_mtime,
		.st_ctim = inode->i_ctime,
	};
	up_read(&core->lock);
	inode_unlock_shared(inode);
}

/* i_rwsem held. */
static int log_inode(struct inode *inode)
{
	vx_txn *t = vexfs_start(inode->i_sb, VEXFS_INODE_CREDITS);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return vexfs_stop(t, vexfs_log_inode(t, inode, false));
}

static int set_attributes(struct inode *inode, const struct vexfs_set *attr)
{
	int err;

	if (attr->set & VEXFS_SET_MODE)
		WRITE_ONCE(inode->i_mode, (inode->i_mode & S_IFMT) | (attr->mode & 07777));
	if (attr->set & VEXFS_SET_UID)
		WRITE_ONCE(inode->i_uid, attr->uid);
	if (attr->set & VEXFS_SET_GID)
		WRITE_ONCE(inode->i_gid, attr->gid);
	if (attr->set & VEXFS_SET_ATIME)
		inode->i_atime = attr->atime;
	if (attr->set & VEXFS_SET_MTIME)
		inode->i_mtime = attr->mtime;
	vexfs_inode_touch(inode);
	err = log_inode(inode);
	if (attr->set & (VEXFS_SET_MODE | VEXFS_SET_UID | VEXFS_SET_GID))
		vexfs_file_changed(inode);
	return err;
}

int vexfs_node_setattr(struct inode *inode, const struct vexfs_set *attr)
{
	struct super_block *sb = inode->i_sb;
	int err = 0;

	if (attr->set & VEXFS_SET_SIZE && (!S_ISREG(inode->i_mode) || attr->size < 0))
		return -EINVAL;
	if (vexfs_is_shutdown(sb))
		return -EIO;
	if (sb_rdonly(sb))
		return -EROFS;
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	if (attr->set & VEXFS_SET_SIZE)
		err = vexfs_setsize(inode, attr->size, attr->set & VEXFS_SET_OPEN);
	if (!err && attr->set & ~(VEXFS_SET_SIZE | VEXFS_SET_OPEN))
		err = set_attributes(inode, attr);
	inode_unlock(inode);
	return err;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* As the kernel's relatime; i_rwsem held. */
static bool is_stale(const struct inode *inode, const struct timespec *now)
{
	return !before(&inode->i_mtime, &inode->i_atime) ||
	       !before(&inode->i_ctime, &inode->i_atime) ||
	       now->tv_sec - inode->i_atime.tv_sec >= 24 * 60 * 60;
}

void vexfs_node_accessed(struct inode *inode)
{
	struct timespec now;
	bool stale;

	if (sb_rdonly(inode->i_sb) || vexfs_is_shutdown(inode->i_sb))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	down_read(&inode->i_rwsem);
	stale = is_stale(inode, &now);
	inode_unlock_shared(inode);
	if (!stale)
		return;
	down_write(&inode->i_rwsem);
	if (is_stale(inode, &now) && inode->i_nlink) {
		inode->i_atime = now;
		log_inode(inode);	/* fsync hears of an error */
	}
	inode_unlock(inode);
}

/* --- data --- */

ssize_t vexfs_node_readlink(struct inode *inode, char *to, size_t size)
{
	struct vexfs_inode_core *core = &VEXFS_I(inode)->core;
	u64 len = i_size_read(inode);
	ssize_t n;

	if (!S_ISLNK(inode->i_mode))
		return -EINVAL;
	if (vexfs_is_gone(inode->i_sb))
		return -EIO;
	down_read(&inode->i_rwsem);
	if (len < sizeof(core->link)) {
		n = min_t(u64, len, size);
		memcpy(to, core->link, n);
	} else {
		n = vexfs_data_read(inode, to, size, 0);
	}
	inode_unlock_shared(inode);
	return n;
}

ssize_t vexfs_node_read(struct inode *inode, void *to, size_t n, off_t pos)
{
	ssize_t done;

	if (vexfs_is_gone(inode->i_sb))
		return -EIO;
	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode) || pos < 0 || n > SSIZE_MAX)
		return -EINVAL;
	if (down_read_killable(&inode->i_rwsem))
		return -EINTR;
	done = vexfs_data_read(inode, to, n, pos);
	inode_unlock_shared(inode);
	return done;
}

/* May the data be changed? */
static int check_write(struct inode *inode)
{
	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (sb_rdonly(inode->i_sb))
		return -EROFS;
	return S_ISREG(inode->i_mode) ? 0 : -EINVAL;
}

ssize_t vexfs_node_write(struct inode *inode, const void *from, size_t n, off_t pos)
{
	int err = check_write(inode);
	ssize_t done;

	if (err)
		return err;
	if (pos < 0)
		return -EINVAL;
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	done = vexfs_data_write(inode, from, n, pos);
	inode_unlock(inode);
	return done;
}

int vexfs_node_fallocate(struct inode *inode, int mode, off_t pos, off_t n)
{
	int err = check_write(inode);

	if (mode & ~FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (err)
		return err;
	if (pos < 0 || n <= 0)
		return -EINVAL;
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	err = vexfs_data_reserve(inode, pos, n, mode & FALLOC_FL_KEEP_SIZE);
	inode_unlock(inode);
	return err;
}

off_t vexfs_node_seek(struct inode *inode, off_t pos, int whence)
{
	if (vexfs_is_gone(inode->i_sb))
		return -EIO;
	if (!S_ISREG(inode->i_mode) || (whence != SEEK_DATA && whence != SEEK_HOLE))
		return -EINVAL;
	if (pos < 0)
		return -ENXIO;
	if (down_read_killable(&inode->i_rwsem))
		return -EINTR;
	pos = vexfs_data_seek(inode, pos, whence == SEEK_HOLE);
	inode_unlock_shared(inode);
	return pos;
}

int vexfs_node_sync(struct inode *inode)
{
	u64 since;
	int err;

	if (vexfs_is_shutdown(inode->i_sb))
		return -EIO;
	if (sb_rdonly(inode->i_sb))
		return 0;
	since = vexfs_log_flushes(VEXFS_SB(inode->i_sb)->log);
	err = vexfs_is_collection(inode) ? vexfs_collection_sync(inode) : 0;
	return err ?: vexfs_commit_barrier_since(inode->i_sb, READ_ONCE(VEXFS_I(inode)->sync_tid), since);
}

/* --- listing --- */

#define LIST_BYTES	(32u << 10)

/* Copied first: whoever wants to know may ask for more, and the directory is locked. */
int vexfs_node_list(struct inode *inode, __u64 *pos,
		    bool (*fn)(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type,
			       __u64 pos),
		    void *arg)
{
	const struct vexfs_dir_entry *e;
	struct vexfs_dir_list *l;
	__u64 next = *pos;
	unsigned int at;
	int err;

	if (!S_ISDIR(inode->i_mode))
		return -ENOTDIR;
	l = kmalloc(LIST_BYTES, GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	l->size = LIST_BYTES - sizeof(*l);
	do {
		err = down_read_killable(&inode->i_rwsem);
		if (err)
			break;
		err = vexfs_dir_fill(&VEXFS_I(inode)->core, &next, l);
		inode_unlock_shared(inode);
		for (at = 0; (e = vexfs_dir_next(l, &at));) {
			*pos = e->pos;
			if (!fn(arg, e->name, e->len, e->ino, e->type, e->pos))
				goto out;
		}
		*pos = next;
	} while (!err && l->full);
out:
	kfree(l);
	return err;
}
