// SPDX-License-Identifier: GPL-2.0
/*
 * Native programs: they come as the bytes of a shared object, which is looked at before any of it
 * runs, and mapped from a copy that nobody else can write to.  collection/registry.c keeps them as
 * the module does.
 *
 * Locks: `changing` is held by whoever loads, replaces or unloads, who may wait for rounds of
 * queries; inside it registry_lock.  Nobody who holds anything else takes it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collection/registry.h"
#include <vexfs/calls.h>
#include "call.h"
#include "native.h"

#define OPS_SECTION	".struct_ops.link"

/* What is loaded. */
struct native {
	struct native *next;
	struct vexfs_ops ops;		/* a copy: the program cannot change it */
	void *handle;			/* of dlopen(3) */
	int fd;				/* of its file, which has its name in /proc for as long */
};

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct native *natives;

#define VEXFS_CALL(name) .name = vexfs_##name,
static const struct vexfs_calls calls = { VEXFS_EACH_CALL(VEXFS_CALL) };

/* Where to put what is wrong, for the call that this thread is in. */
static __thread char *why;

void vexfs_program_say(const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return;
	va_start(ap, fmt);
	vsnprintf(why, VEXFS_NATIVE_WHY, fmt, ap);
	va_end(ap);
}

#define fail(error, ...) (vexfs_program_say(__VA_ARGS__), error)

/* --- the file --- */

struct file_bytes {
	const char *data;
	size_t size;
	const Elf64_Shdr *ops, *native;	/* sections; NULL: there is none */
};

static bool is_inside(const struct file_bytes *f, u64 at, u64 n)
{
	return at <= f->size && n <= f->size - at;
}

/* Find the sections.  False: the headers point outside of the file. */
static bool find_sections(struct file_bytes *f)
{
	const Elf64_Ehdr *e = (const void *)f->data;
	const Elf64_Shdr *s = (const void *)(f->data + e->e_shoff), *names;
	const char *name;
	size_t i;

	if (e->e_shoff % sizeof(u64) || e->e_shentsize != sizeof(*s) ||
	    !is_inside(f, e->e_shoff, (u64)e->e_shnum * sizeof(*s)) || e->e_shstrndx >= e->e_shnum)
		return false;
	names = &s[e->e_shstrndx];
	if (!is_inside(f, names->sh_offset, names->sh_size) || !names->sh_size ||
	    f->data[names->sh_offset + names->sh_size - 1])
		return false;
	for (i = 0; i < e->e_shnum; i++) {
		if (s[i].sh_name >= names->sh_size)
			return false;
		name = f->data + names->sh_offset + s[i].sh_name;
		if (strcmp(name, OPS_SECTION) && strcmp(name, VEXFS_NATIVE_SECTION))
			continue;
		if (s[i].sh_type != SHT_PROGBITS || !is_inside(f, s[i].sh_offset, s[i].sh_size))
			return false;
		*(*name == '.' && name[1] == 's' ? &f->ops : &f->native) = &s[i];
	}
	return true;
}

/* Is it a native program of this version? */
static int check_file(struct file_bytes *f)
{
	const Elf64_Ehdr *e = (const void *)f->data;
	struct vexfs_native_program native;
	u32 abi;

	if (f->size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG))
		return fail(-ENOEXEC, "is not a native program: make it with `make bpf/NAME.native.so`");
	if (e->e_machine == EM_BPF)
		return fail(-ENOEXEC,
			    "is a BPF object, which only the kernel runs: here it is to be compiled natively, `make bpf/NAME.native.so`");
	if (e->e_machine != EM_X86_64 || e->e_ident[EI_CLASS] != ELFCLASS64)
		return fail(-ENOEXEC, "is for another machine: compile it on this one");
	if (e->e_type != ET_DYN)
		return fail(-ENOEXEC, "is not a shared object: compile it with -fPIC -shared");
	if (!find_sections(f))
		return fail(-ENOEXEC, "is not a whole file: it ends too early, or is damaged");
	if (!f->native || f->native->sh_size != sizeof(native))
		return fail(-ENOEXEC,
			    "is not a native program, or of another version: compile it with -DVEXFS_NATIVE and this VexFS's vexfs/program.bpf.h");
	memcpy(&native, f->data + f->native->sh_offset, sizeof(native));
	abi = native.abi;
	if (abi == VEXFS_OPS_ABI && f->ops && f->ops->sh_size >= sizeof(struct vexfs_ops))
		memcpy(&abi, f->data + f->ops->sh_offset + offsetof(struct vexfs_ops, abi),
		       sizeof(abi));
	if (abi != VEXFS_OPS_ABI)
		return fail(-EPROTONOSUPPORT,
			    "is built for ABI %u, this VexFS has ABI %u: set .abi = VEXFS_OPS_ABI, and compile it again with this VexFS's vexfs/program.bpf.h",
			    abi, VEXFS_OPS_ABI);
	if (native.calls > sizeof(calls))
		return fail(-EPROTONOSUPPORT,
			    "calls what this VexFS does not have: compile it again with this one's vexfs/program.bpf.h");
	if (!f->ops || !f->ops->sh_size)
		return fail(-EINVAL, "holds no vexfs_ops in SEC(\"" OPS_SECTION "\")");
	if (f->ops->sh_size != sizeof(struct vexfs_ops))
		return fail(-EINVAL, "holds more than one vexfs_ops: one object, one program");
	return 0;
}

/* A file of its own with these bytes, which nobody can change.  A descriptor, or an error. */
static int make_file(const struct file_bytes *f)
{
	int fd = memfd_create("vexfs-program", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (done < f->size) {
		n = write(fd, f->data + done, f->size - done);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? n : 0;
	}
	if (done == f->size && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void drop(struct native *n)
{
	if (n->handle)
		dlclose(n->handle);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

/* From here on code of it runs.  ERR_PTR. */
static struct native *map_program(const struct file_bytes *f)
{
	struct native *n = calloc(1, sizeof(*n));
	struct vexfs_native_program *native;
	struct link_map *map;
	char path[64];
	int err;

	if (!n)
		return ERR_PTR(-ENOMEM);
	n->fd = err = make_file(f);
	if (err >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", n->fd);
		n->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		err = 0;
		if (!n->handle || dlinfo(n->handle, RTLD_DI_LINKMAP, &map))
			err = fail(-ENOEXEC, "cannot be loaded: %s", dlerror());
	}
	if (err) {
		drop(n);
		return ERR_PTR(err);
	}
	native = (void *)(map->l_addr + f->native->sh_addr);
	native->call = &calls;
	memcpy(&n->ops, (void *)(map->l_addr + f->ops->sh_addr), sizeof(n->ops));
	return n;
}

/* --- what is loaded --- */

/* In a child only the thread that made it goes on: no rounds are under way in it. */
static void fork_begins(void)
{
	vexfs_programs_freeze(true);
}

static void fork_ends(void)
{
	vexfs_programs_freeze(false);
}

static void forked(void)
{
	vexfs_programs_freeze(false);
	pthread_mutex_init(&changing, NULL);
}

static void start(void)
{
	pthread_atfork(fork_begins, fork_ends, forked);
}

/* Where the one of a name is listed; with `changing`. */
static struct native **find(const char *name)
{
	struct native **at;

	for (at = &natives; *at; at = &(*at)->next)
		if (!strcmp((*at)->ops.name, name))
			break;
	return at;
}

static void fill(const struct vexfs_program *p, const struct vexfs_object *o,
		 struct vexfs_native *out)
{
	u32 slot;

	*out = (struct vexfs_native){
		.loaded = o != NULL,
		.ejected = READ_ONCE(p->ejected),
		.queries = atomic64_read(&p->queries),
		.errors = atomic64_read(&p->failures),
	};
	strscpy(out->name, p->name, sizeof(out->name));
	for (slot = 0; slot < VEXFS_SLOTS; slot++)
		out->bound += atomic_read(&p->bound[slot]);
	if (!o)
		return;
	out->ops = (o->ops->search ? BIT(VEXFS_SLOT_SEARCH) : 0) |
		   (o->ops->distance ? BIT(VEXFS_SLOT_DISTANCE) : 0) |
		   (o->ops->filter ? BIT(VEXFS_SLOT_FILTER) : 0);
	out->flags = o->ops->flags;
	out->timeout_us = o->ops->timeout_us;
	out->max_visits = o->ops->max_visits;
	out->generation = o->generation;
}

static int fill_named(struct vexfs_program *p, const struct vexfs_object *o, void *arg)
{
	struct vexfs_ioc_native *call = arg;

	if (!strcmp(p->name, call->name))
		fill(p, o, &call->program);
	return 0;
}

struct listing {
	struct vexfs_native *at;
	u32 n, room;
};

static int fill_next(struct vexfs_program *p, const struct vexfs_object *o, void *arg)
{
	struct listing *l = arg;

	if (l->n < l->room)
		fill(p, o, &l->at[l->n]);
	l->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vexfs_native *)a)->name,
		      ((const struct vexfs_native *)b)->name);
}

/* --- calls --- */

static long list(struct vexfs_ioc_native *call)
{
	struct listing l = { .room = call->n };
	long err = 0;

	if (l.room > VEXFS_NATIVE_MAX_LIST)
		return -E2BIG;
	l.at = kvcalloc(l.room ?: 1, sizeof(*l.at), GFP_KERNEL);
	if (!l.at)
		return -ENOMEM;
	vexfs_programs_each(fill_next, &l);
	qsort(l.at, min(l.n, l.room), sizeof(*l.at), by_name);
	if (copy_to_user(u64_to_user_ptr(call->list), l.at, min(l.n, l.room) * sizeof(*l.at)))
		err = -EFAULT;
	kvfree(l.at);
	call->n = l.n;
	return err;
}

/* With `changing`.  n is taken. */
static int replace(struct native *n)
{
	struct native **at = find(n->ops.name), *old = *at;
	int err;

	err = old ? vexfs_program_replace(&n->ops, &old->ops, NULL) :
		    fail(-ENOENT, "no program named '%s' is loaded: load it first", n->ops.name);
	if (!err) {			/* nobody runs the old one any more */
		*at = old->next;
		drop(old);
	}
	return err;
}

static int load_or_replace(struct vexfs_ioc_native *call)
{
	struct file_bytes f = { .size = call->file_bytes };
	struct native *n;
	char *data;
	int err;

	if (f.size > VEXFS_NATIVE_MAX_FILE)
		return fail(-EFBIG, "is larger than %u MiB, too large for a program",
			    VEXFS_NATIVE_MAX_FILE >> 20);
	f.data = data = kvmalloc(f.size ?: 1, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	err = copy_from_user(data, u64_to_user_ptr(call->file), f.size) ? -EFAULT : check_file(&f);
	n = err ? ERR_PTR(err) : map_program(&f);
	kvfree(data);
	if (IS_ERR(n))
		return PTR_ERR(n);
	err = vexfs_ops_check(&n->ops);
	if (!err && call->flags & VEXFS_IOC_NATIVE_REPLACE)
		err = replace(n);
	else if (!err)
		err = vexfs_program_load(&n->ops, NULL);
	if (err == -EEXIST)
		vexfs_program_say("a program named '%s' is loaded: replace it, or unload it first",
				  n->ops.name);
	if (err) {
		drop(n);
		return err;
	}
	memcpy(call->name, n->ops.name, sizeof(call->name));
	n->next = natives;
	natives = n;
	return 0;
}

static int unload(struct vexfs_ioc_native *call)
{
	struct native **at, *n;

	call->name[sizeof(call->name) - 1] = 0;
	at = find(call->name);
	n = *at;
	if (!n)
		return fail(-ENOENT, "no program named '%s' is loaded", call->name);
	vexfs_program_unload(&n->ops, NULL);
	*at = n->next;
	drop(n);
	return 0;
}

/* What changes something.  *call is the answer, also of a failure. */
static int change(struct vexfs_ioc_native *call, bool forbidden)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int err;

	if (vexfs_calling && vexfs_calling->who.uid && vexfs_calling->who.uid != geteuid())
		return fail(-EPERM,
			    "programs of a mount by vexfs-fuse are for its owner, who runs it, and for root");
	if (forbidden && call->flags != VEXFS_IOC_NATIVE_UNLOAD)
		return fail(-EPERM, "programs are forbidden here (noprograms)");
	pthread_once(&once, start);
	pthread_mutex_lock(&changing);
	err = call->flags == VEXFS_IOC_NATIVE_UNLOAD ? unload(call) : load_or_replace(call);
	if (!err)
		vexfs_programs_each(fill_named, call);
	pthread_mutex_unlock(&changing);
	return err;
}

long vexfs_native_ioctl(void *arg, bool forbidden)
{
	struct vexfs_ioc_native call;
	long err;

	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	if (call.size != sizeof(call))
		return -EINVAL;
	memset(&call.program, 0, sizeof(call.program));
	memset(call.why, 0, sizeof(call.why));
	why = call.why;
	switch (call.flags) {
	case 0:
		err = list(&call);
		break;
	case VEXFS_IOC_NATIVE_LOAD:
	case VEXFS_IOC_NATIVE_REPLACE:
	case VEXFS_IOC_NATIVE_UNLOAD:
		err = change(&call, forbidden);
		break;
	default:
		err = -EINVAL;
	}
	why = NULL;
	return copy_to_user(arg, &call, sizeof(call)) ? -EFAULT : err;
}
