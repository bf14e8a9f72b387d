// SPDX-License-Identifier: GPL-2.0
/* vexctl debug: collection, record. */
#include <stdlib.h>
#include <string.h>
#include "vexctl/debug.h"

/* A collection whose block could be read, and its planes. */
struct coll {
	struct debug *d;
	__u64 ino;
	struct vexfs_inode dir;
	__u64 block;
	struct vexfs_collection raw;
	__u32 seed; /* of the checksums of what is in planes */
};

static bool is_hole(const __u8 *p, size_t n)
{
	return !memchr_inv(p, 0, n);
}

/* --- finding one --- */

static int open_collection_block(struct debug *d, const char *s, struct coll *c)
{
	int ret = debug_find(d, s, &c->ino, &c->dir);

	if (ret)
		return ret;
	c->d = d;
	c->block = le64_to_cpu(c->dir.i_collection);
	if (!(le32_to_cpu(c->dir.i_flags) & VEXFS_INODE_COLLECTION)) {
		if (!S_ISDIR(le16_to_cpu(c->dir.i_mode)) || !c->dir.i_collection)
			return fail(s, "inode %llu is no collection", c->ino);
		return fail(s, "inode %llu is in the collection %llu, and none itself", c->ino,
			    c->block);
	}
	if (!vexfs_data_run(&d->fs, c->block, 1))
		debug_wrong(d, "inode %llu: its collection block, %llu, is outside the data",
			    c->ino, c->block);
	if (!debug_read(d, c->block, &c->raw))
		return fail(s, "the block of the collection, %llu, cannot be read", c->block);
	c->seed = crc32c(~0u, c->raw.c_uuid, sizeof(c->raw.c_uuid));
	return VEXCTL_OK;
}

static void check_block(struct coll *c)
{
	const struct vexfs_collection *raw = &c->raw;
	struct debug *d = c->d;

	if (le32_to_cpu(raw->c_magic) != VEXFS_COLLECTION_MAGIC)
		debug_wrong(d, "collection: its block is none, its magic is 0x%08x",
			    le32_to_cpu(raw->c_magic));
	debug_sum(d, "collection", le32_to_cpu(raw->c_crc),
		  vexfs_csum(&d->fs, raw, sizeof(*raw), offsetof(struct vexfs_collection, c_crc),
			     c->ino, le32_to_cpu(c->dir.i_generation), c->block));
	if (le64_to_cpu(raw->c_ino) != c->ino ||
	    le32_to_cpu(raw->c_generation) != le32_to_cpu(c->dir.i_generation))
		debug_wrong(d, "collection: says it is that of inode %llu, generation %u",
			    le64_to_cpu(raw->c_ino), le32_to_cpu(raw->c_generation));
	if (!raw->c_dims || le32_to_cpu(raw->c_dims) > VEXFS_MAX_DIMS ||
	    (le16_to_cpu(raw->c_element) == VEXFS_ELEM_F32 &&
	     le32_to_cpu(raw->c_row_bytes) != le32_to_cpu(raw->c_dims) * sizeof(float)))
		debug_wrong(d, "collection: rows of %u dimensions and %u bytes",
			    le32_to_cpu(raw->c_dims), le32_to_cpu(raw->c_row_bytes));
	if (le64_to_cpu(raw->c_count) > VEXFS_MAX_SLOTS ||
	    le64_to_cpu(raw->c_live) > le64_to_cpu(raw->c_count))
		debug_wrong(d, "collection: %llu slots, of which %llu live",
			    le64_to_cpu(raw->c_count), le64_to_cpu(raw->c_live));
	if (le32_to_cpu(raw->c_attrs) > VEXFS_MAX_ATTRS)
		debug_wrong(d, "collection: %u attributes", le32_to_cpu(raw->c_attrs));
	if (le64_to_cpu(raw->c_deaths_begin) > le64_to_cpu(raw->c_deaths_end))
		debug_wrong(d, "collection: its log of deaths ends before it begins");
}

/* --- planes --- */

/* A plane is a hidden file of the collection's directory. */
static bool map_plane(struct coll *c, const char *name, __u64 ino, struct debug_map *map)
{
	const struct vexfs_inode *raw = &map->raw;

	memset(map, 0, sizeof(*map));
	if (!ino || !debug_map(c->d, ino, map))
		return false;
	if (!(le32_to_cpu(raw->i_flags) & VEXFS_INODE_HIDDEN) ||
	    le64_to_cpu(raw->i_parent) != c->ino)
		debug_wrong(c->d, "%s: inode %llu is no plane of this collection", name, ino);
	return true;
}

static void add_plane(struct coll *c, struct json_object *list, const char *name, __u64 ino,
		      __u64 needs)
{
	struct json_object *o;
	struct debug_map map;
	__u64 size;

	if (!map_plane(c, name, ino, &map)) {
		if (!ino && needs)
			debug_wrong(c->d, "%s: there is none, and there should be %llu bytes in it",
				    name, needs);
		debug_unmap(&map);
		return;
	}
	size = le64_to_cpu(map.raw.i_size);
	if (size < needs)
		debug_wrong(c->d, "%s: %llu bytes, not %llu", name, size, needs);
	o = json_object_new_object();
	add_str(o, "plane", name);
	add_u64(o, "inode", ino);
	add_u64(o, "i_size", size);
	add_u64(o, "needed", needs);
	add_u64(o, "i_blocks", le64_to_cpu(map.raw.i_blocks));
	add_u64(o, "extents", map.n);
	json_object_array_add(list, o);
	debug_unmap(&map);
}

static void add_planes(struct coll *c)
{
	struct json_object *list = json_object_new_array();
	const struct vexfs_collection *raw = &c->raw;
	__u64 count = le64_to_cpu(raw->c_count);
	char name[64];
	unsigned int i;

	json_object_object_add(c->d->out, "planes", list);
	if (count > VEXFS_MAX_SLOTS)
		count = 0; /* that was said */
	add_plane(c, list, "vectors", le64_to_cpu(raw->c_vectors),
		  count * le32_to_cpu(raw->c_row_bytes));
	add_plane(c, list, "records", le64_to_cpu(raw->c_records),
		  count * sizeof(struct vexfs_record));
	add_plane(c, list, "keys", le64_to_cpu(raw->c_keys), le64_to_cpu(raw->c_key_bytes));
	add_plane(c, list, "dead", le64_to_cpu(raw->c_dead),
		  DIV_ROUND_UP(count, VEXFS_DEAD_SLOTS) * VEXFS_BLOCK_SIZE);
	add_plane(c, list, "deaths", le64_to_cpu(raw->c_deaths), le64_to_cpu(raw->c_deaths_end));
	add_plane(c, list, "words", le64_to_cpu(raw->c_words), le64_to_cpu(raw->c_word_bytes));
	add_plane(c, list, "heirs", le64_to_cpu(raw->c_heirs), 0);
	add_plane(c, list, "checkpoint", le64_to_cpu(raw->c_checkpoint),
		  raw->c_checkpoint ? sizeof(struct vexfs_checkpoint) : 0);
	for (i = 0; i < VEXFS_MAX_SNAPSHOTS; i++) {
		const struct vexfs_snapshot *n = &raw->c_snapshot[i];

		snprintf(name, sizeof(name), "dead of %.*s", (int)sizeof(n->n_name), n->n_name);
		add_plane(c, list, name, le64_to_cpu(n->n_dead_ino), 0);
	}
}

/* The blocks of a dead bitmap; heads alike.  The slots that are set in it. */
static __u64 check_dead(struct coll *c, const char *name, __u64 ino)
{
	struct vexfs_dead_block b;
	struct debug_map map;
	__u64 dead = 0;
	char what[96];
	size_t i;
	__u32 n, bit, k;

	if (!map_plane(c, name, ino, &map))
		goto out;
	for (i = 0; i < map.n; i++)
		for (k = 0; k < map.m[i].len; k++) {
			__u32 lblk = map.m[i].lblk + k;

			if (!vexfs_data_run(&c->d->fs, map.m[i].pblk + k, 1) ||
			    map.m[i].unwritten || !debug_read(c->d, map.m[i].pblk + k, &b))
				break;
			snprintf(what, sizeof(what), "%s: block %u", name, lblk);
			if (le32_to_cpu(b.x_magic) != VEXFS_DEAD_MAGIC ||
			    le32_to_cpu(b.x_lblk) != lblk)
				debug_wrong(c->d, "%s: magic 0x%08x, block %u", what,
					    le32_to_cpu(b.x_magic), le32_to_cpu(b.x_lblk));
			debug_sum(c->d, what, le32_to_cpu(b.x_crc),
				  vexfs_csum(&c->d->fs, &b, sizeof(b),
					     offsetof(struct vexfs_dead_block, x_crc), ino,
					     le32_to_cpu(map.raw.i_generation), lblk));
			for (bit = n = 0; bit < VEXFS_DEAD_SLOTS; bit++)
				n += test_bit_le(bit, b.x_bits);
			if (n != le32_to_cpu(b.x_dead))
				debug_wrong(c->d, "%s: %u bits are set, it counts %u", what, n,
					    le32_to_cpu(b.x_dead));
			dead += n;
		}
out:
	debug_unmap(&map);
	return dead;
}

/* Bytes that a plane has blocks for; its size may say anything. */
static __u64 room_of(const struct debug_map *map)
{
	__u64 blocks = 0;
	size_t i;

	for (i = 0; i < map->n; i++)
		blocks += min(map->m[i].len, VEXFS_EXTENT_MAX_LEN);
	return blocks << VEXFS_BLOCK_SHIFT;
}

/* The parts of the log of deaths; is `slot` in one?  Without a slot (~0) what is wrong is told. */
static bool check_deaths(struct coll *c, __u64 slot, __u64 *killed)
{
	__u64 at = le64_to_cpu(c->raw.c_deaths_begin), end = le64_to_cpu(c->raw.c_deaths_end);
	struct vexfs_deaths head;
	struct debug_map map;
	bool found = false;
	__u32 i, n, part;

	*killed = 0;
	if (!map_plane(c, "deaths", le64_to_cpu(c->raw.c_deaths), &map))
		goto out;
	for (; at < end; at += sizeof(head) + (__u64)n * sizeof(__le32)) {
		__le64 off = cpu_to_le64(at);
		__u32 crc = crc32c(c->seed, &off, sizeof(off));
		__le32 slots[1024];

		n = 0;
		if (debug_bytes(c->d, &map, at, &head, sizeof(head)))
			n = le32_to_cpu(head.d_slots);
		if (!n || end - at < sizeof(head) ||
		    n > min(end - at - sizeof(head), room_of(&map)) / sizeof(__le32)) {
			debug_wrong(c->d, "deaths: the part at %llu has %u slots", at, n);
			break;
		}
		crc = crc32c(crc, &head.d_slots, sizeof(head.d_slots));
		for (i = 0; i < n; i += part) {
			__u32 k;

			part = min_t(__u32, n - i, ARRAY_SIZE(slots));
			if (!debug_bytes(c->d, &map, at + sizeof(head) + i * 4ULL, slots, part * 4))
				break;
			crc = crc32c(crc, slots, part * sizeof(__le32));
			for (k = 0; k < part; k++)
				found |= le32_to_cpu(slots[k]) == slot;
		}
		*killed += n;
		debug_sum(c->d, "deaths: a part", le32_to_cpu(head.d_crc), crc);
	}
out:
	debug_unmap(&map);
	return found;
}

/* The dictionary: how many words each attribute has; or the word of a code. */
static void words(struct coll *c, __u64 n[VEXFS_MAX_ATTRS], __u32 attr, __u32 code, char *word)
{
	__u64 at = 0, end = le64_to_cpu(c->raw.c_word_bytes);
	struct {
		struct vexfs_word w;
		__u8 bytes[256];
	} e;
	struct debug_map map;

	memset(n, 0, VEXFS_MAX_ATTRS * sizeof(*n));
	if (!map_plane(c, "words", le64_to_cpu(c->raw.c_words), &map))
		goto out;
	for (; at < end && at < le64_to_cpu(map.raw.i_size); at += sizeof(e.w) + e.w.w_len) {
		__le64 off = cpu_to_le64(at);
		char what[48];

		if (!debug_bytes(c->d, &map, at, &e, sizeof(e.w)) || !e.w.w_len ||
		    !debug_bytes(c->d, &map, at + sizeof(e.w), e.bytes, e.w.w_len) ||
		    e.w.w_attr >= VEXFS_MAX_ATTRS) {
			debug_wrong(c->d,
				    "words: the entry at %llu has %u bytes, and is of attribute %u",
				    at, e.w.w_len, e.w.w_attr);
			break;
		}
		snprintf(what, sizeof(what), "words: the entry at %llu", at);
		debug_sum(c->d, what, le32_to_cpu(e.w.w_crc),
			  crc32c(crc32c(c->seed, &off, sizeof(off)), &e.w.w_attr,
				 sizeof(e.w) - sizeof(e.w.w_crc) + e.w.w_len));
		n[e.w.w_attr]++;
		if (word && e.w.w_attr == attr && n[attr] == code)
			snprintf(word, 256, "%.*s", e.w.w_len, (char *)e.bytes);
	}
out:
	debug_unmap(&map);
}

static void add_heirs(struct coll *c)
{
	struct json_object *list = json_object_new_array(), *o;
	struct vexfs_heir_block b;
	struct debug_map map;
	__u32 k, i, n;
	char what[48];
	size_t e;

	json_object_object_add(c->d->out, "heirs", list);
	if (!map_plane(c, "heirs", le64_to_cpu(c->raw.c_heirs), &map))
		goto out;
	for (e = 0; e < map.n; e++)
		for (k = 0; k < map.m[e].len; k++) {
			if (!vexfs_data_run(&c->d->fs, map.m[e].pblk + k, 1) ||
			    !debug_read(c->d, map.m[e].pblk + k, &b))
				break;
			snprintf(what, sizeof(what), "heirs: block %u", map.m[e].lblk + k);
			debug_sum(c->d, what, le32_to_cpu(b.h_crc),
				  vexfs_csum(&c->d->fs, &b, sizeof(b),
					     offsetof(struct vexfs_heir_block, h_crc), map.ino,
					     le32_to_cpu(map.raw.i_generation), map.m[e].lblk + k));
			n = le32_to_cpu(b.h_entries);
			if (le32_to_cpu(b.h_magic) != VEXFS_HEIR_MAGIC ||
			    le32_to_cpu(b.h_lblk) != map.m[e].lblk + k || n > VEXFS_HEIRS_PER_BLOCK)
				debug_wrong(c->d, "%s: magic 0x%08x, block %u, %u entries", what,
					    le32_to_cpu(b.h_magic), le32_to_cpu(b.h_lblk), n);
			for (i = 0; i < n && i < VEXFS_HEIRS_PER_BLOCK; i++) {
				o = json_object_new_object();
				add_u64(o, "h_ino", le64_to_cpu(b.h_entry[i].h_ino));
				add_u64(o, "h_generation", le32_to_cpu(b.h_entry[i].h_generation));
				add_u64(o, "h_heir", le64_to_cpu(b.h_entry[i].h_heir));
				add_u64(o, "h_heir_generation",
					le32_to_cpu(b.h_entry[i].h_heir_generation));
				json_object_array_add(list, o);
			}
		}
out:
	debug_unmap(&map);
}

/* --- checkpoint --- */

#define F(member, ...) DEBUG_FIELD(vexfs_checkpoint, member, __VA_ARGS__)
static const struct debug_field checkpoint_fields[] = {
	F(h_magic, DEBUG_HEX), F(h_crc, DEBUG_HEX),    F(h_version, DEBUG_DEC),
	F(h_dims, DEBUG_DEC),  F(h_metric, DEBUG_DEC), F(h_uuid, DEBUG_UUID),
	F(h_epoch, DEBUG_DEC), F(h_count, DEBUG_DEC),  F(h_bytes, DEBUG_DEC),
	F(h_codes, DEBUG_DEC), F(h_lists, DEBUG_DEC),  {}
};
#undef F

/* The pieces of a stream of so many bytes, from *pos on; how many are whole. */
static __u64 check_stream(struct coll *c, const struct debug_map *map, __u64 *pos, __u64 bytes,
			  __u32 stream)
{
	const __u32 room = VEXFS_CHECKPOINT_PIECE - sizeof(struct vexfs_checkpoint_piece);
	struct vexfs_checkpoint_piece *p = malloc(VEXFS_CHECKPOINT_PIECE);
	__u64 whole = 0;
	char what[64];

	while (p && bytes) {
		__u32 n = min_t(__u64, bytes, room), all = sizeof(*p) + n;

		if (*pos + all > le64_to_cpu(map->raw.i_size)) {
			debug_wrong(c->d, "checkpoint: stream %u is cut off", stream);
			break;
		}
		if (!debug_bytes(c->d, map, *pos, p, all))
			break;
		snprintf(what, sizeof(what), "checkpoint: piece at %llu", *pos);
		/* where the next one is, nobody knows then */
		if (le32_to_cpu(p->p_bytes) != n || le32_to_cpu(p->p_stream) != stream) {
			debug_wrong(c->d, "%s: %u bytes of stream %u, not %u of %u", what,
				    le32_to_cpu(p->p_bytes), le32_to_cpu(p->p_stream), n, stream);
			break;
		}
		whole += debug_sum(c->d, what, le32_to_cpu(p->p_crc),
				   vexfs_csum(&c->d->fs, p, all,
					      offsetof(struct vexfs_checkpoint_piece, p_crc),
					      map->ino, le32_to_cpu(map->raw.i_generation), *pos));
		*pos += all;
		bytes -= n;
	}
	free(p);
	return whole;
}

static void add_checkpoint(struct coll *c)
{
	struct json_object *o = json_object_new_object();
	struct vexfs_checkpoint h;
	struct debug_map map;
	__u64 pos = sizeof(h);

	if (!map_plane(c, "checkpoint", le64_to_cpu(c->raw.c_checkpoint), &map) ||
	    !debug_bytes(c->d, &map, 0, &h, sizeof(h))) {
		json_object_put(o);
		goto out;
	}
	json_object_object_add(c->d->out, "checkpoint", o);
	debug_fields(o, checkpoint_fields, &h);
	debug_sum(c->d, "checkpoint", le32_to_cpu(h.h_crc),
		  vexfs_csum(&c->d->fs, &h, sizeof(h), offsetof(struct vexfs_checkpoint, h_crc),
			     map.ino, le32_to_cpu(map.raw.i_generation), 0));
	if (le32_to_cpu(h.h_magic) != VEXFS_CHECKPOINT_MAGIC ||
	    le32_to_cpu(h.h_version) != VEXFS_CHECKPOINT_VERSION) {
		debug_wrong(c->d, "checkpoint: magic 0x%08x, version %u: of no use",
			    le32_to_cpu(h.h_magic), le32_to_cpu(h.h_version));
		goto out;
	}
	if (memcmp(h.h_uuid, c->raw.c_uuid, sizeof(h.h_uuid)) || h.h_epoch != c->raw.c_epoch)
		debug_wrong(c->d, "checkpoint: is of another collection, or of an earlier epoch");
	add_u64(o, "pieces_of_codes",
		check_stream(c, &map, &pos, le64_to_cpu(h.h_codes), VEXFS_CHECKPOINT_CODES));
	add_u64(o, "pieces_of_lists",
		check_stream(c, &map, &pos, le64_to_cpu(h.h_lists), VEXFS_CHECKPOINT_LISTS));
out:
	debug_unmap(&map);
}

/* --- collection --- */

#define F(member, ...) DEBUG_FIELD(vexfs_collection, member, __VA_ARGS__)
static const struct debug_field collection_fields[] = {
	F(c_magic, DEBUG_HEX),
	F(c_crc, DEBUG_HEX),
	F(c_ino, DEBUG_DEC),
	F(c_generation, DEBUG_DEC),
	F(c_element, DEBUG_CHOICE, "?|f32|f16|i8|bit"),
	F(c_metric, DEBUG_CHOICE, "?|l2|cosine|dot|hamming"),
	F(c_dims, DEBUG_DEC),
	F(c_row_bytes, DEBUG_DEC),
	F(c_count, DEBUG_DEC),
	F(c_live, DEBUG_DEC),
	F(c_next_seq, DEBUG_DEC),
	F(c_key_bytes, DEBUG_DEC),
	F(c_vectors, DEBUG_DEC),
	F(c_records, DEBUG_DEC),
	F(c_keys, DEBUG_DEC),
	F(c_dead, DEBUG_DEC),
	F(c_epoch, DEBUG_DEC),
	F(c_uuid, DEBUG_UUID),
	F(c_attrs, DEBUG_DEC),
	F(c_words, DEBUG_DEC),
	F(c_word_bytes, DEBUG_DEC),
	F(c_heirs, DEBUG_DEC),
	F(c_deaths, DEBUG_DEC),
	F(c_deaths_begin, DEBUG_DEC),
	F(c_deaths_end, DEBUG_DEC),
	F(c_checkpoint, DEBUG_DEC),
	F(c_checkpoint_slots, DEBUG_DEC),
	{}
};
#undef F
#define F(member, ...) DEBUG_FIELD(vexfs_attr_def, member, __VA_ARGS__)
static const struct debug_field attr_fields[] = { F(a_name, DEBUG_TEXT),
						  F(a_type, DEBUG_CHOICE, "none|int|keyword"),
						  {} };
#undef F
#define F(member, ...) DEBUG_FIELD(vexfs_snapshot, member, __VA_ARGS__)
static const struct debug_field snapshot_fields[] = { F(n_name, DEBUG_TEXT),
						      F(n_count, DEBUG_DEC),
						      F(n_dead_ino, DEBUG_DEC),
						      F(n_time, DEBUG_TIME),
						      {} };
#undef F

static void add_schema(struct coll *c)
{
	struct json_object *attrs = json_object_new_array(), *programs = json_object_new_array(),
			   *o;
	const struct vexfs_collection *raw = &c->raw;
	__u64 n[VEXFS_MAX_ATTRS];
	__u32 i;

	debug_fields(c->d->out, collection_fields, raw);
	json_object_object_add(c->d->out, "c_attr", attrs);
	json_object_object_add(c->d->out, "c_program", programs);
	words(c, n, 0, 0, NULL);
	for (i = 0; i < min_t(__u32, le32_to_cpu(raw->c_attrs), VEXFS_MAX_ATTRS); i++) {
		o = json_object_new_object();
		debug_fields(o, attr_fields, &raw->c_attr[i]);
		add_u64(o, "words", n[i]);
		json_object_array_add(attrs, o);
	}
	for (i = 0; i < VEXFS_SLOTS; i++) {
		char name[VEXFS_PROG_NAME_LEN + 1] = "";

		memcpy(name, raw->c_program[i], VEXFS_PROG_NAME_LEN);
		o = json_object_new_object();
		add_str(o, "slot", vexfs_slot_name(i));
		add_str(o, "program", *name ? name : "built-in");
		json_object_array_add(programs, o);
	}
}

static void add_snapshots(struct coll *c)
{
	struct json_object *list = json_object_new_array(), *o;
	unsigned int i;

	json_object_object_add(c->d->out, "c_snapshot", list);
	for (i = 0; i < VEXFS_MAX_SNAPSHOTS; i++) {
		const struct vexfs_snapshot *n = &c->raw.c_snapshot[i];

		if (is_hole((const __u8 *)n, sizeof(*n)))
			continue;
		o = json_object_new_object();
		debug_fields(o, snapshot_fields, n);
		json_object_array_add(list, o);
		if (le64_to_cpu(n->n_count) > le64_to_cpu(c->raw.c_count))
			debug_wrong(c->d, "snapshot %.*s: %llu slots, the collection has %llu",
				    (int)sizeof(n->n_name), n->n_name, le64_to_cpu(n->n_count),
				    le64_to_cpu(c->raw.c_count));
		check_dead(c, "dead of a snapshot", le64_to_cpu(n->n_dead_ino));
	}
}

static int run_collection(struct debug *d, int argc, char **argv)
{
	struct coll c = {};
	__u64 killed;
	int ret = open_collection_block(d, argv[0], &c);

	(void)argc;
	if (ret)
		return ret;
	add_u64(d->out, "inode", c.ino);
	add_u64(d->out, "block", c.block);
	check_block(&c);
	add_schema(&c);
	add_planes(&c);
	add_u64(d->out, "dead_in_bitmap", check_dead(&c, "dead", le64_to_cpu(c.raw.c_dead)));
	check_deaths(&c, ~0ULL, &killed);
	add_u64(d->out, "dead_in_log", killed);
	add_snapshots(&c);
	add_heirs(&c);
	add_checkpoint(&c);
	return VEXCTL_OK;
}

/* --- record --- */

#define F(member, ...) DEBUG_FIELD(vexfs_record, member, __VA_ARGS__)
static const struct debug_field record_fields[] = { F(r_crc, DEBUG_HEX),
						    F(r_flags, DEBUG_FLAGS, "bound|keyed"),
						    F(r_id, DEBUG_DEC),
						    F(r_seq, DEBUG_DEC),
						    F(r_file, DEBUG_DEC),
						    F(r_file_generation, DEBUG_DEC),
						    F(r_file_len, DEBUG_DEC),
						    F(r_file_off, DEBUG_DEC),
						    F(r_file_change, DEBUG_DEC),
						    F(r_key, DEBUG_HEX),
						    {} };
#undef F

/* Its planes, mapped once. */
struct reading {
	struct coll c;
	struct debug_map vectors, records, keys, dead;
	__u32 row_bytes;
};

static bool is_dead(struct reading *r, __u64 slot)
{
	__u32 lblk = slot / VEXFS_DEAD_SLOTS;
	__u64 block = debug_lookup(&r->dead, lblk), killed;
	struct vexfs_dead_block b;

	if (block && debug_read(r->c.d, block, &b) &&
	    test_bit_le(slot % VEXFS_DEAD_SLOTS, b.x_bits))
		return true;
	return check_deaths(&r->c, slot, &killed);
}

static void add_attrs(struct reading *r, struct json_object *o, const struct vexfs_record *rec)
{
	const struct vexfs_collection *raw = &r->c.raw;
	struct json_object *list = json_object_new_array(), *a;
	__u64 n[VEXFS_MAX_ATTRS];
	__u32 i;

	json_object_object_add(o, "r_attr", list);
	for (i = 0; i < min_t(__u32, le32_to_cpu(raw->c_attrs), VEXFS_MAX_ATTRS); i++) {
		char word[256] = "";
		__u64 v = le64_to_cpu(rec->r_attr[i]);

		a = json_object_new_object();
		debug_fields(a, attr_fields, &raw->c_attr[i]);
		add_s64(a, "value", v);
		if (le16_to_cpu(raw->c_attr[i].a_type) == VEXFS_ATTR_KEYWORD && v && v <= U32_MAX)
			words(&r->c, n, i, v, word);
		add_str(a, "word", word);
		json_object_array_add(list, a);
	}
}

static void add_vector(struct reading *r, struct json_object *o, const void *row)
{
	struct json_object *list = json_object_new_array();
	float f;
	__u32 i;

	if (le16_to_cpu(r->c.raw.c_element) == VEXFS_ELEM_F32)
		for (i = 0; i + sizeof(f) <= r->row_bytes; i += sizeof(f)) {
			memcpy(&f, (const __u8 *)row + i, sizeof(f));
			/* JSON has no number for others */
			json_object_array_add(list, f - f == 0 ?
							    json_float(f) :
							    json_object_new_string("not finite"));
		}
	json_object_object_add(o, "vector", list);
}

static void print_record(struct reading *r, __u64 slot, const struct vexfs_record *rec)
{
	struct debug *d = r->c.d;
	struct json_object *o = json_object_new_object();
	__u64 key = le64_to_cpu(rec->r_key);
	__le64 at = cpu_to_le64(slot);
	__u8 bytes[256] = "", row[VEXFS_MAX_DIMS * sizeof(float)];
	char what[64], hex[2 * sizeof(*rec) + 1];
	__u32 crc, len = 0;
	size_t i;

	json_object_array_add(json_object_object_get(d->out, "records"), o);
	add_u64(o, "slot", slot);
	add_bool(o, "dead", is_dead(r, slot));
	add_bool(o, "committed", slot < le64_to_cpu(r->c.raw.c_count));
	debug_fields(o, record_fields, rec);
	snprintf(what, sizeof(what), "record in slot %llu", slot);
	if (is_hole((const __u8 *)rec, sizeof(*rec)))
		debug_wrong(d, "%s: was never written", what);
	if (le32_to_cpu(rec->r_flags) & VEXFS_RECORD_KEYED) {
		len = key & 0xff;
		if (!len || (key >> 8) + len > le64_to_cpu(r->c.raw.c_key_bytes))
			debug_wrong(d, "%s: its key, %u bytes at %llu, is outside of the plane",
				    what, len, key >> 8);
		if (!debug_bytes(d, &r->keys, key >> 8, bytes, len))
			len = 0;
		json_object_object_add(o, "key", json_object_new_string_len((char *)bytes, len));
	}
	add_attrs(r, o, rec);
	if (!debug_bytes(d, &r->vectors, slot * r->row_bytes, row, r->row_bytes))
		memset(row, 0, r->row_bytes);
	crc = crc32c(r->c.seed, &at, sizeof(at));
	crc = crc32c(crc, &rec->r_flags, sizeof(*rec) - sizeof(rec->r_crc));
	crc = crc32c(crc, row, r->row_bytes);
	crc = crc32c(crc, bytes, len);
	debug_sum(d, what, le32_to_cpu(rec->r_crc), crc);
	add_vector(r, o, row);
	if (d->hex) {
		for (i = 0; i < sizeof(*rec); i++)
			snprintf(hex + 2 * i, 3, "%02x", ((const __u8 *)rec)[i]);
		add_str(o, "hex", hex);
	}
}

static int print_slot(struct reading *r, __u64 slot)
{
	__u64 size = le64_to_cpu(r->records.raw.i_size);
	struct vexfs_record rec;

	/* what is behind the committed slots may be there, and is of no account */
	if (slot >= size / sizeof(rec))
		return fail("record",
			    "there is no slot %llu; there are %llu, of which %llu are committed",
			    slot, size / sizeof(rec), le64_to_cpu(r->c.raw.c_count));
	if (debug_bytes(r->c.d, &r->records, slot * sizeof(rec), &rec, sizeof(rec)))
		print_record(r, slot, &rec);
	return VEXCTL_OK;
}

static int print_id(struct reading *r, __u64 id)
{
	struct vexfs_record rec[VEXFS_BLOCK_SIZE / sizeof(struct vexfs_record)];
	const struct debug_map *map = &r->records;
	__u64 slot, n = 0;
	size_t i, e;
	__u32 k;

	/* of the blocks that there are: counts and sizes may say anything */
	for (e = 0; e < map->n; e++)
		for (k = 0; k < map->m[e].len; k++) {
			if (map->m[e].unwritten ||
			    !vexfs_data_run(&r->c.d->fs, map->m[e].pblk + k, 1) ||
			    !debug_read(r->c.d, map->m[e].pblk + k, rec))
				break;
			for (i = 0; i < ARRAY_SIZE(rec); i++) {
				slot = (map->m[e].lblk + (__u64)k) * ARRAY_SIZE(rec) + i;
				if (le64_to_cpu(rec[i].r_id) != id ||
				    slot >= le64_to_cpu(r->c.raw.c_count) ||
				    is_hole((const __u8 *)&rec[i], sizeof(rec[i])))
					continue;
				print_record(r, slot, &rec[i]);
				n++;
			}
		}
	return n ? VEXCTL_OK : fail("record", "no slot has the id %llu", id);
}

static int run_record(struct debug *d, int argc, char **argv)
{
	struct reading r = {};
	__u64 n;
	int ret;

	(void)argc;
	if (debug_number(d->by_id ? "id" : "slot", argv[1], &n))
		return VEXCTL_USAGE;
	ret = open_collection_block(d, argv[0], &r.c);
	if (ret)
		return ret;
	r.row_bytes = le32_to_cpu(r.c.raw.c_row_bytes);
	if (r.row_bytes > VEXFS_MAX_DIMS * sizeof(float)) {
		debug_wrong(d, "collection: rows of %u bytes", r.row_bytes);
		r.row_bytes = 0;
	}
	add_u64(d->out, "inode", r.c.ino);
	json_object_object_add(d->out, "records", json_object_new_array());
	map_plane(&r.c, "vectors", le64_to_cpu(r.c.raw.c_vectors), &r.vectors);
	map_plane(&r.c, "records", le64_to_cpu(r.c.raw.c_records), &r.records);
	map_plane(&r.c, "keys", le64_to_cpu(r.c.raw.c_keys), &r.keys);
	map_plane(&r.c, "dead", le64_to_cpu(r.c.raw.c_dead), &r.dead);
	ret = d->by_id ? print_id(&r, n) : print_slot(&r, n);
	debug_unmap(&r.vectors);
	debug_unmap(&r.records);
	debug_unmap(&r.keys);
	debug_unmap(&r.dead);
	return ret;
}

const struct debug_what debug_collections[] = {
	{ "collection", "N|PATH", run_collection, 1, 1, true },
	{ "record", "COLLECTION SLOT", run_record, 2, 2, true },
	{}
};
