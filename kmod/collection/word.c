// SPDX-License-Identifier: GPL-2.0
/*
 * Words: the dictionaries of keyword attributes.  The words plane, which only grows, has an entry
 * for each word of any attribute; memory has, by code, where the entries are, and a map from hashes
 * of words to codes.  The bytes are read from the plane when they are needed.
 *
 * A new word is committed by the next commit (commit.c), so no later than a record with its code;
 * until then it pins the directory, so that no code is given to two words.
 *
 * Words are attributes of records: who may not see the records of some files knows only those of
 * others (vexfs_words_seen).
 *
 * Locks: vexfs_collection_mem.lock guards all of it; folio locks and transactions are taken inside
 * it.  Interning holds i_rwsem shared, as insert does.
 */
#include "collection/collection.h"

#define AHEAD	256			/* pages that loading reads ahead */

/* An entry of the plane. */
struct entry {
	struct vexfs_word head;
	u8 byte[VEXFS_MAX_KEY];
};

static u32 entry_crc(struct vexfs_collection_mem *c, u64 pos, const struct entry *e)
{
	__le64 at = cpu_to_le64(pos);
	u32 crc = crc32c(c->crc_seed, &at, sizeof(at));

	return crc32c(crc, (const u8 *)e + sizeof(e->head.w_crc),
		      sizeof(e->head) - sizeof(e->head.w_crc) + e->head.w_len);
}

static int damaged(struct vexfs_collection_mem *c, u64 pos, const char *why)
{
	vexfs_complain(c->dir, "the word at byte %llu %s", pos, why);
	return -EUCLEAN;
}

/* The entry at pos, verified. */
static int read_entry(struct vexfs_collection_mem *c, u64 pos, struct entry *e)
{
	struct vexfs_dictionary *d = &c->words;
	u64 left = d->end - pos;
	int err;

	if (left < sizeof(e->head))
		return damaged(c, pos, "is cut off");
	err = vexfs_plane_read(d->plane, pos, &e->head, sizeof(e->head));
	if (err)
		return err;
	if (!e->head.w_len || e->head.w_len > left - sizeof(e->head))
		return damaged(c, pos, "has a bad length");
	err = vexfs_plane_read(d->plane, pos + sizeof(e->head), e->byte, e->head.w_len);
	if (err)
		return err;
	if (le32_to_cpu(e->head.w_crc) != entry_crc(c, pos, e))
		return damaged(c, pos, "has a bad checksum");
	return 0;
}

/* The code of a word, 0: it has none.  -EUCLEAN, -EIO. */
static s64 find_word(struct vexfs_collection_mem *c, u32 attr, const u8 *byte, u32 len, u64 hash)
{
	struct vexfs_dictionary *d = &c->words;
	u64 at = 0, found;
	struct entry e;
	int err;

	while (vexfs_map_next(&d->map, hash, &at, &found)) {
		if (found >> 32 != attr)
			continue;
		err = read_entry(c, d->at[attr][(u32)found - 1], &e);
		if (err)
			return err;
		if (e.head.w_len == len && !memcmp(e.byte, byte, len))
			return (u32)found;
	}
	return 0;
}

/* Room in memory for another word. */
static int make_room(struct vexfs_dictionary *d, u32 attr)
{
	u64 *at;
	u32 room;

	if (d->n[attr] == VEXFS_MAX_WORDS)
		return -E2BIG;
	if (d->n[attr] == d->room[attr]) {
		room = max(64u, 2 * d->room[attr]);
		at = kvrealloc(d->at[attr], room * sizeof(*at), GFP_KERNEL_ACCOUNT);
		if (!at)
			return -ENOMEM;
		d->at[attr] = at;
		d->room[attr] = room;
	}
	return vexfs_map_reserve(&d->map, 1);
}

/* There is room: the entry at pos is the next word.  Its code. */
static u32 enter(struct vexfs_dictionary *d, u32 attr, u64 hash, u64 pos)
{
	u32 code = d->n[attr] + 1;

	d->at[attr][code - 1] = pos;
	vexfs_map_put(&d->map, hash, (u64)attr << 32 | code);
	d->n[attr] = code;
	return code;
}

/* --- loading --- */

int vexfs_words_open(struct vexfs_collection_mem *c, const struct vexfs_collection *raw)
{
	struct inode *plane;

	if (!raw->c_words)
		return 0;
	if (raw->c_words == raw->c_vectors || raw->c_words == raw->c_records ||
	    raw->c_words == raw->c_keys || raw->c_words == raw->c_dead) {
		vexfs_error(c->dir->i_sb, "collection %lu: two planes in inode %llu", c->dir->i_ino,
			    le64_to_cpu(raw->c_words));
		return -EUCLEAN;
	}
	plane = vexfs_plane_open(c->dir, le64_to_cpu(raw->c_words), 0, "words");
	if (IS_ERR(plane))
		return PTR_ERR(plane);
	c->words.plane = plane;
	return 0;
}

static int load_entry(struct vexfs_collection_mem *c, u64 pos, struct entry *e)
{
	u64 hash;
	s64 code;
	int err;

	err = read_entry(c, pos, e);
	if (err)
		return err;
	if (!vexfs_is_keyword(c, e->head.w_attr) || e->head.w_reserved ||
	    memchr(e->byte, 0, e->head.w_len))
		return damaged(c, pos, "is malformed");
	hash = siphash(e->byte, e->head.w_len, &c->hash_seed);
	code = find_word(c, e->head.w_attr, e->byte, e->head.w_len, hash);
	if (code)
		return code < 0 ? code : damaged(c, pos, "is there twice");
	err = make_room(&c->words, e->head.w_attr);
	if (err == -E2BIG)
		return damaged(c, pos, "is one too many");
	if (!err)
		enter(&c->words, e->head.w_attr, hash, pos);
	return err;
}

int vexfs_words_load(struct vexfs_collection_mem *c, const struct vexfs_collection *raw)
{
	struct vexfs_dictionary *d = &c->words;
	bool wanted = false;
	u64 pos, ahead = 0;
	struct entry e;
	u32 i;
	int err;

	for (i = 0; i < c->attrs; i++)
		wanted |= vexfs_is_keyword(c, i);
	if (wanted != !!raw->c_words || (!wanted && raw->c_word_bytes))
		return damaged(c, 0, "has no plane, or a plane has no keyword attribute");
	if (!wanted)
		return 0;
	err = vexfs_words_open(c, raw);
	if (err)
		return err;
	d->end = d->committed = le64_to_cpu(raw->c_word_bytes);
	err = vexfs_plane_size(d->plane, d->end, "words");
	d->since = vexfs_plane_mark(d->plane);
	for (pos = 0; pos < d->end && !err; pos += sizeof(e.head) + e.head.w_len) {
		if (pos >= ahead) {
			vexfs_plane_ahead(d->plane, pos >> PAGE_SHIFT,
					  min_t(u64, AHEAD, ((d->end - 1) >> PAGE_SHIFT) -
							    (pos >> PAGE_SHIFT) + 1));
			ahead = pos + AHEAD * PAGE_SIZE;
		}
		err = vx_killed() ? -EINTR : load_entry(c, pos, &e);
		cond_resched();
	}
	return err;
}

void vexfs_words_free(struct vexfs_collection_mem *c)
{
	struct vexfs_dictionary *d = &c->words;
	u32 i;

	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		kvfree(d->at[i]);
	vexfs_map_free(&d->map);
	iput(d->plane);
	memset(d, 0, sizeof(*d));
}

/* --- what the rest of the module asks --- */

u64 vexfs_words_bytes(const struct vexfs_collection_mem *c)
{
	u64 bytes = vexfs_map_bytes(&c->words.map);
	u32 i;

	for (i = 0; i < c->attrs; i++)
		bytes += (u64)c->words.room[i] * sizeof(u64);
	return bytes;
}

int vexfs_words_errors(const struct vexfs_collection_mem *c)
{
	const struct vexfs_dictionary *d = &c->words;

	return d->plane ? vexfs_plane_errors(d->plane, d->since) : 0;
}

bool vexfs_words_known(const struct vexfs_collection_mem *c, const __s64 *attr)
{
	u32 i;

	for (i = 0; i < c->attrs; i++)
		if (vexfs_is_keyword(c, i) && (attr[i] < 0 || attr[i] > c->words.n[i]))
			return false;
	return true;
}

/* --- interning and reading --- */

/* A word's code, a new one where it has none. */
static s64 intern_word(struct vexfs_collection_mem *c, u32 attr, const u8 *byte, u32 len, u64 hash,
		       bool lookup)
{
	s64 code = find_word(c, attr, byte, len, hash);
	struct vexfs_dictionary *d = &c->words;
	u64 pos = d->end, end;
	struct entry e = {};
	int err;

	if (code || lookup)
		return code;
	e.head.w_attr = attr;
	e.head.w_len = len;
	memcpy(e.byte, byte, len);
	e.head.w_crc = cpu_to_le32(entry_crc(c, pos, &e));
	end = pos + sizeof(e.head) + len;
	err = make_room(d, attr) ?: vexfs_plane_reserve(d->plane, pos, end) ?:
	      vexfs_plane_write(d->plane, pos, &e, end - pos);
	if (err)
		return err;
	d->end = end;
	vexfs_commit_pin(c);
	return enter(d, attr, hash, pos);
}

/* Words are compared on disk: others get their turn after so many of them. */
#define LOCK_WORDS	64

/* Those from `from` on, LOCK_WORDS of them. */
static int intern_some(struct vexfs_collection_mem *c, u32 attr, const struct vexfs_keys *words,
		       u32 from, bool lookup, __s64 *codes)
{
	u32 i, end = min(words->n, from + LOCK_WORDS);
	s64 code;
	int err;

	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	err = c->gone ?: lookup ? 0 : vexfs_words_errors(c);
	for (i = from; i < end && !err; i++) {
		code = intern_word(c, attr, words->byte + words->off[i], words->len[i],
				   words->hash[i], lookup);
		codes[i] = code;
		err = code < 0 ? code : vx_killed() ? -EINTR : 0;
		cond_resched();
	}
	mutex_unlock(&c->lock);
	return err;
}

int vexfs_words_intern(struct vexfs_collection_mem *c, u32 attr, const struct vexfs_keys *words,
		       bool lookup, __s64 *codes)
{
	int err = 0;
	u32 i;

	if (!lookup) {
		vexfs_plane_throttle(c->words.plane);
		if (down_read_killable(&c->dir->i_rwsem))
			return -EINTR;
	}
	for (i = 0; i < words->n && !err; i += LOCK_WORDS)
		err = intern_some(c, attr, words, i, lookup, codes);
	if (!lookup)
		inode_unlock_shared(c->dir);
	return err;
}

int vexfs_words_read(struct vexfs_collection_mem *c, u32 attr, s64 first, u32 n, u8 *byte,
		     u32 *bytes, u8 *len, __u64 *total)
{
	struct vexfs_dictionary *d = &c->words;
	u32 i, room = *bytes;
	struct entry e;
	int err = 0;

	*bytes = 0;
	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	*total = d->n[attr];
	n = first > d->n[attr] ? 0 : min_t(u64, n, d->n[attr] - first + 1);
	for (i = 0; i < n; i++) {
		if (i && i % LOCK_WORDS == 0) {
			mutex_unlock(&c->lock);
			cond_resched();
			if (mutex_lock_killable(&c->lock))
				return -EINTR;
		}
		err = read_entry(c, d->at[attr][first - 1 + i], &e);
		if (err || e.head.w_len > room - *bytes)
			break;
		memcpy(byte + *bytes, e.byte, e.head.w_len);
		*bytes += e.head.w_len;
		len[i] = e.head.w_len;
	}
	mutex_unlock(&c->lock);
	return err ?: (int)i;
}

/* --- who may know them --- */

#define PAUSE_SLOTS	4096u		/* looked at before others get their turn */

/* Set the bit of each code that a record has which the reader sees. */
static int mark_seen(struct vexfs_reader *r, const struct vexfs_body *b, u32 attr, s64 first,
		     u32 n, u64 *seen)
{
	u64 slot, count = vexfs_columns_count(b->columns);
	u32 left = n;
	s64 code;

	for (slot = 0; slot < count && left; slot++) {
		if (slot % PAUSE_SLOTS == 0) {
			if (vx_killed())
				return -EINTR;
			cond_resched();
		}
		code = vexfs_columns_attr(b->columns, slot, attr) - first;
		if (code < 0 || code >= n || seen[code / 64] >> code % 64 & 1 ||
		    !vexfs_reader_sees(r, b, slot))
			continue;
		seen[code / 64] |= 1ULL << code % 64;
		left--;
	}
	return 0;
}

int vexfs_words_seen(struct vexfs_collection_mem *c, const struct file *file, u32 attr, s64 first,
		     u32 n, u64 **seen)
{
	struct vexfs_body *b = vexfs_body_get(c);
	struct vexfs_reader r;
	int err = 0;

	*seen = NULL;
	vexfs_reader_init(&r, file, b);
	if (vexfs_reader_hides(&r, b)) {
		*seen = kvcalloc(DIV_ROUND_UP(n, 64), sizeof(**seen), GFP_KERNEL_ACCOUNT);
		err = *seen ? mark_seen(&r, b, attr, first, n, *seen) : -ENOMEM;
	}
	vexfs_reader_drop(&r);
	vexfs_body_put(b);
	if (err) {
		kvfree(*seen);
		*seen = NULL;
	}
	return err;
}
