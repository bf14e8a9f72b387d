// SPDX-License-Identifier: GPL-2.0
/*
 * libvexfs: ioctls on a mount by FUSE, which go past it to vexfs-fuse; see fuse/door.h.
 *
 * A descriptor on such a mount is an ordinary one.  Its ioctl is ENOTTY, and then we knock.  A
 * process has a line for each of its threads that are in a call at the same time, and keeps some; a
 * line is for one mount, and for the uid and gid that called it.  A child of fork() calls anew.
 *
 * The daemon is the caller's kernel, but it may be somebody else's: nothing that it says makes us
 * read or write where it should not.
 *
 * Locks: `lock` guards the list of lines, for a few instructions at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <core/core.h>
#include <fuse/door.h>
#include "libvexfs/call.h"
#include "libvexfs/marshal.h"

#define KEPT	8			/* lines that nobody uses */
#define PASSES	4			/* collections that a line has in turn */
#define LOOK_S	1			/* so often who waits looks whether he is to stop */
#define NAPS	1000			/* until other calls of this user are done */
#define NAP_NS	10000000
#define FAR_LOOKS	5			/* until who has an image says something */

/* An open file, as the kernel knows it. */
struct place {
	int fd;
	dev_t dev;
	__u64 ino, mount;
	mode_t mode;
	int access;			/* O_ACCMODE of open(2) */
	const struct vexfs_pass *pass;	/* that it has; NULL: one is asked for by fd */
};

struct line {
	struct line *next;
	bool busy;			/* lock */
	dev_t dev;			/* of the mount */
	uid_t uid;
	gid_t gid;
	/* what follows is whose it is who has it busy */
	int fd;
	__u64 number;
	char *memory;
	__u32 bytes;
	struct {
		struct vexfs_pass pass;
		__u64 mount;		/* by which it was opened */
	} known[PASSES];
	unsigned int turn;		/* of known, to be replaced */
	/* to an image: it is in no list, and has one call at a time */
	pthread_mutex_t far_lock;
	unsigned int looks;		/* that who waits takes, 0: as many as it needs */
	struct vexfs_written written[VEXFS_DOOR_WRITTEN];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;	/* a line is not busy any more, or gone */
static struct line *lines;
static atomic_uint in_use;		/* lines; 0: no need to look */

/* --- lines --- */

static void let_go(struct line *l)
{
	if (l->memory)
		munmap(l->memory, l->bytes);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

static void fork_begins(void)
{
	pthread_mutex_lock(&lock);
}

static void fork_ends(void)
{
	pthread_mutex_unlock(&lock);
}

/* In a child those of the parent are not ours: the daemon would not hear that he hangs up. */
static void forked(void)
{
	struct line *l;

	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&idle, NULL);
	while ((l = lines)) {
		lines = l->next;
		let_go(l);
	}
	atomic_store(&in_use, 0);
}

static void start(void)
{
	pthread_atfork(fork_begins, fork_ends, forked);
}

static int place_of(int fd, struct place *p)
{
	struct statx st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || flags & O_PATH)
		return -EBADF;
	/* what the kernel knows without asking the daemon */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_MNT_ID,
		  &st))
		return -errno;
	*p = (struct place){
		.fd = fd,
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.ino = st.stx_ino,
		.mount = st.stx_mnt_id,
		.mode = st.stx_mode,
		.access = flags & O_ACCMODE,
	};
	return 0;
}

/* With lock. */
static void unlist(struct line *l)
{
	struct line **at = &lines;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	atomic_fetch_sub(&in_use, 1);
}

static bool is_ours(const struct line *l, dev_t dev)
{
	return l->dev == dev && l->uid == geteuid() && l->gid == getegid();
}

/* Has its daemon ended, or has he hung up? */
static bool is_dead(const struct line *l)
{
	char c;

	return recv(l->fd, &c, sizeof(c), MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/*
 * One that nobody uses; NULL: none.  known: there is one of the mount at all.  Those of who this
 * process was before it gave up rights are let go.
 */
static struct line *take(dev_t dev, bool *known)
{
	struct line *l, *next, *dead = NULL, *found = NULL;

	*known = false;
	pthread_mutex_lock(&lock);
	for (l = lines; l && !found; l = next) {
		next = l->next;
		if (l->dev != dev)
			continue;
		if (l->busy) {
			*known = true;
		} else if (!is_ours(l, dev) || is_dead(l)) {
			unlist(l);
			l->next = dead;
			dead = l;
		} else {
			*known = l->busy = true;
			found = l;
		}
	}
	pthread_mutex_unlock(&lock);
	while ((l = dead)) {
		dead = l->next;
		let_go(l);
	}
	return found;
}

/* good: another call can be made. */
static void leave(struct line *l, bool good)
{
	const struct line *other;
	unsigned int n = 0;

	pthread_mutex_lock(&lock);
	for (other = lines; other; other = other->next)
		n += !other->busy;
	good = good && n < KEPT && l->bytes <= VEXFS_DOOR_MEMORY;
	if (good)
		l->busy = false;
	else
		unlist(l);
	pthread_cond_broadcast(&idle);	/* some wait for one of another mount */
	pthread_mutex_unlock(&lock);
	if (!good)
		let_go(l);
}

/* --- messages --- */

/*
 * A message of exactly n bytes, or, with more, of n at least; and memory (-1: none).  Its length.
 */
static ssize_t hear(struct line *l, void *to, size_t n, void *more, size_t room, int *memory)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec parts[] = { { to, n }, { more, room } };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };
	unsigned int looks = l->looks;
	struct cmsghdr *c;
	ssize_t got;

	do {
		if (vx_killed())
			return -EINTR;
		if (l->looks && !looks--)
			return -ENOTCONN;
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_LEN(sizeof(int));	/* no room for a second one */
		got = recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	*memory = -1;
	c = got >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(memory, CMSG_DATA(c), sizeof(int));
	if (got >= (ssize_t)n && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	if (*memory >= 0)
		close(*memory);
	return got > 0 ? -EPROTO : -ENOTCONN;	/* he has ended */
}

/* Map what he has sent in place of what there is; fd is closed. */
static int map(struct line *l, int fd, __u32 bytes)
{
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS), err = 0;
	struct stat st;
	void *p;

	/* else he could make it smaller, and looking at it would be a SIGBUS */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) || st.st_size < bytes)
		err = -EPROTO;
	if (!err) {
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = p == MAP_FAILED ? -ENOMEM : 0;
	}
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	if (l->memory)
		munmap(l->memory, l->bytes);
	l->memory = p;
	l->bytes = bytes;
	return 0;
}

struct answer {
	int ret;			/* of the call */
	__u32 written;			/* of line.written */
	int memory;			/* a descriptor, or -1 */
};

/* 0: it was answered; -ENOTCONN the daemon has ended, -EINTR, -EPROTO. */
static int ask(struct line *l, const struct vexfs_ask *a, struct answer *out)
{
	struct vexfs_reply reply;
	ssize_t n;

	if (send(l->fd, a, sizeof(*a), MSG_NOSIGNAL) != sizeof(*a))
		return -ENOTCONN;
	n = hear(l, &reply, sizeof(reply), l->written, sizeof(l->written), &out->memory);
	if (n < 0)
		return n;
	out->ret = reply.ret;
	out->written = reply.written;
	if ((size_t)n == sizeof(reply) + (size_t)reply.written * sizeof(l->written[0]) &&
	    reply.ret <= 0 && reply.ret > -4096)
		return 0;
	if (out->memory >= 0)
		close(out->memory);
	return -EPROTO;
}

/* --- calling --- */

static int knock(int fd, __u64 line, struct vexfs_knock *k)
{
	*k = (struct vexfs_knock){ .version = VEXFS_DOOR_VERSION, .line = line };
	return ioctl(fd, VEXFS_DOOR_KNOCK, k) ? -errno : 0;
}

/* Whoever answers there is who could open it: its owner, one like us, or root; nobody else is told. */
static bool may_have(const struct stat *image, uid_t uid)
{
	return !uid || uid == geteuid() || uid == image->st_uid;
}

/* image: to who has it; NULL: to who the knock says. */
static int dial(struct line *l, const struct vexfs_knock *k, const struct stat *image)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval look = { .tv_sec = LOOK_S };
	size_t n = strnlen(k->name, sizeof(k->name));
	struct vexfs_welcome w;
	struct ucred who;
	socklen_t len = sizeof(who);
	int memory, err;

	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look)))
		return -errno;
	memcpy(at.sun_path + 1, k->name, n);
	if (connect(l->fd, (struct sockaddr *)&at, offsetof(struct sockaddr_un, sun_path) + 1 + n))
		return -errno;
	/* the name is anybody's once the daemon has ended */
	if (getsockopt(l->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ||
	    !(image ? may_have(image, who.uid) : who.uid == k->uid))
		return -ECONNREFUSED;
	err = hear(l, &w, sizeof(w), NULL, 0, &memory);
	if (err < 0)
		return err;
	if (w.version != VEXFS_DOOR_VERSION)
		err = -EPROTONOSUPPORT;
	else
		err = w.error < 0 ? w.error : 0;
	if (!err)
		err = map(l, memory, w.bytes);
	else if (memory >= 0)
		close(memory);
	l->number = w.line;
	return err;
}

/* A new line to the mount of a descriptor.  -ENOTTY it is no mount of VexFS by FUSE. */
static int call_up(const struct place *p, struct line **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct vexfs_knock k;
	struct line *l;
	int err = knock(p->fd, 0, &k);

	if (err)
		return err;
	if (k.version != VEXFS_DOOR_VERSION)
		return -EPROTONOSUPPORT;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	pthread_once(&once, start);
	*l = (struct line){
		.fd = -1, .busy = true, .dev = p->dev, .uid = geteuid(), .gid = getegid(),
	};
	pthread_mutex_lock(&lock);	/* first, so that forked() finds it */
	l->next = lines;
	lines = l;
	atomic_fetch_add(&in_use, 1);
	pthread_mutex_unlock(&lock);
	err = dial(l, &k, NULL);
	if (err)
		leave(l, false);
	else
		*out = l;
	return err;
}

/* Wait until a thread of ours is done with one.  False: none has one. */
static bool wait_for_line(dev_t dev)
{
	bool any = false, all_busy = true;
	const struct line *l;

	pthread_mutex_lock(&lock);
	for (l = lines; l; l = l->next)
		if (is_ours(l, dev)) {
			any = true;
			all_busy &= l->busy;
		}
	if (any && all_busy)
		pthread_cond_wait(&idle, &lock);
	pthread_mutex_unlock(&lock);
	return any;
}

/* After -EUSERS: what other processes of this user have may be free now.  False: not for long. */
static bool nap(unsigned int *naps)
{
	const struct timespec t = { .tv_nsec = NAP_NS };

	if (*naps == NAPS)
		return false;
	nanosleep(&t, NULL);
	++*naps;
	return true;
}

/*
 * A line to the mount of a descriptor, until leave(); -EUSERS this user has too many, or no memory
 * for one more, and keeps them long.
 */
static int get_line(const struct place *p, struct line **out)
{
	unsigned int naps = 0;
	bool known;
	int err;

	do {
		if (vx_killed())
			return -EINTR;
		err = call_up(p, out);
		if (err != -EUSERS)
			return err;
		*out = take(p->dev, &known);
	} while (!*out && (wait_for_line(p->dev) || nap(&naps)));
	return *out ? 0 : err;
}

/* --- passes --- */

/* For what is open at p.  fresh: not one that we have. */
static int pass_of(struct line *l, const struct place *p, bool fresh, struct vexfs_pass *pass)
{
	struct vexfs_knock k;
	unsigned int i;
	int err;

	if (p->pass) {
		*pass = *p->pass;
		return 0;
	}
	for (i = 0; i < PASSES; i++)
		if (l->known[i].pass.ino == p->ino && l->known[i].mount == p->mount)
			break;
	if (i < PASSES && !fresh) {
		*pass = l->known[i].pass;
		return 0;
	}
	fsetxattr(p->fd, VEXFS_DOOR_XATTR, &l->number, sizeof(l->number), 0);	/* if it may */
	err = knock(p->fd, l->number, &k);
	if (err)
		return err;
	if (i == PASSES)
		i = l->turn++ % PASSES;
	l->known[i].pass = *pass = k.pass;
	l->known[i].mount = p->mount;
	return 0;
}

/* Of the files that records are bound to. */
struct files {
	struct vexfs_bind *bind;	/* with positions in place of descriptors */
	struct vexfs_pass *pass;
	__s32 *position;		/* by descriptor, 0: none as yet, else + 1 */
	__u32 n, room, known;		/* passes, and room for them; of position */
};

static void drop_files(struct files *f)
{
	free(f->bind);
	free(f->pass);
	free(f->position);
}

/* The position of the next one, or a negative VEXFS_DOOR_*; *err: that is all. */
static __s32 add_file(struct line *l, struct files *f, int fd, int *err)
{
	struct vexfs_pass *more;
	struct vexfs_knock k;
	struct place p;

	if (place_of(fd, &p) || !S_ISREG(p.mode) || p.access == O_WRONLY)
		return VEXFS_DOOR_NO_FILE;
	if (p.dev != l->dev)
		return VEXFS_DOOR_ELSEWHERE;
	/*
	 * what was stored by a mapping, and has not reached the daemon, was so before it is bound
	 */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT);
	if (f->n == f->room) {
		more = realloc(f->pass, 2 * (f->room + 8) * sizeof(*more));
		if (!more) {
			*err = -ENOMEM;
			return 0;
		}
		f->pass = more;
		f->room = 2 * (f->room + 8);
	}
	*err = knock(fd, l->number, &k);
	f->pass[f->n] = k.pass;
	return f->n++;
}

/* As add_file(), if it has none yet. */
static __s32 position_of(struct line *l, struct files *f, int fd, int *err)
{
	__u32 room = 2 * ((__u32)fd + 8);
	__s32 *more;

	if ((__u32)fd >= f->known) {
		more = realloc(f->position, room * sizeof(*more));
		if (!more) {
			*err = -ENOMEM;
			return 0;
		}
		memset(more + f->known, 0, (room - f->known) * sizeof(*more));
		f->position = more;
		f->known = room;
	}
	if (!f->position[fd])
		f->position[fd] = add_file(l, f, fd, err) + 1;
	return f->position[fd] - 1;
}

static int collect_files(struct line *l, struct marshal *m, struct files *f)
{
	__u32 n, i;
	__u64 *binds = marshal_binds(m, &n);
	int err = 0, fd;

	*f = (struct files){ };
	if (!binds || !n)
		return 0;
	f->bind = malloc(n * sizeof(*f->bind));
	if (!f->bind)
		return -ENOMEM;
	memcpy(f->bind, (void *)(uintptr_t)*binds, n * sizeof(*f->bind));
	*binds = to_u64(f->bind);
	for (i = 0; i < n && !err; i++) {
		fd = f->bind[i].fd;
		if (fd == -1)
			continue;
		if (fcntl(fd, F_GETFD) < 0)	/* any number, for which there may be no room */
			f->bind[i].fd = VEXFS_DOOR_NO_FILE;
		else
			f->bind[i].fd = position_of(l, f, fd, &err);
	}
	return err;
}

/* --- the call --- */

/* Memory for so many bytes.  -EUSERS other calls of this user have it, and keep it long. */
static int want(struct line *l, __u64 bytes)
{
	struct vexfs_ask a = { .bytes = 2 * VEXFS_DOOR_MEMORY };
	unsigned int naps = 0;
	struct answer got;
	int err;

	if (bytes <= l->bytes)
		return 0;
	while (a.bytes < bytes)
		a.bytes *= 2;
	do {
		err = ask(l, &a, &got);
		if (err)
			return err;
		if (!got.ret)
			return map(l, got.memory, a.bytes);
		if (got.memory >= 0)
			close(got.memory);
	} while (got.ret == -EUSERS && nap(&naps));
	return got.ret;
}

/* What was laid out.  *ret: of the call; an error: there was none, and the line is at its end. */
static int send_it(struct line *l, const struct place *p, unsigned int cmd, struct marshal *m,
		   __u32 files, int *ret)
{
	struct vexfs_ask a = { .cmd = cmd, .bytes = m->bytes, .files = files, .passes = m->passes };
	struct answer got = { .ret = -EKEYREJECTED };
	int err = want(l, m->bytes), tries;

	/*
	 * once more: a directory of this number was removed, and another one has it now; or the mount
	 * has become one that may be written
	 */
	for (tries = 0; !err && (got.ret == -EKEYREJECTED || got.ret == -EROFS) && tries < 2;
	     tries++) {
		err = pass_of(l, p, tries, &a.dir);
		if (err)
			break;
		marshal_write(m, l->memory);
		err = ask(l, &a, &got);
		if (!err && got.memory >= 0)
			close(got.memory);
	}
	if (err)
		return err;
	err = marshal_read(m, l->memory, l->written, got.written);
	*ret = got.ret == -EKEYREJECTED ? -ESTALE : got.ret ? got.ret : err;
	return 0;
}

/* How many attributes each record of an insert has. */
static int count_attrs(struct line *l, const struct place *p, __u32 *attrs, int *ret)
{
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	struct marshal m;
	int err;

	marshal_begin(&m, VEXFS_IOC_INFO, &info);
	marshal_lay(&m, 0, NULL, 0);
	err = send_it(l, p, VEXFS_IOC_INFO, &m, 0, ret);
	*attrs = info.attrs < VEXFS_MAX_ATTRS ? info.attrs : VEXFS_MAX_ATTRS;
	return err;
}

/* As send_it(), of what the caller has. */
static int make_call(struct line *l, const struct place *p, unsigned int cmd, struct marshal *m,
		     int *ret)
{
	struct files files;
	__u32 attrs = 0;
	int err = collect_files(l, m, &files);

	*ret = 0;
	if (!err && marshal_has_attrs(m))
		err = count_attrs(l, p, &attrs, ret);
	if (!err && !*ret)
		*ret = marshal_lay(m, attrs, files.pass, files.n);
	if (!err && !*ret)
		err = send_it(l, p, cmd, m, files.n, ret);
	drop_files(&files);
	return err;
}

int vexfs_mounted_call(int fd, unsigned int cmd, void *arg)
{
	struct line *l = NULL;
	bool known = false;
	struct marshal m;
	struct place p;
	int err, ret;

	if (atomic_load(&in_use) && !place_of(fd, &p))
		l = take(p.dev, &known);
	if (!known) {
		if (ioctl(fd, cmd, arg) >= 0)
			return 0;
		if (errno != ENOTTY)
			return -errno;
	}
	if (!l) {
		err = place_of(fd, &p);
		err = err ? err : get_line(&p, &l);
		if (err)
			return err;
	}
	ret = marshal_begin(&m, cmd, arg);
	err = ret ? 0 : make_call(l, &p, cmd, &m, &ret);
	leave(l, !err);
	return err ? err : ret;
}

/* --- an image that another process has --- */

int vexfs_far_dial(const struct stat *image, struct line **line)
{
	struct line *l = calloc(1, sizeof(*l));
	struct vexfs_knock k = { };
	int err;

	if (!l)
		return -ENOMEM;
	*l = (struct line){ .fd = -1, .looks = FAR_LOOKS };
	vexfs_door_name(k.name, sizeof(k.name), image);
	err = dial(l, &k, image);
	l->looks = 0;
	if (err) {
		let_go(l);
		return err == -EACCES || err == -ENOTCONN ? -ECONNREFUSED : err;
	}
	pthread_mutex_init(&l->far_lock, NULL);
	*line = l;
	return 0;
}

void vexfs_far_hang_up(struct line *line)
{
	pthread_mutex_destroy(&line->far_lock);
	let_go(line);
}

/* He has let go of the image, or ended. */
static int far_error(int err)
{
	return err == -ENOTCONN ? -ECONNABORTED : err;
}

/* What is no ioctl.  Of the memory so many bytes are looked at. */
static int far_ask(struct line *l, __u32 cmd, __u32 bytes, const struct vexfs_pass *dir)
{
	struct vexfs_ask a = { .cmd = cmd, .bytes = bytes };
	struct answer got;
	int err;

	if (dir)
		a.dir = *dir;
	err = ask(l, &a, &got);
	if (err)
		return far_error(err);
	if (got.memory >= 0)
		close(got.memory);
	return got.ret == -EKEYREJECTED ? -ESTALE : got.ret;
}

int vexfs_far_open(struct line *l, const char *path, struct vexfs_pass *pass)
{
	size_t n = strlen(path) + 1;
	int err;

	if (n > l->bytes - VEXFS_DOOR_FIRST)
		return -ENAMETOOLONG;
	pthread_mutex_lock(&l->far_lock);
	memcpy(l->memory + VEXFS_DOOR_FIRST, path, n);
	err = far_ask(l, VEXFS_DOOR_OPEN, l->bytes, NULL);
	if (!err)
		memcpy(pass, l->memory + VEXFS_DOOR_FIRST, sizeof(*pass));
	pthread_mutex_unlock(&l->far_lock);
	return err;
}

int vexfs_far_sync(struct line *l, const struct vexfs_pass *pass)
{
	int err;

	pthread_mutex_lock(&l->far_lock);
	err = far_ask(l, VEXFS_DOOR_SYNC, 0, pass);
	pthread_mutex_unlock(&l->far_lock);
	return err;
}

int vexfs_far_call(struct line *l, const struct vexfs_pass *pass, unsigned int cmd, void *arg)
{
	struct place p = { .fd = -1, .pass = pass };
	struct marshal m;
	int ret = marshal_begin(&m, cmd, arg), err;

	if (ret)
		return ret;
	pthread_mutex_lock(&l->far_lock);
	err = make_call(l, &p, cmd, &m, &ret);
	pthread_mutex_unlock(&l->far_lock);
	return err ? far_error(err) : ret;
}
