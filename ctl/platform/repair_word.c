// SPDX-License-Identifier: GPL-2.0
/*
 * The repair of dictionaries and of tables of heirs.
 *
 * An entry of a dictionary that does not verify is found again if only its head is damaged.  If
 * only its bytes are, it becomes an entry of the same length, whose word is question marks: the
 * codes of those behind it stay.  Else the dictionary ends there.
 */
#include "host.h"
#include "repair-priv.h"

#define HEAD sizeof(struct vexfs_word)

/* An entry of the plane. */
struct word {
	struct vexfs_word head;
	__u8 byte[255];
};

static __u32 crc_of(const struct rep_collection *c, __u64 pos, const struct word *w)
{
	__le64 at = cpu_to_le64(pos);
	__u32 crc = crc32c(crc32c(~0u, c->raw.c_uuid, sizeof(c->raw.c_uuid)), &at, sizeof(at));

	return crc32c(crc, (const __u8 *)w + sizeof(w->head.w_crc),
		      HEAD - sizeof(w->head.w_crc) + w->head.w_len);
}

/* w: bytes of the plane from pos on, of which `left` are entries. */
static bool is_word(const struct rep_collection *c, __u64 pos, const struct word *w, __u64 left)
{
	return left > HEAD && w->head.w_len && HEAD + w->head.w_len <= left &&
	       le32_to_cpu(w->head.w_crc) == crc_of(c, pos, w) && rep_keyword(c, w->head.w_attr) &&
	       !w->head.w_reserved && !memchr(w->byte, 0, w->head.w_len);
}

static int get(struct rep_collection *c, struct vexfs_inode_core *plane, __u64 pos, __u64 end,
	       struct word *w)
{
	memset(w, 0, sizeof(*w));
	return rep_read(c->r, plane, pos, w, min_t(__u64, sizeof(*w), end - pos));
}

/* The damaged entry at pos has `bytes`: make one of it.  False: nobody knows how. */
static bool mend(struct rep_collection *c, __u64 pos, struct word *w, __u32 bytes)
{
	const struct vexfs_word was = w->head;
	__u32 i;

	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		w->head = (struct vexfs_word){ .w_crc = was.w_crc,
					       .w_attr = i,
					       .w_len = bytes - HEAD };
		if (is_word(c, pos, w, bytes))
			return true;
	}
	w->head = was;
	if (was.w_len != bytes - HEAD || was.w_reserved || !rep_keyword(c, was.w_attr))
		return false;
	memset(w->byte, '?', was.w_len);
	i = snprintf(NULL, 0, "%llu", ull(pos));
	if (i < was.w_len) {
		char number[24];

		snprintf(number, sizeof(number), "%llu", ull(pos));
		memcpy(w->byte + was.w_len - i, number, i);
	}
	w->head.w_crc = cpu_to_le32(crc_of(c, pos, w));
	did(c->r, "collection %llu: the word at byte %llu is lost, and is '%.*s' now",
	    ull(c->dir.ino), ull(pos), was.w_len, (const char *)w->byte);
	return true;
}

/* Where the next entry after a damaged one begins, or all end; 0: nowhere near. */
static int find_next(struct rep_collection *c, struct vexfs_inode_core *plane, __u64 pos, __u64 end,
		     __u64 *next)
{
	__u64 at, last = min(pos + sizeof(struct word), end);
	struct word w;
	int err = 0;

	*next = 0;
	for (at = pos + HEAD + 1; at <= last && !err && !*next; at++) {
		if (at < end)
			err = get(c, plane, at, end, &w);
		if (!err && (at == end || is_word(c, at, &w, end - at)))
			*next = at;
	}
	return err;
}

/* Hashes of words, to find those that are there twice. */
struct seen {
	__u64 hash, pos;
};

static int by_hash(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

static void end_at(struct rep_collection *c, __u64 pos)
{
	did(c->r,
	    "collection %llu: its dictionary ends at byte %llu, not %llu: what is behind that is lost",
	    ull(c->dir.ino), ull(pos), ull(le64_to_cpu(c->raw.c_word_bytes)));
	c->raw.c_word_bytes = cpu_to_le64(pos);
}

/* What is between entries, or they end. */
static int mend_at(struct rep_collection *c, struct vexfs_inode_core *plane, __u64 pos, __u64 end,
		   struct word *w)
{
	__u64 next;
	int err = find_next(c, plane, pos, end, &next);

	if (err)
		return err;
	if (!next || !mend(c, pos, w, next - pos)) {
		end_at(c, pos);
		return 0;
	}
	return rep_write(c->r, plane, pos, w, next - pos);
}

static __u64 hash_of(const struct word *w)
{
	static const siphash_key_t key = { { 0x6465736f6c63, 0x66736b } };
	__u8 all[256];

	all[0] = w->head.w_attr;
	memcpy(all + 1, w->byte, w->head.w_len);
	return siphash(all, 1 + w->head.w_len, &key);
}

/* Where the first word begins that was there before; the end: all are others. */
static __u64 first_twin(struct seen *s, size_t n, __u64 end)
{
	size_t i;

	if (n)
		qsort(s, n, sizeof(*s), by_hash);
	for (i = 1; i < n; i++)
		if (s[i].hash == s[i - 1].hash)
			end = min(end, s[i].pos);
	return end;
}

int rep_words(struct rep_collection *c, struct vexfs_inode_core *plane)
{
	struct seen *s = NULL, *p;
	size_t n = 0, room = 0, i;
	struct word w;
	__u64 pos, twin;
	int err = 0;

	for (pos = 0; pos < le64_to_cpu(c->raw.c_word_bytes) && !err; pos += HEAD + w.head.w_len) {
		__u64 end = le64_to_cpu(c->raw.c_word_bytes);

		err = get(c, plane, pos, end, &w);
		if (!err && !is_word(c, pos, &w, end - pos)) {
			err = mend_at(c, plane, pos, end, &w);
			end = le64_to_cpu(c->raw.c_word_bytes);
		}
		if (err || pos >= end)
			break;
		if (n == room) {
			room = room * 2 + 256;
			p = realloc(s, room * sizeof(*s));
			if (!p) {
				err = -ENOMEM;
				break;
			}
			s = p;
		}
		s[n++] = (struct seen){ hash_of(&w), pos };
	}
	twin = first_twin(s, n, le64_to_cpu(c->raw.c_word_bytes));
	if (!err && twin < le64_to_cpu(c->raw.c_word_bytes))
		end_at(c, twin);
	free(s);
	for (pos = i = 0; pos < le64_to_cpu(c->raw.c_word_bytes) && !err;
	     pos += HEAD + w.head.w_len) {
		err = get(c, plane, pos, le64_to_cpu(c->raw.c_word_bytes), &w);
		if (c->words[w.head.w_attr]++ == VEXFS_MAX_WORDS) {
			c->words[w.head.w_attr]--;
			end_at(c, pos);
		}
	}
	return err ? err : rep_store(c->r, plane, NULL, NULL);
}

/* --- heirs --- */

static int compare(__u64 a_ino, __u32 a_generation, const struct vexfs_heir *e)
{
	__u64 ino = le64_to_cpu(e->h_ino);
	__u32 generation = le32_to_cpu(e->h_generation);

	if (a_ino != ino)
		return a_ino < ino ? -1 : 1;
	return a_generation < generation ? -1 : a_generation > generation;
}

static int by_file(const void *a, const void *b)
{
	const struct vexfs_heir *x = a;

	return compare(le64_to_cpu(x->h_ino), le32_to_cpu(x->h_generation), b);
}

static const struct vexfs_heir *heir_of(const struct rep_collection *c, __u64 ino, __u32 generation)
{
	__u32 from = 0, to = c->heirs;

	while (from < to) {
		__u32 mid = from + (to - from) / 2;
		int d = compare(ino, generation, &c->heir[mid]);

		if (!d)
			return &c->heir[mid];
		if (d < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

void rep_heir(const struct rep_collection *c, __u64 *ino, __u32 *generation)
{
	const struct vexfs_heir *e;

	while ((e = heir_of(c, *ino, *generation))) {
		*ino = le64_to_cpu(e->h_heir);
		*generation = le32_to_cpu(e->h_heir_generation);
	}
}

/* Can it be an heir at all? */
static bool may_be(const struct rep_collection *c, const struct vexfs_heir *e)
{
	const struct rep_inode *f = rep_used(c->r, le64_to_cpu(e->h_ino));

	if (!vexfs_ino_valid(&c->r->fs, le64_to_cpu(e->h_ino)) ||
	    !vexfs_ino_valid(&c->r->fs, le64_to_cpu(e->h_heir)))
		return false;
	return !f || f->generation != le32_to_cpu(e->h_generation); /* it has been replaced */
}

static int read_heirs(struct rep_collection *c, struct vexfs_inode_core *plane, bool *wrong)
{
	__u32 blocks = plane->disk_size >> VEXFS_BLOCK_SHIFT, lblk, i, n;
	struct vexfs_heir_block b;
	struct vexfs_heir *p;
	int err;

	if (blocks > plane->blocks) {
		blocks = plane->blocks;
		*wrong = true;
	}
	p = malloc(((size_t)blocks * VEXFS_HEIRS_PER_BLOCK + 1) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	c->heir = p;
	for (lblk = 0; lblk < blocks; lblk++) {
		err = rep_get_block(c->r, plane, lblk, VEXFS_HEIR_MAGIC, &b);
		if (err < 0)
			return err;
		n = err ? le32_to_cpu(b.h_entries) : 0;
		*wrong |= !err || n > VEXFS_HEIRS_PER_BLOCK ||
			  (n < VEXFS_HEIRS_PER_BLOCK && lblk + 1 < blocks);
		for (i = 0; i < min_t(__u32, n, VEXFS_HEIRS_PER_BLOCK); i++)
			if (may_be(c, &b.h_entry[i]))
				c->heir[c->heirs++] = b.h_entry[i];
			else
				*wrong = true;
	}
	return 0;
}

/* No file has two heirs, and none is its own. */
static void untangle(struct rep_collection *c, bool *wrong)
{
	__u32 i, n, steps, generation;
	__u64 ino;

	for (i = n = 0; i < c->heirs; i++)
		if (!n || by_file(&c->heir[n - 1], &c->heir[i]))
			c->heir[n++] = c->heir[i];
		else
			*wrong = true;
	c->heirs = n;
	for (i = 0; i < c->heirs;) {
		const struct vexfs_heir *e = &c->heir[i];

		ino = le64_to_cpu(e->h_heir);
		generation = le32_to_cpu(e->h_heir_generation);
		for (steps = 0; e && steps <= c->heirs; steps++) {
			e = heir_of(c, ino, generation);
			if (e) {
				ino = le64_to_cpu(e->h_heir);
				generation = le32_to_cpu(e->h_heir_generation);
			}
		}
		if (!e) {
			i++;
			continue;
		}
		memmove(&c->heir[i], &c->heir[i + 1], (c->heirs - i - 1) * sizeof(*c->heir));
		c->heirs--;
		*wrong = true;
	}
}

static int write_heirs(struct rep_collection *c, struct vexfs_inode_core *plane)
{
	__u32 blocks = DIV_ROUND_UP(c->heirs, VEXFS_HEIRS_PER_BLOCK), lblk, n;
	struct vexfs_heir_block b;
	int err = 0;

	did(c->r, "collection %llu: its table of heirs was made anew, with %u entries",
	    ull(c->dir.ino), c->heirs);
	plane->disk_size = 0;
	for (lblk = 0; lblk < blocks && !err; lblk++) {
		n = min_t(__u32, c->heirs - lblk * VEXFS_HEIRS_PER_BLOCK, VEXFS_HEIRS_PER_BLOCK);
		memset(&b, 0, sizeof(b));
		b.h_magic = cpu_to_le32(VEXFS_HEIR_MAGIC);
		b.h_entries = cpu_to_le32(n);
		memcpy(b.h_entry, c->heir + lblk * VEXFS_HEIRS_PER_BLOCK, n * sizeof(*b.h_entry));
		err = rep_put_block(c->r, plane, lblk, &b);
	}
	return err ? err : rep_cut(c->r, plane, blocks);
}

int rep_heirs(struct rep_collection *c, struct vexfs_inode_core *plane)
{
	bool wrong = false;
	int err = read_heirs(c, plane, &wrong);

	if (err)
		return err;
	qsort(c->heir, c->heirs, sizeof(*c->heir), by_file);
	untangle(c, &wrong);
	return wrong ? write_heirs(c, plane) : 0;
}
