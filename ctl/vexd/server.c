// SPDX-License-Identifier: GPL-2.0
/*
 * The Unix socket: a request is one line of JSON, and so is its answer.
 *
 *	{"op": "status"}				the daemon, its configuration, who is
 *							connected
 *	{"op": "programs"}				all that the kernel knows
 *	{"op": "events"}				from now on a line for each event; no more
 *							requests
 *	{"op": "load", "object": "/PATH"}		also replace
 *	{"op": "unload", "name": "NAME"}
 *	{"op": "use", "dir": "/PATH", "slot": "search", "name": "NAME"}	name "": the built-in
 *	{"op": "reload"}				read the configuration again
 *
 * Answers have "ok": true, or "ok": false with "error" (a line), "code" (like "EPERM") and, of the
 * verifier, "detail".  Who may connect may look; the last four want root or the group vexfs, by the
 * credentials that the kernel vouches for.
 *
 * A client is never waited for: what it sends and does not read is bounded, and one that does not
 * end its line within a minute is cut off, so that nobody can stop or fill the daemon.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <vexfs/vexfs.h>
#include "loader/loader.h"
#include "meter/meter.h"
#include "vexd.h"

#define MAX_CLIENTS	512
#define MAX_OF_USER	64		/* of one user other than root */
#define MAX_LINE	65536u		/* bytes of a request, with its newline */
#define MAX_UNREAD	(1u << 20)	/* bytes of answers */
/* seconds for a request to be complete and its answer read */
#define PATIENCE	60
#define MAX_GROUPS	65536

struct client {
	struct source source;		/* first */
	struct client *next;
	struct ucred cred;
	bool may_change, listens, closing, gone;
	time_t since;			/* of the last progress */
	char *in;			/* room for MAX_LINE */
	size_t in_len;
	char *out;
	size_t out_len, out_done, out_size;
};

static struct source listener = { .fd = -1 };
static struct client *clients;
static int lock_fd = -1;
static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* --- clients --- */

/* Freed by sweep_gone(), since events of it may still be in the loop's hands. */
static void drop(struct client *c)
{
	if (c->gone)
		return;
	c->gone = true;
	loop_del(&c->source);
	close(c->source.fd);
	c->source.fd = -1;
}

static void sweep_gone(void)
{
	struct client **p = &clients, *c;

	while ((c = *p)) {
		if (!c->gone) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		free(c->in);
		free(c->out);
		free(c);
	}
}

static void flush(struct client *c)
{
	while (!c->gone && c->out_done < c->out_len) {
		ssize_t n = send(c->source.fd, c->out + c->out_done, c->out_len - c->out_done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			drop(c);
			return;
		}
		c->out_done += n;
		c->since = seconds();
	}
	if (c->gone)
		return;
	if (c->out_done == c->out_len) {
		c->out_done = c->out_len = 0;
		if (c->closing) {
			drop(c);
			return;
		}
	}
	/* what it says is not read before it has taken its answer */
	loop_mod(&c->source, c->out_len ? EPOLLOUT : EPOLLIN);
}

/* Takes the reference. */
static void answer(struct client *c, struct json_object *o)
{
	const char *s = printable_json(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	size_t n = s ? strlen(s) : 0, size;
	char *p;

	if (c->gone)
		goto out;
	if (c->out_done) {
		memmove(c->out, c->out + c->out_done, c->out_len - c->out_done);
		c->out_len -= c->out_done;
		c->out_done = 0;
	}
	if (!n || c->out_len + n + 1 > MAX_UNREAD) {
		if (c->listens)
			log_warn("a listener (uid %u, pid %d) does not read its events: cut off",
				 c->cred.uid, c->cred.pid);
		drop(c);
		goto out;
	}
	if (c->out_len + n + 1 > c->out_size) {
		size = (c->out_len + n + 1) * 2;
		p = realloc(c->out, size);
		if (!p) {
			drop(c);
			goto out;
		}
		c->out = p;
		c->out_size = size;
	}
	memcpy(c->out + c->out_len, s, n);
	c->out[c->out_len + n] = '\n';
	c->out_len += n + 1;
	flush(c);
out:
	json_object_put(o);
}

static void add(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *good(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(true));
	return o;
}

/* err: negative errno. */
static struct json_object *bad(int err, const char *msg, const char *detail)
{
	struct json_object *o = json_object_new_object();
	const char *code = strerrorname_np(-err);

	json_object_object_add(o, "ok", json_object_new_boolean(false));
	add(o, "error", msg);
	add(o, "code", code ? code : "EIO");
	if (detail && *detail)
		add(o, "detail", detail);
	return o;
}

/* --- requests --- */

static int count(bool listeners)
{
	struct client *c;
	int n = 0;

	for (c = clients; c; c = c->next)
		n += !c->gone && (!listeners || c->listens);
	return n;
}

static struct json_object *status(void)
{
	struct json_object *o = good();

	add(o, "version", VEXFS_VERSION);
	json_object_object_add(o, "pid", json_object_new_int(getpid()));
	json_object_object_add(o, "started", json_object_new_int64((int64_t)started()));
	add(o, "config", config_path());
	add(o, "socket", socket_path);
	json_object_object_add(o, "metrics_port", json_object_new_int(config.metrics));
	json_object_object_add(o, "watching", json_object_new_boolean(events_meter() != NULL));
	if (!events_meter())
		add(o, "watching_why", events_why());
	json_object_object_add(o, "clients", json_object_new_int(count(false)));
	json_object_object_add(o, "listeners", json_object_new_int(count(true)));
	json_object_object_add(o, "programs", programs_json(&config));
	return o;
}

static int add_program(const struct vexfs_program_info *i, void *list)
{
	json_object_array_add(list, vexfs_program_json(i));
	return 0;
}

static struct json_object *programs(void)
{
	struct json_object *list = json_object_new_array(), *o;
	struct vexfs_load_error err = {};
	int ret = vexfs_programs(add_program, list, &err);

	if (ret) {
		json_object_put(list);
		return bad(ret, err.msg, NULL);
	}
	o = good();
	json_object_object_add(o, "programs", list);
	return o;
}

/* A member that must be a string without a NUL; NULL: it is not. */
static const char *string(struct json_object *request, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(request, key, &v) ||
	    !json_object_is_type(v, json_type_string) ||
	    strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v))
		return NULL;
	return json_object_get_string(v);
}

/* Which program was changed, for the answer and the log. */
static struct json_object *changed(struct client *c, const char *what, int ret,
				   const struct vexfs_program_info *info,
				   const struct vexfs_load_error *err)
{
	struct json_object *o;

	if (ret) {
		log_note("%s for uid %u, pid %d: failed: %s", what, c->cred.uid, c->cred.pid,
			 err->msg);
		return bad(ret, err->msg, err->detail);
	}
	log_note("%s for uid %u, pid %d: program %s", what, c->cred.uid, c->cred.pid, info->name);
	o = good();
	json_object_object_add(o, "program", vexfs_program_json(info));
	return o;
}

static struct json_object *load(struct client *c, struct json_object *request, const char *op)
{
	const char *path = string(request, "object");
	struct vexfs_program_info info = {};
	struct vexfs_load_error err = {};
	int ret;

	if (!path || *path != '/')
		return bad(-EINVAL, "object must be an absolute path", NULL);
	ret = (*op == 'l' ? vexfs_load : vexfs_replace)(path, NULL, &info, &err);
	return changed(c, op, ret, &info, &err);
}

static struct json_object *unload(struct client *c, struct json_object *request)
{
	const char *name = string(request, "name");
	struct vexfs_program_info info = {};
	struct vexfs_load_error err = {};
	int ret;

	if (!name)
		return bad(-EINVAL, "name must be a string", NULL);
	ret = vexfs_unload(name, NULL, &info, &err);
	return changed(c, "unload", ret, &info, &err);
}

static struct json_object *use(struct client *c, struct json_object *request)
{
	const char *dir = string(request, "dir"), *name = string(request, "name"),
		   *slot = string(request, "slot");
	enum vexfs_op op = VEXFS_OP_OPEN;
	int fd, err, n;

	if (!dir || *dir != '/')
		return bad(-EINVAL, "dir must be an absolute path", NULL);
	if (!name)
		return bad(-EINVAL, "name must be a string, \"\" for the built-in", NULL);
	n = slot ? vexfs_slot_by_name(slot) : -1;
	if (n < 0)
		return bad(-EINVAL, "slot must be search, distance or filter", NULL);
	fd = err = vexfs_open(dir);
	if (fd >= 0) {
		op = VEXFS_OP_USE;
		err = vexfs_use(fd, n, name);
		vexfs_close(fd);
	}
	if (err < 0)
		return bad(err, vexfs_strerror_for(op, err), NULL);
	log_note("use for uid %u, pid %d: %s of %s is %s", c->cred.uid, c->cred.pid, slot, dir,
		 *name ? name : "built-in");
	return good();
}

static struct json_object *reread(struct client *c)
{
	char why[512];
	int err;

	log_note("reload for uid %u, pid %d", c->cred.uid, c->cred.pid);
	err = reload(why, sizeof(why));
	return err ? bad(err, why, NULL) : good();
}

static const struct {
	const char *op;
	bool changes;
	const char *keys[4];		/* besides op */
} ops[] = {
	{ "status", false, {} },
	{ "programs", false, {} },
	{ "events", false, {} },
	{ "load", true, { "object" } },
	{ "replace", true, { "object" } },
	{ "unload", true, { "name" } },
	{ "use", true, { "dir", "slot", "name" } },
	{ "reload", true, {} },
};
#define OPS	(sizeof(ops) / sizeof(ops[0]))

/* What the request wants: a number in ops; or -1 and *why. */
static int which(struct json_object *request, const char **why)
{
	static char msg[128];
	const char *op;
	size_t i, k;

	*why = msg;
	if (!json_object_is_type(request, json_type_object)) {
		*why = "a request is a JSON object";
		return -1;
	}
	op = string(request, "op");
	for (i = 0; op && i < OPS && strcmp(ops[i].op, op); i++)
		;
	if (!op || i == OPS) {
		*why = "op must be one of status, programs, events, load, replace, unload, use, reload";
		return -1;
	}
	json_object_object_foreach(request, key, value) {
		(void)value;
		if (!strcmp(key, "op"))
			continue;
		for (k = 0; k < 4 && ops[i].keys[k] && strcmp(ops[i].keys[k], key); k++)
			;
		if (k == 4 || !ops[i].keys[k]) {
			snprintf(msg, sizeof(msg), "%s does not take '%.64s'", op, key);
			return -1;
		}
	}
	return i;
}

/* Anybody may ask, and nobody shall fill the log: a line in a second. */
static void log_refusal(const struct client *c, const char *op)
{
	static unsigned int muted;
	static time_t last;
	time_t now = seconds();
	char more[48] = "";

	if (last == now) {
		muted++;
		return;
	}
	last = now;
	if (muted)
		snprintf(more, sizeof(more), "; and %u more before", muted);
	muted = 0;
	log_warn("%s for uid %u, pid %d: refused, not root and not in the group %s%s", op,
		 c->cred.uid, c->cred.pid, VEXD_GROUP, more);
}

static void serve(struct client *c, struct json_object *request)
{
	struct json_object *o;
	const char *why, *op;
	int n = which(request, &why);

	if (n < 0) {
		answer(c, bad(-EINVAL, why, NULL));
		return;
	}
	op = ops[n].op;
	if (ops[n].changes && !c->may_change) {
		log_refusal(c, op);
		answer(c, bad(-EPERM, "that needs root or the group " VEXD_GROUP, NULL));
		return;
	}
	switch (*op) {
	case 's':
		o = status();
		break;
	case 'p':
		o = programs();
		break;
	case 'e':
		c->listens = true;
		o = good();
		break;
	case 'l':
		o = load(c, request, op);
		break;
	case 'u':
		o = op[1] == 's' ? use(c, request) : unload(c, request);
		break;
	default:
		o = op[2] == 'l' ? reread(c) : load(c, request, op);
	}
	answer(c, o);
}

static void request(struct client *c, const char *line, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(8);
	struct json_object *o = NULL;
	const char *why = "out of memory";

	if (tok) {
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		o = json_tokener_parse_ex(tok, line, len);
		why = json_tokener_error_desc(json_tokener_get_error(tok));
		if (o && json_tokener_get_parse_end(tok) != len) {
			json_object_put(o);
			o = NULL;
			why = "more than one value on a line";
		}
		if (!o && json_tokener_get_error(tok) == json_tokener_continue)
			why = "the line ends too early";
	}
	if (o) {
		serve(c, o);
		json_object_put(o);
	} else {
		char msg[128];

		snprintf(msg, sizeof(msg), "not JSON: %s", why);
		answer(c, bad(-EINVAL, msg, NULL));
	}
	if (tok)
		json_tokener_free(tok);
}

/* All complete lines, as long as their answers are taken. */
static void requests(struct client *c)
{
	char *end;

	while (!c->gone && !c->closing && !c->out_len && (end = memchr(c->in, '\n', c->in_len))) {
		size_t n = end - c->in;

		c->since = seconds();
		if (c->listens) {
			answer(c, bad(-EINVAL, "after events there are no more requests", NULL));
			c->closing = true;
			break;
		}
		if (n && c->in[n - 1] == '\r')
			request(c, c->in, n - 1);
		else
			request(c, c->in, n);
		memmove(c->in, end + 1, c->in_len - n - 1);
		c->in_len -= n + 1;
	}
	if (!c->gone && !c->closing && !c->out_len && c->in_len == MAX_LINE) {
		c->closing = true;
		answer(c, bad(-EMSGSIZE, "a request is at most 64 KiB long", NULL));
	}
	if (!c->gone && c->closing)
		flush(c);
}

static void on_client(struct source *s, __u32 events)
{
	struct client *c = (struct client *)s;
	ssize_t n;

	if (c->gone)
		return;
	if (events & EPOLLOUT) {
		flush(c);
	} else {
		n = recv(s->fd, c->in + c->in_len, MAX_LINE - c->in_len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			drop(c);
			return;
		}
		if (n > 0)
			c->in_len += n;
	}
	requests(c);
}

/* root, or a member of the group, as the kernel saw it when the client connected. */
static bool may_change(int fd, const struct ucred *cred)
{
	static gid_t groups[MAX_GROUPS];
	socklen_t len = sizeof(groups);
	struct group *g;
	size_t i;

	if (cred->uid == 0)
		return true;
	g = getgrnam(VEXD_GROUP);
	if (!g)
		return false;
	if (cred->gid == g->gr_gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == g->gr_gid)
			return true;
	return false;
}

/* Make room: the one that has been silent for the longest goes, listeners last. */
static void evict(uid_t uid, bool any)
{
	struct client *c, *victim = NULL;

	for (c = clients; c; c = c->next) {
		if (c->gone || (!any && c->cred.uid != uid) ||
		    (any && c->cred.uid == 0 && uid != 0))
			continue;
		if (!victim || c->listens < victim->listens ||
		    (c->listens == victim->listens && c->since <= victim->since))
			victim = c;
	}
	if (victim)
		drop(victim);
}

static void on_connect(struct source *s, __u32 events)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), mine = 0;
	socklen_t len = sizeof(struct ucred);
	struct client *c, *other;

	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			evict(0, true);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c || !(c->in = malloc(MAX_LINE)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->cred, &len)) {
		close(fd);
		if (c)
			free(c->in);
		free(c);
		return;
	}
	for (other = clients; other; other = other->next)
		mine += !other->gone && other->cred.uid == c->cred.uid;
	if (c->cred.uid && mine >= MAX_OF_USER)
		evict(c->cred.uid, false);
	else if (count(false) >= MAX_CLIENTS)
		evict(c->cred.uid, true);
	c->may_change = may_change(fd, &c->cred);
	c->since = seconds();
	c->source.fd = fd;
	c->source.ready = on_client;
	c->next = clients;
	clients = c;
	if (loop_add(&c->source, EPOLLIN))
		drop(c);
}

void server_broadcast(struct json_object *event)
{
	struct client *c;

	for (c = clients; c; c = c->next)
		if (c->listens && !c->gone)
			answer(c, json_object_get(event));
	json_object_put(event);
}

void server_sweep(void)
{
	time_t now = seconds();
	struct client *c;

	for (c = clients; c; c = c->next)
		if (!c->gone && now - c->since > PATIENCE && (!c->listens || c->out_len))
			drop(c);
	sweep_gone();
}

/* --- the socket itself --- */

/*
 * Only one daemon at a socket: the lock goes with its process, however that ends, so that a socket
 * which was left behind may be replaced.  It gets its name when it already listens.
 */
int server_open(const char *path, char *why, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char lock[sizeof(addr.sun_path) + 8], dir[sizeof(addr.sun_path)], *slash;
	mode_t mask;
	int err;

	snprintf(socket_path, sizeof(socket_path), "%s", path);
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	/* /run/vexfs; its parents are the administrator's */
	if (slash && slash != dir) {
		*slash = 0;
		if (mkdir(dir, 0755) && errno != EEXIST) {
			err = -errno;
			snprintf(why, size, "cannot make %s: %s", dir, strerror(errno));
			return err;
		}
	}
	snprintf(lock, sizeof(lock), "%s.lock", path);
	lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock_fd < 0) {
		err = -errno;
		snprintf(why, size, "cannot create %s: %s", lock, strerror(errno));
		return err;
	}
	if (flock(lock_fd, LOCK_EX | LOCK_NB)) {
		snprintf(why, size, "%s: another vexd serves it", path);
		close(lock_fd);
		lock_fd = -1;
		return -EBUSY;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s.new", (int)sizeof(addr.sun_path) - 5,
		 path);
	unlink(addr.sun_path);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0111);		/* anyone may connect and look */
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener.fd, 128) || rename(addr.sun_path, path)) {
		err = -errno;
		snprintf(why, size, "cannot make the socket %s: %s", path, strerror(errno));
		umask(mask);
		unlink(addr.sun_path);
		server_close();
		return err;
	}
	umask(mask);
	listener.ready = on_connect;
	return loop_add(&listener, EPOLLIN);
}

void server_close(void)
{
	struct client *c;

	for (c = clients; c; c = c->next)
		drop(c);
	sweep_gone();
	if (listener.fd >= 0) {
		loop_del(&listener);
		close(listener.fd);
		listener.fd = -1;
		unlink(socket_path);
	}
	if (lock_fd >= 0)
		close(lock_fd);
	lock_fd = -1;
}
