// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl debug: print what is on a device, structure by structure, whether it is sound or not.
 *
 * Every answer is made as JSON, and printed as that or as text.  Nothing is written; what the log
 * holds is replayed in memory, so that things are as a mount would find them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uuid/uuid.h>
#include <platform/log.h>
#include <platform/mounted.h>
#include "vexctl/debug.h"

/* --- fields --- */

/* The n-th name of "a|b|c", NULL: there is none. */
static const char *nth(const char *names, unsigned int n, int *len)
{
	for (; names && n; n--) {
		names = strchr(names, '|');
		names += !!names;
	}
	*len = names ? strcspn(names, "|") : 0;
	return *len ? names : NULL;
}

static __u64 number(const struct debug_field *f, const __u8 *p)
{
	bool big = f->kind & DEBUG_BIG;
	__u64 v = 0;
	unsigned int i;

	for (i = 0; i < f->size; i++)
		v = v << 8 | p[big ? i : f->size - 1 - i];
	return v;
}

static void flags_text(const struct debug_field *f, __u64 v, char *to, size_t room)
{
	size_t at = snprintf(to, room, "0x%0*llx", f->size * 2, v);
	unsigned int i;

	for (i = 0; i < 64; i++) {
		int len;
		const char *name = v >> i & 1 ? nth(f->names, i, &len) : NULL;

		if (name && at < room)
			at += snprintf(to + at, room - at, " %.*s", len, name);
	}
}

static void time_text(__s64 v, char *to, size_t room)
{
	time_t t = v;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(to, room, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(to, room, "%lld", v);
}

static void add_field(struct json_object *o, const struct debug_field *f, const __u8 *p)
{
	__u64 v = f->size <= sizeof(v) ? number(f, p) : 0;
	char text[256];
	const char *name;
	int len;

	switch (f->kind & DEBUG_KINDS) {
	case DEBUG_DEC:
		add_u64(o, f->name, v);
		return;
	case DEBUG_HEX:
		snprintf(text, sizeof(text), "0x%0*llx", f->size * 2, v);
		break;
	case DEBUG_OCT:
		snprintf(text, sizeof(text), "0%llo", v);
		break;
	case DEBUG_TEXT:
		snprintf(text, sizeof(text), "%.*s", (int)f->size, (const char *)p);
		break;
	case DEBUG_UUID:
		uuid_unparse_lower(p, text);
		break;
	case DEBUG_TIME:
		time_text(v, text, sizeof(text));
		break;
	case DEBUG_FLAGS:
		flags_text(f, v, text, sizeof(text));
		break;
	default:
		name = v < 64 ? nth(f->names, v, &len) : NULL;
		snprintf(text, sizeof(text), "%llu %.*s", v, name ? len : 1, name ? name : "?");
		break;
	}
	add_str(o, f->name, text);
}

void debug_fields(struct json_object *o, const struct debug_field *f, const void *p)
{
	for (; f->name; f++)
		add_field(o, f, (const __u8 *)p + f->off);
}

void add_hex(struct json_object *o, const char *key, __u32 value)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%08x", value);
	add_str(o, key, text);
}

void debug_wrong(struct debug *d, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (d->hush)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	json_object_array_add(d->wrong, json_object_new_string(line));
}

bool debug_sum(struct debug *d, const char *what, __u32 stored, __u32 computed)
{
	if (stored == computed)
		return true;
	debug_wrong(d, "%s: checksum: stored 0x%08x, computed 0x%08x", what, stored, computed);
	return false;
}

void debug_said(struct debug *d)
{
	if (d->dev.damage[0])
		debug_wrong(d, "%s", d->dev.damage);
	d->dev.damage[0] = 0;
}

int debug_number(const char *what, const char *s, __u64 *out)
{
	return vexfs_parse_u64(s, out) ? misused("%s: '%.64s' is not a number", what, s) : 0;
}

/* --- text --- */

#define MOST_COLUMNS 9 /* what has more members is printed one below the other */

static const char *as_text(struct json_object *v)
{
	return v && json_object_is_type(v, json_type_string) ?
		       printable_n(json_object_get_string(v), json_object_get_string_len(v)) :
		       printable_json(json_object_to_json_string(v));
}

static int indented(int depth)
{
	return printf("%*s", depth * 2, "");
}

/* Objects of the same members, one below the other. */
static void print_table(struct json_object *list, int depth)
{
	size_t n = json_object_array_length(list), i;
	struct json_object *first = json_object_array_get_idx(list, 0), *v;

	indented(depth);
	json_object_object_foreach(first, key, unused) {
		int width = strlen(key);

		(void)unused;
		for (i = 0; i < n; i++) {
			v = json_object_array_get_idx(list, i);
			width = max(width, (int)strlen(as_text(json_object_object_get(v, key))));
		}
		/* the widths are kept with the first, below a key that no structure has */
		json_object_set_userdata(json_object_object_get(first, key),
					 (void *)(intptr_t)width, NULL);
		printf("%-*s  ", width, key);
	}
	putchar('\n');
	for (i = 0; i < n; i++) {
		v = json_object_array_get_idx(list, i);
		indented(depth);
		json_object_object_foreach(first, name, of) {
			printf("%-*s  ", (int)(intptr_t)json_object_get_userdata(of),
			       as_text(json_object_object_get(v, name)));
		}
		putchar('\n');
	}
}

static bool is_table(struct json_object *list)
{
	struct json_object *first = json_object_array_get_idx(list, 0);
	size_t n = json_object_array_length(list), i;

	if (!n || !json_object_is_type(first, json_type_object) ||
	    json_object_object_length(first) > MOST_COLUMNS)
		return false;
	json_object_object_foreach(first, key, value) {
		(void)key;
		if (!value || json_object_is_type(value, json_type_object))
			return false;
	}
	for (i = 1; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (!json_object_is_type(o, json_type_object) ||
		    json_object_object_length(o) != json_object_object_length(first))
			return false;
		json_object_object_foreach(first, name, unused) {
			struct json_object *v = json_object_object_get(o, name);

			(void)unused;
			if (!v || json_object_is_type(v, json_type_object))
				return false;
		}
	}
	return true;
}

static void print_object(struct json_object *o, int depth);

static void print_list(const char *key, struct json_object *list, int depth)
{
	size_t n = json_object_array_length(list), i;
	struct json_object *v;
	int at;

	at = indented(depth) + printf("%s:%s", printable(key), n ? "" : " none");
	if (is_table(list)) {
		putchar('\n');
		print_table(list, depth + 1);
		return;
	}
	for (i = 0; i < n; i++) {
		v = json_object_array_get_idx(list, i);
		if (json_object_is_type(v, json_type_object)) {
			putchar('\n');
			print_object(v, depth + 1);
			at = 0;
			continue;
		}
		if (at > 90)
			at = printf("\n%*s", depth * 2 + 1, "");
		at += printf(" %s", as_text(v));
	}
	if (at)
		putchar('\n');
}

static void print_object(struct json_object *o, int depth)
{
	int width = 0;

	json_object_object_foreach(o, key, value)
		if (!json_object_is_type(value, json_type_object) &&
		    !json_object_is_type(value, json_type_array))
			width = max(width, (int)strlen(key));
	json_object_object_foreach(o, name, v) {
		if (json_object_is_type(v, json_type_object)) {
			indented(depth);
			printf("%s:\n", printable(name));
			print_object(v, depth + 1);
		} else if (json_object_is_type(v, json_type_array)) {
			print_list(name, v, depth);
		} else {
			indented(depth);
			printf("%-*s  %s\n", width, printable(name), as_text(v));
		}
	}
}

/* What is wrong comes last, a line each. */
static void print_text(struct debug *d)
{
	size_t i, n = json_object_array_length(d->wrong);

	print_object(d->out, 0);
	for (i = 0; i < n; i++)
		printf("WRONG: %s\n", as_text(json_object_array_get_idx(d->wrong, i)));
}

/* --- the device --- */

bool debug_read(struct debug *d, __u64 block, void *to)
{
	vx_buf *b = vx_bread(&d->fs, block);

	if (IS_ERR(b)) {
		memset(to, 0, VEXFS_BLOCK_SIZE);
		debug_wrong(d, "block %llu: %s", block,
			    PTR_ERR(b) == -EUCLEAN ? "is behind the end of the device" :
						     strerror(-PTR_ERR(b)));
		return false;
	}
	memcpy(to, vx_data(b), VEXFS_BLOCK_SIZE);
	vx_brelse(b);
	return true;
}

static bool usable(struct debug *d, const struct vexfs_super *s, const char **why)
{
	int err = vexfs_super_check(s, d->dev.blocks, why);

	return !err || err == -EROFS || err == -ENXIO;
}

/* Where things are.  A copy does not know how many groups are in use: they are looked at. */
static void go_by(struct debug *d, const struct vexfs_super *s)
{
	int err;

	d->super = *s;
	vexfs_super_geometry(&d->fs, s);
	err = d->fs.groups_init ? 0 : vexfs_super_find_groups(&d->fs);
	if (err)
		debug_wrong(d, "superblock: which groups are in use: %s", strerror(-err));
}

/*
 * The superblock that says where things are: block 0, a copy, or block 0 in spite of its checksum.
 */
static void look_for_super(struct debug *d)
{
	static const __u64 at[] = { 0, VEXFS_GROUP_BLOCKS, 3 * VEXFS_GROUP_BLOCKS };
	struct vexfs_super s;
	const char *why = NULL, *first = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(at) && !d->known; i++) {
		if (at[i] >= d->dev.blocks || vexfs_dev_read(&d->dev, at[i], &s))
			continue;
		d->known = usable(d, &s, &why);
		first = first ?: d->known ? NULL : why;
		if (d->known && i)
			debug_wrong(d, "superblock: %s; going by the copy in block %llu", first,
				    at[i]);
	}
	if (!d->known && !vexfs_dev_read(&d->dev, 0, &s) && le64_to_cpu(s.s_magic) == VEXFS_MAGIC) {
		vexfs_super_stamp(&s);
		d->known = usable(d, &s, &why);
		if (d->known)
			debug_wrong(d, "superblock: %s, and there is no copy; going by it", first);
	}
	if (!d->known) {
		debug_wrong(d, "superblock: %s, and there is no copy", first ?: "cannot be read");
		return;
	}
	go_by(d, &s);
}

/* What the log holds, in memory.  The superblock is in it, too: what is in use grows. */
static void replay(struct debug *d)
{
	struct vexfs_super s;
	const char *why = NULL;
	int err = vexfs_log_replay(&d->dev, &d->super, NULL, &why);

	if (err)
		debug_wrong(d, "log: %s; without what is in it", why ?: strerror(-err));
	if (debug_read(d, 0, &s) && usable(d, &s, &why))
		go_by(d, &s);
}

static int open_device(struct debug *d, const char *path)
{
	char target[4096];
	struct stat st;
	int err, at;

	if (stat(path, &st))
		return fail(path, "%s", strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(path, "is neither a block device nor an image");
	at = vexfs_mounted(&st, target, sizeof(target));
	err = vexfs_dev_open(&d->dev, path, O_RDONLY);
	if (err)
		return fail(path, "%s", strerror(-err));
	d->dev.quiet = true;
	d->fs.host = &d->dev;
	if (at)
		fprintf(stderr, "vexctl debug: %s: note: is mounted on %s%s\n", printable(path),
			printable(target),
			at == 2 ? ": what is printed may be changing, and in two states at once" :
				  "");
	else if (vexfs_dev_trylock(&d->dev, true) == -EBUSY || vexfs_dev_held(&d->dev))
		fprintf(stderr,
			"vexctl debug: %s: note: is open for writing in another process: what is printed may be changing\n",
			printable(path));
	look_for_super(d);
	/* of a mounted device one reads what the kernel has, which is ahead of the log */
	if (d->known && !d->raw && !(at && S_ISBLK(st.st_mode)))
		replay(d);
	return 0;
}

/* --- the verb --- */

static const struct debug_what *const whats[] = { debug_disk, debug_inodes, debug_collections };

static const struct debug_what *find(const char *name)
{
	const struct debug_what *w;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(whats); i++)
		for (w = whats[i]; w->name; w++)
			if (!strcmp(w->name, name))
				return w;
	return NULL;
}

static int unknown(const char *name)
{
	char list[256] = "";
	const struct debug_what *w;
	size_t i, at = 0;

	for (i = 0; i < ARRAY_SIZE(whats); i++)
		for (w = whats[i]; w->name; w++)
			at += snprintf(list + at, at < sizeof(list) ? sizeof(list) - at : 0, "%s%s",
				       at ? ", " : "", w->name);
	return usage("there is no '%.64s'; there are %s", name, list);
}

static int print(struct debug *d, const struct debug_what *w, const char *path, int argc,
		 char **argv, bool json)
{
	size_t wrong;
	int ret;

	ret = open_device(d, path);
	if (!ret && w->known && !d->known)
		ret = fail(
			path,
			"holds no VexFS that one could find one's way in; `block N` prints what there is");
	ret = ret ?: w->run(d, argc, argv);
	if (ret)
		return ret;
	wrong = json_object_array_length(d->wrong);
	if (json) {
		json_object_object_add(d->out, "wrong", json_object_get(d->wrong));
		print_json(json_object_get(d->out));
	} else {
		print_text(d);
	}
	if (!wrong)
		return VEXCTL_OK;
	return fail(path, "%zu thing%s wrong with this %s", wrong, wrong == 1 ? " is" : "s are",
		    w->name);
}

static int run_debug(int argc, char **argv)
{
	static const struct option options[] = { { "raw", no_argument, NULL, 'r' },
						 { "hex", no_argument, NULL, 'x' },
						 { "id", no_argument, NULL, 'i' },
						 { "json", no_argument, NULL, 'j' },
						 {} };
	const struct debug_what *w;
	struct debug d = {};
	bool json = false;
	const char *path;
	int c, n, ret;

	while ((c = getopt_long(argc, argv, "rxi", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			d.raw = true;
			break;
		case 'x':
			d.hex = true;
			break;
		case 'i':
			d.by_id = true;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 1, INT_MAX, "DEVICE or IMAGE, and what to print of it"))
		return VEXCTL_USAGE;
	path = argv[optind++];
	w = find(optind < argc ? argv[optind] : "superblock");
	if (!w)
		return unknown(argv[optind]);
	optind += optind < argc;
	n = argc - optind;
	if (n < w->min || n > w->max)
		return usage("wanted: %s%s%s", w->name, *w->args ? " " : "", w->args);
	d.out = json_object_new_object();
	d.wrong = json_object_new_array();
	add_str(d.out, "what", w->name);
	ret = print(&d, w, path, n, argv + optind, json);
	if (d.dev.hash)
		vexfs_dev_close(&d.dev);
	json_object_put(d.out);
	json_object_put(d.wrong);
	return ret;
}

const struct verb debug_verbs[] = {
	{ "debug", run_debug, "DEVICE|IMAGE [WHAT [ARGUMENT]...] [-r] [-x] [-i] [--json]",
	  "print what is on a device, structure by structure, sound or not",
	  "  superblock [0|1|3]       the superblock, or its copy in this group\n"
	  "  group N                  a group: where its parts are, its bitmaps as ranges\n"
	  "  log                      the log: its superblock, and the transactions that a mount replays\n"
	  "  log blocks               every block of it that is part of a transaction, old ones too\n"
	  "  block N                  a block: what is there by its place, and whose it is\n"
	  "  inode N|PATH             an inode\n"
	  "  extents N|PATH           its extent tree: nodes, and extents\n"
	  "  directory N|PATH         the blocks of a directory, and their entries\n"
	  "  collection N|PATH        a collection: schema, planes, snapshots, checkpoint\n"
	  "  record COLLECTION SLOT   a record, its key and its vector\n"
	  "  -r, --raw                without what the log holds; else things are as a mount would find them\n"
	  "  -x, --hex                with block, inode and record: its bytes, too\n"
	  "  -i, --id                 with record: SLOT is an id, and all slots that have it are printed\n"
	  "PATH begins with a slash.  Fields have the names, and the meaning, of <vexfs/format.h>.  Nothing is written.  Damage is\n"
	  "no obstacle: what can be read is printed, and below it a line for each thing that is WRONG, such as a checksum, as\n"
	  "stored and as computed; the exit code is then 1.  It is no check: see fsck.vexfs for that.  What is mounted may be\n"
	  "changing meanwhile, which is said on stderr; of a mounted device one sees what the kernel has of it, log or not.\n" },
	{}
};
