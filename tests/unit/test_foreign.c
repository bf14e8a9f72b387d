// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs on a mount by a vexfs-fuse of somebody else, who answers what he likes: calls are -EPROTO,
 * names end, and no descriptor stays.  The answers are an ioctl(2) of this program's own, and a
 * thread at the other end of a line.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include <fuse/door.h>
#include <vexfs/vexfs.h>

#define FD 1000 /* of nothing: only ioctl() sees it */

static __u32 key_off, key_len, hits, attrs, words, snapshots;
static char name[64]; /* of the socket; "": it is the module that answers */

int ioctl(int fd, unsigned long cmd, ...);
int ioctl(int fd, unsigned long cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (*name && cmd == VEXFS_DOOR_KNOCK) {
		struct vexfs_knock *k = arg;

		k->version = VEXFS_DOOR_VERSION;
		k->uid = geteuid();
		memcpy(k->name, name, sizeof(name));
		return 0;
	}
	if (*name) {
		errno = ENOTTY;
		return -1;
	}
	assert_int_equal(fd, FD);
	if (cmd == VEXFS_IOC_GET) {
		((struct vexfs_ioc_get *)arg)->item.key_len = key_len;
	} else if (cmd == VEXFS_IOC_LIST) {
		struct vexfs_ioc_list *l = arg;
		struct vexfs_item *item = (void *)(uintptr_t)l->items;

		l->n = 2;
		l->key_bytes = l->key_bytes ? 10 : 0;
		memset(item, 0, 2 * sizeof(*item));
		item[1].key_off = key_off;
		item[1].key_len = key_len;
	} else if (cmd == VEXFS_IOC_SEARCH) {
		struct vexfs_ioc_search *s = arg;
		struct vexfs_query_answer *a = (void *)(uintptr_t)s->answers;

		s->n = 0;
		a[s->queries ? s->queries - 1 : 0].n = hits;
	} else if (cmd == VEXFS_IOC_INFO) {
		struct vexfs_ioc_info *i = arg;

		memset(i->attr, 'x', sizeof(i->attr));
		memset(i->bound, 'x', sizeof(i->bound));
		i->attrs = attrs;
	} else if (cmd == VEXFS_IOC_SNAPSHOTS) {
		struct vexfs_ioc_snapshots *s = arg;

		memset((void *)(uintptr_t)s->snapshots, 'x', sizeof(struct vexfs_snapshot_info));
		s->n = snapshots;
	} else if (cmd == VEXFS_IOC_WORDS) {
		struct vexfs_ioc_words *w = arg;

		memset((void *)(uintptr_t)w->lens, 200, w->n);
		w->n = words;
	}
	return 0;
}

static void test_get(void **state)
{
	char key[VEXFS_MAX_KEY];
	struct vexfs_item item;

	(void)state;
	key_len = VEXFS_MAX_KEY;
	assert_int_equal(vexfs_key(FD, 1, key), VEXFS_MAX_KEY);
	assert_int_equal(vexfs_get(FD, 1, NULL, 0, &item), 0);
	key_len = VEXFS_MAX_KEY + 1;
	assert_int_equal(vexfs_key(FD, 1, key), -EPROTO);
	assert_int_equal(vexfs_get(FD, 1, NULL, 0, &item), -EPROTO);
	assert_int_equal(vexfs_get_by_key(FD, "a", 1, NULL, 0, &item), -EPROTO);
	key_len = ~0u;
	assert_int_equal(vexfs_key(FD, 1, key), -EPROTO);
}

static int list(char *keys, __u32 off, __u32 len)
{
	struct vexfs_item item[4];
	struct vexfs_listing l = { .n = 4, .items = item, .keys = keys, .key_bytes = 1000 };

	key_off = off;
	key_len = len;
	return vexfs_list(FD, &l);
}

static void test_list(void **state)
{
	char keys[1000];

	(void)state;
	assert_int_equal(list(keys, 4, 6), 0);
	assert_int_equal(list(keys, 10, 0), 0);
	assert_int_equal(list(NULL, 4, 7), 0); /* nobody looks there */
	assert_int_equal(list(keys, 4, 7), -EPROTO);
	assert_int_equal(list(keys, 11, 0), -EPROTO);
	assert_int_equal(list(keys, 11, ~0u), -EPROTO);
	assert_int_equal(list(keys, ~0u, 1), -EPROTO);
	assert_int_equal(list(keys, 1, ~0u), -EPROTO);
}

static int search(__u32 queries, __u32 n)
{
	struct vexfs_query_answer answers[3] = {};
	float row[3] = {};
	struct vexfs_hit hit[15];
	struct vexfs_request r = { .vector = row,
				   .vector_bytes = sizeof(row[0]),
				   .k = 5,
				   .queries = queries,
				   .answers = answers };

	hits = n;
	return vexfs_search(FD, &r, hit, NULL);
}

static void test_search(void **state)
{
	(void)state;
	assert_int_equal(search(0, 5), 0);
	assert_int_equal(search(0, 6), -EPROTO);
	assert_int_equal(search(3, 5), 0);
	assert_int_equal(search(3, 6), -EPROTO);
	assert_int_equal(search(3, ~0u), -EPROTO);
}

static void test_names(void **state)
{
	struct vexfs_snapshot_info shot[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_info info;
	__u32 i;

	(void)state;
	attrs = VEXFS_MAX_ATTRS;
	assert_int_equal(vexfs_info(FD, &info), 0);
	for (i = 0; i < VEXFS_MAX_ATTRS; i++)
		assert_int_equal(strnlen(info.attr[i].name, VEXFS_ATTR_NAME_LEN),
				 VEXFS_ATTR_NAME_LEN - 1);
	for (i = 0; i < VEXFS_SLOTS; i++)
		assert_int_equal(strnlen(info.bound[i].name, VEXFS_PROG_NAME_LEN),
				 VEXFS_PROG_NAME_LEN - 1);
	attrs++;
	assert_int_equal(vexfs_info(FD, &info), -EPROTO);
	snapshots = 1;
	assert_int_equal(vexfs_snapshot_list(FD, shot), 1);
	assert_int_equal(strnlen(shot[0].name, sizeof(shot[0].name)), sizeof(shot[0].name) - 1);
	snapshots = VEXFS_MAX_SNAPSHOTS + 1;
	assert_int_equal(vexfs_snapshot_list(FD, shot), -EPROTO);
}

static void test_words(void **state)
{
	char bytes[500];
	__u8 lens[4];
	struct vexfs_word_list list = {
		.room = 4, .byte_room = sizeof(bytes), .bytes = bytes, .lens = lens
	};

	(void)state;
	words = 2;
	assert_int_equal(vexfs_words(FD, 0, 1, &list), 0);
	words = 3;
	assert_int_equal(vexfs_words(FD, 0, 1, &list), -EPROTO);
	words = 5;
	assert_int_equal(vexfs_words(FD, 0, 1, &list), -EPROTO);
}

/* --- at the other end of a line --- */

/* What it does. */
struct act {
	int busy; /* callers that are told -EUSERS before */
	int welcome_bytes, welcome_fds;
	int ret, reply_fds; /* to who asks */
};

struct daemon {
	struct act act;
	int listening, memory;
	pthread_t thread;
};

static void say(int fd, void *bytes, size_t n, int memory, int fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {};
	struct iovec part = { bytes, n };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	int twice[2] = { memory, memory };

	if (fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), twice, fds * sizeof(int));
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)	/* cmocka knows one thread */
		abort();
}

static void *play(void *arg)
{
	struct daemon *d = arg;
	struct vexfs_welcome w = { .version = VEXFS_DOOR_VERSION, .error = -EUSERS };
	struct vexfs_reply reply = { .ret = d->act.ret };
	struct vexfs_ask ask;
	int fd;

	while (d->act.busy--) {
		fd = accept(d->listening, NULL, NULL);
		if (fd < 0)		/* he has not tried again */
			return NULL;
		say(fd, &w, sizeof(w), -1, 0);
		close(fd);
	}
	w.error = 0;
	w.bytes = VEXFS_DOOR_MEMORY;
	fd = accept(d->listening, NULL, NULL);
	if (fd < 0)
		return NULL;
	say(fd, &w, d->act.welcome_bytes, d->memory, d->act.welcome_fds);
	if (recv(fd, &ask, sizeof(ask), 0) == sizeof(ask)) {
		say(fd, &reply, sizeof(reply), d->memory, d->act.reply_fds);
		recv(fd, &ask, sizeof(ask), 0);
	}
	close(fd);
	return NULL;
}

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* What a listing that takes more memory than a line begins with says.  No descriptor stays. */
static int listing(struct act act)
{
	static int names;
	struct daemon d = { .act = act };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct vexfs_listing l = { .n = 20000 };
	int fd = open("/", O_RDONLY | O_DIRECTORY), before, err;

	snprintf(name, sizeof(name), "vexfs-foreign-%d-%d", getpid(), ++names);
	memcpy(at.sun_path + 1, name, strlen(name));
	d.memory = memfd_create("foreign", MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(d.memory, 8 * VEXFS_DOOR_MEMORY), 0);
	assert_int_equal(fcntl(d.memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	d.listening = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(d.listening, (struct sockaddr *)&at,
			      offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)),
			 0);
	assert_int_equal(listen(d.listening, 8), 0);
	l.items = calloc(l.n, sizeof(*l.items));
	before = open_files();
	assert_int_equal(pthread_create(&d.thread, NULL, play, &d), 0);
	err = vexfs_list(fd, &l);
	shutdown(d.listening, SHUT_RDWR);
	pthread_join(d.thread, NULL);
	assert_int_equal(open_files(), before);
	free(l.items);
	close(d.listening);
	close(d.memory);
	close(fd);
	*name = 0;
	return err;
}

static void test_descriptors(void **state)
{
	const int whole = sizeof(struct vexfs_welcome);

	(void)state;
	assert_int_equal(listing((struct act){ 0, whole, 2, 0, 0 }), -EPROTO);
	assert_int_equal(listing((struct act){ 0, whole, 0, 0, 0 }), -EPROTO);
	assert_int_equal(listing((struct act){ 0, whole - 1, 1, 0, 0 }), -EPROTO);
	assert_int_equal(listing((struct act){ 0, 0, 1, 0, 0 }), -ENOTCONN);
	assert_int_equal(listing((struct act){ 0, whole, 1, -ENOMEM, 0 }), -ENOMEM);
	assert_int_equal(listing((struct act){ 0, whole, 1, -ENOMEM, 1 }), -ENOMEM);
	assert_int_equal(listing((struct act){ 0, whole, 1, -ENOMEM, 2 }), -EPROTO);
	assert_int_equal(listing((struct act){ 0, whole, 1, 1, 1 }), -EPROTO);
}

static void test_busy(void **state)
{
	(void)state;
	assert_int_equal(listing((struct act){ 3, sizeof(struct vexfs_welcome), 1, -ENOMEM, 0 }),
			 -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),    cmocka_unit_test(test_list),
		cmocka_unit_test(test_search), cmocka_unit_test(test_names),
		cmocka_unit_test(test_words),  cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
