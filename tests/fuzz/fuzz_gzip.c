// SPDX-License-Identifier: GPL-2.0
/*
 * Packed files.  The first byte says how the packed data after it are wrapped: bit 0 with a wrong
 * checksum, bit 1 twice, one behind the other, bit 2 without the last byte, bit 3 something else
 * follows.  The checksums are right but for that, so what is read must be what zlib makes of the
 * data by itself, or end in an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "fuzz.h"
#include "libvexfs/gzip.h"

#define MOST	(1u << 20)		/* bytes unpacked */

static const __u8 head[10] = { 0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, 0, 3 };

/* Unpack; *used: bytes of data.  Returns how many, -1: they are damaged, cut off, or too many. */
static long unpack(const __u8 *data, size_t size, __u8 *out, size_t *used)
{
	z_stream z = {
		.next_in = (__u8 *)data, .avail_in = size, .next_out = out, .avail_out = MOST
	};
	int ret;

	must(inflateInit2(&z, -15) == Z_OK);
	ret = inflate(&z, Z_FINISH);
	*used = size - z.avail_in;
	inflateEnd(&z);
	return ret == Z_STREAM_END ? (long)z.total_out : -1;
}

static size_t wrap(__u8 *to, const __u8 *data, size_t size, const __u8 *plain, long n, bool wrong)
{
	__le32 tail[2] = { crc32(0, plain, n) + wrong, n };

	memcpy(to, head, sizeof(head));
	memcpy(to + sizeof(head), data, size);
	memcpy(to + sizeof(head) + size, tail, sizeof(tail));
	return sizeof(head) + size + sizeof(tail);
}

/*
 * Read it from its start: the bytes of want, then its end, or an error; after an error it is a part
 * of them.
 */
static void expect(FILE *f, const __u8 *want, size_t n, bool damaged)
{
	static __u8 got[2 * MOST + 1];
	size_t at;

	errno = 0;
	at = fread(got, 1, sizeof(got), f);
	must(at <= n && !memcmp(got, want, at));
	if (damaged) {
		must(ferror(f) && errno == EBADMSG);
	} else {
		must(!ferror(f) && at == n);
	}
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	static __u8 plain[2 * MOST];
	__u8 how, *file;
	size_t used, n;
	bool damaged;
	long bytes;
	FILE *f;
	int fd;

	if (size < 2 || size > 1 << 16)
		return 0;
	how = *data;
	bytes = unpack(data + 1, size - 1, plain, &used);
	if (bytes < 0)
		how = 0;
	file = malloc(2 * (size + 32));
	must(file);
	n = wrap(file, data + 1, bytes < 0 ? size - 1 : used, plain, bytes < 0 ? 0 : bytes,
		 how & 1);
	if (how & 2) {
		n += wrap(file + n, data + 1, used, plain, bytes, false);
		memmove(plain + bytes, plain, bytes);
		bytes *= 2;
	}
	if (how & 4)
		n--;
	else if (how & 8)		/* zlib takes no notice of that */
		file[n++] = 'x';
	damaged = bytes < 0 || how & 5;
	fd = memfd_create("gzip", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, file, n) == (ssize_t)n);
	free(file);
	f = fdopen(dup(fd), "r");
	rewind(f);
	must(vexfs_is_gzip(f));
	fclose(f);
	f = vexfs_gzip_open(fd, false);
	must(f);
	/* what cannot be unpacked as a whole may begin well */
	if (bytes >= 0) {
		expect(f, plain, bytes, damaged);
		if (!damaged) {		/* and again */
			must(!fseeko(f, 0, SEEK_SET));
			expect(f, plain, bytes, damaged);
		}
	} else {
		while (fread(plain, 1, sizeof(plain), f) == sizeof(plain))
			;
	}
	must(fseeko(f, 0, SEEK_END));
	must(!fclose(f));
	return 0;
}
