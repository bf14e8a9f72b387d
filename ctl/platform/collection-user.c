// SPDX-License-Identifier: GPL-2.0
/*
 * What collections, searches and ioctls ask of their host, in user space: transactions, errors, who
 * may do what, waiting; see collection/platform.h.
 *
 * A thread has one transaction at a time; one that is begun inside another joins it, with its
 * credits.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <platform/printable.h>
#include "host.h"
#include "call.h"

/* --- telling --- */

static void tell(const struct super_block *sb, const char *line)
{
	const struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (sbi->hear)
		sbi->hear(sbi->hear_arg, line);
	else if (!sbi->dev->quiet && !test_bit(VEXFS_SBI_KILLED, &sbi->flags))
		fprintf(stderr, "vexfs (%s): %s\n", sb->s_id, printable(line));
}

void vexfs_msg(const struct super_block *sb, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	tell(sb, line);
}

void vexfs_complain(const struct inode *dir, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(line), "collection %lu: ", dir->i_ino);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	tell(dir->i_sb, line);
}

/* Nobody traces. */
void vexfs_event_use(const struct inode *dir, u32 slot, const char *name)
{
	(void)dir, (void)slot, (void)name;
}

void vexfs_event_commit(const struct inode *dir, u64 records, u64 deaths, u64 us, int err)
{
	(void)dir, (void)records, (void)deaths, (void)us, (void)err;
}

void vexfs_event_compact(const struct inode *dir, u64 before, u64 after, u64 us, int err)
{
	(void)dir, (void)before, (void)after, (void)us, (void)err;
}

void vexfs_event_damage(const struct inode *dir, u64 slot, u64 id, int err)
{
	(void)dir, (void)slot, (void)id, (void)err;
}

void vexfs_event_search_begin(const struct inode *dir, const struct vexfs_ioc_search *s)
{
	(void)dir, (void)s;
}

void vexfs_event_search_end(const struct inode *dir, const struct vexfs_ioc_search *s, u64 us,
			    int err)
{
	(void)dir, (void)s, (void)us, (void)err;
}

unsigned int vexfs_user_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : cpu;
}

u64 vexfs_user_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* --- who asks --- */

#define MAY_EXEC	1
#define MAY_WRITE	2
#define MAY_READ	4

/* NULL: this process. */
static const struct mnt_idmap *asking(void)
{
	return vexfs_calling ? &vexfs_calling->who : NULL;
}

/* The decision of acl_permission_check() and generic_permission(); root has all capabilities. */
static bool mode_allows(const struct mnt_idmap *who, u32 uid, u32 gid, umode_t mode, umode_t want)
{
	if (!who || !who->uid)
		return true;
	if (uid == who->uid)
		mode >>= 6;
	else if (gid == who->gid || who->in_group(who->arg, gid))
		mode >>= 3;
	return !(want & ~mode);
}

static bool allows(const struct mnt_idmap *who, const struct inode *inode, umode_t want)
{
	return mode_allows(who, READ_ONCE(inode->i_uid), READ_ONCE(inode->i_gid),
			   READ_ONCE(inode->i_mode), want);
}

/* --- errors --- */

/* As the module does by errors=. */
static void found_error(struct super_block *sb, const char *line)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	tell(sb, line);
	set_bit(VEXFS_SBI_ERROR, &sbi->flags);
	if (!sbi->log || test_bit(VEXFS_SBI_MOUNTING, &sbi->flags) ||
	    sbi->opts.errors == VEXFS_ERRORS_CONTINUE)
		return;
	if (!test_and_set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags)) {
		vexfs_msg(sb, "no further writes; close it and run fsck.vexfs");
		vexfs_log_abort(sbi->log, -EIO);
	}
}

void vexfs_error(struct super_block *sb, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	found_error(sb, line);
}

void vexfs_found_damage(struct vexfs_dev *dev, const char *line)
{
	found_error(dev->owner, line);
}

void vexfs_write_failed(const struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (__atomic_load_n(&sbi->dev->full, __ATOMIC_RELAXED) &&
	    !test_and_set_bit(VEXFS_SBI_FULL, &sbi->flags))
		vexfs_msg(sb, "the disk that the image is on is full: make room there");
}

/* Acknowledged changes may be lost by now, so nothing goes on from here, whatever errors= says. */
static bool log_failed(const struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (!sbi->log || !vexfs_log_aborted(sbi->log))
		return false;
	vexfs_write_failed(sb);
	if (!test_and_set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags))
		vexfs_msg(sb, "the log has failed: no further writes; close it and run fsck.vexfs");
	return true;
}

bool vexfs_is_shutdown(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_SHUTDOWN, &VEXFS_SB(sb)->flags) || log_failed(sb);
}

bool vexfs_is_gone(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_GONE, &VEXFS_SB(sb)->flags);
}

int vexfs_shutdown(struct super_block *sb, u32 how)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = 0;

	if (how > 2)
		return -EINVAL;
	if (!vexfs_is_shutdown(sb) && sbi->log) {
		if (!how)
			err = vexfs_collections_sync(sb);
		if (how < 2)
			err = vexfs_log_commit(sbi->log) ?: err;
		if (!how && err)
			return err;
		set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags);
		vexfs_log_abort(sbi->log, 0);
	}
	set_bit(VEXFS_SBI_SHUTDOWN, &sbi->flags);
	set_bit(VEXFS_SBI_GONE, &sbi->flags);
	return 0;
}

/* Whoever could open the image, or is this process to who asks. */
int vexfs_may_shut_down(void)
{
	const struct mnt_idmap *who = asking();

	return !who || !who->uid || who->uid == geteuid() ? 0 : -EPERM;
}

/* --- transactions --- */

static __thread vx_txn *running;		/* of this thread */

vx_txn *vexfs_start(struct super_block *sb, int credits)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	vx_txn *t = running;
	int err;

	if (t && t->dev == sbi->dev) {
		t->nested++;
		return t;
	}
	WARN_ON_ONCE(t);
	if (vexfs_is_shutdown(sb))
		return ERR_PTR(-EIO);
	if (sb_rdonly(sb))
		return ERR_PTR(-EROFS);
	t = kzalloc(sizeof(*t), GFP_NOFS);
	if (!t)
		return ERR_PTR(-ENOMEM);
	err = vexfs_log_begin(sbi->log, t, credits);
	if (err) {
		kfree(t);
		return ERR_PTR(err);
	}
	running = t;
	return t;
}

int vexfs_stop(vx_txn *t, int err)
{
	int e2;

	if (t->nested) {
		t->nested--;
		return err;
	}
	running = NULL;
	e2 = vexfs_log_end(t);
	kfree(t);
	return err ?: e2;
}

int vexfs_finish(vx_txn *t, struct super_block *sb, int err)
{
	if (err && !vexfs_log_aborted(t->dev->log)) {
		vexfs_error(sb, "an operation failed halfway (error %d)", err);
		vexfs_abort(t, err);
	}
	return vexfs_stop(t, err);
}

void vexfs_abort(vx_txn *t, int err)
{
	vexfs_log_abort(t->dev->log, err);
}

tid_t vexfs_tid(const vx_txn *t)
{
	return vexfs_log_sequence(t->dev->log);
}

tid_t vexfs_last_tid(struct super_block *sb)
{
	struct vexfs_log *log = VEXFS_SB(sb)->log;

	return log ? vexfs_log_sequence(log) : 0;
}

int vexfs_commit_barrier_since(struct super_block *sb, tid_t tid, u64 since)
{
	int err;

	if (vexfs_is_shutdown(sb))
		return -EIO;
	if (sb_rdonly(sb))
		return 0;
	err = vexfs_log_wait(VEXFS_SB(sb)->log, tid, since);
	return vexfs_is_shutdown(sb) ? -EIO : err;
}

int vexfs_commit_barrier(struct super_block *sb, tid_t tid)
{
	struct vexfs_log *log = VEXFS_SB(sb)->log;

	return vexfs_commit_barrier_since(sb, tid, log ? vexfs_log_flushes(log) : 0);
}

bool vexfs_retry_alloc(struct super_block *sb, int err, int *retries)
{
	if ((err != -ENOSPC && err != -EIO) || (*retries)++ || vexfs_is_shutdown(sb) ||
	    sb_rdonly(sb))
		return false;
	vexfs_log_commit(VEXFS_SB(sb)->log);
	return true;
}

int vexfs_log_super(vx_txn *t, struct super_block *sb, bool clean)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u16 state = clean ? VEXFS_STATE_CLEAN : 0;

	if (test_bit(VEXFS_SBI_ERROR, &sbi->flags))
		state = VEXFS_STATE_ERROR;
	return vexfs_super_log(t, &sbi->fs, state);
}

/* --- who may do what: whoever could open the image, and others by owner, group and mode --- */

int vexfs_may_read(struct file *file)
{
	return (file->flags & O_ACCMODE) == O_WRONLY ? -EBADF : 0;
}

int vexfs_may_write(struct file *file)
{
	if (sb_rdonly(file->inode->i_sb))
		return -EROFS;
	if (!allows(asking(), file->inode, MAY_WRITE))
		return -EACCES;
	if (asking() && (file->flags & O_ACCMODE) != O_RDWR)
		return -EROFS;
	return vexfs_is_shutdown(file->inode->i_sb) ? -EIO : 0;
}

int vexfs_may_own(struct file *file)
{
	const struct mnt_idmap *who = asking();

	if (who && who->uid && who->uid != READ_ONCE(file->inode->i_uid))
		return -EPERM;
	return vexfs_may_write(file);
}

void vexfs_end_write(struct file *file)
{
	(void)file;
}

int vexfs_may_look(struct file *file, struct inode *dir)
{
	(void)file;
	return allows(asking(), dir, MAY_READ | MAY_EXEC) ? 0 : -EACCES;
}

int vexfs_may_inherit(struct mnt_idmap *who, struct inode *inode)
{
	return allows(who, inode, MAY_READ) ? 0 : -EACCES;
}

void vexfs_caller_init(struct vexfs_caller *caller, const struct file *file)
{
	(void)file;
	caller->who = asking();
}

bool vexfs_caller_may_read(const struct vexfs_caller *caller, u32 uid, u32 gid, u16 mode)
{
	return mode_allows(caller->who, uid, gid, mode, MAY_READ);
}

/* --- waiting --- */

void vexfs_nap(u32 us)
{
	const struct timespec nap = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&nap, NULL);
}

void vexfs_timed_init(struct vexfs_timed_mutex *m)
{
	mutex_init(&m->m);
}

int vexfs_timed_lock(struct vexfs_timed_mutex *m, u64 deadline)
{
	while (!mutex_trylock(&m->m)) {
		if (vx_killed())
			return -EINTR;
		if (vx_clock_us() >= deadline)
			return -ETIME;
		vexfs_nap(100);
	}
	return 0;
}

void vexfs_timed_unlock(struct vexfs_timed_mutex *m)
{
	mutex_unlock(&m->m);
}

/* Nobody freezes; work that nobody waits for is done by who asks for it. */
bool vexfs_may_work(const struct super_block *sb)
{
	return !sb_rdonly(sb);
}

bool vexfs_work_begin(struct super_block *sb)
{
	return !sb_rdonly(sb);
}

void vexfs_work_end(struct super_block *sb)
{
	(void)sb;
}

/* --- descriptors --- */

static struct file *(*descriptors)(int fd);

void vexfs_image_descriptors(struct file *(*lookup)(int fd))
{
	__atomic_store_n(&descriptors, lookup, __ATOMIC_RELEASE);
}

struct inode *vexfs_file_of(struct super_block *sb, int fd)
{
	struct file *(*lookup)(int fd) = smp_load_acquire(&descriptors);
	struct file *file = lookup ? lookup(fd) : NULL;

	if (IS_ERR(file))
		return (void *)file;
	if (!file || vexfs_may_read(file) || !S_ISREG(file->inode->i_mode))
		return ERR_PTR(-EBADF);
	if (file->inode->i_sb != sb)
		return ERR_PTR(-EXDEV);
	ihold(file->inode);
	return file->inode;
}

/* Nobody maps a file; who has done so by FUSE asks for that himself, see libvexfs. */
void vexfs_file_settle(struct inode *inode)
{
	(void)inode;
}
