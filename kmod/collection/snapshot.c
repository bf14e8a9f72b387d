// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of a collection: a count of slots, and the dead bitmap of that moment.
 *
 * Slots are immutable, so that is all.  It is made of what was just committed, which is on the
 * disk, while no other commit runs.  The copy of the bitmap is an orphan until the transaction that
 * puts it into the collection block; a snapshot that is deleted makes it one again.  Its bits are
 * read on first use, and stay in memory.
 *
 * Locks: snapshots_lock, then commit_lock (see vexfs.h).  Inside them transactions, one at a
 * time. vexfs_snapshot_mem.lock is a leaf but for buffers.
 */
#include "collection/collection.h"

/* --- the collection block --- */

static bool name_valid(const char name[VEXFS_SNAPSHOT_NAME_LEN])
{
	size_t len = strnlen(name, VEXFS_SNAPSHOT_NAME_LEN);

	return len && len < VEXFS_SNAPSHOT_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

const char *vexfs_snapshots_check(const struct vexfs_collection *raw)
{
	const struct vexfs_snapshot *n = raw->c_snapshot;
	u64 count = 0;
	u32 i, j;

	for (i = 0; i < VEXFS_MAX_SNAPSHOTS && n[i].n_name[0]; i++) {
		if (!name_valid(n[i].n_name))
			return "bad name of a snapshot";
		if (le64_to_cpu(n[i].n_count) < count ||
		    le64_to_cpu(n[i].n_count) > le64_to_cpu(raw->c_count))
			return "bad count of a snapshot";
		count = le64_to_cpu(n[i].n_count);
		for (j = 0; j < i; j++)
			if (!strcmp(n[i].n_name, n[j].n_name) || n[i].n_dead_ino == n[j].n_dead_ino)
				return "two snapshots are one";
	}
	return memchr_inv(n + i, 0, (VEXFS_MAX_SNAPSHOTS - i) * sizeof(*n)) ?
		       "a gap between snapshots" : NULL;
}

/* --- in memory --- */

static u64 words_of(u64 slots)
{
	return max(DIV_ROUND_UP_ULL(slots, 64), 1ULL);
}

static void set_bits(struct vexfs_snapshot_mem *s, u64 *bits)
{
	u64 words = words_of(s->as_of.count), dead = 0, i;

	for (i = 0; i < words; i++)
		dead += hweight64(bits[i]);
	s->as_of.live = s->as_of.count - dead;
	s->as_of.dead = bits;
	smp_store_release(&s->loaded, true);
}

struct vexfs_snapshot_mem *vexfs_snapshot_new(const char *name, u64 time, u64 count, u64 *dead)
{
	struct vexfs_snapshot_mem *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	refcount_set(&s->refs, 1);
	strscpy(s->name, name, sizeof(s->name));
	s->time = time;
	s->as_of.count = count;
	mutex_init(&s->lock);
	if (dead)
		set_bits(s, dead);
	return s;
}

void vexfs_snapshot_put(struct vexfs_snapshot_mem *s)
{
	if (!s || !refcount_dec_and_test(&s->refs))
		return;
	iput(s->dead);			/* of a deleted one: frees it */
	kvfree(s->as_of.dead);
	kfree(s);
}

static int open_one(struct vexfs_body *b, const struct vexfs_snapshot *n)
{
	u64 count = le64_to_cpu(n->n_count), ino = le64_to_cpu(n->n_dead_ino);
	struct vexfs_snapshot_mem *s;
	int err = 0;

	s = vexfs_snapshot_new(n->n_name, le64_to_cpu(n->n_time), count, NULL);
	if (!s)
		return -ENOMEM;
	s->dead = vexfs_plane_open(b->dir, ino, VEXFS_INODE_METADATA, "snapshot");
	if (IS_ERR(s->dead)) {
		err = PTR_ERR(s->dead);
		s->dead = NULL;
	} else if (s->dead == b->dead || s->dead == b->heirs ||
		   VEXFS_I(s->dead)->core.disk_size >> VEXFS_BLOCK_SHIFT <
			   DIV_ROUND_UP_ULL(count, VEXFS_DEAD_SLOTS)) {
		vexfs_error(b->dir->i_sb, "collection %lu: inode %llu is no bitmap of a snapshot",
			    b->dir->i_ino, ino);
		err = -EUCLEAN;
	}
	if (err)
		vexfs_snapshot_put(s);
	else
		b->snapshot[b->snapshots++] = s;
	return err;
}

int vexfs_snapshots_open(struct vexfs_body *b, const struct vexfs_collection *raw)
{
	int err = 0;
	u32 i;

	for (i = 0; i < VEXFS_MAX_SNAPSHOTS && raw->c_snapshot[i].n_name[0] && !err; i++)
		err = open_one(b, raw->c_snapshot + i);
	return err;
}

void vexfs_snapshots_close(struct vexfs_body *b)
{
	while (b->snapshots)
		vexfs_snapshot_put(b->snapshot[--b->snapshots]);
}

u64 vexfs_snapshots_bytes(struct vexfs_collection_mem *c)
{
	u64 bytes = 0;
	u32 i;

	spin_lock(&c->prog_lock);
	for (i = 0; i < c->body->snapshots; i++) {
		const struct vexfs_snapshot_mem *s = c->body->snapshot[i];

		bytes += sizeof(*s);
		if (smp_load_acquire(&s->loaded))
			bytes += words_of(s->as_of.count) * sizeof(u64);
	}
	spin_unlock(&c->prog_lock);
	return bytes;
}

/* Its position; b->snapshots: there is none.  prog_lock or snapshots_lock held. */
static u32 position(const struct vexfs_body *b, const char *name)
{
	u32 i;

	for (i = 0; i < b->snapshots; i++)
		if (!strcmp(b->snapshot[i]->name, name))
			break;
	return i;
}

/* --- its bits --- */

#define BLOCK_WORDS	(VEXFS_DEAD_SLOTS / 64)

static int read_bits(const struct vexfs_snapshot_mem *s, u64 *bits)
{
	u64 at, n, i, words = DIV_ROUND_UP_ULL(s->as_of.count, 64);
	const struct vexfs_dead_block *x;
	vx_buf *bh;

	BUILD_BUG_ON(VEXFS_DEAD_SLOTS % 64);
	for (at = 0; at < words; at += n) {
		bh = vexfs_dead_block(s->dead, at / BLOCK_WORDS);
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		x = vx_data(bh);
		n = min_t(u64, words - at, BLOCK_WORDS);
		for (i = 0; i < n; i++)
			bits[at + i] = le64_to_cpu(((const __le64 *)x->x_bits)[i]);
		vx_brelse(bh);
		if (vx_killed())
			return -EINTR;
		cond_resched();
	}
	if (s->as_of.count % 64 && bits[words - 1] >> s->as_of.count % 64) {
		vexfs_error(s->dead->i_sb, "snapshot %s: slots beyond the count are dead", s->name);
		return -EUCLEAN;
	}
	return 0;
}

static int load(struct vexfs_snapshot_mem *s)
{
	u64 *bits;
	int err = 0;

	if (smp_load_acquire(&s->loaded))
		return 0;
	if (mutex_lock_killable(&s->lock))
		return -EINTR;
	if (s->loaded)
		goto out;
	bits = kvcalloc(words_of(s->as_of.count), sizeof(*bits), GFP_KERNEL_ACCOUNT);
	err = bits ? read_bits(s, bits) : -ENOMEM;
	if (err) {
		kvfree(bits);
		goto out;
	}
	set_bits(s, bits);
out:
	mutex_unlock(&s->lock);
	return err;
}

int vexfs_snapshots_load(struct vexfs_body *b)
{
	int err = 0;
	u32 i;

	for (i = 0; i < b->snapshots && !err; i++)
		err = load(b->snapshot[i]);
	return err;
}

struct vexfs_snapshot_mem *vexfs_snapshot_get(struct vexfs_collection_mem *c, const char *name,
					      struct vexfs_body **b)
{
	struct vexfs_snapshot_mem *s = NULL;
	u32 at;
	int err;

	spin_lock(&c->prog_lock);
	at = position(c->body, name);
	if (at < c->body->snapshots) {
		s = c->body->snapshot[at];
		*b = c->body;
		refcount_inc(&s->refs);
		refcount_inc(&c->body->refs);
	}
	spin_unlock(&c->prog_lock);
	if (!s)
		return ERR_PTR(-ENOENT);
	err = load(s);
	if (!err)
		return s;
	vexfs_snapshot_put(s);
	vexfs_body_put(*b);
	return ERR_PTR(err);
}

int vexfs_snapshot_find(const struct vexfs_snapshot_mem *s, const struct vexfs_body *b,
			struct vexfs_reader *reader, u64 id, u64 *slot)
{
	u64 i;

	for (i = 0; i < s->as_of.count; i++) {
		if (vexfs_columns_id(b->columns, i) == id &&
		    !(s->as_of.dead[i / 64] >> i % 64 & 1) && vexfs_reader_sees(reader, b, i)) {
			*slot = i;
			return 0;
		}
		if (i % (64 << 10) == 0) {
			if (vx_killed())
				return -EINTR;
			cond_resched();
		}
	}
	return -ENOENT;
}

/* --- creating, deleting, listing --- */

/* Blocks of the dead bitmap as they are on disk. */
static int copy_bitmap(const struct vexfs_collection_mem *c, struct inode *to)
{
	u32 lblk, blocks = DIV_ROUND_UP_ULL(c->committed, VEXFS_DEAD_SLOTS);
	int err = 0;

	for (lblk = 0; lblk < blocks && !err; lblk++) {
		vx_buf *bh = vexfs_dead_block(c->body->dead, lblk);

		err = PTR_ERR_OR_ZERO(bh);
		if (!err) {
			const struct vexfs_dead_block *x = vx_data(bh);

			err = vexfs_dead_append(to, lblk, x->x_bits);
			vx_brelse(bh);
		}
		if (!err && vx_killed())
			err = -EINTR;
		cond_resched();
	}
	return err;
}

/* The transaction.  commit_lock held. */
static int log_created(struct vexfs_collection_mem *c, const struct vexfs_snapshot_mem *s,
		       tid_t *tid)
{
	struct vexfs_schema_change change;
	struct vexfs_snapshot *n;
	int err = vexfs_schema_begin(&change, c, VEXFS_ADOPT_CREDITS);

	if (err)
		return err;
	*tid = vexfs_tid(change.handle);
	err = vexfs_adopt_hidden(change.handle, s->dead);
	if (!err) {
		n = change.raw->c_snapshot + c->body->snapshots;
		n->n_count = cpu_to_le64(s->as_of.count);
		n->n_dead_ino = cpu_to_le64(s->dead->i_ino);
		n->n_time = cpu_to_le64(s->time);
		strscpy_pad(n->n_name, s->name, sizeof(n->n_name));
	}
	return vexfs_schema_end(&change, err);
}

/* snapshots_lock and commit_lock held. */
static int create(struct vexfs_collection_mem *c, struct vexfs_snapshot_mem *s, bool *unpinned)
{
	tid_t tid = 0;
	int err;

	if (c->gone)
		return c->gone;
	if (position(c->body, s->name) < c->body->snapshots)
		return -EEXIST;
	if (c->body->snapshots == VEXFS_MAX_SNAPSHOTS)
		return -ENOSPC;
	err = vexfs_commit_all(c, unpinned);
	if (err)
		return err;
	s->as_of.count = c->committed;
	s->time = vx_now();
	err = vexfs_deaths_fold(c) ?: copy_bitmap(c, s->dead) ?: log_created(c, s, &tid);
	if (err)
		return err;
	spin_lock(&c->prog_lock);
	refcount_inc(&s->refs);
	c->body->snapshot[c->body->snapshots++] = s;
	spin_unlock(&c->prog_lock);
	return vexfs_commit_barrier(c->dir->i_sb, tid);
}

/* i_rwsem, shared, against rmdir; snapshots_lock and commit_lock.  -EINTR. */
static int lock_all(struct vexfs_collection_mem *c)
{
	if (down_read_killable(&c->dir->i_rwsem))
		return -EINTR;
	if (mutex_lock_killable(&c->snapshots_lock))
		goto unlock_dir;
	if (!mutex_lock_killable(&c->commit_lock))
		return 0;
	mutex_unlock(&c->snapshots_lock);
unlock_dir:
	inode_unlock_shared(c->dir);
	return -EINTR;
}

static void unlock_all(struct vexfs_collection_mem *c)
{
	mutex_unlock(&c->commit_lock);
	mutex_unlock(&c->snapshots_lock);
	inode_unlock_shared(c->dir);
}

static int take(struct vexfs_collection_mem *c, const char *name)
{
	struct vexfs_snapshot_mem *s;
	bool unpinned = false;
	int err;

	s = vexfs_snapshot_new(name, 0, 0, NULL);
	if (!s)
		return -ENOMEM;
	/*
	 * an orphan comes and goes outside of locks: freeing it waits for a freeze, and that for
	 * commits
	 */
	s->dead = vexfs_new_orphan(c->dir, VEXFS_INODE_METADATA);
	err = PTR_ERR_OR_ZERO(s->dead);
	if (err)
		s->dead = NULL;
	else
		err = vexfs_record_sweep(c) ?: lock_all(c);	/* they are found in no snapshot */
	if (!err) {
		err = create(c, s, &unpinned);
		unlock_all(c);
	}
	vexfs_snapshot_put(s);
	if (unpinned)
		iput(c->dir);
	return err;
}

/* Else -ENOSPC is not for want of blocks. */
static bool has_place(struct vexfs_collection_mem *c)
{
	struct vexfs_body *b = vexfs_body_get(c);
	bool has = READ_ONCE(b->snapshots) < VEXFS_MAX_SNAPSHOTS;

	vexfs_body_put(b);
	return has;
}

int vexfs_snapshot_take(struct vexfs_collection_mem *c, const char *name)
{
	int err;

	if (!name_valid(name))
		return -EINVAL;
	do
		err = take(c, name);
	while (err == -ENOSPC && has_place(c) && vexfs_checkpoints_drop(c->dir->i_sb));
	return err;
}

/* The transaction.  commit_lock held. */
static int log_deleted(struct vexfs_collection_mem *c, u32 at)
{
	u32 left = c->body->snapshots - at - 1;
	struct vexfs_schema_change change;
	struct vexfs_snapshot *n;
	int err = vexfs_schema_begin(&change, c, VEXFS_FREE_CREDITS);

	if (err)
		return err;
	err = vexfs_unlink_hidden(change.handle, c->body->snapshot[at]->dead);
	if (!err) {
		n = change.raw->c_snapshot + at;
		memmove(n, n + 1, left * sizeof(*n));
		memset(n + left, 0, sizeof(*n));
	}
	return vexfs_schema_end(&change, err);
}

int vexfs_snapshot_forget(struct vexfs_collection_mem *c, const char *name)
{
	struct vexfs_snapshot_mem *s = NULL;
	bool unpinned = false;
	struct vexfs_body *b;
	int err;
	u32 at;

	if (!name_valid(name))
		return -EINVAL;
	err = lock_all(c);
	if (err)
		return err;
	b = c->body;
	at = position(b, name);
	err = c->gone ?: at == b->snapshots ? -ENOENT : 0;
	/* after a crash what came before is there if this is */
	err = err ?: vexfs_commit_all(c, &unpinned) ?: log_deleted(c, at);
	if (!err) {
		spin_lock(&c->prog_lock);
		s = b->snapshot[at];
		b->snapshots--;
		memmove(b->snapshot + at, b->snapshot + at + 1,
			(b->snapshots - at) * sizeof(s));
		spin_unlock(&c->prog_lock);
	}
	unlock_all(c);
	vexfs_snapshot_put(s);		/* who searches it keeps it until then */
	if (unpinned)
		iput(c->dir);
	return err;
}

int vexfs_snapshot_infos(struct vexfs_collection_mem *c, struct vexfs_snapshot_info *info)
{
	int err;
	u32 i;

	if (mutex_lock_killable(&c->snapshots_lock))
		return -EINTR;
	err = vexfs_snapshots_load(c->body);
	for (i = 0; i < c->body->snapshots && !err; i++) {
		const struct vexfs_snapshot_mem *s = c->body->snapshot[i];

		info[i] = (struct vexfs_snapshot_info){
			.time = s->time,
			.count = s->as_of.count,
			.live = s->as_of.live,
		};
		strscpy_pad(info[i].name, s->name, sizeof(info[i].name));
	}
	mutex_unlock(&c->snapshots_lock);
	return err ?: (int)i;
}
