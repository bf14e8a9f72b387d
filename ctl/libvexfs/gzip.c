// SPDX-License-Identifier: GPL-2.0
/* gzip files as stdio files, see gzip.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>
#include <zlib.h>
#include "libvexfs/gzip.h"

#define BUFFER	(256u << 10)

static ssize_t read_some(void *cookie, char *buf, size_t size)
{
	int n, state;

	errno = 0;
	n = gzread(cookie, buf, size < BUFFER ? size : BUFFER);
	gzerror(cookie, &state);
	/* Z_BUF_ERROR: the file ends where its data do not */
	if (n < 0 || (!n && state == Z_BUF_ERROR)) {
		if (state != Z_ERRNO || !errno)
			errno = state == Z_MEM_ERROR ? ENOMEM : EBADMSG;
		return -1;
	}
	return n;
}

static ssize_t write_some(void *cookie, const char *buf, size_t size)
{
	int n;

	errno = 0;
	n = gzwrite(cookie, buf, size < BUFFER ? size : BUFFER);
	if (n <= 0 && !errno)
		errno = EIO;
	return n; /* 0 is an error, too */
}

/* To any place but the end, which is not known. */
static int seek(void *cookie, off64_t *at, int whence)
{
	z_off_t to;

	if (whence == SEEK_END) {
		errno = ESPIPE;
		return -1;
	}
	to = gzseek(cookie, *at, whence);
	if (to < 0) {
		errno = EIO;
		return -1;
	}
	*at = to;
	return 0;
}

static int close_it(void *cookie)
{
	int err;

	errno = 0;
	err = gzclose(cookie);
	if (!err || err == Z_BUF_ERROR)	/* reading ended early */
		return 0;
	if (err != Z_ERRNO || !errno)
		errno = EIO;
	return -1;
}

/* RFC 1952: magic number, method, flags, 4 bytes of time, how it was packed, where. */
bool vexfs_is_gzip(FILE *file)
{
	unsigned char h[10];
	size_t n = fread(h, 1, sizeof(h), file);

	rewind(file);
	return n == sizeof(h) && h[0] == 0x1f && h[1] == 0x8b && h[2] == Z_DEFLATED &&
	       !(h[3] & 0xe0) && (!h[8] || h[8] == 2 || h[8] == 4) && (h[9] <= 13 || h[9] == 255);
}

FILE *vexfs_gzip_open(int fd, bool write)
{
	cookie_io_functions_t io = {
		.read = write ? NULL : read_some,
		.write = write ? write_some : NULL,
		.seek = write ? NULL : seek,
		.close = close_it,
	};
	gzFile gz = NULL;
	FILE *file = NULL;

	errno = 0;
	if (write || !lseek(fd, 0, SEEK_SET))
		gz = gzdopen(fd, write ? "wb" : "rb");
	if (gz) {
		gzbuffer(gz, BUFFER);
		file = fopencookie(gz, write ? "w" : "r", io);
	}
	if (!file) {
		int why = errno ? errno : ENOMEM;

		if (gz)
			gzclose(gz);
		else
			close(fd);
		errno = why;
	}
	return file;
}
