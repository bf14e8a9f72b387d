// SPDX-License-Identifier: GPL-2.0
/* Files that verbs read records from and write them to. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "libvexfs/export.h"
#include "libvexfs/gzip.h"
#include "vexctl/vexctl.h"

/* What cannot be read twice is first copied to a temporary file. */
static int spool(struct input *in)
{
	FILE *copy = tmpfile();
	char buf[65536];
	size_t n;

	if (!copy)
		return fail(in->path, "cannot make a temporary copy: %s", strerror(errno));
	while (!interrupted() && (n = fread(buf, 1, sizeof(buf), in->file)) > 0)
		if (fwrite(buf, 1, n, copy) != n)
			break;
	if (interrupted() || ferror(in->file) || ferror(copy) || fflush(copy)) {
		fail(in->path, "%s; nothing was done",
		     interrupted()    ? "interrupted" :
		     ferror(in->file) ? "cannot be read" :
					"no room for a temporary copy in /tmp");
		fclose(copy);
		return VEXCTL_FAILED;
	}
	fclose(in->file);
	in->file = copy;
	return 0;
}

int input_open(struct input *in, const char *path)
{
	struct stat st;
	int fd;

	memset(in, 0, sizeof(*in));
	in->path = path;
	if (!strcmp(path, "-")) {
		in->file = fdopen(dup(STDIN_FILENO), "r");
		in->path = "standard input";
	} else {
		in->file = fopen(path, "re");
	}
	if (!in->file || fstat(fileno(in->file), &st))
		return fail(in->path, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fail(in->path, "it is a directory; give a file of vectors");
	if (!S_ISREG(st.st_mode) && spool(in))
		return VEXCTL_FAILED;
	rewind(in->file);
	if (fstat(fileno(in->file), &st))
		return fail(in->path, "%s", strerror(errno));
	in->size = st.st_size;
	if (vexfs_is_gzip(in->file)) {
		in->packed = in->file;
		fd = dup(fileno(in->packed));
		in->file = fd < 0 ? NULL : vexfs_gzip_open(fd, false);
		if (!in->file)
			return fail(in->path, "%s", strerror(errno));
	}
	return 0;
}

__u64 input_at(const struct input *in)
{
	off_t at = lseek(fileno(in->packed ? in->packed : in->file), 0, SEEK_CUR);

	return at < 0 ? 0 : at;
}

void input_close(struct input *in)
{
	if (in->file)
		fclose(in->file);
	if (in->packed)
		fclose(in->packed);
	in->file = in->packed = NULL;
}

const char *format_names(bool written)
{
	static char text[256];
	const char *name, *sep = "";
	int f, last = 0;
	size_t n = 0;

	for (f = VEXFS_FILE_GUESS + 1; f < VEXFS_FILE_FORMATS; f++)
		if (!written || vexfs_export_can(f))
			last = f;
	for (f = VEXFS_FILE_GUESS + 1; f <= last; f++) {
		if (written && !vexfs_export_can(f))
			continue;
		name = vexfs_file_format_name(f);
		n += snprintf(text + n, sizeof(text) - n, "%s%s", f == last ? " or " : sep, name);
		sep = ", ";
	}
	return text;
}

int want_format(const char *s, enum vexfs_file_format *out)
{
	int f = vexfs_file_format_by_name(s);

	if (f < 0)
		return usage("--format: '%s' is unknown; it is %s", s, format_names(false));
	*out = f;
	return 0;
}

/* What is written goes through gzip. */
static void pack(struct output *out)
{
	FILE *packed;
	int fd = dup(fileno(out->file));

	packed = fd < 0 ? NULL : vexfs_gzip_open(fd, true);
	if (packed) {
		out->raw = out->file;
		out->file = packed;
	} else {
		fclose(out->file);
		out->file = NULL;
	}
}

/*
 * A regular file, or one that is to be made, is written under another name in the same directory,
 * so that nobody meets half of it; anything else (a terminal, a pipe, a device) is written to as it
 * is.
 */
int output_open(struct output *out, const char *path, bool gzip)
{
	struct stat st;
	mode_t mask;
	int fd;

	memset(out, 0, sizeof(*out));
	out->path = path;
	if (!strcmp(path, "-")) {
		out->path = "standard output";
		out->file = fdopen(dup(STDOUT_FILENO), "w");
	} else if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		out->file = fopen(path, "we");
	} else {
		if (asprintf(&out->temp, "%s.XXXXXX", path) < 0) {
			out->temp = NULL;
			return fail(path, "out of memory");
		}
		fd = mkostemp(out->temp, O_CLOEXEC);
		if (fd < 0) {
			free(out->temp);
			out->temp = NULL;
		} else {
			mask = umask(0); /* as if it were made by open() */
			umask(mask);
			fchmod(fd, 0666 & ~mask);
			out->file = fdopen(fd, "w");
		}
	}
	if (out->file && gzip)
		pack(out);
	if (out->file)
		return 0;
	fail(path, "cannot be written: %s", strerror(errno));
	output_abandon(out);
	return VEXCTL_FAILED;
}

int output_finish(struct output *out)
{
	int err = fflush(out->file) || ferror(out->file);

	if (!err && out->raw) {		/* the end of the gzip data */
		err = fclose(out->file);
		out->file = out->raw;
		out->raw = NULL;
	}
	if (!err && out->temp)
		err = fsync(fileno(out->file));
	if (!err) {
		err = fclose(out->file);
		out->file = NULL;
	}
	if (!err && out->temp)
		err = rename(out->temp, out->path);
	if (err) {
		fail(out->path, "cannot be written: %s", strerror(errno));
		output_abandon(out);
		return VEXCTL_FAILED;
	}
	free(out->temp);
	out->temp = NULL;
	return 0;
}

void output_abandon(struct output *out)
{
	if (out->file)
		fclose(out->file);
	if (out->raw)
		fclose(out->raw);
	if (out->temp)
		unlink(out->temp);
	free(out->temp);
	out->file = out->raw = NULL;
	out->temp = NULL;
}
