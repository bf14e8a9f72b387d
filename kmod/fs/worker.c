// SPDX-License-Identifier: GPL-2.0
/*
 * What goes on in a mount that nobody waits for and that takes processor time: a thread at the
 * lowest priority for derived data and live recall (a workqueue has no priority of its own that a
 * module could set), and giving back the memory of derived data when it is short.
 *
 * It writes nothing but checkpoints, and does without where it may not write: so it works on a
 * read-only mount and while the filesystem is frozen, too.
 *
 * Lock: vexfs_sb_info.worker_writes, while it, or who does its work (collection/upkeep.c), writes.
 */
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/shrinker.h>
#include "fs/fs.h"
#include "search/search.h"

/* --- the worker --- */

static int work(void *arg)
{
	struct super_block *sb = arg;
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	set_user_nice(current, MAX_NICE);
	set_freezable();
	while (!kthread_should_stop()) {
		wait_event_freezable(sbi->worker_wait,
				     test_and_clear_bit(VEXFS_SBI_POKED, &sbi->flags) ||
				     kthread_should_stop());
		vexfs_collections_upkeep(sb);
		vexfs_recalls(sb);
	}
	return 0;
}

void vexfs_worker_poke(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (!test_and_set_bit(VEXFS_SBI_POKED, &sbi->flags))
		wake_up(&sbi->worker_wait);
}

/* By the worker, which a suspend may stop here. */
bool vexfs_worker_should_stop(const struct super_block *sb)
{
	return kthread_freezable_should_stop(NULL);
}

bool vexfs_worker_write(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (mutex_lock_killable(&sbi->worker_writes))
		return false;
	if (vexfs_may_work(sb))
		return true;
	mutex_unlock(&sbi->worker_writes);
	return false;
}

void vexfs_worker_written(struct super_block *sb)
{
	mutex_unlock(&VEXFS_SB(sb)->worker_writes);
}

/* vexfs_may_work() is false from now on. */
void vexfs_worker_wait(struct super_block *sb)
{
	mutex_lock(&VEXFS_SB(sb)->worker_writes);
	mutex_unlock(&VEXFS_SB(sb)->worker_writes);
}

/* --- memory --- */

static unsigned long count_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	return vexfs_budget_evictable(shrinker->private_data) >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

static unsigned long scan_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	vexfs_spares_free(shrinker->private_data);
	return vexfs_budget_reclaim(shrinker->private_data, (u64)sc->nr_to_scan << PAGE_SHIFT) >>
	       PAGE_SHIFT;
}

/* --- both --- */

int vexfs_worker_start(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct shrinker *shrinker = shrinker_alloc(0, "vexfs:%s", sb->s_id);
	struct task_struct *worker;

	if (!shrinker)
		return -ENOMEM;
	init_waitqueue_head(&sbi->worker_wait);
	worker = kthread_run(work, sb, "vexfs/%s", sb->s_id);
	if (IS_ERR(worker)) {
		shrinker_free(shrinker);
		return PTR_ERR(worker);
	}
	sbi->worker = worker;
	shrinker->count_objects = count_objects;
	shrinker->scan_objects = scan_objects;
	shrinker->private_data = sb;
	shrinker_register(shrinker);
	sbi->shrinker = shrinker;
	return 0;
}

void vexfs_worker_stop(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (!sbi->worker)
		return;
	kthread_stop(sbi->worker);
	shrinker_free(sbi->shrinker);
	sbi->worker = NULL;
}
