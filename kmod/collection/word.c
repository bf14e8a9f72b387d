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
 * Entries never change, so they are read without a lock; what is in memory says where they are.
 *
 * Locks: vexfs_collection_mem.lock guards what is in memory.  Who adds words holds insert_lock, too
 * (and i_rwsem shared, as insert does): what has no code gets none from others meanwhile.
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

/* The entry at pos, verified; they end at `end`. */
static int read_entry(struct vexfs_collection_mem *c, u64 pos, u64 end, struct entry *e)
{
	struct vexfs_dictionary *d = &c->words;
	u64 left = end - pos;
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

static bool is_word(const struct entry *e, const u8 *byte, u32 len)
{
	return e->head.w_len == len && !memcmp(e->byte, byte, len);
}

/*
 * The least code behind `after` that a word with this hash may have, 0: there is none.  There is a
 * second one only when hashes collide.
 */
static u32 candidate(const struct vexfs_dictionary *d, u32 attr, u64 hash, u32 after)
{
	u64 at = 0, found;
	u32 least = 0;

	while (vexfs_map_next(&d->map, hash, &at, &found))
		if (found >> 32 == attr && (u32)found > after && (!least || (u32)found < least))
			least = found;
	return least;
}

/* Room in memory for n more words. */
static int make_room(struct vexfs_dictionary *d, u32 attr, u32 n)
{
	u64 *at;
	u32 room;

	if (n > VEXFS_MAX_WORDS - d->n[attr])
		return -E2BIG;
	if (d->n[attr] + n > d->room[attr]) {
		room = max(max(64u, 2 * d->room[attr]), d->n[attr] + n);
		at = kvrealloc(d->at[attr], room * sizeof(*at), GFP_KERNEL_ACCOUNT);
		if (!at)
			return -ENOMEM;
		d->at[attr] = at;
		d->room[attr] = room;
	}
	return vexfs_map_reserve(&d->map, n);
}

/* There is room: the entry at pos is the next word. */
static void enter(struct vexfs_dictionary *d, u32 attr, u64 hash, u64 pos)
{
	u32 code = d->n[attr] + 1;

	d->at[attr][code - 1] = pos;
	vexfs_map_put(&d->map, hash, (u64)attr << 32 | code);
	WRITE_ONCE(d->n[attr], code);	/* vexfs_words_lookup() looks without the lock */
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
	struct vexfs_dictionary *d = &c->words;
	struct entry other;
	u32 code = 0;
	u64 hash;
	int err;

	err = read_entry(c, pos, d->end, e);
	if (err)
		return err;
	if (!vexfs_is_keyword(c, e->head.w_attr) || e->head.w_reserved ||
	    memchr(e->byte, 0, e->head.w_len))
		return damaged(c, pos, "is malformed");
	hash = siphash(e->byte, e->head.w_len, &c->hash_seed);
	while ((code = candidate(d, e->head.w_attr, hash, code))) {
		err = read_entry(c, d->at[e->head.w_attr][code - 1], d->end, &other);
		if (err)
			return err;
		if (is_word(&other, e->byte, e->head.w_len))
			return damaged(c, pos, "is there twice");
	}
	err = make_room(d, e->head.w_attr, 1);
	if (err == -E2BIG)
		return damaged(c, pos, "is one too many");
	if (!err)
		enter(d, e->head.w_attr, hash, pos);
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

/* So many words at a time: then others get their turn. */
#define SOME_WORDS	64u
#define NOWHERE		U64_MAX

/* Some of the words of a call, and what was found out about them. */
struct some {
	u32 attr, n;
	const u64 *seen;		/* bit code - 1: this one may be known; NULL: all ... */
	u32 known;			/* ... of so many, if it is not NULL */
	const u8 *byte[SOME_WORDS];
	u8 len[SOME_WORDS];
	u64 hash[SOME_WORDS];
	u32 code[SOME_WORDS];		/* 0: it has none */
	u32 tried[SOME_WORDS];		/* the last one that it might have had; U32_MAX: no other */
	u64 pos[SOME_WORDS];		/* of the entry of that */
	/* those that have no code: */
	u32 nth[SOME_WORDS];		/* of the new ones it is this one, 1 ...; 0: none of them */
	u32 added;			/* so many are new */
	u32 end[SOME_WORDS];		/* in `entries`, of each of these */
	u8 entries[SOME_WORDS * sizeof(struct entry)];
};

static bool is_seen(const u64 *seen, u32 i)
{
	return !seen || seen[i / 64] >> i % 64 & 1;
}

static void choose_some(struct some *s, const struct vexfs_keys *words, u32 from)
{
	u32 i;

	s->n = min(words->n - from, SOME_WORDS);
	for (i = 0; i < s->n; i++) {
		s->byte[i] = words->byte + words->off[from + i];
		s->len[i] = words->len[from + i];
		s->hash[i] = words->hash[from + i];
		s->code[i] = s->tried[i] = 0;
	}
}

/* The next code that a word may have, and that may be known; U32_MAX: there is none. */
static u32 next_code(const struct vexfs_dictionary *d, const struct some *s, u32 i)
{
	u32 code = s->tried[i];

	do
		code = candidate(d, s->attr, s->hash[i], code);
	while (code && s->seen && (code > s->known || !is_seen(s->seen, code - 1)));
	return code ?: U32_MAX;
}

/*
 * Where to look next for those that have no code yet; *end: of all entries.  How many are to be
 * looked at, or -EINTR, or why there are no more operations.
 */
static int next_entries(struct vexfs_collection_mem *c, struct some *s, u64 *end)
{
	u32 i;
	int n = 0;

	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	*end = c->words.end;
	for (i = 0; i < s->n; i++) {
		s->pos[i] = NOWHERE;
		if (s->code[i] || s->tried[i] == U32_MAX)
			continue;
		s->tried[i] = next_code(&c->words, s, i);
		if (s->tried[i] != U32_MAX) {
			s->pos[i] = c->words.at[s->attr][s->tried[i] - 1];
			n++;
		}
	}
	n = c->gone ?: n;
	mutex_unlock(&c->lock);
	return n;
}

/* The codes of those that have one.  -EINTR, -EUCLEAN, -EIO, -ENOMEM. */
static int find_some(struct vexfs_collection_mem *c, struct some *s)
{
	struct entry e;
	u64 end;
	u32 i;
	int n, err;

	while ((n = next_entries(c, s, &end)) > 0)
		for (i = 0; i < s->n; i++) {
			if (s->pos[i] == NOWHERE)
				continue;
			err = vx_killed() ? -EINTR : read_entry(c, s->pos[i], end, &e);
			if (err)
				return err;
			if (is_word(&e, s->byte[i], s->len[i]))
				s->code[i] = s->tried[i];
			cond_resched();
		}
	return n;
}

/* Of a new word an earlier one that is the same; i: there is none. */
static u32 same_as(const struct some *s, u32 i)
{
	u32 j;

	for (j = 0; j < i; j++)
		if (!s->code[j] && s->hash[j] == s->hash[i] && s->len[j] == s->len[i] &&
		    !memcmp(s->byte[j], s->byte[i], s->len[i]))
			break;
	return j;
}

/*
 * Entries for those that have no code, as they will be behind the last one, at most `most`.
 * insert_lock held.
 */
static void make_entries(struct vexfs_collection_mem *c, struct some *s, u32 most)
{
	u32 i, first, at = 0;
	struct entry e = {};

	s->added = 0;
	e.head.w_attr = s->attr;
	for (i = 0; i < s->n; i++) {
		s->nth[i] = 0;
		if (s->code[i])
			continue;
		first = same_as(s, i);
		if (first < i) {
			s->nth[i] = s->nth[first];
			continue;
		}
		if (s->added == most)
			continue;
		e.head.w_len = s->len[i];
		memcpy(e.byte, s->byte[i], s->len[i]);
		e.head.w_crc = cpu_to_le32(entry_crc(c, c->words.end + at, &e));
		memcpy(s->entries + at, &e, sizeof(e.head) + s->len[i]);
		at += sizeof(e.head) + s->len[i];
		s->end[s->added++] = at;
		s->nth[i] = s->added;
	}
}

/* They are on the plane: they get codes.  Both locks held. */
static int enter_some(struct vexfs_collection_mem *c, struct some *s)
{
	struct vexfs_dictionary *d = &c->words;
	u32 i, known = d->n[s->attr];
	u64 begin = d->end;
	int err = c->gone ?: make_room(d, s->attr, s->added);

	if (err)
		return err;
	for (i = 0; i < s->n; i++) {
		if (s->code[i] || !s->nth[i])
			continue;
		s->code[i] = known + s->nth[i];
		if (s->code[i] <= d->n[s->attr])	/* it is there twice */
			continue;
		enter(d, s->attr, s->hash[i], d->end);
		d->end = begin + s->end[s->nth[i] - 1];
	}
	vexfs_commit_pin(c);
	return 0;
}

/* Codes for those that have none.  insert_lock held. */
static int add_some(struct vexfs_collection_mem *c, struct some *s)
{
	struct vexfs_dictionary *d = &c->words;
	u32 i, bytes;
	int err;

	make_entries(c, s, VEXFS_MAX_WORDS - d->n[s->attr]);
	if (s->added) {
		bytes = s->end[s->added - 1];
		err = vexfs_plane_reserve(d->plane, d->end, d->end + bytes) ?:
		      vexfs_plane_write(d->plane, d->end, s->entries, bytes) ?:
		      mutex_lock_killable(&c->lock);
		if (err)
			return err;
		err = enter_some(c, s);
		mutex_unlock(&c->lock);
		if (err)
			return err;
	}
	for (i = 0; i < s->n; i++)
		if (!s->code[i])
			return -E2BIG;
	return 0;
}

static int intern_some(struct vexfs_collection_mem *c, struct some *s)
{
	int err = mutex_lock_killable(&c->insert_lock);

	if (err)
		return err;
	err = vexfs_words_errors(c) ?: find_some(c, s) ?: add_some(c, s);
	mutex_unlock(&c->insert_lock);
	return err;
}

/* Some after the other; each: find_some(), or, with i_rwsem held, intern_some(). */
static int all_words(struct vexfs_collection_mem *c, struct some *s, const struct vexfs_keys *words,
		     int (*each)(struct vexfs_collection_mem *c, struct some *s), __s64 *codes)
{
	u32 from, i;
	int err = 0;

	for (from = 0; !err && from < words->n; from += s->n) {
		choose_some(s, words, from);
		err = each(c, s);
		for (i = 0; i < s->n && !err; i++)
			codes[from + i] = s->code[i];
	}
	return err;
}

static struct some *new_some(u32 attr)
{
	struct some *s = kvmalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (s) {
		s->attr = attr;
		s->seen = NULL;
	}
	return s;
}

int vexfs_words_intern(struct vexfs_collection_mem *c, u32 attr, const struct vexfs_keys *words,
		       __s64 *codes)
{
	struct some *s = new_some(attr);
	int err = -EINTR;

	if (!s)
		return -ENOMEM;
	vexfs_plane_throttle(c->words.plane);
	if (down_read_killable(&c->dir->i_rwsem))
		goto out;
	do
		err = all_words(c, s, words, intern_some, codes);
	while (err == -ENOSPC && vexfs_checkpoints_drop(c->dir->i_sb));
	inode_unlock_shared(c->dir);
out:
	kvfree(s);
	return err;
}

int vexfs_words_lookup(struct vexfs_collection_mem *c, const struct file *file, u32 attr,
		       const struct vexfs_keys *words, __s64 *codes)
{
	struct some *s = new_some(attr);
	u64 *seen;
	int err;

	if (!s)
		return -ENOMEM;
	s->known = READ_ONCE(c->words.n[attr]);
	/* of all words, whichever are asked for: it takes the same time for each */
	err = vexfs_words_seen(c, file, attr, 1, s->known, &seen);
	s->seen = seen;
	err = err ?: all_words(c, s, words, find_some, codes);
	kvfree(seen);
	kvfree(s);
	return err;
}

/*
 * Where the entries of the codes `first` on are, up to n of them, SOME_WORDS at most: how many.
 * *end: of all entries, *total: words.
 */
static int entries_of(struct vexfs_collection_mem *c, u32 attr, s64 first, u32 n, u64 *pos,
		      u64 *end, __u64 *total)
{
	struct vexfs_dictionary *d = &c->words;

	if (mutex_lock_killable(&c->lock))
		return -EINTR;
	*total = d->n[attr];
	*end = d->end;
	n = first > d->n[attr] ? 0 : min_t(u64, min(n, SOME_WORDS), d->n[attr] - first + 1);
	if (n)
		memcpy(pos, d->at[attr] + first - 1, n * sizeof(*pos));
	mutex_unlock(&c->lock);
	return n;
}

int vexfs_words_read(struct vexfs_collection_mem *c, u32 attr, s64 first, u32 n, const u64 *seen,
		     u32 at, u8 *byte, u32 *bytes, u8 *len, __u64 *total)
{
	u64 pos[SOME_WORDS], end;
	u32 room = *bytes, done = 0;
	struct entry e;
	int i, some, err;

	*bytes = 0;
	do {
		some = entries_of(c, attr, first + done, n - done, pos, &end, total);
		if (some < 0)
			return some;
		for (i = 0; i < some; i++) {
			if (!is_seen(seen, at + done)) {
				len[done++] = 0;
				continue;
			}
			err = read_entry(c, pos[i], end, &e);
			if (err)
				return err;
			if (e.head.w_len > room - *bytes)
				return done;
			memcpy(byte + *bytes, e.byte, e.head.w_len);
			*bytes += e.head.w_len;
			len[done++] = e.head.w_len;
		}
		cond_resched();
	} while (some && done < n);
	return done;
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
		*seen = kvcalloc(n / 64 + 1, sizeof(**seen), GFP_KERNEL_ACCOUNT);
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
