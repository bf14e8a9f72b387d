// SPDX-License-Identifier: GPL-2.0
/*
 * Collections in memory: loading, binding programs, and what the filesystem asks for.
 *
 * A loaded collection (struct vexfs_collection_mem) hangs on its directory's inode and goes when
 * that is evicted, or when it was dropped and the last call on it has ended.  While it holds
 * operations that are not committed it pins the directory, so that memory reclaim cannot drop them.
 *
 * Lock order (outer first):
 *	i_rwsem of the directory	shared by insert, delete, intern and use; exclusive: create,
 *					drop, rmdir
 *	vexfs_collection_mem.snapshots_lock	which snapshots there are
 *	vexfs_collection_mem.commit_lock	commits, and every change of the collection block
 *	vexfs_collection_mem.lock	loading, writers of the columns
 *	vexfs_body.codes_lock		writers of the codes; a search takes it alone
 *	folio lock, transaction, vexfs_inode_core.lock	(see vexfs.h)
 *	vexfs_sb_info.collections_lock	the list only: nothing is waited for under it but files_lock
 *	vexfs_collection_mem.files_lock	see bind.c
 *	vexfs_collection_mem.prog_lock
 *	vexfs_predicates.lock, vexfs_cached.lock	see predicate.c
 *	i_lock of the directory	vexfs_inode_info.coll
 *
 * unlink of a file takes only collections_lock and files_lock, and evict only collections_lock: iget()
 * waits for an inode that is being evicted.  A rename over a file that has records takes commit_lock and
 * lock (heir.c).
 */
#include <linux/crc32c.h>
#include <linux/pagemap.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "collection/collection.h"
#include "hooks/trace.h"

/* --- the body --- */

struct vexfs_body *vexfs_body_new(struct vexfs_collection_mem *c)
{
	struct vexfs_body *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);

	if (b) {
		refcount_set(&b->refs, 1);
		mutex_init(&b->codes_lock);
		b->dir = c->dir;
		b->row_bytes = c->row_bytes;
		b->crc_seed = c->crc_seed;
		vexfs_predicates_init(&b->predicates);
		vexfs_files_init(c, &b->files);
	}
	return b;
}

static void close_planes(struct vexfs_body *b)
{
	struct inode **plane[] = { &b->vectors, &b->records, &b->keys, &b->dead, &b->heirs };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plane); i++) {
		iput(*plane[i]);
		*plane[i] = NULL;
	}
	vexfs_snapshots_close(b);
}

struct vexfs_body *vexfs_body_get(struct vexfs_collection_mem *c)
{
	struct vexfs_body *b;

	spin_lock(&c->prog_lock);
	b = c->body;
	refcount_inc(&b->refs);
	spin_unlock(&c->prog_lock);
	return b;
}

void vexfs_body_put(struct vexfs_body *b)
{
	if (!b || !refcount_dec_and_test(&b->refs))
		return;
	vexfs_predicates_drop(&b->predicates);
	vexfs_body_drop_codes(b);
	vexfs_columns_free(b->columns);
	vexfs_map_free(&b->key_map);
	vexfs_files_drop(&b->files);
	close_planes(b);
	kfree(b);
}

static int open_planes(struct vexfs_body *b, const struct vexfs_collection *raw)
{
	struct {
		struct inode **to;
		__le64 ino;
		u32 flags;
		const char *what;
	} plane[] = {
		{ &b->vectors, raw->c_vectors, 0, "vectors" },
		{ &b->records, raw->c_records, 0, "records" },
		{ &b->keys, raw->c_keys, 0, "keys" },
		{ &b->dead, raw->c_dead, VEXFS_INODE_METADATA, "dead" },
		{ &b->heirs, raw->c_heirs, VEXFS_INODE_METADATA, "heirs" },	/* may be none */
	};
	struct inode *inode;
	u32 i, j;
	int err;

	for (i = 0; i < ARRAY_SIZE(plane) - !raw->c_heirs; i++) {
		for (j = 0; j < i; j++)
			if (plane[i].ino == plane[j].ino) {
				vexfs_error(b->dir->i_sb,
					    "collection %lu: two planes in inode %llu",
					    b->dir->i_ino, le64_to_cpu(plane[i].ino));
				close_planes(b);
				return -EUCLEAN;
			}
		inode = vexfs_plane_open(b->dir, le64_to_cpu(plane[i].ino), plane[i].flags,
					 plane[i].what);
		if (IS_ERR(inode)) {
			close_planes(b);
			return PTR_ERR(inode);
		}
		*plane[i].to = inode;
	}
	err = vexfs_snapshots_open(b, raw);
	if (err)
		close_planes(b);
	return err;
}

/* --- loading --- */

#define LOAD_RECORDS	512		/* read at a time */
#define LOAD_AHEAD	256		/* pages read ahead */

/* A cursor over the dead bitmap, and what must hold between records. */
struct loading {
	u64 count, next_seq;
	u64 seq;			/* of the record before */
	u64 live;
	struct vexfs_body *b;
	struct buffer_head *dead;	/* bitmap block of the slot at hand */
	struct vexfs_heirs *heirs;
};

__printf(2, 3)
static int damaged(struct vexfs_collection_mem *c, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_err_ratelimited("vexfs (%s): collection %lu: %pV\n", c->dir->i_sb->s_id, c->dir->i_ino,
			   &vaf);
	va_end(args);
	return -EUCLEAN;
}

static int load_binding(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot,
			const struct vexfs_record *r, const struct vexfs_heirs *heirs,
			const struct vexfs_file *like)
{
	struct vexfs_file_id id = { le64_to_cpu(r->r_file), le32_to_cpu(r->r_file_generation) }, now;
	struct vexfs_bound_file *f;

	if (!vexfs_ino_valid(&VEXFS_SB(c->dir->i_sb)->fs, id.ino))
		return damaged(c, "record %llu is bound to no inode", slot);
	if (!like)
		vexfs_heirs_find(heirs, &id, &now);
	f = vexfs_file_load(c->dir->i_sb, &b->files, &id, &now, like);
	return IS_ERR(f) ? PTR_ERR(f) : vexfs_columns_bind(b->columns, slot, &f->file);
}

int vexfs_body_enter(struct vexfs_collection_mem *c, struct vexfs_body *b, u64 slot,
		     const struct vexfs_record *r, bool dead, const struct vexfs_heirs *heirs,
		     const struct vexfs_file *like)
{
	s64 attr[VEXFS_MAX_ATTRS];
	u32 i;
	int err;

	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		attr[i] = le64_to_cpu(r->r_attr[i]);
		if (i >= c->attrs && attr[i])
			return damaged(c, "record %llu has attributes that the schema lacks", slot);
	}
	if (!vexfs_words_known(c, attr))
		return damaged(c, "record %llu has a keyword without a word", slot);
	err = vexfs_columns_put(b->columns, slot, le64_to_cpu(r->r_id), attr);
	if (err == -EEXIST)
		return damaged(c, "records share the id %llu", le64_to_cpu(r->r_id));
	if (!err && r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND))
		err = load_binding(c, b, slot, r, heirs, like);
	if (err)
		return err;
	vexfs_columns_publish(b->columns, slot + 1);
	if (dead)
		vexfs_columns_kill(b->columns, slot);
	if (dead || !(r->r_flags & cpu_to_le32(VEXFS_RECORD_KEYED)))
		return 0;
	err = vexfs_key_load(c, b, slot, le64_to_cpu(r->r_key));
	if (err == -EEXIST || err == -EUCLEAN)
		return damaged(c, "record %llu has %s", slot,
			       err == -EEXIST ? "another one's key" : "a bad key");
	return err;
}

static int load_record(struct vexfs_collection_mem *c, struct loading *l, u64 slot,
		       const struct vexfs_record *r)
{
	u32 bit = slot % VEXFS_DEAD_SLOTS;
	u64 seq = le64_to_cpu(r->r_seq);
	bool dead;
	int err;

	if (!bit) {
		vx_brelse(l->dead);
		l->dead = vexfs_dead_block(l->b->dead, slot / VEXFS_DEAD_SLOTS);
		if (IS_ERR(l->dead)) {
			err = PTR_ERR(l->dead);
			l->dead = NULL;
			return err;
		}
	}
	if (le32_to_cpu(r->r_flags) & ~VEXFS_RECORD_ALL || seq <= l->seq || seq >= l->next_seq)
		return damaged(c, "record %llu is damaged", slot);
	l->seq = seq;
	c->next_id = vexfs_id_after(c->next_id, le64_to_cpu(r->r_id));
	dead = test_bit_le(bit, ((struct vexfs_dead_block *)vx_data(l->dead))->x_bits);
	l->live += !dead;
	return vexfs_body_enter(c, l->b, slot, r, dead, l->heirs, NULL);
}

/* No bit may be set beyond the count. */
static int check_dead_tail(struct vexfs_collection_mem *c, const struct loading *l)
{
	const struct vexfs_dead_block *x;
	u32 used = l->count % VEXFS_DEAD_SLOTS;

	if (!used)
		return 0;
	x = vx_data(l->dead);
	if (find_next_bit_le(x->x_bits, VEXFS_DEAD_SLOTS, used) < VEXFS_DEAD_SLOTS)
		return damaged(c, "slots beyond the count are dead");
	return 0;
}

static int load_records(struct vexfs_collection_mem *c, struct loading *l)
{
	const u64 per_page = PAGE_SIZE / VEXFS_RECORD_BYTES;
	struct vexfs_record *buf;
	u64 slot, n, i, room = 0;
	int err = 0;

	if (!l->count)
		return 0;
	buf = kvmalloc_array(LOAD_RECORDS, VEXFS_RECORD_BYTES, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	for (slot = 0; slot < l->count && !err; slot += n) {
		n = min_t(u64, l->count - slot, LOAD_RECORDS);
		if (slot % (LOAD_AHEAD * per_page) == 0)
			vexfs_plane_ahead(l->b->records, slot / per_page,
					  min_t(u64, LOAD_AHEAD,
						DIV_ROUND_UP_ULL(l->count - slot, per_page)));
		/*
		 * step by step: a damaged count must not make us reserve for records that are not
		 * there
		 */
		if (slot + n > room) {
			room = min(l->count, max_t(u64, 2 * room, 1 << 16));
			err = vexfs_columns_reserve(l->b->columns, room);
		}
		if (!err)
			err = vexfs_plane_read(l->b->records, slot * VEXFS_RECORD_BYTES, buf,
					       n * VEXFS_RECORD_BYTES);
		for (i = 0; i < n && !err; i++)
			err = load_record(c, l, slot + i, buf + i);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	if (!err)
		err = check_dead_tail(c, l);
	kvfree(buf);
	return err;
}

static int load_columns(struct vexfs_collection_mem *c, struct vexfs_body *b,
			const struct vexfs_collection *raw)
{
	struct loading l = {
		.count = le64_to_cpu(raw->c_count),
		.next_seq = le64_to_cpu(raw->c_next_seq),
		.b = b,
	};
	int err;

	b->columns = vexfs_columns_new(c->attrs);
	if (!b->columns)
		return -ENOMEM;
	l.heirs = vexfs_heirs_load(b);
	if (IS_ERR(l.heirs))
		return PTR_ERR(l.heirs);
	err = load_records(c, &l);
	vx_brelse(l.dead);
	if (!err)
		vexfs_heirs_link(l.heirs, b);
	kvfree(l.heirs);
	if (!err && l.live != le64_to_cpu(raw->c_live))
		err = damaged(c, "%llu records live, not %llu", l.live, le64_to_cpu(raw->c_live));
	return err;
}

/* Bindings are names: they work again once an object of that name is loaded. */
static int load_programs(struct vexfs_collection_mem *c, const struct vexfs_collection *raw)
{
	struct vexfs_program *p;
	u32 slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		if (!raw->c_program[slot][0])
			continue;
		p = vexfs_program_get(raw->c_program[slot], true);
		if (p == ERR_PTR(-EINVAL))
			return damaged(c, "bad program name");
		if (IS_ERR(p))
			return PTR_ERR(p);
		vexfs_program_bind_any(p, slot);
		c->prog[slot] = p;
		vexfs_binding_set(&c->binding[slot], p);
	}
	return 0;
}

static void drop_programs(struct vexfs_collection_mem *c)
{
	u32 slot;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		if (!c->prog[slot])
			continue;
		vexfs_binding_set(&c->binding[slot], NULL);
		vexfs_program_unbind(c->prog[slot], slot);
		vexfs_program_put(c->prog[slot]);
		c->prog[slot] = NULL;
	}
}

/* The planes of a block, checked, and what is derived from them. */
static int load_body(struct vexfs_collection_mem *c, struct vexfs_body *b,
		     const struct vexfs_collection *raw)
{
	u64 count = le64_to_cpu(raw->c_count);
	int err;

	b->epoch = le64_to_cpu(raw->c_epoch);
	b->key_end = le64_to_cpu(raw->c_key_bytes);
	err = open_planes(b, raw);
	if (!err)
		err = vexfs_plane_size(b->vectors, count * c->row_bytes, "vectors") ?:
		      vexfs_plane_size(b->records, count * VEXFS_RECORD_BYTES, "records") ?:
		      vexfs_plane_size(b->keys, b->key_end, "keys");
	if (err)
		return err;
	b->dead_blocks = VEXFS_I(b->dead)->core.disk_size >> VEXFS_BLOCK_SHIFT;
	if (b->dead_blocks < DIV_ROUND_UP_ULL(count, VEXFS_DEAD_SLOTS))
		return damaged(c, "its dead bitmap is too short");
	b->vectors_since = filemap_sample_wb_err(b->vectors->i_mapping);
	b->records_since = filemap_sample_wb_err(b->records->i_mapping);
	b->keys_since = filemap_sample_wb_err(b->keys->i_mapping);
	return load_columns(c, b, raw);
}

/* c->lock held. */
static int load(struct vexfs_collection_mem *c)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(c->dir->i_sb);
	struct vexfs_collection *raw;
	struct buffer_head *bh;
	struct vexfs_body *b;
	bool dropped;
	int err;

	spin_lock(&c->dir->i_lock);
	dropped = !vexfs_is_collection(c->dir);
	c->block = VEXFS_I(c->dir)->core.collection;
	spin_unlock(&c->dir->i_lock);
	if (dropped)
		return -ENODATA;
	bh = vexfs_schema_read(c->dir, c->block);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	raw = vexfs_schema_raw(bh);
	err = vexfs_schema_supported(raw);
	if (err)
		goto out;
	c->dims = le32_to_cpu(raw->c_dims);
	c->metric = le16_to_cpu(raw->c_metric);
	c->attrs = le32_to_cpu(raw->c_attrs);
	c->row_bytes = c->dims * sizeof(__le32);
	memcpy(c->attr, raw->c_attr, sizeof(c->attr));
	c->crc_seed = crc32c(~0, raw->c_uuid, sizeof(raw->c_uuid));
	c->committed = le64_to_cpu(raw->c_count);
	c->committed_seq = c->next_seq = le64_to_cpu(raw->c_next_seq);
	c->committed_keys = le64_to_cpu(raw->c_key_bytes);
	get_random_bytes(&c->hash_seed, sizeof(c->hash_seed));
	if (le32_to_cpu(raw->c_row_bytes) != c->row_bytes) {
		err = damaged(c, "rows of %u bytes, not %u", le32_to_cpu(raw->c_row_bytes),
			      c->row_bytes);
		goto out;
	}
	b = vexfs_body_new(c);
	/* from now on unlink of a file finds its entry */
	mutex_lock(&sbi->collections_lock);
	list_add_tail(&c->list, &sbi->collections);
	mutex_unlock(&sbi->collections_lock);
	err = b ? vexfs_words_load(c, raw) ?: load_body(c, b, raw) : -ENOMEM;
	if (!err)
		err = vexfs_files_refresh(c->dir->i_sb, &b->files) ?: load_programs(c, raw);
	if (err) {
		mutex_lock(&sbi->collections_lock);
		list_del_init(&c->list);
		mutex_unlock(&sbi->collections_lock);
		drop_programs(c);
		vexfs_body_put(b);
		vexfs_words_free(c);
		goto out;
	}
	c->body = b;
	smp_store_release(&c->loaded, true);
out:
	vx_brelse(bh);
	return err;
}

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
	mutex_init(&c->snapshots_lock);
	mutex_init(&c->commit_lock);
	mutex_init(&c->lock);
	mutex_init(&c->files_lock);
	INIT_LIST_HEAD(&c->files);
	spin_lock_init(&c->prog_lock);
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
	drop_programs(c);
	vexfs_body_put(c->body);
	vexfs_words_free(c);
	vexfs_deaths_free(&c->deaths);
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
			err = c->gone ?: load(c);
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

/* --- binding --- */

void vexfs_collection_programs(struct vexfs_collection_mem *c, struct vexfs_hookset *set)
{
	u32 slot;

	set->binding = c->binding;
	spin_lock(&c->prog_lock);
	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		set->prog[slot] = c->prog[slot] ? vexfs_program_ref(c->prog[slot]) : NULL;
	set->bindings = c->bindings;
	spin_unlock(&c->prog_lock);
}

bool vexfs_collection_rebound(const struct vexfs_collection_mem *c, const struct vexfs_hookset *set)
{
	return READ_ONCE(c->bindings) != set->bindings;
}

/* Write the name into the collection block and wait for it.  commit_lock held. */
static int write_binding(struct vexfs_collection_mem *c, u32 slot, const char *name)
{
	struct super_block *sb = c->dir->i_sb;
	struct buffer_head *bh = vexfs_collection_block(c);
	handle_t *handle;
	tid_t tid;
	int err;

	if (IS_ERR(bh))
		return PTR_ERR(bh);
	handle = vexfs_start(sb, 1);
	err = PTR_ERR_OR_ZERO(handle);
	if (err)
		goto out;
	tid = handle->h_transaction->t_tid;
	err = vx_txn_write(handle, bh);
	if (!err) {
		strscpy_pad(vexfs_schema_raw(bh)->c_program[slot], name, VEXFS_PROG_NAME_LEN);
		vexfs_collection_stamp(c, bh);
		err = vx_txn_dirty(handle, VEXFS_I(c->dir)->core.fs, bh);
	}
	err = vexfs_stop(handle, err);
	if (!err)
		err = vexfs_commit_barrier(sb, tid);
out:
	vx_brelse(bh);
	return err;
}

int vexfs_collection_use(struct vexfs_collection_mem *c, u32 slot, const char *name)
{
	struct vexfs_program *p = NULL, *old;
	int err;

	if (slot >= VEXFS_SLOTS || strnlen(name, VEXFS_PROG_NAME_LEN) == VEXFS_PROG_NAME_LEN)
		return -EINVAL;
	if (name[0]) {
		p = vexfs_program_get(name, false);
		if (IS_ERR(p))
			return PTR_ERR(p);
		err = vexfs_program_bind(p, slot);
		if (err)
			goto put;
	}
	err = -EINTR;
	if (down_read_killable(&c->dir->i_rwsem))
		goto unbind;
	if (mutex_lock_killable(&c->commit_lock))
		goto unlock_dir;
	err = READ_ONCE(c->gone) ?: write_binding(c, slot, name);
	if (!err) {
		spin_lock(&c->prog_lock);
		old = c->prog[slot];
		c->prog[slot] = p;
		if (p != old)		/* running searches begin anew */
			WRITE_ONCE(c->bindings, c->bindings + 1);
		vexfs_binding_set(&c->binding[slot], p);
		spin_unlock(&c->prog_lock);
		trace_vexfs_use(c->dir, slot, name);
		p = old;		/* what is given back below */
	}
	mutex_unlock(&c->commit_lock);
unlock_dir:
	inode_unlock_shared(c->dir);
unbind:
	if (p)
		vexfs_program_unbind(p, slot);
put:
	if (p)
		vexfs_program_put(p);
	return err;
}

int vexfs_collection_info(struct vexfs_collection_mem *c, struct vexfs_ioc_info *info)
{
	const struct vexfs_codes *codes;
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
	codes = smp_load_acquire(&c->body->codes);
	if (codes)
		info->resident += vexfs_codes_bytes(codes);
	info->epoch = c->body->epoch;
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

/* --- what the filesystem asks for --- */

static int sync_one(struct vexfs_collection_mem *c)
{
	vexfs_record_sweep(c);		/* what fails here is for the next time */
	return vexfs_record_commit(c, true);
}

int vexfs_collection_sync(struct inode *dir)
{
	struct vexfs_collection_mem *c = if_loaded(dir);
	int err = 0;

	if (c) {
		err = sync_one(c);
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
 * Call fn for every loaded collection, with its directory held.  A collection stays on the list
 * while it is held, so the one at hand marks the place while the lock is dropped.
 */
static int for_each_collection(struct super_block *sb, int (*fn)(struct vexfs_collection_mem *c))
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
		e2 = fn(c);
		err = err ?: e2;
		cond_resched();
		mutex_lock(&sbi->collections_lock);
	}
	mutex_unlock(&sbi->collections_lock);
	put_with_dir(prev);
	return err;
}

int vexfs_collections_sync(struct super_block *sb)
{
	return for_each_collection(sb, sync_one);
}

int vexfs_collections_compact(struct super_block *sb)
{
	return for_each_collection(sb, vexfs_compact_by_itself);
}

static int shut_down_one(struct vexfs_collection_mem *c)
{
	int err = vexfs_record_commit(c, true);

	if (err)
		vexfs_msg(KERN_ERR, c->dir->i_sb,
			  "collection %lu: the last operations are lost (error %d)", c->dir->i_ino,
			  err);
	vexfs_record_abandon(c, false);
	return 0;
}

void vexfs_collections_shutdown(struct super_block *sb)
{
	for_each_collection(sb, shut_down_one);
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
	struct buffer_head *bh;
	int err;

	if (c->loaded)
		return 0;
	bh = vexfs_schema_read(c->dir, VEXFS_I(c->dir)->core.collection);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	c->body = vexfs_body_new(c);
	err = c->body ? open_planes(c->body, vexfs_schema_raw(bh)) ?:
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
 * Queries in flight keep the body, and with it the planes, until they end.  No operation is in flight,
 * nor a commit; what they left to commit is gone with the records.
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

/*
 * Files and directories remember the collection that they were created in, by the number of its
 * directory.  When that was dropped, the number leads to a plain directory, which says to what it
 * belongs itself; or, when that was removed, to nothing or elsewhere.  The directories above one that
 * is in use are in memory: what is not there is not above.
 */
#define MAX_OUTER	16		/* collections within collections, dropped from the inside */

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

/* Only a directory that somebody still holds, against all rules, has its collection here. */
void vexfs_collections_put(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_collection_mem *c;

	list_for_each_entry(c, &sbi->collections, list)
		close_planes(c->body);
}
