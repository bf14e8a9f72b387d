// SPDX-License-Identifier: GPL-2.0
/*
 * The check of collections: planes are read row by row, since that is what the crc of a record
 * covers.
 */
#include "verify-priv.h"

/* A hidden inode of a collection, read through its extents. */
struct plane {
	struct vexfs_inode_core c;
	struct vexfs_map map;
	__u32 lblk;			/* of data, U32_MAX: none */
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));	/* blocks are looked at in it */
};

static int plane_open(struct verify *v, struct plane *p, __u64 ino, const char *what)
{
	struct found *f = verify_found(v, ino);
	struct vexfs_inode *raw;
	vx_buf *buf;
	int err;

	if (!f || !f->used || !(f->flags & VEXFS_INODE_HIDDEN) || f->parent != v->c.ino ||
	    f->parent_generation != v->c.generation || f->hidden_ok) {
		problem(v, VEXFS_FOUND_PLANE, "collection %llu: inode %llu is not its %s",
			ull(v->c.ino), ull(ino), what);
		return -ENOENT;
	}
	f->hidden_ok = true;
	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err)
		return err;
	vx_rwsem_init(&p->c.lock);
	vexfs_inode_load(&p->c, v->fs, ino, raw);
	vx_brelse(buf);
	p->map.len = 0;
	p->lblk = U32_MAX;
	return 0;
}

/*
 * Journaled blocks come from the cache, where a replay has put those of the log; data are only on
 * the device.
 */
static int read_block(struct verify *v, const struct plane *p, __u64 block, void *data)
{
	vx_buf *b;

	if (!(p->c.flags & VEXFS_INODE_METADATA))
		return vexfs_dev_read(v->dev, block, data);
	b = vx_bread(v->fs, block);
	if (IS_ERR(b))
		return PTR_ERR(b);
	memcpy(data, vx_data(b), VEXFS_BLOCK_SIZE);
	vx_brelse(b);
	return 0;
}

/* Bring block lblk into p->data: 1, or 0 when there is none. */
static int plane_block(struct verify *v, struct plane *p, __u32 lblk)
{
	int err;

	if (p->lblk == lblk)
		return 1;
	if (lblk < p->map.lblk || lblk - p->map.lblk >= p->map.len) {
		err = vexfs_extent_lookup(&p->c, lblk, &p->map);
		if (err)
			return err;
	}
	if (!p->map.pblk || p->map.unwritten)
		return 0;
	err = read_block(v, p, p->map.pblk + (lblk - p->map.lblk), p->data);
	p->lblk = err ? U32_MAX : lblk;
	return err ? err : 1;
}

/*
 * Continue a crc over bytes of a plane, and copy them out when out is not NULL.  1; 0: not all of
 * them are written.
 */
static int plane_crc(struct verify *v, struct plane *p, __u64 pos, __u32 bytes, __u32 *crc,
		     void *out)
{
	while (bytes) {
		__u32 off = pos & (VEXFS_BLOCK_SIZE - 1), n = min(bytes, VEXFS_BLOCK_SIZE - off);
		int err = plane_block(v, p, pos >> VEXFS_BLOCK_SHIFT);

		if (err <= 0)
			return err;
		if (crc)
			*crc = crc32c(*crc, p->data + off, n);
		if (out) {
			memcpy(out, p->data + off, n);
			out = (char *)out + n;
		}
		pos += n;
		bytes -= n;
	}
	return 1;
}

/* The dictionaries; words: how many each attribute has. */
static int check_words(struct verify *v, const struct vexfs_collection *col, struct plane *p,
		       __u32 words[VEXFS_MAX_ATTRS])
{
	__u64 pos, end = le64_to_cpu(col->c_word_bytes);
	struct vexfs_word w;
	__u32 crc;
	__le64 le;
	int ok;

	if (end && (!col->c_words || p->c.disk_size < end)) {
		problem(v, VEXFS_FOUND_PLANE_SHORT,
			"collection %llu: its dictionary is shorter than %llu bytes", ull(v->c.ino),
			ull(end));
		return 0;
	}
	for (pos = 0; pos < end; pos += sizeof(w) + w.w_len) {
		ok = end - pos < sizeof(w) ? 0 : plane_crc(v, p, pos, sizeof(w), NULL, &w);
		if (ok > 0) {
			le = cpu_to_le64(pos);
			crc = crc32c(~0u, col->c_uuid, sizeof(col->c_uuid));
			crc = crc32c(crc, &le, sizeof(le));
			crc = crc32c(crc, (char *)&w + sizeof(w.w_crc),
				     sizeof(w) - sizeof(w.w_crc));
			ok = end - pos - sizeof(w) < w.w_len ? 0 :
			     plane_crc(v, p, pos + sizeof(w), w.w_len, &crc, NULL);
		}
		if (ok < 0)
			return ok;
		if (!ok || crc != le32_to_cpu(w.w_crc) || !w.w_len ||
		    w.w_attr >= le32_to_cpu(col->c_attrs) ||
		    le16_to_cpu(col->c_attr[w.w_attr].a_type) != VEXFS_ATTR_KEYWORD) {
			problem(v, VEXFS_FOUND_WORD,
				"collection %llu: the dictionary entry at byte %llu is damaged",
				ull(v->c.ino), ull(pos));
			return 0;
		}
		words[w.w_attr]++;
	}
	return 0;
}

static void check_keywords(struct verify *v, const struct vexfs_collection *col, const __u32 *words,
			   __u64 slot, const struct vexfs_record *r)
{
	__u32 i;

	for (i = 0; i < le32_to_cpu(col->c_attrs); i++)
		if (le16_to_cpu(col->c_attr[i].a_type) == VEXFS_ATTR_KEYWORD &&
		    le64_to_cpu(r->r_attr[i]) > words[i])
			problem(v, VEXFS_FOUND_RECORD_WORD,
				"collection %llu: record %llu has a keyword that is not in the dictionary",
				ull(v->c.ino), ull(slot));
}

/* --- heirs --- */

/* A file, as records and heirs name it. */
struct file_id {
	__u64 ino;
	__u32 generation;
};

struct heir {
	struct file_id from, to;
};

struct heirs {
	struct heir *e;			/* sorted by `from` */
	size_t n;
};

static int compare_files(const void *a, const void *b)
{
	const struct file_id *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (x->generation > y->generation) - (x->generation < y->generation);
}

static const struct heir *find_heir(const struct heirs *h, const struct file_id *id)
{
	return h->n ? bsearch(id, h->e, h->n, sizeof(*h->e), compare_files) : NULL;
}

static bool file_there(struct verify *v, const struct file_id *id)
{
	const struct found *f = verify_found(v, id->ino);

	return f && f->used && f->generation == id->generation && f->nlink;
}

/* An inode that has an heir, or is one, and what is wrong with that. */
static void bad_heir(struct verify *v, __u64 ino, const char *why)
{
	problem(v, VEXFS_FOUND_HEIRS, "collection %llu: table of heirs: inode %llu %s",
		ull(v->c.ino), ull(ino), why);
}

/* The entries of a block.  0, or -ENOMEM. */
static int add_heirs(struct verify *v, struct heirs *h, const struct vexfs_heir_block *b, __u32 n)
{
	struct heir *e = realloc(h->e, (h->n + n + 1) * sizeof(*e));
	__u32 i;

	if (!e)
		return -ENOMEM;
	h->e = e;
	for (i = 0; i < n; i++) {
		e = h->e + h->n++;
		e->from = (struct file_id){ le64_to_cpu(b->h_entry[i].h_ino),
					    le32_to_cpu(b->h_entry[i].h_generation) };
		e->to = (struct file_id){ le64_to_cpu(b->h_entry[i].h_heir),
					  le32_to_cpu(b->h_entry[i].h_heir_generation) };
		if (!vexfs_ino_valid(v->fs, e->from.ino) || !vexfs_ino_valid(v->fs, e->to.ino))
			bad_heir(v, e->from.ino, "is out of range");
		else if (file_there(v, &e->from))
			bad_heir(v, e->from.ino, "has an heir, and is there");
	}
	return 0;
}

/* The last heir of a file, or itself; chains were checked. */
static struct file_id heir_of(const struct heirs *h, struct file_id id)
{
	const struct heir *e;

	while ((e = find_heir(h, &id)))
		id = e->to;
	return id;
}

/* Make each entry lead to the end of its chain at once.  One that has no end is cut. */
static void check_chains(struct verify *v, struct heirs *h)
{
	struct heir *e, *end, *next;
	size_t i, steps;

	for (i = 0; i < h->n; i++) {
		e = end = h->e + i;
		if (i && !compare_files(&e[-1].from, &e->from))
			bad_heir(v, e->from.ino, "has two heirs");
		for (steps = 0; (next = (struct heir *)find_heir(h, &end->to)); end = next)
			if (steps++ > h->n) {
				bad_heir(v, e->from.ino, "is its own heir");
				end->to = (struct file_id){ };
				break;
			}
		for (; e != end && (next = (struct heir *)find_heir(h, &e->to)); e = next)
			e->to = end->to;
	}
}

static int check_heirs(struct verify *v, struct plane *p, struct heirs *h)
{
	__u32 lblk, blocks = p->c.fs ? p->c.disk_size >> VEXFS_BLOCK_SHIFT : 0, n;
	int ok = 1;

	for (lblk = 0; lblk < blocks && ok > 0; lblk++) {
		const struct vexfs_heir_block *b = (void *)p->data;

		ok = plane_block(v, p, lblk);
		if (ok < 0)
			return ok;
		n = ok ? le32_to_cpu(b->h_entries) : 0;
		if (!ok || le32_to_cpu(b->h_magic) != VEXFS_HEIR_MAGIC ||
		    le32_to_cpu(b->h_lblk) != lblk ||
		    le32_to_cpu(b->h_crc) != vexfs_csum(v->fs, b, sizeof(*b),
							offsetof(struct vexfs_heir_block, h_crc),
							p->c.ino, p->c.generation, lblk) ||
		    n > VEXFS_HEIRS_PER_BLOCK || (n < VEXFS_HEIRS_PER_BLOCK && lblk < blocks - 1)) {
			problem(v, VEXFS_FOUND_HEIRS,
				"collection %llu: table of heirs, block %u does not verify",
				ull(v->c.ino), lblk);
			ok = 0;
		} else if (add_heirs(v, h, b, n)) {
			return -ENOMEM;
		}
	}
	if (h->n)
		qsort(h->e, h->n, sizeof(*h->e), compare_files);
	check_chains(v, h);
	return 0;
}

/* --- records --- */

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

/*
 * The file that a record is bound to.  One that is gone is no damage: the record goes at the next
 * mount.
 */
static void check_binding(struct verify *v, const struct heirs *heirs, __u64 slot,
			  const struct vexfs_record *r, bool dead)
{
	__u64 ino = le64_to_cpu(r->r_file), off = le64_to_cpu(r->r_file_off);
	const struct file_id own = { ino, le32_to_cpu(r->r_file_generation) },
			     now = heir_of(heirs, own);
	struct found *f = verify_found(v, now.ino);
	const char *why = NULL;

	if (!(r->r_flags & cpu_to_le32(VEXFS_RECORD_BOUND))) {
		if (ino || off || r->r_file_len || r->r_file_generation || r->r_file_change)
			why = "is bound to no file, and says where in it";
	} else if (!vexfs_ino_valid(v->fs, ino) ||
		   off > (__u64)INT64_MAX - le32_to_cpu(r->r_file_len)) {
		why = "is bound to nowhere";
	} else if (dead) {
		return;
	} else if (!file_there(v, &now)) {
		v->gone++;
	} else if (!S_ISREG(f->mode) || f->flags & VEXFS_INODE_HIDDEN) {
		why = "is bound to what is no file";
	} else if (!(f->flags & VEXFS_INODE_BOUND)) {
		why = "is bound to a file that does not know it";
	} else if (!is_inside(v, f)) {
		why = "is bound to a file of another collection";
	} else if (!compare_files(&own, &now) && le64_to_cpu(r->r_file_change) > f->data_change) {
		why = "is bound to a later state of its file";
	}
	if (why)
		problem(v, VEXFS_FOUND_BINDING, "collection %llu: record %llu %s (inode %llu)",
			ull(v->c.ino), ull(slot), why, ull(now.ino));
}

/*
 * Is the bit of a slot set?  1, 0, or an error; what is wrong with the bitmap is said by
 * check_dead().
 */
static int is_dead(struct verify *v, struct plane *dead, __u64 slot)
{
	const struct vexfs_dead_block *b = (void *)dead->data;
	int ok = dead->c.fs ? plane_block(v, dead, slot / VEXFS_DEAD_SLOTS) : 0;

	return ok > 0 ? test_bit_le(slot % VEXFS_DEAD_SLOTS, b->x_bits) : ok;
}

/* What is made of a collection: its planes, and words of each attribute. */
struct planes {
	struct plane vec, rec, keys, dead, dict, heir;
	__u32 words[VEXFS_MAX_ATTRS];
	struct heirs heirs;
};

static int check_record(struct verify *v, const struct vexfs_collection *col, struct planes *p,
			__u64 slot)
{
	__u32 row = le32_to_cpu(col->c_row_bytes), crc;
	__le64 le = cpu_to_le64(slot);
	struct vexfs_record r;
	int ok, dead;

	ok = plane_crc(v, &p->rec, slot * sizeof(r), sizeof(r), NULL, &r);
	if (ok > 0) {
		crc = crc32c(~0u, col->c_uuid, sizeof(col->c_uuid));
		crc = crc32c(crc, &le, sizeof(le));
		crc = crc32c(crc, (char *)&r + sizeof(r.r_crc), sizeof(r) - sizeof(r.r_crc));
		ok = plane_crc(v, &p->vec, slot * row, row, &crc, NULL);
	}
	if (ok > 0 && le32_to_cpu(r.r_flags) & VEXFS_RECORD_KEYED) {
		__u64 off = le64_to_cpu(r.r_key) >> 8, len = le64_to_cpu(r.r_key) & 0xff;

		if (!len || off + len > le64_to_cpu(col->c_key_bytes))
			problem(v, VEXFS_FOUND_RECORD_KEY,
				"collection %llu: record %llu has a key where there is none",
				ull(v->c.ino), ull(slot));
		else
			ok = plane_crc(v, &p->keys, off, len, &crc, NULL);
	}
	if (ok < 0)
		return ok;
	dead = is_dead(v, &p->dead, slot);
	if (dead < 0)
		return dead;
	if (!ok)
		problem(v, VEXFS_FOUND_RECORD_MISSING,
			"collection %llu: record %llu was never written", ull(v->c.ino), ull(slot));
	else if (crc != le32_to_cpu(r.r_crc))
		problem(v, VEXFS_FOUND_RECORD_TORN, "collection %llu: record %llu is torn",
			ull(v->c.ino), ull(slot));
	else if (!r.r_seq || le64_to_cpu(r.r_seq) >= le64_to_cpu(col->c_next_seq))
		problem(v, VEXFS_FOUND_RECORD_FIELDS,
			"collection %llu: record %llu has the sequence number %llu", ull(v->c.ino),
			ull(slot), ull(le64_to_cpu(r.r_seq)));
	else if (le32_to_cpu(r.r_flags) & ~VEXFS_RECORD_ALL)
		problem(v, VEXFS_FOUND_RECORD_FIELDS,
			"collection %llu: record %llu has unknown flags %#x", ull(v->c.ino),
			ull(slot), le32_to_cpu(r.r_flags));
	else {
		check_keywords(v, col, p->words, slot, &r);
		check_binding(v, &p->heirs, slot, &r, dead);
	}
	return 0;
}

/* Where the records plane is not written at a slot: the next slot where it may be.  0: it is written; or an error. */
static __s64 behind_hole(struct verify *v, struct plane *rec, __u64 slot)
{
	const struct vexfs_map *m = &rec->map;
	int ok = plane_block(v, rec, slot * sizeof(struct vexfs_record) >> VEXFS_BLOCK_SHIFT);

	if (ok)
		return ok < 0 ? ok : 0;
	return (((__u64)m->lblk + m->len) << VEXFS_BLOCK_SHIFT) / sizeof(struct vexfs_record);
}

/*
 * Each record.  count may be anything: what the planes have no room for was reported, and what is not
 * written is one finding for all of a hole, so that a short plane does not make billions.
 */
static int check_records(struct verify *v, const struct vexfs_collection *col, struct planes *p, __u64 count)
{
	__u64 slot, next;
	__s64 behind;
	int err = 0;

	count = min_t(__u64, count, p->rec.c.disk_size / sizeof(struct vexfs_record));
	count = min_t(__u64, count, p->vec.c.disk_size / le32_to_cpu(col->c_row_bytes));
	for (slot = 0; !err && slot < count; slot = next) {
		next = slot + 1;
		behind = behind_hole(v, &p->rec, slot);
		if (behind < 0)
			return behind;
		if (behind)
			next = min_t(__u64, behind, count);
		if (slot % 256 == 0 || behind)
			err = verify_step(v, "records", slot, count);
		if (!err && next > slot + 1)
			problem(v, VEXFS_FOUND_RECORD_MISSING,
				"collection %llu: records %llu to %llu were never written", ull(v->c.ino),
				ull(slot), ull(next - 1));
		else if (!err)
			err = check_record(v, col, p, slot);
		v->n->records += next - slot;
	}
	return err;
}

/* Count the dead below count; blocks that are not there hold none. */
static int check_dead(struct verify *v, struct plane *p, __u64 count, __u64 *dead)
{
	__u32 lblk, n = DIV_ROUND_UP(count, VEXFS_DEAD_SLOTS), i, set;

	*dead = 0;
	for (lblk = 0; lblk < n; lblk++) {
		const struct vexfs_dead_block *b = (void *)p->data;
		int ok = plane_block(v, p, lblk);

		if (ok < 0)
			return ok;
		if (!ok)
			continue;
		if (le32_to_cpu(b->x_magic) != VEXFS_DEAD_MAGIC || le32_to_cpu(b->x_lblk) != lblk ||
		    le32_to_cpu(b->x_crc) != vexfs_csum(v->fs, b, sizeof(*b),
							offsetof(struct vexfs_dead_block, x_crc),
							p->c.ino, p->c.generation, lblk)) {
			problem(v, VEXFS_FOUND_DEAD,
				"collection %llu: bitmap of deleted records, block %u does not verify",
				ull(v->c.ino), lblk);
			continue;
		}
		for (i = 0, set = 0; i < VEXFS_DEAD_SLOTS; i++) {
			if (!test_bit_le(i, b->x_bits))
				continue;
			set++;
			if ((__u64)lblk * VEXFS_DEAD_SLOTS + i >= count)
				problem(v, VEXFS_FOUND_DEAD,
					"collection %llu: slot %llu is deleted and not committed",
					ull(v->c.ino), ull((__u64)lblk * VEXFS_DEAD_SLOTS + i));
		}
		if (set != le32_to_cpu(b->x_dead))
			problem(v, VEXFS_FOUND_DEAD,
				"collection %llu: bitmap of deleted records, block %u counts %u, has %u",
				ull(v->c.ino), lblk, le32_to_cpu(b->x_dead), set);
		*dead += set;
	}
	return 0;
}

/* The bitmap of a snapshot, which nobody but it has, and its place among the others. */
static int check_snapshot(struct verify *v, const struct vexfs_collection *col, unsigned int i)
{
	const struct vexfs_snapshot *n = col->c_snapshot + i;
	__u64 count = le64_to_cpu(n->n_count), dead;
	struct plane p = { };
	size_t len = strnlen(n->n_name, sizeof(n->n_name));
	unsigned int j;
	int err;

	if (len == sizeof(n->n_name) ||
	    strspn(n->n_name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != len)
		problem(v, VEXFS_FOUND_SNAPSHOT, "collection %llu: bad name of a snapshot",
			ull(v->c.ino));
	for (j = 0; j < i; j++)
		if (!strncmp(n->n_name, col->c_snapshot[j].n_name, sizeof(n->n_name)))
			problem(v, VEXFS_FOUND_SNAPSHOT, "collection %llu: two snapshots %.*s",
				ull(v->c.ino), (int)len, n->n_name);
	if (count > le64_to_cpu(col->c_count) || (i && count < le64_to_cpu(n[-1].n_count)))
		problem(v, VEXFS_FOUND_SNAPSHOT, "collection %llu: snapshot %.*s has %llu slots",
			ull(v->c.ino), (int)len, n->n_name, ull(count));
	err = plane_open(v, &p, le64_to_cpu(n->n_dead_ino), "bitmap of a snapshot");
	return err ? err : check_dead(v, &p, count, &dead);
}

static const char *collection_wrong(struct verify *v, const struct vexfs_collection *col,
				    __u64 block)
{
	if (le32_to_cpu(col->c_magic) != VEXFS_COLLECTION_MAGIC)
		return "no collection block";
	if (le32_to_cpu(col->c_crc) != vexfs_csum(v->fs, col, sizeof(*col),
						  offsetof(struct vexfs_collection, c_crc),
						  v->c.ino, v->c.generation, block))
		return "checksum is wrong";
	if (le64_to_cpu(col->c_ino) != v->c.ino ||
	    le32_to_cpu(col->c_generation) != v->c.generation)
		return "block belongs to another directory";
	if (!le32_to_cpu(col->c_dims) || le32_to_cpu(col->c_dims) > VEXFS_MAX_DIMS)
		return "wrong number of dims";
	if (!le32_to_cpu(col->c_row_bytes) || le32_to_cpu(col->c_row_bytes) > 4 * VEXFS_MAX_DIMS)
		return "wrong size of a row";
	if (le64_to_cpu(col->c_count) > VEXFS_MAX_SLOTS ||
	    le64_to_cpu(col->c_live) > le64_to_cpu(col->c_count))
		return "wrong count";
	if (le32_to_cpu(col->c_attrs) > VEXFS_MAX_ATTRS)
		return "too many attributes";
	return NULL;
}

static int check_planes(struct verify *v, const struct vexfs_collection *col)
{
	struct planes *p = calloc(1, sizeof(*p));
	__u64 count = le64_to_cpu(col->c_count), gone = 0;
	unsigned int i;
	int err = 0;

	if (!p)
		return -ENOMEM;
	if (col->c_vectors)
		err = plane_open(v, &p->vec, le64_to_cpu(col->c_vectors), "vectors plane");
	if (!err && col->c_records)
		err = plane_open(v, &p->rec, le64_to_cpu(col->c_records), "records plane");
	if (!err && col->c_keys)
		err = plane_open(v, &p->keys, le64_to_cpu(col->c_keys), "keys plane");
	if (!err && col->c_dead)
		err = plane_open(v, &p->dead, le64_to_cpu(col->c_dead),
				 "bitmap of deleted records");
	if (!err && col->c_words)
		err = plane_open(v, &p->dict, le64_to_cpu(col->c_words), "dictionary");
	if (!err && col->c_heirs)
		err = plane_open(v, &p->heir, le64_to_cpu(col->c_heirs), "table of heirs");
	for (i = 0; !err && i < VEXFS_MAX_SNAPSHOTS && col->c_snapshot[i].n_name[0]; i++)
		err = check_snapshot(v, col, i);
	if (!err && i < VEXFS_MAX_SNAPSHOTS &&
	    memchr_inv(col->c_snapshot + i, 0,
		       (VEXFS_MAX_SNAPSHOTS - i) * sizeof(col->c_snapshot[0])))
		problem(v, VEXFS_FOUND_SNAPSHOT, "collection %llu: a gap between snapshots",
			ull(v->c.ino));
	if (!err && count && (!col->c_vectors || !col->c_records)) {
		problem(v, VEXFS_FOUND_PLANE, "collection %llu: has %llu records and no planes",
			ull(v->c.ino), ull(count));
		err = -ENOENT;
	}
	if (!err && count && (p->vec.c.disk_size < count * le32_to_cpu(col->c_row_bytes) ||
			      p->rec.c.disk_size < count * sizeof(struct vexfs_record)))
		problem(v, VEXFS_FOUND_PLANE_SHORT,
			"collection %llu: planes are shorter than %llu records", ull(v->c.ino),
			ull(count));
	if (!err && col->c_key_bytes &&
	    (!col->c_keys || p->keys.c.disk_size < le64_to_cpu(col->c_key_bytes)))
		problem(v, VEXFS_FOUND_PLANE_SHORT,
			"collection %llu: its keys plane is shorter than %llu bytes", ull(v->c.ino),
			ull(le64_to_cpu(col->c_key_bytes)));
	if (!err)
		err = check_words(v, col, &p->dict, p->words);
	if (!err)
		err = check_heirs(v, &p->heir, &p->heirs);
	v->n->collections++;
	v->gone = 0;
	if (!err)
		err = check_records(v, col, p, count);
	if (v->gone)
		problem(v, VEXFS_FOUND_BINDING_GONE,
			"collection %llu: the files of %llu records are gone", ull(v->c.ino),
			ull(v->gone));
	if (!err && col->c_dead)
		err = check_dead(v, &p->dead, count, &gone);
	if (!err && count - gone != le64_to_cpu(col->c_live))
		problem(v, VEXFS_FOUND_LIVE, "collection %llu: %llu records are live, counts %llu",
			ull(v->c.ino), ull(count - gone), ull(le64_to_cpu(col->c_live)));
	free(p->heirs.e);
	free(p);
	return err == -ENOENT ? 0 : err;
}

int verify_collection(struct verify *v, __u64 ino)
{
	struct found *f = verify_found(v, ino);
	const struct vexfs_collection *col;
	struct vexfs_inode *raw;
	const char *why;
	vx_buf *buf;
	int err;

	if (!(f->flags & VEXFS_INODE_COLLECTION))
		return 0;
	err = vexfs_inode_buf(v->fs, ino, &buf, &raw);
	if (err)
		return err;
	vexfs_inode_load(&v->c, v->fs, ino, raw);
	vx_brelse(buf);
	buf = vx_bread(v->fs, v->c.collection);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	col = vx_data(buf);
	why = collection_wrong(v, col, v->c.collection);
	if (why)
		problem(v, VEXFS_FOUND_COLLECTION, "collection %llu: %s", ull(ino), why);
	else
		err = check_planes(v, col);
	vx_brelse(buf);
	return err ? verify_damaged(v, err, VEXFS_FOUND_COLLECTION, "collection", ino) : 0;
}
