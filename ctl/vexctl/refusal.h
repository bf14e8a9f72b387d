/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VEXCTL_REFUSAL_H
#define _VEXCTL_REFUSAL_H

#include <stddef.h>

/*
 * Why mount(2) of a device with these options (NULL: none) on dir failed with err: one line of what
 * and what to do, into buf.  The device is looked at before the options are blamed.  Returns which
 * of device and dir the line is about.
 */
const char *why_refused(char *buf, size_t size, int err, const char *device, const char *dir,
			const char *options);
/*
 * What libblkid takes an open device for: a filesystem, or a partition table; "" if for nothing.
 * -1: it cannot look.
 */
int blkid_type(int fd, char *buf, size_t size);

#endif /* _VEXCTL_REFUSAL_H */
