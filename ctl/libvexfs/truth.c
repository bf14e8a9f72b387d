// SPDX-License-Identifier: GPL-2.0
/* Lists of true neighbours, see truth.h. */
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "libvexfs/file_format.h"
#include "libvexfs/truth.h"

#define MAX_IDS	VEXFS_MAX_DIMS

__attribute__((format(printf, 3, 4))) static int complain(struct vexfs_truth *t, int err,
							  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	return err;
}

static int unreadable(struct vexfs_truth *t)
{
	int why = errno;

	return complain(t, -EIO, "list %llu cannot be read: %s", t->list,
			why == EBADMSG ? "its gzip data are damaged or cut off" : strerror(why));
}

/* npy or ibin?  What is neither is taken for ivecs. */
static int guess(struct vexfs_truth *t)
{
	__le32 head[2];
	size_t n;
	off_t size;

	errno = 0;
	n = fread(head, 1, sizeof(head), t->file);
	if (ferror(t->file))
		return unreadable(t);
	size = fseeko(t->file, 0, SEEK_END) ? -1 : ftello(t->file);
	rewind(t->file);
	t->format = VEXFS_FILE_IVECS;
	if (n < sizeof(head))
		return 0;
	if (!memcmp(head, "\x93NUMPY", 6)) {
		t->format = VEXFS_FILE_NPY;
	} else {
		__u64 numbers = (__u64)le32toh(head[0]) * le32toh(head[1]);

		if (le32toh(head[1]) && le32toh(head[1]) <= MAX_IDS && size > 0 &&
		    ((__u64)size == sizeof(head) + numbers * 4 ||
		     (__u64)size == sizeof(head) + numbers * 8))
			t->format = VEXFS_FILE_IBIN;
	}
	return 0;
}

static int start_ibin(struct vexfs_truth *t)
{
	__u32 lists;
	int err = vexfs_bin_header(t->file, &lists, &t->ids);

	if (err == -EIO)
		return unreadable(t);
	if (err)
		return complain(t, err, "the file is truncated in its header");
	if (!t->ids || t->ids > MAX_IDS)
		return complain(t, -EBADMSG, "this is not ibin: its header claims lists of %u ids",
				t->ids);
	t->lists = lists;
	t->element = VEXFS_I32;
	return 0;
}

static int start_npy(struct vexfs_truth *t)
{
	struct vexfs_npy h;
	int err = vexfs_npy_header(t->file, &h, t->buf, t->error, sizeof(t->error));

	if (err)
		return err;
	if (h.element == VEXFS_F16 || h.element == VEXFS_F32 || h.element == VEXFS_F64 ||
	    h.element == VEXFS_BOOL)
		return complain(t, -EBADMSG,
				"its numbers are of type '%s', ids are whole numbers; save it as array.astype('<i8')",
				h.type);
	if (h.axes != 2)
		return complain(t, -EBADMSG,
				"its array has %u ax%ss, not the two of (queries, ids); reshape it",
				h.axes, h.axes == 1 ? "i" : "e");
	if (h.fortran && h.shape[0] > 1 && h.shape[1] > 1)
		return complain(t, -EBADMSG,
				"it is in Fortran order; save it as numpy.ascontiguousarray(array)");
	if (h.shape[0] && (!h.shape[1] || h.shape[1] > MAX_IDS))
		return complain(t, -EBADMSG, "its lists have %llu ids; they may have 1 to %u",
				h.shape[1], MAX_IDS);
	t->lists = h.shape[0];
	t->ids = h.shape[1];
	t->element = h.element;
	t->swap = h.swap;
	return 0;
}

int vexfs_truth_open(struct vexfs_truth *t, FILE *file, enum vexfs_file_format format)
{
	int err = 0;

	memset(t, 0, sizeof(*t));
	t->file = file;
	t->format = format;
	t->element = VEXFS_I32;
	if (format == VEXFS_FILE_GUESS)
		err = guess(t);
	if (err)
		return err;
	if (t->format != VEXFS_FILE_IVECS && t->format != VEXFS_FILE_IBIN &&
	    t->format != VEXFS_FILE_NPY)
		return complain(t, -ENOEXEC,
				"it is %s, and lists of ids come as ivecs, ibin or npy",
				vexfs_file_format_name(t->format));
	t->buf = malloc(VEXFS_IMPORT_HEADER); /* more than MAX_IDS of 8 bytes */
	_Static_assert(VEXFS_IMPORT_HEADER >= MAX_IDS * 8, "room for a list");
	if (!t->buf)
		return complain(t, -ENOMEM, "is too large for the memory");
	if (t->format == VEXFS_FILE_IBIN)
		err = start_ibin(t);
	if (t->format == VEXFS_FILE_NPY)
		err = start_npy(t);
	if (err)
		vexfs_truth_close(t);
	return err;
}

void vexfs_truth_close(struct vexfs_truth *t)
{
	free(t->buf);
	t->buf = NULL;
}

/* Behind the last list: nothing, or the distances of ibin. */
static int at_end(struct vexfs_truth *t)
{
	__u64 rest = 0;
	size_t n;

	while ((n = fread(t->buf, 1, VEXFS_IMPORT_HEADER, t->file)) > 0)
		rest += n;
	if (ferror(t->file))
		return unreadable(t);
	if (!rest || (t->format == VEXFS_FILE_IBIN && rest == t->lists * t->ids * sizeof(float)))
		return 0;
	return complain(t, -EBADMSG,
			"more bytes follow than its header claims: %llu lists of %u ids", t->lists,
			t->ids);
}

int vexfs_truth_next(struct vexfs_truth *t, __u64 *ids, __u32 max, __u32 *n)
{
	size_t bytes = vexfs_element_bytes(t->element), got;
	__u64 id;
	__u32 i;

	*n = 0;
	errno = 0;
	if (t->format == VEXFS_FILE_IVECS) {
		__le32 head;

		got = fread(&head, 1, sizeof(head), t->file);
		if (!got && !ferror(t->file))
			return 0;
		if (ferror(t->file))
			return unreadable(t);
		t->ids = got == sizeof(head) ? le32toh(head) : 1;
		if (!t->ids || t->ids > MAX_IDS)
			return complain(t, -EBADMSG, "this is not ivecs: list %llu claims %u ids",
					t->list, t->ids);
	} else if (t->list == t->lists) {
		return at_end(t);
	}
	got = fread(t->buf, bytes, t->ids, t->file);
	if (ferror(t->file))
		return unreadable(t);
	if (got != t->ids)
		return complain(t, -EBADMSG, "the file is truncated: list %llu is not whole",
				t->list);
	for (i = 0; i < t->ids && i < max; i++) {
		if (vexfs_element_id(t->element, t->swap, t->buf + i * bytes, &id))
			return complain(t, -EBADMSG,
					"list %llu, number %u is negative and not -1, which fills a list up",
					t->list, i);
		if (id == ~0ULL)
			break;
		ids[i] = id;
	}
	*n = i;
	t->list++;
	return 1;
}
