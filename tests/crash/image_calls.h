/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VEXFS_TESTS_IMAGE_CALLS_H
#define _VEXFS_TESTS_IMAGE_CALLS_H

struct vexfs_image;

/* Where the image is, for programs that are linked with image_calls.c. */
#define IMAGE_TOP "/mnt"

/* From now on it is this one; NULL: there is none, and none of its files is open. */
void image_calls(struct vexfs_image *image);

#endif /* _VEXFS_TESTS_IMAGE_CALLS_H */
