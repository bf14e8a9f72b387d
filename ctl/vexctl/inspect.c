// SPDX-License-Identifier: GPL-2.0
/* vexctl program dump, program stats: what the kernel has of a program, and what it costs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "loader/loader.h"
#include "vexctl/vexctl.h"

#define MAX_VALUE	65536u		/* bytes of the ops map's value */

/* What the kernel says of a BPF program.  0 or -errno. */
static int prog_info(__u32 id, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);
	int fd = bpf_prog_get_fd_by_id(id), err;

	memset(info, 0, sizeof(*info));
	if (fd < 0)
		return fd;
	err = bpf_prog_get_info_by_fd(fd, info, &len);
	close(fd);
	return err;
}

static const char *tag(const struct bpf_prog_info *i, char buf[2 * BPF_TAG_SIZE + 1])
{
	int n;

	for (n = 0; n < BPF_TAG_SIZE; n++)
		sprintf(buf + 2 * n, "%02x", i->tag[n]);
	return buf;
}

/* --- dump --- */

/*
 * A member of the struct: a number, a text, or the id of a BPF program where the module has a
 * function.
 */
static struct json_object *member_json(const struct btf *btf, __u32 type, const char *data,
				       size_t size)
{
	int id = btf__resolve_type(btf, type);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	__u64 v = 0;

	if (t && btf_is_array(t))
		return json_object_new_string_len(data, strnlen(data, size));
	if (!t || (!btf_is_int(t) && !btf_is_ptr(t)) || size > sizeof(v))
		return NULL;
	memcpy(&v, data, size);			/* little-endian, as BPF is here */
	return json_object_new_uint64(v);
}

/*
 * The members of the struct vexfs_ops in the value of its map, as the BTF of the module names them.
 * NULL: they cannot be read.  bpftool looks only into the BTF of the kernel itself, where types of
 * modules are not.
 */
static struct json_object *ops_json(const struct btf *btf, __u32 value_type, const char *value,
				    size_t value_size)
{
	const struct btf_type *t = btf__type_by_id(btf, value_type), *ops;
	struct json_object *o;
	const struct btf_member *m;
	size_t base;
	int i;

	/* struct bpf_struct_ops_vexfs_ops { common; struct vexfs_ops data; } */
	if (!t || !btf_is_struct(t) || btf_vlen(t) != 2)
		return NULL;
	base = btf_member_bit_offset(t, 1) / 8;
	ops = btf__type_by_id(btf, btf_members(t)[1].type);
	if (!ops || !btf_is_struct(ops) || base > value_size || ops->size > value_size - base)
		return NULL;
	o = json_object_new_object();
	for (i = 0, m = btf_members(ops); i < btf_vlen(ops); i++, m++) {
		size_t off = btf_member_bit_offset(ops, i) / 8;
		__s64 size = btf__resolve_size(btf, m->type);

		if (size <= 0 || off > ops->size || (size_t)size > ops->size - off)
			continue;
		json_object_object_add(o, btf__name_by_offset(btf, m->name_off),
				       member_json(btf, m->type, value + base + off, size));
	}
	return o;
}

/* 0 or -errno. */
static int read_ops(__u32 map_id, struct json_object **out)
{
	int fd = bpf_map_get_fd_by_id(map_id), err = fd < 0 ? fd : 0;
	struct bpf_map_info info = {};
	struct btf *base = NULL, *btf = NULL;
	__u32 len = sizeof(info), key = 0;
	char *value = NULL;

	*out = NULL;
	if (!err)
		err = bpf_map_get_info_by_fd(fd, &info, &len);
	if (!err && (info.type != BPF_MAP_TYPE_STRUCT_OPS || !info.btf_vmlinux_value_type_id ||
		     info.value_size > MAX_VALUE))
		err = -EINVAL;
	if (!err) {
		base = btf__load_vmlinux_btf();
		btf = base ? btf__load_from_kernel_by_id_split(info.btf_vmlinux_id, base) : NULL;
		value = calloc(1, info.value_size);
		err = btf && value ? bpf_map_lookup_elem(fd, &key, value) : -errno;
	}
	if (!err) {
		*out = ops_json(btf, info.btf_vmlinux_value_type_id, value, info.value_size);
		err = *out ? 0 : -EINVAL;
	}
	free(value);
	btf__free(btf);
	btf__free(base);
	if (fd >= 0)
		close(fd);
	return err;
}

static struct json_object *prog_json(__u32 id, const struct bpf_prog_info *i)
{
	struct json_object *o = json_object_new_object();
	char buf[2 * BPF_TAG_SIZE + 1];

	add_u64(o, "id", id);
	add_str(o, "name", i->name);
	add_str(o, "tag", tag(i, buf));
	add_u64(o, "bytes_translated", i->xlated_prog_len);
	add_u64(o, "bytes_jited", i->jited_prog_len);
	add_u64(o, "instructions_verified", i->verified_insns);
	return o;
}

/* The options of both: --json, and --seconds where seconds is not NULL. */
static int parse(int argc, char **argv, double *seconds, bool *json, int max)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "seconds", required_argument, NULL, 's' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, seconds ? "s:" : "", options, NULL)) != -1) {
		if (c == 's' && seconds) {
			if (want_double("--seconds", optarg, seconds))
				return VEXCTL_USAGE;
			if (!(*seconds >= 0.1 && *seconds <= 3600))
				return usage("--seconds: it is 0.1 to 3600");
		} else if (c == 'j') {
			*json = true;
		} else {
			return bad_option(argv);
		}
	}
	return want_args(argc, max ? 1 : 0, 1, "NAME");
}

static int dump(int argc, char **argv)
{
	struct json_object *o, *progs, *ops;
	struct vexfs_program_info p;
	struct vexfs_load_error err = {};
	struct bpf_prog_info info;
	char buf[2 * BPF_TAG_SIZE + 1];
	bool json = false;
	int ret;
	__u32 i;

	if (parse(argc, argv, NULL, &json, 1))
		return VEXCTL_USAGE;
	if (vexfs_program_info(argv[optind], &p, &err))
		return fail(argv[optind], "%s", err.msg);
	if (!p.loaded)
		return fail(argv[optind], "is not loaded, only bound to");
	if (!p.ops_map_id)
		return fail(argv[optind], "what the kernel has of it is shown to root only");
	ret = read_ops(p.ops_map_id, &ops);
	if (ret)
		return fail(argv[optind], "cannot read its struct vexfs_ops: %s", strerror(-ret));
	o = json_object_new_object();
	progs = json_object_new_object();
	add_str(o, "name", p.name);
	add_u64(o, "link_id", p.link_id);
	add_u64(o, "ops_map_id", p.ops_map_id);
	json_object_object_add(o, "vexfs_ops", ops);
	if (!json) {
		printf("struct vexfs_ops, map id %u, link id %u\n", p.ops_map_id, p.link_id);
		json_object_object_foreach(ops, key, value)
			printf("  %-11s %s\n", printable(key),
			       printable_json(json_object_to_json_string(value)));
	}
	for (i = 0; i < VEXFS_SLOTS; i++) {
		if (!p.prog_id[i] || prog_info(p.prog_id[i], &info))
			continue;
		json_object_object_add(progs, vexfs_slot_name(i), prog_json(p.prog_id[i], &info));
		if (!json)
			printf("%-13s prog id %u, %s, tag %s: %u bytes translated, %u jited, %u instructions verified\n",
			       vexfs_slot_name(i), p.prog_id[i], printable(info.name),
			       tag(&info, buf), info.xlated_prog_len, info.jited_prog_len,
			       info.verified_insns);
	}
	json_object_object_add(o, "progs", progs);
	if (json)
		print_json(json_object_get(o));
	else
		printf("`bpftool prog dump xlated|jited id ID` shows their code.\n");
	json_object_put(o);
	return VEXCTL_OK;
}

/* --- stats --- */

/* An op of a program, and how often and how long it ran until the first look. */
struct sample {
	char name[VEXFS_PROG_NAME_LEN];
	__u32 slot, id;
	__u64 count, ns;
	__u64 queries, errors;
};

struct samples {
	const char *only;		/* NULL: all */
	struct sample *s;
	size_t n;
};

static int take(const struct vexfs_program_info *p, void *arg)
{
	struct samples *l = arg;
	struct bpf_prog_info info;
	struct sample *s;
	__u32 i;

	if (l->only && strcmp(l->only, p->name))
		return 0;
	for (i = 0; i < VEXFS_SLOTS; i++) {
		if (!p->prog_id[i] || prog_info(p->prog_id[i], &info))
			continue;
		s = reallocarray(l->s, l->n + 1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		l->s = s;
		s += l->n++;
		strcpy(s->name, p->name);
		s->slot = i;
		s->id = p->prog_id[i];
		s->count = info.run_cnt;
		s->ns = info.run_time_ns;
		s->queries = p->queries;
		s->errors = p->errors;
	}
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void print_sample(const struct sample *s, double seconds, struct json_object *list)
{
	struct vexfs_program_info p;
	struct vexfs_load_error err = {};
	struct bpf_prog_info info;
	struct json_object *o;
	__u64 runs, ns;

	/* replaced or unloaded meanwhile: nothing to compare */
	if (prog_info(s->id, &info) || vexfs_program_info(s->name, &p, &err) ||
	    p.prog_id[s->slot] != s->id)
		return;
	runs = info.run_cnt - s->count;
	ns = info.run_time_ns - s->ns;
	if (!list) {
		printf("%-31s %-8s %10.1f %10.0f %7.2f %10.1f %8llu\n", printable(s->name),
		       vexfs_slot_name(s->slot), runs / seconds, runs ? (double)ns / runs : 0,
		       ns / seconds / 1e7, (p.queries - s->queries) / seconds,
		       p.errors - s->errors);
		return;
	}
	o = json_object_new_object();
	add_str(o, "program", s->name);
	add_str(o, "op", vexfs_slot_name(s->slot));
	add_u64(o, "prog_id", s->id);
	add_u64(o, "runs", runs);
	add_u64(o, "ns", ns);
	add_u64(o, "queries", p.queries - s->queries);
	add_u64(o, "errors", p.errors - s->errors);
	json_object_array_add(list, o);
}

static int stats(int argc, char **argv)
{
	struct json_object *list = NULL, *o;
	struct vexfs_load_error err = {};
	struct samples l = {};
	double seconds = 1, begin;
	bool json = false;
	size_t i;
	int fd;

	if (parse(argc, argv, &seconds, &json, 0))
		return VEXCTL_USAGE;
	l.only = argv[optind];
	fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (fd < 0)
		return fail(NULL, "%s",
			    fd == -EPERM ?
				    "counting runs of BPF programs needs root (CAP_SYS_ADMIN)" :
				    strerror(-fd));
	if (vexfs_programs(take, &l, &err)) {
		close(fd);
		free(l.s);
		return fail(NULL, "%s", *err.msg ? err.msg : strerror(ENOMEM));
	}
	if (l.only && !l.n) {
		close(fd);
		return fail(l.only, "no program of that name is loaded");
	}
	catch_signals();
	begin = now();
	while (!interrupted() && now() - begin < seconds)
		usleep(20000);
	seconds = now() - begin;
	if (json)
		list = json_object_new_array();
	else
		printf("%-31s %-8s %10s %10s %7s %10s %8s\n", "program", "op", "runs/s", "ns/run",
		       "CPU %", "queries/s", "errors");
	for (i = 0; i < l.n; i++)
		print_sample(&l.s[i], seconds, list);
	close(fd);
	free(l.s);
	if (json) {
		o = json_object_new_object();
		json_object_object_add(o, "seconds", json_number(seconds));
		json_object_object_add(o, "ops", list);
		print_json(o);
	}
	return VEXCTL_OK;
}

const struct verb inspect_verbs[] = {
	{ "program dump", dump, "NAME [--json]",
	  "show its struct vexfs_ops as the kernel has it, and its BPF programs",
	  "It reads them by the BTF of the module, which `bpftool struct_ops` does not look into.\n" },
	{ "program stats", stats, "[NAME] [-s SECONDS] [--json]",
	  "show how often its ops run, and how long",
	  "  -s, --seconds N      watch for so long [1]\n"
	  "runs/s and ns/run count calls of the op, which is called once per round (search) or per batch of 64 (distance,\n"
	  "filter).  kernel.bpf_stats_enabled is on meanwhile, which costs a little.  CPU % is that of one CPU.  Needs root.\n" },
	{}
};
