// SPDX-License-Identifier: GPL-2.0
/* vexctl status, events, reload. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include "libvexfs/attach.h"
#include "loader/loader.h"
#include "meter/meter.h"
#include "vexctl/daemon.h"
#include "vexctl/native.h"
#include "vexctl/vexctl.h"

static const char *str(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "";
}

/* The same for a table. */
static const char *show(struct json_object *o, const char *key)
{
	return printable(str(o, key));
}

static bool flag(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

static __u64 number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_uint64(v) : 0;
}

static double real(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_double(v) : 0;
}

/* --- filesystems --- */

static void add_recall(__u32 dev, const struct vexfs_recall_count *n, void *list)
{
	struct json_object *o = json_object_new_object();
	char path[PATH_MAX];

	if (meter_dir(dev, n->dir, n->generation, path))
		snprintf(path, sizeof(path), "inode %llu", n->dir);
	add_str(o, "collection", path);
	add_str(o, "strategy", n->strategy);
	json_object_object_add(o, "recall", json_number((double)n->found / n->expected));
	json_object_object_add(o, "wanted", json_number(n->wanted / 1e6 / n->queries));
	add_u64(o, "queries", n->queries);
	add_u64(o, "expected", n->expected);
	add_u64(o, "found", n->found);
	json_object_array_add(list, o);
}

static int add_program(const struct vexfs_program_info *i, void *list)
{
	json_object_array_add(list, vexfs_program_json(i));
	return 0;
}

static struct json_object *filesystem(struct libmnt_fs *fs)
{
	struct json_object *o = json_object_new_object(), *recalls = json_object_new_array(), *programs;
	const char *source = mnt_fs_get_source(fs), *target = mnt_fs_get_target(fs);
	unsigned long flags = 0;
	struct vexfs_ioc_memory memory = { .size = sizeof(memory) };
	struct statvfs st;
	int fd;

	add_str(o, "device", source ? source : "?");
	add_str(o, "dir", target);
	mnt_optstr_get_flags(mnt_fs_get_options(fs), &flags, mnt_get_builtin_optmap(MNT_LINUX_MAP));
	add_bool(o, "read_only", flags & 1);	/* MS_RDONLY */
	if (!statvfs(target, &st)) {
		add_u64(o, "bytes", (__u64)st.f_blocks * st.f_frsize);
		add_u64(o, "free_bytes", (__u64)st.f_bfree * st.f_frsize);
		add_u64(o, "files", st.f_files);
		add_u64(o, "free_files", st.f_ffree);
	}
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && !vexfs_call(fd, VEXFS_IOC_MEMORY, &memory)) {
		add_u64(o, "resident_bytes", memory.limit);
		add_u64(o, "resident_used_bytes", memory.used);
		add_u64(o, "resident_evictable_bytes", memory.evictable + memory.leaving);
		add_u64(o, "resident_evicted", memory.evicted);
		add_u64(o, "codes_bytes", memory.codes);
		add_u64(o, "lists_bytes", memory.lists);
		add_u64(o, "tables_bytes", memory.tables);
		add_u64(o, "collections", memory.collections);
		add_u64(o, "lacking", memory.lacking);
		add_u64(o, "checkpoints", memory.checkpoints);
		add_u64(o, "checkpoint_slots", memory.checkpoint_slots);
		add_u64(o, "checkpoint_bytes", memory.checkpoint_bytes);
	}
	if (fd >= 0 && native_has(fd)) {
		programs = json_object_new_array();
		native_each(fd, add_program, programs);
		json_object_object_add(o, "programs", programs);
	}
	if (fd >= 0)
		close(fd);
	/* not for everybody: then it is empty */
	meter_recalls(target, add_recall, recalls);
	json_object_object_add(o, "recall", recalls);
	return o;
}

static struct json_object *filesystems(void)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct json_object *list = json_object_new_array();
	struct libmnt_fs *fs;

	while (table && iter && !mnt_table_next_fs(table, iter, &fs)) {
		const char *type = mnt_fs_get_fstype(fs);

		if (type && (!strcmp(type, "vexfs") || !strcmp(type, "fuse.vexfs")) &&
		    mnt_fs_get_target(fs))
			json_object_array_add(list, filesystem(fs));
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return list;
}

/* What vexd says, or {"running": false, "why": ...}. */
static struct json_object *daemon_status(void)
{
	struct json_object *o = NULL, *request;
	FILE *f = vexd_open();

	if (f) {
		request = json_object_new_object();
		add_str(request, "op", "status");
		o = vexd_ask(f, request);
		fclose(f);
	}
	if (o && flag(o, "ok")) {
		json_object_object_del(o, "ok");
		add_bool(o, "running", true);
		return o;
	}
	json_object_put(o);
	o = json_object_new_object();
	add_bool(o, "running", false);
	add_str(o, "why", errno == ENOENT || errno == ECONNREFUSED ? "not started" :
			  strerror(errno ? errno : EPROTO));
	return o;
}

/* "1.5 GiB" */
static const char *human(__u64 bytes, char buf[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = bytes;
	int u = 0;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	snprintf(buf, 24, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}

/* How many of the true neighbours were found, by those searches that were run again. */
static void print_recalls(struct json_object *fs)
{
	struct json_object *list, *o;
	size_t i;

	if (!json_object_object_get_ex(fs, "recall", &list))
		return;
	for (i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		printf("    %s, by %s: recall %.4f in %llu sampled searches, which wanted %.4g\n",
		       show(o, "collection"), show(o, "strategy"), real(o, "recall"),
		       number(o, "queries"), real(o, "wanted"));
	}
}

static void print_memory(struct json_object *o)
{
	char a[24], b[24], c[24], d[24];

	printf("    derived data: %s of %s (resident=); codes %s, lists %s", human(number(o, "resident_used_bytes"), a),
	       human(number(o, "resident_bytes"), b), human(number(o, "codes_bytes"), c),
	       human(number(o, "lists_bytes"), d));
	if (number(o, "tables_bytes"))
		printf(", hash tables %s", human(number(o, "tables_bytes"), a));
	printf("; made room %llu times\n", number(o, "resident_evicted"));
	printf("    checkpoints: %llu of %llu collections in memory have one", number(o, "checkpoints"),
	       number(o, "collections"));
	if (number(o, "checkpoints"))
		printf(", of %llu slots in %s", number(o, "checkpoint_slots"),
		       human(number(o, "checkpoint_bytes"), a));
	printf("\n");
	if (number(o, "lacking"))
		printf("    over the budget: codes or lists of %llu of them do not fit into resident=: searches are exact, or by codes alone, and slower\n",
		       number(o, "lacking"));
}

/* A line for each. */
static void print_list(struct json_object *list, const char *indent)
{
	size_t i, j, n = json_object_array_length(list);

	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i), *ops;

		printf("%s%s: %s", indent, show(o, "name"), show(o, "state"));
		if (json_object_object_get_ex(o, "ops", &ops))
			for (j = 0; j < json_object_array_length(ops); j++)
				printf("%s%s", j ? ", " : " (",
				       printable(json_object_get_string(
					       json_object_array_get_idx(ops, j))));
		printf("%s, bindings %llu, queries %llu, errors %llu\n",
		       json_object_array_length(ops) ? ")" : "", number(o, "bound"),
		       number(o, "queries"), number(o, "errors"));
	}
}

static void print_filesystems(struct json_object *list)
{
	struct json_object *programs;
	size_t i, n = json_object_array_length(list);
	char a[24], b[24];

	printf("Filesystems%s\n", n ? "" : ": none is mounted");
	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		printf("  %s on %s: %s free of %s%s\n", show(o, "device"), show(o, "dir"),
		       human(number(o, "free_bytes"), a), human(number(o, "bytes"), b),
		       flag(o, "read_only") ? ", read-only" : "");
		if (json_object_object_get_ex(o, "resident_bytes", NULL))
			print_memory(o);
		print_recalls(o);
		if (json_object_object_get_ex(o, "programs", &programs))
			print_list(programs, "    program ");
	}
}

static void print_programs(struct json_object *list, const char *why)
{
	size_t n = json_object_array_length(list);

	printf("Programs%s%s\n", n ? "" : *why ? ": " : ": none", n ? "" : printable(why));
	print_list(list, "  ");
}

static void print_daemon(struct json_object *o)
{
	struct json_object *list, *binds;
	char since[32] = "?";
	time_t t = number(o, "started");
	size_t i, j;

	if (!flag(o, "running")) {
		printf("Daemon: vexd is not running (%s)\n", show(o, "why"));
		return;
	}
	strftime(since, sizeof(since), "%Y-%m-%d %H:%M:%S", localtime(&t));
	printf("Daemon: vexd %s, pid %llu, since %s\n", show(o, "version"), number(o, "pid"),
	       since);
	printf("  configuration %s, socket %s", show(o, "config"), show(o, "socket"));
	if (number(o, "metrics_port"))
		printf(", metrics http://127.0.0.1:%llu/metrics", number(o, "metrics_port"));
	printf("\n");
	if (!flag(o, "watching"))
		printf("  no events and counts: %s\n", show(o, "watching_why"));
	if (!json_object_object_get_ex(o, "programs", &list))
		return;
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);

		printf("  keeps %s: %s%s%s\n", show(p, "name"), show(p, "state"),
		       *str(p, "why") ? ": " : "", show(p, "why"));
		if (!json_object_object_get_ex(p, "bind", &binds))
			continue;
		for (j = 0; j < json_object_array_length(binds); j++) {
			struct json_object *b = json_object_array_get_idx(binds, j);

			printf("    %s: %s%s\n", show(b, "dir"),
			       flag(b, "bound") ? "bound" : "not bound: ",
			       flag(b, "bound") ? "" : show(b, "why"));
		}
	}
}

static int status(int argc, char **argv)
{
	struct json_object *fs, *programs, *vexd, *o;
	struct vexfs_load_error err = {};
	bool json = false;

	if (only_json(argc, argv, &json) || want_args(argc, 0, 0, "none"))
		return VEXCTL_USAGE;
	fs = filesystems();
	programs = json_object_new_array();
	vexfs_programs(add_program, programs, &err);
	vexd = daemon_status();
	o = json_object_new_object();
	json_object_object_add(o, "filesystems", fs);
	json_object_object_add(o, "module", json_object_new_string(*err.msg ? err.msg : "loaded"));
	json_object_object_add(o, "programs", programs);
	json_object_object_add(o, "daemon", vexd);
	if (json) {
		print_json(o);
		return VEXCTL_OK;
	}
	print_filesystems(fs);
	print_programs(programs, err.msg);
	print_daemon(vexd);
	json_object_put(o);
	return VEXCTL_OK;
}

/* "12:30:01 eject program=flat code=EINVAL" */
static void print_event(struct json_object *o)
{
	struct tm utc = {}, local;
	char clock[16] = "";
	time_t t;

	if (strptime(str(o, "time"), "%Y-%m-%dT%H:%M:%S", &utc)) {
		t = timegm(&utc);
		localtime_r(&t, &local);
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	}
	printf("%s %s", clock, show(o, "event"));
	json_object_object_foreach(o, key, value) {
		if (!strcmp(key, "event") || !strcmp(key, "time"))
			continue;
		/* a string without quotes where that is unambiguous */
		printf(" %s=%s", printable(key), json_object_is_type(value, json_type_string) &&
			       !strpbrk(printable(json_object_get_string(value)), " \"\\") ?
			       printable(json_object_get_string(value)) :
			       printable_json(json_object_to_json_string_ext(
				       value, JSON_C_TO_STRING_NOSLASHESCAPE)));
	}
	printf("\n");
}

/* A connection to vexd and its answer to op, NULL: none; or NULL after a line that says why. */
static FILE *ask(const char *op, struct json_object **answer)
{
	struct json_object *o;
	FILE *f = vexd_open();

	if (!f) {
		fail(vexd_socket(), "cannot reach vexd: %s; is it running? `systemctl start vexd`",
		     strerror(errno));
		return NULL;
	}
	o = json_object_new_object();
	add_str(o, "op", op);
	*answer = vexd_ask(f, o);
	return f;
}

static int events(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	struct json_object *o;
	__u64 count = 0, n;
	bool json = false;
	FILE *f;
	int c;

	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		if (c == 'n' && want_u64("--count", optarg, 1, ~0ull, &count))
			return VEXCTL_USAGE;
		if (c == 'j')
			json = true;
		if (c != 'n' && c != 'j')
			return bad_option(argv);
	}
	if (want_args(argc, 0, 0, "none"))
		return VEXCTL_USAGE;
	f = ask("events", &o);
	if (!f)
		return VEXCTL_FAILED;
	c = o && flag(o, "ok") ? VEXCTL_OK :
				 fail(vexd_socket(), "vexd refuses: %s", o ? str(o, "error") : "no answer");
	json_object_put(o);
	for (n = 0; c == VEXCTL_OK && (!count || n < count); n++) {
		o = vexd_next(f);
		if (!o) {
			c = fail(vexd_socket(), "vexd has ended");
			break;
		}
		if (json) {
			print_json(o);
		} else {
			print_event(o);
			json_object_put(o);
		}
		if (fflush(stdout))
			break;
	}
	fclose(f);
	return c;
}

static int reload(int argc, char **argv)
{
	static const struct option options[] = { {} };
	struct json_object *o;
	FILE *f;
	int c;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (want_args(argc, 0, 0, "none"))
		return VEXCTL_USAGE;
	f = ask("reload", &o);
	if (!f)
		return VEXCTL_FAILED;
	c = o && flag(o, "ok") ? VEXCTL_OK :
				 fail(vexd_socket(), "%s", o ? str(o, "error") : "no answer");
	json_object_put(o);
	fclose(f);
	if (!c)
		tell("vexd has read its configuration; `vexctl status` says what came of it");
	return c;
}

const struct verb status_verbs[] = {
	{ "status", status, "[--json]",
	  "show what is mounted, what is loaded and what vexd looks after",
	  "Of each filesystem: its space, and the memory that takes what is derived from records, which the mount option\n"
	  "resident= limits: how much of it are codes, lists and hash tables, how often those of a collection made room for\n"
	  "something else, and of how many they do not fit, so that their searches look at all records or codes, and are\n"
	  "slower.  And how many of the collections in memory have a checkpoint: codes and lists that the next mount reads.\n"
	  "Of each collection in memory it says, to root, what recall its searches have: one in 256 is run again later,\n"
	  "exactly, by a worker of low priority, and its answer compared.  Not those with a filter or distance program, a\n"
	  "condition, --radius, --per-file, --as-of or --exact, nor what was cut short.\n" },
	{ "events", events, "[-n COUNT] [--json]",
	  "show what happens, one line each, as vexd sees it",
	  "  -n, --count COUNT    stop after so many; otherwise stop with Ctrl-C\n"
	  "Events: switch unload use program_error eject compact damage mount unmount lost.\n" },
	{ "reload", reload, "", "make vexd read its configuration again",
	  "If there is an error in it, the configuration in force stays and this fails.  Needs root or the group vexfs.\n",
	  true },
	{}
};
