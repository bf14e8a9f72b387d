// SPDX-License-Identifier: GPL-2.0
/*
 * Checkpoints: what is derived from the rows of a body, codes and lists, in a hidden inode, so that a
 * mount need not make it again; the format is in format.h.
 *
 * One is written by the worker once a generation is complete and has changed enough, and at an unmount.
 * It is an orphan until all of it is durable; one transaction makes it the collection's then, and an
 * orphan of the one before.  So a crash leaves the old one or the new one.
 *
 * What it says must be true after a crash.  Everything that was acknowledged is committed first, so
 * that slots which have codes are there, and those that were left out of lists because they had died
 * are dead: the log keeps that order.  A slot is never used again, so what comes later, deaths and
 * upserts included, needs nothing: slots behind those of the checkpoint are coded and listed as they
 * would be after an insert.  Compaction makes another body, which has none.  Whoever finds no room,
 * for records, files, snapshots or to compact, takes that of checkpoints.
 *
 * Who reads it believes nothing.  One that is damaged, or of something else, is told of, left alone,
 * and replaced by the next one; meanwhile codes and lists are made anew.
 *
 * Locks: none while it is read or written: codes below the count never change, and lists are the
 * worker's, who writes it.  commit_lock for the transaction, and inside it, for a moment each, lock
 * before and vexfs_body.derived_lock after, to show the new one.
 */
#include "collection/collection.h"

#define PIECE		VEXFS_CHECKPOINT_PIECE
#define PIECE_ROOM	(PIECE - (u32)sizeof(struct vexfs_checkpoint_piece))
#define AHEAD		(8 * (u64)PIECE)	/* bytes that are being read, or written, meanwhile */
#define AGAIN_US	(60 * 1000000ULL)	/* after it failed */
#define LAST_US		(10 * 1000000ULL)	/* an unmount takes no longer for all of them */

u32 vexfs_checkpoint_least = VEXFS_MIN_LISTED;

static struct vexfs_fs *fs_of(const struct inode *inode)
{
	return VEXFS_I(inode)->core.fs;
}

static u32 crc_of(const struct inode *inode, const void *p, u32 bytes, u32 crc_off, u64 pos)
{
	return vexfs_csum(fs_of(inode), p, bytes, crc_off, inode->i_ino, inode->i_generation, pos);
}

static u32 piece_crc(const struct inode *inode, const struct vexfs_checkpoint_piece *p, u32 bytes,
		     u64 pos)
{
	return crc_of(inode, p, bytes, offsetof(struct vexfs_checkpoint_piece, p_crc), pos);
}

static u32 header_crc(const struct inode *inode, const struct vexfs_checkpoint *h)
{
	return crc_of(inode, h, sizeof(*h), offsetof(struct vexfs_checkpoint, h_crc), 0);
}

/* Bytes of a stream in pieces. */
static u64 in_pieces(u64 bytes)
{
	return bytes + DIV_ROUND_UP_ULL(bytes, PIECE_ROOM) * sizeof(struct vexfs_checkpoint_piece);
}

/* The inode, with a reference; NULL. */
static struct inode *checkpoint_get(struct vexfs_body *b)
{
	struct inode *inode = NULL;

	spin_lock(&b->derived_lock);
	if (b->checkpoint && b->checkpoint_slots) {
		inode = b->checkpoint;
		ihold(inode);
	}
	spin_unlock(&b->derived_lock);
	return inode;
}

/* It is of no use, if it is still there. */
static void give_up(struct vexfs_body *b, const struct inode *inode)
{
	spin_lock(&b->derived_lock);
	if (b->checkpoint == inode)
		WRITE_ONCE(b->checkpoint_slots, 0);
	spin_unlock(&b->derived_lock);
}

bool vexfs_checkpoint_waits(struct vexfs_body *b)
{
	return READ_ONCE(b->checkpoint_slots);
}

void vexfs_checkpoint_info(struct vexfs_body *b, u64 *slots, u64 *bytes)
{
	spin_lock(&b->derived_lock);
	*slots = b->checkpoint_slots;
	*bytes = b->checkpoint ? i_size_read(b->checkpoint) : 0;
	spin_unlock(&b->derived_lock);
}

/* --- reading --- */

/* A stream that is read, piece by piece. */
struct reading {
	struct vexfs_source from;
	struct inode *inode;
	struct vexfs_body *body;	/* what stop() is asked about */
	bool (*stop)(void *body);
	u64 pos;			/* of the next piece */
	u64 rest;			/* bytes of the stream that are in no piece yet */
	u32 stream;
	u32 at, n;			/* of the piece */
	struct vexfs_checkpoint_piece *piece;
};

static int read_piece(struct reading *r)
{
	u32 n = min_t(u64, r->rest, PIECE_ROOM), bytes = sizeof(*r->piece) + n;
	u64 ahead = (r->pos + AHEAD) >> PAGE_SHIFT, end = i_size_read(r->inode) >> PAGE_SHIFT;
	int err;

	if (!n)
		return -EUCLEAN;
	if (vx_killed() || (r->stop && r->stop(r->body)))
		return -EINTR;
	if (ahead < end)
		vexfs_plane_ahead(r->inode, ahead, min_t(u64, PIECE >> PAGE_SHIFT, end - ahead));
	err = vexfs_plane_read(r->inode, r->pos, r->piece, bytes);
	if (err)
		return err;
	if (le32_to_cpu(r->piece->p_bytes) != n || le32_to_cpu(r->piece->p_stream) != r->stream ||
	    le32_to_cpu(r->piece->p_crc) != piece_crc(r->inode, r->piece, bytes, r->pos))
		return -EUCLEAN;
	r->pos += bytes;
	r->rest -= n;
	r->at = 0;
	r->n = n;
	return 0;
}

static int get(struct vexfs_source *from, void *to, size_t bytes)
{
	struct reading *r = container_of(from, struct reading, from);
	u32 n;
	int err;

	if (bytes > from->left)
		return -EUCLEAN;
	from->left -= bytes;
	while (bytes) {
		if (r->at == r->n) {
			err = read_piece(r);
			if (err)
				return err;
		}
		n = min_t(size_t, bytes, r->n - r->at);
		memcpy(to, r->piece->p_byte + r->at, n);
		r->at += n;
		to += n;
		bytes -= n;
	}
	return 0;
}

static void begin_stream(struct reading *r, u32 stream, u64 bytes)
{
	r->stream = stream;
	r->from.left = r->rest = bytes;
	r->at = r->n = 0;
}

/* What is wrong with a header, that of this body; NULL: nothing. */
static const char *header_wrong(const struct vexfs_collection_mem *c, const struct vexfs_body *b,
				const struct inode *inode, const struct vexfs_checkpoint *h,
				u64 count)
{
	u64 codes = le64_to_cpu(h->h_codes), lists = le64_to_cpu(h->h_lists), size;

	size = i_size_read(inode);
	if (le32_to_cpu(h->h_magic) != VEXFS_CHECKPOINT_MAGIC ||
	    le32_to_cpu(h->h_crc) != header_crc(inode, h))
		return "its header is damaged";
	if (le32_to_cpu(h->h_version) != VEXFS_CHECKPOINT_VERSION)
		return "it is of another version";
	if (crc32c(~0, h->h_uuid, sizeof(h->h_uuid)) != c->crc_seed ||
	    le64_to_cpu(h->h_epoch) != b->epoch || le32_to_cpu(h->h_dims) != c->dims ||
	    le32_to_cpu(h->h_metric) != c->metric)
		return "it is of another collection";
	if (!h->h_count || le64_to_cpu(h->h_count) > count)
		return "it has slots that the collection lacks";
	if (le64_to_cpu(h->h_bytes) != size || codes > size || lists > size ||
	    sizeof(*h) + in_pieces(codes) + in_pieces(lists) != size)
		return "it has another size than it says";
	return NULL;
}

/*
 * Begin to read: the header, checked, and the first pieces on their way.  -EUCLEAN, *why; -EINTR,
 * -ENOMEM, -EIO.
 */
static int begin_reading(struct reading *r, const struct vexfs_collection_mem *c,
			 const struct vexfs_body *b, u64 count, struct vexfs_checkpoint *h,
			 const char **why)
{
	u64 pages = min(AHEAD, (u64)i_size_read(r->inode)) >> PAGE_SHIFT;
	int err;

	r->from.get = get;
	r->pos = sizeof(*h);
	r->piece = kvmalloc(PIECE, GFP_KERNEL);
	if (!r->piece)
		return -ENOMEM;
	vexfs_plane_ahead(r->inode, 0, pages);
	*why = "it is too short";
	if (i_size_read(r->inode) < (loff_t)sizeof(*h))
		return -EUCLEAN;
	err = vexfs_plane_read(r->inode, 0, h, sizeof(*h));
	if (err)
		return err;
	*why = header_wrong(c, b, r->inode, h, count);
	return *why ? -EUCLEAN : 0;
}

/* Lists, too, if there is room for them. */
static int load_lists(struct vexfs_derived *d, const struct vexfs_collection_mem *c, u64 count,
		      struct reading *r)
{
	int err = vexfs_budget_charge(d, vexfs_derived_cost(c->dims, count, true));

	if (err)			/* the worker makes them when there is */
		return err == -ENOSPC ? 0 : err;
	d->lists = vexfs_lists_load(d->codes, d->body->columns, &r->from, &err);
	vexfs_derived_settle(d);
	return err;
}

static struct vexfs_derived *load(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				  u64 count, u64 used, struct reading *r, const char **why)
{
	struct vexfs_checkpoint *h = kmalloc(sizeof(*h), GFP_KERNEL);
	struct vexfs_derived *d = NULL;
	int err = h ? begin_reading(r, c, b, count, h, why) : -ENOMEM;

	if (!err) {
		d = vexfs_derived_empty(b, c->dims, count, used);
		err = PTR_ERR_OR_ZERO(d);
		*why = "it is damaged";
	}
	if (!err) {
		begin_stream(r, VEXFS_CHECKPOINT_CODES, le64_to_cpu(h->h_codes));
		d->codes = vexfs_codes_load(c->metric, c->dims, le64_to_cpu(h->h_count), &r->from,
					    &err);
	}
	if (!err && h->h_lists) {
		begin_stream(r, VEXFS_CHECKPOINT_LISTS, le64_to_cpu(h->h_lists));
		err = load_lists(d, c, count, r);
	}
	if (!err) {
		d->stored = le64_to_cpu(h->h_count);
		d->stored_lists = !!h->h_lists;
	}
	kvfree(r->piece);
	kfree(h);
	if (!err)
		return d;
	if (!IS_ERR(d))
		vexfs_derived_put(d);
	return ERR_PTR(err);
}

struct vexfs_derived *vexfs_checkpoint_load(const struct vexfs_collection_mem *c,
					    struct vexfs_body *b, u64 count, u64 used,
					    bool (*stop)(void *body))
{
	struct reading r = { .inode = checkpoint_get(b), .body = b, .stop = stop };
	const char *why = "it cannot be read";
	struct vexfs_derived *d;

	if (!r.inode)
		return NULL;
	d = load(c, b, count, used, &r, &why);
	if (IS_ERR(d) && (PTR_ERR(d) == -EUCLEAN || PTR_ERR(d) == -EIO)) {
		vexfs_complain(b->dir, "its checkpoint is of no use, and is made anew: %s",
			       PTR_ERR(d) == -EIO ? "it cannot be read" : why);
		give_up(b, r.inode);
		d = NULL;
	}
	iput(r.inode);
	return d;
}

/* All pieces of a stream. */
static int pass_over(struct reading *r, u32 stream, u64 bytes)
{
	int err = 0;

	begin_stream(r, stream, bytes);
	while (!err && r->rest)
		err = read_piece(r);
	return err;
}

const char *vexfs_checkpoint_wrong(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				   int *err)
{
	struct reading r = { .inode = checkpoint_get(b) };
	const char *why = "it cannot be read";
	struct vexfs_checkpoint *h;

	*err = 0;
	if (!r.inode)
		return NULL;
	h = kmalloc(sizeof(*h), GFP_KERNEL);
	*err = h ? begin_reading(&r, c, b, vexfs_columns_count(b->columns), h, &why) : -ENOMEM;
	if (!*err) {
		why = "it is damaged";
		*err = pass_over(&r, VEXFS_CHECKPOINT_CODES, le64_to_cpu(h->h_codes)) ?:
		       pass_over(&r, VEXFS_CHECKPOINT_LISTS, le64_to_cpu(h->h_lists));
	} else if (*err == -EUCLEAN && le32_to_cpu(h->h_magic) == VEXFS_CHECKPOINT_MAGIC &&
		   le32_to_cpu(h->h_crc) == header_crc(r.inode, h) &&
		   le32_to_cpu(h->h_version) != VEXFS_CHECKPOINT_VERSION) {
		*err = 0;
	}
	kvfree(r.piece);
	kfree(h);
	iput(r.inode);
	if (*err == -EIO)
		why = "it cannot be read";
	if (*err == -EIO || *err == -EUCLEAN)
		*err = 0;
	else
		why = NULL;
	return why;
}

/* --- writing --- */

/* A checkpoint that is being written. */
struct writing {
	struct vexfs_sink to;
	struct inode *inode;
	bool (*stop)(void *arg);
	void *arg;
	u64 pos;			/* of the piece */
	u64 started;			/* up to here it is on its way to the device */
	u32 stream, n;			/* bytes in the piece */
	struct vexfs_checkpoint_piece *piece;
};

/*
 * We write pages ourselves, and no more are dirty than that: the flusher needs s_umount, which an
 * unmount holds.
 */
static int start_some(struct writing *w)
{
	int err = 0;

	if (w->pos - w->started < AHEAD)
		return 0;
	vexfs_plane_start(w->inode, w->started, w->pos);
	if (w->started >= AHEAD)
		err = vexfs_plane_wait(w->inode, w->started - AHEAD, w->started);
	w->started = w->pos;
	return err;
}

static int write_piece(struct writing *w)
{
	u32 bytes = sizeof(*w->piece) + w->n;
	int err;

	if (!w->n)
		return 0;
	if (vx_killed() || w->stop(w->arg))
		return -EINTR;
	w->piece->p_bytes = cpu_to_le32(w->n);
	w->piece->p_stream = cpu_to_le32(w->stream);
	w->piece->p_crc = cpu_to_le32(piece_crc(w->inode, w->piece, bytes, w->pos));
	err = vexfs_plane_write(w->inode, w->pos, w->piece, bytes);
	w->pos += bytes;
	w->n = 0;
	return err ?: start_some(w);
}

static int put(struct vexfs_sink *to, const void *p, size_t bytes)
{
	struct writing *w = container_of(to, struct writing, to);
	u32 n;
	int err = 0;

	while (bytes && !err) {
		n = min_t(size_t, bytes, PIECE_ROOM - w->n);
		memcpy(w->piece->p_byte + w->n, p, n);
		w->n += n;
		p += n;
		bytes -= n;
		if (w->n == PIECE_ROOM)
			err = write_piece(w);
	}
	return err;
}

/* What is to be in it. */
struct contents {
	struct vexfs_collection_mem *c;
	struct vexfs_body *b;
	struct vexfs_derived *d;
	const struct vexfs_lists *lists;	/* NULL: none */
	u64 count;
	u64 codes_bytes, lists_bytes;	/* of the streams */
	u64 bytes;
};

static void fill_header(const struct contents *k, const struct inode *inode,
			const struct vexfs_collection *raw, struct vexfs_checkpoint *h)
{
	h->h_magic = cpu_to_le32(VEXFS_CHECKPOINT_MAGIC);
	h->h_version = cpu_to_le32(VEXFS_CHECKPOINT_VERSION);
	h->h_dims = cpu_to_le32(k->c->dims);
	h->h_metric = cpu_to_le32(k->c->metric);
	memcpy(h->h_uuid, raw->c_uuid, sizeof(h->h_uuid));
	h->h_epoch = cpu_to_le64(k->b->epoch);
	h->h_count = cpu_to_le64(k->count);
	h->h_bytes = cpu_to_le64(k->bytes);
	h->h_codes = cpu_to_le64(k->codes_bytes);
	h->h_lists = cpu_to_le64(k->lists_bytes);
	h->h_crc = cpu_to_le32(header_crc(inode, h));
}

static int write_header(const struct contents *k, struct inode *inode)
{
	struct vexfs_checkpoint *h = kzalloc(sizeof(*h), GFP_KERNEL);
	vx_buf *bh = h ? vexfs_collection_block(k->c) : ERR_PTR(-ENOMEM);
	int err = PTR_ERR_OR_ZERO(bh);

	if (!err) {
		fill_header(k, inode, vexfs_schema_raw(bh), h);
		vx_brelse(bh);
		err = vexfs_plane_write(inode, 0, h, sizeof(*h));
	}
	kfree(h);
	return err;
}

/* All of it, durable but for the log, which the transaction that follows waits for. */
static int write_all(const struct contents *k, struct inode *inode, bool (*stop)(void *arg), void *arg)
{
	errseq_t since = vexfs_plane_mark(inode);
	struct writing w = {
		.to = { put }, .inode = inode, .stop = stop, .arg = arg,
		.pos = sizeof(struct vexfs_checkpoint), .stream = VEXFS_CHECKPOINT_CODES,
	};
	int err;

	vexfs_plane_tight(inode, true);		/* we know how much it takes, and that it is there */
	err = vexfs_plane_reserve(inode, 0, k->bytes);
	if (err)
		return err;
	w.piece = kvzalloc(PIECE, GFP_KERNEL);
	if (!w.piece)
		return -ENOMEM;
	err = vexfs_codes_save(k->d->codes, k->count, &w.to) ?: write_piece(&w);
	w.stream = VEXFS_CHECKPOINT_LISTS;
	if (!err && k->lists)
		err = vexfs_lists_save(k->lists, &w.to) ?: write_piece(&w);
	kvfree(w.piece);
	if (!err && WARN_ON_ONCE(w.pos != k->bytes))
		err = -EUCLEAN;
	return err ?: write_header(k, inode) ?: vexfs_plane_wait(inode, 0, k->bytes) ?:
	       vexfs_plane_errors(inode, since);
}

/* In a transaction.  After an error nothing has changed, or the log is aborted. */
static int exchange(const struct contents *k, struct vexfs_schema_change *s, struct inode *inode)
{
	struct inode *old = k->b->checkpoint;
	struct vexfs_fs *fs = fs_of(inode);
	int err, undo;

	err = vexfs_inode_access(s->handle, old) ?: vexfs_inode_access(s->handle, inode) ?:
	      vexfs_super_feature(s->handle, fs, VEXFS_RO_COMPAT_CHECKPOINT) ?:
	      vexfs_adopt_hidden(s->handle, inode);
	if (err || !old)
		goto out;
	err = vexfs_unlink_hidden(s->handle, old);
	if (!err)
		goto out;
	undo = vexfs_unlink_hidden(s->handle, inode);
	if (undo)
		vexfs_abort(s->handle, undo);
out:
	if (!err) {
		s->raw->c_checkpoint = cpu_to_le64(inode->i_ino);
		s->raw->c_checkpoint_slots = cpu_to_le64(k->count);
	}
	return err;
}

/* Is it still the body of a collection?  commit_lock held: it will be until that is let go. */
static bool is_current(struct vexfs_collection_mem *c, const struct vexfs_body *b)
{
	bool is;

	mutex_lock(&c->lock);
	is = c->body == b && !c->gone;
	mutex_unlock(&c->lock);
	return is;
}

/*
 * It takes the place of the one before, which comes back in *inode.  -ESTALE: the collection, or its
 * body, is gone.
 */
static int install(const struct contents *k, struct inode **inode)
{
	struct vexfs_collection_mem *c = k->c;
	struct vexfs_body *b = k->b;
	struct vexfs_schema_change s;
	struct inode *old;
	int err = -ESTALE;

	mutex_lock(&c->commit_lock);
	if (is_current(c, b))
		err = vexfs_schema_begin(&s, c, VEXFS_ADOPT_CREDITS + VEXFS_FREE_CREDITS);
	if (!err)
		err = vexfs_schema_end(&s, exchange(k, &s, *inode));
	if (!err) {
		spin_lock(&b->derived_lock);
		old = b->checkpoint;
		b->checkpoint = *inode;
		WRITE_ONCE(b->checkpoint_slots, k->count);
		spin_unlock(&b->derived_lock);
		*inode = old;
	}
	mutex_unlock(&c->commit_lock);
	return err;
}

/* In a transaction: the collection has none. */
static int take_away(struct vexfs_schema_change *s, struct inode *inode)
{
	int err = vexfs_inode_access(s->handle, inode) ?: vexfs_unlink_hidden(s->handle, inode);

	if (!err)
		s->raw->c_checkpoint = s->raw->c_checkpoint_slots = 0;
	return err;
}

/* *dropped: it had one. */
static int drop_one(struct vexfs_collection_mem *c, void *dropped)
{
	struct vexfs_schema_change s;
	struct inode *inode = NULL;
	struct vexfs_body *b;
	int err;

	err = mutex_lock_killable(&c->commit_lock);
	if (err)
		return err;
	b = c->body;
	err = is_current(c, b) && b->checkpoint ? vexfs_schema_begin(&s, c, VEXFS_FREE_CREDITS) :
						  -ENOENT;
	if (!err)
		err = vexfs_schema_end(&s, take_away(&s, b->checkpoint));
	if (!err) {
		WRITE_ONCE(b->checkpoint_after, vx_clock_us() + AGAIN_US);
		spin_lock(&b->derived_lock);
		inode = b->checkpoint;
		b->checkpoint = NULL;
		WRITE_ONCE(b->checkpoint_slots, 0);
		if (b->derived)
			WRITE_ONCE(b->derived->stored, 0);
		spin_unlock(&b->derived_lock);
		*(bool *)dropped = true;
	}
	mutex_unlock(&c->commit_lock);
	iput(inode);
	return 0;			/* what fails does not keep others from theirs */
}

bool vexfs_checkpoints_drop(struct super_block *sb)
{
	bool dropped = false;
	int again = 0;

	vexfs_collections_each(sb, drop_one, &dropped);
	return dropped && vexfs_retry_alloc(sb, -ENOSPC, &again);
}

bool vexfs_retry_space(struct super_block *sb, int err, int *retries)
{
	return vexfs_retry_alloc(sb, err, retries) ||
	       (err == -ENOSPC && *retries == 2 && vexfs_checkpoints_drop(sb));
}

/* What of d is true after a crash.  False: of that it has nothing now. */
static bool choose(struct contents *k)
{
	struct vexfs_collection_mem *c = k->c;
	bool fine;

	mutex_lock(&c->commit_lock);
	fine = is_current(c, k->b);
	k->count = min(vexfs_codes_count(k->d->codes), c->committed);
	mutex_unlock(&c->commit_lock);
	k->lists = k->d->lists;
	if (!fine || !k->count || (k->lists && vexfs_lists_linked(k->lists) > k->count))
		return false;
	k->codes_bytes = vexfs_codes_saved(c->dims, k->count);
	k->lists_bytes = k->lists ? vexfs_lists_saved(k->lists) : 0;
	k->bytes = sizeof(struct vexfs_checkpoint) + in_pieces(k->codes_bytes) +
		   in_pieces(k->lists_bytes);
	return true;
}

/* Twice as much and a twentieth of all would be left: it is not the checkpoint that fills it. */
static bool has_room(const struct contents *k)
{
	struct vexfs_fs *fs = fs_of(k->c->dir);
	u64 blocks = DIV_ROUND_UP_ULL(k->bytes, VEXFS_BLOCK_SIZE);

	return vexfs_alloc_room(fs, 0) >= 3 * blocks + vexfs_super_capacity(fs) / 20;
}

/*
 * Write one.  Nobody else adds to lists.  *inode: what is to be let go of, outside of what holds off
 * a freeze.
 */
static int write_one(struct vexfs_collection_mem *c, struct vexfs_body *b, struct vexfs_derived *d,
		     bool (*stop)(void *arg), void *arg, struct inode **inode)
{
	struct contents k = { .c = c, .b = b, .d = d };
	int err = vexfs_record_commit(c, false);

	*inode = NULL;
	if (err || !choose(&k))
		return err ?: -EAGAIN;
	if (!has_room(&k))
		return -ENOSPC;
	*inode = vexfs_new_orphan(c->dir, 0);
	if (IS_ERR(*inode)) {
		err = PTR_ERR(*inode);
		*inode = NULL;
		return err;
	}
	err = write_all(&k, *inode, stop, arg) ?: install(&k, inode);
	if (!err) {
		WRITE_ONCE(d->stored_lists, k.lists);
		WRITE_ONCE(d->stored_rewritten, d->rewritten);
		WRITE_ONCE(d->stored, k.count);
	}
	return err;
}

/* --- when --- */

/*
 * Has it so many more slots than the checkpoint that a part of 1 / `part` is new, or lists where
 * that has none, or was such a part in lists that others have replaced?
 */
static bool has_changed(struct vexfs_derived *d, u32 part)
{
	u64 stored = READ_ONCE(d->stored), count = vexfs_codes_count(d->codes);

	return !stored || count > stored + stored / part ||
	       READ_ONCE(d->rewritten) - READ_ONCE(d->stored_rewritten) > stored / part ||
	       (smp_load_acquire(&d->lists) && !READ_ONCE(d->stored_lists));
}

bool vexfs_checkpoint_is_due(struct vexfs_body *b, struct vexfs_derived *d, u64 now)
{
	return has_changed(d, 4) && now >= READ_ONCE(b->checkpoint_after) &&
	       vexfs_codes_count(d->codes) >= vexfs_checkpoint_least && !vexfs_derived_unlisted(d);
}

/* Whoever writes it is to stop, or nobody may write any more. */
struct keeping {
	struct super_block *sb;
	struct vexfs_body *body;
	bool (*stop)(void *body);
};

static bool must_end(void *arg)
{
	const struct keeping *k = arg;

	return k->stop(k->body) || !vexfs_may_work(k->sb) || vexfs_is_shutdown(k->sb);
}

void vexfs_checkpoint_keep(struct vexfs_collection_mem *c, struct vexfs_body *b,
			   struct vexfs_derived *d, bool (*stop)(void *body))
{
	struct keeping k = { c->dir->i_sb, b, stop };
	struct inode *inode = NULL;
	int err = -EAGAIN;

	if (!vexfs_checkpoint_is_due(b, d, vx_clock_us()))
		return;
	if (vexfs_worker_write(k.sb)) {
		if (!must_end(&k) && vexfs_work_begin(k.sb)) {
			err = write_one(c, b, d, must_end, &k, &inode);
			vexfs_work_end(k.sb);
		}
		iput(inode);
		vexfs_worker_written(k.sb);
	}
	if (err)
		WRITE_ONCE(b->checkpoint_after, vx_clock_us() + AGAIN_US);
}

/* An unmount does not wait for ever, nor for a device that is gone. */
struct last {
	struct super_block *sb;
	u64 deadline;
};

static bool is_late(void *arg)
{
	const struct last *last = arg;

	return vexfs_is_shutdown(last->sb) || vx_clock_us() >= last->deadline;
}

/*
 * Lists that were not made cost less than those that are in the one before, if there is one.
 */
static bool saves_work(struct vexfs_body *b, struct vexfs_derived *d)
{
	return has_changed(d, 64) && vexfs_codes_count(d->codes) >= vexfs_checkpoint_least &&
	       (d->lists || d->lists_err || !vexfs_checkpoint_waits(b));
}

static int write_last(struct vexfs_collection_mem *c, void *arg)
{
	struct vexfs_body *b = vexfs_body_get(c);
	struct vexfs_derived *d = vexfs_derived_get(b);
	struct inode *inode = NULL;

	if (d && saves_work(b, d) && !is_late(arg))
		write_one(c, b, d, is_late, arg, &inode);	/* it is no loss */
	iput(inode);
	vexfs_derived_put(d);
	vexfs_body_put(b);
	return 0;
}

void vexfs_checkpoints_last(struct super_block *sb)
{
	struct last last = { sb, vx_clock_us() + LAST_US };

	if (!vexfs_is_shutdown(sb))
		vexfs_collections_each(sb, write_last, &last);
}
