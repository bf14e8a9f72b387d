/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user-space host of kmod/core: what core/platform.h asks for, over pread and pwrite.
 *
 * A struct vexfs_dev is a file or a block device with a cache of its blocks.  Changes stay in the
 * cache until vexfs_dev_flush(), or, with a log (log.h), until that writes them.
 * For tests it checks what jbd2 would require (access before a change, credits), keeps committed
 * copies of group blocks as jbd2's undo access does, and fails a chosen call.
 */
#ifndef _VEXFS_USER_H
#define _VEXFS_USER_H

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/types.h>

/* --- what kernel headers offer --- */

#define U32_MAX (~0u)
#ifndef DT_FIFO	/* <dirent.h> has them, too */
#define DT_FIFO	1
#define DT_CHR	2
#define DT_DIR	4
#define DT_BLK	6
#define DT_REG	8
#define DT_LNK	10
#define DT_SOCK	12
#endif

#define cpu_to_le16(v) ((__le16)htole16(v))
#define cpu_to_le32(v) ((__le32)htole32(v))
#define cpu_to_le64(v) ((__le64)htole64(v))
#define le16_to_cpu(v) ((__u16)le16toh(v))
#define le32_to_cpu(v) ((__u32)le32toh(v))
#define le64_to_cpu(v) ((__u64)le64toh(v))

static inline void le16_add_cpu(__le16 *v, int by)
{
	*v = cpu_to_le16(le16_to_cpu(*v) + by);
}

static inline void le32_add_cpu(__le32 *v, __u32 by)
{
	*v = cpu_to_le32(le32_to_cpu(*v) + by);
}

#ifndef min
#define min(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); (void)(&_a == &_b); \
		     _a < _b ? _a : _b; })
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); (void)(&_a == &_b); \
		     _a > _b ? _a : _b; })
#define min_t(t, a, b) ({ t _a = (a); t _b = (b); _a < _b ? _a : _b; })
#define max_t(t, a, b) ({ t _a = (a); t _b = (b); _a > _b ? _a : _b; })
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif
#ifndef READ_ONCE
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#endif
#ifndef DIV_ROUND_UP
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#endif

#define MAX_ERRNO 4095
static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return (unsigned long)p >= (unsigned long)-MAX_ERRNO;
}

static inline unsigned int hweight64(__u64 v)
{
	return __builtin_popcountll(v);
}

/* Number of the lowest set bit; v is not 0. */
static inline unsigned int __ffs64(__u64 v)
{
	return __builtin_ctzll(v);
}

static inline int test_bit_le(unsigned int nr, const void *bits)
{
	return ((const __u8 *)bits)[nr / 8] >> nr % 8 & 1;
}

static inline void __set_bit_le(unsigned int nr, void *bits)
{
	((__u8 *)bits)[nr / 8] |= 1 << nr % 8;
}

static inline void __clear_bit_le(unsigned int nr, void *bits)
{
	((__u8 *)bits)[nr / 8] &= ~(1 << nr % 8);
}

static inline void cond_resched(void)
{
}

/* The first byte that is not c, NULL: all are. */
const void *memchr_inv(const void *p, int c, size_t bytes);
/*
 * Castagnoli, reflected; raw as in the kernel: nothing is inverted, a crc continues from the one
 * before.
 */
__u32 crc32c(__u32 crc, const void *p, unsigned int bytes);
/* without the instruction for it */
__u32 crc32c_table(__u32 crc, const void *p, unsigned int bytes);

/* --- locks: taking one twice in a thread, or giving back one that is not held, aborts --- */

/* by the names that the kernel has for them, for kernel-user.h */
struct mutex { pthread_mutex_t m; };
struct rw_semaphore { pthread_rwlock_t s; };
typedef struct mutex vx_mutex;
typedef struct rw_semaphore vx_rwsem;
void vx_mutex_init(vx_mutex *m);
void vx_lock(vx_mutex *m);
void vx_unlock(vx_mutex *m);
void vx_rwsem_init(vx_rwsem *s);
void vx_down_read(vx_rwsem *s);
void vx_up_read(vx_rwsem *s);
void vx_down_write(vx_rwsem *s);
void vx_up_write(vx_rwsem *s);

/* --- device --- */

struct vx_block;
struct vexfs_log;
struct vx_handle;
typedef struct vx_block vx_buf;
typedef struct vx_handle vx_txn;

bool vx_verified(const vx_buf *b);
void vx_set_verified(vx_buf *b);
struct vexfs_fs;
__u32 vx_room(struct vexfs_fs *fs, __u64 block, __u32 n);

/* Calls that can be made to fail, for tests. */
enum vexfs_fault { VEXFS_FAULT_READ, VEXFS_FAULT_WRITE, VEXFS_FAULT_ALLOC, VEXFS_FAULT_FLUSH,
		   VEXFS_FAULT_TXN, VEXFS_FAULTS };

/*
 * Blocks that cannot be read: a check and a repair take them for zeros, which verify as nothing.
 * More than that, and the device is not worth it.
 */
#define VEXFS_MAX_UNREAD	1000u
struct vexfs_unread {
	__u32 n;			/* VEXFS_MAX_UNREAD + 1: more */
	__u64 block[VEXFS_MAX_UNREAD];
};

struct vexfs_dev {
	int fd;
	__u64 blocks;			/* that may be accessed */
	/* check that no block changes without access; keeps committed copies */
	bool strict;
	bool quiet;			/* damage is only counted, not printed */
	/* atomic: what the image is on had no room for a block, which is -EIO */
	bool full;
	/* atomic: it is a file with holes, and blocks get their room before they are taken */
	bool sparse;
	unsigned int damages;		/* calls of vexfs_damage() */
	char damage[256];		/* what the last one said */
	struct vx_block **hash;
	unsigned int hash_size, cached;
	pthread_mutex_t lock;		/* the cache */
	struct vexfs_log *log;		/* NULL: none, see log.h */
	/* vexfs_dev_read(), too, finds what was changed in the cache and not written yet */
	bool shadow;
	/* where blocks go that cannot be read, after some tries; NULL: that is -EIO */
	struct vexfs_unread *unread;
	/* who hears of damage, a line, instead of stderr; or NULL */
	void (*found)(struct vexfs_dev *dev, const char *line);
	void *owner;
	/* for tests: every block that was written, and data NULL for every flush; or NULL */
	void (*record)(struct vexfs_dev *dev, __u64 block, const void *data);
	void *record_arg;
	/* for tests: a block that cannot be read; or NULL */
	bool (*unreadable)(struct vexfs_dev *dev, __u64 block);
};

/* Open path (flags for open(2)) and measure it; 0 or a negative errno.  Close flushes nothing. */
int vexfs_dev_open(struct vexfs_dev *dev, const char *path, int flags);
int vexfs_dev_init(struct vexfs_dev *dev, int fd, __u64 blocks);	/* fd becomes dev's */
void vexfs_dev_close(struct vexfs_dev *dev);
/*
 * Of a file, keep out who locks it too, until it is closed: everybody, or (shared) those who do not
 * share it. -EBUSY somebody has it: what another process has mounted without the kernel, as image.h
 * does.  Devices are opened with O_EXCL instead.
 */
int vexfs_dev_lock(struct vexfs_dev *dev, bool shared);
/* Of a device that was opened without O_EXCL: has somebody else, or the kernel, opened it with? */
bool vexfs_dev_held(const struct vexfs_dev *dev);
/* Is every block of dev->unread still one that cannot be read? */
bool vexfs_dev_unread_still(struct vexfs_dev *dev);
/*
 * Room for n blocks on what a file with holes is on, see vexfs_dev.sparse: a write of them finds it.
 * -ENOSPC.  Where a file's filesystem cannot do that, the write says -EIO.
 */
int vexfs_dev_allocate(struct vexfs_dev *dev, __u64 block, __u32 n);
/* Write what has changed and fsync.  All of it counts as committed then. */
int vexfs_dev_flush(struct vexfs_dev *dev);
/* drop the committed copies: freed blocks may be used again */
void vexfs_dev_commit(struct vexfs_dev *dev);
/* forget every block that is not in use, changed or not */
void vexfs_dev_drop(struct vexfs_dev *dev);
/*
 * The numbers of blocks that have changed and were not written, ascending; the caller frees them.
 * -ENOMEM.
 */
int vexfs_dev_changed(struct vexfs_dev *dev, __u64 **blocks, size_t *n);
/* One block, past the cache; but see `shadow`. */
int vexfs_dev_read(struct vexfs_dev *dev, __u64 block, void *data);
int vexfs_dev_write(struct vexfs_dev *dev, __u64 block, const void *data);
/* n blocks that follow each other; after an error any of them may have been written. */
int vexfs_dev_read_run(struct vexfs_dev *dev, __u64 block, __u32 n, void *data);
int vexfs_dev_write_run(struct vexfs_dev *dev, __u64 block, __u32 n, const void *data);
/* wait until all that was written is on stable storage */
int vexfs_dev_sync(struct vexfs_dev *dev);

/*
 * Let the n-th of these calls from now on fail (1: the next one), once; 0: none.  For all devices.
 */
void vexfs_fault_set(enum vexfs_fault what, unsigned int n);
/* The same, of that call and all that follow, until vexfs_fault_met(). */
void vexfs_fault_from(enum vexfs_fault what, unsigned int n);
/* Has a fault that was set been met?  Clears it. */
bool vexfs_fault_met(void);

/* As if a fatal signal were pending from now on, or not any more.  Signal handlers may call it. */
void vexfs_kill(bool yes);

/* A transaction: credits blocks may be changed in it, more abort the program. */
struct vx_handle {
	struct vexfs_dev *dev;
	__u32 id;
	int credits;			/* left ... */
	__u32 reserved;			/* ... of so many, with a log */
	unsigned int forgotten;		/* blocks */
	/* begun by a log: the blocks that it has access to, or has changed */
	bool logged;
	struct vx_touched {
		struct vx_block *block;
		bool open, dirty;
	} *touched;
	unsigned int touches, room;
	unsigned int nested;		/* see vexfs_start() */
};
void vexfs_txn_start(vx_txn *t, struct vexfs_dev *dev, int credits);	/* INT_MAX: any */
void vexfs_txn_end(vx_txn *t);		/* of one that a log has begun, which does that */

#endif /* _VEXFS_USER_H */
