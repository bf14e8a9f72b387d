// SPDX-License-Identifier: GPL-2.0
/*
 * The check of collections.  Each is loaded, by the code that loads it at a mount, and what that
 * says of damage becomes a finding.  What loading does not look at is checked here: the checksums
 * of all records, which cover their rows and keys, bits behind those of snapshots, and what records
 * are bound to.
 */
#include "host.h"
#include "verify-priv.h"

#define READ_BYTES	(1U << 20)	/* of rows, at a time */

/* --- what the loader says --- */

/* What a line is about, by what is in it; the first that fits. */
static const struct {
	const char *in;
	enum vexfs_finding nr;
} meaning[] = {
	{ "snapshot", VEXFS_FOUND_SNAPSHOT },
	{ "table of heirs", VEXFS_FOUND_HEIRS },
	{ "dead", VEXFS_FOUND_DEAD },
	{ "the word at", VEXFS_FOUND_WORD },
	{ "plane is shorter", VEXFS_FOUND_PLANE_SHORT },
	{ "is not its", VEXFS_FOUND_PLANE },
	{ "two planes", VEXFS_FOUND_PLANE },
	{ "records live", VEXFS_FOUND_LIVE },
};

/* The last line is that of the loader; one before it is the core's, on what that could not read. */
static void hear(void *arg, const char *line)
{
	struct verify *v = arg;

	snprintf(v->said, sizeof(v->said), "%s", line);
}

static enum vexfs_finding meaning_of(struct verify *v, const char *line)
{
	unsigned long long ino;
	const struct found *f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(meaning); i++)
		if (strstr(line, meaning[i].in))
			return meaning[i].nr;
	/* the core's: an extent of a plane, or the file of a record */
	if (sscanf(line, "inode %llu", &ino) != 1 || ino == v->c.ino)
		return VEXFS_FOUND_COLLECTION;
	f = verify_found(v, ino);
	return f && f->flags & VEXFS_INODE_HIDDEN ? VEXFS_FOUND_PLANE : VEXFS_FOUND_BINDING;
}

/* Is this error of the loader damage, rather than one that ends the check? */
static bool is_damage(int err)
{
	return err != -EIO && err != -ENOMEM && err != -EINTR;
}

/* Something of the collection does not load, for what this line says. */
static void refused(struct verify *v, int err, const char *line)
{
	const char *rest = line;
	char begin[64];
	size_t n;

	n = snprintf(begin, sizeof(begin), "collection %llu", ull(v->c.ino));
	if (!strncmp(rest, begin, n))
		rest += n + strspn(rest + n, ":, ");
	if (!*rest)
		rest = err == -EOPNOTSUPP ? "it is of another kind than this version knows" :
					    "it cannot be loaded";
	problem(v, meaning_of(v, line), "collection %llu does not verify: %s", ull(v->c.ino), rest);
}

/* The same, of what was said last.  0, or the error if it is no damage. */
static int refused_now(struct verify *v, int err)
{
	if (!is_damage(err))
		return err;
	refused(v, err, v->said);
	v->said[0] = v->dev->damage[0] = '\0';
	return 0;
}

/* --- planes --- */

/* It belongs to a collection; that no two planes are one is checked by loading. */
static void claim_plane(struct verify *v, __le64 ino)
{
	struct found *f = verify_found(v, le64_to_cpu(ino));

	if (f && f->parent == v->c.ino && f->parent_generation == v->c.generation)
		f->hidden_ok = true;
}

static void claim_planes(struct verify *v, const struct vexfs_collection *raw)
{
	unsigned int i;

	claim_plane(v, raw->c_vectors);
	claim_plane(v, raw->c_records);
	claim_plane(v, raw->c_keys);
	claim_plane(v, raw->c_dead);
	claim_plane(v, raw->c_deaths);
	claim_plane(v, raw->c_words);
	claim_plane(v, raw->c_heirs);
	claim_plane(v, raw->c_checkpoint);
	for (i = 0; i < VEXFS_MAX_SNAPSHOTS; i++)
		claim_plane(v, raw->c_snapshot[i].n_dead_ino);
}

/* --- records --- */

/* The rows of a collection as they are on its planes, loaded or not. */
struct rows {
	struct inode *vectors, *records, *keys;
	const struct vexfs_body *body;	/* NULL: it does not load */
	u64 slot;			/* the first one in memory ... */
	u32 n, room;			/* ... of so many, and how many there may be */
	u32 row_bytes;
	struct vexfs_record *record;
	u8 *row;
};

static bool file_there(struct verify *v, const struct vexfs_file_id *id)
{
	const struct found *f = verify_found(v, id->ino);

	return f && f->used && f->generation == id->generation && f->nlink;
}

static bool same_file(const struct vexfs_file_id *a, const struct vexfs_file_id *b)
{
	return a->ino == b->ino && a->generation == b->generation;
}

/* collections within collections, dropped from the inside */
#define MAX_OUTER	16

/*
 * Does a file belong to the collection at hand?  A directory that was one leads to what is around
 * it.
 */
static bool is_inside(struct verify *v, const struct found *f)
{
	__u32 i;

	for (i = 0; i < MAX_OUTER; i++) {
		struct found *to = verify_found(v, f->collection);

		if (f->collection == v->c.ino)
			return true;
		if (!to || !to->used || to->flags & VEXFS_INODE_COLLECTION)
			return false;
		f = to;
	}
	return false;
}

/* What is wrong with the file that has a record's bytes now; NULL. */
static const char *file_wrong(struct verify *v, const struct vexfs_file_id *now, bool own,
			      const struct vexfs_record *r)
{
	const struct found *f = verify_found(v, now->ino);

	if (!S_ISREG(f->mode) || f->flags & VEXFS_INODE_HIDDEN)
		return "is bound to what is no file";
	if (!(f->flags & VEXFS_INODE_BOUND))
		return "is bound to a file that does not know it";
	if (!is_inside(v, f))
		return "is bound to a file of another collection";
	if (own && le64_to_cpu(r->r_file_change) > f->data_change)
		return "is bound to a later state of its file";
	return NULL;
}

/*
 * The file that a record is bound to.  One that is gone is no damage: the record goes at the next
 * mount.  -EUCLEAN: it is damaged, which was said.
 */
static int check_binding(struct verify *v, const struct rows *p, u64 slot,
			 const struct vexfs_record *r)
{
	u64 ino = le64_to_cpu(r->r_file), off = le64_to_cpu(r->r_file_off);
	const struct vexfs_file_id own = { ino, le32_to_cpu(r->r_file_generation) };
	struct vexfs_file_id now = own;
	const struct vexfs_file *file;
	const char *why = NULL;

	if (!(r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND))) {
		if (ino || off || r->r_file_len || r->r_file_generation || r->r_file_change)
			why = "is bound to no file, and says where in it";
	} else if (!vexfs_ino_valid(v->fs, ino) ||
		   off > (u64)INT64_MAX - le32_to_cpu(r->r_file_len)) {
		why = "is bound to nowhere";
	} else if (p->body && !vexfs_columns_dead(p->body->columns, slot)) {
		file = vexfs_columns_file(p->body->columns, slot);
		if (file)
			now = vexfs_bound_file(file)->now;
		if (!file_there(v, &now))
			v->gone++;
		else
			why = file_wrong(v, &now, same_file(&own, &now), r);
	}
	if (!why)
		return 0;
	problem(v, VEXFS_FOUND_BINDING, "collection %llu: record %llu %s (inode %llu)",
		ull(v->c.ino), ull(slot), why, ull(now.ino));
	return -EUCLEAN;
}

/* Files that have an heir are gone. */
static void check_heirs(struct verify *v, const struct vexfs_body *b)
{
	const struct vexfs_bound_file *f, *last;

	list_for_each_entry(f, &b->files.all, all) {
		for (last = f; last->file.heir; last = vexfs_bound_file(last->file.heir))
			;
		if (!same_file(&f->id, &last->now) && file_there(v, &f->id))
			problem(v, VEXFS_FOUND_HEIRS,
				"collection %llu: table of heirs: inode %llu has an heir, and is there",
				ull(v->c.ino), ull(f->id.ino));
	}
}

/* Bits of a snapshot that was loaded, behind those of its slots. */
static int check_snapshot(struct verify *v, const struct vexfs_snapshot_mem *s)
{
	u32 used = s->as_of.count % VEXFS_DEAD_SLOTS;
	const struct vexfs_dead_block *x;
	vx_buf *buf;

	if (!used)
		return 0;
	buf = vexfs_dead_block(s->dead, s->as_of.count / VEXFS_DEAD_SLOTS);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	x = vx_data(buf);
	if (find_next_bit_le(x->x_bits, VEXFS_DEAD_SLOTS, used) < VEXFS_DEAD_SLOTS)
		problem(v, VEXFS_FOUND_DEAD,
			"collection %llu: snapshot %s: slots beyond the count are dead",
			ull(v->c.ino), s->name);
	vx_brelse(buf);
	return 0;
}

/* That an inode is damaged was said; not, that it is another one's. */
static int check_checkpoint(struct verify *v, const struct vexfs_collection_mem *c,
			    const struct vexfs_collection *raw)
{
	const char *why = "it cannot be opened";
	int err = 0;

	if (!raw->c_checkpoint || c->body->checkpoint)
		why = vexfs_checkpoint_wrong(c, c->body, &err);
	if (why)
		problem(v, VEXFS_FOUND_CHECKPOINT,
			"collection %llu: its checkpoint is of no use, and is only made anew: %s",
			ull(v->c.ino), why);
	return err;
}

static int check_snapshots(struct verify *v, struct vexfs_body *b)
{
	int err = vexfs_snapshots_load(b);
	u32 i;

	for (i = 0; i < b->snapshots && !err; i++)
		err = check_snapshot(v, b->snapshot[i]);
	return err;
}

/* Are all these bytes of a plane written?  1, 0, or an error. */
static int is_written(struct inode *plane, u64 pos, u64 bytes)
{
	u64 lblk = pos >> VEXFS_BLOCK_SHIFT, end = DIV_ROUND_UP_ULL(pos + bytes, VEXFS_BLOCK_SIZE);
	struct vexfs_where w;
	int err;

	for (; lblk < end; lblk += w.len) {
		err = vexfs_locate(plane, lblk, end - lblk, &w);
		if (err || !w.written)
			return err;
	}
	return 1;
}

/* Of the record in a slot, as it should be; without its key, if that is nowhere. */
static int record_crc(struct verify *v, struct rows *p, const struct vexfs_collection *raw,
		      u64 slot, u32 *crc)
{
	const struct vexfs_record *r = p->record + (slot - p->slot);
	u64 key = le64_to_cpu(r->r_key), off = key >> 8, len = key & 0xff;
	__le64 le = cpu_to_le64(slot);
	u8 bytes[VEXFS_MAX_KEY];
	int err;

	*crc = crc32c(~0U, raw->c_uuid, sizeof(raw->c_uuid));
	*crc = crc32c(*crc, &le, sizeof(le));
	*crc = crc32c(*crc, (char *)r + sizeof(r->r_crc), sizeof(*r) - sizeof(r->r_crc));
	*crc = crc32c(*crc, p->row + (slot - p->slot) * p->row_bytes, p->row_bytes);
	if (!(r->r_flags & cpu_to_le32(VEXFS_RECORD_KEYED)))
		return 0;
	if (!len || off + len > le64_to_cpu(raw->c_key_bytes)) {
		problem(v, VEXFS_FOUND_RECORD_KEY,
			"collection %llu: record %llu has a key where there is none",
			ull(v->c.ino), ull(slot));
		return 0;
	}
	err = vexfs_plane_read(p->keys, off, bytes, len);
	if (!err)
		*crc = crc32c(*crc, bytes, len);
	return err;
}

/* A vector that nobody may have inserted, with a checksum that is right; those that are dead do not matter. */
static bool is_no_vector(const struct rows *p, const struct vexfs_collection *raw, u64 slot)
{
	return p->body && !vexfs_columns_dead(p->body->columns, slot) &&
	       vexfs_row_check(le16_to_cpu(raw->c_metric), p->row + (slot - p->slot) * p->row_bytes,
			       le32_to_cpu(raw->c_dims));
}

/* The loader does not believe a record that verifies. */
static void refused_record(struct verify *v, u64 slot, u32 why)
{
	enum vexfs_finding nr = why == VEXFS_LOST_WORD	   ? VEXFS_FOUND_RECORD_WORD :
				why == VEXFS_LOST_BINDING  ? VEXFS_FOUND_BINDING :
				why == VEXFS_LOST_FILE	   ? VEXFS_FOUND_BINDING :
				why == VEXFS_LOST_SAME_KEY ? VEXFS_FOUND_RECORD_KEY :
							     VEXFS_FOUND_RECORD_FIELDS;

	if (why != VEXFS_LOST_KEY)	/* that there is none was said */
		problem(v, nr, "collection %llu: record %llu cannot be: %s", ull(v->c.ino),
			ull(slot), vexfs_lost_text(why));
}

/* -EUCLEAN: it is damaged, which was said. */
static int check_record(struct verify *v, struct rows *p, const struct vexfs_collection *raw,
			u64 slot)
{
	const struct vexfs_record *r = p->record + (slot - p->slot);
	int err, there;
	u32 crc, why;

	err = record_crc(v, p, raw, slot, &crc);
	if (err)
		return err;
	if (crc == le32_to_cpu(r->r_crc) && is_no_vector(p, raw, slot)) {
		problem(v, VEXFS_FOUND_RECORD_TORN,
			"collection %llu: record %llu has a vector that is none", ull(v->c.ino),
			ull(slot));
		return -EUCLEAN;
	}
	if (crc == le32_to_cpu(r->r_crc)) {
		why = p->body ? vexfs_columns_lost(p->body->columns, slot) : 0;
		if (why <= VEXFS_LOST_TORN)	/* it can be read, by now */
			return check_binding(v, p, slot, r);
		refused_record(v, slot, why);
		return -EUCLEAN;
	}
	there = is_written(p->records, slot * sizeof(*r), sizeof(*r));
	if (there > 0)
		there = is_written(p->vectors, slot * p->row_bytes, p->row_bytes);
	if (there < 0)
		return there;
	if (there)
		problem(v, VEXFS_FOUND_RECORD_TORN, "collection %llu: record %llu is torn",
			ull(v->c.ino), ull(slot));
	else
		problem(v, VEXFS_FOUND_RECORD_MISSING,
			"collection %llu: record %llu was never written", ull(v->c.ino), ull(slot));
	return -EUCLEAN;
}

/* Slots that the planes have room for: that they are too short for more was said. */
static u64 slots_of(const struct rows *p, const struct vexfs_collection *raw)
{
	u64 count = le64_to_cpu(raw->c_count);

	count = min(count, VEXFS_I(p->records)->core.disk_size / VEXFS_RECORD_BYTES);
	return min(count, VEXFS_I(p->vectors)->core.disk_size / p->row_bytes);
}

/*
 * Read the records from a slot on, as many as fit and are written, and their rows.  None is: *next
 * is the slot where they may be again, and it is said.
 */
static int read_records(struct verify *v, struct rows *p, u64 slot, u64 count, u64 *next)
{
	u32 lblk = slot * VEXFS_RECORD_BYTES >> VEXFS_BLOCK_SHIFT;
	struct vexfs_where w;
	int err = vexfs_locate(p->records, lblk, U32_MAX - lblk, &w);
	u64 end;

	if (err)
		return err;
	end = min(count, (((u64)lblk + w.len) << VEXFS_BLOCK_SHIFT) / VEXFS_RECORD_BYTES);
	p->slot = slot;
	p->n = w.written ? min_t(u64, p->room, end - slot) : 0;
	*next = w.written ? slot + p->n : end;
	if (!w.written) {
		problem(v, VEXFS_FOUND_RECORD_MISSING,
			"collection %llu: records %llu to %llu were never written", ull(v->c.ino),
			ull(slot), ull(end - 1));
		return 0;
	}
	return vexfs_plane_read(p->records, slot * VEXFS_RECORD_BYTES, p->record,
				p->n * VEXFS_RECORD_BYTES) ?:
	       vexfs_plane_read(p->vectors, slot * p->row_bytes, p->row,
				(size_t)p->n * p->row_bytes);
}

static int check_records(struct verify *v, struct rows *p, const struct vexfs_collection *raw)
{
	u64 count = slots_of(p, raw), slot, next;
	int err = 0;
	u32 i;

	v->n->records += p->body ? vexfs_columns_live(p->body->columns) :
				   min(count, le64_to_cpu(raw->c_live));
	for (slot = 0; slot < count && !err; slot = next) {
		err = verify_step(v, "records", slot, count) ?:
			      read_records(v, p, slot, count, &next);
		for (i = 0; i < p->n && !err; i++) {
			err = check_record(v, p, raw, slot + i);
			if (err == -EUCLEAN)
				err = 0;
		}
	}
	return err;
}

/* The planes of one that does not load.  NULL: that one cannot be opened. */
static struct inode *open_plane(struct inode *dir, __le64 ino)
{
	struct inode *plane = vexfs_plane_open(dir, le64_to_cpu(ino), 0, "");

	return IS_ERR(plane) ? NULL : plane;
}

static int check_rows(struct verify *v, struct inode *dir, const struct vexfs_collection *raw,
		      const struct vexfs_body *b)
{
	struct rows p = { .body = b, .row_bytes = le32_to_cpu(raw->c_row_bytes) };
	int err = 0;

	p.vectors = b ? b->vectors : open_plane(dir, raw->c_vectors);
	p.records = b ? b->records : open_plane(dir, raw->c_records);
	p.keys = b ? b->keys : open_plane(dir, raw->c_keys);
	p.room = min(READ_BYTES / p.row_bytes, 4096U);
	p.record = malloc(p.room * sizeof(*p.record));
	p.row = malloc((size_t)p.room * p.row_bytes);
	if (!p.record || !p.row)
		err = -ENOMEM;
	else if (p.vectors && p.records && p.keys)
		err = check_records(v, &p, raw);
	free(p.record);
	free(p.row);
	if (!b) {
		iput(p.vectors);
		iput(p.records);
		iput(p.keys);
	}
	return err;
}

/* --- all of it --- */

/* The block verifies. */
static int check_collection(struct verify *v, struct inode *dir, const struct vexfs_collection *raw)
{
	struct vexfs_collection_mem *c = vexfs_collection_get(dir);
	int loading = PTR_ERR_OR_ZERO(c), err = 0;
	char said[sizeof(v->said)];

	if (loading && !is_damage(loading))
		return loading;
	claim_planes(v, raw);
	memcpy(said, v->said, sizeof(said));
	v->said[0] = '\0';
	if (!loading) {
		err = check_snapshots(v, c->body);
		if (err)
			err = refused_now(v, err);
		check_heirs(v, c->body);
		err = err ?: check_checkpoint(v, c, raw);
	}
	v->gone = 0;
	if (!err && !(loading && meaning_of(v, said) == VEXFS_FOUND_PLANE))
		err = check_rows(v, dir, raw, loading ? NULL : c->body);
	if (err)			/* an extent of a plane, perhaps */
		err = refused_now(v, err);
	if (loading)
		refused(v, loading, said);
	if (v->gone)
		problem(v, VEXFS_FOUND_BINDING_GONE,
			"collection %llu: the files of %llu records are gone", ull(v->c.ino),
			ull(v->gone));
	v->said[0] = v->dev->damage[0] = '\0';
	if (!loading)
		vexfs_collection_put(c);
	return err;
}

int verify_collection(struct verify *v, __u64 ino)
{
	struct found *f = verify_found(v, ino);
	struct inode *dir;
	vx_buf *buf;
	int err;

	if (!(f->flags & VEXFS_INODE_COLLECTION))
		return 0;
	v->c.ino = ino;
	v->c.generation = f->generation;
	v->said[0] = '\0';
	dir = vexfs_iget(v->sb, ino, VEXFS_IGET_ORPHAN);
	if (IS_ERR(dir))		/* what is wrong with it */
		return verify_damaged(v, PTR_ERR(dir), VEXFS_FOUND_COLLECTION, "collection", ino);
	buf = vexfs_schema_read(dir, VEXFS_I(dir)->core.collection);
	if (IS_ERR(buf)) {
		err = refused_now(v, PTR_ERR(buf));
	} else {
		v->n->collections++;
		err = check_collection(v, dir, vexfs_schema_raw(buf));
		vx_brelse(buf);
	}
	iput(dir);
	vexfs_forget_inodes(v->sb);
	return err;
}

int verify_collections_begin(struct verify *v)
{
	v->sb = vexfs_image_over(v->dev, hear, v);
	return PTR_ERR_OR_ZERO(v->sb);
}

void verify_collections_end(struct verify *v)
{
	vexfs_image_leave(v->sb);
}
