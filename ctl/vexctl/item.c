// SPDX-License-Identifier: GPL-2.0
/* vexctl: how records, words and bound files are shown, and conditions read. */
#include <errno.h>
#include <string.h>
#include "vexctl/vexctl.h"

void names_open(struct names *n, int fd, const struct vexfs_ioc_info *info)
{
	__u32 i;

	memset(n, 0, sizeof(*n));
	n->fd = fd;
	n->info = *info;
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		n->info.attr[i].name[VEXFS_ATTR_NAME_LEN - 1] = 0;
}

void names_close(struct names *n)
{
	vexfs_dictionary_free(&n->words);
}

/* The word of a keyword attribute, NULL: it has none, or it cannot be read. */
static const char *word_of(struct names *n, __u32 attr, __s64 code)
{
	const char *word;

	if (!code || vexfs_dictionary_word(&n->words, n->fd, attr, code, &word))
		return NULL;
	return word;
}

/* The path of a bound file, or NULL and why there is none in n->why. */
static const char *path_of(struct names *n, __u64 file)
{
	if (n->file != file) {
		n->why = vexfs_path(n->fd, file, n->path, sizeof(n->path));
		n->file = file;
	}
	return n->why ? NULL : n->path;
}

void print_place(struct names *n, __u64 file, __u64 off, __u32 len, __u32 flags)
{
	const char *path;

	if (!(flags & VEXFS_ITEM_BOUND))
		return;
	path = path_of(n, file);
	if (path)
		printf("  file %s", printable(path));
	else
		printf("  file inode %llu (%s)", file, strerror(-n->why));
	printf(":%llu+%u%s", off, len, flags & VEXFS_ITEM_STALE ? "  stale" : "");
}

void add_place(struct json_object *o, struct names *n, __u64 file, __u64 off, __u32 len,
	       __u32 flags)
{
	const char *path;

	if (!(flags & VEXFS_ITEM_BOUND))
		return;
	path = path_of(n, file);
	if (path)
		add_str(o, "file", path);
	else
		add_str(o, "file_unknown", strerror(-n->why));
	add_u64(o, "inode", file);
	add_u64(o, "offset", off);
	add_u64(o, "length", len);
	add_bool(o, "stale", flags & VEXFS_ITEM_STALE);
}

struct json_object *item_json(struct names *n, const struct vexfs_item *item, const char *key)
{
	struct json_object *o = json_object_new_object(), *attrs = json_object_new_object();
	const char *word;
	__u32 i;

	if (!(item->flags & VEXFS_ITEM_LOST))
		add_u64(o, "id", item->id);
	if (item->key_len)
		json_object_object_add(o, "key", json_object_new_string_len(key, item->key_len));
	add_u64(o, "slot", item->slot);
	add_u64(o, "seq", item->seq);
	for (i = 0; i < n->info.attrs; i++) {
		if (n->info.attr[i].type != VEXFS_ATTR_KEYWORD) {
			add_s64(attrs, n->info.attr[i].name, item->attr[i]);
			continue;
		}
		word = word_of(n, i, item->attr[i]);
		if (word)
			add_str(attrs, n->info.attr[i].name, word);
	}
	json_object_object_add(o, "attrs", attrs);
	add_place(o, n, item->file, item->file_off, item->file_len, item->flags);
	if (item->flags & VEXFS_ITEM_DAMAGED)
		add_bool(o, "damaged", true);
	if (item->flags & VEXFS_ITEM_LOST)
		add_bool(o, "lost", true);
	return o;
}

void print_item(struct names *n, const struct vexfs_item *item, const char *key)
{
	const char *word;
	__u32 i;

	if (item->flags & VEXFS_ITEM_LOST) {
		printf("slot %llu  damaged, its id is lost\n", item->slot);
		return;
	}
	printf("id %llu  slot %llu  seq %llu", item->id, item->slot, item->seq);
	if (item->key_len)
		printf("  key %s", printable_n(key, item->key_len));
	for (i = 0; i < n->info.attrs; i++) {
		if (n->info.attr[i].type != VEXFS_ATTR_KEYWORD) {
			printf("  %s=%lld", printable(n->info.attr[i].name), item->attr[i]);
			continue;
		}
		word = word_of(n, i, item->attr[i]);
		printf("  %s=%s", printable(n->info.attr[i].name), word ? printable(word) : "");
	}
	print_place(n, item->file, item->file_off, item->file_len, item->flags);
	if (item->flags & VEXFS_ITEM_DAMAGED)
		printf("  damaged");
	printf("\n");
}

int fail_damaged(const char *dir, __u64 damaged, __u64 lost)
{
	if (!lost)
		return fail(dir, "%llu records are damaged; insert them again, or delete them", damaged);
	return fail(dir, "%llu records are damaged, and of %llu of them the ids are lost: unmount, and run fsck.vexfs; insert all that are missing again, or delete them",
		    damaged, lost);
}

struct lookup {
	int fd, err;
};

static __s64 code_of(void *arg, __u32 attr, const char *word)
{
	struct lookup *l = arg;
	size_t len = strlen(word);
	__u8 len8 = len;
	struct vexfs_word_list list = { .n = 1, .bytes = (char *)word, .lens = &len8 };
	__s64 code = 0;
	int err = -EINVAL;

	if (len && len <= VEXFS_MAX_KEY)
		err = vexfs_intern(l->fd, attr, &list, &code, VEXFS_INTERN_LOOKUP);
	if (err)
		l->err = err;
	return !err && code ? code : -1;	/* no record has the code -1 */
}

int parse_where(const char *text, int fd, const struct vexfs_ioc_info *info,
		struct vexfs_where *where)
{
	struct lookup l = { .fd = fd };
	struct vexfs_words words = { code_of, &l };
	char error[512];

	if (vexfs_where_parse(text, info, &words, where, error, sizeof(error)))
		return fail("--where", "%s", error);
	return l.err ? fail_op("--where", VEXFS_OP_INTERN, l.err) : VEXCTL_OK;
}
