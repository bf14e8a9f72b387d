// SPDX-License-Identifier: GPL-2.0
/* Words of keyword attributes, see dictionary.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "libvexfs/dictionary.h"

#define WORDS	4096u		/* read at once */

void vexfs_dictionary_free(struct vexfs_dictionary *d)
{
	__u32 i;

	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		while (d->attr[i].n)
			free(d->attr[i].word[--d->attr[i].n]);
		free(d->attr[i].word);
	}
	memset(d, 0, sizeof(*d));
}

static int append(struct vexfs_dictionary *d, __u32 attr, const char *word, __u8 len)
{
	__typeof__(&d->attr[0]) a = &d->attr[attr];

	if (a->n == a->room) {
		__u64 room = a->room ? a->room * 2 : 256;
		char **p = realloc(a->word, room * sizeof(*p));

		if (!p)
			return -ENOMEM;
		a->word = p;
		a->room = room;
	}
	a->word[a->n] = strndup(word, len);
	if (!a->word[a->n])
		return -ENOMEM;
	a->n++;
	return 0;
}

/* Read words of an attribute that are not known yet: how many. */
static int more(struct vexfs_dictionary *d, int fd, __u32 attr)
{
	struct vexfs_word_list list = { .room = WORDS, .byte_room = WORDS * VEXFS_MAX_KEY };
	const char *s;
	int err = -ENOMEM;
	__u32 i;

	list.bytes = malloc(list.byte_room);
	list.lens = malloc(list.room);
	if (list.bytes && list.lens)
		err = vexfs_words(fd, attr, d->attr[attr].n + 1, &list);
	for (i = 0, s = list.bytes; !err && i < list.n; s += list.lens[i++])
		err = append(d, attr, s, list.lens[i]);
	free(list.bytes);
	free(list.lens);
	return err ? err : (int)list.n;
}

/* A word that was not to be known before. */
static int again(struct vexfs_dictionary *d, int fd, __u32 attr, __s64 code, const char **word)
{
	char bytes[VEXFS_MAX_KEY], *known;
	__u8 len = 0;
	struct vexfs_word_list list = { .room = 1, .byte_room = sizeof(bytes), .bytes = bytes,
					.lens = &len };
	int err = vexfs_words(fd, attr, code, &list);

	if (err)
		return err;
	if (!list.n || !len)
		return -ENODATA;
	known = strndup(bytes, len);
	if (!known)
		return -ENOMEM;
	free(d->attr[attr].word[code - 1]);
	*word = d->attr[attr].word[code - 1] = known;
	return 0;
}

int vexfs_dictionary_word(struct vexfs_dictionary *d, int fd, __u32 attr, __s64 code,
			  const char **word)
{
	int n;

	while (code > 0 && (__u64)code > d->attr[attr].n) {
		n = more(d, fd, attr);
		if (n < 0)
			return n;
		if (!n)
			break;
	}
	if (code < 1 || (__u64)code > d->attr[attr].n)
		return -ENODATA;
	*word = d->attr[attr].word[code - 1];
	if (!**word)			/* only records had it then that we could not see */
		return again(d, fd, attr, code, word);
	return 0;
}
