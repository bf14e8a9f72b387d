// SPDX-License-Identifier: GPL-2.0
/*
 * Load, replace and unload.
 *
 * The pin of the link is the commit point: everything else is pinned before it and removed after
 * it, so that whoever is killed half-way leaves a directory without a live link, which the next
 * one clears. A replace commits with the update of the link.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "priv.h"

#define BPFFS		"/sys/fs/bpf"
#define MODULE_BTF	"/sys/kernel/btf/vexfs"
#define CAP_SYS_ADMIN	21
#define DETAIL_LINES	12		/* of the verifier's log */
#define ADVICE_LOOP \
	"it follows each turn of a loop: write loops with bpf_for(i, 0, n), which it looks at once"
#define ADVICE_LICENSE \
	"the kernel wants the GPL: add the line  char _license[] SEC(\"license\") = \"GPL\";"

int vexfs_fail(struct vexfs_load_error *err, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return error;
}

#define fail(job, error, ...) vexfs_fail((job)->err, error, __VA_ARGS__)

/* --- what libbpf says: kept for the error, shown when asked for --- */

static struct {
	char *text;
	size_t len, size;
	bool verbose;
} said;

/* Names out of the object are in it. */
static void show(const char *text)
{
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		fprintf(stderr, "%s%s", printable_n(text, n), text[n] ? "\n" : "");
	}
}

static int say(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	va_list copy;
	int n;

	if (level == LIBBPF_DEBUG && !said.verbose)
		return 0;
	va_copy(copy, ap);
	n = vsnprintf(NULL, 0, fmt, copy);
	va_end(copy);
	if (n < 0)
		return 0;
	if (said.len + n + 1 > said.size) {
		size_t size = (said.len + n + 1) * 2;
		char *text = realloc(said.text, size);

		if (!text)
			return 0;
		said.text = text;
		said.size = size;
	}
	vsnprintf(said.text + said.len, said.size - said.len, fmt, ap);
	if (said.verbose)
		show(said.text + said.len);
	if (level != LIBBPF_DEBUG)
		said.len += n;
	said.text[said.len] = 0;
	return 0;
}

/* The last line that libbpf said, without its prefix. */
static const char *last_said(void)
{
	static char line[256];
	const char *p, *end;

	if (!said.len)
		return "no reason given";
	end = said.text + said.len;
	while (end > said.text && end[-1] == '\n')
		end--;
	for (p = end; p > said.text && p[-1] != '\n'; p--)
		;
	if (end - p > 8 && !strncmp(p, "libbpf: ", 8))
		p += 8;
	snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
	return line;
}

/* What the author can do about what libbpf and the verifier say. */
static const struct {
	const char *said, *advice;
} advice[] = {
	{ "failed to find BTF for extern",
	  "without -O2 clang leaves out the types of functions that are called: compile it with clang -O2 -g -target bpf" },
	{ "jumps is too complex", ADVICE_LOOP },
	{ "program is too large", ADVICE_LOOP },
	{ "infinite loop detected", ADVICE_LOOP },
	{ "back-edge from insn", ADVICE_LOOP },
	{ "GPL compatible license", ADVICE_LICENSE },
	{ "non-GPL compatible program", ADVICE_LICENSE },
	{ "not found in kernel or module BTFs",
	  "the module that is loaded has no such function: compile it with the vexfs/program.bpf.h of that module" },
};

static const char *advice_for(const char *what)
{
	size_t i;

	for (i = 0; i < sizeof(advice) / sizeof(*advice); i++)
		if (strstr(what, advice[i].said))
			return advice[i].advice;
	return NULL;
}

int vexfs_load_reason(struct job *job, int error, const char *what)
{
	const char *line = last_said(), *hint = advice_for(said.len ? said.text : line);

	return fail(job, error, "%s: %s: %s%s%s", job->file, what, line, hint ? "; " : "",
		    hint ? hint : "");
}

static void begin(struct job *job, const struct vexfs_load_opts *opts,
		  struct vexfs_load_error *err, const char *path)
{
	memset(job, 0, sizeof(*job));
	err->msg[0] = err->detail[0] = 0;
	job->opts = opts;
	job->err = err;
	job->path = path;
	job->file = path && strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	job->lock = -1;
	said.verbose = opts && opts->verbose;
	said.len = 0;
	job->print = libbpf_set_print(say);
}

static int end(struct job *job, int ret)
{
	bpf_object__close(job->obj);
	if (job->lock >= 0)
		close(job->lock);
	libbpf_set_print(job->print);
	free(said.text);
	memset(&said, 0, sizeof(said));
	return ret;
}

/* --- pins --- */

int vexfs_check_name(const char *name, struct vexfs_load_error *err)
{
	size_t len = strlen(name);

	if (!len)
		return vexfs_fail(err, -EINVAL, "a program's name cannot be empty");
	if (len >= VEXFS_PROG_NAME_LEN)
		return vexfs_fail(err, -ENAMETOOLONG, "the program's name is longer than %d bytes",
				  VEXFS_PROG_NAME_LEN - 1);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len)
		return vexfs_fail(err, -EINVAL,
				  "'%s' is not a name for a program: use a-z, 0-9, _ and -", name);
	return 0;
}

void vexfs_pin_path(char path[PATH_MAX], const char *name, const char *leaf)
{
	snprintf(path, PATH_MAX, "%s/%s%s%s", VEXFS_PIN_DIR, name, *leaf ? "/" : "", leaf);
}

/* Remove a directory of pins, with what is pinned in it.  0 also when there is none. */
static int remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") &&
		    unlinkat(dirfd(dir), d->d_name, 0) && errno != ENOENT)
			err = -errno;
	closedir(dir);
	return err ? err : rmdir(path) ? -errno : 0;
}

/*
 * All pins of a name, the link last: while it is there, the rest belongs to something that lives.
 */
static int clear_pins(struct job *job, const char *name)
{
	static const char *const leaf[] = { "maps", "maps_new" };
	char path[PATH_MAX];
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(leaf) / sizeof(*leaf); i++) {
		vexfs_pin_path(path, name, leaf[i]);
		err = remove_dir(path);
		if (err)
			return fail(job, err, "cannot remove %s: %s", path, strerror(-err));
	}
	vexfs_pin_path(path, name, "");
	err = remove_dir(path);
	if (err)
		return fail(job, err, "cannot remove %s: %s", path, strerror(-err));
	return 0;
}

static bool is_admin(void)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		return geteuid() == 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	fclose(f);
	return caps >> CAP_SYS_ADMIN & 1;
}

/* A path of the pins is not for this user. */
static int pins_refused(struct job *job, const char *what)
{
	if (errno == EACCES || errno == EPERM)
		return fail(job, -EPERM,
			    "changing programs needs write permission for %s, which root has: run it as root",
			    BPFFS);
	return fail(job, -errno, "cannot %s %s: %s", what, VEXFS_PIN_DIR, strerror(errno));
}

/*
 * What must be there, and the lock on it.  loads: it will load an object.
 *
 * That takes CAP_SYS_ADMIN, not just CAP_BPF and CAP_PERFMON: maps and programs that use types and
 * functions of a module name its BTF by a descriptor, which BPF_BTF_GET_FD_BY_ID alone gives, and
 * only to CAP_SYS_ADMIN.  Without it libbpf says that there is no struct vexfs_ops.
 */
static int prepare(struct job *job, bool loads)
{
	struct statfs fs;

	if (access(MODULE_BTF, F_OK))
		return fail(job, -ENODEV, "the vexfs module is not loaded: run 'modprobe vexfs'");
	if (loads && !is_admin())
		return fail(job, -EPERM,
			    "loading programs needs root, or the group vexfs where vexd runs (CAP_BPF and CAP_PERFMON are not enough: the kernel hands the types of a module only to CAP_SYS_ADMIN)");
	if (statfs(BPFFS, &fs))
		return fail(job, -errno, "%s: %s", BPFFS, strerror(errno));
	if (fs.f_type != BPF_FS_MAGIC && mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return fail(job, -errno,
			    "bpffs is not mounted and cannot be: mount -t bpf bpf %s: %s", BPFFS,
			    strerror(errno));
	if (mkdir(VEXFS_PIN_DIR, 0700) && errno != EEXIST)
		return pins_refused(job, "make");
	job->lock = open(VEXFS_PIN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->lock < 0 || flock(job->lock, LOCK_EX))
		return pins_refused(job, "lock");
	return 0;
}

/*
 * Pin the maps that the author declared (knobs, counters; not .rodata and the like) into a new
 * directory.
 */
static int pin_maps(struct job *job, const char *leaf)
{
	char dir[PATH_MAX], path[PATH_MAX + BPF_OBJ_NAME_LEN + 1];
	struct bpf_map *map;
	int err;

	vexfs_pin_path(dir, job->name, leaf);
	if (mkdir(dir, 0700))
		return fail(job, -errno, "cannot make %s: %s", dir, strerror(errno));
	bpf_object__for_each_map(map, job->obj) {
		if (map == job->ops || bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, bpf_map__name(map));
		err = bpf_obj_pin(bpf_map__fd(map), path);
		if (err)
			return fail(job, err, "cannot pin map %s at %s: %s", bpf_map__name(map),
				    path, strerror(-err));
	}
	return 0;
}

int vexfs_open_link(const char *name, __u32 *link_id, __u32 *map_id)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int fd, err;

	vexfs_pin_path(path, name, "link");
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	err = bpf_link_get_info_by_fd(fd, &info, &len);
	if (!err && (info.type != BPF_LINK_TYPE_STRUCT_OPS || !info.struct_ops.map_id))
		err = -ENOENT;
	if (err) {
		close(fd);
		return err;
	}
	if (link_id)
		*link_id = info.id;
	if (map_id)
		*map_id = info.struct_ops.map_id;
	return fd;
}

/* --- into the kernel --- */

/* The end of the verifier's log, less its statistics, into detail; its last line into line. */
static bool verifier_log(struct job *job, char *line, size_t size)
{
	static const char begin_mark[] = "-- BEGIN PROG LOAD LOG --\n";
	static const char end_mark[] = "-- END PROG LOAD LOG --";
	char *log = said.len ? strstr(said.text, begin_mark) : NULL;
	char *stop, *p, *last;
	int lines = 0;

	if (!log)
		return false;
	log += strlen(begin_mark);
	stop = strstr(log, end_mark);
	if (stop)
		*stop = 0;
	stop = strstr(log, "\nprocessed ");
	if (stop)
		stop[1] = 0;
	for (p = log + strlen(log); p > log && p[-1] == '\n'; p--)
		p[-1] = 0;
	last = strrchr(log, '\n');
	snprintf(line, size, "%s", last ? last + 1 : log);
	for (p = log + strlen(log); p > log && lines < DETAIL_LINES; p--)
		if (p[-1] == '\n' && ++lines == DETAIL_LINES)
			break;
	if (strlen(p) >= sizeof(job->err->detail))
		p += strlen(p) - sizeof(job->err->detail) + 1;
	snprintf(job->err->detail, sizeof(job->err->detail), "%s", p);
	return true;
}

/* Show it to the verifier, create its maps. */
static int load_object(struct job *job)
{
	const char *hint;
	char line[256];
	int err = bpf_object__load(job->obj);

	if (!err)
		return 0;
	if (!verifier_log(job, line, sizeof(line)))
		return vexfs_load_reason(job, err, "cannot be loaded");
	if (strstr(line, "attach to unsupported member"))
		return fail(job, -EACCES,
			    "%s: search belongs in SEC(\"struct_ops.s/...\"), distance and filter in SEC(\"struct_ops/...\")",
			    job->file);
	hint = advice_for(line);
	return fail(job, -EACCES, "%s: the verifier refused it: %s%s%s", job->file, line,
		    hint ? "; " : "", hint ? hint : "");
}

/* An errno of attach or update, in words. */
static int refused(struct job *job, int err)
{
	switch (err) {
	case -EEXIST:
		return fail(job, err,
			    "a program named '%s' is loaded, but not by VexFS's tools: see 'bpftool link'",
			    job->name);
	case -EBUSY:
		return fail(job, err,
			    "%s: lacks an op of '%s' that a collection is bound to: use another one there first",
			    job->file, job->name);
	case -EPERM:
		return fail(job, -EAGAIN,
			    "'%s' was replaced by somebody else at the same time: try again",
			    job->name);
	case -EOPNOTSUPP:
		return fail(job, err,
			    "%s: wants what this module does not do (the kernel log says what)",
			    job->file);
	}
	return fail(job, err, "%s: the module refused it: %s (the kernel log says why)", job->file,
		    strerror(-err));
}

/* --- load, replace, unload --- */

static int attach_and_pin(struct job *job)
{
	struct bpf_link *link;
	char path[PATH_MAX];
	int err;

	vexfs_pin_path(path, job->name, "");
	if (mkdir(path, 0700))
		return fail(job, -errno, "cannot make %s: %s", path, strerror(errno));
	err = pin_maps(job, "maps");
	if (err)
		return err;
	link = bpf_map__attach_struct_ops(job->ops);
	if (!link)
		return refused(job, -errno);
	vexfs_pin_path(path, job->name, "link");
	err = bpf_obj_pin(bpf_link__fd(link), path);
	if (err) {
		fail(job, err, "cannot pin the link at %s: %s", path, strerror(-err));
		bpf_link_detach(bpf_link__fd(link));	/* now, not when the kernel gets to it */
	}
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
	return err;
}

static int load(struct job *job, struct vexfs_program_info *info)
{
	struct vexfs_load_error first;
	int fd, err;

	err = vexfs_open_object(job);
	if (!err)
		err = prepare(job, true);
	if (err)
		return err;
	fd = vexfs_open_link(job->name, NULL, NULL);
	if (fd >= 0) {
		close(fd);
		return fail(job, -EEXIST,
			    "a program named '%s' is loaded: replace it, or unload it first",
			    job->name);
	}
	err = clear_pins(job, job->name);	/* of one that was killed */
	if (!err)
		err = load_object(job);
	if (err)
		return err;
	err = attach_and_pin(job);
	if (err) {
		first = *job->err;
		clear_pins(job, job->name);
		*job->err = first;
		return err;
	}
	return info ? vexfs_program_info(job->name, info, job->err) : 0;
}

int vexfs_check_object(const char *path, const struct vexfs_load_opts *opts,
		       struct vexfs_program_info *info, struct vexfs_load_error *err)
{
	struct job job;
	int ret;

	begin(&job, opts, err, path);
	ret = vexfs_open_object(&job);
	if (!ret && info) {
		memset(info, 0, sizeof(*info));
		strcpy(info->name, job.name);
		info->ops = job.mask;
	}
	return end(&job, ret);
}

int vexfs_load(const char *path, const struct vexfs_load_opts *opts,
	       struct vexfs_program_info *info, struct vexfs_load_error *err)
{
	struct job job;

	begin(&job, opts, err, path);
	return end(&job, load(&job, info));
}

/* Hand the values of the new object to the kernel, which validates them, without attaching. */
static int fill_ops(struct job *job)
{
	struct bpf_link *link;

	/*
	 * libbpf fills a struct_ops map only on the way to a link.  It fills it first, and then
	 * the name is taken, as it must be: what we want is the map.
	 */
	link = bpf_map__attach_struct_ops(job->ops);
	if (!link)
		return errno == EEXIST ? 0 : refused(job, -errno);
	bpf_link_detach(bpf_link__fd(link));
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
	return fail(job, -ENOENT, "'%s' was unloaded at the same time", job->name);
}

static int swap_maps(struct job *job)
{
	char old[PATH_MAX], new[PATH_MAX];

	vexfs_pin_path(old, job->name, "maps");
	vexfs_pin_path(new, job->name, "maps_new");
	if (renameat2(AT_FDCWD, old, AT_FDCWD, new, RENAME_EXCHANGE))
		return fail(job, -errno, "cannot exchange %s and %s: %s", old, new,
			    strerror(errno));
	return 0;
}

static int update(struct job *job, int link, int old_map)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE, .old_map_fd = old_map);
	struct vexfs_load_error first;
	int err;

	err = pin_maps(job, "maps_new");
	if (!err)
		err = swap_maps(job);
	if (err)
		return err;
	/* Not bpf_link__update_map(): on a link that comes from a pin it reads beyond it. */
	err = bpf_link_update(link, bpf_map__fd(job->ops), &opts);
	if (err) {
		err = refused(job, err);
		first = *job->err;
		swap_maps(job);
		*job->err = first;
	}
	return err;
}

static int replace(struct job *job, struct vexfs_program_info *info)
{
	struct vexfs_load_error first;
	int link, old_map, err;
	char path[PATH_MAX];
	__u32 map_id;

	err = vexfs_open_object(job);
	if (!err)
		err = prepare(job, true);
	if (err)
		return err;
	link = vexfs_open_link(job->name, NULL, &map_id);
	if (link == -ENOENT)
		return fail(job, -ENOENT, "no program named '%s' is loaded: load it", job->name);
	if (link < 0)
		return fail(job, link, "cannot open the link of '%s': %s", job->name,
			    strerror(-link));
	old_map = bpf_map_get_fd_by_id(map_id);
	if (old_map < 0) {
		err = fail(job, old_map, "cannot open the loaded '%s': %s", job->name,
			   strerror(-old_map));
		goto close;
	}
	vexfs_pin_path(path, job->name, "maps_new");
	err = remove_dir(path);			/* of one that was killed */
	if (err)
		err = fail(job, err, "cannot remove %s: %s", path, strerror(-err));
	if (!err)
		err = load_object(job);
	if (!err)
		err = fill_ops(job);
	if (!err)
		err = update(job, link, old_map);
	first = *job->err;
	remove_dir(path);			/* the loser's maps */
	*job->err = first;
	close(old_map);
close:
	close(link);
	return err ? err : info ? vexfs_program_info(job->name, info, job->err) : 0;
}

int vexfs_replace(const char *path, const struct vexfs_load_opts *opts,
		  struct vexfs_program_info *info, struct vexfs_load_error *err)
{
	struct job job;

	begin(&job, opts, err, path);
	return end(&job, replace(&job, info));
}

static int unload(struct job *job, const char *name, struct vexfs_program_info *info)
{
	struct vexfs_program_info known;
	int link, err;

	err = vexfs_check_name(name, job->err);
	if (!err)
		err = prepare(job, false);
	if (err)
		return err;
	if (vexfs_program_info(name, &known, job->err))
		memset(&known, 0, sizeof(known));
	if (info)
		*info = known;
	link = vexfs_open_link(name, NULL, NULL);
	if (link == -ENOENT) {
		clear_pins(job, name);		/* of one that was killed */
		if (known.loaded)
			return fail(job, -ENOENT,
				    "'%s' was not loaded by VexFS's tools: it is gone when its link is, id %u (see 'bpftool link')",
				    name, known.link_id);
		return fail(job, -ENOENT, "no program named '%s' is loaded", name);
	}
	if (link < 0)
		return fail(job, link, "cannot open the link of '%s': %s", name, strerror(-link));
	/* Returns when no query runs it any more. */
	err = bpf_link_detach(link);
	close(link);
	if (err)
		return fail(job, err, "cannot detach '%s': %s", name, strerror(-err));
	return clear_pins(job, name);
}

int vexfs_unload(const char *name, const struct vexfs_load_opts *opts,
		 struct vexfs_program_info *info, struct vexfs_load_error *err)
{
	struct job job;

	begin(&job, opts, err, NULL);
	return end(&job, unload(&job, name, info));
}
