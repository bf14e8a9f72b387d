// SPDX-License-Identifier: GPL-2.0
/*
 * The user-space host of the filesystem core: block cache, transactions without a log, locks,
 * faults.
 *
 * Lock: vexfs_dev.lock, innermost, for the cache's hash, the reference counts and the state of
 * blocks; what is in them is the business of who has them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#include <platform/printable.h>
#include "block.h"
#include "mounted.h"
#include "call.h"
#include "log.h"

#define HASH_MIN 1024u

void vexfs_die(const char *what)
{
	fprintf(stderr, "vexfs core: %s\n", what);
	abort();
}

/* --- faults --- */

static unsigned int fault_left[VEXFS_FAULTS];
static bool fault_stays, fault_seen;

/* Other threads may be at work: the worker of a mount is. */
static void forget_faults(void)
{
	int i;

	for (i = 0; i < VEXFS_FAULTS; i++)
		__atomic_store_n(&fault_left[i], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&fault_stays, false, __ATOMIC_RELAXED);
	__atomic_store_n(&fault_seen, false, __ATOMIC_RELAXED);
}

void vexfs_fault_set(enum vexfs_fault what, unsigned int n)
{
	forget_faults();
	__atomic_store_n(&fault_left[what], n, __ATOMIC_RELAXED);
}

void vexfs_fault_from(enum vexfs_fault what, unsigned int n)
{
	forget_faults();
	__atomic_store_n(&fault_stays, true, __ATOMIC_RELAXED);
	__atomic_store_n(&fault_left[what], n, __ATOMIC_RELAXED);
}

bool vexfs_fault_met(void)
{
	bool seen = __atomic_load_n(&fault_seen, __ATOMIC_RELAXED);

	forget_faults();
	return seen;
}

bool vexfs_fault(enum vexfs_fault what)
{
	unsigned int left = __atomic_load_n(&fault_left[what], __ATOMIC_RELAXED);

	do
		if (!left)
			return false;
	while ((left > 1 || !__atomic_load_n(&fault_stays, __ATOMIC_RELAXED)) &&
	       !__atomic_compare_exchange_n(&fault_left[what], &left, left - 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	if (left > 1)
		return false;
	__atomic_store_n(&fault_seen, true, __ATOMIC_RELAXED);
	return true;
}

/* --- memory, time, damage --- */

void *vx_alloc(size_t bytes)
{
	return vexfs_fault(VEXFS_FAULT_ALLOC) ? NULL : calloc(1, bytes ? bytes : 1);
}

void vx_free(const void *p)
{
	free((void *)p);
}

__u64 vx_now(void)
{
	return time(NULL);
}

static bool killed;

void vexfs_kill(bool yes)
{
	__atomic_store_n(&killed, yes, __ATOMIC_RELAXED);
}

bool vx_killed(void)
{
	return __atomic_load_n(&killed, __ATOMIC_RELAXED) || vexfs_call_gone();
}

void vexfs_damage(struct vexfs_fs *fs, const char *fmt, ...)
{
	struct vexfs_dev *dev = fs->host;
	char line[sizeof(dev->damage)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&dev->lock);
	memcpy(dev->damage, line, sizeof(line));
	dev->damages++;
	pthread_mutex_unlock(&dev->lock);
	if (dev->found)
		dev->found(dev, line);
	else if (!dev->quiet)
		fprintf(stderr, "vexfs: %s\n", printable(line));
}

const void *memchr_inv(const void *p, int c, size_t bytes)
{
	const __u8 *b = p;

	for (; bytes; b++, bytes--)
		if (*b != (__u8)c)
			return b;
	return NULL;
}

/* --- locks --- */

static void check(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "vexfs core: %s: %s\n", what, strerror(err));
		abort();
	}
}

void vx_mutex_init(vx_mutex *m)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	check(pthread_mutex_init(&m->m, &a), "mutex_init");
	pthread_mutexattr_destroy(&a);
}

void vx_lock(vx_mutex *m)
{
	check(pthread_mutex_lock(&m->m), "mutex_lock");
}

void vx_unlock(vx_mutex *m)
{
	check(pthread_mutex_unlock(&m->m), "mutex_unlock");
}

void vx_rwsem_init(vx_rwsem *s)
{
	check(pthread_rwlock_init(&s->s, NULL), "init_rwsem");
}

void vx_down_read(vx_rwsem *s)
{
	check(pthread_rwlock_rdlock(&s->s), "down_read");
}

void vx_up_read(vx_rwsem *s)
{
	check(pthread_rwlock_unlock(&s->s), "up_read");
}

void vx_down_write(vx_rwsem *s)
{
	check(pthread_rwlock_wrlock(&s->s), "down_write");
}

void vx_up_write(vx_rwsem *s)
{
	check(pthread_rwlock_unlock(&s->s), "up_write");
}

/* --- device --- */

int vexfs_dev_init(struct vexfs_dev *dev, int fd, __u64 blocks)
{
	memset(dev, 0, sizeof(*dev));
	dev->fd = fd;
	dev->blocks = blocks;
	dev->hash_size = HASH_MIN;
	dev->hash = calloc(dev->hash_size, sizeof(*dev->hash));
	pthread_mutex_init(&dev->lock, NULL);
	return dev->hash ? 0 : -ENOMEM;
}

int vexfs_dev_open(struct vexfs_dev *dev, const char *path, int flags)
{
	struct stat st;
	__u64 bytes;
	int err, fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		err = -errno;
		goto close;
	}
	err = -ENOTBLK;
	if (S_ISREG(st.st_mode))
		bytes = st.st_size;
	else if (!S_ISBLK(st.st_mode))
		goto close;
	else if (ioctl(fd, BLKGETSIZE64, &bytes)) {
		err = -errno;
		goto close;
	}
	err = vexfs_dev_init(dev, fd, bytes >> VEXFS_BLOCK_SHIFT);
	if (!err)
		return 0;
close:
	close(fd);
	return err;
}

/* So long is waited for who may be about to let go, as vexfs-fuse is when fusermount3(1) is done. */
#define LOCK_MS		2000
#define LOCK_TRIES	100

int vexfs_dev_trylock(struct vexfs_dev *dev, bool shared)
{
	struct stat st;

	if (fstat(dev->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !flock(dev->fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

int vexfs_dev_lock(struct vexfs_dev *dev, bool shared)
{
	const struct timespec nap = { .tv_nsec = LOCK_MS * 1000000 / LOCK_TRIES };
	int tries, err;

	for (tries = 0; (err = vexfs_dev_trylock(dev, shared)) == -EBUSY; tries++) {
		if (tries == LOCK_TRIES || vx_killed())
			break;
		nanosleep(&nap, NULL);
	}
	return err;
}

bool vexfs_dev_held(const struct vexfs_dev *dev)
{
	char path[32];
	struct stat st;
	int fd;

	if (fstat(dev->fd, &st) || !S_ISBLK(st.st_mode))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dev->fd);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

static void block_free(struct vx_block *b)
{
	free(b->committed);
	free(b->frozen);
	free(b);
}

void vexfs_dev_drop(struct vexfs_dev *dev)
{
	unsigned int i;

	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < dev->hash_size; i++) {
		struct vx_block **at = &dev->hash[i], *b;

		while ((b = *at)) {
			if (b->refs) {
				at = &b->next;
				continue;
			}
			*at = b->next;
			dev->cached--;
			block_free(b);
		}
	}
	pthread_mutex_unlock(&dev->lock);
}

void vexfs_dev_close(struct vexfs_dev *dev)
{
	if (!dev->hash)
		return;
	vexfs_dev_drop(dev);
	if (dev->cached)
		vexfs_die("a block is still in use");
	free(dev->hash);
	dev->hash = NULL;
	pthread_mutex_destroy(&dev->lock);
	flock(dev->fd, LOCK_UN);	/* a child of fork() has the file, too */
	close(dev->fd);
	dev->fd = -1;
}

/* Of a write.  A sparse image whose disk is full is as bad as a disk that fails. */
static int write_error(struct vexfs_dev *dev)
{
	if (errno != ENOSPC && errno != EDQUOT)
		return -errno;
	__atomic_store_n(&dev->full, true, __ATOMIC_RELAXED);
	return -EIO;
}

int vexfs_dev_allocate(struct vexfs_dev *dev, __u64 block, __u32 n)
{
	int err;

	if (!__atomic_load_n(&dev->sparse, __ATOMIC_RELAXED))
		return 0;
	do
		err = fallocate(dev->fd, FALLOC_FL_KEEP_SIZE, (off_t)block << VEXFS_BLOCK_SHIFT,
				(off_t)n << VEXFS_BLOCK_SHIFT) ? errno : 0;
	while (err == EINTR);
	if (err == ENOSPC || err == EDQUOT)
		return -ENOSPC;
	if (err == EOPNOTSUPP || err == ENOSYS)
		__atomic_store_n(&dev->sparse, false, __ATOMIC_RELAXED);
	return 0;
}

__u32 vx_room(struct vexfs_fs *fs, __u64 block, __u32 n)
{
	while (n && vexfs_dev_allocate(fs->host, block, n))
		n /= 2;
	return n;
}

static struct vx_block *block_find(struct vexfs_dev *dev, __u64 block)
{
	struct vx_block *b;

	for (b = dev->hash[block % dev->hash_size]; b; b = b->next)
		if (b->block == block)
			break;
	return b;
}

static int read_once(struct vexfs_dev *dev, __u64 block, void *data)
{
	ssize_t n;

	if (block >= dev->blocks)
		return -EUCLEAN;
	if (vexfs_fault(VEXFS_FAULT_READ) || (dev->unreadable && dev->unreadable(dev, block)))
		return -EIO;
	n = pread(dev->fd, data, VEXFS_BLOCK_SIZE, block << VEXFS_BLOCK_SHIFT);
	return n < 0 ? -errno : n != VEXFS_BLOCK_SIZE ? -EIO : 0;
}

/* One that cannot be read: zeros, until there are too many of them. */
static int note_unread(struct vexfs_unread *u, __u64 block, void *data)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	__u32 i, n;

	pthread_mutex_lock(&lock);
	for (i = 0; i < min(u->n, VEXFS_MAX_UNREAD) && u->block[i] != block; i++)
		;
	if (i == u->n && i < VEXFS_MAX_UNREAD)
		u->block[u->n++] = block;
	else if (i == VEXFS_MAX_UNREAD)
		u->n = i + 1;
	n = u->n;
	pthread_mutex_unlock(&lock);
	if (n > VEXFS_MAX_UNREAD)
		return -EIO;
	memset(data, 0, VEXFS_BLOCK_SIZE);
	return 0;
}

/* Who takes what cannot be read for lost tries more than once. */
static int read_tries(struct vexfs_dev *dev, __u64 block, void *data)
{
	int err = read_once(dev, block, data), tries;

	for (tries = 2; err == -EIO && dev->unread && tries; tries--)
		err = read_once(dev, block, data);
	return err;
}

/* From the device. */
static int block_read(struct vexfs_dev *dev, __u64 block, void *data)
{
	int err = read_tries(dev, block, data);

	return err == -EIO && dev->unread ? note_unread(dev->unread, block, data) : err;
}

bool vexfs_dev_unread_still(struct vexfs_dev *dev)
{
	__u8 data[VEXFS_BLOCK_SIZE];
	__u32 i;

	for (i = 0; i < min(dev->unread->n, VEXFS_MAX_UNREAD); i++)
		if (read_tries(dev, dev->unread->block[i], data) != -EIO)
			return false;
	return true;
}

int vexfs_dev_read(struct vexfs_dev *dev, __u64 block, void *data)
{
	struct vx_block *b = NULL;

	if (dev->shadow) {
		pthread_mutex_lock(&dev->lock);
		b = block_find(dev, block);
		if (b && b->dirty)
			memcpy(data, b->data, VEXFS_BLOCK_SIZE);
		else
			b = NULL;
		pthread_mutex_unlock(&dev->lock);
	}
	return b ? 0 : block_read(dev, block, data);
}

/* All of it: the system may do less at a time. */
static int transfer(struct vexfs_dev *dev, __u64 at, char *p, size_t left, bool out)
{
	ssize_t n;

	for (at <<= VEXFS_BLOCK_SHIFT; left; at += n, p += n, left -= n) {
		n = out ? pwrite(dev->fd, p, left, at) : pread(dev->fd, p, left, at);
		if (n <= 0)
			return !n ? -EIO : out ? write_error(dev) : -errno;
	}
	return 0;
}

/* Is each block asked about, or told of? */
static bool one_by_one(const struct vexfs_dev *dev, enum vexfs_fault what)
{
	return dev->record || dev->unreadable || dev->shadow ||
	       __atomic_load_n(&fault_left[what], __ATOMIC_RELAXED);
}

int vexfs_dev_read_run(struct vexfs_dev *dev, __u64 block, __u32 n, void *data)
{
	int err = 0;

	if (block + n > dev->blocks)
		return -EUCLEAN;
	if (!one_by_one(dev, VEXFS_FAULT_READ)) {
		err = transfer(dev, block, data, (size_t)n << VEXFS_BLOCK_SHIFT, false);
		if (err != -EIO || !dev->unread)
			return err;
		err = 0;
	}
	for (; n-- && !err; block++, data = (char *)data + VEXFS_BLOCK_SIZE)
		err = vexfs_dev_read(dev, block, data);
	return err;
}

int vexfs_dev_write_run(struct vexfs_dev *dev, __u64 block, __u32 n, const void *data)
{
	int err = 0;

	if (block + n > dev->blocks)
		return -EUCLEAN;
	if (!one_by_one(dev, VEXFS_FAULT_WRITE))
		return transfer(dev, block, (char *)data, (size_t)n << VEXFS_BLOCK_SHIFT, true);
	for (; n-- && !err; block++, data = (const char *)data + VEXFS_BLOCK_SIZE)
		err = vexfs_dev_write(dev, block, data);
	return err;
}

int vexfs_dev_write(struct vexfs_dev *dev, __u64 block, const void *data)
{
	ssize_t n;

	if (block >= dev->blocks)
		return -EUCLEAN;
	if (vexfs_fault(VEXFS_FAULT_WRITE))
		return -EIO;
	n = pwrite(dev->fd, data, VEXFS_BLOCK_SIZE, block << VEXFS_BLOCK_SHIFT);
	if (n != VEXFS_BLOCK_SIZE)
		return n < 0 ? write_error(dev) : -EIO;
	if (dev->record)
		dev->record(dev, block, data);
	return 0;
}

/* Has somebody made the file shorter?  What was behind its end is lost, whatever is written now. */
static bool is_cut(const struct vexfs_dev *dev)
{
	struct stat st;

	return !fstat(dev->fd, &st) && S_ISREG(st.st_mode) &&
	       (__u64)st.st_size >> VEXFS_BLOCK_SHIFT < dev->blocks;
}

int vexfs_dev_sync(struct vexfs_dev *dev)
{
	if (is_cut(dev))
		return -EIO;
	if (vexfs_fault(VEXFS_FAULT_FLUSH))
		return -EIO;
	if (dev->record)		/* what other threads write from now on may miss it */
		dev->record(dev, 0, NULL);
	return fdatasync(dev->fd) ? -errno : 0;
}

void vexfs_dev_commit(struct vexfs_dev *dev)
{
	struct vx_block *b;
	unsigned int i;

	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < dev->hash_size; i++)
		for (b = dev->hash[i]; b; b = b->next) {
			free(b->committed);
			b->committed = NULL;
		}
	pthread_mutex_unlock(&dev->lock);
}

int vexfs_dev_flush(struct vexfs_dev *dev)
{
	struct vx_block *b;
	unsigned int i;
	int err, first = 0;

	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < dev->hash_size; i++)
		for (b = dev->hash[i]; b; b = b->next) {
			if (!b->dirty)
				continue;
			err = vexfs_dev_write(dev, b->block, b->data);
			if (!err)
				b->dirty = false;
			else if (!first)
				first = err;
		}
	pthread_mutex_unlock(&dev->lock);
	if (first)
		return first;
	err = vexfs_dev_sync(dev);
	if (!err)
		vexfs_dev_commit(dev);
	return err;
}

static int ascending(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int vexfs_dev_changed(struct vexfs_dev *dev, __u64 **blocks, size_t *n)
{
	const struct vx_block *b;
	unsigned int i;

	*n = 0;
	pthread_mutex_lock(&dev->lock);
	*blocks = malloc((dev->cached + 1) * sizeof(**blocks));
	for (i = 0; *blocks && i < dev->hash_size; i++)
		for (b = dev->hash[i]; b; b = b->next)
			if (b->dirty)
				(*blocks)[(*n)++] = b->block;
	pthread_mutex_unlock(&dev->lock);
	if (!*blocks)
		return -ENOMEM;
	qsort(*blocks, *n, sizeof(**blocks), ascending);
	return 0;
}

/* --- blocks --- */

static void hash_grow(struct vexfs_dev *dev)
{
	unsigned int size = dev->hash_size * 4, i;
	struct vx_block **hash = calloc(size, sizeof(*hash)), *b;

	if (!hash)
		return;			/* longer chains are fine */
	for (i = 0; i < dev->hash_size; i++)
		while ((b = dev->hash[i])) {
			dev->hash[i] = b->next;
			b->next = hash[b->block % size];
			hash[b->block % size] = b;
		}
	free(dev->hash);
	dev->hash = hash;
	dev->hash_size = size;
}

/* Under dev->lock. */
static vx_buf *block_get(struct vexfs_dev *dev, __u64 block)
{
	struct vx_block **head, *b;

	if (block >= dev->blocks)
		return ERR_PTR(-EUCLEAN);
	b = block_find(dev, block);
	if (!b) {
		if (dev->cached >= dev->hash_size)
			hash_grow(dev);
		b = vx_alloc(sizeof(*b));
		if (!b)
			return ERR_PTR(-ENOMEM);
		b->dev = dev;
		b->block = block;
		head = &dev->hash[block % dev->hash_size];
		b->next = *head;
		*head = b;
		dev->cached++;
	}
	b->refs++;
	return b;
}

vx_buf *vx_getblk(struct vexfs_fs *fs, __u64 block)
{
	struct vexfs_dev *dev = fs->host;
	vx_buf *b;

	pthread_mutex_lock(&dev->lock);
	b = block_get(dev, block);
	pthread_mutex_unlock(&dev->lock);
	return b;
}

/* It is being read or changed; others ask at the same time. */
static void unverified(vx_buf *b)
{
	__atomic_store_n(&b->verified, false, __ATOMIC_RELAXED);
}

vx_buf *vx_bread(struct vexfs_fs *fs, __u64 block)
{
	struct vexfs_dev *dev = fs->host;
	vx_buf *b;
	int err = 0;

	pthread_mutex_lock(&dev->lock);
	b = block_get(dev, block);
	if (!IS_ERR(b) && !b->uptodate) {
		err = block_read(dev, block, b->data);
		b->uptodate = !err;
		unverified(b);
		if (!err && dev->strict)
			b->sum = crc32c(0, b->data, VEXFS_BLOCK_SIZE);
	} else if (!IS_ERR(b) && dev->strict && !b->open &&
		   b->sum != crc32c(0, b->data, VEXFS_BLOCK_SIZE)) {
		vexfs_die("a block was changed outside a transaction");
	}
	if (err) {
		b->refs--;
		b = ERR_PTR(err);
	}
	pthread_mutex_unlock(&dev->lock);
	return b;
}

void vx_brelse(vx_buf *b)
{
	struct vexfs_dev *dev;

	if (!b)
		return;
	dev = b->dev;
	pthread_mutex_lock(&dev->lock);
	if (!b->refs)
		vexfs_die("a block was released twice");
	b->refs--;
	pthread_mutex_unlock(&dev->lock);
}

void *vx_data(vx_buf *b)
{
	return b->data;
}

bool vx_verified(const vx_buf *b)
{
	return __atomic_load_n(&b->verified, __ATOMIC_RELAXED);
}

void vx_set_verified(vx_buf *b)
{
	__atomic_store_n(&b->verified, true, __ATOMIC_RELAXED);
}

/* --- transactions --- */

void vexfs_txn_start(vx_txn *t, struct vexfs_dev *dev, int credits)
{
	static __u32 last;

	*t = (vx_txn){
		.dev = dev,
		.id = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED),
		.credits = credits,
	};
}

/*
 * What a transaction of a log did with a block: there may be others that have access to it.  One
 * that no log has begun is alone, and the block itself knows.  NULL: nothing.
 */
static struct vx_touched *touched(vx_txn *t, vx_buf *b)
{
	unsigned int i;

	for (i = t->touches; i--;)
		if (t->touched[i].block == b)
			return t->touched + i;
	return NULL;
}

static int give_access(vx_txn *t, vx_buf *b)
{
	struct vx_touched *at;

	if (!t->logged) {
		b->open = true;
		return 0;
	}
	at = touched(t, b);
	if (!at) {
		if (t->touches == t->room) {
			at = realloc(t->touched, (t->room * 2 + 16) * sizeof(*at));
			if (!at)
				return -ENOMEM;
			t->touched = at;
			t->room = t->room * 2 + 16;
		}
		at = t->touched + t->touches++;
		*at = (struct vx_touched){ .block = b };
	}
	if (!at->open) {
		at->open = true;
		pthread_mutex_lock(&b->dev->lock);
		b->open++;
		pthread_mutex_unlock(&b->dev->lock);
	}
	return 0;
}

void vexfs_txn_end(vx_txn *t)
{
	unsigned int i;

	pthread_mutex_lock(&t->dev->lock);
	for (i = 0; i < t->touches; i++)
		t->touched[i].block->open -= t->touched[i].open;
	pthread_mutex_unlock(&t->dev->lock);
	free(t->touched);
	t->touched = NULL;
	t->touches = t->room = 0;
}

int vx_txn_write(vx_txn *t, vx_buf *b)
{
	/* as jbd2: what a transaction has access to it gets again */
	if (!touched(t, b) && vexfs_fault(VEXFS_FAULT_TXN))
		return -EIO;
	if (t->dev != b->dev)
		vexfs_die("a block of another device");
	if (!b->uptodate)
		vexfs_die("access to a block that was not read");
	return give_access(t, b);
}

int vx_txn_write_undo(vx_txn *t, vx_buf *b)
{
	int err = vx_txn_write(t, b);

	if (err || b->committed || (!b->dev->strict && !b->dev->log))
		return err;
	b->committed = malloc(VEXFS_BLOCK_SIZE);
	if (!b->committed)
		return -ENOMEM;
	memcpy(b->committed, b->data, VEXFS_BLOCK_SIZE);
	return 0;
}

int vx_txn_create(vx_txn *t, vx_buf *b)
{
	int err;

	if (!touched(t, b) && vexfs_fault(VEXFS_FAULT_TXN))
		return -EIO;
	if (t->dev != b->dev)
		vexfs_die("a block of another device");
	err = give_access(t, b);
	if (err)
		return err;
	pthread_mutex_lock(&b->dev->lock);
	memset(b->data, 0, VEXFS_BLOCK_SIZE);
	b->uptodate = true;
	unverified(b);
	pthread_mutex_unlock(&b->dev->lock);
	return 0;
}

/* Take the access away again.  Is this the first change in this transaction? */
static bool take_access(vx_txn *t, vx_buf *b)
{
	struct vx_touched *at;
	bool first;

	if (!t->logged) {
		if (!b->open && b->txn != t->id)
			vexfs_die("a block was dirtied without access");
		first = b->txn != t->id;
		b->txn = t->id;
		b->open = false;
		return first;
	}
	at = touched(t, b);
	if (!at || (!at->open && !at->dirty))
		vexfs_die("a block was dirtied without access");
	first = !at->dirty;
	b->open -= at->open;
	at->open = false;
	at->dirty = true;
	return first;
}

int vx_txn_dirty(vx_txn *t, struct vexfs_fs *fs, vx_buf *b)
{
	(void)fs;
	pthread_mutex_lock(&b->dev->lock);
	if (take_access(t, b) && t->credits != INT_MAX && !t->credits--)
		vexfs_die("a transaction ran out of credits");
	unverified(b);
	b->dirty = true;
	if (b->dev->strict)
		b->sum = crc32c(0, b->data, VEXFS_BLOCK_SIZE);
	pthread_mutex_unlock(&b->dev->lock);
	if (b->dev->log)
		vexfs_log_add(b->dev->log, b);
	return 0;
}

int vx_txn_forget(vx_txn *t, struct vexfs_fs *fs, __u64 block)
{
	struct vexfs_dev *dev = fs->host;
	struct vx_touched *at;
	struct vx_block *b;
	int err;

	if (vx_txn_revokes(t) <= 0)
		return -ENOSPC;
	t->forgotten++;
	pthread_mutex_lock(&dev->lock);
	b = block_find(dev, block);
	if (b) {
		b->dirty = b->uptodate = false;
		b->open = 0;
		at = touched(t, b);
		if (at)
			at->open = false;
	}
	pthread_mutex_unlock(&dev->lock);
	err = dev->log ? vexfs_log_revoke(dev->log, block) : 0;
	if (err)			/* its owner keeps it, and memory has lost it */
		vexfs_log_abort(dev->log, err);
	return err;
}

/* As many as the module asks for. */
int vx_txn_revokes(vx_txn *t)
{
	return t->credits == INT_MAX ? INT_MAX : VEXFS_FORGET_MAX - (int)t->forgotten;
}

int vx_txn_credits(vx_txn *t)
{
	return t->credits;
}

int vx_txn_extend(vx_txn *t, int credits)
{
	(void)credits;
	return t->credits == INT_MAX ? 0 : 1;
}

const void *vx_committed_data(vx_buf *b)
{
	return b->committed;
}

void vx_committed_done(vx_buf *b)
{
	(void)b;
}
