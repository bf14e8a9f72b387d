// SPDX-License-Identifier: GPL-2.0
/* vexctl debug: inode, extents, directory. */
#include <stdlib.h>
#include <string.h>
#include "vexctl/debug.h"

/* --- reading --- */

bool debug_inode(struct debug *d, __u64 ino, struct vexfs_inode *raw, __u64 *block)
{
	struct vexfs_inode table[VEXFS_INODES_PER_BLOCK];
	struct vexfs_fs *fs = &d->fs;
	__u64 at;
	__u32 g, i;

	if (!ino || (ino - 1) / fs->inodes_per_group >= fs->groups) {
		debug_wrong(d, "there is no inode %llu", ino);
		return false;
	}
	g = (ino - 1) / fs->inodes_per_group;
	i = (ino - 1) % fs->inodes_per_group;
	at = vexfs_group_itable(fs, g) + i / VEXFS_INODES_PER_BLOCK;
	if (block)
		*block = at;
	if (!debug_read(d, at, table))
		return false;
	*raw = table[i % VEXFS_INODES_PER_BLOCK];
	return true;
}

bool debug_link(const struct vexfs_inode *raw)
{
	return S_ISLNK(le16_to_cpu(raw->i_mode)) && le64_to_cpu(raw->i_size) < sizeof(raw->i_link);
}

static __u32 inode_sum(const struct debug *d, __u64 ino, const struct vexfs_inode *raw)
{
	return vexfs_csum(&d->fs, raw, sizeof(*raw), offsetof(struct vexfs_inode, i_crc), ino,
			  le32_to_cpu(raw->i_generation), 0);
}

/* --- the extent tree --- */

struct walking {
	struct debug *d;
	__u64 ino;
	__u32 generation;
	const struct debug_walk *w;
	__u8 *seen; /* a bit for each block that was a node */
};

static void walk_entries(struct walking *k, const struct vexfs_extent *x, unsigned int n,
			 unsigned int depth, __u32 lo, __u64 hi);

static void walk_child(struct walking *k, __u64 block, unsigned int depth, __u32 lo, __u64 hi)
{
	struct vexfs_extent_block eb;
	struct debug *d = k->d;
	unsigned int n;
	char what[64];

	if (block >= d->fs.blocks || test_bit_le(block % 8, k->seen + block / 8)) {
		debug_wrong(d, "inode %llu: extent node %llu: %s", k->ino, block,
			    block >= d->fs.blocks ? "there is no such block" :
						    "for the second time");
		return;
	}
	__set_bit_le(block % 8, k->seen + block / 8);
	if (!debug_read(d, block, &eb))
		return;
	n = le16_to_cpu(eb.eb_entries);
	snprintf(what, sizeof(what), "inode %llu: extent node %llu", k->ino, block);
	if (le32_to_cpu(eb.eb_magic) != VEXFS_EXTENT_MAGIC) {
		debug_wrong(d, "%s: is none, its magic is 0x%08x", what, le32_to_cpu(eb.eb_magic));
		return;
	}
	debug_sum(d, what, le32_to_cpu(eb.eb_crc),
		  vexfs_csum(&d->fs, &eb, sizeof(eb), offsetof(struct vexfs_extent_block, eb_crc),
			     k->ino, k->generation, block));
	if (le64_to_cpu(eb.eb_ino) != k->ino || le32_to_cpu(eb.eb_generation) != k->generation ||
	    le64_to_cpu(eb.eb_block) != block)
		debug_wrong(d, "%s: says it is block %llu of inode %llu, generation %u", what,
			    le64_to_cpu(eb.eb_block), le64_to_cpu(eb.eb_ino),
			    le32_to_cpu(eb.eb_generation));
	if (le16_to_cpu(eb.eb_depth) != depth)
		debug_wrong(d, "%s: depth %u, not %u", what, le16_to_cpu(eb.eb_depth), depth);
	if (!n || n > VEXFS_EXTENTS_PER_BLOCK)
		debug_wrong(d, "%s: %u entries", what, n);
	if (k->w->node)
		k->w->node(k->w->arg, &eb, block, depth);
	walk_entries(k, (const struct vexfs_extent *)eb.eb_bytes,
		     min_t(unsigned int, n, VEXFS_EXTENTS_PER_BLOCK), depth, lo, hi);
}

static void walk_entries(struct walking *k, const struct vexfs_extent *x, unsigned int n,
			 unsigned int depth, __u32 lo, __u64 hi)
{
	const char *why = vexfs_extent_check(&k->d->fs, x, n, depth, lo, hi);
	unsigned int i;

	if (why)
		debug_wrong(k->d, "inode %llu: %s", k->ino, why);
	for (i = 0; i < n; i++) {
		__u32 len = le32_to_cpu(x[i].e_len);
		struct vexfs_map m = { .lblk = le32_to_cpu(x[i].e_lblk),
				       .len = len & VEXFS_EXTENT_LEN_MASK,
				       .pblk = le64_to_cpu(x[i].e_pblk),
				       .unwritten = len & VEXFS_EXTENT_UNWRITTEN };

		if (depth)
			walk_child(k, m.pblk, depth - 1, m.lblk,
				   i + 1 < n ? le32_to_cpu(x[i + 1].e_lblk) : hi);
		else if (k->w->extent)
			k->w->extent(k->w->arg, &m);
	}
}

void debug_walk(struct debug *d, __u64 ino, const struct vexfs_inode *raw,
		const struct debug_walk *w)
{
	struct walking k = {
		.d = d, .ino = ino, .generation = le32_to_cpu(raw->i_generation), .w = w
	};
	unsigned int depth = le16_to_cpu(raw->i_depth), n = le32_to_cpu(raw->i_entries);

	if (depth > VEXFS_EXTENT_DEPTH || n > VEXFS_INLINE_EXTENTS) {
		debug_wrong(d, "inode %llu: depth %u, %u entries", ino, depth, n);
		depth = min_t(unsigned int, depth, VEXFS_EXTENT_DEPTH);
		n = min_t(unsigned int, n, VEXFS_INLINE_EXTENTS);
	}
	k.seen = depth ? calloc(1, d->fs.blocks / 8 + 1) : NULL;
	if (depth && !k.seen) {
		debug_wrong(d, "inode %llu: out of memory", ino);
		return;
	}
	if (w->node)
		w->node(w->arg, NULL, 0, depth);
	walk_entries(&k, raw->i_extent, n, depth, 0, U32_MAX);
	free(k.seen);
}

static void map_extent(void *arg, const struct vexfs_map *m)
{
	struct debug_map *map = arg;

	if (map->n == map->room) {
		map->room = map->room ? map->room * 2 : 64;
		map->m = reallocarray(map->m, map->room, sizeof(*map->m));
		if (!map->m)
			abort(); /* some MB at most: nothing works any more */
	}
	map->m[map->n++] = *m;
}

bool debug_map(struct debug *d, __u64 ino, struct debug_map *map)
{
	const struct debug_walk walk = { NULL, map_extent, map };

	memset(map, 0, sizeof(*map));
	map->ino = ino;
	if (!debug_inode(d, ino, &map->raw, NULL))
		return false;
	if (!debug_link(&map->raw))
		debug_walk(d, ino, &map->raw, &walk);
	return true;
}

void debug_unmap(struct debug_map *map)
{
	free(map->m);
	map->m = NULL;
	map->n = map->room = 0;
}

/* They need not be in order, where they are damaged. */
__u64 debug_lookup(const struct debug_map *map, __u32 lblk)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		if (lblk - map->m[i].lblk < map->m[i].len && lblk >= map->m[i].lblk)
			return map->m[i].unwritten ? 0 : map->m[i].pblk + (lblk - map->m[i].lblk);
	return 0;
}

bool debug_bytes(struct debug *d, const struct debug_map *map, __u64 pos, void *to, size_t n)
{
	__u8 block[VEXFS_BLOCK_SIZE];

	while (n) {
		__u64 lblk = pos >> VEXFS_BLOCK_SHIFT, pblk;
		size_t off = pos & (VEXFS_BLOCK_SIZE - 1), part = min(n, VEXFS_BLOCK_SIZE - off);

		pblk = lblk < U32_MAX ? debug_lookup(map, lblk) : 0;
		if (!pblk)
			memset(block, 0, sizeof(block));
		else if (!debug_read(d, pblk, block))
			return false;
		memcpy(to, block + off, part);
		to = (__u8 *)to + part;
		pos += part;
		n -= part;
	}
	return true;
}

/* --- names --- */

/* An entry of a directory, at a place in the block; why: it is wrong, and may be cut. */
typedef bool (*name_fn)(void *arg, __u64 pos, const struct vexfs_dirent *e, const char *why);

static const char *entry_wrong(const struct debug *d, const struct vexfs_dirent *e,
			       unsigned int off)
{
	unsigned int len = le16_to_cpu(e->d_reclen);

	if (len < VEXFS_DIRENT_HEAD || len % 8 || len > VEXFS_BLOCK_SIZE - off)
		return "entry has a wrong length";
	if (!e->d_ino)
		return NULL;
	if (!e->d_namelen || VEXFS_DIRENT_LEN(e->d_namelen) > len)
		return "name has a wrong length";
	if (!vexfs_ino_valid(&d->fs, le64_to_cpu(e->d_ino)))
		return "inode out of range";
	if (memchr(e->d_name, '/', e->d_namelen) || memchr(e->d_name, 0, e->d_namelen))
		return "invalid name";
	if (le32_to_cpu(e->d_hash) != crc32c(~0u, e->d_name, e->d_namelen))
		return "hash is not that of the name";
	return NULL;
}

/* The entries of one block.  false: fn has had enough. */
static bool block_names(struct debug *d, const struct debug_map *map, __u32 lblk, const __u8 *block,
			name_fn fn, void *arg)
{
	const struct vexfs_dir_block *db = (const void *)block;
	unsigned int off = offsetof(struct vexfs_dir_block, db_entries), len;
	__u32 generation = le32_to_cpu(map->raw.i_generation);
	char what[64];
	const char *why;

	snprintf(what, sizeof(what), "directory %llu, block %u", map->ino, lblk);
	if (le32_to_cpu(db->db_magic) != VEXFS_DIR_MAGIC) {
		debug_wrong(d, "%s: is none of a directory, its magic is 0x%08x", what,
			    le32_to_cpu(db->db_magic));
		return true;
	}
	debug_sum(d, what, le32_to_cpu(db->db_crc),
		  vexfs_csum(&d->fs, db, sizeof(*db), offsetof(struct vexfs_dir_block, db_crc),
			     map->ino, generation, lblk));
	if (le32_to_cpu(db->db_lblk) != lblk || le32_to_cpu(db->db_generation) != generation)
		debug_wrong(d, "%s: says it is block %u of generation %u", what,
			    le32_to_cpu(db->db_lblk), le32_to_cpu(db->db_generation));
	for (; off + VEXFS_DIRENT_HEAD <= VEXFS_BLOCK_SIZE; off += len) {
		struct {
			struct vexfs_dirent e;
			char name[256];
		} copy = {};

		memcpy(&copy, block + off, min(sizeof(copy), (size_t)VEXFS_BLOCK_SIZE - off));
		why = entry_wrong(d, &copy.e, off);
		if (why)
			debug_wrong(d, "%s, offset %u: %s", what, off, why);
		len = le16_to_cpu(copy.e.d_reclen);
		if (!fn(arg, ((__u64)lblk << VEXFS_BLOCK_SHIFT) + off, &copy.e, why))
			return false;
		if (len < VEXFS_DIRENT_HEAD || len % 8)
			break; /* where the next one is, nobody knows */
	}
	return true;
}

static void for_names(struct debug *d, const struct debug_map *map, name_fn fn, void *arg)
{
	__u64 blocks = le64_to_cpu(map->raw.i_size) >> VEXFS_BLOCK_SHIFT;
	__u8 block[VEXFS_BLOCK_SIZE];
	__u32 covered = 0, lblk;
	size_t i;
	bool more = true;

	for (i = 0; more && i < map->n; i++) {
		const struct vexfs_map *m = &map->m[i];

		for (lblk = m->lblk; more && lblk - m->lblk < m->len && lblk < blocks; lblk++) {
			/* extents that overlap have no end otherwise */
			if (++covered > min(blocks, d->fs.blocks))
				return;
			/* a wrong length reaches anywhere */
			if (m->unwritten ||
			    !vexfs_data_run(&d->fs, m->pblk + (lblk - m->lblk), 1)) {
				debug_wrong(d, "directory %llu, block %u: is missing", map->ino,
					    lblk);
				break;
			}
			if (debug_read(d, m->pblk + (lblk - m->lblk), block))
				more = block_names(d, map, lblk, block, fn, arg);
		}
	}
	if (more && covered < blocks)
		debug_wrong(d, "directory %llu: %u of its %llu blocks are there", map->ino, covered,
			    blocks);
}

struct looking {
	const char *name;
	size_t len;
	__u64 ino; /* by name: found, 0 not; by number: what to look for */
	char found[256];
};

static bool look_name(void *arg, __u64 pos, const struct vexfs_dirent *e, const char *why)
{
	struct looking *l = arg;

	(void)pos;
	(void)why;
	if (!e->d_ino || e->d_namelen != l->len || memcmp(e->d_name, l->name, l->len))
		return true;
	l->ino = le64_to_cpu(e->d_ino);
	return false;
}

static bool look_ino(void *arg, __u64 pos, const struct vexfs_dirent *e, const char *why)
{
	struct looking *l = arg;

	(void)pos;
	(void)why;
	if (le64_to_cpu(e->d_ino) != l->ino)
		return true;
	snprintf(l->found, sizeof(l->found), "%.*s", e->d_namelen, e->d_name);
	return false;
}

/* The inode of a path, 0: there is none.  Links are not followed. */
static __u64 walk_path(struct debug *d, const char *path)
{
	__u64 ino = VEXFS_ROOT_INO;
	struct debug_map map;

	while (ino && *(path += strspn(path, "/"))) {
		struct looking l = { .name = path, .len = strcspn(path, "/") };

		if (debug_map(d, ino, &map) && S_ISDIR(le16_to_cpu(map.raw.i_mode)))
			for_names(d, &map, look_name, &l);
		debug_unmap(&map);
		ino = l.ino;
		path += l.len;
	}
	return ino;
}

int debug_find(struct debug *d, const char *s, __u64 *ino, struct vexfs_inode *raw)
{
	bool path = *s == '/';

	if (path)
		*ino = walk_path(d, s);
	else if (vexfs_parse_u64(s, ino))
		return misused("'%.64s' is neither a number nor a path, which begins with a slash",
			       s);
	if (path && !*ino)
		return fail(s, "there is no such name");
	if (!*ino || (*ino - 1) / d->fs.inodes_per_group >= d->fs.groups)
		return fail(s, "there is no inode %llu; there are 1 to %llu", *ino,
			    (__u64)d->fs.groups * d->fs.inodes_per_group);
	return debug_inode(d, *ino, raw, NULL) ? VEXCTL_OK : fail(s, "its inode cannot be read");
}

/* By parents, as far as they lead; what is wrong with them is not what was asked for. */
static void add_path(struct debug *d, __u64 ino, const struct vexfs_inode *raw)
{
	char path[4096] = "", longer[sizeof(path)];
	__u64 parent = le64_to_cpu(raw->i_parent);
	struct debug_map map;
	int left;

	if (ino == VEXFS_ROOT_INO)
		strcpy(path, "/");
	d->hush = true;
	for (left = 256; left && ino != VEXFS_ROOT_INO && parent; left--) {
		struct looking l = { .ino = ino };

		if (debug_map(d, parent, &map))
			for_names(d, &map, look_ino, &l);
		ino = parent;
		parent = le64_to_cpu(map.raw.i_parent);
		debug_unmap(&map);
		if (!*l.found || snprintf(longer, sizeof(longer), "/%s%s", l.found, path) >=
					 (int)sizeof(longer)) {
			*path = 0;
			break;
		}
		strcpy(path, longer);
	}
	d->hush = false;
	if (*path && (ino == VEXFS_ROOT_INO))
		add_str(d->out, "path", path);
}

/* --- inode --- */

#define F(member, ...) DEBUG_FIELD(vexfs_inode, member, __VA_ARGS__)
static const struct debug_field inode_fields[] = { F(i_crc, DEBUG_HEX),
						   F(i_mode, DEBUG_OCT),
						   F(i_depth, DEBUG_DEC),
						   F(i_uid, DEBUG_DEC),
						   F(i_gid, DEBUG_DEC),
						   F(i_nlink, DEBUG_DEC),
						   F(i_generation, DEBUG_DEC),
						   F(i_flags, DEBUG_FLAGS,
						     "collection|hidden|metadata|hashed|bound"),
						   F(i_entries, DEBUG_DEC),
						   F(i_size, DEBUG_DEC),
						   F(i_blocks, DEBUG_DEC),
						   F(i_change, DEBUG_DEC),
						   F(i_parent, DEBUG_DEC),
						   F(i_parent_generation, DEBUG_DEC),
						   F(i_rdev, DEBUG_DEC),
						   F(i_parents_block, DEBUG_DEC),
						   F(i_next_orphan, DEBUG_DEC),
						   F(i_collection, DEBUG_DEC),
						   F(i_xattr_block, DEBUG_DEC),
						   F(i_atime, DEBUG_TIME),
						   F(i_mtime, DEBUG_TIME),
						   F(i_ctime, DEBUG_TIME),
						   F(i_btime, DEBUG_TIME),
						   F(i_atime_nsec, DEBUG_DEC),
						   F(i_mtime_nsec, DEBUG_DEC),
						   F(i_ctime_nsec, DEBUG_DEC),
						   F(i_btime_nsec, DEBUG_DEC),
						   F(i_data_change, DEBUG_DEC),
						   {} };
#undef F

static void add_in_use(struct debug *d, __u64 ino)
{
	__u32 g = (ino - 1) / d->fs.inodes_per_group, i = (ino - 1) % d->fs.inodes_per_group;
	struct vexfs_group b;

	if (g >= d->fs.groups_init)
		add_bool(d->out, "in_use", false);
	else if (debug_read(d, vexfs_group_block(&d->fs, g), &b))
		add_bool(d->out, "in_use", test_bit_le(i, b.g_inodes));
}

static struct json_object *extent_json(const struct vexfs_extent *x, bool index)
{
	struct json_object *o = json_object_new_object();
	__u32 len = le32_to_cpu(x->e_len);

	add_u64(o, "logical", le32_to_cpu(x->e_lblk));
	if (!index)
		add_u64(o, "blocks", len & VEXFS_EXTENT_LEN_MASK);
	add_u64(o, index ? "node" : "block", le64_to_cpu(x->e_pblk));
	if (!index)
		add_str(o, "state", len & VEXFS_EXTENT_UNWRITTEN ? "unwritten" : "written");
	return o;
}

static struct json_object *entries_json(const void *entries, unsigned int n, bool index)
{
	struct json_object *list = json_object_new_array();
	const struct vexfs_extent *x = entries;
	unsigned int i;

	for (i = 0; i < n; i++)
		json_object_array_add(list, extent_json(x + i, index));
	return list;
}

static void hex_of(struct json_object *o, const char *key, const __u8 *p, size_t n)
{
	char text[2 * VEXFS_INODE_SIZE + 1];
	size_t i;

	for (i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	add_str(o, key, text);
}

static void print_inode(struct debug *d, __u64 ino, const struct vexfs_inode *raw)
{
	struct vexfs_inode copy = *raw;
	char what[40];

	debug_fields(d->out, inode_fields, raw);
	if (debug_link(raw))
		json_object_object_add(d->out, "i_link",
				       json_object_new_string_len((const char *)raw->i_link,
								  strnlen((const char *)raw->i_link,
									  sizeof(raw->i_link))));
	else
		json_object_object_add(d->out, raw->i_depth ? "i_index" : "i_extent",
				       entries_json(raw->i_extent,
						    min_t(__u32, le32_to_cpu(raw->i_entries),
							  VEXFS_INLINE_EXTENTS),
						    raw->i_depth));
	if (memchr_inv(raw->i_xattr, 0, sizeof(raw->i_xattr)))
		hex_of(d->out, "i_xattr", raw->i_xattr, sizeof(raw->i_xattr));
	if (d->hex)
		hex_of(d->out, "hex", (const __u8 *)raw, sizeof(*raw));
	if (!memchr_inv(raw, 0, sizeof(*raw)))
		return; /* never used */
	snprintf(what, sizeof(what), "inode %llu", ino);
	copy.i_crc = cpu_to_le32(inode_sum(d, ino, raw));
	debug_sum(d, what, le32_to_cpu(raw->i_crc), le32_to_cpu(copy.i_crc));
	vexfs_inode_check(&d->fs, ino, &copy);
	debug_said(d);
}

static int run_inode(struct debug *d, int argc, char **argv)
{
	struct vexfs_inode raw;
	__u64 ino, block;
	int ret = debug_find(d, argv[0], &ino, &raw);

	(void)argc;
	if (ret)
		return ret;
	debug_inode(d, ino, &raw, &block);
	add_u64(d->out, "inode", ino);
	add_path(d, ino, &raw);
	add_u64(d->out, "block", block);
	add_u64(d->out, "offset",
		(ino - 1) % d->fs.inodes_per_group % VEXFS_INODES_PER_BLOCK * VEXFS_INODE_SIZE);
	add_in_use(d, ino);
	print_inode(d, ino, &raw);
	return VEXCTL_OK;
}

/* --- extents --- */

struct printing {
	struct json_object *nodes, *extents;
};

static void print_node(void *arg, const struct vexfs_extent_block *eb, __u64 block,
		       unsigned int depth)
{
	struct printing *p = arg;
	struct json_object *o;

	if (!eb)
		return; /* the root is in the inode */
	o = json_object_new_object();
	add_u64(o, "node", block);
	add_u64(o, "level", depth);
	add_u64(o, "eb_entries", le16_to_cpu(eb->eb_entries));
	add_u64(o, "eb_depth", le16_to_cpu(eb->eb_depth));
	add_u64(o, "eb_generation", le32_to_cpu(eb->eb_generation));
	add_u64(o, "eb_ino", le64_to_cpu(eb->eb_ino));
	add_u64(o, "eb_block", le64_to_cpu(eb->eb_block));
	add_hex(o, "eb_magic", le32_to_cpu(eb->eb_magic));
	add_hex(o, "eb_crc", le32_to_cpu(eb->eb_crc));
	json_object_array_add(p->nodes, o);
}

static void print_extent(void *arg, const struct vexfs_map *m)
{
	struct vexfs_extent x = { cpu_to_le32(m->lblk),
				  cpu_to_le32(m->len | (m->unwritten ? VEXFS_EXTENT_UNWRITTEN : 0)),
				  cpu_to_le64(m->pblk) };
	struct printing *p = arg;

	json_object_array_add(p->extents, extent_json(&x, false));
}

static int run_extents(struct debug *d, int argc, char **argv)
{
	struct printing p = { json_object_new_array(), json_object_new_array() };
	const struct debug_walk walk = { print_node, print_extent, &p };
	struct vexfs_inode raw;
	__u64 ino;
	int ret = debug_find(d, argv[0], &ino, &raw);

	(void)argc;
	if (ret) {
		json_object_put(p.nodes);
		json_object_put(p.extents);
		return ret;
	}
	add_u64(d->out, "inode", ino);
	add_u64(d->out, "i_depth", le16_to_cpu(raw.i_depth));
	add_u64(d->out, "i_entries", le32_to_cpu(raw.i_entries));
	add_u64(d->out, "i_blocks", le64_to_cpu(raw.i_blocks));
	json_object_object_add(d->out, "nodes", p.nodes);
	json_object_object_add(d->out, "extents", p.extents);
	if (debug_link(&raw))
		add_str(d->out, "note", "a short symbolic link: its target is in the inode");
	else
		debug_walk(d, ino, &raw, &walk);
	return VEXCTL_OK;
}

/* --- directory --- */

static bool print_name(void *arg, __u64 pos, const struct vexfs_dirent *e, const char *why)
{
	static const char *const types[16] = {
		[DT_FIFO] = "fifo", [DT_CHR] = "char", [DT_DIR] = "dir",    [DT_BLK] = "block",
		[DT_REG] = "file",  [DT_LNK] = "link", [DT_SOCK] = "socket"
	};
	struct json_object *o = json_object_new_object();

	(void)why;
	add_u64(o, "block", pos >> VEXFS_BLOCK_SHIFT);
	add_u64(o, "offset", pos & (VEXFS_BLOCK_SIZE - 1));
	add_u64(o, "d_ino", le64_to_cpu(e->d_ino));
	add_u64(o, "d_reclen", le16_to_cpu(e->d_reclen));
	add_u64(o, "d_namelen", e->d_namelen);
	add_hex(o, "d_hash", le32_to_cpu(e->d_hash));
	add_str(o, "d_type", e->d_ino ? known(e->d_type < 16 ? types[e->d_type] : NULL) : "unused");
	json_object_object_add(o, "d_name",
			       json_object_new_string_len(e->d_name, e->d_ino ? e->d_namelen : 0));
	json_object_array_add(arg, o);
	return true;
}

static int run_directory(struct debug *d, int argc, char **argv)
{
	struct json_object *list;
	struct debug_map map;
	struct vexfs_inode raw;
	__u64 ino;
	int ret = debug_find(d, argv[0], &ino, &raw);

	(void)argc;
	if (ret)
		return ret;
	add_u64(d->out, "inode", ino);
	add_path(d, ino, &raw);
	add_u64(d->out, "i_parent", le64_to_cpu(raw.i_parent));
	add_u64(d->out, "i_size", le64_to_cpu(raw.i_size));
	if (!S_ISDIR(le16_to_cpu(raw.i_mode)))
		debug_wrong(d, "inode %llu: its mode, 0%o, is not that of a directory", ino,
			    le16_to_cpu(raw.i_mode));
	list = json_object_new_array();
	json_object_object_add(d->out, "entries", list);
	if (debug_map(d, ino, &map))
		for_names(d, &map, print_name, list);
	debug_unmap(&map);
	return VEXCTL_OK;
}

const struct debug_what debug_inodes[] = { { "inode", "N|PATH", run_inode, 1, 1, true },
					   { "extents", "N|PATH", run_extents, 1, 1, true },
					   { "directory", "N|PATH", run_directory, 1, 1, true },
					   {} };
