/* SPDX-License-Identifier: GPL-2.0 */
/* The words of the keyword attributes of a collection, read when they are first met. */
#ifndef _VEXFS_DICTIONARY_H
#define _VEXFS_DICTIONARY_H

#include <vexfs/vexfs.h>

struct vexfs_dictionary {
	struct {
		char	**word;		/* word n has the code n + 1 */
		__u64	n, room;
	} attr[VEXFS_MAX_ATTRS];
};

/*
 * The word of a code of a keyword attribute; good until the dictionary is freed.  0: *word,
 * -ENODATA there is no word of that code, -ENOMEM, -EPROTO, and those of vexfs_words().
 */
int vexfs_dictionary_word(struct vexfs_dictionary *d, int fd, __u32 attr, __s64 code,
			  const char **word);
void vexfs_dictionary_free(struct vexfs_dictionary *d);

#endif /* _VEXFS_DICTIONARY_H */
