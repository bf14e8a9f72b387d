// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own checks of program objects, without the loader's in front of them; and a loader
 * to kill.
 *
 *	hookraw attach FILE [CHANGE...]		change its vexfs_ops, then attach it
 *	hookraw update FILE NAME [CHANGE...]	the same, but update the pinned link of NAME with it
 *	hookraw stale FILE			load write_stale.bpf.o
 *	hookraw hold FILE			load as vexctl does, say "held", then wait to be
 *						killed
 *	hookraw die FILE			what load does before the pin of the link, then die
 *
 * CHANGE is abi=N, flags=N, name=S, timeout_us=N, reserved=N, nolink, or ops= (none).
 *
 * attach, update and stale print "ok" or the name of the errno, and leave nothing attached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <loader/loader.h>

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN && getenv("V") ? vfprintf(stderr, fmt, ap) : 0;
}

static int answer(int err)
{
	const char *name = err ? strerrorname_np(-err) : "ok";

	puts(name ? name : "unknown");
	return err != 0;
}

static struct bpf_object *open_changed(const char *file, char **change, struct bpf_map **map)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	struct vexfs_ops *ops;
	size_t i, size;

	if (!obj) {
		perror(file);
		exit(2);
	}
	for (*map = NULL; (*map = bpf_object__next_map(obj, *map)); )
		if (bpf_map__type(*map) == BPF_MAP_TYPE_STRUCT_OPS)
			break;
	ops = *map ? bpf_map__initial_value(*map, &size) : NULL;
	if (!ops || size != sizeof(*ops)) {
		fprintf(stderr, "%s: no vexfs_ops\n", file);
		exit(2);
	}
	for (; *change; change++) {
		char *c = *change;

		if (!strncmp(c, "abi=", 4))
			ops->abi = strtoul(c + 4, NULL, 0);
		else if (!strncmp(c, "flags=", 6))
			ops->flags = strtoul(c + 6, NULL, 0);
		else if (!strncmp(c, "timeout_us=", 11))
			ops->timeout_us = strtoul(c + 11, NULL, 0);
		else if (!strncmp(c, "reserved=", 9))
			ops->reserved = strtoul(c + 9, NULL, 0);
		else if (!strncmp(c, "name=", 5))	/* 32 bytes and more: no terminator */
			for (i = 0; i < sizeof(ops->name); i++)
				ops->name[i] = i < strlen(c + 5) ? c[5 + i] : 0;
		else if (!strcmp(c, "ops="))
			ops->search = NULL, ops->distance = NULL, ops->filter = NULL;
		else if (!strcmp(c, "nolink"))
			bpf_map__set_map_flags(*map, 0);
		else
			exit(2);
	}
	if (bpf_object__load(obj)) {
		perror("load");
		exit(2);
	}
	return obj;
}

static int attach(const char *file, char **change)
{
	struct bpf_map *map;
	struct bpf_object *obj = open_changed(file, change, &map);
	struct bpf_link *link = bpf_map__attach_struct_ops(map);
	int err = link ? 0 : -errno;

	if (link)
		bpf_link__destroy(link);
	bpf_object__close(obj);
	return answer(err);
}

static int update(const char *file, const char *name, char **change)
{
	struct bpf_map *map;
	struct bpf_link *link;
	char path[256];
	int fd;

	open_changed(file, change, &map);
	link = bpf_map__attach_struct_ops(map);		/* makes the map ready in any case */

	snprintf(path, sizeof(path), "%s/%s/link", VEXFS_PIN_DIR, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return answer(fd);
	if (link)
		bpf_link__destroy(link);
	return answer(bpf_link_update(fd, bpf_map__fd(map), NULL));
}

/* The pointer in `struct memory` is one to a struct of the kernel, which may be gone. */
static int tag_pointer(struct btf *btf)
{
	int memory = btf__find_by_name_kind(btf, "memory", BTF_KIND_STRUCT), tag;
	__u32 pointer;

	if (memory < 0)
		return memory;
	pointer = btf_members(btf__type_by_id(btf, memory))->type;
	tag = btf__add_type_tag(btf, "kptr_untrusted", btf__type_by_id(btf, pointer)->type);
	if (tag > 0)
		((struct btf_type *)btf__type_by_id(btf, pointer))->type = tag;
	return tag < 0 ? tag : 0;
}

static int stale(const char *file)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	static char log[1 << 20];
	int err;

	if (!obj)
		return answer(-errno);
	err = tag_pointer(bpf_object__btf(obj));
	if (err)
		return answer(err);
	bpf_program__set_log_buf(bpf_object__next_program(obj, NULL), log, sizeof(log));
	err = bpf_object__load(obj);
	if (getenv("V"))
		fputs(log, stderr);
	/* the right thing was refused: newer kernels do so by themselves */
	if (err && !strstr(log, "only read is supported") && !strstr(log, "a VexFS program may"))
		return answer(-EPROTO);
	return answer(err);
}

/* What vexfs_load() has done just before it pins the link. */
static int die(const char *file)
{
	static char *none[] = { NULL };
	struct bpf_map *ops, *map;
	struct bpf_object *obj = open_changed(file, none, &ops);
	char path[256];

	mkdir(VEXFS_PIN_DIR, 0700);
	snprintf(path, sizeof(path), "%s/%s", VEXFS_PIN_DIR, bpf_map__name(ops));
	mkdir(path, 0700);
	strcat(path, "/maps");
	mkdir(path, 0700);
	bpf_object__for_each_map(map, obj) {
		if (map == ops || bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), "%s/%s/maps/%s", VEXFS_PIN_DIR,
			 bpf_map__name(ops), bpf_map__name(map));
		if (bpf_obj_pin(bpf_map__fd(map), path))
			return answer(-errno);
	}
	if (!bpf_map__attach_struct_ops(ops))
		return answer(-errno);
	kill(getpid(), SIGKILL);
	return 2;
}

static int hold(const char *file)
{
	struct vexfs_load_error err;

	if (vexfs_load(file, NULL, NULL, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	puts("held");
	fflush(stdout);
	pause();
	return 2;
}

int main(int argc, char **argv)
{
	libbpf_set_print(quiet);
	if (argc >= 3 && !strcmp(argv[1], "attach"))
		return attach(argv[2], argv + 3);
	if (argc >= 4 && !strcmp(argv[1], "update"))
		return update(argv[2], argv[3], argv + 4);
	if (argc == 3 && !strcmp(argv[1], "stale"))
		return stale(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "die"))
		return die(argv[2]);
	fprintf(stderr, "usage: hookraw attach|update|stale|hold|die FILE ...\n");
	return 2;
}
