// SPDX-License-Identifier: GPL-2.0
/*
 * What collections, searches and ioctls ask of the kernel (collection/platform.h), and is the
 * business of no other file: descriptors and permissions, inodes in memory, waiting, freezing,
 * tracing.
 *
 * Lock: i_lock of one inode at a time.  The timed mutex is its user's.
 */
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/mnt_idmapping.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include "fs/fs.h"
#include "hooks/trace.h"

/* --- inodes --- */

void vexfs_inode_touch(struct inode *inode)
{
	inode_set_ctime_current(inode);
	inode_inc_iversion(inode);
}

/*
 * Files and directories remember the collection that they were created in, by the number of its
 * directory.  When that was dropped, the number leads to a plain directory, which says to what it
 * belongs itself; or, when that was removed, to nothing or elsewhere.  The directories above one
 * that is in use are in memory: what is not there is not above.
 */
/* collections within collections, dropped from the inside */
#define MAX_OUTER	16

u64 vexfs_collection_of(struct inode *inode)
{
	u64 ino = 0, next;
	bool found = false;
	u32 i;

	rcu_read_lock();
	for (i = 0; inode && i < MAX_OUTER && !found; i++) {
		ino = inode->i_ino;
		spin_lock(&inode->i_lock);
		found = vexfs_is_collection(inode);
		next = VEXFS_I(inode)->core.collection;
		spin_unlock(&inode->i_lock);
		inode = !found && next ? find_inode_by_ino_rcu(inode->i_sb, next) : NULL;
	}
	rcu_read_unlock();
	return found ? ino : 0;
}

void vexfs_file_state(const struct inode *inode, struct vexfs_file_state *s)
{
	*s = (struct vexfs_file_state){
		.ino = inode->i_ino,
		.generation = inode->i_generation,
		.nlink = inode->i_nlink,
		.uid = i_uid_read(inode),
		.gid = i_gid_read(inode),
		.mode = inode->i_mode,
		.data_change = VEXFS_I(inode)->core.data_change,
	};
}

/* Called under inode_hash_lock: sleeps on nothing, takes no reference. */
static int copy_state(struct inode *inode, unsigned long ino, void *arg)
{
	/*
	 * one that is being read has no state yet, and one that is going will not be logged again
	 */
	if (inode->i_ino != ino || inode->i_state & (I_NEW | I_FREEING | I_WILL_FREE))
		return 0;
	vexfs_file_state(inode, arg);
	return -1;
}

bool vexfs_file_state_in_memory(struct super_block *sb, u64 ino, struct vexfs_file_state *s)
{
	s->ino = 0;
	find_inode_nowait(sb, ino, copy_state, s);
	return s->ino;
}

struct inode *vexfs_file_of(struct super_block *sb, int n)
{
	struct fd fd = fdget(n);
	struct inode *inode;

	if (!fd_file(fd))
		return ERR_PTR(-EBADF);
	inode = file_inode(fd_file(fd));
	if (!(fd_file(fd)->f_mode & FMODE_READ) || !S_ISREG(inode->i_mode))
		inode = ERR_PTR(-EBADF);
	else if (inode->i_sb != sb)
		inode = ERR_PTR(-EXDEV);
	else
		ihold(inode);
	fdput(fd);
	return inode;
}

/* A store into a page that is dirty already makes no fault; cleaning it takes that away. */
void vexfs_file_settle(struct inode *inode)
{
	if (mapping_writably_mapped(inode->i_mapping))
		filemap_write_and_wait(inode->i_mapping);
}

/* --- who may do what --- */

int vexfs_may_read(struct file *file)
{
	return file->f_mode & FMODE_READ ? 0 : -EBADF;
}

int vexfs_may_write(struct file *file)
{
	int err = inode_permission(file_mnt_idmap(file), file_inode(file), MAY_WRITE);

	if (!err && vexfs_is_shutdown(file_inode(file)->i_sb))
		err = -EIO;
	return err ?: mnt_want_write_file(file);
}

int vexfs_may_own(struct file *file)
{
	if (!inode_owner_or_capable(file_mnt_idmap(file), file_inode(file)))
		return -EPERM;
	return vexfs_may_write(file);
}

void vexfs_end_write(struct file *file)
{
	mnt_drop_write_file(file);
}

int vexfs_may_look(struct file *file, struct inode *dir)
{
	return inode_permission(file_mnt_idmap(file), dir, MAY_READ | MAY_EXEC);
}

int vexfs_may_inherit(struct mnt_idmap *idmap, struct inode *inode)
{
	return inode_permission(idmap, inode, MAY_READ);
}

void vexfs_caller_init(struct vexfs_caller *caller, const struct file *file)
{
	struct user_namespace *ns = current_user_ns();

	caller->idmap = file_mnt_idmap(file);
	caller->sb = file_inode(file)->i_sb;
	caller->override = ns_capable_noaudit(ns, CAP_DAC_READ_SEARCH) ||
			   ns_capable_noaudit(ns, CAP_DAC_OVERRIDE);
}

/* The decision of acl_permission_check() and generic_permission() for MAY_READ. */
bool vexfs_caller_may_read(const struct vexfs_caller *caller, u32 owner, u32 group, u16 mode)
{
	struct user_namespace *ns = caller->sb->s_user_ns;
	vfsuid_t uid = make_vfsuid(caller->idmap, ns, make_kuid(ns, owner));
	vfsgid_t gid = make_vfsgid(caller->idmap, ns, make_kgid(ns, group));
	umode_t bit = 0004;

	if (vfsuid_eq_kuid(uid, current_fsuid()))
		bit = 0400;
	else if (vfsgid_in_group_p(gid))
		bit = 0040;
	if (mode & bit)
		return true;
	return caller->override && vfsuid_has_mapping(current_user_ns(), uid) &&
	       vfsgid_has_mapping(current_user_ns(), gid);
}

int vexfs_may_shut_down(void)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* --- waiting --- */

void vexfs_timed_init(struct vexfs_timed_mutex *m)
{
	mutex_init(&m->m);
	init_waitqueue_head(&m->unlocked);
}

int vexfs_timed_lock(struct vexfs_timed_mutex *m, u64 deadline)
{
	u64 now = vx_clock_us();
	long left;

	left = wait_event_killable_timeout(m->unlocked, mutex_trylock(&m->m),
					   deadline > now ? usecs_to_jiffies(deadline - now) : 0);
	return left > 0 ? 0 : left ? -EINTR : -ETIME;
}

void vexfs_timed_unlock(struct vexfs_timed_mutex *m)
{
	mutex_unlock(&m->m);
	wake_up(&m->unlocked);		/* we have a reference to what it is in */
}

/* --- work that nobody waits for --- */

void vexfs_nap(u32 us)
{
	fsleep(us);
}

bool vexfs_may_work(const struct super_block *sb)
{
	return test_bit(VEXFS_SBI_RAISE, &VEXFS_SB(sb)->flags) &&
	       sb->s_writers.frozen == SB_UNFROZEN;
}

bool vexfs_work_begin(struct super_block *sb)
{
	return sb_start_intwrite_trylock(sb);
}

void vexfs_work_end(struct super_block *sb)
{
	sb_end_intwrite(sb);
}

/* --- tracing --- */

void vexfs_event_use(const struct inode *dir, u32 slot, const char *name)
{
	trace_vexfs_use(dir, slot, name);
}

void vexfs_event_commit(const struct inode *dir, u64 records, u64 deaths, u64 us, int err)
{
	trace_vexfs_commit(dir, records, deaths, us, err);
}

void vexfs_event_compact(const struct inode *dir, u64 before, u64 after, u64 us, int err)
{
	trace_vexfs_compact(dir, before, after, us, err);
}

void vexfs_event_damage(const struct inode *dir, u64 slot, u64 id, int err)
{
	trace_vexfs_damage(dir, slot, id, err);
}

void vexfs_event_search_begin(const struct inode *dir, const struct vexfs_ioc_search *s)
{
	trace_vexfs_search_begin(dir, s);
}

void vexfs_event_search_end(const struct inode *dir, const struct vexfs_ioc_search *s, u64 us,
			    int err)
{
	trace_vexfs_search_end(dir, s, us, err);
}
