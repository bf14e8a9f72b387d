// SPDX-License-Identifier: GPL-2.0
/*
 * What is loaded: counters from sysfs, where anyone may look, and the ids that bpftool speaks of
 * from the kernel, where root may.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json.h>
#include <bpf/bpf.h>
#include <vexfs/vexfs.h>
#include "priv.h"

/* One file of a program's directory, without its newline.  -errno. */
static int read_text(const char *name, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", VEXFS_SYSFS_PROGRAMS, name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

static __u64 read_number(const char *name, const char *file)
{
	char buf[64];

	return read_text(name, file, buf, sizeof(buf)) ? 0 : strtoull(buf, NULL, 0);
}

static __u32 read_ops(const char *name)
{
	static const char *const op[VEXFS_SLOTS] = {
		[VEXFS_SLOT_SEARCH] = "search",
		[VEXFS_SLOT_DISTANCE] = "distance",
		[VEXFS_SLOT_FILTER] = "filter",
	};
	char buf[64], *word, *save = NULL;
	__u32 ops = 0;
	int i;

	if (read_text(name, "ops", buf, sizeof(buf)))
		return 0;
	for (word = strtok_r(buf, " ", &save); word; word = strtok_r(NULL, " ", &save))
		for (i = 0; i < VEXFS_SLOTS; i++)
			if (!strcmp(word, op[i]))
				ops |= 1u << i;
	return ops;
}

/*
 * What the kernel shows of a struct_ops map: a header of its own that takes a cache line, then the
 * struct with the id of the program in place of each op.  False: not a vexfs_ops of that name.
 */
static bool read_value(__u32 map_id, const char *name, struct vexfs_ops *ops)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	char value[1024];
	bool found = false;
	size_t off;
	int fd;

	fd = bpf_map_get_fd_by_id(map_id);
	if (fd < 0)
		return false;
	if (bpf_map_get_info_by_fd(fd, &info, &len) || info.type != BPF_MAP_TYPE_STRUCT_OPS ||
	    info.value_size > sizeof(value) || bpf_map_lookup_elem(fd, &zero, value))
		info.value_size = 0;
	close(fd);
	for (off = 64; !found && off + sizeof(*ops) <= info.value_size; off *= 2) {
		memcpy(ops, value + off, sizeof(*ops));
		found = ops->abi == VEXFS_OPS_ABI && !strncmp(ops->name, name, sizeof(ops->name));
	}
	return found;
}

/* The maps of one program, those known already left out. */
static void add_maps(struct vexfs_program_info *p, __u32 prog_id)
{
	__u32 ids[VEXFS_LIST_MAPS], len, i, j;
	struct bpf_prog_info info = {};
	int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0)
		return;
	info.nr_map_ids = VEXFS_LIST_MAPS;
	info.map_ids = (__u64)(unsigned long)ids;
	len = sizeof(info);
	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		info.nr_map_ids = 0;
	close(fd);
	for (i = 0; i < info.nr_map_ids && i < VEXFS_LIST_MAPS; i++) {
		struct bpf_map_info map = {};

		for (j = 0; j < p->maps && p->map[j].id != ids[i]; j++)
			;
		if (j < p->maps || j == VEXFS_LIST_MAPS)
			continue;
		fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0)
			continue;
		len = sizeof(map);
		if (!bpf_map_get_info_by_fd(fd, &map, &len)) {
			p->map[j].id = map.id;
			memcpy(p->map[j].name, map.name, sizeof(p->map[j].name));
			p->map[j].name[sizeof(p->map[j].name) - 1] = 0;
			p->maps++;
		}
		close(fd);
	}
}

/* The link of a program that is not pinned where we pin: look through all. */
static void find_link(struct vexfs_program_info *p, struct vexfs_ops *ops)
{
	__u32 id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = {};
		__u32 len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id), err;

		if (fd < 0)
			continue;
		err = bpf_link_get_info_by_fd(fd, &info, &len);
		close(fd);
		if (!err && info.type == BPF_LINK_TYPE_STRUCT_OPS && info.struct_ops.map_id &&
		    read_value(info.struct_ops.map_id, p->name, ops)) {
			p->link_id = id;
			p->ops_map_id = info.struct_ops.map_id;
			return;
		}
	}
}

static void read_ids(struct vexfs_program_info *p)
{
	struct vexfs_ops ops = {};
	int fd, i;

	fd = vexfs_open_link(p->name, &p->link_id, &p->ops_map_id);
	if (fd >= 0) {
		close(fd);
		p->pinned = true;
		if (!read_value(p->ops_map_id, p->name, &ops))
			return;
	} else {
		find_link(p, &ops);
		if (!p->link_id)
			return;
	}
	p->prog_id[VEXFS_SLOT_SEARCH] = (unsigned long)ops.search;
	p->prog_id[VEXFS_SLOT_DISTANCE] = (unsigned long)ops.distance;
	p->prog_id[VEXFS_SLOT_FILTER] = (unsigned long)ops.filter;
	for (i = 0; i < VEXFS_SLOTS; i++)
		if (p->prog_id[i])
			add_maps(p, p->prog_id[i]);
}

int vexfs_program_info(const char *name, struct vexfs_program_info *p, struct vexfs_load_error *err)
{
	char buf[64];
	int ret;

	memset(p, 0, sizeof(*p));
	ret = vexfs_check_name(name, err);
	if (ret)
		return ret;
	if (access(VEXFS_SYSFS_PROGRAMS, F_OK))
		return vexfs_fail(err, -ENODEV,
				  "the vexfs module is not loaded: run 'modprobe vexfs'");
	if (read_text(name, "loaded", buf, sizeof(buf)))
		return vexfs_fail(err, -ENOENT, "no program named '%s' is loaded", name);
	strcpy(p->name, name);
	p->loaded = buf[0] == '1';
	p->ejected = read_number(name, "ejected");
	p->generation = read_number(name, "generation");
	p->ops = read_ops(name);
	p->flags = read_number(name, "flags");
	p->max_visits = read_number(name, "max_visits");
	p->timeout_us = read_number(name, "timeout_us");
	p->queries = read_number(name, "queries");
	p->errors = read_number(name, "errors");
	p->bound = read_number(name, "bound");
	if (p->loaded)
		read_ids(p);
	return 0;
}

static int no_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int vexfs_programs(int (*fn)(const struct vexfs_program_info *info, void *arg), void *arg,
	       struct vexfs_load_error *err)
{
	struct vexfs_program_info info;
	struct dirent **entry;
	int i, n, ret = 0;

	err->msg[0] = err->detail[0] = 0;
	n = scandir(VEXFS_SYSFS_PROGRAMS, &entry, no_dots, alphasort);
	if (n < 0 && errno == ENOENT)
		return vexfs_fail(err, -ENODEV,
				  "the vexfs module is not loaded: run 'modprobe vexfs'");
	if (n < 0)
		return vexfs_fail(err, -errno, "%s: %s", VEXFS_SYSFS_PROGRAMS, strerror(errno));
	for (i = 0; i < n; i++) {
		if (!ret) {
			ret = vexfs_program_info(entry[i]->d_name, &info, err);
			if (!ret)
				ret = fn(&info, arg);
			else if (ret == -ENOENT)
				ret = 0;	/* gone meanwhile */
		}
		free(entry[i]);
	}
	free(entry);
	return ret;
}

const char *vexfs_program_state(const struct vexfs_program_info *info)
{
	return !info->loaded ? "not loaded" : info->ejected ? "ejected" : "loaded";
}

struct json_object *vexfs_program_json(const struct vexfs_program_info *info)
{
	struct json_object *o = json_object_new_object(), *ops = json_object_new_array();
	__u32 n;

	json_object_object_add(o, "name", json_object_new_string(info->name));
	json_object_object_add(o, "state", json_object_new_string(vexfs_program_state(info)));
	for (n = 0; n < VEXFS_SLOTS; n++)
		if (info->ops & 1u << n)
			json_object_array_add(ops, json_object_new_string(vexfs_slot_name(n)));
	json_object_object_add(o, "ops", ops);
	json_object_object_add(o, "generation", json_object_new_uint64(info->generation));
	json_object_object_add(o, "bound", json_object_new_uint64(info->bound));
	json_object_object_add(o, "queries", json_object_new_uint64(info->queries));
	json_object_object_add(o, "errors", json_object_new_uint64(info->errors));
	return o;
}
