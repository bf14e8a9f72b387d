// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel asks of a mount by FUSE, answered by platform/nodes.h.
 *
 * The kernel knows inodes by their numbers, which are those of the disk, with their generations.
 * What it has looked up stays in memory until it forgets it, so a request's inode needs no other
 * reference.  It checks permissions (default_permissions).  Nobody but this process changes the
 * filesystem, so names and attributes may be cached for as long as the kernel likes; what it does not
 * know itself, as times after a write, it asks for anew.  Its cache of data is written through:
 * when write(2) returns, this process has the data, and fsync(2) means what it does in the module.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <platform/nodes.h>
#include <vexfs/format.h>
#include "fuse/door.h"
#include "fuse/fuse.h"

#define FOREVER		86400.0		/* seconds */
#define MAX_WRITE	(1u << 20)
#define MAX_ERR		4095

static bool is_err(const void *p)
{
	return (unsigned long)p >= (unsigned long)-MAX_ERR;
}

static int err_of(const void *p)
{
	return is_err(p) ? (int)(long)p : 0;
}

static struct mounted *mounted(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct vexfs_image *image_of(fuse_req_t req)
{
	return mounted(req)->image;
}

/* NULL: an error was answered. */
static struct inode *node_of(fuse_req_t req, fuse_ino_t ino)
{
	struct inode *inode = vexfs_node_known(image_of(req), ino);

	if (!inode)
		fuse_reply_err(req, ESTALE);
	return inode;
}

static struct vexfs_name name_in(struct inode *dir, const char *name)
{
	return (struct vexfs_name){ dir, name, strlen(name) };
}

static void reply(fuse_req_t req, int err)
{
	fuse_reply_err(req, -err);
}

/*
 * The filesystem is full, but perhaps not for long: the kernel tells that nobody has an unlinked file
 * any more a moment after it is so, where the module frees it before close(2) or unlink(2) return.
 * True: try again.  Half of the threads may wait, so that there is who hears of it.
 */
static bool room_may_come(struct mounted *m, unsigned int *naps)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	bool any;

	if (*naps >= 500)
		return false;
	if (__atomic_add_fetch(&m->waiting, 1, __ATOMIC_RELAXED) > 4) {
		__atomic_sub_fetch(&m->waiting, 1, __ATOMIC_RELAXED);
		return false;
	}
	any = vexfs_node_any_unused(m->image);
	if (any || !*naps)		/* the last one may have gone between the failure and now */
		nanosleep(&nap, NULL);
	__atomic_sub_fetch(&m->waiting, 1, __ATOMIC_RELAXED);
	any |= !*naps;
	++*naps;
	return any;
}

/* --- entries --- */

static void fill_entry(struct inode *inode, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = vexfs_node_ino(inode),
		.generation = vexfs_node_generation(inode),
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER,
	};
	vexfs_node_stat(inode, &e->attr);
}

/* Takes over the reference. */
static void reply_entry(fuse_req_t req, struct inode *inode)
{
	struct fuse_entry_param e;

	if (is_err(inode)) {
		reply(req, err_of(inode));
		return;
	}
	fill_entry(inode, &e);
	vexfs_node_looked_up(inode);
	if (fuse_reply_entry(req, &e))
		vexfs_node_forget(image_of(req), e.ino, 1);
}

/*
 * Who has a file handle asks by "." for an inode that the kernel does not know.  Nobody has it open
 * then, so without a name it is gone, though the kernel may not have told yet that it forgot it.
 */
static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param none = { .entry_timeout = FOREVER };
	struct inode *dir, *inode;
	struct vexfs_name at;

	if (!strcmp(name, ".")) {
		reply_entry(req, vexfs_node_get(image_of(req), parent));
		return;
	}
	dir = node_of(req, parent);
	if (!dir)
		return;
	at = name_in(dir, name);
	inode = vexfs_name_lookup(&at);
	if (err_of(inode) == -ENOENT)
		fuse_reply_entry(req, &none);
	else
		reply_entry(req, inode);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	vexfs_node_forget(image_of(req), ino, n);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		vexfs_node_forget(image_of(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/* ERR_PTR, or a reference.  The kernel has applied the umask. */
static struct inode *make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			  dev_t rdev, const char *target)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	const struct vexfs_make m = {
		.mode = mode, .uid = ctx->uid, .gid = ctx->gid, .rdev = rdev, .target = target,
	};
	struct inode *dir = vexfs_node_known(image_of(req), parent), *inode;
	struct vexfs_name at;
	unsigned int naps = 0;

	if (!dir)
		return (void *)(long)-ESTALE;
	at = name_in(dir, name);
	do
		inode = vexfs_name_make(&at, &m);
	while (err_of(inode) == -ENOSPC && room_may_come(mounted(req), &naps));
	return inode;
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	reply_entry(req, make(req, parent, name, mode, rdev, NULL));
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	reply_entry(req, make(req, parent, name, S_IFDIR | (mode & 07777), 0, NULL));
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	reply_entry(req, make(req, parent, name, S_IFLNK | 0777, 0, target));
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct inode *inode = node_of(req, ino), *dir = inode ? node_of(req, parent) : NULL;
	unsigned int naps = 0;
	struct vexfs_name at;
	int err;

	if (!dir)
		return;
	at = name_in(dir, name);
	do
		err = vexfs_name_link(&at, inode);
	while (err == -ENOSPC && room_may_come(mounted(req), &naps));
	reply_entry(req, err ? (void *)(long)err : vexfs_node_get(image_of(req), ino));
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, bool is_dir)
{
	struct inode *dir = node_of(req, parent);
	struct vexfs_name at;

	if (!dir)
		return;
	at = name_in(dir, name);
	reply(req, vexfs_name_remove(&at, is_dir));
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, false);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, true);
}

static bool in_group(void *arg, __u32 gid)
{
	int n = fuse_req_getgroups(arg, 0, NULL), i;
	gid_t *all = n > 0 ? calloc(n, sizeof(*all)) : NULL;
	bool found = false;

	if (!all)
		return false;
	i = fuse_req_getgroups(arg, n, all);
	for (n = i < n ? i : n; n-- > 0 && !found;)
		found = all[n] == gid;
	free(all);
	return found;
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned int flags)
{
	struct inode *dir = node_of(req, parent), *new_dir = dir ? node_of(req, new_parent) : NULL;
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct mnt_idmap who = {
		.uid = ctx->uid, .gid = ctx->gid, .in_group = in_group, .arg = req,
	};
	struct vexfs_name from, to;
	unsigned int naps = 0;
	int err;

	if (!new_dir)
		return;
	from = name_in(dir, name);
	to = name_in(new_dir, new_name);
	do
		err = vexfs_name_rename(&from, &to, flags, &who);
	while (err == -ENOSPC && room_may_come(mounted(req), &naps));
	reply(req, err);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct inode *inode = node_of(req, ino);
	char target[VEXFS_BLOCK_SIZE + 1];
	ssize_t n;

	if (!inode)
		return;
	n = vexfs_node_readlink(inode, target, VEXFS_BLOCK_SIZE);
	if (n < 0) {
		reply(req, n);
		return;
	}
	target[n] = '\0';
	if (!mounted(req)->noatime)
		vexfs_node_accessed(inode);
	fuse_reply_readlink(req, target);
}

/* --- attributes --- */

static void reply_attr(fuse_req_t req, struct inode *inode)
{
	struct stat st;

	vexfs_node_stat(inode, &st);
	fuse_reply_attr(req, &st, FOREVER);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);

	(void)fi;
	if (inode)
		reply_attr(req, inode);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set,
		       struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);
	struct vexfs_set s = {
		.mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid,
		.size = st->st_size, .atime = st->st_atim, .mtime = st->st_mtim,
	};
	struct timespec now;
	unsigned int naps = 0;
	int err;

	if (!inode)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (set & FUSE_SET_ATTR_ATIME_NOW)
		s.atime = now;
	if (set & FUSE_SET_ATTR_MTIME_NOW)
		s.mtime = now;
	s.set = (set & FUSE_SET_ATTR_MODE ? VEXFS_SET_MODE : 0) |
		(set & FUSE_SET_ATTR_UID ? VEXFS_SET_UID : 0) |
		(set & FUSE_SET_ATTR_GID ? VEXFS_SET_GID : 0) |
		(set & FUSE_SET_ATTR_SIZE ? VEXFS_SET_SIZE | (fi ? VEXFS_SET_OPEN : 0) : 0) |
		(set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW) ? VEXFS_SET_ATIME : 0) |
		(set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW) ? VEXFS_SET_MTIME : 0);
	do
		err = vexfs_node_setattr(inode, &s);
	while (err == -ENOSPC && room_may_come(mounted(req), &naps));
	if (err)
		reply(req, err);
	else
		reply_attr(req, inode);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct vexfs_image_info i;
	struct statvfs s = { .f_bsize = VEXFS_BLOCK_SIZE, .f_frsize = VEXFS_BLOCK_SIZE };

	(void)ino;
	vexfs_image_info(image_of(req), &i);
	s.f_blocks = i.blocks;
	s.f_bfree = i.free;
	s.f_bavail = i.free - (i.free < i.reserved ? i.free : i.reserved);
	s.f_files = i.inodes;
	s.f_ffree = s.f_favail = i.free_inodes;
	s.f_namemax = VEXFS_NAME_LEN;
	fuse_reply_statfs(req, &s);
}

/* --- files --- */

/* There is no direct I/O, as in the module. */
static int check_open(const struct fuse_file_info *fi)
{
	return fi->flags & O_DIRECT ? -EINVAL : 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct vexfs_set cut = { .set = VEXFS_SET_SIZE | VEXFS_SET_OPEN };
	struct inode *inode = node_of(req, ino);
	int err;

	if (!inode)
		return;
	err = check_open(fi);
	if (!err && fi->flags & O_TRUNC)
		err = vexfs_node_setattr(inode, &cut);
	if (err) {
		reply(req, err);
		return;
	}
	fi->keep_cache = 1;
	fi->fh = fi->flags;
	vexfs_node_opened(inode, true);
	if (fuse_reply_open(req, fi))
		vexfs_node_opened(inode, false);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	struct inode *inode;
	int err = check_open(fi);

	inode = err ? (void *)(long)err :
		      make(req, parent, name, S_IFREG | (mode & 07777), 0, NULL);
	if (is_err(inode)) {
		reply(req, err_of(inode));
		return;
	}
	fill_entry(inode, &e);
	fi->keep_cache = 1;
	fi->fh = fi->flags;
	vexfs_node_opened(inode, true);
	vexfs_node_looked_up(inode);
	if (fuse_reply_create(req, &e, fi)) {
		vexfs_node_opened(inode, false);
		vexfs_node_forget(image_of(req), e.ino, 1);
	}
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);

	(void)fi;
	if (!inode)
		return;
	vexfs_node_opened(inode, false);
	reply(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		    struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);
	char *to;
	ssize_t n;

	(void)fi;
	if (!inode)
		return;
	to = malloc(size ? size : 1);
	n = to ? vexfs_node_read(inode, to, size, pos) : -ENOMEM;
	if (n >= 0 && !mounted(req)->noatime)
		vexfs_node_accessed(inode);
	if (n < 0)
		reply(req, n);
	else
		fuse_reply_buf(req, to, n);
	free(to);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *from, size_t size, off_t pos,
		     struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);
	unsigned int naps = 0;
	size_t done = 0;
	ssize_t n;

	(void)fi;
	if (!inode)
		return;
	do {
		n = vexfs_node_write(inode, from + done, size - done, pos + done);
		if (n > 0)
			done += n;
	} while (n < 0 ? n == -ENOSPC && room_may_come(mounted(req), &naps) :
			 n && done < size);
	if (n < 0 && !done)
		reply(req, n);
	else
		fuse_reply_write(req, done);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);

	(void)datasync, (void)fi;
	if (inode)
		reply(req, vexfs_node_sync(inode));
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t pos, off_t n,
			 struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);
	unsigned int naps = 0;
	int err;

	(void)fi;
	if (!inode)
		return;
	do
		err = vexfs_node_fallocate(inode, mode, pos, n);
	while (err == -ENOSPC && room_may_come(mounted(req), &naps));
	reply(req, err);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence,
		     struct fuse_file_info *fi)
{
	struct inode *inode = node_of(req, ino);

	(void)fi;
	if (!inode)
		return;
	pos = vexfs_node_seek(inode, pos, whence);
	if (pos < 0)
		reply(req, pos);
	else
		fuse_reply_lseek(req, pos);
}

/* --- directories --- */

/*
 * Positions: 1 behind ".", 2 behind "..", then the byte behind the first one of an entry, and
 * these two.
 */
#define FIRST_POS	2

struct filling {
	fuse_req_t req;
	struct inode *dir;
	bool plus;			/* with attributes: each entry is looked up */
	char *buf;
	size_t size, used;
};

/* False: it does not fit. */
static bool add(struct filling *f, const char *name, __u64 ino, mode_t type, off_t next)
{
	struct fuse_entry_param e = { .attr = { .st_ino = ino, .st_mode = type } };
	size_t left = f->size - f->used, n;
	struct vexfs_name at = name_in(f->dir, name);
	struct inode *inode;

	n = f->plus ? fuse_add_direntry_plus(f->req, NULL, 0, name, NULL, 0) :
		      fuse_add_direntry(f->req, NULL, 0, name, NULL, 0);
	if (n > left)
		return false;
	if (f->plus && next > FIRST_POS) {
		inode = vexfs_name_lookup(&at);
		if (!is_err(inode)) {	/* it may have gone meanwhile: a name is all that is told */
			fill_entry(inode, &e);
			vexfs_node_looked_up(inode);
		}
	}
	if (f->plus)
		fuse_add_direntry_plus(f->req, f->buf + f->used, left, name, &e, next);
	else
		fuse_add_direntry(f->req, f->buf + f->used, left, name, &e.attr, next);
	f->used += n;
	return true;
}

static bool add_entry(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type,
		      __u64 pos)
{
	char copy[VEXFS_NAME_LEN + 1];

	memcpy(copy, name, len);
	copy[len] = '\0';
	return add(arg, copy, ino, DTTOIF(type), pos + 1 + FIRST_POS);
}

static __u64 parent_ino(struct inode *dir)
{
	struct inode *up = vexfs_node_parent(dir);
	__u64 ino = vexfs_node_ino(is_err(up) ? dir : up);

	if (!is_err(up))
		vexfs_node_put(up);
	return ino;
}

static void fill(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct inode *dir = node_of(req, ino);
	struct filling f = { .req = req, .dir = dir, .plus = plus, .size = size };
	__u64 pos = off > FIRST_POS ? off - FIRST_POS : 0;
	bool fits = true;
	int err = 0;

	if (!dir)
		return;
	f.buf = malloc(size ? size : 1);
	if (!f.buf) {
		reply(req, -ENOMEM);
		return;
	}
	if (off < 1)
		fits = add(&f, ".", ino, S_IFDIR, 1);
	if (fits && off < 2)
		fits = add(&f, "..", parent_ino(dir), S_IFDIR, 2);
	if (fits)
		err = vexfs_node_list(dir, &pos, add_entry, &f);
	if (!mounted(req)->noatime)
		vexfs_node_accessed(dir);
	if (err && !f.used)
		reply(req, err);
	else
		fuse_reply_buf(req, f.buf, f.used);
	free(f.buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	fill(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	fill(req, ino, size, off, true);
}

/*
 * Where libvexfs finds us, and a pass for what it has open; all other ioctls go past FUSE, see
 * door.h.  A directory cannot be opened but for reading, which is 0.
 */
static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		     struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		     size_t out_size)
{
	struct inode *inode = node_of(req, ino);
	struct vexfs_knock knock;

	(void)arg, (void)flags;
	if (!inode)
		return;
	if (cmd != VEXFS_DOOR_KNOCK || in_size != sizeof(knock) || out_size != sizeof(knock)) {
		reply(req, -ENOTTY);
		return;
	}
	memcpy(&knock, in, sizeof(knock));
	door_knock(&mounted(req)->door, inode, fi->fh, &knock);
	fuse_reply_ioctl(req, 0, &knock, sizeof(knock));
}

/*
 * Nothing is stored, and there is no getxattr, for which every write would ask.  That the kernel
 * has let this come here shows that it is no read-only mount.
 */
static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	struct inode *inode = node_of(req, ino);
	__u64 line;

	(void)flags;
	if (!inode)
		return;
	if (strcmp(name, VEXFS_DOOR_XATTR) || size != sizeof(line) || !vexfs_node_is_dir(inode)) {
		reply(req, -EOPNOTSUPP);
		return;
	}
	memcpy(&line, value, sizeof(line));
	door_shown(&mounted(req)->door, inode, line);
	reply(req, 0);
}

/* --- the mount --- */

/*
 * Asked for explicitly, whatever this version of libfuse has as defaults.  No WRITEBACK_CACHE: data
 * would be in the kernel alone when write(2) returns, and names be on disk before them.  No
 * AUTO_INVAL_DATA: nobody changes files behind the kernel's back.  No HANDLE_KILLPRIV: the kernel
 * takes suid bits away by setattr.
 */
static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mounted *m = userdata;

	conn->want = conn->capable &
		     (FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_EXPORT_SUPPORT |
		      FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS |
		      FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_IOCTL_DIR);
	conn->max_write = MAX_WRITE;
	conn->max_readahead = MAX_WRITE;
	conn->time_gran = 1;
	/* the root is known without a lookup */
	vexfs_node_looked_up(vexfs_node_get(m->image, FUSE_ROOT_ID));
}

_Static_assert(FUSE_ROOT_ID == VEXFS_ROOT_INO, "the kernel's number of the root is the disk's");

/*
 * Not here: flush and access, which have nothing to do; other xattrs, ACLs, locks, which the kernel
 * then does without, or by itself.
 */
const struct fuse_lowlevel_ops fuse_ops = {
	.init		= op_init,
	.lookup		= op_lookup,
	.forget		= op_forget,
	.forget_multi	= op_forget_multi,
	.getattr	= op_getattr,
	.setattr	= op_setattr,
	.readlink	= op_readlink,
	.mknod		= op_mknod,
	.mkdir		= op_mkdir,
	.unlink		= op_unlink,
	.rmdir		= op_rmdir,
	.symlink	= op_symlink,
	.rename		= op_rename,
	.link		= op_link,
	.open		= op_open,
	.read		= op_read,
	.write		= op_write,
	.release	= op_release,
	.fsync		= op_fsync,
	.readdir	= op_readdir,
	.readdirplus	= op_readdirplus,
	.fsyncdir	= op_fsync,
	.statfs		= op_statfs,
	.create		= op_create,
	.fallocate	= op_fallocate,
	.lseek		= op_lseek,
	.ioctl		= op_ioctl,
	.setxattr	= op_setxattr,
};
