// SPDX-License-Identifier: GPL-2.0
/* vexctl export: the records of a collection into a file. */
#include <errno.h>
#include <string.h>
#include "libvexfs/export.h"
#include "libvexfs/walk.h"
#include "vexctl/vexctl.h"

struct job {
	const char *dir;
	const char *snapshot;
	int fd;
	struct vexfs_ioc_info info;
	struct vexfs_where where;
	struct vexfs_walk walk;
	struct output out;
	struct vexfs_export ex;
	__u64 damaged, lost;		/* records that could not be read; whose ids could not, too */
};

/* It cannot be read, and is not in the file; each has a line. */
static void miss(struct job *j)
{
	progress(NULL, 0, 0, NULL);
	if (j->walk.item->flags & VEXFS_ITEM_LOST)
		fail(j->dir, "the record in slot %llu cannot be read, nor what its id is: it is damaged, and left out",
		     j->walk.item->slot);
	else
		fail(j->dir, "record %llu cannot be read: it is damaged, and left out", j->walk.item->id);
	j->damaged++;
	j->lost += j->walk.item->flags & VEXFS_ITEM_LOST ? 1 : 0;
}

static int export_all(struct job *j)
{
	int ret;

	while ((ret = vexfs_walk_next(&j->walk)) > 0) {
		if (j->walk.item->flags & VEXFS_ITEM_DAMAGED)
			miss(j);
		else if (vexfs_export_record(&j->ex, &j->walk.r))
			return fail(j->out.path, "%s", j->ex.error);
		if (!(j->ex.record & 255))
			progress("exporting", j->ex.record, j->info.live, "records");
		if (interrupted())
			return fail(j->out.path, "interrupted; %s",
				    j->out.temp ? "nothing was written" : "it is not complete");
	}
	if (ret < 0)
		return fail(j->dir, "%s", j->walk.error);
	if (vexfs_export_finish(&j->ex))
		return fail(j->out.path, "%s", j->ex.error);
	return output_finish(&j->out);
}

static bool is_packed(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".gz");
}

/*
 * The format that the name of a file asks for.  0, or VEXCTL_USAGE: it has an ending that means
 * none.
 */
static int format_of(const char *path, enum vexfs_file_format *out)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');

	*out = vexfs_file_format_of(path);
	if (*out != VEXFS_FILE_GUESS)
		return 0;
	*out = VEXFS_FILE_JSONL;
	/* "-", "copy", ".copy", and "copy.gz" are jsonl */
	if (!dot || dot == name || (is_packed(name) && !memchr(name + 1, '.', dot - name - 1)))
		return 0;
	return usage(
		"-o: '%s' ends like no format that can be written: %s; name it so, or say --format",
		     name, format_names(true));
}

/* fbin and npy say in their headers how many records there are, which is known at the end alone. */
static int check_packed(const char *path, enum vexfs_file_format format)
{
	if (!is_packed(path) || (format != VEXFS_FILE_FBIN && format != VEXFS_FILE_NPY))
		return 0;
	return usage(
		"-o: %s cannot be packed while it is written; leave out .gz, and use gzip afterwards",
		     vexfs_file_format_name(format));
}

static int run_job(struct job *j, const char *path, enum vexfs_file_format format,
		   const char *where)
{
	int ret;

	j->fd = open_collection(j->dir, &j->info);
	if (j->fd < 0)
		return VEXCTL_FAILED;
	if (where && parse_where(where, j->fd, &j->info, &j->where))
		return VEXCTL_FAILED;
	if (vexfs_walk_open(&j->walk, j->fd, &j->info, j->snapshot, VEXFS_LIST_DAMAGED))
		return fail(j->dir, "%s", j->walk.error);
	j->walk.where = where ? &j->where : NULL;
	ret = output_open(&j->out, path, is_packed(path));
	if (ret)
		return ret;
	if (vexfs_export_open(&j->ex, j->out.file, format, j->info.dims))
		return fail(j->out.path, "%s", j->ex.error);
	return export_all(j);
}

static int export(int argc, char **argv)
{
	static const struct option options[] = { { "format", required_argument, NULL, 'f' },
						 { "output", required_argument, NULL, 'o' },
						 { "where", required_argument, NULL, 'W' },
						 { "as-of", required_argument, NULL, 'a' },
						 { "json", no_argument, NULL, 'j' },
						 {} };
	enum vexfs_file_format format = VEXFS_FILE_GUESS;
	const char *path = "-", *where = NULL;
	static struct job j = { .fd = -1 }; /* a condition is 10 KiB */
	bool json = false;
	int c, ret;

	while ((c = getopt_long(argc, argv, "f:o:", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (want_format(optarg, &format))
				return VEXCTL_USAGE;
			break;
		case 'o':
			path = optarg;
			break;
		case 'W':
			where = optarg;
			break;
		case 'a':
			j.snapshot = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	if (format == VEXFS_FILE_GUESS && format_of(path, &format))
		return VEXCTL_USAGE;
	if (!vexfs_export_can(format))
		return usage("--format: %s is only read; choose %s", vexfs_file_format_name(format),
			     format_names(true));
	if (check_packed(path, format))
		return VEXCTL_USAGE;
	if (json && !strcmp(path, "-"))
		return usage("--json needs -o FILE, standard output holds the records");
	j.dir = dir_arg(argv);
	catch_signals();
	ret = run_job(&j, path, format, where);
	progress(NULL, 0, 0, NULL);
	if (!ret && json) {
		struct json_object *o = json_object_new_object();

		add_u64(o, "records", j.ex.record);
		add_u64(o, "damaged", j.damaged);
		add_str(o, "format", vexfs_file_format_name(format));
		print_json(o);
	} else if (!ret && strcmp(path, "-")) {
		printf("exported %llu records to %s: %s%s\n", j.ex.record, printable(path),
		       vexfs_file_format_name(format),
		       format == VEXFS_FILE_JSONL || format == VEXFS_FILE_JSON ? "" :
										 ", vectors alone");
	}
	if (!ret && j.damaged)
		ret = fail_damaged(j.dir, j.damaged, j.lost);
	output_abandon(&j.out);
	vexfs_walk_close(&j.walk);
	if (j.fd >= 0)
		vexfs_close(j.fd);
	return interrupted_code(ret);
}

const struct verb export_verbs[] = {
	{ "export", export, "DIR [-o FILE] [OPTION]...",
	  "write the records of a collection to a file",
	  "Records come in the order in which they were inserted.  Those that others insert or delete meanwhile are\n"
	  "there or not; --as-of gives one moment.  FILE has its name once it is complete, and replaces an older one.\n"
	  "  -o, --output FILE    [standard output]\n"
	  "  -f, --format F       jsonl, json (one array): all of a record; fvecs, fbin, npy (<f4): the vectors alone.\n"
	  "                       Without it FILE's name says it: .jsonl .json .fvecs .fbin .npy; without any ending\n"
	  "                       it is jsonl.  jsonl, json and fvecs are packed if .gz is behind it\n"
	  "      --where COND     only records for which this holds, see `vexctl search --help`\n"
	  "      --as-of NAME     the snapshot of this name\n"
	  "      --json           say how many records, as JSON\n"
	  "A record that cannot be read is named and left out: the others are in FILE, and the exit code is 1.\n"
	  "`vexctl import` reads all of them, numbers bit for bit.  Paths of bound files are relative to DIR.\n",
	  false, IMAGE_READ },
	{}
};
