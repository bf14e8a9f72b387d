// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls of a mount by FUSE, which come over a socket: see door.h.
 *
 * A thread listens, and each line has one, which waits for asks, makes the call, and answers.
 * Nothing here waits for who is at the other end but with no lock held and nothing taken: an answer
 * that finds no room ends the line.  Who has hung up is noticed in the middle of his call, which
 * ends as after a fatal signal.
 *
 * Locks: door.lock guards the lists and counts of lines and users, for a few instructions at a
 * time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <kernel-user.h>
#include <platform/call.h>
#include <platform/native.h>
#include "fuse/door.h"
#include "fuse/serve.h"

#define RECENT	8u			/* arrays that a call writes in turn */

struct user {
	struct user *next;
	uid_t uid;
	u32 lines;
	u64 bytes;
};

struct line {
	struct line *next, **at;	/* of all; door.lock */
	struct door *door;
	struct user *user;
	int fd;
	u64 number;
	u64 shown;			/* see door_shown(); door.lock */
	gid_t *group;
	size_t groups;

	/* the call, and what it has written */
	struct vexfs_call call;
	size_t bytes;			/* of call.memory */
	struct vexfs_ask ask;
	struct file **file;		/* opened for it, ask.files */
	u32 writtens;
	struct vexfs_written written[VEXFS_DOOR_WRITTEN];
};

/* The line of this thread. */
static __thread struct line *mine;

/* --- passes --- */

static u64 seal_of(const struct door *d, u64 line, const struct vexfs_pass *pass)
{
	const u64 of[] = { line, pass->ino, (u64)pass->generation << 32 | pass->access };

	return siphash(of, sizeof(of), (const siphash_key_t *)d->key);
}

/* NULL: it was hung up.  With door.lock. */
static struct line *line_of(const struct door *d, u64 number)
{
	struct line *l;

	for (l = d->line; l && l->number != number; l = l->next)
		;
	return l;
}

void door_shown(struct door *d, const struct inode *inode, __u64 line)
{
	struct line *l;

	pthread_mutex_lock(&d->lock);
	l = line_of(d, line);
	if (l)
		l->shown = vexfs_node_ino(inode);
	pthread_mutex_unlock(&d->lock);
}

/* Was it?  Once. */
static bool was_shown(struct door *d, u64 ino, u64 line)
{
	struct line *l;
	bool shown;

	pthread_mutex_lock(&d->lock);
	l = line_of(d, line);
	shown = l && l->shown == ino;
	if (l)
		l->shown = 0;
	pthread_mutex_unlock(&d->lock);
	return shown;
}

void door_knock(struct door *d, const struct inode *inode, int access, struct vexfs_knock *knock)
{
	const u64 line = knock->line;

	*knock = (struct vexfs_knock){
		.version = VEXFS_DOOR_VERSION, .uid = geteuid(), .line = line,
	};
	memcpy(knock->name, d->name, sizeof(knock->name));
	if (!line)
		return;
	knock->pass = (struct vexfs_pass){
		.ino = vexfs_node_ino(inode),
		.generation = vexfs_node_generation(inode),
		.access = access & O_ACCMODE,
	};
	if (was_shown(d, knock->pass.ino, line))
		knock->pass.access = O_RDWR;
	knock->pass.seal = seal_of(d, line, &knock->pass);
}

/* Of who has the image: no kernel keeps a directory for him, and it may be gone. */
static struct file *open_again(const struct line *l, const struct vexfs_pass *pass)
{
	struct inode *inode = vexfs_node_get(l->door->image, pass->ino);
	struct file *file;

	if (IS_ERR(inode))
		return (struct file *)inode;
	vexfs_node_looked_up(inode);
	file = vexfs_node_open(l->door->image, pass->ino, pass->generation, pass->access);
	vexfs_node_forget(l->door->image, pass->ino, 1);
	return file;
}

/*
 * The file of a pass, vexfs_file_close().  ERR_PTR: -EKEYREJECTED it is none, or the file is
 * closed.
 */
static struct file *enter(const struct line *l, const struct vexfs_pass *pass)
{
	struct file *file;

	if (pass->seal != seal_of(l->door, l->number, pass))
		return ERR_PTR(-EKEYREJECTED);
	if (l->door->by_path)
		return open_again(l, pass);
	file = vexfs_node_open(l->door->image, pass->ino, pass->generation, pass->access);
	return file == ERR_PTR(-ESTALE) ? ERR_PTR(-EKEYREJECTED) : file;
}

static struct file *file_of(int n)
{
	struct vexfs_pass pass;
	struct line *l = mine;
	u64 at;

	if (!l || n == VEXFS_DOOR_ELSEWHERE)
		return l ? ERR_PTR(-EXDEV) : NULL;
	if (n < 0 || (u32)n >= l->ask.files)
		return NULL;
	if (l->file[n])
		return l->file[n];
	at = l->ask.passes + (u64)n * sizeof(pass);
	if (vexfs_call_copy(&l->call, &pass, (void *)(uintptr_t)at, sizeof(pass), true))
		return ERR_PTR(-EFAULT);
	l->file[n] = enter(l, &pass);
	if (!IS_ERR(l->file[n]))
		return l->file[n];
	l->file[n] = NULL;		/* it was closed meanwhile */
	return NULL;
}

bool door_file(int n, struct file **file)
{
	if (mine)
		*file = file_of(n);
	return mine;
}

/* --- what a call asks of its caller --- */

static bool in_group(void *arg, __u32 gid)
{
	const struct line *l = arg;
	size_t i;

	for (i = 0; i < l->groups; i++)
		if (l->group[i] == gid)
			return true;
	return false;
}

/* Arrays are written from their beginning to their end, some of them in turn. */
static bool writes(struct vexfs_call *call, size_t at, size_t n)
{
	struct line *l = container_of(call, struct line, call);
	struct vexfs_written *w;
	u32 i;

	for (i = 1; i <= RECENT && i <= l->writtens; i++) {
		w = &l->written[l->writtens - i];
		if (at >= w->at && at + n <= w->at + w->bytes)
			return true;
		if (at == w->at + w->bytes) {
			w->bytes += n;
			return true;
		}
	}
	if (l->writtens == VEXFS_DOOR_WRITTEN)
		return false;
	l->written[l->writtens++] = (struct vexfs_written){ at, n };
	return true;
}

static bool gone(struct vexfs_call *call)
{
	struct pollfd p = {
		.fd = container_of(call, struct line, call)->fd,
		.events = POLLIN | POLLRDHUP,
	};

	return poll(&p, 1, 0) > 0;
}

/* --- memory --- */

/* Counted as the user's.  -EUSERS. */
static int charge(struct line *l, u64 more, u64 less)
{
	struct door *d = l->door;
	int err = 0;

	pthread_mutex_lock(&d->lock);
	if (l->user->bytes + more - less > VEXFS_DOOR_USER_MEMORY)
		err = -EUSERS;
	else
		l->user->bytes += more - less;
	pthread_mutex_unlock(&d->lock);
	return err;
}

/*
 * What the daemon has written to it is gone also for who keeps its descriptor, else that would be
 * memory of ours that nobody is charged with.  But who has his answer may still read it when the
 * door is closed.
 */
static void drop_memory(struct line *l)
{
	if (!l->call.memory)
		return;
	if (!__atomic_load_n(&l->door->closing, __ATOMIC_ACQUIRE))
		madvise(l->call.memory, l->bytes, MADV_REMOVE);
	munmap(l->call.memory, l->bytes);
	l->call.memory = NULL;
}

/*
 * Other memory instead of what the line has: its descriptor.  Sealed, so that nobody makes it
 * smaller, and looking at it is no SIGBUS.
 */
static int new_memory(struct line *l, u32 bytes)
{
	int fd, err;
	void *p;

	if (bytes < VEXFS_DOOR_MEMORY || bytes > VEXFS_DOOR_MAX_MEMORY)
		return -EINVAL;
	err = charge(l, bytes, l->bytes);
	if (err)
		return err;
	drop_memory(l);
	l->bytes = 0;
	fd = memfd_create("vexfs-fuse", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto failed;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto failed;
	l->call.memory = p;
	l->bytes = bytes;
	return fd;
failed:
	charge(l, 0, bytes);
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}

/* --- messages --- */

/*
 * memory: its descriptor goes with it, and is closed; -1: none does.  False: the line is at its
 * end.
 */
static bool say(const struct line *l, struct iovec *parts, size_t n, int memory)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = n };
	struct cmsghdr *c = &control.align;
	ssize_t sent;

	if (memory >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &memory, sizeof(int));
	}
	sent = sendmsg(l->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (memory >= 0)
		close(memory);
	return sent >= 0;
}

static bool answer(struct line *l, int ret, int memory)
{
	struct vexfs_reply reply = { .ret = ret, .written = l->writtens };
	struct iovec parts[] = {
		{ &reply, sizeof(reply) },
		{ l->written, l->writtens * sizeof(l->written[0]) },
	};

	return say(l, parts, ARRAY_SIZE(parts), memory);
}

/* --- calls --- */

/* What stat(2) shows of dir has changed, and the kernel believes what it was told. */
static void forget_attributes(const struct door *d, u64 ino, u32 cmd)
{
	u32 nr = _IOC_NR(cmd);

	if (!d->changed)
		return;
	if (nr == _IOC_NR(VEXFS_IOC_CREATE) || nr == _IOC_NR(VEXFS_IOC_DROP) ||
	    nr == _IOC_NR(VEXFS_IOC_USE))
		d->changed(d->arg, ino);
}

/* The path is copied first: who is there may change it meanwhile. */
static int open_path(struct line *l)
{
	size_t room = min_t(size_t, min_t(size_t, l->ask.bytes, l->bytes), VEXFS_DOOR_MEMORY);
	char path[PATH_MAX], *at = l->call.memory + VEXFS_DOOR_FIRST;
	struct vexfs_pass pass = { .access = O_RDWR };
	struct inode *inode;
	struct file *dir;
	struct stat st;
	size_t n;

	if (room <= VEXFS_DOOR_FIRST)
		return -EINVAL;
	room = min_t(size_t, room - VEXFS_DOOR_FIRST, sizeof(path));
	memcpy(path, at, room);
	n = strnlen(path, room);
	if (n == room)
		return -ENAMETOOLONG;
	dir = vexfs_file_open(l->door->image, path, O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	vexfs_file_stat(dir, &st);
	inode = vexfs_node_get(l->door->image, st.st_ino);
	vexfs_file_close(dir);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	pass.ino = st.st_ino;
	pass.generation = vexfs_node_generation(inode);
	pass.seal = seal_of(l->door, l->number, &pass);
	vexfs_node_put(inode);
	memcpy(at, &pass, sizeof(pass));
	return 0;
}

static int sync_dir(const struct line *l)
{
	struct file *dir = enter(l, &l->ask.dir);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = vexfs_file_sync(dir);
	vexfs_file_close(dir);
	return err;
}

static long call(struct line *l)
{
	const struct vexfs_ask *ask = &l->ask;
	struct file *dir;
	long ret;
	u32 i;

	if (l->door->by_path && ask->cmd == VEXFS_DOOR_OPEN)
		return open_path(l);
	if (l->door->by_path && ask->cmd == VEXFS_DOOR_SYNC)
		return sync_dir(l);
	/* of others, as FS_IOC_SHUTDOWN, FUSE says itself that they are not there */
	if (_IOC_TYPE(ask->cmd) != VEXFS_IOC_MAGIC)
		return -ENOTTY;
	if (ask->files > VEXFS_DOOR_FILES)
		return -E2BIG;
	dir = enter(l, &ask->dir);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	l->file = ask->files ? calloc(ask->files, sizeof(*l->file)) : NULL;
	if (ask->files && !l->file) {
		vexfs_file_close(dir);
		return -ENOMEM;
	}
	l->call.bytes = min_t(size_t, ask->bytes, l->bytes);
	vexfs_call_begin(&l->call);
	if (ask->cmd == VEXFS_IOC_NATIVE)
		ret = vexfs_native_ioctl((void *)(uintptr_t)VEXFS_DOOR_FIRST, l->door->noprograms);
	else
		ret = vexfs_file_ioctl(dir, ask->cmd, (void *)(uintptr_t)VEXFS_DOOR_FIRST);
	vexfs_call_end();
	for (i = 0; i < ask->files; i++)
		if (l->file[i])
			vexfs_file_close(l->file[i]);
	free(l->file);
	l->file = NULL;
	vexfs_file_close(dir);
	if (!ret)
		forget_attributes(l->door, ask->dir.ino, ask->cmd);
	return ret;
}

static bool serve(struct line *l)
{
	int memory;

	l->writtens = 0;
	if (l->ask.cmd)
		return answer(l, call(l), -1);
	memory = new_memory(l, l->ask.bytes);
	return answer(l, min(memory, 0), memory);
}

/* --- lines --- */

/* The groups of who is there, when he called.  -ENOMEM. */
static int know_groups(struct line *l)
{
	socklen_t n = 0;

	/* says how much there is */
	if (!getsockopt(l->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &n))
		return 0;
	l->group = errno == ERANGE ? malloc(n) : NULL;
	if (!l->group ||
	    getsockopt(l->fd, SOL_SOCKET, SO_PEERGROUPS, l->group, &n))
		return -ENOMEM;
	l->groups = n / sizeof(*l->group);
	return 0;
}

static bool welcome(struct line *l, int error)
{
	int memory = error ? error : new_memory(l, VEXFS_DOOR_MEMORY);
	struct vexfs_welcome w = {
		.version = VEXFS_DOOR_VERSION,
		.error = min(memory, 0),
		.line = l->number,
		.bytes = l->bytes,
	};
	struct iovec part = { &w, sizeof(w) };

	return say(l, &part, 1, memory) && !w.error;
}

/*
 * A user has no more than some of what the others have left: so there is always a line for one more
 * user, however many conspire, up to a dozen or so.  With door.lock.
 */
static bool may_have_one(const struct door *d, const struct user *u)
{
	return u->lines < min(VEXFS_DOOR_USER_LINES, (VEXFS_DOOR_LINES - d->lines) / 4);
}

/* With door.lock.  NULL: no memory, or too many. */
static struct user *user_of(struct door *d, uid_t uid)
{
	struct user *u;

	for (u = d->users; u && u->uid != uid; u = u->next)
		;
	if (u)
		return may_have_one(d, u) ? u : NULL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->uid = uid;
	u->next = d->users;
	return d->users = u;
}

/* With door.lock. */
static void leave(struct user **at, struct user *u)
{
	if (--u->lines)
		return;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	free(u);
}

/* Into the list.  -EUSERS. */
static int enlist(struct line *l)
{
	struct door *d = l->door;
	int err = -EUSERS;

	pthread_mutex_lock(&d->lock);
	if (!d->closing && d->lines < VEXFS_DOOR_LINES)
		l->user = user_of(d, l->call.who.uid);
	if (l->user) {
		err = 0;
		l->user->lines++;
		l->number = ++d->number;
		d->lines++;
		l->next = d->line;
		l->at = &d->line;
		if (l->next)
			l->next->at = &l->next;
		d->line = l;
	}
	pthread_mutex_unlock(&d->lock);
	return err;
}

static void hang_up(struct line *l)
{
	struct door *d = l->door;

	drop_memory(l);
	pthread_mutex_lock(&d->lock);
	close(l->fd);
	if (l->user) {
		*l->at = l->next;
		if (l->next)
			l->next->at = l->at;
		l->user->bytes -= l->bytes;
		leave(&d->users, l->user);
		if (!--d->lines)
			pthread_cond_broadcast(&d->quiet);
	}
	pthread_mutex_unlock(&d->lock);
	free(l->group);
	free(l);
}

static void *attend(void *arg)
{
	struct line *l = arg;

	mine = l;
	if (welcome(l, know_groups(l)))
		while (recv(l->fd, &l->ask, sizeof(l->ask), MSG_TRUNC) == sizeof(l->ask) &&
		       serve(l))
			;
	hang_up(l);
	return NULL;
}

/* Who could open the image may do everything in it.  -EACCES: that is not known of him. */
static int trust(struct line *l)
{
	if (l->call.who.uid && l->call.who.uid != geteuid())
		return -EACCES;
	l->call.who.uid = l->call.who.gid = 0;
	return 0;
}

/* Somebody has connected. */
static void admit(struct door *d, int fd)
{
	struct line *l = calloc(1, sizeof(*l));
	struct ucred who;
	socklen_t n = sizeof(who);
	pthread_t thread;
	int err;

	if (!l || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n)) {
		close(fd);
		free(l);
		return;
	}
	l->door = d;
	l->fd = fd;
	l->call.who = (struct mnt_idmap){
		.uid = who.uid, .gid = who.gid, .in_group = in_group, .arg = l,
	};
	l->call.writes = writes;
	l->call.gone = gone;
	err = d->by_path ? trust(l) : 0;
	err = err ?: enlist(l);
	if (!err && pthread_create(&thread, NULL, attend, l))
		err = -EUSERS;
	if (!err) {
		pthread_detach(thread);
		return;
	}
	welcome(l, err);
	hang_up(l);
}

static void *listen_for(void *arg)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	struct door *d = arg;
	int fd;

	while (!__atomic_load_n(&d->closing, __ATOMIC_ACQUIRE)) {
		fd = accept4(d->listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			admit(d, fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			nanosleep(&nap, NULL);	/* no descriptors, no memory */
	}
	return NULL;
}

void door_any_name(struct door *d)
{
	__u64 chance[2];

	get_random_bytes(chance, sizeof(chance));
	snprintf(d->name, sizeof(d->name), "vexfs-fuse-%016llx%016llx", chance[0], chance[1]);
}

/* A thread that no signal of the program is for.  A negative errno. */
static int begin(struct door *d)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = -pthread_create(&d->thread, NULL, listen_for, d);	/* as are those that it begins */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

int door_open(struct door *d)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t n = strlen(d->name);
	int err;

	d->closing = false;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->quiet, NULL);
	get_random_bytes(d->key, sizeof(d->key));
	memcpy(at.sun_path + 1, d->name, n);
	d->listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (d->listening < 0)
		return -errno;
	n += offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(d->listening, (struct sockaddr *)&at, n) ||
	    listen(d->listening, 128))
		err = -errno;
	else
		err = begin(d);
	if (err)
		close(d->listening);
	return err;
}

void door_close(struct door *d)
{
	struct line *l;

	pthread_mutex_lock(&d->lock);
	__atomic_store_n(&d->closing, true, __ATOMIC_RELEASE);
	shutdown(d->listening, SHUT_RDWR);
	for (l = d->line; l; l = l->next)
		shutdown(l->fd, SHUT_RDWR);
	while (d->lines)
		pthread_cond_wait(&d->quiet, &d->lock);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	close(d->listening);
}

void door_forked(struct door *d)
{
	struct line *l;

	close(d->listening);
	for (l = d->line; l; l = l->next)	/* if the list is whole: a thread may have been at it */
		close(l->fd);
}
