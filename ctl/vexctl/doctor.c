// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl doctor: does this machine have what VexFS needs?  Here: kernel, module, BPF, programs and
 * daemon.  device.c looks at filesystems.
 *
 * Nothing is changed, and nothing needs root: what only root may see is said to be unknown.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zlib.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include "engine/kernels.h"
#include "loader/loader.h"
#include "vexctl/daemon.h"
#include "vexctl/doctor.h"

#define BPFFS		"/sys/fs/bpf"
#define MODULE		"/sys/module/vexfs"
/*
 * What the module was built for and tested on: kmod/Kbuild and debian/vexfs-dkms.dkms have the
 * same.
 */
#define KERNEL		"6.12"

static const char *const verdicts[] = {
	[CHECK_OK] = "ok",
	[CHECK_WARN] = "warn",
	[CHECK_FAIL] = "FAIL",
};

void check(struct checks *c, enum verdict verdict, const char *name, const char *advice,
	   const char *fmt, ...)
{
	struct json_object *o;
	char found[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	c->count[verdict]++;
	if (!c->json) {
		printf("%-4s  %-14s - %s%s%s\n", verdicts[verdict], printable(name),
		       printable(found), advice ? "; " : "", advice ? printable(advice) : "");
		return;
	}
	o = json_object_new_object();
	add_str(o, "name", name);
	add_str(o, "result", verdicts[verdict]);
	add_str(o, "found", found);
	json_object_object_add(o, "advice", advice ? json_object_new_string(advice) : NULL);
	json_object_array_add(c->list, o);
}

/* The first line of a small file.  0 or -errno. */
static int read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n;

	*buf = 0;
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		err = -errno;
	else
		buf[n] = 0;
	close(fd);
	buf[strcspn(buf, "\n")] = 0;
	return err;
}

/* Does a line of the file begin with this?  Its rest goes to *rest (may be NULL). */
static bool has_line(const char *path, const char *begin, char *rest, size_t size)
{
	FILE *f = fopen(path, "re");
	bool found = false;
	char *line = NULL;
	size_t room = 0;

	while (f && !found && getline(&line, &room, f) > 0)
		if (!strncmp(line, begin, strlen(begin))) {
			found = true;
			line[strcspn(line, "\n")] = 0;
			if (rest)
				snprintf(rest, size, "%s", line + strlen(begin));
		}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* --- kernel --- */

static void check_release(struct checks *c, const struct utsname *u)
{
	size_t n = strlen(KERNEL);

	if (!strncmp(u->release, KERNEL, n) && !isdigit((unsigned char)u->release[n]))
		check(c, CHECK_OK, "kernel", NULL, "%s %s", u->release, u->machine);
	else
		check(c, CHECK_FAIL, "kernel",
		      "boot Linux " KERNEL " (Debian 12: apt install linux-image-6.12-amd64)",
		      "%s is not supported: VexFS is built for Linux " KERNEL " and no other",
		      u->release);
	if (strcmp(u->machine, "x86_64"))
		check(c, CHECK_FAIL, "machine", "use an x86-64 machine", "%s is not supported",
		      u->machine);
}

/* Where distributions put the configuration of a kernel.  false: nowhere. */
static bool config_path(const struct utsname *u, char *path, size_t size)
{
	static const char *const places[][2] = { { "/boot/config-", "" },
						 { "/lib/modules/", "/config" },
						 { "/lib/modules/", "/build/.config" },
						 { "/usr/src/linux-headers-", "/.config" } };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, size, "%s%s%s", places[i][0], u->release, places[i][1]);
		if (!access(path, R_OK))
			return true;
	}
	snprintf(path, size, "/proc/config.gz");
	return !access(path, R_OK);
}

static void check_config(struct checks *c, const struct utsname *u)
{
	static const char *const wanted[] = { "CONFIG_BPF_SYSCALL=y", "CONFIG_BPF_JIT=y",
					      "CONFIG_DEBUG_INFO_BTF=y",
					      "CONFIG_DEBUG_INFO_BTF_MODULES=y" };
	char path[256], line[512], missing[256] = "";
	unsigned int seen = 0;
	gzFile f = NULL;
	size_t i;

	if (config_path(u, path, sizeof(path)))
		f = gzopen(path, "re");	/* reads plain files, too */
	if (!f) {
		check(c, CHECK_WARN, "configuration",
		      "see that it has CONFIG_BPF_SYSCALL, BPF_JIT and DEBUG_INFO_BTF_MODULES",
		      "unknown: no /boot/config-%s, no /proc/config.gz", u->release);
		return;
	}
	while (gzgets(f, line, sizeof(line))) {
		line[strcspn(line, "\n")] = 0;
		for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			seen |= !strcmp(line, wanted[i]) << i;
	}
	gzclose(f);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!(seen & 1u << i))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing),
				 "%s%s", *missing ? ", " : "", wanted[i]);
	if (*missing)
		check(c, CHECK_FAIL, "configuration", "boot a kernel that has them", "%s lacks %s",
		      path, missing);
	else
		check(c, CHECK_OK, "configuration", NULL,
		      "BPF, its JIT, and BTF of kernel and modules, says %s", path);
}

static void check_kernel_btf(struct checks *c)
{
	const char *path = "/sys/kernel/btf/vmlinux";

	if (!access(path, R_OK))
		check(c, CHECK_OK, "kernel BTF", NULL, "%s", path);
	else
		check(c, CHECK_FAIL, "kernel BTF",
		      "boot a kernel with CONFIG_DEBUG_INFO_BTF, and mount sysfs on /sys", "%s: %s",
		      path, strerror(errno));
}

static void check_jit(struct checks *c)
{
	const char *path = "/proc/sys/net/core/bpf_jit_enable";
	char value[16];
	int err = read_line(path, value, sizeof(value));

	if (err)
		check(c, CHECK_WARN, "BPF JIT",
		      "programs call the module's functions, which only the JIT can",
		      "unknown: %s: %s", path, strerror(-err));
	else if (!strcmp(value, "0"))
		check(c, CHECK_FAIL, "BPF JIT", "sysctl net.core.bpf_jit_enable=1",
		      "off: the kernel refuses programs that call the module's functions");
	else
		check(c, CHECK_OK, "BPF JIT", NULL, "on");
}

static void check_cpu(struct checks *c)
{
	const struct vexfs_kernels *here[VEXFS_KERNELS];
	__u32 n = vexfs_kernels_here(here);

	if (n > 1)
		check(c, CHECK_OK, "CPU", NULL, "%s is used", here[n - 1]->name);
	else
		check(c, CHECK_WARN, "CPU",
		      "give a virtual machine the CPU of its host (QEMU: -cpu host)",
		      "no AVX2: distances are measured by slower code");
}

/* --- rights --- */

/* The effective capabilities of this process. */
static __u64 capabilities(void)
{
	char value[64];

	if (!has_line("/proc/self/status", "CapEff:", value, sizeof(value)))
		return 0;
	return strtoull(value, NULL, 16);
}

static bool has_cap(__u64 caps, unsigned int cap)
{
	return caps >> cap & 1;
}

static void check_rights(struct checks *c)
{
	__u64 caps = capabilities();
	bool bpf = has_cap(caps, CAP_BPF) && has_cap(caps, CAP_PERFMON);
	char value[16];

	/* the kernel takes CAP_SYS_ADMIN for CAP_BPF and CAP_PERFMON, too */
	if (has_cap(caps, CAP_SYS_ADMIN))
		check(c, CHECK_OK, "rights", NULL, "user %u may mount, and load programs",
		      geteuid());
	else
		check(c, CHECK_WARN, "rights",
		      "searching needs none; mounting needs root, and loading programs root, or the group vexfs where vexd runs",
		      "user %u without CAP_SYS_ADMIN%s", geteuid(),
		      bpf ? ", without which the kernel does not hand out the types of a module: CAP_BPF and CAP_PERFMON do not suffice" :
			    "");
	if (read_line("/proc/sys/kernel/unprivileged_bpf_disabled", value, sizeof(value)))
		return;
	if (!strcmp(value, "0"))
		check(c, CHECK_WARN, "BPF of users", "sysctl kernel.unprivileged_bpf_disabled=2",
		      "allowed: any user may load BPF programs of some kinds, though none of VexFS");
	else
		check(c, CHECK_OK, "BPF of users", NULL,
		      "off (kernel.unprivileged_bpf_disabled=%s)", value);
}

/* The word in brackets of "none [integrity] confidentiality". */
static bool chosen(const char *line, char *out, size_t size)
{
	const char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return false;
	snprintf(out, size, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

static void check_lockdown(struct checks *c, bool loaded)
{
	char line[128], mode[32] = "none", enforce[8] = "N";
	bool known = !read_line("/sys/kernel/security/lockdown", line, sizeof(line)) &&
		     chosen(line, mode, sizeof(mode));
	bool locked = strcmp(mode, "none");

	read_line("/sys/module/module/parameters/sig_enforce", enforce, sizeof(enforce));
	if (*enforce != 'Y' && !locked) {
		check(c, CHECK_OK, "lockdown", NULL,
		      "%s; the kernel takes modules without signature",
		      known ? mode : "the kernel does not tell");
		return;
	}
	check(c, loaded ? CHECK_OK : CHECK_WARN, "lockdown",
	      loaded ? NULL :
		       "sign vexfs.ko with a key that the kernel trusts (scripts/sign-file, mokutil), or switch Secure Boot off",
	      "%s%s; the kernel takes only modules with a signature%s", mode,
	      locked ? " (Secure Boot)" : "",
	      loaded ? ", and took this one" : "");
}

/* --- module --- */

/* Where depmod found the module: modules.dep names it relative to its own directory. */
static bool module_path(const struct utsname *u, char *path, size_t size)
{
	char dep[256];
	FILE *f;
	char *line = NULL, *colon, *base;
	size_t room = 0;
	bool found = false;

	snprintf(dep, sizeof(dep), "/lib/modules/%s/modules.dep", u->release);
	f = fopen(dep, "re");
	while (f && !found && getline(&line, &room, f) > 0) {
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = 0;
		base = strrchr(line, '/');
		base = base ? base + 1 : line;
		/* also vexfs.ko.xz, .zst, .gz */
		if (!strncmp(base, "vexfs.ko", 8) && (!base[8] || base[8] == '.')) {
			found = true;
			snprintf(path, size, "%s%s%s%s", *line == '/' ? "" : "/lib/modules/",
				 *line == '/' ? "" : u->release, *line == '/' ? "" : "/", line);
		}
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static bool check_module(struct checks *c, const struct utsname *u)
{
	bool loaded = !access(MODULE, F_OK), found;
	char path[512], state[32] = "";

	found = module_path(u, path, sizeof(path));
	if (found)
		check(c, access(path, R_OK) ? CHECK_FAIL : CHECK_OK, "module file",
		      access(path, R_OK) ? "install the module again, then run depmod" : NULL,
		      "%s%s", path,
		      access(path, R_OK) ? " is named by modules.dep, but cannot be read" : "");
	else
		check(c, loaded ? CHECK_WARN : CHECK_FAIL, "module file",
		      loaded ?
			      "install it (`make install-module`, or the package), else it is not there after a boot" :
			       "install it (`make install-module`, or the package), or load it with insmod",
		      "/lib/modules/%s has no vexfs.ko that depmod knows", u->release);
	if (!loaded) {
		check(c, CHECK_FAIL, "module",
		      found ? "modprobe vexfs; if it refuses, dmesg says why" :
			      "insmod kmod/vexfs.ko (first modprobe -a libcrc32c jbd2); if it refuses, dmesg says why",
		      "not loaded");
		return false;
	}
	read_line(MODULE "/initstate", state, sizeof(state));
	if (strcmp(state, "live"))
		check(c, CHECK_WARN, "module", "look into dmesg; it may need a moment, or a reboot",
		      "loaded, but its state is '%s'", state);
	else
		check(c, CHECK_OK, "module", NULL, "loaded");
	return true;
}

static void check_module_btf(struct checks *c)
{
	const char *path = "/sys/kernel/btf/vexfs";

	if (!access(path, F_OK))
		check(c, CHECK_OK, "module BTF", NULL, "%s", path);
	else
		check(c, CHECK_FAIL, "module BTF",
		      "build the module with pahole (package dwarves) against headers that have vmlinux's BTF; see dmesg",
		      "%s: %s: no program can be loaded", path, strerror(errno));
}

/* Which interface module and tools speak. */
static void check_abi(struct checks *c)
{
	const char *path = "/sys/fs/vexfs/features";
	char features[512], *word, *save = NULL;
	unsigned int abi = 0;
	int err = read_line(path, features, sizeof(features));

	if (err) {
		check(c, CHECK_FAIL, "interface", "load the module that came with this vexctl",
		      "%s: %s", path, strerror(-err));
		return;
	}
	for (word = strtok_r(features, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (sscanf(word, "ops_abi_%u", &abi) == 1)
			break;
	if (abi != VEXFS_OPS_ABI)
		check(c, CHECK_FAIL, "interface",
		      "install module, vexctl and programs of one version, then load the module again",
		      "the module speaks ops ABI %u, this vexctl %u", abi, VEXFS_OPS_ABI);
	else
		check(c, CHECK_OK, "interface", NULL, "ops ABI %u, vexctl %s", abi, VEXFS_VERSION);
}

static void check_registered(struct checks *c)
{
	if (has_line("/proc/filesystems", "\tvexfs", NULL, 0))
		check(c, CHECK_OK, "filesystem", NULL, "the kernel knows the type vexfs");
	else
		check(c, CHECK_FAIL, "filesystem", "load the module again, and look into dmesg",
		      "/proc/filesystems has no vexfs");
}

/* --- programs --- */

static bool check_bpffs(struct checks *c)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs)) {
		check(c, CHECK_FAIL, "bpffs",
		      "mount sysfs on /sys, and boot a kernel with CONFIG_BPF_SYSCALL", "%s: %s",
		      BPFFS, strerror(errno));
		return false;
	}
	if (fs.f_type != BPF_FS_MAGIC) {
		check(c, CHECK_WARN, "bpffs",
		      "mount -t bpf bpf " BPFFS "; `vexctl load` does it, too",
		      "not mounted on %s, where loaded programs are pinned", BPFFS);
		return false;
	}
	if (fs.f_flags & ST_RDONLY) {
		check(c, CHECK_FAIL, "bpffs", "mount -o remount,rw " BPFFS, "%s is read-only",
		      BPFFS);
		return true;
	}
	if (geteuid() && access(BPFFS, W_OK))
		check(c, CHECK_OK, "bpffs", NULL,
		      "mounted on %s; user %u may not write to it, root may", BPFFS, geteuid());
	else if (access(BPFFS, W_OK))
		check(c, CHECK_FAIL, "bpffs", "see how it is mounted: findmnt " BPFFS, "%s: %s",
		      BPFFS, strerror(errno));
	else
		check(c, CHECK_OK, "bpffs", NULL, "mounted on %s, writable", BPFFS);
	return true;
}

struct programs {
	struct checks *c;
	bool pins;			/* they can be seen: bpffs is mounted, and this is root */
	unsigned int loaded, bad;
};

static int check_program(const struct vexfs_program_info *i, void *arg)
{
	struct programs *p = arg;
	char name[64];

	snprintf(name, sizeof(name), "program %s", i->name);
	p->loaded += i->loaded;
	p->bad++;
	if (!i->loaded && i->bound)
		check(p->c, CHECK_WARN, name,
		      "load its object: `vexctl load FILE`; or unbind: `vexctl use DIR --builtin`",
		      "%u binding%s of collections name%s it, but it is not loaded: searches are built-in, its filter or distance makes queries fail",
		      i->bound, i->bound == 1 ? "" : "s", i->bound == 1 ? "s" : "");
	else if (i->ejected)
		check(p->c, CHECK_WARN, name,
		      "see the kernel log, fix the program and `vexctl replace` it",
		      "ejected from %u of its %u binding%s after %llu errors of %llu queries: searches there are built-in",
		      i->ejected, i->bound, i->bound == 1 ? "" : "s", i->errors, i->queries);
	else if (i->loaded && p->pins && !i->pinned)
		check(p->c, CHECK_WARN, name,
		      "it will be gone when the process that loaded it ends; load it with `vexctl load`",
		      "loaded, but not pinned in %s", VEXFS_PIN_DIR);
	else
		p->bad--;
	return 0;
}

/* Directories of pins whose program is not loaded: what a loader that was killed left behind. */
static void check_pins(struct programs *p)
{
	DIR *dir = opendir(VEXFS_PIN_DIR);
	struct vexfs_program_info info;
	struct vexfs_load_error err;
	char name[64 + 256];
	struct dirent *d;
	int ret;

	if (!dir && errno != ENOENT)
		check(p->c, CHECK_WARN, "pins", "see how bpffs is mounted", "%s: %s", VEXFS_PIN_DIR,
		      strerror(errno));
	while (dir && (d = readdir(dir))) {
		if (*d->d_name == '.')
			continue;
		ret = vexfs_program_info(d->d_name, &info, &err);
		if (ret != -ENOENT && (ret || info.loaded))
			continue;
		p->bad++;
		snprintf(name, sizeof(name), "program %s", d->d_name);
		check(p->c, CHECK_WARN, name,
		      "the next `vexctl load` or `vexctl unload` of that name clears them",
		      "pins in %s/%s, but it is not loaded", VEXFS_PIN_DIR, d->d_name);
	}
	if (dir)
		closedir(dir);
}

static void check_programs(struct checks *c, bool bpffs)
{
	struct programs p = { .c = c, .pins = bpffs && !geteuid() };
	struct vexfs_load_error err;

	if (vexfs_programs(check_program, &p, &err)) {
		check(c, CHECK_FAIL, "programs", "load the module again", "%s", err.msg);
		return;
	}
	if (p.pins)
		check_pins(&p);
	if (!p.bad)
		check(c, CHECK_OK, "programs", NULL, "%u loaded%s", p.loaded,
		      !p.pins	 ? "; pins are shown to root only" :
		      p.loaded	 ? ", all pinned, none ejected" :
				   "");
}

/* The daemon is optional: vexctl loads programs itself where it does not run. */
static void check_vexd(struct checks *c)
{
	FILE *f = vexd_open();

	if (f)
		check(c, CHECK_OK, "vexd", NULL, "answers on %s", vexd_socket());
	else if (errno == ENOENT)
		check(c, CHECK_OK, "vexd", NULL,
		      "is not running; vexctl loads programs itself, but nothing does after a boot");
	else
		check(c, CHECK_WARN, "vexd",
		      errno == EACCES ? "see who may use the socket" :
					"start it again: `systemctl restart vexd`",
		      "%s: %s", vexd_socket(), strerror(errno));
	if (f)
		fclose(f);
}

/* --- the verb --- */

static int doctor(int argc, char **argv)
{
	struct checks checks = {};
	struct json_object *o;
	struct utsname u;
	bool loaded, bpffs;

	if (only_json(argc, argv, &checks.json) || want_args(argc, 0, 1, "nothing, a DEVICE or a DIR"))
		return VEXCTL_USAGE;
	if (uname(&u))
		return fail(NULL, "uname: %s", strerror(errno));
	checks.list = json_object_new_array();
	check_release(&checks, &u);
	check_config(&checks, &u);
	check_kernel_btf(&checks);
	check_jit(&checks);
	check_cpu(&checks);
	check_rights(&checks);
	loaded = check_module(&checks, &u);
	check_lockdown(&checks, loaded);
	if (loaded) {
		check_module_btf(&checks);
		check_abi(&checks);
		check_registered(&checks);
	}
	bpffs = check_bpffs(&checks);
	if (loaded)
		check_programs(&checks, bpffs);
	check_vexd(&checks);
	check_fuse(&checks);
	check_mounts(&checks);
	if (optind < argc)
		check_path(&checks, argv[optind]);
	if (checks.json) {
		o = json_object_new_object();
		json_object_object_add(o, "checks", checks.list);
		add_u64(o, "ok", checks.count[CHECK_OK]);
		add_u64(o, "warnings", checks.count[CHECK_WARN]);
		add_u64(o, "failures", checks.count[CHECK_FAIL]);
		print_json(o);
	} else {
		json_object_put(checks.list);
		printf("%u ok, %u to look at, %u failed\n", checks.count[CHECK_OK],
		       checks.count[CHECK_WARN], checks.count[CHECK_FAIL]);
	}
	return checks.count[CHECK_FAIL] ? VEXCTL_FAILED : VEXCTL_OK;
}

const struct verb doctor_verbs[] = {
	{ "doctor", doctor, "[DEVICE | DIR] [--json]",
	  "check what VexFS needs, and say what to do about what is missing",
	  "It looks at the kernel, the module, BPF, rights, loaded programs, vexd, FUSE and mounted filesystems; and at a device, an\n"
	  "image or a directory if you name one.  Each check is one line: ok, warn (it works, but have a look) or FAIL (it will\n"
	  "not work), what was found, and what to do about it.  Nothing is changed.  Root sees more than other users.\n"
	  "Exit code 1: at least one check failed.\n" },
	{}
};
