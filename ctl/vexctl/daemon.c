// SPDX-License-Identifier: GPL-2.0
/* Talking to vexd. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "vexctl/daemon.h"

#define PATIENCE_MS	60000		/* the verifier may take some seconds */

const char *vexd_socket(void)
{
	const char *s = getenv("VEXD_SOCKET");

	return s && *s ? s : "/run/vexfs/vexd.sock";
}

FILE *vexd_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = vexd_socket();
	FILE *f;
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	f = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? NULL : fdopen(fd, "r+");
	if (!f) {
		err = errno;
		close(fd);
		errno = err;
	}
	return f;
}

struct json_object *vexd_next(FILE *f)
{
	struct json_object *o = NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	errno = 0;
	n = getline(&line, &room, f);
	if (n > 0) {
		o = json_tokener_parse(line);
		if (!o)
			errno = EPROTO;
	}
	free(line);
	return o;
}

struct json_object *vexd_ask(FILE *f, struct json_object *request)
{
	const char *s = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	int fd = fileno(f), err = 0;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t len = strlen(s), done = 0;
	ssize_t n;

	while (!err && done < len + 1) {
		n = done < len ? send(fd, s + done, len - done, MSG_NOSIGNAL) :
				 send(fd, "\n", 1, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			err = errno;
		done += n > 0 ? n : 0;
	}
	json_object_put(request);
	if (!err) {
		n = poll(&wait, 1, PATIENCE_MS);
		err = n > 0 ? 0 : n ? errno : ETIMEDOUT;
	}
	errno = err;
	return err ? NULL : vexd_next(f);
}
