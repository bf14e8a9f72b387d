/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexd: keeps the programs of a configuration loaded and bound, and tells what happens.
 *
 *	main.c		options, signals, the loop
 *	config.c	the configuration file
 *	programs.c	load, adopt and bind what it names
 *	server.c	the Unix socket: JSON lines
 *	events.c	what the kernel reports, and mounts
 *	metrics.c	Prometheus, on loopback
 *
 * One thread.  Nothing that it does is needed by a search: programs are pinned and bindings are on
 * disk, so it may be killed at any moment, and takes up where it was when it is started again.
 */
#ifndef _VEXD_H
#define _VEXD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <json.h>
#include <platform/printable.h>
#include <vexfs/format.h>

#define VEXD_CONFIG	"/etc/vexfs/vexd.conf"
#define VEXD_SOCKET	"/run/vexfs/vexd.sock"
#define VEXD_METRICS	9734		/* port */
#define VEXD_GROUP	"vexfs"		/* may change things, as root may */

/* --- config.c --- */

#define CONFIG_MAX_PROGRAMS	256
#define CONFIG_MAX_BINDS	1024	/* of a program */

/* A directory that is to be bound to a program. */
struct config_bind {
	char *dir;
	unsigned int line;
	bool bound;
	char why[256];			/* not bound: why not; what was logged last */
};

enum program_state {
	PROGRAM_UNKNOWN,		/* not tried yet */
	PROGRAM_FAILED,			/* to be tried again when something is mounted */
	PROGRAM_LOADED,			/* by us */
	PROGRAM_ADOPTED,		/* it was there already */
};

struct config_program {
	char name[VEXFS_PROG_NAME_LEN];
	char *object;			/* absolute path */
	struct config_bind *bind;
	size_t binds;
	unsigned int line, object_line;	/* of its section, and of the object in it */
	enum program_state state;
	char why[600];			/* FAILED: why */
};

struct config {
	char *socket;			/* absolute path */
	unsigned int metrics;		/* port on 127.0.0.1, 0: none */
	struct config_program *program;
	size_t programs;
	bool absent;			/* there is no file; these are the defaults */
};

/*
 * Read a configuration; nothing in it is taken to be right.  optional: a file that is not there is
 * an empty one.  0, or a negative errno and a line `FILE:LINE: what` in why; *out is empty then.
 */
int config_read(const char *path, bool optional, struct config *out, char *why, size_t size);
void config_free(struct config *c);

/* --- programs.c --- */

/*
 * Load and bind what is not.  For each program that is loaded already (by an earlier vexd, or by
 * hand) only its bindings are looked at.  What fails is logged once, and tried again by the next
 * call.
 */
void programs_apply(struct config *c);
/*
 * For --check: is each object one that the kernel would be shown, and no directory something else?
 * Says what is wrong, and notes directories that are not there now, on stderr.  The number of
 * errors.
 */
unsigned int programs_check(const struct config *c);
/* The array for `status`. */
struct json_object *programs_json(const struct config *c);

/* --- events.c --- */

/* A reader of kernel events and mounts, in the loop; what cannot be had now is tried again. */
int events_open(void);
void events_close(void);
/* Open the meter if the module has come meanwhile. */
void events_retry(void);
struct meter *events_meter(void);	/* NULL: none */
const char *events_why(void);		/* ... why not */

/* --- metrics.c --- */

/* 0, or a negative errno and why. */
int metrics_open(unsigned int port, char *why, size_t size);
void metrics_close(void);
void metrics_tick(void);		/* now and then, for its timeouts */
/* Called for every event; type as in its JSON. */
void metrics_count_event(const char *type);

/* --- server.c --- */

int server_open(const char *path, char *why, size_t size);
void server_close(void);
/* An event for all that listen; takes the reference. */
void server_broadcast(struct json_object *event);
/* Drop clients that take too long; every few seconds. */
void server_sweep(void);

/* --- main.c --- */

/* Something that the loop waits for. */
struct source {
	int fd;
	void (*ready)(struct source *s, __u32 events);
};
int loop_add(struct source *s, __u32 events);
int loop_mod(struct source *s, __u32 events);
void loop_del(struct source *s);

extern struct config config;		/* the one in force */
extern bool quit;
/* Read the configuration again.  0, or a negative errno and why: the old one stays. */
int reload(char *why, size_t size);
/* The filesystems have changed: what waited for one may be possible now. */
void mounts_changed(void);
double started(void);			/* seconds since the epoch */
const char *config_path(void);

enum { LOG_ERROR_ = 3, LOG_WARN_ = 4, LOG_NOTE_ = 5, LOG_INFO_ = 6 };
__attribute__((format(printf, 2, 3))) void log_line(int level, const char *fmt, ...);
#define log_error(...)	log_line(LOG_ERROR_, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_WARN_, __VA_ARGS__)
#define log_note(...)	log_line(LOG_NOTE_, __VA_ARGS__)

#endif /* _VEXD_H */
