// SPDX-License-Identifier: GPL-2.0
/* The kernel's names in user space, see kernel-user.h. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <kernel-user.h>
#include "block.h"
#include "call.h"

#define SLICE_MS	50

void vexfs_user_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "vexfs: %s:%d: %s\n", file, line, what);
	abort();
}

/* --- locks --- */

/* A while from now, of CLOCK_REALTIME. */
static struct timespec slice(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += SLICE_MS * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	return t;
}

/* 0, -ETIMEDOUT; anything else is a bug. */
static int waited(int err)
{
	if (err && err != ETIMEDOUT)
		vexfs_die("a lock is not what it should be");
	return -err;
}

int mutex_lock_killable(struct mutex *m)
{
	struct timespec until;

	if (mutex_trylock(m))
		return 0;
	for (;;) {
		if (vx_killed())
			return -EINTR;
		until = slice();
		if (!waited(pthread_mutex_timedlock(&m->m, &until)))
			return 0;
	}
}

bool mutex_trylock(struct mutex *m)
{
	int err = pthread_mutex_trylock(&m->m);

	if (err && err != EBUSY)
		vexfs_die("a mutex is not what it should be");
	return !err;
}

int down_read_killable(struct rw_semaphore *s)
{
	struct timespec until;

	if (!pthread_rwlock_tryrdlock(&s->s))
		return 0;
	for (;;) {
		if (vx_killed())
			return -EINTR;
		until = slice();
		if (!waited(pthread_rwlock_timedrdlock(&s->s, &until)))
			return 0;
	}
}

int down_write_killable(struct rw_semaphore *s)
{
	struct timespec until;

	if (!pthread_rwlock_trywrlock(&s->s))
		return 0;
	for (;;) {
		if (vx_killed())
			return -EINTR;
		until = slice();
		if (!waited(pthread_rwlock_timedwrlock(&s->s, &until)))
			return 0;
	}
}

void vexfs_user_held(struct mutex *m)
{
	if (mutex_trylock(m))
		vexfs_die("a mutex should be held and is not");
}

void vexfs_user_held_write(struct rw_semaphore *s)
{
	if (!pthread_rwlock_tryrdlock(&s->s))
		vexfs_die("a lock should be held for writing and is not");
}

bool refcount_dec_and_mutex_lock(refcount_t *r, struct mutex *m)
{
	int n = __atomic_load_n(&r->v, __ATOMIC_RELAXED);

	while (n > 1)
		if (__atomic_compare_exchange_n(&r->v, &n, n - 1, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return false;
	mutex_lock(m);
	if (refcount_dec_and_test(r))
		return true;
	mutex_unlock(m);
	return false;
}

int init_srcu_struct(struct srcu_struct *s)
{
	*s = (struct srcu_struct){};
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->turn, NULL);
	pthread_cond_init(&s->left, NULL);
	return 0;
}

void cleanup_srcu_struct(struct srcu_struct *s)
{
	pthread_cond_destroy(&s->left);
	pthread_mutex_destroy(&s->turn);
	pthread_mutex_destroy(&s->lock);
}

int srcu_read_lock(struct srcu_struct *s)
{
	int idx;

	pthread_mutex_lock(&s->lock);
	idx = s->at;
	s->readers[idx]++;
	pthread_mutex_unlock(&s->lock);
	return idx;
}

void srcu_read_unlock(struct srcu_struct *s, int idx)
{
	pthread_mutex_lock(&s->lock);
	if (!--s->readers[idx])
		pthread_cond_broadcast(&s->left);
	pthread_mutex_unlock(&s->lock);
}

/* Nobody is counted where new readers are from now on: whoever had the turn before saw them leave. */
void synchronize_srcu_expedited(struct srcu_struct *s)
{
	int old;

	pthread_mutex_lock(&s->turn);
	pthread_mutex_lock(&s->lock);
	old = s->at;
	s->at = !old;
	while (s->readers[old])
		pthread_cond_wait(&s->left, &s->lock);
	pthread_mutex_unlock(&s->lock);
	pthread_mutex_unlock(&s->turn);
}

/* --- bits and bytes --- */

size_t memweight(const void *p, size_t bytes)
{
	const u8 *b = p;
	size_t n = 0;
	u64 v;

	for (; bytes >= sizeof(v); b += sizeof(v), bytes -= sizeof(v)) {
		memcpy(&v, b, sizeof(v));
		n += hweight64(v);
	}
	for (; bytes; bytes--)
		n += hweight32(*b++);
	return n;
}

unsigned long find_next_bit_le(const void *bits, unsigned long size, unsigned long from)
{
	while (from < size && !test_bit_le(from, bits))
		from++;
	return from < size ? from : size;
}

ssize_t strscpy(char *to, const char *from, size_t room)
{
	size_t n = strnlen(from, room);

	if (!room)
		return -E2BIG;
	if (n == room) {
		memcpy(to, from, room - 1);
		to[room - 1] = '\0';
		return -E2BIG;
	}
	memcpy(to, from, n + 1);
	return n;
}

ssize_t strscpy_pad(char *to, const char *from, size_t room)
{
	ssize_t n = strscpy(to, from, room);

	if (n >= 0)
		memset(to + n, 0, room - n);
	return n;
}

int match_string(const char *const *all, size_t n, const char *s)
{
	size_t i;

	for (i = 0; i < n && all[i]; i++)
		if (!strcmp(all[i], s))
			return i;
	return -EINVAL;
}

/* --- memory --- */

void *vexfs_user_alloc(size_t n, size_t size, gfp_t gfp, bool zeroed)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX)
		return NULL;
	if (!(gfp & __GFP_NOFAIL) && vexfs_fault(VEXFS_FAULT_ALLOC))
		return NULL;
	p = zeroed ? calloc(1, bytes ? bytes : 1) : malloc(bytes ? bytes : 1);
	if (!p && gfp & __GFP_NOFAIL)
		vexfs_die("no memory where there must be some");
	return p;
}

void *kvrealloc(const void *p, size_t bytes, gfp_t gfp)
{
	if (bytes > PTRDIFF_MAX || (!(gfp & __GFP_NOFAIL) && vexfs_fault(VEXFS_FAULT_ALLOC)))
		return NULL;
	return realloc((void *)p, bytes ? bytes : 1);
}

/* --- memory of the caller --- */

bool vx_check_user;

/* How many bytes are not the caller's, by a look at the address, or by trying. */
static size_t copy(void *to, const void *from, size_t n, bool in)
{
	struct iovec ours = { in ? to : (void *)from, n }, theirs = { in ? (void *)from : to, n };
	ssize_t done;

	if (!n)
		return 0;
	if (vexfs_calling)
		return vexfs_call_copy(vexfs_calling, ours.iov_base, theirs.iov_base, n, in);
	if ((uintptr_t)theirs.iov_base < PAGE_SIZE)
		return n;
	if (!vx_check_user) {
		memcpy(to, from, n);
		return 0;
	}
	done = in ? process_vm_readv(getpid(), &ours, 1, &theirs, 1, 0) :
		    process_vm_writev(getpid(), &ours, 1, &theirs, 1, 0);
	return done < 0 ? n : n - done;
}

size_t copy_from_user(void *to, const void __user *from, size_t n)
{
	size_t left = copy(to, from, n, true);

	if (left)
		memset((char *)to + n - left, 0, left);
	return left;
}

size_t copy_to_user(void __user *to, const void *from, size_t n)
{
	return copy(to, from, n, false);
}

int copy_struct_from_user(void *to, size_t size, const void __user *from, size_t usize)
{
	size_t n = min(size, usize), at;
	u8 rest[256];

	for (at = size; at < usize; at += sizeof(rest)) {
		size_t part = min(usize - at, sizeof(rest));

		if (copy_from_user(rest, (const char *)from + at, part))
			return -EFAULT;
		if (memchr_inv(rest, 0, part))
			return -E2BIG;
	}
	if (copy_from_user(to, from, n))
		return -EFAULT;
	memset((char *)to + n, 0, size - n);
	return 0;
}

/* --- pointers by number --- */

struct xa_node {
	struct xa_node *next;
	unsigned long at;
	void *p;
};

#define XA_MIN_HEADS	16u

void xa_init(struct xarray *xa)
{
	*xa = (struct xarray){ };
}

/* The chain of a number: Fibonacci hashing, Knuth 6.4. */
static u32 xa_chain(const struct xarray *xa, unsigned long at)
{
	return (u64)at * 0x9e3779b97f4a7c15ULL >> 32 & (xa->heads - 1);
}

static struct xa_node **xa_find(const struct xarray *xa, unsigned long at)
{
	struct xa_node **n;

	if (!xa->heads)
		return NULL;
	for (n = &xa->head[xa_chain(xa, at)]; *n; n = &(*n)->next)
		if ((*n)->at == at)
			return n;
	return NULL;
}

void *xa_load(const struct xarray *xa, unsigned long at)
{
	struct xa_node **n = xa_find(xa, at);

	return n ? (*n)->p : NULL;
}

/* Room for one more.  What is there stays where it cannot grow, in longer chains. */
static bool xa_grow(struct xarray *xa, gfp_t gfp)
{
	struct xarray more = { .heads = max(xa->heads * 2, XA_MIN_HEADS) };
	struct xa_node *n, *next;
	u32 i, chain;

	if (xa->n < xa->heads)
		return true;
	more.head = kvcalloc(more.heads, sizeof(*more.head), gfp);
	if (!more.head)
		return xa->heads;
	for (i = 0; i < xa->heads; i++)
		for (n = xa->head[i]; n; n = next) {
			next = n->next;
			chain = xa_chain(&more, n->at);
			n->next = more.head[chain];
			more.head[chain] = n;
		}
	more.n = xa->n;
	kvfree(xa->head);
	*xa = more;
	return true;
}

void *xa_store(struct xarray *xa, unsigned long at, void *p, gfp_t gfp)
{
	struct xa_node **old = xa_find(xa, at), *n;
	void *was;
	u32 chain;

	if (old) {
		was = (*old)->p;
		(*old)->p = p;
		return was;
	}
	n = xa_grow(xa, gfp) ? kmalloc(sizeof(*n), gfp) : NULL;
	if (!n)
		return ERR_PTR(-ENOMEM);
	chain = xa_chain(xa, at);
	*n = (struct xa_node){ xa->head[chain], at, p };
	xa->head[chain] = n;
	xa->n++;
	return NULL;
}

void *xa_erase(struct xarray *xa, unsigned long at)
{
	struct xa_node **n = xa_find(xa, at), *gone;
	void *p;

	if (!n)
		return NULL;
	gone = *n;
	p = gone->p;
	*n = gone->next;
	kfree(gone);
	xa->n--;
	return p;
}

void xa_destroy(struct xarray *xa)
{
	struct xa_node *n, *next;
	u32 i;

	for (i = 0; i < xa->heads; i++)
		for (n = xa->head[i]; n; n = next) {
			next = n->next;
			kfree(n);
		}
	kvfree(xa->head);
	xa_init(xa);
}

/* The first one, or the one after *at, which is there. */
void *vexfs_user_xa_next(const struct xarray *xa, unsigned long *at, bool first)
{
	struct xa_node *n = first ? NULL : (*xa_find(xa, *at))->next;
	u32 i = first || n ? 0 : xa_chain(xa, *at) + 1;

	for (; !n && i < xa->heads; i++)
		n = xa->head[i];
	if (n)
		*at = n->at;
	return n ? n->p : NULL;
}

/* --- chance --- */

#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

/* Aumasson and Bernstein, 2012. */
u64 siphash(const void *p, size_t bytes, const siphash_key_t *key)
{
	u64 v[4] = {
		key->key[0] ^ 0x736f6d6570736575ULL,
		key->key[1] ^ 0x646f72616e646f6dULL,
		key->key[0] ^ 0x6c7967656e657261ULL,
		key->key[1] ^ 0x7465646279746573ULL,
	}, last = (u64)bytes << 56, m;
	const u8 *b = p;
	size_t i;

	for (; bytes >= 8; b += 8, bytes -= 8) {
		memcpy(&m, b, 8);
		m = le64toh(m);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	for (i = 0; i < bytes; i++)
		last |= (u64)b[i] << 8 * i;
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void get_random_bytes(void *p, size_t bytes)
{
	char *at = p;
	ssize_t n;

	while (bytes) {
		n = getrandom(at, bytes, 0);
		if (n < 0 && errno != EINTR)
			vexfs_die("the system has no random numbers");
		if (n > 0) {
			at += n;
			bytes -= n;
		}
	}
}

void generate_random_uuid(unsigned char uuid[16])
{
	get_random_bytes(uuid, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}
