// SPDX-License-Identifier: GPL-2.0
/*
 * Listing a collection, natively: ioctl() is the one below, which knows what the kernel module
 * would answer, sensible or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "box.h"
#include "libvexfs/walk.h"

#define RECORDS	10000
#define DIMS	3
#define FD	77
#define WORDS	5000			/* more than one call gives */

/* The collection: slots 0 .. RECORDS - 1, those with slot % 7 == 3 are dead. */
static struct {
	__u32 page;			/* slots of a page at most */
	__u32 calls;
	__u64 epoch;
	__u64 words;
	__u64 gone;			/* this file and its records are gone; 0: none */
	int (*spoil)(unsigned long cmd, void *arg);	/* change the answer, or 0 */
} k;

static bool dead(__u64 slot)
{
	return slot % 7 == 3;
}

static struct vexfs_item item_of(__u64 slot)
{
	struct vexfs_item i = {
		.id = slot * 1000003, .slot = slot, .seq = slot + 1,
		.attr = { -(__s64)slot, slot % 3 ? (__s64)(slot % WORDS) + 1 : 0 },
	};

	if (slot % 5 == 1)
		i.flags |= VEXFS_ITEM_KEYED;
	if (slot % 4 == 2) {
		i.flags |= VEXFS_ITEM_BOUND;
		i.file = 100 + slot / 16;
		i.file_off = slot << 20;
		i.file_len = slot;
	}
	return i;
}

static int list(struct vexfs_ioc_list *l)
{
	__u64 slot = l->cursor;
	__u32 n = 0, used = 0, slots = 0;

	if (l->cursor && l->epoch != k.epoch)
		return ESTALE;
	if (strcmp(l->snapshot, "") && strcmp(l->snapshot, "monday"))
		return ENOENT;
	assert_int_equal(l->row_bytes, DIMS * 4);
	for (; slot < RECORDS && n < l->n && slots < k.page; slot++, slots++) {
		struct vexfs_item *i = (struct vexfs_item *)(unsigned long)l->items + n;
		float *row = (float *)(unsigned long)l->rows + n * DIMS;
		char *keys = (char *)(unsigned long)l->keys;

		if (dead(slot) || (k.gone && item_of(slot).file == k.gone))
			continue;
		if (used + VEXFS_MAX_KEY > l->key_bytes)
			break;
		*i = item_of(slot);
		row[0] = row[1] = row[2] = slot;
		if (i->flags & VEXFS_ITEM_KEYED) {
			i->key_off = used;
			i->key_len = sprintf(keys + used, "key-%llu", slot);
			used += i->key_len;
		}
		n++;
	}
	l->n = n;
	l->key_bytes = used;
	l->cursor = slot < RECORDS ? slot : ~0ULL;
	l->epoch = k.epoch;
	return 0;
}

static int words(struct vexfs_ioc_words *w)
{
	char *out = (char *)(unsigned long)w->words;
	__u8 *len = (__u8 *)(unsigned long)w->lens;
	__u32 n;

	assert_int_equal(w->attr, 1);
	for (n = 0; n < w->n && w->first + n <= (__s64)k.words; n++, out += len[n - 1])
		len[n] = sprintf(out, "w%llu", w->first + n);
	w->n = n;
	w->word_bytes = out - (char *)(unsigned long)w->words;
	w->total = k.words;
	return 0;
}

int ioctl(int fd, unsigned long cmd, ...)
{
	struct vexfs_ioc_path *p;
	va_list ap;
	void *arg;
	int err;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	assert_int_equal(fd, FD);
	k.calls++;
	switch (cmd) {
	case VEXFS_IOC_LIST:
		err = list(arg);
		break;
	case VEXFS_IOC_WORDS:
		err = words(arg);
		break;
	case VEXFS_IOC_PATH:
		p = arg;
		err = p->file == k.gone ? ENOENT : 0;
		p->len = snprintf((char *)(unsigned long)p->path, p->room, "dir/file%llu", p->file);
		break;
	case VEXFS_IOC_GET:
		err = k.gone ? ENOENT : 0;
		break;
	default:
		fail_msg("ioctl %lx", cmd);
		err = ENOTTY;
	}
	if (!err && k.spoil)
		err = k.spoil(cmd, arg);
	errno = err;
	return err ? -1 : 0;
}

static const struct vexfs_ioc_info info = {
	.dims = DIMS, .row_bytes = DIMS * 4, .attrs = 2,
	.attr = { { .name = "age", .type = VEXFS_ATTR_INT },
		  { .name = "lang", .type = VEXFS_ATTR_KEYWORD } },
};

static void reset(__u32 page)
{
	memset(&k, 0, sizeof(k));
	k.page = page;
	k.epoch = 5;
	k.words = WORDS;
}

/* The walk's record must be that of the slot. */
static void check(const struct vexfs_walk *w, __u64 slot)
{
	struct vexfs_item want = item_of(slot);
	char text[64];

	assert_true(w->r.has_id && w->r.id == want.id);
	assert_true(w->r.row[0] == slot && w->r.row[2] == slot);
	snprintf(text, sizeof(text), "key-%llu", slot);
	assert_int_equal(w->r.key != NULL, slot % 5 == 1);
	assert_true(!w->r.key || !strcmp(w->r.key, text));
	snprintf(text, sizeof(text), "dir/file%llu", want.file);
	assert_int_equal(w->r.file != NULL, slot % 4 == 2);
	assert_true(!w->r.file || !strcmp(w->r.file, text));
	assert_true(w->r.file_off == want.file_off && w->r.file_len == want.file_len);
	assert_int_equal(w->r.attrs, slot % 3 ? 2 : 1);
	assert_string_equal(w->r.attr[0].name, "age");
	assert_true(!w->r.attr[0].word && w->r.attr[0].number == -(__s64)slot);
	snprintf(text, sizeof(text), "w%llu", slot % WORDS + 1);
	assert_true(w->r.attrs == 1 || !strcmp(w->r.attr[1].word, text));
}

/* Walk to the end or the first error, which is returned; how many records there were. */
static int walk(const struct vexfs_where *where, const char *snapshot, __u32 *n, char *error)
{
	struct vexfs_walk w;
	int ret;

	assert_int_equal(vexfs_walk_open(&w, FD, &info, snapshot, 0), 0);
	w.where = where;
	for (*n = 0; (ret = vexfs_walk_next(&w)) > 0; ++*n)
		;
	strcpy(error, w.error);
	assert_int_equal(ret < 0, error[0] != 0);
	vexfs_walk_close(&w);
	return ret;
}

static void test_all(void **state)
{
	static const __u32 pages[] = { 1, 2, 64, 1000, RECORDS + 1 };
	struct vexfs_walk w;
	__u64 slot;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		reset(pages[i]);
		assert_int_equal(vexfs_walk_open(&w, FD, &info, i % 2 ? "monday" : NULL, 0), 0);
		for (slot = 0; slot < RECORDS; slot++) {
			if (dead(slot))
				continue;
			assert_int_equal(vexfs_walk_next(&w), 1);
			check(&w, slot);
		}
		assert_int_equal(vexfs_walk_next(&w), 0);
		assert_int_equal(vexfs_walk_next(&w), 0);	/* and stays there */
		vexfs_walk_close(&w);
	}
}

static void test_where(void **state)
{
	struct vexfs_where where;
	char error[256];
	__u32 n, want = 0;
	__u64 slot;

	(void)state;
	reset(100);
	assert_int_equal(vexfs_where_parse("age > -500 and not age in (-1, -2, -8)", &info, NULL,
					   &where, error, sizeof(error)),
			 0);
	for (slot = 0; slot < 500; slot++)
		want += !dead(slot) && slot != 1 && slot != 2 && slot != 8;
	assert_int_equal(walk(&where, NULL, &n, error), 0);
	assert_int_equal(n, want);
}

static int compacted(unsigned long cmd, void *arg)
{
	(void)arg;
	k.epoch += cmd == VEXFS_IOC_LIST && k.calls > 3;
	return 0;
}

static int too_many(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_list *l = arg;

	if (cmd == VEXFS_IOC_LIST)
		l->n = l->row_bytes << 20;
	return 0;
}

static int stands(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_list *l = arg;

	if (cmd == VEXFS_IOC_LIST) {
		l->n = 0;
		l->cursor = 0;
	}
	return 0;
}

static int key_outside(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_list *l = arg;

	if (cmd == VEXFS_IOC_LIST)
		((struct vexfs_item *)(unsigned long)l->items)[1].key_off = l->key_bytes - 4;
	return 0;
}

static int key_of_nothing(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_list *l = arg;

	if (cmd == VEXFS_IOC_LIST)
		((struct vexfs_item *)(unsigned long)l->items)[1].key_len = 0;
	return 0;
}

static int negative_word(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_list *l = arg;

	if (cmd == VEXFS_IOC_LIST)
		((struct vexfs_item *)(unsigned long)l->items)[1].attr[1] = INT64_MIN;
	return 0;
}

static int too_many_words(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_words *w = arg;

	if (cmd == VEXFS_IOC_WORDS)
		w->n = 1 << 30;
	return 0;
}

static int no_memory(unsigned long cmd, void *arg)
{
	(void)arg;
	return cmd == VEXFS_IOC_WORDS ? ENOMEM : 0;
}

static int no_path(unsigned long cmd, void *arg)
{
	(void)arg;
	return cmd == VEXFS_IOC_PATH ? ENOENT : 0;
}

static int long_path(unsigned long cmd, void *arg)
{
	struct vexfs_ioc_path *p = arg;

	if (cmd == VEXFS_IOC_PATH)
		p->len = 4096;
	return 0;
}

static void test_trouble(void **state)
{
	static const struct {
		int (*spoil)(unsigned long cmd, void *arg);
		int err;
		const char *says;
		__u64 words;
	} t[] = {
		{ compacted, -ESTALE, "was compacted meanwhile", WORDS },
		{ too_many, -EPROTO, "makes no sense", WORDS },
		{ stands, -EPROTO, "makes no sense", WORDS },
		{ key_outside, -EPROTO, "makes no sense", WORDS },
		{ key_of_nothing, -EPROTO, "record 1000003 has a key that is none", WORDS },
		{ negative_word, -EPROTO, "record 1000003 has an unknown word for 'lang'", WORDS },
		{ NULL, -EPROTO, "has an unknown word for 'lang'", 3 },
		{ too_many_words, -EPROTO, "makes no sense", WORDS },
		{ no_memory, -ENOMEM, "out of memory", WORDS },
		{ no_path, -ENOENT, "file of record 2000006: there is no such file", WORDS },
		{ long_path, -EPROTO, "makes no sense", WORDS },
	};
	char error[256];
	size_t i;
	__u32 n;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		reset(64);
		k.spoil = t[i].spoil;
		k.words = t[i].words;
		if (walk(NULL, NULL, &n, error) != t[i].err || !strstr(error, t[i].says))
			fail_msg("%zu: '%s', not '%s'", i, error, t[i].says);
	}
	reset(64);
	assert_int_equal(walk(NULL, "tuesday", &n, error), -ENOENT);
	assert_string_equal(error,
			    "there is no snapshot of that name; see them with `vexctl snapshot list`");
	assert_int_equal(walk(NULL, "a-name-of-32-bytes-which-is-long", &n, error), -ENAMETOOLONG);
}

/* A file that is unlinked between the page and its path takes its records along. */
static void test_gone(void **state)
{
	struct vexfs_walk w;
	__u32 n = 0;

	(void)state;
	reset(RECORDS);
	assert_int_equal(vexfs_walk_open(&w, FD, &info, NULL, 0), 0);
	assert_int_equal(vexfs_walk_next(&w), 1);
	k.gone = 100;			/* of slots 2, 6 and 14; 10 is dead */
	for (n = 1; vexfs_walk_next(&w) > 0; n++)
		assert_true(!w.r.file || strcmp(w.r.file, "dir/file100"));
	assert_string_equal(w.error, "");
	vexfs_walk_close(&w);
	assert_int_equal(n, RECORDS - RECORDS / 7 - 3 - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
