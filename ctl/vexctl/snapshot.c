// SPDX-License-Identifier: GPL-2.0
/* vexctl snapshot create, list, delete. */
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
	fd = open_collection(argv[optind], NULL);
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
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, {} };
	struct vexfs_snapshot_info info[VEXFS_MAX_SNAPSHOTS];
	struct json_object *all, *o;
	bool json = false;
	char time[64];
	int c, fd, n, i;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return bad_option(argv);
		json = true;
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	fd = open_collection(argv[optind], NULL);
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
			printf("%-32s %-24s %12llu %12llu\n", info[i].name, time, info[i].live,
			       info[i].count);
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

const struct verb snapshot_verbs[] = {
	{ "snapshot create", create, "DIR NAME", "remember the records as they are now",
	  "NAME consists of a-z, 0-9, `.`, `_` and `-`.  `vexctl search --as-of NAME` searches it, `vexctl export\n"
	  "--as-of NAME` writes it to a file.  It is durable at once, takes a bit per record, and keeps the space\n"
	  "of records that are deleted later.\n" },
	{ "snapshot list", list, "DIR [--json]", "the snapshots of a collection, oldest first", "" },
	{ "snapshot delete", delete, "DIR NAME", "forget a snapshot", "" },
	{}
};
