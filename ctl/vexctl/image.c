// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl --image FILE: verbs on collections inside of an image, in this process and without a
 * kernel module.  It is attached before the verb runs and detached, which commits, whatever becomes
 * of it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <platform/vexfs-user.h>
#include "libvexfs/attach.h"
#include "vexctl/vexctl.h"

#define OPTION	"--image"

static const char *image;		/* FILE; NULL: the verb works on a mount */

int image_take(int *argc, char **argv)
{
	size_t len = strlen(OPTION);
	int i, n = 1;

	for (i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
		const char *value = NULL;

		if (!strcmp(argv[i], OPTION))
			value = ++i < *argc ? argv[i] : "";
		else if (!strncmp(argv[i], OPTION "=", len + 1))
			value = argv[i] + len + 1;
		else
			argv[n++] = argv[i];
		if (value && image)
			return usage(OPTION " is given twice");
		if (value && !*value)
			return usage(OPTION " lacks its FILE");
		image = value ? value : image;
	}
	for (; i < *argc; i++)
		argv[n++] = argv[i];
	argv[n] = NULL;
	*argc = n;
	return VEXCTL_OK;
}

bool in_image(void)
{
	return image;
}

const char *dir_arg(char **argv)
{
	const char *dir = argv[optind];
	char *path;

	if (!image)
		return dir;
	/* kept until the end */
	if (asprintf(&path, "%s/%s", image, dir + strspn(dir, "/")) < 0) {
		fail(dir, "out of memory");
		exit(VEXCTL_FAILED);
	}
	return argv[optind] = path;
}

int image_attach(const struct verb *v)
{
	unsigned int flags = v->image == IMAGE_READ ? VEXFS_ATTACH_READONLY : 0;
	const char *why;
	int err;

	if (!image)
		return VEXCTL_OK;
	if (v->image == IMAGE_NONE)
		return misused("this is not done in an image, but on a mount or by the kernel; leave out "
			       OPTION ", or mount it: vexctl mount -o loop FILE DIR");
	if (flags == 0) {
		end_on_signals();
		signal(SIGPIPE, SIG_IGN);
	}
	err = vexfs_attach_why(image, flags, &why);
	if (!err)
		return VEXCTL_OK;
	if (why && err == -EBUSY)
		return fail(image, "%s; end that first", why);
	if (why && err == -EUCLEAN)
		return fail(image, "%s; see what fsck.vexfs says", why);
	return interrupted_code(fail_op(image, VEXFS_OP_ATTACH, err));
}

int image_detach(int code)
{
	int err;

	if (!image)
		return code;
	catch_signals();
	vexfs_kill(false);		/* what commits is not to be interrupted */
	err = vexfs_detach(image);
	if (err)
		fail_op(image, VEXFS_OP_DETACH, err);
	return interrupted_code(err && code == VEXCTL_OK ? VEXCTL_FAILED : code);
}
