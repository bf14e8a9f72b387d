/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What collections, searches and ioctls use of the kernel, under its names, in user space.  Only
 * what they use, and with the kernel's meaning.  See vexfs-user.h for what the core uses.
 *
 * Locks are those of pthreads.  One that "a fatal signal interrupts" is waited for in slices,
 * between which vx_killed() is asked.
 */
#ifndef _VEXFS_KERNEL_USER_H
#define _VEXFS_KERNEL_USER_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ioctl.h>
#include <linux/limits.h>
#include <linux/types.h>
#include <core/core.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef unsigned int gfp_t, tid_t, errseq_t;
typedef unsigned long pgoff_t;
typedef unsigned short umode_t;

#define U64_MAX		(~0ULL)
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define __user
#define __rcu
#define __acquire(l)	((void)0)
#define __release(l)	((void)0)
#ifndef __counted_by		/* newer ones of linux/stddef.h have it */
#define __counted_by(n)
#endif
#define __printf(f, a)	__attribute__((format(printf, f, a)))

/* --- expressions --- */

#define BIT(n)		(1UL << (n))
#define BUILD_BUG_ON(c)	_Static_assert(!(c), "BUILD_BUG_ON: " #c)
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define round_up(n, to)	((((n) - 1) | (__typeof__(n))((to) - 1)) + 1)	/* to a power of two */
#define round_down(n, to) ((n) & ~(__typeof__(n))((to) - 1))
#define DIV_ROUND_UP_ULL(n, d) (((unsigned long long)(n) + (d) - 1) / (d))
/* Of a struct that ends with an array; SIZE_MAX, which nobody can allocate, where it overflows. */
#define struct_size(p, member, n) ({						\
	size_t _bytes;								\
	(__builtin_mul_overflow((size_t)(n), sizeof(*(p)->member), &_bytes) ||	\
	 __builtin_add_overflow(_bytes, sizeof(*(p)), &_bytes)) ? SIZE_MAX : _bytes; })

/* A condition that cannot be: the program ends. */
#define WARN_ON_ONCE(c) ({							\
	if (__builtin_expect(!!(c), 0))						\
		vexfs_user_bug(__FILE__, __LINE__, #c);				\
	false; })
__attribute__((noreturn)) void vexfs_user_bug(const char *file, int line, const char *what);

#ifdef __SANITIZE_THREAD__		/* which knows no fences; locks are some, on x86 */
#define smp_mb()	((void)0)
#else
#define smp_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

static inline bool IS_ERR_OR_NULL(const void *p)
{
	return !p || IS_ERR(p);
}

static inline int PTR_ERR_OR_ZERO(const void *p)
{
	return IS_ERR(p) ? PTR_ERR(p) : 0;
}

static inline void *ERR_CAST(const void *p)
{
	return (void *)p;
}

/* a * b / c, where a * b needs more than 64 bits; the quotient fits. */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	return (unsigned __int128)a * b / c;
}

/* --- lists --- */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l->prev = l;
}

static inline void vexfs_list_link(struct list_head *l, struct list_head *prev,
				   struct list_head *next)
{
	l->prev = prev;
	l->next = next;
	prev->next = l;
	next->prev = l;
}

static inline void list_add(struct list_head *l, struct list_head *head)
{
	vexfs_list_link(l, head, head->next);
}

static inline void list_add_tail(struct list_head *l, struct list_head *head)
{
	vexfs_list_link(l, head->prev, head);
}

static inline void vexfs_list_unlink(struct list_head *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static inline void list_del(struct list_head *l)
{
	vexfs_list_unlink(l);
	l->next = l->prev = NULL;
}

static inline void list_del_init(struct list_head *l)
{
	vexfs_list_unlink(l);
	INIT_LIST_HEAD(l);
}

static inline void list_move(struct list_head *l, struct list_head *head)
{
	vexfs_list_unlink(l);
	list_add(l, head);
}

static inline void list_move_tail(struct list_head *l, struct list_head *head)
{
	vexfs_list_unlink(l);
	list_add_tail(l, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

/* Also where another thread may be at list_del_init(). */
static inline bool list_empty_careful(const struct list_head *head)
{
	const struct list_head *next = smp_load_acquire(&head->next);

	return next == head && next == READ_ONCE(head->prev);
}

static inline bool list_is_first(const struct list_head *l, const struct list_head *head)
{
	return l->prev == head;
}

/* All of `list` to the beginning of `head`. */
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list->next->prev = head;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	head->next = list->next;
	INIT_LIST_HEAD(list);
}

#define list_entry(l, type, member) container_of(l, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_next_entry(at, member) list_entry((at)->member.next, __typeof__(*(at)), member)
#define list_prev_entry(at, member) list_entry((at)->member.prev, __typeof__(*(at)), member)
#define list_for_each_entry(at, head, member)					\
	for (at = list_first_entry(head, __typeof__(*at), member);		\
	     &at->member != (head); at = list_next_entry(at, member))
#define list_for_each_entry_safe(at, n, head, member)				\
	for (at = list_first_entry(head, __typeof__(*at), member),		\
	     n = list_next_entry(at, member);					\
	     &at->member != (head); at = n, n = list_next_entry(n, member))

/* --- locks --- */

static inline void mutex_init(struct mutex *m)
{
	vx_mutex_init(m);
}

#define DEFINE_MUTEX(name) struct mutex name = { PTHREAD_MUTEX_INITIALIZER }

static inline void mutex_lock(struct mutex *m)
{
	vx_lock(m);
}

static inline void mutex_unlock(struct mutex *m)
{
	vx_unlock(m);
}

int mutex_lock_killable(struct mutex *m);	/* -EINTR a fatal signal */
bool mutex_trylock(struct mutex *m);
void vexfs_user_held(struct mutex *m);		/* ends the program if nobody holds it */
void vexfs_user_held_write(struct rw_semaphore *s);
#define lockdep_assert_held(m)		vexfs_user_held(m)
#define lockdep_assert_held_write(s)	vexfs_user_held_write(s)

static inline void init_rwsem(struct rw_semaphore *s)
{
	vx_rwsem_init(s);
}

static inline void down_read(struct rw_semaphore *s)
{
	vx_down_read(s);
}

static inline void up_read(struct rw_semaphore *s)
{
	vx_up_read(s);
}

static inline void down_write(struct rw_semaphore *s)
{
	vx_down_write(s);
}

static inline void up_write(struct rw_semaphore *s)
{
	vx_up_write(s);
}

int down_read_killable(struct rw_semaphore *s);	/* -EINTR a fatal signal */
int down_write_killable(struct rw_semaphore *s);

typedef struct {
	pthread_mutex_t m;
} spinlock_t;

static inline void spin_lock_init(spinlock_t *l)
{
	pthread_mutex_init(&l->m, NULL);
}

static inline void spin_lock(spinlock_t *l)
{
	pthread_mutex_lock(&l->m);
}

static inline void spin_unlock(spinlock_t *l)
{
	pthread_mutex_unlock(&l->m);
}

struct vexfs_timed_mutex {
	struct mutex m;
};

/*
 * A pointer that readers look at while it is replaced: whoever waits for them waits for those that
 * had begun before.
 */
struct srcu_struct {
	pthread_mutex_t lock;			/* all below; for a few instructions */
	pthread_cond_t left;			/* a reader has */
	int at;					/* where readers are counted from now on */
	unsigned long readers[2];
	pthread_mutex_t turn;			/* outside the other: one waits at a time */
};

int init_srcu_struct(struct srcu_struct *s);
void cleanup_srcu_struct(struct srcu_struct *s);	/* nobody reads */
int srcu_read_lock(struct srcu_struct *s);		/* what to unlock with */
void srcu_read_unlock(struct srcu_struct *s, int idx);
void synchronize_srcu_expedited(struct srcu_struct *s);
#define srcu_dereference(p, s)		smp_load_acquire(&(p))
#define rcu_dereference_protected(p, c)	READ_ONCE(p)
#define rcu_assign_pointer(p, v)	smp_store_release(&(p), v)

/* --- counters --- */

typedef struct {
	int v;
} atomic_t;

typedef struct {
	s64 v;
} atomic64_t;

typedef struct {
	int v;
} refcount_t;

#define atomic_read(a)			__atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_set(a, to)		__atomic_store_n(&(a)->v, to, __ATOMIC_RELAXED)
#define atomic_set_release(a, to)	__atomic_store_n(&(a)->v, to, __ATOMIC_RELEASE)
#define atomic_inc(a)			((void)__atomic_fetch_add(&(a)->v, 1, __ATOMIC_RELAXED))
#define atomic_dec(a)			((void)__atomic_fetch_sub(&(a)->v, 1, __ATOMIC_RELAXED))
#define atomic_dec_return(a)		__atomic_sub_fetch(&(a)->v, 1, __ATOMIC_SEQ_CST)
#define atomic_dec_and_test(a)		(!__atomic_sub_fetch(&(a)->v, 1, __ATOMIC_ACQ_REL))
#define atomic64_read(a)		__atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic64_set(a, to)		__atomic_store_n(&(a)->v, to, __ATOMIC_RELAXED)
#define atomic64_inc(a)			((void)__atomic_fetch_add(&(a)->v, 1, __ATOMIC_RELAXED))
#define atomic64_add(n, a)		((void)__atomic_fetch_add(&(a)->v, n, __ATOMIC_RELAXED))
#define atomic64_sub(n, a)		((void)__atomic_fetch_sub(&(a)->v, n, __ATOMIC_RELAXED))
#define atomic64_add_return(n, a)	__atomic_add_fetch(&(a)->v, n, __ATOMIC_SEQ_CST)

/* What it was. */
#define xchg(p, to)			__atomic_exchange_n(p, to, __ATOMIC_SEQ_CST)
static inline int atomic_cmpxchg(atomic_t *a, int old, int new)
{
	__atomic_compare_exchange_n(&a->v, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return old;
}

static inline void refcount_set(refcount_t *r, int n)
{
	__atomic_store_n(&r->v, n, __ATOMIC_RELAXED);
}

static inline void refcount_inc(refcount_t *r)
{
	WARN_ON_ONCE(__atomic_fetch_add(&r->v, 1, __ATOMIC_RELAXED) <= 0);
}

/* True: that was the last one. */
static inline bool refcount_dec_and_test(refcount_t *r)
{
	int left = __atomic_sub_fetch(&r->v, 1, __ATOMIC_ACQ_REL);

	WARN_ON_ONCE(left < 0);
	return !left;
}

/* The same; then m is held.  Whoever holds m and finds it counted can count on. */
bool refcount_dec_and_mutex_lock(refcount_t *r, struct mutex *m);

#define test_bit(nr, p)		(__atomic_load_n(p, __ATOMIC_RELAXED) >> (nr) & 1)
#define set_bit(nr, p)		((void)__atomic_fetch_or(p, 1UL << (nr), __ATOMIC_SEQ_CST))
#define clear_bit(nr, p)	((void)__atomic_fetch_and(p, ~(1UL << (nr)), __ATOMIC_SEQ_CST))
#define test_and_set_bit(nr, p)	(__atomic_fetch_or(p, 1UL << (nr), __ATOMIC_SEQ_CST) >> (nr) & 1)
#define test_and_clear_bit(nr, p) \
	(__atomic_fetch_and(p, ~(1UL << (nr)), __ATOMIC_SEQ_CST) >> (nr) & 1)

/* --- bits and bytes --- */

static inline unsigned int hweight32(u32 v)
{
	return __builtin_popcount(v);
}

size_t memweight(const void *p, size_t bytes);	/* bits that are set */

static inline int __test_and_set_bit_le(unsigned int nr, void *bits)
{
	int was = test_bit_le(nr, bits);

	__set_bit_le(nr, bits);
	return was;
}

/* The first bit of `size` ones from `from` on that is set; size: none is. */
unsigned long find_next_bit_le(const void *bits, unsigned long size, unsigned long from);

ssize_t strscpy(char *to, const char *from, size_t room);	/* length, or -E2BIG: cut off */
ssize_t strscpy_pad(char *to, const char *from, size_t room);	/* the rest of the room is zeros */
int match_string(const char *const *all, size_t n, const char *s);	/* its index, or -EINVAL */

/* --- memory; VEXFS_FAULT_ALLOC fails them, but those that must not fail --- */

#define GFP_KERNEL		0u
#define GFP_KERNEL_ACCOUNT	0u
#define GFP_NOFS		0u
#define __GFP_ACCOUNT		0u
#define __GFP_NOWARN		0u
#define __GFP_NOFAIL		1u

void *vexfs_user_alloc(size_t n, size_t size, gfp_t gfp, bool zeroed);
void *kvrealloc(const void *p, size_t bytes, gfp_t gfp);

static inline void kvfree(const void *p)
{
	free((void *)p);
}

#define kfree(p)			kvfree(p)
#define kmalloc(bytes, gfp)		vexfs_user_alloc(1, bytes, gfp, false)
#define kzalloc(bytes, gfp)		vexfs_user_alloc(1, bytes, gfp, true)
#define kmalloc_array(n, size, gfp)	vexfs_user_alloc(n, size, gfp, false)
#define kcalloc(n, size, gfp)		vexfs_user_alloc(n, size, gfp, true)
#define kvmalloc(bytes, gfp)		vexfs_user_alloc(1, bytes, gfp, false)
#define kvzalloc(bytes, gfp)		vexfs_user_alloc(1, bytes, gfp, true)
#define kvmalloc_array(n, size, gfp)	vexfs_user_alloc(n, size, gfp, false)
#define kvcalloc(n, size, gfp)		vexfs_user_alloc(n, size, gfp, true)

/* Nothing here is reclaimed. */
static inline unsigned int memalloc_nofs_save(void)
{
	return 0;
}

static inline void memalloc_nofs_restore(unsigned int flags)
{
	(void)flags;
}

/* --- memory of the caller --- */

/* How many bytes could not be copied; see vx_check_user in image.h. */
size_t copy_from_user(void *to, const void __user *from, size_t n);
size_t copy_to_user(void __user *to, const void *from, size_t n);
/* usize bytes into a struct of `size`: -E2BIG what does not fit is not zero; -EFAULT. */
int copy_struct_from_user(void *to, size_t size, const void __user *from, size_t usize);
#define get_user(x, p) (copy_from_user(&(x), p, sizeof(*(p))) ? -EFAULT : 0)
#define u64_to_user_ptr(v) ((void __user *)(uintptr_t)(v))

/* --- looking things up --- */

/* Pointers by number.  Who changes it is alone with it, as with the kernel's own lock held. */
struct xa_node;
struct xarray {
	struct xa_node **head;
	u32 heads, n;
};

void xa_init(struct xarray *xa);
void xa_destroy(struct xarray *xa);
void *xa_load(const struct xarray *xa, unsigned long at);
/* What was there, or an error for xa_err(). */
void *xa_store(struct xarray *xa, unsigned long at, void *p, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long at);
void *vexfs_user_xa_next(const struct xarray *xa, unsigned long *at, bool first);
#define xa_for_each(xa, at, p)							\
	for (p = vexfs_user_xa_next(xa, &at, true); p; p = vexfs_user_xa_next(xa, &at, false))

static inline int xa_err(const void *p)
{
	return PTR_ERR_OR_ZERO(p);
}

#define sort(p, n, size, compare, swap)	qsort(p, n, size, compare)

/* --- chance --- */

typedef struct {
	u64 key[2];
} siphash_key_t;

u64 siphash(const void *p, size_t bytes, const siphash_key_t *key);	/* SipHash-2-4 */
void get_random_bytes(void *p, size_t bytes);
void generate_random_uuid(unsigned char uuid[16]);

#endif /* _VEXFS_KERNEL_USER_H */
