// SPDX-License-Identifier: GPL-2.0
/* vexctl debug: superblock, group, log, block. */
#include <stdlib.h>
#include <string.h>
#include <platform/jbd2.h>
#include "vexctl/debug.h"

/* A range of numbers as an element of a list. */
static void add_range(struct json_object *list, __u64 from, __u64 to)
{
	char text[48];

	if (from + 1 == to)
		snprintf(text, sizeof(text), "%llu", from);
	else
		snprintf(text, sizeof(text), "%llu-%llu", from, to - 1);
	json_object_array_add(list, json_object_new_string(text));
}

static struct json_object *range(__u64 from, __u64 to)
{
	struct json_object *list = json_object_new_array(), *first;

	add_range(list, from, to);
	first = json_object_get(json_object_array_get_idx(list, 0));
	json_object_put(list);
	return first;
}

/* --- superblock --- */

#define F(member, ...) DEBUG_FIELD(vexfs_super, member, __VA_ARGS__)
static const struct debug_field super_fields[] = { F(s_magic, DEBUG_HEX),
						   F(s_crc, DEBUG_HEX),
						   F(s_version, DEBUG_DEC),
						   F(s_compat, DEBUG_FLAGS),
						   F(s_ro_compat, DEBUG_FLAGS, "checkpoint"),
						   F(s_incompat, DEBUG_FLAGS, "unstable"),
						   F(s_block_size, DEBUG_DEC),
						   F(s_uuid, DEBUG_UUID),
						   F(s_label, DEBUG_TEXT),
						   F(s_blocks, DEBUG_DEC),
						   F(s_groups, DEBUG_DEC),
						   F(s_inodes_per_group, DEBUG_DEC),
						   F(s_journal_start, DEBUG_DEC),
						   F(s_journal_blocks, DEBUG_DEC),
						   F(s_reserved_blocks, DEBUG_DEC),
						   F(s_groups_init, DEBUG_DEC),
						   F(s_state, DEBUG_FLAGS, "clean|error"),
						   F(s_errors, DEBUG_CHOICE,
						     "?|continue|remount-ro|panic"),
						   F(s_free_blocks, DEBUG_DEC),
						   F(s_free_inodes, DEBUG_DEC),
						   F(s_last_orphan, DEBUG_DEC),
						   F(s_mkfs_time, DEBUG_TIME),
						   F(s_mount_time, DEBUG_TIME),
						   F(s_write_time, DEBUG_TIME),
						   F(s_mount_count, DEBUG_DEC),
						   F(s_next_generation, DEBUG_DEC),
						   {} };
#undef F

static void print_super(struct debug *d, const struct vexfs_super *s)
{
	struct vexfs_super copy = *s;
	const char *why;
	int err;

	debug_fields(d->out, super_fields, s);
	vexfs_super_stamp(&copy);
	debug_sum(d, "superblock", le32_to_cpu(s->s_crc), le32_to_cpu(copy.s_crc));
	/* what else is */
	err = vexfs_super_check(&copy, d->dev.blocks, &why);
	if (err && err != -EROFS)
		debug_wrong(d, "superblock: %s", why);
}

static int run_super(struct debug *d, int argc, char **argv)
{
	struct vexfs_super s;
	__u64 group = 0;

	if (argc && debug_number("superblock", argv[0], &group))
		return VEXCTL_USAGE;
	if (group > 1 && group != 3)
		return misused("superblock: there are copies in the groups 1 and 3");
	add_u64(d->out, "block", group << VEXFS_GROUP_SHIFT);
	if (debug_read(d, group << VEXFS_GROUP_SHIFT, &s))
		print_super(d, &s);
	return VEXCTL_OK;
}

/* --- group --- */

#define F(member, ...) DEBUG_FIELD(vexfs_group, member, __VA_ARGS__)
static const struct debug_field group_fields[] = {
	F(g_magic, DEBUG_HEX),	     F(g_crc, DEBUG_HEX),	  F(g_number, DEBUG_DEC),
	F(g_free_blocks, DEBUG_DEC), F(g_free_inodes, DEBUG_DEC), F(g_dirs, DEBUG_DEC),
	F(g_itable_init, DEBUG_DEC), F(g_flags, DEBUG_FLAGS),	  {}
};
#undef F

/* Runs of bits that are set, as what they stand for. */
static struct json_object *bits(const void *map, unsigned int n, __u64 first, bool set)
{
	struct json_object *list = json_object_new_array();
	unsigned int from, i;

	for (i = 0; i < n; i++) {
		if (!!test_bit_le(i, map) != set)
			continue;
		for (from = i; i < n && !!test_bit_le(i, map) == set; i++)
			;
		add_range(list, first + from, first + i);
	}
	return list;
}

static void print_group(struct debug *d, __u32 g, const struct vexfs_group *b)
{
	const struct vexfs_fs *fs = &d->fs;
	__u64 start = (__u64)g << VEXFS_GROUP_SHIFT, itable = vexfs_group_itable(fs, g),
	      tables = itable + fs->inodes_per_group / VEXFS_INODES_PER_BLOCK;
	struct vexfs_group copy = *b;

	json_object_object_add(d->out, "blocks", range(start, start + vexfs_group_len(fs, g)));
	json_object_object_add(d->out, "inode_table", range(itable, tables));
	if (!g)
		json_object_object_add(d->out, "log",
				       range(fs->journal_start,
					     fs->journal_start + fs->journal_blocks));
	json_object_object_add(d->out, "data",
			       range(vexfs_group_data(fs, g), start + vexfs_group_len(fs, g)));
	json_object_object_add(d->out, "inodes",
			       range(1 + (__u64)g * fs->inodes_per_group,
				     1 + (__u64)(g + 1) * fs->inodes_per_group));
	add_bool(d->out, "used", g < fs->groups_init);
	debug_fields(d->out, group_fields, b);
	json_object_object_add(d->out, "inodes_in_use",
			       bits(b->g_inodes, fs->inodes_per_group,
				    1 + (__u64)g * fs->inodes_per_group, true));
	json_object_object_add(d->out, "free",
			       bits(b->g_blocks, vexfs_group_len(fs, g), start, false));
	if (g >= fs->groups_init)
		return; /* whatever the device held */
	copy.g_crc = cpu_to_le32(vexfs_csum(fs, b, sizeof(*b), offsetof(struct vexfs_group, g_crc),
					    vexfs_group_block(fs, g), 0, 0));
	debug_sum(d, "group", le32_to_cpu(b->g_crc), le32_to_cpu(copy.g_crc));
	vexfs_group_check(fs, g, &copy);
	debug_said(d);
}

static int run_group(struct debug *d, int argc, char **argv)
{
	struct vexfs_group b;
	__u64 g;

	(void)argc;
	if (debug_number("group", argv[0], &g))
		return VEXCTL_USAGE;
	if (g >= d->fs.groups)
		return fail(argv[0], "there is no such group; there are 0 to %u", d->fs.groups - 1);
	add_u64(d->out, "block", vexfs_group_block(&d->fs, g));
	if (debug_read(d, vexfs_group_block(&d->fs, g), &b))
		print_group(d, g, &b);
	return VEXCTL_OK;
}

/* --- log --- */

#define F(member, ...) DEBUG_FIELD(jbd2_super, member, __VA_ARGS__)
static const struct debug_field log_fields[] = {
	F(s_header.h_magic, DEBUG_HEX | DEBUG_BIG),
	F(s_header.h_blocktype, DEBUG_CHOICE | DEBUG_BIG,
	  "?|descriptor|commit|superblock 1|superblock|revoke"),
	F(s_blocksize, DEBUG_DEC | DEBUG_BIG),
	F(s_maxlen, DEBUG_DEC | DEBUG_BIG),
	F(s_first, DEBUG_DEC | DEBUG_BIG),
	F(s_sequence, DEBUG_DEC | DEBUG_BIG),
	F(s_start, DEBUG_DEC | DEBUG_BIG),
	F(s_errno, DEBUG_DEC | DEBUG_BIG),
	F(s_feature_compat, DEBUG_HEX | DEBUG_BIG),
	F(s_feature_incompat, DEBUG_FLAGS | DEBUG_BIG,
	  "revoke|64bit|async|csum-2|csum-3|fast-commit"),
	F(s_feature_ro_compat, DEBUG_HEX | DEBUG_BIG),
	F(s_uuid, DEBUG_UUID),
	F(s_checksum_type, DEBUG_DEC),
	F(s_head, DEBUG_DEC | DEBUG_BIG),
	F(s_checksum, DEBUG_HEX | DEBUG_BIG),
	{}
};
#undef F

struct log {
	struct debug *d;
	__u64 start; /* on the device */
	__u32 first, last; /* its ring */
	__u32 seed;
};

static const char *log_kind(__u32 type)
{
	return type == JBD2_DESCRIPTOR ? "descriptor" :
	       type == JBD2_COMMIT     ? "commit" :
	       type == JBD2_REVOKE     ? "revoke" :
					 "unknown";
}

/* Past the cache: the log itself is never replayed. */
static bool log_read(struct log *l, __u32 at, union jbd2_block *b)
{
	int err = vexfs_dev_read(&l->d->dev, l->start + at, b);

	if (err)
		debug_wrong(l->d, "log: block %u cannot be read: %s", at, strerror(-err));
	return !err;
}

static void log_sum(struct log *l, __u32 at, union jbd2_block *b)
{
	__u32 type = be32toh(b->head.h_blocktype);
	__be32 *sum = type == JBD2_COMMIT ? &b->commit.h_chksum[0] : jbd2_tail_sum(b);
	char what[64];

	snprintf(what, sizeof(what), "log: %s block %u", log_kind(type), at);
	if (type == JBD2_COMMIT || type == JBD2_DESCRIPTOR || type == JBD2_REVOKE)
		debug_sum(l->d, what, be32toh(*sum), be32toh(jbd2_block_sum(l->seed, b, sum)));
}

static __u32 log_after(const struct log *l, __u32 at, __u32 n)
{
	return l->first + (__u32)(((__u64)at - l->first + n) % (l->last - l->first));
}

/* The blocks that a descriptor block names, and whether their copies are whole; how many. */
static __u32 log_tags(struct log *l, const union jbd2_block *b, __u32 sequence, __u32 at,
		      struct json_object *blocks)
{
	size_t from = sizeof(b->head), room = sizeof(*b) - sizeof(struct jbd2_tail);
	struct jbd2_tag tag;
	__u32 n = 0;

	while (from + sizeof(tag) <= room) {
		__u8 copy[VEXFS_BLOCK_SIZE];
		char what[96];
		__u64 block;
		int err;

		memcpy(&tag, b->byte + from, sizeof(tag));
		block = (__u64)be32toh(tag.t_blocknr_high) << 32 | be32toh(tag.t_blocknr);
		json_object_array_add(blocks, json_object_new_uint64(block));
		n++;
		err = vexfs_dev_read(&l->d->dev, l->start + log_after(l, at, n), copy);
		snprintf(what, sizeof(what), "log: transaction %u: copy of block %llu", sequence,
			 block);
		if (err)
			debug_wrong(l->d, "%s cannot be read: %s", what, strerror(-err));
		else
			debug_sum(l->d, what, be32toh(tag.t_checksum),
				  be32toh(jbd2_copy_sum(l->seed, sequence, copy)));
		if (be32toh(tag.t_flags) & JBD2_FLAG_LAST_TAG)
			break;
		from += sizeof(tag);
		if (!(be32toh(tag.t_flags) & JBD2_FLAG_SAME_UUID))
			from += 16;
	}
	return n;
}

static void log_revoked(struct log *l, const union jbd2_block *b, __u32 at,
			struct json_object *list)
{
	__u32 bytes = be32toh(b->revoke.r_count), i;
	const __u32 most = sizeof(*b) - sizeof(struct jbd2_tail);
	__be64 block;

	if (bytes < sizeof(b->revoke) || bytes > most)
		debug_wrong(l->d, "log: revoke block %u: %u bytes in use", at, bytes);
	for (i = sizeof(b->revoke); i + 8 <= min(bytes, most); i += 8) {
		memcpy(&block, b->byte + i, sizeof(block));
		json_object_array_add(list, json_object_new_uint64(be64toh(block)));
	}
}

/* The transactions from a block on, as far as their numbers follow each other. */
static void log_transactions(struct log *l, __u32 sequence, __u32 at)
{
	struct json_object *list = json_object_new_array(), *o = NULL, *blocks, *revoked;
	__u32 seen = 0, n;
	union jbd2_block b;

	json_object_object_add(l->d->out, "transactions", list);
	while (at && seen < l->last - l->first && log_read(l, at, &b) &&
	       be32toh(b.head.h_magic) == JBD2_MAGIC && be32toh(b.head.h_sequence) == sequence) {
		__u32 type = be32toh(b.head.h_blocktype);

		if (!o) {
			o = json_object_new_object();
			add_u64(o, "sequence", sequence);
			add_u64(o, "at", at);
			add_str(o, "committed", "no");
			json_object_object_add(o, "blocks", blocks = json_object_new_array());
			json_object_object_add(o, "revoked", revoked = json_object_new_array());
			json_object_array_add(list, o);
		}
		log_sum(l, at, &b);
		n = 0;
		if (type == JBD2_DESCRIPTOR) {
			n = log_tags(l, &b, sequence, at, blocks);
		} else if (type == JBD2_REVOKE) {
			log_revoked(l, &b, at, revoked);
		} else if (type == JBD2_COMMIT) {
			struct debug_field when = { "committed", 0, 8, DEBUG_TIME | DEBUG_BIG,
						    NULL };
			struct debug_field one[] = { when, {} };

			debug_fields(o, one, &b.commit.h_commit_sec);
			o = NULL;
			sequence++;
		} else {
			debug_wrong(l->d, "log: block %u is of an unknown kind, %u", at, type);
		}
		seen += n + 1;
		at = log_after(l, at, n + 1);
	}
}

/* Every block that says that it is one of a transaction. */
static void log_blocks(struct log *l)
{
	struct json_object *list = json_object_new_array(), *o;
	union jbd2_block b;
	__u32 at;

	json_object_object_add(l->d->out, "blocks", list);
	for (at = l->first; at < l->last; at++) {
		if (!log_read(l, at, &b) || be32toh(b.head.h_magic) != JBD2_MAGIC)
			continue;
		o = json_object_new_object();
		add_u64(o, "at", at);
		add_str(o, "kind", log_kind(be32toh(b.head.h_blocktype)));
		add_u64(o, "sequence", be32toh(b.head.h_sequence));
		json_object_array_add(list, o);
	}
}

static int run_log(struct debug *d, int argc, char **argv)
{
	struct log l = { .d = d, .start = d->fs.journal_start };
	bool blocks = argc && !strcmp(argv[0], "blocks");
	const char *why = NULL;
	struct jbd2_super j;
	union jbd2_block b;
	int err;

	if (argc && !blocks)
		return usage("log: '%.64s' is unknown; it is nothing, or blocks", argv[0]);
	add_u64(d->out, "block", l.start);
	if (!log_read(&l, 0, &b))
		return VEXCTL_OK;
	debug_fields(d->out, log_fields, &b);
	debug_sum(d, "log: superblock", be32toh(b.super.s_checksum),
		  be32toh(jbd2_super_sum(&b.super)));
	err = vexfs_log_check(&d->dev, &d->super, &j, &why);
	if (err && why && !strstr(why, "checksum"))
		debug_wrong(d, "log: %s", why);
	l.first = be32toh(b.super.s_first);
	l.last = be32toh(b.super.s_maxlen);
	l.seed = jbd2_seed(&b.super);
	if (!l.first || l.first >= l.last || l.last > d->fs.journal_blocks) {
		l.first = 1; /* where VexFS has them */
		l.last = d->fs.journal_blocks;
	}
	if (blocks)
		log_blocks(&l);
	else if (be32toh(b.super.s_start) < l.last)
		log_transactions(&l, be32toh(b.super.s_sequence), be32toh(b.super.s_start));
	return VEXCTL_OK;
}

/* --- block --- */

/* Who has a block? */
struct owner {
	struct debug *d;
	struct json_object *list;
	__u64 block, ino;
};

static void owned(struct owner *o, const char *as, __u64 lblk)
{
	struct json_object *v = json_object_new_object();

	add_u64(v, "inode", o->ino);
	add_str(v, "as", as);
	add_u64(v, "logical_block", lblk);
	json_object_array_add(o->list, v);
}

static void owner_node(void *arg, const struct vexfs_extent_block *eb, __u64 block,
		       unsigned int depth)
{
	struct owner *o = arg;

	(void)depth;
	if (eb && block == o->block)
		owned(o, "extent node", 0);
}

static void owner_extent(void *arg, const struct vexfs_map *m)
{
	struct owner *o = arg;

	if (o->block - m->pblk < m->len)
		owned(o, m->unwritten ? "data, never written" : "data",
		      m->lblk + (o->block - m->pblk));
}

static void find_owner(struct owner *o)
{
	const struct debug_walk walk = { owner_node, owner_extent, o };
	const struct vexfs_fs *fs = &o->d->fs;
	struct vexfs_inode raw;
	struct vexfs_group b;
	__u32 g, i;

	/* this is about one block, not about all inodes */
	o->d->hush = true;
	for (g = 0; g < fs->groups_init; g++) {
		if (!debug_read(o->d, vexfs_group_block(fs, g), &b))
			continue;
		for (i = 0; i < fs->inodes_per_group; i++) {
			o->ino = 1 + (__u64)g * fs->inodes_per_group + i;
			if (!test_bit_le(i, b.g_inodes) || !debug_inode(o->d, o->ino, &raw, NULL))
				continue;
			if (le64_to_cpu(raw.i_parents_block) == o->block)
				owned(o, "parents", 0);
			if (le64_to_cpu(raw.i_xattr_block) == o->block)
				owned(o, "attributes", 0);
			if (le32_to_cpu(raw.i_flags) & VEXFS_INODE_COLLECTION &&
			    le64_to_cpu(raw.i_collection) == o->block)
				owned(o, "collection", 0);
			if (!debug_link(&raw))
				debug_walk(o->d, o->ino, &raw, &walk);
		}
	}
	o->d->hush = false;
}

static void hexdump(struct json_object *o, const __u8 *p, size_t bytes)
{
	struct json_object *lines = json_object_new_array(), *line;
	char at[16], hex[16 * 3 + 1], text[17];
	size_t i, k;

	for (i = 0; i < bytes; i += 16) {
		size_t n = min(bytes - i, (size_t)16);

		for (k = 0; k < n; k++) {
			snprintf(hex + 3 * k, 4, "%02x ", p[i + k]);
			text[k] = p[i + k] > ' ' && p[i + k] < 0x7f && p[i + k] != '\\' ? p[i + k] :
											  '.';
		}
		hex[3 * n - 1] = 0;
		text[n] = 0;
		line = json_object_new_object();
		snprintf(at, sizeof(at), "%04zx", i);
		add_str(line, "offset", at);
		add_str(line, "bytes", hex);
		add_str(line, "text", text);
		json_object_array_add(lines, line);
	}
	json_object_object_add(o, "hex", lines);
}

static const char *place(const struct debug *d, __u64 block, __u32 g)
{
	const struct vexfs_fs *fs = &d->fs;
	__u64 start = (__u64)g << VEXFS_GROUP_SHIFT;

	if (block < vexfs_group_block(fs, g))
		return block ? "copy of the superblock" : "superblock";
	if (block == vexfs_group_block(fs, g))
		return "group";
	if (block < vexfs_group_itable(fs, g) + fs->inodes_per_group / VEXFS_INODES_PER_BLOCK)
		return "inode table";
	if (block < vexfs_group_data(fs, g))
		return "log";
	return block < start + vexfs_group_len(fs, g) ? "data" : "none";
}

static void describe_place(struct debug *d, __u64 block)
{
	const struct vexfs_fs *fs = &d->fs;
	__u32 g = block >> VEXFS_GROUP_SHIFT;
	const char *what = place(d, block, g);
	struct owner o = { .d = d, .block = block };
	struct vexfs_group b;
	__u64 first;

	add_u64(d->out, "group", g);
	add_str(d->out, "place", what);
	if (!strcmp(what, "inode table")) {
		first = 1 + (__u64)g * fs->inodes_per_group +
			(block - vexfs_group_itable(fs, g)) * VEXFS_INODES_PER_BLOCK;
		json_object_object_add(d->out, "inodes",
				       range(first, first + VEXFS_INODES_PER_BLOCK));
	} else if (!strcmp(what, "log")) {
		add_u64(d->out, "at", block - fs->journal_start);
	} else if (!strcmp(what, "data") && g < fs->groups_init) {
		o.list = json_object_new_array();
		if (debug_read(d, vexfs_group_block(fs, g), &b))
			add_bool(d->out, "in_use",
				 test_bit_le(block & (VEXFS_GROUP_BLOCKS - 1), b.g_blocks));
		json_object_object_add(d->out, "owners", o.list);
		find_owner(&o);
	}
}

static int run_block(struct debug *d, int argc, char **argv)
{
	static const struct {
		__u32 magic;
		const char *name;
	} magics[] = {
		{ VEXFS_GROUP_MAGIC, "group" },		  { VEXFS_EXTENT_MAGIC, "extent node" },
		{ VEXFS_DIR_MAGIC, "directory" },	  { VEXFS_COLLECTION_MAGIC, "collection" },
		{ VEXFS_DEAD_MAGIC, "dead bitmap" },	  { VEXFS_HEIR_MAGIC, "heirs" },
		{ VEXFS_CHECKPOINT_MAGIC, "checkpoint" }, { (__u32)VEXFS_MAGIC, "superblock" },
	};
	union jbd2_block b;
	const char *name = "none";
	__u64 block;
	__u32 magic;
	size_t i;

	(void)argc;
	if (debug_number("block", argv[0], &block))
		return VEXCTL_USAGE;
	if (block >= d->dev.blocks)
		return fail(argv[0], "there is no such block; there are 0 to %llu",
			    d->dev.blocks - 1);
	add_u64(d->out, "block", block);
	if (d->known && block < d->fs.blocks)
		describe_place(d, block);
	if (!debug_read(d, block, &b))
		return VEXCTL_OK;
	memcpy(&magic, &b, sizeof(magic));
	for (i = 0; i < ARRAY_SIZE(magics); i++)
		if (le32_to_cpu(magic) == magics[i].magic)
			name = magics[i].name;
	if (be32toh(magic) == JBD2_MAGIC)
		name = "log";
	add_str(d->out, "magic", name);
	if (d->hex)
		hexdump(d->out, b.byte, sizeof(b));
	return VEXCTL_OK;
}

const struct debug_what debug_disk[] = { { "superblock", "[0|1|3]", run_super, 0, 1, false },
					 { "group", "N", run_group, 1, 1, true },
					 { "log", "[blocks]", run_log, 0, 1, true },
					 { "block", "N", run_block, 1, 1, false },
					 {} };
