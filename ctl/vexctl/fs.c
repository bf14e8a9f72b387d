// SPDX-License-Identifier: GPL-2.0
/* vexctl mkfs, mount, umount. */
#include <errno.h>
#include <libmount.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "vexctl/refusal.h"
#include "vexctl/vexctl.h"

static int mkfs(int argc, char **argv)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("mkfs.vexfs"));
	char *slash;

	(void)argc;
	argv[0] = "mkfs.vexfs";
	if (n > 0) {			/* the one that was installed, or built, with this vexctl */
		path[n] = 0;
		slash = strrchr(path, '/');
		if (slash) {
			strcpy(slash + 1, argv[0]);
			execv(path, argv);
		}
	}
	execvp(argv[0], argv);
	return fail(argv[0], "%s; install it beside vexctl or in the PATH", strerror(errno));
}

/*
 * libmount lets a user do what fstab allows; for the rest it does not even try, and blames
 * something else.
 */
static bool refused_user(struct libmnt_context *cxt)
{
	return mnt_context_is_restricted(cxt) && !mnt_context_syscall_called(cxt);
}

static int mount_(int argc, char **argv)
{
	static const struct option options[] = {
		{ "options", required_argument, NULL, 'o' },
		{ "read-only", no_argument, NULL, 'r' },
		{}
	};
	struct libmnt_context *cxt;
	const char *what;
	char why[512];
	bool readonly = false;
	char *opts = NULL;
	int c, rc, err;

	while ((c = getopt_long(argc, argv, "o:r", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			if (mnt_optstr_append_option(&opts, optarg, NULL))
				return fail(NULL, "out of memory");
			break;
		case 'r':
			readonly = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 2, 2, "DEVICE and DIR"))
		return VEXCTL_USAGE;
	cxt = mnt_new_context();
	if (!cxt || mnt_context_set_fstype(cxt, "vexfs") ||
	    mnt_context_set_source(cxt, argv[optind]) ||
	    mnt_context_set_target(cxt, argv[optind + 1]) ||
	    (opts && mnt_context_set_options(cxt, opts)) ||
	    (readonly && mnt_context_append_options(cxt, "ro")))
		return fail(argv[optind], "out of memory");
	/* do not mount read-only behind the user's back */
	mnt_context_enable_rwonly_mount(
		cxt, !readonly && !(opts && mnt_optstr_get_option(opts, "ro", NULL, NULL) == 0));
	rc = mnt_context_mount(cxt);
	err = mnt_context_syscall_called(cxt) ? mnt_context_get_syscall_errno(cxt) :
	      rc < 0			      ? -rc :
						rc;
	if (rc || !mnt_context_get_status(cxt)) {
		if (refused_user(cxt))
			err = EPERM;
		what = why_refused(why, sizeof(why), err, argv[optind], argv[optind + 1], opts);
		rc = fail(what, "%s", why);
	}
	mnt_free_context(cxt);
	free(opts);
	return rc;
}

static int umount_(int argc, char **argv)
{
	static const struct option options[] = { {} };
	struct libmnt_context *cxt;
	char buf[512] = "";
	struct statfs fs;
	const char *dir;
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (want_args(argc, 1, 1, "DIR"))
		return VEXCTL_USAGE;
	dir = argv[optind];
	if (statfs(dir, &fs))
		return fail(dir, "%s; give the directory it is mounted on", strerror(errno));
	if (fs.f_type == FUSE_SUPER_MAGIC)
		return fail(dir, "it is mounted by FUSE; unmount it with `fusermount3 -u`");
	if (fs.f_type != VEXFS_SUPER_MAGIC)
		return fail(dir, "there is no VexFS mounted; see `findmnt -t vexfs`");
	cxt = mnt_new_context();
	if (!cxt || mnt_context_set_target(cxt, dir))
		return fail(dir, "out of memory");
	rc = mnt_context_umount(cxt);
	if (rc || !mnt_context_get_status(cxt)) {
		int err = mnt_context_syscall_called(cxt) ? mnt_context_get_syscall_errno(cxt) : 0;

		if (refused_user(cxt))
			err = EPERM;
		mnt_context_get_excode(cxt, rc, buf, sizeof(buf));
		buf[strcspn(buf, "\n")] = 0;
		rc = fail(
			dir, "%s",
			err == EBUSY ?
				"it is in use; end what has files open there, see `fuser -vm DIR`" :
			err == EINVAL ?
				"nothing is mounted on this very directory; see `findmnt -t vexfs`" :
			err == EPERM ? "not permitted; run it as root" :
			*buf	     ? buf :
				       strerror(err));
	}
	mnt_free_context(cxt);
	return rc;
}

const struct verb fs_verbs[] = {
	{ "mkfs", mkfs, "[OPTION]... DEVICE",
	  "make a VexFS on a partition; takes the options of mkfs.vexfs",
	  "  -L LABEL     label of the filesystem\n"
	  "  -U UUID      use this UUID instead of a random one\n"
	  "  --json       print what was made as JSON\n"
	  "  --force      overwrite a filesystem or another signature; its data is lost\n" },
	{ "mount", mount_, "[-r] [-o OPTIONS] DEVICE DIR", "mount a VexFS",
	  "  -o, --options OPTS   as for mount(8): ro, noatime, ...; errors=continue|remount-ro|panic,\n"
	  "                       commit=SECONDS (1 to 300), resident=BYTES (such as 512M: memory\n"
	  "                       for what is derived from records; codes get what columns leave),\n"
	  "                       compact=off|PERCENT (1 to 100); for rescue, with ro: norecovery\n"
	  "                       (the log is not replayed, nothing is written), sb=16384|49152\n"
	  "                       (a copy of the superblock)\n"
	  "  -r, --read-only      the same as -o ro\n", true },
	{ "umount", umount_, "DIR", "unmount a VexFS", "", true },
	{}
};
