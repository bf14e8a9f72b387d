// SPDX-License-Identifier: GPL-2.0
/* vexctl collection create, info, drop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vexctl/vexctl.h"

static const char *const types[] = {
	[VEXFS_ATTR_INT] = "int",
	[VEXFS_ATTR_KEYWORD] = "keyword",
};

static const char *type_name(__u32 type)
{
	return known(type < sizeof(types) / sizeof(types[0]) ? types[type] : NULL);
}

/* NAME, NAME:int or NAME:keyword */
static int add_attr(struct vexfs_schema *s, const char *arg)
{
	static const char *const reserved[] = { VEXFS_RESERVED_NAMES };
	const char *colon = strchr(arg, ':');
	size_t len = colon ? (size_t)(colon - arg) : strlen(arg), i;
	struct vexfs_attr *a = &s->attr[s->attrs];

	if (s->attrs == VEXFS_MAX_ATTRS)
		return usage("--attr: at most %d attributes", VEXFS_MAX_ATTRS);
	if (colon && strcmp(colon, ":int") && strcmp(colon, ":keyword"))
		return usage("--attr: the type in '%s' is unknown; it is int or keyword", arg);
	if (!len || len >= sizeof(a->name))
		return usage("--attr: the name in '%s' has %zu bytes; it has 1 to %zu", arg, len,
			     sizeof(a->name) - 1);
	memcpy(a->name, arg, len);
	a->name[len] = 0;
	if (strspn(a->name, "abcdefghijklmnopqrstuvwxyz_0123456789") != len ||
	    (*a->name >= '0' && *a->name <= '9'))
		return usage(
			"--attr: '%s' is not an attribute name; use a-z, 0-9 and _, and no digit first",
			a->name);
	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcmp(reserved[i], a->name))
			return usage(
				"--attr: '%s' is a word of conditions (--where); choose another name",
				a->name);
	for (i = 0; i < s->attrs; i++)
		if (!strcmp(s->attr[i].name, a->name))
			return usage("--attr: '%s' is given twice", a->name);
	a->type = colon && !strcmp(colon, ":keyword") ? VEXFS_ATTR_KEYWORD : VEXFS_ATTR_INT;
	s->attrs++;
	return 0;
}

static int create(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dims", required_argument, NULL, 'd' },
		{ "metric", required_argument, NULL, 'm' },
		{ "element", required_argument, NULL, 'e' },
		{ "attr", required_argument, NULL, 'a' },
		{}
	};
	struct vexfs_schema schema = { .element = VEXFS_ELEM_F32, .metric = VEXFS_METRIC_L2 };
	bool made = false;
	const char *dir;
	int c, fd, err;
	__u64 v;

	while ((c = getopt_long(argc, argv, "d:m:e:a:", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			if (want_u64("--dims", optarg, 1, VEXFS_MAX_DIMS, &v))
				return VEXCTL_USAGE;
			schema.dims = v;
			break;
		case 'm':
			c = vexfs_metric_by_name(optarg);
			if (c < 0)
				return usage(
					"--metric: '%s' is unknown; it is l2 (euclidean), cosine or dot (ip)",
					     optarg);
			schema.metric = c;
			break;
		case 'e':
			c = vexfs_element_by_name(optarg);
			if (c < 0)
				return usage("--element: '%s' is unknown; it is f32 (float32)",
					     optarg);
			schema.element = c;
			break;
		case 'a':
			if (add_attr(&schema, optarg))
				return VEXCTL_USAGE;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	if (!schema.dims)
		return usage("--dims is missing: how many numbers does a vector have?");
	dir = dir_arg(argv);
	err = vexfs_mkdir(dir);
	if (!err)
		made = true;
	else if (err != -EEXIST)
		return fail(dir, "cannot make the directory: %s",
			    err == -EROFS ? vexfs_strerror_for(VEXFS_OP_CREATE, EROFS) :
			    err == -EBUSY ? vexfs_strerror_for(VEXFS_OP_FILE, EBUSY) :
					    strerror(-err));
	fd = vexfs_open(dir);
	if (fd < 0) {
		err = fail_op(dir, VEXFS_OP_OPEN, fd);
		goto undo;
	}
	err = vexfs_create(fd, &schema);
	if (err) {
		/* somebody else was faster, and rmdir would remove that collection */
		if (err == -EEXIST)
			made = false;
		err = fail_op(dir, VEXFS_OP_CREATE, err);
	} else {
		err = vexfs_sync(fd);
		if (err)
			err = fail_op(dir, VEXFS_OP_SYNC, err);
		else
			made = false;	/* it stays */
	}
	vexfs_close(fd);
	if (!err)
		tell("created %s: %u x %s, %s, %u attribute%s", dir, schema.dims,
		       vexfs_element_name(schema.element), vexfs_metric_name(schema.metric),
		       schema.attrs, schema.attrs == 1 ? "" : "s");
undo:
	if (made)
		vexfs_rmdir(dir);
	return err;
}

static const char *state_name(__u32 state)
{
	switch (state) {
	case VEXFS_BOUND_BUILTIN:
		return "built-in";
	case VEXFS_BOUND_LOADED:
		return "loaded";
	case VEXFS_BOUND_MISSING:
		return "not loaded";
	case VEXFS_BOUND_EJECTED:
		return "ejected";
	}
	return "?";
}

/* For JSON. */
static const char *codes_name(__u32 codes)
{
	static const char *const names[] = { "unknown", "all", "part", "unwanted", "few", "budget",
					     "none" };

	return codes < sizeof(names) / sizeof(names[0]) ? names[codes] : "?";
}

static const char *codes_text(__u32 codes)
{
	switch (codes) {
	case VEXFS_CODES_ALL:
		return "searches use them";
	case VEXFS_CODES_PART:
		return "searches measure the others";
	case VEXFS_CODES_FEW:
		return "too few records for codes to pay off";
	case VEXFS_CODES_BUDGET:
		return "no room within the mount option resident=, searches measure every record";
	case VEXFS_CODES_NONE:
		return "the next search makes them";
	}
	return "?";
}

static const char *lists_text(__u32 state)
{
	switch (state) {
	case VEXFS_CODES_FEW:
		return "too few slots for lists to pay off";
	case VEXFS_CODES_BUDGET:
		return "no room within the mount option resident=, searches look at every code or record";
	case VEXFS_CODES_NONE:
		return "searches make a worker make them, and so does `vexctl index`";
	}
	return "?";
}

static void info_json(const struct vexfs_ioc_info *i)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array(), *e;
	__u32 n;

	add_u64(o, "dims", i->dims);
	add_str(o, "element", known(vexfs_element_name(i->element)));
	add_str(o, "metric", known(vexfs_metric_name(i->metric)));
	add_u64(o, "row_bytes", i->row_bytes);
	for (n = 0; n < i->attrs; n++) {
		e = json_object_new_object();
		add_str(e, "name", i->attr[n].name);
		add_str(e, "type", type_name(i->attr[n].type));
		json_object_array_add(list, e);
	}
	json_object_object_add(o, "attrs", list);
	add_u64(o, "records", i->live);
	add_u64(o, "slots", i->count);
	add_u64(o, "committed", i->committed);
	add_u64(o, "next_seq", i->next_seq);
	add_u64(o, "deleted", i->count - i->live);
	add_u64(o, "damaged", i->damaged);
	add_u64(o, "snapshots", i->snapshots);
	add_u64(o, "epoch", i->epoch);
	add_u64(o, "compact_done", i->compact_done);
	add_u64(o, "compact_total", i->compact_total);
	add_u64(o, "compact_lacked", i->compact_lacked);
	add_u64(o, "resident_bytes", i->resident);
	add_u64(o, "coded", i->coded);
	add_u64(o, "lists", i->lists);
	add_u64(o, "linked", i->linked);
	add_str(o, "lists_state", codes_name(i->lists_state));
	add_u64(o, "checkpoint", i->checkpoint);
	add_u64(o, "checkpoint_bytes", i->checkpoint_bytes);
	add_str(o, "codes", codes_name(i->codes));
	add_u64(o, "queries", i->queries);
	add_u64(o, "fallbacks", i->fallbacks);
	list = json_object_new_object();
	for (n = 0; n < VEXFS_SLOTS; n++) {
		e = json_object_new_object();
		add_str(e, "name", i->bound[n].name);
		add_str(e, "state", state_name(i->bound[n].state));
		add_u64(e, "generation", i->bound[n].generation);
		add_u64(e, "errors", i->bound[n].errors);
		json_object_object_add(list, vexfs_slot_name(n), e);
	}
	json_object_object_add(o, "programs", list);
	print_json(o);
}

static int info(int argc, char **argv)
{
	struct vexfs_ioc_info i;
	bool json = false;
	__u32 n;
	int fd;

	if (only_json(argc, argv, &json) || want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	fd = open_collection(dir_arg(argv), &i);
	if (fd < 0)
		return VEXCTL_FAILED;
	vexfs_close(fd);
	for (n = 0; n < VEXFS_SLOTS; n++) /* names come from the disk: do not trust their end */
		i.bound[n].name[sizeof(i.bound[n].name) - 1] = 0;
	for (n = 0; n < i.attrs; n++)
		i.attr[n].name[sizeof(i.attr[n].name) - 1] = 0;
	if (json) {
		info_json(&i);
		return VEXCTL_OK;
	}
	printf("vectors     %u x %s, metric %s, %u bytes each\n", i.dims,
	       known(vexfs_element_name(i.element)), known(vexfs_metric_name(i.metric)),
	       i.row_bytes);
	printf("attributes ");
	for (n = 0; n < i.attrs; n++)
		printf(" %s:%s", printable(i.attr[n].name), type_name(i.attr[n].type));
	printf("%s\n", i.attrs ? "" : " none");
	printf("records     %llu in %llu slots, %llu of them on disk\n", i.live, i.count,
	       i.committed);
	printf("space       %llu slots deleted, %u snapshots, compacted %llu times",
	       i.count - i.live, i.snapshots, i.epoch);
	if (i.compact_total)
		printf(", now at slot %llu of %llu", i.compact_done, i.compact_total);
	printf("\n");
	if (i.damaged)
		printf("damaged     %llu records, which searches leave out; `vexctl export` names them\n",
		       i.damaged);
	printf("memory      %llu bytes of derived data\n", i.resident);
	printf("codes       %llu of %llu slots: %s\n", i.coded, i.count, codes_text(i.codes));
	if (i.lists)
		printf("lists       %u, with %llu of %llu slots\n", i.lists, i.linked, i.count);
	else
		printf("lists       none: %s\n", lists_text(i.lists_state));
	if (i.checkpoint)
		printf("checkpoint  codes and lists of %llu slots are on disk, in %llu bytes: the next mount reads them\n",
		       i.checkpoint, i.checkpoint_bytes);
	else
		printf("checkpoint  none: the next mount makes codes and lists again\n");
	printf("queries     %llu since it was loaded, %llu fell back to the built-in\n", i.queries,
	       i.fallbacks);
	for (n = 0; n < VEXFS_SLOTS; n++) {
		const struct vexfs_bound *b = &i.bound[n];

		printf("%-11s ", vexfs_slot_name(n));
		if (b->state == VEXFS_BOUND_BUILTIN)
			printf("%s\n", n == VEXFS_SLOT_FILTER ? "none" : "built-in");
		else if (b->state == VEXFS_BOUND_MISSING)
			printf("%s, not loaded: %s\n", printable(b->name),
			       n == VEXFS_SLOT_SEARCH ? "the built-in answers" : "queries fail");
		else
			printf("%s, %s, generation %llu, %u errors\n", printable(b->name),
			       state_name(b->state), b->generation, b->errors);
	}
	return VEXCTL_OK;
}

/* Does the user mean it?  Asked on a terminal only. */
static int confirm(const char *dir, __u64 records)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return usage("%s has %llu record%s; give --yes to drop them", dir, records,
			     records == 1 ? "" : "s");
	fprintf(stderr, "Drop %s with its %llu record%s? [y/N] ", printable(dir), records,
		records == 1 ? "" : "s");
	if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
		return fail(dir, "not dropped");
	return 0;
}

static int drop(int argc, char **argv)
{
	static const struct option options[] = { { "yes", no_argument, NULL, 'y' }, {} };
	struct vexfs_ioc_info info;
	const char *dir;
	bool yes = false;
	int c, fd, err;

	while ((c = getopt_long(argc, argv, "y", options, NULL)) != -1) {
		if (c != 'y')
			return bad_option(argv);
		yes = true;
	}
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	dir = dir_arg(argv);
	fd = vexfs_open(dir);
	if (fd < 0)
		return fail_op(dir, VEXFS_OP_OPEN, fd);
	/* what is damaged can be dropped too, if the user insists */
	err = yes ? 0 : vexfs_info(fd, &info);
	if (err)
		err = fail_op(dir, VEXFS_OP_INFO, err);
	else if (!yes && info.live)
		err = confirm(dir, info.live);
	if (!err) {
		err = vexfs_drop(fd);
		if (err)
			err = fail_op(dir, VEXFS_OP_DROP, err);
	}
	if (!err) {
		err = vexfs_sync(fd);
		if (err)
			err = fail_op(dir, VEXFS_OP_SYNC, err);
	}
	vexfs_close(fd);
	if (!err)
		tell("dropped %s: it is a plain directory now", dir);
	return err;
}

const struct verb collection_verbs[] = {
	{ "collection create", create, "DIR --dims N [OPTION]...",
	  "turn an empty or a new directory into a collection",
	  "  -d, --dims N         how many numbers a vector has, 1 to 4096\n"
	  "  -m, --metric M       l2 (the default; squared distance), cosine (1 - cos) or dot (-a.b); other common names\n"
	  "                       for them, such as euclidean, cos, ip and inner_product, work too\n"
	  "  -e, --element E      f32 (float32)\n"
	  "  -a, --attr NAME:TYPE an attribute of every record, to filter and rank by; up to 8 of them.  Types: int, a\n"
	  "                       64-bit integer; keyword, a string that is kept once, in a dictionary\n"
	  "If this fails, a directory that it made is removed again.\n", true, IMAGE_CHANGE },
	{ "collection info", info, "DIR [--json]",
	  "show the schema, the records and the bound programs", "", false, IMAGE_READ },
	{ "collection drop", drop, "DIR [--yes]",
	  "delete all records and turn it back into a plain directory",
	  "  -y, --yes            do not ask, and drop a damaged collection, too\n"
	  "The directory and its files stay.  Queries that are running finish as if nothing had happened.  A collection that\n"
	  "has records cannot be removed with rmdir or rm -r: drop it first.\n", true, IMAGE_CHANGE },
	{}
};
