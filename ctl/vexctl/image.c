// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl --image FILE: verbs on collections inside of an image, in this process and without a
 * kernel module; or, where another process has it open and answers us, in that one.  It is attached before the verb runs and detached, which commits, whatever becomes
 * of it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <platform/vexfs-user.h>
#include "libvexfs/attach.h"
#include "vexctl/native.h"
#include "vexctl/vexctl.h"

#define OPTION	"--image"
#define LOAD	"--load"
#define LOADS	16		/* programs at most */

static const char *image;		/* FILE; NULL: the verb works on a mount */
static const char *program[LOADS];	/* that the verb finds loaded */
static unsigned int programs;

/* argv[*i] is this option: its value, "" there is none, and *i the last argument of it.  Else NULL. */
static const char *value_of(const char *option, int argc, char **argv, int *i)
{
	size_t len = strlen(option);

	if (!strcmp(argv[*i], option))
		return ++*i < argc ? argv[*i] : "";
	if (!strncmp(argv[*i], option, len) && argv[*i][len] == '=')
		return argv[*i] + len + 1;
	return NULL;
}

int image_take(int *argc, char **argv)
{
	int i, n = 1;

	for (i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
		const char *value = value_of(OPTION, *argc, argv, &i), *object = NULL;

		if (!value)
			object = value_of(LOAD, *argc, argv, &i);
		if (!value && !object)
			argv[n++] = argv[i];
		if (value && image)
			return usage(OPTION " is given twice");
		if (value && !*value)
			return usage(OPTION " lacks its FILE");
		if (object && !*object)
			return usage(LOAD " lacks its OBJECT");
		if (object && programs == LOADS)
			return usage(LOAD " is given too often: at most %d times", LOADS);
		if (object)
			program[programs++] = object;
		image = value ? value : image;
	}
	if (programs && !image)
		return usage(LOAD " goes with " OPTION "; elsewhere there is `vexctl load`");
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

/* The programs that were named.  An exit code. */
static int load_programs(void)
{
	struct vexfs_program_info info;
	int fd, code = VEXCTL_OK;
	unsigned int i;
	char *root;

	if (!programs)
		return VEXCTL_OK;
	if (asprintf(&root, "%s/", image) < 0)
		return fail(image, "out of memory");
	fd = vexfs_open(root);
	free(root);
	if (fd < 0)
		return fail_op(image, VEXFS_OP_OPEN, fd);
	for (i = 0; i < programs && code == VEXCTL_OK; i++)
		code = native_load(fd, program[i], false, &info);
	vexfs_close(fd);
	return code;
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
	/* whoever has it open, if he lets us; but he runs no programs of ours */
	if (!programs && !vexfs_attach_why(image, VEXFS_ATTACH_FAR, &why))
		return VEXCTL_OK;
	err = vexfs_attach_why(image, flags | VEXFS_ATTACH_ALONE, &why);
	if (!err) {
		err = load_programs();
		return err ? image_detach(err) : VEXCTL_OK;
	}
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
