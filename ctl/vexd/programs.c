// SPDX-License-Identifier: GPL-2.0
/* Programs of the configuration: load or adopt them, and bind directories to them. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <vexfs/vexfs.h>
#include "loader/loader.h"
#include "vexd.h"

/* Keep why, and log it unless that is what was logged last. */
__attribute__((format(printf, 4, 5)))
static void note_failure(char *why, size_t size, const char *prefix, const char *fmt, ...)
{
	char msg[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (strncmp(why, msg, size - 1))
		log_warn("%s: %s", prefix, msg);
	snprintf(why, size, "%s", msg);
}

static void load_or_adopt(struct config_program *p, struct vexfs_program_info *info)
{
	struct vexfs_load_opts opts = { .name = p->name };
	struct vexfs_load_error err = {};
	char prefix[64];
	int ret;

	snprintf(prefix, sizeof(prefix), "program %s", p->name);
	ret = vexfs_program_info(p->name, info, &err);
	if (!ret && info->loaded) {
		if (p->state <= PROGRAM_FAILED) {
			log_note("program %s: adopted, generation %llu", p->name, info->generation);
			p->state = PROGRAM_ADOPTED;
		}
	} else if (p->state >= PROGRAM_LOADED) {
		/* somebody has unloaded it since; that is not ours to undo */
		note_failure(p->why, sizeof(p->why), prefix,
			     "was unloaded by hand; it is loaded again when vexd is told to reload");
		memset(info, 0, sizeof(*info));
		return;
	} else {
		ret = vexfs_load(p->object, &opts, info, &err);
		if (ret) {
			note_failure(p->why, sizeof(p->why), prefix, "not loaded: %s", err.msg);
			p->state = PROGRAM_FAILED;
			memset(info, 0, sizeof(*info));
			return;
		}
		log_note("program %s: loaded from %s, generation %llu", p->name, p->object,
			 info->generation);
		p->state = PROGRAM_LOADED;
	}
	p->why[0] = 0;
}

/* Bind a directory in all slots that the program has an op for. */
static int bind_dir(int fd, const struct vexfs_program_info *info, const struct vexfs_ioc_info *is,
		    bool *changed)
{
	__u32 slot;
	int err;

	for (slot = 0; slot < VEXFS_SLOTS; slot++) {
		if (!(info->ops & 1u << slot) ||
		    !strncmp(is->bound[slot].name, info->name, sizeof(is->bound[slot].name)))
			continue;
		err = vexfs_use(fd, slot, info->name);
		if (err)
			return err;
		*changed = true;
	}
	return 0;
}

static void bind_one(const struct vexfs_program_info *info, struct config_bind *b)
{
	enum vexfs_op op = VEXFS_OP_OPEN;
	char prefix[PATH_MAX + 32];
	struct vexfs_ioc_info is;
	bool changed = false;
	int fd, err;

	fd = err = vexfs_open(b->dir);
	if (fd >= 0) {
		op = VEXFS_OP_INFO;
		err = vexfs_info(fd, &is);
	}
	if (fd >= 0 && !err) {
		op = VEXFS_OP_USE;
		err = bind_dir(fd, info, &is, &changed);
	}
	if (fd >= 0)
		vexfs_close(fd);
	if (err < 0) {
		snprintf(prefix, sizeof(prefix), "program %s: %s is not bound", info->name, b->dir);
		note_failure(b->why, sizeof(b->why), prefix, "%s", vexfs_strerror_for(op, err));
		b->bound = false;
		return;
	}
	if (changed)
		log_note("program %s: %s is bound to it now", info->name, b->dir);
	else if (!b->bound)
		log_note("program %s: %s is bound to it", info->name, b->dir);
	b->bound = true;
	b->why[0] = 0;
}

/* The loader mounts bpffs where it may; say so, since it shows in the mounts of the machine. */
static void check_bpffs(void)
{
	struct statfs fs;
	static bool missing;

	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type == BPF_FS_MAGIC) {
		missing = false;
		return;
	}
	if (!missing)
		log_warn(
			"bpffs is not mounted on /sys/fs/bpf: programs that were pinned there are gone; it is mounted when a program is loaded");
	missing = true;
}

void programs_apply(struct config *c)
{
	struct vexfs_program_info info;
	size_t i, j;

	check_bpffs();
	for (i = 0; i < c->programs; i++) {
		struct config_program *p = &c->program[i];

		load_or_adopt(p, &info);
		for (j = 0; j < p->binds; j++) {
			if (info.loaded) {
				bind_one(&info, &p->bind[j]);
				continue;
			}
			p->bind[j].bound = false;
			snprintf(p->bind[j].why, sizeof(p->bind[j].why),
				 "the program is not loaded");
		}
	}
}

/* A directory that is not there may be mounted later; what is no directory is a mistake.  1: it is. */
static unsigned int check_bind(const struct config_program *p, const struct config_bind *b)
{
	struct stat st;
	int err = stat(b->dir, &st) ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;

	if (err == ENOTDIR) {
		log_error("%s:%u: bind: %s is not a directory; name that of a collection",
			  config_path(), b->line, b->dir);
		return 1;
	}
	if (err)
		log_note(
			"%s: note: [program %s] binds %s, which is not there now (%s); vexd binds it when it is",
			config_path(), p->name, b->dir, strerror(err));
	return 0;
}

unsigned int programs_check(const struct config *c)
{
	unsigned int errors = 0;
	size_t i, j;

	for (i = 0; i < c->programs; i++) {
		const struct config_program *p = &c->program[i];
		struct vexfs_load_opts opts = { .name = p->name };
		struct vexfs_load_error err = {};

		if (vexfs_check_object(p->object, &opts, NULL, &err)) {
			log_error("%s:%u: object: %s", config_path(), p->object_line, err.msg);
			errors++;
		}
		for (j = 0; j < p->binds; j++)
			errors += check_bind(p, &p->bind[j]);
	}
	return errors;
}

static struct json_object *bind_json(const struct config_bind *b)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "dir", json_object_new_string(b->dir));
	json_object_object_add(o, "bound", json_object_new_boolean(b->bound));
	if (!b->bound)
		json_object_object_add(o, "why", json_object_new_string(b->why));
	return o;
}

struct json_object *programs_json(const struct config *c)
{
	static const char *const names[] = { "unknown", "failed", "loaded", "adopted" };
	struct json_object *list = json_object_new_array(), *o, *binds;
	size_t i, j;

	for (i = 0; i < c->programs; i++) {
		const struct config_program *p = &c->program[i];

		o = json_object_new_object();
		json_object_object_add(o, "name", json_object_new_string(p->name));
		json_object_object_add(o, "object", json_object_new_string(p->object));
		json_object_object_add(o, "state", json_object_new_string(names[p->state]));
		if (*p->why)
			json_object_object_add(o, "why", json_object_new_string(p->why));
		binds = json_object_new_array();
		for (j = 0; j < p->binds; j++)
			json_object_array_add(binds, bind_json(&p->bind[j]));
		json_object_object_add(o, "bind", binds);
		json_object_array_add(list, o);
	}
	return list;
}
