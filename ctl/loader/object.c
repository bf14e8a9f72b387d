// SPDX-License-Identifier: GPL-2.0
/*
 * The object file: what is in it, and what is wrong with it, before the kernel sees anything.
 *
 * It is read once, and only a regular file is: whatever its name means later, and whoever writes to
 * it meanwhile, is not looked at.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <vexfs/native.h>
#include "priv.h"

#define MAX_SIZE	(64u << 20)	/* bytes of an object file */
#define HOW		"clang -O2 -g -target bpf"

#define fail(job, error, ...) vexfs_fail((job)->err, error, __VA_ARGS__)

/* --- ELF --- */

static const char *machine(unsigned int e_machine)
{
	switch (e_machine) {
	case EM_X86_64:
		return "x86-64";
	case EM_386:
		return "32-bit x86";
	case EM_AARCH64:
		return "64-bit ARM";
	case EM_ARM:
		return "32-bit ARM";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "PowerPC";
	case EM_S390:
		return "s390";
	}
	return "another machine";
}

/* Does a section of that name exist?  -ENOEXEC: the headers point outside of the file. */
static int has_section(const char *data, size_t size, const char *name)
{
	const Elf64_Ehdr *e = (const void *)data;
	const Elf64_Shdr *s, *names;
	size_t i;

	if (e->e_shoff > size || e->e_shoff % sizeof(__u64) || e->e_shentsize != sizeof(*s) ||
	    !e->e_shnum || e->e_shnum > (size - e->e_shoff) / sizeof(*s) ||
	    e->e_shstrndx >= e->e_shnum)
		return -ENOEXEC;
	s = (const void *)(data + e->e_shoff);
	names = &s[e->e_shstrndx];
	if (names->sh_offset > size || names->sh_size > size - names->sh_offset)
		return -ENOEXEC;
	for (i = 0; i < e->e_shnum; i++) {
		if (s[i].sh_type != SHT_NOBITS &&
		    (s[i].sh_offset > size || s[i].sh_size > size - s[i].sh_offset))
			return -ENOEXEC;
		if (s[i].sh_name < names->sh_size && names->sh_size - s[i].sh_name > strlen(name) &&
		    !memcmp(data + names->sh_offset + s[i].sh_name, name, strlen(name) + 1))
			return 1;
	}
	return 0;
}

/* Is it an object for BPF on this machine, with its types and a license? */
static int check_elf(struct job *job, const char *data, size_t size)
{
	const Elf64_Ehdr *e = (const void *)data;
	int btf, license;

	if (size < EI_NIDENT || memcmp(data, ELFMAG, SELFMAG))
		return fail(job, -ENOEXEC,
			    "%s: is not a BPF object file: compile the program with " HOW " -c",
			    job->file);
	/* the machine is at the same place in files of 32 bits */
	if (data[EI_DATA] != ELFDATA2LSB && size >= 20 && (__u8)data[19] == EM_BPF)
		return fail(job, -ENOEXEC,
			    "%s: is BPF for big-endian machines, this one is little-endian: compile it with -target bpf",
			    job->file);
	if (data[EI_DATA] != ELFDATA2LSB)
		return fail(job, -ENOEXEC,
			    "%s: is not a BPF object file but for another machine, a big-endian one: compile it with " HOW,
			    job->file);
	if (size >= sizeof(*e) && e->e_ident[EI_CLASS] == ELFCLASS64 &&
	    has_section(data, size, VEXFS_NATIVE_SECTION) == 1)
		return fail(job, -ENOEXEC,
			    "%s: is a native program, for a mount by vexfs-fuse (--mount DIR): the kernel takes BPF objects (NAME.bpf.o)",
			    job->file);
	if (size >= sizeof(*e) && e->e_machine != EM_BPF)
		return fail(job, -ENOEXEC,
			    "%s: is not a BPF object file but for %s: compile it with " HOW,
			    job->file, machine(e->e_machine));
	if (size < sizeof(*e) || data[EI_CLASS] != ELFCLASS64 || e->e_type != ET_REL)
		return fail(job, -ENOEXEC, "%s: is not a whole BPF object file: compile it again",
			    job->file);
	btf = has_section(data, size, ".BTF");
	license = has_section(data, size, "license");
	if (btf < 0 || license < 0)
		return fail(job, -ENOEXEC,
			    "%s: is not a whole BPF object file: it ends too early, or is damaged",
			    job->file);
	if (!btf)
		return fail(job, -ENODATA, "%s: has no BTF: compile it with " HOW, job->file);
	if (!license)
		return fail(job, -EINVAL,
			    "%s: has no license: add the line  char _license[] SEC(\"license\") = \"GPL\";",
			    job->file);
	return 0;
}

/* The whole file, for the caller to free. */
static int read_object(struct job *job, char **out, size_t *size)
{
	int fd, err = 0;
	char *data = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got;

	/* without waiting for a FIFO's writer, or becoming a terminal's owner */
	fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(job, -errno, "%s: %s", job->path, strerror(errno));
	if (fstat(fd, &st))
		err = fail(job, -errno, "%s: %s", job->path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		err = fail(job, -EISDIR, "%s: is a directory: name an object file (NAME.bpf.o)",
			   job->path);
	else if (!S_ISREG(st.st_mode))
		err = fail(job, -ENOEXEC,
			   "%s: is not a regular file: name an object file (NAME.bpf.o)",
			   job->path);
	else if (st.st_size > MAX_SIZE)
		err = fail(job, -EFBIG, "%s: is larger than %u MiB, too large for a program",
			   job->path, MAX_SIZE >> 20);
	else if (!(data = malloc(st.st_size + 1)))
		err = fail(job, -ENOMEM, "%s: %s", job->path, strerror(ENOMEM));
	while (!err && n < (size_t)st.st_size) {
		got = read(fd, data + n, st.st_size - n);
		if (got < 0 && errno != EINTR)
			err = fail(job, -errno, "%s: cannot be read: %s", job->path,
				   strerror(errno));
		if (!got)
			break;
		n += got > 0 ? got : 0;
	}
	close(fd);
	if (err) {
		free(data);
		return err;
	}
	*out = data;
	*size = n;
	return 0;
}

/* --- the struct vexfs_ops in it --- */

/*
 * Type of the variable that became a struct_ops map, in the object's own BTF: structs of other
 * ABIs are laid out otherwise.
 */
static const struct btf_type *ops_type(const struct btf *btf, const char *var)
{
	int id = btf__find_by_name_kind(btf, var, BTF_KIND_VAR);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	t = t ? btf__type_by_id(btf, btf__resolve_type(btf, t->type)) : NULL;
	return t && btf_is_struct(t) ? t : NULL;
}

/* Bytes of a member of the struct as it was compiled; NULL: it has none, or not that many. */
static const void *member(const struct btf *btf, const struct btf_type *t, const char *name,
			  const void *data, size_t size, size_t want)
{
	unsigned int i;

	for (i = 0; i < btf_vlen(t); i++) {
		size_t off = btf_member_bit_offset(t, i) / 8;

		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), name))
			return off <= size && want <= size - off ? (const char *)data + off : NULL;
	}
	return NULL;
}

/* Which ops it has: libbpf puts its program in the place of each. */
static __u32 ops_mask(const struct btf *btf, const struct btf_type *t, const void *data,
		      size_t size)
{
	static const char *const names[VEXFS_SLOTS] = {
		[VEXFS_SLOT_SEARCH] = "search",
		[VEXFS_SLOT_DISTANCE] = "distance",
		[VEXFS_SLOT_FILTER] = "filter",
	};
	const void *p;
	__u32 mask = 0;
	__u64 v;
	int i;

	for (i = 0; i < VEXFS_SLOTS; i++) {
		p = member(btf, t, names[i], data, size, sizeof(v));
		if (!p)
			continue;
		memcpy(&v, p, sizeof(v));
		mask |= (v != 0) << i;
	}
	return mask;
}

/* The one vexfs_ops of the object: its map, its name and its ops. */
static int find_ops(struct job *job)
{
	const struct btf *btf = bpf_object__btf(job->obj);
	const struct btf_type *t, *type = NULL;
	const void *data, *name, *abi;
	struct bpf_map *map;
	size_t size = 0;

	bpf_object__for_each_map(map, job->obj) {
		const char *struct_name;

		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		t = ops_type(btf, bpf_map__name(map));
		struct_name = t ? btf__name_by_offset(btf, t->name_off) : "?";
		if (!t || strcmp(struct_name, "vexfs_ops"))
			return fail(job, -EINVAL,
				    "%s: holds a struct %s: only vexfs_ops can be loaded",
				    job->file, struct_name);
		if (job->ops)
			return fail(job, -EINVAL,
				    "%s: holds more than one vexfs_ops (%s and %s): one object, one program",
				    job->file, bpf_map__name(job->ops), bpf_map__name(map));
		job->ops = map;
		type = t;
	}
	if (!job->ops)
		return fail(job, -EINVAL, "%s: holds no vexfs_ops in SEC(\".struct_ops.link\")",
			    job->file);
	if (!(bpf_map__map_flags(job->ops) & BPF_F_LINK))
		return fail(job, -EINVAL,
			    "%s: %s is in SEC(\".struct_ops\"): it must be in SEC(\".struct_ops.link\")",
			    job->file, bpf_map__name(job->ops));

	data = bpf_map__initial_value(job->ops, &size);
	abi = data ? member(btf, type, "abi", data, size, sizeof(__u32)) : NULL;
	name = data ? member(btf, type, "name", data, size, VEXFS_PROG_NAME_LEN) : NULL;
	if (!abi || !name)
		return fail(job, -EPROTONOSUPPORT,
			    "%s: its vexfs_ops has no abi or name: compile it again with vexfs/program.bpf.h",
			    job->file);
	if (*(const __u32 *)abi != VEXFS_OPS_ABI)
		return fail(job, -EPROTONOSUPPORT,
			    "%s: is built for ABI %u, this VexFS has ABI %u: set .abi = VEXFS_OPS_ABI, and compile it again with this VexFS's vexfs/program.bpf.h",
			    job->file, *(const __u32 *)abi, VEXFS_OPS_ABI);
	if (strnlen(name, VEXFS_PROG_NAME_LEN) == VEXFS_PROG_NAME_LEN)
		return fail(job, -ENAMETOOLONG, "%s: the program's name is longer than %d bytes",
			    job->file, VEXFS_PROG_NAME_LEN - 1);
	if (!*(const char *)name)
		return fail(job, -EINVAL, "%s: the program has no name: set .name of its vexfs_ops",
			    job->file);
	strcpy(job->name, name);
	if (job->opts && job->opts->name && strcmp(job->opts->name, job->name))
		return fail(job, -EINVAL, "%s: holds a program named '%s', not '%s'", job->file,
			    job->name, job->opts->name);
	job->mask = ops_mask(btf, type, data, size);
	if (!job->mask)
		return fail(job, -EINVAL,
			    "%s: its vexfs_ops has no op: set .search, .distance or .filter",
			    job->file);
	return vexfs_check_name(job->name, job->err);
}

int vexfs_open_object(struct job *job)
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts);
	char *data = NULL, name[64];
	size_t size = 0;
	int err;

	err = read_object(job, &data, &size);
	if (err)
		return err;
	err = check_elf(job, data, size);
	if (!err) {
		/* bpftool shows the maps of .rodata and the like by the name of the object */
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(job->file, "."), job->file);
		opts.object_name = name;
		job->obj = bpf_object__open_mem(data, size, &opts);
		err = job->obj ? 0 : vexfs_load_reason(job, -ENOEXEC, "cannot be opened");
	}
	free(data);		/* libbpf has taken what it needs */
	return err ? err : find_ops(job);
}
