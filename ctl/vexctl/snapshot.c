// SPDX-License-Identifier: GPL-2.0
/* vexctl snapshot create, list, delete; vexctl compact. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "vexctl/vexctl.h"

/* DIR and NAME: what to do with it. */
static int with_name(int argc, char **argv, int (*op)(int fd, const char *name))
{
	static const struct option options[] = { {} };
	int fd, err;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (want_args(argc, 2, 2, "DIR and NAME"))
		return VEXCTL_USAGE;
	fd = open_collection(dir_arg(argv), NULL);
	if (fd < 0)
		return VEXCTL_FAILED;
	err = op(fd, argv[optind + 1]);
	vexfs_close(fd);
	return err ? fail_op(argv[optind + 1], VEXFS_OP_SNAPSHOT, err) : VEXCTL_OK;
}

static int create(int argc, char **argv)
{
	return with_name(argc, argv, vexfs_snapshot_create);
}

static int delete(int argc, char **argv)
{
	return with_name(argc, argv, vexfs_snapshot_delete);
}

/* In the time zone of the user, as ISO 8601. */
static void time_text(__u64 seconds, char *out, size_t size)
{
	time_t t = seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, size, "%Y-%m-%dT%H:%M:%S%z", &tm))
		snprintf(out, size, "%llu", seconds);
}

static int list(int argc, char **argv)
{
	struct vexfs_snapshot_info info[VEXFS_MAX_SNAPSHOTS];
	struct json_object *all, *o;
	bool json = false;
	char time[64];
	int fd, n, i;

	if (only_json(argc, argv, &json) || want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	fd = open_collection(dir_arg(argv), NULL);
	if (fd < 0)
		return VEXCTL_FAILED;
	n = vexfs_snapshot_list(fd, info);
	vexfs_close(fd);
	if (n < 0)
		return fail_op(argv[optind], VEXFS_OP_SNAPSHOT, n);
	all = json_object_new_array();
	if (n && !json)
		printf("%-32s %-24s %12s %12s\n", "name", "made", "records", "slots");
	for (i = 0; i < n; i++) {
		info[i].name[sizeof(info[i].name) - 1] = 0;
		time_text(info[i].time, time, sizeof(time));
		if (!json) {
			printf("%-32s %-24s %12llu %12llu\n", printable(info[i].name), time,
			       info[i].live, info[i].count);
			continue;
		}
		o = json_object_new_object();
		add_str(o, "name", info[i].name);
		add_u64(o, "time", info[i].time);
		add_u64(o, "records", info[i].live);
		add_u64(o, "slots", info[i].count);
		json_object_array_add(all, o);
	}
	if (json)
		print_json(all);
	else
		json_object_put(all);
	return VEXCTL_OK;
}

/* --- compact --- */

static void show(const char *dir, const struct vexfs_ioc_info *i)
{
	if (i->compact_total)
		progress(dir, i->compact_done, i->compact_total, "slots");
}

static int compact(int argc, char **argv)
{
	static const struct option options[] = {
		{ "min-deleted", required_argument, NULL, 'm' },
		{ "min-dead", required_argument, NULL, 'm' },	/* its first name, in no help */
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	struct watch w = { .show = show };
	__u64 min_deleted = 0, before, after, lacked;
	struct vexfs_ioc_info info;
	bool json = false;
	int c, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm') {
			err = want_u64("--min-deleted", optarg, 0, 100, &min_deleted);
			if (err)
				return err;
		} else if (c == 'j') {
			json = true;
		} else {
			return bad_option(argv);
		}
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	w.dir = dir_arg(argv);
	w.fd = open_collection(w.dir, NULL);
	if (w.fd < 0)
		return VEXCTL_FAILED;
	watch_begin(&w);
	err = vexfs_compact(w.fd, min_deleted, &before, &after);
	watch_end(&w);
	lacked = err == -ENOSPC && !vexfs_info(w.fd, &info) ? info.compact_lacked : 0;
	vexfs_close(w.fd);
	if (lacked)
		return fail(w.dir,
			    "there is no room for a copy of what is alive: %llu KiB more are needed; delete files or snapshots",
			    (lacked + 1023) / 1024);
	if (err)
		return fail_op(w.dir, VEXFS_OP_COMPACT, err);
	if (json) {
		struct json_object *o = json_object_new_object();

		add_u64(o, "slots_before", before);
		add_u64(o, "slots", after);
		print_json(o);
	} else if (before == after) {
		printf("%llu slots, too few of them deleted: nothing was done\n", before);
	} else {
		printf("%llu slots, %llu before\n", after, before);
	}
	return VEXCTL_OK;
}

const struct verb snapshot_verbs[] = {
	{ "snapshot create", create, "DIR NAME", "remember the records as they are now",
	  "NAME may contain a-z, 0-9, `.`, `_` and `-`.  `vexctl search --as-of NAME` searches the snapshot, `vexctl export\n"
	  "--as-of NAME` writes it to a file.  It is on disk at once, takes one bit per record, and keeps the space of\n"
	  "records that are deleted later.\n",
	  true, IMAGE_CHANGE },
	{ "snapshot list", list, "DIR [--json]", "list the snapshots of a collection, oldest first",
	  "", false, IMAGE_READ },
	{ "snapshot delete", delete, "DIR NAME", "delete a snapshot",
	  "The records stay as they are.  The space of those that only the snapshot kept comes back with `vexctl compact`.\n",
	  true, IMAGE_CHANGE },
	{ "compact", compact, "DIR [--min-deleted PERCENT] [--json]",
	  "give the space of deleted records back",
	  "Searches and changes go on meanwhile.  If it is interrupted with Ctrl-C, nothing has changed.\n"
	  "      --min-deleted N  do nothing if less than N percent of the slots are deleted, and in no snapshot [0]\n"
	  "Its reading and writing are the caller's: `ionice -c 3 vexctl compact DIR` gives way to others.  It also happens by\n"
	  "itself once half of the slots are deleted (mount option compact=PERCENT or compact=off), and then rests as long as it\n"
	  "works.\n",
	  false, IMAGE_CHANGE },
	{}
};
