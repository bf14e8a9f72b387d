/* SPDX-License-Identifier: GPL-2.0 */
/* Talking to vexd, the daemon; see ctl/vexd/server.c for what it understands. */
#ifndef _VEXCTL_DAEMON_H
#define _VEXCTL_DAEMON_H

#include <stdio.h>
#include <json.h>

/* $VEXD_SOCKET or the usual place. */
const char *vexd_socket(void);
/* A connection, or NULL and errno. */
FILE *vexd_open(void);
/*
 * Send a request, whose reference it takes, and read its answer, which is the caller's to put.
 * NULL and errno: no answer.
 */
struct json_object *vexd_ask(FILE *f, struct json_object *request);
/* The next line.  NULL and errno; 0: the daemon has ended. */
struct json_object *vexd_next(FILE *f);

#endif /* _VEXCTL_DAEMON_H */
