// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration file:
 *
 *	# comment, and ; another
 *	socket = /run/vexfs/vexd.sock
 *	metrics = 9734			; or off
 *
 *	[program coded]
 *	object = /usr/lib/vexfs/coded.bpf.o
 *	bind = /srv/vexfs/words		# as often as need be
 *
 * Strict: what is unknown, given twice, missing or out of bounds is an error with its line, since a
 * typing mistake that is skipped in silence is found much later.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "vexd.h"

#define MAX_SIZE	(1u << 20)	/* bytes of the file */

struct reader {
	const char *path;
	unsigned int line;
	struct config *c;
	struct config_program *p;	/* the section, NULL: before the first */
	bool has_socket, has_metrics;
	char *why;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int bad(struct reader *r, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(r->why, r->size, "%s:%u: ", r->path, r->line);

	if (n < 0 || (size_t)n >= r->size)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(r->why + n, r->size - n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Cut white space off both ends. */
static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]); end--)
		;
	*end = 0;
	return s;
}

static int check_path(struct reader *r, const char *key, const char *value, size_t max)
{
	if (*value != '/')
		return bad(r, "%s: '%s' is not an absolute path", key, value);
	if (strlen(value) >= max)
		return bad(r, "%s: the path is longer than %zu bytes", key, max - 1);
	return 0;
}

static int section(struct reader *r, char *s)
{
	size_t len = strlen(s), i;
	struct config_program *p;
	char *name;

	if (r->p && !r->p->object)
		return bad(r, "[program %s] of line %u has no object", r->p->name, r->p->line);
	if (s[len - 1] != ']')
		return bad(r, "a section ends with ]");
	s[len - 1] = 0;
	s = trim(s + 1);
	if (strncmp(s, "program", 7) || !isspace((unsigned char)s[7]))
		return bad(r, "unknown section [%s]; there is [program NAME]", s);
	name = trim(s + 7);
	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name))
		return bad(r, "'%s' is not a name for a program: use a-z, 0-9, _ and -", name);
	if (strlen(name) >= VEXFS_PROG_NAME_LEN)
		return bad(r, "the program's name is longer than %d bytes",
			   VEXFS_PROG_NAME_LEN - 1);
	for (i = 0; i < r->c->programs; i++)
		if (!strcmp(r->c->program[i].name, name))
			return bad(r, "[program %s] is there already, in line %u", name,
				   r->c->program[i].line);
	if (r->c->programs == CONFIG_MAX_PROGRAMS)
		return bad(r, "more than %d programs", CONFIG_MAX_PROGRAMS);
	p = reallocarray(r->c->program, r->c->programs + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	r->c->program = p;
	r->p = &p[r->c->programs++];
	memset(r->p, 0, sizeof(*r->p));
	strcpy(r->p->name, name);
	r->p->line = r->line;
	return 0;
}

static int add_bind(struct reader *r, const char *dir)
{
	struct config_program *p = r->p;
	struct config_bind *b;
	size_t i;

	if (check_path(r, "bind", dir, PATH_MAX))
		return -EINVAL;
	for (i = 0; i < p->binds; i++)
		if (!strcmp(p->bind[i].dir, dir))
			return bad(r, "bind: %s is there already", dir);
	if (p->binds == CONFIG_MAX_BINDS)
		return bad(r, "more than %d directories", CONFIG_MAX_BINDS);
	b = reallocarray(p->bind, p->binds + 1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	p->bind = b;
	memset(&b[p->binds], 0, sizeof(*b));
	b[p->binds].line = r->line;
	b[p->binds].dir = strdup(dir);
	if (!b[p->binds].dir)
		return -ENOMEM;
	p->binds++;
	return 0;
}

static int set_string(struct reader *r, const char *key, char **to, const char *value)
{
	if (*to)
		return bad(r, "%s is there already", key);
	*to = strdup(value);
	return *to ? 0 : -ENOMEM;
}

static int set_metrics(struct reader *r, const char *value)
{
	unsigned long port;
	char *end;

	if (r->has_metrics)
		return bad(r, "metrics is there already");
	r->has_metrics = true;
	if (!strcmp(value, "off")) {
		r->c->metrics = 0;
		return 0;
	}
	port = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end || !port || port > 65535)
		return bad(r, "metrics: '%s' is neither a port (1 to 65535) nor off", value);
	r->c->metrics = port;
	return 0;
}

static int assign(struct reader *r, const char *key, const char *value)
{
	if (!*value)
		return bad(r, "%s has no value", key);
	if (r->p && !strcmp(key, "object")) {
		r->p->object_line = r->p->object ? r->p->object_line : r->line;
		return check_path(r, key, value, PATH_MAX) ?:
		       set_string(r, key, &r->p->object, value);
	}
	if (r->p && !strcmp(key, "bind"))
		return add_bind(r, value);
	if (r->p)
		return bad(r, "unknown key '%s'; a program has object and bind", key);
	if (!strcmp(key, "metrics"))
		return set_metrics(r, value);
	if (!strcmp(key, "socket"))
		return check_path(r, key, value, sizeof(((struct sockaddr_un *)0)->sun_path) - 8) ?:
		       set_string(r, key, &r->c->socket, value);
	return bad(r, "unknown key '%s'; before the first section there are socket and metrics",
		   key);
}

/*
 * # and ; begin a comment at the start of a line and after white space, so that a path may contain
 * them; and not in a value in "double quotes".
 */
static void cut_comment(char *s)
{
	bool quoted = false;
	char *p, last = 0;		/* of what is no white space */

	for (p = s; *p; p++) {
		if (*p == '"' && (quoted || last == '='))
			quoted = !quoted;
		if (!quoted && (*p == '#' || *p == ';') &&
		    (p == s || isspace((unsigned char)p[-1]))) {
			*p = 0;
			return;
		}
		if (!isspace((unsigned char)*p))
			last = *p;
	}
}

/*
 * The value without its quotes, if it has some.  NULL: there is but one, or something behind them.
 */
static char *unquote(char *s)
{
	char *end;

	if (*s != '"')
		return s;
	end = strchr(s + 1, '"');
	if (!end || end[1])
		return NULL;
	*end = 0;
	return s + 1;
}

static int parse_line(struct reader *r, char *s)
{
	char *equals, *value;

	cut_comment(s);
	s = trim(s);
	if (!*s)
		return 0;
	if (*s == '[')
		return section(r, s);
	equals = strchr(s, '=');
	if (!equals)
		return bad(r, "neither [SECTION] nor KEY = VALUE");
	*equals = 0;
	value = unquote(trim(equals + 1));
	if (!value)
		return bad(r, "a value in quotes is \"...\", and nothing follows it");
	return assign(r, trim(s), value);
}

static int parse(struct reader *r, char *text, size_t len)
{
	char *line = text, *end;
	size_t i;
	int err;

	for (i = 0; i < len; i++) {
		unsigned char ch = text[i];

		if (ch == '\n')
			r->line++;
		if ((ch < ' ' && ch != '\n' && ch != '\t' && ch != '\r') || ch == 127) {
			r->line++;
			return bad(r, "holds a control character (%#x)", ch);
		}
	}
	r->line = 0;
	for (; line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		r->line++;
		err = parse_line(r, line);
		if (err)
			return err;
	}
	if (r->p && !r->p->object)
		return bad(r, "[program %s] of line %u has no object", r->p->name, r->p->line);
	return 0;
}

/* The whole file, NUL-terminated. */
static int slurp(const char *path, char **out, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	char *text = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))	/* /dev/null is an empty one */
		err = -ENOTSUP;
	else if (!(text = malloc(MAX_SIZE + 2)))
		err = -ENOMEM;
	while (!err && n <= MAX_SIZE) {
		got = read(fd, text + n, MAX_SIZE + 1 - n);
		if (got <= 0) {
			err = got ? -errno : 0;
			break;
		}
		n += got;
	}
	close(fd);
	if (!err && n > MAX_SIZE)
		err = -EFBIG;
	if (err) {
		free(text);
		return err;
	}
	text[n] = 0;
	*out = text;
	*len = n;
	return 0;
}

int config_read(const char *path, bool optional, struct config *out, char *why, size_t size)
{
	struct reader r = { .path = path, .c = out, .why = why, .size = size };
	char *text = NULL;
	size_t len = 0;
	int err;

	memset(out, 0, sizeof(*out));
	out->metrics = VEXD_METRICS;
	err = slurp(path, &text, &len);
	out->absent = err == -ENOENT && optional;
	if (out->absent)
		err = 0;
	else if (err)
		snprintf(why, size, "%s: %s", path,
			 err == -EFBIG	 ? "is larger than 1 MiB, too large for a configuration" :
			 err == -ENOTSUP ? "is not a file" :
					   strerror(-err));
	if (!err && text)
		err = parse(&r, text, len);
	if (!err && !out->socket && !(out->socket = strdup(VEXD_SOCKET)))
		err = -ENOMEM;
	if (err == -ENOMEM)
		snprintf(why, size, "%s: %s", path, strerror(ENOMEM));
	free(text);
	if (err)
		config_free(out);
	return err;
}

void config_free(struct config *c)
{
	size_t i, j;

	for (i = 0; i < c->programs; i++) {
		for (j = 0; j < c->program[i].binds; j++)
			free(c->program[i].bind[j].dir);
		free(c->program[i].bind);
		free(c->program[i].object);
	}
	free(c->program);
	free(c->socket);
	memset(c, 0, sizeof(*c));
}
