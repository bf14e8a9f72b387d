// SPDX-License-Identifier: GPL-2.0
/* libvexfs: words of keyword attributes, paths of files; see <vexfs/vexfs.h>. */
#include "libvexfs/call.h"

int vexfs_words(int fd, __u32 attr, __s64 first, struct vexfs_word_list *list)
{
	struct vexfs_ioc_words w = {
		.size = sizeof(w),
		.attr = attr,
		.n = list->room,
		.first = first,
		.words = to_u64(list->bytes),
		.lens = to_u64(list->lens),
		.word_bytes = list->byte_room,
	};
	int err = vexfs_call(fd, VEXFS_IOC_WORDS, &w);
	__u64 bytes = 0;
	__u32 i;

	if (!err && (w.n > list->room || w.word_bytes > list->byte_room))
		err = -EPROTO;
	for (i = 0; !err && i < w.n; i++)
		bytes += list->lens[i];
	if (bytes > list->byte_room)
		err = -EPROTO;
	list->n = err ? 0 : w.n;
	return err;
}

int vexfs_intern(int fd, __u32 attr, const struct vexfs_word_list *list, __s64 *codes, __u32 flags)
{
	struct vexfs_ioc_intern i = {
		.size = sizeof(i),
		.flags = flags,
		.attr = attr,
		.n = list->n,
		.words = to_u64(list->bytes),
		.lens = to_u64(list->lens),
		.codes = to_u64(codes),
	};
	__u64 bytes = 0;
	__u32 n;

	for (n = 0; n < list->n; n++)
		bytes += list->lens[n];
	if (bytes > VEXFS_MAX_STRING_BYTES)
		return -E2BIG;
	i.word_bytes = bytes;
	return vexfs_call(fd, VEXFS_IOC_INTERN, &i);
}

int vexfs_path(int fd, __u64 file, char *path, __u32 room)
{
	struct vexfs_ioc_path p = {
		.size = sizeof(p),
		.file = file,
		.path = to_u64(path),
		.room = room - 1,
	};
	int err;

	if (!room)
		return -ERANGE;
	err = vexfs_call(fd, VEXFS_IOC_PATH, &p);
	if (!err && p.len >= room)
		err = -EPROTO;
	if (!err)
		path[p.len] = 0;
	return err;
}
