/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two halves of `vexctl doctor` share: doctor.c (this machine), device.c (a filesystem).
 */
#ifndef _VEXCTL_DOCTOR_H
#define _VEXCTL_DOCTOR_H

#include "vexctl/vexctl.h"

enum verdict { CHECK_OK, CHECK_WARN, CHECK_FAIL };

/* The checks made so far. */
struct checks {
	bool json;			/* collected in list; otherwise each is a line at once */
	struct json_object *list;
	unsigned int count[3];		/* by verdict */
};

/*
 * One more check: what was looked at, what was found, and what to do about it (NULL: nothing; it
 * may be a hint for CHECK_OK too).
 */
__attribute__((format(printf, 5, 6))) void check(struct checks *c, enum verdict verdict,
						 const char *name, const char *advice,
						 const char *fmt, ...);

/* What a mount without the module takes. */
void check_fuse(struct checks *c);
/* Every VexFS that is mounted, by the module or by FUSE, in the order of /proc/self/mountinfo. */
void check_mounts(struct checks *c);
/* What the user named: a device, the image of one, or a directory of a VexFS. */
void check_path(struct checks *c, const char *path);

#endif /* _VEXCTL_DOCTOR_H */
