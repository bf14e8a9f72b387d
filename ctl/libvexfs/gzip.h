/* SPDX-License-Identifier: GPL-2.0 */
/* gzip files, read and written through stdio. */
#ifndef _VEXFS_GZIP_H
#define _VEXFS_GZIP_H

#include <stdbool.h>
#include <stdio.h>

/* Does it start like a gzip file?  It is at its start afterwards, and has to be seekable. */
bool vexfs_is_gzip(FILE *file);

/*
 * What is in the gzip file fd, from its start, to be read; or, with write, what goes into it.  The
 * file can be read again from its start, but not be sought from its end; one that is written cannot
 * be sought at all.  Data that are damaged or cut off are a read error with errno EBADMSG.
 * fclose() closes fd, and tells whether all was written.  NULL and errno, and fd is closed.
 */
FILE *vexfs_gzip_open(int fd, bool write);

#endif /* _VEXFS_GZIP_H */
