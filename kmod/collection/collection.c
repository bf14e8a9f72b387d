// SPDX-License-Identifier: GPL-2.0
/*
 * Collections in memory: how long they live, dropping them, and what the filesystem tells.
 *
 * A loaded collection (struct vexfs_collection_mem) hangs on its directory's inode and goes when
 * that is evicted, or when it was dropped and the last call on it has ended.  While it holds
 * operations that are not committed it pins the directory, so that memory reclaim cannot drop them.
 *
 * Locks: see vexfs.h.
 */
#include "collection/collection.h"

/* What hangs on the directory, perhaps not loaded, with a reference; NULL. */
static struct vexfs_collection_mem *attached(struct inode *dir)
{
	struct vexfs_collection_mem *c;

	spin_lock(&dir->i_lock);
	c = VEXFS_I(dir)->coll;
	if (c)
		refcount_inc(&c->refs);
	spin_unlock(&dir->i_lock);
	return c;
}

/* The same; there will be one.  -ENOMEM. */
static struct vexfs_collection_mem *attach(struct inode *dir)
{
	struct vexfs_collection_mem *c = attached(dir), *other;
	u32 slot;

	if (c)
		return c;
	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->refs, 2);
	c->dir = dir;
	INIT_LIST_HEAD(&c->list);
	INIT_LIST_HEAD(&c->deaths);
	mutex_init(&c->insert_lock);
	mutex_init(&c->snapshots_lock);
	mutex_init(&c->commit_lock);
	mutex_init(&c->lock);
	mutex_init(&c->files_lock);
	INIT_LIST_HEAD(&c->files);
	spin_lock_init(&c->prog_lock);
	vexfs_recall_init(&c->recall);
	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		vexfs_binding_init(&c->binding[slot], dir);
	spin_lock(&dir->i_lock);
	other = VEXFS_I(dir)->coll;
	if (other)
		refcount_inc(&other->refs);
	else
		VEXFS_I(dir)->coll = c;
	spin_unlock(&dir->i_lock);
	if (!other)
		return c;
	kfree(c);
	return other;
}

/* The directory forgets it, and gives its reference to the caller; NULL. */
static struct vexfs_collection_mem *detach(struct inode *dir)
{
	struct vexfs_collection_mem *c;

	spin_lock(&dir->i_lock);
	c = VEXFS_I(dir)->coll;
	VEXFS_I(dir)->coll = NULL;
	spin_unlock(&dir->i_lock);
	return c;
}

void vexfs_collection_put(struct vexfs_collection_mem *c)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(c->dir->i_sb);

	if (!refcount_dec_and_mutex_lock(&c->refs, &sbi->collections_lock))
		return;
	list_del(&c->list);
	mutex_unlock(&sbi->collections_lock);
	vexfs_programs_drop(c);
	vexfs_body_put(c->body);
	vexfs_words_free(c);
	vexfs_deaths_free(&c->deaths);
	vexfs_recall_free(&c->recall);
	kfree(c);
}

struct vexfs_collection_mem *vexfs_collection_get(struct inode *dir)
{
	struct vexfs_collection_mem *c;
	int err = 0;

	if (!vexfs_is_collection(dir))
		return ERR_PTR(-ENODATA);
	c = attach(dir);
	if (IS_ERR(c) || smp_load_acquire(&c->loaded))
		return c;
	if (mutex_lock_killable(&c->lock)) {
		err = -EINTR;
	} else {
		if (!c->loaded)
			err = c->gone ?: vexfs_collection_load(c);
		mutex_unlock(&c->lock);
	}
	if (err)
		vexfs_collection_put(c);
	return err ? ERR_PTR(err) : c;
}

static struct vexfs_collection_mem *if_loaded(struct inode *dir)
{
	struct vexfs_collection_mem *c = attached(dir);

	if (c && !smp_load_acquire(&c->loaded)) {
		vexfs_collection_put(c);
		return NULL;
	}
	return c;
}

/* Of a body with so many slots in lists, of which there are any or not. */
static u32 lists_state(const struct vexfs_body *b, const struct vexfs_ioc_info *info)
{
	if (info->lists)
		return info->linked < info->count ? VEXFS_CODES_PART : VEXFS_CODES_ALL;
	if (info->count < VEXFS_MIN_LISTED)
		return VEXFS_CODES_FEW;
	return info->codes == VEXFS_CODES_BUDGET || READ_ONCE(b->listing_err) == -ENOSPC ?
		       VEXFS_CODES_BUDGET : VEXFS_CODES_NONE;
}

int vexfs_collection_info(struct vexfs_collection_mem *c, struct vexfs_ioc_info *info)
{
	struct vexfs_lists *lists;
	struct vexfs_derived *d;
	struct vexfs_hookset set = {};
	u32 i;

	info->dims = c->dims;
	info->element = VEXFS_ELEM_F32;
	info->metric = c->metric;
	info->row_bytes = c->row_bytes;
	info->attrs = c->attrs;
	for (i = 0; i < c->attrs; i++) {
		memcpy(info->attr[i].name, c->attr[i].a_name, VEXFS_ATTR_NAME_LEN);
		info->attr[i].type = le16_to_cpu(c->attr[i].a_type);
	}
	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	info->count = vexfs_columns_count(c->body->columns);
	info->committed = c->committed;
	info->gone = vexfs_files_gone(&c->body->files);
	info->live = vexfs_columns_live(c->body->columns) - info->gone;
	info->next_seq = c->next_seq;
	info->next_id = c->next_id;
	info->resident = sizeof(*c) + vexfs_columns_bytes(c->body->columns) +
			 vexfs_predicates_bytes(&c->body->predicates) +
			 vexfs_map_bytes(&c->body->key_map) + vexfs_words_bytes(c) +
			 vexfs_files_bytes(&c->body->files);
	d = vexfs_derived_get(c->body);
	info->codes = vexfs_derived_state(c->body, d, info->count);
	if (d) {
		info->coded = min(vexfs_codes_count(d->codes), info->count);
		info->resident += vexfs_derived_bytes(d);
		lists = vexfs_derived_lists(d);
		if (lists) {
			info->lists = vexfs_lists_count(lists);
			info->linked = min(vexfs_lists_linked(lists), info->count);
		} else {
			info->linked = min(READ_ONCE(c->body->listing), info->count);
		}
		vexfs_lists_free(lists);
	}
	vexfs_derived_put(d);
	info->lists_state = lists_state(c->body, info);
	vexfs_checkpoint_info(c->body, &info->checkpoint, &info->checkpoint_bytes);
	info->epoch = c->body->epoch;
	info->damaged = vexfs_columns_damaged(c->body->columns);
	info->key_bytes = c->body->key_end;
	info->snapshots = c->body->snapshots;
	info->compact_done = READ_ONCE(c->compact_done);
	info->compact_total = READ_ONCE(c->compact_total);
	info->compact_lacked = READ_ONCE(c->compact_lacked);
	info->resident += vexfs_snapshots_bytes(c);
	mutex_unlock(&c->lock);
	info->queries = atomic64_read(&c->queries);
	info->fallbacks = atomic64_read(&c->fallbacks);
	vexfs_collection_programs(c, &set);
	for (i = 0; i < VEXFS_SLOTS; i++)
		vexfs_binding_info(&c->binding[i], set.prog[i], i, info->bound + i);
	vexfs_hooks_put(&set);
	return 0;
}

static int count_memory(struct vexfs_collection_mem *c, void *arg)
{
	struct vexfs_body *b = vexfs_body_get(c);
	struct vexfs_derived *d = vexfs_derived_get(b);
	struct vexfs_ioc_memory *info = arg;
	u64 slots, bytes;

	info->collections++;
	/* what did not fit may be there by now, from a checkpoint, or was to replace what is there */
	info->lacking += d ? vexfs_derived_unlisted(d) && READ_ONCE(b->listing_err) == -ENOSPC :
			     READ_ONCE(b->derived_err) == -ENOSPC;
	vexfs_checkpoint_info(b, &slots, &bytes);
	info->checkpoints += !!slots;
	info->checkpoint_slots += slots;
	info->checkpoint_bytes += slots ? bytes : 0;
	if (d)
		vexfs_derived_kinds(d, info);
	vexfs_derived_put(d);
	vexfs_body_put(b);
	return 0;
}

void vexfs_collections_memory(struct super_block *sb, struct vexfs_ioc_memory *info)
{
	vexfs_budget_info(sb, info);
	vexfs_collections_each(sb, count_memory, info);
}

/* --- what the filesystem tells --- */

int vexfs_collection_sync(struct inode *dir)
{
	struct vexfs_collection_mem *c = if_loaded(dir);
	int err = 0;

	if (c) {
		vexfs_record_sweep(c);	/* what fails here is for the next time */
		err = vexfs_record_commit(c, true);
		vexfs_collection_put(c);
	}
	return err;
}

/* Outside locks; NULL is fine. */
static void put_with_dir(struct vexfs_collection_mem *c)
{
	struct inode *dir;

	if (!c)
		return;
	dir = c->dir;
	vexfs_collection_put(c);
	iput(dir);
}

/*
 * A collection stays on the list while it is held, so the one at hand marks the place while the lock
 * is dropped.
 */
int vexfs_collections_each(struct super_block *sb,
			   int (*fn)(struct vexfs_collection_mem *c, void *arg), void *arg)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_collection_mem *c, *prev = NULL;
	int err = 0, e2;

	mutex_lock(&sbi->collections_lock);
	list_for_each_entry(c, &sbi->collections, list) {
		if (!smp_load_acquire(&c->loaded))	/* may leave the list again */
			continue;
		if (!igrab(c->dir))	/* being evicted: nothing uncommitted in it */
			continue;
		refcount_inc(&c->refs);
		mutex_unlock(&sbi->collections_lock);
		put_with_dir(prev);
		prev = c;
		e2 = fn(c, arg);
		err = err ?: e2;
		cond_resched();
		mutex_lock(&sbi->collections_lock);
	}
	mutex_unlock(&sbi->collections_lock);
	put_with_dir(prev);
	return err;
}

/* The last transaction that a collection is in. */
struct last {
	tid_t tid;
	bool any;			/* else there is none */
};

static int commit_one(struct vexfs_collection_mem *c, void *arg)
{
	struct last *last = arg;
	int err;

	vexfs_record_sweep(c);		/* what fails here is for the next time */
	err = vexfs_record_commit(c, false);
	mutex_lock(&c->commit_lock);
	if (c->in_log && (!last->any || (s32)(c->tid - last->tid) > 0)) {
		last->tid = c->tid;
		last->any = true;
	}
	mutex_unlock(&c->commit_lock);
	return err;
}

/* The transaction is on stable storage, and all before it. */
static int is_stored(struct vexfs_collection_mem *c, void *arg)
{
	const struct last *last = arg;

	mutex_lock(&c->commit_lock);
	if ((s32)(last->tid - c->tid) >= 0)
		c->in_log = false;
	mutex_unlock(&c->commit_lock);
	return 0;
}

int vexfs_collections_sync(struct super_block *sb)
{
	struct last last = {};
	int err = vexfs_collections_each(sb, commit_one, &last), e2;

	if (!last.any)
		return err;
	e2 = vexfs_commit_barrier(sb, last.tid);
	if (!e2)
		vexfs_collections_each(sb, is_stored, &last);
	return err ?: e2;
}

static int compact_one(struct vexfs_collection_mem *c, void *arg)
{
	(void)arg;
	return vexfs_compact_by_itself(c);
}

int vexfs_collections_compact(struct super_block *sb)
{
	return vexfs_collections_each(sb, compact_one, NULL);
}

static int upkeep_one(struct vexfs_collection_mem *c, void *arg)
{
	(void)arg;
	return vexfs_derived_upkeep(c);
}

/* As long as there is something to do, in turns. */
void vexfs_collections_upkeep(struct super_block *sb)
{
	while (vexfs_collections_each(sb, upkeep_one, NULL) && !vexfs_worker_should_stop(sb))
		cond_resched();
}

static int shut_down_one(struct vexfs_collection_mem *c, void *arg)
{
	int err = vexfs_record_commit(c, true);

	(void)arg;
	if (err)
		vexfs_complain(c->dir, "the last operations are lost (error %d)", err);
	vexfs_record_abandon(c, false);
	return 0;
}

void vexfs_collections_shutdown(struct super_block *sb)
{
	vexfs_collections_sync(sb);	/* whose operations are lost if it fails, is said below */
	vexfs_checkpoints_last(sb);
	vexfs_collections_each(sb, shut_down_one, NULL);
}

bool vexfs_collection_has_records(struct inode *dir)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(dir);
	bool has;

	if (IS_ERR(c))
		return true;
	mutex_lock(&c->lock);
	has = vexfs_columns_live(c->body->columns) != vexfs_files_gone(&c->body->files);
	mutex_unlock(&c->lock);
	vexfs_collection_put(c);
	return has;
}

void vexfs_collection_unlinked(struct inode *dir)
{
	struct vexfs_collection_mem *c = if_loaded(dir);

	if (c) {
		vexfs_record_abandon(c, -ENOENT);
		vexfs_collection_put(c);
	}
}

/* The planes of a collection that need not be loaded, in c; nobody else uses it. */
static int open_to_drop(struct vexfs_collection_mem *c)
{
	vx_buf *bh;
	int err;

	if (c->loaded)
		return 0;
	bh = vexfs_schema_read(c->dir, VEXFS_I(c->dir)->core.collection);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	c->body = vexfs_body_new(c);
	err = c->body ? vexfs_body_open(c->body, vexfs_schema_raw(bh)) ?:
			vexfs_words_open(c, vexfs_schema_raw(bh)) : -ENOMEM;
	vx_brelse(bh);
	return err;
}

int vexfs_collection_free(struct inode *dir)
{
	struct vexfs_collection_mem *c = attach(dir);
	int err;

	if (IS_ERR(c))
		return PTR_ERR(c);
	/* vexfs_collection_evict() lets go of the planes, which frees them */
	err = open_to_drop(c) ?: vexfs_schema_drop(c, 0);
	vexfs_collection_put(c);
	return err;
}

void vexfs_collection_evict(struct inode *dir)
{
	struct vexfs_collection_mem *c = detach(dir);

	if (c)
		vexfs_collection_put(c);	/* the last reference: nobody has the directory */
}

/* --- dropping it --- */

/* The collection around a collection's directory, whose i_rwsem is held: it does not move. */
static u64 outer_collection(struct inode *dir)
{
	u64 parent = VEXFS_I(dir)->core.parent, ino;
	struct inode *inode;

	if (parent == dir->i_ino)	/* the root */
		return 0;
	inode = vexfs_iget(dir->i_sb, parent, 0);
	if (IS_ERR(inode))
		return 0;
	ino = vexfs_collection_of(inode);
	iput(inode);
	return ino;
}

/* All locks held: after it, who waited for one of them finds out by c->gone. */
static int drop(struct vexfs_collection_mem *c)
{
	int err;

	err = open_to_drop(c) ?: vexfs_schema_drop(c, outer_collection(c->dir));
	if (!err) {
		c->gone = -ENODATA;
	} else if (!c->loaded) {
		vexfs_body_put(c->body);
		c->body = NULL;
		vexfs_words_free(c);
	}
	return err;
}

/*
 * Queries in flight keep the body, and with it the planes, until they end.  No operation is in
 * flight, nor a commit; what they left to commit is gone with the records.
 */
int vexfs_collection_drop(struct inode *dir)
{
	struct vexfs_collection_mem *c;
	int err;

	if (down_write_killable(&dir->i_rwsem))
		return -EINTR;
	c = !dir->i_nlink ? ERR_PTR(-ENOENT) : !vexfs_is_collection(dir) ? ERR_PTR(-ENODATA) :
	    attach(dir);
	err = PTR_ERR_OR_ZERO(c);
	if (err)
		goto out;
	mutex_lock(&c->commit_lock);
	mutex_lock(&c->lock);
	err = drop(c);
	mutex_unlock(&c->lock);
	mutex_unlock(&c->commit_lock);
	if (!err) {
		vexfs_record_abandon(c, 0);
		vexfs_collection_put(detach(dir));
	}
	vexfs_collection_put(c);
out:
	inode_unlock(dir);
	return err;
}

/* Only a directory that somebody still holds, against all rules, has its collection here. */
void vexfs_collections_put(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_collection_mem *c;

	list_for_each_entry(c, &sbi->collections, list)
		vexfs_body_close(c->body);
}
