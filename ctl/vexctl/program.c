// SPDX-License-Identifier: GPL-2.0
/* vexctl load, unload, replace, use, program list, program show. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "loader/loader.h"
#include "vexctl/daemon.h"
#include "vexctl/native.h"
#include "vexctl/vexctl.h"

#define MAX_VALUE	65536u		/* bytes of a map value that is shown */
#define MAX_ENTRIES	16u		/* of a map that are shown */

/* The loader's message, and the verifier's log below it. */
static int fail_load(const char *what, const struct vexfs_load_error *err)
{
	const char *s = err->detail, *msg = err->msg, *slash = strrchr(what, '/'),
		   *file = slash ? slash + 1 : what;

	if (!strncmp(msg, what, strlen(what)) && !strncmp(msg + strlen(what), ": ", 2))
		msg += strlen(what) + 2;
	else if (!strncmp(msg, file, strlen(file)) && !strncmp(msg + strlen(file), ": ", 2))
		msg += strlen(file) + 2;	/* it is named once */
	fail(what, "%s", msg);
	while (*s) {
		int n = strcspn(s, "\n");

		fprintf(stderr, "  %s\n", printable_n(s, n));
		s += n + (s[n] == '\n');
	}
	return VEXCTL_FAILED;
}

/* "search, filter" */
static const char *ops_names(__u32 ops, char buf[32])
{
	__u32 i;

	buf[0] = 0;
	for (i = 0; i < VEXFS_SLOTS; i++)
		if (ops & 1u << i) {
			strcat(buf, *buf ? "," : "");
			strcat(buf, vexfs_slot_name(i));
		}
	return *buf ? buf : "-";
}

static struct json_object *program_json(const struct vexfs_program_info *i)
{
	struct json_object *o = vexfs_program_json(i), *e;
	__u32 n;

	add_bool(o, "pinned", i->pinned);
	add_u64(o, "flags", i->flags);
	add_u64(o, "max_visits", i->max_visits);
	add_u64(o, "timeout_us", i->timeout_us);
	add_u64(o, "link_id", i->link_id);
	add_u64(o, "ops_map_id", i->ops_map_id);
	e = json_object_new_object();
	for (n = 0; n < VEXFS_SLOTS; n++)
		if (i->prog_id[n])
			add_u64(e, vexfs_slot_name(n), i->prog_id[n]);
	json_object_object_add(o, "prog_ids", e);
	return o;
}

/* The options of load, unload and replace.  *mount: NULL, it is the kernel's. */
static int load_args(int argc, char **argv, const char *what, struct vexfs_load_opts *opts,
		     const char **mount, bool *json)
{
	static const struct option options[] = {
		{ "mount", required_argument, NULL, 'm' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (c == 'v')
			opts->verbose = true;
		else if (c == 'm')
			*mount = optarg;
		else if (c == 'j')
			*json = true;
		else
			return bad_option(argv);
	}
	if (*mount && opts->verbose)
		return usage("give one of --mount and --verbose: libbpf has nothing to do with a native program");
	return want_args(argc, 1, 1, what);
}

/* The options of list and show. */
static int show_args(int argc, char **argv, const char **mount, bool *json)
{
	static const struct option options[] = {
		{ "mount", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			*mount = optarg;
		else if (c == 'j')
			*json = true;
		else
			return bad_option(argv);
	}
	return 0;
}

static int done(const char *verb, const struct vexfs_program_info *info, bool json)
{
	char ops[32];

	if (json) {
		print_json(program_json(info));
		return VEXCTL_OK;
	}
	printf("%s %s", verb, printable(info->name));
	if (info->loaded)
		printf(": %s, generation %llu", ops_names(info->ops, ops), info->generation);
	printf("\n");
	return VEXCTL_OK;
}

/* Collections that go on without it. */
static void note_bindings(const struct vexfs_program_info *info)
{
	if (info->bound)
		fprintf(stderr,
			"vexctl unload: note: %u binding%s of collections still name%s it; until it is loaded again, "
			"searches are built-in, and queries through its filter or distance fail\n",
			info->bound, info->bound == 1 ? "" : "s", info->bound == 1 ? "s" : "");
}

/*
 * Where vexd runs, it makes the change: its log tells who made which, and it does so for the group
 * vexfs.  Takes the request.  Its answer when it is done; NULL and *code: it failed, as was said;
 * NULL and 0: there is no vexd, or it does not let this user, as is in refusal, who may still have
 * rights of his own.
 */
static struct json_object *by_vexd(const char *what, struct json_object *request, int *code,
				   struct vexfs_load_error *refusal)
{
	struct vexfs_load_error err = {};
	struct json_object *o, *v;
	FILE *f = vexd_open();

	*code = VEXCTL_OK;
	if (!f) {
		json_object_put(request);
		return NULL;
	}
	o = vexd_ask(f, request);
	fclose(f);
	if (!o) {
		*code = fail(what, "vexd at %s gave no answer: %s", vexd_socket(),
			     strerror(errno ? errno : EPIPE));
		return NULL;
	}
	if (json_object_object_get_ex(o, "ok", &v) && json_object_get_boolean(v))
		return o;
	v = json_object_object_get(o, "error");
	snprintf(err.msg, sizeof(err.msg), "vexd: %s", v ? json_object_get_string(v) : "refused");
	v = json_object_object_get(o, "detail");
	if (v)
		snprintf(err.detail, sizeof(err.detail), "%s", json_object_get_string(v));
	v = json_object_object_get(o, "code");
	if (v && !strcmp(json_object_get_string(v), "EPERM"))
		*refusal = err;
	else
		*code = fail_load(what, &err);
	json_object_put(o);
	return NULL;
}

static struct json_object *request(const char *op, const char *key, const char *value)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "op", op);
	add_str(o, key, value);
	return o;
}

/* The program of vexd's answer, which it takes, as it is now. */
static void program_of(struct json_object *answer, struct vexfs_program_info *info)
{
	struct json_object *p = json_object_object_get(answer, "program");
	const char *name = p ? json_object_get_string(json_object_object_get(p, "name")) : NULL;
	struct vexfs_load_error err;

	if (!name || vexfs_program_info(name, info, &err)) {
		memset(info, 0, sizeof(*info));		/* unloaded, and nothing names it */
		snprintf(info->name, sizeof(info->name), "%s", name ? name : "?");
	}
	json_object_put(answer);
}

/* load and replace on a mount by vexfs-fuse. */
static int load_natively(const char *mount, const char *path, bool replace, const char *did,
			 bool json)
{
	struct vexfs_program_info info;
	int fd = native_open(mount), code;

	if (fd < 0)
		return VEXCTL_FAILED;
	code = native_load(fd, path, replace, &info);
	vexfs_close(fd);
	return code == VEXCTL_OK ? done(did, &info, json) : code;
}

/* load and replace; did: "loaded". */
static int load_or_replace(int argc, char **argv, const char *op, const char *did,
			   int (*call)(const char *path, const struct vexfs_load_opts *opts,
				       struct vexfs_program_info *info,
				       struct vexfs_load_error *err))
{
	struct vexfs_load_error err = {}, refusal = {};
	struct vexfs_program_info info = {};
	struct vexfs_load_opts opts = {};
	struct json_object *o = NULL;
	int ret, code = VEXCTL_OK;
	const char *mount = NULL;
	bool json = false;
	char *full;

	if (load_args(argc, argv, "OBJECT", &opts, &mount, &json))
		return VEXCTL_USAGE;
	if (mount)
		return load_natively(mount, argv[optind], call == vexfs_replace, did, json);
	full = realpath(argv[optind], NULL);
	if (full && !opts.verbose)		/* what libbpf says is to be seen here */
		o = by_vexd(argv[optind], request(op, "object", full), &code, &refusal);
	free(full);
	if (code)
		return code;
	if (o) {
		program_of(o, &info);
		return done(did, &info, json);
	}
	ret = call(argv[optind], &opts, &info, &err);
	if (ret)
		return fail_load(argv[optind], ret == -EPERM && *refusal.msg ? &refusal : &err);
	return done(did, &info, json);
}

static int load(int argc, char **argv)
{
	return load_or_replace(argc, argv, "load", "loaded", vexfs_load);
}

static int replace(int argc, char **argv)
{
	return load_or_replace(argc, argv, "replace", "replaced", vexfs_replace);
}

static int unload(int argc, char **argv)
{
	struct vexfs_load_error err = {}, refusal = {};
	struct vexfs_program_info info = {};
	struct vexfs_load_opts opts = {};
	struct json_object *o = NULL;
	int ret, fd, code = VEXCTL_OK;
	const char *mount = NULL;
	bool json = false;

	if (load_args(argc, argv, "NAME", &opts, &mount, &json))
		return VEXCTL_USAGE;
	if (mount) {
		fd = native_open(mount);
		code = fd < 0 ? VEXCTL_FAILED : native_unload(fd, argv[optind], &info);
		if (fd >= 0)
			vexfs_close(fd);
		if (code)
			return code;
		note_bindings(&info);
		return done("unloaded", &info, json);
	}
	if (!opts.verbose)
		o = by_vexd(argv[optind], request("unload", "name", argv[optind]), &code, &refusal);
	if (code)
		return code;
	if (o) {
		program_of(o, &info);
	} else {
		ret = vexfs_unload(argv[optind], &opts, &info, &err);
		if (ret)
			return fail_load(argv[optind],
					 ret == -EPERM && *refusal.msg ? &refusal : &err);
	}
	note_bindings(&info);
	return done("unloaded", &info, json);
}

/* Bind a slot.  An exit code. */
static int bind(int fd, const char *dir, int slot, const char *name)
{
	struct vexfs_load_error refusal = {};
	/* vexd is for what is the kernel's */
	char *full = native_has(fd) ? NULL : realpath(dir, NULL);
	struct json_object *o = NULL;
	int err = 0, code = VEXCTL_OK;

	if (full) {
		o = request("use", "dir", full);
		add_str(o, "slot", vexfs_slot_name(slot));
		add_str(o, "name", name);
		o = by_vexd(dir, o, &code, &refusal);
		free(full);
	}
	if (code)
		return code;
	if (!o)
		err = vexfs_use(fd, slot, name);
	json_object_put(o);
	if ((err == -EACCES || err == -EPERM) && *refusal.msg)
		return fail_load(dir, &refusal);
	if (err)
		return fail_op(*name ? name : dir, VEXFS_OP_USE, err);
	tell("%s: %s is %s now", dir, vexfs_slot_name(slot), *name ? name : "built-in");
	return VEXCTL_OK;
}

/* The only slot in a mask, or -1 and a line. */
static int only_slot(__u32 mask, const char *who)
{
	char names[32];
	__u32 i;

	for (i = 0; i < VEXFS_SLOTS; i++)
		if (mask == 1u << i)
			return i;
	usage("%s has several: say which one with --slot %s", who, ops_names(mask, names));
	return -1;
}

static int use(int argc, char **argv)
{
	static const struct option options[] = {
		{ "slot", required_argument, NULL, 's' },
		{ "builtin", no_argument, NULL, 'b' },
		{}
	};
	struct vexfs_load_error lerr = {};
	struct vexfs_program_info prog;
	struct vexfs_ioc_info info;
	bool builtin = false;
	const char *dir, *name = "";
	int c, fd, err, slot = -1;
	__u32 mask = 0, i;

	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		switch (c) {
		case 's':
			slot = vexfs_slot_by_name(optarg);
			if (slot < 0)
				return usage(
					"--slot: '%s' is unknown; it is search, distance or filter",
					optarg);
			break;
		case 'b':
			builtin = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, builtin ? 1 : 2, builtin ? 1 : 2,
		      builtin ? "DIR alone with --builtin" : "DIR and NAME, or DIR --builtin"))
		return VEXCTL_USAGE;
	dir = dir_arg(argv);
	fd = open_collection(dir, &info);
	if (fd < 0)
		return VEXCTL_FAILED;
	if (!builtin) {
		name = argv[optind + 1];
		err = native_has(fd) ? native_info(fd, name, &prog) :
				       vexfs_program_info(name, &prog, &lerr);
		if (err == -ENOENT || (!err && !prog.loaded)) {
			err = native_has(fd) ? fail(name, NATIVE_NOT_LOADED) :
					       fail_op(name, VEXFS_OP_USE, -ENOENT);
			goto out;
		}
		if (err) {
			err = *lerr.msg ? fail(name, "%s", lerr.msg) :
					  fail_op(dir, VEXFS_OP_NATIVE, err);
			goto out;
		}
		mask = prog.ops;
	} else {
		for (i = 0; i < VEXFS_SLOTS; i++)
			if (info.bound[i].state != VEXFS_BOUND_BUILTIN)
				mask |= 1u << i;
	}
	err = 0;
	if (slot < 0 && builtin && !mask) {
		tell("%s: nothing is bound, all is built-in", dir);
		goto out;
	}
	if (slot < 0)
		slot = only_slot(mask, builtin ? dir : name);
	if (slot < 0) {
		err = VEXCTL_USAGE;
		goto out;
	}
	err = bind(fd, dir, slot, name);
out:
	vexfs_close(fd);
	return err;
}

static int add_row(const struct vexfs_program_info *i, void *list)
{
	json_object_array_add(list, program_json(i));
	return 0;
}

static int print_row(const struct vexfs_program_info *i, void *n)
{
	char ops[32];

	if (!(*(int *)n)++)
		printf("%-31s %-10s %-22s %10s %5s %10s %6s\n", "name", "state", "ops",
		       "generation", "bound", "queries", "errors");
	printf("%-31s %-10s %-22s %10llu %5u %10llu %6llu\n", printable(i->name), vexfs_program_state(i),
	       ops_names(i->ops, ops), i->generation, i->bound, i->queries, i->errors);
	return 0;
}

static int list(int argc, char **argv)
{
	int (*row)(const struct vexfs_program_info *i, void *arg) = print_row;
	struct vexfs_load_error err = {};
	struct json_object *array = NULL;
	const char *mount = NULL;
	int n = 0, fd = -1, ret;
	void *arg = &n;
	bool json = false;

	if (show_args(argc, argv, &mount, &json) || want_args(argc, 0, 0, "none"))
		return VEXCTL_USAGE;
	if (mount) {
		fd = native_open(mount);
		if (fd < 0)
			return VEXCTL_FAILED;
	}
	if (json) {
		row = add_row;
		arg = array = json_object_new_array();
	}
	ret = mount ? native_each(fd, row, arg) : vexfs_programs(row, arg, &err);
	if (fd >= 0)
		vexfs_close(fd);
	if (ret) {
		json_object_put(array);
		return mount ? fail_op(mount, VEXFS_OP_NATIVE, ret) : fail(NULL, "%s", err.msg);
	}
	if (array)
		print_json(array);
	else if (!n)
		printf("no programs\n");
	return VEXCTL_OK;
}

/* A whole number of BTF type `type` at data[off]: a member of o.  What is no number is left out. */
static void add_member(struct json_object *o, const struct btf *btf, const char *name, __u32 type,
		       const char *data, size_t size, size_t off)
{
	int id = btf__resolve_type(btf, type);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	bool sign;
	__u64 v = 0;

	if (!t || !btf_is_int(t) || t->size > sizeof(v) || off > size || t->size > size - off)
		return;
	memcpy(&v, data + off, t->size);	/* little-endian, as BPF is here */
	sign = btf_int_encoding(t) & BTF_INT_SIGNED;
	if (sign && t->size < sizeof(v) && t->size)
		v = (__u64)((__s64)(v << (64 - 8 * t->size)) >> (64 - 8 * t->size));
	if (sign)
		add_s64(o, name, v);
	else
		add_u64(o, name, v);
}

/* The numbers in a value of a map. */
static struct json_object *value_json(const struct btf *btf, __u32 type, const char *data,
				      size_t size)
{
	struct json_object *o = json_object_new_object();
	int id = btf__resolve_type(btf, type), i;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	if (t && btf_is_struct(t)) {
		const struct btf_member *m = btf_members(t);

		for (i = 0; i < btf_vlen(t); i++)
			if (!btf_member_bitfield_size(t, i))
				add_member(o, btf, btf__name_by_offset(btf, m[i].name_off),
					   m[i].type, data, size, btf_member_bit_offset(t, i) / 8);
	} else if (t && btf_is_datasec(t)) {
		const struct btf_var_secinfo *s = btf_var_secinfos(t);

		for (i = 0; i < btf_vlen(t); i++) {
			const struct btf_type *var = btf__type_by_id(btf, s[i].type);

			if (var)
				add_member(o, btf, btf__name_by_offset(btf, var->name_off),
					   s[i].type, data, size, s[i].offset);
		}
	} else {
		add_member(o, btf, "value", type, data, size, 0);
	}
	return o;
}

/* Values of an array map, as its BTF names them; an empty array where that is not to be had. */
static struct json_object *map_values(__u32 map_id)
{
	struct json_object *values = json_object_new_array();
	int fd = bpf_map_get_fd_by_id(map_id);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), key;
	struct btf *btf = NULL;
	char *data = NULL;

	if (fd < 0)
		return values;
	if (!bpf_map_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_ARRAY &&
	    info.btf_value_type_id && info.value_size <= MAX_VALUE) {
		btf = btf__load_from_kernel_by_id(info.btf_id);
		data = calloc(1, info.value_size);
	}
	for (key = 0; btf && data && key < info.max_entries && key < MAX_ENTRIES; key++)
		if (!bpf_map_lookup_elem(fd, &key, data))
			json_object_array_add(values, value_json(btf, info.btf_value_type_id, data,
								 info.value_size));
	free(data);
	btf__free(btf);
	close(fd);
	return values;
}

static void print_values(struct json_object *values)
{
	size_t i, n = json_object_array_length(values);

	for (i = 0; i < n; i++) {
		if (n > 1)
			printf("  [%zu]", i);
		json_object_object_foreach(json_object_array_get_idx(values, i), key, val)
			printf("  %s=%s", printable(key),
			       printable_json(json_object_to_json_string(val)));
	}
}

static void show_text(const struct vexfs_program_info *i, bool native)
{
	char ops[32];
	__u32 n;

	printf("name        %s\nstate       %s", printable(i->name), vexfs_program_state(i));
	if (i->pinned)
		printf(", pinned at %s/%s/link", VEXFS_PIN_DIR, printable(i->name));
	else if (i->loaded)
		printf(", held by the process that loaded it");
	printf("\nbound       %u times by collections\n", i->bound);
	printf("queries     %llu, errors %llu\n", i->queries, i->errors);
	if (!i->loaded)
		return;
	printf("ops         %s%s\n", ops_names(i->ops, ops),
	       i->flags & VEXFS_OPS_EXHAUSTIVE ? ", exhaustive" : "");
	printf("generation  %llu\n", i->generation);
	if (i->max_visits || i->timeout_us)
		printf("limits      max_visits %llu, timeout_us %u\n", i->max_visits,
		       i->timeout_us);
	if (native) {
		printf("its maps are in the memory of the process\n");
		return;
	}
	if (!i->link_id) {
		printf("ids and maps are shown to root only\n");
		return;
	}
	printf("link        id %u\nops map     id %u\n", i->link_id, i->ops_map_id);
	for (n = 0; n < VEXFS_SLOTS; n++)
		if (i->prog_id[n])
			printf("%-11s prog id %u\n", vexfs_slot_name(n), i->prog_id[n]);
	for (n = 0; n < i->maps && n < VEXFS_LIST_MAPS; n++) {
		struct json_object *values = map_values(i->map[n].id);

		printf("map         %s id %u", printable(i->map[n].name), i->map[n].id);
		print_values(values);
		printf("\n");
		json_object_put(values);
	}
}

static int show(int argc, char **argv)
{
	struct json_object *o, *maps, *e;
	struct vexfs_program_info info;
	struct vexfs_load_error err = {};
	const char *mount = NULL;
	bool json = false;
	__u32 n;
	int fd, ret;

	if (show_args(argc, argv, &mount, &json) || want_args(argc, 1, 1, "NAME"))
		return VEXCTL_USAGE;
	if (mount) {
		fd = native_open(mount);
		if (fd < 0)
			return VEXCTL_FAILED;
		ret = native_info(fd, argv[optind], &info);
		vexfs_close(fd);
		if (ret)
			return fail_op(argv[optind], VEXFS_OP_NATIVE, ret);
	} else if (vexfs_program_info(argv[optind], &info, &err)) {
		return fail(argv[optind], "%s", err.msg);
	}
	if (!json) {
		show_text(&info, mount != NULL);
		return VEXCTL_OK;
	}
	o = program_json(&info);
	maps = json_object_new_array();
	for (n = 0; n < info.maps && n < VEXFS_LIST_MAPS; n++) {
		e = json_object_new_object();
		add_str(e, "name", info.map[n].name);
		add_u64(e, "id", info.map[n].id);
		json_object_object_add(e, "values", map_values(info.map[n].id));
		json_object_array_add(maps, e);
	}
	json_object_object_add(o, "maps", maps);
	print_json(o);
	return VEXCTL_OK;
}

const struct verb program_verbs[] = {
	{ "load", load, "OBJECT [--mount DIR] [-v] [--json]", "load a program object (NAME.bpf.o)",
	  "The program stays loaded, pinned under /sys/fs/bpf/vexfs, until `vexctl unload`.  Its name is in the object.\n"
	  "Loading needs root, or the group vexfs where vexd runs.  CAP_BPF and CAP_PERFMON are not enough: the kernel hands\n"
	  "the types of a module only to CAP_SYS_ADMIN.\n"
	  "  -v, --verbose        print everything that libbpf says, and do not ask vexd to load it\n"
	  "      --mount DIR      OBJECT is a native program (NAME.native.so, made by `make bpf/NAME.native.so`), for the mount\n"
	  "                       by vexfs-fuse that DIR is on: for who runs that, and for root.  No verifier looks at it: load\n"
	  "                       only what you would run.  It is there until it is unloaded or vexfs-fuse ends.\n"
	  "In an image a native program is loaded for one verb: vexctl --image FILE --load OBJECT VERB...\n" },
	{ "unload", unload, "NAME [--mount DIR] [-v] [--json]", "remove a program from the kernel",
	  "Collections that are bound to it keep the binding.  Until an object of that name is loaded again, their searches\n"
	  "are built-in, and queries through its filter or distance fail.\n"
	  "      --mount DIR      of the mount by vexfs-fuse that DIR is on\n" },
	{ "replace", replace, "OBJECT [--mount DIR] [-v] [--json]",
	  "replace a loaded program by an object of the same name",
	  "Queries go on: none fails, and none mixes the two.  The maps (knobs, counters) are those of the new object.\n"
	  "      --mount DIR      see `vexctl load --help`\n" },
	{ "use", use, "DIR {NAME | --builtin} [--slot search|distance|filter]",
	  "bind a loaded program to a collection",
	  "  -s, --slot SLOT      needed only if the program, or with --builtin the collection, has several\n"
	  "      --builtin        unbind, and go back to what is built in\n"
	  "The binding is on disk: after a mount it works again as soon as the program is loaded.\n",
	  true, IMAGE_CHANGE },
	{ "program list", list, "[--mount DIR] [--json]", "list programs that are loaded or bound",
	  "      --mount DIR      of the mount by vexfs-fuse that DIR is on\n" },
	{ "program show", show, "NAME [--mount DIR] [--json]",
	  "show one of them: counters, BPF ids, and the numbers in its maps",
	  "`bpftool map update` changes these numbers while queries run.\n"
	  "      --mount DIR      of the mount by vexfs-fuse that DIR is on: there no maps are shown, nor changed by bpftool\n" },
	{}
};
