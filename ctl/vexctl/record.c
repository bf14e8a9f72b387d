// SPDX-License-Identifier: GPL-2.0
/* vexctl get, delete, sync. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vexctl/vexctl.h"

static int get(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, {} };
	struct vexfs_ioc_info info;
	struct vexfs_item item;
	bool json = false;
	float row[VEXFS_MAX_DIMS];
	__u64 id;
	__u32 i;
	int c, fd, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return bad_option(argv);
		json = true;
	}
	if (want_args(argc, 2, 2, "DIR and ID"))
		return VEXCTL_USAGE;
	if (want_u64("ID", argv[optind + 1], 0, ~0ULL, &id))
		return VEXCTL_USAGE;
	fd = open_collection(argv[optind], &info);
	if (fd < 0)
		return VEXCTL_FAILED;
	err = vexfs_get(fd, id, row, sizeof(row), &item);
	vexfs_close(fd);
	if (err)
		return fail_op(argv[optind + 1], VEXFS_OP_GET, err);
	if (json) {
		struct json_object *o = json_object_new_object(), *attrs = json_object_new_object();
		struct json_object *vector = json_object_new_array();

		add_u64(o, "id", id);
		add_u64(o, "slot", item.slot);
		add_u64(o, "seq", item.seq);
		for (i = 0; i < info.attrs; i++) {
			info.attr[i].name[sizeof(info.attr[i].name) - 1] = 0;
			add_s64(attrs, info.attr[i].name, item.attr[i]);
		}
		json_object_object_add(o, "attrs", attrs);
		for (i = 0; i < info.dims; i++)
			json_object_array_add(vector, json_float(row[i]));
		json_object_object_add(o, "vector", vector);
		print_json(o);
		return VEXCTL_OK;
	}
	printf("id %llu  slot %llu  seq %llu", id, item.slot, item.seq);
	for (i = 0; i < info.attrs; i++)
		printf("  %.*s=%lld", (int)sizeof(info.attr[i].name) - 1, info.attr[i].name,
		       item.attr[i]);
	printf("\nvector");
	for (i = 0; i < info.dims; i++)	/* nine digits bring back the same float */
		printf(" %.9g", row[i]);
	printf("\n");
	return VEXCTL_OK;
}

static int delete(int argc, char **argv)
{
	static const struct option options[] = { {} };
	int fd, err, i, n;
	__u64 *ids, bad;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (want_args(argc, 2, VEXFS_MAX_BATCH, "DIR and ID..."))
		return VEXCTL_USAGE;
	n = argc - optind - 1;
	ids = calloc(n, sizeof(*ids));
	if (!ids)
		return fail(NULL, "out of memory");
	for (i = 0; i < n; i++)
		if (want_u64("ID", argv[optind + 1 + i], 0, ~0ULL, &ids[i])) {
			free(ids);
			return VEXCTL_USAGE;
		}
	fd = open_collection(argv[optind], NULL);
	if (fd < 0) {
		free(ids);
		return VEXCTL_FAILED;
	}
	err = vexfs_delete(fd, ids, n, &bad);
	if (err)
		err = fail_op(bad < (__u64)n ? argv[optind + 1 + bad] : argv[optind],
			      VEXFS_OP_DELETE, err);
	else
		printf("deleted %d record%s\n", n, n == 1 ? "" : "s");
	vexfs_close(fd);
	free(ids);
	return err;
}

static int sync_(int argc, char **argv)
{
	static const struct option options[] = { {} };
	int fd, err;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	fd = open_collection(argv[optind], NULL);
	if (fd < 0)
		return VEXCTL_FAILED;
	err = vexfs_sync(fd);
	if (err)
		err = fail_op(argv[optind], VEXFS_OP_SYNC, err);
	vexfs_close(fd);
	return err;
}

const struct verb record_verbs[] = {
	{ "get", get, "DIR ID [--json]", "show a record: its attributes and its vector", "" },
	{ "delete", delete, "DIR ID...", "delete records, all or none of them",
	  "They are gone for searches at once, and for good after `vexctl sync` or a few seconds.\n" },
	{ "sync", sync_, "DIR", "wait until all changes so far are on the disk", "" },
	{}
};
