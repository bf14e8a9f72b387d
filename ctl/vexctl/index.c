// SPDX-License-Identifier: GPL-2.0
/* vexctl index: what searches profit from, at once. */
#include "vexctl/vexctl.h"

/* Codes first, and lists of those, which are measured before they are used. */
static void show(const char *dir, const struct vexfs_ioc_info *i)
{
	if (i->coded < i->count)
		progress(dir, i->coded, i->count, "slots have codes");
	else
		progress(dir, i->linked, i->count, !i->lists && i->linked == i->count ?
			 "slots are in lists, which are being measured" : "slots are in lists");
}

static int run_index(int argc, char **argv)
{
	struct vexfs_ioc_info i;
	bool json = false;
	struct watch w = {};
	int err;

	if (only_json(argc, argv, &json) || want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	w.dir = dir_arg(argv);
	w.show = show;
	w.fd = open_collection(w.dir, NULL);
	if (w.fd < 0)
		return VEXCTL_FAILED;
	watch_begin(&w);
	err = vexfs_index(w.fd);
	watch_end(&w);
	if (err)
		err = fail_op(w.dir, VEXFS_OP_INDEX, err);
	else if ((err = vexfs_info(w.fd, &i)))
		err = fail_op(w.dir, VEXFS_OP_INFO, err);
	vexfs_close(w.fd);
	if (err)
		return err;
	if (json) {
		struct json_object *o = json_object_new_object();

		add_u64(o, "slots", i.count);
		add_u64(o, "coded", i.coded);
		add_u64(o, "lists", i.lists);
		add_u64(o, "linked", i.linked);
		add_u64(o, "checkpoint", i.checkpoint);
		add_u64(o, "resident_bytes", i.resident);
		print_json(o);
	} else if (!i.coded) {
		printf("%llu slots, too few for codes or lists to pay off\n", i.count);
	} else if (!i.lists) {
		printf("%llu of %llu slots have codes; no lists, which %s\n", i.coded, i.count,
		       i.lists_state == VEXFS_CODES_FEW ?
			       "pay off with more of them" :
			       "do not serve numbers so large or small: scale them");
	} else {
		printf("%llu of %llu slots have codes, %llu are in %u lists\n", i.coded, i.count,
		       i.linked, i.lists);
	}
	return VEXCTL_OK;
}

const struct verb index_verbs[] = {
	{ "index", run_index, "DIR [--json]", "make the codes and lists of its records now",
	  "After an import, searches are exact, or by codes alone, until a worker of low priority has made the partitioned lists\n"
	  "that they look into, which on a busy machine takes its time.  This does it at once, and returns when it is done: how\n"
	  "far it is, is shown meanwhile.  Searches and changes go on.  Few records need neither codes (1,024) nor lists (8,192).\n"
	  "If there is no room for them within the mount option resident=, this fails, and searches are slower, and right.  After\n"
	  "Ctrl-C what was made by then stays.\n", false, IMAGE_CHANGE },
	{}
};
