// SPDX-License-Identifier: GPL-2.0
/* vexctl get, delete, list, sync. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vexctl/vexctl.h"

static int get(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "key", required_argument, NULL, 'k' }, {}
	};
	char key[VEXFS_MAX_KEY];
	const char *by_key = NULL;
	struct vexfs_ioc_info info;
	struct vexfs_item item;
	struct names names;
	bool json = false;
	float row[VEXFS_MAX_DIMS];
	__u64 id = 0;
	__u32 i;
	int c, fd, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'k')
			by_key = optarg;
		else
			return bad_option(argv);
	}
	if (want_args(argc, by_key ? 1 : 2, by_key ? 1 : 2,
		      by_key ? "DIR" : "DIR and ID, or DIR and --key"))
		return VEXCTL_USAGE;
	if (!by_key && want_u64("ID", argv[optind + 1], 0, ~0ULL, &id))
		return VEXCTL_USAGE;
	if (by_key && (!*by_key || strlen(by_key) > VEXFS_MAX_KEY))
		return usage("--key: '%.64s' is not a key; it has 1 to %d bytes", by_key,
			     VEXFS_MAX_KEY);
	fd = open_collection(dir_arg(argv), &info);
	if (fd < 0)
		return VEXCTL_FAILED;
	err = by_key ? vexfs_get_by_key(fd, by_key, strlen(by_key), row, sizeof(row), &item) :
		       vexfs_get(fd, id, row, sizeof(row), &item);
	if (!err && item.key_len) {
		err = vexfs_key(fd, item.id, key);
		item.key_len = err > 0 ? err : 0;
		err = err < 0 ? err : 0;
	}
	if (err) {
		vexfs_close(fd);
		return fail_op(by_key ? by_key : argv[optind + 1], VEXFS_OP_GET, err);
	}
	names_open(&names, fd, &info);
	if (json) {
		struct json_object *o = item_json(&names, &item, key);
		struct json_object *vector = json_object_new_array();

		for (i = 0; i < info.dims; i++)
			json_object_array_add(vector, json_float(row[i]));
		json_object_object_add(o, "vector", vector);
		print_json(o);
	} else {
		print_item(&names, &item, key);
		printf("vector");
		for (i = 0; i < info.dims; i++)	/* nine digits bring back the same float */
			printf(" %.9g", row[i]);
		printf("\n");
	}
	names_close(&names);
	vexfs_close(fd);
	return VEXCTL_OK;
}

static int delete_keys(const char *dir, char **keys, unsigned int n)
{
	size_t bytes = 0;
	char *packed;
	__u8 *lens;
	__u64 bad;
	unsigned int i;
	int fd, err;

	for (i = 0; i < n; i++) {
		if (!*keys[i] || strlen(keys[i]) > VEXFS_MAX_KEY)
			return usage("'%.64s' is not a key; it has 1 to %d bytes", keys[i],
				     VEXFS_MAX_KEY);
		bytes += strlen(keys[i]);
	}
	packed = malloc(bytes + 1);
	lens = malloc(n);
	if (!packed || !lens) {
		free(packed);
		free(lens);
		return fail(NULL, "out of memory");
	}
	for (i = 0, bytes = 0; i < n; bytes += lens[i++]) {
		lens[i] = strlen(keys[i]);
		memcpy(packed + bytes, keys[i], lens[i]);
	}
	fd = open_collection(dir, NULL);
	err = fd < 0 ? VEXCTL_FAILED : vexfs_delete_by_key(fd, packed, lens, n, bytes, &bad);
	if (fd >= 0) {
		if (err)
			err = fail_op(bad < (__u64)n ? keys[bad] : dir, VEXFS_OP_DELETE, err);
		vexfs_close(fd);
	}
	free(packed);
	free(lens);
	return err;
}

static int delete_ids(const char *dir, char **args, unsigned int n)
{
	__u64 *ids = calloc(n, sizeof(*ids)), bad;
	unsigned int i;
	int fd, err = 0;

	if (!ids)
		return fail(NULL, "out of memory");
	for (i = 0; i < n && !err; i++)
		err = want_u64("ID", args[i], 0, ~0ULL, &ids[i]);
	fd = err ? -1 : open_collection(dir, NULL);
	if (fd < 0) {
		free(ids);
		return err ? err : VEXCTL_FAILED;
	}
	err = vexfs_delete(fd, ids, n, &bad);
	if (err)
		err = fail_op(bad < (__u64)n ? args[bad] : dir, VEXFS_OP_DELETE, err);
	vexfs_close(fd);
	free(ids);
	return err;
}

static int delete(int argc, char **argv)
{
	static const struct option options[] = { { "key", no_argument, NULL, 'k' }, {} };
	bool by_key = false;
	int c, n, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'k')
			return bad_option(argv);
		by_key = true;
	}
	if (want_args(argc, 2, VEXFS_MAX_BATCH, by_key ? "DIR and KEY..." : "DIR and ID..."))
		return VEXCTL_USAGE;
	n = argc - optind - 1;
	err = (by_key ? delete_keys : delete_ids)(dir_arg(argv), argv + optind + 1, n);
	if (!err)
		tell("deleted %d record%s", n, n == 1 ? "" : "s");
	return err;
}

#define PAGE_RECORDS	1024

/* list, and with VEXFS_LIST_STALE stale. */
static int list_some(int argc, char **argv, __u32 flags)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "limit", required_argument, NULL, 'n' }, {}
	};
	static struct vexfs_item items[PAGE_RECORDS];
	static char keys[PAGE_RECORDS * 64];
	struct vexfs_listing l = { 
		.flags = flags | VEXFS_LIST_DAMAGED, .items = items, .keys = keys };
	struct vexfs_ioc_info info;
	struct names names;
	__u64 limit = ~0ULL, damaged = 0, lost = 0;
	bool json = false;
	int c, fd, err;
	__u32 i;

	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c != 'n')
			return bad_option(argv);
		else if (want_u64("--limit", optarg, 1, ~0ULL, &limit))
			return VEXCTL_USAGE;
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	fd = open_collection(dir_arg(argv), &info);
	if (fd < 0)
		return VEXCTL_FAILED;
	catch_signals();
	names_open(&names, fd, &info);
	do {
		l.n = limit < PAGE_RECORDS ? limit : PAGE_RECORDS;
		l.key_bytes = sizeof(keys);
		err = vexfs_list(fd, &l);
		for (i = 0; !err && i < l.n && !interrupted(); i++) {
			const char *key = keys + items[i].key_off;

			if (json)
				print_json(item_json(&names, &items[i], key));
			else
				print_item(&names, &items[i], key);
			damaged += items[i].flags & VEXFS_ITEM_DAMAGED ? 1 : 0;
			lost += items[i].flags & VEXFS_ITEM_LOST ? 1 : 0;
		}
		limit -= err ? 0 : l.n;
	} while (!err && limit && l.cursor != ~0ULL && !ferror(stdout) && !interrupted());
	names_close(&names);
	vexfs_close(fd);
	if (err)
		err = fail_op(argv[optind], VEXFS_OP_LIST, err);
	else if (damaged)
		err = fail_damaged(argv[optind], damaged, lost);
	return interrupted_code(err);
}

static int list(int argc, char **argv)
{
	return list_some(argc, argv, 0);
}

static int stale(int argc, char **argv)
{
	return list_some(argc, argv, VEXFS_LIST_STALE);
}

static int sync_(int argc, char **argv)
{
	static const struct option options[] = { {} };
	int fd, err;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	fd = open_collection(dir_arg(argv), NULL);
	if (fd < 0)
		return VEXCTL_FAILED;
	err = vexfs_sync(fd);
	if (err)
		err = fail_op(argv[optind], VEXFS_OP_SYNC, err);
	vexfs_close(fd);
	return err;
}

const struct verb record_verbs[] = {
	{ "get", get, "DIR {ID | --key KEY} [--json]",
	  "show a record with its attributes and its vector", "", false,
	  IMAGE_READ },
	{ "list", list, "DIR [-n N | --limit N] [--json]", "list records, without their vectors",
	  "In the order in which they were inserted, one per line; with --json each line is one JSON value.\n",
	  false, IMAGE_READ },
	{ "stale", stale, "DIR [-n N | --limit N] [--json]",
	  "list the records whose file has changed since they were inserted",
	  "The output is that of `vexctl list`.  To make a record fresh, insert it again: `vexctl import --upsert`.\n",
	  false, IMAGE_READ },
	{ "delete", delete, "DIR ID... | DIR --key KEY...", "delete records, all or none of them",
	  "Searches skip them at once; on disk they are deleted after `vexctl sync`, or within a few seconds.  `vexctl compact`\n"
	  "gives their space back, and `vexctl collection drop` deletes all records of a collection.\n",
	  true, IMAGE_CHANGE },
	{ "sync", sync_, "DIR", "wait until all changes so far are on the disk", "", true,
	  IMAGE_CHANGE },
	{}
};
