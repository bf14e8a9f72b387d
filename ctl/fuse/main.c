// SPDX-License-Identifier: GPL-2.0
/*
 * vexfs-fuse: mount an image or a device by FUSE, without the module.  Under the name
 * mount.fuse.vexfs it is the helper of mount(8), and takes that one's options.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <platform/image.h>
#include <platform/nodes.h>
#include <platform/printable.h>
#include <vexfs/vexfs.h>
#include "fuse/door.h"
#include "fuse/fuse.h"

#define DEFAULT_COMMIT	5		/* seconds; as in the module */
#define MAX_COMMIT	300
#define MOUNT_FAILED	32		/* of a helper of mount(8) */

static const char usage_text[] =
	"Usage: vexfs-fuse [OPTION]... IMAGE|DEVICE DIR\n"
	"Mount a VexFS without the kernel module, by FUSE.  Unmount it: fusermount3 -u DIR, or umount.\n"
	"\n"
	"  -o OPTION[,OPTION]...  allow_other (others than you may use it), ro, noatime,\n"
	"                         commit=SECONDS [5], noprograms (none may be loaded), and\n"
	"                         what fuse(8) has\n"
	"      --ro               -o ro: nothing is written, not even by an unfinished log\n"
	"  -f, --foreground       stay in the foreground, say what is wrong on standard error\n"
	"  -d, --debug            the same, and print what the kernel asks\n"
	"  -h, --help             print this\n"
	"  -V, --version          print the version\n";

static const char *me = "vexfs-fuse";
static bool helper;

__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", me, printable(msg));
	return helper ? MOUNT_FAILED : 1;
}

/* The command line is wrong; nothing was tried. */
__attribute__((format(printf, 1, 2))) static int usage(const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s; see `vexfs-fuse --help`\n", me, printable(msg));
	return helper ? 1 : 2;
}

/* The end, if output is all there was to do. */
static int printed(void)
{
	return fflush(stdout) || ferror(stdout) ? fail("cannot write the output: %m") : 0;
}

/* --- options --- */

struct options {
	const char *what, *where;
	char *dir;			/* the latter, absolute */
	bool readonly, foreground, debug, noatime, noprograms;
	bool remount;
	unsigned long flags;		/* as of mount(2), of what was said */
	unsigned int commit;
	char *rest;			/* for libfuse, escaped; NULL: none */
};

/* Of fstab, for mount(8) and those that call it. */
static bool is_for_mount(const char *o)
{
	static const char *const all[] = {
		"defaults", "auto", "noauto", "nofail", "user", "nouser", "users", "owner", "group",
		"_netdev",
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(o, all[i]))
			return true;
	return !strncmp(o, "x-", 2) || !strncmp(o, "X-", 2) || !strncmp(o, "user=", 5) ||
	       !strncmp(o, "comment=", 8);
}

/* Of a mount by the system.  libfuse knows them, too. */
static void parse_flag(struct options *opt, const char *o)
{
	static const struct {
		const char *name;
		unsigned long set, clear;
	} all[] = {
		{ "ro", MS_RDONLY, 0 },
		{ "rw", 0, MS_RDONLY },
		{ "nosuid", MS_NOSUID, 0 },
		{ "suid", 0, MS_NOSUID },
		{ "nodev", MS_NODEV, 0 },
		{ "dev", 0, MS_NODEV },
		{ "noexec", MS_NOEXEC, 0 },
		{ "exec", 0, MS_NOEXEC },
		{ "sync", MS_SYNCHRONOUS, 0 },
		{ "async", 0, MS_SYNCHRONOUS },
		{ "dirsync", MS_DIRSYNC, 0 },
		{ "noatime", MS_NOATIME, 0 },
		{ "nodiratime", MS_NODIRATIME, 0 },
		{ "relatime", MS_RELATIME, 0 },
		{ "strictatime", MS_STRICTATIME, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(o, all[i].name))
			opt->flags = (opt->flags & ~all[i].clear) | all[i].set;
}

static int parse_commit(struct options *opt, const char *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || *value < '0' || *value > '9' || *end || !n || n > MAX_COMMIT)
		return usage("commit= takes 1 to %d seconds", MAX_COMMIT);
	opt->commit = n;
	return 0;
}

static int parse_list(struct options *opt, char *list)
{
	char *o, *save;
	int err = 0;

	for (o = strtok_r(list, ",", &save); o && !err; o = strtok_r(NULL, ",", &save)) {
		parse_flag(opt, o);
		if (helper && !strcmp(o, "remount"))
			opt->remount = true;
		else if (!strcmp(o, "ro"))
			opt->readonly = true;
		else if (!strcmp(o, "rw"))
			opt->readonly = false;
		else if (!strcmp(o, "noatime"))
			opt->noatime = true;
		else if (!strcmp(o, "noprograms"))
			opt->noprograms = true;
		else if (!strncmp(o, "commit=", 7))
			err = parse_commit(opt, o + 7);
		else if (!strncmp(o, "fsname=", 7) || !strncmp(o, "subtype=", 8) ||
			 !strncmp(o, "max_read=", 9) || !strcmp(o, "blkdev"))
			err = usage("-o %s is not for you to choose", o);
		else if (!is_for_mount(o) && fuse_opt_add_opt(&opt->rest, o))
			err = fail("out of memory");
	}
	return err;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *opt)
{
	static const struct option ours[] = {
		{ "ro", no_argument, NULL, 'r' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	}, none[] = { { } };
	/* mount(8) has -f for a dry run, -s for being tolerant, -n, -v, and tells the type */
	const char *letters = helper ? "o:rwfsnvN:t:" : "o:fdhV";
	int c, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, helper ? none : ours, NULL)) != -1) {
		switch (c) {
		case 'o':
			code = parse_list(opt, optarg);
			if (code)
				return code;
			break;
		case 'r':
			opt->readonly = true;
			parse_flag(opt, "ro");
			break;
		case 'w':
			opt->readonly = false;
			parse_flag(opt, "rw");
			break;
		case 'f':
			if (helper)
				return 0;
			opt->foreground = true;
			break;
		case 'd':
			opt->foreground = opt->debug = true;
			break;
		case 's':
		case 'n':
		case 'v':
		case 't':
			break;
		case 'N':
			return usage("-N is not supported: enter the namespace by nsenter(1)");
		case 'h':
			fputs(usage_text, stdout);
			return printed();
		case 'V':
			printf("vexfs-fuse %s, libfuse %s\n", VEXFS_VERSION, fuse_pkgversion());
			return printed();
		default:
			return usage("the option is unknown or lacks its value: %s",
				     argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		return usage("give an image or device, and a directory");
	opt->what = argv[optind];
	opt->where = argv[optind + 1];
	return -1;
}

/* --- mounting --- */

static int open_image(const struct options *opt, struct vexfs_image **image)
{
	const char *why;
	int err = vexfs_image_open(opt->what, opt->readonly ? VEXFS_IMAGE_READONLY : 0, image, &why);

	if (!err)
		return 0;
	if (err == -EACCES && !opt->readonly && !access(opt->what, R_OK))
		return fail("%s: it may not be written; mount it with -o ro, or ask its owner",
			    opt->what);
	if (err == -EROFS && !opt->readonly)
		return fail("%s: it is write-protected, or has features that this version can only read; mount it with -o ro",
			    opt->what);
	if (why && err == -EBUSY)
		return fail("%s: %s; end that first", opt->what, why);
	if (why && err == -EUCLEAN)
		return fail("%s: %s; see what fsck.vexfs says", opt->what, why);
	if (why && err != -EINVAL)
		return fail("%s: %s", opt->what, why);
	return fail("%s: %s", opt->what, vexfs_strerror_for(VEXFS_OP_ATTACH, err));
}

static int check_dir(struct options *opt)
{
	struct stat st;

	opt->dir = realpath(opt->where, NULL);
	if (!opt->dir || stat(opt->dir, &st))
		return fail("%s: %s", opt->where, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail("%s: not a directory", opt->where);
	return 0;
}

/* What libfuse is given; free with fuse_opt_free_args(). */
static int make_args(const struct options *opt, struct fuse_args *args)
{
	char *name = realpath(opt->what, NULL), *list = NULL, *both;
	/* libfuse is for nodev and nosuid where mount(8) is not; that one tells the helper of them only */
	bool as_root = helper && !geteuid();
	int err;

	if (asprintf(&both, "fsname=%s", name ?: opt->what) < 0)
		both = NULL;
	free(name);
	err = !both || fuse_opt_add_opt(&list, "default_permissions") ||
	      fuse_opt_add_opt(&list, "subtype=vexfs") || fuse_opt_add_opt_escaped(&list, both) ||
	      (opt->readonly && fuse_opt_add_opt(&list, "ro")) ||
	      (opt->noatime && fuse_opt_add_opt(&list, "noatime")) ||
	      (as_root && !(opt->flags & MS_NODEV) && fuse_opt_add_opt(&list, "dev")) ||
	      (as_root && !(opt->flags & MS_NOSUID) && fuse_opt_add_opt(&list, "suid")) ||
	      (opt->debug && fuse_opt_add_opt(&list, "debug")) ||
	      (opt->rest && fuse_opt_add_opt(&list, opt->rest)) ||
	      fuse_opt_add_arg(args, me) || fuse_opt_add_arg(args, "-o") ||
	      fuse_opt_add_arg(args, list);
	free(both);
	free(list);
	return err ? fail("out of memory") : 0;
}

/*
 * mount -o remount: the flags of what is mounted, which is all that FUSE lets one change.  The daemon goes
 * on as it was mounted.
 */
static int remount(const struct options *opt)
{
	if (mount(opt->what, opt->dir, NULL, MS_REMOUNT | opt->flags, NULL))
		return fail("%s: cannot be mounted anew: %s", opt->where, strerror(errno));
	return 0;
}

static void log_line(void *arg, const char *line)
{
	(void)arg;
	syslog(LOG_ERR, "%s", printable(line));
}

/* As many lines as the system allows. */
static void raise_limit(void)
{
	struct rlimit most;

	if (!getrlimit(RLIMIT_NOFILE, &most)) {
		most.rlim_cur = most.rlim_max;
		setrlimit(RLIMIT_NOFILE, &most);
	}
}

static struct file *file_of(int n)
{
	struct file *file;

	return door_file(n, &file) ? file : NULL;
}

static void changed(void *arg, __u64 ino)
{
	fuse_lowlevel_notify_inval_inode(arg, ino, -1, 0);
}

/* A door of the mount, and one of the image for `vexctl --image`, which not everybody needs. */
static int open_doors(struct mounted *m)
{
	raise_limit();
	vexfs_image_descriptors(file_of);
	m->door.image = m->back.image = m->image;
	m->door.changed = m->back.changed = changed;
	m->door.arg = m->back.arg = m->session;
	m->door.noprograms = m->back.noprograms = m->noprograms;
	door_any_name(&m->door);
	m->has_back = m->back.by_path && !door_open(&m->back);
	return door_open(&m->door);
}

static void close_back(struct mounted *m)
{
	if (m->has_back)
		door_close(&m->back);
}

/* Until it is unmounted, or a signal ends it.  A negative errno. */
static int serve(struct mounted *m)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err = config ? open_doors(m) : -ENOMEM;

	if (!err) {
		err = keep_begin(m);
		if (!err) {
			err = fuse_session_loop_mt(m->session, config);
			keep_end(m);
		}
		door_close(&m->door);
	}
	close_back(m);
	if (config)
		fuse_loop_cfg_destroy(config);
	return err < 0 ? err : 0;
}

static int mount_and_serve(struct mounted *m, const struct options *opt, struct fuse_args *args)
{
	int code = 0, err;

	m->session = fuse_session_new(args, &fuse_ops, sizeof(fuse_ops), m);
	if (!m->session)
		return usage("libfuse takes none of this");	/* it has said what */
	if (fuse_session_mount(m->session, m->dir)) {
		code = fail("%s: cannot be mounted by FUSE", opt->where);
		goto destroy;
	}
	if (fuse_daemonize(opt->foreground)) {
		code = fail("cannot go into the background: %m");
		goto unmount;
	}
	if (!opt->foreground) {
		openlog(me, LOG_PID, LOG_DAEMON);
		vexfs_image_hear(m->image, log_line, NULL);
	}
	err = serve(m);
	if (err)
		code = fail("%s: %s", opt->where, strerror(-err));
unmount:
	fuse_session_unmount(m->session);
destroy:
	fuse_session_destroy(m->session);
	return code;
}

int main(int argc, char **argv)
{
	struct options opt = { .commit = DEFAULT_COMMIT };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct mounted m = { };
	struct stat st;
	int code, err;

	if (argc)
		helper = !strncmp(basename(argv[0]), "mount.", 6);
	if (helper)
		me = "mount.fuse.vexfs";
	code = parse(argc, argv, &opt);
	if (code >= 0)
		goto out;
	code = check_dir(&opt);
	if (!code && opt.remount) {
		code = remount(&opt);
		goto out;
	}
	code = code ?: make_args(&opt, &args) ?: open_image(&opt, &m.image);
	if (code)
		goto out;
	m.back.by_path = !opt.readonly && !stat(opt.what, &st);
	if (m.back.by_path)
		vexfs_door_name(m.back.name, sizeof(m.back.name), &st);
	m.noatime = opt.noatime;
	m.noprograms = opt.noprograms;
	m.commit = opt.commit;
	m.dir = opt.dir;
	keep_signals();
	code = mount_and_serve(&m, &opt, &args);
	vexfs_node_forget_all(m.image);
	err = vexfs_image_close(m.image);
	if (err && !code) {
		code = fail("%s: %s", opt.what, vexfs_strerror_for(VEXFS_OP_DETACH, err));
		syslog(LOG_ERR, "%s: the end could not be written: %s", printable(opt.what),
		       strerror(-err));
	}
out:
	fuse_opt_free_args(&args);
	free(opt.rest);
	free(opt.dir);
	return code;
}
